"""What the ad service cannot write by itself: starts, ends, costs, what was spent, the log."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.ad_rows import PUZZLE, VIDEO, VIEWER, finish, refused_by, share_out_today, start_view
from tests.schema.catalog import Conn

Connect = Callable[[str], Conn]

START = """
    INSERT INTO ad_schema.ad_engagements (advertisement_id, user_id)
    SELECT id, %s FROM ad_schema.advertisements WHERE public_id = %s
    RETURNING status, started_at = now(), cost
"""
SPENT = """
    SELECT share.budget_date IS NOT NULL, share.spent
      FROM ad_schema.ad_campaign_budget_shards AS share
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = share.campaign_id
     WHERE campaign.campaign_code = %s AND share.shard = 0 ORDER BY 1
"""


def spent(conn: Conn, campaign: str) -> list[Decimal]:
    """Of the first share of the total budget, and of the day's."""
    return [amount for _, amount in catalog.rows(conn, SPENT, campaign)]


def test_the_service_starts_a_view_now_and_pays_nothing(as_role: Connect) -> None:
    assert catalog.rows(as_role("ads_app"), START, VIEWER, VIDEO) == [("STARTED", True, 0)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ad_schema.advertisements SET status = 'PAUSED'",
        """
        UPDATE ad_schema.advertisements
           SET status = 'DRAFT', approval_status = 'PENDING', reviewed_by = NULL, reviewed_at = NULL,
               rejection_reason = NULL
        """,
        "UPDATE ad_schema.ad_campaigns SET status = 'PAUSED' WHERE status = 'ACTIVE'",
        "UPDATE ad_schema.ad_campaigns SET ends_at = now()",
        "UPDATE ad_schema.ad_campaigns SET starts_at = now() + interval '1 hour'",
    ],
    ids=["paused", "not approved", "campaign paused", "over", "not yet"],
)
def test_only_what_may_be_shown_is_started(change: str, as_role: Connect, admin: Conn) -> None:
    admin.execute(change.encode())
    with pytest.raises(errors.CheckViolation) as refused:
        catalog.rows(as_role("ads_app"), START, VIEWER, VIDEO)
    assert refused_by(refused) == "ad_engagements_may_be_shown_check"


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("ad_engagements", "status"), ("ad_engagements", "started_at"), ("ad_engagements", "cost"),
        ("ad_engagements", "finished_at"), ("ad_engagements", "created_at"), ("ad_engagements", "ip_address"),
        ("ad_campaign_budget_shards", "spent"), ("ad_view_tokens", "created_at"), ("ad_view_tokens", "consumed_at"),
        ("ad_audit_log", "action"), ("ad_engagement_events", "created_at"), ("ad_frequency_counters", "user_id"),
        ("advertisements", "approval_status"), ("ad_campaigns", "created_at"),
    ],
)  # fmt: skip
def test_the_service_inserts_no_time_no_cost_and_no_history(table: str, column: str, as_role: Connect) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("ads_app").execute(f"INSERT INTO ad_schema.{table} ({column}) VALUES (NULL)".encode())


@pytest.mark.parametrize(
    "assignment", ["ad_engagements SET cost = 0", "ad_engagements SET started_at = now()",
                   "ad_campaign_budget_shards SET spent = 0", "ad_campaign_budget_shards SET budget_date = NULL",
                   "ad_view_tokens SET expires_at = now()", "ad_campaigns SET currency = 'USD'"]
)  # fmt: skip
def test_the_service_changes_no_time_and_no_cost(assignment: str, as_role: Connect) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("ads_app").execute(f"UPDATE ad_schema.{assignment}".encode())


def test_a_completed_view_costs_what_its_campaign_says_and_charges_both_budgets(as_role: Connect, admin: Conn) -> None:
    conn = as_role("ads_app")
    share_out_today(conn)
    before = spent(conn, "ADC-REFRESCO")
    view = start_view(admin)
    finish(conn, view, "COMPLETED", watched_s=15, percentage=100)
    ended = "SELECT cost, finished_at > started_at FROM ad_schema.ad_engagements WHERE public_id = %s"
    assert catalog.rows(conn, ended, view) == [(Decimal("1.50"), True)]
    assert spent(conn, "ADC-REFRESCO") == [amount + Decimal("1.50") for amount in before]
    conn.execute("UPDATE ad_schema.ad_engagements SET status = 'REJECTED' WHERE public_id = %s", (view,))
    conn.execute("UPDATE ad_schema.ad_engagements SET fraud_score = 99 WHERE public_id = %s", (view,))
    assert spent(conn, "ADC-REFRESCO") == before, "a rejection gives both back, once"
    with pytest.raises(errors.CheckViolation) as refused:
        conn.execute("UPDATE ad_schema.ad_engagements SET budget_shard = 1 WHERE public_id = %s", (view,))
    assert refused_by(refused) == "ad_engagements_identity_check"


def test_a_campaign_without_a_daily_budget_charges_its_total(as_role: Connect, admin: Conn) -> None:
    conn = as_role("ads_app")
    before = spent(conn, "ADC-LLANTAS")
    finish(conn, start_view(admin, ad=PUZZLE), "COMPLETED", watched_s=30, percentage=100)
    assert spent(conn, "ADC-LLANTAS") == [before[0] + Decimal("2.25")]


def test_a_skipped_view_charges_nothing(as_role: Connect, admin: Conn) -> None:
    conn = as_role("ads_app")
    before = spent(conn, "ADC-LLANTAS")
    finish(conn, start_view(admin, ad=PUZZLE), "SKIPPED", watched_s=30, percentage=100)
    assert spent(conn, "ADC-LLANTAS") == before


def test_a_view_that_its_budget_cannot_pay_is_not_completed(as_role: Connect, admin: Conn) -> None:
    conn = as_role("ads_app")
    view = start_view(admin)
    with pytest.raises(errors.CheckViolation) as refused:  # nothing was shared out for today
        finish(conn, view, "COMPLETED", watched_s=15, percentage=100)
    assert refused_by(refused) == "ad_engagements_budget_shard_exists_check"
    share_out_today(conn)
    conn.execute("UPDATE ad_schema.ad_campaign_budget_shards SET allotted = 1 WHERE budget_date IS NOT NULL")
    with pytest.raises(errors.CheckViolation) as refused:
        finish(conn, view, "COMPLETED", watched_s=15, percentage=100)
    assert refused_by(refused) == "ad_campaign_budget_shards_spent_check"


def test_views_ended_by_one_statement_are_charged_together(as_role: Connect, admin: Conn) -> None:
    conn = as_role("ads_app")
    before = spent(conn, "ADC-LLANTAS")
    for number in range(60, 63):
        start_view(admin, user=f"a0000000-0000-4000-8000-0000000000{number}", ad=PUZZLE)
    conn.execute(
        """
        UPDATE ad_schema.ad_engagements
           SET status = 'COMPLETED', budget_shard = 0, watched_s = 30, completion_percentage = 100
         WHERE status = 'STARTED'
        """
    )
    assert spent(conn, "ADC-LLANTAS") == [before[0] + 3 * Decimal("2.25")]


def test_a_charge_waits_for_another_and_adds_to_it(as_role: Connect, admin: Conn) -> None:
    before = spent(admin, "ADC-LLANTAS")
    connections = [as_role("ads_app") for _ in range(2)]
    views = [start_view(admin, user=f"a0000000-0000-4000-8000-0000000000{n}", ad=PUZZLE) for n in (60, 61)]
    together(connections, views)
    assert spent(admin, "ADC-LLANTAS") == [before[0] + 2 * Decimal("2.25")]


def together(connections: list[Conn], views: list[str]) -> None:
    """The second completes its view while the first has not yet committed."""
    first, second = connections
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            finish(first, views[0], "COMPLETED", watched_s=30, percentage=100)
            waiting = pool.submit(finish, second, views[1], "COMPLETED", watched_s=30, percentage=100)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
        waiting.result(timeout=30)


def test_a_token_is_consumed_at_the_servers_time(as_role: Connect, admin: Conn) -> None:
    view = start_view(admin)
    admin.execute(
        """
        INSERT INTO ad_schema.ad_view_tokens (token_hash, advertisement_id, user_id, created_at, expires_at)
        SELECT sha256('late'), advertisement_id, user_id, now() - interval '2 minutes', now() - interval '1 minute'
          FROM ad_schema.ad_engagements WHERE public_id = %s
        """,
        (view,),
    )
    with pytest.raises(errors.CheckViolation) as refused:
        as_role("ads_app").execute(
            """
            UPDATE ad_schema.ad_view_tokens
               SET consumed_at = now() - interval '90 seconds',
                   engagement_id = (SELECT id FROM ad_schema.ad_engagements WHERE public_id = %s)
             WHERE token_hash = sha256('late')
            """,
            (view,),
        )
    assert refused_by(refused) == "ad_view_tokens_consumed_at_check"


def test_a_year_of_daily_shares_is_shared_out_in_seconds(as_role: Connect) -> None:
    conn = as_role("ads_app")
    conn.execute("SET statement_timeout = '10s'")
    conn.execute(
        """
        INSERT INTO ad_schema.ad_campaign_budget_shards (campaign_id, budget_date, shard, allotted)
        SELECT id, current_date + day, shard, 60
          FROM ad_schema.ad_campaigns
         CROSS JOIN generate_series(1, 375) AS day CROSS JOIN generate_series(0, 15) AS shard
         WHERE campaign_code = 'ADC-REFRESCO'
        """
    )
