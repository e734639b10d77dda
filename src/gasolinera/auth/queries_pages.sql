-- What pages ask about whoever looks at them.

-- name: find_page_session
-- Whose session a cookie names, while it is live: what is said is that of this moment, as a refresh would say it.
SELECT u.role, u.public_id AS user_id, t.family_id AS session_id, t.second_factor_at IS NOT NULL AS has_second_factor,
       w.station_code, w.employee_number
  FROM auth_schema.refresh_tokens AS t
  JOIN auth_schema.users AS u ON u.id = t.user_id
  LEFT JOIN LATERAL (
    SELECT e.station_code, e.employee_number FROM auth_schema.employments AS e
     WHERE e.user_id = u.public_id AND e.is_active ORDER BY e.as_of DESC LIMIT 1) AS w ON true
 WHERE t.token_hash = $1 AND t.is_page_session AND t.used_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > now() AND u.is_active;

-- name: end_page_session
-- Ends the session that a cookie names, whatever has become of it.
SELECT ended
  FROM auth_schema.refresh_tokens AS t
  JOIN auth_schema.users AS u ON u.id = t.user_id
 CROSS JOIN LATERAL auth_schema.end_sessions(u.public_id, 'LOGOUT', t.family_id, NULL) AS ended
 WHERE t.token_hash = $1 AND t.is_page_session;
