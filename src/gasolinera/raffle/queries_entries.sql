-- Tickets that enter raffles by event, who may take part, and what a person has in raffles.

-- name: enter_tickets
-- The tickets of many messages at once; how many came in, and how many were refused and so told.
SELECT e.entered, e.refused FROM raffle_schema.enter_tickets($1, $2, $3, $4, $5, $6) AS e;

-- name: withdraw_tickets
-- The tickets of many messages that took some back; how many left a raffle.
SELECT raffle_schema.withdraw_tickets($1, $2, $3) AS count;

-- name: lock_participants
-- All whom messages of both kinds concern, in one order.
SELECT raffle_schema.lock_participants($1, $2, $3);

-- name: put_account_state
-- The newest word about an account; one that was never anything but an active customer's has no row, and an erased one
-- stays erased.
INSERT INTO raffle_schema.account_states AS a (user_id, is_active, is_erased, as_of, role)
SELECT $1, $2, $3, $4, $5
 WHERE NOT $2 OR $5 <> 'CUSTOMER' OR EXISTS (SELECT FROM raffle_schema.account_states AS x WHERE x.user_id = $1)
    ON CONFLICT ON CONSTRAINT account_states_pk DO UPDATE
   SET is_active = excluded.is_active, is_erased = excluded.is_erased, as_of = excluded.as_of, role = excluded.role
 WHERE a.as_of <= excluded.as_of AND NOT a.is_erased OR excluded.is_erased AND NOT a.is_erased;

-- name: put_employment
-- The newest word about an employment; an older one that comes late changes nothing.
INSERT INTO raffle_schema.employments AS e (employee_number, user_id, is_active, version, as_of)
VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT ON CONSTRAINT employments_pk DO UPDATE
   SET user_id = excluded.user_id, is_active = excluded.is_active, version = coalesce(excluded.version, e.version),
       as_of = excluded.as_of
 WHERE coalesce(e.version <= excluded.version, e.as_of <= excluded.as_of);

-- name: exclude_person
-- Keeps a person out of raffle $1, of all where it is NULL. About an erased person nothing more is written down.
INSERT INTO raffle_schema.excluded_persons AS x (raffle_id, user_id, kind, note)
SELECT r.id, $2, $3,
       CASE WHEN EXISTS (SELECT FROM raffle_schema.account_states AS a WHERE a.user_id = $2 AND a.is_erased)
            THEN NULL ELSE $4 END
  FROM (SELECT 1) AS one
  LEFT JOIN raffle_schema.raffles AS r ON r.raffle_code = $1
 WHERE $1::text IS NULL OR r.id IS NOT NULL
RETURNING x.public_id, $1::text AS raffle_code, x.user_id, x.kind, x.note, x.created_by, x.created_at;

-- name: readmit_person
-- Takes an exclusion back.
DELETE FROM raffle_schema.excluded_persons AS x WHERE x.public_id = $1 RETURNING true;

-- name: list_exclusions
-- Who is kept out by hand, of raffle $1 and of all, the newest first, before $2; with $4 in the note or the person's id.
SELECT x.id, x.public_id, r.raffle_code, x.user_id, x.kind, x.note, x.created_by, x.created_at
  FROM raffle_schema.excluded_persons AS x
  LEFT JOIN raffle_schema.raffles AS r ON r.id = x.raffle_id
 WHERE ($1::text IS NULL OR x.raffle_id IS NULL OR r.raffle_code = $1)
   AND ($2::bigint IS NULL OR x.id < $2)
   AND ($4::text IS NULL OR strpos(lower(x.note), lower($4)) > 0 OR strpos(x.user_id::text, lower($4)) > 0)
 ORDER BY x.id DESC
 LIMIT $3;

-- name: list_exclusions_forwards
-- The same, the oldest first, after $2.
SELECT x.id, x.public_id, r.raffle_code, x.user_id, x.kind, x.note, x.created_by, x.created_at
  FROM raffle_schema.excluded_persons AS x
  LEFT JOIN raffle_schema.raffles AS r ON r.id = x.raffle_id
 WHERE ($1::text IS NULL OR x.raffle_id IS NULL OR r.raffle_code = $1)
   AND ($2::bigint IS NULL OR x.id > $2)
   AND ($4::text IS NULL OR strpos(lower(x.note), lower($4)) > 0 OR strpos(x.user_id::text, lower($4)) > 0)
 ORDER BY x.id
 LIMIT $3;

-- name: confirm_age
-- While the raffle takes entries, and for the age that it asks; again it is as before.
WITH raffle AS MATERIALIZED (
    SELECT r.id, r.min_age, r.status = 'OPEN' AND now() < r.closes_at AS is_open
      FROM raffle_schema.raffles AS r
     WHERE r.raffle_code = $1 AND r.opened_at IS NOT NULL
       FOR SHARE
), confirmed AS (
    INSERT INTO raffle_schema.age_confirmations (raffle_id, user_id, min_age)
    SELECT r.id, $2, r.min_age FROM raffle AS r
     WHERE r.is_open AND r.min_age <= $3
       AND NOT EXISTS (SELECT FROM raffle_schema.account_states AS a WHERE a.user_id = $2 AND a.is_erased)
        ON CONFLICT DO NOTHING
)
SELECT r.is_open, r.min_age IS NOT NULL AS asks_age, coalesce(r.min_age <= $3, false) AS is_old_enough
  FROM raffle AS r;

-- name: standing
-- What a person has in a raffle, and what would leave it out at the freeze.
SELECT r.raffle_code, r.selection_algorithm, r.max_tickets_per_user, coalesce(p.ticket_count, 0) AS tickets,
       (SELECT count(*) FROM raffle_schema.raffle_entries AS e
         WHERE e.user_id = $2 AND e.raffle_id = r.id AND e.ticket_count > 0) AS entries,
       t.ticket_count AS all_tickets, t.participant_count AS all_participants,
       raffle_schema.is_kept_out(r.id, $2) AS is_kept_out,
       r.min_age IS NOT NULL AND NOT EXISTS (
           SELECT FROM raffle_schema.age_confirmations AS c
            WHERE c.raffle_id = r.id AND c.user_id = $2 AND c.min_age >= r.min_age) AS lacks_age,
       coalesce(coalesce(p.ticket_count, 0) < r.min_tickets_per_user, false) AS lacks_tickets
  FROM raffle_schema.raffles AS r
  JOIN raffle_schema.raffle_totals AS t ON t.raffle_id = r.id
  LEFT JOIN raffle_schema.raffle_participants AS p ON p.raffle_id = r.id AND p.user_id = $2
 WHERE r.raffle_code = $1 AND r.opened_at IS NOT NULL;

-- name: list_entries
-- A person's entries with tickets, of raffle $2 alone where it is named, the newest first, before $3.
SELECT e.id, r.raffle_code, e.issuance_id, e.source, e.ticket_count AS tickets, encode(e.entry_hash, 'hex') AS entry_hash,
       encode(e.owner_tag, 'hex') AS owner_tag, e.entered_at, e.received_at,
       ARRAY(SELECT t.ticket_number FROM raffle_schema.raffle_tickets AS t
              WHERE t.entry_id = e.id AND t.status = 'ACTIVE' ORDER BY t.ticket_number COLLATE "C") AS numbers
  FROM raffle_schema.raffle_entries AS e
  JOIN raffle_schema.raffles AS r ON r.id = e.raffle_id
 WHERE e.user_id = $1 AND e.ticket_count > 0
   AND ($2::text IS NULL OR r.raffle_code = $2)
   AND ($3::bigint IS NULL OR e.id < $3)
 ORDER BY e.id DESC
 LIMIT $4;

-- name: get_entry
-- One entry with tickets, of person $3 alone where one is named.
SELECT e.id, r.raffle_code, e.issuance_id, e.source, e.ticket_count AS tickets, encode(e.entry_hash, 'hex') AS entry_hash,
       encode(e.owner_tag, 'hex') AS owner_tag, e.entered_at, e.received_at,
       ARRAY(SELECT t.ticket_number FROM raffle_schema.raffle_tickets AS t
              WHERE t.entry_id = e.id AND t.status = 'ACTIVE' ORDER BY t.ticket_number COLLATE "C") AS numbers
  FROM raffle_schema.raffle_entries AS e
  JOIN raffle_schema.raffles AS r ON r.id = e.raffle_id
 WHERE r.raffle_code = $1 AND e.issuance_id = $2 AND e.ticket_count > 0 AND ($3::uuid IS NULL OR e.user_id = $3);

-- name: list_refused
-- A person's tickets that raffles did not take or gave back, the newest first, before $2.
SELECT f.id, f.raffle_code, f.issuance_id, f.reason, f.ticket_numbers, f.created_at AS refused_at
  FROM raffle_schema.refused_tickets AS f
 WHERE f.user_id = $1 AND ($2::bigint IS NULL OR f.id < $2)
 ORDER BY f.id DESC
 LIMIT $3;
