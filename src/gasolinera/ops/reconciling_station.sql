-- What station_schema says to other services, by sorted keys, and its events made anew from what is there now.

-- name: employees_auth
-- Employments with all that logins need.
SELECT e.employee_number COLLATE "C" AS key, e.updated_at AS at, 0::bigint AS version, a.is_active,
       concat_ws(' ', e.user_id, s.station_code, e.role, a.is_active,
                 (SELECT string_agg(p.name, ',' ORDER BY p.name COLLATE "C")
                    FROM (VALUES ('may_process_transactions', e.may_process_transactions),
                                 ('may_handle_cash', e.may_handle_cash),
                                 ('may_supervise', e.may_supervise)) AS p (name, is_held)
                   WHERE p.is_held AND a.is_active)) AS said
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 CROSS JOIN LATERAL (SELECT e.terminated_on IS NULL AND e.suspended_at IS NULL AS is_active) AS a
 ORDER BY 1;

-- name: employees_redemption
-- Employments with who may process transactions.
SELECT e.employee_number COLLATE "C" AS key, e.updated_at AS at, 0::bigint AS version, a.is_active,
       concat_ws(' ', e.user_id, s.station_code, a.is_active, e.may_process_transactions AND a.is_active) AS said
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 CROSS JOIN LATERAL (SELECT e.terminated_on IS NULL AND e.suspended_at IS NULL AS is_active) AS a
 ORDER BY 1;

-- name: employees_raffle
-- Who is employed.
SELECT e.employee_number COLLATE "C" AS key, e.updated_at AS at, 0::bigint AS version, a.is_active,
       concat_ws(' ', e.user_id, a.is_active) AS said
  FROM station_schema.employees AS e
 CROSS JOIN LATERAL (SELECT e.terminated_on IS NULL AND e.suspended_at IS NULL AS is_active) AS a
 ORDER BY 1;

-- name: erasures_station
-- Who is known to be erased.
SELECT (u.user_id::text) COLLATE "C" AS key, u.as_of AS at
  FROM station_schema.user_states AS u
 WHERE u.is_erased
 ORDER BY 1;

-- name: accounts_station
-- Accounts that were spoken of.
SELECT (u.user_id::text) COLLATE "C" AS key, u.as_of AS at, u.is_active, NULL::text AS role
  FROM station_schema.user_states AS u
 WHERE NOT u.is_erased
 ORDER BY 1;

-- name: employment_version
-- How far the numbers are by which the newer of two words about an employment is told.
SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END AS version FROM station_schema.employment_versions AS s;

-- name: rebuild_employee_changed
-- An employment as it is, under a number above all that were told.
SELECT jsonb_build_object(
           'employee_number', e.employee_number, 'user_id', e.user_id, 'station_code', s.station_code, 'role', e.role,
           'permissions', coalesce((SELECT jsonb_agg(p.name)
                                      FROM (VALUES ('may_process_transactions', e.may_process_transactions),
                                                   ('may_handle_cash', e.may_handle_cash),
                                                   ('may_supervise', e.may_supervise)) AS p (name, is_held)
                                     WHERE p.is_held AND a.is_active), '[]'),
           'active', a.is_active, 'version', nextval('station_schema.employment_versions')) AS payload,
       now() AS occurred_at
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 CROSS JOIN LATERAL (SELECT e.terminated_on IS NULL AND e.suspended_at IS NULL AS is_active) AS a
 WHERE e.employee_number = %(subject)s;
