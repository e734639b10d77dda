-- What the cleaning asks: of ops_schema its rules, of a service's database what its tables are.

-- name: rules
-- Those of some services (NULL: of all) and one table (NULL: of all). A hold of a whole table holds its rules too.
SELECT r.name, r.service, r.table_name AS "table", r.action, r.reason, r.explanation, r.time_column,
       (extract(year FROM r.keep) * 12 + extract(month FROM r.keep))::integer AS months,
       extract(day FROM r.keep)::integer AS days,
       (extract(hour FROM r.keep) * 3600 + extract(minute FROM r.keep) * 60
        + extract(second FROM r.keep))::double precision AS seconds,
       r.time_zone, r.conditions, r.cleared_columns, r.function_name AS "function", r.job, r.batch_size, r.is_enabled,
       r.held_since, coalesce(r.held_because, h.legal_hold) AS held_because
  FROM ops_schema.retention_rules AS r
 CROSS JOIN LATERAL (
    SELECT min(p.legal_hold) AS legal_hold
      FROM ops_schema.partition_rules AS p
     WHERE p.service IN (r.service, '*') AND r.table_name LIKE replace(replace(p.table_pattern, '_', '\_'), '*', '%%')
 ) AS h
 WHERE (%(services)s::text[] IS NULL OR r.service = ANY (%(services)s))
   AND (%(table)s::text IS NULL OR r.table_name = %(table)s)
 ORDER BY array_position(ARRAY['auth', 'station', 'coupon', 'redemption', 'ads', 'raffle', 'ops'], r.service), r.name;

-- name: hold
-- A legal hold.
UPDATE ops_schema.retention_rules AS r
   SET held_since = coalesce(r.held_since, clock_timestamp()), held_because = coalesce(r.held_because, %(because)s)
 WHERE r.name = %(name)s
RETURNING r.name;

-- name: held
-- Why nothing may go that a rule is about; NULL: it may. Asked again and again while a run goes on.
SELECT coalesce(r.held_because, min(p.legal_hold)) AS held_because
  FROM ops_schema.retention_rules AS r
  LEFT JOIN ops_schema.partition_rules AS p
    ON p.service IN (r.service, '*') AND r.table_name LIKE replace(replace(p.table_pattern, '_', '\_'), '*', '%%')
 WHERE r.name = %(name)s
 GROUP BY r.name;

-- name: release
-- The end of a legal hold.
UPDATE ops_schema.retention_rules AS r SET held_since = NULL, held_because = NULL WHERE r.name = %(name)s
RETURNING r.name;

-- name: cutoff
-- The moment before which everything has been kept for long enough: the way back of adding months, then days, then hours
-- to a row's time, so in the other order. Of an hour that comes twice the first one counts: nothing goes too early.
SELECT CASE WHEN %(months)s + %(days)s = 0 THEN %(now)s::timestamptz - make_interval(secs => %(seconds)s)
            ELSE least(l.at AT TIME ZONE %(zone)s, (l.at - interval '1 hour') AT TIME ZONE %(zone)s + interval '1 hour')
            END AS cutoff
  FROM (SELECT (%(now)s::timestamptz - make_interval(secs => %(seconds)s)) AT TIME ZONE %(zone)s
               - make_interval(days => %(days)s) - make_interval(months => %(months)s) AS at) AS l;

-- name: columns
-- Columns of tables of a schema, and whether the role may change the table as its owner may.
SELECT c.relname::text AS "table", c.relkind::text AS kind, pg_has_role(c.relowner, 'USAGE') AS is_own,
       a.attname::text AS "column", format_type(a.atttypid, NULL) AS type, a.attnotnull AS is_required
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = to_regnamespace(%(schema)s) AND c.relname = ANY (%(tables)s) AND c.relkind IN ('r', 'p');

-- name: leaves
-- The tables that hold the rows: of a partitioned one its partitions, the oldest first; else itself. `is_indexed`: there
-- is an index for looking for old rows.
SELECT n.nspname::text AS schema, c.relname::text AS name,
       EXISTS (SELECT FROM pg_index AS i
                 JOIN pg_am AS m ON m.amname = 'btree'
                 JOIN pg_class AS x ON x.oid = i.indexrelid AND x.relam = m.oid
                 JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = %(column)s
                WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = a.attnum
                  AND (i.indpred IS NULL
                       OR pg_get_expr(i.indpred, i.indrelid) = format('(%%I IS NOT NULL)', a.attname))) AS is_indexed
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 CROSS JOIN (SELECT format('%%I.%%I', %(schema)s::text, %(table)s::text)::regclass AS oid) AS whole
 WHERE c.relkind = 'r'
   AND (c.oid = whole.oid OR c.oid IN (SELECT t.relid FROM pg_partition_tree(whole.oid) AS t WHERE t.isleaf))
 ORDER BY 1, 2;

-- name: blocks
-- How many pages a table has.
SELECT (pg_relation_size(format('%%I.%%I', %(schema)s::text, %(table)s::text)::regclass)
        / current_setting('block_size')::bigint)::bigint AS blocks;

-- name: function
-- Whether a schema has this function of one number, which gives a number.
SELECT EXISTS (
    SELECT FROM pg_proc AS p
     WHERE p.pronamespace = to_regnamespace(%(schema)s) AND p.proname = %(function)s AND p.prokind = 'f'
       AND p.pronargs = 1 AND p.proargtypes[0] = 'integer'::regtype AND p.prorettype = 'integer'::regtype
       AND has_function_privilege(p.oid, 'EXECUTE')) AS is_there;
