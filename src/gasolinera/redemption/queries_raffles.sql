-- What raffles tell of themselves and of the tickets that they did not take.

-- name: keep_raffle
-- What an open raffle takes, as it says itself; in UTC a day has the zone's other name.
INSERT INTO redemption_schema.ticket_raffles AS r
       (raffle_code, opens_at, closes_at, takes_choices, free_entries_per_day, time_zone, is_told)
VALUES ($1, $2, $3, $4, $5, CASE $6::text WHEN 'UTC' THEN 'Etc/UTC' ELSE $6 END, true)
    ON CONFLICT (raffle_code) DO UPDATE
   SET opens_at = excluded.opens_at, closes_at = excluded.closes_at, takes_choices = excluded.takes_choices,
       free_entries_per_day = excluded.free_entries_per_day, time_zone = excluded.time_zone,
       is_told = true, changed_by = redemption_schema.request_context('actor');

-- name: end_raffle
-- A raffle that is over or was cancelled takes nothing more.
UPDATE redemption_schema.ticket_raffles
   SET takes_choices = false, free_entries_per_day = 0, is_told = true,
       changed_by = redemption_schema.request_context('actor')
 WHERE raffle_code = $1 AND (takes_choices OR free_entries_per_day > 0 OR NOT is_told);

-- name: take_back
-- Tickets that raffle $2 did not take, or gave back, wait for their holder's choice again, for 30 days at least; those
-- too whose raffle was drawn without them. Those that were taken back meanwhile stay so, those of a redemption that was
-- cancelled meanwhile are. A free entry is for its raffle alone and gets no time for another.
WITH held AS MATERIALIZED (
    SELECT t.id, r.status IS NOT DISTINCT FROM 'CANCELLED' AS is_void
      FROM redemption_schema.raffle_tickets AS t
      LEFT JOIN redemption_schema.redemptions AS r ON r.id = t.redemption_id
     WHERE t.ticket_number = ANY ($1::text[]) AND t.raffle_code = $2 AND t.status IN ('ENTERED', 'USED')
     ORDER BY t.id
       FOR UPDATE OF t
)
UPDATE redemption_schema.raffle_tickets AS t
   SET status = CASE WHEN h.is_void THEN 'CANCELLED' ELSE 'ACTIVE' END,
       raffle_code = CASE WHEN h.is_void THEN t.raffle_code END,
       expires_at = CASE WHEN h.is_void OR t.source = 'FREE_ENTRY' THEN t.expires_at
                         ELSE greatest(t.expires_at, now() + interval '30 days') END
  FROM held AS h
 WHERE t.id = h.id;
