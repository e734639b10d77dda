-- What the service holds about one person: user $1, at most $2 rows, the newest first.

-- name: export_account_states
-- That the account is erased, where the auth service said so.
SELECT true AS is_erased, u.erased_at AS as_of FROM ad_schema.ad_erased_users AS u WHERE u.user_id = $1 LIMIT $2;

-- name: export_views
-- What the person watched, and from where; not how it was scored, which would teach how to pass.
SELECT e.public_id AS view_id, d.title AS advertisement, p.campaign_code, e.status, e.transaction_reference,
       e.chain_step, e.station_code, e.started_at, e.finished_at, e.clicked_at, e.watched_s, e.completion_percentage,
       e.bonus_tickets, host(e.ip_address) AS ip_address, e.user_agent
  FROM ad_schema.ad_engagements AS e
  JOIN ad_schema.advertisements AS d ON d.id = e.advertisement_id
  JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
 WHERE e.user_id = $1
 ORDER BY e.started_at DESC, e.id DESC
 LIMIT $2;

-- name: export_servings
-- Tokens of the person's views that are kept still.
SELECT e.public_id AS view_id, k.created_at AS handed_out_at, e.started_at
  FROM ad_schema.ad_engagements AS e
  JOIN ad_schema.ad_view_tokens AS k ON k.engagement_id = e.id
 WHERE e.user_id = $1
 ORDER BY e.started_at DESC, e.id DESC
 LIMIT $2;

-- name: export_multipliable
-- Redemptions of the person whose tickets views may multiply, or could.
SELECT r.transaction_reference, r.base_tickets, r.station_code, r.fuel_type, r.bonus_until, r.steps_completed,
       r.cancelled_at
  FROM ad_schema.ad_redemptions AS r
 WHERE r.user_id = $1
 ORDER BY r.bonus_until DESC, r.transaction_reference
 LIMIT $2;

-- name: export_frequencies
-- How often the person was shown a campaign.
SELECT p.campaign_code, c.period_start, c.engagement_count
  FROM ad_schema.ad_frequency_counters AS c
  JOIN ad_schema.ad_campaigns AS p ON p.id = c.campaign_id
 WHERE c.user_id = $1
 ORDER BY c.period_start DESC, p.campaign_code
 LIMIT $2;

-- name: export_changes
-- What the person changed, and from where.
SELECT a.action, a.subject_type, a.subject_reference, host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM ad_schema.ad_audit_log AS a
 WHERE a.actor = $1::uuid::text
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $2;

-- name: export_decisions
-- What the person decided about views.
SELECT r.status, r.decided_at, r.note
  FROM ad_schema.ad_view_reviews AS r
 WHERE r.decided_by = $1
 ORDER BY r.decided_at DESC, r.engagement_id
 LIMIT $2;

-- name: export_uploads
-- Media that the person was the first to upload.
SELECT encode(m.sha256, 'hex') AS sha256, m.media_type, m.byte_count, m.created_at
  FROM ad_schema.ad_media AS m
 WHERE m.uploaded_by = $1
 ORDER BY m.created_at DESC, m.sha256
 LIMIT $2;

-- name: note_erasure
-- Keeps that an account is erased; what is known already stays.
INSERT INTO ad_schema.ad_erased_users AS u (user_id, erased_at) VALUES ($1, $2)
    ON CONFLICT ON CONSTRAINT ad_erased_users_pk DO UPDATE SET erased_at = u.erased_at;

-- name: forget_person
-- What tells who an erased user was goes; views, costs and sums stay.
SELECT ad_schema.forget_person($1);

-- name: forget_frequency_counters
-- The job: counters of periods that are over.
SELECT ad_schema.forget_frequency_counters($1);

-- name: forget_viewer_days
-- The job: who was counted on days that cannot change any more.
SELECT ad_schema.forget_viewer_days($1);

-- name: forget_multiplied
-- The job: redemptions that nothing multiplies since long.
SELECT ad_schema.forget_multiplied($1);

-- name: forget_callbacks
-- The job: what networks said long ago.
SELECT ad_schema.forget_callbacks($1);

-- name: drop_view_events
-- The job: months of what happened during views.
SELECT ad_schema.drop_view_events($1);
