"""Whether a terminal without a connection takes a coupon, and what it gives. Pure: no clock, no files, no network."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.coupon import qr
from gasolinera.coupon.display import GOOD_FOR_S, LEEWAY_S
from gasolinera.coupon.qr import CouponBody, QrKey
from gasolinera.coupon.qr_documents import is_revoked
from gasolinera.errors import ConflictError
from gasolinera.redemption.models import Purchased, rounding_unit
from gasolinera.redemption.models_offline import Lease

_SKEW: Final = timedelta(minutes=1)  # between the platform's clock and the device's
_HUNDRED: Final = Decimal(100)


class OfflineRefusedError(ConflictError):
    """Not without a connection; with one it may be good. `offline.*` says why."""


class Held(msgspec.Struct, frozen=True):
    """What the platform told last. The documents were checked and have not ended."""

    keys: Mapping[int, QrKey]
    revoked_bits: bytes
    lease: Lease


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What this device took: under the lease at hand how many and how much; ever which coupons, and the last when."""

    count: int
    total: Decimal
    coupons: frozenset[int]
    last_at: datetime | None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    coupon: CouponBody
    discount_amount: Decimal
    final_amount: Decimal


def decide(text: str, bought: Purchased, customer: UUID | None, *, held: Held, taken: Taken, now: datetime) -> Decision:
    """Raises QrError for the code itself, OfflineRefusedError for what needs a connection.

    The discount is by the code: kind and value. A cap of the campaign the code does not know; the lease's does for it.
    """
    lease = held.lease
    if now < lease.issued_at - _SKEW or (taken.last_at is not None and now < taken.last_at):
        raise _refused("clock", "the device's clock went back", "set it")
    if now >= lease.expires_at:
        raise _refused("lease_over", "the terminal was without a connection for too long", "sync it")
    signed = qr.read(text)
    coupon = qr.verify(signed, held.keys, now)
    if is_revoked(held.revoked_bits, coupon.dense_index):
        raise _refused("revoked", "the coupon was suspended or cancelled")
    if coupon.flags & qr.ONLINE_ONLY:
        raise _refused("online_only", "this coupon is not taken without a connection")
    _require_live(signed.display, coupon.flags, now)
    if coupon.coupon in taken.coupons:
        raise _refused("used_here", "this terminal has taken the coupon already")
    if not coupon.flags & qr.PERSONAL and customer is None:
        raise _refused("customer_needed", "the coupon names nobody", "say whose it is")
    _require_scope(coupon, lease)
    discount = _discount_of(coupon, bought.amount, lease.currency)
    if (
        bought.amount > lease.max_amount
        or discount > lease.max_discount
        or taken.count >= lease.max_count
        or taken.total + discount > lease.max_total
    ):
        raise _refused("over_cap", "this is more than the terminal may take without a connection")
    return Decision(coupon=coupon, discount_amount=discount, final_amount=bought.amount - discount)


def _require_live(display: bytes | None, flags: int, now: datetime) -> None:
    """The moment is not proven here, but the platform will look at its proof, by the time that the entry names."""
    if display is None:
        if flags & qr.LIVE_ONLY:
            raise _refused("not_live", "this is a picture of a code", "let the wallet show it")
        return
    age = now - datetime.fromtimestamp(int.from_bytes(display[:4], "big"), UTC)
    if not timedelta(seconds=-LEEWAY_S) <= age <= timedelta(seconds=GOOD_FOR_S):
        raise _refused("not_live", "this is a picture of a code", "let the wallet show it")


def _require_scope(coupon: CouponBody, lease: Lease) -> None:
    if coupon.currency != lease.currency:
        raise _refused("out_of_scope", "the coupon is of another currency")
    if lease.campaign_codes is None:
        if coupon.flags & qr.LISTED_STATIONS:
            raise _refused("out_of_scope", "the coupon is for listed stations")
    elif coupon.campaign not in map(qr.campaign_tag, lease.campaign_codes):
        raise _refused("out_of_scope", "the campaign is not taken without a connection")


def _discount_of(coupon: CouponBody, amount: Decimal, currency: str) -> Decimal:
    if coupon.kind == "FIXED_AMOUNT":
        return min(coupon.value, amount)
    unit = rounding_unit(currency)
    return (amount * coupon.value / _HUNDRED / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit


def _refused(code: str, sentence: str, hint: str | None = None) -> OfflineRefusedError:
    return OfflineRefusedError(f"offline.{code}", sentence, hint)
