-- The devices at the counter, their codes and what they sign. $1 a station's code that bounds what is seen; NULL: none.

-- name: make_enrolment
-- A code for a new device of station $1, unless ten of the station are open already.
INSERT INTO station_schema.terminal_enrolments (reference, station_id, name, code_key_id, code_hash, expires_at)
SELECT $2, s.id, $3, $4, $5, now() + interval '15 minutes'
  FROM (SELECT s.id FROM station_schema.stations AS s
         WHERE s.station_code = $1 AND s.status <> 'PERMANENTLY_CLOSED' FOR NO KEY UPDATE) AS s
 WHERE (SELECT count(*) FROM station_schema.terminal_enrolments AS o
         WHERE o.station_id = s.id AND o.expires_at > now() AND o.used_at IS NULL) < 10
RETURNING expires_at;

-- name: station_exists
-- Whether there is such a station, and it is not closed for good.
SELECT EXISTS (SELECT FROM station_schema.stations WHERE station_code = $1 AND status <> 'PERMANENTLY_CLOSED');

-- name: try_enrolment
-- Count a try before anybody looks whether it is right. Holds the code: of two right tries the second finds it used.
UPDATE station_schema.terminal_enrolments
   SET tries = tries + 1
 WHERE reference = $1 AND used_at IS NULL AND expires_at > now() AND tries < 3
RETURNING id, code_key_id, code_hash, 3 - tries AS tries_left;

-- name: enrol_terminal
-- The code is used up, and the device is a terminal of its station.
WITH used AS (
    UPDATE station_schema.terminal_enrolments SET used_at = now() WHERE id = $1
    RETURNING station_id, name, created_by
)
INSERT INTO station_schema.terminals AS t (terminal_code, station_id, name, public_key, enrolled_by)
SELECT 'TRM' || lpad(n.count::text, greatest(6, length(n.count::text)), '0'), u.station_id, u.name, $2, u.created_by
  FROM used AS u CROSS JOIN (SELECT nextval('station_schema.terminal_numbers') AS count) AS n
RETURNING t.terminal_code, (SELECT s.station_code FROM station_schema.stations AS s WHERE s.id = t.station_id),
          t.name, NULL::timestamptz AS last_seen_at, t.revoked_at, t.revocation_reason, t.created_at AS enrolled_at,
          t.updated_at;

-- name: list_terminals
-- A station's, the revoked ones included.
SELECT t.terminal_code, s.station_code, t.name, g.last_seen_at, t.revoked_at, t.revocation_reason,
       t.created_at AS enrolled_at, t.updated_at
  FROM station_schema.stations AS s
  JOIN station_schema.terminals AS t ON t.station_id = s.id
  LEFT JOIN station_schema.terminal_sightings AS g ON g.terminal_id = t.id
 WHERE s.station_code = $1
   AND t.terminal_code > $2
 ORDER BY t.terminal_code
 LIMIT $3;

-- name: rename_terminal
-- Another name for one that is not revoked.
UPDATE station_schema.terminals AS t
   SET name = $3
  FROM station_schema.stations AS s
 WHERE t.terminal_code = $2 AND s.id = t.station_id AND t.revoked_at IS NULL
   AND ($1::text IS NULL OR s.station_code = $1)
RETURNING t.terminal_code, s.station_code, t.name,
          (SELECT g.last_seen_at FROM station_schema.terminal_sightings AS g WHERE g.terminal_id = t.id),
          t.revoked_at, t.revocation_reason, t.created_at AS enrolled_at, t.updated_at;

-- name: revoke_terminal
-- For good and at once. Again changes nothing.
UPDATE station_schema.terminals AS t
   SET revoked_at = coalesce(t.revoked_at, now()), revocation_reason = coalesce(t.revocation_reason, $3)
  FROM station_schema.stations AS s
 WHERE t.terminal_code = $2 AND s.id = t.station_id
   AND ($1::text IS NULL OR s.station_code = $1)
RETURNING t.terminal_code, s.station_code, t.name,
          (SELECT g.last_seen_at FROM station_schema.terminal_sightings AS g WHERE g.terminal_id = t.id),
          t.revoked_at, t.revocation_reason, t.created_at AS enrolled_at, t.updated_at;

-- name: terminal_exists
-- Why a terminal was not renamed.
SELECT EXISTS (
    SELECT FROM station_schema.terminals AS t
      JOIN station_schema.stations AS s ON s.id = t.station_id
     WHERE t.terminal_code = $2 AND ($1::text IS NULL OR s.station_code = $1));

-- name: find_terminal
-- Whose key checks a signature; a revoked one has none.
SELECT t.id, t.terminal_code, t.name, t.public_key, s.station_code
  FROM station_schema.terminals AS t
  JOIN station_schema.stations AS s ON s.id = t.station_id
 WHERE t.terminal_code = $1 AND t.revoked_at IS NULL;

-- name: admit_terminal
-- What it signed counts once ($2), and it was seen, which is written once a minute. False for what was signed before,
-- and for one that has been revoked meanwhile: a revocation waits for this, or this for it.
WITH terminal AS MATERIALIZED (
    SELECT t.id FROM station_schema.terminals AS t WHERE t.id = $1 AND t.revoked_at IS NULL FOR SHARE
), admitted AS (
    INSERT INTO station_schema.terminal_nonces (terminal_id, nonce)
    SELECT id, $2 FROM terminal
    ON CONFLICT DO NOTHING
    RETURNING terminal_id
), seen AS (
    INSERT INTO station_schema.terminal_sightings AS g (terminal_id, last_seen_at)
    SELECT a.terminal_id, now() FROM admitted AS a
     WHERE NOT EXISTS (
        SELECT FROM station_schema.terminal_sightings AS r
         WHERE r.terminal_id = a.terminal_id AND r.last_seen_at > now() - interval '1 minute')
    ON CONFLICT (terminal_id) DO UPDATE SET last_seen_at = excluded.last_seen_at
     WHERE g.last_seen_at <= now() - interval '1 minute'
)
SELECT EXISTS (SELECT FROM admitted);

-- name: forget_terminal_traces
-- What is too old to be repeated or used.
SELECT station_schema.forget_terminal_traces();
