"""Texts that people are to read hold a letter or a digit, in whatever script."""

import unicodedata
from typing import Any

import psycopg
import pytest

from gasolinera.station.feed import can_be_read
from tests.station.conftest import Staff, problem

Admin = psycopg.Connection[Any]
FILLERS = {0x115F, 0x1160, 0x3164, 0xFFA0}  # letters by name, which show nothing
# Where every sign must be known: what keyboards of Latin scripts write, general punctuation, currencies, symbols.
JUDGED = [
    *range(1, 0x370),
    *range(0x2000, 0x2070),
    *range(0x20A0, 0x2100),
    *range(0x2190, 0x2460),
    *range(0x2500, 0x2776),
]


def test_every_letter_and_digit_counts_and_no_sign_does(admin: Admin) -> None:
    shown = {
        code
        for (code,) in admin.execute(
            "SELECT c FROM generate_series(1, 65535) AS c"
            " WHERE c NOT BETWEEN 55296 AND 57343 AND station_schema.is_readable(chr(c))"
        )
    }
    letters = {code for code in range(1, 0x10000) if unicodedata.category(chr(code))[0] in "LN"} - FILLERS
    assert sorted(map(hex, letters - shown)) == []
    assert sorted(hex(code) for code in JUDGED if code in shown and code not in letters) == []


def test_whatever_name_the_feed_has_the_tables_take_what_reading_it_let_through(admin: Admin) -> None:
    refused = admin.execute(
        "SELECT c FROM generate_series(1, 1114111) AS c"
        " WHERE c NOT BETWEEN 55296 AND 57343 AND NOT station_schema.is_readable(chr(c))"
    ).fetchall()
    assert [hex(code) for (code,) in refused if can_be_read(chr(code))] == []
    turned = ("a\u061c", "a\u200e", "a\u200f", "a\u202a", "a\u202e", "a\u2066", "a\u2069")
    assert [text for text in turned if can_be_read(text)] == []


@pytest.mark.parametrize("text", ["Ñandú", "加油站", "Станция", "7", "(3ª)", "e\u0301", "½", "a👍"])
def test_what_people_write_can_be_read(text: str, admin: Admin) -> None:
    assert admin.execute("SELECT station_schema.is_readable(%s)", (text,)).fetchone() == (True,)


@pytest.mark.parametrize("text", ["...", "¿?", "- -", "\u0301", "\u0301\u0327", "\u200b", "👍", "—", "。", "a\u202eb"])
def test_what_nobody_can_read_is_no_reason_and_no_name(text: str, staff: Staff) -> None:
    manager = staff.system
    first = staff.get("/JSM001/terminals", manager).json()["items"][0]["terminal_code"]
    training = staff.get("/employees/EMP000022/certifications", manager).json()["items"][0]["certification_id"]
    withdrawal = f"/employees/EMP000022/certifications/{training}/withdraw"
    answers = {
        "terminal.name": staff.post("/JSM001/terminals/codes", manager, {"name": text}),
        "terminal.reason": staff.post(f"/terminals/{first}/revoke", manager, {"reason": text}),
        "employee.reason": staff.post("/employees/EMP000022/terminate", manager, {"reason": text}),
        "certification.reason": staff.post(withdrawal, manager, {"reason": text}),
        "station.text": staff.post("/JSM001/status", manager, {"status": "MAINTENANCE", "reason": text}),
    }
    turns = "\u202e" in text  # refused by the shape of the body already
    assert {code: problem(answer) for code, answer in answers.items()} == {
        code: (422, "request.invalid" if turns else code) for code in answers
    }
    renamed = staff.client.patch(f"/api/stations/terminals/{first}", json={"name": text}, headers=manager)
    assert problem(renamed) == (422, "request.invalid" if turns else "terminal.name")
    version = {"if-match": staff.get("/JSM001", manager).headers["etag"]}
    renamed = staff.client.patch("/api/stations/JSM001", json={"name": text}, headers=manager | version)
    assert problem(renamed) == (422, "request.invalid" if turns else "station.name")
