-- The statements of logging in. Those that decide are functions of the schema: each counts, compares and records whole.

-- name: request_code
-- Takes all limits, ends the code before and opens a session; the same work whether the phone has an account or not.
SELECT outcome, retry_after_s, is_to_be_sent, language
  FROM auth_schema.request_code($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: find_resendable
-- What a session was for, so that another code can be sent for the same: not used, and not replaced by a newer one.
SELECT s.phone_number, s.purpose, u.public_id AS user_id
  FROM auth_schema.otp_sessions AS s
  LEFT JOIN auth_schema.users AS u ON u.id = s.user_id
 WHERE s.session_token_hash = $1 AND s.consumed_at IS NULL
   AND s.void_reason IS DISTINCT FROM 'SUPERSEDED' AND s.void_reason IS DISTINCT FROM 'WITHDRAWN'
   AND s.created_at > now() - interval '1 hour';

-- name: record_undelivered
-- A code that did not leave is no longer right, and the log says so. Its session stays as open as it was.
WITH lost AS (
    UPDATE auth_schema.otp_sessions AS s
       SET undelivered_at = now()
     WHERE s.session_token_hash = $1 AND s.undelivered_at IS NULL
    RETURNING s.phone_number, s.phone_hash, s.purpose
)
INSERT INTO auth_schema.auth_audit_log (event_type, succeeded, user_id, phone_hash, reason)
SELECT 'OTP_DELIVERY_FAILED', false, u.public_id, CASE WHEN u.id IS NULL THEN l.phone_hash END, l.purpose
  FROM lost AS l
  LEFT JOIN auth_schema.users AS u ON u.phone_number = l.phone_number;

-- name: put_into_inbox
-- A message of development and test, once.
INSERT INTO auth_schema.development_inbox (message_id, phone_number, message_text)
VALUES ($1, $2, $3)
ON CONFLICT ON CONSTRAINT development_inbox_message_id_key DO NOTHING;

-- name: log_in
-- Counts the try, compares, consumes, locks, makes the user and the session, and records: everything in one.
-- issued_at is taken when the function is through and the user's row is locked: whoever revokes access comes after it,
-- by the same clock.
SELECT outcome, retry_after_s, tries_left, is_new, user_id, role, first_name, last_name, preferred_language,
       terms_version, has_second_factor, family_id, station_code, employee_number, clock_timestamp() AS issued_at
  FROM auth_schema.log_in($1, $2, $3, $4, $5, $6);

-- name: change_phone
-- The same for the code that went to a new number.
SELECT outcome, retry_after_s, tries_left, old_phone, language FROM auth_schema.change_phone($1, $2, $3, $4);

-- name: rotate_refresh_token
-- Uses a refresh token once and adds its successor; one that comes back revokes its family. issued_at: as in log_in.
SELECT outcome, user_id, role, first_name, last_name, preferred_language, terms_version, has_second_factor, family_id,
       is_second_factor_proved, expires_in_s, station_code, employee_number, clock_timestamp() AS issued_at
  FROM auth_schema.rotate_refresh_token($1, $2);

-- name: end_sessions
-- Ends one session, all, or all but one; gives those that were live.
SELECT ended AS session_id FROM auth_schema.end_sessions($1, $2, $3, $4) AS ended;

-- name: list_sessions
-- Where a user is logged in, the last used first. A family began 90 days before its absolute end.
SELECT t.family_id AS session_id, t.device_name, host(t.ip_address) AS ip_address, t.user_agent,
       t.family_expires_at - interval '90 days' AS started_at, t.issued_at AS last_used_at, t.expires_at,
       t.family_id IS NOT DISTINCT FROM $2::uuid AS is_current
  FROM auth_schema.refresh_tokens AS t
  JOIN auth_schema.users AS u ON u.id = t.user_id
 WHERE u.public_id = $1 AND t.used_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > now()
 ORDER BY t.issued_at DESC, t.id DESC
 LIMIT 100;

-- name: get_profile
-- The own account.
SELECT public_id, phone_number, first_name, last_name, email, preferred_language, role, terms_version,
       terms_accepted_at, age_confirmed_at, second_factor_enabled_at IS NOT NULL AS has_second_factor, created_at
  FROM auth_schema.users
 WHERE public_id = $1 AND is_active;

-- name: change_profile
-- Changes what was given, and records which fields, never their contents.
WITH before AS (
    SELECT u.id, u.first_name, u.last_name, u.email, u.preferred_language
      FROM auth_schema.users AS u WHERE u.public_id = $1 AND u.is_active
       FOR NO KEY UPDATE
), changed AS (
    UPDATE auth_schema.users AS u
       SET first_name = coalesce($2::text, u.first_name),
           last_name = coalesce($3::text, u.last_name),
           email = CASE WHEN $6::boolean THEN NULL ELSE coalesce($4::text, u.email) END,
           preferred_language = coalesce($5::text, u.preferred_language)
      FROM before AS b
     WHERE u.id = b.id
    RETURNING u.*, array_remove(ARRAY[
        CASE WHEN u.first_name <> b.first_name THEN 'first_name' END,
        CASE WHEN u.last_name <> b.last_name THEN 'last_name' END,
        CASE WHEN u.email IS DISTINCT FROM b.email THEN 'email' END,
        CASE WHEN u.preferred_language <> b.preferred_language THEN 'preferred_language' END], NULL) AS fields
), logged AS (
    INSERT INTO auth_schema.auth_audit_log (event_type, user_id, new_values)
    SELECT 'PROFILE_CHANGED', c.public_id, jsonb_build_object('fields', to_jsonb(c.fields))
      FROM changed AS c WHERE cardinality(c.fields) > 0
)
SELECT public_id, phone_number, first_name, last_name, email, preferred_language, role, terms_version,
       terms_accepted_at, age_confirmed_at, second_factor_enabled_at IS NOT NULL AS has_second_factor, created_at
  FROM changed;

-- name: accept_terms
-- A version is accepted once; who accepts it again keeps the first time.
WITH accepted AS (
    UPDATE auth_schema.users AS u
       SET terms_version = $2, terms_accepted_at = now(),
           age_confirmed_at = CASE WHEN $3::boolean THEN coalesce(u.age_confirmed_at, now()) ELSE u.age_confirmed_at END
     WHERE u.public_id = $1 AND u.is_active
       AND (u.terms_version IS DISTINCT FROM $2 OR ($3::boolean AND u.age_confirmed_at IS NULL))
    RETURNING u.public_id, u.terms_version
), logged AS (
    INSERT INTO auth_schema.auth_audit_log (event_type, user_id, new_values)
    SELECT 'TERMS_ACCEPTED', a.public_id, jsonb_build_object('terms_version', a.terms_version) FROM accepted AS a
)
SELECT count(*) FROM accepted;

-- name: find_user
-- What other services may know of a person.
SELECT public_id, role, is_active AS active FROM auth_schema.users WHERE public_id = $1;

-- name: put_employment
-- The newest word about an employment. Gives nobody when a newer one is here already, else whose roles it touches.
WITH before AS (
    SELECT e.user_id FROM auth_schema.employments AS e WHERE e.employee_number = $1 FOR UPDATE
), put AS (
    INSERT INTO auth_schema.employments AS e (
        employee_number, user_id, station_code, role, permissions, is_active, as_of, version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT ON CONSTRAINT employments_pk DO UPDATE
       SET user_id = excluded.user_id, station_code = excluded.station_code, role = excluded.role,
           permissions = excluded.permissions, is_active = excluded.is_active, as_of = excluded.as_of,
           version = coalesce(excluded.version, e.version)
     WHERE coalesce(e.version <= excluded.version, e.as_of <= excluded.as_of)
    RETURNING e.user_id
)
SELECT p.user_id FROM put AS p
UNION
SELECT b.user_id FROM before AS b WHERE EXISTS (SELECT FROM put);

-- name: lock_user
-- Everybody who ends sessions or changes a role holds the user's row first.
SELECT public_id, role, is_active AS active FROM auth_schema.users WHERE public_id = $1 FOR NO KEY UPDATE;

-- name: set_role_by_employment
-- The highest role of the active employments, else CUSTOMER; gives the user when that changes it. Not a system
-- administrator's. A new administrator's login counts from the second factor on. Who never accepted the terms cannot
-- be a customer, and is deactivated.
WITH employed AS (
    SELECT CASE
               WHEN bool_or(e.role = 'STATION_ADMIN') THEN 'STATION_ADMIN'
               WHEN count(*) > 0 THEN 'EMPLOYEE'
               ELSE 'CUSTOMER'
           END AS role
      FROM auth_schema.employments AS e
     WHERE e.user_id = $1 AND e.is_active
)
UPDATE auth_schema.users AS u
   SET role = e.role,
       is_active = u.is_active
           AND (e.role <> 'CUSTOMER' OR (u.terms_accepted_at IS NOT NULL AND u.age_confirmed_at IS NOT NULL)),
       last_login_at = CASE
           WHEN e.role = 'STATION_ADMIN' AND u.second_factor_enabled_at IS NULL THEN NULL ELSE u.last_login_at END
  FROM employed AS e
 WHERE u.public_id = $1 AND u.role <> 'SYSTEM_ADMIN' AND u.role <> e.role AND u.erased_at IS NULL
RETURNING u.public_id, u.role, u.is_active AS active;
