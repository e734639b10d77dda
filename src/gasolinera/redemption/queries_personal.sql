-- What the service holds about one person: user $1, at most $2 rows, the newest first.

-- name: export_account_states
-- That the account is erased, where the auth service said so.
SELECT true AS is_erased, u.erased_at AS as_of FROM redemption_schema.erased_users AS u WHERE u.user_id = $1 LIMIT $2;

-- name: export_redemptions
-- What the person redeemed, and from where; the address of an employee who asked is not the person's.
SELECT r.transaction_reference, r.status, r.coupon_code, r.campaign_code, r.station_code, r.device_id, r.fuel_type,
       r.fuel_litres, r.price_per_litre, r.original_amount, r.discount_amount, r.final_amount, r.currency,
       r.tickets_earned, r.cancellation_reason,
       CASE WHEN r.created_by = r.user_id::text THEN host(r.ip_address) END AS ip_address,
       CASE WHEN r.created_by = r.user_id::text THEN r.user_agent END AS user_agent, r.created_at
  FROM redemption_schema.redemptions AS r
 WHERE r.user_id = $1
 ORDER BY r.created_at DESC, r.id DESC
 LIMIT $2;

-- name: export_served
-- From where the person served others, an employee at work: nothing of whom.
SELECT r.station_code, host(r.ip_address) AS ip_address, r.user_agent, r.created_at
  FROM redemption_schema.redemptions AS r
 WHERE r.employee_number = ANY (ARRAY(
           SELECT e.employee_number FROM redemption_schema.employments AS e WHERE e.user_id = $1::text::uuid))
   AND r.created_by = $1::text AND (r.ip_address IS NOT NULL OR r.user_agent IS NOT NULL)
 ORDER BY r.created_at DESC, r.id DESC
 LIMIT $2;

-- name: export_tickets
-- The person's tickets.
SELECT t.ticket_number, t.source, t.raffle_code, t.status, t.expires_at, t.created_at
  FROM redemption_schema.raffle_tickets AS t
 WHERE t.user_id = $1
 ORDER BY t.created_at DESC, t.id DESC
 LIMIT $2;

-- name: export_ad_bonuses
-- What the person's views of advertisements earned.
SELECT b.view_id, b.transaction_reference, b.chain_step, b.status, b.ticket_count, b.taken_back_at, b.created_at
  FROM redemption_schema.ad_bonuses AS b
 WHERE b.user_id = $1
 ORDER BY b.created_at DESC, b.view_id
 LIMIT $2;

-- name: export_free_entries
-- The person's tickets without purchase.
SELECT e.raffle_code, e.entry_day, e.issuance_id, e.created_at
  FROM redemption_schema.free_entries AS e
 WHERE e.user_id = $1
 ORDER BY e.created_at DESC, e.issuance_id
 LIMIT $2;

-- name: export_points
-- The person's points, each movement.
SELECT l.entry_number, l.entry_type, l.points, l.balance_after, l.source_reference, l.description, l.expires_at,
       host(l.ip_address) AS ip_address, l.user_agent, l.created_at
  FROM redemption_schema.points_ledger AS l
 WHERE l.user_id = $1
 ORDER BY l.entry_number DESC
 LIMIT $2;

-- name: export_assessments
-- How the person's attempts were judged; not by which rules, which would teach how to pass them.
SELECT f.transaction_reference, f.station_code, f.device_id, f.action_taken, f.risk_score,
       CASE WHEN f.actor = f.user_id::text THEN host(f.ip_address) END AS ip_address,
       CASE WHEN f.actor = f.user_id::text THEN f.user_agent END AS user_agent, f.created_at
  FROM redemption_schema.fraud_detection_log AS f
 WHERE f.user_id = $1
 ORDER BY f.created_at DESC, f.id DESC
 LIMIT $2;

-- name: export_offline_redemptions
-- What terminals without a connection took of the person's.
SELECT o.terminal_code, o.sequence, o.station_code, o.fuel_type, o.amount, o.discount_amount, o.currency, o.used_at,
       o.status, o.reason, o.transaction_reference, o.resolution, o.created_at
  FROM redemption_schema.offline_redemptions AS o
 WHERE o.user_id = $1
 ORDER BY o.created_at DESC, o.terminal_code, o.sequence DESC
 LIMIT $2;

-- name: export_employments
-- Where the person works or worked, as the station service said last.
SELECT e.employee_number, e.station_code, e.may_process_transactions, e.is_active, e.as_of
  FROM redemption_schema.employments AS e
 WHERE e.user_id = $1
 ORDER BY e.as_of DESC, e.employee_number
 LIMIT $2;

-- name: note_erasure
-- Keeps that an account is erased; what is known already stays, and what came about the person since is forgotten too.
INSERT INTO redemption_schema.erased_users AS u (user_id, erased_at) VALUES ($1, $2)
    ON CONFLICT ON CONSTRAINT erased_users_pk DO UPDATE SET erased_at = u.erased_at;

-- name: forget_person
-- What tells who an erased user was goes; references, amounts and tickets in raffles stay.
SELECT redemption_schema.forget_person($1);

-- name: forget_refused_codes
-- The job: codes that were refused more than 90 days ago.
SELECT redemption_schema.forget_refused_codes($1);
