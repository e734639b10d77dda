-- The schema raffle_schema, as `vuelo dump` writes it. Change the migrations, not this file.
SET check_function_bodies = off;
SET search_path = pg_catalog;
CREATE SCHEMA raffle_schema AUTHORIZATION raffle_owner;
SET ROLE raffle_owner;
GRANT USAGE ON SCHEMA raffle_schema TO raffle_app;
GRANT USAGE ON SCHEMA raffle_schema TO raffle_ro;

CREATE OR REPLACE FUNCTION raffle_schema.add_ticket_counts(p_entry_ids bigint[], p_raffle_ids bigint[], p_user_ids uuid[], p_deltas integer[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_refused text;
BEGIN
    -- Shared by all writers, refused to who closes the raffle: nothing is added once it is closed. In READ COMMITTED
    -- the statement after the lock sees what the other transaction did.
    PERFORM FROM raffle_schema.raffles AS r WHERE r.id = ANY (p_raffle_ids) ORDER BY r.id FOR SHARE;
    SELECT format('raffle %s is %s: its tickets do not change any more', r.raffle_code, r.status) INTO v_refused
      FROM unnest(p_raffle_ids, p_deltas) AS d (raffle_id, delta)
      JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
     WHERE r.status <> 'OPEN' AND NOT (r.status = 'CANCELLED' AND d.delta < 0)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', v_refused USING ERRCODE = 'restrict_violation';
    END IF;

    UPDATE raffle_schema.raffle_entries AS e
       SET ticket_count = e.ticket_count + d.delta
      FROM unnest(p_entry_ids, p_deltas) AS d (entry_id, delta)
     WHERE e.id = d.entry_id;

    -- Lock in one order, or two batches with the same users deadlock.
    PERFORM
       FROM raffle_schema.raffle_participants AS p
      WHERE (p.raffle_id, p.user_id) IN (
                SELECT d.raffle_id, d.user_id
                  FROM unnest(p_raffle_ids, p_user_ids, p_deltas) AS d (raffle_id, user_id, delta)
                 WHERE d.delta < 0)
      ORDER BY p.raffle_id, p.user_id
        FOR NO KEY UPDATE;
    WITH change AS (
        SELECT d.raffle_id, d.user_id, sum(d.delta)::integer AS delta
          FROM unnest(p_raffle_ids, p_user_ids, p_deltas) AS d (raffle_id, user_id, delta)
         GROUP BY d.raffle_id, d.user_id
    ), grown AS (
        INSERT INTO raffle_schema.raffle_participants AS p (raffle_id, user_id, ticket_count, max_tickets)
        SELECT c.raffle_id, c.user_id, c.delta, r.max_tickets_per_user
          FROM change AS c
          JOIN raffle_schema.raffles AS r ON r.id = c.raffle_id
         WHERE c.delta > 0
         ORDER BY c.raffle_id, c.user_id
            ON CONFLICT (raffle_id, user_id) DO UPDATE SET ticket_count = p.ticket_count + EXCLUDED.ticket_count
        RETURNING p.raffle_id, p.user_id, p.ticket_count
    ), shrunk AS (
        UPDATE raffle_schema.raffle_participants AS p
           SET ticket_count = p.ticket_count + c.delta
          FROM change AS c
         WHERE c.delta < 0 AND p.raffle_id = c.raffle_id AND p.user_id = c.user_id
        RETURNING p.raffle_id, p.user_id, p.ticket_count
    )
    INSERT INTO raffle_schema.raffle_counters AS s (raffle_id, shard, ticket_count, participant_count)
    SELECT c.raffle_id, pg_backend_pid() % 16, sum(c.delta),
           -- Who has just what was added was not a participant before; who has none is not one any more.
           count(*) FILTER (WHERE g.ticket_count = c.delta) - count(*) FILTER (WHERE l.ticket_count = 0)
      FROM change AS c
      LEFT JOIN grown AS g ON g.raffle_id = c.raffle_id AND g.user_id = c.user_id
      LEFT JOIN shrunk AS l ON l.raffle_id = c.raffle_id AND l.user_id = c.user_id
     GROUP BY c.raffle_id
     ORDER BY c.raffle_id
        ON CONFLICT (raffle_id, shard) DO UPDATE
       SET ticket_count = s.ticket_count + EXCLUDED.ticket_count,
           participant_count = s.participant_count + EXCLUDED.participant_count;
END
$function$;
COMMENT ON FUNCTION raffle_schema.add_ticket_counts(p_entry_ids bigint[], p_raffle_ids bigint[], p_user_ids uuid[], p_deltas integer[]) IS 'Adds the changes of one statement to entries, participants and counters; called by count_tickets alone. Its cost follows the statement''s rows and never the raffle''s size.';
REVOKE EXECUTE ON FUNCTION raffle_schema.add_ticket_counts(p_entry_ids bigint[], p_raffle_ids bigint[], p_user_ids uuid[], p_deltas integer[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.audit_disqualifications()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, old_values, new_values)
    SELECT CASE WHEN n.disqualified_at IS NULL THEN 'TICKET_REQUALIFIED' ELSE 'TICKET_DISQUALIFIED' END,
           r.raffle_code, n.ticket_number,
           jsonb_build_object('disqualified_at', o.disqualified_at, 'reason', o.disqualification_reason),
           jsonb_build_object('disqualified_at', n.disqualified_at, 'reason', n.disqualification_reason)
      FROM new_rows AS n
      JOIN old_rows AS o ON o.id = n.id
      JOIN raffle_schema.raffles AS r ON r.id = n.raffle_id
     WHERE (o.disqualified_at, o.disqualification_reason)
           IS DISTINCT FROM (n.disqualified_at, n.disqualification_reason);
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.audit_disqualifications() IS 'Every ticket disqualified, and every such verdict changed or taken back, in the audit log.';
REVOKE EXECUTE ON FUNCTION raffle_schema.audit_disqualifications() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.audit_draws()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, new_values)
        SELECT 'DRAW_' || n.status, r.raffle_code, n.chain_number::text,
               jsonb_build_object('status', n.status, 'manifest_sha256', encode(n.manifest_sha256, 'hex'),
                                  'tickets', n.ticket_count, 'beacon_round', n.beacon_round)
          FROM new_rows AS n
          JOIN raffle_schema.raffles AS r ON r.id = n.raffle_id;
    ELSE
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, old_values, new_values)
        SELECT 'DRAW_' || n.status, r.raffle_code, n.chain_number::text, jsonb_build_object('status', o.status),
               jsonb_strip_nulls(jsonb_build_object(
                   'status', n.status, 'randomness', encode(n.randomness, 'hex'), 'reason', n.void_reason))
          FROM new_rows AS n
          JOIN old_rows AS o ON o.id = n.id
          JOIN raffle_schema.raffles AS r ON r.id = n.raffle_id
         WHERE o.status <> n.status;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.audit_draws() IS 'Every draw frozen, drawn or void, in the audit log; its subject is the number in the chain.';
REVOKE EXECUTE ON FUNCTION raffle_schema.audit_draws() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.audit_prizes()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    -- The inventory moves with the winners, who are in the log themselves.
    v_apart CONSTANT text[] := ARRAY[
        'id', 'raffle_id', 'quantity_awarded', 'quantity_remaining', 'created_at', 'updated_at'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, new_values)
        SELECT 'PRIZE_ADDED', r.raffle_code, n.rank::text, to_jsonb(n) - v_apart
          FROM new_rows AS n
          JOIN raffle_schema.raffles AS r ON r.id = n.raffle_id;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, old_values)
        SELECT 'PRIZE_REMOVED', r.raffle_code, o.rank::text, to_jsonb(o) - v_apart
          FROM old_rows AS o
          JOIN raffle_schema.raffles AS r ON r.id = o.raffle_id;
    ELSE
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, old_values, new_values)
        SELECT 'PRIZE_CHANGED', r.raffle_code, n.rank::text, to_jsonb(o) - v_apart, to_jsonb(n) - v_apart
          FROM new_rows AS n
          JOIN old_rows AS o ON o.id = n.id
          JOIN raffle_schema.raffles AS r ON r.id = n.raffle_id
         WHERE to_jsonb(o) - v_apart <> to_jsonb(n) - v_apart;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.audit_prizes() IS 'Every prize added, changed or removed, in the audit log; its subject is the rank.';
REVOKE EXECUTE ON FUNCTION raffle_schema.audit_prizes() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.audit_raffles()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, new_values)
        SELECT 'RAFFLE_CREATED', n.raffle_code, jsonb_build_object('status', n.status, 'name', n.name)
          FROM new_rows AS n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, old_values)
        SELECT 'RAFFLE_DELETED', o.raffle_code, jsonb_build_object('status', o.status, 'name', o.name)
          FROM old_rows AS o;
    ELSE
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, old_values, new_values)
        SELECT 'RAFFLE_' || n.status, n.raffle_code, jsonb_build_object('status', o.status),
               jsonb_strip_nulls(jsonb_build_object('status', n.status, 'reason', n.cancellation_reason))
          FROM new_rows AS n
          JOIN old_rows AS o ON o.id = n.id
         WHERE o.status <> n.status;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.audit_raffles() IS 'Every raffle made or deleted and every change of its state, in the audit log.';
REVOKE EXECUTE ON FUNCTION raffle_schema.audit_raffles() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.check_entry_window()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_code text;
BEGIN
    SELECT r.raffle_code INTO v_code
      FROM new_rows AS n
      JOIN raffle_schema.raffles AS r ON r.id = n.raffle_id
     WHERE r.status <> 'OPEN' OR n.entered_at < r.opens_at OR n.entered_at >= r.closes_at
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'raffle % does not take this entry: it is not open, or not at that time', v_code
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.check_entry_window() IS 'Entries belong to [opens_at, closes_at) of an OPEN raffle.';
REVOKE EXECUTE ON FUNCTION raffle_schema.check_entry_window() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.check_places()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_raffle_ids bigint[];
    v_replaced boolean;
    v_wrong text;
BEGIN
    SELECT array_agg(DISTINCT n.raffle_id), bool_or(o.leaf_index IS NOT NULL) INTO v_raffle_ids, v_replaced
      FROM new_rows AS n
      JOIN old_rows AS o ON o.id = n.id
     WHERE (n.leaf_index, n.range_start, n.owner_tag) IS DISTINCT FROM (o.leaf_index, o.range_start, o.owner_tag);
    IF v_raffle_ids IS NULL THEN
        RETURN NULL;
    END IF;
    IF v_replaced THEN
        RAISE EXCEPTION 'an entry keeps the place it was given' USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM FROM raffle_schema.raffles AS r WHERE r.id = ANY (v_raffle_ids) ORDER BY r.id FOR SHARE;
    SELECT r.raffle_code INTO v_wrong
      FROM raffle_schema.raffles AS r
     WHERE r.id = ANY (v_raffle_ids)
       AND (r.status <> 'CLOSED'
            OR EXISTS (SELECT FROM raffle_schema.raffle_draws AS d WHERE d.raffle_id = r.id AND d.status <> 'VOID'))
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the entries of raffle % get their places while it is CLOSED and has no draw', v_wrong
            USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT format('entry %s', e.id) INTO v_wrong
      FROM (SELECT x.id, x.leaf_index, x.range_start, x.ticket_count,
                   row_number() OVER places - 1 AS leaf_due,
                   sum(x.ticket_count) OVER places - x.ticket_count AS start_due
              FROM raffle_schema.raffle_entries AS x
             WHERE x.raffle_id = ANY (v_raffle_ids)
               AND (x.ticket_count > 0 OR x.leaf_index IS NOT NULL)
            WINDOW places AS (PARTITION BY x.raffle_id ORDER BY x.leaf_index ROWS UNBOUNDED PRECEDING)) AS e
     WHERE e.ticket_count = 0
        OR (e.leaf_index, e.range_start) IS DISTINCT FROM (e.leaf_due, e.start_due)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the places of a raffle are given together, from 0 and without a gap: % is wrong', v_wrong
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.check_places() IS 'One statement places all entries of a CLOSED raffle that have tickets, each once, in ranges that follow each other.';
REVOKE EXECUTE ON FUNCTION raffle_schema.check_places() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.count_tickets()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM raffle_schema.add_ticket_counts(
                    array_agg(d.entry_id), array_agg(d.raffle_id), array_agg(d.user_id), array_agg(d.delta))
           FROM (SELECT n.entry_id, n.raffle_id, n.user_id, count(*)::integer AS delta
                   FROM new_rows AS n
                  WHERE n.status = 'ACTIVE'
                  GROUP BY n.entry_id, n.raffle_id, n.user_id) AS d
         HAVING count(*) > 0;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM raffle_schema.add_ticket_counts(
                    array_agg(d.entry_id), array_agg(d.raffle_id), array_agg(d.user_id), array_agg(d.delta))
           FROM (SELECT o.entry_id, o.raffle_id, o.user_id, -count(*)::integer AS delta
                   FROM old_rows AS o
                  WHERE o.status = 'ACTIVE'
                  GROUP BY o.entry_id, o.raffle_id, o.user_id) AS d
         HAVING count(*) > 0;
    ELSE
        PERFORM raffle_schema.add_ticket_counts(
                    array_agg(d.entry_id), array_agg(d.raffle_id), array_agg(d.user_id), array_agg(d.delta))
           FROM (SELECT c.entry_id, c.raffle_id, c.user_id, sum(c.delta)::integer AS delta
                   FROM (SELECT n.entry_id, n.raffle_id, n.user_id, 1 AS delta
                           FROM new_rows AS n WHERE n.status = 'ACTIVE'
                          UNION ALL
                         SELECT o.entry_id, o.raffle_id, o.user_id, -1
                           FROM old_rows AS o WHERE o.status = 'ACTIVE') AS c
                  GROUP BY c.entry_id, c.raffle_id, c.user_id
                 HAVING sum(c.delta) <> 0) AS d
         HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.count_tickets() IS 'Keeps the counts of ACTIVE tickets for whole statements: inserts, deletes, and changes of status.';
REVOKE EXECUTE ON FUNCTION raffle_schema.count_tickets() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.ensure_all_month_partitions(p_months_ahead integer DEFAULT 3)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
         WHERE c.relnamespace = 'raffle_schema'::regnamespace
         ORDER BY c.relname
    LOOP
        v_made := v_made + raffle_schema.ensure_month_partitions(
            v_table, v_today, (v_today + make_interval(months => p_months_ahead + 1))::date);
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION raffle_schema.ensure_all_month_partitions(p_months_ahead integer) IS 'Makes this month''s partitions and those of the months ahead for every partitioned table of the schema; run at each start.';
REVOKE EXECUTE ON FUNCTION raffle_schema.ensure_all_month_partitions(p_months_ahead integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.ensure_all_month_partitions(p_months_ahead integer) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.ensure_month_partitions(p_table text, p_from date, p_until date)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_month date := date_trunc('month', p_from::timestamp)::date;
    v_next date;
    v_partition text;
    v_made integer := 0;
BEGIN
    -- ATTACH of a separate table takes no lock that stops readers or writers of the parent; PARTITION OF would.
    PERFORM pg_advisory_xact_lock(hashtextextended('raffle_schema.' || p_table, 0));
    WHILE v_month < p_until LOOP
        v_next := (v_month + interval '1 month')::date;
        v_partition := p_table || to_char(v_month, '"_"YYYY"_"MM');
        IF to_regclass(format('raffle_schema.%I', v_partition)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE raffle_schema.%I (LIKE raffle_schema.%I INCLUDING ALL EXCLUDING IDENTITY)',
                v_partition, p_table);
            EXECUTE format(
                'ALTER TABLE raffle_schema.%I ATTACH PARTITION raffle_schema.%I FOR VALUES FROM (%L) TO (%L)',
                p_table, v_partition,
                to_char(v_month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(v_next, 'YYYY-MM-DD') || ' 00:00:00+00');
            v_made := v_made + 1;
        END IF;
        v_month := v_next;
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION raffle_schema.ensure_month_partitions(p_table text, p_from date, p_until date) IS 'Makes the missing partitions (UTC months) of one table for [from, until); returns how many it made.';
REVOKE EXECUTE ON FUNCTION raffle_schema.ensure_month_partitions(p_table text, p_from date, p_until date) FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.follow_winners()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE raffle_schema.raffle_prizes AS p
           SET quantity_awarded = p.quantity_awarded + d.delta
          FROM (SELECT n.prize_id, count(*) AS delta
                  FROM new_rows AS n WHERE n.prize_id IS NOT NULL GROUP BY n.prize_id) AS d
         WHERE p.id = d.prize_id;
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, new_values)
        SELECT 'WINNER_' || n.status, r.raffle_code, n.public_id::text,
               jsonb_build_object('status', n.status, 'draw_position', n.draw_position)
          FROM new_rows AS n
          JOIN raffle_schema.raffles AS r ON r.id = n.raffle_id;
    ELSE
        UPDATE raffle_schema.raffle_prizes AS p
           SET quantity_awarded = p.quantity_awarded + d.delta
          FROM (SELECT c.prize_id, sum(c.delta) AS delta
                  FROM (SELECT n.prize_id, 1 AS delta FROM new_rows AS n
                         WHERE n.status NOT IN ('FORFEITED', 'DISQUALIFIED')
                         UNION ALL
                        SELECT o.prize_id, -1 FROM old_rows AS o
                         WHERE o.status NOT IN ('FORFEITED', 'DISQUALIFIED')) AS c
                 WHERE c.prize_id IS NOT NULL
                 GROUP BY c.prize_id
                HAVING sum(c.delta) <> 0) AS d
         WHERE p.id = d.prize_id;
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, old_values, new_values)
        SELECT 'WINNER_' || n.status, r.raffle_code, n.public_id::text, jsonb_build_object('status', o.status),
               jsonb_build_object('status', n.status)
          FROM new_rows AS n
          JOIN old_rows AS o ON o.id = n.id
          JOIN raffle_schema.raffles AS r ON r.id = n.raffle_id
         WHERE o.status <> n.status;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.follow_winners() IS 'The inventory of prizes, which a CHECK keeps from overflowing, and the audit log, for whole statements.';
REVOKE EXECUTE ON FUNCTION raffle_schema.follow_winners() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.guard_raffle()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'DRAFT' THEN
            RAISE EXCEPTION 'a raffle begins as DRAFT, not as %', NEW.status USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'DRAFT' THEN
            RAISE EXCEPTION 'raffle % is % and stays; only a DRAFT can be deleted', OLD.raffle_code, OLD.status
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.status <> 'DRAFT'
       AND (OLD.raffle_code, OLD.raffle_type, OLD.selection_algorithm, OLD.opens_at, OLD.closes_at, OLD.draw_at,
            OLD.time_zone, OLD.max_tickets_per_user, OLD.allows_multiple_wins, OLD.alternate_count, OLD.claim_days,
            OLD.permit_number, OLD.terms_version, OLD.terms_sha256)
           IS DISTINCT FROM
           (NEW.raffle_code, NEW.raffle_type, NEW.selection_algorithm, NEW.opens_at, NEW.closes_at, NEW.draw_at,
            NEW.time_zone, NEW.max_tickets_per_user, NEW.allows_multiple_wins, NEW.alternate_count, NEW.claim_days,
            NEW.permit_number, NEW.terms_version, NEW.terms_sha256) THEN
        RAISE EXCEPTION 'raffle % is %: its published rules do not change any more', OLD.raffle_code, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = NEW.status THEN
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('DRAFT', 'OPEN'), ('OPEN', 'CLOSED'), ('CLOSED', 'DRAWING'), ('DRAWING', 'COMPLETED'),
        ('DRAFT', 'CANCELLED'), ('OPEN', 'CANCELLED'), ('CLOSED', 'CANCELLED'), ('DRAWING', 'CANCELLED')) THEN
        RAISE EXCEPTION 'raffle % cannot go from % to %', OLD.raffle_code, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    CASE NEW.status
        WHEN 'OPEN' THEN
            -- The row is locked already, and who changes a prize takes a lock on it too: no prize can go meanwhile.
            IF NOT EXISTS (SELECT FROM raffle_schema.raffle_prizes AS p WHERE p.raffle_id = NEW.id) THEN
                RAISE EXCEPTION 'raffle % has no prize', OLD.raffle_code USING ERRCODE = 'check_violation';
            END IF;
            NEW.opened_at := coalesce(NEW.opened_at, now());
        WHEN 'CLOSED' THEN
            IF now() < OLD.closes_at THEN
                RAISE EXCEPTION 'raffle % takes entries until %', OLD.raffle_code, OLD.closes_at
                    USING ERRCODE = 'check_violation';
            END IF;
            NEW.closed_at := coalesce(NEW.closed_at, now());
        WHEN 'DRAWING' THEN
            IF NOT EXISTS (
                SELECT FROM raffle_schema.raffle_draws AS d WHERE d.raffle_id = NEW.id AND d.status <> 'VOID') THEN
                RAISE EXCEPTION 'the entries of raffle % are not frozen', OLD.raffle_code
                    USING ERRCODE = 'check_violation';
            END IF;
            NEW.drawing_at := coalesce(NEW.drawing_at, now());
        WHEN 'COMPLETED' THEN
            IF NOT EXISTS (
                SELECT FROM raffle_schema.raffle_draws AS d WHERE d.raffle_id = NEW.id AND d.status = 'DRAWN') THEN
                RAISE EXCEPTION 'raffle % is not drawn', OLD.raffle_code USING ERRCODE = 'check_violation';
            END IF;
            NEW.completed_at := coalesce(NEW.completed_at, now());
        WHEN 'CANCELLED' THEN
            NEW.cancelled_at := coalesce(NEW.cancelled_at, now());
    END CASE;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_raffle() IS 'The allowed transitions of a raffle and what each one needs; the published rules of an open raffle stay.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_raffle() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.guard_raffle_draw()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_raffle_status text;
    v_counts bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT r.status INTO v_raffle_status FROM raffle_schema.raffles AS r WHERE r.id = NEW.raffle_id FOR SHARE;
        IF v_raffle_status <> 'CLOSED' OR NEW.status <> 'FROZEN' THEN
            RAISE EXCEPTION 'a draw begins FROZEN in a CLOSED raffle, not % in a % one', NEW.status, v_raffle_status
                USING ERRCODE = 'check_violation';
        END IF;
        -- Placed entries are all entries with tickets, in ranges without a gap: check_places saw to it.
        SELECT ARRAY[count(*), sum(e.ticket_count), count(DISTINCT e.user_id)] INTO v_counts
          FROM raffle_schema.raffle_entries AS e
         WHERE e.raffle_id = NEW.raffle_id AND e.leaf_index IS NOT NULL;
        IF v_counts IS DISTINCT FROM ARRAY[NEW.entry_count, NEW.ticket_count, NEW.participant_count]
           OR NOT EXISTS (
                  SELECT FROM raffle_schema.raffle_totals AS t
                   WHERE t.raffle_id = NEW.raffle_id
                     AND (t.ticket_count, t.participant_count) = (NEW.ticket_count, NEW.participant_count)) THEN
            RAISE EXCEPTION 'the draw does not count the raffle''s entries, tickets and participants: %', v_counts
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.status <> 'FROZEN' THEN
        RAISE EXCEPTION 'draw % is % and does not change any more', OLD.chain_number, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.raffle_id, OLD.chain_number, OLD.previous_chain_number, OLD.previous_manifest_sha256, OLD.entry_count,
        OLD.ticket_count, OLD.participant_count, OLD.merkle_root, OLD.manifest, OLD.manifest_signature,
        OLD.signing_key_id, OLD.beacon_chain_sha256, OLD.beacon_round, OLD.beacon_round_at, OLD.frozen_at)
       IS DISTINCT FROM
       (NEW.raffle_id, NEW.chain_number, NEW.previous_chain_number, NEW.previous_manifest_sha256, NEW.entry_count,
        NEW.ticket_count, NEW.participant_count, NEW.merkle_root, NEW.manifest, NEW.manifest_signature,
        NEW.signing_key_id, NEW.beacon_chain_sha256, NEW.beacon_round, NEW.beacon_round_at, NEW.frozen_at) THEN
        RAISE EXCEPTION 'draw % is frozen', OLD.chain_number USING ERRCODE = 'restrict_violation';
    END IF;
    CASE NEW.status
        WHEN 'DRAWN' THEN NEW.drawn_at := coalesce(NEW.drawn_at, now());
        WHEN 'VOID' THEN NEW.voided_at := coalesce(NEW.voided_at, now());
        ELSE NULL;
    END CASE;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_raffle_draw() IS 'A draw counts what its raffle holds; what was frozen stays; it goes from FROZEN to DRAWN or VOID and no further.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_raffle_draw() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.guard_raffle_prize()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_raffle_id CONSTANT bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.raffle_id ELSE NEW.raffle_id END;
    v_status text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.raffle_id, OLD.rank, OLD.prize_type, OLD.prize_value, OLD.currency, OLD.quantity, OLD.name)
           IS NOT DISTINCT FROM
           (NEW.raffle_id, NEW.rank, NEW.prize_type, NEW.prize_value, NEW.currency, NEW.quantity, NEW.name) THEN
            RETURN NEW;
        END IF;
        IF OLD.raffle_id <> NEW.raffle_id THEN
            RAISE EXCEPTION 'a prize stays with its raffle' USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    SELECT r.status INTO v_status FROM raffle_schema.raffles AS r WHERE r.id = v_raffle_id FOR SHARE;
    IF v_status <> 'DRAFT' THEN
        RAISE EXCEPTION 'the raffle is %: its prizes are published', v_status USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_raffle_prize() IS 'Prizes change while their raffle is a DRAFT, and not after.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_raffle_prize() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.guard_raffle_winner()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_raffle_status text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT r.status, r.allows_multiple_wins INTO v_raffle_status, NEW.allows_multiple_wins
          FROM raffle_schema.raffles AS r WHERE r.id = NEW.raffle_id;
        IF v_raffle_status <> 'DRAWING' OR NEW.status NOT IN ('ALTERNATE', 'SELECTED') THEN
            RAISE EXCEPTION 'a winner begins ALTERNATE or SELECTED in a DRAWING raffle, not % in a % one',
                NEW.status, v_raffle_status USING ERRCODE = 'check_violation';
        END IF;
        IF NOT EXISTS (
            SELECT
              FROM raffle_schema.raffle_tickets AS t
              JOIN raffle_schema.raffle_draws AS d ON d.raffle_id = t.raffle_id
             WHERE t.id = NEW.ticket_id AND t.raffle_id = NEW.raffle_id AND t.user_id = NEW.user_id
               AND t.status = 'ACTIVE' AND t.disqualified_at IS NULL
               AND d.id = NEW.draw_id AND d.status = 'DRAWN') THEN
            RAISE EXCEPTION 'the winning ticket is not one of this user in this draw' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF (OLD.raffle_id, OLD.draw_id, OLD.draw_position, OLD.ticket_id, OLD.user_id, OLD.allows_multiple_wins)
          IS DISTINCT FROM
          (NEW.raffle_id, NEW.draw_id, NEW.draw_position, NEW.ticket_id, NEW.user_id, NEW.allows_multiple_wins) THEN
        RAISE EXCEPTION 'what a draw selected does not change' USING ERRCODE = 'restrict_violation';
    ELSIF OLD.prize_id IS NOT NULL
          AND (OLD.prize_id, OLD.unit_number) IS DISTINCT FROM (NEW.prize_id, NEW.unit_number) THEN
        RAISE EXCEPTION 'a winner keeps the prize that was drawn' USING ERRCODE = 'restrict_violation';
    ELSIF OLD.status <> NEW.status THEN
        IF (OLD.status, NEW.status) NOT IN (
            ('ALTERNATE', 'SELECTED'), ('SELECTED', 'NOTIFIED'), ('SELECTED', 'CLAIMED'), ('NOTIFIED', 'CLAIMED'),
            ('CLAIMED', 'DELIVERED'), ('SELECTED', 'FORFEITED'), ('NOTIFIED', 'FORFEITED'),
            ('ALTERNATE', 'DISQUALIFIED'), ('SELECTED', 'DISQUALIFIED'), ('NOTIFIED', 'DISQUALIFIED'),
            ('CLAIMED', 'DISQUALIFIED')) THEN
            RAISE EXCEPTION 'a winner cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.status = 'CLAIMED' AND OLD.claim_deadline <= now() THEN
            RAISE EXCEPTION 'the prize could be claimed until %', OLD.claim_deadline USING ERRCODE = 'check_violation';
        END IF;
        CASE NEW.status
            WHEN 'NOTIFIED' THEN NEW.notified_at := coalesce(NEW.notified_at, now());
            WHEN 'CLAIMED' THEN NEW.claimed_at := coalesce(NEW.claimed_at, now());
            WHEN 'DELIVERED' THEN NEW.delivered_at := coalesce(NEW.delivered_at, now());
            WHEN 'FORFEITED' THEN NEW.forfeited_at := coalesce(NEW.forfeited_at, now());
            WHEN 'DISQUALIFIED' THEN NEW.disqualified_at := coalesce(NEW.disqualified_at, now());
            ELSE NULL;
        END CASE;
    END IF;
    IF NEW.prize_id IS NOT NULL AND NEW.unit_number > (
        SELECT p.quantity FROM raffle_schema.raffle_prizes AS p WHERE p.id = NEW.prize_id) THEN
        RAISE EXCEPTION 'the prize has no unit %', NEW.unit_number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_raffle_winner() IS 'A winner is a ticket of the draw, keeps what was drawn, and passes through the allowed states of fulfilment.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_raffle_winner() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.is_ticket_number(p_number text)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
DECLARE
    v_sum integer := 0;
BEGIN
    IF p_number !~ '^TKT[0-9A-HJKMNP-TV-Z]{16}$' THEN
        RETURN false;
    END IF;
    FOR i IN 4..19 LOOP
        v_sum := (((v_sum << 1) & 31) # (CASE WHEN v_sum >= 16 THEN 5 ELSE 0 END))
            # (strpos('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(p_number, i, 1)) - 1);
    END LOOP;
    RETURN v_sum = 0;
END
$function$;
COMMENT ON FUNCTION raffle_schema.is_ticket_number(p_number text) IS 'Has the shape and the check character of a ticket number: "TKT" and 16 characters of Crockford''s base 32 with values v[1..16] in GF(32), x^5 = x^2 + 1, such that sum(v[i] * x^(16 - i)) = 0.';
REVOKE EXECUTE ON FUNCTION raffle_schema.is_ticket_number(p_number text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.is_ticket_number(p_number text) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- Retention and erasure run in transactions that say so; a runtime role has no such grant in the first place.
    IF raffle_schema.request_context('maintenance') = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'table %.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$function$;
COMMENT ON FUNCTION raffle_schema.refuse_change() IS 'BEFORE UPDATE OR DELETE OR TRUNCATE statement trigger of append-only tables.';
REVOKE EXECUTE ON FUNCTION raffle_schema.refuse_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.request_context(p_name text)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT nullif(current_setting('gasolinera.' || p_name, true), '') $function$;
COMMENT ON FUNCTION raffle_schema.request_context(p_name text) IS 'What the application set for this transaction: actor, correlation_id, ip_address, user_agent; NULL when unset.';
REVOKE EXECUTE ON FUNCTION raffle_schema.request_context(p_name text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.request_context(p_name text) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION raffle_schema.set_updated_at() IS 'BEFORE UPDATE trigger: the row remembers when it was last changed.';
REVOKE EXECUTE ON FUNCTION raffle_schema.set_updated_at() FROM PUBLIC;

CREATE TABLE raffle_schema.raffle_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_type text NOT NULL,
    raffle_code text NOT NULL,
    subject text,
    old_values jsonb,
    new_values jsonb,
    actor text DEFAULT raffle_schema.request_context('actor'::text),
    correlation_id text DEFAULT raffle_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (raffle_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT raffle_schema.request_context('user_agent'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_audit_log_event_type_check CHECK (event_type ~ '^[A-Z][A-Z_]{2,49}$'::text),
    CONSTRAINT raffle_audit_log_new_values_check CHECK (jsonb_typeof(new_values) = 'object'::text),
    CONSTRAINT raffle_audit_log_old_values_check CHECK (jsonb_typeof(old_values) = 'object'::text),
    CONSTRAINT raffle_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT raffle_audit_log_raffle_code_check CHECK (length(raffle_code) >= 1 AND length(raffle_code) <= 50),
    CONSTRAINT raffle_audit_log_subject_check CHECK (length(subject) <= 200)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE raffle_schema.raffle_audit_log IS 'Every change of state of a raffle, a draw or a winner, every change of a prize, every disqualification, and who made it. Written by the triggers alone; append-only, by month.';
GRANT SELECT ON TABLE raffle_schema.raffle_audit_log TO raffle_app;
GRANT SELECT (id) ON TABLE raffle_schema.raffle_audit_log TO raffle_ro;
GRANT SELECT (event_type) ON TABLE raffle_schema.raffle_audit_log TO raffle_ro;
GRANT SELECT (raffle_code) ON TABLE raffle_schema.raffle_audit_log TO raffle_ro;
GRANT SELECT (subject) ON TABLE raffle_schema.raffle_audit_log TO raffle_ro;
GRANT SELECT (old_values) ON TABLE raffle_schema.raffle_audit_log TO raffle_ro;
GRANT SELECT (new_values) ON TABLE raffle_schema.raffle_audit_log TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffle_audit_log.actor IS 'Personal data: who did it, a public id or a service''s name.';
GRANT SELECT (correlation_id) ON TABLE raffle_schema.raffle_audit_log TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffle_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN raffle_schema.raffle_audit_log.user_agent IS 'Personal data: the client''s software.';
GRANT SELECT (created_at) ON TABLE raffle_schema.raffle_audit_log TO raffle_ro;

CREATE INDEX raffle_audit_log_raffle_code_idx ON raffle_schema.raffle_audit_log USING btree (raffle_code, created_at);

CREATE TRIGGER raffle_audit_log_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON raffle_schema.raffle_audit_log FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

CREATE TABLE raffle_schema.raffle_counters (
    raffle_id bigint NOT NULL,
    shard smallint NOT NULL,
    ticket_count bigint NOT NULL,
    participant_count bigint NOT NULL,
    CONSTRAINT raffle_counters_pk PRIMARY KEY (raffle_id, shard),
    CONSTRAINT raffle_counters_shard_check CHECK (shard >= 0 AND shard <= 15)
) WITH (fillfactor=50);
COMMENT ON TABLE raffle_schema.raffle_counters IS 'The counts of a raffle in 16 parts, so that writers at the same time do not wait for each other; a part may be below zero, the sum never is. Read them through raffle_totals.';
GRANT SELECT ON TABLE raffle_schema.raffle_counters TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.raffle_counters TO raffle_ro;

CREATE TABLE raffle_schema.raffle_draws (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    raffle_id bigint NOT NULL,
    chain_number bigint NOT NULL,
    previous_chain_number bigint,
    previous_manifest_sha256 bytea,
    status text DEFAULT 'FROZEN'::text NOT NULL,
    entry_count bigint NOT NULL,
    ticket_count bigint NOT NULL,
    participant_count bigint NOT NULL,
    merkle_root bytea NOT NULL,
    manifest bytea NOT NULL,
    manifest_sha256 bytea GENERATED ALWAYS AS (sha256(manifest)) STORED NOT NULL,
    manifest_signature bytea NOT NULL,
    signing_key_id text NOT NULL,
    beacon_chain_sha256 bytea NOT NULL,
    beacon_round bigint NOT NULL,
    beacon_round_at timestamp with time zone NOT NULL,
    beacon_signature bytea,
    randomness bytea,
    frozen_at timestamp with time zone DEFAULT now() NOT NULL,
    drawn_at timestamp with time zone,
    voided_at timestamp with time zone,
    void_reason text,
    void_signature bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_draws_beacon_chain_sha256_check CHECK (octet_length(beacon_chain_sha256) = 32),
    CONSTRAINT raffle_draws_beacon_round_at_check CHECK (beacon_round_at > frozen_at AND beacon_round_at < 'infinity'::timestamp with time zone),
    CONSTRAINT raffle_draws_beacon_round_check CHECK (beacon_round >= 1),
    CONSTRAINT raffle_draws_beacon_signature_check CHECK (octet_length(beacon_signature) >= 48 AND octet_length(beacon_signature) <= 96),
    CONSTRAINT raffle_draws_chain_check CHECK (
CASE chain_number
    WHEN 1 THEN num_nonnulls(previous_chain_number, previous_manifest_sha256) = 0
    ELSE previous_chain_number IS NOT NULL AND previous_chain_number = (chain_number - 1) AND previous_manifest_sha256 IS NOT NULL
END),
    CONSTRAINT raffle_draws_chain_number_check CHECK (chain_number >= 1),
    CONSTRAINT raffle_draws_chain_number_key UNIQUE (chain_number),
    CONSTRAINT raffle_draws_chain_number_manifest_sha256_key UNIQUE (chain_number, manifest_sha256),
    CONSTRAINT raffle_draws_counts_check CHECK (participant_count >= 1 AND entry_count >= participant_count AND ticket_count >= entry_count),
    CONSTRAINT raffle_draws_drawn_at_check CHECK (drawn_at >= beacon_round_at),
    CONSTRAINT raffle_draws_drawn_check CHECK (num_nulls(drawn_at, beacon_signature, randomness) =
CASE status
    WHEN 'DRAWN'::text THEN 0
    ELSE 3
END),
    CONSTRAINT raffle_draws_gap_check CHECK (beacon_round_at >= (frozen_at + '00:10:00'::interval)),
    CONSTRAINT raffle_draws_manifest_check CHECK (octet_length(manifest) >= 1 AND octet_length(manifest) <= 1048576),
    CONSTRAINT raffle_draws_manifest_signature_check CHECK (octet_length(manifest_signature) = 64),
    CONSTRAINT raffle_draws_merkle_root_check CHECK (octet_length(merkle_root) = 32),
    CONSTRAINT raffle_draws_pk PRIMARY KEY (id),
    CONSTRAINT raffle_draws_randomness_check CHECK (randomness = sha256(beacon_signature)),
    CONSTRAINT raffle_draws_signing_key_id_check CHECK (length(btrim(signing_key_id)) >= 1 AND length(btrim(signing_key_id)) <= 100),
    CONSTRAINT raffle_draws_status_check CHECK (status = ANY (ARRAY['FROZEN'::text, 'DRAWN'::text, 'VOID'::text])),
    CONSTRAINT raffle_draws_void_check CHECK (num_nulls(voided_at, void_reason, void_signature) =
CASE status
    WHEN 'VOID'::text THEN 0
    ELSE 3
END),
    CONSTRAINT raffle_draws_void_reason_check CHECK (length(btrim(void_reason)) >= 1 AND length(btrim(void_reason)) <= 2000),
    CONSTRAINT raffle_draws_void_signature_check CHECK (octet_length(void_signature) = 64)
);
COMMENT ON TABLE raffle_schema.raffle_draws IS 'The draws in one chain without gaps. A row is written when the entries are frozen, before the randomness exists; a void draw keeps its number.';
GRANT SELECT ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.raffle_draws TO raffle_ro;
GRANT INSERT (raffle_id) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT INSERT (chain_number) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT INSERT (previous_chain_number) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT INSERT (previous_manifest_sha256) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT UPDATE (status) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT INSERT (entry_count) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT INSERT (ticket_count) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT INSERT (participant_count) ON TABLE raffle_schema.raffle_draws TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_draws.merkle_root IS 'RFC 9162 tree over the entries in canonical order.';
GRANT INSERT (merkle_root) ON TABLE raffle_schema.raffle_draws TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_draws.manifest IS 'The published bytes: root, counts, prizes, the previous draw''s hash, the beacon and its round.';
GRANT INSERT (manifest) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT INSERT (manifest_signature) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT INSERT (signing_key_id) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT INSERT (beacon_chain_sha256) ON TABLE raffle_schema.raffle_draws TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_draws.beacon_round IS 'The future round of public randomness, named beforehand.';
GRANT INSERT (beacon_round) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT INSERT (beacon_round_at) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT UPDATE (beacon_signature) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT UPDATE (randomness) ON TABLE raffle_schema.raffle_draws TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_draws.frozen_at IS 'The database''s clock: the runtime role may not choose it, so the round it names lies in the future.';
GRANT UPDATE (void_reason) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT UPDATE (void_signature) ON TABLE raffle_schema.raffle_draws TO raffle_app;

CREATE INDEX raffle_draws_previous_idx ON raffle_schema.raffle_draws USING btree (previous_chain_number, previous_manifest_sha256);

CREATE INDEX raffle_draws_raffle_id_idx ON raffle_schema.raffle_draws USING btree (raffle_id);

CREATE UNIQUE INDEX raffle_draws_valid_raffle_id_idx ON raffle_schema.raffle_draws USING btree (raffle_id) WHERE (status <> 'VOID'::text);

CREATE TRIGGER raffle_draws_audit_insert AFTER INSERT ON raffle_schema.raffle_draws REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_draws();

CREATE TRIGGER raffle_draws_audit_update AFTER UPDATE ON raffle_schema.raffle_draws REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_draws();

CREATE TRIGGER raffle_draws_guard BEFORE INSERT OR UPDATE ON raffle_schema.raffle_draws FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_raffle_draw();

CREATE TRIGGER raffle_draws_refuse_removal BEFORE DELETE OR TRUNCATE ON raffle_schema.raffle_draws FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

CREATE TRIGGER raffle_draws_set_updated_at BEFORE UPDATE ON raffle_schema.raffle_draws FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.raffle_entries (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    raffle_id bigint NOT NULL,
    issuance_id uuid NOT NULL,
    user_id uuid NOT NULL,
    source text NOT NULL,
    ticket_count integer DEFAULT 0 NOT NULL,
    entered_at timestamp with time zone DEFAULT now() NOT NULL,
    leaf_index bigint,
    range_start bigint,
    owner_tag bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_entries_frozen_check CHECK (num_nulls(leaf_index, range_start, owner_tag) = ANY (ARRAY[0, 3])),
    CONSTRAINT raffle_entries_id_raffle_id_user_id_key UNIQUE (id, raffle_id, user_id),
    CONSTRAINT raffle_entries_leaf_index_check CHECK (leaf_index >= 0),
    CONSTRAINT raffle_entries_owner_tag_check CHECK (octet_length(owner_tag) = 16),
    CONSTRAINT raffle_entries_pk PRIMARY KEY (id),
    CONSTRAINT raffle_entries_raffle_id_issuance_id_key UNIQUE (raffle_id, issuance_id),
    CONSTRAINT raffle_entries_raffle_id_leaf_index_key UNIQUE (raffle_id, leaf_index),
    CONSTRAINT raffle_entries_raffle_id_range_start_key UNIQUE (raffle_id, range_start),
    CONSTRAINT raffle_entries_range_start_check CHECK (range_start >= 0),
    CONSTRAINT raffle_entries_source_check CHECK (source = ANY (ARRAY['COUPON_REDEMPTION'::text, 'AD_ENGAGEMENT'::text, 'PROMOTIONAL'::text, 'BONUS'::text, 'FREE_ENTRY'::text])),
    CONSTRAINT raffle_entries_ticket_count_check CHECK (ticket_count >= 0 AND ticket_count <= 10000)
);
COMMENT ON TABLE raffle_schema.raffle_entries IS 'One row an issuance event in a raffle: a leaf of the draw''s tree. At the freeze it gets its place and its range of tickets [range_start, range_start + ticket_count); the ranges of a raffle follow each other without a gap.';
GRANT SELECT ON TABLE raffle_schema.raffle_entries TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.raffle_entries TO raffle_ro;
GRANT INSERT (raffle_id) ON TABLE raffle_schema.raffle_entries TO raffle_app;
GRANT INSERT (issuance_id) ON TABLE raffle_schema.raffle_entries TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_entries.user_id IS 'Personal data: public id of the participant.';
GRANT INSERT (user_id) ON TABLE raffle_schema.raffle_entries TO raffle_app;
GRANT INSERT (source) ON TABLE raffle_schema.raffle_entries TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_entries.ticket_count IS 'Its ACTIVE tickets; kept by the trigger on raffle_tickets.';
COMMENT ON COLUMN raffle_schema.raffle_entries.entered_at IS 'When the tickets were issued to the raffle or their holder chose it; not when the message arrived.';
GRANT INSERT (entered_at) ON TABLE raffle_schema.raffle_entries TO raffle_app;
GRANT UPDATE (leaf_index) ON TABLE raffle_schema.raffle_entries TO raffle_app;
GRANT UPDATE (range_start) ON TABLE raffle_schema.raffle_entries TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_entries.owner_tag IS 'Published instead of the user: 16 bytes that are equal for the entries of one user in one draw.';
GRANT UPDATE (owner_tag) ON TABLE raffle_schema.raffle_entries TO raffle_app;

CREATE INDEX raffle_entries_issuance_id_idx ON raffle_schema.raffle_entries USING btree (issuance_id);

CREATE INDEX raffle_entries_user_id_idx ON raffle_schema.raffle_entries USING btree (user_id, raffle_id);

CREATE TRIGGER raffle_entries_check_places AFTER UPDATE ON raffle_schema.raffle_entries REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.check_places();

CREATE TRIGGER raffle_entries_check_window AFTER INSERT ON raffle_schema.raffle_entries REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.check_entry_window();

CREATE TRIGGER raffle_entries_set_updated_at BEFORE UPDATE ON raffle_schema.raffle_entries FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.raffle_participants (
    raffle_id bigint NOT NULL,
    user_id uuid NOT NULL,
    ticket_count integer NOT NULL,
    max_tickets integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_participants_max_tickets_check CHECK (ticket_count <= max_tickets),
    CONSTRAINT raffle_participants_pk PRIMARY KEY (raffle_id, user_id),
    CONSTRAINT raffle_participants_ticket_count_check CHECK (ticket_count >= 0)
);
COMMENT ON TABLE raffle_schema.raffle_participants IS 'How many ACTIVE tickets a user has in a raffle, and no more than the raffle allows. Written by the triggers alone.';
GRANT SELECT ON TABLE raffle_schema.raffle_participants TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.raffle_participants TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffle_participants.user_id IS 'Personal data: public id of the participant.';
COMMENT ON COLUMN raffle_schema.raffle_participants.max_tickets IS 'The raffle''s max_tickets_per_user, which is fixed before the first ticket; here so that a CHECK can hold it.';

CREATE INDEX raffle_participants_user_id_idx ON raffle_schema.raffle_participants USING btree (user_id);

CREATE TRIGGER raffle_participants_set_updated_at BEFORE UPDATE ON raffle_schema.raffle_participants FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.raffle_prizes (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    raffle_id bigint NOT NULL,
    rank integer NOT NULL,
    name text NOT NULL,
    description text,
    prize_type text NOT NULL,
    prize_value numeric(12,2) NOT NULL,
    currency text NOT NULL,
    quantity integer DEFAULT 1 NOT NULL,
    quantity_awarded integer DEFAULT 0 NOT NULL,
    quantity_remaining integer GENERATED ALWAYS AS ((quantity - quantity_awarded)) STORED NOT NULL,
    delivery_method text DEFAULT 'MANUAL'::text NOT NULL,
    image_url text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_prizes_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT raffle_prizes_delivery_method_check CHECK (delivery_method = ANY (ARRAY['MANUAL'::text, 'AUTOMATIC'::text, 'DIGITAL'::text, 'PHYSICAL'::text, 'CREDIT'::text])),
    CONSTRAINT raffle_prizes_description_check CHECK (length(description) <= 2000),
    CONSTRAINT raffle_prizes_id_raffle_id_key UNIQUE (id, raffle_id),
    CONSTRAINT raffle_prizes_image_url_check CHECK (image_url ~ '^https?://[^[:space:]]+$'::text AND length(image_url) <= 2000),
    CONSTRAINT raffle_prizes_image_url_https_check CHECK (image_url ~~ 'https://%'::text),
    CONSTRAINT raffle_prizes_inventory_check CHECK (quantity_awarded >= 0 AND quantity_awarded <= quantity),
    CONSTRAINT raffle_prizes_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT raffle_prizes_name_check CHECK (length(btrim(name)) >= 1 AND length(btrim(name)) <= 200),
    CONSTRAINT raffle_prizes_pk PRIMARY KEY (id),
    CONSTRAINT raffle_prizes_prize_type_check CHECK (prize_type = ANY (ARRAY['CASH'::text, 'FUEL_CREDIT'::text, 'MERCHANDISE'::text, 'DISCOUNT_COUPON'::text, 'GIFT_CARD'::text, 'SERVICE'::text, 'VEHICLE'::text, 'TRAVEL'::text, 'EXPERIENCE'::text, 'OTHER'::text])),
    CONSTRAINT raffle_prizes_prize_value_check CHECK (prize_value >= 0::numeric AND prize_value < 'NaN'::numeric AND (currency <> 'CRC'::text OR prize_value = trunc(prize_value))),
    CONSTRAINT raffle_prizes_quantity_check CHECK (quantity >= 1 AND quantity <= 1000000),
    CONSTRAINT raffle_prizes_raffle_id_rank_key UNIQUE (raffle_id, rank),
    CONSTRAINT raffle_prizes_rank_check CHECK (rank >= 1 AND rank <= 1000)
);
COMMENT ON TABLE raffle_schema.raffle_prizes IS 'What a raffle gives, in the order of rank, and how many units of it are awarded. Fixed once the raffle is open.';
GRANT DELETE, SELECT ON TABLE raffle_schema.raffle_prizes TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.raffle_prizes TO raffle_ro;
GRANT INSERT (raffle_id) ON TABLE raffle_schema.raffle_prizes TO raffle_app;
GRANT INSERT (rank), UPDATE (rank) ON TABLE raffle_schema.raffle_prizes TO raffle_app;
GRANT INSERT (name), UPDATE (name) ON TABLE raffle_schema.raffle_prizes TO raffle_app;
GRANT INSERT (description), UPDATE (description) ON TABLE raffle_schema.raffle_prizes TO raffle_app;
GRANT INSERT (prize_type), UPDATE (prize_type) ON TABLE raffle_schema.raffle_prizes TO raffle_app;
GRANT INSERT (prize_value), UPDATE (prize_value) ON TABLE raffle_schema.raffle_prizes TO raffle_app;
GRANT INSERT (currency), UPDATE (currency) ON TABLE raffle_schema.raffle_prizes TO raffle_app;
GRANT INSERT (quantity), UPDATE (quantity) ON TABLE raffle_schema.raffle_prizes TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_prizes.quantity_awarded IS 'Units that a winner holds; kept by the trigger on raffle_winners. A forfeited unit comes back.';
GRANT INSERT (delivery_method), UPDATE (delivery_method) ON TABLE raffle_schema.raffle_prizes TO raffle_app;
GRANT INSERT (image_url), UPDATE (image_url) ON TABLE raffle_schema.raffle_prizes TO raffle_app;
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE raffle_schema.raffle_prizes TO raffle_app;

CREATE TRIGGER raffle_prizes_audit_delete AFTER DELETE ON raffle_schema.raffle_prizes REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_prizes();

CREATE TRIGGER raffle_prizes_audit_insert AFTER INSERT ON raffle_schema.raffle_prizes REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_prizes();

CREATE TRIGGER raffle_prizes_audit_update AFTER UPDATE ON raffle_schema.raffle_prizes REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_prizes();

CREATE TRIGGER raffle_prizes_guard BEFORE INSERT OR DELETE OR UPDATE ON raffle_schema.raffle_prizes FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_raffle_prize();

CREATE TRIGGER raffle_prizes_set_updated_at BEFORE UPDATE ON raffle_schema.raffle_prizes FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.raffle_tickets (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    raffle_id bigint NOT NULL,
    entry_id bigint NOT NULL,
    ticket_number text NOT NULL,
    user_id uuid NOT NULL,
    status text DEFAULT 'ACTIVE'::text NOT NULL,
    disqualified_at timestamp with time zone,
    disqualification_reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_tickets_disqualification_check CHECK ((disqualified_at IS NULL) = (disqualification_reason IS NULL) AND (disqualification_reason IS NULL OR length(btrim(disqualification_reason)) >= 1 AND length(btrim(disqualification_reason)) <= 1000)),
    CONSTRAINT raffle_tickets_pk PRIMARY KEY (id),
    CONSTRAINT raffle_tickets_status_check CHECK (status = ANY (ARRAY['ACTIVE'::text, 'CANCELLED'::text])),
    CONSTRAINT raffle_tickets_ticket_number_check CHECK (raffle_schema.is_ticket_number(ticket_number))
);
COMMENT ON TABLE raffle_schema.raffle_tickets IS 'One row a ticket that entered a raffle, as the redemption service numbered it. Nothing is added or cancelled once the raffle is closed; a ticket that must not win is disqualified, with the reason, and keeps its place.';
GRANT SELECT ON TABLE raffle_schema.raffle_tickets TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.raffle_tickets TO raffle_ro;
GRANT INSERT (raffle_id) ON TABLE raffle_schema.raffle_tickets TO raffle_app;
GRANT INSERT (entry_id) ON TABLE raffle_schema.raffle_tickets TO raffle_app;
GRANT INSERT (ticket_number) ON TABLE raffle_schema.raffle_tickets TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_tickets.user_id IS 'Personal data: public id of the holder.';
GRANT INSERT (user_id) ON TABLE raffle_schema.raffle_tickets TO raffle_app;
GRANT UPDATE (status) ON TABLE raffle_schema.raffle_tickets TO raffle_app;
GRANT UPDATE (disqualified_at) ON TABLE raffle_schema.raffle_tickets TO raffle_app;
GRANT UPDATE (disqualification_reason) ON TABLE raffle_schema.raffle_tickets TO raffle_app;

CREATE UNIQUE INDEX raffle_tickets_active_ticket_number_idx ON raffle_schema.raffle_tickets USING btree (ticket_number) WHERE (status = 'ACTIVE'::text);

CREATE INDEX raffle_tickets_entry_idx ON raffle_schema.raffle_tickets USING btree (entry_id, raffle_id, user_id);

CREATE INDEX raffle_tickets_raffle_id_idx ON raffle_schema.raffle_tickets USING btree (raffle_id);

CREATE TRIGGER raffle_tickets_audit_update AFTER UPDATE ON raffle_schema.raffle_tickets REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_disqualifications();

CREATE TRIGGER raffle_tickets_count_delete AFTER DELETE ON raffle_schema.raffle_tickets REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.count_tickets();

CREATE TRIGGER raffle_tickets_count_insert AFTER INSERT ON raffle_schema.raffle_tickets REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.count_tickets();

CREATE TRIGGER raffle_tickets_count_update AFTER UPDATE ON raffle_schema.raffle_tickets REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.count_tickets();

CREATE TRIGGER raffle_tickets_set_updated_at BEFORE UPDATE ON raffle_schema.raffle_tickets FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.raffle_winners (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    public_id uuid DEFAULT gen_random_uuid() NOT NULL,
    raffle_id bigint NOT NULL,
    draw_id bigint NOT NULL,
    draw_position integer NOT NULL,
    ticket_id bigint NOT NULL,
    user_id uuid NOT NULL,
    allows_multiple_wins boolean NOT NULL,
    prize_id bigint,
    unit_number integer,
    status text NOT NULL,
    claim_deadline timestamp with time zone,
    notified_at timestamp with time zone,
    claimed_at timestamp with time zone,
    delivered_at timestamp with time zone,
    forfeited_at timestamp with time zone,
    disqualified_at timestamp with time zone,
    reason text,
    delivery_details jsonb DEFAULT '{}'::jsonb NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_winners_claim_deadline_check CHECK (claim_deadline > created_at AND claim_deadline < 'infinity'::timestamp with time zone),
    CONSTRAINT raffle_winners_claim_time_check CHECK (claim_deadline >= (created_at + '1 day'::interval)),
    CONSTRAINT raffle_winners_delivery_details_check CHECK (jsonb_typeof(delivery_details) = 'object'::text),
    CONSTRAINT raffle_winners_draw_id_draw_position_key UNIQUE (draw_id, draw_position),
    CONSTRAINT raffle_winners_draw_id_ticket_id_key UNIQUE (draw_id, ticket_id),
    CONSTRAINT raffle_winners_draw_position_check CHECK (draw_position >= 1),
    CONSTRAINT raffle_winners_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT raffle_winners_pk PRIMARY KEY (id),
    CONSTRAINT raffle_winners_prize_check CHECK (
CASE status
    WHEN 'ALTERNATE'::text THEN num_nonnulls(prize_id, unit_number, claim_deadline) = 0
    WHEN 'DISQUALIFIED'::text THEN num_nulls(prize_id, unit_number, claim_deadline) = ANY (ARRAY[0, 3])
    ELSE num_nulls(prize_id, unit_number, claim_deadline) = 0
END),
    CONSTRAINT raffle_winners_public_id_key UNIQUE (public_id),
    CONSTRAINT raffle_winners_reason_check CHECK ((status <> 'DISQUALIFIED'::text OR reason IS NOT NULL) AND (reason IS NULL OR length(btrim(reason)) >= 1 AND length(btrim(reason)) <= 1000)),
    CONSTRAINT raffle_winners_status_check CHECK (status = ANY (ARRAY['ALTERNATE'::text, 'SELECTED'::text, 'NOTIFIED'::text, 'CLAIMED'::text, 'DELIVERED'::text, 'FORFEITED'::text, 'DISQUALIFIED'::text])),
    CONSTRAINT raffle_winners_times_check CHECK ((status <> 'NOTIFIED'::text OR notified_at IS NOT NULL) AND ((status <> ALL (ARRAY['CLAIMED'::text, 'DELIVERED'::text])) OR claimed_at IS NOT NULL) AND (status = 'DELIVERED'::text) = (delivered_at IS NOT NULL) AND (status = 'FORFEITED'::text) = (forfeited_at IS NOT NULL) AND (status = 'DISQUALIFIED'::text) = (disqualified_at IS NOT NULL)),
    CONSTRAINT raffle_winners_unit_number_check CHECK (unit_number >= 1)
);
COMMENT ON TABLE raffle_schema.raffle_winners IS 'The tickets a draw selected, in order: first the winners, each with a unit of a prize, then the alternates, who get a unit that another forfeits.';
GRANT SELECT ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT SELECT (id) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT SELECT (public_id) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT INSERT (raffle_id) ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT SELECT (raffle_id) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT INSERT (draw_id) ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT SELECT (draw_id) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffle_winners.draw_position IS 'The place in the one sequence that the randomness gives.';
GRANT INSERT (draw_position) ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT SELECT (draw_position) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT INSERT (ticket_id) ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT SELECT (ticket_id) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffle_winners.user_id IS 'Personal data: public id of the winner.';
GRANT INSERT (user_id) ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT SELECT (user_id) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffle_winners.allows_multiple_wins IS 'The raffle''s rule, for the unique index.';
GRANT SELECT (allows_multiple_wins) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT INSERT (prize_id), UPDATE (prize_id) ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT SELECT (prize_id) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT INSERT (unit_number), UPDATE (unit_number) ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT SELECT (unit_number) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT INSERT (status), UPDATE (status) ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT SELECT (status) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT INSERT (claim_deadline), UPDATE (claim_deadline) ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT SELECT (claim_deadline) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT SELECT (notified_at) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT SELECT (claimed_at) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT SELECT (delivered_at) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT SELECT (forfeited_at) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT SELECT (disqualified_at) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffle_winners.reason IS 'Personal data: why the winner forfeited or was disqualified.';
GRANT UPDATE (reason) ON TABLE raffle_schema.raffle_winners TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_winners.delivery_details IS 'Personal data: address, account or person of the delivery.';
GRANT INSERT (delivery_details), UPDATE (delivery_details) ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE raffle_schema.raffle_winners TO raffle_app;
GRANT SELECT (created_at) ON TABLE raffle_schema.raffle_winners TO raffle_ro;
GRANT SELECT (updated_at) ON TABLE raffle_schema.raffle_winners TO raffle_ro;

CREATE UNIQUE INDEX raffle_winners_held_prize_unit_idx ON raffle_schema.raffle_winners USING btree (prize_id, unit_number) WHERE (status <> ALL (ARRAY['FORFEITED'::text, 'DISQUALIFIED'::text]));

CREATE UNIQUE INDEX raffle_winners_once_draw_id_user_id_idx ON raffle_schema.raffle_winners USING btree (draw_id, user_id) WHERE (NOT allows_multiple_wins);

CREATE INDEX raffle_winners_prize_id_idx ON raffle_schema.raffle_winners USING btree (prize_id, raffle_id);

CREATE INDEX raffle_winners_raffle_id_idx ON raffle_schema.raffle_winners USING btree (raffle_id, allows_multiple_wins);

CREATE INDEX raffle_winners_ticket_id_idx ON raffle_schema.raffle_winners USING btree (ticket_id);

CREATE INDEX raffle_winners_unclaimed_claim_deadline_idx ON raffle_schema.raffle_winners USING btree (claim_deadline) WHERE (status = ANY (ARRAY['SELECTED'::text, 'NOTIFIED'::text]));

CREATE INDEX raffle_winners_user_id_idx ON raffle_schema.raffle_winners USING btree (user_id);

CREATE TRIGGER raffle_winners_follow_insert AFTER INSERT ON raffle_schema.raffle_winners REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.follow_winners();

CREATE TRIGGER raffle_winners_follow_update AFTER UPDATE ON raffle_schema.raffle_winners REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.follow_winners();

CREATE TRIGGER raffle_winners_guard BEFORE INSERT OR UPDATE ON raffle_schema.raffle_winners FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_raffle_winner();

CREATE TRIGGER raffle_winners_refuse_removal BEFORE DELETE OR TRUNCATE ON raffle_schema.raffle_winners FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

CREATE TRIGGER raffle_winners_set_updated_at BEFORE UPDATE ON raffle_schema.raffle_winners FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.raffles (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    raffle_code text NOT NULL,
    name text NOT NULL,
    description text,
    raffle_type text NOT NULL,
    selection_algorithm text DEFAULT 'MERKLE_TREE'::text NOT NULL,
    status text DEFAULT 'DRAFT'::text NOT NULL,
    opens_at timestamp with time zone,
    closes_at timestamp with time zone,
    draw_at timestamp with time zone,
    time_zone text DEFAULT 'America/Mexico_City'::text NOT NULL,
    max_tickets_per_user integer,
    allows_multiple_wins boolean DEFAULT false NOT NULL,
    alternate_count integer DEFAULT 0 NOT NULL,
    claim_days integer DEFAULT 30 NOT NULL,
    organizer text,
    permit_number text,
    terms_version text,
    terms_sha256 bytea,
    terms_url text,
    opened_at timestamp with time zone,
    closed_at timestamp with time zone,
    drawing_at timestamp with time zone,
    completed_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    cancellation_reason text,
    created_by text DEFAULT raffle_schema.request_context('actor'::text),
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffles_alternate_count_check CHECK (alternate_count >= 0 AND alternate_count <= 1000),
    CONSTRAINT raffles_cancellation_check CHECK ((status = 'CANCELLED'::text) = (cancellation_reason IS NOT NULL) AND (cancellation_reason IS NULL OR length(btrim(cancellation_reason)) >= 1 AND length(btrim(cancellation_reason)) <= 1000)),
    CONSTRAINT raffles_claim_days_check CHECK (claim_days >= 1 AND claim_days <= 365),
    CONSTRAINT raffles_created_by_check CHECK (length(created_by) <= 128),
    CONSTRAINT raffles_dates_check CHECK (opens_at < closes_at AND closes_at <= draw_at),
    CONSTRAINT raffles_description_check CHECK (length(description) <= 4000),
    CONSTRAINT raffles_finite_dates_check CHECK (isfinite(opens_at) AND isfinite(closes_at) AND isfinite(draw_at)),
    CONSTRAINT raffles_id_allows_multiple_wins_key UNIQUE (id, allows_multiple_wins),
    CONSTRAINT raffles_max_tickets_per_user_check CHECK (max_tickets_per_user >= 1 AND max_tickets_per_user <= 1000000),
    CONSTRAINT raffles_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT raffles_name_check CHECK (length(btrim(name)) >= 1 AND length(btrim(name)) <= 200),
    CONSTRAINT raffles_organizer_check CHECK (length(btrim(organizer)) >= 1 AND length(btrim(organizer)) <= 200),
    CONSTRAINT raffles_permit_check CHECK ((status = ANY (ARRAY['DRAFT'::text, 'CANCELLED'::text])) OR num_nulls(organizer, permit_number, terms_url) = 0),
    CONSTRAINT raffles_permit_number_check CHECK (length(btrim(permit_number)) >= 1 AND length(btrim(permit_number)) <= 100),
    CONSTRAINT raffles_pk PRIMARY KEY (id),
    CONSTRAINT raffles_published_check CHECK (status = 'DRAFT'::text OR status = 'CANCELLED'::text AND opened_at IS NULL OR num_nulls(opens_at, closes_at, draw_at, terms_version, terms_sha256, opened_at) = 0),
    CONSTRAINT raffles_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'::text),
    CONSTRAINT raffles_raffle_code_key UNIQUE (raffle_code),
    CONSTRAINT raffles_raffle_type_check CHECK (raffle_type = ANY (ARRAY['STANDARD'::text, 'PREMIUM'::text, 'SPECIAL_EVENT'::text, 'PROMOTIONAL'::text, 'CHARITY'::text])),
    CONSTRAINT raffles_selection_algorithm_check CHECK (selection_algorithm = ANY (ARRAY['RANDOM'::text, 'WEIGHTED'::text, 'MERKLE_TREE'::text, 'PROVABLY_FAIR'::text])),
    CONSTRAINT raffles_state_times_check CHECK ((status <> 'CLOSED'::text OR closed_at IS NOT NULL) AND (status <> 'DRAWING'::text OR num_nulls(closed_at, drawing_at) = 0) AND (status <> 'COMPLETED'::text OR num_nulls(closed_at, drawing_at) = 0) AND (status = 'COMPLETED'::text) = (completed_at IS NOT NULL) AND (status = 'CANCELLED'::text) = (cancelled_at IS NOT NULL)),
    CONSTRAINT raffles_status_check CHECK (status = ANY (ARRAY['DRAFT'::text, 'OPEN'::text, 'CLOSED'::text, 'DRAWING'::text, 'COMPLETED'::text, 'CANCELLED'::text])),
    CONSTRAINT raffles_terms_sha256_check CHECK (octet_length(terms_sha256) = 32),
    CONSTRAINT raffles_terms_url_check CHECK (terms_url ~ '^https?://[^[:space:]]+$'::text AND length(terms_url) <= 2000),
    CONSTRAINT raffles_terms_url_https_check CHECK (terms_url ~~ 'https://%'::text),
    CONSTRAINT raffles_terms_version_check CHECK (length(btrim(terms_version)) >= 1 AND length(btrim(terms_version)) <= 50),
    CONSTRAINT raffles_time_zone_check CHECK (time_zone ~ '^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_-]+){1,2})$'::text AND length(time_zone) <= 64 AND ('2000-01-01 00:00:00'::timestamp without time zone AT TIME ZONE time_zone) IS NOT NULL)
);
COMMENT ON TABLE raffle_schema.raffles IS 'A raffle and its published rules, which do not change once it is open. Its counts stand in raffle_counters.';
GRANT DELETE, SELECT ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (id) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (raffle_code), UPDATE (raffle_code) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (raffle_code) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (name), UPDATE (name) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (name) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (description), UPDATE (description) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (description) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (raffle_type), UPDATE (raffle_type) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (raffle_type) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (selection_algorithm), UPDATE (selection_algorithm) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (selection_algorithm) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT UPDATE (status) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (status) ON TABLE raffle_schema.raffles TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffles.opens_at IS 'Entries are taken in [opens_at, closes_at).';
GRANT INSERT (opens_at), UPDATE (opens_at) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (opens_at) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (closes_at), UPDATE (closes_at) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (closes_at) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (draw_at), UPDATE (draw_at) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (draw_at) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (time_zone), UPDATE (time_zone) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (time_zone) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (max_tickets_per_user), UPDATE (max_tickets_per_user) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (max_tickets_per_user) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (allows_multiple_wins), UPDATE (allows_multiple_wins) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (allows_multiple_wins) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (alternate_count), UPDATE (alternate_count) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (alternate_count) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (claim_days), UPDATE (claim_days) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (claim_days) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (organizer), UPDATE (organizer) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (organizer) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (permit_number), UPDATE (permit_number) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (permit_number) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (terms_version), UPDATE (terms_version) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (terms_version) ON TABLE raffle_schema.raffles TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffles.terms_sha256 IS 'SHA-256 of the published terms, so that they cannot change unseen.';
GRANT INSERT (terms_sha256), UPDATE (terms_sha256) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (terms_sha256) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT INSERT (terms_url), UPDATE (terms_url) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (terms_url) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT SELECT (opened_at) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT SELECT (closed_at) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT SELECT (drawing_at) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT SELECT (completed_at) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT SELECT (cancelled_at) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT UPDATE (cancellation_reason) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (cancellation_reason) ON TABLE raffle_schema.raffles TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffles.created_by IS 'Personal data: who made it, a public id or a service''s name.';
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (created_at) ON TABLE raffle_schema.raffles TO raffle_ro;
GRANT SELECT (updated_at) ON TABLE raffle_schema.raffles TO raffle_ro;

CREATE INDEX raffles_open_closes_at_idx ON raffle_schema.raffles USING btree (closes_at) WHERE (status = 'OPEN'::text);

CREATE INDEX raffles_undrawn_draw_at_idx ON raffle_schema.raffles USING btree (draw_at) WHERE (status = ANY (ARRAY['CLOSED'::text, 'DRAWING'::text]));

CREATE TRIGGER raffles_audit_delete AFTER DELETE ON raffle_schema.raffles REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_raffles();

CREATE TRIGGER raffles_audit_insert AFTER INSERT ON raffle_schema.raffles REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_raffles();

CREATE TRIGGER raffles_audit_update AFTER UPDATE ON raffle_schema.raffles REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_raffles();

CREATE TRIGGER raffles_guard BEFORE INSERT OR DELETE OR UPDATE ON raffle_schema.raffles FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_raffle();

CREATE TRIGGER raffles_set_updated_at BEFORE UPDATE ON raffle_schema.raffles FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE VIEW raffle_schema.raffle_summary AS
 SELECT r.id,
    r.name,
    r.status,
    count(rt.id) AS total_tickets
   FROM raffle_schema.raffles r
     LEFT JOIN raffle_schema.raffle_tickets rt ON r.id = rt.raffle_id
  GROUP BY r.id, r.name, r.status;
COMMENT ON VIEW raffle_schema.raffle_summary IS 'Every raffle with all its tickets, cancelled ones too. It counts rows: for a live page read raffle_totals.';
GRANT SELECT ON TABLE raffle_schema.raffle_summary TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.raffle_summary TO raffle_ro;

CREATE VIEW raffle_schema.raffle_totals AS
 SELECT r.id AS raffle_id,
    r.raffle_code,
    COALESCE(sum(c.ticket_count), 0::numeric)::bigint AS ticket_count,
    COALESCE(sum(c.participant_count), 0::numeric)::bigint AS participant_count
   FROM raffle_schema.raffles r
     LEFT JOIN raffle_schema.raffle_counters c ON c.raffle_id = r.id
  GROUP BY r.id, r.raffle_code;
COMMENT ON VIEW raffle_schema.raffle_totals IS 'ACTIVE tickets and participants of each raffle from its counters: sixteen rows to add, however large the raffle.';
GRANT SELECT ON TABLE raffle_schema.raffle_totals TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.raffle_totals TO raffle_ro;

ALTER TABLE raffle_schema.raffle_counters ADD CONSTRAINT raffle_counters_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_draws ADD CONSTRAINT raffle_draws_previous_fk FOREIGN KEY (previous_chain_number, previous_manifest_sha256) REFERENCES raffle_schema.raffle_draws(chain_number, manifest_sha256) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_draws ADD CONSTRAINT raffle_draws_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_entries ADD CONSTRAINT raffle_entries_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_participants ADD CONSTRAINT raffle_participants_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_prizes ADD CONSTRAINT raffle_prizes_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_tickets ADD CONSTRAINT raffle_tickets_entry_fk FOREIGN KEY (entry_id, raffle_id, user_id) REFERENCES raffle_schema.raffle_entries(id, raffle_id, user_id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_tickets ADD CONSTRAINT raffle_tickets_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_winners ADD CONSTRAINT raffle_winners_draw_id_fk FOREIGN KEY (draw_id) REFERENCES raffle_schema.raffle_draws(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_winners ADD CONSTRAINT raffle_winners_prize_fk FOREIGN KEY (prize_id, raffle_id) REFERENCES raffle_schema.raffle_prizes(id, raffle_id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_winners ADD CONSTRAINT raffle_winners_raffle_fk FOREIGN KEY (raffle_id, allows_multiple_wins) REFERENCES raffle_schema.raffles(id, allows_multiple_wins) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_winners ADD CONSTRAINT raffle_winners_ticket_id_fk FOREIGN KEY (ticket_id) REFERENCES raffle_schema.raffle_tickets(id) ON DELETE RESTRICT;

RESET ROLE;
