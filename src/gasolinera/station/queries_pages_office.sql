-- The lists of the back office, and what its pages show beside what the use cases give. A list goes on after the row
-- whose sorting value and code are given (NULL: from its beginning); descending: before it. Whose rows may be seen is
-- part of each question: a station's code that bounds it, or NULL.

-- name: office_stations
-- Stations that a search finds, as $1 says: code, name, city, status or changed; $2 descending; after ($3, $4), $5 at
-- most; NULL filters match all: $6 words, $7 status, $8 state, $9 whether coupons are taken, $10 fuel, $11 only this one.
SELECT f.station_code, f.name, f.status, f.accepts_coupons, f.city, f.state, f.country, f.time_zone, f.fuels,
       f.updated_at, f.sorted,
       (SELECT count(*) FROM station_schema.employees AS e
         WHERE e.station_id = f.id AND e.terminated_on IS NULL) AS employees,
       (SELECT count(*) FROM station_schema.terminals AS t
         WHERE t.station_id = f.id AND t.revoked_at IS NULL) AS terminals
  FROM (
    SELECT s.*, k.sorted
      FROM station_schema.stations AS s
     CROSS JOIN LATERAL (
        SELECT CASE $1 WHEN 'name' THEN station_schema.normalised(s.name)
                       WHEN 'city' THEN coalesce(station_schema.normalised(s.city), '')
                       WHEN 'status' THEN s.status
                       WHEN 'changed' THEN to_char(s.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')
                       ELSE s.station_code END AS sorted
     ) AS k
     WHERE ($6::text IS NULL OR station_schema.search_document(s.station_code, s.name, s.address, s.city, s.state)
            @@ station_schema.search_words($6))
       AND ($7::text IS NULL OR s.status = $7)
       AND ($8::text IS NULL OR station_schema.normalised(s.state) = station_schema.normalised($8))
       AND ($9::boolean IS NULL OR s.accepts_coupons = $9)
       AND ($10::text IS NULL OR s.fuels @> ARRAY[$10])
       AND ($11::text IS NULL OR s.station_code = $11)
       AND ($3::text IS NULL OR CASE WHEN $2::boolean THEN (k.sorted, s.station_code) < ($3, $4)
                                     ELSE (k.sorted, s.station_code) > ($3, $4) END)
     ORDER BY CASE WHEN $2 THEN k.sorted END DESC, CASE WHEN NOT $2 THEN k.sorted END,
              CASE WHEN $2 THEN s.station_code END DESC, CASE WHEN NOT $2 THEN s.station_code END
     LIMIT $5
  ) AS f
 ORDER BY CASE WHEN $2 THEN f.sorted END DESC, CASE WHEN NOT $2 THEN f.sorted END,
          CASE WHEN $2 THEN f.station_code END DESC, CASE WHEN NOT $2 THEN f.station_code END;

-- name: count_stations
-- How many stations there are in each status, and how many take coupons; $1: only this one.
SELECT count(*) AS stations, count(*) FILTER (WHERE s.status = 'ACTIVE') AS active,
       count(*) FILTER (WHERE s.status = 'MAINTENANCE') AS in_maintenance,
       count(*) FILTER (WHERE s.accepts_coupons) AS in_programme
  FROM station_schema.stations AS s
 WHERE $1::text IS NULL OR s.station_code = $1;

-- name: station_states
-- The states and provinces of stations, for choosing one.
SELECT DISTINCT s.state FROM station_schema.stations AS s WHERE s.state IS NOT NULL ORDER BY s.state LIMIT 200;

-- name: station_choices
-- Stations that are not closed for good, for choosing one: $1 bounds it to one, $2 at most.
SELECT s.station_code, s.name
  FROM station_schema.stations AS s
 WHERE s.status <> 'PERMANENTLY_CLOSED' AND ($1::text IS NULL OR s.station_code = $1)
 ORDER BY s.accepts_coupons DESC, s.station_code
 LIMIT $2;

-- name: station_background
-- What only those know of a station who run it.
SELECT s.opened_on, s.status_reason, s.required_certification,
       (SELECT count(*) FROM station_schema.employees AS e
         WHERE e.station_id = s.id AND e.terminated_on IS NULL) AS employees,
       (SELECT count(*) FROM station_schema.terminals AS t
         WHERE t.station_id = s.id AND t.revoked_at IS NULL) AS terminals
  FROM station_schema.stations AS s
 WHERE s.station_code = $1;

-- name: office_employees
-- Employments as $1 says: number, station or hired; $2 descending; after ($3, $4), $5 at most; NULL filters match all:
-- $6 a station that bounds it, $7 numbers with these digits, $8 status, $9 role, $10 position, $11 a station chosen.
SELECT e.employee_number, e.user_id, s.station_code, s.name AS station_name, e.position, e.role,
       e.may_process_transactions, e.may_handle_cash, e.may_supervise, e.shift, e.hired_on, e.terminated_on,
       e.suspended_at, k.sorted
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 CROSS JOIN LATERAL (
    SELECT CASE $1 WHEN 'station' THEN s.station_code
                   WHEN 'hired' THEN to_char(e.hired_on, 'YYYY-MM-DD')
                   ELSE e.employee_number END AS sorted
 ) AS k
 WHERE ($6::text IS NULL OR s.station_code = $6)
   AND ($7::text IS NULL OR strpos(e.employee_number, $7) > 0)
   AND ($8::text IS NULL OR $8 = CASE
        WHEN e.terminated_on IS NOT NULL THEN 'TERMINATED' WHEN e.suspended_at IS NOT NULL THEN 'SUSPENDED' ELSE 'ACTIVE'
    END)
   AND ($9::text IS NULL OR e.role = $9)
   AND ($10::text IS NULL OR e.position = $10)
   AND ($11::text IS NULL OR s.station_code = $11)
   AND ($3::text IS NULL OR CASE WHEN $2::boolean THEN (k.sorted, e.employee_number) < ($3, $4)
                                 ELSE (k.sorted, e.employee_number) > ($3, $4) END)
 ORDER BY CASE WHEN $2 THEN k.sorted END DESC, CASE WHEN NOT $2 THEN k.sorted END,
          CASE WHEN $2 THEN e.employee_number END DESC, CASE WHEN NOT $2 THEN e.employee_number END
 LIMIT $5;

-- name: shifts_of_employee
-- The shifts of employee $1 that are not over for more than a week, the next first.
SELECT h.shift_id, e.employee_number, s.station_code, coalesce(s.time_zone, 'UTC') AS time_zone, h.starts_at, h.ends_at,
       h.clocked_in_at, h.clocked_out_at, h.cancelled_at
  FROM station_schema.employees AS e
  JOIN station_schema.employee_shifts AS h ON h.employee_id = e.id
  JOIN station_schema.stations AS s ON s.id = h.station_id
 WHERE e.employee_number = $1 AND h.ends_at > now() - interval '7 days'
 ORDER BY h.starts_at, h.id
 LIMIT 100;

-- name: zone_of_employee
-- In which zone people speak of the employee's days.
SELECT coalesce(s.time_zone, 'UTC') AS time_zone
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 WHERE e.employee_number = $1;

-- name: office_terminals
-- Terminals as $1 says: code, station, name or seen; $2 descending; after ($3, $4), $5 at most; NULL filters match all:
-- $6 a station that bounds it, $7 a part of the name or code, $8 ACTIVE, SILENT (for a day or from the beginning) or
-- REVOKED, $9 a station chosen.
SELECT t.terminal_code, s.station_code, s.name AS station_name, coalesce(s.time_zone, 'UTC') AS time_zone, t.name,
       g.last_seen_at, t.revoked_at, t.revocation_reason, t.created_at AS enrolled_at, k.sorted,
       t.revoked_at IS NULL AND coalesce(g.last_seen_at < now() - interval '1 day', true) AS is_silent
  FROM station_schema.terminals AS t
  JOIN station_schema.stations AS s ON s.id = t.station_id
  LEFT JOIN station_schema.terminal_sightings AS g ON g.terminal_id = t.id
 CROSS JOIN LATERAL (
    SELECT CASE $1 WHEN 'station' THEN s.station_code
                   WHEN 'name' THEN station_schema.normalised(t.name)
                   WHEN 'seen' THEN coalesce(to_char(g.last_seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), '')
                   ELSE t.terminal_code END AS sorted
 ) AS k
 WHERE ($6::text IS NULL OR s.station_code = $6)
   AND ($7::text IS NULL OR strpos(station_schema.normalised(t.terminal_code || ' ' || t.name),
                                   station_schema.normalised($7)) > 0)
   AND ($8::text IS NULL OR $8 = CASE
        WHEN t.revoked_at IS NOT NULL THEN 'REVOKED'
        WHEN coalesce(g.last_seen_at < now() - interval '1 day', true) THEN 'SILENT' ELSE 'ACTIVE' END)
   AND ($9::text IS NULL OR s.station_code = $9)
   AND ($3::text IS NULL OR CASE WHEN $2::boolean THEN (k.sorted, t.terminal_code) < ($3, $4)
                                 ELSE (k.sorted, t.terminal_code) > ($3, $4) END)
 ORDER BY CASE WHEN $2 THEN k.sorted END DESC, CASE WHEN NOT $2 THEN k.sorted END,
          CASE WHEN $2 THEN t.terminal_code END DESC, CASE WHEN NOT $2 THEN t.terminal_code END
 LIMIT $5;
