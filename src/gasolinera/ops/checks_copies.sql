-- Checks of standbys, slots and the archive of the log: how checks_*.sql are written stands in checks_sessions.sql.

-- name: replication_slots
-- Bytes of the log that a slot keeps though nobody reads it.
SELECT s.slot_name::text AS object,
       coalesce(pg_wal_lsn_diff(
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
            s.restart_lsn), 0)::double precision AS amount, NULL::text AS why
  FROM pg_replication_slots AS s
 WHERE NOT s.active;

-- name: archiving
-- Seconds since something was archived, where the last word of the archiver is a failure; and for which the oldest
-- finished piece waits, from three minutes on: a command that is not found, or is killed, ends the archiver before it
-- has counted the failure.
SELECT coalesce(a.last_failed_wal, 'WAL') AS object,
       CASE WHEN current_setting('archive_mode') = 'off' THEN NULL
            WHEN a.last_failed_time > coalesce(a.last_archived_time, '-infinity')
            THEN extract(epoch FROM clock_timestamp() - coalesce(a.last_archived_time, a.stats_reset,
                                                                 pg_postmaster_start_time()))
            ELSE 0 END::double precision AS amount,
       'archive_off' AS why
  FROM pg_stat_archiver AS a
 UNION ALL
SELECT replace((array_agg(f.name ORDER BY f.modification))[1], '.ready', ' waits'),
       extract(epoch FROM clock_timestamp() - min(f.modification))::double precision, NULL
  FROM pg_ls_archive_statusdir() AS f
 WHERE f.name LIKE '%%.ready' AND current_setting('archive_mode') <> 'off'
HAVING min(f.modification) < clock_timestamp() - interval '3 minutes';

-- name: archiving_with_less
-- The same for a role that may not list the archiver's folder: what the server has counted alone.
SELECT coalesce(a.last_failed_wal, 'WAL') AS object,
       CASE WHEN current_setting('archive_mode') = 'off' THEN NULL
            WHEN a.last_failed_time > coalesce(a.last_archived_time, '-infinity')
            THEN extract(epoch FROM clock_timestamp() - coalesce(a.last_archived_time, a.stats_reset,
                                                                 pg_postmaster_start_time()))
            ELSE 0 END::double precision AS amount,
       'archive_off' AS why
  FROM pg_stat_archiver AS a;

-- name: replication_lag
-- Seconds by which a standby is behind: as this server sees those that follow it, or as a standby sees itself.
SELECT concat_ws(' ', nullif(r.application_name, ''), r.client_addr) AS object,
       coalesce(extract(epoch FROM r.replay_lag), 0)::double precision AS amount, NULL::text AS why
  FROM pg_stat_replication AS r
 WHERE r.state <> 'backup'
 UNION ALL
SELECT 'this server',
       CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(),
                                                                 pg_postmaster_start_time())) END,
       NULL
 WHERE pg_is_in_recovery();

-- name: not_streaming
-- Bytes by which a standby is behind that gets the log in another way than as it is written.
SELECT concat_ws(' ', nullif(r.application_name, ''), r.client_addr, r.state) AS object,
       coalesce(pg_wal_lsn_diff(
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
            coalesce(r.replay_lsn, r.sent_lsn)), 0)::double precision AS amount,
       NULL::text AS why
  FROM pg_stat_replication AS r
 WHERE r.state NOT IN ('streaming', 'backup');

-- name: standbys
-- Those that follow this server.
SELECT DISTINCT concat_ws(' ', nullif(r.application_name, ''), r.client_addr) AS object,
       1.0::double precision AS amount, NULL::double precision AS whole
  FROM pg_stat_replication AS r
 WHERE r.state <> 'backup';

-- name: receiver
-- That a standby receives nothing from the server that it is told to follow.
SELECT 'wal receiver' AS object,
       CASE WHEN EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0 ELSE 1 END::double precision AS amount,
       NULL::text AS why
 WHERE pg_is_in_recovery() AND current_setting('primary_conninfo') <> '';

-- name: role_changed
-- Whether this server follows another.
SELECT 'pg_is_in_recovery' AS object, pg_is_in_recovery()::integer::double precision AS amount,
       NULL::double precision AS whole;

-- name: slot_retention
-- Bytes of the log that a slot keeps, whether or not somebody reads it.
SELECT s.slot_name::text AS object,
       coalesce(pg_wal_lsn_diff(
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
            s.restart_lsn), 0)::double precision AS amount, NULL::text AS why
  FROM pg_replication_slots AS s;

-- name: lost_slots
-- Slots whose log is gone, or may go at the next checkpoint: their readers have to begin anew.
SELECT s.slot_name || ' ' || s.wal_status AS object, 1.0::double precision AS amount, NULL::text AS why
  FROM pg_replication_slots AS s
 WHERE s.wal_status IN ('unreserved', 'lost');

-- name: subscription_errors
-- Failures of what another server sends, while it was copied or applied.
SELECT s.subname::text AS object, (s.apply_error_count + s.sync_error_count)::double precision AS amount,
       NULL::double precision AS whole
  FROM pg_stat_subscription_stats AS s;

-- name: archive_backlog
-- Finished pieces of the log that wait to be archived.
SELECT 'archive_status' AS object,
       CASE WHEN current_setting('archive_mode') = 'off' THEN NULL ELSE count(f.name) END::double precision AS amount,
       'archive_off' AS why
  FROM pg_ls_archive_statusdir() AS f
 WHERE f.name LIKE '%%.ready';

-- name: log_size
-- How large the log is on the disk, in percent of max_wal_size.
SELECT 'pg_wal' AS object,
       100.0 * sum(f.size)::double precision / (SELECT s.setting::double precision * 1048576
                                                  FROM pg_settings AS s WHERE s.name = 'max_wal_size') AS amount,
       NULL::text AS why
  FROM pg_ls_waldir() AS f;
