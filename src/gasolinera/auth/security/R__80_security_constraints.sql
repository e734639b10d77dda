-- The stricter rules of production and test; development goes without them. Safe to run again.
-- NOT VALID, so that nobody waits: afterMigrate looks at the rows from before.
-- vuelo: allow locking-several-tables No statement reads rows: all locks together last milliseconds.

-- An administrator's first login enrols the second factor, and no login is recorded before it is there. So somebody
-- who has logged in without one cannot be made an administrator either.
ALTER TABLE auth_schema.users
    DROP CONSTRAINT IF EXISTS users_administrator_second_factor_check,
    ADD CONSTRAINT users_administrator_second_factor_check CHECK (
        role NOT IN ('STATION_ADMIN', 'SYSTEM_ADMIN') OR last_login_at IS NULL
        OR second_factor_enabled_at IS NOT NULL OR NOT is_active) NOT VALID,
    -- Nonce, TOTP secret of 160 bits and authentication tag: shorter is not an encrypted secret.
    DROP CONSTRAINT IF EXISTS users_second_factor_encrypted_check,
    ADD CONSTRAINT users_second_factor_encrypted_check CHECK (octet_length(second_factor_secret) >= 48) NOT VALID,
    DROP CONSTRAINT IF EXISTS users_verified_login_check,
    ADD CONSTRAINT users_verified_login_check
        CHECK (last_login_at IS NULL OR phone_verified_at IS NOT NULL) NOT VALID,
    -- Raffles and personal data need the terms accepted and the age confirmed. An employee who never did either is
    -- deactivated at the end of the employment.
    DROP CONSTRAINT IF EXISTS users_customer_terms_check,
    ADD CONSTRAINT users_customer_terms_check CHECK (
        role <> 'CUSTOMER' OR erased_at IS NOT NULL OR NOT is_active
        OR (terms_accepted_at IS NOT NULL AND age_confirmed_at IS NOT NULL)) NOT VALID;

ALTER TABLE auth_schema.otp_sessions
    DROP CONSTRAINT IF EXISTS otp_sessions_lifetime_check,
    ADD CONSTRAINT otp_sessions_lifetime_check CHECK (expires_at - created_at <= interval '5 minutes') NOT VALID,
    -- CONSOLE prints the code where the developer sees it.
    DROP CONSTRAINT IF EXISTS otp_sessions_delivered_check,
    ADD CONSTRAINT otp_sessions_delivered_check CHECK (channel <> 'CONSOLE') NOT VALID;

ALTER TABLE auth_schema.refresh_tokens
    DROP CONSTRAINT IF EXISTS refresh_tokens_family_lifetime_check,
    ADD CONSTRAINT refresh_tokens_family_lifetime_check
        CHECK (family_expires_at - issued_at <= interval '90 days') NOT VALID;

-- Whoever reads for reports learns how many and when, never who.
REVOKE SELECT ON auth_schema.active_users FROM auth_ro;
REVOKE SELECT ON auth_schema.users FROM auth_ro;
GRANT SELECT (
    id, public_id, role, is_active, preferred_language, phone_verified_at, failed_login_attempts, locked_until,
    terms_version, terms_accepted_at, age_confirmed_at, second_factor_enabled_at, erased_at, created_at, updated_at)
    ON auth_schema.users TO auth_ro;
REVOKE SELECT ON auth_schema.otp_sessions FROM auth_ro;
GRANT SELECT (
    id, user_id, purpose, channel, attempts, expires_at, consumed_at, voided_at, void_reason, created_at, updated_at)
    ON auth_schema.otp_sessions TO auth_ro;
REVOKE SELECT ON auth_schema.otp_rate_limits FROM auth_ro;
GRANT SELECT (scope, window_s, window_start, request_count, max_requests, updated_at)
    ON auth_schema.otp_rate_limits TO auth_ro;
REVOKE SELECT ON auth_schema.refresh_tokens FROM auth_ro;
GRANT SELECT (
    id, user_id, family_id, rotated_from_id, issued_at, expires_at, family_expires_at, used_at, revoked_at,
    revoke_reason, created_at, updated_at) ON auth_schema.refresh_tokens TO auth_ro;
REVOKE SELECT ON auth_schema.auth_audit_log FROM auth_ro;
GRANT SELECT (
    id, event_type, succeeded, user_id, family_id, reason, old_values, new_values, actor, correlation_id, created_at)
    ON auth_schema.auth_audit_log TO auth_ro;
