-- Takes back V4__complete_raffles.sql. Entries lose their hashes and keep their tags; what is told of terms, receipts
-- and persons goes.
-- vuelo: allow locking-several-tables taking back is done while no raffle is held
-- vuelo: allow require-concurrent-index-deletion taking back is done while no raffle is held
-- vuelo: allow writing-every-row taking back is done while no raffle is held
-- vuelo: allow working-under-lock taking back is done while no raffle is held
-- vuelo: allow adding-not-nullable-field taking back is done while no raffle is held
-- vuelo: allow disallowed-unique-constraint taking back is done while no raffle is held
-- vuelo: allow constraint-missing-not-valid taking back is done while no raffle is held

REVOKE EXECUTE ON FUNCTION
    raffle_schema.entry_hash(text, uuid, text[]),
    raffle_schema.is_kept_out(bigint, uuid),
    raffle_schema.entry_exclusions(bigint),
    raffle_schema.enter_tickets(text[], uuid[], uuid[], text[], timestamptz[], text[]),
    raffle_schema.withdraw_tickets(text[], timestamptz[], text[]),
    raffle_schema.withdraw_cancelled(integer),
    raffle_schema.lock_participants(text[], uuid[], boolean[]),
    raffle_schema.forget_refused_tickets(integer),
    raffle_schema.forget_person(uuid),
    raffle_schema.forget_addresses(integer)
    FROM raffle_app;
DROP FUNCTION raffle_schema.forget_addresses(integer);
DROP INDEX raffle_schema.raffle_audit_log_with_address_created_at_idx;
DROP INDEX raffle_schema.raffle_audit_log_actor_idx;
DROP FUNCTION raffle_schema.forget_person(uuid);
DROP FUNCTION raffle_schema.lock_participants(text[], uuid[], boolean[]);
DROP FUNCTION raffle_schema.forget_refused_tickets(integer);
DROP FUNCTION raffle_schema.withdraw_cancelled(integer);
DROP FUNCTION raffle_schema.withdraw_tickets(text[], timestamptz[], text[]);
DROP FUNCTION raffle_schema.enter_tickets(text[], uuid[], uuid[], text[], timestamptz[], text[]);
DROP FUNCTION raffle_schema.entry_exclusions(bigint);
DROP FUNCTION raffle_schema.is_kept_out(bigint, uuid);
DROP TABLE raffle_schema.refused_tickets;
DROP FUNCTION raffle_schema.tell_refused_tickets();
DROP TABLE raffle_schema.revoked_tickets;
DROP TABLE raffle_schema.age_confirmations;
DROP TABLE raffle_schema.excluded_persons;
DROP TABLE raffle_schema.employments;
DROP TABLE raffle_schema.account_states;
DROP FUNCTION raffle_schema.audit_exclusions();
DROP INDEX raffle_schema.raffle_tickets_disqualified_idx;

CREATE OR REPLACE FUNCTION raffle_schema.count_tickets() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;

CREATE OR REPLACE FUNCTION raffle_schema.add_ticket_counts(
    p_entry_ids bigint[], p_raffle_ids bigint[], p_user_ids uuid[], p_deltas integer[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
$$;

CREATE OR REPLACE FUNCTION raffle_schema.guard_raffle_draw() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
$$;

CREATE OR REPLACE FUNCTION raffle_schema.audit_raffles() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION raffle_schema.audit_raffles() IS
    'Every raffle made or deleted and every change of its state, in the audit log.';

CREATE OR REPLACE FUNCTION raffle_schema.guard_raffle() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
$$;


DROP TRIGGER raffle_entries_mark ON raffle_schema.raffle_entries;
DROP FUNCTION raffle_schema.mark_entry();
-- In the order of columns that there was. Places are given at the freeze: without one there is no tag either.
ALTER TABLE raffle_schema.raffle_entries DISABLE TRIGGER raffle_entries_set_updated_at;
ALTER TABLE raffle_schema.raffle_entries
    DROP COLUMN entry_hash,
    DROP COLUMN received_at,
    DROP COLUMN owner_tag,
    ADD COLUMN leaf_index bigint,
    ADD COLUMN range_start bigint,
    ADD COLUMN owner_tag bytea,
    ADD COLUMN old_created_at timestamptz,
    ADD COLUMN old_updated_at timestamptz;
UPDATE raffle_schema.raffle_entries SET old_created_at = created_at, old_updated_at = updated_at;
ALTER TABLE raffle_schema.raffle_entries DROP COLUMN created_at, DROP COLUMN updated_at;
ALTER TABLE raffle_schema.raffle_entries RENAME COLUMN old_created_at TO created_at;
ALTER TABLE raffle_schema.raffle_entries RENAME COLUMN old_updated_at TO updated_at;
ALTER TABLE raffle_schema.raffle_entries
    ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET DEFAULT now(),
    ALTER COLUMN updated_at SET NOT NULL,
    ADD CONSTRAINT raffle_entries_raffle_id_leaf_index_key UNIQUE (raffle_id, leaf_index),
    ADD CONSTRAINT raffle_entries_raffle_id_range_start_key UNIQUE (raffle_id, range_start),
    ADD CONSTRAINT raffle_entries_frozen_check CHECK (num_nulls(leaf_index, range_start, owner_tag) IN (0, 3)),
    ADD CONSTRAINT raffle_entries_leaf_index_check CHECK (leaf_index >= 0),
    ADD CONSTRAINT raffle_entries_range_start_check CHECK (range_start >= 0),
    ADD CONSTRAINT raffle_entries_owner_tag_check CHECK (octet_length(owner_tag) = 16);
ALTER TABLE raffle_schema.raffle_entries ENABLE TRIGGER raffle_entries_set_updated_at;
GRANT UPDATE (leaf_index, range_start, owner_tag) ON raffle_schema.raffle_entries TO raffle_app;

CREATE FUNCTION raffle_schema.check_places() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.check_places() FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.check_places() IS
    'One statement places all entries of a CLOSED raffle that have tickets, each once, in ranges that follow each '
    'other.';
CREATE TRIGGER raffle_entries_check_places AFTER UPDATE ON raffle_schema.raffle_entries
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.check_places();

COMMENT ON TABLE raffle_schema.raffle_entries IS
    'One row an issuance event in a raffle: a leaf of the draw''s tree. At the freeze it gets its place and its '
    'range of '
    'tickets [range_start, range_start + ticket_count); the ranges of a raffle follow each other without a gap.';
COMMENT ON COLUMN raffle_schema.raffle_entries.owner_tag IS
    'Published instead of the user: 16 bytes that are equal for the entries of one user in one draw.';
DROP FUNCTION raffle_schema.entry_hash(text, uuid, text[]);
DROP FUNCTION raffle_schema.owner_tag(bigint, uuid);
DROP TRIGGER raffles_make_owner_keys ON raffle_schema.raffles;
DROP FUNCTION raffle_schema.make_owner_keys();
DROP TABLE raffle_schema.raffle_owner_keys;
DROP FUNCTION raffle_schema.pad_key(bytea, integer);
DROP TABLE raffle_schema.raffle_terms;
ALTER TABLE raffle_schema.raffle_prizes DROP COLUMN sponsor;
DROP INDEX raffle_schema.raffles_cancelled_unwithdrawn_idx;
DROP INDEX raffle_schema.raffles_planned_opens_at_idx;
DROP INDEX raffle_schema.raffles_created_at_idx;
ALTER TABLE raffle_schema.raffles
    DROP COLUMN min_age,
    DROP COLUMN min_tickets_per_user,
    DROP COLUMN excludes_employees,
    DROP COLUMN requires_active_account,
    DROP COLUMN takes_choices,
    DROP COLUMN free_entries_per_day,
    DROP COLUMN opens_by_itself,
    DROP COLUMN withdrawn_at;
