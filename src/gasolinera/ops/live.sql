-- What happens in a database at this moment. Statements are read as they run, with values in them: what shows them
-- masks them first.

-- name: counters
-- What only ever grows, and by whose growth the rates between two readings are told.
SELECT extract(epoch FROM clock_timestamp())::double precision AS at,
       d.xact_commit AS commits, d.xact_rollback AS rollbacks, d.blks_hit AS blocks_hit, d.blks_read AS blocks_read,
       d.tup_returned AS rows_read, d.tup_inserted + d.tup_updated + d.tup_deleted AS rows_written,
       d.temp_bytes AS temporary_bytes, d.deadlocks AS deadlocks,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END,
                       '0/0')::double precision AS wal_bytes,
       pg_database_size(d.datid) AS size_bytes, pg_is_in_recovery() AS is_standby,
       current_setting('max_connections')::integer AS connections_possible
  FROM pg_stat_database AS d
 WHERE d.datname = current_database();

-- name: sees_others
-- Whether this session is shown what others do.
SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_others;

-- name: activity
-- The sessions of this database, by state and by who they are.
SELECT a.pid, a.usename::text AS role, a.application_name AS application, coalesce(a.state, '') AS state,
       a.wait_event_type AS waits_for, a.wait_event AS waits_on, a.backend_start AS connected_at,
       extract(epoch FROM clock_timestamp() - a.xact_start)::double precision AS transaction_s,
       extract(epoch FROM clock_timestamp() - a.query_start)::double precision AS statement_s,
       CASE WHEN a.state <> 'idle' THEN a.query ELSE '' END AS statement
  FROM pg_stat_activity AS a
 WHERE a.backend_type = 'client backend' AND a.datname = current_database() AND a.pid <> pg_backend_pid()
 ORDER BY a.xact_start NULLS LAST, a.pid;

-- name: waiting
-- Sessions that wait for a lock, and all that they wait for, directly or not. A blocker of 0 is a prepared transaction.
WITH RECURSIVE waiters AS (
    SELECT a.pid, pg_blocking_pids(a.pid) AS blockers
      FROM pg_stat_activity AS a
     WHERE a.wait_event_type = 'Lock' AND a.datname = current_database()
), involved AS (
    SELECT w.pid FROM waiters AS w WHERE cardinality(w.blockers) > 0
     UNION
    SELECT b.pid FROM waiters AS w CROSS JOIN LATERAL unnest(w.blockers) AS b (pid) WHERE b.pid <> 0
)
SELECT a.pid, a.datname = current_database() AS is_here, a.usename::text AS role, a.application_name AS application,
       coalesce(a.state, '') AS state, a.backend_start AS connected_at,
       coalesce((SELECT array_agg(DISTINCT b.pid ORDER BY b.pid) FROM waiters AS w
                 CROSS JOIN LATERAL unnest(w.blockers) AS b (pid) WHERE w.pid = a.pid), '{}') AS blockers,
       extract(epoch FROM clock_timestamp() - l.since)::double precision AS waits_s,
       l.mode AS wanted, l.object AS object,
       extract(epoch FROM clock_timestamp() - a.xact_start)::double precision AS transaction_s,
       a.query AS statement
  FROM pg_stat_activity AS a
  JOIN involved AS i ON i.pid = a.pid
  LEFT JOIN LATERAL (
       SELECT w.waitstart AS since, w.mode,
              CASE WHEN w.relation IS NOT NULL AND w.database = (SELECT d.oid FROM pg_database AS d
                                                                  WHERE d.datname = current_database())
                   THEN w.relation::regclass::text
                   WHEN w.locktype = 'transactionid' THEN 'a row that another transaction has changed'
                   ELSE w.locktype END AS object
         FROM pg_locks AS w
        WHERE w.pid = a.pid AND NOT w.granted
        ORDER BY w.waitstart
        LIMIT 1) AS l ON true
 ORDER BY l.since NULLS FIRST, a.pid;

-- name: session
-- The session that shall be ended: none where the pid is another's by now, or a part of the server.
SELECT a.usename::text AS role, a.application_name AS application, coalesce(a.state, '') AS state,
       a.datname::text AS database, a.backend_type AS kind, a.backend_start AS connected_at, a.query AS statement
  FROM pg_stat_activity AS a
 WHERE a.pid = %(pid)s;

-- name: cancel_statement
-- Ends what the session does. The moment of its beginning: a pid is given again.
SELECT pg_cancel_backend(a.pid) AS done
  FROM pg_stat_activity AS a
 WHERE a.pid = %(pid)s AND a.backend_start = %(connected_at)s AND a.backend_type = 'client backend'
   AND a.datname = current_database() AND a.pid <> pg_backend_pid();

-- name: end_session
-- Ends the session, and with it its transaction.
SELECT pg_terminate_backend(a.pid) AS done
  FROM pg_stat_activity AS a
 WHERE a.pid = %(pid)s AND a.backend_start = %(connected_at)s AND a.backend_type = 'client backend'
   AND a.datname = current_database() AND a.pid <> pg_backend_pid();
