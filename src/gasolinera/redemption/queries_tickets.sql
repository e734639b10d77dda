-- Tickets of a holder, the raffles they go to, and free entries.

-- name: list_tickets
-- A holder's tickets, the newest first, from a position on. One whose time is over is EXPIRED before the job says so.
SELECT t.id, t.ticket_number, s.status, t.raffle_code, t.source, r.transaction_reference, t.issuance_id, t.expires_at,
       t.created_at AS issued_at
  FROM redemption_schema.raffle_tickets AS t
  LEFT JOIN redemption_schema.redemptions AS r ON r.id = t.redemption_id
 CROSS JOIN LATERAL (
           SELECT CASE WHEN t.status = 'ACTIVE' AND t.expires_at <= now() THEN 'EXPIRED' ELSE t.status END
       ) AS s (status)
 WHERE t.user_id = $1
   AND ($2::text IS NULL OR s.status = $2)
   AND ($3::text IS NULL OR t.raffle_code = $3)
   AND t.created_at <= coalesce($4::timestamptz, 'infinity')
   AND ($4::timestamptz IS NULL OR (t.created_at, t.id) < ($4, $5::bigint))
 ORDER BY t.created_at DESC, t.id DESC
 LIMIT $6;

-- name: get_ticket
-- One ticket by its number; of user $2 alone where one is named.
SELECT t.ticket_number, CASE WHEN t.status = 'ACTIVE' AND t.expires_at <= now() THEN 'EXPIRED' ELSE t.status END AS status,
       t.raffle_code, t.source, r.transaction_reference, t.issuance_id, t.expires_at, t.created_at AS issued_at
  FROM redemption_schema.raffle_tickets AS t
  LEFT JOIN redemption_schema.redemptions AS r ON r.id = t.redemption_id
 WHERE t.ticket_number = $1 AND ($2::uuid IS NULL OR t.user_id = $2);

-- name: ticket_balance
-- How many tickets a holder has, by raffle and status.
SELECT t.raffle_code, s.status, count(*) AS count
  FROM redemption_schema.raffle_tickets AS t
 CROSS JOIN LATERAL (
           SELECT CASE WHEN t.status = 'ACTIVE' AND t.expires_at <= now() THEN 'EXPIRED' ELSE t.status END
       ) AS s (status)
 WHERE t.user_id = $1
 GROUP BY t.raffle_code, s.status
 ORDER BY t.raffle_code NULLS FIRST, s.status;

-- name: expiring_tickets
-- A holder's tickets that wait for a choice and are lost within $2 days, the soonest first.
SELECT t.expires_at, count(*) AS count
  FROM redemption_schema.raffle_tickets AS t
 WHERE t.user_id = $1 AND t.status = 'ACTIVE' AND t.expires_at > now()
   AND t.expires_at <= now() + make_interval(days => $2::integer)
 GROUP BY t.expires_at
 ORDER BY t.expires_at
 LIMIT 1000;

-- name: choose_raffle
-- Sends tickets of holder $1 that wait to raffle $2: those of the numbers $3, or the $4 that expire soonest. Decides and
-- marks in one statement; the rows are locked in one order, so that two choices do not wait for each other in a circle.
-- A free entry that waits again goes to no raffle but its own.
WITH raffle AS MATERIALIZED (
    SELECT r.raffle_code
      FROM redemption_schema.ticket_raffles AS r
     WHERE r.raffle_code = $2 AND r.takes_choices AND r.opens_at <= now() AND now() < r.closes_at
), free AS MATERIALIZED (
    SELECT t.id
      FROM redemption_schema.raffle_tickets AS t
     CROSS JOIN raffle
     WHERE t.user_id = $1 AND t.status = 'ACTIVE' AND t.expires_at > now()
       AND ($3::text[] IS NULL OR t.ticket_number = ANY ($3::text[]))
       AND (t.source <> 'FREE_ENTRY'
            OR EXISTS (SELECT FROM redemption_schema.ticket_issuances AS i
                        WHERE i.issuance_id = t.issuance_id AND i.raffle_code = $2))
     ORDER BY t.expires_at, t.id
     LIMIT $4
       FOR UPDATE OF t
), entered AS (
    UPDATE redemption_schema.raffle_tickets AS t
       SET status = 'ENTERED', raffle_code = $2
      FROM free
     WHERE t.id = free.id
    RETURNING t.ticket_number
)
SELECT EXISTS (SELECT FROM raffle) AS is_open,
       ARRAY(SELECT e.ticket_number FROM entered AS e ORDER BY e.ticket_number) AS entered,
       ARRAY(SELECT t.ticket_number FROM redemption_schema.raffle_tickets AS t
              WHERE t.user_id = $1 AND t.ticket_number = ANY ($3::text[]) AND t.raffle_code = $2
                AND t.status IN ('ENTERED', 'USED') ORDER BY t.ticket_number) AS already,
       (SELECT count(*) FROM redemption_schema.raffle_tickets AS t
         WHERE t.user_id = $1 AND t.ticket_number = ANY ($3::text[])) AS known;

-- name: expire_tickets
-- Ends at most $1 tickets whose time to choose is over, the oldest first; passes over those that somebody holds.
WITH due AS MATERIALIZED (
    SELECT t.id
      FROM redemption_schema.raffle_tickets AS t
     WHERE t.status = 'ACTIVE' AND t.expires_at <= now()
     ORDER BY t.expires_at
     LIMIT $1
       FOR UPDATE SKIP LOCKED
), expired AS (
    UPDATE redemption_schema.raffle_tickets AS t
       SET status = 'EXPIRED'
      FROM due
     WHERE t.id = due.id
    RETURNING t.id
)
SELECT count(*) AS count FROM expired;

-- name: get_issuance
-- What a receipt says of an issuance; of user $2 alone where one is named.
SELECT i.issuance_id, i.user_id, i.source, i.source_reference AS reference, i.raffle_code, i.created_at AS issued_at,
       i.expires_at,
       ARRAY(SELECT t.ticket_number FROM redemption_schema.raffle_tickets AS t
              WHERE t.issuance_id = i.issuance_id ORDER BY t.ordinal) AS numbers
  FROM redemption_schema.ticket_issuances AS i
 WHERE i.issuance_id = $1 AND ($2::uuid IS NULL OR i.user_id = $2);

-- name: issuances_of_redemption
-- The issuances that a redemption earned, its bonuses included, in the order they came.
SELECT i.issuance_id, i.user_id, i.source, i.source_reference AS reference, i.raffle_code, i.created_at AS issued_at,
       i.expires_at,
       ARRAY(SELECT t.ticket_number FROM redemption_schema.raffle_tickets AS t
              WHERE t.issuance_id = i.issuance_id ORDER BY t.ordinal) AS numbers
  FROM redemption_schema.redemptions AS r
  JOIN redemption_schema.ticket_issuances AS i ON i.redemption_id = r.id
 WHERE r.transaction_reference = $1
 ORDER BY i.id;

-- name: enter_free
-- A ticket for raffle $2 without purchase, or why not.
SELECT f.outcome, f.issuance_id,
       greatest(1, ceil(extract(epoch FROM f.again_at - now())))::integer AS retry_after_s
  FROM redemption_schema.enter_free($1, $2) AS f;

-- name: list_raffles
-- The raffles that take tickets now.
SELECT r.raffle_code, r.opens_at, r.closes_at, r.takes_choices, r.free_entries_per_day, r.time_zone
  FROM redemption_schema.ticket_raffles AS r
 WHERE r.opens_at <= now() AND now() < r.closes_at AND (r.takes_choices OR r.free_entries_per_day > 0)
 ORDER BY r.closes_at, r.raffle_code
 LIMIT 1000;

-- name: put_raffle
-- Says what a raffle takes, whether or not it was said before; not where the raffle service itself has told it.
INSERT INTO redemption_schema.ticket_raffles AS r
       (raffle_code, opens_at, closes_at, takes_choices, free_entries_per_day, time_zone)
VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (raffle_code) DO UPDATE
   SET opens_at = excluded.opens_at, closes_at = excluded.closes_at, takes_choices = excluded.takes_choices,
       free_entries_per_day = excluded.free_entries_per_day, time_zone = excluded.time_zone,
       changed_by = redemption_schema.request_context('actor')
 WHERE NOT r.is_told
RETURNING r.raffle_code, r.opens_at, r.closes_at, r.takes_choices, r.free_entries_per_day, r.time_zone;
