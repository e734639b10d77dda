-- Fraud: rules and thresholds as data, one function that assesses an attempt while it is made, the review queue's facts
-- and verdicts, and the log of who changed what.
--
-- fraud_finding looks for one rule, score_attempt adds up the rules and decides, and assess_redemption does both for
-- the attempt at hand and records it. A simulation asks score_attempt about past attempts with other rules.
-- vuelo: allow working-under-lock nothing but sample data has put reviews into the queue before
-- vuelo: allow locking-several-tables all of it together takes milliseconds
-- vuelo: allow require-concurrent-index-creation nothing but sample data is there before redemptions are made

-- Rules and thresholds ------------------------------------------------------------------------------------------------

CREATE FUNCTION redemption_schema.fraud_type_of(p_kind text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_kind IN ('DUPLICATE_COUPON', 'DUPLICATE_PURCHASE') THEN 'DUPLICATE_REDEMPTION'
        WHEN p_kind IN ('USER_VELOCITY', 'DEVICE_VELOCITY', 'STATION_VELOCITY') THEN 'VELOCITY_FRAUD'
        WHEN p_kind = 'IMPOSSIBLE_TRAVEL' THEN 'LOCATION_ANOMALY'
        WHEN p_kind = 'DEVICE_SHARING' THEN 'DEVICE_FRAUD'
        ELSE 'SUSPICIOUS_PATTERN' END
$$;
COMMENT ON FUNCTION redemption_schema.fraud_type_of(text) IS 'What a kind of rule finds.';

CREATE FUNCTION redemption_schema.fraud_parameters() RETURNS TABLE (kind text, parameter text, lowest numeric,
                                                                     highest numeric)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
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
$$;
COMMENT ON FUNCTION redemption_schema.fraud_parameters() IS
    'The parameters that each kind of rule has, all of them whole numbers, and their bounds.';

CREATE FUNCTION redemption_schema.are_fraud_parameters(p_kind text, p_parameters jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
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
$$;
COMMENT ON FUNCTION redemption_schema.are_fraud_parameters(text, jsonb) IS
    'Whether these are exactly the parameters of that kind of rule, within their bounds.';

CREATE TABLE redemption_schema.fraud_rules (
    rule_name text NOT NULL,
    kind text NOT NULL,
    parameters jsonb NOT NULL,
    points integer NOT NULL,
    is_enabled boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1,
    fraud_type text NOT NULL GENERATED ALWAYS AS (redemption_schema.fraud_type_of(kind)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fraud_rules_pk PRIMARY KEY (rule_name),
    CONSTRAINT fraud_rules_rule_name_check CHECK (rule_name ~ '^[a-z][a-z0-9_]{2,49}$'),
    CONSTRAINT fraud_rules_parameters_check CHECK (redemption_schema.are_fraud_parameters(kind, parameters)),
    CONSTRAINT fraud_rules_points_check CHECK (points BETWEEN 1 AND 100),
    CONSTRAINT fraud_rules_version_check CHECK (version >= 1)
);
COMMENT ON TABLE redemption_schema.fraud_rules IS
    'What assess_redemption looks for. Several rules may be of one kind, a mild one and a grave one. The points of all '
    'that strike are added up. A rule is never deleted, only switched off: the log names it.';
COMMENT ON COLUMN redemption_schema.fraud_rules.points IS 'What it adds to the score of 0 to 100 when it strikes.';
COMMENT ON COLUMN redemption_schema.fraud_rules.version IS
    'Grows with each change; the log keeps it with each finding, and fraud_audit_log what each version was.';

CREATE TABLE redemption_schema.fraud_thresholds (
    id integer NOT NULL DEFAULT 1,
    flagged_from integer NOT NULL,
    review_from integer NOT NULL,
    blocked_from integer NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fraud_thresholds_pk PRIMARY KEY (id),
    CONSTRAINT fraud_thresholds_id_check CHECK (id = 1),
    CONSTRAINT fraud_thresholds_order_check
        CHECK (1 <= flagged_from AND flagged_from <= review_from AND review_from <= blocked_from
               AND blocked_from <= 101),
    CONSTRAINT fraud_thresholds_version_check CHECK (version >= 1)
);
COMMENT ON TABLE redemption_schema.fraud_thresholds IS
    'One row: from which score on an attempt is FLAGGED, ALLOWED_WITH_REVIEW and BLOCKED. 101 is never reached.';

CREATE FUNCTION redemption_schema.count_fraud_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION redemption_schema.count_fraud_version() IS 'BEFORE UPDATE trigger: each change is a new version.';
CREATE TRIGGER fraud_rules_count_version BEFORE UPDATE ON redemption_schema.fraud_rules
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.count_fraud_version();
CREATE TRIGGER fraud_rules_set_updated_at BEFORE UPDATE ON redemption_schema.fraud_rules
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();
CREATE TRIGGER fraud_thresholds_count_version BEFORE UPDATE ON redemption_schema.fraud_thresholds
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.count_fraud_version();
CREATE TRIGGER fraud_thresholds_set_updated_at BEFORE UPDATE ON redemption_schema.fraud_thresholds
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

-- What the rules look at, beside redemptions and the log ----------------------------------------------------------------

CREATE TABLE redemption_schema.station_positions (
    station_code text NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    as_of timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT station_positions_pk PRIMARY KEY (station_code),
    CONSTRAINT station_positions_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT station_positions_latitude_check CHECK (latitude BETWEEN -90 AND 90),
    CONSTRAINT station_positions_longitude_check CHECK (longitude BETWEEN -180 AND 180)
);
COMMENT ON TABLE redemption_schema.station_positions IS
    'Where the stations that take coupons are, as the station service told last by station.changed: the distance between '
    'two redemptions of one driver. A station that nobody told of is not judged by.';
COMMENT ON COLUMN redemption_schema.station_positions.as_of IS 'Time of the event; an older one changes nothing.';
CREATE TRIGGER station_positions_set_updated_at BEFORE UPDATE ON redemption_schema.station_positions
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE FUNCTION redemption_schema.great_circle_km(
    p_latitude_1 double precision, p_longitude_1 double precision,
    p_latitude_2 double precision, p_longitude_2 double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    -- Differences are rounded to a centimetre: the square of a smaller one may be too small for a number.
    SELECT 12742.0176 * asin(sqrt(least(1,
        sind(round((p_latitude_2 - p_latitude_1)::numeric, 7)::double precision / 2) ^ 2
        + cosd(p_latitude_1) * cosd(p_latitude_2)
          * sind(round((p_longitude_2 - p_longitude_1)::numeric, 7)::double precision / 2) ^ 2)))
$$;
COMMENT ON FUNCTION redemption_schema.great_circle_km(
    double precision, double precision, double precision, double precision) IS
    'Kilometres between two points in degrees, by the haversine formula on a sphere of 6371.0088 km (mean radius).';

CREATE TABLE redemption_schema.code_refusals (
    id bigint GENERATED ALWAYS AS IDENTITY,
    code_sha256 bytea NOT NULL,
    reason text NOT NULL,
    station_code text,
    employee_number text,
    user_id uuid,
    device_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT code_refusals_pk PRIMARY KEY (id, created_at),
    CONSTRAINT code_refusals_code_sha256_check CHECK (octet_length(code_sha256) = 32),
    CONSTRAINT code_refusals_reason_check CHECK (reason IN ('INVALID_CODE', 'INVALID_SIGNATURE')),
    CONSTRAINT code_refusals_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT code_refusals_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'),
    CONSTRAINT code_refusals_device_id_check CHECK (length(device_id) BETWEEN 1 AND 128),
    CONSTRAINT code_refusals_who_check CHECK (num_nonnulls(employee_number, user_id, device_id) > 0)
) PARTITION BY RANGE (created_at);
-- The guessing rules: the latest wrong codes of a user, of a device, of an employee.
CREATE INDEX code_refusals_user_id_created_at_idx
    ON redemption_schema.code_refusals (user_id, created_at DESC) WHERE user_id IS NOT NULL;
CREATE INDEX code_refusals_device_id_created_at_idx
    ON redemption_schema.code_refusals (device_id, created_at DESC) WHERE device_id IS NOT NULL;
CREATE INDEX code_refusals_employee_number_created_at_idx
    ON redemption_schema.code_refusals (employee_number, created_at DESC) WHERE employee_number IS NOT NULL;
COMMENT ON TABLE redemption_schema.code_refusals IS
    'Codes that were presented here and name no coupon, or are signed by nobody: what a guesser leaves behind. Written '
    'by this service when the coupon service refuses; append-only, by month. Kept 90 days.';
COMMENT ON COLUMN redemption_schema.code_refusals.code_sha256 IS
    'SHA-256 of the code as presented: one wrong code shown five times is no guessing.';
COMMENT ON COLUMN redemption_schema.code_refusals.user_id IS 'Personal data: public id of the driver, where known.';
COMMENT ON COLUMN redemption_schema.code_refusals.employee_number IS 'Personal data: the employee who serves.';
COMMENT ON COLUMN redemption_schema.code_refusals.device_id IS 'Personal data: the driver''s device.';
CREATE TRIGGER code_refusals_refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON redemption_schema.code_refusals
    FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

CREATE FUNCTION redemption_schema.note_refused_code(
    p_code text, p_reason text, p_station_code text, p_employee_number text, p_user_id uuid, p_device_id text)
    RETURNS void
    LANGUAGE sql VOLATILE
    AS $$
    INSERT INTO redemption_schema.code_refusals
           (code_sha256, reason, station_code, employee_number, user_id, device_id)
    VALUES (sha256(convert_to(p_code, 'UTF8')), p_reason, p_station_code, p_employee_number, p_user_id, p_device_id)
$$;
COMMENT ON FUNCTION redemption_schema.note_refused_code(text, text, text, text, uuid, text) IS
    'A code was presented that is none: INVALID_CODE or INVALID_SIGNATURE. At least one of employee, user and device is '
    'known. Commits with the refusal that it is about.';

-- The review queue: facts, who is at it, what came of it ----------------------------------------------------------------

ALTER TABLE redemption_schema.fraud_reviews
    ADD COLUMN action_taken text,
    ADD COLUMN fraud_type text,
    ADD COLUMN transaction_reference text,
    ADD COLUMN station_code text,
    ADD COLUMN employee_number text,
    ADD COLUMN user_id uuid,
    ADD COLUMN device_id text,
    ADD COLUMN rule_points jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN details jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN taken_by uuid,
    ADD COLUMN taken_at timestamptz,
    ADD COLUMN resolution text,
    ADD CONSTRAINT fraud_reviews_action_taken_check
        CHECK (action_taken IN ('FLAGGED', 'ALLOWED_WITH_REVIEW', 'BLOCKED')) NOT VALID,
    ADD CONSTRAINT fraud_reviews_taken_check CHECK ((taken_by IS NULL) = (taken_at IS NULL)) NOT VALID,
    ADD CONSTRAINT fraud_reviews_resolution_check
        CHECK (resolution IN ('CONFIRM', 'DISMISS', 'INCONCLUSIVE', 'RELEASE')) NOT VALID,
    ADD CONSTRAINT fraud_reviews_resolved_check
        CHECK (resolution IS NULL OR status = CASE resolution WHEN 'CONFIRM' THEN 'CONFIRMED'
                                                              WHEN 'INCONCLUSIVE' THEN 'INCONCLUSIVE'
                                                              ELSE 'FALSE_ALARM' END) NOT VALID;
COMMENT ON COLUMN redemption_schema.fraud_reviews.action_taken IS
    'What the assessment decided. This and the facts beside it are copied from the log, which has no index by '
    'detection and loses its old months.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.user_id IS 'Personal data: public id of the driver.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.employee_number IS 'Personal data: the employee who served.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.device_id IS 'Personal data: the device of the attempt.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.details IS
    'Personal data: what the rules saw, which may hold places and times of a driver.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.notes IS
    'Personal data: what the reviewer says about the driver, or the employee.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.taken_by IS 'Personal data: public id of who works on it.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.resolution IS
    'What the reviewer did: RELEASE is a false alarm whose driver is not blocked for some hours.';

-- Reviews from before get their facts, which is no change of theirs. Their months of the log are few, and the queue is
-- short.
ALTER TABLE redemption_schema.fraud_reviews DISABLE TRIGGER fraud_reviews_set_updated_at;
UPDATE redemption_schema.fraud_reviews AS v
   SET action_taken = l.action_taken, fraud_type = l.fraud_type, transaction_reference = l.transaction_reference,
       station_code = l.station_code, employee_number = l.employee_number, user_id = l.user_id,
       device_id = l.device_id, rule_points = l.rule_points, details = l.details
  FROM redemption_schema.fraud_detection_log AS l
 WHERE l.detection_id = v.detection_id AND l.created_at = v.detected_at;
ALTER TABLE redemption_schema.fraud_reviews ENABLE TRIGGER fraud_reviews_set_updated_at;
-- What was blocked before is in the queue from now on, as what will be.
INSERT INTO redemption_schema.fraud_reviews
       (detection_id, detected_at, risk_score, action_taken, fraud_type, transaction_reference, station_code,
        employee_number, user_id, device_id, rule_points, details)
SELECT detection_id, created_at, risk_score, action_taken, fraud_type, transaction_reference, station_code,
       employee_number, user_id, device_id, rule_points, details
  FROM redemption_schema.fraud_detection_log
 WHERE action_taken = 'BLOCKED';
-- Erasure of a person (forget_fraud_traces).
CREATE INDEX fraud_reviews_user_id_idx ON redemption_schema.fraud_reviews (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX fraud_reviews_employee_number_idx ON redemption_schema.fraud_reviews (employee_number)
    WHERE notes IS NOT NULL;

CREATE OR REPLACE FUNCTION redemption_schema.open_fraud_reviews() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION redemption_schema.open_fraud_reviews() IS
    'A detection that asks for a person is in the queue at once; a blocked one too, since it may have been wrong.';

CREATE TABLE redemption_schema.fraud_standings (
    id bigint GENERATED ALWAYS AS IDENTITY,
    standing text NOT NULL,
    user_id uuid,
    device_id text,
    review_id bigint NOT NULL,
    valid_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fraud_standings_pk PRIMARY KEY (id),
    CONSTRAINT fraud_standings_review_id_key UNIQUE (review_id),
    CONSTRAINT fraud_standings_review_id_fk FOREIGN KEY (review_id)
        REFERENCES redemption_schema.fraud_reviews (id) ON DELETE RESTRICT,
    CONSTRAINT fraud_standings_standing_check CHECK (standing IN ('CONFIRMED', 'RELEASED')),
    CONSTRAINT fraud_standings_who_check CHECK (num_nonnulls(user_id, device_id) > 0),
    CONSTRAINT fraud_standings_device_id_check CHECK (length(device_id) BETWEEN 1 AND 128),
    CONSTRAINT fraud_standings_valid_until_check CHECK (
        CASE standing WHEN 'RELEASED' THEN valid_until > created_at AND valid_until <= created_at + interval '7 days'
                      ELSE valid_until IS NULL END)
);
-- Each assessment: what reviewers said of this user, of this device.
CREATE INDEX fraud_standings_user_id_idx ON redemption_schema.fraud_standings (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX fraud_standings_device_id_idx ON redemption_schema.fraud_standings (device_id)
    WHERE device_id IS NOT NULL;
COMMENT ON TABLE redemption_schema.fraud_standings IS
    'What a review means for the next attempts: CONFIRMED adds points by rules of kind CONFIRMED_BEFORE, RELEASED turns '
    'BLOCKED into ALLOWED_WITH_REVIEW until it ends.';
COMMENT ON COLUMN redemption_schema.fraud_standings.user_id IS 'Personal data: public id of the driver.';
COMMENT ON COLUMN redemption_schema.fraud_standings.device_id IS
    'Personal data: the device; only where the fraud was the device''s.';

-- Audit ---------------------------------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.fraud_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_type text NOT NULL,
    subject text NOT NULL,
    old_values jsonb,
    new_values jsonb,
    actor text DEFAULT redemption_schema.request_context('actor'),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'),
    ip_address inet DEFAULT redemption_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fraud_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT fraud_audit_log_event_type_check CHECK (event_type IN (
        'RULE_INSERT', 'RULE_UPDATE', 'RULE_DELETE', 'THRESHOLDS_INSERT', 'THRESHOLDS_UPDATE', 'THRESHOLDS_DELETE',
        'REVIEW_UPDATE')),
    CONSTRAINT fraud_audit_log_subject_check CHECK (length(subject) BETWEEN 1 AND 50),
    CONSTRAINT fraud_audit_log_old_values_check CHECK (jsonb_typeof(old_values) = 'object'),
    CONSTRAINT fraud_audit_log_new_values_check CHECK (jsonb_typeof(new_values) = 'object')
) PARTITION BY RANGE (created_at);
-- The history of a rule, of a review.
CREATE INDEX fraud_audit_log_subject_idx ON redemption_schema.fraud_audit_log (subject, id DESC);
-- Erasure of who changed them (forget_fraud_traces).
CREATE INDEX fraud_audit_log_actor_idx ON redemption_schema.fraud_audit_log (actor)
    WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;
COMMENT ON TABLE redemption_schema.fraud_audit_log IS
    'Every change of a rule, of the thresholds and of a review, by whom; append-only, by month.';
COMMENT ON COLUMN redemption_schema.fraud_audit_log.subject IS
    'The rule''s name, the detection''s id, or "thresholds".';
COMMENT ON COLUMN redemption_schema.fraud_audit_log.old_values IS
    'Personal data: may name the reviewer, and hold the notes of a review.';
COMMENT ON COLUMN redemption_schema.fraud_audit_log.new_values IS
    'Personal data: may name the reviewer, and hold the notes of a review.';
COMMENT ON COLUMN redemption_schema.fraud_audit_log.actor IS
    'Personal data: who did it, a public id or a service''s name.';
COMMENT ON COLUMN redemption_schema.fraud_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.fraud_audit_log.user_agent IS 'Personal data: the client''s software.';
CREATE TRIGGER fraud_audit_log_refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON redemption_schema.fraud_audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

CREATE FUNCTION redemption_schema.audit_fraud() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.audit_fraud() FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.audit_fraud() IS 'AFTER trigger: what was changed, before and after.';
CREATE TRIGGER fraud_rules_audit AFTER INSERT OR UPDATE OR DELETE ON redemption_schema.fraud_rules
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.audit_fraud('RULE');
CREATE TRIGGER fraud_thresholds_audit AFTER INSERT OR UPDATE OR DELETE ON redemption_schema.fraud_thresholds
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.audit_fraud('THRESHOLDS');
CREATE TRIGGER fraud_reviews_audit AFTER UPDATE ON redemption_schema.fraud_reviews
    FOR EACH ROW
    WHEN ((OLD.status, OLD.taken_by, OLD.resolution, OLD.reviewed_by, OLD.notes)
          IS DISTINCT FROM (NEW.status, NEW.taken_by, NEW.resolution, NEW.reviewed_by, NEW.notes))
    EXECUTE FUNCTION redemption_schema.audit_fraud('REVIEW');

-- An erased person ----------------------------------------------------------------------------------------------------

CREATE FUNCTION redemption_schema.forget_fraud_traces() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_fraud_traces() FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.forget_fraud_traces() IS
    'AFTER trigger: devices, notes, and what the rules saw of an erased person, go with the account, and from where the '
    'person reviewed; verdicts stay, under a public id that names nobody any more.';
-- Of an account that was erased already the time is set again where the word of it comes again.
CREATE TRIGGER erased_users_forget_fraud_traces AFTER INSERT OR UPDATE ON redemption_schema.erased_users
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.forget_fraud_traces();

-- Nobody asks from where a pump's code was shown, so it is not kept.
ALTER TABLE redemption_schema.qr_validations ALTER COLUMN ip_address DROP DEFAULT;
UPDATE redemption_schema.qr_validations SET ip_address = NULL WHERE ip_address IS NOT NULL;
COMMENT ON COLUMN redemption_schema.qr_validations.ip_address IS
    'Personal data: where the request came from; of codes from before, and empty since.';

-- What grows old ------------------------------------------------------------------------------------------------------

-- What still tells from where, the oldest first (forget_addresses).
CREATE INDEX redemptions_with_address_created_at_idx
    ON redemption_schema.redemptions (created_at) WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;
CREATE INDEX redemption_audit_log_with_address_created_at_idx
    ON redemption_schema.redemption_audit_log (created_at) WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;
CREATE INDEX fraud_detection_log_with_address_created_at_idx
    ON redemption_schema.fraud_detection_log (created_at) WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;
CREATE INDEX fraud_audit_log_with_address_created_at_idx
    ON redemption_schema.fraud_audit_log (created_at) WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;
CREATE INDEX points_ledger_with_address_created_at_idx
    ON redemption_schema.points_ledger (created_at) WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;

CREATE FUNCTION redemption_schema.forget_addresses(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_addresses(integer) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.forget_addresses(integer) IS
    'Takes addresses and user agents out of p_limit rows that are older than a year, table by table, the oldest first, '
    'and out of those of the same moment as the last. Fewer than p_limit: no more are left, whatever else runs. What, '
    'who and when stay.';

CREATE FUNCTION redemption_schema.forget_refused_codes(p_at_most integer) RETURNS integer
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
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_refused_codes(integer) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.forget_refused_codes(integer) IS
    'Deletes refused codes that are older than 90 days, so many at most; returns how many. No rule looks back further '
    'than a day.';

-- The assessment ------------------------------------------------------------------------------------------------------

CREATE TYPE redemption_schema.fraud_attempt AS (
    transaction_reference text,
    user_id uuid,
    coupon_code text,
    station_code text,
    employee_number text,
    device_id text,
    amount numeric,
    currency text,
    attempted_at timestamptz,
    known_until timestamptz
);
CREATE TYPE redemption_schema.fraud_rule_set AS (
    rule_names text[],
    kinds text[],
    parameters jsonb[],
    points integer[],
    versions integer[]
);
COMMENT ON TYPE redemption_schema.fraud_rule_set IS 'Rules by which an attempt is scored; arrays of one length.';
COMMENT ON TYPE redemption_schema.fraud_attempt IS
    'What is assessed. known_until: nothing recorded from then on counts; a moment to come for the attempt at hand, its '
    'own time for one of the past.';

CREATE FUNCTION redemption_schema.fraud_finding(
    p_attempt redemption_schema.fraud_attempt, p_kind text, p_parameters jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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
$$;
COMMENT ON FUNCTION redemption_schema.fraud_finding(redemption_schema.fraud_attempt, text, jsonb) IS
    'What a rule of this kind sees in the attempt; NULL: nothing. Each kind reads one index, over its window.';

CREATE FUNCTION redemption_schema.outlier(p_amount numeric, p_parameters jsonb, p_past numeric[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
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
$$;
COMMENT ON FUNCTION redemption_schema.outlier(numeric, jsonb, numeric[]) IS
    'Whether an amount is far above the past ones, by median and median absolute deviation: a few odd amounts among the '
    'past ones change neither. NULL: it is not.';

CREATE FUNCTION redemption_schema.score_attempt(
    p_attempt redemption_schema.fraud_attempt,
    p_rules redemption_schema.fraud_rule_set,
    p_thresholds redemption_schema.fraud_thresholds)
    RETURNS TABLE (risk_score integer, decision text, fraud_type text, rule_points jsonb, details jsonb)
    LANGUAGE plpgsql STABLE
    -- Else the rules' queries of partitioned tables are planned anew each time, which takes ten times as long as they do.
    SET plan_cache_mode = force_generic_plan
    AS $$
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
$$;
COMMENT ON FUNCTION redemption_schema.score_attempt(
    redemption_schema.fraud_attempt, redemption_schema.fraud_rule_set, redemption_schema.fraud_thresholds) IS
    'The score 0 to 100 of an attempt by these rules, and what follows from it by these thresholds. Reads only.';

CREATE FUNCTION redemption_schema.assess_redemption(
    p_transaction_reference text, p_user_id uuid, p_coupon_code text, p_station_code text, p_employee_number text,
    p_device_id text, p_amount numeric, p_currency text)
    RETURNS TABLE (detection_id uuid, risk_score integer, decision text, fraud_type text, rule_points jsonb)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.assess_redemption(
    text, uuid, text, text, text, text, numeric, text) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.assess_redemption(
    text, uuid, text, text, text, text, numeric, text) IS
'Scores an attempt by the enabled rules, records it in fraud_detection_log, and says what to do: ALLOWED, FLAGGED and
ALLOWED_WITH_REVIEW go on, BLOCKED does not. Called in the transaction that writes the redemption as PENDING, after the
row and before the coupon is asked. p_device_id is the driver''s own device, never a terminal of the station: that one''s
redemptions are everybody''s. Holds the user, and the device, until the transaction ends: one attempt a transaction.';

-- The rules to begin with, and the grants ---------------------------------------------------------------------------------

SELECT redemption_schema.ensure_all_month_partitions();
INSERT INTO redemption_schema.fraud_thresholds (flagged_from, review_from, blocked_from) VALUES (25, 45, 80);
INSERT INTO redemption_schema.fraud_rules (rule_name, kind, parameters, points)
VALUES ('duplicate_coupon', 'DUPLICATE_COUPON', '{"window_minutes": 30}', 60),
       ('duplicate_purchase', 'DUPLICATE_PURCHASE', '{"window_minutes": 10}', 25),
       ('user_burst', 'USER_VELOCITY', '{"window_minutes": 10, "max_count": 5}', 40),
       ('user_hour', 'USER_VELOCITY', '{"window_minutes": 60, "max_count": 5}', 45),
       ('user_day', 'USER_VELOCITY', '{"window_minutes": 1440, "max_count": 20}', 50),
       ('device_burst', 'DEVICE_VELOCITY', '{"window_minutes": 10, "max_count": 8}', 40),
       ('device_hour', 'DEVICE_VELOCITY', '{"window_minutes": 60, "max_count": 10}', 45),
       ('station_burst', 'STATION_VELOCITY', '{"window_minutes": 10, "max_count": 60}', 25),
       ('impossible_travel', 'IMPOSSIBLE_TRAVEL', '{"window_minutes": 720, "max_km_h": 200, "min_km": 20}', 45),
       ('no_airplane', 'IMPOSSIBLE_TRAVEL', '{"window_minutes": 720, "max_km_h": 1200, "min_km": 100}', 40),
       ('user_amount', 'USER_AMOUNT',
        '{"min_history": 8, "max_history": 50, "max_deviations": 6, "min_ratio": 3}', 30),
       ('station_amount', 'STATION_AMOUNT',
        '{"min_history": 30, "max_history": 100, "max_deviations": 8, "min_ratio": 4}', 20),
       ('device_sharing', 'DEVICE_SHARING', '{"window_minutes": 1440, "max_users": 6}', 50),
       ('device_crowd', 'DEVICE_SHARING', '{"window_minutes": 1440, "max_users": 12}', 40),
       ('user_guessing', 'USER_GUESSING', '{"window_minutes": 15, "max_codes": 5}', 80),
       ('device_guessing', 'DEVICE_GUESSING', '{"window_minutes": 15, "max_codes": 5}', 80),
       ('employee_guessing', 'EMPLOYEE_GUESSING', '{"window_minutes": 15, "max_codes": 8}', 50),
       ('confirmed_before', 'CONFIRMED_BEFORE', '{"days": 90}', 40);

GRANT EXECUTE ON FUNCTION
    redemption_schema.forget_addresses(integer),
    redemption_schema.forget_refused_codes(integer),
    redemption_schema.assess_redemption(text, uuid, text, text, text, text, numeric, text),
    redemption_schema.score_attempt(
        redemption_schema.fraud_attempt, redemption_schema.fraud_rule_set, redemption_schema.fraud_thresholds),
    redemption_schema.fraud_finding(redemption_schema.fraud_attempt, text, jsonb),
    redemption_schema.outlier(numeric, jsonb, numeric[]),
    redemption_schema.great_circle_km(double precision, double precision, double precision, double precision),
    redemption_schema.note_refused_code(text, text, text, text, uuid, text),
    redemption_schema.fraud_type_of(text),
    redemption_schema.fraud_parameters(),
    redemption_schema.are_fraud_parameters(text, jsonb)
    TO redemption_app;
GRANT SELECT, INSERT (rule_name, kind, parameters, points, is_enabled), UPDATE (parameters, points, is_enabled)
      ON redemption_schema.fraud_rules TO redemption_app;
GRANT SELECT, UPDATE (flagged_from, review_from, blocked_from)
      ON redemption_schema.fraud_thresholds TO redemption_app;
GRANT SELECT ON redemption_schema.fraud_audit_log TO redemption_app;
GRANT SELECT, INSERT (station_code, latitude, longitude, as_of), UPDATE (latitude, longitude, as_of)
      ON redemption_schema.station_positions TO redemption_app;
GRANT SELECT, INSERT (code_sha256, reason, station_code, employee_number, user_id, device_id)
      ON redemption_schema.code_refusals TO redemption_app;
GRANT UPDATE (taken_by, taken_at, resolution) ON redemption_schema.fraud_reviews TO redemption_app;
GRANT SELECT, INSERT (standing, user_id, device_id, review_id, valid_until)
      ON redemption_schema.fraud_standings TO redemption_app;
GRANT SELECT ON redemption_schema.fraud_rules, redemption_schema.fraud_thresholds, redemption_schema.station_positions
      TO redemption_ro;
-- Whoever reads for reports sees how often, not who.
GRANT SELECT (id, reason, station_code, created_at) ON redemption_schema.code_refusals TO redemption_ro;
GRANT SELECT (id, standing, review_id, valid_until, created_at) ON redemption_schema.fraud_standings TO redemption_ro;
GRANT SELECT (id, event_type, subject, correlation_id, created_at) ON redemption_schema.fraud_audit_log
      TO redemption_ro;
