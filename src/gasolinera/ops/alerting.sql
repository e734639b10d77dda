-- Alerts: what is wrong now, and who has been told. Written in autocommit, statement by statement: each one decides and
-- marks at once, and takes its rows in one order, so that processes that look at the same time agree.

-- name: see_alerts
-- What is bad opens an alert or goes on with the one that is open.
INSERT INTO ops_schema.alerts AS a (fingerprint, check_name, severity, objects, amount, unit)
SELECT s.fingerprint, s.check_name, s.severity, s.objects, s.amount, s.unit
  FROM jsonb_to_recordset(%(seen)s) AS s(
      fingerprint text, check_name text, severity text, objects text[], amount double precision, unit text
  )
 ORDER BY s.fingerprint
ON CONFLICT (fingerprint) WHERE state = 'FIRING' DO UPDATE
   SET severity = EXCLUDED.severity, objects = EXCLUDED.objects, amount = EXCLUDED.amount, unit = EXCLUDED.unit,
       last_seen_at = greatest(a.last_seen_at, clock_timestamp()), seen_count = a.seen_count + 1
RETURNING a.check_name, a.seen_count;

-- name: resolve_alerts
-- What is good again ends its alert.
UPDATE ops_schema.alerts AS a
   SET state = 'RESOLVED', resolved_at = greatest(a.last_seen_at, clock_timestamp())
  FROM (
      SELECT b.id FROM ops_schema.alerts AS b
       WHERE b.state = 'FIRING' AND b.fingerprint = ANY (%(fingerprints)s)
       ORDER BY b.fingerprint FOR UPDATE
  ) AS good
 WHERE a.id = good.id
RETURNING a.check_name;

-- name: claim_notices
-- Of what is to be told, what no other process is telling: ours until the lease ends. A notice that could not be sent
-- waits for its next try; the end of an alert that nobody could be told of for a day is not news any more.
UPDATE ops_schema.alerts AS a
   SET claimed_by = %(claim)s, claimed_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
  FROM (
      SELECT b.id,
             CASE WHEN b.state = 'RESOLVED' THEN 'resolved'
                  WHEN b.told_state IS NULL THEN 'firing'
                  WHEN b.severity = 'CRITICAL' AND b.told_severity = 'WARNING' THEN 'escalated'
                  ELSE 'reminder' END AS kind
        FROM ops_schema.alerts AS b
       WHERE (
                 b.state = 'FIRING' AND (
                     (b.told_state IS NULL
                      AND b.first_seen_at <= clock_timestamp() - make_interval(secs => %(after_s)s))
                     OR (b.told_severity = 'WARNING' AND b.severity = 'CRITICAL')
                     OR b.told_at <= clock_timestamp() - make_interval(secs => %(remind_after_s)s)
                 )
                 OR b.state = 'RESOLVED' AND b.told_state = 'FIRING'
                    AND b.resolved_at > clock_timestamp() - INTERVAL '1 day'
             )
         AND (b.next_try_at IS NULL OR b.next_try_at <= clock_timestamp())
         AND (b.claimed_until IS NULL OR b.claimed_until <= clock_timestamp())
         AND NOT EXISTS (
             SELECT FROM ops_schema.alert_silences AS s
              WHERE s.starts_at <= clock_timestamp() AND s.ends_at > clock_timestamp()
                AND b.check_name LIKE replace(replace(s.pattern, '_', '\_'), '*', '%%')
         )
       ORDER BY b.id
       LIMIT %(most)s
         FOR UPDATE SKIP LOCKED
  ) AS due
 WHERE a.id = due.id
RETURNING a.id, due.kind, a.fingerprint, a.check_name, a.severity, a.objects, a.amount, a.unit, a.first_seen_at,
          a.resolved_at, a.told_count;

-- name: record_told
-- The receiver knows it now. A claim that has ended in between changes nothing: another process has the row.
UPDATE ops_schema.alerts AS a
   SET told_state = CASE WHEN n.kind = 'resolved' THEN 'RESOLVED' ELSE 'FIRING' END, told_severity = n.severity,
       told_at = clock_timestamp(), told_count = a.told_count + 1, failures = 0, next_try_at = NULL, last_error = NULL,
       claimed_by = NULL, claimed_until = NULL
  FROM jsonb_to_recordset(%(told)s) AS n(id bigint, kind text, severity text)
 WHERE a.id = n.id AND a.claimed_by = %(claim)s;

-- name: record_failed
-- Again after 1, 2, 4, 8, 16 minutes, then each half hour.
UPDATE ops_schema.alerts AS a
   SET failures = a.failures + 1, last_error = %(error)s,
       next_try_at = clock_timestamp() + make_interval(secs => least(60 * 2 ^ least(a.failures, 10), 1800)),
       claimed_by = NULL, claimed_until = NULL
 WHERE a.claimed_by = %(claim)s;

-- name: list_alerts
-- Those that are open, and with `all` the ones that have ended, newest first; with the silence that lasts longest.
SELECT a.id, a.fingerprint, a.check_name, a.state, a.severity, a.objects, a.amount, a.unit, a.first_seen_at,
       a.last_seen_at, a.resolved_at, a.seen_count, a.told_state, a.told_at, a.told_count, a.failures, a.last_error,
       (SELECT max(s.ends_at) FROM ops_schema.alert_silences AS s
         WHERE s.starts_at <= clock_timestamp() AND s.ends_at > clock_timestamp()
           AND a.check_name LIKE replace(replace(s.pattern, '_', '\_'), '*', '%%')) AS silenced_until
  FROM ops_schema.alerts AS a
 WHERE %(all)s OR a.state = 'FIRING'
 ORDER BY (a.state = 'FIRING') DESC, (a.severity = 'CRITICAL') DESC, a.first_seen_at DESC, a.id DESC
 LIMIT %(most)s;

-- name: remove_old
-- Ends of the last quarter are kept for whoever looks back.
WITH silences AS (
    DELETE FROM ops_schema.alert_silences AS s WHERE s.ends_at < clock_timestamp() - INTERVAL '90 days'
)
DELETE FROM ops_schema.alerts AS a
 WHERE a.state = 'RESOLVED' AND a.resolved_at < clock_timestamp() - INTERVAL '90 days';

-- name: add_silence
-- From now on.
INSERT INTO ops_schema.alert_silences AS s (pattern, ends_at, reason)
VALUES (%(pattern)s, clock_timestamp() + make_interval(secs => %(lasts_s)s), %(reason)s)
RETURNING s.id, s.pattern, s.starts_at, s.ends_at, s.reason;

-- name: list_silences
-- Those in force.
SELECT s.id, s.pattern, s.starts_at, s.ends_at, s.reason
  FROM ops_schema.alert_silences AS s
 WHERE s.ends_at > clock_timestamp()
 ORDER BY s.ends_at, s.id;

-- name: end_silence
-- Now, where it is in force still.
UPDATE ops_schema.alert_silences AS s
   SET ends_at = greatest(s.starts_at, clock_timestamp())
 WHERE s.id = %(id)s AND s.ends_at > clock_timestamp()
RETURNING s.id, s.pattern, s.starts_at, s.ends_at, s.reason;
