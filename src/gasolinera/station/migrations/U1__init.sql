-- Takes back V1: the schema is left with the common functions alone.

DROP TABLE station_schema.station_import_prices;
DROP TABLE station_schema.station_import_places;
DROP TABLE station_schema.station_audit_log;
DROP TABLE station_schema.employees;
DROP TABLE station_schema.station_fuel_prices;
DROP TABLE station_schema.stations;
DROP FUNCTION station_schema.begin_import();
DROP FUNCTION station_schema.log_changes();
DROP FUNCTION station_schema.distance_km(point, point);
REVOKE EXECUTE ON FUNCTION station_schema.ensure_all_month_partitions(integer) FROM station_app;
REVOKE EXECUTE ON FUNCTION station_schema.request_context(text) FROM station_app;
REVOKE USAGE ON SCHEMA station_schema FROM station_app, station_ro;
