-- What ad_schema says to other services, by sorted keys, and its events made anew from what is there now.

-- name: multiplied
-- Redemptions that views may multiply.
SELECT r.transaction_reference COLLATE "C" AS key, r.updated_at AS at, r.user_id, r.base_tickets,
       r.cancelled_at IS NOT NULL AS is_cancelled
  FROM ad_schema.ad_redemptions AS r
 ORDER BY 1;

-- name: bonuses
-- Views of redemptions that were completed, and those that were rejected after that or before.
SELECT (v.public_id::text) COLLATE "C" AS key, v.updated_at AS at, v.status, v.user_id, v.bonus_tickets AS tickets
  FROM ad_schema.ad_engagements AS v
 WHERE v.transaction_reference IS NOT NULL AND v.status IN ('COMPLETED', 'REJECTED')
 ORDER BY 1;

-- name: erasures_ads
-- Who is known to be erased.
SELECT (u.user_id::text) COLLATE "C" AS key, u.erased_at AS at FROM ad_schema.ad_erased_users AS u ORDER BY 1;

-- name: rebuild_ad_view_completed
-- A completed view.
SELECT jsonb_build_object(
           'view_id', v.public_id, 'user_id', v.user_id, 'reference', v.transaction_reference,
           'chain_step', v.chain_step, 'multiplier', v.ticket_multiplier, 'base_tickets', v.base_tickets,
           'bonus_tickets', v.bonus_tickets) AS payload,
       v.finished_at AS occurred_at
  FROM ad_schema.ad_engagements AS v
 WHERE v.public_id = %(subject)s::uuid AND v.status = 'COMPLETED';

-- name: rebuild_ad_view_rejected
-- A view that was rejected, with what it had earned until then.
SELECT jsonb_build_object(
           'view_id', v.public_id, 'user_id', v.user_id, 'reference', v.transaction_reference,
           'chain_step', v.chain_step, 'bonus_tickets', coalesce(r.bonus_taken_back, 0)) AS payload,
       coalesce(r.decided_at, v.finished_at) AS occurred_at
  FROM ad_schema.ad_engagements AS v
  LEFT JOIN ad_schema.ad_view_reviews AS r ON r.engagement_id = v.id
 WHERE v.public_id = %(subject)s::uuid AND v.status = 'REJECTED';
