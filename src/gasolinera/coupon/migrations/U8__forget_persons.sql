-- Takes back V8__forget_persons.sql: who was erased is no longer known here. What was forgotten stays forgotten.
DROP FUNCTION coupon_schema.forget_person(uuid);
DROP TABLE coupon_schema.erased_users;
