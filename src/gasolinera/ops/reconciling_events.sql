-- The events of two services: what one told, and what came to the other; one text for all, in which a service's schema
-- takes the place of service_schema.

-- name: told
-- What was published between %(since)s and %(until)s for the listeners of another service; not what no transport could
-- carry: that stands with the dead letters.
SELECT (o.event_id::text || ' ' || l.consumer) COLLATE "C" AS key, o.published_at AS at, o.event_id, l.consumer,
       o.event_type, o.aggregate_type, o.aggregate_key
  FROM service_schema.outbox_events AS o
  JOIN unnest(%(types)s::text[], %(consumers)s::text[]) AS l (event_type, consumer) ON l.event_type = o.event_type
 WHERE o.published_at >= %(since)s AND o.published_at < %(until)s
   AND NOT EXISTS (SELECT FROM service_schema.dead_letters AS d
                    WHERE d.event_id = o.event_id AND d.consumer = 'relay' AND d.replayed_at IS NULL)
 ORDER BY 1;

-- name: heard
-- What came to these listeners from another service.
SELECT (i.event_id::text || ' ' || i.consumer) COLLATE "C" AS key, i.created_at AS at, i.event_id, i.consumer,
       i.event_type, i.aggregate_type, i.aggregate_key
  FROM service_schema.inbox_events AS i
 WHERE i.event ->> 'source' = %(source)s AND i.consumer = ANY (%(consumers)s)
   AND NOT i.event ? 'reconciled'
 ORDER BY 1;

-- name: newest_told
-- The newest event about each of these things, of those that name this raffle where one is given.
SELECT DISTINCT ON (w.subject, w.raffle_code) w.subject, w.raffle_code, o.event_id, o.occurred_at, o.published_at
  FROM unnest(%(subjects)s::text[], %(raffle_codes)s::text[]) AS w (subject, raffle_code)
  JOIN service_schema.outbox_events AS o
    ON o.event_type = %(type)s AND o.aggregate_key = w.subject
   AND (w.raffle_code IS NULL OR o.payload ->> 'raffle_code' = w.raffle_code)
 ORDER BY w.subject, w.raffle_code, o.id DESC;

-- name: told_by_id
-- Events by their ids.
SELECT o.event_id, o.event_type, o.aggregate_type, o.aggregate_key, o.payload, o.schema_version, o.correlation_id,
       o.causation_id, o.trace_parent, o.occurred_at
  FROM service_schema.outbox_events AS o
 WHERE o.event_id = ANY (%(event_ids)s::uuid[])
 ORDER BY o.id;

-- name: received
-- Where these events stand with a listener, and what it still has before it of this type about these things.
SELECT i.event_id, i.aggregate_key AS subject, i.event -> 'data' ->> 'raffle_code' AS raffle_code, i.created_at,
       i.settled_at, (SELECT d.id FROM service_schema.dead_letters AS d
                       WHERE d.event_id = i.event_id AND d.consumer = i.consumer AND d.replayed_at IS NULL) AS letter_id
  FROM service_schema.inbox_events AS i
 WHERE i.consumer = %(consumer)s
   AND (i.event_id = ANY (%(event_ids)s::uuid[])
        OR i.settled_at IS NULL AND i.event_type = %(type)s AND i.aggregate_key = ANY (%(subjects)s::text[]));

-- name: came_between
-- How many events came in between two moments.
SELECT count(*) AS events
  FROM service_schema.inbox_events AS i
 WHERE i.created_at > %(first)s AND i.created_at < %(last)s AND NOT i.event ? 'reconciled';

-- name: deliver
-- Puts an event into a listener's inbox, once.
INSERT INTO service_schema.inbox_events
       (event_id, consumer, event_type, aggregate_type, aggregate_key, event, correlation_id)
VALUES (%(event_id)s, %(consumer)s, %(type)s, %(aggregate)s, %(subject)s, %(event)s::jsonb, %(correlation_id)s)
    ON CONFLICT (event_id, consumer) DO NOTHING;
