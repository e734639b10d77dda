-- What every service's schema carries: timestamps, the request's context, the append-only guard, month partitions.
-- One file for all services; it runs first in each schema, so that no service depends on another's.

CREATE FUNCTION ${flyway:defaultSchema}.set_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION ${flyway:defaultSchema}.set_updated_at() IS
    'BEFORE UPDATE trigger: the row remembers when it was last changed.';

CREATE FUNCTION ${flyway:defaultSchema}.request_context(p_name text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('gasolinera.' || p_name, true), '') $$;
COMMENT ON FUNCTION ${flyway:defaultSchema}.request_context(text) IS
    'What the application set for this transaction: actor, correlation_id, ip_address, user_agent; NULL when unset.';

CREATE FUNCTION ${flyway:defaultSchema}.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- Retention and erasure run in transactions that say so; a runtime role has no such grant in the first place.
    IF ${flyway:defaultSchema}.request_context('maintenance') = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'table %.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
COMMENT ON FUNCTION ${flyway:defaultSchema}.refuse_change() IS
    'BEFORE UPDATE OR DELETE OR TRUNCATE statement trigger of append-only tables.';

CREATE FUNCTION ${flyway:defaultSchema}.ensure_month_partitions(p_table text, p_from date, p_until date) RETURNS integer
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_month date := date_trunc('month', p_from::timestamp)::date;
    v_next date;
    v_partition text;
    v_made integer := 0;
BEGIN
    -- ATTACH of a separate table takes no lock that stops readers or writers of the parent; PARTITION OF would.
    PERFORM pg_advisory_xact_lock(hashtextextended('${flyway:defaultSchema}.' || p_table, 0));
    WHILE v_month < p_until LOOP
        v_next := (v_month + interval '1 month')::date;
        v_partition := p_table || to_char(v_month, '"_"YYYY"_"MM');
        IF to_regclass(format('${flyway:defaultSchema}.%I', v_partition)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE ${flyway:defaultSchema}.%I (LIKE ${flyway:defaultSchema}.%I INCLUDING ALL EXCLUDING IDENTITY)',
                v_partition, p_table);
            EXECUTE format(
                'ALTER TABLE ${flyway:defaultSchema}.%I ATTACH PARTITION ${flyway:defaultSchema}.%I FOR VALUES FROM (%L) TO (%L)',
                p_table, v_partition,
                to_char(v_month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(v_next, 'YYYY-MM-DD') || ' 00:00:00+00');
            v_made := v_made + 1;
        END IF;
        v_month := v_next;
    END LOOP;
    RETURN v_made;
END
$$;
COMMENT ON FUNCTION ${flyway:defaultSchema}.ensure_month_partitions(text, date, date) IS
    'Makes the missing partitions (UTC months) of one table for [from, until); returns how many it made.';

CREATE FUNCTION ${flyway:defaultSchema}.ensure_all_month_partitions(p_months_ahead integer DEFAULT 3) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_today date := (now() AT TIME ZONE 'UTC')::date;
    v_table text;
    v_made integer := 0;
BEGIN
    IF p_months_ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months ahead must be 0 to 24, not %', p_months_ahead
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR v_table IN
        SELECT c.relname
          FROM pg_partitioned_table AS p
          JOIN pg_class AS c ON c.oid = p.partrelid
         WHERE c.relnamespace = '${flyway:defaultSchema}'::regnamespace
         ORDER BY c.relname
    LOOP
        v_made := v_made + ${flyway:defaultSchema}.ensure_month_partitions(
            v_table, v_today, (v_today + make_interval(months => p_months_ahead + 1))::date);
    END LOOP;
    RETURN v_made;
END
$$;
COMMENT ON FUNCTION ${flyway:defaultSchema}.ensure_all_month_partitions(integer) IS
    'Makes this month''s partitions and those of the months ahead for every partitioned table of the schema; run at each start.';
REVOKE EXECUTE ON FUNCTION ${flyway:defaultSchema}.ensure_all_month_partitions(integer) FROM PUBLIC;

-- Every process may see which migrations its schema has: that is how it knows that it is ready.
GRANT SELECT ON ${flyway:defaultSchema}.${flyway:table} TO ${service}_app, ${service}_ro;
