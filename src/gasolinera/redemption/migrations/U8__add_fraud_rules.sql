-- Takes back V8__add_fraud_rules.sql. Rules, verdicts' effects, refused codes, their audit and the reviews of what was
-- blocked are lost; the log stays.
-- vuelo: allow locking-several-tables all of it together takes milliseconds
-- vuelo: allow require-concurrent-index-deletion taking back is done while nobody redeems
-- vuelo: allow working-under-lock taking back is done while nobody redeems

DROP FUNCTION redemption_schema.assess_redemption(text, uuid, text, text, text, text, numeric, text);
DROP FUNCTION redemption_schema.score_attempt(
    redemption_schema.fraud_attempt, redemption_schema.fraud_rule_set, redemption_schema.fraud_thresholds);
DROP FUNCTION redemption_schema.fraud_finding(redemption_schema.fraud_attempt, text, jsonb);
DROP FUNCTION redemption_schema.outlier(numeric, jsonb, numeric[]);
DROP TYPE redemption_schema.fraud_rule_set;
DROP TYPE redemption_schema.fraud_attempt;
DROP FUNCTION redemption_schema.forget_refused_codes(integer);
DROP FUNCTION redemption_schema.forget_addresses(integer);
DROP INDEX redemption_schema.redemptions_with_address_created_at_idx;
DROP INDEX redemption_schema.redemption_audit_log_with_address_created_at_idx;
DROP INDEX redemption_schema.fraud_detection_log_with_address_created_at_idx;
DROP INDEX redemption_schema.points_ledger_with_address_created_at_idx;
COMMENT ON COLUMN redemption_schema.fraud_reviews.notes IS NULL;
COMMENT ON COLUMN redemption_schema.qr_validations.ip_address IS 'Personal data: where the request came from.';
ALTER TABLE redemption_schema.qr_validations
    ALTER COLUMN ip_address SET DEFAULT redemption_schema.request_context('ip_address')::inet;
DROP TRIGGER erased_users_forget_fraud_traces ON redemption_schema.erased_users;
DROP FUNCTION redemption_schema.forget_fraud_traces();
DROP TRIGGER fraud_reviews_audit ON redemption_schema.fraud_reviews;
DROP TABLE redemption_schema.fraud_standings;
DELETE FROM redemption_schema.fraud_reviews WHERE action_taken = 'BLOCKED';
DROP TABLE redemption_schema.fraud_thresholds;
DROP TABLE redemption_schema.fraud_rules;
DROP FUNCTION redemption_schema.audit_fraud();
DROP TABLE redemption_schema.fraud_audit_log;
CREATE OR REPLACE FUNCTION redemption_schema.open_fraud_reviews() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO redemption_schema.fraud_reviews (detection_id, detected_at, risk_score)
    SELECT detection_id, created_at, risk_score
      FROM new_rows
     WHERE action_taken IN ('FLAGGED', 'ALLOWED_WITH_REVIEW');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION redemption_schema.open_fraud_reviews() IS
    'A detection that asks for a person is in the queue at once.';
ALTER TABLE redemption_schema.fraud_reviews
    DROP COLUMN action_taken, DROP COLUMN fraud_type, DROP COLUMN transaction_reference, DROP COLUMN station_code,
    DROP COLUMN employee_number, DROP COLUMN user_id, DROP COLUMN device_id, DROP COLUMN rule_points,
    DROP COLUMN details, DROP COLUMN taken_by, DROP COLUMN taken_at, DROP COLUMN resolution;
DROP FUNCTION redemption_schema.note_refused_code(text, text, text, text, uuid, text);
DROP TABLE redemption_schema.code_refusals;
DROP FUNCTION redemption_schema.great_circle_km(double precision, double precision, double precision, double precision);
DROP TABLE redemption_schema.station_positions;
DROP FUNCTION redemption_schema.count_fraud_version();
DROP FUNCTION redemption_schema.are_fraud_parameters(text, jsonb);
DROP FUNCTION redemption_schema.fraud_parameters();
DROP FUNCTION redemption_schema.fraud_type_of(text);
