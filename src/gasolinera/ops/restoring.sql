-- What a restore must know of the database that it changes.

-- name: schema_exists
-- Whether a schema is there.
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %(schema)s);

-- name: dependents
-- What lies outside a schema and stands on something in it: dropping the schema would take it along.
WITH own AS (
    SELECT 'pg_class'::regclass AS classid, c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %(schema)s
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE n.nspname = %(schema)s
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
     WHERE n.nspname = %(schema)s
), standing AS (
    SELECT d.classid, d.objid
      FROM pg_depend AS d
      JOIN own ON own.classid = d.refclassid AND own.oid = d.refobjid
     WHERE d.deptype IN ('n', 'a')
), relations AS (
    SELECT coalesce(r.ev_class, k.conrelid, a.adrelid, g.tgrelid, c.oid) AS oid
      FROM standing AS s
      LEFT JOIN pg_rewrite AS r ON s.classid = 'pg_rewrite'::regclass AND r.oid = s.objid
      LEFT JOIN pg_constraint AS k ON s.classid = 'pg_constraint'::regclass AND k.oid = s.objid AND k.conrelid <> 0
      LEFT JOIN pg_attrdef AS a ON s.classid = 'pg_attrdef'::regclass AND a.oid = s.objid
      LEFT JOIN pg_trigger AS g ON s.classid = 'pg_trigger'::regclass AND g.oid = s.objid
      LEFT JOIN pg_class AS c ON s.classid = 'pg_class'::regclass AND c.oid = s.objid
)
SELECT format('%%I.%%I', n.nspname, c.relname) AS name
  FROM relations AS r
  JOIN pg_class AS c ON c.oid = r.oid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname <> %(schema)s AND n.nspname <> 'pg_toast'
 UNION
SELECT format('function %%I.%%I', n.nspname, p.proname)
  FROM standing AS s
  JOIN pg_proc AS p ON s.classid = 'pg_proc'::regclass AND p.oid = s.objid
  JOIN pg_namespace AS n ON n.oid = p.pronamespace
 WHERE n.nspname <> %(schema)s
 UNION
-- The new tables would not be in it, and whoever subscribes would hear nothing of them any more.
SELECT format('publication %%I', p.pubname)
  FROM pg_publication AS p
 WHERE p.oid IN (SELECT r.prpubid FROM pg_publication_rel AS r JOIN own ON own.oid = r.prrelid
                  WHERE own.classid = 'pg_class'::regclass
                  UNION ALL
                 SELECT s.pnpubid FROM pg_publication_namespace AS s JOIN pg_namespace AS n ON n.oid = s.pnnspid
                  WHERE n.nspname = %(schema)s)
 ORDER BY name;

-- name: analyzable
-- The tables of a schema: a restored one has no statistics yet.
SELECT c.relname::text
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
 ORDER BY c.relname;
