-- Takes back V9__tell_page_sessions.sql. Whoever is logged in with a browser must log in again.

-- A browser's session must not become an app's.
UPDATE auth_schema.refresh_tokens
   SET revoked_at = now(), revoke_reason = 'ADMINISTRATOR'
 WHERE is_page_session AND used_at IS NULL AND revoked_at IS NULL;

CREATE OR REPLACE FUNCTION auth_schema.rotate_refresh_token(p_token_hash bytea, p_new_hash bytea)
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

DROP FUNCTION auth_schema.log_in(bytea, bytea, bytea, uuid, text, boolean);
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
GRANT EXECUTE ON FUNCTION auth_schema.log_in(bytea, bytea, bytea, uuid, text) TO auth_app;

ALTER TABLE auth_schema.refresh_tokens DROP COLUMN is_page_session;
