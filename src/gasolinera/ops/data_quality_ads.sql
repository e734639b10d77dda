-- What ad_schema derives, and what it says of itself, that is not so: of each the thing and how it is wrong.

-- name: totals_budgets
-- A campaign's shares do not add up to what its views cost.
SELECT g.campaign_code AS object, format('counted %s, views %s', coalesce(s.spent, 0), coalesce(v.cost, 0)) AS detail
  FROM ad_schema.ad_campaigns AS g
  LEFT JOIN (SELECT s.campaign_id, sum(s.spent) AS spent
               FROM ad_schema.ad_campaign_budget_shards AS s
              WHERE s.budget_date IS NULL
              GROUP BY s.campaign_id) AS s ON s.campaign_id = g.id
  LEFT JOIN (SELECT a.campaign_id, sum(v.cost) AS cost
               FROM ad_schema.ad_engagements AS v
               JOIN ad_schema.advertisements AS a ON a.id = v.advertisement_id
              WHERE v.status = 'COMPLETED' AND v.budget_shard IS NOT NULL
              GROUP BY a.campaign_id) AS v ON v.campaign_id = g.id
 WHERE coalesce(s.spent, 0) <> coalesce(v.cost, 0);

-- name: totals_allotments
-- More of a campaign's budget is dealt out, or spent, than there is.
SELECT g.campaign_code AS object, format('budget %s, dealt %s, spent %s', g.total_budget, s.allotted, s.spent) AS detail
  FROM ad_schema.ad_campaigns AS g
  JOIN (SELECT s.campaign_id, sum(s.allotted) AS allotted, sum(s.spent) AS spent
          FROM ad_schema.ad_campaign_budget_shards AS s
         WHERE s.budget_date IS NULL
         GROUP BY s.campaign_id) AS s ON s.campaign_id = g.id
 WHERE greatest(s.allotted, s.spent) > g.total_budget;

-- name: totals_figures
-- A day's figures of an advertisement are not what its views add up to. What waits to be folded into them is in
-- neither.
WITH fact AS (
    SELECT f.advertisement_id, f.analytics_date, sum(f.starts) AS starts, sum(f.completions) AS completions,
           sum(f.bonus_tickets) AS bonus_tickets, sum(f.cost) AS cost, sum(f.watched_s) AS watched_s
      FROM (SELECT v.advertisement_id, (v.started_at AT TIME ZONE 'UTC')::date AS analytics_date, 1 AS starts,
                   (v.status = 'COMPLETED')::integer AS completions, v.bonus_tickets, v.cost, v.watched_s
              FROM ad_schema.ad_engagements AS v
             WHERE v.status <> 'STARTED'
            UNION ALL
            SELECT c.advertisement_id, c.analytics_date, -(c.change).starts, -(c.change).completions,
                   -(c.change).bonus_tickets, -(c.change).cost, -(c.change).watched_s
              FROM ad_schema.ad_analytics_changes AS c) AS f
     GROUP BY f.advertisement_id, f.analytics_date
)
SELECT concat_ws(' ', d.public_id, coalesce(a.analytics_date, f.analytics_date)) AS object,
       format('figures %s views for %s, views %s for %s', coalesce(a.starts, 0), coalesce(a.cost, 0),
              coalesce(f.starts, 0), coalesce(f.cost, 0)) AS detail
  FROM ad_schema.ad_analytics AS a
  FULL JOIN fact AS f ON f.advertisement_id = a.advertisement_id AND f.analytics_date = a.analytics_date
  JOIN ad_schema.advertisements AS d ON d.id = coalesce(a.advertisement_id, f.advertisement_id)
 WHERE (coalesce(a.starts, 0), coalesce(a.completions, 0), coalesce(a.bonus_tickets, 0), coalesce(a.cost, 0),
        coalesce(a.watched_s, 0))
       <> (coalesce(f.starts, 0), coalesce(f.completions, 0), coalesce(f.bonus_tickets, 0), coalesce(f.cost, 0),
           coalesce(f.watched_s, 0));

-- name: totals_frequency
-- A user is said to have seen more of a campaign in a period than there are views since it began.
SELECT g.campaign_code || ' ' || c.user_id::text AS object,
       format('since %s counted %s, views %s', c.period_start, c.engagement_count, v.views) AS detail
  FROM ad_schema.ad_frequency_counters AS c
  JOIN ad_schema.ad_campaigns AS g ON g.id = c.campaign_id
 CROSS JOIN LATERAL (SELECT count(*) AS views
                       FROM ad_schema.ad_engagements AS v
                       JOIN ad_schema.advertisements AS a ON a.id = v.advertisement_id
                      WHERE a.campaign_id = c.campaign_id AND v.user_id = c.user_id
                        AND v.started_at >= c.period_start) AS v
 WHERE c.engagement_count > v.views;

-- name: totals_chain_steps
-- A redemption is said to be multiplied further than views of it were completed.
SELECT r.transaction_reference AS object,
       format('says %s steps, views %s', r.steps_completed, coalesce(v.steps, 0)) AS detail
  FROM ad_schema.ad_redemptions AS r
  LEFT JOIN (SELECT v.transaction_reference, count(DISTINCT v.chain_step) AS steps
               FROM ad_schema.ad_engagements AS v
              WHERE v.status IN ('COMPLETED', 'REJECTED')
              GROUP BY v.transaction_reference) AS v ON v.transaction_reference = r.transaction_reference
 WHERE r.steps_completed > coalesce(v.steps, 0);

-- name: states_silent_views
-- A view is under way for more than a day.
SELECT v.public_id::text AS object, format('since %s', v.started_at) AS detail
  FROM ad_schema.ad_engagements AS v
 WHERE v.status = 'STARTED' AND v.started_at < now() - interval '1 day';

-- name: states_reviews
-- A view was rejected by a review and counts, or the other way round.
SELECT v.public_id::text AS object, format('view %s, review %s', v.status, r.status) AS detail
  FROM ad_schema.ad_view_reviews AS r
  JOIN ad_schema.ad_engagements AS v ON v.id = r.engagement_id
 WHERE (r.status = 'REJECTED') <> (v.status = 'REJECTED');
