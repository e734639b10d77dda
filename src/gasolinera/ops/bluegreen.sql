-- How far a guided deployment has come, and every try of a step.

-- name: open_deployment
-- The one that is under way.
SELECT d.id, d.release, d.url, d.next_step, d.started_at, d.finished_at, d.outcome, d.versions_before
  FROM ops_schema.deployments AS d
 WHERE d.finished_at IS NULL;

-- name: newest_deployment
-- The one that is under way, else the one before.
SELECT d.id, d.release, d.url, d.next_step, d.started_at, d.finished_at, d.outcome, d.versions_before
  FROM ops_schema.deployments AS d
 ORDER BY d.finished_at IS NULL DESC, d.id DESC
 LIMIT 1;

-- name: begin_deployment
-- It begins before its first step.
INSERT INTO ops_schema.deployments (release, url, next_step, versions_before)
VALUES (%(release)s, %(url)s, 'EXPAND', %(versions_before)s)
RETURNING id, release, url, next_step, started_at, finished_at, outcome, versions_before;

-- name: tries
-- Every try, the oldest first.
SELECT s.step, s.began_at, s.ended_at, s.succeeded, s.detail
  FROM ops_schema.deployment_steps AS s
 WHERE s.deployment_id = %(id)s
 ORDER BY s.id;

-- name: end_interrupted
-- Tries whose process ended before they did.
UPDATE ops_schema.deployment_steps AS s
   SET ended_at = clock_timestamp(), succeeded = false, detail = s.detail || '{"refused": ["the process ended"]}'
 WHERE s.deployment_id = %(id)s AND s.ended_at IS NULL;

-- name: begin_try
-- A step is tried.
INSERT INTO ops_schema.deployment_steps (deployment_id, step) VALUES (%(id)s, %(step)s) RETURNING id;

-- name: end_try
-- What came of it.
UPDATE ops_schema.deployment_steps
   SET ended_at = clock_timestamp(), succeeded = %(succeeded)s, detail = %(detail)s
 WHERE id = %(id)s;

-- name: go_on
-- The next step; none ends the deployment.
UPDATE ops_schema.deployments
   SET next_step = %(next_step)s::text,
       finished_at = CASE WHEN %(outcome)s::text IS NOT NULL THEN clock_timestamp() END, outcome = %(outcome)s
 WHERE id = %(id)s;

-- name: services_sessions
-- Sessions of the platform's processes in this database, which say of which service and release they are.
SELECT a.pid, a.application_name AS application, a.backend_start AS connected_at
  FROM pg_stat_activity AS a
 WHERE a.datname = current_database() AND a.backend_type = 'client backend'
   AND a.application_name ~ '^gasolinera-(auth|station|coupon|redemption|ads|raffle)(@|$)'
 ORDER BY a.backend_start;
