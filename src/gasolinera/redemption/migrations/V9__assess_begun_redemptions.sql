-- The fraud rules look at a redemption in the transaction that begins it, and again in that of its second step where
-- that says something else: what they block never asks for its coupon.

CREATE FUNCTION redemption_schema.assess_begun(p_context_names text[], p_context_values text[], p_reference text)
    RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    v record;
    v_decision text;
BEGIN
    SELECT r.status, r.user_id, r.coupon_code, r.station_code, r.employee_number, r.device_id, r.original_amount,
           r.currency
      INTO STRICT v
      FROM redemption_schema.redemptions AS r WHERE r.transaction_reference = p_reference;
    IF EXISTS (SELECT FROM redemption_schema.erased_users AS u WHERE u.user_id = v.user_id) THEN
        PERFORM redemption_schema.fail_redemption(
            p_context_names, p_context_values, p_reference, v.status, 'COUPON_REFUSED', 'The account is closed.');
        RETURN redemption_schema.redemption_facts(p_reference);
    END IF;
    SELECT a.decision INTO v_decision
      FROM redemption_schema.assess_redemption(
               p_reference, v.user_id, v.coupon_code, v.station_code, v.employee_number, v.device_id,
               v.original_amount, v.currency) AS a;
    IF v_decision = 'BLOCKED' THEN
        PERFORM redemption_schema.fail_redemption(
            p_context_names, p_context_values, p_reference, v.status, 'FRAUD_BLOCKED', 'Stopped by the fraud rules.');
    END IF;
    RETURN redemption_schema.redemption_facts(p_reference);
END
$$;
COMMENT ON FUNCTION redemption_schema.assess_begun(text[], text[], text) IS
    'Assesses what begin_redemption, begin_pump_redemption or start_redemption has just written; FAILED where the rules '
    'block it, or where the driver''s account was erased. Gives the redemption as it is then. Locks its user and device, as assess_redemption does.';

GRANT EXECUTE ON FUNCTION redemption_schema.assess_begun(text[], text[], text) TO redemption_app;
