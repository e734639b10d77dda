-- Logging in: what a registration says until its code is right, failures of phones without account, the employments
-- that tokens carry, the development inbox; and the statements of the flow, each a function that does one step whole.
-- A function runs with the rights of whoever calls it: it can do no more than the service's role can.
-- vuelo: allow locking-several-tables Both only gain an empty column: all locks together last milliseconds.

ALTER TABLE auth_schema.otp_sessions
    ADD COLUMN phone_hash bytea,
    ADD COLUMN undelivered_at timestamptz,
    ADD CONSTRAINT otp_sessions_phone_hash_check CHECK (octet_length(phone_hash) = 32) NOT VALID;
COMMENT ON COLUMN auth_schema.otp_sessions.phone_hash IS
    'HMAC-SHA-256 of the phone number with a key that the database does not hold: how the audit log and phone_lockouts '
    'name a phone without account.';
COMMENT ON COLUMN auth_schema.otp_sessions.undelivered_at IS
    'When sending the code failed: from then on no code is right. The session stays open and counts tries, as that of '
    'a phone without account does, to which nothing is ever sent; ended, it would tell the two apart.';
CREATE TRIGGER otp_sessions_stay_undelivered BEFORE UPDATE ON auth_schema.otp_sessions
    FOR EACH ROW
    WHEN (OLD.undelivered_at IS NOT NULL AND NEW.undelivered_at IS DISTINCT FROM OLD.undelivered_at)
    EXECUTE FUNCTION auth_schema.refuse_revival();

ALTER TABLE auth_schema.refresh_tokens ADD COLUMN second_factor_at timestamptz;
COMMENT ON COLUMN auth_schema.refresh_tokens.second_factor_at IS
    'When the session proved its second factor; handed from token to token.';

CREATE TABLE auth_schema.pending_registrations (
    otp_session_id bigint NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    email text,
    preferred_language text NOT NULL,
    terms_version text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pending_registrations_pk PRIMARY KEY (otp_session_id),
    -- What somebody wrote without ever proving the phone goes when the code's session goes.
    CONSTRAINT pending_registrations_otp_session_id_fk FOREIGN KEY (otp_session_id)
        REFERENCES auth_schema.otp_sessions (id) ON DELETE CASCADE,
    CONSTRAINT pending_registrations_first_name_check CHECK (
        first_name = btrim(first_name) AND length(first_name) BETWEEN 1 AND 100
        AND auth_schema.has_visible_character(first_name)),
    CONSTRAINT pending_registrations_last_name_check CHECK (
        last_name = btrim(last_name) AND length(last_name) BETWEEN 1 AND 100
        AND auth_schema.has_visible_character(last_name)),
    CONSTRAINT pending_registrations_email_check CHECK (
        length(email) <= 254
        AND email ~ '^[^@[:space:]]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$'),
    CONSTRAINT pending_registrations_preferred_language_check CHECK (preferred_language IN ('es', 'en')),
    CONSTRAINT pending_registrations_terms_version_check CHECK (length(terms_version) BETWEEN 1 AND 20)
);
COMMENT ON TABLE auth_schema.pending_registrations IS
    'What a registration said, until its code proves the phone: only then a user is made. Age was confirmed and the '
    'terms accepted at created_at.';
COMMENT ON COLUMN auth_schema.pending_registrations.first_name IS 'Personal data: given name.';
COMMENT ON COLUMN auth_schema.pending_registrations.last_name IS 'Personal data: family name.';
COMMENT ON COLUMN auth_schema.pending_registrations.email IS 'Personal data: where receipts will go.';

CREATE TABLE auth_schema.phone_lockouts (
    phone_hash bytea NOT NULL,
    failed_attempts smallint NOT NULL,
    locked_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT phone_lockouts_pk PRIMARY KEY (phone_hash),
    CONSTRAINT phone_lockouts_phone_hash_check CHECK (octet_length(phone_hash) = 32),
    CONSTRAINT phone_lockouts_failed_attempts_check CHECK (failed_attempts BETWEEN 1 AND 5),
    CONSTRAINT phone_lockouts_locked_until_check CHECK (failed_attempts < 5 OR locked_until IS NOT NULL)
);
COMMENT ON TABLE auth_schema.phone_lockouts IS
    'Failed codes of phones without account, counted and locked as users are: otherwise the lock would tell which '
    'phones have an account. Deleted a day after the last failure.';
-- Clean-up: what nobody has failed at for a day.
CREATE INDEX phone_lockouts_updated_at_idx ON auth_schema.phone_lockouts (updated_at);
CREATE TRIGGER phone_lockouts_set_updated_at BEFORE UPDATE ON auth_schema.phone_lockouts
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.employments (
    employee_number text NOT NULL,
    user_id uuid NOT NULL,
    station_code text NOT NULL,
    role text NOT NULL,
    permissions text[] NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL,
    as_of timestamptz NOT NULL,
    version bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT employments_pk PRIMARY KEY (employee_number),
    -- An event about somebody who does not exist is refused, and kept with the other events that failed.
    CONSTRAINT employments_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users (public_id),
    CONSTRAINT employments_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'),
    CONSTRAINT employments_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT employments_role_check CHECK (role IN ('EMPLOYEE', 'STATION_ADMIN')),
    CONSTRAINT employments_permissions_check CHECK (cardinality(permissions) <= 20)
);
COMMENT ON TABLE auth_schema.employments IS
    'Who works where, as the station service last told by event: the station and number that tokens carry, and the '
    'role that a user has by it.';
COMMENT ON COLUMN auth_schema.employments.user_id IS 'users.public_id.';
COMMENT ON COLUMN auth_schema.employments.as_of IS 'Time of the event.';
COMMENT ON COLUMN auth_schema.employments.version IS
    'The event''s number, which counts up with each word about an employment: an older one that comes late changes '
    'nothing. Where either has none, their times decide.';
-- The employment of a user, when a token is made; the foreign key's own look-up.
CREATE INDEX employments_user_id_as_of_idx ON auth_schema.employments (user_id, as_of DESC);
CREATE TRIGGER employments_set_updated_at BEFORE UPDATE ON auth_schema.employments
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.development_inbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    message_id uuid NOT NULL,
    phone_number text NOT NULL,
    message_text text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT development_inbox_pk PRIMARY KEY (id),
    CONSTRAINT development_inbox_message_id_key UNIQUE (message_id),
    CONSTRAINT development_inbox_phone_number_check CHECK (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
    CONSTRAINT development_inbox_message_text_check CHECK (length(message_text) BETWEEN 1 AND 1600)
);
COMMENT ON TABLE auth_schema.development_inbox IS
    'Text messages of development and test, instead of sending them. Empty in production, whose settings refuse it.';
COMMENT ON COLUMN auth_schema.development_inbox.phone_number IS 'Personal data: where it would have gone.';
COMMENT ON COLUMN auth_schema.development_inbox.message_text IS 'Personal data: the message, codes included.';

-- Asking for a code -----------------------------------------------------------------------------------------------

CREATE FUNCTION auth_schema.request_code(
    p_session_hash bytea, p_phone text, p_phone_hash bytea, p_purpose text, p_channel text, p_user_id uuid,
    p_code_hash bytea, p_decoy bytea, p_pepper_id smallint, p_limits jsonb, p_registration jsonb, p_resend_of bytea
) RETURNS TABLE (outcome text, retry_after_s integer, is_to_be_sent boolean, language text)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_user_id uuid;
    v_own_id bigint;
    v_own_phone text;
    v_language text;
    v_is_known boolean;
    v_session_id bigint;
    v_retry_after_s integer;
BEGIN
    SELECT u.public_id, u.preferred_language, CASE WHEN p_user_id IS NOT NULL THEN u.id END, u.phone_number
      INTO v_user_id, v_language, v_own_id, v_own_phone
      FROM auth_schema.users AS u
     WHERE u.public_id = coalesce(
        p_user_id, (SELECT own.public_id FROM auth_schema.users AS own WHERE own.phone_number = p_phone));
    IF p_purpose = 'PHONE_CHANGE' AND v_own_phone = p_phone THEN
        RETURN QUERY SELECT 'UNCHANGED', 0, false, NULL::text;
        RETURN;
    END IF;
    v_is_known := v_user_id IS NOT NULL OR p_purpose = 'REGISTRATION';
    BEGIN
        -- A limit that is used up takes back what the other limits of this request have counted. A country's counts
        -- what is sent, or anybody could use it up; it refuses everybody, or it would tell who has an account.
        WITH asked AS (
            SELECT l.scope, l.subject, l.window_s, l.max_requests, v_is_known OR l.scope <> 'COUNTRY_PREFIX' AS counts,
                   floor(extract(epoch FROM now()) / l.window_s) * l.window_s AS starts_at
              FROM jsonb_to_recordset(p_limits) AS l (scope text, subject text, window_s integer, max_requests integer)
        ), taken AS (
            INSERT INTO auth_schema.otp_rate_limits AS r (scope, subject, window_s, window_start, max_requests)
            SELECT a.scope, a.subject, a.window_s, to_timestamp(a.starts_at), a.max_requests
              FROM asked AS a
             WHERE a.counts
             ORDER BY a.scope, a.subject, a.window_s
            ON CONFLICT ON CONSTRAINT otp_rate_limits_pk DO UPDATE SET request_count = r.request_count + 1
             WHERE r.request_count < r.max_requests
            RETURNING r.scope, r.subject, r.window_s
        )
        SELECT max(ceil(a.starts_at + a.window_s - extract(epoch FROM now())))
          INTO v_retry_after_s
          FROM asked AS a
          LEFT JOIN taken AS t ON t.scope = a.scope AND t.subject = a.subject AND t.window_s = a.window_s
         WHERE CASE
            WHEN a.counts THEN t.scope IS NULL
            ELSE EXISTS (
                SELECT FROM auth_schema.otp_rate_limits AS f
                 WHERE f.scope = a.scope AND f.subject = a.subject AND f.window_s = a.window_s
                   AND f.window_start = to_timestamp(a.starts_at) AND f.request_count >= f.max_requests)
         END;
        -- Counted windows meet at a border; there the minute and the hour of a phone are measured, not counted.
        SELECT greatest(v_retry_after_s,
                        ceil(60 - extract(epoch FROM now() - max(s.created_at))),
                        CASE WHEN count(*) >= 10 THEN ceil(3600 - extract(epoch FROM now() - min(s.created_at))) END)
          INTO v_retry_after_s
          FROM (SELECT o.created_at FROM auth_schema.otp_sessions AS o
                 WHERE o.phone_number = p_phone AND o.created_at > now() - interval '1 hour'
                 ORDER BY o.created_at DESC
                 LIMIT 10) AS s
        HAVING max(s.created_at) > now() - interval '1 minute' OR count(*) >= 10 OR v_retry_after_s IS NOT NULL;
        IF v_retry_after_s IS NOT NULL THEN
            RAISE EXCEPTION 'a limit on asking for codes is used up' USING ERRCODE = 'configuration_limit_exceeded';
        END IF;
        UPDATE auth_schema.otp_sessions AS s
           SET voided_at = now(), void_reason = 'SUPERSEDED'
         WHERE s.phone_number = p_phone AND s.purpose = p_purpose AND s.consumed_at IS NULL AND s.voided_at IS NULL;
        -- Nobody can know the code of a phone that nothing is sent to: no code has the decoy's MAC.
        INSERT INTO auth_schema.otp_sessions AS s (
            session_token_hash, phone_number, phone_hash, user_id, purpose, channel, code_hash, pepper_id, expires_at)
        VALUES (
            p_session_hash, p_phone, p_phone_hash, v_own_id, p_purpose, p_channel,
            CASE WHEN v_is_known THEN p_code_hash ELSE p_decoy END, p_pepper_id, now() + interval '5 minutes')
        RETURNING s.id INTO v_session_id;
    EXCEPTION
        WHEN configuration_limit_exceeded THEN
            INSERT INTO auth_schema.auth_audit_log (event_type, succeeded, user_id, phone_hash, reason)
            VALUES ('OTP_RATE_LIMITED', false, v_user_id, CASE WHEN v_user_id IS NULL THEN p_phone_hash END, p_purpose);
            RETURN QUERY SELECT 'LIMITED', greatest(v_retry_after_s, 1), false, NULL::text;
            RETURN;
    END;
    IF p_registration IS NOT NULL THEN
        INSERT INTO auth_schema.pending_registrations (
            otp_session_id, first_name, last_name, email, preferred_language, terms_version)
        SELECT v_session_id, r.first_name, r.last_name, r.email, r.preferred_language, r.terms_version
          FROM jsonb_to_record(p_registration) AS r (
            first_name text, last_name text, email text, preferred_language text, terms_version text);
        v_language := coalesce(v_language, p_registration ->> 'preferred_language');
    ELSIF p_purpose = 'REGISTRATION' THEN
        UPDATE auth_schema.pending_registrations AS r
           SET otp_session_id = v_session_id
          FROM auth_schema.otp_sessions AS s
         WHERE s.session_token_hash = p_resend_of AND r.otp_session_id = s.id
        RETURNING coalesce(v_language, r.preferred_language) INTO v_language;
    END IF;
    INSERT INTO auth_schema.auth_audit_log (event_type, user_id, phone_hash, reason)
    VALUES ('OTP_REQUESTED', v_user_id, CASE WHEN v_user_id IS NULL THEN p_phone_hash END, p_purpose);
    RETURN QUERY SELECT 'MADE', 0, v_is_known, coalesce(v_language, 'es');
END
$$;
COMMENT ON FUNCTION auth_schema.request_code(
    bytea, text, bytea, text, text, uuid, bytea, bytea, smallint, jsonb, jsonb, bytea) IS
    'Takes all limits, ends the code before and opens a session; the same work whether the phone has an account or '
    'not. LIMITED counts nothing and says for how long. p_user_id: whose number is changed; UNCHANGED when it is that '
    'already.';

-- Answering with a code -------------------------------------------------------------------------------------------

CREATE FUNCTION auth_schema.try_code(
    p_session_hash bytea, p_code_hash bytea, p_purposes text[], p_owner uuid,
    OUT outcome text, OUT retry_after_s integer, OUT tries_left integer,
    OUT session_id bigint, OUT session_purpose text, OUT phone text, OUT phone_mac bytea,
    OUT user_key bigint, OUT user_ref uuid
)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_session auth_schema.otp_sessions;
    v_locked_until timestamptz;
    v_is_good boolean;
    v_failure text;
BEGIN
    retry_after_s := 0;
    tries_left := 0;
    -- Whoever tries the same session waits here, so that parallel guesses share its tries.
    SELECT s.* INTO v_session
      FROM auth_schema.otp_sessions AS s
     WHERE s.session_token_hash = p_session_hash AND s.purpose = ANY (p_purposes)
       FOR UPDATE;
    IF v_session.user_id IS NOT NULL THEN
        SELECT u.id, u.public_id, u.locked_until INTO user_key, user_ref, v_locked_until
          FROM auth_schema.users AS u WHERE u.id = v_session.user_id FOR NO KEY UPDATE;
    ELSE
        SELECT u.id, u.public_id, u.locked_until INTO user_key, user_ref, v_locked_until
          FROM auth_schema.users AS u WHERE u.phone_number = v_session.phone_number FOR NO KEY UPDATE;
    END IF;
    IF user_key IS NULL THEN
        SELECT l.locked_until INTO v_locked_until
          FROM auth_schema.phone_lockouts AS l WHERE l.phone_hash = v_session.phone_hash FOR UPDATE;
    END IF;
    session_id := v_session.id;
    session_purpose := v_session.purpose;
    phone := v_session.phone_number;
    phone_mac := v_session.phone_hash;
    v_failure := CASE
        WHEN v_session.id IS NULL OR (p_owner IS NOT NULL AND p_owner IS DISTINCT FROM user_ref) THEN 'UNKNOWN'
        WHEN v_session.consumed_at IS NOT NULL THEN 'USED'
        WHEN v_session.voided_at IS NOT NULL THEN v_session.void_reason
        WHEN v_session.expires_at <= now() THEN 'EXPIRED'
        WHEN v_locked_until > now() THEN 'LOCKED'
    END;
    IF v_failure IS NULL THEN
        -- The try is counted with the comparison, and the row is locked since it was read. Both sides are MACs under a
        -- key that no caller knows, so the time that comparing them takes says nothing about the code.
        UPDATE auth_schema.otp_sessions AS s
           SET attempts = s.attempts + 1,
               consumed_at = CASE WHEN v.is_right THEN now() END,
               voided_at = CASE WHEN NOT v.is_right AND s.attempts = 2 THEN now() END,
               void_reason = CASE WHEN NOT v.is_right AND s.attempts = 2 THEN 'TRIES_USED_UP' END
          FROM (VALUES (v_session.code_hash = p_code_hash AND v_session.undelivered_at IS NULL)) AS v (is_right)
         WHERE s.id = v_session.id
        RETURNING s.consumed_at IS NOT NULL, 3 - s.attempts INTO v_is_good, tries_left;
        IF v_is_good THEN
            outcome := 'GOOD';
            RETURN;
        END IF;
        v_failure := 'WRONG';
        -- The fifth failure in a row locks; the first after a lock counts from one again.
        IF user_key IS NOT NULL THEN
            UPDATE auth_schema.users AS u
               SET failed_login_attempts = mod(u.failed_login_attempts, 5) + 1,
                   locked_until = CASE WHEN u.failed_login_attempts = 4 THEN now() + interval '30 minutes' END
             WHERE u.id = user_key
            RETURNING u.locked_until INTO v_locked_until;
        ELSE
            INSERT INTO auth_schema.phone_lockouts AS l (phone_hash, failed_attempts)
            VALUES (v_session.phone_hash, 1)
            ON CONFLICT ON CONSTRAINT phone_lockouts_pk DO UPDATE
               SET failed_attempts = mod(l.failed_attempts, 5) + 1,
                   locked_until = CASE WHEN l.failed_attempts = 4 THEN now() + interval '30 minutes' END
            RETURNING l.locked_until INTO v_locked_until;
        END IF;
    ELSIF v_failure = 'EXPIRED' AND v_session.voided_at IS NULL THEN
        UPDATE auth_schema.otp_sessions AS s SET voided_at = now(), void_reason = 'EXPIRED' WHERE s.id = v_session.id;
    END IF;
    INSERT INTO auth_schema.auth_audit_log (event_type, succeeded, user_id, phone_hash, reason)
    VALUES (CASE WHEN v_failure = 'LOCKED' THEN 'LOGIN_REFUSED' ELSE 'OTP_FAILED' END, false, user_ref,
            CASE WHEN user_ref IS NULL THEN phone_mac END, v_failure);
    IF v_failure IN ('WRONG', 'LOCKED') AND v_locked_until > now() THEN
        outcome := 'LOCKED';
        retry_after_s := ceil(extract(epoch FROM v_locked_until - now()));
    ELSE
        outcome := CASE WHEN v_failure = 'WRONG' THEN 'WRONG' ELSE 'OVER' END;
    END IF;
END
$$;
COMMENT ON FUNCTION auth_schema.try_code(bytea, bytea, text[], uuid) IS
    'Counts a try, compares, ends the session on the right code or the third wrong one, and locks the account at five '
    'failures in a row: GOOD, WRONG, LOCKED, or OVER for a session that is unknown, used, expired or voided. Keeps the '
    'row of the session locked, then that of the user. p_owner: the session must be this user''s own.';

CREATE FUNCTION auth_schema.log_in(
    p_session_hash bytea, p_code_hash bytea, p_refresh_hash bytea, p_device_id uuid, p_device_name text
) RETURNS TABLE (
    outcome text, retry_after_s integer, tries_left integer, is_new boolean, user_id uuid, role text, first_name text,
    last_name text, preferred_language text, terms_version text, has_second_factor boolean, family_id uuid,
    station_code text, employee_number text)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_try record;
    v_user auth_schema.users;
    v_family_id uuid;
    v_is_new boolean := false;
BEGIN
    SELECT * INTO v_try
      FROM auth_schema.try_code(p_session_hash, p_code_hash, ARRAY['LOGIN', 'REGISTRATION'], NULL);
    IF v_try.outcome <> 'GOOD' THEN
        RETURN QUERY SELECT v_try.outcome, v_try.retry_after_s, v_try.tries_left, false, NULL::uuid, NULL, NULL, NULL,
                            NULL, NULL, false, NULL::uuid, NULL, NULL;
        RETURN;
    END IF;
    IF v_try.user_key IS NULL THEN
        INSERT INTO auth_schema.users AS u (
            phone_number, first_name, last_name, email, preferred_language, phone_verified_at, last_login_at,
            terms_version, terms_accepted_at, age_confirmed_at)
        SELECT v_try.phone, r.first_name, r.last_name, r.email, r.preferred_language, now(), now(),
               r.terms_version, r.created_at, r.created_at
          FROM auth_schema.pending_registrations AS r
         WHERE r.otp_session_id = v_try.session_id
        ON CONFLICT ON CONSTRAINT users_phone_number_key DO NOTHING
        RETURNING u.* INTO v_user;
        v_is_new := v_user.id IS NOT NULL;
    END IF;
    IF v_is_new THEN
        DELETE FROM auth_schema.phone_lockouts AS l WHERE l.phone_hash = v_try.phone_mac;
        INSERT INTO auth_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
        VALUES ('user.registered', 'user', v_user.public_id::text, jsonb_build_object(
            'public_id', v_user.public_id, 'role', v_user.role, 'active', v_user.is_active));
    ELSE
        -- Who registers again has proved the phone, which is a login. An administrator's login is recorded from the
        -- moment that the second factor is there.
        UPDATE auth_schema.users AS u
           SET failed_login_attempts = 0,
               locked_until = NULL,
               phone_verified_at = coalesce(u.phone_verified_at, now()),
               last_login_at = CASE
                   WHEN u.role IN ('STATION_ADMIN', 'SYSTEM_ADMIN') AND u.second_factor_enabled_at IS NULL
                   THEN u.last_login_at ELSE now() END
         WHERE u.phone_number = v_try.phone AND u.is_active
        RETURNING u.* INTO v_user;
    END IF;
    DELETE FROM auth_schema.pending_registrations AS r WHERE r.otp_session_id = v_try.session_id;
    IF v_user.id IS NULL THEN
        -- Deactivated, or the phone has left its account since the code was sent.
        INSERT INTO auth_schema.auth_audit_log (event_type, succeeded, user_id, phone_hash, reason)
        VALUES ('LOGIN_REFUSED', false, v_try.user_ref, CASE WHEN v_try.user_ref IS NULL THEN v_try.phone_mac END,
                'INACTIVE');
        RETURN QUERY SELECT 'INACTIVE', 0, 0, false, v_try.user_ref, NULL, NULL, NULL, NULL, NULL, false, NULL::uuid,
                            NULL, NULL;
        RETURN;
    END IF;
    INSERT INTO auth_schema.refresh_tokens AS t (
        user_id, token_hash, expires_at, family_expires_at, device_id, device_name)
    VALUES (v_user.id, p_refresh_hash, now() + interval '7 days', now() + interval '90 days', p_device_id, p_device_name)
    RETURNING t.family_id INTO v_family_id;
    INSERT INTO auth_schema.auth_audit_log (event_type, user_id, family_id, reason)
    VALUES ('OTP_VERIFIED', v_user.public_id, NULL, v_try.session_purpose),
           ('LOGIN_SUCCEEDED', v_user.public_id, v_family_id, NULL),
           ('TOKEN_ISSUED', v_user.public_id, v_family_id, NULL);
    RETURN QUERY
    SELECT 'GOOD', 0, 0, v_is_new, v_user.public_id, v_user.role, v_user.first_name, v_user.last_name,
           v_user.preferred_language, v_user.terms_version, v_user.second_factor_enabled_at IS NOT NULL, v_family_id,
           w.station_code, w.employee_number
      FROM (VALUES (1)) AS one
      LEFT JOIN LATERAL (
        SELECT e.station_code, e.employee_number FROM auth_schema.employments AS e
         WHERE e.user_id = v_user.public_id AND e.is_active ORDER BY e.as_of DESC LIMIT 1) AS w ON true;
END
$$;
COMMENT ON FUNCTION auth_schema.log_in(bytea, bytea, bytea, uuid, text) IS
    'The right code of a login or a registration becomes a session, and a registration becomes a user with its event. '
    'Everything else is returned as try_code says, or INACTIVE; each outcome is in the audit log.';

CREATE FUNCTION auth_schema.change_phone(p_session_hash bytea, p_code_hash bytea, p_user_id uuid, p_family_id uuid)
    RETURNS TABLE (outcome text, retry_after_s integer, tries_left integer, old_phone text, language text)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_try record;
    v_old_phone text;
    v_language text;
BEGIN
    -- Sessions before users, as try_code locks them, and these all in one order: whoever answers a code of the old
    -- number at this moment holds its session and waits for the user.
    PERFORM FROM auth_schema.otp_sessions AS s
      WHERE s.session_token_hash = p_session_hash
         OR (s.phone_number = (SELECT u.phone_number FROM auth_schema.users AS u WHERE u.public_id = p_user_id)
             AND s.consumed_at IS NULL AND s.voided_at IS NULL)
      ORDER BY s.id
        FOR UPDATE;
    SELECT * INTO v_try
      FROM auth_schema.try_code(p_session_hash, p_code_hash, ARRAY['PHONE_CHANGE'], p_user_id);
    IF v_try.outcome <> 'GOOD' THEN
        RETURN QUERY SELECT v_try.outcome, v_try.retry_after_s, v_try.tries_left, NULL::text, NULL::text;
        RETURN;
    END IF;
    SELECT u.phone_number, u.preferred_language INTO v_old_phone, v_language
      FROM auth_schema.users AS u WHERE u.id = v_try.user_key;
    UPDATE auth_schema.users AS u
       SET phone_number = v_try.phone, phone_verified_at = now(), failed_login_attempts = 0, locked_until = NULL
     WHERE u.id = v_try.user_key AND u.is_active;
    IF NOT FOUND THEN
        INSERT INTO auth_schema.auth_audit_log (event_type, succeeded, user_id, family_id, reason)
        VALUES ('LOGIN_REFUSED', false, p_user_id, p_family_id, 'INACTIVE');
        RETURN QUERY SELECT 'INACTIVE', 0, 0, NULL::text, NULL::text;
        RETURN;
    END IF;
    -- Whoever still holds the old number gets in with neither a code nor a session.
    UPDATE auth_schema.otp_sessions AS s
       SET voided_at = now(), void_reason = 'WITHDRAWN'
     WHERE s.phone_number = v_old_phone AND s.consumed_at IS NULL AND s.voided_at IS NULL;
    INSERT INTO auth_schema.auth_audit_log (event_type, user_id, family_id, reason)
    VALUES ('OTP_VERIFIED', p_user_id, p_family_id, 'PHONE_CHANGE');
    RETURN QUERY SELECT 'GOOD', 0, 0, v_old_phone, v_language;
END
$$;
COMMENT ON FUNCTION auth_schema.change_phone(bytea, bytea, uuid, uuid) IS
    'The right code that went to the new number makes it the login. A number that is somebody else''s breaks '
    'users_phone_number_key, and then no try is counted. Ends no sessions: end_sessions does.';

-- Sessions --------------------------------------------------------------------------------------------------------

CREATE FUNCTION auth_schema.rotate_refresh_token(p_token_hash bytea, p_new_hash bytea)
    RETURNS TABLE (
    outcome text, user_id uuid, role text, first_name text, last_name text, preferred_language text,
    terms_version text, has_second_factor boolean, family_id uuid, is_second_factor_proved boolean,
    expires_in_s integer, station_code text, employee_number text)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_token auth_schema.refresh_tokens;
    v_user auth_schema.users;
    v_expires_at timestamptz;
    v_outcome text;
BEGIN
    -- The user's row first, as everybody does who ends sessions: otherwise a successor that is being made would
    -- outlive the end of its family.
    SELECT u.* INTO v_user
      FROM auth_schema.users AS u
     WHERE u.id = (SELECT t.user_id FROM auth_schema.refresh_tokens AS t WHERE t.token_hash = p_token_hash)
       FOR NO KEY UPDATE;
    SELECT t.* INTO v_token FROM auth_schema.refresh_tokens AS t WHERE t.token_hash = p_token_hash FOR UPDATE;
    v_outcome := CASE
        WHEN v_token.id IS NULL THEN 'UNKNOWN'
        WHEN v_token.used_at IS NOT NULL THEN 'REUSED'
        WHEN v_token.revoked_at IS NOT NULL THEN 'REVOKED'
        WHEN v_token.expires_at <= now() THEN 'EXPIRED'
        WHEN NOT v_user.is_active THEN 'INACTIVE'
        ELSE 'GOOD'
    END;
    IF v_outcome = 'GOOD' THEN
        v_expires_at := least(now() + interval '7 days', v_token.family_expires_at);
        UPDATE auth_schema.refresh_tokens AS t SET used_at = now() WHERE t.id = v_token.id;
        INSERT INTO auth_schema.refresh_tokens (
            user_id, family_id, token_hash, rotated_from_id, expires_at, family_expires_at, device_id, device_name,
            second_factor_at)
        VALUES (
            v_token.user_id, v_token.family_id, p_new_hash, v_token.id, v_expires_at, v_token.family_expires_at,
            v_token.device_id, v_token.device_name, v_token.second_factor_at);
    ELSIF v_outcome = 'REUSED' THEN
        -- Two hold the same token, and nobody knows which of them is the thief.
        UPDATE auth_schema.refresh_tokens AS t
           SET revoked_at = now(), revoke_reason = 'REUSED'
         WHERE t.family_id = v_token.family_id AND t.used_at IS NULL AND t.revoked_at IS NULL;
    END IF;
    INSERT INTO auth_schema.auth_audit_log (event_type, succeeded, user_id, family_id, reason)
    VALUES (CASE WHEN v_outcome = 'REUSED' THEN 'TOKEN_REUSED' ELSE 'TOKEN_REFRESHED' END, v_outcome = 'GOOD',
            v_user.public_id, v_token.family_id, nullif(v_outcome, 'GOOD'));
    RETURN QUERY
    SELECT v_outcome, v_user.public_id, v_user.role, v_user.first_name, v_user.last_name, v_user.preferred_language,
           v_user.terms_version, v_user.second_factor_enabled_at IS NOT NULL, v_token.family_id,
           v_token.second_factor_at IS NOT NULL, extract(epoch FROM v_expires_at - now())::integer,
           w.station_code, w.employee_number
      FROM (VALUES (1)) AS one
      LEFT JOIN LATERAL (
        SELECT e.station_code, e.employee_number FROM auth_schema.employments AS e
         WHERE e.user_id = v_user.public_id AND e.is_active ORDER BY e.as_of DESC LIMIT 1) AS w ON true;
END
$$;
COMMENT ON FUNCTION auth_schema.rotate_refresh_token(bytea, bytea) IS
    'GOOD: the token is used and its successor stands. REUSED: its family is revoked. UNKNOWN, EXPIRED, REVOKED and '
    'INACTIVE change nothing. Each outcome is in the audit log. Keeps the user''s row locked.';

CREATE FUNCTION auth_schema.end_sessions(
    p_user_id uuid, p_reason text, p_family_id uuid DEFAULT NULL, p_kept_family_id uuid DEFAULT NULL
) RETURNS SETOF uuid
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM auth_schema.users AS u WHERE u.public_id = p_user_id FOR NO KEY UPDATE;
    -- A statement of its own: it sees the successors of whoever held the row before.
    RETURN QUERY
    WITH ended AS (
        UPDATE auth_schema.refresh_tokens AS t
           SET revoked_at = now(), revoke_reason = p_reason
          FROM auth_schema.users AS u
         WHERE u.public_id = p_user_id AND t.user_id = u.id AND t.used_at IS NULL AND t.revoked_at IS NULL
           AND (p_family_id IS NULL OR t.family_id = p_family_id) AND t.family_id IS DISTINCT FROM p_kept_family_id
        RETURNING t.family_id
    ), logged AS (
        INSERT INTO auth_schema.auth_audit_log (event_type, user_id, family_id, reason)
        SELECT CASE WHEN p_reason = 'LOGOUT' THEN 'LOGOUT' ELSE 'TOKEN_REVOKED' END, p_user_id, e.family_id,
               nullif(p_reason, 'LOGOUT')
          FROM ended AS e
    )
    SELECT e.family_id FROM ended AS e;
END
$$;
COMMENT ON FUNCTION auth_schema.end_sessions(uuid, text, uuid, uuid) IS
    'Revokes the live refresh tokens of a user (one family, all, or all but one), writes the audit log and returns the '
    'families; the trigger of refresh_tokens ends their access tokens. Keeps the user''s row locked.';

-- Rights ----------------------------------------------------------------------------------------------------------

GRANT INSERT (phone_hash), UPDATE (undelivered_at) ON auth_schema.otp_sessions TO auth_app;
GRANT INSERT (second_factor_at), UPDATE (second_factor_at) ON auth_schema.refresh_tokens TO auth_app;
GRANT SELECT, DELETE,
      INSERT (otp_session_id, first_name, last_name, email, preferred_language, terms_version),
      UPDATE (otp_session_id)
      ON auth_schema.pending_registrations TO auth_app;
GRANT SELECT, DELETE, INSERT (phone_hash, failed_attempts), UPDATE (failed_attempts, locked_until)
      ON auth_schema.phone_lockouts TO auth_app;
GRANT SELECT,
      INSERT (employee_number, user_id, station_code, role, permissions, is_active, as_of, version),
      UPDATE (user_id, station_code, role, permissions, is_active, as_of, version)
      ON auth_schema.employments TO auth_app;
GRANT SELECT, DELETE, INSERT (message_id, phone_number, message_text) ON auth_schema.development_inbox TO auth_app;
GRANT EXECUTE ON FUNCTION
    auth_schema.request_code(bytea, text, bytea, text, text, uuid, bytea, bytea, smallint, jsonb, jsonb, bytea),
    auth_schema.try_code(bytea, bytea, text[], uuid),
    auth_schema.log_in(bytea, bytea, bytea, uuid, text),
    auth_schema.change_phone(bytea, bytea, uuid, uuid),
    auth_schema.rotate_refresh_token(bytea, bytea),
    auth_schema.end_sessions(uuid, text, uuid, uuid)
    TO auth_app;

-- Reports need to know how many and when, never who.
GRANT SELECT (otp_session_id, preferred_language, terms_version, created_at)
      ON auth_schema.pending_registrations TO auth_ro;
GRANT SELECT (failed_attempts, locked_until, created_at, updated_at) ON auth_schema.phone_lockouts TO auth_ro;
GRANT SELECT ON auth_schema.employments TO auth_ro;
GRANT SELECT (id, message_id, created_at) ON auth_schema.development_inbox TO auth_ro;
GRANT SELECT (undelivered_at) ON auth_schema.otp_sessions TO auth_ro;
GRANT SELECT (second_factor_at) ON auth_schema.refresh_tokens TO auth_ro;
