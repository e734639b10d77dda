-- Every static query of the station service.

-- name: ensure_partitions
-- This month's partitions of the audit log and those ahead; run at each start.
SELECT station_schema.ensure_all_month_partitions();

-- name: list_stations
-- One page by code after a cursor ('' for the first); NULL filters match all.
SELECT s.station_code, s.name, s.status, s.station_type, s.accepts_coupons, s.city, s.state, s.country,
       s.location[1] AS latitude, s.location[0] AS longitude, s.fuels, coalesce(p.prices, '[]') AS prices
  FROM station_schema.stations AS s
  LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
               'fuel', f.fuel, 'price', f.price::text, 'currency', f.currency, 'as_of', f.price_as_of)
               ORDER BY f.fuel) AS prices
      FROM station_schema.station_fuel_prices AS f
     WHERE f.station_id = s.id
  ) AS p ON true
 WHERE s.station_code > $1
   AND ($2::text IS NULL OR s.status = $2)
   AND ($3::text IS NULL OR s.state = $3)
   AND ($4::text IS NULL OR s.city = $4)
   AND ($5::text IS NULL OR s.fuels @> ARRAY[$5])
 ORDER BY s.station_code
 LIMIT $6;

-- name: get_station
-- One station by its code, with everything that anyone may know.
SELECT s.station_code, s.name, s.status, s.station_type, s.accepts_coupons, s.city, s.state, s.country,
       s.location[1] AS latitude, s.location[0] AS longitude, s.fuels, coalesce(p.prices, '[]') AS prices,
       s.permit_number, s.address, s.postal_code, s.time_zone, s.pump_count, s.services_offered, s.opening_hours,
       s.phone, s.email, s.customer_rating
  FROM station_schema.stations AS s
  LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
               'fuel', f.fuel, 'price', f.price::text, 'currency', f.currency, 'as_of', f.price_as_of)
               ORDER BY f.fuel) AS prices
      FROM station_schema.station_fuel_prices AS f
     WHERE f.station_id = s.id
  ) AS p ON true
 WHERE s.station_code = $1;

-- name: find_nearby
-- Active stations nearest to (latitude $1, longitude $2) within $3 km, at most $4, by true great-circle distance.
-- The index orders by degrees on a flat map, which is not the order on a sphere. But the $4 nearest on the map bound
-- the distance of the truly $4th nearest, and a cap of that size lies in a box of degrees that the index finds:
-- its half width is asin(sin d / cos latitude), or all longitudes where it holds a pole or crosses the antimeridian.
-- The cap is widened by a hair (6 mm), as floats round; the distance itself decides in the end.
WITH reach AS MATERIALIZED (
    SELECT least($3::double precision, max(station_schema.distance_km(n.location, point($2, $1)))) AS km
      FROM (SELECT location
              FROM station_schema.stations
             WHERE status = 'ACTIVE'
             ORDER BY location <-> point($2, $1)
             LIMIT $4) AS n
), cap AS MATERIALIZED (
    SELECT km, degrees(angle) AS height,
           degrees(asin(least(1, sin(least(angle, pi() / 2)) / nullif(cosd($1::double precision), 0)))) AS width
      FROM reach, LATERAL (SELECT km / 6371.0088 * (1 + 1e-9) + 1e-9 AS angle) AS a
), area AS MATERIALIZED (
    SELECT CASE
               WHEN abs($1::double precision) + height >= 90 OR abs($2::double precision) + width > 180
               THEN box(point(-180, $1 - height), point(180, $1 + height))
               ELSE box(point($2 - width, $1 - height), point($2 + width, $1 + height))
           END AS bounds
      FROM cap
)
SELECT s.station_code, s.name, s.status, s.station_type, s.accepts_coupons, s.city, s.state, s.country,
       s.location[1] AS latitude, s.location[0] AS longitude, s.fuels, coalesce(p.prices, '[]') AS prices,
       s.distance_km
  FROM (SELECT i.*, station_schema.distance_km(i.location, point($2, $1)) AS distance_km
          FROM station_schema.stations AS i
         WHERE i.status = 'ACTIVE'
           AND i.location <@ (SELECT bounds FROM area)
           AND station_schema.distance_km(i.location, point($2, $1)) <= (SELECT km FROM reach)
         ORDER BY distance_km, i.station_code
         LIMIT $4) AS s
  LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
               'fuel', f.fuel, 'price', f.price::text, 'currency', f.currency, 'as_of', f.price_as_of)
               ORDER BY f.fuel) AS prices
      FROM station_schema.station_fuel_prices AS f
     WHERE f.station_id = s.id
  ) AS p ON true
 ORDER BY s.distance_km, s.station_code;

-- name: begin_import
-- Empties the staging tables and waits for an import that is under way.
SELECT station_schema.begin_import();

-- name: allow_long_statements
-- An import may wait for another one longer than a request may wait for anything.
SELECT set_config('statement_timeout', '5min', true);

-- name: update_changed_stations
-- Only rows that differ; a place that lists no fuel keeps what was known.
WITH changed AS (
    UPDATE station_schema.stations AS s
       SET name = i.name, regulator_place_id = i.regulator_place_id, location = point(i.longitude, i.latitude),
           fuels = CASE WHEN cardinality(i.fuels) > 0 THEN i.fuels ELSE s.fuels END
      FROM station_schema.station_import_places AS i
     WHERE s.permit_number = i.permit_number
       AND ((s.name, s.regulator_place_id, s.location[0], s.location[1])
            IS DISTINCT FROM (i.name, i.regulator_place_id, i.longitude, i.latitude)
            OR (cardinality(i.fuels) > 0 AND s.fuels <> i.fuels))
    RETURNING 1
)
SELECT count(*) FROM changed;

-- name: insert_new_stations
-- Places whose permit nobody has; one whose code is taken by another station is left out.
WITH made AS (
    INSERT INTO station_schema.stations (
        station_code, name, permit_number, regulator_place_id, country, location, fuels)
    SELECT i.station_code, i.name, i.permit_number, i.regulator_place_id, 'MX', point(i.longitude, i.latitude), i.fuels
      FROM station_schema.station_import_places AS i
     WHERE NOT EXISTS (SELECT FROM station_schema.stations AS s WHERE s.permit_number = i.permit_number)
     ORDER BY i.station_code
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM made;

-- name: list_unplaced
-- Places that found no station of their own, because another station has their code.
SELECT i.regulator_place_id AS place_id, i.permit_number AS permit, i.station_code
  FROM station_schema.station_import_places AS i
 WHERE NOT EXISTS (SELECT FROM station_schema.stations AS s WHERE s.permit_number = i.permit_number)
 ORDER BY i.regulator_place_id;

-- name: list_refused_prices
-- Staged prices of the day $1 that will not be set: a newer one is there, or their place has no station.
SELECT i.permit_number AS permit, i.fuel, i.price, s.id IS NOT NULL AS has_station
  FROM station_schema.station_import_prices AS i
  LEFT JOIN station_schema.stations AS s USING (permit_number)
  LEFT JOIN station_schema.station_fuel_prices AS p ON p.station_id = s.id AND p.fuel = i.fuel
 WHERE s.id IS NULL OR p.price_as_of > $1::date
 ORDER BY i.permit_number, i.fuel;

-- name: set_prices
-- Staged prices of the day $1, in pesos; the same price of the same day is left alone, and so is a newer one.
WITH merged AS (
    INSERT INTO station_schema.station_fuel_prices AS p (station_id, fuel, price, currency, price_as_of)
    SELECT s.id, i.fuel, i.price, 'MXN', $1::date
      FROM station_schema.station_import_prices AS i
      JOIN station_schema.stations AS s USING (permit_number)
     WHERE NOT EXISTS (
        SELECT FROM station_schema.station_fuel_prices AS known
         WHERE known.station_id = s.id AND known.fuel = i.fuel
           AND (known.price_as_of > $1 OR (known.price, known.currency, known.price_as_of) = (i.price, 'MXN', $1)))
     ORDER BY s.id, i.fuel
    ON CONFLICT (station_id, fuel) DO UPDATE
       SET price = excluded.price, currency = excluded.currency, price_as_of = excluded.price_as_of
     WHERE p.price_as_of <= excluded.price_as_of
    RETURNING 1
)
SELECT count(*) FROM merged;
