"""People as one service knows them against what it told the others: employments, accounts, erasures."""

from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from gasolinera.ops.reconciling_kinds import difference
from gasolinera.ops.reconciling_models import Comparison, Difference, Fact, Moment, Telling

# Which listener of a service does what an erasure, or another word about an account, asks for.
_ERASING: Final = {
    "station": "take_account_event",
    "coupon": "forget_coupons_of_user",
    "redemption": "forget_erased_user",
    "ads": "forget_erased_user",
    "raffle": "take_user_event",
}
_FOLLOWING: Final = {"station": "take_account_event", "raffle": "take_user_event"}
_EMPLOYING: Final = ("auth", "redemption", "raffle")
_CUSTOMER: Final = "CUSTOMER"


class Employment(msgspec.Struct, frozen=True, kw_only=True):
    """`said`: all that this listener keeps of an employment, in one text."""

    key: str
    at: datetime
    said: str
    version: int = 0
    is_active: bool = True


class Account(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    at: datetime
    is_active: bool
    role: str | None


def judge_employment(told: str, own: Employment | None, known: Employment | None, moment: Moment) -> Difference | None:
    """The station service has the last word, unless it told of later things than it knows itself."""
    if own is None:
        assert known is not None
        return difference("employment_of_later", known.key, known.at, told=told, version=known.version)
    is_told = not own.is_active if known is None else known.said == own.said
    if is_told:
        return None
    if known is not None and known.version > moment.employment_version:
        return difference("employment_of_later", known.key, known.at, told=told, version=known.version)
    telling = Telling("station", "employee.changed", own.key, told, "take_employee_changed")
    return difference("employment_not_told", own.key, own.at, telling=telling, lacking=told, told=told)


def judge_erasure(told: str, erased: Fact | None, known: Fact | None, _moment: Moment) -> Difference | None:
    """Who was erased comes back with a backup; forgetting again is safe, and owed."""
    if erased is None:
        assert known is not None
        return difference("erasure_unknown", known.key, known.at, told=told)
    if known is not None:
        return None
    telling = Telling("auth", "user.erased", erased.key, told, _ERASING[told])
    return difference("erasure_not_told", erased.key, erased.at, telling=telling, lacking=told, told=told)


def judge_account(told: str, own: Account | None, known: Account | None, _moment: Moment) -> Difference | None:
    """A listener has no word of an account that was never anything but an active customer's; station keeps no roles."""
    if own is None:
        return None  # an orphan, which the check of links counts
    is_active, role = (True, _CUSTOMER) if known is None else (known.is_active, known.role)
    if own.is_active == is_active and (told != "raffle" or own.role == role):
        return None
    telling = Telling("auth", "user.changed", own.key, told, _FOLLOWING[told])
    state = "active" if own.is_active else "not active"
    return difference(
        "account_not_told", own.key, own.at, telling=telling, lacking=told, told=told, state=state, role=own.role
    )


COMPARISONS: Final = (
    *(
        Comparison(f"employees_{told}", "station", told, Employment, Employment, partial(judge_employment, told))
        for told in _EMPLOYING
    ),
    *(Comparison(f"erasures_{told}", "auth", told, Fact, Fact, partial(judge_erasure, told)) for told in _ERASING),
    *(
        Comparison(f"accounts_{told}", "auth", told, Account, Account, partial(judge_account, told))
        for told in _FOLLOWING
    ),
)
