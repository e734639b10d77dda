-- Figures, and what the cleaning deletes. A batch skips what somebody else holds.

-- name: refresh_statistics
-- Makes the figures anew beside their readers.
SELECT auth_schema.refresh_statistics();

-- name: get_summary
-- One row for dashboards.
SELECT users, active_users, staff, erased_users, with_second_factor, logged_in_30d, new_users_this_month,
       logins_this_month, codes_failed_this_month, accounts_locked_this_month, refreshed_at
  FROM auth_schema.auth_summary;

-- name: list_user_statistics
-- Users by month, role and language, the newest first.
SELECT month, role, preferred_language, new_users, active_users, erased_users, with_second_factor, logged_in_30d
  FROM auth_schema.user_statistics
 ORDER BY month DESC, role, preferred_language
 LIMIT 1000;

-- name: list_login_statistics
-- Logging in by month, the newest first.
SELECT month, logins, users_logged_in, logins_refused, codes_requested, codes_failed, codes_limited, tokens_reused,
       accounts_locked, accounts_created
  FROM auth_schema.login_statistics
 ORDER BY month DESC
 LIMIT 120;

-- name: forget_codes
-- Codes that ended more than a day ago, with the registrations that waited for them.
DELETE FROM auth_schema.otp_sessions AS s
 WHERE s.id IN (SELECT o.id FROM auth_schema.otp_sessions AS o WHERE o.expires_at < now() - interval '1 day'
                 ORDER BY o.expires_at LIMIT $1 FOR UPDATE SKIP LOCKED);

-- name: forget_windows
-- Windows that ended more than a day ago; the longest is a day.
DELETE FROM auth_schema.otp_rate_limits AS l
 WHERE (l.scope, l.subject, l.window_s, l.window_start) IN (
    SELECT o.scope, o.subject, o.window_s, o.window_start FROM auth_schema.otp_rate_limits AS o
     WHERE o.window_start < now() - interval '2 days' ORDER BY o.window_start LIMIT $1 FOR UPDATE SKIP LOCKED);

-- name: forget_tokens
-- Refresh tokens of families that ended more than a day ago.
DELETE FROM auth_schema.refresh_tokens AS t
 WHERE t.id IN (SELECT o.id FROM auth_schema.refresh_tokens AS o WHERE o.family_expires_at < now() - interval '1 day'
                 ORDER BY o.family_expires_at LIMIT $1 FOR UPDATE SKIP LOCKED);

-- name: forget_lockouts
-- Phones without account that nobody has failed at for a day.
DELETE FROM auth_schema.phone_lockouts AS l
 WHERE l.phone_hash IN (SELECT o.phone_hash FROM auth_schema.phone_lockouts AS o
                         WHERE o.updated_at < now() - interval '1 day'
                         ORDER BY o.updated_at LIMIT $1 FOR UPDATE SKIP LOCKED);

-- name: forget_messages
-- Messages of the development inbox that are older than a week.
DELETE FROM auth_schema.development_inbox AS i
 WHERE i.id IN (SELECT o.id FROM auth_schema.development_inbox AS o WHERE o.created_at < now() - interval '7 days'
                 ORDER BY o.id LIMIT $1);
