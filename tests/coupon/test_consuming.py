"""A coupon is used as often as its campaign allows and no more, and a reference is decided once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import psycopg
import pytest

from gasolinera.coupon import consuming
from gasolinera.coupon.events import CONSUMERS
from gasolinera.coupon_calls import Given, Purchase, Refused, Restoration
from gasolinera.database import Database, RequestContext
from gasolinera.events import Event
from gasolinera.inbox import Inbox
from tests.coupon.at_hand import DRIVER, OTHER_DRIVER, make_campaign, make_coupon

Conn = psycopg.Connection[Any]
CONTEXT = RequestContext(actor="service:redemption", correlation_id="c-1", ip_address="192.0.2.7")
_numbers = count(1)


def reference() -> str:
    return f"RDM-20261123-{next(_numbers):06}"


def purchase(code: str, **more: Any) -> Purchase:
    known: dict[str, Any] = {
        "reference": reference(),
        "coupon_code": code,
        "user_id": DRIVER,
        "station_code": "JSM001",
        "amount": Decimal("505.05"),
        "currency": "MXN",
        "fuel_type": "REGULAR",
        "employee_number": "EMP000022",
    }
    return Purchase(**(known | more))


Run = Callable[[Callable[[Database], Awaitable[Any]]], Any]


def consume(run: Run, asked: Purchase) -> Any:
    return run(lambda db: consuming.consume(db, CONTEXT, asked))


def restore(run: Run, asked: Purchase, reason: Any = "CANCELLED") -> str:
    return run(lambda db: consuming.restore(db, CONTEXT, Restoration(asked.reference, reason))).outcome


def usage(admin: Conn, code: str) -> tuple[Any, ...]:
    found = admin.execute(
        "SELECT status, usage_count FROM coupon_schema.coupons WHERE coupon_code = %s", (code,)
    ).fetchone()
    assert found is not None
    return found


def attempts(admin: Conn, code: str) -> Counter[str]:
    rows = admin.execute(
        "SELECT a.result FROM coupon_schema.coupon_validation_attempts AS a"
        " LEFT JOIN coupon_schema.coupons AS c ON c.id = a.coupon_id"
        " WHERE coalesce(c.coupon_code, a.coupon_code) = %s",
        (code,),
    ).fetchall()
    return Counter(row[0] for row in rows)


def test_a_use_gives_the_discount_and_the_same_reference_gives_it_again_without_a_second_use(
    run: Run, admin: Conn
) -> None:
    code = make_coupon(admin, make_campaign(admin, "TEN", raffle_tickets_per_coupon=2, raffle_code="MONTHLY-1"))
    asked = purchase(code)
    first, second = consume(run, asked), consume(run, asked)
    assert first == Given(
        discount_amount=Decimal("50.51"),  # 10 % of 505.05 is 50.505, half up
        final_amount=Decimal("454.54"),
        raffle_tickets=2,
        raffle_code="MONTHLY-1",
    )
    assert second == first
    assert usage(admin, code) == ("USED", 1)
    assert attempts(admin, code) == Counter({"SUCCESS": 1})
    told = admin.execute(
        "SELECT event_type, payload->>'reference' FROM coupon_schema.outbox_events WHERE aggregate_key = %s", (code,)
    ).fetchall()
    assert told == [("coupon.consumed", asked.reference)]


def test_sixty_four_on_one_coupon_are_one_use(run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "RACE"), None)

    async def race(db: Database) -> list[Any]:
        questions = [consuming.consume(db, CONTEXT, purchase(code, user_id=uuid4())) for _ in range(64)]
        return list(await asyncio.gather(*questions))

    answers = run(race)
    assert sum(isinstance(answer, Given) for answer in answers) == 1
    assert Counter(answer for answer in answers if isinstance(answer, Refused)) == {Refused(("ALREADY_USED",)): 63}
    assert usage(admin, code) == ("USED", 1)
    assert attempts(admin, code) == Counter({"SUCCESS": 1, "ALREADY_USED": 63})


def test_the_same_reference_at_once_is_one_use_and_one_answer(run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "SAME"), max_usage=5)
    asked = purchase(code)

    async def race(db: Database) -> list[Any]:
        return list(await asyncio.gather(*(consuming.consume(db, CONTEXT, asked) for _ in range(16))))

    answers = run(race)
    assert len({msgspec.json.encode(answer) for answer in answers}) == 1
    assert usage(admin, code) == ("ACTIVE", 1)


@pytest.mark.parametrize(
    ("terms", "limit", "reason"),
    [
        ({"total_usage_limit": 7}, 7, "LIMIT_REACHED"),
        ({"budget_amount": Decimal(350)}, 7, "BUDGET_EXHAUSTED"),  # each gives 50
        ({"per_user_usage_limit": 3}, 3, "LIMIT_REACHED"),
        ({"per_user_period": "DAY", "per_user_period_limit": 2}, 2, "LIMIT_REACHED"),
    ],
)
def test_limits_and_budgets_are_met_exactly_by_many_at_once(
    run: Run, admin: Conn, terms: dict[str, Any], limit: int, reason: str
) -> None:
    campaign = make_campaign(admin, "LIMITED", **terms)
    coupons = [make_coupon(admin, campaign, None) for _ in range(24)]

    async def race(db: Database) -> list[Any]:
        asked = (purchase(code, amount=Decimal(500)) for code in coupons)
        return list(await asyncio.gather(*(consuming.consume(db, CONTEXT, one) for one in asked)))

    answers = run(race)
    assert sum(isinstance(answer, Given) for answer in answers) == limit
    assert {answer for answer in answers if isinstance(answer, Refused)} == {Refused((reason,))}
    used = admin.execute(
        "SELECT used, spent FROM coupon_schema.campaign_usage WHERE campaign_id = %s", (campaign,)
    ).fetchone()
    assert used == (limit, limit * Decimal(50))


def test_a_refusal_names_every_reason_and_stays_when_the_coupon_is_good_again(run: Run, admin: Conn) -> None:
    code = make_coupon(
        admin, make_campaign(admin, "PICKY", fuel_types=["PREMIUM"], minimum_purchase=Decimal(1000)), OTHER_DRIVER
    )
    asked = purchase(code)
    refused = Refused(("USER_NOT_ELIGIBLE", "FUEL_NOT_ELIGIBLE", "MINIMUM_NOT_MET"))
    assert consume(run, asked) == refused
    admin.execute("UPDATE coupon_schema.coupons SET user_id = %s, minimum_purchase = 0", (DRIVER,))
    admin.execute("UPDATE coupon_schema.campaigns SET fuel_types = '{REGULAR}' WHERE campaign_code = 'PICKY'")
    assert consume(run, asked) == refused
    assert isinstance(consume(run, purchase(code)), Given)
    assert attempts(admin, code) == Counter({"USER_NOT_ELIGIBLE": 1, "SUCCESS": 1})


@pytest.mark.parametrize("change", [{"user_id": OTHER_DRIVER}, {"amount": Decimal(500)}, {"currency": "USD"}])
def test_a_reference_is_one_use_and_no_other(run: Run, admin: Conn, change: dict[str, Any]) -> None:
    asked = purchase(make_coupon(admin, make_campaign(admin, "ONE"), None))
    consume(run, asked)
    with pytest.raises(asyncpg.UniqueViolationError):
        consume(run, msgspec.structs.replace(asked, **change))


def test_a_fuel_that_is_not_said_is_the_reason_where_it_matters(run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "FUEL", fuel_types=["PREMIUM"]))
    assert consume(run, purchase(code, fuel_type=None)) == Refused(("FUEL_NOT_ELIGIBLE",))


def test_more_than_can_be_counted_is_refused(run: Run, admin: Conn) -> None:
    campaign = make_campaign(admin, "RICH", total_usage_limit=1000, budget_amount=None, currency="CRC")
    code = make_coupon(admin, campaign)
    admin.execute(
        "UPDATE coupon_schema.campaign_usage_shards SET spent = 9999999999 WHERE campaign_id = %s", (campaign,)
    )
    assert consume(run, purchase(code, currency="CRC")) == Refused(("BUDGET_EXHAUSTED",))


def test_what_a_terminal_took_before_counts_in_the_period_of_then(run: Run, admin: Conn) -> None:
    campaign = make_campaign(
        admin,
        "DAILY",
        per_user_period="DAY",
        per_user_period_limit=1,
        valid_from=datetime.now(UTC) - timedelta(days=30),
        cancellation_policy="RESTORE",
    )
    made = datetime.now(UTC) - timedelta(days=20)
    codes = [make_coupon(admin, campaign, valid_from=made) for _ in range(5)]
    before = datetime.now(UTC) - timedelta(days=3)
    first, again, now, late, old = (
        purchase(code, at=at)
        for code, at in zip(codes, (before, before, None, before, before - timedelta(days=6)), strict=True)
    )
    assert isinstance(consume(run, first), Given)
    assert consume(run, again) == Refused(("LIMIT_REACHED",))
    assert isinstance(consume(run, now), Given), "that of then is not that of today"
    assert restore(run, first) == "RESTORED"
    assert isinstance(consume(run, late), Given), "the day of then has its use back"
    assert consume(run, old) == Refused(("TIME_NOT_ELIGIBLE",))


def test_a_quote_says_what_a_use_gives_and_uses_nothing(run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "QUOTED"))
    asked = purchase(code)
    quoted = run(lambda db: consuming.quote(db, CONTEXT, asked))
    assert usage(admin, code) == ("ACTIVE", 0)
    assert consume(run, asked) == quoted
    assert run(lambda db: consuming.quote(db, CONTEXT, asked)) == Refused(("ALREADY_USED",))


@pytest.mark.parametrize(
    ("policy", "days_left", "reason", "outcome"),
    [
        ("RESTORE", 5, "CANCELLED", "RESTORED"),
        ("RESTORE", -1, "CANCELLED", "RESTORED"),
        ("RESTORE_IF_VALID", 5, "CANCELLED", "RESTORED"),
        ("RESTORE_IF_VALID", -1, "CANCELLED", "FORFEITED"),
        ("FORFEIT", 5, "CANCELLED", "FORFEITED"),
        ("FORFEIT", 5, "FAILED", "RESTORED"),
    ],
)
def test_a_cancellation_gives_back_what_the_policy_says_once(
    run: Run, admin: Conn, policy: str, days_left: int, reason: str, outcome: str
) -> None:
    campaign = make_campaign(admin, "POLICY", cancellation_policy=policy, budget_amount=Decimal(1000))
    code = make_coupon(admin, campaign)
    asked = purchase(code)
    consume(run, asked)
    until = datetime.now(UTC) + timedelta(days=days_left)
    admin.execute(
        "UPDATE coupon_schema.coupons SET valid_from = %s, valid_until = %s WHERE coupon_code = %s",
        (until - timedelta(days=9), until, code),
    )
    assert [restore(run, asked, reason), restore(run, asked, reason)] == [outcome, outcome]
    is_back = outcome == "RESTORED"
    assert usage(admin, code) == (("ACTIVE", 0) if is_back else ("USED", 1))
    spent = admin.execute("SELECT spent FROM coupon_schema.campaign_usage WHERE campaign_id = %s", (campaign,))
    assert spent.fetchone() == (Decimal(0) if is_back else Decimal("50.51"),)
    restored = admin.execute(
        "SELECT count(*) FROM coupon_schema.outbox_events WHERE event_type = 'coupon.restored'"
        " AND payload->>'reference' = %s",
        (asked.reference,),
    ).fetchone()
    assert restored == (int(is_back),)


def test_what_is_taken_back_before_it_came_never_comes(run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "LATE"))
    asked = purchase(code)
    assert restore(run, asked, "FAILED") == "NEVER_USED"
    assert consume(run, asked) == Refused(("CANCELLED",))
    assert usage(admin, code) == ("ACTIVE", 0)


def test_a_restored_reference_is_not_used_again(run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "AGAIN", cancellation_policy="RESTORE"))
    asked = purchase(code)
    consume(run, asked)
    restore(run, asked)
    assert consume(run, asked) == Refused(("CANCELLED",))
    assert isinstance(consume(run, purchase(code)), Given)


def test_uses_and_restorations_at_once_leave_every_total_right(run: Run, admin: Conn) -> None:
    campaign = make_campaign(admin, "CHURN", cancellation_policy="RESTORE", budget_amount=Decimal(500))
    coupons = [make_coupon(admin, campaign, None, max_usage=3) for _ in range(4)]

    async def churn(db: Database) -> None:
        async def one(code: str, number: int) -> None:
            asked = purchase(code, user_id=UUID(int=number), amount=Decimal(500))
            await consuming.consume(db, CONTEXT, asked)
            if number % 2:
                await consuming.restore(db, CONTEXT, Restoration(asked.reference, "CANCELLED"))

        await asyncio.gather(*(one(code, number) for code in coupons for number in range(8)))

    run(churn)
    totals = admin.execute(
        "SELECT (SELECT sum(usage_count) FROM coupon_schema.coupons WHERE campaign_id = %(id)s),"
        " (SELECT sum(used) FROM coupon_schema.campaign_usage_shards WHERE campaign_id = %(id)s),"
        " (SELECT sum(used_count) FROM coupon_schema.campaign_user_usages WHERE campaign_id = %(id)s),"
        " (SELECT sum(spent) / 50 FROM coupon_schema.campaign_usage_shards WHERE campaign_id = %(id)s),"
        " (SELECT count(*) FROM coupon_schema.coupon_usage_history AS h JOIN coupon_schema.coupons AS c"
        "   ON c.id = h.coupon_id WHERE c.campaign_id = %(id)s AND h.restored_at IS NULL)",
        {"id": campaign},
    ).fetchone()
    assert totals is not None
    assert len(set(map(int, totals))) == 1
    assert totals[0] <= 10


def cancelled(asked: Purchase) -> Event:
    return Event(
        id=uuid4(),
        type="redemption.cancelled",
        source="urn:gasolinera:redemption",
        aggregate="redemption",
        subject=asked.reference,
        time=datetime.now(UTC),
        data={"reference": asked.reference},
    )


def test_cancellations_are_settled_each_in_a_transaction_of_its_own(run: Run, admin: Conn) -> None:
    campaign = make_campaign(admin, "ONE_BY_ONE", cancellation_policy="RESTORE")
    asked = [purchase(make_coupon(admin, campaign)) for _ in range(3)]
    for one in asked:
        consume(run, one)
    admin.execute("DELETE FROM coupon_schema.inbox_events")

    async def settle(db: Database) -> list[int]:
        inbox = Inbox("coupon", "coupon_schema", CONSUMERS)
        async with db.transaction() as conn:
            assert await inbox.receive(conn, [cancelled(one) for one in asked]) == {}
        return [await inbox.work(db) for _ in range(4)]

    assert run(settle) == [1, 1, 1, 0], "a second one could wait for somebody who waits for the first"
    assert {usage(admin, one.coupon_code) for one in asked} == {("ACTIVE", 0)}


def test_the_event_of_a_cancellation_gives_back_what_its_request_did_not(run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "BY_EVENT", cancellation_policy="RESTORE"))
    asked = purchase(code)
    consume(run, asked)
    event = cancelled(asked)

    async def take(db: Database) -> None:
        for _ in range(2):
            async with db.transaction() as conn:
                await consuming.take_redemption_cancelled(conn, event)

    run(take)
    assert usage(admin, code) == ("ACTIVE", 0)
