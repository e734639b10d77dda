-- What coupon_schema says to other services, by sorted keys.

-- name: uses
-- Uses of coupons. is_due: a cancellation would give the coupon back now, by its campaign's policy.
SELECT h.redemption_reference COLLATE "C" AS key, coalesce(h.restored_at, h.used_at) AS at, c.coupon_code, h.user_id,
       h.original_amount, h.discount_amount, h.restored_at IS NOT NULL AS is_given_back,
       g.cancellation_policy = 'RESTORE'
           OR g.cancellation_policy = 'RESTORE_IF_VALID' AND c.valid_until > now() AS is_due
  FROM coupon_schema.coupon_usage_history AS h
  JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 ORDER BY 1;

-- name: erasures_coupon
-- Who is known to be erased.
SELECT (u.user_id::text) COLLATE "C" AS key, u.erased_at AS at FROM coupon_schema.erased_users AS u ORDER BY 1;
