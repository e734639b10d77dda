-- name: facts_of_table
-- What a table is, and whether it can become a partition of another at all.
SELECT c.oid::bigint AS oid, c.relkind::text AS kind, c.relispartition AS is_partition, c.relpersistence::text AS persistence,
       pg_get_userbyid(c.relowner)::text AS owner, c.relhasrules AS has_rules,
       EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid OR i.inhrelid = c.oid) AS inherits,
       format_type(a.atttypid, NULL) AS key_type, coalesce(a.attnotnull, false) AS is_required,
       coalesce(a.attgenerated, '') <> '' AS is_generated, c.reloftype <> 0 AS is_typed,
       ARRAY(SELECT k.conname::text FROM pg_constraint AS k
              WHERE k.conrelid = c.oid AND k.contype = 'c' AND NOT k.convalidated
                AND right(k.conname, 17) <> '_convert_deadline') AS unvalidated
  FROM pg_class AS c
  LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = %(column)s AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.oid = to_regclass(format('%%I.%%I', %(schema)s::text, %(name)s::text));

-- name: indexes_of_table
-- Every index, with the constraint that it carries, and whether the column that will be the key is among its own.
SELECT c.relname::text AS name, pg_get_indexdef(i.indexrelid) AS definition, i.indisprimary AS is_primary,
       i.indisunique AS is_unique, i.indisvalid AND i.indisready AS is_valid, i.indisreplident AS is_identity,
       k.contype::text AS constraint_type, pg_get_constraintdef(k.oid) AS constraint_definition,
       a.attnum = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1]) AS has_key,
       ARRAY(SELECT b.attname::text FROM unnest((i.indkey::smallint[])[0:i.indnkeyatts - 1]) WITH ORDINALITY AS x (number, place)
               JOIN pg_attribute AS b ON b.attrelid = i.indrelid AND b.attnum = x.number ORDER BY x.place) AS columns,
       obj_description(i.indexrelid, 'pg_class') AS comment, obj_description(k.oid, 'pg_constraint') AS constraint_comment
  FROM pg_index AS i
  JOIN pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attname = %(column)s
  LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
 WHERE i.indrelid = %(oid)s::oid
 ORDER BY i.indisprimary DESC, c.relname;

-- name: foreign_keys_of_table
-- Where the table points to.
SELECT k.conname::text AS name, pg_get_constraintdef(k.oid) AS definition, k.convalidated AS is_valid,
       obj_description(k.oid, 'pg_constraint') AS comment
  FROM pg_constraint AS k
 WHERE k.conrelid = %(oid)s::oid AND k.contype = 'f'
 ORDER BY k.conname;

-- name: foreign_keys_to_table
-- Who points to the table: by a key that will not be unique alone any more.
SELECT k.conrelid::regclass::text || '.' || k.conname AS name
  FROM pg_constraint AS k
 WHERE k.confrelid = %(oid)s::oid AND k.contype = 'f'
 ORDER BY 1;

-- name: views_of_table
-- Views that read it; they know the table itself, and not its name.
SELECT DISTINCT n.nspname::text AS schema, v.relname::text AS name, v.relkind::text AS kind,
       pg_get_viewdef(v.oid) AS definition, v.reloptions AS options, pg_get_userbyid(v.relowner)::text AS owner
  FROM pg_depend AS d
  JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
  JOIN pg_class AS v ON v.oid = r.ev_class
  JOIN pg_namespace AS n ON n.oid = v.relnamespace
 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %(oid)s::oid AND v.oid <> %(oid)s::oid
 ORDER BY 1, 2;

-- name: users_of_table
-- Functions and columns that are bound to the table or to the type of its rows, and would stay with the old one.
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS name
  FROM pg_class AS c
  JOIN pg_type AS t ON t.oid = c.reltype
  JOIN pg_depend AS d
    ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray) AND d.deptype <> 'i'
    OR d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.classid = 'pg_proc'::regclass
 WHERE c.oid = %(oid)s::oid AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass)
   AND NOT (d.classid = 'pg_class'::regclass AND d.objid = c.oid)
 ORDER BY 1;

-- name: sequences_of_table
-- Sequences that belong to its columns: of identities, which begin anew with the new table, and of plain defaults.
SELECT n.nspname::text AS schema, s.relname::text AS name, a.attname::text AS column_name, a.attidentity::text AS identity,
       q.seqstart::bigint AS start, q.seqincrement::bigint AS step, q.seqmin::bigint AS least, q.seqmax::bigint AS most,
       q.seqcache::bigint AS cached, q.seqcycle AS cycles
  FROM pg_depend AS d
  JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
  JOIN pg_namespace AS n ON n.oid = s.relnamespace
  JOIN pg_sequence AS q ON q.seqrelid = s.oid
  JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = %(oid)s::oid
   AND d.deptype IN ('a', 'i')
 ORDER BY a.attnum;

-- name: long_transactions_on_table
-- Who has held a lock on it for more than a minute, as far as this role may see.
SELECT l.pid AS pid, extract(epoch FROM clock_timestamp() - s.xact_start)::integer AS seconds
  FROM pg_locks AS l
  JOIN pg_stat_activity AS s ON s.pid = l.pid
 WHERE l.relation = %(oid)s::oid AND l.granted AND l.pid <> pg_backend_pid()
   AND s.xact_start < clock_timestamp() - interval '1 minute'
 ORDER BY s.xact_start;
