-- What administrators do to accounts, the second factor, the log, export and erasure. Lists that differ in what they
-- look for are statements of their own, so that each keeps the plan that fits it.

-- name: list_users
-- Users in the order they came: of a role, or active, or all.
SELECT u.id, u.public_id, u.phone_number, u.first_name, u.last_name, u.role, u.is_active,
       u.second_factor_enabled_at IS NOT NULL AS has_second_factor,
       CASE WHEN u.locked_until > now() THEN u.locked_until END AS locked_until, u.last_login_at, u.created_at
  FROM auth_schema.users AS u
 WHERE u.id > $1 AND u.erased_at IS NULL AND ($2::text IS NULL OR u.role = $2)
   AND ($3::boolean IS NULL OR u.is_active = $3)
 ORDER BY u.id
 LIMIT $4;

-- name: find_users_by_phone
-- The user with this number.
SELECT u.id, u.public_id, u.phone_number, u.first_name, u.last_name, u.role, u.is_active,
       u.second_factor_enabled_at IS NOT NULL AS has_second_factor,
       CASE WHEN u.locked_until > now() THEN u.locked_until END AS locked_until, u.last_login_at, u.created_at
  FROM auth_schema.users AS u
 WHERE u.phone_number = $1;

-- name: find_users_by_name
-- Whose name, or family name, begins so: both bounds are in lower case, and compared character by character.
SELECT u.id, u.public_id, u.phone_number, u.first_name, u.last_name, u.role, u.is_active,
       u.second_factor_enabled_at IS NOT NULL AS has_second_factor,
       CASE WHEN u.locked_until > now() THEN u.locked_until END AS locked_until, u.last_login_at, u.created_at
  FROM auth_schema.users AS u
 WHERE u.id > $1 AND u.erased_at IS NULL AND ($2::text IS NULL OR u.role = $2)
   AND ($3::boolean IS NULL OR u.is_active = $3)
   AND ((lower(u.first_name || ' ' || u.last_name) ~>=~ $5::text AND lower(u.first_name || ' ' || u.last_name) ~<~ $6::text)
        OR (lower(u.last_name) ~>=~ $5::text AND lower(u.last_name) ~<~ $6::text))
 ORDER BY u.id
 LIMIT $4;

-- name: get_user
-- One user as an administrator sees them; erased ones too, of whom little is left.
SELECT u.public_id, u.phone_number, u.first_name, u.last_name, u.email, u.role, u.is_active, u.preferred_language,
       u.second_factor_enabled_at IS NOT NULL AS has_second_factor,
       CASE WHEN u.locked_until > now() THEN u.locked_until END AS locked_until,
       u.last_login_at, u.terms_version, u.erased_at, u.created_at,
       (SELECT count(*) FROM auth_schema.refresh_tokens AS t
         WHERE t.user_id = u.id AND t.used_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > now()) AS sessions
  FROM auth_schema.users AS u
 WHERE u.public_id = $1;

-- name: set_role
-- Never the own role. A new administrator's login counts from the second factor on. Gives nobody when nothing changes.
UPDATE auth_schema.users AS u
   SET role = $2,
       last_login_at = CASE
           WHEN $2 IN ('STATION_ADMIN', 'SYSTEM_ADMIN') AND u.second_factor_enabled_at IS NULL THEN NULL
           ELSE u.last_login_at END
 WHERE u.public_id = $1 AND u.role <> $2 AND u.erased_at IS NULL
   AND u.public_id::text IS DISTINCT FROM auth_schema.request_context('actor')
RETURNING u.public_id, u.role, u.is_active AS active;

-- name: set_active
-- Never the own account. An administrator without second factor who comes back enrols one at the next login.
UPDATE auth_schema.users AS u
   SET is_active = $2,
       last_login_at = CASE
           WHEN u.role IN ('STATION_ADMIN', 'SYSTEM_ADMIN') AND u.second_factor_enabled_at IS NULL THEN NULL
           ELSE u.last_login_at END
 WHERE u.public_id = $1 AND u.is_active <> $2 AND u.erased_at IS NULL
   AND u.public_id::text IS DISTINCT FROM auth_schema.request_context('actor')
RETURNING u.public_id, u.role, u.is_active AS active;

-- name: unlock
-- Forgets the failures, and the lock if there is one.
UPDATE auth_schema.users AS u
   SET failed_login_attempts = 0, locked_until = NULL,
       second_factor_failures = CASE WHEN u.second_factor_failures IS NOT NULL THEN 0 END
 WHERE u.public_id = $1 AND u.erased_at IS NULL
RETURNING u.public_id, u.role, u.is_active AS active;

-- name: grant_admin
-- Makes the user with this number a system administrator, or makes such a user. Nobody where the account is deactivated.
WITH before AS (
    SELECT u.id, u.role FROM auth_schema.users AS u WHERE u.phone_number = $1
), granted AS (
    INSERT INTO auth_schema.users AS u (phone_number, first_name, last_name, role)
    VALUES ($1, $2, $3, 'SYSTEM_ADMIN')
    ON CONFLICT ON CONSTRAINT users_phone_number_key DO UPDATE
       SET role = 'SYSTEM_ADMIN',
           last_login_at = CASE WHEN u.second_factor_enabled_at IS NULL THEN NULL ELSE u.last_login_at END
     WHERE u.is_active
    RETURNING u.id, u.public_id, u.role, u.is_active, u.second_factor_enabled_at
)
SELECT g.public_id, g.role, g.is_active AS active, g.second_factor_enabled_at IS NOT NULL AS has_second_factor,
       b.role AS role_before
  FROM granted AS g
  LEFT JOIN before AS b ON b.id = g.id;

-- name: put_second_factor
-- A new secret, which counts once a code of it was shown. Gives nothing where one is in force.
UPDATE auth_schema.users AS u
   SET second_factor_secret = $2, second_factor_key_id = $3, second_factor_last_step = NULL
 WHERE u.public_id = $1 AND u.is_active AND u.second_factor_enabled_at IS NULL
RETURNING u.phone_number AS label;

-- name: get_second_factor
-- The secret, to compute codes from. What is typed is decided by prove_second_factor, which knows this secret again.
SELECT u.second_factor_secret AS secret, u.second_factor_key_id AS key_id
  FROM auth_schema.users AS u
 WHERE u.public_id = $1 AND u.is_active;

-- name: prove_second_factor
-- Uses a step or a recovery code up, counts a wrong one, and marks the session. issued_at: when the user's row is
-- locked, by the clock of what revokes access later.
SELECT outcome, retry_after_s, role, station_code, employee_number, recovery_codes_left, clock_timestamp() AS issued_at
  FROM auth_schema.prove_second_factor($1, $2, $3, $4, $5, $6);

-- name: replace_recovery_codes
-- All at once: the ones before are worth nothing.
WITH owner AS (
    SELECT u.id, u.public_id FROM auth_schema.users AS u WHERE u.public_id = $1
), gone AS (
    DELETE FROM auth_schema.recovery_codes AS c USING owner AS o WHERE c.user_id = o.id
), made AS (
    INSERT INTO auth_schema.recovery_codes (user_id, code_hash)
    SELECT o.id, h.code_hash FROM owner AS o CROSS JOIN unnest($2::bytea[]) AS h (code_hash)
)
INSERT INTO auth_schema.auth_audit_log (event_type, user_id)
SELECT 'RECOVERY_CODES_MADE', o.public_id FROM owner AS o;

-- name: remove_second_factor
-- False: there was none.
SELECT auth_schema.remove_second_factor($1, $2) AS removed;

-- name: search_audit
-- The log by time, newest first: of a kind, from an address, or all.
SELECT a.id, a.event_type, a.succeeded, a.user_id, a.family_id AS session_id, a.reason, a.old_values, a.new_values,
       a.actor, a.correlation_id, host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM auth_schema.auth_audit_log AS a
 WHERE a.created_at >= $1 AND a.created_at < $2 AND (a.created_at, a.id) < ($3, $4)
   AND ($5::text IS NULL OR a.event_type = $5) AND ($6::inet IS NULL OR a.ip_address = $6)
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $7;

-- name: search_audit_of_user
-- The same of one user.
SELECT a.id, a.event_type, a.succeeded, a.user_id, a.family_id AS session_id, a.reason, a.old_values, a.new_values,
       a.actor, a.correlation_id, host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM auth_schema.auth_audit_log AS a
 WHERE a.created_at >= $1 AND a.created_at < $2 AND (a.created_at, a.id) < ($3, $4)
   AND ($5::text IS NULL OR a.event_type = $5) AND ($6::inet IS NULL OR a.ip_address = $6)
   AND a.user_id = $8
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $7;

-- name: search_audit_of_request
-- The same of one request.
SELECT a.id, a.event_type, a.succeeded, a.user_id, a.family_id AS session_id, a.reason, a.old_values, a.new_values,
       a.actor, a.correlation_id, host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM auth_schema.auth_audit_log AS a
 WHERE a.created_at >= $1 AND a.created_at < $2 AND (a.created_at, a.id) < ($3, $4)
   AND ($5::text IS NULL OR a.event_type = $5) AND ($6::inet IS NULL OR a.ip_address = $6)
   AND a.correlation_id = $8 AND ($9::uuid IS NULL OR a.user_id = $9)
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $7;

-- name: list_own_audit
-- What happened to the own account. From where only when nobody else did it: an administrator's address is theirs.
SELECT a.id, a.event_type, a.succeeded, a.family_id AS session_id, a.reason,
       a.actor IS NULL OR a.actor = $1::uuid::text AS by_you,
       CASE WHEN a.actor IS NULL OR a.actor = $1::uuid::text THEN host(a.ip_address) END AS ip_address,
       CASE WHEN a.actor IS NULL OR a.actor = $1::uuid::text THEN a.user_agent END AS user_agent, a.created_at
  FROM auth_schema.auth_audit_log AS a
 WHERE a.user_id = $1 AND a.created_at > now() - interval '1 year' AND (a.created_at, a.id) < ($2, $3)
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $4;

-- name: export_log
-- The same, and what the phone asked for while it had no account, by the hashes of its number.
SELECT o.id, o.event_type, o.succeeded, o.family_id AS session_id, o.reason, o.by_you,
       CASE WHEN o.by_you THEN host(o.ip_address) END AS ip_address,
       CASE WHEN o.by_you THEN o.user_agent END AS user_agent, o.created_at
  FROM (
    SELECT a.id, a.event_type, a.succeeded, a.family_id, a.reason, a.ip_address, a.user_agent, a.created_at,
           a.actor IS NULL OR a.actor = $1::uuid::text AS by_you
      FROM auth_schema.auth_audit_log AS a
     WHERE a.user_id = $1 AND a.created_at > now() - interval '1 year'
     UNION ALL
    SELECT a.id, a.event_type, a.succeeded, a.family_id, a.reason, a.ip_address, a.user_agent, a.created_at, true
      FROM auth_schema.auth_audit_log AS a
     WHERE a.phone_hash = ANY ($2::bytea[]) AND a.created_at > now() - interval '1 year') AS o
 ORDER BY o.created_at DESC, o.id DESC
 LIMIT $3;

-- name: export_account
-- Everything of the account but secrets.
SELECT u.public_id, u.phone_number, u.first_name, u.last_name, u.email, u.role, u.is_active, u.preferred_language,
       u.phone_verified_at, u.last_login_at, u.terms_version, u.terms_accepted_at, u.age_confirmed_at,
       u.second_factor_enabled_at, u.erased_at, u.created_at, u.updated_at
  FROM auth_schema.users AS u
 WHERE u.public_id = $1;

-- name: export_sessions
-- Every refresh token that is still known, without the token.
SELECT t.family_id AS session_id, t.device_id, t.device_name, host(t.ip_address) AS ip_address, t.user_agent,
       t.issued_at, t.expires_at, t.used_at, t.revoked_at, t.revoke_reason
  FROM auth_schema.refresh_tokens AS t
  JOIN auth_schema.users AS u ON u.id = t.user_id
 WHERE u.public_id = $1
 ORDER BY t.id DESC
 LIMIT $2;

-- name: export_codes
-- Codes that were sent, without the code.
SELECT s.phone_number, s.purpose, s.channel, host(s.ip_address) AS ip_address, s.user_agent, s.created_at,
       s.consumed_at, s.voided_at
  FROM auth_schema.otp_sessions AS s
  JOIN auth_schema.users AS u ON u.phone_number = s.phone_number OR u.id = s.user_id
 WHERE u.public_id = $1
 ORDER BY s.id DESC
 LIMIT $2;

-- name: export_employments
-- Where the person works or worked.
SELECT e.employee_number, e.station_code, e.role, e.permissions, e.is_active, e.as_of
  FROM auth_schema.employments AS e
 WHERE e.user_id = $1
 ORDER BY e.as_of DESC
 LIMIT $2;

-- name: export_acts
-- What the person did to others and to partners, and from where; without whom it was about, who is somebody else.
SELECT o.event_type, host(o.ip_address) AS ip_address, o.user_agent, o.created_at
  FROM (
    SELECT a.event_type, a.ip_address, a.user_agent, a.created_at
      FROM auth_schema.auth_audit_log AS a
     WHERE a.actor = $1::uuid::text AND a.actor <> coalesce(a.user_id::text, '')
     UNION ALL
    SELECT p.event_type, p.ip_address, p.user_agent, p.created_at
      FROM auth_schema.partner_audit_log AS p
     WHERE p.actor = $1::uuid::text) AS o
 ORDER BY o.created_at DESC
 LIMIT $2;

-- name: export_notifications
-- What the person was told of.
SELECT n.category, n.channel, n.template, n.arguments, n.status, n.created_at, n.read_at
  FROM auth_schema.notifications AS n
 WHERE n.user_id = $1
 ORDER BY n.id DESC
 LIMIT $2;

-- name: record_export
-- Who was given whose data.
INSERT INTO auth_schema.auth_audit_log (event_type, user_id) VALUES ('DATA_EXPORTED', $1);

-- name: record_list_export
-- Who took a list out, of many people at once: which one is the reason.
INSERT INTO auth_schema.auth_audit_log (event_type, reason) VALUES ('DATA_EXPORTED', $1);

-- name: try_own_code
-- A fresh code that went to the own phone; counted as every code is.
SELECT outcome, retry_after_s, tries_left FROM auth_schema.try_code($1, $2, ARRAY['PHONE_VERIFICATION'], $3);

-- name: get_own_phone
-- Where a code to prove that it is you goes.
SELECT u.phone_number FROM auth_schema.users AS u WHERE u.public_id = $1 AND u.is_active;

-- name: lock_phone
-- The number, which stays what it is until the transaction ends; nobody's where there is no such user.
SELECT u.phone_number FROM auth_schema.users AS u WHERE u.public_id = $1 FOR NO KEY UPDATE;

-- name: erase_user
-- Forgets who it was, or says why not.
SELECT outcome, role FROM auth_schema.erase_user($1, $2, $3);

-- name: list_erasures
-- The ledger in order.
SELECT e.public_id, e.erased_at, e.reason, e.requested_by
  FROM auth_schema.erasures AS e
 WHERE e.erased_at >= $1
 ORDER BY e.erased_at, e.public_id;
