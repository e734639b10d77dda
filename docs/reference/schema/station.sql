-- The schema station_schema, as `vuelo dump` writes it. Change the migrations, not this file.
SET check_function_bodies = off;
SET search_path = pg_catalog;
CREATE SCHEMA station_schema AUTHORIZATION station_owner;
SET ROLE station_owner;
GRANT USAGE ON SCHEMA station_schema TO station_app;
GRANT USAGE ON SCHEMA station_schema TO station_ro;

CREATE SEQUENCE station_schema.employee_numbers;
COMMENT ON SEQUENCE station_schema.employee_numbers IS 'What next_employee_number counts with.';

CREATE SEQUENCE station_schema.employment_versions;
COMMENT ON SEQUENCE station_schema.employment_versions IS 'Orders what is told of one employment, whose row is held meanwhile: the clock may step back, this does not.';
GRANT USAGE ON SEQUENCE station_schema.employment_versions TO station_app;

CREATE SEQUENCE station_schema.terminal_numbers;
COMMENT ON SEQUENCE station_schema.terminal_numbers IS 'What the codes of terminals count with.';
GRANT USAGE ON SEQUENCE station_schema.terminal_numbers TO station_app;

CREATE OR REPLACE FUNCTION station_schema.are_windows(p_windows jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE WHEN (jsonb_typeof(p_windows) <> 'array'::text) THEN false WHEN (jsonb_array_length(p_windows) > 4) THEN false ELSE (NOT (EXISTS (SELECT FROM jsonb_array_elements(are_windows.p_windows) WITH ORDINALITY w(span, place) WHERE CASE WHEN (jsonb_typeof(w.span) <> 'array'::text) THEN true ELSE COALESCE(((jsonb_array_length(w.span) <> 2) OR ((w.span ->> 0) !~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'::text) OR ((w.span ->> 1) !~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$'::text) OR (((w.span ->> 0) COLLATE "C") >= (w.span ->> 1)) OR ((((w.span ->> 0) COLLATE "C") <= ((are_windows.p_windows -> ((w.place)::integer - 2)) ->> 1)) AND (w.place > 1))), true) END))) END;
COMMENT ON FUNCTION station_schema.are_windows(p_windows jsonb) IS 'Whether it is the hours of one day: at most four of ["06:00", "22:00"], in order, apart; "24:00" ends a day.';
REVOKE EXECUTE ON FUNCTION station_schema.are_windows(p_windows jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.are_windows(p_windows jsonb) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.are_windows(p_windows jsonb) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.are_opening_hours(p_hours jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE WHEN (jsonb_typeof(p_hours) <> 'object'::text) THEN false ELSE (NOT (EXISTS (SELECT FROM jsonb_each(are_opening_hours.p_hours) d(key, value) WHERE ((d.key <> ALL (ARRAY['mon'::text, 'tue'::text, 'wed'::text, 'thu'::text, 'fri'::text, 'sat'::text, 'sun'::text])) OR (NOT station_schema.are_windows(d.value)))))) END;
COMMENT ON FUNCTION station_schema.are_opening_hours(p_hours jsonb) IS 'Whether it is the hours of a week, by day.';
REVOKE EXECUTE ON FUNCTION station_schema.are_opening_hours(p_hours jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.are_opening_hours(p_hours jsonb) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.are_opening_hours(p_hours jsonb) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.begin_import()
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ TRUNCATE station_schema.station_import_places, station_schema.station_import_prices $function$;
COMMENT ON FUNCTION station_schema.begin_import() IS 'Empties the staging tables; its lock makes a second import wait until the first one has committed.';
REVOKE EXECUTE ON FUNCTION station_schema.begin_import() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.begin_import() TO station_app;

CREATE OR REPLACE FUNCTION station_schema.begin_rows_import()
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ TRUNCATE station_schema.station_import_rows $function$;
COMMENT ON FUNCTION station_schema.begin_rows_import() IS 'Empties the staging table; its lock makes a second import wait until the first one has ended.';
REVOKE EXECUTE ON FUNCTION station_schema.begin_rows_import() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.begin_rows_import() TO station_app;

CREATE OR REPLACE FUNCTION station_schema.check_certified()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_station record;
BEGIN
    SELECT s.required_certification, s.time_zone INTO v_station
      FROM station_schema.stations AS s WHERE s.id = NEW.station_id FOR SHARE;
    IF v_station.required_certification IS NOT NULL AND NOT station_schema.holds_certification(
        NEW.id, v_station.required_certification, station_schema.local_day(v_station.time_zone))
    THEN
        RAISE EXCEPTION 'employee % does not hold %', NEW.employee_number, v_station.required_certification
            USING ERRCODE = 'check_violation', CONSTRAINT = 'employees_certified_check',
                  SCHEMA = 'station_schema', TABLE = 'employees';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION station_schema.check_certified() IS 'BEFORE trigger: who begins to process transactions, or takes that right to another station, holds what the station requires; refuses as constraint employees_certified_check would.';
REVOKE EXECUTE ON FUNCTION station_schema.check_certified() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.check_certified() TO station_app;

CREATE OR REPLACE FUNCTION station_schema.check_status_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT station_schema.may_become(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'station % cannot go from % to %', OLD.station_code, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stations_status_change_check',
                  SCHEMA = 'station_schema', TABLE = 'stations';
    END IF;
    NEW.status_changed_at := now();
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION station_schema.check_status_change() IS 'BEFORE UPDATE trigger: refuses a status that may not follow, as constraint stations_status_change_check would.';
REVOKE EXECUTE ON FUNCTION station_schema.check_status_change() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.check_status_change() TO station_app;

CREATE OR REPLACE FUNCTION station_schema.currency_of(p_country text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE p_country WHEN 'MX'::text THEN 'MXN'::text WHEN 'CR'::text THEN 'CRC'::text ELSE 'USD'::text END;
COMMENT ON FUNCTION station_schema.currency_of(p_country text) IS 'What prices are in when nobody says.';
REVOKE EXECUTE ON FUNCTION station_schema.currency_of(p_country text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.currency_of(p_country text) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.currency_of(p_country text) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.distance_km(a point, b point)
 RETURNS double precision
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (((2)::double precision * (6371.0088)::double precision) * atan2(sqrt((power(sind(((((b)[1] + (180)::double precision) - ((a)[1] + (180)::double precision)) / (2)::double precision)), (2)::double precision) + ((cosd((a)[1]) * cosd((b)[1])) * power(sind(((((b)[0] + (180)::double precision) - ((a)[0] + (180)::double precision)) / (2)::double precision)), (2)::double precision)))), sqrt(abs((((1)::double precision - power(sind(((((b)[1] + (180)::double precision) - ((a)[1] + (180)::double precision)) / (2)::double precision)), (2)::double precision)) - ((cosd((a)[1]) * cosd((b)[1])) * power(sind(((((b)[0] + (180)::double precision) - ((a)[0] + (180)::double precision)) / (2)::double precision)), (2)::double precision)))))));
COMMENT ON FUNCTION station_schema.distance_km(a point, b point) IS 'Great-circle distance by the haversine formula on a sphere of the mean Earth radius (IUGG R1, 6371.0088 km); points are (longitude, latitude) in degrees.';
REVOKE EXECUTE ON FUNCTION station_schema.distance_km(a point, b point) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.distance_km(a point, b point) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.distance_km(a point, b point) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.ensure_all_month_partitions(p_months_ahead integer DEFAULT 3)
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
         WHERE c.relnamespace = 'station_schema'::regnamespace
         ORDER BY c.relname
    LOOP
        v_made := v_made + station_schema.ensure_month_partitions(
            v_table, v_today, (v_today + make_interval(months => p_months_ahead + 1))::date);
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION station_schema.ensure_all_month_partitions(p_months_ahead integer) IS 'Makes this month''s partitions and those of the months ahead for every partitioned table of the schema; run at each start.';
REVOKE EXECUTE ON FUNCTION station_schema.ensure_all_month_partitions(p_months_ahead integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.ensure_all_month_partitions(p_months_ahead integer) TO station_app;

CREATE OR REPLACE FUNCTION station_schema.ensure_month_partitions(p_table text, p_from date, p_until date)
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
    PERFORM pg_advisory_xact_lock(hashtextextended('station_schema.' || p_table, 0));
    WHILE v_month < p_until LOOP
        v_next := (v_month + interval '1 month')::date;
        v_partition := p_table || to_char(v_month, '"_"YYYY"_"MM');
        IF to_regclass(format('station_schema.%I', v_partition)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE station_schema.%I (LIKE station_schema.%I INCLUDING ALL EXCLUDING IDENTITY)',
                v_partition, p_table);
            EXECUTE format(
                'ALTER TABLE station_schema.%I ATTACH PARTITION station_schema.%I FOR VALUES FROM (%L) TO (%L)',
                p_table, v_partition,
                to_char(v_month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(v_next, 'YYYY-MM-DD') || ' 00:00:00+00');
            v_made := v_made + 1;
        END IF;
        v_month := v_next;
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION station_schema.ensure_month_partitions(p_table text, p_from date, p_until date) IS 'Makes the missing partitions (UTC months) of one table for [from, until); returns how many it made.';
REVOKE EXECUTE ON FUNCTION station_schema.ensure_month_partitions(p_table text, p_from date, p_until date) FROM PUBLIC;

CREATE OR REPLACE FUNCTION station_schema.forget_addresses(p_limit integer)
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
    PERFORM pg_advisory_xact_lock(hashtextextended('station_schema.forget_addresses', 0));
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    -- Looked for again where an erasure took some of what was found. A window of time, and no list of keys: months that
    -- it does not touch are not looked at.
    WHILE v_count < p_limit LOOP
        SELECT min(o.created_at), max(o.created_at) INTO v_first, v_last
          FROM (SELECT a.created_at FROM station_schema.station_audit_log AS a
                 WHERE a.created_at < now() - interval '1 year'
                   AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL)
                 ORDER BY a.created_at LIMIT p_limit - v_count) AS o;
        EXIT WHEN v_first IS NULL;
        UPDATE station_schema.station_audit_log AS a
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
COMMENT ON FUNCTION station_schema.forget_addresses(p_limit integer) IS 'Takes addresses and user agents out of p_limit entries of the log that are older than a year, the oldest first, and out of those of the same moment as the last. Fewer than p_limit: no more are left, whatever else runs. What, who and when stay.';
REVOKE EXECUTE ON FUNCTION station_schema.forget_addresses(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.forget_addresses(p_limit integer) TO station_app;

CREATE OR REPLACE FUNCTION station_schema.forget_late_certificate()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM FROM station_schema.employees AS e WHERE e.id = NEW.employee_id FOR SHARE;
    IF EXISTS (
        SELECT FROM station_schema.employees AS e
          JOIN station_schema.user_states AS u ON u.user_id = e.user_id AND u.is_erased
         WHERE e.id = NEW.employee_id)
    THEN
        NEW.certificate_number := NULL;
        NEW.withdrawal_reason := CASE WHEN NEW.withdrawal_reason IS NOT NULL THEN 'erased' END;
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION station_schema.forget_late_certificate() IS 'BEFORE trigger: of an erased person neither the certificate nor why it was withdrawn is kept, only that it was. Holds the employment until the end.';
REVOKE EXECUTE ON FUNCTION station_schema.forget_late_certificate() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.forget_late_certificate() TO station_app;

CREATE OR REPLACE FUNCTION station_schema.forget_late_reason()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF EXISTS (SELECT FROM station_schema.user_states AS u WHERE u.user_id = NEW.user_id AND u.is_erased) THEN
        NEW.termination_reason := NULL;
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION station_schema.forget_late_reason() IS 'BEFORE trigger: no reason is kept why the employment of an erased person ended.';
REVOKE EXECUTE ON FUNCTION station_schema.forget_late_reason() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.forget_late_reason() TO station_app;

CREATE OR REPLACE FUNCTION station_schema.forget_old_requests(p_at_most integer DEFAULT 10000)
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
    DELETE FROM station_schema.idempotency_keys
     WHERE key_hash IN (
        SELECT key_hash FROM station_schema.idempotency_keys
         WHERE created_at < now() - interval '25 hours' ORDER BY created_at LIMIT p_at_most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    DELETE FROM station_schema.rate_limits
     WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM station_schema.rate_limits
         WHERE window_start < now() - interval '2 days' ORDER BY window_start LIMIT p_at_most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_windows = ROW_COUNT;
    RETURN v_answers + v_windows;
END
$function$;
COMMENT ON FUNCTION station_schema.forget_old_requests(p_at_most integer) IS 'Deletes answers older than 25 hours and windows that began two days ago (the longest lasts one), so many of each at most; returns how many.';
REVOKE EXECUTE ON FUNCTION station_schema.forget_old_requests(p_at_most integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.forget_old_requests(p_at_most integer) TO station_app;

CREATE OR REPLACE FUNCTION station_schema.forget_person(p_user_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_personal text[] := ARRAY['termination_reason', 'certificate_number', 'withdrawal_reason'];
BEGIN
    IF NOT EXISTS (SELECT FROM station_schema.user_states AS u WHERE u.user_id = p_user_id AND u.is_erased) THEN
        RAISE EXCEPTION 'the account of user % is not erased', p_user_id USING ERRCODE = 'restrict_violation';
    END IF;
    -- Whoever writes of these employments has ended, or sees from here on that the account is erased (the triggers below).
    PERFORM FROM station_schema.employees AS e WHERE e.user_id = p_user_id ORDER BY e.id FOR NO KEY UPDATE;
    UPDATE station_schema.employees AS e
       SET termination_reason = NULL
     WHERE e.user_id = p_user_id AND e.termination_reason <> 'the account was erased';
    UPDATE station_schema.employee_certifications AS c
       SET certificate_number = NULL,
           withdrawal_reason = CASE WHEN c.withdrawal_reason IS NOT NULL THEN 'erased' END
      FROM station_schema.employees AS e
     WHERE e.user_id = p_user_id AND c.employee_id = e.id
       AND (c.certificate_number IS NOT NULL OR c.withdrawal_reason <> 'erased');
    -- Last: the two changes above were logged too.
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    UPDATE station_schema.station_audit_log AS a
       SET old_values = a.old_values - v_personal, new_values = a.new_values - v_personal
      FROM station_schema.employees AS e
     WHERE e.user_id = p_user_id AND a.entity_reference = e.employee_number
       AND (a.old_values ?| v_personal OR a.new_values ?| v_personal);
    UPDATE station_schema.station_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.actor = p_user_id::text AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
    PERFORM set_config('gasolinera.maintenance', '', true);
END
$function$;
COMMENT ON FUNCTION station_schema.forget_person(p_user_id uuid) IS 'Forgets texts and certificates of an erased user''s employments, in the log too, and from where the user did what. References, days and hours of work stay. Again changes nothing; refuses for anybody who is not erased.';
REVOKE EXECUTE ON FUNCTION station_schema.forget_person(p_user_id uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.forget_person(p_user_id uuid) TO station_app;

CREATE OR REPLACE FUNCTION station_schema.forget_terminal_traces()
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_nonces integer;
    v_codes integer;
BEGIN
    DELETE FROM station_schema.terminal_nonces WHERE created_at < now() - interval '5 minutes';
    GET DIAGNOSTICS v_nonces = ROW_COUNT;
    DELETE FROM station_schema.terminal_enrolments WHERE created_at < now() - interval '1 day';
    GET DIAGNOSTICS v_codes = ROW_COUNT;
    RETURN v_nonces + v_codes;
END
$function$;
COMMENT ON FUNCTION station_schema.forget_terminal_traces() IS 'Deletes what terminals signed more than five minutes ago and codes older than a day; returns how many of both.';
REVOKE EXECUTE ON FUNCTION station_schema.forget_terminal_traces() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.forget_terminal_traces() TO station_app;

CREATE OR REPLACE FUNCTION station_schema.is_readable(p_text text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((p_text ~ '[^\u0001-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u00A9\u00AB-\u00B1\u00B4\u00B6-\u00B8\u00BB\u00BF\u00D7\u00F7\u02C2-\u02C5\u02D2-\u02DF\u02E5-\u02EB\u02ED\u02EF-\u036F\u0483-\u0489\u0591-\u05C7\u064B-\u065F\u1AB0-\u1AFF\u1DC0-\u1DFF\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u206F\u20A0-\u20FF\u2190-\u245F\u2500-\u2775\u2794-\u2BFF\u2E00-\u2E2E\u2E30-\u2E7F\u3000-\u3004\u3008-\u3020\u302A-\u3030\u3164\uFE00-\uFE6F\uFEFF\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65\uFFA0\uFFE0-\uFFFF\U0001F10D-\U0001FAFF\U000E0000-\U000E0FFF]'::text) AND (p_text !~ '[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]'::text));
COMMENT ON FUNCTION station_schema.is_readable(p_text text) IS 'Whether a text holds a letter or a digit, and is in the order in which it is written: no sign turns its direction.';
REVOKE EXECUTE ON FUNCTION station_schema.is_readable(p_text text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.is_readable(p_text text) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.is_readable(p_text text) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.is_within(p_windows jsonb, p_minute text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN COALESCE(((((p_minute COLLATE "C") >= ((p_windows -> 0) ->> 0)) AND ((p_minute COLLATE "C") < ((p_windows -> 0) ->> 1))) OR (((p_minute COLLATE "C") >= ((p_windows -> 1) ->> 0)) AND ((p_minute COLLATE "C") < ((p_windows -> 1) ->> 1))) OR (((p_minute COLLATE "C") >= ((p_windows -> 2) ->> 0)) AND ((p_minute COLLATE "C") < ((p_windows -> 2) ->> 1))) OR (((p_minute COLLATE "C") >= ((p_windows -> 3) ->> 0)) AND ((p_minute COLLATE "C") < ((p_windows -> 3) ->> 1)))), false);
COMMENT ON FUNCTION station_schema.is_within(p_windows jsonb, p_minute text) IS 'Whether a minute such as 06:30 lies in one of the hours of a day; no hours, or none known, hold none.';
REVOKE EXECUTE ON FUNCTION station_schema.is_within(p_windows jsonb, p_minute text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.is_within(p_windows jsonb, p_minute text) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.is_within(p_windows jsonb, p_minute text) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.is_open(p_opening_hours jsonb, p_exception jsonb, p_time_zone text, p_at timestamp with time zone)
 RETURNS boolean
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN CASE WHEN ((p_time_zone IS NOT NULL) AND ((p_exception IS NOT NULL) OR (p_opening_hours <> '{}'::jsonb))) THEN station_schema.is_within(COALESCE(p_exception, (p_opening_hours -> to_char(timezone(p_time_zone, p_at), 'dy'::text))), to_char(timezone(p_time_zone, p_at), 'HH24:MI'::text)) ELSE NULL::boolean END;
COMMENT ON FUNCTION station_schema.is_open(p_opening_hours jsonb, p_exception jsonb, p_time_zone text, p_at timestamp with time zone) IS 'Whether somebody is served at that moment by a week''s hours, or by those of an exceptional day instead; NULL when nobody knows.';
REVOKE EXECUTE ON FUNCTION station_schema.is_open(p_opening_hours jsonb, p_exception jsonb, p_time_zone text, p_at timestamp with time zone) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.is_open(p_opening_hours jsonb, p_exception jsonb, p_time_zone text, p_at timestamp with time zone) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.is_open(p_opening_hours jsonb, p_exception jsonb, p_time_zone text, p_at timestamp with time zone) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.keep_price_history()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO station_schema.station_fuel_price_history (
            station_code, fuel, price, currency, price_as_of, valid_from, reason, actor)
        SELECT s.station_code, n.fuel, n.price, n.currency, n.price_as_of, n.valid_from, n.reason,
               coalesce(n.set_by, station_schema.request_context('actor'), 'role:' || session_user)
          FROM new_rows AS n JOIN station_schema.stations AS s ON s.id = n.station_id;
    ELSE
        -- A price that is confirmed for another day is not a new one.
        INSERT INTO station_schema.station_fuel_price_history (
            station_code, fuel, price, currency, price_as_of, valid_from, previous_price, reason, actor)
        SELECT s.station_code, n.fuel, n.price, n.currency, n.price_as_of, n.valid_from,
               CASE WHEN o.currency = n.currency THEN o.price END, n.reason,
               coalesce(n.set_by, station_schema.request_context('actor'), 'role:' || session_user)
          FROM new_rows AS n
          JOIN old_rows AS o ON o.station_id = n.station_id AND o.fuel = n.fuel
          JOIN station_schema.stations AS s ON s.id = n.station_id
         WHERE (n.price, n.currency, n.valid_from) IS DISTINCT FROM (o.price, o.currency, o.valid_from);
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION station_schema.keep_price_history() IS 'AFTER statement trigger of the current prices: the only writer of their history.';
REVOKE EXECUTE ON FUNCTION station_schema.keep_price_history() FROM PUBLIC;

CREATE OR REPLACE FUNCTION station_schema.list_changed_prices()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- Two that set prices of one station at the same time come one after the other, so that neither list lacks the
    -- other's; in order of the key, so that they do not wait for each other.
    PERFORM s.id FROM station_schema.stations AS s
      WHERE s.id IN (SELECT r.station_id FROM changed_rows AS r) ORDER BY s.id FOR NO KEY UPDATE;
    PERFORM station_schema.write_price_lists(ARRAY(SELECT DISTINCT r.station_id FROM changed_rows AS r));
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION station_schema.list_changed_prices() IS 'AFTER statement trigger of the current prices. Locks the stations.';
REVOKE EXECUTE ON FUNCTION station_schema.list_changed_prices() FROM PUBLIC;

CREATE OR REPLACE FUNCTION station_schema.list_prices_of_changed_fuels()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_changed CONSTANT bigint[] := ARRAY(
        SELECT n.id FROM new_rows AS n JOIN old_rows AS o ON o.id = n.id WHERE n.fuels <> o.fuels);
BEGIN
    IF v_changed <> '{}' THEN
        PERFORM station_schema.write_price_lists(v_changed);
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION station_schema.list_prices_of_changed_fuels() IS 'AFTER statement trigger of stations: what is no longer sold leaves the list that is shown.';
REVOKE EXECUTE ON FUNCTION station_schema.list_prices_of_changed_fuels() FROM PUBLIC;

CREATE OR REPLACE FUNCTION station_schema.local_day(p_time_zone text)
 RETURNS date
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (timezone(COALESCE(p_time_zone, 'UTC'::text), now()))::date;
COMMENT ON FUNCTION station_schema.local_day(p_time_zone text) IS 'Today in a zone; in UTC where a station''s zone is not known.';
REVOKE EXECUTE ON FUNCTION station_schema.local_day(p_time_zone text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.local_day(p_time_zone text) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.local_day(p_time_zone text) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.log_changes()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_entity text := TG_ARGV[0];
    v_reference text := TG_ARGV[1];
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, new_values)
        SELECT v_entity || '_CREATED', v_entity, n.document ->> v_reference, n.document
          FROM (SELECT to_jsonb(r) AS document FROM new_rows AS r OFFSET 0) AS n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, old_values)
        SELECT v_entity || '_DELETED', v_entity, o.document ->> v_reference, o.document
          FROM (SELECT to_jsonb(r) AS document FROM old_rows AS r OFFSET 0) AS o;
    ELSE
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, old_values, new_values)
        SELECT v_entity || '_UPDATED', v_entity, pair.after ->> v_reference, changed.old_values, changed.new_values
          FROM (SELECT to_jsonb(o) AS before, to_jsonb(n) AS after
                  FROM old_rows AS o JOIN new_rows AS n USING (id) OFFSET 0) AS pair
         CROSS JOIN LATERAL (
            SELECT jsonb_object_agg(b.key, b.value) AS old_values,
                   jsonb_object_agg(b.key, pair.after -> b.key) AS new_values
              FROM jsonb_each(pair.before) AS b
             WHERE b.key <> 'updated_at' AND b.value IS DISTINCT FROM pair.after -> b.key
         ) AS changed
         WHERE changed.old_values IS NOT NULL;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION station_schema.log_changes() IS 'AFTER statement trigger (entity type, column that names the entity): one log row for each changed row, set by set. It alone writes the log: the service has no right to.';
REVOKE EXECUTE ON FUNCTION station_schema.log_changes() FROM PUBLIC;

CREATE OR REPLACE FUNCTION station_schema.log_employee_parts()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_entity text := TG_ARGV[0];
    v_key text := TG_ARGV[1];
    v_unsaid text[] := ARRAY['id', 'employee_id', 'station_id', 'created_at', 'updated_at'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, new_values)
        SELECT v_entity || '_CREATED', v_entity, e.employee_number, to_jsonb(n) - v_unsaid
          FROM new_rows AS n JOIN station_schema.employees AS e ON e.id = n.employee_id;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, old_values)
        -- What goes with its employment is said by the employment's own entry.
        SELECT v_entity || '_DELETED', v_entity, e.employee_number, to_jsonb(o) - v_unsaid
          FROM old_rows AS o JOIN station_schema.employees AS e ON e.id = o.employee_id;
    ELSE
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, old_values, new_values)
        SELECT v_entity || '_UPDATED', v_entity, e.employee_number,
               changed.old_values || jsonb_build_object(v_key, pair.before -> v_key),
               changed.new_values || jsonb_build_object(v_key, pair.before -> v_key)
          FROM (SELECT n.employee_id, to_jsonb(o) AS before, to_jsonb(n) AS after
                  FROM old_rows AS o JOIN new_rows AS n USING (id) OFFSET 0) AS pair
          JOIN station_schema.employees AS e ON e.id = pair.employee_id
         CROSS JOIN LATERAL (
            SELECT jsonb_object_agg(b.key, b.value) AS old_values,
                   jsonb_object_agg(b.key, pair.after -> b.key) AS new_values
              FROM jsonb_each(pair.before) AS b
             WHERE b.key <> 'updated_at' AND b.value IS DISTINCT FROM pair.after -> b.key
         ) AS changed
         WHERE changed.old_values IS NOT NULL;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION station_schema.log_employee_parts() IS 'AFTER statement trigger (entity type, column that outsiders know the row by) of tables with an employee_id: their changes are logged under the employee''s number.';
REVOKE EXECUTE ON FUNCTION station_schema.log_employee_parts() FROM PUBLIC;

CREATE OR REPLACE FUNCTION station_schema.log_part_changes()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_entity text := TG_ARGV[0];
    v_key text := TG_ARGV[1];
    v_unsaid text[] := ARRAY['station_id', 'created_at', 'updated_at'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, new_values)
        SELECT v_entity || '_CREATED', v_entity, s.station_code, to_jsonb(n) - v_unsaid
          FROM new_rows AS n JOIN station_schema.stations AS s ON s.id = n.station_id;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, old_values)
        -- What goes with its station is said by the station's own entry.
        SELECT v_entity || '_DELETED', v_entity, s.station_code, to_jsonb(o) - v_unsaid
          FROM old_rows AS o JOIN station_schema.stations AS s ON s.id = o.station_id;
    ELSE
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, old_values, new_values)
        SELECT v_entity || '_UPDATED', v_entity, s.station_code,
               changed.old_values || jsonb_build_object(v_key, o.document -> v_key),
               changed.new_values || jsonb_build_object(v_key, o.document -> v_key)
          FROM (SELECT station_id, to_jsonb(r) ->> v_key AS key, to_jsonb(r) AS document FROM old_rows AS r OFFSET 0) AS o
          JOIN (SELECT station_id, to_jsonb(r) ->> v_key AS key, to_jsonb(r) AS document FROM new_rows AS r OFFSET 0) AS n
            ON n.station_id = o.station_id AND n.key = o.key
          JOIN station_schema.stations AS s ON s.id = n.station_id
         CROSS JOIN LATERAL (
            SELECT jsonb_object_agg(b.key, b.value) AS old_values,
                   jsonb_object_agg(b.key, n.document -> b.key) AS new_values
              FROM jsonb_each(o.document) AS b
             WHERE b.key <> 'updated_at' AND b.value IS DISTINCT FROM n.document -> b.key
         ) AS changed
         WHERE changed.old_values IS NOT NULL;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION station_schema.log_part_changes() IS 'AFTER statement trigger (entity type, column that tells the parts of a station apart) of tables with a station_id: their changes are logged under the station''s code.';
REVOKE EXECUTE ON FUNCTION station_schema.log_part_changes() FROM PUBLIC;

CREATE OR REPLACE FUNCTION station_schema.log_terminal_codes()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, new_values)
    SELECT 'TERMINAL_CODE_CREATED', 'TERMINAL_CODE', s.station_code,
           jsonb_build_object('reference', n.reference, 'name', n.name, 'expires_at', n.expires_at)
      FROM new_rows AS n JOIN station_schema.stations AS s ON s.id = n.station_id;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION station_schema.log_terminal_codes() IS 'AFTER statement trigger: who made a code for which station; never the code or its hash.';
REVOKE EXECUTE ON FUNCTION station_schema.log_terminal_codes() FROM PUBLIC;

CREATE OR REPLACE FUNCTION station_schema.may_become(p_status text, p_next text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (p_next = ANY (CASE p_status WHEN 'CONSTRUCTION'::text THEN ARRAY['ACTIVE'::text, 'INACTIVE'::text, 'PERMANENTLY_CLOSED'::text] WHEN 'ACTIVE'::text THEN ARRAY['INACTIVE'::text, 'MAINTENANCE'::text, 'PERMANENTLY_CLOSED'::text] WHEN 'INACTIVE'::text THEN ARRAY['ACTIVE'::text, 'MAINTENANCE'::text, 'CONSTRUCTION'::text, 'PERMANENTLY_CLOSED'::text] WHEN 'MAINTENANCE'::text THEN ARRAY['ACTIVE'::text, 'INACTIVE'::text, 'PERMANENTLY_CLOSED'::text] ELSE ARRAY[]::text[] END));
COMMENT ON FUNCTION station_schema.may_become(p_status text, p_next text) IS 'Which status may follow which. A station that closed for good stays closed.';
REVOKE EXECUTE ON FUNCTION station_schema.may_become(p_status text, p_next text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.may_become(p_status text, p_next text) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.may_become(p_status text, p_next text) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.nearest_stations(p_latitude double precision, p_longitude double precision, p_radius_km double precision, p_limit integer, p_fuel text, p_service text, p_accepts_coupons boolean, p_open_at timestamp with time zone)
 RETURNS TABLE(station_id bigint, distance_km double precision)
 LANGUAGE plpgsql
 STABLE ROWS 20
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
    v_here CONSTANT point := point(p_longitude, p_latitude);
    v_asked CONSTANT integer := p_limit + p_limit / 4 + 4;
    v_ids bigint[];
    v_km double precision[];
    v_found integer;
    v_farthest double precision;
    v_reach double precision;
    v_angle double precision;
    v_height double precision;
    v_width double precision;
    v_area box;
BEGIN
    -- The index orders by degrees on a flat map, which is not the order on a sphere: so a few more than are wanted.
    IF num_nonnulls(p_fuel, p_service, p_accepts_coupons, p_open_at) = 0 THEN
        SELECT array_agg(n.id ORDER BY n.km, n.station_code), array_agg(n.km ORDER BY n.km, n.station_code),
               count(*), max(n.flat)
          INTO v_ids, v_km, v_found, v_farthest
          FROM (SELECT i.id, i.station_code, station_schema.distance_km(i.location, v_here) AS km,
                       i.location <-> v_here AS flat
                  FROM station_schema.stations AS i
                 WHERE i.status = 'ACTIVE'
                 ORDER BY i.location <-> v_here
                 LIMIT v_asked) AS n;
    ELSE
        -- Planned each time: a plan for all filters expects them to leave nobody, and reads the whole table.
        EXECUTE $query$
            SELECT array_agg(n.id ORDER BY n.km, n.station_code), array_agg(n.km ORDER BY n.km, n.station_code),
                   count(*), max(n.flat)
              FROM (SELECT i.id, i.station_code, station_schema.distance_km(i.location, $1) AS km,
                           i.location <-> $1 AS flat
                      FROM station_schema.stations AS i
                      LEFT JOIN station_schema.station_hours_exceptions AS e
                        ON $6 IS NOT NULL AND e.station_id = i.id AND e.day = timezone(i.time_zone, $6)::date
                     WHERE i.status = 'ACTIVE'
                       AND ($3 IS NULL OR i.fuels @> ARRAY[$3])
                       AND ($4 IS NULL OR i.services_offered @> ARRAY[$4])
                       AND ($5 IS NULL OR i.accepts_coupons = $5)
                       AND ($6 IS NULL OR station_schema.is_open(i.opening_hours, e.hours, i.time_zone, $6))
                     ORDER BY i.location <-> $1
                     LIMIT $2) AS n $query$
           INTO v_ids, v_km, v_found, v_farthest
          USING v_here, v_asked, p_fuel, p_service, p_accepts_coupons, p_open_at;
    END IF;

    -- The answer lies within this reach, widened by a hair (6 mm), as floats round. On the map no place of it is farther
    -- away than the angle over the cosine of its latitude farthest from the equator. When the index gave all there are,
    -- or one that is farther than that, nothing can be missing.
    v_reach := least(p_radius_km, v_km[p_limit]);
    v_angle := v_reach / 6371.0088::double precision * (1 + 1e-9::double precision) + 1e-9::double precision;
    v_height := degrees(v_angle);
    IF v_found < v_asked
       OR (abs(p_latitude) + v_height < 89
           AND v_farthest > v_height / cosd(abs(p_latitude) + v_height)
           AND abs(p_longitude) + v_height / cosd(abs(p_latitude) + v_height) < 180)
    THEN
        RETURN QUERY
        SELECT u.id, u.km FROM unnest(v_ids, v_km) AS u (id, km) WHERE u.km <= p_radius_km LIMIT p_limit;
        RETURN;
    END IF;

    -- Near a pole or the antimeridian, or where few are near. A cap on the sphere lies in a box of degrees: its half
    -- width is asin(sin angle / cos latitude), or all longitudes where it holds a pole or crosses the antimeridian.
    v_width := degrees(asin(least(1, sin(least(v_angle, pi() / 2)) / nullif(cosd(p_latitude), 0))));
    v_area := CASE
        WHEN abs(p_latitude) + v_height >= 90 OR abs(p_longitude) + v_width > 180
        THEN box(point(-180, p_latitude - v_height), point(180, p_latitude + v_height))
        ELSE box(point(p_longitude - v_width, p_latitude - v_height), point(p_longitude + v_width, p_latitude + v_height))
    END;
    RETURN QUERY
    SELECT i.id, station_schema.distance_km(i.location, v_here)
      FROM station_schema.stations AS i
     WHERE i.status = 'ACTIVE'
       AND i.location <@ v_area
       AND station_schema.distance_km(i.location, v_here) <= v_reach
       AND (p_fuel IS NULL OR i.fuels @> ARRAY[p_fuel])
       AND (p_service IS NULL OR i.services_offered @> ARRAY[p_service])
       AND (p_accepts_coupons IS NULL OR i.accepts_coupons = p_accepts_coupons)
       AND (p_open_at IS NULL OR station_schema.is_open(
            i.opening_hours,
            (SELECT e.hours FROM station_schema.station_hours_exceptions AS e
              WHERE e.station_id = i.id AND e.day = timezone(i.time_zone, p_open_at)::date),
            i.time_zone, p_open_at))
     ORDER BY 2, i.station_code
     LIMIT p_limit;
END
$function$;
COMMENT ON FUNCTION station_schema.nearest_stations(p_latitude double precision, p_longitude double precision, p_radius_km double precision, p_limit integer, p_fuel text, p_service text, p_accepts_coupons boolean, p_open_at timestamp with time zone) IS 'Active stations within a radius by true great-circle distance, nearest first, equally near ones by code.';
REVOKE EXECUTE ON FUNCTION station_schema.nearest_stations(p_latitude double precision, p_longitude double precision, p_radius_km double precision, p_limit integer, p_fuel text, p_service text, p_accepts_coupons boolean, p_open_at timestamp with time zone) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.nearest_stations(p_latitude double precision, p_longitude double precision, p_radius_km double precision, p_limit integer, p_fuel text, p_service text, p_accepts_coupons boolean, p_open_at timestamp with time zone) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.nearest_stations(p_latitude double precision, p_longitude double precision, p_radius_km double precision, p_limit integer, p_fuel text, p_service text, p_accepts_coupons boolean, p_open_at timestamp with time zone) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.next_employee_number()
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_count bigint;
    v_number text;
BEGIN
    LOOP
        v_count := nextval('station_schema.employee_numbers');
        v_number := 'EMP' || lpad(v_count::text, greatest(6, length(v_count::text)), '0');
        -- Numbers from before the sequence, or brought along by somebody, are stepped over.
        EXIT WHEN NOT EXISTS (SELECT FROM station_schema.employees AS e WHERE e.employee_number = v_number);
    END LOOP;
    RETURN v_number;
END
$function$;
COMMENT ON FUNCTION station_schema.next_employee_number() IS 'A number that nobody has or had. One that is not used in the end is lost, as with any sequence.';
REVOKE EXECUTE ON FUNCTION station_schema.next_employee_number() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.next_employee_number() TO station_app;

CREATE OR REPLACE FUNCTION station_schema.normalised(p_text text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN btrim(regexp_replace(lower(regexp_replace(NORMALIZE(p_text, NFKD), '[\u0300-\u036F]'::text, ''::text, 'g'::text)), '[^[:alnum:]]+'::text, ' '::text, 'g'::text));
COMMENT ON FUNCTION station_schema.normalised(p_text text) IS 'Lower case without accents, words with one blank between them; indexes hold its results.';
REVOKE EXECUTE ON FUNCTION station_schema.normalised(p_text text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.normalised(p_text text) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.normalised(p_text text) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.record_metrics(p_station_code text, p_at timestamp with time zone, p_vehicles bigint, p_volume_l numeric, p_transactions bigint)
 RETURNS boolean
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    WITH recorded AS (
        INSERT INTO station_schema.station_metrics_daily AS m (station_id, day, vehicles, volume_l, transactions)
        SELECT s.id, timezone(coalesce(s.time_zone, 'UTC'), p_at)::date, p_vehicles, p_volume_l, p_transactions
          FROM station_schema.stations AS s
         WHERE s.station_code = p_station_code
        ON CONFLICT (station_id, day) DO UPDATE
           SET vehicles = m.vehicles + excluded.vehicles, volume_l = m.volume_l + excluded.volume_l,
               transactions = m.transactions + excluded.transactions
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM recorded)
    $function$;
COMMENT ON FUNCTION station_schema.record_metrics(p_station_code text, p_at timestamp with time zone, p_vehicles bigint, p_volume_l numeric, p_transactions bigint) IS 'Adds to the figures of a station''s day; negative numbers take back. False: there is no such station.';
REVOKE EXECUTE ON FUNCTION station_schema.record_metrics(p_station_code text, p_at timestamp with time zone, p_vehicles bigint, p_volume_l numeric, p_transactions bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.record_metrics(p_station_code text, p_at timestamp with time zone, p_vehicles bigint, p_volume_l numeric, p_transactions bigint) TO station_app;

CREATE OR REPLACE FUNCTION station_schema.refresh_station_summary()
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ REFRESH MATERIALIZED VIEW CONCURRENTLY station_schema.station_summary $function$;
COMMENT ON FUNCTION station_schema.refresh_station_summary() IS 'Makes the summary anew while everybody reads the old one; two at the same time come one after the other.';
REVOKE EXECUTE ON FUNCTION station_schema.refresh_station_summary() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.refresh_station_summary() TO station_app;

CREATE OR REPLACE FUNCTION station_schema.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- Retention and erasure run in transactions that say so; a runtime role has no such grant in the first place.
    IF station_schema.request_context('maintenance') = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'table %.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$function$;
COMMENT ON FUNCTION station_schema.refuse_change() IS 'BEFORE UPDATE OR DELETE OR TRUNCATE statement trigger of append-only tables.';
REVOKE EXECUTE ON FUNCTION station_schema.refuse_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION station_schema.request_context(p_name text)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT nullif(current_setting('gasolinera.' || p_name, true), '') $function$;
COMMENT ON FUNCTION station_schema.request_context(p_name text) IS 'What the application set for this transaction: actor, correlation_id, ip_address, user_agent; NULL when unset.';
REVOKE EXECUTE ON FUNCTION station_schema.request_context(p_name text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.request_context(p_name text) TO station_app;

CREATE OR REPLACE FUNCTION station_schema.search_document(p_code text, p_name text, p_address text, p_city text, p_state text)
 RETURNS tsvector
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN array_to_tsvector(string_to_array(station_schema.normalised((((((p_code || ' '::text) || p_name) || COALESCE((' '::text || p_address), ''::text)) || COALESCE((' '::text || p_city), ''::text)) || COALESCE((' '::text || p_state), ''::text))), ' '::text));
COMMENT ON FUNCTION station_schema.search_document(p_code text, p_name text, p_address text, p_city text, p_state text) IS 'The words that a station is found by, whole and as they are: no language''s stems, as names have none.';
REVOKE EXECUTE ON FUNCTION station_schema.search_document(p_code text, p_name text, p_address text, p_city text, p_state text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.search_document(p_code text, p_name text, p_address text, p_city text, p_state text) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.search_document(p_code text, p_name text, p_address text, p_city text, p_state text) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.search_stations(p_after text, p_limit integer, p_status text, p_state text, p_city text, p_fuel text, p_service text, p_text text, p_accepts_coupons boolean, p_open_at timestamp with time zone)
 RETURNS TABLE(station_id bigint)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
BEGIN
    IF p_open_at IS NOT NULL THEN
        RETURN QUERY
        -- The clock of each zone is read once, not once a station.
        WITH RECURSIVE zones AS (
            SELECT min(s.time_zone) AS zone FROM station_schema.stations AS s
            UNION ALL
            SELECT (SELECT min(s.time_zone) FROM station_schema.stations AS s WHERE s.time_zone > z.zone)
              FROM zones AS z WHERE z.zone IS NOT NULL
        ), clocks AS MATERIALIZED (
            SELECT z.zone, l.local::date AS day, to_char(l.local, 'dy') AS weekday, to_char(l.local, 'HH24:MI') AS minute
              FROM zones AS z CROSS JOIN LATERAL (SELECT timezone(z.zone, p_open_at) AS local) AS l
             WHERE z.zone IS NOT NULL
        )
        SELECT s.id FROM station_schema.stations AS s
          JOIN clocks AS c ON c.zone = s.time_zone
          LEFT JOIN station_schema.station_hours_exceptions AS e ON e.station_id = s.id AND e.day = c.day
         WHERE s.station_code > p_after
           AND s.time_zone IS NOT NULL AND s.opening_hours <> '{}' AND s.status = 'ACTIVE'
           AND station_schema.is_within(coalesce(e.hours, s.opening_hours -> c.weekday), c.minute)
           AND (p_status IS NULL OR s.status = p_status)
           AND (p_state IS NULL OR station_schema.normalised(s.state) = station_schema.normalised(p_state))
           AND (p_city IS NULL OR station_schema.normalised(s.city) = station_schema.normalised(p_city))
           AND (p_fuel IS NULL OR s.fuels @> ARRAY[p_fuel])
           AND (p_service IS NULL OR s.services_offered @> ARRAY[p_service])
           AND (p_accepts_coupons IS NULL OR s.accepts_coupons = p_accepts_coupons)
           AND (p_text IS NULL OR station_schema.search_document(s.station_code, s.name, s.address, s.city, s.state)
                @@ station_schema.search_words(p_text))
         ORDER BY s.station_code
         LIMIT p_limit;
    ELSE
        RETURN QUERY
        SELECT s.id FROM station_schema.stations AS s
         WHERE s.station_code > p_after
           AND (p_status IS NULL OR s.status = p_status)
           AND (p_state IS NULL OR station_schema.normalised(s.state) = station_schema.normalised(p_state))
           AND (p_city IS NULL OR station_schema.normalised(s.city) = station_schema.normalised(p_city))
           AND (p_fuel IS NULL OR s.fuels @> ARRAY[p_fuel])
           AND (p_service IS NULL OR s.services_offered @> ARRAY[p_service])
           AND (p_accepts_coupons IS NULL OR s.accepts_coupons = p_accepts_coupons)
           AND (p_text IS NULL OR station_schema.search_document(s.station_code, s.name, s.address, s.city, s.state)
                @@ station_schema.search_words(p_text))
         ORDER BY s.station_code
         LIMIT p_limit;
    END IF;
END
$function$;
COMMENT ON FUNCTION station_schema.search_stations(p_after text, p_limit integer, p_status text, p_state text, p_city text, p_fuel text, p_service text, p_text text, p_accepts_coupons boolean, p_open_at timestamp with time zone) IS 'One page of stations in order of the code, after a code; a filter that is NULL lets everything through.';
REVOKE EXECUTE ON FUNCTION station_schema.search_stations(p_after text, p_limit integer, p_status text, p_state text, p_city text, p_fuel text, p_service text, p_text text, p_accepts_coupons boolean, p_open_at timestamp with time zone) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.search_stations(p_after text, p_limit integer, p_status text, p_state text, p_city text, p_fuel text, p_service text, p_text text, p_accepts_coupons boolean, p_open_at timestamp with time zone) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.search_stations(p_after text, p_limit integer, p_status text, p_state text, p_city text, p_fuel text, p_service text, p_text text, p_accepts_coupons boolean, p_open_at timestamp with time zone) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.search_words(p_text text)
 RETURNS tsquery
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((SELECT string_agg((quote_literal(k.word) || ':*'::text), ' & '::text) AS string_agg FROM (SELECT w.word FROM unnest(string_to_array(station_schema.normalised(search_words.p_text), ' '::text)) WITH ORDINALITY w(word, place) WHERE ((length(w.word) > 1) OR (w.place = cardinality(string_to_array(station_schema.normalised(search_words.p_text), ' '::text)))) GROUP BY w.word ORDER BY (min(w.place)) LIMIT 8) k))::tsquery;
COMMENT ON FUNCTION station_schema.search_words(p_text text) IS 'The words of what somebody typed, each as the beginning of one; NULL when there is nothing to look for. The first eight, and single letters only at the end, where the next letter is still to come: each costs a walk of the index.';
REVOKE EXECUTE ON FUNCTION station_schema.search_words(p_text text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.search_words(p_text text) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.search_words(p_text text) TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION station_schema.set_updated_at() IS 'BEFORE UPDATE trigger: the row remembers when it was last changed.';
REVOKE EXECUTE ON FUNCTION station_schema.set_updated_at() FROM PUBLIC;

CREATE OR REPLACE FUNCTION station_schema.tell_places()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO station_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
        SELECT 'station.changed', 'station', n.station_code,
               jsonb_build_object('station_code', n.station_code, 'latitude', n.location[1],
                                  'longitude', n.location[0], 'time_zone', n.time_zone)
          FROM new_rows AS n
         WHERE n.accepts_coupons;
    ELSE
        INSERT INTO station_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
        SELECT 'station.changed', 'station', n.station_code,
               jsonb_build_object('station_code', n.station_code, 'latitude', n.location[1],
                                  'longitude', n.location[0], 'time_zone', n.time_zone)
          FROM new_rows AS n
          JOIN old_rows AS o ON o.id = n.id
         WHERE n.accepts_coupons
           AND (NOT o.accepts_coupons
                OR (o.location[0], o.location[1], o.time_zone)
                   IS DISTINCT FROM (n.location[0], n.location[1], n.time_zone));
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION station_schema.tell_places() IS 'AFTER statement trigger: the event station.changed for each station that takes coupons now, lies elsewhere, or is in another time zone.';
REVOKE EXECUTE ON FUNCTION station_schema.tell_places() FROM PUBLIC;

CREATE OR REPLACE FUNCTION station_schema.write_price_lists(p_station_ids bigint[])
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    INSERT INTO station_schema.station_price_lists AS known (station_id, prices)
    SELECT p.station_id,
           coalesce(
               json_agg(
                   json_build_object(
                       'fuel', p.fuel, 'price', p.price::text, 'currency', p.currency, 'as_of', p.price_as_of)
                   ORDER BY p.fuel)
               FILTER (WHERE p.fuel = ANY (s.fuels)),
               '[]')
      FROM station_schema.station_fuel_prices AS p
      JOIN station_schema.stations AS s ON s.id = p.station_id
     WHERE p.station_id = ANY (p_station_ids)
     GROUP BY p.station_id
    ON CONFLICT (station_id) DO UPDATE SET prices = excluded.prices
$function$;
COMMENT ON FUNCTION station_schema.write_price_lists(p_station_ids bigint[]) IS 'The only writer of the lists that are shown; for whoever has locked the stations. A fuel that is no longer sold has no price.';
REVOKE EXECUTE ON FUNCTION station_schema.write_price_lists(p_station_ids bigint[]) FROM PUBLIC;

CREATE TABLE station_schema.dead_letters (
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
COMMENT ON TABLE station_schema.dead_letters IS 'Events that a consumer of this service failed at too often, with the reason, until somebody replays them.';
GRANT DELETE, SELECT ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (id) ON TABLE station_schema.dead_letters TO station_ro;
GRANT INSERT (event_id) ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (event_id) ON TABLE station_schema.dead_letters TO station_ro;
GRANT INSERT (consumer) ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (consumer) ON TABLE station_schema.dead_letters TO station_ro;
GRANT INSERT (event_type) ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (event_type) ON TABLE station_schema.dead_letters TO station_ro;
GRANT INSERT (aggregate_type) ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (aggregate_type) ON TABLE station_schema.dead_letters TO station_ro;
GRANT INSERT (aggregate_key) ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (aggregate_key) ON TABLE station_schema.dead_letters TO station_ro;
COMMENT ON COLUMN station_schema.dead_letters.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE station_schema.dead_letters TO station_app;
GRANT INSERT (correlation_id) ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (correlation_id) ON TABLE station_schema.dead_letters TO station_ro;
GRANT INSERT (attempts), UPDATE (attempts) ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (attempts) ON TABLE station_schema.dead_letters TO station_ro;
GRANT INSERT (last_error), UPDATE (last_error) ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (last_error) ON TABLE station_schema.dead_letters TO station_ro;
GRANT INSERT (first_failed_at) ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (first_failed_at) ON TABLE station_schema.dead_letters TO station_ro;
GRANT INSERT (last_failed_at), UPDATE (last_failed_at) ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (last_failed_at) ON TABLE station_schema.dead_letters TO station_ro;
COMMENT ON COLUMN station_schema.dead_letters.replayed_at IS 'Set in the transaction of the effect, so that a replay has it once.';
GRANT UPDATE (replayed_at) ON TABLE station_schema.dead_letters TO station_app;
GRANT SELECT (replayed_at) ON TABLE station_schema.dead_letters TO station_ro;
GRANT SELECT (created_at) ON TABLE station_schema.dead_letters TO station_ro;
GRANT SELECT (updated_at) ON TABLE station_schema.dead_letters TO station_ro;

CREATE INDEX dead_letters_open_id_idx ON station_schema.dead_letters USING btree (id) WHERE (replayed_at IS NULL);

CREATE INDEX dead_letters_replayed_at_idx ON station_schema.dead_letters USING btree (replayed_at) WHERE (replayed_at IS NOT NULL);

CREATE TRIGGER dead_letters_set_updated_at BEFORE UPDATE ON station_schema.dead_letters FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.employee_certifications (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    certification_id uuid DEFAULT gen_random_uuid() NOT NULL,
    employee_id bigint NOT NULL,
    kind text NOT NULL,
    issued_on date NOT NULL,
    expires_on date,
    certificate_number text,
    withdrawn_at timestamp with time zone,
    withdrawal_reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT employee_certifications_certificate_number_check CHECK (certificate_number = btrim(certificate_number) AND length(certificate_number) >= 1 AND length(certificate_number) <= 60),
    CONSTRAINT employee_certifications_certification_id_key UNIQUE (certification_id),
    CONSTRAINT employee_certifications_employee_id_kind_issued_on_key UNIQUE (employee_id, kind, issued_on),
    CONSTRAINT employee_certifications_expires_on_check CHECK (expires_on > issued_on AND expires_on <= (issued_on + 3660)),
    CONSTRAINT employee_certifications_issued_on_check CHECK (issued_on >= '1980-01-01'::date),
    CONSTRAINT employee_certifications_kind_check CHECK (kind = ANY (ARRAY['COUPON_PROCESSING'::text, 'CUSTOMER_SERVICE'::text, 'CASH_HANDLING'::text, 'FUEL_HANDLING'::text, 'FIRE_SAFETY'::text, 'FIRST_AID'::text])),
    CONSTRAINT employee_certifications_pk PRIMARY KEY (id),
    CONSTRAINT employee_certifications_withdrawal_reason_check CHECK ((withdrawn_at IS NULL) = (withdrawal_reason IS NULL) AND length(btrim(withdrawal_reason)) >= 1 AND length(btrim(withdrawal_reason)) <= 300 AND station_schema.is_readable(withdrawal_reason))
);
COMMENT ON TABLE station_schema.employee_certifications IS 'Training that somebody passed, and until when it counts; NULL: for good. The day it expires it counts no more.';
GRANT SELECT ON TABLE station_schema.employee_certifications TO station_app;
GRANT SELECT (id) ON TABLE station_schema.employee_certifications TO station_ro;
GRANT SELECT (certification_id) ON TABLE station_schema.employee_certifications TO station_ro;
GRANT INSERT (employee_id) ON TABLE station_schema.employee_certifications TO station_app;
GRANT SELECT (employee_id) ON TABLE station_schema.employee_certifications TO station_ro;
GRANT INSERT (kind) ON TABLE station_schema.employee_certifications TO station_app;
GRANT SELECT (kind) ON TABLE station_schema.employee_certifications TO station_ro;
GRANT INSERT (issued_on) ON TABLE station_schema.employee_certifications TO station_app;
GRANT SELECT (issued_on) ON TABLE station_schema.employee_certifications TO station_ro;
GRANT INSERT (expires_on) ON TABLE station_schema.employee_certifications TO station_app;
GRANT SELECT (expires_on) ON TABLE station_schema.employee_certifications TO station_ro;
COMMENT ON COLUMN station_schema.employee_certifications.certificate_number IS 'Personal data: how whoever certified names it.';
GRANT INSERT (certificate_number) ON TABLE station_schema.employee_certifications TO station_app;
GRANT UPDATE (withdrawn_at) ON TABLE station_schema.employee_certifications TO station_app;
GRANT SELECT (withdrawn_at) ON TABLE station_schema.employee_certifications TO station_ro;
COMMENT ON COLUMN station_schema.employee_certifications.withdrawal_reason IS 'Personal data: why it counts no more.';
GRANT UPDATE (withdrawal_reason) ON TABLE station_schema.employee_certifications TO station_app;
GRANT SELECT (created_at) ON TABLE station_schema.employee_certifications TO station_ro;
GRANT SELECT (updated_at) ON TABLE station_schema.employee_certifications TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.holds_certification(p_employee_id bigint, p_kind text, p_day date)
 RETURNS boolean
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (EXISTS (SELECT FROM station_schema.employee_certifications c WHERE ((c.employee_id = holds_certification.p_employee_id) AND (c.kind = holds_certification.p_kind) AND (c.withdrawn_at IS NULL) AND (c.issued_on <= holds_certification.p_day) AND ((c.expires_on IS NULL) OR (c.expires_on > holds_certification.p_day)))));
COMMENT ON FUNCTION station_schema.holds_certification(p_employee_id bigint, p_kind text, p_day date) IS 'Whether training counts on a day.';
REVOKE EXECUTE ON FUNCTION station_schema.holds_certification(p_employee_id bigint, p_kind text, p_day date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.holds_certification(p_employee_id bigint, p_kind text, p_day date) TO station_app;

CREATE INDEX employee_certifications_expires_on_idx ON station_schema.employee_certifications USING btree (expires_on) WHERE ((withdrawn_at IS NULL) AND (expires_on IS NOT NULL));

CREATE TRIGGER employee_certifications_forget_late BEFORE INSERT OR UPDATE ON station_schema.employee_certifications FOR EACH ROW WHEN (new.certificate_number IS NOT NULL OR new.withdrawal_reason <> 'erased'::text) EXECUTE FUNCTION station_schema.forget_late_certificate();

CREATE TRIGGER employee_certifications_log_delete AFTER DELETE ON station_schema.employee_certifications REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('CERTIFICATION', 'certification_id');

CREATE TRIGGER employee_certifications_log_insert AFTER INSERT ON station_schema.employee_certifications REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('CERTIFICATION', 'certification_id');

CREATE TRIGGER employee_certifications_log_update AFTER UPDATE ON station_schema.employee_certifications REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('CERTIFICATION', 'certification_id');

CREATE TRIGGER employee_certifications_set_updated_at BEFORE UPDATE ON station_schema.employee_certifications FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.employee_shifts (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    shift_id uuid DEFAULT gen_random_uuid() NOT NULL,
    employee_id bigint NOT NULL,
    station_id bigint NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    clocked_in_at timestamp with time zone,
    clocked_out_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT employee_shifts_clocked_in_at_check CHECK (clocked_in_at IS NULL OR cancelled_at IS NULL),
    CONSTRAINT employee_shifts_clocked_out_at_check CHECK (clocked_out_at IS NULL OR clocked_in_at IS NOT NULL AND clocked_out_at >= clocked_in_at),
    CONSTRAINT employee_shifts_ends_at_check CHECK (ends_at > starts_at AND ends_at <= (starts_at + '16:00:00'::interval)),
    CONSTRAINT employee_shifts_overlap_excl EXCLUDE USING gist (int8range(employee_id, employee_id, '[]'::text) WITH &&, tstzrange(starts_at, ends_at) WITH &&) WHERE (cancelled_at IS NULL),
    CONSTRAINT employee_shifts_pk PRIMARY KEY (id),
    CONSTRAINT employee_shifts_shift_id_key UNIQUE (shift_id)
);
COMMENT ON TABLE station_schema.employee_shifts IS 'Who is to work when and where, and who came. No two of an employee overlap, unless cancelled.';
GRANT SELECT ON TABLE station_schema.employee_shifts TO station_app;
GRANT SELECT (id) ON TABLE station_schema.employee_shifts TO station_ro;
GRANT SELECT (shift_id) ON TABLE station_schema.employee_shifts TO station_ro;
GRANT INSERT (employee_id) ON TABLE station_schema.employee_shifts TO station_app;
GRANT SELECT (employee_id) ON TABLE station_schema.employee_shifts TO station_ro;
GRANT INSERT (station_id) ON TABLE station_schema.employee_shifts TO station_app;
GRANT SELECT (station_id) ON TABLE station_schema.employee_shifts TO station_ro;
GRANT INSERT (starts_at) ON TABLE station_schema.employee_shifts TO station_app;
GRANT SELECT (starts_at) ON TABLE station_schema.employee_shifts TO station_ro;
GRANT INSERT (ends_at) ON TABLE station_schema.employee_shifts TO station_app;
GRANT SELECT (ends_at) ON TABLE station_schema.employee_shifts TO station_ro;
COMMENT ON COLUMN station_schema.employee_shifts.clocked_in_at IS 'Personal data: when the employee came.';
GRANT UPDATE (clocked_in_at) ON TABLE station_schema.employee_shifts TO station_app;
COMMENT ON COLUMN station_schema.employee_shifts.clocked_out_at IS 'Personal data: when the employee left.';
GRANT UPDATE (clocked_out_at) ON TABLE station_schema.employee_shifts TO station_app;
GRANT UPDATE (cancelled_at) ON TABLE station_schema.employee_shifts TO station_app;
GRANT SELECT (cancelled_at) ON TABLE station_schema.employee_shifts TO station_ro;
GRANT SELECT (created_at) ON TABLE station_schema.employee_shifts TO station_ro;
GRANT SELECT (updated_at) ON TABLE station_schema.employee_shifts TO station_ro;

CREATE UNIQUE INDEX employee_shifts_at_work_idx ON station_schema.employee_shifts USING btree (employee_id) WHERE ((clocked_in_at IS NOT NULL) AND (clocked_out_at IS NULL));

CREATE INDEX employee_shifts_employee_id_starts_at_idx ON station_schema.employee_shifts USING btree (employee_id, starts_at);

CREATE INDEX employee_shifts_station_id_starts_at_idx ON station_schema.employee_shifts USING btree (station_id, starts_at);

CREATE TRIGGER employee_shifts_log_delete AFTER DELETE ON station_schema.employee_shifts REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('SHIFT', 'shift_id');

CREATE TRIGGER employee_shifts_log_insert AFTER INSERT ON station_schema.employee_shifts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('SHIFT', 'shift_id');

CREATE TRIGGER employee_shifts_log_update AFTER UPDATE ON station_schema.employee_shifts REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('SHIFT', 'shift_id');

CREATE TRIGGER employee_shifts_set_updated_at BEFORE UPDATE ON station_schema.employee_shifts FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.employees (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    employee_number text NOT NULL,
    user_id uuid NOT NULL,
    station_id bigint NOT NULL,
    "position" text NOT NULL,
    role text DEFAULT 'EMPLOYEE'::text NOT NULL,
    may_process_transactions boolean DEFAULT false NOT NULL,
    may_handle_cash boolean DEFAULT false NOT NULL,
    may_supervise boolean DEFAULT false NOT NULL,
    employment_type text DEFAULT 'FULL_TIME'::text NOT NULL,
    shift text DEFAULT 'DAY'::text NOT NULL,
    hired_on date NOT NULL,
    terminated_on date,
    termination_reason text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    suspended_at timestamp with time zone,
    CONSTRAINT employees_administrator_manages_check CHECK (role <> 'STATION_ADMIN'::text OR ("position" = ANY (ARRAY['MANAGER'::text, 'ASSISTANT_MANAGER'::text]))),
    CONSTRAINT employees_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT employees_employee_number_key UNIQUE (employee_number),
    CONSTRAINT employees_employment_type_check CHECK (employment_type = ANY (ARRAY['FULL_TIME'::text, 'PART_TIME'::text, 'CONTRACT'::text, 'TEMPORARY'::text, 'INTERN'::text])),
    CONSTRAINT employees_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT employees_pk PRIMARY KEY (id),
    CONSTRAINT employees_position_check CHECK ("position" = ANY (ARRAY['CASHIER'::text, 'ATTENDANT'::text, 'SUPERVISOR'::text, 'ASSISTANT_MANAGER'::text, 'MANAGER'::text, 'MAINTENANCE'::text, 'SECURITY'::text])),
    CONSTRAINT employees_role_check CHECK (role = ANY (ARRAY['EMPLOYEE'::text, 'STATION_ADMIN'::text])),
    CONSTRAINT employees_shift_check CHECK (shift = ANY (ARRAY['DAY'::text, 'EVENING'::text, 'NIGHT'::text, 'ROTATING'::text, 'FLEXIBLE'::text])),
    CONSTRAINT employees_supervisor_position_check CHECK (NOT may_supervise OR ("position" = ANY (ARRAY['SUPERVISOR'::text, 'ASSISTANT_MANAGER'::text, 'MANAGER'::text]))),
    CONSTRAINT employees_suspended_at_check CHECK (suspended_at IS NULL OR terminated_on IS NULL),
    CONSTRAINT employees_terminated_may_nothing_check CHECK (terminated_on IS NULL OR NOT (may_process_transactions OR may_handle_cash OR may_supervise)),
    CONSTRAINT employees_terminated_on_check CHECK (terminated_on >= hired_on),
    CONSTRAINT employees_termination_reason_check CHECK (termination_reason IS NULL OR terminated_on IS NOT NULL AND length(btrim(termination_reason)) >= 1 AND length(btrim(termination_reason)) <= 500),
    CONSTRAINT employees_termination_reason_readable_check CHECK (station_schema.is_readable(termination_reason))
);
COMMENT ON TABLE station_schema.employees IS 'Who works where and may do what; one row an employment, kept when it ends. Names and phones live with the user.';
GRANT SELECT ON TABLE station_schema.employees TO station_app;
GRANT SELECT (id) ON TABLE station_schema.employees TO station_ro;
GRANT INSERT (employee_number) ON TABLE station_schema.employees TO station_app;
GRANT SELECT (employee_number) ON TABLE station_schema.employees TO station_ro;
COMMENT ON COLUMN station_schema.employees.user_id IS 'Personal data: the public id of the user in the auth service; the same person across employments.';
GRANT INSERT (user_id) ON TABLE station_schema.employees TO station_app;
GRANT INSERT (station_id), UPDATE (station_id) ON TABLE station_schema.employees TO station_app;
GRANT SELECT (station_id) ON TABLE station_schema.employees TO station_ro;
GRANT INSERT ("position"), UPDATE ("position") ON TABLE station_schema.employees TO station_app;
GRANT SELECT ("position") ON TABLE station_schema.employees TO station_ro;
COMMENT ON COLUMN station_schema.employees.role IS 'What the platform lets the user be; the position is the job.';
GRANT INSERT (role), UPDATE (role) ON TABLE station_schema.employees TO station_app;
GRANT SELECT (role) ON TABLE station_schema.employees TO station_ro;
GRANT INSERT (may_process_transactions), UPDATE (may_process_transactions) ON TABLE station_schema.employees TO station_app;
GRANT SELECT (may_process_transactions) ON TABLE station_schema.employees TO station_ro;
GRANT INSERT (may_handle_cash), UPDATE (may_handle_cash) ON TABLE station_schema.employees TO station_app;
GRANT SELECT (may_handle_cash) ON TABLE station_schema.employees TO station_ro;
GRANT INSERT (may_supervise), UPDATE (may_supervise) ON TABLE station_schema.employees TO station_app;
GRANT SELECT (may_supervise) ON TABLE station_schema.employees TO station_ro;
GRANT INSERT (employment_type), UPDATE (employment_type) ON TABLE station_schema.employees TO station_app;
GRANT SELECT (employment_type) ON TABLE station_schema.employees TO station_ro;
GRANT INSERT (shift), UPDATE (shift) ON TABLE station_schema.employees TO station_app;
GRANT SELECT (shift) ON TABLE station_schema.employees TO station_ro;
GRANT INSERT (hired_on), UPDATE (hired_on) ON TABLE station_schema.employees TO station_app;
GRANT SELECT (hired_on) ON TABLE station_schema.employees TO station_ro;
GRANT INSERT (terminated_on), UPDATE (terminated_on) ON TABLE station_schema.employees TO station_app;
GRANT SELECT (terminated_on) ON TABLE station_schema.employees TO station_ro;
COMMENT ON COLUMN station_schema.employees.termination_reason IS 'Personal data: why the employment ended.';
GRANT INSERT (termination_reason), UPDATE (termination_reason) ON TABLE station_schema.employees TO station_app;
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE station_schema.employees TO station_app;
GRANT SELECT (created_at) ON TABLE station_schema.employees TO station_ro;
GRANT SELECT (updated_at) ON TABLE station_schema.employees TO station_ro;
COMMENT ON COLUMN station_schema.employees.suspended_at IS 'Since when the user''s account is deactivated: the employment rests, and goes on when the account does.';
GRANT UPDATE (suspended_at) ON TABLE station_schema.employees TO station_app;

CREATE UNIQUE INDEX employees_active_user_id_idx ON station_schema.employees USING btree (user_id) WHERE (terminated_on IS NULL);

CREATE INDEX employees_station_id_idx ON station_schema.employees USING btree (station_id);

CREATE TRIGGER employees_check_certified_insert BEFORE INSERT ON station_schema.employees FOR EACH ROW WHEN (new.may_process_transactions) EXECUTE FUNCTION station_schema.check_certified();

CREATE TRIGGER employees_check_certified_update BEFORE UPDATE ON station_schema.employees FOR EACH ROW WHEN (new.may_process_transactions AND (NOT old.may_process_transactions OR old.station_id <> new.station_id)) EXECUTE FUNCTION station_schema.check_certified();

CREATE TRIGGER employees_forget_late_reason BEFORE INSERT OR UPDATE ON station_schema.employees FOR EACH ROW WHEN (new.termination_reason <> 'the account was erased'::text) EXECUTE FUNCTION station_schema.forget_late_reason();

CREATE TRIGGER employees_log_delete AFTER DELETE ON station_schema.employees REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('EMPLOYEE', 'employee_number');

CREATE TRIGGER employees_log_insert AFTER INSERT ON station_schema.employees REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('EMPLOYEE', 'employee_number');

CREATE TRIGGER employees_log_update AFTER UPDATE ON station_schema.employees REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('EMPLOYEE', 'employee_number');

CREATE TRIGGER employees_set_updated_at BEFORE UPDATE ON station_schema.employees FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.idempotency_keys (
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
COMMENT ON TABLE station_schema.idempotency_keys IS 'The answer to each request that had an Idempotency-Key, written in the transaction of its effect and given again to a repetition. Not partitioned: a key must be unique. Deleted after a day.';
GRANT SELECT ON TABLE station_schema.idempotency_keys TO station_app;
COMMENT ON COLUMN station_schema.idempotency_keys.key_hash IS 'SHA-256 of who asked, the route and the key, which itself is kept nowhere.';
GRANT INSERT (key_hash) ON TABLE station_schema.idempotency_keys TO station_app;
GRANT SELECT (key_hash) ON TABLE station_schema.idempotency_keys TO station_ro;
COMMENT ON COLUMN station_schema.idempotency_keys.fingerprint IS 'SHA-256 of method, address and body: a key stands for one request.';
GRANT INSERT (fingerprint) ON TABLE station_schema.idempotency_keys TO station_app;
GRANT SELECT (fingerprint) ON TABLE station_schema.idempotency_keys TO station_ro;
GRANT INSERT (status) ON TABLE station_schema.idempotency_keys TO station_app;
GRANT SELECT (status) ON TABLE station_schema.idempotency_keys TO station_ro;
COMMENT ON COLUMN station_schema.idempotency_keys.answer IS 'Personal data: headers and body, encrypted with a key that only who knows the Idempotency-Key can make again.';
GRANT INSERT (answer) ON TABLE station_schema.idempotency_keys TO station_app;
GRANT SELECT (created_at) ON TABLE station_schema.idempotency_keys TO station_ro;

CREATE INDEX idempotency_keys_created_at_idx ON station_schema.idempotency_keys USING btree (created_at);

CREATE TABLE station_schema.inbox_events (
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
COMMENT ON TABLE station_schema.inbox_events IS 'Events that came in, one row a consumer. Not partitioned: the key makes each event come in once, and settled rows are deleted after their retention, which is longer than any transport repeats an event.';
GRANT DELETE, SELECT ON TABLE station_schema.inbox_events TO station_app;
COMMENT ON COLUMN station_schema.inbox_events.id IS 'The order of arrival, which is the order of delivery within one aggregate.';
GRANT SELECT (id) ON TABLE station_schema.inbox_events TO station_ro;
GRANT INSERT (event_id) ON TABLE station_schema.inbox_events TO station_app;
GRANT SELECT (event_id) ON TABLE station_schema.inbox_events TO station_ro;
COMMENT ON COLUMN station_schema.inbox_events.consumer IS 'The consumer of this service that the event is for.';
GRANT INSERT (consumer) ON TABLE station_schema.inbox_events TO station_app;
GRANT SELECT (consumer) ON TABLE station_schema.inbox_events TO station_ro;
GRANT INSERT (event_type) ON TABLE station_schema.inbox_events TO station_app;
GRANT SELECT (event_type) ON TABLE station_schema.inbox_events TO station_ro;
GRANT INSERT (aggregate_type) ON TABLE station_schema.inbox_events TO station_app;
GRANT SELECT (aggregate_type) ON TABLE station_schema.inbox_events TO station_ro;
GRANT INSERT (aggregate_key) ON TABLE station_schema.inbox_events TO station_app;
GRANT SELECT (aggregate_key) ON TABLE station_schema.inbox_events TO station_ro;
COMMENT ON COLUMN station_schema.inbox_events.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE station_schema.inbox_events TO station_app;
GRANT INSERT (correlation_id) ON TABLE station_schema.inbox_events TO station_app;
GRANT SELECT (correlation_id) ON TABLE station_schema.inbox_events TO station_ro;
GRANT UPDATE (attempts) ON TABLE station_schema.inbox_events TO station_app;
GRANT SELECT (attempts) ON TABLE station_schema.inbox_events TO station_ro;
GRANT UPDATE (next_attempt_at) ON TABLE station_schema.inbox_events TO station_app;
GRANT SELECT (next_attempt_at) ON TABLE station_schema.inbox_events TO station_ro;
GRANT UPDATE (first_failed_at) ON TABLE station_schema.inbox_events TO station_app;
GRANT SELECT (first_failed_at) ON TABLE station_schema.inbox_events TO station_ro;
GRANT UPDATE (last_error) ON TABLE station_schema.inbox_events TO station_app;
GRANT SELECT (last_error) ON TABLE station_schema.inbox_events TO station_ro;
COMMENT ON COLUMN station_schema.inbox_events.settled_at IS 'Set in the transaction of the effect, or when the event was given up: then dead_letters holds it.';
GRANT UPDATE (settled_at) ON TABLE station_schema.inbox_events TO station_app;
GRANT SELECT (settled_at) ON TABLE station_schema.inbox_events TO station_ro;
GRANT SELECT (created_at) ON TABLE station_schema.inbox_events TO station_ro;

CREATE INDEX inbox_events_settled_at_idx ON station_schema.inbox_events USING btree (settled_at) WHERE (settled_at IS NOT NULL);

CREATE INDEX inbox_events_unsettled_aggregate_idx ON station_schema.inbox_events USING btree (aggregate_type, aggregate_key, consumer, id) WHERE (settled_at IS NULL);

CREATE INDEX inbox_events_unsettled_id_idx ON station_schema.inbox_events USING btree (id) WHERE (settled_at IS NULL);

CREATE TABLE station_schema.outbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    payload jsonb NOT NULL,
    schema_version integer DEFAULT 1 NOT NULL,
    correlation_id text DEFAULT station_schema.request_context('correlation_id'::text),
    causation_id uuid,
    trace_parent text DEFAULT station_schema.request_context('trace_parent'::text),
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
COMMENT ON TABLE station_schema.outbox_events IS 'Events to publish as CloudEvents. Not partitioned: published rows are deleted after their retention, and the event id must be unique.';
GRANT DELETE, SELECT ON TABLE station_schema.outbox_events TO station_app;
COMMENT ON COLUMN station_schema.outbox_events.id IS 'The order of delivery within one aggregate. Writers of one aggregate hold its row''s lock, so their ids are in the order of their commits; across aggregates an id may appear late, so a reader asks for published_at IS NULL and never for id > n.';
GRANT SELECT (id) ON TABLE station_schema.outbox_events TO station_ro;
COMMENT ON COLUMN station_schema.outbox_events.event_id IS 'CloudEvents id; the key of the consumers'' inboxes.';
GRANT INSERT (event_id) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (event_id) ON TABLE station_schema.outbox_events TO station_ro;
COMMENT ON COLUMN station_schema.outbox_events.event_type IS 'CloudEvents type, as employee.changed.';
GRANT INSERT (event_type) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (event_type) ON TABLE station_schema.outbox_events TO station_ro;
GRANT INSERT (aggregate_type) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (aggregate_type) ON TABLE station_schema.outbox_events TO station_ro;
COMMENT ON COLUMN station_schema.outbox_events.aggregate_key IS 'CloudEvents subject: the public reference of what the event is about.';
GRANT INSERT (aggregate_key) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (aggregate_key) ON TABLE station_schema.outbox_events TO station_ro;
COMMENT ON COLUMN station_schema.outbox_events.payload IS 'Personal data: CloudEvents data; may carry a user''s public id, no phone or name.';
GRANT INSERT (payload) ON TABLE station_schema.outbox_events TO station_app;
GRANT INSERT (schema_version) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (schema_version) ON TABLE station_schema.outbox_events TO station_ro;
GRANT INSERT (correlation_id) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (correlation_id) ON TABLE station_schema.outbox_events TO station_ro;
GRANT INSERT (causation_id) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (causation_id) ON TABLE station_schema.outbox_events TO station_ro;
GRANT INSERT (trace_parent) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (trace_parent) ON TABLE station_schema.outbox_events TO station_ro;
COMMENT ON COLUMN station_schema.outbox_events.occurred_at IS 'CloudEvents time.';
GRANT SELECT (occurred_at) ON TABLE station_schema.outbox_events TO station_ro;
GRANT UPDATE (published_at) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (published_at) ON TABLE station_schema.outbox_events TO station_ro;
GRANT UPDATE (attempts) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (attempts) ON TABLE station_schema.outbox_events TO station_ro;
GRANT UPDATE (next_attempt_at) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (next_attempt_at) ON TABLE station_schema.outbox_events TO station_ro;
GRANT UPDATE (last_error) ON TABLE station_schema.outbox_events TO station_app;
GRANT SELECT (last_error) ON TABLE station_schema.outbox_events TO station_ro;
GRANT SELECT (created_at) ON TABLE station_schema.outbox_events TO station_ro;

CREATE INDEX outbox_events_published_at_idx ON station_schema.outbox_events USING btree (published_at) WHERE (published_at IS NOT NULL);

CREATE INDEX outbox_events_unpublished_aggregate_idx ON station_schema.outbox_events USING btree (aggregate_type, aggregate_key, id) WHERE (published_at IS NULL);

CREATE INDEX outbox_events_unpublished_id_idx ON station_schema.outbox_events USING btree (id) WHERE (published_at IS NULL);

CREATE TABLE station_schema.rate_limits (
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
COMMENT ON TABLE station_schema.rate_limits IS 'How often something was done in a window of time, for a limit and a subject. All limits of a request are taken by one statement, in the order of the key, so that requests cannot deadlock; a full one is not updated, and the transaction that wanted it rolls back. Deleted a day after the window.';
GRANT SELECT ON TABLE station_schema.rate_limits TO station_app;
GRANT SELECT ON TABLE station_schema.rate_limits TO station_ro;
GRANT INSERT (limit_name) ON TABLE station_schema.rate_limits TO station_app;
COMMENT ON COLUMN station_schema.rate_limits.subject IS 'Personal data: SHA-256 of the phone number, address or user that the limit is about.';
GRANT INSERT (subject) ON TABLE station_schema.rate_limits TO station_app;
GRANT INSERT (window_s) ON TABLE station_schema.rate_limits TO station_app;
COMMENT ON COLUMN station_schema.rate_limits.window_start IS 'A whole multiple of window_s since 1970, so that every process names the same window.';
GRANT INSERT (window_start) ON TABLE station_schema.rate_limits TO station_app;
GRANT INSERT (request_count), UPDATE (request_count) ON TABLE station_schema.rate_limits TO station_app;
COMMENT ON COLUMN station_schema.rate_limits.max_requests IS 'The limit in force when the window was opened.';
GRANT INSERT (max_requests) ON TABLE station_schema.rate_limits TO station_app;

CREATE INDEX rate_limits_window_start_idx ON station_schema.rate_limits USING btree (window_start);

CREATE TRIGGER rate_limits_set_updated_at BEFORE UPDATE ON station_schema.rate_limits FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.station_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_type text NOT NULL,
    entity_type text NOT NULL,
    entity_reference text NOT NULL,
    old_values jsonb,
    new_values jsonb,
    actor text DEFAULT COALESCE(station_schema.request_context('actor'::text), ('role:'::text || (SESSION_USER)::text)) NOT NULL,
    correlation_id text DEFAULT station_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (station_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT station_schema.request_context('user_agent'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT station_audit_log_entity_type_check CHECK (entity_type = ANY (ARRAY['STATION'::text, 'EMPLOYEE'::text, 'PRICE'::text, 'SCHEDULED_PRICE'::text, 'HOURS_EXCEPTION'::text, 'SHIFT'::text, 'CERTIFICATION'::text, 'TERMINAL'::text, 'TERMINAL_CODE'::text])),
    CONSTRAINT station_audit_log_event_type_check CHECK (event_type = (entity_type || '_CREATED'::text) OR event_type = (entity_type || '_UPDATED'::text) OR event_type = (entity_type || '_DELETED'::text)),
    CONSTRAINT station_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT station_audit_log_values_check CHECK (num_nonnulls(old_values, new_values) > 0 AND jsonb_typeof(COALESCE(old_values, '{}'::jsonb)) = 'object'::text AND jsonb_typeof(COALESCE(new_values, '{}'::jsonb)) = 'object'::text)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE station_schema.station_audit_log IS 'Every change of a station and what belongs to it: of an update the changed values alone, before and after.';
GRANT SELECT ON TABLE station_schema.station_audit_log TO station_app;
GRANT SELECT (id) ON TABLE station_schema.station_audit_log TO station_ro;
GRANT SELECT (event_type) ON TABLE station_schema.station_audit_log TO station_ro;
GRANT SELECT (entity_type) ON TABLE station_schema.station_audit_log TO station_ro;
GRANT SELECT (entity_reference) ON TABLE station_schema.station_audit_log TO station_ro;
COMMENT ON COLUMN station_schema.station_audit_log.old_values IS 'Personal data: may hold an employee''s user id.';
COMMENT ON COLUMN station_schema.station_audit_log.new_values IS 'Personal data: may hold an employee''s user id.';
COMMENT ON COLUMN station_schema.station_audit_log.actor IS 'Personal data: who did it: a user''s public id, a command, or the database role when nobody said.';
GRANT SELECT (correlation_id) ON TABLE station_schema.station_audit_log TO station_ro;
COMMENT ON COLUMN station_schema.station_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN station_schema.station_audit_log.user_agent IS 'Personal data: the program that made the request.';
GRANT SELECT (created_at) ON TABLE station_schema.station_audit_log TO station_ro;

CREATE INDEX station_audit_log_actor_created_at_idx ON station_schema.station_audit_log USING btree (actor, created_at);

CREATE INDEX station_audit_log_entity_reference_created_at_idx ON station_schema.station_audit_log USING btree (entity_reference, created_at);

CREATE INDEX station_audit_log_with_address_created_at_idx ON station_schema.station_audit_log USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE TRIGGER station_audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON station_schema.station_audit_log FOR EACH STATEMENT EXECUTE FUNCTION station_schema.refuse_change();

CREATE TABLE station_schema.station_fuel_price_history (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    station_code text NOT NULL,
    fuel text NOT NULL,
    price numeric(8,3) NOT NULL,
    currency text NOT NULL,
    price_as_of date NOT NULL,
    valid_from timestamp with time zone,
    previous_price numeric(8,3),
    reason text,
    actor text DEFAULT COALESCE(station_schema.request_context('actor'::text), ('role:'::text || (SESSION_USER)::text)) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT station_fuel_price_history_pk PRIMARY KEY (id, created_at),
    CONSTRAINT station_fuel_price_history_previous_price_check CHECK (previous_price > 0::numeric AND previous_price < 'NaN'::numeric),
    CONSTRAINT station_fuel_price_history_price_check CHECK (price > 0::numeric AND price < 'NaN'::numeric)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE station_schema.station_fuel_price_history IS 'Every price that a station had since this table exists, as it was set. Only a trigger writes it.';
GRANT SELECT ON TABLE station_schema.station_fuel_price_history TO station_app;
GRANT SELECT (id) ON TABLE station_schema.station_fuel_price_history TO station_ro;
COMMENT ON COLUMN station_schema.station_fuel_price_history.station_code IS 'No foreign key: what a litre cost stays true, whatever becomes of the station.';
GRANT SELECT (station_code) ON TABLE station_schema.station_fuel_price_history TO station_ro;
GRANT SELECT (fuel) ON TABLE station_schema.station_fuel_price_history TO station_ro;
GRANT SELECT (price) ON TABLE station_schema.station_fuel_price_history TO station_ro;
GRANT SELECT (currency) ON TABLE station_schema.station_fuel_price_history TO station_ro;
GRANT SELECT (price_as_of) ON TABLE station_schema.station_fuel_price_history TO station_ro;
GRANT SELECT (valid_from) ON TABLE station_schema.station_fuel_price_history TO station_ro;
GRANT SELECT (previous_price) ON TABLE station_schema.station_fuel_price_history TO station_ro;
GRANT SELECT (reason) ON TABLE station_schema.station_fuel_price_history TO station_ro;
COMMENT ON COLUMN station_schema.station_fuel_price_history.actor IS 'Personal data: who set it.';
GRANT SELECT (created_at) ON TABLE station_schema.station_fuel_price_history TO station_ro;

CREATE INDEX station_fuel_price_history_station_code_idx ON station_schema.station_fuel_price_history USING btree (station_code, created_at, id);

CREATE TRIGGER station_fuel_price_history_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON station_schema.station_fuel_price_history FOR EACH STATEMENT EXECUTE FUNCTION station_schema.refuse_change();

CREATE TABLE station_schema.station_fuel_prices (
    station_id bigint NOT NULL,
    fuel text NOT NULL,
    price numeric(8,3) NOT NULL,
    currency text NOT NULL,
    price_as_of date NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    valid_from timestamp with time zone,
    reason text,
    set_by text,
    CONSTRAINT station_fuel_prices_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT station_fuel_prices_fuel_check CHECK (fuel = ANY (ARRAY['REGULAR'::text, 'PREMIUM'::text, 'DIESEL'::text])),
    CONSTRAINT station_fuel_prices_pk PRIMARY KEY (station_id, fuel),
    CONSTRAINT station_fuel_prices_plausible_check CHECK (
CASE currency
    WHEN 'MXN'::text THEN price >= 5::numeric AND price <= 100::numeric
    WHEN 'CRC'::text THEN price >= 100::numeric AND price <= 5000::numeric
    ELSE price >= 0.2 AND price <= 10::numeric
END),
    CONSTRAINT station_fuel_prices_price_check CHECK (price > 0::numeric AND price < 'NaN'::numeric),
    CONSTRAINT station_fuel_prices_reason_check CHECK (reason = btrim(reason) AND length(reason) >= 1 AND length(reason) <= 200 AND station_schema.is_readable(reason))
);
COMMENT ON TABLE station_schema.station_fuel_prices IS 'The latest known price of a litre by station and fuel; a price of an older day never replaces a newer one.';
GRANT SELECT ON TABLE station_schema.station_fuel_prices TO station_app;
GRANT SELECT ON TABLE station_schema.station_fuel_prices TO station_ro;
GRANT INSERT (station_id) ON TABLE station_schema.station_fuel_prices TO station_app;
GRANT INSERT (fuel) ON TABLE station_schema.station_fuel_prices TO station_app;
GRANT INSERT (price), UPDATE (price) ON TABLE station_schema.station_fuel_prices TO station_app;
GRANT INSERT (currency), UPDATE (currency) ON TABLE station_schema.station_fuel_prices TO station_app;
COMMENT ON COLUMN station_schema.station_fuel_prices.price_as_of IS 'The day the source says the price is of.';
GRANT INSERT (price_as_of), UPDATE (price_as_of) ON TABLE station_schema.station_fuel_prices TO station_app;
COMMENT ON COLUMN station_schema.station_fuel_prices.valid_from IS 'The moment it became the price; NULL where the source knows no more than the day.';
GRANT INSERT (valid_from), UPDATE (valid_from) ON TABLE station_schema.station_fuel_prices TO station_app;
GRANT INSERT (reason), UPDATE (reason) ON TABLE station_schema.station_fuel_prices TO station_app;
COMMENT ON COLUMN station_schema.station_fuel_prices.set_by IS 'Personal data: who decided it, where that is somebody else than who wrote it.';
GRANT INSERT (set_by), UPDATE (set_by) ON TABLE station_schema.station_fuel_prices TO station_app;

CREATE TRIGGER station_fuel_prices_history_insert AFTER INSERT ON station_schema.station_fuel_prices REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.keep_price_history();

CREATE TRIGGER station_fuel_prices_history_update AFTER UPDATE ON station_schema.station_fuel_prices REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.keep_price_history();

CREATE TRIGGER station_fuel_prices_list_insert AFTER INSERT ON station_schema.station_fuel_prices REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.list_changed_prices();

CREATE TRIGGER station_fuel_prices_list_update AFTER UPDATE ON station_schema.station_fuel_prices REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.list_changed_prices();

CREATE TRIGGER station_fuel_prices_log_delete AFTER DELETE ON station_schema.station_fuel_prices REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('PRICE', 'fuel');

CREATE TRIGGER station_fuel_prices_log_insert AFTER INSERT ON station_schema.station_fuel_prices REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('PRICE', 'fuel');

CREATE TRIGGER station_fuel_prices_log_update AFTER UPDATE ON station_schema.station_fuel_prices REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('PRICE', 'fuel');

CREATE TRIGGER station_fuel_prices_set_updated_at BEFORE UPDATE ON station_schema.station_fuel_prices FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.station_hours_exceptions (
    station_id bigint NOT NULL,
    day date NOT NULL,
    hours jsonb NOT NULL,
    note text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT station_hours_exceptions_hours_check CHECK (station_schema.are_windows(hours)),
    CONSTRAINT station_hours_exceptions_note_check CHECK (note = btrim(note) AND length(note) >= 1 AND length(note) <= 100 AND station_schema.is_readable(note)),
    CONSTRAINT station_hours_exceptions_pk PRIMARY KEY (station_id, day)
);
COMMENT ON TABLE station_schema.station_hours_exceptions IS 'Hours of single days, such as holidays, in place of the weekday''s; no hours: closed.';
GRANT DELETE, SELECT ON TABLE station_schema.station_hours_exceptions TO station_app;
GRANT SELECT ON TABLE station_schema.station_hours_exceptions TO station_ro;
GRANT INSERT (station_id) ON TABLE station_schema.station_hours_exceptions TO station_app;
COMMENT ON COLUMN station_schema.station_hours_exceptions.day IS 'In the station''s zone.';
GRANT INSERT (day) ON TABLE station_schema.station_hours_exceptions TO station_app;
GRANT INSERT (hours), UPDATE (hours) ON TABLE station_schema.station_hours_exceptions TO station_app;
GRANT INSERT (note), UPDATE (note) ON TABLE station_schema.station_hours_exceptions TO station_app;

CREATE TRIGGER station_hours_exceptions_log_delete AFTER DELETE ON station_schema.station_hours_exceptions REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('HOURS_EXCEPTION', 'day');

CREATE TRIGGER station_hours_exceptions_log_insert AFTER INSERT ON station_schema.station_hours_exceptions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('HOURS_EXCEPTION', 'day');

CREATE TRIGGER station_hours_exceptions_log_update AFTER UPDATE ON station_schema.station_hours_exceptions REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('HOURS_EXCEPTION', 'day');

CREATE TRIGGER station_hours_exceptions_set_updated_at BEFORE UPDATE ON station_schema.station_hours_exceptions FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.station_import_places (
    permit_number text NOT NULL,
    regulator_place_id bigint NOT NULL,
    station_code text NOT NULL,
    name text NOT NULL,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL,
    fuels text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT station_import_places_pk PRIMARY KEY (permit_number)
);
ALTER TABLE station_schema.station_import_places SET UNLOGGED;
COMMENT ON TABLE station_schema.station_import_places IS 'Staging of an import: the places it accepted. Emptied at the start of each; permanent, so that queries prepare.';
GRANT SELECT ON TABLE station_schema.station_import_places TO station_app;
GRANT INSERT (permit_number) ON TABLE station_schema.station_import_places TO station_app;
GRANT INSERT (regulator_place_id) ON TABLE station_schema.station_import_places TO station_app;
GRANT INSERT (station_code) ON TABLE station_schema.station_import_places TO station_app;
GRANT INSERT (name) ON TABLE station_schema.station_import_places TO station_app;
GRANT INSERT (longitude) ON TABLE station_schema.station_import_places TO station_app;
GRANT INSERT (latitude) ON TABLE station_schema.station_import_places TO station_app;
GRANT INSERT (fuels) ON TABLE station_schema.station_import_places TO station_app;

CREATE TABLE station_schema.station_import_prices (
    permit_number text NOT NULL,
    fuel text NOT NULL,
    price numeric(8,3) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT station_import_prices_pk PRIMARY KEY (permit_number, fuel),
    CONSTRAINT station_import_prices_price_check CHECK (price > 0::numeric AND price < 'NaN'::numeric)
);
ALTER TABLE station_schema.station_import_prices SET UNLOGGED;
COMMENT ON TABLE station_schema.station_import_prices IS 'Staging of an import: the prices it accepted. Emptied at the start of each; permanent, so that queries prepare.';
GRANT SELECT ON TABLE station_schema.station_import_prices TO station_app;
GRANT INSERT (permit_number) ON TABLE station_schema.station_import_prices TO station_app;
GRANT INSERT (fuel) ON TABLE station_schema.station_import_prices TO station_app;
GRANT INSERT (price) ON TABLE station_schema.station_import_prices TO station_app;

CREATE TABLE station_schema.station_import_rows (
    row_number integer NOT NULL,
    station_code text NOT NULL,
    name text,
    status text,
    station_type text,
    accepts_coupons boolean,
    address text,
    city text,
    state text,
    postal_code text,
    country text,
    longitude double precision,
    latitude double precision,
    time_zone text,
    pump_count integer,
    fuels text[],
    services_offered text[],
    phone text,
    email text,
    permit_number text,
    opened_on date,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT station_import_rows_pk PRIMARY KEY (row_number),
    CONSTRAINT station_import_rows_station_code_key UNIQUE (station_code)
);
ALTER TABLE station_schema.station_import_rows SET UNLOGGED;
COMMENT ON TABLE station_schema.station_import_rows IS 'Staging of an import from a table of stations: the rows that can be read. Emptied at the start of each.';
GRANT SELECT ON TABLE station_schema.station_import_rows TO station_app;
COMMENT ON COLUMN station_schema.station_import_rows.row_number IS 'The row of the file, as a spreadsheet counts.';
GRANT INSERT (row_number) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (station_code) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (name) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (status) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (station_type) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (accepts_coupons) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (address) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (city) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (state) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (postal_code) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (country) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (longitude) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (latitude) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (time_zone) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (pump_count) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (fuels) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (services_offered) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (phone) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (email) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (permit_number) ON TABLE station_schema.station_import_rows TO station_app;
GRANT INSERT (opened_on) ON TABLE station_schema.station_import_rows TO station_app;

CREATE TABLE station_schema.station_metrics_daily (
    station_id bigint NOT NULL,
    day date NOT NULL,
    vehicles bigint DEFAULT 0 NOT NULL,
    volume_l numeric(14,3) DEFAULT 0 NOT NULL,
    transactions bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT station_metrics_daily_pk PRIMARY KEY (station_id, day),
    CONSTRAINT station_metrics_daily_transactions_check CHECK (transactions >= 0),
    CONSTRAINT station_metrics_daily_vehicles_check CHECK (vehicles >= 0),
    CONSTRAINT station_metrics_daily_volume_l_check CHECK (volume_l >= 0::numeric AND volume_l < 'NaN'::numeric)
) PARTITION BY RANGE (day);
COMMENT ON TABLE station_schema.station_metrics_daily IS 'What a station did on a day of its zone, added up from events; one row a station and day.';
GRANT SELECT ON TABLE station_schema.station_metrics_daily TO station_app;
GRANT SELECT ON TABLE station_schema.station_metrics_daily TO station_ro;
GRANT INSERT (station_id) ON TABLE station_schema.station_metrics_daily TO station_app;
GRANT INSERT (day) ON TABLE station_schema.station_metrics_daily TO station_app;
GRANT INSERT (vehicles), UPDATE (vehicles) ON TABLE station_schema.station_metrics_daily TO station_app;
GRANT INSERT (volume_l), UPDATE (volume_l) ON TABLE station_schema.station_metrics_daily TO station_app;
GRANT INSERT (transactions), UPDATE (transactions) ON TABLE station_schema.station_metrics_daily TO station_app;

CREATE TRIGGER station_metrics_daily_set_updated_at BEFORE UPDATE ON station_schema.station_metrics_daily FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.station_price_lists (
    station_id bigint NOT NULL,
    prices json NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT station_price_lists_pk PRIMARY KEY (station_id)
);
COMMENT ON TABLE station_schema.station_price_lists IS 'A station''s current prices as they are shown, made by a trigger when they change: building them for a page of twenty stations took longer than finding these.';
GRANT SELECT ON TABLE station_schema.station_price_lists TO station_app;
GRANT SELECT ON TABLE station_schema.station_price_lists TO station_ro;

CREATE TRIGGER station_price_lists_set_updated_at BEFORE UPDATE ON station_schema.station_price_lists FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.station_scheduled_prices (
    station_id bigint NOT NULL,
    fuel text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    price numeric(8,3) NOT NULL,
    currency text NOT NULL,
    reason text,
    scheduled_by text DEFAULT COALESCE(station_schema.request_context('actor'::text), ('role:'::text || (SESSION_USER)::text)) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT station_scheduled_prices_currency_check CHECK (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text])),
    CONSTRAINT station_scheduled_prices_fuel_check CHECK (fuel = ANY (ARRAY['REGULAR'::text, 'PREMIUM'::text, 'DIESEL'::text])),
    CONSTRAINT station_scheduled_prices_pk PRIMARY KEY (station_id, fuel, valid_from),
    CONSTRAINT station_scheduled_prices_plausible_check CHECK (
CASE currency
    WHEN 'MXN'::text THEN price >= 5::numeric AND price <= 100::numeric
    WHEN 'CRC'::text THEN price >= 100::numeric AND price <= 5000::numeric
    ELSE price >= 0.2 AND price <= 10::numeric
END),
    CONSTRAINT station_scheduled_prices_price_check CHECK (price > 0::numeric AND price < 'NaN'::numeric),
    CONSTRAINT station_scheduled_prices_reason_check CHECK (reason = btrim(reason) AND length(reason) >= 1 AND length(reason) <= 200 AND station_schema.is_readable(reason)),
    CONSTRAINT station_scheduled_prices_valid_from_check CHECK (valid_from > created_at AND valid_from <= (created_at + '90 days'::interval))
);
COMMENT ON TABLE station_schema.station_scheduled_prices IS 'Prices to come; a job makes each the current one when its time is there, and takes it away here.';
GRANT DELETE, SELECT ON TABLE station_schema.station_scheduled_prices TO station_app;
GRANT INSERT (station_id) ON TABLE station_schema.station_scheduled_prices TO station_app;
GRANT SELECT (station_id) ON TABLE station_schema.station_scheduled_prices TO station_ro;
GRANT INSERT (fuel) ON TABLE station_schema.station_scheduled_prices TO station_app;
GRANT SELECT (fuel) ON TABLE station_schema.station_scheduled_prices TO station_ro;
GRANT INSERT (valid_from) ON TABLE station_schema.station_scheduled_prices TO station_app;
GRANT SELECT (valid_from) ON TABLE station_schema.station_scheduled_prices TO station_ro;
GRANT INSERT (price) ON TABLE station_schema.station_scheduled_prices TO station_app;
GRANT SELECT (price) ON TABLE station_schema.station_scheduled_prices TO station_ro;
GRANT INSERT (currency) ON TABLE station_schema.station_scheduled_prices TO station_app;
GRANT SELECT (currency) ON TABLE station_schema.station_scheduled_prices TO station_ro;
GRANT INSERT (reason) ON TABLE station_schema.station_scheduled_prices TO station_app;
GRANT SELECT (reason) ON TABLE station_schema.station_scheduled_prices TO station_ro;
COMMENT ON COLUMN station_schema.station_scheduled_prices.scheduled_by IS 'Personal data: who decided it.';
GRANT SELECT (created_at) ON TABLE station_schema.station_scheduled_prices TO station_ro;
GRANT SELECT (updated_at) ON TABLE station_schema.station_scheduled_prices TO station_ro;

CREATE INDEX station_scheduled_prices_valid_from_idx ON station_schema.station_scheduled_prices USING btree (valid_from);

CREATE TRIGGER station_scheduled_prices_log_delete AFTER DELETE ON station_schema.station_scheduled_prices REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('SCHEDULED_PRICE', 'fuel');

CREATE TRIGGER station_scheduled_prices_log_insert AFTER INSERT ON station_schema.station_scheduled_prices REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('SCHEDULED_PRICE', 'fuel');

CREATE TRIGGER station_scheduled_prices_set_updated_at BEFORE UPDATE ON station_schema.station_scheduled_prices FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.stations (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    station_code text NOT NULL,
    name text NOT NULL,
    permit_number text,
    regulator_place_id bigint,
    accepts_coupons boolean DEFAULT false NOT NULL,
    address text,
    city text,
    state text,
    postal_code text,
    country text NOT NULL,
    location point NOT NULL,
    time_zone text,
    status text DEFAULT 'ACTIVE'::text NOT NULL,
    station_type text DEFAULT 'FULL_SERVICE'::text NOT NULL,
    pump_count integer,
    fuels text[] DEFAULT '{}'::text[] NOT NULL,
    services_offered text[] DEFAULT '{}'::text[] NOT NULL,
    opening_hours jsonb DEFAULT '{}'::jsonb NOT NULL,
    phone text,
    email text,
    opened_on date,
    storage_capacity_l numeric(12,3),
    daily_vehicle_capacity integer,
    average_daily_vehicles integer,
    average_daily_volume_l numeric(12,3),
    customer_rating numeric(2,1),
    performance_measured_at timestamp with time zone,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    status_reason text,
    status_changed_at timestamp with time zone,
    required_certification text,
    CONSTRAINT stations_address_check CHECK (address = btrim(address) AND length(address) >= 1 AND length(address) <= 300),
    CONSTRAINT stations_average_daily_vehicles_check CHECK (average_daily_vehicles >= 0),
    CONSTRAINT stations_average_daily_volume_check CHECK (average_daily_volume_l >= 0::numeric AND average_daily_volume_l < 'NaN'::numeric),
    CONSTRAINT stations_city_check CHECK (city = btrim(city) AND length(city) >= 1 AND length(city) <= 100),
    CONSTRAINT stations_country_check CHECK (country = ANY (ARRAY['MX'::text, 'GT'::text, 'BZ'::text, 'SV'::text, 'HN'::text, 'NI'::text, 'CR'::text, 'PA'::text, 'US'::text])),
    CONSTRAINT stations_customer_rating_check CHECK (customer_rating >= 1::numeric AND customer_rating <= 5::numeric),
    CONSTRAINT stations_daily_vehicle_capacity_check CHECK (daily_vehicle_capacity > 0),
    CONSTRAINT stations_email_check CHECK (length(email) <= 254 AND email ~ '^[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}$'::text),
    CONSTRAINT stations_email_domain_check CHECK (email !~* '(@|\.)(example\.(com|net|org)|[a-z0-9-]+\.(test|invalid|localhost|example))$'::text),
    CONSTRAINT stations_fuels_check CHECK (fuels <@ ARRAY['REGULAR'::text, 'PREMIUM'::text, 'DIESEL'::text] AND cardinality(fuels) <= 3 AND COALESCE(array_ndims(fuels), 1) = 1),
    CONSTRAINT stations_location_check CHECK (location[0] >= '-180'::integer::double precision AND location[0] <= 180::double precision AND (location[0] = 0::double precision OR abs(location[0]) >= 0.000000001::double precision) AND location[1] >= '-90'::integer::double precision AND location[1] <= 90::double precision AND (location[1] = 0::double precision OR abs(location[1]) >= 0.000000001::double precision)),
    CONSTRAINT stations_location_is_not_zero_check CHECK (location[0] <> 0::double precision OR location[1] <> 0::double precision),
    CONSTRAINT stations_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT stations_mexico_location_check CHECK (country <> 'MX'::text OR location[0] >= '-118.6'::numeric::double precision AND location[0] <= '-86.6'::numeric::double precision AND location[1] >= 14.4::double precision AND location[1] <= 32.8::double precision),
    CONSTRAINT stations_name_check CHECK (name = btrim(name) AND length(name) >= 1 AND length(name) <= 200 AND name ~ '[^[:space:][:cntrl:]\u0080-\u00A0\u00AD\u1680\u180E\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF]'::text),
    CONSTRAINT stations_name_readable_check CHECK (station_schema.is_readable(name)),
    CONSTRAINT stations_opened_on_check CHECK (opened_on >= '1900-01-01'::date),
    CONSTRAINT stations_opening_hours_check CHECK (jsonb_typeof(opening_hours) = 'object'::text),
    CONSTRAINT stations_opening_hours_valid_check CHECK (station_schema.are_opening_hours(opening_hours)),
    CONSTRAINT stations_participant_is_known_check CHECK (NOT accepts_coupons OR num_nulls(address, city, state, time_zone, pump_count) = 0),
    CONSTRAINT stations_participant_sells_check CHECK (NOT accepts_coupons OR status <> 'ACTIVE'::text OR cardinality(fuels) > 0),
    CONSTRAINT stations_permit_number_check CHECK (permit_number ~ '^[A-Z0-9/.-]{3,40}$'::text),
    CONSTRAINT stations_permit_number_key UNIQUE (permit_number),
    CONSTRAINT stations_phone_check CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'::text),
    CONSTRAINT stations_pk PRIMARY KEY (id),
    CONSTRAINT stations_postal_code_check CHECK (
CASE country
    WHEN 'SV'::text THEN postal_code ~ '^[0-9]{4}$'::text
    WHEN 'PA'::text THEN postal_code ~ '^[0-9]{4}$'::text
    WHEN 'US'::text THEN postal_code ~ '^[0-9]{5}(-[0-9]{4})?$'::text
    WHEN 'BZ'::text THEN postal_code IS NULL
    ELSE postal_code ~ '^[0-9]{5}$'::text
END),
    CONSTRAINT stations_pump_count_check CHECK (pump_count >= 1 AND pump_count <= 50),
    CONSTRAINT stations_regulator_place_id_check CHECK (regulator_place_id > 0),
    CONSTRAINT stations_required_certification_check CHECK (required_certification = ANY (ARRAY['COUPON_PROCESSING'::text, 'CUSTOMER_SERVICE'::text, 'CASH_HANDLING'::text, 'FUEL_HANDLING'::text, 'FIRE_SAFETY'::text, 'FIRST_AID'::text])),
    CONSTRAINT stations_services_offered_check CHECK (services_offered <@ ARRAY['AIR'::text, 'ATM'::text, 'CAR_WASH'::text, 'CONVENIENCE_STORE'::text, 'EV_CHARGING'::text, 'MECHANIC'::text, 'OIL_CHANGE'::text, 'RESTAURANT'::text, 'RESTROOM'::text, 'TRUCK_PARKING'::text, 'WIFI'::text] AND cardinality(services_offered) <= 11 AND COALESCE(array_ndims(services_offered), 1) = 1),
    CONSTRAINT stations_state_check CHECK (state = btrim(state) AND length(state) >= 1 AND length(state) <= 100),
    CONSTRAINT stations_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT stations_station_code_key UNIQUE (station_code),
    CONSTRAINT stations_station_type_check CHECK (station_type = ANY (ARRAY['FULL_SERVICE'::text, 'SELF_SERVICE'::text, 'HYBRID'::text, 'TRUCK_STOP'::text, 'CONVENIENCE'::text, 'PREMIUM'::text])),
    CONSTRAINT stations_status_check CHECK (status = ANY (ARRAY['ACTIVE'::text, 'INACTIVE'::text, 'MAINTENANCE'::text, 'CONSTRUCTION'::text, 'PERMANENTLY_CLOSED'::text])),
    CONSTRAINT stations_status_reason_check CHECK (status_reason = btrim(status_reason) AND length(status_reason) >= 1 AND length(status_reason) <= 300),
    CONSTRAINT stations_storage_capacity_check CHECK (storage_capacity_l > 0::numeric AND storage_capacity_l < 'NaN'::numeric),
    CONSTRAINT stations_texts_readable_check CHECK (station_schema.is_readable(address) AND station_schema.is_readable(city) AND station_schema.is_readable(state) AND station_schema.is_readable(status_reason)),
    CONSTRAINT stations_time_zone_check CHECK (time_zone IS NULL OR time_zone ~ '^[A-Z][A-Za-z_]+(/[A-Za-z_+-]+){1,2}$'::text AND timezone(time_zone, '2000-01-01 00:00:00+00'::timestamp with time zone) IS NOT NULL)
);
COMMENT ON TABLE station_schema.stations IS 'Petrol stations: the chain''s own and those the regulator lists; NULL where the source does not say.';
GRANT SELECT ON TABLE station_schema.stations TO station_app;
GRANT SELECT ON TABLE station_schema.stations TO station_ro;
GRANT INSERT (station_code) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (name), UPDATE (name) ON TABLE station_schema.stations TO station_app;
COMMENT ON COLUMN station_schema.stations.permit_number IS 'The regulator''s permit; what an import recognises by.';
GRANT INSERT (permit_number), UPDATE (permit_number) ON TABLE station_schema.stations TO station_app;
COMMENT ON COLUMN station_schema.stations.regulator_place_id IS 'The regulator''s number of the place in its feed; a place may change its permit, so this is no key.';
GRANT INSERT (regulator_place_id), UPDATE (regulator_place_id) ON TABLE station_schema.stations TO station_app;
COMMENT ON COLUMN station_schema.stations.accepts_coupons IS 'Takes part in the programme; a listed station does not.';
GRANT INSERT (accepts_coupons), UPDATE (accepts_coupons) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (address), UPDATE (address) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (city), UPDATE (city) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (state), UPDATE (state) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (postal_code), UPDATE (postal_code) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (country), UPDATE (country) ON TABLE station_schema.stations TO station_app;
COMMENT ON COLUMN station_schema.stations.location IS 'x is the longitude, y the latitude, in degrees (WGS 84).';
GRANT INSERT (location), UPDATE (location) ON TABLE station_schema.stations TO station_app;
COMMENT ON COLUMN station_schema.stations.time_zone IS 'IANA name, such as America/Mexico_City.';
GRANT INSERT (time_zone), UPDATE (time_zone) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (status), UPDATE (status) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (station_type), UPDATE (station_type) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (pump_count), UPDATE (pump_count) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (fuels), UPDATE (fuels) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (services_offered), UPDATE (services_offered) ON TABLE station_schema.stations TO station_app;
COMMENT ON COLUMN station_schema.stations.opening_hours IS '{"mon": [["06:00", "22:00"]], ...} in the station''s zone; "24:00" ends a day; a missing day is closed, {} unknown.';
GRANT INSERT (opening_hours), UPDATE (opening_hours) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (phone), UPDATE (phone) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (email), UPDATE (email) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (opened_on), UPDATE (opened_on) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (storage_capacity_l), UPDATE (storage_capacity_l) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (daily_vehicle_capacity), UPDATE (daily_vehicle_capacity) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (average_daily_vehicles), UPDATE (average_daily_vehicles) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (average_daily_volume_l), UPDATE (average_daily_volume_l) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (customer_rating), UPDATE (customer_rating) ON TABLE station_schema.stations TO station_app;
COMMENT ON COLUMN station_schema.stations.performance_measured_at IS 'When the averages and the rating were last measured.';
GRANT INSERT (performance_measured_at), UPDATE (performance_measured_at) ON TABLE station_schema.stations TO station_app;
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE station_schema.stations TO station_app;
COMMENT ON COLUMN station_schema.stations.status_reason IS 'Why it has its status; for the staff.';
GRANT INSERT (status_reason), UPDATE (status_reason) ON TABLE station_schema.stations TO station_app;
COMMENT ON COLUMN station_schema.stations.status_changed_at IS 'When its status last changed; NULL: never since made.';
COMMENT ON COLUMN station_schema.stations.required_certification IS 'What who processes transactions must hold here; NULL: nothing.';
GRANT UPDATE (required_certification) ON TABLE station_schema.stations TO station_app;

CREATE INDEX stations_city_station_code_idx ON station_schema.stations USING btree (station_schema.normalised(city), station_code);

CREATE INDEX stations_location_idx ON station_schema.stations USING gist (location);

CREATE INDEX stations_services_offered_idx ON station_schema.stations USING gin (services_offered);

CREATE INDEX stations_state_city_station_code_idx ON station_schema.stations USING btree (station_schema.normalised(state), station_schema.normalised(city), station_code);

CREATE INDEX stations_status_station_code_idx ON station_schema.stations USING btree (status, station_code);

CREATE INDEX stations_time_zone_idx ON station_schema.stations USING btree (time_zone);

CREATE INDEX stations_with_hours_station_code_idx ON station_schema.stations USING btree (station_code) WHERE ((time_zone IS NOT NULL) AND (opening_hours <> '{}'::jsonb) AND (status = 'ACTIVE'::text));

CREATE INDEX stations_words_idx ON station_schema.stations USING gin (station_schema.search_document(station_code, name, address, city, state));

CREATE TRIGGER stations_check_status_change BEFORE UPDATE ON station_schema.stations FOR EACH ROW WHEN (old.status IS DISTINCT FROM new.status) EXECUTE FUNCTION station_schema.check_status_change();

CREATE TRIGGER stations_list_prices AFTER UPDATE ON station_schema.stations REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.list_prices_of_changed_fuels();

CREATE TRIGGER stations_log_delete AFTER DELETE ON station_schema.stations REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('STATION', 'station_code');

CREATE TRIGGER stations_log_insert AFTER INSERT ON station_schema.stations REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('STATION', 'station_code');

CREATE TRIGGER stations_log_update AFTER UPDATE ON station_schema.stations REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('STATION', 'station_code');

CREATE TRIGGER stations_set_updated_at BEFORE UPDATE ON station_schema.stations FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TRIGGER stations_tell_new_places AFTER INSERT ON station_schema.stations REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.tell_places();

CREATE TRIGGER stations_tell_places AFTER UPDATE ON station_schema.stations REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.tell_places();

CREATE TABLE station_schema.terminal_enrolments (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    reference text NOT NULL,
    station_id bigint NOT NULL,
    name text NOT NULL,
    code_key_id integer NOT NULL,
    code_hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    used_at timestamp with time zone,
    created_by text DEFAULT COALESCE(station_schema.request_context('actor'::text), ('role:'::text || (SESSION_USER)::text)) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT terminal_enrolments_code_hash_check CHECK (octet_length(code_hash) = 32),
    CONSTRAINT terminal_enrolments_expires_at_check CHECK (expires_at > created_at AND expires_at <= (created_at + '00:15:00'::interval)),
    CONSTRAINT terminal_enrolments_name_check CHECK (name = btrim(name) AND length(name) >= 1 AND length(name) <= 80 AND station_schema.is_readable(name)),
    CONSTRAINT terminal_enrolments_pk PRIMARY KEY (id),
    CONSTRAINT terminal_enrolments_reference_check CHECK (reference ~ '^[0-9A-HJKMNP-TV-Z]{6}$'::text),
    CONSTRAINT terminal_enrolments_reference_key UNIQUE (reference),
    CONSTRAINT terminal_enrolments_tries_check CHECK (tries >= 0 AND tries <= 3)
);
COMMENT ON TABLE station_schema.terminal_enrolments IS 'Codes with which a device may enrol: once, within 15 minutes, with three tries. Kept as a keyed hash alone.';
GRANT SELECT ON TABLE station_schema.terminal_enrolments TO station_app;
COMMENT ON COLUMN station_schema.terminal_enrolments.reference IS 'The part of the code that finds it, so that wrong tries are counted; the other part proves.';
GRANT INSERT (reference) ON TABLE station_schema.terminal_enrolments TO station_app;
GRANT INSERT (station_id) ON TABLE station_schema.terminal_enrolments TO station_app;
GRANT INSERT (name) ON TABLE station_schema.terminal_enrolments TO station_app;
GRANT INSERT (code_key_id) ON TABLE station_schema.terminal_enrolments TO station_app;
GRANT INSERT (code_hash) ON TABLE station_schema.terminal_enrolments TO station_app;
GRANT INSERT (expires_at) ON TABLE station_schema.terminal_enrolments TO station_app;
GRANT UPDATE (tries) ON TABLE station_schema.terminal_enrolments TO station_app;
GRANT UPDATE (used_at) ON TABLE station_schema.terminal_enrolments TO station_app;
COMMENT ON COLUMN station_schema.terminal_enrolments.created_by IS 'Personal data: who made the code.';

CREATE INDEX terminal_enrolments_created_at_idx ON station_schema.terminal_enrolments USING btree (created_at);

CREATE INDEX terminal_enrolments_station_id_expires_at_idx ON station_schema.terminal_enrolments USING btree (station_id, expires_at);

CREATE TRIGGER terminal_enrolments_log_insert AFTER INSERT ON station_schema.terminal_enrolments REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_terminal_codes();

CREATE TRIGGER terminal_enrolments_set_updated_at BEFORE UPDATE ON station_schema.terminal_enrolments FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.terminal_nonces (
    terminal_id bigint NOT NULL,
    nonce bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT terminal_nonces_nonce_check CHECK (octet_length(nonce) = 16),
    CONSTRAINT terminal_nonces_pk PRIMARY KEY (terminal_id, nonce)
);
COMMENT ON TABLE station_schema.terminal_nonces IS 'What terminals signed of late, so that nothing signed counts twice. Deleted five minutes later, when its time alone refuses it. Not partitioned: the key must be unique.';
GRANT SELECT ON TABLE station_schema.terminal_nonces TO station_app;
GRANT INSERT (terminal_id) ON TABLE station_schema.terminal_nonces TO station_app;
GRANT INSERT (nonce) ON TABLE station_schema.terminal_nonces TO station_app;

CREATE INDEX terminal_nonces_created_at_idx ON station_schema.terminal_nonces USING btree (created_at);

CREATE TABLE station_schema.terminal_sightings (
    terminal_id bigint NOT NULL,
    last_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT terminal_sightings_pk PRIMARY KEY (terminal_id)
);
COMMENT ON TABLE station_schema.terminal_sightings IS 'When a terminal last signed something, to the minute. Apart from the terminals, so that being seen neither waits for a change of one nor fills the audit log.';
GRANT SELECT ON TABLE station_schema.terminal_sightings TO station_app;
GRANT SELECT ON TABLE station_schema.terminal_sightings TO station_ro;
GRANT INSERT (terminal_id) ON TABLE station_schema.terminal_sightings TO station_app;
GRANT INSERT (last_seen_at), UPDATE (last_seen_at) ON TABLE station_schema.terminal_sightings TO station_app;

CREATE TABLE station_schema.terminals (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    terminal_code text NOT NULL,
    station_id bigint NOT NULL,
    name text NOT NULL,
    public_key bytea NOT NULL,
    enrolled_by text NOT NULL,
    revoked_at timestamp with time zone,
    revocation_reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT terminals_name_check CHECK (name = btrim(name) AND length(name) >= 1 AND length(name) <= 80 AND station_schema.is_readable(name)),
    CONSTRAINT terminals_pk PRIMARY KEY (id),
    CONSTRAINT terminals_public_key_check CHECK (octet_length(public_key) = 32),
    CONSTRAINT terminals_public_key_key UNIQUE (public_key),
    CONSTRAINT terminals_revocation_reason_check CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL) AND length(btrim(revocation_reason)) >= 1 AND length(btrim(revocation_reason)) <= 300 AND station_schema.is_readable(revocation_reason)),
    CONSTRAINT terminals_terminal_code_check CHECK (terminal_code ~ '^TRM[0-9]{6,15}$'::text),
    CONSTRAINT terminals_terminal_code_key UNIQUE (terminal_code)
);
COMMENT ON TABLE station_schema.terminals IS 'Devices of a station, each known by the Ed25519 key that only it has.';
GRANT SELECT ON TABLE station_schema.terminals TO station_app;
GRANT SELECT (id) ON TABLE station_schema.terminals TO station_ro;
GRANT INSERT (terminal_code) ON TABLE station_schema.terminals TO station_app;
GRANT SELECT (terminal_code) ON TABLE station_schema.terminals TO station_ro;
GRANT INSERT (station_id) ON TABLE station_schema.terminals TO station_app;
GRANT SELECT (station_id) ON TABLE station_schema.terminals TO station_ro;
GRANT INSERT (name), UPDATE (name) ON TABLE station_schema.terminals TO station_app;
GRANT SELECT (name) ON TABLE station_schema.terminals TO station_ro;
GRANT INSERT (public_key) ON TABLE station_schema.terminals TO station_app;
COMMENT ON COLUMN station_schema.terminals.enrolled_by IS 'Personal data: who let it in: the maker of its code.';
GRANT INSERT (enrolled_by) ON TABLE station_schema.terminals TO station_app;
GRANT UPDATE (revoked_at) ON TABLE station_schema.terminals TO station_app;
GRANT SELECT (revoked_at) ON TABLE station_schema.terminals TO station_ro;
GRANT UPDATE (revocation_reason) ON TABLE station_schema.terminals TO station_app;
GRANT SELECT (created_at) ON TABLE station_schema.terminals TO station_ro;
GRANT SELECT (updated_at) ON TABLE station_schema.terminals TO station_ro;

CREATE INDEX terminals_station_id_terminal_code_idx ON station_schema.terminals USING btree (station_id, terminal_code);

CREATE TRIGGER terminals_log_delete AFTER DELETE ON station_schema.terminals REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('TERMINAL', 'terminal_code');

CREATE TRIGGER terminals_log_insert AFTER INSERT ON station_schema.terminals REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('TERMINAL', 'terminal_code');

CREATE TRIGGER terminals_log_update AFTER UPDATE ON station_schema.terminals REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('TERMINAL', 'terminal_code');

CREATE TRIGGER terminals_set_updated_at BEFORE UPDATE ON station_schema.terminals FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.user_states (
    user_id uuid NOT NULL,
    is_active boolean NOT NULL,
    is_erased boolean NOT NULL,
    as_of timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT user_states_is_erased_check CHECK (NOT (is_active AND is_erased)),
    CONSTRAINT user_states_pk PRIMARY KEY (user_id)
);
COMMENT ON TABLE station_schema.user_states IS 'What the auth service last said of an account that changed: nobody hires one that is not active, and what was said before that and comes late changes nothing.';
GRANT SELECT ON TABLE station_schema.user_states TO station_app;
COMMENT ON COLUMN station_schema.user_states.user_id IS 'Personal data: the public id of the user.';
GRANT INSERT (user_id) ON TABLE station_schema.user_states TO station_app;
GRANT INSERT (is_active), UPDATE (is_active) ON TABLE station_schema.user_states TO station_app;
GRANT INSERT (is_erased), UPDATE (is_erased) ON TABLE station_schema.user_states TO station_app;
COMMENT ON COLUMN station_schema.user_states.as_of IS 'When the auth service said it.';
GRANT INSERT (as_of), UPDATE (as_of) ON TABLE station_schema.user_states TO station_app;

CREATE TRIGGER user_states_set_updated_at BEFORE UPDATE ON station_schema.user_states FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE MATERIALIZED VIEW station_schema.station_summary AS
 SELECT s.id,
    s.station_code,
    s.name,
    s.status,
    s.accepts_coupons,
    s.country,
    s.state,
    s.city,
    s.fuels,
    p.regular_price,
    p.premium_price,
    p.diesel_price,
    p.currency,
    COALESCE(e.active_employees, 0::bigint) AS active_employees,
    COALESCE(m.days_measured, 0::bigint) AS days_measured,
    COALESCE(m.vehicles, 0::bigint) AS vehicles_30d,
    COALESCE(m.volume_l, 0::numeric) AS volume_30d_l,
    COALESCE(m.transactions, 0::bigint) AS transactions_30d,
    round(100.0 * m.vehicles::numeric / NULLIF(m.days_measured * s.daily_vehicle_capacity, 0)::numeric, 1) AS capacity_used_percent,
    now() AS refreshed_at
   FROM station_schema.stations s
     LEFT JOIN ( SELECT f.station_id,
            min(f.currency) AS currency,
            min(f.price) FILTER (WHERE f.fuel = 'REGULAR'::text) AS regular_price,
            min(f.price) FILTER (WHERE f.fuel = 'PREMIUM'::text) AS premium_price,
            min(f.price) FILTER (WHERE f.fuel = 'DIESEL'::text) AS diesel_price
           FROM station_schema.station_fuel_prices f
          GROUP BY f.station_id) p ON p.station_id = s.id
     LEFT JOIN ( SELECT w.station_id,
            count(*) AS active_employees
           FROM station_schema.employees w
          WHERE w.terminated_on IS NULL
          GROUP BY w.station_id) e ON e.station_id = s.id
     LEFT JOIN ( SELECT d.station_id,
            count(*) AS days_measured,
            sum(d.vehicles)::bigint AS vehicles,
            sum(d.volume_l) AS volume_l,
            sum(d.transactions)::bigint AS transactions
           FROM station_schema.station_metrics_daily d
          WHERE d.day >= ((now() AT TIME ZONE 'UTC'::text)::date - 30)
          GROUP BY d.station_id) m ON m.station_id = s.id;
COMMENT ON MATERIALIZED VIEW station_schema.station_summary IS 'One row a station for dashboards: prices, staff, the last thirty days. As it was when last refreshed.';
GRANT SELECT ON TABLE station_schema.station_summary TO station_app;
GRANT SELECT ON TABLE station_schema.station_summary TO station_ro;

CREATE UNIQUE INDEX station_summary_station_code_idx ON station_schema.station_summary USING btree (station_code);

CREATE VIEW station_schema.active_employees AS
 SELECT e.employee_number,
    s.station_code,
    e."position",
    e.role,
    e.may_process_transactions,
    e.may_handle_cash,
    e.may_supervise,
    e.employment_type,
    e.shift,
    e.hired_on
   FROM station_schema.employees e
     JOIN station_schema.stations s ON s.id = e.station_id
  WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL;
COMMENT ON VIEW station_schema.active_employees IS 'Who works now, and where; neither resting nor ended employments.';
GRANT SELECT ON TABLE station_schema.active_employees TO station_app;
GRANT SELECT ON TABLE station_schema.active_employees TO station_ro;

CREATE VIEW station_schema.active_stations AS
 SELECT id,
    station_code,
    name,
    station_type,
    city,
    state,
    country,
    location,
    time_zone,
    fuels,
    accepts_coupons
   FROM station_schema.stations s
  WHERE status = 'ACTIVE'::text;
COMMENT ON VIEW station_schema.active_stations IS 'Stations that serve people.';
GRANT SELECT ON TABLE station_schema.active_stations TO station_app;
GRANT SELECT ON TABLE station_schema.active_stations TO station_ro;

CREATE VIEW station_schema.certification_overview AS
 SELECT s.station_code,
    e.employee_number,
    c.certification_id,
    c.kind,
    c.issued_on,
    c.expires_on,
        CASE
            WHEN c.withdrawn_at IS NOT NULL THEN 'WITHDRAWN'::text
            WHEN c.expires_on <= station_schema.local_day(s.time_zone) THEN 'EXPIRED'::text
            WHEN c.expires_on <= (station_schema.local_day(s.time_zone) + 30) THEN 'EXPIRING'::text
            ELSE 'VALID'::text
        END AS status,
    NOT c.kind IS DISTINCT FROM s.required_certification AS is_required
   FROM station_schema.employee_certifications c
     JOIN station_schema.employees e ON e.id = c.employee_id
     JOIN station_schema.stations s ON s.id = e.station_id
  WHERE e.terminated_on IS NULL;
COMMENT ON VIEW station_schema.certification_overview IS 'Whose training counts, and for how long.';
GRANT SELECT ON TABLE station_schema.certification_overview TO station_app;
GRANT SELECT ON TABLE station_schema.certification_overview TO station_ro;

CREATE VIEW station_schema.employee_summary AS
 SELECT s.station_code,
    s.name AS station_name,
    staff.active_employees,
    staff.suspended_employees,
    staff.terminated_employees,
    staff.administrators,
    staff.supervisors,
    staff.process_transactions,
    staff.handle_cash,
    training.valid_certifications,
    training.expiring_certifications
   FROM station_schema.stations s
     CROSS JOIN LATERAL ( SELECT count(*) FILTER (WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL) AS active_employees,
            count(*) FILTER (WHERE e.suspended_at IS NOT NULL) AS suspended_employees,
            count(*) FILTER (WHERE e.terminated_on IS NOT NULL) AS terminated_employees,
            count(*) FILTER (WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL AND e.role = 'STATION_ADMIN'::text) AS administrators,
            count(*) FILTER (WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL AND e.may_supervise) AS supervisors,
            count(*) FILTER (WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL AND e.may_process_transactions) AS process_transactions,
            count(*) FILTER (WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL AND e.may_handle_cash) AS handle_cash
           FROM station_schema.employees e
          WHERE e.station_id = s.id) staff
     CROSS JOIN LATERAL ( SELECT count(*) AS valid_certifications,
            count(*) FILTER (WHERE c.expires_on <= (station_schema.local_day(s.time_zone) + 30)) AS expiring_certifications
           FROM station_schema.employees e
             JOIN station_schema.employee_certifications c ON c.employee_id = e.id
          WHERE e.station_id = s.id AND e.terminated_on IS NULL AND c.withdrawn_at IS NULL AND (c.expires_on IS NULL OR c.expires_on > station_schema.local_day(s.time_zone))) training
  WHERE (staff.active_employees + staff.suspended_employees + staff.terminated_employees) > 0;
COMMENT ON VIEW station_schema.employee_summary IS 'A station''s staff in numbers; stations that never had any are left out. Expiring: within 30 days.';
GRANT SELECT ON TABLE station_schema.employee_summary TO station_app;
GRANT SELECT ON TABLE station_schema.employee_summary TO station_ro;

CREATE VIEW station_schema.station_statistics AS
 SELECT country,
    state,
    city,
    count(*) AS stations,
    count(*) FILTER (WHERE status = 'ACTIVE'::text) AS active_stations,
    count(*) FILTER (WHERE status = 'MAINTENANCE'::text) AS stations_in_maintenance,
    count(*) FILTER (WHERE accepts_coupons) AS participating_stations,
    count(*) FILTER (WHERE fuels @> ARRAY['DIESEL'::text]) AS stations_with_diesel,
    currency,
    round(avg(regular_price), 3) AS average_regular_price,
    round(avg(premium_price), 3) AS average_premium_price,
    round(avg(diesel_price), 3) AS average_diesel_price,
    sum(active_employees) AS active_employees,
    sum(vehicles_30d) AS vehicles_30d,
    sum(volume_30d_l) AS volume_30d_l,
    sum(transactions_30d) AS transactions_30d
   FROM station_schema.station_summary s
  GROUP BY country, state, city, currency;
COMMENT ON VIEW station_schema.station_statistics IS 'By country, state, city and currency, from the summary of each station; averages never mix currencies.';
GRANT SELECT ON TABLE station_schema.station_statistics TO station_app;
GRANT SELECT ON TABLE station_schema.station_statistics TO station_ro;

ALTER TABLE station_schema.employee_certifications ADD CONSTRAINT employee_certifications_employee_id_fk FOREIGN KEY (employee_id) REFERENCES station_schema.employees(id) ON DELETE CASCADE;

ALTER TABLE station_schema.employee_shifts ADD CONSTRAINT employee_shifts_employee_id_fk FOREIGN KEY (employee_id) REFERENCES station_schema.employees(id) ON DELETE CASCADE;

ALTER TABLE station_schema.employee_shifts ADD CONSTRAINT employee_shifts_station_id_fk FOREIGN KEY (station_id) REFERENCES station_schema.stations(id) ON DELETE RESTRICT;

ALTER TABLE station_schema.employees ADD CONSTRAINT employees_station_id_fk FOREIGN KEY (station_id) REFERENCES station_schema.stations(id) ON DELETE RESTRICT;

ALTER TABLE station_schema.station_fuel_prices ADD CONSTRAINT station_fuel_prices_station_id_fk FOREIGN KEY (station_id) REFERENCES station_schema.stations(id) ON DELETE CASCADE;

ALTER TABLE station_schema.station_hours_exceptions ADD CONSTRAINT station_hours_exceptions_station_id_fk FOREIGN KEY (station_id) REFERENCES station_schema.stations(id) ON DELETE CASCADE;

ALTER TABLE station_schema.station_metrics_daily ADD CONSTRAINT station_metrics_daily_station_id_fk FOREIGN KEY (station_id) REFERENCES station_schema.stations(id) ON DELETE CASCADE;

ALTER TABLE station_schema.station_price_lists ADD CONSTRAINT station_price_lists_station_id_fk FOREIGN KEY (station_id) REFERENCES station_schema.stations(id) ON DELETE CASCADE;

ALTER TABLE station_schema.station_scheduled_prices ADD CONSTRAINT station_scheduled_prices_station_id_fk FOREIGN KEY (station_id) REFERENCES station_schema.stations(id) ON DELETE CASCADE;

ALTER TABLE station_schema.terminal_enrolments ADD CONSTRAINT terminal_enrolments_station_id_fk FOREIGN KEY (station_id) REFERENCES station_schema.stations(id) ON DELETE CASCADE;

ALTER TABLE station_schema.terminal_nonces ADD CONSTRAINT terminal_nonces_terminal_id_fk FOREIGN KEY (terminal_id) REFERENCES station_schema.terminals(id) ON DELETE CASCADE;

ALTER TABLE station_schema.terminal_sightings ADD CONSTRAINT terminal_sightings_terminal_id_fk FOREIGN KEY (terminal_id) REFERENCES station_schema.terminals(id) ON DELETE CASCADE;

ALTER TABLE station_schema.terminals ADD CONSTRAINT terminals_station_id_fk FOREIGN KEY (station_id) REFERENCES station_schema.stations(id) ON DELETE RESTRICT;

RESET ROLE;
