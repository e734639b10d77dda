-- Batches of coupons, the chunks that processes share, and coupons for those who are owed one.

-- name: open_batch
-- A batch with the terms that the campaign $1 has now, and its chunks of $6; none unless the campaign is open and holds
-- the window $3 to $4. Whoever needs a dense index waits until the transaction ends.
WITH campaign AS MATERIALIZED (
    SELECT g.id, g.discount_type, g.discount_value, g.maximum_discount, g.minimum_purchase, g.currency,
           g.raffle_tickets_per_coupon, coalesce($3::timestamptz, g.valid_from) AS valid_from,
           coalesce($4::timestamptz, g.valid_until) AS valid_until
      FROM coupon_schema.campaigns AS g
     WHERE g.campaign_code = $1 AND g.status IN ('ACTIVE', 'PAUSED')
       AND coalesce($3::timestamptz, g.valid_from) >= g.valid_from
       AND coalesce($4::timestamptz, g.valid_until) <= g.valid_until
       AND coalesce($4::timestamptz, g.valid_until) > now()
       FOR SHARE
), batch AS (
    INSERT INTO coupon_schema.coupon_batches (
        campaign_id, requested_count, first_dense_index, discount_type, discount_value, maximum_discount,
        minimum_purchase, currency, raffle_tickets, valid_from, valid_until, max_usage)
    SELECT c.id, $2, coupon_schema.reserve_dense_indexes($2), c.discount_type, c.discount_value, c.maximum_discount,
           c.minimum_purchase, c.currency, c.raffle_tickets_per_coupon, c.valid_from, c.valid_until, $5
      FROM campaign AS c
    RETURNING id, batch_id, status, requested_count, first_dense_index, valid_from, valid_until, max_usage, created_at,
              finished_at
), chunks AS (
    INSERT INTO coupon_schema.coupon_batch_chunks (batch_id, chunk, first_dense_index, coupon_count)
    SELECT b.id, n, b.first_dense_index + n::bigint * $6::integer,
           least($6::integer, b.requested_count - n * $6::integer)
      FROM batch AS b, generate_series(0, (b.requested_count - 1) / $6::integer) AS n
), logged AS (
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, new_values)
    SELECT 'COUPONS_ISSUED', $1, jsonb_build_object('batch_id', b.batch_id, 'count', b.requested_count) FROM batch AS b
)
SELECT b.batch_id, $1::text AS campaign_code, b.status, b.requested_count, 0 AS issued_count, b.valid_from,
       b.valid_until, b.max_usage, b.created_at, b.finished_at
  FROM batch AS b;

-- name: campaign_window
-- Why no batch was opened.
SELECT g.status, g.valid_from, g.valid_until, g.valid_until <= now() AS is_over
  FROM coupon_schema.campaigns AS g
 WHERE g.campaign_code = $1;

-- name: get_batch
-- How far a batch is.
SELECT p.batch_id, p.campaign_code, p.status, p.requested_count, p.issued_count, p.valid_from, p.valid_until,
       p.max_usage, p.created_at, p.finished_at
  FROM coupon_schema.coupon_batch_progress AS p
 WHERE p.batch_id = $1;

-- name: list_batches
-- The latest first, of campaign $1 or of all, from before $2 on.
SELECT p.id, p.batch_id, p.campaign_code, p.status, p.requested_count, p.issued_count, p.valid_from, p.valid_until,
       p.max_usage, p.created_at, p.finished_at
  FROM coupon_schema.coupon_batch_progress AS p
 WHERE ($1::text IS NULL OR p.campaign_code = $1) AND ($2::bigint IS NULL OR p.id < $2)
 ORDER BY p.id DESC
 LIMIT $3;

-- name: cancel_batch
-- No further chunk is begun. Waits for none of those that are under way, which are finished; what was issued stays.
UPDATE coupon_schema.coupon_batches SET status = 'CANCELLED', finished_at = now()
 WHERE batch_id = $1 AND status = 'ISSUING';

-- name: find_work
-- Whether anything waits to be issued.
SELECT EXISTS (SELECT FROM coupon_schema.coupon_grants AS r WHERE r.coupon_id IS NULL) AS has_grants,
       EXISTS (SELECT FROM coupon_schema.coupon_batches AS b WHERE b.status = 'ISSUING') AS has_batches,
       EXISTS (SELECT FROM coupon_schema.code_renewals) AS has_renewals;

-- name: allow_longer
-- A chunk is one statement that takes as long as its coupons take to sign.
SELECT set_config('statement_timeout', '300000', true);

-- name: claim_chunk
-- The next chunk that nobody holds, of batch $1 or of any; held until the transaction ends. The batch is not: who
-- cancels it would wait for all who share it. `sent`: what is the same in all coupons, as COPY in binary takes it.
SELECT c.batch_id, c.chunk, c.first_dense_index, c.coupon_count, b.campaign_id, g.campaign_code,
       g.station_scope = 'LISTED' AS is_for_listed_stations, b.discount_type, b.discount_value, b.maximum_discount,
       b.minimum_purchase, b.currency, b.raffle_tickets, b.valid_from, b.valid_until, b.max_usage,
       ARRAY[
           int8send(b.campaign_id), textsend(b.discount_type), numeric_send(b.discount_value),
           numeric_send(b.maximum_discount), numeric_send(b.minimum_purchase), textsend(b.currency),
           int2send(b.raffle_tickets), timestamptz_send(b.valid_from), timestamptz_send(b.valid_until),
           int4send(b.max_usage)] AS sent
  FROM coupon_schema.coupon_batch_chunks AS c
  JOIN coupon_schema.coupon_batches AS b ON b.id = c.batch_id
  JOIN coupon_schema.campaigns AS g ON g.id = b.campaign_id
 WHERE c.issued_at IS NULL AND b.status = 'ISSUING' AND ($1::uuid IS NULL OR b.batch_id = $1)
 ORDER BY c.batch_id, c.chunk
 LIMIT 1
   FOR UPDATE OF c SKIP LOCKED;

-- name: give_up_batch
-- A batch whose coupons no code can say is over.
UPDATE coupon_schema.coupon_batches AS b SET status = 'CANCELLED', finished_at = now()
 WHERE b.id = $1 AND b.status = 'ISSUING'
RETURNING b.batch_id;

-- name: mark_chunk_issued
-- In the transaction of its coupons.
UPDATE coupon_schema.coupon_batch_chunks SET issued_at = now() WHERE batch_id = $1 AND chunk = $2;

-- name: finish_batches
-- Batches without an open chunk are complete. A chunk that somebody holds is open for all others.
UPDATE coupon_schema.coupon_batches AS b SET status = 'COMPLETED', finished_at = now()
  FROM coupon_schema.campaigns AS g
 WHERE b.status = 'ISSUING' AND g.id = b.campaign_id
   AND NOT EXISTS (
    SELECT FROM coupon_schema.coupon_batch_chunks AS c WHERE c.batch_id = b.id AND c.issued_at IS NULL)
RETURNING b.batch_id, g.campaign_code, b.requested_count;

-- name: claim_grants
-- Up to $1 of those who are owed a coupon of a campaign that runs, and what it gives; held until the transaction ends.
WITH claimed AS MATERIALIZED (
    SELECT r.campaign_id, r.user_id, r.source
      FROM coupon_schema.coupon_grants AS r
      JOIN coupon_schema.campaigns AS g ON g.id = r.campaign_id
     WHERE r.coupon_id IS NULL AND g.status IN ('ACTIVE', 'PAUSED') AND g.valid_until > now()
       AND NOT EXISTS (SELECT FROM coupon_schema.erased_users AS e WHERE e.user_id = r.user_id)
     ORDER BY r.created_at
     LIMIT $1
       FOR UPDATE OF r SKIP LOCKED
)
SELECT c.campaign_id, c.user_id, coupon_schema.next_dense_index() AS first_dense_index, g.campaign_code,
       g.station_scope = 'LISTED' AS is_for_listed_stations, g.discount_type, g.discount_value, g.maximum_discount,
       g.minimum_purchase, g.currency, g.raffle_tickets_per_coupon AS raffle_tickets, g.valid_from, g.valid_until,
       -- What somebody picked up is good as often as the campaign is for one person.
       CASE c.source WHEN 'OFFER' THEN least(coalesce(g.per_user_usage_limit, 1), 1000) ELSE 1 END AS max_usage
  FROM claimed AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id;

-- name: drop_grants
-- Nobody is owed a coupon of a campaign that is over, nor is who is erased: up to $1 of those who were; how many.
WITH over AS (
    SELECT r.campaign_id, r.user_id
      FROM coupon_schema.coupon_grants AS r
      JOIN coupon_schema.campaigns AS g ON g.id = r.campaign_id
     WHERE r.coupon_id IS NULL
       AND (g.status IN ('COMPLETED', 'CANCELLED') OR g.valid_until <= now()
            OR EXISTS (SELECT FROM coupon_schema.erased_users AS e WHERE e.user_id = r.user_id))
     LIMIT $1
       FOR UPDATE OF r SKIP LOCKED
), dropped AS (
    DELETE FROM coupon_schema.coupon_grants AS r
     USING over AS o
     WHERE r.campaign_id = o.campaign_id AND r.user_id = o.user_id
    RETURNING r.user_id
)
SELECT count(*) FROM dropped;

-- name: give_up_grant
-- What no code can say is owed to nobody.
DELETE FROM coupon_schema.coupon_grants WHERE campaign_id = $1 AND user_id = $2 AND coupon_id IS NULL;

-- name: settle_grants
-- The coupons $1 were made for users in this transaction: their grants are fulfilled.
UPDATE coupon_schema.coupon_grants AS r SET coupon_id = c.id
  FROM coupon_schema.coupons AS c
 WHERE c.coupon_code = ANY ($1::text[]) AND r.campaign_id = c.campaign_id AND r.user_id = c.user_id
   AND r.coupon_id IS NULL;

-- name: claim_renewals
-- Up to $1 coupons that got an owner after they were signed, and what their code says; those that are over are passed
-- by. In the order of ids, held until the transaction ends, which renews them.
WITH due AS (
    DELETE FROM coupon_schema.code_renewals AS r
     USING (SELECT n.coupon_id FROM coupon_schema.code_renewals AS n LIMIT $1 FOR UPDATE SKIP LOCKED) AS n
     WHERE r.coupon_id = n.coupon_id
    RETURNING r.coupon_id
)
SELECT c.id AS coupon_id, c.coupon_code, c.campaign_id, c.dense_index AS first_dense_index, g.campaign_code,
       g.station_scope = 'LISTED' AS is_for_listed_stations, c.discount_type, c.discount_value, c.maximum_discount,
       c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage
  FROM due AS d
  JOIN coupon_schema.coupons AS c ON c.id = d.coupon_id
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.user_id IS NOT NULL AND c.status IN ('ACTIVE', 'SUSPENDED') AND c.valid_until > now()
 ORDER BY c.id
   FOR NO KEY UPDATE OF c;

-- name: renew_codes
-- New codes, by key $1, of coupons that are held.
UPDATE coupon_schema.coupons AS c SET qr_key_id = $1, qr_payload = n.payload, qr_signature = n.signature
  FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) AS n (id, payload, signature)
 WHERE c.id = n.id;

-- name: grant_welcome
-- A new user $1 is owed a coupon of each campaign that welcomes; once, whatever comes twice; no erased one.
INSERT INTO coupon_schema.coupon_grants (campaign_id, user_id, source)
SELECT w.campaign_id, $1, 'WELCOME'
  FROM coupon_schema.welcome_campaigns AS w
  JOIN coupon_schema.campaigns AS g ON g.id = w.campaign_id
 WHERE g.status = 'ACTIVE' AND g.valid_from <= now() AND now() < g.valid_until
   AND NOT EXISTS (SELECT FROM coupon_schema.erased_users AS e WHERE e.user_id = $1)
ON CONFLICT (campaign_id, user_id) DO NOTHING;

-- name: set_welcome
-- New users get a coupon of the campaign from now on; logged when that is new.
WITH added AS (
    INSERT INTO coupon_schema.welcome_campaigns (campaign_id)
    SELECT g.id FROM coupon_schema.campaigns AS g WHERE g.campaign_code = $1
    ON CONFLICT (campaign_id) DO NOTHING
    RETURNING campaign_id
), logged AS (
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, new_values)
    SELECT 'COUPON_ASSIGNED', $1, '{"every_new_user": true}'::jsonb FROM added
)
SELECT EXISTS (SELECT FROM coupon_schema.campaigns WHERE campaign_code = $1);

-- name: unset_welcome
-- New users get none any more; logged when that is new.
WITH removed AS (
    DELETE FROM coupon_schema.welcome_campaigns AS w
     USING coupon_schema.campaigns AS g
     WHERE g.id = w.campaign_id AND g.campaign_code = $1
    RETURNING w.campaign_id
), logged AS (
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, new_values)
    SELECT 'COUPON_ASSIGNED', $1, '{"every_new_user": false}'::jsonb FROM removed
)
SELECT EXISTS (SELECT FROM coupon_schema.campaigns WHERE campaign_code = $1);

-- name: list_welcome
-- The campaigns that welcome.
SELECT g.campaign_code, w.created_at AS since
  FROM coupon_schema.welcome_campaigns AS w
  JOIN coupon_schema.campaigns AS g ON g.id = w.campaign_id
 ORDER BY g.campaign_code;

-- name: share_with_erasures
-- Until the transaction ends nobody is erased.
SELECT pg_advisory_xact_lock_shared(hashtextextended('coupon_schema.erasures', 0));

-- name: hold_erasures
-- Waits for the coupons that users are about to get, and lets nobody get one until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('coupon_schema.erasures', 0));

-- name: hold_coupons_of_user
-- Nothing more is owed to an erased person; waits for whoever uses a coupon of theirs, or gives a use back.
WITH dropped AS (
    DELETE FROM coupon_schema.coupon_grants WHERE user_id = $1 AND coupon_id IS NULL
)
SELECT c.id FROM coupon_schema.coupons AS c
 WHERE c.user_id = $1 AND c.status IN ('ACTIVE', 'SUSPENDED', 'USED')
 ORDER BY c.id
   FOR NO KEY UPDATE;

-- name: cancel_coupons_of_user
-- A statement of its own, which sees what the one before waited for.
UPDATE coupon_schema.coupons AS c SET status = 'CANCELLED', status_reason = 'The account was erased'
 WHERE c.user_id = $1 AND c.status IN ('ACTIVE', 'SUSPENDED');
