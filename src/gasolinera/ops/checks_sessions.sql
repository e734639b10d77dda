-- Checks of sessions, statements and locks. Each question answers with rows of `object` (text), `amount` (double
-- precision): how bad it is, in the unit of its rule in checking_rules.py; and `why`: nothing can be said where the
-- amount is NULL. A rule that holds a counter against an earlier look has `whole` in the place of `why`: what the
-- counter is a share of. %(schemas)s are the platform's schemas. A name that ends in _before_17 is for older servers,
-- one in _with_less for a role that may not ask the other.

-- name: connections
-- Of those that a program may have, how many are taken, in percent. From version 16 on some are set apart by a role.
SELECT count(*) || ' / ' || max(p.possible) AS object,
       100.0 * count(*)::double precision / max(p.possible) AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
 CROSS JOIN (SELECT current_setting('max_connections')::integer
                    - current_setting('superuser_reserved_connections')::integer
                    - coalesce(current_setting('reserved_connections', true), '0')::integer AS possible) AS p
 WHERE a.backend_type = 'client backend';

-- name: long_transactions
-- Seconds since a transaction began: it keeps what it has locked, and dead rows from being removed.
SELECT concat_ws(' ', 'pid', a.pid, a.usename, nullif(a.application_name, '')) AS object,
       extract(epoch FROM clock_timestamp() - a.xact_start)::double precision AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
 WHERE a.backend_type = 'client backend' AND a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid();

-- name: idle_in_transaction
-- Seconds in which a session has done nothing in an open transaction.
SELECT concat_ws(' ', 'pid', a.pid, a.usename, nullif(a.application_name, '')) AS object,
       extract(epoch FROM clock_timestamp() - a.state_change)::double precision AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
 WHERE a.state IN ('idle in transaction', 'idle in transaction (aborted)');

-- name: blocked_sessions
-- Seconds for which a session waits for a lock, and who holds it.
SELECT concat_ws(' ', 'pid', a.pid, a.usename, '←', array_to_string(b.by, ', ')) AS object,
       coalesce(extract(epoch FROM clock_timestamp() - w.since), 0)::double precision AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
 CROSS JOIN LATERAL (SELECT pg_blocking_pids(a.pid) AS by) AS b
 CROSS JOIN LATERAL (SELECT min(l.waitstart) AS since FROM pg_locks AS l WHERE l.pid = a.pid AND NOT l.granted) AS w
 WHERE a.wait_event_type = 'Lock' AND cardinality(b.by) > 0;

-- name: prepared_transactions
-- Seconds since a transaction was prepared for a commit that has not come.
SELECT p.gid AS object, extract(epoch FROM clock_timestamp() - p.prepared)::double precision AS amount,
       NULL::text AS why
  FROM pg_prepared_xacts AS p;

-- name: cache_misses
-- Of the blocks that were read, how many were not in the server's memory, in percent.
SELECT d.datname AS object,
       CASE WHEN d.blks_hit + d.blks_read >= 100000
            THEN 100.0 * d.blks_read / (d.blks_hit + d.blks_read) END::double precision AS amount,
       'too_little' AS why
  FROM pg_stat_database AS d
 WHERE d.datname = current_database();

-- name: role_connections
-- Of the connections that a role may have, how many are taken, in percent.
SELECT r.rolname::text AS object, 100.0 * count(a.pid)::double precision / max(r.rolconnlimit) AS amount,
       NULL::text AS why
  FROM pg_roles AS r
  LEFT JOIN pg_stat_activity AS a ON a.usesysid = r.oid AND a.backend_type = 'client backend'
 WHERE r.rolconnlimit > 0
 GROUP BY r.rolname;

-- name: busy_pools
-- Of the connections that a program of ours holds, how many work at this moment, in percent; of pools worth the name.
SELECT a.application_name AS object,
       100.0 * (count(*) FILTER (WHERE a.state <> 'idle'))::double precision / count(*) AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
 WHERE a.application_name LIKE 'gasolinera-%%' AND a.application_name <> 'gasolinera-ops'
   AND a.datname = current_database()
 GROUP BY a.application_name
HAVING count(*) >= 4;

-- name: restarted
-- Seconds since the server began: statistics and caches are as young.
SELECT 'server' AS object,
       extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::double precision AS amount,
       NULL::text AS why;

-- name: long_statements
-- Seconds since a statement that is under way began.
SELECT concat_ws(' ', 'pid', a.pid, a.usename, nullif(a.application_name, '')) AS object,
       extract(epoch FROM clock_timestamp() - a.query_start)::double precision AS amount, NULL::text AS why
  FROM pg_stat_activity AS a
 WHERE a.backend_type = 'client backend' AND a.state = 'active' AND a.pid <> pg_backend_pid();

-- name: blocking_sessions
-- How many sessions wait, one behind the other, for one that waits for nobody.
WITH RECURSIVE waits AS (
    SELECT a.pid, b.by
      FROM pg_stat_activity AS a
     CROSS JOIN LATERAL unnest(pg_blocking_pids(a.pid)) AS b (by)
     WHERE a.wait_event_type = 'Lock'
), chain AS (
    SELECT w.by AS head, w.pid FROM waits AS w
     UNION
    SELECT w.by, c.pid FROM chain AS c JOIN waits AS w ON w.pid = c.head
)
SELECT concat_ws(' ', 'pid', c.head, a.usename, nullif(a.application_name, ''), a.state) AS object,
       count(DISTINCT c.pid)::double precision AS amount, NULL::text AS why
  FROM chain AS c
  LEFT JOIN pg_stat_activity AS a ON a.pid = c.head
 WHERE NOT EXISTS (SELECT FROM waits AS w WHERE w.pid = c.head)
 GROUP BY c.head, a.usename, a.application_name, a.state;

-- name: locks
-- Of the places in the table of locks, how many are taken, in percent.
SELECT count(*) || ' / ' || max(p.possible) AS object,
       100.0 * count(*)::double precision / max(p.possible) AS amount, NULL::text AS why
  FROM pg_locks AS l
 CROSS JOIN (SELECT current_setting('max_locks_per_transaction')::bigint
                    * (current_setting('max_connections')::bigint
                       + current_setting('max_prepared_transactions')::bigint) AS possible) AS p
 WHERE NOT l.fastpath;

-- name: deadlocks
-- Transactions that the server has ended because each waited for the other.
SELECT d.datname::text AS object, d.deadlocks::double precision AS amount, NULL::double precision AS whole
  FROM pg_stat_database AS d
 WHERE d.datname = current_database();

-- name: rollbacks
-- Transactions that were undone, of all.
SELECT d.datname::text AS object, d.xact_rollback::double precision AS amount,
       (d.xact_commit + d.xact_rollback)::double precision AS whole
  FROM pg_stat_database AS d
 WHERE d.datname = current_database();

-- name: temporary_files
-- Bytes of sorting and hashing that did not fit into work_mem.
SELECT d.datname::text AS object, d.temp_bytes::double precision AS amount, NULL::double precision AS whole
  FROM pg_stat_database AS d
 WHERE d.datname = current_database();

-- name: requested_checkpoints
-- Checkpoints that could not wait for their time, of all.
SELECT 'server' AS object, c.num_requested::double precision AS amount,
       (c.num_requested + c.num_timed)::double precision AS whole
  FROM pg_stat_checkpointer AS c;

-- name: requested_checkpoints_before_17
-- Checkpoints that could not wait for their time, of all.
SELECT 'server' AS object, b.checkpoints_req::double precision AS amount,
       (b.checkpoints_req + b.checkpoints_timed)::double precision AS whole
  FROM pg_stat_bgwriter AS b;
