"""A busy station's day as plain data: what honest people do there, and frauds of every kind planted among them.

`sample_day(seed, day)` is always the same for the same arguments. Rules against fraud are tried on it: nobody honest
may be blocked, and every planted fraud must be found. Nothing here knows the rules.
"""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from gasolinera.redemption.models_fraud import RefusedAs
from gasolinera.redemption.sample_frauds import PLANTS
from gasolinera.redemption.sample_plan import (
    BUSY,
    FAR,
    NEAR,
    QUIET,
    SHIFT_CHANGES,
    TOWN,
    Customer,
    Place,
    Plan,
    SampleDay,
    Shown,
)

# Redemptions expected in each hour at the busy station: two peaks, few at night.
_BY_HOUR: Final = (4, 3, 2, 2, 4, 12, 28, 55, 58, 40, 32, 30, 36, 42, 36, 32, 38, 52, 60, 55, 38, 24, 14, 8)
_REGULARS: Final = 420
_FAMILIES: Final = 50
_FLEETS: Final = 5


def sample_day(seed: int, day: date) -> SampleDay:
    """Hours are those of UTC. About 900 honest attempts and 210 planted ones."""
    plan = Plan(random.Random(seed), datetime.combine(day, time(), UTC))  # noqa: S311  a test repeats it
    customers = [*_regulars(plan), *_families(plan)]
    fleets = [
        Customer(user_id=plan.person(), device_id=None, usual=plan.rng.uniform(1500, 3500), fuel_type="DIESEL")
        for _ in range(_FLEETS)
    ]
    past = [
        plan.show(customer, plan.begin - timedelta(days=plan.rng.uniform(1, 21)))
        for customer in (*customers, *fleets)
        for _ in range(plan.rng.randint(3, 12))
    ]
    honest = [*_visits(plan, customers), *_fleet_mornings(plan, fleets), *_passing_trucks(plan), *_travellers(plan)]
    honest = [after for shown in honest for after in _with_slips(plan, _after_handover(plan, shown))]
    honest = [after for shown in honest for after in _with_steps(plan, shown)]
    honest += [*_poster(plan), *_firms_coupon(plan), *_photographed(plan)]
    planted: list[Shown] = []
    for name, (plant, _) in PLANTS.items():
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


def _regulars(plan: Plan) -> Iterator[Customer]:
    for _ in range(_REGULARS):
        kind = plan.rng.random()
        yield Customer(
            user_id=plan.person(),
            device_id=plan.device() if plan.rng.random() < 0.6 else None,
            # Motorcycles, and cars.
            usual=plan.rng.uniform(80, 140) if kind < 0.12 else plan.rng.lognormvariate(6.1, 0.35),
            fuel_type=plan.rng.choices(("REGULAR", "PREMIUM", "DIESEL"), (70, 22, 8))[0],
            is_round=plan.rng.random() < 0.4,
        )


def _families(plan: Plan) -> Iterator[Customer]:
    """Two to four people with accounts of their own and one telephone or tablet."""
    for _ in range(_FAMILIES):
        device = plan.device()
        for _ in range(plan.rng.randint(2, 4)):
            yield Customer(
                user_id=plan.person(),
                device_id=device,
                usual=plan.rng.lognormvariate(6.0, 0.3),
                is_round=plan.rng.random() < 0.4,
            )


def _visits(plan: Plan, customers: list[Customer]) -> Iterator[Shown]:
    """Hour by hour, as many as come by chance; hardly anybody comes three times a day. Some go to one nearby."""
    waiting: list[Customer] = []
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


def _fleet_mornings(plan: Plan, fleets: list[Customer]) -> Iterator[Shown]:
    """A firm's vans fill up one after the other before they leave, on one account; some come back in the evening."""
    for fleet in fleets:
        start = plan.at(5.2, 8)
        for van in range(plan.rng.randint(3, 5)):
            yield plan.show(fleet, start + timedelta(minutes=6 * van + plan.rng.uniform(0, 4)))
        for _ in range(plan.rng.randint(0, 2)):
            yield plan.show(fleet, plan.at(16, 20))


def _passing_trucks(plan: Plan) -> Iterator[Shown]:
    """Seen once, and their tanks are large."""
    for _ in range(plan.rng.randint(3, 7)):
        truck = Customer(
            user_id=plan.person(), device_id=plan.device(), usual=plan.rng.uniform(2500, 6500), fuel_type="DIESEL"
        )
        yield plan.show(truck, plan.at(5, 23))


def _travellers(plan: Plan) -> Iterator[Shown]:
    for _ in range(plan.rng.randint(4, 8)):
        traveller = Customer(user_id=plan.person(), device_id=plan.device(), usual=plan.rng.lognormvariate(6.3, 0.2))
        at = plan.at(5, 15)
        yield plan.show(traveller, at)
        if plan.rng.random() < 0.5:
            yield plan.show(traveller, at + timedelta(minutes=plan.rng.uniform(40, 90)), station=TOWN)
        else:
            yield plan.show(traveller, at + timedelta(hours=plan.rng.uniform(4.5, 7)), station=FAR)


def _after_handover(plan: Plan, shown: Shown) -> Shown:
    """While a shift counts its till nobody is served for some minutes; then all that waited come at once."""
    for hour in SHIFT_CHANGES:
        change = plan.begin + timedelta(hours=hour)
        if change - timedelta(minutes=7) <= shown.at < change:
            at = change + timedelta(seconds=plan.rng.uniform(5, 120))
            return msgspec.structs.replace(shown, at=at, employee_number=plan.attendant(at, shown.station_code))
    return shown


def _with_slips(plan: Plan, shown: Shown) -> Iterator[Shown]:
    """Now and then a code is mistyped first, once or twice, and the same torn one is shown again."""
    if plan.rng.random() < 0.02:
        for slip in range(plan.rng.randint(1, 2), 0, -1):
            wrong = plan.code()
            for again in range(plan.rng.randint(1, 2)):
                at = shown.at - timedelta(seconds=25 * slip - 8 * again)
                yield msgspec.structs.replace(shown, at=at, coupon_code=wrong, refused_as=RefusedAs.INVALID_CODE)
    yield shown


def _with_steps(plan: Plan, shown: Shown) -> Iterator[Shown]:
    """Of every four one is validated before the fuel flows; where the answer is lost, once or twice more."""
    if shown.refused_as is None and plan.rng.random() < 0.25:
        for step in range(1 if plan.rng.random() < 0.8 else plan.rng.randint(2, 3)):
            at = shown.at - timedelta(minutes=plan.rng.uniform(2, 9), seconds=step)
            yield msgspec.structs.replace(shown, at=at, validated_only=True)
    yield shown


def _poster(plan: Plan) -> Iterator[Shown]:
    """A coupon for whoever comes, at the till: one after the other shows it."""
    code, at = plan.code(), plan.at(9, 18)
    for ordinal in range(plan.rng.randint(8, 14)):
        driver = Customer(user_id=plan.person(), device_id=None, usual=plan.rng.lognormvariate(6.1, 0.35))
        shown = plan.show(driver, at + timedelta(minutes=4 * ordinal + plan.rng.uniform(0, 3)))
        yield msgspec.structs.replace(shown, coupon_code=code, is_shared=True)


def _firms_coupon(plan: Plan) -> Iterator[Shown]:
    """One coupon of five uses: two vans of one account fill up for the same amount."""
    firm, code, at = Customer(user_id=plan.person(), device_id=None, usual=800), plan.code(), plan.at(6, 20)
    for van in range(2):
        shown = plan.show(firm, at + timedelta(minutes=4 * van), amount=Decimal("800.00"))
        yield msgspec.structs.replace(shown, coupon_code=code, is_shared=True)


def _photographed(plan: Plan) -> Iterator[Shown]:
    """Somebody far away validates a picture of the coupon, and is not served: its owner is, minutes later."""
    owner = Customer(user_id=plan.person(), device_id=None, usual=500)
    shown = plan.show(owner, plan.at(7, 21))
    at = shown.at - timedelta(minutes=plan.rng.uniform(3, 20))
    yield msgspec.structs.replace(shown, at=at, station_code=FAR, validated_only=True)
    yield shown
