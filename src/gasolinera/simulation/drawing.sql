-- Time, which is the one thing that the day fakes: nobody waits a month for a draw. Rows of the past, by the database's
-- owner, past the triggers that would refuse them; everything else of a draw is asked for.

-- name: past_triggers
-- For this transaction alone.
SET LOCAL session_replication_role = replica;

-- name: allow_a_near_round
-- Test databases keep production's rule that ten minutes lie between a freeze and its round. This one loses it: kept,
-- it would find the draw of the day whenever the database is migrated.
ALTER TABLE raffle_schema.raffle_draws DROP CONSTRAINT IF EXISTS raffle_draws_gap_check;

-- name: end_raffle
-- The raffle $1 is over now, and its draw is in $2.
UPDATE raffle_schema.raffles SET closes_at = now(), draw_at = now() + $2::interval WHERE raffle_code = $1;

-- name: miss_deadline
-- The winner $1 was drawn a month ago, and the time to claim the prize is over.
UPDATE raffle_schema.raffle_winners
   SET claim_deadline = now(), created_at = created_at - interval '30 days'
 WHERE public_id = $1;
