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

-- What follows is told from the day on which it is first loaded; what is there already stays as it is.

-- Shorter days at the end of the year, and one station that rests on New Year's Day.
INSERT INTO station_schema.station_hours_exceptions (station_id, day, hours, note)
SELECT s.id,
       make_date(t.year + (make_date(t.year, h.month, h.day_of_month) < t.today)::integer, h.month, h.day_of_month),
       CASE WHEN s.station_code = 'JSM007' AND h.month = 1 THEN '[]' ELSE h.hours END::jsonb, h.note
  FROM station_schema.stations AS s
 CROSS JOIN LATERAL (
    SELECT d.today, extract(year FROM d.today)::integer AS year
      FROM (SELECT station_schema.local_day(s.time_zone) AS today) AS d) AS t
 CROSS JOIN (VALUES
    (12, 24, '[["00:00", "20:00"]]', 'Nochebuena'),
    (12, 25, '[["12:00", "24:00"]]', 'Navidad'),
    (12, 31, '[["00:00", "20:00"]]', 'Fin de año'),
    (1, 1, '[["12:00", "24:00"]]', 'Año Nuevo')) AS h (month, day_of_month, hours, note)
 WHERE s.station_code BETWEEN 'JSM001' AND 'JSM012'
   AND NOT EXISTS (SELECT FROM station_schema.station_hours_exceptions AS known WHERE known.station_id = s.id)
 ORDER BY s.id, h.month, h.day_of_month;

-- Everybody is trained for coupons, some for more; a few trainings expire soon, one has expired, one was withdrawn.
INSERT INTO station_schema.employee_certifications (
    certification_id, employee_id, kind, issued_on, expires_on, certificate_number, withdrawn_at, withdrawal_reason)
SELECT ('c1000000-0000-4000-8000-' || to_char(100 * e.ordinal + c.place, 'FM000000000000'))::uuid, e.id, c.kind,
       e.hired_on + c.after_days, e.today + c.days_left,
       'DC3-' || e.ordinal || '-' || c.place,
       CASE WHEN c.reason IS NOT NULL THEN now() - interval '5 days' END, c.reason
  FROM (SELECT w.id, w.position, w.hired_on, right(w.employee_number, 2)::integer AS ordinal,
               station_schema.local_day(s.time_zone) AS today
          FROM station_schema.employees AS w
          JOIN station_schema.stations AS s ON s.id = w.station_id
         WHERE w.employee_number BETWEEN 'EMP000011' AND 'EMP000044') AS e
 CROSS JOIN LATERAL (VALUES
    (1, 'COUPON_PROCESSING', 14, 120 + 11 * (e.ordinal % 20), NULL, true),
    (2, 'FIRE_SAFETY', 30, CASE WHEN e.ordinal % 8 = 5 THEN 12 ELSE 240 END, NULL, e.position <> 'ATTENDANT'),
    (3, 'FUEL_HANDLING', 7, CASE WHEN e.ordinal = 28 THEN -10 ELSE 180 END, NULL, e.position = 'ATTENDANT'),
    (4, 'FIRST_AID', 60, NULL, NULL, e.position = 'MANAGER'),
    (5, 'CASH_HANDLING', 21, 365, 'arqueos de caja con faltantes', e.ordinal = 36))
    AS c (place, kind, after_days, days_left, reason, is_held)
 WHERE c.is_held
 ORDER BY e.ordinal, c.place
ON CONFLICT DO NOTHING;

-- A week around today, a day off in seven: managers from eight, supervisors in the morning, attendants in the afternoon.
-- Who was on came and left about in time; one stayed away, and one shift to come was cancelled.
INSERT INTO station_schema.employee_shifts (
    shift_id, employee_id, station_id, starts_at, ends_at, clocked_in_at, clocked_out_at, cancelled_at)
SELECT ('d1000000-0000-4000-8000-' || to_char(100 * p.ordinal + p.place, 'FM000000000000'))::uuid, p.id, p.station_id,
       p.starts_at, p.ends_at,
       CASE WHEN p.starts_at <= now() AND p.came THEN p.starts_at - make_interval(mins => 1 + p.ordinal % 9) END,
       CASE WHEN p.ends_at <= now() AND p.came THEN p.ends_at + make_interval(mins => p.ordinal % 7) END,
       CASE WHEN p.ordinal = 30 AND p.place = 6 THEN now() END
  FROM (SELECT w.id, w.station_id, w.ordinal, d.place, b.starts_at, b.starts_at + interval '8 hours' AS ends_at,
               (w.ordinal, d.place) <> (24, 2) AS came
          FROM (SELECT e.id, e.station_id, right(e.employee_number, 2)::integer AS ordinal, s.time_zone,
                       CASE e.position
                           WHEN 'MANAGER' THEN time '08:00' WHEN 'SUPERVISOR' THEN time '06:00' ELSE time '14:00'
                       END AS from_time
                  FROM station_schema.employees AS e
                  JOIN station_schema.stations AS s ON s.id = e.station_id
                 WHERE e.employee_number BETWEEN 'EMP000011' AND 'EMP000044' AND e.terminated_on IS NULL) AS w
         CROSS JOIN generate_series(1, 7) AS d (place)
         CROSS JOIN LATERAL (
            SELECT timezone(w.time_zone, station_schema.local_day(w.time_zone) + d.place - 4 + w.from_time)
                       AS starts_at) AS b
         WHERE (w.ordinal + d.place) % 7 <> 0) AS p
 ORDER BY p.ordinal, p.place
ON CONFLICT DO NOTHING;

-- Two tills a station, one of which was stolen. Nobody has the keys that would sign for them.
INSERT INTO station_schema.terminals (
    terminal_code, station_id, name, public_key, enrolled_by, revoked_at, revocation_reason)
SELECT t.code, t.station_id, 'Caja ' || t.place, sha256(convert_to('sample data ' || t.code, 'UTF8')),
       'a0000000-0000-4000-8000-000000000001',
       CASE WHEN t.code = 'TRM900022' THEN now() - interval '2 days' END,
       CASE WHEN t.code = 'TRM900022' THEN 'robada en el turno de la tarde' END
  FROM (SELECT 'TRM9' || to_char(10 * right(s.station_code, 3)::integer + n.place, 'FM00000') AS code,
               s.id AS station_id, n.place
          FROM station_schema.stations AS s CROSS JOIN generate_series(1, 2) AS n (place)
         WHERE s.station_code BETWEEN 'JSM001' AND 'JSM012') AS t
 ORDER BY t.code
ON CONFLICT DO NOTHING;

-- When each last signed something; the second one of JSM012 never did.
INSERT INTO station_schema.terminal_sightings (terminal_id, last_seen_at)
SELECT t.id,
       now() - CASE
                   WHEN t.revoked_at IS NOT NULL THEN interval '2 days 3 hours'
                   WHEN s.status <> 'ACTIVE' THEN interval '9 days'
                   ELSE make_interval(mins => right(t.terminal_code, 3)::integer % 13)
               END
  FROM station_schema.terminals AS t
  JOIN station_schema.stations AS s ON s.id = t.station_id
 WHERE t.terminal_code BETWEEN 'TRM900011' AND 'TRM900121'
ON CONFLICT DO NOTHING;

-- The one account of the auth service's sample data that is not active, as that service tells it.
INSERT INTO station_schema.user_states (user_id, is_active, is_erased, as_of)
VALUES ('a0000000-0000-4000-8000-000000000071', false, false, now() - interval '60 days')
ON CONFLICT DO NOTHING;

-- The log tells what people change: not how the sample came to be, but for the stations and employees themselves.
SELECT set_config('gasolinera.maintenance', 'on', true);
DELETE FROM station_schema.station_audit_log
 WHERE entity_type NOT IN ('STATION', 'EMPLOYEE') AND created_at = now() AND actor LIKE 'role:%';
SELECT set_config('gasolinera.maintenance', '', true);
