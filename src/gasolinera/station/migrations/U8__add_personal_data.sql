-- Takes back V8: nobody's acts are found, and addresses stay. What was forgotten stays forgotten.
-- vuelo: allow locking-several-tables each loses an index or a trigger: all locks together last milliseconds

DROP FUNCTION station_schema.forget_addresses(integer);
DROP TRIGGER employee_certifications_forget_late ON station_schema.employee_certifications;
DROP FUNCTION station_schema.forget_late_certificate();
DROP TRIGGER employees_forget_late_reason ON station_schema.employees;
DROP FUNCTION station_schema.forget_late_reason();
DROP FUNCTION station_schema.forget_person(uuid);
DROP INDEX station_schema.station_audit_log_with_address_created_at_idx;
DROP INDEX station_schema.station_audit_log_actor_created_at_idx;
