-- Checks of tables and indexes: how checks_*.sql are written stands in checks_sessions.sql.

-- name: invalid_indexes
-- Indexes that nobody may read, and that are not being made at this moment.
SELECT i.indexrelid::regclass::text AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_index AS i
 WHERE NOT (i.indisvalid AND i.indisready)
   AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid)
   AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = i.indexrelid AND c.relkind = 'I');

-- name: unused_indexes
-- Bytes of indexes that nothing has read since statistics began, and that hold no rule.
WITH large AS MATERIALIZED (
    SELECT i.indexrelid AS oid
      FROM pg_index AS i
      JOIN pg_class AS c ON c.oid = i.indexrelid
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind = 'i' AND c.relpages > 100 AND n.nspname = ANY (%(schemas)s)
       AND NOT i.indisunique AND NOT i.indisexclusion AND NOT i.indisreplident
       AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid)
)
SELECT l.oid::regclass::text AS object,
       CASE WHEN k.days >= 14 THEN pg_relation_size(l.oid) END::double precision AS amount,
       'statistics_young' AS why
  FROM large AS l
 CROSS JOIN (SELECT extract(epoch FROM now() - coalesce(d.stats_reset, pg_postmaster_start_time())) / 86400 AS days
               FROM pg_stat_database AS d WHERE d.datname = current_database()) AS k
 WHERE pg_stat_get_numscans(l.oid) = 0;

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
-- How much of its numbers a sequence, or the column that it fills, has given out, in percent; from one on. Not of those
-- that end at 2^63: each would have to be opened, and they do not end.
WITH ending AS MATERIALIZED (
    SELECT s.seqrelid, least(s.seqmax, k.most) AS most
      FROM pg_sequence AS s
      JOIN pg_class AS c ON c.oid = s.seqrelid AND c.relpersistence <> 't'
      LEFT JOIN (
        SELECT d.objid,
               min(CASE a.atttypid WHEN 'smallint'::regtype THEN 32767 WHEN 'integer'::regtype THEN 2147483647 END)
                   AS most
          FROM pg_depend AS d
          JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
           AND a.atttypid IN ('smallint'::regtype, 'integer'::regtype)
         GROUP BY d.objid
      ) AS k ON k.objid = s.seqrelid
     WHERE s.seqincrement > 0 AND (k.most IS NOT NULL OR s.seqmax < 9223372036854775807)
)
SELECT e.seqrelid::regclass::text AS object, u.used AS amount, NULL::text AS why
  FROM ending AS e
 CROSS JOIN LATERAL (
    SELECT 100.0 * CASE WHEN has_sequence_privilege(e.seqrelid, 'SELECT')
                        THEN pg_sequence_last_value(e.seqrelid) END / e.most::double precision AS used
    OFFSET 0
 ) AS u
 WHERE u.used >= 1;

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

-- name: missing_indexes
-- Rows that were read by going through whole tables, of large tables that are rarely read by an index.
WITH large AS MATERIALIZED (
    SELECT c.oid, pg_stat_get_numscans(c.oid) AS scans
      FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND n.nspname = ANY (%(schemas)s) AND pg_stat_get_live_tuples(c.oid) >= 10000
)
SELECT l.oid::regclass::text AS object, pg_stat_get_tuples_returned(l.oid)::double precision AS amount,
       NULL::text AS why
  FROM large AS l
 CROSS JOIN LATERAL (SELECT coalesce(sum(pg_stat_get_numscans(i.indexrelid)), 0) AS by_index
                       FROM pg_index AS i WHERE i.indrelid = l.oid) AS x
 WHERE l.scans >= 50 AND x.by_index < 0.95 * (x.by_index + l.scans);

-- name: default_partition_rows
-- Rows, about, in the partition for what belongs to no other: none can be made for them without a long lock. Where
-- nobody has counted, as after a restore, one for a file that is not empty.
SELECT p.partdefid::regclass::text AS object,
       greatest(c.reltuples, pg_stat_get_live_tuples(c.oid),
                CASE WHEN c.reltuples < 0 AND pg_relation_size(c.oid) > 0 THEN 1 END)::double precision AS amount,
       NULL::text AS why
  FROM pg_partitioned_table AS p
  JOIN pg_class AS c ON c.oid = p.partdefid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY (%(schemas)s);

-- name: pending_detach
-- Partitions whose detaching stopped half way: their rows are in no table that anybody reads.
SELECT i.inhrelid::regclass::text AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_inherits AS i
 WHERE i.inhdetachpending;
