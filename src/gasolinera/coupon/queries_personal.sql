-- What the service holds about one person: user $1, at most $2 rows, the newest first.

-- name: export_coupons
-- The person's own coupons.
SELECT c.coupon_code, g.campaign_code, c.status, c.status_reason, c.valid_from, c.valid_until, c.usage_count,
       c.max_usage, c.created_at
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.user_id = $1
 ORDER BY c.created_at DESC, c.id DESC
 LIMIT $2;

-- name: export_uses
-- What the person used, whoever's coupon it was.
SELECT h.redemption_reference, c.coupon_code, h.station_code, h.fuel_type, h.original_amount, h.discount_amount,
       h.final_amount, h.currency, h.used_at, h.restored_at
  FROM coupon_schema.coupon_usage_history AS h
  JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
 WHERE h.user_id = $1
 ORDER BY h.used_at DESC, h.id DESC
 LIMIT $2;

-- name: export_attempts
-- When and where the person showed a coupon, with what device; not why it was refused, which would teach guessers.
-- Whoever scanned it is another person, whose address is in scans.
SELECT a.station_code, a.validation_method, a.amount, a.currency, a.device_id, a.latitude, a.longitude,
       CASE WHEN a.requested_by = a.user_id::text THEN host(a.ip_address) END AS ip_address,
       CASE WHEN a.requested_by = a.user_id::text THEN a.user_agent END AS user_agent, a.created_at
  FROM coupon_schema.coupon_validation_attempts AS a
 WHERE a.user_id = $1
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $2;

-- name: export_scans
-- From where the person asked about coupons of others, an employee at work: nothing of whose they were.
SELECT a.station_code, host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM coupon_schema.coupon_validation_attempts AS a
 WHERE a.requested_by = $1::text AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL)
   AND a.user_id IS DISTINCT FROM $1::text::uuid
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $2;

-- name: export_campaign_uses
-- How often the person used each campaign.
SELECT g.campaign_code, u.used_count, u.created_at
  FROM coupon_schema.campaign_user_usages AS u
  JOIN coupon_schema.campaigns AS g ON g.id = u.campaign_id
 WHERE u.user_id = $1
 ORDER BY u.created_at DESC, g.campaign_code
 LIMIT $2;

-- name: export_grants
-- Coupons that the person was owed, by being new or by a list.
SELECT g.campaign_code, w.source, w.created_at
  FROM coupon_schema.coupon_grants AS w
  JOIN coupon_schema.campaigns AS g ON g.id = w.campaign_id
 WHERE w.user_id = $1
 ORDER BY w.created_at DESC, g.campaign_code
 LIMIT $2;

-- name: note_erasure
-- Keeps that an account is erased; what is known already stays.
INSERT INTO coupon_schema.erased_users (user_id, erased_at) VALUES ($1, $2)
    ON CONFLICT ON CONSTRAINT erased_users_pk DO NOTHING;

-- name: forget_person
-- Devices, places and addresses of an erased user go.
SELECT coupon_schema.forget_person($1);

-- name: forget_ended_periods
-- The job: how often users used campaigns in periods that are long over.
SELECT coupon_schema.forget_ended_periods($1);
