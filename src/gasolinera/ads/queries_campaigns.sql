-- Advertisers and campaigns: made, changed, started and ended, looked at; their budgets dealt and watched.

-- name: create_advertiser
-- ACTIVE from the beginning.
INSERT INTO ad_schema.advertisers (advertiser_code, name, contact_name, contact_email) VALUES ($1, $2, $3, $4);

-- name: change_advertiser
-- What the document names is set.
UPDATE ad_schema.advertisers AS a
   SET (name, contact_name, contact_email, status)
       = (SELECT r.name, r.contact_name, r.contact_email, r.status FROM jsonb_populate_record(a, $2::jsonb) AS r)
 WHERE a.advertiser_code = $1
RETURNING true;

-- name: get_advertiser
-- One advertiser and how many campaigns it has.
SELECT a.advertiser_code, a.name, a.contact_name, a.contact_email, a.status, count(c.id) AS campaigns,
       count(c.id) FILTER (WHERE c.status = 'ACTIVE') AS active_campaigns, a.created_at, a.updated_at
  FROM ad_schema.advertisers AS a
  LEFT JOIN ad_schema.ad_campaigns AS c ON c.advertiser_id = a.id
 WHERE a.advertiser_code = $1
 GROUP BY a.id;

-- name: list_advertisers
-- One page by code after a cursor ('' for the first); NULL filters match all.
SELECT a.advertiser_code, a.name, a.contact_name, a.contact_email, a.status, count(c.id) AS campaigns,
       count(c.id) FILTER (WHERE c.status = 'ACTIVE') AS active_campaigns, a.created_at, a.updated_at
  FROM ad_schema.advertisers AS a
  LEFT JOIN ad_schema.ad_campaigns AS c ON c.advertiser_id = a.id
 WHERE a.advertiser_code > $1
   AND ($3::text IS NULL OR a.status = $3)
   AND ($4::text IS NULL OR strpos(lower(a.name), lower($4)) > 0 OR strpos(a.advertiser_code, upper($4)) > 0)
 GROUP BY a.id
 ORDER BY a.advertiser_code
 LIMIT $2;

-- name: list_advertisers_down
-- The same, the last code first, before a cursor; NULL for the first page.
SELECT a.advertiser_code, a.name, a.contact_name, a.contact_email, a.status, count(c.id) AS campaigns,
       count(c.id) FILTER (WHERE c.status = 'ACTIVE') AS active_campaigns, a.created_at, a.updated_at
  FROM ad_schema.advertisers AS a
  LEFT JOIN ad_schema.ad_campaigns AS c ON c.advertiser_id = a.id
 WHERE ($1::text IS NULL OR a.advertiser_code < $1)
   AND ($3::text IS NULL OR a.status = $3)
   AND ($4::text IS NULL OR strpos(lower(a.name), lower($4)) > 0 OR strpos(a.advertiser_code, upper($4)) > 0)
 GROUP BY a.id
 ORDER BY a.advertiser_code DESC
 LIMIT $2;

-- name: create_campaign
-- A draft of an advertiser that is not closed; no row when there is none.
INSERT INTO ad_schema.ad_campaigns (
    campaign_code, advertiser_id, name, description, starts_at, ends_at, time_zone, priority, pacing, total_budget,
    daily_budget, cost_per_engagement, currency, budget_alert_percent, frequency_cap, frequency_period,
    max_bonus_tickets, created_by)
SELECT $1, a.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18
  FROM ad_schema.advertisers AS a
 WHERE a.advertiser_code = $2 AND a.status <> 'CLOSED'
RETURNING id;

-- name: remove_targets
-- Those of a campaign that are not in the new list.
DELETE FROM ad_schema.ad_campaign_targets AS t
 WHERE t.campaign_id = $1
   AND NOT EXISTS (
       SELECT FROM jsonb_to_recordset($2::jsonb) AS n (dimension text, value text, is_excluded boolean)
        WHERE (n.dimension, n.value, n.is_excluded) = (t.dimension, t.value, t.is_excluded));

-- name: add_targets
-- Those of the new list that the campaign has not.
INSERT INTO ad_schema.ad_campaign_targets (campaign_id, dimension, value, is_excluded)
SELECT $1, n.dimension, n.value, n.is_excluded
  FROM jsonb_to_recordset($2::jsonb) AS n (dimension text, value text, is_excluded boolean)
 WHERE NOT EXISTS (
       SELECT FROM ad_schema.ad_campaign_targets AS t
        WHERE t.campaign_id = $1
          AND (n.dimension, n.value, n.is_excluded) = (t.dimension, t.value, t.is_excluded));

-- name: remove_windows
-- Those of a campaign that are not in the new list.
DELETE FROM ad_schema.ad_campaign_windows AS w
 WHERE w.campaign_id = $1
   AND NOT EXISTS (
       SELECT FROM jsonb_to_recordset($2::jsonb) AS n (weekday smallint, from_time time, until_time time)
        WHERE (n.weekday, n.from_time, n.until_time) = (w.weekday, w.from_time, w.until_time));

-- name: add_windows
-- Those of the new list that the campaign has not.
INSERT INTO ad_schema.ad_campaign_windows (campaign_id, weekday, from_time, until_time)
SELECT $1, n.weekday, n.from_time, n.until_time
  FROM jsonb_to_recordset($2::jsonb) AS n (weekday smallint, from_time time, until_time time)
 WHERE NOT EXISTS (
       SELECT FROM ad_schema.ad_campaign_windows AS w
        WHERE w.campaign_id = $1
          AND (n.weekday, n.from_time, n.until_time) = (w.weekday, w.from_time, w.until_time));

-- name: change_campaign
-- What the document names is set, if nobody changed the campaign since the version ($2, microseconds) was read and it
-- is not over. A raised budget is one whose alert is still to be told.
UPDATE ad_schema.ad_campaigns AS c
   SET (name, description, starts_at, ends_at, time_zone, priority, pacing, total_budget, daily_budget,
        cost_per_engagement, budget_alert_percent, frequency_cap, frequency_period, max_bonus_tickets,
        budget_alerted_at)
       = (SELECT r.name, r.description, r.starts_at, r.ends_at, r.time_zone, r.priority, r.pacing, r.total_budget,
                 r.daily_budget, r.cost_per_engagement, r.budget_alert_percent, r.frequency_cap, r.frequency_period,
                 r.max_bonus_tickets,
                 CASE WHEN r.total_budget <= c.total_budget AND r.budget_alert_percent <= c.budget_alert_percent
                      THEN c.budget_alerted_at END
            FROM jsonb_populate_record(c, $3::jsonb) AS r)
 WHERE c.campaign_code = $1 AND c.status IN ('DRAFT', 'ACTIVE', 'PAUSED')
   AND (extract(epoch FROM c.updated_at) * 1000000)::bigint = $2
RETURNING c.id;

-- name: deal_again
-- What is left of a changed budget, to the shares that are dealt: the total ones, and the days' from today on.
SELECT ad_schema.deal_budget(dealt.campaign_id, dealt.budget_date)
  FROM (
    SELECT DISTINCT s.campaign_id, s.budget_date
      FROM ad_schema.ad_campaign_budget_shards AS s
      JOIN ad_schema.ad_campaigns AS c ON c.id = s.campaign_id
     WHERE s.campaign_id = $1
       AND (s.budget_date IS NULL OR s.budget_date >= (now() AT TIME ZONE c.time_zone)::date)
  ) AS dealt
 ORDER BY dealt.budget_date NULLS FIRST;

-- name: change_campaign_status
-- Only to a status that may follow; to ACTIVE only what is not over and whose advertiser is ACTIVE.
UPDATE ad_schema.ad_campaigns AS c
   SET status = $2
  FROM ad_schema.advertisers AS a
 WHERE c.campaign_code = $1 AND a.id = c.advertiser_id
   AND (c.status, $2) IN (
       ('DRAFT', 'ACTIVE'), ('DRAFT', 'CANCELLED'), ('ACTIVE', 'PAUSED'), ('ACTIVE', 'COMPLETED'),
       ('ACTIVE', 'CANCELLED'), ('PAUSED', 'ACTIVE'), ('PAUSED', 'COMPLETED'), ('PAUSED', 'CANCELLED'))
   AND ($2 <> 'ACTIVE' OR (c.ends_at > now() AND a.status = 'ACTIVE'))
RETURNING c.id;

-- name: refusal_facts
-- Why a change found nothing to do.
SELECT c.status, c.ends_at <= now() AS is_past, a.status AS advertiser_status
  FROM ad_schema.ad_campaigns AS c
  JOIN ad_schema.advertisers AS a ON a.id = c.advertiser_id
 WHERE c.campaign_code = $1;

-- name: deal_missing
-- Shares that no one has dealt of active campaigns, $2 at most: total, today's and tomorrow's, so that a day's are there
-- before it begins. $1: of this campaign alone; NULL: of all.
SELECT count(dealt.done)
  FROM (
    SELECT ad_schema.deal_budget(missing.id, missing.day) AS done
      FROM (
        SELECT c.id, budget.day
          FROM ad_schema.ad_campaigns AS c
         CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE c.time_zone)::date AS today) AS here
         CROSS JOIN LATERAL (VALUES (NULL::date), (here.today), (here.today + 1)) AS budget (day)
         WHERE c.status = 'ACTIVE' AND c.ends_at > now() AND ($1::bigint IS NULL OR c.id = $1)
           AND (budget.day IS NULL
                OR (c.daily_budget IS NOT NULL AND budget.day < (c.ends_at AT TIME ZONE c.time_zone)
                    AND budget.day >= (c.starts_at AT TIME ZONE c.time_zone)::date))
           AND NOT EXISTS (
               SELECT FROM ad_schema.ad_campaign_budget_shards AS s
                WHERE s.campaign_id = c.id AND budget.day IS NULL AND s.budget_date IS NULL)
           AND NOT EXISTS (
               SELECT FROM ad_schema.ad_campaign_budget_shards AS s
                WHERE s.campaign_id = c.id AND s.budget_date = budget.day)
         ORDER BY c.id, budget.day NULLS FIRST
         LIMIT $2
      ) AS missing
  ) AS dealt;

-- name: end_due
-- Campaigns whose schedule is over, some at a time.
UPDATE ad_schema.ad_campaigns AS c
   SET status = 'COMPLETED'
 WHERE c.id IN (
        SELECT d.id FROM ad_schema.ad_campaigns AS d
         WHERE d.status IN ('ACTIVE', 'PAUSED') AND d.ends_at <= now()
         ORDER BY d.id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING c.campaign_code;

-- name: alert_budgets
-- Active campaigns that have spent as much of their total budget as somebody wants to hear of, some at a time, once.
UPDATE ad_schema.ad_campaigns AS c
   SET budget_alerted_at = now()
  FROM (
    SELECT d.id, money.spent
      FROM ad_schema.ad_campaigns AS d
     CROSS JOIN LATERAL (
        SELECT sum(s.spent) AS spent FROM ad_schema.ad_campaign_budget_shards AS s
         WHERE s.campaign_id = d.id AND s.budget_date IS NULL
     ) AS money
     WHERE d.status = 'ACTIVE' AND d.budget_alerted_at IS NULL
       AND money.spent * 100 >= d.total_budget * d.budget_alert_percent
     ORDER BY d.id LIMIT $1 FOR NO KEY UPDATE OF d SKIP LOCKED
  ) AS due
 WHERE c.id = due.id
RETURNING c.campaign_code, c.currency, c.total_budget, due.spent, c.budget_alert_percent;

-- name: close_paced
-- What serving need not look at for a while, because its money does not let it be shown: read by everybody's choice
-- from now on. Rows that somebody works at are left for the next time.
UPDATE ad_schema.ad_serving AS s
   SET closed_until = due.closed_until
  FROM (
    SELECT f.advertisement_id, judged.closed_until
      FROM (
        SELECT DISTINCT o.campaign_id FROM ad_schema.ad_serving AS o
         WHERE o.closed_until <= now() AND o.starts_at <= now() AND now() < o.ends_at
      ) AS open
     CROSS JOIN LATERAL ad_schema.judge_budget(open.campaign_id, now()) AS judged
      JOIN ad_schema.ad_serving AS f ON f.campaign_id = open.campaign_id
     WHERE judged.closed_until > now()
     ORDER BY f.advertisement_id
       FOR NO KEY UPDATE OF f SKIP LOCKED
  ) AS due
 WHERE s.advertisement_id = due.advertisement_id;

-- name: get_campaign
-- One campaign with everything, and what was spent of it.
SELECT c.campaign_code, a.advertiser_code, a.name AS advertiser_name, c.name, c.description, c.status, c.starts_at,
       c.ends_at, c.time_zone, c.priority, c.pacing, c.total_budget, c.daily_budget, c.cost_per_engagement, c.currency,
       c.budget_alert_percent, c.budget_alerted_at, c.frequency_cap, c.frequency_period, c.max_bonus_tickets,
       money.spent, money.spent_today,
       (SELECT count(*) FROM ad_schema.advertisements AS v WHERE v.campaign_id = c.id) AS advertisements,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'dimension', t.dimension, 'value', t.value, 'is_excluded', t.is_excluded)
                   ORDER BY t.dimension, t.value), '[]')
          FROM ad_schema.ad_campaign_targets AS t WHERE t.campaign_id = c.id) AS targets,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'weekday', w.weekday, 'from_time', left(w.from_time::text, 5),
                   'until_time', left(w.until_time::text, 5)) ORDER BY w.weekday, w.from_time), '[]')
          FROM ad_schema.ad_campaign_windows AS w WHERE w.campaign_id = c.id) AS windows,
       c.created_by, (extract(epoch FROM c.updated_at) * 1000000)::bigint AS version, c.created_at, c.updated_at
  FROM ad_schema.ad_campaigns AS c
  JOIN ad_schema.advertisers AS a ON a.id = c.advertiser_id
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(s.spent) FILTER (WHERE s.budget_date IS NULL), 0) AS spent,
           coalesce(sum(s.spent) FILTER (WHERE s.budget_date IS NOT NULL), 0) AS spent_today
      FROM ad_schema.ad_campaign_budget_shards AS s
     WHERE s.campaign_id = c.id
       AND (s.budget_date IS NULL OR s.budget_date = (now() AT TIME ZONE c.time_zone)::date)
 ) AS money
 WHERE c.campaign_code = $1;

-- name: list_campaigns
-- One page by code after a cursor ('' for the first); NULL filters match all.
SELECT c.campaign_code, a.advertiser_code, c.name, c.status, c.starts_at, c.ends_at, c.time_zone, c.priority, c.pacing,
       c.total_budget, c.daily_budget, c.cost_per_engagement, c.currency,
       (SELECT coalesce(sum(s.spent), 0) FROM ad_schema.ad_campaign_budget_shards AS s
         WHERE s.campaign_id = c.id AND s.budget_date IS NULL) AS spent,
       (SELECT count(*) FROM ad_schema.advertisements AS v WHERE v.campaign_id = c.id) AS advertisements
  FROM ad_schema.ad_campaigns AS c
  JOIN ad_schema.advertisers AS a ON a.id = c.advertiser_id
 WHERE c.campaign_code > $1
   AND ($3::text IS NULL OR c.status = $3)
   AND ($4::text IS NULL OR a.advertiser_code = $4)
   AND ($5::text IS NULL OR strpos(lower(c.name), lower($5)) > 0 OR strpos(c.campaign_code, upper($5)) > 0)
   AND ($6::boolean IS NULL OR $6 = (c.status = 'ACTIVE' AND c.starts_at <= now() AND now() < c.ends_at))
 ORDER BY c.campaign_code
 LIMIT $2;

-- name: campaign_exists
-- Why a list about one campaign is empty.
SELECT EXISTS (SELECT FROM ad_schema.ad_campaigns WHERE campaign_code = $1);

-- name: audit
-- What happened to a campaign, its targets and its windows, the latest first, before a position ($2, $3; NULL: the
-- first page).
SELECT l.id, l.action, l.subject_type, l.subject_reference, l.old_values, l.new_values, l.actor, l.correlation_id,
       host(l.ip_address) AS ip_address, l.user_agent, l.created_at
  FROM ad_schema.ad_audit_log AS l
 WHERE l.subject_type IN ('ad_campaigns', 'ad_campaign_targets', 'ad_campaign_windows') AND l.subject_reference = $1
   AND ($2::timestamptz IS NULL OR (l.created_at, l.id) < ($2, $3::bigint))
 ORDER BY l.created_at DESC, l.id DESC
 LIMIT $4;
