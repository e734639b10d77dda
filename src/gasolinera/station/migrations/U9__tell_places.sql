-- Takes back V9__tell_places.sql. What was told already stays told.
DROP TRIGGER stations_tell_places ON station_schema.stations;
DROP TRIGGER stations_tell_new_places ON station_schema.stations;
DROP FUNCTION station_schema.tell_places();
