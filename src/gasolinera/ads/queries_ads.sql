-- Advertisements: made, changed, handed in, reviewed, shown or not, looked at; and their media.

-- name: create_ad
-- A draft of a campaign that is not over. Media of our own ($7 without $6) tell type and size themselves; no row when
-- there are none, or no such campaign. They are locked, so that nobody forgets them meanwhile.
WITH own AS MATERIALIZED (
    SELECT m.media_type, m.byte_count FROM ad_schema.ad_media AS m
     WHERE m.sha256 = $7::bytea AND $6::text IS NULL FOR KEY SHARE
)
INSERT INTO ad_schema.advertisements (
    campaign_id, title, description, ad_format, body_text, media_url, media_sha256, media_type, media_bytes, click_url,
    duration_s, skip_after_s, completion_threshold_percent, ticket_multiplier, content_rating, languages, created_by)
SELECT c.id, $2, $3, $4, $5, $6, $7, CASE WHEN $6::text IS NULL THEN own.media_type ELSE $8::text END,
       CASE WHEN $6::text IS NULL THEN own.byte_count ELSE $9::bigint END, $10, $11, $12, $13, $14, $15, $16, $17
  FROM ad_schema.ad_campaigns AS c
  LEFT JOIN own ON true
 WHERE c.campaign_code = $1 AND c.status IN ('DRAFT', 'ACTIVE', 'PAUSED')
   AND ($6::text IS NOT NULL OR $7::bytea IS NULL OR own.byte_count IS NOT NULL)
RETURNING public_id;

-- name: change_ad
-- What the document ($3) names is set, with $4 the media as well, if nobody changed the advertisement since the version
-- ($2, microseconds) was read and it is not archived. Media of our own are locked, so that nobody forgets them meanwhile.
WITH own AS MATERIALIZED (
    SELECT m.media_type, m.byte_count FROM ad_schema.ad_media AS m
     WHERE $4 AND m.sha256 = $6::bytea AND $5::text IS NULL FOR KEY SHARE
)
UPDATE ad_schema.advertisements AS a
   SET (title, description, ad_format, body_text, click_url, duration_s, skip_after_s, completion_threshold_percent,
        ticket_multiplier, content_rating, languages, media_url, media_sha256, media_type, media_bytes)
       = (SELECT r.title, r.description, r.ad_format, r.body_text, r.click_url, r.duration_s, r.skip_after_s,
                 r.completion_threshold_percent, r.ticket_multiplier, r.content_rating, r.languages,
                 CASE WHEN $4 THEN $5::text ELSE a.media_url END,
                 CASE WHEN $4 THEN $6::bytea ELSE a.media_sha256 END,
                 CASE WHEN NOT $4 THEN a.media_type WHEN $5 IS NULL THEN own.media_type ELSE $7::text END,
                 CASE WHEN NOT $4 THEN a.media_bytes WHEN $5 IS NULL THEN own.byte_count ELSE $8::bigint END
            FROM jsonb_populate_record(a, $3::jsonb) AS r
            LEFT JOIN own ON true)
 WHERE a.public_id = $1 AND a.status <> 'ARCHIVED'
   AND (extract(epoch FROM a.updated_at) * 1000000)::bigint = $2
   AND (NOT $4 OR $5::text IS NOT NULL OR $6::bytea IS NULL OR EXISTS (SELECT FROM own))
RETURNING true;

-- name: refusal_facts
-- Why a change, a review or a status found nothing to do; $2: which media of our own it names.
SELECT a.status, a.approval_status, a.content_rating, a.submitted_at IS NOT NULL AS is_submitted,
       (extract(epoch FROM a.updated_at) * 1000000)::bigint AS version,
       $2::bytea IS NULL OR EXISTS (
           SELECT FROM ad_schema.ad_media AS m WHERE m.sha256 = $2) AS has_media
  FROM ad_schema.advertisements AS a
 WHERE a.public_id = $1;

-- name: submit_ad
-- A draft is handed in for review.
UPDATE ad_schema.advertisements AS a
   SET submitted_at = now()
 WHERE a.public_id = $1 AND a.status <> 'ARCHIVED' AND a.approval_status = 'PENDING' AND a.submitted_at IS NULL
RETURNING true;

-- name: approve_ad
-- Of the version that was read; whether by a second person, the constraints ask.
UPDATE ad_schema.advertisements AS a
   SET approval_status = 'APPROVED', reviewed_by = $3, reviewed_at = now()
 WHERE a.public_id = $1 AND a.status <> 'ARCHIVED' AND a.approval_status = 'PENDING' AND a.submitted_at IS NOT NULL
   AND (extract(epoch FROM a.updated_at) * 1000000)::bigint = $2
RETURNING true;

-- name: reject_ad
-- Of the version that was read. One that was approved, and is shown already, is shown no more.
UPDATE ad_schema.advertisements AS a
   SET approval_status = 'REJECTED', reviewed_by = $3, reviewed_at = now(), rejection_reason = $4,
       status = CASE a.status WHEN 'ACTIVE' THEN 'PAUSED' ELSE a.status END
 WHERE a.public_id = $1 AND a.status <> 'ARCHIVED'
   AND (a.approval_status = 'APPROVED' OR (a.approval_status = 'PENDING' AND a.submitted_at IS NOT NULL))
   AND (extract(epoch FROM a.updated_at) * 1000000)::bigint = $2
RETURNING true;

-- name: change_ad_status
-- Only to a status that may follow; to ACTIVE only what is approved and for everyone: nobody's age is known.
UPDATE ad_schema.advertisements AS a
   SET status = $2
 WHERE a.public_id = $1
   AND (a.status, $2) IN (
       ('DRAFT', 'ACTIVE'), ('PAUSED', 'ACTIVE'), ('ACTIVE', 'PAUSED'),
       ('DRAFT', 'ARCHIVED'), ('ACTIVE', 'ARCHIVED'), ('PAUSED', 'ARCHIVED'))
   AND ($2 <> 'ACTIVE' OR (a.approval_status = 'APPROVED' AND a.content_rating = 'EVERYONE'))
RETURNING true;

-- name: get_ad
-- One advertisement with everything.
SELECT a.public_id, c.campaign_code, v.advertiser_code, a.title, a.description, a.ad_format, a.body_text, a.media_url,
       encode(a.media_sha256, 'hex') AS media_sha256, a.media_type, a.media_bytes, a.click_url, a.duration_s,
       a.skip_after_s, a.completion_threshold_percent, a.ticket_multiplier, a.content_rating, a.languages, a.status,
       a.approval_status, a.submitted_at, a.created_by, a.changed_by, a.reviewed_by, a.reviewed_at, a.rejection_reason,
       (extract(epoch FROM a.updated_at) * 1000000)::bigint AS version, a.created_at, a.updated_at
  FROM ad_schema.advertisements AS a
  JOIN ad_schema.ad_campaigns AS c ON c.id = a.campaign_id
  JOIN ad_schema.advertisers AS v ON v.id = c.advertiser_id
 WHERE a.public_id = $1;

-- name: list_ads
-- One page, the newest first, before an id ($1; the greatest for the first); NULL filters match all.
SELECT a.id, a.public_id, c.campaign_code, v.advertiser_code, a.title, a.ad_format, a.duration_s, a.ticket_multiplier,
       a.content_rating, a.languages, a.status, a.approval_status, a.submitted_at, a.created_at
  FROM ad_schema.advertisements AS a
  JOIN ad_schema.ad_campaigns AS c ON c.id = a.campaign_id
  JOIN ad_schema.advertisers AS v ON v.id = c.advertiser_id
 WHERE a.id < $1
   AND ($3::text IS NULL OR c.campaign_code = $3)
   AND ($4::text IS NULL OR v.advertiser_code = $4)
   AND ($5::text IS NULL OR a.status = $5)
   AND ($6::text IS NULL OR a.approval_status = $6)
   AND ($7::text IS NULL OR a.ad_format = $7)
   AND ($8::boolean IS NULL OR $8 = (a.approval_status = 'PENDING' AND a.submitted_at IS NOT NULL))
   AND ($9::text IS NULL OR strpos(lower(a.title), lower($9)) > 0)
 ORDER BY a.id DESC
 LIMIT $2;

-- name: list_ads_forwards
-- The same, the oldest first, after an id ($1; 0 for the first).
SELECT a.id, a.public_id, c.campaign_code, v.advertiser_code, a.title, a.ad_format, a.duration_s, a.ticket_multiplier,
       a.content_rating, a.languages, a.status, a.approval_status, a.submitted_at, a.created_at
  FROM ad_schema.advertisements AS a
  JOIN ad_schema.ad_campaigns AS c ON c.id = a.campaign_id
  JOIN ad_schema.advertisers AS v ON v.id = c.advertiser_id
 WHERE a.id > $1
   AND ($3::text IS NULL OR c.campaign_code = $3)
   AND ($4::text IS NULL OR v.advertiser_code = $4)
   AND ($5::text IS NULL OR a.status = $5)
   AND ($6::text IS NULL OR a.approval_status = $6)
   AND ($7::text IS NULL OR a.ad_format = $7)
   AND ($8::boolean IS NULL OR $8 = (a.approval_status = 'PENDING' AND a.submitted_at IS NOT NULL))
   AND ($9::text IS NULL OR strpos(lower(a.title), lower($9)) > 0)
 ORDER BY a.id
 LIMIT $2;

-- name: ad_audit
-- What happened to an advertisement, the latest first, before a position ($2, $3; NULL for the first page).
SELECT l.id, l.action, l.subject_type, l.subject_reference, l.old_values, l.new_values, l.actor, l.correlation_id,
       host(l.ip_address) AS ip_address, l.user_agent, l.created_at
  FROM ad_schema.ad_audit_log AS l
 WHERE l.subject_type = 'advertisements' AND l.subject_reference = $1::uuid::text
   AND ($2::timestamptz IS NULL OR (l.created_at, l.id) < ($2, $3::bigint))
 ORDER BY l.created_at DESC, l.id DESC
 LIMIT $4;

-- name: keep_media
-- What was uploaded; whether it was not there yet. What is uploaded again has its week anew.
INSERT INTO ad_schema.ad_media (sha256, media_type, byte_count, uploaded_by)
VALUES ($1, $2, $3, $4)
ON CONFLICT (sha256) DO UPDATE SET uploaded_at = now()
RETURNING xmax = 0;

-- name: keep_chunks
-- Its bytes in pieces.
INSERT INTO ad_schema.ad_media_chunks (sha256, position, content)
SELECT $1, n.position - 1, n.content
  FROM unnest($2::bytea[]) WITH ORDINALITY AS n (content, position);

-- name: find_media
-- What was uploaded, by its hash; public is what an approved advertisement has.
SELECT encode(m.sha256, 'hex') AS sha256, m.media_type, m.byte_count,
       EXISTS (SELECT FROM ad_schema.advertisements AS a
                WHERE a.media_sha256 = m.sha256 AND a.media_url IS NULL AND a.approval_status = 'APPROVED') AS is_public
  FROM ad_schema.ad_media AS m
 WHERE m.sha256 = $1;

-- name: read_chunk
-- One piece of its bytes.
SELECT k.content FROM ad_schema.ad_media_chunks AS k WHERE k.sha256 = $1 AND k.position = $2;

-- name: lock_unused_media
-- Uploads that no advertisement seems to have had for a week, some at a time; those that somebody is at are left.
SELECT u.sha256 FROM ad_schema.ad_media AS u
 WHERE u.uploaded_at < now() - interval '7 days'
   AND NOT EXISTS (
       SELECT FROM ad_schema.advertisements AS a WHERE a.media_sha256 = u.sha256 AND a.media_url IS NULL)
 ORDER BY u.sha256 LIMIT $1
   FOR UPDATE SKIP LOCKED;

-- name: forget_unused_media
-- Of the locked ones ($1) those that no advertisement has now: a statement of its own, because it sees what was
-- committed before the lock was taken.
DELETE FROM ad_schema.ad_media AS m
 WHERE m.sha256 = ANY ($1::bytea[])
   AND NOT EXISTS (
       SELECT FROM ad_schema.advertisements AS a WHERE a.media_sha256 = m.sha256 AND a.media_url IS NULL)
RETURNING true;
