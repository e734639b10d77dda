-- What auth_schema names of other services, and what of it others name: keys, each once, ascending.

-- name: known_users
-- Everybody who ever had an account, the erased too.
SELECT u.public_id::text COLLATE "C" AS key FROM auth_schema.users AS u ORDER BY 1;

-- name: named_employees
-- Employments that logins go by.
SELECT e.employee_number COLLATE "C" AS key FROM auth_schema.employments AS e ORDER BY 1;
