-- What the staff's pages show of their station. A code that was typed and refused leaves no trace in them: that there is
-- an attempt says that the code exists.

-- name: list_recent
-- What was pumped here lately: prices to propose, pumps to choose from.
SELECT r.employee_number, r.dispenser_code, r.fuel_type, r.price_per_litre
  FROM redemption_schema.redemptions AS r
 WHERE r.station_code = $1 AND r.created_at > now() - interval '7 days'
   AND (r.coupon_code IS NULL OR r.status <> 'FAILED'
        OR r.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
        OR r.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
 ORDER BY r.created_at DESC
 LIMIT 60;

-- name: sum_today
-- The station's day so far, by its own clock; $2: of this employee alone. One row, without currencies where nothing was.
SELECT d.time_zone, d.first_moment, s.currency, coalesce(s.completed, 0) AS completed,
       coalesce(s.original_amount, 0) AS original_amount, coalesce(s.discount_amount, 0) AS discount_amount,
       coalesce(s.final_amount, 0) AS final_amount, coalesce(s.tickets, 0) AS tickets,
       coalesce(s.cancelled, 0) AS cancelled
  FROM (SELECT z.time_zone, date_trunc('day', now() AT TIME ZONE z.time_zone) AT TIME ZONE z.time_zone AS first_moment
          FROM (SELECT coalesce((SELECT p.time_zone FROM redemption_schema.station_positions AS p
                                  WHERE p.station_code = $1), 'UTC') AS time_zone) AS z) AS d
  LEFT JOIN LATERAL (
        SELECT r.currency,
               count(*) FILTER (WHERE r.status = 'COMPLETED') AS completed,
               sum(r.original_amount) FILTER (WHERE r.status = 'COMPLETED') AS original_amount,
               sum(r.discount_amount) FILTER (WHERE r.status = 'COMPLETED') AS discount_amount,
               sum(r.final_amount) FILTER (WHERE r.status = 'COMPLETED') AS final_amount,
               sum(r.tickets_earned) FILTER (WHERE r.status = 'COMPLETED') AS tickets,
               count(*) FILTER (WHERE r.status = 'CANCELLED') AS cancelled
          FROM redemption_schema.redemptions AS r
         WHERE r.station_code = $1 AND r.created_at >= d.first_moment
           AND ($2::text IS NULL OR r.employee_number = $2)
           AND (r.coupon_code IS NULL OR r.status <> 'FAILED'
                OR r.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                OR r.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
         GROUP BY r.currency) AS s ON true
 ORDER BY s.currency;

-- name: list_today
-- The day's redemptions by one of three orders, whose key is turned so that it always falls.
SELECT o.*
  FROM (SELECT r.id, r.transaction_reference, r.status, r.coupon_code, r.campaign_code, r.employee_number,
               r.dispenser_code, r.validation_method, r.fuel_type, r.fuel_litres, r.original_amount, r.discount_amount,
               r.final_amount, r.currency, r.tickets_earned, r.failure_code, r.created_at,
               CASE WHEN $8::boolean THEN -1 ELSE 1 END
               * CASE $7::text WHEN 'amount' THEN r.final_amount WHEN 'discount' THEN r.discount_amount
                               ELSE extract(epoch FROM r.created_at) END AS sort_key
          FROM redemption_schema.redemptions AS r
         WHERE r.station_code = $1 AND r.created_at >= $2
           AND ($3::text IS NULL OR r.employee_number = $3)
           AND ($4::text IS NULL OR r.status = $4)
           AND ($5::text IS NULL OR r.fuel_type = $5)
           AND ($6::text IS NULL OR r.transaction_reference LIKE '%' || $6 || '%' OR r.coupon_code LIKE $6 || '%'
                OR r.dispenser_code = $6)
           AND (r.coupon_code IS NULL OR r.status <> 'FAILED'
                OR r.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
                OR r.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))) AS o
 WHERE $9::numeric IS NULL OR (o.sort_key, o.id) < ($9::numeric, $10::bigint)
 ORDER BY o.sort_key DESC, o.id DESC
 LIMIT $11;

-- name: find_shown_code
-- A pump's code for the station that shows it, with the redemption that came of it.
SELECT q.nonce, q.status, q.station_code, q.dispenser_code, q.amount, q.currency, q.base_tickets, q.fuel_type,
       q.expires_at, r.transaction_reference, r.status AS redemption_status
  FROM redemption_schema.qr_validations AS q
  LEFT JOIN redemption_schema.redemptions AS r ON r.id = q.redemption_id
 WHERE q.nonce = $1 AND q.station_code = $2 AND q.amount IS NOT NULL;

-- name: find_scanned_code
-- The same for the driver who scanned it.
SELECT q.nonce, q.status, q.station_code, q.dispenser_code, q.amount, q.currency, q.base_tickets, q.fuel_type,
       q.expires_at, r.transaction_reference, r.status AS redemption_status
  FROM redemption_schema.qr_validations AS q
  LEFT JOIN redemption_schema.redemptions AS r ON r.id = q.redemption_id
 WHERE q.nonce = $1 AND q.scanned_by = $2 AND q.amount IS NOT NULL;

-- name: find_station_zone
-- In which zone a station's clocks are.
SELECT p.time_zone FROM redemption_schema.station_positions AS p WHERE p.station_code = $1;
