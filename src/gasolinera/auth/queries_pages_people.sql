-- What the back office asks about people: lists in other orders than that of their arrival, names, what somebody did.

-- name: list_users_newest
-- As list_users, the newest first.
SELECT u.id, u.public_id, u.phone_number, u.first_name, u.last_name, u.role, u.is_active,
       u.second_factor_enabled_at IS NOT NULL AS has_second_factor,
       CASE WHEN u.locked_until > now() THEN u.locked_until END AS locked_until, u.last_login_at, u.created_at
  FROM auth_schema.users AS u
 WHERE u.id < $1 AND u.erased_at IS NULL AND ($2::text IS NULL OR u.role = $2)
   AND ($3::boolean IS NULL OR u.is_active = $3)
 ORDER BY u.id DESC
 LIMIT $4;

-- name: list_users_by_name
-- By family name, character by character, as its index is kept.
SELECT u.id, u.public_id, u.phone_number, u.first_name, u.last_name, u.role, u.is_active,
       u.second_factor_enabled_at IS NOT NULL AS has_second_factor,
       CASE WHEN u.locked_until > now() THEN u.locked_until END AS locked_until, u.last_login_at, u.created_at,
       lower(u.last_name) AS sort_key
  FROM auth_schema.users AS u
 WHERE lower(u.last_name) ~>=~ $5::text AND (lower(u.last_name) ~>~ $5::text OR u.id > $1) AND u.erased_at IS NULL
   AND ($2::text IS NULL OR u.role = $2) AND ($3::boolean IS NULL OR u.is_active = $3)
 ORDER BY lower(u.last_name) USING OPERATOR(pg_catalog.~<~), u.id
 LIMIT $4;

-- name: list_users_by_name_backwards
-- The same from the end.
SELECT u.id, u.public_id, u.phone_number, u.first_name, u.last_name, u.role, u.is_active,
       u.second_factor_enabled_at IS NOT NULL AS has_second_factor,
       CASE WHEN u.locked_until > now() THEN u.locked_until END AS locked_until, u.last_login_at, u.created_at,
       lower(u.last_name) AS sort_key
  FROM auth_schema.users AS u
 WHERE lower(u.last_name) ~<=~ $5::text AND (lower(u.last_name) ~<~ $5::text OR u.id < $1) AND u.erased_at IS NULL
   AND ($2::text IS NULL OR u.role = $2) AND ($3::boolean IS NULL OR u.is_active = $3)
 ORDER BY lower(u.last_name) USING OPERATOR(pg_catalog.~>~), u.id DESC
 LIMIT $4;

-- name: list_names
-- What people are called, for the lines of one page of a log.
SELECT u.public_id, u.first_name, u.last_name
  FROM auth_schema.users AS u
 WHERE u.public_id = ANY ($1::uuid[]);

-- name: search_audit_of_actor
-- What somebody did to others, newest first; what one does to oneself is found by the user.
SELECT a.id, a.event_type, a.succeeded, a.user_id, a.family_id AS session_id, a.reason, a.old_values, a.new_values,
       a.actor, a.correlation_id, host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM auth_schema.auth_audit_log AS a
 WHERE a.created_at >= $1 AND a.created_at < $2 AND (a.created_at, a.id) < ($3, $4)
   AND ($5::text IS NULL OR a.event_type = $5) AND ($6::inet IS NULL OR a.ip_address = $6)
   AND a.actor = $8 AND a.actor <> coalesce(a.user_id::text, '')
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $7;

-- name: search_audit_oldest
-- The log as search_audit has it, the oldest first.
SELECT a.id, a.event_type, a.succeeded, a.user_id, a.family_id AS session_id, a.reason, a.old_values, a.new_values,
       a.actor, a.correlation_id, host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM auth_schema.auth_audit_log AS a
 WHERE a.created_at >= $1 AND a.created_at < $2 AND (a.created_at, a.id) > ($3, $4)
   AND ($5::text IS NULL OR a.event_type = $5) AND ($6::inet IS NULL OR a.ip_address = $6)
 ORDER BY a.created_at, a.id
 LIMIT $7;

-- name: search_audit_of_user_oldest
-- The same of one user.
SELECT a.id, a.event_type, a.succeeded, a.user_id, a.family_id AS session_id, a.reason, a.old_values, a.new_values,
       a.actor, a.correlation_id, host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM auth_schema.auth_audit_log AS a
 WHERE a.created_at >= $1 AND a.created_at < $2 AND (a.created_at, a.id) > ($3, $4)
   AND ($5::text IS NULL OR a.event_type = $5) AND ($6::inet IS NULL OR a.ip_address = $6)
   AND a.user_id = $8
 ORDER BY a.created_at, a.id
 LIMIT $7;

-- name: search_audit_of_request_oldest
-- The same of one request.
SELECT a.id, a.event_type, a.succeeded, a.user_id, a.family_id AS session_id, a.reason, a.old_values, a.new_values,
       a.actor, a.correlation_id, host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM auth_schema.auth_audit_log AS a
 WHERE a.created_at >= $1 AND a.created_at < $2 AND (a.created_at, a.id) > ($3, $4)
   AND ($5::text IS NULL OR a.event_type = $5) AND ($6::inet IS NULL OR a.ip_address = $6)
   AND a.correlation_id = $8 AND ($9::uuid IS NULL OR a.user_id = $9)
 ORDER BY a.created_at, a.id
 LIMIT $7;

-- name: search_audit_of_actor_oldest
-- What somebody did to others, the oldest first.
SELECT a.id, a.event_type, a.succeeded, a.user_id, a.family_id AS session_id, a.reason, a.old_values, a.new_values,
       a.actor, a.correlation_id, host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM auth_schema.auth_audit_log AS a
 WHERE a.created_at >= $1 AND a.created_at < $2 AND (a.created_at, a.id) > ($3, $4)
   AND ($5::text IS NULL OR a.event_type = $5) AND ($6::inet IS NULL OR a.ip_address = $6)
   AND a.actor = $8 AND a.actor <> coalesce(a.user_id::text, '')
 ORDER BY a.created_at, a.id
 LIMIT $7;
