-- Every object of one schema with a definition that does not depend on names' history, storage or server version.
-- %%(schema)s is its name, %%(left_out)s the tables that are not looked at. Partitions are not objects here: their table shows the key.
-- Views' texts stand between two characters 31. What belongs to the whole database (extensions, event triggers, publications,
-- casts, foreign servers) and what an extension has put here is left out.
-- Columns: object, definition.
WITH schema AS (
    SELECT oid, nspowner, nspacl FROM pg_namespace WHERE nspname = %(schema)s
), foreign_made AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relations AS (
    SELECT c.*, format('%%I.%%I', %(schema)s::text, c.relname) AS name,
           CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                          WHEN 'c' THEN 'type' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind
      FROM pg_class AS c
      JOIN schema ON c.relnamespace = schema.oid
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'c', 'f')
       AND NOT c.relispartition
       AND c.relname <> ALL (%(left_out)s::text[])
       AND c.oid NOT IN (SELECT objid FROM foreign_made WHERE classid = 'pg_class'::regclass)
       AND NOT EXISTS (SELECT FROM pg_depend AS d JOIN pg_class AS o ON o.oid = d.refobjid
                        WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.refclassid = d.classid AND d.deptype IN ('a', 'i')
                          AND o.relnamespace = c.relnamespace AND o.relname = ANY (%(left_out)s::text[]))
), functions AS (
    SELECT p.*, format('%%I.%%I(%%s)', %(schema)s::text, p.proname, pg_get_function_identity_arguments(p.oid)) AS name
      FROM pg_proc AS p
      JOIN schema ON p.pronamespace = schema.oid
     WHERE p.oid NOT IN (SELECT objid FROM foreign_made WHERE classid = 'pg_proc'::regclass)
), grants AS (
    SELECT kind || ' ' || name AS object,
           coalesce(relacl, acldefault(CASE kind WHEN 'sequence' THEN 's'::"char" ELSE 'r'::"char" END, relowner)) AS acl
      FROM relations
     WHERE kind <> 'type'
    UNION ALL
    SELECT 'function ' || name, coalesce(proacl, acldefault('f', proowner)) FROM functions
    UNION ALL
    SELECT format('schema %%I', %(schema)s::text), coalesce(nspacl, acldefault('n', nspowner)) FROM schema
    UNION ALL
    SELECT format('type %%I.%%I', %(schema)s::text, t.typname), coalesce(t.typacl, acldefault('T', t.typowner))
      FROM pg_type AS t
      JOIN schema ON t.typnamespace = schema.oid
     WHERE t.typtype IN ('e', 'd', 'r') AND t.oid NOT IN (SELECT objid FROM foreign_made)
    UNION ALL
    SELECT format('future %%s made by %%s', CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
                      WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' ELSE d.defaclobjtype::text END,
                  pg_get_userbyid(d.defaclrole)), d.defaclacl
      FROM pg_default_acl AS d
      JOIN schema ON d.defaclnamespace = schema.oid
    UNION ALL
    SELECT format('column %%s.%%I', r.name, a.attname), a.attacl
      FROM relations AS r
      JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NOT NULL
)
SELECT kind || ' ' || name AS object,
       concat_ws(E'\n',
           'owner ' || pg_get_userbyid(relowner),
           CASE relpersistence WHEN 'u' THEN 'unlogged' END,
           'partition by ' || pg_get_partkeydef(oid),
           CASE WHEN relkind IN ('v', 'm') THEN chr(31) || pg_get_viewdef(oid, true) || chr(31) END,
           CASE WHEN relkind = 'm' AND NOT relispopulated THEN 'not populated' END,
           CASE WHEN relrowsecurity THEN 'row security' END,
           CASE WHEN relforcerowsecurity THEN 'forced row security' END,
           CASE WHEN relkind NOT IN ('r', 'p', 'm') THEN NULL WHEN relreplident = 'n' THEN 'replica identity nothing'
                WHEN relreplident = 'f' THEN 'replica identity full' END,
           'inherits ' || (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
                             FROM pg_inherits AS i WHERE i.inhrelid = oid),
           CASE WHEN relkind = 'S' THEN 'owned by ' || (
                   SELECT format('%%s.%%I', a.attrelid::regclass, a.attname)
                     FROM pg_depend AS d
                     JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = oid AND d.refclassid = d.classid
                      AND d.deptype IN ('a', 'i')) END,
           'options ' || array_to_string(reloptions, ', '),
           (SELECT concat_ws(E'\n', 'server ' || s.srvname, 'foreign options ' || array_to_string(t.ftoptions, ', '))
              FROM pg_foreign_table AS t JOIN pg_foreign_server AS s ON s.oid = t.ftserver WHERE t.ftrelid = relations.oid),
           'comment ' || CASE kind WHEN 'type' THEN obj_description(reltype, 'pg_type')
                                   ELSE obj_description(oid, 'pg_class') END) AS definition
  FROM relations
UNION ALL
SELECT format('column %%s.%%I', r.name, a.attname),
       concat_ws(E'\n',
           'position ' || row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum),
           'type ' || format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attnotnull THEN 'not null' || CASE WHEN EXISTS (
                   SELECT FROM pg_constraint AS c
                    WHERE c.conrelid = r.oid AND c.contype = 'n' AND c.conkey = ARRAY[a.attnum] AND NOT c.convalidated)
                THEN ' not valid' ELSE '' END END,
           CASE a.attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' END,
           CASE a.attgenerated WHEN 's' THEN 'generated stored ' WHEN 'v' THEN 'generated virtual ' ELSE 'default ' END
               || pg_get_expr(d.adbin, d.adrelid),
           CASE WHEN a.attstorage <> t.typstorage THEN 'storage ' || a.attstorage::text END,
           'compression ' || nullif(a.attcompression::text, ''),
           CASE WHEN a.attcollation <> t.typcollation THEN 'collation ' || a.attcollation::regcollation::text END,
           'statistics ' || nullif(a.attstattarget, -1),  -- since 17 the usual is NULL
           'options ' || nullif(array_to_string(
               ARRAY(SELECT o FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg_attver=%%'), ', '), ''),
           'foreign options ' || array_to_string(a.attfdwoptions, ', '),
           'comment ' || col_description(r.oid, a.attnum))
  FROM relations AS r
  JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type AS t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum
 WHERE r.relkind <> 'S'
UNION ALL
SELECT format('constraint %%s.%%I', r.name, c.conname),
       concat_ws(E'\n', pg_get_constraintdef(c.oid, true),
           (SELECT string_agg(DISTINCT format('on %%s %%s', t.tgrelid::regclass, CASE t.tgenabled
                       WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'on replica' ELSE 'always' END), E'\n')
              FROM pg_trigger AS t WHERE t.tgconstraint = c.oid AND t.tgisinternal AND t.tgenabled <> 'O'),
           'comment ' || obj_description(c.oid, 'pg_constraint'))
  FROM relations AS r
  JOIN pg_constraint AS c ON c.conrelid = r.oid
 WHERE c.contype IN ('c', 'f', 'p', 'u', 'x')  -- since 18 NOT NULL is one too; the column says that already
   AND c.conparentid = 0
UNION ALL
SELECT format('index %%s.%%I', r.name, i.relname),
       concat_ws(E'\n',
           pg_get_indexdef(x.indexrelid),
           CASE WHEN NOT x.indisvalid THEN 'invalid' END,
           CASE WHEN x.indisclustered THEN 'clustered' END,
           CASE WHEN x.indisreplident THEN 'replica identity' END,
           'comment ' || obj_description(i.oid, 'pg_class'))
  FROM relations AS r
  JOIN pg_index AS x ON x.indrelid = r.oid
  JOIN pg_class AS i ON i.oid = x.indexrelid
UNION ALL
SELECT format('trigger %%s.%%I', r.name, t.tgname),
       concat_ws(E'\n',
           pg_get_triggerdef(t.oid, true),
           CASE t.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'on replica' WHEN 'A' THEN 'always' END,
           'comment ' || obj_description(t.oid, 'pg_trigger'))
  FROM relations AS r
  JOIN pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL
SELECT format('rule %%s.%%I', r.name, w.rulename),
       concat_ws(E'\n', pg_get_ruledef(w.oid, true),
           CASE w.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'on replica' WHEN 'A' THEN 'always' END,
           'comment ' || obj_description(w.oid, 'pg_rewrite'))
  FROM relations AS r
  JOIN pg_rewrite AS w ON w.ev_class = r.oid AND w.rulename <> '_RETURN'
UNION ALL
SELECT format('policy %%s.%%I', r.name, p.polname),
       concat_ws(E'\n', p.polcmd, p.polpermissive::text, 'to ' || (
               SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role) END, ', '
                                 ORDER BY pg_get_userbyid(role))
                 FROM unnest(p.polroles) AS role),
           'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid),
           'comment ' || obj_description(p.oid, 'pg_policy'))
  FROM relations AS r
  JOIN pg_policy AS p ON p.polrelid = r.oid
UNION ALL
SELECT 'sequence ' || r.name || ' values',
       format('%%s start %%s increment %%s min %%s max %%s cache %%s%%s', format_type(s.seqtypid, NULL), s.seqstart,
              s.seqincrement, s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN ' cycle' END)
  FROM relations AS r
  JOIN pg_sequence AS s ON s.seqrelid = r.oid
UNION ALL
SELECT CASE prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || name,
       concat_ws(E'\n', 'owner ' || pg_get_userbyid(proowner),
                 CASE WHEN prokind = 'a' THEN (
                     SELECT concat_ws(' ', 'aggregate', a.aggtransfn::regprocedure, format_type(a.aggtranstype, NULL),
                                'final ' || nullif(a.aggfinalfn::oid, 0)::regprocedure,
                                'combine ' || nullif(a.aggcombinefn::oid, 0)::regprocedure,
                                'sort ' || nullif(a.aggsortop, 0)::regoperator, 'initial ' || a.agginitval)
                       FROM pg_aggregate AS a WHERE a.aggfnoid = oid) ELSE pg_get_functiondef(oid) END,
                 'comment ' || obj_description(oid, 'pg_proc'))
  FROM functions
UNION ALL
SELECT format('type %%I.%%I', %(schema)s::text, t.typname),
       concat_ws(E'\n', 'owner ' || pg_get_userbyid(t.typowner),
           CASE t.typtype WHEN 'e' THEN 'enum ' || (
                   SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                     FROM pg_enum AS e WHERE e.enumtypid = t.oid)
                WHEN 'd' THEN 'domain ' || format_type(t.typbasetype, t.typtypmod)
                WHEN 'r' THEN 'range of ' || (
                   SELECT format_type(g.rngsubtype, NULL) FROM pg_range AS g WHERE g.rngtypid = t.oid) END,
           CASE WHEN t.typnotnull THEN 'not null' END,
           CASE WHEN t.typtype = 'd' AND t.typcollation <> (SELECT b.typcollation FROM pg_type AS b WHERE b.oid = t.typbasetype)
                THEN 'collation ' || t.typcollation::regcollation::text END,
           'default ' || t.typdefault,
           (SELECT string_agg(c.conname || ' ' || pg_get_constraintdef(c.oid, true), E'\n' ORDER BY c.conname)
              FROM pg_constraint AS c WHERE c.contypid = t.oid AND c.contype = 'c'),
           'comment ' || obj_description(t.oid, 'pg_type'))
  FROM pg_type AS t
  JOIN schema ON t.typnamespace = schema.oid
 WHERE t.typtype IN ('e', 'd', 'r') AND t.oid NOT IN (SELECT objid FROM foreign_made)
UNION ALL
SELECT format('statistics %%I.%%I', %(schema)s::text, s.stxname),
       concat_ws(E'\n', pg_get_statisticsobjdef(s.oid), 'comment ' || obj_description(s.oid, 'pg_statistic_ext'))
  FROM pg_statistic_ext AS s
  JOIN schema ON s.stxnamespace = schema.oid
UNION ALL
SELECT format('schema %%I', %(schema)s::text),
       concat_ws(E'\n', 'owner ' || pg_get_userbyid(nspowner), 'comment ' || obj_description(oid, 'pg_namespace'))
  FROM schema
UNION ALL
SELECT format('collation %%I.%%I', %(schema)s::text, c.collname),
       concat_ws(E'\n', 'owner ' || pg_get_userbyid(c.collowner), 'provider ' || c.collprovider::text,
                 'locale ' || coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'),  -- renamed in 17
                 'collate ' || c.collcollate, 'ctype ' || c.collctype,
                 CASE WHEN NOT c.collisdeterministic THEN 'not deterministic' END,
                 'comment ' || obj_description(c.oid, 'pg_collation'))
  FROM pg_collation AS c
  JOIN schema ON c.collnamespace = schema.oid
 WHERE c.oid NOT IN (SELECT objid FROM foreign_made)
UNION ALL
SELECT format('operator %%I.%%s(%%s, %%s)', %(schema)s::text, o.oprname,
              format_type(nullif(o.oprleft, 0), NULL), format_type(o.oprright, NULL)),
       concat_ws(E'\n', 'owner ' || pg_get_userbyid(o.oprowner), 'function ' || o.oprcode::oid::regprocedure::text,
                 'commutator ' || nullif(o.oprcom, 0)::regoperator::text,
                 'negator ' || nullif(o.oprnegate, 0)::regoperator::text,
                 'restrict ' || nullif(o.oprrest::oid, 0)::regproc::text, 'join ' || nullif(o.oprjoin::oid, 0)::regproc::text,
                 CASE WHEN o.oprcanhash THEN 'hashes' END, CASE WHEN o.oprcanmerge THEN 'merges' END,
                 'comment ' || obj_description(o.oid, 'pg_operator'))
  FROM pg_operator AS o
  JOIN schema ON o.oprnamespace = schema.oid
 WHERE o.oprcode <> 0 AND o.oid NOT IN (SELECT objid FROM foreign_made)
UNION ALL
SELECT format('operator class %%I.%%I using %%I', %(schema)s::text, c.opcname, m.amname),
       concat_ws(E'\n', 'owner ' || pg_get_userbyid(c.opcowner), 'for ' || format_type(c.opcintype, NULL),
                 CASE WHEN c.opcdefault THEN 'default' END, 'storage ' || format_type(nullif(c.opckeytype, 0), NULL),
                 (SELECT string_agg(format('operator %%s %%s', a.amopstrategy, a.amopopr::regoperator), E'\n'
                                    ORDER BY a.amopstrategy, a.amopopr::regoperator::text)
                    FROM pg_amop AS a WHERE a.amopfamily = c.opcfamily),
                 (SELECT string_agg(format('function %%s %%s', a.amprocnum, a.amproc::oid::regprocedure), E'\n'
                                    ORDER BY a.amprocnum, a.amproc::oid::regprocedure::text)
                    FROM pg_amproc AS a WHERE a.amprocfamily = c.opcfamily))
  FROM pg_opclass AS c
  JOIN schema ON c.opcnamespace = schema.oid
  JOIN pg_am AS m ON m.oid = c.opcmethod
 WHERE c.oid NOT IN (SELECT objid FROM foreign_made)
UNION ALL
SELECT format('text search dictionary %%I.%%I', %(schema)s::text, d.dictname),
       concat_ws(E'\n', 'owner ' || pg_get_userbyid(d.dictowner),
                 (SELECT format('template %%I.%%I', n.nspname, t.tmplname)
                    FROM pg_ts_template AS t JOIN pg_namespace AS n ON n.oid = t.tmplnamespace WHERE t.oid = d.dicttemplate),
                 'options ' || d.dictinitoption, 'comment ' || obj_description(d.oid, 'pg_ts_dict'))
  FROM pg_ts_dict AS d
  JOIN schema ON d.dictnamespace = schema.oid
 WHERE d.oid NOT IN (SELECT objid FROM foreign_made)
UNION ALL
SELECT format('text search configuration %%I.%%I', %(schema)s::text, c.cfgname),
       concat_ws(E'\n', 'owner ' || pg_get_userbyid(c.cfgowner),
                 (SELECT format('parser %%I.%%I', n.nspname, p.prsname)
                    FROM pg_ts_parser AS p JOIN pg_namespace AS n ON n.oid = p.prsnamespace WHERE p.oid = c.cfgparser),
                 (SELECT string_agg(word || ' ' || dictionaries, E'\n' ORDER BY word)
                    FROM (SELECT t.alias AS word, string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno)
                                     AS dictionaries
                            FROM pg_ts_config_map AS m
                            JOIN ts_token_type(c.cfgparser) AS t ON t.tokid = m.maptokentype
                           WHERE m.mapcfg = c.oid
                           GROUP BY t.alias) AS mapped),
                 'comment ' || obj_description(c.oid, 'pg_ts_config'))
  FROM pg_ts_config AS c
  JOIN schema ON c.cfgnamespace = schema.oid
 WHERE c.oid NOT IN (SELECT objid FROM foreign_made)
UNION ALL
SELECT format('grant on %%s to %%s', g.object, CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee) END),
       string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END, ', '
                  ORDER BY a.privilege_type)
  FROM grants AS g
 CROSS JOIN aclexplode(g.acl) AS a
 WHERE a.privilege_type <> 'MAINTAIN'  -- since 17: servers of different versions must agree
 GROUP BY g.object, a.grantee
 ORDER BY object
