-- Where the stations that take coupons are, and in which zone, told to others. By a trigger, since stations come and move
-- in many ways: one by one, by tables, by the regulator's feed.
-- vuelo: allow working-under-lock one event a station of the chain, and only those take coupons: milliseconds

CREATE FUNCTION station_schema.tell_places() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION station_schema.tell_places() FROM PUBLIC;
COMMENT ON FUNCTION station_schema.tell_places() IS
    'AFTER statement trigger: the event station.changed for each station that takes coupons now, lies elsewhere, or is in '
    'another time zone.';
CREATE TRIGGER stations_tell_new_places AFTER INSERT ON station_schema.stations
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.tell_places();
CREATE TRIGGER stations_tell_places AFTER UPDATE ON station_schema.stations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.tell_places();

-- Those from before.
INSERT INTO station_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
SELECT 'station.changed', 'station', s.station_code,
       jsonb_build_object('station_code', s.station_code, 'latitude', s.location[1], 'longitude', s.location[0],
                          'time_zone', s.time_zone)
  FROM station_schema.stations AS s
 WHERE s.accepts_coupons;
