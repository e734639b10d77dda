"""What the application said of the day: the answers of its redemptions, counted, and what it was asked afterwards."""

from collections import Counter
from decimal import Decimal
from http import HTTPStatus
from typing import Final
from uuid import UUID

from gasolinera.ads.models_views import View, ViewStatus
from gasolinera.redemption.models import Redemption, Status
from gasolinera.simulation.asking import Answer
from gasolinera.simulation.totals import Totals

_MAX_TOLD: Final = 20


class Tally:
    """Of one day. `surprises` are answers that the plan does not know, some of them in words; `earned`: under which
    reference those bought who watch afterwards.
    """

    def __init__(self) -> None:
        self.refusals: Counter[str] = Counter()
        self.redemptions: dict[str, Redemption] = {}
        self.surprises: list[str] = []
        self.surprise_count = 0
        self.earned: dict[UUID, str] = {}
        self.views: dict[UUID, View] = {}
        self.free_entries = 0
        self.pump_codes = 0

    def refused(self, answer: Answer, *problems: str) -> None:
        """Counts the refusal, where it is one of these."""
        if answer.problem in problems:
            self.refusals[answer.problem] += 1
        else:
            self.surprise(answer, " or ".join(problems))

    def refused_or_none(self, answer: Answer, problem: str) -> None:
        """For those of a rush, of whom nobody knows who comes first."""
        if answer.problem is None:
            self.completed(answer)
        else:
            self.refused(answer, problem)

    def completed(self, answer: Answer) -> Redemption | None:
        """Keeps the redemption as it was told last. None: it was refused, which is a surprise."""
        if answer.problem is not None:
            self.surprise(answer, "a redemption")
            return None
        return self.keep(answer.read(Redemption), Status.COMPLETED)

    def keep(self, redemption: Redemption, status: Status) -> Redemption:
        if redemption.status is not status:
            self.surprise(Answer(HTTPStatus.OK, redemption.status.encode(), None), status)
        self.redemptions[redemption.transaction_reference] = redemption
        return redemption

    def seen(self, view: View, status: ViewStatus) -> None:
        if view.status is not status:
            self.surprise(Answer(HTTPStatus.OK, view.status.encode(), None), status)
        self.views[view.view_id] = view

    def same(self, one: object, other: object) -> None:
        """What is asked twice has one answer."""
        if one != other:
            self.surprise(Answer(HTTPStatus.OK, repr(other).encode(), None), repr(one))

    def surprise(self, answer: Answer, expected: str) -> None:
        self.surprise_count += 1
        if len(self.surprises) < _MAX_TOLD:
            self.surprises.append(f"{expected} was expected: {answer.status} {answer.content.decode()[:300]}")

    def totals(self) -> Totals:
        """As far as answers to redemptions tell them."""
        by_status = Counter(redemption.status for redemption in self.redemptions.values())
        kept = [one for one in self.redemptions.values() if one.status is Status.COMPLETED]
        ended = Counter(view.status for view in self.views.values())
        refused = self.refusals
        return Totals(
            attempts_already_used=refused["coupon.already_used"],
            attempts_budget_exhausted=refused["coupon.budget_exhausted"],
            attempts_minimum_not_met=refused["coupon.minimum_not_met"],
            attempts_other_station=refused["coupon.station_not_eligible"],
            redemptions_completed=len(kept),
            redemptions_failed=sum(
                refused[f"coupon.{why}"]
                for why in ("already_used", "budget_exhausted", "minimum_not_met", "station_not_eligible")
            )
            + refused["redemption.blocked"],
            used_coupons_refused=refused["coupon.already_used"] + refused["redemption.blocked"],
            redemptions_cancelled=by_status[Status.CANCELLED],
            original_amount=sum((one.original_amount for one in kept), Decimal()),
            discount_amount=sum((one.discount_amount for one in kept), Decimal()),
            final_amount=sum((one.final_amount for one in kept), Decimal()),
            fuel_litres=sum((one.fuel_litres or Decimal() for one in kept), Decimal()),
            tickets_of_redemptions=sum(one.tickets_earned for one in self.redemptions.values()),
            tickets_issued=sum(one.tickets_earned for one in self.redemptions.values())
            + self.free_entries
            + sum(view.bonus_tickets for view in self.views.values()),
            tickets_taken_back=sum(
                one.tickets_earned for one in self.redemptions.values() if one.status is Status.CANCELLED
            ),
            pump_codes_completed=self.pump_codes,
            blocked=refused["redemption.blocked"],
            views_started=len(self.views),
            views_completed=ended[ViewStatus.COMPLETED],
            views_rejected=ended[ViewStatus.REJECTED],
            views_abandoned=ended[ViewStatus.ABANDONED],
            bonus_tickets=sum(view.bonus_tickets for view in self.views.values()),
            surprises=self.surprise_count,
        )
