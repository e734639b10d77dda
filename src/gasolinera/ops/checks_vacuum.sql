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
SELECT t.schemaname || '.' || t.relname AS object,
       100.0 * t.n_dead_tup::double precision / (t.n_live_tup + t.n_dead_tup) AS amount, NULL::text AS why
  FROM pg_stat_user_tables AS t
 WHERE t.n_dead_tup > 10000;

-- name: never_analyzed
-- Rows of tables that nobody has ever looked at for the planner.
SELECT t.schemaname || '.' || t.relname AS object, t.n_mod_since_analyze::double precision AS amount,
       NULL::text AS why
  FROM pg_stat_user_tables AS t
 WHERE t.last_analyze IS NULL AND t.last_autoanalyze IS NULL AND t.schemaname = ANY (%(schemas)s);

-- name: overdue_vacuum
-- Days since a table was cleaned that has twice the dead rows at which autovacuum should have come.
SELECT t.schemaname || '.' || t.relname AS object,
       extract(epoch FROM now() - coalesce(greatest(t.last_vacuum, t.last_autovacuum), pg_postmaster_start_time()))
           / 86400.0::double precision AS amount,
       NULL::text AS why
  FROM pg_stat_user_tables AS t
  JOIN pg_class AS c ON c.oid = t.relid
 WHERE t.n_dead_tup > 2 * (current_setting('autovacuum_vacuum_threshold')::bigint
                           + current_setting('autovacuum_vacuum_scale_factor')::double precision
                             * greatest(c.reltuples, 0));

-- name: autovacuum_off
-- Where nobody cleans by himself: the whole server, or a table.
SELECT s.name AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_settings AS s
 WHERE s.name IN ('autovacuum', 'track_counts') AND s.setting = 'off'
 UNION ALL
SELECT c.oid::regclass::text, 1.0, NULL
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm') AND n.nspname = ANY (%(schemas)s)
   AND EXISTS (SELECT FROM unnest(c.reloptions) AS o (text) WHERE lower(o.text) IN
               ('autovacuum_enabled=false', 'autovacuum_enabled=off', 'autovacuum_enabled=0', 'autovacuum_enabled=no'));
