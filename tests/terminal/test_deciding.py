"""Which coupons a terminal takes without a connection, and what it gives."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from nacl.signing import SigningKey

from gasolinera.coupon import qr
from gasolinera.errors import GasolineraError
from gasolinera.key_file import Key
from gasolinera.redemption.models import Purchased
from gasolinera.redemption.models_offline import Lease
from gasolinera.terminal.deciding import Held, Taken, decide

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
KEY = Key(purpose="coupon", id=9, created_at=NOW, active_from=NOW, secret=b"\x09" * 32)
CUSTOMER = UUID("0b8f2f7e-6f0e-4f0c-9a55-1d9f5b0f4a11")
BODY = qr.CouponBody(
    key_id=9,
    dense_index=12,
    coupon=4711,
    campaign=qr.campaign_tag("VERANO2027"),
    kind="PERCENTAGE",
    value=Decimal("12.5"),
    currency="MXN",
    valid_from=NOW - timedelta(days=1),
    valid_until=NOW + timedelta(days=1),
)
LEASE = Lease(
    lease_id=CUSTOMER,
    terminal_code="TRM000001",
    station_code="JSM001",
    first_sequence=1,
    issued_at=NOW - timedelta(hours=2),
    expires_at=NOW + timedelta(hours=2),
    currency="MXN",
    max_amount=Decimal(1000),
    max_discount=Decimal(100),
    max_count=3,
    max_total=Decimal(150),
    campaign_codes=None,
)
NOTHING = Taken(count=0, total=Decimal(0), coupons=frozenset(), last_at=None)


def said(
    *,
    coupon: dict[str, Any] | None = None,
    lease: dict[str, Any] | None = None,
    taken: dict[str, Any] | None = None,
    bits: bytes = b"",
    amount: str = "333.33",
    customer: UUID | None = CUSTOMER,
    now: datetime = NOW,
    key: Key = KEY,
    display: bytes = b"",
) -> str:
    """The discount, or the code of the refusal."""
    body = qr.pack(msgspec.structs.replace(BODY, **(coupon or {})))
    keys = {9: qr.QrKey(9, bytes(SigningKey(KEY.secret).verify_key))}
    held = Held(keys, bits, msgspec.structs.replace(LEASE, **(lease or {})))
    known = msgspec.structs.replace(NOTHING, **(taken or {}))
    bought = Purchased(Decimal(amount), None, None)
    try:
        text = qr.as_text(body, qr.sign(body, key), display)
        decision = decide(text, bought, customer, held=held, taken=known, now=now)
    except GasolineraError as error:
        return error.code
    assert decision.final_amount == bought.amount - decision.discount_amount
    return str(decision.discount_amount)


def at(moment: datetime) -> bytes:
    return int(moment.timestamp()).to_bytes(4, "big") + bytes(4)


FORGER = Key(purpose="coupon", id=9, created_at=NOW, active_from=NOW, secret=b"\x08" * 32)
CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("41.67", {}),  # 12.5 % of 333.33 is 41.66625
    ("42", {"coupon": {"currency": "CRC"}, "lease": {"currency": "CRC"}, "amount": "333"}),  # 41.625
    ("80.00", {"coupon": {"kind": "FIXED_AMOUNT", "value": Decimal(80)}}),
    ("50", {"coupon": {"kind": "FIXED_AMOUNT", "value": Decimal(80)}, "amount": "50"}),
    ("41.67", {"coupon": {"flags": qr.PERSONAL}, "customer": None}),
    ("41.67", {"coupon": {"flags": qr.LISTED_STATIONS}, "lease": {"campaign_codes": ("VERANO2027",)}}),
    ("41.67", {"coupon": {"flags": qr.LIVE_ONLY}, "display": at(NOW - timedelta(seconds=50))}),
    ("qr.forged", {"key": FORGER}),
    ("qr.expired", {"coupon": {"valid_until": NOW}}),
    ("qr.not_yet", {"coupon": {"valid_from": NOW + timedelta(minutes=1)}}),
    ("offline.revoked", {"bits": b"\x00\x10"}),
    ("offline.online_only", {"coupon": {"flags": qr.ONLINE_ONLY}}),
    ("offline.not_live", {"coupon": {"flags": qr.LIVE_ONLY}}),
    ("offline.not_live", {"display": at(NOW - timedelta(seconds=70))}),
    ("offline.used_here", {"taken": {"coupons": frozenset({4711})}}),
    ("offline.customer_needed", {"customer": None}),
    ("offline.out_of_scope", {"coupon": {"flags": qr.LISTED_STATIONS}}),
    ("offline.out_of_scope", {"lease": {"campaign_codes": ("OTHER",)}}),
    ("offline.out_of_scope", {"coupon": {"currency": "USD"}}),
    ("offline.over_cap", {"amount": "1000.01"}),
    ("offline.over_cap", {"amount": "900"}),
    ("offline.over_cap", {"taken": {"count": 3}}),
    ("offline.over_cap", {"taken": {"total": Decimal("108.34")}}),
    ("41.67", {"taken": {"count": 2, "total": Decimal("108.33")}}),
    ("offline.lease_over", {"now": NOW + timedelta(hours=2)}),
    ("offline.clock", {"now": NOW - timedelta(hours=2, minutes=2)}),
    ("offline.clock", {"taken": {"last_at": NOW + timedelta(seconds=1)}}),
)


@pytest.mark.parametrize(("expected", "circumstances"), CASES)
def test_a_coupon_is_taken_within_the_lease_and_by_what_the_platform_published(
    expected: str, circumstances: dict[str, Any]
) -> None:
    assert said(**circumstances) == expected
