-- Sample redemptions for development and tests. They pass from PENDING to COMPLETED, so their tickets come from
-- issue_tickets. The seeds are fixed, so the ticket numbers are too: the raffle service's sample data names the same
-- ones.

INSERT INTO redemption_schema.redemptions (
    transaction_reference, user_id, coupon_code, campaign_code, station_code, employee_number, terminal_code,
    validation_method, fuel_type, fuel_litres, price_per_litre, original_amount, final_amount, currency,
    idempotency_key, ticket_seed, created_by, created_at)
SELECT 'RDM-20261101-0000' || s.nn, ('a0000000-0000-4000-8000-0000000000' || s.user_nn)::uuid, s.coupon_code,
       s.campaign_code, s.station_code, s.employee_number, s.station_code || '-T1', s.validation_method, s.fuel_type,
       s.litres, s.price, round(s.litres * s.price, 2), round(s.litres * s.price, 2), 'MXN',
       'sample-redemption-' || s.nn, ('5eed0000-0000-4000-8000-0000000000' || s.nn)::uuid, s.employee_number,
       now() - interval '21 days' + s.nn::integer * interval '17 minutes'
  FROM (VALUES
        ('01', '51', 'GASX00000001N', 'WELCOME2026', 'JSM001', 'EMP000022', 'QR_SCAN', 'REGULAR', 20.000, 23.900),
        ('02', '52', 'GASX00000002K', 'WELCOME2026', 'JSM002', 'EMP000024', 'QR_SCAN', 'PREMIUM', 12.500, 25.900),
        ('03', '53', 'GASX00000003H', 'WELCOME2026', 'JSM003', 'EMP000026', 'QR_SCAN', 'REGULAR', 8.000, 23.900),
        ('04', '54', 'GASX00000004Z', 'WELCOME2026', 'JSM004', 'EMP000028', 'MANUAL_ENTRY', 'DIESEL', 35.250, 26.200),
        ('05', '55', 'GASX00000005X', 'WELCOME2026', 'JSM005', 'EMP000030', 'QR_SCAN', 'REGULAR', 15.750, 23.900),
        ('06', '56', 'GASX00000006V', 'WELCOME2026', 'JSM006', 'EMP000032', 'QR_SCAN', 'PREMIUM', 10.000, 25.900),
        ('07', '51', 'GASX00000011H', 'SUMMER2026', 'JSM007', 'EMP000034', 'PUMP_QR', 'PREMIUM', 18.400, 25.900),
        ('08', '52', 'GASX00000012Q', 'SUMMER2026', 'JSM008', 'EMP000036', 'QR_SCAN', 'REGULAR', 9.100, 23.900),
        ('09', '53', 'GASX00000013N', 'SUMMER2026', 'JSM008', 'EMP000036', 'QR_SCAN', 'REGULAR', 11.000, 23.900),
        ('10', '54', 'GASX00000014V', 'SUMMER2026', 'JSM008', 'EMP000036', 'QR_SCAN', 'DIESEL', 22.000, 26.200)
       ) AS s (nn, user_nn, coupon_code, campaign_code, station_code, employee_number, validation_method, fuel_type,
               litres, price)
    ON CONFLICT (transaction_reference) DO NOTHING;

-- WELCOME2026: 15 %, at most 50; three tickets for MONTHLY-2026-12. SUMMER2026: 25 off; two tickets, to the holder's
-- choice.
UPDATE redemption_schema.redemptions AS r
   SET status = 'COMPLETED',
       completed_at = r.created_at + interval '40 seconds',
       discount_amount = d.discount,
       final_amount = r.original_amount - d.discount,
       tickets_earned = CASE r.campaign_code WHEN 'WELCOME2026' THEN 3 ELSE 2 END,
       raffle_code = CASE r.campaign_code WHEN 'WELCOME2026' THEN 'MONTHLY-2026-12' END,
       tickets_expire_at = r.created_at + interval '90 days'
  FROM redemption_schema.redemptions AS o
 CROSS JOIN LATERAL (
           SELECT CASE o.campaign_code WHEN 'WELCOME2026' THEN least(round(o.original_amount * 0.15, 2), 50) ELSE 25 END
       ) AS d (discount)
 WHERE o.id = r.id
   AND r.status = 'PENDING'
   AND r.transaction_reference BETWEEN 'RDM-20261101-000001' AND 'RDM-20261101-000007';

UPDATE redemption_schema.redemptions
   SET status = 'FAILED', failure_code = 'COUPON_REFUSED',
       failure_reason = 'The coupon was not redeemable at that time.',
       failed_at = created_at + interval '5 seconds'
 WHERE status = 'PENDING' AND transaction_reference = 'RDM-20261101-000008';

UPDATE redemption_schema.redemptions
   SET status = 'CANCELLED', cancellation_reason = 'El cliente pagó sin el cupón.',
       cancelled_at = created_at + interval '2 minutes'
 WHERE status = 'PENDING' AND transaction_reference = 'RDM-20261101-000009';

-- As the recovery ends what nobody completes.
UPDATE redemption_schema.redemptions
   SET status = 'FAILED', failure_code = 'NOT_COMPLETED', failure_reason = 'Nobody completed it in time.',
       failed_at = created_at + interval '30 minutes'
 WHERE status = 'PENDING' AND transaction_reference = 'RDM-20261101-000010';

-- Tickets that no redemption earned. Repeating the calls changes nothing.
SELECT count(*)
  FROM redemption_schema.issue_tickets(
           'PROMOTIONAL',
           ARRAY['sample-promotion-57', 'sample-promotion-58', 'sample-promotion-59'],
           ARRAY['a0000000-0000-4000-8000-000000000057', 'a0000000-0000-4000-8000-000000000058',
                 'a0000000-0000-4000-8000-000000000059']::uuid[],
           ARRAY[2, 1, 3],
           p_raffle_codes => ARRAY['WEEKLY-2026-47', 'WEEKLY-2026-47', 'WEEKLY-2026-47'],
           p_seeds => ARRAY['5eed0000-0000-4000-8000-000000000157', '5eed0000-0000-4000-8000-000000000158',
                            '5eed0000-0000-4000-8000-000000000159']::uuid[]);
SELECT count(*)
  FROM redemption_schema.issue_tickets(
           'FREE_ENTRY', ARRAY['sample-free-entry-60'], ARRAY['a0000000-0000-4000-8000-000000000060']::uuid[], ARRAY[1],
           p_raffle_codes => ARRAY['MONTHLY-2026-12'],
           p_seeds => ARRAY['5eed0000-0000-4000-8000-000000000160']::uuid[]);
SELECT count(*)
  FROM redemption_schema.issue_tickets(
           'BONUS', ARRAY['sample-vip-bonus-61', 'sample-vip-bonus-62'],
           ARRAY['a0000000-0000-4000-8000-000000000061', 'a0000000-0000-4000-8000-000000000062']::uuid[], ARRAY[5, 5],
           p_seeds => ARRAY['5eed0000-0000-4000-8000-000000000161', '5eed0000-0000-4000-8000-000000000162']::uuid[]);

-- User 51 chose last week's raffle for the tickets of redemption 07, and its draw has been held.
UPDATE redemption_schema.raffle_tickets AS t
   SET status = 'ENTERED', raffle_code = 'WEEKLY-2026-47'
  FROM redemption_schema.redemptions AS r
 WHERE r.id = t.redemption_id AND r.transaction_reference = 'RDM-20261101-000007' AND t.status = 'ACTIVE';
UPDATE redemption_schema.raffle_tickets
   SET status = 'USED'
 WHERE raffle_code = 'WEEKLY-2026-47' AND status = 'ENTERED';

INSERT INTO redemption_schema.fraud_detection_log (
    detection_id, transaction_reference, user_id, coupon_code, station_code, employee_number, fraud_type, risk_score,
    action_taken, rule_points, details)
SELECT s.detection_id::uuid, s.transaction_reference, s.user_id::uuid, s.coupon_code, s.station_code, s.employee_number,
       s.fraud_type, s.risk_score, s.action_taken, s.rule_points::jsonb, s.details::jsonb
  FROM (VALUES
        ('f0000000-0000-4000-8000-000000000001', 'RDM-20261101-000001', 'a0000000-0000-4000-8000-000000000051',
         'GASX00000001N', 'JSM001', 'EMP000022', NULL, 0, 'ALLOWED', '{}', '{}'),
        ('f0000000-0000-4000-8000-000000000002', 'RDM-20261101-000004', 'a0000000-0000-4000-8000-000000000054',
         'GASX00000004Z', 'JSM004', 'EMP000028', 'SUSPICIOUS_PATTERN', 45, 'ALLOWED_WITH_REVIEW',
         '{"amount_outlier": 45}', '{"usual_amount": 310, "amount": 923.55}'),
        ('f0000000-0000-4000-8000-000000000003', NULL, 'a0000000-0000-4000-8000-000000000051',
         'GASX00000001N', 'JSM009', 'EMP000037', 'DUPLICATE_REDEMPTION', 90, 'BLOCKED',
         '{"duplicate": 60, "impossible_travel": 30}', '{"used_by": "RDM-20261101-000001"}')
       ) AS s (detection_id, transaction_reference, user_id, coupon_code, station_code, employee_number, fraud_type,
               risk_score, action_taken, rule_points, details)
 WHERE NOT EXISTS (SELECT FROM redemption_schema.fraud_detection_log AS l WHERE l.detection_id = s.detection_id::uuid);

INSERT INTO redemption_schema.qr_validations
       (nonce, station_code, dispenser_code, employee_number, amount, currency, base_tickets, created_at, expires_at)
SELECT s.nonce::uuid, s.station_code, s.dispenser_code, s.employee_number, s.amount, 'MXN', s.tickets,
       now() - s.age, now() - s.age + interval '15 minutes'
  FROM (VALUES
        ('e0000000-0000-4000-8000-000000000001', 'JSM001', 'D03', 'EMP000021', 500.00, 3, interval '0'),
        ('e0000000-0000-4000-8000-000000000002', 'JSM005', 'D01', 'EMP000029', 250.00, 1, interval '2 minutes'),
        ('e0000000-0000-4000-8000-000000000003', 'JSM008', 'D02', 'EMP000036', 300.00, 2, interval '1 day')
       ) AS s (nonce, station_code, dispenser_code, employee_number, amount, tickets, age)
    ON CONFLICT (nonce) DO NOTHING;
UPDATE redemption_schema.qr_validations
   SET status = 'SCANNED', scanned_by = 'a0000000-0000-4000-8000-000000000055'
 WHERE nonce = 'e0000000-0000-4000-8000-000000000002' AND status = 'GENERATED' AND expires_at > now();
UPDATE redemption_schema.qr_validations
   SET status = 'EXPIRED'
 WHERE nonce = 'e0000000-0000-4000-8000-000000000003' AND status = 'GENERATED';

INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference, description)
SELECT s.user_id::uuid, s.entry_type, s.points, s.source_reference, s.description
  FROM (VALUES
        (1, 'a0000000-0000-4000-8000-000000000051', 'EARNED', 478, 'sample-points-51-1', 'Del programa anterior'),
        (2, 'a0000000-0000-4000-8000-000000000051', 'REDEEMED', -200, 'sample-points-51-2', 'Lavado de auto'),
        (3, 'a0000000-0000-4000-8000-000000000061', 'EARNED', 5200, 'sample-points-61-1', 'Del programa anterior'),
        (4, 'a0000000-0000-4000-8000-000000000061', 'BONUS', 300, 'sample-points-61-2', 'Aniversario'),
        (5, 'a0000000-0000-4000-8000-000000000061', 'EXPIRED', -100, 'sample-points-61-3', 'Un año sin uso')
       ) AS s (position, user_id, entry_type, points, source_reference, description)
 WHERE NOT EXISTS (
           SELECT FROM redemption_schema.points_ledger AS l
            WHERE l.user_id = s.user_id::uuid AND l.entry_type = s.entry_type
              AND l.source_reference = s.source_reference)
 ORDER BY s.position;

-- Where the staff works, as the station service tells it: two a station, and three administrators.
INSERT INTO redemption_schema.employments (
    employee_number, user_id, station_code, may_process_transactions, is_active, as_of)
SELECT 'EMP' || to_char(e.number, 'FM000000'), ('a0000000-0000-4000-8000-' || lpad(e.number::text, 12, '0'))::uuid,
       e.station_code, true, true, now() - interval '60 days'
  FROM (SELECT n, 'JSM' || to_char((n - 21) / 2 + 1, 'FM000') FROM generate_series(21, 44) AS n
         UNION ALL
        VALUES (11, 'JSM001'), (12, 'JSM005'), (13, 'JSM009')) AS e (number, station_code)
    ON CONFLICT ON CONSTRAINT employments_pk DO NOTHING;

-- Points that end soon.
INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference, description, expires_at)
SELECT s.user_id::uuid, 'EARNED', s.points, s.source_reference, 'Del programa anterior', now() + s.life
  FROM (VALUES
        (1, 'a0000000-0000-4000-8000-000000000052', 120, 'sample-points-52-1', interval '20 days'),
        (2, 'a0000000-0000-4000-8000-000000000052', 340, 'sample-points-52-2', interval '200 days'),
        (3, 'a0000000-0000-4000-8000-000000000053', 75, 'sample-points-53-1', interval '3 days')
       ) AS s (position, user_id, points, source_reference, life)
 WHERE NOT EXISTS (
           SELECT FROM redemption_schema.points_ledger AS l
            WHERE l.user_id = s.user_id::uuid AND l.entry_type = 'EARNED' AND l.source_reference = s.source_reference)
 ORDER BY s.position;

-- Raffles as the raffle service tells of them: two that take tickets and give a free one a day, one that was drawn.
-- Whole days: each service loads its sample data at a moment of its own, and both have to say the same.
INSERT INTO redemption_schema.ticket_raffles
       (raffle_code, opens_at, closes_at, takes_choices, free_entries_per_day, time_zone)
SELECT s.raffle_code, s.since + s.opens, s.since + s.closes, s.is_open, CASE WHEN s.is_open THEN 1 ELSE 0 END,
       'America/Mexico_City'
  FROM (VALUES
        ('MONTHLY-2026-12', date_trunc('day', now(), 'UTC'), interval '-25 days', interval '20 days', true),
        ('NEWYEAR-2027', date_trunc('day', now(), 'UTC'), interval '-5 days', interval '39 days', true),
        ('WEEKLY-2026-47', timestamptz '2026-11-22 06:00:00Z', interval '-13 days', interval '-6 days', false)
       ) AS s (raffle_code, since, opens, closes, is_open)
    ON CONFLICT (raffle_code) DO NOTHING;
