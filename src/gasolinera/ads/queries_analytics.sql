-- name: fold_analytics
-- The oldest changes into the figures.
SELECT ad_schema.fold_analytics($1);

-- name: read_figures
-- Lines of the figures and how old they are, at one moment: one row without a currency where there are none.
SELECT s.as_of, g.*
  FROM ad_schema.ad_analytics_states AS s
  LEFT JOIN (
       SELECT k.day, k.advertiser_code, k.campaign_code, k.advertisement, min(k.title) AS title, a.currency,
              sum(a.impressions)::bigint AS impressions, sum(a.starts)::bigint AS starts,
              sum(a.first_quartiles)::bigint AS first_quartiles, sum(a.midpoints)::bigint AS midpoints,
              sum(a.third_quartiles)::bigint AS third_quartiles, sum(a.completions)::bigint AS completions,
              sum(a.skips)::bigint AS skips, sum(a.failures)::bigint AS failures, sum(a.abandons)::bigint AS abandons,
              sum(a.rejections)::bigint AS rejections, sum(a.clicks)::bigint AS clicks,
              sum(a.unique_users)::bigint AS viewer_days, sum(a.watched_s) AS watched_s,
              sum(a.bonus_tickets)::bigint AS bonus_tickets, sum(a.cost) AS cost,
              sum(a.rejected_cost) AS rejected_cost,
              round(100.0 * sum(a.starts) / nullif(sum(a.impressions), 0), 1) AS start_percent,
              round(100.0 * sum(a.completions) / nullif(sum(a.starts), 0), 1) AS completion_percent,
              round(100.0 * sum(a.clicks) / nullif(sum(a.starts), 0), 1) AS click_percent,
              round(100.0 * sum(a.rejections) / nullif(sum(a.starts), 0), 1) AS rejected_percent,
              round(sum(a.quality_score_sum)::numeric / nullif(sum(a.scored_engagements), 0), 1) AS mean_quality_score,
              round(sum(a.fraud_score_sum)::numeric / nullif(sum(a.scored_engagements), 0), 1) AS mean_fraud_score
         FROM ad_schema.ad_analytics AS a
         JOIN ad_schema.advertisements AS d ON d.id = a.advertisement_id
         JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
         JOIN ad_schema.advertisers AS r ON r.id = p.advertiser_id
        CROSS JOIN LATERAL (
              SELECT CASE WHEN $6::boolean THEN a.analytics_date ELSE DATE '1970-01-01' END,
                     CASE WHEN $7::boolean THEN r.advertiser_code ELSE '' END,
                     CASE WHEN $8::boolean THEN p.campaign_code ELSE '' END,
                     CASE WHEN $9::boolean THEN d.public_id ELSE '00000000-0000-0000-0000-000000000000'::uuid END,
                     CASE WHEN $9::boolean THEN d.title ELSE '' END)
              AS k (day, advertiser_code, campaign_code, advertisement, title)
        WHERE a.analytics_date BETWEEN $1::date AND $2::date
          AND ($3::text IS NULL OR r.advertiser_code = $3) AND ($4::text IS NULL OR p.campaign_code = $4)
          AND ($5::uuid IS NULL OR d.public_id = $5)
          -- By day a page begins at the day of the one before: it does not read all days anew.
          AND (NOT $6::boolean OR a.analytics_date >= $10::date)
          AND (k.day, k.advertiser_code, k.campaign_code, k.advertisement, a.currency)
              > ($10::date, $11::text, $12::text, $13::uuid, $14::text)
        GROUP BY k.day, k.advertiser_code, k.campaign_code, k.advertisement, a.currency
        ORDER BY k.day, k.advertiser_code, k.campaign_code, k.advertisement, a.currency
        LIMIT $15) AS g ON true
 WHERE s.report_name = 'ad_analytics'
 ORDER BY g.day, g.advertiser_code, g.campaign_code, g.advertisement, g.currency;

-- name: rank_advertisements
-- The best advertisements of these days by one measure; of two that are equal the older advertisement.
WITH summed AS (
    SELECT a.advertisement_id, a.currency,
           sum(a.impressions)::bigint AS impressions, sum(a.starts)::bigint AS starts,
           sum(a.first_quartiles)::bigint AS first_quartiles, sum(a.midpoints)::bigint AS midpoints,
           sum(a.third_quartiles)::bigint AS third_quartiles, sum(a.completions)::bigint AS completions,
           sum(a.skips)::bigint AS skips, sum(a.failures)::bigint AS failures, sum(a.abandons)::bigint AS abandons,
           sum(a.rejections)::bigint AS rejections, sum(a.clicks)::bigint AS clicks,
           sum(a.unique_users)::bigint AS viewer_days, sum(a.watched_s) AS watched_s,
           sum(a.bonus_tickets)::bigint AS bonus_tickets, sum(a.cost) AS cost, sum(a.rejected_cost) AS rejected_cost,
           round(100.0 * sum(a.starts) / nullif(sum(a.impressions), 0), 1) AS start_percent,
           round(100.0 * sum(a.completions) / nullif(sum(a.starts), 0), 1) AS completion_percent,
           round(100.0 * sum(a.clicks) / nullif(sum(a.starts), 0), 1) AS click_percent,
           round(100.0 * sum(a.rejections) / nullif(sum(a.starts), 0), 1) AS rejected_percent,
           round(sum(a.quality_score_sum)::numeric / nullif(sum(a.scored_engagements), 0), 1) AS mean_quality_score,
           round(sum(a.fraud_score_sum)::numeric / nullif(sum(a.scored_engagements), 0), 1) AS mean_fraud_score
      FROM ad_schema.ad_analytics AS a
     WHERE a.analytics_date BETWEEN $1::date AND $2::date
     GROUP BY a.advertisement_id, a.currency
), best AS (
    SELECT NULL::date AS day, r.advertiser_code, p.campaign_code, d.public_id AS advertisement, d.title, d.id, s.*,
           CASE $6::text
               WHEN 'starts' THEN s.starts
               WHEN 'completions' THEN s.completions
               WHEN 'clicks' THEN s.clicks
               WHEN 'cost' THEN s.cost
               WHEN 'completion_percent' THEN s.completion_percent
               WHEN 'click_percent' THEN s.click_percent
               WHEN 'quality' THEN s.mean_quality_score
           END AS rank
      FROM summed AS s
      JOIN ad_schema.advertisements AS d ON d.id = s.advertisement_id
      JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
      JOIN ad_schema.advertisers AS r ON r.id = p.advertiser_id
     WHERE ($3::text IS NULL OR r.advertiser_code = $3) AND ($4::text IS NULL OR p.campaign_code = $4)
       AND ($5::text IS NULL OR s.currency = $5) AND s.starts >= $7
     ORDER BY rank DESC NULLS LAST, d.id
     LIMIT $8
)
SELECT s.as_of, b.*
  FROM ad_schema.ad_analytics_states AS s
  LEFT JOIN best AS b ON true
 WHERE s.report_name = 'ad_analytics'
 ORDER BY b.rank DESC NULLS LAST, b.id;

-- name: read_budgets
-- Campaigns with what they spent, one page.
SELECT b.advertiser_code, b.campaign_code, b.name, b.status, b.pacing, b.starts_at, b.ends_at, b.currency,
       b.total_budget, b.spent, b.remaining, b.spent_percent, b.elapsed_percent, b.is_alerted, b.daily_budget,
       b.spent_today, b.pace, b.starts, b.completions, b.rejections
  FROM ad_schema.campaign_summary AS b
 WHERE ($1::text IS NULL OR b.advertiser_code = $1) AND ($2::text IS NULL OR b.status = $2)
   AND (b.advertiser_code, b.campaign_code) > ($3::text, $4::text)
 ORDER BY b.advertiser_code, b.campaign_code
 LIMIT $5;

-- name: read_fraud
-- What was refused, by day and campaign, the newest day first.
SELECT f.analytics_date AS day, f.advertiser_code, f.campaign_code, f.currency, f.starts, f.completions, f.rejections,
       f.rejected_percent, f.rejected_cost, f.mean_fraud_score, f.mean_quality_score
  FROM ad_schema.ad_fraud_statistics AS f
 WHERE f.analytics_date BETWEEN $1::date AND $2::date
   AND ($3::text IS NULL OR f.advertiser_code = $3) AND ($4::text IS NULL OR f.campaign_code = $4)
   AND (f.analytics_date < $5::date OR f.analytics_date = $5
        AND (f.advertiser_code, f.campaign_code, f.currency) > ($6::text, $7::text, $8::text))
 ORDER BY f.analytics_date DESC, f.advertiser_code, f.campaign_code, f.currency
 LIMIT $9;

-- name: find_advertiser
-- Who is paying.
SELECT r.advertiser_code, r.name FROM ad_schema.advertisers AS r WHERE r.advertiser_code = $1;

-- name: allow_half_an_hour
-- Each statement of this transaction: all views take longer to add up than a request may.
SELECT set_config('statement_timeout', '30min', true);

-- name: check_figures
-- The figures, with what waits to be folded, beside the views themselves; one statement, one moment.
WITH told AS (
    SELECT a.advertisement_id, a.analytics_date,
           ARRAY[a.impressions, a.starts, a.first_quartiles, a.midpoints, a.third_quartiles, a.completions, a.skips,
                 a.failures, a.abandons, a.rejections, a.clicks, a.unique_users, a.watched_s, a.bonus_tickets, a.cost,
                 a.rejected_cost, a.scored_engagements, a.quality_score_sum, a.fraud_score_sum]::numeric[] AS figures
      FROM ad_schema.ad_analytics AS a
     WHERE a.analytics_date BETWEEN $1::date AND $2::date
), waiting AS (
    SELECT c.advertisement_id, c.analytics_date, c.change,
           c.is_first AND NOT EXISTS (
               SELECT FROM ad_schema.ad_viewer_days AS v
                WHERE (v.advertisement_id, v.analytics_date, v.user_id) = (c.advertisement_id, c.analytics_date, c.user_id))
           AND NOT EXISTS (
               SELECT FROM ad_schema.ad_analytics_changes AS o
                WHERE o.is_first AND o.id < c.id
                  AND (o.advertisement_id, o.analytics_date, o.user_id) = (c.advertisement_id, c.analytics_date, c.user_id))
           AS is_met
      FROM ad_schema.ad_analytics_changes AS c
     WHERE c.analytics_date BETWEEN $1 AND $2
), to_come AS (
    SELECT w.advertisement_id, w.analytics_date,
           ARRAY[sum((w.change).starts), sum((w.change).starts), sum((w.change).first_quartiles),
                 sum((w.change).midpoints), sum((w.change).third_quartiles), sum((w.change).completions),
                 sum((w.change).skips), sum((w.change).failures), sum((w.change).abandons),
                 sum((w.change).rejections), sum((w.change).clicks), count(*) FILTER (WHERE w.is_met),
                 sum((w.change).watched_s), sum((w.change).bonus_tickets), sum((w.change).cost),
                 sum((w.change).rejected_cost), sum((w.change).scored_engagements),
                 sum((w.change).quality_score_sum), sum((w.change).fraud_score_sum)]::numeric[] AS figures
      FROM waiting AS w
     GROUP BY w.advertisement_id, w.analytics_date
), expected AS (
    SELECT advertisement_id, analytics_date,
           (SELECT array_agg(coalesce(m.told, 0) + coalesce(m.coming, 0) ORDER BY m.place)
              FROM unnest(t.figures, c.figures) WITH ORDINALITY AS m (told, coming, place)) AS figures
      FROM told AS t
      FULL JOIN to_come AS c USING (advertisement_id, analytics_date)
), viewed AS (
    SELECT e.advertisement_id, (e.started_at AT TIME ZONE 'UTC')::date AS analytics_date,
           count(*) AS starts,
           count(*) FILTER (WHERE e.quartile > 0) AS first_quartiles,
           count(*) FILTER (WHERE e.quartile > 1) AS midpoints,
           count(*) FILTER (WHERE e.quartile > 2) AS third_quartiles,
           count(*) FILTER (WHERE e.status = 'COMPLETED') AS completions,
           count(*) FILTER (WHERE e.status = 'SKIPPED') AS skips,
           count(*) FILTER (WHERE e.status = 'FAILED' OR e.status = 'EXPIRED') AS failures,
           count(*) FILTER (WHERE e.status = 'ABANDONED') AS abandons,
           count(*) FILTER (WHERE e.status = 'REJECTED') AS rejections,
           count(e.clicked_at) AS clicks, count(DISTINCT e.user_id) AS unique_users, sum(e.watched_s) AS watched_s,
           sum(e.bonus_tickets) AS bonus_tickets, sum(e.cost) AS cost,
           sum(e.rejected_cost) AS rejected_cost,
           count(e.quality_score + e.fraud_score) AS scored_engagements,
           coalesce(sum(e.quality_score) FILTER (WHERE e.fraud_score IS NOT NULL), 0) AS quality_score_sum,
           coalesce(sum(e.fraud_score) FILTER (WHERE e.quality_score IS NOT NULL), 0) AS fraud_score_sum
      FROM ad_schema.ad_engagements AS e
     WHERE e.finished_at IS NOT NULL AND (e.started_at AT TIME ZONE 'UTC')::date BETWEEN $1 AND $2
     GROUP BY 1, 2
), lapsed AS (
    SELECT k.advertisement_id, (k.created_at AT TIME ZONE 'UTC')::date AS analytics_date, count(*) AS lapsed
      FROM ad_schema.ad_view_tokens AS k
     WHERE k.is_lapsed AND (k.created_at AT TIME ZONE 'UTC')::date BETWEEN $1 AND $2
     GROUP BY 1, 2
), fact AS (
    SELECT advertisement_id, analytics_date,
           ARRAY[coalesce(v.starts, 0) + coalesce(l.lapsed, 0), coalesce(v.starts, 0), coalesce(v.first_quartiles, 0),
                 coalesce(v.midpoints, 0), coalesce(v.third_quartiles, 0), coalesce(v.completions, 0),
                 coalesce(v.skips, 0), coalesce(v.failures, 0), coalesce(v.abandons, 0), coalesce(v.rejections, 0),
                 coalesce(v.clicks, 0), coalesce(v.unique_users, 0), coalesce(v.watched_s, 0),
                 coalesce(v.bonus_tickets, 0), coalesce(v.cost, 0), coalesce(v.rejected_cost, 0),
                 coalesce(v.scored_engagements, 0), coalesce(v.quality_score_sum, 0),
                 coalesce(v.fraud_score_sum, 0)]::numeric[] AS figures
      FROM viewed AS v
      FULL JOIN lapsed AS l USING (advertisement_id, analytics_date)
), compared AS (
    SELECT advertisement_id, analytics_date, x.figures AS told, f.figures AS facts
      FROM expected AS x
      FULL JOIN fact AS f USING (advertisement_id, analytics_date)
)
SELECT s.as_of, (SELECT count(*) FROM told) AS line_count,
       (SELECT count(*) FROM ad_schema.ad_analytics_changes) AS waiting_count,
       o.subject, o.day, o.measure, o.told, o.fact
  FROM ad_schema.ad_analytics_states AS s
  LEFT JOIN LATERAL (
       SELECT d.public_id::text AS subject, c.analytics_date AS day, m.measure, m.told, m.fact
         FROM compared AS c
         LEFT JOIN ad_schema.advertisements AS d ON d.id = c.advertisement_id
        CROSS JOIN LATERAL unnest(
              ARRAY['impressions', 'starts', 'first_quartiles', 'midpoints', 'third_quartiles', 'completions', 'skips',
                    'failures', 'abandons', 'rejections', 'clicks', 'unique_users', 'watched_s', 'bonus_tickets', 'cost',
                    'rejected_cost', 'scored_engagements', 'quality_score_sum', 'fraud_score_sum'],
              c.told, c.facts) AS m (measure, told, fact)
        WHERE m.told IS DISTINCT FROM m.fact
          -- What was handed out and not used on days whose tokens are deleted, nobody can count any more.
          AND NOT (c.analytics_date < s.impressions_from
                   AND (m.measure = 'impressions' AND m.told >= coalesce(m.fact, 0)
                        OR c.facts IS NULL AND m.told = 0))
        ORDER BY c.analytics_date, d.public_id, m.measure
        LIMIT $3) AS o ON true
 WHERE s.report_name = 'ad_analytics';

-- name: check_spent
-- What the shares of the budgets say was spent beside what the views cost, in all and by day of the campaign's zone.
WITH view AS (
    SELECT d.campaign_id, e.cost, (e.charged_at AT TIME ZONE p.time_zone)::date AS day
      FROM (SELECT v.advertisement_id, v.cost, v.finished_at AS charged_at FROM ad_schema.ad_engagements AS v
             WHERE v.cost > 0) AS e
      JOIN ad_schema.advertisements AS d ON d.id = e.advertisement_id
      JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
), fact AS (
    SELECT v.campaign_id, NULL::date AS day, sum(v.cost) AS cost FROM view AS v GROUP BY v.campaign_id
    UNION ALL
    SELECT v.campaign_id, v.day, sum(v.cost) FROM view AS v GROUP BY v.campaign_id, v.day
), told AS (
    SELECT h.campaign_id, h.budget_date AS day, sum(h.spent) AS spent
      FROM ad_schema.ad_campaign_budget_shards AS h
     GROUP BY h.campaign_id, h.budget_date
)
SELECT p.campaign_code AS subject, coalesce(t.day, f.day) AS day, 'spent' AS measure, t.spent AS told,
       coalesce(f.cost, 0) AS fact
  FROM told AS t
  FULL JOIN fact AS f
    ON f.campaign_id = t.campaign_id AND coalesce(f.day, '-infinity') = coalesce(t.day, '-infinity')
  JOIN ad_schema.ad_campaigns AS p ON p.id = coalesce(t.campaign_id, f.campaign_id)
 WHERE coalesce(t.spent, 0) <> coalesce(f.cost, 0)
   -- A day without shares had no daily budget then.
   AND (t.campaign_id IS NOT NULL OR f.day IS NULL)
   AND coalesce(t.day, f.day, $1) BETWEEN $1::date AND $2::date
 ORDER BY p.campaign_code, day NULLS FIRST
 LIMIT $3;

-- name: rebuild_figures
-- These days anew, where somebody spoilt them.
SELECT ad_schema.rebuild_analytics($1, $2);

-- name: measure
-- For the metrics: what is under way, what waits, and the sums of today, of UTC.
SELECT (SELECT count(*) FROM ad_schema.ad_engagements AS e WHERE e.status = 'STARTED') AS running,
       (SELECT count(*) FROM ad_schema.ad_view_reviews AS r WHERE r.status = 'PENDING') AS reviews,
       coalesce(extract(epoch FROM now() - s.as_of), 0)::float8 AS age_s,
       t.completed, t.skipped, t.failed, t.abandoned, t.rejected
  FROM ad_schema.ad_analytics_states AS s
 CROSS JOIN (
       SELECT coalesce(sum(a.completions), 0)::bigint AS completed, coalesce(sum(a.skips), 0)::bigint AS skipped,
              coalesce(sum(a.failures), 0)::bigint AS failed, coalesce(sum(a.abandons), 0)::bigint AS abandoned,
              coalesce(sum(a.rejections), 0)::bigint AS rejected
         FROM ad_schema.ad_analytics AS a
        WHERE a.analytics_date = (now() AT TIME ZONE 'UTC')::date) AS t
 WHERE s.report_name = 'ad_analytics';
