-- What the service holds about one person: user $1, at most $2 rows, the newest first.

-- name: export_account_states
-- What the auth service last said of the account, if it ever said something.
SELECT u.is_active, u.is_erased, u.as_of FROM station_schema.user_states AS u WHERE u.user_id = $1 LIMIT $2;

-- name: export_employments
-- Where the person works and worked, as what.
SELECT e.employee_number, s.station_code, e.position, e.role, e.may_process_transactions, e.may_handle_cash,
       e.may_supervise, e.employment_type, e.shift, e.hired_on, e.terminated_on, e.termination_reason, e.suspended_at,
       e.created_at, e.updated_at
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 WHERE e.user_id = $1
 ORDER BY e.hired_on DESC, e.id DESC
 LIMIT $2;

-- name: export_shifts
-- When the person was to work, and did.
SELECT h.shift_id, e.employee_number, s.station_code, coalesce(s.time_zone, 'UTC') AS time_zone, h.starts_at, h.ends_at,
       h.clocked_in_at, h.clocked_out_at, h.cancelled_at
  FROM station_schema.employees AS e
  JOIN station_schema.employee_shifts AS h ON h.employee_id = e.id
  JOIN station_schema.stations AS s ON s.id = h.station_id
 WHERE e.user_id = $1
 ORDER BY h.starts_at DESC, h.id DESC
 LIMIT $2;

-- name: export_certifications
-- Training that the person passed.
SELECT c.certification_id, e.employee_number, c.kind, c.issued_on, c.expires_on, c.certificate_number, c.withdrawn_at,
       c.withdrawal_reason
  FROM station_schema.employees AS e
  JOIN station_schema.employee_certifications AS c ON c.employee_id = e.id
 WHERE e.user_id = $1
 ORDER BY c.issued_on DESC, c.id DESC
 LIMIT $2;

-- name: export_terminals
-- Devices that the person let in.
SELECT t.terminal_code, s.station_code, t.name, t.revoked_at, t.created_at AS enrolled_at
  FROM station_schema.terminals AS t
  JOIN station_schema.stations AS s ON s.id = t.station_id
 WHERE t.enrolled_by = $1::uuid::text
 ORDER BY t.id DESC
 LIMIT $2;

-- name: export_history
-- What the log says of the person's employments, shifts and training: not who did it, which is somebody else's.
SELECT a.event_type, a.entity_type, a.entity_reference AS employee_number,
       a.old_values - ARRAY['id', 'station_id'] AS old_values, a.new_values - ARRAY['id', 'station_id'] AS new_values,
       a.created_at
  FROM station_schema.employees AS e
  JOIN station_schema.station_audit_log AS a ON a.entity_reference = e.employee_number
 WHERE e.user_id = $1 AND a.entity_type IN ('EMPLOYEE', 'SHIFT', 'CERTIFICATION')
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $2;

-- name: export_acts
-- What the person did, and from where; without what was changed, which may be about others.
SELECT a.event_type, a.entity_type, a.entity_reference, host(a.ip_address) AS ip_address, a.user_agent,
       a.correlation_id, a.created_at
  FROM station_schema.station_audit_log AS a
 WHERE a.actor = $1::uuid::text
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $2;

-- name: forget_person
-- What tells who an erased user was goes; references, days and hours of work stay.
SELECT station_schema.forget_person($1);
