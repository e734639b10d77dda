-- The statements of the outbox, the inbox and the dead letters: one text for all services, read by `event_tables.py`,
-- which puts a service's schema in the place of service_schema.

-- name: read_in_order
-- Off before a claim: a queue's statistics are those of an empty table, for which the planner would sort all of it.
SELECT set_config('enable_sort', $1, true), set_config('enable_bitmapscan', $1, true);

-- name: claim_unpublished
-- The oldest unpublished events and those that follow them. The oldest of each aggregate is locked, and so keeps other
-- relays from the whole aggregate. The inner query is one look into the index however long the queue is.
WITH heads AS (
    SELECT o.id, o.aggregate_type, o.aggregate_key
      FROM service_schema.outbox_events AS o
     WHERE o.published_at IS NULL AND o.next_attempt_at <= now()
       AND o.id = (SELECT older.id FROM service_schema.outbox_events AS older
                    WHERE older.published_at IS NULL
                      AND older.aggregate_type = o.aggregate_type AND older.aggregate_key = o.aggregate_key
                    ORDER BY older.id LIMIT 1)
     ORDER BY o.id LIMIT $1
       FOR UPDATE OF o SKIP LOCKED)
SELECT f.*
  FROM heads
 CROSS JOIN LATERAL (
    SELECT e.id, e.event_id, e.event_type, e.aggregate_type, e.aggregate_key, e.payload, e.schema_version,
           e.correlation_id, e.causation_id, e.trace_parent, e.occurred_at, e.attempts,
           e.next_attempt_at <= now() AS is_due
      FROM service_schema.outbox_events AS e
     WHERE e.published_at IS NULL AND e.aggregate_type = heads.aggregate_type
       AND e.aggregate_key = heads.aggregate_key AND e.id >= heads.id
     ORDER BY e.id LIMIT $1) AS f
 ORDER BY f.id LIMIT $1;

-- name: mark_published
-- What a transport has taken over.
UPDATE service_schema.outbox_events SET published_at = now() WHERE id = ANY ($1) AND published_at IS NULL;

-- name: delay_publishing
-- What a transport did not take: when each is tried again, and why it was not taken.
UPDATE service_schema.outbox_events AS o
   SET attempts = o.attempts + 1, last_error = late.reason,
       next_attempt_at = now() + make_interval(secs => late.delay_s)
  FROM unnest($1::bigint[], $2::text[], $3::double precision[]) AS late (id, reason, delay_s)
 WHERE o.id = late.id AND o.published_at IS NULL;

-- name: bury_unpublished
-- An event that no transport can carry leaves the queue; a replay puts it back.
WITH given_up AS (
    UPDATE service_schema.outbox_events
       SET attempts = attempts + 1, last_error = $2, published_at = now()
     WHERE id = $1 AND published_at IS NULL
    RETURNING *)
INSERT INTO service_schema.dead_letters
       (event_id, consumer, event_type, aggregate_type, aggregate_key, event, correlation_id, attempts, last_error,
        first_failed_at, last_failed_at)
SELECT event_id, 'relay', event_type, aggregate_type, aggregate_key, $3::jsonb, correlation_id, attempts, last_error,
       created_at, published_at
  FROM given_up
    ON CONFLICT (event_id, consumer)
    DO UPDATE SET attempts = excluded.attempts, last_error = excluded.last_error,
                  last_failed_at = excluded.last_failed_at, replayed_at = NULL;

-- name: requeue_unpublished
-- A buried event goes to the transport again, as if it were new.
UPDATE service_schema.outbox_events
   SET published_at = NULL, attempts = 0, next_attempt_at = now()
 WHERE event_id = $1 AND published_at IS NOT NULL;

-- name: receive
-- Keep events in the order given; one that came before is kept once.
INSERT INTO service_schema.inbox_events
       (event_id, consumer, event_type, aggregate_type, aggregate_key, event, correlation_id)
SELECT e.event_id, e.consumer, e.event_type, e.aggregate_type, e.aggregate_key, e.event::jsonb, e.correlation_id
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY
       AS e (event_id, consumer, event_type, aggregate_type, aggregate_key, event, correlation_id, place)
 ORDER BY e.place
    ON CONFLICT (event_id, consumer) DO NOTHING;

-- name: claim_unsettled
-- The oldest unsettled events and those that follow them, with the locks of claim_unpublished.
WITH heads AS (
    SELECT i.id, i.consumer, i.aggregate_type, i.aggregate_key
      FROM service_schema.inbox_events AS i
     WHERE i.settled_at IS NULL AND i.next_attempt_at <= now() AND i.consumer = ANY ($2)
       AND i.id = (SELECT older.id FROM service_schema.inbox_events AS older
                    WHERE older.settled_at IS NULL AND older.consumer = i.consumer
                      AND older.aggregate_type = i.aggregate_type AND older.aggregate_key = i.aggregate_key
                    ORDER BY older.id LIMIT 1)
     ORDER BY i.id LIMIT $1
       FOR UPDATE OF i SKIP LOCKED)
SELECT f.*
  FROM heads
 CROSS JOIN LATERAL (
    SELECT e.id, e.consumer, e.event, e.attempts, e.next_attempt_at <= now() AS is_due
      FROM service_schema.inbox_events AS e
     WHERE e.settled_at IS NULL AND e.consumer = heads.consumer
       AND e.aggregate_type = heads.aggregate_type AND e.aggregate_key = heads.aggregate_key AND e.id >= heads.id
     ORDER BY e.id LIMIT $1) AS f
 ORDER BY f.id LIMIT $1;

-- name: set_context
-- Whose event it is, for the triggers of the effect and for the events that follow from it.
SELECT set_config('gasolinera.actor', $1, true), set_config('gasolinera.correlation_id', $2, true),
       set_config('gasolinera.trace_parent', $3, true);

-- name: settle
-- In the transaction of the effects.
UPDATE service_schema.inbox_events SET settled_at = now() WHERE id = ANY ($1) AND settled_at IS NULL;

-- name: delay_effect
-- A consumer failed; the attempts that it knew of tell whether another process was faster.
UPDATE service_schema.inbox_events
   SET attempts = attempts + 1, last_error = $3, first_failed_at = coalesce(first_failed_at, now()),
       next_attempt_at = now() + make_interval(secs => $4)
 WHERE id = $1 AND attempts = $2 AND settled_at IS NULL;

-- name: bury_effect
-- A consumer failed too often: its aggregate goes on without the event.
WITH given_up AS (
    UPDATE service_schema.inbox_events
       SET attempts = attempts + 1, last_error = $3, first_failed_at = coalesce(first_failed_at, now()),
           settled_at = now()
     WHERE id = $1 AND attempts = $2 AND settled_at IS NULL
    RETURNING *)
INSERT INTO service_schema.dead_letters
       (event_id, consumer, event_type, aggregate_type, aggregate_key, event, correlation_id, attempts, last_error,
        first_failed_at, last_failed_at)
SELECT event_id, consumer, event_type, aggregate_type, aggregate_key, event, correlation_id, attempts, last_error,
       first_failed_at, settled_at
  FROM given_up
    ON CONFLICT (event_id, consumer) DO NOTHING;

-- name: list_dead_letters
-- Oldest first, those that were replayed only when asked for.
SELECT id, event_id, consumer, event_type, aggregate_type, aggregate_key, correlation_id, attempts, last_error,
       first_failed_at, last_failed_at, replayed_at
  FROM service_schema.dead_letters
 WHERE id > $1 AND (replayed_at IS NULL OR $2)
 ORDER BY id LIMIT $3;

-- name: find_dead_letters
-- As $5 says newest or oldest first, after the letter $1 (NULL: from the beginning); $2 with those that were replayed;
-- $3 at most; $4 in the type, the consumer or the key (NULL: any).
SELECT id, event_id, consumer, event_type, aggregate_type, aggregate_key, correlation_id, attempts, last_error,
       first_failed_at, last_failed_at, replayed_at
  FROM service_schema.dead_letters
 WHERE ($1::bigint IS NULL OR CASE WHEN $5::boolean THEN id < $1 ELSE id > $1 END) AND (replayed_at IS NULL OR $2)
   AND ($4::text IS NULL
        OR strpos(lower(concat_ws(' ', event_type, consumer, aggregate_type, aggregate_key)), lower($4)) > 0)
 ORDER BY CASE WHEN $5 THEN -id ELSE id END LIMIT $3;

-- name: get_dead_letter
-- One, with its event.
SELECT id, event_id, consumer, event_type, aggregate_type, aggregate_key, correlation_id, attempts, last_error,
       first_failed_at, last_failed_at, replayed_at, event
  FROM service_schema.dead_letters
 WHERE id = $1;

-- name: begin_replay
-- Locks the dead letter; the mark is gone again when the effect fails. No row: replayed before, or not there.
UPDATE service_schema.dead_letters SET replayed_at = now()
 WHERE id = $1 AND replayed_at IS NULL
RETURNING consumer, event;

-- name: record_failed_replay
-- A replay failed as the attempts before it did.
UPDATE service_schema.dead_letters SET attempts = attempts + 1, last_error = $2, last_failed_at = now()
 WHERE id = $1 AND replayed_at IS NULL;

-- name: lag
-- How far the events of a schema are behind.
SELECT coalesce(o.waiting, 0) AS unpublished, coalesce(o.oldest_s, 0) AS oldest_unpublished_s,
       coalesce(i.waiting, 0) AS unsettled, coalesce(i.oldest_s, 0) AS oldest_unsettled_s, d.waiting AS dead_letters
  FROM (SELECT count(*) AS waiting,
               extract(epoch FROM clock_timestamp() - min(created_at))::double precision AS oldest_s
          FROM service_schema.outbox_events WHERE published_at IS NULL) AS o
 CROSS JOIN (SELECT count(*) AS waiting,
                    extract(epoch FROM clock_timestamp() - min(created_at))::double precision AS oldest_s
               FROM service_schema.inbox_events WHERE settled_at IS NULL) AS i
 CROSS JOIN (SELECT count(*) AS waiting FROM service_schema.dead_letters WHERE replayed_at IS NULL) AS d;

-- name: purge_published
-- Published long ago, a bounded number a call. Not what was buried and is not replayed yet: its replay needs the row.
DELETE FROM service_schema.outbox_events
 WHERE id IN (SELECT o.id FROM service_schema.outbox_events AS o
               WHERE o.published_at < now() - make_interval(days => $1)
                 AND NOT EXISTS (SELECT FROM service_schema.dead_letters AS d
                                  WHERE d.event_id = o.event_id AND d.consumer = 'relay' AND d.replayed_at IS NULL)
               ORDER BY o.published_at LIMIT $2);

-- name: purge_settled
-- Settled long ago, a bounded number a call.
DELETE FROM service_schema.inbox_events
 WHERE (event_id, consumer) IN (
        SELECT event_id, consumer FROM service_schema.inbox_events
         WHERE settled_at < now() - make_interval(days => $1) ORDER BY settled_at LIMIT $2);

-- name: purge_replayed
-- Dead letters that were replayed long ago, a bounded number a call.
DELETE FROM service_schema.dead_letters
 WHERE id IN (SELECT id FROM service_schema.dead_letters
               WHERE replayed_at < now() - make_interval(days => $1) ORDER BY replayed_at LIMIT $2);
