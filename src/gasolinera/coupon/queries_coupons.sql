-- Coupons: searched, shown to their owners, handed out, withdrawn, expired, exported.

-- name: list_all
-- The latest first. A statement for each way in, so that each has a plan of its own.
SELECT c.id, c.coupon_code, g.campaign_code, c.user_id, c.status, c.status_reason, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
       c.usage_count, c.qr_key_id IS NOT NULL AS is_signed, c.created_at
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE ($1::text IS NULL OR c.status = $1) AND ($2::boolean IS NULL OR (c.user_id IS NOT NULL) = $2)
   AND c.id < coalesce($3::bigint, 9223372036854775807)
 ORDER BY c.id DESC
 LIMIT $4;

-- name: list_of_campaign
-- The latest of a campaign first.
SELECT c.id, c.coupon_code, g.campaign_code, c.user_id, c.status, c.status_reason, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
       c.usage_count, c.qr_key_id IS NOT NULL AS is_signed, c.created_at
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.campaign_id = (SELECT s.id FROM coupon_schema.campaigns AS s WHERE s.campaign_code = $5)
   AND ($1::text IS NULL OR c.status = $1) AND ($2::boolean IS NULL OR (c.user_id IS NOT NULL) = $2)
   AND c.id < coalesce($3::bigint, 9223372036854775807)
 ORDER BY c.id DESC
 LIMIT $4;

-- name: list_of_user
-- The latest of a user first, of campaign $6 or of any.
SELECT c.id, c.coupon_code, g.campaign_code, c.user_id, c.status, c.status_reason, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
       c.usage_count, c.qr_key_id IS NOT NULL AS is_signed, c.created_at
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.user_id = $5::uuid AND ($6::text IS NULL OR g.campaign_code = $6)
   AND ($1::text IS NULL OR c.status = $1) AND ($2::boolean IS NULL OR (c.user_id IS NOT NULL) = $2)
   AND c.id < coalesce($3::bigint, 9223372036854775807)
 ORDER BY c.id DESC
 LIMIT $4;

-- name: list_all_up
-- list_all from its other end.
SELECT c.id, c.coupon_code, g.campaign_code, c.user_id, c.status, c.status_reason, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
       c.usage_count, c.qr_key_id IS NOT NULL AS is_signed, c.created_at
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE ($1::text IS NULL OR c.status = $1) AND ($2::boolean IS NULL OR (c.user_id IS NOT NULL) = $2)
   AND c.id > coalesce($3::bigint, 0)
 ORDER BY c.id
 LIMIT $4;

-- name: list_of_campaign_up
-- list_of_campaign from its other end.
SELECT c.id, c.coupon_code, g.campaign_code, c.user_id, c.status, c.status_reason, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
       c.usage_count, c.qr_key_id IS NOT NULL AS is_signed, c.created_at
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.campaign_id = (SELECT s.id FROM coupon_schema.campaigns AS s WHERE s.campaign_code = $5)
   AND ($1::text IS NULL OR c.status = $1) AND ($2::boolean IS NULL OR (c.user_id IS NOT NULL) = $2)
   AND c.id > coalesce($3::bigint, 0)
 ORDER BY c.id
 LIMIT $4;

-- name: list_of_user_up
-- list_of_user from its other end.
SELECT c.id, c.coupon_code, g.campaign_code, c.user_id, c.status, c.status_reason, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
       c.usage_count, c.qr_key_id IS NOT NULL AS is_signed, c.created_at
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.user_id = $5::uuid AND ($6::text IS NULL OR g.campaign_code = $6)
   AND ($1::text IS NULL OR c.status = $1) AND ($2::boolean IS NULL OR (c.user_id IS NOT NULL) = $2)
   AND c.id > coalesce($3::bigint, 0)
 ORDER BY c.id
 LIMIT $4;

-- name: get_coupon
-- One coupon, whoever's it is.
SELECT c.id, c.coupon_code, g.campaign_code, c.user_id, c.status, c.status_reason, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
       c.usage_count, c.qr_key_id IS NOT NULL AS is_signed, c.created_at
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.coupon_code = $1;

-- name: change_status
-- From one of the states $3 to $2, and into the log as $5; nothing when the coupon is in another one.
WITH changed AS (
    UPDATE coupon_schema.coupons AS c
       SET status = $2::text, status_reason = CASE $2::text WHEN 'ACTIVE' THEN NULL ELSE $4 END
     WHERE c.coupon_code = $1 AND c.status = ANY ($3::text[])
    RETURNING c.*
), logged AS (
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, coupon_code, reason)
    SELECT $5, g.campaign_code, c.coupon_code, $4
      FROM changed AS c
      JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
)
SELECT c.id, c.coupon_code, g.campaign_code, c.user_id, c.status, c.status_reason, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
       c.usage_count, c.qr_key_id IS NOT NULL AS is_signed, c.created_at
  FROM changed AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id;

-- name: assign_coupon
-- One that is nobody's and unused becomes a user's; its code is signed anew within moments.
WITH changed AS (
    UPDATE coupon_schema.coupons AS c SET user_id = $2
     WHERE c.coupon_code = $1 AND c.user_id IS NULL AND c.status = 'ACTIVE' AND c.usage_count = 0
    RETURNING c.*
), renewed AS (
    INSERT INTO coupon_schema.code_renewals (coupon_id) SELECT c.id FROM changed AS c WHERE c.qr_key_id IS NOT NULL
), logged AS (
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, coupon_code)
    SELECT 'COUPON_ASSIGNED', g.campaign_code, c.coupon_code
      FROM changed AS c
      JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
)
SELECT c.id, c.coupon_code, g.campaign_code, c.user_id, c.status, c.status_reason, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
       c.usage_count, c.qr_key_id IS NOT NULL AS is_signed, c.created_at
  FROM changed AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id;

-- name: assign_listed
-- The rows $1 of a list give the coupons $2 to the users $3; gives the rows that did. Locks in the order of ids.
WITH wanted AS (
    SELECT w.row_number, w.coupon_code, w.user_id
      FROM unnest($1::integer[], $2::text[], $3::uuid[]) AS w (row_number, coupon_code, user_id)
), free AS MATERIALIZED (
    SELECT c.id, w.row_number, w.user_id
      FROM coupon_schema.coupons AS c
      JOIN wanted AS w ON w.coupon_code = c.coupon_code
     WHERE c.user_id IS NULL AND c.status = 'ACTIVE' AND c.usage_count = 0
     ORDER BY c.id
       FOR NO KEY UPDATE OF c
), changed AS (
    UPDATE coupon_schema.coupons AS c SET user_id = f.user_id
      FROM free AS f
     WHERE c.id = f.id
    RETURNING f.row_number, c.id, c.coupon_code, c.campaign_id, c.qr_key_id
), renewed AS (
    INSERT INTO coupon_schema.code_renewals (coupon_id) SELECT c.id FROM changed AS c WHERE c.qr_key_id IS NOT NULL
), logged AS (
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, coupon_code)
    SELECT 'COUPON_ASSIGNED', g.campaign_code, c.coupon_code
      FROM changed AS c
      JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
)
SELECT c.row_number FROM changed AS c;

-- name: has_coupons_of
-- Which of these codes exist, and whether their coupon is the user's beside them already.
SELECT w.row_number, c.user_id IS NOT DISTINCT FROM w.user_id AS is_theirs
  FROM unnest($1::integer[], $2::text[], $3::uuid[]) AS w (row_number, coupon_code, user_id)
  JOIN coupon_schema.coupons AS c ON c.coupon_code = w.coupon_code;

-- name: grant_listed
-- The users $2 are owed a coupon of campaign $1, once each, but for erased ones; gives how many are new. One entry of
-- the log for all.
WITH campaign AS (
    SELECT g.id FROM coupon_schema.campaigns AS g
     WHERE g.campaign_code = $1 AND g.status IN ('ACTIVE', 'PAUSED') AND g.valid_until > now()
), added AS (
    INSERT INTO coupon_schema.coupon_grants (campaign_id, user_id, source)
    SELECT c.id, u, 'LIST' FROM campaign AS c, unnest($2::uuid[]) AS u
     WHERE NOT EXISTS (SELECT FROM coupon_schema.erased_users AS e WHERE e.user_id = u)
     ORDER BY u
    ON CONFLICT (campaign_id, user_id) DO NOTHING
    RETURNING user_id
), logged AS (
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, new_values)
    SELECT 'COUPON_ASSIGNED', $1, jsonb_build_object('users', count(*)) FROM added HAVING count(*) > 0
)
SELECT CASE WHEN EXISTS (SELECT FROM campaign) THEN (SELECT count(*) FROM added) END;

-- name: my_coupons
-- A user's coupons, what ends first first, from after ($2, $3) on; $4: those that are over too.
SELECT c.id, c.coupon_code, g.campaign_code, g.name AS campaign_name, c.status,
       c.status = 'ACTIVE' AND c.valid_from <= now() AND now() < c.valid_until AND g.status = 'ACTIVE' AS is_usable,
       c.discount_type, c.discount_value, c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets,
       c.valid_from, c.valid_until, c.max_usage - c.usage_count AS uses_left,
       c.qr_key_id IS NOT NULL AS is_signed
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.user_id = $1 AND (c.valid_until, c.id) > (coalesce($2::timestamptz, '-infinity'), $3::bigint)
   AND ($4 OR (c.status = 'ACTIVE' AND c.valid_until > now()))
 ORDER BY c.valid_until, c.id
 LIMIT $5;

-- name: expire_coupons
-- Up to $1 coupons whose time is over; gives how many. One that somebody holds waits for the next time.
WITH over AS MATERIALIZED (
    SELECT c.id FROM coupon_schema.coupons AS c
     WHERE c.status IN ('ACTIVE', 'SUSPENDED') AND c.valid_until <= now()
     ORDER BY c.valid_until
     LIMIT $1
       FOR NO KEY UPDATE SKIP LOCKED
), expired AS (
    UPDATE coupon_schema.coupons AS c SET status = 'EXPIRED' FROM over AS o WHERE c.id = o.id
    RETURNING c.id
)
SELECT count(*) FROM expired;

-- name: export_of_batch
-- Coupons by their dense index, from $1 to before $2, at most $3.
SELECT c.dense_index AS position, c.coupon_code, g.campaign_code, c.status, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage, c.qr_payload,
       c.qr_signature
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.dense_index >= $1 AND c.dense_index < $2
 ORDER BY c.dense_index
 LIMIT $3;

-- name: export_of_campaign
-- Coupons of a campaign in the order they were made, after $2, at most $3.
SELECT c.id AS position, c.coupon_code, g.campaign_code, c.status, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage, c.qr_payload,
       c.qr_signature
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.campaign_id = (SELECT s.id FROM coupon_schema.campaigns AS s WHERE s.campaign_code = $1) AND c.id > $2
 ORDER BY c.id
 LIMIT $3;

-- name: batch_range
-- Where the coupons of a batch lie.
SELECT b.first_dense_index, b.requested_count, g.campaign_code
  FROM coupon_schema.coupon_batches AS b
  JOIN coupon_schema.campaigns AS g ON g.id = b.campaign_id
 WHERE b.batch_id = $1;

-- name: campaign_on_paper
-- What a printed coupon says of its campaign; its times are those of the zone.
SELECT g.campaign_code, g.name, g.time_zone, g.fuel_types, g.station_scope = 'LISTED' AS is_for_listed_stations
  FROM coupon_schema.campaigns AS g
 WHERE g.campaign_code = $1;

-- name: log_export
-- Who took the codes out.
INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, new_values)
VALUES ('COUPONS_EXPORTED', $1, $2);
