-- What redemption_schema names of other services, and what of it others name: keys, each once, ascending.

-- name: known_redemptions
-- Redemptions.
SELECT r.transaction_reference COLLATE "C" AS key FROM redemption_schema.redemptions AS r ORDER BY 1;

-- name: known_issuances
-- Issuances of tickets.
SELECT (i.issuance_id::text) COLLATE "C" AS key FROM redemption_schema.ticket_issuances AS i ORDER BY 1;

-- name: named_users
-- Who redeemed, holds tickets or has points.
SELECT (u.user_id::text) COLLATE "C" AS key
  FROM (SELECT r.user_id FROM redemption_schema.redemptions AS r
         UNION SELECT i.user_id FROM redemption_schema.ticket_issuances AS i
         UNION SELECT a.user_id FROM redemption_schema.points_accounts AS a) AS u
 ORDER BY 1;

-- name: named_stations
-- Where redemptions were.
SELECT DISTINCT r.station_code COLLATE "C" AS key FROM redemption_schema.redemptions AS r ORDER BY 1;

-- name: named_employees
-- Who served, and who may.
SELECT e.employee_number COLLATE "C" AS key
  FROM (SELECT r.employee_number FROM redemption_schema.redemptions AS r
         UNION SELECT e.employee_number FROM redemption_schema.employments AS e) AS e
 ORDER BY 1;

-- name: named_coupons
-- What was redeemed.
SELECT DISTINCT r.coupon_code COLLATE "C" AS key
  FROM redemption_schema.redemptions AS r
 WHERE r.coupon_code IS NOT NULL
 ORDER BY 1;

-- name: named_campaigns
-- Of which campaigns that was.
SELECT DISTINCT r.campaign_code COLLATE "C" AS key
  FROM redemption_schema.redemptions AS r
 WHERE r.campaign_code IS NOT NULL
 ORDER BY 1;

-- name: named_raffles
-- Where tickets are, or were drawn.
SELECT DISTINCT t.raffle_code COLLATE "C" AS key
  FROM redemption_schema.raffle_tickets AS t
 WHERE t.status IN ('ENTERED', 'USED')
 ORDER BY 1;

-- name: named_views
-- Ad views that made tickets.
SELECT (b.view_id::text) COLLATE "C" AS key
  FROM redemption_schema.ad_bonuses AS b
 WHERE b.issuance_id IS NOT NULL
 ORDER BY 1;

-- name: named_terminals
-- Terminals with a chain of redemptions that were made without a connection.
SELECT c.terminal_code COLLATE "C" AS key FROM redemption_schema.offline_chains AS c ORDER BY 1;
