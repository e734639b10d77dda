-- The devices at the counter: each enrols once with a key of its own, signs what it asks, and can be shut out at once.

CREATE SEQUENCE station_schema.terminal_numbers AS bigint;
COMMENT ON SEQUENCE station_schema.terminal_numbers IS 'What the codes of terminals count with.';

CREATE TABLE station_schema.terminals (
    id bigint GENERATED ALWAYS AS IDENTITY,
    terminal_code text NOT NULL,
    station_id bigint NOT NULL,
    name text NOT NULL,
    public_key bytea NOT NULL,
    enrolled_by text NOT NULL,
    revoked_at timestamptz,
    revocation_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT terminals_pk PRIMARY KEY (id),
    CONSTRAINT terminals_terminal_code_key UNIQUE (terminal_code),
    -- A key is one device's, for good: one that was shut out does not come back under another name.
    CONSTRAINT terminals_public_key_key UNIQUE (public_key),
    CONSTRAINT terminals_station_id_fk FOREIGN KEY (station_id)
        REFERENCES station_schema.stations (id) ON DELETE RESTRICT,
    CONSTRAINT terminals_terminal_code_check CHECK (terminal_code ~ '^TRM[0-9]{6,15}$'),
    CONSTRAINT terminals_name_check CHECK (
        name = btrim(name) AND length(name) BETWEEN 1 AND 80 AND station_schema.is_readable(name)),
    CONSTRAINT terminals_public_key_check CHECK (octet_length(public_key) = 32),
    CONSTRAINT terminals_revocation_reason_check CHECK (
        (revoked_at IS NULL) = (revocation_reason IS NULL) AND length(btrim(revocation_reason)) BETWEEN 1 AND 300
        AND station_schema.is_readable(revocation_reason))
);
COMMENT ON TABLE station_schema.terminals IS 'Devices of a station, each known by the Ed25519 key that only it has.';
COMMENT ON COLUMN station_schema.terminals.enrolled_by IS 'Personal data: who let it in: the maker of its code.';
-- The terminals of a station (list_terminals); the foreign key.
CREATE INDEX terminals_station_id_terminal_code_idx ON station_schema.terminals (station_id, terminal_code);
CREATE TRIGGER terminals_set_updated_at BEFORE UPDATE ON station_schema.terminals
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

CREATE TABLE station_schema.terminal_sightings (
    terminal_id bigint NOT NULL,
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT terminal_sightings_pk PRIMARY KEY (terminal_id),
    CONSTRAINT terminal_sightings_terminal_id_fk FOREIGN KEY (terminal_id)
        REFERENCES station_schema.terminals (id) ON DELETE CASCADE
);
COMMENT ON TABLE station_schema.terminal_sightings IS
    'When a terminal last signed something, to the minute. Apart from the terminals, so that being seen neither waits for '
    'a change of one nor fills the audit log.';

CREATE TABLE station_schema.terminal_nonces (
    terminal_id bigint NOT NULL,
    nonce bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Of two requests with one signature the second breaks this key.
    CONSTRAINT terminal_nonces_pk PRIMARY KEY (terminal_id, nonce),
    CONSTRAINT terminal_nonces_terminal_id_fk FOREIGN KEY (terminal_id)
        REFERENCES station_schema.terminals (id) ON DELETE CASCADE,
    CONSTRAINT terminal_nonces_nonce_check CHECK (octet_length(nonce) = 16)
);
COMMENT ON TABLE station_schema.terminal_nonces IS
    'What terminals signed of late, so that nothing signed counts twice. Deleted five minutes later, when its time alone '
    'refuses it. Not partitioned: the key must be unique.';
-- Clean-up: what is too old to be repeated.
CREATE INDEX terminal_nonces_created_at_idx ON station_schema.terminal_nonces (created_at);

CREATE TABLE station_schema.terminal_enrolments (
    id bigint GENERATED ALWAYS AS IDENTITY,
    reference text NOT NULL,
    station_id bigint NOT NULL,
    name text NOT NULL,
    code_key_id integer NOT NULL,
    code_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    used_at timestamptz,
    created_by text NOT NULL DEFAULT coalesce(station_schema.request_context('actor'), 'role:' || session_user),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT terminal_enrolments_pk PRIMARY KEY (id),
    CONSTRAINT terminal_enrolments_reference_key UNIQUE (reference),
    CONSTRAINT terminal_enrolments_station_id_fk FOREIGN KEY (station_id)
        REFERENCES station_schema.stations (id) ON DELETE CASCADE,
    CONSTRAINT terminal_enrolments_reference_check CHECK (reference ~ '^[0-9A-HJKMNP-TV-Z]{6}$'),
    CONSTRAINT terminal_enrolments_name_check CHECK (
        name = btrim(name) AND length(name) BETWEEN 1 AND 80 AND station_schema.is_readable(name)),
    CONSTRAINT terminal_enrolments_code_hash_check CHECK (octet_length(code_hash) = 32),
    CONSTRAINT terminal_enrolments_expires_at_check CHECK (
        expires_at > created_at AND expires_at <= created_at + interval '15 minutes'),
    CONSTRAINT terminal_enrolments_tries_check CHECK (tries BETWEEN 0 AND 3)
);
COMMENT ON TABLE station_schema.terminal_enrolments IS
    'Codes with which a device may enrol: once, within 15 minutes, with three tries. Kept as a keyed hash alone.';
COMMENT ON COLUMN station_schema.terminal_enrolments.reference IS
    'The part of the code that finds it, so that wrong tries are counted; the other part proves.';
COMMENT ON COLUMN station_schema.terminal_enrolments.created_by IS 'Personal data: who made the code.';
-- The foreign key; the open codes of a station (make_enrolment).
CREATE INDEX terminal_enrolments_station_id_expires_at_idx
    ON station_schema.terminal_enrolments (station_id, expires_at);
-- Clean-up: codes that were over a day ago.
CREATE INDEX terminal_enrolments_created_at_idx ON station_schema.terminal_enrolments (created_at);
CREATE TRIGGER terminal_enrolments_set_updated_at BEFORE UPDATE ON station_schema.terminal_enrolments
    FOR EACH ROW EXECUTE FUNCTION station_schema.set_updated_at();

-- The service cannot delete what still protects.
CREATE FUNCTION station_schema.forget_terminal_traces() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_nonces integer;
    v_codes integer;
BEGIN
    DELETE FROM station_schema.terminal_nonces WHERE created_at < now() - interval '5 minutes';
    GET DIAGNOSTICS v_nonces = ROW_COUNT;
    DELETE FROM station_schema.terminal_enrolments WHERE created_at < now() - interval '1 day';
    GET DIAGNOSTICS v_codes = ROW_COUNT;
    RETURN v_nonces + v_codes;
END
$$;
COMMENT ON FUNCTION station_schema.forget_terminal_traces() IS
    'Deletes what terminals signed more than five minutes ago and codes older than a day; returns how many of both.';
REVOKE EXECUTE ON FUNCTION station_schema.forget_terminal_traces() FROM PUBLIC;

-- Audit ------------------------------------------------------------------------------------------------------------

ALTER TABLE station_schema.station_audit_log
    DROP CONSTRAINT station_audit_log_entity_type_check,
    ADD CONSTRAINT station_audit_log_entity_type_check CHECK (
        entity_type IN ('STATION', 'EMPLOYEE', 'PRICE', 'SCHEDULED_PRICE', 'HOURS_EXCEPTION', 'SHIFT', 'CERTIFICATION',
            'TERMINAL', 'TERMINAL_CODE')) NOT VALID;

CREATE FUNCTION station_schema.log_terminal_codes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, new_values)
    SELECT 'TERMINAL_CODE_CREATED', 'TERMINAL_CODE', s.station_code,
           jsonb_build_object('reference', n.reference, 'name', n.name, 'expires_at', n.expires_at)
      FROM new_rows AS n JOIN station_schema.stations AS s ON s.id = n.station_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION station_schema.log_terminal_codes() IS
    'AFTER statement trigger: who made a code for which station; never the code or its hash.';
REVOKE EXECUTE ON FUNCTION station_schema.log_terminal_codes() FROM PUBLIC;

CREATE TRIGGER terminal_enrolments_log_insert AFTER INSERT ON station_schema.terminal_enrolments
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_terminal_codes();
CREATE TRIGGER terminals_log_insert AFTER INSERT ON station_schema.terminals
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('TERMINAL', 'terminal_code');
CREATE TRIGGER terminals_log_update AFTER UPDATE ON station_schema.terminals
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('TERMINAL', 'terminal_code');
CREATE TRIGGER terminals_log_delete AFTER DELETE ON station_schema.terminals
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION station_schema.log_changes('TERMINAL', 'terminal_code');

-- Rights -----------------------------------------------------------------------------------------------------------

GRANT USAGE ON SEQUENCE station_schema.terminal_numbers TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.forget_terminal_traces() TO station_app;
GRANT SELECT, INSERT (terminal_code, station_id, name, public_key, enrolled_by),
    UPDATE (name, revoked_at, revocation_reason)
    ON station_schema.terminals TO station_app;
GRANT SELECT, INSERT (terminal_id, last_seen_at), UPDATE (last_seen_at)
    ON station_schema.terminal_sightings TO station_app;
GRANT SELECT, INSERT (terminal_id, nonce) ON station_schema.terminal_nonces TO station_app;
GRANT SELECT, INSERT (reference, station_id, name, code_key_id, code_hash, expires_at), UPDATE (tries, used_at)
    ON station_schema.terminal_enrolments TO station_app;

GRANT SELECT (id, terminal_code, station_id, name, revoked_at, created_at, updated_at)
    ON station_schema.terminals TO station_ro;
GRANT SELECT ON station_schema.terminal_sightings TO station_ro;
