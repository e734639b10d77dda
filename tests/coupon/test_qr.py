"""The signed code: what it says survives the way there and back, and nothing else is believed."""

import json
from base64 import b32encode
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from gasolinera.coupon import base32, base45, qr
from gasolinera.coupon.display import live_text, require_live
from gasolinera.coupon.qr import CouponBody, QrError, QrKey, SignedBody
from gasolinera.key_file import Key
from gasolinera.keyring import Keyring
from tests.coupon.qr_vectors import EXAMPLES, SEED, vector

NOW = datetime(2026, 11, 22, 18, 0, 30, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "qr-format.md"


def key_of(number: int = 1, seed: bytes = SEED) -> Key:
    return Key(purpose="coupon", id=number, created_at=NOW, active_from=NOW, secret=seed)


def public(number: int = 1, seed: bytes = SEED, revoked_at: datetime | None = None) -> dict[int, QrKey]:
    return {number: QrKey(number, bytes(SigningKey(seed).verify_key), revoked_at)}


def body(**changes: Any) -> CouponBody:
    fields: dict[str, Any] = {
        "key_id": 1,
        "dense_index": 17,
        "coupon": 123_456_789_012_345_678,
        "campaign": qr.campaign_tag("SUMMER2026"),
        "kind": "FIXED_AMOUNT",
        "value": Decimal("25.00"),
        "currency": "MXN",
        "valid_from": NOW - timedelta(days=1),
        "valid_until": NOW + timedelta(days=1),
        "flags": 0,
    }
    return CouponBody(**(fields | changes))


def signed_text(which: CouponBody | None = None, key: Key | None = None) -> str:
    packed = qr.pack(which or body())
    return qr.as_text(packed, qr.sign(packed, key or key_of()))


TEXT = signed_text()


def refusal(text: str, keys: dict[int, QrKey] | None = None, now: datetime = NOW) -> str:
    with pytest.raises(QrError) as caught:
        qr.verify(qr.read(text), public() if keys is None else keys, now)
    return caught.value.code


def body_of_example(example: dict[str, Any]) -> CouponBody:
    fields = {name: example[name] for name in ("key_id", "dense_index", "coupon", "kind", "currency", "flags")}
    return CouponBody(
        **fields,
        campaign=qr.campaign_tag(example["campaign_code"]),
        value=Decimal(example["hundredths"]) / 100,
        valid_from=datetime.fromisoformat(example["valid_from"]),
        valid_until=datetime.fromisoformat(example["valid_until"]),
    )


def test_the_vectors_of_the_page_are_those_of_an_independent_maker() -> None:
    [block] = [part.split("```")[0] for part in PAGE.read_text().split("```json\n") if '"display_text"' in part]
    assert json.loads(block) == [vector(example) for example in EXAMPLES]


@pytest.mark.parametrize("example", EXAMPLES)
def test_our_codes_are_those_of_an_independent_maker(example: dict[str, Any]) -> None:
    made, expected = body_of_example(example), vector(example)
    packed = qr.pack(made)
    signature = qr.sign(packed, key_of())
    assert (packed.hex(), signature.hex()) == (expected["body"], expected["signature"])
    assert qr.as_text(packed, signature) == expected["text"]
    assert qr.as_link("https://q.example.com", packed, signature) == expected["link"]
    ring = Keyring([Key(purpose="display", id=1, created_at=NOW, active_from=NOW, secret=SEED)])
    moment = datetime.fromtimestamp(1_795_000_000, UTC)
    assert live_text(packed, signature, ring, now=moment) == expected["display_text"]
    keys = public(example["key_id"])
    for text in (expected["text"], expected["link"], expected["link"].lower(), expected["display_text"]):
        assert qr.verify(qr.read(text), keys, made.valid_from) == made
    require_live(qr.read(expected["display_text"]), 0, ring, now=moment)


BODIES = st.builds(
    CouponBody,
    key_id=st.integers(0, 255),
    dense_index=st.integers(0, 2**32 - 1),
    coupon=st.integers(0, 2**60 - 1),
    campaign=st.integers(0, 2**24 - 1),
    kind=st.just("FIXED_AMOUNT"),
    value=st.integers(1, 2**32 - 1).map(lambda cents: Decimal(cents) / 100),
    currency=st.sampled_from(["MXN", "CRC", "USD"]),
    valid_from=st.integers(0, 2**23).map(lambda minute: qr.EPOCH + timedelta(minutes=minute)),
    valid_until=st.integers(2**23 + 1, 2**24 - 1).map(lambda minute: qr.EPOCH + timedelta(minutes=minute)),
    flags=st.integers(0, 15),
)


@given(BODIES)
def test_what_is_packed_is_unpacked(made: CouponBody) -> None:
    packed = qr.pack(made)
    assert len(packed) == 28
    assert qr.unpack(packed) == made
    other = qr.packer(made)(5, 2**60 - 1)
    assert qr.unpack(other) == msgspec.structs.replace(made, dense_index=5, coupon=2**60 - 1)


@given(st.binary(max_size=200))
def test_base45_and_base32_give_back_what_they_were_given(data: bytes) -> None:
    assert base45.decode(base45.encode(data)) == data
    assert base32.decode(base32.encode(data)) == data
    assert base32.encode(data) == b32encode(data).decode().rstrip("=")


@pytest.mark.parametrize(
    ("data", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0")]
)
def test_base45_is_that_of_rfc_9285(data: bytes, text: str) -> None:
    assert (base45.encode(data), base45.decode(text)) == (text, data)


@pytest.mark.parametrize("text", ["A", "GGW", ":::", "ZZ", "bb8", "BB8É", "BB8\n"])
def test_base45_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base45"):
        base45.decode(text)


@given(st.integers(0, 92 * 8 - 1))
@settings(max_examples=300)
def test_any_turned_bit_is_refused(bit: int) -> None:
    data = bytearray(base45.decode(TEXT[4:]))
    data[bit // 8] ^= 1 << bit % 8
    assert refusal("GC1:" + base45.encode(bytes(data))) in {"qr.malformed", "qr.forged", "qr.unknown_key"}


@given(st.integers(0, len(TEXT) - 1), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"))
def test_any_other_character_is_refused(at: int, character: str) -> None:
    changed = TEXT[:at] + character + TEXT[at + 1 :]
    if changed != TEXT:
        assert refusal(changed).startswith("qr.")


@given(st.one_of(st.text(), st.text().map(lambda text: "GC1:" + text), st.text().map(lambda text: "HTTPS://X/" + text)))
@settings(max_examples=500)
def test_reading_raises_nothing_but_its_own_error(text: str) -> None:
    try:
        signed = qr.read(text)
        qr.verify(signed, public(), NOW)
    except QrError as error:
        assert error.code.startswith("qr.")  # noqa: PT017  whether it is raised at all is up to the text
    else:
        pytest.fail("a stranger's text was believed")


@given(st.binary(min_size=92, max_size=92), st.sampled_from([0, 8]))
def test_bytes_of_the_right_length_raise_nothing_but_its_own_error(data: bytes, more: int) -> None:
    text = "GC1:" + base45.encode(b"\x01" + data[1:] + bytes(more))
    assert refusal(text) in {"qr.unknown_key", "qr.forged"}


@pytest.mark.parametrize("length", range(len(TEXT)))
def test_a_truncated_code_is_refused(length: int) -> None:
    assert refusal(TEXT[:length]) == "qr.malformed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GC1:",
        "GC2:" + TEXT[4:],
        TEXT + "00",
        TEXT + " ",
        TEXT.lower(),
        "HC1:6BFOXN*TS0BI$ZD4N9:9S6RCVN5+O30K3",
        "https://example.com/",
        "ftp://Q.EXAMPLE.COM/C/" + base32.encode(bytes(92)),
        "HTTPS://Q.EXAMPLE.COM/C/" + base32.encode(b"\1" + bytes(91)) + "?X=1",
        "GC1:" + "0" * 5000,
        "8112 1 00012345 6789",
        "\ud800",
    ],
)
def test_foreign_codes_are_refused(text: str) -> None:
    assert refusal(text) == "qr.malformed"


def test_what_a_reader_adds_at_the_end_is_no_part_of_the_code() -> None:
    assert qr.verify(qr.read(TEXT + "\r\n"), public(), NOW).dense_index == 17


def test_another_key_is_refused_by_what_is_known_of_it() -> None:
    other = bytes(reversed(SEED))
    assert refusal(signed_text(key=key_of(1, other))) == "qr.forged"
    assert refusal(signed_text(body(key_id=9), key_of(9))) == "qr.unknown_key"
    assert refusal(TEXT, public(revoked_at=NOW)) == "qr.revoked_key"
    assert refusal(TEXT, {}) == "qr.unknown_key"


def test_a_signature_over_other_things_of_the_same_key_is_refused() -> None:
    packed = qr.pack(body())
    for signed in (packed, b"gasolinera-coupon-keys-v1\0" + packed):
        signature = SigningKey(SEED).sign(signed).signature
        assert refusal(qr.as_text(packed, signature)) == "qr.forged"


def test_a_code_is_good_from_its_first_minute_to_the_one_before_its_last() -> None:
    start, end = datetime(2026, 11, 1, 6, 0, tzinfo=UTC), datetime(2026, 12, 1, 6, 0, tzinfo=UTC)
    text = signed_text(body(valid_from=start, valid_until=end))
    tick = timedelta(microseconds=1)
    assert refusal(text, now=start - tick) == "qr.not_yet"
    assert refusal(text, now=end) == "qr.expired"
    assert qr.verify(qr.read(text), public(), start).valid_until == end
    assert qr.verify(qr.read(text), public(), end - tick).valid_from == start


def test_the_minutes_of_a_code_enclose_the_coupons_own_time() -> None:
    start, end = datetime(2026, 11, 1, 6, 0, 59, 999_999, UTC), datetime(2026, 11, 1, 6, 1, 0, 1, UTC)
    told = qr.unpack(qr.pack(body(valid_from=start, valid_until=end)))
    assert told.valid_from == datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
    assert told.valid_until == datetime(2026, 11, 1, 6, 2, tzinfo=UTC)
    never, always = datetime(1999, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    ever = qr.unpack(qr.pack(body(valid_from=never, valid_until=always)))
    assert (ever.valid_from.year, ever.valid_until.year) == (2020, 2051)


@pytest.mark.parametrize(
    "changes",
    [
        {"value": Decimal(0)},
        {"value": Decimal("0.001")},
        {"value": Decimal("42949672.96")},
        {"value": Decimal("NaN")},
        {"kind": "PERCENTAGE", "value": Decimal("100.01")},
        {"coupon": 2**60},
        {"coupon": -1},
        {"dense_index": 2**32},
        {"key_id": 256},
        {"campaign": 2**24},
        {"flags": 16},
        {"version": 2},
        {"valid_until": NOW - timedelta(days=2)},
        {"valid_from": datetime(2060, 1, 1, tzinfo=UTC), "valid_until": datetime(2061, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_coupon_that_the_format_cannot_say_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(QrError) as caught:
        qr.pack(body(**changes))
    assert caught.value.code == "qr.unfit"


@pytest.mark.parametrize("at", [(17, 0x31), (17, 0x14), (17, 0), (0, 2)])
def test_bodies_that_we_do_not_make_are_refused_though_signed(at: tuple[int, int]) -> None:
    packed = bytearray(qr.pack(body()))
    packed[at[0]] = at[1]
    signed = SignedBody(bytes(packed), qr.sign(bytes(packed), key_of()))
    with pytest.raises(QrError) as caught:
        qr.verify(signed, public(), NOW)
    assert caught.value.code == "qr.malformed"


def display_ring(*seeds: bytes) -> Keyring:
    keys = [
        Key(purpose="display", id=number, created_at=NOW, active_from=NOW + timedelta(hours=number), secret=seed)
        for number, seed in enumerate(seeds, 1)
    ]
    return Keyring(keys, clock=lambda: NOW + timedelta(hours=len(seeds)))


def live_refusal(signed: SignedBody, ring: Keyring, flags: int = 0, *, after_s: float = 0) -> str | None:
    try:
        require_live(signed, flags, ring, now=NOW + timedelta(seconds=after_s))
    except QrError as error:
        return error.code
    return None


def test_a_live_code_is_over_in_a_minute_and_never_of_the_future() -> None:
    ring, packed = display_ring(SEED), qr.pack(body())
    signed = qr.read(live_text(packed, qr.sign(packed, key_of()), ring, now=NOW))
    assert qr.verify(signed, public(), NOW).dense_index == 17
    assert [live_refusal(signed, ring, after_s=after) for after in (-5, 0, 60)] == [None, None, None]
    assert [live_refusal(signed, ring, after_s=after) for after in (-6, 61, 86_400)] == ["qr.not_live"] * 3


@given(st.integers(0, 63))
def test_any_turned_bit_of_the_live_part_is_refused(bit: int) -> None:
    ring, packed = display_ring(SEED), qr.pack(body())
    text = live_text(packed, qr.sign(packed, key_of()), ring, now=NOW)
    signed = qr.read(text)
    assert signed.display is not None
    changed = bytearray(signed.display)
    changed[bit // 8] ^= 1 << bit % 8
    forged = SignedBody(signed.body, signed.signature, bytes(changed))
    assert live_refusal(forged, ring) in {"qr.forged", "qr.not_live"}


def test_the_live_part_belongs_to_one_coupon() -> None:
    ring, packed, other = display_ring(SEED), qr.pack(body()), qr.pack(body(coupon=1))
    signed = qr.read(live_text(packed, qr.sign(packed, key_of()), ring, now=NOW))
    moved = SignedBody(other, qr.sign(other, key_of()), signed.display)
    assert live_refusal(moved, ring) == "qr.forged"


def test_a_plain_code_is_good_unless_its_flags_want_it_live() -> None:
    ring, signed = display_ring(SEED), qr.read(TEXT)
    assert live_refusal(signed, ring) is None
    assert live_refusal(signed, ring, qr.LIVE_ONLY) == "qr.not_live"


def test_a_live_code_of_the_key_before_is_good() -> None:
    before, now = display_ring(SEED), display_ring(SEED, bytes(reversed(SEED)))
    packed = qr.pack(body())
    signed = qr.read(live_text(packed, qr.sign(packed, key_of()), before, now=NOW))
    assert live_refusal(signed, now) is None


def test_a_refusal_has_its_word_in_the_record_of_attempts() -> None:
    words = {
        refusal("x"): QrError("qr.malformed", "").attempt_result,
        "qr.forged": QrError("qr.forged", "").attempt_result,
        "qr.expired": qr.QrExpiredError("qr.expired", "").attempt_result,
    }
    assert words == {"qr.malformed": "INVALID_CODE", "qr.forged": "INVALID_SIGNATURE", "qr.expired": "EXPIRED"}
