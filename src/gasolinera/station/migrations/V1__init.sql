-- Stations, who works there, what their fuel costs, and who changed what: the station service's first schema.
-- Others know a station by `station_code` and an employee by `employee_number`, never by a key of this schema.

-- The sums with 180 absorb differences far below a millimetre, whose squares would underflow, which is an error here.
CREATE FUNCTION station_schema.distance_km(a point, b point) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN 2 * 6371.0088 * asin(least(1, sqrt(
        power(sind(((b[1] + 180) - (a[1] + 180)) / 2), 2)
        + cosd(a[1]) * cosd(b[1]) * power(sind(((b[0] + 180) - (a[0] + 180)) / 2), 2))));
COMMENT ON FUNCTION station_schema.distance_km(point, point) IS
    'Great-circle distance by the haversine formula on a sphere of the mean Earth radius (IUGG R1, 6371.0088 km); '
    'points are (longitude, latitude) in degrees.';

-- Stations --------------------------------------------------------------------------------------------------------

CREATE TABLE station_schema.stations (
    id bigint GENERATED ALWAYS AS IDENTITY,
    station_code text NOT NULL,
    name text NOT NULL,
    permit_number text,
    regulator_place_id bigint,
    accepts_coupons boolean NOT NULL DEFAULT false,
    address text,
    city text,
    state text,
    postal_code text,
    country text NOT NULL,
    location point NOT NULL,
    time_zone text,
    status text NOT NULL DEFAULT 'ACTIVE',
    station_type text NOT NULL DEFAULT 'FULL_SERVICE',
    pump_count integer,
    fuels text[] NOT NULL DEFAULT '{}',
    services_offered text[] NOT NULL DEFAULT '{}',
    opening_hours jsonb NOT NULL DEFAULT '{}',
    phone text,
    email text,
    opened_on date,
    storage_capacity_l numeric(12,3),
    daily_vehicle_capacity integer,
    average_daily_vehicles integer,
    average_daily_volume_l numeric(12,3),
    customer_rating numeric(2,1),
    performance_measured_at timestamptz,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stations_pk PRIMARY KEY (id),
    CONSTRAINT stations_station_code_key UNIQUE (station_code),
    CONSTRAINT stations_permit_number_key UNIQUE (permit_number),
    CONSTRAINT stations_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    -- Something that can be read: not only the white space, joiners and marks of Unicode that show nothing.
    CONSTRAINT stations_name_check CHECK (
        name = btrim(name) AND length(name) BETWEEN 1 AND 200
        AND name ~
            '[^[:space:][:cntrl:]\u0080-\u00A0\u00AD\u1680\u180E\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF]'),
    CONSTRAINT stations_permit_number_check CHECK (permit_number ~ '^[A-Z0-9/.-]{3,40}$'),
    CONSTRAINT stations_regulator_place_id_check CHECK (regulator_place_id > 0),
    CONSTRAINT stations_address_check CHECK (address = btrim(address) AND length(address) BETWEEN 1 AND 300),
    CONSTRAINT stations_city_check CHECK (city = btrim(city) AND length(city) BETWEEN 1 AND 100),
    CONSTRAINT stations_state_check CHECK (state = btrim(state) AND length(state) BETWEEN 1 AND 100),
    CONSTRAINT stations_country_check CHECK (country IN ('MX', 'GT', 'BZ', 'SV', 'HN', 'NI', 'CR', 'PA', 'US')),
    CONSTRAINT stations_postal_code_check CHECK (
        CASE country
            WHEN 'SV' THEN postal_code ~ '^[0-9]{4}$'
            WHEN 'PA' THEN postal_code ~ '^[0-9]{4}$'
            WHEN 'US' THEN postal_code ~ '^[0-9]{5}(-[0-9]{4})?$'
            WHEN 'BZ' THEN postal_code IS NULL
            ELSE postal_code ~ '^[0-9]{5}$'
        END),
    -- Nothing is less than a tenth of a millimetre from zero: the index multiplies widths, and underflow is an error.
    CONSTRAINT stations_location_check CHECK (
        location[0] BETWEEN -180 AND 180 AND (location[0] = 0 OR abs(location[0]) >= 1e-9)
        AND location[1] BETWEEN -90 AND 90 AND (location[1] = 0 OR abs(location[1]) >= 1e-9)),
    -- timezone() refuses a name that the server does not know.
    CONSTRAINT stations_time_zone_check CHECK (
        time_zone IS NULL
        OR (time_zone ~ '^[A-Z][A-Za-z_]+(/[A-Za-z_+-]+){1,2}$'
            AND timezone(time_zone, '2000-01-01 00:00:00+00'::timestamptz) IS NOT NULL)),
    CONSTRAINT stations_status_check CHECK (
        status IN ('ACTIVE', 'INACTIVE', 'MAINTENANCE', 'CONSTRUCTION', 'PERMANENTLY_CLOSED')),
    CONSTRAINT stations_station_type_check CHECK (
        station_type IN ('FULL_SERVICE', 'SELF_SERVICE', 'HYBRID', 'TRUCK_STOP', 'CONVENIENCE', 'PREMIUM')),
    CONSTRAINT stations_pump_count_check CHECK (pump_count BETWEEN 1 AND 50),
    CONSTRAINT stations_fuels_check CHECK (
        fuels <@ ARRAY['REGULAR', 'PREMIUM', 'DIESEL'] AND cardinality(fuels) <= 3
        AND coalesce(array_ndims(fuels), 1) = 1),
    CONSTRAINT stations_services_offered_check CHECK (
        services_offered <@ ARRAY['AIR', 'ATM', 'CAR_WASH', 'CONVENIENCE_STORE', 'EV_CHARGING', 'MECHANIC', 'OIL_CHANGE',
            'RESTAURANT', 'RESTROOM', 'TRUCK_PARKING', 'WIFI'] AND cardinality(services_offered) <= 11
        AND coalesce(array_ndims(services_offered), 1) = 1),
    CONSTRAINT stations_opening_hours_check CHECK (jsonb_typeof(opening_hours) = 'object'),
    CONSTRAINT stations_phone_check CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
    CONSTRAINT stations_email_check CHECK (
        length(email) <= 254 AND email ~ '^[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}$'),
    CONSTRAINT stations_storage_capacity_check CHECK (storage_capacity_l > 0 AND storage_capacity_l < 'NaN'),
    CONSTRAINT stations_daily_vehicle_capacity_check CHECK (daily_vehicle_capacity > 0),
    CONSTRAINT stations_average_daily_vehicles_check CHECK (average_daily_vehicles >= 0),
    CONSTRAINT stations_average_daily_volume_check CHECK (
        average_daily_volume_l >= 0 AND average_daily_volume_l < 'NaN'),
    CONSTRAINT stations_customer_rating_check CHECK (customer_rating BETWEEN 1 AND 5),
    CONSTRAINT stations_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
COMMENT ON TABLE station_schema.stations IS
    'Petrol stations: the chain''s own and those the regulator lists; NULL where the source does not say.';
COMMENT ON COLUMN station_schema.stations.permit_number IS 'The regulator''s permit; what an import recognises by.';
COMMENT ON COLUMN station_schema.stations.regulator_place_id IS
    'The regulator''s number of the place in its feed; a place may change its permit, so this is no key.';
COMMENT ON COLUMN station_schema.stations.accepts_coupons IS 'Takes part in the programme; a listed station does not.';
COMMENT ON COLUMN station_schema.stations.location IS 'x is the longitude, y the latitude, in degrees (WGS 84).';
COMMENT ON COLUMN station_schema.stations.time_zone IS 'IANA name, such as America/Mexico_City.';
COMMENT ON COLUMN station_schema.stations.opening_hours IS
    '{"mon": [["06:00", "22:00"]], ...} in the station''s zone; "24:00" ends a day; a missing day is closed, {} unknown.';
COMMENT ON COLUMN station_schema.stations.performance_measured_at IS
    'When the averages and the rating were last measured.';

-- Nearest stations (find_nearby): neighbours in order of distance, then everything in a box.
CREATE INDEX stations_location_idx ON station_schema.stations USING gist (location);

-- What fuel costs -------------------------------------------------------------------------------------------------

CREATE TABLE station_schema.station_fuel_prices (
    station_id bigint NOT NULL,
    fuel text NOT NULL,
    price numeric(8,3) NOT NULL,
    currency text NOT NULL,
    price_as_of date NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT station_fuel_prices_pk PRIMARY KEY (station_id, fuel),
    CONSTRAINT station_fuel_prices_station_id_fk FOREIGN KEY (station_id)
        REFERENCES station_schema.stations (id) ON DELETE CASCADE,
    CONSTRAINT station_fuel_prices_fuel_check CHECK (fuel IN ('REGULAR', 'PREMIUM', 'DIESEL')),
    CONSTRAINT station_fuel_prices_price_check CHECK (price > 0 AND price < 'NaN'),
    CONSTRAINT station_fuel_prices_currency_check CHECK (currency ~ '^[A-Z]{3}$' AND currency IN ('MXN', 'CRC', 'USD'))
);
COMMENT ON TABLE station_schema.station_fuel_prices IS
    'The latest known price of a litre by station and fuel; a price of an older day never replaces a newer one.';
COMMENT ON COLUMN station_schema.station_fuel_prices.price_as_of IS 'The day the source says the price is of.';

-- Employees -------------------------------------------------------------------------------------------------------

CREATE TABLE station_schema.employees (
    id bigint GENERATED ALWAYS AS IDENTITY,
    employee_number text NOT NULL,
    user_id uuid NOT NULL,
    station_id bigint NOT NULL,
    position text NOT NULL,
    role text NOT NULL DEFAULT 'EMPLOYEE',
    may_process_transactions boolean NOT NULL DEFAULT false,
    may_handle_cash boolean NOT NULL DEFAULT false,
    may_supervise boolean NOT NULL DEFAULT false,
    employment_type text NOT NULL DEFAULT 'FULL_TIME',
    shift text NOT NULL DEFAULT 'DAY',
    hired_on date NOT NULL,
    terminated_on date,
    termination_reason text,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT employees_pk PRIMARY KEY (id),
    CONSTRAINT employees_employee_number_key UNIQUE (employee_number),
    CONSTRAINT employees_station_id_fk FOREIGN KEY (station_id)
        REFERENCES station_schema.stations (id) ON DELETE RESTRICT,
    CONSTRAINT employees_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'),
    CONSTRAINT employees_position_check CHECK (position IN
        ('CASHIER', 'ATTENDANT', 'SUPERVISOR', 'ASSISTANT_MANAGER', 'MANAGER', 'MAINTENANCE', 'SECURITY')),
    CONSTRAINT employees_role_check CHECK (role IN ('EMPLOYEE', 'STATION_ADMIN')),
    CONSTRAINT employees_employment_type_check CHECK (
        employment_type IN ('FULL_TIME', 'PART_TIME', 'CONTRACT', 'TEMPORARY', 'INTERN')),
    CONSTRAINT employees_shift_check CHECK (shift IN ('DAY', 'EVENING', 'NIGHT', 'ROTATING', 'FLEXIBLE')),
    CONSTRAINT employees_terminated_on_check CHECK (terminated_on >= hired_on),
    CONSTRAINT employees_termination_reason_check CHECK (
        termination_reason IS NULL OR (terminated_on IS NOT NULL AND length(btrim(termination_reason)) BETWEEN 1 AND 500)),
    CONSTRAINT employees_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
COMMENT ON TABLE station_schema.employees IS
    'Who works where and may do what; one row an employment, kept when it ends. Names and phones live with the user.';
COMMENT ON COLUMN station_schema.employees.user_id IS
    'Personal data: the public id of the user in the auth service; the same person across employments.';
COMMENT ON COLUMN station_schema.employees.termination_reason IS 'Personal data: why the employment ended.';
COMMENT ON COLUMN station_schema.employees.role IS 'What the platform lets the user be; the position is the job.';

-- Only once: a person works at one station at a time.
CREATE UNIQUE INDEX employees_active_user_id_idx ON station_schema.employees (user_id) WHERE terminated_on IS NULL;
-- The foreign key, and the staff list of a station.
CREATE INDEX employees_station_id_idx ON station_schema.employees (station_id);

-- Audit -----------------------------------------------------------------------------------------------------------

CREATE TABLE station_schema.station_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_type text NOT NULL,
    entity_type text NOT NULL,
    entity_reference text NOT NULL,
    old_values jsonb,
    new_values jsonb,
    actor text NOT NULL DEFAULT coalesce(station_schema.request_context('actor'), 'role:' || session_user),
    correlation_id text DEFAULT station_schema.request_context('correlation_id'),
    ip_address inet DEFAULT station_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT station_schema.request_context('user_agent'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT station_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT station_audit_log_event_type_check CHECK (event_type IN (
        'STATION_CREATED', 'STATION_UPDATED', 'STATION_DELETED',
        'EMPLOYEE_CREATED', 'EMPLOYEE_UPDATED', 'EMPLOYEE_DELETED')),
    CONSTRAINT station_audit_log_entity_type_check CHECK (entity_type IN ('STATION', 'EMPLOYEE')),
    CONSTRAINT station_audit_log_values_check CHECK (
        num_nonnulls(old_values, new_values) > 0
        AND jsonb_typeof(coalesce(old_values, '{}')) = 'object' AND jsonb_typeof(coalesce(new_values, '{}')) = 'object')
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE station_schema.station_audit_log IS
    'Every change of a station or an employment: of an update the changed values alone, before and after.';
COMMENT ON COLUMN station_schema.station_audit_log.actor IS
    'Personal data: who did it: a user''s public id, a command, or the database role when nobody said.';
COMMENT ON COLUMN station_schema.station_audit_log.old_values IS 'Personal data: may hold an employee''s user id.';
COMMENT ON COLUMN station_schema.station_audit_log.new_values IS 'Personal data: may hold an employee''s user id.';
COMMENT ON COLUMN station_schema.station_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN station_schema.station_audit_log.user_agent IS 'Personal data: the program that made the request.';

-- The history of one station or employee, latest first.
CREATE INDEX station_audit_log_entity_reference_created_at_idx
    ON station_schema.station_audit_log (entity_reference, created_at);

SELECT station_schema.ensure_all_month_partitions();

CREATE FUNCTION station_schema.log_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION station_schema.log_changes() IS
    'AFTER statement trigger (entity type, column that names the entity): one log row for each changed row, set by '
    'set. It alone writes the log: the service has no right to.';
REVOKE EXECUTE ON FUNCTION station_schema.log_changes() FROM PUBLIC;

-- What an import reads in -----------------------------------------------------------------------------------------

CREATE UNLOGGED TABLE station_schema.station_import_places (
    permit_number text NOT NULL,
    regulator_place_id bigint NOT NULL,
    station_code text NOT NULL,
    name text NOT NULL,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL,
    fuels text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT station_import_places_pk PRIMARY KEY (permit_number)
);
COMMENT ON TABLE station_schema.station_import_places IS
    'Staging of an import: the places it accepted. Emptied at the start of each; permanent, so that queries prepare.';

CREATE UNLOGGED TABLE station_schema.station_import_prices (
    permit_number text NOT NULL,
    fuel text NOT NULL,
    price numeric(8,3) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT station_import_prices_pk PRIMARY KEY (permit_number, fuel),
    CONSTRAINT station_import_prices_price_check CHECK (price > 0 AND price < 'NaN')
);
COMMENT ON TABLE station_schema.station_import_prices IS
    'Staging of an import: the prices it accepted. Emptied at the start of each; permanent, so that queries prepare.';

CREATE FUNCTION station_schema.begin_import() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ TRUNCATE station_schema.station_import_places, station_schema.station_import_prices $$;
COMMENT ON FUNCTION station_schema.begin_import() IS
    'Empties the staging tables; its lock makes a second import wait until the first one has committed.';
REVOKE EXECUTE ON FUNCTION station_schema.begin_import() FROM PUBLIC;

-- Triggers --------------------------------------------------------------------------------------------------------

CREATE TRIGGER stations_set_updated_at BEFORE UPDATE ON station_schema.stations
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();
CREATE TRIGGER station_fuel_prices_set_updated_at BEFORE UPDATE ON station_schema.station_fuel_prices
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();
CREATE TRIGGER employees_set_updated_at BEFORE UPDATE ON station_schema.employees
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

-- By statement, not by row: an import of 14,000 stations is one call.
CREATE TRIGGER stations_log_insert AFTER INSERT ON station_schema.stations
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('STATION', 'station_code');
CREATE TRIGGER stations_log_update AFTER UPDATE ON station_schema.stations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('STATION', 'station_code');
CREATE TRIGGER stations_log_delete AFTER DELETE ON station_schema.stations
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('STATION', 'station_code');
CREATE TRIGGER employees_log_insert AFTER INSERT ON station_schema.employees
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('EMPLOYEE', 'employee_number');
CREATE TRIGGER employees_log_update AFTER UPDATE ON station_schema.employees
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('EMPLOYEE', 'employee_number');
CREATE TRIGGER employees_log_delete AFTER DELETE ON station_schema.employees
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('EMPLOYEE', 'employee_number');
CREATE TRIGGER station_audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON station_schema.station_audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.refuse_change();

-- Rights ----------------------------------------------------------------------------------------------------------

GRANT USAGE ON SCHEMA station_schema TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.request_context(text) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.ensure_all_month_partitions(integer) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.distance_km(point, point) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.begin_import() TO station_app;

-- A station is closed and an employment ended; neither is deleted. Keys and times are never the service's to write.
GRANT SELECT,
    INSERT (station_code, name, permit_number, regulator_place_id, accepts_coupons, address, city, state, postal_code,
        country, location, time_zone, status, station_type, pump_count, fuels, services_offered, opening_hours, phone,
        email, opened_on, storage_capacity_l, daily_vehicle_capacity, average_daily_vehicles, average_daily_volume_l,
        customer_rating, performance_measured_at, metadata),
    UPDATE (name, permit_number, regulator_place_id, accepts_coupons, address, city, state, postal_code,
        country, location, time_zone, status, station_type, pump_count, fuels, services_offered, opening_hours, phone,
        email, opened_on, storage_capacity_l, daily_vehicle_capacity, average_daily_vehicles, average_daily_volume_l,
        customer_rating, performance_measured_at, metadata)
    ON station_schema.stations TO station_app;
GRANT SELECT, INSERT (station_id, fuel, price, currency, price_as_of), UPDATE (price, currency, price_as_of)
    ON station_schema.station_fuel_prices TO station_app;
GRANT SELECT,
    INSERT (employee_number, user_id, station_id, position, role, may_process_transactions, may_handle_cash,
        may_supervise, employment_type, shift, hired_on, terminated_on, termination_reason, metadata),
    UPDATE (station_id, position, role, may_process_transactions, may_handle_cash,
        may_supervise, employment_type, shift, hired_on, terminated_on, termination_reason, metadata)
    ON station_schema.employees TO station_app;
-- Only the triggers write it.
GRANT SELECT ON station_schema.station_audit_log TO station_app;
GRANT SELECT,
    INSERT (permit_number, regulator_place_id, station_code, name, longitude, latitude, fuels)
    ON station_schema.station_import_places TO station_app;
GRANT SELECT, INSERT (permit_number, fuel, price) ON station_schema.station_import_prices TO station_app;

GRANT SELECT ON station_schema.stations TO station_ro;
GRANT SELECT ON station_schema.station_fuel_prices TO station_ro;
GRANT SELECT ON station_schema.employees TO station_ro;
GRANT SELECT ON station_schema.station_audit_log TO station_ro;
