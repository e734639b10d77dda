-- name: list_pending
-- The queue, the oldest first.
SELECT e.public_id AS view_id, r.status, r.fraud_score, e.quality_score, r.findings, p.campaign_code,
       d.public_id AS advertisement, d.title, e.user_id, e.transaction_reference, e.chain_step, e.status AS view_status,
       e.started_at, e.finished_at, e.duration_s, e.watched_s, e.bonus_tickets, r.bonus_taken_back, e.cost, e.currency,
       r.decided_by, r.decided_at, r.note, r.created_at, r.engagement_id
  FROM ad_schema.ad_view_reviews AS r
  JOIN ad_schema.ad_engagements AS e ON e.id = r.engagement_id
  JOIN ad_schema.advertisements AS d ON d.id = e.advertisement_id
  JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
 WHERE r.status = 'PENDING' AND ($1::text IS NULL OR p.campaign_code = $1)
   AND ($5::text IS NULL OR strpos(lower(d.title), lower($5)) > 0)
   AND ($2::timestamptz IS NULL OR (r.created_at, r.engagement_id) > ($2, $3::bigint))
 ORDER BY r.created_at, r.engagement_id
 LIMIT $4;

-- name: list_pending_newest
-- The queue, the newest first.
SELECT e.public_id AS view_id, r.status, r.fraud_score, e.quality_score, r.findings, p.campaign_code,
       d.public_id AS advertisement, d.title, e.user_id, e.transaction_reference, e.chain_step, e.status AS view_status,
       e.started_at, e.finished_at, e.duration_s, e.watched_s, e.bonus_tickets, r.bonus_taken_back, e.cost, e.currency,
       r.decided_by, r.decided_at, r.note, r.created_at, r.engagement_id
  FROM ad_schema.ad_view_reviews AS r
  JOIN ad_schema.ad_engagements AS e ON e.id = r.engagement_id
  JOIN ad_schema.advertisements AS d ON d.id = e.advertisement_id
  JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
 WHERE r.status = 'PENDING' AND ($1::text IS NULL OR p.campaign_code = $1)
   AND ($5::text IS NULL OR strpos(lower(d.title), lower($5)) > 0)
   AND ($2::timestamptz IS NULL OR (r.created_at, r.engagement_id) < ($2, $3::bigint))
 ORDER BY r.created_at DESC, r.engagement_id DESC
 LIMIT $4;

-- name: list_decided
-- What was decided so, the newest first.
SELECT e.public_id AS view_id, r.status, r.fraud_score, e.quality_score, r.findings, p.campaign_code,
       d.public_id AS advertisement, d.title, e.user_id, e.transaction_reference, e.chain_step, e.status AS view_status,
       e.started_at, e.finished_at, e.duration_s, e.watched_s, e.bonus_tickets, r.bonus_taken_back, e.cost, e.currency,
       r.decided_by, r.decided_at, r.note, r.created_at, r.engagement_id
  FROM ad_schema.ad_view_reviews AS r
  JOIN ad_schema.ad_engagements AS e ON e.id = r.engagement_id
  JOIN ad_schema.advertisements AS d ON d.id = e.advertisement_id
  JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
 WHERE r.status = $5 AND ($1::text IS NULL OR p.campaign_code = $1)
   AND ($6::text IS NULL OR strpos(lower(d.title), lower($6)) > 0)
   AND ($2::timestamptz IS NULL OR (r.created_at, r.engagement_id) < ($2, $3::bigint))
 ORDER BY r.created_at DESC, r.engagement_id DESC
 LIMIT $4;

-- name: list_decided_oldest
-- What was decided so, the oldest first.
SELECT e.public_id AS view_id, r.status, r.fraud_score, e.quality_score, r.findings, p.campaign_code,
       d.public_id AS advertisement, d.title, e.user_id, e.transaction_reference, e.chain_step, e.status AS view_status,
       e.started_at, e.finished_at, e.duration_s, e.watched_s, e.bonus_tickets, r.bonus_taken_back, e.cost, e.currency,
       r.decided_by, r.decided_at, r.note, r.created_at, r.engagement_id
  FROM ad_schema.ad_view_reviews AS r
  JOIN ad_schema.ad_engagements AS e ON e.id = r.engagement_id
  JOIN ad_schema.advertisements AS d ON d.id = e.advertisement_id
  JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
 WHERE r.status = $5 AND ($1::text IS NULL OR p.campaign_code = $1)
   AND ($6::text IS NULL OR strpos(lower(d.title), lower($6)) > 0)
   AND ($2::timestamptz IS NULL OR (r.created_at, r.engagement_id) > ($2, $3::bigint))
 ORDER BY r.created_at, r.engagement_id
 LIMIT $4;

-- name: get_review
-- One of them.
SELECT e.public_id AS view_id, r.status, r.fraud_score, e.quality_score, r.findings, p.campaign_code,
       d.public_id AS advertisement, d.title, e.user_id, e.transaction_reference, e.chain_step, e.status AS view_status,
       e.started_at, e.finished_at, e.duration_s, e.watched_s, e.bonus_tickets, r.bonus_taken_back, e.cost, e.currency,
       r.decided_by, r.decided_at, r.note, r.created_at, r.engagement_id
  FROM ad_schema.ad_engagements AS e
  JOIN ad_schema.ad_view_reviews AS r ON r.engagement_id = e.id
  JOIN ad_schema.advertisements AS d ON d.id = e.advertisement_id
  JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
 WHERE e.public_id = $1;

-- name: list_events
-- What happened during a view; a day after its start nothing but a decision does.
SELECT h.event_type, h.position_s, (h.details ->> 'playing')::boolean AS is_playing,
       (h.details ->> 'visible')::smallint AS visible_percent, (h.details ->> 'muted')::boolean AS is_muted,
       (h.details ->> 'ahead_s')::numeric AS ahead_s, h.created_at
  FROM ad_schema.ad_engagement_events AS h
 WHERE h.engagement_id = $1 AND h.created_at >= $2 AND h.created_at <= $2 + interval '1 day'
 ORDER BY h.created_at, h.id
 LIMIT $3;

-- name: whose_view
-- Whose it is: nobody decides about an own one.
SELECT e.user_id FROM ad_schema.ad_engagements AS e WHERE e.public_id = $1;
