"""Budgets over a day, and shares that lend to each other: nothing is spent twice or beyond, and all to the end."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from gasolinera.ads import serving
from gasolinera.ads.models_serving import Viewer
from gasolinera.config import Settings
from gasolinera.database import open_database
from tests.ads.desk import Admin, make_ad, make_campaign, nothing_else_runs

Connect = Callable[[str], psycopg.Connection[Any]]


def deal(admin: Admin, campaign_id: int, day: str | None = None) -> None:
    admin.execute("SELECT ad_schema.deal_budget(%s, %s::date)", (campaign_id, day))


def spent(admin: Admin, campaign_id: int, *, of_days: bool) -> Decimal:
    found = admin.execute(
        "SELECT coalesce(sum(spent), 0) FROM ad_schema.ad_campaign_budget_shards"
        " WHERE campaign_id = %s AND (budget_date IS NOT NULL) = %s",
        (campaign_id, of_days),
    ).fetchone()
    assert found is not None
    return Decimal(found[0])


def charge(conn: Admin, campaign_id: int, cost: Decimal, day: str | None = None) -> bool:
    """What completing a view does: take a share, charge it in both budgets. False: there is no money for it."""
    with conn.transaction():
        found = conn.execute("SELECT ad_schema.take_budget_share(%s, %s)", (campaign_id, uuid4())).fetchone()
        assert found is not None
        if found[0] is None:
            return False
        conn.execute(
            "UPDATE ad_schema.ad_campaign_budget_shards SET spent = spent + %s"
            " WHERE campaign_id = %s AND shard = %s AND (budget_date IS NULL OR budget_date = %s::date)",
            (cost, campaign_id, found[0], day),
        )
    return True


@pytest.mark.parametrize(
    ("total", "daily", "cost", "views"),
    [
        ("100.00", None, "1.50", 66),
        ("40.00", "10.00", "0.30", 33),
        ("1.00", None, "1.00", 1),
        ("7.77", "7.77", "0.01", 777),
    ],
)
def test_a_crowd_spends_a_budget_to_the_last_view_and_not_one_more(
    admin: Admin, as_role: Connect, total: str, daily: str | None, cost: str, views: int
) -> None:
    campaign_id, _ = make_campaign(
        admin, total_budget=Decimal(total), daily_budget=daily and Decimal(daily), cost_per_engagement=Decimal(cost)
    )
    today = datetime.now(UTC).date().isoformat()
    paid = [0] * 6
    failures: list[BaseException] = []

    def watch(number: int) -> None:
        try:
            conn = psycopg.connect(admin.info.dsn, autocommit=True, password=admin.info.password)
            with conn:
                while charge(conn, campaign_id, Decimal(cost), daily and today):
                    paid[number] += 1
        except BaseException as error:
            failures.append(error)

    watchers = [threading.Thread(target=watch, args=(number,)) for number in range(len(paid))]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join(60)
    assert failures == []
    assert sum(paid) == views
    assert spent(admin, campaign_id, of_days=False) == views * Decimal(cost)
    assert spent(admin, campaign_id, of_days=True) == (views * Decimal(cost) if daily else 0)


def test_the_service_itself_may_take_and_lend_and_marks_what_is_spent(
    admin: Admin, as_role: Connect, settings: Settings
) -> None:
    nothing_else_runs(admin)
    campaign_id, _ = make_campaign(admin, total_budget=16, cost_per_engagement=1)
    make_ad(admin, campaign_id)
    service = as_role("ads_app")
    taken = service.execute("SELECT ad_schema.take_budget_share(%s, %s)", (campaign_id, uuid4())).fetchone()
    assert taken is not None
    assert taken[0] in (0, 1)
    admin.execute(
        "UPDATE ad_schema.ad_campaign_budget_shards SET spent = allotted WHERE campaign_id = %s", (campaign_id,)
    )
    assert service.execute("SELECT ad_schema.take_budget_share(%s, %s)", (campaign_id, uuid4())).fetchone() == (None,)
    closed = admin.execute("SELECT DISTINCT closed_until::text FROM ad_schema.ad_serving").fetchall()
    assert closed == [("infinity",)]
    # a raised budget opens it again
    admin.execute("UPDATE ad_schema.ad_campaigns SET total_budget = 20 WHERE id = %s", (campaign_id,))
    deal(admin, campaign_id)
    assert service.execute("SELECT ad_schema.take_budget_share(%s, %s)", (campaign_id, uuid4())).fetchone() != (None,)
    assert choices(settings, [None]) == [True]


def test_two_who_deal_at_once_deal_once(admin: Admin) -> None:
    campaign_id, _ = make_campaign(admin, total_budget=160, cost_per_engagement=1)
    ready = threading.Barrier(4)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with psycopg.connect(admin.info.dsn, autocommit=True, password=admin.info.password) as conn:
                ready.wait(10)
                deal(conn, campaign_id)
        except BaseException as error:
            failures.append(error)

    dealers = [threading.Thread(target=run) for _ in range(4)]
    for dealer in dealers:
        dealer.start()
    for dealer in dealers:
        dealer.join(30)
    assert failures == []
    found = admin.execute(
        "SELECT count(*), sum(allotted) FROM ad_schema.ad_campaign_budget_shards WHERE campaign_id = %s", (campaign_id,)
    ).fetchone()
    assert found == (16, 160)


def test_an_even_campaign_spends_its_day_along_the_clock_and_all_of_it(settings: Settings, admin: Admin) -> None:
    nothing_else_runs(admin)
    day = (datetime.now(UTC) + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    campaign_id, _ = make_campaign(admin, pacing="EVEN", total_budget=10_000, daily_budget=96, cost_per_engagement=1)
    make_ad(admin, campaign_id)
    deal(admin, campaign_id)
    deal(admin, campaign_id, day.date().isoformat())
    pay = (
        "UPDATE ad_schema.ad_campaign_budget_shards SET spent = spent + 1 WHERE id = ("
        " SELECT id FROM ad_schema.ad_campaign_budget_shards WHERE campaign_id = %s AND budget_date = %s"
        "    AND spent + 1 <= allotted ORDER BY shard LIMIT 1)"
    )

    async def simulate() -> list[int]:
        """Five viewers each ten minutes, each of whom watches to the end; how much is spent after each hour."""
        by_hour: list[int] = []
        paid = 0
        async with open_database(settings, "ads") as db, db.connection() as conn:
            for step in range(144):
                at = day + step * timedelta(minutes=10)
                for _ in range(5):
                    if await serving.choose_ad(conn, Viewer(user_id=uuid4()), at=at) is not None:
                        admin.execute(pay, (campaign_id, day.date()))
                        paid += 1
                if step % 6 == 5:
                    by_hour.append(paid)
        return by_hour

    by_hour = asyncio.run(simulate())
    for hour, paid in enumerate(by_hour, start=1):
        passed = (hour * 60 - 10) / 1440  # the last viewers of an hour come ten minutes before its end
        assert 96 * passed - 1 <= paid <= 96 * passed + 1.01, hour
    assert by_hour[-1] == 96


def test_a_campaign_with_hours_is_spread_over_them_alone(admin: Admin) -> None:
    campaign_id, _ = make_campaign(admin, pacing="EVEN", total_budget=10_000, daily_budget=80, cost_per_engagement=1)
    day = (datetime.now(UTC) + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    admin.execute(
        "INSERT INTO ad_schema.ad_campaign_windows (campaign_id, weekday, from_time, until_time)"
        " SELECT %s, d, '08:00'::time, '12:00'::time FROM generate_series(1, 7) AS d"
        " UNION ALL SELECT %s, d, '20:00'::time, '24:00'::time FROM generate_series(1, 7) AS d",
        (campaign_id, campaign_id),
    )
    deal(admin, campaign_id)
    deal(admin, campaign_id, day.date().isoformat())
    admin.execute(
        "UPDATE ad_schema.ad_campaign_budget_shards SET spent = 5 WHERE campaign_id = %s AND budget_date = %s"
        " AND shard < 8",
        (campaign_id, day.date()),
    )  # 40 of 80: half of eight hours must have passed
    judged = {
        hour: admin.execute(
            "SELECT reason FROM ad_schema.judge_budget(%s, %s)", (campaign_id, day + timedelta(hours=hour))
        ).fetchone()
        for hour in (9, 11.5, 12, 20.5)
    }
    assert judged == {9: ("PACING",), 11.5: ("PACING",), 12: (None,), 20.5: (None,)}


def test_without_a_daily_budget_the_total_is_spread_over_the_schedule_and_asap_waits_for_nothing(
    settings: Settings, admin: Admin
) -> None:
    nothing_else_runs(admin)
    begins = datetime.now(UTC) - timedelta(days=5)
    campaign_id, _ = make_campaign(
        admin,
        pacing="EVEN",
        total_budget=100,
        cost_per_engagement=1,
        starts_at=begins,
        ends_at=begins + timedelta(days=10),
    )
    make_ad(admin, campaign_id)
    deal(admin, campaign_id)
    pay = "UPDATE ad_schema.ad_campaign_budget_shards SET spent = trunc(allotted * %s, 2) WHERE campaign_id = %s"
    admin.execute(pay, (Decimal("0.60"), campaign_id))
    now = datetime.now(UTC)
    assert choices(settings, [now, now + timedelta(hours=23), now + timedelta(hours=25)]) == [False, False, True]
    admin.execute("UPDATE ad_schema.ad_campaigns SET pacing = 'ASAP' WHERE id = %s", (campaign_id,))
    assert choices(settings, [now]) == [True]
    admin.execute(pay, (Decimal(1), campaign_id))
    assert choices(settings, [now]) == [False]


def test_a_daily_budget_set_at_noon_holds_what_the_morning_cost(admin: Admin) -> None:
    campaign_id, _ = make_campaign(admin, total_budget=100, cost_per_engagement=3)
    ad_id = make_ad(admin, campaign_id)
    deal(admin, campaign_id)
    watched(admin, ad_id)
    admin.execute("UPDATE ad_schema.ad_campaigns SET daily_budget = 7 WHERE id = %s", (campaign_id,))
    today = datetime.now(UTC).date().isoformat()
    for _ in range(2):  # dealt again it is the same
        deal(admin, campaign_id, today)
        left = admin.execute(
            "SELECT sum(allotted - spent) FROM ad_schema.ad_campaign_budget_shards"
            " WHERE campaign_id = %s AND budget_date IS NOT NULL",
            (campaign_id,),
        ).fetchone()
        assert left == (4,)
    with pytest.raises(psycopg.errors.CheckViolation, match="ad_campaigns_daily_budget_cost_check"):
        admin.execute("UPDATE ad_schema.ad_campaigns SET daily_budget = 2 WHERE id = %s", (campaign_id,))


def test_the_view_that_spends_a_budget_closes_the_campaign_for_serving(settings: Settings, admin: Admin) -> None:
    nothing_else_runs(admin)
    campaign_id, _ = make_campaign(admin, total_budget=5, cost_per_engagement=3)
    ad_id = make_ad(admin, campaign_id)
    deal(admin, campaign_id)
    watched(admin, ad_id)
    closed = "SELECT closed_until::text FROM ad_schema.ad_serving WHERE campaign_id = %s"
    assert admin.execute(closed, (campaign_id,)).fetchone() == ("infinity",)
    # a change that has nothing to do with money opens nothing, more money does
    admin.execute("UPDATE ad_schema.ad_campaigns SET priority = 6 WHERE id = %s", (campaign_id,))
    assert admin.execute(closed, (campaign_id,)).fetchone() == ("infinity",)
    admin.execute("UPDATE ad_schema.ad_campaigns SET total_budget = 9 WHERE id = %s", (campaign_id,))
    deal(admin, campaign_id)
    assert choices(settings, [None]) == [True]


def watched(admin: Admin, ad_id: int) -> None:
    """A view begun and completed now, charged to the first share."""
    view = admin.execute(
        "INSERT INTO ad_schema.ad_engagements (advertisement_id, user_id, started_at)"
        " VALUES (%s, %s, now() - interval '20 seconds') RETURNING id",
        (ad_id, uuid4()),
    ).fetchone()
    admin.execute(
        "UPDATE ad_schema.ad_engagements SET status = 'COMPLETED', watched_s = 10, completion_percentage = 100,"
        " quartile = 4, budget_shard = 0 WHERE id = %s",
        view,
    )


def choices(settings: Settings, moments: list[datetime | None]) -> list[bool]:
    async def choose() -> list[bool]:
        async with open_database(settings, "ads") as db, db.connection() as conn:
            return [await serving.choose_ad(conn, Viewer(user_id=uuid4()), at=moment) is not None for moment in moments]

    return asyncio.run(choose())
