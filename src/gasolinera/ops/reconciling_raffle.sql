-- What raffle_schema says to other services, by sorted keys, and its events made anew from what is there now.

-- name: tickets
-- What raffles know of tickets: the one that is in a raffle, else the newest word.
SELECT DISTINCT ON (k.key) k.key, k.at, k.status, k.raffle_code, k.user_id, k.issuance_id, k.is_disqualified
  FROM (SELECT t.ticket_number COLLATE "C" AS key, t.updated_at AS at, t.status, r.raffle_code, t.user_id,
               e.issuance_id, t.disqualified_at IS NOT NULL AS is_disqualified
          FROM raffle_schema.raffle_tickets AS t
          JOIN raffle_schema.raffles AS r ON r.id = t.raffle_id
          JOIN raffle_schema.raffle_entries AS e ON e.id = t.entry_id
         UNION ALL
        SELECT n.number COLLATE "C", f.created_at, 'REFUSED', f.raffle_code, f.user_id, f.issuance_id, false
          FROM raffle_schema.refused_tickets AS f
         CROSS JOIN LATERAL unnest(f.ticket_numbers) AS n (number)
         UNION ALL
        SELECT v.ticket_number COLLATE "C", v.created_at, 'REVOKED', NULL, NULL, NULL, false
          FROM raffle_schema.revoked_tickets AS v) AS k
 ORDER BY k.key, k.status = 'ACTIVE' DESC, k.at DESC;

-- name: raffle_states
-- In which state each raffle is.
SELECT r.raffle_code, r.status FROM raffle_schema.raffles AS r;

-- name: employees_raffle
-- Who is employed.
SELECT e.employee_number COLLATE "C" AS key, e.as_of AS at, coalesce(e.version, 0) AS version,
       concat_ws(' ', e.user_id, e.is_active) AS said
  FROM raffle_schema.employments AS e
 ORDER BY 1;

-- name: erasures_raffle
-- Who is known to be erased.
SELECT (u.user_id::text) COLLATE "C" AS key, u.as_of AS at
  FROM raffle_schema.account_states AS u
 WHERE u.is_erased
 ORDER BY 1;

-- name: accounts_raffle
-- Accounts that are or were something else than an active customer's.
SELECT (u.user_id::text) COLLATE "C" AS key, u.as_of AS at, u.is_active, u.role
  FROM raffle_schema.account_states AS u
 WHERE NOT u.is_erased
 ORDER BY 1;

-- name: raffles
-- Raffles that were published, and what they take.
SELECT r.raffle_code COLLATE "C" AS key, r.updated_at AS at, r.status = 'OPEN' AS is_open,
       concat_ws(' ', r.takes_choices, r.free_entries_per_day, extract(epoch FROM r.opens_at),
                 extract(epoch FROM r.closes_at),
                 CASE r.time_zone WHEN 'UTC' THEN 'Etc/UTC' ELSE r.time_zone END) AS said
  FROM raffle_schema.raffles AS r
 WHERE r.status <> 'DRAFT'
 ORDER BY 1;

-- name: draws
-- Raffles that were drawn.
SELECT r.raffle_code COLLATE "C" AS key, d.drawn_at AS at
  FROM raffle_schema.raffle_draws AS d
  JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
 WHERE d.status = 'DRAWN'
 ORDER BY 1;

-- name: rebuild_tickets_refused
-- The tickets of an issuance that a raffle refused or gave back, and does not have all the same.
SELECT jsonb_build_object(
           'issuance_id', f.issuance_id, 'user_id', f.user_id, 'raffle_code', f.raffle_code,
           'reason', (array_agg(f.reason ORDER BY f.id DESC))[1], 'count', count(DISTINCT n.number),
           'numbers', array_agg(DISTINCT n.number)) AS payload,
       max(f.created_at) AS occurred_at
  FROM raffle_schema.refused_tickets AS f
 CROSS JOIN LATERAL unnest(f.ticket_numbers) AS n (number)
 WHERE f.issuance_id = %(subject)s::uuid AND f.raffle_code = %(raffle_code)s
   AND NOT EXISTS (SELECT FROM raffle_schema.raffle_tickets AS t
                    WHERE t.ticket_number = n.number AND t.status = 'ACTIVE')
 GROUP BY f.issuance_id, f.user_id, f.raffle_code;

-- name: rebuild_raffle_changed
-- A raffle as it is.
SELECT jsonb_build_object(
           'code', r.raffle_code, 'status', r.status, 'opens_at', r.opens_at, 'closes_at', r.closes_at,
           'takes_choices', r.takes_choices, 'free_entries_per_day', r.free_entries_per_day, 'time_zone', r.time_zone)
           AS payload,
       now() AS occurred_at
  FROM raffle_schema.raffles AS r
 WHERE r.raffle_code = %(subject)s;

-- name: rebuild_raffle_drawn
-- A draw.
SELECT jsonb_build_object(
           'raffle_code', r.raffle_code, 'draw_number', d.chain_number,
           'manifest_sha256', encode(d.manifest_sha256, 'hex'), 'beacon_round', d.beacon_round,
           'randomness', encode(d.randomness, 'hex'),
           'positions', (SELECT count(*) FROM raffle_schema.draw_positions AS p WHERE p.draw_number = d.chain_number))
           AS payload,
       d.drawn_at AS occurred_at
  FROM raffle_schema.raffle_draws AS d
  JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
 WHERE r.raffle_code = %(subject)s AND d.status = 'DRAWN';
