-- Takes back V4__add_partners.sql. Partners, their keys and log are lost; ended sessions keep their tokens to the end.
DROP TRIGGER refresh_tokens_revoke_access ON auth_schema.refresh_tokens;
-- vuelo: allow locking-several-tables Only triggers go: all locks together last milliseconds.
DROP TRIGGER users_revoke_access ON auth_schema.users;
DROP TABLE auth_schema.access_revocations;
DROP FUNCTION auth_schema.revoke_access_of_session();
DROP FUNCTION auth_schema.revoke_access_of_user();
DROP TABLE auth_schema.partner_audit_log;
DROP TABLE auth_schema.api_keys;
DROP TABLE auth_schema.partners;
DROP FUNCTION auth_schema.log_api_key_change();
DROP FUNCTION auth_schema.log_partner_change();
