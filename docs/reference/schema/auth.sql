-- The schema auth_schema, as `vuelo dump` writes it. Change the migrations, not this file.
SET check_function_bodies = off;
SET search_path = pg_catalog;
CREATE SCHEMA auth_schema AUTHORIZATION auth_owner;
SET ROLE auth_owner;
GRANT USAGE ON SCHEMA auth_schema TO auth_app;
GRANT USAGE ON SCHEMA auth_schema TO auth_ro;

CREATE OR REPLACE FUNCTION auth_schema.ensure_all_month_partitions(p_months_ahead integer DEFAULT 3)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_today date := (now() AT TIME ZONE 'UTC')::date;
    v_table text;
    v_made integer := 0;
BEGIN
    IF p_months_ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months ahead must be 0 to 24, not %', p_months_ahead
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR v_table IN
        SELECT c.relname
          FROM pg_partitioned_table AS p
          JOIN pg_class AS c ON c.oid = p.partrelid
         WHERE c.relnamespace = 'auth_schema'::regnamespace
         ORDER BY c.relname
    LOOP
        v_made := v_made + auth_schema.ensure_month_partitions(
            v_table, v_today, (v_today + make_interval(months => p_months_ahead + 1))::date);
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION auth_schema.ensure_all_month_partitions(p_months_ahead integer) IS 'Makes this month''s partitions and those of the months ahead for every partitioned table of the schema; run at each start.';
REVOKE EXECUTE ON FUNCTION auth_schema.ensure_all_month_partitions(p_months_ahead integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.ensure_all_month_partitions(p_months_ahead integer) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.ensure_month_partitions(p_table text, p_from date, p_until date)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_month date := date_trunc('month', p_from::timestamp)::date;
    v_next date;
    v_partition text;
    v_made integer := 0;
BEGIN
    -- ATTACH of a separate table takes no lock that stops readers or writers of the parent; PARTITION OF would.
    PERFORM pg_advisory_xact_lock(hashtextextended('auth_schema.' || p_table, 0));
    WHILE v_month < p_until LOOP
        v_next := (v_month + interval '1 month')::date;
        v_partition := p_table || to_char(v_month, '"_"YYYY"_"MM');
        IF to_regclass(format('auth_schema.%I', v_partition)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE auth_schema.%I (LIKE auth_schema.%I INCLUDING ALL EXCLUDING IDENTITY)',
                v_partition, p_table);
            EXECUTE format(
                'ALTER TABLE auth_schema.%I ATTACH PARTITION auth_schema.%I FOR VALUES FROM (%L) TO (%L)',
                p_table, v_partition,
                to_char(v_month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(v_next, 'YYYY-MM-DD') || ' 00:00:00+00');
            v_made := v_made + 1;
        END IF;
        v_month := v_next;
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION auth_schema.ensure_month_partitions(p_table text, p_from date, p_until date) IS 'Makes the missing partitions (UTC months) of one table for [from, until); returns how many it made.';
REVOKE EXECUTE ON FUNCTION auth_schema.ensure_month_partitions(p_table text, p_from date, p_until date) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_schema.has_visible_character(p_text text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT p_text ~ ('[^'
        -- controls, blanks, soft hyphen, joiners, fillers, Braille blank, directions, variation selectors, tags
        '\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F'
        '\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U000E0000-\U000E0FFF'
        ']')
    $function$;
COMMENT ON FUNCTION auth_schema.has_visible_character(p_text text) IS 'Whether a reader sees anything at all: a name of blanks that take no or some room is none.';
REVOKE EXECUTE ON FUNCTION auth_schema.has_visible_character(p_text text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.has_visible_character(p_text text) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.log_account_changes()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO auth_schema.auth_audit_log (event_type, user_id, new_values)
        SELECT 'ACCOUNT_CREATED', n.public_id, jsonb_build_object('role', n.role, 'is_active', n.is_active)
          FROM new_users AS n;
        RETURN NULL;
    END IF;
    INSERT INTO auth_schema.auth_audit_log (event_type, user_id, old_values, new_values)
    SELECT e.event_type, n.public_id, e.old_values, e.new_values
      FROM new_users AS n
      JOIN old_users AS o ON o.id = n.id
     CROSS JOIN LATERAL (VALUES
        ('ROLE_CHANGED', n.role <> o.role,
            jsonb_build_object('role', o.role), jsonb_build_object('role', n.role)),
        ('ACCOUNT_DEACTIVATED', o.is_active AND NOT n.is_active, NULL, NULL),
        ('ACCOUNT_ACTIVATED', n.is_active AND NOT o.is_active, NULL, NULL),
        ('ACCOUNT_ERASED', o.erased_at IS NULL AND n.erased_at IS NOT NULL, NULL, NULL),
        ('PHONE_CHANGED', n.phone_number <> o.phone_number, NULL, NULL),
        ('ACCOUNT_LOCKED', n.locked_until > now() AND n.locked_until IS DISTINCT FROM o.locked_until,
            NULL, jsonb_build_object('locked_until', n.locked_until)),
        ('ACCOUNT_UNLOCKED', o.locked_until > now() AND coalesce(n.locked_until <= now(), true),
            jsonb_build_object('locked_until', o.locked_until), NULL),
        ('SECOND_FACTOR_ENABLED', o.second_factor_enabled_at IS NULL AND n.second_factor_enabled_at IS NOT NULL,
            NULL, NULL),
        ('SECOND_FACTOR_DISABLED', o.second_factor_enabled_at IS NOT NULL AND n.second_factor_enabled_at IS NULL,
            NULL, NULL)
     ) AS e (event_type, happened, old_values, new_values)
     WHERE e.happened;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION auth_schema.log_account_changes() IS 'Writes what changes the worth of an account to the audit log, whoever changed it and by whatever way.';
REVOKE EXECUTE ON FUNCTION auth_schema.log_account_changes() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_schema.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- Retention and erasure run in transactions that say so; a runtime role has no such grant in the first place.
    IF auth_schema.request_context('maintenance') = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'table %.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$function$;
COMMENT ON FUNCTION auth_schema.refuse_change() IS 'BEFORE UPDATE OR DELETE OR TRUNCATE statement trigger of append-only tables.';
REVOKE EXECUTE ON FUNCTION auth_schema.refuse_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_schema.refuse_forged_event()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'event % is written by the change of an account alone', NEW.event_type
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, SCHEMA = TG_TABLE_SCHEMA,
              TABLE = 'auth_audit_log';
END
$function$;
COMMENT ON FUNCTION auth_schema.refuse_forged_event() IS 'BEFORE INSERT trigger of auth_audit_log for the events that only the trigger of users writes.';
REVOKE EXECUTE ON FUNCTION auth_schema.refuse_forged_event() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_schema.refuse_revival()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'what has ended in %.% stays ended, and what was counted stays counted',
        TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$function$;
COMMENT ON FUNCTION auth_schema.refuse_revival() IS 'BEFORE row trigger whose condition says what is refused: no code, limit or token is made good again. The error names the trigger as its constraint.';
REVOKE EXECUTE ON FUNCTION auth_schema.refuse_revival() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_schema.refuse_user_identity_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'user % keeps its public reference, and an erased user stays erased', OLD.public_id
        USING ERRCODE = 'restrict_violation';
END
$function$;
COMMENT ON FUNCTION auth_schema.refuse_user_identity_change() IS 'BEFORE UPDATE trigger: public_id never changes and erasure is never undone.';
REVOKE EXECUTE ON FUNCTION auth_schema.refuse_user_identity_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_schema.request_context(p_name text)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT nullif(current_setting('gasolinera.' || p_name, true), '') $function$;
COMMENT ON FUNCTION auth_schema.request_context(p_name text) IS 'What the application set for this transaction: actor, correlation_id, ip_address, user_agent; NULL when unset.';
REVOKE EXECUTE ON FUNCTION auth_schema.request_context(p_name text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.request_context(p_name text) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION auth_schema.set_updated_at() IS 'BEFORE UPDATE trigger: the row remembers when it was last changed.';
REVOKE EXECUTE ON FUNCTION auth_schema.set_updated_at() FROM PUBLIC;

CREATE TABLE auth_schema.auth_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_type text NOT NULL,
    succeeded boolean DEFAULT true NOT NULL,
    user_id uuid,
    phone_hash bytea,
    family_id uuid,
    reason text,
    old_values jsonb,
    new_values jsonb,
    actor text DEFAULT auth_schema.request_context('actor'::text),
    correlation_id text DEFAULT auth_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (auth_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT "left"(auth_schema.request_context('user_agent'::text), 500),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT auth_audit_log_actor_check CHECK (length(actor) <= 100),
    CONSTRAINT auth_audit_log_correlation_id_check CHECK (length(correlation_id) <= 100),
    CONSTRAINT auth_audit_log_event_type_check CHECK (event_type = ANY (ARRAY['LOGIN_SUCCEEDED'::text, 'LOGIN_FAILED'::text, 'LOGIN_REFUSED'::text, 'LOGOUT'::text, 'OTP_REQUESTED'::text, 'OTP_DELIVERY_FAILED'::text, 'OTP_VERIFIED'::text, 'OTP_FAILED'::text, 'OTP_RATE_LIMITED'::text, 'TOKEN_ISSUED'::text, 'TOKEN_REFRESHED'::text, 'TOKEN_REVOKED'::text, 'TOKEN_REUSED'::text, 'ACCOUNT_CREATED'::text, 'ACCOUNT_ACTIVATED'::text, 'ACCOUNT_DEACTIVATED'::text, 'ACCOUNT_LOCKED'::text, 'ACCOUNT_UNLOCKED'::text, 'ACCOUNT_ERASED'::text, 'ROLE_CHANGED'::text, 'PHONE_CHANGED'::text, 'PROFILE_CHANGED'::text, 'TERMS_ACCEPTED'::text, 'SECOND_FACTOR_ENABLED'::text, 'SECOND_FACTOR_DISABLED'::text, 'SECOND_FACTOR_FAILED'::text])),
    CONSTRAINT auth_audit_log_phone_hash_check CHECK (octet_length(phone_hash) = 32),
    CONSTRAINT auth_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT auth_audit_log_reason_check CHECK (length(reason) >= 1 AND length(reason) <= 200),
    CONSTRAINT auth_audit_log_user_agent_check CHECK (length(user_agent) <= 500),
    CONSTRAINT auth_audit_log_values_check CHECK (jsonb_typeof(old_values) = 'object'::text AND jsonb_typeof(new_values) = 'object'::text)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE auth_schema.auth_audit_log IS 'What happened around logging in and accounts; append-only. It never holds a phone number, name, code or token: a user is the public reference, a phone that belongs to nobody is a keyed hash. So erasure leaves it alone but for addresses and user agents, which its retention of a year ends. ACCOUNT_CREATED, ACCOUNT_ACTIVATED, ACCOUNT_DEACTIVATED, ACCOUNT_LOCKED, ACCOUNT_UNLOCKED, ACCOUNT_ERASED, ROLE_CHANGED, PHONE_CHANGED and the second factor''s ENABLED and DISABLED are written by the trigger of users and by nothing else.';
GRANT SELECT ON TABLE auth_schema.auth_audit_log TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.auth_audit_log TO auth_ro;
GRANT INSERT (event_type) ON TABLE auth_schema.auth_audit_log TO auth_app;
GRANT SELECT (event_type) ON TABLE auth_schema.auth_audit_log TO auth_ro;
GRANT INSERT (succeeded) ON TABLE auth_schema.auth_audit_log TO auth_app;
GRANT SELECT (succeeded) ON TABLE auth_schema.auth_audit_log TO auth_ro;
COMMENT ON COLUMN auth_schema.auth_audit_log.user_id IS 'users.public_id, without a foreign key: the log outlives the user.';
GRANT INSERT (user_id) ON TABLE auth_schema.auth_audit_log TO auth_app;
GRANT SELECT (user_id) ON TABLE auth_schema.auth_audit_log TO auth_ro;
COMMENT ON COLUMN auth_schema.auth_audit_log.phone_hash IS 'HMAC-SHA-256 of the phone number with a key that the database does not hold, where no user is known.';
GRANT INSERT (phone_hash) ON TABLE auth_schema.auth_audit_log TO auth_app;
GRANT INSERT (family_id) ON TABLE auth_schema.auth_audit_log TO auth_app;
GRANT SELECT (family_id) ON TABLE auth_schema.auth_audit_log TO auth_ro;
GRANT INSERT (reason) ON TABLE auth_schema.auth_audit_log TO auth_app;
GRANT SELECT (reason) ON TABLE auth_schema.auth_audit_log TO auth_ro;
GRANT INSERT (old_values) ON TABLE auth_schema.auth_audit_log TO auth_app;
GRANT SELECT (old_values) ON TABLE auth_schema.auth_audit_log TO auth_ro;
GRANT INSERT (new_values) ON TABLE auth_schema.auth_audit_log TO auth_app;
GRANT SELECT (new_values) ON TABLE auth_schema.auth_audit_log TO auth_ro;
GRANT SELECT (actor) ON TABLE auth_schema.auth_audit_log TO auth_ro;
GRANT SELECT (correlation_id) ON TABLE auth_schema.auth_audit_log TO auth_ro;
COMMENT ON COLUMN auth_schema.auth_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN auth_schema.auth_audit_log.user_agent IS 'Personal data: the device that asked.';
GRANT SELECT (created_at) ON TABLE auth_schema.auth_audit_log TO auth_ro;

CREATE INDEX auth_audit_log_failures_ip_address_created_at_idx ON auth_schema.auth_audit_log USING btree (ip_address, created_at DESC) WHERE (NOT succeeded);

CREATE INDEX auth_audit_log_phone_hash_created_at_idx ON auth_schema.auth_audit_log USING btree (phone_hash, created_at DESC) WHERE (phone_hash IS NOT NULL);

CREATE INDEX auth_audit_log_user_id_created_at_idx ON auth_schema.auth_audit_log USING btree (user_id, created_at DESC) WHERE (user_id IS NOT NULL);

CREATE TRIGGER auth_audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON auth_schema.auth_audit_log FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.refuse_change();

CREATE TRIGGER auth_audit_log_not_forged BEFORE INSERT ON auth_schema.auth_audit_log FOR EACH ROW WHEN (CURRENT_USER <> 'auth_owner'::name AND (new.event_type = ANY (ARRAY['ACCOUNT_CREATED'::text, 'ACCOUNT_ACTIVATED'::text, 'ACCOUNT_DEACTIVATED'::text, 'ACCOUNT_LOCKED'::text, 'ACCOUNT_UNLOCKED'::text, 'ACCOUNT_ERASED'::text, 'ROLE_CHANGED'::text, 'PHONE_CHANGED'::text, 'SECOND_FACTOR_ENABLED'::text, 'SECOND_FACTOR_DISABLED'::text]))) EXECUTE FUNCTION auth_schema.refuse_forged_event();

CREATE TABLE auth_schema.otp_rate_limits (
    scope text NOT NULL,
    subject text NOT NULL,
    window_s integer NOT NULL,
    window_start timestamp with time zone NOT NULL,
    request_count integer DEFAULT 1 NOT NULL,
    max_requests integer NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT otp_rate_limits_pk PRIMARY KEY (scope, subject, window_s, window_start),
    CONSTRAINT otp_rate_limits_request_count_check CHECK (request_count >= 1 AND request_count <= max_requests),
    CONSTRAINT otp_rate_limits_scope_check CHECK (scope = ANY (ARRAY['PHONE'::text, 'IP'::text, 'COUNTRY_PREFIX'::text])),
    CONSTRAINT otp_rate_limits_subject_check CHECK (length(subject) >= 1 AND length(subject) <= 64),
    CONSTRAINT otp_rate_limits_window_s_check CHECK (window_s >= 1 AND window_s <= 86400),
    CONSTRAINT otp_rate_limits_window_start_check CHECK (mod(EXTRACT(epoch FROM window_start), window_s::numeric) = 0::numeric)
);
COMMENT ON TABLE auth_schema.otp_rate_limits IS 'How many codes were asked for in a window, for a phone, an address, a country prefix. All limits of a request are taken by one statement: INSERT of a row a limit, ordered by the key so that requests cannot deadlock, ON CONFLICT DO UPDATE SET request_count = request_count + 1 WHERE request_count < max_requests RETURNING scope, window_s. Fewer rows back than limits asked means refused, and that transaction rolls back. A count never falls and a window that is not over is not deleted. Deleted after a day.';
GRANT DELETE, SELECT ON TABLE auth_schema.otp_rate_limits TO auth_app;
GRANT INSERT (scope) ON TABLE auth_schema.otp_rate_limits TO auth_app;
GRANT SELECT (scope) ON TABLE auth_schema.otp_rate_limits TO auth_ro;
COMMENT ON COLUMN auth_schema.otp_rate_limits.subject IS 'Personal data: the phone number or address (an IPv6 one cut to its /64) of a scope that is about a person.';
GRANT INSERT (subject) ON TABLE auth_schema.otp_rate_limits TO auth_app;
GRANT INSERT (window_s) ON TABLE auth_schema.otp_rate_limits TO auth_app;
GRANT SELECT (window_s) ON TABLE auth_schema.otp_rate_limits TO auth_ro;
COMMENT ON COLUMN auth_schema.otp_rate_limits.window_start IS 'A whole multiple of window_s since 1970, so that every process names the same window.';
GRANT INSERT (window_start) ON TABLE auth_schema.otp_rate_limits TO auth_app;
GRANT SELECT (window_start) ON TABLE auth_schema.otp_rate_limits TO auth_ro;
GRANT UPDATE (request_count) ON TABLE auth_schema.otp_rate_limits TO auth_app;
GRANT SELECT (request_count) ON TABLE auth_schema.otp_rate_limits TO auth_ro;
COMMENT ON COLUMN auth_schema.otp_rate_limits.max_requests IS 'The limit in force when the window was opened.';
GRANT INSERT (max_requests) ON TABLE auth_schema.otp_rate_limits TO auth_app;
GRANT SELECT (max_requests) ON TABLE auth_schema.otp_rate_limits TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.otp_rate_limits TO auth_ro;

CREATE INDEX otp_rate_limits_window_start_idx ON auth_schema.otp_rate_limits USING btree (window_start);

CREATE TRIGGER otp_rate_limits_final BEFORE UPDATE ON auth_schema.otp_rate_limits FOR EACH ROW WHEN (new.request_count < old.request_count) EXECUTE FUNCTION auth_schema.refuse_revival();

CREATE TRIGGER otp_rate_limits_open BEFORE DELETE ON auth_schema.otp_rate_limits FOR EACH ROW WHEN ((old.window_start + make_interval(secs => old.window_s::double precision)) > now()) EXECUTE FUNCTION auth_schema.refuse_revival();

CREATE TRIGGER otp_rate_limits_set_updated_at BEFORE UPDATE ON auth_schema.otp_rate_limits FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.otp_sessions (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    session_token_hash bytea NOT NULL,
    phone_number text NOT NULL,
    user_id bigint,
    purpose text NOT NULL,
    channel text DEFAULT 'SMS'::text NOT NULL,
    code_hash bytea NOT NULL,
    pepper_id smallint NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    consumed_at timestamp with time zone,
    voided_at timestamp with time zone,
    void_reason text,
    ip_address inet DEFAULT (auth_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT "left"(auth_schema.request_context('user_agent'::text), 500),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT otp_sessions_attempts_check CHECK (attempts >= 0 AND attempts <= 3),
    CONSTRAINT otp_sessions_channel_check CHECK (channel = ANY (ARRAY['SMS'::text, 'WHATSAPP'::text, 'VOICE'::text, 'CONSOLE'::text])),
    CONSTRAINT otp_sessions_code_hash_check CHECK (octet_length(code_hash) = 32),
    CONSTRAINT otp_sessions_consumed_check CHECK (consumed_at IS NULL OR attempts >= 1 AND consumed_at >= created_at AND consumed_at < expires_at),
    CONSTRAINT otp_sessions_delivered_check CHECK (channel <> 'CONSOLE'::text),
    CONSTRAINT otp_sessions_expires_at_check CHECK (expires_at > created_at AND (expires_at - created_at) <= '00:10:00'::interval),
    CONSTRAINT otp_sessions_lifetime_check CHECK ((expires_at - created_at) <= '00:05:00'::interval),
    CONSTRAINT otp_sessions_phone_change_check CHECK (purpose <> 'PHONE_CHANGE'::text OR user_id IS NOT NULL),
    CONSTRAINT otp_sessions_phone_number_check CHECK (phone_number ~ '^\+[1-9][0-9]{6,14}$'::text),
    CONSTRAINT otp_sessions_pk PRIMARY KEY (id),
    CONSTRAINT otp_sessions_purpose_check CHECK (purpose = ANY (ARRAY['LOGIN'::text, 'REGISTRATION'::text, 'PHONE_VERIFICATION'::text, 'PHONE_CHANGE'::text])),
    CONSTRAINT otp_sessions_session_token_hash_check CHECK (octet_length(session_token_hash) = 32),
    CONSTRAINT otp_sessions_session_token_hash_key UNIQUE (session_token_hash),
    CONSTRAINT otp_sessions_user_agent_check CHECK (length(user_agent) <= 500),
    CONSTRAINT otp_sessions_voided_check CHECK ((num_nulls(voided_at, void_reason) = ANY (ARRAY[0, 2])) AND (consumed_at IS NULL OR voided_at IS NULL) AND (void_reason = ANY (ARRAY['SUPERSEDED'::text, 'TRIES_USED_UP'::text, 'EXPIRED'::text, 'NOT_DELIVERED'::text, 'WITHDRAWN'::text])))
);
COMMENT ON TABLE auth_schema.otp_sessions IS 'One row a code sent. A row is open until it is consumed (the right code) or voided (anything else). A session is made in the same way whether the account exists or not. What has ended stays ended, and a try stays counted. Deleted after a day; erasure deletes those of the phone.';
GRANT DELETE, SELECT ON TABLE auth_schema.otp_sessions TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.otp_sessions TO auth_ro;
COMMENT ON COLUMN auth_schema.otp_sessions.session_token_hash IS 'SHA-256 of the token that only the device which asked for the code holds; a code without it is worth nothing.';
GRANT INSERT (session_token_hash) ON TABLE auth_schema.otp_sessions TO auth_app;
COMMENT ON COLUMN auth_schema.otp_sessions.phone_number IS 'Personal data: where the code was sent.';
GRANT INSERT (phone_number) ON TABLE auth_schema.otp_sessions TO auth_app;
COMMENT ON COLUMN auth_schema.otp_sessions.user_id IS 'Who changes the own number (PHONE_CHANGE); NULL otherwise, since the phone alone says whose login it is.';
GRANT INSERT (user_id) ON TABLE auth_schema.otp_sessions TO auth_app;
GRANT SELECT (user_id) ON TABLE auth_schema.otp_sessions TO auth_ro;
GRANT INSERT (purpose) ON TABLE auth_schema.otp_sessions TO auth_app;
GRANT SELECT (purpose) ON TABLE auth_schema.otp_sessions TO auth_ro;
GRANT INSERT (channel) ON TABLE auth_schema.otp_sessions TO auth_app;
GRANT SELECT (channel) ON TABLE auth_schema.otp_sessions TO auth_ro;
COMMENT ON COLUMN auth_schema.otp_sessions.code_hash IS 'HMAC-SHA-256 of the code with a pepper that the database does not hold.';
GRANT INSERT (code_hash) ON TABLE auth_schema.otp_sessions TO auth_app;
COMMENT ON COLUMN auth_schema.otp_sessions.pepper_id IS 'Which pepper, for its rotation.';
GRANT INSERT (pepper_id) ON TABLE auth_schema.otp_sessions TO auth_app;
COMMENT ON COLUMN auth_schema.otp_sessions.attempts IS 'Tries made, the right one included: counted before the code is compared, so that parallel guesses share three.';
GRANT UPDATE (attempts) ON TABLE auth_schema.otp_sessions TO auth_app;
GRANT SELECT (attempts) ON TABLE auth_schema.otp_sessions TO auth_ro;
GRANT INSERT (expires_at) ON TABLE auth_schema.otp_sessions TO auth_app;
GRANT SELECT (expires_at) ON TABLE auth_schema.otp_sessions TO auth_ro;
GRANT UPDATE (consumed_at) ON TABLE auth_schema.otp_sessions TO auth_app;
GRANT SELECT (consumed_at) ON TABLE auth_schema.otp_sessions TO auth_ro;
GRANT UPDATE (voided_at) ON TABLE auth_schema.otp_sessions TO auth_app;
GRANT SELECT (voided_at) ON TABLE auth_schema.otp_sessions TO auth_ro;
GRANT UPDATE (void_reason) ON TABLE auth_schema.otp_sessions TO auth_app;
GRANT SELECT (void_reason) ON TABLE auth_schema.otp_sessions TO auth_ro;
COMMENT ON COLUMN auth_schema.otp_sessions.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN auth_schema.otp_sessions.user_agent IS 'Personal data: the device that asked.';
GRANT SELECT (created_at) ON TABLE auth_schema.otp_sessions TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.otp_sessions TO auth_ro;

CREATE INDEX otp_sessions_expires_at_idx ON auth_schema.otp_sessions USING btree (expires_at);

CREATE UNIQUE INDEX otp_sessions_open_key ON auth_schema.otp_sessions USING btree (phone_number, purpose) WHERE ((consumed_at IS NULL) AND (voided_at IS NULL));

CREATE INDEX otp_sessions_phone_number_created_at_idx ON auth_schema.otp_sessions USING btree (phone_number, created_at);

CREATE INDEX otp_sessions_user_id_idx ON auth_schema.otp_sessions USING btree (user_id) WHERE (user_id IS NOT NULL);

CREATE TRIGGER otp_sessions_final BEFORE UPDATE ON auth_schema.otp_sessions FOR EACH ROW WHEN (new.attempts < old.attempts OR old.consumed_at IS NOT NULL AND new.consumed_at IS DISTINCT FROM old.consumed_at OR old.consumed_at IS NULL AND new.consumed_at IS NOT NULL AND old.expires_at <= now() OR old.voided_at IS NOT NULL AND (new.voided_at IS DISTINCT FROM old.voided_at OR new.void_reason IS DISTINCT FROM old.void_reason)) EXECUTE FUNCTION auth_schema.refuse_revival();

CREATE TRIGGER otp_sessions_set_updated_at BEFORE UPDATE ON auth_schema.otp_sessions FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.refresh_tokens (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    user_id bigint NOT NULL,
    family_id uuid DEFAULT gen_random_uuid() NOT NULL,
    token_hash bytea NOT NULL,
    rotated_from_id bigint,
    issued_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    family_expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    revoke_reason text,
    device_id uuid,
    device_name text,
    ip_address inet DEFAULT (auth_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT "left"(auth_schema.request_context('user_agent'::text), 500),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT refresh_tokens_device_name_check CHECK (length(device_name) >= 1 AND length(device_name) <= 100 AND auth_schema.has_visible_character(device_name)),
    CONSTRAINT refresh_tokens_expires_at_check CHECK (expires_at > issued_at AND (expires_at - issued_at) <= '7 days'::interval AND expires_at <= family_expires_at),
    CONSTRAINT refresh_tokens_family_lifetime_check CHECK ((family_expires_at - issued_at) <= '90 days'::interval),
    CONSTRAINT refresh_tokens_id_family_id_user_id_key UNIQUE (id, family_id, user_id),
    CONSTRAINT refresh_tokens_pk PRIMARY KEY (id),
    CONSTRAINT refresh_tokens_revoked_check CHECK ((num_nulls(revoked_at, revoke_reason) = ANY (ARRAY[0, 2])) AND (revoke_reason = ANY (ARRAY['LOGOUT'::text, 'REUSED'::text, 'DEACTIVATED'::text, 'TERMINATED'::text, 'ROLE_CHANGED'::text, 'PHONE_CHANGED'::text, 'ADMINISTRATOR'::text, 'ERASED'::text]))),
    CONSTRAINT refresh_tokens_rotated_from_id_check CHECK (rotated_from_id <> id),
    CONSTRAINT refresh_tokens_rotated_from_id_key UNIQUE (rotated_from_id),
    CONSTRAINT refresh_tokens_token_hash_check CHECK (octet_length(token_hash) = 32),
    CONSTRAINT refresh_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT refresh_tokens_used_at_check CHECK (used_at >= issued_at AND used_at < expires_at),
    CONSTRAINT refresh_tokens_user_agent_check CHECK (length(user_agent) <= 500)
);
COMMENT ON TABLE auth_schema.refresh_tokens IS 'One row a refresh token ever given out. A login starts a family; each use marks the token used and adds its successor. A used token that comes back revokes the family, so used ones are kept until the family''s end and a day more. A use and a revocation are final: revoke what is not revoked yet. Erasure deletes those of the person.';
GRANT DELETE, SELECT ON TABLE auth_schema.refresh_tokens TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.refresh_tokens TO auth_ro;
GRANT INSERT (user_id) ON TABLE auth_schema.refresh_tokens TO auth_app;
GRANT SELECT (user_id) ON TABLE auth_schema.refresh_tokens TO auth_ro;
GRANT INSERT (family_id) ON TABLE auth_schema.refresh_tokens TO auth_app;
GRANT SELECT (family_id) ON TABLE auth_schema.refresh_tokens TO auth_ro;
COMMENT ON COLUMN auth_schema.refresh_tokens.token_hash IS 'SHA-256 of the token''s 256 random bits.';
GRANT INSERT (token_hash) ON TABLE auth_schema.refresh_tokens TO auth_app;
GRANT INSERT (rotated_from_id) ON TABLE auth_schema.refresh_tokens TO auth_app;
GRANT SELECT (rotated_from_id) ON TABLE auth_schema.refresh_tokens TO auth_ro;
GRANT SELECT (issued_at) ON TABLE auth_schema.refresh_tokens TO auth_ro;
COMMENT ON COLUMN auth_schema.refresh_tokens.expires_at IS 'Unused for so long, the session ends.';
GRANT INSERT (expires_at) ON TABLE auth_schema.refresh_tokens TO auth_app;
GRANT SELECT (expires_at) ON TABLE auth_schema.refresh_tokens TO auth_ro;
COMMENT ON COLUMN auth_schema.refresh_tokens.family_expires_at IS 'The absolute end of the session, handed from token to token: no rotation moves it.';
GRANT INSERT (family_expires_at) ON TABLE auth_schema.refresh_tokens TO auth_app;
GRANT SELECT (family_expires_at) ON TABLE auth_schema.refresh_tokens TO auth_ro;
GRANT UPDATE (used_at) ON TABLE auth_schema.refresh_tokens TO auth_app;
GRANT SELECT (used_at) ON TABLE auth_schema.refresh_tokens TO auth_ro;
GRANT UPDATE (revoked_at) ON TABLE auth_schema.refresh_tokens TO auth_app;
GRANT SELECT (revoked_at) ON TABLE auth_schema.refresh_tokens TO auth_ro;
GRANT UPDATE (revoke_reason) ON TABLE auth_schema.refresh_tokens TO auth_app;
GRANT SELECT (revoke_reason) ON TABLE auth_schema.refresh_tokens TO auth_ro;
COMMENT ON COLUMN auth_schema.refresh_tokens.device_id IS 'Personal data: the installation that holds the session.';
GRANT INSERT (device_id) ON TABLE auth_schema.refresh_tokens TO auth_app;
COMMENT ON COLUMN auth_schema.refresh_tokens.device_name IS 'Personal data: what its owner sees in the session list.';
GRANT INSERT (device_name) ON TABLE auth_schema.refresh_tokens TO auth_app;
COMMENT ON COLUMN auth_schema.refresh_tokens.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN auth_schema.refresh_tokens.user_agent IS 'Personal data: the device that asked.';
GRANT SELECT (created_at) ON TABLE auth_schema.refresh_tokens TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.refresh_tokens TO auth_ro;

CREATE INDEX refresh_tokens_family_expires_at_idx ON auth_schema.refresh_tokens USING btree (family_expires_at);

CREATE UNIQUE INDEX refresh_tokens_live_family_id_key ON auth_schema.refresh_tokens USING btree (family_id) WHERE ((used_at IS NULL) AND (revoked_at IS NULL));

CREATE INDEX refresh_tokens_user_id_idx ON auth_schema.refresh_tokens USING btree (user_id);

CREATE TRIGGER refresh_tokens_final BEFORE UPDATE ON auth_schema.refresh_tokens FOR EACH ROW WHEN (old.used_at IS NOT NULL AND new.used_at IS DISTINCT FROM old.used_at OR old.used_at IS NULL AND new.used_at IS NOT NULL AND (old.revoked_at IS NOT NULL OR old.expires_at <= now()) OR old.revoked_at IS NOT NULL AND (new.revoked_at IS DISTINCT FROM old.revoked_at OR new.revoke_reason IS DISTINCT FROM old.revoke_reason)) EXECUTE FUNCTION auth_schema.refuse_revival();

CREATE TRIGGER refresh_tokens_set_updated_at BEFORE UPDATE ON auth_schema.refresh_tokens FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.users (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    public_id uuid DEFAULT gen_random_uuid() NOT NULL,
    phone_number text,
    first_name text,
    last_name text,
    email text,
    role text DEFAULT 'CUSTOMER'::text NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    preferred_language text DEFAULT 'es'::text NOT NULL,
    phone_verified_at timestamp with time zone,
    failed_login_attempts smallint DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone,
    last_login_at timestamp with time zone,
    terms_version text,
    terms_accepted_at timestamp with time zone,
    age_confirmed_at timestamp with time zone,
    second_factor_secret bytea,
    second_factor_key_id smallint,
    second_factor_enabled_at timestamp with time zone,
    second_factor_last_step bigint,
    erased_at timestamp with time zone,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT users_administrator_second_factor_check CHECK ((role <> ALL (ARRAY['STATION_ADMIN'::text, 'SYSTEM_ADMIN'::text])) OR last_login_at IS NULL OR second_factor_enabled_at IS NOT NULL OR NOT is_active),
    CONSTRAINT users_customer_terms_check CHECK (role <> 'CUSTOMER'::text OR erased_at IS NOT NULL OR terms_accepted_at IS NOT NULL AND age_confirmed_at IS NOT NULL),
    CONSTRAINT users_email_check CHECK (length(email) <= 254 AND email ~ '^[^@[:space:]]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$'::text),
    CONSTRAINT users_erasure_check CHECK (
CASE
    WHEN erased_at IS NULL THEN num_nulls(phone_number, first_name, last_name) = 0
    ELSE num_nonnulls(phone_number, first_name, last_name, email, second_factor_secret) = 0 AND NOT is_active AND metadata = '{}'::jsonb
END),
    CONSTRAINT users_failed_login_attempts_check CHECK (failed_login_attempts >= 0 AND failed_login_attempts <= 5),
    CONSTRAINT users_first_name_check CHECK (first_name = btrim(first_name) AND length(first_name) >= 1 AND length(first_name) <= 100 AND auth_schema.has_visible_character(first_name)),
    CONSTRAINT users_last_name_check CHECK (last_name = btrim(last_name) AND length(last_name) >= 1 AND length(last_name) <= 100 AND auth_schema.has_visible_character(last_name)),
    CONSTRAINT users_lockout_check CHECK (failed_login_attempts < 5 OR locked_until IS NOT NULL),
    CONSTRAINT users_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT users_phone_number_check CHECK (phone_number ~ '^\+[1-9][0-9]{6,14}$'::text),
    CONSTRAINT users_phone_number_key UNIQUE (phone_number),
    CONSTRAINT users_pk PRIMARY KEY (id),
    CONSTRAINT users_preferred_language_check CHECK (preferred_language = ANY (ARRAY['es'::text, 'en'::text])),
    CONSTRAINT users_public_id_key UNIQUE (public_id),
    CONSTRAINT users_role_check CHECK (role = ANY (ARRAY['CUSTOMER'::text, 'EMPLOYEE'::text, 'STATION_ADMIN'::text, 'SYSTEM_ADMIN'::text])),
    CONSTRAINT users_second_factor_check CHECK ((num_nulls(second_factor_secret, second_factor_key_id) = ANY (ARRAY[0, 2])) AND (second_factor_secret IS NOT NULL OR second_factor_enabled_at IS NULL AND second_factor_last_step IS NULL) AND octet_length(second_factor_secret) >= 16 AND octet_length(second_factor_secret) <= 256),
    CONSTRAINT users_second_factor_encrypted_check CHECK (octet_length(second_factor_secret) >= 48),
    CONSTRAINT users_terms_check CHECK ((num_nulls(terms_version, terms_accepted_at) = ANY (ARRAY[0, 2])) AND length(terms_version) >= 1 AND length(terms_version) <= 20),
    CONSTRAINT users_verified_login_check CHECK (last_login_at IS NULL OR phone_verified_at IS NOT NULL)
);
COMMENT ON TABLE auth_schema.users IS 'One row a person. Erasure keeps the row, so that public_id never comes back for somebody else, and removes what tells who it was: phone, names, email, second factor and metadata become NULL or empty and erased_at is set. The phone number is free again from then on, and its new registration is a new person.';
GRANT SELECT ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.users TO auth_ro;
COMMENT ON COLUMN auth_schema.users.public_id IS 'How every other service, token and event names this user.';
GRANT SELECT (public_id) ON TABLE auth_schema.users TO auth_ro;
COMMENT ON COLUMN auth_schema.users.phone_number IS 'Personal data: the login, strict E.164, normalised before it gets here. NULL once erased.';
GRANT INSERT (phone_number), UPDATE (phone_number) ON TABLE auth_schema.users TO auth_app;
COMMENT ON COLUMN auth_schema.users.first_name IS 'Personal data: given name. NULL once erased.';
GRANT INSERT (first_name), UPDATE (first_name) ON TABLE auth_schema.users TO auth_app;
COMMENT ON COLUMN auth_schema.users.last_name IS 'Personal data: family name. NULL once erased.';
GRANT INSERT (last_name), UPDATE (last_name) ON TABLE auth_schema.users TO auth_app;
COMMENT ON COLUMN auth_schema.users.email IS 'Personal data: where receipts go. Not a login and not verified, hence not unique. NULL once erased.';
GRANT INSERT (email), UPDATE (email) ON TABLE auth_schema.users TO auth_app;
GRANT INSERT (role), UPDATE (role) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (role) ON TABLE auth_schema.users TO auth_ro;
GRANT INSERT (is_active), UPDATE (is_active) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (is_active) ON TABLE auth_schema.users TO auth_ro;
GRANT INSERT (preferred_language), UPDATE (preferred_language) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (preferred_language) ON TABLE auth_schema.users TO auth_ro;
GRANT INSERT (phone_verified_at), UPDATE (phone_verified_at) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (phone_verified_at) ON TABLE auth_schema.users TO auth_ro;
COMMENT ON COLUMN auth_schema.users.failed_login_attempts IS 'Failures in a row since the last success or lock; the fifth sets locked_until and a success sets 0.';
GRANT INSERT (failed_login_attempts), UPDATE (failed_login_attempts) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (failed_login_attempts) ON TABLE auth_schema.users TO auth_ro;
COMMENT ON COLUMN auth_schema.users.locked_until IS 'Nobody logs in before this; past or NULL means not locked.';
GRANT INSERT (locked_until), UPDATE (locked_until) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (locked_until) ON TABLE auth_schema.users TO auth_ro;
COMMENT ON COLUMN auth_schema.users.last_login_at IS 'Personal data: when the person last logged in.';
GRANT INSERT (last_login_at), UPDATE (last_login_at) ON TABLE auth_schema.users TO auth_app;
GRANT INSERT (terms_version), UPDATE (terms_version) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (terms_version) ON TABLE auth_schema.users TO auth_ro;
GRANT INSERT (terms_accepted_at), UPDATE (terms_accepted_at) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (terms_accepted_at) ON TABLE auth_schema.users TO auth_ro;
COMMENT ON COLUMN auth_schema.users.age_confirmed_at IS 'When the person said to be of age, which raffles ask for.';
GRANT INSERT (age_confirmed_at), UPDATE (age_confirmed_at) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (age_confirmed_at) ON TABLE auth_schema.users TO auth_ro;
COMMENT ON COLUMN auth_schema.users.second_factor_secret IS 'Personal data: TOTP secret, encrypted with a key that the database does not hold. Unreadable for auth_ro.';
GRANT INSERT (second_factor_secret), UPDATE (second_factor_secret) ON TABLE auth_schema.users TO auth_app;
COMMENT ON COLUMN auth_schema.users.second_factor_key_id IS 'Which key encrypted the secret, for key rotation.';
GRANT INSERT (second_factor_key_id), UPDATE (second_factor_key_id) ON TABLE auth_schema.users TO auth_app;
GRANT INSERT (second_factor_enabled_at), UPDATE (second_factor_enabled_at) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (second_factor_enabled_at) ON TABLE auth_schema.users TO auth_ro;
COMMENT ON COLUMN auth_schema.users.second_factor_last_step IS 'The last TOTP time step accepted: a code of this step or an earlier one is a replay.';
GRANT INSERT (second_factor_last_step), UPDATE (second_factor_last_step) ON TABLE auth_schema.users TO auth_app;
GRANT UPDATE (erased_at) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (erased_at) ON TABLE auth_schema.users TO auth_ro;
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE auth_schema.users TO auth_app;
GRANT SELECT (created_at) ON TABLE auth_schema.users TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.users TO auth_ro;

CREATE INDEX users_staff_role_idx ON auth_schema.users USING btree (role, id) WHERE (role <> 'CUSTOMER'::text);

CREATE TRIGGER users_identity BEFORE UPDATE ON auth_schema.users FOR EACH ROW WHEN (old.public_id <> new.public_id OR old.erased_at IS NOT NULL AND new.erased_at IS NULL) EXECUTE FUNCTION auth_schema.refuse_user_identity_change();

CREATE TRIGGER users_log_insert AFTER INSERT ON auth_schema.users REFERENCING NEW TABLE AS new_users FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.log_account_changes();

CREATE TRIGGER users_log_update AFTER UPDATE ON auth_schema.users REFERENCING OLD TABLE AS old_users NEW TABLE AS new_users FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.log_account_changes();

CREATE TRIGGER users_set_updated_at BEFORE UPDATE ON auth_schema.users FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE VIEW auth_schema.active_users WITH (security_invoker=true) AS
 SELECT id,
    phone_number,
    first_name,
    last_name,
    role,
    created_at
   FROM auth_schema.users
  WHERE is_active = true;
COMMENT ON VIEW auth_schema.active_users IS 'Users who are not deactivated. Holds personal data and reads with the rights of whoever asks.';
GRANT SELECT ON TABLE auth_schema.active_users TO auth_app;

ALTER TABLE auth_schema.otp_sessions ADD CONSTRAINT otp_sessions_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users(id) ON DELETE CASCADE;

ALTER TABLE auth_schema.refresh_tokens ADD CONSTRAINT refresh_tokens_rotated_from_id_fk FOREIGN KEY (rotated_from_id, family_id, user_id) REFERENCES auth_schema.refresh_tokens(id, family_id, user_id) ON DELETE SET NULL (rotated_from_id);

ALTER TABLE auth_schema.refresh_tokens ADD CONSTRAINT refresh_tokens_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users(id) ON DELETE CASCADE;

RESET ROLE;
