-- Which constraints of a schema the server does not vouch for.

-- name: unproven_constraints
-- Constraints of %(schema)s that are NOT VALID or not enforced, or all CHECKs and foreign keys where %(every)s is asked
-- for: rows came in while nobody looked, by a restore for one. Those of a partitioned table count once.
SELECT c.conname AS name, format('%%I.%%I', n.nspname, t.relname) AS table_name, c.contype::text AS kind,
       pg_get_expr(c.conbin, c.conrelid) AS condition,
       CASE WHEN c.contype = 'f' THEN c.confrelid::regclass::text END AS other_table,
       ARRAY(SELECT quote_ident(a.attname) FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, place)
               JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
              ORDER BY k.place) AS columns,
       ARRAY(SELECT quote_ident(a.attname) FROM unnest(c.confkey) WITH ORDINALITY AS k (attnum, place)
               JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.attnum
              ORDER BY k.place) AS other_columns
  FROM pg_catalog.pg_constraint AS c
  JOIN pg_catalog.pg_class AS t ON t.oid = c.conrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
 WHERE n.nspname = %(schema)s AND c.contype IN ('c', 'f', 'n') AND c.conparentid = 0 AND c.coninhcount = 0
   AND (NOT c.convalidated OR %(every)s AND c.contype IN ('c', 'f'))
 ORDER BY n.nspname, t.relname, c.conname;
