"""What a redemption is, what is asked of it, and the rules about its amounts. No SQL, no HTTP."""

import hashlib
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from gasolinera.errors import InputError
from gasolinera.texts import text

MAX_AMOUNT: Final = Decimal(9_999_999)
_MAX_LITRES: Final = Decimal(9_999)
_MOST_PLACES: Final = 12  # of a number as it is written, trailing zeros included
_MAX_PRICE: Final = Decimal(99_999)
_THOUSANDTH: Final = Decimal("0.001")

Currency: TypeAlias = Literal["MXN", "CRC", "USD"]
Reason = Annotated[str, text(300, description="Why, for the staff: it is kept.")]
ScannedText = Annotated[
    str, Meta(min_length=1, max_length=400, description="What the scanner read, as it was.", examples=["GC1:…"])
]
TypedCode = Annotated[
    str, Meta(min_length=1, max_length=40, description="The code as somebody typed it.", examples=["7K2M-9QXD-4T5WP"])
]
DeviceId = Annotated[
    str, Meta(pattern=r"^[\x21-\x7e]{1,100}$(?!\n)", description="The driver's device, for the rules.")
]
DispenserCode = Annotated[str, Meta(pattern=r"^[A-Z0-9-]{1,20}$(?!\n)", examples=["D03"])]


class Fuel(StrEnum):
    REGULAR = "REGULAR"
    PREMIUM = "PREMIUM"
    DIESEL = "DIESEL"


class Status(StrEnum):
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Flow(StrEnum):
    ONE_SHOT = "ONE_SHOT"
    TWO_STEP = "TWO_STEP"
    OFFLINE = "OFFLINE"  # a terminal without a connection took it, and told it later


class Method(StrEnum):
    QR_SCAN = "QR_SCAN"
    PUMP_QR = "PUMP_QR"
    MANUAL_ENTRY = "MANUAL_ENTRY"
    NFC = "NFC"
    BARCODE = "BARCODE"


# What was shown carries our signature, so the one who scanned it may know why not.
SIGNED: Final = frozenset({Method.QR_SCAN, Method.NFC, Method.BARCODE})


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """One redemption. Amounts are the server's own. A pump's redemption may have no coupon.

    `receipts`: where the signed receipts of its tickets are, once it has earned some.
    """

    transaction_reference: str
    status: Status
    flow: Flow
    user_id: UUID
    coupon_code: str | None
    campaign_code: str | None
    station_code: str
    employee_number: str
    terminal_code: str | None
    dispenser_code: str | None
    validation_method: Method
    fuel_type: Fuel | None
    fuel_litres: Decimal | None
    price_per_litre: Decimal | None
    original_amount: Decimal
    discount_amount: Decimal
    final_amount: Decimal
    currency: Currency
    tickets_earned: int
    raffle_code: str | None
    failure_code: str | None
    failure_reason: str | None
    cancellation_reason: str | None
    created_at: datetime
    completed_at: datetime | None
    failed_at: datetime | None
    cancelled_at: datetime | None
    receipts: str | None = None

    def __post_init__(self) -> None:
        # It follows from the rest, so no statement has to give it; whoever completes a redemption has it at once.
        if self.completed_at is not None and self.tickets_earned:
            link = f"/api/redemptions/{self.transaction_reference}/receipts"
            msgspec.structs.force_setattr(self, "receipts", link)

    @property
    def is_under_way(self) -> bool:
        """Its coupon may be consumed by now; it ends COMPLETED or FAILED, whoever drives it."""
        return self.status is Status.IN_PROGRESS or (self.status is Status.PENDING and self.flow is Flow.ONE_SHOT)


class RedemptionRow(Redemption, frozen=True, kw_only=True):
    """With the key, which outsiders never see."""

    id: int


class Shown(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The coupon as the customer shows it: scanned or typed."""

    qr: ScannedText | None = None
    code: TypedCode | None = None


class Fuelling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What went into the tank: litres and price, or the amount alone. Decimals travel as text."""

    amount: Decimal | None = None
    litres: Decimal | None = None
    price_per_litre: Decimal | None = None


class RedemptionRequest(Fuelling, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`customer` is needed where the coupon names nobody. `currency`: the coupon's, unless told otherwise.

    `dispenser_code` is needed where no terminal signs the request: a redemption says where it was.
    """

    qr: ScannedText | None = None
    code: TypedCode | None = None
    fuel_type: Fuel
    currency: Currency | None = None
    customer: UUID | None = None
    dispenser_code: DispenserCode | None = None
    device_id: DeviceId | None = None


class Completion(Fuelling, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was pumped in the end, for a redemption that was validated before."""

    fuel_type: Fuel | None = None


class Cancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """A redemption that waits for its fuel, and what the coupon would give for the amount that was named."""

    redemption: Redemption
    discount_amount: Decimal
    final_amount: Decimal
    raffle_tickets: int


class Cancelled(msgspec.Struct, frozen=True):
    """`coupon`: what happened to its use; LATER: the coupon service is away, and does it when it is back."""

    redemption: Redemption
    coupon: Literal["RESTORED", "FORFEITED", "NEVER_USED", "LATER"] | None


class Purchased(msgspec.Struct, frozen=True):
    """Checked and computed."""

    amount: Decimal
    litres: Decimal | None
    price_per_litre: Decimal | None


def rounding_unit(currency: str) -> Decimal:
    """Colones are quoted without cents."""
    return Decimal(1) if currency == "CRC" else Decimal("0.01")


def purchased(asked: Fuelling, currency: str) -> Purchased:
    """The amount by our own computing: litres times price, half up, where both are told.

    Raises InputError `redemption.fuel`, `redemption.amount` or `redemption.amount_mismatch`.
    """
    unit = rounding_unit(currency)
    litres, price, amount = asked.litres, asked.price_per_litre, asked.amount
    if amount is not None:
        _check(amount, MAX_AMOUNT, unit, "amount")
    if (litres is None) != (price is None):
        raise InputError("redemption.fuel", "litres and price per litre are told together")
    if litres is not None and price is not None:
        _check(litres, _MAX_LITRES, _THOUSANDTH, "litres")
        _check(price, _MAX_PRICE, _THOUSANDTH, "price_per_litre")
        computed = (litres * price / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit
        if amount is not None and amount != computed:
            hint = f"{litres} litres at {price} are {computed}"
            raise InputError("redemption.amount_mismatch", "the amount is not that of litres and price", hint)
        amount = computed
    if amount is None:
        raise InputError("redemption.amount", "there is neither an amount nor litres and price")
    _check(amount, MAX_AMOUNT, unit, "amount")
    return Purchased(amount, litres, price)


def _check(value: Decimal, most: Decimal, unit: Decimal, name: str) -> None:
    # Neither a NaN nor a number with a huge exponent is compared or computed with: that raises, or says 0.
    exponent = value.as_tuple().exponent
    is_number = isinstance(exponent, int) and -_MOST_PLACES <= exponent <= _MOST_PLACES
    if not is_number or not 0 < value <= most or value % unit != 0:
        sentence = f"{name} must be above 0, at most {most}, in steps of {unit}"
        raise InputError("redemption.amount" if name == "amount" else "redemption.fuel", sentence)


def check_amounts(asked: RedemptionRequest) -> None:
    """Before anybody asks for the coupon: what is wrong in every currency says nothing of it. Raises as `purchased`."""
    if asked.currency is not None:
        purchased(asked, asked.currency)
        return
    try:
        purchased(asked, "MXN")
    except InputError as error:
        try:
            purchased(asked, "CRC")
        except InputError:
            raise error from None


def fingerprint(request: msgspec.Struct) -> bytes:
    """SHA-256 of what was asked, whatever its spelling: the same key with another one is refused."""
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).digest()
