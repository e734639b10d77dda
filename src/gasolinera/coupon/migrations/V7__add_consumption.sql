-- Consumption: a coupon is used, or refused with every reason, by one statement that knows a redemption by its
-- reference. What was decided about a reference stays, however often and from wherever it is asked.
-- The functions run with the rights of whoever calls them: they can do no more than the service's role can.

CREATE TABLE coupon_schema.refused_uses (
    redemption_reference text NOT NULL,
    reasons text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT refused_uses_pk PRIMARY KEY (redemption_reference),
    CONSTRAINT refused_uses_redemption_reference_check CHECK (redemption_reference ~ '^[A-Z0-9][A-Z0-9-]{5,49}$'),
    CONSTRAINT refused_uses_reasons_check CHECK (cardinality(reasons) BETWEEN 1 AND 20)
);
COMMENT ON TABLE coupon_schema.refused_uses IS
    'References that were refused or taken back before they came: a repetition, or one that comes late, finds the same '
    'answer, although the coupon may be good again meanwhile. Deleted after 90 days, when nobody asks any more.';
-- Clean-up: what was refused long ago.
CREATE INDEX refused_uses_created_at_idx ON coupon_schema.refused_uses (created_at);

CREATE FUNCTION coupon_schema.set_request_context(p_names text[], p_values text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM set_config('gasolinera.' || c.name, c.value, true) FROM unnest(p_names, p_values) AS c (name, value);
END
$$;
COMMENT ON FUNCTION coupon_schema.set_request_context(text[], text[]) IS
    'Who asks and in which request, for this transaction: so a use needs no statement before it.';

CREATE FUNCTION coupon_schema.lock_reference(p_reference text) RETURNS void
    LANGUAGE sql VOLATILE
    AS $$ SELECT pg_advisory_xact_lock(hashtextextended('coupon_schema.reference ' || p_reference, 0)) $$;
COMMENT ON FUNCTION coupon_schema.lock_reference(text) IS
    'Everybody who decides about a redemption waits here first, before any row is locked.';

CREATE FUNCTION coupon_schema.use_coupon(
    p_context_names text[], p_context_values text[], p_reference text, p_coupon_code text, p_user_id uuid,
    p_station_code text, p_employee_number text, p_fuel_type text, p_amount numeric, p_currency text, p_method text,
    p_device_id text, p_at timestamptz DEFAULT NULL)
    RETURNS TABLE (
        reasons text[], discount_amount numeric, final_amount numeric, raffle_tickets integer, raffle_code text)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_coupon record;
    v_used record;
    v_given record;
    v_reasons text[];
    v_constraint text;
    c_most_crowds CONSTANT integer := 20;  -- each is sixteen uses that came between: more than there are connections
    -- A terminal without a connection may have taken it before; never later.
    v_at CONSTANT timestamptz := least(now(), p_at);
BEGIN
    PERFORM coupon_schema.set_request_context(p_context_names, p_context_values);
    IF p_reference IS NOT NULL THEN
        PERFORM coupon_schema.lock_reference(p_reference);
        SELECT h.user_id, h.original_amount, h.currency, h.discount_amount, h.final_amount, h.raffle_tickets,
               h.restored_at, c.coupon_code, g.raffle_code
          INTO v_used
          FROM coupon_schema.coupon_usage_history AS h
          JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
          JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
         WHERE h.redemption_reference = p_reference;
        IF FOUND THEN
            IF (v_used.coupon_code, v_used.user_id, v_used.original_amount, v_used.currency)
                <> (p_coupon_code, p_user_id, p_amount, p_currency)
            THEN
                RAISE EXCEPTION 'redemption % was another use', p_reference USING ERRCODE = 'unique_violation',
                    CONSTRAINT = 'coupon_usage_history_redemption_reference_key', SCHEMA = 'coupon_schema';
            END IF;
            RETURN QUERY
            SELECT CASE WHEN v_used.restored_at IS NULL THEN '{}'::text[] ELSE ARRAY['CANCELLED'] END,
                   v_used.discount_amount, v_used.final_amount, v_used.raffle_tickets::integer, v_used.raffle_code;
            RETURN;
        END IF;
        SELECT r.reasons INTO v_reasons
          FROM coupon_schema.refused_uses AS r WHERE r.redemption_reference = p_reference;
        IF FOUND THEN
            RETURN QUERY SELECT v_reasons, NULL::numeric, NULL::numeric, NULL::integer, NULL::text;
            RETURN;
        END IF;
    END IF;

    -- Locked before it is judged, so that of all who come at once each is judged by what the one before it did.
    IF p_reference IS NULL THEN
        SELECT c.id INTO v_coupon FROM coupon_schema.coupons AS c WHERE c.coupon_code = p_coupon_code;
    ELSE
        SELECT c.id INTO v_coupon
          FROM coupon_schema.coupons AS c WHERE c.coupon_code = p_coupon_code FOR NO KEY UPDATE;
    END IF;
    IF NOT FOUND THEN
        v_reasons := ARRAY['INVALID_CODE'];
    END IF;
    FOR v_crowds IN 1..c_most_crowds LOOP
        EXIT WHEN v_reasons = ARRAY['INVALID_CODE'];
        SELECT e.campaign_code, e.discount_amount, e.final_amount, e.raffle_tickets, e.raffle_code,
               e.cancellation_policy, e.reasons
          INTO v_given
          FROM coupon_schema.explain_use(
                   v_coupon.id, p_user_id, p_station_code, p_fuel_type, p_amount, p_currency, v_at) AS e;
        v_reasons := v_given.reasons;
        EXIT WHEN v_reasons <> '{}' OR p_reference IS NULL;
        BEGIN
            INSERT INTO coupon_schema.coupon_usage_history (
                redemption_reference, coupon_id, user_id, station_code, employee_number, fuel_type, original_amount,
                discount_amount, final_amount, currency, raffle_tickets, taken_at)
            VALUES (
                p_reference, v_coupon.id, p_user_id, p_station_code, p_employee_number, p_fuel_type, p_amount,
                v_given.discount_amount, v_given.final_amount, p_currency, v_given.raffle_tickets,
                CASE WHEN p_at IS NOT NULL THEN v_at END);
        EXCEPTION
        WHEN numeric_value_out_of_range THEN
            IF p_amount >= 10000000000 THEN
                RAISE;
            END IF;
            v_reasons := ARRAY['BUDGET_EXHAUSTED'];  -- more than a shard can count, whatever the budget is
        WHEN check_violation THEN
            GET STACKED DIAGNOSTICS v_constraint = CONSTRAINT_NAME;
            -- A crowd used the shard up after this use had looked at it. The others may have room: judged anew, it
            -- finds that the end is near, and deals what is left or hears that nothing is.
            CONTINUE WHEN v_crowds < c_most_crowds
                AND v_constraint IN ('campaign_usage_shards_used_check', 'campaign_usage_shards_spent_check');
            v_reasons := CASE v_constraint
                WHEN 'campaign_user_usages_limit_check' THEN ARRAY['LIMIT_REACHED']
                WHEN 'campaign_user_period_usages_limit_check' THEN ARRAY['LIMIT_REACHED']
                WHEN 'campaign_usage_shards_used_check' THEN ARRAY['LIMIT_REACHED']
                WHEN 'campaign_usage_shards_spent_check' THEN ARRAY['BUDGET_EXHAUSTED']
                WHEN 'coupons_usage_count_check' THEN ARRAY['ALREADY_USED']
                WHEN 'coupon_usage_history_taken_at_check' THEN ARRAY['TIME_NOT_ELIGIBLE']
                WHEN 'coupon_usage_history_usable' THEN coalesce(
                    (SELECT nullif(e.reasons, '{}')
                       FROM coupon_schema.explain_use(
                                v_coupon.id, p_user_id, p_station_code, p_fuel_type, p_amount, p_currency, now())
                         AS e),
                    (SELECT ARRAY['FUEL_NOT_ELIGIBLE']
                       FROM coupon_schema.campaigns AS g
                      WHERE p_fuel_type IS NULL AND g.campaign_code = v_given.campaign_code
                        AND cardinality(g.fuel_types) < 3),
                    ARRAY['USER_NOT_ELIGIBLE'])
                END;
            IF v_reasons IS NULL THEN
                RAISE;  -- a rule about the values themselves, which the caller broke
            END IF;
        END;
        EXIT;
    END LOOP;

    INSERT INTO coupon_schema.coupon_validation_attempts (
        coupon_id, coupon_code, result, validation_method, user_id, employee_number, station_code, amount, currency,
        device_id, detail)
    VALUES (
        v_coupon.id, CASE WHEN v_coupon.id IS NULL THEN left(p_coupon_code, 100) END,
        coalesce(v_reasons[1], 'SUCCESS'), p_method, p_user_id, p_employee_number, p_station_code, p_amount, p_currency,
        left(p_device_id, 100),
        jsonb_strip_nulls(jsonb_build_object('reference', p_reference, 'reasons', nullif(v_reasons, '{}'))));

    IF v_reasons <> '{}' THEN
        INSERT INTO coupon_schema.refused_uses (redemption_reference, reasons)
        SELECT p_reference, v_reasons WHERE p_reference IS NOT NULL;
        RETURN QUERY SELECT v_reasons, NULL::numeric, NULL::numeric, NULL::integer, NULL::text;
        RETURN;
    END IF;
    IF p_reference IS NOT NULL THEN
        INSERT INTO coupon_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
        VALUES ('coupon.consumed', 'coupon', p_coupon_code, jsonb_build_object(
            'coupon_code', p_coupon_code, 'campaign_code', v_given.campaign_code, 'reference', p_reference,
            'policy', v_given.cancellation_policy, 'station_code', p_station_code, 'user_id', p_user_id));
    END IF;
    RETURN QUERY
    SELECT v_reasons, v_given.discount_amount, v_given.final_amount, v_given.raffle_tickets::integer,
           v_given.raffle_code;
END
$$;
COMMENT ON FUNCTION coupon_schema.use_coupon(
    text[], text[], text, text, uuid, text, text, text, numeric, text, text, text, timestamptz) IS
    'Uses a coupon for a redemption; without a reference says only what it would give. No reasons: it is used, or would '
    'be. Every attempt is recorded, and a decision about a reference is given again. Locks the reference, then the '
    'coupon, then what its triggers count. Needs a transaction of its own. p_at: when, if not now, by which its hours '
    'are judged and its period is counted, eight days ago at most; what is over by now is refused in any case.';

CREATE FUNCTION coupon_schema.restore_use(
    p_context_names text[], p_context_values text[], p_reference text, p_reason text) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
    v record;
BEGIN
    PERFORM coupon_schema.set_request_context(p_context_names, p_context_values);
    PERFORM coupon_schema.lock_reference(p_reference);
    SELECT h.id, h.restored_at, c.coupon_code, c.valid_until, g.campaign_code, g.cancellation_policy INTO v
      FROM coupon_schema.coupon_usage_history AS h
      JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
      JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
     WHERE h.redemption_reference = p_reference;
    IF NOT FOUND THEN
        INSERT INTO coupon_schema.refused_uses (redemption_reference, reasons)
        VALUES (p_reference, ARRAY['CANCELLED'])
        ON CONFLICT ON CONSTRAINT refused_uses_pk DO NOTHING;
        RETURN 'NEVER_USED';
    END IF;
    IF v.restored_at IS NOT NULL THEN
        RETURN 'RESTORED';
    END IF;
    IF p_reason = 'CANCELLED' AND (
        v.cancellation_policy = 'FORFEIT'
        OR v.cancellation_policy = 'RESTORE_IF_VALID' AND v.valid_until <= now())
    THEN
        RETURN 'FORFEITED';
    END IF;
    UPDATE coupon_schema.coupon_usage_history AS h
       -- now() of a transaction that waited may lie before the use that it waited for.
       SET restored_at = greatest(now(), h.used_at), restore_reason = p_reason,
           restored_by = left(coupon_schema.request_context('actor'), 100)
     WHERE h.id = v.id;
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, coupon_code, reason)
    VALUES ('COUPON_RESTORED', v.campaign_code, v.coupon_code, p_reason);
    INSERT INTO coupon_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    VALUES ('coupon.restored', 'coupon', v.coupon_code, jsonb_build_object(
        'coupon_code', v.coupon_code, 'campaign_code', v.campaign_code, 'reference', p_reference,
        'policy', v.cancellation_policy, 'reason', p_reason));
    RETURN 'RESTORED';
END
$$;
COMMENT ON FUNCTION coupon_schema.restore_use(text[], text[], text, text) IS
    'Gives the use of a redemption back: RESTORED, now or before; FORFEITED: a cancellation does not give it back by '
    'the campaign''s policy; NEVER_USED: there is no such use, and there will be none.';

CREATE FUNCTION coupon_schema.forget_refused_uses(p_at_most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_count integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 rows at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM coupon_schema.refused_uses
     WHERE redemption_reference IN (
        SELECT redemption_reference FROM coupon_schema.refused_uses
         WHERE created_at < now() - interval '90 days' ORDER BY created_at LIMIT p_at_most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION coupon_schema.forget_refused_uses(integer) IS
    'Deletes refusals older than 90 days, so many at most; returns how many.';
REVOKE EXECUTE ON FUNCTION coupon_schema.forget_refused_uses(integer) FROM PUBLIC;

GRANT SELECT, INSERT (redemption_reference, reasons) ON coupon_schema.refused_uses TO coupon_app;
GRANT SELECT ON coupon_schema.refused_uses TO coupon_ro;
GRANT EXECUTE ON FUNCTION
    coupon_schema.set_request_context(text[], text[]),
    coupon_schema.lock_reference(text),
    coupon_schema.use_coupon(text[], text[], text, text, uuid, text, text, text, numeric, text, text, text, timestamptz),
    coupon_schema.restore_use(text[], text[], text, text),
    coupon_schema.forget_refused_uses(integer)
    TO coupon_app;
