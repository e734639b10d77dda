-- The counters of statements: in the server where it counts (the place of the extension's schema is filled in), and as
-- they were kept in ops_schema.

-- name: add_snapshot
-- A snapshot, whose figures follow in the same transaction.
INSERT INTO ops_schema.statement_snapshots (place, server_version, counted_since, forgotten, note)
VALUES (%(place)s, %(server_version)s, %(counted_since)s, %(forgotten)s, %(note)s)
RETURNING id, place, taken_at, server_version, counted_since, forgotten, note, 0 AS statements;

-- name: list_snapshots
-- The newest first, of one place or of all.
SELECT s.id, s.place, s.taken_at, s.server_version, s.counted_since, s.forgotten, s.note,
       (SELECT count(*) FROM ops_schema.statement_figures AS f WHERE f.snapshot_id = s.id) AS statements
  FROM ops_schema.statement_snapshots AS s
 WHERE %(place)s::text IS NULL OR s.place = %(place)s
 ORDER BY s.taken_at DESC, s.id DESC
 LIMIT %(limit)s;

-- name: get_snapshot
-- One of them.
SELECT s.id, s.place, s.taken_at, s.server_version, s.counted_since, s.forgotten, s.note,
       (SELECT count(*) FROM ops_schema.statement_figures AS f WHERE f.snapshot_id = s.id) AS statements
  FROM ops_schema.statement_snapshots AS s
 WHERE s.id = %(id)s;

-- name: figures
-- What a snapshot kept.
SELECT f.role, f.query_id, f.is_top_level, f.statement, f.calls, f.total_ms, f.rows, f.blocks_hit, f.blocks_read,
       f.temporary_blocks
  FROM ops_schema.statement_figures AS f
 WHERE f.snapshot_id = %(id)s;

-- name: remove_old
-- Those of a place that are older than is kept, never the newest one.
DELETE FROM ops_schema.statement_snapshots AS s
 WHERE s.place = %(place)s AND s.taken_at < clock_timestamp() - make_interval(days => %(keep_days)s)
   AND s.id <> (SELECT n.id FROM ops_schema.statement_snapshots AS n
                 WHERE n.place = %(place)s ORDER BY n.taken_at DESC, n.id DESC LIMIT 1);
