-- Limits in place of the rules', as data.

-- name: are_there
-- Whether this database keeps what operations remember, in a version that knows thresholds and samples.
SELECT to_regclass('ops_schema.thresholds') IS NOT NULL AND to_regclass('ops_schema.check_samples') IS NOT NULL
       AND to_regclass('ops_schema.check_sizes') IS NOT NULL AS are_there;

-- name: listed
-- All, by check and pattern.
SELECT t.check_name, t.object_pattern, t.advice, t.warning, t.critical, t.is_off, t.reason, t.set_at, t.set_by
  FROM ops_schema.thresholds AS t
 ORDER BY t.check_name, t.object_pattern;

-- name: set
-- Set, or set anew.
INSERT INTO ops_schema.thresholds (check_name, object_pattern, advice, warning, critical, is_off, reason)
VALUES (%(check_name)s, %(object_pattern)s, %(advice)s, %(warning)s, %(critical)s, %(is_off)s, %(reason)s)
    ON CONFLICT (check_name, object_pattern)
    DO UPDATE SET advice = excluded.advice, warning = excluded.warning, critical = excluded.critical,
                  is_off = excluded.is_off, reason = excluded.reason, set_at = clock_timestamp(),
                  set_by = session_user;

-- name: reset
-- One of a check, or all of it; gives what was taken away.
DELETE FROM ops_schema.thresholds AS t
 WHERE t.check_name = %(check_name)s AND (%(object_pattern)s::text IS NULL OR t.object_pattern = %(object_pattern)s)
RETURNING t.object_pattern;

-- name: newest_before
-- Of a place the oldest sample of the last hour; the newest of the last day where that hour has none.
SELECT s.taken_at, s.counters
  FROM ops_schema.check_samples AS s
 WHERE s.place = %(place)s AND s.taken_at > clock_timestamp() - interval '1 day'
 ORDER BY s.taken_at > clock_timestamp() - interval '1 hour' DESC,
          CASE WHEN s.taken_at > clock_timestamp() - interval '1 hour' THEN s.taken_at END,
          s.taken_at DESC
 LIMIT 1;

-- name: seen
-- What was there at any time of the last day, by check: for those who ask what is gone.
SELECT DISTINCT c.name, o.object
  FROM ops_schema.check_samples AS s
 CROSS JOIN LATERAL unnest(%(names)s::text[]) AS c (name)
 CROSS JOIN LATERAL jsonb_object_keys(s.counters -> c.name) AS o (object)
 WHERE s.place = %(place)s AND s.taken_at > clock_timestamp() - interval '1 day' AND s.counters ? c.name;

-- name: keep_sample
-- Once in 50 seconds at most, however many look.
INSERT INTO ops_schema.check_samples (place, counters)
SELECT %(place)s, %(counters)s
 WHERE NOT EXISTS (SELECT FROM ops_schema.check_samples AS s
                    WHERE s.place = %(place)s AND s.taken_at > clock_timestamp() - interval '50 seconds');

-- name: forget_samples
-- Of a place, those of yesterday.
DELETE FROM ops_schema.check_samples AS s
 WHERE s.place = %(place)s AND s.taken_at < clock_timestamp() - interval '25 hours';

-- name: keep_sizes
-- Once in 55 minutes at most.
INSERT INTO ops_schema.check_sizes (place, object, size_bytes)
SELECT %(place)s, z.object, z.size_bytes
  FROM unnest(%(objects)s::text[], %(sizes)s::bigint[]) AS z (object, size_bytes)
 WHERE NOT EXISTS (SELECT FROM ops_schema.check_sizes AS s
                    WHERE s.place = %(place)s AND s.object = z.object
                      AND s.taken_at > clock_timestamp() - interval '55 minutes')
    ON CONFLICT (place, object, taken_at) DO NOTHING;

-- name: forget_sizes
-- What no forecast looks at.
DELETE FROM ops_schema.check_sizes AS s WHERE s.taken_at < clock_timestamp() - interval '90 days';

-- name: sizes_are_due
-- Whether an hour has passed since sizes of a place were kept.
SELECT NOT EXISTS (SELECT FROM ops_schema.check_sizes AS s
                    WHERE s.place = %(place)s AND s.object = 'database'
                      AND s.taken_at > clock_timestamp() - interval '55 minutes') AS are_due;

-- name: growth
-- Bytes a day by which each object of a place has grown in two weeks: the line of least squares through its sizes. Of
-- those that were there when sizes were kept last.
SELECT s.object, (regr_slope(s.size_bytes, extract(epoch FROM s.taken_at)) * 86400)::double precision AS per_day
  FROM ops_schema.check_sizes AS s
 CROSS JOIN (SELECT max(l.taken_at) AS at FROM ops_schema.check_sizes AS l WHERE l.place = %(place)s) AS newest
 WHERE s.place = %(place)s AND s.taken_at > clock_timestamp() - interval '14 days'
 GROUP BY s.object, newest.at
HAVING count(*) >= 3 AND max(s.taken_at) - min(s.taken_at) >= interval '6 hours'
       AND max(s.taken_at) > newest.at - interval '1 hour';
