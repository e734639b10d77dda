-- What station_schema derives, and what it says of itself, that is not so: of each the thing and how it is wrong.

-- name: states_employees_at_work
-- Somebody whose employment has ended, or rests, is at work by a shift that nobody ended for two days.
SELECT e.employee_number AS object, format('clocked in at %s', s.clocked_in_at) AS detail
  FROM station_schema.employee_shifts AS s
  JOIN station_schema.employees AS e ON e.id = s.employee_id
 WHERE s.clocked_in_at < now() - interval '2 days' AND s.clocked_out_at IS NULL
   AND (e.terminated_on IS NOT NULL OR e.suspended_at IS NOT NULL);

-- name: states_employments_of_erased
-- A person who was erased is still employed.
SELECT e.employee_number AS object, format('erased before %s', u.as_of) AS detail
  FROM station_schema.employees AS e
  JOIN station_schema.user_states AS u ON u.user_id = e.user_id AND u.is_erased
 WHERE e.terminated_on IS NULL;

-- name: states_terminals_of_closed
-- A station that is closed for good still has terminals that may sign.
SELECT t.terminal_code AS object, format('%s is %s', s.station_code, s.status) AS detail
  FROM station_schema.terminals AS t
  JOIN station_schema.stations AS s ON s.id = t.station_id
 WHERE t.revoked_at IS NULL AND s.status = 'PERMANENTLY_CLOSED';
