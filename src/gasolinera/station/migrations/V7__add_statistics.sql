-- How stations do: figures by day, and views for lists, reports and dashboards.

CREATE TABLE station_schema.station_metrics_daily (
    station_id bigint NOT NULL,
    day date NOT NULL,
    vehicles bigint NOT NULL DEFAULT 0,
    volume_l numeric(14,3) NOT NULL DEFAULT 0,
    transactions bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT station_metrics_daily_pk PRIMARY KEY (station_id, day),
    CONSTRAINT station_metrics_daily_station_id_fk FOREIGN KEY (station_id)
        REFERENCES station_schema.stations (id) ON DELETE CASCADE,
    CONSTRAINT station_metrics_daily_vehicles_check CHECK (vehicles >= 0),
    CONSTRAINT station_metrics_daily_volume_l_check CHECK (volume_l >= 0 AND volume_l < 'NaN'),
    CONSTRAINT station_metrics_daily_transactions_check CHECK (transactions >= 0)
) PARTITION BY RANGE (day);
COMMENT ON TABLE station_schema.station_metrics_daily IS
    'What a station did on a day of its zone, added up from events; one row a station and day.';
CREATE TRIGGER station_metrics_daily_set_updated_at BEFORE UPDATE ON station_schema.station_metrics_daily
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();
SELECT station_schema.ensure_all_month_partitions();

CREATE FUNCTION station_schema.record_metrics(
    p_station_code text, p_at timestamptz, p_vehicles bigint, p_volume_l numeric, p_transactions bigint) RETURNS boolean
    LANGUAGE sql
    SET search_path = pg_catalog, pg_temp
    AS $$
    WITH recorded AS (
        INSERT INTO station_schema.station_metrics_daily AS m (station_id, day, vehicles, volume_l, transactions)
        SELECT s.id, timezone(coalesce(s.time_zone, 'UTC'), p_at)::date, p_vehicles, p_volume_l, p_transactions
          FROM station_schema.stations AS s
         WHERE s.station_code = p_station_code
        ON CONFLICT (station_id, day) DO UPDATE
           SET vehicles = m.vehicles + excluded.vehicles, volume_l = m.volume_l + excluded.volume_l,
               transactions = m.transactions + excluded.transactions
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM recorded)
    $$;
COMMENT ON FUNCTION station_schema.record_metrics(text, timestamptz, bigint, numeric, bigint) IS
    'Adds to the figures of a station''s day; negative numbers take back. False: there is no such station.';

CREATE VIEW station_schema.active_stations AS
SELECT s.id, s.station_code, s.name, s.station_type, s.city, s.state, s.country, s.location, s.time_zone, s.fuels,
       s.accepts_coupons
  FROM station_schema.stations AS s
 WHERE s.status = 'ACTIVE';
COMMENT ON VIEW station_schema.active_stations IS 'Stations that serve people.';

-- Each of many is counted by itself before it meets a station: two lists side by side would multiply each other.
CREATE MATERIALIZED VIEW station_schema.station_summary AS
SELECT s.id, s.station_code, s.name, s.status, s.accepts_coupons, s.country, s.state, s.city, s.fuels,
       p.regular_price, p.premium_price, p.diesel_price, p.currency,
       coalesce(e.active_employees, 0) AS active_employees,
       coalesce(m.days_measured, 0) AS days_measured,
       coalesce(m.vehicles, 0) AS vehicles_30d,
       coalesce(m.volume_l, 0) AS volume_30d_l,
       coalesce(m.transactions, 0) AS transactions_30d,
       round(100.0 * m.vehicles / nullif(m.days_measured * s.daily_vehicle_capacity, 0), 1) AS capacity_used_percent,
       now() AS refreshed_at
  FROM station_schema.stations AS s
  LEFT JOIN (
    SELECT f.station_id, min(f.currency) AS currency,
           min(f.price) FILTER (WHERE f.fuel = 'REGULAR') AS regular_price,
           min(f.price) FILTER (WHERE f.fuel = 'PREMIUM') AS premium_price,
           min(f.price) FILTER (WHERE f.fuel = 'DIESEL') AS diesel_price
      FROM station_schema.station_fuel_prices AS f
     GROUP BY f.station_id
  ) AS p ON p.station_id = s.id
  LEFT JOIN (
    SELECT w.station_id, count(*) AS active_employees
      FROM station_schema.employees AS w
     WHERE w.terminated_on IS NULL
     GROUP BY w.station_id
  ) AS e ON e.station_id = s.id
  LEFT JOIN (
    SELECT d.station_id, count(*) AS days_measured, sum(d.vehicles)::bigint AS vehicles, sum(d.volume_l) AS volume_l,
           sum(d.transactions)::bigint AS transactions
      FROM station_schema.station_metrics_daily AS d
     WHERE d.day >= (now() AT TIME ZONE 'UTC')::date - 30
     GROUP BY d.station_id
  ) AS m ON m.station_id = s.id;
COMMENT ON MATERIALIZED VIEW station_schema.station_summary IS
    'One row a station for dashboards: prices, staff, the last thirty days. As it was when last refreshed.';
-- What a concurrent refresh needs, and the look-up of one station.
CREATE UNIQUE INDEX station_summary_station_code_idx ON station_schema.station_summary (station_code);

CREATE VIEW station_schema.station_statistics AS
SELECT s.country, s.state, s.city,
       count(*) AS stations,
       count(*) FILTER (WHERE s.status = 'ACTIVE') AS active_stations,
       count(*) FILTER (WHERE s.status = 'MAINTENANCE') AS stations_in_maintenance,
       count(*) FILTER (WHERE s.accepts_coupons) AS participating_stations,
       count(*) FILTER (WHERE s.fuels @> ARRAY['DIESEL']) AS stations_with_diesel,
       s.currency,
       round(avg(s.regular_price), 3) AS average_regular_price,
       round(avg(s.premium_price), 3) AS average_premium_price,
       round(avg(s.diesel_price), 3) AS average_diesel_price,
       sum(s.active_employees) AS active_employees,
       sum(s.vehicles_30d) AS vehicles_30d,
       sum(s.volume_30d_l) AS volume_30d_l,
       sum(s.transactions_30d) AS transactions_30d
  FROM station_schema.station_summary AS s
 GROUP BY s.country, s.state, s.city, s.currency;
COMMENT ON VIEW station_schema.station_statistics IS
    'By country, state, city and currency, from the summary of each station; averages never mix currencies.';

CREATE FUNCTION station_schema.refresh_station_summary() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ REFRESH MATERIALIZED VIEW CONCURRENTLY station_schema.station_summary $$;
COMMENT ON FUNCTION station_schema.refresh_station_summary() IS
    'Makes the summary anew while everybody reads the old one; two at the same time come one after the other.';
REVOKE EXECUTE ON FUNCTION station_schema.refresh_station_summary() FROM PUBLIC;

GRANT SELECT, INSERT (station_id, day, vehicles, volume_l, transactions), UPDATE (vehicles, volume_l, transactions)
    ON station_schema.station_metrics_daily TO station_app;
GRANT SELECT ON station_schema.station_metrics_daily TO station_ro;
GRANT SELECT ON station_schema.active_stations TO station_app, station_ro;
GRANT SELECT ON station_schema.station_summary TO station_app, station_ro;
GRANT SELECT ON station_schema.station_statistics TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.record_metrics(text, timestamptz, bigint, numeric, bigint) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.refresh_station_summary() TO station_app;
