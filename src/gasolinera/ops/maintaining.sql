-- What maintenance asks a service's database, as the owner of its schema: what is worn, and what it takes.

-- name: leftovers
-- Half-made copies that an interrupted REINDEX CONCURRENTLY left behind, of tables of a schema and their overflow.
SELECT n.nspname::text AS schema, c.relname::text AS name, pg_relation_size(c.oid) AS bytes, t.relname::text AS "table"
  FROM pg_index AS i
  JOIN pg_class AS c ON c.oid = i.indexrelid AND c.relkind = 'i'
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_class AS t ON t.oid = i.indrelid
  JOIN pg_class AS o ON o.oid = t.oid OR o.reltoastrelid = t.oid
 WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND o.relnamespace = to_regnamespace(%(schema)s)
   AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = c.oid)
 ORDER BY 1, 2;

-- name: invalid
-- Indexes that nobody may read and that somebody wanted. `is_exclusion`: it cannot be made anew beside its readers.
SELECT n.nspname::text AS schema, c.relname::text AS name, pg_relation_size(c.oid) AS bytes,
       i.indisexclusion AS is_exclusion
  FROM pg_index AS i
  JOIN pg_class AS c ON c.oid = i.indexrelid AND c.relkind = 'i'
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE NOT (i.indisvalid AND i.indisready) AND c.relname !~ '_cc(new|old)[0-9]*$'
   AND n.oid = to_regnamespace(%(schema)s)
   AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = c.oid)
 ORDER BY 1, 2;

-- name: worn
-- Tables that autovacuum would soon see to: from %(share)s of the changes on that it waits for. `never`: nobody has ever
-- looked at its rows for the planner, or at what extended statistics ask for.
WITH knobs AS (
    SELECT current_setting('autovacuum_vacuum_threshold')::float AS vacuum_rows,
           current_setting('autovacuum_vacuum_scale_factor')::float AS vacuum_share,
           current_setting('autovacuum_vacuum_insert_threshold')::float AS insert_rows,
           current_setting('autovacuum_vacuum_insert_scale_factor')::float AS insert_share,
           current_setting('autovacuum_analyze_threshold')::float AS analyze_rows,
           current_setting('autovacuum_analyze_scale_factor')::float AS analyze_share,
           least(current_setting('vacuum_freeze_table_age')::float,
                 current_setting('autovacuum_freeze_max_age')::float / 2) AS freeze_age
), tables AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind, greatest(c.reltuples, 0) AS rows, s.n_dead_tup,
           s.n_ins_since_vacuum, s.n_mod_since_analyze, s.n_live_tup, s.last_analyze, s.last_autoanalyze,
           CASE WHEN c.relkind = 'p' THEN 0 ELSE age(c.relfrozenxid) END AS age,
           (SELECT jsonb_object_agg(o.option_name, o.option_value) FROM pg_options_to_table(c.reloptions) AS o) AS own
      FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_stat_user_tables AS s ON s.relid = c.oid
     WHERE n.oid = to_regnamespace(%(schema)s) AND c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't'
), judged AS (
    SELECT t.*, k.freeze_age, k.insert_rows,
           coalesce((t.own ->> 'autovacuum_vacuum_threshold')::float, k.vacuum_rows)
           + t.rows * coalesce((t.own ->> 'autovacuum_vacuum_scale_factor')::float, k.vacuum_share) AS dead_limit,
           coalesce((t.own ->> 'autovacuum_vacuum_insert_threshold')::float, k.insert_rows)
           + t.rows * coalesce((t.own ->> 'autovacuum_vacuum_insert_scale_factor')::float, k.insert_share)
               AS insert_limit,
           coalesce((t.own ->> 'autovacuum_analyze_threshold')::float, k.analyze_rows)
           + t.rows * coalesce((t.own ->> 'autovacuum_analyze_scale_factor')::float, k.analyze_share)
               AS analyze_limit,
           t.last_analyze IS NULL AND t.last_autoanalyze IS NULL AND t.n_live_tup + t.rows > 0
           OR t.n_live_tup > 0 AND EXISTS (
                SELECT FROM pg_statistic_ext AS e
                  LEFT JOIN pg_stats_ext AS d
                    ON d.statistics_schemaname = e.stxnamespace::regnamespace::text AND d.statistics_name = e.stxname
                 WHERE e.stxrelid = t.oid AND d.statistics_name IS NULL) AS never
      FROM tables AS t
     CROSS JOIN knobs AS k
)
SELECT j.nspname::text AS schema, j.relname::text AS name, pg_total_relation_size(j.oid) AS bytes,
       j.relkind <> 'p' AND (j.n_dead_tup > %(share)s * j.dead_limit
                             OR j.insert_rows >= 0 AND j.n_ins_since_vacuum > %(share)s * j.insert_limit
                             OR j.age > j.freeze_age) AS is_for_vacuum,
       CASE WHEN j.relkind = 'p'
            THEN coalesce(greatest(j.last_analyze, j.last_autoanalyze) < now() - interval '7 days', true)
                 AND EXISTS (SELECT FROM pg_partition_tree(j.oid) AS p JOIN pg_class AS c ON c.oid = p.relid
                              WHERE p.isleaf AND (c.reltuples > 0 OR pg_stat_get_live_tuples(c.oid) > 0))
            ELSE j.never OR j.n_mod_since_analyze > %(share)s * j.analyze_limit END AS is_for_analyze,
       j.n_dead_tup::bigint AS dead, j.n_ins_since_vacuum::bigint AS inserted, j.n_mod_since_analyze::bigint AS changed,
       j.age::bigint AS age
  FROM judged AS j
 ORDER BY j.n_dead_tup DESC, 1, 2;

-- name: index_sizes
-- Of indexes, what they take and how many entries they have, by the planner's figures.
SELECT c.oid::bigint AS id, n.nspname::text AS schema, c.relname::text AS name, pg_relation_size(c.oid) AS bytes,
       greatest(c.reltuples, 0)::double precision AS entries, i.indisexclusion AS is_exclusion
  FROM pg_index AS i
  JOIN pg_class AS c ON c.oid = i.indexrelid AND c.relkind = 'i'
  JOIN pg_am AS m ON m.oid = c.relam AND m.amname = 'btree'
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.oid = to_regnamespace(%(schema)s) AND i.indisvalid AND pg_relation_size(c.oid) >= %(least)s
 ORDER BY 4 DESC;

-- name: measuring_place
-- The schema of the extension that measures indexes, where it is installed.
SELECT n.nspname::text FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
 WHERE e.extname = 'pgstattuple';

-- name: rebuilds
-- What indexes of a service took when they were last made anew: a question to ops_schema.
SELECT DISTINCT ON (r.index_name) r.index_name, r.bytes_after, r.entries
  FROM ops_schema.index_rebuilds AS r
 WHERE r.place = %(place)s
 ORDER BY r.index_name, r.rebuilt_at DESC;

-- name: keep_rebuild
-- An index was made anew; what is known of it from before goes.
WITH gone AS (
    DELETE FROM ops_schema.index_rebuilds AS r WHERE r.place = %(place)s AND r.index_name = %(index_name)s
)
INSERT INTO ops_schema.index_rebuilds (place, index_name, bytes_before, bytes_after, entries)
VALUES (%(place)s, %(index_name)s, %(bytes_before)s, %(bytes_after)s, %(entries)s);

-- name: views
-- Materialized views, and whether one can be refreshed beside its readers.
SELECT n.nspname::text AS schema, c.relname::text AS name, pg_total_relation_size(c.oid) AS bytes,
       c.relispopulated AS is_populated,
       EXISTS (SELECT FROM pg_index AS i
                WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                  AND i.indpred IS NULL AND i.indexprs IS NULL) AS has_key
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind = 'm' AND n.oid = to_regnamespace(%(schema)s)
 ORDER BY 1, 2;

-- name: size
-- What a table with all that belongs to it, or an index, takes; nothing, where it is gone.
SELECT CASE WHEN c.relkind = 'i' THEN pg_relation_size(c.oid) ELSE pg_total_relation_size(c.oid) END AS bytes,
       greatest(c.reltuples, 0)::double precision AS entries
  FROM pg_class AS c
 WHERE c.oid = to_regclass(%(name)s);

-- name: statistics_age
-- Days since the statistics of this database began, and how many standbys read beside it.
SELECT extract(epoch FROM now() - coalesce(d.stats_reset, pg_postmaster_start_time()))::double precision / 86400 AS days,
       coalesce(d.stats_reset, pg_postmaster_start_time()) AS since,
       (SELECT count(*) FROM pg_stat_replication) AS standbys
  FROM pg_stat_database AS d
 WHERE d.datname = current_database();

-- name: index_evidence
-- What is known of an index.
SELECT s.schemaname || '.' || s.relname AS "table", pg_get_indexdef(s.indexrelid) AS definition, s.idx_scan AS scans,
       pg_relation_size(s.indexrelid) AS bytes, to_jsonb(s) ->> 'last_idx_scan' AS last_scan
  FROM pg_stat_user_indexes AS s
 WHERE s.indexrelid = to_regclass(%(name)s);

-- name: twin
-- The index that makes this one superfluous: of the same columns, order and condition, and not newer or unique.
SELECT format('%%I.%%I', n.nspname, c.relname) AS name
  FROM pg_index AS i
  JOIN pg_index AS o
    ON o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid AND o.indkey::text = i.indkey::text
   AND o.indclass::text = i.indclass::text AND o.indcollation::text = i.indcollation::text
   AND o.indoption::text = i.indoption::text AND o.indpred::text IS NOT DISTINCT FROM i.indpred::text
   AND o.indexprs::text IS NOT DISTINCT FROM i.indexprs::text
  JOIN pg_class AS c ON c.oid = o.indexrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE i.indexrelid = to_regclass(%(name)s)
 ORDER BY o.indisunique DESC, o.indexrelid
 LIMIT 1;

-- name: table_evidence
-- What is known of how a table is read.
SELECT s.seq_scan AS whole_reads, s.seq_tup_read AS rows_read, coalesce(s.idx_scan, 0) AS index_reads,
       s.n_live_tup AS rows
  FROM pg_stat_user_tables AS s
 WHERE s.relid = to_regclass(%(name)s);
