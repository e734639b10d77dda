-- What tells who a person was goes when the account is erased: devices, addresses and places of what was tried and done.
-- Addresses go after a year in any case, and counts of periods when nobody can ask for them any more.
-- vuelo: allow locking-several-tables nothing but sample data is there before coupons are issued
-- vuelo: allow require-concurrent-index-creation nothing but sample data is there before coupons are issued

CREATE TABLE coupon_schema.erased_users (
    user_id uuid NOT NULL,
    erased_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT erased_users_pk PRIMARY KEY (user_id)
);
COMMENT ON TABLE coupon_schema.erased_users IS
    'Accounts that are no more, as the auth service said: only after them may forget_person clean.';
COMMENT ON COLUMN coupon_schema.erased_users.user_id IS 'Personal data: public id that the account had.';

-- Whoever scans a coupon is another person than whose it is: an address is of the one who asked.
ALTER TABLE coupon_schema.coupon_validation_attempts ADD COLUMN requested_by text;
ALTER TABLE coupon_schema.coupon_validation_attempts
    ALTER COLUMN requested_by SET DEFAULT left(coupon_schema.request_context('actor'), 100),
    ADD CONSTRAINT coupon_validation_attempts_requested_by_check
        CHECK (length(requested_by) BETWEEN 1 AND 100) NOT VALID;
COMMENT ON COLUMN coupon_schema.coupon_validation_attempts.requested_by IS
    'Personal data: whose request it was, and so whose address and user agent: users.public_id of customer or employee.';

-- Export and erasure of what a person asked for (export_attempts, forget_person).
CREATE INDEX coupon_validation_attempts_requested_by_idx ON coupon_schema.coupon_validation_attempts (requested_by)
    WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;
CREATE INDEX coupon_audit_log_actor_idx ON coupon_schema.coupon_audit_log (actor)
    WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;

CREATE FUNCTION coupon_schema.withhold_from_erased() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF EXISTS (SELECT FROM coupon_schema.erased_users AS u WHERE u.user_id = NEW.user_id) THEN
        NEW.status := 'CANCELLED';
        NEW.status_reason := 'The account was erased';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION coupon_schema.withhold_from_erased() FROM PUBLIC;
COMMENT ON FUNCTION coupon_schema.withhold_from_erased() IS
    'BEFORE UPDATE trigger: what an erased person would get, or get back, is cancelled.';
CREATE TRIGGER coupons_withhold_from_erased BEFORE UPDATE OF status, user_id ON coupon_schema.coupons
    FOR EACH ROW
    WHEN (NEW.user_id IS NOT NULL AND NEW.status IN ('ACTIVE', 'SUSPENDED')
          AND (OLD.status NOT IN ('ACTIVE', 'SUSPENDED') OR OLD.user_id IS DISTINCT FROM NEW.user_id))
    EXECUTE FUNCTION coupon_schema.withhold_from_erased();

CREATE FUNCTION coupon_schema.forget_person(p_user_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM coupon_schema.erased_users AS u WHERE u.user_id = p_user_id) THEN
        RAISE EXCEPTION 'the account of user % is not erased', p_user_id USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    UPDATE coupon_schema.coupon_validation_attempts AS a
       SET device_id = NULL, latitude = NULL, longitude = NULL,
           -- Of those whose request it was not noted, too; what another one asked for is theirs.
           ip_address = CASE WHEN a.requested_by <> p_user_id::text THEN a.ip_address END,
           user_agent = CASE WHEN a.requested_by <> p_user_id::text THEN a.user_agent END
     WHERE a.user_id = p_user_id
       AND num_nonnulls(a.device_id, a.latitude, a.longitude, a.ip_address, a.user_agent) > 0;
    UPDATE coupon_schema.coupon_validation_attempts AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.requested_by = p_user_id::text AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
    UPDATE coupon_schema.coupon_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.actor = p_user_id::text AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
    PERFORM set_config('gasolinera.maintenance', '', true);
END
$$;
REVOKE EXECUTE ON FUNCTION coupon_schema.forget_person(uuid) FROM PUBLIC;
COMMENT ON FUNCTION coupon_schema.forget_person(uuid) IS
    'Forgets devices, places and addresses of an erased user. References, coupons and uses stay. Again changes nothing; '
    'refuses for who is not erased.';

-- What still tells from where, the oldest first (forget_addresses).
CREATE INDEX coupon_audit_log_with_address_created_at_idx
    ON coupon_schema.coupon_audit_log (created_at) WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;
CREATE INDEX coupon_validation_attempts_with_address_created_at_idx
    ON coupon_schema.coupon_validation_attempts (created_at) WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;

CREATE FUNCTION coupon_schema.forget_addresses(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_log text;
    v_first timestamptz;
    v_last timestamptz;
    v_found integer;
    v_count integer := 0;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Two at the same time come one after the other: each looks for what the one before has left.
    PERFORM pg_advisory_xact_lock(hashtextextended('coupon_schema.forget_addresses', 0));
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    FOREACH v_log IN ARRAY ARRAY['coupon_audit_log', 'coupon_validation_attempts']
    LOOP
        -- Looked for again where an erasure took some of what was found. A window of time, and no list of keys: months
        -- that it does not touch are not looked at.
        WHILE v_count < p_limit LOOP
            EXECUTE format(
                'SELECT min(o.created_at), max(o.created_at) '
                '  FROM (SELECT a.created_at FROM coupon_schema.%I AS a '
                '         WHERE a.created_at < now() - interval ''1 year'' '
                '           AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL) '
                '         ORDER BY a.created_at LIMIT $1) AS o', v_log)
               INTO v_first, v_last USING p_limit - v_count;
            EXIT WHEN v_first IS NULL;
            EXECUTE format(
                'UPDATE coupon_schema.%I AS a SET ip_address = NULL, user_agent = NULL '
                ' WHERE a.created_at >= $1 AND a.created_at <= $2 '
                '   AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL)', v_log)
              USING v_first, v_last;
            GET DIAGNOSTICS v_found = ROW_COUNT;
            v_count := v_count + v_found;
        END LOOP;
    END LOOP;
    PERFORM set_config('gasolinera.maintenance', '', true);
    RETURN v_count;
END
$$;
REVOKE EXECUTE ON FUNCTION coupon_schema.forget_addresses(integer) FROM PUBLIC;
COMMENT ON FUNCTION coupon_schema.forget_addresses(integer) IS
    'Takes addresses and user agents out of p_limit rows that are older than a year, table by table, the oldest first, '
    'and out of those of the same moment as the last. Fewer than p_limit: no more are left, whatever else runs. What, '
    'who and when stay.';

CREATE FUNCTION coupon_schema.forget_ended_periods(p_at_most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_count integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 rows at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM coupon_schema.campaign_user_period_usages AS u
     USING (SELECT o.campaign_id, o.user_id, o.period_start FROM coupon_schema.campaign_user_period_usages AS o
             WHERE o.period_start < current_date - 100
             ORDER BY o.period_start LIMIT p_at_most FOR UPDATE SKIP LOCKED) AS old
     WHERE (u.campaign_id, u.user_id, u.period_start) = (old.campaign_id, old.user_id, old.period_start);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
REVOKE EXECUTE ON FUNCTION coupon_schema.forget_ended_periods(integer) FROM PUBLIC;
COMMENT ON FUNCTION coupon_schema.forget_ended_periods(integer) IS
    'Deletes counts of periods that began more than 100 days ago, so many at most; returns how many. A month has ended '
    'long before that, in every zone, and so has the time in which a redemption can be cancelled.';

GRANT EXECUTE ON FUNCTION
    coupon_schema.forget_person(uuid),
    coupon_schema.forget_addresses(integer),
    coupon_schema.forget_ended_periods(integer)
    TO coupon_app;
GRANT SELECT, INSERT (user_id, erased_at) ON coupon_schema.erased_users TO coupon_app;
GRANT SELECT ON coupon_schema.erased_users TO coupon_ro;
