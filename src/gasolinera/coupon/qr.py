"""The signed QR code of a coupon: 28 bytes that say what it is, and 64 that prove that the platform issued it.

Pure: no database, no clock, no network, so that whatever is forged is refused before any of them is asked. It never
says that a coupon is unused. The format is in docs/reference/qr-format.md, with vectors.
"""

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import ClassVar, Final, Literal

import msgspec
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import CryptoError

from gasolinera.coupon import base32, base45
from gasolinera.errors import HTTPStatus, InputError
from gasolinera.key_file import Key

VERSION: Final = 1
PREFIX: Final = "GC1:"
DOMAIN: Final = b"gasolinera-coupon-qr-v1\0"  # nothing else that these keys sign begins like this
BODY_BYTES: Final = 28
SIGNATURE_BYTES: Final = 64
DISPLAY_BYTES: Final = 8
MAX_TEXT: Final = 400  # a link on a long host; nobody decodes a novel

# Flags of the body: what a terminal without a connection must know.
ONLINE_ONLY: Final = 1  # not to be accepted offline
PERSONAL: Final = 2  # for one user alone
LISTED_STATIONS: Final = 4  # for the stations of its campaign's list alone
LIVE_ONLY: Final = 8  # the code must come with its moment: a picture of it is worth nothing

EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_MINUTE: Final = timedelta(minutes=1)
_LAST_MINUTE: Final = 0xFFFFFF
_LAYOUT: Final = struct.Struct(">BBIQ3sBI3s3s")
_MIDDLE: Final = struct.Struct(">IQ")  # what differs among the coupons of a batch
_COUPON_BITS: Final = 60
_CENTS: Final = Decimal(100)

Kind = Literal["PERCENTAGE", "FIXED_AMOUNT"]
Currency = Literal["MXN", "CRC", "USD"]
_KINDS: Final[dict[int, Kind]] = {1: "PERCENTAGE", 2: "FIXED_AMOUNT"}
_CURRENCIES: Final[dict[int, Currency]] = {1: "MXN", 2: "CRC", 3: "USD"}
_KIND_NUMBERS: Final = {name: number for number, name in _KINDS.items()}
_CURRENCY_NUMBERS: Final = {name: number for number, name in _CURRENCIES.items()}

# How coupon_validation_attempts calls what was refused.
_RESULTS: Final = {
    "qr.malformed": "INVALID_CODE",
    "qr.expired": "EXPIRED",
    "qr.not_yet": "NOT_YET_VALID",
}


class QrError(InputError):
    """What was scanned is no good code of ours: `qr.malformed`, `.forged`, `.unknown_key`, `.revoked_key`, `.not_yet`,
    `.not_live`; `qr.unfit` is a coupon that the format cannot say.
    """

    @property
    def attempt_result(self) -> str:
        """The word of coupon_validation_attempts.result."""
        return _RESULTS.get(self.code, "INVALID_SIGNATURE")


class QrExpiredError(QrError):
    """`qr.expired`: it was good once."""

    status: ClassVar[HTTPStatus] = HTTPStatus.GONE


class CouponBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a code says. Times are whole minutes that enclose the coupon's own; the database has the last word.

    `coupon` is the number of the coupon code (60 bits), `campaign` what `campaign_tag` makes of the campaign code,
    `value` percent or an amount of the currency with two decimals.
    """

    version: int = VERSION
    key_id: int
    dense_index: int
    coupon: int
    campaign: int
    kind: Kind
    value: Decimal
    currency: Currency
    valid_from: datetime
    valid_until: datetime
    flags: int = 0


class SignedBody(msgspec.Struct, frozen=True):
    """What was read, believed by nobody yet. `display`: time and MAC of a code shown live."""

    body: bytes
    signature: bytes
    display: bytes | None = None

    @property
    def key_id(self) -> int:
        return self.body[1]


class QrKey(msgspec.Struct, frozen=True):
    """The public half of a signing key. A revoked one verifies nothing."""

    key_id: int
    public_key: bytes
    revoked_at: datetime | None = None


def campaign_tag(campaign_code: str) -> int:
    """24 bits by which a terminal finds the campaign in its list; no proof of it."""
    return int.from_bytes(sha256(campaign_code.encode()).digest()[:3], "big")


def is_live_only(body: bytes) -> bool:
    """Of a packed body."""
    return bool(body[6] >> 4 & LIVE_ONLY)


def pack(body: CouponBody) -> bytes:
    """28 bytes. Raises QrError `qr.unfit`; times beyond the format (2020 to 2051) become its ends."""
    cents = body.value * _CENTS
    if cents != cents.to_integral_value() or not 0 < cents <= 0xFFFFFFFF:
        raise QrError("qr.unfit", "the value of the coupon does not fit into a code")
    if body.version != VERSION or not 0 <= body.coupon < 1 << _COUPON_BITS or not 0 <= body.flags <= 15:
        raise QrError("qr.unfit", "the coupon does not fit into a code")
    if body.kind == "PERCENTAGE" and body.value > 100:
        raise QrError("qr.unfit", "nobody gives more than everything")
    begins = _in_format((body.valid_from - EPOCH) // _MINUTE)
    ends = _in_format(-((EPOCH - body.valid_until) // _MINUTE))  # rounded up
    if begins >= ends:
        raise QrError("qr.unfit", "the coupon is never valid within the years of the format")
    try:
        return _LAYOUT.pack(
            body.version,
            body.key_id,
            body.dense_index,
            body.flags << _COUPON_BITS | body.coupon,
            body.campaign.to_bytes(3, "big"),
            _KIND_NUMBERS[body.kind] << 4 | _CURRENCY_NUMBERS[body.currency],
            int(cents),
            begins.to_bytes(3, "big"),
            ends.to_bytes(3, "big"),
        )
    except (struct.error, OverflowError):
        raise QrError("qr.unfit", "a number of the coupon does not fit into a code") from None


def packer(body: CouponBody) -> Callable[[int, int], bytes]:
    """Packs the coupons of a batch, which differ in dense index and number alone, in a tenth of the time of `pack`.

    Raises QrError `qr.unfit` for the body given; the function raises struct.error for numbers out of range.
    """
    whole = pack(body)
    head, tail, flags = whole[:2], whole[14:], body.flags << _COUPON_BITS
    pack_middle = _MIDDLE.pack

    def packed(dense_index: int, coupon: int) -> bytes:
        return head + pack_middle(dense_index, flags | coupon) + tail

    return packed


def unpack(data: bytes) -> CouponBody:
    """Raises QrError `qr.malformed` for anything that `pack` does not make."""
    if len(data) != BODY_BYTES or data[0] != VERSION:
        raise _malformed()
    version, key_id, dense_index, number, campaign, kind_and_currency, cents, begins, ends = _LAYOUT.unpack(data)
    kind = _KINDS.get(kind_and_currency >> 4)
    currency = _CURRENCIES.get(kind_and_currency & 15)
    if kind is None or currency is None or not cents or (kind == "PERCENTAGE" and cents > 10_000) or begins >= ends:
        raise _malformed()
    return CouponBody(
        version=version,
        key_id=key_id,
        dense_index=dense_index,
        coupon=number & (1 << _COUPON_BITS) - 1,
        campaign=int.from_bytes(campaign, "big"),
        kind=kind,
        value=Decimal(cents).scaleb(-2),
        currency=currency,
        valid_from=EPOCH + _MINUTE * int.from_bytes(begins, "big"),
        valid_until=EPOCH + _MINUTE * int.from_bytes(ends, "big"),
        flags=number >> _COUPON_BITS,
    )


def sign(body: bytes, key: Key) -> bytes:
    """64 bytes: Ed25519 over the domain and the body."""
    return signer(key)(body)


@cache
def signer(key: Key) -> Callable[[bytes], bytes]:
    """Signs the bodies of a batch: the key is expanded once."""
    _, secret = crypto_sign_seed_keypair(key.secret)
    return lambda body: crypto_sign(DOMAIN + body, secret)[:SIGNATURE_BYTES]


def as_text(body: bytes, signature: bytes, display: bytes = b"") -> str:
    """142 characters, with a display part 154: QR version 6 at level M holds exactly those."""
    return PREFIX + base45.encode(body + signature + display)


def as_link(base_url: str, body: bytes, signature: bytes) -> str:
    """For a phone's camera, which opens it. Upper case, host and path too: so a QR code needs the fewest modules."""
    return f"{base_url.rstrip('/')}/C/{base32.encode(body + signature)}".upper()


def read(text: str) -> SignedBody:
    """Either form, as it was scanned. Needs no key and believes nothing. Raises QrError `qr.malformed`."""
    text = text.strip("\r\n\t")  # what readers add; a space belongs to base45
    if len(text) > MAX_TEXT:
        raise _malformed()
    try:
        if text.startswith(PREFIX):
            data = base45.decode(text[len(PREFIX) :])
        elif text[:8].lower() == "https://" or text[:7].lower() == "http://":
            data = base32.decode(text.rpartition("/")[2])
        else:
            raise _malformed()
    except ValueError:
        raise _malformed() from None
    signed = BODY_BYTES + SIGNATURE_BYTES
    if len(data) not in (signed, signed + DISPLAY_BYTES) or data[0] != VERSION:
        raise _malformed()
    return SignedBody(data[:BODY_BYTES], data[BODY_BYTES:signed], data[signed:] or None)


def verify(signed: SignedBody, keys: Mapping[int, QrKey], now: datetime) -> CouponBody:
    """What a code says, when a key of ours has signed it and its time is now. Looks at no display part.

    Raises QrError `qr.unknown_key`, `qr.revoked_key`, `qr.forged`, `qr.malformed`, `qr.not_yet`, `qr.expired`.
    """
    body = verify_signature(signed, keys)
    require_time(body, now)
    return body


def require_time(body: CouponBody, now: datetime) -> None:
    """Raises QrError `qr.not_yet`, `qr.expired`."""
    if now < body.valid_from:
        raise QrError("qr.not_yet", f"the coupon is good from {body.valid_from:%Y-%m-%d %H:%M} UTC on")
    if now >= body.valid_until:
        raise QrExpiredError("qr.expired", f"the coupon was good until {body.valid_until:%Y-%m-%d %H:%M} UTC")


def verify_signature(signed: SignedBody, keys: Mapping[int, QrKey]) -> CouponBody:
    """Like `verify`, whatever the time is: for records of what was scanned, and for looking at one."""
    if len(signed.body) != BODY_BYTES or len(signed.signature) != SIGNATURE_BYTES:
        raise _malformed()
    key = keys.get(signed.key_id)
    if key is None:
        raise QrError("qr.unknown_key", f"nobody knows the key {signed.key_id} that the code names")
    if key.revoked_at is not None:
        raise QrError("qr.revoked_key", f"the key {key.key_id} was revoked: what it signed is no longer good")
    try:
        crypto_sign_open(signed.signature + DOMAIN + signed.body, key.public_key)
    except (CryptoError, ValueError):
        raise QrError("qr.forged", "the signature does not belong to what the code says") from None
    return unpack(signed.body)


def _in_format(minute: int) -> int:
    return min(max(minute, 0), _LAST_MINUTE)


def _malformed() -> QrError:
    return QrError("qr.malformed", "this is no code of a coupon")
