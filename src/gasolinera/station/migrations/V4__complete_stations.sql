-- What running stations needs: states that follow each other, hours that are valid, prices with a past and a future,
-- a search that uses indexes, what a file of stations is read into. Every change goes into the audit log.
-- vuelo: allow require-concurrent-index-creation the table has a country's stations, some 14,000: 0.3 s in all
-- vuelo: allow working-under-lock what it copies is some 35,000 prices: a second
-- vuelo: allow locking-several-tables all of it together takes two seconds on a country's stations and prices

-- Text as it is looked for -----------------------------------------------------------------------------------------

CREATE FUNCTION station_schema.normalised(p_text text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN btrim(regexp_replace(
        lower(regexp_replace(normalize(p_text, NFKD), '[\u0300-\u036F]', '', 'g')), '[^[:alnum:]]+', ' ', 'g'));
COMMENT ON FUNCTION station_schema.normalised(text) IS
    'Lower case without accents, words with one blank between them; indexes hold its results.';

CREATE FUNCTION station_schema.search_document(
    p_code text, p_name text, p_address text, p_city text, p_state text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_to_tsvector(string_to_array(station_schema.normalised(
        p_code || ' ' || p_name || coalesce(' ' || p_address, '') || coalesce(' ' || p_city, '')
        || coalesce(' ' || p_state, '')), ' '));
COMMENT ON FUNCTION station_schema.search_document(text, text, text, text, text) IS
    'The words that a station is found by, whole and as they are: no language''s stems, as names have none.';

CREATE FUNCTION station_schema.search_words(p_text text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        SELECT string_agg(quote_literal(k.word) || ':*', ' & ')
          FROM (SELECT w.word
                  FROM unnest(string_to_array(station_schema.normalised(p_text), ' ')) WITH ORDINALITY AS w (word, place)
                 WHERE length(w.word) > 1
                    OR w.place = cardinality(string_to_array(station_schema.normalised(p_text), ' '))
                 GROUP BY w.word
                 ORDER BY min(w.place)
                 LIMIT 8) AS k
    )::tsquery;
COMMENT ON FUNCTION station_schema.search_words(text) IS
    'The words of what somebody typed, each as the beginning of one; NULL when there is nothing to look for. The first '
    'eight, and single letters only at the end, where the next letter is still to come: each costs a walk of the index.';

CREATE FUNCTION station_schema.is_readable(p_text text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    -- What is neither letter nor digit, by blocks: classes such as [:alnum:] differ with the server's locale.
    RETURN p_text ~ ('[^'
            -- controls, blanks, ASCII and Latin-1 signs
            '\u0001-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u00A9\u00AB-\u00B1\u00B4\u00B6-\u00B8\u00BB\u00BF\u00D7\u00F7'
            -- marks that are put on letters, alone
            '\u02C2-\u02C5\u02D2-\u02DF\u02E5-\u02EB\u02ED\u02EF-\u036F\u0483-\u0489\u0591-\u05C7\u064B-\u065F\u1AB0-\u1AFF\u1DC0-\u1DFF'
            -- fillers, punctuation, currencies, arrows, mathematics, drawings
            '\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u206F\u20A0-\u20FF\u2190-\u245F\u2500-\u2775\u2794-\u2BFF'
            '\u2E00-\u2E2E\u2E30-\u2E7F\u3000-\u3004\u3008-\u3020\u302A-\u3030\u3164'
            -- variation selectors, forms of punctuation, emoji, tags
            '\uFE00-\uFE6F\uFEFF\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65\uFFA0\uFFE0-\uFFFF'
            '\U0001F10D-\U0001FAFF\U000E0000-\U000E0FFF]')
        AND p_text !~ '[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]';
COMMENT ON FUNCTION station_schema.is_readable(text) IS
    'Whether a text holds a letter or a digit, and is in the order in which it is written: no sign turns its direction.';

-- Distance ---------------------------------------------------------------------------------------------------------

-- As before, but strict to the last operator (no least()), so that it becomes part of the query that calls it: a call
-- took 14 microseconds, and a question for the nearest makes thirty. abs() is for the last digit at the antipodes.
CREATE OR REPLACE FUNCTION station_schema.distance_km(a point, b point) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN 2 * 6371.0088::double precision * atan2(
        sqrt(power(sind(((b[1] + 180) - (a[1] + 180)) / 2), 2)
            + cosd(a[1]) * cosd(b[1]) * power(sind(((b[0] + 180) - (a[0] + 180)) / 2), 2)),
        sqrt(abs(1 - power(sind(((b[1] + 180) - (a[1] + 180)) / 2), 2)
            - cosd(a[1]) * cosd(b[1]) * power(sind(((b[0] + 180) - (a[0] + 180)) / 2), 2))));

-- Opening hours ----------------------------------------------------------------------------------------------------

CREATE FUNCTION station_schema.are_windows(p_windows jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE
        WHEN jsonb_typeof(p_windows) <> 'array' THEN false
        WHEN jsonb_array_length(p_windows) > 4 THEN false
        ELSE NOT EXISTS (
            SELECT FROM jsonb_array_elements(p_windows) WITH ORDINALITY AS w (span, place)
             WHERE CASE
                       WHEN jsonb_typeof(w.span) <> 'array' THEN true
                       ELSE coalesce(jsonb_array_length(w.span) <> 2
                           OR w.span ->> 0 !~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'
                           OR w.span ->> 1 !~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$'
                           OR (w.span ->> 0) COLLATE "C" >= w.span ->> 1
                           -- In order, and neither overlapping nor touching: one way to say the same hours.
                           OR (w.span ->> 0) COLLATE "C" <= p_windows -> (w.place::integer - 2) ->> 1
                               AND w.place > 1, true)
                   END)
    END;
COMMENT ON FUNCTION station_schema.are_windows(jsonb) IS
    'Whether it is the hours of one day: at most four of ["06:00", "22:00"], in order, apart; "24:00" ends a day.';

CREATE FUNCTION station_schema.are_opening_hours(p_hours jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE
        WHEN jsonb_typeof(p_hours) <> 'object' THEN false
        ELSE NOT EXISTS (
            SELECT FROM jsonb_each(p_hours) AS d
             WHERE d.key NOT IN ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')
                OR NOT station_schema.are_windows(d.value))
    END;
COMMENT ON FUNCTION station_schema.are_opening_hours(jsonb) IS 'Whether it is the hours of a week, by day.';

-- Without a loop, so that it becomes part of the query that calls it. Still no small thing: asking for the nearest open
-- one while all of 14,000 are closed looks at each, which takes 150 ms of a shared core; where they are open, 1 ms.
CREATE FUNCTION station_schema.is_within(p_windows jsonb, p_minute text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(
        p_minute COLLATE "C" >= p_windows -> 0 ->> 0 AND p_minute COLLATE "C" < p_windows -> 0 ->> 1
        OR p_minute COLLATE "C" >= p_windows -> 1 ->> 0 AND p_minute COLLATE "C" < p_windows -> 1 ->> 1
        OR p_minute COLLATE "C" >= p_windows -> 2 ->> 0 AND p_minute COLLATE "C" < p_windows -> 2 ->> 1
        OR p_minute COLLATE "C" >= p_windows -> 3 ->> 0 AND p_minute COLLATE "C" < p_windows -> 3 ->> 1, false);
COMMENT ON FUNCTION station_schema.is_within(jsonb, text) IS
    'Whether a minute such as 06:30 lies in one of the hours of a day; no hours, or none known, hold none.';

CREATE FUNCTION station_schema.is_open(
    p_opening_hours jsonb, p_exception jsonb, p_time_zone text, p_at timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN p_time_zone IS NOT NULL AND (p_exception IS NOT NULL OR p_opening_hours <> '{}')
        THEN station_schema.is_within(
            coalesce(p_exception, p_opening_hours -> to_char(timezone(p_time_zone, p_at), 'dy')),
            to_char(timezone(p_time_zone, p_at), 'HH24:MI'))
    END;
COMMENT ON FUNCTION station_schema.is_open(jsonb, jsonb, text, timestamptz) IS
    'Whether somebody is served at that moment by a week''s hours, or by those of an exceptional day instead; NULL when '
    'nobody knows.';

CREATE TABLE station_schema.station_hours_exceptions (
    station_id bigint NOT NULL,
    day date NOT NULL,
    hours jsonb NOT NULL,
    note text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT station_hours_exceptions_pk PRIMARY KEY (station_id, day),
    CONSTRAINT station_hours_exceptions_station_id_fk FOREIGN KEY (station_id)
        REFERENCES station_schema.stations (id) ON DELETE CASCADE,
    CONSTRAINT station_hours_exceptions_hours_check CHECK (station_schema.are_windows(hours)),
    CONSTRAINT station_hours_exceptions_note_check CHECK (
        note = btrim(note) AND length(note) BETWEEN 1 AND 100 AND station_schema.is_readable(note))
);
COMMENT ON TABLE station_schema.station_hours_exceptions IS
    'Hours of single days, such as holidays, in place of the weekday''s; no hours: closed.';
COMMENT ON COLUMN station_schema.station_hours_exceptions.day IS 'In the station''s zone.';
CREATE TRIGGER station_hours_exceptions_set_updated_at BEFORE UPDATE ON station_schema.station_hours_exceptions
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

-- Stations ---------------------------------------------------------------------------------------------------------

ALTER TABLE station_schema.stations
    ADD COLUMN status_reason text,
    ADD COLUMN status_changed_at timestamptz,
    ADD CONSTRAINT stations_status_reason_check CHECK (
        status_reason = btrim(status_reason) AND length(status_reason) BETWEEN 1 AND 300) NOT VALID,
    ADD CONSTRAINT stations_texts_readable_check CHECK (
        station_schema.is_readable(address) AND station_schema.is_readable(city)
        AND station_schema.is_readable(state) AND station_schema.is_readable(status_reason)) NOT VALID,
    ADD CONSTRAINT stations_name_readable_check CHECK (station_schema.is_readable(name)) NOT VALID,
    ADD CONSTRAINT stations_opened_on_check CHECK (opened_on >= '1900-01-01') NOT VALID,
    ADD CONSTRAINT stations_opening_hours_valid_check CHECK (station_schema.are_opening_hours(opening_hours)) NOT VALID;
COMMENT ON COLUMN station_schema.stations.status_reason IS 'Why it has its status; for the staff.';
COMMENT ON COLUMN station_schema.stations.status_changed_at IS 'When its status last changed; NULL: never since made.';

CREATE FUNCTION station_schema.may_become(p_status text, p_next text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN p_next = ANY (CASE p_status
        WHEN 'CONSTRUCTION' THEN ARRAY['ACTIVE', 'INACTIVE', 'PERMANENTLY_CLOSED']
        WHEN 'ACTIVE' THEN ARRAY['INACTIVE', 'MAINTENANCE', 'PERMANENTLY_CLOSED']
        WHEN 'INACTIVE' THEN ARRAY['ACTIVE', 'MAINTENANCE', 'CONSTRUCTION', 'PERMANENTLY_CLOSED']
        WHEN 'MAINTENANCE' THEN ARRAY['ACTIVE', 'INACTIVE', 'PERMANENTLY_CLOSED']
        ELSE ARRAY[]::text[]
    END);
COMMENT ON FUNCTION station_schema.may_become(text, text) IS
    'Which status may follow which. A station that closed for good stays closed.';

CREATE FUNCTION station_schema.check_status_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF NOT station_schema.may_become(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'station % cannot go from % to %', OLD.station_code, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stations_status_change_check',
                  SCHEMA = 'station_schema', TABLE = 'stations';
    END IF;
    NEW.status_changed_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION station_schema.check_status_change() IS
    'BEFORE UPDATE trigger: refuses a status that may not follow, as constraint stations_status_change_check would.';
CREATE TRIGGER stations_check_status_change BEFORE UPDATE ON station_schema.stations
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION station_schema.check_status_change();

-- Search by text (search_stations).
CREATE INDEX stations_words_idx ON station_schema.stations
    USING gin (station_schema.search_document(station_code, name, address, city, state));
-- Search by state, with or without a city (search_stations), a page in order of the code.
CREATE INDEX stations_state_city_station_code_idx ON station_schema.stations
    (station_schema.normalised(state), station_schema.normalised(city), station_code);
-- Search by city alone (search_stations), a page in order of the code.
CREATE INDEX stations_city_station_code_idx ON station_schema.stations
    (station_schema.normalised(city), station_code);
-- Search by status (search_stations), of which all but one are rare.
CREATE INDEX stations_status_station_code_idx ON station_schema.stations (status, station_code);
-- Search by a service that few stations offer (search_stations).
CREATE INDEX stations_services_offered_idx ON station_schema.stations USING gin (services_offered);
-- Search of what is open now (search_stations): only stations whose hours are known.
CREATE INDEX stations_with_hours_station_code_idx ON station_schema.stations (station_code)
    WHERE time_zone IS NOT NULL AND opening_hours <> '{}' AND status = 'ACTIVE';
-- The zones there are (search_stations), each found by one step.
CREATE INDEX stations_time_zone_idx ON station_schema.stations (time_zone);

-- What fuel costs, cost and will cost --------------------------------------------------------------------------------

CREATE FUNCTION station_schema.currency_of(p_country text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE p_country WHEN 'MX' THEN 'MXN' WHEN 'CR' THEN 'CRC' ELSE 'USD' END;
COMMENT ON FUNCTION station_schema.currency_of(text) IS 'What prices are in when nobody says.';

ALTER TABLE station_schema.station_fuel_prices
    ADD COLUMN valid_from timestamptz,
    ADD COLUMN reason text,
    ADD COLUMN set_by text,
    ADD CONSTRAINT station_fuel_prices_reason_check CHECK (
        reason = btrim(reason) AND length(reason) BETWEEN 1 AND 200 AND station_schema.is_readable(reason)) NOT VALID;
COMMENT ON COLUMN station_schema.station_fuel_prices.valid_from IS
    'The moment it became the price; NULL where the source knows no more than the day.';
COMMENT ON COLUMN station_schema.station_fuel_prices.set_by IS
    'Personal data: who decided it, where that is somebody else than who wrote it.';

CREATE TABLE station_schema.station_fuel_price_history (
    id bigint GENERATED ALWAYS AS IDENTITY,
    station_code text NOT NULL,
    fuel text NOT NULL,
    price numeric(8,3) NOT NULL,
    currency text NOT NULL,
    price_as_of date NOT NULL,
    valid_from timestamptz,
    previous_price numeric(8,3),
    reason text,
    actor text NOT NULL DEFAULT coalesce(station_schema.request_context('actor'), 'role:' || session_user),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT station_fuel_price_history_pk PRIMARY KEY (id, created_at),
    CONSTRAINT station_fuel_price_history_price_check CHECK (price > 0 AND price < 'NaN'),
    CONSTRAINT station_fuel_price_history_previous_price_check CHECK (previous_price > 0 AND previous_price < 'NaN')
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE station_schema.station_fuel_price_history IS
    'Every price that a station had since this table exists, as it was set. Only a trigger writes it.';
COMMENT ON COLUMN station_schema.station_fuel_price_history.station_code IS
    'No foreign key: what a litre cost stays true, whatever becomes of the station.';
COMMENT ON COLUMN station_schema.station_fuel_price_history.actor IS 'Personal data: who set it.';
-- A station's prices over time, latest first (price_history).
CREATE INDEX station_fuel_price_history_station_code_idx
    ON station_schema.station_fuel_price_history (station_code, created_at, id);
CREATE TRIGGER station_fuel_price_history_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON station_schema.station_fuel_price_history
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.refuse_change();

SELECT station_schema.ensure_all_month_partitions();

-- vuelo: allow prefer-jsonb it is read whole and passed on as it stands
CREATE TABLE station_schema.station_price_lists (
    station_id bigint NOT NULL,
    prices json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT station_price_lists_pk PRIMARY KEY (station_id),
    CONSTRAINT station_price_lists_station_id_fk FOREIGN KEY (station_id)
        REFERENCES station_schema.stations (id) ON DELETE CASCADE
);
COMMENT ON TABLE station_schema.station_price_lists IS
    'A station''s current prices as they are shown, made by a trigger when they change: building them for a page of twenty '
    'stations took longer than finding these.';
CREATE TRIGGER station_price_lists_set_updated_at BEFORE UPDATE ON station_schema.station_price_lists
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.station_scheduled_prices (
    station_id bigint NOT NULL,
    fuel text NOT NULL,
    valid_from timestamptz NOT NULL,
    price numeric(8,3) NOT NULL,
    currency text NOT NULL,
    reason text,
    scheduled_by text NOT NULL DEFAULT coalesce(station_schema.request_context('actor'), 'role:' || session_user),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT station_scheduled_prices_pk PRIMARY KEY (station_id, fuel, valid_from),
    CONSTRAINT station_scheduled_prices_station_id_fk FOREIGN KEY (station_id)
        REFERENCES station_schema.stations (id) ON DELETE CASCADE,
    CONSTRAINT station_scheduled_prices_fuel_check CHECK (fuel IN ('REGULAR', 'PREMIUM', 'DIESEL')),
    CONSTRAINT station_scheduled_prices_price_check CHECK (price > 0 AND price < 'NaN'),
    CONSTRAINT station_scheduled_prices_currency_check CHECK (currency IN ('MXN', 'CRC', 'USD')),
    -- As wide as the strictest rule for prices of any environment: what is put down here must be possible when it comes.
    CONSTRAINT station_scheduled_prices_plausible_check CHECK (
        CASE currency
            WHEN 'MXN' THEN price BETWEEN 5 AND 100
            WHEN 'CRC' THEN price BETWEEN 100 AND 5000
            ELSE price BETWEEN 0.2 AND 10
        END),
    CONSTRAINT station_scheduled_prices_valid_from_check CHECK (
        valid_from > created_at AND valid_from <= created_at + interval '90 days'),
    CONSTRAINT station_scheduled_prices_reason_check CHECK (
        reason = btrim(reason) AND length(reason) BETWEEN 1 AND 200 AND station_schema.is_readable(reason))
);
COMMENT ON TABLE station_schema.station_scheduled_prices IS
    'Prices to come; a job makes each the current one when its time is there, and takes it away here.';
COMMENT ON COLUMN station_schema.station_scheduled_prices.scheduled_by IS 'Personal data: who decided it.';
-- Which are due (apply_due_prices).
CREATE INDEX station_scheduled_prices_valid_from_idx ON station_schema.station_scheduled_prices (valid_from);
CREATE TRIGGER station_scheduled_prices_set_updated_at BEFORE UPDATE ON station_schema.station_scheduled_prices
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE FUNCTION station_schema.write_price_lists(p_station_ids bigint[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION station_schema.write_price_lists(bigint[]) IS
    'The only writer of the lists that are shown; for whoever has locked the stations. A fuel that is no longer sold has '
    'no price.';

CREATE FUNCTION station_schema.list_changed_prices() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    -- Two that set prices of one station at the same time come one after the other, so that neither list lacks the
    -- other's; in order of the key, so that they do not wait for each other.
    PERFORM s.id FROM station_schema.stations AS s
      WHERE s.id IN (SELECT r.station_id FROM changed_rows AS r) ORDER BY s.id FOR NO KEY UPDATE;
    PERFORM station_schema.write_price_lists(ARRAY(SELECT DISTINCT r.station_id FROM changed_rows AS r));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION station_schema.list_changed_prices() IS
    'AFTER statement trigger of the current prices. Locks the stations.';

CREATE FUNCTION station_schema.list_prices_of_changed_fuels() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_changed CONSTANT bigint[] := ARRAY(
        SELECT n.id FROM new_rows AS n JOIN old_rows AS o ON o.id = n.id WHERE n.fuels <> o.fuels);
BEGIN
    IF v_changed <> '{}' THEN
        PERFORM station_schema.write_price_lists(v_changed);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION station_schema.list_prices_of_changed_fuels() IS
    'AFTER statement trigger of stations: what is no longer sold leaves the list that is shown.';
REVOKE EXECUTE ON FUNCTION
    station_schema.write_price_lists(bigint[]), station_schema.list_changed_prices(),
    station_schema.list_prices_of_changed_fuels()
    FROM PUBLIC;

SELECT station_schema.write_price_lists(ARRAY(SELECT s.id FROM station_schema.stations AS s));
CREATE TRIGGER station_fuel_prices_list_insert AFTER INSERT ON station_schema.station_fuel_prices
    REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.list_changed_prices();
CREATE TRIGGER station_fuel_prices_list_update AFTER UPDATE ON station_schema.station_fuel_prices
    REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.list_changed_prices();
CREATE TRIGGER stations_list_prices AFTER UPDATE ON station_schema.stations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.list_prices_of_changed_fuels();

CREATE FUNCTION station_schema.keep_price_history() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION station_schema.keep_price_history() IS
    'AFTER statement trigger of the current prices: the only writer of their history.';
REVOKE EXECUTE ON FUNCTION station_schema.keep_price_history() FROM PUBLIC;
-- The history begins with what is known.
INSERT INTO station_schema.station_fuel_price_history (station_code, fuel, price, currency, price_as_of, reason)
SELECT s.station_code, p.fuel, p.price, p.currency, p.price_as_of, 'known before the history began'
  FROM station_schema.station_fuel_prices AS p JOIN station_schema.stations AS s ON s.id = p.station_id
 ORDER BY s.station_code, p.fuel;

CREATE TRIGGER station_fuel_prices_history_insert AFTER INSERT ON station_schema.station_fuel_prices
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.keep_price_history();
CREATE TRIGGER station_fuel_prices_history_update AFTER UPDATE ON station_schema.station_fuel_prices
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.keep_price_history();

-- Audit ------------------------------------------------------------------------------------------------------------

ALTER TABLE station_schema.station_audit_log
    DROP CONSTRAINT station_audit_log_event_type_check,
    ADD CONSTRAINT station_audit_log_event_type_check CHECK (
        event_type IN (entity_type || '_CREATED', entity_type || '_UPDATED', entity_type || '_DELETED')) NOT VALID,
    DROP CONSTRAINT station_audit_log_entity_type_check,
    ADD CONSTRAINT station_audit_log_entity_type_check CHECK (
        entity_type IN ('STATION', 'EMPLOYEE', 'PRICE', 'SCHEDULED_PRICE', 'HOURS_EXCEPTION')) NOT VALID;
COMMENT ON TABLE station_schema.station_audit_log IS
    'Every change of a station and what belongs to it: of an update the changed values alone, before and after.';

CREATE FUNCTION station_schema.log_part_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION station_schema.log_part_changes() IS
    'AFTER statement trigger (entity type, column that tells the parts of a station apart) of tables with a station_id: '
    'their changes are logged under the station''s code.';
REVOKE EXECUTE ON FUNCTION station_schema.log_part_changes() FROM PUBLIC;

-- What the log says of prices begins with what is known, too.
INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, new_values)
SELECT 'PRICE_CREATED', 'PRICE', s.station_code, to_jsonb(p) - ARRAY['station_id', 'created_at', 'updated_at']
  FROM station_schema.station_fuel_prices AS p JOIN station_schema.stations AS s ON s.id = p.station_id
 ORDER BY s.station_code, p.fuel;

CREATE TRIGGER station_fuel_prices_log_insert AFTER INSERT ON station_schema.station_fuel_prices
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('PRICE', 'fuel');
CREATE TRIGGER station_fuel_prices_log_update AFTER UPDATE ON station_schema.station_fuel_prices
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('PRICE', 'fuel');
CREATE TRIGGER station_fuel_prices_log_delete AFTER DELETE ON station_schema.station_fuel_prices
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('PRICE', 'fuel');
CREATE TRIGGER station_scheduled_prices_log_insert AFTER INSERT ON station_schema.station_scheduled_prices
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('SCHEDULED_PRICE', 'fuel');
CREATE TRIGGER station_scheduled_prices_log_delete AFTER DELETE ON station_schema.station_scheduled_prices
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('SCHEDULED_PRICE', 'fuel');
CREATE TRIGGER station_hours_exceptions_log_insert AFTER INSERT ON station_schema.station_hours_exceptions
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('HOURS_EXCEPTION', 'day');
CREATE TRIGGER station_hours_exceptions_log_update AFTER UPDATE ON station_schema.station_hours_exceptions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('HOURS_EXCEPTION', 'day');
CREATE TRIGGER station_hours_exceptions_log_delete AFTER DELETE ON station_schema.station_hours_exceptions
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_part_changes('HOURS_EXCEPTION', 'day');

-- Search -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION station_schema.search_stations(
    p_after text, p_limit integer, p_status text, p_state text, p_city text, p_fuel text, p_service text, p_text text,
    p_accepts_coupons boolean, p_open_at timestamptz) RETURNS TABLE (station_id bigint)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    -- Planned for the filters that are there: each has its index, and none of them is used by a plan for all cases.
    SET plan_cache_mode = force_custom_plan
    AS $$
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
$$;
COMMENT ON FUNCTION station_schema.search_stations(
    text, integer, text, text, text, text, text, text, boolean, timestamptz) IS
    'One page of stations in order of the code, after a code; a filter that is NULL lets everything through.';

-- The nearest -------------------------------------------------------------------------------------------------------

CREATE FUNCTION station_schema.nearest_stations(
    p_latitude double precision, p_longitude double precision, p_radius_km double precision, p_limit integer,
    p_fuel text, p_service text, p_accepts_coupons boolean, p_open_at timestamptz)
    RETURNS TABLE (station_id bigint, distance_km double precision)
    LANGUAGE plpgsql STABLE ROWS 20
    SET search_path = pg_catalog, pg_temp
    -- Planned once: planning takes several times as long as finding, and the plan is the same for every question.
    SET plan_cache_mode = force_generic_plan
    AS $$
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
$$;
COMMENT ON FUNCTION station_schema.nearest_stations(
    double precision, double precision, double precision, integer, text, text, boolean, timestamptz) IS
    'Active stations within a radius by true great-circle distance, nearest first, equally near ones by code.';

-- What a file of stations is read into -------------------------------------------------------------------------------

CREATE UNLOGGED TABLE station_schema.station_import_rows (
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
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT station_import_rows_pk PRIMARY KEY (row_number),
    CONSTRAINT station_import_rows_station_code_key UNIQUE (station_code)
);
COMMENT ON TABLE station_schema.station_import_rows IS
    'Staging of an import from a table of stations: the rows that can be read. Emptied at the start of each.';
COMMENT ON COLUMN station_schema.station_import_rows.row_number IS 'The row of the file, as a spreadsheet counts.';

CREATE FUNCTION station_schema.begin_rows_import() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ TRUNCATE station_schema.station_import_rows $$;
COMMENT ON FUNCTION station_schema.begin_rows_import() IS
    'Empties the staging table; its lock makes a second import wait until the first one has ended.';
REVOKE EXECUTE ON FUNCTION station_schema.begin_rows_import() FROM PUBLIC;

-- Rights -----------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION station_schema.normalised(text) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.search_document(text, text, text, text, text) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.search_words(text) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.are_windows(jsonb) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.are_opening_hours(jsonb) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.is_open(jsonb, jsonb, text, timestamptz) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.is_within(jsonb, text) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.is_readable(text) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.may_become(text, text) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.check_status_change() TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.currency_of(text) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.search_stations(
    text, integer, text, text, text, text, text, text, boolean, timestamptz) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.nearest_stations(
    double precision, double precision, double precision, integer, text, text, boolean, timestamptz)
    TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.begin_rows_import() TO station_app;

GRANT UPDATE (status_reason), INSERT (status_reason) ON station_schema.stations TO station_app;
GRANT INSERT (valid_from, reason, set_by), UPDATE (valid_from, reason, set_by)
    ON station_schema.station_fuel_prices TO station_app;
GRANT SELECT, INSERT (station_id, day, hours, note), UPDATE (hours, note), DELETE
    ON station_schema.station_hours_exceptions TO station_app;
GRANT SELECT, INSERT (station_id, fuel, valid_from, price, currency, reason), DELETE
    ON station_schema.station_scheduled_prices TO station_app;
GRANT SELECT ON station_schema.station_fuel_price_history TO station_app;
GRANT SELECT ON station_schema.station_price_lists TO station_app, station_ro;
GRANT SELECT,
    INSERT (row_number, station_code, name, status, station_type, accepts_coupons, address, city, state, postal_code,
        country, longitude, latitude, time_zone, pump_count, fuels, services_offered, phone, email, permit_number,
        opened_on)
    ON station_schema.station_import_rows TO station_app;

GRANT SELECT ON station_schema.station_hours_exceptions TO station_ro;
GRANT SELECT (station_id, fuel, valid_from, price, currency, reason, created_at, updated_at)
    ON station_schema.station_scheduled_prices TO station_ro;
GRANT SELECT (id, station_code, fuel, price, currency, price_as_of, valid_from, previous_price, reason, created_at)
    ON station_schema.station_fuel_price_history TO station_ro;
