-- Takes back V8__forget_persons.sql: who was erased is no longer known here. What was forgotten stays forgotten.
DROP FUNCTION coupon_schema.forget_ended_periods(integer);
DROP FUNCTION coupon_schema.forget_addresses(integer);
DROP INDEX coupon_schema.coupon_audit_log_with_address_created_at_idx;
DROP INDEX coupon_schema.coupon_validation_attempts_with_address_created_at_idx;
DROP FUNCTION coupon_schema.forget_person(uuid);
DROP TABLE coupon_schema.erased_users;
