-- Advertisements administered and served: submission and approval of what is shown, our own media, the budget dealt
-- into shares that lend to each other, and one table that serving looks at.
-- vuelo: allow require-concurrent-index-creation nothing but sample data is there before advertisements are served
-- vuelo: allow locking-several-tables each gains columns or triggers that nobody waits for: milliseconds together

-- What an advertisement and a campaign know more -------------------------------------------------------------------

ALTER TABLE ad_schema.advertisements
    ADD COLUMN submitted_at timestamptz,
    ADD COLUMN changed_by uuid,
    ADD COLUMN changers uuid[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT advertisements_changers_check CHECK (cardinality(changers) <= 1000) NOT VALID;
COMMENT ON COLUMN ad_schema.advertisements.submitted_at IS
    'When it was handed in for review; NULL: still being made, nobody reviews it.';
COMMENT ON COLUMN ad_schema.advertisements.changed_by IS
    'Personal data: the user (public id) who last changed what is shown.';
COMMENT ON COLUMN ad_schema.advertisements.changers IS
    'Personal data: all users (public ids) who changed what is shown since it was approved last; none of them, and not '
    'its maker, reviews it.';
-- whether media are used, and by what was approved
CREATE INDEX advertisements_media_sha256_idx ON ad_schema.advertisements (media_sha256) WHERE media_sha256 IS NOT NULL;
-- the review queue, in the order of submission
CREATE INDEX advertisements_submitted_at_idx ON ad_schema.advertisements (submitted_at, id)
    WHERE approval_status = 'PENDING' AND submitted_at IS NOT NULL;

ALTER TABLE ad_schema.ad_campaigns
    ADD COLUMN budget_alerted_at timestamptz,
    -- what is there from before is looked at when it is changed
    ADD CONSTRAINT ad_campaigns_daily_budget_cost_check CHECK (cost_per_engagement <= daily_budget) NOT VALID;
COMMENT ON COLUMN ad_schema.ad_campaigns.budget_alerted_at IS
    'When budget_alert_percent of the total budget was found spent and told; NULL again when the budget is raised.';

-- a viewer's counters of the periods that run, when an advertisement is chosen; export and erasure of a person
CREATE INDEX ad_frequency_counters_user_id_period_start_idx
    ON ad_schema.ad_frequency_counters (user_id, period_start);
-- campaigns whose cap is for the whole of them, when an advertisement is chosen
CREATE INDEX ad_campaigns_active_whole_cap_idx ON ad_schema.ad_campaigns (id)
    WHERE status = 'ACTIVE' AND frequency_period = 'CAMPAIGN';

CREATE FUNCTION ad_schema.guard_advertisement_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF OLD.status = 'ARCHIVED' AND NEW.status <> 'ARCHIVED' THEN
        RAISE EXCEPTION 'advertisement % is archived', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'advertisements_status_transition_check',
                SCHEMA = 'ad_schema', TABLE = 'advertisements';
    END IF;
    -- What was approved is what is shown: other content is other than what somebody looked at.
    IF (NEW.title, NEW.description, NEW.ad_format, NEW.body_text, NEW.media_url, NEW.media_sha256, NEW.media_type,
            NEW.media_bytes, NEW.click_url, NEW.duration_s, NEW.skip_after_s, NEW.completion_threshold_percent,
            NEW.ticket_multiplier, NEW.content_rating, NEW.languages)
        IS DISTINCT FROM
        (OLD.title, OLD.description, OLD.ad_format, OLD.body_text, OLD.media_url, OLD.media_sha256, OLD.media_type,
            OLD.media_bytes, OLD.click_url, OLD.duration_s, OLD.skip_after_s, OLD.completion_threshold_percent,
            OLD.ticket_multiplier, OLD.content_rating, OLD.languages)
    THEN
        NEW.approval_status := 'PENDING';
        NEW.reviewed_by := NULL;
        NEW.reviewed_at := NULL;
        NEW.rejection_reason := NULL;
        NEW.submitted_at := NULL;
        IF NEW.status <> 'ARCHIVED' THEN
            NEW.status := 'DRAFT';
        END IF;
        -- A job or a command is nobody who could approve.
        NEW.changed_by := substring(
            ad_schema.request_context('actor') FROM '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$')::uuid;
        NEW.changers := CASE OLD.approval_status WHEN 'APPROVED' THEN '{}' ELSE OLD.changers END;
        IF NEW.changed_by <> ALL (NEW.changers) THEN
            NEW.changers := NEW.changers || NEW.changed_by;
        END IF;
    ELSE
        NEW.changed_by := OLD.changed_by;
        NEW.changers := OLD.changers;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION ad_schema.guard_advertisement_change() IS
    'Changed content is a draft again that nobody has approved, and keeps who changed it; what is archived stays so.';
CREATE TRIGGER advertisements_guard_change BEFORE UPDATE ON ad_schema.advertisements
    FOR EACH ROW EXECUTE FUNCTION ad_schema.guard_advertisement_change();

-- Our own media ----------------------------------------------------------------------------------------------------

CREATE TABLE ad_schema.ad_media (
    sha256 bytea CONSTRAINT ad_media_pk PRIMARY KEY,
    media_type text NOT NULL,
    byte_count integer NOT NULL,
    uploaded_by uuid,
    uploaded_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_media_sha256_check CHECK (octet_length(sha256) = 32),
    CONSTRAINT ad_media_media_type_check CHECK (
        media_type IN ('image/png', 'image/jpeg', 'image/gif', 'image/webp', 'audio/wav', 'audio/mpeg', 'audio/ogg',
            'video/mp4', 'video/webm', 'text/html')),
    CONSTRAINT ad_media_byte_count_check CHECK (byte_count BETWEEN 1 AND 16777216)
);
COMMENT ON TABLE ad_schema.ad_media IS
    'Small media that advertisers uploaded, by the SHA-256 of their content: the same upload twice is one row.';
COMMENT ON COLUMN ad_schema.ad_media.uploaded_by IS 'Personal data: the user (public id) who uploaded it first.';
COMMENT ON COLUMN ad_schema.ad_media.uploaded_at IS
    'When it was uploaded last: from then on it has a week to be named by an advertisement.';
-- media that somebody uploaded: export of a person
CREATE INDEX ad_media_uploaded_by_idx ON ad_schema.ad_media (uploaded_by);

CREATE TABLE ad_schema.ad_media_chunks (
    sha256 bytea NOT NULL
        CONSTRAINT ad_media_chunks_sha256_fk REFERENCES ad_schema.ad_media (sha256) ON DELETE CASCADE,
    position integer NOT NULL,
    content bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_media_chunks_pk PRIMARY KEY (sha256, position),
    CONSTRAINT ad_media_chunks_position_check CHECK (position BETWEEN 0 AND 255),
    CONSTRAINT ad_media_chunks_content_check CHECK (octet_length(content) BETWEEN 1 AND 262144)
);
COMMENT ON TABLE ad_schema.ad_media_chunks IS
    'The bytes of media, a quarter of a megabyte a row, so that no process holds more of one than that at a time.';
-- compressed already
ALTER TABLE ad_schema.ad_media_chunks ALTER COLUMN content SET STORAGE EXTERNAL;

-- What serving looks at --------------------------------------------------------------------------------------------

CREATE TABLE ad_schema.ad_serving_zones (
    time_zone text CONSTRAINT ad_serving_zones_pk PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_serving_zones_time_zone_check CHECK (timestamp '2000-01-01' AT TIME ZONE time_zone IS NOT NULL)
);
COMMENT ON TABLE ad_schema.ad_serving_zones IS
    'The zones of campaigns that are served: what time it is there is asked once a choice, not once a campaign.';

CREATE TABLE ad_schema.ad_serving (
    advertisement_id bigint CONSTRAINT ad_serving_pk PRIMARY KEY
        CONSTRAINT ad_serving_advertisement_id_fk REFERENCES ad_schema.advertisements (id) ON DELETE CASCADE,
    campaign_id bigint NOT NULL
        CONSTRAINT ad_serving_campaign_id_fk REFERENCES ad_schema.ad_campaigns (id) ON DELETE CASCADE,
    priority smallint NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    time_zone text NOT NULL
        CONSTRAINT ad_serving_time_zone_fk REFERENCES ad_schema.ad_serving_zones (time_zone) ON DELETE RESTRICT,
    closed_until timestamptz NOT NULL DEFAULT '-infinity',
    rating smallint NOT NULL,
    languages text[] NOT NULL,
    windows int8multirange,
    is_targeted boolean NOT NULL,
    stations text[],
    not_stations text[],
    cities text[],
    not_cities text[],
    states text[],
    not_states text[],
    fuel_types text[],
    not_fuel_types text[],
    viewer_languages text[],
    not_viewer_languages text[],
    segments text[],
    not_segments text[],
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_serving_rating_check CHECK (rating BETWEEN 0 AND 2)
);
COMMENT ON TABLE ad_schema.ad_serving IS
    'A row for each approved, active advertisement of an active campaign of an active advertiser, with all that decides '
    'for whom and when it is shown. Written by triggers alone, but for closed_until.';
COMMENT ON COLUMN ad_schema.ad_serving.closed_until IS
    'Budget or pacing do not let it be shown before. A lower bound, which the choice checks again when it is over.';
COMMENT ON COLUMN ad_schema.ad_serving.rating IS '0 EVERYONE, 1 TEEN, 2 ADULT.';
COMMENT ON COLUMN ad_schema.ad_serving.windows IS
    'Microseconds since Monday 00:00 of its zone in which it may be shown; NULL: at any time.';
-- serving: the highest priority first (choose_ad)
CREATE INDEX ad_serving_priority_idx ON ad_schema.ad_serving (priority DESC);
-- a campaign's advertisements are closed and written anew together; deletion of a campaign
CREATE INDEX ad_serving_campaign_id_idx ON ad_schema.ad_serving (campaign_id);
-- deletion of a zone
CREATE INDEX ad_serving_time_zone_idx ON ad_schema.ad_serving (time_zone);

CREATE FUNCTION ad_schema.microseconds(p_time time) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (extract(epoch FROM p_time) * 1000000)::bigint $$;
COMMENT ON FUNCTION ad_schema.microseconds(time) IS 'Since midnight; 24:00 is the end of the day.';

CREATE FUNCTION ad_schema.frequency_period_start(p_period text, p_starts_at timestamptz, p_zone text, p_at timestamptz)
    RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT CASE p_period WHEN 'CAMPAIGN' THEN p_starts_at ELSE date_trunc(lower(p_period), p_at, p_zone) END $$;
COMMENT ON FUNCTION ad_schema.frequency_period_start(text, timestamptz, text, timestamptz) IS
    'When the period began that a view is counted in: as count_engagements counts.';

CREATE FUNCTION ad_schema.refresh_serving(p_campaign_ids bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    -- One at a time a campaign: of two changes the one that comes second reads what the first one has written.
    PERFORM FROM ad_schema.ad_campaigns AS campaign
      WHERE campaign.id = ANY (p_campaign_ids) ORDER BY campaign.id FOR NO KEY UPDATE;
    INSERT INTO ad_schema.ad_serving_zones (time_zone)
    SELECT DISTINCT campaign.time_zone FROM ad_schema.ad_campaigns AS campaign
     WHERE campaign.id = ANY (p_campaign_ids)
       AND NOT EXISTS (SELECT FROM ad_schema.ad_serving_zones AS known WHERE known.time_zone = campaign.time_zone)
     ORDER BY campaign.time_zone
    ON CONFLICT DO NOTHING;
    DELETE FROM ad_schema.ad_serving AS serving WHERE serving.campaign_id = ANY (p_campaign_ids);
    INSERT INTO ad_schema.ad_serving (
        advertisement_id, campaign_id, priority, starts_at, ends_at, time_zone, closed_until, rating, languages, windows,
        is_targeted, stations, not_stations, cities, not_cities, states, not_states, fuel_types, not_fuel_types, viewer_languages,
        not_viewer_languages, segments, not_segments)
    SELECT advertisement.id, campaign.id, campaign.priority, campaign.starts_at, campaign.ends_at, campaign.time_zone,
           money.closed_until,
           array_position('{EVERYONE,TEEN,ADULT}', advertisement.content_rating) - 1, advertisement.languages,
           shown.windows, wanted.is_targeted,
           wanted.stations, wanted.not_stations, wanted.cities, wanted.not_cities, wanted.states, wanted.not_states,
           wanted.fuel_types, wanted.not_fuel_types, wanted.viewer_languages, wanted.not_viewer_languages,
           wanted.segments, wanted.not_segments
      FROM ad_schema.ad_campaigns AS campaign
      JOIN ad_schema.advertisers AS advertiser ON advertiser.id = campaign.advertiser_id
      JOIN ad_schema.advertisements AS advertisement ON advertisement.campaign_id = campaign.id
     CROSS JOIN LATERAL (
        SELECT range_agg(int8range(
                   (w.weekday - 1) * 86400000000 + ad_schema.microseconds(w.from_time),
                   (w.weekday - 1) * 86400000000 + ad_schema.microseconds(w.until_time))) AS windows
          FROM ad_schema.ad_campaign_windows AS w WHERE w.campaign_id = campaign.id
     ) AS shown
     CROSS JOIN LATERAL (
        SELECT count(*) > 0 AS is_targeted,
               array_agg(t.value) FILTER (WHERE t.dimension = 'STATION' AND NOT t.is_excluded) AS stations,
               array_agg(t.value) FILTER (WHERE t.dimension = 'STATION' AND t.is_excluded) AS not_stations,
               array_agg(t.value) FILTER (WHERE t.dimension = 'CITY' AND NOT t.is_excluded) AS cities,
               array_agg(t.value) FILTER (WHERE t.dimension = 'CITY' AND t.is_excluded) AS not_cities,
               array_agg(t.value) FILTER (WHERE t.dimension = 'STATE' AND NOT t.is_excluded) AS states,
               array_agg(t.value) FILTER (WHERE t.dimension = 'STATE' AND t.is_excluded) AS not_states,
               array_agg(t.value) FILTER (WHERE t.dimension = 'FUEL_TYPE' AND NOT t.is_excluded) AS fuel_types,
               array_agg(t.value) FILTER (WHERE t.dimension = 'FUEL_TYPE' AND t.is_excluded) AS not_fuel_types,
               array_agg(t.value) FILTER (WHERE t.dimension = 'LANGUAGE' AND NOT t.is_excluded) AS viewer_languages,
               array_agg(t.value) FILTER (WHERE t.dimension = 'LANGUAGE' AND t.is_excluded) AS not_viewer_languages,
               array_agg(t.value) FILTER (WHERE t.dimension = 'SEGMENT' AND NOT t.is_excluded) AS segments,
               array_agg(t.value) FILTER (WHERE t.dimension = 'SEGMENT' AND t.is_excluded) AS not_segments
          FROM ad_schema.ad_campaign_targets AS t WHERE t.campaign_id = campaign.id
     ) AS wanted
     CROSS JOIN LATERAL ad_schema.judge_budget(campaign.id, now()) AS money
     WHERE campaign.id = ANY (p_campaign_ids)
       AND campaign.status = 'ACTIVE' AND advertiser.status = 'ACTIVE'
       AND advertisement.status = 'ACTIVE' AND advertisement.approval_status = 'APPROVED';
END
$$;
COMMENT ON FUNCTION ad_schema.refresh_serving(bigint[]) IS
    'Writes what serving looks at of these campaigns anew. Locks the campaigns until the transaction ends.';
REVOKE EXECUTE ON FUNCTION ad_schema.refresh_serving(bigint[]) FROM PUBLIC;

CREATE FUNCTION ad_schema.follow_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_campaign_ids bigint[];
BEGIN
    IF TG_TABLE_NAME = 'advertisers' THEN
        SELECT array_agg(campaign.id) INTO v_campaign_ids
          FROM changed_rows AS changed
          JOIN ad_schema.ad_campaigns AS campaign ON campaign.advertiser_id = changed.id
         WHERE campaign.status = 'ACTIVE';
    ELSIF TG_TABLE_NAME = 'ad_campaigns' THEN
        SELECT array_agg(changed.id) INTO v_campaign_ids FROM changed_rows AS changed;
    ELSE
        SELECT array_agg(DISTINCT changed.campaign_id) INTO v_campaign_ids FROM changed_rows AS changed;
    END IF;
    IF v_campaign_ids IS NOT NULL THEN
        PERFORM ad_schema.refresh_serving(v_campaign_ids);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ad_schema.follow_changes() IS 'What changes of a campaign is what serving looks at from then on.';
REVOKE EXECUTE ON FUNCTION ad_schema.follow_changes() FROM PUBLIC;

CREATE TRIGGER advertisers_follow_update AFTER UPDATE ON ad_schema.advertisers
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();
CREATE TRIGGER ad_campaigns_follow_update AFTER UPDATE ON ad_schema.ad_campaigns
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();
CREATE TRIGGER advertisements_follow_insert AFTER INSERT ON ad_schema.advertisements
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();
CREATE TRIGGER advertisements_follow_update AFTER UPDATE ON ad_schema.advertisements
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();
CREATE TRIGGER ad_campaign_targets_follow_insert AFTER INSERT ON ad_schema.ad_campaign_targets
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();
CREATE TRIGGER ad_campaign_targets_follow_delete AFTER DELETE ON ad_schema.ad_campaign_targets
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();
CREATE TRIGGER ad_campaign_windows_follow_insert AFTER INSERT ON ad_schema.ad_campaign_windows
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();
CREATE TRIGGER ad_campaign_windows_follow_delete AFTER DELETE ON ad_schema.ad_campaign_windows
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();

-- The budget in shares ---------------------------------------------------------------------------------------------

CREATE FUNCTION ad_schema.deal_budget(p_campaign_id bigint, p_day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_budget numeric;
    v_cost numeric;
    v_unit numeric;
    v_count integer;
    v_units bigint;
    v_spent numeric;
    v_before numeric := 0;
BEGIN
    -- The campaign before its shares, always: who lends does it in this order as well.
    SELECT CASE WHEN p_day IS NULL THEN campaign.total_budget ELSE campaign.daily_budget END,
           greatest(campaign.cost_per_engagement, 0.01), CASE campaign.currency WHEN 'CRC' THEN 1 ELSE 0.01 END,
           -- No more shares than have room for some views each: a small budget is not worth the crowd.
           least(16, greatest(1, floor(coalesce(campaign.daily_budget, campaign.total_budget)
               / greatest(campaign.cost_per_engagement, 0.01) / 8)))
      INTO v_budget, v_cost, v_unit, v_count
      FROM ad_schema.ad_campaigns AS campaign WHERE campaign.id = p_campaign_id FOR NO KEY UPDATE;
    IF v_budget IS NULL THEN
        RETURN;
    END IF;
    -- The total budget's number of shares is everybody's: a view charges the same number in both.
    SELECT coalesce(nullif(count(*), 0), v_count) INTO v_count
      FROM ad_schema.ad_campaign_budget_shards AS share
     WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NULL;
    PERFORM FROM ad_schema.ad_campaign_budget_shards AS share
      WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM p_day
      ORDER BY share.id FOR NO KEY UPDATE;
    SELECT coalesce(sum(share.spent), 0) INTO v_spent
      FROM ad_schema.ad_campaign_budget_shards AS share
     WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM p_day;
    -- What views cost on this day while it had no budget of its own, no share of it was charged with.
    IF p_day IS NOT NULL THEN
        SELECT greatest(0, coalesce(sum(engagement.cost), 0) - v_spent) INTO v_before
          FROM ad_schema.ad_campaigns AS campaign
          JOIN ad_schema.advertisements AS advertisement ON advertisement.campaign_id = campaign.id
          JOIN ad_schema.ad_engagements AS engagement ON engagement.advertisement_id = advertisement.id
         WHERE campaign.id = p_campaign_id AND engagement.cost > 0
           -- a view that ends on a day began on it or the day before
           AND engagement.started_at >= (p_day - 1)::timestamp AT TIME ZONE campaign.time_zone
           AND engagement.finished_at >= p_day::timestamp AT TIME ZONE campaign.time_zone
           AND engagement.finished_at < (p_day + 1)::timestamp AT TIME ZONE campaign.time_zone;
    END IF;
    v_units := CASE WHEN v_budget < v_spent THEN -1 ELSE floor(greatest(0, v_budget - v_spent - v_before) / v_unit) END;
    IF v_units < 0 THEN
        RAISE EXCEPTION 'more is spent already than this budget'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_campaigns_budget_below_spent_check',
                SCHEMA = 'ad_schema', TABLE = 'ad_campaigns';
    END IF;
    INSERT INTO ad_schema.ad_campaign_budget_shards AS share (campaign_id, budget_date, shard, allotted)
    SELECT p_campaign_id, p_day, part.shard,
           coalesce(known.spent, 0) + v_unit * (v_units / v_count + (part.shard < v_units % v_count)::integer)
      FROM generate_series(0, v_count - 1) AS part (shard)
      LEFT JOIN ad_schema.ad_campaign_budget_shards AS known
        ON known.campaign_id = p_campaign_id AND known.budget_date IS NOT DISTINCT FROM p_day
       AND known.shard = part.shard
    ON CONFLICT ON CONSTRAINT ad_campaign_budget_shards_campaign_id_budget_date_shard_key DO UPDATE
       SET allotted = excluded.allotted WHERE share.allotted <> excluded.allotted;
    UPDATE ad_schema.ad_serving AS serving SET closed_until = judged.closed_until
      FROM ad_schema.judge_budget(p_campaign_id, now()) AS judged
     WHERE serving.campaign_id = p_campaign_id AND serving.closed_until <> judged.closed_until;
END
$$;
COMMENT ON FUNCTION ad_schema.deal_budget(bigint, date) IS
    'Deals what is left of a campaign''s total budget (p_day NULL) or of a day''s evenly to its shares, at first or '
    'when the budget has changed, and closes or opens the campaign for serving accordingly. A day that had no budget at '
    'first has spent already what its views cost. Locks the campaign, then the shares, then what serving looks at of it. '
    'Refuses a budget below what is spent.';

CREATE FUNCTION ad_schema.judge_budget(p_campaign_id bigint, p_at timestamptz)
    RETURNS TABLE (reason text, closed_until timestamptz)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v record;
    v_local timestamp;
    v_budget numeric;
    v_spent numeric;
    v_left numeric;
    v_passed numeric;
    v_span numeric;
BEGIN
    SELECT campaign.starts_at, campaign.ends_at, campaign.time_zone, campaign.pacing, campaign.total_budget,
           campaign.daily_budget, campaign.cost_per_engagement AS cost
      INTO v
      FROM ad_schema.ad_campaigns AS campaign WHERE campaign.id = p_campaign_id;
    IF v.cost = 0 THEN
        RETURN QUERY SELECT NULL::text, timestamptz '-infinity';
        RETURN;
    END IF;
    v_budget := v.total_budget;
    SELECT coalesce(sum(share.spent), 0), coalesce(sum(share.allotted - share.spent), v_budget)
      INTO v_spent, v_left
      FROM ad_schema.ad_campaign_budget_shards AS share
     WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NULL;
    IF v_left < v.cost THEN
        RETURN QUERY SELECT 'TOTAL_BUDGET', timestamptz 'infinity';
        RETURN;
    END IF;
    v_local := p_at AT TIME ZONE v.time_zone;
    IF v.daily_budget IS NOT NULL THEN
        v_budget := v.daily_budget;
        SELECT coalesce(sum(share.spent), 0), coalesce(sum(share.allotted - share.spent), v_budget)
          INTO v_spent, v_left
          FROM ad_schema.ad_campaign_budget_shards AS share
         WHERE share.campaign_id = p_campaign_id AND share.budget_date = v_local::date;
        IF v_left < v.cost THEN
            RETURN QUERY SELECT 'DAILY_BUDGET', (v_local::date + 1)::timestamp AT TIME ZONE v.time_zone;
            RETURN;
        END IF;
    END IF;
    IF v.pacing = 'EVEN' AND v_spent > 0 THEN
        IF v.daily_budget IS NULL THEN
            v_span := extract(epoch FROM v.ends_at - v.starts_at);
            v_passed := extract(epoch FROM p_at - v.starts_at);
        ELSE
            SELECT sum(extract(epoch FROM piece.until - piece.since)),
                   sum(extract(epoch FROM greatest(least(piece.until, v_local), piece.since) - piece.since))
              INTO v_span, v_passed
              FROM (
                SELECT greatest(v_local::date + shown.from_time, v.starts_at AT TIME ZONE v.time_zone) AS since,
                       least(CASE shown.until_time WHEN '24:00' THEN (v_local::date + 1)::timestamp
                                 ELSE v_local::date + shown.until_time END,
                             v.ends_at AT TIME ZONE v.time_zone) AS until
                  FROM (
                    SELECT w.from_time, w.until_time FROM ad_schema.ad_campaign_windows AS w
                     WHERE w.campaign_id = p_campaign_id AND w.weekday = extract(isodow FROM v_local)
                    UNION ALL
                    SELECT '00:00', '24:00'
                     WHERE NOT EXISTS (
                        SELECT FROM ad_schema.ad_campaign_windows AS w WHERE w.campaign_id = p_campaign_id)
                  ) AS shown
              ) AS piece
             WHERE piece.since < piece.until;
        END IF;
        -- As much as has passed of the time may be spent, and then one view more begun.
        IF v_spent * v_span > v_budget * v_passed THEN
            RETURN QUERY SELECT 'PACING',
                p_at + ((v_spent / v_budget) * v_span - v_passed) * interval '1 second';
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT NULL::text, timestamptz '-infinity';
END
$$;
COMMENT ON FUNCTION ad_schema.judge_budget(bigint, timestamptz) IS
    'Why a campaign''s money does not let it be shown: TOTAL_BUDGET, DAILY_BUDGET or PACING, and until when at least; '
    'NULL: it may be. EVEN without a daily budget spreads the total one over the schedule, else the day''s over the '
    'time of the day in which the campaign may be shown. Completed views count, running ones do not.';

CREATE FUNCTION ad_schema.take_budget_share(p_campaign_id bigint, p_user_id uuid) RETURNS smallint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_cost numeric;
    v_day date;
    v_count integer;
    v_home integer;
    v_shard smallint;
    v_is_held boolean;
BEGIN
    SELECT campaign.cost_per_engagement,
           CASE WHEN campaign.daily_budget IS NOT NULL THEN (now() AT TIME ZONE campaign.time_zone)::date END
      INTO v_cost, v_day
      FROM ad_schema.ad_campaigns AS campaign WHERE campaign.id = p_campaign_id;
    IF v_cost = 0 THEN
        RETURN 0;
    END IF;
    -- None yet: somebody else may deal them before the next statement looks.
    SELECT greatest(count(*), 1) INTO v_count FROM ad_schema.ad_campaign_budget_shards AS share
     WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NULL;
    v_home := (hashtextextended(p_user_id::text, 0) & 9223372036854775807) % v_count;
    -- Without a lock at first: the viewer's own share, or the next one that has room.
    SELECT total.shard INTO v_shard
      FROM ad_schema.ad_campaign_budget_shards AS total
     WHERE total.campaign_id = p_campaign_id AND total.budget_date IS NULL AND total.allotted - total.spent >= v_cost
       AND (v_day IS NULL OR EXISTS (
            SELECT FROM ad_schema.ad_campaign_budget_shards AS daily
             WHERE daily.campaign_id = p_campaign_id AND daily.budget_date = v_day AND daily.shard = total.shard
               AND daily.allotted - daily.spent >= v_cost))
     ORDER BY (total.shard - v_home + v_count) % v_count
     LIMIT 1;
    IF FOUND THEN
        BEGIN
            PERFORM FROM ad_schema.ad_campaign_budget_shards AS share
              WHERE share.campaign_id = p_campaign_id AND share.shard = v_shard
                AND (share.budget_date IS NULL OR share.budget_date = v_day)
              ORDER BY share.id FOR NO KEY UPDATE;
            SELECT bool_and(share.allotted - share.spent >= v_cost) INTO v_is_held
              FROM ad_schema.ad_campaign_budget_shards AS share
             WHERE share.campaign_id = p_campaign_id AND share.shard = v_shard
               AND (share.budget_date IS NULL OR share.budget_date = v_day);
            IF v_is_held THEN
                RETURN v_shard;
            END IF;
            RAISE SQLSTATE 'GA001';  -- undoes the locks of this block, so that those below are taken in order
        EXCEPTION WHEN SQLSTATE 'GA001' THEN
            NULL;
        END;
    END IF;
    RETURN ad_schema.borrow_budget(p_campaign_id, v_day, v_home, v_cost);
END
$$;
COMMENT ON FUNCTION ad_schema.take_budget_share(bigint, uuid) IS
    'The share that a view of the campaign, completed in this transaction, charges: ad_engagements.budget_shard of the '
    'UPDATE that completes it. It is locked until the transaction ends and holds the cost in both budgets; near the '
    'end the other shares lend. NULL: total or daily budget do not hold one view more. Today is the day of now().';

CREATE FUNCTION ad_schema.borrow_budget(p_campaign_id bigint, p_day date, p_home integer, p_cost numeric)
    RETURNS smallint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_day date;
    v_home smallint;
    v_lacks numeric;
    v_left numeric;
    v_days date[] := CASE WHEN p_day IS NULL THEN ARRAY[NULL::date] ELSE ARRAY[NULL, p_day] END;
BEGIN
    PERFORM FROM ad_schema.ad_campaigns AS campaign WHERE campaign.id = p_campaign_id FOR NO KEY UPDATE;
    FOREACH v_day IN ARRAY v_days LOOP
        IF NOT EXISTS (
            SELECT FROM ad_schema.ad_campaign_budget_shards AS share
             WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM v_day)
        THEN
            PERFORM ad_schema.deal_budget(p_campaign_id, v_day);
        END IF;
    END LOOP;
    PERFORM FROM ad_schema.ad_campaign_budget_shards AS share
      WHERE share.campaign_id = p_campaign_id AND (share.budget_date IS NULL OR share.budget_date = p_day)
      ORDER BY share.id FOR NO KEY UPDATE;
    SELECT min(budget.remaining) INTO v_left
      FROM (
        SELECT sum(share.allotted - share.spent) AS remaining FROM ad_schema.ad_campaign_budget_shards AS share
         WHERE share.campaign_id = p_campaign_id AND (share.budget_date IS NULL OR share.budget_date = p_day)
         GROUP BY share.budget_date
      ) AS budget;
    IF v_left < p_cost THEN
        UPDATE ad_schema.ad_serving AS serving SET closed_until = judged.closed_until
          FROM ad_schema.judge_budget(p_campaign_id, now()) AS judged
         WHERE serving.campaign_id = p_campaign_id AND serving.closed_until < judged.closed_until;
        RETURN NULL;
    END IF;
    SELECT coalesce(min(share.shard) FILTER (WHERE share.shard = p_home), min(share.shard)) INTO v_home
      FROM ad_schema.ad_campaign_budget_shards AS share
     WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NULL;
    FOREACH v_day IN ARRAY v_days LOOP
        SELECT p_cost - (share.allotted - share.spent) INTO v_lacks
          FROM ad_schema.ad_campaign_budget_shards AS share
         WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM v_day
           AND share.shard = v_home;
        CONTINUE WHEN v_lacks <= 0;
        -- Each lends what it has until enough is there: the first of them all, the last one a part.
        WITH lender AS (
            SELECT share.id, share.allotted - share.spent AS has,
                   sum(share.allotted - share.spent) OVER (ORDER BY share.allotted - share.spent DESC, share.id) AS until
              FROM ad_schema.ad_campaign_budget_shards AS share
             WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM v_day
               AND share.shard <> v_home
        )
        UPDATE ad_schema.ad_campaign_budget_shards AS share
           SET allotted = share.allotted - least(lender.has, v_lacks - (lender.until - lender.has))
          FROM lender
         WHERE share.id = lender.id AND lender.until - lender.has < v_lacks AND lender.has > 0;
        UPDATE ad_schema.ad_campaign_budget_shards AS share
           SET allotted = share.allotted + v_lacks
         WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM v_day
           AND share.shard = v_home;
    END LOOP;
    RETURN v_home;
END
$$;
COMMENT ON FUNCTION ad_schema.borrow_budget(bigint, date, integer, numeric) IS
    'The viewer''s own share, filled from the others until it holds the cost; NULL when all together do not, and then '
    'the campaign is closed for serving. Deals shares that nobody dealt. Locks the campaign, then all its shares.';

CREATE FUNCTION ad_schema.close_spent() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    -- Rows that somebody works at are passed over, because whoever changes a campaign waits for its shares afterwards.
    WITH paid AS MATERIALIZED (
        SELECT DISTINCT advertisement.campaign_id
          FROM ended_rows AS ended
          JOIN running_rows AS running ON running.id = ended.id
          JOIN ad_schema.advertisements AS advertisement ON advertisement.id = ended.advertisement_id
         WHERE running.status = 'STARTED' AND ended.status = 'COMPLETED' AND ended.cost > 0
    ), due AS MATERIALIZED (
        SELECT serving.advertisement_id, judged.closed_until
          FROM paid
         CROSS JOIN LATERAL ad_schema.judge_budget(paid.campaign_id, now()) AS judged
          JOIN ad_schema.ad_serving AS serving ON serving.campaign_id = paid.campaign_id
         WHERE serving.closed_until < judged.closed_until AND judged.closed_until > now()
         ORDER BY serving.advertisement_id
           FOR NO KEY UPDATE OF serving SKIP LOCKED
    )
    UPDATE ad_schema.ad_serving AS serving SET closed_until = due.closed_until
      FROM due WHERE serving.advertisement_id = due.advertisement_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ad_schema.close_spent() IS
    'Closes a campaign for serving when a completed view has spent what may be spent until then. Runs after the charge.';
REVOKE EXECUTE ON FUNCTION ad_schema.close_spent() FROM PUBLIC;
-- Triggers run in the order of their names: after ad_engagements_charge.
CREATE TRIGGER ad_engagements_close_spent AFTER UPDATE ON ad_schema.ad_engagements
    REFERENCING OLD TABLE AS running_rows NEW TABLE AS ended_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.close_spent();

-- What is there already is served from now on.
SELECT ad_schema.refresh_serving(array_agg(campaign.id)) FROM ad_schema.ad_campaigns AS campaign HAVING count(*) > 0;

GRANT EXECUTE ON FUNCTION ad_schema.microseconds(time),
    ad_schema.frequency_period_start(text, timestamptz, text, timestamptz), ad_schema.deal_budget(bigint, date),
    ad_schema.judge_budget(bigint, timestamptz), ad_schema.take_budget_share(bigint, uuid),
    ad_schema.borrow_budget(bigint, date, integer, numeric) TO ads_app;
GRANT INSERT (submitted_at), UPDATE (submitted_at) ON ad_schema.advertisements TO ads_app;
GRANT UPDATE (budget_alerted_at) ON ad_schema.ad_campaigns TO ads_app;
GRANT SELECT, INSERT (sha256, media_type, byte_count, uploaded_by), UPDATE (uploaded_at), DELETE
    ON ad_schema.ad_media TO ads_app;
GRANT SELECT, INSERT (sha256, position, content) ON ad_schema.ad_media_chunks TO ads_app;
GRANT SELECT, UPDATE (closed_until) ON ad_schema.ad_serving TO ads_app;
GRANT SELECT ON ad_schema.ad_serving_zones TO ads_app;
GRANT SELECT ON ad_schema.ad_serving, ad_schema.ad_serving_zones TO ads_ro;
GRANT SELECT (sha256, media_type, byte_count, uploaded_at, created_at) ON ad_schema.ad_media TO ads_ro;
GRANT SELECT (sha256, position, created_at) ON ad_schema.ad_media_chunks TO ads_ro;
