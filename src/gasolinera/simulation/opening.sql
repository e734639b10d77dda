-- What no route makes: people who have registered long ago, and purchases of an hour ago.

-- name: add_people
-- As if they had registered: $1 public ids, $2 roles, $3 phones, $4 the seed. Of them only metadata tells what they are.
INSERT INTO auth_schema.users (
    public_id, phone_number, first_name, last_name, role, phone_verified_at, terms_version, terms_accepted_at,
    age_confirmed_at, metadata)
SELECT p.public_id, p.phone_number, 'Simulation', 'Person ' || p.ordinal, p.role, now(), '2026-01', now(), now(),
       jsonb_build_object('simulation', $4::integer)
  FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS p (public_id, role, phone_number, ordinal);

-- name: retire_administrators
-- The day's own administrators, where there is another one: nobody shall ever log in as one of them.
-- The other services hear of it as of any account.
WITH retired AS (
    UPDATE auth_schema.users SET is_active = false
     WHERE public_id = ANY ($1::uuid[])
       AND EXISTS (SELECT FROM auth_schema.users AS o
                    WHERE o.role = 'SYSTEM_ADMIN' AND o.is_active AND NOT o.public_id = ANY ($1::uuid[]))
    RETURNING public_id, role
)
INSERT INTO auth_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
SELECT 'user.changed', 'user', r.public_id::text,
       jsonb_build_object('public_id', r.public_id, 'role', r.role, 'active', false)
  FROM retired AS r;

-- name: count_known_staff
-- Of these people: how many the redemption service lets process transactions, and the auth service knows as employed.
SELECT (SELECT count(*) FROM redemption_schema.employments
         WHERE user_id = ANY ($1::uuid[]) AND is_active AND may_process_transactions)
       + (SELECT count(*) FROM auth_schema.users
           WHERE public_id = ANY ($1::uuid[]) AND role IN ('EMPLOYEE', 'STATION_ADMIN')) AS count;

-- name: count_wallets
-- How many coupons of the campaign $1 are somebody's.
SELECT count(*)
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE g.campaign_code = $1 AND c.user_id IS NOT NULL;

-- name: begin_late
-- A purchase of an hour ago at the pump ($6): $1 driver, $2 station, $3 attendant, $4 amount, $5 a key of its own.
INSERT INTO redemption_schema.redemptions (
    user_id, station_code, employee_number, dispenser_code, validation_method, original_amount, final_amount, currency,
    idempotency_key, created_at)
VALUES ($1, $2, $3, 'D01', 'PUMP_QR', $4, $4, 'MXN', $5, now() - $6::interval)
RETURNING transaction_reference;

-- name: complete_late
-- It completed at once, with $2 tickets that wait for a raffle. Nobody was told of it.
UPDATE redemption_schema.redemptions
   SET status = 'COMPLETED', completed_at = created_at, tickets_earned = $2, base_tickets = $2
 WHERE transaction_reference = $1;

-- name: is_raffle_known
-- Whether the redemption service sends tickets to the raffle $1.
SELECT EXISTS (SELECT FROM redemption_schema.ticket_raffles WHERE raffle_code = $1 AND opens_at <= now()
                AND now() < closes_at);
