-- What running a staff needs: numbers that the service gives, employments that rest while the account does, shifts that
-- never overlap, training with its expiry, and what may be done only with it. Every change goes into the audit log.
-- vuelo: allow locking-several-tables each gains an empty column or a rule: all locks together last milliseconds

-- Employments ------------------------------------------------------------------------------------------------------

ALTER TABLE station_schema.employees
    ADD COLUMN suspended_at timestamptz,
    ADD CONSTRAINT employees_suspended_at_check CHECK (suspended_at IS NULL OR terminated_on IS NULL) NOT VALID,
    ADD CONSTRAINT employees_termination_reason_readable_check CHECK (
        station_schema.is_readable(termination_reason)) NOT VALID;
COMMENT ON COLUMN station_schema.employees.suspended_at IS
    'Since when the user''s account is deactivated: the employment rests, and goes on when the account does.';

CREATE SEQUENCE station_schema.employee_numbers AS bigint;
COMMENT ON SEQUENCE station_schema.employee_numbers IS 'What next_employee_number counts with.';

CREATE SEQUENCE station_schema.employment_versions AS bigint;
COMMENT ON SEQUENCE station_schema.employment_versions IS
    'Orders what is told of one employment, whose row is held meanwhile: the clock may step back, this does not.';

CREATE FUNCTION station_schema.next_employee_number() RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_count bigint;
    v_number text;
BEGIN
    LOOP
        v_count := nextval('station_schema.employee_numbers');
        v_number := 'EMP' || lpad(v_count::text, greatest(6, length(v_count::text)), '0');
        -- Numbers from before the sequence, or brought along by somebody, are stepped over.
        EXIT WHEN NOT EXISTS (SELECT FROM station_schema.employees AS e WHERE e.employee_number = v_number);
    END LOOP;
    RETURN v_number;
END
$$;
COMMENT ON FUNCTION station_schema.next_employee_number() IS
    'A number that nobody has or had. One that is not used in the end is lost, as with any sequence.';
REVOKE EXECUTE ON FUNCTION station_schema.next_employee_number() FROM PUBLIC;

CREATE TABLE station_schema.user_states (
    user_id uuid NOT NULL,
    is_active boolean NOT NULL,
    is_erased boolean NOT NULL,
    as_of timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_states_pk PRIMARY KEY (user_id),
    CONSTRAINT user_states_is_erased_check CHECK (NOT (is_active AND is_erased))
);
COMMENT ON TABLE station_schema.user_states IS
    'What the auth service last said of an account that changed: nobody hires one that is not active, and what was said '
    'before that and comes late changes nothing.';
COMMENT ON COLUMN station_schema.user_states.user_id IS 'Personal data: the public id of the user.';
COMMENT ON COLUMN station_schema.user_states.as_of IS 'When the auth service said it.';
CREATE TRIGGER user_states_set_updated_at BEFORE UPDATE ON station_schema.user_states
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

-- Training and certification ---------------------------------------------------------------------------------------

ALTER TABLE station_schema.stations
    ADD COLUMN required_certification text,
    ADD CONSTRAINT stations_required_certification_check CHECK (required_certification IN (
        'COUPON_PROCESSING', 'CUSTOMER_SERVICE', 'CASH_HANDLING', 'FUEL_HANDLING', 'FIRE_SAFETY', 'FIRST_AID'))
        NOT VALID;
COMMENT ON COLUMN station_schema.stations.required_certification IS
    'What who processes transactions must hold here; NULL: nothing.';

CREATE TABLE station_schema.employee_certifications (
    id bigint GENERATED ALWAYS AS IDENTITY,
    certification_id uuid NOT NULL DEFAULT gen_random_uuid(),
    employee_id bigint NOT NULL,
    kind text NOT NULL,
    issued_on date NOT NULL,
    expires_on date,
    certificate_number text,
    withdrawn_at timestamptz,
    withdrawal_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT employee_certifications_pk PRIMARY KEY (id),
    CONSTRAINT employee_certifications_certification_id_key UNIQUE (certification_id),
    CONSTRAINT employee_certifications_employee_id_kind_issued_on_key UNIQUE (employee_id, kind, issued_on),
    CONSTRAINT employee_certifications_employee_id_fk FOREIGN KEY (employee_id)
        REFERENCES station_schema.employees (id) ON DELETE CASCADE,
    CONSTRAINT employee_certifications_kind_check CHECK (kind IN (
        'COUPON_PROCESSING', 'CUSTOMER_SERVICE', 'CASH_HANDLING', 'FUEL_HANDLING', 'FIRE_SAFETY', 'FIRST_AID')),
    CONSTRAINT employee_certifications_expires_on_check CHECK (
        expires_on > issued_on AND expires_on <= issued_on + 3660),
    CONSTRAINT employee_certifications_issued_on_check CHECK (issued_on >= DATE '1980-01-01'),
    CONSTRAINT employee_certifications_certificate_number_check CHECK (
        certificate_number = btrim(certificate_number) AND length(certificate_number) BETWEEN 1 AND 60),
    CONSTRAINT employee_certifications_withdrawal_reason_check CHECK (
        (withdrawn_at IS NULL) = (withdrawal_reason IS NULL) AND length(btrim(withdrawal_reason)) BETWEEN 1 AND 300
        AND station_schema.is_readable(withdrawal_reason))
);
COMMENT ON TABLE station_schema.employee_certifications IS
    'Training that somebody passed, and until when it counts; NULL: for good. The day it expires it counts no more.';
COMMENT ON COLUMN station_schema.employee_certifications.certificate_number IS
    'Personal data: how whoever certified names it.';
COMMENT ON COLUMN station_schema.employee_certifications.withdrawal_reason IS 'Personal data: why it counts no more.';
-- What expires soon (list_expiring).
CREATE INDEX employee_certifications_expires_on_idx ON station_schema.employee_certifications (expires_on)
    WHERE withdrawn_at IS NULL AND expires_on IS NOT NULL;
CREATE TRIGGER employee_certifications_set_updated_at BEFORE UPDATE ON station_schema.employee_certifications
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE FUNCTION station_schema.local_day(p_time_zone text) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN timezone(coalesce(p_time_zone, 'UTC'), now())::date;
COMMENT ON FUNCTION station_schema.local_day(text) IS 'Today in a zone; in UTC where a station''s zone is not known.';

CREATE FUNCTION station_schema.holds_certification(p_employee_id bigint, p_kind text, p_day date) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (
        SELECT FROM station_schema.employee_certifications AS c
         WHERE c.employee_id = p_employee_id AND c.kind = p_kind AND c.withdrawn_at IS NULL
           AND c.issued_on <= p_day AND (c.expires_on IS NULL OR c.expires_on > p_day));
COMMENT ON FUNCTION station_schema.holds_certification(bigint, text, date) IS 'Whether training counts on a day.';

-- The writer holds the row: whoever withdraws training locks the employee's row first, so neither misses the other.
CREATE FUNCTION station_schema.check_certified() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_station record;
BEGIN
    SELECT s.required_certification, s.time_zone INTO v_station
      FROM station_schema.stations AS s WHERE s.id = NEW.station_id FOR SHARE;
    IF v_station.required_certification IS NOT NULL AND NOT station_schema.holds_certification(
        NEW.id, v_station.required_certification, station_schema.local_day(v_station.time_zone))
    THEN
        RAISE EXCEPTION 'employee % does not hold %', NEW.employee_number, v_station.required_certification
            USING ERRCODE = 'check_violation', CONSTRAINT = 'employees_certified_check',
                  SCHEMA = 'station_schema', TABLE = 'employees';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION station_schema.check_certified() IS
    'BEFORE trigger: who begins to process transactions, or takes that right to another station, holds what the station '
    'requires; refuses as constraint employees_certified_check would.';
CREATE TRIGGER employees_check_certified_insert BEFORE INSERT ON station_schema.employees
    FOR EACH ROW WHEN (NEW.may_process_transactions)
    EXECUTE FUNCTION station_schema.check_certified();
CREATE TRIGGER employees_check_certified_update BEFORE UPDATE ON station_schema.employees
    FOR EACH ROW WHEN (NEW.may_process_transactions
        AND (NOT OLD.may_process_transactions OR OLD.station_id <> NEW.station_id))
    EXECUTE FUNCTION station_schema.check_certified();

-- Shifts -----------------------------------------------------------------------------------------------------------

CREATE TABLE station_schema.employee_shifts (
    id bigint GENERATED ALWAYS AS IDENTITY,
    shift_id uuid NOT NULL DEFAULT gen_random_uuid(),
    employee_id bigint NOT NULL,
    station_id bigint NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    clocked_in_at timestamptz,
    clocked_out_at timestamptz,
    cancelled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT employee_shifts_pk PRIMARY KEY (id),
    CONSTRAINT employee_shifts_shift_id_key UNIQUE (shift_id),
    CONSTRAINT employee_shifts_employee_id_fk FOREIGN KEY (employee_id)
        REFERENCES station_schema.employees (id) ON DELETE CASCADE,
    CONSTRAINT employee_shifts_station_id_fk FOREIGN KEY (station_id)
        REFERENCES station_schema.stations (id) ON DELETE RESTRICT,
    CONSTRAINT employee_shifts_ends_at_check CHECK (
        ends_at > starts_at AND ends_at <= starts_at + interval '16 hours'),
    CONSTRAINT employee_shifts_clocked_in_at_check CHECK (clocked_in_at IS NULL OR cancelled_at IS NULL),
    CONSTRAINT employee_shifts_clocked_out_at_check CHECK (
        clocked_out_at IS NULL OR (clocked_in_at IS NOT NULL AND clocked_out_at >= clocked_in_at)),
    -- A number as a range of one: so that ranges alone, which need no extension, say that nobody is in two places.
    CONSTRAINT employee_shifts_overlap_excl EXCLUDE USING gist (
        int8range(employee_id, employee_id, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&)
        WHERE (cancelled_at IS NULL)
);
COMMENT ON TABLE station_schema.employee_shifts IS
    'Who is to work when and where, and who came. No two of an employee overlap, unless cancelled.';
COMMENT ON COLUMN station_schema.employee_shifts.clocked_in_at IS 'Personal data: when the employee came.';
COMMENT ON COLUMN station_schema.employee_shifts.clocked_out_at IS 'Personal data: when the employee left.';
-- A station's day (list_shifts); the foreign key.
CREATE INDEX employee_shifts_station_id_starts_at_idx ON station_schema.employee_shifts (station_id, starts_at);
-- The foreign key; an employee's own shifts (list_shifts).
CREATE INDEX employee_shifts_employee_id_starts_at_idx ON station_schema.employee_shifts (employee_id, starts_at);
-- Only once: nobody is at work in two shifts (clock_in).
CREATE UNIQUE INDEX employee_shifts_at_work_idx ON station_schema.employee_shifts (employee_id)
    WHERE clocked_in_at IS NOT NULL AND clocked_out_at IS NULL;
CREATE TRIGGER employee_shifts_set_updated_at BEFORE UPDATE ON station_schema.employee_shifts
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

-- Audit ------------------------------------------------------------------------------------------------------------

ALTER TABLE station_schema.station_audit_log
    DROP CONSTRAINT station_audit_log_entity_type_check,
    ADD CONSTRAINT station_audit_log_entity_type_check CHECK (
        entity_type IN ('STATION', 'EMPLOYEE', 'PRICE', 'SCHEDULED_PRICE', 'HOURS_EXCEPTION', 'SHIFT', 'CERTIFICATION'))
        NOT VALID;

CREATE FUNCTION station_schema.log_employee_parts() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_entity text := TG_ARGV[0];
    v_key text := TG_ARGV[1];
    v_unsaid text[] := ARRAY['id', 'employee_id', 'station_id', 'created_at', 'updated_at'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, new_values)
        SELECT v_entity || '_CREATED', v_entity, e.employee_number, to_jsonb(n) - v_unsaid
          FROM new_rows AS n JOIN station_schema.employees AS e ON e.id = n.employee_id;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, old_values)
        -- What goes with its employment is said by the employment's own entry.
        SELECT v_entity || '_DELETED', v_entity, e.employee_number, to_jsonb(o) - v_unsaid
          FROM old_rows AS o JOIN station_schema.employees AS e ON e.id = o.employee_id;
    ELSE
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, old_values, new_values)
        SELECT v_entity || '_UPDATED', v_entity, e.employee_number,
               changed.old_values || jsonb_build_object(v_key, pair.before -> v_key),
               changed.new_values || jsonb_build_object(v_key, pair.before -> v_key)
          FROM (SELECT n.employee_id, to_jsonb(o) AS before, to_jsonb(n) AS after
                  FROM old_rows AS o JOIN new_rows AS n USING (id) OFFSET 0) AS pair
          JOIN station_schema.employees AS e ON e.id = pair.employee_id
         CROSS JOIN LATERAL (
            SELECT jsonb_object_agg(b.key, b.value) AS old_values,
                   jsonb_object_agg(b.key, pair.after -> b.key) AS new_values
              FROM jsonb_each(pair.before) AS b
             WHERE b.key <> 'updated_at' AND b.value IS DISTINCT FROM pair.after -> b.key
         ) AS changed
         WHERE changed.old_values IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION station_schema.log_employee_parts() IS
    'AFTER statement trigger (entity type, column that outsiders know the row by) of tables with an employee_id: their '
    'changes are logged under the employee''s number.';
REVOKE EXECUTE ON FUNCTION station_schema.log_employee_parts() FROM PUBLIC;

CREATE TRIGGER employee_certifications_log_insert AFTER INSERT ON station_schema.employee_certifications
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('CERTIFICATION', 'certification_id');
CREATE TRIGGER employee_certifications_log_update AFTER UPDATE ON station_schema.employee_certifications
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('CERTIFICATION', 'certification_id');
CREATE TRIGGER employee_certifications_log_delete AFTER DELETE ON station_schema.employee_certifications
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('CERTIFICATION', 'certification_id');
CREATE TRIGGER employee_shifts_log_insert AFTER INSERT ON station_schema.employee_shifts
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('SHIFT', 'shift_id');
CREATE TRIGGER employee_shifts_log_update AFTER UPDATE ON station_schema.employee_shifts
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('SHIFT', 'shift_id');
CREATE TRIGGER employee_shifts_log_delete AFTER DELETE ON station_schema.employee_shifts
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_employee_parts('SHIFT', 'shift_id');

-- Views ------------------------------------------------------------------------------------------------------------

CREATE VIEW station_schema.active_employees AS
SELECT e.employee_number, s.station_code, e.position, e.role, e.may_process_transactions, e.may_handle_cash,
       e.may_supervise, e.employment_type, e.shift, e.hired_on
  FROM station_schema.employees AS e
  JOIN station_schema.stations AS s ON s.id = e.station_id
 WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL;
COMMENT ON VIEW station_schema.active_employees IS 'Who works now, and where; neither resting nor ended employments.';

-- Each count comes from one table alone: rows of two that hang on the same station would multiply each other.
CREATE VIEW station_schema.employee_summary AS
SELECT s.station_code, s.name AS station_name, staff.active_employees, staff.suspended_employees,
       staff.terminated_employees, staff.administrators, staff.supervisors, staff.process_transactions,
       staff.handle_cash, training.valid_certifications, training.expiring_certifications
  FROM station_schema.stations AS s
 CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL) AS active_employees,
           count(*) FILTER (WHERE e.suspended_at IS NOT NULL) AS suspended_employees,
           count(*) FILTER (WHERE e.terminated_on IS NOT NULL) AS terminated_employees,
           count(*) FILTER (WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL
                              AND e.role = 'STATION_ADMIN') AS administrators,
           count(*) FILTER (WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL
                              AND e.may_supervise) AS supervisors,
           count(*) FILTER (WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL
                              AND e.may_process_transactions) AS process_transactions,
           count(*) FILTER (WHERE e.terminated_on IS NULL AND e.suspended_at IS NULL
                              AND e.may_handle_cash) AS handle_cash
      FROM station_schema.employees AS e
     WHERE e.station_id = s.id
 ) AS staff
 CROSS JOIN LATERAL (
    SELECT count(*) AS valid_certifications,
           count(*) FILTER (WHERE c.expires_on <= station_schema.local_day(s.time_zone) + 30) AS expiring_certifications
      FROM station_schema.employees AS e
      JOIN station_schema.employee_certifications AS c ON c.employee_id = e.id
     WHERE e.station_id = s.id AND e.terminated_on IS NULL AND c.withdrawn_at IS NULL
       AND (c.expires_on IS NULL OR c.expires_on > station_schema.local_day(s.time_zone))
 ) AS training
 WHERE staff.active_employees + staff.suspended_employees + staff.terminated_employees > 0;
COMMENT ON VIEW station_schema.employee_summary IS
    'A station''s staff in numbers; stations that never had any are left out. Expiring: within 30 days.';

CREATE VIEW station_schema.certification_overview AS
SELECT s.station_code, e.employee_number, c.certification_id, c.kind, c.issued_on, c.expires_on,
       CASE
           WHEN c.withdrawn_at IS NOT NULL THEN 'WITHDRAWN'
           WHEN c.expires_on <= station_schema.local_day(s.time_zone) THEN 'EXPIRED'
           WHEN c.expires_on <= station_schema.local_day(s.time_zone) + 30 THEN 'EXPIRING'
           ELSE 'VALID'
       END AS status,
       c.kind IS NOT DISTINCT FROM s.required_certification AS is_required
  FROM station_schema.employee_certifications AS c
  JOIN station_schema.employees AS e ON e.id = c.employee_id
  JOIN station_schema.stations AS s ON s.id = e.station_id
 WHERE e.terminated_on IS NULL;
COMMENT ON VIEW station_schema.certification_overview IS 'Whose training counts, and for how long.';

-- Rights -----------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION station_schema.next_employee_number() TO station_app;
GRANT USAGE ON SEQUENCE station_schema.employment_versions TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.local_day(text) TO station_app, station_ro;
GRANT EXECUTE ON FUNCTION station_schema.holds_certification(bigint, text, date) TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.check_certified() TO station_app;
GRANT UPDATE (suspended_at) ON station_schema.employees TO station_app;
GRANT UPDATE (required_certification) ON station_schema.stations TO station_app;
GRANT SELECT, INSERT (user_id, is_active, is_erased, as_of), UPDATE (is_active, is_erased, as_of)
    ON station_schema.user_states TO station_app;
GRANT SELECT,
    INSERT (employee_id, kind, issued_on, expires_on, certificate_number),
    UPDATE (withdrawn_at, withdrawal_reason)
    ON station_schema.employee_certifications TO station_app;
GRANT SELECT, INSERT (employee_id, station_id, starts_at, ends_at),
    UPDATE (clocked_in_at, clocked_out_at, cancelled_at)
    ON station_schema.employee_shifts TO station_app;
GRANT SELECT ON station_schema.active_employees TO station_app, station_ro;
GRANT SELECT ON station_schema.employee_summary TO station_app, station_ro;
GRANT SELECT ON station_schema.certification_overview TO station_app, station_ro;

GRANT SELECT (id, certification_id, employee_id, kind, issued_on, expires_on, withdrawn_at, created_at, updated_at)
    ON station_schema.employee_certifications TO station_ro;
GRANT SELECT (id, shift_id, employee_id, station_id, starts_at, ends_at, cancelled_at, created_at, updated_at)
    ON station_schema.employee_shifts TO station_ro;
