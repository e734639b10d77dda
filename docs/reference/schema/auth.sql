-- The schema auth_schema, as `vuelo dump` writes it. Change the migrations, not this file.
SET check_function_bodies = off;
SET search_path = pg_catalog;
CREATE SCHEMA auth_schema AUTHORIZATION auth_owner;
SET ROLE auth_owner;
GRANT USAGE ON SCHEMA auth_schema TO auth_app;
GRANT USAGE ON SCHEMA auth_schema TO auth_ro;

CREATE OR REPLACE FUNCTION auth_schema.change_phone(p_session_hash bytea, p_code_hash bytea, p_user_id uuid, p_family_id uuid)
 RETURNS TABLE(outcome text, retry_after_s integer, tries_left integer, old_phone text, language text)
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION auth_schema.change_phone(p_session_hash bytea, p_code_hash bytea, p_user_id uuid, p_family_id uuid) IS 'The right code that went to the new number makes it the login. A number that is somebody else''s breaks users_phone_number_key, and then no try is counted. Ends no sessions: end_sessions does.';
REVOKE EXECUTE ON FUNCTION auth_schema.change_phone(p_session_hash bytea, p_code_hash bytea, p_user_id uuid, p_family_id uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.change_phone(p_session_hash bytea, p_code_hash bytea, p_user_id uuid, p_family_id uuid) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.end_sessions(p_user_id uuid, p_reason text, p_family_id uuid DEFAULT NULL::uuid, p_kept_family_id uuid DEFAULT NULL::uuid)
 RETURNS SETOF uuid
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION auth_schema.end_sessions(p_user_id uuid, p_reason text, p_family_id uuid, p_kept_family_id uuid) IS 'Revokes the live refresh tokens of a user (one family, all, or all but one), writes the audit log and returns the families; the trigger of refresh_tokens ends their access tokens. Keeps the user''s row locked.';
REVOKE EXECUTE ON FUNCTION auth_schema.end_sessions(p_user_id uuid, p_reason text, p_family_id uuid, p_kept_family_id uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.end_sessions(p_user_id uuid, p_reason text, p_family_id uuid, p_kept_family_id uuid) TO auth_app;

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

CREATE OR REPLACE FUNCTION auth_schema.erase_user(p_user_id uuid, p_reason text, p_phone_hashes bytea[])
 RETURNS TABLE(outcome text, role text)
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION auth_schema.erase_user(p_user_id uuid, p_reason text, p_phone_hashes bytea[]) IS 'ERASED: what told who it was is gone and the ledger says so. AGAIN: it was before. UNKNOWN and EMPLOYED change nothing; nobody is EMPLOYED whose erasure is REPLAYED. The log keeps references alone and stays. p_phone_hashes: by what the log knows the user''s phone. Keeps the user''s row locked.';
REVOKE EXECUTE ON FUNCTION auth_schema.erase_user(p_user_id uuid, p_reason text, p_phone_hashes bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.erase_user(p_user_id uuid, p_reason text, p_phone_hashes bytea[]) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.forget_addresses(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;
COMMENT ON FUNCTION auth_schema.forget_addresses(p_limit integer) IS 'Takes addresses, user agents and hashes of phones without account out of p_limit entries of the logs that are older than a year, the oldest first, and out of those of the same moment as the last. Fewer than p_limit: no more are left, whatever else runs. What, who and when stay: beside forget_addresses_of the one way to change an audit log.';
REVOKE EXECUTE ON FUNCTION auth_schema.forget_addresses(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.forget_addresses(p_limit integer) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.forget_addresses_of(p_user_id uuid, p_phone_hashes bytea[])
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;
COMMENT ON FUNCTION auth_schema.forget_addresses_of(p_user_id uuid, p_phone_hashes bytea[]) IS 'Takes addresses and user agents out of what an erased user did, by the logs, and the hash too where that is all they know; what was done and when stays. p_phone_hashes: of the user''s phone, in the transaction that erases it, else none. Gives how many entries that were. Refuses for anybody who is not erased.';
REVOKE EXECUTE ON FUNCTION auth_schema.forget_addresses_of(p_user_id uuid, p_phone_hashes bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.forget_addresses_of(p_user_id uuid, p_phone_hashes bytea[]) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.forget_old_requests(p_at_most integer DEFAULT 10000)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_answers integer;
    v_windows integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 rows at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM auth_schema.idempotency_keys
     WHERE key_hash IN (
        SELECT key_hash FROM auth_schema.idempotency_keys
         WHERE created_at < now() - interval '25 hours' ORDER BY created_at LIMIT p_at_most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    DELETE FROM auth_schema.rate_limits
     WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM auth_schema.rate_limits
         WHERE window_start < now() - interval '2 days' ORDER BY window_start LIMIT p_at_most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_windows = ROW_COUNT;
    RETURN v_answers + v_windows;
END
$function$;
COMMENT ON FUNCTION auth_schema.forget_old_requests(p_at_most integer) IS 'Deletes answers older than 25 hours and windows that began two days ago (the longest lasts one), so many of each at most; returns how many.';
REVOKE EXECUTE ON FUNCTION auth_schema.forget_old_requests(p_at_most integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.forget_old_requests(p_at_most integer) TO auth_app;

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

CREATE OR REPLACE FUNCTION auth_schema.is_time_zone(p_name text)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
BEGIN
    PERFORM timestamptz '2026-01-01 00:00:00+00' AT TIME ZONE p_name;
    RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$function$;
COMMENT ON FUNCTION auth_schema.is_time_zone(p_name text) IS 'Whether the server knows a time zone by this name.';
REVOKE EXECUTE ON FUNCTION auth_schema.is_time_zone(p_name text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.is_time_zone(p_name text) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.keep_an_administrator()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- Two who take away each other's last colleague come one after the other, and the second sees what the first did.
    PERFORM pg_advisory_xact_lock(hashtextextended('auth_schema.keep_an_administrator', 0));
    IF NOT EXISTS (SELECT FROM auth_schema.users AS u WHERE u.role = 'SYSTEM_ADMIN' AND u.is_active) THEN
        RAISE EXCEPTION 'user % is the last active system administrator', OLD.public_id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION auth_schema.keep_an_administrator() IS 'AFTER row trigger of users: the last active SYSTEM_ADMIN stays, whoever asks. The error names the trigger.';
REVOKE EXECUTE ON FUNCTION auth_schema.keep_an_administrator() FROM PUBLIC;

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

CREATE OR REPLACE FUNCTION auth_schema.log_api_key_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO auth_schema.partner_audit_log (event_type, partner_code, key_prefix, new_values)
    SELECT TG_ARGV[0], p.partner_code, NEW.prefix,
           jsonb_build_object('scopes', NEW.scopes, 'station_code', NEW.station_code, 'expires_at', NEW.expires_at,
                              'requests_per_minute', NEW.requests_per_minute, 'label', NEW.label)
      FROM auth_schema.partners AS p WHERE p.id = NEW.partner_id;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION auth_schema.log_api_key_change() IS 'AFTER row trigger of api_keys: writes the event of its argument.';
REVOKE EXECUTE ON FUNCTION auth_schema.log_api_key_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_schema.log_in(p_session_hash bytea, p_code_hash bytea, p_refresh_hash bytea, p_device_id uuid, p_device_name text, p_is_page_session boolean DEFAULT false)
 RETURNS TABLE(outcome text, retry_after_s integer, tries_left integer, is_new boolean, user_id uuid, role text, first_name text, last_name text, preferred_language text, terms_version text, has_second_factor boolean, family_id uuid, station_code text, employee_number text)
 LANGUAGE plpgsql
AS $function$
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
        user_id, token_hash, expires_at, family_expires_at, device_id, device_name, is_page_session)
    VALUES (v_user.id, p_refresh_hash, now() + interval '7 days', now() + interval '90 days', p_device_id,
            p_device_name, p_is_page_session)
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
$function$;
COMMENT ON FUNCTION auth_schema.log_in(p_session_hash bytea, p_code_hash bytea, p_refresh_hash bytea, p_device_id uuid, p_device_name text, p_is_page_session boolean) IS 'The right code of a login or a registration becomes a session, and a registration becomes a user with its event. Everything else is returned as try_code says, or INACTIVE; each outcome is in the audit log. p_is_page_session: the session is that of a browser.';
REVOKE EXECUTE ON FUNCTION auth_schema.log_in(p_session_hash bytea, p_code_hash bytea, p_refresh_hash bytea, p_device_id uuid, p_device_name text, p_is_page_session boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.log_in(p_session_hash bytea, p_code_hash bytea, p_refresh_hash bytea, p_device_id uuid, p_device_name text, p_is_page_session boolean) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.log_partner_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO auth_schema.partner_audit_log (event_type, partner_code, new_values)
    VALUES (TG_ARGV[0], NEW.partner_code, jsonb_build_object('name', NEW.name, 'is_active', NEW.is_active));
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION auth_schema.log_partner_change() IS 'AFTER row trigger of partners: writes the event of its argument, without what is personal.';
REVOKE EXECUTE ON FUNCTION auth_schema.log_partner_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_schema.prove_second_factor(p_user_id uuid, p_family_id uuid, p_secret bytea, p_step bigint, p_recovery_hash bytea, p_use text)
 RETURNS TABLE(outcome text, retry_after_s integer, role text, station_code text, employee_number text, recovery_codes_left bigint)
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION auth_schema.prove_second_factor(p_user_id uuid, p_family_id uuid, p_secret bytea, p_step bigint, p_recovery_hash bytea, p_use text) IS 'GOOD: the step is used up or the recovery code is, and the session has proved it. p_step: the time step whose code was typed, NULL for none. WRONG counts, the fifth locks for 30 minutes. ENDED, LOCKED, NONE, ENABLED and INACTIVE count nothing. Keeps the user''s row locked.';
REVOKE EXECUTE ON FUNCTION auth_schema.prove_second_factor(p_user_id uuid, p_family_id uuid, p_secret bytea, p_step bigint, p_recovery_hash bytea, p_use text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.prove_second_factor(p_user_id uuid, p_family_id uuid, p_secret bytea, p_step bigint, p_recovery_hash bytea, p_use text) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.quiet_until(p_at timestamp with time zone, p_zone text, p_from time without time zone, p_until time without time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
    SELECT CASE
        WHEN p_zone IS NULL THEN NULL
        WHEN p_from < p_until AND l.clock >= p_from AND l.clock < p_until
            THEN (l.today + p_until) AT TIME ZONE p_zone
        WHEN p_from > p_until AND l.clock >= p_from THEN (l.today + 1 + p_until) AT TIME ZONE p_zone
        WHEN p_from > p_until AND l.clock < p_until THEN (l.today + p_until) AT TIME ZONE p_zone
    END
      FROM (SELECT (p_at AT TIME ZONE p_zone)::time AS clock, (p_at AT TIME ZONE p_zone)::date AS today) AS l
    $function$;
COMMENT ON FUNCTION auth_schema.quiet_until(p_at timestamp with time zone, p_zone text, p_from time without time zone, p_until time without time zone) IS 'When the quiet hours that p_at is in end; NULL when it is in none. They may go past midnight.';
REVOKE EXECUTE ON FUNCTION auth_schema.quiet_until(p_at timestamp with time zone, p_zone text, p_from time without time zone, p_until time without time zone) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.quiet_until(p_at timestamp with time zone, p_zone text, p_from time without time zone, p_until time without time zone) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.refresh_statistics()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY auth_schema.user_statistics;
    REFRESH MATERIALIZED VIEW CONCURRENTLY auth_schema.login_statistics;
END
$function$;
COMMENT ON FUNCTION auth_schema.refresh_statistics() IS 'Makes the figures anew while everybody reads the old ones; two at the same time come one after the other.';
REVOKE EXECUTE ON FUNCTION auth_schema.refresh_statistics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.refresh_statistics() TO auth_app;

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

CREATE OR REPLACE FUNCTION auth_schema.remove_second_factor(p_user_id uuid, p_keeps_login boolean)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION auth_schema.remove_second_factor(p_user_id uuid, p_keeps_login boolean) IS 'False: there is none. Without p_keeps_login the next login enrols another, as an administrator''s first one does.';
REVOKE EXECUTE ON FUNCTION auth_schema.remove_second_factor(p_user_id uuid, p_keeps_login boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.remove_second_factor(p_user_id uuid, p_keeps_login boolean) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.request_code(p_session_hash bytea, p_phone text, p_phone_hash bytea, p_purpose text, p_channel text, p_user_id uuid, p_code_hash bytea, p_decoy bytea, p_pepper_id smallint, p_limits jsonb, p_registration jsonb, p_resend_of bytea)
 RETURNS TABLE(outcome text, retry_after_s integer, is_to_be_sent boolean, language text)
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION auth_schema.request_code(p_session_hash bytea, p_phone text, p_phone_hash bytea, p_purpose text, p_channel text, p_user_id uuid, p_code_hash bytea, p_decoy bytea, p_pepper_id smallint, p_limits jsonb, p_registration jsonb, p_resend_of bytea) IS 'Takes all limits, ends the code before and opens a session; the same work whether the phone has an account or not. LIMITED counts nothing and says for how long. p_user_id: whose number is changed; UNCHANGED when it is that already.';
REVOKE EXECUTE ON FUNCTION auth_schema.request_code(p_session_hash bytea, p_phone text, p_phone_hash bytea, p_purpose text, p_channel text, p_user_id uuid, p_code_hash bytea, p_decoy bytea, p_pepper_id smallint, p_limits jsonb, p_registration jsonb, p_resend_of bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.request_code(p_session_hash bytea, p_phone text, p_phone_hash bytea, p_purpose text, p_channel text, p_user_id uuid, p_code_hash bytea, p_decoy bytea, p_pepper_id smallint, p_limits jsonb, p_registration jsonb, p_resend_of bytea) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.request_context(p_name text)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT nullif(current_setting('gasolinera.' || p_name, true), '') $function$;
COMMENT ON FUNCTION auth_schema.request_context(p_name text) IS 'What the application set for this transaction: actor, correlation_id, ip_address, user_agent; NULL when unset.';
REVOKE EXECUTE ON FUNCTION auth_schema.request_context(p_name text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.request_context(p_name text) TO auth_app;

CREATE OR REPLACE FUNCTION auth_schema.revoke_access_of_session()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO auth_schema.access_revocations (session_id) VALUES (NEW.family_id)
    ON CONFLICT (session_id) DO NOTHING;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION auth_schema.revoke_access_of_session() IS 'AFTER row trigger of refresh_tokens: whoever ends a session ends the access tokens that it gave.';
REVOKE EXECUTE ON FUNCTION auth_schema.revoke_access_of_session() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_schema.revoke_access_of_user()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO auth_schema.access_revocations (user_id) VALUES (NEW.public_id);
    IF NOT NEW.is_active THEN
        -- A token of these may be on its way to be signed with a later time: its session ends too.
        INSERT INTO auth_schema.access_revocations (session_id)
        SELECT DISTINCT t.family_id FROM auth_schema.refresh_tokens AS t
         WHERE t.user_id = NEW.id AND t.used_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > now()
         ORDER BY t.family_id
        ON CONFLICT (session_id) DO NOTHING;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION auth_schema.revoke_access_of_user() IS 'AFTER row trigger of users: tokens say role and that the account is active, so they end when that changes.';
REVOKE EXECUTE ON FUNCTION auth_schema.revoke_access_of_user() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_schema.rotate_refresh_token(p_token_hash bytea, p_new_hash bytea)
 RETURNS TABLE(outcome text, user_id uuid, role text, first_name text, last_name text, preferred_language text, terms_version text, has_second_factor boolean, family_id uuid, is_second_factor_proved boolean, expires_in_s integer, station_code text, employee_number text)
 LANGUAGE plpgsql
AS $function$
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
        WHEN v_token.id IS NULL OR v_token.is_page_session THEN 'UNKNOWN'
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
$function$;
COMMENT ON FUNCTION auth_schema.rotate_refresh_token(p_token_hash bytea, p_new_hash bytea) IS 'GOOD: the token is used and its successor stands. REUSED: its family is revoked. UNKNOWN, EXPIRED, REVOKED and INACTIVE change nothing; a session of pages is UNKNOWN here. Each outcome is in the audit log. Keeps the user''s row locked.';
REVOKE EXECUTE ON FUNCTION auth_schema.rotate_refresh_token(p_token_hash bytea, p_new_hash bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.rotate_refresh_token(p_token_hash bytea, p_new_hash bytea) TO auth_app;

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

CREATE OR REPLACE FUNCTION auth_schema.try_code(p_session_hash bytea, p_code_hash bytea, p_purposes text[], p_owner uuid, OUT outcome text, OUT retry_after_s integer, OUT tries_left integer, OUT session_id bigint, OUT session_purpose text, OUT phone text, OUT phone_mac bytea, OUT user_key bigint, OUT user_ref uuid)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION auth_schema.try_code(p_session_hash bytea, p_code_hash bytea, p_purposes text[], p_owner uuid, OUT outcome text, OUT retry_after_s integer, OUT tries_left integer, OUT session_id bigint, OUT session_purpose text, OUT phone text, OUT phone_mac bytea, OUT user_key bigint, OUT user_ref uuid) IS 'Counts a try, compares, ends the session on the right code or the third wrong one, and locks the account at five failures in a row: GOOD, WRONG, LOCKED, or OVER for a session that is unknown, used, expired or voided. Keeps the row of the session locked, then that of the user. p_owner: the session must be this user''s own.';
REVOKE EXECUTE ON FUNCTION auth_schema.try_code(p_session_hash bytea, p_code_hash bytea, p_purposes text[], p_owner uuid, OUT outcome text, OUT retry_after_s integer, OUT tries_left integer, OUT session_id bigint, OUT session_purpose text, OUT phone text, OUT phone_mac bytea, OUT user_key bigint, OUT user_ref uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_schema.try_code(p_session_hash bytea, p_code_hash bytea, p_purposes text[], p_owner uuid, OUT outcome text, OUT retry_after_s integer, OUT tries_left integer, OUT session_id bigint, OUT session_purpose text, OUT phone text, OUT phone_mac bytea, OUT user_key bigint, OUT user_ref uuid) TO auth_app;

CREATE TABLE auth_schema.access_revocations (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    user_id uuid,
    session_id uuid,
    revoked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    transaction_id xid8 DEFAULT pg_current_xact_id() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT access_revocations_pk PRIMARY KEY (id),
    CONSTRAINT access_revocations_session_id_key UNIQUE (session_id),
    CONSTRAINT access_revocations_subject_check CHECK (num_nonnulls(user_id, session_id) = 1)
);
COMMENT ON TABLE auth_schema.access_revocations IS 'Access tokens run for 15 minutes by themselves; a row ends those of a session, or those of a user that were issued by revoked_at. Every process reads the new rows twice a second. Nothing is changed here; deleted after an hour.';
GRANT DELETE, SELECT ON TABLE auth_schema.access_revocations TO auth_app;
GRANT SELECT ON TABLE auth_schema.access_revocations TO auth_ro;
COMMENT ON COLUMN auth_schema.access_revocations.user_id IS 'users.public_id.';
GRANT INSERT (user_id) ON TABLE auth_schema.access_revocations TO auth_app;
COMMENT ON COLUMN auth_schema.access_revocations.session_id IS 'The family of refresh tokens.';
GRANT INSERT (session_id) ON TABLE auth_schema.access_revocations TO auth_app;
COMMENT ON COLUMN auth_schema.access_revocations.revoked_at IS 'The time of the statement, under the lock of the user, so that tokens issued before it are earlier.';
COMMENT ON COLUMN auth_schema.access_revocations.transaction_id IS 'Readers ask for everything from the oldest transaction that ran when they last looked: a row that is committed late is not missed, which its number or time could not promise.';

CREATE INDEX access_revocations_revoked_at_idx ON auth_schema.access_revocations USING btree (revoked_at);

CREATE INDEX access_revocations_transaction_id_idx ON auth_schema.access_revocations USING btree (transaction_id);

CREATE TRIGGER access_revocations_running BEFORE DELETE ON auth_schema.access_revocations FOR EACH ROW WHEN (old.revoked_at > (now() - '00:20:00'::interval)) EXECUTE FUNCTION auth_schema.refuse_revival();

CREATE TABLE auth_schema.api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    partner_id bigint NOT NULL,
    prefix text NOT NULL,
    key_hash bytea NOT NULL,
    label text NOT NULL,
    scopes text[] NOT NULL,
    station_code text,
    requests_per_minute integer DEFAULT 300 NOT NULL,
    rotated_from_id bigint,
    expires_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT api_keys_expires_at_check CHECK (expires_at <= (created_at + '400 days'::interval)),
    CONSTRAINT api_keys_id_partner_id_key UNIQUE (id, partner_id),
    CONSTRAINT api_keys_key_hash_check CHECK (octet_length(key_hash) = 32),
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT api_keys_label_check CHECK (label = btrim(label) AND length(label) >= 1 AND length(label) <= 100 AND auth_schema.has_visible_character(label)),
    CONSTRAINT api_keys_pk PRIMARY KEY (id),
    CONSTRAINT api_keys_prefix_check CHECK (prefix ~ '^[A-Za-z0-9_-]{8}$'::text),
    CONSTRAINT api_keys_prefix_key UNIQUE (prefix),
    CONSTRAINT api_keys_requests_per_minute_check CHECK (requests_per_minute >= 1 AND requests_per_minute <= 60000),
    CONSTRAINT api_keys_rotated_from_id_key UNIQUE (rotated_from_id),
    CONSTRAINT api_keys_scopes_check CHECK (cardinality(scopes) >= 1 AND cardinality(scopes) <= 20 AND array_position(scopes, NULL::text) IS NULL AND array_to_string(scopes, ' '::text) ~ '^[a-z:-]{1,40}( [a-z:-]{1,40})*$'::text AND NOT scopes && ARRAY['users:read'::text, 'users:manage'::text, 'users:look-up'::text, 'access:check'::text, 'audit:read'::text, 'partners:manage'::text, 'events:replay'::text, 'jobs:run'::text]),
    CONSTRAINT api_keys_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text)
);
COMMENT ON TABLE auth_schema.api_keys IS 'Keys of partners. The key itself is shown once, when it is made. Rotation makes a successor with the same rights and lets the old key end after an overlap. Kept for good: the log names keys by their prefix.';
GRANT SELECT ON TABLE auth_schema.api_keys TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.api_keys TO auth_ro;
GRANT INSERT (partner_id) ON TABLE auth_schema.api_keys TO auth_app;
GRANT SELECT (partner_id) ON TABLE auth_schema.api_keys TO auth_ro;
COMMENT ON COLUMN auth_schema.api_keys.prefix IS 'The readable beginning of the key, which tells keys apart.';
GRANT INSERT (prefix) ON TABLE auth_schema.api_keys TO auth_app;
GRANT SELECT (prefix) ON TABLE auth_schema.api_keys TO auth_ro;
GRANT INSERT (key_hash) ON TABLE auth_schema.api_keys TO auth_app;
GRANT INSERT (label) ON TABLE auth_schema.api_keys TO auth_app;
GRANT SELECT (label) ON TABLE auth_schema.api_keys TO auth_ro;
COMMENT ON COLUMN auth_schema.api_keys.scopes IS 'Permissions of the matrix that the key has.';
GRANT INSERT (scopes) ON TABLE auth_schema.api_keys TO auth_app;
GRANT SELECT (scopes) ON TABLE auth_schema.api_keys TO auth_ro;
COMMENT ON COLUMN auth_schema.api_keys.station_code IS 'The only station that the key is good for; NULL: all.';
GRANT INSERT (station_code) ON TABLE auth_schema.api_keys TO auth_app;
GRANT SELECT (station_code) ON TABLE auth_schema.api_keys TO auth_ro;
GRANT INSERT (requests_per_minute) ON TABLE auth_schema.api_keys TO auth_app;
GRANT SELECT (requests_per_minute) ON TABLE auth_schema.api_keys TO auth_ro;
GRANT INSERT (rotated_from_id) ON TABLE auth_schema.api_keys TO auth_app;
GRANT SELECT (rotated_from_id) ON TABLE auth_schema.api_keys TO auth_ro;
GRANT INSERT (expires_at), UPDATE (expires_at) ON TABLE auth_schema.api_keys TO auth_app;
GRANT SELECT (expires_at) ON TABLE auth_schema.api_keys TO auth_ro;
COMMENT ON COLUMN auth_schema.api_keys.last_used_at IS 'To the minute: not every request writes.';
GRANT UPDATE (last_used_at) ON TABLE auth_schema.api_keys TO auth_app;
GRANT SELECT (last_used_at) ON TABLE auth_schema.api_keys TO auth_ro;
GRANT UPDATE (revoked_at) ON TABLE auth_schema.api_keys TO auth_app;
GRANT SELECT (revoked_at) ON TABLE auth_schema.api_keys TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.api_keys TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.api_keys TO auth_ro;

CREATE INDEX api_keys_partner_id_idx ON auth_schema.api_keys USING btree (partner_id, id DESC);

CREATE TRIGGER api_keys_final BEFORE UPDATE ON auth_schema.api_keys FOR EACH ROW WHEN (new.expires_at > old.expires_at OR old.revoked_at IS NOT NULL AND new.revoked_at IS DISTINCT FROM old.revoked_at) EXECUTE FUNCTION auth_schema.refuse_revival();

CREATE TRIGGER api_keys_log_expiry AFTER UPDATE ON auth_schema.api_keys FOR EACH ROW WHEN (new.expires_at <> old.expires_at) EXECUTE FUNCTION auth_schema.log_api_key_change('API_KEY_EXPIRY_SET');

CREATE TRIGGER api_keys_log_insert AFTER INSERT ON auth_schema.api_keys FOR EACH ROW WHEN (new.rotated_from_id IS NULL) EXECUTE FUNCTION auth_schema.log_api_key_change('API_KEY_CREATED');

CREATE TRIGGER api_keys_log_revocation AFTER UPDATE ON auth_schema.api_keys FOR EACH ROW WHEN (old.revoked_at IS NULL AND new.revoked_at IS NOT NULL) EXECUTE FUNCTION auth_schema.log_api_key_change('API_KEY_REVOKED');

CREATE TRIGGER api_keys_log_rotation AFTER INSERT ON auth_schema.api_keys FOR EACH ROW WHEN (new.rotated_from_id IS NOT NULL) EXECUTE FUNCTION auth_schema.log_api_key_change('API_KEY_ROTATED');

CREATE TRIGGER api_keys_set_updated_at BEFORE UPDATE ON auth_schema.api_keys FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

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
    CONSTRAINT auth_audit_log_event_type_check CHECK (event_type = ANY (ARRAY['LOGIN_SUCCEEDED'::text, 'LOGIN_FAILED'::text, 'LOGIN_REFUSED'::text, 'LOGOUT'::text, 'OTP_REQUESTED'::text, 'OTP_DELIVERY_FAILED'::text, 'OTP_VERIFIED'::text, 'OTP_FAILED'::text, 'OTP_RATE_LIMITED'::text, 'TOKEN_ISSUED'::text, 'TOKEN_REFRESHED'::text, 'TOKEN_REVOKED'::text, 'TOKEN_REUSED'::text, 'ACCOUNT_CREATED'::text, 'ACCOUNT_ACTIVATED'::text, 'ACCOUNT_DEACTIVATED'::text, 'ACCOUNT_LOCKED'::text, 'ACCOUNT_UNLOCKED'::text, 'ACCOUNT_ERASED'::text, 'ROLE_CHANGED'::text, 'PHONE_CHANGED'::text, 'PROFILE_CHANGED'::text, 'TERMS_ACCEPTED'::text, 'SECOND_FACTOR_ENABLED'::text, 'SECOND_FACTOR_DISABLED'::text, 'SECOND_FACTOR_FAILED'::text, 'SECOND_FACTOR_VERIFIED'::text, 'RECOVERY_CODES_MADE'::text, 'DATA_EXPORTED'::text])),
    CONSTRAINT auth_audit_log_phone_hash_check CHECK (octet_length(phone_hash) = 32),
    CONSTRAINT auth_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT auth_audit_log_reason_check CHECK (length(reason) >= 1 AND length(reason) <= 200),
    CONSTRAINT auth_audit_log_user_agent_check CHECK (length(user_agent) <= 500),
    CONSTRAINT auth_audit_log_values_check CHECK (jsonb_typeof(old_values) = 'object'::text AND jsonb_typeof(new_values) = 'object'::text)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE auth_schema.auth_audit_log IS 'What happened around logging in and accounts; append-only. It never holds a phone number, name, code or token: a user is the public reference, a phone that belongs to nobody is a keyed hash. So erasure leaves it alone but for addresses, user agents and these hashes, which its retention of a year ends. ACCOUNT_CREATED, ACCOUNT_ACTIVATED, ACCOUNT_DEACTIVATED, ACCOUNT_LOCKED, ACCOUNT_UNLOCKED, ACCOUNT_ERASED, ROLE_CHANGED, PHONE_CHANGED and the second factor''s ENABLED and DISABLED are written by the trigger of users and by nothing else.';
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

CREATE INDEX auth_audit_log_actor_created_at_idx ON auth_schema.auth_audit_log USING btree (actor, created_at) WHERE (actor <> COALESCE((user_id)::text, ''::text));

CREATE INDEX auth_audit_log_correlation_id_created_at_idx ON auth_schema.auth_audit_log USING btree (correlation_id, created_at) WHERE (correlation_id IS NOT NULL);

CREATE INDEX auth_audit_log_created_at_id_idx ON auth_schema.auth_audit_log USING btree (created_at, id);

CREATE INDEX auth_audit_log_failures_ip_address_created_at_idx ON auth_schema.auth_audit_log USING btree (ip_address, created_at DESC) WHERE (NOT succeeded);

CREATE INDEX auth_audit_log_phone_hash_created_at_idx ON auth_schema.auth_audit_log USING btree (phone_hash, created_at DESC) WHERE (phone_hash IS NOT NULL);

CREATE INDEX auth_audit_log_user_id_created_at_idx ON auth_schema.auth_audit_log USING btree (user_id, created_at DESC) WHERE (user_id IS NOT NULL);

CREATE INDEX auth_audit_log_with_address_created_at_idx ON auth_schema.auth_audit_log USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL) OR (phone_hash IS NOT NULL));

CREATE TRIGGER auth_audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON auth_schema.auth_audit_log FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.refuse_change();

CREATE TRIGGER auth_audit_log_not_forged BEFORE INSERT ON auth_schema.auth_audit_log FOR EACH ROW WHEN (CURRENT_USER <> 'auth_owner'::name AND (new.event_type = ANY (ARRAY['ACCOUNT_CREATED'::text, 'ACCOUNT_ACTIVATED'::text, 'ACCOUNT_DEACTIVATED'::text, 'ACCOUNT_LOCKED'::text, 'ACCOUNT_UNLOCKED'::text, 'ACCOUNT_ERASED'::text, 'ROLE_CHANGED'::text, 'PHONE_CHANGED'::text, 'SECOND_FACTOR_ENABLED'::text, 'SECOND_FACTOR_DISABLED'::text]))) EXECUTE FUNCTION auth_schema.refuse_forged_event();

CREATE TABLE auth_schema.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    event jsonb NOT NULL,
    correlation_id text,
    attempts integer NOT NULL,
    last_error text NOT NULL,
    first_failed_at timestamp with time zone NOT NULL,
    last_failed_at timestamp with time zone NOT NULL,
    replayed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT dead_letters_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT dead_letters_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT dead_letters_attempts_check CHECK (attempts >= 1),
    CONSTRAINT dead_letters_consumer_check CHECK (consumer ~ '^[a-z][a-z0-9_.]{0,99}$'::text),
    CONSTRAINT dead_letters_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT dead_letters_event_check CHECK (jsonb_typeof(event) = 'object'::text),
    CONSTRAINT dead_letters_event_id_consumer_key UNIQUE (event_id, consumer),
    CONSTRAINT dead_letters_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT dead_letters_failed_at_check CHECK (first_failed_at <= last_failed_at),
    CONSTRAINT dead_letters_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT dead_letters_pk PRIMARY KEY (id)
);
COMMENT ON TABLE auth_schema.dead_letters IS 'Events that a consumer of this service failed at too often, with the reason, until somebody replays them.';
GRANT DELETE, SELECT ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.dead_letters TO auth_ro;
GRANT INSERT (event_id) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (event_id) ON TABLE auth_schema.dead_letters TO auth_ro;
GRANT INSERT (consumer) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (consumer) ON TABLE auth_schema.dead_letters TO auth_ro;
GRANT INSERT (event_type) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (event_type) ON TABLE auth_schema.dead_letters TO auth_ro;
GRANT INSERT (aggregate_type) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (aggregate_type) ON TABLE auth_schema.dead_letters TO auth_ro;
GRANT INSERT (aggregate_key) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (aggregate_key) ON TABLE auth_schema.dead_letters TO auth_ro;
COMMENT ON COLUMN auth_schema.dead_letters.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT INSERT (correlation_id) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (correlation_id) ON TABLE auth_schema.dead_letters TO auth_ro;
GRANT INSERT (attempts), UPDATE (attempts) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (attempts) ON TABLE auth_schema.dead_letters TO auth_ro;
GRANT INSERT (last_error), UPDATE (last_error) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (last_error) ON TABLE auth_schema.dead_letters TO auth_ro;
GRANT INSERT (first_failed_at) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (first_failed_at) ON TABLE auth_schema.dead_letters TO auth_ro;
GRANT INSERT (last_failed_at), UPDATE (last_failed_at) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (last_failed_at) ON TABLE auth_schema.dead_letters TO auth_ro;
COMMENT ON COLUMN auth_schema.dead_letters.replayed_at IS 'Set in the transaction of the effect, so that a replay has it once.';
GRANT UPDATE (replayed_at) ON TABLE auth_schema.dead_letters TO auth_app;
GRANT SELECT (replayed_at) ON TABLE auth_schema.dead_letters TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.dead_letters TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.dead_letters TO auth_ro;

CREATE INDEX dead_letters_open_id_idx ON auth_schema.dead_letters USING btree (id) WHERE (replayed_at IS NULL);

CREATE INDEX dead_letters_replayed_at_idx ON auth_schema.dead_letters USING btree (replayed_at) WHERE (replayed_at IS NOT NULL);

CREATE TRIGGER dead_letters_set_updated_at BEFORE UPDATE ON auth_schema.dead_letters FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.development_emails (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    message_id uuid NOT NULL,
    email text NOT NULL,
    subject text NOT NULL,
    message_text text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT development_emails_email_check CHECK (length(email) >= 3 AND length(email) <= 254),
    CONSTRAINT development_emails_message_id_key UNIQUE (message_id),
    CONSTRAINT development_emails_message_text_check CHECK (length(message_text) >= 1 AND length(message_text) <= 10000),
    CONSTRAINT development_emails_pk PRIMARY KEY (id),
    CONSTRAINT development_emails_subject_check CHECK (length(subject) >= 1 AND length(subject) <= 200)
);
COMMENT ON TABLE auth_schema.development_emails IS 'Email of development and test without a mail server, instead of sending it. Empty in production.';
GRANT DELETE, SELECT ON TABLE auth_schema.development_emails TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.development_emails TO auth_ro;
GRANT INSERT (message_id) ON TABLE auth_schema.development_emails TO auth_app;
GRANT SELECT (message_id) ON TABLE auth_schema.development_emails TO auth_ro;
COMMENT ON COLUMN auth_schema.development_emails.email IS 'Personal data: where it would have gone.';
GRANT INSERT (email) ON TABLE auth_schema.development_emails TO auth_app;
GRANT INSERT (subject) ON TABLE auth_schema.development_emails TO auth_app;
COMMENT ON COLUMN auth_schema.development_emails.message_text IS 'Personal data: the message.';
GRANT INSERT (message_text) ON TABLE auth_schema.development_emails TO auth_app;
GRANT SELECT (created_at) ON TABLE auth_schema.development_emails TO auth_ro;

CREATE TABLE auth_schema.development_inbox (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    message_id uuid NOT NULL,
    phone_number text NOT NULL,
    message_text text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT development_inbox_message_id_key UNIQUE (message_id),
    CONSTRAINT development_inbox_message_text_check CHECK (length(message_text) >= 1 AND length(message_text) <= 1600),
    CONSTRAINT development_inbox_phone_number_check CHECK (phone_number ~ '^\+[1-9][0-9]{6,14}$'::text),
    CONSTRAINT development_inbox_pk PRIMARY KEY (id)
);
COMMENT ON TABLE auth_schema.development_inbox IS 'Text messages of development and test, instead of sending them. Empty in production, whose settings refuse it.';
GRANT DELETE, SELECT ON TABLE auth_schema.development_inbox TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.development_inbox TO auth_ro;
GRANT INSERT (message_id) ON TABLE auth_schema.development_inbox TO auth_app;
GRANT SELECT (message_id) ON TABLE auth_schema.development_inbox TO auth_ro;
COMMENT ON COLUMN auth_schema.development_inbox.phone_number IS 'Personal data: where it would have gone.';
GRANT INSERT (phone_number) ON TABLE auth_schema.development_inbox TO auth_app;
COMMENT ON COLUMN auth_schema.development_inbox.message_text IS 'Personal data: the message, codes included.';
GRANT INSERT (message_text) ON TABLE auth_schema.development_inbox TO auth_app;
GRANT SELECT (created_at) ON TABLE auth_schema.development_inbox TO auth_ro;

CREATE TABLE auth_schema.employments (
    employee_number text NOT NULL,
    user_id uuid NOT NULL,
    station_code text NOT NULL,
    role text NOT NULL,
    permissions text[] DEFAULT '{}'::text[] NOT NULL,
    is_active boolean NOT NULL,
    as_of timestamp with time zone NOT NULL,
    version bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT employments_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT employments_permissions_check CHECK (cardinality(permissions) <= 20),
    CONSTRAINT employments_pk PRIMARY KEY (employee_number),
    CONSTRAINT employments_role_check CHECK (role = ANY (ARRAY['EMPLOYEE'::text, 'STATION_ADMIN'::text])),
    CONSTRAINT employments_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text)
);
COMMENT ON TABLE auth_schema.employments IS 'Who works where, as the station service last told by event: the station and number that tokens carry, and the role that a user has by it.';
GRANT SELECT ON TABLE auth_schema.employments TO auth_app;
GRANT SELECT ON TABLE auth_schema.employments TO auth_ro;
GRANT INSERT (employee_number) ON TABLE auth_schema.employments TO auth_app;
COMMENT ON COLUMN auth_schema.employments.user_id IS 'users.public_id.';
GRANT INSERT (user_id), UPDATE (user_id) ON TABLE auth_schema.employments TO auth_app;
GRANT INSERT (station_code), UPDATE (station_code) ON TABLE auth_schema.employments TO auth_app;
GRANT INSERT (role), UPDATE (role) ON TABLE auth_schema.employments TO auth_app;
GRANT INSERT (permissions), UPDATE (permissions) ON TABLE auth_schema.employments TO auth_app;
GRANT INSERT (is_active), UPDATE (is_active) ON TABLE auth_schema.employments TO auth_app;
COMMENT ON COLUMN auth_schema.employments.as_of IS 'Time of the event.';
GRANT INSERT (as_of), UPDATE (as_of) ON TABLE auth_schema.employments TO auth_app;
COMMENT ON COLUMN auth_schema.employments.version IS 'The event''s number, which counts up with each word about an employment: an older one that comes late changes nothing. Where either has none, their times decide.';
GRANT INSERT (version), UPDATE (version) ON TABLE auth_schema.employments TO auth_app;

CREATE INDEX employments_user_id_as_of_idx ON auth_schema.employments USING btree (user_id, as_of DESC);

CREATE TRIGGER employments_set_updated_at BEFORE UPDATE ON auth_schema.employments FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.erasures (
    public_id uuid NOT NULL,
    erased_at timestamp with time zone DEFAULT now() NOT NULL,
    reason text NOT NULL,
    requested_by text DEFAULT auth_schema.request_context('actor'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT erasures_pk PRIMARY KEY (public_id),
    CONSTRAINT erasures_reason_check CHECK (reason = ANY (ARRAY['OWN_REQUEST'::text, 'ADMINISTRATOR'::text, 'REPLAYED'::text])),
    CONSTRAINT erasures_requested_by_check CHECK (length(requested_by) <= 100)
);
COMMENT ON TABLE auth_schema.erasures IS 'Whom the platform has forgotten: the ledger that is kept outside too and replayed after an old backup came back. References only, nothing personal.';
GRANT SELECT ON TABLE auth_schema.erasures TO auth_app;
GRANT SELECT ON TABLE auth_schema.erasures TO auth_ro;
GRANT INSERT (public_id) ON TABLE auth_schema.erasures TO auth_app;
GRANT INSERT (reason) ON TABLE auth_schema.erasures TO auth_app;

CREATE INDEX erasures_erased_at_idx ON auth_schema.erasures USING btree (erased_at);

CREATE TRIGGER erasures_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON auth_schema.erasures FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.refuse_change();

CREATE TABLE auth_schema.idempotency_keys (
    key_hash bytea NOT NULL,
    fingerprint bytea NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_answer_check CHECK (octet_length(answer) >= 1 AND octet_length(answer) <= 1100000),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK (octet_length(fingerprint) = 32),
    CONSTRAINT idempotency_keys_key_hash_check CHECK (octet_length(key_hash) = 32),
    CONSTRAINT idempotency_keys_pk PRIMARY KEY (key_hash),
    CONSTRAINT idempotency_keys_status_check CHECK (status >= 200 AND status <= 499)
);
COMMENT ON TABLE auth_schema.idempotency_keys IS 'The answer to each request that had an Idempotency-Key, written in the transaction of its effect and given again to a repetition. Not partitioned: a key must be unique. Deleted after a day.';
GRANT SELECT ON TABLE auth_schema.idempotency_keys TO auth_app;
COMMENT ON COLUMN auth_schema.idempotency_keys.key_hash IS 'SHA-256 of who asked, the route and the key, which itself is kept nowhere.';
GRANT INSERT (key_hash) ON TABLE auth_schema.idempotency_keys TO auth_app;
GRANT SELECT (key_hash) ON TABLE auth_schema.idempotency_keys TO auth_ro;
COMMENT ON COLUMN auth_schema.idempotency_keys.fingerprint IS 'SHA-256 of method, address and body: a key stands for one request.';
GRANT INSERT (fingerprint) ON TABLE auth_schema.idempotency_keys TO auth_app;
GRANT SELECT (fingerprint) ON TABLE auth_schema.idempotency_keys TO auth_ro;
GRANT INSERT (status) ON TABLE auth_schema.idempotency_keys TO auth_app;
GRANT SELECT (status) ON TABLE auth_schema.idempotency_keys TO auth_ro;
COMMENT ON COLUMN auth_schema.idempotency_keys.answer IS 'Personal data: headers and body, encrypted with a key that only who knows the Idempotency-Key can make again.';
GRANT INSERT (answer) ON TABLE auth_schema.idempotency_keys TO auth_app;
GRANT SELECT (created_at) ON TABLE auth_schema.idempotency_keys TO auth_ro;

CREATE INDEX idempotency_keys_created_at_idx ON auth_schema.idempotency_keys USING btree (created_at);

CREATE TABLE auth_schema.inbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    event jsonb NOT NULL,
    correlation_id text,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    first_failed_at timestamp with time zone,
    last_error text,
    settled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT inbox_events_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT inbox_events_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT inbox_events_attempts_check CHECK (attempts >= 0),
    CONSTRAINT inbox_events_consumer_check CHECK (consumer ~ '^[a-z][a-z0-9_.]{0,99}$'::text),
    CONSTRAINT inbox_events_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT inbox_events_event_check CHECK (jsonb_typeof(event) = 'object'::text),
    CONSTRAINT inbox_events_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT inbox_events_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT inbox_events_pk PRIMARY KEY (event_id, consumer)
);
COMMENT ON TABLE auth_schema.inbox_events IS 'Events that came in, one row a consumer. Not partitioned: the key makes each event come in once, and settled rows are deleted after their retention, which is longer than any transport repeats an event.';
GRANT DELETE, SELECT ON TABLE auth_schema.inbox_events TO auth_app;
COMMENT ON COLUMN auth_schema.inbox_events.id IS 'The order of arrival, which is the order of delivery within one aggregate.';
GRANT SELECT (id) ON TABLE auth_schema.inbox_events TO auth_ro;
GRANT INSERT (event_id) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT SELECT (event_id) ON TABLE auth_schema.inbox_events TO auth_ro;
COMMENT ON COLUMN auth_schema.inbox_events.consumer IS 'The consumer of this service that the event is for.';
GRANT INSERT (consumer) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT SELECT (consumer) ON TABLE auth_schema.inbox_events TO auth_ro;
GRANT INSERT (event_type) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT SELECT (event_type) ON TABLE auth_schema.inbox_events TO auth_ro;
GRANT INSERT (aggregate_type) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT SELECT (aggregate_type) ON TABLE auth_schema.inbox_events TO auth_ro;
GRANT INSERT (aggregate_key) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT SELECT (aggregate_key) ON TABLE auth_schema.inbox_events TO auth_ro;
COMMENT ON COLUMN auth_schema.inbox_events.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT INSERT (correlation_id) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT SELECT (correlation_id) ON TABLE auth_schema.inbox_events TO auth_ro;
GRANT UPDATE (attempts) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT SELECT (attempts) ON TABLE auth_schema.inbox_events TO auth_ro;
GRANT UPDATE (next_attempt_at) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT SELECT (next_attempt_at) ON TABLE auth_schema.inbox_events TO auth_ro;
GRANT UPDATE (first_failed_at) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT SELECT (first_failed_at) ON TABLE auth_schema.inbox_events TO auth_ro;
GRANT UPDATE (last_error) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT SELECT (last_error) ON TABLE auth_schema.inbox_events TO auth_ro;
COMMENT ON COLUMN auth_schema.inbox_events.settled_at IS 'Set in the transaction of the effect, or when the event was given up: then dead_letters holds it.';
GRANT UPDATE (settled_at) ON TABLE auth_schema.inbox_events TO auth_app;
GRANT SELECT (settled_at) ON TABLE auth_schema.inbox_events TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.inbox_events TO auth_ro;

CREATE INDEX inbox_events_settled_at_idx ON auth_schema.inbox_events USING btree (settled_at) WHERE (settled_at IS NOT NULL);

CREATE INDEX inbox_events_unsettled_aggregate_idx ON auth_schema.inbox_events USING btree (aggregate_type, aggregate_key, consumer, id) WHERE (settled_at IS NULL);

CREATE INDEX inbox_events_unsettled_id_idx ON auth_schema.inbox_events USING btree (id) WHERE (settled_at IS NULL);

CREATE TABLE auth_schema.notification_preferences (
    user_id uuid NOT NULL,
    category text NOT NULL,
    channel text NOT NULL,
    is_wanted boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT notification_preferences_category_check CHECK (category = ANY (ARRAY['ACCOUNT'::text, 'WORK'::text, 'TICKETS'::text, 'PRIZES'::text, 'PURCHASES'::text])),
    CONSTRAINT notification_preferences_channel_check CHECK (channel = ANY (ARRAY['IN_APP'::text, 'SMS'::text, 'EMAIL'::text])),
    CONSTRAINT notification_preferences_pk PRIMARY KEY (user_id, category, channel)
);
COMMENT ON TABLE auth_schema.notification_preferences IS 'What somebody chose about a category and a channel. Without a row it is wanted.';
GRANT DELETE, SELECT ON TABLE auth_schema.notification_preferences TO auth_app;
COMMENT ON COLUMN auth_schema.notification_preferences.user_id IS 'users.public_id.';
GRANT INSERT (user_id) ON TABLE auth_schema.notification_preferences TO auth_app;
GRANT INSERT (category) ON TABLE auth_schema.notification_preferences TO auth_app;
GRANT SELECT (category) ON TABLE auth_schema.notification_preferences TO auth_ro;
GRANT INSERT (channel) ON TABLE auth_schema.notification_preferences TO auth_app;
GRANT SELECT (channel) ON TABLE auth_schema.notification_preferences TO auth_ro;
GRANT INSERT (is_wanted), UPDATE (is_wanted) ON TABLE auth_schema.notification_preferences TO auth_app;
GRANT SELECT (is_wanted) ON TABLE auth_schema.notification_preferences TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.notification_preferences TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.notification_preferences TO auth_ro;

CREATE TRIGGER notification_preferences_set_updated_at BEFORE UPDATE ON auth_schema.notification_preferences FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.notification_settings (
    user_id uuid NOT NULL,
    time_zone text NOT NULL,
    quiet_from time without time zone NOT NULL,
    quiet_until time without time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT notification_settings_pk PRIMARY KEY (user_id),
    CONSTRAINT notification_settings_quiet_until_check CHECK (quiet_until <> quiet_from),
    CONSTRAINT notification_settings_time_zone_check CHECK (length(time_zone) <= 64 AND time_zone ~ '^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$'::text AND auth_schema.is_time_zone(time_zone))
);
COMMENT ON TABLE auth_schema.notification_settings IS 'Quiet hours, for those who want some: only messages of security come through.';
GRANT DELETE, SELECT ON TABLE auth_schema.notification_settings TO auth_app;
COMMENT ON COLUMN auth_schema.notification_settings.user_id IS 'users.public_id.';
GRANT INSERT (user_id) ON TABLE auth_schema.notification_settings TO auth_app;
COMMENT ON COLUMN auth_schema.notification_settings.time_zone IS 'Personal data: the zone that somebody lives in.';
GRANT INSERT (time_zone), UPDATE (time_zone) ON TABLE auth_schema.notification_settings TO auth_app;
GRANT INSERT (quiet_from), UPDATE (quiet_from) ON TABLE auth_schema.notification_settings TO auth_app;
GRANT SELECT (quiet_from) ON TABLE auth_schema.notification_settings TO auth_ro;
GRANT INSERT (quiet_until), UPDATE (quiet_until) ON TABLE auth_schema.notification_settings TO auth_app;
GRANT SELECT (quiet_until) ON TABLE auth_schema.notification_settings TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.notification_settings TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.notification_settings TO auth_ro;

CREATE TRIGGER notification_settings_set_updated_at BEFORE UPDATE ON auth_schema.notification_settings FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.notifications (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    notification_id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    user_id uuid NOT NULL,
    channel text NOT NULL,
    category text NOT NULL,
    template text NOT NULL,
    arguments jsonb DEFAULT '{}'::jsonb NOT NULL,
    status text NOT NULL,
    send_after timestamp with time zone DEFAULT now() NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    last_error text,
    sent_at timestamp with time zone,
    read_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT notifications_arguments_check CHECK (jsonb_typeof(arguments) = 'object'::text),
    CONSTRAINT notifications_attempts_check CHECK (attempts >= 0 AND attempts <= 20),
    CONSTRAINT notifications_category_check CHECK (category = ANY (ARRAY['SECURITY'::text, 'ACCOUNT'::text, 'WORK'::text, 'TICKETS'::text, 'PRIZES'::text, 'PURCHASES'::text])),
    CONSTRAINT notifications_channel_check CHECK (channel = ANY (ARRAY['IN_APP'::text, 'SMS'::text, 'EMAIL'::text])),
    CONSTRAINT notifications_event_id_user_id_channel_key UNIQUE (event_id, user_id, channel),
    CONSTRAINT notifications_in_app_check CHECK (channel <> 'IN_APP'::text OR status = 'SENT'::text),
    CONSTRAINT notifications_last_error_check CHECK (length(last_error) >= 1 AND length(last_error) <= 200),
    CONSTRAINT notifications_notification_id_key UNIQUE (notification_id),
    CONSTRAINT notifications_pk PRIMARY KEY (id),
    CONSTRAINT notifications_read_at_check CHECK (read_at IS NULL OR channel = 'IN_APP'::text),
    CONSTRAINT notifications_sent_at_check CHECK ((status = 'SENT'::text) = (sent_at IS NOT NULL)),
    CONSTRAINT notifications_status_check CHECK (status = ANY (ARRAY['PENDING'::text, 'SENT'::text, 'SKIPPED'::text, 'DEAD'::text])),
    CONSTRAINT notifications_template_check CHECK (template ~ '^[a-z][a-z-]{1,39}$'::text)
);
COMMENT ON TABLE auth_schema.notifications IS 'One row an event, person and channel. Those of the application are there at once; others are sent by whoever claims them: send_after is then the end of the claim. Deleted after 180 days, and when the person is erased.';
GRANT DELETE, SELECT ON TABLE auth_schema.notifications TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.notifications TO auth_ro;
GRANT INSERT (event_id) ON TABLE auth_schema.notifications TO auth_app;
GRANT SELECT (event_id) ON TABLE auth_schema.notifications TO auth_ro;
COMMENT ON COLUMN auth_schema.notifications.user_id IS 'users.public_id.';
GRANT INSERT (user_id) ON TABLE auth_schema.notifications TO auth_app;
GRANT INSERT (channel) ON TABLE auth_schema.notifications TO auth_app;
GRANT SELECT (channel) ON TABLE auth_schema.notifications TO auth_ro;
GRANT INSERT (category) ON TABLE auth_schema.notifications TO auth_app;
GRANT SELECT (category) ON TABLE auth_schema.notifications TO auth_ro;
GRANT INSERT (template) ON TABLE auth_schema.notifications TO auth_app;
GRANT SELECT (template) ON TABLE auth_schema.notifications TO auth_ro;
COMMENT ON COLUMN auth_schema.notifications.arguments IS 'References and amounts of the event, for the template.';
GRANT INSERT (arguments) ON TABLE auth_schema.notifications TO auth_app;
GRANT INSERT (status), UPDATE (status) ON TABLE auth_schema.notifications TO auth_app;
GRANT SELECT (status) ON TABLE auth_schema.notifications TO auth_ro;
GRANT INSERT (send_after), UPDATE (send_after) ON TABLE auth_schema.notifications TO auth_app;
GRANT SELECT (send_after) ON TABLE auth_schema.notifications TO auth_ro;
GRANT UPDATE (attempts) ON TABLE auth_schema.notifications TO auth_app;
GRANT SELECT (attempts) ON TABLE auth_schema.notifications TO auth_ro;
COMMENT ON COLUMN auth_schema.notifications.last_error IS 'A reason without number, address or content.';
GRANT UPDATE (last_error) ON TABLE auth_schema.notifications TO auth_app;
GRANT SELECT (last_error) ON TABLE auth_schema.notifications TO auth_ro;
GRANT INSERT (sent_at), UPDATE (sent_at) ON TABLE auth_schema.notifications TO auth_app;
GRANT SELECT (sent_at) ON TABLE auth_schema.notifications TO auth_ro;
COMMENT ON COLUMN auth_schema.notifications.read_at IS 'Personal data: when somebody read it.';
GRANT UPDATE (read_at) ON TABLE auth_schema.notifications TO auth_app;
GRANT SELECT (created_at) ON TABLE auth_schema.notifications TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.notifications TO auth_ro;

CREATE INDEX notifications_created_at_idx ON auth_schema.notifications USING btree (created_at);

CREATE INDEX notifications_send_after_idx ON auth_schema.notifications USING btree (send_after) WHERE (status = 'PENDING'::text);

CREATE INDEX notifications_user_id_id_idx ON auth_schema.notifications USING btree (user_id, id DESC);

CREATE TRIGGER notifications_set_updated_at BEFORE UPDATE ON auth_schema.notifications FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

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
    phone_hash bytea,
    undelivered_at timestamp with time zone,
    CONSTRAINT otp_sessions_attempts_check CHECK (attempts >= 0 AND attempts <= 3),
    CONSTRAINT otp_sessions_channel_check CHECK (channel = ANY (ARRAY['SMS'::text, 'WHATSAPP'::text, 'VOICE'::text, 'CONSOLE'::text])),
    CONSTRAINT otp_sessions_code_hash_check CHECK (octet_length(code_hash) = 32),
    CONSTRAINT otp_sessions_consumed_check CHECK (consumed_at IS NULL OR attempts >= 1 AND consumed_at >= created_at AND consumed_at < expires_at),
    CONSTRAINT otp_sessions_delivered_check CHECK (channel <> 'CONSOLE'::text),
    CONSTRAINT otp_sessions_expires_at_check CHECK (expires_at > created_at AND (expires_at - created_at) <= '00:10:00'::interval),
    CONSTRAINT otp_sessions_lifetime_check CHECK ((expires_at - created_at) <= '00:05:00'::interval),
    CONSTRAINT otp_sessions_phone_change_check CHECK (purpose <> 'PHONE_CHANGE'::text OR user_id IS NOT NULL),
    CONSTRAINT otp_sessions_phone_hash_check CHECK (octet_length(phone_hash) = 32),
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
COMMENT ON COLUMN auth_schema.otp_sessions.phone_hash IS 'HMAC-SHA-256 of the phone number with a key that the database does not hold: how the audit log and phone_lockouts name a phone without account.';
GRANT INSERT (phone_hash) ON TABLE auth_schema.otp_sessions TO auth_app;
COMMENT ON COLUMN auth_schema.otp_sessions.undelivered_at IS 'When sending the code failed: from then on no code is right. The session stays open and counts tries, as that of a phone without account does, to which nothing is ever sent; ended, it would tell the two apart.';
GRANT UPDATE (undelivered_at) ON TABLE auth_schema.otp_sessions TO auth_app;

CREATE INDEX otp_sessions_expires_at_idx ON auth_schema.otp_sessions USING btree (expires_at);

CREATE UNIQUE INDEX otp_sessions_open_key ON auth_schema.otp_sessions USING btree (phone_number, purpose) WHERE ((consumed_at IS NULL) AND (voided_at IS NULL));

CREATE INDEX otp_sessions_phone_number_created_at_idx ON auth_schema.otp_sessions USING btree (phone_number, created_at);

CREATE INDEX otp_sessions_user_id_idx ON auth_schema.otp_sessions USING btree (user_id) WHERE (user_id IS NOT NULL);

CREATE TRIGGER otp_sessions_final BEFORE UPDATE ON auth_schema.otp_sessions FOR EACH ROW WHEN (new.attempts < old.attempts OR old.consumed_at IS NOT NULL AND new.consumed_at IS DISTINCT FROM old.consumed_at OR old.consumed_at IS NULL AND new.consumed_at IS NOT NULL AND old.expires_at <= now() OR old.voided_at IS NOT NULL AND (new.voided_at IS DISTINCT FROM old.voided_at OR new.void_reason IS DISTINCT FROM old.void_reason)) EXECUTE FUNCTION auth_schema.refuse_revival();

CREATE TRIGGER otp_sessions_set_updated_at BEFORE UPDATE ON auth_schema.otp_sessions FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TRIGGER otp_sessions_stay_undelivered BEFORE UPDATE ON auth_schema.otp_sessions FOR EACH ROW WHEN (old.undelivered_at IS NOT NULL AND new.undelivered_at IS DISTINCT FROM old.undelivered_at) EXECUTE FUNCTION auth_schema.refuse_revival();

CREATE TABLE auth_schema.outbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    payload jsonb NOT NULL,
    schema_version integer DEFAULT 1 NOT NULL,
    correlation_id text DEFAULT auth_schema.request_context('correlation_id'::text),
    causation_id uuid,
    trace_parent text DEFAULT auth_schema.request_context('trace_parent'::text),
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    published_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT outbox_events_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT outbox_events_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT outbox_events_attempts_check CHECK (attempts >= 0),
    CONSTRAINT outbox_events_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT outbox_events_event_id_key UNIQUE (event_id),
    CONSTRAINT outbox_events_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT outbox_events_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT outbox_events_payload_check CHECK (jsonb_typeof(payload) = 'object'::text),
    CONSTRAINT outbox_events_pk PRIMARY KEY (id),
    CONSTRAINT outbox_events_schema_version_check CHECK (schema_version >= 1),
    CONSTRAINT outbox_events_trace_parent_check CHECK (trace_parent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'::text)
);
COMMENT ON TABLE auth_schema.outbox_events IS 'Events to publish as CloudEvents. Not partitioned: published rows are deleted after their retention, and the event id must be unique.';
GRANT DELETE, SELECT ON TABLE auth_schema.outbox_events TO auth_app;
COMMENT ON COLUMN auth_schema.outbox_events.id IS 'The order of delivery within one aggregate. Writers of one aggregate hold its row''s lock, so their ids are in the order of their commits; across aggregates an id may appear late, so a reader asks for published_at IS NULL and never for id > n.';
GRANT SELECT (id) ON TABLE auth_schema.outbox_events TO auth_ro;
COMMENT ON COLUMN auth_schema.outbox_events.event_id IS 'CloudEvents id; the key of the consumers'' inboxes.';
GRANT INSERT (event_id) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (event_id) ON TABLE auth_schema.outbox_events TO auth_ro;
COMMENT ON COLUMN auth_schema.outbox_events.event_type IS 'CloudEvents type, as user.registered.';
GRANT INSERT (event_type) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (event_type) ON TABLE auth_schema.outbox_events TO auth_ro;
GRANT INSERT (aggregate_type) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (aggregate_type) ON TABLE auth_schema.outbox_events TO auth_ro;
COMMENT ON COLUMN auth_schema.outbox_events.aggregate_key IS 'CloudEvents subject: the public reference of what the event is about.';
GRANT INSERT (aggregate_key) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (aggregate_key) ON TABLE auth_schema.outbox_events TO auth_ro;
COMMENT ON COLUMN auth_schema.outbox_events.payload IS 'Personal data: CloudEvents data; may carry a user''s public id, no phone or name.';
GRANT INSERT (payload) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT INSERT (schema_version) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (schema_version) ON TABLE auth_schema.outbox_events TO auth_ro;
GRANT INSERT (correlation_id) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (correlation_id) ON TABLE auth_schema.outbox_events TO auth_ro;
GRANT INSERT (causation_id) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (causation_id) ON TABLE auth_schema.outbox_events TO auth_ro;
GRANT INSERT (trace_parent) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (trace_parent) ON TABLE auth_schema.outbox_events TO auth_ro;
COMMENT ON COLUMN auth_schema.outbox_events.occurred_at IS 'CloudEvents time.';
GRANT SELECT (occurred_at) ON TABLE auth_schema.outbox_events TO auth_ro;
GRANT UPDATE (published_at) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (published_at) ON TABLE auth_schema.outbox_events TO auth_ro;
GRANT UPDATE (attempts) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (attempts) ON TABLE auth_schema.outbox_events TO auth_ro;
GRANT UPDATE (next_attempt_at) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (next_attempt_at) ON TABLE auth_schema.outbox_events TO auth_ro;
GRANT UPDATE (last_error) ON TABLE auth_schema.outbox_events TO auth_app;
GRANT SELECT (last_error) ON TABLE auth_schema.outbox_events TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.outbox_events TO auth_ro;

CREATE INDEX outbox_events_published_at_idx ON auth_schema.outbox_events USING btree (published_at) WHERE (published_at IS NOT NULL);

CREATE INDEX outbox_events_unpublished_aggregate_idx ON auth_schema.outbox_events USING btree (aggregate_type, aggregate_key, id) WHERE (published_at IS NULL);

CREATE INDEX outbox_events_unpublished_id_idx ON auth_schema.outbox_events USING btree (id) WHERE (published_at IS NULL);

CREATE TABLE auth_schema.partner_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_type text NOT NULL,
    partner_code text NOT NULL,
    key_prefix text,
    new_values jsonb NOT NULL,
    actor text DEFAULT auth_schema.request_context('actor'::text),
    correlation_id text DEFAULT auth_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (auth_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT "left"(auth_schema.request_context('user_agent'::text), 500),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT partner_audit_log_event_type_check CHECK (event_type = ANY (ARRAY['PARTNER_CREATED'::text, 'PARTNER_CHANGED'::text, 'API_KEY_CREATED'::text, 'API_KEY_ROTATED'::text, 'API_KEY_EXPIRY_SET'::text, 'API_KEY_REVOKED'::text])),
    CONSTRAINT partner_audit_log_new_values_check CHECK (jsonb_typeof(new_values) = 'object'::text),
    CONSTRAINT partner_audit_log_pk PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE auth_schema.partner_audit_log IS 'What was done to partners and their keys, by whom and from where; append-only, written by triggers alone.';
GRANT SELECT ON TABLE auth_schema.partner_audit_log TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.partner_audit_log TO auth_ro;
GRANT SELECT (event_type) ON TABLE auth_schema.partner_audit_log TO auth_ro;
GRANT SELECT (partner_code) ON TABLE auth_schema.partner_audit_log TO auth_ro;
GRANT SELECT (key_prefix) ON TABLE auth_schema.partner_audit_log TO auth_ro;
GRANT SELECT (new_values) ON TABLE auth_schema.partner_audit_log TO auth_ro;
GRANT SELECT (actor) ON TABLE auth_schema.partner_audit_log TO auth_ro;
GRANT SELECT (correlation_id) ON TABLE auth_schema.partner_audit_log TO auth_ro;
COMMENT ON COLUMN auth_schema.partner_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN auth_schema.partner_audit_log.user_agent IS 'Personal data: the device that asked.';
GRANT SELECT (created_at) ON TABLE auth_schema.partner_audit_log TO auth_ro;

CREATE INDEX partner_audit_log_partner_code_created_at_idx ON auth_schema.partner_audit_log USING btree (partner_code, created_at DESC);

CREATE TRIGGER partner_audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON auth_schema.partner_audit_log FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.refuse_change();

CREATE TABLE auth_schema.partners (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    partner_code text NOT NULL,
    name text NOT NULL,
    contact_email text,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT partners_contact_email_check CHECK (length(contact_email) <= 254 AND contact_email ~ '^[^@[:space:]]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$'::text),
    CONSTRAINT partners_name_check CHECK (name = btrim(name) AND length(name) >= 1 AND length(name) <= 200 AND auth_schema.has_visible_character(name)),
    CONSTRAINT partners_partner_code_check CHECK (partner_code ~ '^[A-Z0-9][A-Z0-9-]{1,18}[A-Z0-9]$'::text),
    CONSTRAINT partners_partner_code_key UNIQUE (partner_code),
    CONSTRAINT partners_pk PRIMARY KEY (id)
);
COMMENT ON TABLE auth_schema.partners IS 'Firms whose point-of-sale systems use the API. An inactive one is refused at once, whatever keys it holds.';
GRANT SELECT ON TABLE auth_schema.partners TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.partners TO auth_ro;
COMMENT ON COLUMN auth_schema.partners.partner_code IS 'How tokens, logs and other tables name the partner.';
GRANT INSERT (partner_code) ON TABLE auth_schema.partners TO auth_app;
GRANT SELECT (partner_code) ON TABLE auth_schema.partners TO auth_ro;
GRANT INSERT (name), UPDATE (name) ON TABLE auth_schema.partners TO auth_app;
GRANT SELECT (name) ON TABLE auth_schema.partners TO auth_ro;
COMMENT ON COLUMN auth_schema.partners.contact_email IS 'Personal data: whom to write to at the partner.';
GRANT INSERT (contact_email), UPDATE (contact_email) ON TABLE auth_schema.partners TO auth_app;
GRANT UPDATE (is_active) ON TABLE auth_schema.partners TO auth_app;
GRANT SELECT (is_active) ON TABLE auth_schema.partners TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.partners TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.partners TO auth_ro;

CREATE TRIGGER partners_log_insert AFTER INSERT ON auth_schema.partners FOR EACH ROW EXECUTE FUNCTION auth_schema.log_partner_change('PARTNER_CREATED');

CREATE TRIGGER partners_log_update AFTER UPDATE ON auth_schema.partners FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION auth_schema.log_partner_change('PARTNER_CHANGED');

CREATE TRIGGER partners_set_updated_at BEFORE UPDATE ON auth_schema.partners FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.pending_registrations (
    otp_session_id bigint NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    email text,
    preferred_language text NOT NULL,
    terms_version text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT pending_registrations_email_check CHECK (length(email) <= 254 AND email ~ '^[^@[:space:]]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$'::text),
    CONSTRAINT pending_registrations_first_name_check CHECK (first_name = btrim(first_name) AND length(first_name) >= 1 AND length(first_name) <= 100 AND auth_schema.has_visible_character(first_name)),
    CONSTRAINT pending_registrations_last_name_check CHECK (last_name = btrim(last_name) AND length(last_name) >= 1 AND length(last_name) <= 100 AND auth_schema.has_visible_character(last_name)),
    CONSTRAINT pending_registrations_pk PRIMARY KEY (otp_session_id),
    CONSTRAINT pending_registrations_preferred_language_check CHECK (preferred_language = ANY (ARRAY['es'::text, 'en'::text])),
    CONSTRAINT pending_registrations_terms_version_check CHECK (length(terms_version) >= 1 AND length(terms_version) <= 20)
);
COMMENT ON TABLE auth_schema.pending_registrations IS 'What a registration said, until its code proves the phone: only then a user is made. Age was confirmed and the terms accepted at created_at.';
GRANT DELETE, SELECT ON TABLE auth_schema.pending_registrations TO auth_app;
GRANT INSERT (otp_session_id), UPDATE (otp_session_id) ON TABLE auth_schema.pending_registrations TO auth_app;
GRANT SELECT (otp_session_id) ON TABLE auth_schema.pending_registrations TO auth_ro;
COMMENT ON COLUMN auth_schema.pending_registrations.first_name IS 'Personal data: given name.';
GRANT INSERT (first_name) ON TABLE auth_schema.pending_registrations TO auth_app;
COMMENT ON COLUMN auth_schema.pending_registrations.last_name IS 'Personal data: family name.';
GRANT INSERT (last_name) ON TABLE auth_schema.pending_registrations TO auth_app;
COMMENT ON COLUMN auth_schema.pending_registrations.email IS 'Personal data: where receipts will go.';
GRANT INSERT (email) ON TABLE auth_schema.pending_registrations TO auth_app;
GRANT INSERT (preferred_language) ON TABLE auth_schema.pending_registrations TO auth_app;
GRANT SELECT (preferred_language) ON TABLE auth_schema.pending_registrations TO auth_ro;
GRANT INSERT (terms_version) ON TABLE auth_schema.pending_registrations TO auth_app;
GRANT SELECT (terms_version) ON TABLE auth_schema.pending_registrations TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.pending_registrations TO auth_ro;

CREATE TABLE auth_schema.phone_lockouts (
    phone_hash bytea NOT NULL,
    failed_attempts smallint NOT NULL,
    locked_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT phone_lockouts_failed_attempts_check CHECK (failed_attempts >= 1 AND failed_attempts <= 5),
    CONSTRAINT phone_lockouts_locked_until_check CHECK (failed_attempts < 5 OR locked_until IS NOT NULL),
    CONSTRAINT phone_lockouts_phone_hash_check CHECK (octet_length(phone_hash) = 32),
    CONSTRAINT phone_lockouts_pk PRIMARY KEY (phone_hash)
);
COMMENT ON TABLE auth_schema.phone_lockouts IS 'Failed codes of phones without account, counted and locked as users are: otherwise the lock would tell which phones have an account. Deleted a day after the last failure.';
GRANT DELETE, SELECT ON TABLE auth_schema.phone_lockouts TO auth_app;
GRANT INSERT (phone_hash) ON TABLE auth_schema.phone_lockouts TO auth_app;
GRANT INSERT (failed_attempts), UPDATE (failed_attempts) ON TABLE auth_schema.phone_lockouts TO auth_app;
GRANT SELECT (failed_attempts) ON TABLE auth_schema.phone_lockouts TO auth_ro;
GRANT UPDATE (locked_until) ON TABLE auth_schema.phone_lockouts TO auth_app;
GRANT SELECT (locked_until) ON TABLE auth_schema.phone_lockouts TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.phone_lockouts TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.phone_lockouts TO auth_ro;

CREATE INDEX phone_lockouts_updated_at_idx ON auth_schema.phone_lockouts USING btree (updated_at);

CREATE TRIGGER phone_lockouts_set_updated_at BEFORE UPDATE ON auth_schema.phone_lockouts FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.rate_limits (
    limit_name text NOT NULL,
    subject bytea NOT NULL,
    window_s integer NOT NULL,
    window_start timestamp with time zone NOT NULL,
    request_count integer DEFAULT 1 NOT NULL,
    max_requests integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT rate_limits_limit_name_check CHECK (limit_name ~ '^[a-z][a-z0-9_.]{1,49}$'::text),
    CONSTRAINT rate_limits_pk PRIMARY KEY (limit_name, subject, window_s, window_start),
    CONSTRAINT rate_limits_request_count_check CHECK (request_count >= 1 AND request_count <= max_requests),
    CONSTRAINT rate_limits_subject_check CHECK (octet_length(subject) = 32),
    CONSTRAINT rate_limits_window_s_check CHECK (window_s >= 1 AND window_s <= 86400),
    CONSTRAINT rate_limits_window_start_check CHECK (mod(EXTRACT(epoch FROM window_start), window_s::numeric) = 0::numeric)
);
COMMENT ON TABLE auth_schema.rate_limits IS 'How often something was done in a window of time, for a limit and a subject. All limits of a request are taken by one statement, in the order of the key, so that requests cannot deadlock; a full one is not updated, and the transaction that wanted it rolls back. Deleted a day after the window.';
GRANT SELECT ON TABLE auth_schema.rate_limits TO auth_app;
GRANT SELECT ON TABLE auth_schema.rate_limits TO auth_ro;
GRANT INSERT (limit_name) ON TABLE auth_schema.rate_limits TO auth_app;
COMMENT ON COLUMN auth_schema.rate_limits.subject IS 'Personal data: SHA-256 of the phone number, address or user that the limit is about.';
GRANT INSERT (subject) ON TABLE auth_schema.rate_limits TO auth_app;
GRANT INSERT (window_s) ON TABLE auth_schema.rate_limits TO auth_app;
COMMENT ON COLUMN auth_schema.rate_limits.window_start IS 'A whole multiple of window_s since 1970, so that every process names the same window.';
GRANT INSERT (window_start) ON TABLE auth_schema.rate_limits TO auth_app;
GRANT INSERT (request_count), UPDATE (request_count) ON TABLE auth_schema.rate_limits TO auth_app;
COMMENT ON COLUMN auth_schema.rate_limits.max_requests IS 'The limit in force when the window was opened.';
GRANT INSERT (max_requests) ON TABLE auth_schema.rate_limits TO auth_app;

CREATE INDEX rate_limits_window_start_idx ON auth_schema.rate_limits USING btree (window_start);

CREATE TRIGGER rate_limits_set_updated_at BEFORE UPDATE ON auth_schema.rate_limits FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.recovery_codes (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    user_id bigint NOT NULL,
    code_hash bytea NOT NULL,
    used_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT recovery_codes_code_hash_check CHECK (octet_length(code_hash) = 32),
    CONSTRAINT recovery_codes_pk PRIMARY KEY (id),
    CONSTRAINT recovery_codes_used_at_check CHECK (used_at >= created_at),
    CONSTRAINT recovery_codes_user_id_code_hash_key UNIQUE (user_id, code_hash)
);
COMMENT ON TABLE auth_schema.recovery_codes IS 'What stands in for a lost second factor; each is good once. Replaced all together, deleted with the factor.';
GRANT DELETE, SELECT ON TABLE auth_schema.recovery_codes TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.recovery_codes TO auth_ro;
GRANT INSERT (user_id) ON TABLE auth_schema.recovery_codes TO auth_app;
GRANT SELECT (user_id) ON TABLE auth_schema.recovery_codes TO auth_ro;
COMMENT ON COLUMN auth_schema.recovery_codes.code_hash IS 'SHA-256 of the user''s reference and 80 random bits: no key, so that they outlive the loss of one.';
GRANT INSERT (code_hash) ON TABLE auth_schema.recovery_codes TO auth_app;
GRANT UPDATE (used_at) ON TABLE auth_schema.recovery_codes TO auth_app;
GRANT SELECT (used_at) ON TABLE auth_schema.recovery_codes TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.recovery_codes TO auth_ro;

CREATE TRIGGER recovery_codes_final BEFORE UPDATE ON auth_schema.recovery_codes FOR EACH ROW WHEN (old.used_at IS NOT NULL) EXECUTE FUNCTION auth_schema.refuse_revival();

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
    second_factor_at timestamp with time zone,
    is_page_session boolean DEFAULT false NOT NULL,
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
COMMENT ON COLUMN auth_schema.refresh_tokens.second_factor_at IS 'When the session proved its second factor; handed from token to token.';
GRANT INSERT (second_factor_at), UPDATE (second_factor_at) ON TABLE auth_schema.refresh_tokens TO auth_app;
COMMENT ON COLUMN auth_schema.refresh_tokens.is_page_session IS 'The cookie of a browser holds it: looked up for each page, never rotated, and no access token is made from it.';
GRANT INSERT (is_page_session) ON TABLE auth_schema.refresh_tokens TO auth_app;

CREATE INDEX refresh_tokens_family_expires_at_idx ON auth_schema.refresh_tokens USING btree (family_expires_at);

CREATE UNIQUE INDEX refresh_tokens_live_family_id_key ON auth_schema.refresh_tokens USING btree (family_id) WHERE ((used_at IS NULL) AND (revoked_at IS NULL));

CREATE INDEX refresh_tokens_user_id_idx ON auth_schema.refresh_tokens USING btree (user_id);

CREATE TRIGGER refresh_tokens_final BEFORE UPDATE ON auth_schema.refresh_tokens FOR EACH ROW WHEN (old.used_at IS NOT NULL AND new.used_at IS DISTINCT FROM old.used_at OR old.used_at IS NULL AND new.used_at IS NOT NULL AND (old.revoked_at IS NOT NULL OR old.expires_at <= now()) OR old.revoked_at IS NOT NULL AND (new.revoked_at IS DISTINCT FROM old.revoked_at OR new.revoke_reason IS DISTINCT FROM old.revoke_reason)) EXECUTE FUNCTION auth_schema.refuse_revival();

CREATE TRIGGER refresh_tokens_revoke_access AFTER UPDATE ON auth_schema.refresh_tokens FOR EACH ROW WHEN (old.revoked_at IS NULL AND new.revoked_at IS NOT NULL) EXECUTE FUNCTION auth_schema.revoke_access_of_session();

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
    second_factor_failures smallint,
    CONSTRAINT users_administrator_second_factor_check CHECK ((role <> ALL (ARRAY['STATION_ADMIN'::text, 'SYSTEM_ADMIN'::text])) OR last_login_at IS NULL OR second_factor_enabled_at IS NOT NULL OR NOT is_active),
    CONSTRAINT users_customer_terms_check CHECK (role <> 'CUSTOMER'::text OR erased_at IS NOT NULL OR NOT is_active OR terms_accepted_at IS NOT NULL AND age_confirmed_at IS NOT NULL),
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
    CONSTRAINT users_second_factor_failures_check CHECK (second_factor_failures >= 0 AND second_factor_failures <= 5),
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
COMMENT ON COLUMN auth_schema.users.second_factor_failures IS 'Wrong second factors in a row; the fifth sets locked_until. Not set back by logging in, which needs the phone alone.';
GRANT UPDATE (second_factor_failures) ON TABLE auth_schema.users TO auth_app;

CREATE INDEX users_full_name_idx ON auth_schema.users USING btree (lower(((first_name || ' '::text) || last_name)) text_pattern_ops) WHERE (erased_at IS NULL);

CREATE INDEX users_last_name_idx ON auth_schema.users USING btree (lower(last_name) text_pattern_ops) WHERE (erased_at IS NULL);

CREATE INDEX users_staff_role_idx ON auth_schema.users USING btree (role, id) WHERE (role <> 'CUSTOMER'::text);

CREATE TRIGGER users_identity BEFORE UPDATE ON auth_schema.users FOR EACH ROW WHEN (old.public_id <> new.public_id OR old.erased_at IS NOT NULL AND new.erased_at IS NULL) EXECUTE FUNCTION auth_schema.refuse_user_identity_change();

CREATE TRIGGER users_last_administrator AFTER UPDATE ON auth_schema.users FOR EACH ROW WHEN (old.role = 'SYSTEM_ADMIN'::text AND old.is_active AND NOT (new.role = 'SYSTEM_ADMIN'::text AND new.is_active)) EXECUTE FUNCTION auth_schema.keep_an_administrator();

CREATE TRIGGER users_log_insert AFTER INSERT ON auth_schema.users REFERENCING NEW TABLE AS new_users FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.log_account_changes();

CREATE TRIGGER users_log_update AFTER UPDATE ON auth_schema.users REFERENCING OLD TABLE AS old_users NEW TABLE AS new_users FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.log_account_changes();

CREATE TRIGGER users_revoke_access AFTER UPDATE ON auth_schema.users FOR EACH ROW WHEN (new.role <> old.role OR old.is_active AND NOT new.is_active OR old.second_factor_enabled_at IS NOT NULL AND new.second_factor_enabled_at IS NULL) EXECUTE FUNCTION auth_schema.revoke_access_of_user();

CREATE TRIGGER users_set_updated_at BEFORE UPDATE ON auth_schema.users FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.webhook_attempts (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    delivery_id uuid NOT NULL,
    attempt integer NOT NULL,
    status_code smallint,
    duration_ms integer NOT NULL,
    response text,
    error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT webhook_attempts_attempt_check CHECK (attempt >= 1),
    CONSTRAINT webhook_attempts_duration_ms_check CHECK (duration_ms >= 0),
    CONSTRAINT webhook_attempts_error_check CHECK (length(error) >= 1 AND length(error) <= 200),
    CONSTRAINT webhook_attempts_outcome_check CHECK (num_nonnulls(status_code, error) >= 1),
    CONSTRAINT webhook_attempts_pk PRIMARY KEY (id, created_at),
    CONSTRAINT webhook_attempts_response_check CHECK (length(response) <= 1000),
    CONSTRAINT webhook_attempts_status_code_check CHECK (status_code >= 100 AND status_code <= 999)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE auth_schema.webhook_attempts IS 'The log of every try to deliver a webhook; append-only. What answered is cut after a thousand characters.';
GRANT SELECT ON TABLE auth_schema.webhook_attempts TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.webhook_attempts TO auth_ro;
COMMENT ON COLUMN auth_schema.webhook_attempts.delivery_id IS 'webhook_deliveries.delivery_id.';
GRANT INSERT (delivery_id) ON TABLE auth_schema.webhook_attempts TO auth_app;
GRANT SELECT (delivery_id) ON TABLE auth_schema.webhook_attempts TO auth_ro;
GRANT INSERT (attempt) ON TABLE auth_schema.webhook_attempts TO auth_app;
GRANT SELECT (attempt) ON TABLE auth_schema.webhook_attempts TO auth_ro;
GRANT INSERT (status_code) ON TABLE auth_schema.webhook_attempts TO auth_app;
GRANT SELECT (status_code) ON TABLE auth_schema.webhook_attempts TO auth_ro;
GRANT INSERT (duration_ms) ON TABLE auth_schema.webhook_attempts TO auth_app;
GRANT SELECT (duration_ms) ON TABLE auth_schema.webhook_attempts TO auth_ro;
GRANT INSERT (response) ON TABLE auth_schema.webhook_attempts TO auth_app;
GRANT INSERT (error) ON TABLE auth_schema.webhook_attempts TO auth_app;
GRANT SELECT (error) ON TABLE auth_schema.webhook_attempts TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.webhook_attempts TO auth_ro;

CREATE INDEX webhook_attempts_delivery_id_idx ON auth_schema.webhook_attempts USING btree (delivery_id, created_at);

CREATE TRIGGER webhook_attempts_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON auth_schema.webhook_attempts FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.refuse_change();

CREATE TABLE auth_schema.webhook_deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    delivery_id uuid DEFAULT gen_random_uuid() NOT NULL,
    endpoint_id bigint NOT NULL,
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    body text NOT NULL,
    status text DEFAULT 'PENDING'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    tries_left smallint DEFAULT 12 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    delivered_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT webhook_deliveries_attempts_check CHECK (attempts >= 0),
    CONSTRAINT webhook_deliveries_body_check CHECK (length(body) >= 2 AND length(body) <= 100000),
    CONSTRAINT webhook_deliveries_delivered_at_check CHECK ((status = 'DELIVERED'::text) = (delivered_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_delivery_id_key UNIQUE (delivery_id),
    CONSTRAINT webhook_deliveries_endpoint_id_event_id_key UNIQUE (endpoint_id, event_id),
    CONSTRAINT webhook_deliveries_event_type_check CHECK (event_type ~ '^[a-z_.]{1,60}$'::text),
    CONSTRAINT webhook_deliveries_pk PRIMARY KEY (id),
    CONSTRAINT webhook_deliveries_status_check CHECK (status = ANY (ARRAY['PENDING'::text, 'DELIVERED'::text, 'DEAD'::text])),
    CONSTRAINT webhook_deliveries_tries_left_check CHECK (tries_left >= 0 AND tries_left <= 12)
);
COMMENT ON TABLE auth_schema.webhook_deliveries IS 'One row an event and endpoint: what is to be delivered, byte for byte, and how that went. Tried twelve times in about a day; whoever claims a row sets next_attempt_at to the end of the claim. Deleted after 30 days.';
GRANT DELETE, SELECT ON TABLE auth_schema.webhook_deliveries TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.webhook_deliveries TO auth_ro;
GRANT SELECT (delivery_id) ON TABLE auth_schema.webhook_deliveries TO auth_ro;
GRANT INSERT (endpoint_id) ON TABLE auth_schema.webhook_deliveries TO auth_app;
GRANT SELECT (endpoint_id) ON TABLE auth_schema.webhook_deliveries TO auth_ro;
GRANT INSERT (event_id) ON TABLE auth_schema.webhook_deliveries TO auth_app;
GRANT SELECT (event_id) ON TABLE auth_schema.webhook_deliveries TO auth_ro;
GRANT INSERT (event_type) ON TABLE auth_schema.webhook_deliveries TO auth_app;
GRANT SELECT (event_type) ON TABLE auth_schema.webhook_deliveries TO auth_ro;
GRANT INSERT (body) ON TABLE auth_schema.webhook_deliveries TO auth_app;
GRANT UPDATE (status) ON TABLE auth_schema.webhook_deliveries TO auth_app;
GRANT SELECT (status) ON TABLE auth_schema.webhook_deliveries TO auth_ro;
GRANT UPDATE (attempts) ON TABLE auth_schema.webhook_deliveries TO auth_app;
GRANT SELECT (attempts) ON TABLE auth_schema.webhook_deliveries TO auth_ro;
GRANT UPDATE (tries_left) ON TABLE auth_schema.webhook_deliveries TO auth_app;
GRANT SELECT (tries_left) ON TABLE auth_schema.webhook_deliveries TO auth_ro;
GRANT UPDATE (next_attempt_at) ON TABLE auth_schema.webhook_deliveries TO auth_app;
GRANT SELECT (next_attempt_at) ON TABLE auth_schema.webhook_deliveries TO auth_ro;
GRANT UPDATE (delivered_at) ON TABLE auth_schema.webhook_deliveries TO auth_app;
GRANT SELECT (delivered_at) ON TABLE auth_schema.webhook_deliveries TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.webhook_deliveries TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.webhook_deliveries TO auth_ro;

CREATE INDEX webhook_deliveries_created_at_idx ON auth_schema.webhook_deliveries USING btree (created_at);

CREATE INDEX webhook_deliveries_endpoint_id_id_idx ON auth_schema.webhook_deliveries USING btree (endpoint_id, id DESC);

CREATE INDEX webhook_deliveries_next_attempt_at_idx ON auth_schema.webhook_deliveries USING btree (endpoint_id, next_attempt_at) WHERE (status = 'PENDING'::text);

CREATE TRIGGER webhook_deliveries_set_updated_at BEFORE UPDATE ON auth_schema.webhook_deliveries FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.webhook_endpoints (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    endpoint_id uuid NOT NULL,
    partner_id bigint NOT NULL,
    url text NOT NULL,
    description text,
    event_types text[] NOT NULL,
    station_code text,
    secret bytea NOT NULL,
    secret_key_id smallint NOT NULL,
    previous_secret bytea,
    previous_secret_key_id smallint,
    previous_expires_at timestamp with time zone,
    is_active boolean DEFAULT true NOT NULL,
    disabled_reason text,
    failing_since timestamp with time zone,
    last_success_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT webhook_endpoints_description_check CHECK (length(description) >= 1 AND length(description) <= 200 AND auth_schema.has_visible_character(description)),
    CONSTRAINT webhook_endpoints_disabled_reason_check CHECK (is_active = (disabled_reason IS NULL) AND (disabled_reason = ANY (ARRAY['ADMINISTRATOR'::text, 'FAILING'::text, 'GONE'::text]))),
    CONSTRAINT webhook_endpoints_endpoint_id_key UNIQUE (endpoint_id),
    CONSTRAINT webhook_endpoints_event_types_check CHECK (cardinality(event_types) >= 1 AND cardinality(event_types) <= 20 AND array_position(event_types, NULL::text) IS NULL AND array_to_string(event_types, ' '::text) ~ '^[a-z_.]{1,60}( [a-z_.]{1,60})*$'::text),
    CONSTRAINT webhook_endpoints_pk PRIMARY KEY (id),
    CONSTRAINT webhook_endpoints_previous_check CHECK ((num_nulls(previous_secret, previous_secret_key_id, previous_expires_at) = ANY (ARRAY[0, 3])) AND octet_length(previous_secret) = 60),
    CONSTRAINT webhook_endpoints_secret_check CHECK (octet_length(secret) = 60),
    CONSTRAINT webhook_endpoints_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT webhook_endpoints_url_check CHECK (length(url) <= 500 AND url ~ '^https?://[^[:space:]@#]+$'::text)
);
COMMENT ON TABLE auth_schema.webhook_endpoints IS 'Where a partner wants to be told of which events. The secret is shown once. After a rotation both secrets sign until the old one expires. Disabled by itself after five days without a success.';
GRANT SELECT ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT (id) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
GRANT INSERT (endpoint_id) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT (endpoint_id) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
GRANT INSERT (partner_id) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT (partner_id) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
GRANT INSERT (url), UPDATE (url) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT (url) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
GRANT INSERT (description), UPDATE (description) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT (description) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
GRANT INSERT (event_types), UPDATE (event_types) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT (event_types) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
COMMENT ON COLUMN auth_schema.webhook_endpoints.station_code IS 'Only events of this station; NULL: of all.';
GRANT INSERT (station_code) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT (station_code) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
COMMENT ON COLUMN auth_schema.webhook_endpoints.secret IS 'Encrypted with a key that the database does not hold.';
GRANT INSERT (secret), UPDATE (secret) ON TABLE auth_schema.webhook_endpoints TO auth_app;
COMMENT ON COLUMN auth_schema.webhook_endpoints.secret_key_id IS 'Which key encrypted it, for its rotation.';
GRANT INSERT (secret_key_id), UPDATE (secret_key_id) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT UPDATE (previous_secret) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT UPDATE (previous_secret_key_id) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT UPDATE (previous_expires_at) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT UPDATE (is_active) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT (is_active) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
GRANT UPDATE (disabled_reason) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT (disabled_reason) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
COMMENT ON COLUMN auth_schema.webhook_endpoints.failing_since IS 'The first failure since the last success.';
GRANT UPDATE (failing_since) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT (failing_since) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
GRANT UPDATE (last_success_at) ON TABLE auth_schema.webhook_endpoints TO auth_app;
GRANT SELECT (last_success_at) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
GRANT SELECT (created_at) ON TABLE auth_schema.webhook_endpoints TO auth_ro;
GRANT SELECT (updated_at) ON TABLE auth_schema.webhook_endpoints TO auth_ro;

CREATE INDEX webhook_endpoints_partner_id_idx ON auth_schema.webhook_endpoints USING btree (partner_id, id);

CREATE TRIGGER webhook_endpoints_set_updated_at BEFORE UPDATE ON auth_schema.webhook_endpoints FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE MATERIALIZED VIEW auth_schema.login_statistics AS
 SELECT date_trunc('month'::text, (created_at AT TIME ZONE 'UTC'::text))::date AS month,
    count(*) FILTER (WHERE event_type = 'LOGIN_SUCCEEDED'::text) AS logins,
    count(DISTINCT user_id) FILTER (WHERE event_type = 'LOGIN_SUCCEEDED'::text) AS users_logged_in,
    count(*) FILTER (WHERE event_type = 'LOGIN_REFUSED'::text) AS logins_refused,
    count(*) FILTER (WHERE event_type = 'OTP_REQUESTED'::text) AS codes_requested,
    count(*) FILTER (WHERE event_type = 'OTP_FAILED'::text) AS codes_failed,
    count(*) FILTER (WHERE event_type = 'OTP_RATE_LIMITED'::text) AS codes_limited,
    count(*) FILTER (WHERE event_type = 'TOKEN_REUSED'::text) AS tokens_reused,
    count(*) FILTER (WHERE event_type = 'ACCOUNT_LOCKED'::text) AS accounts_locked,
    count(*) FILTER (WHERE event_type = 'ACCOUNT_CREATED'::text) AS accounts_created,
    now() AS refreshed_at
   FROM auth_schema.auth_audit_log a
  GROUP BY (date_trunc('month'::text, (created_at AT TIME ZONE 'UTC'::text))::date);
COMMENT ON MATERIALIZED VIEW auth_schema.login_statistics IS 'What the log says of each month (UTC) that it still holds. As it was when last refreshed.';
GRANT SELECT ON TABLE auth_schema.login_statistics TO auth_app;
GRANT SELECT ON TABLE auth_schema.login_statistics TO auth_ro;

CREATE UNIQUE INDEX login_statistics_month_idx ON auth_schema.login_statistics USING btree (month);

CREATE MATERIALIZED VIEW auth_schema.user_statistics AS
 SELECT date_trunc('month'::text, (created_at AT TIME ZONE 'UTC'::text))::date AS month,
    role,
    preferred_language,
    count(*) AS new_users,
    count(*) FILTER (WHERE is_active) AS active_users,
    count(*) FILTER (WHERE erased_at IS NOT NULL) AS erased_users,
    count(*) FILTER (WHERE second_factor_enabled_at IS NOT NULL) AS with_second_factor,
    count(*) FILTER (WHERE last_login_at > (now() - '30 days'::interval)) AS logged_in_30d,
    now() AS refreshed_at
   FROM auth_schema.users u
  GROUP BY (date_trunc('month'::text, (created_at AT TIME ZONE 'UTC'::text))::date), role, preferred_language;
COMMENT ON MATERIALIZED VIEW auth_schema.user_statistics IS 'Users by the month (UTC) they came in, role and language. As it was when last refreshed.';
GRANT SELECT ON TABLE auth_schema.user_statistics TO auth_app;
GRANT SELECT ON TABLE auth_schema.user_statistics TO auth_ro;

CREATE UNIQUE INDEX user_statistics_month_role_preferred_language_idx ON auth_schema.user_statistics USING btree (month, role, preferred_language);

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

CREATE VIEW auth_schema.auth_summary AS
 SELECT u.users,
    u.active_users,
    u.staff,
    u.erased_users,
    u.with_second_factor,
    u.logged_in_30d,
    COALESCE(n.new_users, 0::bigint) AS new_users_this_month,
    COALESCE(l.logins, 0::bigint) AS logins_this_month,
    COALESCE(l.codes_failed, 0::bigint) AS codes_failed_this_month,
    COALESCE(l.accounts_locked, 0::bigint) AS accounts_locked_this_month,
    u.refreshed_at
   FROM ( SELECT COALESCE(sum(s.new_users), 0::numeric)::bigint AS users,
            COALESCE(sum(s.active_users), 0::numeric)::bigint AS active_users,
            COALESCE(sum(s.active_users) FILTER (WHERE s.role <> 'CUSTOMER'::text), 0::numeric)::bigint AS staff,
            COALESCE(sum(s.erased_users), 0::numeric)::bigint AS erased_users,
            COALESCE(sum(s.with_second_factor), 0::numeric)::bigint AS with_second_factor,
            COALESCE(sum(s.logged_in_30d), 0::numeric)::bigint AS logged_in_30d,
            max(s.refreshed_at) AS refreshed_at
           FROM auth_schema.user_statistics s) u
     CROSS JOIN ( SELECT sum(s.new_users)::bigint AS new_users
           FROM auth_schema.user_statistics s
          WHERE s.month = date_trunc('month'::text, (now() AT TIME ZONE 'UTC'::text))::date) n
     LEFT JOIN auth_schema.login_statistics l ON l.month = date_trunc('month'::text, (now() AT TIME ZONE 'UTC'::text))::date;
COMMENT ON VIEW auth_schema.auth_summary IS 'One row for dashboards, from the two statistics.';
GRANT SELECT ON TABLE auth_schema.auth_summary TO auth_app;
GRANT SELECT ON TABLE auth_schema.auth_summary TO auth_ro;

ALTER TABLE auth_schema.api_keys ADD CONSTRAINT api_keys_partner_id_fk FOREIGN KEY (partner_id) REFERENCES auth_schema.partners(id) ON DELETE RESTRICT;

ALTER TABLE auth_schema.api_keys ADD CONSTRAINT api_keys_rotated_from_id_fk FOREIGN KEY (rotated_from_id, partner_id) REFERENCES auth_schema.api_keys(id, partner_id) ON DELETE RESTRICT;

ALTER TABLE auth_schema.employments ADD CONSTRAINT employments_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users(public_id);

ALTER TABLE auth_schema.erasures ADD CONSTRAINT erasures_public_id_fk FOREIGN KEY (public_id) REFERENCES auth_schema.users(public_id);

ALTER TABLE auth_schema.notification_preferences ADD CONSTRAINT notification_preferences_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users(public_id) ON DELETE CASCADE;

ALTER TABLE auth_schema.notification_settings ADD CONSTRAINT notification_settings_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users(public_id) ON DELETE CASCADE;

ALTER TABLE auth_schema.notifications ADD CONSTRAINT notifications_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users(public_id) ON DELETE CASCADE;

ALTER TABLE auth_schema.otp_sessions ADD CONSTRAINT otp_sessions_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users(id) ON DELETE CASCADE;

ALTER TABLE auth_schema.pending_registrations ADD CONSTRAINT pending_registrations_otp_session_id_fk FOREIGN KEY (otp_session_id) REFERENCES auth_schema.otp_sessions(id) ON DELETE CASCADE;

ALTER TABLE auth_schema.recovery_codes ADD CONSTRAINT recovery_codes_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users(id) ON DELETE CASCADE;

ALTER TABLE auth_schema.refresh_tokens ADD CONSTRAINT refresh_tokens_rotated_from_id_fk FOREIGN KEY (rotated_from_id, family_id, user_id) REFERENCES auth_schema.refresh_tokens(id, family_id, user_id) ON DELETE SET NULL (rotated_from_id);

ALTER TABLE auth_schema.refresh_tokens ADD CONSTRAINT refresh_tokens_user_id_fk FOREIGN KEY (user_id) REFERENCES auth_schema.users(id) ON DELETE CASCADE;

ALTER TABLE auth_schema.webhook_deliveries ADD CONSTRAINT webhook_deliveries_endpoint_id_fk FOREIGN KEY (endpoint_id) REFERENCES auth_schema.webhook_endpoints(id) ON DELETE RESTRICT;

ALTER TABLE auth_schema.webhook_endpoints ADD CONSTRAINT webhook_endpoints_partner_id_fk FOREIGN KEY (partner_id) REFERENCES auth_schema.partners(id) ON DELETE RESTRICT;

RESET ROLE;
