-- What everybody may ask of stations.

-- name: list_stations
-- One page by code after a cursor ('' for the first); NULL filters match all.
SELECT s.station_code, s.name, s.status, s.station_type, s.accepts_coupons, s.city, s.state, s.country,
       s.location[1] AS latitude, s.location[0] AS longitude, s.fuels, coalesce(p.prices, '[]') AS prices
  FROM station_schema.search_stations($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS f
  JOIN station_schema.stations AS s ON s.id = f.station_id
  LEFT JOIN station_schema.station_price_lists AS p ON p.station_id = s.id
 ORDER BY s.station_code;

-- name: get_station
-- One station by its code, with everything that anyone may know; whether it is open at $2.
SELECT s.station_code, s.name, s.status, s.station_type, s.accepts_coupons, s.city, s.state, s.country,
       s.location[1] AS latitude, s.location[0] AS longitude, s.fuels, coalesce(p.prices, '[]') AS prices,
       s.permit_number, s.address, s.postal_code, s.time_zone, s.pump_count, s.services_offered, s.opening_hours,
       s.phone, s.email, s.customer_rating, s.updated_at,
       coalesce(e.exceptions, '[]') AS exceptions,
       s.status = 'ACTIVE' AND station_schema.is_open(s.opening_hours, e.today, s.time_zone, $2) AS is_open
  FROM station_schema.stations AS s
  LEFT JOIN station_schema.station_price_lists AS p ON p.station_id = s.id
  LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('day', x.day, 'hours', x.hours, 'note', x.note) ORDER BY x.day) AS exceptions,
           (jsonb_agg(x.hours) FILTER (WHERE x.day = timezone(s.time_zone, $2)::date)) -> 0 AS today
      FROM station_schema.station_hours_exceptions AS x
     WHERE x.station_id = s.id AND x.day >= timezone(coalesce(s.time_zone, 'UTC'), $2::timestamptz)::date
  ) AS e ON true
 WHERE s.station_code = $1;

-- name: find_nearby
-- Active stations nearest to (latitude $1, longitude $2) within $3 km, at most $4, by true great-circle distance: a
-- JSON array, since nobody between here and the phone looks into it.
SELECT coalesce(json_agg(f ORDER BY f.distance_km, f.station_code), '[]')
  FROM (
    SELECT s.station_code, s.name, s.status, s.station_type, s.accepts_coupons, s.city, s.state, s.country,
           s.location[1] AS latitude, s.location[0] AS longitude, s.fuels, coalesce(p.prices, '[]') AS prices,
           n.distance_km
      FROM station_schema.nearest_stations($1, $2, $3, $4, $5, $6, $7, $8) AS n
      JOIN station_schema.stations AS s ON s.id = n.station_id
      LEFT JOIN station_schema.station_price_lists AS p ON p.station_id = s.id
  ) AS f;
