-- Takes back V9__tell_places.sql. What was delivered stays told; what waits is told no more.
DROP TRIGGER stations_tell_places ON station_schema.stations;
DROP TRIGGER stations_tell_new_places ON station_schema.stations;
DROP FUNCTION station_schema.tell_places();
DELETE FROM station_schema.outbox_events WHERE event_type = 'station.changed';
