-- Every object of one schema as the SQL that makes it.
-- %(schema)s is its name, %(left_out)s the tables that are not looked at. Partitions are left to whatever makes them.
-- Columns: object (named as in snapshot.sql), kind, part_of (the object it belongs to), target (as COMMENT, GRANT and OWNER TO
-- name it), text (the statement, or the line inside CREATE TABLE; empty when another object's statement makes it), further
-- (statements that follow), owner, comment, position (of a
-- column), needs (the objects that must be there before).
WITH schema AS (
    SELECT oid, nspowner, nspacl FROM pg_namespace WHERE nspname = %(schema)s
), extensions AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), owned AS (
    SELECT d.objid AS sequence, d.refobjid AS relation, a.attname AS column, d.deptype = 'i' AS is_identity, a.attnum
      FROM pg_depend AS d
      JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = d.classid AND d.deptype IN ('a', 'i')
), relations AS (
    SELECT c.*, format('%%I.%%I', %(schema)s::text, c.relname) AS name, k.kind,
           format('%%s %%I.%%I', k.kind, %(schema)s::text, c.relname) AS object
      FROM pg_class AS c
      JOIN schema ON c.relnamespace = schema.oid
     CROSS JOIN LATERAL (
           SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                                 WHEN 'c' THEN 'type' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind) AS k
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'c', 'f')
       AND NOT c.relispartition
       AND c.relname <> ALL (%(left_out)s::text[])
       AND c.oid NOT IN (SELECT objid FROM extensions WHERE classid = 'pg_class'::regclass)
       AND NOT EXISTS (SELECT FROM owned AS w JOIN pg_class AS o ON o.oid = w.relation
                        WHERE w.sequence = c.oid AND o.relnamespace = c.relnamespace
                          AND o.relname = ANY (%(left_out)s::text[]))
), functions AS (
    SELECT p.*, CASE p.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END AS kind,
           CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' WHEN 'a' THEN 'AGGREGATE ' ELSE 'FUNCTION ' END AS word,
           format('%%I.%%I(%%s)', %(schema)s::text, p.proname, pg_get_function_identity_arguments(p.oid)) AS name
      FROM pg_proc AS p
      JOIN schema ON p.pronamespace = schema.oid
     WHERE p.oid NOT IN (SELECT objid FROM extensions WHERE classid = 'pg_proc'::regclass)
       AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                          AND d.deptype = 'i' AND d.refclassid = 'pg_type'::regclass)  -- a range's constructor
), types AS (
    SELECT t.*, format('%%I.%%I', %(schema)s::text, t.typname) AS name
      FROM pg_type AS t
      JOIN schema ON t.typnamespace = schema.oid
     WHERE t.typtype IN ('e', 'd', 'r') AND t.oid NOT IN (SELECT objid FROM extensions)
), constraints AS (
    SELECT c.*, r.object AS of, r.name AS table, format('constraint %%s.%%I', r.name, c.conname) AS object,
           c.contype = 'f' OR NOT c.convalidated AS stands_alone
      FROM relations AS r
      JOIN pg_constraint AS c ON c.conrelid = r.oid AND c.contype IN ('c', 'f', 'p', 'u', 'x') AND c.conparentid = 0
), indexes AS (
    SELECT x.*, i.relname, r.object AS of, r.name AS table, r.relkind = 'p' AS is_partitioned,
           format('index %%s.%%I', r.name, i.relname) AS object,
           (SELECT c.object FROM constraints AS c WHERE c.conindid = i.oid AND c.contype IN ('p', 'u', 'x')) AS made_by
      FROM relations AS r
      JOIN pg_index AS x ON x.indrelid = r.oid
      JOIN pg_class AS i ON i.oid = x.indexrelid
), things AS (
    SELECT 'pg_class'::regclass AS class, r.oid AS oid,
           CASE WHEN w.is_identity THEN (SELECT o.object FROM relations AS o WHERE o.oid = w.relation) ELSE r.object END AS object
      FROM relations AS r
      LEFT JOIN owned AS w ON w.sequence = r.oid
    UNION ALL SELECT 'pg_type'::regclass, r.reltype, r.object FROM relations AS r WHERE r.reltype <> 0
    UNION ALL SELECT 'pg_type'::regclass, t.typarray, r.object
                FROM relations AS r JOIN pg_type AS t ON t.oid = r.reltype WHERE t.typarray <> 0
    UNION ALL SELECT 'pg_type'::regclass, t.oid, 'type ' || t.name FROM types AS t
    UNION ALL SELECT 'pg_type'::regclass, t.typarray, 'type ' || t.name FROM types AS t WHERE t.typarray <> 0
    UNION ALL SELECT 'pg_type'::regclass, g.rngmultitypid, 'type ' || t.name
                FROM types AS t JOIN pg_range AS g ON g.rngtypid = t.oid
    UNION ALL SELECT 'pg_proc'::regclass, f.oid, f.kind || f.name FROM functions AS f
    UNION ALL SELECT 'pg_constraint'::regclass, c.oid, c.object FROM constraints AS c
    UNION ALL SELECT 'pg_constraint'::regclass, c.oid, 'type ' || t.name
                FROM types AS t JOIN pg_constraint AS c ON c.contypid = t.oid
    UNION ALL SELECT 'pg_attrdef'::regclass, d.oid, format('column %%s.%%I', r.name, a.attname)
                FROM relations AS r JOIN pg_attrdef AS d ON d.adrelid = r.oid
                JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    UNION ALL SELECT 'pg_rewrite'::regclass, w.oid,
                     CASE w.rulename WHEN '_RETURN' THEN r.object ELSE format('rule %%s.%%I', r.name, w.rulename) END
                FROM relations AS r JOIN pg_rewrite AS w ON w.ev_class = r.oid
    UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, coalesce(i.made_by, i.object) FROM indexes AS i
    UNION ALL SELECT 'pg_trigger'::regclass, t.oid, format('trigger %%s.%%I', r.name, t.tgname)
                FROM relations AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid
    UNION ALL SELECT 'pg_policy'::regclass, p.oid, format('policy %%s.%%I', r.name, p.polname)
                FROM relations AS r JOIN pg_policy AS p ON p.polrelid = r.oid
    UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid, format('statistics %%I.%%I', %(schema)s::text, s.stxname)
                FROM pg_statistic_ext AS s JOIN schema ON s.stxnamespace = schema.oid
    UNION ALL SELECT 'pg_collation'::regclass, c.oid, format('collation %%I.%%I', %(schema)s::text, c.collname)
                FROM pg_collation AS c JOIN schema ON c.collnamespace = schema.oid
    UNION ALL SELECT 'pg_operator'::regclass, o.oid,
                     format('operator %%I.%%s(%%s, %%s)', %(schema)s::text, o.oprname,
                            format_type(nullif(o.oprleft, 0), NULL), format_type(o.oprright, NULL))
                FROM pg_operator AS o JOIN schema ON o.oprnamespace = schema.oid
    UNION ALL SELECT 'pg_ts_dict'::regclass, d.oid, format('text search dictionary %%I.%%I', %(schema)s::text, d.dictname)
                FROM pg_ts_dict AS d JOIN schema ON d.dictnamespace = schema.oid
    UNION ALL SELECT 'pg_ts_config'::regclass, c.oid, format('text search configuration %%I.%%I', %(schema)s::text, c.cfgname)
                FROM pg_ts_config AS c JOIN schema ON c.cfgnamespace = schema.oid
), needs AS (
    SELECT a.object, array_agg(DISTINCT b.object) AS needs
      FROM pg_depend AS d
      JOIN things AS a ON a.class = d.classid AND a.oid = d.objid
      JOIN things AS b ON b.class = d.refclassid AND b.oid = d.refobjid
     WHERE a.object <> b.object
       AND NOT (a.object LIKE 'sequence %%' AND d.deptype IN ('a', 'i'))  -- ownership is said after both are there
     GROUP BY a.object
), sequences AS (
    SELECT s.seqrelid, concat_ws(' ',
               'START ' || nullif(s.seqstart, CASE WHEN s.seqincrement > 0 THEN s.seqmin ELSE s.seqmax END),
               'INCREMENT ' || nullif(s.seqincrement, 1),
               'MINVALUE ' || nullif(s.seqmin, CASE WHEN s.seqincrement > 0 THEN 1 ELSE l.least END),
               'MAXVALUE ' || nullif(s.seqmax, CASE WHEN s.seqincrement > 0 THEN l.greatest ELSE -1 END),
               'CACHE ' || nullif(s.seqcache, 1), CASE WHEN s.seqcycle THEN 'CYCLE' END) AS options,
           format_type(s.seqtypid, NULL) AS type
      FROM pg_sequence AS s
     CROSS JOIN LATERAL (
           SELECT CASE s.seqtypid WHEN 'smallint'::regtype THEN 32767 WHEN 'integer'::regtype THEN 2147483647
                                  ELSE 9223372036854775807 END AS greatest,
                  CASE s.seqtypid WHEN 'smallint'::regtype THEN -32768 WHEN 'integer'::regtype THEN -2147483648
                                  ELSE -9223372036854775808 END AS least) AS l
), positions AS (
    SELECT format('column %%s.%%I', r.name, a.attname) AS object, a.attnum AS position
      FROM relations AS r
      JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
), objects AS (
    SELECT format('schema %%I', %(schema)s::text) AS object, 'schema' AS kind, NULL AS part_of,
           format('SCHEMA %%I', %(schema)s::text) AS target, format('CREATE SCHEMA %%I', %(schema)s::text) AS text,
           NULL AS further, pg_get_userbyid(nspowner)::text AS owner, obj_description(oid, 'pg_namespace') AS comment
      FROM schema
    UNION ALL
    SELECT r.object, r.kind, NULL, upper(r.kind) || ' ' || r.name,
           CASE r.kind
                WHEN 'sequence' THEN concat_ws(' ', 'CREATE SEQUENCE', r.name, 'AS ' || nullif(s.type, 'bigint'), nullif(s.options, ''))
                WHEN 'view' THEN format(E'CREATE VIEW %%s%%s AS\n', r.name, ' WITH (' || array_to_string(r.reloptions, ', ') || ')')
                    || chr(31) || pg_get_viewdef(r.oid, true) || chr(31)
                WHEN 'materialized view' THEN
                    format(E'CREATE MATERIALIZED VIEW %%s%%s AS\n', r.name, ' WITH (' || array_to_string(r.reloptions, ', ') || ')')
                    || chr(31) || rtrim(pg_get_viewdef(r.oid, true), ';') || chr(31)
                    || CASE WHEN r.relispopulated THEN '' ELSE E'\n WITH NO DATA' END
                ELSE concat_ws(' ',
                    'INHERITS (' || (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
                                       FROM pg_inherits AS i WHERE i.inhrelid = r.oid) || ')',
                    'PARTITION BY ' || pg_get_partkeydef(r.oid),
                    'WITH (' || array_to_string(r.reloptions, ', ') || ')',
                    (SELECT format('SERVER %%I', v.srvname) || coalesce(' OPTIONS (' || (
                                SELECT string_agg(format('%%I %%L', o.option_name, o.option_value), ', ')
                                  FROM pg_options_to_table(t.ftoptions) AS o) || ')', '')
                       FROM pg_foreign_table AS t JOIN pg_foreign_server AS v ON v.oid = t.ftserver WHERE t.ftrelid = r.oid))
           END,
           concat_ws(E'\n',
               CASE WHEN r.relkind = 'r' AND r.relpersistence = 'u' THEN format('ALTER TABLE %%s SET UNLOGGED;', r.name) END,
               CASE WHEN r.relrowsecurity THEN format('ALTER TABLE %%s ENABLE ROW LEVEL SECURITY;', r.name) END,
               CASE WHEN r.relforcerowsecurity THEN format('ALTER TABLE %%s FORCE ROW LEVEL SECURITY;', r.name) END,
               CASE WHEN r.relkind NOT IN ('r', 'p', 'm') THEN NULL WHEN r.relreplident = 'n' THEN format('ALTER TABLE %%s REPLICA IDENTITY NOTHING;', r.name)
                                   WHEN r.relreplident = 'f' THEN format('ALTER TABLE %%s REPLICA IDENTITY FULL;', r.name) END),
           pg_get_userbyid(r.relowner),
           CASE r.kind WHEN 'type' THEN obj_description(r.reltype, 'pg_type') ELSE obj_description(r.oid, 'pg_class') END
      FROM relations AS r
      LEFT JOIN sequences AS s ON s.seqrelid = r.oid
     WHERE NOT EXISTS (SELECT FROM owned AS w WHERE w.sequence = r.oid AND w.is_identity)
    UNION ALL  -- the sequence of an identity column is made with the column
    SELECT r.object, 'identity', o.object, 'SEQUENCE ' || r.name, '', NULL, NULL, obj_description(r.oid, 'pg_class')
      FROM relations AS r
      JOIN owned AS w ON w.sequence = r.oid AND w.is_identity
      JOIN relations AS o ON o.oid = w.relation
    UNION ALL
    SELECT r.object || ' owner', 'ownership', r.object, NULL,
           format('ALTER SEQUENCE %%s OWNED BY %%s.%%I', r.name, o.name, w.column), NULL, NULL, NULL
      FROM relations AS r
      JOIN owned AS w ON w.sequence = r.oid AND NOT w.is_identity
      JOIN relations AS o ON o.oid = w.relation
    UNION ALL
    SELECT format('column %%s.%%I', r.name, a.attname), 'column', r.object, format('COLUMN %%s.%%I', r.name, a.attname),
           CASE WHEN r.kind LIKE '%%view' OR NOT a.attislocal THEN '' ELSE concat_ws(' ',
               quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
               'OPTIONS (' || (SELECT string_agg(format('%%I %%L', o.option_name, o.option_value), ', ')
                                 FROM pg_options_to_table(a.attfdwoptions) AS o) || ')',
               CASE a.attcompression WHEN 'p' THEN 'COMPRESSION pglz' WHEN 'l' THEN 'COMPRESSION lz4' END,
               CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation::text END,
               CASE WHEN a.attgenerated <> '' THEN 'GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ')' END,
               CASE a.attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' END,
               CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY' WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END,
               '(' || nullif(concat_ws(' ',
                   'SEQUENCE NAME ' || (SELECT q.name FROM relations AS q WHERE q.oid = w.sequence
                                           AND q.relname <> left(r.relname || '_' || a.attname, 59) || '_seq'),
                   nullif(s.options, '')), '') || ')',
               CASE WHEN a.attgenerated = '' THEN chr(30) || 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) || chr(30) END,
               CASE WHEN a.attnotnull THEN 'NOT NULL' END) END,
           concat_ws(E'\n',
               CASE WHEN r.kind = 'view' THEN 'ALTER VIEW ' || r.name || ' ALTER COLUMN ' || quote_ident(a.attname)
                                              || ' SET DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) || ';' END,
               CASE WHEN a.attstorage <> t.typstorage AND r.kind IN ('table', 'materialized view', 'foreign table') THEN
                   format('ALTER TABLE %%s ALTER COLUMN %%I SET STORAGE %%s;', r.name, a.attname, CASE a.attstorage
                          WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END) END,
               CASE WHEN a.attstattarget >= 0 THEN format('ALTER TABLE %%s ALTER COLUMN %%I SET STATISTICS %%s;',
                                                          r.name, a.attname, a.attstattarget) END,
               'ALTER TABLE ' || r.name || ' ALTER COLUMN ' || quote_ident(a.attname) || ' SET (' || nullif(array_to_string(
                   ARRAY(SELECT o FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg_attver=%%'), ', '), '') || ');'),
           NULL, col_description(r.oid, a.attnum)
      FROM relations AS r
      JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type AS t ON t.oid = a.atttypid
      LEFT JOIN pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum
      LEFT JOIN owned AS w ON w.relation = r.oid AND w.attnum = a.attnum AND w.is_identity
      LEFT JOIN sequences AS s ON s.seqrelid = w.sequence
     WHERE r.relkind <> 'S'
    UNION ALL
    SELECT c.object, CASE WHEN c.contype = 'f' THEN 'foreign key' WHEN c.stands_alone THEN 'late constraint' ELSE 'constraint' END,
           c.of, format('CONSTRAINT %%I ON %%s', c.conname, c.table),
           CASE WHEN NOT c.conislocal AND c.contype <> 'f' THEN ''
                ELSE CASE WHEN c.stands_alone THEN format('ALTER TABLE %%s ADD ', c.table) ELSE '' END
                     || format('CONSTRAINT %%I %%s', c.conname, pg_get_constraintdef(c.oid, true)) END,
           -- the triggers that PostgreSQL itself made for it, whose names are not the same twice
           (SELECT string_agg(DISTINCT format(
                       'DO $$ BEGIN EXECUTE (SELECT string_agg(format(''ALTER TABLE %%%%s %%s TRIGGER %%%%I'', tgrelid::regclass, tgname), ''; '')'
                       ' FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_constraint AS c ON c.oid = t.tgconstraint'
                       ' WHERE c.conrelid = %%L::regclass AND c.conname = %%L AND t.tgrelid = %%L::regclass); END $$;',
                       CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END,
                       c.table, c.conname, t.tgrelid::regclass), E'\n')
              FROM pg_trigger AS t WHERE t.tgconstraint = c.oid AND t.tgisinternal AND t.tgenabled <> 'O'),
           NULL, obj_description(c.oid, 'pg_constraint')
      FROM constraints AS c
    UNION ALL
    SELECT i.object, 'index', i.of, format('INDEX %%I.%%I', %(schema)s::text, i.relname),
           CASE WHEN i.made_by IS NOT NULL THEN ''
                WHEN i.is_partitioned THEN replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')
                ELSE pg_get_indexdef(i.indexrelid) END,
           concat_ws(E'\n', CASE WHEN i.indisclustered THEN format('ALTER TABLE %%s CLUSTER ON %%I;', i.table, i.relname) END,
                     CASE WHEN i.indisreplident THEN
                         format('ALTER TABLE %%s REPLICA IDENTITY USING INDEX %%I;', i.table, i.relname) END),
           NULL, obj_description(i.indexrelid, 'pg_class')
      FROM indexes AS i
    UNION ALL
    SELECT format('trigger %%s.%%I', r.name, t.tgname), 'trigger', r.object, format('TRIGGER %%I ON %%s', t.tgname, r.name),
           pg_get_triggerdef(t.oid, true),
           CASE t.tgenabled WHEN 'D' THEN format('ALTER TABLE %%s DISABLE TRIGGER %%I;', r.name, t.tgname)
                            WHEN 'R' THEN format('ALTER TABLE %%s ENABLE REPLICA TRIGGER %%I;', r.name, t.tgname)
                            WHEN 'A' THEN format('ALTER TABLE %%s ENABLE ALWAYS TRIGGER %%I;', r.name, t.tgname) END,
           NULL, obj_description(t.oid, 'pg_trigger')
      FROM relations AS r
      JOIN pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal AND t.tgparentid = 0
    UNION ALL
    SELECT format('rule %%s.%%I', r.name, w.rulename), 'rule', r.object, format('RULE %%I ON %%s', w.rulename, r.name),
           rtrim(pg_get_ruledef(w.oid, true), ';'),
           CASE w.ev_enabled WHEN 'D' THEN format('ALTER TABLE %%s DISABLE RULE %%I;', r.name, w.rulename)
                             WHEN 'R' THEN format('ALTER TABLE %%s ENABLE REPLICA RULE %%I;', r.name, w.rulename)
                             WHEN 'A' THEN format('ALTER TABLE %%s ENABLE ALWAYS RULE %%I;', r.name, w.rulename) END, NULL, obj_description(w.oid, 'pg_rewrite')
      FROM relations AS r
      JOIN pg_rewrite AS w ON w.ev_class = r.oid AND w.rulename <> '_RETURN'
    UNION ALL
    SELECT format('policy %%s.%%I', r.name, p.polname), 'policy', r.object, format('POLICY %%I ON %%s', p.polname, r.name),
           concat_ws(' ', format('CREATE POLICY %%I ON %%s', p.polname, r.name),
               CASE WHEN NOT p.polpermissive THEN 'AS RESTRICTIVE' END,
               CASE p.polcmd WHEN 'r' THEN 'FOR SELECT' WHEN 'a' THEN 'FOR INSERT' WHEN 'w' THEN 'FOR UPDATE'
                             WHEN 'd' THEN 'FOR DELETE' END,
               'TO ' || (SELECT string_agg(quote_ident(pg_get_userbyid(role)), ', ' ORDER BY pg_get_userbyid(role))
                           FROM unnest(p.polroles) AS role WHERE role <> 0),
               'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
               'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
           NULL, NULL, obj_description(p.oid, 'pg_policy')
      FROM relations AS r
      JOIN pg_policy AS p ON p.polrelid = r.oid
    UNION ALL
    SELECT f.kind || f.name, rtrim(f.kind), NULL, f.word || f.name,
           CASE WHEN f.prokind <> 'a' THEN rtrim(pg_get_functiondef(f.oid), E'\n') ELSE (
               SELECT format('CREATE AGGREGATE %%I.%%I(%%s) (', %(schema)s::text, f.proname,
                             coalesce(nullif(pg_get_function_arguments(f.oid), ''), '*'))
                      || concat_ws(', ', 'SFUNC = ' || a.aggtransfn::oid::regproc, 'STYPE = ' || format_type(a.aggtranstype, NULL),
                             'SSPACE = ' || nullif(a.aggtransspace, 0),
                             'FINALFUNC = ' || nullif(a.aggfinalfn::oid, 0)::regproc,
                             CASE WHEN a.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
                             CASE a.aggfinalmodify WHEN 's' THEN 'FINALFUNC_MODIFY = SHAREABLE'
                                                   WHEN 'w' THEN 'FINALFUNC_MODIFY = READ_WRITE' END,
                             'COMBINEFUNC = ' || nullif(a.aggcombinefn::oid, 0)::regproc,
                             'SERIALFUNC = ' || nullif(a.aggserialfn::oid, 0)::regproc,
                             'DESERIALFUNC = ' || nullif(a.aggdeserialfn::oid, 0)::regproc,
                             'INITCOND = ' || quote_literal(a.agginitval),
                             'MSFUNC = ' || nullif(a.aggmtransfn::oid, 0)::regproc,
                             'MINVFUNC = ' || nullif(a.aggminvtransfn::oid, 0)::regproc,
                             'MSTYPE = ' || format_type(nullif(a.aggmtranstype, 0), NULL),
                             'MFINALFUNC = ' || nullif(a.aggmfinalfn::oid, 0)::regproc,
                             'MINITCOND = ' || quote_literal(a.aggminitval),
                             'SORTOP = ' || (SELECT format('OPERATOR(%%I.%%s)', n.nspname, o.oprname) FROM pg_operator AS o
                                               JOIN pg_namespace AS n ON n.oid = o.oprnamespace WHERE o.oid = a.aggsortop),
                             CASE f.proparallel WHEN 's' THEN 'PARALLEL = SAFE' WHEN 'r' THEN 'PARALLEL = RESTRICTED' END,
                             CASE a.aggkind WHEN 'h' THEN 'HYPOTHETICAL' END) || ')'
                 FROM pg_aggregate AS a WHERE a.aggfnoid = f.oid) END,
           NULL, pg_get_userbyid(f.proowner), obj_description(f.oid, 'pg_proc')
      FROM functions AS f
    UNION ALL
    SELECT 'type ' || t.name, CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, NULL, 'TYPE ' || t.name,
           CASE t.typtype
                WHEN 'e' THEN format(E'CREATE TYPE %%s AS ENUM (\n    %%s\n)', t.name, (
                    SELECT string_agg(quote_literal(e.enumlabel), E',\n    ' ORDER BY e.enumsortorder)
                      FROM pg_enum AS e WHERE e.enumtypid = t.oid))
                WHEN 'r' THEN (
                    SELECT format('CREATE TYPE %%s AS RANGE (', t.name) || concat_ws(', ',
                               'SUBTYPE = ' || format_type(g.rngsubtype, NULL),
                               (SELECT format('SUBTYPE_OPCLASS = %%I.%%I', n.nspname, c.opcname)
                                  FROM pg_opclass AS c JOIN pg_namespace AS n ON n.oid = c.opcnamespace
                                 WHERE c.oid = g.rngsubopc AND NOT c.opcdefault),
                               'COLLATION = ' || (SELECT g.rngcollation::regcollation FROM pg_type AS b
                                                   WHERE b.oid = g.rngsubtype AND b.typcollation <> g.rngcollation),
                               'SUBTYPE_DIFF = ' || nullif(g.rngsubdiff::oid, 0)::regproc,
                               'MULTIRANGE_TYPE_NAME = ' || format_type(g.rngmultitypid, NULL)) || ')'
                      FROM pg_range AS g WHERE g.rngtypid = t.oid)
                ELSE concat_ws(' ', format('CREATE DOMAIN %%s AS %%s', t.name, format_type(t.typbasetype, t.typtypmod)),
                    (SELECT 'COLLATE ' || t.typcollation::regcollation FROM pg_type AS b
                      WHERE b.oid = t.typbasetype AND b.typcollation <> t.typcollation),
                    'DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN 'NOT NULL' END,
                    (SELECT string_agg(format('CONSTRAINT %%I %%s', c.conname, pg_get_constraintdef(c.oid, true)), ' ' ORDER BY c.conname)
                       FROM pg_constraint AS c WHERE c.contypid = t.oid AND c.contype = 'c')) END,
           NULL, pg_get_userbyid(t.typowner), obj_description(t.oid, 'pg_type')
      FROM types AS t
    UNION ALL
    SELECT format('statistics %%I.%%I', %(schema)s::text, s.stxname), 'statistics',
           (SELECT r.object FROM relations AS r WHERE r.oid = s.stxrelid),
           format('STATISTICS %%I.%%I', %(schema)s::text, s.stxname), pg_get_statisticsobjdef(s.oid), NULL,
           pg_get_userbyid(s.stxowner), obj_description(s.oid, 'pg_statistic_ext')
      FROM pg_statistic_ext AS s
      JOIN schema ON s.stxnamespace = schema.oid
    UNION ALL
    SELECT format('collation %%I.%%I', %(schema)s::text, c.collname), 'collation', NULL,
           format('COLLATION %%I.%%I', %(schema)s::text, c.collname),
           format('CREATE COLLATION %%I.%%I (', %(schema)s::text, c.collname) || concat_ws(', ',
               'provider = ' || CASE c.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
               'locale = ' || quote_literal(coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale')),
               'lc_collate = ' || quote_literal(c.collcollate), 'lc_ctype = ' || quote_literal(c.collctype),
               CASE WHEN NOT c.collisdeterministic THEN 'deterministic = false' END) || ')',
           NULL, pg_get_userbyid(c.collowner), obj_description(c.oid, 'pg_collation')
      FROM pg_collation AS c
      JOIN schema ON c.collnamespace = schema.oid
     WHERE c.oid NOT IN (SELECT objid FROM extensions)
    UNION ALL
    SELECT format('operator %%I.%%s(%%s, %%s)', %(schema)s::text, o.oprname,
                  format_type(nullif(o.oprleft, 0), NULL), format_type(o.oprright, NULL)), 'operator', NULL,
           format('OPERATOR %%I.%%s (%%s, %%s)', %(schema)s::text, o.oprname,
                  coalesce(format_type(nullif(o.oprleft, 0), NULL), 'NONE'), format_type(o.oprright, NULL)),
           format('CREATE OPERATOR %%I.%%s (', %(schema)s::text, o.oprname) || concat_ws(', ',
               'FUNCTION = ' || o.oprcode::oid::regproc, 'LEFTARG = ' || format_type(nullif(o.oprleft, 0), NULL),
               'RIGHTARG = ' || format_type(o.oprright, NULL),
               'COMMUTATOR = ' || (SELECT format('OPERATOR(%%I.%%s)', n.nspname, m.oprname) FROM pg_operator AS m
                                     JOIN pg_namespace AS n ON n.oid = m.oprnamespace WHERE m.oid = o.oprcom),
               'NEGATOR = ' || (SELECT format('OPERATOR(%%I.%%s)', n.nspname, m.oprname) FROM pg_operator AS m
                                  JOIN pg_namespace AS n ON n.oid = m.oprnamespace WHERE m.oid = o.oprnegate),
               'RESTRICT = ' || nullif(o.oprrest::oid, 0)::regproc, 'JOIN = ' || nullif(o.oprjoin::oid, 0)::regproc,
               CASE WHEN o.oprcanhash THEN 'HASHES' END, CASE WHEN o.oprcanmerge THEN 'MERGES' END) || ')',
           NULL, pg_get_userbyid(o.oprowner), obj_description(o.oid, 'pg_operator')
      FROM pg_operator AS o
      JOIN schema ON o.oprnamespace = schema.oid
     WHERE o.oprcode <> 0 AND o.oid NOT IN (SELECT objid FROM extensions)
    UNION ALL
    SELECT format('operator class %%I.%%I using %%I', %(schema)s::text, c.opcname, m.amname), 'operator class', NULL, NULL,
           NULL, NULL, NULL, NULL
      FROM pg_opclass AS c
      JOIN schema ON c.opcnamespace = schema.oid
      JOIN pg_am AS m ON m.oid = c.opcmethod
     WHERE c.oid NOT IN (SELECT objid FROM extensions)
    UNION ALL
    SELECT format('text search dictionary %%I.%%I', %(schema)s::text, d.dictname), 'text search dictionary', NULL,
           format('TEXT SEARCH DICTIONARY %%I.%%I', %(schema)s::text, d.dictname),
           format('CREATE TEXT SEARCH DICTIONARY %%I.%%I (', %(schema)s::text, d.dictname) || concat_ws(', ',
               (SELECT format('TEMPLATE = %%I.%%I', n.nspname, t.tmplname)
                  FROM pg_ts_template AS t JOIN pg_namespace AS n ON n.oid = t.tmplnamespace WHERE t.oid = d.dicttemplate),
               d.dictinitoption) || ')',
           NULL, pg_get_userbyid(d.dictowner), obj_description(d.oid, 'pg_ts_dict')
      FROM pg_ts_dict AS d
      JOIN schema ON d.dictnamespace = schema.oid
     WHERE d.oid NOT IN (SELECT objid FROM extensions)
    UNION ALL
    SELECT format('text search configuration %%I.%%I', %(schema)s::text, c.cfgname), 'text search configuration', NULL,
           format('TEXT SEARCH CONFIGURATION %%I.%%I', %(schema)s::text, c.cfgname),
           format('CREATE TEXT SEARCH CONFIGURATION %%I.%%I (PARSER = %%s)', %(schema)s::text, c.cfgname,
                  (SELECT format('%%I.%%I', n.nspname, p.prsname)
                     FROM pg_ts_parser AS p JOIN pg_namespace AS n ON n.oid = p.prsnamespace WHERE p.oid = c.cfgparser)),
           (SELECT string_agg(line, E'\n' ORDER BY line)
              FROM (SELECT format('ALTER TEXT SEARCH CONFIGURATION %%I.%%I ADD MAPPING FOR %%I WITH %%s;', %(schema)s::text,
                                  c.cfgname, t.alias, string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno)) AS line
                      FROM pg_ts_config_map AS m
                      JOIN ts_token_type(c.cfgparser) AS t ON t.tokid = m.maptokentype
                     WHERE m.mapcfg = c.oid
                     GROUP BY t.alias) AS mapped),
           pg_get_userbyid(c.cfgowner), obj_description(c.oid, 'pg_ts_config')
      FROM pg_ts_config AS c
      JOIN schema ON c.cfgnamespace = schema.oid
     WHERE c.oid NOT IN (SELECT objid FROM extensions)
)
SELECT o.object, o.kind, o.part_of, o.target, o.text, coalesce(o.further, '') AS further, o.owner, o.comment,
       coalesce(p.position, 0) AS position, coalesce(n.needs, '{}') AS needs
  FROM objects AS o
  LEFT JOIN positions AS p USING (object)
  LEFT JOIN needs AS n USING (object)
