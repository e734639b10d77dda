-- Twelve stations of the chain, their staff and their prices, for development and tests. Loading it twice changes nothing.

INSERT INTO station_schema.stations (
    station_code, name, accepts_coupons, address, city, state, postal_code, country, location, time_zone, status,
    station_type, pump_count, fuels, services_offered, opening_hours, phone, email, opened_on, storage_capacity_l,
    daily_vehicle_capacity, average_daily_vehicles, average_daily_volume_l, customer_rating, performance_measured_at)
SELECT v.station_code, v.name, true, v.address, v.city, v.state, v.postal_code, 'MX', point(v.longitude, v.latitude),
       v.time_zone, v.status, v.station_type, v.pump_count,
       CASE WHEN v.sells_diesel THEN ARRAY['REGULAR', 'PREMIUM', 'DIESEL'] ELSE ARRAY['REGULAR', 'PREMIUM'] END,
       ARRAY['AIR', 'RESTROOM', 'CONVENIENCE_STORE'],
       (SELECT jsonb_object_agg(d.day, '[["00:00", "24:00"]]'::jsonb)
          FROM unnest(ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']) AS d (day)),
       v.phone, lower(v.station_code) || '@gasolinera-jsm.mx', DATE '2019-03-01' + v.ordinal * 45,
       60000 + 5000 * v.ordinal, 60 * v.pump_count, 38 * v.pump_count, 38 * v.pump_count * 27.5,
       3.9 + 0.1 * (v.ordinal % 10), now()
  FROM (VALUES
    (1, 'JSM001', 'Gasolinera JSM Centro Histórico', 'Av. Fray Servando Teresa de Mier 120', 'Ciudad de México',
        'Ciudad de México', '06080', -99.1332, 19.4270, 'America/Mexico_City', 'ACTIVE', 'FULL_SERVICE', 8, true,
        '+525555000101'),
    (2, 'JSM002', 'Gasolinera JSM Polanco', 'Av. Ejército Nacional 843', 'Ciudad de México',
        'Ciudad de México', '11520', -99.2015, 19.4390, 'America/Mexico_City', 'ACTIVE', 'PREMIUM', 12, false,
        '+525555000102'),
    (3, 'JSM003', 'Gasolinera JSM Guadalajara', 'Av. Vallarta 2440', 'Guadalajara',
        'Jalisco', '44130', -103.3790, 20.6745, 'America/Mexico_City', 'ACTIVE', 'FULL_SERVICE', 10, true,
        '+523355000103'),
    (4, 'JSM004', 'Gasolinera JSM Monterrey', 'Av. Constitución 1500', 'Monterrey',
        'Nuevo León', '64000', -100.3252, 25.6655, 'America/Monterrey', 'ACTIVE', 'HYBRID', 14, true,
        '+528155000104'),
    (5, 'JSM005', 'Gasolinera JSM Puebla', 'Blvd. 5 de Mayo 2510', 'Puebla',
        'Puebla', '72000', -98.1936, 19.0370, 'America/Mexico_City', 'ACTIVE', 'FULL_SERVICE', 8, true,
        '+522225000105'),
    (6, 'JSM006', 'Gasolinera JSM Querétaro', 'Blvd. Bernardo Quintana 300', 'Querétaro',
        'Querétaro', '76090', -100.3780, 20.6010, 'America/Mexico_City', 'ACTIVE', 'SELF_SERVICE', 8, true,
        '+524425000106'),
    (7, 'JSM007', 'Gasolinera JSM Mérida', 'Calle 60 Norte 491', 'Mérida',
        'Yucatán', '97000', -89.6190, 20.9890, 'America/Merida', 'ACTIVE', 'PREMIUM', 6, false,
        '+529995000107'),
    (8, 'JSM008', 'Gasolinera JSM Tijuana', 'Blvd. Agua Caliente 10440', 'Tijuana',
        'Baja California', '22014', -117.0080, 32.5120, 'America/Tijuana', 'ACTIVE', 'CONVENIENCE', 10, true,
        '+526645000108'),
    (9, 'JSM009', 'Gasolinera JSM León', 'Blvd. Adolfo López Mateos 1810', 'León',
        'Guanajuato', '37270', -101.6630, 21.1130, 'America/Mexico_City', 'ACTIVE', 'FULL_SERVICE', 8, true,
        '+524775000109'),
    (10, 'JSM010', 'Gasolinera JSM Cancún', 'Av. Tulum 260', 'Cancún',
        'Quintana Roo', '77500', -86.8280, 21.1510, 'America/Cancun', 'ACTIVE', 'CONVENIENCE', 8, false,
        '+529985000110'),
    (11, 'JSM011', 'Gasolinera JSM Toluca', 'Paseo Tollocan 610', 'Toluca',
        'Estado de México', '50120', -99.6390, 19.2790, 'America/Mexico_City', 'MAINTENANCE', 'TRUCK_STOP', 16, true,
        '+527225000111'),
    (12, 'JSM012', 'Gasolinera JSM Veracruz', 'Blvd. Manuel Ávila Camacho 3550', 'Veracruz',
        'Veracruz', '91919', -96.1150, 19.1660, 'America/Mexico_City', 'ACTIVE', 'FULL_SERVICE', 8, true,
        '+522295000112')
  ) AS v (ordinal, station_code, name, address, city, state, postal_code, longitude, latitude, time_zone, status,
          station_type, pump_count, sells_diesel, phone)
ON CONFLICT DO NOTHING;

INSERT INTO station_schema.station_fuel_prices (station_id, fuel, price, currency, price_as_of)
SELECT s.id, fuel.name, fuel.price + 0.05 * (s.ordinal % 5), 'MXN', (now() AT TIME ZONE 'America/Mexico_City')::date
  FROM (SELECT id, fuels, right(station_code, 3)::integer AS ordinal
          FROM station_schema.stations WHERE station_code BETWEEN 'JSM001' AND 'JSM012') AS s
  JOIN (VALUES ('REGULAR', 23.490), ('PREMIUM', 25.790), ('DIESEL', 26.190)) AS fuel (name, price)
    ON fuel.name = ANY (s.fuels)
ON CONFLICT DO NOTHING;

-- Two at each station: users 21 and 22 at JSM001, 23 and 24 at JSM002; the odd one supervises. And three managers.
INSERT INTO station_schema.employees (
    employee_number, user_id, station_id, position, role, may_process_transactions, may_handle_cash, may_supervise,
    employment_type, shift, hired_on)
SELECT 'EMP' || to_char(e.ordinal, 'FM000000'),
       ('a0000000-0000-4000-8000-' || to_char(e.ordinal, 'FM000000000000'))::uuid,
       s.id, e.position, e.role, true, true, e.position <> 'ATTENDANT', 'FULL_TIME', e.shift,
       DATE '2024-01-15' + e.ordinal::integer
  FROM (SELECT n AS ordinal, 'JSM' || to_char((n - 21) / 2 + 1, 'FM000') AS station_code,
               CASE n % 2 WHEN 1 THEN 'SUPERVISOR' ELSE 'ATTENDANT' END AS position, 'EMPLOYEE' AS role,
               CASE n % 2 WHEN 1 THEN 'DAY' ELSE 'ROTATING' END AS shift
          FROM generate_series(21, 44) AS n
        UNION ALL
        SELECT v.ordinal, v.station_code, 'MANAGER', 'STATION_ADMIN', 'DAY'
          FROM (VALUES (11, 'JSM001'), (12, 'JSM005'), (13, 'JSM009')) AS v (ordinal, station_code)) AS e
  JOIN station_schema.stations AS s ON s.station_code = e.station_code
 ORDER BY e.ordinal
ON CONFLICT DO NOTHING;
