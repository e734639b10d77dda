-- What the service holds about one person: user $1, at most $2 rows, the newest first.

-- name: export_entries
-- The person's tickets in raffles.
SELECT r.raffle_code, e.issuance_id, e.source, e.ticket_count, encode(e.owner_tag, 'hex') AS owner_tag, e.entered_at,
       e.created_at
  FROM raffle_schema.raffle_entries AS e
  JOIN raffle_schema.raffles AS r ON r.id = e.raffle_id
 WHERE e.user_id = $1
 ORDER BY e.id DESC
 LIMIT $2;

-- name: export_refused
-- The person's tickets that raffles did not take.
SELECT f.raffle_code, f.issuance_id, f.reason, f.ticket_numbers, f.created_at
  FROM raffle_schema.refused_tickets AS f
 WHERE f.user_id = $1
 ORDER BY f.id DESC
 LIMIT $2;

-- name: export_ages
-- The ages that the person confirmed.
SELECT r.raffle_code, c.min_age, c.created_at
  FROM raffle_schema.age_confirmations AS c
  JOIN raffle_schema.raffles AS r ON r.id = c.raffle_id
 WHERE c.user_id = $1
 ORDER BY c.created_at DESC, r.id
 LIMIT $2;

-- name: export_exclusions
-- Where the person is kept out, and why.
SELECT r.raffle_code, x.kind, x.note, x.created_at
  FROM raffle_schema.excluded_persons AS x
  LEFT JOIN raffle_schema.raffles AS r ON r.id = x.raffle_id
 WHERE x.user_id = $1
 ORDER BY x.id DESC
 LIMIT $2;

-- name: export_employments
-- Where the person works or worked, as the station service said last.
SELECT e.employee_number, e.is_active, e.as_of
  FROM raffle_schema.employments AS e
 WHERE e.user_id = $1
 ORDER BY e.as_of DESC, e.employee_number
 LIMIT $2;

-- name: export_account_states
-- What the auth service said of an account that is or was not active.
SELECT a.is_active, a.is_erased, a.role, a.as_of FROM raffle_schema.account_states AS a WHERE a.user_id = $1 LIMIT $2;

-- name: forget_person
-- What was written about an erased person in somebody's words; entries stay, since their hashes are published.
SELECT raffle_schema.forget_person($1);
