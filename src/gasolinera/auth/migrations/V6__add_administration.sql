-- Administration: the second factor's tries and recovery codes, the administrator who cannot be taken away, erasure with
-- its ledger, what people look for in lists and logs, and figures.
-- vuelo: allow locking-several-tables Users gain an empty column and a trigger, the log a rule: milliseconds.
-- vuelo: allow require-concurrent-index-creation Written before anybody runs the platform: the tables are small.

-- The second factor -----------------------------------------------------------------------------------------------

ALTER TABLE auth_schema.users
    ADD COLUMN second_factor_failures smallint,
    ADD CONSTRAINT users_second_factor_failures_check CHECK (second_factor_failures BETWEEN 0 AND 5) NOT VALID;
COMMENT ON COLUMN auth_schema.users.second_factor_failures IS
    'Wrong second factors in a row; the fifth sets locked_until. Not set back by logging in, which needs the phone alone.';

ALTER TABLE auth_schema.auth_audit_log
    DROP CONSTRAINT auth_audit_log_event_type_check,
    ADD CONSTRAINT auth_audit_log_event_type_check CHECK (event_type IN (
        'LOGIN_SUCCEEDED', 'LOGIN_FAILED', 'LOGIN_REFUSED', 'LOGOUT',
        'OTP_REQUESTED', 'OTP_DELIVERY_FAILED', 'OTP_VERIFIED', 'OTP_FAILED', 'OTP_RATE_LIMITED',
        'TOKEN_ISSUED', 'TOKEN_REFRESHED', 'TOKEN_REVOKED', 'TOKEN_REUSED',
        'ACCOUNT_CREATED', 'ACCOUNT_ACTIVATED', 'ACCOUNT_DEACTIVATED', 'ACCOUNT_LOCKED', 'ACCOUNT_UNLOCKED',
        'ACCOUNT_ERASED', 'ROLE_CHANGED', 'PHONE_CHANGED', 'PROFILE_CHANGED', 'TERMS_ACCEPTED',
        'SECOND_FACTOR_ENABLED', 'SECOND_FACTOR_DISABLED', 'SECOND_FACTOR_FAILED', 'SECOND_FACTOR_VERIFIED',
        'RECOVERY_CODES_MADE', 'DATA_EXPORTED')) NOT VALID;

CREATE TABLE auth_schema.recovery_codes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL,
    code_hash bytea NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT recovery_codes_pk PRIMARY KEY (id),
    CONSTRAINT recovery_codes_user_id_code_hash_key UNIQUE (user_id, code_hash),
    CONSTRAINT recovery_codes_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users (id) ON DELETE CASCADE,
    CONSTRAINT recovery_codes_code_hash_check CHECK (octet_length(code_hash) = 32),
    CONSTRAINT recovery_codes_used_at_check CHECK (used_at >= created_at)
);
COMMENT ON TABLE auth_schema.recovery_codes IS
    'What stands in for a lost second factor; each is good once. Replaced all together, deleted with the factor.';
COMMENT ON COLUMN auth_schema.recovery_codes.code_hash IS
    'SHA-256 of the user''s reference and 80 random bits: no key, so that they outlive the loss of one.';
CREATE TRIGGER recovery_codes_final BEFORE UPDATE ON auth_schema.recovery_codes
    FOR EACH ROW WHEN (OLD.used_at IS NOT NULL)
    EXECUTE FUNCTION auth_schema.refuse_revival();

CREATE FUNCTION auth_schema.prove_second_factor(
    p_user_id uuid, p_family_id uuid, p_secret bytea, p_step bigint, p_recovery_hash bytea, p_use text
) RETURNS TABLE (
    outcome text, retry_after_s integer, role text, station_code text, employee_number text, recovery_codes_left bigint)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_user auth_schema.users;
    v_is_recovery boolean := false;
    v_failure text;
BEGIN
    -- Whoever tries for the same account waits here, so that parallel guesses share its tries.
    SELECT u.* INTO v_user FROM auth_schema.users AS u WHERE u.public_id = p_user_id FOR NO KEY UPDATE;
    v_failure := CASE
        WHEN v_user.id IS NULL OR NOT v_user.is_active THEN 'INACTIVE'
        WHEN v_user.second_factor_secret IS NULL THEN 'NONE'
        WHEN p_use = 'CONFIRM' AND v_user.second_factor_enabled_at IS NOT NULL THEN 'ENABLED'
        WHEN p_use <> 'CONFIRM' AND v_user.second_factor_enabled_at IS NULL THEN 'NONE'
        WHEN v_user.locked_until > now() THEN 'LOCKED'
        WHEN NOT EXISTS (SELECT FROM auth_schema.refresh_tokens AS t
                          WHERE t.family_id = p_family_id AND t.user_id = v_user.id
                            AND t.used_at IS NULL AND t.revoked_at IS NULL) THEN 'ENDED'
    END;
    IF v_failure IS NULL AND p_recovery_hash IS NOT NULL AND p_use <> 'CONFIRM' THEN
        UPDATE auth_schema.recovery_codes AS c
           SET used_at = now()
         WHERE c.user_id = v_user.id AND c.code_hash = p_recovery_hash AND c.used_at IS NULL;
        v_is_recovery := FOUND;
    END IF;
    IF v_failure IS NULL AND NOT v_is_recovery THEN
        -- A step is good once, and only with the secret that it was computed from.
        UPDATE auth_schema.users AS u
           SET second_factor_last_step = p_step
         WHERE u.id = v_user.id AND p_step > coalesce(u.second_factor_last_step, 0)
           AND u.second_factor_secret = p_secret;
        IF NOT FOUND THEN
            v_failure := 'WRONG';
            UPDATE auth_schema.users AS u
               SET second_factor_failures = mod(coalesce(u.second_factor_failures, 0), 5) + 1,
                   locked_until = CASE WHEN u.second_factor_failures = 4 THEN now() + interval '30 minutes'
                                       ELSE u.locked_until END
             WHERE u.id = v_user.id
            RETURNING u.locked_until INTO v_user.locked_until;
            INSERT INTO auth_schema.auth_audit_log (event_type, succeeded, user_id, family_id, reason)
            VALUES ('SECOND_FACTOR_FAILED', false, p_user_id, p_family_id, p_use);
        END IF;
    END IF;
    IF v_failure IS NOT NULL THEN
        IF v_failure = 'WRONG' AND v_user.locked_until > now() THEN
            v_failure := 'LOCKED';
        END IF;
        RETURN QUERY SELECT v_failure,
            CASE WHEN v_failure = 'LOCKED'
                 THEN ceil(extract(epoch FROM v_user.locked_until - now()))::integer ELSE 0 END,
            NULL::text, NULL::text, NULL::text, 0::bigint;
        RETURN;
    END IF;
    UPDATE auth_schema.users AS u
       SET second_factor_failures = 0,
           second_factor_enabled_at = coalesce(u.second_factor_enabled_at, now()),
           last_login_at = coalesce(u.last_login_at, now())
     WHERE u.id = v_user.id;
    UPDATE auth_schema.refresh_tokens AS t
       SET second_factor_at = now()
     WHERE t.family_id = p_family_id AND t.used_at IS NULL AND t.revoked_at IS NULL;
    INSERT INTO auth_schema.auth_audit_log (event_type, user_id, family_id, reason)
    VALUES ('SECOND_FACTOR_VERIFIED', p_user_id, p_family_id, CASE WHEN v_is_recovery THEN 'RECOVERY_CODE' ELSE p_use END);
    RETURN QUERY
    SELECT 'GOOD', 0, v_user.role, w.station_code, w.employee_number,
           (SELECT count(*) FROM auth_schema.recovery_codes AS c WHERE c.user_id = v_user.id AND c.used_at IS NULL)
      FROM (VALUES (1)) AS one
      LEFT JOIN LATERAL (
        SELECT e.station_code, e.employee_number FROM auth_schema.employments AS e
         WHERE e.user_id = p_user_id AND e.is_active ORDER BY e.as_of DESC LIMIT 1) AS w ON true;
END
$$;
COMMENT ON FUNCTION auth_schema.prove_second_factor(uuid, uuid, bytea, bigint, bytea, text) IS
    'GOOD: the step is used up or the recovery code is, and the session has proved it. p_step: the time step whose code '
    'was typed, NULL for none. WRONG counts, the fifth locks for 30 minutes. ENDED, LOCKED, NONE, ENABLED and INACTIVE '
    'count nothing. Keeps the user''s row locked.';

CREATE FUNCTION auth_schema.remove_second_factor(p_user_id uuid, p_keeps_login boolean) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_id bigint;
BEGIN
    UPDATE auth_schema.users AS u
       SET second_factor_secret = NULL, second_factor_key_id = NULL, second_factor_enabled_at = NULL,
           second_factor_last_step = NULL, second_factor_failures = NULL,
           last_login_at = CASE WHEN p_keeps_login THEN u.last_login_at END
     WHERE u.public_id = p_user_id AND u.second_factor_secret IS NOT NULL
    RETURNING u.id INTO v_id;
    IF v_id IS NULL THEN
        RETURN false;
    END IF;
    DELETE FROM auth_schema.recovery_codes AS c WHERE c.user_id = v_id;
    -- What a session proved, it proved with the factor that is gone.
    UPDATE auth_schema.refresh_tokens AS t
       SET second_factor_at = NULL
     WHERE t.user_id = v_id AND t.second_factor_at IS NOT NULL AND t.used_at IS NULL AND t.revoked_at IS NULL;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth_schema.remove_second_factor(uuid, boolean) IS
    'False: there is none. Without p_keeps_login the next login enrols another, as an administrator''s first one does.';

-- The last administrator ------------------------------------------------------------------------------------------

CREATE FUNCTION auth_schema.keep_an_administrator() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- Two who take away each other's last colleague come one after the other, and the second sees what the first did.
    PERFORM pg_advisory_xact_lock(hashtextextended('auth_schema.keep_an_administrator', 0));
    IF NOT EXISTS (SELECT FROM auth_schema.users AS u WHERE u.role = 'SYSTEM_ADMIN' AND u.is_active) THEN
        RAISE EXCEPTION 'user % is the last active system administrator', OLD.public_id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth_schema.keep_an_administrator() IS
    'AFTER row trigger of users: the last active SYSTEM_ADMIN stays, whoever asks. The error names the trigger.';
CREATE TRIGGER users_last_administrator AFTER UPDATE ON auth_schema.users
    FOR EACH ROW
    WHEN (OLD.role = 'SYSTEM_ADMIN' AND OLD.is_active AND NOT (NEW.role = 'SYSTEM_ADMIN' AND NEW.is_active))
    EXECUTE FUNCTION auth_schema.keep_an_administrator();

-- Erasure ---------------------------------------------------------------------------------------------------------

CREATE TABLE auth_schema.erasures (
    public_id uuid NOT NULL,
    erased_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL,
    requested_by text DEFAULT auth_schema.request_context('actor'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT erasures_pk PRIMARY KEY (public_id),
    CONSTRAINT erasures_public_id_fk FOREIGN KEY (public_id) REFERENCES auth_schema.users (public_id),
    CONSTRAINT erasures_reason_check CHECK (reason IN ('OWN_REQUEST', 'ADMINISTRATOR', 'REPLAYED')),
    CONSTRAINT erasures_requested_by_check CHECK (length(requested_by) <= 100)
);
COMMENT ON TABLE auth_schema.erasures IS
    'Whom the platform has forgotten: the ledger that is kept outside too and replayed after an old backup came back. '
    'References only, nothing personal.';
-- The ledger in order, from a time on.
CREATE INDEX erasures_erased_at_idx ON auth_schema.erasures (erased_at);
CREATE TRIGGER erasures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON auth_schema.erasures
    FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.refuse_change();

-- Only the log's own columns of where from, and only of somebody who is erased: the service cannot clean its traces.
CREATE FUNCTION auth_schema.forget_addresses_of(p_user_id uuid, p_phone_hashes bytea[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_erased_at timestamptz;
    v_count integer;
    v_phones integer;
    v_partners integer;
BEGIN
    SELECT u.erased_at INTO v_erased_at FROM auth_schema.users AS u WHERE u.public_id = p_user_id;
    IF v_erased_at IS NULL THEN
        RAISE EXCEPTION 'user % is not erased', p_user_id USING ERRCODE = 'restrict_violation';
    ELSIF v_erased_at <> now() AND cardinality(p_phone_hashes) > 0 THEN
        RAISE EXCEPTION 'user % was erased before, and has no phone', p_user_id USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    -- What an administrator did to the account was done from the administrator's address.
    UPDATE auth_schema.auth_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE (a.user_id = p_user_id AND coalesce(a.actor, p_user_id::text) = p_user_id::text
            OR a.actor = p_user_id::text AND a.actor <> coalesce(a.user_id::text, ''))
       AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    -- What the phone asked for while it had no account: its registration, above all.
    UPDATE auth_schema.auth_audit_log AS a
       SET ip_address = NULL, user_agent = NULL, phone_hash = NULL
     WHERE a.phone_hash = ANY (p_phone_hashes);
    GET DIAGNOSTICS v_phones = ROW_COUNT;
    UPDATE auth_schema.partner_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.actor = p_user_id::text AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
    GET DIAGNOSTICS v_partners = ROW_COUNT;
    PERFORM set_config('gasolinera.maintenance', '', true);
    RETURN v_count + v_phones + v_partners;
END
$$;
COMMENT ON FUNCTION auth_schema.forget_addresses_of(uuid, bytea[]) IS
    'Takes addresses and user agents out of what an erased user did, by the logs, and the hash too where that is all they '
    'know; what was done and when stays. p_phone_hashes: of the user''s phone, in the transaction that erases it, else '
    'none. Gives how many entries that were. Refuses for anybody who is not erased.';
REVOKE EXECUTE ON FUNCTION auth_schema.forget_addresses_of(uuid, bytea[]) FROM PUBLIC;

CREATE FUNCTION auth_schema.erase_user(p_user_id uuid, p_reason text, p_phone_hashes bytea[])
    RETURNS TABLE (outcome text, role text)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_user auth_schema.users;
BEGIN
    SELECT u.* INTO v_user FROM auth_schema.users AS u WHERE u.public_id = p_user_id FOR NO KEY UPDATE;
    IF v_user.id IS NULL THEN
        RETURN QUERY SELECT 'UNKNOWN', NULL::text;
        RETURN;
    ELSIF v_user.erased_at IS NOT NULL THEN
        RETURN QUERY SELECT 'AGAIN', v_user.role;
        RETURN;
    ELSIF p_reason <> 'REPLAYED'
          AND EXISTS (SELECT FROM auth_schema.employments AS e WHERE e.user_id = p_user_id AND e.is_active) THEN
        RETURN QUERY SELECT 'EMPLOYED', v_user.role;
        RETURN;
    END IF;
    -- Who was erased once had left before: what says otherwise came back with a backup. The station's next word counts.
    UPDATE auth_schema.employments AS e SET is_active = false WHERE e.user_id = p_user_id AND e.is_active;
    -- First the account: its trigger ends the access tokens of the sessions that go below.
    UPDATE auth_schema.users AS u
       SET phone_number = NULL, first_name = NULL, last_name = NULL, email = NULL, metadata = '{}', is_active = false,
           second_factor_secret = NULL, second_factor_key_id = NULL, second_factor_enabled_at = NULL,
           second_factor_last_step = NULL, second_factor_failures = NULL, failed_login_attempts = 0,
           locked_until = NULL, last_login_at = NULL, phone_verified_at = NULL, erased_at = now()
     WHERE u.id = v_user.id;
    DELETE FROM auth_schema.otp_sessions AS s WHERE s.phone_number = v_user.phone_number OR s.user_id = v_user.id;
    DELETE FROM auth_schema.refresh_tokens AS t WHERE t.user_id = v_user.id;
    DELETE FROM auth_schema.recovery_codes AS c WHERE c.user_id = v_user.id;
    DELETE FROM auth_schema.development_inbox AS i WHERE i.phone_number = v_user.phone_number;
    -- A window that is still open stays counted; the daily cleaning takes it.
    DELETE FROM auth_schema.otp_rate_limits AS l
     WHERE l.scope = 'PHONE' AND l.subject = v_user.phone_number
       AND l.window_start + make_interval(secs => l.window_s) <= now();
    INSERT INTO auth_schema.erasures (public_id, reason) VALUES (p_user_id, p_reason);
    PERFORM auth_schema.forget_addresses_of(p_user_id, p_phone_hashes);
    RETURN QUERY SELECT 'ERASED', v_user.role;
END
$$;
COMMENT ON FUNCTION auth_schema.erase_user(uuid, text, bytea[]) IS
    'ERASED: what told who it was is gone and the ledger says so. AGAIN: it was before. UNKNOWN and EMPLOYED change '
    'nothing; nobody is EMPLOYED whose erasure is REPLAYED. The log keeps references alone and stays. p_phone_hashes: by '
    'what the log knows the user''s phone. Keeps the user''s row locked.';

-- Retention of the logs -------------------------------------------------------------------------------------------

CREATE FUNCTION auth_schema.forget_addresses(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_first timestamptz;
    v_last timestamptz;
    v_found integer;
    v_count integer := 0;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Two at the same time come one after the other: each looks for what the one before has left.
    PERFORM pg_advisory_xact_lock(hashtextextended('auth_schema.forget_addresses', 0));
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    -- Looked for again where an erasure took some of what was found. A window of time, and no list of keys: months that
    -- it does not touch are not looked at.
    WHILE v_count < p_limit LOOP
        SELECT min(o.created_at), max(o.created_at) INTO v_first, v_last
          FROM (SELECT a.created_at FROM auth_schema.auth_audit_log AS a
                 WHERE a.created_at < now() - interval '1 year'
                   AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL OR a.phone_hash IS NOT NULL)
                 ORDER BY a.created_at LIMIT p_limit - v_count) AS o;
        EXIT WHEN v_first IS NULL;
        UPDATE auth_schema.auth_audit_log AS a
           SET ip_address = NULL, user_agent = NULL, phone_hash = NULL
         WHERE a.created_at >= v_first AND a.created_at <= v_last
           AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL OR a.phone_hash IS NOT NULL);
        GET DIAGNOSTICS v_found = ROW_COUNT;
        v_count := v_count + v_found;
    END LOOP;
    WHILE v_count < p_limit LOOP
        SELECT min(o.created_at), max(o.created_at) INTO v_first, v_last
          FROM (SELECT a.created_at FROM auth_schema.partner_audit_log AS a
                 WHERE a.created_at < now() - interval '1 year'
                   AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL)
                 ORDER BY a.created_at LIMIT p_limit - v_count) AS o;
        EXIT WHEN v_first IS NULL;
        UPDATE auth_schema.partner_audit_log AS a
           SET ip_address = NULL, user_agent = NULL
         WHERE a.created_at >= v_first AND a.created_at <= v_last
           AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
        GET DIAGNOSTICS v_found = ROW_COUNT;
        v_count := v_count + v_found;
    END LOOP;
    PERFORM set_config('gasolinera.maintenance', '', true);
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION auth_schema.forget_addresses(integer) IS
    'Takes addresses, user agents and hashes of phones without account out of p_limit entries of the logs that are older '
    'than a year, the oldest first, and out of those of the same moment as the last. Fewer than p_limit: no more are '
    'left, whatever else runs. What, who and when stay: beside forget_addresses_of the one way to change an audit log.';
REVOKE EXECUTE ON FUNCTION auth_schema.forget_addresses(integer) FROM PUBLIC;

-- What administrators look for ------------------------------------------------------------------------------------

-- People by the beginning of their name, or of their family name; the operators work without regard to the locale.
CREATE INDEX users_full_name_idx ON auth_schema.users (lower(first_name || ' ' || last_name) text_pattern_ops)
    WHERE erased_at IS NULL;
CREATE INDEX users_last_name_idx ON auth_schema.users (lower(last_name) text_pattern_ops) WHERE erased_at IS NULL;
-- The log, newest first.
CREATE INDEX auth_audit_log_created_at_id_idx ON auth_schema.auth_audit_log (created_at, id);
-- What somebody did to others (an export, an erasure).
CREATE INDEX auth_audit_log_actor_created_at_idx ON auth_schema.auth_audit_log (actor, created_at)
    WHERE actor <> coalesce(user_id::text, '');
-- What still tells from where, the oldest first (forget_addresses).
CREATE INDEX auth_audit_log_with_address_created_at_idx ON auth_schema.auth_audit_log (created_at)
    WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL OR phone_hash IS NOT NULL;
-- What one request did.
CREATE INDEX auth_audit_log_correlation_id_created_at_idx
    ON auth_schema.auth_audit_log (correlation_id, created_at) WHERE correlation_id IS NOT NULL;

-- Figures ---------------------------------------------------------------------------------------------------------

-- Each table is counted by itself: side by side, sessions and events of a user would multiply each other.
CREATE MATERIALIZED VIEW auth_schema.user_statistics AS
SELECT date_trunc('month', u.created_at AT TIME ZONE 'UTC')::date AS month, u.role, u.preferred_language,
       count(*) AS new_users,
       count(*) FILTER (WHERE u.is_active) AS active_users,
       count(*) FILTER (WHERE u.erased_at IS NOT NULL) AS erased_users,
       count(*) FILTER (WHERE u.second_factor_enabled_at IS NOT NULL) AS with_second_factor,
       count(*) FILTER (WHERE u.last_login_at > now() - interval '30 days') AS logged_in_30d,
       now() AS refreshed_at
  FROM auth_schema.users AS u
 GROUP BY 1, 2, 3;
COMMENT ON MATERIALIZED VIEW auth_schema.user_statistics IS
    'Users by the month (UTC) they came in, role and language. As it was when last refreshed.';
-- What a concurrent refresh needs.
CREATE UNIQUE INDEX user_statistics_month_role_preferred_language_idx
    ON auth_schema.user_statistics (month, role, preferred_language);

CREATE MATERIALIZED VIEW auth_schema.login_statistics AS
SELECT date_trunc('month', a.created_at AT TIME ZONE 'UTC')::date AS month,
       count(*) FILTER (WHERE a.event_type = 'LOGIN_SUCCEEDED') AS logins,
       count(DISTINCT a.user_id) FILTER (WHERE a.event_type = 'LOGIN_SUCCEEDED') AS users_logged_in,
       count(*) FILTER (WHERE a.event_type = 'LOGIN_REFUSED') AS logins_refused,
       count(*) FILTER (WHERE a.event_type = 'OTP_REQUESTED') AS codes_requested,
       count(*) FILTER (WHERE a.event_type = 'OTP_FAILED') AS codes_failed,
       count(*) FILTER (WHERE a.event_type = 'OTP_RATE_LIMITED') AS codes_limited,
       count(*) FILTER (WHERE a.event_type = 'TOKEN_REUSED') AS tokens_reused,
       count(*) FILTER (WHERE a.event_type = 'ACCOUNT_LOCKED') AS accounts_locked,
       count(*) FILTER (WHERE a.event_type = 'ACCOUNT_CREATED') AS accounts_created,
       now() AS refreshed_at
  FROM auth_schema.auth_audit_log AS a
 GROUP BY 1;
COMMENT ON MATERIALIZED VIEW auth_schema.login_statistics IS
    'What the log says of each month (UTC) that it still holds. As it was when last refreshed.';
-- What a concurrent refresh needs.
CREATE UNIQUE INDEX login_statistics_month_idx ON auth_schema.login_statistics (month);

CREATE VIEW auth_schema.auth_summary AS
SELECT u.users, u.active_users, u.staff, u.erased_users, u.with_second_factor, u.logged_in_30d,
       coalesce(n.new_users, 0) AS new_users_this_month,
       coalesce(l.logins, 0) AS logins_this_month,
       coalesce(l.codes_failed, 0) AS codes_failed_this_month,
       coalesce(l.accounts_locked, 0) AS accounts_locked_this_month,
       u.refreshed_at
  FROM (
    SELECT coalesce(sum(s.new_users), 0)::bigint AS users, coalesce(sum(s.active_users), 0)::bigint AS active_users,
           coalesce(sum(s.active_users) FILTER (WHERE s.role <> 'CUSTOMER'), 0)::bigint AS staff,
           coalesce(sum(s.erased_users), 0)::bigint AS erased_users,
           coalesce(sum(s.with_second_factor), 0)::bigint AS with_second_factor,
           coalesce(sum(s.logged_in_30d), 0)::bigint AS logged_in_30d, max(s.refreshed_at) AS refreshed_at
      FROM auth_schema.user_statistics AS s
  ) AS u
 CROSS JOIN (
    SELECT sum(s.new_users)::bigint AS new_users FROM auth_schema.user_statistics AS s
     WHERE s.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date
  ) AS n
  LEFT JOIN auth_schema.login_statistics AS l ON l.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date;
COMMENT ON VIEW auth_schema.auth_summary IS 'One row for dashboards, from the two statistics.';

CREATE FUNCTION auth_schema.refresh_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY auth_schema.user_statistics;
    REFRESH MATERIALIZED VIEW CONCURRENTLY auth_schema.login_statistics;
END
$$;
COMMENT ON FUNCTION auth_schema.refresh_statistics() IS
    'Makes the figures anew while everybody reads the old ones; two at the same time come one after the other.';
REVOKE EXECUTE ON FUNCTION auth_schema.refresh_statistics() FROM PUBLIC;

-- Rights ----------------------------------------------------------------------------------------------------------

GRANT UPDATE (second_factor_failures) ON auth_schema.users TO auth_app;
GRANT SELECT, DELETE, INSERT (user_id, code_hash), UPDATE (used_at) ON auth_schema.recovery_codes TO auth_app;
GRANT SELECT, INSERT (public_id, reason) ON auth_schema.erasures TO auth_app;
GRANT EXECUTE ON FUNCTION
    auth_schema.prove_second_factor(uuid, uuid, bytea, bigint, bytea, text),
    auth_schema.remove_second_factor(uuid, boolean),
    auth_schema.erase_user(uuid, text, bytea[]),
    auth_schema.forget_addresses_of(uuid, bytea[]),
    auth_schema.forget_addresses(integer),
    auth_schema.refresh_statistics()
    TO auth_app;
GRANT SELECT ON auth_schema.user_statistics, auth_schema.login_statistics, auth_schema.auth_summary
      TO auth_app, auth_ro;

GRANT SELECT (second_factor_failures) ON auth_schema.users TO auth_ro;
GRANT SELECT (id, user_id, used_at, created_at) ON auth_schema.recovery_codes TO auth_ro;
GRANT SELECT ON auth_schema.erasures TO auth_ro;
