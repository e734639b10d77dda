-- What a backup of services must know of the database that it is made of.

-- name: about_server
-- Which server and which database: two addresses may lead to the same. A managed server may keep its identity.
SELECT current_setting('server_version') AS version,
       CASE WHEN has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
            THEN (SELECT system_identifier::text FROM pg_control_system()) END AS system_identifier,
       current_database()::text AS database, pg_is_in_recovery() AS is_standby;

-- name: export_snapshot
-- In a transaction of its own: the snapshot for all who shall see the same, and the position that it is of.
SELECT pg_export_snapshot() AS snapshot, pg_current_wal_lsn()::text AS lsn, clock_timestamp() AS consistent_at;

-- name: tables
-- Those that hold rows of a schema, and the partitioned table whose rows they are.
SELECT c.relname::text AS name,
       CASE WHEN c.relispartition THEN
            (SELECT r.relname::text FROM pg_class AS r WHERE r.oid = pg_partition_root(c.oid)) END AS part_of,
       has_table_privilege(c.oid, 'SELECT') AS may_read
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relkind = 'r'
 ORDER BY c.relname;
