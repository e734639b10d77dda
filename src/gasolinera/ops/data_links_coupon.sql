-- What coupon_schema names of other services, and what of it others name: keys, each once, ascending.

-- name: known_coupons
-- Coupons.
SELECT c.coupon_code COLLATE "C" AS key FROM coupon_schema.coupons AS c ORDER BY 1;

-- name: known_campaigns
-- Campaigns.
SELECT g.campaign_code COLLATE "C" AS key FROM coupon_schema.campaigns AS g ORDER BY 1;

-- name: named_users
-- Who holds or used a coupon.
SELECT (u.user_id::text) COLLATE "C" AS key
  FROM (SELECT c.user_id FROM coupon_schema.coupons AS c WHERE c.user_id IS NOT NULL
         UNION SELECT t.user_id FROM coupon_schema.campaign_user_usages AS t) AS u
 ORDER BY 1;

-- name: named_stations
-- Where coupons were used, or may be.
SELECT s.station_code COLLATE "C" AS key
  FROM (SELECT h.station_code FROM coupon_schema.coupon_usage_history AS h
         UNION SELECT c.station_code FROM coupon_schema.campaign_stations AS c) AS s
 ORDER BY 1;

-- name: named_raffles
-- Where the tickets of campaigns that run go to.
SELECT DISTINCT g.raffle_code COLLATE "C" AS key
  FROM coupon_schema.campaigns AS g
 WHERE g.raffle_code IS NOT NULL AND g.status IN ('ACTIVE', 'PAUSED')
 ORDER BY 1;

-- name: named_redemptions
-- For which redemptions coupons were used.
SELECT h.redemption_reference COLLATE "C" AS key FROM coupon_schema.coupon_usage_history AS h ORDER BY 1;
