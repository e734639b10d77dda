-- What ad_schema names of other services, and what of it others name: keys, each once, ascending.

-- name: known_views
-- Views.
SELECT (v.public_id::text) COLLATE "C" AS key FROM ad_schema.ad_engagements AS v ORDER BY 1;

-- name: named_users
-- Who watched.
SELECT DISTINCT (v.user_id::text) COLLATE "C" AS key FROM ad_schema.ad_engagements AS v ORDER BY 1;

-- name: named_redemptions
-- What views may multiply.
SELECT r.transaction_reference COLLATE "C" AS key FROM ad_schema.ad_redemptions AS r ORDER BY 1;

-- name: named_stations
-- Where campaigns are to be shown.
SELECT DISTINCT t.value COLLATE "C" AS key
  FROM ad_schema.ad_campaign_targets AS t
 WHERE t.dimension = 'STATION'
 ORDER BY 1;
