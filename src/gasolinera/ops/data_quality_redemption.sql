-- What redemption_schema derives, and what it says of itself, that is not so: of each the thing and how it is wrong.

-- name: totals_redemption_tickets
-- A completed redemption has not the tickets that it earned, or has two issuances of its own.
SELECT r.transaction_reference AS object,
       format('earned %s, issued %s', r.tickets_earned, coalesce(i.tickets, 0)) AS detail
  FROM redemption_schema.redemptions AS r
  LEFT JOIN (SELECT i.redemption_id, sum(i.ticket_count) AS tickets
               FROM redemption_schema.ticket_issuances AS i
              WHERE i.source = 'COUPON_REDEMPTION'
              GROUP BY i.redemption_id) AS i ON i.redemption_id = r.id
 WHERE r.completed_at IS NOT NULL AND r.tickets_earned <> coalesce(i.tickets, 0);

-- name: totals_issuance_tickets
-- An issuance has not as many tickets as it says.
SELECT i.issuance_id::text AS object, format('says %s, tickets %s', i.ticket_count, coalesce(t.tickets, 0)) AS detail
  FROM redemption_schema.ticket_issuances AS i
  LEFT JOIN (SELECT t.issuance_id, count(*) AS tickets
               FROM redemption_schema.raffle_tickets AS t
              GROUP BY t.issuance_id) AS t ON t.issuance_id = i.issuance_id
 WHERE i.ticket_count <> coalesce(t.tickets, 0);

-- name: totals_ad_bonuses
-- The tickets of an ad view are not those of its issuance.
SELECT b.view_id::text AS object, format('says %s, issued %s', b.ticket_count, coalesce(i.ticket_count, 0)) AS detail
  FROM redemption_schema.ad_bonuses AS b
  LEFT JOIN redemption_schema.ticket_issuances AS i ON i.issuance_id = b.issuance_id
 WHERE b.status = 'ISSUED' AND b.ticket_count <> coalesce(i.ticket_count, 0);

-- name: totals_points_balances
-- An account's balance or number of entries is not what its ledger adds up to.
SELECT coalesce(a.user_id, l.user_id)::text AS object,
       format('balance %s of %s entries, ledger %s of %s', a.balance, a.entry_count, l.points, l.entries) AS detail
  FROM redemption_schema.points_accounts AS a
  FULL JOIN (SELECT l.user_id, sum(l.points) AS points, count(*) AS entries
               FROM redemption_schema.points_ledger AS l
              GROUP BY l.user_id) AS l ON l.user_id = a.user_id
 WHERE (a.balance::numeric, a.entry_count) IS DISTINCT FROM (l.points, l.entries);

-- name: totals_points_running
-- An entry of the ledger says another balance than the entries up to it.
SELECT l.user_id::text || ' ' || l.entry_number AS object,
       format('says %s, is %s', l.balance_after, l.running) AS detail
  FROM (SELECT l.user_id, l.entry_number, l.balance_after,
               sum(l.points) OVER (PARTITION BY l.user_id ORDER BY l.entry_number) AS running
          FROM redemption_schema.points_ledger AS l) AS l
 WHERE l.balance_after <> l.running;

-- name: totals_report_days
-- A line of the report of redemptions is not what the redemptions of that day add up to. What waits to be folded into
-- the report is in neither.
WITH waiting AS (
    SELECT w.redemption_id, bool_or(w.became = 'COMPLETED') AS is_completion
      FROM redemption_schema.report_changes AS w
     GROUP BY w.redemption_id
), fact AS (
    SELECT r.business_day, r.station_code, coalesce(r.campaign_code, '') AS campaign_code, r.currency,
           count(*) AS completed, count(*) FILTER (WHERE s.is_cancelled) AS cancelled,
           coalesce(sum(r.original_amount) FILTER (WHERE NOT s.is_cancelled), 0) AS original_amount,
           coalesce(sum(r.discount_amount) FILTER (WHERE NOT s.is_cancelled), 0) AS discount_amount,
           coalesce(sum(r.final_amount) FILTER (WHERE NOT s.is_cancelled), 0) AS final_amount
      FROM redemption_schema.redemptions AS r
      LEFT JOIN waiting AS w ON w.redemption_id = r.id
     CROSS JOIN LATERAL (SELECT r.status = 'CANCELLED' AND w.redemption_id IS NULL AS is_cancelled) AS s
     WHERE r.completed_at IS NOT NULL AND w.is_completion IS NOT true
     GROUP BY r.business_day, r.station_code, coalesce(r.campaign_code, ''), r.currency
)
SELECT concat_ws(' ', coalesce(d.business_day, f.business_day), coalesce(d.station_code, f.station_code),
                 coalesce(d.campaign_code, f.campaign_code), coalesce(d.currency, f.currency)) AS object,
       format('report %s for %s, redemptions %s for %s', d.completed, d.final_amount, f.completed, f.final_amount)
           AS detail
  FROM redemption_schema.redemption_days AS d
  FULL JOIN fact AS f
    ON (f.business_day, f.station_code, f.campaign_code, f.currency)
     = (d.business_day, d.station_code, d.campaign_code, d.currency)
 WHERE (d.completed, d.cancelled, d.original_amount, d.discount_amount, d.final_amount)
       IS DISTINCT FROM (f.completed, f.cancelled, f.original_amount, f.discount_amount, f.final_amount);

-- name: totals_offline_leases
-- A terminal's lease counts other uses, or another discount, than its accepted entries.
SELECT l.lease_id::text AS object,
       format('counted %s for %s, entries %s for %s', l.used_count, l.used_total, coalesce(o.entries, 0),
              coalesce(o.total, 0)) AS detail
  FROM redemption_schema.offline_leases AS l
  LEFT JOIN (SELECT o.lease_id, count(*) AS entries, sum(o.discount_amount) AS total
               FROM redemption_schema.offline_redemptions AS o
              WHERE o.reason IS NULL
                 OR o.reason NOT IN ('NO_LEASE', 'TOO_LATE', 'CLOCK', 'OUTSIDE_LEASE', 'OVER_CAP')
              GROUP BY o.lease_id) AS o ON o.lease_id = l.lease_id
 WHERE (l.used_count, l.used_total) IS DISTINCT FROM (coalesce(o.entries, 0), coalesce(o.total, 0));

-- name: totals_offline_chains
-- A terminal's chain says another last entry than it has.
SELECT c.terminal_code AS object, format('says %s, has %s', c.head_sequence, o.head) AS detail
  FROM redemption_schema.offline_chains AS c
  JOIN (SELECT o.terminal_code, max(o.sequence) AS head
          FROM redemption_schema.offline_redemptions AS o
         GROUP BY o.terminal_code) AS o ON o.terminal_code = c.terminal_code
 WHERE c.head_sequence <> o.head;

-- name: states_completed_redemptions
-- A redemption's state and its times contradict each other.
SELECT r.transaction_reference AS object, r.status AS detail
  FROM redemption_schema.redemptions AS r
 WHERE r.status = 'COMPLETED' AND (r.completed_at IS NULL OR r.business_day IS NULL)
    OR r.status = 'CANCELLED' AND r.cancelled_at IS NULL
    OR r.status IN ('PENDING', 'IN_PROGRESS', 'FAILED') AND r.completed_at IS NOT NULL;

-- name: states_stuck_redemptions
-- A redemption is under way for more than two hours: the recovery ends them after half an hour.
SELECT r.transaction_reference AS object,
       format('%s since %s, %s attempts', r.status, r.created_at, r.recovery_attempts) AS detail
  FROM redemption_schema.redemptions AS r
 WHERE r.status IN ('PENDING', 'IN_PROGRESS') AND r.created_at < now() - interval '2 hours';

-- name: states_tickets_of_cancelled
-- A cancelled redemption still has tickets that could win.
SELECT t.ticket_number AS object, format('%s, of %s', t.status, r.transaction_reference) AS detail
  FROM redemption_schema.redemptions AS r
  JOIN redemption_schema.raffle_tickets AS t ON t.redemption_id = r.id
 WHERE r.status = 'CANCELLED' AND t.status IN ('ACTIVE', 'ENTERED');

-- name: states_bonuses_taken_back
-- The tickets of an ad view that was taken back could still win.
SELECT t.ticket_number AS object, format('%s, of view %s', t.status, b.view_id) AS detail
  FROM redemption_schema.ad_bonuses AS b
  JOIN redemption_schema.raffle_tickets AS t ON t.issuance_id = b.issuance_id
 WHERE b.status = 'TAKEN_BACK' AND t.status IN ('ACTIVE', 'ENTERED');

-- name: states_pump_codes
-- A pump's code is completed and its redemption is not, or it has none.
SELECT q.nonce::text AS object, format('redemption %s', coalesce(r.status, 'none')) AS detail
  FROM redemption_schema.qr_validations AS q
  LEFT JOIN redemption_schema.redemptions AS r ON r.id = q.redemption_id
 WHERE q.status = 'COMPLETED' AND r.completed_at IS NULL;

-- name: states_drawn_tickets
-- Tickets are still in a raffle whose tickets are said to have had their draw.
SELECT t.ticket_number AS object, format('%s in %s', t.status, d.raffle_code) AS detail
  FROM redemption_schema.drawn_raffles AS d
  JOIN redemption_schema.raffle_tickets AS t ON t.raffle_code = d.raffle_code AND t.status = 'ENTERED'
 WHERE d.tickets_ended_at < now() - interval '1 hour' AND t.updated_at < d.tickets_ended_at;
