"""Views under a crowd: a budget is spent to the last cent and never beyond, a token and a step are used once."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

import pytest

from gasolinera.ads import views
from gasolinera.ads.models_views import ServeWish, ViewProgress, ViewStart
from gasolinera.ads.queries_views import Told
from gasolinera.config import Settings
from gasolinera.database import Connection, Database, open_database
from tests.ads.watching import ANA, Admin, Viewers, good, one, put_campaign, put_redemption, told, watching

_WHOLE = ViewProgress(sequence=1, position_s=15)


@pytest.fixture
def viewers(settings: Settings, admin: Admin) -> Generator[Viewers]:
    with watching(settings, admin) as found:
        yield found


def person(number: int) -> UUID:
    return UUID(f"b0000000-0000-4000-8000-{number:012}")


def at_once(settings: Settings, steps: Sequence[Callable[[Connection], Awaitable[Told]]]) -> list[Told | BaseException]:
    """Each in a transaction of its own, on as many connections as the server lends."""

    async def run() -> list[Told | BaseException]:
        crowd = settings.model_copy(update={"pool_max_size": 20, "statement_timeout_ms": 60_000})
        async with open_database(crowd, "ads") as db:
            return await asyncio.gather(*(_run(db, step) for step in steps), return_exceptions=True)

    return asyncio.run(run())


async def _run(db: Database, step: Callable[[Connection], Awaitable[Told]]) -> Told:
    return await db.run(step)


def running_views(admin: Admin, users: list[UUID]) -> list[UUID]:
    """Views that began 16 seconds ago, one each."""
    ids = [
        row[0]
        for row in admin.execute(
            """
            WITH begun AS (
                INSERT INTO ad_schema.ad_engagements (advertisement_id, user_id, started_at)
                SELECT serving.advertisement_id, viewer.user_id, now() - interval '16 seconds'
                  FROM unnest(%s::uuid[]) AS viewer (user_id) CROSS JOIN ad_schema.ad_serving AS serving
                RETURNING id, public_id
            ), state AS (
                INSERT INTO ad_schema.ad_view_states (engagement_id, seen_at)
                SELECT id, now() - interval '16 seconds' FROM begun
            )
            SELECT public_id FROM begun
            """,
            (users,),
        ).fetchall()
    ]
    assert len(ids) == len(users)
    return ids


@pytest.mark.parametrize("daily", [None, "15.00"])
def test_of_64_views_that_end_at_once_a_budget_for_ten_pays_ten_and_all_of_them_count(
    settings: Settings, admin: Admin, daily: str | None
) -> None:
    total = "15.00" if daily is None else "1000.00"
    put_campaign(admin, total_budget=total, daily_budget=daily)
    users = [person(1000 + number) for number in range(64)]
    ids = running_views(admin, users)
    owner = dict(
        admin.execute("SELECT public_id, user_id FROM ad_schema.ad_engagements WHERE public_id = ANY (%s)", (ids,))
    )

    def ending(view: UUID) -> Callable[[Connection], Awaitable[Told]]:
        return lambda conn: views.complete(conn, owner[view], view, _WHOLE)

    outcomes = at_once(settings, [ending(view) for view in ids])
    assert [found.outcome for found in outcomes if isinstance(found, Told)] == ["COMPLETED"] * 64, outcomes
    paid, unpaid, cost = one(
        admin,
        "SELECT count(*) FILTER (WHERE cost > 0), count(*) FILTER (WHERE unbilled_reason = 'BUDGET_SPENT'), sum(cost)"
        " FROM ad_schema.ad_engagements WHERE public_id = ANY (%s)",
        ids,
    )
    assert (paid, unpaid, cost) == (10, 54, Decimal("15.00"))
    spent = one(
        admin,
        "SELECT sum(share.spent) FROM ad_schema.ad_campaign_budget_shards AS share"
        " JOIN ad_schema.ad_serving AS serving USING (campaign_id) WHERE (share.budget_date IS NULL) = %s",
        daily is None,
    )
    assert spent == Decimal("15.00")
    assert len(told(admin, "ad.view.completed")) == 64


def test_a_token_that_two_tabs_start_at_once_starts_one_view(
    viewers: Viewers, settings: Settings, admin: Admin
) -> None:
    put_campaign(admin)
    token = good(viewers.serve(), 201)["token"]
    outcomes = at_once(settings, [lambda conn: views.start(conn, ANA, ViewStart(token=token)) for _ in range(12)])
    told_of = sorted(found.outcome for found in outcomes if isinstance(found, Told))
    assert told_of == ["STARTED"] + ["TOKEN_USED"] * 11
    assert one(admin, "SELECT count(*) FROM ad_schema.ad_engagements WHERE user_id = %s", ANA) == 1


def test_tabs_with_tokens_of_their_own_start_one_view_together(
    viewers: Viewers, settings: Settings, admin: Admin
) -> None:
    put_campaign(admin)
    tokens = [good(viewers.serve(), 201)["token"] for _ in range(8)]

    def starting(token: str) -> Callable[[Connection], Awaitable[Told]]:
        return lambda conn: views.start(conn, ANA, ViewStart(token=token))

    outcomes = at_once(settings, [starting(token) for token in tokens])
    assert sum(isinstance(found, Told) and found.outcome == "STARTED" for found in outcomes) == 1
    refused = [found for found in outcomes if isinstance(found, BaseException)]
    assert all("ad_engagements_started_user_id_idx" in str(found) for found in refused)
    assert one(admin, "SELECT count(*) FROM ad_schema.ad_engagements WHERE user_id = %s", ANA) == 1


def test_the_frequency_cap_holds_when_everything_starts_at_once(
    viewers: Viewers, settings: Settings, admin: Admin
) -> None:
    put_campaign(admin, cap=2)
    tokens = [good(viewers.serve(), 201)["token"] for _ in range(8)]

    async def start_and_leave(conn: Connection, token: str) -> Told:
        begun = await views.start(conn, ANA, ViewStart(token=token))
        await conn.execute(
            "UPDATE ad_schema.ad_engagements SET status = 'ABANDONED' WHERE user_id = $1 AND status = 'STARTED'", ANA
        )
        return begun

    def starting(token: str) -> Callable[[Connection], Awaitable[Told]]:
        return lambda conn: start_and_leave(conn, token)

    outcomes = at_once(settings, [starting(token) for token in tokens])
    begun = [found for found in outcomes if isinstance(found, Told) and found.outcome == "STARTED"]
    assert one(admin, "SELECT count(*) FROM ad_schema.ad_engagements WHERE user_id = %s", ANA) == len(begun) <= 2


def test_a_view_that_is_completed_many_times_at_once_earns_once(
    viewers: Viewers, settings: Settings, admin: Admin
) -> None:
    put_campaign(admin)
    reference = put_redemption(admin, tickets=7)
    view = UUID(viewers.start(reference))
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute(
            "UPDATE ad_schema.ad_engagements SET started_at = now() - interval '16 s' WHERE user_id = %s", (ANA,)
        )
        admin.execute("UPDATE ad_schema.ad_view_states SET seen_at = now() - interval '16 s'")
    outcomes = at_once(settings, [lambda conn: views.complete(conn, ANA, view, _WHOLE) for _ in range(16)])
    assert [found.outcome for found in outcomes if isinstance(found, Told)] == ["COMPLETED"] * 16, outcomes
    assert [one_told["bonus_tickets"] for one_told in told(admin, "ad.view.completed")] == [7]
    assert one(admin, "SELECT steps_completed FROM ad_schema.ad_redemptions WHERE user_id = %s", ANA) == 1


def test_serving_while_others_watch_hands_out_tokens_of_one_step(
    viewers: Viewers, settings: Settings, admin: Admin
) -> None:
    put_campaign(admin)
    reference = put_redemption(admin)

    async def serve_many() -> list[int]:
        async with open_database(settings, "ads") as db:
            served = await asyncio.gather(
                *(db.run(lambda conn: views.serve(conn, ANA, ServeWish(reference=reference))) for _ in range(8))
            )
        return [one_served.chain_step for one_served in served]

    assert asyncio.run(serve_many()) == [1] * 8
    viewers.watch(reference)
    assert one(admin, "SELECT steps_completed FROM ad_schema.ad_redemptions WHERE user_id = %s", ANA) == 1


def test_a_start_that_waits_for_a_running_view_does_not_hold_its_redemption(
    viewers: Viewers, settings: Settings, admin: Admin, as_role: Callable[[str], Admin]
) -> None:
    put_campaign(admin)
    reference = put_redemption(admin)
    token = good(viewers.serve(reference), 201)["token"]
    viewers.start(reference)
    waiting = as_role("ads_app")
    begin = "SELECT outcome FROM ad_schema.begin_view(%s, %s, 100, false)"
    with ThreadPoolExecutor(1) as pool:
        with admin.transaction():
            admin.execute("SELECT FROM ad_schema.ad_engagements WHERE user_id = %s FOR UPDATE", (ANA,))
            answer = pool.submit(one, waiting, begin, views.hash_token(token), ANA)
            watcher = as_role("postgres")
            while not one(watcher, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not answer.done()
            # Whoever completes the view takes the two in this order.
            admin.execute("SELECT FROM ad_schema.ad_redemptions FOR UPDATE NOWAIT")
        assert answer.result(timeout=10) == "RUNNING"
