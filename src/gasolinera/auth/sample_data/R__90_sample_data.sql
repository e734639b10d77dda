-- People to try the platform with, in development and test. Loading it again changes nothing.
-- Administrators have never logged in, so that the first login enrols their second factor where that is asked for.

INSERT INTO auth_schema.users (
    public_id, phone_number, first_name, last_name, email, role, is_active, preferred_language, phone_verified_at,
    failed_login_attempts, locked_until, last_login_at, terms_version, terms_accepted_at, age_confirmed_at, metadata,
    created_at)
SELECT
    ('a0000000-0000-4000-8000-' || lpad(p.number::text, 12, '0'))::uuid,
    CASE WHEN p.number < 50 THEN '+5255500000' ELSE '+5255510000' END || lpad(p.number::text, 2, '0'),
    p.first_name,
    p.last_name,
    p.email,
    p.role,
    p.number <> 71,
    CASE WHEN p.number IN (59, 62) THEN 'en' ELSE 'es' END,
    now() - interval '60 days',
    CASE WHEN p.number = 70 THEN 5 ELSE 0 END,
    CASE WHEN p.number = 70 THEN now() + interval '30 days' END,
    CASE WHEN p.role IN ('EMPLOYEE', 'CUSTOMER') THEN now() - interval '1 day' END,
    CASE WHEN p.role = 'CUSTOMER' THEN '2026-01' END,
    CASE WHEN p.role = 'CUSTOMER' THEN now() - interval '60 days' END,
    CASE WHEN p.role = 'CUSTOMER' THEN now() - interval '60 days' END,
    p.metadata,
    now() - interval '60 days'
FROM (
    VALUES
        (1, 'Sofía', 'Herrera', 'SYSTEM_ADMIN', 'sofia.herrera@example.com', jsonb '{"sample": true}'),
        (11, 'Ricardo', 'Salinas', 'STATION_ADMIN', 'ricardo.salinas@example.com', '{"sample": true}'),
        (12, 'Patricia', 'Villarreal', 'STATION_ADMIN', 'patricia.villarreal@example.com', '{"sample": true}'),
        (13, 'Gerardo', 'Montes', 'STATION_ADMIN', 'gerardo.montes@example.com', '{"sample": true}'),
        (21, 'Alejandra', 'Ríos', 'EMPLOYEE', NULL, '{"sample": true}'),
        (22, 'Miguel', 'Ángeles', 'EMPLOYEE', NULL, '{"sample": true}'),
        (23, 'Verónica', 'Castro', 'EMPLOYEE', NULL, '{"sample": true}'),
        (24, 'Jorge', 'Luna', 'EMPLOYEE', NULL, '{"sample": true}'),
        (25, 'Claudia', 'Navarro', 'EMPLOYEE', NULL, '{"sample": true}'),
        (26, 'Raúl', 'Espinoza', 'EMPLOYEE', NULL, '{"sample": true}'),
        (27, 'Mónica', 'Garza', 'EMPLOYEE', NULL, '{"sample": true}'),
        (28, 'Héctor', 'Treviño', 'EMPLOYEE', NULL, '{"sample": true}'),
        (29, 'Leticia', 'Romero', 'EMPLOYEE', NULL, '{"sample": true}'),
        (30, 'Arturo', 'Cordero', 'EMPLOYEE', NULL, '{"sample": true}'),
        (31, 'Gabriela', 'Olvera', 'EMPLOYEE', NULL, '{"sample": true}'),
        (32, 'Fernando', 'Ledesma', 'EMPLOYEE', NULL, '{"sample": true}'),
        (33, 'Rocío', 'Canul', 'EMPLOYEE', NULL, '{"sample": true}'),
        (34, 'Manuel', 'Pech', 'EMPLOYEE', NULL, '{"sample": true}'),
        (35, 'Adriana', 'Beltrán', 'EMPLOYEE', NULL, '{"sample": true}'),
        (36, 'Óscar', 'Félix', 'EMPLOYEE', NULL, '{"sample": true}'),
        (37, 'Silvia', 'Aranda', 'EMPLOYEE', NULL, '{"sample": true}'),
        (38, 'Eduardo', 'Gallardo', 'EMPLOYEE', NULL, '{"sample": true}'),
        (39, 'Norma', 'Balam', 'EMPLOYEE', NULL, '{"sample": true}'),
        (40, 'Iván', 'Cetina', 'EMPLOYEE', NULL, '{"sample": true}'),
        (41, 'Teresa', 'Bernal', 'EMPLOYEE', NULL, '{"sample": true}'),
        (42, 'Pablo', 'Arriaga', 'EMPLOYEE', NULL, '{"sample": true}'),
        (43, 'Yolanda', 'Zamudio', 'EMPLOYEE', NULL, '{"sample": true}'),
        (44, 'Rubén', 'Malpica', 'EMPLOYEE', NULL, '{"sample": true}'),
        (51, 'Ana', 'García', 'CUSTOMER', 'ana.garcia@example.com', '{"sample": true}'),
        (52, 'Luis', 'Martínez', 'CUSTOMER', 'luis.martinez@example.com', '{"sample": true}'),
        (53, 'María', 'López', 'CUSTOMER', 'maria.lopez@example.com', '{"sample": true}'),
        (54, 'Carlos', 'Hernández', 'CUSTOMER', NULL, '{"sample": true}'),
        (55, 'Laura', 'González', 'CUSTOMER', NULL, '{"sample": true}'),
        (56, 'José', 'Pérez', 'CUSTOMER', NULL, '{"sample": true}'),
        (57, 'Daniela', 'Sánchez', 'CUSTOMER', NULL, '{"sample": true}'),
        (58, 'Juan', 'Ramírez', 'CUSTOMER', NULL, '{"sample": true}'),
        (59, 'Emily', 'Torres', 'CUSTOMER', 'emily.torres@example.com', '{"sample": true}'),
        (60, 'Diego', 'Flores', 'CUSTOMER', NULL, '{"sample": true}'),
        (61, 'Isabel', 'Cárdenas', 'CUSTOMER', 'isabel.cardenas@example.com', '{"sample": true, "vip": true}'),
        (62, 'Roberto', 'Quintana', 'CUSTOMER', 'roberto.quintana@example.com', '{"sample": true, "vip": true}'),
        (70, 'Marta', 'Ibarra', 'CUSTOMER', NULL, '{"sample": true}'),
        (71, 'Andrés', 'Solís', 'CUSTOMER', NULL, '{"sample": true}')
) AS p (number, first_name, last_name, role, email, metadata)
ORDER BY p.number
ON CONFLICT DO NOTHING;

-- Ana's session: a login, one rotation, a logout. Every hash is of a text that no client could have been given.
INSERT INTO auth_schema.otp_sessions (
    session_token_hash, phone_number, purpose, channel, code_hash, pepper_id, attempts, expires_at, consumed_at,
    created_at)
SELECT
    sha256(convert_to('sample session ' || u.public_id, 'UTF8')),
    u.phone_number,
    'LOGIN',
    'SMS',
    sha256(convert_to('sample code ' || u.public_id, 'UTF8')),
    1,
    1,
    now() - interval '1 day' + interval '5 minutes',
    now() - interval '1 day' + interval '20 seconds',
    now() - interval '1 day'
FROM auth_schema.users AS u
WHERE u.public_id = 'a0000000-0000-4000-8000-000000000051'
ON CONFLICT DO NOTHING;

INSERT INTO auth_schema.refresh_tokens (
    user_id, family_id, token_hash, issued_at, expires_at, family_expires_at, used_at, revoked_at, revoke_reason,
    device_name)
SELECT
    u.id,
    'fa000000-0000-4000-8000-000000000051',
    sha256(convert_to('sample refresh token 1 of ' || u.public_id, 'UTF8')),
    now() - interval '1 day',
    now() + interval '6 days',
    now() + interval '29 days',
    now() - interval '23 hours',
    now() - interval '22 hours',
    'LOGOUT',
    'Teléfono de Ana'
FROM auth_schema.users AS u
WHERE u.public_id = 'a0000000-0000-4000-8000-000000000051'
ON CONFLICT DO NOTHING;

INSERT INTO auth_schema.refresh_tokens (
    user_id, family_id, token_hash, rotated_from_id, issued_at, expires_at, family_expires_at, revoked_at,
    revoke_reason, device_name)
SELECT
    t.user_id,
    t.family_id,
    sha256(convert_to('sample refresh token 2 of ' || u.public_id, 'UTF8')),
    t.id,
    t.used_at,
    t.used_at + interval '7 days',
    t.family_expires_at,
    t.revoked_at,
    t.revoke_reason,
    t.device_name
FROM auth_schema.refresh_tokens AS t
JOIN auth_schema.users AS u ON u.id = t.user_id
WHERE t.token_hash = sha256(convert_to('sample refresh token 1 of ' || u.public_id, 'UTF8'))
  AND t.used_at IS NOT NULL
ON CONFLICT DO NOTHING;

-- Where the staff works, as the station service tells it: two a station, and three administrators.
INSERT INTO auth_schema.employments (employee_number, user_id, station_code, role, permissions, is_active, as_of)
SELECT
    'EMP' || to_char(e.number, 'FM000000'),
    ('a0000000-0000-4000-8000-' || lpad(e.number::text, 12, '0'))::uuid,
    e.station_code,
    e.role,
    ARRAY['may_process_transactions', 'may_handle_cash'] || CASE WHEN e.number % 2 = 1 OR e.number < 20 THEN ARRAY['may_supervise'] END,
    true,
    now() - interval '60 days'
FROM (
    SELECT n, 'JSM' || to_char((n - 21) / 2 + 1, 'FM000'), 'EMPLOYEE' FROM generate_series(21, 44) AS n
    UNION ALL
    VALUES (11, 'JSM001', 'STATION_ADMIN'), (12, 'JSM005', 'STATION_ADMIN'), (13, 'JSM009', 'STATION_ADMIN')
) AS e (number, station_code, role)
JOIN auth_schema.users AS u ON u.public_id = ('a0000000-0000-4000-8000-' || lpad(e.number::text, 12, '0'))::uuid
ORDER BY e.number
ON CONFLICT DO NOTHING;
