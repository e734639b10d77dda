-- What GRANT and REVOKE would have to say, by object: the difference to what its owner and PUBLIC have without them. What
-- the owner gives of each new table, sequence and schema of the database, wherever it lies, is the database's and no
-- migration's: it is had without them as well. Of functions it is not taken so, for there it takes from PUBLIC.
-- %(schema)s is the schema's name, %(left_out)s the tables that are not looked at.
-- Columns: object, verb, privileges, target (as GRANT names it), grantee, grantable; owner (of future objects alone).
WITH schema AS (
    SELECT oid, nspowner, nspacl FROM pg_namespace WHERE nspname = %(schema)s
), relations AS (
    SELECT c.oid, c.relowner, c.relacl, c.relkind, format('%%I.%%I', %(schema)s::text, c.relname) AS name,
           CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                          WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind
      FROM pg_class AS c
      JOIN schema ON c.relnamespace = schema.oid
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT c.relispartition AND c.relname <> ALL (%(left_out)s::text[])
), acls AS (
    SELECT kind || ' ' || name AS object, CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || name AS target,
           NULL AS columns, NULL AS owner, relacl AS acl,
           coalesce((SELECT d.defaclacl FROM pg_default_acl AS d
                      WHERE d.defaclrole = relowner AND d.defaclnamespace = 0
                        AND d.defaclobjtype = CASE relkind WHEN 'S' THEN 'S'::"char" ELSE 'r'::"char" END),
                    acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner)) AS usual
      FROM relations
    UNION ALL
    SELECT format('column %%s.%%I', r.name, a.attname), 'TABLE ' || r.name, format(' (%%I)', a.attname), NULL, a.attacl, NULL::aclitem[]
      FROM relations AS r
      JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || f.name,
           CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || f.name, NULL, NULL, p.proacl,
           acldefault('f', p.proowner)
      FROM pg_proc AS p
      JOIN schema ON p.pronamespace = schema.oid
     CROSS JOIN LATERAL (
           SELECT format('%%I.%%I(%%s)', %(schema)s::text, p.proname, pg_get_function_identity_arguments(p.oid)) AS name) AS f
    UNION ALL
    SELECT format('type %%I.%%I', %(schema)s::text, t.typname), format('TYPE %%I.%%I', %(schema)s::text, t.typname), NULL, NULL,
           t.typacl, acldefault('T', t.typowner)
      FROM pg_type AS t
      JOIN schema ON t.typnamespace = schema.oid
     WHERE t.typtype IN ('e', 'd', 'r')
    UNION ALL
    SELECT format('schema %%I', %(schema)s::text), format('SCHEMA %%I', %(schema)s::text), NULL, NULL, nspacl,
           coalesce((SELECT d.defaclacl FROM pg_default_acl AS d
                      WHERE d.defaclrole = nspowner AND d.defaclnamespace = 0 AND d.defaclobjtype = 'n'),
                    acldefault('n', nspowner))
      FROM schema
    UNION ALL
    SELECT format('future %%s made by %%s', lower(k.kind), pg_get_userbyid(d.defaclrole)), k.kind, NULL,
           pg_get_userbyid(d.defaclrole), d.defaclacl, NULL
      FROM pg_default_acl AS d
      JOIN schema ON d.defaclnamespace = schema.oid
     CROSS JOIN LATERAL (SELECT CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
                                     WHEN 'f' THEN 'FUNCTIONS' ELSE 'TYPES' END AS kind) AS k
), rights AS (
    SELECT a.object, a.target, a.columns, a.owner, v.verb, x.grantee, x.privilege_type, x.is_grantable
      FROM acls AS a
     CROSS JOIN (VALUES ('REVOKE'), ('GRANT')) AS v (verb)
     CROSS JOIN LATERAL (
           SELECT grantee, privilege_type, is_grantable
             FROM aclexplode(CASE v.verb WHEN 'GRANT' THEN a.acl ELSE a.usual END)
           EXCEPT
           SELECT grantee, privilege_type, is_grantable
             FROM aclexplode(CASE v.verb WHEN 'GRANT' THEN a.usual ELSE a.acl END)) AS x
     WHERE a.acl IS NOT NULL AND x.privilege_type <> 'MAINTAIN'
)
SELECT object, verb, string_agg(privilege_type || coalesce(columns, ''), ', ' ORDER BY privilege_type) AS privileges, target,
       CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee, is_grantable AS grantable,
       quote_ident(owner) AS owner
  FROM rights
 GROUP BY object, verb, target, grantee, is_grantable, owner
 ORDER BY object, verb DESC, grantee, is_grantable
