-- What raffle_schema derives, and what it says of itself, that is not so: of each the thing and how it is wrong.

-- name: totals_entry_tickets
-- An entry counts other tickets than it has.
SELECT e.issuance_id::text || ' in ' || r.raffle_code AS object,
       format('says %s, tickets %s', e.ticket_count, coalesce(t.tickets, 0)) AS detail
  FROM raffle_schema.raffle_entries AS e
  JOIN raffle_schema.raffles AS r ON r.id = e.raffle_id
  LEFT JOIN (SELECT t.entry_id, count(*) AS tickets
               FROM raffle_schema.raffle_tickets AS t
              WHERE t.status = 'ACTIVE'
              GROUP BY t.entry_id) AS t ON t.entry_id = e.id
 WHERE e.ticket_count <> coalesce(t.tickets, 0);

-- name: totals_participant_tickets
-- A participant is said to have other tickets in a raffle than there are.
SELECT r.raffle_code || ' ' || coalesce(p.user_id, t.user_id)::text AS object,
       format('says %s, tickets %s', coalesce(p.ticket_count, 0), coalesce(t.tickets, 0)) AS detail
  FROM raffle_schema.raffle_participants AS p
  FULL JOIN (SELECT t.raffle_id, t.user_id, count(*) AS tickets
               FROM raffle_schema.raffle_tickets AS t
              WHERE t.status = 'ACTIVE'
              GROUP BY t.raffle_id, t.user_id) AS t ON t.raffle_id = p.raffle_id AND t.user_id = p.user_id
  JOIN raffle_schema.raffles AS r ON r.id = coalesce(p.raffle_id, t.raffle_id)
 WHERE coalesce(p.ticket_count, 0) <> coalesce(t.tickets, 0);

-- name: totals_raffle_counters
-- A raffle's counters are not the number of its tickets and participants.
SELECT r.raffle_code AS object,
       format('counted %s of %s, tickets %s of %s', coalesce(c.tickets, 0), coalesce(c.participants, 0),
              coalesce(t.tickets, 0), coalesce(t.participants, 0)) AS detail
  FROM raffle_schema.raffles AS r
  LEFT JOIN (SELECT c.raffle_id, sum(c.ticket_count) AS tickets, sum(c.participant_count) AS participants
               FROM raffle_schema.raffle_counters AS c
              GROUP BY c.raffle_id) AS c ON c.raffle_id = r.id
  LEFT JOIN (SELECT t.raffle_id, count(*) AS tickets, count(DISTINCT t.user_id) AS participants
               FROM raffle_schema.raffle_tickets AS t
              WHERE t.status = 'ACTIVE'
              GROUP BY t.raffle_id) AS t ON t.raffle_id = r.id
 WHERE (coalesce(c.tickets, 0), coalesce(c.participants, 0)) <> (coalesce(t.tickets, 0), coalesce(t.participants, 0));

-- name: totals_prizes_awarded
-- A prize counts other awards than it has winners.
SELECT r.raffle_code || ' rank ' || p.rank AS object,
       format('says %s, winners %s', p.quantity_awarded, coalesce(w.winners, 0)) AS detail
  FROM raffle_schema.raffle_prizes AS p
  JOIN raffle_schema.raffles AS r ON r.id = p.raffle_id
  LEFT JOIN (SELECT w.prize_id, count(*) AS winners
               FROM raffle_schema.raffle_winners AS w
              WHERE w.status NOT IN ('FORFEITED', 'DISQUALIFIED')
              GROUP BY w.prize_id) AS w ON w.prize_id = p.id
 WHERE p.quantity_awarded <> coalesce(w.winners, 0);

-- name: totals_draw_lists
-- A draw's published list has other entries than its manifest counts.
SELECT 'draw ' || d.chain_number AS object, format('says %s, list %s', d.entry_count, coalesce(p.leaves, 0)) AS detail
  FROM raffle_schema.raffle_draws AS d
  LEFT JOIN (SELECT p.draw_number, sum(octet_length(p.leaves) / 54) AS leaves
               FROM raffle_schema.draw_leaf_pages AS p
              GROUP BY p.draw_number) AS p ON p.draw_number = d.chain_number
 WHERE d.entry_count <> coalesce(p.leaves, 0);

-- name: totals_draw_chain
-- A draw does not follow the one before it in the chain.
SELECT 'draw ' || d.chain_number AS object, 'it names another manifest than that of the draw before it' AS detail
  FROM raffle_schema.raffle_draws AS d
  LEFT JOIN raffle_schema.raffle_draws AS b ON b.chain_number = d.previous_chain_number
 WHERE d.chain_number > 1 AND d.previous_manifest_sha256 IS DISTINCT FROM b.manifest_sha256;

-- name: states_completed_raffles
-- A raffle is COMPLETED without a draw, or was drawn without winners.
SELECT r.raffle_code AS object, CASE WHEN d.id IS NULL THEN 'no draw' ELSE 'no winners' END AS detail
  FROM raffle_schema.raffles AS r
  LEFT JOIN raffle_schema.raffle_draws AS d ON d.raffle_id = r.id AND d.status = 'DRAWN'
 WHERE r.status = 'COMPLETED'
   AND (d.id IS NULL AND EXISTS (SELECT FROM raffle_schema.raffle_tickets AS t
                                  WHERE t.raffle_id = r.id AND t.status = 'ACTIVE')
        OR d.id IS NOT NULL AND NOT EXISTS (SELECT FROM raffle_schema.raffle_winners AS w WHERE w.draw_id = d.id));

-- name: states_draw_positions
-- A draw's winners are not the positions that its randomness gave.
SELECT 'draw ' || d.chain_number AS object,
       format('positions %s, winners %s', count(p.draw_position), count(w.id)) AS detail
  FROM raffle_schema.raffle_draws AS d
  LEFT JOIN raffle_schema.draw_positions AS p ON p.draw_number = d.chain_number
  LEFT JOIN raffle_schema.raffle_winners AS w ON w.draw_id = d.id AND w.draw_position = p.draw_position
 WHERE d.status = 'DRAWN'
 GROUP BY d.id
HAVING count(p.draw_position) <> count(w.id);

-- name: states_overdue_raffles
-- A raffle is OPEN more than a day after its close.
SELECT r.raffle_code AS object, format('closed at %s', r.closes_at) AS detail
  FROM raffle_schema.raffles AS r
 WHERE r.status = 'OPEN' AND r.closes_at < now() - interval '1 day';

-- name: states_ticket_owners
-- A ticket is another person's than its entry.
SELECT t.ticket_number AS object, 'the entry is of another user' AS detail
  FROM raffle_schema.raffle_tickets AS t
  JOIN raffle_schema.raffle_entries AS e ON e.id = t.entry_id
 WHERE (t.user_id, t.raffle_id) <> (e.user_id, e.raffle_id);
