"""Which differences two rows are, kind by kind; and that what repairs them is there."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from gasolinera.app import ALL_PARTS
from gasolinera.database import load_queries
from gasolinera.ops import reconciling_people as people
from gasolinera.ops import reconciling_tickets as tickets
from gasolinera.ops import reconciling_uses as uses
from gasolinera.ops.reconciling import COMPARISONS
from gasolinera.ops.reconciling_events import AGGREGATES
from gasolinera.ops.reconciling_heard import PUBLISHERS
from gasolinera.ops.reconciling_kinds import KINDS
from gasolinera.ops.reconciling_models import Difference, Fact, Moment, Remedy, Telling

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
ONE, OTHER = UUID(int=1), UUID(int=2)
MOMENT = Moment(AT, {"OPENED": "OPEN", "CLOSED": "CLOSED", "DRAWN": "COMPLETED", "OFF": "CANCELLED"}, 10)

USE = uses.Use(
    key="RDM-1", at=AT, coupon_code="C1", user_id=ONE, original_amount=Decimal(100), discount_amount=Decimal(10),
    is_given_back=False, is_due=True,
)  # fmt: skip
REDEEMED = uses.Redeemed(
    key="RDM-1", at=AT, status="COMPLETED", coupon_code="C1", user_id=ONE, original_amount=Decimal("100.00"),
    discount_amount=Decimal("10.00"), is_completed=True,
)  # fmt: skip
MULTIPLIED = uses.Multiplied(key="RDM-1", at=AT, user_id=ONE, base_tickets=2, is_cancelled=False, is_due=True)
VIEW = uses.Bonus(key="V", at=AT, status="COMPLETED", user_id=ONE, tickets=3)
BONUS = uses.Bonus(key="V", at=AT, status="ISSUED", user_id=ONE, tickets=3)
OWN = tickets.Ticket(key="TKT", at=AT, status="ENTERED", raffle_code="OPENED", user_id=ONE, issuance_id=OTHER)
HELD = msgspec.structs.replace(OWN, status="ACTIVE")
RAFFLE = tickets.Raffle(key="OPENED", at=AT, is_open=True, said="t 1")
EMPLOYED = people.Employment(key="EMP1", at=AT, said="u S t", version=10)
ACCOUNT = people.Account(key="u", at=AT, is_active=True, role="CUSTOMER")
FACT = Fact("k", AT)


def but(row: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(row, **changes)


Judge = Callable[[Any, Any, Moment], Difference | None]


def employment(own: Any, known: Any, moment: Moment) -> Difference | None:
    return people.judge_employment("auth", own, known, moment)


def erasure(own: Any, known: Any, moment: Moment) -> Difference | None:
    return people.judge_erasure("ads", own, known, moment)


def raffle_account(own: Any, known: Any, moment: Moment) -> Difference | None:
    return people.judge_account("raffle", own, known, moment)


def station_account(own: Any, known: Any, moment: Moment) -> Difference | None:
    return people.judge_account("station", own, known, moment)


DIFFER: list[tuple[Judge, Any, Any, str]] = [
    (uses.judge_use, None, REDEEMED, "redemption_without_use"),
    (uses.judge_use, USE, None, "use_without_redemption"),
    (uses.judge_use, USE, but(REDEEMED, status="PENDING", is_completed=False), "use_of_unfinished"),
    (uses.judge_use, USE, but(REDEEMED, status="FAILED", is_completed=False), "use_of_failed"),
    (uses.judge_use, USE, but(REDEEMED, discount_amount=Decimal(11)), "use_that_differs"),
    (uses.judge_use, USE, but(REDEEMED, user_id=OTHER), "use_that_differs"),
    (uses.judge_use, USE, but(REDEEMED, status="CANCELLED"), "cancellation_not_told"),
    (uses.judge_use, but(USE, is_given_back=True), REDEEMED, "given_back_but_completed"),
    (uses.judge_multiplied, None, MULTIPLIED, "multiplied_unknown"),
    (uses.judge_multiplied, MULTIPLIED, None, "completion_not_told_to_ads"),
    (uses.judge_multiplied, but(MULTIPLIED, is_cancelled=True), MULTIPLIED, "cancellation_not_told_to_ads"),
    (uses.judge_multiplied, MULTIPLIED, but(MULTIPLIED, is_cancelled=True), "cancelled_but_completed"),
    (uses.judge_bonus, None, BONUS, "bonus_of_unknown_view"),
    (uses.judge_bonus, VIEW, None, "bonus_not_told"),
    (uses.judge_bonus, but(VIEW, status="REJECTED", tickets=0), BONUS, "rejection_not_told"),
    (uses.judge_bonus, VIEW, but(BONUS, status="TAKEN_BACK"), "rejected_but_completed"),
    (uses.judge_bonus, VIEW, but(BONUS, tickets=4), "bonus_that_differs"),
    (tickets.judge_ticket, None, HELD, "ticket_unknown"),
    (tickets.judge_ticket, OWN, None, "entry_missing"),
    (tickets.judge_ticket, OWN, but(HELD, status="REFUSED", raffle_code="ELSE"), "entry_missing"),
    (tickets.judge_ticket, but(OWN, raffle_code="CLOSED"), None, "entry_missing_after_close"),
    (tickets.judge_ticket, but(OWN, raffle_code="DRAWN", status="USED"), None, "entry_missing_after_close"),
    (tickets.judge_ticket, but(OWN, raffle_code="NONE"), None, "raffle_unknown"),
    (tickets.judge_ticket, OWN, but(HELD, status="REFUSED"), "refusal_not_told"),
    (tickets.judge_ticket, but(OWN, raffle_code="OFF"), but(HELD, raffle_code="OFF", status="CANCELLED"),
     "refusal_not_told"),
    (tickets.judge_ticket, OWN, but(HELD, status="CANCELLED"), "revoked_but_entered"),
    (tickets.judge_ticket, OWN, but(HELD, status="REVOKED", raffle_code=None), "revoked_but_entered"),
    (tickets.judge_ticket, OWN, but(HELD, raffle_code="CLOSED"), "ticket_that_differs"),
    (tickets.judge_ticket, OWN, but(HELD, user_id=OTHER), "ticket_that_differs"),
    (tickets.judge_ticket, but(OWN, status="USED"), HELD, "drawn_but_open"),
    (tickets.judge_ticket, but(OWN, status="CANCELLED"), HELD, "revocation_not_told"),
    (tickets.judge_ticket, but(OWN, status="CANCELLED", raffle_code="CLOSED"), but(HELD, raffle_code="CLOSED"),
     "revocation_not_told_in_time"),
    (tickets.judge_ticket, but(OWN, status="ACTIVE", raffle_code=None), HELD, "choice_lost"),
    (tickets.judge_raffle, None, RAFFLE, "offered_raffle_unknown"),
    (tickets.judge_raffle, RAFFLE, None, "raffle_not_told"),
    (tickets.judge_raffle, RAFFLE, but(RAFFLE, said="t 2"), "raffle_not_told"),
    (tickets.judge_raffle, but(RAFFLE, is_open=False), RAFFLE, "raffle_not_told"),
    (tickets.judge_draw, FACT, None, "draw_not_told"),
    (tickets.judge_draw, None, FACT, "draw_unknown"),
    (employment, EMPLOYED, None, "employment_not_told"),
    (employment, EMPLOYED, but(EMPLOYED, said="u S f"), "employment_not_told"),
    (employment, EMPLOYED, but(EMPLOYED, said="u S f", version=11), "employment_of_later"),
    (employment, None, EMPLOYED, "employment_of_later"),
    (erasure, FACT, None, "erasure_not_told"),
    (erasure, None, FACT, "erasure_unknown"),
    (raffle_account, but(ACCOUNT, role="EMPLOYEE"), None, "account_not_told"),
    (raffle_account, ACCOUNT, but(ACCOUNT, is_active=False), "account_not_told"),
    (station_account, but(ACCOUNT, is_active=False), None, "account_not_told"),
]  # fmt: skip

AGREE: list[tuple[Judge, Any, Any]] = [
    (uses.judge_use, USE, REDEEMED),
    (uses.judge_use, None, but(REDEEMED, status="PENDING", is_completed=False)),
    (uses.judge_use, None, but(REDEEMED, status="FAILED", is_completed=False)),
    (uses.judge_use, None, but(REDEEMED, status="CANCELLED")),
    (uses.judge_use, but(USE, is_given_back=True), but(REDEEMED, status="CANCELLED")),
    (uses.judge_use, but(USE, is_due=False), but(REDEEMED, status="CANCELLED")),  # forfeited by the campaign's policy
    (uses.judge_use, but(USE, is_given_back=True), but(REDEEMED, status="FAILED", is_completed=False)),
    (uses.judge_multiplied, MULTIPLIED, MULTIPLIED),
    (uses.judge_multiplied, but(MULTIPLIED, is_due=False), None),
    (uses.judge_multiplied, but(MULTIPLIED, is_cancelled=True), None),
    (uses.judge_bonus, VIEW, BONUS),
    (uses.judge_bonus, VIEW, but(BONUS, tickets=2)),  # no more than the redemption's own tickets allow
    (uses.judge_bonus, VIEW, but(BONUS, status="NOT_COMPLETED", tickets=0)),
    (uses.judge_bonus, but(VIEW, tickets=0), None),
    (uses.judge_bonus, but(VIEW, status="REJECTED", tickets=0), None),
    (uses.judge_bonus, but(VIEW, status="REJECTED", tickets=0), but(BONUS, status="TAKEN_BACK")),
    (uses.judge_bonus, None, but(BONUS, status="TAKEN_BACK")),
    (tickets.judge_ticket, OWN, HELD),
    (tickets.judge_ticket, but(OWN, status="USED", raffle_code="DRAWN"), but(HELD, raffle_code="DRAWN")),
    (tickets.judge_ticket, but(OWN, status="ACTIVE", raffle_code=None), None),
    (tickets.judge_ticket, but(OWN, status="ACTIVE", raffle_code=None), but(HELD, status="REFUSED")),
    (tickets.judge_ticket, but(OWN, status="CANCELLED"), but(HELD, status="CANCELLED")),
    (tickets.judge_ticket, but(OWN, status="CANCELLED"), but(HELD, is_disqualified=True)),
    (tickets.judge_ticket, but(OWN, status="EXPIRED", raffle_code=None), None),
    (tickets.judge_ticket, None, but(HELD, status="REVOKED", raffle_code=None)),
    (tickets.judge_raffle, RAFFLE, RAFFLE),
    (tickets.judge_raffle, but(RAFFLE, is_open=False), None),
    (tickets.judge_raffle, but(RAFFLE, is_open=False, said="x"), but(RAFFLE, is_open=False)),
    (tickets.judge_raffle, None, but(RAFFLE, is_open=False)),
    (tickets.judge_draw, FACT, FACT),
    (employment, EMPLOYED, EMPLOYED),
    (employment, but(EMPLOYED, is_active=False), None),  # it ended before anybody was told of it
    (erasure, FACT, FACT),
    (raffle_account, ACCOUNT, None),
    (raffle_account, ACCOUNT, ACCOUNT),
    (raffle_account, None, ACCOUNT),
    (station_account, but(ACCOUNT, role="EMPLOYEE"), None),
]


@pytest.mark.parametrize(("judge", "left", "right", "kind"), DIFFER)
def test_rows_that_differ_are_told_by_kind_with_who_lacks_what_and_a_way_out(
    judge: Judge, left: Any, right: Any, kind: str
) -> None:
    found = judge(left, right, MOMENT)
    assert found is not None
    assert found.kind == kind
    assert found.subject == (left or right).key
    assert (found.telling is None) == bool(found.steps)
    assert "{" not in found.explanation.replace("[{", "")
    assert found.telling is None or found.telling.service == found.lacking


@pytest.mark.parametrize(("judge", "left", "right"), AGREE)
def test_rows_that_may_be_so_are_no_difference(judge: Judge, left: Any, right: Any) -> None:
    assert judge(left, right, MOMENT) is None


def test_every_kind_of_the_catalogue_is_found_somewhere() -> None:
    by_events = {"event_not_heard", "event_not_told"}
    assert {kind for *_, kind in DIFFER} | by_events == set(KINDS)


def tellings() -> list[Telling]:
    found = [judge(left, right, MOMENT) for judge, left, right, _ in DIFFER]
    found += [people.judge_erasure(told, FACT, None, MOMENT) for told in ("station", "coupon", "redemption", "raffle")]
    found += [people.judge_employment(told, EMPLOYED, None, MOMENT) for told in ("auth", "redemption", "raffle")]
    return [one.telling for one in found if one is not None and one.telling is not None]


@pytest.mark.parametrize("telling", sorted(set(tellings()), key=str), ids=lambda one: f"{one.service} {one.type}")
def test_what_repairs_goes_to_a_listener_that_is_there_and_can_be_made_anew(telling: Telling) -> None:
    consumers = {
        consumer.key: consumer for part in ALL_PARTS if part.name == telling.service for consumer in part.consumers
    }
    assert telling.type in consumers[telling.consumer].types
    assert telling.type in PUBLISHERS[telling.publisher]
    queries = load_queries("gasolinera.ops", f"reconciling_{telling.publisher}.sql")
    assert f"rebuild_{telling.type.replace('.', '_')}" in queries
    assert telling.type in AGGREGATES


def test_every_type_that_somebody_listens_to_has_a_publisher() -> None:
    heard = {event_type for part in ALL_PARTS for consumer in part.consumers for event_type in consumer.types}
    assert heard <= frozenset().union(*PUBLISHERS.values())


def test_every_comparison_has_its_streams() -> None:
    for comparison in COMPARISONS:
        for service in (comparison.left, comparison.right):
            names = load_queries("gasolinera.ops", f"reconciling_{service}.sql").keys()
            assert comparison.name in names or comparison.name.partition("_")[0] in names


def test_the_page_tells_of_every_comparison_and_remedy() -> None:
    page = Path(__file__).parents[2].joinpath("docs/how-to/reconcile-services.md").read_text()
    for comparison in COMPARISONS:
        first, _, service = comparison.name.partition("_")
        assert f"`{first}_<service>`" in page if service else f"`{first}`" in page
    for remedy in Remedy:
        assert f"| `{remedy}` |" in page
