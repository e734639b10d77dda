-- The schema redemption_schema, as `vuelo dump` writes it. Change the migrations, not this file.
SET check_function_bodies = off;
SET search_path = pg_catalog;
CREATE SCHEMA redemption_schema AUTHORIZATION redemption_owner;
SET ROLE redemption_owner;
GRANT USAGE ON SCHEMA redemption_schema TO redemption_app;
GRANT USAGE ON SCHEMA redemption_schema TO redemption_ro;

CREATE SEQUENCE redemption_schema.transaction_reference_seq;
COMMENT ON SEQUENCE redemption_schema.transaction_reference_seq IS 'The number within a transaction reference.';
GRANT USAGE ON SEQUENCE redemption_schema.transaction_reference_seq TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.book_points()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NEW.redemption_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM redemption_schema.redemptions AS r WHERE r.id = NEW.redemption_id AND r.user_id = NEW.user_id
    ) THEN
        RAISE EXCEPTION 'the points belong to no redemption of this user'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'points_ledger_redemption_id_fk';
    END IF;
    -- The upsert locks the account, so entries of one account follow each other. Row by row, because each entry
    -- carries the balance after it. A batch over several accounts should be in the order of user_id, or two of them
    -- may deadlock.
    INSERT INTO redemption_schema.points_accounts AS a (user_id, balance, entry_count)
    VALUES (NEW.user_id, NEW.points, 1)
        ON CONFLICT (user_id) DO UPDATE
       SET balance = a.balance + NEW.points, entry_count = a.entry_count + 1
    RETURNING a.balance, a.entry_count INTO NEW.balance_after, NEW.entry_number;
    -- The unique key alone would not do: under ON CONFLICT DO NOTHING the entry would be skipped and the account not.
    IF EXISTS (
        SELECT FROM redemption_schema.points_ledger AS l
         WHERE l.user_id = NEW.user_id AND l.entry_type = NEW.entry_type AND l.source_reference = NEW.source_reference
    ) THEN
        RAISE EXCEPTION 'points of % % are booked already', NEW.entry_type, NEW.source_reference
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'points_ledger_user_id_entry_type_source_reference_key';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.book_points() IS 'Gives a ledger entry its number and its balance, under the account''s lock; its redemption is one of the owner.';
REVOKE EXECUTE ON FUNCTION redemption_schema.book_points() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.ensure_all_month_partitions(p_months_ahead integer DEFAULT 3)
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
         WHERE c.relnamespace = 'redemption_schema'::regnamespace
         ORDER BY c.relname
    LOOP
        v_made := v_made + redemption_schema.ensure_month_partitions(
            v_table, v_today, (v_today + make_interval(months => p_months_ahead + 1))::date);
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION redemption_schema.ensure_all_month_partitions(p_months_ahead integer) IS 'Makes this month''s partitions and those of the months ahead for every partitioned table of the schema; run at each start.';
REVOKE EXECUTE ON FUNCTION redemption_schema.ensure_all_month_partitions(p_months_ahead integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.ensure_all_month_partitions(p_months_ahead integer) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.ensure_month_partitions(p_table text, p_from date, p_until date)
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
    PERFORM pg_advisory_xact_lock(hashtextextended('redemption_schema.' || p_table, 0));
    WHILE v_month < p_until LOOP
        v_next := (v_month + interval '1 month')::date;
        v_partition := p_table || to_char(v_month, '"_"YYYY"_"MM');
        IF to_regclass(format('redemption_schema.%I', v_partition)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE redemption_schema.%I (LIKE redemption_schema.%I INCLUDING ALL EXCLUDING IDENTITY)',
                v_partition, p_table);
            EXECUTE format(
                'ALTER TABLE redemption_schema.%I ATTACH PARTITION redemption_schema.%I FOR VALUES FROM (%L) TO (%L)',
                p_table, v_partition,
                to_char(v_month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(v_next, 'YYYY-MM-DD') || ' 00:00:00+00');
            v_made := v_made + 1;
        END IF;
        v_month := v_next;
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION redemption_schema.ensure_month_partitions(p_table text, p_from date, p_until date) IS 'Makes the missing partitions (UTC months) of one table for [from, until); returns how many it made.';
REVOKE EXECUTE ON FUNCTION redemption_schema.ensure_month_partitions(p_table text, p_from date, p_until date) FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.follow_redemptions()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_cancelled bigint[];
BEGIN
    INSERT INTO redemption_schema.redemption_audit_log
           (event_type, transaction_reference, old_status, new_status, details)
    SELECT 'REDEMPTION_' || n.status, n.transaction_reference, o.status, n.status,
           jsonb_strip_nulls(jsonb_build_object(
               'failure_code', n.failure_code, 'cancellation_reason', n.cancellation_reason))
      FROM new_rows AS n
      JOIN old_rows AS o ON o.id = n.id
     WHERE o.status <> n.status;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    IF EXISTS (
        SELECT
          FROM (SELECT array_agg(n.transaction_reference) AS transaction_references, array_agg(n.user_id) AS user_ids,
                       array_agg(n.tickets_earned) AS ticket_counts, array_agg(n.raffle_code) AS raffle_codes,
                       array_agg(n.tickets_expire_at) AS expires_at
                  FROM new_rows AS n
                  JOIN old_rows AS o ON o.id = n.id
                 WHERE n.status = 'COMPLETED' AND o.status <> 'COMPLETED' AND n.tickets_earned > 0
                HAVING count(*) > 0) AS completed
         CROSS JOIN LATERAL redemption_schema.issue_tickets(
                   'COUPON_REDEMPTION', completed.transaction_references, completed.user_ids, completed.ticket_counts,
                   p_raffle_codes => completed.raffle_codes, p_expires_at => completed.expires_at) AS issued
         WHERE issued.outcome <> 'ISSUED'
    ) THEN
        RAISE EXCEPTION 'tickets of a redemption were issued before its completion' USING ERRCODE = 'unique_violation';
    END IF;

    -- The ids go through an array, whose size the planner sees; a join of both transition tables with the tickets is
    -- estimated at one row, and then planned as a walk through all tickets for each redemption.
    SELECT array_agg(n.id) INTO v_cancelled
      FROM new_rows AS n
      JOIN old_rows AS o ON o.id = n.id
     WHERE (o.status, n.status) = ('COMPLETED', 'CANCELLED');
    IF v_cancelled IS NOT NULL THEN
        -- A ticket whose draw has been held stays; the raffle's own rules deal with a winner.
        UPDATE redemption_schema.raffle_tickets AS t
           SET status = 'CANCELLED'
         WHERE t.redemption_id IN (SELECT unnest(v_cancelled))
           AND t.status IN ('ACTIVE', 'ENTERED');
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.follow_redemptions() IS 'What follows from a change of status, for all rows of the statement at once: audit, tickets made, tickets taken back.';
REVOKE EXECUTE ON FUNCTION redemption_schema.follow_redemptions() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.guard_qr_validation()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'GENERATED' THEN
            RAISE EXCEPTION 'a pump code begins as GENERATED, not as %', NEW.status USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.scanned_by IS NOT NULL AND NEW.scanned_by IS DISTINCT FROM OLD.scanned_by THEN
        RAISE EXCEPTION 'the pump code was scanned by another driver' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = NEW.status THEN
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('GENERATED', 'SCANNED'), ('SCANNED', 'ACTIVATED'), ('ACTIVATED', 'COMPLETED'),
        ('GENERATED', 'EXPIRED'), ('SCANNED', 'EXPIRED'), ('ACTIVATED', 'EXPIRED')) THEN
        RAISE EXCEPTION 'a pump code cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    -- A code that was activated in time may still complete: the driver has done his part.
    IF NEW.status IN ('SCANNED', 'ACTIVATED') AND OLD.expires_at <= now() THEN
        RAISE EXCEPTION 'the pump code expired' USING ERRCODE = 'check_violation';
    END IF;
    CASE NEW.status
        WHEN 'SCANNED' THEN NEW.scanned_at := now();
        WHEN 'ACTIVATED' THEN NEW.activated_at := now();
        WHEN 'COMPLETED' THEN NEW.completed_at := now();
        ELSE NULL;
    END CASE;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.guard_qr_validation() IS 'The allowed transitions of a pump code: one driver, one time, before it expires.';
REVOKE EXECUTE ON FUNCTION redemption_schema.guard_qr_validation() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.guard_raffle_ticket()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF OLD.raffle_code IS NOT NULL AND NEW.raffle_code IS NOT NULL AND OLD.raffle_code <> NEW.raffle_code THEN
        RAISE EXCEPTION 'ticket % is in raffle % already', OLD.ticket_number, OLD.raffle_code
            USING ERRCODE = 'restrict_violation';
    END IF;
    -- ENTERED to ACTIVE: the raffle was cancelled or would not take the ticket, so its holder chooses again.
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('ACTIVE', 'ENTERED'), ('ACTIVE', 'EXPIRED'), ('ACTIVE', 'CANCELLED'),
        ('ENTERED', 'ACTIVE'), ('ENTERED', 'USED'), ('ENTERED', 'CANCELLED')) THEN
        RAISE EXCEPTION 'ticket % cannot go from % to %', OLD.ticket_number, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status = 'ACTIVE' AND NEW.status = 'ENTERED' AND OLD.expires_at <= now() THEN
        RAISE EXCEPTION 'ticket % expired', OLD.ticket_number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.guard_raffle_ticket() IS 'The allowed transitions of a ticket: to one raffle at most, none after its expiry, none back from a draw.';
REVOKE EXECUTE ON FUNCTION redemption_schema.guard_raffle_ticket() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.guard_redemption()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'PENDING' THEN
            RAISE EXCEPTION 'a redemption begins as PENDING, not as %', NEW.status USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.status IN ('COMPLETED', 'FAILED', 'CANCELLED')
       AND (OLD.original_amount, OLD.discount_amount, OLD.final_amount, OLD.currency, OLD.tickets_earned,
            OLD.raffle_code, OLD.fuel_type, OLD.fuel_litres, OLD.price_per_litre, OLD.completed_at)
           IS DISTINCT FROM
           (NEW.original_amount, NEW.discount_amount, NEW.final_amount, NEW.currency, NEW.tickets_earned,
            NEW.raffle_code, NEW.fuel_type, NEW.fuel_litres, NEW.price_per_litre, NEW.completed_at) THEN
        RAISE EXCEPTION 'redemption % is %: its facts do not change any more', OLD.transaction_reference, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = NEW.status THEN
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('PENDING', 'IN_PROGRESS'), ('PENDING', 'COMPLETED'), ('PENDING', 'FAILED'), ('PENDING', 'CANCELLED'),
        ('IN_PROGRESS', 'COMPLETED'), ('IN_PROGRESS', 'FAILED'), ('IN_PROGRESS', 'CANCELLED'),
        ('COMPLETED', 'CANCELLED')) THEN
        RAISE EXCEPTION 'redemption % cannot go from % to %', OLD.transaction_reference, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    CASE NEW.status
        WHEN 'IN_PROGRESS' THEN NEW.started_at := coalesce(NEW.started_at, now());
        WHEN 'COMPLETED' THEN NEW.completed_at := coalesce(NEW.completed_at, now());
        WHEN 'FAILED' THEN NEW.failed_at := coalesce(NEW.failed_at, now());
        WHEN 'CANCELLED' THEN NEW.cancelled_at := coalesce(NEW.cancelled_at, now());
    END CASE;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.guard_redemption() IS 'The allowed transitions of a redemption, their times, and that a finished redemption keeps its facts.';
REVOKE EXECUTE ON FUNCTION redemption_schema.guard_redemption() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.is_ticket_number(p_number text)
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
COMMENT ON FUNCTION redemption_schema.is_ticket_number(p_number text) IS 'Has the shape and the check character of a ticket number (the rule stands at ticket_number); says nothing of existence.';
REVOKE EXECUTE ON FUNCTION redemption_schema.is_ticket_number(p_number text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.is_ticket_number(p_number text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.issuance_id_of(p_seed uuid)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
    SELECT encode(set_byte(set_byte(h, 6, (get_byte(h, 6) & 15) | 128), 8, (get_byte(h, 8) & 63) | 128), 'hex')::uuid
      FROM substr(sha256('issuance'::bytea || uuid_send(p_seed)), 1, 16) AS h
$function$;
COMMENT ON FUNCTION redemption_schema.issuance_id_of(p_seed uuid) IS 'The public id of an issuance: a uuid of version 8, made of SHA-256("issuance" || seed); nobody gets the seed back from it.';
REVOKE EXECUTE ON FUNCTION redemption_schema.issuance_id_of(p_seed uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.issue_tickets(p_source text, p_source_references text[], p_user_ids uuid[], p_ticket_counts integer[], p_raffle_codes text[] DEFAULT NULL::text[], p_transaction_references text[] DEFAULT NULL::text[], p_expires_at timestamp with time zone[] DEFAULT NULL::timestamp with time zone[], p_seeds uuid[] DEFAULT NULL::uuid[])
 RETURNS TABLE(source_reference text, issuance_id uuid, ticket_count integer, outcome text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    v_size CONSTANT integer := cardinality(p_source_references);
    -- A redemption's tickets name their redemption twice, so that one rule serves both.
    v_transaction_references CONSTANT text[] :=
        CASE p_source WHEN 'COUPON_REDEMPTION' THEN p_source_references ELSE p_transaction_references END;
    v_new uuid[];
BEGIN
    IF num_nulls(p_source, p_source_references, p_user_ids, p_ticket_counts) > 0
       OR v_size <> cardinality(p_user_ids)
       OR v_size <> cardinality(p_ticket_counts)
       OR v_size <> coalesce(cardinality(p_raffle_codes), v_size)
       OR v_size <> coalesce(cardinality(v_transaction_references), v_size)
       OR v_size <> coalesce(cardinality(p_expires_at), v_size)
       OR v_size <> coalesce(cardinality(p_seeds), v_size) THEN
        RAISE EXCEPTION 'issue_tickets takes arrays of one length' USING ERRCODE = 'array_subscript_error';
    END IF;
    -- Who chooses the seed knows the numbers beforehand. Inside a SECURITY DEFINER function current_user is the owner.
    IF p_seeds IS NOT NULL AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
        RAISE EXCEPTION 'only the owner chooses seeds' USING ERRCODE = 'insufficient_privilege';
    END IF;

    WITH asked AS (
        SELECT a.source_reference, a.user_id, a.ticket_count, a.raffle_code, a.transaction_reference,
               coalesce(a.expires_at, now() + interval '90 days') AS expires_at, a.seed
          FROM unnest(p_source_references, p_user_ids, p_ticket_counts, p_raffle_codes, v_transaction_references,
                      p_expires_at, p_seeds)
            AS a (source_reference, user_id, ticket_count, raffle_code, transaction_reference, expires_at, seed)
    ), redemption AS (
        -- Locked, so that a cancellation at the same time either comes first and is seen, or takes these tickets back
        -- too.
        SELECT r.id, r.transaction_reference, r.user_id, r.tickets_earned, r.ticket_seed
          FROM redemption_schema.redemptions AS r
         WHERE r.transaction_reference = ANY (v_transaction_references)
           AND r.status = 'COMPLETED'
         ORDER BY r.id
           FOR SHARE
    ), allowed AS (
        SELECT a.source_reference, a.user_id, a.ticket_count, a.raffle_code, a.expires_at, r.id AS redemption_id,
               coalesce(CASE p_source WHEN 'COUPON_REDEMPTION' THEN r.ticket_seed ELSE a.seed END, gen_random_uuid())
                   AS seed
          FROM asked AS a
          LEFT JOIN redemption AS r ON r.transaction_reference = a.transaction_reference AND r.user_id = a.user_id
         WHERE CASE WHEN p_source = 'COUPON_REDEMPTION' THEN r.tickets_earned = a.ticket_count
                    WHEN a.transaction_reference IS NOT NULL THEN r.id IS NOT NULL
                    ELSE true END
    ), issued AS (
        INSERT INTO redemption_schema.ticket_issuances
               (seed, source, source_reference, user_id, redemption_id, ticket_count, raffle_code, expires_at)
        SELECT seed, p_source, source_reference, user_id, redemption_id, ticket_count, raffle_code, expires_at
          FROM allowed
         ORDER BY source_reference  -- one lock order, or two batches with the same references deadlock
            ON CONFLICT (source, source_reference) DO NOTHING
        RETURNING issuance_id, seed, source, user_id, redemption_id, ticket_count, raffle_code, expires_at
    ), made AS (
        INSERT INTO redemption_schema.raffle_tickets
               (ticket_number, issuance_id, ordinal, user_id, source, redemption_id, raffle_code, status, expires_at)
        SELECT redemption_schema.ticket_number(i.seed, n), i.issuance_id, n, i.user_id, i.source, i.redemption_id,
               i.raffle_code, CASE WHEN i.raffle_code IS NULL THEN 'ACTIVE' ELSE 'ENTERED' END, i.expires_at
          FROM issued AS i
         CROSS JOIN LATERAL generate_series(1, i.ticket_count) AS n
    )
    SELECT coalesce(array_agg(i.issuance_id), '{}') INTO v_new FROM issued AS i;

    RETURN QUERY
    SELECT a.source_reference, i.issuance_id, i.ticket_count,
           CASE WHEN i.issuance_id IS NULL THEN 'REFUSED'
                WHEN n.issuance_id IS NULL THEN 'ALREADY_ISSUED'
                ELSE 'ISSUED' END
      FROM unnest(p_source_references, p_user_ids, p_ticket_counts) AS a (source_reference, user_id, ticket_count)
      LEFT JOIN redemption_schema.ticket_issuances AS i
             ON i.source = p_source AND i.source_reference = a.source_reference
            AND i.user_id = a.user_id AND i.ticket_count = a.ticket_count
      LEFT JOIN unnest(v_new) AS n (issuance_id) ON n.issuance_id = i.issuance_id;
END
$function$;
COMMENT ON FUNCTION redemption_schema.issue_tickets(p_source text, p_source_references text[], p_user_ids uuid[], p_ticket_counts integer[], p_raffle_codes text[], p_transaction_references text[], p_expires_at timestamp with time zone[], p_seeds uuid[]) IS 'The only maker of tickets: one issuance and its tickets for each source reference, one time for ever. Outcome ISSUED;
ALREADY_ISSUED for a repeated call, which changes nothing; REFUSED when the reference was issued to another user or in
another number, or when the redemption it belongs to is not a COMPLETED one of this user.';
REVOKE EXECUTE ON FUNCTION redemption_schema.issue_tickets(p_source text, p_source_references text[], p_user_ids uuid[], p_ticket_counts integer[], p_raffle_codes text[], p_transaction_references text[], p_expires_at timestamp with time zone[], p_seeds uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.issue_tickets(p_source text, p_source_references text[], p_user_ids uuid[], p_ticket_counts integer[], p_raffle_codes text[], p_transaction_references text[], p_expires_at timestamp with time zone[], p_seeds uuid[]) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.next_transaction_reference()
 RETURNS text
 LANGUAGE sql
AS $function$
    SELECT 'RDM-' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') || '-'
        || lpad(n::text, greatest(6, length(n::text)), '0')
      FROM nextval('redemption_schema.transaction_reference_seq') AS n
$function$;
COMMENT ON FUNCTION redemption_schema.next_transaction_reference() IS 'A new public reference RDM-YYYYMMDD-NNNNNN (UTC date). The number never starts again, and grows past six digits.';
REVOKE EXECUTE ON FUNCTION redemption_schema.next_transaction_reference() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.next_transaction_reference() TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.open_fraud_reviews()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO redemption_schema.fraud_reviews (detection_id, detected_at, risk_score)
    SELECT detection_id, created_at, risk_score
      FROM new_rows
     WHERE action_taken IN ('FLAGGED', 'ALLOWED_WITH_REVIEW');
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION redemption_schema.open_fraud_reviews() IS 'A detection that asks for a person is in the queue at once.';
REVOKE EXECUTE ON FUNCTION redemption_schema.open_fraud_reviews() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- Retention and erasure run in transactions that say so; a runtime role has no such grant in the first place.
    IF redemption_schema.request_context('maintenance') = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'table %.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$function$;
COMMENT ON FUNCTION redemption_schema.refuse_change() IS 'BEFORE UPDATE OR DELETE OR TRUNCATE statement trigger of append-only tables.';
REVOKE EXECUTE ON FUNCTION redemption_schema.refuse_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.request_context(p_name text)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT nullif(current_setting('gasolinera.' || p_name, true), '') $function$;
COMMENT ON FUNCTION redemption_schema.request_context(p_name text) IS 'What the application set for this transaction: actor, correlation_id, ip_address, user_agent; NULL when unset.';
REVOKE EXECUTE ON FUNCTION redemption_schema.request_context(p_name text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_schema.request_context(p_name text) TO redemption_app;

CREATE OR REPLACE FUNCTION redemption_schema.set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION redemption_schema.set_updated_at() IS 'BEFORE UPDATE trigger: the row remembers when it was last changed.';
REVOKE EXECUTE ON FUNCTION redemption_schema.set_updated_at() FROM PUBLIC;

CREATE OR REPLACE FUNCTION redemption_schema.ticket_number(p_seed uuid, p_ordinal integer)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
DECLARE
    v_alphabet CONSTANT text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    v_hash CONSTANT bytea := sha256('ticket'::bytea || uuid_send(p_seed) || int4send(p_ordinal));
    v_number text := 'TKT';
    v_sum integer := 0;
    v_value integer;
BEGIN
    FOR i IN 0..14 LOOP
        v_value := get_byte(v_hash, i) & 31;
        v_number := v_number || substr(v_alphabet, v_value + 1, 1);
        v_sum := (((v_sum << 1) & 31) # (CASE WHEN v_sum >= 16 THEN 5 ELSE 0 END)) # v_value;
    END LOOP;
    -- The check character makes the sum over all sixteen characters zero.
    v_value := ((v_sum << 1) & 31) # (CASE WHEN v_sum >= 16 THEN 5 ELSE 0 END);
    RETURN v_number || substr(v_alphabet, v_value + 1, 1);
END
$function$;
COMMENT ON FUNCTION redemption_schema.ticket_number(p_seed uuid, p_ordinal integer) IS 'The number of the n-th ticket of an issuance: "TKT", 15 characters (75 bits) of SHA-256("ticket" || seed || n), one
check character. The alphabet is Crockford''s base 32 (no I, L, O, U); a character''s value v is its place, 0 to 31.
Check: read the values as elements of GF(32) with x^5 = x^2 + 1; sum(v[i] * x^(16 - i), i = 1..16) = 0, where v[16] is
the check character. x has order 31, so every wrong character and every swap of two characters changes the sum.';
REVOKE EXECUTE ON FUNCTION redemption_schema.ticket_number(p_seed uuid, p_ordinal integer) FROM PUBLIC;

CREATE TABLE redemption_schema.fraud_detection_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    detection_id uuid DEFAULT gen_random_uuid() NOT NULL,
    transaction_reference text,
    user_id uuid,
    coupon_code text,
    station_code text,
    employee_number text,
    device_id text,
    fraud_type text,
    risk_score integer NOT NULL,
    action_taken text NOT NULL,
    rule_points jsonb DEFAULT '{}'::jsonb NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    actor text DEFAULT redemption_schema.request_context('actor'::text),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (redemption_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_detection_log_action_taken_check CHECK (action_taken = ANY (ARRAY['ALLOWED'::text, 'FLAGGED'::text, 'ALLOWED_WITH_REVIEW'::text, 'BLOCKED'::text])),
    CONSTRAINT fraud_detection_log_coupon_code_check CHECK (length(coupon_code) >= 1 AND length(coupon_code) <= 100),
    CONSTRAINT fraud_detection_log_details_check CHECK (jsonb_typeof(details) = 'object'::text),
    CONSTRAINT fraud_detection_log_device_id_check CHECK (length(device_id) >= 1 AND length(device_id) <= 128),
    CONSTRAINT fraud_detection_log_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT fraud_detection_log_fraud_type_check CHECK (fraud_type = ANY (ARRAY['DUPLICATE_REDEMPTION'::text, 'SUSPICIOUS_PATTERN'::text, 'VELOCITY_FRAUD'::text, 'LOCATION_ANOMALY'::text, 'DEVICE_FRAUD'::text])),
    CONSTRAINT fraud_detection_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT fraud_detection_log_reason_check CHECK (fraud_type IS NOT NULL OR action_taken = 'ALLOWED'::text),
    CONSTRAINT fraud_detection_log_risk_score_check CHECK (risk_score >= 0 AND risk_score <= 100),
    CONSTRAINT fraud_detection_log_rule_points_check CHECK (jsonb_typeof(rule_points) = 'object'::text),
    CONSTRAINT fraud_detection_log_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT fraud_detection_log_transaction_reference_check CHECK (length(transaction_reference) >= 1 AND length(transaction_reference) <= 50)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE redemption_schema.fraud_detection_log IS 'Every assessed attempt with its score and what was done; append-only, by month. No foreign key: an attempt needs no redemption, and a month of attempts can be dropped alone.';
GRANT SELECT ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
GRANT INSERT (detection_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (detection_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
GRANT INSERT (transaction_reference) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (transaction_reference) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.user_id IS 'Personal data: public id of the driver.';
GRANT INSERT (user_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (user_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.coupon_code IS 'As presented, so it may name no coupon at all: guessed codes are what the rules look for.';
GRANT INSERT (coupon_code) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT INSERT (station_code) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (station_code) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.employee_number IS 'Personal data: the employee who serves.';
GRANT INSERT (employee_number) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.device_id IS 'Personal data: the device of the attempt.';
GRANT INSERT (device_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT INSERT (fraud_type) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (fraud_type) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
GRANT INSERT (risk_score) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (risk_score) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
GRANT INSERT (action_taken) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (action_taken) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.rule_points IS 'The points that each rule gave, by the rule''s name.';
GRANT INSERT (rule_points) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT (rule_points) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.details IS 'Personal data: what the rules saw, which may hold places and times of a driver.';
GRANT INSERT (details) ON TABLE redemption_schema.fraud_detection_log TO redemption_app;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.actor IS 'Personal data: who attempted it, a public id or a service''s name.';
GRANT SELECT (correlation_id) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_detection_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.fraud_detection_log.user_agent IS 'Personal data: the client''s software.';
GRANT SELECT (created_at) ON TABLE redemption_schema.fraud_detection_log TO redemption_ro;

CREATE INDEX fraud_detection_log_device_id_created_at_idx ON redemption_schema.fraud_detection_log USING btree (device_id, created_at DESC) WHERE (device_id IS NOT NULL);

CREATE INDEX fraud_detection_log_station_code_created_at_idx ON redemption_schema.fraud_detection_log USING btree (station_code, created_at DESC) WHERE (station_code IS NOT NULL);

CREATE INDEX fraud_detection_log_user_id_created_at_idx ON redemption_schema.fraud_detection_log USING btree (user_id, created_at DESC) WHERE (user_id IS NOT NULL);

CREATE TRIGGER fraud_detection_log_open_reviews AFTER INSERT ON redemption_schema.fraud_detection_log REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.open_fraud_reviews();

CREATE TRIGGER fraud_detection_log_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON redemption_schema.fraud_detection_log FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

CREATE TABLE redemption_schema.fraud_reviews (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    detection_id uuid NOT NULL,
    detected_at timestamp with time zone NOT NULL,
    risk_score integer NOT NULL,
    status text DEFAULT 'OPEN'::text NOT NULL,
    reviewed_by uuid,
    reviewed_at timestamp with time zone,
    notes text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_reviews_detection_id_key UNIQUE (detection_id),
    CONSTRAINT fraud_reviews_notes_check CHECK (length(btrim(notes)) >= 1 AND length(btrim(notes)) <= 4000),
    CONSTRAINT fraud_reviews_pk PRIMARY KEY (id),
    CONSTRAINT fraud_reviews_reviewed_check CHECK ((status = 'OPEN'::text) = (reviewed_at IS NULL) AND (status = 'OPEN'::text OR reviewed_by IS NOT NULL)),
    CONSTRAINT fraud_reviews_risk_score_check CHECK (risk_score >= 0 AND risk_score <= 100),
    CONSTRAINT fraud_reviews_status_check CHECK (status = ANY (ARRAY['OPEN'::text, 'CONFIRMED'::text, 'FALSE_ALARM'::text, 'INCONCLUSIVE'::text]))
);
COMMENT ON TABLE redemption_schema.fraud_reviews IS 'The review queue: one row for each detection that asks for a person. Apart from the log, which never changes, and without a foreign key to it, so that old months of the log can be dropped and the verdict stays.';
GRANT SELECT ON TABLE redemption_schema.fraud_reviews TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
GRANT SELECT (detection_id) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
GRANT SELECT (detected_at) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
GRANT SELECT (risk_score) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
GRANT UPDATE (status) ON TABLE redemption_schema.fraud_reviews TO redemption_app;
GRANT SELECT (status) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
COMMENT ON COLUMN redemption_schema.fraud_reviews.reviewed_by IS 'Personal data: public id of the reviewer.';
GRANT UPDATE (reviewed_by) ON TABLE redemption_schema.fraud_reviews TO redemption_app;
GRANT UPDATE (reviewed_at) ON TABLE redemption_schema.fraud_reviews TO redemption_app;
GRANT SELECT (reviewed_at) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
GRANT UPDATE (notes) ON TABLE redemption_schema.fraud_reviews TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.fraud_reviews TO redemption_ro;

CREATE INDEX fraud_reviews_open_risk_score_idx ON redemption_schema.fraud_reviews USING btree (risk_score DESC, detected_at) WHERE (status = 'OPEN'::text);

CREATE TRIGGER fraud_reviews_set_updated_at BEFORE UPDATE ON redemption_schema.fraud_reviews FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.outbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    payload jsonb NOT NULL,
    schema_version integer DEFAULT 1 NOT NULL,
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    causation_id uuid,
    trace_parent text DEFAULT redemption_schema.request_context('trace_parent'::text),
    occurred_at timestamp with time zone DEFAULT now() NOT NULL,
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
    CONSTRAINT outbox_events_payload_size_check CHECK (octet_length(payload::text) <= 1048576),
    CONSTRAINT outbox_events_pk PRIMARY KEY (id),
    CONSTRAINT outbox_events_schema_version_check CHECK (schema_version >= 1),
    CONSTRAINT outbox_events_trace_parent_check CHECK (trace_parent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'::text)
);
COMMENT ON TABLE redemption_schema.outbox_events IS 'Events to publish as CloudEvents. Not partitioned: published rows are deleted after their retention, and the event id must be unique.';
GRANT DELETE, SELECT ON TABLE redemption_schema.outbox_events TO redemption_app;
COMMENT ON COLUMN redemption_schema.outbox_events.id IS 'The order of delivery within one aggregate. Writers of one aggregate hold its row''s lock, so their ids are in the order of their commits; across aggregates an id may appear late, so a reader asks for published_at IS NULL and never for id > n.';
GRANT SELECT (id) ON TABLE redemption_schema.outbox_events TO redemption_ro;
COMMENT ON COLUMN redemption_schema.outbox_events.event_id IS 'CloudEvents id; the key of the consumers'' inboxes.';
GRANT INSERT (event_id) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (event_id) ON TABLE redemption_schema.outbox_events TO redemption_ro;
COMMENT ON COLUMN redemption_schema.outbox_events.event_type IS 'CloudEvents type, as redemption.completed.';
GRANT INSERT (event_type) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (event_type) ON TABLE redemption_schema.outbox_events TO redemption_ro;
GRANT INSERT (aggregate_type) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (aggregate_type) ON TABLE redemption_schema.outbox_events TO redemption_ro;
COMMENT ON COLUMN redemption_schema.outbox_events.aggregate_key IS 'CloudEvents subject: the public reference of what the event is about.';
GRANT INSERT (aggregate_key) ON TABLE redemption_schema.outbox_events TO redemption_app;
COMMENT ON COLUMN redemption_schema.outbox_events.payload IS 'Personal data: CloudEvents data; may carry a user''s public id, no phone or name.';
GRANT INSERT (payload) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT INSERT (schema_version) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT INSERT (correlation_id) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT INSERT (causation_id) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT INSERT (trace_parent) ON TABLE redemption_schema.outbox_events TO redemption_app;
COMMENT ON COLUMN redemption_schema.outbox_events.occurred_at IS 'CloudEvents time.';
GRANT SELECT (occurred_at) ON TABLE redemption_schema.outbox_events TO redemption_ro;
GRANT UPDATE (published_at) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (published_at) ON TABLE redemption_schema.outbox_events TO redemption_ro;
GRANT UPDATE (attempts) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (attempts) ON TABLE redemption_schema.outbox_events TO redemption_ro;
GRANT UPDATE (next_attempt_at) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (next_attempt_at) ON TABLE redemption_schema.outbox_events TO redemption_ro;
GRANT UPDATE (last_error) ON TABLE redemption_schema.outbox_events TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.outbox_events TO redemption_ro;

CREATE INDEX outbox_events_published_at_idx ON redemption_schema.outbox_events USING btree (published_at) WHERE (published_at IS NOT NULL);

CREATE INDEX outbox_events_unpublished_aggregate_idx ON redemption_schema.outbox_events USING btree (aggregate_type, aggregate_key, id) WHERE (published_at IS NULL);

CREATE INDEX outbox_events_unpublished_id_idx ON redemption_schema.outbox_events USING btree (id) WHERE (published_at IS NULL);

CREATE TABLE redemption_schema.points_accounts (
    user_id uuid NOT NULL,
    balance bigint NOT NULL,
    entry_count bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT points_accounts_entry_count_check CHECK (entry_count >= 1),
    CONSTRAINT points_accounts_pk PRIMARY KEY (user_id)
);
COMMENT ON TABLE redemption_schema.points_accounts IS 'The balance after the last entry of each account. Written by the ledger''s trigger alone; its row lock puts the entries of one account in order. The ledger''s CHECK refuses a balance below zero.';
GRANT SELECT ON TABLE redemption_schema.points_accounts TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.points_accounts TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_accounts.user_id IS 'Personal data: public id of the account''s owner.';

CREATE TRIGGER points_accounts_set_updated_at BEFORE UPDATE ON redemption_schema.points_accounts FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.points_ledger (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    user_id uuid NOT NULL,
    entry_number bigint NOT NULL,
    entry_type text NOT NULL,
    points bigint NOT NULL,
    balance_after bigint NOT NULL,
    source_reference text NOT NULL,
    redemption_id bigint,
    description text,
    expires_at timestamp with time zone,
    actor text DEFAULT redemption_schema.request_context('actor'::text),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (redemption_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT points_ledger_adjustment_check CHECK (entry_type <> 'ADJUSTED'::text OR description IS NOT NULL),
    CONSTRAINT points_ledger_balance_after_check CHECK (balance_after >= 0),
    CONSTRAINT points_ledger_description_check CHECK (length(btrim(description)) >= 1 AND length(btrim(description)) <= 500),
    CONSTRAINT points_ledger_entry_number_check CHECK (entry_number >= 1),
    CONSTRAINT points_ledger_entry_type_check CHECK (entry_type = ANY (ARRAY['EARNED'::text, 'REDEEMED'::text, 'EXPIRED'::text, 'ADJUSTED'::text, 'BONUS'::text])),
    CONSTRAINT points_ledger_expires_at_check CHECK (expires_at IS NULL OR expires_at > created_at AND expires_at < 'infinity'::timestamp with time zone AND (entry_type = ANY (ARRAY['EARNED'::text, 'BONUS'::text]))),
    CONSTRAINT points_ledger_pk PRIMARY KEY (id),
    CONSTRAINT points_ledger_points_check CHECK (
CASE
    WHEN entry_type = ANY (ARRAY['EARNED'::text, 'BONUS'::text]) THEN points > 0
    WHEN entry_type = ANY (ARRAY['REDEEMED'::text, 'EXPIRED'::text]) THEN points < 0
    ELSE points <> 0
END),
    CONSTRAINT points_ledger_points_range_check CHECK (points >= '-100000000'::integer AND points <= 100000000),
    CONSTRAINT points_ledger_source_reference_check CHECK (length(btrim(source_reference)) >= 1 AND length(btrim(source_reference)) <= 128),
    CONSTRAINT points_ledger_user_id_entry_number_key UNIQUE (user_id, entry_number),
    CONSTRAINT points_ledger_user_id_entry_type_source_reference_key UNIQUE (user_id, entry_type, source_reference)
);
COMMENT ON TABLE redemption_schema.points_ledger IS 'Every movement of legacy points; append-only. Not partitioned, because its only-once keys must be.';
GRANT SELECT ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.points_ledger TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_ledger.user_id IS 'Personal data: public id of the account''s owner.';
GRANT INSERT (user_id) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (user_id) ON TABLE redemption_schema.points_ledger TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_ledger.entry_number IS 'Counts 1, 2, 3 within an account without a gap; set by the trigger.';
GRANT SELECT (entry_number) ON TABLE redemption_schema.points_ledger TO redemption_ro;
GRANT INSERT (entry_type) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (entry_type) ON TABLE redemption_schema.points_ledger TO redemption_ro;
GRANT INSERT (points) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (points) ON TABLE redemption_schema.points_ledger TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_ledger.balance_after IS 'Set by the trigger; the sum of all points up to this entry.';
GRANT SELECT (balance_after) ON TABLE redemption_schema.points_ledger TO redemption_ro;
GRANT INSERT (source_reference) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT INSERT (redemption_id) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (redemption_id) ON TABLE redemption_schema.points_ledger TO redemption_ro;
GRANT INSERT (description) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT INSERT (expires_at) ON TABLE redemption_schema.points_ledger TO redemption_app;
GRANT SELECT (expires_at) ON TABLE redemption_schema.points_ledger TO redemption_ro;
COMMENT ON COLUMN redemption_schema.points_ledger.actor IS 'Personal data: who moved the points, a public id or a service''s name.';
COMMENT ON COLUMN redemption_schema.points_ledger.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.points_ledger.user_agent IS 'Personal data: the client''s software.';
GRANT SELECT (created_at) ON TABLE redemption_schema.points_ledger TO redemption_ro;

CREATE INDEX points_ledger_expires_at_idx ON redemption_schema.points_ledger USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX points_ledger_redemption_id_idx ON redemption_schema.points_ledger USING btree (redemption_id) WHERE (redemption_id IS NOT NULL);

CREATE TRIGGER points_ledger_book BEFORE INSERT ON redemption_schema.points_ledger FOR EACH ROW EXECUTE FUNCTION redemption_schema.book_points();

CREATE TRIGGER points_ledger_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON redemption_schema.points_ledger FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

CREATE TABLE redemption_schema.qr_validations (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    nonce uuid DEFAULT gen_random_uuid() NOT NULL,
    status text DEFAULT 'GENERATED'::text NOT NULL,
    station_code text NOT NULL,
    dispenser_code text NOT NULL,
    employee_number text NOT NULL,
    amount numeric(12,2),
    currency text,
    base_tickets integer DEFAULT 0 NOT NULL,
    scanned_by uuid,
    redemption_id bigint,
    expires_at timestamp with time zone NOT NULL,
    scanned_at timestamp with time zone,
    activated_at timestamp with time zone,
    completed_at timestamp with time zone,
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (redemption_schema.request_context('ip_address'::text))::inet,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT qr_validations_activated_check CHECK ((status <> ALL (ARRAY['ACTIVATED'::text, 'COMPLETED'::text])) OR activated_at IS NOT NULL),
    CONSTRAINT qr_validations_amount_check CHECK (amount > 0::numeric AND amount < 'NaN'::numeric AND (amount IS NULL) = (currency IS NULL)),
    CONSTRAINT qr_validations_base_tickets_check CHECK (base_tickets >= 0 AND base_tickets <= 10000),
    CONSTRAINT qr_validations_completed_check CHECK ((status = 'COMPLETED'::text) = (completed_at IS NOT NULL)),
    CONSTRAINT qr_validations_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT qr_validations_dispenser_code_check CHECK (dispenser_code ~ '^[A-Z0-9-]{1,20}$'::text),
    CONSTRAINT qr_validations_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT qr_validations_expires_at_check CHECK (expires_at > created_at AND expires_at <= (created_at + '24:00:00'::interval)),
    CONSTRAINT qr_validations_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT qr_validations_nonce_key UNIQUE (nonce),
    CONSTRAINT qr_validations_pk PRIMARY KEY (id),
    CONSTRAINT qr_validations_redemption_id_key UNIQUE (redemption_id),
    CONSTRAINT qr_validations_scanned_check CHECK ((scanned_by IS NULL) = (scanned_at IS NULL) AND
CASE status
    WHEN 'GENERATED'::text THEN scanned_at IS NULL
    WHEN 'EXPIRED'::text THEN true
    ELSE scanned_at IS NOT NULL
END),
    CONSTRAINT qr_validations_short_life_check CHECK (expires_at <= (created_at + '01:00:00'::interval)),
    CONSTRAINT qr_validations_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT qr_validations_status_check CHECK (status = ANY (ARRAY['GENERATED'::text, 'SCANNED'::text, 'ACTIVATED'::text, 'COMPLETED'::text, 'EXPIRED'::text]))
);
COMMENT ON TABLE redemption_schema.qr_validations IS 'A code that the pump shows and one driver scans, once, before it expires.';
GRANT SELECT ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.qr_validations TO redemption_ro;
COMMENT ON COLUMN redemption_schema.qr_validations.nonce IS 'The unguessable part of the code.';
GRANT INSERT (nonce) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT UPDATE (status) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (status) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT INSERT (station_code) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (station_code) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT INSERT (dispenser_code) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (dispenser_code) ON TABLE redemption_schema.qr_validations TO redemption_ro;
COMMENT ON COLUMN redemption_schema.qr_validations.employee_number IS 'Personal data: the employee who showed the code.';
GRANT INSERT (employee_number) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT INSERT (amount) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (amount) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT INSERT (currency) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (currency) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT INSERT (base_tickets) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (base_tickets) ON TABLE redemption_schema.qr_validations TO redemption_ro;
COMMENT ON COLUMN redemption_schema.qr_validations.scanned_by IS 'Personal data: public id of the driver who scanned it first.';
GRANT UPDATE (scanned_by) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT UPDATE (redemption_id) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (redemption_id) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT INSERT (expires_at) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (expires_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT SELECT (scanned_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT SELECT (activated_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT SELECT (completed_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.qr_validations TO redemption_ro;
COMMENT ON COLUMN redemption_schema.qr_validations.ip_address IS 'Personal data: where the request came from.';
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE redemption_schema.qr_validations TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.qr_validations TO redemption_ro;

CREATE INDEX qr_validations_open_expires_at_idx ON redemption_schema.qr_validations USING btree (expires_at) WHERE (status = ANY (ARRAY['GENERATED'::text, 'SCANNED'::text, 'ACTIVATED'::text]));

CREATE INDEX qr_validations_station_code_created_at_idx ON redemption_schema.qr_validations USING btree (station_code, created_at DESC);

CREATE TRIGGER qr_validations_guard BEFORE INSERT OR UPDATE ON redemption_schema.qr_validations FOR EACH ROW EXECUTE FUNCTION redemption_schema.guard_qr_validation();

CREATE TRIGGER qr_validations_set_updated_at BEFORE UPDATE ON redemption_schema.qr_validations FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.raffle_tickets (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    ticket_number text NOT NULL,
    issuance_id uuid NOT NULL,
    ordinal integer NOT NULL,
    user_id uuid NOT NULL,
    source text NOT NULL,
    redemption_id bigint,
    raffle_code text,
    status text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT raffle_tickets_issuance_id_ordinal_key UNIQUE (issuance_id, ordinal),
    CONSTRAINT raffle_tickets_ordinal_check CHECK (ordinal >= 1 AND ordinal <= 10000),
    CONSTRAINT raffle_tickets_pk PRIMARY KEY (id),
    CONSTRAINT raffle_tickets_raffle_check CHECK (
CASE
    WHEN status = ANY (ARRAY['ACTIVE'::text, 'EXPIRED'::text]) THEN raffle_code IS NULL
    WHEN status = ANY (ARRAY['ENTERED'::text, 'USED'::text]) THEN raffle_code IS NOT NULL
    ELSE true
END),
    CONSTRAINT raffle_tickets_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'::text),
    CONSTRAINT raffle_tickets_redemption_check CHECK (source <> 'COUPON_REDEMPTION'::text OR redemption_id IS NOT NULL),
    CONSTRAINT raffle_tickets_source_check CHECK (source = ANY (ARRAY['COUPON_REDEMPTION'::text, 'AD_ENGAGEMENT'::text, 'PROMOTIONAL'::text, 'BONUS'::text, 'FREE_ENTRY'::text])),
    CONSTRAINT raffle_tickets_status_check CHECK (status = ANY (ARRAY['ACTIVE'::text, 'ENTERED'::text, 'USED'::text, 'EXPIRED'::text, 'CANCELLED'::text])),
    CONSTRAINT raffle_tickets_ticket_number_check CHECK (redemption_schema.is_ticket_number(ticket_number)),
    CONSTRAINT raffle_tickets_ticket_number_key UNIQUE (ticket_number)
);
COMMENT ON TABLE redemption_schema.raffle_tickets IS 'One row a ticket. ACTIVE waits for its holder''s choice, ENTERED is in one raffle, USED had its draw.';
GRANT SELECT ON TABLE redemption_schema.raffle_tickets TO redemption_app;
GRANT SELECT ON TABLE redemption_schema.raffle_tickets TO redemption_ro;
COMMENT ON COLUMN redemption_schema.raffle_tickets.user_id IS 'Personal data: public id of the holder.';
COMMENT ON COLUMN redemption_schema.raffle_tickets.redemption_id IS 'The redemption that earned it, or whose tickets an ad multiplied; NULL for free entries and promotions.';
GRANT UPDATE (raffle_code) ON TABLE redemption_schema.raffle_tickets TO redemption_app;
GRANT UPDATE (status) ON TABLE redemption_schema.raffle_tickets TO redemption_app;
COMMENT ON COLUMN redemption_schema.raffle_tickets.expires_at IS 'When an ACTIVE ticket is lost, within two years; an entered one does not expire.';

CREATE INDEX raffle_tickets_active_expires_at_idx ON redemption_schema.raffle_tickets USING btree (expires_at) WHERE (status = 'ACTIVE'::text);

CREATE INDEX raffle_tickets_entered_raffle_code_idx ON redemption_schema.raffle_tickets USING btree (raffle_code) WHERE (status = 'ENTERED'::text);

CREATE INDEX raffle_tickets_redemption_id_idx ON redemption_schema.raffle_tickets USING btree (redemption_id) WHERE (redemption_id IS NOT NULL);

CREATE INDEX raffle_tickets_user_id_created_at_idx ON redemption_schema.raffle_tickets USING btree (user_id, created_at DESC);

CREATE TRIGGER raffle_tickets_guard BEFORE UPDATE ON redemption_schema.raffle_tickets FOR EACH ROW EXECUTE FUNCTION redemption_schema.guard_raffle_ticket();

CREATE TRIGGER raffle_tickets_set_updated_at BEFORE UPDATE ON redemption_schema.raffle_tickets FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.redemption_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_type text NOT NULL,
    transaction_reference text NOT NULL,
    old_status text,
    new_status text,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    actor text DEFAULT redemption_schema.request_context('actor'::text),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (redemption_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT redemption_audit_log_details_check CHECK (jsonb_typeof(details) = 'object'::text),
    CONSTRAINT redemption_audit_log_event_type_check CHECK (event_type ~ '^[A-Z][A-Z_]{2,49}$'::text),
    CONSTRAINT redemption_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT redemption_audit_log_transaction_reference_check CHECK (length(transaction_reference) >= 1 AND length(transaction_reference) <= 50)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE redemption_schema.redemption_audit_log IS 'Every change of a redemption''s status and who made it; append-only, by month.';
GRANT SELECT ON TABLE redemption_schema.redemption_audit_log TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
GRANT SELECT (event_type) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
GRANT SELECT (transaction_reference) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
GRANT SELECT (old_status) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
GRANT SELECT (new_status) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemption_audit_log.actor IS 'Personal data: who did it, a public id or a service''s name.';
GRANT SELECT (correlation_id) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemption_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.redemption_audit_log.user_agent IS 'Personal data: the client''s software.';
GRANT SELECT (created_at) ON TABLE redemption_schema.redemption_audit_log TO redemption_ro;

CREATE INDEX redemption_audit_log_transaction_reference_idx ON redemption_schema.redemption_audit_log USING btree (transaction_reference, created_at);

CREATE TRIGGER redemption_audit_log_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON redemption_schema.redemption_audit_log FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

CREATE TABLE redemption_schema.redemptions (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    transaction_reference text DEFAULT redemption_schema.next_transaction_reference() NOT NULL,
    status text DEFAULT 'PENDING'::text NOT NULL,
    user_id uuid NOT NULL,
    coupon_code text NOT NULL,
    campaign_code text NOT NULL,
    station_code text NOT NULL,
    employee_number text NOT NULL,
    terminal_code text,
    dispenser_code text,
    validation_method text DEFAULT 'QR_SCAN'::text NOT NULL,
    device_id text,
    fuel_type text,
    fuel_litres numeric(8,3),
    price_per_litre numeric(8,3),
    original_amount numeric(12,2) NOT NULL,
    discount_amount numeric(12,2) DEFAULT 0 NOT NULL,
    final_amount numeric(12,2) NOT NULL,
    currency text NOT NULL,
    idempotency_key text NOT NULL,
    request_sha256 bytea,
    tickets_earned integer DEFAULT 0 NOT NULL,
    raffle_code text,
    tickets_expire_at timestamp with time zone,
    ticket_seed uuid DEFAULT gen_random_uuid() NOT NULL,
    failure_code text,
    failure_reason text,
    cancellation_reason text,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    failed_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    created_by text DEFAULT redemption_schema.request_context('actor'::text),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (redemption_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'::text),
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT redemptions_campaign_code_check CHECK (campaign_code ~ '^[A-Z0-9_]{3,50}$'::text),
    CONSTRAINT redemptions_cancellation_reason_check CHECK (length(btrim(cancellation_reason)) >= 1 AND length(btrim(cancellation_reason)) <= 1000),
    CONSTRAINT redemptions_cancelled_check CHECK ((status = 'CANCELLED'::text) = (cancelled_at IS NOT NULL)),
    CONSTRAINT redemptions_completed_check CHECK (
CASE status
    WHEN 'COMPLETED'::text THEN completed_at IS NOT NULL
    WHEN 'CANCELLED'::text THEN true
    ELSE completed_at IS NULL
END),
    CONSTRAINT redemptions_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT redemptions_coupon_code_check CHECK (coupon_code ~ '^[A-Z0-9]{6,50}$'::text),
    CONSTRAINT redemptions_created_by_check CHECK (length(created_by) <= 128),
    CONSTRAINT redemptions_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT redemptions_device_id_check CHECK (length(device_id) >= 1 AND length(device_id) <= 128),
    CONSTRAINT redemptions_discount_amount_check CHECK (discount_amount >= 0::numeric AND discount_amount <= original_amount),
    CONSTRAINT redemptions_dispenser_code_check CHECK (dispenser_code ~ '^[A-Z0-9-]{1,20}$'::text),
    CONSTRAINT redemptions_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT redemptions_employee_number_idempotency_key_key UNIQUE (employee_number, idempotency_key),
    CONSTRAINT redemptions_failed_check CHECK ((status = 'FAILED'::text) = (failed_at IS NOT NULL) AND (status <> 'FAILED'::text OR failure_code IS NOT NULL)),
    CONSTRAINT redemptions_failure_code_check CHECK (failure_code ~ '^[A-Z][A-Z0-9_]{2,49}$'::text),
    CONSTRAINT redemptions_failure_reason_check CHECK (length(btrim(failure_reason)) >= 1 AND length(btrim(failure_reason)) <= 1000),
    CONSTRAINT redemptions_final_amount_check CHECK (final_amount = (original_amount - discount_amount)),
    CONSTRAINT redemptions_fuel_check CHECK ((fuel_litres IS NULL) = (price_per_litre IS NULL) AND (fuel_litres IS NULL OR fuel_type IS NOT NULL)),
    CONSTRAINT redemptions_fuel_litres_check CHECK (fuel_litres > 0::numeric AND fuel_litres < 'NaN'::numeric),
    CONSTRAINT redemptions_fuel_type_check CHECK (fuel_type = ANY (ARRAY['REGULAR'::text, 'PREMIUM'::text, 'DIESEL'::text])),
    CONSTRAINT redemptions_idempotency_key_check CHECK (length(idempotency_key) >= 8 AND length(idempotency_key) <= 255),
    CONSTRAINT redemptions_in_progress_check CHECK (status <> 'IN_PROGRESS'::text OR started_at IS NOT NULL),
    CONSTRAINT redemptions_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT redemptions_order_of_times_check CHECK (created_at <= completed_at AND created_at <= failed_at AND created_at <= cancelled_at),
    CONSTRAINT redemptions_original_amount_check CHECK (original_amount > 0::numeric AND original_amount < 'NaN'::numeric),
    CONSTRAINT redemptions_pk PRIMARY KEY (id),
    CONSTRAINT redemptions_place_check CHECK (status <> 'COMPLETED'::text OR num_nonnulls(terminal_code, dispenser_code) > 0),
    CONSTRAINT redemptions_price_per_litre_check CHECK (price_per_litre > 0::numeric AND price_per_litre < 'NaN'::numeric),
    CONSTRAINT redemptions_pump_amount_check CHECK (abs(fuel_litres * price_per_litre - original_amount) <= GREATEST(1::numeric, original_amount * 0.005)),
    CONSTRAINT redemptions_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'::text),
    CONSTRAINT redemptions_request_sha256_check CHECK (octet_length(request_sha256) = 32),
    CONSTRAINT redemptions_rounding_check CHECK (currency <> 'CRC'::text OR original_amount = trunc(original_amount) AND discount_amount = trunc(discount_amount)),
    CONSTRAINT redemptions_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT redemptions_status_check CHECK (status = ANY (ARRAY['PENDING'::text, 'IN_PROGRESS'::text, 'COMPLETED'::text, 'FAILED'::text, 'CANCELLED'::text])),
    CONSTRAINT redemptions_strong_idempotency_key_check CHECK (length(idempotency_key) >= 16),
    CONSTRAINT redemptions_terminal_code_check CHECK (terminal_code ~ '^[A-Z0-9-]{3,40}$'::text),
    CONSTRAINT redemptions_ticket_seed_key UNIQUE (ticket_seed),
    CONSTRAINT redemptions_tickets_earned_check CHECK (tickets_earned >= 0 AND tickets_earned <= 10000),
    CONSTRAINT redemptions_tickets_expire_at_check CHECK (tickets_expire_at > created_at AND tickets_expire_at <= (created_at + '2 years'::interval)),
    CONSTRAINT redemptions_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'::text),
    CONSTRAINT redemptions_transaction_reference_key UNIQUE (transaction_reference),
    CONSTRAINT redemptions_user_agent_check CHECK (length(user_agent) <= 1000),
    CONSTRAINT redemptions_validation_method_check CHECK (validation_method = ANY (ARRAY['QR_SCAN'::text, 'PUMP_QR'::text, 'MANUAL_ENTRY'::text, 'NFC'::text, 'BARCODE'::text]))
);
COMMENT ON TABLE redemption_schema.redemptions IS 'One use of a coupon at a station. Written first as PENDING; the coupon''s own schema decides whether it may be used.';
GRANT SELECT (id) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (transaction_reference), SELECT (transaction_reference) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (transaction_reference) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (status), UPDATE (status) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (status) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.user_id IS 'Personal data: public id of the driver who redeems.';
GRANT INSERT (user_id), SELECT (user_id) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (user_id) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (coupon_code), SELECT (coupon_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (coupon_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (campaign_code), SELECT (campaign_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (campaign_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (station_code), SELECT (station_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (station_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.employee_number IS 'Personal data: the employee who serves.';
GRANT INSERT (employee_number), SELECT (employee_number) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT INSERT (terminal_code), SELECT (terminal_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (terminal_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (dispenser_code), SELECT (dispenser_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (dispenser_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (validation_method), SELECT (validation_method) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (validation_method) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.device_id IS 'Personal data: the driver''s or the terminal''s device, for velocity rules.';
GRANT INSERT (device_id), SELECT (device_id) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT INSERT (fuel_type), SELECT (fuel_type), UPDATE (fuel_type) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (fuel_type) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (fuel_litres), SELECT (fuel_litres), UPDATE (fuel_litres) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (fuel_litres) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (price_per_litre), SELECT (price_per_litre), UPDATE (price_per_litre) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (price_per_litre) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (original_amount), SELECT (original_amount), UPDATE (original_amount) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (original_amount) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (discount_amount), SELECT (discount_amount), UPDATE (discount_amount) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (discount_amount) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (final_amount), SELECT (final_amount), UPDATE (final_amount) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (final_amount) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (currency), SELECT (currency) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (currency) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (idempotency_key), SELECT (idempotency_key) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.request_sha256 IS 'Fingerprint of the request under the idempotency key: the same key with another request is refused.';
GRANT INSERT (request_sha256), SELECT (request_sha256) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.tickets_earned IS 'Tickets that the completion makes; known when the coupon is consumed.';
GRANT INSERT (tickets_earned), SELECT (tickets_earned), UPDATE (tickets_earned) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (tickets_earned) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.raffle_code IS 'The raffle that the campaign names; NULL: the holder chooses.';
GRANT INSERT (raffle_code), SELECT (raffle_code), UPDATE (raffle_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (raffle_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT INSERT (tickets_expire_at), SELECT (tickets_expire_at), UPDATE (tickets_expire_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (tickets_expire_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.ticket_seed IS 'Secret: the numbers of the redemption''s tickets follow from it. Random, never readable by the runtime role.';
GRANT SELECT (failure_code), UPDATE (failure_code) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (failure_code) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (failure_reason), UPDATE (failure_reason) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (cancellation_reason), UPDATE (cancellation_reason) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (started_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (started_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (completed_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (completed_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (failed_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (failed_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (cancelled_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (cancelled_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.created_by IS 'Personal data: who asked for it, a public id or a service''s name.';
GRANT SELECT (created_by) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.redemptions TO redemption_ro;
COMMENT ON COLUMN redemption_schema.redemptions.ip_address IS 'Personal data: where the request came from.';
GRANT SELECT (ip_address) ON TABLE redemption_schema.redemptions TO redemption_app;
COMMENT ON COLUMN redemption_schema.redemptions.user_agent IS 'Personal data: the client''s software.';
GRANT SELECT (user_agent) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT INSERT (metadata), SELECT (metadata), UPDATE (metadata) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.redemptions TO redemption_ro;
GRANT SELECT (updated_at) ON TABLE redemption_schema.redemptions TO redemption_app;
GRANT SELECT (updated_at) ON TABLE redemption_schema.redemptions TO redemption_ro;

CREATE INDEX redemptions_coupon_code_idx ON redemption_schema.redemptions USING btree (coupon_code);

CREATE INDEX redemptions_station_code_created_at_idx ON redemption_schema.redemptions USING btree (station_code, created_at DESC);

CREATE INDEX redemptions_unfinished_created_at_idx ON redemption_schema.redemptions USING btree (created_at) WHERE (status = ANY (ARRAY['PENDING'::text, 'IN_PROGRESS'::text]));

CREATE INDEX redemptions_user_id_created_at_idx ON redemption_schema.redemptions USING btree (user_id, created_at DESC);

CREATE TRIGGER redemptions_follow AFTER UPDATE ON redemption_schema.redemptions REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.follow_redemptions();

CREATE TRIGGER redemptions_guard BEFORE INSERT OR UPDATE ON redemption_schema.redemptions FOR EACH ROW EXECUTE FUNCTION redemption_schema.guard_redemption();

CREATE TRIGGER redemptions_set_updated_at BEFORE UPDATE ON redemption_schema.redemptions FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.ticket_issuances (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    issuance_id uuid GENERATED ALWAYS AS (redemption_schema.issuance_id_of(seed)) STORED NOT NULL,
    seed uuid DEFAULT gen_random_uuid() NOT NULL,
    source text NOT NULL,
    source_reference text NOT NULL,
    user_id uuid NOT NULL,
    redemption_id bigint,
    ticket_count integer NOT NULL,
    raffle_code text,
    expires_at timestamp with time zone NOT NULL,
    actor text DEFAULT redemption_schema.request_context('actor'::text),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ticket_issuances_expires_at_check CHECK (expires_at > created_at AND expires_at <= (created_at + '2 years'::interval)),
    CONSTRAINT ticket_issuances_issuance_id_key UNIQUE (issuance_id),
    CONSTRAINT ticket_issuances_pk PRIMARY KEY (id),
    CONSTRAINT ticket_issuances_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'::text),
    CONSTRAINT ticket_issuances_redemption_check CHECK (source <> 'COUPON_REDEMPTION'::text OR redemption_id IS NOT NULL),
    CONSTRAINT ticket_issuances_seed_key UNIQUE (seed),
    CONSTRAINT ticket_issuances_source_check CHECK (source = ANY (ARRAY['COUPON_REDEMPTION'::text, 'AD_ENGAGEMENT'::text, 'PROMOTIONAL'::text, 'BONUS'::text, 'FREE_ENTRY'::text])),
    CONSTRAINT ticket_issuances_source_reference_check CHECK (length(btrim(source_reference)) >= 1 AND length(btrim(source_reference)) <= 128),
    CONSTRAINT ticket_issuances_source_source_reference_key UNIQUE (source, source_reference),
    CONSTRAINT ticket_issuances_ticket_count_check CHECK (ticket_count >= 1 AND ticket_count <= 10000)
);
COMMENT ON TABLE redemption_schema.ticket_issuances IS 'One row an event that earned tickets. A row and its tickets are made together by issue_tickets, and never change.';
GRANT SELECT (id) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (id) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (issuance_id) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (issuance_id) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ticket_issuances.seed IS 'Secret: the issuance''s id and its ticket numbers follow from it. Random, never readable by the runtime role.';
GRANT SELECT (source) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (source) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ticket_issuances.source_reference IS 'What earned the tickets: a transaction reference, an ad view''s id, a promotion''s or free entry''s reference.';
GRANT SELECT (source_reference) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
COMMENT ON COLUMN redemption_schema.ticket_issuances.user_id IS 'Personal data: public id of the holder.';
GRANT SELECT (user_id) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (user_id) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (redemption_id) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (redemption_id) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (ticket_count) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (ticket_count) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (raffle_code) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (raffle_code) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (expires_at) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (expires_at) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
COMMENT ON COLUMN redemption_schema.ticket_issuances.actor IS 'Personal data: who caused it, a public id or a service''s name.';
GRANT SELECT (actor) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (correlation_id) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;
GRANT SELECT (created_at) ON TABLE redemption_schema.ticket_issuances TO redemption_app;
GRANT SELECT (created_at) ON TABLE redemption_schema.ticket_issuances TO redemption_ro;

CREATE INDEX ticket_issuances_redemption_id_idx ON redemption_schema.ticket_issuances USING btree (redemption_id) WHERE (redemption_id IS NOT NULL);

CREATE INDEX ticket_issuances_user_id_created_at_idx ON redemption_schema.ticket_issuances USING btree (user_id, created_at DESC);

ALTER TABLE redemption_schema.points_ledger ADD CONSTRAINT points_ledger_redemption_id_fk FOREIGN KEY (redemption_id) REFERENCES redemption_schema.redemptions(id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.points_ledger ADD CONSTRAINT points_ledger_user_id_fk FOREIGN KEY (user_id) REFERENCES redemption_schema.points_accounts(user_id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.qr_validations ADD CONSTRAINT qr_validations_redemption_id_fk FOREIGN KEY (redemption_id) REFERENCES redemption_schema.redemptions(id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.raffle_tickets ADD CONSTRAINT raffle_tickets_issuance_id_fk FOREIGN KEY (issuance_id) REFERENCES redemption_schema.ticket_issuances(issuance_id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.raffle_tickets ADD CONSTRAINT raffle_tickets_redemption_id_fk FOREIGN KEY (redemption_id) REFERENCES redemption_schema.redemptions(id) ON DELETE RESTRICT;

ALTER TABLE redemption_schema.ticket_issuances ADD CONSTRAINT ticket_issuances_redemption_id_fk FOREIGN KEY (redemption_id) REFERENCES redemption_schema.redemptions(id) ON DELETE RESTRICT;

RESET ROLE;
