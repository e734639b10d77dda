"""`gasolinera qr`: verdicts offline, by the platform's address and by the database; codes as pictures."""

import json
import subprocess
import sys
import zlib
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import psycopg
import pytest

from gasolinera.coupon import codes, qr, qr_documents, qr_keys
from gasolinera.coupon.qr_documents import PublishedKey
from gasolinera.drawing import characters, svg, symbol_of
from gasolinera.key_file import Key, new_keys
from gasolinera.keyring import Keyring, to_base64url
from tests.coupon.test_qr import body
from tests.coupon.test_qr_api import signed_coupon

Admin = psycopg.Connection[Any]
GASOLINERA = str(Path(sys.executable).with_name("gasolinera"))
NOW = datetime.now(UTC)
[KEY] = new_keys(("coupon",), NOW)
GOOD = {"valid_from": NOW - timedelta(days=1), "valid_until": NOW + timedelta(days=1), "key_id": KEY.id}


def command(*arguments: str, typed: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [GASOLINERA, "qr", *arguments],
        env={"PATH": "/usr/bin:/bin", **environment},
        input=typed,
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
    )


def text_of(key: Key = KEY, **changes: Any) -> str:
    packed = qr.pack(body(**(GOOD | changes)))
    return qr.as_text(packed, qr.sign(packed, key))


@pytest.fixture
def documents(tmp_path: Path) -> list[str]:
    """Options that name a saved key set and a saved list in which the coupon 3 is revoked."""
    published = PublishedKey(kid="1", x=to_base64url(qr_keys.public_half(KEY)), status="current", nbf=0)
    (tmp_path / "keys").write_text(qr_documents.make_key_set(KEY, [published], version=1, now=NOW) + "\n")
    listed = qr_documents.make_list(KEY, zlib.compress(b"\x08"), version=1, covered=100, now=NOW)
    (tmp_path / "list").write_text(listed)
    return ["--keys", str(tmp_path / "keys"), "--revocations", str(tmp_path / "list")]


def test_a_good_code_is_good_without_asking_anybody(documents: list[str]) -> None:
    text = text_of(flags=qr.PERSONAL | qr.LISTED_STATIONS)
    told = command("verify", text, *documents, "--json")
    assert told.returncode == 0, told.stderr
    verdict = json.loads(told.stdout)
    assert (verdict["is_good"], verdict["is_revoked"], verdict["status"]) == (True, False, None)
    fields = verdict["fields"]
    assert (fields["value"], fields["currency"], fields["kind"]) == ("25.00", "MXN", "FIXED_AMOUNT")
    assert (fields["flags"], fields["dense_index"]) == (["personal", "listed-stations"], 17)
    assert codes.normalised(fields["coupon_code"]) == codes.code_of(123_456_789_012_345_678)
    shown = command("verify", "-", *documents, typed=text + "\r\n")
    assert (shown.returncode, shown.stderr) == (0, "good\n")
    assert f"coupon_code   {fields['coupon_code']}\n" in shown.stdout


def test_a_bad_code_is_exit_one_and_says_why(documents: list[str]) -> None:
    other = new_keys(("coupon",), NOW)[0]
    cases = {
        "qr.forged": text_of(other),
        "qr.malformed": "HTTPS://EXAMPLE.COM/",
        "qr.expired": text_of(valid_from=NOW - timedelta(days=3), valid_until=NOW - timedelta(days=2)),
        "qr.revoked": text_of(dense_index=3),
    }
    for problem, text in cases.items():
        told = command("verify", text, *documents, "--json")
        assert (told.returncode, json.loads(told.stdout)["problem"]) == (1, problem)
    told = command("verify", cases["qr.forged"], *documents)
    assert told.returncode == 1
    assert told.stdout == "", "nothing of a forged code is shown as if it were so"
    assert "bad: the signature does not belong" in told.stderr


def test_documents_that_are_none_are_an_error_and_no_verdict(documents: list[str], tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("nonsense")
    for arguments in (documents, ["--keys", str(tmp_path / "missing")]):
        told = command("verify", text_of(), *arguments)
        assert (told.returncode, told.stdout) == (1, "")
        assert told.stderr.startswith("error: ")
    assert command("verify", "x", "--revocations", "list").returncode == 2


class _Published(BaseHTTPRequestHandler):
    """A platform that publishes two documents."""

    documents: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        found = self.documents.get(self.path)
        self.send_response(404 if found is None else 200)
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's own name
        """Nothing: the test says what matters."""


def test_what_a_platform_publishes_is_enough(documents: list[str]) -> None:
    with HTTPServer(("127.0.0.1", 0), _Published) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        away = command("verify", text_of(), "--url", url)
        assert (away.returncode, away.stdout) == (1, "")
        assert "does not answer" in away.stderr
        _Published.documents = {
            "/api/coupons/qr/keys": Path(documents[1]).read_bytes(),
            "/api/coupons/qr/revocations": Path(documents[3]).read_bytes(),
        }
        told = [command("verify", text, "--url", url).returncode for text in (text_of(), text_of(dense_index=3))]
        server.shutdown()
    assert told == [0, 1]


def test_the_database_knows_the_coupons_status(database_url: str, admin: Admin) -> None:
    keyring = Keyring([KEY])
    admin.execute("UPDATE coupon_schema.coupons SET qr_key_id = NULL, qr_payload = NULL, qr_signature = NULL")
    admin.execute("TRUNCATE coupon_schema.qr_revocation_lists")
    admin.execute("DELETE FROM coupon_schema.qr_signing_keys")
    code = signed_coupon(admin, keyring)
    found = admin.execute(
        "SELECT qr_payload, qr_signature FROM coupon_schema.coupons WHERE coupon_code = %s", (code,)
    ).fetchone()
    assert found is not None
    payload, signature = found
    text = qr.as_text(payload, signature)
    where = {"GASOLINERA_DATABASE_URL": database_url, "GASOLINERA_ENVIRONMENT": "test"}
    shown = qr.as_text(payload, signature, bytes(8))  # nobody but the platform can tell whether its moment is right
    told = command("verify", shown, "--json", **where)
    assert told.returncode == 0, told.stderr
    picture = command("verify", text, "--json", **where)
    assert (picture.returncode, json.loads(picture.stdout)["problem"]) == (1, "qr.not_live")
    verdict = json.loads(told.stdout)
    assert (verdict["status"], verdict["campaign_code"], verdict["uses_left"]) == ("ACTIVE", "SUMMER2026", 1)
    drawn = command("draw", codes.grouped(code), **where)
    assert drawn.stdout == characters(symbol_of(text), in_colour=False)
    admin.execute("UPDATE coupon_schema.campaigns SET status = 'PAUSED' WHERE campaign_code = 'SUMMER2026'")
    told = command("verify", shown, "--json", **where)
    assert (told.returncode, json.loads(told.stdout)["message"]) == (
        1,
        "the coupon's campaign is PAUSED, says the database",
    )
    admin.execute(
        "UPDATE coupon_schema.coupons SET status = 'CANCELLED', status_reason = 'x' WHERE coupon_code = %s", (code,)
    )
    told = command("verify", shown, "--json", **where)
    assert (told.returncode, json.loads(told.stdout)["problem"]) == (1, "coupon.not_active")


def test_a_code_is_drawn_as_svg_and_as_a_link(tmp_path: Path) -> None:
    text, picture = text_of(), tmp_path / "code.svg"
    assert command("draw", text, "-o", str(picture)).returncode == 0
    assert picture.read_text() == svg(symbol_of(text)) + "\n"
    signed = qr.read(text)
    link = qr.as_link("https://q.example.com", signed.body, signed.signature)
    drawn = command("draw", text, "--link", "https://q.example.com")
    assert drawn.stdout == characters(symbol_of(link), in_colour=False)
    assert command("draw", "nonsense").returncode == 1
    assert "cannot be written" in command("draw", text, "-o", str(tmp_path / "no" / "code.svg")).stderr
