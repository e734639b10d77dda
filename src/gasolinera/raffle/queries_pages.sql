-- What the pages of customers and of everybody show: each page by one statement of its own.

-- name: shown_raffles
-- Raffles that take entries or wait for their draw, by their close, after a position ($1, $2; NULL for the first page),
-- of a name or code with $3; with the first prize and what user $4 (NULL: a stranger) has in each.
SELECT s.id, s.closes_at, s.raffle_code, s.name, s.status, s.opens_at, s.draw_at, s.time_zone, s.selection_algorithm,
       s.opens_at <= now() AND now() < s.closes_at AND s.status = 'OPEN' AS takes_entries, p.name AS prize_name,
       p.prize_type, p.prize_value, p.currency, p.units, c.tickets, c.participants,
       coalesce(m.ticket_count, 0) AS own_tickets
  FROM (SELECT r.* FROM raffle_schema.raffles AS r
         WHERE r.status IN ('OPEN', 'CLOSED', 'DRAWING')
           AND ($1::timestamptz IS NULL OR (r.closes_at, r.id) > ($1, $2::bigint))
           AND ($3::text IS NULL OR strpos(lower(r.name), lower($3)) > 0 OR strpos(r.raffle_code, upper($3)) > 0)
         ORDER BY r.closes_at, r.id
         LIMIT $5) AS s
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(k.ticket_count), 0)::bigint AS tickets,
           coalesce(sum(k.participant_count), 0)::bigint AS participants
      FROM raffle_schema.raffle_counters AS k WHERE k.raffle_id = s.id) AS c
  LEFT JOIN LATERAL (
    SELECT q.name, q.prize_type, q.prize_value, q.currency, sum(q.quantity) OVER () AS units
      FROM raffle_schema.raffle_prizes AS q WHERE q.raffle_id = s.id ORDER BY q.rank LIMIT 1) AS p ON true
  LEFT JOIN raffle_schema.raffle_participants AS m ON m.raffle_id = s.id AND m.user_id = $4
 ORDER BY s.closes_at, s.id;

-- name: raffles_with_draws
-- Raffles that are or were published, the newest first, before a position ($1, $2; NULL for the first page), in one of
-- the states $3, of a name or code with $4; each with its draw that counts, else the last one that is void.
SELECT s.id, s.created_at, s.raffle_code, s.name, s.status, s.closes_at, s.draw_at, s.time_zone,
       d.chain_number AS draw_number, d.status AS draw_status, d.frozen_at, d.beacon_round_at, d.drawn_at,
       coalesce(d.ticket_count, c.tickets) AS tickets, coalesce(d.participant_count, c.participants) AS participants
  FROM (SELECT r.* FROM raffle_schema.raffles AS r
         WHERE ($1::timestamptz IS NULL OR (r.created_at, r.id) < ($1, $2::bigint))
           AND ($3::text[] IS NULL OR r.status = ANY ($3))
           AND ($4::text IS NULL OR strpos(lower(r.name), lower($4)) > 0 OR strpos(r.raffle_code, upper($4)) > 0)
           AND r.status <> 'DRAFT' AND r.opened_at IS NOT NULL
         ORDER BY r.created_at DESC, r.id DESC
         LIMIT $5) AS s
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(k.ticket_count), 0)::bigint AS tickets,
           coalesce(sum(k.participant_count), 0)::bigint AS participants
      FROM raffle_schema.raffle_counters AS k WHERE k.raffle_id = s.id) AS c
  LEFT JOIN LATERAL (
    SELECT v.chain_number, v.status, v.frozen_at, v.beacon_round_at, v.drawn_at, v.ticket_count, v.participant_count
      FROM raffle_schema.raffle_draws AS v
     WHERE v.raffle_id = s.id
     ORDER BY v.status = 'VOID', v.chain_number DESC
     LIMIT 1) AS d ON true
 ORDER BY s.created_at DESC, s.id DESC;

-- name: draw_state
-- How far the draw of a published raffle is: what a page that waits for it asks again and again.
SELECT r.status, d.status AS draw_status, d.beacon_round_at
  FROM raffle_schema.raffles AS r
  LEFT JOIN LATERAL (
    SELECT v.status, v.beacon_round_at FROM raffle_schema.raffle_draws AS v
     WHERE v.raffle_id = r.id ORDER BY v.status = 'VOID', v.chain_number DESC LIMIT 1) AS d ON true
 WHERE r.raffle_code = $1 AND r.opened_at IS NOT NULL;

-- name: draws_given_up
-- The void draws of a raffle, the latest first.
SELECT d.chain_number AS draw_number, d.void_reason, d.voided_at
  FROM raffle_schema.raffle_draws AS d
  JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
 WHERE r.raffle_code = $1 AND d.status = 'VOID'
 ORDER BY d.chain_number DESC
 LIMIT 20;

-- name: own_entries_left_out
-- Which entries of user $2 the draw of raffle $1 that counts has left out, and why.
SELECT e.issuance_id, x.reason
  FROM raffle_schema.raffle_entries AS e
  JOIN raffle_schema.raffles AS r ON r.id = e.raffle_id
  JOIN raffle_schema.raffle_draws AS d ON d.raffle_id = r.id AND d.status <> 'VOID'
  JOIN raffle_schema.draw_exclusions AS x ON x.draw_number = d.chain_number AND x.entry_id = e.id
 WHERE r.raffle_code = $1 AND e.user_id = $2
 LIMIT 1000;

-- name: own_tickets_refused
-- Tickets of user $2 that raffle $1 did not take or gave back, the latest first.
SELECT f.reason, f.ticket_numbers, f.created_at AS refused_at
  FROM raffle_schema.refused_tickets AS f
 WHERE f.user_id = $2 AND f.raffle_code = $1
 ORDER BY f.id DESC
 LIMIT 20;

-- name: find_ticket
-- What anybody may know of a ticket whose number he has: where it is, and what became of it.
SELECT t.ticket_number, r.raffle_code, r.name AS raffle_name, r.status, r.time_zone, r.draw_at,
       d.chain_number AS draw_number, d.status AS draw_status, d.beacon_round_at, w.status AS winner_status,
       w.draw_position, p.name AS prize_name,
       EXISTS (SELECT FROM raffle_schema.draw_exclusions AS x
                WHERE x.draw_number = d.chain_number AND x.entry_id = t.entry_id) AS is_left_out
  FROM raffle_schema.raffle_tickets AS t
  JOIN raffle_schema.raffles AS r ON r.id = t.raffle_id
  LEFT JOIN raffle_schema.raffle_draws AS d ON d.raffle_id = t.raffle_id AND d.status <> 'VOID'
  LEFT JOIN raffle_schema.raffle_winners AS w ON w.ticket_id = t.id AND w.draw_id = d.id
  LEFT JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
 WHERE t.ticket_number = $1 AND t.status = 'ACTIVE';

-- name: own_prize
-- Prize $1 of user $2 with where it goes, who looked at the document, and what was done for it.
SELECT w.public_id AS winner_id, r.raffle_code, r.name AS raffle_name, r.time_zone, k.ticket_number, p.rank,
       p.name AS prize_name, p.description, p.prize_type, p.prize_value, p.currency, p.delivery_method, w.status,
       w.claim_deadline, w.claim_deadline <= now() AS is_late, w.claimed_at, w.delivered_at,
       nullif(w.delivery_details, '{}') AS delivery, c.public_name, coalesce(c.needs_second, false) AS needs_second,
       c.identified_by IS NOT NULL AS is_seen, c.confirmed_by IS NOT NULL AS is_confirmed,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
                            'step', s.step, 'carrier', s.carrier, 'tracking', s.tracking, 'recorded_at', s.created_at)
                            ORDER BY s.id)
                   FROM raffle_schema.prize_delivery_steps AS s WHERE s.winner_id = w.id), '[]') AS steps
  FROM raffle_schema.raffle_winners AS w
  JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
  JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id
  JOIN raffle_schema.raffle_tickets AS k ON k.id = w.ticket_id
  LEFT JOIN raffle_schema.prize_claims AS c ON c.winner_id = w.id
 WHERE w.public_id = $1 AND w.user_id = $2;
