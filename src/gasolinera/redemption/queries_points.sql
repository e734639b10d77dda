-- The ledger of legacy points. Balances and numbers are set by its trigger, under the account's lock.

-- name: earn_points
-- What a completed redemption earns by the rule of its currency, once. Nothing for an erased account.
INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference, redemption_id, expires_at)
SELECT r.user_id, 'EARNED', e.points, r.transaction_reference, r.id, now() + make_interval(days => p.valid_days)
  FROM redemption_schema.redemptions AS r
  JOIN redemption_schema.points_rules AS p ON p.currency = r.currency AND p.is_enabled
 CROSS JOIN LATERAL (SELECT least(floor(r.final_amount * p.points_per_unit), 100000000)::bigint) AS e (points)
 WHERE r.transaction_reference = $1 AND r.status = 'COMPLETED' AND e.points > 0
   AND NOT EXISTS (SELECT FROM redemption_schema.erased_users AS u WHERE u.user_id = r.user_id)
   AND NOT EXISTS (
           SELECT FROM redemption_schema.points_ledger AS l
            WHERE l.user_id = r.user_id AND l.entry_type = 'EARNED' AND l.source_reference = r.transaction_reference);

-- name: take_points_back
-- What a cancelled redemption had earned goes, once, as far as the balance allows.
SELECT redemption_schema.take_points_back($1);

-- name: expire_points
-- Settles at most $1 earnings whose time has come, or those of user $2; how many.
SELECT redemption_schema.expire_points($1, $2) AS count;

-- name: find_entry
-- What a reference moved.
SELECT l.entry_number, l.entry_type, l.points, l.balance_after, l.source_reference AS reference, l.description,
       l.expires_at, l.created_at
  FROM redemption_schema.points_ledger AS l
 WHERE l.user_id = $1 AND l.entry_type = $2 AND l.source_reference = $3;

-- name: book_points
-- One entry; the ledger's CHECK refuses a balance below zero.
INSERT INTO redemption_schema.points_ledger AS l (user_id, entry_type, points, source_reference, description)
VALUES ($1, $2, $3, $4, $5)
RETURNING l.entry_number, l.entry_type, l.points, l.balance_after, l.source_reference AS reference, l.description,
          l.expires_at, l.created_at;

-- name: get_balance
-- An account's balance; no row: no points were ever moved.
SELECT a.balance AS count FROM redemption_schema.points_accounts AS a WHERE a.user_id = $1;

-- name: expiring_points
-- What is left of an account's earnings that end within $2 days, the soonest first.
SELECT p.expires_at, sum(p.remainder)::bigint AS points
  FROM redemption_schema.points_remainders(ARRAY[$1::uuid]) AS p
 WHERE p.remainder > 0 AND p.expires_at <= now() + make_interval(days => $2::integer)
 GROUP BY p.expires_at
 ORDER BY p.expires_at
 LIMIT 1000;

-- name: list_entries
-- An account's entries, the newest first, below number $2.
SELECT l.entry_number, l.entry_type, l.points, l.balance_after, l.source_reference AS reference, l.description,
       l.expires_at, l.created_at
  FROM redemption_schema.points_ledger AS l
 WHERE l.user_id = $1 AND l.entry_number < coalesce($2::bigint, 9223372036854775807)
 ORDER BY l.entry_number DESC
 LIMIT $3;

-- name: list_rules
-- The rules by which redemptions earn points.
SELECT p.currency, p.points_per_unit, p.valid_days, p.is_enabled
  FROM redemption_schema.points_rules AS p
 ORDER BY p.currency;

-- name: put_rule
-- Says how a currency's redemptions earn points, whether or not it was said before.
INSERT INTO redemption_schema.points_rules AS p (currency, points_per_unit, valid_days, is_enabled)
VALUES ($1, $2, $3, $4)
    ON CONFLICT (currency) DO UPDATE
   SET points_per_unit = excluded.points_per_unit, valid_days = excluded.valid_days, is_enabled = excluded.is_enabled,
       changed_by = redemption_schema.request_context('actor')
RETURNING p.currency, p.points_per_unit, p.valid_days, p.is_enabled;
