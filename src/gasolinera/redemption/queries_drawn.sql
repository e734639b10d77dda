-- Tickets of raffles that were drawn.

-- name: note_drawn
-- Once; a second word about the same draw changes nothing.
INSERT INTO redemption_schema.drawn_raffles (raffle_code, drawn_at)
VALUES ($1, $2)
    ON CONFLICT (raffle_code) DO NOTHING;

-- name: end_drawn_tickets
-- $1 tickets at most of the raffle that was drawn first become USED; where none are left the raffle is done with.
WITH raffle AS MATERIALIZED (
    SELECT r.raffle_code
      FROM redemption_schema.drawn_raffles AS r
     WHERE r.tickets_ended_at IS NULL
     ORDER BY r.drawn_at
     LIMIT 1
       FOR NO KEY UPDATE SKIP LOCKED
), ended AS (
    UPDATE redemption_schema.raffle_tickets AS t
       SET status = 'USED'
      FROM (SELECT x.id
              FROM redemption_schema.raffle_tickets AS x
              JOIN raffle AS r ON r.raffle_code = x.raffle_code
             WHERE x.status = 'ENTERED'
             LIMIT $1
               FOR NO KEY UPDATE OF x) AS due
     WHERE t.id = due.id
    RETURNING t.id
), done AS (
    UPDATE redemption_schema.drawn_raffles AS d
       SET tickets_ended_at = now()
      FROM raffle AS r
     WHERE d.raffle_code = r.raffle_code AND (SELECT count(*) FROM ended) = 0
    RETURNING d.raffle_code
)
SELECT (SELECT count(*) FROM ended) AS tickets, (SELECT count(*) FROM done) AS raffles;
