-- What is asked of ops_schema, and of large tables: checks whose answers need more than one statement.

-- name: backup_age
-- Seconds since the newest good backup of each service; since operations were installed, where there is none.
SELECT w.service AS object,
       extract(epoch FROM clock_timestamp() - coalesce(max(b.finished_at), max(i.since)))::double precision AS amount,
       NULL::text AS why
  FROM unnest(%(services)s::text[]) AS w (service)
 CROSS JOIN (SELECT min(h.installed_on) AT TIME ZONE 'UTC' AS since FROM ops_schema.flyway_schema_history AS h) AS i
  LEFT JOIN ops_schema.backups AS b
    ON w.service = ANY (b.services) AND b.succeeded AND b.removed_at IS NULL AND b.is_intact IS NOT false
       AND b.kind <> 'SCHEMA'
 GROUP BY w.service;

-- name: backup_failures
-- The newest backup of a kind and its services that failed or stopped, and backups whose files are not as written.
SELECT n.label || ' ' || n.trouble AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM (
    SELECT DISTINCT ON (b.kind, b.services) b.label,
           CASE WHEN b.finished_at IS NOT NULL AND NOT b.succeeded THEN 'failed'
                WHEN b.finished_at IS NULL AND b.started_at < clock_timestamp() - interval '1 day' THEN 'stopped' END
               AS trouble
      FROM ops_schema.backups AS b
     ORDER BY b.kind, b.services, b.started_at DESC
  ) AS n
 WHERE n.trouble IS NOT NULL
 UNION ALL
SELECT b.label || ' damaged', 1.0, NULL
  FROM ops_schema.backups AS b
 WHERE b.is_intact = false AND b.removed_at IS NULL;

-- name: restore_test_age
-- Days since a backup was restored to see whether it can be; since operations were installed, where none ever was.
SELECT 'restore test' AS object,
       extract(epoch FROM clock_timestamp() - coalesce(
           (SELECT max(t.finished_at) FROM ops_schema.restore_tests AS t WHERE t.succeeded),
           (SELECT min(h.installed_on) AT TIME ZONE 'UTC' FROM ops_schema.flyway_schema_history AS h)
       )) / 86400.0::double precision AS amount,
       NULL::text AS why;

-- name: restore_test_failures
-- The newest test, where it failed.
SELECT b.label AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM (SELECT t.* FROM ops_schema.restore_tests AS t WHERE t.finished_at IS NOT NULL
         ORDER BY t.finished_at DESC LIMIT 1) AS n
  JOIN ops_schema.backups AS b ON b.id = n.backup_id
 WHERE NOT n.succeeded;

-- name: failed_jobs
-- Jobs whose newest run was given up.
SELECT n.name AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM (SELECT DISTINCT ON (j.task_name) j.task_name AS name, j.status::text AS status
          FROM ops_schema.procrastinate_jobs AS j
         WHERE j.status IN ('succeeded', 'failed', 'doing')
         ORDER BY j.task_name, j.id DESC) AS n
 WHERE n.status = 'failed';

-- name: waiting_jobs
-- Seconds for which the oldest job of a service could have run and has not.
SELECT j.queue_name AS object,
       max(greatest(0, extract(epoch FROM clock_timestamp() - coalesce(j.scheduled_at, e.at))))::double precision
           AS amount,
       NULL::text AS why
  FROM ops_schema.procrastinate_jobs AS j
  LEFT JOIN LATERAL (SELECT max(p.at) AS at FROM ops_schema.procrastinate_events AS p WHERE p.job_id = j.id) AS e
    ON true
 WHERE j.status = 'todo'
 GROUP BY j.queue_name;

-- name: latest_runs
-- Of each job the newest that was begun.
SELECT DISTINCT ON (j.task_name) j.id, j.task_name AS name, j.status::text AS state, j.attempts, r.started_at,
       r.finished_at, r.progress, r.result, r.error
  FROM ops_schema.procrastinate_jobs AS j
  LEFT JOIN ops_schema.job_runs AS r ON r.job_id = j.id
 WHERE j.status <> 'todo' OR r.started_at IS NOT NULL
 ORDER BY j.task_name, j.id DESC;

-- name: jobs_since
-- When there were tables of jobs first.
SELECT min(s.applied_at) AS at, clock_timestamp() AS now FROM ops_schema.job_library_scripts AS s;

-- name: table_bloat
-- Bytes that a table takes more than its rows need, by the planner's figures; of tables of 10 MB and more.
WITH large AS MATERIALIZED (
    SELECT c.oid, n.nspname, c.relname, c.relpages, c.reltuples
      FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND c.relpages >= 1280 AND c.reltuples >= 0
       AND n.nspname = ANY (%(schemas)s)
)
SELECT l.oid::regclass::text AS object, l.oid::bigint AS id,
       greatest(0, 8192 * (l.relpages - ceil(l.reltuples * (28 + 8 * ceil(w.width / 8)) / 8168)))::double precision
           AS amount
  FROM large AS l
 CROSS JOIN LATERAL (
    SELECT sum((1 - s.null_frac) * s.avg_width) AS width
      FROM pg_stats AS s
     WHERE s.schemaname = l.nspname AND s.tablename = l.relname AND NOT s.inherited
 ) AS w
 WHERE w.width IS NOT NULL
 ORDER BY amount DESC;

-- name: index_bloat
-- Bytes that a B-tree takes more than its entries need, by the planner's figures; of indexes of 10 MB and more.
WITH large AS MATERIALIZED (
    SELECT c.oid, i.indrelid, c.relpages, c.reltuples, i.indkey::smallint[] AS columns
      FROM pg_class AS c
      JOIN pg_am AS m ON m.oid = c.relam AND m.amname = 'btree'
      JOIN pg_index AS i ON i.indexrelid = c.oid AND i.indexprs IS NULL
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind = 'i' AND c.relpages >= 1280 AND c.reltuples >= 0 AND n.nspname = ANY (%(schemas)s)
)
SELECT l.oid::regclass::text AS object, l.oid::bigint AS id,
       greatest(0, 8192 * (l.relpages - ceil(l.reltuples * (12 + 8 * ceil(w.width / 8)) / (8152 * 0.9))))
           ::double precision AS amount
  FROM large AS l
 CROSS JOIN LATERAL (
    SELECT sum((1 - s.null_frac) * s.avg_width) AS width
      FROM pg_attribute AS a
      JOIN pg_class AS t ON t.oid = a.attrelid
      JOIN pg_stats AS s
        ON s.schemaname = t.relnamespace::regnamespace::text AND s.tablename = t.relname AND s.attname = a.attname
     WHERE a.attrelid = l.indrelid AND a.attnum = ANY (l.columns) AND NOT s.inherited
 ) AS w
 WHERE w.width IS NOT NULL
 ORDER BY amount DESC;

-- name: sizes
-- The database, and the largest of the platform's tables with all that belongs to each.
SELECT 'database' AS object, pg_database_size(current_database()) AS size
 UNION ALL
(SELECT c.oid::regclass::text, pg_total_relation_size(c.oid)
   FROM pg_class AS c
   JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm') AND n.nspname = ANY (%(schemas)s) AND c.relpages >= 128
  ORDER BY c.relpages DESC
  LIMIT 50);

-- name: extension_place
-- The schema of an extension, where it is installed.
SELECT n.nspname::text
  FROM pg_extension AS e
  JOIN pg_namespace AS n ON n.oid = e.extnamespace
 WHERE e.extname = %(name)s;

-- name: data_folder
-- Where the server keeps its data, on its own machine.
SELECT current_setting('data_directory') AS folder;

-- name: partitions_ahead
-- Partitioned tables, and the bounds of those partitions that nobody takes away; what is ahead is reckoned from them.
SELECT c.oid::regclass::text AS object, n.nspname::text AS schema, c.relname::text AS name,
       CASE WHEN p.partstrat = 'r' AND p.partnatts = 1 THEN format_type(a.atttypid, NULL) END AS key_type,
       c.relispartition AS is_partition, b.bounds, now() AS at
  FROM pg_partitioned_table AS p
  JOIN pg_class AS c ON c.oid = p.partrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
 CROSS JOIN LATERAL (
    SELECT array_agg(pg_get_expr(k.relpartbound, k.oid)) AS bounds
      FROM pg_inherits AS i
      JOIN pg_class AS k ON k.oid = i.inhrelid
     WHERE i.inhparent = c.oid AND NOT i.inhdetachpending
 ) AS b
 WHERE n.nspname = ANY (%(schemas)s);
