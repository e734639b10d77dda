-- Takes back V8__forget_persons.sql: who was erased is no longer known here. What was forgotten stays forgotten.
-- vuelo: allow locking-several-tables nothing is read: all of it together takes milliseconds

DROP FUNCTION coupon_schema.forget_ended_periods(integer);
DROP FUNCTION coupon_schema.forget_addresses(integer);
DROP INDEX coupon_schema.coupon_audit_log_with_address_created_at_idx;
DROP INDEX coupon_schema.coupon_validation_attempts_with_address_created_at_idx;
DROP FUNCTION coupon_schema.forget_person(uuid);
DROP TRIGGER coupons_withhold_from_erased ON coupon_schema.coupons;
DROP FUNCTION coupon_schema.withhold_from_erased();
DROP INDEX coupon_schema.coupon_audit_log_actor_idx;
DROP INDEX coupon_schema.coupon_validation_attempts_requested_by_idx;
ALTER TABLE coupon_schema.coupon_validation_attempts
    DROP CONSTRAINT coupon_validation_attempts_requested_by_check,
    DROP COLUMN requested_by;
DROP TABLE coupon_schema.erased_users;
