-- The stricter rules of production and test; development goes without them. Safe to run again.
-- NOT VALID, so that nobody waits: afterMigrate looks at the rows from before.
-- vuelo: allow locking-several-tables No statement reads rows: all locks together last milliseconds.

ALTER TABLE coupon_schema.campaigns
    -- Who made a campaign is known, so that it is somebody else who approves it. That a large budget needs approval
    -- is a rule of every environment.
    DROP CONSTRAINT IF EXISTS campaigns_approved_check,
    DROP CONSTRAINT IF EXISTS campaigns_created_by_check,
    ADD CONSTRAINT campaigns_created_by_check CHECK (
        status IN ('DRAFT', 'CANCELLED') OR created_by IS NOT NULL) NOT VALID,
    -- What a running campaign can cost is known beforehand.
    DROP CONSTRAINT IF EXISTS campaigns_bounded_check,
    ADD CONSTRAINT campaigns_bounded_check CHECK (
        status NOT IN ('ACTIVE', 'PAUSED') OR total_usage_limit IS NOT NULL OR budget_amount IS NOT NULL) NOT VALID;

ALTER TABLE coupon_schema.coupons
    -- Codes that nobody guesses: twelve characters of an alphabet of 32 are 60 bits, and one more checks them.
    DROP CONSTRAINT IF EXISTS coupons_code_length_check,
    ADD CONSTRAINT coupons_code_length_check CHECK (length(coupon_code) >= 13) NOT VALID,
    DROP CONSTRAINT IF EXISTS coupons_withdrawn_reason_check,
    ADD CONSTRAINT coupons_withdrawn_reason_check CHECK (
        status NOT IN ('CANCELLED', 'SUSPENDED') OR status_reason IS NOT NULL) NOT VALID;

-- Whoever reads for reports learns how many and when: neither codes, which are worth money, nor who.
REVOKE SELECT ON coupon_schema.available_coupons, coupon_schema.campaign_user_usages FROM coupon_ro;
REVOKE SELECT ON coupon_schema.coupons FROM coupon_ro;
GRANT SELECT (
    id, campaign_id, status, status_reason, discount_type, discount_value, maximum_discount, minimum_purchase,
    currency, raffle_tickets, valid_from, valid_until, max_usage, usage_count, dense_index, qr_key_id, created_at,
    updated_at) ON coupon_schema.coupons TO coupon_ro;
GRANT SELECT (campaign_id, used_count, usage_limit, created_at, updated_at)
    ON coupon_schema.campaign_user_usages TO coupon_ro;
REVOKE SELECT ON coupon_schema.coupon_usage_history FROM coupon_ro;
GRANT SELECT (
    id, redemption_reference, coupon_id, station_code, fuel_type, original_amount, discount_amount, final_amount,
    currency, raffle_tickets, used_at, restored_at, restore_reason, correlation_id, created_at, updated_at)
    ON coupon_schema.coupon_usage_history TO coupon_ro;
REVOKE SELECT ON coupon_schema.coupon_validation_attempts FROM coupon_ro;
GRANT SELECT (
    id, coupon_id, result, validation_method, station_code, amount, currency, fraud_score, correlation_id, created_at)
    ON coupon_schema.coupon_validation_attempts TO coupon_ro;
REVOKE SELECT ON coupon_schema.coupon_audit_log FROM coupon_ro;
GRANT SELECT (id, action, campaign_code, reason, old_values, new_values, actor, correlation_id, created_at)
    ON coupon_schema.coupon_audit_log TO coupon_ro;
