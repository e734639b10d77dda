-- What bringing back single rows must know of a table as it is now.

-- name: columns
-- Its columns with their types, in order; those that are computed cannot be written.
SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attgenerated <> '' AS is_generated
  FROM pg_attribute AS a
 WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum;

-- name: key
-- The columns of its primary key, in order.
SELECT a.attname::text
  FROM pg_index AS i
 CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
  JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
 WHERE i.indrelid = to_regclass(%(table)s) AND i.indisprimary
 ORDER BY k.place;

-- name: references
-- Which of these tables must be there before which.
SELECT c.conrelid::regclass::text AS from_table, c.confrelid::regclass::text AS to_table
  FROM pg_constraint AS c
 WHERE c.contype = 'f' AND c.conrelid = ANY (%(tables)s::regclass[]) AND c.confrelid = ANY (%(tables)s::regclass[])
   AND c.conrelid <> c.confrelid;

-- name: triggers
-- Those of its own that fire on an ordinary insert. What foreign keys need is not among them.
SELECT t.tgname::text
  FROM pg_trigger AS t
 WHERE t.tgrelid = to_regclass(%(table)s) AND NOT t.tgisinternal AND t.tgenabled = 'O' AND t.tgtype & 4 <> 0
 ORDER BY t.tgname;
