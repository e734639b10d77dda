-- Campaigns, coupons and their use, to try the platform with in development and test. Loading it again changes nothing.
-- Uses go through coupon_usage_history like any other, so that every counter agrees with the history.

INSERT INTO coupon_schema.campaigns (
    campaign_code, name, description, status, discount_type, discount_value, maximum_discount, minimum_purchase,
    currency, valid_from, valid_until, weekdays, fuel_types, station_scope, audience, loyal_after_redemptions,
    total_usage_limit, per_user_usage_limit, budget_amount, raffle_tickets_per_coupon, raffle_code,
    cancellation_policy, per_user_period, per_user_period_limit, created_by, approved_by, approved_at, metadata)
SELECT
    v.campaign_code, v.name, v.description, v.status, v.discount_type, v.discount_value, v.maximum_discount,
    v.minimum_purchase, 'MXN', now() + v.starts, now() + v.ends, v.weekdays, v.fuel_types, v.station_scope, v.audience,
    v.loyal_after, v.total_limit, v.user_limit, v.budget, v.tickets, v.raffle_code, v.cancellation_policy,
    -- Three times in all, and twice a week at most.
    CASE v.campaign_code WHEN 'SUMMER2026' THEN 'WEEK' END,
    CASE v.campaign_code WHEN 'SUMMER2026' THEN 2 END,
    'a0000000-0000-4000-8000-000000000011',
    CASE WHEN v.status <> 'DRAFT' THEN 'a0000000-0000-4000-8000-000000000001'::uuid END,
    CASE WHEN v.status <> 'DRAFT' THEN now() + v.starts - interval '1 day' END,
    '{"sample": true}'
FROM (
    VALUES
        ('WELCOME2026', 'Bienvenida 2026', '15 % en tu primera carga', 'ACTIVE', 'PERCENTAGE', 15.00, 50.00, 100.00,
         interval '-60 days', interval '60 days', '{1,2,3,4,5,6,7}'::smallint[], '{REGULAR,PREMIUM,DIESEL}'::text[],
         'ALL', 'ASSIGNED', NULL::integer, 1000, 1, NULL::numeric, 3, 'MONTHLY-2026-12', 'RESTORE'),
        ('SUMMER2026', 'Verano 2026', '25 pesos menos en cada carga', 'ACTIVE', 'FIXED_AMOUNT', 25.00, NULL, 150.00,
         '-60 days', '120 days', '{1,2,3,4,5,6,7}', '{REGULAR,PREMIUM,DIESEL}',
         'ALL', 'ALL', NULL, 5000, 3, NULL, 2, NULL, 'RESTORE_IF_VALID'),
        ('PREMIUM2026', 'Premium 2026', '10 % en gasolina premium', 'ACTIVE', 'PERCENTAGE', 10.00, 40.00, 200.00,
         '-60 days', '90 days', '{1,2,3,4,5,6,7}', '{PREMIUM}',
         'LISTED', 'ALL', NULL, NULL, NULL, 20000.00, 2, NULL, 'RESTORE_IF_VALID'),
        ('WEEKEND2026', 'Fin de semana 2026', '20 % los sábados y domingos', 'ACTIVE', 'PERCENTAGE', 20.00, 60.00, 0.00,
         '-30 days', '180 days', '{6,7}', '{REGULAR,PREMIUM,DIESEL}',
         'ALL', 'ALL', NULL, NULL, 4, 60000.00, 1, NULL, 'RESTORE_IF_VALID'),
        ('LOYALTY2026', 'Lealtad 2026', '25 % para clientes frecuentes', 'PAUSED', 'PERCENTAGE', 25.00, 100.00, 0.00,
         '-30 days', '300 days', '{1,2,3,4,5,6,7}', '{REGULAR,PREMIUM,DIESEL}',
         'ALL', 'LOYAL', 10, NULL, NULL, 50000.00, 5, NULL, 'RESTORE'),
        ('STUDENT2026', 'Estudiantes 2026', '15 pesos menos con credencial', 'DRAFT', 'FIXED_AMOUNT', 15.00, NULL, 0.00,
         '10 days', '200 days', '{1,2,3,4,5}', '{REGULAR}',
         'ALL', 'ASSIGNED', NULL, NULL, NULL, NULL, 1, NULL, 'FORFEIT'),
        ('CORPORATE2026', 'Empresas 2026', '12 % para flotillas', 'COMPLETED', 'PERCENTAGE', 12.00, NULL, 0.00,
         '-120 days', '-10 days', '{1,2,3,4,5,6,7}', '{REGULAR,PREMIUM,DIESEL}',
         'ALL', 'ASSIGNED', NULL, NULL, NULL, 100000.00, 0, NULL, 'RESTORE'),
        ('SPRING2026', 'Primavera 2026', '10 % de primavera', 'CANCELLED', 'PERCENTAGE', 10.00, NULL, 0.00,
         '-200 days', '-100 days', '{1,2,3,4,5,6,7}', '{REGULAR,PREMIUM,DIESEL}',
         'ALL', 'ALL', NULL, 2000, NULL, NULL, 1, NULL, 'RESTORE_IF_VALID')
) AS v (
    campaign_code, name, description, status, discount_type, discount_value, maximum_discount, minimum_purchase,
    starts, ends, weekdays, fuel_types, station_scope, audience, loyal_after, total_limit, user_limit, budget, tickets,
    raffle_code, cancellation_policy)
ON CONFLICT DO NOTHING;

-- Who registers is owed a coupon of it.
INSERT INTO coupon_schema.welcome_campaigns (campaign_id)
SELECT g.id FROM coupon_schema.campaigns AS g WHERE g.campaign_code = 'WELCOME2026'
ON CONFLICT DO NOTHING;

INSERT INTO coupon_schema.campaign_stations (campaign_id, station_code)
SELECT g.id, s.station_code
FROM coupon_schema.campaigns AS g
CROSS JOIN (VALUES ('JSM002'), ('JSM007')) AS s (station_code)
WHERE g.campaign_code = 'PREMIUM2026'
ON CONFLICT DO NOTHING;

INSERT INTO coupon_schema.coupons (
    coupon_code, campaign_id, user_id, status, status_reason, discount_type, discount_value, maximum_discount,
    minimum_purchase, currency, raffle_tickets, valid_from, valid_until, max_usage, metadata)
SELECT
    -- The last symbol checks the others (gasolinera.coupon.codes), so that these can be typed at a till.
    'GASX' || lpad(n.number::text, 8, '0') || substr('NKHZXVS75KHQNVSZX31ZXVSQNKHFDVSZXKHQNB97', n.number, 1),
    g.id,
    CASE WHEN n.user_number IS NOT NULL
        THEN ('a0000000-0000-4000-8000-' || lpad(n.user_number::text, 12, '0'))::uuid END,
    n.status,
    n.status_reason,
    g.discount_type,
    g.discount_value,
    g.maximum_discount,
    g.minimum_purchase,
    g.currency,
    g.raffle_tickets_per_coupon,
    now() - interval '45 days',
    CASE n.status WHEN 'EXPIRED' THEN now() - interval '1 day' ELSE now() + interval '45 days' END,
    CASE g.campaign_code WHEN 'SUMMER2026' THEN 3 ELSE 1 END,
    '{"sample": true}'
FROM (
    SELECT i, 'WELCOME2026', 50 + i, 'ACTIVE', NULL FROM generate_series(1, 10) AS i
    UNION ALL
    SELECT i, 'SUMMER2026', 40 + i, 'ACTIVE', NULL FROM generate_series(11, 20) AS i
    UNION ALL
    SELECT i, 'WEEKEND2026', 30 + i, 'ACTIVE', NULL FROM generate_series(21, 24) AS i
    UNION ALL
    VALUES
        (25, 'PREMIUM2026', 55, 'EXPIRED', NULL),
        (26, 'PREMIUM2026', 56, 'SUSPENDED', 'Intentos repetidos desde dos ciudades'),
        (27, 'PREMIUM2026', 57, 'CANCELLED', 'Emitido por error'),
        (28, 'LOYALTY2026', 61, 'ACTIVE', NULL),
        (29, 'LOYALTY2026', 62, 'ACTIVE', NULL),
        (30, 'LOYALTY2026', 51, 'ACTIVE', NULL)
    UNION ALL
    SELECT i, 'SUMMER2026', NULL, 'ACTIVE', NULL FROM generate_series(31, 40) AS i
) AS n (number, campaign_code, user_number, status, status_reason)
JOIN coupon_schema.campaigns AS g ON g.campaign_code = n.campaign_code
ORDER BY n.number
ON CONFLICT DO NOTHING;

-- Whoever has the key signs the codes of those in a wallet, as if they had just got their owner.
INSERT INTO coupon_schema.code_renewals (coupon_id)
SELECT c.id
FROM coupon_schema.coupons AS c
WHERE c.metadata = '{"sample": true}' AND c.user_id IS NOT NULL AND c.status = 'ACTIVE' AND c.qr_key_id IS NULL
ON CONFLICT DO NOTHING;

INSERT INTO coupon_schema.coupon_usage_history (
    redemption_reference, coupon_id, user_id, station_code, employee_number, fuel_type, original_amount,
    discount_amount, final_amount, currency, raffle_tickets, used_at)
SELECT
    'RDM-20261101-' || lpad(v.number::text, 6, '0'), c.id, c.user_id, v.station_code, v.employee_number, v.fuel_type, v.original_amount,
    d.discount_amount, v.original_amount - d.discount_amount, c.currency, c.raffle_tickets,
    now() - interval '21 days' + v.number * interval '17 minutes' + interval '40 seconds'
FROM (
    VALUES
        (1, 'GASX00000001N', 'JSM001', 'EMP000022', 'REGULAR', 478.00),
        (2, 'GASX00000002K', 'JSM002', 'EMP000024', 'PREMIUM', 323.75),
        (3, 'GASX00000003H', 'JSM003', 'EMP000026', 'REGULAR', 191.20),
        (4, 'GASX00000004Z', 'JSM004', 'EMP000028', 'DIESEL', 923.55),
        (5, 'GASX00000005X', 'JSM005', 'EMP000030', 'REGULAR', 376.43),
        (6, 'GASX00000006V', 'JSM006', 'EMP000032', 'PREMIUM', 259.00),
        (7, 'GASX00000011H', 'JSM007', 'EMP000034', 'PREMIUM', 476.56),
        (9, 'GASX00000013N', 'JSM008', 'EMP000036', 'REGULAR', 262.90)
) AS v (number, coupon_code, station_code, employee_number, fuel_type, original_amount)
JOIN coupon_schema.coupons AS c ON c.coupon_code = v.coupon_code
CROSS JOIN LATERAL (
    SELECT coupon_schema.discount_amount(
        c.discount_type, c.discount_value, c.maximum_discount, c.currency, v.original_amount) AS discount_amount
) AS d
ORDER BY v.number
ON CONFLICT (redemption_reference) DO NOTHING;

-- The cancelled redemption gives its use back.
UPDATE coupon_schema.coupon_usage_history
   SET restored_at = used_at + interval '80 seconds', restore_reason = 'CANCELLED', restored_by = 'EMP000036'
 WHERE redemption_reference = 'RDM-20261101-000009' AND restored_at IS NULL;

INSERT INTO coupon_schema.coupon_validation_attempts (
    coupon_id, coupon_code, result, validation_method, user_id, employee_number, station_code, amount, currency,
    fraud_score, detail)
SELECT
    c.id, v.unknown_code, v.result, v.validation_method, c.user_id, v.employee_number, v.station_code, v.amount,
    CASE WHEN v.amount IS NOT NULL THEN 'MXN' END, v.fraud_score, jsonb_build_object('sample', v.number)
FROM (
    VALUES
        (1, 'GASX00000011H', NULL, 'SUCCESS', 'QR_SCAN', 'EMP000034', 'JSM007', 476.56, 0),
        (2, 'GASX00000001N', NULL, 'ALREADY_USED', 'QR_SCAN', 'EMP000022', 'JSM001', 300.00, 20),
        (3, 'GASX00000025N', NULL, 'EXPIRED', 'BARCODE', 'EMP000024', 'JSM002', 400.00, 5),
        (4, 'GASX00000026K', NULL, 'SUSPENDED', 'MANUAL_ENTRY', 'EMP000034', 'JSM007', 400.00, 60),
        (5, NULL, 'GASX0000OOO42', 'INVALID_CODE', 'MANUAL_ENTRY', 'EMP000036', 'JSM008', NULL, 30)
) AS v (
    number, coupon_code, unknown_code, result, validation_method, employee_number, station_code, amount, fraud_score)
LEFT JOIN coupon_schema.coupons AS c ON c.coupon_code = v.coupon_code
WHERE NOT EXISTS (SELECT FROM coupon_schema.coupon_validation_attempts AS a WHERE a.detail ? 'sample')
ORDER BY v.number;
