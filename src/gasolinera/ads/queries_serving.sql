-- Serving: which advertisement a viewer sees, and why not another.

-- name: choose_ad
-- The best advertisement for a viewer: of the highest priority that has any, a campaign by lot and one of its
-- advertisements by lot ($1 makes the lots, the lowest one wins). $2: when, NULL: now. Of each priority first those are
-- looked at whose lot is in the lowest sixteenth: where one of them may be shown, no other lot is lower. Then the rest.
-- The budget of 12 advertisements a priority and step, and of 24 in all, is judged at most: closed_until leaves out
-- nearly all that would be refused.
WITH RECURSIVE asked AS MATERIALIZED (
    SELECT coalesce($2::timestamptz, now()) AS at
), class (priority) AS (
    SELECT max(serving.priority) FROM ad_schema.ad_serving AS serving
    UNION ALL
    SELECT (SELECT max(next.priority) FROM ad_schema.ad_serving AS next WHERE next.priority < class.priority)
      FROM class WHERE class.priority IS NOT NULL
), clock AS MATERIALIZED (
    SELECT zone.time_zone,
           (extract(isodow FROM here.local)::bigint - 1) * 86400000000 + ad_schema.microseconds(here.local::time) AS at
      FROM ad_schema.ad_serving_zones AS zone
     CROSS JOIN asked
     CROSS JOIN LATERAL (SELECT asked.at AT TIME ZONE zone.time_zone AS local) AS here
), begun AS MATERIALIZED (
    SELECT DISTINCT ad_schema.frequency_period_start(period.name, NULL, zone.time_zone, asked.at) AS at
      FROM ad_schema.ad_serving_zones AS zone
     CROSS JOIN asked
     CROSS JOIN (VALUES ('HOUR'), ('DAY'), ('WEEK'), ('MONTH')) AS period (name)
), capped AS MATERIALIZED (
    SELECT coalesce(array_agg(full_one.campaign_id), '{}') AS campaign_ids
      FROM (
        SELECT counter.campaign_id
          FROM ad_schema.ad_frequency_counters AS counter
          JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = counter.campaign_id
         CROSS JOIN asked
         WHERE counter.user_id = $3 AND counter.period_start = ANY (ARRAY(SELECT begun.at FROM begun))
           AND campaign.frequency_period <> 'CAMPAIGN' AND counter.engagement_count >= campaign.frequency_cap
           AND counter.period_start = ad_schema.frequency_period_start(
               campaign.frequency_period, campaign.starts_at, campaign.time_zone, asked.at)
        UNION ALL
        SELECT campaign.id
          FROM ad_schema.ad_campaigns AS campaign
          JOIN ad_schema.ad_frequency_counters AS counter
            ON counter.campaign_id = campaign.id AND counter.user_id = $3 AND counter.period_start = campaign.starts_at
         WHERE campaign.status = 'ACTIVE' AND campaign.frequency_period = 'CAMPAIGN'
           AND counter.engagement_count >= campaign.frequency_cap
      ) AS full_one
), watched AS MATERIALIZED (
    SELECT ARRAY(
        SELECT engagement.advertisement_id FROM ad_schema.ad_engagements AS engagement
         WHERE engagement.transaction_reference = $11 AND engagement.status = 'COMPLETED'
        UNION ALL
        SELECT advertisement.id FROM ad_schema.advertisements AS advertisement
         WHERE advertisement.public_id = ANY ($12::uuid[])) AS advertisement_ids
), stage AS MATERIALIZED (
    SELECT class.priority, step.lowest_lot, step.highest_lot
      FROM class
     CROSS JOIN (VALUES
        (1, -9223372036854775808, -8070450532247928832),
        (2, -8070450532247928831, 9223372036854775807)) AS step (number, lowest_lot, highest_lot)
     WHERE class.priority IS NOT NULL
     ORDER BY class.priority DESC, step.number
), chosen AS MATERIALIZED (
    SELECT candidate.advertisement_id
      FROM (
       SELECT fit.advertisement_id, fit.campaign_id
         FROM stage
     CROSS JOIN LATERAL (
        SELECT serving.advertisement_id, serving.campaign_id
          FROM (
            -- OFFSET 0: fifteen of sixteen rows are passed over before anything else is asked of them
            SELECT one.* FROM ad_schema.ad_serving AS one
             WHERE one.priority = stage.priority AND one.closed_until <= (SELECT asked.at FROM asked)
               AND hashint8extended(one.campaign_id, $1) BETWEEN stage.lowest_lot AND stage.highest_lot
            OFFSET 0
          ) AS serving
         WHERE serving.starts_at <= (SELECT asked.at FROM asked) AND (SELECT asked.at FROM asked) < serving.ends_at
           AND serving.rating <= $10 AND $8 = ANY (serving.languages)
           AND (serving.windows IS NULL OR EXISTS (
               SELECT FROM clock WHERE clock.time_zone = serving.time_zone AND serving.windows @> clock.at))
           AND (NOT serving.is_targeted OR (
               (serving.stations IS NULL OR $4 = ANY (serving.stations))
               AND (serving.not_stations IS NULL OR ($4 = ANY (serving.not_stations)) IS NOT TRUE)
               AND (serving.cities IS NULL OR $5 = ANY (serving.cities))
               AND (serving.not_cities IS NULL OR ($5 = ANY (serving.not_cities)) IS NOT TRUE)
               AND (serving.states IS NULL OR $6 = ANY (serving.states))
               AND (serving.not_states IS NULL OR ($6 = ANY (serving.not_states)) IS NOT TRUE)
               AND (serving.fuel_types IS NULL OR $7 = ANY (serving.fuel_types))
               AND (serving.not_fuel_types IS NULL OR ($7 = ANY (serving.not_fuel_types)) IS NOT TRUE)
               AND (serving.viewer_languages IS NULL OR $8 = ANY (serving.viewer_languages))
               AND (serving.not_viewer_languages IS NULL OR ($8 = ANY (serving.not_viewer_languages)) IS NOT TRUE)
               AND (serving.segments IS NULL OR $9::text[] && serving.segments)
               AND (serving.not_segments IS NULL OR NOT $9 && serving.not_segments)))
           AND serving.campaign_id <> ALL ((SELECT capped.campaign_ids FROM capped)::bigint[])
           AND serving.advertisement_id <> ALL ((SELECT watched.advertisement_ids FROM watched)::bigint[])
         ORDER BY hashint8extended(serving.campaign_id, $1), hashint8extended(serving.advertisement_id, $1)
         LIMIT 12
     ) AS fit
        LIMIT 24
      ) AS candidate
     CROSS JOIN LATERAL ad_schema.judge_budget(candidate.campaign_id, (SELECT asked.at FROM asked)) AS money
     WHERE money.reason IS NULL
     LIMIT 1
)
SELECT advertisement.id AS advertisement_id, campaign.id AS campaign_id, advertisement.public_id,
       campaign.campaign_code, advertiser.name AS advertiser_name, advertisement.title, advertisement.description,
       advertisement.ad_format, advertisement.body_text, advertisement.media_url, advertisement.media_type,
       encode(advertisement.media_sha256, 'hex') AS media_sha256, advertisement.media_bytes, advertisement.click_url, advertisement.duration_s,
       advertisement.skip_after_s, advertisement.completion_threshold_percent, advertisement.ticket_multiplier,
       campaign.max_bonus_tickets, advertisement.content_rating
  FROM chosen
  JOIN ad_schema.advertisements AS advertisement ON advertisement.id = chosen.advertisement_id
  JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
  JOIN ad_schema.advertisers AS advertiser ON advertiser.id = campaign.advertiser_id;

-- name: explain_ads
-- Of every advertisement that is not archived the first reason why the viewer does not see it, told from the tables that
-- people change and not from what serving looks at. $12: how many at most, of each reason some; $13: the chosen one.
WITH asked AS MATERIALIZED (
    SELECT coalesce($1::timestamptz, now()) AS at
), judged AS MATERIALIZED (
    SELECT advertisement.id, advertisement.public_id, advertisement.title, campaign.campaign_code, campaign.priority,
           CASE
               WHEN advertiser.status <> 'ACTIVE' THEN 'ADVERTISER_' || advertiser.status
               WHEN campaign.status <> 'ACTIVE' THEN 'CAMPAIGN_' || campaign.status
               WHEN advertisement.approval_status <> 'APPROVED' THEN 'APPROVAL_' || advertisement.approval_status
               WHEN advertisement.status <> 'ACTIVE' THEN 'AD_' || advertisement.status
               WHEN asked.at < campaign.starts_at THEN 'NOT_STARTED'
               WHEN asked.at >= campaign.ends_at THEN 'OVER'
               WHEN EXISTS (SELECT FROM ad_schema.ad_campaign_windows AS w WHERE w.campaign_id = campaign.id)
                   AND NOT EXISTS (
                       SELECT FROM ad_schema.ad_campaign_windows AS w
                        WHERE w.campaign_id = campaign.id AND w.weekday = extract(isodow FROM here.local)
                          AND w.from_time <= here.local::time AND here.local::time < w.until_time) THEN 'WINDOW'
               WHEN array_position('{EVERYONE,TEEN,ADULT}', advertisement.content_rating) - 1 > $9 THEN 'RATING'
               WHEN NOT $7 = ANY (advertisement.languages) THEN 'AD_LANGUAGE'
               WHEN missed.dimension IS NOT NULL THEN 'TARGET_' || missed.dimension
               WHEN EXISTS (
                   SELECT FROM ad_schema.ad_frequency_counters AS counter
                    WHERE counter.campaign_id = campaign.id AND counter.user_id = $2
                      AND counter.period_start = ad_schema.frequency_period_start(
                          campaign.frequency_period, campaign.starts_at, campaign.time_zone, asked.at)
                      AND counter.engagement_count >= campaign.frequency_cap) THEN 'FREQUENCY_CAP'
               WHEN advertisement.public_id = ANY ($11::uuid[]) OR EXISTS (
                   SELECT FROM ad_schema.ad_engagements AS engagement
                    WHERE engagement.transaction_reference = $10 AND engagement.status = 'COMPLETED'
                      AND engagement.advertisement_id = advertisement.id) THEN 'WATCHED'
               ELSE (SELECT money.reason FROM ad_schema.judge_budget(campaign.id, asked.at) AS money)
           END AS reason
      FROM ad_schema.advertisements AS advertisement
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
      JOIN ad_schema.advertisers AS advertiser ON advertiser.id = campaign.advertiser_id
     CROSS JOIN asked
     CROSS JOIN LATERAL (SELECT asked.at AT TIME ZONE campaign.time_zone AS local) AS here
      LEFT JOIN LATERAL (
        SELECT asks.dimension
          FROM (
            SELECT target.dimension, target.is_excluded,
                   CASE target.dimension
                       WHEN 'STATION' THEN target.value = $3
                       WHEN 'CITY' THEN target.value = $4
                       WHEN 'STATE' THEN target.value = $5
                       WHEN 'FUEL_TYPE' THEN target.value = $6
                       WHEN 'LANGUAGE' THEN target.value = $7
                       ELSE target.value = ANY ($8::text[])
                   END IS TRUE AS is_met
              FROM ad_schema.ad_campaign_targets AS target WHERE target.campaign_id = campaign.id
          ) AS asks
         GROUP BY asks.dimension
        HAVING bool_or(asks.is_met AND asks.is_excluded)
            OR (bool_or(NOT asks.is_excluded) AND NOT bool_or(asks.is_met AND NOT asks.is_excluded))
         ORDER BY array_position('{STATION,CITY,STATE,FUEL_TYPE,LANGUAGE,SEGMENT}', asks.dimension)
         LIMIT 1
      ) AS missed ON true
     WHERE advertisement.status <> 'ARCHIVED'
), named AS (
    SELECT judged.id, judged.public_id, judged.title, judged.campaign_code, judged.priority,
           coalesce(judged.reason, CASE
               WHEN judged.public_id = $13::uuid THEN 'CHOSEN'
               WHEN judged.priority < max(judged.priority) FILTER (WHERE judged.reason IS NULL) OVER ()
                   THEN 'LOWER_PRIORITY'
               ELSE 'NOT_DRAWN'
           END) AS reason
      FROM judged
), numbered AS (
    SELECT named.*, count(*) OVER (PARTITION BY named.reason) AS of_reason,
           row_number() OVER (PARTITION BY named.reason ORDER BY named.priority DESC, named.id) AS number
      FROM named
)
SELECT numbered.public_id, numbered.title, numbered.campaign_code, numbered.priority, numbered.reason,
       numbered.of_reason
  FROM numbered
 ORDER BY numbered.reason <> 'CHOSEN', numbered.number, numbered.reason
 LIMIT $12;
