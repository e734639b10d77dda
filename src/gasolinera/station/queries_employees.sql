-- Employments, shifts and training. Whose rows may be seen is part of every question: $1 a station's code, $2 a user;
-- NULL is no bound. What lies beyond is not there.

-- name: lock_user
-- Hiring somebody and hearing that the account is deactivated come one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('station_schema.user.' || $1::uuid, 0));

-- name: take_roster
-- Whoever changes several employments in one transaction, in whatever order, is alone with that until its end: taken
-- before anything else. Changes of a single one do not wait for it.
SELECT pg_advisory_xact_lock(hashtextextended('station_schema.roster', 0));

-- name: share_roster_and_lock_user
-- For hearing of users, several in one transaction: waits for who has taken the roster, not for others that hear.
SELECT pg_advisory_xact_lock_shared(hashtextextended('station_schema.roster', 0)),
       pg_advisory_xact_lock(hashtextextended('station_schema.user.' || $1::uuid, 0));

-- name: next_employment_version
-- Greater than that of everything told before of an employment, whose row is held.
SELECT nextval('station_schema.employment_versions') AS version;

-- name: hire
-- A new employment, with the next number. None where the station is unknown or closed, the account is not active, or the
-- day is to come.
INSERT INTO station_schema.employees (
    employee_number, user_id, station_id, position, role, may_process_transactions, may_handle_cash, may_supervise,
    employment_type, shift, hired_on)
SELECT station_schema.next_employee_number(), $1, s.id, $3, $4, $5, $6, $7, $8, $9,
       coalesce($10, station_schema.local_day(s.time_zone))
  FROM station_schema.stations AS s
 WHERE s.station_code = $2 AND s.status <> 'PERMANENTLY_CLOSED'
   AND NOT EXISTS (SELECT FROM station_schema.user_states AS u WHERE u.user_id = $1 AND NOT u.is_active)
   AND coalesce($10, station_schema.local_day(s.time_zone)) <= station_schema.local_day(s.time_zone)
RETURNING id, employee_number, user_id, $2 AS station_code, position, role, may_process_transactions, may_handle_cash,
          may_supervise, employment_type, shift, hired_on, terminated_on, termination_reason, suspended_at, updated_at;

-- name: why_not_hired
-- What stood in the way of hiring user $1 at station $2 from $3 on.
SELECT s.id IS NOT NULL AS has_station, coalesce(s.status = 'PERMANENTLY_CLOSED', false) AS is_closed,
       EXISTS (SELECT FROM station_schema.user_states AS u WHERE u.user_id = $1 AND NOT u.is_active) AS is_inactive
  FROM (SELECT) AS one LEFT JOIN station_schema.stations AS s ON s.station_code = $2;

-- name: get_employee
-- One employment by its number.
SELECT e.id, e.employee_number, e.user_id, s.station_code, e.position, e.role, e.may_process_transactions,
       e.may_handle_cash, e.may_supervise, e.employment_type, e.shift, e.hired_on, e.terminated_on,
       e.termination_reason, e.suspended_at, e.updated_at
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 WHERE e.employee_number = $3
   AND ($1::text IS NULL OR s.station_code = $1) AND ($2::uuid IS NULL OR e.user_id = $2);

-- name: lock_employee
-- The same for a change: whoever changes an employment or tells of it holds its row.
SELECT e.id, e.employee_number, e.user_id, s.station_code, e.position, e.role, e.may_process_transactions,
       e.may_handle_cash, e.may_supervise, e.employment_type, e.shift, e.hired_on, e.terminated_on,
       e.termination_reason, e.suspended_at, e.updated_at
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 WHERE e.employee_number = $3
   AND ($1::text IS NULL OR s.station_code = $1) AND ($2::uuid IS NULL OR e.user_id = $2)
   FOR NO KEY UPDATE OF e;

-- name: hold_known
-- Which of the numbers $3 are employments, and since when they are what they are; nobody changes them until the end.
SELECT e.employee_number AS code, e.updated_at
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 WHERE e.employee_number = ANY ($3::text[])
   AND ($1::text IS NULL OR s.station_code = $1) AND ($2::uuid IS NULL OR e.user_id = $2)
 ORDER BY e.id
   FOR NO KEY UPDATE OF e;

-- name: lock_employment_of
-- The employment that a user has now, for a change.
SELECT e.id, e.employee_number, e.user_id, s.station_code, e.position, e.role, e.may_process_transactions,
       e.may_handle_cash, e.may_supervise, e.employment_type, e.shift, e.hired_on, e.terminated_on,
       e.termination_reason, e.suspended_at, e.updated_at
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 WHERE e.user_id = $1 AND e.terminated_on IS NULL
   FOR NO KEY UPDATE OF e;

-- name: list_employees
-- One page by number after $3 ('' for the first): status $4, role $5, position $6, numbers that begin with $7.
SELECT e.id, e.employee_number, e.user_id, s.station_code, e.position, e.role, e.may_process_transactions,
       e.may_handle_cash, e.may_supervise, e.employment_type, e.shift, e.hired_on, e.terminated_on,
       e.termination_reason, e.suspended_at, e.updated_at
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 WHERE ($1::text IS NULL OR s.station_code = $1) AND ($2::uuid IS NULL OR e.user_id = $2)
   AND e.employee_number > $3
   AND ($4::text IS NULL OR $4 = CASE
        WHEN e.terminated_on IS NOT NULL THEN 'TERMINATED' WHEN e.suspended_at IS NOT NULL THEN 'SUSPENDED' ELSE 'ACTIVE'
    END)
   AND ($5::text IS NULL OR e.role = $5)
   AND ($6::text IS NULL OR e.position = $6)
   AND ($7::text IS NULL OR starts_with(e.employee_number, $7))
 ORDER BY e.employee_number
 LIMIT $8;

-- name: station_exists
-- Whether there is such a station at all.
SELECT EXISTS (SELECT FROM station_schema.stations WHERE station_code = $1);

-- name: change_employee
-- Job and permissions of a row that is locked.
UPDATE station_schema.employees
   SET position = $2, role = $3, may_process_transactions = $4, may_handle_cash = $5, may_supervise = $6,
       employment_type = $7, shift = $8
 WHERE id = $1
RETURNING updated_at;

-- name: transfer_employee
-- To the station $2, with the shifts of the old one cancelled; the row is locked. None where it is unknown or closed.
WITH moved AS (
    UPDATE station_schema.employees AS e
       SET station_id = s.id
      FROM station_schema.stations AS s
     WHERE e.id = $1 AND s.station_code = $2 AND s.status <> 'PERMANENTLY_CLOSED'
    RETURNING e.id, e.updated_at
), cancelled AS (
    UPDATE station_schema.employee_shifts AS h
       SET cancelled_at = now()
      FROM moved AS m
     WHERE h.employee_id = m.id AND h.clocked_in_at IS NULL AND h.cancelled_at IS NULL AND h.ends_at > now()
)
SELECT updated_at FROM moved;

-- name: end_employment
-- For good, today, with every permission and the shifts to come; who is at work leaves now. The row is locked.
WITH ended AS (
    UPDATE station_schema.employees AS e
       SET terminated_on = greatest(e.hired_on, station_schema.local_day(s.time_zone)), termination_reason = $2,
           suspended_at = NULL, may_process_transactions = false, may_handle_cash = false, may_supervise = false
      FROM station_schema.stations AS s
     WHERE e.id = $1 AND s.id = e.station_id AND e.terminated_on IS NULL
    RETURNING e.id, e.terminated_on, e.updated_at
), closed AS (
    UPDATE station_schema.employee_shifts AS h
       SET cancelled_at = CASE WHEN h.clocked_in_at IS NULL THEN now() END,
           clocked_out_at = CASE WHEN h.clocked_in_at IS NOT NULL THEN now() END
      FROM ended AS e
     WHERE h.employee_id = e.id AND h.cancelled_at IS NULL AND h.clocked_out_at IS NULL
       AND (h.ends_at > now() OR h.clocked_in_at IS NOT NULL)
)
SELECT terminated_on, updated_at FROM ended;

-- name: suspend_employment
-- Rests while the account is deactivated; the row is locked.
UPDATE station_schema.employees SET suspended_at = now() WHERE id = $1 RETURNING suspended_at, updated_at;

-- name: resume_employment
-- Goes on with the account; the row is locked.
UPDATE station_schema.employees SET suspended_at = NULL WHERE id = $1 RETURNING suspended_at, updated_at;

-- name: note_user_state
-- What an account is since $4, unless something later is known. Erased is for good, whenever it is heard.
INSERT INTO station_schema.user_states AS u (user_id, is_active, is_erased, as_of) VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id) DO UPDATE
   SET is_active = excluded.is_active, is_erased = excluded.is_erased, as_of = excluded.as_of
 WHERE excluded.is_erased OR (NOT u.is_erased AND u.as_of <= excluded.as_of)
RETURNING true;

-- name: is_employed_as
-- Whether a token's words about an employment are still true: user $1, number $2, station $3, role $4.
SELECT EXISTS (
    SELECT FROM station_schema.employees AS e
      JOIN station_schema.stations AS s ON s.id = e.station_id
     WHERE e.employee_number = $2 AND e.user_id = $1 AND s.station_code = $3 AND e.role = $4
       AND e.terminated_on IS NULL AND e.suspended_at IS NULL);

-- name: plan_shift
-- A shift to come of the employee $3, at the station where the employee works. Holds the employment until the end.
WITH employee AS (
    SELECT e.id, e.station_id, e.employee_number, s.station_code, s.time_zone
      FROM station_schema.employees AS e
      JOIN station_schema.stations AS s ON s.id = e.station_id
     WHERE e.employee_number = $3 AND e.terminated_on IS NULL AND e.suspended_at IS NULL
       AND ($1::text IS NULL OR s.station_code = $1) AND ($2::uuid IS NULL OR e.user_id = $2)
       FOR SHARE OF e
), planned AS (
    INSERT INTO station_schema.employee_shifts (employee_id, station_id, starts_at, ends_at)
    SELECT id, station_id, $4, $5 FROM employee
    RETURNING shift_id, starts_at, ends_at, clocked_in_at, clocked_out_at, cancelled_at
)
SELECT p.shift_id, e.employee_number, e.station_code, coalesce(e.time_zone, 'UTC') AS time_zone, p.starts_at, p.ends_at,
       p.clocked_in_at, p.clocked_out_at, p.cancelled_at
  FROM planned AS p CROSS JOIN employee AS e;

-- name: get_shift
-- One shift, and whether its time is there.
SELECT h.shift_id, e.employee_number, s.station_code, coalesce(s.time_zone, 'UTC') AS time_zone, h.starts_at, h.ends_at,
       h.clocked_in_at, h.clocked_out_at, h.cancelled_at
  FROM station_schema.employee_shifts AS h
  JOIN station_schema.employees AS e ON e.id = h.employee_id
  JOIN station_schema.stations AS s ON s.id = h.station_id
 WHERE h.shift_id = $3
   AND ($1::text IS NULL OR s.station_code = $1) AND ($2::uuid IS NULL OR e.user_id = $2);

-- name: clock_in
-- Once, from half an hour before the shift until its end, by somebody whose employment is active.
UPDATE station_schema.employee_shifts AS h
   SET clocked_in_at = now()
  FROM station_schema.employees AS e, station_schema.stations AS s
 WHERE h.shift_id = $3 AND e.id = h.employee_id AND s.id = h.station_id
   AND ($1::text IS NULL OR s.station_code = $1) AND ($2::uuid IS NULL OR e.user_id = $2)
   AND h.clocked_in_at IS NULL AND h.cancelled_at IS NULL
   AND now() >= h.starts_at - interval '30 minutes' AND now() < h.ends_at
   AND e.terminated_on IS NULL AND e.suspended_at IS NULL
RETURNING h.shift_id, e.employee_number, s.station_code, coalesce(s.time_zone, 'UTC') AS time_zone, h.starts_at,
          h.ends_at, h.clocked_in_at, h.clocked_out_at, h.cancelled_at;

-- name: clock_out
-- Once. Who forgot it left at the latest four hours after the shift.
UPDATE station_schema.employee_shifts AS h
   SET clocked_out_at = least(now(), h.ends_at + interval '4 hours')
  FROM station_schema.employees AS e, station_schema.stations AS s
 WHERE h.shift_id = $3 AND e.id = h.employee_id AND s.id = h.station_id
   AND ($1::text IS NULL OR s.station_code = $1) AND ($2::uuid IS NULL OR e.user_id = $2)
   AND h.clocked_in_at IS NOT NULL AND h.clocked_out_at IS NULL
RETURNING h.shift_id, e.employee_number, s.station_code, coalesce(s.time_zone, 'UTC') AS time_zone, h.starts_at,
          h.ends_at, h.clocked_in_at, h.clocked_out_at, h.cancelled_at;

-- name: cancel_shift
-- One that nobody has begun; again changes nothing.
UPDATE station_schema.employee_shifts AS h
   SET cancelled_at = coalesce(h.cancelled_at, now())
  FROM station_schema.employees AS e, station_schema.stations AS s
 WHERE h.shift_id = $3 AND e.id = h.employee_id AND s.id = h.station_id
   AND ($1::text IS NULL OR s.station_code = $1) AND ($2::uuid IS NULL OR e.user_id = $2)
   AND h.clocked_in_at IS NULL
RETURNING h.shift_id, e.employee_number, s.station_code, coalesce(s.time_zone, 'UTC') AS time_zone, h.starts_at,
          h.ends_at, h.clocked_in_at, h.clocked_out_at, h.cancelled_at;

-- name: list_shifts
-- The shifts of a station that touch a day ($3; NULL: today) of its zone, those of the night before included.
SELECT h.shift_id, e.employee_number, s.station_code, coalesce(s.time_zone, 'UTC') AS time_zone, h.starts_at, h.ends_at,
       h.clocked_in_at, h.clocked_out_at, h.cancelled_at
  FROM station_schema.stations AS s
 CROSS JOIN LATERAL (
    SELECT timezone(coalesce(s.time_zone, 'UTC'), d.day::timestamp) AS begins,
           timezone(coalesce(s.time_zone, 'UTC'), (d.day + 1)::timestamp) AS ends
      FROM (SELECT coalesce($3::date, station_schema.local_day(s.time_zone)) AS day) AS d
 ) AS bounds
  JOIN station_schema.employee_shifts AS h
    ON h.station_id = s.id AND h.starts_at > bounds.begins - interval '16 hours' AND h.starts_at < bounds.ends
   AND h.ends_at > bounds.begins
  JOIN station_schema.employees AS e ON e.id = h.employee_id
 WHERE s.station_code = $1 AND ($2::uuid IS NULL OR e.user_id = $2)
 ORDER BY h.starts_at, e.employee_number, h.id
 LIMIT 1000;

-- name: add_certification
-- What the employee $3 passed. Holds the employment until the end.
WITH employee AS (
    SELECT e.id, e.employee_number
      FROM station_schema.employees AS e
      JOIN station_schema.stations AS s ON s.id = e.station_id
     WHERE e.employee_number = $3 AND e.terminated_on IS NULL
       AND ($1::text IS NULL OR s.station_code = $1) AND ($2::uuid IS NULL OR e.user_id = $2)
       FOR SHARE OF e
), added AS (
    INSERT INTO station_schema.employee_certifications (employee_id, kind, issued_on, expires_on, certificate_number)
    SELECT id, $4, $5, $6, $7 FROM employee
    RETURNING certification_id, kind, issued_on, expires_on, certificate_number, withdrawn_at, withdrawal_reason
)
SELECT a.certification_id, e.employee_number, a.kind, a.issued_on, a.expires_on, a.certificate_number, a.withdrawn_at,
       a.withdrawal_reason
  FROM added AS a CROSS JOIN employee AS e;

-- name: list_certifications
-- All of an employee's, the latest first.
SELECT c.certification_id, e.employee_number, c.kind, c.issued_on, c.expires_on, c.certificate_number, c.withdrawn_at,
       c.withdrawal_reason
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
  JOIN station_schema.employee_certifications AS c ON c.employee_id = e.id
 WHERE e.employee_number = $3
   AND ($1::text IS NULL OR s.station_code = $1) AND ($2::uuid IS NULL OR e.user_id = $2)
 ORDER BY c.issued_on DESC, c.id DESC
 LIMIT 500;

-- name: withdraw_certification
-- It counts no more: $2 of the employee with the key $1, whose row is locked. Again changes nothing.
UPDATE station_schema.employee_certifications AS c
   SET withdrawn_at = coalesce(c.withdrawn_at, now()), withdrawal_reason = coalesce(c.withdrawal_reason, $3)
  FROM station_schema.employees AS e
 WHERE c.employee_id = $1 AND c.certification_id = $2 AND e.id = c.employee_id
RETURNING c.certification_id, e.employee_number, c.kind, c.issued_on, c.expires_on, c.certificate_number,
          c.withdrawn_at, c.withdrawal_reason;

-- name: list_expiring
-- What expires within $2 days, has not yet, and is not followed by a later one of its kind; the soonest first.
SELECT c.certification_id, e.employee_number, s.station_code, c.kind, c.expires_on,
       c.kind IS NOT DISTINCT FROM s.required_certification AS is_required
  FROM station_schema.employee_certifications AS c
  JOIN station_schema.employees AS e ON e.id = c.employee_id
  JOIN station_schema.stations AS s ON s.id = e.station_id
 WHERE c.withdrawn_at IS NULL AND e.terminated_on IS NULL
   AND c.expires_on > station_schema.local_day(s.time_zone)
   AND c.expires_on <= station_schema.local_day(s.time_zone) + $2::integer
   AND ($1::text IS NULL OR s.station_code = $1)
   AND NOT EXISTS (
        SELECT FROM station_schema.employee_certifications AS l
         WHERE l.employee_id = c.employee_id AND l.kind = c.kind AND l.withdrawn_at IS NULL
           AND (l.expires_on IS NULL OR l.expires_on > c.expires_on))
 ORDER BY c.expires_on, e.employee_number, c.id
 LIMIT $3;

-- name: set_required_certification
-- What who processes transactions at station $1 must hold from now on; NULL: nothing.
UPDATE station_schema.stations SET required_certification = $2 WHERE station_code = $1 RETURNING required_certification;

-- name: withdraw_uncertified
-- Nobody processes transactions without what the station requires: at the station $1, of the employee with the key $2.
UPDATE station_schema.employees AS e
   SET may_process_transactions = false
  FROM station_schema.stations AS s
 WHERE s.id = e.station_id AND e.may_process_transactions AND s.required_certification IS NOT NULL
   AND ($1::text IS NULL OR s.station_code = $1) AND ($2::bigint IS NULL OR e.id = $2)
   AND NOT station_schema.holds_certification(
        e.id, s.required_certification, station_schema.local_day(s.time_zone))
RETURNING e.id, e.employee_number, e.user_id, s.station_code, e.position, e.role, e.may_process_transactions,
          e.may_handle_cash, e.may_supervise, e.employment_type, e.shift, e.hired_on, e.terminated_on,
          e.termination_reason, e.suspended_at, e.updated_at;
