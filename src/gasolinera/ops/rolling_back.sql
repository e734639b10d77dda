-- What a rollback compares: every value before and after.

-- name: columns
-- The columns of all tables that hold rows of a schema, by table. Partitions count for themselves.
SELECT c.relname::text AS table, array_agg(a.attname::text ORDER BY a.attnum) AS columns
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = %(schema)s AND c.relkind = 'r' AND c.relname <> ALL (%(left_out)s)
   AND has_table_privilege(c.oid, 'SELECT')
 GROUP BY c.relname
 ORDER BY c.relname;
