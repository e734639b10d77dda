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
    -- the statement after the lock sees what the other transaction did. What is not open takes nothing, so whoever holds
    -- it (a freeze, for seconds) holds nobody back.
    PERFORM FROM raffle_schema.raffles AS r
      WHERE r.id = ANY (p_raffle_ids) AND r.status = 'OPEN' ORDER BY r.id FOR SHARE;
    SELECT format('raffle %s is %s: its tickets do not change any more', r.raffle_code, r.status) INTO v_refused
      FROM unnest(p_raffle_ids, p_deltas) AS d (raffle_id, delta)
      JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
     WHERE r.status <> 'OPEN' AND NOT (r.status = 'CANCELLED' AND d.delta < 0)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', v_refused USING ERRCODE = 'restrict_violation';
    END IF;

    -- Locked before their tickets are read, so that two changes of one entry see each other.
    PERFORM FROM raffle_schema.raffle_entries AS e WHERE e.id = ANY (p_entry_ids) ORDER BY e.id FOR NO KEY UPDATE;
    -- Whose count was right before its tickets came, enter_tickets has counted and hashed them already.
    UPDATE raffle_schema.raffle_entries AS e
       SET ticket_count = s.ticket_count,
           entry_hash = raffle_schema.entry_hash(s.raffle_code, e.issuance_id, s.numbers),
           received_at = now()
      FROM (SELECT d.entry_id, d.delta, r.raffle_code, coalesce(g.numbers, '{}') AS numbers,
                   coalesce(cardinality(g.numbers), 0) AS ticket_count
              FROM unnest(p_entry_ids, p_raffle_ids, p_deltas) AS d (entry_id, raffle_id, delta)
              JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
              LEFT JOIN (SELECT t.entry_id, array_agg(t.ticket_number) FILTER (WHERE t.status = 'ACTIVE') AS numbers
                           FROM raffle_schema.raffle_tickets AS t
                          WHERE t.entry_id = ANY (p_entry_ids)
                          GROUP BY t.entry_id) AS g ON g.entry_id = d.entry_id) AS s
     WHERE e.id = s.entry_id AND (s.delta <= 0 OR e.ticket_count <> s.ticket_count);

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

CREATE OR REPLACE FUNCTION raffle_schema.are_source_weights(p_weights jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
    SELECT jsonb_typeof(p_weights) = 'object'
       AND p_weights ?& ARRAY['COUPON_REDEMPTION', 'AD_ENGAGEMENT', 'PROMOTIONAL', 'BONUS', 'FREE_ENTRY']
       AND p_weights - ARRAY['COUPON_REDEMPTION', 'AD_ENGAGEMENT', 'PROMOTIONAL', 'BONUS', 'FREE_ENTRY'] = '{}'
       AND NOT EXISTS (SELECT FROM jsonb_each(p_weights) AS w
                        WHERE w.value::text !~ '^([1-9][0-9]{0,2}|1000)$')
    $function$;
COMMENT ON FUNCTION raffle_schema.are_source_weights(p_weights jsonb) IS 'A whole number from 1 to 1000 for each of the five sources, and nothing else.';
REVOKE EXECUTE ON FUNCTION raffle_schema.are_source_weights(p_weights jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.are_source_weights(p_weights jsonb) TO raffle_app;

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

CREATE OR REPLACE FUNCTION raffle_schema.audit_draw_witnesses()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, new_values)
    SELECT CASE WHEN n.retired_at IS NULL THEN 'WITNESS_ENROLLED' ELSE 'WITNESS_RETIRED' END, '*', n.terminal_code,
           jsonb_strip_nulls(jsonb_build_object(
               'station', n.station_code, 'public_key', encode(n.public_key, 'hex'), 'reason', n.retirement_reason))
      FROM new_rows AS n;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.audit_draw_witnesses() IS 'Every witness enrolled or retired, in the audit log; of no raffle, so the code is *.';
REVOKE EXECUTE ON FUNCTION raffle_schema.audit_draw_witnesses() FROM PUBLIC;

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

CREATE OR REPLACE FUNCTION raffle_schema.audit_exclusions()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- The log is never changed: it names the row and not the person.
    IF TG_OP = 'INSERT' THEN
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, new_values)
        SELECT 'PERSON_EXCLUDED', coalesce(r.raffle_code, 'ALL'), n.public_id::text, jsonb_build_object('kind', n.kind)
          FROM new_rows AS n
          LEFT JOIN raffle_schema.raffles AS r ON r.id = n.raffle_id;
    ELSE
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, old_values)
        SELECT 'PERSON_READMITTED', CASE WHEN o.raffle_id IS NULL THEN 'ALL' ELSE coalesce(r.raffle_code, 'DELETED') END,
               o.public_id::text, jsonb_build_object('kind', o.kind)
          FROM old_rows AS o
          LEFT JOIN raffle_schema.raffles AS r ON r.id = o.raffle_id;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.audit_exclusions() IS 'Every person kept out and let in again, in the audit log; its subject is the public id of the row.';
REVOKE EXECUTE ON FUNCTION raffle_schema.audit_exclusions() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.audit_fulfilment()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_TABLE_NAME = 'prize_claims' THEN
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, new_values)
        SELECT CASE WHEN o.delivery_changed_at IS DISTINCT FROM n.delivery_changed_at THEN 'DELIVERY_CHANGED'
                    WHEN n.identified_at IS NULL THEN 'IDENTITY_TAKEN_BACK'
                    WHEN n.confirmed_at IS NOT NULL THEN 'IDENTITY_CONFIRMED'
                    ELSE 'IDENTITY_SEEN' END,
               r.raffle_code, w.public_id::text,
               jsonb_build_object('document_type', coalesce(n.document_type, o.document_type))
          FROM new_rows AS n
          JOIN old_rows AS o ON o.winner_id = n.winner_id
          JOIN raffle_schema.raffle_winners AS w ON w.id = n.winner_id
          JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id
         WHERE (o.identified_at, o.confirmed_at, o.delivery_changed_at)
               IS DISTINCT FROM (n.identified_at, n.confirmed_at, n.delivery_changed_at);
    ELSE
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, new_values)
        SELECT 'PRIZE_' || n.step, r.raffle_code, w.public_id::text,
               jsonb_strip_nulls(jsonb_build_object(
                   'carrier', n.carrier, 'tracking', n.tracking, 'receipt_sha256', encode(n.receipt_sha256, 'hex')))
          FROM new_rows AS n
          JOIN raffle_schema.raffle_winners AS w ON w.id = n.winner_id
          JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.audit_fulfilment() IS 'Every look at an identity, also one taken back, every other destination and every step of a delivery, in the audit log; its subject is the winner.';
REVOKE EXECUTE ON FUNCTION raffle_schema.audit_fulfilment() FROM PUBLIC;

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
DECLARE
    -- Times of states are those of the states' own entries.
    v_apart CONSTANT text[] := ARRAY[
        'id', 'updated_at', 'opened_at', 'closed_at', 'drawing_at', 'completed_at', 'cancelled_at', 'withdrawn_at'];
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
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, old_values, new_values)
        SELECT 'RAFFLE_CHANGED', n.raffle_code,
               (SELECT jsonb_object_agg(f.key, f.value) FROM jsonb_each(to_jsonb(o) - v_apart) AS f
                 WHERE f.value IS DISTINCT FROM to_jsonb(n) -> f.key),
               (SELECT jsonb_object_agg(f.key, f.value) FROM jsonb_each(to_jsonb(n) - v_apart) AS f
                 WHERE f.value IS DISTINCT FROM to_jsonb(o) -> f.key)
          FROM new_rows AS n
          JOIN old_rows AS o ON o.id = n.id
         WHERE o.status = n.status AND to_jsonb(o) - v_apart <> to_jsonb(n) - v_apart;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.audit_raffles() IS 'Every raffle made, changed or deleted and every change of its state, in the audit log.';
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

CREATE OR REPLACE FUNCTION raffle_schema.count_tickets()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
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
                           FROM new_rows AS n JOIN old_rows AS o ON o.id = n.id
                          WHERE n.status = 'ACTIVE'
                            AND (n.status, n.entry_id, n.ticket_number)
                                IS DISTINCT FROM (o.status, o.entry_id, o.ticket_number)
                          UNION ALL
                         SELECT o.entry_id, o.raffle_id, o.user_id, -1
                           FROM old_rows AS o JOIN new_rows AS n ON n.id = o.id
                          WHERE o.status = 'ACTIVE'
                            AND (n.status, n.entry_id, n.ticket_number)
                                IS DISTINCT FROM (o.status, o.entry_id, o.ticket_number)) AS c
                  -- One that loses a ticket and gains another counts as before, and its hash is another one.
                  GROUP BY c.entry_id, c.raffle_id, c.user_id) AS d
         HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.count_tickets() IS 'Keeps the counts of ACTIVE tickets for whole statements: inserts, deletes, and changes of status.';
REVOKE EXECUTE ON FUNCTION raffle_schema.count_tickets() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.delivery_steps_of(p_delivery_method text)
 RETURNS text[]
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
    SELECT CASE WHEN p_delivery_method IN ('DIGITAL', 'CREDIT', 'AUTOMATIC') THEN ARRAY['PREPARED', 'SENT']
                ELSE ARRAY['PREPARED', 'SENT', 'HANDED_OVER', 'RECEIPT_SIGNED'] END
    $function$;
COMMENT ON FUNCTION raffle_schema.delivery_steps_of(p_delivery_method text) IS 'The steps of a delivery in order. A thing may be handed over where it was prepared, without SENT.';
REVOKE EXECUTE ON FUNCTION raffle_schema.delivery_steps_of(p_delivery_method text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.delivery_steps_of(p_delivery_method text) TO raffle_app;

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

CREATE OR REPLACE FUNCTION raffle_schema.enter_tickets(p_raffle_codes text[], p_issuance_ids uuid[], p_user_ids uuid[], p_sources text[], p_entered_at timestamp with time zone[], p_numbers text[])
 RETURNS TABLE(entered integer, refused integer)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    v_numbers CONSTANT text[] := string_to_array(array_to_string(p_numbers, ','), ',');
    v_raffle_ids bigint[];
    v_reasons text[];
    v_limits integer[];
    v_held integer[];
    v_known text[];
    v_known_in bigint[];
    v_places integer[];
    v_taken text[];
    v_entered integer;
    v_refused integer := 0;
BEGIN
    -- Shared by all who enter tickets, refused to who closes the raffle meanwhile.
    PERFORM FROM raffle_schema.raffles AS r
      WHERE r.raffle_code = ANY (p_raffle_codes) AND r.status = 'OPEN' ORDER BY r.id FOR SHARE;
    IF EXISTS (SELECT FROM raffle_schema.raffles AS r
                WHERE r.raffle_code = ANY (p_raffle_codes) AND r.max_tickets_per_user IS NOT NULL) THEN
        -- Who enters tickets for the same person waits here, and then counts those of the one before.
        INSERT INTO raffle_schema.raffle_participants (raffle_id, user_id, ticket_count, max_tickets)
        SELECT DISTINCT r.id, a.user_id, 0, r.max_tickets_per_user
          FROM unnest(p_raffle_codes, p_user_ids) AS a (raffle_code, user_id)
          JOIN raffle_schema.raffles AS r ON r.raffle_code = a.raffle_code
         WHERE r.max_tickets_per_user IS NOT NULL AND r.status = 'OPEN'
         ORDER BY r.id, a.user_id
            ON CONFLICT DO NOTHING;
        PERFORM
           FROM raffle_schema.raffle_participants AS p
          WHERE p.user_id = ANY (p_user_ids)
            AND p.raffle_id IN (SELECT r.id FROM raffle_schema.raffles AS r WHERE r.raffle_code = ANY (p_raffle_codes))
          ORDER BY p.raffle_id, p.user_id
            FOR NO KEY UPDATE;
    END IF;
    SELECT array_agg(r.id ORDER BY a.place), array_agg(r.max_tickets_per_user ORDER BY a.place),
           array_agg(CASE WHEN r.id IS NULL OR r.status <> 'OPEN' OR a.entered_at < r.opens_at
                               OR a.entered_at >= r.closes_at THEN 'NOT_OPEN'
                          WHEN raffle_schema.is_kept_out(r.id, a.user_id) THEN 'EXCLUDED_PERSON' END ORDER BY a.place),
           array_agg(CASE WHEN r.max_tickets_per_user IS NOT NULL THEN
                          (SELECT p.ticket_count FROM raffle_schema.raffle_participants AS p
                            WHERE p.raffle_id = r.id AND p.user_id = a.user_id) END ORDER BY a.place)
      INTO v_raffle_ids, v_limits, v_reasons, v_held
      FROM unnest(p_raffle_codes, p_user_ids, p_entered_at) WITH ORDINALITY AS a (raffle_code, user_id, entered_at, place)
      LEFT JOIN raffle_schema.raffles AS r ON r.raffle_code = a.raffle_code;
    SELECT coalesce(array_agg(k.ticket_number), '{}'), coalesce(array_agg(k.raffle_id), '{}') INTO v_known, v_known_in
      FROM (SELECT t.ticket_number, t.raffle_id
              FROM raffle_schema.raffle_tickets AS t
             WHERE t.ticket_number = ANY (v_numbers) AND t.status = 'ACTIVE'
             UNION ALL
            SELECT v.ticket_number, NULL FROM raffle_schema.revoked_tickets AS v WHERE v.ticket_number = ANY (v_numbers)
           ) AS k;

    IF v_known = '{}' AND num_nonnulls(VARIADIC v_reasons) = 0 AND num_nonnulls(VARIADIC v_limits) = 0 THEN
        v_places := ARRAY(SELECT generate_series(1, cardinality(p_numbers)));
        v_taken := p_numbers;
    ELSE
        WITH ticket AS (
            SELECT a.place, n.number, a.raffle_id, a.user_id, a.most, a.held, a.reason,
                   array_position(v_known, n.number) AS known_at,
                   row_number() OVER (PARTITION BY n.number ORDER BY a.place) AS nth
              FROM unnest(v_raffle_ids, p_user_ids, v_limits, v_held, v_reasons, p_numbers) WITH ORDINALITY
                AS a (raffle_id, user_id, most, held, reason, numbers, place)
             CROSS JOIN LATERAL unnest(string_to_array(a.numbers, ',')) AS n (number)
        ), asked AS (
            -- What this raffle has, and what was taken back, is passed over: the message came again, or too late.
            SELECT t.place, t.number, t.raffle_id, t.user_id, t.most, t.held,
                   coalesce(t.reason, CASE WHEN t.known_at IS NOT NULL THEN 'ELSEWHERE' END) AS reason
              FROM ticket AS t
             WHERE t.nth = 1
               AND (t.known_at IS NULL
                    OR (v_known_in[t.known_at] IS NOT NULL AND v_known_in[t.known_at] IS DISTINCT FROM t.raffle_id))
        ), judged AS MATERIALIZED (
            SELECT q.place, q.number,
                   coalesce(q.reason, CASE
                       WHEN q.held + row_number() OVER (PARTITION BY q.raffle_id, q.user_id, q.reason
                                                            ORDER BY q.place, q.number) > q.most
                       THEN 'OVER_LIMIT' END) AS reason
              FROM asked AS q
        ), repeated AS (
            -- Who chooses a raffle again and again that is full for him fills no table: the last refusal is kept.
            DELETE FROM raffle_schema.refused_tickets AS f
             USING (SELECT g.place, array_agg(g.number) AS numbers
                      FROM judged AS g
                     WHERE g.reason = 'OVER_LIMIT'
                     GROUP BY g.place) AS j
             WHERE f.user_id = p_user_ids[j.place] AND f.raffle_code = p_raffle_codes[j.place]
               AND f.issuance_id = p_issuance_ids[j.place] AND f.reason = 'OVER_LIMIT' AND f.ticket_numbers <@ j.numbers
        ), refused AS (
            INSERT INTO raffle_schema.refused_tickets
                   (raffle_code, issuance_id, user_id, reason, ticket_numbers, entered_at)
            SELECT p_raffle_codes[j.place], p_issuance_ids[j.place], p_user_ids[j.place], j.reason,
                   array_agg(j.number ORDER BY j.number COLLATE "C"), p_entered_at[j.place]
              FROM judged AS j
             WHERE j.reason IS NOT NULL
             GROUP BY j.place, j.reason
             ORDER BY j.place
            RETURNING cardinality(ticket_numbers) AS tickets
        ), taken AS (
            SELECT j.place, string_agg(j.number, ',') AS numbers
              FROM judged AS j
             WHERE j.reason IS NULL
             GROUP BY j.place
        )
        SELECT coalesce(array_agg(t.place ORDER BY t.place), '{}'), coalesce(array_agg(t.numbers ORDER BY t.place), '{}'),
               (SELECT coalesce(sum(f.tickets), 0) FROM refused AS f)
          INTO v_places, v_taken, v_refused
          FROM taken AS t;
    END IF;

    INSERT INTO raffle_schema.raffle_entries
           (raffle_id, issuance_id, user_id, source, entered_at, ticket_count, entry_hash)
    SELECT v_raffle_ids[t.place], p_issuance_ids[t.place], p_user_ids[t.place], p_sources[t.place],
           p_entered_at[t.place], cardinality(n.numbers),
           raffle_schema.entry_hash(p_raffle_codes[t.place], p_issuance_ids[t.place], n.numbers)
      FROM unnest(v_places, v_taken) AS t (place, numbers)
     CROSS JOIN LATERAL string_to_array(t.numbers, ',') AS n (numbers)
        ON CONFLICT (raffle_id, issuance_id) DO NOTHING;
    -- An entry that was there grows: its own count and hash the trigger makes again.
    INSERT INTO raffle_schema.raffle_tickets (raffle_id, entry_id, ticket_number, user_id)
    SELECT e.raffle_id, e.id, n.number, p_user_ids[t.place]
      FROM unnest(v_places, v_taken) AS t (place, numbers)
      JOIN raffle_schema.raffle_entries AS e
        ON e.issuance_id = p_issuance_ids[t.place] AND e.raffle_id = v_raffle_ids[t.place]
     CROSS JOIN LATERAL unnest(string_to_array(t.numbers, ',')) AS n (number);
    GET DIAGNOSTICS v_entered = ROW_COUNT;
    RETURN QUERY VALUES (v_entered, v_refused);
END
$function$;
COMMENT ON FUNCTION raffle_schema.enter_tickets(p_raffle_codes text[], p_issuance_ids uuid[], p_user_ids uuid[], p_sources text[], p_entered_at timestamp with time zone[], p_numbers text[]) IS 'Enters the tickets of many messages at once; p_numbers has those of each, with commas between. A number that the raffle had before, or that was taken back, is passed over. What the raffle does not take goes into refused_tickets, with the reason: NOT_OPEN, EXCLUDED_PERSON, ELSEWHERE (in another raffle), OVER_LIMIT. Gives how many tickets came in and how many were refused. Locks the raffles shared, and the participants of raffles with a limit.';
REVOKE EXECUTE ON FUNCTION raffle_schema.enter_tickets(p_raffle_codes text[], p_issuance_ids uuid[], p_user_ids uuid[], p_sources text[], p_entered_at timestamp with time zone[], p_numbers text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.enter_tickets(p_raffle_codes text[], p_issuance_ids uuid[], p_user_ids uuid[], p_sources text[], p_entered_at timestamp with time zone[], p_numbers text[]) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.entry_exclusions(p_raffle_id bigint)
 RETURNS TABLE(entry_id bigint, reason text)
 LANGUAGE sql
 STABLE
AS $function$
    WITH raffle AS MATERIALIZED (
        SELECT r.id, r.min_age, r.min_tickets_per_user, r.excludes_employees, r.requires_active_account
          FROM raffle_schema.raffles AS r
         WHERE r.id = p_raffle_id
    ), person (user_id, place, reason) AS (
        SELECT x.user_id, 1, 'EXCLUDED_PERSON'
          FROM raffle_schema.excluded_persons AS x
         WHERE x.raffle_id = p_raffle_id OR x.raffle_id IS NULL
         UNION ALL
        SELECT a.user_id, 1, 'EXCLUDED_PERSON' FROM raffle_schema.account_states AS a WHERE a.is_erased AND NOT a.is_active
         UNION ALL
        SELECT m.user_id, 1, 'EXCLUDED_PERSON'
          FROM raffle_schema.employments AS m CROSS JOIN raffle AS r
         WHERE m.is_active AND r.excludes_employees
         UNION ALL
        SELECT a.user_id, 1, 'EXCLUDED_PERSON'
          FROM raffle_schema.account_states AS a CROSS JOIN raffle AS r
         WHERE a.role <> 'CUSTOMER' AND r.excludes_employees
         UNION ALL
        SELECT p.user_id, 2, 'UNVERIFIED'
          FROM raffle AS r
          JOIN raffle_schema.raffle_participants AS p ON p.raffle_id = r.id AND p.ticket_count > 0
         WHERE r.min_age IS NOT NULL
           AND NOT EXISTS (SELECT FROM raffle_schema.age_confirmations AS c
                            WHERE c.raffle_id = r.id AND c.user_id = p.user_id AND c.min_age >= r.min_age)
         UNION ALL
        SELECT a.user_id, 3, 'NOT_ELIGIBLE'
          FROM raffle_schema.account_states AS a CROSS JOIN raffle AS r
         WHERE NOT a.is_active AND r.requires_active_account
         UNION ALL
        SELECT p.user_id, 3, 'NOT_ELIGIBLE'
          FROM raffle AS r
          JOIN raffle_schema.raffle_participants AS p
            ON p.raffle_id = r.id AND p.ticket_count > 0 AND p.ticket_count < r.min_tickets_per_user
    ), found AS (
        SELECT e.id, o.place, o.reason
          FROM person AS o
          JOIN raffle_schema.raffle_entries AS e ON e.user_id = o.user_id AND e.raffle_id = p_raffle_id
         WHERE e.ticket_count > 0
         UNION ALL
        -- All of its tickets: an entry of which some are left stays, and the others are answered for if they win.
        SELECT t.entry_id, 4, 'DISQUALIFIED'
          FROM raffle_schema.raffle_tickets AS t
         WHERE t.raffle_id = p_raffle_id AND t.disqualified_at IS NOT NULL AND t.status = 'ACTIVE'
           AND NOT EXISTS (SELECT FROM raffle_schema.raffle_tickets AS o
                            WHERE o.entry_id = t.entry_id AND o.status = 'ACTIVE' AND o.disqualified_at IS NULL)
    )
    SELECT DISTINCT ON (f.id) f.id, f.reason FROM found AS f ORDER BY f.id, f.place
    $function$;
COMMENT ON FUNCTION raffle_schema.entry_exclusions(p_raffle_id bigint) IS 'The entries with tickets that a freeze now leaves out, each with its first reason: EXCLUDED_PERSON, UNVERIFIED (age not confirmed), NOT_ELIGIBLE (account not active, or too few tickets), DISQUALIFIED (all of its tickets).';
REVOKE EXECUTE ON FUNCTION raffle_schema.entry_exclusions(p_raffle_id bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.entry_exclusions(p_raffle_id bigint) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.entry_hash(p_raffle_code text, p_issuance_id uuid, p_numbers text[])
 RETURNS bytea
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
    SELECT substring(sha256(
               'gasolinera-entry-1'::bytea || '\x00'::bytea || substring(int4send(octet_length(p_raffle_code)) FROM 4)
               || p_raffle_code::bytea || uuid_send(p_issuance_id) || int4send(cardinality(p_numbers))
               || coalesce((SELECT string_agg(n.number, '' ORDER BY n.number COLLATE "C")
                              FROM unnest(p_numbers) AS n (number))::bytea, '\x'::bytea)) FOR 28)
    $function$;
COMMENT ON FUNCTION raffle_schema.entry_hash(p_raffle_code text, p_issuance_id uuid, p_numbers text[]) IS 'What an entry is known by, as the format of draws says: 28 bytes over raffle, issuance and ticket numbers.';
REVOKE EXECUTE ON FUNCTION raffle_schema.entry_hash(p_raffle_code text, p_issuance_id uuid, p_numbers text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.entry_hash(p_raffle_code text, p_issuance_id uuid, p_numbers text[]) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.evidence_until(p_manifest bytea, p_round_at timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 STABLE STRICT
AS $function$
BEGIN
    RETURN p_round_at
        - make_interval(secs => (convert_from(p_manifest, 'UTF8')::jsonb #>> '{evidence,gap_s}')::integer);
EXCEPTION
    WHEN data_exception THEN
        RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.evidence_until(p_manifest bytea, p_round_at timestamp with time zone) IS 'Until when evidence of a freeze counts: the time of the beacon''s round less the manifest''s gap. NULL: what is no manifest has no evidence.';
REVOKE EXECUTE ON FUNCTION raffle_schema.evidence_until(p_manifest bytea, p_round_at timestamp with time zone) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.evidence_until(p_manifest bytea, p_round_at timestamp with time zone) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.finish_delivery()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    UPDATE raffle_schema.raffle_winners AS w
       SET status = 'DELIVERED'
      FROM raffle_schema.raffle_prizes AS p
     WHERE w.id = NEW.winner_id AND p.id = w.prize_id
       AND NEW.step = (raffle_schema.delivery_steps_of(p.delivery_method))[
                          cardinality(raffle_schema.delivery_steps_of(p.delivery_method))];
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.finish_delivery() IS 'The last step of a delivery makes the winner DELIVERED.';
REVOKE EXECUTE ON FUNCTION raffle_schema.finish_delivery() FROM PUBLIC;

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

CREATE OR REPLACE FUNCTION raffle_schema.forget_addresses(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
    PERFORM pg_advisory_xact_lock(hashtextextended('raffle_schema.forget_addresses', 0));
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    -- Looked for again where an erasure took some of what was found. A window of time, and no list of keys: months that
    -- it does not touch are not looked at.
    WHILE v_count < p_limit LOOP
        SELECT min(o.created_at), max(o.created_at) INTO v_first, v_last
          FROM (SELECT a.created_at FROM raffle_schema.raffle_audit_log AS a
                 WHERE a.created_at < now() - interval '1 year'
                   AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL)
                 ORDER BY a.created_at LIMIT p_limit - v_count) AS o;
        EXIT WHEN v_first IS NULL;
        UPDATE raffle_schema.raffle_audit_log AS a
           SET ip_address = NULL, user_agent = NULL
         WHERE a.created_at >= v_first AND a.created_at <= v_last
           AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
        GET DIAGNOSTICS v_found = ROW_COUNT;
        v_count := v_count + v_found;
    END LOOP;
    PERFORM set_config('gasolinera.maintenance', '', true);
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION raffle_schema.forget_addresses(p_limit integer) IS 'Takes addresses and user agents out of p_limit entries of the log that are older than a year, the oldest first, and out of those of the same moment as the last. Fewer than p_limit: no more are left. What, who and when stay.';
REVOKE EXECUTE ON FUNCTION raffle_schema.forget_addresses(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.forget_addresses(p_limit integer) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.forget_old_requests(p_at_most integer DEFAULT 10000)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;
COMMENT ON FUNCTION raffle_schema.forget_old_requests(p_at_most integer) IS 'Deletes answers older than 25 hours and windows that began two days ago (the longest lasts one), so many of each at most; returns how many.';
REVOKE EXECUTE ON FUNCTION raffle_schema.forget_old_requests(p_at_most integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.forget_old_requests(p_at_most integer) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.forget_person(p_user_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM raffle_schema.account_states AS a WHERE a.user_id = p_user_id AND a.is_erased) THEN
        RAISE EXCEPTION 'the account of user % is not erased', p_user_id USING ERRCODE = 'restrict_violation';
    END IF;
    UPDATE raffle_schema.excluded_persons AS x SET note = NULL WHERE x.user_id = p_user_id AND x.note IS NOT NULL;
    -- Of raffles that are still to be drawn too: the person takes no part in them any more.
    DELETE FROM raffle_schema.age_confirmations AS c WHERE c.user_id = p_user_id;
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    UPDATE raffle_schema.raffle_audit_log AS l
       SET ip_address = NULL, user_agent = NULL
     WHERE l.actor = p_user_id::text AND num_nonnulls(l.ip_address, l.user_agent) > 0;
    PERFORM set_config('gasolinera.maintenance', '', true);
END
$function$;
COMMENT ON FUNCTION raffle_schema.forget_person(p_user_id uuid) IS 'Forgets addresses, devices and texts about an erased user. Entries, tickets and draws stay: their hashes are published, and name nobody. Again changes nothing but what came since; refuses for who is not erased.';
REVOKE EXECUTE ON FUNCTION raffle_schema.forget_person(p_user_id uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.forget_person(p_user_id uuid) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.forget_refused_tickets(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_count integer;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- They come in the order of their ids.
    WITH oldest AS MATERIALIZED (
        SELECT f.id, f.created_at FROM raffle_schema.refused_tickets AS f ORDER BY f.id LIMIT p_limit
    )
    DELETE FROM raffle_schema.refused_tickets AS f
     USING oldest AS o
     WHERE f.id = o.id AND o.created_at < now() - interval '1 year';
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION raffle_schema.forget_refused_tickets(p_limit integer) IS 'Deletes what raffles did not take more than a year ago, p_limit rows at most, the oldest first; how many.';
REVOKE EXECUTE ON FUNCTION raffle_schema.forget_refused_tickets(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.forget_refused_tickets(p_limit integer) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.guard_cancellation()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_draw record;
BEGIN
    SELECT d.id, d.chain_number INTO v_draw
      FROM raffle_schema.raffle_draws AS d
     WHERE d.raffle_id = NEW.id AND d.status <> 'VOID'
       AND clock_timestamp() >= d.beacon_round_at - raffle_schema.stated_gap(d.manifest)
       FOR NO KEY UPDATE;
    IF FOUND AND NOT (NEW.selection_algorithm = 'PROVABLY_FAIR' AND NOT raffle_schema.has_evidence(v_draw.id)) THEN
        RAISE EXCEPTION 'draw % of raffle % is about to be known', v_draw.chain_number, NEW.raffle_code
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'raffles_cancellable_check';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_cancellation() IS 'Nobody cancels a raffle whose winners he may know: from the gap before the round on it is drawn, unless evidence that it requires is missing, when it cannot be drawn.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_cancellation() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.guard_delivery_step()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_winner record;
    v_done text[];
    v_way text[];
BEGIN
    -- With the lock: of two steps at once the second sees the first.
    SELECT w.status, w.user_id, p.delivery_method, c.identified_at IS NOT NULL AND (c.confirmed_at IS NOT NULL OR NOT c.needs_second)
           AS is_identified
      INTO v_winner
      FROM raffle_schema.raffle_winners AS w
      JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
      JOIN raffle_schema.prize_claims AS c ON c.winner_id = w.id
     WHERE w.id = NEW.winner_id
       FOR NO KEY UPDATE OF w;
    IF NOT FOUND OR v_winner.status <> 'CLAIMED' THEN
        RAISE EXCEPTION 'a prize is delivered while it is CLAIMED'
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'prize_delivery_steps_claimed_check';
    END IF;
    IF NEW.recorded_by = v_winner.user_id::text THEN
        RAISE EXCEPTION 'nobody delivers to himself'
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'prize_delivery_steps_own_case_check';
    END IF;
    IF NOT v_winner.is_identified THEN
        RAISE EXCEPTION 'the winner''s identity is not confirmed'
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'prize_delivery_steps_identified_check';
    END IF;
    v_way := raffle_schema.delivery_steps_of(v_winner.delivery_method);
    SELECT coalesce(array_agg(s.step), '{}') INTO v_done
      FROM raffle_schema.prize_delivery_steps AS s WHERE s.winner_id = NEW.winner_id;
    IF array_position(v_way, NEW.step) IS NULL
       OR EXISTS (SELECT FROM unnest(v_way) WITH ORDINALITY AS w (step, place)
                   WHERE CASE WHEN w.place < array_position(v_way, NEW.step)
                              THEN w.step <> ALL (v_done) AND NOT (w.step = 'SENT' AND cardinality(v_way) = 4)
                              ELSE w.place > array_position(v_way, NEW.step) AND w.step = ANY (v_done) END) THEN
        RAISE EXCEPTION 'the step % does not follow %', NEW.step, v_done
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'prize_delivery_steps_order_check';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_delivery_step() IS 'A step is of a claimed prize of somebody else, after the identity is confirmed, and follows the steps before it.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_delivery_step() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.guard_draw_evidence()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_witnesses jsonb;
BEGIN
    -- With the lock of who draws: nothing is added to a draw that is drawn.
    SELECT convert_from(d.manifest, 'UTF8')::jsonb #> '{evidence,witnesses}',
           raffle_schema.evidence_until(d.manifest, d.beacon_round_at)
      INTO v_witnesses, NEW.evidence_until
      FROM raffle_schema.raffle_draws AS d
     WHERE d.id = NEW.draw_id AND d.status = 'FROZEN'
       FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no frozen draw of this number'
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = TG_TABLE_NAME || '_frozen_check';
    END IF;
    IF TG_TABLE_NAME = 'draw_witness_signatures' THEN
        IF v_witnesses @> jsonb_build_array(jsonb_build_object(
               'terminal', NEW.terminal_code, 'public_key', encode(NEW.public_key, 'hex'))) IS NOT TRUE THEN
            RAISE EXCEPTION 'the manifest does not list this witness with this key'
                USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                      CONSTRAINT = TG_TABLE_NAME || '_listed_check';
        END IF;
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_draw_evidence() IS 'Evidence is of a frozen draw, from before the time that its manifest states, and by a witness that it lists.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_draw_evidence() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.guard_drawn_list()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- Written in the transaction that draws, which is the last that changes the draw, and never again.
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT n.draw_number FROM new_rows AS n) AS n
          LEFT JOIN raffle_schema.raffle_draws AS d
            ON d.chain_number = n.draw_number AND d.status = 'DRAWN' AND d.updated_at = now()
         WHERE d.id IS NULL) THEN
        RAISE EXCEPTION 'positions are written in the transaction that draws them' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_drawn_list() IS 'What a draw gave is written once, with the randomness.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_drawn_list() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.guard_freeze_in_time()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF clock_timestamp() + raffle_schema.stated_gap(NEW.manifest) > NEW.beacon_round_at THEN
        RAISE EXCEPTION 'draw % was frozen too late for its round', NEW.chain_number
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'raffle_draws_frozen_in_time_check';
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_freeze_in_time() IS 'A freeze is committed while its round is a gap away: no list waits, unseen, for the randomness.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_freeze_in_time() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.guard_frozen_list()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_frozen bigint;
BEGIN
    SELECT d.chain_number INTO v_frozen
      FROM raffle_schema.raffle_draws AS d
     WHERE d.chain_number IN (SELECT DISTINCT n.draw_number FROM new_rows AS n)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'draw % is frozen', v_frozen USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_frozen_list() IS 'Nothing is added to the list of a draw that has a manifest.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_frozen_list() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.guard_prizes_fit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- As the manifest writes them. It has a megabyte, of which a thousand witnesses take an eighth.
    IF (SELECT sum(150 + octet_length(to_json(p.name)::text))
          FROM raffle_schema.raffle_prizes AS p WHERE p.raffle_id = NEW.id) > 800000 THEN
        RAISE EXCEPTION 'the prizes of raffle % have no room in a manifest', NEW.raffle_code
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'raffles_prizes_fit_check';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_prizes_fit() IS 'A raffle opens when its prizes fit into a manifest: found out at the freeze, nothing could be changed any more.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_prizes_fit() FROM PUBLIC;

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
            OLD.permit_number, OLD.terms_version, OLD.terms_sha256, OLD.min_age,
            OLD.min_tickets_per_user, OLD.excludes_employees, OLD.requires_active_account, OLD.takes_choices,
            OLD.free_entries_per_day)
           IS DISTINCT FROM
           (NEW.raffle_code, NEW.raffle_type, NEW.selection_algorithm, NEW.opens_at, NEW.closes_at, NEW.draw_at,
            NEW.time_zone, NEW.max_tickets_per_user, NEW.allows_multiple_wins, NEW.alternate_count, NEW.claim_days,
            NEW.permit_number, NEW.terms_version, NEW.terms_sha256, NEW.min_age,
            NEW.min_tickets_per_user, NEW.excludes_employees, NEW.requires_active_account, NEW.takes_choices,
            NEW.free_entries_per_day) THEN
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
            -- The hash is that of terms which are here to be read. Without version or hash a constraint refuses it.
            IF num_nulls(NEW.terms_version, NEW.terms_sha256) = 0 AND NOT EXISTS (
                SELECT FROM raffle_schema.raffle_terms AS t
                 WHERE (t.raffle_id, t.version, t.sha256) = (NEW.id, NEW.terms_version, NEW.terms_sha256)) THEN
                RAISE EXCEPTION 'the terms of raffle % are not those that it names', OLD.raffle_code
                    USING ERRCODE = 'check_violation';
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
    v_status text;
    v_raffle record;
    v_list bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT r.status INTO v_status FROM raffle_schema.raffles AS r WHERE r.id = NEW.raffle_id FOR SHARE;
        IF v_status <> 'CLOSED' OR NEW.status <> 'FROZEN' THEN
            RAISE EXCEPTION 'a draw begins FROZEN in a CLOSED raffle, not % in a % one', NEW.status, v_status
                USING ERRCODE = 'check_violation';
        END IF;
        SELECT t.ticket_count, t.participant_count INTO v_raffle
          FROM raffle_schema.raffle_totals AS t WHERE t.raffle_id = NEW.raffle_id;
        -- Every ticket is in the list or was left out with a reason.
        IF NEW.ticket_count + NEW.excluded_ticket_count <> v_raffle.ticket_count
           OR NEW.participant_count > v_raffle.participant_count
           OR (NEW.excluded_entry_count = 0 AND NEW.participant_count < v_raffle.participant_count)
           OR (NEW.excluded_entry_count, NEW.excluded_ticket_count) <> (
                  SELECT count(*), coalesce(sum(x.ticket_count), 0)
                    FROM raffle_schema.draw_exclusions AS x WHERE x.draw_number = NEW.chain_number) THEN
            RAISE EXCEPTION 'the draw does not count the raffle''s % tickets of % participants',
                v_raffle.ticket_count, v_raffle.participant_count USING ERRCODE = 'check_violation';
        END IF;
        SELECT ARRAY[sum(octet_length(p.leaves)) / 54, count(*), max(p.page_number) + 1] INTO v_list
          FROM raffle_schema.draw_leaf_pages AS p WHERE p.draw_number = NEW.chain_number;
        IF v_list IS DISTINCT FROM ARRAY[NEW.entry_count, (NEW.entry_count + 255) / 256, (NEW.entry_count + 255) / 256]
        THEN
            RAISE EXCEPTION 'the list of the draw is not that of its % entries: %', NEW.entry_count, v_list
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.status <> 'FROZEN' THEN
        RAISE EXCEPTION 'draw % is % and does not change any more', OLD.chain_number, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.raffle_id, OLD.chain_number, OLD.previous_chain_number, OLD.previous_manifest_sha256, OLD.entry_count,
        OLD.ticket_count, OLD.participant_count, OLD.excluded_entry_count, OLD.excluded_ticket_count, OLD.merkle_root,
        OLD.manifest, OLD.manifest_signature, OLD.signing_key_id, OLD.beacon_chain_sha256, OLD.beacon_round,
        OLD.beacon_round_at, OLD.frozen_at)
       IS DISTINCT FROM
       (NEW.raffle_id, NEW.chain_number, NEW.previous_chain_number, NEW.previous_manifest_sha256, NEW.entry_count,
        NEW.ticket_count, NEW.participant_count, NEW.excluded_entry_count, NEW.excluded_ticket_count, NEW.merkle_root,
        NEW.manifest, NEW.manifest_signature, NEW.signing_key_id, NEW.beacon_chain_sha256, NEW.beacon_round,
        NEW.beacon_round_at, NEW.frozen_at) THEN
        RAISE EXCEPTION 'draw % is frozen', OLD.chain_number USING ERRCODE = 'restrict_violation';
    END IF;
    CASE NEW.status
        WHEN 'DRAWN' THEN NEW.drawn_at := coalesce(NEW.drawn_at, now());
        WHEN 'VOID' THEN
            -- Nobody gives up a draw whose randomness he may know, but with the whole raffle. Evidence can be missing
            -- where it is required, when no more of it is taken; only then is the list frozen anew, and well before the
            -- round exists. This row is locked: none is on its way.
            SELECT r.status, r.selection_algorithm INTO v_raffle
              FROM raffle_schema.raffles AS r WHERE r.id = NEW.raffle_id;
            IF v_raffle.status <> 'CANCELLED'
               AND NOT (v_raffle.selection_algorithm = 'PROVABLY_FAIR'
                        AND clock_timestamp() >= OLD.beacon_round_at - raffle_schema.stated_gap(OLD.manifest)
                        AND clock_timestamp() < OLD.beacon_round_at - raffle_schema.stated_gap(OLD.manifest) / 4
                        AND NOT raffle_schema.has_evidence(OLD.id)) THEN
                RAISE EXCEPTION 'draw % counts: only with its raffle CANCELLED is it given up', OLD.chain_number
                    USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                          CONSTRAINT = 'raffle_draws_voidable_check';
            END IF;
            NEW.voided_at := coalesce(NEW.voided_at, now());
        ELSE NULL;
    END CASE;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_raffle_draw() IS 'A draw counts what its raffle holds and has its list; what was frozen stays; it goes from FROZEN to DRAWN or VOID and no further.';
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
               AND t.status = 'ACTIVE'
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
        IF NEW.status = 'DELIVERED' AND NOT EXISTS (
            SELECT
              FROM raffle_schema.prize_delivery_steps AS s
              JOIN raffle_schema.raffle_prizes AS p ON p.id = NEW.prize_id
             WHERE s.winner_id = NEW.id
               AND s.step = (raffle_schema.delivery_steps_of(p.delivery_method))[
                                cardinality(raffle_schema.delivery_steps_of(p.delivery_method))]) THEN
            RAISE EXCEPTION 'the last step of a delivery makes it DELIVERED, and nothing else'
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.status = 'SELECTED' AND EXISTS (
            SELECT FROM raffle_schema.raffle_winners AS w
             WHERE w.draw_id = NEW.draw_id AND w.status = 'ALTERNATE' AND w.draw_position < NEW.draw_position) THEN
            RAISE EXCEPTION 'the next alternate in the order of the draw moves up, and no other'
                USING ERRCODE = 'check_violation';
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
COMMENT ON FUNCTION raffle_schema.guard_raffle_winner() IS 'A winner is a ticket of the draw, keeps what was drawn, and passes through the allowed states of fulfilment; the next alternate in order moves up.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_raffle_winner() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.guard_source_weights()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'raffle % is %: its published rules do not change any more', OLD.raffle_code, OLD.status
        USING ERRCODE = 'restrict_violation';
END
$function$;
COMMENT ON FUNCTION raffle_schema.guard_source_weights() IS 'The weights are published rules like the others.';
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_source_weights() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.has_evidence(p_draw_id bigint)
 RETURNS boolean
 LANGUAGE sql
 STABLE STRICT
AS $function$
    SELECT EXISTS (SELECT FROM raffle_schema.draw_timestamps AS t WHERE t.draw_id = p_draw_id)
        OR (SELECT count(*) FROM raffle_schema.draw_witness_signatures AS s WHERE s.draw_id = p_draw_id)
           >= (SELECT greatest(1, (convert_from(d.manifest, 'UTF8')::jsonb #>> '{evidence,quorum}')::integer)
                 FROM raffle_schema.raffle_draws AS d
                WHERE d.id = p_draw_id)
    $function$;
COMMENT ON FUNCTION raffle_schema.has_evidence(p_draw_id bigint) IS 'Whether others than the operator say when a draw was frozen: an authority, or as many witnesses as its manifest wants.';
REVOKE EXECUTE ON FUNCTION raffle_schema.has_evidence(p_draw_id bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.has_evidence(p_draw_id bigint) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.is_kept_out(p_raffle_id bigint, p_user_id uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
    SELECT EXISTS (SELECT FROM raffle_schema.excluded_persons AS x
                    WHERE x.user_id = p_user_id AND (x.raffle_id = p_raffle_id OR x.raffle_id IS NULL))
        OR EXISTS (SELECT FROM raffle_schema.account_states AS a WHERE a.user_id = p_user_id AND a.is_erased)
        OR EXISTS (SELECT FROM raffle_schema.employments AS m
                     JOIN raffle_schema.raffles AS r ON r.id = p_raffle_id AND r.excludes_employees
                    WHERE m.user_id = p_user_id AND m.is_active)
        OR EXISTS (SELECT FROM raffle_schema.account_states AS a
                     JOIN raffle_schema.raffles AS r ON r.id = p_raffle_id AND r.excludes_employees
                    WHERE a.user_id = p_user_id AND a.role <> 'CUSTOMER')
    $function$;
COMMENT ON FUNCTION raffle_schema.is_kept_out(p_raffle_id bigint, p_user_id uuid) IS 'Whether a person takes no part in a raffle now: kept out by the staff, erased, or where employees are kept out an employee, or whose account is no customer''s.';
REVOKE EXECUTE ON FUNCTION raffle_schema.is_kept_out(p_raffle_id bigint, p_user_id uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.is_kept_out(p_raffle_id bigint, p_user_id uuid) TO raffle_app;

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

CREATE OR REPLACE FUNCTION raffle_schema.lock_participants(p_raffle_codes text[], p_user_ids uuid[], p_enters boolean[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM FROM raffle_schema.raffles AS r
      WHERE r.raffle_code = ANY (p_raffle_codes) AND r.status = 'OPEN' ORDER BY r.id FOR SHARE;
    INSERT INTO raffle_schema.raffle_participants (raffle_id, user_id, ticket_count, max_tickets)
    SELECT DISTINCT r.id, a.user_id, 0, r.max_tickets_per_user
      FROM unnest(p_raffle_codes, p_user_ids, p_enters) AS a (raffle_code, user_id, enters)
      JOIN raffle_schema.raffles AS r ON r.raffle_code = a.raffle_code
     WHERE a.enters AND r.status = 'OPEN'
     ORDER BY r.id, a.user_id
        ON CONFLICT DO NOTHING;
    PERFORM
       FROM raffle_schema.raffle_participants AS p
      WHERE p.user_id = ANY (p_user_ids)
        AND p.raffle_id IN (SELECT r.id FROM raffle_schema.raffles AS r WHERE r.raffle_code = ANY (p_raffle_codes))
      ORDER BY p.raffle_id, p.user_id
        FOR NO KEY UPDATE;
END
$function$;
COMMENT ON FUNCTION raffle_schema.lock_participants(p_raffle_codes text[], p_user_ids uuid[], p_enters boolean[]) IS 'Before tickets of one transaction enter and leave by several statements: locks the raffles shared and then all whom they concern, by raffle and user, so that two such transactions come one after the other. Who enters an open raffle gets a row with no tickets for it.';
REVOKE EXECUTE ON FUNCTION raffle_schema.lock_participants(p_raffle_codes text[], p_user_ids uuid[], p_enters boolean[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.lock_participants(p_raffle_codes text[], p_user_ids uuid[], p_enters boolean[]) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.make_owner_keys()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- Three random UUIDs have 366 random bits; their hash keeps 256.
    INSERT INTO raffle_schema.raffle_owner_keys (raffle_id, owner_key, inner_pad, outer_pad)
    SELECT k.id, k.owner_key, raffle_schema.pad_key(k.owner_key, 54), raffle_schema.pad_key(k.owner_key, 92)
      FROM (SELECT n.id, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                                || uuid_send(gen_random_uuid())) AS owner_key
              FROM new_rows AS n) AS k;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.make_owner_keys() IS 'Every raffle has its own random key from the beginning.';
REVOKE EXECUTE ON FUNCTION raffle_schema.make_owner_keys() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.mark_entry()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    NEW.owner_tag := raffle_schema.owner_tag(NEW.raffle_id, NEW.user_id);
    -- The entering function knows the tickets already; for anybody else there are none yet.
    IF NEW.entry_hash IS NULL THEN
        SELECT raffle_schema.entry_hash(r.raffle_code, NEW.issuance_id, '{}') INTO NEW.entry_hash
          FROM raffle_schema.raffles AS r WHERE r.id = NEW.raffle_id;
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION raffle_schema.mark_entry() IS 'The owner''s tag of a new entry and its hash. No runtime role chooses either: it may not write these columns.';
REVOKE EXECUTE ON FUNCTION raffle_schema.mark_entry() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.owner_tag(p_raffle_id bigint, p_user_id uuid)
 RETURNS bytea
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT substring(sha256(k.outer_pad || sha256(
               k.inner_pad || 'gasolinera-owner-1'::bytea || '\x00'::bytea || r.raffle_code::bytea || '\x00'::bytea
               || uuid_send(p_user_id))) FOR 16)
      FROM raffle_schema.raffle_owner_keys AS k
      JOIN raffle_schema.raffles AS r ON r.id = k.raffle_id
     WHERE k.raffle_id = p_raffle_id
    $function$;
COMMENT ON FUNCTION raffle_schema.owner_tag(p_raffle_id bigint, p_user_id uuid) IS 'HMAC-SHA-256 of a user under the raffle''s own key, 16 bytes, as the format of draws says. Granted to nobody: the triggers of entries write it.';
REVOKE EXECUTE ON FUNCTION raffle_schema.owner_tag(p_raffle_id bigint, p_user_id uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.pad_key(p_key bytea, p_with integer)
 RETURNS bytea
 LANGUAGE plpgsql
 IMMUTABLE STRICT
AS $function$
DECLARE
    v_pad bytea := p_key || decode(repeat('00', 64 - octet_length(p_key)), 'hex');
BEGIN
    FOR i IN 0..63 LOOP
        v_pad := set_byte(v_pad, i, get_byte(v_pad, i) # p_with);
    END LOOP;
    RETURN v_pad;
END
$function$;
COMMENT ON FUNCTION raffle_schema.pad_key(p_key bytea, p_with integer) IS 'A key of at most 64 bytes as HMAC-SHA-256 pads it: with 54 (0x36) for the inner, 92 (0x5c) for the outer hash.';
REVOKE EXECUTE ON FUNCTION raffle_schema.pad_key(p_key bytea, p_with integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.pass_prizes_on()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_freed record;
BEGIN
    -- One at a time passes the prizes of a draw on; in READ COMMITTED each statement below sees what the one before did.
    -- The service holds the draw before the winner (hold_draw_of, hold_due_draws); this is for who does not.
    PERFORM FROM raffle_schema.raffle_draws AS d
      WHERE d.id IN (SELECT n.draw_id FROM new_rows AS n JOIN old_rows AS o ON o.id = n.id
                      WHERE n.status IN ('FORFEITED', 'DISQUALIFIED') AND o.status <> n.status)
      ORDER BY d.id FOR NO KEY UPDATE;
    FOR v_freed IN
        SELECT n.draw_id, n.prize_id, n.unit_number, r.claim_days
          FROM new_rows AS n
          JOIN old_rows AS o ON o.id = n.id
          JOIN raffle_schema.raffles AS r ON r.id = n.raffle_id
         WHERE n.status IN ('FORFEITED', 'DISQUALIFIED') AND o.status <> n.status AND n.prize_id IS NOT NULL
         ORDER BY n.draw_id, n.draw_position
    LOOP
        UPDATE raffle_schema.raffle_winners AS w
           SET status = 'SELECTED', prize_id = v_freed.prize_id, unit_number = v_freed.unit_number,
               claim_deadline = clock_timestamp() + make_interval(days => v_freed.claim_days)
         WHERE w.id = (SELECT a.id FROM raffle_schema.raffle_winners AS a
                        WHERE a.draw_id = v_freed.draw_id AND a.status = 'ALTERNATE'
                        ORDER BY a.draw_position LIMIT 1 FOR UPDATE);
    END LOOP;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.pass_prizes_on() IS 'A prize that is forfeited, or whose winner is disqualified, goes to the next alternate in the same statement, while there is one.';
REVOKE EXECUTE ON FUNCTION raffle_schema.pass_prizes_on() FROM PUBLIC;

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

CREATE OR REPLACE FUNCTION raffle_schema.stated_gap(p_manifest bytea)
 RETURNS interval
 LANGUAGE plpgsql
 STABLE STRICT
AS $function$
BEGIN
    RETURN coalesce(
        make_interval(secs => (convert_from(p_manifest, 'UTF8')::jsonb #>> '{evidence,gap_s}')::integer), interval '0');
EXCEPTION
    WHEN data_exception THEN
        RETURN interval '0';
END
$function$;
COMMENT ON FUNCTION raffle_schema.stated_gap(p_manifest bytea) IS 'How long before its round the freeze of a draw is over, by its manifest; nothing for what is no manifest.';
REVOKE EXECUTE ON FUNCTION raffle_schema.stated_gap(p_manifest bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.stated_gap(p_manifest bytea) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.tell_refused_tickets()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO raffle_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    SELECT 'tickets.refused', 'issuance', n.issuance_id::text,
           jsonb_build_object(
               'issuance_id', n.issuance_id, 'user_id', n.user_id, 'raffle_code', n.raffle_code, 'reason', n.reason,
               'count', cardinality(n.ticket_numbers), 'numbers', n.ticket_numbers)
      FROM new_rows AS n
     ORDER BY n.id;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION raffle_schema.tell_refused_tickets() IS 'Writes tickets.refused for every row: no ticket is refused or given back without its holder''s being told.';
REVOKE EXECUTE ON FUNCTION raffle_schema.tell_refused_tickets() FROM PUBLIC;

CREATE OR REPLACE FUNCTION raffle_schema.withdraw_cancelled(p_at_most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_raffle raffle_schema.raffles;
    v_gone integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 tickets at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    LOOP
        SELECT * INTO v_raffle
          FROM raffle_schema.raffles AS r
         WHERE r.status = 'CANCELLED' AND r.withdrawn_at IS NULL
         ORDER BY r.cancelled_at, r.id LIMIT 1
           FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN 0;
        END IF;
        WITH due AS MATERIALIZED (
            SELECT t.id FROM raffle_schema.raffle_tickets AS t
             WHERE t.raffle_id = v_raffle.id AND t.status = 'ACTIVE' ORDER BY t.id LIMIT p_at_most
        ), gone AS (
            UPDATE raffle_schema.raffle_tickets AS t
               SET status = 'CANCELLED'
              FROM due
             WHERE t.id = due.id
            RETURNING t.entry_id, t.ticket_number
        ), told AS (
            INSERT INTO raffle_schema.refused_tickets
                   (raffle_code, issuance_id, user_id, reason, ticket_numbers, entered_at)
            SELECT v_raffle.raffle_code, e.issuance_id, e.user_id, 'RAFFLE_CANCELLED',
                   array_agg(g.ticket_number ORDER BY g.ticket_number COLLATE "C"), e.entered_at
              FROM gone AS g
              JOIN raffle_schema.raffle_entries AS e ON e.id = g.entry_id
             GROUP BY e.id
        )
        SELECT count(*) INTO v_gone FROM gone;
        IF v_gone > 0 THEN
            RETURN v_gone;
        END IF;
        UPDATE raffle_schema.raffles AS r SET withdrawn_at = now() WHERE r.id = v_raffle.id;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION raffle_schema.withdraw_cancelled(p_at_most integer) IS 'Gives at most so many tickets of cancelled raffles back to their holders, of the raffle first that was cancelled first; how many. 0: none is left. Locks the raffle; passes over one that another process is at.';
REVOKE EXECUTE ON FUNCTION raffle_schema.withdraw_cancelled(p_at_most integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.withdraw_cancelled(p_at_most integer) TO raffle_app;

CREATE OR REPLACE FUNCTION raffle_schema.withdraw_tickets(p_raffle_codes text[], p_revoked_at timestamp with time zone[], p_numbers text[])
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_numbers CONSTANT text[] := string_to_array(array_to_string(p_numbers, ','), ',');
    v_gone integer;
BEGIN
    PERFORM FROM raffle_schema.raffles AS r
      WHERE r.raffle_code = ANY (p_raffle_codes) AND r.status = 'OPEN' ORDER BY r.id FOR SHARE;
    INSERT INTO raffle_schema.revoked_tickets (ticket_number, revoked_at)
    SELECT DISTINCT ON (n.number) n.number, a.revoked_at
      FROM unnest(p_revoked_at, p_numbers) AS a (revoked_at, numbers)
     CROSS JOIN LATERAL unnest(string_to_array(a.numbers, ',')) AS n (number)
     ORDER BY n.number, a.revoked_at
        ON CONFLICT ON CONSTRAINT revoked_tickets_pk DO NOTHING;
    UPDATE raffle_schema.raffle_tickets AS t
       SET status = 'CANCELLED'
      FROM raffle_schema.raffles AS r
     WHERE t.ticket_number = ANY (v_numbers) AND t.status = 'ACTIVE'
       AND r.id = t.raffle_id AND r.raffle_code = ANY (p_raffle_codes) AND r.status IN ('OPEN', 'CANCELLED');
    GET DIAGNOSTICS v_gone = ROW_COUNT;
    -- What is closed keeps its list; the ticket must not win.
    UPDATE raffle_schema.raffle_tickets AS t
       SET disqualified_at = now(), disqualification_reason = 'The ticket was taken back after the close.'
      FROM raffle_schema.raffles AS r
     WHERE t.ticket_number = ANY (v_numbers) AND t.status = 'ACTIVE' AND t.disqualified_at IS NULL
       AND r.id = t.raffle_id AND r.raffle_code = ANY (p_raffle_codes)
       AND r.status IN ('CLOSED', 'DRAWING', 'COMPLETED');
    RETURN v_gone;
END
$function$;
COMMENT ON FUNCTION raffle_schema.withdraw_tickets(p_raffle_codes text[], p_revoked_at timestamp with time zone[], p_numbers text[]) IS 'Tickets that were taken back leave a raffle that is OPEN; in one that is closed they are disqualified; all are kept in mind, so that a message that comes late does not enter them. Gives how many left.';
REVOKE EXECUTE ON FUNCTION raffle_schema.withdraw_tickets(p_raffle_codes text[], p_revoked_at timestamp with time zone[], p_numbers text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raffle_schema.withdraw_tickets(p_raffle_codes text[], p_revoked_at timestamp with time zone[], p_numbers text[]) TO raffle_app;

CREATE TABLE raffle_schema.account_states (
    user_id uuid NOT NULL,
    is_active boolean NOT NULL,
    is_erased boolean NOT NULL,
    role text DEFAULT 'CUSTOMER'::text NOT NULL,
    as_of timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT account_states_erased_check CHECK (NOT (is_active AND is_erased)),
    CONSTRAINT account_states_pk PRIMARY KEY (user_id),
    CONSTRAINT account_states_role_check CHECK (role ~ '^[A-Z][A-Z_]{1,49}$'::text)
);
COMMENT ON TABLE raffle_schema.account_states IS 'Accounts that are or were not active, or no customers, as the auth service last told by event. An account without a row is an active customer.';
GRANT SELECT ON TABLE raffle_schema.account_states TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.account_states TO raffle_ro;
COMMENT ON COLUMN raffle_schema.account_states.user_id IS 'Personal data: public id of the account.';
GRANT INSERT (user_id) ON TABLE raffle_schema.account_states TO raffle_app;
GRANT INSERT (is_active), UPDATE (is_active) ON TABLE raffle_schema.account_states TO raffle_app;
GRANT INSERT (is_erased), UPDATE (is_erased) ON TABLE raffle_schema.account_states TO raffle_app;
COMMENT ON COLUMN raffle_schema.account_states.role IS 'As the auth service names it. Who runs stations, raffles or the chain takes no part where employees do not.';
GRANT INSERT (role), UPDATE (role) ON TABLE raffle_schema.account_states TO raffle_app;
COMMENT ON COLUMN raffle_schema.account_states.as_of IS 'Time of the event.';
GRANT INSERT (as_of), UPDATE (as_of) ON TABLE raffle_schema.account_states TO raffle_app;

CREATE INDEX account_states_inactive_user_id_idx ON raffle_schema.account_states USING btree (user_id) WHERE (NOT is_active);

CREATE INDEX account_states_staff_user_id_idx ON raffle_schema.account_states USING btree (user_id) WHERE (role <> 'CUSTOMER'::text);

CREATE TRIGGER account_states_set_updated_at BEFORE UPDATE ON raffle_schema.account_states FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.age_confirmations (
    raffle_id bigint NOT NULL,
    user_id uuid NOT NULL,
    min_age smallint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT age_confirmations_min_age_check CHECK (min_age >= 12 AND min_age <= 99),
    CONSTRAINT age_confirmations_pk PRIMARY KEY (raffle_id, user_id)
);
COMMENT ON TABLE raffle_schema.age_confirmations IS 'Who confirmed to be as old as a raffle asks, before it closed. Never a date of birth.';
GRANT SELECT ON TABLE raffle_schema.age_confirmations TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.age_confirmations TO raffle_ro;
GRANT INSERT (raffle_id) ON TABLE raffle_schema.age_confirmations TO raffle_app;
COMMENT ON COLUMN raffle_schema.age_confirmations.user_id IS 'Personal data: public id of the participant.';
GRANT INSERT (user_id) ON TABLE raffle_schema.age_confirmations TO raffle_app;
GRANT INSERT (min_age) ON TABLE raffle_schema.age_confirmations TO raffle_app;

CREATE INDEX age_confirmations_user_id_idx ON raffle_schema.age_confirmations USING btree (user_id);

CREATE TABLE raffle_schema.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    event jsonb NOT NULL,
    correlation_id text,
    attempts integer NOT NULL,
    last_error text NOT NULL,
    first_failed_at timestamp with time zone NOT NULL,
    last_failed_at timestamp with time zone NOT NULL,
    replayed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT dead_letters_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT dead_letters_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT dead_letters_attempts_check CHECK (attempts >= 1),
    CONSTRAINT dead_letters_consumer_check CHECK (consumer ~ '^[a-z][a-z0-9_.]{0,99}$'::text),
    CONSTRAINT dead_letters_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT dead_letters_event_check CHECK (jsonb_typeof(event) = 'object'::text),
    CONSTRAINT dead_letters_event_id_consumer_key UNIQUE (event_id, consumer),
    CONSTRAINT dead_letters_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT dead_letters_failed_at_check CHECK (first_failed_at <= last_failed_at),
    CONSTRAINT dead_letters_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT dead_letters_pk PRIMARY KEY (id)
);
COMMENT ON TABLE raffle_schema.dead_letters IS 'Events that a consumer of this service failed at too often, with the reason, until somebody replays them.';
GRANT DELETE, SELECT ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (id) ON TABLE raffle_schema.dead_letters TO raffle_ro;
GRANT INSERT (event_id) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (event_id) ON TABLE raffle_schema.dead_letters TO raffle_ro;
GRANT INSERT (consumer) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (consumer) ON TABLE raffle_schema.dead_letters TO raffle_ro;
GRANT INSERT (event_type) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (event_type) ON TABLE raffle_schema.dead_letters TO raffle_ro;
GRANT INSERT (aggregate_type) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (aggregate_type) ON TABLE raffle_schema.dead_letters TO raffle_ro;
GRANT INSERT (aggregate_key) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (aggregate_key) ON TABLE raffle_schema.dead_letters TO raffle_ro;
COMMENT ON COLUMN raffle_schema.dead_letters.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT INSERT (correlation_id) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (correlation_id) ON TABLE raffle_schema.dead_letters TO raffle_ro;
GRANT INSERT (attempts), UPDATE (attempts) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (attempts) ON TABLE raffle_schema.dead_letters TO raffle_ro;
GRANT INSERT (last_error), UPDATE (last_error) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (last_error) ON TABLE raffle_schema.dead_letters TO raffle_ro;
GRANT INSERT (first_failed_at) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (first_failed_at) ON TABLE raffle_schema.dead_letters TO raffle_ro;
GRANT INSERT (last_failed_at), UPDATE (last_failed_at) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (last_failed_at) ON TABLE raffle_schema.dead_letters TO raffle_ro;
COMMENT ON COLUMN raffle_schema.dead_letters.replayed_at IS 'Set in the transaction of the effect, so that a replay has it once.';
GRANT UPDATE (replayed_at) ON TABLE raffle_schema.dead_letters TO raffle_app;
GRANT SELECT (replayed_at) ON TABLE raffle_schema.dead_letters TO raffle_ro;
GRANT SELECT (created_at) ON TABLE raffle_schema.dead_letters TO raffle_ro;
GRANT SELECT (updated_at) ON TABLE raffle_schema.dead_letters TO raffle_ro;

CREATE INDEX dead_letters_open_id_idx ON raffle_schema.dead_letters USING btree (id) WHERE (replayed_at IS NULL);

CREATE INDEX dead_letters_replayed_at_idx ON raffle_schema.dead_letters USING btree (replayed_at) WHERE (replayed_at IS NOT NULL);

CREATE TRIGGER dead_letters_set_updated_at BEFORE UPDATE ON raffle_schema.dead_letters FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.draw_consulted_leaves (
    draw_number bigint NOT NULL,
    leaf_index bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT draw_consulted_leaves_leaf_index_check CHECK (leaf_index >= 0),
    CONSTRAINT draw_consulted_leaves_pk PRIMARY KEY (draw_number, leaf_index)
);
COMMENT ON TABLE raffle_schema.draw_consulted_leaves IS 'Every leaf that a block of the draw pointed to, those that were skipped too: a bundle shows them all. Append-only.';
GRANT SELECT ON TABLE raffle_schema.draw_consulted_leaves TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.draw_consulted_leaves TO raffle_ro;
GRANT INSERT (draw_number) ON TABLE raffle_schema.draw_consulted_leaves TO raffle_app;
GRANT INSERT (leaf_index) ON TABLE raffle_schema.draw_consulted_leaves TO raffle_app;

CREATE TRIGGER draw_consulted_leaves_guard AFTER INSERT ON raffle_schema.draw_consulted_leaves REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.guard_drawn_list();

CREATE TRIGGER draw_consulted_leaves_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON raffle_schema.draw_consulted_leaves FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

CREATE TABLE raffle_schema.draw_exclusions (
    draw_number bigint NOT NULL,
    entry_id bigint NOT NULL,
    entry_hash bytea NOT NULL,
    ticket_count integer NOT NULL,
    reason text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT draw_exclusions_entry_hash_check CHECK (octet_length(entry_hash) = 28),
    CONSTRAINT draw_exclusions_pk PRIMARY KEY (draw_number, entry_id),
    CONSTRAINT draw_exclusions_reason_check CHECK (reason = ANY (ARRAY['EXCLUDED_PERSON'::text, 'UNVERIFIED'::text, 'DISQUALIFIED'::text, 'NOT_ELIGIBLE'::text])),
    CONSTRAINT draw_exclusions_ticket_count_check CHECK (ticket_count >= 1)
);
COMMENT ON TABLE raffle_schema.draw_exclusions IS 'Entries with tickets that a draw left out, and why; the manifest has their count and the hash of their list.';
GRANT SELECT ON TABLE raffle_schema.draw_exclusions TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.draw_exclusions TO raffle_ro;
GRANT INSERT (draw_number) ON TABLE raffle_schema.draw_exclusions TO raffle_app;
GRANT INSERT (entry_id) ON TABLE raffle_schema.draw_exclusions TO raffle_app;
GRANT INSERT (entry_hash) ON TABLE raffle_schema.draw_exclusions TO raffle_app;
GRANT INSERT (ticket_count) ON TABLE raffle_schema.draw_exclusions TO raffle_app;
GRANT INSERT (reason) ON TABLE raffle_schema.draw_exclusions TO raffle_app;

CREATE INDEX draw_exclusions_draw_number_entry_hash_idx ON raffle_schema.draw_exclusions USING btree (draw_number, entry_hash);

CREATE INDEX draw_exclusions_entry_id_idx ON raffle_schema.draw_exclusions USING btree (entry_id);

CREATE TRIGGER draw_exclusions_guard AFTER INSERT ON raffle_schema.draw_exclusions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.guard_frozen_list();

CREATE TRIGGER draw_exclusions_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON raffle_schema.draw_exclusions FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

CREATE TABLE raffle_schema.draw_leaf_pages (
    draw_number bigint NOT NULL,
    page_number bigint NOT NULL,
    first_entry_hash bytea NOT NULL,
    range_start bigint NOT NULL,
    leaves bytea NOT NULL,
    entry_ids bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT draw_leaf_pages_entry_ids_check CHECK ((octet_length(entry_ids) * 54) = (octet_length(leaves) * 8)),
    CONSTRAINT draw_leaf_pages_first_entry_hash_check CHECK (octet_length(first_entry_hash) = 28),
    CONSTRAINT draw_leaf_pages_leaves_check CHECK (octet_length(leaves) >= 54 AND octet_length(leaves) <= 13824 AND (octet_length(leaves) % 54) = 0),
    CONSTRAINT draw_leaf_pages_page_number_check CHECK (page_number >= 0),
    CONSTRAINT draw_leaf_pages_pk PRIMARY KEY (draw_number, page_number),
    CONSTRAINT draw_leaf_pages_range_start_check CHECK (range_start >= 0)
);
COMMENT ON TABLE raffle_schema.draw_leaf_pages IS 'The published list of a draw: 256 leaves of 54 bytes a row, the last row fewer, in the order of the list. docs/reference/draw-format.md says what a leaf is. Append-only.';
GRANT SELECT ON TABLE raffle_schema.draw_leaf_pages TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.draw_leaf_pages TO raffle_ro;
GRANT INSERT (draw_number) ON TABLE raffle_schema.draw_leaf_pages TO raffle_app;
GRANT INSERT (page_number) ON TABLE raffle_schema.draw_leaf_pages TO raffle_app;
COMMENT ON COLUMN raffle_schema.draw_leaf_pages.first_entry_hash IS 'Of its first leaf.';
GRANT INSERT (first_entry_hash) ON TABLE raffle_schema.draw_leaf_pages TO raffle_app;
COMMENT ON COLUMN raffle_schema.draw_leaf_pages.range_start IS 'Where the range of its first leaf begins.';
GRANT INSERT (range_start) ON TABLE raffle_schema.draw_leaf_pages TO raffle_app;
ALTER TABLE raffle_schema.draw_leaf_pages ALTER COLUMN leaves SET STORAGE EXTERNAL;
GRANT INSERT (leaves) ON TABLE raffle_schema.draw_leaf_pages TO raffle_app;
ALTER TABLE raffle_schema.draw_leaf_pages ALTER COLUMN entry_ids SET STORAGE EXTERNAL;
COMMENT ON COLUMN raffle_schema.draw_leaf_pages.entry_ids IS 'The ids of the leaves'' entries, 8 bytes each, most significant first. Not published.';
GRANT INSERT (entry_ids) ON TABLE raffle_schema.draw_leaf_pages TO raffle_app;

CREATE INDEX draw_leaf_pages_first_entry_hash_idx ON raffle_schema.draw_leaf_pages USING btree (draw_number, first_entry_hash);

CREATE INDEX draw_leaf_pages_range_start_idx ON raffle_schema.draw_leaf_pages USING btree (draw_number, range_start, page_number);

CREATE TRIGGER draw_leaf_pages_guard AFTER INSERT ON raffle_schema.draw_leaf_pages REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.guard_frozen_list();

CREATE TRIGGER draw_leaf_pages_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON raffle_schema.draw_leaf_pages FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

CREATE TABLE raffle_schema.draw_positions (
    draw_number bigint NOT NULL,
    draw_position integer NOT NULL,
    block_number bigint NOT NULL,
    point bigint NOT NULL,
    leaf_index bigint NOT NULL,
    ticket_number text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT draw_positions_block_number_check CHECK (block_number >= 0),
    CONSTRAINT draw_positions_draw_number_ticket_number_key UNIQUE (draw_number, ticket_number),
    CONSTRAINT draw_positions_draw_position_check CHECK (draw_position >= 1),
    CONSTRAINT draw_positions_leaf_index_check CHECK (leaf_index >= 0),
    CONSTRAINT draw_positions_pk PRIMARY KEY (draw_number, draw_position),
    CONSTRAINT draw_positions_point_check CHECK (point >= 0),
    CONSTRAINT draw_positions_ticket_number_check CHECK (raffle_schema.is_ticket_number(ticket_number))
);
COMMENT ON TABLE raffle_schema.draw_positions IS 'The one sequence that the randomness gave: first the prizes in their order, then the alternates. Append-only; what becomes of a position stands in raffle_winners.';
GRANT SELECT ON TABLE raffle_schema.draw_positions TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.draw_positions TO raffle_ro;
GRANT INSERT (draw_number) ON TABLE raffle_schema.draw_positions TO raffle_app;
GRANT INSERT (draw_position) ON TABLE raffle_schema.draw_positions TO raffle_app;
GRANT INSERT (block_number) ON TABLE raffle_schema.draw_positions TO raffle_app;
GRANT INSERT (point) ON TABLE raffle_schema.draw_positions TO raffle_app;
GRANT INSERT (leaf_index) ON TABLE raffle_schema.draw_positions TO raffle_app;
GRANT INSERT (ticket_number) ON TABLE raffle_schema.draw_positions TO raffle_app;

CREATE INDEX draw_positions_leaf_index_idx ON raffle_schema.draw_positions USING btree (draw_number, leaf_index);

CREATE TRIGGER draw_positions_guard AFTER INSERT ON raffle_schema.draw_positions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.guard_drawn_list();

CREATE TRIGGER draw_positions_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON raffle_schema.draw_positions FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

CREATE TABLE raffle_schema.draw_tiles (
    draw_number bigint NOT NULL,
    level integer NOT NULL,
    tile_number bigint NOT NULL,
    hashes bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT draw_tiles_hashes_check CHECK (octet_length(hashes) >= 32 AND octet_length(hashes) <= 8192 AND (octet_length(hashes) % 32) = 0),
    CONSTRAINT draw_tiles_level_check CHECK (level >= 1 AND level <= 7),
    CONSTRAINT draw_tiles_pk PRIMARY KEY (draw_number, level, tile_number),
    CONSTRAINT draw_tiles_tile_number_check CHECK (tile_number >= 0)
);
COMMENT ON TABLE raffle_schema.draw_tiles IS 'The tree over the pages: at level 1 the roots of 256 pages a row, at level 2 those of 256 rows of level 1, and so on. Level 0, the hashes of leaves, is not kept: a page gives them in less than a millisecond. Append-only.';
GRANT SELECT ON TABLE raffle_schema.draw_tiles TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.draw_tiles TO raffle_ro;
GRANT INSERT (draw_number) ON TABLE raffle_schema.draw_tiles TO raffle_app;
GRANT INSERT (level) ON TABLE raffle_schema.draw_tiles TO raffle_app;
GRANT INSERT (tile_number) ON TABLE raffle_schema.draw_tiles TO raffle_app;
ALTER TABLE raffle_schema.draw_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
GRANT INSERT (hashes) ON TABLE raffle_schema.draw_tiles TO raffle_app;

CREATE TRIGGER draw_tiles_guard AFTER INSERT ON raffle_schema.draw_tiles REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.guard_frozen_list();

CREATE TRIGGER draw_tiles_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON raffle_schema.draw_tiles FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

CREATE TABLE raffle_schema.draw_timestamps (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    draw_id bigint NOT NULL,
    authority text NOT NULL,
    token bytea NOT NULL,
    generated_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    evidence_until timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT draw_timestamps_authority_check CHECK (length(btrim(authority)) >= 1 AND length(btrim(authority)) <= 253),
    CONSTRAINT draw_timestamps_draw_id_authority_key UNIQUE (draw_id, authority),
    CONSTRAINT draw_timestamps_in_time_check CHECK (generated_at < evidence_until AND received_at < evidence_until),
    CONSTRAINT draw_timestamps_pk PRIMARY KEY (id),
    CONSTRAINT draw_timestamps_token_check CHECK (octet_length(token) >= 1 AND octet_length(token) <= 32768)
);
COMMENT ON TABLE raffle_schema.draw_timestamps IS 'RFC 3161 tokens over the hash of a draw''s manifest, one an authority, each verified under a trusted root before it is kept. None that is late is taken. Append-only.';
GRANT SELECT ON TABLE raffle_schema.draw_timestamps TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.draw_timestamps TO raffle_ro;
GRANT INSERT (draw_id) ON TABLE raffle_schema.draw_timestamps TO raffle_app;
COMMENT ON COLUMN raffle_schema.draw_timestamps.authority IS 'The host that was asked.';
GRANT INSERT (authority) ON TABLE raffle_schema.draw_timestamps TO raffle_app;
GRANT INSERT (token) ON TABLE raffle_schema.draw_timestamps TO raffle_app;
COMMENT ON COLUMN raffle_schema.draw_timestamps.generated_at IS 'The time that the token states.';
GRANT INSERT (generated_at) ON TABLE raffle_schema.draw_timestamps TO raffle_app;
COMMENT ON COLUMN raffle_schema.draw_timestamps.evidence_until IS 'The time of the beacon''s round less the manifest''s gap; written by the trigger.';

CREATE TRIGGER draw_timestamps_guard BEFORE INSERT ON raffle_schema.draw_timestamps FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_draw_evidence();

CREATE TRIGGER draw_timestamps_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON raffle_schema.draw_timestamps FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

CREATE TABLE raffle_schema.draw_witness_signatures (
    draw_id bigint NOT NULL,
    terminal_code text NOT NULL,
    public_key bytea NOT NULL,
    signed_at timestamp with time zone NOT NULL,
    signature bytea NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    evidence_until timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT draw_witness_signatures_in_time_check CHECK (signed_at < evidence_until AND received_at < evidence_until),
    CONSTRAINT draw_witness_signatures_pk PRIMARY KEY (draw_id, terminal_code),
    CONSTRAINT draw_witness_signatures_public_key_check CHECK (octet_length(public_key) = 32),
    CONSTRAINT draw_witness_signatures_signature_check CHECK (octet_length(signature) = 64),
    CONSTRAINT draw_witness_signatures_signed_at_check CHECK (signed_at = date_trunc('second'::text, signed_at) AND signed_at <= (received_at + '00:01:00'::interval)),
    CONSTRAINT draw_witness_signatures_terminal_code_check CHECK (terminal_code ~ '^TRM[0-9]{6,15}$'::text)
);
COMMENT ON TABLE raffle_schema.draw_witness_signatures IS 'What terminals signed of a frozen draw, once each, verified before it is kept. None that is late is taken. Append-only.';
GRANT SELECT ON TABLE raffle_schema.draw_witness_signatures TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.draw_witness_signatures TO raffle_ro;
GRANT INSERT (draw_id) ON TABLE raffle_schema.draw_witness_signatures TO raffle_app;
GRANT INSERT (terminal_code) ON TABLE raffle_schema.draw_witness_signatures TO raffle_app;
GRANT INSERT (public_key) ON TABLE raffle_schema.draw_witness_signatures TO raffle_app;
GRANT INSERT (signed_at) ON TABLE raffle_schema.draw_witness_signatures TO raffle_app;
GRANT INSERT (signature) ON TABLE raffle_schema.draw_witness_signatures TO raffle_app;
COMMENT ON COLUMN raffle_schema.draw_witness_signatures.evidence_until IS 'The time of the beacon''s round less the manifest''s gap; written by the trigger.';

CREATE TRIGGER draw_witness_signatures_guard BEFORE INSERT ON raffle_schema.draw_witness_signatures FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_draw_evidence();

CREATE TRIGGER draw_witness_signatures_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON raffle_schema.draw_witness_signatures FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

CREATE TABLE raffle_schema.draw_witnesses (
    terminal_code text NOT NULL,
    station_code text NOT NULL,
    public_key bytea NOT NULL,
    retired_at timestamp with time zone,
    retirement_reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT draw_witnesses_pk PRIMARY KEY (terminal_code),
    CONSTRAINT draw_witnesses_public_key_check CHECK (octet_length(public_key) = 32),
    CONSTRAINT draw_witnesses_public_key_key UNIQUE (public_key),
    CONSTRAINT draw_witnesses_retirement_check CHECK ((retired_at IS NULL) = (retirement_reason IS NULL) AND length(btrim(retirement_reason)) >= 1 AND length(btrim(retirement_reason)) <= 300),
    CONSTRAINT draw_witnesses_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT draw_witnesses_terminal_code_check CHECK (terminal_code ~ '^TRM[0-9]{6,15}$'::text)
);
COMMENT ON TABLE raffle_schema.draw_witnesses IS 'Terminals of stations that sign what was frozen, each with the Ed25519 key it has as a terminal. A manifest lists those that are not retired at its freeze.';
GRANT SELECT ON TABLE raffle_schema.draw_witnesses TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.draw_witnesses TO raffle_ro;
GRANT INSERT (terminal_code) ON TABLE raffle_schema.draw_witnesses TO raffle_app;
GRANT INSERT (station_code) ON TABLE raffle_schema.draw_witnesses TO raffle_app;
GRANT INSERT (public_key) ON TABLE raffle_schema.draw_witnesses TO raffle_app;
GRANT UPDATE (retired_at) ON TABLE raffle_schema.draw_witnesses TO raffle_app;
GRANT UPDATE (retirement_reason) ON TABLE raffle_schema.draw_witnesses TO raffle_app;

CREATE TRIGGER draw_witnesses_audit_insert AFTER INSERT ON raffle_schema.draw_witnesses REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_draw_witnesses();

CREATE TRIGGER draw_witnesses_audit_update AFTER UPDATE ON raffle_schema.draw_witnesses REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_draw_witnesses();

CREATE TRIGGER draw_witnesses_set_updated_at BEFORE UPDATE ON raffle_schema.draw_witnesses FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.employments (
    employee_number text NOT NULL,
    user_id uuid NOT NULL,
    is_active boolean NOT NULL,
    version bigint,
    as_of timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT employments_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT employments_pk PRIMARY KEY (employee_number)
);
COMMENT ON TABLE raffle_schema.employments IS 'Who works for the chain, as the station service last told by event: employees take no part in its raffles.';
GRANT SELECT ON TABLE raffle_schema.employments TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.employments TO raffle_ro;
GRANT INSERT (employee_number) ON TABLE raffle_schema.employments TO raffle_app;
COMMENT ON COLUMN raffle_schema.employments.user_id IS 'Personal data: public id of the employee.';
GRANT INSERT (user_id), UPDATE (user_id) ON TABLE raffle_schema.employments TO raffle_app;
GRANT INSERT (is_active), UPDATE (is_active) ON TABLE raffle_schema.employments TO raffle_app;
COMMENT ON COLUMN raffle_schema.employments.version IS 'The event''s number: an older one that comes late changes nothing. Where either has none, their times decide.';
GRANT INSERT (version), UPDATE (version) ON TABLE raffle_schema.employments TO raffle_app;
COMMENT ON COLUMN raffle_schema.employments.as_of IS 'Time of the event.';
GRANT INSERT (as_of), UPDATE (as_of) ON TABLE raffle_schema.employments TO raffle_app;

CREATE INDEX employments_user_id_idx ON raffle_schema.employments USING btree (user_id);

CREATE TRIGGER employments_set_updated_at BEFORE UPDATE ON raffle_schema.employments FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.excluded_persons (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    public_id uuid DEFAULT gen_random_uuid() NOT NULL,
    raffle_id bigint,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    note text,
    created_by text DEFAULT raffle_schema.request_context('actor'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT excluded_persons_created_by_check CHECK (length(created_by) <= 128),
    CONSTRAINT excluded_persons_kind_check CHECK (kind = ANY (ARRAY['FAMILY'::text, 'ORGANIZER'::text, 'SUPPLIER'::text, 'SELF_EXCLUDED'::text, 'OTHER'::text])),
    CONSTRAINT excluded_persons_note_check CHECK (length(btrim(note)) >= 1 AND length(btrim(note)) <= 500),
    CONSTRAINT excluded_persons_pk PRIMARY KEY (id),
    CONSTRAINT excluded_persons_public_id_key UNIQUE (public_id),
    CONSTRAINT excluded_persons_user_id_raffle_id_key UNIQUE NULLS NOT DISTINCT (user_id, raffle_id)
);
COMMENT ON TABLE raffle_schema.excluded_persons IS 'Persons that the staff keeps out of one raffle, or of all where none is named. Employees need not be here.';
GRANT DELETE, SELECT ON TABLE raffle_schema.excluded_persons TO raffle_app;
GRANT SELECT (id) ON TABLE raffle_schema.excluded_persons TO raffle_ro;
GRANT SELECT (public_id) ON TABLE raffle_schema.excluded_persons TO raffle_ro;
GRANT INSERT (raffle_id) ON TABLE raffle_schema.excluded_persons TO raffle_app;
GRANT SELECT (raffle_id) ON TABLE raffle_schema.excluded_persons TO raffle_ro;
COMMENT ON COLUMN raffle_schema.excluded_persons.user_id IS 'Personal data: public id of the person.';
GRANT INSERT (user_id) ON TABLE raffle_schema.excluded_persons TO raffle_app;
GRANT SELECT (user_id) ON TABLE raffle_schema.excluded_persons TO raffle_ro;
GRANT INSERT (kind) ON TABLE raffle_schema.excluded_persons TO raffle_app;
GRANT SELECT (kind) ON TABLE raffle_schema.excluded_persons TO raffle_ro;
COMMENT ON COLUMN raffle_schema.excluded_persons.note IS 'Personal data: why, in somebody''s words.';
GRANT INSERT (note) ON TABLE raffle_schema.excluded_persons TO raffle_app;
COMMENT ON COLUMN raffle_schema.excluded_persons.created_by IS 'Personal data: who said so, a public id or a service''s name.';
GRANT SELECT (created_at) ON TABLE raffle_schema.excluded_persons TO raffle_ro;

CREATE INDEX excluded_persons_raffle_id_idx ON raffle_schema.excluded_persons USING btree (raffle_id);

CREATE TRIGGER excluded_persons_audit_delete AFTER DELETE ON raffle_schema.excluded_persons REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_exclusions();

CREATE TRIGGER excluded_persons_audit_insert AFTER INSERT ON raffle_schema.excluded_persons REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_exclusions();

CREATE TABLE raffle_schema.idempotency_keys (
    key_hash bytea NOT NULL,
    fingerprint bytea NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_answer_check CHECK (octet_length(answer) >= 1 AND octet_length(answer) <= 1100000),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK (octet_length(fingerprint) = 32),
    CONSTRAINT idempotency_keys_key_hash_check CHECK (octet_length(key_hash) = 32),
    CONSTRAINT idempotency_keys_pk PRIMARY KEY (key_hash),
    CONSTRAINT idempotency_keys_status_check CHECK (status >= 200 AND status <= 499)
);
COMMENT ON TABLE raffle_schema.idempotency_keys IS 'The answer to each request that had an Idempotency-Key, written in the transaction of its effect and given again to a repetition. Not partitioned: a key must be unique. Deleted after a day.';
GRANT SELECT ON TABLE raffle_schema.idempotency_keys TO raffle_app;
COMMENT ON COLUMN raffle_schema.idempotency_keys.key_hash IS 'SHA-256 of who asked, the route and the key, which itself is kept nowhere.';
GRANT INSERT (key_hash) ON TABLE raffle_schema.idempotency_keys TO raffle_app;
GRANT SELECT (key_hash) ON TABLE raffle_schema.idempotency_keys TO raffle_ro;
COMMENT ON COLUMN raffle_schema.idempotency_keys.fingerprint IS 'SHA-256 of method, address and body: a key stands for one request.';
GRANT INSERT (fingerprint) ON TABLE raffle_schema.idempotency_keys TO raffle_app;
GRANT SELECT (fingerprint) ON TABLE raffle_schema.idempotency_keys TO raffle_ro;
GRANT INSERT (status) ON TABLE raffle_schema.idempotency_keys TO raffle_app;
GRANT SELECT (status) ON TABLE raffle_schema.idempotency_keys TO raffle_ro;
COMMENT ON COLUMN raffle_schema.idempotency_keys.answer IS 'Personal data: headers and body, encrypted with a key that only who knows the Idempotency-Key can make again.';
GRANT INSERT (answer) ON TABLE raffle_schema.idempotency_keys TO raffle_app;
GRANT SELECT (created_at) ON TABLE raffle_schema.idempotency_keys TO raffle_ro;

CREATE INDEX idempotency_keys_created_at_idx ON raffle_schema.idempotency_keys USING btree (created_at);

CREATE TABLE raffle_schema.inbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    event jsonb NOT NULL,
    correlation_id text,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    first_failed_at timestamp with time zone,
    last_error text,
    settled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT inbox_events_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT inbox_events_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT inbox_events_attempts_check CHECK (attempts >= 0),
    CONSTRAINT inbox_events_consumer_check CHECK (consumer ~ '^[a-z][a-z0-9_.]{0,99}$'::text),
    CONSTRAINT inbox_events_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT inbox_events_event_check CHECK (jsonb_typeof(event) = 'object'::text),
    CONSTRAINT inbox_events_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT inbox_events_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT inbox_events_pk PRIMARY KEY (event_id, consumer)
);
COMMENT ON TABLE raffle_schema.inbox_events IS 'Events that came in, one row a consumer. Not partitioned: the key makes each event come in once, and settled rows are deleted after their retention, which is longer than any transport repeats an event.';
GRANT DELETE, SELECT ON TABLE raffle_schema.inbox_events TO raffle_app;
COMMENT ON COLUMN raffle_schema.inbox_events.id IS 'The order of arrival, which is the order of delivery within one aggregate.';
GRANT SELECT (id) ON TABLE raffle_schema.inbox_events TO raffle_ro;
GRANT INSERT (event_id) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT SELECT (event_id) ON TABLE raffle_schema.inbox_events TO raffle_ro;
COMMENT ON COLUMN raffle_schema.inbox_events.consumer IS 'The consumer of this service that the event is for.';
GRANT INSERT (consumer) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT SELECT (consumer) ON TABLE raffle_schema.inbox_events TO raffle_ro;
GRANT INSERT (event_type) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT SELECT (event_type) ON TABLE raffle_schema.inbox_events TO raffle_ro;
GRANT INSERT (aggregate_type) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT SELECT (aggregate_type) ON TABLE raffle_schema.inbox_events TO raffle_ro;
GRANT INSERT (aggregate_key) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT SELECT (aggregate_key) ON TABLE raffle_schema.inbox_events TO raffle_ro;
COMMENT ON COLUMN raffle_schema.inbox_events.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT INSERT (correlation_id) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT SELECT (correlation_id) ON TABLE raffle_schema.inbox_events TO raffle_ro;
GRANT UPDATE (attempts) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT SELECT (attempts) ON TABLE raffle_schema.inbox_events TO raffle_ro;
GRANT UPDATE (next_attempt_at) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT SELECT (next_attempt_at) ON TABLE raffle_schema.inbox_events TO raffle_ro;
GRANT UPDATE (first_failed_at) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT SELECT (first_failed_at) ON TABLE raffle_schema.inbox_events TO raffle_ro;
GRANT UPDATE (last_error) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT SELECT (last_error) ON TABLE raffle_schema.inbox_events TO raffle_ro;
COMMENT ON COLUMN raffle_schema.inbox_events.settled_at IS 'Set in the transaction of the effect, or when the event was given up: then dead_letters holds it.';
GRANT UPDATE (settled_at) ON TABLE raffle_schema.inbox_events TO raffle_app;
GRANT SELECT (settled_at) ON TABLE raffle_schema.inbox_events TO raffle_ro;
GRANT SELECT (created_at) ON TABLE raffle_schema.inbox_events TO raffle_ro;

CREATE INDEX inbox_events_settled_at_idx ON raffle_schema.inbox_events USING btree (settled_at) WHERE (settled_at IS NOT NULL);

CREATE INDEX inbox_events_unsettled_aggregate_idx ON raffle_schema.inbox_events USING btree (aggregate_type, aggregate_key, consumer, id) WHERE (settled_at IS NULL);

CREATE INDEX inbox_events_unsettled_id_idx ON raffle_schema.inbox_events USING btree (id) WHERE (settled_at IS NULL);

CREATE TABLE raffle_schema.outbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    payload jsonb NOT NULL,
    schema_version integer DEFAULT 1 NOT NULL,
    correlation_id text DEFAULT raffle_schema.request_context('correlation_id'::text),
    causation_id uuid,
    trace_parent text DEFAULT raffle_schema.request_context('trace_parent'::text),
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    published_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT outbox_events_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT outbox_events_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT outbox_events_attempts_check CHECK (attempts >= 0),
    CONSTRAINT outbox_events_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT outbox_events_event_id_key UNIQUE (event_id),
    CONSTRAINT outbox_events_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT outbox_events_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT outbox_events_payload_check CHECK (jsonb_typeof(payload) = 'object'::text),
    CONSTRAINT outbox_events_pk PRIMARY KEY (id),
    CONSTRAINT outbox_events_schema_version_check CHECK (schema_version >= 1),
    CONSTRAINT outbox_events_trace_parent_check CHECK (trace_parent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'::text)
);
COMMENT ON TABLE raffle_schema.outbox_events IS 'Events to publish as CloudEvents. Not partitioned: published rows are deleted after their retention, and the event id must be unique.';
GRANT DELETE, SELECT ON TABLE raffle_schema.outbox_events TO raffle_app;
COMMENT ON COLUMN raffle_schema.outbox_events.id IS 'The order of delivery within one aggregate. Writers of one aggregate hold its row''s lock, so their ids are in the order of their commits; across aggregates an id may appear late, so a reader asks for published_at IS NULL and never for id > n.';
GRANT SELECT (id) ON TABLE raffle_schema.outbox_events TO raffle_ro;
COMMENT ON COLUMN raffle_schema.outbox_events.event_id IS 'CloudEvents id; the key of the consumers'' inboxes.';
GRANT INSERT (event_id) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (event_id) ON TABLE raffle_schema.outbox_events TO raffle_ro;
COMMENT ON COLUMN raffle_schema.outbox_events.event_type IS 'CloudEvents type, as raffle.closed.';
GRANT INSERT (event_type) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (event_type) ON TABLE raffle_schema.outbox_events TO raffle_ro;
GRANT INSERT (aggregate_type) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (aggregate_type) ON TABLE raffle_schema.outbox_events TO raffle_ro;
COMMENT ON COLUMN raffle_schema.outbox_events.aggregate_key IS 'CloudEvents subject: the public reference of what the event is about.';
GRANT INSERT (aggregate_key) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (aggregate_key) ON TABLE raffle_schema.outbox_events TO raffle_ro;
COMMENT ON COLUMN raffle_schema.outbox_events.payload IS 'Personal data: CloudEvents data; may carry a user''s public id, no phone or name.';
GRANT INSERT (payload) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT INSERT (schema_version) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (schema_version) ON TABLE raffle_schema.outbox_events TO raffle_ro;
GRANT INSERT (correlation_id) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (correlation_id) ON TABLE raffle_schema.outbox_events TO raffle_ro;
GRANT INSERT (causation_id) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (causation_id) ON TABLE raffle_schema.outbox_events TO raffle_ro;
GRANT INSERT (trace_parent) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (trace_parent) ON TABLE raffle_schema.outbox_events TO raffle_ro;
COMMENT ON COLUMN raffle_schema.outbox_events.occurred_at IS 'CloudEvents time.';
GRANT SELECT (occurred_at) ON TABLE raffle_schema.outbox_events TO raffle_ro;
GRANT UPDATE (published_at) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (published_at) ON TABLE raffle_schema.outbox_events TO raffle_ro;
GRANT UPDATE (attempts) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (attempts) ON TABLE raffle_schema.outbox_events TO raffle_ro;
GRANT UPDATE (next_attempt_at) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (next_attempt_at) ON TABLE raffle_schema.outbox_events TO raffle_ro;
GRANT UPDATE (last_error) ON TABLE raffle_schema.outbox_events TO raffle_app;
GRANT SELECT (last_error) ON TABLE raffle_schema.outbox_events TO raffle_ro;
GRANT SELECT (created_at) ON TABLE raffle_schema.outbox_events TO raffle_ro;

CREATE INDEX outbox_events_published_at_idx ON raffle_schema.outbox_events USING btree (published_at) WHERE (published_at IS NOT NULL);

CREATE INDEX outbox_events_unpublished_aggregate_idx ON raffle_schema.outbox_events USING btree (aggregate_type, aggregate_key, id) WHERE (published_at IS NULL);

CREATE INDEX outbox_events_unpublished_id_idx ON raffle_schema.outbox_events USING btree (id) WHERE (published_at IS NULL);

CREATE TABLE raffle_schema.prize_claims (
    winner_id bigint NOT NULL,
    claimed_by text DEFAULT COALESCE(raffle_schema.request_context('actor'::text), ('role:'::text || (SESSION_USER)::text)) NOT NULL,
    public_name text,
    needs_second boolean NOT NULL,
    document_type text,
    document_end text,
    document_key_id integer,
    document_mac bytea,
    identified_by text,
    identified_at timestamp with time zone,
    confirmed_by text,
    confirmed_at timestamp with time zone,
    delivery_changed_by text,
    delivery_changed_at timestamp with time zone,
    forget_when_over boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT prize_claims_claimer_check CHECK ((claimed_by <> ALL (ARRAY[COALESCE(identified_by, ''::text), COALESCE(confirmed_by, ''::text)])) AND (delivery_changed_by IS NULL OR (delivery_changed_by <> ALL (ARRAY[COALESCE(identified_by, ''::text), COALESCE(confirmed_by, ''::text)])))),
    CONSTRAINT prize_claims_delivery_changed_check CHECK (num_nulls(delivery_changed_by, delivery_changed_at) = ANY (ARRAY[0, 2])),
    CONSTRAINT prize_claims_document_check CHECK ((num_nulls(document_type, identified_by, identified_at) = ANY (ARRAY[0, 3])) AND (num_nulls(document_end, document_key_id, document_mac) = ANY (ARRAY[0, 3])) AND (document_mac IS NULL OR document_type IS NOT NULL)),
    CONSTRAINT prize_claims_document_end_check CHECK (document_end ~ '^[A-Z0-9]{2,4}$'::text),
    CONSTRAINT prize_claims_document_mac_check CHECK (octet_length(document_mac) = 32),
    CONSTRAINT prize_claims_document_type_check CHECK (document_type = ANY (ARRAY['NATIONAL_ID'::text, 'PASSPORT'::text, 'DRIVING_LICENCE'::text, 'RESIDENCE_PERMIT'::text])),
    CONSTRAINT prize_claims_pk PRIMARY KEY (winner_id),
    CONSTRAINT prize_claims_public_name_check CHECK (length(public_name) >= 1 AND length(public_name) <= 10),
    CONSTRAINT prize_claims_second_person_check CHECK ((num_nulls(confirmed_by, confirmed_at) = ANY (ARRAY[0, 2])) AND (confirmed_by IS NULL OR identified_by IS NOT NULL AND confirmed_by <> identified_by))
);
COMMENT ON TABLE raffle_schema.prize_claims IS 'Who claimed a prize, and who saw that he is who he says and of age. Of the document only its kind, its last characters and a keyed hash are kept, and the latter two no longer than the delivery''s details.';
GRANT SELECT ON TABLE raffle_schema.prize_claims TO raffle_app;
GRANT INSERT (winner_id) ON TABLE raffle_schema.prize_claims TO raffle_app;
GRANT SELECT (winner_id) ON TABLE raffle_schema.prize_claims TO raffle_ro;
COMMENT ON COLUMN raffle_schema.prize_claims.claimed_by IS 'Personal data: who claimed, a public id.';
COMMENT ON COLUMN raffle_schema.prize_claims.public_name IS 'Personal data: the winner''s name as results show it: first letters alone.';
GRANT INSERT (public_name), UPDATE (public_name) ON TABLE raffle_schema.prize_claims TO raffle_app;
COMMENT ON COLUMN raffle_schema.prize_claims.needs_second IS 'The prize was worth so much when it was claimed that two people confirm the identity.';
GRANT INSERT (needs_second) ON TABLE raffle_schema.prize_claims TO raffle_app;
GRANT SELECT (needs_second) ON TABLE raffle_schema.prize_claims TO raffle_ro;
GRANT UPDATE (document_type) ON TABLE raffle_schema.prize_claims TO raffle_app;
GRANT SELECT (document_type) ON TABLE raffle_schema.prize_claims TO raffle_ro;
COMMENT ON COLUMN raffle_schema.prize_claims.document_end IS 'Personal data: the last characters of the number.';
GRANT UPDATE (document_end) ON TABLE raffle_schema.prize_claims TO raffle_app;
GRANT UPDATE (document_key_id) ON TABLE raffle_schema.prize_claims TO raffle_app;
COMMENT ON COLUMN raffle_schema.prize_claims.document_mac IS 'Personal data: HMAC-SHA-256 of kind and number, so that the second person''s must be the same.';
GRANT UPDATE (document_mac) ON TABLE raffle_schema.prize_claims TO raffle_app;
COMMENT ON COLUMN raffle_schema.prize_claims.identified_by IS 'Personal data: who looked first, a public id.';
GRANT UPDATE (identified_by) ON TABLE raffle_schema.prize_claims TO raffle_app;
GRANT UPDATE (identified_at) ON TABLE raffle_schema.prize_claims TO raffle_app;
GRANT SELECT (identified_at) ON TABLE raffle_schema.prize_claims TO raffle_ro;
COMMENT ON COLUMN raffle_schema.prize_claims.confirmed_by IS 'Personal data: who looked second, a public id.';
GRANT UPDATE (confirmed_by) ON TABLE raffle_schema.prize_claims TO raffle_app;
GRANT UPDATE (confirmed_at) ON TABLE raffle_schema.prize_claims TO raffle_app;
GRANT SELECT (confirmed_at) ON TABLE raffle_schema.prize_claims TO raffle_ro;
COMMENT ON COLUMN raffle_schema.prize_claims.delivery_changed_by IS 'Personal data: who said last that the prize goes elsewhere, a public id.';
GRANT UPDATE (delivery_changed_by) ON TABLE raffle_schema.prize_claims TO raffle_app;
GRANT UPDATE (delivery_changed_at) ON TABLE raffle_schema.prize_claims TO raffle_app;
COMMENT ON COLUMN raffle_schema.prize_claims.forget_when_over IS 'The account was erased while the prize was on its way: its details go when it has arrived.';
GRANT INSERT (forget_when_over), UPDATE (forget_when_over) ON TABLE raffle_schema.prize_claims TO raffle_app;
GRANT SELECT (forget_when_over) ON TABLE raffle_schema.prize_claims TO raffle_ro;
GRANT SELECT (created_at) ON TABLE raffle_schema.prize_claims TO raffle_ro;
GRANT SELECT (updated_at) ON TABLE raffle_schema.prize_claims TO raffle_ro;

CREATE TRIGGER prize_claims_audit_update AFTER UPDATE ON raffle_schema.prize_claims REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_fulfilment();

CREATE TRIGGER prize_claims_set_updated_at BEFORE UPDATE ON raffle_schema.prize_claims FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.prize_delivery_steps (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    winner_id bigint NOT NULL,
    step text NOT NULL,
    carrier text,
    tracking text,
    receipt_sha256 bytea,
    recorded_by text DEFAULT COALESCE(raffle_schema.request_context('actor'::text), ('role:'::text || (SESSION_USER)::text)) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT prize_delivery_steps_carrier_check CHECK (length(btrim(carrier)) >= 1 AND length(btrim(carrier)) <= 100),
    CONSTRAINT prize_delivery_steps_pk PRIMARY KEY (id),
    CONSTRAINT prize_delivery_steps_receipt_check CHECK ((step = 'RECEIPT_SIGNED'::text) = (receipt_sha256 IS NOT NULL)),
    CONSTRAINT prize_delivery_steps_receipt_sha256_check CHECK (octet_length(receipt_sha256) = 32),
    CONSTRAINT prize_delivery_steps_sent_check CHECK (
CASE step
    WHEN 'SENT'::text THEN tracking IS NOT NULL
    ELSE num_nonnulls(carrier, tracking) = 0
END),
    CONSTRAINT prize_delivery_steps_step_check CHECK (step = ANY (ARRAY['PREPARED'::text, 'SENT'::text, 'HANDED_OVER'::text, 'RECEIPT_SIGNED'::text])),
    CONSTRAINT prize_delivery_steps_tracking_check CHECK (length(btrim(tracking)) >= 1 AND length(btrim(tracking)) <= 100),
    CONSTRAINT prize_delivery_steps_winner_id_step_key UNIQUE (winner_id, step)
);
COMMENT ON TABLE raffle_schema.prize_delivery_steps IS 'The way of a prize to its winner, each step once and in order. Append-only. What is credited or sent as data ends with SENT, a thing with RECEIPT_SIGNED: then the winner is DELIVERED.';
GRANT SELECT ON TABLE raffle_schema.prize_delivery_steps TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.prize_delivery_steps TO raffle_ro;
GRANT INSERT (winner_id) ON TABLE raffle_schema.prize_delivery_steps TO raffle_app;
GRANT INSERT (step) ON TABLE raffle_schema.prize_delivery_steps TO raffle_app;
GRANT INSERT (carrier) ON TABLE raffle_schema.prize_delivery_steps TO raffle_app;
COMMENT ON COLUMN raffle_schema.prize_delivery_steps.tracking IS 'The carrier''s number, or the reference of the credit.';
GRANT INSERT (tracking) ON TABLE raffle_schema.prize_delivery_steps TO raffle_app;
COMMENT ON COLUMN raffle_schema.prize_delivery_steps.receipt_sha256 IS 'Of the receipt that the winner signed; the paper or file is kept with the accounts.';
GRANT INSERT (receipt_sha256) ON TABLE raffle_schema.prize_delivery_steps TO raffle_app;
COMMENT ON COLUMN raffle_schema.prize_delivery_steps.recorded_by IS 'Personal data: who did it, a public id.';

CREATE TRIGGER prize_delivery_steps_audit_insert AFTER INSERT ON raffle_schema.prize_delivery_steps REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_fulfilment();

CREATE TRIGGER prize_delivery_steps_finish AFTER INSERT ON raffle_schema.prize_delivery_steps FOR EACH ROW EXECUTE FUNCTION raffle_schema.finish_delivery();

CREATE TRIGGER prize_delivery_steps_guard BEFORE INSERT ON raffle_schema.prize_delivery_steps FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_delivery_step();

CREATE TRIGGER prize_delivery_steps_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON raffle_schema.prize_delivery_steps FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

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

CREATE INDEX raffle_audit_log_actor_idx ON raffle_schema.raffle_audit_log USING btree (actor);

CREATE INDEX raffle_audit_log_raffle_code_idx ON raffle_schema.raffle_audit_log USING btree (raffle_code, created_at);

CREATE INDEX raffle_audit_log_with_address_created_at_idx ON raffle_schema.raffle_audit_log USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

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
    frozen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    drawn_at timestamp with time zone,
    voided_at timestamp with time zone,
    void_reason text,
    void_signature bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    excluded_entry_count bigint DEFAULT 0 NOT NULL,
    excluded_ticket_count bigint DEFAULT 0 NOT NULL,
    blocks_read bigint,
    void_document bytea,
    CONSTRAINT raffle_draws_beacon_chain_sha256_check CHECK (octet_length(beacon_chain_sha256) = 32),
    CONSTRAINT raffle_draws_beacon_round_at_check CHECK (beacon_round_at > frozen_at AND beacon_round_at < 'infinity'::timestamp with time zone),
    CONSTRAINT raffle_draws_beacon_round_check CHECK (beacon_round >= 1),
    CONSTRAINT raffle_draws_beacon_signature_check CHECK (octet_length(beacon_signature) >= 48 AND octet_length(beacon_signature) <= 96),
    CONSTRAINT raffle_draws_blocks_read_check CHECK (blocks_read IS NULL OR blocks_read >= 1 AND status = 'DRAWN'::text),
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
    CONSTRAINT raffle_draws_excluded_check CHECK (excluded_entry_count >= 0 AND excluded_ticket_count >= excluded_entry_count),
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
    CONSTRAINT raffle_draws_void_document_check CHECK (void_document IS NULL OR octet_length(void_document) >= 1 AND octet_length(void_document) <= 65536 AND status = 'VOID'::text),
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
GRANT INSERT (excluded_entry_count) ON TABLE raffle_schema.raffle_draws TO raffle_app;
GRANT INSERT (excluded_ticket_count) ON TABLE raffle_schema.raffle_draws TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_draws.blocks_read IS 'How many blocks of the hash stream the draw read.';
GRANT UPDATE (blocks_read) ON TABLE raffle_schema.raffle_draws TO raffle_app;
COMMENT ON COLUMN raffle_schema.raffle_draws.void_document IS 'The published bytes that void_signature is over.';
GRANT UPDATE (void_document) ON TABLE raffle_schema.raffle_draws TO raffle_app;

CREATE INDEX raffle_draws_frozen_beacon_round_at_idx ON raffle_schema.raffle_draws USING btree (beacon_round_at) WHERE (status = 'FROZEN'::text);

CREATE INDEX raffle_draws_previous_idx ON raffle_schema.raffle_draws USING btree (previous_chain_number, previous_manifest_sha256);

CREATE INDEX raffle_draws_raffle_id_idx ON raffle_schema.raffle_draws USING btree (raffle_id);

CREATE UNIQUE INDEX raffle_draws_valid_raffle_id_idx ON raffle_schema.raffle_draws USING btree (raffle_id) WHERE (status <> 'VOID'::text);

CREATE TRIGGER raffle_draws_audit_insert AFTER INSERT ON raffle_schema.raffle_draws REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_draws();

CREATE TRIGGER raffle_draws_audit_update AFTER UPDATE ON raffle_schema.raffle_draws REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_draws();

CREATE TRIGGER raffle_draws_guard BEFORE INSERT OR UPDATE ON raffle_schema.raffle_draws FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_raffle_draw();

CREATE CONSTRAINT TRIGGER raffle_draws_in_time AFTER INSERT ON raffle_schema.raffle_draws DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.frozen_at >= new.created_at) EXECUTE FUNCTION raffle_schema.guard_freeze_in_time();

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
    owner_tag bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    entry_hash bytea NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_entries_entry_hash_check CHECK (octet_length(entry_hash) = 28),
    CONSTRAINT raffle_entries_id_raffle_id_user_id_key UNIQUE (id, raffle_id, user_id),
    CONSTRAINT raffle_entries_owner_tag_check CHECK (octet_length(owner_tag) = 16),
    CONSTRAINT raffle_entries_pk PRIMARY KEY (id),
    CONSTRAINT raffle_entries_raffle_id_issuance_id_key UNIQUE (raffle_id, issuance_id),
    CONSTRAINT raffle_entries_source_check CHECK (source = ANY (ARRAY['COUPON_REDEMPTION'::text, 'AD_ENGAGEMENT'::text, 'PROMOTIONAL'::text, 'BONUS'::text, 'FREE_ENTRY'::text])),
    CONSTRAINT raffle_entries_ticket_count_check CHECK (ticket_count >= 0 AND ticket_count <= 10000)
);
COMMENT ON TABLE raffle_schema.raffle_entries IS 'One row an issuance event in a raffle: a leaf of the draw''s tree, if it has tickets at the freeze.';
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
COMMENT ON COLUMN raffle_schema.raffle_entries.owner_tag IS 'Published instead of the user: owner_tag(), equal for the entries of one user in one raffle. Written by the trigger.';
COMMENT ON COLUMN raffle_schema.raffle_entries.entry_hash IS 'entry_hash() of its ACTIVE tickets; written by the triggers alone, again whenever the tickets change.';
COMMENT ON COLUMN raffle_schema.raffle_entries.received_at IS 'When its tickets came, or last changed: the receipt says so. Written by the triggers alone.';

CREATE INDEX raffle_entries_issuance_id_idx ON raffle_schema.raffle_entries USING btree (issuance_id);

CREATE INDEX raffle_entries_user_id_idx ON raffle_schema.raffle_entries USING btree (user_id, raffle_id);

CREATE TRIGGER raffle_entries_check_window AFTER INSERT ON raffle_schema.raffle_entries REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.check_entry_window();

CREATE TRIGGER raffle_entries_mark BEFORE INSERT ON raffle_schema.raffle_entries FOR EACH ROW EXECUTE FUNCTION raffle_schema.mark_entry();

CREATE TRIGGER raffle_entries_set_updated_at BEFORE UPDATE ON raffle_schema.raffle_entries FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.raffle_owner_keys (
    raffle_id bigint NOT NULL,
    owner_key bytea NOT NULL,
    inner_pad bytea NOT NULL,
    outer_pad bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_owner_keys_owner_key_check CHECK (octet_length(owner_key) = 32),
    CONSTRAINT raffle_owner_keys_pads_check CHECK (octet_length(inner_pad) = 64 AND octet_length(outer_pad) = 64),
    CONSTRAINT raffle_owner_keys_pk PRIMARY KEY (raffle_id)
);
COMMENT ON TABLE raffle_schema.raffle_owner_keys IS 'Secret: the key of each raffle''s owner tags, made with the raffle. No role of the service reads it, only owner_tag.';
COMMENT ON COLUMN raffle_schema.raffle_owner_keys.inner_pad IS 'The key as HMAC (RFC 2104) pads it, so that each tag costs two hashes.';

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
    sponsor text,
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
    CONSTRAINT raffle_prizes_rank_check CHECK (rank >= 1 AND rank <= 1000),
    CONSTRAINT raffle_prizes_sponsor_check CHECK (length(btrim(sponsor)) >= 1 AND length(btrim(sponsor)) <= 200)
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
GRANT INSERT (sponsor), UPDATE (sponsor) ON TABLE raffle_schema.raffle_prizes TO raffle_app;

CREATE TRIGGER raffle_prizes_audit_delete AFTER DELETE ON raffle_schema.raffle_prizes REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_prizes();

CREATE TRIGGER raffle_prizes_audit_insert AFTER INSERT ON raffle_schema.raffle_prizes REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_prizes();

CREATE TRIGGER raffle_prizes_audit_update AFTER UPDATE ON raffle_schema.raffle_prizes REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_prizes();

CREATE TRIGGER raffle_prizes_guard BEFORE INSERT OR DELETE OR UPDATE ON raffle_schema.raffle_prizes FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_raffle_prize();

CREATE TRIGGER raffle_prizes_set_updated_at BEFORE UPDATE ON raffle_schema.raffle_prizes FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.raffle_terms (
    raffle_id bigint NOT NULL,
    version text NOT NULL,
    body bytea NOT NULL,
    sha256 bytea GENERATED ALWAYS AS (sha256(body)) STORED NOT NULL,
    created_by text DEFAULT raffle_schema.request_context('actor'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_terms_body_check CHECK (octet_length(body) >= 1 AND octet_length(body) <= 200000 AND length(convert_from(body, 'UTF8'::name)) >= 1),
    CONSTRAINT raffle_terms_created_by_check CHECK (length(created_by) <= 128),
    CONSTRAINT raffle_terms_pk PRIMARY KEY (raffle_id, version),
    CONSTRAINT raffle_terms_version_check CHECK (length(btrim(version)) >= 1 AND length(btrim(version)) <= 50)
);
COMMENT ON TABLE raffle_schema.raffle_terms IS 'The terms of a raffle, each version as it was written: the bytes that are shown are those that are hashed. They go only with a draft that is deleted.';
GRANT SELECT ON TABLE raffle_schema.raffle_terms TO raffle_app;
GRANT INSERT (raffle_id) ON TABLE raffle_schema.raffle_terms TO raffle_app;
GRANT SELECT (raffle_id) ON TABLE raffle_schema.raffle_terms TO raffle_ro;
GRANT INSERT (version) ON TABLE raffle_schema.raffle_terms TO raffle_app;
GRANT SELECT (version) ON TABLE raffle_schema.raffle_terms TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffle_terms.body IS 'UTF-8.';
GRANT INSERT (body) ON TABLE raffle_schema.raffle_terms TO raffle_app;
GRANT SELECT (body) ON TABLE raffle_schema.raffle_terms TO raffle_ro;
GRANT SELECT (sha256) ON TABLE raffle_schema.raffle_terms TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffle_terms.created_by IS 'Personal data: who wrote it down, a public id or a service''s name.';
GRANT SELECT (created_at) ON TABLE raffle_schema.raffle_terms TO raffle_ro;

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

CREATE INDEX raffle_tickets_disqualified_idx ON raffle_schema.raffle_tickets USING btree (raffle_id, entry_id) WHERE (disqualified_at IS NOT NULL);

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
    CONSTRAINT raffle_winners_delivery_size_check CHECK (octet_length(delivery_details::text) <= 4000),
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

CREATE INDEX raffle_winners_alternate_idx ON raffle_schema.raffle_winners USING btree (draw_id, draw_position) WHERE (status = 'ALTERNATE'::text);

CREATE UNIQUE INDEX raffle_winners_held_prize_unit_idx ON raffle_schema.raffle_winners USING btree (prize_id, unit_number) WHERE (status <> ALL (ARRAY['FORFEITED'::text, 'DISQUALIFIED'::text]));

CREATE UNIQUE INDEX raffle_winners_once_draw_id_user_id_idx ON raffle_schema.raffle_winners USING btree (draw_id, user_id) WHERE (NOT allows_multiple_wins);

CREATE INDEX raffle_winners_prize_id_idx ON raffle_schema.raffle_winners USING btree (prize_id, raffle_id);

CREATE INDEX raffle_winners_raffle_id_idx ON raffle_schema.raffle_winners USING btree (raffle_id, allows_multiple_wins);

CREATE INDEX raffle_winners_status_id_idx ON raffle_schema.raffle_winners USING btree (status, id);

CREATE INDEX raffle_winners_ticket_id_idx ON raffle_schema.raffle_winners USING btree (ticket_id);

CREATE INDEX raffle_winners_unclaimed_claim_deadline_idx ON raffle_schema.raffle_winners USING btree (claim_deadline) WHERE (status = ANY (ARRAY['SELECTED'::text, 'NOTIFIED'::text]));

CREATE INDEX raffle_winners_untold_idx ON raffle_schema.raffle_winners USING btree (draw_id, draw_position) WHERE (status = 'SELECTED'::text);

CREATE INDEX raffle_winners_user_id_idx ON raffle_schema.raffle_winners USING btree (user_id);

CREATE TRIGGER raffle_winners_follow_insert AFTER INSERT ON raffle_schema.raffle_winners REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.follow_winners();

CREATE TRIGGER raffle_winners_follow_update AFTER UPDATE ON raffle_schema.raffle_winners REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.follow_winners();

CREATE TRIGGER raffle_winners_guard BEFORE INSERT OR UPDATE ON raffle_schema.raffle_winners FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_raffle_winner();

CREATE TRIGGER raffle_winners_pass_on AFTER UPDATE ON raffle_schema.raffle_winners REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.pass_prizes_on();

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
    min_age smallint,
    min_tickets_per_user integer,
    excludes_employees boolean DEFAULT true NOT NULL,
    requires_active_account boolean DEFAULT true NOT NULL,
    takes_choices boolean DEFAULT true NOT NULL,
    free_entries_per_day smallint DEFAULT 1 NOT NULL,
    opens_by_itself boolean DEFAULT false NOT NULL,
    withdrawn_at timestamp with time zone,
    source_weights jsonb,
    CONSTRAINT raffles_alternate_count_check CHECK (alternate_count >= 0 AND alternate_count <= 1000),
    CONSTRAINT raffles_cancellation_check CHECK ((status = 'CANCELLED'::text) = (cancellation_reason IS NOT NULL) AND (cancellation_reason IS NULL OR length(btrim(cancellation_reason)) >= 1 AND length(btrim(cancellation_reason)) <= 1000)),
    CONSTRAINT raffles_claim_days_check CHECK (claim_days >= 1 AND claim_days <= 365),
    CONSTRAINT raffles_created_by_check CHECK (length(created_by) <= 128),
    CONSTRAINT raffles_dates_check CHECK (opens_at < closes_at AND closes_at <= draw_at),
    CONSTRAINT raffles_description_check CHECK (length(description) <= 4000),
    CONSTRAINT raffles_finite_dates_check CHECK (isfinite(opens_at) AND isfinite(closes_at) AND isfinite(draw_at)),
    CONSTRAINT raffles_free_entries_per_day_check CHECK (free_entries_per_day >= 0 AND free_entries_per_day <= 10),
    CONSTRAINT raffles_id_allows_multiple_wins_key UNIQUE (id, allows_multiple_wins),
    CONSTRAINT raffles_max_tickets_per_user_check CHECK (max_tickets_per_user >= 1 AND max_tickets_per_user <= 1000000),
    CONSTRAINT raffles_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT raffles_min_age_check CHECK (min_age >= 12 AND min_age <= 99),
    CONSTRAINT raffles_min_tickets_per_user_check CHECK (min_tickets_per_user >= 1 AND min_tickets_per_user <= COALESCE(max_tickets_per_user, 1000000)),
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
    CONSTRAINT raffles_source_weights_check CHECK (source_weights IS NULL OR selection_algorithm = 'WEIGHTED'::text AND raffle_schema.are_source_weights(source_weights)),
    CONSTRAINT raffles_state_times_check CHECK ((status <> 'CLOSED'::text OR closed_at IS NOT NULL) AND (status <> 'DRAWING'::text OR num_nulls(closed_at, drawing_at) = 0) AND (status <> 'COMPLETED'::text OR num_nulls(closed_at, drawing_at) = 0) AND (status = 'COMPLETED'::text) = (completed_at IS NOT NULL) AND (status = 'CANCELLED'::text) = (cancelled_at IS NOT NULL)),
    CONSTRAINT raffles_status_check CHECK (status = ANY (ARRAY['DRAFT'::text, 'OPEN'::text, 'CLOSED'::text, 'DRAWING'::text, 'COMPLETED'::text, 'CANCELLED'::text])),
    CONSTRAINT raffles_terms_sha256_check CHECK (octet_length(terms_sha256) = 32),
    CONSTRAINT raffles_terms_url_check CHECK (terms_url ~ '^https?://[^[:space:]]+$'::text AND length(terms_url) <= 2000),
    CONSTRAINT raffles_terms_url_https_check CHECK (terms_url ~~ 'https://%'::text),
    CONSTRAINT raffles_terms_version_check CHECK (length(btrim(terms_version)) >= 1 AND length(btrim(terms_version)) <= 50),
    CONSTRAINT raffles_time_zone_check CHECK (time_zone ~ '^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_-]+){1,2})$'::text AND length(time_zone) <= 64 AND ('2000-01-01 00:00:00'::timestamp without time zone AT TIME ZONE time_zone) IS NOT NULL),
    CONSTRAINT raffles_withdrawn_at_check CHECK (withdrawn_at IS NULL OR status = 'CANCELLED'::text)
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
COMMENT ON COLUMN raffle_schema.raffles.min_age IS 'Years that a participant has to confirm before the close; whoever has not is left out at the freeze. NULL: none.';
GRANT INSERT (min_age), UPDATE (min_age) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (min_age) ON TABLE raffle_schema.raffles TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffles.min_tickets_per_user IS 'Whoever has fewer tickets at the freeze is left out. NULL: one is enough.';
GRANT INSERT (min_tickets_per_user), UPDATE (min_tickets_per_user) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (min_tickets_per_user) ON TABLE raffle_schema.raffles TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffles.excludes_employees IS 'Whether employees of the chain, and whoever runs its raffles, are kept out.';
GRANT INSERT (excludes_employees), UPDATE (excludes_employees) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (excludes_employees) ON TABLE raffle_schema.raffles TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffles.requires_active_account IS 'Whether who has been deactivated is left out at the freeze.';
GRANT INSERT (requires_active_account), UPDATE (requires_active_account) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (requires_active_account) ON TABLE raffle_schema.raffles TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffles.takes_choices IS 'Whether holders may choose it for tickets that wait.';
GRANT INSERT (takes_choices), UPDATE (takes_choices) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (takes_choices) ON TABLE raffle_schema.raffles TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffles.free_entries_per_day IS 'Tickets that one person gets a day without buying anything; 0: none.';
GRANT INSERT (free_entries_per_day), UPDATE (free_entries_per_day) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (free_entries_per_day) ON TABLE raffle_schema.raffles TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffles.opens_by_itself IS 'Whether the job publishes it when opens_at is near.';
GRANT INSERT (opens_by_itself), UPDATE (opens_by_itself) ON TABLE raffle_schema.raffles TO raffle_app;
GRANT SELECT (opens_by_itself) ON TABLE raffle_schema.raffles TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffles.withdrawn_at IS 'When the last ticket of the cancelled raffle had been given back to its holder.';
GRANT SELECT (withdrawn_at) ON TABLE raffle_schema.raffles TO raffle_ro;
COMMENT ON COLUMN raffle_schema.raffles.source_weights IS 'How much a ticket weighs in a WEIGHTED draw, by where it came from; NULL: each ticket 1.';
GRANT INSERT (source_weights), UPDATE (source_weights) ON TABLE raffle_schema.raffles TO raffle_app;

CREATE INDEX raffles_cancelled_unwithdrawn_idx ON raffle_schema.raffles USING btree (cancelled_at) WHERE ((status = 'CANCELLED'::text) AND (withdrawn_at IS NULL));

CREATE INDEX raffles_created_at_idx ON raffle_schema.raffles USING btree (created_at DESC, id DESC);

CREATE INDEX raffles_open_closes_at_idx ON raffle_schema.raffles USING btree (closes_at) WHERE (status = 'OPEN'::text);

CREATE INDEX raffles_planned_opens_at_idx ON raffle_schema.raffles USING btree (opens_at) WHERE ((status = 'DRAFT'::text) AND opens_by_itself);

CREATE INDEX raffles_undrawn_draw_at_idx ON raffle_schema.raffles USING btree (draw_at) WHERE (status = ANY (ARRAY['CLOSED'::text, 'DRAWING'::text]));

CREATE TRIGGER raffles_audit_delete AFTER DELETE ON raffle_schema.raffles REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_raffles();

CREATE TRIGGER raffles_audit_insert AFTER INSERT ON raffle_schema.raffles REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_raffles();

CREATE TRIGGER raffles_audit_update AFTER UPDATE ON raffle_schema.raffles REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_raffles();

CREATE TRIGGER raffles_guard BEFORE INSERT OR DELETE OR UPDATE ON raffle_schema.raffles FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_raffle();

CREATE TRIGGER raffles_guard_cancellation BEFORE UPDATE ON raffle_schema.raffles FOR EACH ROW WHEN (new.status = 'CANCELLED'::text AND old.status <> 'CANCELLED'::text) EXECUTE FUNCTION raffle_schema.guard_cancellation();

CREATE TRIGGER raffles_guard_prizes_fit BEFORE UPDATE ON raffle_schema.raffles FOR EACH ROW WHEN (new.status = 'OPEN'::text AND old.status = 'DRAFT'::text) EXECUTE FUNCTION raffle_schema.guard_prizes_fit();

CREATE TRIGGER raffles_guard_source_weights BEFORE UPDATE ON raffle_schema.raffles FOR EACH ROW WHEN (old.status <> 'DRAFT'::text AND old.source_weights IS DISTINCT FROM new.source_weights) EXECUTE FUNCTION raffle_schema.guard_source_weights();

CREATE TRIGGER raffles_make_owner_keys AFTER INSERT ON raffle_schema.raffles REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.make_owner_keys();

CREATE TRIGGER raffles_set_updated_at BEFORE UPDATE ON raffle_schema.raffles FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.rate_limits (
    limit_name text NOT NULL,
    subject bytea NOT NULL,
    window_s integer NOT NULL,
    window_start timestamp with time zone NOT NULL,
    request_count integer DEFAULT 1 NOT NULL,
    max_requests integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT rate_limits_limit_name_check CHECK (limit_name ~ '^[a-z][a-z0-9_.]{1,49}$'::text),
    CONSTRAINT rate_limits_pk PRIMARY KEY (limit_name, subject, window_s, window_start),
    CONSTRAINT rate_limits_request_count_check CHECK (request_count >= 1 AND request_count <= max_requests),
    CONSTRAINT rate_limits_subject_check CHECK (octet_length(subject) = 32),
    CONSTRAINT rate_limits_window_s_check CHECK (window_s >= 1 AND window_s <= 86400),
    CONSTRAINT rate_limits_window_start_check CHECK (mod(EXTRACT(epoch FROM window_start), window_s::numeric) = 0::numeric)
);
COMMENT ON TABLE raffle_schema.rate_limits IS 'How often something was done in a window of time, for a limit and a subject. All limits of a request are taken by one statement, in the order of the key, so that requests cannot deadlock; a full one is not updated, and the transaction that wanted it rolls back. Deleted a day after the window.';
GRANT SELECT ON TABLE raffle_schema.rate_limits TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.rate_limits TO raffle_ro;
GRANT INSERT (limit_name) ON TABLE raffle_schema.rate_limits TO raffle_app;
COMMENT ON COLUMN raffle_schema.rate_limits.subject IS 'Personal data: SHA-256 of the phone number, address or user that the limit is about.';
GRANT INSERT (subject) ON TABLE raffle_schema.rate_limits TO raffle_app;
GRANT INSERT (window_s) ON TABLE raffle_schema.rate_limits TO raffle_app;
COMMENT ON COLUMN raffle_schema.rate_limits.window_start IS 'A whole multiple of window_s since 1970, so that every process names the same window.';
GRANT INSERT (window_start) ON TABLE raffle_schema.rate_limits TO raffle_app;
GRANT INSERT (request_count), UPDATE (request_count) ON TABLE raffle_schema.rate_limits TO raffle_app;
COMMENT ON COLUMN raffle_schema.rate_limits.max_requests IS 'The limit in force when the window was opened.';
GRANT INSERT (max_requests) ON TABLE raffle_schema.rate_limits TO raffle_app;

CREATE INDEX rate_limits_window_start_idx ON raffle_schema.rate_limits USING btree (window_start);

CREATE TRIGGER rate_limits_set_updated_at BEFORE UPDATE ON raffle_schema.rate_limits FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.refused_tickets (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    raffle_code text NOT NULL,
    issuance_id uuid NOT NULL,
    user_id uuid NOT NULL,
    reason text NOT NULL,
    ticket_numbers text[] NOT NULL,
    entered_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT refused_tickets_pk PRIMARY KEY (id),
    CONSTRAINT refused_tickets_reason_check CHECK (reason = ANY (ARRAY['NOT_OPEN'::text, 'EXCLUDED_PERSON'::text, 'OVER_LIMIT'::text, 'ELSEWHERE'::text, 'RAFFLE_CANCELLED'::text])),
    CONSTRAINT refused_tickets_ticket_numbers_check CHECK (cardinality(ticket_numbers) >= 1 AND cardinality(ticket_numbers) <= 10000)
);
COMMENT ON TABLE raffle_schema.refused_tickets IS 'Tickets that a raffle did not take or gave back, and why. Each is told to the redemption service by event in the same transaction, where its holder may choose again.';
GRANT SELECT ON TABLE raffle_schema.refused_tickets TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.refused_tickets TO raffle_ro;
COMMENT ON COLUMN raffle_schema.refused_tickets.user_id IS 'Personal data: public id of the holder.';

CREATE INDEX refused_tickets_raffle_code_idx ON raffle_schema.refused_tickets USING btree (raffle_code, id DESC);

CREATE INDEX refused_tickets_user_id_idx ON raffle_schema.refused_tickets USING btree (user_id, id DESC);

CREATE TRIGGER refused_tickets_tell AFTER INSERT ON raffle_schema.refused_tickets REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.tell_refused_tickets();

CREATE TABLE raffle_schema.revoked_tickets (
    ticket_number text NOT NULL,
    revoked_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT revoked_tickets_pk PRIMARY KEY (ticket_number),
    CONSTRAINT revoked_tickets_ticket_number_check CHECK (raffle_schema.is_ticket_number(ticket_number))
);
COMMENT ON TABLE raffle_schema.revoked_tickets IS 'Tickets that were taken back, which is for good: a message of before that comes late, or again, does not enter them.';
GRANT SELECT ON TABLE raffle_schema.revoked_tickets TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.revoked_tickets TO raffle_ro;

CREATE TABLE raffle_schema.winner_disqualifications (
    winner_id bigint NOT NULL,
    document bytea NOT NULL,
    signature bytea NOT NULL,
    decided_by text DEFAULT COALESCE(raffle_schema.request_context('actor'::text), ('role:'::text || (SESSION_USER)::text)) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT winner_disqualifications_document_check CHECK (octet_length(document) >= 1 AND octet_length(document) <= 4096),
    CONSTRAINT winner_disqualifications_pk PRIMARY KEY (winner_id),
    CONSTRAINT winner_disqualifications_signature_check CHECK (octet_length(signature) = 64)
);
COMMENT ON TABLE raffle_schema.winner_disqualifications IS 'The signed and published statement that a winner or alternate was disqualified, and why. Append-only.';
GRANT SELECT ON TABLE raffle_schema.winner_disqualifications TO raffle_app;
GRANT SELECT ON TABLE raffle_schema.winner_disqualifications TO raffle_ro;
GRANT INSERT (winner_id) ON TABLE raffle_schema.winner_disqualifications TO raffle_app;
GRANT INSERT (document) ON TABLE raffle_schema.winner_disqualifications TO raffle_app;
GRANT INSERT (signature) ON TABLE raffle_schema.winner_disqualifications TO raffle_app;
COMMENT ON COLUMN raffle_schema.winner_disqualifications.decided_by IS 'Personal data: who decided, a public id.';

CREATE TRIGGER winner_disqualifications_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON raffle_schema.winner_disqualifications FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

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

ALTER TABLE raffle_schema.age_confirmations ADD CONSTRAINT age_confirmations_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.draw_consulted_leaves ADD CONSTRAINT draw_consulted_leaves_draw_number_fk FOREIGN KEY (draw_number) REFERENCES raffle_schema.raffle_draws(chain_number) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.draw_exclusions ADD CONSTRAINT draw_exclusions_draw_number_fk FOREIGN KEY (draw_number) REFERENCES raffle_schema.raffle_draws(chain_number) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE raffle_schema.draw_exclusions ADD CONSTRAINT draw_exclusions_entry_id_fk FOREIGN KEY (entry_id) REFERENCES raffle_schema.raffle_entries(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.draw_leaf_pages ADD CONSTRAINT draw_leaf_pages_draw_number_fk FOREIGN KEY (draw_number) REFERENCES raffle_schema.raffle_draws(chain_number) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE raffle_schema.draw_positions ADD CONSTRAINT draw_positions_draw_number_fk FOREIGN KEY (draw_number) REFERENCES raffle_schema.raffle_draws(chain_number) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.draw_tiles ADD CONSTRAINT draw_tiles_draw_number_fk FOREIGN KEY (draw_number) REFERENCES raffle_schema.raffle_draws(chain_number) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE raffle_schema.draw_timestamps ADD CONSTRAINT draw_timestamps_draw_id_fk FOREIGN KEY (draw_id) REFERENCES raffle_schema.raffle_draws(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.draw_witness_signatures ADD CONSTRAINT draw_witness_signatures_draw_id_fk FOREIGN KEY (draw_id) REFERENCES raffle_schema.raffle_draws(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.excluded_persons ADD CONSTRAINT excluded_persons_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE CASCADE;

ALTER TABLE raffle_schema.prize_claims ADD CONSTRAINT prize_claims_winner_id_fk FOREIGN KEY (winner_id) REFERENCES raffle_schema.raffle_winners(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.prize_delivery_steps ADD CONSTRAINT prize_delivery_steps_winner_id_fk FOREIGN KEY (winner_id) REFERENCES raffle_schema.raffle_winners(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_counters ADD CONSTRAINT raffle_counters_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_draws ADD CONSTRAINT raffle_draws_previous_fk FOREIGN KEY (previous_chain_number, previous_manifest_sha256) REFERENCES raffle_schema.raffle_draws(chain_number, manifest_sha256) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_draws ADD CONSTRAINT raffle_draws_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_entries ADD CONSTRAINT raffle_entries_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_owner_keys ADD CONSTRAINT raffle_owner_keys_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE CASCADE;

ALTER TABLE raffle_schema.raffle_participants ADD CONSTRAINT raffle_participants_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_prizes ADD CONSTRAINT raffle_prizes_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_terms ADD CONSTRAINT raffle_terms_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE CASCADE;

ALTER TABLE raffle_schema.raffle_tickets ADD CONSTRAINT raffle_tickets_entry_fk FOREIGN KEY (entry_id, raffle_id, user_id) REFERENCES raffle_schema.raffle_entries(id, raffle_id, user_id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_tickets ADD CONSTRAINT raffle_tickets_raffle_id_fk FOREIGN KEY (raffle_id) REFERENCES raffle_schema.raffles(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_winners ADD CONSTRAINT raffle_winners_draw_id_fk FOREIGN KEY (draw_id) REFERENCES raffle_schema.raffle_draws(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_winners ADD CONSTRAINT raffle_winners_prize_fk FOREIGN KEY (prize_id, raffle_id) REFERENCES raffle_schema.raffle_prizes(id, raffle_id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_winners ADD CONSTRAINT raffle_winners_raffle_fk FOREIGN KEY (raffle_id, allows_multiple_wins) REFERENCES raffle_schema.raffles(id, allows_multiple_wins) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.raffle_winners ADD CONSTRAINT raffle_winners_ticket_id_fk FOREIGN KEY (ticket_id) REFERENCES raffle_schema.raffle_tickets(id) ON DELETE RESTRICT;

ALTER TABLE raffle_schema.winner_disqualifications ADD CONSTRAINT winner_disqualifications_winner_id_fk FOREIGN KEY (winner_id) REFERENCES raffle_schema.raffle_winners(id) ON DELETE RESTRICT;

RESET ROLE;
