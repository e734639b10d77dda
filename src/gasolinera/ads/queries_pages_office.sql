-- What the back office's pages show of campaigns, beside what everybody with the permission can ask.

-- name: list_for_office
-- A page of campaigns with their money in the order of a key ($4) made into text, after a position ($6, $7; NULL for the
-- first page); NULL filters match all. Campaigns are few: the whole list is sorted.
SELECT s.sort_key, s.advertiser_code, s.campaign_code, s.name, s.status, s.pacing, s.starts_at, s.ends_at, s.currency,
       s.total_budget, s.spent, s.remaining, s.spent_percent, s.elapsed_percent, s.is_alerted, s.daily_budget,
       s.spent_today, s.pace, s.starts, s.completions, s.rejections
  FROM (SELECT b.*,
               (CASE $4::text
                    WHEN 'name' THEN lower(b.name)
                    WHEN 'status' THEN b.status
                    WHEN 'advertiser' THEN b.advertiser_code
                    WHEN 'ends' THEN to_char(b.ends_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS')
                    WHEN 'spent' THEN to_char(b.spent_percent, 'FM0000000.0')
                    WHEN 'views' THEN to_char(b.completions, 'FM000000000000')
                    ELSE b.campaign_code
                END) COLLATE "C" AS sort_key
          FROM ad_schema.campaign_summary AS b
         WHERE ($1::text IS NULL OR b.status = $1)
           AND ($2::text IS NULL OR b.advertiser_code = $2)
           AND ($3::text IS NULL OR strpos(lower(b.name), lower($3)) > 0 OR strpos(b.campaign_code, upper($3)) > 0)) AS s
 WHERE $6::text IS NULL
    OR CASE WHEN $5::boolean THEN (s.sort_key, s.campaign_code COLLATE "C") < ($6, $7::text)
            ELSE (s.sort_key, s.campaign_code COLLATE "C") > ($6, $7::text) END
 ORDER BY CASE WHEN $5 THEN s.sort_key END DESC, CASE WHEN NOT $5 THEN s.sort_key END,
          CASE WHEN $5 THEN s.campaign_code COLLATE "C" END DESC, s.campaign_code COLLATE "C"
 LIMIT $8;

-- name: waiting_counts
-- What waits for somebody: advertisements for a review, views for a decision.
SELECT (SELECT count(*) FROM ad_schema.advertisements AS a
         WHERE a.approval_status = 'PENDING' AND a.submitted_at IS NOT NULL AND a.status <> 'ARCHIVED')
       AS advertisements,
       (SELECT count(*) FROM ad_schema.ad_view_reviews AS r WHERE r.status = 'PENDING') AS views;
