-- What is looked at in a database. Each question answers with rows of `object` (text) and `amount` (double precision):
-- how bad it is, in the unit of its rule in checking.py. An amount that is NULL: nothing can be said, because of `why`.
-- %(schemas)s are the platform's schemas.

-- name: connections
-- Of those that a program may have, how many are taken, in percent.
SELECT count(*) || ' / ' || max(p.possible) AS object,
       100.0 * count(*)::double precision / max(p.possible) AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
 CROSS JOIN (SELECT current_setting('max_connections')::integer
                    - current_setting('superuser_reserved_connections')::integer AS possible) AS p
 WHERE a.backend_type = 'client backend';

-- name: long_transactions
-- Seconds since a transaction began: it keeps what it has locked, and dead rows from being removed.
SELECT concat_ws(' ', 'pid', a.pid, a.usename, nullif(a.application_name, '')) AS object,
       extract(epoch FROM clock_timestamp() - a.xact_start)::double precision AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
 WHERE a.backend_type = 'client backend' AND a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid();

-- name: idle_in_transaction
-- Seconds in which a session has done nothing in an open transaction.
SELECT concat_ws(' ', 'pid', a.pid, a.usename, nullif(a.application_name, '')) AS object,
       extract(epoch FROM clock_timestamp() - a.state_change)::double precision AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
 WHERE a.state IN ('idle in transaction', 'idle in transaction (aborted)');

-- name: blocked_sessions
-- Seconds for which a session waits for a lock, and who holds it.
SELECT concat_ws(' ', 'pid', a.pid, a.usename, '←', array_to_string(b.by, ', ')) AS object,
       coalesce(extract(epoch FROM clock_timestamp() - w.since), 0)::double precision AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
 CROSS JOIN LATERAL (SELECT pg_blocking_pids(a.pid) AS by) AS b
 CROSS JOIN LATERAL (SELECT min(l.waitstart) AS since FROM pg_locks AS l WHERE l.pid = a.pid AND NOT l.granted) AS w
 WHERE a.wait_event_type = 'Lock' AND cardinality(b.by) > 0;

-- name: prepared_transactions
-- Seconds since a transaction was prepared for a commit that has not come.
SELECT p.gid AS object, extract(epoch FROM clock_timestamp() - p.prepared)::double precision AS amount,
       NULL::text AS why
  FROM pg_prepared_xacts AS p;

-- name: cache_misses
-- Of the blocks that were read, how many were not in the server's memory, in percent.
SELECT d.datname AS object,
       CASE WHEN d.blks_hit + d.blks_read >= 100000
            THEN 100.0 * d.blks_read / (d.blks_hit + d.blks_read) END::double precision AS amount,
       'too_little' AS why
  FROM pg_stat_database AS d
 WHERE d.datname = current_database();

-- name: transaction_age
-- Transactions since the oldest rows that are not frozen: at two thousand millions the server stops writing.
SELECT d.datname AS object, greatest(age(d.datfrozenxid), mxid_age(d.datminmxid))::double precision AS amount,
       NULL::text AS why
  FROM pg_database AS d
 WHERE d.datallowconn;

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

-- name: invalid_indexes
-- Indexes that nobody may read, and that are not being made at this moment.
SELECT i.indexrelid::regclass::text AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_index AS i
 WHERE NOT (i.indisvalid AND i.indisready)
   AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid)
   AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = i.indexrelid AND c.relkind = 'I');

-- name: unused_indexes
-- Bytes of indexes that nothing has read since statistics began, and that hold no rule.
SELECT s.schemaname || '.' || s.indexrelname AS object,
       CASE WHEN k.days >= 14 THEN pg_relation_size(s.indexrelid) END::double precision AS amount,
       'statistics_young' AS why
  FROM pg_stat_user_indexes AS s
  JOIN pg_index AS i ON i.indexrelid = s.indexrelid
 CROSS JOIN (SELECT extract(epoch FROM now() - coalesce(d.stats_reset, pg_postmaster_start_time())) / 86400 AS days
               FROM pg_stat_database AS d WHERE d.datname = current_database()) AS k
 WHERE s.idx_scan = 0 AND s.schemaname = ANY (%(schemas)s)
   AND NOT i.indisunique AND NOT i.indisexclusion AND NOT i.indisreplident
   AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = s.indexrelid)
   AND pg_relation_size(s.indexrelid) > 1048576;

-- name: duplicate_indexes
-- Bytes of indexes of which there is another with the same columns, order and condition.
SELECT d.later::regclass::text AS object, pg_relation_size(d.later)::double precision AS amount, NULL::text AS why
  FROM (
    SELECT i.indexrelid AS later,
           row_number() OVER (
                PARTITION BY i.indrelid, i.indkey::text, i.indclass::text, i.indcollation::text, i.indoption::text,
                             i.indpred::text, i.indexprs::text
                ORDER BY i.indisunique DESC, i.indexrelid) AS place
      FROM pg_index AS i
      JOIN pg_class AS c ON c.oid = i.indrelid
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = ANY (%(schemas)s)
  ) AS d
 WHERE d.place > 1;

-- name: unindexed_foreign_keys
-- Rows of tables whose reference has no index: each delete of what they refer to reads all of them.
SELECT c.conrelid::regclass || ' ' || c.conname AS object, greatest(t.reltuples, 0)::double precision AS amount,
       NULL::text AS why
  FROM pg_constraint AS c
  JOIN pg_class AS t ON t.oid = c.conrelid
  JOIN pg_namespace AS n ON n.oid = t.relnamespace
 WHERE c.contype = 'f' AND n.nspname = ANY (%(schemas)s) AND NOT t.relispartition
   AND NOT EXISTS (
        SELECT FROM pg_index AS i
         WHERE i.indrelid = c.conrelid
           AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) ~ '^\([a-z_]+ IS NOT NULL\)$')
           AND (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey);

-- name: sequences
-- How much of its numbers a sequence, or the column that it fills, has given out, in percent.
SELECT s.schemaname || '.' || s.sequencename AS object,
       100.0 * s.last_value / least(s.max_value, coalesce(k.most, s.max_value))::double precision AS amount,
       NULL::text AS why
  FROM pg_sequences AS s
  LEFT JOIN LATERAL (
    SELECT CASE a.atttypid WHEN 'smallint'::regtype THEN 32767 WHEN 'integer'::regtype THEN 2147483647 END AS most
      FROM pg_depend AS d
      JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE d.objid = format('%%I.%%I', s.schemaname, s.sequencename)::regclass AND d.classid = 'pg_class'::regclass
       AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
     LIMIT 1
  ) AS k ON true
 WHERE s.last_value IS NOT NULL AND s.increment_by > 0;

-- name: replication_slots
-- Bytes of the log that a slot keeps though nobody reads it.
SELECT s.slot_name::text AS object,
       coalesce(pg_wal_lsn_diff(
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
            s.restart_lsn), 0)::double precision AS amount, NULL::text AS why
  FROM pg_replication_slots AS s
 WHERE NOT s.active;

-- name: unvalidated_constraints
-- Constraints that hold for new rows alone.
SELECT c.conrelid::regclass || ' ' || c.conname AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_constraint AS c
  JOIN pg_namespace AS n ON n.oid = c.connamespace
 WHERE NOT c.convalidated AND n.nspname = ANY (%(schemas)s);

-- name: tables_without_key
-- Tables whose rows nobody can name.
SELECT c.oid::regclass::text AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition AND n.nspname = ANY (%(schemas)s)
   AND NOT EXISTS (
        SELECT FROM pg_index AS i
         WHERE i.indrelid = c.oid AND (i.indisprimary OR (i.indisunique AND i.indpred IS NULL)));

-- name: disabled_triggers
-- Triggers that somebody has switched off: audit, rules and events hang on them.
SELECT t.tgrelid::regclass || ' ' || t.tgname AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_trigger AS t
  JOIN pg_class AS c ON c.oid = t.tgrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE t.tgenabled = 'D' AND n.nspname = ANY (%(schemas)s);

-- name: partitions_ahead
-- Days that are missing to the 45 for which partitions have to be there beforehand.
SELECT p.parent AS object,
       greatest(0, extract(epoch FROM now() + interval '45 days' - p.until) / 86400)::double precision AS amount,
       NULL::text AS why
  FROM (
    SELECT i.inhparent::regclass::text AS parent,
           max((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz) AS until
      FROM pg_inherits AS i
      JOIN pg_class AS c ON c.oid = i.inhrelid
      JOIN pg_class AS m ON m.oid = i.inhparent
      JOIN pg_namespace AS n ON n.oid = m.relnamespace
     WHERE m.relkind = 'p' AND n.nspname = ANY (%(schemas)s)
     GROUP BY i.inhparent
  ) AS p
 WHERE p.until IS NOT NULL;

-- name: checksum_failures
-- Pages whose content is not what was written.
SELECT coalesce(d.datname, 'shared') AS object, d.checksum_failures::double precision AS amount,
       'checksums_off' AS why
  FROM pg_stat_database AS d
 WHERE d.datname IS NULL OR d.datname = current_database();

-- name: archiving
-- Seconds for which the last word of the archiver has been a failure.
SELECT coalesce(a.last_failed_wal, 'WAL') AS object,
       CASE WHEN current_setting('archive_mode') = 'off' THEN NULL
            WHEN a.last_failed_time > coalesce(a.last_archived_time, '-infinity')
            THEN extract(epoch FROM clock_timestamp() - a.last_failed_time)
            ELSE 0 END::double precision AS amount,
       'archive_off' AS why
  FROM pg_stat_archiver AS a;

-- name: pending_restart
-- Settings that were changed and hold after a restart alone.
SELECT s.name AS object, 1.0::double precision AS amount, NULL::text AS why FROM pg_settings AS s WHERE s.pending_restart;
