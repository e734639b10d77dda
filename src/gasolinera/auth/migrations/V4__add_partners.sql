-- Partners whose systems ask by API key, the log of what was done to them, and who lost access while tokens still run.
-- No key is ever stored, only its SHA-256: 256 random bits need nothing slower.
-- vuelo: allow locking-several-tables Triggers on two tables in use: no rows are read, all locks last milliseconds.

-- Partners --------------------------------------------------------------------------------------------------------

CREATE TABLE auth_schema.partners (
    id bigint GENERATED ALWAYS AS IDENTITY,
    partner_code text NOT NULL,
    name text NOT NULL,
    contact_email text,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT partners_pk PRIMARY KEY (id),
    CONSTRAINT partners_partner_code_key UNIQUE (partner_code),
    CONSTRAINT partners_partner_code_check CHECK (partner_code ~ '^[A-Z0-9][A-Z0-9-]{1,18}[A-Z0-9]$'),
    CONSTRAINT partners_name_check CHECK (
        name = btrim(name) AND length(name) BETWEEN 1 AND 200 AND auth_schema.has_visible_character(name)),
    CONSTRAINT partners_contact_email_check CHECK (
        length(contact_email) <= 254
        AND contact_email ~ '^[^@[:space:]]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$')
);
COMMENT ON TABLE auth_schema.partners IS
    'Firms whose point-of-sale systems use the API. An inactive one is refused at once, whatever keys it holds.';
COMMENT ON COLUMN auth_schema.partners.partner_code IS 'How tokens, logs and other tables name the partner.';
COMMENT ON COLUMN auth_schema.partners.contact_email IS 'Personal data: whom to write to at the partner.';
CREATE TRIGGER partners_set_updated_at BEFORE UPDATE ON auth_schema.partners
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY,
    partner_id bigint NOT NULL,
    prefix text NOT NULL,
    key_hash bytea NOT NULL,
    label text NOT NULL,
    scopes text[] NOT NULL,
    station_code text,
    requests_per_minute integer NOT NULL DEFAULT 300,
    rotated_from_id bigint,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT api_keys_pk PRIMARY KEY (id),
    CONSTRAINT api_keys_prefix_key UNIQUE (prefix),
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
    -- A key is rotated once: of two requests at the same moment the second breaks this key.
    CONSTRAINT api_keys_rotated_from_id_key UNIQUE (rotated_from_id),
    CONSTRAINT api_keys_id_partner_id_key UNIQUE (id, partner_id),
    CONSTRAINT api_keys_partner_id_fk FOREIGN KEY (partner_id) REFERENCES auth_schema.partners (id) ON DELETE RESTRICT,
    CONSTRAINT api_keys_rotated_from_id_fk FOREIGN KEY (rotated_from_id, partner_id)
        REFERENCES auth_schema.api_keys (id, partner_id) ON DELETE RESTRICT,
    CONSTRAINT api_keys_prefix_check CHECK (prefix ~ '^[A-Za-z0-9_-]{8}$'),
    CONSTRAINT api_keys_key_hash_check CHECK (octet_length(key_hash) = 32),
    CONSTRAINT api_keys_label_check CHECK (
        label = btrim(label) AND length(label) BETWEEN 1 AND 100 AND auth_schema.has_visible_character(label)),
    CONSTRAINT api_keys_scopes_check CHECK (
        cardinality(scopes) BETWEEN 1 AND 20 AND array_position(scopes, NULL) IS NULL
        AND array_to_string(scopes, ' ') ~ '^[a-z:-]{1,40}( [a-z:-]{1,40})*$'
        -- No system of a partner administers accounts, partners or the platform.
        AND NOT scopes && ARRAY['users:read', 'users:manage', 'users:look-up', 'access:check', 'audit:read',
                                'partners:manage', 'events:replay', 'jobs:run']),
    CONSTRAINT api_keys_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT api_keys_requests_per_minute_check CHECK (requests_per_minute BETWEEN 1 AND 60000),
    CONSTRAINT api_keys_expires_at_check CHECK (expires_at <= created_at + interval '400 days')
);
COMMENT ON TABLE auth_schema.api_keys IS
    'Keys of partners. The key itself is shown once, when it is made. Rotation makes a successor with the same rights '
    'and lets the old key end after an overlap. Kept for good: the log names keys by their prefix.';
COMMENT ON COLUMN auth_schema.api_keys.prefix IS 'The readable beginning of the key, which tells keys apart.';
COMMENT ON COLUMN auth_schema.api_keys.scopes IS 'Permissions of the matrix that the key has.';
COMMENT ON COLUMN auth_schema.api_keys.station_code IS 'The only station that the key is good for; NULL: all.';
COMMENT ON COLUMN auth_schema.api_keys.last_used_at IS 'To the minute: not every request writes.';
-- A partner's keys, newest first; the foreign key's own look-up.
CREATE INDEX api_keys_partner_id_idx ON auth_schema.api_keys (partner_id, id DESC);
CREATE TRIGGER api_keys_set_updated_at BEFORE UPDATE ON auth_schema.api_keys
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();
CREATE TRIGGER api_keys_final BEFORE UPDATE ON auth_schema.api_keys
    FOR EACH ROW
    WHEN (NEW.expires_at > OLD.expires_at
        OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at))
    EXECUTE FUNCTION auth_schema.refuse_revival();

-- The log ---------------------------------------------------------------------------------------------------------

CREATE TABLE auth_schema.partner_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_type text NOT NULL,
    partner_code text NOT NULL,
    key_prefix text,
    new_values jsonb NOT NULL,
    actor text DEFAULT auth_schema.request_context('actor'),
    correlation_id text DEFAULT auth_schema.request_context('correlation_id'),
    ip_address inet DEFAULT auth_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT left(auth_schema.request_context('user_agent'), 500),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT partner_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT partner_audit_log_event_type_check CHECK (event_type IN (
        'PARTNER_CREATED', 'PARTNER_CHANGED', 'API_KEY_CREATED', 'API_KEY_ROTATED', 'API_KEY_EXPIRY_SET',
        'API_KEY_REVOKED')),
    CONSTRAINT partner_audit_log_new_values_check CHECK (jsonb_typeof(new_values) = 'object')
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE auth_schema.partner_audit_log IS
    'What was done to partners and their keys, by whom and from where; append-only, written by triggers alone.';
COMMENT ON COLUMN auth_schema.partner_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN auth_schema.partner_audit_log.user_agent IS 'Personal data: the device that asked.';
-- The history of a partner, newest first.
CREATE INDEX partner_audit_log_partner_code_created_at_idx
    ON auth_schema.partner_audit_log (partner_code, created_at DESC);
CREATE TRIGGER partner_audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON auth_schema.partner_audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION auth_schema.refuse_change();
SELECT auth_schema.ensure_all_month_partitions();

CREATE FUNCTION auth_schema.log_partner_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO auth_schema.partner_audit_log (event_type, partner_code, new_values)
    VALUES (TG_ARGV[0], NEW.partner_code, jsonb_build_object('name', NEW.name, 'is_active', NEW.is_active));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth_schema.log_partner_change() IS
    'AFTER row trigger of partners: writes the event of its argument, without what is personal.';
REVOKE EXECUTE ON FUNCTION auth_schema.log_partner_change() FROM PUBLIC;

CREATE FUNCTION auth_schema.log_api_key_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO auth_schema.partner_audit_log (event_type, partner_code, key_prefix, new_values)
    SELECT TG_ARGV[0], p.partner_code, NEW.prefix,
           jsonb_build_object('scopes', NEW.scopes, 'station_code', NEW.station_code, 'expires_at', NEW.expires_at,
                              'requests_per_minute', NEW.requests_per_minute, 'label', NEW.label)
      FROM auth_schema.partners AS p WHERE p.id = NEW.partner_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth_schema.log_api_key_change() IS 'AFTER row trigger of api_keys: writes the event of its argument.';
REVOKE EXECUTE ON FUNCTION auth_schema.log_api_key_change() FROM PUBLIC;

CREATE TRIGGER partners_log_insert AFTER INSERT ON auth_schema.partners
    FOR EACH ROW EXECUTE FUNCTION auth_schema.log_partner_change('PARTNER_CREATED');
CREATE TRIGGER partners_log_update AFTER UPDATE ON auth_schema.partners
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION auth_schema.log_partner_change('PARTNER_CHANGED');
CREATE TRIGGER api_keys_log_insert AFTER INSERT ON auth_schema.api_keys
    FOR EACH ROW WHEN (NEW.rotated_from_id IS NULL)
    EXECUTE FUNCTION auth_schema.log_api_key_change('API_KEY_CREATED');
CREATE TRIGGER api_keys_log_rotation AFTER INSERT ON auth_schema.api_keys
    FOR EACH ROW WHEN (NEW.rotated_from_id IS NOT NULL)
    EXECUTE FUNCTION auth_schema.log_api_key_change('API_KEY_ROTATED');
CREATE TRIGGER api_keys_log_expiry AFTER UPDATE ON auth_schema.api_keys
    FOR EACH ROW WHEN (NEW.expires_at <> OLD.expires_at)
    EXECUTE FUNCTION auth_schema.log_api_key_change('API_KEY_EXPIRY_SET');
CREATE TRIGGER api_keys_log_revocation AFTER UPDATE ON auth_schema.api_keys
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
    EXECUTE FUNCTION auth_schema.log_api_key_change('API_KEY_REVOKED');

-- Who lost access -------------------------------------------------------------------------------------------------

CREATE TABLE auth_schema.access_revocations (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id uuid,
    session_id uuid,
    revoked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT access_revocations_pk PRIMARY KEY (id),
    -- A session ends once.
    CONSTRAINT access_revocations_session_id_key UNIQUE (session_id),
    CONSTRAINT access_revocations_subject_check CHECK (num_nonnulls(user_id, session_id) = 1)
);
COMMENT ON TABLE auth_schema.access_revocations IS
    'Access tokens run for 15 minutes by themselves; a row ends those of a session, or those of a user that were issued '
    'by revoked_at. Every process reads the new rows twice a second. Nothing is changed here; deleted after an hour.';
COMMENT ON COLUMN auth_schema.access_revocations.user_id IS 'users.public_id.';
COMMENT ON COLUMN auth_schema.access_revocations.session_id IS 'The family of refresh tokens.';
COMMENT ON COLUMN auth_schema.access_revocations.revoked_at IS
    'The time of the statement, under the lock of the user, so that tokens issued before it are earlier.';
COMMENT ON COLUMN auth_schema.access_revocations.transaction_id IS
    'Readers ask for everything from the oldest transaction that ran when they last looked: a row that is committed '
    'late is not missed, which its number or time could not promise.';
-- What is new: each process, twice a second.
CREATE INDEX access_revocations_transaction_id_idx ON auth_schema.access_revocations (transaction_id);
-- Clean-up, and all that still matters when a process starts.
CREATE INDEX access_revocations_revoked_at_idx ON auth_schema.access_revocations (revoked_at);
CREATE TRIGGER access_revocations_running BEFORE DELETE ON auth_schema.access_revocations
    FOR EACH ROW WHEN (OLD.revoked_at > now() - interval '20 minutes')
    EXECUTE FUNCTION auth_schema.refuse_revival();

CREATE FUNCTION auth_schema.revoke_access_of_user() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO auth_schema.access_revocations (user_id) VALUES (NEW.public_id);
    IF NOT NEW.is_active THEN
        -- A token of these may be on its way to be signed with a later time: its session ends too.
        INSERT INTO auth_schema.access_revocations (session_id)
        SELECT DISTINCT t.family_id FROM auth_schema.refresh_tokens AS t
         WHERE t.user_id = NEW.id AND t.used_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > now()
         ORDER BY t.family_id
        ON CONFLICT (session_id) DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth_schema.revoke_access_of_user() IS
    'AFTER row trigger of users: tokens say role and that the account is active, so they end when that changes.';

CREATE FUNCTION auth_schema.revoke_access_of_session() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO auth_schema.access_revocations (session_id) VALUES (NEW.family_id)
    ON CONFLICT (session_id) DO NOTHING;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth_schema.revoke_access_of_session() IS
    'AFTER row trigger of refresh_tokens: whoever ends a session ends the access tokens that it gave.';

CREATE TRIGGER users_revoke_access AFTER UPDATE ON auth_schema.users
    FOR EACH ROW
    WHEN (NEW.role <> OLD.role OR (OLD.is_active AND NOT NEW.is_active)
        OR (OLD.second_factor_enabled_at IS NOT NULL AND NEW.second_factor_enabled_at IS NULL))
    EXECUTE FUNCTION auth_schema.revoke_access_of_user();
CREATE TRIGGER refresh_tokens_revoke_access AFTER UPDATE ON auth_schema.refresh_tokens
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
    EXECUTE FUNCTION auth_schema.revoke_access_of_session();

-- Rights ----------------------------------------------------------------------------------------------------------

GRANT SELECT, INSERT (partner_code, name, contact_email), UPDATE (name, contact_email, is_active)
    ON auth_schema.partners TO auth_app;
GRANT SELECT,
    INSERT (partner_id, prefix, key_hash, label, scopes, station_code, requests_per_minute, rotated_from_id,
            expires_at),
    UPDATE (expires_at, last_used_at, revoked_at)
    ON auth_schema.api_keys TO auth_app;
GRANT SELECT ON auth_schema.partner_audit_log TO auth_app;
GRANT SELECT, DELETE, INSERT (user_id, session_id) ON auth_schema.access_revocations TO auth_app;

GRANT SELECT (id, partner_code, name, is_active, created_at, updated_at) ON auth_schema.partners TO auth_ro;
GRANT SELECT (id, partner_id, prefix, label, scopes, station_code, requests_per_minute, rotated_from_id, expires_at,
              last_used_at, revoked_at, created_at, updated_at) ON auth_schema.api_keys TO auth_ro;
GRANT SELECT (id, event_type, partner_code, key_prefix, new_values, actor, correlation_id, created_at)
    ON auth_schema.partner_audit_log TO auth_ro;
GRANT SELECT ON auth_schema.access_revocations TO auth_ro;
