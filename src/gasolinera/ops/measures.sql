-- How large things are, what is slow, and which partitions are there. %(schemas)s are the platform's schemas.

-- name: about
-- Which database on which server, since when it runs, and whether it only follows another.
SELECT current_database() AS database, current_user::text AS role, current_setting('server_version') AS version,
       pg_postmaster_start_time() AS started_at, pg_is_in_recovery() AS is_standby,
       pg_database_size(current_database()) AS size;

-- name: sizes
-- Tables with all their partitions, the largest first.
SELECT n.nspname::text AS schema, c.relname::text AS name, count(*) FILTER (WHERE l.relkind = 'r')::integer AS parts,
       sum(greatest(l.reltuples, 0))::bigint AS rows,
       coalesce(sum(pg_table_size(l.oid)), 0)::bigint AS table_size,
       coalesce(sum(pg_indexes_size(l.oid)), 0)::bigint AS index_size
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (
    SELECT t.relid AS oid FROM pg_partition_tree(c.oid) AS t WHERE t.isleaf
     UNION
    SELECT c.oid WHERE c.relkind IN ('r', 'm')
 ) AS o
  JOIN pg_class AS l ON l.oid = o.oid
 WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND n.nspname = ANY (%(schemas)s)
 GROUP BY n.nspname, c.relname
 ORDER BY coalesce(sum(pg_table_size(l.oid) + pg_indexes_size(l.oid)), 0) DESC, n.nspname, c.relname;

-- name: partitions
-- Until when a table that is cut by months has its partitions, and what lies in the one for everything else.
SELECT n.nspname::text AS schema, m.relname::text AS name, count(*)::integer AS parts,
       max((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz) AS until,
       min((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([^'']+)''\)'))[1]::timestamptz) AS since,
       coalesce(sum(greatest(c.reltuples, 0))
                FILTER (WHERE pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT'), 0)::bigint AS rows_elsewhere
  FROM pg_inherits AS i
  JOIN pg_class AS c ON c.oid = i.inhrelid
  JOIN pg_class AS m ON m.oid = i.inhparent
  JOIN pg_namespace AS n ON n.oid = m.relnamespace
 WHERE m.relkind = 'p' AND n.nspname = ANY (%(schemas)s)
 GROUP BY n.nspname, m.relname
 ORDER BY n.nspname, m.relname;

-- name: statements_place
-- The schema of the extension that keeps times of statements, where it is.
SELECT n.nspname::text AS schema
  FROM pg_extension AS e
  JOIN pg_namespace AS n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_stat_statements';

-- name: backups
-- What is known of backups and of restores that were tried, the newest of each kind.
SELECT to_regclass('ops_schema.backups') IS NOT NULL AS has_backups,
       to_regclass('ops_schema.restore_tests') IS NOT NULL AS has_restore_tests;
