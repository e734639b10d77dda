"""The frauds that are planted in a sample day. Nothing here knows the rules that shall find them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final

import msgspec

from gasolinera.redemption.models_fraud import Decision, RefusedAs
from gasolinera.redemption.sample_plan import FAR, QUIET, TOWN, Customer, Plan, Shown


def _stranger(plan: Plan, usual: float = 450.0) -> Customer:
    return Customer(user_id=plan.person(), device_id=None, usual=usual)


def _reused_coupon(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    """A picture of a coupon is sold: another driver shows it minutes later."""
    first = plan.show(_stranger(plan), plan.at(7, 21))
    second = plan.show(_stranger(plan), first.at + timedelta(minutes=plan.rng.uniform(2, 20)))
    yield first
    yield msgspec.structs.replace(second, coupon_code=first.coupon_code)


def _split_purchase(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    """One purchase is shown as several of the same amount."""
    driver, at = _stranger(plan), plan.at(7, 21)
    for part in range(3):
        yield plan.show(driver, at + timedelta(minutes=2.5 * part), amount=Decimal("300.00"))


def _burst(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    """A bundle of coupons is emptied at once."""
    driver, at = _stranger(plan), plan.at(7, 21)
    for ordinal in range(12):
        yield plan.show(driver, at + timedelta(seconds=40 * ordinal + plan.rng.uniform(0, 20)))


def _hoard(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    """A bundle of coupons is validated first, one after the other, and then emptied at once."""
    driver, at = _stranger(plan), plan.at(7, 21)
    uses = [plan.show(driver, at + timedelta(minutes=25, seconds=30 * ordinal)) for ordinal in range(12)]
    for ordinal, use in enumerate(uses):
        yield msgspec.structs.replace(use, at=at + timedelta(seconds=40 * ordinal), validated_only=True)
    yield from uses


def _drip(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    """The same, slowly, all day."""
    driver = _stranger(plan)
    for ordinal in range(26):
        yield plan.show(driver, plan.begin + timedelta(hours=5, minutes=38 * ordinal + plan.rng.uniform(0, 20)))


def _device_burst(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    """One telephone, four accounts, turn by turn."""
    device, at = plan.device(), plan.at(7, 21)
    drivers = [Customer(user_id=plan.person(), device_id=device, usual=300) for _ in range(4)]
    for ordinal in range(12):
        yield plan.show(drivers[ordinal % 4], at + timedelta(seconds=40 * ordinal + plan.rng.uniform(0, 15)))


def _device_farm(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    """Accounts made for their welcome coupons, all on one telephone."""
    device, at = plan.device(), plan.at(7, 15)
    for ordinal in range(16):
        driver = Customer(user_id=plan.person(), device_id=device, usual=200)
        yield plan.show(driver, at + timedelta(minutes=17 * ordinal + plan.rng.uniform(0, 8)))


def _cloned_account(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    driver, at = _stranger(plan), plan.at(7, 21)
    yield plan.show(driver, at)
    yield plan.show(driver, at + timedelta(minutes=plan.rng.uniform(3, 18)), station=FAR)


def _lent_account(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    """In the next town a few minutes later."""
    driver, at = _stranger(plan), plan.at(7, 21)
    yield plan.show(driver, at)
    yield plan.show(driver, at + timedelta(minutes=plan.rng.uniform(4, 12)), station=TOWN)


def _huge_amount(plan: Plan, past: list[Shown]) -> Iterator[Shown]:
    """Somebody with habits: an amount that no tank of his holds."""
    driver = _stranger(plan, usual=350)
    past.extend(plan.show(driver, plan.begin - timedelta(days=2 + 1.5 * visit)) for visit in range(12))
    yield plan.show(driver, plan.at(7, 21), amount=Decimal(plan.rng.randrange(5000, 9000)))


def _guesser(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    """Tries codes until one is right."""
    driver = Customer(user_id=plan.person(), device_id=plan.device(), usual=450)
    at = plan.at(7, 21)
    for ordinal in range(9):
        guess = plan.show(driver, at + timedelta(seconds=35 * ordinal))
        yield msgspec.structs.replace(guess, refused_as=RefusedAs.INVALID_CODE)
    yield plan.show(driver, at + timedelta(seconds=350))


def _guessing_attendant(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    """Types in codes in the name of nobody in particular."""
    at = plan.at(1, 4)
    for ordinal in range(13):
        guess = plan.show(_stranger(plan), at + timedelta(seconds=35 * ordinal), station=QUIET)
        is_right = ordinal == 12
        refused_as = None if is_right else RefusedAs.INVALID_CODE
        yield msgspec.structs.replace(guess, employee_number="EMP003099", refused_as=refused_as)


def _flood(plan: Plan, _past: list[Shown]) -> Iterator[Shown]:
    """A station redeems more coupons than its pumps could serve cars."""
    at = plan.at(1, 4)
    for ordinal in range(75):
        yield plan.show(_stranger(plan), at + timedelta(seconds=7 * ordinal), station=QUIET)


# With the mildest decision by which each one counts as found, at the latest when its last coupon is shown.
PLANTS: Final[Mapping[str, tuple[Callable[[Plan, list[Shown]], Iterator[Shown]], Decision]]] = {
    "reused_coupon": (_reused_coupon, Decision.ALLOWED_WITH_REVIEW),
    "split_purchase": (_split_purchase, Decision.FLAGGED),
    "burst": (_burst, Decision.BLOCKED),
    "hoard": (_hoard, Decision.BLOCKED),
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
PLANTED: Final[Mapping[str, Decision]] = {name: decision for name, (_, decision) in PLANTS.items()}
