-- What auth_schema derives, and what it says of itself, that is not so: of each the thing and how it is wrong.

-- name: states_erased_users
-- A person in the ledger of erasures is still there with a name or a phone.
SELECT e.public_id::text AS object, format('erased at %s', e.erased_at) AS detail
  FROM auth_schema.erasures AS e
  JOIN auth_schema.users AS u ON u.public_id = e.public_id
 WHERE u.erased_at IS NULL OR num_nonnulls(u.phone_number, u.first_name, u.last_name, u.email) > 0;

-- name: states_sessions_of_inactive
-- Somebody who is deactivated or erased has a session that goes on.
SELECT u.public_id::text AS object, format('until %s', t.expires_at) AS detail
  FROM auth_schema.refresh_tokens AS t
  JOIN auth_schema.users AS u ON u.id = t.user_id
 WHERE NOT u.is_active AND t.revoked_at IS NULL AND t.used_at IS NULL AND t.expires_at > now();

-- name: states_staff_without_employment
-- Somebody has the role of an employee or station administrator and is employed nowhere.
SELECT u.public_id::text AS object, u.role AS detail
  FROM auth_schema.users AS u
 WHERE u.role IN ('EMPLOYEE', 'STATION_ADMIN') AND u.is_active
   AND NOT EXISTS (SELECT FROM auth_schema.employments AS e WHERE e.user_id = u.public_id AND e.is_active);
