-- The statements of the catalogue of backups.

-- name: fail_abandoned
-- A process that was killed left its row begun: nobody else works on this kind and these services now.
UPDATE ops_schema.backups
   SET finished_at = clock_timestamp(), error = 'the process ended'
 WHERE kind = %(kind)s AND services = %(services)s AND finished_at IS NULL;

-- name: begin
-- A backup that is being made.
INSERT INTO ops_schema.backups
       (label, kind, engine, services, location, parent_id, server_version, system_identifier, encryption)
VALUES (%(label)s, %(kind)s, %(engine)s, %(services)s, %(location)s, %(parent_id)s, %(server_version)s,
        %(system_identifier)s, %(encryption)s)
RETURNING id;

-- name: finish
-- It is whole, and where its row says.
UPDATE ops_schema.backups
   SET finished_at = clock_timestamp(), succeeded = true, size_bytes = %(size_bytes)s, contents = %(contents)s,
       manifest_sha256 = %(manifest_sha256)s
 WHERE id = %(id)s;

-- name: fail
-- It was not made, and why; one that was finished stays so.
UPDATE ops_schema.backups
   SET finished_at = clock_timestamp(), error = %(error)s
 WHERE id = %(id)s AND NOT succeeded;

-- name: backups
-- Of some kinds, the newest first.
SELECT id, label, kind, engine, services, location, parent_id, started_at, finished_at, succeeded, error, size_bytes,
       server_version, system_identifier, contents, encryption, manifest_sha256, verified_at, is_intact, removed_at
  FROM ops_schema.backups
 WHERE kind = ANY (%(kinds)s)
   AND (%(service)s::text IS NULL OR %(service)s = ANY (services))
   AND (%(with_removed)s OR removed_at IS NULL)
 ORDER BY started_at DESC, id DESC;

-- name: record_verification
-- What the newest verification found.
UPDATE ops_schema.backups SET verified_at = clock_timestamp(), is_intact = %(is_intact)s WHERE id = %(id)s;

-- name: record_removal
-- Its files are gone.
UPDATE ops_schema.backups
   SET removed_at = clock_timestamp(), finished_at = coalesce(finished_at, clock_timestamp())
 WHERE id = %(id)s;

-- name: record_restore_test
-- What came of a restore to a scratch server, which has just ended.
INSERT INTO ops_schema.restore_tests
       (backup_id, started_at, finished_at, succeeded, recovery_point, recovery_s, report, error)
VALUES (%(backup_id)s, %(started_at)s, clock_timestamp(), %(succeeded)s, %(recovery_point)s, %(recovery_s)s,
        %(report)s, %(error)s)
RETURNING id;
