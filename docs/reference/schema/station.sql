-- The schema station_schema, as `vuelo dump` writes it. Change the migrations, not this file.
SET check_function_bodies = off;
SET search_path = pg_catalog;
CREATE SCHEMA station_schema AUTHORIZATION station_owner;
SET ROLE station_owner;
GRANT USAGE ON SCHEMA station_schema TO station_app;
GRANT USAGE ON SCHEMA station_schema TO station_ro;

CREATE OR REPLACE FUNCTION station_schema.begin_import()
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ TRUNCATE station_schema.station_import_places, station_schema.station_import_prices $function$;
COMMENT ON FUNCTION station_schema.begin_import() IS 'Empties the staging tables; its lock makes a second import wait until the first one has committed.';
REVOKE EXECUTE ON FUNCTION station_schema.begin_import() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_schema.begin_import() TO station_app;

CREATE OR REPLACE FUNCTION station_schema.distance_km(a point, b point)
 RETURNS double precision
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((((2)::numeric * 6371.0088))::double precision * asin(LEAST((1)::double precision, sqrt((power(sind(((((b)[1] + (180)::double precision) - ((a)[1] + (180)::double precision)) / (2)::double precision)), (2)::double precision) + ((cosd((a)[1]) * cosd((b)[1])) * power(sind(((((b)[0] + (180)::double precision) - ((a)[0] + (180)::double precision)) / (2)::double precision)), (2)::double precision)))))));
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
    CONSTRAINT employees_terminated_may_nothing_check CHECK (terminated_on IS NULL OR NOT (may_process_transactions OR may_handle_cash OR may_supervise)),
    CONSTRAINT employees_terminated_on_check CHECK (terminated_on >= hired_on),
    CONSTRAINT employees_termination_reason_check CHECK (termination_reason IS NULL OR terminated_on IS NOT NULL AND length(btrim(termination_reason)) >= 1 AND length(btrim(termination_reason)) <= 500)
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

CREATE UNIQUE INDEX employees_active_user_id_idx ON station_schema.employees USING btree (user_id) WHERE (terminated_on IS NULL);

CREATE INDEX employees_station_id_idx ON station_schema.employees USING btree (station_id);

CREATE TRIGGER employees_log_delete AFTER DELETE ON station_schema.employees REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('EMPLOYEE', 'employee_number');

CREATE TRIGGER employees_log_insert AFTER INSERT ON station_schema.employees REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('EMPLOYEE', 'employee_number');

CREATE TRIGGER employees_log_update AFTER UPDATE ON station_schema.employees REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('EMPLOYEE', 'employee_number');

CREATE TRIGGER employees_set_updated_at BEFORE UPDATE ON station_schema.employees FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

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
    CONSTRAINT station_audit_log_entity_type_check CHECK (entity_type = ANY (ARRAY['STATION'::text, 'EMPLOYEE'::text])),
    CONSTRAINT station_audit_log_event_type_check CHECK (event_type = ANY (ARRAY['STATION_CREATED'::text, 'STATION_UPDATED'::text, 'STATION_DELETED'::text, 'EMPLOYEE_CREATED'::text, 'EMPLOYEE_UPDATED'::text, 'EMPLOYEE_DELETED'::text])),
    CONSTRAINT station_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT station_audit_log_values_check CHECK (num_nonnulls(old_values, new_values) > 0 AND jsonb_typeof(COALESCE(old_values, '{}'::jsonb)) = 'object'::text AND jsonb_typeof(COALESCE(new_values, '{}'::jsonb)) = 'object'::text)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE station_schema.station_audit_log IS 'Every change of a station or an employment: of an update the changed values alone, before and after.';
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

CREATE INDEX station_audit_log_entity_reference_created_at_idx ON station_schema.station_audit_log USING btree (entity_reference, created_at);

CREATE TRIGGER station_audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON station_schema.station_audit_log FOR EACH STATEMENT EXECUTE FUNCTION station_schema.refuse_change();

CREATE TABLE station_schema.station_fuel_prices (
    station_id bigint NOT NULL,
    fuel text NOT NULL,
    price numeric(8,3) NOT NULL,
    currency text NOT NULL,
    price_as_of date NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT station_fuel_prices_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT station_fuel_prices_fuel_check CHECK (fuel = ANY (ARRAY['REGULAR'::text, 'PREMIUM'::text, 'DIESEL'::text])),
    CONSTRAINT station_fuel_prices_pk PRIMARY KEY (station_id, fuel),
    CONSTRAINT station_fuel_prices_plausible_check CHECK (
CASE currency
    WHEN 'MXN'::text THEN price >= 5::numeric AND price <= 100::numeric
    WHEN 'CRC'::text THEN price >= 100::numeric AND price <= 5000::numeric
    ELSE price >= 0.2 AND price <= 10::numeric
END),
    CONSTRAINT station_fuel_prices_price_check CHECK (price > 0::numeric AND price < 'NaN'::numeric)
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

CREATE TRIGGER station_fuel_prices_set_updated_at BEFORE UPDATE ON station_schema.station_fuel_prices FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

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
    CONSTRAINT stations_name_check CHECK (name = btrim(name) AND length(name) >= 1 AND length(name) <= 200 AND name ~ '[^[:space:][:cntrl:]\u0080-\u00A0\u00AD\u1680\u180E\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF]'::text),
    CONSTRAINT stations_opening_hours_check CHECK (jsonb_typeof(opening_hours) = 'object'::text),
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
    CONSTRAINT stations_services_offered_check CHECK (services_offered <@ ARRAY['AIR'::text, 'ATM'::text, 'CAR_WASH'::text, 'CONVENIENCE_STORE'::text, 'EV_CHARGING'::text, 'MECHANIC'::text, 'OIL_CHANGE'::text, 'RESTAURANT'::text, 'RESTROOM'::text, 'TRUCK_PARKING'::text, 'WIFI'::text] AND cardinality(services_offered) <= 11 AND COALESCE(array_ndims(services_offered), 1) = 1),
    CONSTRAINT stations_state_check CHECK (state = btrim(state) AND length(state) >= 1 AND length(state) <= 100),
    CONSTRAINT stations_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT stations_station_code_key UNIQUE (station_code),
    CONSTRAINT stations_station_type_check CHECK (station_type = ANY (ARRAY['FULL_SERVICE'::text, 'SELF_SERVICE'::text, 'HYBRID'::text, 'TRUCK_STOP'::text, 'CONVENIENCE'::text, 'PREMIUM'::text])),
    CONSTRAINT stations_status_check CHECK (status = ANY (ARRAY['ACTIVE'::text, 'INACTIVE'::text, 'MAINTENANCE'::text, 'CONSTRUCTION'::text, 'PERMANENTLY_CLOSED'::text])),
    CONSTRAINT stations_storage_capacity_check CHECK (storage_capacity_l > 0::numeric AND storage_capacity_l < 'NaN'::numeric),
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

CREATE INDEX stations_location_idx ON station_schema.stations USING gist (location);

CREATE TRIGGER stations_log_delete AFTER DELETE ON station_schema.stations REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('STATION', 'station_code');

CREATE TRIGGER stations_log_insert AFTER INSERT ON station_schema.stations REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('STATION', 'station_code');

CREATE TRIGGER stations_log_update AFTER UPDATE ON station_schema.stations REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('STATION', 'station_code');

CREATE TRIGGER stations_set_updated_at BEFORE UPDATE ON station_schema.stations FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

ALTER TABLE station_schema.employees ADD CONSTRAINT employees_station_id_fk FOREIGN KEY (station_id) REFERENCES station_schema.stations(id) ON DELETE RESTRICT;

ALTER TABLE station_schema.station_fuel_prices ADD CONSTRAINT station_fuel_prices_station_id_fk FOREIGN KEY (station_id) REFERENCES station_schema.stations(id) ON DELETE CASCADE;

RESET ROLE;
