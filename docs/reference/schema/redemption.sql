-- The schema redemption_schema, as `vuelo dump` writes it. Change the migrations, not this file.
SET check_function_bodies = off;
SET search_path = pg_catalog;
CREATE SCHEMA redemption_schema AUTHORIZATION redemption_owner;
SET ROLE redemption_owner;
GRANT USAGE ON SCHEMA redemption_schema TO redemption_app;
GRANT USAGE ON SCHEMA redemption_schema TO redemption_ro;

CREATE TYPE redemption_schema.fraud_attempt AS (
    transaction_reference text,
    user_id uuid,
    coupon_code text,
    station_code text,
    employee_number text,
    device_id text,
    amount numeric,
    currency text,
    attempted_at timestamp with time zone,
    known_until timestamp with time zone
);
COMMENT ON TYPE redemption_schema.fraud_attempt IS 'What is assessed. known_until: nothing recorded from then on counts; a moment to come for the attempt at hand, its own time for one of the past.';

CREATE TYPE redemption_schema.fraud_rule_set AS (
    rule_names text[],
    kinds text[],
    parameters jsonb[],
    points integer[],
    versions integer[]
);
COMMENT ON TYPE redemption_schema.fraud_rule_set IS 'Rules by which an attempt is scored; arrays of one length.';

CREATE SEQUENCE redemption_schema.transaction_reference_seq;
COMMENT ON SEQUENCE redemption_schema.transaction_reference_seq IS 'The number within a transaction reference.';
GRANT USAGE ON SEQUENCE redemption_schema.transaction_reference_seq TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.are_fraud_parameters(p_kind text, p_parameters jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
BEGIN
    IF jsonb_typeof(p_parameters) <> 'object' THEN
        RETURN false;
    END IF;
    RETURN (SELECT count(*) > 0
               AND bool_and(CASE WHEN jsonb_typeof(p_parameters -> f.parameter) = 'number'
                                 THEN (p_parameters ->> f.parameter)::numeric BETWEEN f.lowest AND f.highest
                                  AND (p_parameters ->> f.parameter)::numeric % 1 = 0
                                 ELSE false END)
               AND count(*) = (SELECT count(*) FROM jsonb_object_keys(p_parameters))
              FROM redemption_schema.fraud_parameters() AS f
             WHERE f.kind = p_kind);
END
$function$;
COMMENT ON FUNCTION redemption_schema.are_fraud_parameters(p_kind text, p_parameters jsonb) IS 'Whether these are exactly the parameters of that kind of rule, within their bounds.';
REVOKE EXECUTE ON FUNCTION redemption_schema.are_fraud_parameters(p_kind text, p_parameters jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.are_fraud_parameters(p_kind text, p_parameters jsonb) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.assess_begun(p_context_names text[], p_context_values text[], p_reference text)
 RETURNS jsonb
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION redemption_schema.assess_begun(p_context_names text[], p_context_values text[], p_reference text) IS 'Assesses what begin_redemption, begin_pump_redemption or start_redemption has just written; FAILED where the rules block it, or where the driver''s account was erased. Gives the redemption as it is then. Locks its user and device, as assess_redemption does.';
REVOKE EXECUTE ON FUNCTION redemption_schema.assess_begun(p_context_names text[], p_context_values text[], p_reference text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.assess_begun(p_context_names text[], p_context_values text[], p_reference text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.assess_redemption(p_transaction_reference text, p_user_id uuid, p_coupon_code text, p_station_code text, p_employee_number text, p_device_id text, p_amount numeric, p_currency text)
 RETURNS TABLE(detection_id uuid, risk_score integer, decision text, fraud_type text, rule_points jsonb)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    v_detection_id CONSTANT uuid := gen_random_uuid();
    v_attempt CONSTANT redemption_schema.fraud_attempt := ROW(
        p_transaction_reference, p_user_id, p_coupon_code, p_station_code, p_employee_number, p_device_id, p_amount,
        -- No attempt at the same time has a later moment than this; months beyond it are not looked at.
        p_currency, now(), now() + interval '1 hour');
    v_rules redemption_schema.fraud_rule_set;
    v_thresholds redemption_schema.fraud_thresholds;
    v_scored record;
BEGIN
    -- Two attempts of one user or one device follow each other, so that the second one sees the first. Users before
    -- devices: nobody who holds a device waits for a user. What two numbers share by accident only waits.
    PERFORM pg_advisory_xact_lock(80051, hashtext(p_user_id::text));
    IF p_device_id IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(80052, hashtext(p_device_id));
    END IF;

    SELECT t.* INTO STRICT v_thresholds FROM redemption_schema.fraud_thresholds AS t;
    SELECT array_agg(r.rule_name), array_agg(r.kind), array_agg(r.parameters), array_agg(r.points),
           array_agg(r.version)
      INTO v_rules
      FROM redemption_schema.fraud_rules AS r
     WHERE r.is_enabled;
    SELECT s.* INTO STRICT v_scored
      FROM redemption_schema.score_attempt(v_attempt, v_rules, v_thresholds) AS s;
    INSERT INTO redemption_schema.fraud_detection_log
           (detection_id, transaction_reference, user_id, coupon_code, station_code, employee_number, device_id,
            fraud_type, risk_score, action_taken, rule_points, details)
    VALUES (v_detection_id, p_transaction_reference, p_user_id, p_coupon_code, p_station_code, p_employee_number,
            p_device_id, v_scored.fraud_type, v_scored.risk_score, v_scored.decision, v_scored.rule_points,
            v_scored.details);
    RETURN QUERY
    SELECT v_detection_id, v_scored.risk_score, v_scored.decision, v_scored.fraud_type, v_scored.rule_points;
END
$function$;
COMMENT ON FUNCTION redemption_schema.assess_redemption(p_transaction_reference text, p_user_id uuid, p_coupon_code text, p_station_code text, p_employee_number text, p_device_id text, p_amount numeric, p_currency text) IS 'Scores an attempt by the enabled rules, records it in fraud_detection_log, and says what to do: ALLOWED, FLAGGED and
ALLOWED_WITH_REVIEW go on, BLOCKED does not. Called in the transaction that writes the redemption as PENDING, after the
row and before the coupon is asked. p_device_id is the driver''s own device, never a terminal of the station: that one''s
redemptions are everybody''s. Holds the user, and the device, until the transaction ends: one attempt a transaction.';
REVOKE EXECUTE ON FUNCTION redemption_schema.assess_redemption(p_transaction_reference text, p_user_id uuid, p_coupon_code text, p_station_code text, p_employee_number text, p_device_id text, p_amount numeric, p_currency text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.assess_redemption(p_transaction_reference text, p_user_id uuid, p_coupon_code text, p_station_code text, p_employee_number text, p_device_id text, p_amount numeric, p_currency text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.audit_fraud()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_row CONSTANT jsonb := to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END);
    -- Of a review, what people do to it; the facts do not change, and are someone's.
    v_kept CONSTANT text[] := CASE TG_ARGV[0]
        WHEN 'RULE' THEN ARRAY['kind', 'parameters', 'points', 'is_enabled', 'version']
        WHEN 'THRESHOLDS' THEN ARRAY['flagged_from', 'review_from', 'blocked_from', 'version']
        ELSE ARRAY['status', 'taken_by', 'resolution', 'reviewed_by', 'notes'] END;
BEGIN
    INSERT INTO redemption_schema.fraud_audit_log (event_type, subject, old_values, new_values)
    SELECT TG_ARGV[0] || '_' || TG_OP, coalesce(v_row ->> 'rule_name', v_row ->> 'detection_id', 'thresholds'),
           CASE WHEN TG_OP <> 'INSERT' THEN (
               SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(to_jsonb(OLD)) AS e WHERE e.key = ANY (v_kept))
           END,
           CASE WHEN TG_OP <> 'DELETE' THEN (
               SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(to_jsonb(NEW)) AS e WHERE e.key = ANY (v_kept))
           END;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.audit_fraud() IS 'AFTER trigger: what was changed, before and after.';
REVOKE EXECUTE ON FUNCTION redemption_schema.audit_fraud() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.await_points_expiry()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO redemption_schema.points_expirations (user_id, entry_number, expires_at)
    SELECT n.user_id, n.entry_number, n.expires_at FROM new_rows AS n WHERE n.expires_at IS NOT NULL;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.await_points_expiry() IS 'Keeps in mind which earnings end, and when.';
REVOKE EXECUTE ON FUNCTION redemption_schema.await_points_expiry() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.begin_offline_redemption(p_context_names text[], p_context_values text[], p_terminal_code text, p_sequence bigint, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_currency text)
 RETURNS jsonb
 LANGUAGE plpgsql
AS $function$
DECLARE
    v redemption_schema.offline_redemptions;
    v_reason text;
    v_reference text;
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    SELECT o.* INTO STRICT v
      FROM redemption_schema.offline_redemptions AS o
     WHERE o.terminal_code = p_terminal_code AND o.sequence = p_sequence FOR NO KEY UPDATE;
    IF v.transaction_reference IS NOT NULL THEN
        RETURN redemption_schema.redemption_facts(v.transaction_reference);
    ELSIF v.status <> 'RECEIVED' THEN
        RETURN NULL;
    END IF;
    v_reason := CASE
        WHEN p_user_id IS NULL THEN 'NO_CUSTOMER'
        WHEN EXISTS (SELECT FROM redemption_schema.erased_users AS u WHERE u.user_id = p_user_id)
            THEN 'USER_NOT_ELIGIBLE'
        -- Whose a personal coupon is, only the coupon service can tell: nobody knew it when this was accepted.
        WHEN v.accepted_by = p_user_id THEN 'OWN_CASE'
        WHEN p_currency <> v.currency THEN 'OTHER_CURRENCY'
        WHEN v.amount <> round(v.fuel_litres * v.price_per_litre, CASE v.currency WHEN 'CRC' THEN 0 ELSE 2 END)
            THEN 'OTHER_AMOUNT'
        WHEN v.accepted_by IS NULL AND EXISTS (
            SELECT FROM redemption_schema.offline_leases AS l
             WHERE l.lease_id = v.lease_id AND p_campaign_code <> ALL (l.campaign_codes)) THEN 'OUT_OF_SCOPE'
        WHEN EXISTS (
            SELECT FROM redemption_schema.employments AS e
             WHERE e.employee_number = v.employee_number AND e.user_id = p_user_id) THEN 'SERVED_HIMSELF'
        -- Whoever accepts it says that the employee worked there at the time.
        WHEN v.accepted_by IS NULL
            AND NOT redemption_schema.may_serve(v.employee_number, v.station_code, p_user_id) THEN 'NOT_EMPLOYED'
        END;
    IF v_reason IS NOT NULL THEN
        UPDATE redemption_schema.offline_redemptions AS o
           SET status = 'CONFLICT', reason = v_reason, user_id = coalesce(o.user_id, p_user_id)
         WHERE o.terminal_code = p_terminal_code AND o.sequence = p_sequence;
        RETURN NULL;
    END IF;
    INSERT INTO redemption_schema.redemptions AS r (
        user_id, coupon_code, campaign_code, station_code, employee_number, terminal_code, dispenser_code,
        validation_method, fuel_type, fuel_litres, price_per_litre, original_amount, final_amount, currency,
        idempotency_key, request_sha256, flow)
    VALUES (
        p_user_id, p_coupon_code, p_campaign_code, v.station_code, v.employee_number, v.terminal_code, v.dispenser_code,
        'QR_SCAN', v.fuel_type, v.fuel_litres, v.price_per_litre, v.amount, v.amount, v.currency,
        'offline-' || gen_random_uuid(), v.entry_sha256, 'OFFLINE')
    RETURNING r.transaction_reference INTO v_reference;
    UPDATE redemption_schema.redemptions AS r SET status = 'IN_PROGRESS' WHERE r.transaction_reference = v_reference;
    UPDATE redemption_schema.offline_redemptions AS o
       SET transaction_reference = v_reference, user_id = p_user_id
     WHERE o.terminal_code = p_terminal_code AND o.sequence = p_sequence;
    RETURN redemption_schema.redemption_facts(v_reference);
END
$function$;
COMMENT ON FUNCTION redemption_schema.begin_offline_redemption(p_context_names text[], p_context_values text[], p_terminal_code text, p_sequence bigint, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_currency text) IS 'The redemption of an entry, IN_PROGRESS, made once; NULL where there is none: the entry is a conflict, now or before. The fraud rules do not judge it: it has happened, at another moment than now. Locks the entry.';
REVOKE EXECUTE ON FUNCTION redemption_schema.begin_offline_redemption(p_context_names text[], p_context_values text[], p_terminal_code text, p_sequence bigint, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_currency text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.begin_offline_redemption(p_context_names text[], p_context_values text[], p_terminal_code text, p_sequence bigint, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_currency text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.begin_pump_redemption(p_context_names text[], p_context_values text[], p_nonce uuid, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_device_id text, p_is_shared boolean)
 RETURNS TABLE(outcome text, reference text, facts jsonb)
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION redemption_schema.begin_pump_redemption(p_context_names text[], p_context_values text[], p_nonce uuid, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_device_id text, p_is_shared boolean) IS 'Activates the pump code that this driver scanned: NEW, its facts are for the assessment to tell; REPEATED: with the same coupon before; BUSY: with another, or none; EXPIRED, also where who showed it serves there no more; NO_FUEL: it names none, so no coupon can be judged; UNKNOWN. After a refused coupon the same code may be activated again, while it is good.';
REVOKE EXECUTE ON FUNCTION redemption_schema.begin_pump_redemption(p_context_names text[], p_context_values text[], p_nonce uuid, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_device_id text, p_is_shared boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.begin_pump_redemption(p_context_names text[], p_context_values text[], p_nonce uuid, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_device_id text, p_is_shared boolean) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.begin_redemption(p_context_names text[], p_context_values text[], p_key text, p_request_sha256 bytea, p_flow text, p_asked_by uuid, p_employee_number text, p_station_code text, p_terminal_code text, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_validation_method text, p_device_id text, p_dispenser_code text, p_fuel_type text, p_fuel_litres numeric, p_price_per_litre numeric, p_amount numeric, p_currency text, p_patience interval, p_is_shared boolean)
 RETURNS TABLE(outcome text, reference text, facts jsonb)
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION redemption_schema.begin_redemption(p_context_names text[], p_context_values text[], p_key text, p_request_sha256 bytea, p_flow text, p_asked_by uuid, p_employee_number text, p_station_code text, p_terminal_code text, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_validation_method text, p_device_id text, p_dispenser_code text, p_fuel_type text, p_fuel_litres numeric, p_price_per_litre numeric, p_amount numeric, p_currency text, p_patience interval, p_is_shared boolean) IS 'Writes the intent, PENDING. NEW, its facts are for the assessment to tell; REPEATED: the same request under the same key was here before; OTHER_REQUEST: another one was; NOT_EMPLOYED: who asks does not work there now, or may not process transactions; OWN: who asks is who would have the profit.';
REVOKE EXECUTE ON FUNCTION redemption_schema.begin_redemption(p_context_names text[], p_context_values text[], p_key text, p_request_sha256 bytea, p_flow text, p_asked_by uuid, p_employee_number text, p_station_code text, p_terminal_code text, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_validation_method text, p_device_id text, p_dispenser_code text, p_fuel_type text, p_fuel_litres numeric, p_price_per_litre numeric, p_amount numeric, p_currency text, p_patience interval, p_is_shared boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.begin_redemption(p_context_names text[], p_context_values text[], p_key text, p_request_sha256 bytea, p_flow text, p_asked_by uuid, p_employee_number text, p_station_code text, p_terminal_code text, p_user_id uuid, p_coupon_code text, p_campaign_code text, p_validation_method text, p_device_id text, p_dispenser_code text, p_fuel_type text, p_fuel_litres numeric, p_price_per_litre numeric, p_amount numeric, p_currency text, p_patience interval, p_is_shared boolean) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.book_points()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NEW.redemption_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM redemption_schema.redemptions AS r WHERE r.id = NEW.redemption_id AND r.user_id = NEW.user_id
    ) THEN
        RAISE EXCEPTION 'the points belong to no redemption of this user'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'points_ledger_redemption_id_fk';
    END IF;
    -- The upsert locks the account, so entries of one account follow each other. Row by row, because each entry
    -- carries the balance after it. A batch over several accounts should be in the order of user_id, or two of them
    -- may deadlock.
    INSERT INTO redemption_schema.points_accounts AS a (user_id, balance, entry_count)
    VALUES (NEW.user_id, NEW.points, 1)
        ON CONFLICT (user_id) DO UPDATE
       SET balance = a.balance + NEW.points, entry_count = a.entry_count + 1
    RETURNING a.balance, a.entry_count INTO NEW.balance_after, NEW.entry_number;
    -- The unique key alone would not do: under ON CONFLICT DO NOTHING the entry would be skipped and the account not.
    IF EXISTS (
        SELECT FROM redemption_schema.points_ledger AS l
         WHERE l.user_id = NEW.user_id AND l.entry_type = NEW.entry_type AND l.source_reference = NEW.source_reference
    ) THEN
        RAISE EXCEPTION 'points of % % are booked already', NEW.entry_type, NEW.source_reference
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'points_ledger_user_id_entry_type_source_reference_key';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.book_points() IS 'Gives a ledger entry its number and its balance, under the account''s lock; its redemption is one of the owner.';
REVOKE EXECUTE ON FUNCTION redemption_schema.book_points() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.cancel_redemption(p_context_names text[], p_context_values text[], p_reference text, p_asked_by uuid, p_employee_number text, p_station_code text, p_reason text, p_within interval)
 RETURNS TABLE(outcome text, facts jsonb)
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION redemption_schema.cancel_redemption(p_context_names text[], p_context_values text[], p_reference text, p_asked_by uuid, p_employee_number text, p_station_code text, p_reason text, p_within interval) IS 'Cancels what completed lately, or was validated only; the trigger takes the tickets back. UNDER_WAY: its coupon is being consumed, and it ends by itself. No event for one that never completed: nobody was told of it.';
REVOKE EXECUTE ON FUNCTION redemption_schema.cancel_redemption(p_context_names text[], p_context_values text[], p_reference text, p_asked_by uuid, p_employee_number text, p_station_code text, p_reason text, p_within interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.cancel_redemption(p_context_names text[], p_context_values text[], p_reference text, p_asked_by uuid, p_employee_number text, p_station_code text, p_reason text, p_within interval) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.complete_redemption(p_context_names text[], p_context_values text[], p_reference text, p_discount_amount numeric, p_coupon_tickets integer, p_raffle_code text)
 RETURNS TABLE(is_new boolean, facts jsonb)
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION redemption_schema.complete_redemption(p_context_names text[], p_context_values text[], p_reference text, p_discount_amount numeric, p_coupon_tickets integer, p_raffle_code text) IS 'Completes what is under way, with its event; the trigger makes the tickets. One that is finished already stays.';
REVOKE EXECUTE ON FUNCTION redemption_schema.complete_redemption(p_context_names text[], p_context_values text[], p_reference text, p_discount_amount numeric, p_coupon_tickets integer, p_raffle_code text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.complete_redemption(p_context_names text[], p_context_values text[], p_reference text, p_discount_amount numeric, p_coupon_tickets integer, p_raffle_code text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.count_fraud_version()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.count_fraud_version() IS 'BEFORE UPDATE trigger: each change is a new version.';
REVOKE EXECUTE ON FUNCTION redemption_schema.count_fraud_version() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.date_redemption()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.business_day := timezone(
        coalesce((SELECT p.time_zone FROM redemption_schema.station_positions AS p
                   WHERE p.station_code = NEW.station_code), 'UTC'),
        NEW.completed_at)::date;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.date_redemption() IS 'Which day a redemption counts in, its cancellation too. Fires after redemptions_guard, which sets the time.';
REVOKE EXECUTE ON FUNCTION redemption_schema.date_redemption() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.ensure_all_month_partitions(p_months_ahead integer DEFAULT 3)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_today date := (now() AT TIME ZONE 'UTC')::date;
    v_table text;
    v_made integer := 0;
BEGIN
    IF p_months_ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months ahead must be 0 to 24, not %', p_months_ahead
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR v_table IN
        SELECT c.relname
          FROM pg_partitioned_table AS p
          JOIN pg_class AS c ON c.oid = p.partrelid
         WHERE c.relnamespace = 'redemption_schema'::regnamespace
         ORDER BY c.relname
    LOOP
        v_made := v_made + redemption_schema.ensure_month_partitions(
            v_table, v_today, (v_today + make_interval(months => p_months_ahead + 1))::date);
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION redemption_schema.ensure_all_month_partitions(p_months_ahead integer) IS 'Makes this month''s partitions and those of the months ahead for every partitioned table of the schema; run at each start.';
REVOKE EXECUTE ON FUNCTION redemption_schema.ensure_all_month_partitions(p_months_ahead integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.ensure_all_month_partitions(p_months_ahead integer) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.ensure_month_partitions(p_table text, p_from date, p_until date)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_month date := date_trunc('month', p_from::timestamp)::date;
    v_next date;
    v_partition text;
    v_made integer := 0;
BEGIN
    -- ATTACH of a separate table takes no lock that stops readers or writers of the parent; PARTITION OF would.
    PERFORM pg_advisory_xact_lock(hashtextextended('redemption_schema.' || p_table, 0));
    WHILE v_month < p_until LOOP
        v_next := (v_month + interval '1 month')::date;
        v_partition := p_table || to_char(v_month, '"_"YYYY"_"MM');
        IF to_regclass(format('redemption_schema.%I', v_partition)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE redemption_schema.%I (LIKE redemption_schema.%I INCLUDING ALL EXCLUDING IDENTITY)',
                v_partition, p_table);
            EXECUTE format(
                'ALTER TABLE redemption_schema.%I ATTACH PARTITION redemption_schema.%I FOR VALUES FROM (%L) TO (%L)',
                p_table, v_partition,
                to_char(v_month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(v_next, 'YYYY-MM-DD') || ' 00:00:00+00');
            v_made := v_made + 1;
        END IF;
        v_month := v_next;
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION redemption_schema.ensure_month_partitions(p_table text, p_from date, p_until date) IS 'Makes the missing partitions (UTC months) of one table for [from, until); returns how many it made.';
REVOKE EXECUTE ON FUNCTION redemption_schema.ensure_month_partitions(p_table text, p_from date, p_until date) FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.enter_free(p_user_id uuid, p_raffle_code text)
 RETURNS TABLE(outcome text, issuance_id uuid, again_at timestamp with time zone)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    v_raffle redemption_schema.ticket_raffles;
    v_day date;
    v_number integer;
    v_issuance uuid;
BEGIN
    SELECT * INTO v_raffle
      FROM redemption_schema.ticket_raffles AS r
     WHERE r.raffle_code = p_raffle_code AND r.free_entries_per_day > 0 AND r.opens_at <= now() AND now() < r.closes_at;
    IF NOT FOUND THEN
        RETURN QUERY VALUES ('CLOSED', NULL::uuid, NULL::timestamptz);
        RETURN;
    END IF;
    v_day := timezone(v_raffle.time_zone, now())::date;
    -- One request of a person after the other, so that the second one counts the first. Were this lock missing, the
    -- key would refuse the second.
    PERFORM pg_advisory_xact_lock(hashtextextended('free entry of ' || p_user_id, 0));
    SELECT count(*) + 1 INTO v_number
      FROM redemption_schema.free_entries AS e
     WHERE e.raffle_code = p_raffle_code AND e.user_id = p_user_id AND e.entry_day = v_day;
    IF v_number > v_raffle.free_entries_per_day THEN
        RETURN QUERY VALUES ('LIMIT', NULL::uuid, timezone(v_raffle.time_zone, (v_day + 1)::timestamp));
        RETURN;
    END IF;
    SELECT i.issuance_id INTO STRICT v_issuance
      FROM redemption_schema.issue_tickets(
               'FREE_ENTRY', ARRAY['free-entry ' || gen_random_uuid()], ARRAY[p_user_id], ARRAY[1],
               p_raffle_codes => ARRAY[p_raffle_code]) AS i;
    INSERT INTO redemption_schema.free_entries (raffle_code, user_id, entry_day, entry_number, issuance_id)
    VALUES (p_raffle_code, p_user_id, v_day, v_number, v_issuance);
    RETURN QUERY VALUES ('ISSUED', v_issuance, NULL::timestamptz);
END
$function$;
COMMENT ON FUNCTION redemption_schema.enter_free(p_user_id uuid, p_raffle_code text) IS 'One ticket without purchase. Outcome ISSUED; CLOSED: the raffle gives none now; LIMIT: the person had those of this day, again_at is when the next day begins in the raffle''s zone. Locks the person''s free entries.';
REVOKE EXECUTE ON FUNCTION redemption_schema.enter_free(p_user_id uuid, p_raffle_code text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.enter_free(p_user_id uuid, p_raffle_code text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.expire_points(p_limit integer, p_user_id uuid DEFAULT NULL::uuid)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_user_ids uuid[] := ARRAY[p_user_id];
    v_count integer;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF p_user_id IS NULL THEN
        SELECT array_agg(DISTINCT d.user_id) INTO v_user_ids
          FROM (SELECT e.user_id FROM redemption_schema.points_expirations AS e
                 WHERE e.expires_at <= now() ORDER BY e.expires_at LIMIT p_limit) AS d;
    END IF;
    -- The accounts are locked before their entries are read: nobody spends what expires below. In one order, as the
    -- ledger's trigger locks them.
    PERFORM FROM redemption_schema.points_accounts AS a
      WHERE a.user_id = ANY (v_user_ids)
      ORDER BY a.user_id
        FOR UPDATE;
    INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference)
    SELECT r.user_id, 'EXPIRED', -r.remainder, 'ENTRY-' || r.entry_number
      FROM redemption_schema.points_remainders(v_user_ids) AS r
      JOIN redemption_schema.points_expirations AS d ON d.user_id = r.user_id AND d.entry_number = r.entry_number
     WHERE d.expires_at <= now() AND r.remainder > 0
     ORDER BY r.user_id, r.entry_number;
    DELETE FROM redemption_schema.points_expirations AS d
     WHERE d.user_id = ANY (v_user_ids) AND d.expires_at <= now();
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION redemption_schema.expire_points(p_limit integer, p_user_id uuid) IS 'Expires what is left of earnings whose time has come: of one account, or of the accounts of the p_limit that are due longest. Returns how many earnings it settled; 0: none is due. Locks the accounts.';
REVOKE EXECUTE ON FUNCTION redemption_schema.expire_points(p_limit integer, p_user_id uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.expire_points(p_limit integer, p_user_id uuid) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.fail_redemption(p_context_names text[], p_context_values text[], p_reference text, p_status text, p_failure_code text, p_failure_reason text)
 RETURNS TABLE(is_new boolean, facts jsonb)
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    UPDATE redemption_schema.redemptions AS r
       SET status = 'FAILED', failure_code = p_failure_code, failure_reason = p_failure_reason
     WHERE r.transaction_reference = p_reference AND r.status = p_status
       AND CASE WHEN r.status IN ('PENDING', 'IN_PROGRESS') THEN true ELSE false END;
    RETURN QUERY SELECT FOUND, redemption_schema.redemption_facts(p_reference);
END
$function$;
COMMENT ON FUNCTION redemption_schema.fail_redemption(p_context_names text[], p_context_values text[], p_reference text, p_status text, p_failure_code text, p_failure_reason text) IS 'Ends a redemption whose coupon was refused, or that the fraud rules blocked before it was asked for. Only one that still has the status in which it was judged: meanwhile another step may have used the coupon for it.';
REVOKE EXECUTE ON FUNCTION redemption_schema.fail_redemption(p_context_names text[], p_context_values text[], p_reference text, p_status text, p_failure_code text, p_failure_reason text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.fail_redemption(p_context_names text[], p_context_values text[], p_reference text, p_status text, p_failure_code text, p_failure_reason text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.fold_report_changes(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_as_of timestamptz;
    v_redemptions bigint[];
    v_became text[];
    v_count integer;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM redemption_schema.report_states AS s WHERE s.report_name = 'redemption_days' FOR UPDATE;
    -- Before the next statement looks, so that nothing committed by then is missed.
    v_as_of := clock_timestamp();
    WITH taken AS (
        DELETE FROM redemption_schema.report_changes AS c
         USING (SELECT o.id FROM redemption_schema.report_changes AS o ORDER BY o.id LIMIT p_limit) AS d
         WHERE c.id = d.id
        RETURNING c.redemption_id, c.became
    )
    SELECT array_agg(t.redemption_id), array_agg(t.became), count(*)
      INTO v_redemptions, v_became, v_count
      FROM taken AS t;
    -- A completion is noted, and committed, before its cancellation: it is folded no later, so no sum is ever negative.
    MERGE INTO redemption_schema.redemption_days AS d
    USING (
        SELECT r.business_day, r.station_code, coalesce(r.campaign_code, '') AS campaign_code, r.currency,
               count(*) FILTER (WHERE c.sign = 1) AS completed,
               count(*) FILTER (WHERE c.sign = -1) AS cancelled,
               sum(c.sign * r.original_amount) AS original_amount,
               sum(c.sign * r.discount_amount) AS discount_amount,
               sum(c.sign * r.final_amount) AS final_amount,
               coalesce(sum(r.final_amount) FILTER (WHERE c.sign = -1), 0) AS cancelled_amount,
               sum(c.sign * coalesce(r.fuel_litres, 0)) AS fuel_litres,
               coalesce(sum(r.tickets_earned) FILTER (WHERE c.sign = 1), 0) AS tickets_earned,
               coalesce(sum(b.tickets), 0) AS tickets_taken_back
          FROM unnest(v_redemptions, v_became) AS n (redemption_id, became)
         CROSS JOIN LATERAL (SELECT CASE n.became WHEN 'CANCELLED' THEN -1 ELSE 1 END AS sign) AS c
          JOIN redemption_schema.redemptions AS r ON r.id = n.redemption_id
          LEFT JOIN LATERAL (
               -- Cancelled tickets stay cancelled, and a cancelled redemption has no others that could be.
               SELECT count(*) AS tickets
                 FROM redemption_schema.raffle_tickets AS t
                WHERE t.redemption_id = r.id AND t.source = 'COUPON_REDEMPTION' AND t.status = 'CANCELLED') AS b
            ON c.sign = -1
         GROUP BY r.business_day, r.station_code, coalesce(r.campaign_code, ''), r.currency) AS n
       ON (d.business_day, d.station_code, d.campaign_code, d.currency)
        = (n.business_day, n.station_code, n.campaign_code, n.currency)
     WHEN MATCHED THEN UPDATE
      SET completed = d.completed + n.completed,
          cancelled = d.cancelled + n.cancelled,
          original_amount = d.original_amount + n.original_amount,
          discount_amount = d.discount_amount + n.discount_amount,
          final_amount = d.final_amount + n.final_amount,
          cancelled_amount = d.cancelled_amount + n.cancelled_amount,
          fuel_litres = d.fuel_litres + n.fuel_litres,
          tickets_earned = d.tickets_earned + n.tickets_earned,
          tickets_taken_back = d.tickets_taken_back + n.tickets_taken_back
     WHEN NOT MATCHED THEN
        INSERT (business_day, station_code, campaign_code, currency, completed, cancelled, original_amount,
                discount_amount, final_amount, cancelled_amount, fuel_litres, tickets_earned, tickets_taken_back)
        VALUES (n.business_day, n.station_code, n.campaign_code, n.currency, n.completed, n.cancelled,
                n.original_amount, n.discount_amount, n.final_amount, n.cancelled_amount, n.fuel_litres,
                n.tickets_earned, n.tickets_taken_back);
    IF v_count < p_limit THEN
        UPDATE redemption_schema.report_states AS s SET as_of = v_as_of WHERE s.report_name = 'redemption_days';
    END IF;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION redemption_schema.fold_report_changes(p_limit integer) IS 'Folds the oldest p_limit changes into the report; returns how many there were. Fewer than p_limit: all are in. Locks the report''s state until the transaction ends, so that one folds at a time; holds up no redemption.';
REVOKE EXECUTE ON FUNCTION redemption_schema.fold_report_changes(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.fold_report_changes(p_limit integer) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.follow_redemptions()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_cancelled bigint[];
BEGIN
    INSERT INTO redemption_schema.redemption_audit_log
           (event_type, transaction_reference, old_status, new_status, details)
    SELECT 'REDEMPTION_' || n.status, n.transaction_reference, o.status, n.status,
           jsonb_strip_nulls(jsonb_build_object(
               'failure_code', n.failure_code, 'cancellation_reason', n.cancellation_reason))
      FROM new_rows AS n
      JOIN old_rows AS o ON o.id = n.id
     WHERE o.status <> n.status;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    IF EXISTS (
        SELECT
          FROM (SELECT array_agg(n.transaction_reference) AS transaction_references, array_agg(n.user_id) AS user_ids,
                       array_agg(n.tickets_earned) AS ticket_counts, array_agg(n.raffle_code) AS raffle_codes,
                       array_agg(n.tickets_expire_at) AS expires_at
                  FROM new_rows AS n
                  JOIN old_rows AS o ON o.id = n.id
                 WHERE n.status = 'COMPLETED' AND o.status <> 'COMPLETED' AND n.tickets_earned > 0
                HAVING count(*) > 0) AS completed
         CROSS JOIN LATERAL redemption_schema.issue_tickets(
                   'COUPON_REDEMPTION', completed.transaction_references, completed.user_ids, completed.ticket_counts,
                   p_raffle_codes => completed.raffle_codes, p_expires_at => completed.expires_at) AS issued
         WHERE issued.outcome <> 'ISSUED'
    ) THEN
        RAISE EXCEPTION 'tickets of a redemption were issued before its completion' USING ERRCODE = 'unique_violation';
    END IF;

    -- The ids go through an array, whose size the planner sees; a join of both transition tables with the tickets is
    -- estimated at one row, and then planned as a walk through all tickets for each redemption.
    SELECT array_agg(n.id) INTO v_cancelled
      FROM new_rows AS n
      JOIN old_rows AS o ON o.id = n.id
     WHERE (o.status, n.status) = ('COMPLETED', 'CANCELLED');
    IF v_cancelled IS NOT NULL THEN
        -- A ticket whose draw has been held stays; the raffle's own rules deal with a winner.
        UPDATE redemption_schema.raffle_tickets AS t
           SET status = 'CANCELLED'
         WHERE t.redemption_id IN (SELECT unnest(v_cancelled))
           AND t.status IN ('ACTIVE', 'ENTERED');
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.follow_redemptions() IS 'What follows from a change of status, for all rows of the statement at once: audit, tickets made, tickets taken back.';
REVOKE EXECUTE ON FUNCTION redemption_schema.follow_redemptions() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.forget_addresses(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_log text;
    v_first timestamptz;
    v_last timestamptz;
    v_found integer;
    v_count integer := 0;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Two at the same time come one after the other: each looks for what the one before has left.
    PERFORM pg_advisory_xact_lock(hashtextextended('redemption_schema.forget_addresses', 0));
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    FOREACH v_log IN ARRAY ARRAY[
        'redemptions', 'redemption_audit_log', 'fraud_detection_log', 'fraud_audit_log', 'points_ledger']
    LOOP
        -- Looked for again where an erasure took some of what was found. A window of time, and no list of keys: months
        -- that it does not touch are not looked at.
        WHILE v_count < p_limit LOOP
            EXECUTE format(
                'SELECT min(o.created_at), max(o.created_at) '
                '  FROM (SELECT a.created_at FROM redemption_schema.%I AS a '
                '         WHERE a.created_at < now() - interval ''1 year'' '
                '           AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL) '
                '         ORDER BY a.created_at LIMIT $1) AS o', v_log)
               INTO v_first, v_last USING p_limit - v_count;
            EXIT WHEN v_first IS NULL;
            EXECUTE format(
                'UPDATE redemption_schema.%I AS a SET ip_address = NULL, user_agent = NULL '
                ' WHERE a.created_at >= $1 AND a.created_at <= $2 '
                '   AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL)', v_log)
              USING v_first, v_last;
            GET DIAGNOSTICS v_found = ROW_COUNT;
            v_count := v_count + v_found;
        END LOOP;
    END LOOP;
    PERFORM set_config('gasolinera.maintenance', '', true);
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION redemption_schema.forget_addresses(p_limit integer) IS 'Takes addresses and user agents out of p_limit rows that are older than a year, table by table, the oldest first, and out of those of the same moment as the last. Fewer than p_limit: no more are left, whatever else runs. What, who and when stay.';
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_addresses(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.forget_addresses(p_limit integer) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.forget_fraud_traces()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_told text[];
BEGIN
    WITH told AS (
        UPDATE redemption_schema.fraud_reviews AS v
           SET notes = NULL
         WHERE v.notes IS NOT NULL
           AND (v.user_id = NEW.user_id
                OR v.employee_number IN (
                    SELECT e.employee_number FROM redemption_schema.employments AS e WHERE e.user_id = NEW.user_id))
        RETURNING v.detection_id::text)
    SELECT array_agg(t.detection_id) INTO v_told FROM told AS t;
    UPDATE redemption_schema.fraud_reviews AS v
       SET device_id = NULL, details = '{}'
     WHERE v.user_id = NEW.user_id AND (v.device_id IS NOT NULL OR v.details <> '{}');
    UPDATE redemption_schema.fraud_standings AS s
       SET device_id = NULL
     WHERE s.user_id = NEW.user_id AND s.device_id IS NOT NULL;
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    UPDATE redemption_schema.code_refusals AS c
       SET device_id = NULL
     WHERE c.user_id = NEW.user_id AND c.device_id IS NOT NULL;
    -- The change above is in the log by now, with what the notes were.
    UPDATE redemption_schema.fraud_audit_log AS a
       SET old_values = a.old_values - 'notes', new_values = a.new_values - 'notes'
     WHERE a.subject = ANY (v_told) AND (a.old_values ? 'notes' OR a.new_values ? 'notes');
    UPDATE redemption_schema.fraud_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.actor = NEW.user_id::text AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
    PERFORM set_config('gasolinera.maintenance', '', true);
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.forget_fraud_traces() IS 'AFTER trigger: devices, notes, and what the rules saw of an erased person, go with the account, and from where the person reviewed; verdicts stay, under a public id that names nobody any more.';
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_fraud_traces() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.forget_offline_leases(p_at_most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_count integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 rows at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM redemption_schema.offline_leases AS l
     USING (SELECT c.lease_id FROM redemption_schema.offline_leases AS c
             WHERE c.last_sequence IS NOT NULL AND c.expires_at < now() - interval '8 days'
               AND NOT EXISTS (
                       SELECT FROM redemption_schema.offline_redemptions AS o WHERE o.lease_id = c.lease_id)
             LIMIT p_at_most FOR UPDATE SKIP LOCKED) AS spent
     WHERE l.lease_id = spent.lease_id;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION redemption_schema.forget_offline_leases(p_at_most integer) IS 'Deletes closed leases without entries that ended more than eight days ago, so many at most; returns how many. What names one of those comes too late anyhow.';
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_offline_leases(p_at_most integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.forget_offline_leases(p_at_most integer) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.forget_offline_traces()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE redemption_schema.offline_redemptions AS o
       SET notes = NULL
     WHERE o.user_id = NEW.user_id AND o.notes IS NOT NULL;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.forget_offline_traces() IS 'AFTER trigger: what people wrote about an erased person goes; the signed entry stays, under a public id that names nobody any more.';
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_offline_traces() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.forget_old_requests(p_at_most integer DEFAULT 10000)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_answers integer;
    v_windows integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 rows at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM redemption_schema.idempotency_keys
     WHERE key_hash IN (
        SELECT key_hash FROM redemption_schema.idempotency_keys
         WHERE created_at < now() - interval '25 hours' ORDER BY created_at LIMIT p_at_most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    DELETE FROM redemption_schema.rate_limits
     WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM redemption_schema.rate_limits
         WHERE window_start < now() - interval '2 days' ORDER BY window_start LIMIT p_at_most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_windows = ROW_COUNT;
    RETURN v_answers + v_windows;
END
$function$;
COMMENT ON FUNCTION redemption_schema.forget_old_requests(p_at_most integer) IS 'Deletes answers older than 25 hours and windows that began two days ago (the longest lasts one), so many of each at most; returns how many.';
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_old_requests(p_at_most integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.forget_old_requests(p_at_most integer) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.forget_person(p_user_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_employed CONSTANT text[] := ARRAY(
        SELECT e.employee_number FROM redemption_schema.employments AS e WHERE e.user_id = p_user_id);
BEGIN
    IF NOT EXISTS (SELECT FROM redemption_schema.erased_users AS u WHERE u.user_id = p_user_id) THEN
        RAISE EXCEPTION 'the account of user % is not erased', p_user_id USING ERRCODE = 'restrict_violation';
    END IF;
    -- Nobody can choose a raffle for them any more. Those in a raffle stay: its count is public.
    UPDATE redemption_schema.raffle_tickets AS t
       SET status = 'CANCELLED'
     WHERE t.user_id = p_user_id AND t.status = 'ACTIVE';
    UPDATE redemption_schema.redemptions AS r
       SET device_id = NULL, ip_address = NULL, user_agent = NULL, cancellation_reason = NULL
     WHERE r.user_id = p_user_id
       AND num_nonnulls(r.device_id, r.ip_address, r.user_agent, r.cancellation_reason) > 0;
    -- Where the person served: the address is of who asked.
    UPDATE redemption_schema.redemptions AS r
       SET ip_address = NULL, user_agent = NULL
     WHERE r.employee_number = ANY (v_employed) AND r.created_by = p_user_id::text
       AND num_nonnulls(r.ip_address, r.user_agent) > 0;
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    UPDATE redemption_schema.redemption_audit_log AS a
       SET ip_address = NULL, user_agent = NULL, details = a.details - 'cancellation_reason'
      FROM redemption_schema.redemptions AS r
     WHERE r.user_id = p_user_id AND a.transaction_reference = r.transaction_reference
       AND (num_nonnulls(a.ip_address, a.user_agent) > 0 OR a.details ? 'cancellation_reason');
    UPDATE redemption_schema.redemption_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
      FROM redemption_schema.redemptions AS r
     WHERE r.employee_number = ANY (v_employed) AND a.transaction_reference = r.transaction_reference
       AND a.actor = p_user_id::text AND num_nonnulls(a.ip_address, a.user_agent) > 0;
    UPDATE redemption_schema.redemption_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.actor = p_user_id::text AND a.new_status = 'CANCELLED' AND num_nonnulls(a.ip_address, a.user_agent) > 0;
    -- The log's row has the time of the transaction that began the redemption, or its second step.
    UPDATE redemption_schema.fraud_detection_log AS f
       SET ip_address = NULL, user_agent = NULL
      FROM redemption_schema.redemptions AS r
     WHERE r.employee_number = ANY (v_employed) AND f.user_id = r.user_id
       AND f.created_at IN (r.created_at, r.started_at) AND f.transaction_reference = r.transaction_reference
       AND f.actor = p_user_id::text AND num_nonnulls(f.ip_address, f.user_agent) > 0;
    UPDATE redemption_schema.fraud_detection_log AS f
       SET device_id = NULL, ip_address = NULL, user_agent = NULL, details = '{}'
     WHERE f.user_id = p_user_id
       AND (num_nonnulls(f.device_id, f.ip_address, f.user_agent) > 0 OR f.details <> '{}');
    UPDATE redemption_schema.points_ledger AS l
       SET description = NULL, ip_address = NULL, user_agent = NULL
     WHERE l.user_id = p_user_id AND l.entry_type <> 'ADJUSTED'
       AND num_nonnulls(l.description, l.ip_address, l.user_agent) > 0;
    UPDATE redemption_schema.points_ledger AS l
       SET description = 'erased', ip_address = NULL, user_agent = NULL
     WHERE l.user_id = p_user_id AND l.entry_type = 'ADJUSTED'
       AND (l.description <> 'erased' OR num_nonnulls(l.ip_address, l.user_agent) > 0);
    PERFORM set_config('gasolinera.maintenance', '', true);
END
$function$;
COMMENT ON FUNCTION redemption_schema.forget_person(p_user_id uuid) IS 'Forgets devices, addresses and texts about an erased user, in the logs too, also from where the person served, and takes tickets back that wait. References, amounts, tickets in raffles and points stay. Again changes nothing but what came since; refuses for who is not erased.';
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_person(p_user_id uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.forget_person(p_user_id uuid) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.forget_refused_codes(p_at_most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_count integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 rows at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    -- In the order of ids, which is nearly that of time and needs no index of its own; months that are young are not
    -- looked at.
    DELETE FROM redemption_schema.code_refusals AS c
     USING (SELECT o.id, o.created_at FROM redemption_schema.code_refusals AS o
             WHERE o.created_at < now() - interval '90 days'
             ORDER BY o.id LIMIT p_at_most FOR UPDATE SKIP LOCKED) AS old
     WHERE c.id = old.id AND c.created_at = old.created_at;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    PERFORM set_config('gasolinera.maintenance', '', true);
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION redemption_schema.forget_refused_codes(p_at_most integer) IS 'Deletes refused codes that are older than 90 days, so many at most; returns how many. No rule looks back further than a day.';
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_refused_codes(p_at_most integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.forget_refused_codes(p_at_most integer) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.fraud_finding(p_attempt redemption_schema.fraud_attempt, p_kind text, p_parameters jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
AS $function$
DECLARE
    v_since CONSTANT timestamptz :=
        p_attempt.attempted_at - make_interval(mins => (p_parameters ->> 'window_minutes')::integer);
    v_max CONSTANT integer := coalesce(p_parameters ->> 'max_count', p_parameters ->> 'max_users',
                                       p_parameters ->> 'max_codes')::integer;
    -- What was only validated uses nothing before its second step begins, so long after the first at most.
    c_patience CONSTANT interval := '30 minutes';
    -- What a terminal took without a connection was at another moment than it is known, so it speaks against nobody.
    v_count bigint;
BEGIN
    CASE p_kind
    WHEN 'DUPLICATE_COUPON' THEN
        RETURN (
            SELECT jsonb_build_object('redemption', r.transaction_reference)
              FROM redemption_schema.redemptions AS r
             WHERE r.coupon_code = p_attempt.coupon_code AND r.user_id <> p_attempt.user_id
               AND r.created_at >= v_since - c_patience AND r.created_at < p_attempt.known_until
               AND CASE r.flow WHEN 'TWO_STEP' THEN r.started_at >= v_since AND r.started_at < p_attempt.known_until
                               WHEN 'OFFLINE' THEN false ELSE r.created_at >= v_since END
               AND r.status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED')
               AND r.transaction_reference IS DISTINCT FROM p_attempt.transaction_reference
               AND NOT EXISTS (
                       SELECT FROM redemption_schema.redemptions AS s
                        WHERE s.coupon_code = p_attempt.coupon_code AND s.is_shared)
             LIMIT 1);
    WHEN 'DUPLICATE_PURCHASE' THEN
        RETURN (
            SELECT jsonb_build_object('redemption', r.transaction_reference)
              FROM redemption_schema.redemptions AS r
             WHERE r.user_id = p_attempt.user_id
               AND r.created_at >= v_since - c_patience AND r.created_at < p_attempt.known_until
               AND CASE r.flow WHEN 'TWO_STEP' THEN r.started_at >= v_since AND r.started_at < p_attempt.known_until
                               WHEN 'OFFLINE' THEN false ELSE r.created_at >= v_since END
               AND (r.station_code, r.original_amount, r.currency)
                   = (p_attempt.station_code, p_attempt.amount, p_attempt.currency)
               AND r.status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED')
               AND r.transaction_reference IS DISTINCT FROM p_attempt.transaction_reference
             LIMIT 1);
    WHEN 'USER_VELOCITY' THEN
        v_count := (
            SELECT count(*) FROM (
                SELECT FROM redemption_schema.redemptions AS r
                 WHERE r.user_id = p_attempt.user_id
                   AND r.created_at >= v_since - c_patience AND r.created_at < p_attempt.known_until
                   AND CASE r.flow WHEN 'TWO_STEP' THEN r.started_at >= v_since AND r.started_at < p_attempt.known_until
                               WHEN 'OFFLINE' THEN false ELSE r.created_at >= v_since END
                   AND r.status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED')
                   AND r.transaction_reference IS DISTINCT FROM p_attempt.transaction_reference
                 LIMIT v_max) AS counted);
    WHEN 'STATION_VELOCITY' THEN
        v_count := (
            SELECT count(*) FROM (
                SELECT FROM redemption_schema.redemptions AS r
                 WHERE r.station_code = p_attempt.station_code
                   AND r.created_at >= v_since - c_patience AND r.created_at < p_attempt.known_until
                   AND CASE r.flow WHEN 'TWO_STEP' THEN r.started_at >= v_since AND r.started_at < p_attempt.known_until
                               WHEN 'OFFLINE' THEN false ELSE r.created_at >= v_since END
                   AND r.transaction_reference IS DISTINCT FROM p_attempt.transaction_reference
                 LIMIT v_max) AS counted);
    WHEN 'DEVICE_VELOCITY' THEN
        -- Of two steps both may have been assessed, and they are one redemption.
        v_count := (
            SELECT count(DISTINCT counted.attempt) FROM (
                SELECT coalesce(l.transaction_reference, l.detection_id::text) AS attempt
                  FROM redemption_schema.fraud_detection_log AS l
                 WHERE l.device_id = p_attempt.device_id
                   AND l.created_at >= v_since AND l.created_at < p_attempt.known_until
                   AND l.action_taken <> 'BLOCKED'
                   AND l.transaction_reference IS DISTINCT FROM p_attempt.transaction_reference
                 LIMIT 2 * v_max) AS counted);
    WHEN 'DEVICE_SHARING' THEN
        -- How many others used the device: with this one they are one more.
        v_count := (
            SELECT count(DISTINCT seen.user_id) FROM (
                SELECT l.user_id FROM redemption_schema.fraud_detection_log AS l
                 WHERE l.device_id = p_attempt.device_id
                   AND l.created_at >= v_since AND l.created_at < p_attempt.known_until
                   AND l.user_id <> p_attempt.user_id
                 LIMIT 2000) AS seen);
    WHEN 'USER_GUESSING' THEN
        v_count := (
            SELECT count(DISTINCT seen.code_sha256) FROM (
                SELECT c.code_sha256 FROM redemption_schema.code_refusals AS c
                 WHERE c.user_id = p_attempt.user_id
                   AND c.created_at >= v_since AND c.created_at < p_attempt.known_until
                 LIMIT 2000) AS seen);
    WHEN 'DEVICE_GUESSING' THEN
        v_count := (
            SELECT count(DISTINCT seen.code_sha256) FROM (
                SELECT c.code_sha256 FROM redemption_schema.code_refusals AS c
                 WHERE c.device_id = p_attempt.device_id
                   AND c.created_at >= v_since AND c.created_at < p_attempt.known_until
                 LIMIT 2000) AS seen);
    WHEN 'EMPLOYEE_GUESSING' THEN
        v_count := (
            SELECT count(DISTINCT seen.code_sha256) FROM (
                SELECT c.code_sha256 FROM redemption_schema.code_refusals AS c
                 WHERE c.employee_number = p_attempt.employee_number
                   AND c.created_at >= v_since AND c.created_at < p_attempt.known_until
                 LIMIT 2000) AS seen);
    WHEN 'IMPOSSIBLE_TRAVEL' THEN
        RETURN (
            SELECT jsonb_build_object('from_station', past.station_code, 'km', round(way.km::numeric, 1),
                                      'minutes', round((way.seconds / 60)::numeric, 1))
              FROM (SELECT r.station_code,
                           CASE r.flow WHEN 'TWO_STEP' THEN r.started_at ELSE r.created_at END AS used_at
                      FROM redemption_schema.redemptions AS r
                     WHERE r.user_id = p_attempt.user_id
                       AND r.created_at >= v_since - c_patience AND r.created_at < p_attempt.known_until
                       AND CASE r.flow WHEN 'TWO_STEP' THEN r.started_at >= v_since AND r.started_at < p_attempt.known_until
                               WHEN 'OFFLINE' THEN false ELSE r.created_at >= v_since END
                       AND r.status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED')
                       AND r.station_code <> p_attempt.station_code
                       AND r.transaction_reference IS DISTINCT FROM p_attempt.transaction_reference
                     ORDER BY r.created_at DESC LIMIT 1) AS past
              JOIN redemption_schema.station_positions AS there ON there.station_code = past.station_code
              JOIN redemption_schema.station_positions AS here ON here.station_code = p_attempt.station_code
             CROSS JOIN LATERAL (
                   SELECT redemption_schema.great_circle_km(
                              there.latitude, there.longitude, here.latitude, here.longitude) AS km,
                          -- Of two at once the later one may have begun first.
                          greatest(1, extract(epoch FROM p_attempt.attempted_at - past.used_at))::double precision
                              AS seconds) AS way
             WHERE way.km >= (p_parameters ->> 'min_km')::double precision
               AND way.km > (p_parameters ->> 'max_km_h')::double precision * way.seconds / 3600);
    WHEN 'USER_AMOUNT' THEN
        RETURN redemption_schema.outlier(p_attempt.amount, p_parameters, ARRAY(
            SELECT r.original_amount FROM redemption_schema.redemptions AS r
             WHERE r.user_id = p_attempt.user_id
               AND r.created_at >= p_attempt.attempted_at - interval '1 year' AND r.created_at < p_attempt.known_until
               AND r.status = 'COMPLETED' AND r.currency = p_attempt.currency
               AND r.transaction_reference IS DISTINCT FROM p_attempt.transaction_reference
             ORDER BY r.created_at DESC LIMIT (p_parameters ->> 'max_history')::integer));
    WHEN 'STATION_AMOUNT' THEN
        RETURN redemption_schema.outlier(p_attempt.amount, p_parameters, ARRAY(
            SELECT r.original_amount FROM redemption_schema.redemptions AS r
             WHERE r.station_code = p_attempt.station_code
               AND r.created_at >= p_attempt.attempted_at - interval '30 days' AND r.created_at < p_attempt.known_until
               AND r.status = 'COMPLETED' AND r.currency = p_attempt.currency
               AND r.transaction_reference IS DISTINCT FROM p_attempt.transaction_reference
             ORDER BY r.created_at DESC LIMIT (p_parameters ->> 'max_history')::integer));
    WHEN 'CONFIRMED_BEFORE' THEN
        RETURN (
            SELECT jsonb_build_object('confirmed', count(*))
              FROM redemption_schema.fraud_standings AS s
             WHERE (s.user_id = p_attempt.user_id OR s.device_id = p_attempt.device_id)
               AND s.standing = 'CONFIRMED' AND s.created_at < p_attempt.known_until
               AND s.created_at >= p_attempt.attempted_at
                   - make_interval(days => (p_parameters ->> 'days')::integer)
            HAVING count(*) > 0);
    END CASE;
    IF v_count >= v_max THEN
        RETURN jsonb_build_object('before', v_count, 'max', v_max);
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.fraud_finding(p_attempt redemption_schema.fraud_attempt, p_kind text, p_parameters jsonb) IS 'What a rule of this kind sees in the attempt; NULL: nothing. Each kind reads one index, over its window.';
REVOKE EXECUTE ON FUNCTION redemption_schema.fraud_finding(p_attempt redemption_schema.fraud_attempt, p_kind text, p_parameters jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.fraud_finding(p_attempt redemption_schema.fraud_attempt, p_kind text, p_parameters jsonb) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.fraud_parameters()
 RETURNS TABLE(kind text, parameter text, lowest numeric, highest numeric)
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    VALUES ('DUPLICATE_COUPON', 'window_minutes', 1, 1440),
           ('DUPLICATE_PURCHASE', 'window_minutes', 1, 1440),
           ('USER_VELOCITY', 'window_minutes', 1, 10080), ('USER_VELOCITY', 'max_count', 1, 1000),
           ('DEVICE_VELOCITY', 'window_minutes', 1, 10080), ('DEVICE_VELOCITY', 'max_count', 1, 1000),
           ('STATION_VELOCITY', 'window_minutes', 1, 60), ('STATION_VELOCITY', 'max_count', 1, 1000),
           ('IMPOSSIBLE_TRAVEL', 'window_minutes', 1, 10080), ('IMPOSSIBLE_TRAVEL', 'max_km_h', 1, 10000),
           ('IMPOSSIBLE_TRAVEL', 'min_km', 0, 20000),
           ('USER_AMOUNT', 'min_history', 3, 200), ('USER_AMOUNT', 'max_history', 3, 200),
           ('USER_AMOUNT', 'max_deviations', 1, 100), ('USER_AMOUNT', 'min_ratio', 1, 100),
           ('STATION_AMOUNT', 'min_history', 3, 200), ('STATION_AMOUNT', 'max_history', 3, 200),
           ('STATION_AMOUNT', 'max_deviations', 1, 100), ('STATION_AMOUNT', 'min_ratio', 1, 100),
           ('DEVICE_SHARING', 'window_minutes', 1, 10080), ('DEVICE_SHARING', 'max_users', 1, 1000),
           ('USER_GUESSING', 'window_minutes', 1, 1440), ('USER_GUESSING', 'max_codes', 1, 1000),
           ('DEVICE_GUESSING', 'window_minutes', 1, 1440), ('DEVICE_GUESSING', 'max_codes', 1, 1000),
           ('EMPLOYEE_GUESSING', 'window_minutes', 1, 1440), ('EMPLOYEE_GUESSING', 'max_codes', 1, 1000),
           ('CONFIRMED_BEFORE', 'days', 1, 3650)
$function$;
COMMENT ON FUNCTION redemption_schema.fraud_parameters() IS 'The parameters that each kind of rule has, all of them whole numbers, and their bounds.';
REVOKE EXECUTE ON FUNCTION redemption_schema.fraud_parameters() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.fraud_parameters() TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.fraud_type_of(p_kind text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
    SELECT CASE
        WHEN p_kind IN ('DUPLICATE_COUPON', 'DUPLICATE_PURCHASE') THEN 'DUPLICATE_REDEMPTION'
        WHEN p_kind IN ('USER_VELOCITY', 'DEVICE_VELOCITY', 'STATION_VELOCITY') THEN 'VELOCITY_FRAUD'
        WHEN p_kind = 'IMPOSSIBLE_TRAVEL' THEN 'LOCATION_ANOMALY'
        WHEN p_kind = 'DEVICE_SHARING' THEN 'DEVICE_FRAUD'
        ELSE 'SUSPICIOUS_PATTERN' END
$function$;
COMMENT ON FUNCTION redemption_schema.fraud_type_of(p_kind text) IS 'What a kind of rule finds.';
REVOKE EXECUTE ON FUNCTION redemption_schema.fraud_type_of(p_kind text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.fraud_type_of(p_kind text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.great_circle_km(p_latitude_1 double precision, p_longitude_1 double precision, p_latitude_2 double precision, p_longitude_2 double precision)
 RETURNS double precision
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
    -- Differences are rounded to a centimetre: the square of a smaller one may be too small for a number.
    SELECT 12742.0176 * asin(sqrt(least(1,
        sind(round((p_latitude_2 - p_latitude_1)::numeric, 7)::double precision / 2) ^ 2
        + cosd(p_latitude_1) * cosd(p_latitude_2)
          * sind(round((p_longitude_2 - p_longitude_1)::numeric, 7)::double precision / 2) ^ 2)))
$function$;
COMMENT ON FUNCTION redemption_schema.great_circle_km(p_latitude_1 double precision, p_longitude_1 double precision, p_latitude_2 double precision, p_longitude_2 double precision) IS 'Kilometres between two points in degrees, by the haversine formula on a sphere of 6371.0088 km (mean radius).';
REVOKE EXECUTE ON FUNCTION redemption_schema.great_circle_km(p_latitude_1 double precision, p_longitude_1 double precision, p_latitude_2 double precision, p_longitude_2 double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.great_circle_km(p_latitude_1 double precision, p_longitude_1 double precision, p_latitude_2 double precision, p_longitude_2 double precision) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.guard_qr_validation()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'GENERATED' THEN
            RAISE EXCEPTION 'a pump code begins as GENERATED, not as %', NEW.status USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.scanned_by IS NOT NULL AND NEW.scanned_by IS DISTINCT FROM OLD.scanned_by THEN
        RAISE EXCEPTION 'the pump code was scanned by another driver' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = NEW.status THEN
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('GENERATED', 'SCANNED'), ('SCANNED', 'ACTIVATED'), ('ACTIVATED', 'COMPLETED'),
        ('GENERATED', 'EXPIRED'), ('SCANNED', 'EXPIRED'), ('ACTIVATED', 'EXPIRED')) THEN
        RAISE EXCEPTION 'a pump code cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    -- A code that was activated in time may still complete: the driver has done his part.
    IF NEW.status IN ('SCANNED', 'ACTIVATED') AND OLD.expires_at <= now() THEN
        RAISE EXCEPTION 'the pump code expired' USING ERRCODE = 'check_violation';
    END IF;
    CASE NEW.status
        WHEN 'SCANNED' THEN NEW.scanned_at := now();
        WHEN 'ACTIVATED' THEN NEW.activated_at := now();
        WHEN 'COMPLETED' THEN NEW.completed_at := now();
        ELSE NULL;
    END CASE;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.guard_qr_validation() IS 'The allowed transitions of a pump code: one driver, one time, before it expires.';
REVOKE EXECUTE ON FUNCTION redemption_schema.guard_qr_validation() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.guard_raffle_ticket()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF OLD.raffle_code IS NOT NULL AND NEW.raffle_code IS NOT NULL AND OLD.raffle_code <> NEW.raffle_code THEN
        RAISE EXCEPTION 'ticket % is in raffle % already', OLD.ticket_number, OLD.raffle_code
            USING ERRCODE = 'restrict_violation';
    END IF;
    -- ENTERED to ACTIVE: the raffle was cancelled or would not take the ticket, so its holder chooses again. From USED
    -- as well: a ticket on its way ends with its raffle, and then the raffle says that it was never in the draw.
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('ACTIVE', 'ENTERED'), ('ACTIVE', 'EXPIRED'), ('ACTIVE', 'CANCELLED'),
        ('ENTERED', 'ACTIVE'), ('ENTERED', 'USED'), ('ENTERED', 'CANCELLED'),
        ('USED', 'ACTIVE'), ('USED', 'CANCELLED')) THEN
        RAISE EXCEPTION 'ticket % cannot go from % to %', OLD.ticket_number, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status = 'ACTIVE' AND NEW.status = 'ENTERED' AND OLD.expires_at <= now() THEN
        RAISE EXCEPTION 'ticket % expired', OLD.ticket_number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.guard_raffle_ticket() IS 'The allowed transitions of a ticket: to one raffle at most, none after its expiry, back from a draw only when the raffle says that it was not in it.';
REVOKE EXECUTE ON FUNCTION redemption_schema.guard_raffle_ticket() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.guard_redemption()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'PENDING' THEN
            RAISE EXCEPTION 'a redemption begins as PENDING, not as %', NEW.status USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.status IN ('COMPLETED', 'FAILED', 'CANCELLED')
       AND (OLD.original_amount, OLD.discount_amount, OLD.final_amount, OLD.currency, OLD.tickets_earned,
            OLD.raffle_code, OLD.fuel_type, OLD.fuel_litres, OLD.price_per_litre, OLD.completed_at)
           IS DISTINCT FROM
           (NEW.original_amount, NEW.discount_amount, NEW.final_amount, NEW.currency, NEW.tickets_earned,
            NEW.raffle_code, NEW.fuel_type, NEW.fuel_litres, NEW.price_per_litre, NEW.completed_at) THEN
        RAISE EXCEPTION 'redemption % is %: its facts do not change any more', OLD.transaction_reference, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = NEW.status THEN
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('PENDING', 'IN_PROGRESS'), ('PENDING', 'COMPLETED'), ('PENDING', 'FAILED'), ('PENDING', 'CANCELLED'),
        ('IN_PROGRESS', 'COMPLETED'), ('IN_PROGRESS', 'FAILED'), ('IN_PROGRESS', 'CANCELLED'),
        ('COMPLETED', 'CANCELLED')) THEN
        RAISE EXCEPTION 'redemption % cannot go from % to %', OLD.transaction_reference, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    CASE NEW.status
        WHEN 'IN_PROGRESS' THEN NEW.started_at := coalesce(NEW.started_at, now());
        WHEN 'COMPLETED' THEN NEW.completed_at := coalesce(NEW.completed_at, now());
        WHEN 'FAILED' THEN NEW.failed_at := coalesce(NEW.failed_at, now());
        WHEN 'CANCELLED' THEN NEW.cancelled_at := coalesce(NEW.cancelled_at, now());
    END CASE;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.guard_redemption() IS 'The allowed transitions of a redemption, their times, and that a finished redemption keeps its facts.';
REVOKE EXECUTE ON FUNCTION redemption_schema.guard_redemption() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.is_ticket_number(p_number text)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
DECLARE
    v_sum integer := 0;
BEGIN
    IF p_number !~ '^TKT[0-9A-HJKMNP-TV-Z]{16}$' THEN
        RETURN false;
    END IF;
    FOR i IN 4..19 LOOP
        v_sum := (((v_sum << 1) & 31) # (CASE WHEN v_sum >= 16 THEN 5 ELSE 0 END))
            # (strpos('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(p_number, i, 1)) - 1);
    END LOOP;
    RETURN v_sum = 0;
END
$function$;
COMMENT ON FUNCTION redemption_schema.is_ticket_number(p_number text) IS 'Has the shape and the check character of a ticket number (the rule stands at ticket_number); says nothing of existence.';
REVOKE EXECUTE ON FUNCTION redemption_schema.is_ticket_number(p_number text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.is_ticket_number(p_number text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.issuance_id_of(p_seed uuid)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
    SELECT encode(set_byte(set_byte(h, 6, (get_byte(h, 6) & 15) | 128), 8, (get_byte(h, 8) & 63) | 128), 'hex')::uuid
      FROM substr(sha256('issuance'::bytea || uuid_send(p_seed)), 1, 16) AS h
$function$;
COMMENT ON FUNCTION redemption_schema.issuance_id_of(p_seed uuid) IS 'The public id of an issuance: a uuid of version 8, made of SHA-256("issuance" || seed); nobody gets the seed back from it.';
REVOKE EXECUTE ON FUNCTION redemption_schema.issuance_id_of(p_seed uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.issue_tickets(p_source text, p_source_references text[], p_user_ids uuid[], p_ticket_counts integer[], p_raffle_codes text[] DEFAULT NULL::text[], p_transaction_references text[] DEFAULT NULL::text[], p_expires_at timestamp with time zone[] DEFAULT NULL::timestamp with time zone[], p_seeds uuid[] DEFAULT NULL::uuid[])
 RETURNS TABLE(source_reference text, issuance_id uuid, ticket_count integer, outcome text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    v_size CONSTANT integer := cardinality(p_source_references);
    -- A redemption's tickets name their redemption twice, so that one rule serves both.
    v_transaction_references CONSTANT text[] :=
        CASE p_source WHEN 'COUPON_REDEMPTION' THEN p_source_references ELSE p_transaction_references END;
    v_new uuid[];
BEGIN
    IF num_nulls(p_source, p_source_references, p_user_ids, p_ticket_counts) > 0
       OR v_size <> cardinality(p_user_ids)
       OR v_size <> cardinality(p_ticket_counts)
       OR v_size <> coalesce(cardinality(p_raffle_codes), v_size)
       OR v_size <> coalesce(cardinality(v_transaction_references), v_size)
       OR v_size <> coalesce(cardinality(p_expires_at), v_size)
       OR v_size <> coalesce(cardinality(p_seeds), v_size) THEN
        RAISE EXCEPTION 'issue_tickets takes arrays of one length' USING ERRCODE = 'array_subscript_error';
    END IF;
    -- Who chooses the seed knows the numbers beforehand. Inside a SECURITY DEFINER function current_user is the owner.
    IF p_seeds IS NOT NULL AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
        RAISE EXCEPTION 'only the owner chooses seeds' USING ERRCODE = 'insufficient_privilege';
    END IF;

    WITH asked AS (
        SELECT a.source_reference, a.user_id, a.ticket_count, a.raffle_code, a.transaction_reference,
               coalesce(a.expires_at, now() + interval '90 days') AS expires_at, a.seed
          FROM unnest(p_source_references, p_user_ids, p_ticket_counts, p_raffle_codes, v_transaction_references,
                      p_expires_at, p_seeds)
            AS a (source_reference, user_id, ticket_count, raffle_code, transaction_reference, expires_at, seed)
    ), redemption AS (
        -- Locked, so that a cancellation at the same time either comes first and is seen, or takes these tickets back
        -- too.
        SELECT r.id, r.transaction_reference, r.user_id, r.tickets_earned, r.ticket_seed
          FROM redemption_schema.redemptions AS r
         WHERE r.transaction_reference = ANY (v_transaction_references)
           AND r.status = 'COMPLETED'
         ORDER BY r.id
           FOR SHARE
    ), allowed AS (
        SELECT a.source_reference, a.user_id, a.ticket_count, a.raffle_code, a.expires_at, r.id AS redemption_id,
               coalesce(CASE p_source WHEN 'COUPON_REDEMPTION' THEN r.ticket_seed ELSE a.seed END, gen_random_uuid())
                   AS seed
          FROM asked AS a
          LEFT JOIN redemption AS r ON r.transaction_reference = a.transaction_reference AND r.user_id = a.user_id
         WHERE CASE WHEN p_source = 'COUPON_REDEMPTION' THEN r.tickets_earned = a.ticket_count
                    WHEN a.transaction_reference IS NOT NULL THEN r.id IS NOT NULL
                    ELSE true END
    ), issued AS (
        INSERT INTO redemption_schema.ticket_issuances
               (seed, source, source_reference, user_id, redemption_id, ticket_count, raffle_code, expires_at)
        SELECT seed, p_source, source_reference, user_id, redemption_id, ticket_count, raffle_code, expires_at
          FROM allowed
         ORDER BY source_reference  -- one lock order, or two batches with the same references deadlock
            ON CONFLICT (source, source_reference) DO NOTHING
        RETURNING issuance_id, seed, source, user_id, redemption_id, ticket_count, raffle_code, expires_at
    ), made AS (
        INSERT INTO redemption_schema.raffle_tickets
               (ticket_number, issuance_id, ordinal, user_id, source, redemption_id, raffle_code, status, expires_at)
        SELECT redemption_schema.ticket_number(i.seed, n), i.issuance_id, n, i.user_id, i.source, i.redemption_id,
               i.raffle_code, CASE WHEN i.raffle_code IS NULL THEN 'ACTIVE' ELSE 'ENTERED' END, i.expires_at
          FROM issued AS i
         CROSS JOIN LATERAL generate_series(1, i.ticket_count) AS n
    )
    SELECT coalesce(array_agg(i.issuance_id), '{}') INTO v_new FROM issued AS i;

    RETURN QUERY
    SELECT a.source_reference, i.issuance_id, i.ticket_count,
           CASE WHEN i.issuance_id IS NULL THEN 'REFUSED'
                WHEN n.issuance_id IS NULL THEN 'ALREADY_ISSUED'
                ELSE 'ISSUED' END
      FROM unnest(p_source_references, p_user_ids, p_ticket_counts) AS a (source_reference, user_id, ticket_count)
      LEFT JOIN redemption_schema.ticket_issuances AS i
             ON i.source = p_source AND i.source_reference = a.source_reference
            AND i.user_id = a.user_id AND i.ticket_count = a.ticket_count
      LEFT JOIN unnest(v_new) AS n (issuance_id) ON n.issuance_id = i.issuance_id;
END
$function$;
COMMENT ON FUNCTION redemption_schema.issue_tickets(p_source text, p_source_references text[], p_user_ids uuid[], p_ticket_counts integer[], p_raffle_codes text[], p_transaction_references text[], p_expires_at timestamp with time zone[], p_seeds uuid[]) IS 'The only maker of tickets: one issuance and its tickets for each source reference, one time for ever. Outcome ISSUED;
ALREADY_ISSUED for a repeated call, which changes nothing; REFUSED when the reference was issued to another user or in
another number, or when the redemption it belongs to is not a COMPLETED one of this user.';
REVOKE EXECUTE ON FUNCTION redemption_schema.issue_tickets(p_source text, p_source_references text[], p_user_ids uuid[], p_ticket_counts integer[], p_raffle_codes text[], p_transaction_references text[], p_expires_at timestamp with time zone[], p_seeds uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.issue_tickets(p_source text, p_source_references text[], p_user_ids uuid[], p_ticket_counts integer[], p_raffle_codes text[], p_transaction_references text[], p_expires_at timestamp with time zone[], p_seeds uuid[]) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.may_process(p_employee_number text, p_user_id uuid, p_station_code text)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
    SELECT EXISTS (
        SELECT FROM redemption_schema.employments AS e
         WHERE e.employee_number = p_employee_number AND e.user_id = p_user_id AND e.station_code = p_station_code
           AND e.is_active AND e.may_process_transactions)
    $function$;
COMMENT ON FUNCTION redemption_schema.may_process(p_employee_number text, p_user_id uuid, p_station_code text) IS 'Whether this person works there now under this number and may process transactions.';
REVOKE EXECUTE ON FUNCTION redemption_schema.may_process(p_employee_number text, p_user_id uuid, p_station_code text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.may_process(p_employee_number text, p_user_id uuid, p_station_code text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.may_serve(p_employee_number text, p_station_code text, p_driver uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
    SELECT EXISTS (
        SELECT FROM redemption_schema.employments AS e
         WHERE e.employee_number = p_employee_number AND e.station_code = p_station_code
           AND e.is_active AND e.may_process_transactions AND e.user_id <> p_driver)
    $function$;
COMMENT ON FUNCTION redemption_schema.may_serve(p_employee_number text, p_station_code text, p_driver uuid) IS 'Whether who has this number works there now, may process transactions, and is somebody else than this driver.';
REVOKE EXECUTE ON FUNCTION redemption_schema.may_serve(p_employee_number text, p_station_code text, p_driver uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.may_serve(p_employee_number text, p_station_code text, p_driver uuid) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.next_transaction_reference()
 RETURNS text
 LANGUAGE sql
AS $function$
    SELECT 'RDM-' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') || '-'
        || lpad(n::text, greatest(6, length(n::text)), '0')
      FROM nextval('redemption_schema.transaction_reference_seq') AS n
$function$;
COMMENT ON FUNCTION redemption_schema.next_transaction_reference() IS 'A new public reference RDM-YYYYMMDD-NNNNNN (UTC date). The number never starts again, and grows past six digits.';
REVOKE EXECUTE ON FUNCTION redemption_schema.next_transaction_reference() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.next_transaction_reference() TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.note_for_reports()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO redemption_schema.report_changes (redemption_id, became) VALUES (NEW.id, NEW.status);
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.note_for_reports() IS 'What changed, for fold_report_changes.';
REVOKE EXECUTE ON FUNCTION redemption_schema.note_for_reports() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.note_refused_code(p_code text, p_reason text, p_station_code text, p_employee_number text, p_user_id uuid, p_device_id text)
 RETURNS void
 LANGUAGE sql
AS $function$
    INSERT INTO redemption_schema.code_refusals
           (code_sha256, reason, station_code, employee_number, user_id, device_id)
    VALUES (sha256(convert_to(p_code, 'UTF8')), p_reason, p_station_code, p_employee_number, p_user_id, p_device_id)
$function$;
COMMENT ON FUNCTION redemption_schema.note_refused_code(p_code text, p_reason text, p_station_code text, p_employee_number text, p_user_id uuid, p_device_id text) IS 'A code was presented that is none: INVALID_CODE or INVALID_SIGNATURE. At least one of employee, user and device is known. Commits with the refusal that it is about.';
REVOKE EXECUTE ON FUNCTION redemption_schema.note_refused_code(p_code text, p_reason text, p_station_code text, p_employee_number text, p_user_id uuid, p_device_id text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.note_refused_code(p_code text, p_reason text, p_station_code text, p_employee_number text, p_user_id uuid, p_device_id text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.open_fraud_reviews()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO redemption_schema.fraud_reviews
           (detection_id, detected_at, risk_score, action_taken, fraud_type, transaction_reference, station_code,
            employee_number, user_id, device_id, rule_points, details)
    SELECT detection_id, created_at, risk_score, action_taken, fraud_type, transaction_reference, station_code,
           employee_number, user_id, device_id, rule_points, details
      FROM new_rows
     WHERE action_taken <> 'ALLOWED';
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.open_fraud_reviews() IS 'A detection that asks for a person is in the queue at once; a blocked one too, since it may have been wrong.';
REVOKE EXECUTE ON FUNCTION redemption_schema.open_fraud_reviews() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.open_offline_lease(p_context_names text[], p_context_values text[], p_terminal_code text, p_station_code text, p_public_key bytea, p_head_sequence bigint, p_head_sha256 bytea)
 RETURNS TABLE(outcome text, lease_id uuid)
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_chain redemption_schema.offline_chains;
    v_limits redemption_schema.offline_limits;
    v_lease_id uuid;
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    INSERT INTO redemption_schema.offline_chains (terminal_code, station_code, public_key)
    VALUES (p_terminal_code, p_station_code, p_public_key)
    ON CONFLICT ON CONSTRAINT offline_chains_pk DO NOTHING;
    SELECT c.* INTO STRICT v_chain
      FROM redemption_schema.offline_chains AS c WHERE c.terminal_code = p_terminal_code FOR NO KEY UPDATE;
    IF v_chain.broken_at IS NOT NULL THEN
        RETURN QUERY SELECT 'BROKEN', NULL::uuid;
        RETURN;
    END IF;
    IF (p_head_sequence, p_head_sha256) <> (v_chain.head_sequence, v_chain.head_sha256) THEN
        RETURN QUERY SELECT 'UNSYNCED', NULL::uuid;
        RETURN;
    END IF;
    UPDATE redemption_schema.offline_leases AS l
       SET last_sequence = v_chain.head_sequence
     WHERE l.terminal_code = p_terminal_code AND l.last_sequence IS NULL;
    SELECT l.* INTO v_limits
      FROM redemption_schema.offline_limits AS l WHERE l.station_code = p_station_code AND l.is_enabled;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'NOT_ENABLED', NULL::uuid;
        RETURN;
    END IF;
    INSERT INTO redemption_schema.offline_leases AS l (
        terminal_code, first_sequence, expires_at, currency, max_amount, max_discount, max_count, max_total,
        campaign_codes)
    VALUES (
        p_terminal_code, v_chain.head_sequence + 1, now() + interval '1 hour' * v_limits.max_hours, v_limits.currency,
        v_limits.max_amount, v_limits.max_discount, v_limits.max_count, v_limits.max_total, v_limits.campaign_codes)
    RETURNING l.lease_id INTO v_lease_id;
    UPDATE redemption_schema.offline_chains AS c SET synced_at = now() WHERE c.terminal_code = p_terminal_code;
    RETURN QUERY SELECT 'OPENED', v_lease_id;
END
$function$;
COMMENT ON FUNCTION redemption_schema.open_offline_lease(p_context_names text[], p_context_values text[], p_terminal_code text, p_station_code text, p_public_key bytea, p_head_sequence bigint, p_head_sha256 bytea) IS 'OPENED, and the terminal''s lease before is closed; UNSYNCED: the terminal has more or less than the platform knows; NOT_ENABLED: not at this station, and the lease before is closed too; BROKEN. Locks the chain.';
REVOKE EXECUTE ON FUNCTION redemption_schema.open_offline_lease(p_context_names text[], p_context_values text[], p_terminal_code text, p_station_code text, p_public_key bytea, p_head_sequence bigint, p_head_sha256 bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.open_offline_lease(p_context_names text[], p_context_values text[], p_terminal_code text, p_station_code text, p_public_key bytea, p_head_sequence bigint, p_head_sha256 bytea) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.outlier(p_amount numeric, p_parameters jsonb, p_past numeric[])
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
DECLARE
    v_median double precision;
    v_spread double precision;
BEGIN
    IF p_amount IS NULL OR cardinality(p_past) < (p_parameters ->> 'min_history')::integer THEN
        RETURN NULL;
    END IF;
    v_median := (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM unnest(p_past) AS a);
    IF p_amount <= v_median * (p_parameters ->> 'min_ratio')::double precision THEN
        RETURN NULL;
    END IF;
    -- 1.4826 makes the median deviation a standard deviation where amounts are normal. Who always buys for the same
    -- amount has no deviation at all: a tenth of the median is the least.
    v_spread := (SELECT greatest(1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(a - v_median)),
                                 v_median / 10)
                   FROM unnest(p_past) AS a);
    IF p_amount <= v_median + v_spread * (p_parameters ->> 'max_deviations')::double precision THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object('usual', round(v_median::numeric, 2), 'amount', p_amount, 'of', cardinality(p_past));
END
$function$;
COMMENT ON FUNCTION redemption_schema.outlier(p_amount numeric, p_parameters jsonb, p_past numeric[]) IS 'Whether an amount is far above the past ones, by median and median absolute deviation: a few odd amounts among the past ones change neither. NULL: it is not.';
REVOKE EXECUTE ON FUNCTION redemption_schema.outlier(p_amount numeric, p_parameters jsonb, p_past numeric[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.outlier(p_amount numeric, p_parameters jsonb, p_past numeric[]) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.points_remainders(p_user_ids uuid[])
 RETURNS TABLE(user_id uuid, entry_number bigint, expires_at timestamp with time zone, remainder bigint)
 LANGUAGE sql
 STABLE
AS $function$
    WITH entry AS (
        SELECT l.user_id, l.entry_number, l.entry_type, l.points, l.expires_at,
               CASE WHEN l.entry_type = 'EXPIRED' AND l.source_reference ~ '^ENTRY-[0-9]{1,18}$'
                    THEN substr(l.source_reference, 7)::bigint
                    WHEN l.entry_type = 'ADJUSTED' AND l.points < 0 AND l.redemption_id IS NOT NULL
                    THEN (SELECT o.entry_number
                            FROM redemption_schema.points_ledger AS o
                           WHERE o.user_id = l.user_id AND o.entry_type = 'EARNED'
                             AND l.source_reference = 'cancelled ' || o.source_reference
                             AND o.redemption_id = l.redemption_id) END AS taken_of
          FROM redemption_schema.points_ledger AS l
         WHERE l.user_id = ANY (p_user_ids)
    ), spent AS (
        SELECT e.user_id, -sum(e.points) AS points
          FROM entry AS e
         WHERE e.points < 0 AND e.taken_of IS NULL
         GROUP BY e.user_id
    ), gained AS (
        -- What expired of an earning, or went with its redemption, was never spent: what is left of its size was.
        SELECT e.user_id, e.entry_number, e.expires_at, e.points + coalesce(x.points, 0) AS points
          FROM entry AS e
          LEFT JOIN (SELECT t.user_id, t.taken_of, sum(t.points) AS points
                       FROM entry AS t
                      WHERE t.taken_of IS NOT NULL
                      GROUP BY t.user_id, t.taken_of) AS x
                 ON x.user_id = e.user_id AND x.taken_of = e.entry_number
         WHERE e.points > 0
    ), summed AS (
        SELECT g.user_id, g.entry_number, g.expires_at, g.points,
               sum(g.points) OVER (PARTITION BY g.user_id ORDER BY g.entry_number) AS points_so_far
          FROM gained AS g
    )
    SELECT s.user_id, s.entry_number, s.expires_at,
           least(s.points, greatest(0, s.points_so_far - coalesce(p.points, 0)))::bigint
      FROM summed AS s
      LEFT JOIN spent AS p ON p.user_id = s.user_id
$function$;
COMMENT ON FUNCTION redemption_schema.points_remainders(p_user_ids uuid[]) IS 'What is left of each gain of these accounts: what was spent came from the oldest gains first; what expired, or went with a cancelled redemption, from that very earning. The remainders of an account add up to its balance.';
REVOKE EXECUTE ON FUNCTION redemption_schema.points_remainders(p_user_ids uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.points_remainders(p_user_ids uuid[]) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.rebuild_redemption_days(p_first_day date, p_last_day date)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_count integer;
BEGIN
    PERFORM FROM redemption_schema.report_states AS s WHERE s.report_name = 'redemption_days' FOR UPDATE;
    DELETE FROM redemption_schema.redemption_days AS d WHERE d.business_day BETWEEN p_first_day AND p_last_day;
    -- What is noted as this statement sees it is left to be folded; what commits later is noted then.
    INSERT INTO redemption_schema.redemption_days (
        business_day, station_code, campaign_code, currency, completed, cancelled, original_amount, discount_amount,
        final_amount, cancelled_amount, fuel_litres, tickets_earned, tickets_taken_back)
    SELECT r.business_day, r.station_code, coalesce(r.campaign_code, ''), r.currency,
           count(*), sum(1 - c.kept),
           sum(c.kept * r.original_amount), sum(c.kept * r.discount_amount), sum(c.kept * r.final_amount),
           sum((1 - c.kept) * r.final_amount), sum(c.kept * coalesce(r.fuel_litres, 0)),
           sum(r.tickets_earned), coalesce(sum(b.tickets), 0)
      FROM redemption_schema.redemptions AS r
      LEFT JOIN (
           SELECT o.redemption_id, bool_or(o.became = 'COMPLETED') AS is_completion
             FROM redemption_schema.report_changes AS o
            GROUP BY o.redemption_id) AS n ON n.redemption_id = r.id
     CROSS JOIN LATERAL (
           SELECT CASE WHEN r.status = 'CANCELLED' AND n.redemption_id IS NULL THEN 0 ELSE 1 END AS kept) AS c
      LEFT JOIN LATERAL (
           SELECT count(*) AS tickets
             FROM redemption_schema.raffle_tickets AS t
            WHERE t.redemption_id = r.id AND t.source = 'COUPON_REDEMPTION' AND t.status = 'CANCELLED') AS b
        ON c.kept = 0
     WHERE r.business_day BETWEEN p_first_day AND p_last_day AND n.is_completion IS NOT true
     GROUP BY r.business_day, r.station_code, coalesce(r.campaign_code, ''), r.currency;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION redemption_schema.rebuild_redemption_days(p_first_day date, p_last_day date) IS 'Makes these days of the report anew from the redemptions, where somebody spoilt them; returns how many lines there are. Reads all of their redemptions. Locks the report''s state, so that nobody folds meanwhile; readers see the old lines until it commits.';
REVOKE EXECUTE ON FUNCTION redemption_schema.rebuild_redemption_days(p_first_day date, p_last_day date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.rebuild_redemption_days(p_first_day date, p_last_day date) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.redemption_facts(p_reference text)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
AS $function$
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
    $function$;
COMMENT ON FUNCTION redemption_schema.redemption_facts(p_reference text) IS 'What the service tells of a redemption, money and litres as text, which loses nothing in JSON.';
REVOKE EXECUTE ON FUNCTION redemption_schema.redemption_facts(p_reference text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.redemption_facts(p_reference text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- Retention and erasure run in transactions that say so; a runtime role has no such grant in the first place.
    IF redemption_schema.request_context('maintenance') = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'table %.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$function$;
COMMENT ON FUNCTION redemption_schema.refuse_change() IS 'BEFORE UPDATE OR DELETE OR TRUNCATE statement trigger of append-only tables.';
REVOKE EXECUTE ON FUNCTION redemption_schema.refuse_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.refuse_offline_entry(p_context_names text[], p_context_values text[], p_terminal_code text, p_sequence bigint, p_reason text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    UPDATE redemption_schema.offline_redemptions AS o
       SET status = 'CONFLICT', reason = p_reason
     WHERE o.terminal_code = p_terminal_code AND o.sequence = p_sequence AND o.status = 'RECEIVED'
       AND o.transaction_reference IS NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.refuse_offline_entry(p_context_names text[], p_context_values text[], p_terminal_code text, p_sequence bigint, p_reason text) IS 'An entry whose code means no coupon of ours is a conflict, and has no redemption.';
REVOKE EXECUTE ON FUNCTION redemption_schema.refuse_offline_entry(p_context_names text[], p_context_values text[], p_terminal_code text, p_sequence bigint, p_reason text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.refuse_offline_entry(p_context_names text[], p_context_values text[], p_terminal_code text, p_sequence bigint, p_reason text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.request_context(p_name text)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT nullif(current_setting('gasolinera.' || p_name, true), '') $function$;
COMMENT ON FUNCTION redemption_schema.request_context(p_name text) IS 'What the application set for this transaction: actor, correlation_id, ip_address, user_agent; NULL when unset.';
REVOKE EXECUTE ON FUNCTION redemption_schema.request_context(p_name text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.request_context(p_name text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.set_request_context(p_names text[], p_values text[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM set_config('gasolinera.' || c.name, c.value, true) FROM unnest(p_names, p_values) AS c (name, value);
END
$function$;
COMMENT ON FUNCTION redemption_schema.set_request_context(p_names text[], p_values text[]) IS 'Who asks and in which request, for this transaction: so a step needs no statement before it.';
REVOKE EXECUTE ON FUNCTION redemption_schema.set_request_context(p_names text[], p_values text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.set_request_context(p_names text[], p_values text[]) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.set_updated_at() IS 'BEFORE UPDATE trigger: the row remembers when it was last changed.';
REVOKE EXECUTE ON FUNCTION redemption_schema.set_updated_at() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.settle_offline_redemption()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE redemption_schema.offline_redemptions AS o
       SET status = CASE WHEN NEW.status = 'COMPLETED' AND NEW.discount_amount = o.discount_amount
                         THEN 'SETTLED' ELSE 'CONFLICT' END,
           reason = CASE WHEN NEW.status <> 'COMPLETED' THEN coalesce(NEW.failure_code, NEW.status)
                         WHEN NEW.discount_amount <> o.discount_amount THEN 'OTHER_DISCOUNT' END
     WHERE o.transaction_reference = NEW.transaction_reference AND o.status = 'RECEIVED';
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.settle_offline_redemption() IS 'AFTER trigger: whoever ends the redemption of an entry, a request or the recovery, settles the entry with it.';
REVOKE EXECUTE ON FUNCTION redemption_schema.settle_offline_redemption() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.start_redemption(p_context_names text[], p_context_values text[], p_reference text, p_request_sha256 bytea, p_asked_by uuid, p_employee_number text, p_station_code text, p_fuel_type text, p_fuel_litres numeric, p_price_per_litre numeric, p_amount numeric)
 RETURNS TABLE(outcome text, facts jsonb)
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION redemption_schema.start_redemption(p_context_names text[], p_context_values text[], p_reference text, p_request_sha256 bytea, p_asked_by uuid, p_employee_number text, p_station_code text, p_fuel_type text, p_fuel_litres numeric, p_price_per_litre numeric, p_amount numeric) IS 'The second step of a validated redemption, with what the pump says: STARTED, its facts are for the assessment to tell; REPEATED and OTHER_REQUEST as in begin_redemption; UNKNOWN, also for those of other stations; OWN as there; OVER: it ended without a second step, or its time for one is over.';
REVOKE EXECUTE ON FUNCTION redemption_schema.start_redemption(p_context_names text[], p_context_values text[], p_reference text, p_request_sha256 bytea, p_asked_by uuid, p_employee_number text, p_station_code text, p_fuel_type text, p_fuel_litres numeric, p_price_per_litre numeric, p_amount numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.start_redemption(p_context_names text[], p_context_values text[], p_reference text, p_request_sha256 bytea, p_asked_by uuid, p_employee_number text, p_station_code text, p_fuel_type text, p_fuel_litres numeric, p_price_per_litre numeric, p_amount numeric) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.take_ad_bonus(p_view_id uuid, p_user_id uuid, p_reference text, p_chain_step integer, p_multiplier integer, p_tickets integer)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    v_id bigint;
    v_own integer;
    v_raffle_code text;
    v_expires_at timestamptz;
    v_count integer := 0;
    v_status text;
    v_issuance uuid;
BEGIN
    -- Of a view without a redemption nothing is kept: there is nothing to earn, to take back or to tell apart.
    IF p_reference IS NULL THEN
        RETURN 'NOTHING';
    END IF;
    -- Until this transaction ends nobody else writes about the view.
    PERFORM pg_advisory_xact_lock(hashtextextended('bonus of ad view ' || p_view_id, 0));
    IF EXISTS (SELECT FROM redemption_schema.ad_bonuses AS b WHERE b.view_id = p_view_id) THEN
        RETURN 'REPEATED';
    END IF;
    -- Shared: a cancellation comes before it, and nothing is made, or after it, and takes what is made. Of two views
    -- of one step the second waits at the index below.
    SELECT r.id, r.tickets_earned, r.raffle_code,
           coalesce(r.tickets_expire_at,
                    (SELECT max(t.expires_at) FROM redemption_schema.raffle_tickets AS t
                      WHERE t.redemption_id = r.id AND t.source = 'COUPON_REDEMPTION'))
      INTO v_id, v_own, v_raffle_code, v_expires_at
      FROM redemption_schema.redemptions AS r
     WHERE r.transaction_reference = p_reference AND r.user_id = p_user_id AND r.status = 'COMPLETED'
       FOR SHARE;
    -- By the own tickets, whatever was told: a view multiplies them by ten at most.
    v_count := least(p_tickets, v_own * (least(p_multiplier, 10) - 1), 10000);
    v_status := CASE
        WHEN v_id IS NULL THEN 'NOT_COMPLETED'
        WHEN EXISTS (SELECT FROM redemption_schema.erased_users AS u WHERE u.user_id = p_user_id) THEN 'ERASED'
        -- No bonus outlives the tickets that it multiplies.
        WHEN v_count <= 0 OR v_expires_at <= now() THEN 'NOTHING'
        WHEN EXISTS (
            SELECT FROM redemption_schema.ad_bonuses AS b
             WHERE b.transaction_reference = p_reference AND b.chain_step = p_chain_step AND b.status = 'ISSUED')
        THEN 'STEP_TAKEN'
        ELSE 'ISSUED' END;
    IF v_status = 'ISSUED' THEN
        -- Where the holder has sent all of the redemption's own tickets to one raffle, the bonus goes there too, as long
        -- as it takes tickets; else it waits to be sent.
        IF v_raffle_code IS NULL THEN
            SELECT min(t.raffle_code) INTO v_raffle_code
              FROM redemption_schema.raffle_tickets AS t
             WHERE t.redemption_id = v_id AND t.source = 'COUPON_REDEMPTION' AND t.status IN ('ACTIVE', 'ENTERED')
            HAVING count(*) = count(t.raffle_code) AND min(t.raffle_code) = max(t.raffle_code)
               AND EXISTS (
                   SELECT FROM redemption_schema.ticket_raffles AS f
                    WHERE f.raffle_code = min(t.raffle_code) AND f.takes_choices
                      AND f.opens_at <= now() AND now() < f.closes_at);
        END IF;
        SELECT i.issuance_id INTO STRICT v_issuance
          FROM redemption_schema.issue_tickets(
                   'AD_ENGAGEMENT', ARRAY[p_view_id::text], ARRAY[p_user_id], ARRAY[v_count],
                   p_raffle_codes => ARRAY[v_raffle_code], p_transaction_references => ARRAY[p_reference],
                   p_expires_at => ARRAY[v_expires_at]) AS i
         WHERE i.outcome IN ('ISSUED', 'ALREADY_ISSUED');
    END IF;
    INSERT INTO redemption_schema.ad_bonuses
           (view_id, transaction_reference, user_id, chain_step, status, ticket_count, issuance_id)
    VALUES (p_view_id, p_reference, p_user_id, p_chain_step, v_status,
            CASE v_status WHEN 'ISSUED' THEN v_count ELSE 0 END, v_issuance);
    RETURN v_status;
END
$function$;
COMMENT ON FUNCTION redemption_schema.take_ad_bonus(p_view_id uuid, p_user_id uuid, p_reference text, p_chain_step integer, p_multiplier integer, p_tickets integer) IS 'Makes the bonus tickets of a completed ad view, once: ISSUED. NOTHING: it earns none, or the redemption''s own tickets are over; NOT_COMPLETED: the redemption is none of this user''s that holds, as after its cancellation; STEP_TAKEN; ERASED; REPEATED: the view was told of before, or its rejection was. Without a redemption nothing is kept. Locks the view, then the redemption (shared).';
REVOKE EXECUTE ON FUNCTION redemption_schema.take_ad_bonus(p_view_id uuid, p_user_id uuid, p_reference text, p_chain_step integer, p_multiplier integer, p_tickets integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.take_ad_bonus(p_view_id uuid, p_user_id uuid, p_reference text, p_chain_step integer, p_multiplier integer, p_tickets integer) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.take_ad_bonus_back(p_view_id uuid, p_user_id uuid, p_reference text, p_chain_step integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    v_issuance uuid;
    v_count integer;
BEGIN
    IF p_reference IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('bonus of ad view ' || p_view_id, 0));
    INSERT INTO redemption_schema.ad_bonuses AS b
           (view_id, transaction_reference, user_id, chain_step, status, taken_back_at)
    VALUES (p_view_id, p_reference, p_user_id, p_chain_step, 'TAKEN_BACK', now())
    ON CONFLICT (view_id) DO UPDATE
       SET status = 'TAKEN_BACK', taken_back_at = now() WHERE b.status <> 'TAKEN_BACK'
    RETURNING b.issuance_id INTO v_issuance;
    -- A ticket whose draw has been held stays; the raffle's own rules deal with a winner.
    UPDATE redemption_schema.raffle_tickets AS t
       SET status = 'CANCELLED'
     WHERE t.issuance_id = v_issuance AND t.status IN ('ACTIVE', 'ENTERED');
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION redemption_schema.take_ad_bonus_back(p_view_id uuid, p_user_id uuid, p_reference text, p_chain_step integer) IS 'Takes back what a view earned that was rejected, once, and remembers it where the view itself is not told of yet; how many tickets. Those of a draw that was held stay. Locks the view, then its tickets.';
REVOKE EXECUTE ON FUNCTION redemption_schema.take_ad_bonus_back(p_view_id uuid, p_user_id uuid, p_reference text, p_chain_step integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.take_ad_bonus_back(p_view_id uuid, p_user_id uuid, p_reference text, p_chain_step integer) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.take_offline_entries(p_context_names text[], p_context_values text[], p_terminal_code text, p_entries jsonb)
 RETURNS TABLE(sequence bigint, outcome text)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
DECLARE
    v_chain redemption_schema.offline_chains;
    v_lease redemption_schema.offline_leases;
    v_named_until timestamptz;
    v_reason text;
    v_known bytea;
    e record;
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    SELECT c.* INTO v_chain
      FROM redemption_schema.offline_chains AS c WHERE c.terminal_code = p_terminal_code FOR NO KEY UPDATE;
    IF NOT FOUND OR v_chain.broken_at IS NOT NULL THEN
        RETURN QUERY SELECT 0::bigint, CASE WHEN v_chain.broken_at IS NULL THEN 'UNKNOWN' ELSE 'BROKEN' END;
        RETURN;
    END IF;
    FOR e IN
        SELECT x.sequence, decode(x.previous_sha256, 'hex') AS previous_sha256,
               decode(x.entry_sha256, 'hex') AS entry_sha256, x.entry, decode(x.signature, 'hex') AS signature,
               x.lease_id, x.employee_number, x.user_id, x.dispenser_code, x.fuel_type, x.fuel_litres,
               x.price_per_litre, x.amount, x.discount_amount, x.currency, x.used_at
          FROM jsonb_to_recordset(p_entries) AS x (
                   sequence bigint, previous_sha256 text, entry_sha256 text, entry text, signature text, lease_id uuid,
                   employee_number text, user_id uuid, dispenser_code text, fuel_type text, fuel_litres numeric,
                   price_per_litre numeric, amount numeric, discount_amount numeric, currency text,
                   used_at timestamptz)
         ORDER BY x.sequence
    LOOP
        IF e.sequence <= v_chain.head_sequence THEN
            SELECT o.entry_sha256 INTO STRICT v_known
              FROM redemption_schema.offline_redemptions AS o
             WHERE o.terminal_code = p_terminal_code AND o.sequence = e.sequence;
            IF v_known = e.entry_sha256 THEN
                RETURN QUERY SELECT e.sequence, 'REPEATED';
                CONTINUE;
            END IF;
        ELSIF e.sequence > v_chain.head_sequence + 1 THEN
            RETURN QUERY SELECT e.sequence, 'GAP';
            EXIT;
        END IF;
        IF e.sequence <= v_chain.head_sequence OR e.previous_sha256 <> v_chain.head_sha256 THEN
            UPDATE redemption_schema.offline_chains AS c
               SET broken_at = now(), broken_because = 'FORK', broken_entry = e.entry
             WHERE c.terminal_code = p_terminal_code;
            RETURN QUERY SELECT e.sequence, 'FORK';
            EXIT;
        END IF;

        -- It counts under the open lease, also where the terminal names one before: the answer may have been lost.
        SELECT l.* INTO v_lease
          FROM redemption_schema.offline_leases AS l
         WHERE l.terminal_code = p_terminal_code AND l.last_sequence IS NULL;
        SELECT l.expires_at INTO v_named_until
          FROM redemption_schema.offline_leases AS l
         WHERE l.lease_id = e.lease_id AND l.terminal_code = p_terminal_code;
        v_reason := CASE
            WHEN v_lease.lease_id IS NULL OR v_named_until IS NULL THEN 'NO_LEASE'
            WHEN e.used_at < now() - interval '7 days' THEN 'TOO_LATE'
            WHEN e.used_at > now() + interval '1 minute' OR e.used_at < v_chain.head_used_at THEN 'CLOCK'
            WHEN e.used_at < v_lease.created_at - interval '1 minute' OR e.used_at >= v_named_until
                THEN 'OUTSIDE_LEASE'
            WHEN e.currency <> v_lease.currency OR e.amount > v_lease.max_amount
                OR e.discount_amount > v_lease.max_discount THEN 'OVER_CAP'
            END;
        IF v_reason IS NULL THEN
            UPDATE redemption_schema.offline_leases AS l
               SET used_count = l.used_count + 1, used_total = l.used_total + e.discount_amount
             WHERE l.lease_id = v_lease.lease_id
               AND l.used_count < l.max_count AND l.used_total + e.discount_amount <= l.max_total;
            IF NOT FOUND THEN
                v_reason := 'OVER_CAP';
            END IF;
        END IF;
        INSERT INTO redemption_schema.offline_redemptions (
            terminal_code, sequence, entry_sha256, entry, signature, lease_id, station_code, employee_number, user_id,
            dispenser_code, fuel_type, fuel_litres, price_per_litre, amount, discount_amount, currency, used_at, status,
            reason)
        VALUES (
            p_terminal_code, e.sequence, e.entry_sha256, e.entry, e.signature, v_lease.lease_id, v_chain.station_code,
            e.employee_number, e.user_id, e.dispenser_code, e.fuel_type, e.fuel_litres, e.price_per_litre, e.amount,
            e.discount_amount, e.currency, e.used_at, CASE WHEN v_reason IS NULL THEN 'RECEIVED' ELSE 'CONFLICT' END,
            v_reason);
        v_chain.head_sequence := e.sequence;
        v_chain.head_sha256 := e.entry_sha256;
        -- A clock that was ahead once must not condemn all that follow.
        v_chain.head_used_at := CASE WHEN v_reason = 'CLOCK' THEN v_chain.head_used_at ELSE e.used_at END;
        RETURN QUERY SELECT e.sequence, 'TAKEN';
    END LOOP;
    UPDATE redemption_schema.offline_chains AS c
       SET head_sequence = v_chain.head_sequence, head_sha256 = v_chain.head_sha256,
           head_used_at = v_chain.head_used_at, synced_at = now()
     WHERE c.terminal_code = p_terminal_code;
END
$function$;
COMMENT ON FUNCTION redemption_schema.take_offline_entries(p_context_names text[], p_context_values text[], p_terminal_code text, p_entries jsonb) IS 'Keeps entries in the order of their numbers, each once, until one does not follow the last: TAKEN; REPEATED; GAP: an earlier one is missing; FORK: another entry has its number or place, and the chain is broken for good; for the whole, as number 0: BROKEN before, UNKNOWN: it never had a lease. What is outside of its lease is kept as a conflict. Locks the chain, then the leases.';
REVOKE EXECUTE ON FUNCTION redemption_schema.take_offline_entries(p_context_names text[], p_context_values text[], p_terminal_code text, p_entries jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.take_offline_entries(p_context_names text[], p_context_values text[], p_terminal_code text, p_entries jsonb) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.take_points_back(p_reference text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_earned record;
    v_balance bigint;
    v_left bigint;
    v_spent bigint;
BEGIN
    SELECT l.user_id, l.entry_number, l.points, l.redemption_id INTO v_earned
      FROM redemption_schema.redemptions AS r
      JOIN redemption_schema.points_ledger AS l ON l.redemption_id = r.id AND l.entry_type = 'EARNED'
     WHERE r.transaction_reference = p_reference AND r.status = 'CANCELLED';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Locked before the entries are read: nobody spends meanwhile what is taken below.
    SELECT a.balance INTO STRICT v_balance
      FROM redemption_schema.points_accounts AS a WHERE a.user_id = v_earned.user_id FOR UPDATE;
    IF EXISTS (
        SELECT FROM redemption_schema.points_ledger AS o
         WHERE o.user_id = v_earned.user_id AND o.entry_type = 'ADJUSTED'
           AND o.source_reference IN ('cancelled ' || p_reference, 'spent of cancelled ' || p_reference)) THEN
        RETURN;
    END IF;
    SELECT p.remainder INTO STRICT v_left
      FROM redemption_schema.points_remainders(ARRAY[v_earned.user_id]) AS p
     WHERE p.entry_number = v_earned.entry_number;
    -- What expired is gone already; what was spent is owed by the others, as far as they go.
    v_spent := v_earned.points - v_left + coalesce((
        SELECT l.points
          FROM redemption_schema.points_ledger AS l
         WHERE l.user_id = v_earned.user_id AND l.entry_type = 'EXPIRED'
           AND l.source_reference = 'ENTRY-' || v_earned.entry_number), 0);
    INSERT INTO redemption_schema.points_ledger
           (user_id, entry_type, points, source_reference, redemption_id, description)
    SELECT v_earned.user_id, 'ADJUSTED', -t.points, t.name || p_reference, v_earned.redemption_id,
           'the redemption was cancelled'
      FROM (VALUES (1, 'cancelled ', v_left),
                   (2, 'spent of cancelled ', least(v_spent, v_balance - v_left))) AS t (place, name, points)
     WHERE t.points > 0
     ORDER BY t.place;
END
$function$;
COMMENT ON FUNCTION redemption_schema.take_points_back(p_reference text) IS 'What a cancelled redemption had earned goes, once: what is left of that earning, and for what was spent of it as much of the others, the oldest first, as there is. What expired of it is not taken twice. Locks the account.';
REVOKE EXECUTE ON FUNCTION redemption_schema.take_points_back(p_reference text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.take_points_back(p_reference text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.tell_cancelled_after_draw()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- A ticket that is just ending is waited for, and then seen as it is.
    PERFORM FROM redemption_schema.raffle_tickets AS t
      WHERE t.redemption_id = NEW.id ORDER BY t.id FOR NO KEY UPDATE;
    INSERT INTO redemption_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    SELECT 'tickets.revoked', 'issuance', t.issuance_id::text,
           jsonb_build_object(
               'issuance_id', t.issuance_id, 'user_id', t.user_id, 'source', t.source, 'count', count(*),
               'numbers', jsonb_agg(t.ticket_number ORDER BY t.ordinal), 'raffle_code', t.raffle_code,
               'revoked_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
      FROM redemption_schema.raffle_tickets AS t
     WHERE t.redemption_id = NEW.id AND t.status = 'USED'
     GROUP BY t.issuance_id, t.user_id, t.source, t.raffle_code
     ORDER BY t.issuance_id;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.tell_cancelled_after_draw() IS 'Writes tickets.revoked for tickets of a cancelled redemption that had their draw: they stay USED, and the raffle knows it before it hands a prize over. Locks the redemption''s tickets.';
REVOKE EXECUTE ON FUNCTION redemption_schema.tell_cancelled_after_draw() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.tell_changed_tickets()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- What a raffle itself said (ENTERED to ACTIVE, ENTERED to USED) it need not be told, and one that expires was
    -- never in a raffle.
    INSERT INTO redemption_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    SELECT CASE n.status WHEN 'ENTERED' THEN 'tickets.issued' ELSE 'tickets.revoked' END, 'issuance',
           n.issuance_id::text,
           jsonb_build_object(
               'issuance_id', n.issuance_id, 'user_id', n.user_id, 'source', n.source, 'count', count(*),
               'numbers', jsonb_agg(n.ticket_number ORDER BY n.ordinal), 'raffle_code', n.raffle_code,
               CASE n.status WHEN 'ENTERED' THEN 'entered_at' ELSE 'revoked_at' END,
               to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
      FROM new_rows AS n
      JOIN old_rows AS o ON o.id = n.id
     WHERE (o.status, n.status) IN (('ACTIVE', 'ENTERED'), ('ACTIVE', 'CANCELLED'), ('ENTERED', 'CANCELLED'))
     GROUP BY n.issuance_id, n.user_id, n.source, n.raffle_code, n.status
     ORDER BY n.issuance_id;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.tell_changed_tickets() IS 'Writes tickets.issued when a holder chose a raffle and tickets.revoked when tickets were taken back, one event an issuance and raffle. A ticket''s row lock keeps its events in the order of their commits.';
REVOKE EXECUTE ON FUNCTION redemption_schema.tell_changed_tickets() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.tell_made_tickets()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO redemption_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    SELECT 'tickets.issued', 'issuance', n.issuance_id::text,
           jsonb_build_object(
               'issuance_id', n.issuance_id, 'user_id', n.user_id, 'source', n.source, 'count', count(*),
               'numbers', jsonb_agg(n.ticket_number ORDER BY n.ordinal), 'raffle_code', n.raffle_code,
               'entered_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
      FROM new_rows AS n
     GROUP BY n.issuance_id, n.user_id, n.source, n.raffle_code
     ORDER BY n.issuance_id;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.tell_made_tickets() IS 'Writes tickets.issued for each issuance whose tickets a statement made, whoever made them.';
REVOKE EXECUTE ON FUNCTION redemption_schema.tell_made_tickets() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.ticket_number(p_seed uuid, p_ordinal integer)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
DECLARE
    v_alphabet CONSTANT text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    v_hash CONSTANT bytea := sha256('ticket'::bytea || uuid_send(p_seed) || int4send(p_ordinal));
    v_number text := 'TKT';
    v_sum integer := 0;
    v_value integer;
BEGIN
    FOR i IN 0..14 LOOP
        v_value := get_byte(v_hash, i) & 31;
        v_number := v_number || substr(v_alphabet, v_value + 1, 1);
        v_sum := (((v_sum << 1) & 31) # (CASE WHEN v_sum >= 16 THEN 5 ELSE 0 END)) # v_value;
    END LOOP;
    -- The check character makes the sum over all sixteen characters zero.
    v_value := ((v_sum << 1) & 31) # (CASE WHEN v_sum >= 16 THEN 5 ELSE 0 END);
    RETURN v_number || substr(v_alphabet, v_value + 1, 1);
END
$function$;
COMMENT ON FUNCTION redemption_schema.ticket_number(p_seed uuid, p_ordinal integer) IS 'The number of the n-th ticket of an issuance: "TKT", 15 characters (75 bits) of SHA-256("ticket" || seed || n), one
check character. The alphabet is Crockford''s base 32 (no I, L, O, U); a character''s value v is its place, 0 to 31.
Check: read the values as elements of GF(32) with x^5 = x^2 + 1; sum(v[i] * x^(16 - i), i = 1..16) = 0, where v[16] is
the check character. x has order 31, so every wrong character and every swap of two characters changes the sum.';
REVOKE EXECUTE ON FUNCTION redemption_schema.ticket_number(p_seed uuid, p_ordinal integer) FROM PUBLIC;

CREATE TABLE redemption_schema.ad_bonuses (
    view_id uuid NOT NULL,
    transaction_reference text NOT NULL,
    user_id uuid NOT NULL,
    chain_step smallint NOT NULL,
    status text NOT NULL,
    ticket_count integer DEFAULT 0 NOT NULL,
    issuance_id uuid,
    taken_back_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_bonuses_chain_step_check CHECK (chain_step >= 1 AND chain_step <= 10),
    CONSTRAINT ad_bonuses_issuance_id_key UNIQUE (issuance_id),
    CONSTRAINT ad_bonuses_issued_check CHECK (
CASE status
    WHEN 'ISSUED'::text THEN issuance_id IS NOT NULL AND ticket_count > 0
    WHEN 'TAKEN_BACK'::text THEN true
    ELSE issuance_id IS NULL AND ticket_count = 0
END),
    CONSTRAINT ad_bonuses_pk PRIMARY KEY (view_id),
    CONSTRAINT ad_bonuses_status_check CHECK (status = ANY (ARRAY['ISSUED'::text, 'NOTHING'::text, 'NOT_COMPLETED'::text, 'STEP_TAKEN'::text, 'ERASED'::text, 'TAKEN_BACK'::text])),
    CONSTRAINT ad_bonuses_taken_back_check CHECK ((status = 'TAKEN_BACK'::text) = (taken_back_at IS NOT NULL)),
    CONSTRAINT ad_bonuses_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'::text)
);
COMMENT ON TABLE redemption_schema.ad_bonuses IS 'What became of each ad view of a redemption that the ad engine told of: one row a view, so its tickets are made once. TAKEN_BACK also where the rejection came first: then they are never made.';
GRANT SELECT ON TABLE redemption_schema.ad_bonuses TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.ad_bonuses TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ad_bonuses.user_id IS 'Personal data: public id of the viewer.';

CREATE UNIQUE INDEX ad_bonuses_step_idx ON redemption_schema.ad_bonuses USING btree (transaction_reference, chain_step) WHERE (status = 'ISSUED'::text);

CREATE INDEX ad_bonuses_user_id_created_at_idx ON redemption_schema.ad_bonuses USING btree (user_id, created_at DESC);

CREATE TRIGGER ad_bonuses_set_updated_at BEFORE UPDATE ON redemption_schema.ad_bonuses FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.code_refusals (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    code_sha256 bytea NOT NULL,
    reason text NOT NULL,
    station_code text,
    employee_number text,
    user_id uuid,
    device_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT code_refusals_code_sha256_check CHECK (octet_length(code_sha256) = 32),
    CONSTRAINT code_refusals_device_id_check CHECK (length(device_id) >= 1 AND length(device_id) <= 128),
    CONSTRAINT code_refusals_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT code_refusals_pk PRIMARY KEY (id, created_at),
    CONSTRAINT code_refusals_reason_check CHECK (reason = ANY (ARRAY['INVALID_CODE'::text, 'INVALID_SIGNATURE'::text])),
    CONSTRAINT code_refusals_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT code_refusals_who_check CHECK (num_nonnulls(employee_number, user_id, device_id) > 0)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE redemption_schema.code_refusals IS 'Codes that were presented here and name no coupon, or are signed by nobody: what a guesser leaves behind. Written by this service when the coupon service refuses; append-only, by month. Kept 90 days.';
GRANT SELECT ON TABLE redemption_schema.code_refusals TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.code_refusals TO redemption_ro;
COMMENT ON COLUMN redemption_schema.code_refusals.code_sha256 IS 'SHA-256 of the code as presented: one wrong code shown five times is no guessing.';
GRANT INSERT (code_sha256) ON TABLE redemption_schema.code_refusals TO redemption_app;
GRANT INSERT (reason) ON TABLE redemption_schema.code_refusals TO redemption_app;
GRANT SELECT (reason) ON TABLE redemption_schema.code_refusals TO redemption_ro;
GRANT INSERT (station_code) ON TABLE redemption_schema.code_refusals TO redemption_app;
GRANT SELECT (station_code) ON TABLE redemption_schema.code_refusals TO redemption_ro;
COMMENT ON COLUMN redemption_schema.code_refusals.employee_number IS 'Personal data: the employee who serves.';
GRANT INSERT (employee_number) ON TABLE redemption_schema.code_refusals TO redemption_app;
COMMENT ON COLUMN redemption_schema.code_refusals.user_id IS 'Personal data: public id of the driver, where known.';
GRANT INSERT (user_id) ON TABLE redemption_schema.code_refusals TO redemption_app;
COMMENT ON COLUMN redemption_schema.code_refusals.device_id IS 'Personal data: the driver''s device.';
GRANT INSERT (device_id) ON TABLE redemption_schema.code_refusals TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.code_refusals TO redemption_ro;

CREATE INDEX code_refusals_device_id_created_at_idx ON redemption_schema.code_refusals USING btree (device_id, created_at DESC) WHERE (device_id IS NOT NULL);

CREATE INDEX code_refusals_employee_number_created_at_idx ON redemption_schema.code_refusals USING btree (employee_number, created_at DESC) WHERE (employee_number IS NOT NULL);

CREATE INDEX code_refusals_user_id_created_at_idx ON redemption_schema.code_refusals USING btree (user_id, created_at DESC) WHERE (user_id IS NOT NULL);

CREATE TRIGGER code_refusals_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON redemption_schema.code_refusals FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

CREATE TABLE redemption_schema.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    event jsonb NOT NULL,
    correlation_id text,
    attempts integer NOT NULL,
    last_error text NOT NULL,
    first_failed_at timestamp with time zone NOT NULL,
    last_failed_at timestamp with time zone NOT NULL,
    replayed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT dead_letters_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT dead_letters_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT dead_letters_attempts_check CHECK (attempts >= 1),
    CONSTRAINT dead_letters_consumer_check CHECK (consumer ~ '^[a-z][a-z0-9_.]{0,99}$'::text),
    CONSTRAINT dead_letters_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT dead_letters_event_check CHECK (jsonb_typeof(event) = 'object'::text),
    CONSTRAINT dead_letters_event_id_consumer_key UNIQUE (event_id, consumer),
    CONSTRAINT dead_letters_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT dead_letters_failed_at_check CHECK (first_failed_at <= last_failed_at),
    CONSTRAINT dead_letters_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT dead_letters_pk PRIMARY KEY (id)
);
COMMENT ON TABLE redemption_schema.dead_letters IS 'Events that a consumer of this service failed at too often, with the reason, until somebody replays them.';
GRANT DELETE, SELECT ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.dead_letters TO redemption_ro;
GRANT INSERT (event_id) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (event_id) ON TABLE redemption_schema.dead_letters TO redemption_ro;
GRANT INSERT (consumer) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (consumer) ON TABLE redemption_schema.dead_letters TO redemption_ro;
GRANT INSERT (event_type) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (event_type) ON TABLE redemption_schema.dead_letters TO redemption_ro;
GRANT INSERT (aggregate_type) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (aggregate_type) ON TABLE redemption_schema.dead_letters TO redemption_ro;
GRANT INSERT (aggregate_key) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (aggregate_key) ON TABLE redemption_schema.dead_letters TO redemption_ro;
COMMENT ON COLUMN redemption_schema.dead_letters.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT INSERT (correlation_id) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.dead_letters TO redemption_ro;
GRANT INSERT (attempts), UPDATE (attempts) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (attempts) ON TABLE redemption_schema.dead_letters TO redemption_ro;
GRANT INSERT (last_error), UPDATE (last_error) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (last_error) ON TABLE redemption_schema.dead_letters TO redemption_ro;
GRANT INSERT (first_failed_at) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (first_failed_at) ON TABLE redemption_schema.dead_letters TO redemption_ro;
GRANT INSERT (last_failed_at), UPDATE (last_failed_at) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (last_failed_at) ON TABLE redemption_schema.dead_letters TO redemption_ro;
COMMENT ON COLUMN redemption_schema.dead_letters.replayed_at IS 'Set in the transaction of the effect, so that a replay has it once.';
GRANT UPDATE (replayed_at) ON TABLE redemption_schema.dead_letters TO redemption_app;
GRANT SELECT (replayed_at) ON TABLE redemption_schema.dead_letters TO redemption_ro;
GRANT SELECT (created_at) ON TABLE redemption_schema.dead_letters TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.dead_letters TO redemption_ro;

CREATE INDEX dead_letters_open_id_idx ON redemption_schema.dead_letters USING btree (id) WHERE (replayed_at IS NULL);

CREATE INDEX dead_letters_replayed_at_idx ON redemption_schema.dead_letters USING btree (replayed_at) WHERE (replayed_at IS NOT NULL);

CREATE TRIGGER dead_letters_set_updated_at BEFORE UPDATE ON redemption_schema.dead_letters FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.drawn_raffles (
    raffle_code text NOT NULL,
    drawn_at timestamp with time zone NOT NULL,
    tickets_ended_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT drawn_raffles_pk PRIMARY KEY (raffle_code),
    CONSTRAINT drawn_raffles_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'::text)
);
COMMENT ON TABLE redemption_schema.drawn_raffles IS 'Raffles that told of their draw. Ten million tickets are not ended by one event: a job does it in batches.';
GRANT SELECT ON TABLE redemption_schema.drawn_raffles TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.drawn_raffles TO redemption_ro;
GRANT INSERT (raffle_code) ON TABLE redemption_schema.drawn_raffles TO redemption_app;
GRANT INSERT (drawn_at) ON TABLE redemption_schema.drawn_raffles TO redemption_app;
COMMENT ON COLUMN redemption_schema.drawn_raffles.tickets_ended_at IS 'When the last ENTERED ticket became USED.';
GRANT UPDATE (tickets_ended_at) ON TABLE redemption_schema.drawn_raffles TO redemption_app;

CREATE INDEX drawn_raffles_unended_idx ON redemption_schema.drawn_raffles USING btree (drawn_at) WHERE (tickets_ended_at IS NULL);

CREATE TRIGGER drawn_raffles_set_updated_at BEFORE UPDATE ON redemption_schema.drawn_raffles FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.employments (
    employee_number text NOT NULL,
    user_id uuid NOT NULL,
    station_code text NOT NULL,
    may_process_transactions boolean NOT NULL,
    is_active boolean NOT NULL,
    version bigint,
    as_of timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT employments_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT employments_pk PRIMARY KEY (employee_number),
    CONSTRAINT employments_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text)
);
COMMENT ON TABLE redemption_schema.employments IS 'Who works where and may process transactions, as the station service last told by event. Asked in the statement that begins a redemption, so that access is lost at once.';
GRANT SELECT ON TABLE redemption_schema.employments TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.employments TO redemption_ro;
GRANT INSERT (employee_number) ON TABLE redemption_schema.employments TO redemption_app;
COMMENT ON COLUMN redemption_schema.employments.user_id IS 'Personal data: the public id of the employee.';
GRANT INSERT (user_id), UPDATE (user_id) ON TABLE redemption_schema.employments TO redemption_app;
GRANT INSERT (station_code), UPDATE (station_code) ON TABLE redemption_schema.employments TO redemption_app;
GRANT INSERT (may_process_transactions), UPDATE (may_process_transactions) ON TABLE redemption_schema.employments TO redemption_app;
GRANT INSERT (is_active), UPDATE (is_active) ON TABLE redemption_schema.employments TO redemption_app;
COMMENT ON COLUMN redemption_schema.employments.version IS 'The event''s number, which counts up with each word about an employment: an older one that comes late changes nothing. Where either has none, their times decide.';
GRANT INSERT (version), UPDATE (version) ON TABLE redemption_schema.employments TO redemption_app;
COMMENT ON COLUMN redemption_schema.employments.as_of IS 'Time of the event.';
GRANT INSERT (as_of), UPDATE (as_of) ON TABLE redemption_schema.employments TO redemption_app;

CREATE INDEX employments_user_id_idx ON redemption_schema.employments USING btree (user_id);

CREATE TRIGGER employments_set_updated_at BEFORE UPDATE ON redemption_schema.employments FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.erased_users (
    user_id uuid NOT NULL,
    erased_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT erased_users_pk PRIMARY KEY (user_id)
);
COMMENT ON TABLE redemption_schema.erased_users IS 'Accounts that are no more, as the auth service said: they earn no points, and forget_person may clean after them.';
GRANT SELECT ON TABLE redemption_schema.erased_users TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.erased_users TO redemption_ro;
COMMENT ON COLUMN redemption_schema.erased_users.user_id IS 'Personal data: public id that the account had.';
GRANT INSERT (user_id) ON TABLE redemption_schema.erased_users TO redemption_app;
GRANT INSERT (erased_at), UPDATE (erased_at) ON TABLE redemption_schema.erased_users TO redemption_app;

CREATE TRIGGER erased_users_forget_fraud_traces AFTER INSERT OR UPDATE ON redemption_schema.erased_users FOR EACH ROW EXECUTE FUNCTION redemption_schema.forget_fraud_traces();

CREATE TRIGGER erased_users_forget_offline_traces AFTER INSERT OR UPDATE ON redemption_schema.erased_users FOR EACH ROW EXECUTE FUNCTION redemption_schema.forget_offline_traces();

CREATE TABLE redemption_schema.fraud_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_type text NOT NULL,
    subject text NOT NULL,
    old_values jsonb,
    new_values jsonb,
    actor text DEFAULT redemption_schema.request_context('actor'::text),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (redemption_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_audit_log_event_type_check CHECK (event_type = ANY (ARRAY['RULE_INSERT'::text, 'RULE_UPDATE'::text, 'RULE_DELETE'::text, 'THRESHOLDS_INSERT'::text, 'THRESHOLDS_UPDATE'::text, 'THRESHOLDS_DELETE'::text, 'REVIEW_UPDATE'::text])),
    CONSTRAINT fraud_audit_log_new_values_check CHECK (jsonb_typeof(new_values) = 'object'::text),
    CONSTRAINT fraud_audit_log_old_values_check CHECK (jsonb_typeof(old_values) = 'object'::text),
    CONSTRAINT fraud_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT fraud_audit_log_subject_check CHECK (length(subject) >= 1 AND length(subject) <= 50)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE redemption_schema.fraud_audit_log IS 'Every change of a rule, of the thresholds and of a review, by whom; append-only, by month.';
GRANT SELECT ON TABLE redemption_schema.fraud_audit_log TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.fraud_audit_log TO redemption_ro;
GRANT SELECT (event_type) ON TABLE redemption_schema.fraud_audit_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_audit_log.subject IS 'The rule''s name, the detection''s id, or "thresholds".';
GRANT SELECT (subject) ON TABLE redemption_schema.fraud_audit_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_audit_log.old_values IS 'Personal data: may name the reviewer, and hold the notes of a review.';
COMMENT ON COLUMN redemption_schema.fraud_audit_log.new_values IS 'Personal data: may name the reviewer, and hold the notes of a review.';
COMMENT ON COLUMN redemption_schema.fraud_audit_log.actor IS 'Personal data: who did it, a public id or a service''s name.';
GRANT SELECT (correlation_id) ON TABLE redemption_schema.fraud_audit_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.fraud_audit_log.user_agent IS 'Personal data: the client''s software.';
GRANT SELECT (created_at) ON TABLE redemption_schema.fraud_audit_log TO redemption_ro;

CREATE INDEX fraud_audit_log_actor_idx ON redemption_schema.fraud_audit_log USING btree (actor) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE INDEX fraud_audit_log_subject_idx ON redemption_schema.fraud_audit_log USING btree (subject, id DESC);

CREATE INDEX fraud_audit_log_with_address_created_at_idx ON redemption_schema.fraud_audit_log USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE TRIGGER fraud_audit_log_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON redemption_schema.fraud_audit_log FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

CREATE TABLE redemption_schema.fraud_detection_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    detection_id uuid DEFAULT gen_random_uuid() NOT NULL,
    transaction_reference text,
    user_id uuid,
    coupon_code text,
    station_code text,
    employee_number text,
    device_id text,
    fraud_type text,
    risk_score integer NOT NULL,
    action_taken text NOT NULL,
    rule_points jsonb DEFAULT '{}'::jsonb NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    actor text DEFAULT redemption_schema.request_context('actor'::text),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (redemption_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_detection_log_action_taken_check CHECK (action_taken = ANY (ARRAY['ALLOWED'::text, 'FLAGGED'::text, 'ALLOWED_WITH_REVIEW'::text, 'BLOCKED'::text])),
    CONSTRAINT fraud_detection_log_coupon_code_check CHECK (length(coupon_code) >= 1 AND length(coupon_code) <= 100),
    CONSTRAINT fraud_detection_log_details_check CHECK (jsonb_typeof(details) = 'object'::text),
    CONSTRAINT fraud_detection_log_device_id_check CHECK (length(device_id) >= 1 AND length(device_id) <= 128),
    CONSTRAINT fraud_detection_log_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT fraud_detection_log_fraud_type_check CHECK (fraud_type = ANY (ARRAY['DUPLICATE_REDEMPTION'::text, 'SUSPICIOUS_PATTERN'::text, 'VELOCITY_FRAUD'::text, 'LOCATION_ANOMALY'::text, 'DEVICE_FRAUD'::text])),
    CONSTRAINT fraud_detection_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT fraud_detection_log_reason_check CHECK (fraud_type IS NOT NULL OR action_taken = 'ALLOWED'::text),
    CONSTRAINT fraud_detection_log_risk_score_check CHECK (risk_score >= 0 AND risk_score <= 100),
    CONSTRAINT fraud_detection_log_rule_points_check CHECK (jsonb_typeof(rule_points) = 'object'::text),
    CONSTRAINT fraud_detection_log_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT fraud_detection_log_transaction_reference_check CHECK (length(transaction_reference) >= 1 AND length(transaction_reference) <= 50)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE redemption_schema.fraud_detection_log IS 'Every assessed attempt with its score and what was done; append-only, by month. No foreign key: an attempt needs no redemption, and a month of attempts can be dropped alone.';
GRANT SELECT ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
GRANT INSERT (detection_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (detection_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
GRANT INSERT (transaction_reference) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (transaction_reference) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.user_id IS 'Personal data: public id of the driver.';
GRANT INSERT (user_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (user_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.coupon_code IS 'As presented, so it may name no coupon at all: guessed codes are what the rules look for.';
GRANT INSERT (coupon_code) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT INSERT (station_code) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (station_code) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.employee_number IS 'Personal data: the employee who serves.';
GRANT INSERT (employee_number) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.device_id IS 'Personal data: the device of the attempt.';
GRANT INSERT (device_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT INSERT (fraud_type) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (fraud_type) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
GRANT INSERT (risk_score) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (risk_score) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
GRANT INSERT (action_taken) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (action_taken) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.rule_points IS 'The points that each rule gave, by the rule''s name.';
GRANT INSERT (rule_points) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (rule_points) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.details IS 'Personal data: what the rules saw, which may hold places and times of a driver.';
GRANT INSERT (details) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.actor IS 'Personal data: who attempted it, a public id or a service''s name.';
GRANT SELECT (correlation_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.fraud_detection_log.user_agent IS 'Personal data: the client''s software.';
GRANT SELECT (created_at) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;

CREATE INDEX fraud_detection_log_device_id_created_at_idx ON redemption_schema.fraud_detection_log USING btree (device_id, created_at DESC) WHERE (device_id IS NOT NULL);

CREATE INDEX fraud_detection_log_station_code_created_at_idx ON redemption_schema.fraud_detection_log USING btree (station_code, created_at DESC) WHERE (station_code IS NOT NULL);

CREATE INDEX fraud_detection_log_user_id_created_at_idx ON redemption_schema.fraud_detection_log USING btree (user_id, created_at DESC) WHERE (user_id IS NOT NULL);

CREATE INDEX fraud_detection_log_with_address_created_at_idx ON redemption_schema.fraud_detection_log USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE TRIGGER fraud_detection_log_open_reviews AFTER INSERT ON redemption_schema.fraud_detection_log REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.open_fraud_reviews();

CREATE TRIGGER fraud_detection_log_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON redemption_schema.fraud_detection_log FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

CREATE TABLE redemption_schema.fraud_reviews (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    detection_id uuid NOT NULL,
    detected_at timestamp with time zone NOT NULL,
    risk_score integer NOT NULL,
    status text DEFAULT 'OPEN'::text NOT NULL,
    reviewed_by uuid,
    reviewed_at timestamp with time zone,
    notes text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    action_taken text,
    fraud_type text,
    transaction_reference text,
    station_code text,
    employee_number text,
    user_id uuid,
    device_id text,
    rule_points jsonb DEFAULT '{}'::jsonb NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    taken_by uuid,
    taken_at timestamp with time zone,
    resolution text,
    CONSTRAINT fraud_reviews_action_taken_check CHECK (action_taken = ANY (ARRAY['FLAGGED'::text, 'ALLOWED_WITH_REVIEW'::text, 'BLOCKED'::text])),
    CONSTRAINT fraud_reviews_detection_id_key UNIQUE (detection_id),
    CONSTRAINT fraud_reviews_notes_check CHECK (length(btrim(notes)) >= 1 AND length(btrim(notes)) <= 4000),
    CONSTRAINT fraud_reviews_pk PRIMARY KEY (id),
    CONSTRAINT fraud_reviews_resolution_check CHECK (resolution = ANY (ARRAY['CONFIRM'::text, 'DISMISS'::text, 'INCONCLUSIVE'::text, 'RELEASE'::text])),
    CONSTRAINT fraud_reviews_resolved_check CHECK (resolution IS NULL OR status =
CASE resolution
    WHEN 'CONFIRM'::text THEN 'CONFIRMED'::text
    WHEN 'INCONCLUSIVE'::text THEN 'INCONCLUSIVE'::text
    ELSE 'FALSE_ALARM'::text
END),
    CONSTRAINT fraud_reviews_reviewed_check CHECK ((status = 'OPEN'::text) = (reviewed_at IS NULL) AND (status = 'OPEN'::text OR reviewed_by IS NOT NULL)),
    CONSTRAINT fraud_reviews_risk_score_check CHECK (risk_score >= 0 AND risk_score <= 100),
    CONSTRAINT fraud_reviews_status_check CHECK (status = ANY (ARRAY['OPEN'::text, 'CONFIRMED'::text, 'FALSE_ALARM'::text, 'INCONCLUSIVE'::text])),
    CONSTRAINT fraud_reviews_taken_check CHECK ((taken_by IS NULL) = (taken_at IS NULL))
);
COMMENT ON TABLE redemption_schema.fraud_reviews IS 'The review queue: one row for each detection that asks for a person. Apart from the log, which never changes, and without a foreign key to it, so that old months of the log can be dropped and the verdict stays.';
GRANT SELECT ON TABLE redemption_schema.fraud_reviews TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
GRANT SELECT (detection_id) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
GRANT SELECT (detected_at) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
GRANT SELECT (risk_score) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
GRANT UPDATE (status) ON TABLE redemption_schema.fraud_reviews TO redemption_app;
GRANT SELECT (status) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_reviews.reviewed_by IS 'Personal data: public id of the reviewer.';
GRANT UPDATE (reviewed_by) ON TABLE redemption_schema.fraud_reviews TO redemption_app;
GRANT UPDATE (reviewed_at) ON TABLE redemption_schema.fraud_reviews TO redemption_app;
GRANT SELECT (reviewed_at) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_reviews.notes IS 'Personal data: what the reviewer says about the driver, or the employee.';
GRANT UPDATE (notes) ON TABLE redemption_schema.fraud_reviews TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_reviews.action_taken IS 'What the assessment decided. This and the facts beside it are copied from the log, which has no index by detection and loses its old months.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.employee_number IS 'Personal data: the employee who served.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.user_id IS 'Personal data: public id of the driver.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.device_id IS 'Personal data: the device of the attempt.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.details IS 'Personal data: what the rules saw, which may hold places and times of a driver.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.taken_by IS 'Personal data: public id of who works on it.';
GRANT UPDATE (taken_by) ON TABLE redemption_schema.fraud_reviews TO redemption_app;
GRANT UPDATE (taken_at) ON TABLE redemption_schema.fraud_reviews TO redemption_app;
COMMENT ON COLUMN redemption_schema.fraud_reviews.resolution IS 'What the reviewer did: RELEASE is a false alarm whose driver is not blocked for some hours.';
GRANT UPDATE (resolution) ON TABLE redemption_schema.fraud_reviews TO redemption_app;

CREATE INDEX fraud_reviews_employee_number_idx ON redemption_schema.fraud_reviews USING btree (employee_number) WHERE (notes IS NOT NULL);

CREATE INDEX fraud_reviews_open_risk_score_idx ON redemption_schema.fraud_reviews USING btree (risk_score DESC, detected_at) WHERE (status = 'OPEN'::text);

CREATE INDEX fraud_reviews_user_id_idx ON redemption_schema.fraud_reviews USING btree (user_id) WHERE (user_id IS NOT NULL);

CREATE TRIGGER fraud_reviews_audit AFTER UPDATE ON redemption_schema.fraud_reviews FOR EACH ROW WHEN (old.status IS DISTINCT FROM new.status OR old.taken_by IS DISTINCT FROM new.taken_by OR old.resolution IS DISTINCT FROM new.resolution OR old.reviewed_by IS DISTINCT FROM new.reviewed_by OR old.notes IS DISTINCT FROM new.notes) EXECUTE FUNCTION redemption_schema.audit_fraud('REVIEW');

CREATE TRIGGER fraud_reviews_set_updated_at BEFORE UPDATE ON redemption_schema.fraud_reviews FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.fraud_rules (
    rule_name text NOT NULL,
    kind text NOT NULL,
    parameters jsonb NOT NULL,
    points integer NOT NULL,
    is_enabled boolean DEFAULT true NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    fraud_type text GENERATED ALWAYS AS (redemption_schema.fraud_type_of(kind)) STORED NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_rules_parameters_check CHECK (redemption_schema.are_fraud_parameters(kind, parameters)),
    CONSTRAINT fraud_rules_pk PRIMARY KEY (rule_name),
    CONSTRAINT fraud_rules_points_check CHECK (points >= 1 AND points <= 100),
    CONSTRAINT fraud_rules_rule_name_check CHECK (rule_name ~ '^[a-z][a-z0-9_]{2,49}$'::text),
    CONSTRAINT fraud_rules_version_check CHECK (version >= 1)
);
COMMENT ON TABLE redemption_schema.fraud_rules IS 'What assess_redemption looks for. Several rules may be of one kind, a mild one and a grave one. The points of all that strike are added up. A rule is never deleted, only switched off: the log names it.';
GRANT SELECT ON TABLE redemption_schema.fraud_rules TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.fraud_rules TO redemption_ro;
GRANT INSERT (rule_name) ON TABLE redemption_schema.fraud_rules TO redemption_app;
GRANT INSERT (kind) ON TABLE redemption_schema.fraud_rules TO redemption_app;
GRANT INSERT (parameters), UPDATE (parameters) ON TABLE redemption_schema.fraud_rules TO redemption_app;
COMMENT ON COLUMN redemption_schema.fraud_rules.points IS 'What it adds to the score of 0 to 100 when it strikes.';
GRANT INSERT (points), UPDATE (points) ON TABLE redemption_schema.fraud_rules TO redemption_app;
GRANT INSERT (is_enabled), UPDATE (is_enabled) ON TABLE redemption_schema.fraud_rules TO redemption_app;
COMMENT ON COLUMN redemption_schema.fraud_rules.version IS 'Grows with each change; the log keeps it with each finding, and fraud_audit_log what each version was.';

CREATE TRIGGER fraud_rules_audit AFTER INSERT OR DELETE OR UPDATE ON redemption_schema.fraud_rules FOR EACH ROW EXECUTE FUNCTION redemption_schema.audit_fraud('RULE');

CREATE TRIGGER fraud_rules_count_version BEFORE UPDATE ON redemption_schema.fraud_rules FOR EACH ROW EXECUTE FUNCTION redemption_schema.count_fraud_version();

CREATE TRIGGER fraud_rules_set_updated_at BEFORE UPDATE ON redemption_schema.fraud_rules FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.fraud_standings (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    standing text NOT NULL,
    user_id uuid,
    device_id text,
    review_id bigint NOT NULL,
    valid_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_standings_device_id_check CHECK (length(device_id) >= 1 AND length(device_id) <= 128),
    CONSTRAINT fraud_standings_pk PRIMARY KEY (id),
    CONSTRAINT fraud_standings_review_id_key UNIQUE (review_id),
    CONSTRAINT fraud_standings_standing_check CHECK (standing = ANY (ARRAY['CONFIRMED'::text, 'RELEASED'::text])),
    CONSTRAINT fraud_standings_valid_until_check CHECK (
CASE standing
    WHEN 'RELEASED'::text THEN valid_until > created_at AND valid_until <= (created_at + '7 days'::interval)
    ELSE valid_until IS NULL
END),
    CONSTRAINT fraud_standings_who_check CHECK (num_nonnulls(user_id, device_id) > 0)
);
COMMENT ON TABLE redemption_schema.fraud_standings IS 'What a review means for the next attempts: CONFIRMED adds points by rules of kind CONFIRMED_BEFORE, RELEASED turns BLOCKED into ALLOWED_WITH_REVIEW until it ends.';
GRANT SELECT ON TABLE redemption_schema.fraud_standings TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.fraud_standings TO redemption_ro;
GRANT INSERT (standing) ON TABLE redemption_schema.fraud_standings TO redemption_app;
GRANT SELECT (standing) ON TABLE redemption_schema.fraud_standings TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_standings.user_id IS 'Personal data: public id of the driver.';
GRANT INSERT (user_id) ON TABLE redemption_schema.fraud_standings TO redemption_app;
COMMENT ON COLUMN redemption_schema.fraud_standings.device_id IS 'Personal data: the device; only where the fraud was the device''s.';
GRANT INSERT (device_id) ON TABLE redemption_schema.fraud_standings TO redemption_app;
GRANT INSERT (review_id) ON TABLE redemption_schema.fraud_standings TO redemption_app;
GRANT SELECT (review_id) ON TABLE redemption_schema.fraud_standings TO redemption_ro;
GRANT INSERT (valid_until) ON TABLE redemption_schema.fraud_standings TO redemption_app;
GRANT SELECT (valid_until) ON TABLE redemption_schema.fraud_standings TO redemption_ro;
GRANT SELECT (created_at) ON TABLE redemption_schema.fraud_standings TO redemption_ro;

CREATE INDEX fraud_standings_device_id_idx ON redemption_schema.fraud_standings USING btree (device_id) WHERE (device_id IS NOT NULL);

CREATE INDEX fraud_standings_user_id_idx ON redemption_schema.fraud_standings USING btree (user_id) WHERE (user_id IS NOT NULL);

CREATE TABLE redemption_schema.fraud_thresholds (
    id integer DEFAULT 1 NOT NULL,
    flagged_from integer NOT NULL,
    review_from integer NOT NULL,
    blocked_from integer NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_thresholds_id_check CHECK (id = 1),
    CONSTRAINT fraud_thresholds_order_check CHECK (1 <= flagged_from AND flagged_from <= review_from AND review_from <= blocked_from AND blocked_from <= 101),
    CONSTRAINT fraud_thresholds_pk PRIMARY KEY (id),
    CONSTRAINT fraud_thresholds_version_check CHECK (version >= 1)
);
COMMENT ON TABLE redemption_schema.fraud_thresholds IS 'One row: from which score on an attempt is FLAGGED, ALLOWED_WITH_REVIEW and BLOCKED. 101 is never reached.';
GRANT SELECT ON TABLE redemption_schema.fraud_thresholds TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.fraud_thresholds TO redemption_ro;
GRANT UPDATE (flagged_from) ON TABLE redemption_schema.fraud_thresholds TO redemption_app;
GRANT UPDATE (review_from) ON TABLE redemption_schema.fraud_thresholds TO redemption_app;
GRANT UPDATE (blocked_from) ON TABLE redemption_schema.fraud_thresholds TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.score_attempt(p_attempt redemption_schema.fraud_attempt, p_rules redemption_schema.fraud_rule_set, p_thresholds redemption_schema.fraud_thresholds)
 RETURNS TABLE(risk_score integer, decision text, fraud_type text, rule_points jsonb, details jsonb)
 LANGUAGE plpgsql
 STABLE
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
BEGIN
    -- In plpgsql, so that its plan is kept over calls.
    RETURN QUERY
    WITH struck AS MATERIALIZED (
        SELECT r.rule_name, r.points, redemption_schema.fraud_type_of(r.kind) AS fraud_type,
               seen.finding || jsonb_build_object('version', r.version) AS finding
          FROM unnest(p_rules.rule_names, p_rules.kinds, p_rules.parameters, p_rules.points, p_rules.versions)
            AS r (rule_name, kind, parameters, points, version)
         CROSS JOIN LATERAL redemption_schema.fraud_finding(p_attempt, r.kind, r.parameters) AS seen (finding)
         WHERE seen.finding IS NOT NULL
    ), scored AS (
        SELECT least(100, coalesce(sum(points), 0))::integer AS risk_score,
               (array_agg(fraud_type ORDER BY points DESC, rule_name))[1] AS fraud_type,
               coalesce(jsonb_object_agg(rule_name, points), '{}') AS rule_points,
               coalesce(jsonb_object_agg(rule_name, finding), '{}') AS details
          FROM struck
    ), judged AS (
        SELECT s.risk_score, s.fraud_type, s.rule_points, s.details,
               s.risk_score >= p_thresholds.blocked_from AND EXISTS (
                   SELECT FROM redemption_schema.fraud_standings AS f
                    WHERE (f.user_id = p_attempt.user_id OR f.device_id = p_attempt.device_id)
                      AND f.standing = 'RELEASED' AND f.created_at < p_attempt.known_until
                      AND f.valid_until > p_attempt.attempted_at) AS is_released
          FROM scored AS s
    )
    SELECT j.risk_score,
           CASE WHEN j.is_released THEN 'ALLOWED_WITH_REVIEW'
                WHEN j.risk_score >= p_thresholds.blocked_from THEN 'BLOCKED'
                WHEN j.risk_score >= p_thresholds.review_from THEN 'ALLOWED_WITH_REVIEW'
                WHEN j.risk_score >= p_thresholds.flagged_from THEN 'FLAGGED'
                ELSE 'ALLOWED' END,
           j.fraud_type, j.rule_points,
           CASE WHEN j.is_released THEN j.details || '{"released": true}' ELSE j.details END
      FROM judged AS j;
END
$function$;
COMMENT ON FUNCTION redemption_schema.score_attempt(p_attempt redemption_schema.fraud_attempt, p_rules redemption_schema.fraud_rule_set, p_thresholds redemption_schema.fraud_thresholds) IS 'The score 0 to 100 of an attempt by these rules, and what follows from it by these thresholds. Reads only.';
REVOKE EXECUTE ON FUNCTION redemption_schema.score_attempt(p_attempt redemption_schema.fraud_attempt, p_rules redemption_schema.fraud_rule_set, p_thresholds redemption_schema.fraud_thresholds) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.score_attempt(p_attempt redemption_schema.fraud_attempt, p_rules redemption_schema.fraud_rule_set, p_thresholds redemption_schema.fraud_thresholds) TO redemption_app;

CREATE TRIGGER fraud_thresholds_audit AFTER INSERT OR DELETE OR UPDATE ON redemption_schema.fraud_thresholds FOR EACH ROW EXECUTE FUNCTION redemption_schema.audit_fraud('THRESHOLDS');

CREATE TRIGGER fraud_thresholds_count_version BEFORE UPDATE ON redemption_schema.fraud_thresholds FOR EACH ROW EXECUTE FUNCTION redemption_schema.count_fraud_version();

CREATE TRIGGER fraud_thresholds_set_updated_at BEFORE UPDATE ON redemption_schema.fraud_thresholds FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.free_entries (
    raffle_code text NOT NULL,
    user_id uuid NOT NULL,
    entry_day date NOT NULL,
    entry_number smallint NOT NULL,
    issuance_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT free_entries_entry_number_check CHECK (entry_number >= 1 AND entry_number <= 10),
    CONSTRAINT free_entries_issuance_id_key UNIQUE (issuance_id),
    CONSTRAINT free_entries_pk PRIMARY KEY (raffle_code, user_id, entry_day, entry_number)
);
COMMENT ON TABLE redemption_schema.free_entries IS 'Tickets given without purchase, numbered by person, raffle and day. Written by enter_free alone.';
GRANT SELECT ON TABLE redemption_schema.free_entries TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.free_entries TO redemption_ro;
COMMENT ON COLUMN redemption_schema.free_entries.user_id IS 'Personal data: public id of the person.';
COMMENT ON COLUMN redemption_schema.free_entries.entry_day IS 'The day in the raffle''s zone.';

CREATE INDEX free_entries_user_id_created_at_idx ON redemption_schema.free_entries USING btree (user_id, created_at DESC);

CREATE TABLE redemption_schema.idempotency_keys (
    key_hash bytea NOT NULL,
    fingerprint bytea NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_answer_check CHECK (octet_length(answer) >= 1 AND octet_length(answer) <= 1100000),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK (octet_length(fingerprint) = 32),
    CONSTRAINT idempotency_keys_key_hash_check CHECK (octet_length(key_hash) = 32),
    CONSTRAINT idempotency_keys_pk PRIMARY KEY (key_hash),
    CONSTRAINT idempotency_keys_status_check CHECK (status >= 200 AND status <= 499)
);
COMMENT ON TABLE redemption_schema.idempotency_keys IS 'The answer to each request that had an Idempotency-Key, written in the transaction of its effect and given again to a repetition. Not partitioned: a key must be unique. Deleted after a day.';
GRANT SELECT ON TABLE redemption_schema.idempotency_keys TO redemption_app;
COMMENT ON COLUMN redemption_schema.idempotency_keys.key_hash IS 'SHA-256 of who asked, the route and the key, which itself is kept nowhere.';
GRANT INSERT (key_hash) ON TABLE redemption_schema.idempotency_keys TO redemption_app;
GRANT SELECT (key_hash) ON TABLE redemption_schema.idempotency_keys TO redemption_ro;
COMMENT ON COLUMN redemption_schema.idempotency_keys.fingerprint IS 'SHA-256 of method, address and body: a key stands for one request.';
GRANT INSERT (fingerprint) ON TABLE redemption_schema.idempotency_keys TO redemption_app;
GRANT SELECT (fingerprint) ON TABLE redemption_schema.idempotency_keys TO redemption_ro;
GRANT INSERT (status) ON TABLE redemption_schema.idempotency_keys TO redemption_app;
GRANT SELECT (status) ON TABLE redemption_schema.idempotency_keys TO redemption_ro;
COMMENT ON COLUMN redemption_schema.idempotency_keys.answer IS 'Personal data: headers and body, encrypted with a key that only who knows the Idempotency-Key can make again.';
GRANT INSERT (answer) ON TABLE redemption_schema.idempotency_keys TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.idempotency_keys TO redemption_ro;

CREATE INDEX idempotency_keys_created_at_idx ON redemption_schema.idempotency_keys USING btree (created_at);

CREATE TABLE redemption_schema.inbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    event jsonb NOT NULL,
    correlation_id text,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    first_failed_at timestamp with time zone,
    last_error text,
    settled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT inbox_events_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT inbox_events_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT inbox_events_attempts_check CHECK (attempts >= 0),
    CONSTRAINT inbox_events_consumer_check CHECK (consumer ~ '^[a-z][a-z0-9_.]{0,99}$'::text),
    CONSTRAINT inbox_events_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT inbox_events_event_check CHECK (jsonb_typeof(event) = 'object'::text),
    CONSTRAINT inbox_events_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT inbox_events_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT inbox_events_pk PRIMARY KEY (event_id, consumer)
);
COMMENT ON TABLE redemption_schema.inbox_events IS 'Events that came in, one row a consumer. Not partitioned: the key makes each event come in once, and settled rows are deleted after their retention, which is longer than any transport repeats an event.';
GRANT DELETE, SELECT ON TABLE redemption_schema.inbox_events TO redemption_app;
COMMENT ON COLUMN redemption_schema.inbox_events.id IS 'The order of arrival, which is the order of delivery within one aggregate.';
GRANT SELECT (id) ON TABLE redemption_schema.inbox_events TO redemption_ro;
GRANT INSERT (event_id) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT SELECT (event_id) ON TABLE redemption_schema.inbox_events TO redemption_ro;
COMMENT ON COLUMN redemption_schema.inbox_events.consumer IS 'The consumer of this service that the event is for.';
GRANT INSERT (consumer) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT SELECT (consumer) ON TABLE redemption_schema.inbox_events TO redemption_ro;
GRANT INSERT (event_type) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT SELECT (event_type) ON TABLE redemption_schema.inbox_events TO redemption_ro;
GRANT INSERT (aggregate_type) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT SELECT (aggregate_type) ON TABLE redemption_schema.inbox_events TO redemption_ro;
GRANT INSERT (aggregate_key) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT SELECT (aggregate_key) ON TABLE redemption_schema.inbox_events TO redemption_ro;
COMMENT ON COLUMN redemption_schema.inbox_events.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT INSERT (correlation_id) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.inbox_events TO redemption_ro;
GRANT UPDATE (attempts) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT SELECT (attempts) ON TABLE redemption_schema.inbox_events TO redemption_ro;
GRANT UPDATE (next_attempt_at) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT SELECT (next_attempt_at) ON TABLE redemption_schema.inbox_events TO redemption_ro;
GRANT UPDATE (first_failed_at) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT SELECT (first_failed_at) ON TABLE redemption_schema.inbox_events TO redemption_ro;
GRANT UPDATE (last_error) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT SELECT (last_error) ON TABLE redemption_schema.inbox_events TO redemption_ro;
COMMENT ON COLUMN redemption_schema.inbox_events.settled_at IS 'Set in the transaction of the effect, or when the event was given up: then dead_letters holds it.';
GRANT UPDATE (settled_at) ON TABLE redemption_schema.inbox_events TO redemption_app;
GRANT SELECT (settled_at) ON TABLE redemption_schema.inbox_events TO redemption_ro;
GRANT SELECT (created_at) ON TABLE redemption_schema.inbox_events TO redemption_ro;

CREATE INDEX inbox_events_settled_at_idx ON redemption_schema.inbox_events USING btree (settled_at) WHERE (settled_at IS NOT NULL);

CREATE INDEX inbox_events_unsettled_aggregate_idx ON redemption_schema.inbox_events USING btree (aggregate_type, aggregate_key, consumer, id) WHERE (settled_at IS NULL);

CREATE INDEX inbox_events_unsettled_id_idx ON redemption_schema.inbox_events USING btree (id) WHERE (settled_at IS NULL);

CREATE TABLE redemption_schema.offline_chains (
    terminal_code text NOT NULL,
    station_code text NOT NULL,
    public_key bytea NOT NULL,
    head_sequence bigint DEFAULT 0 NOT NULL,
    head_sha256 bytea DEFAULT decode(repeat('00'::text, 32), 'hex'::text) NOT NULL,
    head_used_at timestamp with time zone,
    synced_at timestamp with time zone,
    broken_at timestamp with time zone,
    broken_because text,
    broken_entry text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT offline_chains_broken_because_check CHECK (broken_because = ANY (ARRAY['FORK'::text, 'SIGNATURE'::text])),
    CONSTRAINT offline_chains_broken_check CHECK ((broken_at IS NULL) = (broken_because IS NULL) AND (broken_at IS NULL) = (broken_entry IS NULL)),
    CONSTRAINT offline_chains_broken_entry_check CHECK (length(broken_entry) >= 1 AND length(broken_entry) <= 2000),
    CONSTRAINT offline_chains_head_sequence_check CHECK (head_sequence >= 0),
    CONSTRAINT offline_chains_head_sha256_check CHECK (octet_length(head_sha256) = 32),
    CONSTRAINT offline_chains_pk PRIMARY KEY (terminal_code),
    CONSTRAINT offline_chains_public_key_check CHECK (octet_length(public_key) = 32),
    CONSTRAINT offline_chains_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT offline_chains_terminal_code_check CHECK (terminal_code ~ '^TRM[0-9]{6,15}$'::text)
);
COMMENT ON TABLE redemption_schema.offline_chains IS 'How far the chain of what a terminal took without a connection is known. Once broken it stays so: two different entries of one number (FORK), or one that its key has not signed (SIGNATURE), mean that the device''s memory was copied, put back or altered. The device enrols anew.';
GRANT SELECT ON TABLE redemption_schema.offline_chains TO redemption_app;
GRANT INSERT (terminal_code) ON TABLE redemption_schema.offline_chains TO redemption_app;
GRANT SELECT (terminal_code) ON TABLE redemption_schema.offline_chains TO redemption_ro;
GRANT INSERT (station_code) ON TABLE redemption_schema.offline_chains TO redemption_app;
GRANT SELECT (station_code) ON TABLE redemption_schema.offline_chains TO redemption_ro;
GRANT INSERT (public_key) ON TABLE redemption_schema.offline_chains TO redemption_app;
GRANT UPDATE (head_sequence) ON TABLE redemption_schema.offline_chains TO redemption_app;
GRANT SELECT (head_sequence) ON TABLE redemption_schema.offline_chains TO redemption_ro;
GRANT UPDATE (head_sha256) ON TABLE redemption_schema.offline_chains TO redemption_app;
GRANT UPDATE (head_used_at) ON TABLE redemption_schema.offline_chains TO redemption_app;
GRANT UPDATE (synced_at) ON TABLE redemption_schema.offline_chains TO redemption_app;
GRANT SELECT (synced_at) ON TABLE redemption_schema.offline_chains TO redemption_ro;
GRANT UPDATE (broken_at) ON TABLE redemption_schema.offline_chains TO redemption_app;
GRANT SELECT (broken_at) ON TABLE redemption_schema.offline_chains TO redemption_ro;
GRANT UPDATE (broken_because) ON TABLE redemption_schema.offline_chains TO redemption_app;
GRANT SELECT (broken_because) ON TABLE redemption_schema.offline_chains TO redemption_ro;
COMMENT ON COLUMN redemption_schema.offline_chains.broken_entry IS 'Personal data: the entry that broke it, as it was sent: it may name a customer and an employee.';
GRANT UPDATE (broken_entry) ON TABLE redemption_schema.offline_chains TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.offline_chains TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.offline_chains TO redemption_ro;

CREATE INDEX offline_chains_station_code_idx ON redemption_schema.offline_chains USING btree (station_code, terminal_code);

CREATE TRIGGER offline_chains_set_updated_at BEFORE UPDATE ON redemption_schema.offline_chains FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.offline_leases (
    lease_id uuid DEFAULT gen_random_uuid() NOT NULL,
    terminal_code text NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence bigint,
    expires_at timestamp with time zone NOT NULL,
    currency text NOT NULL,
    max_amount numeric(12,2) NOT NULL,
    max_discount numeric(12,2) NOT NULL,
    max_count integer NOT NULL,
    max_total numeric(12,2) NOT NULL,
    campaign_codes text[],
    used_count integer DEFAULT 0 NOT NULL,
    used_total numeric(12,2) DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT offline_leases_currency_check CHECK (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text])),
    CONSTRAINT offline_leases_expires_at_check CHECK (expires_at > created_at AND expires_at <= (created_at + '72:00:00'::interval)),
    CONSTRAINT offline_leases_max_amount_check CHECK (max_amount > 0::numeric AND max_amount <= 9999999::numeric),
    CONSTRAINT offline_leases_max_discount_check CHECK (max_discount > 0::numeric AND max_discount <= max_amount AND max_discount < 'NaN'::numeric),
    CONSTRAINT offline_leases_max_total_check CHECK (max_total >= 0::numeric AND max_total <= 99999999::numeric),
    CONSTRAINT offline_leases_pk PRIMARY KEY (lease_id),
    CONSTRAINT offline_leases_sequence_check CHECK (first_sequence >= 1 AND last_sequence >= (first_sequence - 1)),
    CONSTRAINT offline_leases_used_count_check CHECK (used_count >= 0 AND used_count <= max_count),
    CONSTRAINT offline_leases_used_total_check CHECK (used_total >= 0::numeric AND used_total <= max_total AND used_total < 'NaN'::numeric)
);
COMMENT ON TABLE redemption_schema.offline_leases IS 'What one terminal may take until its next sync: the station''s limits as they were when it last synced, and how much of them is taken. A terminal has one open lease; the next one closes it, and what comes then counts under the next.';
GRANT SELECT ON TABLE redemption_schema.offline_leases TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.offline_leases TO redemption_ro;
GRANT INSERT (terminal_code) ON TABLE redemption_schema.offline_leases TO redemption_app;
GRANT INSERT (first_sequence) ON TABLE redemption_schema.offline_leases TO redemption_app;
COMMENT ON COLUMN redemption_schema.offline_leases.last_sequence IS 'NULL: it is open.';
GRANT UPDATE (last_sequence) ON TABLE redemption_schema.offline_leases TO redemption_app;
GRANT INSERT (expires_at) ON TABLE redemption_schema.offline_leases TO redemption_app;
GRANT INSERT (currency) ON TABLE redemption_schema.offline_leases TO redemption_app;
GRANT INSERT (max_amount) ON TABLE redemption_schema.offline_leases TO redemption_app;
GRANT INSERT (max_discount) ON TABLE redemption_schema.offline_leases TO redemption_app;
GRANT INSERT (max_count) ON TABLE redemption_schema.offline_leases TO redemption_app;
GRANT INSERT (max_total) ON TABLE redemption_schema.offline_leases TO redemption_app;
GRANT INSERT (campaign_codes) ON TABLE redemption_schema.offline_leases TO redemption_app;
GRANT UPDATE (used_count) ON TABLE redemption_schema.offline_leases TO redemption_app;
GRANT UPDATE (used_total) ON TABLE redemption_schema.offline_leases TO redemption_app;

CREATE INDEX offline_leases_expires_at_idx ON redemption_schema.offline_leases USING btree (expires_at) WHERE (last_sequence IS NOT NULL);

CREATE INDEX offline_leases_terminal_code_first_sequence_idx ON redemption_schema.offline_leases USING btree (terminal_code, first_sequence);

CREATE UNIQUE INDEX offline_leases_terminal_code_key ON redemption_schema.offline_leases USING btree (terminal_code) WHERE (last_sequence IS NULL);

CREATE TRIGGER offline_leases_set_updated_at BEFORE UPDATE ON redemption_schema.offline_leases FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.offline_limits (
    station_code text NOT NULL,
    is_enabled boolean NOT NULL,
    currency text NOT NULL,
    max_amount numeric(12,2) NOT NULL,
    max_discount numeric(12,2) NOT NULL,
    max_count integer NOT NULL,
    max_total numeric(12,2) NOT NULL,
    max_hours integer NOT NULL,
    campaign_codes text[],
    changed_by text DEFAULT redemption_schema.request_context('actor'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT offline_limits_campaign_codes_check CHECK (cardinality(campaign_codes) >= 1 AND cardinality(campaign_codes) <= 100 AND array_position(campaign_codes, NULL::text) IS NULL),
    CONSTRAINT offline_limits_currency_check CHECK (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text])),
    CONSTRAINT offline_limits_max_amount_check CHECK (max_amount > 0::numeric AND max_amount <= 9999999::numeric),
    CONSTRAINT offline_limits_max_count_check CHECK (max_count >= 1 AND max_count <= 1000),
    CONSTRAINT offline_limits_max_discount_check CHECK (max_discount > 0::numeric AND max_discount <= max_amount AND max_discount < 'NaN'::numeric),
    CONSTRAINT offline_limits_max_hours_check CHECK (max_hours >= 1 AND max_hours <= 72),
    CONSTRAINT offline_limits_max_total_check CHECK (max_total >= max_discount AND max_total <= 99999999::numeric),
    CONSTRAINT offline_limits_pk PRIMARY KEY (station_code),
    CONSTRAINT offline_limits_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text)
);
COMMENT ON TABLE redemption_schema.offline_limits IS 'What a terminal of a station may take between two syncs. A station without a row takes nothing without a connection. A change holds from a terminal''s next lease on.';
GRANT SELECT ON TABLE redemption_schema.offline_limits TO redemption_app;
GRANT INSERT (station_code) ON TABLE redemption_schema.offline_limits TO redemption_app;
GRANT SELECT (station_code) ON TABLE redemption_schema.offline_limits TO redemption_ro;
GRANT INSERT (is_enabled), UPDATE (is_enabled) ON TABLE redemption_schema.offline_limits TO redemption_app;
GRANT SELECT (is_enabled) ON TABLE redemption_schema.offline_limits TO redemption_ro;
GRANT INSERT (currency), UPDATE (currency) ON TABLE redemption_schema.offline_limits TO redemption_app;
GRANT SELECT (currency) ON TABLE redemption_schema.offline_limits TO redemption_ro;
GRANT INSERT (max_amount), UPDATE (max_amount) ON TABLE redemption_schema.offline_limits TO redemption_app;
GRANT SELECT (max_amount) ON TABLE redemption_schema.offline_limits TO redemption_ro;
GRANT INSERT (max_discount), UPDATE (max_discount) ON TABLE redemption_schema.offline_limits TO redemption_app;
GRANT SELECT (max_discount) ON TABLE redemption_schema.offline_limits TO redemption_ro;
GRANT INSERT (max_count), UPDATE (max_count) ON TABLE redemption_schema.offline_limits TO redemption_app;
GRANT SELECT (max_count) ON TABLE redemption_schema.offline_limits TO redemption_ro;
COMMENT ON COLUMN redemption_schema.offline_limits.max_total IS 'Sum of the discounts between two syncs.';
GRANT INSERT (max_total), UPDATE (max_total) ON TABLE redemption_schema.offline_limits TO redemption_app;
GRANT SELECT (max_total) ON TABLE redemption_schema.offline_limits TO redemption_ro;
COMMENT ON COLUMN redemption_schema.offline_limits.max_hours IS 'Hours after a sync, then nothing more is taken.';
GRANT INSERT (max_hours), UPDATE (max_hours) ON TABLE redemption_schema.offline_limits TO redemption_app;
GRANT SELECT (max_hours) ON TABLE redemption_schema.offline_limits TO redemption_ro;
COMMENT ON COLUMN redemption_schema.offline_limits.campaign_codes IS 'The campaigns whose coupons are taken; NULL: those of every campaign that is not for listed stations.';
GRANT INSERT (campaign_codes), UPDATE (campaign_codes) ON TABLE redemption_schema.offline_limits TO redemption_app;
GRANT SELECT (campaign_codes) ON TABLE redemption_schema.offline_limits TO redemption_ro;
COMMENT ON COLUMN redemption_schema.offline_limits.changed_by IS 'Personal data: who changed it last.';
GRANT UPDATE (changed_by) ON TABLE redemption_schema.offline_limits TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.offline_limits TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.offline_limits TO redemption_ro;

CREATE TRIGGER offline_limits_set_updated_at BEFORE UPDATE ON redemption_schema.offline_limits FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.offline_redemptions (
    terminal_code text NOT NULL,
    sequence bigint NOT NULL,
    entry_sha256 bytea NOT NULL,
    entry text NOT NULL,
    signature bytea NOT NULL,
    lease_id uuid,
    station_code text NOT NULL,
    employee_number text NOT NULL,
    user_id uuid,
    dispenser_code text,
    fuel_type text NOT NULL,
    fuel_litres numeric(8,3),
    price_per_litre numeric(8,3),
    amount numeric(12,2) NOT NULL,
    discount_amount numeric(12,2) NOT NULL,
    currency text NOT NULL,
    used_at timestamp with time zone NOT NULL,
    status text NOT NULL,
    reason text,
    transaction_reference text,
    settle_at timestamp with time zone DEFAULT (now() + '00:00:30'::interval) NOT NULL,
    settle_attempts integer DEFAULT 0 NOT NULL,
    accepted_by uuid,
    accepted_because text,
    resolution text,
    resolved_by uuid,
    resolved_at timestamp with time zone,
    notes text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT offline_redemptions_accepted_check CHECK ((accepted_by IS NULL) = (accepted_because IS NULL)),
    CONSTRAINT offline_redemptions_amount_check CHECK (amount > 0::numeric AND amount <= 9999999::numeric),
    CONSTRAINT offline_redemptions_currency_check CHECK (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text])),
    CONSTRAINT offline_redemptions_discount_amount_check CHECK (discount_amount >= 0::numeric AND discount_amount <= amount AND discount_amount < 'NaN'::numeric),
    CONSTRAINT offline_redemptions_dispenser_code_check CHECK (dispenser_code ~ '^[A-Z0-9-]{1,20}$'::text),
    CONSTRAINT offline_redemptions_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT offline_redemptions_entry_check CHECK (length(entry) >= 1 AND length(entry) <= 2000),
    CONSTRAINT offline_redemptions_entry_sha256_check CHECK (octet_length(entry_sha256) = 32),
    CONSTRAINT offline_redemptions_fuel_check CHECK ((fuel_litres IS NULL) = (price_per_litre IS NULL)),
    CONSTRAINT offline_redemptions_fuel_litres_check CHECK (fuel_litres > 0::numeric AND fuel_litres < 'NaN'::numeric),
    CONSTRAINT offline_redemptions_fuel_type_check CHECK (fuel_type = ANY (ARRAY['REGULAR'::text, 'PREMIUM'::text, 'DIESEL'::text])),
    CONSTRAINT offline_redemptions_notes_check CHECK (length(btrim(notes)) >= 1 AND length(btrim(notes)) <= 300),
    CONSTRAINT offline_redemptions_pk PRIMARY KEY (terminal_code, sequence),
    CONSTRAINT offline_redemptions_price_per_litre_check CHECK (price_per_litre > 0::numeric AND price_per_litre < 'NaN'::numeric),
    CONSTRAINT offline_redemptions_reason_check CHECK ((status = 'CONFLICT'::text) = (reason IS NOT NULL) AND reason ~ '^[A-Z][A-Z_]{2,49}$'::text),
    CONSTRAINT offline_redemptions_resolution_check CHECK ((resolution = ANY (ARRAY['WRITTEN_OFF'::text, 'CLAIMED'::text, 'NOT_GIVEN'::text])) AND (resolution IS NULL) = (resolved_by IS NULL) AND (resolution IS NULL) = (resolved_at IS NULL) AND (resolution IS NULL OR status = 'CONFLICT'::text)),
    CONSTRAINT offline_redemptions_sequence_check CHECK (sequence >= 1),
    CONSTRAINT offline_redemptions_settle_attempts_check CHECK (settle_attempts >= 0),
    CONSTRAINT offline_redemptions_settled_check CHECK (status <> 'SETTLED'::text OR transaction_reference IS NOT NULL),
    CONSTRAINT offline_redemptions_signature_check CHECK (octet_length(signature) = 64),
    CONSTRAINT offline_redemptions_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT offline_redemptions_status_check CHECK (status = ANY (ARRAY['RECEIVED'::text, 'SETTLED'::text, 'CONFLICT'::text])),
    CONSTRAINT offline_redemptions_transaction_reference_key UNIQUE (transaction_reference)
);
COMMENT ON TABLE redemption_schema.offline_redemptions IS 'What terminals took without a connection, each entry as it was signed. RECEIVED: the saga is about to settle it. SETTLED: the coupon was used for it, and gives what the terminal gave. CONFLICT: it was not, or gives something else; the customer has had the discount, so a person resolves it, and nobody is charged. Never deleted by the service: each entry proves the one before it.';
GRANT SELECT ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT INSERT (terminal_code) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (terminal_code) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
GRANT INSERT (sequence) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (sequence) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
GRANT INSERT (entry_sha256) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.offline_redemptions.entry IS 'Personal data: what the terminal signed, its own lines; names the employee, and the customer where the coupon does not.';
GRANT INSERT (entry) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT INSERT (signature) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT INSERT (lease_id) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (lease_id) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
GRANT INSERT (station_code) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (station_code) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.offline_redemptions.employee_number IS 'Personal data: the employee who served.';
GRANT INSERT (employee_number) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (employee_number) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.offline_redemptions.user_id IS 'Personal data: public id of the customer, where it is known; names nobody any more when the account is erased.';
GRANT INSERT (user_id), UPDATE (user_id) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (user_id) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
GRANT INSERT (dispenser_code) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT INSERT (fuel_type) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (fuel_type) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
GRANT INSERT (fuel_litres) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT INSERT (price_per_litre) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT INSERT (amount) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (amount) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.offline_redemptions.discount_amount IS 'What the terminal gave.';
GRANT INSERT (discount_amount) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (discount_amount) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
GRANT INSERT (currency) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (currency) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.offline_redemptions.used_at IS 'By the terminal''s clock.';
GRANT INSERT (used_at) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (used_at) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
GRANT INSERT (status), UPDATE (status) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (status) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
GRANT INSERT (reason), UPDATE (reason) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (reason) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
GRANT UPDATE (transaction_reference) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (transaction_reference) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
GRANT UPDATE (settle_at) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT UPDATE (settle_attempts) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.offline_redemptions.accepted_by IS 'Personal data: who sent it to the saga although it was outside of the terminal''s caps.';
GRANT UPDATE (accepted_by) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT UPDATE (accepted_because) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.offline_redemptions.resolution IS 'WRITTEN_OFF: the chain bears it. CLAIMED: the station does. NOT_GIVEN: the customer had no discount after all.';
GRANT UPDATE (resolution) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (resolution) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.offline_redemptions.resolved_by IS 'Personal data: public id of who resolved it.';
GRANT UPDATE (resolved_by) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT UPDATE (resolved_at) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.offline_redemptions.notes IS 'Personal data: may say who it was.';
GRANT UPDATE (notes) ON TABLE redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.offline_redemptions TO redemption_ro;

CREATE INDEX offline_redemptions_conflicts_idx ON redemption_schema.offline_redemptions USING btree (station_code, created_at DESC, terminal_code, sequence) WHERE (status = 'CONFLICT'::text);

CREATE INDEX offline_redemptions_lease_id_idx ON redemption_schema.offline_redemptions USING btree (lease_id);

CREATE INDEX offline_redemptions_settle_at_idx ON redemption_schema.offline_redemptions USING btree (settle_at) WHERE (status = 'RECEIVED'::text);

CREATE INDEX offline_redemptions_user_id_idx ON redemption_schema.offline_redemptions USING btree (user_id, created_at DESC) WHERE (user_id IS NOT NULL);

CREATE TRIGGER offline_redemptions_set_updated_at BEFORE UPDATE ON redemption_schema.offline_redemptions FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.outbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    payload jsonb NOT NULL,
    schema_version integer DEFAULT 1 NOT NULL,
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    causation_id uuid,
    trace_parent text DEFAULT redemption_schema.request_context('trace_parent'::text),
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    published_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT outbox_events_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT outbox_events_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT outbox_events_attempts_check CHECK (attempts >= 0),
    CONSTRAINT outbox_events_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT outbox_events_event_id_key UNIQUE (event_id),
    CONSTRAINT outbox_events_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT outbox_events_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT outbox_events_payload_check CHECK (jsonb_typeof(payload) = 'object'::text),
    CONSTRAINT outbox_events_payload_size_check CHECK (octet_length(payload::text) <= 1048576),
    CONSTRAINT outbox_events_pk PRIMARY KEY (id),
    CONSTRAINT outbox_events_schema_version_check CHECK (schema_version >= 1),
    CONSTRAINT outbox_events_trace_parent_check CHECK (trace_parent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'::text)
);
COMMENT ON TABLE redemption_schema.outbox_events IS 'Events to publish as CloudEvents. Not partitioned: published rows are deleted after their retention, and the event id must be unique.';
GRANT DELETE, SELECT ON TABLE redemption_schema.outbox_events TO redemption_app;
COMMENT ON COLUMN redemption_schema.outbox_events.id IS 'The order of delivery within one aggregate. Writers of one aggregate hold its row''s lock, so their ids are in the order of their commits; across aggregates an id may appear late, so a reader asks for published_at IS NULL and never for id > n.';
GRANT SELECT (id) ON TABLE redemption_schema.outbox_events TO redemption_ro;
COMMENT ON COLUMN redemption_schema.outbox_events.event_id IS 'CloudEvents id; the key of the consumers'' inboxes.';
GRANT INSERT (event_id) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (event_id) ON TABLE redemption_schema.outbox_events TO redemption_ro;
COMMENT ON COLUMN redemption_schema.outbox_events.event_type IS 'CloudEvents type, as redemption.completed.';
GRANT INSERT (event_type) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (event_type) ON TABLE redemption_schema.outbox_events TO redemption_ro;
GRANT INSERT (aggregate_type) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (aggregate_type) ON TABLE redemption_schema.outbox_events TO redemption_ro;
COMMENT ON COLUMN redemption_schema.outbox_events.aggregate_key IS 'CloudEvents subject: the public reference of what the event is about.';
GRANT INSERT (aggregate_key) ON TABLE redemption_schema.outbox_events TO redemption_app;
COMMENT ON COLUMN redemption_schema.outbox_events.payload IS 'Personal data: CloudEvents data; may carry a user''s public id, no phone or name.';
GRANT INSERT (payload) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT INSERT (schema_version) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT INSERT (correlation_id) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT INSERT (causation_id) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT INSERT (trace_parent) ON TABLE redemption_schema.outbox_events TO redemption_app;
COMMENT ON COLUMN redemption_schema.outbox_events.occurred_at IS 'CloudEvents time.';
GRANT SELECT (occurred_at) ON TABLE redemption_schema.outbox_events TO redemption_ro;
GRANT UPDATE (published_at) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (published_at) ON TABLE redemption_schema.outbox_events TO redemption_ro;
GRANT UPDATE (attempts) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (attempts) ON TABLE redemption_schema.outbox_events TO redemption_ro;
GRANT UPDATE (next_attempt_at) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (next_attempt_at) ON TABLE redemption_schema.outbox_events TO redemption_ro;
GRANT UPDATE (last_error) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.outbox_events TO redemption_ro;

CREATE INDEX outbox_events_published_at_idx ON redemption_schema.outbox_events USING btree (published_at) WHERE (published_at IS NOT NULL);

CREATE INDEX outbox_events_unpublished_aggregate_idx ON redemption_schema.outbox_events USING btree (aggregate_type, aggregate_key, id) WHERE (published_at IS NULL);

CREATE INDEX outbox_events_unpublished_id_idx ON redemption_schema.outbox_events USING btree (id) WHERE (published_at IS NULL);

CREATE TABLE redemption_schema.points_accounts (
    user_id uuid NOT NULL,
    balance bigint NOT NULL,
    entry_count bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT points_accounts_entry_count_check CHECK (entry_count >= 1),
    CONSTRAINT points_accounts_pk PRIMARY KEY (user_id)
);
COMMENT ON TABLE redemption_schema.points_accounts IS 'The balance after the last entry of each account. Written by the ledger''s trigger alone; its row lock puts the entries of one account in order. The ledger''s CHECK refuses a balance below zero.';
GRANT SELECT ON TABLE redemption_schema.points_accounts TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.points_accounts TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_accounts.user_id IS 'Personal data: public id of the account''s owner.';

CREATE TRIGGER points_accounts_set_updated_at BEFORE UPDATE ON redemption_schema.points_accounts FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.points_expirations (
    user_id uuid NOT NULL,
    entry_number bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT points_expirations_pk PRIMARY KEY (user_id, entry_number)
);
COMMENT ON TABLE redemption_schema.points_expirations IS 'Earnings whose end is still to come. Written by the ledger''s trigger; expire_points takes the rows out, so the job never looks at what it has done.';
GRANT SELECT ON TABLE redemption_schema.points_expirations TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.points_expirations TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_expirations.user_id IS 'Personal data: public id of the account''s owner.';

CREATE INDEX points_expirations_expires_at_idx ON redemption_schema.points_expirations USING btree (expires_at);

CREATE TABLE redemption_schema.points_ledger (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    user_id uuid NOT NULL,
    entry_number bigint NOT NULL,
    entry_type text NOT NULL,
    points bigint NOT NULL,
    balance_after bigint NOT NULL,
    source_reference text NOT NULL,
    redemption_id bigint,
    description text,
    expires_at timestamp with time zone,
    actor text DEFAULT redemption_schema.request_context('actor'::text),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (redemption_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT points_ledger_adjustment_check CHECK (entry_type <> 'ADJUSTED'::text OR description IS NOT NULL),
    CONSTRAINT points_ledger_balance_after_check CHECK (balance_after >= 0),
    CONSTRAINT points_ledger_description_check CHECK (length(btrim(description)) >= 1 AND length(btrim(description)) <= 500),
    CONSTRAINT points_ledger_entry_number_check CHECK (entry_number >= 1),
    CONSTRAINT points_ledger_entry_type_check CHECK (entry_type = ANY (ARRAY['EARNED'::text, 'REDEEMED'::text, 'EXPIRED'::text, 'ADJUSTED'::text, 'BONUS'::text])),
    CONSTRAINT points_ledger_expires_at_check CHECK (expires_at IS NULL OR expires_at > created_at AND expires_at < 'infinity'::timestamp with time zone AND (entry_type = ANY (ARRAY['EARNED'::text, 'BONUS'::text]))),
    CONSTRAINT points_ledger_pk PRIMARY KEY (id),
    CONSTRAINT points_ledger_points_check CHECK (
CASE
    WHEN entry_type = ANY (ARRAY['EARNED'::text, 'BONUS'::text]) THEN points > 0
    WHEN entry_type = ANY (ARRAY['REDEEMED'::text, 'EXPIRED'::text]) THEN points < 0
    ELSE points <> 0
END),
    CONSTRAINT points_ledger_points_range_check CHECK (points >= '-100000000'::integer AND points <= 100000000),
    CONSTRAINT points_ledger_source_reference_check CHECK (length(btrim(source_reference)) >= 1 AND length(btrim(source_reference)) <= 128),
    CONSTRAINT points_ledger_user_id_entry_number_key UNIQUE (user_id, entry_number),
    CONSTRAINT points_ledger_user_id_entry_type_source_reference_key UNIQUE (user_id, entry_type, source_reference)
);
COMMENT ON TABLE redemption_schema.points_ledger IS 'Every movement of legacy points; append-only. Not partitioned, because its only-once keys must be.';
GRANT SELECT ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.points_ledger TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_ledger.user_id IS 'Personal data: public id of the account''s owner.';
GRANT INSERT (user_id) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (user_id) ON TABLE redemption_schema.points_ledger TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_ledger.entry_number IS 'Counts 1, 2, 3 within an account without a gap; set by the trigger.';
GRANT SELECT (entry_number) ON TABLE redemption_schema.points_ledger TO redemption_ro;
GRANT INSERT (entry_type) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (entry_type) ON TABLE redemption_schema.points_ledger TO redemption_ro;
GRANT INSERT (points) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (points) ON TABLE redemption_schema.points_ledger TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_ledger.balance_after IS 'Set by the trigger; the sum of all points up to this entry.';
GRANT SELECT (balance_after) ON TABLE redemption_schema.points_ledger TO redemption_ro;
GRANT INSERT (source_reference) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT INSERT (redemption_id) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (redemption_id) ON TABLE redemption_schema.points_ledger TO redemption_ro;
GRANT INSERT (description) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT INSERT (expires_at) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (expires_at) ON TABLE redemption_schema.points_ledger TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_ledger.actor IS 'Personal data: who moved the points, a public id or a service''s name.';
COMMENT ON COLUMN redemption_schema.points_ledger.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.points_ledger.user_agent IS 'Personal data: the client''s software.';
GRANT SELECT (created_at) ON TABLE redemption_schema.points_ledger TO redemption_ro;

CREATE INDEX points_ledger_expires_at_idx ON redemption_schema.points_ledger USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX points_ledger_redemption_id_idx ON redemption_schema.points_ledger USING btree (redemption_id) WHERE (redemption_id IS NOT NULL);

CREATE INDEX points_ledger_with_address_created_at_idx ON redemption_schema.points_ledger USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE TRIGGER points_ledger_await_expiry AFTER INSERT ON redemption_schema.points_ledger REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.await_points_expiry();

CREATE TRIGGER points_ledger_book BEFORE INSERT ON redemption_schema.points_ledger FOR EACH ROW EXECUTE FUNCTION redemption_schema.book_points();

CREATE TRIGGER points_ledger_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON redemption_schema.points_ledger FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

CREATE TABLE redemption_schema.points_rules (
    currency text NOT NULL,
    points_per_unit numeric(12,6) NOT NULL,
    valid_days integer NOT NULL,
    is_enabled boolean NOT NULL,
    changed_by text DEFAULT redemption_schema.request_context('actor'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT points_rules_changed_by_check CHECK (length(changed_by) <= 128),
    CONSTRAINT points_rules_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT points_rules_pk PRIMARY KEY (currency),
    CONSTRAINT points_rules_points_per_unit_check CHECK (points_per_unit > 0::numeric AND points_per_unit <= 1000::numeric),
    CONSTRAINT points_rules_valid_days_check CHECK (valid_days >= 1 AND valid_days <= 3650)
);
COMMENT ON TABLE redemption_schema.points_rules IS 'How many points a completed redemption earns for each unit of what was paid, rounded down, and for how long they are good. A currency without an enabled rule earns none.';
GRANT SELECT ON TABLE redemption_schema.points_rules TO redemption_app;
GRANT INSERT (currency) ON TABLE redemption_schema.points_rules TO redemption_app;
GRANT SELECT (currency) ON TABLE redemption_schema.points_rules TO redemption_ro;
GRANT INSERT (points_per_unit), UPDATE (points_per_unit) ON TABLE redemption_schema.points_rules TO redemption_app;
GRANT SELECT (points_per_unit) ON TABLE redemption_schema.points_rules TO redemption_ro;
GRANT INSERT (valid_days), UPDATE (valid_days) ON TABLE redemption_schema.points_rules TO redemption_app;
GRANT SELECT (valid_days) ON TABLE redemption_schema.points_rules TO redemption_ro;
GRANT INSERT (is_enabled), UPDATE (is_enabled) ON TABLE redemption_schema.points_rules TO redemption_app;
GRANT SELECT (is_enabled) ON TABLE redemption_schema.points_rules TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_rules.changed_by IS 'Personal data: who said so last, a public id or a service''s name.';
GRANT UPDATE (changed_by) ON TABLE redemption_schema.points_rules TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.points_rules TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.points_rules TO redemption_ro;

CREATE TRIGGER points_rules_set_updated_at BEFORE UPDATE ON redemption_schema.points_rules FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.qr_validations (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    nonce uuid DEFAULT gen_random_uuid() NOT NULL,
    status text DEFAULT 'GENERATED'::text NOT NULL,
    station_code text NOT NULL,
    dispenser_code text NOT NULL,
    employee_number text NOT NULL,
    amount numeric(12,2),
    currency text,
    base_tickets integer DEFAULT 0 NOT NULL,
    scanned_by uuid,
    redemption_id bigint,
    expires_at timestamp with time zone NOT NULL,
    scanned_at timestamp with time zone,
    activated_at timestamp with time zone,
    completed_at timestamp with time zone,
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    ip_address inet,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    fuel_type text,
    CONSTRAINT qr_validations_activated_check CHECK ((status <> ALL (ARRAY['ACTIVATED'::text, 'COMPLETED'::text])) OR activated_at IS NOT NULL),
    CONSTRAINT qr_validations_amount_check CHECK (amount > 0::numeric AND amount < 'NaN'::numeric AND (amount IS NULL) = (currency IS NULL)),
    CONSTRAINT qr_validations_base_tickets_check CHECK (base_tickets >= 0 AND base_tickets <= 10000),
    CONSTRAINT qr_validations_completed_check CHECK ((status = 'COMPLETED'::text) = (completed_at IS NOT NULL)),
    CONSTRAINT qr_validations_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT qr_validations_dispenser_code_check CHECK (dispenser_code ~ '^[A-Z0-9-]{1,20}$'::text),
    CONSTRAINT qr_validations_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT qr_validations_expires_at_check CHECK (expires_at > created_at AND expires_at <= (created_at + '24:00:00'::interval)),
    CONSTRAINT qr_validations_fuel_type_check CHECK (fuel_type = ANY (ARRAY['REGULAR'::text, 'PREMIUM'::text, 'DIESEL'::text])),
    CONSTRAINT qr_validations_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT qr_validations_nonce_key UNIQUE (nonce),
    CONSTRAINT qr_validations_pk PRIMARY KEY (id),
    CONSTRAINT qr_validations_redemption_id_key UNIQUE (redemption_id),
    CONSTRAINT qr_validations_scanned_check CHECK ((scanned_by IS NULL) = (scanned_at IS NULL) AND
CASE status
    WHEN 'GENERATED'::text THEN scanned_at IS NULL
    WHEN 'EXPIRED'::text THEN true
    ELSE scanned_at IS NOT NULL
END),
    CONSTRAINT qr_validations_short_life_check CHECK (expires_at <= (created_at + '01:00:00'::interval)),
    CONSTRAINT qr_validations_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT qr_validations_status_check CHECK (status = ANY (ARRAY['GENERATED'::text, 'SCANNED'::text, 'ACTIVATED'::text, 'COMPLETED'::text, 'EXPIRED'::text]))
);
COMMENT ON TABLE redemption_schema.qr_validations IS 'A code that the pump shows and one driver scans, once, before it expires.';
GRANT SELECT ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.qr_validations TO redemption_ro;
COMMENT ON COLUMN redemption_schema.qr_validations.nonce IS 'The unguessable part of the code.';
GRANT INSERT (nonce) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT UPDATE (status) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (status) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT INSERT (station_code) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (station_code) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT INSERT (dispenser_code) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (dispenser_code) ON TABLE redemption_schema.qr_validations TO redemption_ro;
COMMENT ON COLUMN redemption_schema.qr_validations.employee_number IS 'Personal data: the employee who showed the code.';
GRANT INSERT (employee_number) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT INSERT (amount) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (amount) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT INSERT (currency) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (currency) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT INSERT (base_tickets) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (base_tickets) ON TABLE redemption_schema.qr_validations TO redemption_ro;
COMMENT ON COLUMN redemption_schema.qr_validations.scanned_by IS 'Personal data: public id of the driver who scanned it first.';
GRANT UPDATE (scanned_by) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT UPDATE (redemption_id) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (redemption_id) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT INSERT (expires_at) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (expires_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT SELECT (scanned_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT SELECT (activated_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT SELECT (completed_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.qr_validations TO redemption_ro;
COMMENT ON COLUMN redemption_schema.qr_validations.ip_address IS 'Personal data: where the request came from; of codes from before, and empty since.';
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;
COMMENT ON COLUMN redemption_schema.qr_validations.fuel_type IS 'What is pumped: a coupon may be for some fuels alone, so without it none is taken.';
GRANT INSERT (fuel_type) ON TABLE redemption_schema.qr_validations TO redemption_app;

CREATE INDEX qr_validations_open_expires_at_idx ON redemption_schema.qr_validations USING btree (expires_at) WHERE (status = ANY (ARRAY['GENERATED'::text, 'SCANNED'::text, 'ACTIVATED'::text]));

CREATE INDEX qr_validations_station_code_created_at_idx ON redemption_schema.qr_validations USING btree (station_code, created_at DESC);

CREATE TRIGGER qr_validations_guard BEFORE INSERT OR UPDATE ON redemption_schema.qr_validations FOR EACH ROW EXECUTE FUNCTION redemption_schema.guard_qr_validation();

CREATE TRIGGER qr_validations_set_updated_at BEFORE UPDATE ON redemption_schema.qr_validations FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.raffle_tickets (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    ticket_number text NOT NULL,
    issuance_id uuid NOT NULL,
    ordinal integer NOT NULL,
    user_id uuid NOT NULL,
    source text NOT NULL,
    redemption_id bigint,
    raffle_code text,
    status text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_tickets_issuance_id_ordinal_key UNIQUE (issuance_id, ordinal),
    CONSTRAINT raffle_tickets_ordinal_check CHECK (ordinal >= 1 AND ordinal <= 10000),
    CONSTRAINT raffle_tickets_pk PRIMARY KEY (id),
    CONSTRAINT raffle_tickets_raffle_check CHECK (
CASE
    WHEN status = ANY (ARRAY['ACTIVE'::text, 'EXPIRED'::text]) THEN raffle_code IS NULL
    WHEN status = ANY (ARRAY['ENTERED'::text, 'USED'::text]) THEN raffle_code IS NOT NULL
    ELSE true
END),
    CONSTRAINT raffle_tickets_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'::text),
    CONSTRAINT raffle_tickets_redemption_check CHECK (source <> 'COUPON_REDEMPTION'::text OR redemption_id IS NOT NULL),
    CONSTRAINT raffle_tickets_source_check CHECK (source = ANY (ARRAY['COUPON_REDEMPTION'::text, 'AD_ENGAGEMENT'::text, 'PROMOTIONAL'::text, 'BONUS'::text, 'FREE_ENTRY'::text])),
    CONSTRAINT raffle_tickets_status_check CHECK (status = ANY (ARRAY['ACTIVE'::text, 'ENTERED'::text, 'USED'::text, 'EXPIRED'::text, 'CANCELLED'::text])),
    CONSTRAINT raffle_tickets_ticket_number_check CHECK (redemption_schema.is_ticket_number(ticket_number)),
    CONSTRAINT raffle_tickets_ticket_number_key UNIQUE (ticket_number)
);
COMMENT ON TABLE redemption_schema.raffle_tickets IS 'One row a ticket. ACTIVE waits for its holder''s choice, ENTERED is in one raffle, USED had its draw.';
GRANT SELECT ON TABLE redemption_schema.raffle_tickets TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.raffle_tickets TO redemption_ro;
COMMENT ON COLUMN redemption_schema.raffle_tickets.user_id IS 'Personal data: public id of the holder.';
COMMENT ON COLUMN redemption_schema.raffle_tickets.redemption_id IS 'The redemption that earned it, or whose tickets an ad multiplied; NULL for free entries and promotions.';
GRANT UPDATE (raffle_code) ON TABLE redemption_schema.raffle_tickets TO redemption_app;
GRANT UPDATE (status) ON TABLE redemption_schema.raffle_tickets TO redemption_app;
COMMENT ON COLUMN redemption_schema.raffle_tickets.expires_at IS 'When an ACTIVE ticket is lost, within two years; an entered one does not expire.';
GRANT UPDATE (expires_at) ON TABLE redemption_schema.raffle_tickets TO redemption_app;

CREATE INDEX raffle_tickets_active_expires_at_idx ON redemption_schema.raffle_tickets USING btree (expires_at) WHERE (status = 'ACTIVE'::text);

CREATE INDEX raffle_tickets_entered_raffle_code_idx ON redemption_schema.raffle_tickets USING btree (raffle_code) WHERE (status = 'ENTERED'::text);

CREATE INDEX raffle_tickets_redemption_id_idx ON redemption_schema.raffle_tickets USING btree (redemption_id) WHERE (redemption_id IS NOT NULL);

CREATE INDEX raffle_tickets_user_id_created_at_idx ON redemption_schema.raffle_tickets USING btree (user_id, created_at DESC);

CREATE TRIGGER raffle_tickets_guard BEFORE UPDATE ON redemption_schema.raffle_tickets FOR EACH ROW EXECUTE FUNCTION redemption_schema.guard_raffle_ticket();

CREATE TRIGGER raffle_tickets_set_updated_at BEFORE UPDATE ON redemption_schema.raffle_tickets FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TRIGGER raffle_tickets_tell_changed AFTER UPDATE ON redemption_schema.raffle_tickets REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.tell_changed_tickets();

CREATE TRIGGER raffle_tickets_tell_made AFTER INSERT ON redemption_schema.raffle_tickets REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.tell_made_tickets();

CREATE TABLE redemption_schema.rate_limits (
    limit_name text NOT NULL,
    subject bytea NOT NULL,
    window_s integer NOT NULL,
    window_start timestamp with time zone NOT NULL,
    request_count integer DEFAULT 1 NOT NULL,
    max_requests integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT rate_limits_limit_name_check CHECK (limit_name ~ '^[a-z][a-z0-9_.]{1,49}$'::text),
    CONSTRAINT rate_limits_pk PRIMARY KEY (limit_name, subject, window_s, window_start),
    CONSTRAINT rate_limits_request_count_check CHECK (request_count >= 1 AND request_count <= max_requests),
    CONSTRAINT rate_limits_subject_check CHECK (octet_length(subject) = 32),
    CONSTRAINT rate_limits_window_s_check CHECK (window_s >= 1 AND window_s <= 86400),
    CONSTRAINT rate_limits_window_start_check CHECK (mod(EXTRACT(epoch FROM window_start), window_s::numeric) = 0::numeric)
);
COMMENT ON TABLE redemption_schema.rate_limits IS 'How often something was done in a window of time, for a limit and a subject. All limits of a request are taken by one statement, in the order of the key, so that requests cannot deadlock; a full one is not updated, and the transaction that wanted it rolls back. Deleted a day after the window.';
GRANT SELECT ON TABLE redemption_schema.rate_limits TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.rate_limits TO redemption_ro;
GRANT INSERT (limit_name) ON TABLE redemption_schema.rate_limits TO redemption_app;
COMMENT ON COLUMN redemption_schema.rate_limits.subject IS 'Personal data: SHA-256 of the phone number, address or user that the limit is about.';
GRANT INSERT (subject) ON TABLE redemption_schema.rate_limits TO redemption_app;
GRANT INSERT (window_s) ON TABLE redemption_schema.rate_limits TO redemption_app;
COMMENT ON COLUMN redemption_schema.rate_limits.window_start IS 'A whole multiple of window_s since 1970, so that every process names the same window.';
GRANT INSERT (window_start) ON TABLE redemption_schema.rate_limits TO redemption_app;
GRANT INSERT (request_count), UPDATE (request_count) ON TABLE redemption_schema.rate_limits TO redemption_app;
COMMENT ON COLUMN redemption_schema.rate_limits.max_requests IS 'The limit in force when the window was opened.';
GRANT INSERT (max_requests) ON TABLE redemption_schema.rate_limits TO redemption_app;

CREATE INDEX rate_limits_window_start_idx ON redemption_schema.rate_limits USING btree (window_start);

CREATE TRIGGER rate_limits_set_updated_at BEFORE UPDATE ON redemption_schema.rate_limits FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.redemption_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_type text NOT NULL,
    transaction_reference text NOT NULL,
    old_status text,
    new_status text,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    actor text DEFAULT redemption_schema.request_context('actor'::text),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (redemption_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT redemption_audit_log_details_check CHECK (jsonb_typeof(details) = 'object'::text),
    CONSTRAINT redemption_audit_log_event_type_check CHECK (event_type ~ '^[A-Z][A-Z_]{2,49}$'::text),
    CONSTRAINT redemption_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT redemption_audit_log_transaction_reference_check CHECK (length(transaction_reference) >= 1 AND length(transaction_reference) <= 50)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE redemption_schema.redemption_audit_log IS 'Every change of a redemption''s status and who made it; append-only, by month.';
GRANT SELECT ON TABLE redemption_schema.redemption_audit_log TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
GRANT SELECT (event_type) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
GRANT SELECT (transaction_reference) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
GRANT SELECT (old_status) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
GRANT SELECT (new_status) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemption_audit_log.details IS 'Personal data: the reason of a cancellation, in somebody''s words.';
COMMENT ON COLUMN redemption_schema.redemption_audit_log.actor IS 'Personal data: who did it, a public id or a service''s name.';
GRANT SELECT (correlation_id) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemption_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.redemption_audit_log.user_agent IS 'Personal data: the client''s software.';
GRANT SELECT (created_at) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;

CREATE INDEX redemption_audit_log_cancelled_actor_idx ON redemption_schema.redemption_audit_log USING btree (actor) WHERE (new_status = 'CANCELLED'::text);

CREATE INDEX redemption_audit_log_transaction_reference_idx ON redemption_schema.redemption_audit_log USING btree (transaction_reference, created_at);

CREATE INDEX redemption_audit_log_with_address_created_at_idx ON redemption_schema.redemption_audit_log USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE TRIGGER redemption_audit_log_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON redemption_schema.redemption_audit_log FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

CREATE TABLE redemption_schema.redemption_days (
    business_day date NOT NULL,
    station_code text NOT NULL,
    campaign_code text NOT NULL,
    currency text NOT NULL,
    completed bigint NOT NULL,
    cancelled bigint NOT NULL,
    original_amount numeric(18,2) NOT NULL,
    discount_amount numeric(18,2) NOT NULL,
    final_amount numeric(18,2) NOT NULL,
    cancelled_amount numeric(18,2) NOT NULL,
    fuel_litres numeric(16,3) NOT NULL,
    tickets_earned bigint NOT NULL,
    tickets_taken_back bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT redemption_days_campaign_code_check CHECK (campaign_code ~ '^([A-Z0-9_]{3,50})?$'::text),
    CONSTRAINT redemption_days_cancelled_amount_check CHECK (cancelled_amount >= 0::numeric AND cancelled_amount < 'NaN'::numeric),
    CONSTRAINT redemption_days_cancelled_check CHECK (cancelled >= 0 AND cancelled <= completed),
    CONSTRAINT redemption_days_completed_check CHECK (completed >= 1),
    CONSTRAINT redemption_days_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT redemption_days_discount_amount_check CHECK (discount_amount >= 0::numeric AND discount_amount <= original_amount AND discount_amount < 'NaN'::numeric),
    CONSTRAINT redemption_days_final_amount_check CHECK (final_amount = (original_amount - discount_amount) AND final_amount < 'NaN'::numeric),
    CONSTRAINT redemption_days_fuel_litres_check CHECK (fuel_litres >= 0::numeric AND fuel_litres < 'NaN'::numeric),
    CONSTRAINT redemption_days_original_amount_check CHECK (original_amount >= 0::numeric AND original_amount < 'NaN'::numeric),
    CONSTRAINT redemption_days_pk PRIMARY KEY (business_day, station_code, campaign_code, currency),
    CONSTRAINT redemption_days_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT redemption_days_tickets_check CHECK (tickets_taken_back >= 0 AND tickets_taken_back <= tickets_earned)
);
COMMENT ON TABLE redemption_schema.redemption_days IS 'Redemptions by day of the station''s zone, station, campaign and currency, as of report_states. A redemption counts in the day on which it completed, and so does its cancellation, whenever it came.';
GRANT SELECT ON TABLE redemption_schema.redemption_days TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.redemption_days TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemption_days.campaign_code IS 'Empty: at the pump, without a coupon.';
COMMENT ON COLUMN redemption_schema.redemption_days.completed IS 'Those cancelled since included.';
COMMENT ON COLUMN redemption_schema.redemption_days.original_amount IS 'Amounts and litres are of those that were not cancelled.';
COMMENT ON COLUMN redemption_schema.redemption_days.cancelled_amount IS 'The final amounts of those cancelled.';
COMMENT ON COLUMN redemption_schema.redemption_days.tickets_earned IS 'By all that completed, those cancelled included.';
COMMENT ON COLUMN redemption_schema.redemption_days.tickets_taken_back IS 'Of the tickets earned, those that went with a cancelled redemption; one whose draw was held stays.';

CREATE INDEX redemption_days_station_code_business_day_idx ON redemption_schema.redemption_days USING btree (station_code, business_day);

CREATE TRIGGER redemption_days_set_updated_at BEFORE UPDATE ON redemption_schema.redemption_days FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.redemptions (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    transaction_reference text DEFAULT redemption_schema.next_transaction_reference() NOT NULL,
    status text DEFAULT 'PENDING'::text NOT NULL,
    user_id uuid NOT NULL,
    coupon_code text,
    campaign_code text,
    station_code text NOT NULL,
    employee_number text NOT NULL,
    terminal_code text,
    dispenser_code text,
    validation_method text DEFAULT 'QR_SCAN'::text NOT NULL,
    device_id text,
    fuel_type text,
    fuel_litres numeric(8,3),
    price_per_litre numeric(8,3),
    original_amount numeric(12,2) NOT NULL,
    discount_amount numeric(12,2) DEFAULT 0 NOT NULL,
    final_amount numeric(12,2) NOT NULL,
    currency text NOT NULL,
    idempotency_key text NOT NULL,
    request_sha256 bytea,
    tickets_earned integer DEFAULT 0 NOT NULL,
    raffle_code text,
    tickets_expire_at timestamp with time zone,
    ticket_seed uuid DEFAULT gen_random_uuid() NOT NULL,
    failure_code text,
    failure_reason text,
    cancellation_reason text,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    failed_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    created_by text DEFAULT redemption_schema.request_context('actor'::text),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (redemption_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'::text),
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    flow text DEFAULT 'ONE_SHOT'::text NOT NULL,
    base_tickets integer DEFAULT 0 NOT NULL,
    is_shared boolean DEFAULT false NOT NULL,
    completion_sha256 bytea,
    recover_at timestamp with time zone DEFAULT (now() + '00:00:30'::interval) NOT NULL,
    recovery_attempts integer DEFAULT 0 NOT NULL,
    business_day date,
    CONSTRAINT redemptions_base_tickets_check CHECK (base_tickets >= 0 AND base_tickets <= 9900 AND (base_tickets = 0 OR validation_method = 'PUMP_QR'::text)),
    CONSTRAINT redemptions_business_day_check CHECK ((business_day IS NULL) = (completed_at IS NULL) AND business_day >= (timezone('UTC'::text, completed_at)::date - 1) AND business_day <= (timezone('UTC'::text, completed_at)::date + 1)),
    CONSTRAINT redemptions_campaign_code_check CHECK (campaign_code ~ '^[A-Z0-9_]{3,50}$'::text),
    CONSTRAINT redemptions_cancellation_reason_check CHECK (length(btrim(cancellation_reason)) >= 1 AND length(btrim(cancellation_reason)) <= 1000),
    CONSTRAINT redemptions_cancelled_check CHECK ((status = 'CANCELLED'::text) = (cancelled_at IS NOT NULL)),
    CONSTRAINT redemptions_completed_check CHECK (
CASE status
    WHEN 'COMPLETED'::text THEN completed_at IS NOT NULL
    WHEN 'CANCELLED'::text THEN true
    ELSE completed_at IS NULL
END),
    CONSTRAINT redemptions_completion_sha256_check CHECK (completion_sha256 IS NULL OR octet_length(completion_sha256) = 32 AND flow = 'TWO_STEP'::text),
    CONSTRAINT redemptions_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT redemptions_coupon_check CHECK ((coupon_code IS NULL) = (campaign_code IS NULL) AND (coupon_code IS NOT NULL OR validation_method = 'PUMP_QR'::text)),
    CONSTRAINT redemptions_coupon_code_check CHECK (coupon_code ~ '^[A-Z0-9]{6,50}$'::text),
    CONSTRAINT redemptions_created_by_check CHECK (length(created_by) <= 128),
    CONSTRAINT redemptions_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT redemptions_device_id_check CHECK (length(device_id) >= 1 AND length(device_id) <= 128),
    CONSTRAINT redemptions_discount_amount_check CHECK (discount_amount >= 0::numeric AND discount_amount <= original_amount),
    CONSTRAINT redemptions_dispenser_code_check CHECK (dispenser_code ~ '^[A-Z0-9-]{1,20}$'::text),
    CONSTRAINT redemptions_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT redemptions_employee_number_idempotency_key_key UNIQUE (employee_number, idempotency_key),
    CONSTRAINT redemptions_failed_check CHECK ((status = 'FAILED'::text) = (failed_at IS NOT NULL) AND (status <> 'FAILED'::text OR failure_code IS NOT NULL)),
    CONSTRAINT redemptions_failure_code_check CHECK (failure_code ~ '^[A-Z][A-Z0-9_]{2,49}$'::text),
    CONSTRAINT redemptions_failure_reason_check CHECK (length(btrim(failure_reason)) >= 1 AND length(btrim(failure_reason)) <= 1000),
    CONSTRAINT redemptions_final_amount_check CHECK (final_amount = (original_amount - discount_amount)),
    CONSTRAINT redemptions_flow_check CHECK (flow = ANY (ARRAY['ONE_SHOT'::text, 'TWO_STEP'::text, 'OFFLINE'::text])),
    CONSTRAINT redemptions_fuel_check CHECK ((fuel_litres IS NULL) = (price_per_litre IS NULL) AND (fuel_litres IS NULL OR fuel_type IS NOT NULL)),
    CONSTRAINT redemptions_fuel_litres_check CHECK (fuel_litres > 0::numeric AND fuel_litres < 'NaN'::numeric),
    CONSTRAINT redemptions_fuel_type_check CHECK (fuel_type = ANY (ARRAY['REGULAR'::text, 'PREMIUM'::text, 'DIESEL'::text])),
    CONSTRAINT redemptions_idempotency_key_check CHECK (length(idempotency_key) >= 8 AND length(idempotency_key) <= 255),
    CONSTRAINT redemptions_in_progress_check CHECK (status <> 'IN_PROGRESS'::text OR started_at IS NOT NULL),
    CONSTRAINT redemptions_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT redemptions_order_of_times_check CHECK (created_at <= completed_at AND created_at <= failed_at AND created_at <= cancelled_at),
    CONSTRAINT redemptions_original_amount_check CHECK (original_amount > 0::numeric AND original_amount < 'NaN'::numeric),
    CONSTRAINT redemptions_pk PRIMARY KEY (id),
    CONSTRAINT redemptions_place_check CHECK (status <> 'COMPLETED'::text OR num_nonnulls(terminal_code, dispenser_code) > 0),
    CONSTRAINT redemptions_price_per_litre_check CHECK (price_per_litre > 0::numeric AND price_per_litre < 'NaN'::numeric),
    CONSTRAINT redemptions_pump_amount_check CHECK (abs(fuel_litres * price_per_litre - original_amount) <= GREATEST(1::numeric, original_amount * 0.005)),
    CONSTRAINT redemptions_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'::text),
    CONSTRAINT redemptions_recovery_attempts_check CHECK (recovery_attempts >= 0),
    CONSTRAINT redemptions_request_sha256_check CHECK (octet_length(request_sha256) = 32),
    CONSTRAINT redemptions_rounding_check CHECK (currency <> 'CRC'::text OR original_amount = trunc(original_amount) AND discount_amount = trunc(discount_amount)),
    CONSTRAINT redemptions_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT redemptions_status_check CHECK (status = ANY (ARRAY['PENDING'::text, 'IN_PROGRESS'::text, 'COMPLETED'::text, 'FAILED'::text, 'CANCELLED'::text])),
    CONSTRAINT redemptions_strong_idempotency_key_check CHECK (length(idempotency_key) >= 16),
    CONSTRAINT redemptions_terminal_code_check CHECK (terminal_code ~ '^[A-Z0-9-]{3,40}$'::text),
    CONSTRAINT redemptions_ticket_seed_key UNIQUE (ticket_seed),
    CONSTRAINT redemptions_tickets_earned_check CHECK (tickets_earned >= 0 AND tickets_earned <= 10000),
    CONSTRAINT redemptions_tickets_expire_at_check CHECK (tickets_expire_at > created_at AND tickets_expire_at <= (created_at + '2 years'::interval)),
    CONSTRAINT redemptions_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'::text),
    CONSTRAINT redemptions_transaction_reference_key UNIQUE (transaction_reference),
    CONSTRAINT redemptions_user_agent_check CHECK (length(user_agent) <= 1000),
    CONSTRAINT redemptions_validation_method_check CHECK (validation_method = ANY (ARRAY['QR_SCAN'::text, 'PUMP_QR'::text, 'MANUAL_ENTRY'::text, 'NFC'::text, 'BARCODE'::text]))
);
COMMENT ON TABLE redemption_schema.redemptions IS 'One use of a coupon at a station. Written first as PENDING; the coupon''s own schema decides whether it may be used.';
GRANT SELECT (id) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (transaction_reference), SELECT (transaction_reference) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (transaction_reference) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (status), UPDATE (status) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (status) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.user_id IS 'Personal data: public id of the driver who redeems.';
GRANT INSERT (user_id), SELECT (user_id) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (user_id) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (coupon_code), SELECT (coupon_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (coupon_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (campaign_code), SELECT (campaign_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (campaign_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (station_code), SELECT (station_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (station_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.employee_number IS 'Personal data: the employee who serves.';
GRANT INSERT (employee_number), SELECT (employee_number) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT INSERT (terminal_code), SELECT (terminal_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (terminal_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (dispenser_code), SELECT (dispenser_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (dispenser_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (validation_method), SELECT (validation_method) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (validation_method) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.device_id IS 'Personal data: the driver''s or the terminal''s device, for velocity rules.';
GRANT INSERT (device_id), SELECT (device_id) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT INSERT (fuel_type), SELECT (fuel_type), UPDATE (fuel_type) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (fuel_type) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (fuel_litres), SELECT (fuel_litres), UPDATE (fuel_litres) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (fuel_litres) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (price_per_litre), SELECT (price_per_litre), UPDATE (price_per_litre) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (price_per_litre) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (original_amount), SELECT (original_amount), UPDATE (original_amount) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (original_amount) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (discount_amount), SELECT (discount_amount), UPDATE (discount_amount) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (discount_amount) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (final_amount), SELECT (final_amount), UPDATE (final_amount) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (final_amount) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (currency), SELECT (currency) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (currency) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (idempotency_key), SELECT (idempotency_key) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.request_sha256 IS 'Fingerprint of the request under the idempotency key: the same key with another request is refused.';
GRANT INSERT (request_sha256), SELECT (request_sha256) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.tickets_earned IS 'Tickets that the completion makes; known when the coupon is consumed.';
GRANT INSERT (tickets_earned), SELECT (tickets_earned), UPDATE (tickets_earned) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (tickets_earned) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.raffle_code IS 'The raffle that the campaign names; NULL: the holder chooses.';
GRANT INSERT (raffle_code), SELECT (raffle_code), UPDATE (raffle_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (raffle_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (tickets_expire_at), SELECT (tickets_expire_at), UPDATE (tickets_expire_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (tickets_expire_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.ticket_seed IS 'Secret: the numbers of the redemption''s tickets follow from it. Random, never readable by the runtime role.';
GRANT SELECT (failure_code), UPDATE (failure_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (failure_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (failure_reason), UPDATE (failure_reason) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.cancellation_reason IS 'Personal data: why, in somebody''s words, which may say who it was.';
GRANT SELECT (cancellation_reason), UPDATE (cancellation_reason) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (started_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (started_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (completed_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (completed_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (failed_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (failed_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (cancelled_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (cancelled_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.created_by IS 'Personal data: who asked for it, a public id or a service''s name.';
GRANT SELECT (created_by) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.ip_address IS 'Personal data: where the request came from.';
GRANT SELECT (ip_address) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.user_agent IS 'Personal data: the client''s software.';
GRANT SELECT (user_agent) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT INSERT (metadata), SELECT (metadata), UPDATE (metadata) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (updated_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.flow IS 'ONE_SHOT: PENDING means that the coupon is about to be consumed. TWO_STEP: PENDING was validated and waits for the fuel; the coupon is about to be consumed from IN_PROGRESS on. OFFLINE: a terminal gave the discount before, without a connection; IN_PROGRESS from its first statement on.';
GRANT INSERT (flow), SELECT (flow) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.base_tickets IS 'Tickets that the amount itself earns at the pump, on top of the coupon''s.';
GRANT INSERT (base_tickets), SELECT (base_tickets) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.is_shared IS 'Its coupon is good for more uses than one, as the coupon service said: that it is used again tells nothing.';
GRANT INSERT (is_shared), SELECT (is_shared) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.completion_sha256 IS 'Fingerprint of the second step''s request: the same one again gets the same answer, another is refused.';
GRANT SELECT (completion_sha256), UPDATE (completion_sha256) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.recover_at IS 'Before it nobody but the request itself drives the redemption on; a worker that takes it moves it ahead.';
GRANT INSERT (recover_at), SELECT (recover_at), UPDATE (recover_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (recovery_attempts), UPDATE (recovery_attempts) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.business_day IS 'The day of the completion in the zone that the station had then. Set once: a station that gets another zone keeps its history. UTC where no zone was known.';
GRANT SELECT (business_day) ON TABLE redemption_schema.redemptions TO redemption_app;

CREATE INDEX redemptions_coupon_code_idx ON redemption_schema.redemptions USING btree (coupon_code);

CREATE INDEX redemptions_ended_station_code_status_created_at_id_idx ON redemption_schema.redemptions USING btree (station_code, status, created_at DESC, id DESC) WHERE (status = ANY (ARRAY['FAILED'::text, 'CANCELLED'::text]));

CREATE INDEX redemptions_ended_status_id_idx ON redemption_schema.redemptions USING btree (status, id DESC) WHERE (status = ANY (ARRAY['FAILED'::text, 'CANCELLED'::text]));

CREATE INDEX redemptions_station_code_created_at_idx ON redemption_schema.redemptions USING btree (station_code, created_at DESC);

CREATE INDEX redemptions_unfinished_created_at_idx ON redemption_schema.redemptions USING btree (created_at) WHERE (status = ANY (ARRAY['PENDING'::text, 'IN_PROGRESS'::text]));

CREATE INDEX redemptions_user_id_created_at_idx ON redemption_schema.redemptions USING btree (user_id, created_at DESC);

CREATE INDEX redemptions_with_address_created_at_idx ON redemption_schema.redemptions USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE TRIGGER redemptions_follow AFTER UPDATE ON redemption_schema.redemptions REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.follow_redemptions();

CREATE TRIGGER redemptions_guard BEFORE INSERT OR UPDATE ON redemption_schema.redemptions FOR EACH ROW EXECUTE FUNCTION redemption_schema.guard_redemption();

CREATE TRIGGER redemptions_note_for_reports AFTER UPDATE ON redemption_schema.redemptions FOR EACH ROW WHEN (new.status <> old.status AND new.completed_at IS NOT NULL) EXECUTE FUNCTION redemption_schema.note_for_reports();

CREATE TRIGGER redemptions_set_business_day BEFORE UPDATE ON redemption_schema.redemptions FOR EACH ROW WHEN (new.status = 'COMPLETED'::text AND old.status <> 'COMPLETED'::text) EXECUTE FUNCTION redemption_schema.date_redemption();

CREATE TRIGGER redemptions_set_updated_at BEFORE UPDATE ON redemption_schema.redemptions FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TRIGGER redemptions_settle_offline AFTER UPDATE OF status ON redemption_schema.redemptions FOR EACH ROW WHEN (new.flow = 'OFFLINE'::text AND (old.status = ANY (ARRAY['PENDING'::text, 'IN_PROGRESS'::text])) AND (new.status = ANY (ARRAY['COMPLETED'::text, 'FAILED'::text, 'CANCELLED'::text]))) EXECUTE FUNCTION redemption_schema.settle_offline_redemption();

CREATE TRIGGER redemptions_tell_cancelled_after_draw AFTER UPDATE OF status ON redemption_schema.redemptions FOR EACH ROW WHEN (old.status = 'COMPLETED'::text AND new.status = 'CANCELLED'::text) EXECUTE FUNCTION redemption_schema.tell_cancelled_after_draw();

CREATE TABLE redemption_schema.report_changes (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    redemption_id bigint NOT NULL,
    became text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT report_changes_became_check CHECK (became = ANY (ARRAY['COMPLETED'::text, 'CANCELLED'::text])),
    CONSTRAINT report_changes_pk PRIMARY KEY (id)
);
COMMENT ON TABLE redemption_schema.report_changes IS 'Redemptions that completed, or were cancelled after it, and are in no report yet: written in the transaction that changes them, taken out in the one that folds them, so each counts once. No foreign key: redemptions are never deleted, and the look-up would be paid by each.';
GRANT SELECT ON TABLE redemption_schema.report_changes TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.report_changes TO redemption_ro;

CREATE TABLE redemption_schema.report_states (
    report_name text NOT NULL,
    as_of timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT report_states_pk PRIMARY KEY (report_name),
    CONSTRAINT report_states_report_name_check CHECK (report_name = 'redemption_days'::text)
);
COMMENT ON TABLE redemption_schema.report_states IS 'How far a report is, and the lock that lets one fold at a time.';
GRANT SELECT ON TABLE redemption_schema.report_states TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.report_states TO redemption_ro;
COMMENT ON COLUMN redemption_schema.report_states.as_of IS 'All that was committed before it is in the report; NULL: it never got to the end of the changes.';

CREATE TRIGGER report_states_set_updated_at BEFORE UPDATE ON redemption_schema.report_states FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.station_positions (
    station_code text NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    as_of timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    time_zone text,
    CONSTRAINT station_positions_latitude_check CHECK (latitude >= '-90'::integer::double precision AND latitude <= 90::double precision),
    CONSTRAINT station_positions_longitude_check CHECK (longitude >= '-180'::integer::double precision AND longitude <= 180::double precision),
    CONSTRAINT station_positions_pk PRIMARY KEY (station_code),
    CONSTRAINT station_positions_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT station_positions_time_zone_check CHECK (time_zone IS NULL OR time_zone ~ '^[A-Z][A-Za-z_]+(/[A-Za-z_+-]+){1,2}$'::text AND timezone(time_zone, '2000-01-01 00:00:00+00'::timestamp with time zone) IS NOT NULL)
);
COMMENT ON TABLE redemption_schema.station_positions IS 'Where the stations that take coupons are, as the station service told last by station.changed: the distance between two redemptions of one driver. A station that nobody told of is not judged by.';
GRANT SELECT ON TABLE redemption_schema.station_positions TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.station_positions TO redemption_ro;
GRANT INSERT (station_code) ON TABLE redemption_schema.station_positions TO redemption_app;
GRANT INSERT (latitude), UPDATE (latitude) ON TABLE redemption_schema.station_positions TO redemption_app;
GRANT INSERT (longitude), UPDATE (longitude) ON TABLE redemption_schema.station_positions TO redemption_app;
COMMENT ON COLUMN redemption_schema.station_positions.as_of IS 'Time of the event; an older one changes nothing.';
GRANT INSERT (as_of), UPDATE (as_of) ON TABLE redemption_schema.station_positions TO redemption_app;
COMMENT ON COLUMN redemption_schema.station_positions.time_zone IS 'IANA name: in which zone the station''s days begin; NULL: nobody told, and they begin in UTC.';
GRANT INSERT (time_zone), UPDATE (time_zone) ON TABLE redemption_schema.station_positions TO redemption_app;

CREATE TRIGGER station_positions_set_updated_at BEFORE UPDATE ON redemption_schema.station_positions FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.ticket_issuances (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    issuance_id uuid GENERATED ALWAYS AS (redemption_schema.issuance_id_of(seed)) STORED NOT NULL,
    seed uuid DEFAULT gen_random_uuid() NOT NULL,
    source text NOT NULL,
    source_reference text NOT NULL,
    user_id uuid NOT NULL,
    redemption_id bigint,
    ticket_count integer NOT NULL,
    raffle_code text,
    expires_at timestamp with time zone NOT NULL,
    actor text DEFAULT redemption_schema.request_context('actor'::text),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ticket_issuances_expires_at_check CHECK (expires_at > created_at AND expires_at <= (created_at + '2 years'::interval)),
    CONSTRAINT ticket_issuances_issuance_id_key UNIQUE (issuance_id),
    CONSTRAINT ticket_issuances_pk PRIMARY KEY (id),
    CONSTRAINT ticket_issuances_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'::text),
    CONSTRAINT ticket_issuances_redemption_check CHECK (source <> 'COUPON_REDEMPTION'::text OR redemption_id IS NOT NULL),
    CONSTRAINT ticket_issuances_seed_key UNIQUE (seed),
    CONSTRAINT ticket_issuances_source_check CHECK (source = ANY (ARRAY['COUPON_REDEMPTION'::text, 'AD_ENGAGEMENT'::text, 'PROMOTIONAL'::text, 'BONUS'::text, 'FREE_ENTRY'::text])),
    CONSTRAINT ticket_issuances_source_reference_check CHECK (length(btrim(source_reference)) >= 1 AND length(btrim(source_reference)) <= 128),
    CONSTRAINT ticket_issuances_source_source_reference_key UNIQUE (source, source_reference),
    CONSTRAINT ticket_issuances_ticket_count_check CHECK (ticket_count >= 1 AND ticket_count <= 10000)
);
COMMENT ON TABLE redemption_schema.ticket_issuances IS 'One row an event that earned tickets. A row and its tickets are made together by issue_tickets, and never change.';
GRANT SELECT (id) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (issuance_id) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (issuance_id) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ticket_issuances.seed IS 'Secret: the issuance''s id and its ticket numbers follow from it. Random, never readable by the runtime role.';
GRANT SELECT (source) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (source) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ticket_issuances.source_reference IS 'What earned the tickets: a transaction reference, an ad view''s id, a promotion''s or free entry''s reference.';
GRANT SELECT (source_reference) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
COMMENT ON COLUMN redemption_schema.ticket_issuances.user_id IS 'Personal data: public id of the holder.';
GRANT SELECT (user_id) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (user_id) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (redemption_id) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (redemption_id) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (ticket_count) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (ticket_count) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (raffle_code) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (raffle_code) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (expires_at) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (expires_at) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ticket_issuances.actor IS 'Personal data: who caused it, a public id or a service''s name.';
GRANT SELECT (actor) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (created_at) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;

CREATE INDEX ticket_issuances_redemption_id_idx ON redemption_schema.ticket_issuances USING btree (redemption_id) WHERE (redemption_id IS NOT NULL);

CREATE INDEX ticket_issuances_user_id_created_at_idx ON redemption_schema.ticket_issuances USING btree (user_id, created_at DESC);

CREATE TABLE redemption_schema.ticket_raffles (
    raffle_code text NOT NULL,
    opens_at timestamp with time zone NOT NULL,
    closes_at timestamp with time zone NOT NULL,
    takes_choices boolean NOT NULL,
    free_entries_per_day smallint NOT NULL,
    time_zone text NOT NULL,
    changed_by text DEFAULT redemption_schema.request_context('actor'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    is_told boolean DEFAULT false NOT NULL,
    CONSTRAINT ticket_raffles_changed_by_check CHECK (length(changed_by) <= 128),
    CONSTRAINT ticket_raffles_free_entries_per_day_check CHECK (free_entries_per_day >= 0 AND free_entries_per_day <= 10),
    CONSTRAINT ticket_raffles_pk PRIMARY KEY (raffle_code),
    CONSTRAINT ticket_raffles_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'::text),
    CONSTRAINT ticket_raffles_time_zone_check CHECK (time_zone ~ '^[A-Z][A-Za-z_]+(/[A-Za-z_+-]+){1,2}$'::text AND timezone(time_zone, '2000-01-01 00:00:00+00'::timestamp with time zone) IS NOT NULL),
    CONSTRAINT ticket_raffles_window_check CHECK (opens_at < closes_at AND opens_at > '-infinity'::timestamp with time zone AND closes_at < 'infinity'::timestamp with time zone)
);
COMMENT ON TABLE redemption_schema.ticket_raffles IS 'Raffles that holders may send tickets to, and those that give free entries, as the staff says. A raffle that a campaign names for its own tickets need not be here.';
GRANT SELECT ON TABLE redemption_schema.ticket_raffles TO redemption_app;
GRANT INSERT (raffle_code) ON TABLE redemption_schema.ticket_raffles TO redemption_app;
GRANT SELECT (raffle_code) ON TABLE redemption_schema.ticket_raffles TO redemption_ro;
GRANT INSERT (opens_at), UPDATE (opens_at) ON TABLE redemption_schema.ticket_raffles TO redemption_app;
GRANT SELECT (opens_at) ON TABLE redemption_schema.ticket_raffles TO redemption_ro;
GRANT INSERT (closes_at), UPDATE (closes_at) ON TABLE redemption_schema.ticket_raffles TO redemption_app;
GRANT SELECT (closes_at) ON TABLE redemption_schema.ticket_raffles TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ticket_raffles.takes_choices IS 'Whether holders may choose it for tickets that wait.';
GRANT INSERT (takes_choices), UPDATE (takes_choices) ON TABLE redemption_schema.ticket_raffles TO redemption_app;
GRANT SELECT (takes_choices) ON TABLE redemption_schema.ticket_raffles TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ticket_raffles.free_entries_per_day IS 'Tickets that one person gets a day without buying anything; 0: none.';
GRANT INSERT (free_entries_per_day), UPDATE (free_entries_per_day) ON TABLE redemption_schema.ticket_raffles TO redemption_app;
GRANT SELECT (free_entries_per_day) ON TABLE redemption_schema.ticket_raffles TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ticket_raffles.time_zone IS 'IANA name: in which zone a day begins.';
GRANT INSERT (time_zone), UPDATE (time_zone) ON TABLE redemption_schema.ticket_raffles TO redemption_app;
GRANT SELECT (time_zone) ON TABLE redemption_schema.ticket_raffles TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ticket_raffles.changed_by IS 'Personal data: who said so last, a public id or a service''s name.';
GRANT UPDATE (changed_by) ON TABLE redemption_schema.ticket_raffles TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.ticket_raffles TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.ticket_raffles TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ticket_raffles.is_told IS 'Whether the raffle service has told what stands here: the staff changes it there and not here.';
GRANT INSERT (is_told), UPDATE (is_told) ON TABLE redemption_schema.ticket_raffles TO redemption_app;
GRANT SELECT (is_told) ON TABLE redemption_schema.ticket_raffles TO redemption_ro;

CREATE TRIGGER ticket_raffles_set_updated_at BEFORE UPDATE ON redemption_schema.ticket_raffles FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE VIEW redemption_schema.active_qr_validations WITH (security_invoker=true) AS
 SELECT nonce,
    status,
    station_code,
    dispenser_code,
    amount,
    currency,
    expires_at,
    created_at
   FROM redemption_schema.qr_validations q
  WHERE (status = ANY (ARRAY['GENERATED'::text, 'SCANNED'::text, 'ACTIVATED'::text])) AND expires_at > now();
COMMENT ON VIEW redemption_schema.active_qr_validations IS 'Codes of pumps that are good now.';
GRANT SELECT ON TABLE redemption_schema.active_qr_validations TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.active_qr_validations TO redemption_ro;

CREATE VIEW redemption_schema.active_raffle_tickets WITH (security_invoker=true) AS
 SELECT ticket_number,
    issuance_id,
    user_id,
    source,
    raffle_code,
    status,
    expires_at,
    created_at
   FROM redemption_schema.raffle_tickets t
  WHERE status = 'ENTERED'::text OR status = 'ACTIVE'::text AND expires_at > now();
COMMENT ON VIEW redemption_schema.active_raffle_tickets IS 'Tickets in a raffle whose draw is to come, and those whose holder may still choose one.';
GRANT SELECT ON TABLE redemption_schema.active_raffle_tickets TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.active_raffle_tickets TO redemption_ro;
COMMENT ON COLUMN redemption_schema.active_raffle_tickets.user_id IS 'Personal data: public id of the holder.';

CREATE VIEW redemption_schema.active_redemptions WITH (security_invoker=true) AS
 SELECT transaction_reference,
    status,
    flow,
    station_code,
    campaign_code,
    validation_method,
    original_amount,
    currency,
    created_at,
    recover_at,
    recovery_attempts
   FROM redemption_schema.redemptions r
  WHERE status = ANY (ARRAY['PENDING'::text, 'IN_PROGRESS'::text]);
COMMENT ON VIEW redemption_schema.active_redemptions IS 'Redemptions under way.';
GRANT SELECT ON TABLE redemption_schema.active_redemptions TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.active_redemptions TO redemption_ro;

CREATE VIEW redemption_schema.redemption_statistics WITH (security_invoker=true) AS
 SELECT business_day,
    station_code,
    currency,
    sum(completed)::bigint AS completed,
    sum(cancelled)::bigint AS cancelled,
    sum(original_amount) AS original_amount,
    sum(discount_amount) AS discount_amount,
    sum(final_amount) AS final_amount,
    sum(cancelled_amount) AS cancelled_amount,
    sum(fuel_litres) AS fuel_litres,
    sum(tickets_earned)::bigint AS tickets_earned,
    sum(tickets_taken_back)::bigint AS tickets_taken_back,
    round(sum(discount_amount) / NULLIF(sum(completed - cancelled), 0::numeric), 2) AS average_discount,
    round(100.0 * sum(cancelled) / sum(completed), 1) AS cancelled_percent
   FROM redemption_schema.redemption_days d
  GROUP BY business_day, station_code, currency;
COMMENT ON VIEW redemption_schema.redemption_statistics IS 'A station''s day in all campaigns, from redemption_days; what its columns count is told there.';
GRANT SELECT ON TABLE redemption_schema.redemption_statistics TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.redemption_statistics TO redemption_ro;

CREATE VIEW redemption_schema.redemption_summary WITH (security_invoker=true) AS
 SELECT station_code,
    currency,
    min(business_day) AS first_day,
    max(business_day) AS last_day,
    count(DISTINCT NULLIF(campaign_code, ''::text)) AS campaigns,
    sum(completed)::bigint AS completed,
    sum(cancelled)::bigint AS cancelled,
    sum(original_amount) AS original_amount,
    sum(discount_amount) AS discount_amount,
    sum(final_amount) AS final_amount,
    sum(cancelled_amount) AS cancelled_amount,
    sum(fuel_litres) AS fuel_litres,
    sum(tickets_earned)::bigint AS tickets_earned,
    sum(tickets_taken_back)::bigint AS tickets_taken_back
   FROM redemption_schema.redemption_days d
  GROUP BY station_code, currency;
COMMENT ON VIEW redemption_schema.redemption_summary IS 'Each station in figures, from redemption_days.';
GRANT SELECT ON TABLE redemption_schema.redemption_summary TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.redemption_summary TO redemption_ro;

ALTER TABLE redemption_schema.ad_bonuses ADD CONSTRAINT ad_bonuses_issuance_id_fk FOREIGN KEY (issuance_id) REFERENCES redemption_schema.ticket_issuances(issuance_id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.fraud_standings ADD CONSTRAINT fraud_standings_review_id_fk FOREIGN KEY (review_id) REFERENCES redemption_schema.fraud_reviews(id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.free_entries ADD CONSTRAINT free_entries_issuance_id_fk FOREIGN KEY (issuance_id) REFERENCES redemption_schema.ticket_issuances(issuance_id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.free_entries ADD CONSTRAINT free_entries_raffle_code_fk FOREIGN KEY (raffle_code) REFERENCES redemption_schema.ticket_raffles(raffle_code) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.offline_leases ADD CONSTRAINT offline_leases_terminal_code_fk FOREIGN KEY (terminal_code) REFERENCES redemption_schema.offline_chains(terminal_code) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.offline_redemptions ADD CONSTRAINT offline_redemptions_lease_id_fk FOREIGN KEY (lease_id) REFERENCES redemption_schema.offline_leases(lease_id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.offline_redemptions ADD CONSTRAINT offline_redemptions_terminal_code_fk FOREIGN KEY (terminal_code) REFERENCES redemption_schema.offline_chains(terminal_code) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.offline_redemptions ADD CONSTRAINT offline_redemptions_transaction_reference_fk FOREIGN KEY (transaction_reference) REFERENCES redemption_schema.redemptions(transaction_reference) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.points_expirations ADD CONSTRAINT points_expirations_user_id_entry_number_fk FOREIGN KEY (user_id, entry_number) REFERENCES redemption_schema.points_ledger(user_id, entry_number) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.points_ledger ADD CONSTRAINT points_ledger_redemption_id_fk FOREIGN KEY (redemption_id) REFERENCES redemption_schema.redemptions(id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.points_ledger ADD CONSTRAINT points_ledger_user_id_fk FOREIGN KEY (user_id) REFERENCES redemption_schema.points_accounts(user_id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.qr_validations ADD CONSTRAINT qr_validations_redemption_id_fk FOREIGN KEY (redemption_id) REFERENCES redemption_schema.redemptions(id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.raffle_tickets ADD CONSTRAINT raffle_tickets_issuance_id_fk FOREIGN KEY (issuance_id) REFERENCES redemption_schema.ticket_issuances(issuance_id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.raffle_tickets ADD CONSTRAINT raffle_tickets_redemption_id_fk FOREIGN KEY (redemption_id) REFERENCES redemption_schema.redemptions(id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.ticket_issuances ADD CONSTRAINT ticket_issuances_redemption_id_fk FOREIGN KEY (redemption_id) REFERENCES redemption_schema.redemptions(id) ON DELETE RESTRICT;

RESET ROLE;
