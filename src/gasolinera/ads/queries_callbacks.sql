-- Networks that confirm views, their keys and their callbacks.

-- name: list_networks
-- All networks.
SELECT n.network_code, a.advertiser_code, n.keys_url, n.is_enabled, n.freshness_seconds, n.keys_refresh_seconds,
       n.keys_asked_at,
       ARRAY(SELECT k.key_id FROM ad_schema.ad_network_keys AS k WHERE k.network_id = n.id ORDER BY k.key_id) AS key_ids
  FROM ad_schema.ad_networks AS n
  JOIN ad_schema.advertisers AS a ON a.id = n.advertiser_id
 ORDER BY n.network_code
 LIMIT 1000;

-- name: put_network
-- A network as it is from now on; no row: nobody knows the advertiser. With another address its keys are asked for anew.
WITH put AS (
    INSERT INTO ad_schema.ad_networks AS n
           (network_code, advertiser_id, keys_url, is_enabled, freshness_seconds, keys_refresh_seconds)
    SELECT $1, a.id, $3, $4, $5, $6 FROM ad_schema.advertisers AS a WHERE a.advertiser_code = $2
    ON CONFLICT (network_code) DO UPDATE
       SET advertiser_id = excluded.advertiser_id, keys_url = excluded.keys_url, is_enabled = excluded.is_enabled,
           freshness_seconds = excluded.freshness_seconds, keys_refresh_seconds = excluded.keys_refresh_seconds,
           keys_asked_at = CASE WHEN n.keys_url = excluded.keys_url THEN n.keys_asked_at END
    RETURNING n.*
), withdrawn AS (
    DELETE FROM ad_schema.ad_network_keys AS k USING put WHERE k.network_id = put.id AND put.keys_asked_at IS NULL
)
SELECT put.network_code, $2::text AS advertiser_code, put.keys_url, put.is_enabled, put.freshness_seconds,
       put.keys_refresh_seconds, put.keys_asked_at,
       ARRAY(SELECT k.key_id FROM ad_schema.ad_network_keys AS k
              WHERE k.network_id = put.id AND put.keys_asked_at IS NOT NULL ORDER BY k.key_id) AS key_ids
  FROM put;

-- name: find_network
-- An enabled network, and its key $2 where it is known.
SELECT n.id, n.keys_url, n.freshness_seconds, k.public_key
  FROM ad_schema.ad_networks AS n
  LEFT JOIN ad_schema.ad_network_keys AS k ON k.network_id = n.id AND k.key_id = $2
 WHERE n.network_code = $1 AND n.is_enabled;

-- name: claim_refresh
-- The right to ask network $1 for its keys now; no row: somebody asked lately.
UPDATE ad_schema.ad_networks AS n
   SET keys_asked_at = now()
 WHERE n.id = $1 AND (n.keys_asked_at IS NULL
                      OR n.keys_asked_at <= now() - make_interval(secs => n.keys_refresh_seconds))
RETURNING n.id;

-- name: put_keys
-- The keys that a network publishes at address $2 now, where that is its address still.
SELECT ad_schema.put_network_keys($1, $2, $3, $4);

-- name: take_callback
-- What a callback comes to, once for each transaction of the network.
SELECT ad_schema.take_callback($1, $2, $3, $4, $5, $6);
