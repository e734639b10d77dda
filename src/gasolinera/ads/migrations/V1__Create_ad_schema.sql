-- The ad engine: advertisers, campaigns with targeting and budgets, advertisements, views (engagements) and their
-- single-use tokens, the roll-up a day, the audit log.
-- A view multiplies the tickets of a redemption, which is known here by its transaction reference alone.

CREATE TABLE ad_schema.advertisers (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT advertisers_pk PRIMARY KEY,
    advertiser_code text NOT NULL CONSTRAINT advertisers_advertiser_code_key UNIQUE,
    name text NOT NULL,
    contact_name text,
    contact_email text,
    status text NOT NULL DEFAULT 'ACTIVE',
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT advertisers_advertiser_code_check CHECK (advertiser_code ~ '^[A-Z0-9][A-Z0-9_-]{2,49}$'),
    CONSTRAINT advertisers_name_check CHECK (btrim(name) <> '' AND length(name) <= 120),
    CONSTRAINT advertisers_contact_name_check CHECK (btrim(contact_name) <> '' AND length(contact_name) <= 120),
    CONSTRAINT advertisers_contact_email_check CHECK (
        contact_email ~ '^[^@[:space:]]+@[^@[:space:].]+([.][^@[:space:].]+)+$' AND length(contact_email) <= 254),
    CONSTRAINT advertisers_status_check CHECK (status IN ('ACTIVE', 'SUSPENDED', 'CLOSED')),
    CONSTRAINT advertisers_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
COMMENT ON TABLE ad_schema.advertisers IS 'Who pays for campaigns.';
COMMENT ON COLUMN ad_schema.advertisers.contact_name IS 'Personal data: the person to talk to at the advertiser.';
COMMENT ON COLUMN ad_schema.advertisers.contact_email IS 'Personal data: mail address of that person.';

CREATE TABLE ad_schema.ad_campaigns (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ad_campaigns_pk PRIMARY KEY,
    campaign_code text NOT NULL CONSTRAINT ad_campaigns_campaign_code_key UNIQUE,
    advertiser_id bigint NOT NULL
        CONSTRAINT ad_campaigns_advertiser_id_fk REFERENCES ad_schema.advertisers (id) ON DELETE RESTRICT,
    name text NOT NULL,
    description text,
    status text NOT NULL DEFAULT 'DRAFT',
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    time_zone text NOT NULL DEFAULT 'America/Mexico_City',
    priority smallint NOT NULL DEFAULT 5,
    pacing text NOT NULL DEFAULT 'EVEN',
    total_budget numeric(12, 2) NOT NULL,
    daily_budget numeric(12, 2),
    cost_per_engagement numeric(12, 2) NOT NULL,
    currency text NOT NULL,
    budget_alert_percent smallint NOT NULL DEFAULT 90,
    frequency_cap smallint NOT NULL DEFAULT 3,
    frequency_period text NOT NULL DEFAULT 'DAY',
    max_bonus_tickets integer NOT NULL DEFAULT 100,
    created_by uuid,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_campaigns_campaign_code_check CHECK (campaign_code ~ '^[A-Z0-9][A-Z0-9_-]{2,49}$'),
    CONSTRAINT ad_campaigns_name_check CHECK (btrim(name) <> '' AND length(name) <= 120),
    CONSTRAINT ad_campaigns_description_check CHECK (btrim(description) <> '' AND length(description) <= 2000),
    CONSTRAINT ad_campaigns_status_check CHECK (status IN ('DRAFT', 'ACTIVE', 'PAUSED', 'COMPLETED', 'CANCELLED')),
    CONSTRAINT ad_campaigns_schedule_check CHECK (starts_at < ends_at),
    -- AT TIME ZONE raises for a zone that the server does not know; the pattern keeps abbreviations out.
    CONSTRAINT ad_campaigns_time_zone_check CHECK (
        time_zone ~ '^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_-]+){1,2})$'
        AND timestamp '2000-01-01' AT TIME ZONE time_zone IS NOT NULL),
    CONSTRAINT ad_campaigns_priority_check CHECK (priority BETWEEN 1 AND 10),
    CONSTRAINT ad_campaigns_pacing_check CHECK (pacing IN ('EVEN', 'ASAP')),
    CONSTRAINT ad_campaigns_total_budget_check CHECK (total_budget > 0 AND total_budget < 'NaN'),
    CONSTRAINT ad_campaigns_daily_budget_check CHECK (
        daily_budget > 0 AND daily_budget <= total_budget AND daily_budget < 'NaN'),
    CONSTRAINT ad_campaigns_cost_per_engagement_check CHECK (
        cost_per_engagement >= 0 AND cost_per_engagement <= total_budget AND cost_per_engagement < 'NaN'),
    CONSTRAINT ad_campaigns_currency_check CHECK (currency ~ '^[A-Z]{3}$' AND currency IN ('MXN', 'CRC', 'USD')),
    CONSTRAINT ad_campaigns_rounding_unit_check CHECK (
        currency <> 'CRC'
        OR (total_budget = trunc(total_budget) AND cost_per_engagement = trunc(cost_per_engagement)
            AND coalesce(daily_budget, 0) = trunc(coalesce(daily_budget, 0)))),
    CONSTRAINT ad_campaigns_budget_alert_percent_check CHECK (budget_alert_percent BETWEEN 1 AND 100),
    CONSTRAINT ad_campaigns_frequency_cap_check CHECK (frequency_cap BETWEEN 1 AND 1000),
    CONSTRAINT ad_campaigns_frequency_period_check CHECK (
        frequency_period IN ('HOUR', 'DAY', 'WEEK', 'MONTH', 'CAMPAIGN')),
    CONSTRAINT ad_campaigns_max_bonus_tickets_check CHECK (max_bonus_tickets BETWEEN 0 AND 10000),
    CONSTRAINT ad_campaigns_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
COMMENT ON TABLE ad_schema.ad_campaigns IS
    'What an advertiser pays for: schedule [starts_at, ends_at), budgets, pacing, priority, frequency cap.';
COMMENT ON COLUMN ad_schema.ad_campaigns.pacing IS
    'EVEN spreads the daily budget over the day; ASAP spends it as fast as there are viewers.';
COMMENT ON COLUMN ad_schema.ad_campaigns.priority IS '10 is served before 1.';
COMMENT ON COLUMN ad_schema.ad_campaigns.cost_per_engagement IS 'What one completed view costs the advertiser.';
COMMENT ON COLUMN ad_schema.ad_campaigns.frequency_cap IS
    'Views that one user may start in one frequency_period of the campaign''s time zone.';
COMMENT ON COLUMN ad_schema.ad_campaigns.max_bonus_tickets IS 'Bonus tickets that one view may earn, at most.';
COMMENT ON COLUMN ad_schema.ad_campaigns.created_by IS 'Personal data: the user (public id) who made the campaign.';
-- campaigns of an advertiser (advertiser's list; deletion of an advertiser)
CREATE INDEX ad_campaigns_advertiser_id_idx ON ad_schema.ad_campaigns (advertiser_id);
-- serving: active campaigns that are not over, by priority
CREATE INDEX ad_campaigns_active_ends_at_idx ON ad_schema.ad_campaigns (ends_at, priority) WHERE status = 'ACTIVE';

CREATE TABLE ad_schema.ad_campaign_targets (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ad_campaign_targets_pk PRIMARY KEY,
    campaign_id bigint NOT NULL
        CONSTRAINT ad_campaign_targets_campaign_id_fk REFERENCES ad_schema.ad_campaigns (id) ON DELETE CASCADE,
    dimension text NOT NULL,
    value text NOT NULL,
    is_excluded boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_campaign_targets_campaign_id_dimension_value_key UNIQUE (campaign_id, dimension, value),
    CONSTRAINT ad_campaign_targets_dimension_check CHECK (
        dimension IN ('STATION', 'CITY', 'STATE', 'FUEL_TYPE', 'LANGUAGE', 'SEGMENT')),
    CONSTRAINT ad_campaign_targets_value_check CHECK (
        CASE dimension
            WHEN 'STATION' THEN value ~ '^[A-Z0-9]{3,20}$'
            WHEN 'FUEL_TYPE' THEN value IN ('REGULAR', 'PREMIUM', 'DIESEL')
            WHEN 'LANGUAGE' THEN value IN ('es', 'en')
            WHEN 'SEGMENT' THEN value ~ '^[A-Z][A-Z0-9_]{1,49}$'
            ELSE value = btrim(value) AND length(value) BETWEEN 1 AND 100
        END)
);
COMMENT ON TABLE ad_schema.ad_campaign_targets IS
    'Whom a campaign is for. A dimension without rows admits everybody; with rows, those that match; excluded, nobody.';
COMMENT ON COLUMN ad_schema.ad_campaign_targets.value IS
    'A station code, city, state, fuel type, ISO 639-1 language or segment name, as its dimension says.';

CREATE TABLE ad_schema.ad_campaign_windows (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ad_campaign_windows_pk PRIMARY KEY,
    campaign_id bigint NOT NULL
        CONSTRAINT ad_campaign_windows_campaign_id_fk REFERENCES ad_schema.ad_campaigns (id) ON DELETE CASCADE,
    weekday smallint NOT NULL,
    from_time time NOT NULL,
    until_time time NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_campaign_windows_campaign_id_weekday_from_time_key UNIQUE (campaign_id, weekday, from_time),
    CONSTRAINT ad_campaign_windows_weekday_check CHECK (weekday BETWEEN 1 AND 7),
    CONSTRAINT ad_campaign_windows_time_check CHECK (from_time < until_time)
);
COMMENT ON TABLE ad_schema.ad_campaign_windows IS
    'When a campaign may be shown: [from_time, until_time) on ISO weekdays of its zone. No rows: at any time.';
COMMENT ON COLUMN ad_schema.ad_campaign_windows.weekday IS 'ISO: 1 is Monday, 7 Sunday.';
COMMENT ON COLUMN ad_schema.ad_campaign_windows.until_time IS 'Exclusive; 24:00 is the end of the day.';

CREATE TABLE ad_schema.ad_campaign_budget_shards (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ad_campaign_budget_shards_pk PRIMARY KEY,
    campaign_id bigint NOT NULL
        CONSTRAINT ad_campaign_budget_shards_campaign_id_fk REFERENCES ad_schema.ad_campaigns (id) ON DELETE CASCADE,
    budget_date date,
    shard smallint NOT NULL,
    allotted numeric(12, 2) NOT NULL,
    spent numeric(12, 2) NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_campaign_budget_shards_campaign_id_budget_date_shard_key
        UNIQUE NULLS NOT DISTINCT (campaign_id, budget_date, shard),
    CONSTRAINT ad_campaign_budget_shards_shard_check CHECK (shard BETWEEN 0 AND 255),
    CONSTRAINT ad_campaign_budget_shards_amount_check CHECK (allotted >= 0 AND allotted < 'NaN'),
    CONSTRAINT ad_campaign_budget_shards_spent_check CHECK (spent >= 0 AND spent <= allotted AND spent < 'NaN')
);
COMMENT ON TABLE ad_schema.ad_campaign_budget_shards IS
    'A campaign''s budget in shares, so that views charge many rows and never the campaign''s; shares may lend.';
COMMENT ON COLUMN ad_schema.ad_campaign_budget_shards.budget_date IS
    'The day of a share of the daily budget, in the campaign''s zone; NULL for a share of the total budget.';
COMMENT ON COLUMN ad_schema.ad_campaign_budget_shards.allotted IS
    'Checked at commit: the shares of a budget never add up to more than the budget.';

CREATE TABLE ad_schema.ad_frequency_counters (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ad_frequency_counters_pk PRIMARY KEY,
    campaign_id bigint NOT NULL
        CONSTRAINT ad_frequency_counters_campaign_id_fk REFERENCES ad_schema.ad_campaigns (id) ON DELETE CASCADE,
    user_id uuid NOT NULL,
    period_start timestamptz NOT NULL,
    engagement_count integer NOT NULL,
    engagement_cap integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_frequency_counters_campaign_id_user_id_period_start_key UNIQUE (campaign_id, user_id, period_start),
    CONSTRAINT ad_frequency_counters_engagement_count_check CHECK (engagement_count >= 1),
    CONSTRAINT ad_frequency_counters_engagement_cap_check CHECK (engagement_count <= engagement_cap)
);
COMMENT ON TABLE ad_schema.ad_frequency_counters IS
    'Views that a user started of a campaign in a period. The start itself counts here, and fails above the cap.';
COMMENT ON COLUMN ad_schema.ad_frequency_counters.user_id IS 'Personal data: the viewer''s public id.';
-- retention: counters of periods that are over
CREATE INDEX ad_frequency_counters_period_start_idx ON ad_schema.ad_frequency_counters (period_start);

CREATE TABLE ad_schema.advertisements (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT advertisements_pk PRIMARY KEY,
    public_id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT advertisements_public_id_key UNIQUE,
    campaign_id bigint NOT NULL
        CONSTRAINT advertisements_campaign_id_fk REFERENCES ad_schema.ad_campaigns (id) ON DELETE RESTRICT,
    title text NOT NULL,
    description text,
    ad_format text NOT NULL,
    body_text text,
    media_url text,
    media_sha256 bytea,
    media_type text,
    media_bytes bigint,
    click_url text,
    duration_s integer NOT NULL,
    skip_after_s integer,
    completion_threshold_percent smallint NOT NULL DEFAULT 80,
    ticket_multiplier smallint NOT NULL DEFAULT 2,
    content_rating text NOT NULL DEFAULT 'EVERYONE',
    languages text[] NOT NULL DEFAULT '{es}',
    status text NOT NULL DEFAULT 'DRAFT',
    approval_status text NOT NULL DEFAULT 'PENDING',
    reviewed_by uuid,
    reviewed_at timestamptz,
    rejection_reason text,
    created_by uuid,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT advertisements_title_check CHECK (btrim(title) <> '' AND length(title) <= 120),
    CONSTRAINT advertisements_description_check CHECK (btrim(description) <> '' AND length(description) <= 2000),
    CONSTRAINT advertisements_ad_format_check CHECK (ad_format IN ('VIDEO', 'IMAGE', 'INTERACTIVE', 'AUDIO', 'TEXT')),
    CONSTRAINT advertisements_body_text_check CHECK (btrim(body_text) <> '' AND length(body_text) <= 4000),
    CONSTRAINT advertisements_media_url_check CHECK (
        media_url ~ '^https?://[^[:space:]/]+/[^[:space:]]*$' AND length(media_url) <= 2048),
    CONSTRAINT advertisements_media_sha256_check CHECK (octet_length(media_sha256) = 32),
    CONSTRAINT advertisements_media_bytes_check CHECK (media_bytes BETWEEN 1 AND 524288000),
    -- a text ad carries its text; any other has media, and media of the kind that its format says
    CONSTRAINT advertisements_content_check CHECK (
        CASE ad_format
            WHEN 'TEXT' THEN body_text IS NOT NULL AND num_nonnulls(media_url, media_sha256, media_type) = 0
            ELSE num_nonnulls(media_url, media_sha256) > 0 AND media_type IS NOT NULL
        END),
    CONSTRAINT advertisements_media_type_check CHECK (
        CASE ad_format
            WHEN 'VIDEO' THEN media_type ~ '^video/[a-z0-9.+-]{1,60}$'
            WHEN 'IMAGE' THEN media_type ~ '^image/[a-z0-9.+-]{1,60}$'
            WHEN 'AUDIO' THEN media_type ~ '^audio/[a-z0-9.+-]{1,60}$'
            WHEN 'INTERACTIVE' THEN media_type IN ('text/html', 'application/zip')
            ELSE media_type IS NULL
        END),
    CONSTRAINT advertisements_click_url_check CHECK (
        click_url ~ '^https?://[^[:space:]/]+(/[^[:space:]]*)?$' AND length(click_url) <= 2048),
    CONSTRAINT advertisements_duration_s_check CHECK (duration_s BETWEEN 1 AND 600),
    CONSTRAINT advertisements_skip_after_s_check CHECK (skip_after_s BETWEEN 0 AND duration_s),
    CONSTRAINT advertisements_completion_threshold_percent_check CHECK (completion_threshold_percent BETWEEN 1 AND 100),
    CONSTRAINT advertisements_ticket_multiplier_check CHECK (ticket_multiplier BETWEEN 1 AND 10),
    CONSTRAINT advertisements_content_rating_check CHECK (content_rating IN ('EVERYONE', 'TEEN', 'ADULT')),
    CONSTRAINT advertisements_languages_check CHECK (
        languages <> '{}' AND array_ndims(languages) = 1 AND cardinality(languages) <= 2
        AND languages <@ '{es,en}'::text[]),
    CONSTRAINT advertisements_status_check CHECK (status IN ('DRAFT', 'ACTIVE', 'PAUSED', 'ARCHIVED')),
    CONSTRAINT advertisements_approval_status_check CHECK (approval_status IN ('PENDING', 'APPROVED', 'REJECTED')),
    CONSTRAINT advertisements_review_check CHECK (
        CASE approval_status
            WHEN 'APPROVED' THEN num_nulls(reviewed_by, reviewed_at) = 0 AND rejection_reason IS NULL
            WHEN 'REJECTED' THEN num_nulls(reviewed_by, reviewed_at, rejection_reason) = 0
            ELSE num_nonnulls(reviewed_by, reviewed_at, rejection_reason) = 0
        END),
    CONSTRAINT advertisements_rejection_reason_check CHECK (
        btrim(rejection_reason) <> '' AND length(rejection_reason) <= 500),
    CONSTRAINT advertisements_active_is_approved_check CHECK (status <> 'ACTIVE' OR approval_status = 'APPROVED'),
    CONSTRAINT advertisements_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
COMMENT ON TABLE ad_schema.advertisements IS 'What is shown: content, length, rating, approval, and what a view earns.';
COMMENT ON COLUMN ad_schema.advertisements.media_sha256 IS 'Content address of the media in our own store.';
COMMENT ON COLUMN ad_schema.advertisements.skip_after_s IS 'The viewer may skip from here on; NULL: not at all.';
COMMENT ON COLUMN ad_schema.advertisements.completion_threshold_percent IS 'A view counts as completed from here on.';
COMMENT ON COLUMN ad_schema.advertisements.ticket_multiplier IS
    'Bonus tickets of a completed view = base tickets x (multiplier - 1), within the campaign''s max_bonus_tickets.';
COMMENT ON COLUMN ad_schema.advertisements.reviewed_by IS
    'Personal data: the user (public id) who approved or rejected it.';
COMMENT ON COLUMN ad_schema.advertisements.created_by IS 'Personal data: the user (public id) who made it.';
-- serving: active advertisements of the campaigns that may be shown; a campaign's list
CREATE INDEX advertisements_campaign_id_idx ON ad_schema.advertisements (campaign_id, status);
-- the review queue, oldest first
CREATE INDEX advertisements_pending_created_at_idx ON ad_schema.advertisements (created_at)
    WHERE approval_status = 'PENDING';

CREATE TABLE ad_schema.ad_engagements (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ad_engagements_pk PRIMARY KEY,
    public_id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT ad_engagements_public_id_key UNIQUE,
    advertisement_id bigint NOT NULL
        CONSTRAINT ad_engagements_advertisement_id_fk REFERENCES ad_schema.advertisements (id) ON DELETE RESTRICT,
    user_id uuid NOT NULL,
    transaction_reference text,
    chain_step smallint NOT NULL DEFAULT 1,
    station_code text,
    status text NOT NULL DEFAULT 'STARTED',
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    clicked_at timestamptz,
    duration_s integer NOT NULL,
    completion_threshold_percent smallint NOT NULL,
    quartile smallint NOT NULL DEFAULT 0,
    watched_s numeric(8, 3) NOT NULL DEFAULT 0,
    completion_percentage numeric(5, 2) NOT NULL DEFAULT 0,
    base_tickets integer NOT NULL DEFAULT 0,
    ticket_multiplier smallint NOT NULL,
    max_bonus_tickets integer NOT NULL,
    bonus_tickets integer NOT NULL DEFAULT 0,
    cost numeric(12, 2) NOT NULL DEFAULT 0,
    currency text NOT NULL,
    budget_shard smallint,
    quality_score smallint,
    fraud_score smallint,
    ip_address inet DEFAULT ad_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT ad_schema.request_context('user_agent'),
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_engagements_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'),
    CONSTRAINT ad_engagements_chain_step_check CHECK (chain_step BETWEEN 1 AND 10),
    CONSTRAINT ad_engagements_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT ad_engagements_status_check CHECK (
        status IN ('STARTED', 'COMPLETED', 'SKIPPED', 'ABANDONED', 'FAILED', 'EXPIRED', 'REJECTED')),
    CONSTRAINT ad_engagements_finished_at_check CHECK (
        (status = 'STARTED') = (finished_at IS NULL) AND finished_at >= started_at),
    CONSTRAINT ad_engagements_clicked_at_check CHECK (clicked_at >= started_at),
    CONSTRAINT ad_engagements_duration_s_check CHECK (duration_s BETWEEN 1 AND 600),
    CONSTRAINT ad_engagements_completion_threshold_percent_check CHECK (completion_threshold_percent BETWEEN 1 AND 100),
    CONSTRAINT ad_engagements_quartile_check CHECK (
        quartile BETWEEN 0 AND 4 AND quartile * 25 <= completion_percentage),
    -- two seconds are what a player's clock and a slow request may differ by
    CONSTRAINT ad_engagements_watched_s_check CHECK (
        watched_s >= 0 AND watched_s < 'NaN' AND watched_s <= extract(epoch FROM finished_at - started_at) + 2),
    CONSTRAINT ad_engagements_completion_percentage_check CHECK (
        completion_percentage BETWEEN 0 AND 100
        AND completion_percentage <= 100 * (watched_s + 1) / duration_s),
    CONSTRAINT ad_engagements_completed_check CHECK (
        status <> 'COMPLETED' OR completion_percentage >= completion_threshold_percent),
    CONSTRAINT ad_engagements_base_tickets_check CHECK (base_tickets BETWEEN 0 AND 10000),
    CONSTRAINT ad_engagements_ticket_multiplier_check CHECK (ticket_multiplier BETWEEN 1 AND 10),
    CONSTRAINT ad_engagements_bonus_tickets_check CHECK (
        bonus_tickets BETWEEN 0 AND least(base_tickets * (ticket_multiplier - 1), max_bonus_tickets)
        AND (bonus_tickets = 0 OR (status = 'COMPLETED' AND transaction_reference IS NOT NULL))),
    CONSTRAINT ad_engagements_max_bonus_tickets_check CHECK (max_bonus_tickets BETWEEN 0 AND 10000),
    CONSTRAINT ad_engagements_cost_check CHECK (
        cost >= 0 AND cost < 'NaN' AND (cost = 0 OR budget_shard IS NOT NULL)),
    CONSTRAINT ad_engagements_currency_check CHECK (currency ~ '^[A-Z]{3}$' AND currency IN ('MXN', 'CRC', 'USD')),
    CONSTRAINT ad_engagements_rounding_unit_check CHECK (currency <> 'CRC' OR cost = trunc(cost)),
    CONSTRAINT ad_engagements_budget_shard_check CHECK (budget_shard BETWEEN 0 AND 255),
    CONSTRAINT ad_engagements_quality_score_check CHECK (quality_score BETWEEN 0 AND 100),
    CONSTRAINT ad_engagements_fraud_score_check CHECK (fraud_score BETWEEN 0 AND 100),
    CONSTRAINT ad_engagements_user_agent_check CHECK (length(user_agent) <= 512),
    CONSTRAINT ad_engagements_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
COMMENT ON TABLE ad_schema.ad_engagements IS
    'A view: one user, one advertisement, one step of the chain that multiplies a redemption''s tickets.';
COMMENT ON COLUMN ad_schema.ad_engagements.user_id IS 'Personal data: the viewer''s public id.';
COMMENT ON COLUMN ad_schema.ad_engagements.ip_address IS 'Personal data: where the view was started from.';
COMMENT ON COLUMN ad_schema.ad_engagements.user_agent IS 'Personal data: the viewer''s device, as it names itself.';
COMMENT ON COLUMN ad_schema.ad_engagements.station_code IS 'Personal data: the station where the viewer was, if known.';
COMMENT ON COLUMN ad_schema.ad_engagements.transaction_reference IS
    'The redemption whose tickets the view multiplies; NULL for a view that earns nothing.';
COMMENT ON COLUMN ad_schema.ad_engagements.quartile IS 'The last quartile reached, 0 to 4; it never goes back.';
COMMENT ON COLUMN ad_schema.ad_engagements.duration_s IS
    'The advertisement''s length when the view started. Like threshold, multiplier, cap of bonus tickets and currency '
    'it is copied at the start, whatever the INSERT says: later terms do not reach a running view.';
COMMENT ON COLUMN ad_schema.ad_engagements.cost IS
    'What the completion charged, taken from the campaign; a later rejection does not pay it back.';
COMMENT ON COLUMN ad_schema.ad_engagements.budget_shard IS
    'The share of the campaign''s budget (and of the day''s, if it has one) that the completion charges.';
-- a user's history, newest first
CREATE INDEX ad_engagements_user_id_started_at_idx ON ad_schema.ad_engagements (user_id, started_at);
-- daily roll-up of an advertisement
CREATE INDEX ad_engagements_advertisement_id_started_at_idx ON ad_schema.ad_engagements (advertisement_id, started_at);
-- one open view a user at most
CREATE UNIQUE INDEX ad_engagements_started_user_id_idx ON ad_schema.ad_engagements (user_id) WHERE status = 'STARTED';
-- a step of a redemption's chain is completed once
CREATE UNIQUE INDEX ad_engagements_completed_step_idx ON ad_schema.ad_engagements (transaction_reference, chain_step)
    WHERE status = 'COMPLETED';
-- views that never ended, for the job that expires them
CREATE INDEX ad_engagements_started_started_at_idx ON ad_schema.ad_engagements (started_at) WHERE status = 'STARTED';

CREATE TABLE ad_schema.ad_view_tokens (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ad_view_tokens_pk PRIMARY KEY,
    token_hash bytea NOT NULL CONSTRAINT ad_view_tokens_token_hash_key UNIQUE,
    advertisement_id bigint NOT NULL
        CONSTRAINT ad_view_tokens_advertisement_id_fk REFERENCES ad_schema.advertisements (id) ON DELETE CASCADE,
    user_id uuid NOT NULL,
    transaction_reference text,
    chain_step smallint NOT NULL DEFAULT 1,
    expires_at timestamptz NOT NULL,
    consumed_at timestamptz,
    engagement_id bigint CONSTRAINT ad_view_tokens_engagement_id_key UNIQUE
        CONSTRAINT ad_view_tokens_engagement_id_fk REFERENCES ad_schema.ad_engagements (id) ON DELETE RESTRICT,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_view_tokens_token_hash_check CHECK (octet_length(token_hash) = 32),
    CONSTRAINT ad_view_tokens_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'),
    CONSTRAINT ad_view_tokens_chain_step_check CHECK (chain_step BETWEEN 1 AND 10),
    CONSTRAINT ad_view_tokens_expires_at_check CHECK (
        expires_at > created_at AND expires_at <= created_at + interval '1 day'),
    CONSTRAINT ad_view_tokens_consumed_at_check CHECK (
        (consumed_at IS NULL) = (engagement_id IS NULL) AND consumed_at >= created_at AND consumed_at < expires_at)
);
COMMENT ON TABLE ad_schema.ad_view_tokens IS
    'The right to start one view, handed out with the advertisement and used once. Only its SHA-256 is kept.';
COMMENT ON COLUMN ad_schema.ad_view_tokens.user_id IS 'Personal data: the viewer''s public id.';
-- deletion of an advertisement
CREATE INDEX ad_view_tokens_advertisement_id_idx ON ad_schema.ad_view_tokens (advertisement_id);
-- retention: tokens that are over
CREATE INDEX ad_view_tokens_expires_at_idx ON ad_schema.ad_view_tokens (expires_at);

-- No foreign key: dropping a month would take an exclusive lock on the views, and stop everybody. A view's events are
-- written by the statement that changes the view.
CREATE TABLE ad_schema.ad_engagement_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    engagement_id bigint NOT NULL,
    event_type text NOT NULL,
    position_s numeric(8, 3) NOT NULL DEFAULT 0,
    details jsonb NOT NULL DEFAULT '{}',
    correlation_id text DEFAULT ad_schema.request_context('correlation_id'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_engagement_events_pk PRIMARY KEY (id, created_at),
    CONSTRAINT ad_engagement_events_event_type_check CHECK (
        event_type IN ('START', 'FIRST_QUARTILE', 'MIDPOINT', 'THIRD_QUARTILE', 'COMPLETE', 'PAUSE', 'RESUME', 'MUTE',
            'UNMUTE', 'SKIP', 'CLICK', 'HIDE', 'SHOW', 'ERROR', 'EXPIRE')),
    CONSTRAINT ad_engagement_events_position_s_check CHECK (position_s BETWEEN 0 AND 600),
    CONSTRAINT ad_engagement_events_details_check CHECK (jsonb_typeof(details) = 'object'),
    CONSTRAINT ad_engagement_events_correlation_id_check CHECK (length(correlation_id) <= 100)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE ad_schema.ad_engagement_events IS 'What happened during a view, in order; append-only, by month.';
COMMENT ON COLUMN ad_schema.ad_engagement_events.engagement_id IS 'ad_engagements.id, kept by the writer.';
-- the events of a view, for its scores
CREATE INDEX ad_engagement_events_engagement_id_idx ON ad_schema.ad_engagement_events (engagement_id);

CREATE TABLE ad_schema.ad_analytics (
    advertisement_id bigint NOT NULL
        CONSTRAINT ad_analytics_advertisement_id_fk REFERENCES ad_schema.advertisements (id) ON DELETE RESTRICT,
    analytics_date date NOT NULL,
    impressions bigint NOT NULL DEFAULT 0,
    starts bigint NOT NULL DEFAULT 0,
    first_quartiles bigint NOT NULL DEFAULT 0,
    midpoints bigint NOT NULL DEFAULT 0,
    third_quartiles bigint NOT NULL DEFAULT 0,
    completions bigint NOT NULL DEFAULT 0,
    skips bigint NOT NULL DEFAULT 0,
    failures bigint NOT NULL DEFAULT 0,
    clicks bigint NOT NULL DEFAULT 0,
    unique_users bigint NOT NULL DEFAULT 0,
    watched_s numeric(14, 3) NOT NULL DEFAULT 0,
    bonus_tickets bigint NOT NULL DEFAULT 0,
    cost numeric(12, 2) NOT NULL DEFAULT 0,
    currency text NOT NULL,
    scored_engagements bigint NOT NULL DEFAULT 0,
    quality_score_sum bigint NOT NULL DEFAULT 0,
    fraud_score_sum bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_analytics_pk PRIMARY KEY (advertisement_id, analytics_date),
    CONSTRAINT ad_analytics_funnel_check CHECK (
        impressions >= starts AND starts >= first_quartiles AND first_quartiles >= midpoints
        AND midpoints >= third_quartiles AND third_quartiles >= 0),
    CONSTRAINT ad_analytics_ends_check CHECK (
        completions >= 0 AND skips >= 0 AND failures >= 0 AND completions + skips + failures <= starts),
    CONSTRAINT ad_analytics_clicks_check CHECK (clicks BETWEEN 0 AND starts),
    CONSTRAINT ad_analytics_unique_users_check CHECK (unique_users BETWEEN 0 AND starts),
    CONSTRAINT ad_analytics_watched_s_check CHECK (watched_s >= 0 AND watched_s < 'NaN'),
    CONSTRAINT ad_analytics_bonus_tickets_check CHECK (bonus_tickets >= 0),
    CONSTRAINT ad_analytics_cost_check CHECK (cost >= 0 AND cost < 'NaN'),
    CONSTRAINT ad_analytics_currency_check CHECK (currency ~ '^[A-Z]{3}$' AND currency IN ('MXN', 'CRC', 'USD')),
    CONSTRAINT ad_analytics_scores_check CHECK (
        scored_engagements BETWEEN 0 AND starts AND quality_score_sum BETWEEN 0 AND 100 * scored_engagements
        AND fraud_score_sum BETWEEN 0 AND 100 * scored_engagements)
) PARTITION BY RANGE (analytics_date);
COMMENT ON TABLE ad_schema.ad_analytics IS
    'Figures of an advertisement a day (UTC), added to as views end; sums, so that they can be added up again.';
COMMENT ON COLUMN ad_schema.ad_analytics.scored_engagements IS
    'How many views the two score sums are of; a mean is a sum divided by this.';
-- reports over a range of days, all advertisements
CREATE INDEX ad_analytics_analytics_date_idx ON ad_schema.ad_analytics (analytics_date);

CREATE TABLE ad_schema.ad_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    action text NOT NULL,
    subject_type text NOT NULL,
    subject_reference text NOT NULL,
    old_values jsonb,
    new_values jsonb,
    actor text DEFAULT ad_schema.request_context('actor'),
    correlation_id text DEFAULT ad_schema.request_context('correlation_id'),
    ip_address inet DEFAULT ad_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT ad_schema.request_context('user_agent'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT ad_audit_log_action_check CHECK (action ~ '^[A-Z][A-Z_]{1,49}$'),
    CONSTRAINT ad_audit_log_subject_type_check CHECK (subject_type ~ '^[a-z][a-z_]{1,62}$'),
    CONSTRAINT ad_audit_log_subject_reference_check CHECK (
        btrim(subject_reference) <> '' AND length(subject_reference) <= 100),
    CONSTRAINT ad_audit_log_values_check CHECK (
        jsonb_typeof(coalesce(old_values, '{}')) = 'object' AND jsonb_typeof(coalesce(new_values, '{}')) = 'object'),
    CONSTRAINT ad_audit_log_actor_check CHECK (length(actor) <= 100),
    CONSTRAINT ad_audit_log_correlation_id_check CHECK (length(correlation_id) <= 100),
    CONSTRAINT ad_audit_log_user_agent_check CHECK (length(user_agent) <= 512)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE ad_schema.ad_audit_log IS
    'Who changed advertisers, campaigns, targeting and advertisements, and how; append-only, by month.';
COMMENT ON COLUMN ad_schema.ad_audit_log.subject_type IS 'The table of what was changed.';
COMMENT ON COLUMN ad_schema.ad_audit_log.subject_reference IS 'Its public reference.';
COMMENT ON COLUMN ad_schema.ad_audit_log.old_values IS 'Personal data: changed columns before (contact, users).';
COMMENT ON COLUMN ad_schema.ad_audit_log.new_values IS 'Personal data: changed columns after (contact, users).';
COMMENT ON COLUMN ad_schema.ad_audit_log.actor IS 'Personal data: the public id of who did it, or the name of a job.';
COMMENT ON COLUMN ad_schema.ad_audit_log.ip_address IS 'Personal data: where it was done from.';
COMMENT ON COLUMN ad_schema.ad_audit_log.user_agent IS 'Personal data: with what it was done.';
-- the history of one thing
CREATE INDEX ad_audit_log_subject_reference_idx ON ad_schema.ad_audit_log (subject_type, subject_reference);
-- everything that one request did
CREATE INDEX ad_audit_log_correlation_id_idx ON ad_schema.ad_audit_log (correlation_id);

SELECT ad_schema.ensure_all_month_partitions();

-- Rules that a CHECK cannot hold, because they compare a row with what it was or with other rows.

CREATE FUNCTION ad_schema.guard_campaign_status() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (
        ('DRAFT', 'ACTIVE'), ('DRAFT', 'CANCELLED'),
        ('ACTIVE', 'PAUSED'), ('ACTIVE', 'COMPLETED'), ('ACTIVE', 'CANCELLED'),
        ('PAUSED', 'ACTIVE'), ('PAUSED', 'COMPLETED'), ('PAUSED', 'CANCELLED'))
    THEN
        RAISE EXCEPTION 'campaign % cannot go from % to %', OLD.campaign_code, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_campaigns_status_transition_check';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION ad_schema.guard_campaign_status() IS 'The allowed changes of a campaign''s status; two are final.';

CREATE FUNCTION ad_schema.take_engagement_terms() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_may_be_shown boolean;
BEGIN
    SELECT advertisement.duration_s, advertisement.completion_threshold_percent, advertisement.ticket_multiplier,
           campaign.max_bonus_tickets, campaign.currency,
           advertisement.status = 'ACTIVE' AND advertisement.approval_status = 'APPROVED'
               AND campaign.status = 'ACTIVE'
               AND campaign.starts_at <= NEW.started_at AND NEW.started_at < campaign.ends_at
      INTO NEW.duration_s, NEW.completion_threshold_percent, NEW.ticket_multiplier,
           NEW.max_bonus_tickets, NEW.currency, v_may_be_shown
      FROM ad_schema.advertisements AS advertisement
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
     WHERE advertisement.id = NEW.advertisement_id;
    -- The service can insert nothing but a start, at now(). Views that are over are loaded by the owner alone.
    IF NEW.status = 'STARTED' AND v_may_be_shown IS NOT TRUE THEN
        RAISE EXCEPTION 'advertisement % may not be shown now', NEW.advertisement_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_may_be_shown_check',
                HINT = 'it and its campaign must be active, it approved, and the campaign within its schedule';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION ad_schema.take_engagement_terms() IS
    'A view starts under the terms of its advertisement and campaign, not under what its writer says, and only of what '
    'may be shown.';
REVOKE EXECUTE ON FUNCTION ad_schema.take_engagement_terms() FROM PUBLIC;

CREATE FUNCTION ad_schema.guard_engagement_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    -- a completed view may still be refused by the fraud review; nothing else comes after an end
    IF OLD.status <> NEW.status AND OLD.status <> 'STARTED'
        AND NOT (OLD.status = 'COMPLETED' AND NEW.status = 'REJECTED')
    THEN
        RAISE EXCEPTION 'view % cannot go from % to %', OLD.public_id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_status_transition_check';
    END IF;
    IF NEW.quartile < OLD.quartile OR NEW.watched_s < OLD.watched_s
        OR NEW.completion_percentage < OLD.completion_percentage
    THEN
        RAISE EXCEPTION 'view % cannot go back', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_progress_check';
    END IF;
    -- Times are the server's, and so is the price: a view costs nothing until it is completed.
    NEW.finished_at := CASE WHEN OLD.status = 'STARTED' AND NEW.status <> 'STARTED' THEN now() ELSE OLD.finished_at END;
    NEW.clicked_at := coalesce(OLD.clicked_at, CASE WHEN NEW.clicked_at IS NOT NULL THEN now() END);
    NEW.cost := OLD.cost;
    IF OLD.status = 'STARTED' AND NEW.status = 'COMPLETED' THEN
        SELECT campaign.cost_per_engagement
          INTO NEW.cost
          FROM ad_schema.advertisements AS advertisement
          JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
         WHERE advertisement.id = OLD.advertisement_id;
    END IF;
    IF OLD.status <> 'STARTED' AND NEW.budget_shard IS DISTINCT FROM OLD.budget_shard THEN
        RAISE EXCEPTION 'the share of the budget that view % charged cannot change', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_identity_check';
    END IF;
    IF (NEW.public_id, NEW.advertisement_id, NEW.user_id, NEW.transaction_reference, NEW.chain_step, NEW.started_at,
            NEW.duration_s, NEW.completion_threshold_percent, NEW.base_tickets, NEW.ticket_multiplier,
            NEW.max_bonus_tickets, NEW.currency)
        IS DISTINCT FROM
        (OLD.public_id, OLD.advertisement_id, OLD.user_id, OLD.transaction_reference, OLD.chain_step, OLD.started_at,
            OLD.duration_s, OLD.completion_threshold_percent, OLD.base_tickets, OLD.ticket_multiplier,
            OLD.max_bonus_tickets, OLD.currency)
    THEN
        RAISE EXCEPTION 'what view % is of cannot change', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_identity_check';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION ad_schema.guard_engagement_change() IS
    'A view ends once, its progress never goes back, what it is a view of never changes; its end and its cost are set.';

CREATE FUNCTION ad_schema.charge_engagements() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_due bigint;
    v_charged bigint;
BEGIN
    WITH charge AS MATERIALIZED (
        SELECT campaign.id AS campaign_id, ended.budget_shard, budget.day, sum(ended.cost) AS amount
          FROM ended_rows AS ended
          JOIN running_rows AS running ON running.id = ended.id
          JOIN ad_schema.advertisements AS advertisement ON advertisement.id = ended.advertisement_id
          JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
         CROSS JOIN LATERAL (
            SELECT NULL::date AS day
            UNION ALL
            SELECT (ended.finished_at AT TIME ZONE campaign.time_zone)::date WHERE campaign.daily_budget IS NOT NULL
         ) AS budget
         WHERE running.status = 'STARTED' AND ended.status = 'COMPLETED' AND ended.cost > 0
         GROUP BY campaign.id, ended.budget_shard, budget.day
    ), locked AS MATERIALIZED (
        -- Ordered, so that two statements that end several views lock the shares in the same order.
        SELECT share.id, charge.amount
          FROM charge
         CROSS JOIN LATERAL (
            -- two branches, because IS NOT DISTINCT FROM finds nothing by index
            SELECT total.id FROM ad_schema.ad_campaign_budget_shards AS total
             WHERE charge.day IS NULL AND total.campaign_id = charge.campaign_id AND total.budget_date IS NULL
               AND total.shard = charge.budget_shard
            UNION ALL
            SELECT daily.id FROM ad_schema.ad_campaign_budget_shards AS daily
             WHERE daily.campaign_id = charge.campaign_id AND daily.budget_date = charge.day
               AND daily.shard = charge.budget_shard
         ) AS found
          JOIN ad_schema.ad_campaign_budget_shards AS share ON share.id = found.id
         ORDER BY share.id
           FOR NO KEY UPDATE OF share
    ), charged AS (
        UPDATE ad_schema.ad_campaign_budget_shards AS share
           SET spent = share.spent + locked.amount
          FROM locked
         WHERE share.id = locked.id
        RETURNING share.id
    )
    SELECT (SELECT count(*) FROM charge), (SELECT count(*) FROM charged) INTO v_due, v_charged;
    IF v_charged <> v_due THEN
        RAISE EXCEPTION 'a completed view names a share of the budget that does not exist'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_budget_shard_exists_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ad_schema.charge_engagements() IS
    'Charges completed views to their share of the total budget and, where there is a daily one, of the day''s; the '
    'CHECK on the share refuses what it does not hold.';
REVOKE EXECUTE ON FUNCTION ad_schema.charge_engagements() FROM PUBLIC;

CREATE FUNCTION ad_schema.guard_view_token_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF OLD.consumed_at IS NOT NULL THEN
        RAISE EXCEPTION 'a view token was consumed at % and cannot change any more', OLD.consumed_at
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_view_tokens_consumed_once_check';
    END IF;
    -- the server's time, so that the CHECK refuses a token that is over
    NEW.consumed_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION ad_schema.guard_view_token_change() IS
    'A token is consumed now and not at some other time; a consumed one stays as it is.';

CREATE FUNCTION ad_schema.count_engagements() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    -- Ordered, so that two statements that start several views lock the counters in the same order.
    INSERT INTO ad_schema.ad_frequency_counters AS counter
        (campaign_id, user_id, period_start, engagement_count, engagement_cap)
    SELECT campaign.id, started.user_id, period.period_start, count(*), campaign.frequency_cap
      FROM started_rows AS started
      JOIN ad_schema.advertisements AS advertisement ON advertisement.id = started.advertisement_id
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
     CROSS JOIN LATERAL (
        SELECT CASE campaign.frequency_period
                   WHEN 'CAMPAIGN' THEN campaign.starts_at
                   ELSE date_trunc(lower(campaign.frequency_period), started.started_at, campaign.time_zone)
               END AS period_start
     ) AS period
     GROUP BY campaign.id, started.user_id, period.period_start, campaign.frequency_cap
     ORDER BY campaign.id, started.user_id, period.period_start
    ON CONFLICT (campaign_id, user_id, period_start) DO UPDATE
       SET engagement_count = counter.engagement_count + excluded.engagement_count,
           engagement_cap = excluded.engagement_cap;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ad_schema.count_engagements() IS
    'Counts started views per campaign, user and period; the CHECK on the counter refuses the one above the cap.';
REVOKE EXECUTE ON FUNCTION ad_schema.count_engagements() FROM PUBLIC;

CREATE FUNCTION ad_schema.guard_budget_allotment() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_campaign_id bigint;
    v_total numeric;
    v_daily numeric;
    v_is_over boolean;
BEGIN
    IF TG_TABLE_NAME = 'ad_campaigns' THEN
        v_campaign_id := NEW.id;
    ELSE
        v_campaign_id := NEW.campaign_id;
    END IF;
    -- One at a time a campaign, else two transactions could each add a share and not see the other's. Shares change
    -- hands rarely; a charge (spent) does not come here.
    SELECT total_budget, coalesce(daily_budget, total_budget)
      INTO v_total, v_daily
      FROM ad_schema.ad_campaigns WHERE id = v_campaign_id FOR NO KEY UPDATE;
    IF TG_TABLE_NAME = 'ad_campaigns' THEN
        v_is_over := EXISTS (
            SELECT FROM ad_schema.ad_campaign_budget_shards AS share
             WHERE share.campaign_id = v_campaign_id
             GROUP BY share.budget_date
            HAVING sum(share.allotted) > CASE WHEN share.budget_date IS NULL THEN v_total ELSE v_daily END);
    -- A share's own budget alone: 256 shares at most, found by the key. All days of a campaign would be thousands.
    ELSIF NEW.budget_date IS NULL THEN
        SELECT sum(share.allotted) > v_total INTO v_is_over FROM ad_schema.ad_campaign_budget_shards AS share
         WHERE share.campaign_id = v_campaign_id AND share.budget_date IS NULL;
    ELSE
        SELECT sum(share.allotted) > v_daily INTO v_is_over FROM ad_schema.ad_campaign_budget_shards AS share
         WHERE share.campaign_id = v_campaign_id AND share.budget_date = NEW.budget_date;
    END IF;
    IF v_is_over THEN
        RAISE EXCEPTION 'the shares of a budget are more than the budget'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_campaign_budget_shards_allotted_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ad_schema.guard_budget_allotment() IS
    'At commit: the shares of a budget add up to the budget at most, whether shares or budget changed.';

CREATE FUNCTION ad_schema.record_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_old jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    v_new jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    v_reference text := coalesce(v_new, v_old) ->> TG_ARGV[0];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(before.key, before.value), jsonb_object_agg(before.key, v_new -> before.key)
          INTO v_old, v_new
          FROM jsonb_each(v_old) AS before
         WHERE before.value IS DISTINCT FROM v_new -> before.key AND before.key <> 'updated_at';
        IF v_old IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO ad_schema.ad_audit_log (action, subject_type, subject_reference, old_values, new_values)
    VALUES (TG_OP, TG_TABLE_NAME, v_reference, v_old, v_new);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ad_schema.record_change() IS
    'Writes a change to the audit log; the argument names the column of the public reference.';
REVOKE EXECUTE ON FUNCTION ad_schema.record_change() FROM PUBLIC;

CREATE FUNCTION ad_schema.record_campaign_part_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO ad_schema.ad_audit_log (action, subject_type, subject_reference, old_values, new_values)
    SELECT TG_OP, TG_TABLE_NAME, campaign.campaign_code,
           CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(changed) END, CASE WHEN TG_OP = 'INSERT' THEN to_jsonb(changed) END
      FROM changed_rows AS changed
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = changed.campaign_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ad_schema.record_campaign_part_change() IS
    'Writes targets and windows that came or went to the audit log, under their campaign''s code.';
REVOKE EXECUTE ON FUNCTION ad_schema.record_campaign_part_change() FROM PUBLIC;

CREATE TRIGGER advertisers_set_updated_at BEFORE UPDATE ON ad_schema.advertisers
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();
CREATE TRIGGER ad_campaigns_set_updated_at BEFORE UPDATE ON ad_schema.ad_campaigns
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();
CREATE TRIGGER ad_campaign_budget_shards_set_updated_at BEFORE UPDATE ON ad_schema.ad_campaign_budget_shards
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();
CREATE TRIGGER ad_frequency_counters_set_updated_at BEFORE UPDATE ON ad_schema.ad_frequency_counters
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();
CREATE TRIGGER advertisements_set_updated_at BEFORE UPDATE ON ad_schema.advertisements
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();
CREATE TRIGGER ad_engagements_set_updated_at BEFORE UPDATE ON ad_schema.ad_engagements
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();
CREATE TRIGGER ad_analytics_set_updated_at BEFORE UPDATE ON ad_schema.ad_analytics
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TRIGGER ad_campaigns_guard_status BEFORE UPDATE OF status ON ad_schema.ad_campaigns
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION ad_schema.guard_campaign_status();
CREATE TRIGGER ad_engagements_take_terms BEFORE INSERT ON ad_schema.ad_engagements
    FOR EACH ROW EXECUTE FUNCTION ad_schema.take_engagement_terms();
CREATE TRIGGER ad_engagements_guard_change BEFORE UPDATE ON ad_schema.ad_engagements
    FOR EACH ROW EXECUTE FUNCTION ad_schema.guard_engagement_change();
CREATE TRIGGER ad_engagements_charge AFTER UPDATE ON ad_schema.ad_engagements
    REFERENCING OLD TABLE AS running_rows NEW TABLE AS ended_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.charge_engagements();
CREATE TRIGGER ad_view_tokens_guard_change BEFORE UPDATE ON ad_schema.ad_view_tokens
    FOR EACH ROW WHEN (OLD.consumed_at IS NOT NULL OR NEW.consumed_at IS NOT NULL)
    EXECUTE FUNCTION ad_schema.guard_view_token_change();
CREATE TRIGGER ad_engagements_count AFTER INSERT ON ad_schema.ad_engagements
    REFERENCING NEW TABLE AS started_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.count_engagements();
CREATE CONSTRAINT TRIGGER ad_campaign_budget_shards_allotted
    AFTER INSERT OR UPDATE OF allotted, budget_date, campaign_id ON ad_schema.ad_campaign_budget_shards
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ad_schema.guard_budget_allotment();
CREATE CONSTRAINT TRIGGER ad_campaigns_budget
    AFTER UPDATE OF total_budget, daily_budget ON ad_schema.ad_campaigns
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ad_schema.guard_budget_allotment();

CREATE TRIGGER ad_engagement_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ad_schema.ad_engagement_events
    FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.refuse_change();
CREATE TRIGGER ad_audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ad_schema.ad_audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.refuse_change();

CREATE TRIGGER advertisers_record_change AFTER INSERT OR UPDATE OR DELETE ON ad_schema.advertisers
    FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('advertiser_code');
CREATE TRIGGER ad_campaigns_record_change AFTER INSERT OR UPDATE OR DELETE ON ad_schema.ad_campaigns
    FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('campaign_code');
CREATE TRIGGER advertisements_record_change AFTER INSERT OR UPDATE OR DELETE ON ad_schema.advertisements
    FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('public_id');
CREATE TRIGGER ad_campaign_targets_record_insert AFTER INSERT ON ad_schema.ad_campaign_targets
    REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.record_campaign_part_change();
CREATE TRIGGER ad_campaign_targets_record_delete AFTER DELETE ON ad_schema.ad_campaign_targets
    REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.record_campaign_part_change();
CREATE TRIGGER ad_campaign_windows_record_insert AFTER INSERT ON ad_schema.ad_campaign_windows
    REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.record_campaign_part_change();
CREATE TRIGGER ad_campaign_windows_record_delete AFTER DELETE ON ad_schema.ad_campaign_windows
    REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.record_campaign_part_change();

GRANT USAGE ON SCHEMA ad_schema TO ads_app, ads_ro;
GRANT EXECUTE ON FUNCTION ad_schema.request_context(text), ad_schema.ensure_all_month_partitions(integer) TO ads_app;
-- Keys, times, terms, costs and what was spent are set by defaults and triggers alone.
GRANT SELECT,
    INSERT (advertiser_code, name, contact_name, contact_email, status, metadata),
    UPDATE (name, contact_name, contact_email, status, metadata)
    ON ad_schema.advertisers TO ads_app;
GRANT SELECT,
    INSERT (campaign_code, advertiser_id, name, description, status, starts_at, ends_at, time_zone, priority, pacing,
        total_budget, daily_budget, cost_per_engagement, currency, budget_alert_percent, frequency_cap,
        frequency_period, max_bonus_tickets, created_by, metadata),
    UPDATE (name, description, status, starts_at, ends_at, time_zone, priority, pacing,
        total_budget, daily_budget, cost_per_engagement, budget_alert_percent, frequency_cap,
        frequency_period, max_bonus_tickets, metadata)
    ON ad_schema.ad_campaigns TO ads_app;
GRANT SELECT, INSERT (campaign_id, dimension, value, is_excluded), DELETE
    ON ad_schema.ad_campaign_targets TO ads_app;
GRANT SELECT, INSERT (campaign_id, weekday, from_time, until_time), DELETE
    ON ad_schema.ad_campaign_windows TO ads_app;
GRANT SELECT, INSERT (campaign_id, budget_date, shard, allotted), UPDATE (allotted)
    ON ad_schema.ad_campaign_budget_shards TO ads_app;
GRANT SELECT,
    INSERT (campaign_id, title, description, ad_format, body_text, media_url, media_sha256, media_type, media_bytes,
        click_url, duration_s, skip_after_s, completion_threshold_percent, ticket_multiplier, content_rating, languages,
        status, created_by, metadata),
    UPDATE (title, description, ad_format, body_text, media_url, media_sha256, media_type, media_bytes,
        click_url, duration_s, skip_after_s, completion_threshold_percent, ticket_multiplier, content_rating, languages,
        status, approval_status, reviewed_by, reviewed_at, rejection_reason, metadata)
    ON ad_schema.advertisements TO ads_app;
GRANT SELECT,
    INSERT (advertisement_id, user_id, transaction_reference, chain_step, station_code, base_tickets, budget_shard,
        metadata),
    UPDATE (status, clicked_at, quartile, watched_s, completion_percentage, bonus_tickets, budget_shard, quality_score,
        fraud_score, metadata)
    ON ad_schema.ad_engagements TO ads_app;
GRANT SELECT,
    INSERT (token_hash, advertisement_id, user_id, transaction_reference, chain_step, expires_at),
    UPDATE (consumed_at, engagement_id)
    ON ad_schema.ad_view_tokens TO ads_app;
GRANT SELECT, INSERT (engagement_id, event_type, position_s, details) ON ad_schema.ad_engagement_events TO ads_app;
GRANT SELECT,
    INSERT (advertisement_id, analytics_date, impressions, starts, first_quartiles, midpoints, third_quartiles,
        completions, skips, failures, clicks, unique_users, watched_s, bonus_tickets, cost, currency,
        scored_engagements, quality_score_sum, fraud_score_sum),
    UPDATE (impressions, starts, first_quartiles, midpoints, third_quartiles,
        completions, skips, failures, clicks, unique_users, watched_s, bonus_tickets, cost,
        scored_engagements, quality_score_sum, fraud_score_sum)
    ON ad_schema.ad_analytics TO ads_app;
GRANT SELECT ON ad_schema.ad_audit_log TO ads_app;
GRANT SELECT ON ad_schema.ad_frequency_counters TO ads_app;
GRANT SELECT ON
    ad_schema.advertisers, ad_schema.ad_campaigns, ad_schema.ad_campaign_targets, ad_schema.ad_campaign_windows,
    ad_schema.ad_campaign_budget_shards, ad_schema.ad_frequency_counters, ad_schema.advertisements,
    ad_schema.ad_engagements, ad_schema.ad_engagement_events, ad_schema.ad_analytics, ad_schema.ad_audit_log
    TO ads_ro;
-- whoever holds a token's hash could look for the token
GRANT SELECT (id, advertisement_id, user_id, transaction_reference, chain_step, expires_at, consumed_at, engagement_id,
    created_at) ON ad_schema.ad_view_tokens TO ads_ro;
