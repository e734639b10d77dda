"""Keys of codes and the revocation list: written down once, published signed, and never going back."""

import asyncio
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as example_count
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from gasolinera.config import Environment, Settings
from gasolinera.coupon import qr_documents, qr_keys, revocations
from gasolinera.coupon.qr import QrError, QrKey
from gasolinera.coupon.qr_documents import PublishedKey
from gasolinera.database import Connection, Database, open_database
from gasolinera.errors import ConfigError, ConflictError, UnknownError
from gasolinera.key_file import KeyFile, new_keys, retired, rotated
from gasolinera.keyring import Keyring, to_base64url
from tests.coupon.at_hand import make_campaign, make_coupon

Admin = psycopg.Connection[Any]
Result = TypeVar("Result")
NOW = datetime.now(UTC).replace(microsecond=0)
RING = KeyFile(environment=Environment.TEST, keys=new_keys(("coupon",), NOW))


def ring(file: KeyFile = RING, *, at: datetime = NOW) -> Keyring:
    return Keyring(file.keys, clock=lambda: at)


def public_x(file: KeyFile, number: int) -> str:
    key = next(key for key in file.keys if key.id == number)
    return to_base64url(qr_keys.public_half(key))


def inside(settings: Settings, use_case: Callable[[Connection], Awaitable[Result]]) -> Result:
    """In a transaction of the coupon service's role."""

    async def run() -> Result:
        async with open_database(settings, "coupon") as db, db.transaction() as conn:
            return await use_case(conn)

    return asyncio.run(run())


def stored(admin: Admin) -> list[tuple[int, bool, bool]]:
    """Number, superseded, revoked of each key."""
    return admin.execute(
        "SELECT key_id, retired_at IS NOT NULL, revoked_at IS NOT NULL FROM coupon_schema.qr_signing_keys ORDER BY 1"
    ).fetchall()


@pytest.fixture(autouse=True)
def no_keys(request: pytest.FixtureRequest) -> None:
    """These tests begin without any key."""
    if "settings" in request.fixturenames:
        admin: Admin = request.getfixturevalue("admin")
        admin.execute("UPDATE coupon_schema.coupons SET qr_key_id = NULL, qr_payload = NULL, qr_signature = NULL")
        admin.execute("TRUNCATE coupon_schema.qr_revocation_lists")
        admin.execute("DELETE FROM coupon_schema.qr_signing_keys")


def publish(settings: Settings, keyring: Keyring) -> None:
    inside(settings, lambda conn: qr_keys.publish_keys(conn, keyring))


def test_a_key_is_published_before_it_is_used_and_superseded_and_revoked_as_the_ring_says(
    settings: Settings, admin: Admin
) -> None:
    publish(settings, ring())
    assert stored(admin) == [(1, False, False)]
    second, new = rotated(RING, "coupon", now=NOW + timedelta(hours=1))
    publish(settings, ring(second, at=NOW + timedelta(hours=1)))
    assert stored(admin) == [(1, False, False), (2, False, False)]
    found = admin.execute("SELECT valid_from FROM coupon_schema.qr_signing_keys WHERE key_id = 2").fetchone()
    assert found == (new.active_from,)
    publish(settings, ring(second, at=new.active_from))
    assert stored(admin) == [(1, True, False), (2, False, False)]
    third = retired(second, "coupon", 1, now=new.active_from + timedelta(hours=1))
    publish(settings, ring(third, at=new.active_from + timedelta(hours=1)))
    assert stored(admin) == [(1, True, True), (2, False, False)]


def test_what_is_known_is_not_written_again(settings: Settings, admin: Admin) -> None:
    second, _ = rotated(RING, "coupon", now=NOW, overlap=timedelta(0))
    third = retired(second, "coupon", 1, now=NOW + timedelta(hours=1))
    rows = "SELECT key_id, xmin::text, updated_at FROM coupon_schema.qr_signing_keys ORDER BY 1"
    publish(settings, ring(third, at=NOW + timedelta(hours=2)))
    before = admin.execute(rows).fetchall()
    publish(settings, ring(third, at=NOW + timedelta(hours=3)))
    assert admin.execute(rows).fetchall() == before
    assert stored(admin) == [(1, True, True), (2, False, False)]


def refused_signer(settings: Settings, keyring: Keyring) -> str:
    with pytest.raises((ConflictError, ConfigError)) as caught:
        inside(settings, lambda conn: qr_keys.signing_key_for(conn, keyring))
    return caught.value.code


def test_a_ring_that_was_made_anew_signs_nothing_until_its_key_has_a_number_of_its_own(
    settings: Settings, admin: Admin
) -> None:
    publish(settings, ring())
    other = KeyFile(environment=Environment.TEST, keys=new_keys(("coupon",), NOW))
    assert refused_signer(settings, ring(other)) == "qr.foreign_key"
    fresh, _ = rotated(other, "coupon", now=NOW, overlap=timedelta(0))
    signer = inside(settings, lambda conn: qr_keys.signing_key_for(conn, ring(fresh, at=NOW + timedelta(seconds=1))))
    assert signer.id == 2
    assert stored(admin) == [(1, False, False), (2, False, False)], "another's key is not ended by this ring"
    admin.execute("UPDATE coupon_schema.qr_signing_keys SET revoked_at = now()")
    assert refused_signer(settings, ring(fresh, at=NOW + timedelta(seconds=1))) == "qr.key_revoked"
    assert refused_signer(settings, Keyring([])) == "keys.purpose_missing"


def test_a_key_that_the_database_knows_under_another_number_signs_nothing(settings: Settings, admin: Admin) -> None:
    publish(settings, ring())
    admin.execute("UPDATE coupon_schema.qr_signing_keys SET key_id = 9")
    assert refused_signer(settings, ring()) == "qr.foreign_key"
    assert admin.execute("SELECT key_id FROM coupon_schema.qr_signing_keys").fetchall() == [(9,)]


def published_set(settings: Settings, keyring: Keyring) -> tuple[int, str]:
    return inside(settings, lambda conn: qr_keys.key_set(conn, keyring))


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_the_key_set_is_a_signed_json_web_key_set_that_any_library_reads(settings: Settings) -> None:
    waiting, _ = rotated(RING, "coupon", now=NOW)
    version, text = published_set(settings, ring(waiting))
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public_x(RING, 1)})
    read = jws.deserialize_compact(text, key, algorithms=["Ed25519", "EdDSA"])
    assert read.headers() == {"alg": "EdDSA", "kid": "1", "typ": "gasolinera-coupon-keys+jwt"}
    claims = msgspec.json.decode(read.payload)
    assert (claims["iss"], claims["iat"]) == ("urn:gasolinera:coupon", int(NOW.timestamp()))
    assert (claims["exp"] - claims["iat"], claims["version"]) == (7 * 86_400, version)
    common: dict[str, Any] = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "endorsements": []}
    assert claims["keys"] == [
        common | {"kid": "1", "x": public_x(waiting, 1), "status": "current", "nbf": int(NOW.timestamp())},
        common | {"kid": "2", "x": public_x(waiting, 2), "status": "waiting", "nbf": int(NOW.timestamp()) + 600},
    ]


def test_a_terminal_goes_from_one_set_to_the_next_by_keys_that_it_knows(settings: Settings) -> None:
    waiting, new = rotated(RING, "coupon", now=NOW)
    _, first_text = published_set(settings, ring(waiting))
    first = qr_documents.read_key_set(first_text, trusted=None, now=NOW)
    later = new.active_from + timedelta(hours=1)
    over = retired(waiting, "coupon", 1, now=later)
    version, text = published_set(settings, ring(over, at=later))
    known = qr_documents.keys_of(first)
    second = qr_documents.read_key_set(text, trusted=known, now=later, after=first.version)
    assert {key.kid: key.status for key in second.keys} == {"1": "revoked", "2": "current"}
    assert second.version == version > first.version
    assert qr_documents.keys_of(second)[1].revoked_at is not None

    def code(text: str, trusted: dict[int, QrKey] = known, now: datetime = later, after: int = 0) -> str:
        with pytest.raises(QrError) as caught:
            qr_documents.read_key_set(text, trusted=trusted, now=now, after=after)
        return caught.value.code

    assert code(first_text, after=second.version) == "qr.document_old"
    assert code(first_text, trusted=qr_documents.keys_of(second)) == "qr.document_forged"
    assert code(text, trusted={}) == "qr.document_forged"
    assert code(text, trusted={2: QrKey(2, bytes(32))}) == "qr.document_forged"
    assert code(text, now=later + timedelta(days=7)) == "qr.document_expired"
    assert code(text.replace(".", "", 1)) == "qr.document_malformed"


def a_list(bits: bytes, covered: int, version: int = 1) -> str:
    return qr_documents.make_list(RING.keys[0], zlib.compress(bits, 9), version=version, covered=covered, now=NOW)


KEYS = {1: QrKey(1, qr_keys.public_half(RING.keys[0]))}
LIST = a_list(b"\x05\x80", 40)
SET = qr_documents.make_key_set(
    RING.keys[0],
    [PublishedKey(kid="1", x=public_x(RING, 1), status="current", nbf=0)],
    version=1,
    now=NOW,
)


def read(text: str) -> str | None:
    """As either document; the code of the refusal."""
    try:
        qr_documents.read_list(text, keys=KEYS, now=NOW)
    except QrError as error:
        first = error.code
    else:
        return None
    try:
        qr_documents.read_key_set(text, trusted=KEYS, now=NOW)
    except QrError as error:
        return f"{first} {error.code}"
    return None


@given(st.integers(0, len(LIST) - 1), st.integers(0, len(SET) - 1), st.sampled_from("ABCz019-_.{ é\x00"))
@example_count(max_examples=300)
def test_any_other_character_of_a_document_is_refused(in_list: int, in_set: int, character: str) -> None:
    for text, at in ((LIST, in_list), (SET, in_set)):
        changed = text[:at] + character + text[at + 1 :]
        assert read(text) is None
        assert (read(changed) is None) == (changed == text)


@given(st.text(max_size=300))
def test_reading_a_document_raises_nothing_but_its_own_error(text: str) -> None:
    refusals = read(text)
    assert refusals is not None
    assert "qr.document_" in refusals


@pytest.mark.parametrize(
    "text",
    [
        a_list(b"\x01" * 100, 8),  # more bits than it says
        a_list(bytes(10_000_000), 8),  # a bomb
        SET,  # the other document
    ],
)
def test_a_signed_list_that_is_not_what_it_says_is_refused(text: str) -> None:
    with pytest.raises(QrError) as caught:
        qr_documents.read_list(text, keys=KEYS, now=NOW)
    assert caught.value.code == "qr.document_malformed"


def test_bits_are_read_as_the_token_status_list_writes_them() -> None:
    claims, bits = qr_documents.read_list(LIST, keys=KEYS, now=NOW)
    assert claims.covered == 40
    assert [index for index in range(64) if qr_documents.is_revoked(bits, index)] == [0, 2, 15]


def make_list(settings: Settings, keyring: Keyring, now: datetime = NOW) -> int | None:
    return inside(settings, lambda conn: revocations.publish_list(conn, keyring, now=now))


def newest(settings: Settings, known: int | None = None) -> tuple[int, str | None]:
    async def run() -> tuple[int, str | None]:
        async with open_database(settings, "coupon") as db:
            return await revocations.newest_list(db, known)

    return asyncio.run(run())


def revoked_in(text: str) -> set[int]:
    """As somebody else's program would read it."""
    payload = text.split(".")[1]
    claims = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    packed = claims["status_list"]["lst"]
    bits = zlib.decompress(urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    return {8 * at + bit for at, byte in enumerate(bits) for bit in range(8) if byte >> bit & 1}


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_the_list_holds_what_is_suspended_or_cancelled_and_nothing_else(settings: Settings, admin: Admin) -> None:
    expected = (
        "SELECT c.dense_index FROM coupon_schema.coupons AS c JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id"
        " WHERE c.valid_until > now() - interval '1 day' AND c.status NOT IN ('USED', 'EXPIRED')"
        " AND (c.status <> 'ACTIVE' OR g.status <> 'ACTIVE')"
    )
    with pytest.raises(UnknownError):
        newest(settings)
    assert make_list(settings, ring()) == 1
    version, text = newest(settings)
    assert text is not None
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public_x(RING, 1)})
    assert jws.deserialize_compact(text, key, algorithms=["Ed25519", "EdDSA"]).headers()["typ"] == "statuslist+jwt"
    assert revoked_in(text) == {index for (index,) in admin.execute(expected).fetchall()} != set()
    admin.execute(
        "UPDATE coupon_schema.coupons SET status = 'SUSPENDED', status_reason = 'x'"
        " WHERE id IN (SELECT id FROM coupon_schema.coupons WHERE status = 'ACTIVE' ORDER BY id LIMIT 3)"
    )
    assert (version, make_list(settings, ring())) == (1, 2)
    _, text = newest(settings)
    assert text is not None
    assert revoked_in(text) == {index for (index,) in admin.execute(expected).fetchall()}
    assert newest(settings, known=2) == (2, None)


def test_a_list_is_made_again_for_another_key_and_after_a_quarter_of_an_hour_and_not_before(
    settings: Settings, admin: Admin
) -> None:
    assert make_list(settings, ring()) == 1
    assert make_list(settings, ring()) is None
    assert make_list(settings, ring(), NOW + timedelta(minutes=14)) is None
    assert make_list(settings, ring(), NOW + timedelta(hours=2)) == 2
    other, _ = rotated(RING, "coupon", now=NOW, overlap=timedelta(0))
    after = ring(other, at=NOW + timedelta(seconds=1))
    assert make_list(settings, after) == 3
    for count in range(4, 9):
        assert make_list(settings, after, NOW + timedelta(hours=10 * count)) == count
    kept = admin.execute("SELECT version FROM coupon_schema.qr_revocation_lists ORDER BY 1").fetchall()
    assert kept == [(4,), (5,), (6,), (7,), (8,)]


def test_a_campaign_that_does_not_run_is_in_the_list_until_its_coupons_are_over(
    settings: Settings, admin: Admin
) -> None:
    campaign = make_campaign(admin, "PAUSED_ONE")
    running, over = (make_coupon(admin, campaign, valid_from=NOW - timedelta(days=3)) for _ in range(2))
    ends = "UPDATE coupon_schema.coupons SET valid_until = now() - interval '25 hours' WHERE coupon_code = %s"
    admin.execute(ends, (over,))
    wanted = "SELECT dense_index FROM coupon_schema.coupons WHERE coupon_code = ANY (%s)"

    def listed(*codes: str) -> int:
        _, text = newest(settings)
        assert text is not None
        return len({index for (index,) in admin.execute(wanted.encode(), (list(codes),)).fetchall()} & revoked_in(text))

    def campaign_is(status: str) -> None:
        admin.execute("UPDATE coupon_schema.campaigns SET status = %s WHERE id = %s", (status, campaign))

    made = [make_list(settings, ring())]
    assert listed(running, over) == 0
    campaign_is("PAUSED")
    made.append(make_list(settings, ring()))
    assert (listed(running), listed(over)) == (1, 0)
    campaign_is("ACTIVE")
    made += [make_list(settings, ring()), make_list(settings, ring())]
    assert listed(running, over) == 0
    assert made == [1, 2, 3, None]


def test_a_list_is_not_made_while_nothing_changes_and_is_when_what_changed_was_late(
    settings: Settings, admin: Admin, database_url: str
) -> None:
    code = make_coupon(admin, make_campaign(admin, "LATE_CHANGE"))
    assert make_list(settings, ring()) == 1
    with psycopg.connect(database_url) as other:
        other.execute(
            "UPDATE coupon_schema.coupons SET status = 'CANCELLED', status_reason = 'x' WHERE coupon_code = %s", (code,)
        )
        assert make_list(settings, ring()) is None
    assert make_list(settings, ring()) == 2
    assert admin.execute("SELECT count(*) FROM coupon_schema.qr_revocation_changes").fetchone() == (0,)


def test_of_many_processes_that_make_a_list_one_does(settings: Settings, admin: Admin) -> None:
    async def one(db: Database) -> int | None:
        async with db.transaction() as conn:
            return await revocations.publish_list(conn, ring(), now=NOW)

    async def race() -> list[int | None]:
        async with open_database(settings, "coupon") as db:
            return await asyncio.gather(*(one(db) for _ in range(12)))

    made = asyncio.run(race())
    assert [version for version in made if version is not None] == [1]
    assert admin.execute("SELECT count(*) FROM coupon_schema.qr_revocation_lists").fetchone() == (1,)


def test_the_upkeep_publishes_keys_and_list_until_it_is_told_to_stop(settings: Settings, admin: Admin) -> None:
    made = "SELECT FROM coupon_schema.qr_revocation_lists"

    async def told(stop: asyncio.Event) -> None:
        async with asyncio.timeout(20):
            while admin.execute(made).fetchone() is None:  # noqa: ASYNC110  the database has no event for it
                await asyncio.sleep(0.05)
        stop.set()

    async def run() -> None:
        stop = asyncio.Event()
        async with open_database(settings, "coupon") as db:
            await asyncio.gather(revocations.QR_UPKEEP.run(settings, db, stop), told(stop))

    asyncio.run(run())
    assert stored(admin) == [(1, False, False)]
