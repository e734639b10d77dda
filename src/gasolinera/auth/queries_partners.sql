-- name: create_partner
-- A partner code that exists breaks partners_partner_code_key.
INSERT INTO auth_schema.partners (partner_code, name, contact_email)
VALUES ($1, $2, $3)
RETURNING partner_code, name, contact_email, is_active, created_at;

-- name: change_partner
-- NULL leaves a value as it is. Deactivating works on the next request that shows a key, within the gate's five seconds.
UPDATE auth_schema.partners
   SET name = coalesce($2, name), is_active = coalesce($4, is_active),
       contact_email = CASE WHEN $5::boolean THEN NULL ELSE coalesce($3, contact_email) END
 WHERE partner_code = $1
RETURNING partner_code, name, contact_email, is_active, created_at;

-- name: get_partner
-- One partner by its code.
SELECT partner_code, name, contact_email, is_active, created_at FROM auth_schema.partners WHERE partner_code = $1;

-- name: list_partners
-- A page by code, after the one given.
SELECT partner_code, name, contact_email, is_active, created_at
  FROM auth_schema.partners WHERE partner_code > $1 ORDER BY partner_code LIMIT $2;

-- name: lock_partner
-- Keys of a partner are made one after the other: otherwise two requests would each count one key too few.
SELECT id, is_active FROM auth_schema.partners WHERE partner_code = $1 FOR NO KEY UPDATE;

-- name: create_api_key
-- No row when the partner has as many live keys as it may ($9). Needs the partner's lock.
INSERT INTO auth_schema.api_keys
       (partner_id, prefix, key_hash, label, scopes, station_code, requests_per_minute, expires_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8
 WHERE (SELECT count(*) FROM auth_schema.api_keys AS k
         WHERE k.partner_id = $1 AND k.revoked_at IS NULL AND k.expires_at > now()) < $9::integer
RETURNING prefix, label, scopes, station_code, requests_per_minute, expires_at, last_used_at, revoked_at, created_at;

-- name: rotate_api_key
-- The old key ends after the overlap, its successor has the same rights; no row when the old one is over already.
-- A second rotation of the same key breaks api_keys_rotated_from_id_key. Needs the partner's lock.
WITH old AS (
    UPDATE auth_schema.api_keys AS k
       SET expires_at = least(k.expires_at, now() + make_interval(secs => $5))
     WHERE k.partner_id = $1 AND k.prefix = $2
       AND k.revoked_at IS NULL AND k.expires_at > now()
    RETURNING k.id, k.partner_id, k.label, k.scopes, k.station_code, k.requests_per_minute
)
INSERT INTO auth_schema.api_keys
       (partner_id, prefix, key_hash, label, scopes, station_code, requests_per_minute, rotated_from_id, expires_at)
SELECT old.partner_id, $3, $4, old.label, old.scopes, old.station_code, old.requests_per_minute, old.id, $6
  FROM old
RETURNING prefix, label, scopes, station_code, requests_per_minute, expires_at, last_used_at, revoked_at, created_at;

-- name: count_live_keys
-- How many keys of a partner are good now, those included that this transaction made. Needs the partner's lock.
SELECT count(*) AS live FROM auth_schema.api_keys AS k
 WHERE k.partner_id = $1 AND k.revoked_at IS NULL AND k.expires_at > now();

-- name: revoke_api_key
-- Again: the first time stays. No row when the partner has no such key.
UPDATE auth_schema.api_keys AS k
   SET revoked_at = coalesce(k.revoked_at, now())
  FROM auth_schema.partners AS p
 WHERE p.partner_code = $1 AND k.partner_id = p.id AND k.prefix = $2
RETURNING k.prefix, k.label, k.scopes, k.station_code, k.requests_per_minute, k.expires_at, k.last_used_at,
          k.revoked_at, k.created_at;

-- name: list_api_keys
-- A partner's newest keys, those that are over included.
SELECT k.prefix, k.label, k.scopes, k.station_code, k.requests_per_minute, k.expires_at, k.last_used_at, k.revoked_at,
       k.created_at
  FROM auth_schema.api_keys AS k
  JOIN auth_schema.partners AS p ON p.id = k.partner_id
 WHERE p.partner_code = $1
 ORDER BY k.id DESC LIMIT $2;

-- name: find_api_key
-- Whose the key with this hash is, if it is good; remembers to the minute when it was last used.
-- SKIP LOCKED: of requests that come at once one writes, and none waits.
WITH found AS (
    SELECT k.id, p.partner_code, k.prefix, k.scopes, k.station_code, k.requests_per_minute,
           extract(epoch FROM k.expires_at)::double precision AS expires_at
      FROM auth_schema.api_keys AS k
      JOIN auth_schema.partners AS p ON p.id = k.partner_id
     WHERE k.key_hash = $1 AND k.revoked_at IS NULL AND k.expires_at > now() AND p.is_active
), stale AS (
    SELECT k.id FROM auth_schema.api_keys AS k
     WHERE k.id = (SELECT found.id FROM found)
       AND (k.last_used_at IS NULL OR k.last_used_at <= now() - interval '1 minute')
       FOR NO KEY UPDATE SKIP LOCKED
), touched AS (
    UPDATE auth_schema.api_keys AS k SET last_used_at = now() FROM stale WHERE k.id = stale.id
)
SELECT partner_code, prefix, scopes, station_code, requests_per_minute, expires_at FROM found;

-- name: list_partner_history
-- What was done to a partner and its keys, newest first.
SELECT event_type, key_prefix, new_values, actor, correlation_id, created_at
  FROM auth_schema.partner_audit_log
 WHERE partner_code = $1 ORDER BY created_at DESC, id DESC LIMIT $2;

-- name: revoke_session
-- The access tokens of a session end. Again: nothing changes.
INSERT INTO auth_schema.access_revocations (session_id) VALUES ($1) ON CONFLICT (session_id) DO NOTHING;

-- name: revoke_user
-- The access tokens that a user has by now end; those that are issued later are good.
INSERT INTO auth_schema.access_revocations (user_id) VALUES ($1);

-- name: list_revocations
-- Everything since the oldest transaction that ran when this was last asked ($1; NULL: all that still matters), and
-- from where to ask the next time. Rows come again, none is missed.
WITH latest AS (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS oldest_running)
SELECT latest.oldest_running::text AS cursor,
       r.user_id, r.session_id, extract(epoch FROM r.revoked_at)::double precision AS revoked_at
  FROM latest
  LEFT JOIN auth_schema.access_revocations AS r
    ON r.transaction_id >= coalesce($1::text::xid8, '0'::xid8) AND r.revoked_at > now() - make_interval(secs => $2);

-- name: forget_revocations
-- Those whose tokens have long ended.
DELETE FROM auth_schema.access_revocations WHERE revoked_at < now() - interval '1 hour';
