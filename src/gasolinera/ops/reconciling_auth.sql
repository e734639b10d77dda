-- What auth_schema says to other services, by sorted keys, and its events made anew from what is there now.
-- A query of a comparison bears its name; `at` is when the row last changed.

-- name: employees_auth
-- Employments as logins go by them.
SELECT e.employee_number COLLATE "C" AS key, e.as_of AS at, coalesce(e.version, 0) AS version,
       concat_ws(' ', e.user_id, e.station_code, e.role, e.is_active,
                 (SELECT string_agg(p, ',' ORDER BY p COLLATE "C") FROM unnest(e.permissions) AS p)) AS said
  FROM auth_schema.employments AS e
 ORDER BY 1;

-- name: erasures
-- Who was erased.
SELECT (u.public_id::text) COLLATE "C" AS key, u.erased_at AS at
  FROM auth_schema.users AS u
 WHERE u.erased_at IS NOT NULL
 ORDER BY 1;

-- name: accounts
-- Accounts, but for those of erased persons.
SELECT (u.public_id::text) COLLATE "C" AS key, u.updated_at AS at, u.is_active, u.role
  FROM auth_schema.users AS u
 WHERE u.erased_at IS NULL
 ORDER BY 1;

-- name: rebuild_user_changed
-- An account as it is.
SELECT jsonb_build_object('public_id', u.public_id, 'role', u.role, 'active', u.is_active) AS payload, now() AS occurred_at
  FROM auth_schema.users AS u
 WHERE u.public_id = %(subject)s::uuid AND u.erased_at IS NULL;

-- name: rebuild_user_erased
-- An erasure.
SELECT jsonb_build_object('public_id', u.public_id, 'role', u.role, 'active', false) AS payload, u.erased_at AS occurred_at
  FROM auth_schema.users AS u
 WHERE u.public_id = %(subject)s::uuid AND u.erased_at IS NOT NULL;
