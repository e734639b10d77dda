"""What a sample day is made of: who comes, where, what is shown, and the one source of chance.

Nothing here knows the rules that are tried on the day.
"""

import random
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.redemption.models_fraud import RefusedAs

BUSY: Final = "JSM001"
NEAR: Final = "JSM002"
QUIET: Final = "JSM003"
TOWN: Final = "JSM004"
FAR: Final = "JSM005"

SHIFT_CHANGES: Final = (6, 14, 22)
_ATTENDANTS: Final = 4  # a shift
_PRICES: Final = {"REGULAR": Decimal("23.49"), "PREMIUM": Decimal("25.90"), "DIESEL": Decimal("26.20")}
# Crockford's alphabet, in which codes are written.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Place(msgspec.Struct, frozen=True):
    station_code: str
    latitude: float
    longitude: float


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon is shown, or a code that is none (`refused_as`). `device_id`: the driver's own, None at a terminal.

    `validated_only`: the first of two steps, whose second is shown by itself or never comes. `is_shared`: the coupon
    is good for many uses.
    `planted`: which fraud it belongs to; None: honest.
    """

    at: datetime
    user_id: UUID
    device_id: str | None
    station_code: str
    employee_number: str
    coupon_code: str
    fuel_type: str
    litres: Decimal
    price_per_litre: Decimal
    amount: Decimal
    currency: str = "MXN"
    refused_as: RefusedAs | None = None
    validated_only: bool = False
    is_shared: bool = False
    planted: str | None = None


class SampleDay(msgspec.Struct, frozen=True):
    """`past`: completed redemptions of the weeks before, from which habits are known. Both in order of time."""

    places: tuple[Place, ...]
    past: tuple[Shown, ...]
    shown: tuple[Shown, ...]


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """`usual`: the amount around which the own purchases lie; `is_round`: always asks for just that."""

    user_id: UUID
    device_id: str | None
    usual: float
    fuel_type: str = "REGULAR"
    is_round: bool = False


class Plan(msgspec.Struct, frozen=True):
    """What makes a day: the source of all chance, and when the day begins."""

    rng: random.Random
    begin: datetime

    def person(self) -> UUID:
        return UUID(int=self.rng.getrandbits(128), version=4)

    def device(self) -> str:
        return f"app-{self.rng.getrandbits(64):016x}"

    def code(self) -> str:
        return "".join(self.rng.choices(_ALPHABET, k=13))

    def at(self, earliest_h: float, latest_h: float) -> datetime:
        return self.begin + timedelta(hours=self.rng.uniform(earliest_h, latest_h))

    def show(self, customer: Customer, at: datetime, *, station: str = BUSY, amount: Decimal | None = None) -> Shown:
        price = _PRICES[customer.fuel_type]
        if amount is None:
            amount = self.amount_of(customer)
        return Shown(
            at=at,
            user_id=customer.user_id,
            device_id=customer.device_id,
            station_code=station,
            employee_number=self.attendant(at, station),
            coupon_code=self.code(),
            fuel_type=customer.fuel_type,
            litres=(amount / price).quantize(Decimal("0.001"), ROUND_HALF_UP),
            price_per_litre=price,
            amount=amount,
        )

    def amount_of(self, customer: Customer) -> Decimal:
        if customer.is_round:
            return Decimal(round(customer.usual / 50) * 50)
        spent = min(max(self.rng.lognormvariate(0, 0.22), 0.5), 1.9) * customer.usual
        return Decimal(spent).quantize(Decimal("0.01"), ROUND_HALF_UP)

    def attendant(self, at: datetime, station: str) -> str:
        """One of those of the shift; each station has its own."""
        shift = sum(at.hour >= hour for hour in SHIFT_CHANGES) % 3
        return f"EMP{int(station[3:]):03}{shift}{self.rng.randrange(_ATTENDANTS):02}"
