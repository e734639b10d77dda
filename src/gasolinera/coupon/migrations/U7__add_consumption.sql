-- Takes back V7. Uses stay; what was refused under a reference is forgotten.

DROP FUNCTION coupon_schema.forget_refused_uses(integer);
DROP FUNCTION coupon_schema.restore_use(text[], text[], text, text);
DROP FUNCTION coupon_schema.use_coupon(
    text[], text[], text, text, uuid, text, text, text, numeric, text, text, text, timestamptz);
DROP FUNCTION coupon_schema.lock_reference(text);
DROP FUNCTION coupon_schema.set_request_context(text[], text[]);
DROP TABLE coupon_schema.refused_uses;
