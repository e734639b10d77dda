-- The stricter rules of production and test; development goes without. Safe to repeat.
-- NOT VALID, so that nobody waits: afterMigrate looks at the rows from before.
-- vuelo: allow locking-several-tables No statement reads rows: all locks together last milliseconds.

-- The pump's price times the litres is the amount, but for the pump's own rounding.
ALTER TABLE redemption_schema.redemptions DROP CONSTRAINT IF EXISTS redemptions_pump_amount_check;
ALTER TABLE redemption_schema.redemptions ADD CONSTRAINT redemptions_pump_amount_check
    CHECK (abs(fuel_litres * price_per_litre - original_amount) <= greatest(1, original_amount * 0.005)) NOT VALID;

-- A completed redemption says who serves where: a terminal or a dispenser.
ALTER TABLE redemption_schema.redemptions DROP CONSTRAINT IF EXISTS redemptions_place_check;
ALTER TABLE redemption_schema.redemptions ADD CONSTRAINT redemptions_place_check
    CHECK (status <> 'COMPLETED' OR num_nonnulls(terminal_code, dispenser_code) > 0) NOT VALID;

-- Short keys collide.
ALTER TABLE redemption_schema.redemptions DROP CONSTRAINT IF EXISTS redemptions_strong_idempotency_key_check;
ALTER TABLE redemption_schema.redemptions ADD CONSTRAINT redemptions_strong_idempotency_key_check
    CHECK (length(idempotency_key) >= 16) NOT VALID;

-- A photograph of the pump's screen is worthless within the hour.
ALTER TABLE redemption_schema.qr_validations DROP CONSTRAINT IF EXISTS qr_validations_short_life_check;
ALTER TABLE redemption_schema.qr_validations ADD CONSTRAINT qr_validations_short_life_check
    CHECK (expires_at <= created_at + interval '1 hour') NOT VALID;

-- Points are not adjusted without a reason.
ALTER TABLE redemption_schema.points_ledger DROP CONSTRAINT IF EXISTS points_ledger_adjustment_check;
ALTER TABLE redemption_schema.points_ledger ADD CONSTRAINT points_ledger_adjustment_check
    CHECK (entry_type <> 'ADJUSTED' OR description IS NOT NULL) NOT VALID;

-- Events are small; a large one stops the relay for all.
ALTER TABLE redemption_schema.outbox_events DROP CONSTRAINT IF EXISTS outbox_events_payload_size_check;
ALTER TABLE redemption_schema.outbox_events ADD CONSTRAINT outbox_events_payload_size_check
    CHECK (octet_length(payload::text) <= 1048576) NOT VALID;

-- The reading role loses personal data; it keeps the public ids that count users.
REVOKE SELECT ON redemption_schema.redemptions, redemption_schema.ticket_issuances,
       redemption_schema.redemption_audit_log, redemption_schema.fraud_detection_log, redemption_schema.fraud_reviews,
       redemption_schema.qr_validations, redemption_schema.outbox_events, redemption_schema.points_ledger
       FROM redemption_ro;
GRANT SELECT (id, transaction_reference, status, user_id, coupon_code, campaign_code, station_code, terminal_code,
              dispenser_code, validation_method, fuel_type, fuel_litres, price_per_litre, original_amount,
              discount_amount, final_amount, currency, tickets_earned, raffle_code, tickets_expire_at, failure_code,
              started_at, completed_at, failed_at, cancelled_at, correlation_id, created_at, updated_at)
      ON redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (id, issuance_id, source, user_id, redemption_id, ticket_count, raffle_code, expires_at, correlation_id,
              created_at)
      ON redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (id, event_type, transaction_reference, old_status, new_status, correlation_id, created_at)
      ON redemption_schema.redemption_audit_log TO redemption_ro;
GRANT SELECT (id, detection_id, transaction_reference, user_id, station_code, fraud_type, risk_score, action_taken,
              rule_points, correlation_id, created_at)
      ON redemption_schema.fraud_detection_log TO redemption_ro;
GRANT SELECT (id, detection_id, detected_at, risk_score, status, reviewed_at, created_at, updated_at)
      ON redemption_schema.fraud_reviews TO redemption_ro;
GRANT SELECT (id, status, station_code, dispenser_code, amount, currency, base_tickets, redemption_id, expires_at,
              scanned_at, activated_at, completed_at, correlation_id, created_at, updated_at)
      ON redemption_schema.qr_validations TO redemption_ro;
GRANT SELECT (id, event_id, event_type, aggregate_type, occurred_at, published_at, attempts, next_attempt_at,
              created_at)
      ON redemption_schema.outbox_events TO redemption_ro;
GRANT SELECT (id, user_id, entry_number, entry_type, points, balance_after, redemption_id, expires_at, created_at)
      ON redemption_schema.points_ledger TO redemption_ro;
