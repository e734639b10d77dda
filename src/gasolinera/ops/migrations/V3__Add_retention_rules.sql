-- How long rows are kept, and why; and what indexes were made anew, which is how their growth is known.
-- A rule is data of a closed vocabulary and never SQL: who may write here must not be able to run statements elsewhere.

CREATE TABLE ops_schema.retention_rules (
    name text CONSTRAINT retention_rules_pk PRIMARY KEY
        CONSTRAINT retention_rules_name_check CHECK (name ~ '^[a-z]+\.[a-z][a-z0-9_]{0,62}$'),
    service text NOT NULL CONSTRAINT retention_rules_service_check
        CHECK (service IN ('auth', 'station', 'coupon', 'redemption', 'ads', 'raffle', 'ops')),
    table_name text NOT NULL CONSTRAINT retention_rules_table_name_check
        CHECK (table_name ~ '^[a-z_][a-z0-9_]{0,62}$'),
    action text NOT NULL DEFAULT 'DELETE' CONSTRAINT retention_rules_action_check
        CHECK (action IN ('DELETE', 'ANONYMISE')),
    time_column text CONSTRAINT retention_rules_time_column_check CHECK (time_column ~ '^[a-z_][a-z0-9_]{0,62}$'),
    keep interval CONSTRAINT retention_rules_keep_check CHECK (
        keep BETWEEN interval '1 minute' AND interval '100 years'
        AND extract(year FROM keep) >= 0 AND extract(month FROM keep) >= 0 AND extract(day FROM keep) >= 0
        AND extract(hour FROM keep) >= 0 AND extract(minute FROM keep) >= 0 AND extract(second FROM keep) >= 0),
    time_zone text NOT NULL DEFAULT 'UTC' CONSTRAINT retention_rules_time_zone_check
        CHECK (time_zone ~ '^[A-Za-z0-9_+/-]{1,60}$'),
    conditions jsonb NOT NULL DEFAULT '[]' CONSTRAINT retention_rules_conditions_check
        CHECK (jsonb_typeof(conditions) = 'array' AND length(conditions::text) <= 2000),
    cleared_columns text[] NOT NULL DEFAULT '{}',
    function_name text CONSTRAINT retention_rules_function_name_check CHECK (function_name ~ '^forget_[a-z_]{1,56}$'),
    job text CONSTRAINT retention_rules_job_check CHECK (job ~ '^[a-z]+\.[a-z_]{1,60}$'),
    reason text NOT NULL CONSTRAINT retention_rules_reason_check CHECK (reason IN ('PRIVACY', 'LAW', 'SPACE')),
    explanation text NOT NULL CONSTRAINT retention_rules_explanation_check
        CHECK (length(explanation) BETWEEN 1 AND 500),
    batch_size integer NOT NULL DEFAULT 2000 CONSTRAINT retention_rules_batch_size_check
        CHECK (batch_size BETWEEN 10 AND 10000),
    is_enabled boolean NOT NULL DEFAULT true,
    held_since timestamptz,
    held_because text CONSTRAINT retention_rules_held_because_check CHECK (length(held_because) BETWEEN 1 AND 500),
    CONSTRAINT retention_rules_service_name_check CHECK (name LIKE service || '.%'),
    CONSTRAINT retention_rules_way_check CHECK (
        CASE WHEN function_name IS NULL THEN num_nonnulls(time_column, keep) = 2
             ELSE num_nonnulls(time_column, keep) = 0 AND conditions = '[]' AND cleared_columns = '{}' END),
    CONSTRAINT retention_rules_cleared_columns_check CHECK (
        function_name IS NOT NULL OR (action = 'ANONYMISE') = (cardinality(cleared_columns) > 0)),
    CONSTRAINT retention_rules_hold_check CHECK (num_nulls(held_since, held_because) IN (0, 2))
);
COMMENT ON TABLE ops_schema.retention_rules IS
    'How long rows of a table are kept, what becomes of them then, and why. `gasolinera ops cleanup run` goes by it.';
COMMENT ON COLUMN ops_schema.retention_rules.keep IS
    'Months and days are counted on the calendar of time_zone, hours and less as they pass. Never a moment too early.';
COMMENT ON COLUMN ops_schema.retention_rules.conditions IS
    'What must hold beside the age: a list of {"is": one_of | none_of | null | not_null | no_row_in, …}.';
COMMENT ON COLUMN ops_schema.retention_rules.cleared_columns IS 'What ANONYMISE sets to NULL.';
COMMENT ON COLUMN ops_schema.retention_rules.function_name IS
    'The function of the service that does it in batches and knows what is old enough; instead of a column and a time.';
COMMENT ON COLUMN ops_schema.retention_rules.job IS
    'The job of the service that does the same, by the same time, on its own. It rests while the rule is held.';
COMMENT ON COLUMN ops_schema.retention_rules.held_since IS
    'A legal hold: nothing that the rule is about goes until it is released.';

CREATE TABLE ops_schema.index_rebuilds (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT index_rebuilds_pk PRIMARY KEY,
    place text NOT NULL CONSTRAINT index_rebuilds_place_check CHECK (length(place) BETWEEN 1 AND 100),
    index_name text NOT NULL CONSTRAINT index_rebuilds_index_name_check CHECK (length(index_name) BETWEEN 3 AND 200),
    rebuilt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    bytes_before bigint NOT NULL CONSTRAINT index_rebuilds_bytes_before_check CHECK (bytes_before >= 0),
    bytes_after bigint NOT NULL CONSTRAINT index_rebuilds_bytes_after_check CHECK (bytes_after >= 0),
    entries double precision NOT NULL CONSTRAINT index_rebuilds_entries_check CHECK (entries >= 0)
);
COMMENT ON TABLE ops_schema.index_rebuilds IS
    'What an index took when it was last made anew: the next time, its growth is known and need not be estimated.';
-- The newest of each index of a service.
CREATE INDEX index_rebuilds_place_idx ON ops_schema.index_rebuilds (place, index_name, rebuilt_at DESC);

-- What every service has ---------------------------------------------------------------------------------------------

INSERT INTO ops_schema.retention_rules
    (name, service, table_name, time_column, keep, conditions, job, reason, explanation, batch_size)
SELECT s.service || '.' || r.name, s.service, r.table_name, r.time_column, r.keep::interval, r.conditions::jsonb,
       s.service || '.' || r.job, r.reason, r.explanation, r.batch_size
  FROM unnest(ARRAY['auth', 'station', 'coupon', 'redemption', 'ads', 'raffle']) AS s (service)
 CROSS JOIN (VALUES
    ('idempotency_keys', 'idempotency_keys', 'created_at', '25 hours', '[]', 'forget_requests', 'SPACE',
     'Answers under an Idempotency-Key, which promises a day.', 5000),
    ('rate_limits', 'rate_limits', 'window_start', '2 days', '[]', 'forget_requests', 'PRIVACY',
     'Counts of limits by phone, address or user; the longest window lasts a day.', 5000),
    ('published_events', 'outbox_events', 'published_at', '14 days',
     '[{"is": "no_row_in", "table": "dead_letters", "column": "event_id", "equals": "event_id", "where": [{"is": "one_of", "column": "consumer", "values": ["relay"]}, {"is": "null", "column": "replayed_at"}]}]',
     'purge_events', 'SPACE', 'Events that were published; what was buried and waits for its replay stays.', 5000),
    ('settled_events', 'inbox_events', 'settled_at', '30 days', '[]', 'purge_events', 'SPACE',
     'Events that have had their effect; no transport repeats one for so long.', 5000),
    ('replayed_dead_letters', 'dead_letters', 'replayed_at', '90 days', '[]', 'purge_events', 'SPACE',
     'Events that failed and were replayed.', 2000)
 ) AS r (name, table_name, time_column, keep, conditions, job, reason, explanation, batch_size);

-- What single services have ------------------------------------------------------------------------------------------

INSERT INTO ops_schema.retention_rules
    (name, service, table_name, time_column, keep, conditions, job, reason, explanation)
VALUES
    ('auth.login_codes', 'auth', 'otp_sessions', 'expires_at', '1 day', '[]', 'auth.forget_ended', 'PRIVACY',
     'Codes that ended, with phone numbers and addresses, and the registrations that waited for them.'),
    ('auth.code_limits', 'auth', 'otp_rate_limits', 'window_start', '2 days', '[]', 'auth.forget_ended', 'PRIVACY',
     'Counts of codes by phone and address; the longest window lasts a day.'),
    ('auth.refresh_tokens', 'auth', 'refresh_tokens', 'family_expires_at', '1 day', '[]', 'auth.forget_ended',
     'PRIVACY', 'Used, revoked and expired tokens with the devices they were given to. A used one stays until its family '
     'ends: that is how its theft is noticed.'),
    ('auth.phone_lockouts', 'auth', 'phone_lockouts', 'updated_at', '1 day', '[]', 'auth.forget_ended', 'PRIVACY',
     'Failures at phones without account; a lock lasts half an hour.'),
    ('auth.development_messages', 'auth', 'development_inbox', 'created_at', '7 days', '[]', 'auth.forget_ended',
     'PRIVACY', 'Messages that were shown to developers and not sent.'),
    ('auth.development_emails', 'auth', 'development_emails', 'created_at', '7 days', '[]', NULL,
     'PRIVACY', 'Mails that were shown to developers and not sent.'),
    ('auth.access_revocations', 'auth', 'access_revocations', 'revoked_at', '1 hour', '[]', 'auth.forget_revocations',
     'SPACE', 'Revocations of access tokens, which end after fifteen minutes themselves.'),
    ('auth.notifications', 'auth', 'notifications', 'created_at', '180 days', '[]', 'auth.forget_notifications',
     'PRIVACY', 'What users were told.'),
    ('auth.webhook_deliveries', 'auth', 'webhook_deliveries', 'created_at', '30 days',
     '[{"is": "none_of", "column": "status", "values": ["PENDING"]}]', 'auth.forget_deliveries', 'SPACE',
     'Deliveries to partners that are over, good or bad.'),
    ('station.terminal_nonces', 'station', 'terminal_nonces', 'created_at', '5 minutes', '[]',
     'station.forget_terminal_traces', 'SPACE', 'What terminals signed; a signature is fresh for less.'),
    ('station.terminal_codes', 'station', 'terminal_enrolments', 'created_at', '1 day', '[]',
     'station.forget_terminal_traces', 'SPACE', 'Codes by which terminals enrol, good for minutes.'),
    ('redemption.unused_pump_codes', 'redemption', 'qr_validations', 'expires_at', '30 days',
     '[{"is": "one_of", "column": "status", "values": ["EXPIRED"]}, {"is": "null", "column": "redemption_id"}]', NULL,
     'PRIVACY', 'Codes of pumps that nobody used in time, with who scanned them and from where.'),
    ('ops.runs', 'ops', 'runs', 'finished_at', '13 months', '[]', NULL, 'SPACE',
     'Runs of operations commands: a year of whole months, and the one that has begun.');

INSERT INTO ops_schema.retention_rules
    (name, service, table_name, action, time_column, keep, cleared_columns, reason, explanation)
VALUES
    ('coupon.scan_places', 'coupon', 'coupon_validation_attempts', 'ANONYMISE', 'created_at', '1 year',
     '{device_id,latitude,longitude}', 'PRIVACY',
     'Where a code was shown and on which device: fraud is looked into for weeks, not for years.');

-- Where the service alone knows what is old enough -------------------------------------------------------------------

INSERT INTO ops_schema.retention_rules (name, service, table_name, action, function_name, job, reason, explanation)
VALUES
    ('auth.addresses', 'auth', 'auth_audit_log', 'ANONYMISE', 'forget_addresses', 'auth.forget_addresses', 'PRIVACY',
     'Addresses, user agents and hashes of phones in the audit logs after a year; what was done and by whom stays.'),
    ('coupon.addresses', 'coupon', 'coupon_audit_log', 'ANONYMISE', 'forget_addresses', 'coupon.forget_addresses',
     'PRIVACY', 'Addresses and user agents in the logs after a year; what was done and by whom stays.'),
    ('redemption.addresses', 'redemption', 'redemption_audit_log', 'ANONYMISE', 'forget_addresses',
     'redemption.forget_addresses', 'PRIVACY',
     'Addresses and user agents in the logs after a year; what was done and by whom stays.'),
    ('ads.addresses', 'ads', 'ad_audit_log', 'ANONYMISE', 'forget_addresses', 'ads.forget_addresses', 'PRIVACY',
     'Addresses and user agents in the log and of views after a year; what was done and by whom stays.'),
    ('raffle.addresses', 'raffle', 'raffle_audit_log', 'ANONYMISE', 'forget_addresses', 'raffle.forget_addresses',
     'PRIVACY', 'Addresses and user agents in the log after a year; what was done and by whom stays.'),
    ('station.addresses', 'station', 'station_audit_log', 'ANONYMISE', 'forget_addresses', 'station.forget_addresses',
     'PRIVACY', 'Addresses and user agents in the log after a year; what was done and by whom stays.'),
    ('coupon.ended_periods', 'coupon', 'campaign_user_period_usages', 'DELETE', 'forget_ended_periods',
     'coupon.forget_ended_periods', 'PRIVACY',
     'How often somebody used a campaign in a period that began 100 days ago: it is over, and past every cancellation.'),
    ('coupon.refused_uses', 'coupon', 'refused_uses', 'DELETE', 'forget_refused_uses', 'coupon.forget_refused_uses',
     'SPACE', 'Refusals of uses after 90 days: no redemption asks again so late.'),
    ('redemption.refused_codes', 'redemption', 'code_refusals', 'DELETE', 'forget_refused_codes',
     'redemption.forget_refused_codes', 'PRIVACY',
     'Who showed codes that were none, after 90 days: no rule against fraud looks back further than a day.'),
    ('redemption.offline_leases', 'redemption', 'offline_leases', 'DELETE', 'forget_offline_leases',
     'redemption.forget_offline_leases', 'SPACE',
     'Leases of terminals under which nothing was taken, eight days after their end.'),
    ('raffle.refused_tickets', 'raffle', 'refused_tickets', 'DELETE', 'forget_refused_tickets',
     'raffle.forget_refused_tickets', 'LAW',
     'Which tickets a raffle did not take stays for a year, in which its result can be disputed.'),
    ('ads.view_tokens', 'ads', 'ad_view_tokens', 'DELETE', 'forget_view_tokens', 'ads.expire_views', 'PRIVACY',
     'Tokens of views eight days after their end, counted as impressions before they go.'),
    ('ads.frequency_counters', 'ads', 'ad_frequency_counters', 'DELETE', 'forget_frequency_counters',
     'ads.forget_ended', 'PRIVACY', 'How often somebody saw a campaign in a period that is over.'),
    ('ads.viewer_days', 'ads', 'ad_viewer_days', 'DELETE', 'forget_viewer_days', 'ads.forget_ended', 'PRIVACY',
     'Who was counted on a day that is 35 days over; how many they were stays.'),
    ('ads.multiplied_redemptions', 'ads', 'ad_redemptions', 'DELETE', 'forget_multiplied', 'ads.forget_ended',
     'PRIVACY', 'Redemptions that nothing multiplies since 90 days.'),
    ('ads.network_callbacks', 'ads', 'ad_network_callbacks', 'DELETE', 'forget_callbacks', 'ads.forget_ended',
     'PRIVACY', 'What networks said more than 90 days ago; a repetition of it is refused for its age.');
