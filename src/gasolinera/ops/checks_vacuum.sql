-- Checks of what is to be cleaned: how checks_*.sql are written stands in checks_sessions.sql.

-- name: transaction_age
-- Transactions since the oldest rows that are not frozen: at two thousand millions the server stops writing.
SELECT d.datname::text AS object, age(d.datfrozenxid)::double precision AS amount, NULL::text AS why
  FROM pg_database AS d
 WHERE d.datallowconn;

-- name: multixact_age
-- The same of the numbers that stand for several transactions which have locked a row together.
SELECT d.datname::text AS object, mxid_age(d.datminmxid)::double precision AS amount, NULL::text AS why
  FROM pg_database AS d
 WHERE d.datallowconn;

-- name: xmin_horizon
-- Transactions since the oldest moment that somebody may still want to see: no row that died later can be removed.
SELECT h.object, h.held::double precision AS amount, NULL::text AS why
  FROM (
    SELECT concat_ws(' ', 'pid', a.pid, a.usename, nullif(a.application_name, '')) AS object,
           greatest(age(a.backend_xmin), age(a.backend_xid)) AS held
      FROM pg_stat_activity AS a
     WHERE a.pid <> pg_backend_pid()
     UNION ALL
    SELECT 'slot ' || s.slot_name, greatest(age(s.xmin), age(s.catalog_xmin)) FROM pg_replication_slots AS s
     UNION ALL
    SELECT 'prepared ' || p.gid, age(p.transaction) FROM pg_prepared_xacts AS p
  ) AS h
 WHERE h.held IS NOT NULL;

-- name: dead_rows
-- Of a table's rows, how many are dead and not removed, in percent; of tables where it matters.
SELECT c.oid::regclass::text AS object, 100.0 * d.dead::double precision / (pg_stat_get_live_tuples(c.oid) + d.dead)
           AS amount,
       NULL::text AS why
  FROM pg_class AS c
 CROSS JOIN LATERAL (SELECT pg_stat_get_dead_tuples(c.oid) AS dead OFFSET 0) AS d
 WHERE c.relkind IN ('r', 't', 'm') AND d.dead > 10000;

-- name: never_analyzed
-- Rows of tables that nobody has ever looked at for the planner.
SELECT c.oid::regclass::text AS object, m.rows::double precision AS amount, NULL::text AS why
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (SELECT pg_stat_get_mod_since_analyze(c.oid) AS rows OFFSET 0) AS m
 WHERE c.relkind IN ('r', 'm') AND n.nspname = ANY (%(schemas)s) AND m.rows > 0
   AND pg_stat_get_last_analyze_time(c.oid) IS NULL AND pg_stat_get_last_autoanalyze_time(c.oid) IS NULL;

-- name: overdue_vacuum
-- Days since a table was cleaned that has twice the dead rows at which autovacuum should have come.
SELECT c.oid::regclass::text AS object,
       extract(epoch FROM now() - coalesce(greatest(pg_stat_get_last_vacuum_time(c.oid),
                                                    pg_stat_get_last_autovacuum_time(c.oid)),
                                           pg_postmaster_start_time())) / 86400.0::double precision AS amount,
       NULL::text AS why
  FROM pg_class AS c
 CROSS JOIN LATERAL (SELECT pg_stat_get_dead_tuples(c.oid) AS dead OFFSET 0) AS d
 CROSS JOIN (SELECT current_setting('autovacuum_vacuum_threshold')::double precision AS least,
                    current_setting('autovacuum_vacuum_scale_factor')::double precision AS share) AS s
 WHERE c.relkind IN ('r', 't', 'm') AND d.dead > 2 * (s.least + s.share * greatest(c.reltuples, 0));

-- name: autovacuum_off
-- Where nobody cleans by himself: the whole server, or a table.
SELECT s.name AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_settings AS s
 WHERE s.name IN ('autovacuum', 'track_counts') AND s.setting = 'off'
 UNION ALL
SELECT c.oid::regclass::text, 1.0, NULL
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm') AND n.nspname = ANY (%(schemas)s) AND c.reloptions IS NOT NULL
   AND EXISTS (SELECT FROM unnest(c.reloptions) AS o (text) WHERE lower(o.text) IN
               ('autovacuum_enabled=false', 'autovacuum_enabled=off', 'autovacuum_enabled=0', 'autovacuum_enabled=no'));
