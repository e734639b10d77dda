"""A busy station's day as plain data: what honest people do there, and frauds of every kind planted among them.

`sample_day(seed, day)` is always the same for the same arguments. Rules against fraud are tried on it: nobody honest
may be blocked, and every planted fraud must be found. Nothing here knows the rules.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.redemption.models_fraud import Decision, RefusedAs

BUSY: Final = "JSM001"
NEAR: Final = "JSM002"
QUIET: Final = "JSM003"
TOWN: Final = "JSM004"
FAR: Final = "JSM005"

# Redemptions expected in each hour at the busy station: two peaks, few at night.
_BY_HOUR: Final = (4, 3, 2, 2, 4, 12, 28, 55, 58, 40, 32, 30, 36, 42, 36, 32, 38, 52, 60, 55, 38, 24, 14, 8)
_SHIFT_CHANGES: Final = (6, 14, 22)
_ATTENDANTS: Final = 4  # a shift
_REGULARS: Final = 420
_FAMILIES: Final = 50
_FLEETS: Final = 5
_PRICES: Final = {"REGULAR": Decimal("23.49"), "PREMIUM": Decimal("25.90"), "DIESEL": Decimal("26.20")}
# Crockford's alphabet, in which codes are written.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Place(msgspec.Struct, frozen=True):
    station_code: str
    latitude: float
    longitude: float


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon is shown, or a code that is none (`refused_as`). `device_id`: the driver's own, None at a terminal.

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
    planted: str | None = None


class SampleDay(msgspec.Struct, frozen=True):
    """`past`: completed redemptions of the weeks before, from which habits are known. Both in order of time."""

    places: tuple[Place, ...]
    past: tuple[Shown, ...]
    shown: tuple[Shown, ...]


class _Customer(msgspec.Struct, frozen=True, kw_only=True):
    """`usual`: the amount around which the own purchases lie; `is_round`: always asks for just that."""

    user_id: UUID
    device_id: str | None
    usual: float
    fuel_type: str = "REGULAR"
    is_round: bool = False


class _Plan(msgspec.Struct, frozen=True):
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

    def show(self, customer: _Customer, at: datetime, *, station: str = BUSY, amount: Decimal | None = None) -> Shown:
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

    def amount_of(self, customer: _Customer) -> Decimal:
        if customer.is_round:
            return Decimal(round(customer.usual / 50) * 50)
        spent = min(max(self.rng.lognormvariate(0, 0.22), 0.5), 1.9) * customer.usual
        return Decimal(spent).quantize(Decimal("0.01"), ROUND_HALF_UP)

    def attendant(self, at: datetime, station: str) -> str:
        """One of those of the shift; each station has its own."""
        shift = sum(at.hour >= hour for hour in _SHIFT_CHANGES) % 3
        return f"EMP{int(station[3:]):03}{shift}{self.rng.randrange(_ATTENDANTS):02}"


def sample_day(seed: int, day: date) -> SampleDay:
    """Hours are those of UTC. About 700 honest redemptions and 190 planted ones."""
    plan = _Plan(random.Random(seed), datetime.combine(day, time(), UTC))  # noqa: S311  a test repeats it
    customers = [*_regulars(plan), *_families(plan)]
    fleets = [
        _Customer(user_id=plan.person(), device_id=None, usual=plan.rng.uniform(1500, 3500), fuel_type="DIESEL")
        for _ in range(_FLEETS)
    ]
    past = [
        plan.show(customer, plan.begin - timedelta(days=plan.rng.uniform(1, 21)))
        for customer in (*customers, *fleets)
        for _ in range(plan.rng.randint(3, 12))
    ]
    honest = [*_visits(plan, customers), *_fleet_mornings(plan, fleets), *_passing_trucks(plan), *_travellers(plan)]
    honest = [after for shown in honest for after in _with_slips(plan, _after_handover(plan, shown))]
    planted: list[Shown] = []
    for name, (plant, _) in _PLANTS.items():
        planted.extend(msgspec.structs.replace(shown, planted=name) for shown in plant(plan, past))
    return SampleDay(_PLACES, _in_order(past), _in_order([*honest, *planted]))


def _in_order(shown: list[Shown]) -> tuple[Shown, ...]:
    return tuple(sorted(shown, key=lambda one: one.at))


# BUSY and NEAR lie 6 km apart, QUIET 11 km, TOWN about 60 km, FAR about 450 km.
_PLACES: Final = (
    Place(BUSY, 19.4270, -99.1332),
    Place(NEAR, 19.3760, -99.1500),
    Place(QUIET, 19.5200, -99.1600),
    Place(TOWN, 19.2900, -99.6500),
    Place(FAR, 20.6700, -103.3500),
)


# Honest people --------------------------------------------------------------------------------------------------------


def _regulars(plan: _Plan) -> Iterator[_Customer]:
    for _ in range(_REGULARS):
        kind = plan.rng.random()
        yield _Customer(
            user_id=plan.person(),
            device_id=plan.device() if plan.rng.random() < 0.6 else None,
            # Motorcycles, and cars.
            usual=plan.rng.uniform(80, 140) if kind < 0.12 else plan.rng.lognormvariate(6.1, 0.35),
            fuel_type=plan.rng.choices(("REGULAR", "PREMIUM", "DIESEL"), (70, 22, 8))[0],
            is_round=plan.rng.random() < 0.4,
        )


def _families(plan: _Plan) -> Iterator[_Customer]:
    """Two to four people with accounts of their own and one telephone or tablet."""
    for _ in range(_FAMILIES):
        device = plan.device()
        for _ in range(plan.rng.randint(2, 4)):
            yield _Customer(
                user_id=plan.person(),
                device_id=device,
                usual=plan.rng.lognormvariate(6.0, 0.3),
                is_round=plan.rng.random() < 0.4,
            )


def _visits(plan: _Plan, customers: list[_Customer]) -> Iterator[Shown]:
    """Hour by hour, as many as come by chance; hardly anybody comes three times a day. Some go to one nearby."""
    waiting: list[_Customer] = []
    for hour, expected in enumerate(_BY_HOUR):
        for _ in range(_poisson(plan.rng, expected)):
            if not waiting:
                waiting = plan.rng.sample(customers, len(customers))
            customer = waiting.pop()
            at = plan.at(hour, hour + 1)
            station = NEAR if plan.rng.random() < 0.08 else BUSY
            yield plan.show(customer, at, station=station)
            chance = plan.rng.random()
            if chance < 0.01:
                # A can for the mower, or the other half on a second coupon.
                amount = None if plan.rng.random() < 0.7 else plan.amount_of(customer)
                yield plan.show(
                    customer, at + timedelta(minutes=plan.rng.uniform(2, 7)), station=station, amount=amount
                )
            elif chance < 0.015:
                # A couple with one account and two cars.
                yield plan.show(customer, at + timedelta(minutes=plan.rng.uniform(3, 20)), station=QUIET)


def _poisson(rng: random.Random, expected: float) -> int:
    """How many arrive within one unit of time when the gaps between them are exponential."""
    count, elapsed = 0, rng.expovariate(expected)
    while elapsed < 1:
        count += 1
        elapsed += rng.expovariate(expected)
    return count


def _fleet_mornings(plan: _Plan, fleets: list[_Customer]) -> Iterator[Shown]:
    """A firm's vans fill up one after the other before they leave, on one account; some come back in the evening."""
    for fleet in fleets:
        start = plan.at(5.2, 8)
        for van in range(plan.rng.randint(3, 5)):
            yield plan.show(fleet, start + timedelta(minutes=6 * van + plan.rng.uniform(0, 4)))
        for _ in range(plan.rng.randint(0, 2)):
            yield plan.show(fleet, plan.at(16, 20))


def _passing_trucks(plan: _Plan) -> Iterator[Shown]:
    """Seen once, and their tanks are large."""
    for _ in range(plan.rng.randint(3, 7)):
        truck = _Customer(
            user_id=plan.person(), device_id=plan.device(), usual=plan.rng.uniform(2500, 6500), fuel_type="DIESEL"
        )
        yield plan.show(truck, plan.at(5, 23))


def _travellers(plan: _Plan) -> Iterator[Shown]:
    for _ in range(plan.rng.randint(4, 8)):
        traveller = _Customer(user_id=plan.person(), device_id=plan.device(), usual=plan.rng.lognormvariate(6.3, 0.2))
        at = plan.at(5, 15)
        yield plan.show(traveller, at)
        if plan.rng.random() < 0.5:
            yield plan.show(traveller, at + timedelta(minutes=plan.rng.uniform(40, 90)), station=TOWN)
        else:
            yield plan.show(traveller, at + timedelta(hours=plan.rng.uniform(4.5, 7)), station=FAR)


def _after_handover(plan: _Plan, shown: Shown) -> Shown:
    """While a shift counts its till nobody is served for some minutes; then all that waited come at once."""
    for hour in _SHIFT_CHANGES:
        change = plan.begin + timedelta(hours=hour)
        if change - timedelta(minutes=7) <= shown.at < change:
            at = change + timedelta(seconds=plan.rng.uniform(5, 120))
            return msgspec.structs.replace(shown, at=at, employee_number=plan.attendant(at, shown.station_code))
    return shown


def _with_slips(plan: _Plan, shown: Shown) -> Iterator[Shown]:
    """Now and then a code is mistyped first, once or twice, and the same torn one is shown again."""
    if plan.rng.random() < 0.02:
        for slip in range(plan.rng.randint(1, 2), 0, -1):
            wrong = plan.code()
            for again in range(plan.rng.randint(1, 2)):
                at = shown.at - timedelta(seconds=25 * slip - 8 * again)
                yield msgspec.structs.replace(shown, at=at, coupon_code=wrong, refused_as=RefusedAs.INVALID_CODE)
    yield shown


# Frauds ---------------------------------------------------------------------------------------------------------------


def _stranger(plan: _Plan, usual: float = 450.0) -> _Customer:
    return _Customer(user_id=plan.person(), device_id=None, usual=usual)


def _reused_coupon(plan: _Plan, _past: list[Shown]) -> Iterator[Shown]:
    """A picture of a coupon is sold: another driver shows it minutes later."""
    first = plan.show(_stranger(plan), plan.at(7, 21))
    second = plan.show(_stranger(plan), first.at + timedelta(minutes=plan.rng.uniform(2, 20)))
    yield first
    yield msgspec.structs.replace(second, coupon_code=first.coupon_code)


def _split_purchase(plan: _Plan, _past: list[Shown]) -> Iterator[Shown]:
    """One purchase is shown as several of the same amount."""
    driver, at = _stranger(plan), plan.at(7, 21)
    for part in range(3):
        yield plan.show(driver, at + timedelta(minutes=2.5 * part), amount=Decimal("300.00"))


def _burst(plan: _Plan, _past: list[Shown]) -> Iterator[Shown]:
    """A bundle of coupons is emptied at once."""
    driver, at = _stranger(plan), plan.at(7, 21)
    for ordinal in range(12):
        yield plan.show(driver, at + timedelta(seconds=40 * ordinal + plan.rng.uniform(0, 20)))


def _drip(plan: _Plan, _past: list[Shown]) -> Iterator[Shown]:
    """The same, slowly, all day."""
    driver = _stranger(plan)
    for ordinal in range(26):
        yield plan.show(driver, plan.begin + timedelta(hours=5, minutes=38 * ordinal + plan.rng.uniform(0, 20)))


def _device_burst(plan: _Plan, _past: list[Shown]) -> Iterator[Shown]:
    """One telephone, four accounts, turn by turn."""
    device, at = plan.device(), plan.at(7, 21)
    drivers = [_Customer(user_id=plan.person(), device_id=device, usual=300) for _ in range(4)]
    for ordinal in range(12):
        yield plan.show(drivers[ordinal % 4], at + timedelta(seconds=40 * ordinal + plan.rng.uniform(0, 15)))


def _device_farm(plan: _Plan, _past: list[Shown]) -> Iterator[Shown]:
    """Accounts made for their welcome coupons, all on one telephone."""
    device, at = plan.device(), plan.at(7, 15)
    for ordinal in range(16):
        driver = _Customer(user_id=plan.person(), device_id=device, usual=200)
        yield plan.show(driver, at + timedelta(minutes=17 * ordinal + plan.rng.uniform(0, 8)))


def _cloned_account(plan: _Plan, _past: list[Shown]) -> Iterator[Shown]:
    driver, at = _stranger(plan), plan.at(7, 21)
    yield plan.show(driver, at)
    yield plan.show(driver, at + timedelta(minutes=plan.rng.uniform(3, 18)), station=FAR)


def _lent_account(plan: _Plan, _past: list[Shown]) -> Iterator[Shown]:
    """In the next town a few minutes later."""
    driver, at = _stranger(plan), plan.at(7, 21)
    yield plan.show(driver, at)
    yield plan.show(driver, at + timedelta(minutes=plan.rng.uniform(4, 12)), station=TOWN)


def _huge_amount(plan: _Plan, past: list[Shown]) -> Iterator[Shown]:
    """Somebody with habits: an amount that no tank of his holds."""
    driver = _stranger(plan, usual=350)
    past.extend(plan.show(driver, plan.begin - timedelta(days=2 + 1.5 * visit)) for visit in range(12))
    yield plan.show(driver, plan.at(7, 21), amount=Decimal(plan.rng.randrange(5000, 9000)))


def _guesser(plan: _Plan, _past: list[Shown]) -> Iterator[Shown]:
    """Tries codes until one is right."""
    driver = _Customer(user_id=plan.person(), device_id=plan.device(), usual=450)
    at = plan.at(7, 21)
    for ordinal in range(9):
        guess = plan.show(driver, at + timedelta(seconds=35 * ordinal))
        yield msgspec.structs.replace(guess, refused_as=RefusedAs.INVALID_CODE)
    yield plan.show(driver, at + timedelta(seconds=350))


def _guessing_attendant(plan: _Plan, _past: list[Shown]) -> Iterator[Shown]:
    """Types in codes in the name of nobody in particular."""
    at = plan.at(1, 4)
    for ordinal in range(13):
        guess = plan.show(_stranger(plan), at + timedelta(seconds=35 * ordinal), station=QUIET)
        is_right = ordinal == 12
        refused_as = None if is_right else RefusedAs.INVALID_CODE
        yield msgspec.structs.replace(guess, employee_number="EMP003099", refused_as=refused_as)


def _flood(plan: _Plan, _past: list[Shown]) -> Iterator[Shown]:
    """A station redeems more coupons than its pumps could serve cars."""
    at = plan.at(1, 4)
    for ordinal in range(75):
        yield plan.show(_stranger(plan), at + timedelta(seconds=7 * ordinal), station=QUIET)


# With the mildest decision by which each one counts as found, at the latest when its last coupon is shown.
_PLANTS: Final[Mapping[str, tuple[Callable[[_Plan, list[Shown]], Iterator[Shown]], Decision]]] = {
    "reused_coupon": (_reused_coupon, Decision.ALLOWED_WITH_REVIEW),
    "split_purchase": (_split_purchase, Decision.FLAGGED),
    "burst": (_burst, Decision.BLOCKED),
    "drip": (_drip, Decision.ALLOWED_WITH_REVIEW),
    "device_burst": (_device_burst, Decision.BLOCKED),
    "device_farm": (_device_farm, Decision.BLOCKED),
    "cloned_account": (_cloned_account, Decision.BLOCKED),
    "lent_account": (_lent_account, Decision.ALLOWED_WITH_REVIEW),
    "huge_amount": (_huge_amount, Decision.ALLOWED_WITH_REVIEW),
    "guesser": (_guesser, Decision.BLOCKED),
    "guessing_attendant": (_guessing_attendant, Decision.ALLOWED_WITH_REVIEW),
    "flood": (_flood, Decision.FLAGGED),
}
PLANTED: Final[Mapping[str, Decision]] = {name: decision for name, (_, decision) in _PLANTS.items()}
