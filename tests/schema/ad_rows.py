"""Views of the sample advertisements, for tests of the ad engine's schema."""

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn

VIDEO = "ad100000-0000-4000-8000-000000000001"  # ADC-REFRESCO: 15 s, multiplies by 2, at most 5 views a day
PUZZLE = "ad100000-0000-4000-8000-000000000003"  # ADC-LLANTAS: 30 s, multiplies by 3, at most 3 views a week
VIEWER = "a0000000-0000-4000-8000-000000000060"


def start_view(conn: Conn, *, user: str = VIEWER, ad: str = VIDEO, reference: str | None = None, base: int = 0) -> str:
    """Start a view a minute ago, as only the owner can, and return its public id."""
    return catalog.texts(
        conn,
        """
        INSERT INTO ad_schema.ad_engagements
            (advertisement_id, user_id, transaction_reference, base_tickets, started_at)
        SELECT id, %s, %s, %s, now() - interval '1 minute' FROM ad_schema.advertisements WHERE public_id = %s
        RETURNING public_id
        """,
        user,
        reference,
        base,
        ad,
    )[0]


def finish(conn: Conn, view: str, status: str, *, watched_s: float, percentage: float, bonus: int = 0) -> None:
    conn.execute(
        """
        UPDATE ad_schema.ad_engagements
           SET status = %s, budget_shard = 0, watched_s = %s, completion_percentage = %s,
               quartile = floor(%s / 25), bonus_tickets = %s
         WHERE public_id = %s
        """,
        (status, watched_s, percentage, percentage, bonus, view),
    )


def refused_by(refused: pytest.ExceptionInfo[errors.Error]) -> str | None:
    return refused.value.diag.constraint_name


def share_out_today(conn: Conn) -> None:
    """The first share of what ADC-REFRESCO may spend today; ADC-LLANTAS has no daily budget."""
    conn.execute(
        """
        INSERT INTO ad_schema.ad_campaign_budget_shards (campaign_id, budget_date, shard, allotted)
        SELECT id, (now() AT TIME ZONE time_zone)::date, 0, 10 FROM ad_schema.ad_campaigns
         WHERE campaign_code = 'ADC-REFRESCO'
        """
    )
