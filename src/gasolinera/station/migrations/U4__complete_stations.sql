-- Takes back V4: stations as the first migration left them, and no entry of the log that it would not know.
-- vuelo: allow require-concurrent-index-deletion they go with all the rest, in milliseconds
-- vuelo: allow validating-in-same-transaction the log is locked by the constraints' going in any case
-- vuelo: allow locking-several-tables all of it together takes milliseconds

SELECT set_config('gasolinera.maintenance', 'on', true);
DELETE FROM station_schema.station_audit_log WHERE entity_type NOT IN ('STATION', 'EMPLOYEE');
SELECT set_config('gasolinera.maintenance', '', true);

DROP FUNCTION station_schema.search_stations(
    text, integer, text, text, text, text, text, text, boolean, timestamptz);
DROP FUNCTION station_schema.nearest_stations(
    double precision, double precision, double precision, integer, text, text, boolean, timestamptz);
DROP FUNCTION station_schema.begin_rows_import();
DROP TABLE station_schema.station_import_rows;
DROP TABLE station_schema.station_scheduled_prices;
DROP TABLE station_schema.station_price_lists;
DROP TABLE station_schema.station_fuel_price_history;
DROP TABLE station_schema.station_hours_exceptions;

DROP TRIGGER station_fuel_prices_log_insert ON station_schema.station_fuel_prices;
DROP TRIGGER station_fuel_prices_log_update ON station_schema.station_fuel_prices;
DROP TRIGGER station_fuel_prices_log_delete ON station_schema.station_fuel_prices;
DROP TRIGGER station_fuel_prices_history_insert ON station_schema.station_fuel_prices;
DROP TRIGGER station_fuel_prices_history_update ON station_schema.station_fuel_prices;
DROP TRIGGER station_fuel_prices_list_insert ON station_schema.station_fuel_prices;
DROP TRIGGER station_fuel_prices_list_update ON station_schema.station_fuel_prices;
DROP FUNCTION station_schema.log_part_changes();
DROP FUNCTION station_schema.list_changed_prices();
DROP TRIGGER stations_list_prices ON station_schema.stations;
DROP FUNCTION station_schema.list_prices_of_changed_fuels();
DROP FUNCTION station_schema.write_price_lists(bigint[]);
DROP FUNCTION station_schema.keep_price_history();
ALTER TABLE station_schema.station_fuel_prices
    DROP CONSTRAINT station_fuel_prices_reason_check,
    DROP COLUMN valid_from,
    DROP COLUMN reason,
    DROP COLUMN set_by;
DROP FUNCTION station_schema.currency_of(text);

DROP INDEX station_schema.stations_time_zone_idx;
DROP INDEX station_schema.stations_with_hours_station_code_idx;
DROP INDEX station_schema.stations_services_offered_idx;
DROP INDEX station_schema.stations_status_station_code_idx;
DROP INDEX station_schema.stations_city_station_code_idx;
DROP INDEX station_schema.stations_state_city_station_code_idx;
DROP INDEX station_schema.stations_words_idx;
DROP TRIGGER stations_check_status_change ON station_schema.stations;
DROP FUNCTION station_schema.check_status_change();
DROP FUNCTION station_schema.may_become(text, text);
ALTER TABLE station_schema.stations
    DROP CONSTRAINT stations_opening_hours_valid_check,
    DROP CONSTRAINT stations_opened_on_check,
    DROP CONSTRAINT stations_name_readable_check,
    DROP CONSTRAINT stations_texts_readable_check,
    DROP CONSTRAINT stations_status_reason_check,
    DROP COLUMN status_reason,
    DROP COLUMN status_changed_at;
DROP FUNCTION station_schema.is_open(jsonb, jsonb, text, timestamptz);
DROP FUNCTION station_schema.is_within(jsonb, text);
DROP FUNCTION station_schema.are_opening_hours(jsonb);
DROP FUNCTION station_schema.are_windows(jsonb);
DROP FUNCTION station_schema.search_words(text);
DROP FUNCTION station_schema.search_document(text, text, text, text, text);
DROP FUNCTION station_schema.is_readable(text);
DROP FUNCTION station_schema.normalised(text);

ALTER TABLE station_schema.station_audit_log
    DROP CONSTRAINT station_audit_log_event_type_check,
    ADD CONSTRAINT station_audit_log_event_type_check CHECK (event_type IN (
        'STATION_CREATED', 'STATION_UPDATED', 'STATION_DELETED',
        'EMPLOYEE_CREATED', 'EMPLOYEE_UPDATED', 'EMPLOYEE_DELETED')) NOT VALID,
    DROP CONSTRAINT station_audit_log_entity_type_check,
    ADD CONSTRAINT station_audit_log_entity_type_check CHECK (entity_type IN ('STATION', 'EMPLOYEE')) NOT VALID;
ALTER TABLE station_schema.station_audit_log
    VALIDATE CONSTRAINT station_audit_log_event_type_check,
    VALIDATE CONSTRAINT station_audit_log_entity_type_check;
COMMENT ON TABLE station_schema.station_audit_log IS
    'Every change of a station or an employment: of an update the changed values alone, before and after.';

CREATE OR REPLACE FUNCTION station_schema.distance_km(a point, b point) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN 2 * 6371.0088 * asin(least(1, sqrt(
        power(sind(((b[1] + 180) - (a[1] + 180)) / 2), 2)
        + cosd(a[1]) * cosd(b[1]) * power(sind(((b[0] + 180) - (a[0] + 180)) / 2), 2))));
