-- Checks of rights, access and settings: how checks_*.sql are written stands in checks_sessions.sql.

-- name: checksum_failures
-- Pages whose content is not what was written.
SELECT coalesce(d.datname, 'shared') AS object, d.checksum_failures::double precision AS amount,
       'checksums_off' AS why
  FROM pg_stat_database AS d
 WHERE d.datname IS NULL OR d.datname = current_database();

-- name: pending_restart
-- Settings that were changed and hold after a restart alone.
SELECT s.name AS object, 1.0::double precision AS amount, NULL::text AS why FROM pg_settings AS s WHERE s.pending_restart;

-- name: foreign_rights
-- Roles of one service that can enter the schema of another.
SELECT r.rolname || ' → ' || n.nspname AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_namespace AS own
  JOIN pg_roles AS o ON o.oid = own.nspowner
  JOIN pg_roles AS r ON r.rolname IN (o.rolname, regexp_replace(o.rolname, '_owner$', '_app'),
                                      regexp_replace(o.rolname, '_owner$', '_ro'))
  JOIN pg_namespace AS n ON n.nspname = ANY (%(schemas)s) AND n.oid <> own.oid
 WHERE own.nspname = ANY (%(schemas)s)
   AND (has_schema_privilege(r.oid, n.oid, 'USAGE') OR has_schema_privilege(r.oid, n.oid, 'CREATE'));

-- name: public_rights
-- What everybody may do who can log in.
SELECT DISTINCT g.object || ' ' || lower(g.privilege) AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM (
    SELECT n.nspname::text, a.grantee, a.privilege_type
      FROM pg_namespace AS n
     CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
     WHERE n.nspname = ANY (%(schemas)s) OR (n.nspname = 'public' AND a.privilege_type = 'CREATE')
     UNION ALL
    SELECT c.oid::regclass::text, a.grantee, a.privilege_type
      FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = ANY (%(schemas)s)
     CROSS JOIN LATERAL aclexplode(c.relacl) AS a
     WHERE c.relacl IS NOT NULL AND a.grantee = 0
     UNION ALL
    SELECT p.oid::regprocedure::text, a.grantee, a.privilege_type
      FROM pg_proc AS p
      JOIN pg_namespace AS n ON n.oid = p.pronamespace AND n.nspname = ANY (%(schemas)s)
     CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
     WHERE a.grantee = 0
     UNION ALL
    SELECT 'database ' || d.datname, a.grantee, a.privilege_type
      FROM pg_database AS d
     CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
     WHERE d.datname = current_database()
  ) AS g (object, grantee, privilege)
 WHERE g.grantee = 0;

-- name: powerful_roles
-- Roles of the platform that may do more than their work needs, and superusers beside the first.
SELECT r.rolname || concat_ws(',', CASE WHEN r.rolsuper THEN ' superuser' END,
                              CASE WHEN r.rolcreaterole THEN ' createrole' END,
                              CASE WHEN r.rolcreatedb THEN ' createdb' END,
                              CASE WHEN r.rolbypassrls THEN ' bypassrls' END,
                              CASE WHEN r.rolreplication THEN ' replication' END,
                              CASE WHEN r.reads_all THEN ' pg_read_all_data' END) AS object,
       1.0::double precision AS amount, NULL::text AS why
  FROM (SELECT p.*, EXISTS (SELECT FROM pg_auth_members AS m
                              JOIN pg_roles AS g ON g.oid = m.roleid AND g.rolname = 'pg_read_all_data'
                             WHERE m.member = p.oid) AS reads_all  -- the passwords' hashes among it
          FROM pg_roles AS p) AS r
 WHERE (r.rolsuper AND r.rolcanlogin AND r.oid <> 10)
    OR ((r.rolname = 'ops'
         OR regexp_replace(r.rolname, '_(owner|app|ro)$', '') IN (
            SELECT regexp_replace(o.rolname, '_owner$', '')
              FROM pg_namespace AS n
              JOIN pg_roles AS o ON o.oid = n.nspowner
             WHERE n.nspname = ANY (%(schemas)s)))
        AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls OR r.rolreplication OR r.reads_all));

-- name: remote_superusers
-- Superusers who have come over the network.
SELECT concat_ws(' ', a.usename, a.client_addr, nullif(a.application_name, '')) AS object,
       count(*)::double precision AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
  JOIN pg_roles AS r ON r.oid = a.usesysid
 WHERE r.rolsuper AND a.client_addr IS NOT NULL
 GROUP BY a.usename, a.client_addr, a.application_name;

-- name: plain_sessions
-- Sessions over the network that everybody on the way can read.
SELECT concat_ws(' ', a.usename, a.client_addr, nullif(a.application_name, '')) AS object,
       count(*)::double precision AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
  JOIN pg_stat_ssl AS s ON s.pid = a.pid
 WHERE a.client_addr IS NOT NULL AND NOT s.ssl
 GROUP BY a.usename, a.client_addr, a.application_name;

-- name: weak_access_rules
-- Lines of pg_hba.conf that let somebody in over the network without a good password, or that nobody can read.
SELECT concat_ws(' ', 'line', h.line_number, h.type, array_to_string(h.database, ','),
                 array_to_string(h.user_name, ','), h.address, h.auth_method, h.error) AS object,
       1.0::double precision AS amount, NULL::text AS why
  FROM pg_hba_file_rules AS h
 WHERE h.error IS NOT NULL
    OR (h.type <> 'local' AND h.auth_method IN ('trust', 'password', 'md5', 'ident'));

-- name: weak_passwords
-- Roles whose password is kept in the old way.
SELECT a.rolname::text AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_authid AS a
 WHERE a.rolcanlogin AND a.rolpassword LIKE 'md5%%';

-- name: password_encryption
-- How the next password will be kept.
SELECT 'password_encryption = ' || current_setting('password_encryption') AS object,
       CASE current_setting('password_encryption') WHEN 'scram-sha-256' THEN 0 ELSE 1 END::double precision AS amount,
       NULL::text AS why;

-- name: unencrypted_server
-- That the server listens to others than itself, and cannot encrypt.
SELECT 'listen_addresses = ' || current_setting('listen_addresses') AS object, 1.0::double precision AS amount,
       NULL::text AS why
 WHERE current_setting('ssl') = 'off'
   AND EXISTS (SELECT FROM unnest(string_to_array(current_setting('listen_addresses'), ',')) AS l (address)
                WHERE trim(l.address) NOT IN ('', 'localhost', '127.0.0.1', '::1'));

-- name: unpinned_functions
-- Functions that run with their owner's rights and find their tables by the caller's search_path.
SELECT p.oid::regprocedure::text AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_proc AS p
  JOIN pg_namespace AS n ON n.oid = p.pronamespace
 WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c (text) WHERE c.text LIKE 'search_path=%%')
   AND NOT EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');

-- name: collations
-- Orders of text that the operating system has changed since indexes were built by them.
SELECT 'database ' || d.datname AS object,
       (d.datcollversion <> pg_database_collation_actual_version(d.oid))::integer::double precision AS amount,
       'collation_unversioned' AS why
  FROM pg_database AS d
 WHERE d.datname = current_database()
 UNION ALL
SELECT c.collname::text, 1.0, NULL
  FROM pg_collation AS c
 WHERE c.collversion <> pg_collation_actual_version(c.oid);

-- name: unsafe_settings
-- Settings with which a crash, or a bad disk, costs more than the last moments.
SELECT s.name || ' = ' || s.setting AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_settings AS s
 WHERE (s.name IN ('fsync', 'full_page_writes') AND s.setting = 'off')
    OR (s.name IN ('zero_damaged_pages', 'ignore_checksum_failure') AND s.setting = 'on');

-- name: changed_settings
-- A number for all that the server's administrator has set.
SELECT 'settings' AS object, sum(hashtext(s.name || '=' || s.setting))::double precision AS amount,
       NULL::double precision AS whole
  FROM pg_settings AS s
 WHERE s.context IN ('postmaster', 'sighup');
