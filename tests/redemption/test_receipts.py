"""Receipts: another library verifies them, no bit of them can change, and whose they are only the holder can show."""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from gasolinera.config import Settings
from gasolinera.key_file import Environment, KeyFile, new_keys, rotated
from gasolinera.keyring import Keyring
from gasolinera.redemption import receipts
from gasolinera.redemption.models_tickets import Issuance, TicketSource
from gasolinera.redemption.receipts import ReceiptError
from tests.redemption.holders import ANA, BEA, Admin, People, good, issue, met, problem
from tests.schema.ticket_numbers import numbers

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
RING = Keyring(new_keys(["receipt"], NOW), clock=lambda: NOW)
KEYS = receipts.keys_of(receipts.published_keys(RING).keys)
ISSUANCE = Issuance(
    issuance_id=UUID("6f1c1d0e-4b9e-8a54-9d2c-6d1d9a4c2f10"),
    user_id=ANA,
    source=TicketSource.COUPON_REDEMPTION,
    reference="RDM-20261122-000042",
    raffle_code=None,
    issued_at=NOW,
    expires_at=NOW + timedelta(days=90),
    numbers=tuple(numbers(5, 3)),
)
RECEIPT = receipts.issue_receipt(ISSUANCE, RING)


@pytest.fixture
def people(settings: Settings) -> Generator[People]:
    with met(settings) as found:
        yield found


def refused(text: str, keys: receipts.Keys = KEYS) -> str:
    with pytest.raises(ReceiptError) as error:
        receipts.verify(text, keys)
    return error.value.code


def forged(key: Keyring, change: dict[str, object], header: dict[str, str] | None = None) -> str:
    """Written by hand and signed with a right key."""
    signer = receipts.signing_key(key.current("receipt"))
    head, payload, _ = RECEIPT.split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "==")) | change
    parts = [
        head if header is None else encoded(header),
        encoded(said),
    ]
    return ".".join(parts) + "." + base64url(signer.sign(".".join(parts).encode()).signature)


def encoded(value: object) -> str:
    return base64url(json.dumps(value, separators=(",", ":"), sort_keys=True).encode())


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_another_library_verifies_what_the_document_describes() -> None:
    published = json.loads(json.dumps([{"kid": k.kid, "x": k.x, "kty": k.kty, "crv": k.crv} for k in
                                       receipts.published_keys(RING).keys]))  # fmt: skip
    found = jws.deserialize_compact(RECEIPT, OKPKey.import_key(published[0]), algorithms=["EdDSA", "Ed25519"])
    said = json.loads(found.payload)
    holder = hashlib.sha256(b"gasolinera/receipt/holder" + ISSUANCE.issuance_id.bytes + ANA.bytes).digest()[:16]
    assert found.headers() == {"alg": "EdDSA", "kid": published[0]["kid"], "typ": "ticket-receipt"}
    assert said == {
        "count": 3,
        "expires_at": "2027-02-20T12:00:00.123456Z",
        "holder": base64url(holder),
        "issuance": "6f1c1d0e-4b9e-8a54-9d2c-6d1d9a4c2f10",
        "issued_at": "2026-11-22T12:00:00.123456Z",
        "issuer": "urn:gasolinera:redemption",
        "numbers": list(ISSUANCE.numbers),
        "raffle": None,
        "reference": "RDM-20261122-000042",
        "source": "COUPON_REDEMPTION",
    }
    assert found.payload == json.dumps(said, separators=(",", ":"), sort_keys=True).encode(), "one canonical spelling"


def test_the_same_issuance_and_key_always_give_the_same_receipt() -> None:
    assert receipts.issue_receipt(ISSUANCE, RING) == RECEIPT


@given(at=st.integers(0, len(RECEIPT) - 1), bit=st.integers(0, 6))
@hypothesis_settings(max_examples=400, deadline=None)
def test_no_bit_can_change(at: int, bit: int) -> None:
    changed = RECEIPT[:at] + chr(ord(RECEIPT[at]) ^ (1 << bit)) + RECEIPT[at + 1 :]
    assert refused(changed) in ("receipt.malformed", "receipt.forged", "receipt.unknown_key")


@given(st.text(max_size=300) | st.binary(max_size=300).map(base64url).map(lambda part: f"{part}.{part}.{part}"))
def test_nothing_else_is_a_receipt_and_nothing_breaks_the_reader(text: str) -> None:
    assert refused(text) == "receipt.malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"count": 2},
        {"numbers": [ISSUANCE.numbers[0]] * 3},
        {"numbers": ["TKT0000000000000001"], "count": 1},
        {"issuer": "urn:gasolinera:raffle"},
        {"issued_at": "2026-11-22T06:00:00.123456-06:00"},
    ],
)
def test_what_is_signed_and_yet_wrong_is_refused(change: dict[str, object]) -> None:
    assert refused(forged(RING, change)) == "receipt.inconsistent"


@pytest.mark.parametrize("change", [{"more": 1}, {"count": 0}, {"source": "GIFT"}, {"issued_at": "yesterday"}])
def test_what_is_signed_and_of_another_form_is_refused(change: dict[str, object]) -> None:
    assert refused(forged(RING, change)) == "receipt.malformed"


def test_a_header_of_another_algorithm_type_or_key_is_refused() -> None:
    kid = receipts.published_keys(RING).keys[0].kid
    for header in (
        {"alg": "none", "kid": kid, "typ": "ticket-receipt"},
        {"alg": "EdDSA", "kid": kid, "typ": "at+jwt"},
        {"alg": "EdDSA", "kid": kid, "typ": "ticket-receipt", "jwk": "mine"},
    ):
        assert refused(forged(RING, {}, header)) == "receipt.malformed"
    stranger = Keyring(new_keys(["receipt"], NOW), clock=lambda: NOW)
    assert refused(receipts.issue_receipt(ISSUANCE, stranger)) == "receipt.unknown_key"
    assert refused(forged(stranger, {})) == "receipt.forged"


def test_receipts_of_a_key_that_was_rotated_stay_good() -> None:
    keys = new_keys(["receipt"], NOW)
    ring, _ = rotated(KeyFile(environment=Environment.TEST, keys=keys), "receipt", now=NOW, overlap=timedelta())
    before = receipts.issue_receipt(ISSUANCE, Keyring(keys, clock=lambda: NOW))
    later = Keyring(ring.keys, clock=lambda: NOW + timedelta(days=900))
    known = receipts.keys_of(receipts.published_keys(later).keys)
    assert receipts.verify(before, known) == receipts.verify(receipts.issue_receipt(ISSUANCE, later), known)
    assert receipts.issue_receipt(ISSUANCE, later) != before


def test_whose_it_is_shows_only_who_knows_the_reference() -> None:
    receipt = receipts.verify(RECEIPT, KEYS)
    assert receipts.belongs_to(receipt, ANA)
    assert not receipts.belongs_to(receipt, BEA)
    assert str(ANA) not in base64.urlsafe_b64decode(RECEIPT.split(".")[1] + "==").decode()


@pytest.mark.parametrize("data", [b"", b"{}", b'{"keys":[{"kid":"a","x":"b"}]}', b'{"keys":3}', b"\xff"])
def test_a_set_of_keys_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(ReceiptError, match="no set of keys"):
        receipts.read_key_set(data)


def test_a_holder_gets_the_receipt_of_own_tickets_and_of_no_others(people: People, admin: Admin) -> None:
    issued = issue(admin, 4)
    issuance = good(people.get(f"/tickets/{issued[0]}"))["issuance_id"]
    path = f"/tickets/issuances/{issuance}/receipt"
    text = good(people.get(path))["receipt"]
    keys = receipts.read_key_set(people.client.get("/api/tickets/receipt-keys").content)
    assert list(receipts.verify(text, keys).numbers) == issued
    assert problem(people.get(path, BEA)) == (404, "tickets.unknown_issuance")
    assert good(people.client.get(f"/api{path}", headers=people.administrator))["receipt"] == text


def test_the_command_checks_a_receipt_with_nothing_but_the_keys(tmp_path: Path) -> None:
    saved = tmp_path / "keys.json"
    saved.write_bytes(receipts.msgspec.json.encode(receipts.published_keys(RING)))

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from gasolinera.cli.main import main; main()", "tickets", "verify"]
        return subprocess.run(
            [*command, *arguments, "--keys", str(saved)],
            input=stdin, capture_output=True, text=True, check=False, cwd=tmp_path,
            env={"GASOLINERA_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"},
        )  # fmt: skip

    shown = run(RECEIPT)
    assert (shown.returncode, shown.stderr) == (0, "the receipt is good\n")
    assert [line for line in shown.stdout.splitlines() if line.startswith("TKT")] == list(ISSUANCE.numbers)
    assert json.loads(run("-", "--json", stdin=RECEIPT + "\n").stdout)["reference"] == "RDM-20261122-000042"
    assert run(RECEIPT, "--holder", str(ANA)).returncode == 0
    other = run(RECEIPT, "--holder", str(BEA))
    assert (other.returncode, other.stdout) == (1, "")
    assert "belongs to somebody else" in other.stderr
    bad = run(RECEIPT[:-5] + "AAAAA")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("error: ")
