-- Takes back V1: the schema is left with the common functions alone.

DROP VIEW auth_schema.active_users;
DROP TABLE auth_schema.auth_audit_log;
DROP TABLE auth_schema.refresh_tokens;
DROP TABLE auth_schema.otp_rate_limits;
DROP TABLE auth_schema.otp_sessions;
DROP TABLE auth_schema.users;
DROP FUNCTION auth_schema.log_account_changes();
DROP FUNCTION auth_schema.refuse_user_identity_change();
DROP FUNCTION auth_schema.refuse_revival();
DROP FUNCTION auth_schema.refuse_forged_event();
DROP FUNCTION auth_schema.has_visible_character(text);
REVOKE EXECUTE ON FUNCTION auth_schema.ensure_all_month_partitions(integer) FROM auth_app;
REVOKE EXECUTE ON FUNCTION auth_schema.request_context(text) FROM auth_app;
REVOKE USAGE ON SCHEMA auth_schema FROM auth_app, auth_ro;
