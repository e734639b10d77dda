-- Redemptions as the back office looks for them, and what is known about one. A way in has a branch with an index of its
-- own, and only the branch that is asked for runs.

-- name: find_newest
-- The newest first, before ($9, $10), $11 at most: of station $1, coupon $2, employee $3, with status $4 and fuel $5,
-- begun from $6 to before $7; with $8 also codes that were typed and refused. NULL is no bound.
SELECT r.id, r.transaction_reference, r.status, r.flow, r.user_id, r.coupon_code, r.campaign_code, r.station_code,
       r.employee_number, r.terminal_code, r.dispenser_code, r.validation_method, r.fuel_type, r.fuel_litres,
       r.price_per_litre, r.original_amount, r.discount_amount, r.final_amount, r.currency, r.tickets_earned,
       r.raffle_code, r.failure_code, r.failure_reason, r.cancellation_reason, r.created_at, r.completed_at,
       r.failed_at, r.cancelled_at, p.time_zone
  FROM redemption_schema.redemptions AS r
  LEFT JOIN redemption_schema.station_positions AS p ON p.station_code = r.station_code
 WHERE r.id IN (
        SELECT a.id
          FROM (SELECT e.station_code FROM redemption_schema.employments AS e
                UNION SELECT o.station_code FROM redemption_schema.station_positions AS o) AS s
         CROSS JOIN LATERAL (
            SELECT a.id
              FROM redemption_schema.redemptions AS a
             WHERE a.station_code = s.station_code AND ($4::text IS NULL OR a.status = $4)
               AND ($5::text IS NULL OR a.fuel_type = $5)
               AND a.created_at >= $6::timestamptz AND a.created_at < $7::timestamptz
               AND ($8::boolean OR a.coupon_code IS NULL OR a.status <> 'FAILED'
                   OR a.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                   OR a.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
               AND (a.created_at, a.id) < ($9::timestamptz, $10::bigint)
             ORDER BY a.created_at DESC, a.id DESC
             LIMIT $11) AS a
         WHERE $2::text IS NULL AND $3::text IS NULL AND coalesce($4::text, 'COMPLETED') = 'COMPLETED'
           AND ($1::text IS NULL OR s.station_code = $1)
        UNION ALL
        SELECT f.id
          FROM (SELECT e.station_code FROM redemption_schema.employments AS e
                UNION SELECT o.station_code FROM redemption_schema.station_positions AS o) AS s
         CROSS JOIN LATERAL (
            SELECT f.id
              FROM redemption_schema.redemptions AS f
             WHERE f.station_code = s.station_code AND f.status = $4 AND f.status IN ('FAILED', 'CANCELLED')
               AND ($5::text IS NULL OR f.fuel_type = $5)
               AND f.created_at >= $6::timestamptz AND f.created_at < $7::timestamptz
               AND ($8::boolean OR f.coupon_code IS NULL OR f.status <> 'FAILED'
                   OR f.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                   OR f.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
               AND (f.created_at, f.id) < ($9::timestamptz, $10::bigint)
             ORDER BY f.created_at DESC, f.id DESC
             LIMIT $11) AS f
         WHERE $2::text IS NULL AND $3::text IS NULL AND $4 IN ('FAILED', 'CANCELLED')
           AND ($1::text IS NULL OR s.station_code = $1)
        UNION ALL
        (SELECT u.id
              FROM redemption_schema.redemptions AS u
             WHERE $2 IS NULL AND $3 IS NULL AND $4 IN ('PENDING', 'IN_PROGRESS') AND u.status IN ('PENDING', 'IN_PROGRESS') AND ($1::text IS NULL OR u.station_code = $1)
               AND ($4::text IS NULL OR u.status = $4)
               AND ($5::text IS NULL OR u.fuel_type = $5)
               AND u.created_at >= $6::timestamptz AND u.created_at < $7::timestamptz
               AND ($8::boolean OR u.coupon_code IS NULL OR u.status <> 'FAILED'
                   OR u.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                   OR u.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
               AND (u.created_at, u.id) < ($9::timestamptz, $10::bigint)
             ORDER BY u.created_at DESC, u.id DESC
             LIMIT $11)
        UNION ALL
        (SELECT k.id
              FROM redemption_schema.redemptions AS k
             WHERE $2 IS NOT NULL AND k.coupon_code = $2 AND ($1::text IS NULL OR k.station_code = $1)
               AND ($4::text IS NULL OR k.status = $4)
               AND ($5::text IS NULL OR k.fuel_type = $5)
               AND k.created_at >= $6::timestamptz AND k.created_at < $7::timestamptz
               AND ($8::boolean OR k.coupon_code IS NULL OR k.status <> 'FAILED'
                   OR k.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                   OR k.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
               AND (k.created_at, k.id) < ($9::timestamptz, $10::bigint)
             ORDER BY k.created_at DESC, k.id DESC
             LIMIT $11)
        UNION ALL
        (SELECT m.id
              FROM redemption_schema.redemptions AS m
             WHERE $3 IS NOT NULL AND m.employee_number = $3 AND ($1::text IS NULL OR m.station_code = $1)
               AND ($4::text IS NULL OR m.status = $4)
               AND ($5::text IS NULL OR m.fuel_type = $5)
               AND m.created_at >= $6::timestamptz AND m.created_at < $7::timestamptz
               AND ($8::boolean OR m.coupon_code IS NULL OR m.status <> 'FAILED'
                   OR m.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                   OR m.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
               AND (m.created_at, m.id) < ($9::timestamptz, $10::bigint)
             ORDER BY m.created_at DESC, m.id DESC
             LIMIT $11)
       )
 ORDER BY r.created_at DESC, r.id DESC
 LIMIT $11;

-- name: find_oldest
-- The same, the oldest first, after ($9, $10).
SELECT r.id, r.transaction_reference, r.status, r.flow, r.user_id, r.coupon_code, r.campaign_code, r.station_code,
       r.employee_number, r.terminal_code, r.dispenser_code, r.validation_method, r.fuel_type, r.fuel_litres,
       r.price_per_litre, r.original_amount, r.discount_amount, r.final_amount, r.currency, r.tickets_earned,
       r.raffle_code, r.failure_code, r.failure_reason, r.cancellation_reason, r.created_at, r.completed_at,
       r.failed_at, r.cancelled_at, p.time_zone
  FROM redemption_schema.redemptions AS r
  LEFT JOIN redemption_schema.station_positions AS p ON p.station_code = r.station_code
 WHERE r.id IN (
        SELECT a.id
          FROM (SELECT e.station_code FROM redemption_schema.employments AS e
                UNION SELECT o.station_code FROM redemption_schema.station_positions AS o) AS s
         CROSS JOIN LATERAL (
            SELECT a.id
              FROM redemption_schema.redemptions AS a
             WHERE a.station_code = s.station_code AND ($4::text IS NULL OR a.status = $4)
               AND ($5::text IS NULL OR a.fuel_type = $5)
               AND a.created_at >= $6::timestamptz AND a.created_at < $7::timestamptz
               AND ($8::boolean OR a.coupon_code IS NULL OR a.status <> 'FAILED'
                   OR a.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                   OR a.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
               AND (a.created_at, a.id) > ($9::timestamptz, $10::bigint)
             ORDER BY a.created_at ASC, a.id ASC
             LIMIT $11) AS a
         WHERE $2::text IS NULL AND $3::text IS NULL AND coalesce($4::text, 'COMPLETED') = 'COMPLETED'
           AND ($1::text IS NULL OR s.station_code = $1)
        UNION ALL
        SELECT f.id
          FROM (SELECT e.station_code FROM redemption_schema.employments AS e
                UNION SELECT o.station_code FROM redemption_schema.station_positions AS o) AS s
         CROSS JOIN LATERAL (
            SELECT f.id
              FROM redemption_schema.redemptions AS f
             WHERE f.station_code = s.station_code AND f.status = $4 AND f.status IN ('FAILED', 'CANCELLED')
               AND ($5::text IS NULL OR f.fuel_type = $5)
               AND f.created_at >= $6::timestamptz AND f.created_at < $7::timestamptz
               AND ($8::boolean OR f.coupon_code IS NULL OR f.status <> 'FAILED'
                   OR f.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                   OR f.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
               AND (f.created_at, f.id) > ($9::timestamptz, $10::bigint)
             ORDER BY f.created_at ASC, f.id ASC
             LIMIT $11) AS f
         WHERE $2::text IS NULL AND $3::text IS NULL AND $4 IN ('FAILED', 'CANCELLED')
           AND ($1::text IS NULL OR s.station_code = $1)
        UNION ALL
        (SELECT u.id
              FROM redemption_schema.redemptions AS u
             WHERE $2 IS NULL AND $3 IS NULL AND $4 IN ('PENDING', 'IN_PROGRESS') AND u.status IN ('PENDING', 'IN_PROGRESS') AND ($1::text IS NULL OR u.station_code = $1)
               AND ($4::text IS NULL OR u.status = $4)
               AND ($5::text IS NULL OR u.fuel_type = $5)
               AND u.created_at >= $6::timestamptz AND u.created_at < $7::timestamptz
               AND ($8::boolean OR u.coupon_code IS NULL OR u.status <> 'FAILED'
                   OR u.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                   OR u.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
               AND (u.created_at, u.id) > ($9::timestamptz, $10::bigint)
             ORDER BY u.created_at ASC, u.id ASC
             LIMIT $11)
        UNION ALL
        (SELECT k.id
              FROM redemption_schema.redemptions AS k
             WHERE $2 IS NOT NULL AND k.coupon_code = $2 AND ($1::text IS NULL OR k.station_code = $1)
               AND ($4::text IS NULL OR k.status = $4)
               AND ($5::text IS NULL OR k.fuel_type = $5)
               AND k.created_at >= $6::timestamptz AND k.created_at < $7::timestamptz
               AND ($8::boolean OR k.coupon_code IS NULL OR k.status <> 'FAILED'
                   OR k.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                   OR k.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
               AND (k.created_at, k.id) > ($9::timestamptz, $10::bigint)
             ORDER BY k.created_at ASC, k.id ASC
             LIMIT $11)
        UNION ALL
        (SELECT m.id
              FROM redemption_schema.redemptions AS m
             WHERE $3 IS NOT NULL AND m.employee_number = $3 AND ($1::text IS NULL OR m.station_code = $1)
               AND ($4::text IS NULL OR m.status = $4)
               AND ($5::text IS NULL OR m.fuel_type = $5)
               AND m.created_at >= $6::timestamptz AND m.created_at < $7::timestamptz
               AND ($8::boolean OR m.coupon_code IS NULL OR m.status <> 'FAILED'
                   OR m.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                   OR m.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
               AND (m.created_at, m.id) > ($9::timestamptz, $10::bigint)
             ORDER BY m.created_at ASC, m.id ASC
             LIMIT $11)
       )
 ORDER BY r.created_at ASC, r.id ASC
 LIMIT $11;

-- name: zone_of_station
-- In which zone its days begin; NULL: nobody told.
SELECT p.time_zone FROM redemption_schema.station_positions AS p WHERE p.station_code = $1;

-- name: changes_of
-- What happened to one redemption, the oldest first.
SELECT a.event_type, a.old_status, a.new_status, a.actor, a.created_at
  FROM redemption_schema.redemption_audit_log AS a
 WHERE a.transaction_reference = $1
 ORDER BY a.created_at, a.id
 LIMIT 50;

-- name: tickets_of
-- The tickets that one redemption made, by where they come from and what became of them.
SELECT t.source, t.status, t.raffle_code, count(*)::integer AS count, (array_agg(t.ticket_number ORDER BY t.id))[1:20] AS numbers
  FROM redemption_schema.raffle_tickets AS t
  JOIN redemption_schema.redemptions AS r ON r.id = t.redemption_id
 WHERE r.transaction_reference = $1
 GROUP BY t.source, t.status, t.raffle_code
 ORDER BY min(t.id);

-- name: detections_of
-- What the fraud rules saw in one redemption, each time they looked, the latest first.
SELECT l.detection_id, l.risk_score, l.action_taken, l.rule_points, l.details, l.created_at,
       EXISTS (SELECT FROM redemption_schema.fraud_reviews AS v WHERE v.detection_id = l.detection_id) AS has_review
  FROM redemption_schema.redemptions AS r
  JOIN redemption_schema.fraud_detection_log AS l
    ON l.user_id = r.user_id AND l.transaction_reference = r.transaction_reference
   AND l.created_at BETWEEN r.created_at AND r.created_at + interval '1 day'
 WHERE r.transaction_reference = $1
 ORDER BY l.created_at DESC
 LIMIT 10;
