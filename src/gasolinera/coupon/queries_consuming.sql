-- What the redemption service asks for.

-- name: find_coupon
-- Which coupon a code means; nothing of whether it is good.
SELECT c.coupon_code, g.campaign_code, c.currency, c.user_id, c.max_usage > 1 AS is_shared
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.coupon_code = $1;

-- name: record_refused_code
-- An attempt with what is no coupon of ours: context and row in one statement.
WITH context AS MATERIALIZED (
    SELECT coupon_schema.set_request_context($1::text[], $2::text[])
)
INSERT INTO coupon_schema.coupon_validation_attempts (
    coupon_code, result, validation_method, user_id, employee_number, station_code, device_id, detail)
SELECT left($3::text, 100), $4::text, $5::text, $6::uuid, $7::text, $8::text, left($9::text, 100),
       jsonb_strip_nulls(jsonb_build_object('error', $10::text))
  FROM context;

-- name: use_coupon
-- Used, or without a reference only judged; recorded in any case. No reasons: yes.
SELECT reasons, discount_amount, final_amount, raffle_tickets, raffle_code
  FROM coupon_schema.use_coupon($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: restore_use
-- Gives the use of a redemption back, as far as the policy goes.
SELECT coupon_schema.restore_use($1, $2, $3, $4);

-- name: forget_refused_uses
-- The job: refusals that nobody asks about any more.
SELECT coupon_schema.forget_refused_uses($1);
