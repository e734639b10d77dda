-- One person's data: what somebody did is found for an export, what tells who it was goes when the account is erased,
-- and from where something was done goes after a year.
-- vuelo: allow require-concurrent-index-creation a partitioned table's cannot be made so; months are small as yet
-- vuelo: allow locking-several-tables each gains an index or a trigger: all locks together last milliseconds

-- What somebody did (export_acts, forget_person).
CREATE INDEX station_audit_log_actor_created_at_idx ON station_schema.station_audit_log (actor, created_at);
-- What still tells from where, the oldest first (forget_addresses).
CREATE INDEX station_audit_log_with_address_created_at_idx ON station_schema.station_audit_log (created_at)
    WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;

-- Only of somebody whose account is erased: the service cannot clean its own traces.
CREATE FUNCTION station_schema.forget_person(p_user_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_personal text[] := ARRAY['termination_reason', 'certificate_number', 'withdrawal_reason'];
BEGIN
    IF NOT EXISTS (SELECT FROM station_schema.user_states AS u WHERE u.user_id = p_user_id AND u.is_erased) THEN
        RAISE EXCEPTION 'the account of user % is not erased', p_user_id USING ERRCODE = 'restrict_violation';
    END IF;
    -- Whoever writes of these employments has ended, or sees from here on that the account is erased (the triggers below).
    PERFORM FROM station_schema.employees AS e WHERE e.user_id = p_user_id ORDER BY e.id FOR NO KEY UPDATE;
    UPDATE station_schema.employees AS e
       SET termination_reason = NULL
     WHERE e.user_id = p_user_id AND e.termination_reason <> 'the account was erased';
    UPDATE station_schema.employee_certifications AS c
       SET certificate_number = NULL,
           withdrawal_reason = CASE WHEN c.withdrawal_reason IS NOT NULL THEN 'erased' END
      FROM station_schema.employees AS e
     WHERE e.user_id = p_user_id AND c.employee_id = e.id
       AND (c.certificate_number IS NOT NULL OR c.withdrawal_reason <> 'erased');
    -- Last: the two changes above were logged too.
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    UPDATE station_schema.station_audit_log AS a
       SET old_values = a.old_values - v_personal, new_values = a.new_values - v_personal
      FROM station_schema.employees AS e
     WHERE e.user_id = p_user_id AND a.entity_reference = e.employee_number
       AND (a.old_values ?| v_personal OR a.new_values ?| v_personal);
    UPDATE station_schema.station_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.actor = p_user_id::text AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
    PERFORM set_config('gasolinera.maintenance', '', true);
END
$$;
COMMENT ON FUNCTION station_schema.forget_person(uuid) IS
    'Forgets texts and certificates of an erased user''s employments, in the log too, and from where the user did what. '
    'References, days and hours of work stay. Again changes nothing; refuses for anybody who is not erased.';
REVOKE EXECUTE ON FUNCTION station_schema.forget_person(uuid) FROM PUBLIC;

-- The employment's row is held by whoever writes and by forget_person: so one of them sees what the other did.
CREATE FUNCTION station_schema.forget_late_reason() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF EXISTS (SELECT FROM station_schema.user_states AS u WHERE u.user_id = NEW.user_id AND u.is_erased) THEN
        NEW.termination_reason := NULL;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION station_schema.forget_late_reason() IS
    'BEFORE trigger: no reason is kept why the employment of an erased person ended.';
CREATE TRIGGER employees_forget_late_reason BEFORE INSERT OR UPDATE ON station_schema.employees
    FOR EACH ROW WHEN (NEW.termination_reason <> 'the account was erased')
    EXECUTE FUNCTION station_schema.forget_late_reason();

CREATE FUNCTION station_schema.forget_late_certificate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM FROM station_schema.employees AS e WHERE e.id = NEW.employee_id FOR SHARE;
    IF EXISTS (
        SELECT FROM station_schema.employees AS e
          JOIN station_schema.user_states AS u ON u.user_id = e.user_id AND u.is_erased
         WHERE e.id = NEW.employee_id)
    THEN
        NEW.certificate_number := NULL;
        NEW.withdrawal_reason := CASE WHEN NEW.withdrawal_reason IS NOT NULL THEN 'erased' END;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION station_schema.forget_late_certificate() IS
    'BEFORE trigger: of an erased person neither the certificate nor why it was withdrawn is kept, only that it was. '
    'Holds the employment until the end.';
CREATE TRIGGER employee_certifications_forget_late BEFORE INSERT OR UPDATE ON station_schema.employee_certifications
    FOR EACH ROW WHEN (NEW.certificate_number IS NOT NULL OR NEW.withdrawal_reason <> 'erased')
    EXECUTE FUNCTION station_schema.forget_late_certificate();

CREATE FUNCTION station_schema.forget_addresses(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_first timestamptz;
    v_last timestamptz;
    v_found integer;
    v_count integer := 0;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Two at the same time come one after the other: each looks for what the one before has left.
    PERFORM pg_advisory_xact_lock(hashtextextended('station_schema.forget_addresses', 0));
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    -- Looked for again where an erasure took some of what was found. A window of time, and no list of keys: months that
    -- it does not touch are not looked at.
    WHILE v_count < p_limit LOOP
        SELECT min(o.created_at), max(o.created_at) INTO v_first, v_last
          FROM (SELECT a.created_at FROM station_schema.station_audit_log AS a
                 WHERE a.created_at < now() - interval '1 year'
                   AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL)
                 ORDER BY a.created_at LIMIT p_limit - v_count) AS o;
        EXIT WHEN v_first IS NULL;
        UPDATE station_schema.station_audit_log AS a
           SET ip_address = NULL, user_agent = NULL
         WHERE a.created_at >= v_first AND a.created_at <= v_last
           AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
        GET DIAGNOSTICS v_found = ROW_COUNT;
        v_count := v_count + v_found;
    END LOOP;
    PERFORM set_config('gasolinera.maintenance', '', true);
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION station_schema.forget_addresses(integer) IS
    'Takes addresses and user agents out of p_limit entries of the log that are older than a year, the oldest first, and '
    'out of those of the same moment as the last. Fewer than p_limit: no more are left, whatever else runs. What, who '
    'and when stay.';
REVOKE EXECUTE ON FUNCTION station_schema.forget_addresses(integer) FROM PUBLIC;

-- Rights -----------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION station_schema.forget_late_reason(), station_schema.forget_late_certificate() TO station_app;
GRANT EXECUTE ON FUNCTION station_schema.forget_person(uuid), station_schema.forget_addresses(integer) TO station_app;
