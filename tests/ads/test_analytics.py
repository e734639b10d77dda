"""The figures of advertisements say what the views say: whatever ends, is corrected and is folded when."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import asyncpg
import psycopg
import pytest
from psycopg import errors

from gasolinera.ads import analytics
from gasolinera.ads.models_analytics import AdDifference
from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from tests.ads.viewing import (
    LLANTA,
    MEASURES,
    PLAYA,
    PRICES,
    VASO,
    Conn,
    Day,
    end,
    figures,
    hand_out,
    open_taps,
    recount,
    reject,
    start,
    viewer,
)

Told = TypeVar("Told")
ENDS = ("COMPLETED", "COMPLETED", "SKIPPED", "FAILED", "EXPIRED", "ABANDONED", "REJECTED")
YESTERDAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


def run(settings: Settings, work: Callable[[Database], Awaitable[Told]]) -> Told:
    async def opened() -> Told:
        async with open_database(settings, "ads") as db:
            return await work(db)

    return asyncio.run(opened())


def differences(settings: Settings) -> tuple[AdDifference, ...]:
    return run(settings, analytics.check).differences


def totals(told: dict[Day, dict[str, Decimal]]) -> dict[str, Decimal]:
    return {name: sum((line[name] for line in told.values()), Decimal(0)) for name in MEASURES}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_happens_in_whatever_order_the_figures_are_a_recount(
    settings: Settings, admin: Conn, seed: int
) -> None:
    """Against sums kept here; some of it folded a few changes at a time, or made anew, in between."""
    open_taps(admin)
    chance = random.Random(seed)  # noqa: S311  guards nothing
    running: dict[int, int] = {}
    over: list[int] = []
    for _ in range(150):
        step = chance.random()
        ad = chance.choice([PLAYA, VASO, LLANTA])
        at = YESTERDAY - timedelta(hours=chance.randrange(60))
        if step < 0.35:
            user = chance.choice([number for number in range(20) if number not in running.values()])
            running[start(admin, ad, viewer(user), at)] = user
        elif step < 0.65 and running:
            view = chance.choice(list(running))
            running.pop(view)
            status = chance.choice(ENDS)
            percent = chance.randrange(80, 101) if status == "COMPLETED" else chance.randrange(101)
            scores = (chance.randrange(101), chance.choice([None, 0, 55, 100])) if chance.random() < 0.7 else (None, 3)
            end(admin, view, status, percent, quality=scores[0], fraud=scores[1], is_clicked=chance.random() < 0.3,
                shard=chance.randrange(4))  # fmt: skip
            over += [view] if status == "COMPLETED" else []
        elif step < 0.75 and over:
            reject(admin, over.pop(chance.randrange(len(over))))
        elif step < 0.8:
            hand_out(admin, ad, viewer(chance.randrange(20)), at)
        elif step < 0.85 and over:
            admin.execute(
                "UPDATE ad_schema.ad_engagements SET quality_score = %s, fraud_score = 1, clicked_at = now()"
                " WHERE id = %s",
                (chance.randrange(101), chance.choice(over)),
            )
        else:
            admin.execute("SELECT ad_schema.fold_analytics(%s)", (chance.randrange(1, 5),))
            if chance.random() < 0.3:
                first = YESTERDAY.date() - timedelta(days=chance.randrange(4))
                run(settings, lambda db, day=first: analytics.rebuild(db, first_day=day, last_day=day))
            assert differences(settings) == ()
    run(settings, analytics.refresh)
    assert figures(admin) == recount(admin)
    assert differences(settings) == ()
    before = figures(admin)
    assert run(settings, analytics.refresh) == 0
    run(settings, analytics.rebuild)
    assert figures(admin) == before


def test_views_rejections_folding_and_rebuilding_race_and_every_figure_is_that_of_the_views(
    settings: Settings, admin: Conn, database_url: str
) -> None:
    open_taps(admin)
    before = totals(figures(admin))
    done = asyncio.Event()

    async def watch(number: int) -> None:
        conn = await asyncpg.connect(database_url)
        try:
            for turn in range(6):
                view = await conn.fetchval(
                    "INSERT INTO ad_schema.ad_engagements (advertisement_id, user_id, started_at)"
                    " SELECT id, $1, now() - interval '1 minute' FROM ad_schema.advertisements WHERE public_id = $2"
                    " RETURNING id",
                    viewer(number), (PLAYA, LLANTA)[turn % 2],
                )  # fmt: skip
                await conn.execute(
                    "UPDATE ad_schema.ad_engagements SET status = 'COMPLETED', watched_s = duration_s, quartile = 4,"
                    " completion_percentage = 100, budget_shard = $2, quality_score = 80, fraud_score = 10"
                    " WHERE id = $1",
                    view, number % 4,
                )  # fmt: skip
                if turn % 3 == 0:
                    await conn.execute("UPDATE ad_schema.ad_engagements SET status = 'REJECTED' WHERE id = $1", view)
        finally:
            await conn.close()

    async def keep(work: Callable[[Database], Awaitable[object]], db: Database) -> None:
        while not done.is_set():
            await work(db)
            assert (await analytics.check(db)).differences == ()

    async def race() -> None:
        async with open_database(settings, "ads") as db:
            beside = [asyncio.create_task(keep(work, db)) for work in (analytics.refresh, analytics.rebuild)]
            await asyncio.gather(*(watch(number) for number in range(12)))
            done.set()
            await asyncio.gather(*beside)
            await analytics.refresh(db)

    asyncio.run(race())
    told = figures(admin)
    assert told == recount(admin)
    after = totals(told)
    assert after["starts"] - before["starts"] == 72
    assert after["rejections"] - before["rejections"] == 24
    assert after["unique_users"] - before["unique_users"] == 24
    # A third of each is rejected after it was charged.
    assert after["cost"] - before["cost"] == 24 * (PRICES[PLAYA] + PRICES[LLANTA])
    assert after["rejected_cost"] - before["rejected_cost"] == 12 * (PRICES[PLAYA] + PRICES[LLANTA])


def test_a_view_counts_in_the_day_of_utc_on_which_it_started(settings: Settings, admin: Conn) -> None:
    open_taps(admin)
    midnight = YESTERDAY.replace(hour=0) - timedelta(days=9)
    for number, at in enumerate((midnight - timedelta(microseconds=1), midnight)):
        end(admin, start(admin, VASO, viewer(number), at), "COMPLETED", 100)
    hand_out(admin, LLANTA, viewer(3), midnight - timedelta(seconds=5))  # over on the day after
    run(settings, analytics.refresh)
    day_before = midnight.date() - timedelta(days=1)
    told = figures(admin)
    assert [told[VASO, day]["completions"] for day in (day_before, midnight.date())] == [1, 1]
    assert told[LLANTA, day_before]["impressions"] == 1
    assert told[LLANTA, day_before]["starts"] == 0
    assert (LLANTA, midnight.date()) not in told


def test_a_late_rejection_corrects_the_day_of_its_view_and_tells_apart_what_it_had_charged(
    settings: Settings, admin: Conn
) -> None:
    open_taps(admin)
    at = YESTERDAY - timedelta(days=6)
    view = start(admin, PLAYA, viewer(1), at)
    end(admin, view, "COMPLETED", 100, quality=90, fraud=45)
    run(settings, analytics.refresh)
    reject(admin, view)
    assert run(settings, analytics.refresh) == 1
    line = figures(admin)[PLAYA, at.date()]
    assert {name: line[name] for name in ("starts", "completions", "rejections", "unique_users")} == {
        "starts": 1, "completions": 0, "rejections": 1, "unique_users": 1,
    }  # fmt: skip
    assert (line["cost"], line["rejected_cost"]) == (0, PRICES[PLAYA])
    assert line["fraud_score_sum"] == 45


def test_a_user_is_counted_once_a_day_and_advertisement_however_often_it_is_folded(
    settings: Settings, admin: Conn
) -> None:
    open_taps(admin)
    at = YESTERDAY - timedelta(days=8)
    for user, ad in ((1, PLAYA), (1, PLAYA), (2, PLAYA), (1, VASO), (1, PLAYA)):
        end(admin, start(admin, ad, viewer(user), at), "SKIPPED", 10)
        run(settings, analytics.refresh)
    told = figures(admin)
    assert (told[PLAYA, at.date()]["unique_users"], told[PLAYA, at.date()]["starts"]) == (2, 4)
    assert told[VASO, at.date()]["unique_users"] == 1


def test_what_was_handed_out_stays_counted_when_its_tokens_are_deleted(settings: Settings, admin: Conn) -> None:
    at = YESTERDAY - timedelta(days=12)
    for number in range(3):
        hand_out(admin, LLANTA, viewer(number), at)
    hand_out(admin, LLANTA, viewer(9), YESTERDAY)
    count = admin.execute("SELECT count(*) FROM ad_schema.ad_view_tokens").fetchone()
    assert count is not None
    assert admin.execute("SELECT ad_schema.forget_view_tokens(100)").fetchone() == (3,)
    assert admin.execute("SELECT count(*) FROM ad_schema.ad_view_tokens").fetchone() == (count[0] - 3,)
    told = figures(admin)
    assert told[LLANTA, at.date()]["impressions"] == 3
    assert told[LLANTA, YESTERDAY.date()]["impressions"] == 1
    assert differences(settings) == ()
    run(settings, analytics.rebuild)
    assert figures(admin) == told


def test_a_token_that_was_counted_as_unused_starts_no_view(admin: Conn) -> None:
    hand_out(admin, LLANTA, viewer(1), YESTERDAY)
    admin.execute("SELECT ad_schema.fold_analytics(100)")
    view = start(admin, LLANTA, viewer(1), YESTERDAY)
    with pytest.raises(errors.CheckViolation):
        admin.execute(
            "UPDATE ad_schema.ad_view_tokens SET consumed_at = now(), engagement_id = %s WHERE is_lapsed", (view,)
        )


def test_who_was_counted_is_forgotten_only_when_no_view_of_the_day_can_end_any_more(admin: Conn) -> None:
    admin.execute(
        "INSERT INTO ad_schema.ad_viewer_days (advertisement_id, analytics_date, user_id)"
        " SELECT 1, (now() AT TIME ZONE 'UTC')::date - age, gen_random_uuid()"
        " FROM unnest(ARRAY[34, 36, 40, 300]) AS age"
    )
    forget = "SELECT ad_schema.forget_viewer_days(100)"
    admin.execute("ALTER TABLE ad_schema.ad_engagements DISABLE TRIGGER ad_engagements_take_terms")
    admin.execute(
        "INSERT INTO ad_schema.ad_engagements (advertisement_id, user_id, started_at, duration_s, currency,"
        " completion_threshold_percent, ticket_multiplier, max_bonus_tickets)"
        " SELECT min(id), %s, now() - interval '38 days', 10, 'MXN', 80, 1, 1 FROM ad_schema.advertisements",
        (viewer(7),),
    )
    assert admin.execute(forget).fetchone() == (2,)
    admin.execute("UPDATE ad_schema.ad_engagements SET status = 'EXPIRED' WHERE user_id = %s", (viewer(7),))
    assert admin.execute(forget).fetchone() == (0,), "its end is not folded yet"
    admin.execute("SELECT ad_schema.fold_analytics(100)")
    assert admin.execute(forget).fetchone() == (2,), "that of 36 days ago, and its own"


def test_folding_that_dies_leaves_everything_to_the_next(settings: Settings, admin: Conn) -> None:
    open_taps(admin)
    for number in range(5):
        end(admin, start(admin, PLAYA, viewer(number), YESTERDAY), "SKIPPED", 30)
    before = figures(admin)

    async def dies(db: Database) -> None:
        async with db.transaction() as conn:
            assert await conn.fetchval("SELECT ad_schema.fold_analytics(3)") == 3
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(settings, dies)
    assert figures(admin) == before
    assert run(settings, analytics.refresh) == 5


def test_the_check_finds_a_wrong_sum_a_lost_change_a_line_out_of_nothing_and_money_that_no_view_spent(
    settings: Settings, admin: Conn
) -> None:
    open_taps(admin)
    days = [YESTERDAY - timedelta(days=age) for age in (10, 11, 12)]
    for number, at in enumerate(days[:2]):
        end(admin, start(admin, PLAYA, viewer(number), at), "COMPLETED", 100)
    run(settings, analytics.refresh)
    assert differences(settings) == ()
    spoil = "UPDATE ad_schema.ad_analytics SET {} WHERE analytics_date = %s"
    admin.execute(spoil.format("watched_s = 99").encode(), (days[0].date(),))
    admin.execute(spoil.format("analytics_date = analytics_date - 3").encode(), (days[1].date(),))
    end(admin, start(admin, VASO, viewer(5), days[2]), "SKIPPED", 10)
    admin.execute("DELETE FROM ad_schema.ad_analytics_changes")
    admin.execute(
        "UPDATE ad_schema.ad_campaign_budget_shards SET spent = spent + 4 WHERE budget_date IS NULL AND shard = 1"
        " AND campaign_id = (SELECT id FROM ad_schema.ad_campaigns WHERE campaign_code = 'ADC-LLANTAS')"
    )
    wrong = {(one.subject, one.day, one.measure): (one.told, one.fact) for one in differences(settings)}
    assert wrong[PLAYA, days[0].date(), "watched_s"] == (99, 15)
    assert [key for key in wrong if key[1] == days[0].date()] == [(PLAYA, days[0].date(), "watched_s")]
    assert wrong[PLAYA, days[1].date(), "starts"] == (None, 1)
    assert wrong[PLAYA, days[1].date() - timedelta(days=3), "starts"] == (1, None)
    assert wrong[VASO, days[2].date(), "skips"] == (None, 1)
    assert wrong["ADC-LLANTAS", None, "spent"] == (Decimal("6.25"), Decimal("2.25"))
    run(settings, analytics.rebuild)
    assert {one.measure for one in differences(settings)} == {"spent"}


def test_the_runtime_role_writes_no_figures(as_role: Callable[[str], psycopg.Connection[object]]) -> None:
    app = as_role("ads_app")
    for statement in (
        "UPDATE ad_schema.ad_analytics SET starts = 1",
        "DELETE FROM ad_schema.ad_analytics_changes",
        "INSERT INTO ad_schema.ad_viewer_days VALUES (1, '2026-01-01', gen_random_uuid())",
        "UPDATE ad_schema.ad_analytics_states SET as_of = now()",
        "UPDATE ad_schema.ad_view_tokens SET is_lapsed = true",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(statement.encode())


def test_days_that_nobody_names_are_the_latest_month_and_more_than_a_year_is_refused() -> None:
    today = date(2026, 11, 23)

    def between(first: date | None, last: date | None) -> tuple[date, date]:
        question = analytics.asked(first_day=first, last_day=last, today=today)
        return question.first_day, question.last_day

    assert between(None, None) == (date(2026, 10, 24), today)
    assert between(date(2026, 11, 1), None) == (date(2026, 11, 1), today)
    assert between(date(2020, 1, 1), None) == (date(2020, 1, 1), date(2020, 12, 31))
    assert between(date(2030, 1, 1), None) == (date(2030, 1, 1), date(2030, 1, 1))
    assert between(None, date.min) == (date.min, date.min)
    for first, last in ((date(2026, 1, 2), date(2026, 1, 1)), (date(2025, 1, 1), date(2026, 1, 2))):
        with pytest.raises(Exception, match="1 to 366 days"):
            between(first, last)
