-- Takes back V8: nobody's acts are found, and addresses stay. What was forgotten stays forgotten.

DROP FUNCTION station_schema.forget_addresses(integer);
DROP FUNCTION station_schema.forget_person(uuid);
DROP INDEX station_schema.station_audit_log_with_address_created_at_idx;
DROP INDEX station_schema.station_audit_log_actor_created_at_idx;
