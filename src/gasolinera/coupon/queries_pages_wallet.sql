-- The pages of a customer: the own coupons, one of them, and what can be picked up.

-- name: wallet_ready
-- Coupons of user $1 that are still good, what ends first first, from after ($2, $3) on, at most $4; on the first page
-- those that are owed and not issued yet come before them. $5: a part of the campaign's name or of the code.
WITH mine AS MATERIALIZED (
    SELECT c.id, c.coupon_code, c.campaign_id, c.status, c.discount_type, c.discount_value, c.maximum_discount,
           c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
           c.max_usage - c.usage_count AS uses_left
      FROM coupon_schema.coupons AS c
      JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
     WHERE c.user_id = $1 AND c.status = 'ACTIVE' AND c.valid_until > now()
       AND (c.valid_until, c.id) > (coalesce($2::timestamptz, '-infinity'), $3::bigint)
       AND ($5::text IS NULL OR strpos(lower(g.name), lower($5)) > 0 OR strpos(c.coupon_code, upper($5)) > 0)
     ORDER BY c.valid_until, c.id
     LIMIT $4
), owed AS (
    SELECT r.campaign_id, g.discount_type, g.discount_value, g.maximum_discount, g.minimum_purchase, g.currency,
           g.raffle_tickets_per_coupon AS raffle_tickets, g.valid_from, g.valid_until
      FROM coupon_schema.coupon_grants AS r
      JOIN coupon_schema.campaigns AS g ON g.id = r.campaign_id
     WHERE r.user_id = $1 AND r.coupon_id IS NULL AND $2::timestamptz IS NULL AND $5::text IS NULL
       AND g.status IN ('ACTIVE', 'PAUSED') AND g.valid_until > now()
), shown AS (
    SELECT m.id, m.coupon_code, m.campaign_id, m.status, m.discount_type, m.discount_value, m.maximum_discount,
           m.minimum_purchase, m.currency, m.raffle_tickets, m.valid_from, m.valid_until, m.max_usage, m.uses_left
      FROM mine AS m
     UNION ALL
    SELECT 0, NULL, o.campaign_id, 'OWED', o.discount_type, o.discount_value, o.maximum_discount, o.minimum_purchase,
           o.currency, o.raffle_tickets, o.valid_from, o.valid_until, 1, 1
      FROM owed AS o
), terms AS MATERIALIZED (
    SELECT g.id, g.name, g.status, g.time_zone, g.weekdays, left(g.daily_from::text, 5) AS daily_from,
           left(g.daily_until::text, 5) AS daily_until, g.fuel_types,
           CASE g.station_scope WHEN 'LISTED' THEN ARRAY(
               SELECT s.station_code FROM coupon_schema.campaign_stations AS s
                WHERE s.campaign_id = g.id ORDER BY s.station_code LIMIT 30) END AS stations
      FROM coupon_schema.campaigns AS g
     WHERE g.id IN (SELECT s.campaign_id FROM shown AS s)
)
SELECT s.id, s.coupon_code, t.name, s.status, t.status AS campaign_status, s.discount_type, s.discount_value,
       s.maximum_discount, s.minimum_purchase, s.currency, s.raffle_tickets, s.valid_from, s.valid_until, s.max_usage,
       s.uses_left, t.time_zone, t.weekdays, t.daily_from, t.daily_until, t.fuel_types, t.stations
  FROM shown AS s
  JOIN terms AS t ON t.id = s.campaign_id
 ORDER BY s.id <> 0, s.valid_until, s.id;

-- name: wallet_past
-- Coupons of user $1 in one of the states $6 (what is ACTIVE only when its time is over), what ended last first, from
-- before ($2, $3) on, at most $4; $5 as above.
WITH mine AS MATERIALIZED (
    SELECT c.id, c.coupon_code, c.campaign_id, c.status, c.discount_type, c.discount_value, c.maximum_discount,
           c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
           c.max_usage - c.usage_count AS uses_left
      FROM coupon_schema.coupons AS c
      JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
     WHERE c.user_id = $1 AND c.status = ANY ($6::text[]) AND (c.status <> 'ACTIVE' OR c.valid_until <= now())
       AND ($2::timestamptz IS NULL OR (c.valid_until, c.id) < ($2::timestamptz, $3::bigint))
       AND ($5::text IS NULL OR strpos(lower(g.name), lower($5)) > 0 OR strpos(c.coupon_code, upper($5)) > 0)
     ORDER BY c.valid_until DESC, c.id DESC
     LIMIT $4
), terms AS MATERIALIZED (
    SELECT g.id, g.name, g.status, g.time_zone, g.weekdays, left(g.daily_from::text, 5) AS daily_from,
           left(g.daily_until::text, 5) AS daily_until, g.fuel_types,
           CASE g.station_scope WHEN 'LISTED' THEN ARRAY(
               SELECT s.station_code FROM coupon_schema.campaign_stations AS s
                WHERE s.campaign_id = g.id ORDER BY s.station_code LIMIT 30) END AS stations
      FROM coupon_schema.campaigns AS g
     WHERE g.id IN (SELECT s.campaign_id FROM mine AS s)
)
SELECT s.id, s.coupon_code, t.name, s.status, t.status AS campaign_status, s.discount_type, s.discount_value,
       s.maximum_discount, s.minimum_purchase, s.currency, s.raffle_tickets, s.valid_from, s.valid_until, s.max_usage,
       s.uses_left, t.time_zone, t.weekdays, t.daily_from, t.daily_until, t.fuel_types, t.stations
  FROM mine AS s
  JOIN terms AS t ON t.id = s.campaign_id
 ORDER BY s.valid_until DESC, s.id DESC;

-- name: wallet_coupon
-- One coupon of user $2 with all that its page tells, and why it could not be used just now.
SELECT c.id, c.coupon_code, g.name, c.status, g.status AS campaign_status, c.discount_type, c.discount_value,
       c.maximum_discount, c.minimum_purchase, c.currency, c.raffle_tickets, c.valid_from, c.valid_until, c.max_usage,
       c.max_usage - c.usage_count AS uses_left, g.time_zone, g.weekdays, left(g.daily_from::text, 5) AS daily_from,
       left(g.daily_until::text, 5) AS daily_until, g.fuel_types,
       CASE g.station_scope WHEN 'LISTED' THEN ARRAY(
           SELECT s.station_code FROM coupon_schema.campaign_stations AS s
            WHERE s.campaign_id = g.id ORDER BY s.station_code LIMIT 30) END AS stations,
       g.description, g.raffle_code, g.per_user_usage_limit, g.per_user_period, g.per_user_period_limit,
       coalesce(n.used_count, 0) AS used_of_campaign, e.reasons, c.qr_payload, c.qr_signature
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
  LEFT JOIN coupon_schema.campaign_user_usages AS n ON n.campaign_id = g.id AND n.user_id = $2
 CROSS JOIN LATERAL coupon_schema.explain_use(c.id, $2, NULL, NULL, NULL, NULL, now()) AS e
 WHERE c.coupon_code = $1 AND c.user_id = $2;

-- name: offers_for
-- What runs now and is for more than those whom a coupon names, as it is for user $1: whether they have it already, and
-- why they could not use one now. What was taken and used up is over for them.
SELECT g.id, g.campaign_code, g.name, g.description, g.discount_type, g.discount_value, g.maximum_discount,
       g.minimum_purchase, g.currency, g.raffle_tickets_per_coupon AS raffle_tickets, g.valid_from, g.valid_until,
       least(coalesce(g.per_user_usage_limit, 1), 1000) AS max_usage, g.time_zone, g.weekdays,
       left(g.daily_from::text, 5) AS daily_from, left(g.daily_until::text, 5) AS daily_until, g.fuel_types,
       CASE g.station_scope WHEN 'LISTED' THEN ARRAY(
           SELECT s.station_code FROM coupon_schema.campaign_stations AS s
            WHERE s.campaign_id = g.id ORDER BY s.station_code LIMIT 30) END AS stations,
       g.audience, g.loyal_after_redemptions, g.per_user_usage_limit, g.per_user_period, g.per_user_period_limit,
       coalesce(n.used_count, 0) AS used_of_campaign, r.user_id IS NOT NULL AS is_taken, h.coupon_code, e.reasons
  FROM coupon_schema.campaigns AS g
  LEFT JOIN coupon_schema.campaign_user_usages AS n ON n.campaign_id = g.id AND n.user_id = $1
  LEFT JOIN coupon_schema.coupon_grants AS r ON r.campaign_id = g.id AND r.user_id = $1
  LEFT JOIN LATERAL (
        SELECT c.coupon_code FROM coupon_schema.coupons AS c
         WHERE c.user_id = $1 AND c.campaign_id = g.id AND c.status = 'ACTIVE' AND c.valid_until > now()
         ORDER BY c.valid_until LIMIT 1) AS h ON true
 CROSS JOIN LATERAL coupon_schema.explain_use(NULL, $1, NULL, NULL, NULL, NULL, now(), g.id) AS e
 WHERE g.status = 'ACTIVE' AND g.valid_from <= now() AND now() < g.valid_until AND g.audience <> 'ASSIGNED'
   AND ($2::text IS NULL OR (g.valid_until, g.campaign_code) > ($3::timestamptz, $2))
 ORDER BY g.valid_until, g.campaign_code
 LIMIT $4;

-- name: take_offer
-- User $2 is owed a coupon of the running campaign $1 that is for more than those whom a coupon names, once, while they
-- could use it but for the hour; no erased one. Gives whether that is new, and NULL where it cannot be.
WITH open AS (
    SELECT g.id, g.campaign_code
      FROM coupon_schema.campaigns AS g
     CROSS JOIN LATERAL coupon_schema.explain_use(NULL, $2, NULL, NULL, NULL, NULL, now(), g.id) AS e
     WHERE g.campaign_code = $1 AND g.audience <> 'ASSIGNED' AND array_remove(e.reasons, 'TIME_NOT_ELIGIBLE') = '{}'
       AND NOT EXISTS (SELECT FROM coupon_schema.erased_users AS x WHERE x.user_id = $2)
       AND NOT EXISTS (
           SELECT FROM coupon_schema.coupons AS c
            WHERE c.user_id = $2 AND c.campaign_id = g.id AND c.status IN ('ACTIVE', 'SUSPENDED')
              AND c.valid_until > now())
), added AS (
    INSERT INTO coupon_schema.coupon_grants (campaign_id, user_id, source)
    SELECT o.id, $2, 'OFFER' FROM open AS o
    ON CONFLICT (campaign_id, user_id) DO NOTHING
    RETURNING campaign_id
), logged AS (
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, new_values)
    SELECT 'COUPON_ASSIGNED', o.campaign_code, '{"offer_taken": true}'::jsonb
      FROM added AS a
      JOIN open AS o ON o.id = a.campaign_id
)
SELECT CASE
    WHEN EXISTS (SELECT FROM added) THEN true
    WHEN EXISTS (
        SELECT FROM coupon_schema.campaigns AS g
         WHERE g.campaign_code = $1
           AND (EXISTS (
                SELECT FROM coupon_schema.coupon_grants AS r WHERE r.campaign_id = g.id AND r.user_id = $2)
            OR EXISTS (
                SELECT FROM coupon_schema.coupons AS c
                 WHERE c.user_id = $2 AND c.campaign_id = g.id AND c.status IN ('ACTIVE', 'SUSPENDED')
                   AND c.valid_until > now()))) THEN false
END;
