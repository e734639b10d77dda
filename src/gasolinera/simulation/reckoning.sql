-- What the tables hold of a day, each total counted from its own rows and by no query of the services.
-- $1: campaigns; or stations; or users, as each says. The columns are fields of Totals.

-- name: coupons
-- Of the campaigns $1: coupons by what they are, whatever the counters say.
SELECT count(*) AS coupons_issued,
       count(*) FILTER (WHERE c.status = 'ACTIVE') AS coupons_available,
       count(*) FILTER (WHERE c.status = 'USED') AS coupons_used,
       count(*) FILTER (WHERE c.status = 'ACTIVE' AND c.user_id IS NOT NULL) AS coupons_in_wallets
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE g.campaign_code = ANY ($1::text[]);

-- name: shards
-- Of the campaigns $1, in this order: wallet, paper, rush: uses and money, the shards summed.
SELECT coalesce(sum(s.used) FILTER (WHERE g.campaign_code = ($1::text[])[1]), 0)::bigint AS wallet_uses,
       coalesce(sum(s.spent) FILTER (WHERE g.campaign_code = ($1::text[])[1]), 0) AS wallet_spent,
       coalesce(sum(s.used) FILTER (WHERE g.campaign_code = ($1::text[])[2]), 0)::bigint AS paper_uses,
       coalesce(sum(s.spent) FILTER (WHERE g.campaign_code = ($1::text[])[2]), 0) AS paper_spent,
       coalesce(sum(s.used) FILTER (WHERE g.campaign_code = ($1::text[])[3]), 0)::bigint AS rush_uses,
       coalesce(sum(s.spent) FILTER (WHERE g.campaign_code = ($1::text[])[3]), 0) AS rush_spent
  FROM coupon_schema.campaign_usage_shards AS s
  JOIN coupon_schema.campaigns AS g ON g.id = s.campaign_id;

-- name: attempts
-- At the stations $1: what was tried with coupons, by its result.
SELECT count(*) FILTER (WHERE a.result = 'SUCCESS') AS attempts_good,
       count(*) FILTER (WHERE a.result = 'ALREADY_USED') AS attempts_already_used,
       count(*) FILTER (WHERE a.result = 'BUDGET_EXHAUSTED') AS attempts_budget_exhausted,
       count(*) FILTER (WHERE a.result = 'INVALID_CODE') AS attempts_invalid_code,
       count(*) FILTER (WHERE a.result = 'INVALID_SIGNATURE') AS attempts_invalid_signature,
       count(*) FILTER (WHERE a.result = 'MINIMUM_NOT_MET') AS attempts_minimum_not_met,
       count(*) FILTER (WHERE a.result = 'STATION_NOT_ELIGIBLE') AS attempts_other_station,
       count(*) FILTER (WHERE a.result NOT IN (
           'SUCCESS', 'ALREADY_USED', 'BUDGET_EXHAUSTED', 'INVALID_CODE', 'INVALID_SIGNATURE', 'MINIMUM_NOT_MET',
           'STATION_NOT_ELIGIBLE')) AS attempts_of_other_kinds
  FROM coupon_schema.coupon_validation_attempts AS a
 WHERE a.station_code = ANY ($1::text[]);

-- name: redemptions
-- At the stations $1: redemptions by state, and the money of those that stand.
SELECT count(*) FILTER (WHERE r.status = 'COMPLETED') AS redemptions_completed,
       count(*) FILTER (WHERE r.status = 'FAILED') AS redemptions_failed,
       count(*) FILTER (WHERE r.failure_code IN ('ALREADY_USED', 'FRAUD_BLOCKED')) AS used_coupons_refused,
       count(*) FILTER (WHERE r.status = 'CANCELLED') AS redemptions_cancelled,
       count(*) FILTER (WHERE r.status IN ('PENDING', 'IN_PROGRESS')) AS redemptions_under_way,
       coalesce(sum(r.original_amount) FILTER (WHERE r.status = 'COMPLETED'), 0) AS original_amount,
       coalesce(sum(r.discount_amount) FILTER (WHERE r.status = 'COMPLETED'), 0) AS discount_amount,
       coalesce(sum(r.final_amount) FILTER (WHERE r.status = 'COMPLETED'), 0) AS final_amount,
       coalesce(sum(r.fuel_litres) FILTER (WHERE r.status = 'COMPLETED'), 0) AS fuel_litres
  FROM redemption_schema.redemptions AS r
 WHERE r.station_code = ANY ($1::text[]);

-- name: tickets
-- Of the users $1.
SELECT count(*) AS tickets_issued,
       count(*) FILTER (WHERE t.source = 'COUPON_REDEMPTION') AS tickets_of_redemptions,
       count(*) FILTER (WHERE t.source = 'COUPON_REDEMPTION' AND t.status = 'CANCELLED') AS tickets_taken_back,
       count(*) FILTER (WHERE t.status IN ('ACTIVE', 'ENTERED', 'USED')) AS tickets_valid,
       count(*) FILTER (WHERE t.status IN ('ENTERED', 'USED')) AS tickets_in_raffle
  FROM redemption_schema.raffle_tickets AS t
 WHERE t.user_id = ANY ($1::uuid[]);

-- name: points
-- Of the users $1: what the accounts say, and what the entries add up to.
SELECT (SELECT coalesce(sum(a.balance), 0)::bigint FROM redemption_schema.points_accounts AS a
         WHERE a.user_id = ANY ($1::uuid[])) AS points,
       (SELECT coalesce(sum(l.points), 0)::bigint FROM redemption_schema.points_ledger AS l
         WHERE l.user_id = ANY ($1::uuid[])) AS points_in_ledger;

-- name: pump_codes
-- At the stations $1.
SELECT count(*) FILTER (WHERE q.status = 'COMPLETED') AS pump_codes_completed
  FROM redemption_schema.qr_validations AS q
 WHERE q.station_code = ANY ($1::text[]);

-- name: assessments
-- At the stations $1, and whom of them the plan means to be blocked ($2: users).
SELECT count(*) AS assessed,
       count(*) FILTER (WHERE f.action_taken = 'BLOCKED') AS blocked,
       count(*) FILTER (WHERE f.action_taken = 'BLOCKED' AND NOT f.user_id = ANY ($2::uuid[])) AS blocked_falsely
  FROM redemption_schema.fraud_detection_log AS f
 WHERE f.station_code = ANY ($1::text[]);

-- name: told_by_coupon
-- Of the campaigns $1: what the coupon service's outbox tells.
SELECT count(*) FILTER (WHERE e.event_type = 'coupon.issued') AS told_coupon_issued,
       count(*) FILTER (WHERE e.event_type = 'coupon.consumed') AS told_coupon_consumed,
       count(*) FILTER (WHERE e.event_type = 'coupon.restored') AS told_coupon_restored
  FROM coupon_schema.outbox_events AS e
 WHERE e.event_type LIKE 'coupon.%' AND e.payload ->> 'campaign_code' = ANY ($1::text[]);

-- name: told_by_redemption
-- Of the users $1: what the redemption service's outbox tells.
SELECT count(*) FILTER (WHERE e.event_type = 'redemption.completed') AS told_redemption_completed,
       count(*) FILTER (WHERE e.event_type = 'redemption.cancelled') AS told_redemption_cancelled,
       count(*) FILTER (WHERE e.event_type = 'tickets.issued') AS told_tickets_issued,
       count(*) FILTER (WHERE e.event_type = 'tickets.revoked') AS told_tickets_revoked
  FROM redemption_schema.outbox_events AS e
 WHERE (e.event_type LIKE 'redemption.%' OR e.event_type LIKE 'tickets.%')
   AND e.payload ->> 'user_id' = ANY (SELECT u::text FROM unnest($1::uuid[]) AS u);

-- name: told_twice
-- Of the campaigns $1 and users $2: facts that an outbox tells more than once.
SELECT count(*) AS told_twice
  FROM (SELECT FROM redemption_schema.outbox_events AS e
         WHERE e.event_type IN ('redemption.completed', 'redemption.cancelled')
           AND e.payload ->> 'user_id' = ANY (SELECT u::text FROM unnest($2::uuid[]) AS u)
         GROUP BY e.event_type, e.payload ->> 'reference' HAVING count(*) > 1
        UNION ALL
        SELECT FROM redemption_schema.outbox_events AS e
         WHERE e.event_type IN ('tickets.issued', 'tickets.revoked')
           AND e.payload ->> 'user_id' = ANY (SELECT u::text FROM unnest($2::uuid[]) AS u)
         GROUP BY e.event_type, e.payload ->> 'issuance_id', e.payload ->> 'raffle_code' HAVING count(*) > 1
        UNION ALL
        SELECT FROM coupon_schema.outbox_events AS e
         WHERE e.event_type IN ('coupon.consumed', 'coupon.restored')
           AND e.payload ->> 'campaign_code' = ANY ($1::text[])
         GROUP BY e.event_type, e.payload ->> 'reference' HAVING count(*) > 1
        UNION ALL
        SELECT FROM ad_schema.outbox_events AS e
         WHERE e.event_type IN ('ad.view.completed', 'ad.view.rejected')
           AND e.payload ->> 'user_id' = ANY (SELECT u::text FROM unnest($2::uuid[]) AS u)
         GROUP BY e.event_type, e.payload ->> 'view_id' HAVING count(*) > 1
        UNION ALL
        SELECT FROM raffle_schema.outbox_events AS e
         WHERE e.event_type IN ('raffle.winner.selected', 'prize.claimed')
           AND e.payload ->> 'user_id' = ANY (SELECT u::text FROM unnest($2::uuid[]) AS u)
         GROUP BY e.event_type, e.payload ->> 'winner_id' HAVING count(*) > 1) AS twice;

-- name: waiting
-- Of the whole database: events on their way since $1, and those that wait for a consumer.
SELECT (SELECT count(*) FROM coupon_schema.outbox_events WHERE published_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM redemption_schema.outbox_events WHERE published_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM coupon_schema.inbox_events WHERE settled_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM redemption_schema.inbox_events WHERE settled_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM ad_schema.outbox_events WHERE published_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM raffle_schema.outbox_events WHERE published_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM ad_schema.inbox_events WHERE settled_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM raffle_schema.inbox_events WHERE settled_at IS NULL AND created_at >= $1);

-- name: told_to_nobody
-- Of the whole database: events that did not leave or had no effect since $1, and those that a consumer gave up.
SELECT (SELECT count(*) FROM coupon_schema.outbox_events WHERE published_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM redemption_schema.outbox_events WHERE published_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM coupon_schema.inbox_events WHERE settled_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM redemption_schema.inbox_events WHERE settled_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM ad_schema.outbox_events WHERE published_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM raffle_schema.outbox_events WHERE published_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM ad_schema.inbox_events WHERE settled_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM raffle_schema.inbox_events WHERE settled_at IS NULL AND created_at >= $1)
       + (SELECT count(*) FROM ad_schema.dead_letters WHERE created_at >= $1)
       + (SELECT count(*) FROM raffle_schema.dead_letters WHERE created_at >= $1)
       + (SELECT count(*) FROM coupon_schema.dead_letters WHERE created_at >= $1)
       + (SELECT count(*) FROM redemption_schema.dead_letters WHERE created_at >= $1) AS told_to_nobody;

-- name: uses
-- Of the campaigns $1: uses that were given back; coupons and campaigns whose counters are not what their uses say.
WITH use AS (
    SELECT h.coupon_id, c.campaign_id, h.discount_amount, h.restored_at
      FROM coupon_schema.coupon_usage_history AS h
      JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
      JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
     WHERE g.campaign_code = ANY ($1::text[])
), counted AS (
    SELECT u.coupon_id, count(*) AS uses FROM use AS u WHERE u.restored_at IS NULL GROUP BY u.coupon_id
), summed AS (
    SELECT u.campaign_id, count(*) AS uses, sum(u.discount_amount) AS spent
      FROM use AS u WHERE u.restored_at IS NULL GROUP BY u.campaign_id
)
SELECT (SELECT count(*) FROM use AS u WHERE u.restored_at IS NOT NULL) AS uses_given_back,
       (SELECT count(*)
          FROM coupon_schema.coupons AS c
          JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
          LEFT JOIN counted AS n ON n.coupon_id = c.id
         WHERE g.campaign_code = ANY ($1::text[])
           AND (c.usage_count <> coalesce(n.uses, 0)
                OR (c.status = 'USED') <> (c.usage_count = c.max_usage))) AS coupons_miscounted,
       (SELECT count(*)
          FROM coupon_schema.campaigns AS g
          LEFT JOIN summed AS n ON n.campaign_id = g.id
          LEFT JOIN (SELECT s.campaign_id, sum(s.used) AS used, sum(s.spent) AS spent
                       FROM coupon_schema.campaign_usage_shards AS s GROUP BY s.campaign_id) AS s
            ON s.campaign_id = g.id
         WHERE g.campaign_code = ANY ($1::text[])
           AND ((s.used, s.spent) IS DISTINCT FROM (coalesce(n.uses, 0), coalesce(n.spent, 0))
                OR s.spent > g.budget_amount)) AS campaigns_miscounted;

-- name: both_schemas
-- At the stations $1: what the redemption service and the coupon service hold of the same redemptions.
WITH redemption AS (
    SELECT r.* FROM redemption_schema.redemptions AS r WHERE r.station_code = ANY ($1::text[])
), use AS (
    SELECT h.* FROM coupon_schema.coupon_usage_history AS h WHERE h.station_code = ANY ($1::text[])
)
SELECT count(*) FILTER (WHERE u.redemption_reference IS NOT NULL
                          AND r.completed_at IS NULL) AS uses_without_redemption,
       count(*) FILTER (WHERE r.status = 'COMPLETED' AND r.coupon_code IS NOT NULL
                          AND (u.redemption_reference IS NULL OR u.restored_at IS NOT NULL)) AS redemptions_without_use,
       count(*) FILTER (WHERE r.completed_at IS NOT NULL AND u.redemption_reference IS NOT NULL
                          AND (r.original_amount, r.discount_amount, r.final_amount, r.user_id)
                              IS DISTINCT FROM (u.original_amount, u.discount_amount, u.final_amount, u.user_id))
           AS amounts_that_differ,
       (SELECT count(*)
          FROM redemption AS r
          LEFT JOIN (SELECT t.redemption_id, count(*) AS tickets
                       FROM redemption_schema.raffle_tickets AS t
                      WHERE t.source = 'COUPON_REDEMPTION' AND t.status <> 'CANCELLED' GROUP BY t.redemption_id) AS n ON n.redemption_id = r.id
         WHERE coalesce(n.tickets, 0) <> CASE r.status WHEN 'COMPLETED' THEN r.tickets_earned ELSE 0 END)
           AS tickets_not_earned
  FROM redemption AS r
  FULL JOIN use AS u ON u.redemption_reference = r.transaction_reference;

-- name: refresh_statistics
-- So that the reports are of now.
SELECT coupon_schema.refresh_statistics();

-- name: refresh_reports
-- A part of what changed into the report of redemptions; 0: all of it is in.
SELECT redemption_schema.fold_report_changes(10000);
