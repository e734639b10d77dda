-- What coupon_schema derives, and what it says of itself, that is not so: of each the thing and how it is wrong.
-- The name's first word is the check that it belongs to.

-- name: totals_coupon_uses
-- A coupon's usage_count is not the number of its uses that were not given back.
SELECT c.coupon_code AS object, format('counted %s, uses %s', c.usage_count, coalesce(u.uses, 0)) AS detail
  FROM coupon_schema.coupons AS c
  LEFT JOIN (SELECT h.coupon_id, count(*) AS uses
               FROM coupon_schema.coupon_usage_history AS h
              WHERE h.restored_at IS NULL
              GROUP BY h.coupon_id) AS u ON u.coupon_id = c.id
 WHERE c.usage_count <> coalesce(u.uses, 0);

-- name: totals_campaign_uses
-- A campaign's shards do not add up to the uses and the money of its coupons.
SELECT g.campaign_code AS object,
       format('counted %s for %s, uses %s for %s', coalesce(s.used, 0), coalesce(s.spent, 0), coalesce(u.uses, 0),
              coalesce(u.spent, 0)) AS detail
  FROM coupon_schema.campaigns AS g
  LEFT JOIN (SELECT s.campaign_id, sum(s.used) AS used, sum(s.spent) AS spent
               FROM coupon_schema.campaign_usage_shards AS s
              GROUP BY s.campaign_id) AS s ON s.campaign_id = g.id
  LEFT JOIN (SELECT c.campaign_id, count(*) AS uses, sum(h.discount_amount) AS spent
               FROM coupon_schema.coupon_usage_history AS h
               JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
              WHERE h.restored_at IS NULL
              GROUP BY c.campaign_id) AS u ON u.campaign_id = g.id
 WHERE (coalesce(s.used, 0), coalesce(s.spent, 0)) <> (coalesce(u.uses, 0), coalesce(u.spent, 0));

-- name: totals_campaign_limits
-- The allotments of a campaign's shards do not add up to its limit or its budget, or more was spent than that.
SELECT g.campaign_code AS object,
       format('limit %s and budget %s, dealt %s and %s', g.total_usage_limit, g.budget_amount, s.uses, s.amount) AS detail
  FROM coupon_schema.campaigns AS g
  JOIN (SELECT s.campaign_id, sum(s.usage_allotment) AS uses, sum(s.spend_allotment) AS amount, sum(s.spent) AS spent
          FROM coupon_schema.campaign_usage_shards AS s
         GROUP BY s.campaign_id) AS s ON s.campaign_id = g.id
 WHERE (s.uses, s.amount) IS DISTINCT FROM (g.total_usage_limit::numeric, g.budget_amount) OR s.spent > g.budget_amount;

-- name: totals_user_uses
-- How often a user is said to have used a campaign is not how often the history says.
SELECT g.campaign_code || ' ' || coalesce(t.user_id, u.user_id)::text AS object,
       format('counted %s, uses %s', coalesce(t.used_count, 0), coalesce(u.uses, 0)) AS detail
  FROM coupon_schema.campaign_user_usages AS t
  FULL JOIN (SELECT c.campaign_id, h.user_id, count(*) AS uses
               FROM coupon_schema.coupon_usage_history AS h
               JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
              WHERE h.restored_at IS NULL
              GROUP BY c.campaign_id, h.user_id) AS u ON u.campaign_id = t.campaign_id AND u.user_id = t.user_id
  JOIN coupon_schema.campaigns AS g ON g.id = coalesce(t.campaign_id, u.campaign_id)
 WHERE coalesce(t.used_count, 0) <> coalesce(u.uses, 0);

-- name: totals_user_period_uses
-- The same of a user in a period, of those that began in the last 90 days: counts of earlier ones are deleted.
SELECT g.campaign_code || ' ' || coalesce(t.user_id, u.user_id)::text AS object,
       format('from %s counted %s, uses %s', coalesce(t.period_start, u.period_start), coalesce(t.used_count, 0),
              coalesce(u.uses, 0)) AS detail
  FROM coupon_schema.campaign_user_period_usages AS t
  FULL JOIN (SELECT c.campaign_id, h.user_id, p.period_start, count(*) AS uses
               FROM coupon_schema.coupon_usage_history AS h
               JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
               JOIN coupon_schema.campaigns AS k ON k.id = c.campaign_id AND k.per_user_period IS NOT NULL
              CROSS JOIN LATERAL coupon_schema.period_start(
                        k.per_user_period, k.time_zone, coalesce(h.taken_at, h.used_at)) AS p (period_start)
              WHERE h.restored_at IS NULL
              GROUP BY c.campaign_id, h.user_id, p.period_start) AS u
    ON (u.campaign_id, u.user_id, u.period_start) = (t.campaign_id, t.user_id, t.period_start)
  JOIN coupon_schema.campaigns AS g ON g.id = coalesce(t.campaign_id, u.campaign_id)
 WHERE coalesce(t.used_count, 0) <> coalesce(u.uses, 0)
   AND coalesce(t.period_start, u.period_start) > current_date - 90;

-- name: totals_batches
-- A batch that is complete issued another number than was asked for, or its coupons are not there.
SELECT b.batch_id::text AS object,
       format('asked for %s, issued %s, coupons %s', b.requested_count, i.issued, c.coupons) AS detail
  FROM coupon_schema.coupon_batches AS b
 CROSS JOIN LATERAL (SELECT coalesce(sum(k.coupon_count), 0) AS issued
                       FROM coupon_schema.coupon_batch_chunks AS k
                      WHERE k.batch_id = b.id AND k.issued_at IS NOT NULL) AS i
 CROSS JOIN LATERAL (SELECT count(*) AS coupons
                       FROM coupon_schema.coupons AS c
                      WHERE c.dense_index >= b.first_dense_index
                        AND c.dense_index < b.first_dense_index + b.requested_count
                        AND c.campaign_id = b.campaign_id) AS c
 WHERE b.status = 'COMPLETED' AND (i.issued, c.coupons) <> (b.requested_count, b.requested_count);

-- name: states_used_coupons
-- A coupon is USED with uses left, or ACTIVE with none.
SELECT c.coupon_code AS object, format('%s, used %s of %s times', c.status, c.usage_count, c.max_usage) AS detail
  FROM coupon_schema.coupons AS c
 WHERE c.status = 'USED' AND c.usage_count <> c.max_usage OR c.status = 'ACTIVE' AND c.usage_count >= c.max_usage;

-- name: states_coupons_of_erased
-- A person who was erased still holds coupons that can be used.
SELECT c.coupon_code AS object, format('%s since the erasure of %s', c.status, e.erased_at) AS detail
  FROM coupon_schema.erased_users AS e
  JOIN coupon_schema.coupons AS c ON c.user_id = e.user_id
 WHERE c.status IN ('ACTIVE', 'SUSPENDED');
