-- Requests that must not have their effect twice, and limits that all processes count together.

CREATE TABLE raffle_schema.idempotency_keys (
    key_hash bytea NOT NULL,
    fingerprint bytea NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Of two requests with one key that got this far, the second breaks this key, and rolls back with its effect.
    CONSTRAINT idempotency_keys_pk PRIMARY KEY (key_hash),
    CONSTRAINT idempotency_keys_key_hash_check CHECK (octet_length(key_hash) = 32),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK (octet_length(fingerprint) = 32),
    CONSTRAINT idempotency_keys_status_check CHECK (status BETWEEN 200 AND 499),
    CONSTRAINT idempotency_keys_answer_check CHECK (octet_length(answer) BETWEEN 1 AND 1100000)
);
-- Clean-up: answers that are older than a day.
CREATE INDEX idempotency_keys_created_at_idx ON raffle_schema.idempotency_keys (created_at);

COMMENT ON TABLE raffle_schema.idempotency_keys IS
    'The answer to each request that had an Idempotency-Key, written in the transaction of its effect and given again '
    'to a repetition. Not partitioned: a key must be unique. Deleted after a day.';
COMMENT ON COLUMN raffle_schema.idempotency_keys.key_hash IS
    'SHA-256 of who asked, the route and the key, which itself is kept nowhere.';
COMMENT ON COLUMN raffle_schema.idempotency_keys.fingerprint IS
    'SHA-256 of method, address and body: a key stands for one request.';
COMMENT ON COLUMN raffle_schema.idempotency_keys.answer IS
    'Personal data: headers and body, encrypted with a key that only who knows the Idempotency-Key can make again.';

CREATE TABLE raffle_schema.rate_limits (
    limit_name text NOT NULL,
    subject bytea NOT NULL,
    window_s integer NOT NULL,
    window_start timestamptz NOT NULL,
    request_count integer NOT NULL DEFAULT 1,
    max_requests integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT rate_limits_pk PRIMARY KEY (limit_name, subject, window_s, window_start),
    CONSTRAINT rate_limits_limit_name_check CHECK (limit_name ~ '^[a-z][a-z0-9_.]{1,49}$'),
    CONSTRAINT rate_limits_subject_check CHECK (octet_length(subject) = 32),
    CONSTRAINT rate_limits_window_s_check CHECK (window_s BETWEEN 1 AND 86400),
    CONSTRAINT rate_limits_window_start_check CHECK (mod(extract(epoch FROM window_start), window_s) = 0),
    CONSTRAINT rate_limits_request_count_check CHECK (request_count BETWEEN 1 AND max_requests)
);
-- Clean-up: windows that ended more than a day ago.
CREATE INDEX rate_limits_window_start_idx ON raffle_schema.rate_limits (window_start);

COMMENT ON TABLE raffle_schema.rate_limits IS
    'How often something was done in a window of time, for a limit and a subject. All limits of a request are taken by '
    'one statement, in the order of the key, so that requests cannot deadlock; a full one is not updated, and the '
    'transaction that wanted it rolls back. Deleted a day after the window.';
COMMENT ON COLUMN raffle_schema.rate_limits.subject IS
    'Personal data: SHA-256 of the phone number, address or user that the limit is about.';
COMMENT ON COLUMN raffle_schema.rate_limits.window_start IS
    'A whole multiple of window_s since 1970, so that every process names the same window.';
COMMENT ON COLUMN raffle_schema.rate_limits.max_requests IS 'The limit in force when the window was opened.';

CREATE TRIGGER rate_limits_set_updated_at BEFORE UPDATE ON raffle_schema.rate_limits
    FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

-- The service cannot delete what still protects: a young answer, a window that is not over.
CREATE FUNCTION raffle_schema.forget_old_requests(p_at_most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_answers integer;
    v_windows integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 rows at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM raffle_schema.idempotency_keys
     WHERE key_hash IN (
        SELECT key_hash FROM raffle_schema.idempotency_keys
         WHERE created_at < now() - interval '25 hours' ORDER BY created_at LIMIT p_at_most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    DELETE FROM raffle_schema.rate_limits
     WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM raffle_schema.rate_limits
         WHERE window_start < now() - interval '2 days' ORDER BY window_start LIMIT p_at_most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_windows = ROW_COUNT;
    RETURN v_answers + v_windows;
END
$$;
COMMENT ON FUNCTION raffle_schema.forget_old_requests(integer) IS
    'Deletes answers older than 25 hours and windows that began two days ago (the longest lasts one), so many of each '
    'at most; returns how many.';
REVOKE EXECUTE ON FUNCTION raffle_schema.forget_old_requests(integer) FROM PUBLIC;

GRANT SELECT, INSERT (key_hash, fingerprint, status, answer) ON raffle_schema.idempotency_keys TO raffle_app;
GRANT SELECT,
    INSERT (limit_name, subject, window_s, window_start, request_count, max_requests),
    UPDATE (request_count)
    ON raffle_schema.rate_limits TO raffle_app;
GRANT EXECUTE ON FUNCTION raffle_schema.forget_old_requests(integer) TO raffle_app;
GRANT SELECT (key_hash, fingerprint, status, created_at) ON raffle_schema.idempotency_keys TO raffle_ro;
GRANT SELECT ON raffle_schema.rate_limits TO raffle_ro;
