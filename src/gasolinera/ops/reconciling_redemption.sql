-- What redemption_schema says to other services, by sorted keys, and its events made anew from what is there now.

-- name: uses
-- Redemptions of coupons.
SELECT r.transaction_reference COLLATE "C" AS key,
       coalesce(r.cancelled_at, r.completed_at, r.failed_at, r.created_at) AS at, r.status, r.coupon_code, r.user_id,
       r.original_amount, r.discount_amount, r.completed_at IS NOT NULL AS is_completed
  FROM redemption_schema.redemptions AS r
 WHERE r.coupon_code IS NOT NULL
 ORDER BY 1;

-- name: tickets
-- Tickets.
SELECT t.ticket_number COLLATE "C" AS key, t.updated_at AS at, t.status, t.raffle_code, t.user_id, t.issuance_id
  FROM redemption_schema.raffle_tickets AS t
 ORDER BY 1;

-- name: multiplied
-- Completed redemptions. is_due: views may still multiply it, if they are told of it.
SELECT r.transaction_reference COLLATE "C" AS key, coalesce(r.cancelled_at, r.completed_at) AS at, r.user_id,
       r.tickets_earned AS base_tickets, r.status = 'CANCELLED' AS is_cancelled,
       r.completed_at > now() - interval '30 days'
           AND NOT EXISTS (SELECT FROM redemption_schema.erased_users AS u WHERE u.user_id = r.user_id) AS is_due
  FROM redemption_schema.redemptions AS r
 WHERE r.completed_at IS NOT NULL
 ORDER BY 1;

-- name: bonuses
-- What became of ad views.
SELECT (b.view_id::text) COLLATE "C" AS key, b.updated_at AS at, b.status, b.user_id, b.ticket_count AS tickets
  FROM redemption_schema.ad_bonuses AS b
 ORDER BY 1;

-- name: employees_redemption
-- Who may process transactions.
SELECT e.employee_number COLLATE "C" AS key, e.as_of AS at, coalesce(e.version, 0) AS version,
       concat_ws(' ', e.user_id, e.station_code, e.is_active, e.may_process_transactions AND e.is_active) AS said
  FROM redemption_schema.employments AS e
 ORDER BY 1;

-- name: erasures_redemption
-- Who is known to be erased.
SELECT (u.user_id::text) COLLATE "C" AS key, u.erased_at AS at FROM redemption_schema.erased_users AS u ORDER BY 1;

-- name: raffles
-- What raffles take, as they said.
SELECT r.raffle_code COLLATE "C" AS key, r.updated_at AS at, r.takes_choices OR r.free_entries_per_day > 0 AS is_open,
       concat_ws(' ', r.takes_choices, r.free_entries_per_day, extract(epoch FROM r.opens_at),
                 extract(epoch FROM r.closes_at), r.time_zone) AS said
  FROM redemption_schema.ticket_raffles AS r
 ORDER BY 1;

-- name: draws
-- Raffles that told of their draw.
SELECT d.raffle_code COLLATE "C" AS key, d.drawn_at AS at FROM redemption_schema.drawn_raffles AS d ORDER BY 1;

-- name: rebuild_redemption_completed
-- A completion, as complete_redemption tells it.
SELECT jsonb_build_object('reference', r.transaction_reference)
       || (SELECT jsonb_object_agg(f.key, f.value)
             FROM jsonb_each(redemption_schema.redemption_facts(r.transaction_reference)) AS f
            WHERE f.key NOT IN ('transaction_reference', 'flow', 'failure_code', 'failure_reason',
                                'cancellation_reason', 'failed_at', 'cancelled_at')) AS payload,
       r.completed_at AS occurred_at
  FROM redemption_schema.redemptions AS r
 WHERE r.transaction_reference = %(subject)s AND r.completed_at IS NOT NULL;

-- name: rebuild_redemption_cancelled
-- A cancellation, as cancel_redemption tells it.
SELECT jsonb_build_object('reference', r.transaction_reference)
       || (SELECT jsonb_object_agg(f.key, f.value)
             FROM jsonb_each(redemption_schema.redemption_facts(r.transaction_reference)) AS f
            WHERE f.key NOT IN ('transaction_reference', 'flow', 'failure_code', 'failure_reason', 'failed_at'))
           AS payload,
       r.cancelled_at AS occurred_at
  FROM redemption_schema.redemptions AS r
 WHERE r.transaction_reference = %(subject)s AND r.status = 'CANCELLED' AND r.completed_at IS NOT NULL;

-- name: rebuild_tickets_issued
-- The tickets of an issuance that are in a raffle, since when they are.
SELECT jsonb_build_object(
           'issuance_id', t.issuance_id, 'user_id', t.user_id, 'source', t.source, 'count', count(*),
           'numbers', jsonb_agg(t.ticket_number ORDER BY t.ordinal), 'raffle_code', t.raffle_code,
           'entered_at', to_char(max(t.updated_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) AS payload,
       max(t.updated_at) AS occurred_at
  FROM redemption_schema.raffle_tickets AS t
 WHERE t.issuance_id = %(subject)s::uuid AND t.raffle_code = %(raffle_code)s AND t.status = 'ENTERED'
 GROUP BY t.issuance_id, t.user_id, t.source, t.raffle_code;

-- name: rebuild_tickets_revoked
-- The tickets of an issuance that were taken back out of a raffle.
SELECT jsonb_build_object(
           'issuance_id', t.issuance_id, 'user_id', t.user_id, 'source', t.source, 'count', count(*),
           'numbers', jsonb_agg(t.ticket_number ORDER BY t.ordinal), 'raffle_code', t.raffle_code,
           'revoked_at', to_char(max(t.updated_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) AS payload,
       max(t.updated_at) AS occurred_at
  FROM redemption_schema.raffle_tickets AS t
 WHERE t.issuance_id = %(subject)s::uuid AND t.raffle_code = %(raffle_code)s AND t.status = 'CANCELLED'
 GROUP BY t.issuance_id, t.user_id, t.source, t.raffle_code;
