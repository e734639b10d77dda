-- What an import of the regulator's feed asks.

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
       SET price = excluded.price, currency = excluded.currency, price_as_of = excluded.price_as_of,
           valid_from = NULL, reason = NULL, set_by = NULL
     WHERE p.price_as_of <= excluded.price_as_of
    RETURNING 1
)
SELECT count(*) FROM merged;
