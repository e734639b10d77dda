-- What those ask who run stations.

-- name: create_station
-- A new station; its price list and hours follow by themselves.
INSERT INTO station_schema.stations (
    station_code, name, country, location, status, station_type, accepts_coupons, permit_number, address, city, state,
    postal_code, time_zone, pump_count, fuels, services_offered, phone, email, opened_on)
VALUES ($1, $2, $3, point($5, $4), $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20);

-- name: station_exists
-- Why a change found nothing to change.
SELECT EXISTS (SELECT FROM station_schema.stations WHERE station_code = $1);

-- name: change_station
-- What the document names is set, if nobody changed the station since the version ($2, microseconds) was read.
UPDATE station_schema.stations AS s
   SET (name, station_type, accepts_coupons, permit_number, address, city, state, postal_code, location, time_zone,
        pump_count, fuels, services_offered, phone, email, opened_on)
       = (SELECT r.name, r.station_type, r.accepts_coupons, r.permit_number, r.address, r.city, r.state, r.postal_code,
                 point(coalesce(($3::jsonb ->> 'longitude')::double precision, s.location[0]),
                       coalesce(($3::jsonb ->> 'latitude')::double precision, s.location[1])),
                 r.time_zone, r.pump_count, r.fuels, r.services_offered, r.phone, r.email, r.opened_on
            FROM jsonb_populate_record(s, $3::jsonb) AS r)
 WHERE s.station_code = $1
   AND (extract(epoch FROM s.updated_at) * 1000000)::bigint = $2
RETURNING s.updated_at;

-- name: change_status
-- Only to a status that may follow; the trigger would refuse any other.
WITH changed AS (
    UPDATE station_schema.stations AS s
       SET status = $2, status_reason = $3
     WHERE s.station_code = $1 AND station_schema.may_become(s.status, $2)
    RETURNING s.id, s.updated_at
)
SELECT s.status AS status_before, c.id IS NOT NULL AS is_changed
  FROM station_schema.stations AS s
  LEFT JOIN changed AS c ON c.id = s.id
 WHERE s.station_code = $1;

-- name: set_hours
-- The week, if nobody changed the station since version $2 was read; with it the exceptional days from today on.
WITH station AS (
    UPDATE station_schema.stations AS s
       SET opening_hours = $3::jsonb
     WHERE s.station_code = $1
       AND (extract(epoch FROM s.updated_at) * 1000000)::bigint = $2
    RETURNING s.id, s.time_zone, s.updated_at
), wanted AS (
    SELECT (x ->> 'day')::date AS day, x -> 'hours' AS hours, x ->> 'note' AS note
      FROM jsonb_array_elements($4::jsonb) AS x
), removed AS (
    DELETE FROM station_schema.station_hours_exceptions AS e
     USING station AS s
     WHERE e.station_id = s.id AND e.day >= timezone(coalesce(s.time_zone, 'UTC'), now())::date
       AND e.day NOT IN (SELECT w.day FROM wanted AS w)
), kept AS (
    INSERT INTO station_schema.station_hours_exceptions AS e (station_id, day, hours, note)
    SELECT s.id, w.day, w.hours, w.note FROM station AS s, wanted AS w
    ON CONFLICT (station_id, day) DO UPDATE SET hours = excluded.hours, note = excluded.note
     WHERE (e.hours, e.note) IS DISTINCT FROM (excluded.hours, excluded.note)
)
SELECT updated_at FROM station;

-- name: set_price
-- From now on, in the same statement that looks whether the station sells the fuel.
WITH made AS (
    INSERT INTO station_schema.station_fuel_prices AS p (
        station_id, fuel, price, currency, price_as_of, valid_from, reason)
    SELECT s.id, $2, $3, coalesce($4, station_schema.currency_of(s.country)),
           timezone(coalesce(s.time_zone, 'UTC'), now())::date, now(), $5
      FROM station_schema.stations AS s
     WHERE s.station_code = $1 AND s.fuels @> ARRAY[$2] AND s.status <> 'PERMANENTLY_CLOSED'
    ON CONFLICT (station_id, fuel) DO UPDATE
       SET price = excluded.price, currency = excluded.currency, valid_from = excluded.valid_from,
           reason = excluded.reason, set_by = NULL,
           price_as_of = greatest(p.price_as_of, excluded.price_as_of)
    RETURNING p.station_id, p.price, p.currency, p.valid_from
)
SELECT s.station_code, $2 AS fuel, m.price, m.currency, m.valid_from, false AS is_scheduled
  FROM station_schema.stations AS s
  LEFT JOIN made AS m ON m.station_id = s.id
 WHERE s.station_code = $1;

-- name: schedule_price
-- From a moment to come on.
WITH made AS (
    INSERT INTO station_schema.station_scheduled_prices (station_id, fuel, valid_from, price, currency, reason)
    SELECT s.id, $2, $6, $3, coalesce($4, station_schema.currency_of(s.country)), $5
      FROM station_schema.stations AS s
     WHERE s.station_code = $1 AND s.fuels @> ARRAY[$2] AND s.status <> 'PERMANENTLY_CLOSED'
    RETURNING station_id, price, currency, valid_from
)
SELECT s.station_code, $2 AS fuel, m.price, m.currency, m.valid_from, true AS is_scheduled
  FROM station_schema.stations AS s
  LEFT JOIN made AS m ON m.station_id = s.id
 WHERE s.station_code = $1;

-- name: apply_due_prices
-- Scheduled prices whose time has come become the current ones; of several for a fuel the latest. What has closed for
-- good or sells the fuel no more has no price.
WITH due AS (
    DELETE FROM station_schema.station_scheduled_prices AS d
     WHERE d.valid_from <= now()
    RETURNING d.station_id, d.fuel, d.valid_from, d.price, d.currency, d.reason, d.scheduled_by
), latest AS (
    SELECT DISTINCT ON (d.station_id, d.fuel) d.* FROM due AS d ORDER BY d.station_id, d.fuel, d.valid_from DESC
), made AS (
    INSERT INTO station_schema.station_fuel_prices AS p (
        station_id, fuel, price, currency, price_as_of, valid_from, reason, set_by)
    SELECT l.station_id, l.fuel, l.price, l.currency,
           timezone(coalesce(s.time_zone, 'UTC'), l.valid_from)::date, l.valid_from, l.reason, l.scheduled_by
      FROM latest AS l JOIN station_schema.stations AS s ON s.id = l.station_id
     WHERE s.fuels @> ARRAY[l.fuel] AND s.status <> 'PERMANENTLY_CLOSED'
     ORDER BY l.station_id, l.fuel
    ON CONFLICT (station_id, fuel) DO UPDATE
       SET price = excluded.price, currency = excluded.currency, valid_from = excluded.valid_from,
           reason = excluded.reason, set_by = excluded.set_by,
           price_as_of = greatest(p.price_as_of, excluded.price_as_of)
     WHERE p.valid_from IS NULL OR p.valid_from <= excluded.valid_from
    RETURNING 1
)
SELECT count(*) FROM made;

-- name: scheduled_prices
-- What a station's fuels are going to cost, the soonest first.
SELECT s.station_code, p.fuel, p.price, p.currency, p.valid_from, p.reason, p.scheduled_by, p.created_at AS scheduled_at
  FROM station_schema.stations AS s
  JOIN station_schema.station_scheduled_prices AS p ON p.station_id = s.id
 WHERE s.station_code = $1
 ORDER BY p.valid_from, p.fuel
 LIMIT 500;

-- name: withdraw_price
-- One that has not come yet.
DELETE FROM station_schema.station_scheduled_prices AS p
 USING station_schema.stations AS s
 WHERE s.station_code = $1 AND p.station_id = s.id AND p.fuel = $2 AND p.valid_from = $3
RETURNING true;

-- name: price_history
-- A station's prices, the latest first, before a position ($3, $4; NULL for the first page); $2 NULL: of any fuel.
SELECT h.id, h.fuel, h.price, h.currency, h.price_as_of AS as_of, h.valid_from, h.previous_price, h.reason, h.actor,
       h.created_at AS set_at
  FROM station_schema.station_fuel_price_history AS h
 WHERE h.station_code = $1
   AND ($2::text IS NULL OR h.fuel = $2)
   AND ($3::timestamptz IS NULL OR (h.created_at, h.id) < ($3, $4::bigint))
 ORDER BY h.created_at DESC, h.id DESC
 LIMIT $5;

-- name: audit
-- What happened to a station, after a position ($2, $3; NULL for the first page), the latest first unless $7; of the
-- kind $5, and with $6 in one of its values (NULL: any).
SELECT a.id, a.event_type, a.old_values, a.new_values, a.actor, a.correlation_id, host(a.ip_address) AS ip_address,
       a.user_agent, a.created_at
  FROM station_schema.station_audit_log AS a
 WHERE a.entity_reference = $1
   AND ($2::timestamptz IS NULL OR CASE WHEN $7::boolean THEN (a.created_at, a.id) > ($2, $3::bigint)
                                        ELSE (a.created_at, a.id) < ($2, $3::bigint) END)
   AND ($5::text IS NULL OR a.event_type = $5)
   AND ($6::text IS NULL OR EXISTS (
        SELECT FROM (VALUES (a.old_values), (a.new_values)) AS n (told)
         CROSS JOIN LATERAL jsonb_each_text(n.told) AS v
         WHERE strpos(station_schema.normalised(v.value), station_schema.normalised($6)) > 0))
 ORDER BY CASE WHEN $7 THEN a.created_at END, CASE WHEN $7 THEN a.id END, a.created_at DESC, a.id DESC
 LIMIT $4;

-- name: refresh_station_summary
-- The dashboards' figures, made anew while everybody reads the old ones.
SELECT station_schema.refresh_station_summary();

-- name: statistics
-- By country, state and city; NULL: all of them.
SELECT t.country, t.state, t.city, t.stations, t.active_stations, t.stations_in_maintenance, t.participating_stations,
       t.stations_with_diesel, t.currency, t.average_regular_price, t.average_premium_price, t.average_diesel_price,
       t.active_employees::bigint AS active_employees, t.vehicles_30d::bigint AS vehicles_30d, t.volume_30d_l,
       t.transactions_30d::bigint AS transactions_30d
  FROM station_schema.station_statistics AS t
 WHERE $1::text IS NULL OR station_schema.normalised(t.state) = station_schema.normalised($1)
 ORDER BY t.country, t.state, t.city, t.currency
 LIMIT 1000;

-- name: summary
-- One station for its dashboard.
SELECT v.station_code, v.active_employees, v.days_measured, v.vehicles_30d, v.volume_30d_l, v.transactions_30d,
       v.capacity_used_percent, v.refreshed_at
  FROM station_schema.station_summary AS v
 WHERE v.station_code = $1;

-- name: record_metrics
-- Adds to the figures of a station's day; false: there is no such station.
SELECT station_schema.record_metrics($1, $2, $3, $4, $5);
