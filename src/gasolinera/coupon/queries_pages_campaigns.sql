-- What the back office's pages of campaigns and coupons show beside what the API tells.

-- name: clashing_campaigns
-- Other campaigns that are not over and give the same driver something at the same time: in the same currency, with a
-- time, a fuel and a station in common.
SELECT o.campaign_code, o.name, o.status, o.valid_from, o.valid_until, o.time_zone
  FROM coupon_schema.campaigns AS g
  JOIN coupon_schema.campaigns AS o
    ON o.id <> g.id AND o.status IN ('DRAFT', 'ACTIVE', 'PAUSED') AND o.currency = g.currency
   AND o.valid_from < g.valid_until AND g.valid_from < o.valid_until AND o.fuel_types && g.fuel_types
   AND (g.station_scope = 'ALL' OR o.station_scope = 'ALL' OR EXISTS (
       SELECT FROM coupon_schema.campaign_stations AS s
         JOIN coupon_schema.campaign_stations AS t ON t.station_code = s.station_code
        WHERE s.campaign_id = g.id AND t.campaign_id = o.id))
 WHERE g.campaign_code = $1
 ORDER BY o.valid_from, o.campaign_code
 LIMIT $2;

-- name: never_named
-- What a campaign names and no other does: stations and raffles are of other services, nobody checks here that they are.
SELECT (SELECT coalesce(array_agg(s.station_code ORDER BY s.station_code), '{}')
          FROM coupon_schema.campaign_stations AS s
         WHERE s.campaign_id = g.id AND NOT EXISTS (
               SELECT FROM coupon_schema.campaign_stations AS o
                WHERE o.station_code = s.station_code AND o.campaign_id <> g.id)) AS stations,
       (SELECT g.raffle_code
         WHERE NOT EXISTS (
               SELECT FROM coupon_schema.campaigns AS o
                WHERE o.raffle_code = g.raffle_code AND o.id <> g.id)) AS raffle
  FROM coupon_schema.campaigns AS g
 WHERE g.campaign_code = $1;

-- name: list_by_code
-- Campaigns by code after $1, $2 at most: with status $3, at station $4, with text $5 in the code or the name, running
-- $6, and what was used of each. NULL filters match all.
SELECT g.campaign_code, g.name, g.status, g.discount_type, g.discount_value, g.maximum_discount, g.currency,
       g.time_zone, g.valid_from, g.valid_until, g.total_usage_limit, g.budget_amount, u.used, u.spent, g.approved_at,
       g.id
  FROM coupon_schema.campaigns AS g
  JOIN coupon_schema.campaign_usage AS u ON u.campaign_id = g.id
 WHERE g.campaign_code > $1
   AND ($3::text IS NULL OR g.status = $3)
   AND ($4::text IS NULL OR g.station_scope = 'ALL' OR EXISTS (
       SELECT FROM coupon_schema.campaign_stations AS s WHERE s.campaign_id = g.id AND s.station_code = $4))
   AND ($5::text IS NULL OR strpos(lower(g.name), lower($5)) > 0 OR strpos(g.campaign_code, upper($5)) > 0)
   AND ($6::boolean IS NULL OR $6 = (g.status = 'ACTIVE' AND g.valid_from <= now() AND now() < g.valid_until))
 ORDER BY g.campaign_code
 LIMIT $2;

-- name: list_by_code_down
-- The same, the last code first, before $1; NULL for the first page.
SELECT g.campaign_code, g.name, g.status, g.discount_type, g.discount_value, g.maximum_discount, g.currency,
       g.time_zone, g.valid_from, g.valid_until, g.total_usage_limit, g.budget_amount, u.used, u.spent, g.approved_at,
       g.id
  FROM coupon_schema.campaigns AS g
  JOIN coupon_schema.campaign_usage AS u ON u.campaign_id = g.id
 WHERE ($1::text IS NULL OR g.campaign_code < $1)
   AND ($3::text IS NULL OR g.status = $3)
   AND ($4::text IS NULL OR g.station_scope = 'ALL' OR EXISTS (
       SELECT FROM coupon_schema.campaign_stations AS s WHERE s.campaign_id = g.id AND s.station_code = $4))
   AND ($5::text IS NULL OR strpos(lower(g.name), lower($5)) > 0 OR strpos(g.campaign_code, upper($5)) > 0)
   AND ($6::boolean IS NULL OR $6 = (g.status = 'ACTIVE' AND g.valid_from <= now() AND now() < g.valid_until))
 ORDER BY g.campaign_code DESC
 LIMIT $2;

-- name: list_by_begin
-- The same, what begins last first, before ($1, $7).
SELECT g.campaign_code, g.name, g.status, g.discount_type, g.discount_value, g.maximum_discount, g.currency,
       g.time_zone, g.valid_from, g.valid_until, g.total_usage_limit, g.budget_amount, u.used, u.spent, g.approved_at,
       g.id
  FROM coupon_schema.campaigns AS g
  JOIN coupon_schema.campaign_usage AS u ON u.campaign_id = g.id
 WHERE (g.valid_from, g.id) < ($1::timestamptz, $7::bigint)
   AND ($3::text IS NULL OR g.status = $3)
   AND ($4::text IS NULL OR g.station_scope = 'ALL' OR EXISTS (
       SELECT FROM coupon_schema.campaign_stations AS s WHERE s.campaign_id = g.id AND s.station_code = $4))
   AND ($5::text IS NULL OR strpos(lower(g.name), lower($5)) > 0 OR strpos(g.campaign_code, upper($5)) > 0)
   AND ($6::boolean IS NULL OR $6 = (g.status = 'ACTIVE' AND g.valid_from <= now() AND now() < g.valid_until))
 ORDER BY g.valid_from DESC, g.id DESC
 LIMIT $2;

-- name: list_by_begin_up
-- The same, what begins first first, after ($1, $7).
SELECT g.campaign_code, g.name, g.status, g.discount_type, g.discount_value, g.maximum_discount, g.currency,
       g.time_zone, g.valid_from, g.valid_until, g.total_usage_limit, g.budget_amount, u.used, u.spent, g.approved_at,
       g.id
  FROM coupon_schema.campaigns AS g
  JOIN coupon_schema.campaign_usage AS u ON u.campaign_id = g.id
 WHERE (g.valid_from, g.id) > ($1::timestamptz, $7::bigint)
   AND ($3::text IS NULL OR g.status = $3)
   AND ($4::text IS NULL OR g.station_scope = 'ALL' OR EXISTS (
       SELECT FROM coupon_schema.campaign_stations AS s WHERE s.campaign_id = g.id AND s.station_code = $4))
   AND ($5::text IS NULL OR strpos(lower(g.name), lower($5)) > 0 OR strpos(g.campaign_code, upper($5)) > 0)
   AND ($6::boolean IS NULL OR $6 = (g.status = 'ACTIVE' AND g.valid_from <= now() AND now() < g.valid_until))
 ORDER BY g.valid_from, g.id
 LIMIT $2;

-- name: uses_of_coupon
-- Where one coupon was used, and what was given back, the latest first.
SELECT h.redemption_reference, h.station_code, h.employee_number, h.original_amount, h.discount_amount, h.currency,
       h.used_at, h.restored_at
  FROM coupon_schema.coupon_usage_history AS h
  JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
 WHERE c.coupon_code = $1
 ORDER BY h.id DESC
 LIMIT 50;

-- name: attempts_of_coupon
-- When somebody showed one coupon, and what came of it, the latest first.
SELECT a.result, a.validation_method, a.station_code, a.employee_number, a.amount, a.currency, a.created_at
  FROM coupon_schema.coupon_validation_attempts AS a
  JOIN coupon_schema.coupons AS c ON c.id = a.coupon_id
 WHERE c.coupon_code = $1
 ORDER BY a.created_at DESC
 LIMIT 50;

-- name: acts_on_coupon
-- What was done to one coupon by hand, the latest first.
SELECT a.action, a.reason, a.actor, a.created_at
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
  JOIN coupon_schema.coupon_audit_log AS a ON a.campaign_code = g.campaign_code AND a.coupon_code = c.coupon_code
   AND a.created_at >= c.created_at
 WHERE c.coupon_code = $1
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT 50;

-- name: zone_of_coupon
-- In which zone the times of a coupon are told: its campaign's.
SELECT g.time_zone, g.name AS campaign_name
  FROM coupon_schema.coupons AS c
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE c.coupon_code = $1;
