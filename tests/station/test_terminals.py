"""Terminals: let in by a code, known by what they sign, shut out at once."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from nacl.signing import SigningKey

from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.errors import UnauthenticatedError
from gasolinera.keyring import to_base64url
from gasolinera.station import terminals
from gasolinera.station.models_terminals import Enrolment, SignedRequest, hash_body
from gasolinera.station.terminals import FORGET_TERMINAL_TRACES
from tests.station.conftest import Staff, problem

Admin = psycopg.Connection[Any]
HEARTBEAT = "/api/stations/terminals/heartbeat"


@pytest.fixture(autouse=True)
def nothing_known(admin: Admin) -> None:
    """These tests begin without any terminal."""
    admin.execute("TRUNCATE station_schema.terminals CASCADE")


def code_of(staff: Staff, name: str = "Caja 1", station: str = "JSM001") -> str:
    made = staff.post(f"/{station}/terminals/codes", staff.system, {"name": name})
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    return made.json()["code"]


def enrolment(code: str, key: SigningKey) -> dict[str, Any]:
    """What a device sends, written down here as its maker would from the guide."""
    typed = code.replace("-", "")
    signed = b"gasolinera-terminal-enrolment-v1\n" + typed.encode() + b"\n" + bytes(key.verify_key).hex().encode()
    return {
        "code": code,
        "public_key": to_base64url(bytes(key.verify_key)),
        "signature": to_base64url(key.sign(signed).signature),
    }


def enrolled(staff: Staff, key: SigningKey, station: str = "JSM001") -> str:
    response = staff.post("/terminals", {}, enrolment(code_of(staff, station=station), key))
    assert response.status_code == 201, response.text
    return response.json()["terminal_code"]


def signature(
    terminal: str,
    key: SigningKey,
    *,
    method: str = "POST",
    target: str = HEARTBEAT,
    body: bytes = b"",
    moment: datetime | None = None,
) -> str:
    nonce = os.urandom(16)
    time_ms = int((moment or datetime.now(UTC)).timestamp() * 1000)
    lines = ["gasolinera-terminal-request-v1", terminal, method, target, str(time_ms), nonce.hex()]
    signed = key.sign("\n".join([*lines, hash_body(body).hex()]).encode()).signature
    return f"terminal={terminal}, time={time_ms}, nonce={to_base64url(nonce)}, signature={to_base64url(signed)}"


def beat(staff: Staff, header: str) -> Any:
    return staff.client.post(HEARTBEAT, headers={"terminal-signature": header})


def test_a_device_is_let_in_once_and_known_by_its_signature(staff: Staff, admin: Admin) -> None:
    key = SigningKey.generate()
    code = code_of(staff)
    first = staff.post("/terminals", {}, enrolment(code, key))
    assert first.status_code == 201, first.text
    assert (first.json()["terminal_code"], first.json()["name"]) == ("TRM000001", "Caja 1")
    assert problem(staff.post("/terminals", {}, enrolment(code, SigningKey.generate()))) == (410, "terminal.code_over")
    assert beat(staff, signature("TRM000001", key)).json() == {
        "terminal_code": "TRM000001",
        "station_code": "JSM001",
        "name": "Caja 1",
    }
    listed = staff.get("/JSM001/terminals", staff.manager).json()["items"]
    assert [(item["terminal_code"], item["last_seen_at"] is not None) for item in listed] == [("TRM000001", True)]
    logged = admin.execute(
        "SELECT event_type, entity_reference FROM station_schema.station_audit_log"
        " WHERE entity_type LIKE 'TERMINAL%' AND correlation_id IS NOT NULL ORDER BY id"
    ).fetchall()
    assert logged == [("TERMINAL_CODE_CREATED", "JSM001"), ("TERMINAL_CREATED", "TRM000001")]
    typed = code.replace("-", "")
    kept = str(admin.execute("SELECT e FROM station_schema.terminal_enrolments AS e").fetchall())
    assert typed not in kept
    assert typed[6:] not in kept


def test_a_code_is_read_as_people_type_it(staff: Staff) -> None:
    key = SigningKey.generate()
    code = code_of(staff)
    sent = enrolment(code, key) | {"code": code.lower().replace("-", " ").replace("0", "o").replace("1", "l")}
    assert staff.post("/terminals", {}, sent).status_code == 201


def test_three_wrong_tries_end_a_code(staff: Staff) -> None:
    code = code_of(staff)
    wrong = code[:-1] + ("0" if code[-1] != "0" else "2")
    key = SigningKey.generate()
    answers = [problem(staff.post("/terminals", {}, enrolment(wrong, key))) for _ in range(4)]
    assert answers == [(401, "terminal.code_wrong")] * 2 + [(410, "terminal.code_over")] * 2
    assert problem(staff.post("/terminals", {}, enrolment(code, key))) == (410, "terminal.code_over")


def test_many_wrong_tries_at_once_are_no_more_than_three(settings: Settings, staff: Staff, admin: Admin) -> None:
    code = code_of(staff)
    wrong = code[:-1] + ("0" if code[-1] != "0" else "2")
    sent = Enrolment(**enrolment(wrong, SigningKey.generate()))

    async def one(db: Database) -> object:
        async with db.transaction() as conn:
            return await terminals.enrol(conn, staff.keyring, sent, ip_address=None)

    async def race() -> list[object]:
        async with open_database(settings, "station") as db:
            return await asyncio.gather(*(one(db) for _ in range(40)))

    outcomes = asyncio.run(race())
    assert outcomes.count(terminals.EnrolmentRefusal.WRONG) == 2
    assert outcomes.count(terminals.EnrolmentRefusal.OVER) == 38
    assert admin.execute("SELECT max(tries) FROM station_schema.terminal_enrolments").fetchone() == (3,)


def test_of_many_devices_with_one_code_one_gets_in(settings: Settings, staff: Staff) -> None:
    code = code_of(staff)

    async def one(db: Database) -> bool:
        sent = Enrolment(**enrolment(code, SigningKey.generate()))
        async with db.transaction() as conn:
            outcome = await terminals.enrol(conn, staff.keyring, sent, ip_address=None)
        return not isinstance(outcome, terminals.EnrolmentRefusal)

    async def race() -> list[bool]:
        async with open_database(settings, "station") as db:
            return await asyncio.gather(*(one(db) for _ in range(20)))

    assert sum(asyncio.run(race())) == 1


def test_a_code_is_over_after_a_quarter_of_an_hour(staff: Staff, admin: Admin) -> None:
    code = code_of(staff)
    admin.execute(
        "UPDATE station_schema.terminal_enrolments"
        " SET created_at = created_at - interval '15 min 1 s', expires_at = expires_at - interval '15 min 1 s'"
    )
    assert problem(staff.post("/terminals", {}, enrolment(code, SigningKey.generate()))) == (410, "terminal.code_over")


def test_a_key_must_be_the_devices_own_and_is_one_devices_for_good(staff: Staff) -> None:
    key, other = SigningKey.generate(), SigningKey.generate()
    code = code_of(staff)
    stolen = enrolment(code, key) | {"public_key": to_base64url(bytes(other.verify_key))}
    assert problem(staff.post("/terminals", {}, stolen)) == (401, "terminal.signature_invalid")
    terminal = staff.post("/terminals", {}, enrolment(code, key)).json()["terminal_code"]
    staff.post(f"/terminals/{terminal}/revoke", staff.system, {"reason": "lost"})
    assert problem(staff.post("/terminals", {}, enrolment(code_of(staff), key))) == (409, "terminal.key_known")
    zero = enrolment(code_of(staff), key) | {"public_key": to_base64url(bytes(32))}
    assert problem(staff.post("/terminals", {}, zero)) == (401, "terminal.signature_invalid")


def test_what_was_signed_counts_once_now_and_for_what_it_was_signed(staff: Staff) -> None:
    key = SigningKey.generate()
    terminal = enrolled(staff, key)
    good = signature(terminal, key)
    assert beat(staff, good).status_code == 200
    assert problem(beat(staff, good)) == (401, "terminal.replayed")
    for header, code in (
        (signature(terminal, key, moment=datetime.now(UTC) - timedelta(seconds=61)), "terminal.clock"),
        (signature(terminal, key, moment=datetime.now(UTC) + timedelta(seconds=70)), "terminal.clock"),
        (signature(terminal, key, method="GET"), "terminal.signature_invalid"),
        (signature(terminal, key, target=HEARTBEAT + "?x=1"), "terminal.signature_invalid"),
        (signature(terminal, key, body=b"{}"), "terminal.signature_invalid"),
        (signature(terminal, SigningKey.generate()), "terminal.signature_invalid"),
        (signature("TRM999999", key), "terminal.signature_invalid"),
        ("terminal=TRM000001", "terminal.signature_invalid"),
        (good.replace("time=", "time=9"), "terminal.clock"),
        (good.replace("nonce=", "nonce=A"), "terminal.signature_invalid"),
    ):
        assert problem(beat(staff, header)) == (401, code), header
    assert problem(staff.client.post(HEARTBEAT)) == (422, "request.invalid")


def test_one_signature_sent_many_times_at_once_counts_once(settings: Settings, staff: Staff) -> None:
    key = SigningKey.generate()
    header = signature(enrolled(staff, key), key)
    request = SignedRequest(signature=header, method="POST", target=HEARTBEAT, body_sha256=hash_body(b""))

    async def one(db: Database) -> bool:
        try:
            async with db.transaction() as conn:
                await terminals.verify_terminal(conn, request, now=datetime.now(UTC))
        except UnauthenticatedError as error:
            return error.code != "terminal.replayed"
        return True

    async def race() -> list[bool]:
        async with open_database(settings, "station") as db:
            return await asyncio.gather(*(one(db) for _ in range(20)))

    assert sum(asyncio.run(race())) == 1


def test_a_revoked_terminal_is_out_at_once_and_for_good(staff: Staff, admin: Admin) -> None:
    key = SigningKey.generate()
    terminal = enrolled(staff, key)
    assert problem(staff.post(f"/terminals/{terminal}/revoke", staff.other_manager, {"reason": "x"})) == (
        404,
        "terminal.unknown",
    )
    assert beat(staff, signature(terminal, key)).status_code == 200
    revoked = staff.post(f"/terminals/{terminal}/revoke", staff.manager, {"reason": "stolen"}).json()
    assert problem(beat(staff, signature(terminal, key))) == (401, "terminal.signature_invalid")
    again = staff.post(f"/terminals/{terminal}/revoke", staff.manager, {"reason": "another"}).json()
    assert (again["revoked_at"], again["revocation_reason"]) == (revoked["revoked_at"], "stolen")
    renamed = staff.client.patch(f"/api/stations/terminals/{terminal}", json={"name": "x"}, headers=staff.manager)
    assert problem(renamed) == (409, "terminal.revoked")
    changes = admin.execute(
        "SELECT new_values ->> 'revocation_reason' FROM station_schema.station_audit_log"
        " WHERE event_type = 'TERMINAL_UPDATED'"
    ).fetchall()
    assert changes == [("stolen",)]


def test_being_seen_is_written_once_a_minute(staff: Staff, admin: Admin) -> None:
    key = SigningKey.generate()
    terminal = enrolled(staff, key)

    def seen() -> Any:
        return admin.execute("SELECT last_seen_at, xmin::text FROM station_schema.terminal_sightings").fetchall()

    beat(staff, signature(terminal, key))
    before = seen()
    beat(staff, signature(terminal, key))
    assert seen() == before
    admin.execute("UPDATE station_schema.terminal_sightings SET last_seen_at = now() - interval '61 s'")
    stale = seen()
    beat(staff, signature(terminal, key))
    assert seen()[0][0] > stale[0][0]


def test_another_service_asks_whose_signature_it_is(staff: Staff) -> None:
    key = SigningKey.generate()
    body = b'{"amount": "500"}'
    header = signature(enrolled(staff, key), key, target="/api/redemptions?dry=1", body=body)
    question = {
        "signature": header,
        "method": "POST",
        "target": "/api/redemptions?dry=1",
        "body_sha256": to_base64url(hash_body(body)),
    }
    assert problem(staff.post("/internal/terminals/verify", staff.system, question)) == (403, "auth.not_permitted")
    assert staff.post("/internal/terminals/verify", staff.service, question).json()["station_code"] == "JSM001"
    assert problem(staff.post("/internal/terminals/verify", staff.service, question)) == (401, "terminal.replayed")


@pytest.mark.parametrize("station", ["JSM005", "NOSUCH"])
def test_a_manager_lets_devices_into_the_own_station_alone(station: str, staff: Staff) -> None:
    made = staff.post(f"/{station}/terminals/codes", staff.manager, {"name": "Caja"})
    assert problem(made) == (403, "auth.other_station")
    assert problem(staff.get(f"/{station}/terminals", staff.manager)) == (403, "auth.other_station")
    assert problem(staff.post("/JSM001/terminals/codes", staff.attendant, {"name": "x"})) == (403, "auth.not_permitted")
    nameless = staff.post("/JSM001/terminals/codes", staff.manager, {"name": "\u200b"})
    assert problem(nameless) == (422, "terminal.name")


def test_ten_codes_of_a_station_are_open_at_most(staff: Staff) -> None:
    for number in range(10):
        code_of(staff, f"Caja {number}")
    refused = staff.post("/JSM001/terminals/codes", staff.system, {"name": "Caja 11"})
    assert problem(refused) == (409, "terminal.too_many_codes")
    code_of(staff, station="JSM002")


def test_old_traces_are_forgotten_and_young_ones_kept(settings: Settings, staff: Staff, admin: Admin) -> None:
    key = SigningKey.generate()
    terminal = enrolled(staff, key)
    for _ in range(2):
        beat(staff, signature(terminal, key))
    admin.execute(
        "UPDATE station_schema.terminal_nonces SET created_at = now() - interval '6 minutes'"
        " WHERE nonce IN (SELECT nonce FROM station_schema.terminal_nonces LIMIT 1)"
    )

    async def work() -> str:
        async with open_database(settings, "station") as db:
            return await FORGET_TERMINAL_TRACES.run(db, {})

    assert asyncio.run(work()) == "1 traces of terminals forgotten"
    assert admin.execute("SELECT count(*) FROM station_schema.terminal_nonces").fetchone() == (1,)
