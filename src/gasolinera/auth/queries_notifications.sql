-- The statements of notifications: made by events, claimed by senders, read by people.

-- name: create_notifications
-- What the person of an event wants to know of it, one row a channel; an event that comes again makes none. $7: the
-- application shows it whatever was turned off.
INSERT INTO auth_schema.notifications
       (event_id, user_id, channel, category, template, arguments, status, send_after, sent_at)
SELECT $1, u.public_id, c.channel, $3, $4, $5, CASE WHEN c.channel = 'IN_APP' THEN 'SENT' ELSE 'PENDING' END, now(),
       CASE WHEN c.channel = 'IN_APP' THEN now() END
  FROM auth_schema.users AS u
 CROSS JOIN unnest($6::text[]) AS c (channel)
  LEFT JOIN auth_schema.notification_preferences AS p
    ON p.user_id = u.public_id AND p.category = $3 AND p.channel = c.channel
 WHERE u.public_id = $2 AND u.is_active
   AND (p.is_wanted IS NOT FALSE OR $7::boolean AND c.channel = 'IN_APP')
   AND (c.channel <> 'EMAIL' OR u.email IS NOT NULL)
ON CONFLICT ON CONSTRAINT notifications_event_id_user_id_channel_key DO NOTHING;

-- name: claim_notifications
-- What is due, each by one sender: a claim ends after $2 seconds, so that what a sender that died had is sent by another.
-- Decides what to do with each: SEND; HOLD until quiet hours end; SKIP what the person does not want any more or cannot
-- get; GIVE_UP on what took its senders with it $3 times.
WITH due AS (
    SELECT n.id, u.phone_number, u.email, u.first_name, u.preferred_language, q.quiet_until,
           CASE
               WHEN NOT u.is_active OR p.is_wanted IS FALSE
                    OR (n.channel = 'SMS' AND u.phone_number IS NULL) OR (n.channel = 'EMAIL' AND u.email IS NULL)
                   THEN 'SKIP'
               WHEN n.attempts >= $3::integer THEN 'GIVE_UP'
               WHEN q.quiet_until IS NOT NULL AND n.category <> 'SECURITY' THEN 'HOLD'
               ELSE 'SEND'
           END AS action
      FROM auth_schema.notifications AS n
      JOIN auth_schema.users AS u ON u.public_id = n.user_id
      LEFT JOIN auth_schema.notification_preferences AS p
        ON p.user_id = n.user_id AND p.category = n.category AND p.channel = n.channel
      LEFT JOIN auth_schema.notification_settings AS s ON s.user_id = n.user_id
     CROSS JOIN LATERAL (
        SELECT auth_schema.quiet_until(now(), s.time_zone, s.quiet_from, s.quiet_until)) AS q (quiet_until)
     WHERE n.status = 'PENDING' AND n.send_after <= now()
     ORDER BY n.send_after
     LIMIT $1
       FOR NO KEY UPDATE OF n SKIP LOCKED
)
UPDATE auth_schema.notifications AS n
   SET status = CASE due.action WHEN 'SKIP' THEN 'SKIPPED' WHEN 'GIVE_UP' THEN 'DEAD' ELSE n.status END,
       attempts = n.attempts + CASE WHEN due.action = 'SEND' THEN 1 ELSE 0 END,
       send_after = CASE due.action
           WHEN 'HOLD' THEN due.quiet_until
           WHEN 'SEND' THEN now() + make_interval(secs => $2)
           ELSE n.send_after END
  FROM due
 WHERE n.id = due.id
RETURNING n.id, n.notification_id, n.channel, n.template, n.arguments, n.attempts, due.action, due.phone_number,
          due.email, due.first_name, due.preferred_language AS language;

-- name: record_sent
-- Only whoever holds the claim may say so.
UPDATE auth_schema.notifications SET status = 'SENT', sent_at = now(), last_error = NULL
 WHERE id = $1 AND attempts = $2 AND status = 'PENDING';

-- name: record_failure
-- Tried again after $4 seconds; NULL: given up.
UPDATE auth_schema.notifications
   SET last_error = $3, status = CASE WHEN $4::float8 IS NULL THEN 'DEAD' ELSE 'PENDING' END,
       send_after = now() + make_interval(secs => coalesce($4::float8, 0))
 WHERE id = $1 AND attempts = $2 AND status = 'PENDING';

-- name: list_notifications
-- The newest of a person's that are older than the last of the page before.
SELECT n.id, n.notification_id, n.category, n.template, n.arguments, n.created_at, n.read_at,
       u.preferred_language AS language
  FROM auth_schema.notifications AS n
  JOIN auth_schema.users AS u ON u.public_id = n.user_id
 WHERE n.user_id = $1 AND n.channel = 'IN_APP' AND ($2::bigint IS NULL OR n.id < $2)
   AND (NOT $4::boolean OR n.read_at IS NULL)
 ORDER BY n.id DESC LIMIT $3;

-- name: mark_read
-- One of the person's own; the first time stays.
UPDATE auth_schema.notifications SET read_at = coalesce(read_at, now())
 WHERE user_id = $1 AND notification_id = $2 AND channel = 'IN_APP';

-- name: mark_all_read
-- Everything that a person has not read.
UPDATE auth_schema.notifications SET read_at = now()
 WHERE user_id = $1 AND channel = 'IN_APP' AND read_at IS NULL;

-- name: get_preferences
-- What a person does not want, and when there is quiet: one row, of which all may be empty.
SELECT coalesce((
           SELECT array_agg(p.category || ' ' || p.channel) FROM auth_schema.notification_preferences AS p
            WHERE p.user_id = $1 AND NOT p.is_wanted), '{}') AS unwanted,
       s.time_zone, to_char(s.quiet_from, 'HH24:MI') AS begins, to_char(s.quiet_until, 'HH24:MI') AS ends
  FROM (VALUES (1)) AS one
  LEFT JOIN auth_schema.notification_settings AS s ON s.user_id = $1;

-- name: put_preferences
-- Ordered by the key, so that two requests of one person cannot deadlock.
INSERT INTO auth_schema.notification_preferences (user_id, category, channel, is_wanted)
SELECT $1, w.category, w.channel, w.is_wanted
  FROM unnest($2::text[], $3::text[], $4::boolean[]) AS w (category, channel, is_wanted)
 ORDER BY w.category, w.channel
ON CONFLICT ON CONSTRAINT notification_preferences_pk DO UPDATE SET is_wanted = EXCLUDED.is_wanted;

-- name: put_quiet_hours
-- A person's own.
INSERT INTO auth_schema.notification_settings (user_id, time_zone, quiet_from, quiet_until)
VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT notification_settings_pk DO UPDATE
   SET time_zone = EXCLUDED.time_zone, quiet_from = EXCLUDED.quiet_from, quiet_until = EXCLUDED.quiet_until;

-- name: delete_quiet_hours
-- No quiet any more.
DELETE FROM auth_schema.notification_settings WHERE user_id = $1;

-- name: forget_person
-- Everything about notifications of an erased person.
WITH settings AS (
    DELETE FROM auth_schema.notification_settings WHERE user_id = $1
), preferences AS (
    DELETE FROM auth_schema.notification_preferences WHERE user_id = $1
)
DELETE FROM auth_schema.notifications WHERE user_id = $1;

-- name: forget_notifications
-- Those of long ago, read or not.
DELETE FROM auth_schema.notifications WHERE created_at < now() - make_interval(days => $1);

-- name: put_email_into_inbox
-- An email of development and test, once.
INSERT INTO auth_schema.development_emails (message_id, email, subject, message_text)
VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT development_emails_message_id_key DO NOTHING;

-- name: list_development_messages
-- What development would have sent, the newest first.
SELECT m.kind, m.recipient, m.subject, m.message_text, m.created_at
  FROM (
    SELECT 'SMS' AS kind, i.phone_number AS recipient, NULL AS subject, i.message_text, i.created_at
      FROM (SELECT * FROM auth_schema.development_inbox ORDER BY id DESC LIMIT $1) AS i
    UNION ALL
    SELECT 'EMAIL', e.email, e.subject, e.message_text, e.created_at
      FROM (SELECT * FROM auth_schema.development_emails ORDER BY id DESC LIMIT $1) AS e
  ) AS m
 ORDER BY m.created_at DESC LIMIT $1;
