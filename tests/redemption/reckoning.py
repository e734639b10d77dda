"""Every total of campaigns and their redemptions, computed anew from the rows of both schemas and from nothing else.

The queries share no code with the services: no function, no view and no counter of theirs is believed. What is looked
at are campaigns whose code begins with a prefix, so that other rows of the database do not disturb.
"""

from decimal import Decimal
from typing import Any, Final

import psycopg

Conn = psycopg.Connection[Any]

_ROWS: Final = """
WITH g AS MATERIALIZED (
    SELECT * FROM coupon_schema.campaigns WHERE starts_with(campaign_code, %(prefix)s)
), c AS MATERIALIZED (
    SELECT c.*, g.campaign_code, g.shard_count, g.cancellation_policy, g.per_user_period, g.time_zone
      FROM coupon_schema.coupons AS c JOIN g ON g.id = c.campaign_id
), h AS MATERIALIZED (
    SELECT h.*, c.coupon_code, c.campaign_id, c.cancellation_policy, c.per_user_period, c.time_zone,
           mod(c.id, c.shard_count) AS shard, h.restored_at IS NULL AS counts
      FROM coupon_schema.coupon_usage_history AS h JOIN c ON c.id = h.coupon_id
), r AS MATERIALIZED (
    SELECT r.*, r.status = 'IN_PROGRESS' OR r.status = 'PENDING' AND r.flow = 'ONE_SHOT' AS under_way
      FROM redemption_schema.redemptions AS r WHERE starts_with(r.campaign_code, %(prefix)s)
), o AS MATERIALIZED (
    SELECT event_type, aggregate_key, payload, payload ->> 'reference' AS reference, published_at
      FROM redemption_schema.outbox_events
     UNION ALL
    SELECT event_type, aggregate_key, payload, payload ->> 'reference', published_at FROM coupon_schema.outbox_events
), t AS MATERIALIZED (
    SELECT t.*, r.transaction_reference
      FROM redemption_schema.raffle_tickets AS t JOIN r ON r.id = t.redemption_id
)
"""

# What is wrong after each step, wherever anything crashed: rows that must not be.
_ALWAYS: Final = {
    "a coupon counts its uses, and has none too many": """
        SELECT FROM c WHERE c.usage_count > c.max_usage
            OR c.usage_count <> (SELECT count(*) FROM h WHERE h.coupon_id = c.id AND h.counts)""",
    "a coupon is used up when its last use is gone, and not before": """
        SELECT FROM c WHERE c.status IN ('ACTIVE', 'USED')
           AND (c.status = 'USED') <> ((SELECT count(*) FROM h WHERE h.coupon_id = c.id AND h.counts) = c.max_usage)""",
    "a shard counts its uses and its money": """
        SELECT FROM coupon_schema.campaign_usage_shards AS s JOIN g ON g.id = s.campaign_id
         WHERE (s.used, s.spent) <> (SELECT count(*), coalesce(sum(h.discount_amount), 0) FROM h
                                      WHERE h.campaign_id = g.id AND h.shard = s.shard AND h.counts)""",
    "no limit and no budget is exceeded": """
        SELECT FROM g
         WHERE (SELECT count(*) FROM h WHERE h.campaign_id = g.id AND h.counts) > g.total_usage_limit
            OR (SELECT sum(h.discount_amount) FROM h WHERE h.campaign_id = g.id AND h.counts) > g.budget_amount""",
    "what is dealt to the shards is the limit and the budget": """
        SELECT FROM g CROSS JOIN LATERAL (
               SELECT sum(s.usage_allotment) AS uses, sum(s.spend_allotment) AS money
                 FROM coupon_schema.campaign_usage_shards AS s WHERE s.campaign_id = g.id) AS dealt
         WHERE (g.total_usage_limit, g.budget_amount) IS DISTINCT FROM (dealt.uses, dealt.money)""",
    "users are counted, and none has too many": """
        SELECT FROM g CROSS JOIN (SELECT DISTINCT user_id FROM r) AS u
         CROSS JOIN LATERAL (SELECT count(*) AS uses FROM h
                              WHERE h.campaign_id = g.id AND h.user_id = u.user_id AND h.counts) AS own
          LEFT JOIN coupon_schema.campaign_user_usages AS n ON n.campaign_id = g.id AND n.user_id = u.user_id
         WHERE own.uses > g.per_user_usage_limit OR own.uses <> coalesce(n.used_count, 0)""",
    "users are counted by period, and none has too many": """
        SELECT FROM (SELECT h.campaign_id, h.user_id, date_trunc(h.per_user_period, h.used_at AT TIME ZONE h.time_zone)
                            AS period, count(*) FILTER (WHERE h.counts) AS uses
                       FROM h WHERE h.per_user_period IS NOT NULL GROUP BY 1, 2, 3) AS own
          JOIN g ON g.id = own.campaign_id
          LEFT JOIN coupon_schema.campaign_user_period_usages AS n
            ON n.campaign_id = own.campaign_id AND n.user_id = own.user_id AND n.period_start = own.period::date
         WHERE own.uses > g.per_user_period_limit OR own.uses <> coalesce(n.used_count, 0)""",
    "a completed redemption has its use, with the same facts": """
        SELECT FROM r LEFT JOIN h ON h.redemption_reference = r.transaction_reference
         WHERE r.status = 'COMPLETED'
           AND (h.counts, h.coupon_code, h.user_id, h.station_code, h.currency, h.original_amount, h.discount_amount,
                h.final_amount, h.raffle_tickets + r.base_tickets)
               IS DISTINCT FROM (true, r.coupon_code, r.user_id, r.station_code, r.currency, r.original_amount,
                r.discount_amount, r.final_amount, r.tickets_earned)""",
    "a use belongs to a redemption that completed, or is under way": """
        SELECT FROM h LEFT JOIN r ON r.transaction_reference = h.redemption_reference
         WHERE CASE WHEN h.counts THEN r.under_way OR r.status = 'COMPLETED' OR r.completed_at IS NOT NULL
                    ELSE r.status = 'CANCELLED' AND r.completed_at IS NOT NULL END IS NOT TRUE""",
    "a reference that was refused is not used": """
        SELECT FROM coupon_schema.refused_uses AS x JOIN h ON h.redemption_reference = x.redemption_reference""",
    "amounts add up": """
        SELECT FROM r WHERE r.final_amount <> r.original_amount - r.discount_amount""",
    "tickets are what the completed redemption earned": """
        SELECT FROM r
         WHERE (SELECT count(*) FROM t WHERE t.redemption_id = r.id AND t.status <> 'CANCELLED')
               <> CASE r.status WHEN 'COMPLETED' THEN r.tickets_earned ELSE 0 END
            OR (SELECT count(*) FROM t WHERE t.redemption_id = r.id)
               <> CASE WHEN r.completed_at IS NULL THEN 0 ELSE r.tickets_earned END""",
    "a completion is told once, as it was": """
        SELECT FROM r
          LEFT JOIN o ON o.event_type = 'redemption.completed' AND o.reference = r.transaction_reference
         GROUP BY r.id, r.completed_at, r.discount_amount, r.tickets_earned
        HAVING count(o.event_type) <> (r.completed_at IS NOT NULL)::integer
            OR bool_or((o.payload ->> 'discount_amount')::numeric <> r.discount_amount
                       OR (o.payload ->> 'tickets_earned')::integer <> r.tickets_earned)""",
    "a cancellation of what completed is told once": """
        SELECT FROM r
          LEFT JOIN o ON o.event_type = 'redemption.cancelled' AND o.reference = r.transaction_reference
         GROUP BY r.id, r.status, r.completed_at
        HAVING count(o.event_type) <> (r.status = 'CANCELLED' AND r.completed_at IS NOT NULL)::integer""",
    "a use is told once, and that it was given back": """
        SELECT FROM h LEFT JOIN o ON o.reference = h.redemption_reference AND o.event_type LIKE 'coupon.%%'
         GROUP BY h.id, h.counts
        HAVING count(*) FILTER (WHERE o.event_type = 'coupon.consumed') <> 1
            OR count(*) FILTER (WHERE o.event_type = 'coupon.restored') <> (NOT h.counts)::integer""",
    "of a use that is not, nothing is told": """
        SELECT FROM o JOIN c ON c.coupon_code = o.aggregate_key
         WHERE o.event_type IN ('coupon.consumed', 'coupon.restored')
           AND NOT EXISTS (SELECT FROM h WHERE h.redemption_reference = o.reference)""",
    "tickets are told once when made, and once when taken back": """
        SELECT FROM (SELECT t.issuance_id, count(*) AS made, count(*) FILTER (WHERE t.status = 'CANCELLED') AS taken
                       FROM t GROUP BY t.issuance_id) AS i
          LEFT JOIN o ON o.payload ->> 'issuance_id' = i.issuance_id::text
         GROUP BY i.issuance_id, i.made, i.taken
        HAVING count(*) FILTER (WHERE o.event_type = 'tickets.issued') <> 1
            OR count(*) FILTER (WHERE o.event_type = 'tickets.revoked') <> (i.taken > 0)::integer
            OR sum((o.payload ->> 'count')::integer) FILTER (WHERE o.event_type = 'tickets.issued') <> i.made
            OR coalesce(sum((o.payload ->> 'count')::integer) FILTER (WHERE o.event_type = 'tickets.revoked'), 0)
               <> i.taken""",
}

# What is wrong besides when the recovery and the events have nothing left to do.
_AT_REST: Final = {
    "nothing is under way": "SELECT FROM r WHERE r.under_way",
    "a cancelled redemption gave its coupon back, by the policy": """
        SELECT FROM h JOIN r ON r.transaction_reference = h.redemption_reference
         WHERE r.status = 'CANCELLED' AND h.counts <> (h.cancellation_policy = 'FORFEIT')""",
    "every event was carried": "SELECT FROM o WHERE o.published_at IS NULL",
    "every event had its effect": """
        SELECT settled_at FROM coupon_schema.inbox_events WHERE settled_at IS NULL
         UNION ALL SELECT settled_at FROM redemption_schema.inbox_events WHERE settled_at IS NULL
         UNION ALL SELECT created_at FROM coupon_schema.dead_letters
         UNION ALL SELECT created_at FROM redemption_schema.dead_letters""",
    "points are earned once for a completion, and none are left of a cancelled one": """
        SELECT FROM r JOIN redemption_schema.points_rules AS p ON p.currency = r.currency AND p.is_enabled
          LEFT JOIN redemption_schema.points_ledger AS l ON l.redemption_id = r.id
         GROUP BY r.id, r.status, r.final_amount, p.points_per_unit
        HAVING count(l.id) FILTER (WHERE l.entry_type = 'EARNED') > 1
            OR coalesce(sum(l.points), 0)
               <> CASE r.status WHEN 'COMPLETED' THEN floor(r.final_amount * p.points_per_unit) ELSE 0 END""",
}


def _statement(checks: dict[str, str]) -> bytes:
    sums = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM ({check}) AS wrong" for name, check in checks.items())
    return (_ROWS + sums).encode()


_STATEMENTS: Final = {False: _statement(_ALWAYS), True: _statement(_ALWAYS | _AT_REST)}


def disagreements(admin: Conn, prefix: str, *, at_rest: bool) -> dict[str, int]:
    """What does not agree, with the number of rows that are wrong; nothing is good."""
    found = admin.execute(_STATEMENTS[at_rest], {"prefix": prefix}).fetchall()
    return {name: count for name, count in found if count}


def what_is_left(admin: Conn, campaign_code: str) -> tuple[int | None, Decimal]:
    """Uses, None where they have no limit, and money."""
    found = admin.execute(
        """
        SELECT g.total_usage_limit - count(h.id), g.budget_amount - coalesce(sum(h.discount_amount), 0)
          FROM coupon_schema.campaigns AS g
          LEFT JOIN coupon_schema.coupons AS c ON c.campaign_id = g.id
          LEFT JOIN coupon_schema.coupon_usage_history AS h ON h.coupon_id = c.id AND h.restored_at IS NULL
         WHERE g.campaign_code = %s GROUP BY g.id
        """,
        (campaign_code,),
    ).fetchone()
    assert found is not None, "there is such a campaign"
    uses, money = found
    return uses, money
