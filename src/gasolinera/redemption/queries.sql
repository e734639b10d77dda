-- name: begin_redemption
-- Intent, employment, repetition and the fraud rules in one round trip.
SELECT b.outcome, b.reference,
       CASE b.outcome WHEN 'NEW' THEN redemption_schema.assess_begun($1, $2, b.reference) ELSE b.facts END AS facts
  FROM redemption_schema.begin_redemption(
           $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22) AS b;

-- name: find_repeated
-- What this request under its key began, for one that comes when its coupon can no longer be found.
SELECT CASE WHEN NOT redemption_schema.may_process($1, $4, $5) THEN 'NOT_EMPLOYED'
            WHEN r.request_sha256 = $3 THEN 'REPEATED' ELSE 'OTHER_REQUEST' END AS outcome,
       redemption_schema.redemption_facts(r.transaction_reference) AS facts
  FROM redemption_schema.redemptions AS r
 WHERE r.employee_number = $1 AND r.idempotency_key = $2;

-- name: start_redemption
-- The second step: what the pump says. Only now the coupon is used, so the fraud rules look again: others may have been
-- since what they saw.
SELECT s.outcome,
       CASE s.outcome WHEN 'STARTED' THEN redemption_schema.assess_begun($1, $2, $3) ELSE s.facts END AS facts
  FROM redemption_schema.start_redemption($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS s;

-- name: complete_redemption
-- Status, tickets and event in one transaction.
SELECT facts FROM redemption_schema.complete_redemption($1, $2, $3, $4, $5, $6);

-- name: fail_redemption
-- Its coupon was refused, unless it has gone on meanwhile.
SELECT facts FROM redemption_schema.fail_redemption($1, $2, $3, $4, $5, $6);

-- name: cancel_redemption
-- Status, tickets taken back and event in one transaction.
SELECT outcome, facts FROM redemption_schema.cancel_redemption($1, $2, $3, $4, $5, $6, $7, $8);

-- name: begin_pump_redemption
-- The pump's code activated by who scanned it.
SELECT b.outcome, b.reference,
       CASE b.outcome WHEN 'NEW' THEN redemption_schema.assess_begun($1, $2, b.reference) ELSE b.facts END AS facts
  FROM redemption_schema.begin_pump_redemption($1, $2, $3, $4, $5, $6, $7, $8) AS b;

-- name: get_redemption
-- One redemption, for who may see it: NULL is no bound.
SELECT id, transaction_reference, status, flow, user_id, coupon_code, campaign_code, station_code, employee_number,
       terminal_code, dispenser_code, validation_method, fuel_type, fuel_litres, price_per_litre, original_amount,
       discount_amount, final_amount, currency, tickets_earned, raffle_code, failure_code, failure_reason,
       cancellation_reason, created_at, completed_at, failed_at, cancelled_at
  FROM redemption_schema.redemptions
 WHERE transaction_reference = $1
   AND ($2::uuid IS NULL OR user_id = $2) AND ($3::text IS NULL OR station_code = $3);

-- name: list_of_user
-- "My redemptions", newest first, but for codes that were typed and refused.
SELECT id, transaction_reference, status, flow, user_id, coupon_code, campaign_code, station_code, employee_number,
       terminal_code, dispenser_code, validation_method, fuel_type, fuel_litres, price_per_litre, original_amount,
       discount_amount, final_amount, currency, tickets_earned, raffle_code, failure_code, failure_reason,
       cancellation_reason, created_at, completed_at, failed_at, cancelled_at
  FROM redemption_schema.redemptions
 WHERE user_id = $1 AND ($2::text IS NULL OR status = $2)
   AND (created_at, id) < ($3::timestamptz, $4::bigint)
   AND (coupon_code IS NULL OR status <> 'FAILED' OR failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
        OR validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
 ORDER BY created_at DESC, id DESC
 LIMIT $5;

-- name: list_of_station
-- The station's redemptions, newest first; codes that were typed and refused for administrators alone. By status each
-- branch has its index, and only the one that is asked for runs: what is rare is not looked for among all.
SELECT r.id, r.transaction_reference, r.status, r.flow, r.user_id, r.coupon_code, r.campaign_code, r.station_code,
       r.employee_number, r.terminal_code, r.dispenser_code, r.validation_method, r.fuel_type, r.fuel_litres,
       r.price_per_litre, r.original_amount, r.discount_amount, r.final_amount, r.currency, r.tickets_earned,
       r.raffle_code, r.failure_code, r.failure_reason, r.cancellation_reason, r.created_at, r.completed_at,
       r.failed_at, r.cancelled_at
  FROM redemption_schema.redemptions AS r
 WHERE r.id = ANY (ARRAY(
        (SELECT a.id
           FROM redemption_schema.redemptions AS a
          WHERE coalesce($2::text, 'COMPLETED') = 'COMPLETED'
            AND a.station_code = $1 AND ($2::text IS NULL OR a.status = $2)
            AND (a.created_at, a.id) < ($3::timestamptz, $4::bigint)
            AND ($6::boolean OR a.coupon_code IS NULL OR a.status <> 'FAILED'
                 OR a.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                 OR a.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
          ORDER BY a.created_at DESC, a.id DESC
          LIMIT $5)
        UNION ALL
        (SELECT e.id
           FROM redemption_schema.redemptions AS e
          WHERE $2 IN ('FAILED', 'CANCELLED')
            AND e.station_code = $1 AND e.status = $2 AND e.status IN ('FAILED', 'CANCELLED')
            AND (e.created_at, e.id) < ($3::timestamptz, $4::bigint)
            AND ($6::boolean OR e.coupon_code IS NULL OR e.status <> 'FAILED'
                 OR e.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                 OR e.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
          ORDER BY e.created_at DESC, e.id DESC
          LIMIT $5)
        UNION ALL
        (SELECT u.id
           FROM redemption_schema.redemptions AS u
          WHERE $2 IN ('PENDING', 'IN_PROGRESS')
            AND u.station_code = $1 AND u.status = $2 AND u.status IN ('PENDING', 'IN_PROGRESS')
            AND (u.created_at, u.id) < ($3::timestamptz, $4::bigint)
          ORDER BY u.created_at DESC, u.id DESC
          LIMIT $5)
       ))
 ORDER BY r.created_at DESC, r.id DESC;

-- name: list_all
-- Every redemption, newest first, for administrators; each status by its index, as for a station.
SELECT r.id, r.transaction_reference, r.status, r.flow, r.user_id, r.coupon_code, r.campaign_code, r.station_code,
       r.employee_number, r.terminal_code, r.dispenser_code, r.validation_method, r.fuel_type, r.fuel_litres,
       r.price_per_litre, r.original_amount, r.discount_amount, r.final_amount, r.currency, r.tickets_earned,
       r.raffle_code, r.failure_code, r.failure_reason, r.cancellation_reason, r.created_at, r.completed_at,
       r.failed_at, r.cancelled_at
  FROM redemption_schema.redemptions AS r
 WHERE r.id = ANY (ARRAY(
        (SELECT a.id
           FROM redemption_schema.redemptions AS a
          WHERE coalesce($1::text, 'COMPLETED') = 'COMPLETED' AND ($1::text IS NULL OR a.status = $1) AND a.id < $2
          ORDER BY a.id DESC
          LIMIT $3)
        UNION ALL
        (SELECT e.id
           FROM redemption_schema.redemptions AS e
          WHERE $1 IN ('FAILED', 'CANCELLED') AND e.status = $1 AND e.status IN ('FAILED', 'CANCELLED') AND e.id < $2
          ORDER BY e.id DESC
          LIMIT $3)
        UNION ALL
        (SELECT u.id
           FROM redemption_schema.redemptions AS u
          WHERE $1 IN ('PENDING', 'IN_PROGRESS') AND u.status = $1 AND u.status IN ('PENDING', 'IN_PROGRESS')
            AND u.id < $2
          ORDER BY u.id DESC
          LIMIT $3)
       ))
 ORDER BY r.id DESC;

-- name: claim_unfinished
-- What a request left under way, for one worker each: claimed until recover_at, later each time.
UPDATE redemption_schema.redemptions AS r
   SET recovery_attempts = r.recovery_attempts + 1,
       recover_at = now() + interval '30 seconds' * 2 ^ least(r.recovery_attempts, 6)
  FROM (SELECT u.id
          FROM redemption_schema.redemptions AS u
         WHERE u.status IN ('PENDING', 'IN_PROGRESS') AND u.recover_at <= now()
           AND (u.flow = 'ONE_SHOT' OR u.status = 'IN_PROGRESS')
         ORDER BY u.created_at
         LIMIT $1
           FOR UPDATE SKIP LOCKED) AS c
 WHERE r.id = c.id
RETURNING redemption_schema.redemption_facts(r.transaction_reference) AS facts;

-- name: end_waiting
-- Validated redemptions that nobody completed in time. They used no coupon.
UPDATE redemption_schema.redemptions AS r
   SET status = 'FAILED', failure_code = 'NOT_COMPLETED', failure_reason = 'Nobody completed it in time.'
  FROM (SELECT u.id
          FROM redemption_schema.redemptions AS u
         WHERE u.status = 'PENDING' AND u.flow = 'TWO_STEP' AND u.recover_at <= now()
         ORDER BY u.created_at
         LIMIT $1
           FOR UPDATE SKIP LOCKED) AS c
 WHERE r.id = c.id;

-- name: put_employment
-- The newest word about an employment; an older one that comes late changes nothing.
INSERT INTO redemption_schema.employments AS e (
    employee_number, user_id, station_code, may_process_transactions, is_active, version, as_of)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT ON CONSTRAINT employments_pk DO UPDATE
   SET user_id = excluded.user_id, station_code = excluded.station_code,
       may_process_transactions = excluded.may_process_transactions, is_active = excluded.is_active,
       version = coalesce(excluded.version, e.version), as_of = excluded.as_of
 WHERE coalesce(e.version <= excluded.version, e.as_of <= excluded.as_of);

-- name: show_pump_code
-- A code for one purchase at one dispenser; asked for again it is the same one. No row where the employee may not.
INSERT INTO redemption_schema.qr_validations AS q (
    nonce, station_code, dispenser_code, employee_number, amount, currency, base_tickets, fuel_type, expires_at)
SELECT $1::uuid, $2::text, $3::text, $4::text, $5::numeric, $6::text, $7::integer, $8::text, now() + $9::interval
 WHERE redemption_schema.may_process($4, $10, $2)
    ON CONFLICT ON CONSTRAINT qr_validations_nonce_key DO UPDATE SET status = q.status
 WHERE q.employee_number = excluded.employee_number AND q.station_code = excluded.station_code
RETURNING nonce, status, station_code, dispenser_code, amount, currency, base_tickets, fuel_type, expires_at;

-- name: scan_pump_code
-- The first scan wins; the same driver may scan again. Nobody scans a code that he showed himself.
UPDATE redemption_schema.qr_validations AS q
   SET status = CASE q.status WHEN 'GENERATED' THEN 'SCANNED' ELSE q.status END, scanned_by = $2
 WHERE q.nonce = $1 AND q.amount IS NOT NULL
   AND (q.status = 'GENERATED' AND q.expires_at > now()
        AND redemption_schema.may_serve(q.employee_number, q.station_code, $2)
        OR q.status <> 'EXPIRED' AND q.scanned_by = $2)
RETURNING nonce, status, station_code, dispenser_code, amount, currency, base_tickets, fuel_type, expires_at;

-- name: why_not_scanned
-- What stood in the way.
SELECT CASE WHEN q.scanned_by <> $2 THEN 'TAKEN'
            WHEN EXISTS (SELECT FROM redemption_schema.employments AS e
                          WHERE e.employee_number = q.employee_number AND e.user_id = $2) THEN 'OWN'
            ELSE 'EXPIRED' END AS reason
  FROM redemption_schema.qr_validations AS q WHERE q.nonce = $1 AND q.amount IS NOT NULL;

-- name: look_at_pump
-- What begin_pump_redemption would say to who shows what is no coupon, so that its answer does not depend on that.
SELECT CASE WHEN r.status <> 'FAILED' THEN 'REPEATED'
            WHEN q.status NOT IN ('SCANNED', 'ACTIVATED') OR q.expires_at <= now()
                 OR NOT redemption_schema.may_serve(q.employee_number, q.station_code, $2) THEN 'EXPIRED'
            ELSE 'OPEN' END AS outcome,
       CASE WHEN r.status <> 'FAILED' THEN redemption_schema.redemption_facts(r.transaction_reference) END AS facts
  FROM redemption_schema.qr_validations AS q
  LEFT JOIN redemption_schema.redemptions AS r ON r.id = q.redemption_id
 WHERE q.nonce = $1 AND q.scanned_by = $2 AND q.amount IS NOT NULL;

-- name: expire_pump_codes
-- Codes whose time is over, but those whose redemption is under way.
UPDATE redemption_schema.qr_validations AS q
   SET status = 'EXPIRED'
  FROM (SELECT o.id
          FROM redemption_schema.qr_validations AS o
          LEFT JOIN redemption_schema.redemptions AS r ON r.id = o.redemption_id
         WHERE o.status IN ('GENERATED', 'SCANNED', 'ACTIVATED') AND o.expires_at <= now()
           AND (r.id IS NULL OR r.status = 'FAILED')
         ORDER BY o.expires_at
         LIMIT $1
           FOR UPDATE OF o SKIP LOCKED) AS c
 WHERE q.id = c.id;
