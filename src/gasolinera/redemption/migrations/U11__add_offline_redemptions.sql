-- Takes back V11. Redemptions of terminals without a connection stay, as those of one request.

DROP TRIGGER erased_users_forget_offline_traces ON redemption_schema.erased_users;
DROP FUNCTION redemption_schema.forget_offline_traces();
DROP FUNCTION redemption_schema.forget_offline_leases(integer);
DROP TRIGGER redemptions_settle_offline ON redemption_schema.redemptions;
DROP FUNCTION redemption_schema.settle_offline_redemption();
DROP FUNCTION redemption_schema.refuse_offline_entry(text[], text[], text, bigint, text);
DROP FUNCTION redemption_schema.begin_offline_redemption(text[], text[], text, bigint, uuid, text, text, text);
DROP FUNCTION redemption_schema.take_offline_entries(text[], text[], text, jsonb);
DROP FUNCTION redemption_schema.open_offline_lease(text[], text[], text, text, bytea, bigint, bytea);
DROP TABLE redemption_schema.offline_redemptions;
DROP TABLE redemption_schema.offline_leases;
DROP TABLE redemption_schema.offline_chains;
DROP TABLE redemption_schema.offline_limits;
UPDATE redemption_schema.redemptions SET flow = 'ONE_SHOT' WHERE flow = 'OFFLINE';
ALTER TABLE redemption_schema.redemptions
    DROP CONSTRAINT redemptions_flow_check,
    ADD CONSTRAINT redemptions_flow_check CHECK (flow IN ('ONE_SHOT', 'TWO_STEP')) NOT VALID;
ALTER TABLE redemption_schema.redemptions VALIDATE CONSTRAINT redemptions_flow_check;
COMMENT ON COLUMN redemption_schema.redemptions.flow IS
    'ONE_SHOT: PENDING means that the coupon is about to be consumed. TWO_STEP: PENDING was validated and waits for the '
    'fuel; the coupon is about to be consumed from IN_PROGRESS on.';
