-- What station_schema names of other services, and what of it others name: keys, each once, ascending.

-- name: known_stations
-- Stations.
SELECT s.station_code COLLATE "C" AS key FROM station_schema.stations AS s ORDER BY 1;

-- name: known_employees
-- Employments, those that ended too.
SELECT e.employee_number COLLATE "C" AS key FROM station_schema.employees AS e ORDER BY 1;

-- name: known_terminals
-- Terminals, the revoked too.
SELECT t.terminal_code COLLATE "C" AS key FROM station_schema.terminals AS t ORDER BY 1;

-- name: named_users
-- Who is or was employed.
SELECT DISTINCT (e.user_id::text) COLLATE "C" AS key FROM station_schema.employees AS e ORDER BY 1;
