-- Raffles, complete: terms that are kept as they were published, who may take part, entries whose hash and owner's tag
-- the database itself makes, receipts, and nothing lost of what a raffle does not take.
-- vuelo: allow working-under-lock nothing but sample data is there before raffles are held
-- vuelo: allow require-concurrent-index-creation nothing but sample data is there before raffles are held
-- vuelo: allow ban-drop-function no program has ever called the trigger's function
-- vuelo: allow locking-several-tables nothing but sample data is there before raffles are held
-- vuelo: allow adding-not-nullable-field every row has been given its value before
-- vuelo: allow constraint-missing-not-valid nothing but sample data is there before raffles are held
-- vuelo: allow ban-drop-column no code has ever placed an entry

-- Rules of a raffle ---------------------------------------------------------------------------------------------------

ALTER TABLE raffle_schema.raffles
    ADD COLUMN min_age smallint,
    ADD COLUMN min_tickets_per_user integer,
    ADD COLUMN excludes_employees boolean NOT NULL DEFAULT true,
    ADD COLUMN requires_active_account boolean NOT NULL DEFAULT true,
    ADD COLUMN takes_choices boolean NOT NULL DEFAULT true,
    ADD COLUMN free_entries_per_day smallint NOT NULL DEFAULT 1,
    ADD COLUMN opens_by_itself boolean NOT NULL DEFAULT false,
    ADD COLUMN withdrawn_at timestamptz,
    ADD CONSTRAINT raffles_min_age_check CHECK (min_age BETWEEN 12 AND 99),
    ADD CONSTRAINT raffles_min_tickets_per_user_check
        CHECK (min_tickets_per_user BETWEEN 1 AND coalesce(max_tickets_per_user, 1000000)),
    ADD CONSTRAINT raffles_free_entries_per_day_check CHECK (free_entries_per_day BETWEEN 0 AND 10),
    ADD CONSTRAINT raffles_withdrawn_at_check CHECK (withdrawn_at IS NULL OR status = 'CANCELLED');
-- The list of raffles, the newest first.
CREATE INDEX raffles_created_at_idx ON raffle_schema.raffles (created_at DESC, id DESC);
-- The job that opens what is due.
CREATE INDEX raffles_planned_opens_at_idx ON raffle_schema.raffles (opens_at)
    WHERE status = 'DRAFT' AND opens_by_itself;
-- The job that withdraws the tickets of cancelled raffles.
CREATE INDEX raffles_cancelled_unwithdrawn_idx ON raffle_schema.raffles (cancelled_at)
    WHERE status = 'CANCELLED' AND withdrawn_at IS NULL;
COMMENT ON COLUMN raffle_schema.raffles.min_age IS
    'Years that a participant has to confirm before the close; whoever has not is left out at the freeze. NULL: none.';
COMMENT ON COLUMN raffle_schema.raffles.min_tickets_per_user IS
    'Whoever has fewer tickets at the freeze is left out. NULL: one is enough.';
COMMENT ON COLUMN raffle_schema.raffles.excludes_employees IS
    'Whether employees of the chain, and whoever runs its raffles, are kept out.';
COMMENT ON COLUMN raffle_schema.raffles.requires_active_account IS
    'Whether who has been deactivated is left out at the freeze.';
COMMENT ON COLUMN raffle_schema.raffles.takes_choices IS 'Whether holders may choose it for tickets that wait.';
COMMENT ON COLUMN raffle_schema.raffles.free_entries_per_day IS
    'Tickets that one person gets a day without buying anything; 0: none.';
COMMENT ON COLUMN raffle_schema.raffles.opens_by_itself IS 'Whether the job publishes it when opens_at is near.';
COMMENT ON COLUMN raffle_schema.raffles.withdrawn_at IS
    'When the last ticket of the cancelled raffle had been given back to its holder.';

ALTER TABLE raffle_schema.raffle_prizes
    ADD COLUMN sponsor text,
    ADD CONSTRAINT raffle_prizes_sponsor_check CHECK (length(btrim(sponsor)) BETWEEN 1 AND 200);

CREATE TABLE raffle_schema.raffle_terms (
    raffle_id bigint NOT NULL,
    version text NOT NULL,
    body bytea NOT NULL,
    sha256 bytea NOT NULL GENERATED ALWAYS AS (sha256(body)) STORED,
    created_by text DEFAULT raffle_schema.request_context('actor'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT raffle_terms_pk PRIMARY KEY (raffle_id, version),
    CONSTRAINT raffle_terms_raffle_id_fk FOREIGN KEY (raffle_id)
        REFERENCES raffle_schema.raffles (id) ON DELETE CASCADE,
    CONSTRAINT raffle_terms_version_check CHECK (length(btrim(version)) BETWEEN 1 AND 50),
    -- convert_from refuses what is not UTF-8.
    CONSTRAINT raffle_terms_body_check CHECK (
        octet_length(body) BETWEEN 1 AND 200000 AND length(convert_from(body, 'UTF8')) >= 1),
    CONSTRAINT raffle_terms_created_by_check CHECK (length(created_by) <= 128)
);
COMMENT ON TABLE raffle_schema.raffle_terms IS
    'The terms of a raffle, each version as it was written: the bytes that are shown are those that are hashed. They go '
    'only with a draft that is deleted.';
COMMENT ON COLUMN raffle_schema.raffle_terms.body IS 'UTF-8.';
COMMENT ON COLUMN raffle_schema.raffle_terms.created_by IS
    'Personal data: who wrote it down, a public id or a service''s name.';

-- Owners' tags --------------------------------------------------------------------------------------------------------

CREATE TABLE raffle_schema.raffle_owner_keys (
    raffle_id bigint NOT NULL,
    owner_key bytea NOT NULL,
    inner_pad bytea NOT NULL,
    outer_pad bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT raffle_owner_keys_pk PRIMARY KEY (raffle_id),
    CONSTRAINT raffle_owner_keys_raffle_id_fk FOREIGN KEY (raffle_id)
        REFERENCES raffle_schema.raffles (id) ON DELETE CASCADE,
    CONSTRAINT raffle_owner_keys_owner_key_check CHECK (octet_length(owner_key) = 32),
    CONSTRAINT raffle_owner_keys_pads_check CHECK (octet_length(inner_pad) = 64 AND octet_length(outer_pad) = 64)
);
COMMENT ON TABLE raffle_schema.raffle_owner_keys IS
    'Secret: the key of each raffle''s owner tags, made with the raffle. No role of the service reads it, only owner_tag.';
COMMENT ON COLUMN raffle_schema.raffle_owner_keys.inner_pad IS
    'The key as HMAC (RFC 2104) pads it, so that each tag costs two hashes.';

CREATE FUNCTION raffle_schema.pad_key(p_key bytea, p_with integer) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE STRICT
    AS $$
DECLARE
    v_pad bytea := p_key || decode(repeat('00', 64 - octet_length(p_key)), 'hex');
BEGIN
    FOR i IN 0..63 LOOP
        v_pad := set_byte(v_pad, i, get_byte(v_pad, i) # p_with);
    END LOOP;
    RETURN v_pad;
END
$$;
COMMENT ON FUNCTION raffle_schema.pad_key(bytea, integer) IS
    'A key of at most 64 bytes as HMAC-SHA-256 pads it: with 54 (0x36) for the inner, 92 (0x5c) for the outer hash.';

CREATE FUNCTION raffle_schema.make_owner_keys() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    -- Three random UUIDs have 366 random bits; their hash keeps 256.
    INSERT INTO raffle_schema.raffle_owner_keys (raffle_id, owner_key, inner_pad, outer_pad)
    SELECT k.id, k.owner_key, raffle_schema.pad_key(k.owner_key, 54), raffle_schema.pad_key(k.owner_key, 92)
      FROM (SELECT n.id, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                                || uuid_send(gen_random_uuid())) AS owner_key
              FROM new_rows AS n) AS k;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.make_owner_keys() FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.make_owner_keys() IS 'Every raffle has its own random key from the beginning.';
CREATE TRIGGER raffles_make_owner_keys AFTER INSERT ON raffle_schema.raffles
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.make_owner_keys();
INSERT INTO raffle_schema.raffle_owner_keys (raffle_id, owner_key, inner_pad, outer_pad)
SELECT k.id, k.owner_key, raffle_schema.pad_key(k.owner_key, 54), raffle_schema.pad_key(k.owner_key, 92)
  FROM (SELECT r.id, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                            || uuid_send(gen_random_uuid())) AS owner_key
          FROM raffle_schema.raffles AS r) AS k;

CREATE FUNCTION raffle_schema.owner_tag(p_raffle_id bigint, p_user_id uuid) RETURNS bytea
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT substring(sha256(k.outer_pad || sha256(
               k.inner_pad || 'gasolinera-owner-1'::bytea || '\x00'::bytea || r.raffle_code::bytea || '\x00'::bytea
               || uuid_send(p_user_id))) FOR 16)
      FROM raffle_schema.raffle_owner_keys AS k
      JOIN raffle_schema.raffles AS r ON r.id = k.raffle_id
     WHERE k.raffle_id = p_raffle_id
    $$;
REVOKE EXECUTE ON FUNCTION raffle_schema.owner_tag(bigint, uuid) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.owner_tag(bigint, uuid) IS
    'HMAC-SHA-256 of a user under the raffle''s own key, 16 bytes, as the format of draws says. Granted to nobody: the '
    'triggers of entries write it.';

-- Entries -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION raffle_schema.entry_hash(p_raffle_code text, p_issuance_id uuid, p_numbers text[]) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT substring(sha256(
               'gasolinera-entry-1'::bytea || '\x00'::bytea || substring(int4send(octet_length(p_raffle_code)) FROM 4)
               || p_raffle_code::bytea || uuid_send(p_issuance_id) || int4send(cardinality(p_numbers))
               || coalesce((SELECT string_agg(n.number, '' ORDER BY n.number COLLATE "C")
                              FROM unnest(p_numbers) AS n (number))::bytea, '\x'::bytea)) FOR 28)
    $$;
COMMENT ON FUNCTION raffle_schema.entry_hash(text, uuid, text[]) IS
    'What an entry is known by, as the format of draws says: 28 bytes over raffle, issuance and ticket numbers.';

DROP TRIGGER raffle_entries_check_places ON raffle_schema.raffle_entries;
DROP FUNCTION raffle_schema.check_places();
ALTER TABLE raffle_schema.raffle_entries
    DROP CONSTRAINT raffle_entries_frozen_check,
    DROP COLUMN leaf_index,
    DROP COLUMN range_start,
    ADD COLUMN entry_hash bytea,
    ADD COLUMN received_at timestamptz;
-- When an entry was last changed says something of the raffle and nothing of this migration.
ALTER TABLE raffle_schema.raffle_entries DISABLE TRIGGER raffle_entries_set_updated_at;
UPDATE raffle_schema.raffle_entries AS e
   SET owner_tag = raffle_schema.owner_tag(e.raffle_id, e.user_id),
       entry_hash = raffle_schema.entry_hash(
           r.raffle_code, e.issuance_id,
           ARRAY(SELECT t.ticket_number FROM raffle_schema.raffle_tickets AS t
                  WHERE t.entry_id = e.id AND t.status = 'ACTIVE')),
       received_at = e.updated_at
  FROM raffle_schema.raffles AS r
 WHERE r.id = e.raffle_id;
ALTER TABLE raffle_schema.raffle_entries ENABLE TRIGGER raffle_entries_set_updated_at;
ALTER TABLE raffle_schema.raffle_entries
    ALTER COLUMN owner_tag SET NOT NULL,
    ALTER COLUMN entry_hash SET NOT NULL,
    ALTER COLUMN received_at SET NOT NULL,
    ALTER COLUMN received_at SET DEFAULT now(),
    ADD CONSTRAINT raffle_entries_entry_hash_check CHECK (octet_length(entry_hash) = 28);
COMMENT ON TABLE raffle_schema.raffle_entries IS
    'One row an issuance event in a raffle: a leaf of the draw''s tree, if it has tickets at the freeze.';
COMMENT ON COLUMN raffle_schema.raffle_entries.entry_hash IS
    'entry_hash() of its ACTIVE tickets; written by the triggers alone, again whenever the tickets change.';
COMMENT ON COLUMN raffle_schema.raffle_entries.received_at IS
    'When its tickets came, or last changed: the receipt says so. Written by the triggers alone.';
COMMENT ON COLUMN raffle_schema.raffle_entries.owner_tag IS
    'Published instead of the user: owner_tag(), equal for the entries of one user in one raffle. Written by the trigger.';

CREATE FUNCTION raffle_schema.mark_entry() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    NEW.owner_tag := raffle_schema.owner_tag(NEW.raffle_id, NEW.user_id);
    -- The entering function knows the tickets already; for anybody else there are none yet.
    IF NEW.entry_hash IS NULL THEN
        SELECT raffle_schema.entry_hash(r.raffle_code, NEW.issuance_id, '{}') INTO NEW.entry_hash
          FROM raffle_schema.raffles AS r WHERE r.id = NEW.raffle_id;
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.mark_entry() FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.mark_entry() IS
    'The owner''s tag of a new entry and its hash. No runtime role chooses either: it may not write these columns.';
CREATE TRIGGER raffle_entries_mark BEFORE INSERT ON raffle_schema.raffle_entries
    FOR EACH ROW EXECUTE FUNCTION raffle_schema.mark_entry();

CREATE OR REPLACE FUNCTION raffle_schema.add_ticket_counts(
    p_entry_ids bigint[], p_raffle_ids bigint[], p_user_ids uuid[], p_deltas integer[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
$$;

CREATE OR REPLACE FUNCTION raffle_schema.count_tickets() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off  -- as enter_tickets
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
$$;

CREATE OR REPLACE FUNCTION raffle_schema.guard_raffle_draw() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_raffle_status text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT r.status INTO v_raffle_status FROM raffle_schema.raffles AS r WHERE r.id = NEW.raffle_id FOR SHARE;
        IF v_raffle_status <> 'CLOSED' OR NEW.status <> 'FROZEN' THEN
            RAISE EXCEPTION 'a draw begins FROZEN in a CLOSED raffle, not % in a % one', NEW.status, v_raffle_status
                USING ERRCODE = 'check_violation';
        END IF;
        IF NOT EXISTS (
               SELECT FROM raffle_schema.raffle_totals AS t
                WHERE t.raffle_id = NEW.raffle_id
                  AND (t.ticket_count, t.participant_count) = (NEW.ticket_count, NEW.participant_count)) THEN
            RAISE EXCEPTION 'the draw does not count the raffle''s tickets and participants'
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
COMMENT ON FUNCTION raffle_schema.guard_raffle_draw() IS
    'A draw counts what its raffle holds; what was frozen stays; it goes from FROZEN to DRAWN or VOID and no further.';

-- The states of a raffle ----------------------------------------------------------------------------------------------

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
$$;

CREATE OR REPLACE FUNCTION raffle_schema.audit_raffles() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION raffle_schema.audit_raffles() IS
    'Every raffle made, changed or deleted and every change of its state, in the audit log.';

-- Who may take part ---------------------------------------------------------------------------------------------------

CREATE TABLE raffle_schema.account_states (
    user_id uuid NOT NULL,
    is_active boolean NOT NULL,
    is_erased boolean NOT NULL,
    role text NOT NULL DEFAULT 'CUSTOMER',
    as_of timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT account_states_pk PRIMARY KEY (user_id),
    CONSTRAINT account_states_erased_check CHECK (NOT (is_active AND is_erased)),
    CONSTRAINT account_states_role_check CHECK (role ~ '^[A-Z][A-Z_]{1,49}$')
);
-- entry_exclusions: the few accounts that are not active.
CREATE INDEX account_states_inactive_user_id_idx ON raffle_schema.account_states (user_id) WHERE NOT is_active;
-- entry_exclusions: those who are no customers.
CREATE INDEX account_states_staff_user_id_idx ON raffle_schema.account_states (user_id) WHERE role <> 'CUSTOMER';
COMMENT ON TABLE raffle_schema.account_states IS
    'Accounts that are or were not active, or no customers, as the auth service last told by event. An account without a '
    'row is an active customer.';
COMMENT ON COLUMN raffle_schema.account_states.user_id IS 'Personal data: public id of the account.';
COMMENT ON COLUMN raffle_schema.account_states.role IS
    'As the auth service names it. Who runs stations, raffles or the chain takes no part where employees do not.';
COMMENT ON COLUMN raffle_schema.account_states.as_of IS 'Time of the event.';
CREATE TRIGGER account_states_set_updated_at BEFORE UPDATE ON raffle_schema.account_states
    FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.employments (
    employee_number text NOT NULL,
    user_id uuid NOT NULL,
    is_active boolean NOT NULL,
    version bigint,
    as_of timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT employments_pk PRIMARY KEY (employee_number),
    CONSTRAINT employments_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$')
);
-- Is this person an employee; export and erasure of a person.
CREATE INDEX employments_user_id_idx ON raffle_schema.employments (user_id);
COMMENT ON TABLE raffle_schema.employments IS
    'Who works for the chain, as the station service last told by event: employees take no part in its raffles.';
COMMENT ON COLUMN raffle_schema.employments.user_id IS 'Personal data: public id of the employee.';
COMMENT ON COLUMN raffle_schema.employments.version IS
    'The event''s number: an older one that comes late changes nothing. Where either has none, their times decide.';
COMMENT ON COLUMN raffle_schema.employments.as_of IS 'Time of the event.';
CREATE TRIGGER employments_set_updated_at BEFORE UPDATE ON raffle_schema.employments
    FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.excluded_persons (
    id bigint GENERATED ALWAYS AS IDENTITY,
    public_id uuid NOT NULL DEFAULT gen_random_uuid(),
    raffle_id bigint,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    note text,
    created_by text DEFAULT raffle_schema.request_context('actor'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT excluded_persons_pk PRIMARY KEY (id),
    CONSTRAINT excluded_persons_public_id_key UNIQUE (public_id),
    CONSTRAINT excluded_persons_user_id_raffle_id_key UNIQUE NULLS NOT DISTINCT (user_id, raffle_id),
    CONSTRAINT excluded_persons_raffle_id_fk FOREIGN KEY (raffle_id)
        REFERENCES raffle_schema.raffles (id) ON DELETE CASCADE,
    CONSTRAINT excluded_persons_kind_check CHECK (kind IN ('FAMILY', 'ORGANIZER', 'SUPPLIER', 'SELF_EXCLUDED', 'OTHER')),
    CONSTRAINT excluded_persons_note_check CHECK (length(btrim(note)) BETWEEN 1 AND 500),
    CONSTRAINT excluded_persons_created_by_check CHECK (length(created_by) <= 128)
);
-- Who is kept out of one raffle; the foreign key.
CREATE INDEX excluded_persons_raffle_id_idx ON raffle_schema.excluded_persons (raffle_id);
COMMENT ON TABLE raffle_schema.excluded_persons IS
    'Persons that the staff keeps out of one raffle, or of all where none is named. Employees need not be here.';
COMMENT ON COLUMN raffle_schema.excluded_persons.user_id IS 'Personal data: public id of the person.';
COMMENT ON COLUMN raffle_schema.excluded_persons.note IS 'Personal data: why, in somebody''s words.';
COMMENT ON COLUMN raffle_schema.excluded_persons.created_by IS
    'Personal data: who said so, a public id or a service''s name.';

CREATE FUNCTION raffle_schema.audit_exclusions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.audit_exclusions() FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.audit_exclusions() IS
    'Every person kept out and let in again, in the audit log; its subject is the public id of the row.';
CREATE TRIGGER excluded_persons_audit_insert AFTER INSERT ON raffle_schema.excluded_persons
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_exclusions();
CREATE TRIGGER excluded_persons_audit_delete AFTER DELETE ON raffle_schema.excluded_persons
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_exclusions();

CREATE TABLE raffle_schema.age_confirmations (
    raffle_id bigint NOT NULL,
    user_id uuid NOT NULL,
    min_age smallint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT age_confirmations_pk PRIMARY KEY (raffle_id, user_id),
    CONSTRAINT age_confirmations_raffle_id_fk FOREIGN KEY (raffle_id)
        REFERENCES raffle_schema.raffles (id) ON DELETE RESTRICT,
    CONSTRAINT age_confirmations_min_age_check CHECK (min_age BETWEEN 12 AND 99)
);
-- Export of a person.
CREATE INDEX age_confirmations_user_id_idx ON raffle_schema.age_confirmations (user_id);
COMMENT ON TABLE raffle_schema.age_confirmations IS
    'Who confirmed to be as old as a raffle asks, before it closed. Never a date of birth.';
COMMENT ON COLUMN raffle_schema.age_confirmations.user_id IS 'Personal data: public id of the participant.';

CREATE FUNCTION raffle_schema.is_kept_out(p_raffle_id bigint, p_user_id uuid) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (SELECT FROM raffle_schema.excluded_persons AS x
                    WHERE x.user_id = p_user_id AND (x.raffle_id = p_raffle_id OR x.raffle_id IS NULL))
        OR EXISTS (SELECT FROM raffle_schema.account_states AS a WHERE a.user_id = p_user_id AND a.is_erased)
        OR EXISTS (SELECT FROM raffle_schema.employments AS m
                     JOIN raffle_schema.raffles AS r ON r.id = p_raffle_id AND r.excludes_employees
                    WHERE m.user_id = p_user_id AND m.is_active)
        OR EXISTS (SELECT FROM raffle_schema.account_states AS a
                     JOIN raffle_schema.raffles AS r ON r.id = p_raffle_id AND r.excludes_employees
                    WHERE a.user_id = p_user_id AND a.role <> 'CUSTOMER')
    $$;
COMMENT ON FUNCTION raffle_schema.is_kept_out(bigint, uuid) IS
    'Whether a person takes no part in a raffle now: kept out by the staff, erased, or where employees '
    'are kept out an employee, or whose account is no customer''s.';

-- The disqualified tickets of a raffle: entry_exclusions.
CREATE INDEX raffle_tickets_disqualified_idx ON raffle_schema.raffle_tickets (raffle_id, entry_id)
    WHERE disqualified_at IS NOT NULL;

CREATE FUNCTION raffle_schema.entry_exclusions(p_raffle_id bigint) RETURNS TABLE (entry_id bigint, reason text)
    LANGUAGE sql STABLE
    AS $$
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
    $$;
COMMENT ON FUNCTION raffle_schema.entry_exclusions(bigint) IS
    'The entries with tickets that a freeze now leaves out, each with its first reason: EXCLUDED_PERSON, UNVERIFIED (age '
    'not confirmed), NOT_ELIGIBLE (account not active, or too few tickets), DISQUALIFIED (all of its tickets).';

-- Intake --------------------------------------------------------------------------------------------------------------

CREATE TABLE raffle_schema.revoked_tickets (
    ticket_number text NOT NULL,
    revoked_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT revoked_tickets_pk PRIMARY KEY (ticket_number),
    CONSTRAINT revoked_tickets_ticket_number_check CHECK (raffle_schema.is_ticket_number(ticket_number))
);
COMMENT ON TABLE raffle_schema.revoked_tickets IS
    'Tickets that were taken back, which is for good: a message of before that comes late, or again, does not enter them.';

CREATE TABLE raffle_schema.refused_tickets (
    id bigint GENERATED ALWAYS AS IDENTITY,
    raffle_code text NOT NULL,
    issuance_id uuid NOT NULL,
    user_id uuid NOT NULL,
    reason text NOT NULL,
    ticket_numbers text[] NOT NULL,
    entered_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT refused_tickets_pk PRIMARY KEY (id),
    CONSTRAINT refused_tickets_reason_check CHECK (reason IN (
        'NOT_OPEN', 'EXCLUDED_PERSON', 'OVER_LIMIT', 'ELSEWHERE', 'RAFFLE_CANCELLED')),
    CONSTRAINT refused_tickets_ticket_numbers_check CHECK (cardinality(ticket_numbers) BETWEEN 1 AND 10000)
);
-- "My tickets that a raffle did not take"; export of a person.
CREATE INDEX refused_tickets_user_id_idx ON raffle_schema.refused_tickets (user_id, id DESC);
-- What a raffle did not take.
CREATE INDEX refused_tickets_raffle_code_idx ON raffle_schema.refused_tickets (raffle_code, id DESC);
COMMENT ON TABLE raffle_schema.refused_tickets IS
    'Tickets that a raffle did not take or gave back, and why. Each is told to the redemption service by event in the '
    'same transaction, where its holder may choose again.';
COMMENT ON COLUMN raffle_schema.refused_tickets.user_id IS 'Personal data: public id of the holder.';

CREATE FUNCTION raffle_schema.tell_refused_tickets() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.tell_refused_tickets() FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.tell_refused_tickets() IS
    'Writes tickets.refused for every row: no ticket is refused or given back without its holder''s being told.';
CREATE TRIGGER refused_tickets_tell AFTER INSERT ON raffle_schema.refused_tickets
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.tell_refused_tickets();

CREATE FUNCTION raffle_schema.enter_tickets(
    p_raffle_codes text[], p_issuance_ids uuid[], p_user_ids uuid[], p_sources text[], p_entered_at timestamptz[],
    p_numbers text[])
    RETURNS TABLE (entered integer, refused integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    -- A session keeps its plans: one from when the tables were small must not go through them when they are not.
    SET enable_seqscan = off
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION
    raffle_schema.enter_tickets(text[], uuid[], uuid[], text[], timestamptz[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.enter_tickets(text[], uuid[], uuid[], text[], timestamptz[], text[]) IS
    'Enters the tickets of many messages at once; p_numbers has those of each, with commas between. A number that the '
    'raffle had before, or that was taken back, is passed over. What the raffle does not take goes into refused_tickets, '
    'with the reason: NOT_OPEN, EXCLUDED_PERSON, ELSEWHERE (in another raffle), OVER_LIMIT. Gives how many tickets came in '
    'and how many were refused. Locks the raffles shared, and the participants of raffles with a limit.';

CREATE FUNCTION raffle_schema.withdraw_tickets(p_raffle_codes text[], p_revoked_at timestamptz[], p_numbers text[])
    RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.withdraw_tickets(text[], timestamptz[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.withdraw_tickets(text[], timestamptz[], text[]) IS
    'Tickets that were taken back leave a raffle that is OPEN; in one that is closed they are disqualified; all are '
    'kept in mind, so that a message that comes late does not enter them. Gives how many left.';

CREATE FUNCTION raffle_schema.withdraw_cancelled(p_at_most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.withdraw_cancelled(integer) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.withdraw_cancelled(integer) IS
    'Gives at most so many tickets of cancelled raffles back to their holders, of the raffle first that was cancelled '
    'first; how many. 0: none is left. Locks the raffle; passes over one that another process is at.';

CREATE FUNCTION raffle_schema.forget_refused_tickets(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.forget_refused_tickets(integer) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.forget_refused_tickets(integer) IS
    'Deletes what raffles did not take more than a year ago, p_limit rows at most, the oldest first; how many.';

CREATE FUNCTION raffle_schema.lock_participants(
    p_raffle_codes text[], p_user_ids uuid[], p_enters boolean[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.lock_participants(text[], uuid[], boolean[]) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.lock_participants(text[], uuid[], boolean[]) IS
    'Before tickets of one transaction enter and leave by several statements: locks the raffles shared and then all whom '
    'they concern, by raffle and user, so that two such transactions come one after the other. Who enters an open raffle '
    'gets a row with no tickets for it.';

CREATE FUNCTION raffle_schema.forget_person(p_user_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.forget_person(uuid) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.forget_person(uuid) IS
    'Forgets addresses, devices and texts about an erased user. Entries, tickets and draws stay: their hashes are '
    'published, and name nobody. Again changes nothing but what came since; refuses for who is not erased.';

-- Erasure of who made changes (forget_person).
CREATE INDEX raffle_audit_log_actor_idx ON raffle_schema.raffle_audit_log (actor);

-- What still tells from where, the oldest first (forget_addresses).
CREATE INDEX raffle_audit_log_with_address_created_at_idx
    ON raffle_schema.raffle_audit_log (created_at) WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;

CREATE FUNCTION raffle_schema.forget_addresses(p_limit integer) RETURNS integer
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
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.forget_addresses(integer) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.forget_addresses(integer) IS
    'Takes addresses and user agents out of p_limit entries of the log that are older than a year, the oldest first, and '
    'out of those of the same moment as the last. Fewer than p_limit: no more are left. What, who and when stay.';

-- Rights --------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
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
    TO raffle_app;
GRANT INSERT (min_age, min_tickets_per_user, excludes_employees, requires_active_account, takes_choices,
              free_entries_per_day, opens_by_itself),
      UPDATE (min_age, min_tickets_per_user, excludes_employees, requires_active_account, takes_choices,
              free_entries_per_day, opens_by_itself)
      ON raffle_schema.raffles TO raffle_app;
REVOKE UPDATE (owner_tag) ON raffle_schema.raffle_entries FROM raffle_app;
GRANT INSERT (sponsor), UPDATE (sponsor) ON raffle_schema.raffle_prizes TO raffle_app;
GRANT SELECT, INSERT (raffle_id, version, body) ON raffle_schema.raffle_terms TO raffle_app;
GRANT SELECT, INSERT (user_id, is_active, is_erased, role, as_of), UPDATE (is_active, is_erased, role, as_of)
      ON raffle_schema.account_states TO raffle_app;
GRANT SELECT, INSERT (employee_number, user_id, is_active, version, as_of),
      UPDATE (user_id, is_active, version, as_of)
      ON raffle_schema.employments TO raffle_app;
GRANT SELECT, DELETE, INSERT (raffle_id, user_id, kind, note) ON raffle_schema.excluded_persons TO raffle_app;
GRANT SELECT, INSERT (raffle_id, user_id, min_age) ON raffle_schema.age_confirmations TO raffle_app;
GRANT SELECT ON raffle_schema.revoked_tickets, raffle_schema.refused_tickets TO raffle_app;
GRANT SELECT ON raffle_schema.account_states, raffle_schema.employments, raffle_schema.age_confirmations,
      raffle_schema.revoked_tickets, raffle_schema.refused_tickets TO raffle_ro;
GRANT SELECT (raffle_id, version, body, sha256, created_at) ON raffle_schema.raffle_terms TO raffle_ro;
GRANT SELECT (id, public_id, raffle_id, user_id, kind, created_at) ON raffle_schema.excluded_persons TO raffle_ro;
