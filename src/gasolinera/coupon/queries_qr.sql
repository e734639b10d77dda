-- name: list_qr_keys
-- Every key that ever signed or will: a handful.
SELECT key_id, public_key, valid_from, retired_at, revoked_at, updated_at
  FROM coupon_schema.qr_signing_keys
 ORDER BY key_id;

-- name: add_qr_keys
-- Public halves that the database does not have, neither under this number nor another; others may add them as well.
INSERT INTO coupon_schema.qr_signing_keys (key_id, public_key, valid_from)
SELECT k.key_id, k.public_key, k.valid_from
  FROM unnest($1::smallint[], $2::bytea[], $3::timestamptz[]) AS k (key_id, public_key, valid_from)
ON CONFLICT DO NOTHING;

-- name: list_endorsements
-- Which roots say of which keys that they are the platform's.
SELECT key_id, root_public_key, signature, created_at FROM coupon_schema.qr_key_endorsements ORDER BY key_id, created_at;

-- name: add_endorsements
-- What root $1 says of keys; what it said before stays.
INSERT INTO coupon_schema.qr_key_endorsements (key_id, root_public_key, signature)
SELECT k.key_id, $1, k.signature
  FROM unnest($2::smallint[], $3::bytea[]) AS k (key_id, signature)
ON CONFLICT ON CONSTRAINT qr_key_endorsements_pk DO NOTHING;

-- name: end_qr_keys
-- When keys were superseded or ended; what ended once stays so.
UPDATE coupon_schema.qr_signing_keys AS q
   SET retired_at = coalesce(q.retired_at, greatest(k.retired_at, q.valid_from + interval '1 s')),
       revoked_at = coalesce(q.revoked_at, k.revoked_at)
  FROM unnest($1::smallint[], $2::timestamptz[], $3::timestamptz[]) AS k (key_id, retired_at, revoked_at)
 WHERE q.key_id = k.key_id
   AND (q.retired_at IS NULL AND k.retired_at IS NOT NULL OR q.revoked_at IS NULL AND k.revoked_at IS NOT NULL);

-- name: try_to_make_list
-- Until the transaction ends nobody else makes a list; false when somebody does.
SELECT pg_try_advisory_xact_lock(hashtextextended('coupon_schema.qr_revocation_lists', 0));

-- name: covered_indexes
-- How many bits the list has: one for each coupon issued so far.
SELECT coalesce(max(dense_index) + 1, 0) FROM coupon_schema.coupons;

-- name: take_changes
-- How much happened that the next list must say.
WITH taken AS (
    DELETE FROM coupon_schema.qr_revocation_changes RETURNING id
)
SELECT count(*) FROM taken;

-- name: revoked_indexes
-- The coupons that terminals refuse, of those that the list covers: by themselves, or because their campaign does not
-- run (a used one may be given back meanwhile). What is over says so itself, but for a day in which clocks may differ.
SELECT c.dense_index
  FROM coupon_schema.coupons AS c
 WHERE c.status IN ('CANCELLED', 'SUSPENDED') AND c.dense_index < $1 AND c.valid_until > now() - interval '1 day'
 UNION ALL
SELECT c.dense_index
  FROM coupon_schema.campaigns AS g
  JOIN coupon_schema.coupons AS c ON c.campaign_id = g.id
 WHERE g.status <> 'ACTIVE' AND c.status IN ('ACTIVE', 'USED') AND c.dense_index < $1
   AND c.valid_until > now() - interval '1 day';

-- name: newest_list
-- What the newest list says, without the list.
SELECT version, key_id, covered, revoked_count, content_hash, created_at
  FROM coupon_schema.qr_revocation_lists
 ORDER BY version DESC
 LIMIT 1;

-- name: newest_version
-- Whether the list at hand is the newest.
SELECT max(version) FROM coupon_schema.qr_revocation_lists;

-- name: signed_list
-- A list as terminals get it.
SELECT signed_list FROM coupon_schema.qr_revocation_lists WHERE version = $1;

-- name: add_list
-- The next version.
INSERT INTO coupon_schema.qr_revocation_lists (version, key_id, covered, revoked_count, content_hash, signed_list)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: forget_lists
-- Versions up to this one.
DELETE FROM coupon_schema.qr_revocation_lists WHERE version <= $1;

-- name: find_shown_coupon
-- The code of a coupon, for the one it belongs to ($2) while it can be used.
SELECT c.qr_payload, c.qr_signature, c.valid_until
  FROM coupon_schema.coupons AS c
 WHERE c.coupon_code = $1 AND c.user_id = $2
   AND c.status = 'ACTIVE' AND now() < c.valid_until;

-- name: find_coupon_state
-- What has become of a coupon, and its code, for the command line.
SELECT c.coupon_code, g.campaign_code, g.status AS campaign_status, c.status, c.usage_count, c.max_usage,
       c.valid_from, c.valid_until, c.qr_payload, c.qr_signature
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.coupon_code = $1;
