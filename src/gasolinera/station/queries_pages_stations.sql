-- What the pages of stations show beside what the use cases give.

-- name: facts_of_stations
-- Of each station of a page: where it is, what it offers, and whether it is open at $2 (NULL: nobody knows).
SELECT s.station_code, s.address, s.postal_code, s.time_zone, s.services_offered,
       s.status = 'ACTIVE' AND station_schema.is_open(s.opening_hours, e.hours, s.time_zone, $2) AS is_open
  FROM station_schema.stations AS s
  LEFT JOIN station_schema.station_hours_exceptions AS e
    ON e.station_id = s.id AND e.day = timezone(coalesce(s.time_zone, 'UTC'), $2::timestamptz)::date
 WHERE s.station_code = ANY ($1::text[]);

-- name: list_named
-- One page of the stations of postal code $1, or of those of codes $8, by code after $2, $3 at most; NULL filters match
-- all.
SELECT s.station_code, s.name, s.status, s.station_type, s.accepts_coupons, s.city, s.state, s.country,
       s.location[1] AS latitude, s.location[0] AS longitude, s.fuels, coalesce(p.prices, '[]') AS prices
  FROM station_schema.stations AS s
  LEFT JOIN station_schema.station_price_lists AS p ON p.station_id = s.id
  LEFT JOIN station_schema.station_hours_exceptions AS e
    ON e.station_id = s.id AND e.day = timezone(coalesce(s.time_zone, 'UTC'), $7::timestamptz)::date
 WHERE s.station_code > $2
   AND ($1::text IS NULL OR s.postal_code = $1)
   AND ($8::text[] IS NULL OR s.station_code = ANY ($8))
   AND ($4::text IS NULL OR s.fuels @> ARRAY[$4])
   AND ($5::text IS NULL OR s.services_offered @> ARRAY[$5])
   AND ($6::boolean IS NULL OR s.accepts_coupons = $6)
   AND ($7::timestamptz IS NULL
        OR s.status = 'ACTIVE' AND station_schema.is_open(s.opening_hours, e.hours, s.time_zone, $7))
 ORDER BY s.station_code
 LIMIT $3;

-- name: extent_of_stations
-- The degrees between which the stations lie that a search finds; NULL: none.
SELECT min(s.location[0]) AS west, min(s.location[1]) AS south, max(s.location[0]) AS east, max(s.location[1]) AS north
  FROM station_schema.stations AS s
 WHERE s.status <> 'PERMANENTLY_CLOSED'
   AND ($1::text IS NULL OR s.fuels @> ARRAY[$1])
   AND ($2::text IS NULL OR s.services_offered @> ARRAY[$2])
   AND ($3::boolean IS NULL OR s.accepts_coupons = $3)
   AND ($4::text IS NULL OR station_schema.search_document(s.station_code, s.name, s.address, s.city, s.state)
        @@ station_schema.search_words($4))
   AND ($5::text IS NULL OR s.postal_code = $5)
   AND ($6::text[] IS NULL OR s.station_code = ANY ($6));

-- name: stations_on_map
-- Stations between degrees west $1, south $2, east $3, north $4, those together that lie in one cell: $5 units of paper
-- a degree of longitude, $6 units a cell, on the paper of Mercator's projection. The cells are those of the whole world,
-- so that circles stay when the map is moved.
SELECT count(*) AS count, avg(f.latitude) AS latitude, avg(f.longitude) AS longitude,
       min(f.station_code COLLATE "C") AS station_code, min(f.name COLLATE "C") AS name, bool_or(f.status = 'ACTIVE') AS is_active
  FROM (
    SELECT s.station_code, s.name, s.status, s.location[1] AS latitude, s.location[0] AS longitude
      FROM station_schema.stations AS s
     WHERE s.location <@ box(point($1, $2), point($3, $4)) AND s.status <> 'PERMANENTLY_CLOSED'
       AND ($7::text IS NULL OR s.fuels @> ARRAY[$7])
       AND ($8::text IS NULL OR s.services_offered @> ARRAY[$8])
       AND ($9::boolean IS NULL OR s.accepts_coupons = $9)
       AND ($10::timestamptz IS NULL
            -- The search reads the clock of a zone once, not once a station.
            OR s.id IN (SELECT o.station_id
                          FROM station_schema.search_stations(
                                   '', 1000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, $10) AS o))
       AND ($11::text IS NULL OR station_schema.search_document(s.station_code, s.name, s.address, s.city, s.state)
            @@ station_schema.search_words($11))
       AND ($12::text IS NULL OR s.postal_code = $12)
       AND ($13::text[] IS NULL OR s.station_code = ANY ($13))
  ) AS f
 GROUP BY floor(f.longitude * $5::double precision / $6::double precision),
          floor(degrees(ln(tan(pi() / 4 + radians(f.latitude) / 2))) * $5 / $6)
 ORDER BY count DESC, station_code
 LIMIT 200;
