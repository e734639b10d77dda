"""Coupons against redemptions, and redemptions against the ad views that multiply them.

Money is never guessed at: where a redemption or the use of a coupon is gone, people decide. An event is told again only
where its listener decides by its own rules, once.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.ops.reconciling_kinds import difference
from gasolinera.ops.reconciling_models import Comparison, Difference, Moment, Telling


class Use(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    at: datetime
    coupon_code: str
    user_id: UUID
    original_amount: Decimal
    discount_amount: Decimal
    is_given_back: bool
    is_due: bool


class Redeemed(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    at: datetime
    status: str
    coupon_code: str
    user_id: UUID
    original_amount: Decimal
    discount_amount: Decimal
    is_completed: bool


class Multiplied(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    at: datetime
    user_id: UUID
    base_tickets: int
    is_cancelled: bool
    is_due: bool = False


class Bonus(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    at: datetime
    status: str
    user_id: UUID
    tickets: int


def judge_use(use: Use | None, redeemed: Redeemed | None, _moment: Moment) -> Difference | None:
    if use is None:
        assert redeemed is not None
        return _found("redemption_without_use", redeemed) if redeemed.status == "COMPLETED" else None
    if redeemed is None:
        return _found("use_without_redemption", use)
    if not redeemed.is_completed:
        return _judge_uncompleted(use, redeemed)
    return _judge_completed(use, redeemed)


def _judge_uncompleted(use: Use, redeemed: Redeemed) -> Difference | None:
    """What is under way is driven to its end by the recovery, whatever state it is in."""
    if redeemed.status in ("PENDING", "IN_PROGRESS"):
        return _found("use_of_unfinished", redeemed)
    return None if use.is_given_back else _found("use_of_failed", redeemed)


def _judge_completed(use: Use, redeemed: Redeemed) -> Difference | None:
    said, kept = ((one.coupon_code, one.user_id, one.original_amount, one.discount_amount) for one in (use, redeemed))
    if said != kept:
        return _found("use_that_differs", redeemed)
    if redeemed.status == "CANCELLED" and not use.is_given_back and use.is_due:
        telling = Telling("redemption", "redemption.cancelled", use.key, "coupon", "take_redemption_cancelled")
        return _found("cancellation_not_told", redeemed, telling)
    if redeemed.status == "COMPLETED" and use.is_given_back:
        return _found("given_back_but_completed", use)
    return None


def judge_multiplied(redeemed: Multiplied | None, known: Multiplied | None, _moment: Moment) -> Difference | None:
    """Redemptions against what the ad engine was told of them, of those that views may still multiply."""
    if redeemed is None:
        assert known is not None
        return _found("multiplied_unknown", known)
    if known is None:
        return _ads_not_told("completion", "completed", redeemed) if redeemed.is_due else None
    if redeemed.is_cancelled and not known.is_cancelled:
        return _ads_not_told("cancellation", "cancelled", redeemed)
    return _found("cancelled_but_completed", known) if known.is_cancelled and not redeemed.is_cancelled else None


def _ads_not_told(what: str, event: str, redeemed: Multiplied) -> Difference | None:
    if what == "completion" and redeemed.is_cancelled:
        return None  # nothing of it is to be multiplied
    telling = Telling("redemption", f"redemption.{event}", redeemed.key, "ads", "take_redemption_event")
    return _found(f"{what}_not_told_to_ads", redeemed, telling)


def judge_bonus(view: Bonus | None, bonus: Bonus | None, _moment: Moment) -> Difference | None:
    """Completed views against the tickets that they made, which may be fewer: never more than the ad engine granted."""
    if view is None:
        assert bonus is not None
        return _found("bonus_of_unknown_view", bonus) if bonus.status == "ISSUED" else None
    if bonus is None:
        is_owed = view.status == "COMPLETED" and view.tickets > 0
        return _found("bonus_not_told", view, _view_event("completed", view)) if is_owed else None
    if bonus.status == "ISSUED":
        if view.status == "REJECTED":
            telling = _view_event("rejected", view)
            return difference("rejection_not_told", view.key, view.at, telling=telling, tickets=bonus.tickets)
        if bonus.tickets > view.tickets or bonus.user_id != view.user_id:
            return difference("bonus_that_differs", view.key, bonus.at, granted=view.tickets, tickets=bonus.tickets)
    if bonus.status == "TAKEN_BACK" and view.status == "COMPLETED":
        return _found("rejected_but_completed", bonus)
    return None


def _view_event(what: str, view: Bonus) -> Telling:
    return Telling("ads", f"ad.view.{what}", view.key, "redemption", "take_ad_view_event")


def _found(kind: str, row: Use | Redeemed | Multiplied | Bonus, telling: Telling | None = None) -> Difference:
    facts = {name: value for name, value in msgspec.structs.asdict(row).items() if name not in ("key", "at")}
    return difference(kind, row.key, row.at, telling=telling, **facts)


COMPARISONS: Final = (
    Comparison("uses", "coupon", "redemption", Use, Redeemed, judge_use),
    Comparison("multiplied", "redemption", "ads", Multiplied, Multiplied, judge_multiplied),
    Comparison("bonuses", "ads", "redemption", Bonus, Bonus, judge_bonus),
)
