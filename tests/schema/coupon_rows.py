"""Campaigns, coupons and their uses for the tests of coupon_schema, and the counters compared with the history."""

from collections.abc import Sequence
from typing import Any

import pytest
from psycopg import errors, sql
from tests.schema import catalog
from tests.schema.catalog import Conn

ANA = "a0000000-0000-4000-8000-000000000051"
LUIS = "a0000000-0000-4000-8000-000000000052"


def refused_by(refused: pytest.ExceptionInfo[errors.Error]) -> str | None:
    return refused.value.diag.constraint_name


def new_campaign(conn: Conn, code: str = "TEST", **values: Any) -> int:
    """An open campaign of 10 pesos off, approved, running for a month."""
    filled: dict[str, Any] = {
        "campaign_code": code,
        "name": "Prueba",
        "status": "ACTIVE",
        "discount_type": "FIXED_AMOUNT",
        "discount_value": 10,
        "valid_from": "2020-01-01",
        "valid_until": "2100-01-01",
        "total_usage_limit": 1000,
        "created_by": LUIS,
        "approved_by": ANA,
        "approved_at": "2026-11-01",
        **values,
    }
    statement = sql.SQL("INSERT INTO coupon_schema.campaigns ({}) VALUES ({}) RETURNING id").format(
        sql.SQL(", ").join(map(sql.Identifier, filled)), sql.SQL(", ").join([sql.Placeholder()] * len(filled))
    )
    row = conn.execute(statement, list(filled.values())).fetchone()
    assert row is not None
    return int(row[0])


def new_coupons(conn: Conn, campaign: int, count: int = 1, *, user: str | None = None, max_usage: int = 1) -> list[int]:
    """Issue coupons with their campaign's terms; their ids in order."""
    return [
        int(row[0])
        for row in catalog.rows(
            conn,
            """
            INSERT INTO coupon_schema.coupons
                (coupon_code, campaign_id, user_id, discount_type, discount_value, maximum_discount, minimum_purchase,
                 currency, raffle_tickets, valid_from, valid_until, max_usage)
            SELECT 'TESTCOUPON' || g.id || 'X' || lpad(i::text, 6, '0'), g.id, %s::uuid, g.discount_type,
                   g.discount_value, g.maximum_discount, g.minimum_purchase, g.currency, g.raffle_tickets_per_coupon,
                   g.valid_from, g.valid_until, %s
              FROM coupon_schema.campaigns AS g, generate_series(1, %s) AS i
             WHERE g.id = %s ORDER BY i RETURNING id
            """,
            user,
            max_usage,
            count,
            campaign,
        )
    ]


def use(conn: Conn, *coupons: int, user: str = ANA, reference: str = "RDM-TEST", **values: Any) -> None:
    """Use coupons in one statement, each for a purchase of 200 with what the coupon takes off.

    Only a superuser may say when: `used_at`.
    """
    amount = values.pop("amount", 200)
    filled: dict[str, Any] = {"discount": None, "currency": None, "tickets": 0, **values}
    column, value = (", used_at", ", %(used_at)s::timestamptz") if "used_at" in values else ("", "")
    conn.execute(
        f"""
        INSERT INTO coupon_schema.coupon_usage_history
            (redemption_reference, coupon_id, user_id, station_code, original_amount, discount_amount, final_amount,
             currency, raffle_tickets{column})
        SELECT %(reference)s || '-' || i.position || '-' || c.id, c.id, %(user)s, 'JSM001', %(amount)s, d.discount,
               %(amount)s - d.discount, coalesce(%(currency)s, c.currency), %(tickets)s{value}
          FROM unnest(%(coupons)s::bigint[]) WITH ORDINALITY AS i (id, position)
          JOIN coupon_schema.coupons AS c ON c.id = i.id
         CROSS JOIN LATERAL (
            SELECT coalesce(%(discount)s, coupon_schema.discount_amount(
                c.discount_type, c.discount_value, c.maximum_discount, c.currency, %(amount)s))
         ) AS d (discount)
         ORDER BY i.position
        """.encode(),
        {**filled, "reference": reference, "user": user, "amount": amount, "coupons": list(coupons)},
    )


def restore(conn: Conn, coupons: Sequence[int]) -> int:
    """Give back every use of these coupons that was not given back yet; how many."""
    return conn.execute(
        """
        UPDATE coupon_schema.coupon_usage_history SET restored_at = now(), restore_reason = 'CANCELLED'
         WHERE coupon_id = ANY (%s) AND restored_at IS NULL
        """,
        (list(coupons),),
    ).rowcount


def state(conn: Conn, coupon: int) -> tuple[str, int]:
    row = catalog.rows(conn, "SELECT status, usage_count FROM coupon_schema.coupons WHERE id = %s", coupon)[0]
    return str(row[0]), int(row[1])


def used(conn: Conn, campaign: int) -> int:
    return catalog.number(conn, "SELECT used FROM coupon_schema.campaign_usage WHERE campaign_id = %s", campaign)


def assert_counters_equal_history(conn: Conn) -> None:
    """Every counter of the schema against what the history says, and the allotments against the limits."""
    wrong = catalog.texts(
        conn,
        """
        WITH live AS (
            SELECT u.*, c.campaign_id FROM coupon_schema.coupon_usage_history AS u
              JOIN coupon_schema.coupons AS c ON c.id = u.coupon_id WHERE u.restored_at IS NULL
        )
        SELECT 'coupon ' || c.coupon_code FROM coupon_schema.coupons AS c
         WHERE c.usage_count <> (SELECT count(*) FROM live WHERE live.coupon_id = c.id)
        UNION ALL
        SELECT 'user ' || t.user_id FROM coupon_schema.campaign_user_usages AS t
         WHERE t.used_count <> (
            SELECT count(*) FROM live WHERE live.campaign_id = t.campaign_id AND live.user_id = t.user_id)
        UNION ALL
        SELECT 'user without a row ' || live.user_id FROM live
         WHERE NOT EXISTS (
            SELECT FROM coupon_schema.campaign_user_usages AS t
             WHERE t.campaign_id = live.campaign_id AND t.user_id = live.user_id)
        UNION ALL
        SELECT 'period of user ' || coalesce(t.user_id, h.user_id)
          FROM coupon_schema.campaign_user_period_usages AS t
          FULL JOIN (
            SELECT live.campaign_id, live.user_id, count(*) AS used,
                   date_trunc(lower(g.per_user_period), live.used_at AT TIME ZONE g.time_zone)::date AS period_start
              FROM live
              JOIN coupon_schema.campaigns AS g ON g.id = live.campaign_id AND g.per_user_period IS NOT NULL
             GROUP BY 1, 2, 4
          ) AS h ON (h.campaign_id, h.user_id, h.period_start) = (t.campaign_id, t.user_id, t.period_start)
         WHERE coalesce(t.used_count, 0) <> coalesce(h.used, 0)
        UNION ALL
        SELECT 'campaign ' || g.campaign_code
          FROM coupon_schema.campaigns AS g
          LEFT JOIN (
            SELECT campaign_id, count(*) AS shards, sum(used) AS used, sum(spent) AS spent,
                   sum(usage_allotment) AS usage_allotted, sum(spend_allotment) AS spend_allotted
              FROM coupon_schema.campaign_usage_shards GROUP BY campaign_id
          ) AS s ON s.campaign_id = g.id
          LEFT JOIN (
            SELECT campaign_id, count(*) AS used, sum(discount_amount) AS spent FROM live GROUP BY campaign_id
          ) AS h ON h.campaign_id = g.id
         WHERE s.shards IS DISTINCT FROM g.shard_count
            OR s.used IS DISTINCT FROM coalesce(h.used, 0) OR s.spent IS DISTINCT FROM coalesce(h.spent, 0)
            OR s.usage_allotted IS DISTINCT FROM g.total_usage_limit
            OR s.spend_allotted IS DISTINCT FROM g.budget_amount
        """,
    )
    assert wrong == []
