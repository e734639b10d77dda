-- The auth schema: users, one-time codes, refresh tokens, limits on asking for codes, and the log of what happened.
-- No code and no token is ever stored: only an HMAC of a code (six digits are guessed in a moment from a plain hash)
-- and a SHA-256 of a token (256 random bits need no key).

-- Text ---------------------------------------------------------------------------------------------------------------
CREATE FUNCTION auth_schema.has_visible_character(p_text text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_text ~ ('[^'
        -- controls, blanks, soft hyphen, joiners, fillers, Braille blank, directions, variation selectors, tags
        '\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F'
        '\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U000E0000-\U000E0FFF'
        ']')
    $$;
COMMENT ON FUNCTION auth_schema.has_visible_character(text) IS
    'Whether a reader sees anything at all: a name of blanks that take no or some room is none.';

-- Users -----------------------------------------------------------------------------------------------------------

CREATE TABLE auth_schema.users (
    id bigint GENERATED ALWAYS AS IDENTITY,
    public_id uuid NOT NULL DEFAULT gen_random_uuid(),
    phone_number text,
    first_name text,
    last_name text,
    email text,
    role text NOT NULL DEFAULT 'CUSTOMER',
    is_active boolean NOT NULL DEFAULT true,
    preferred_language text NOT NULL DEFAULT 'es',
    phone_verified_at timestamptz,
    failed_login_attempts smallint NOT NULL DEFAULT 0,
    locked_until timestamptz,
    last_login_at timestamptz,
    terms_version text,
    terms_accepted_at timestamptz,
    age_confirmed_at timestamptz,
    second_factor_secret bytea,
    second_factor_key_id smallint,
    second_factor_enabled_at timestamptz,
    second_factor_last_step bigint,
    erased_at timestamptz,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pk PRIMARY KEY (id),
    CONSTRAINT users_public_id_key UNIQUE (public_id),
    CONSTRAINT users_phone_number_key UNIQUE (phone_number),
    CONSTRAINT users_phone_number_check CHECK (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
    CONSTRAINT users_first_name_check CHECK (
        first_name = btrim(first_name) AND length(first_name) BETWEEN 1 AND 100
        AND auth_schema.has_visible_character(first_name)),
    CONSTRAINT users_last_name_check CHECK (
        last_name = btrim(last_name) AND length(last_name) BETWEEN 1 AND 100
        AND auth_schema.has_visible_character(last_name)),
    CONSTRAINT users_email_check CHECK (
        length(email) <= 254
        AND email ~ '^[^@[:space:]]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$'),
    CONSTRAINT users_role_check CHECK (role IN ('CUSTOMER', 'EMPLOYEE', 'STATION_ADMIN', 'SYSTEM_ADMIN')),
    CONSTRAINT users_preferred_language_check CHECK (preferred_language IN ('es', 'en')),
    CONSTRAINT users_failed_login_attempts_check CHECK (failed_login_attempts BETWEEN 0 AND 5),
    CONSTRAINT users_lockout_check CHECK (failed_login_attempts < 5 OR locked_until IS NOT NULL),
    CONSTRAINT users_terms_check CHECK (
        num_nulls(terms_version, terms_accepted_at) IN (0, 2) AND length(terms_version) BETWEEN 1 AND 20),
    CONSTRAINT users_second_factor_check CHECK (
        num_nulls(second_factor_secret, second_factor_key_id) IN (0, 2)
        AND (second_factor_secret IS NOT NULL
             OR (second_factor_enabled_at IS NULL AND second_factor_last_step IS NULL))
        AND octet_length(second_factor_secret) BETWEEN 16 AND 256),
    CONSTRAINT users_erasure_check CHECK (
        CASE
            WHEN erased_at IS NULL THEN num_nulls(phone_number, first_name, last_name) = 0
            ELSE num_nonnulls(phone_number, first_name, last_name, email, second_factor_secret) = 0
                 AND NOT is_active AND metadata = '{}'
        END),
    CONSTRAINT users_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
COMMENT ON TABLE auth_schema.users IS
    'One row a person. Erasure keeps the row, so that public_id never comes back for somebody else, and removes what '
    'tells who it was: phone, names, email, second factor and metadata become NULL or empty and erased_at is set. '
    'The phone number is free again from then on, and its new registration is a new person.';
COMMENT ON COLUMN auth_schema.users.public_id IS 'How every other service, token and event names this user.';
COMMENT ON COLUMN auth_schema.users.phone_number IS
    'Personal data: the login, strict E.164, normalised before it gets here. NULL once erased.';
COMMENT ON COLUMN auth_schema.users.first_name IS 'Personal data: given name. NULL once erased.';
COMMENT ON COLUMN auth_schema.users.last_name IS 'Personal data: family name. NULL once erased.';
COMMENT ON COLUMN auth_schema.users.email IS
    'Personal data: where receipts go. Not a login and not verified, hence not unique. NULL once erased.';
COMMENT ON COLUMN auth_schema.users.failed_login_attempts IS
    'Failures in a row since the last success or lock; the fifth sets locked_until and a success sets 0.';
COMMENT ON COLUMN auth_schema.users.locked_until IS 'Nobody logs in before this; past or NULL means not locked.';
COMMENT ON COLUMN auth_schema.users.age_confirmed_at IS 'When the person said to be of age, which raffles ask for.';
COMMENT ON COLUMN auth_schema.users.second_factor_secret IS
    'Personal data: TOTP secret, encrypted with a key that the database does not hold. Unreadable for auth_ro.';
COMMENT ON COLUMN auth_schema.users.second_factor_key_id IS 'Which key encrypted the secret, for key rotation.';
COMMENT ON COLUMN auth_schema.users.second_factor_last_step IS
    'The last TOTP time step accepted: a code of this step or an earlier one is a replay.';
COMMENT ON COLUMN auth_schema.users.last_login_at IS 'Personal data: when the person last logged in.';

-- The staff list by role (an administrator's page); customers are the many and are never listed whole.
CREATE INDEX users_staff_role_idx ON auth_schema.users (role, id) WHERE role <> 'CUSTOMER';

CREATE VIEW auth_schema.active_users WITH (security_invoker = true) AS
SELECT id, phone_number, first_name, last_name, role, created_at
FROM auth_schema.users
WHERE is_active = true;
COMMENT ON VIEW auth_schema.active_users IS
    'Users who are not deactivated. Holds personal data and reads with the rights of whoever asks.';

-- One-time codes --------------------------------------------------------------------------------------------------

CREATE TABLE auth_schema.otp_sessions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_token_hash bytea NOT NULL,
    phone_number text NOT NULL,
    user_id bigint,
    purpose text NOT NULL,
    channel text NOT NULL DEFAULT 'SMS',
    code_hash bytea NOT NULL,
    pepper_id smallint NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    consumed_at timestamptz,
    voided_at timestamptz,
    void_reason text,
    ip_address inet DEFAULT auth_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT left(auth_schema.request_context('user_agent'), 500),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT otp_sessions_pk PRIMARY KEY (id),
    CONSTRAINT otp_sessions_session_token_hash_key UNIQUE (session_token_hash),
    -- Unfinished sessions of an erased person go with the person.
    CONSTRAINT otp_sessions_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users (id) ON DELETE CASCADE,
    CONSTRAINT otp_sessions_session_token_hash_check CHECK (octet_length(session_token_hash) = 32),
    CONSTRAINT otp_sessions_phone_number_check CHECK (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
    CONSTRAINT otp_sessions_purpose_check CHECK (
        purpose IN ('LOGIN', 'REGISTRATION', 'PHONE_VERIFICATION', 'PHONE_CHANGE')),
    CONSTRAINT otp_sessions_phone_change_check CHECK (purpose <> 'PHONE_CHANGE' OR user_id IS NOT NULL),
    CONSTRAINT otp_sessions_channel_check CHECK (channel IN ('SMS', 'WHATSAPP', 'VOICE', 'CONSOLE')),
    CONSTRAINT otp_sessions_code_hash_check CHECK (octet_length(code_hash) = 32),
    CONSTRAINT otp_sessions_attempts_check CHECK (attempts BETWEEN 0 AND 3),
    CONSTRAINT otp_sessions_expires_at_check CHECK (
        expires_at > created_at AND expires_at - created_at <= interval '10 minutes'),
    CONSTRAINT otp_sessions_consumed_check CHECK (
        consumed_at IS NULL OR (attempts >= 1 AND consumed_at >= created_at AND consumed_at < expires_at)),
    CONSTRAINT otp_sessions_voided_check CHECK (
        num_nulls(voided_at, void_reason) IN (0, 2)
        AND (consumed_at IS NULL OR voided_at IS NULL)
        AND void_reason IN ('SUPERSEDED', 'TRIES_USED_UP', 'EXPIRED', 'NOT_DELIVERED', 'WITHDRAWN')),
    CONSTRAINT otp_sessions_user_agent_check CHECK (length(user_agent) <= 500)
);
COMMENT ON TABLE auth_schema.otp_sessions IS
    'One row a code sent. A row is open until it is consumed (the right code) or voided (anything else). A session is '
    'made in the same way whether the account exists or not. What has ended stays ended, and a try stays counted. '
    'Deleted after a day; erasure deletes those of the phone.';
COMMENT ON COLUMN auth_schema.otp_sessions.session_token_hash IS
    'SHA-256 of the token that only the device which asked for the code holds; a code without it is worth nothing.';
COMMENT ON COLUMN auth_schema.otp_sessions.phone_number IS 'Personal data: where the code was sent.';
COMMENT ON COLUMN auth_schema.otp_sessions.user_id IS
    'Who changes the own number (PHONE_CHANGE); NULL otherwise, since the phone alone says whose login it is.';
COMMENT ON COLUMN auth_schema.otp_sessions.code_hash IS
    'HMAC-SHA-256 of the code with a pepper that the database does not hold.';
COMMENT ON COLUMN auth_schema.otp_sessions.pepper_id IS 'Which pepper, for its rotation.';
COMMENT ON COLUMN auth_schema.otp_sessions.attempts IS
    'Tries made, the right one included: counted before the code is compared, so that parallel guesses share three.';
COMMENT ON COLUMN auth_schema.otp_sessions.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN auth_schema.otp_sessions.user_agent IS 'Personal data: the device that asked.';

-- Only one code at a time is good for a phone and a purpose: asking anew voids the one before.
CREATE UNIQUE INDEX otp_sessions_open_key ON auth_schema.otp_sessions (phone_number, purpose)
    WHERE consumed_at IS NULL AND voided_at IS NULL;
-- Erasure: the sessions of a phone. Also how many codes went to it lately, for support.
CREATE INDEX otp_sessions_phone_number_created_at_idx ON auth_schema.otp_sessions (phone_number, created_at);
-- The foreign key's own look-up.
CREATE INDEX otp_sessions_user_id_idx ON auth_schema.otp_sessions (user_id) WHERE user_id IS NOT NULL;
-- Clean-up: what ended more than a day ago.
CREATE INDEX otp_sessions_expires_at_idx ON auth_schema.otp_sessions (expires_at);

-- Limits on asking for a code -------------------------------------------------------------------------------------

CREATE TABLE auth_schema.otp_rate_limits (
    scope text NOT NULL,
    subject text NOT NULL,
    window_s integer NOT NULL,
    window_start timestamptz NOT NULL,
    request_count integer NOT NULL DEFAULT 1,
    max_requests integer NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT otp_rate_limits_pk PRIMARY KEY (scope, subject, window_s, window_start),
    CONSTRAINT otp_rate_limits_scope_check CHECK (scope IN ('PHONE', 'IP', 'COUNTRY_PREFIX')),
    CONSTRAINT otp_rate_limits_subject_check CHECK (length(subject) BETWEEN 1 AND 64),
    CONSTRAINT otp_rate_limits_window_s_check CHECK (window_s BETWEEN 1 AND 86400),
    CONSTRAINT otp_rate_limits_window_start_check CHECK (
        mod(extract(epoch FROM window_start), window_s) = 0),
    CONSTRAINT otp_rate_limits_request_count_check CHECK (request_count BETWEEN 1 AND max_requests)
);
COMMENT ON TABLE auth_schema.otp_rate_limits IS
    'How many codes were asked for in a window, for a phone, an address, a country prefix. All limits of a request are '
    'taken by one statement: INSERT of a row a limit, ordered by the key so that requests cannot deadlock, ON CONFLICT '
    'DO UPDATE SET request_count = request_count + 1 WHERE request_count < max_requests RETURNING scope, window_s. '
    'Fewer rows back than limits asked means refused, and that transaction rolls back. A count never falls and a '
    'window that is not over is not deleted. Deleted after a day.';
COMMENT ON COLUMN auth_schema.otp_rate_limits.subject IS
    'Personal data: the phone number or address (an IPv6 one cut to its /64) of a scope that is about a person.';
COMMENT ON COLUMN auth_schema.otp_rate_limits.window_start IS
    'A whole multiple of window_s since 1970, so that every process names the same window.';
COMMENT ON COLUMN auth_schema.otp_rate_limits.max_requests IS 'The limit in force when the window was opened.';

-- Clean-up: windows that ended more than a day ago.
CREATE INDEX otp_rate_limits_window_start_idx ON auth_schema.otp_rate_limits (window_start);

-- Refresh tokens --------------------------------------------------------------------------------------------------

CREATE TABLE auth_schema.refresh_tokens (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL,
    family_id uuid NOT NULL DEFAULT gen_random_uuid(),
    token_hash bytea NOT NULL,
    rotated_from_id bigint,
    issued_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    family_expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    revoke_reason text,
    device_id uuid,
    device_name text,
    ip_address inet DEFAULT auth_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT left(auth_schema.request_context('user_agent'), 500),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT refresh_tokens_pk PRIMARY KEY (id),
    CONSTRAINT refresh_tokens_token_hash_key UNIQUE (token_hash),
    -- A token is rotated once: of two requests that present the same one, the second breaks this key.
    CONSTRAINT refresh_tokens_rotated_from_id_key UNIQUE (rotated_from_id),
    CONSTRAINT refresh_tokens_id_family_id_user_id_key UNIQUE (id, family_id, user_id),
    CONSTRAINT refresh_tokens_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users (id) ON DELETE CASCADE,
    -- The successor is of the same family and user. Deleting an old token only forgets where the next one came from.
    CONSTRAINT refresh_tokens_rotated_from_id_fk FOREIGN KEY (rotated_from_id, family_id, user_id)
        REFERENCES auth_schema.refresh_tokens (id, family_id, user_id) ON DELETE SET NULL (rotated_from_id),
    CONSTRAINT refresh_tokens_rotated_from_id_check CHECK (rotated_from_id <> id),
    CONSTRAINT refresh_tokens_token_hash_check CHECK (octet_length(token_hash) = 32),
    CONSTRAINT refresh_tokens_expires_at_check CHECK (
        expires_at > issued_at AND expires_at - issued_at <= interval '7 days' AND expires_at <= family_expires_at),
    CONSTRAINT refresh_tokens_used_at_check CHECK (used_at >= issued_at AND used_at < expires_at),
    CONSTRAINT refresh_tokens_revoked_check CHECK (
        num_nulls(revoked_at, revoke_reason) IN (0, 2)
        AND revoke_reason IN ('LOGOUT', 'REUSED', 'DEACTIVATED', 'TERMINATED', 'ROLE_CHANGED', 'PHONE_CHANGED',
                              'ADMINISTRATOR', 'ERASED')),
    CONSTRAINT refresh_tokens_device_name_check CHECK (
        length(device_name) BETWEEN 1 AND 100 AND auth_schema.has_visible_character(device_name)),
    CONSTRAINT refresh_tokens_user_agent_check CHECK (length(user_agent) <= 500)
);
COMMENT ON TABLE auth_schema.refresh_tokens IS
    'One row a refresh token ever given out. A login starts a family; each use marks the token used and adds its '
    'successor. A used token that comes back revokes the family, so used ones are kept until the family''s end and a '
    'day more. A use and a revocation are final: revoke what is not revoked yet. Erasure deletes those of the person.';
COMMENT ON COLUMN auth_schema.refresh_tokens.token_hash IS 'SHA-256 of the token''s 256 random bits.';
COMMENT ON COLUMN auth_schema.refresh_tokens.expires_at IS 'Unused for so long, the session ends.';
COMMENT ON COLUMN auth_schema.refresh_tokens.family_expires_at IS
    'The absolute end of the session, handed from token to token: no rotation moves it.';
COMMENT ON COLUMN auth_schema.refresh_tokens.device_id IS 'Personal data: the installation that holds the session.';
COMMENT ON COLUMN auth_schema.refresh_tokens.device_name IS 'Personal data: what its owner sees in the session list.';
COMMENT ON COLUMN auth_schema.refresh_tokens.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN auth_schema.refresh_tokens.user_agent IS 'Personal data: the device that asked.';

-- A family has one live token. Also: revoke a family.
CREATE UNIQUE INDEX refresh_tokens_live_family_id_key ON auth_schema.refresh_tokens (family_id)
    WHERE used_at IS NULL AND revoked_at IS NULL;
-- The sessions of a user, revoked together when access is lost; the foreign key's own look-up.
CREATE INDEX refresh_tokens_user_id_idx ON auth_schema.refresh_tokens (user_id);
-- Clean-up: families that ended more than a day ago.
CREATE INDEX refresh_tokens_family_expires_at_idx ON auth_schema.refresh_tokens (family_expires_at);

-- What happened ---------------------------------------------------------------------------------------------------

CREATE TABLE auth_schema.auth_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_type text NOT NULL,
    succeeded boolean NOT NULL DEFAULT true,
    user_id uuid,
    phone_hash bytea,
    family_id uuid,
    reason text,
    old_values jsonb,
    new_values jsonb,
    actor text DEFAULT auth_schema.request_context('actor'),
    correlation_id text DEFAULT auth_schema.request_context('correlation_id'),
    ip_address inet DEFAULT auth_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT left(auth_schema.request_context('user_agent'), 500),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT auth_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT auth_audit_log_event_type_check CHECK (event_type IN (
        'LOGIN_SUCCEEDED', 'LOGIN_FAILED', 'LOGIN_REFUSED', 'LOGOUT',
        'OTP_REQUESTED', 'OTP_DELIVERY_FAILED', 'OTP_VERIFIED', 'OTP_FAILED', 'OTP_RATE_LIMITED',
        'TOKEN_ISSUED', 'TOKEN_REFRESHED', 'TOKEN_REVOKED', 'TOKEN_REUSED',
        'ACCOUNT_CREATED', 'ACCOUNT_ACTIVATED', 'ACCOUNT_DEACTIVATED', 'ACCOUNT_LOCKED', 'ACCOUNT_UNLOCKED',
        'ACCOUNT_ERASED', 'ROLE_CHANGED', 'PHONE_CHANGED', 'PROFILE_CHANGED', 'TERMS_ACCEPTED',
        'SECOND_FACTOR_ENABLED', 'SECOND_FACTOR_DISABLED', 'SECOND_FACTOR_FAILED')),
    CONSTRAINT auth_audit_log_phone_hash_check CHECK (octet_length(phone_hash) = 32),
    CONSTRAINT auth_audit_log_reason_check CHECK (length(reason) BETWEEN 1 AND 200),
    CONSTRAINT auth_audit_log_values_check CHECK (
        jsonb_typeof(old_values) = 'object' AND jsonb_typeof(new_values) = 'object'),
    CONSTRAINT auth_audit_log_actor_check CHECK (length(actor) <= 100),
    CONSTRAINT auth_audit_log_correlation_id_check CHECK (length(correlation_id) <= 100),
    CONSTRAINT auth_audit_log_user_agent_check CHECK (length(user_agent) <= 500)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE auth_schema.auth_audit_log IS
    'What happened around logging in and accounts; append-only. It never holds a phone number, name, code or token: a '
    'user is the public reference, a phone that belongs to nobody is a keyed hash. So erasure leaves it alone but for '
    'addresses, user agents and these hashes, which its retention of a year ends. ACCOUNT_CREATED, ACCOUNT_ACTIVATED, '
    'ACCOUNT_DEACTIVATED, ACCOUNT_LOCKED, ACCOUNT_UNLOCKED, ACCOUNT_ERASED, ROLE_CHANGED, PHONE_CHANGED and the second '
    'factor''s ENABLED and DISABLED are written by the trigger of users and by nothing else.';
COMMENT ON COLUMN auth_schema.auth_audit_log.user_id IS
    'users.public_id, without a foreign key: the log outlives the user.';
COMMENT ON COLUMN auth_schema.auth_audit_log.phone_hash IS
    'HMAC-SHA-256 of the phone number with a key that the database does not hold, where no user is known.';
COMMENT ON COLUMN auth_schema.auth_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN auth_schema.auth_audit_log.user_agent IS 'Personal data: the device that asked.';

-- The history of an account, newest first.
CREATE INDEX auth_audit_log_user_id_created_at_idx ON auth_schema.auth_audit_log (user_id, created_at DESC)
    WHERE user_id IS NOT NULL;
-- Failures of a phone without account, newest first.
CREATE INDEX auth_audit_log_phone_hash_created_at_idx ON auth_schema.auth_audit_log (phone_hash, created_at DESC)
    WHERE phone_hash IS NOT NULL;
-- Failures from an address, newest first.
CREATE INDEX auth_audit_log_failures_ip_address_created_at_idx
    ON auth_schema.auth_audit_log (ip_address, created_at DESC) WHERE NOT succeeded;

SELECT auth_schema.ensure_all_month_partitions();

-- Triggers --------------------------------------------------------------------------------------------------------

CREATE FUNCTION auth_schema.log_account_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION auth_schema.log_account_changes() IS
    'Writes what changes the worth of an account to the audit log, whoever changed it and by whatever way.';
REVOKE EXECUTE ON FUNCTION auth_schema.log_account_changes() FROM PUBLIC;

CREATE FUNCTION auth_schema.refuse_forged_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'event % is written by the change of an account alone', NEW.event_type
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, SCHEMA = TG_TABLE_SCHEMA,
              TABLE = 'auth_audit_log';
END
$$;
COMMENT ON FUNCTION auth_schema.refuse_forged_event() IS
    'BEFORE INSERT trigger of auth_audit_log for the events that only the trigger of users writes.';

CREATE FUNCTION auth_schema.refuse_user_identity_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'user % keeps its public reference, and an erased user stays erased', OLD.public_id
        USING ERRCODE = 'restrict_violation';
END
$$;
COMMENT ON FUNCTION auth_schema.refuse_user_identity_change() IS
    'BEFORE UPDATE trigger: public_id never changes and erasure is never undone.';

CREATE FUNCTION auth_schema.refuse_revival() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'what has ended in %.% stays ended, and what was counted stays counted',
        TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$$;
COMMENT ON FUNCTION auth_schema.refuse_revival() IS
    'BEFORE row trigger whose condition says what is refused: no code, limit or token is made good again. The error '
    'names the trigger as its constraint.';

CREATE TRIGGER users_set_updated_at BEFORE UPDATE ON auth_schema.users
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();
CREATE TRIGGER users_identity BEFORE UPDATE ON auth_schema.users
    FOR EACH ROW
    WHEN (OLD.public_id <> NEW.public_id OR (OLD.erased_at IS NOT NULL AND NEW.erased_at IS NULL))
    EXECUTE FUNCTION auth_schema.refuse_user_identity_change();
CREATE TRIGGER users_log_insert AFTER INSERT ON auth_schema.users
    REFERENCING NEW TABLE AS new_users
    FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.log_account_changes();
CREATE TRIGGER users_log_update AFTER UPDATE ON auth_schema.users
    REFERENCING OLD TABLE AS old_users NEW TABLE AS new_users
    FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.log_account_changes();
CREATE TRIGGER otp_sessions_set_updated_at BEFORE UPDATE ON auth_schema.otp_sessions
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();
-- The clock decides whether a code is still good, not the time that the caller writes down.
CREATE TRIGGER otp_sessions_final BEFORE UPDATE ON auth_schema.otp_sessions
    FOR EACH ROW
    WHEN (NEW.attempts < OLD.attempts
        OR (OLD.consumed_at IS NOT NULL AND NEW.consumed_at IS DISTINCT FROM OLD.consumed_at)
        OR (OLD.consumed_at IS NULL AND NEW.consumed_at IS NOT NULL AND OLD.expires_at <= now())
        OR (OLD.voided_at IS NOT NULL
            AND (NEW.voided_at, NEW.void_reason) IS DISTINCT FROM (OLD.voided_at, OLD.void_reason)))
    EXECUTE FUNCTION auth_schema.refuse_revival();
CREATE TRIGGER otp_rate_limits_set_updated_at BEFORE UPDATE ON auth_schema.otp_rate_limits
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();
CREATE TRIGGER otp_rate_limits_final BEFORE UPDATE ON auth_schema.otp_rate_limits
    FOR EACH ROW WHEN (NEW.request_count < OLD.request_count)
    EXECUTE FUNCTION auth_schema.refuse_revival();
CREATE TRIGGER otp_rate_limits_open BEFORE DELETE ON auth_schema.otp_rate_limits
    FOR EACH ROW WHEN (OLD.window_start + make_interval(secs => OLD.window_s) > now())
    EXECUTE FUNCTION auth_schema.refuse_revival();
CREATE TRIGGER refresh_tokens_set_updated_at BEFORE UPDATE ON auth_schema.refresh_tokens
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();
CREATE TRIGGER refresh_tokens_final BEFORE UPDATE ON auth_schema.refresh_tokens
    FOR EACH ROW
    WHEN ((OLD.used_at IS NOT NULL AND NEW.used_at IS DISTINCT FROM OLD.used_at)
        OR (OLD.used_at IS NULL AND NEW.used_at IS NOT NULL
            AND (OLD.revoked_at IS NOT NULL OR OLD.expires_at <= now()))
        OR (OLD.revoked_at IS NOT NULL
            AND (NEW.revoked_at, NEW.revoke_reason) IS DISTINCT FROM (OLD.revoked_at, OLD.revoke_reason)))
    EXECUTE FUNCTION auth_schema.refuse_revival();
-- The trigger of users writes as the owner, and nobody else does.
CREATE TRIGGER auth_audit_log_not_forged BEFORE INSERT ON auth_schema.auth_audit_log
    FOR EACH ROW
    WHEN (current_user <> 'auth_owner' AND NEW.event_type IN (
        'ACCOUNT_CREATED', 'ACCOUNT_ACTIVATED', 'ACCOUNT_DEACTIVATED', 'ACCOUNT_LOCKED', 'ACCOUNT_UNLOCKED',
        'ACCOUNT_ERASED', 'ROLE_CHANGED', 'PHONE_CHANGED', 'SECOND_FACTOR_ENABLED', 'SECOND_FACTOR_DISABLED'))
    EXECUTE FUNCTION auth_schema.refuse_forged_event();
CREATE TRIGGER auth_audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON auth_schema.auth_audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.refuse_change();

-- Rights ----------------------------------------------------------------------------------------------------------

GRANT USAGE ON SCHEMA auth_schema TO auth_app, auth_ro;
GRANT EXECUTE ON FUNCTION auth_schema.request_context(text), auth_schema.has_visible_character(text) TO auth_app;
GRANT EXECUTE ON FUNCTION auth_schema.ensure_all_month_partitions(integer) TO auth_app;

-- Nobody deletes a user: erasure is an update. What a code or a token is never changes, only what became of it.
-- References, counters at their start, times and the request's context come from the database, so that nothing is
-- back-dated.
GRANT SELECT,
    INSERT (
        phone_number, first_name, last_name, email, role, is_active, preferred_language, phone_verified_at,
        failed_login_attempts, locked_until, last_login_at, terms_version, terms_accepted_at, age_confirmed_at,
        second_factor_secret, second_factor_key_id, second_factor_enabled_at, second_factor_last_step, metadata),
    UPDATE (
        phone_number, first_name, last_name, email, role, is_active, preferred_language, phone_verified_at,
        failed_login_attempts, locked_until, last_login_at, terms_version, terms_accepted_at, age_confirmed_at,
        second_factor_secret, second_factor_key_id, second_factor_enabled_at, second_factor_last_step, erased_at,
        metadata)
    ON auth_schema.users TO auth_app;
GRANT SELECT ON auth_schema.active_users TO auth_app;
GRANT SELECT, DELETE,
    INSERT (session_token_hash, phone_number, user_id, purpose, channel, code_hash, pepper_id, expires_at),
    UPDATE (attempts, consumed_at, voided_at, void_reason)
    ON auth_schema.otp_sessions TO auth_app;
GRANT SELECT, DELETE,
    INSERT (scope, subject, window_s, window_start, max_requests),
    UPDATE (request_count)
    ON auth_schema.otp_rate_limits TO auth_app;
GRANT SELECT, DELETE,
    INSERT (
        user_id, family_id, token_hash, rotated_from_id, expires_at, family_expires_at, device_id, device_name),
    UPDATE (used_at, revoked_at, revoke_reason)
    ON auth_schema.refresh_tokens TO auth_app;
GRANT SELECT, INSERT (event_type, succeeded, user_id, phone_hash, family_id, reason, old_values, new_values)
    ON auth_schema.auth_audit_log TO auth_app;

GRANT SELECT (
    id, public_id, phone_number, first_name, last_name, email, role, is_active, preferred_language, phone_verified_at,
    failed_login_attempts, locked_until, last_login_at, terms_version, terms_accepted_at, age_confirmed_at,
    second_factor_enabled_at, erased_at, metadata, created_at, updated_at) ON auth_schema.users TO auth_ro;
GRANT SELECT ON auth_schema.active_users TO auth_ro;
GRANT SELECT (
    id, phone_number, user_id, purpose, channel, attempts, expires_at, consumed_at, voided_at, void_reason, ip_address,
    user_agent, created_at, updated_at) ON auth_schema.otp_sessions TO auth_ro;
GRANT SELECT ON auth_schema.otp_rate_limits TO auth_ro;
GRANT SELECT (
    id, user_id, family_id, rotated_from_id, issued_at, expires_at, family_expires_at, used_at, revoked_at,
    revoke_reason, device_id, device_name, ip_address, user_agent, created_at, updated_at)
    ON auth_schema.refresh_tokens TO auth_ro;
GRANT SELECT (
    id, event_type, succeeded, user_id, family_id, reason, old_values, new_values, actor, correlation_id, ip_address,
    user_agent, created_at) ON auth_schema.auth_audit_log TO auth_ro;
