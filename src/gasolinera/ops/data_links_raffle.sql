-- What raffle_schema names of other services, and what of it others name: keys, each once, ascending.

-- name: known_raffles
-- Raffles.
SELECT r.raffle_code COLLATE "C" AS key FROM raffle_schema.raffles AS r ORDER BY 1;

-- name: named_users
-- Who takes part.
SELECT DISTINCT (p.user_id::text) COLLATE "C" AS key FROM raffle_schema.raffle_participants AS p ORDER BY 1;

-- name: named_issuances
-- Issuances with tickets in a raffle.
SELECT DISTINCT (e.issuance_id::text) COLLATE "C" AS key
  FROM raffle_schema.raffle_entries AS e
 WHERE e.ticket_count > 0
 ORDER BY 1;

-- name: named_employees
-- Who takes no part where employees do not.
SELECT e.employee_number COLLATE "C" AS key FROM raffle_schema.employments AS e ORDER BY 1;

-- name: named_terminals
-- Terminals that witness freezes.
SELECT w.terminal_code COLLATE "C" AS key FROM raffle_schema.draw_witnesses AS w ORDER BY 1;
