-- What tables of stations ask: coming in as a file, going out as one.

-- name: begin_rows_import
-- Empties the staging table and waits for an import that is under way.
SELECT station_schema.begin_rows_import();

-- name: known_codes
-- Which of these codes are stations.
SELECT s.station_code FROM station_schema.stations AS s WHERE s.station_code = ANY ($1::text[]);

-- name: hold_known
-- Which of these codes are stations, and since when they are what they are; nobody changes them until the end.
SELECT s.station_code AS code, s.updated_at
  FROM station_schema.stations AS s
 WHERE s.station_code = ANY ($1::text[])
 ORDER BY s.id
   FOR NO KEY UPDATE;

-- name: update_from_rows
-- Stations of the rows $1 that differ in one of the columns $2 that the file has. Locked first, so that what the file
-- does not say stays as the one who changes it at the same time leaves it.
WITH wanted AS (
        SELECT w.id,
               coalesce(i.name, w.name) AS name,
               coalesce(i.status, w.status) AS status,
               coalesce(i.station_type, w.station_type) AS station_type,
               coalesce(i.accepts_coupons, w.accepts_coupons) AS accepts_coupons,
               CASE WHEN 'address' = ANY ($2::text[]) THEN i.address ELSE w.address END AS address,
               CASE WHEN 'city' = ANY ($2::text[]) THEN i.city ELSE w.city END AS city,
               CASE WHEN 'state' = ANY ($2::text[]) THEN i.state ELSE w.state END AS state,
               CASE WHEN 'postal_code' = ANY ($2::text[]) THEN i.postal_code ELSE w.postal_code END AS postal_code,
               coalesce(i.country, w.country) AS country,
               CASE WHEN 'time_zone' = ANY ($2::text[]) THEN i.time_zone ELSE w.time_zone END AS time_zone,
               CASE WHEN 'pump_count' = ANY ($2::text[]) THEN i.pump_count ELSE w.pump_count END AS pump_count,
               CASE WHEN i.fuels @> w.fuels AND i.fuels <@ w.fuels THEN w.fuels
                    ELSE coalesce(i.fuels, w.fuels) END AS fuels,
               CASE WHEN i.services_offered @> w.services_offered AND i.services_offered <@ w.services_offered THEN w.services_offered
                    ELSE coalesce(i.services_offered, w.services_offered) END AS services_offered,
               CASE WHEN 'phone' = ANY ($2::text[]) THEN i.phone ELSE w.phone END AS phone,
               CASE WHEN 'email' = ANY ($2::text[]) THEN i.email ELSE w.email END AS email,
               CASE WHEN 'permit_number' = ANY ($2::text[]) THEN i.permit_number ELSE w.permit_number END AS
                   permit_number,
               CASE WHEN 'opened_on' = ANY ($2::text[]) THEN i.opened_on ELSE w.opened_on END AS opened_on,
               point(coalesce(i.longitude, w.location[0]), coalesce(i.latitude, w.location[1])) AS location
          FROM station_schema.station_import_rows AS i
          JOIN station_schema.stations AS w USING (station_code)
         WHERE i.row_number = ANY ($1::integer[])
         ORDER BY w.id
           FOR NO KEY UPDATE OF w
), changed AS (
    UPDATE station_schema.stations AS s
       SET (name, status, station_type, accepts_coupons, address, city, state, postal_code, country, time_zone,
           pump_count, fuels, services_offered, phone, email, permit_number, opened_on, location)
           = (n.name, n.status, n.station_type, n.accepts_coupons, n.address, n.city, n.state, n.postal_code,
               n.country, n.time_zone, n.pump_count, n.fuels, n.services_offered, n.phone, n.email, n.permit_number,
               n.opened_on, n.location)
      FROM wanted AS n
     WHERE s.id = n.id
       AND (s.name, s.status, s.station_type, s.accepts_coupons, s.address, s.city, s.state, s.postal_code,
           s.country, s.time_zone, s.pump_count, s.fuels, s.services_offered, s.phone, s.email, s.permit_number,
           s.opened_on, s.location[0], s.location[1])
           IS DISTINCT FROM (n.name, n.status, n.station_type, n.accepts_coupons, n.address, n.city, n.state,
               n.postal_code, n.country, n.time_zone, n.pump_count, n.fuels, n.services_offered, n.phone, n.email,
               n.permit_number, n.opened_on, n.location[0], n.location[1])
    RETURNING 1
)
SELECT count(*) FROM changed;

-- name: insert_from_rows
-- Stations of the rows $1 that nobody knows yet.
WITH made AS (
    INSERT INTO station_schema.stations (
        station_code, location, name, status, station_type, accepts_coupons, address, city, state, postal_code,
            country, time_zone, pump_count, fuels, services_offered, phone, email, permit_number, opened_on)
    SELECT i.station_code, point(i.longitude, i.latitude), i.name, coalesce(i.status, 'CONSTRUCTION'),
           coalesce(i.station_type, 'FULL_SERVICE'), coalesce(i.accepts_coupons, false), i.address, i.city, i.state,
           i.postal_code, i.country, i.time_zone, i.pump_count, coalesce(i.fuels, '{}'),
           coalesce(i.services_offered, '{}'), i.phone, i.email, i.permit_number, i.opened_on
      FROM station_schema.station_import_rows AS i
     WHERE i.row_number = ANY ($1::integer[])
       AND NOT EXISTS (SELECT FROM station_schema.stations AS s WHERE s.station_code = i.station_code)
     ORDER BY i.row_number
    RETURNING 1
)
SELECT count(*) FROM made;

-- name: export_stations
-- All stations after a code, in its order, at most $2: the columns of a table of stations.
SELECT s.station_code, s.name, s.status, s.station_type, s.accepts_coupons, s.address, s.city, s.state, s.postal_code,
       s.country, s.location[1] AS latitude, s.location[0] AS longitude, s.time_zone, s.pump_count, s.fuels,
       s.services_offered, s.phone, s.email, s.permit_number, s.opened_on
  FROM station_schema.stations AS s
 WHERE s.station_code > $1
 ORDER BY s.station_code
 LIMIT $2;
