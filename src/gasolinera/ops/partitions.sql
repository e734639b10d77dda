-- name: partitioned_tables
-- Partitioned tables of a schema that are no partitions themselves, and the one column of their key where it is one.
SELECT c.oid::bigint AS oid, c.relname::text AS name, p.partstrat::text AS strategy,
       CASE WHEN p.partnatts = 1 THEN a.attname::text END AS key_column,
       CASE WHEN p.partnatts = 1 THEN format_type(a.atttypid, NULL) END AS key_type
  FROM pg_partitioned_table AS p
  JOIN pg_class AS c ON c.oid = p.partrelid
  LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
 WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s)) AND NOT c.relispartition
 ORDER BY c.relname;

-- name: partitions_of_schema
-- Every direct partition of those, with its bounds as text, its size and how many rows it is thought to have.
SELECT i.inhparent::bigint AS parent, c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name,
       c.relkind::text AS kind, pg_get_expr(c.relpartbound, c.oid) AS bound, i.inhdetachpending AS is_pending,
       pg_total_relation_size(c.oid) AS size_bytes,
       CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint ELSE pg_stat_get_live_tuples(c.oid) END AS rows
  FROM pg_inherits AS i
  JOIN pg_class AS c ON c.oid = i.inhrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_class AS m ON m.oid = i.inhparent
 WHERE m.relkind = 'p' AND NOT m.relispartition AND m.relnamespace = to_regnamespace(quote_ident(%(schema)s))
 ORDER BY i.inhparent, c.relname;

-- name: unfinished_conversions
-- Tables with the check of a conversion that did not end: from its date on they would refuse every row.
SELECT c.conrelid::regclass::text AS table_name, c.conname::text AS name, r.relname::text AS bare_name
  FROM pg_constraint AS c
  JOIN pg_class AS r ON r.oid = c.conrelid
 WHERE c.connamespace = to_regnamespace(quote_ident(%(schema)s)) AND c.contype = 'c' AND r.relkind = 'r'
   AND NOT r.relispartition AND right(c.conname, 17) = '_convert_deadline';

-- name: standing_of_table
-- Whether a table is there, and whose partition it is or is about to be no more.
SELECT c.oid::bigint AS oid, c.relispartition AS is_partition, coalesce(i.inhdetachpending, false) AS is_pending,
       i.inhparent::bigint AS parent
  FROM pg_class AS c
  LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
 WHERE c.oid = to_regclass(format('%%I.%%I', %(schema)s::text, %(name)s::text));

-- name: settings_of_partition
-- What LIKE does not copy: owner, storage parameters, comment, replica identity, row security.
SELECT pg_get_userbyid(c.relowner)::text AS owner, c.reloptions AS options, obj_description(c.oid, 'pg_class') AS comment,
       c.relreplident::text AS replica_identity, c.relrowsecurity AS has_policies, c.relforcerowsecurity AS forces_policies
  FROM pg_class AS c
 WHERE c.oid = %(oid)s::oid;

-- name: grants_of_table
-- Who may do what with a table besides its owner.
SELECT CASE WHEN g.grantee = 0 THEN NULL ELSE pg_get_userbyid(g.grantee)::text END AS grantee,
       g.privilege_type AS privilege, g.is_grantable, NULL::text AS column_name
  FROM pg_class AS c, aclexplode(c.relacl) AS g
 WHERE c.oid = %(oid)s::oid AND g.grantee <> c.relowner
UNION ALL
SELECT CASE WHEN g.grantee = 0 THEN NULL ELSE pg_get_userbyid(g.grantee)::text END, g.privilege_type, g.is_grantable,
       a.attname::text
  FROM pg_attribute AS a
  JOIN pg_class AS c ON c.oid = a.attrelid, aclexplode(a.attacl) AS g
 WHERE a.attrelid = %(oid)s::oid AND NOT a.attisdropped AND g.grantee <> c.relowner
 ORDER BY 1, 2, 4;

-- name: own_triggers_of_table
-- Triggers that were made on this very table, and not copied to it from its parent.
SELECT t.tgname::text AS name, pg_get_triggerdef(t.oid) AS definition, t.tgenabled::text AS enabled,
       (t.tgtype & 1) = 1 AS is_row, t.tgoldtable IS NOT NULL OR t.tgnewtable IS NOT NULL AS has_transition,
       obj_description(t.oid, 'pg_trigger') AS comment
  FROM pg_trigger AS t
 WHERE t.tgrelid = %(oid)s::oid AND NOT t.tgisinternal AND t.tgparentid = 0
 ORDER BY t.tgname;

-- name: publications_of_table
-- Publications that name this very table.
SELECT p.pubname::text AS name
  FROM pg_publication_rel AS r
  JOIN pg_publication AS p ON p.oid = r.prpubid
 WHERE r.prrelid = %(oid)s::oid
 ORDER BY p.pubname;

-- name: policies_of_table
-- Row security's rules, as they are written in a statement.
SELECT p.policyname::text AS name, p.permissive AS permissive, p.cmd AS command, p.roles::text[] AS roles,
       p.qual AS using_expression, p.with_check AS check_expression
  FROM pg_policies AS p
  JOIN pg_class AS c ON c.relname = p.tablename
  JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = p.schemaname
 WHERE c.oid = %(oid)s::oid
 ORDER BY p.policyname;

-- name: columns_of_table
-- What a file of its rows has.
SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS is_required
  FROM pg_attribute AS a
 WHERE a.attrelid = %(oid)s::oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum;
