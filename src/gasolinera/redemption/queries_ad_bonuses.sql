-- Bonus tickets of ad views.

-- name: take_bonus
-- Makes the bonus tickets of a completed view, once, or says why there are none.
SELECT redemption_schema.take_ad_bonus($1, $2, $3, $4, $5, $6);

-- name: take_bonus_back
-- Takes back what a rejected view earned, once.
SELECT redemption_schema.take_ad_bonus_back($1, $2, $3, $4);
