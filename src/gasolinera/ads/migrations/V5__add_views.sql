-- Views: what may be multiplied, the player's state by the server's clock, scores from a view's events, the queue of
-- doubtful views, completion with its charge and its event, and networks that confirm views from their own servers.
-- vuelo: allow constraint-missing-not-valid nothing but sample data has put views into the tables before
-- vuelo: allow locking-several-tables all of it together takes milliseconds
-- vuelo: allow require-concurrent-index-creation nothing but sample data is there before ads are shown

-- Rules as data -------------------------------------------------------------------------------------------------------

CREATE TABLE ad_schema.ad_view_rules (
    rule_set text NOT NULL DEFAULT 'views',
    bonus_window_hours integer NOT NULL DEFAULT 48,
    token_seconds integer NOT NULL DEFAULT 600,
    idle_seconds integer NOT NULL DEFAULT 120,
    longest_silence_s integer NOT NULL DEFAULT 30,
    review_score smallint NOT NULL DEFAULT 40,
    reject_score smallint NOT NULL DEFAULT 70,
    user_views_per_hour integer NOT NULL DEFAULT 40,
    address_views_per_hour integer NOT NULL DEFAULT 400,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_view_rules_pk PRIMARY KEY (rule_set),
    CONSTRAINT ad_view_rules_rule_set_check CHECK (rule_set = 'views'),
    CONSTRAINT ad_view_rules_bonus_window_hours_check CHECK (bonus_window_hours BETWEEN 1 AND 720),
    CONSTRAINT ad_view_rules_token_seconds_check CHECK (token_seconds BETWEEN 30 AND 3600),
    CONSTRAINT ad_view_rules_idle_seconds_check CHECK (idle_seconds BETWEEN 30 AND 3600),
    CONSTRAINT ad_view_rules_longest_silence_s_check CHECK (longest_silence_s BETWEEN 5 AND 120),
    CONSTRAINT ad_view_rules_score_check CHECK (review_score BETWEEN 1 AND reject_score AND reject_score <= 100),
    CONSTRAINT ad_view_rules_user_views_per_hour_check CHECK (user_views_per_hour BETWEEN 1 AND 10000),
    CONSTRAINT ad_view_rules_address_views_per_hour_check CHECK (address_views_per_hour BETWEEN 1 AND 1000000)
);
COMMENT ON TABLE ad_schema.ad_view_rules IS 'How views are judged: one row, read by the statements that decide.';
COMMENT ON COLUMN ad_schema.ad_view_rules.bonus_window_hours IS
    'How long after a redemption views may multiply its tickets; a change is for redemptions from then on.';
COMMENT ON COLUMN ad_schema.ad_view_rules.token_seconds IS 'How long an advertisement that was served may be started.';
COMMENT ON COLUMN ad_schema.ad_view_rules.idle_seconds IS 'A view of which nothing is heard for so long is over.';
COMMENT ON COLUMN ad_schema.ad_view_rules.longest_silence_s IS
    'So much of the time between two reports counts as watched, at most.';
COMMENT ON COLUMN ad_schema.ad_view_rules.review_score IS 'From this fraud score on a person looks at a completed view.';
COMMENT ON COLUMN ad_schema.ad_view_rules.reject_score IS
    'From this fraud score on a view is rejected before it is completed: it earns nothing and costs nothing.';
INSERT INTO ad_schema.ad_view_rules DEFAULT VALUES;
CREATE TRIGGER ad_view_rules_set_updated_at BEFORE UPDATE ON ad_schema.ad_view_rules
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();
CREATE TRIGGER ad_view_rules_record_change AFTER INSERT OR UPDATE OR DELETE ON ad_schema.ad_view_rules
    FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('rule_set');

-- What may be multiplied ----------------------------------------------------------------------------------------------

CREATE TABLE ad_schema.ad_redemptions (
    transaction_reference text NOT NULL,
    user_id uuid NOT NULL,
    base_tickets integer NOT NULL,
    station_code text NOT NULL,
    fuel_type text,
    bonus_until timestamptz NOT NULL,
    steps_completed smallint NOT NULL DEFAULT 0,
    cancelled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_redemptions_pk PRIMARY KEY (transaction_reference),
    CONSTRAINT ad_redemptions_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'),
    CONSTRAINT ad_redemptions_base_tickets_check CHECK (base_tickets BETWEEN 0 AND 10000),
    CONSTRAINT ad_redemptions_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT ad_redemptions_fuel_type_check CHECK (fuel_type IN ('REGULAR', 'PREMIUM', 'DIESEL')),
    CONSTRAINT ad_redemptions_steps_completed_check CHECK (steps_completed BETWEEN 0 AND 10)
);
COMMENT ON TABLE ad_schema.ad_redemptions IS
    'Completed redemptions as their events told them: what views may multiply, for whom and until when.';
COMMENT ON COLUMN ad_schema.ad_redemptions.user_id IS 'Personal data: public id of who redeemed.';
COMMENT ON COLUMN ad_schema.ad_redemptions.station_code IS 'Personal data: where that was.';
COMMENT ON COLUMN ad_schema.ad_redemptions.steps_completed IS
    'Completed views of its chain; the completion itself counts here, and only the next step fits.';
-- the own redemptions that views may still multiply; erasure of a person
CREATE INDEX ad_redemptions_user_id_bonus_until_idx ON ad_schema.ad_redemptions (user_id, bonus_until);
-- retention: redemptions that nothing multiplies any more
CREATE INDEX ad_redemptions_bonus_until_idx ON ad_schema.ad_redemptions (bonus_until);
CREATE TRIGGER ad_redemptions_set_updated_at BEFORE UPDATE ON ad_schema.ad_redemptions
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

-- Views under way -----------------------------------------------------------------------------------------------------

ALTER TABLE ad_schema.ad_engagements
    ADD COLUMN unbilled_reason text,
    ADD COLUMN verified_at timestamptz,
    ADD COLUMN rejected_cost numeric(12, 2) NOT NULL DEFAULT 0,
    ADD CONSTRAINT ad_engagements_rejected_cost_check CHECK (
        rejected_cost >= 0 AND rejected_cost < 'NaN'
        AND (rejected_cost = 0 OR (status = 'REJECTED' AND cost = 0 AND budget_shard IS NOT NULL))
        AND (currency <> 'CRC' OR rejected_cost = trunc(rejected_cost))),
    ADD CONSTRAINT ad_engagements_unbilled_reason_check CHECK (
        unbilled_reason IN ('BUDGET_SPENT') AND (unbilled_reason IS NULL OR cost = 0));
COMMENT ON COLUMN ad_schema.ad_engagements.unbilled_reason IS
    'Why a completed view cost nothing: the budget was spent while it was watched. Its viewer earns all the same.';
COMMENT ON COLUMN ad_schema.ad_engagements.cost IS
    'What the completion charged, taken from the campaign; a later rejection gives it back.';
COMMENT ON COLUMN ad_schema.ad_engagements.rejected_cost IS
    'What the completion had charged and the rejection gave back to the budget.';
COMMENT ON COLUMN ad_schema.ad_engagements.verified_at IS 'When a network''s own server confirmed the view.';
-- fraud score: views from one address in an hour
CREATE INDEX ad_engagements_ip_address_started_at_idx ON ad_schema.ad_engagements (ip_address, started_at)
    WHERE ip_address IS NOT NULL;

ALTER TABLE ad_schema.ad_engagement_events
    DROP CONSTRAINT ad_engagement_events_event_type_check,
    ADD CONSTRAINT ad_engagement_events_event_type_check CHECK (
        event_type IN ('START', 'FIRST_QUARTILE', 'MIDPOINT', 'THIRD_QUARTILE', 'COMPLETE', 'PAUSE', 'RESUME', 'MUTE',
            'UNMUTE', 'SKIP', 'CLICK', 'HIDE', 'SHOW', 'ERROR', 'EXPIRE', 'HEARTBEAT', 'REPLAY', 'ABANDON', 'REJECT',
            'VERIFY'));

CREATE TABLE ad_schema.ad_view_states (
    engagement_id bigint NOT NULL,
    is_playing boolean NOT NULL DEFAULT true,
    visible_percent smallint NOT NULL DEFAULT 100,
    is_muted boolean NOT NULL DEFAULT false,
    is_hidden boolean NOT NULL DEFAULT false,
    is_silenced boolean NOT NULL DEFAULT false,
    position_s numeric(8, 3) NOT NULL DEFAULT 0,
    clock_s numeric(10, 3) NOT NULL DEFAULT 0,
    played_s numeric(10, 3) NOT NULL DEFAULT 0,
    last_sequence integer NOT NULL DEFAULT 0,
    report_count integer NOT NULL DEFAULT 0,
    seen_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_view_states_pk PRIMARY KEY (engagement_id),
    CONSTRAINT ad_view_states_engagement_id_fk FOREIGN KEY (engagement_id)
        REFERENCES ad_schema.ad_engagements (id) ON DELETE CASCADE,
    CONSTRAINT ad_view_states_visible_percent_check CHECK (visible_percent BETWEEN 0 AND 100),
    CONSTRAINT ad_view_states_position_s_check CHECK (position_s BETWEEN 0 AND 600),
    CONSTRAINT ad_view_states_played_s_check CHECK (
        played_s >= 0 AND played_s <= clock_s AND played_s < 'NaN' AND clock_s < 'NaN'),
    CONSTRAINT ad_view_states_last_sequence_check CHECK (last_sequence >= 0),
    CONSTRAINT ad_view_states_report_count_check CHECK (report_count BETWEEN 0 AND 3000)
);
COMMENT ON TABLE ad_schema.ad_view_states IS
    'Where the player of each running view stands, as it said last and as the server''s clock allows. Goes with its end.';
COMMENT ON COLUMN ad_schema.ad_view_states.is_hidden IS 'From HIDE to SHOW nothing is in view, whatever reports say.';
COMMENT ON COLUMN ad_schema.ad_view_states.is_silenced IS 'From MUTE to UNMUTE it is muted, whatever reports say.';
COMMENT ON COLUMN ad_schema.ad_view_states.clock_s IS 'Time that the player has played, by the server''s clock.';
COMMENT ON COLUMN ad_schema.ad_view_states.played_s IS
    'The part of it that somebody could see (half the pixels) or, of audio, hear: no more than this can be watched.';
COMMENT ON COLUMN ad_schema.ad_view_states.last_sequence IS 'Reports are numbered: a repeated or late one does nothing.';
-- views of which nothing is heard any more, for the job that ends them
CREATE INDEX ad_view_states_seen_at_idx ON ad_schema.ad_view_states (seen_at);

CREATE TABLE ad_schema.ad_view_reviews (
    engagement_id bigint NOT NULL,
    status text NOT NULL DEFAULT 'PENDING',
    fraud_score smallint NOT NULL,
    findings jsonb NOT NULL,
    bonus_taken_back integer NOT NULL DEFAULT 0,
    decided_by uuid,
    decided_at timestamptz,
    note text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_view_reviews_pk PRIMARY KEY (engagement_id),
    CONSTRAINT ad_view_reviews_engagement_id_fk FOREIGN KEY (engagement_id)
        REFERENCES ad_schema.ad_engagements (id) ON DELETE CASCADE,
    CONSTRAINT ad_view_reviews_status_check CHECK (status IN ('PENDING', 'ACCEPTED', 'REJECTED')),
    CONSTRAINT ad_view_reviews_fraud_score_check CHECK (fraud_score BETWEEN 0 AND 100),
    CONSTRAINT ad_view_reviews_findings_check CHECK (jsonb_typeof(findings) = 'object'),
    CONSTRAINT ad_view_reviews_bonus_taken_back_check CHECK (
        bonus_taken_back >= 0 AND (bonus_taken_back = 0 OR status = 'REJECTED')),
    CONSTRAINT ad_view_reviews_decision_check CHECK ((status = 'PENDING') = (decided_at IS NULL)),
    CONSTRAINT ad_view_reviews_note_check CHECK (btrim(note) <> '' AND length(note) <= 500)
);
COMMENT ON TABLE ad_schema.ad_view_reviews IS
    'Doubtful views: PENDING ones are completed and wait for a person; REJECTED without decided_by were refused by rule.';
COMMENT ON COLUMN ad_schema.ad_view_reviews.findings IS 'Points by what was found; fraud_score is their sum, at most 100.';
COMMENT ON COLUMN ad_schema.ad_view_reviews.decided_by IS 'Personal data: the user (public id) who decided.';
COMMENT ON COLUMN ad_schema.ad_view_reviews.note IS 'Personal data: why, in somebody''s words.';
-- the queue, the oldest first
CREATE INDEX ad_view_reviews_pending_created_at_idx ON ad_schema.ad_view_reviews (created_at) WHERE status = 'PENDING';
-- all reviews, the newest first
CREATE INDEX ad_view_reviews_created_at_idx ON ad_schema.ad_view_reviews (created_at);
CREATE TRIGGER ad_view_reviews_set_updated_at BEFORE UPDATE ON ad_schema.ad_view_reviews
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

-- Networks that confirm views -----------------------------------------------------------------------------------------

CREATE TABLE ad_schema.ad_networks (
    id bigint GENERATED ALWAYS AS IDENTITY,
    network_code text NOT NULL,
    advertiser_id bigint NOT NULL,
    keys_url text NOT NULL,
    is_enabled boolean NOT NULL DEFAULT true,
    freshness_seconds integer NOT NULL DEFAULT 900,
    keys_refresh_seconds integer NOT NULL DEFAULT 300,
    keys_asked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_networks_pk PRIMARY KEY (id),
    CONSTRAINT ad_networks_network_code_key UNIQUE (network_code),
    CONSTRAINT ad_networks_advertiser_id_fk FOREIGN KEY (advertiser_id)
        REFERENCES ad_schema.advertisers (id) ON DELETE RESTRICT,
    CONSTRAINT ad_networks_network_code_check CHECK (network_code ~ '^[a-z0-9][a-z0-9-]{1,49}$'),
    CONSTRAINT ad_networks_keys_url_check CHECK (
        keys_url ~ '^https?://[^[:space:]/]+/[^[:space:]]*$' AND length(keys_url) <= 2048),
    CONSTRAINT ad_networks_freshness_seconds_check CHECK (freshness_seconds BETWEEN 10 AND 86400),
    CONSTRAINT ad_networks_keys_refresh_seconds_check CHECK (keys_refresh_seconds BETWEEN 30 AND 86400)
);
COMMENT ON TABLE ad_schema.ad_networks IS
    'Networks whose servers confirm views of one advertiser''s advertisements, and where their public keys are.';
COMMENT ON COLUMN ad_schema.ad_networks.keys_asked_at IS
    'When somebody last set out to fetch the keys: whoever moves it fetches, so an unknown key asks the network rarely.';
-- deletion of an advertiser
CREATE INDEX ad_networks_advertiser_id_idx ON ad_schema.ad_networks (advertiser_id);
CREATE TRIGGER ad_networks_set_updated_at BEFORE UPDATE ON ad_schema.ad_networks
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();
CREATE TRIGGER ad_networks_record_insert AFTER INSERT OR DELETE ON ad_schema.ad_networks
    FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('network_code');
CREATE TRIGGER ad_networks_record_change
    AFTER UPDATE OF advertiser_id, keys_url, is_enabled, freshness_seconds, keys_refresh_seconds
    ON ad_schema.ad_networks
    FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('network_code');

CREATE TABLE ad_schema.ad_network_keys (
    network_id bigint NOT NULL,
    key_id text NOT NULL,
    public_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_network_keys_pk PRIMARY KEY (network_id, key_id),
    CONSTRAINT ad_network_keys_network_id_fk FOREIGN KEY (network_id)
        REFERENCES ad_schema.ad_networks (id) ON DELETE CASCADE,
    CONSTRAINT ad_network_keys_key_id_check CHECK (key_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    CONSTRAINT ad_network_keys_public_key_check CHECK (octet_length(public_key) BETWEEN 50 AND 200)
);
COMMENT ON TABLE ad_schema.ad_network_keys IS
    'P-256 public keys as the network published them last (DER, SubjectPublicKeyInfo): one it withdrew is not here.';

CREATE TABLE ad_schema.ad_network_callbacks (
    network_id bigint NOT NULL,
    transaction_id text NOT NULL,
    key_id text NOT NULL,
    view_id uuid,
    user_id uuid,
    outcome text NOT NULL,
    sent_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_network_callbacks_pk PRIMARY KEY (network_id, transaction_id),
    CONSTRAINT ad_network_callbacks_network_id_fk FOREIGN KEY (network_id)
        REFERENCES ad_schema.ad_networks (id) ON DELETE RESTRICT,
    CONSTRAINT ad_network_callbacks_transaction_id_check CHECK (transaction_id ~ '^[[:graph:]]{1,128}$'),
    CONSTRAINT ad_network_callbacks_key_id_check CHECK (key_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    CONSTRAINT ad_network_callbacks_outcome_check CHECK (
        outcome IN ('TAKEN', 'COMPLETED', 'CONFIRMED', 'REJECTED', 'TOO_EARLY', 'ENDED', 'UNKNOWN_VIEW', 'OTHER_USER',
            'OTHER_NETWORK'))
);
COMMENT ON TABLE ad_schema.ad_network_callbacks IS
    'Callbacks whose signature was good, one row a transaction of the network: a repeated one does nothing.';
COMMENT ON COLUMN ad_schema.ad_network_callbacks.view_id IS
    'The view''s public id as the network gave it back; NULL: it gave something else.';
COMMENT ON COLUMN ad_schema.ad_network_callbacks.user_id IS 'Personal data: the viewer''s public id as the network gave it.';
-- what networks said of a view; retention
CREATE INDEX ad_network_callbacks_view_id_idx ON ad_schema.ad_network_callbacks (view_id);
CREATE INDEX ad_network_callbacks_created_at_idx ON ad_schema.ad_network_callbacks (created_at);

-- Scores --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION ad_schema.is_perceivable(p_ad_format text, p_visible_percent integer, p_is_muted boolean)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN CASE p_ad_format WHEN 'AUDIO' THEN NOT p_is_muted ELSE p_visible_percent >= 50 END;
COMMENT ON FUNCTION ad_schema.is_perceivable(text, integer, boolean) IS
    'Whether somebody could see it, half the pixels being in view (MRC), or, of audio, hear it.';

CREATE FUNCTION ad_schema.view_signals(p_engagement_id bigint)
    RETURNS TABLE (
        playing_s numeric, perceivable_s numeric, audible_s numeric, longest_perceivable_s numeric, reports bigint,
        heartbeats bigint, heartbeat_deviation_s numeric, ahead_reports bigint, mismatches bigint, gestures bigint)
    LANGUAGE sql STABLE
    AS $$
    WITH step AS (
        SELECT happened.id, happened.created_at, happened.event_type,
               coalesce((happened.details ->> 'playing')::boolean, false) AS is_playing,
               ad_schema.is_perceivable(
                   advertisement.ad_format, coalesce((happened.details ->> 'visible')::integer, 0),
                   coalesce((happened.details ->> 'muted')::boolean, false)) AS is_perceivable,
               -- what has no sound is not muted
               advertisement.ad_format IN ('IMAGE', 'TEXT')
                   OR NOT coalesce((happened.details ->> 'muted')::boolean, false) AS is_audible,
               coalesce((happened.details ->> 'ahead_s')::numeric, 0) AS ahead_s,
               least(extract(epoch FROM lead(happened.created_at, 1, coalesce(engagement.finished_at, now()))
                        OVER (ORDER BY happened.created_at, happened.id) - happened.created_at),
                     rules.longest_silence_s) AS length_s
          FROM ad_schema.ad_engagements AS engagement
          JOIN ad_schema.advertisements AS advertisement ON advertisement.id = engagement.advertisement_id
          JOIN ad_schema.ad_engagement_events AS happened ON happened.engagement_id = engagement.id
         CROSS JOIN ad_schema.ad_view_rules AS rules
         WHERE engagement.id = p_engagement_id
           -- a view is younger than a day: only the partitions of its days are looked at
           AND happened.created_at >= engagement.started_at
           AND happened.created_at <= coalesce(engagement.finished_at, now())
    ), run AS (
        SELECT step.*,
               count(*) FILTER (WHERE NOT (step.is_playing AND step.is_perceivable))
                   OVER (ORDER BY step.created_at, step.id) AS island
          FROM step
    ), beat AS (
        SELECT extract(epoch FROM step.created_at - lag(step.created_at) OVER (ORDER BY step.created_at, step.id)) AS gap_s
          FROM step
         WHERE step.event_type = 'HEARTBEAT'
    )
    SELECT coalesce(sum(step.length_s) FILTER (WHERE step.is_playing), 0),
           coalesce(sum(step.length_s) FILTER (WHERE step.is_playing AND step.is_perceivable), 0),
           coalesce(sum(step.length_s) FILTER (WHERE step.is_playing AND step.is_audible), 0),
           coalesce((SELECT max(island.length_s)
                       FROM (SELECT sum(run.length_s) AS length_s FROM run
                              WHERE run.is_playing AND run.is_perceivable GROUP BY run.island) AS island), 0),
           count(*) FILTER (WHERE step.event_type NOT IN (
               'START', 'FIRST_QUARTILE', 'MIDPOINT', 'THIRD_QUARTILE', 'COMPLETE', 'EXPIRE', 'REJECT', 'VERIFY')),
           count(*) FILTER (WHERE step.event_type = 'HEARTBEAT'),
           (SELECT stddev_samp(beat.gap_s) FROM beat),
           count(*) FILTER (WHERE step.ahead_s > 0),
           (SELECT count(*) FROM ad_schema.ad_network_callbacks AS said
             WHERE said.view_id = (SELECT public_id FROM ad_schema.ad_engagements WHERE id = p_engagement_id)
               AND said.outcome IN ('OTHER_USER', 'TOO_EARLY')),
           count(*) FILTER (WHERE step.event_type IN ('UNMUTE', 'REPLAY', 'RESUME'))
      FROM step
    $$;
COMMENT ON FUNCTION ad_schema.view_signals(bigint) IS
    'What a view''s events say: seconds that it played, that somebody could perceive and hear it, the longest such time '
    'without a break, reports, heartbeats and the deviation of their distances, reports that were ahead of time, '
    'callbacks that contradict it, gestures of a viewer.';

CREATE FUNCTION ad_schema.quality_score(p_engagement_id bigint) RETURNS smallint
    LANGUAGE sql STABLE
    AS $$
    SELECT round(
               CASE WHEN signal.longest_perceivable_s
                         >= CASE WHEN advertisement.ad_format IN ('IMAGE', 'TEXT') THEN 1 ELSE 2 END
                    THEN 30 ELSE 0 END
               + 30 * engagement.completion_percentage / 100
               + coalesce(20 * signal.perceivable_s / nullif(signal.playing_s, 0), 0)
               + coalesce(10 * signal.audible_s / nullif(signal.playing_s, 0), 0)
               + CASE WHEN engagement.clicked_at IS NOT NULL THEN 10 WHEN signal.gestures > 0 THEN 5 ELSE 0 END
           )::smallint
      FROM ad_schema.ad_engagements AS engagement
      JOIN ad_schema.advertisements AS advertisement ON advertisement.id = engagement.advertisement_id
     CROSS JOIN ad_schema.view_signals(p_engagement_id) AS signal
     WHERE engagement.id = p_engagement_id
    $$;
COMMENT ON FUNCTION ad_schema.quality_score(bigint) IS
    '0 to 100: 30 when it was viewable (MRC: half the pixels for two seconds on end, one for a picture or a text), 30 by '
    'the part that was watched, 20 by the part of the playing time that somebody could see, 10 by the part that could be '
    'heard, 10 for a click or 5 for another gesture.';

CREATE FUNCTION ad_schema.fraud_findings(p_engagement_id bigint) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_object_agg(finding.kind, finding.points) FILTER (WHERE finding.points > 0), '{}')
      FROM ad_schema.ad_engagements AS engagement
     CROSS JOIN ad_schema.ad_view_rules AS rules
     CROSS JOIN ad_schema.view_signals(p_engagement_id) AS signal
     CROSS JOIN LATERAL (
        SELECT count(*) AS views FROM ad_schema.ad_engagements AS other
         WHERE other.user_id = engagement.user_id AND other.started_at <= engagement.started_at
           AND other.started_at > engagement.started_at - interval '1 hour'
     ) AS of_user
     CROSS JOIN LATERAL (
        SELECT count(*) AS views FROM ad_schema.ad_engagements AS other
         WHERE other.ip_address = engagement.ip_address AND other.started_at <= engagement.started_at
           AND other.started_at > engagement.started_at - interval '1 hour'
     ) AS of_address
     CROSS JOIN LATERAL (VALUES
        ('FASTER_THAN_TIME', least(60, 20 * signal.ahead_reports)),
        ('HIDDEN', CASE WHEN signal.playing_s >= 2 AND 4 * signal.perceivable_s <= 3 * signal.playing_s
                        THEN round(40 * (1 - signal.perceivable_s / signal.playing_s)) END),
        ('TOO_REGULAR', CASE WHEN signal.heartbeats >= 9 AND signal.heartbeat_deviation_s < 0.005 THEN 25 END),
        ('SILENT', CASE WHEN engagement.duration_s >= 10 AND signal.reports <= 1 AND engagement.verified_at IS NULL
                        THEN 25 END),
        ('USER_RATE', CASE WHEN of_user.views > 2 * rules.user_views_per_hour THEN 60
                           WHEN of_user.views > rules.user_views_per_hour THEN 30 END),
        ('ADDRESS_RATE', CASE WHEN of_address.views > 2 * rules.address_views_per_hour THEN 40
                              WHEN of_address.views > rules.address_views_per_hour THEN 20 END),
        ('CALLBACK_MISMATCH', CASE WHEN signal.mismatches > 0 THEN 50 END)
     ) AS finding (kind, points)
     WHERE engagement.id = p_engagement_id
    $$;
COMMENT ON FUNCTION ad_schema.fraud_findings(bigint) IS
    'Points by what is suspicious about a view: FASTER_THAN_TIME 20 for each report ahead of the server''s clock, 60 at '
    'most; HIDDEN 40 by the part of the playing time that nobody could see, from a quarter on; TOO_REGULAR 25 for nine '
    'heartbeats whose distances deviate by less than 5 ms; SILENT 25 where nothing was told between start and end; '
    'USER_RATE 30 and ADDRESS_RATE 20 for more views in an hour than the rules say, twice that for twice as many; '
    'CALLBACK_MISMATCH 50.';

CREATE FUNCTION ad_schema.fraud_score(p_findings jsonb) RETURNS smallint
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT least(100, coalesce(sum(value::integer), 0))::smallint FROM jsonb_each_text(p_findings) $$;
COMMENT ON FUNCTION ad_schema.fraud_score(jsonb) IS '0 to 100: the sum of the points that fraud_findings gives.';

-- The life of a view --------------------------------------------------------------------------------------------------

CREATE FUNCTION ad_schema.view_facts(p_view uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
               'view_id', engagement.public_id, 'advertisement_id', advertisement.public_id,
               'title', advertisement.title, 'ad_format', advertisement.ad_format, 'status', engagement.status,
               'transaction_reference', engagement.transaction_reference, 'chain_step', engagement.chain_step,
               'started_at', engagement.started_at, 'finished_at', engagement.finished_at,
               'duration_s', engagement.duration_s, 'watched_s', engagement.watched_s,
               'completion_percentage', engagement.completion_percentage, 'quartile', engagement.quartile,
               'needed_percentage', engagement.completion_threshold_percent,
               'position_s', state.position_s, 'is_playing', coalesce(state.is_playing, false),
               'last_sequence', coalesce(state.last_sequence, 0), 'is_clicked', engagement.clicked_at IS NOT NULL,
               'base_tickets', engagement.base_tickets, 'ticket_multiplier', engagement.ticket_multiplier,
               'bonus_tickets', engagement.bonus_tickets)
      FROM ad_schema.ad_engagements AS engagement
      JOIN ad_schema.advertisements AS advertisement ON advertisement.id = engagement.advertisement_id
      LEFT JOIN ad_schema.ad_view_states AS state ON state.engagement_id = engagement.id
     WHERE engagement.public_id = p_view
    $$;
COMMENT ON FUNCTION ad_schema.view_facts(uuid) IS 'What the viewer is told of a view; no score, no cost.';

CREATE FUNCTION ad_schema.end_view(p_engagement_id bigint, p_status text, p_event text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, position_s, details)
    SELECT engagement.id, p_event, engagement.watched_s, '{"playing": false}'
      FROM ad_schema.ad_engagements AS engagement WHERE engagement.id = p_engagement_id;
    UPDATE ad_schema.ad_engagements SET status = p_status WHERE id = p_engagement_id;
    DELETE FROM ad_schema.ad_view_states WHERE engagement_id = p_engagement_id;
END
$$;
COMMENT ON FUNCTION ad_schema.end_view(bigint, text, text) IS
    'Ends a running view that earns nothing. The caller holds the view''s lock.';

CREATE FUNCTION ad_schema.end_silent_view(p_engagement_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- Who has watched enough and then closed the player did the part: the tickets are earned, and paid for.
    IF EXISTS (
        SELECT FROM ad_schema.ad_engagements AS e
         WHERE e.id = p_engagement_id AND e.completion_percentage >= e.completion_threshold_percent) THEN
        PERFORM ad_schema.settle_view(p_engagement_id);
    ELSE
        PERFORM ad_schema.end_view(p_engagement_id, 'EXPIRED', 'EXPIRE');
    END IF;
END
$$;
COMMENT ON FUNCTION ad_schema.end_silent_view(bigint) IS
    'Ends a view of which nothing is heard any more: settled where enough of it was watched, EXPIRED otherwise. The '
    'caller holds the view''s lock; locks as settle_view does.';

CREATE FUNCTION ad_schema.begin_view(
    p_token_hash bytea, p_user_id uuid, p_visible_percent integer, p_is_muted boolean)
    RETURNS TABLE (outcome text, facts jsonb)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_token ad_schema.ad_view_tokens;
    v_redemption ad_schema.ad_redemptions;
    v_campaign_id bigint;
    v_id bigint;
    v_view uuid;
BEGIN
    SELECT * INTO v_token FROM ad_schema.ad_view_tokens AS t
     WHERE t.token_hash = p_token_hash AND t.user_id = p_user_id FOR NO KEY UPDATE;
    IF NOT FOUND OR v_token.expires_at <= now() AND v_token.consumed_at IS NULL THEN
        RETURN QUERY SELECT 'NO_TOKEN', NULL::jsonb;
        RETURN;
    ELSIF v_token.consumed_at IS NOT NULL THEN
        RETURN QUERY
        SELECT 'TOKEN_USED', ad_schema.view_facts(e.public_id)
          FROM ad_schema.ad_engagements AS e WHERE e.id = v_token.engagement_id;
        RETURN;
    END IF;
    -- One that was left open in a tab or a telephone without battery does not stand in the way for long.
    -- Locked before the redemption, as its end does.
    SELECT e.id, e.public_id INTO v_id, v_view
      FROM ad_schema.ad_engagements AS e WHERE e.user_id = p_user_id AND e.status = 'STARTED' FOR NO KEY UPDATE;
    IF FOUND THEN
        IF EXISTS (
            SELECT FROM ad_schema.ad_view_states AS s CROSS JOIN ad_schema.ad_view_rules AS r
             WHERE s.engagement_id = v_id AND s.seen_at > now() - make_interval(secs => r.longest_silence_s)) THEN
            RETURN QUERY SELECT 'RUNNING', ad_schema.view_facts(v_view);
            RETURN;
        END IF;
        PERFORM ad_schema.end_silent_view(v_id);
    END IF;
    IF v_token.transaction_reference IS NOT NULL THEN
        -- Shared, so that a cancellation comes before or after the start and not in the middle of it.
        SELECT * INTO v_redemption FROM ad_schema.ad_redemptions AS r
         WHERE r.transaction_reference = v_token.transaction_reference AND r.user_id = p_user_id FOR SHARE;
        IF NOT FOUND OR v_redemption.cancelled_at IS NOT NULL OR v_redemption.bonus_until <= now()
           OR v_redemption.steps_completed <> v_token.chain_step - 1 THEN
            RETURN QUERY SELECT 'NOTHING_TO_MULTIPLY', NULL::jsonb;
            RETURN;
        END IF;
    END IF;
    -- What was handed out before the money was gone is shown no more: nobody would pay for it.
    SELECT a.campaign_id INTO STRICT v_campaign_id
      FROM ad_schema.advertisements AS a WHERE a.id = v_token.advertisement_id;
    IF EXISTS (
        SELECT FROM ad_schema.judge_budget(v_campaign_id, now()) AS money
         WHERE money.reason IN ('TOTAL_BUDGET', 'DAILY_BUDGET')) THEN
        RETURN QUERY SELECT 'BUDGET_SPENT', NULL::jsonb;
        RETURN;
    END IF;
    INSERT INTO ad_schema.ad_engagements
           (advertisement_id, user_id, transaction_reference, chain_step, station_code, base_tickets)
    VALUES (v_token.advertisement_id, p_user_id, v_token.transaction_reference, v_token.chain_step,
            v_redemption.station_code, coalesce(v_redemption.base_tickets, 0))
    RETURNING id, public_id INTO v_id, v_view;
    INSERT INTO ad_schema.ad_view_states (engagement_id, visible_percent, is_muted)
    VALUES (v_id, p_visible_percent, p_is_muted);
    INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, details)
    VALUES (v_id, 'START',
            jsonb_build_object('playing', true, 'visible', p_visible_percent, 'muted', p_is_muted));
    UPDATE ad_schema.ad_view_tokens SET consumed_at = now(), engagement_id = v_id WHERE id = v_token.id;
    RETURN QUERY SELECT 'STARTED', ad_schema.view_facts(v_view);
END
$$;
COMMENT ON FUNCTION ad_schema.begin_view(bytea, uuid, integer, boolean) IS
    'Starts the view that a token is for. STARTED; NO_TOKEN: unknown, another''s or over; TOKEN_USED with the view that '
    'it started; NOTHING_TO_MULTIPLY: the redemption was cancelled, its time is over or the step was done; RUNNING: '
    'another view of the user is under way; BUDGET_SPENT: the campaign''s, or the day''s. Raises what breaks the '
    'frequency cap, or an advertisement that is shown no more. Locks the token, the user''s running view, the redemption (shared).';

CREATE FUNCTION ad_schema.report_view(
    p_view uuid, p_user_id uuid, p_sequence integer, p_event text, p_position_s numeric, p_visible_percent integer,
    p_is_muted boolean)
    RETURNS TABLE (outcome text, facts jsonb)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v record;
    v_rules ad_schema.ad_view_rules;
    v_passed numeric;
    v_clock numeric;
    v_played numeric;
    v_watched numeric;
    v_percentage numeric;
    v_ahead numeric;
    v_is_watched boolean;
    v_is_playing boolean;
    v_is_hidden boolean;
    v_is_silenced boolean;
    v_is_muted boolean;
    v_visible integer;
    v_event text := p_event;
BEGIN
    -- NO KEY UPDATE OF the view alone: its lock guards the state beside it.
    SELECT e.id, e.status, e.watched_s, e.duration_s, e.completion_threshold_percent, e.quartile, a.ad_format,
           a.skip_after_s
      INTO v
      FROM ad_schema.ad_engagements AS e JOIN ad_schema.advertisements AS a ON a.id = e.advertisement_id
     WHERE e.public_id = p_view AND e.user_id = p_user_id FOR NO KEY UPDATE OF e;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'UNKNOWN', NULL::jsonb;
        RETURN;
    ELSIF v.status <> 'STARTED' THEN
        RETURN QUERY SELECT 'ENDED', ad_schema.view_facts(p_view);
        RETURN;
    END IF;
    SELECT * INTO STRICT v_rules FROM ad_schema.ad_view_rules;
    -- A second query, so that it sees what whoever held the lock before has written.
    DECLARE
        s ad_schema.ad_view_states;
    BEGIN
        SELECT * INTO STRICT s FROM ad_schema.ad_view_states WHERE engagement_id = v.id;
        IF s.seen_at <= now() - make_interval(secs => v_rules.idle_seconds) THEN
            PERFORM ad_schema.end_silent_view(v.id);
            RETURN QUERY SELECT 'ENDED', ad_schema.view_facts(p_view);
            RETURN;
        ELSIF p_sequence <= s.last_sequence THEN
            RETURN QUERY SELECT 'REPEATED', ad_schema.view_facts(p_view);
            RETURN;
        ELSIF s.report_count >= 3000 THEN
            RETURN QUERY SELECT 'TOO_MANY', ad_schema.view_facts(p_view);
            RETURN;
        END IF;
        -- Of two at the same time the later commit may be of the earlier begin: time does not go back.
        v_passed := CASE WHEN s.is_playing THEN greatest(extract(epoch FROM now() - s.seen_at), 0) ELSE 0 END;
        v_clock := s.clock_s + v_passed;
        v_played := s.played_s + CASE WHEN ad_schema.is_perceivable(v.ad_format, s.visible_percent, s.is_muted)
                                      THEN least(v_passed, v_rules.longest_silence_s) ELSE 0 END;
        -- A twentieth of its length, a second at most, is what a player's clock and a slow request may differ by, and
        -- never what is needed alone; two seconds make it suspicious.
        v_watched := greatest(v.watched_s, least(
            p_position_s, v.duration_s,
            v_played + least(1, v.duration_s * 0.05, v.duration_s * v.completion_threshold_percent / 200.0)));
        v_ahead := greatest(least(p_position_s, v.duration_s) - v_clock - 2, 0);
        v_percentage := least(100, round(100 * v_watched / v.duration_s, 2));
        v_is_watched := v_percentage >= v.completion_threshold_percent;
        -- A skip that comes too early is refused and changes nothing about what is shown.
        IF p_event = 'SKIP' AND NOT v_is_watched AND (v.skip_after_s IS NULL OR v_watched < v.skip_after_s) THEN
            v_event := 'HEARTBEAT';
        END IF;
        v_is_playing := CASE WHEN v_event IN ('PAUSE', 'SKIP', 'ABANDON', 'ERROR') THEN false
                             WHEN v_event IN ('RESUME', 'REPLAY') THEN true ELSE s.is_playing END;
        v_is_hidden := p_event = 'HIDE' OR s.is_hidden AND p_event <> 'SHOW';
        v_is_silenced := p_event = 'MUTE' OR s.is_silenced AND p_event <> 'UNMUTE';
        v_visible := CASE WHEN v_is_hidden THEN 0
                          WHEN s.is_hidden OR p_event = 'SHOW' THEN coalesce(p_visible_percent, 100)
                          ELSE coalesce(p_visible_percent, s.visible_percent) END;
        v_is_muted := CASE WHEN v_is_silenced THEN true WHEN p_event = 'UNMUTE' THEN false
                           ELSE coalesce(p_is_muted, s.is_muted) END;
        UPDATE ad_schema.ad_view_states
           SET is_playing = v_is_playing, visible_percent = v_visible, is_muted = v_is_muted, is_hidden = v_is_hidden,
               is_silenced = v_is_silenced, position_s = least(p_position_s, v.duration_s), clock_s = v_clock,
               played_s = v_played, last_sequence = p_sequence, report_count = s.report_count + 1,
               seen_at = greatest(s.seen_at, now())
         WHERE engagement_id = v.id;
    END;
    INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, position_s, details)
    SELECT v.id, step.event_type, least(p_position_s, 600),
           jsonb_strip_nulls(jsonb_build_object(
               'playing', v_is_playing, 'visible', v_visible, 'muted', v_is_muted,
               'ahead_s', CASE WHEN step.place = 4 THEN nullif(v_ahead, 0) END))
      FROM (VALUES (1, 'FIRST_QUARTILE'), (2, 'MIDPOINT'), (3, 'THIRD_QUARTILE'), (4, v_event))
        AS step (place, event_type)
     WHERE step.place = 4 OR step.place > v.quartile AND 25 * step.place <= v_percentage
     ORDER BY step.place;
    IF v_watched > v.watched_s OR p_event = 'CLICK' THEN
        UPDATE ad_schema.ad_engagements AS e
           SET watched_s = v_watched, completion_percentage = v_percentage, quartile = floor(v_percentage / 25),
               clicked_at = CASE WHEN p_event = 'CLICK' THEN now() ELSE e.clicked_at END
         WHERE e.id = v.id;
    END IF;
    IF v_event <> p_event THEN
        RETURN QUERY SELECT 'NOT_SKIPPABLE', ad_schema.view_facts(p_view);
        RETURN;
    ELSIF v_event = 'SKIP' AND v_is_watched THEN
        PERFORM ad_schema.settle_view(v.id);
    ELSIF v_event IN ('SKIP', 'ABANDON', 'ERROR') THEN
        UPDATE ad_schema.ad_engagements
           SET status = CASE p_event WHEN 'SKIP' THEN 'SKIPPED' WHEN 'ABANDON' THEN 'ABANDONED' ELSE 'FAILED' END
         WHERE id = v.id;
        DELETE FROM ad_schema.ad_view_states WHERE engagement_id = v.id;
    END IF;
    RETURN QUERY SELECT 'TAKEN', ad_schema.view_facts(p_view);
END
$$;
COMMENT ON FUNCTION ad_schema.report_view(uuid, uuid, integer, text, numeric, integer, boolean) IS
    'Takes a player''s report; what it leaves out (NULL) is as it was. TAKEN; REPEATED: not newer than the last one, does '
    'nothing; ENDED: the view is over, also for want of reports; NOT_SKIPPABLE: not yet, or not at all, and it goes on; '
    'TOO_MANY; UNKNOWN, also for another''s. What counts as watched is the furthest place that was reached while it could '
    'be perceived, and no more than the server''s clock allows. A skip after enough was watched settles the view. Locks '
    'the view, and where it settles it as settle_view does.';

CREATE OR REPLACE FUNCTION ad_schema.take_engagement_terms() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_may_be_shown boolean;
BEGIN
    SELECT advertisement.duration_s, advertisement.completion_threshold_percent, advertisement.ticket_multiplier,
           campaign.max_bonus_tickets, campaign.currency,
           advertisement.status = 'ACTIVE' AND advertisement.approval_status = 'APPROVED'
               AND campaign.status = 'ACTIVE' AND advertiser.status = 'ACTIVE'
               AND campaign.starts_at <= NEW.started_at AND NEW.started_at < campaign.ends_at
      INTO NEW.duration_s, NEW.completion_threshold_percent, NEW.ticket_multiplier,
           NEW.max_bonus_tickets, NEW.currency, v_may_be_shown
      FROM ad_schema.advertisements AS advertisement
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
      JOIN ad_schema.advertisers AS advertiser ON advertiser.id = campaign.advertiser_id
     WHERE advertisement.id = NEW.advertisement_id;
    -- The service can insert nothing but a start, at now(). Views that are over are loaded by the owner alone.
    IF NEW.status = 'STARTED' AND v_may_be_shown IS NOT TRUE THEN
        RAISE EXCEPTION 'advertisement % may not be shown now', NEW.advertisement_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_may_be_shown_check',
                SCHEMA = 'ad_schema', TABLE = 'ad_engagements',
                HINT = 'it, its campaign and its advertiser must be active, it approved, and all within the schedule';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION ad_schema.take_engagement_terms() IS
    'A view starts under the terms of its advertisement and campaign, not under what its writer says, and only of what '
    'may be shown.';
CREATE OR REPLACE FUNCTION ad_schema.guard_engagement_change() RETURNS trigger
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
    NEW.rejected_cost := OLD.rejected_cost;
    IF OLD.status = 'COMPLETED' AND NEW.status = 'REJECTED' THEN
        NEW.cost := 0;
        NEW.rejected_cost := OLD.cost;
    END IF;
    IF OLD.status = 'STARTED' AND NEW.status = 'COMPLETED' AND NEW.unbilled_reason IS NULL THEN
        SELECT campaign.cost_per_engagement
          INTO NEW.cost
          FROM ad_schema.advertisements AS advertisement
          JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
         WHERE advertisement.id = OLD.advertisement_id;
    END IF;
    IF OLD.status <> 'STARTED'
        AND (NEW.budget_shard, NEW.unbilled_reason) IS DISTINCT FROM (OLD.budget_shard, OLD.unbilled_reason)
    THEN
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
    'A view ends once, its progress never goes back, what it is a view of never changes; its end and its cost are set, '
    'one whose budget was spent meanwhile costs nothing, and neither does one that is rejected after its end.';

CREATE FUNCTION ad_schema.refund_engagement() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_campaign_id bigint;
    v_day date;
BEGIN
    -- The campaign before its shares, as whoever deals or lends them.
    SELECT campaign.id, (OLD.finished_at AT TIME ZONE campaign.time_zone)::date INTO STRICT v_campaign_id, v_day
      FROM ad_schema.advertisements AS advertisement
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
     WHERE advertisement.id = OLD.advertisement_id FOR NO KEY UPDATE OF campaign;
    PERFORM FROM ad_schema.ad_campaign_budget_shards AS share
      WHERE share.campaign_id = v_campaign_id AND share.shard = OLD.budget_shard
        AND (share.budget_date IS NULL OR share.budget_date = v_day)
      ORDER BY share.id FOR NO KEY UPDATE;
    -- Of a day that got its budget or its zone only later the share was not charged, and cannot be below nothing.
    UPDATE ad_schema.ad_campaign_budget_shards AS share
       SET spent = greatest(share.spent - OLD.cost, 0)
     WHERE share.campaign_id = v_campaign_id AND share.shard = OLD.budget_shard
       AND (share.budget_date IS NULL OR share.budget_date = v_day);
    -- There may be money for a view again: the next choice asks.
    UPDATE ad_schema.ad_serving AS serving SET closed_until = '-infinity'
     WHERE serving.campaign_id = v_campaign_id AND serving.closed_until > now();
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ad_schema.refund_engagement() IS
    'A view that is rejected after its completion is not billed: what it charged goes back to its share of the total '
    'budget and of the day''s. Locks the campaign, then the shares.';
REVOKE EXECUTE ON FUNCTION ad_schema.refund_engagement() FROM PUBLIC;
CREATE TRIGGER ad_engagements_refund AFTER UPDATE ON ad_schema.ad_engagements
    FOR EACH ROW WHEN (OLD.status = 'COMPLETED' AND NEW.status = 'REJECTED' AND OLD.cost > 0)
    EXECUTE FUNCTION ad_schema.refund_engagement();

CREATE FUNCTION ad_schema.settle_view(p_engagement_id bigint) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
    v ad_schema.ad_engagements;
    v_campaign_id bigint;
    v_rules ad_schema.ad_view_rules;
    v_findings CONSTANT jsonb := ad_schema.fraud_findings(p_engagement_id);
    v_fraud CONSTANT smallint := ad_schema.fraud_score(v_findings);
    v_quality CONSTANT smallint := ad_schema.quality_score(p_engagement_id);
    v_bonus integer := 0;
    v_shard smallint;
    v_constraint text;
    v_is_completed boolean := false;
BEGIN
    SELECT * INTO STRICT v FROM ad_schema.ad_engagements WHERE id = p_engagement_id;
    SELECT * INTO STRICT v_rules FROM ad_schema.ad_view_rules;
    INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, position_s, details)
    VALUES (v.id, CASE WHEN v_fraud >= v_rules.reject_score THEN 'REJECT' ELSE 'COMPLETE' END, v.watched_s,
            '{"playing": false}');
    DELETE FROM ad_schema.ad_view_states WHERE engagement_id = v.id;
    IF v_fraud >= v_rules.reject_score THEN
        UPDATE ad_schema.ad_engagements
           SET status = 'REJECTED', fraud_score = v_fraud, quality_score = v_quality WHERE id = v.id;
        INSERT INTO ad_schema.ad_view_reviews (engagement_id, status, fraud_score, findings, decided_at)
        VALUES (v.id, 'REJECTED', v_fraud, v_findings, now());
        RETURN 'REJECTED';
    END IF;
    IF v.transaction_reference IS NOT NULL THEN
        -- The step itself is taken here: of a cancelled redemption, and out of order, none.
        UPDATE ad_schema.ad_redemptions AS r
           SET steps_completed = v.chain_step
         WHERE r.transaction_reference = v.transaction_reference AND r.user_id = v.user_id
           AND r.cancelled_at IS NULL AND r.steps_completed = v.chain_step - 1;
        IF FOUND THEN
            v_bonus := least(v.base_tickets * (v.ticket_multiplier - 1), v.max_bonus_tickets);
        END IF;
    END IF;
    SELECT a.campaign_id INTO STRICT v_campaign_id FROM ad_schema.advertisements AS a WHERE a.id = v.advertisement_id;
    FOR v_try IN 1..2 LOOP
        v_shard := ad_schema.take_budget_share(v_campaign_id, v.user_id);
        EXIT WHEN v_shard IS NULL;
        BEGIN
            UPDATE ad_schema.ad_engagements
               SET status = 'COMPLETED', budget_shard = v_shard, bonus_tickets = v_bonus, fraud_score = v_fraud,
                   quality_score = v_quality
             WHERE id = v.id;
            v_is_completed := true;
            EXIT;
        EXCEPTION WHEN check_violation THEN
            -- The price was changed between the choice of the share and the charge.
            GET STACKED DIAGNOSTICS v_constraint = CONSTRAINT_NAME;
            IF v_constraint NOT IN ('ad_campaign_budget_shards_spent_check', 'ad_engagements_budget_shard_exists_check')
            THEN
                RAISE;
            END IF;
        END;
    END LOOP;
    IF NOT v_is_completed THEN
        UPDATE ad_schema.ad_engagements
           SET status = 'COMPLETED', unbilled_reason = 'BUDGET_SPENT', bonus_tickets = v_bonus,
               fraud_score = v_fraud, quality_score = v_quality
         WHERE id = v.id;
    END IF;
    IF v_fraud >= v_rules.review_score THEN
        INSERT INTO ad_schema.ad_view_reviews (engagement_id, fraud_score, findings)
        VALUES (v.id, v_fraud, v_findings);
    END IF;
    INSERT INTO ad_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    VALUES ('ad.view.completed', 'ad_view', v.public_id::text,
            jsonb_build_object(
                'view_id', v.public_id, 'user_id', v.user_id, 'reference', v.transaction_reference,
                'chain_step', v.chain_step, 'multiplier', v.ticket_multiplier, 'base_tickets', v.base_tickets,
                'bonus_tickets', v_bonus));
    RETURN 'COMPLETED';
END
$$;
COMMENT ON FUNCTION ad_schema.settle_view(bigint) IS
    'Ends a view that was watched far enough: REJECTED by its fraud score, without cost; else COMPLETED, with its step of '
    'the chain, its charge and its event. Where the budget was spent while it was watched it costs nothing and earns all '
    'the same. The caller holds the view''s lock; locks the redemption, then shares of the budget.';

CREATE FUNCTION ad_schema.finish_view(
    p_view uuid, p_user_id uuid, p_sequence integer, p_position_s numeric, p_visible_percent integer,
    p_is_muted boolean)
    RETURNS TABLE (outcome text, facts jsonb)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_outcome text;
    v record;
BEGIN
    SELECT r.outcome INTO v_outcome
      FROM ad_schema.report_view(
               p_view, p_user_id, p_sequence, 'HEARTBEAT', p_position_s, p_visible_percent, p_is_muted) AS r;
    SELECT e.id, e.status, e.completion_percentage >= e.completion_threshold_percent AS is_watched INTO v
      FROM ad_schema.ad_engagements AS e WHERE e.public_id = p_view AND e.user_id = p_user_id;
    -- What was asked before has its answer.
    IF v_outcome = 'ENDED' AND v.status IN ('COMPLETED', 'REJECTED') THEN
        v_outcome := v.status;
    ELSIF v_outcome IN ('TAKEN', 'REPEATED', 'TOO_MANY') THEN
        v_outcome := CASE WHEN v.is_watched THEN ad_schema.settle_view(v.id) ELSE 'NOT_WATCHED' END;
    END IF;
    RETURN QUERY SELECT v_outcome, ad_schema.view_facts(p_view) WHERE v_outcome <> 'UNKNOWN'
       UNION ALL SELECT v_outcome, NULL::jsonb WHERE v_outcome = 'UNKNOWN';
END
$$;
COMMENT ON FUNCTION ad_schema.finish_view(uuid, uuid, integer, numeric, integer, boolean) IS
    'The player says that the advertisement is over. COMPLETED and REJECTED, also when it was said before; NOT_WATCHED: '
    'by the server''s clock not far enough yet; ENDED otherwise; UNKNOWN, also for another''s. Locks as settle_view does.';

CREATE FUNCTION ad_schema.expire_views(p_limit integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_id bigint;
    v_count integer := 0;
BEGIN
    FOR v_id IN
        SELECT e.id
          FROM ad_schema.ad_view_states AS s
          JOIN ad_schema.ad_engagements AS e ON e.id = s.engagement_id
         WHERE s.seen_at <= now() - make_interval(secs => (SELECT idle_seconds FROM ad_schema.ad_view_rules))
           AND e.completion_percentage < e.completion_threshold_percent
         ORDER BY s.seen_at
         LIMIT p_limit
           FOR NO KEY UPDATE OF e SKIP LOCKED
    LOOP
        PERFORM ad_schema.end_view(v_id, 'EXPIRED', 'EXPIRE');
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION ad_schema.expire_views(integer) IS
    'Ends at most so many views of which nothing is heard any more and not enough was watched; how many. Leaves alone '
    'what somebody is at.';

CREATE FUNCTION ad_schema.settle_silent_views(p_limit integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_id bigint;
    v_count integer := 0;
BEGIN
    FOR v_id IN
        SELECT e.id
          FROM ad_schema.ad_view_states AS s
          JOIN ad_schema.ad_engagements AS e ON e.id = s.engagement_id
         WHERE s.seen_at <= now() - make_interval(secs => (SELECT idle_seconds FROM ad_schema.ad_view_rules))
           AND e.completion_percentage >= e.completion_threshold_percent
         ORDER BY s.seen_at
         LIMIT p_limit
           FOR NO KEY UPDATE OF e SKIP LOCKED
    LOOP
        PERFORM ad_schema.settle_view(v_id);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION ad_schema.settle_silent_views(integer) IS
    'Settles at most so many views of which nothing is heard any more and enough was watched; how many. Each locks as '
    'settle_view does, and only one at a time is sure not to wait crosswise for the shares of a budget.';

CREATE FUNCTION ad_schema.forget_view_tokens(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_count integer;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM ad_schema.ad_view_tokens AS t
     WHERE t.id IN (
        SELECT over.id FROM ad_schema.ad_view_tokens AS over
         WHERE over.expires_at <= now() - interval '1 day' AND over.consumed_at IS NULL
         ORDER BY over.expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION ad_schema.forget_view_tokens(integer) IS
    'Deletes at most so many tokens that nobody used and that are over since a day; how many.';
REVOKE EXECUTE ON FUNCTION ad_schema.forget_view_tokens(integer) FROM PUBLIC;

-- The queue's decisions -----------------------------------------------------------------------------------------------

CREATE FUNCTION ad_schema.decide_view_review(p_view uuid, p_is_accepted boolean, p_by uuid, p_note text) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
    v ad_schema.ad_engagements;
    v_status text;
BEGIN
    SELECT * INTO v FROM ad_schema.ad_engagements WHERE public_id = p_view FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'UNKNOWN';
    END IF;
    SELECT r.status INTO v_status FROM ad_schema.ad_view_reviews AS r WHERE r.engagement_id = v.id FOR NO KEY UPDATE;
    IF v_status <> 'PENDING' OR v.status <> 'COMPLETED' OR v_status IS NULL AND p_is_accepted THEN
        RETURN CASE WHEN v_status = 'REJECTED' OR v.status = 'REJECTED' THEN 'REJECTED_BEFORE'
                    WHEN v_status = 'ACCEPTED' AND p_is_accepted THEN 'ACCEPTED_BEFORE'
                    WHEN v_status IS NULL THEN 'NOT_IN_QUEUE'
                    ELSE 'DECIDED' END;
    END IF;
    INSERT INTO ad_schema.ad_view_reviews AS r
           (engagement_id, status, fraud_score, findings, bonus_taken_back, decided_by, decided_at, note)
    VALUES (v.id, CASE WHEN p_is_accepted THEN 'ACCEPTED' ELSE 'REJECTED' END, coalesce(v.fraud_score, 0), '{}',
            CASE WHEN p_is_accepted THEN 0 ELSE v.bonus_tickets END, p_by, now(), p_note)
    ON CONFLICT (engagement_id) DO UPDATE
       SET status = excluded.status, bonus_taken_back = excluded.bonus_taken_back, decided_by = excluded.decided_by,
           decided_at = excluded.decided_at, note = excluded.note;
    IF p_is_accepted THEN
        RETURN 'ACCEPTED';
    END IF;
    UPDATE ad_schema.ad_engagements SET status = 'REJECTED', bonus_tickets = 0 WHERE id = v.id;
    INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, position_s, details)
    VALUES (v.id, 'REJECT', v.watched_s, '{"playing": false}');
    INSERT INTO ad_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    VALUES ('ad.view.rejected', 'ad_view', v.public_id::text,
            jsonb_build_object(
                'view_id', v.public_id, 'user_id', v.user_id, 'reference', v.transaction_reference,
                'chain_step', v.chain_step, 'bonus_tickets', v.bonus_tickets));
    RETURN 'REJECTED';
END
$$;
COMMENT ON FUNCTION ad_schema.decide_view_review(uuid, boolean, uuid, text) IS
    'A person decides about a completed view: ACCEPTED, or REJECTED, which takes its bonus back by event and gives its '
    'cost back to the budget. One that is not in the queue can be rejected too. ACCEPTED_BEFORE, REJECTED_BEFORE and '
    'DECIDED change nothing, NOT_IN_QUEUE neither; UNKNOWN. Locks the view, its campaign, the shares that it charged.';

-- Callbacks -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION ad_schema.put_network_keys(
    p_network_id bigint, p_keys_url text, p_key_ids text[], p_public_keys bytea[]) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- One at a time, so that of two sets that come together one is there in the end and no mixture.
    -- What was asked of an address that is the network's no more would bring withdrawn keys back.
    PERFORM FROM ad_schema.ad_networks
      WHERE id = p_network_id AND keys_url = p_keys_url AND is_enabled FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM ad_schema.ad_network_keys WHERE network_id = p_network_id AND key_id <> ALL (p_key_ids);
    INSERT INTO ad_schema.ad_network_keys (network_id, key_id, public_key)
    SELECT p_network_id, fetched.key_id, fetched.public_key
      FROM unnest(p_key_ids, p_public_keys) AS fetched (key_id, public_key)
    ON CONFLICT (network_id, key_id) DO UPDATE SET public_key = excluded.public_key;
    RETURN true;
END
$$;
COMMENT ON FUNCTION ad_schema.put_network_keys(bigint, text, text[], bytea[]) IS
    'The keys that a network publishes at this address now, in place of those before. False: the network has another '
    'address by now, or is switched off, and nothing is kept. Locks the network.';

CREATE FUNCTION ad_schema.take_callback(
    p_network_id bigint, p_transaction_id text, p_key_id text, p_view uuid, p_user_id uuid, p_sent_at timestamptz)
    RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
    v record;
    v_outcome text;
    v_watched numeric;
    v_percentage numeric;
BEGIN
    INSERT INTO ad_schema.ad_network_callbacks
           (network_id, transaction_id, key_id, view_id, user_id, outcome, sent_at)
    VALUES (p_network_id, p_transaction_id, p_key_id, p_view, p_user_id, 'TAKEN', p_sent_at)
    ON CONFLICT (network_id, transaction_id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'REPEATED';
    END IF;
    SELECT e.id, e.user_id, e.status, e.started_at, e.duration_s, e.completion_threshold_percent AS threshold,
           e.watched_s, e.completion_percentage, n.id IS NOT NULL AS is_networks, e.fraud_score
      INTO v
      FROM ad_schema.ad_engagements AS e
      JOIN ad_schema.advertisements AS a ON a.id = e.advertisement_id
      JOIN ad_schema.ad_campaigns AS c ON c.id = a.campaign_id
      LEFT JOIN ad_schema.ad_networks AS n ON n.id = p_network_id AND n.advertiser_id = c.advertiser_id
     WHERE e.public_id = p_view FOR NO KEY UPDATE OF e;
    IF NOT FOUND THEN
        v_outcome := 'UNKNOWN_VIEW';
    ELSE
        -- By the clock alone: what a network's own player shows nobody reports to us.
        v_watched := greatest(v.watched_s, least(v.duration_s, extract(epoch FROM now() - v.started_at)));
        v_percentage := least(100, round(100 * v_watched / v.duration_s, 2));
        v_outcome := CASE WHEN NOT v.is_networks THEN 'OTHER_NETWORK'
                          WHEN v.user_id IS DISTINCT FROM p_user_id THEN 'OTHER_USER'
                          WHEN v.status = 'COMPLETED' THEN 'CONFIRMED'
                          WHEN v.status = 'REJECTED' THEN 'REJECTED'
                          WHEN v.status <> 'STARTED' THEN 'ENDED'
                          WHEN v_percentage < v.threshold THEN 'TOO_EARLY' END;
    END IF;
    IF v_outcome IS NULL THEN
        INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, position_s, details)
        VALUES (v.id, 'VERIFY', v_watched, '{"playing": false}');
        UPDATE ad_schema.ad_engagements
           SET watched_s = v_watched, completion_percentage = v_percentage, quartile = floor(v_percentage / 25),
               verified_at = now()
         WHERE id = v.id;
        v_outcome := ad_schema.settle_view(v.id);
    ELSIF v_outcome = 'CONFIRMED' THEN
        UPDATE ad_schema.ad_engagements SET verified_at = coalesce(verified_at, now()) WHERE id = v.id;
    END IF;
    UPDATE ad_schema.ad_network_callbacks SET outcome = v_outcome
     WHERE network_id = p_network_id AND transaction_id = p_transaction_id;
    -- What a network says against a view that is completed already a person looks at.
    IF v_outcome = 'OTHER_USER' AND v.status = 'COMPLETED' THEN
        INSERT INTO ad_schema.ad_view_reviews AS r (engagement_id, fraud_score, findings)
        SELECT v.id, greatest(ad_schema.fraud_score(found.findings), coalesce(v.fraud_score, 0)), found.findings
          FROM ad_schema.fraud_findings(v.id) AS found (findings)
        ON CONFLICT (engagement_id) DO UPDATE
           SET fraud_score = excluded.fraud_score, findings = excluded.findings
         WHERE r.status = 'PENDING';
    END IF;
    RETURN v_outcome;
END
$$;
COMMENT ON FUNCTION ad_schema.take_callback(bigint, text, text, uuid, uuid, timestamptz) IS
    'A network''s server says that a view was watched, once for each of its transactions (REPEATED does nothing). '
    'COMPLETED and REJECTED: it ended the view; CONFIRMED: that was over; TOO_EARLY by the server''s clock; ENDED '
    'otherwise; OTHER_USER, OTHER_NETWORK, UNKNOWN_VIEW. Locks the transaction, the view, and as settle_view does.';

-- Rights --------------------------------------------------------------------------------------------------------------

REVOKE EXECUTE ON FUNCTION
    ad_schema.is_perceivable(text, integer, boolean), ad_schema.view_signals(bigint), ad_schema.quality_score(bigint),
    ad_schema.fraud_findings(bigint), ad_schema.fraud_score(jsonb), ad_schema.view_facts(uuid),
    ad_schema.end_view(bigint, text, text), ad_schema.end_silent_view(bigint),
    ad_schema.settle_silent_views(integer), ad_schema.begin_view(bytea, uuid, integer, boolean),
    ad_schema.report_view(uuid, uuid, integer, text, numeric, integer, boolean), ad_schema.settle_view(bigint),
    ad_schema.finish_view(uuid, uuid, integer, numeric, integer, boolean), ad_schema.expire_views(integer),
    ad_schema.decide_view_review(uuid, boolean, uuid, text), ad_schema.put_network_keys(bigint, text, text[], bytea[]),
    ad_schema.take_callback(bigint, text, text, uuid, uuid, timestamptz)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    ad_schema.is_perceivable(text, integer, boolean), ad_schema.view_signals(bigint), ad_schema.quality_score(bigint),
    ad_schema.fraud_findings(bigint), ad_schema.fraud_score(jsonb), ad_schema.view_facts(uuid),
    ad_schema.end_view(bigint, text, text), ad_schema.end_silent_view(bigint),
    ad_schema.settle_silent_views(integer), ad_schema.begin_view(bytea, uuid, integer, boolean),
    ad_schema.report_view(uuid, uuid, integer, text, numeric, integer, boolean), ad_schema.settle_view(bigint),
    ad_schema.finish_view(uuid, uuid, integer, numeric, integer, boolean), ad_schema.expire_views(integer),
    ad_schema.forget_view_tokens(integer), ad_schema.decide_view_review(uuid, boolean, uuid, text),
    ad_schema.put_network_keys(bigint, text, text[], bytea[]),
    ad_schema.take_callback(bigint, text, text, uuid, uuid, timestamptz)
    TO ads_app;
GRANT SELECT,
    UPDATE (bonus_window_hours, token_seconds, idle_seconds, longest_silence_s, review_score, reject_score,
        user_views_per_hour, address_views_per_hour)
    ON ad_schema.ad_view_rules TO ads_app;
GRANT SELECT,
    INSERT (transaction_reference, user_id, base_tickets, station_code, fuel_type, bonus_until, cancelled_at),
    UPDATE (steps_completed, cancelled_at)
    ON ad_schema.ad_redemptions TO ads_app;
GRANT UPDATE (unbilled_reason, verified_at) ON ad_schema.ad_engagements TO ads_app;
GRANT SELECT, DELETE,
    INSERT (engagement_id, visible_percent, is_muted),
    UPDATE (is_playing, visible_percent, is_muted, is_hidden, is_silenced, position_s, clock_s, played_s,
        last_sequence, report_count, seen_at)
    ON ad_schema.ad_view_states TO ads_app;
GRANT SELECT,
    INSERT (engagement_id, status, fraud_score, findings, bonus_taken_back, decided_by, decided_at, note),
    UPDATE (status, fraud_score, findings, bonus_taken_back, decided_by, decided_at, note)
    ON ad_schema.ad_view_reviews TO ads_app;
GRANT SELECT,
    INSERT (network_code, advertiser_id, keys_url, is_enabled, freshness_seconds, keys_refresh_seconds),
    UPDATE (advertiser_id, keys_url, is_enabled, freshness_seconds, keys_refresh_seconds, keys_asked_at)
    ON ad_schema.ad_networks TO ads_app;
GRANT SELECT, DELETE, INSERT (network_id, key_id, public_key), UPDATE (public_key)
    ON ad_schema.ad_network_keys TO ads_app;
GRANT SELECT,
    INSERT (network_id, transaction_id, key_id, view_id, user_id, outcome, sent_at), UPDATE (outcome)
    ON ad_schema.ad_network_callbacks TO ads_app;
GRANT SELECT ON ad_schema.ad_view_rules, ad_schema.ad_redemptions, ad_schema.ad_view_states,
    ad_schema.ad_view_reviews, ad_schema.ad_networks, ad_schema.ad_network_keys, ad_schema.ad_network_callbacks
    TO ads_ro;
