"""What there is to say about a scanned text, for people: the command line shows it, good or bad."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from gasolinera.coupon import codes, qr
from gasolinera.coupon.display import not_live
from gasolinera.coupon.qr import CouponBody, QrError, QrKey
from gasolinera.coupon.qr_documents import is_revoked

_FLAGS = {
    qr.ONLINE_ONLY: "online-only",
    qr.PERSONAL: "personal",
    qr.LISTED_STATIONS: "listed-stations",
    qr.LIVE_ONLY: "live-only",
}


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform has signed. `campaign` is the tag in hex, `live_at` the unproven moment of a wallet's code."""

    coupon_code: str
    campaign: str
    kind: str
    value: Decimal
    currency: str
    valid_from: datetime
    valid_until: datetime
    flags: tuple[str, ...]
    key_id: int
    dense_index: int
    live_at: datetime | None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` are None where nobody of ours has signed them. `is_revoked` is None where no list was asked.

    `status`, `campaign_code` and `uses_left` are the database's, where that was asked.
    """

    is_good: bool
    problem: str | None = None
    message: str | None = None
    fields: Fields | None = None
    is_revoked: bool | None = None
    status: str | None = None
    campaign_code: str | None = None
    uses_left: int | None = None


def judge(text: str, keys: Mapping[int, QrKey], *, now: datetime, revoked_bits: bytes | None) -> Verdict:
    """By the code alone, as a terminal without a connection does. Never raises for what was scanned."""
    fields, revoked = None, None
    try:
        signed = qr.read(text)
        body = qr.verify_signature(signed, keys)
        fields = _fields_of(body, signed.display)
        revoked = None if revoked_bits is None else is_revoked(revoked_bits, body.dense_index)
        qr.require_time(body, now)
        if signed.display is None and body.flags & qr.LIVE_ONLY:
            raise not_live()
    except QrError as error:
        return Verdict(is_good=False, problem=error.code, message=error.message, fields=fields, is_revoked=revoked)
    if revoked:
        message = "the coupon was suspended or cancelled"
        return Verdict(is_good=False, problem="qr.revoked", message=message, fields=fields, is_revoked=True)
    return Verdict(is_good=True, fields=fields, is_revoked=revoked)


def _fields_of(body: CouponBody, display: bytes | None) -> Fields:
    return Fields(
        coupon_code=codes.grouped(codes.code_of(body.coupon)),
        campaign=f"{body.campaign:06x}",
        kind=body.kind,
        value=body.value,
        currency=body.currency,
        valid_from=body.valid_from,
        valid_until=body.valid_until,
        flags=tuple(name for flag, name in _FLAGS.items() if body.flags & flag),
        key_id=body.key_id,
        dense_index=body.dense_index,
        live_at=None if display is None else datetime.fromtimestamp(int.from_bytes(display[:4], "big"), UTC),
    )
