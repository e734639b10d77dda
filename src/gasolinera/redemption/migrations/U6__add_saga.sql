-- Takes back V6. Redemptions without a coupon, which V5 does not know, are given codes that no coupon has.
-- vuelo: allow adding-not-nullable-field taking back is done while nobody redeems
-- vuelo: allow require-concurrent-index-deletion taking back is done while nobody redeems
-- vuelo: allow locking-several-tables all of it together takes milliseconds

DROP FUNCTION redemption_schema.begin_pump_redemption(text[], text[], uuid, uuid, text, text, text, boolean);
DROP FUNCTION redemption_schema.cancel_redemption(text[], text[], text, uuid, text, text, text, interval);
DROP FUNCTION redemption_schema.fail_redemption(text[], text[], text, text, text, text);
DROP FUNCTION redemption_schema.complete_redemption(text[], text[], text, numeric, integer, text);
DROP FUNCTION redemption_schema.start_redemption(
    text[], text[], text, bytea, uuid, text, text, text, numeric, numeric, numeric);
DROP FUNCTION redemption_schema.begin_redemption(
    text[], text[], text, bytea, text, uuid, text, text, text, uuid, text, text, text, text, text, text, numeric,
    numeric, numeric, text, interval, boolean);
DROP FUNCTION redemption_schema.redemption_facts(text);
DROP FUNCTION redemption_schema.set_request_context(text[], text[]);
DROP FUNCTION redemption_schema.may_serve(text, text, uuid);
DROP FUNCTION redemption_schema.may_process(text, uuid, text);
DROP TABLE redemption_schema.employments;
DROP INDEX redemption_schema.redemptions_ended_status_id_idx;
DROP INDEX redemption_schema.redemptions_ended_station_code_status_created_at_id_idx;
UPDATE redemption_schema.redemptions
   SET coupon_code = 'NOCOUPON', campaign_code = 'NO_CAMPAIGN'
 WHERE coupon_code IS NULL;
ALTER TABLE redemption_schema.qr_validations
    DROP CONSTRAINT qr_validations_fuel_type_check,
    DROP COLUMN fuel_type;
ALTER TABLE redemption_schema.redemptions
    DROP CONSTRAINT redemptions_recovery_attempts_check,
    DROP CONSTRAINT redemptions_completion_sha256_check,
    DROP CONSTRAINT redemptions_base_tickets_check,
    DROP CONSTRAINT redemptions_flow_check,
    DROP CONSTRAINT redemptions_coupon_check,
    DROP COLUMN recovery_attempts,
    DROP COLUMN recover_at,
    DROP COLUMN completion_sha256,
    DROP COLUMN is_shared,
    DROP COLUMN base_tickets,
    DROP COLUMN flow,
    ALTER COLUMN campaign_code SET NOT NULL,
    ALTER COLUMN coupon_code SET NOT NULL;
