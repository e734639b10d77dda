-- The statements of webhooks: endpoints of partners, deliveries made by events and claimed by senders, the log.

-- name: create_endpoint
-- No row when the partner has $9 already, or does not exist. Needs the partner's lock.
INSERT INTO auth_schema.webhook_endpoints
       (endpoint_id, partner_id, url, description, event_types, station_code, secret, secret_key_id)
SELECT $2, p.id, $3, $4, $5, $6, $7, $8
  FROM auth_schema.partners AS p
 WHERE p.partner_code = $1
   AND (SELECT count(*) FROM auth_schema.webhook_endpoints AS e WHERE e.partner_id = p.id) < $9::integer
RETURNING endpoint_id, url, description, event_types, station_code, is_active, disabled_reason, failing_since,
          last_success_at, created_at;

-- name: list_endpoints
-- A partner's, the oldest first; a partner may have ten.
SELECT e.endpoint_id, e.url, e.description, e.event_types, e.station_code, e.is_active, e.disabled_reason,
       e.failing_since, e.last_success_at, e.created_at
  FROM auth_schema.webhook_endpoints AS e
  JOIN auth_schema.partners AS p ON p.id = e.partner_id
 WHERE p.partner_code = $1 ORDER BY e.id;

-- name: change_endpoint
-- NULL leaves a value as it is. Whoever activates an endpoint begins its patience anew.
UPDATE auth_schema.webhook_endpoints AS e
   SET url = coalesce($3, e.url), description = coalesce($4, e.description), event_types = coalesce($5, e.event_types),
       is_active = coalesce($6, e.is_active),
       disabled_reason = CASE coalesce($6, e.is_active) WHEN true THEN NULL
                              ELSE coalesce(e.disabled_reason, 'ADMINISTRATOR') END,
       failing_since = CASE WHEN $6 AND NOT e.is_active THEN NULL ELSE e.failing_since END
  FROM auth_schema.partners AS p
 WHERE p.partner_code = $1 AND e.partner_id = p.id AND e.endpoint_id = $2
RETURNING e.endpoint_id, e.url, e.description, e.event_types, e.station_code, e.is_active, e.disabled_reason,
          e.failing_since, e.last_success_at, e.created_at;

-- name: rotate_secret
-- The secret before signs beside the new one for $5 seconds; the one before that is gone.
UPDATE auth_schema.webhook_endpoints AS e
   SET previous_secret = e.secret, previous_secret_key_id = e.secret_key_id,
       previous_expires_at = now() + make_interval(secs => $5), secret = $3, secret_key_id = $4
  FROM auth_schema.partners AS p
 WHERE p.partner_code = $1 AND e.partner_id = p.id AND e.endpoint_id = $2
RETURNING e.endpoint_id, e.url, e.description, e.event_types, e.station_code, e.is_active, e.disabled_reason,
          e.failing_since, e.last_success_at, e.created_at;

-- name: make_deliveries
-- One for each endpoint that wants events of this type and station; an event that comes again makes none.
INSERT INTO auth_schema.webhook_deliveries (endpoint_id, event_id, event_type, body)
SELECT e.id, $1, $2, $3
  FROM auth_schema.webhook_endpoints AS e
  JOIN auth_schema.partners AS p ON p.id = e.partner_id
 WHERE e.is_active AND p.is_active AND e.event_types @> ARRAY[$2::text]
   AND (e.station_code IS NULL OR e.station_code = $4::text)
 ORDER BY e.id
ON CONFLICT ON CONSTRAINT webhook_deliveries_endpoint_id_event_id_key DO NOTHING;

-- name: make_test_delivery
-- To one endpoint, whatever it wants otherwise.
INSERT INTO auth_schema.webhook_deliveries (endpoint_id, event_id, event_type, body)
SELECT e.id, $3, $4, $5
  FROM auth_schema.webhook_endpoints AS e
  JOIN auth_schema.partners AS p ON p.id = e.partner_id
 WHERE p.partner_code = $1 AND e.endpoint_id = $2 AND e.is_active AND p.is_active
RETURNING id, delivery_id, event_id, event_type, status, attempts, next_attempt_at, delivered_at, created_at, body;

-- name: claim_deliveries
-- What is due, each by one sender, for $2 seconds. An endpoint that fails gets one at a time, so that it delays nobody.
WITH due AS (
    SELECT d.id, e.endpoint_id, e.url, e.secret, e.secret_key_id,
           CASE WHEN e.previous_expires_at > now() THEN e.previous_secret END AS previous_secret,
           CASE WHEN e.previous_expires_at > now() THEN e.previous_secret_key_id END AS previous_secret_key_id
      FROM auth_schema.webhook_endpoints AS e
      JOIN auth_schema.partners AS p ON p.id = e.partner_id
     CROSS JOIN LATERAL (
        SELECT w.id FROM auth_schema.webhook_deliveries AS w
         WHERE w.endpoint_id = e.id AND w.status = 'PENDING' AND w.next_attempt_at <= now()
         ORDER BY w.next_attempt_at
         LIMIT CASE WHEN e.failing_since IS NULL THEN 10 ELSE 1 END
           FOR NO KEY UPDATE SKIP LOCKED
     ) AS d
     WHERE e.is_active AND p.is_active
     LIMIT $1
)
UPDATE auth_schema.webhook_deliveries AS w
   SET attempts = w.attempts + 1, tries_left = greatest(w.tries_left - 1, 0),
       next_attempt_at = now() + make_interval(secs => $2)
  FROM due
 WHERE w.id = due.id
RETURNING w.id, w.delivery_id, w.endpoint_id AS endpoint_key, due.endpoint_id, w.event_id, w.body, w.attempts,
          w.tries_left, due.url, due.secret, due.secret_key_id, due.previous_secret, due.previous_secret_key_id;

-- name: record_attempt
-- The log; and what becomes of the delivery ($7: DELIVERED, PENDING, DEAD) for whoever holds the claim: the next try is
-- after $8 seconds.
WITH logged AS (
    INSERT INTO auth_schema.webhook_attempts (delivery_id, attempt, status_code, duration_ms, response, error)
    SELECT w.delivery_id, $2, $3, $4, $5, $6 FROM auth_schema.webhook_deliveries AS w WHERE w.id = $1
)
UPDATE auth_schema.webhook_deliveries AS w
   SET status = $7::text, delivered_at = CASE WHEN $7::text = 'DELIVERED' THEN now() END,
       next_attempt_at = now() + make_interval(secs => $8)
 WHERE w.id = $1 AND w.attempts = $2 AND w.status = 'PENDING';

-- name: record_success
-- Written when it changes something, and else once a minute: a busy endpoint must not wait for its own row.
UPDATE auth_schema.webhook_endpoints
   SET failing_since = NULL, last_success_at = now()
 WHERE id = $1 AND (failing_since IS NOT NULL OR last_success_at IS NULL
                    OR last_success_at < now() - interval '1 minute');

-- name: record_failure
-- After five days without a success, or at once when it says that it is gone ($2), an endpoint is disabled, and what
-- waits for it is given up.
WITH failing AS (
    UPDATE auth_schema.webhook_endpoints AS e
       SET failing_since = coalesce(e.failing_since, now()),
           is_active = NOT ($2::boolean OR coalesce(e.failing_since < now() - interval '5 days', false)),
           disabled_reason = CASE WHEN $2::boolean THEN 'GONE'
                                  WHEN e.failing_since < now() - interval '5 days' THEN 'FAILING' END
     WHERE e.id = $1 AND e.is_active
       AND (e.failing_since IS NULL OR $2::boolean OR e.failing_since < now() - interval '5 days')
    RETURNING e.id, e.is_active
)
UPDATE auth_schema.webhook_deliveries AS w SET status = 'DEAD'
  FROM failing WHERE w.endpoint_id = failing.id AND NOT failing.is_active AND w.status = 'PENDING';

-- name: give_up_waiting
-- What waits for an endpoint that an administrator has disabled.
UPDATE auth_schema.webhook_deliveries AS w SET status = 'DEAD'
  FROM auth_schema.webhook_endpoints AS e
 WHERE e.endpoint_id = $1 AND w.endpoint_id = e.id AND w.status = 'PENDING';

-- name: redeliver
-- Once more, at once, with the same id; tried for a day again. Not what is under way: no row then.
UPDATE auth_schema.webhook_deliveries AS w
   SET status = 'PENDING', tries_left = 12, next_attempt_at = now(), delivered_at = NULL
  FROM auth_schema.webhook_endpoints AS e
  JOIN auth_schema.partners AS p ON p.id = e.partner_id
 WHERE p.partner_code = $1 AND e.endpoint_id = $2 AND w.endpoint_id = e.id AND w.delivery_id = $3
   AND e.is_active AND p.is_active AND w.status <> 'PENDING'
RETURNING w.id, w.delivery_id, w.event_id, w.event_type, w.status, w.attempts, w.next_attempt_at, w.delivered_at,
          w.created_at, w.body;

-- name: list_deliveries
-- The newest at an endpoint that are older than the last of the page before.
SELECT w.id, w.delivery_id, w.event_id, w.event_type, w.status, w.attempts,
       CASE WHEN w.status = 'PENDING' THEN w.next_attempt_at END AS next_attempt_at, w.delivered_at, w.created_at, w.body
  FROM auth_schema.webhook_deliveries AS w
  JOIN auth_schema.webhook_endpoints AS e ON e.id = w.endpoint_id
  JOIN auth_schema.partners AS p ON p.id = e.partner_id
 WHERE p.partner_code = $1 AND e.endpoint_id = $2 AND ($3::bigint IS NULL OR w.id < $3)
   AND ($5::text IS NULL OR w.status = $5)
 ORDER BY w.id DESC LIMIT $4;

-- name: get_delivery
-- One delivery of a partner.
SELECT w.id, w.delivery_id, w.event_id, w.event_type, w.status, w.attempts,
       CASE WHEN w.status = 'PENDING' THEN w.next_attempt_at END AS next_attempt_at, w.delivered_at, w.created_at, w.body
  FROM auth_schema.webhook_deliveries AS w
  JOIN auth_schema.webhook_endpoints AS e ON e.id = w.endpoint_id
  JOIN auth_schema.partners AS p ON p.id = e.partner_id
 WHERE p.partner_code = $1 AND e.endpoint_id = $2 AND w.delivery_id = $3;

-- name: list_attempts
-- The last hundred tries of a delivery.
SELECT attempt, status_code, duration_ms, response, error, created_at
  FROM auth_schema.webhook_attempts WHERE delivery_id = $1 ORDER BY created_at DESC, id DESC LIMIT 100;

-- name: forget_deliveries
-- What is over for so many days.
DELETE FROM auth_schema.webhook_deliveries
 WHERE created_at < now() - make_interval(days => $1) AND status <> 'PENDING';
