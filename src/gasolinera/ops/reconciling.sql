-- Reconciliations on record.

-- name: begin
-- One more; with the moment from which on facts are too young to count.
INSERT INTO ops_schema.reconciliations (run_id, is_repair, grace_s)
VALUES (%(run_id)s, %(is_repair)s, %(grace_s)s)
RETURNING id, started_at - make_interval(secs => grace_s) AS horizon;

-- name: events_kept
-- For how many seconds a service keeps what it has published, and what it has had, where a rule says other than usual.
SELECT r.service, extract(epoch FROM min(r.keep) FILTER (WHERE r.table_name = 'outbox_events'))::double precision
           AS published_s,
       extract(epoch FROM min(r.keep) FILTER (WHERE r.table_name = 'inbox_events'))::double precision AS settled_s
  FROM ops_schema.retention_rules AS r
 WHERE r.table_name IN ('outbox_events', 'inbox_events') AND r.action = 'DELETE' AND r.is_enabled
 GROUP BY r.service;

-- name: forget
-- Those of more than 90 days ago, with their findings: they may name persons.
DELETE FROM ops_schema.reconciliations AS r WHERE r.started_at < now() - interval '90 days';

-- name: first_found
-- When differences were found first, by other reconciliations than this one.
SELECT f.comparison, f.kind, f.subject, min(r.started_at) AS at
  FROM unnest(%(comparisons)s::text[], %(kinds)s::text[], %(subjects)s::text[]) AS w (comparison, kind, subject)
  JOIN ops_schema.reconciliation_findings AS f
    ON f.subject = w.subject AND f.comparison = w.comparison AND f.kind = w.kind
  JOIN ops_schema.reconciliations AS r ON r.id = f.reconciliation_id
 WHERE r.id <> %(record_id)s
 GROUP BY f.comparison, f.kind, f.subject;

-- name: keep_finding
-- One difference.
INSERT INTO ops_schema.reconciliation_findings (
    reconciliation_id, comparison, kind, subject, lacking, since, remedy, explanation, steps, event_id, delivered_at)
VALUES (%(record_id)s, %(comparison)s, %(kind)s, %(subject)s, %(lacking)s, %(since)s, %(remedy)s, %(explanation)s,
        %(steps)s, %(event_id)s, %(delivered_at)s);

-- name: end
-- What came of it.
UPDATE ops_schema.reconciliations
   SET finished_at = clock_timestamp(), compared = %(compared)s, found = %(found)s, waiting = %(waiting)s,
       delivered = %(delivered)s
 WHERE id = %(record_id)s;

-- name: list
-- The newest first.
SELECT r.id, r.started_at, r.finished_at, r.is_repair, r.compared, r.found, r.waiting, r.delivered
  FROM ops_schema.reconciliations AS r
 ORDER BY r.started_at DESC
 LIMIT %(limit)s;
