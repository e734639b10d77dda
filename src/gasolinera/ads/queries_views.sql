-- Views: the right to start one, the player's reports, the end, and what may be multiplied.

-- name: prepare_serving
-- What serving needs of user $1 and redemption $2 (NULL: none): what may be multiplied, the next step, what the user
-- turned away lately, and the segment by the redemptions of thirty days. One row always.
SELECT r.base_tickets, r.station_code, r.fuel_type, coalesce(r.steps_completed, 0) + 1 AS chain_step,
       r.transaction_reference IS NOT NULL AS is_known,
       coalesce(r.cancelled_at IS NULL AND r.bonus_until > now(), false) AS is_open,
       ARRAY(
           SELECT a.public_id
             FROM (SELECT e.advertisement_id, e.status FROM ad_schema.ad_engagements AS e
                    WHERE e.user_id = $1 AND e.started_at > now() - interval '15 minutes'
                    ORDER BY e.started_at DESC LIMIT 5) AS seen
             JOIN ad_schema.advertisements AS a ON a.id = seen.advertisement_id
            WHERE seen.status IN ('SKIPPED', 'ABANDONED', 'FAILED')) AS turned_away,
       (SELECT CASE WHEN count(*) > 7 THEN 'FREQUENT' WHEN count(*) > 1 THEN 'REGULAR' ELSE 'NEW_CUSTOMER' END
          FROM ad_schema.ad_redemptions AS one
         WHERE one.user_id = $1 AND one.bonus_until > now() - interval '30 days'
           AND one.created_at > now() - interval '30 days' AND one.cancelled_at IS NULL) AS segment
  FROM (SELECT) AS always
  LEFT JOIN ad_schema.ad_redemptions AS r ON r.transaction_reference = $2 AND r.user_id = $1;

-- name: hand_out_token
-- The right to start one view, good for as long as the rules say.
INSERT INTO ad_schema.ad_view_tokens
       (token_hash, advertisement_id, user_id, transaction_reference, chain_step, expires_at)
SELECT $1, $2, $3, $4, $5, now() + make_interval(secs => rules.token_seconds) FROM ad_schema.ad_view_rules AS rules
RETURNING expires_at;

-- name: begin_view
-- Starts the view that a token is for.
SELECT b.outcome, b.facts AS view FROM ad_schema.begin_view($1, $2, $3, $4) AS b;

-- name: report_view
-- Takes a player's report.
SELECT r.outcome, r.facts AS view FROM ad_schema.report_view($1, $2, $3, $4, $5, $6, $7) AS r;

-- name: finish_view
-- The player says that the advertisement is over.
SELECT f.outcome, f.facts AS view FROM ad_schema.finish_view($1, $2, $3, $4, $5, $6) AS f;

-- name: current_view
-- The running view of user $1.
SELECT ad_schema.view_facts(e.public_id) AS view
  FROM ad_schema.ad_engagements AS e
 WHERE e.user_id = $1 AND e.status = 'STARTED';

-- name: get_view
-- View $2 of user $1.
SELECT ad_schema.view_facts(e.public_id) AS view
  FROM ad_schema.ad_engagements AS e
 WHERE e.public_id = $2 AND e.user_id = $1;

-- name: list_views
-- The views of user $1, the newest first, below ($2, $3); $4 at most.
SELECT ad_schema.view_facts(found.public_id) AS view
  FROM (SELECT e.public_id, e.started_at
          FROM ad_schema.ad_engagements AS e
         WHERE e.user_id = $1 AND ($2::timestamptz IS NULL OR (e.started_at, e.public_id) < ($2, $3::uuid))
         ORDER BY e.started_at DESC, e.public_id DESC
         LIMIT $4) AS found
 ORDER BY found.started_at DESC, found.public_id DESC;

-- name: list_chains
-- The redemptions of user $1 that views may multiply now, those first whose time is over soonest.
SELECT r.transaction_reference AS reference, r.base_tickets, r.station_code, r.bonus_until, r.steps_completed,
       CASE WHEN r.steps_completed < 10 THEN r.steps_completed + 1 END AS next_step,
       (SELECT coalesce(sum(e.bonus_tickets), 0) FROM ad_schema.ad_engagements AS e
         WHERE e.transaction_reference = r.transaction_reference AND e.status = 'COMPLETED') AS bonus_tickets
  FROM ad_schema.ad_redemptions AS r
 WHERE r.user_id = $1 AND r.cancelled_at IS NULL AND r.bonus_until > now() AND r.base_tickets > 0
 ORDER BY r.bonus_until, r.transaction_reference
 LIMIT 100;

-- name: note_redemption
-- A completed redemption, which views may multiply for as long as the rules say; one that is known stays as it is,
-- and one of an erased person is not kept.
INSERT INTO ad_schema.ad_redemptions
       (transaction_reference, user_id, base_tickets, station_code, fuel_type, bonus_until)
SELECT $1, $2, $3, $4, $5, $6::timestamptz + make_interval(hours => rules.bonus_window_hours)
  FROM ad_schema.ad_view_rules AS rules
 WHERE NOT EXISTS (SELECT FROM ad_schema.ad_erased_users AS u WHERE u.user_id = $2)
ON CONFLICT (transaction_reference) DO NOTHING;

-- name: note_cancellation
-- A cancelled redemption is multiplied no more, also where its completion comes later; an erased person's is not kept.
INSERT INTO ad_schema.ad_redemptions AS r
       (transaction_reference, user_id, base_tickets, station_code, fuel_type, bonus_until, cancelled_at)
SELECT $1, $2::uuid, $3, $4, $5, $6, $7
 WHERE NOT EXISTS (SELECT FROM ad_schema.ad_erased_users AS u WHERE u.user_id = $2)
ON CONFLICT (transaction_reference) DO UPDATE SET cancelled_at = coalesce(r.cancelled_at, excluded.cancelled_at);

-- name: expire_views
-- Ends at most $1 views of which nothing is heard any more; how many.
SELECT ad_schema.expire_views($1) AS count;

-- name: settle_silent_views
-- Settles at most $1 views of which nothing is heard any more and enough was watched; how many.
SELECT ad_schema.settle_silent_views($1) AS count;

-- name: forget_tokens
-- Deletes at most $1 tokens that nobody used and that are over since a day; how many.
SELECT ad_schema.forget_view_tokens($1) AS count;

-- name: decide_review
-- A person accepts ($2) or rejects a completed view.
SELECT ad_schema.decide_view_review($1, $2, $3, $4) AS outcome;

-- name: get_rules
-- How views are judged.
SELECT r.bonus_window_hours, r.token_seconds, r.idle_seconds, r.longest_silence_s, r.review_score, r.reject_score,
       r.user_views_per_hour, r.address_views_per_hour
  FROM ad_schema.ad_view_rules AS r;

-- name: put_rules
-- How views are judged from now on.
UPDATE ad_schema.ad_view_rules AS r
   SET bonus_window_hours = $1, token_seconds = $2, idle_seconds = $3, longest_silence_s = $4, review_score = $5,
       reject_score = $6, user_views_per_hour = $7, address_views_per_hour = $8
RETURNING r.bonus_window_hours, r.token_seconds, r.idle_seconds, r.longest_silence_s, r.review_score, r.reject_score,
          r.user_views_per_hour, r.address_views_per_hour;
