-- The saga of a redemption: what it needs to know to be driven to its end, who works where, and each of its steps as a
-- function that is one statement of the service. A function runs with the rights of whoever calls it: it can do no more
-- than the service's role can.
-- vuelo: allow require-concurrent-index-creation nothing but sample data is there before redemptions are made
-- vuelo: allow locking-several-tables each gains columns or rules that nobody waits for: milliseconds together

-- What a redemption knows ------------------------------------------------------------------------------------------

ALTER TABLE redemption_schema.redemptions
    ALTER COLUMN coupon_code DROP NOT NULL,
    ALTER COLUMN campaign_code DROP NOT NULL,
    ADD COLUMN flow text NOT NULL DEFAULT 'ONE_SHOT',
    ADD COLUMN base_tickets integer NOT NULL DEFAULT 0,
    ADD COLUMN is_shared boolean NOT NULL DEFAULT false,
    ADD COLUMN completion_sha256 bytea,
    ADD COLUMN recover_at timestamptz NOT NULL DEFAULT now() + interval '30 seconds',
    ADD COLUMN recovery_attempts integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT redemptions_coupon_check CHECK (
        (coupon_code IS NULL) = (campaign_code IS NULL)
        AND (coupon_code IS NOT NULL OR validation_method = 'PUMP_QR')) NOT VALID,
    ADD CONSTRAINT redemptions_flow_check CHECK (flow IN ('ONE_SHOT', 'TWO_STEP')) NOT VALID,
    ADD CONSTRAINT redemptions_base_tickets_check CHECK (
        base_tickets BETWEEN 0 AND 9900 AND (base_tickets = 0 OR validation_method = 'PUMP_QR')) NOT VALID,
    ADD CONSTRAINT redemptions_completion_sha256_check CHECK (
        completion_sha256 IS NULL OR octet_length(completion_sha256) = 32 AND flow = 'TWO_STEP') NOT VALID,
    ADD CONSTRAINT redemptions_recovery_attempts_check CHECK (recovery_attempts >= 0) NOT VALID;
COMMENT ON COLUMN redemption_schema.redemptions.flow IS
    'ONE_SHOT: PENDING means that the coupon is about to be consumed. TWO_STEP: PENDING was validated and waits for the '
    'fuel; the coupon is about to be consumed from IN_PROGRESS on.';
COMMENT ON COLUMN redemption_schema.redemptions.base_tickets IS
    'Tickets that the amount itself earns at the pump, on top of the coupon''s.';
COMMENT ON COLUMN redemption_schema.redemptions.is_shared IS
    'Its coupon is good for more uses than one, as the coupon service said: that it is used again tells nothing.';
COMMENT ON COLUMN redemption_schema.redemptions.completion_sha256 IS
    'Fingerprint of the second step''s request: the same one again gets the same answer, another is refused.';
COMMENT ON COLUMN redemption_schema.redemptions.recover_at IS
    'Before it nobody but the request itself drives the redemption on; a worker that takes it moves it ahead.';

-- Lists of what failed or was cancelled, which are few among all: of a station, and of all (list_of_station, list_all).
CREATE INDEX redemptions_ended_station_code_status_created_at_id_idx
    ON redemption_schema.redemptions (station_code, status, created_at DESC, id DESC)
    WHERE status IN ('FAILED', 'CANCELLED');
CREATE INDEX redemptions_ended_status_id_idx ON redemption_schema.redemptions (status, id DESC)
    WHERE status IN ('FAILED', 'CANCELLED');

ALTER TABLE redemption_schema.qr_validations
    ADD COLUMN fuel_type text,
    ADD CONSTRAINT qr_validations_fuel_type_check CHECK (fuel_type IN ('REGULAR', 'PREMIUM', 'DIESEL')) NOT VALID;
COMMENT ON COLUMN redemption_schema.qr_validations.fuel_type IS
    'What is pumped: a coupon may be for some fuels alone, so without it none is taken.';

-- Who works where --------------------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.employments (
    employee_number text NOT NULL,
    user_id uuid NOT NULL,
    station_code text NOT NULL,
    may_process_transactions boolean NOT NULL,
    is_active boolean NOT NULL,
    version bigint,
    as_of timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT employments_pk PRIMARY KEY (employee_number),
    CONSTRAINT employments_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'),
    CONSTRAINT employments_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$')
);
COMMENT ON TABLE redemption_schema.employments IS
    'Who works where and may process transactions, as the station service last told by event. Asked in the statement '
    'that begins a redemption, so that access is lost at once.';
COMMENT ON COLUMN redemption_schema.employments.user_id IS 'Personal data: the public id of the employee.';
COMMENT ON COLUMN redemption_schema.employments.version IS
    'The event''s number, which counts up with each word about an employment: an older one that comes late changes '
    'nothing. Where either has none, their times decide.';
COMMENT ON COLUMN redemption_schema.employments.as_of IS 'Time of the event.';
-- Export and erasure of a person.
CREATE INDEX employments_user_id_idx ON redemption_schema.employments (user_id);
CREATE TRIGGER employments_set_updated_at BEFORE UPDATE ON redemption_schema.employments
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE FUNCTION redemption_schema.may_process(p_employee_number text, p_user_id uuid, p_station_code text)
    RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (
        SELECT FROM redemption_schema.employments AS e
         WHERE e.employee_number = p_employee_number AND e.user_id = p_user_id AND e.station_code = p_station_code
           AND e.is_active AND e.may_process_transactions)
    $$;
COMMENT ON FUNCTION redemption_schema.may_process(text, uuid, text) IS
    'Whether this person works there now under this number and may process transactions.';

CREATE FUNCTION redemption_schema.may_serve(p_employee_number text, p_station_code text, p_driver uuid)
    RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (
        SELECT FROM redemption_schema.employments AS e
         WHERE e.employee_number = p_employee_number AND e.station_code = p_station_code
           AND e.is_active AND e.may_process_transactions AND e.user_id <> p_driver)
    $$;
COMMENT ON FUNCTION redemption_schema.may_serve(text, text, uuid) IS
    'Whether who has this number works there now, may process transactions, and is somebody else than this driver.';

-- The steps --------------------------------------------------------------------------------------------------------

CREATE FUNCTION redemption_schema.set_request_context(p_names text[], p_values text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM set_config('gasolinera.' || c.name, c.value, true) FROM unnest(p_names, p_values) AS c (name, value);
END
$$;
COMMENT ON FUNCTION redemption_schema.set_request_context(text[], text[]) IS
    'Who asks and in which request, for this transaction: so a step needs no statement before it.';

CREATE FUNCTION redemption_schema.redemption_facts(p_reference text) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
        'transaction_reference', r.transaction_reference, 'status', r.status, 'flow', r.flow, 'user_id', r.user_id,
        'coupon_code', r.coupon_code, 'campaign_code', r.campaign_code, 'station_code', r.station_code,
        'employee_number', r.employee_number, 'terminal_code', r.terminal_code, 'dispenser_code', r.dispenser_code,
        'validation_method', r.validation_method, 'fuel_type', r.fuel_type, 'fuel_litres', r.fuel_litres::text,
        'price_per_litre', r.price_per_litre::text, 'original_amount', r.original_amount::text,
        'discount_amount', r.discount_amount::text, 'final_amount', r.final_amount::text, 'currency', r.currency)
        || jsonb_build_object(
        'tickets_earned', r.tickets_earned, 'raffle_code', r.raffle_code, 'failure_code', r.failure_code,
        'failure_reason', r.failure_reason, 'cancellation_reason', r.cancellation_reason,
        'created_at', r.created_at, 'completed_at', r.completed_at, 'failed_at', r.failed_at,
        'cancelled_at', r.cancelled_at)
      FROM redemption_schema.redemptions AS r
     WHERE r.transaction_reference = p_reference
    $$;
COMMENT ON FUNCTION redemption_schema.redemption_facts(text) IS
    'What the service tells of a redemption, money and litres as text, which loses nothing in JSON.';

CREATE FUNCTION redemption_schema.begin_redemption(
    p_context_names text[], p_context_values text[], p_key text, p_request_sha256 bytea, p_flow text, p_asked_by uuid,
    p_employee_number text, p_station_code text, p_terminal_code text, p_user_id uuid, p_coupon_code text,
    p_campaign_code text, p_validation_method text, p_device_id text, p_dispenser_code text, p_fuel_type text,
    p_fuel_litres numeric, p_price_per_litre numeric, p_amount numeric, p_currency text, p_patience interval,
    p_is_shared boolean)
    RETURNS TABLE (outcome text, reference text, facts jsonb)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_reference text;
    v_sha256 bytea;
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    IF NOT redemption_schema.may_process(p_employee_number, p_asked_by, p_station_code) THEN
        RETURN QUERY SELECT 'NOT_EMPLOYED', NULL::text, NULL::jsonb;
        RETURN;
    END IF;
    IF p_user_id = p_asked_by THEN
        RETURN QUERY SELECT 'OWN', NULL::text, NULL::jsonb;
        RETURN;
    END IF;
    INSERT INTO redemption_schema.redemptions AS r (
        user_id, coupon_code, campaign_code, station_code, employee_number, terminal_code, dispenser_code,
        validation_method, device_id, fuel_type, fuel_litres, price_per_litre, original_amount, final_amount, currency,
        idempotency_key, request_sha256, flow, recover_at, is_shared)
    VALUES (
        p_user_id, p_coupon_code, p_campaign_code, p_station_code, p_employee_number, p_terminal_code, p_dispenser_code,
        p_validation_method, p_device_id, p_fuel_type, p_fuel_litres, p_price_per_litre, p_amount, p_amount, p_currency,
        p_key, p_request_sha256, p_flow, now() + p_patience, p_is_shared)
    ON CONFLICT ON CONSTRAINT redemptions_employee_number_idempotency_key_key DO NOTHING
    RETURNING r.transaction_reference INTO v_reference;
    IF FOUND THEN
        RETURN QUERY SELECT 'NEW', v_reference, NULL::jsonb;
        RETURN;
    END IF;
    SELECT r.transaction_reference, r.request_sha256 INTO v_reference, v_sha256
      FROM redemption_schema.redemptions AS r
     WHERE r.employee_number = p_employee_number AND r.idempotency_key = p_key;
    RETURN QUERY
    SELECT CASE WHEN v_sha256 = p_request_sha256 THEN 'REPEATED' ELSE 'OTHER_REQUEST' END, v_reference,
           redemption_schema.redemption_facts(v_reference);
END
$$;
COMMENT ON FUNCTION redemption_schema.begin_redemption(
    text[], text[], text, bytea, text, uuid, text, text, text, uuid, text, text, text, text, text, text, numeric,
    numeric, numeric, text, interval, boolean) IS
    'Writes the intent, PENDING. NEW, its facts are for the assessment to tell; REPEATED: the same request under the '
    'same key was here before; OTHER_REQUEST: another one was; NOT_EMPLOYED: who asks does not work there now, or may '
    'not process transactions; OWN: who asks is who would have the profit.';

CREATE FUNCTION redemption_schema.start_redemption(
    p_context_names text[], p_context_values text[], p_reference text, p_request_sha256 bytea, p_asked_by uuid,
    p_employee_number text, p_station_code text, p_fuel_type text, p_fuel_litres numeric, p_price_per_litre numeric,
    p_amount numeric)
    RETURNS TABLE (outcome text, facts jsonb)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v record;
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    IF NOT redemption_schema.may_process(p_employee_number, p_asked_by, p_station_code) THEN
        RETURN QUERY SELECT 'NOT_EMPLOYED', NULL::jsonb;
        RETURN;
    END IF;
    UPDATE redemption_schema.redemptions AS r
       SET status = 'IN_PROGRESS', original_amount = p_amount, final_amount = p_amount,
           fuel_type = coalesce(p_fuel_type, r.fuel_type), fuel_litres = p_fuel_litres,
           price_per_litre = p_price_per_litre, completion_sha256 = p_request_sha256,
           recover_at = now() + interval '30 seconds'
     WHERE r.transaction_reference = p_reference AND r.station_code = p_station_code
       AND r.flow = 'TWO_STEP' AND CASE r.status WHEN 'PENDING' THEN true ELSE false END
       AND r.recover_at > now() AND r.user_id <> p_asked_by;
    IF FOUND THEN
        RETURN QUERY SELECT 'STARTED', NULL::jsonb;
        RETURN;
    END IF;
    SELECT r.status, r.flow, r.completion_sha256, r.user_id INTO v
      FROM redemption_schema.redemptions AS r
     WHERE r.transaction_reference = p_reference AND r.station_code = p_station_code;
    RETURN QUERY
    SELECT CASE WHEN v.status IS NULL THEN 'UNKNOWN'
                WHEN v.completion_sha256 = p_request_sha256 THEN 'REPEATED'
                WHEN v.completion_sha256 IS NOT NULL THEN 'OTHER_REQUEST'
                WHEN v.user_id = p_asked_by THEN 'OWN'
                ELSE 'OVER' END,
           redemption_schema.redemption_facts(p_reference);
END
$$;
COMMENT ON FUNCTION redemption_schema.start_redemption(
    text[], text[], text, bytea, uuid, text, text, text, numeric, numeric, numeric) IS
    'The second step of a validated redemption, with what the pump says: STARTED, its facts are for the assessment to '
    'tell; REPEATED and OTHER_REQUEST as in begin_redemption; UNKNOWN, also for those of other stations; OWN as there; OVER: it ended without a second step, or its time for one is over.';

CREATE FUNCTION redemption_schema.complete_redemption(
    p_context_names text[], p_context_values text[], p_reference text, p_discount_amount numeric,
    p_coupon_tickets integer, p_raffle_code text)
    RETURNS TABLE (is_new boolean, facts jsonb)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_id bigint;
    v_method text;
    v_facts jsonb;
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    UPDATE redemption_schema.redemptions AS r
       SET status = 'COMPLETED', discount_amount = p_discount_amount,
           final_amount = r.original_amount - p_discount_amount, tickets_earned = r.base_tickets + p_coupon_tickets,
           raffle_code = p_raffle_code
     WHERE r.transaction_reference = p_reference
       -- With CASE, here and below, nobody takes the index of what is under way, which seems empty and is not: it holds
       -- all that other requests are at, and what was until the next vacuum.
       AND CASE r.status WHEN 'IN_PROGRESS' THEN true WHEN 'PENDING' THEN r.flow = 'ONE_SHOT' ELSE false END
    RETURNING r.id, r.validation_method INTO v_id, v_method;
    v_facts := redemption_schema.redemption_facts(p_reference);
    IF v_id IS NULL THEN
        RETURN QUERY SELECT false, v_facts;
        RETURN;
    END IF;
    IF v_method = 'PUMP_QR' THEN
        UPDATE redemption_schema.qr_validations AS q
           SET status = 'COMPLETED'
         WHERE q.redemption_id = v_id AND CASE q.status WHEN 'ACTIVATED' THEN true ELSE false END;
    END IF;
    INSERT INTO redemption_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    SELECT 'redemption.completed', 'redemption', p_reference,
           jsonb_build_object('reference', p_reference)
           || jsonb_object_agg(f.key, f.value) FILTER (WHERE f.key NOT IN (
               'transaction_reference', 'flow', 'failure_code', 'failure_reason', 'cancellation_reason', 'failed_at',
               'cancelled_at'))
      FROM jsonb_each(v_facts) AS f;
    RETURN QUERY SELECT true, v_facts;
END
$$;
COMMENT ON FUNCTION redemption_schema.complete_redemption(text[], text[], text, numeric, integer, text) IS
    'Completes what is under way, with its event; the trigger makes the tickets. One that is finished already stays.';

CREATE FUNCTION redemption_schema.fail_redemption(
    p_context_names text[], p_context_values text[], p_reference text, p_status text, p_failure_code text,
    p_failure_reason text)
    RETURNS TABLE (is_new boolean, facts jsonb)
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    UPDATE redemption_schema.redemptions AS r
       SET status = 'FAILED', failure_code = p_failure_code, failure_reason = p_failure_reason
     WHERE r.transaction_reference = p_reference AND r.status = p_status
       AND CASE WHEN r.status IN ('PENDING', 'IN_PROGRESS') THEN true ELSE false END;
    RETURN QUERY SELECT FOUND, redemption_schema.redemption_facts(p_reference);
END
$$;
COMMENT ON FUNCTION redemption_schema.fail_redemption(text[], text[], text, text, text, text) IS
    'Ends a redemption whose coupon was refused, or that the fraud rules blocked before it was asked for. Only one that '
    'still has the status in which it was judged: meanwhile another step may have used the coupon for it.';

CREATE FUNCTION redemption_schema.cancel_redemption(
    p_context_names text[], p_context_values text[], p_reference text, p_asked_by uuid, p_employee_number text,
    p_station_code text, p_reason text, p_within interval)
    RETURNS TABLE (outcome text, facts jsonb)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v record;
    v_facts jsonb;
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    IF p_employee_number IS NOT NULL
       AND NOT redemption_schema.may_process(p_employee_number, p_asked_by, p_station_code) THEN
        RETURN QUERY SELECT 'NOT_EMPLOYED', NULL::jsonb;
        RETURN;
    END IF;
    SELECT r.status, r.flow, r.completed_at INTO v
      FROM redemption_schema.redemptions AS r
     WHERE r.transaction_reference = p_reference AND r.station_code = coalesce(p_station_code, r.station_code)
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'UNKNOWN', NULL::jsonb;
    ELSIF v.status = 'COMPLETED' AND v.completed_at <= now() - p_within THEN
        RETURN QUERY SELECT 'TOO_LATE', redemption_schema.redemption_facts(p_reference);
    ELSIF v.status = 'COMPLETED' OR v.status = 'PENDING' AND v.flow = 'TWO_STEP' THEN
        UPDATE redemption_schema.redemptions AS r
           SET status = 'CANCELLED', cancellation_reason = p_reason
         WHERE r.transaction_reference = p_reference;
        v_facts := redemption_schema.redemption_facts(p_reference);
        IF v.status = 'COMPLETED' THEN
            INSERT INTO redemption_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
            SELECT 'redemption.cancelled', 'redemption', p_reference,
                   jsonb_build_object('reference', p_reference)
                   || jsonb_object_agg(f.key, f.value) FILTER (WHERE f.key NOT IN (
                       'transaction_reference', 'flow', 'failure_code', 'failure_reason', 'cancellation_reason',
                       'failed_at'))
              FROM jsonb_each(v_facts) AS f;
        END IF;
        RETURN QUERY SELECT 'CANCELLED', v_facts;
    ELSE
        RETURN QUERY
        SELECT CASE v.status WHEN 'CANCELLED' THEN 'REPEATED' WHEN 'FAILED' THEN 'FAILED' ELSE 'UNDER_WAY' END,
               redemption_schema.redemption_facts(p_reference);
    END IF;
END
$$;
COMMENT ON FUNCTION redemption_schema.cancel_redemption(
    text[], text[], text, uuid, text, text, text, interval) IS
    'Cancels what completed lately, or was validated only; the trigger takes the tickets back. UNDER_WAY: its coupon is '
    'being consumed, and it ends by itself. No event for one that never completed: nobody was told of it.';

CREATE FUNCTION redemption_schema.begin_pump_redemption(
    p_context_names text[], p_context_values text[], p_nonce uuid, p_user_id uuid, p_coupon_code text,
    p_campaign_code text, p_device_id text, p_is_shared boolean)
    RETURNS TABLE (outcome text, reference text, facts jsonb)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_code record;
    v_earlier record;
    v_id bigint;
    v_reference text;
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    SELECT q.id, q.status, q.station_code, q.dispenser_code, q.employee_number, q.amount, q.currency, q.base_tickets,
           q.redemption_id, q.expires_at, q.fuel_type
      INTO v_code
      FROM redemption_schema.qr_validations AS q
     WHERE q.nonce = p_nonce AND q.scanned_by = p_user_id AND q.amount IS NOT NULL
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'UNKNOWN', NULL::text, NULL::jsonb;
        RETURN;
    END IF;
    SELECT r.transaction_reference, r.status, r.coupon_code INTO v_earlier
      FROM redemption_schema.redemptions AS r WHERE r.id = v_code.redemption_id;
    IF FOUND AND v_earlier.status <> 'FAILED' THEN
        RETURN QUERY
        SELECT CASE WHEN v_earlier.coupon_code IS NOT DISTINCT FROM p_coupon_code THEN 'REPEATED' ELSE 'BUSY' END,
               v_earlier.transaction_reference, redemption_schema.redemption_facts(v_earlier.transaction_reference);
        RETURN;
    END IF;
    IF v_code.status NOT IN ('SCANNED', 'ACTIVATED') OR v_code.expires_at <= now()
       OR NOT redemption_schema.may_serve(v_code.employee_number, v_code.station_code, p_user_id) THEN
        RETURN QUERY SELECT 'EXPIRED', NULL::text, NULL::jsonb;
        RETURN;
    END IF;
    IF p_coupon_code IS NOT NULL AND v_code.fuel_type IS NULL THEN
        RETURN QUERY SELECT 'NO_FUEL', NULL::text, NULL::jsonb;
        RETURN;
    END IF;
    INSERT INTO redemption_schema.redemptions AS r (
        user_id, coupon_code, campaign_code, station_code, employee_number, dispenser_code, validation_method, device_id,
        fuel_type, original_amount, final_amount, currency, idempotency_key, base_tickets, is_shared)
    VALUES (
        p_user_id, p_coupon_code, p_campaign_code, v_code.station_code, v_code.employee_number, v_code.dispenser_code,
        'PUMP_QR', p_device_id, v_code.fuel_type, v_code.amount, v_code.amount, v_code.currency,
        'pump-' || gen_random_uuid(), v_code.base_tickets, p_is_shared)
    RETURNING r.id, r.transaction_reference INTO v_id, v_reference;
    UPDATE redemption_schema.qr_validations AS q
       SET status = 'ACTIVATED', redemption_id = v_id
     WHERE q.id = v_code.id;
    RETURN QUERY SELECT 'NEW', v_reference, NULL::jsonb;
END
$$;
COMMENT ON FUNCTION redemption_schema.begin_pump_redemption(text[], text[], uuid, uuid, text, text, text, boolean) IS
    'Activates the pump code that this driver scanned: NEW, its facts are for the assessment to tell; REPEATED: with the '
    'same coupon before; BUSY: with another, or none; EXPIRED, also where who showed it '
    'serves there no more; NO_FUEL: it names none, so no coupon can be judged; UNKNOWN. After a refused coupon the same '
    'code may be activated again, while it is good.';

-- Rights -----------------------------------------------------------------------------------------------------------

GRANT INSERT (flow, base_tickets, is_shared, recover_at),
      UPDATE (completion_sha256, recover_at, recovery_attempts),
      SELECT (flow, base_tickets, is_shared, completion_sha256, recover_at, recovery_attempts)
      ON redemption_schema.redemptions TO redemption_app;
GRANT SELECT (flow, base_tickets, is_shared, completion_sha256, recover_at, recovery_attempts)
      ON redemption_schema.redemptions TO redemption_ro;
GRANT SELECT,
      INSERT (employee_number, user_id, station_code, may_process_transactions, is_active, version, as_of),
      UPDATE (user_id, station_code, may_process_transactions, is_active, version, as_of)
      ON redemption_schema.employments TO redemption_app;
GRANT SELECT ON redemption_schema.employments TO redemption_ro;
GRANT INSERT (fuel_type) ON redemption_schema.qr_validations TO redemption_app;
GRANT EXECUTE ON FUNCTION
    redemption_schema.may_process(text, uuid, text),
    redemption_schema.may_serve(text, text, uuid),
    redemption_schema.set_request_context(text[], text[]),
    redemption_schema.redemption_facts(text),
    redemption_schema.begin_redemption(
        text[], text[], text, bytea, text, uuid, text, text, text, uuid, text, text, text, text, text, text, numeric,
        numeric, numeric, text, interval, boolean),
    redemption_schema.start_redemption(
        text[], text[], text, bytea, uuid, text, text, text, numeric, numeric, numeric),
    redemption_schema.complete_redemption(text[], text[], text, numeric, integer, text),
    redemption_schema.fail_redemption(text[], text[], text, text, text, text),
    redemption_schema.cancel_redemption(text[], text[], text, uuid, text, text, text, interval),
    redemption_schema.begin_pump_redemption(text[], text[], uuid, uuid, text, text, text, boolean)
    TO redemption_app;
