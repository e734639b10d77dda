-- The list of a draw as it was frozen, in pages of leaves and tiles of hashes; who was left out; and what was drawn.
-- vuelo: allow require-concurrent-index-creation nothing but sample data is there before raffles are drawn
-- vuelo: allow constraint-missing-not-valid nothing but sample data is there before raffles are drawn
-- vuelo: allow locking-several-tables nothing but sample data is there before raffles are drawn

-- Weights -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION raffle_schema.are_source_weights(p_weights jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT jsonb_typeof(p_weights) = 'object'
       AND p_weights ?& ARRAY['COUPON_REDEMPTION', 'AD_ENGAGEMENT', 'PROMOTIONAL', 'BONUS', 'FREE_ENTRY']
       AND p_weights - ARRAY['COUPON_REDEMPTION', 'AD_ENGAGEMENT', 'PROMOTIONAL', 'BONUS', 'FREE_ENTRY'] = '{}'
       AND NOT EXISTS (SELECT FROM jsonb_each(p_weights) AS w
                        WHERE w.value::text !~ '^([1-9][0-9]{0,2}|1000)$')
    $$;
COMMENT ON FUNCTION raffle_schema.are_source_weights(jsonb) IS
    'A whole number from 1 to 1000 for each of the five sources, and nothing else.';

ALTER TABLE raffle_schema.raffles
    ADD COLUMN source_weights jsonb,
    ADD CONSTRAINT raffles_source_weights_check CHECK (
        source_weights IS NULL OR (selection_algorithm = 'WEIGHTED' AND raffle_schema.are_source_weights(source_weights)));
COMMENT ON COLUMN raffle_schema.raffles.source_weights IS
    'How much a ticket weighs in a WEIGHTED draw, by where it came from; NULL: each ticket 1.';

CREATE FUNCTION raffle_schema.guard_source_weights() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'raffle % is %: its published rules do not change any more', OLD.raffle_code, OLD.status
        USING ERRCODE = 'restrict_violation';
END
$$;
COMMENT ON FUNCTION raffle_schema.guard_source_weights() IS 'The weights are published rules like the others.';
CREATE TRIGGER raffles_guard_source_weights BEFORE UPDATE ON raffle_schema.raffles
    FOR EACH ROW WHEN (OLD.status <> 'DRAFT' AND OLD.source_weights IS DISTINCT FROM NEW.source_weights)
    EXECUTE FUNCTION raffle_schema.guard_source_weights();

-- The frozen list -----------------------------------------------------------------------------------------------------

CREATE TABLE raffle_schema.draw_exclusions (
    draw_number bigint NOT NULL,
    entry_id bigint NOT NULL,
    entry_hash bytea NOT NULL,
    ticket_count integer NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT draw_exclusions_pk PRIMARY KEY (draw_number, entry_id),
    -- The list is made before the manifest that is over it, in one transaction.
    CONSTRAINT draw_exclusions_draw_number_fk FOREIGN KEY (draw_number)
        REFERENCES raffle_schema.raffle_draws (chain_number) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT draw_exclusions_entry_id_fk FOREIGN KEY (entry_id)
        REFERENCES raffle_schema.raffle_entries (id) ON DELETE RESTRICT,
    CONSTRAINT draw_exclusions_entry_hash_check CHECK (octet_length(entry_hash) = 28),
    CONSTRAINT draw_exclusions_ticket_count_check CHECK (ticket_count >= 1),
    CONSTRAINT draw_exclusions_reason_check
        CHECK (reason IN ('EXCLUDED_PERSON', 'UNVERIFIED', 'DISQUALIFIED', 'NOT_ELIGIBLE'))
);
-- The foreign key.
CREATE INDEX draw_exclusions_entry_id_idx ON raffle_schema.draw_exclusions (entry_id);
-- excluded_after: the published list, in its order.
CREATE INDEX draw_exclusions_draw_number_entry_hash_idx ON raffle_schema.draw_exclusions (draw_number, entry_hash);
COMMENT ON TABLE raffle_schema.draw_exclusions IS
    'Entries with tickets that a draw left out, and why; the manifest has their count and the hash of their list.';

CREATE TABLE raffle_schema.draw_leaf_pages (
    draw_number bigint NOT NULL,
    page_number bigint NOT NULL,
    first_entry_hash bytea NOT NULL,
    range_start bigint NOT NULL,
    leaves bytea NOT NULL,
    entry_ids bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT draw_leaf_pages_pk PRIMARY KEY (draw_number, page_number),
    CONSTRAINT draw_leaf_pages_draw_number_fk FOREIGN KEY (draw_number)
        REFERENCES raffle_schema.raffle_draws (chain_number) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT draw_leaf_pages_page_number_check CHECK (page_number >= 0),
    CONSTRAINT draw_leaf_pages_leaves_check
        CHECK (octet_length(leaves) BETWEEN 54 AND 13824 AND octet_length(leaves) % 54 = 0),
    CONSTRAINT draw_leaf_pages_entry_ids_check CHECK (octet_length(entry_ids) * 54 = octet_length(leaves) * 8),
    CONSTRAINT draw_leaf_pages_first_entry_hash_check CHECK (octet_length(first_entry_hash) = 28),
    CONSTRAINT draw_leaf_pages_range_start_check CHECK (range_start >= 0)
);
-- Hashes and ids do not get shorter.
ALTER TABLE raffle_schema.draw_leaf_pages ALTER COLUMN leaves SET STORAGE EXTERNAL;
ALTER TABLE raffle_schema.draw_leaf_pages ALTER COLUMN entry_ids SET STORAGE EXTERNAL;
-- A proof: the page that an entry is in.
CREATE INDEX draw_leaf_pages_first_entry_hash_idx ON raffle_schema.draw_leaf_pages (draw_number, first_entry_hash);
-- The draw: the page that a point is in.
CREATE INDEX draw_leaf_pages_range_start_idx
    ON raffle_schema.draw_leaf_pages (draw_number, range_start, page_number);
COMMENT ON TABLE raffle_schema.draw_leaf_pages IS
    'The published list of a draw: 256 leaves of 54 bytes a row, the last row fewer, in the order of the list. '
    'docs/reference/draw-format.md says what a leaf is. Append-only.';
COMMENT ON COLUMN raffle_schema.draw_leaf_pages.first_entry_hash IS 'Of its first leaf.';
COMMENT ON COLUMN raffle_schema.draw_leaf_pages.range_start IS 'Where the range of its first leaf begins.';
COMMENT ON COLUMN raffle_schema.draw_leaf_pages.entry_ids IS
    'The ids of the leaves'' entries, 8 bytes each, most significant first. Not published.';

CREATE TABLE raffle_schema.draw_tiles (
    draw_number bigint NOT NULL,
    level integer NOT NULL,
    tile_number bigint NOT NULL,
    hashes bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT draw_tiles_pk PRIMARY KEY (draw_number, level, tile_number),
    CONSTRAINT draw_tiles_draw_number_fk FOREIGN KEY (draw_number)
        REFERENCES raffle_schema.raffle_draws (chain_number) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT draw_tiles_level_check CHECK (level BETWEEN 1 AND 7),
    CONSTRAINT draw_tiles_tile_number_check CHECK (tile_number >= 0),
    CONSTRAINT draw_tiles_hashes_check
        CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0)
);
ALTER TABLE raffle_schema.draw_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
COMMENT ON TABLE raffle_schema.draw_tiles IS
    'The tree over the pages: at level 1 the roots of 256 pages a row, at level 2 those of 256 rows of level 1, and so '
    'on. Level 0, the hashes of leaves, is not kept: a page gives them in less than a millisecond. Append-only.';

CREATE TABLE raffle_schema.draw_positions (
    draw_number bigint NOT NULL,
    draw_position integer NOT NULL,
    block_number bigint NOT NULL,
    point bigint NOT NULL,
    leaf_index bigint NOT NULL,
    ticket_number text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT draw_positions_pk PRIMARY KEY (draw_number, draw_position),
    CONSTRAINT draw_positions_draw_number_fk FOREIGN KEY (draw_number)
        REFERENCES raffle_schema.raffle_draws (chain_number) ON DELETE RESTRICT,
    CONSTRAINT draw_positions_draw_number_ticket_number_key UNIQUE (draw_number, ticket_number),
    CONSTRAINT draw_positions_draw_position_check CHECK (draw_position >= 1),
    CONSTRAINT draw_positions_block_number_check CHECK (block_number >= 0),
    CONSTRAINT draw_positions_point_check CHECK (point >= 0),
    CONSTRAINT draw_positions_leaf_index_check CHECK (leaf_index >= 0),
    CONSTRAINT draw_positions_ticket_number_check CHECK (raffle_schema.is_ticket_number(ticket_number))
);
-- May the opening of an entry be shown: has it won.
CREATE INDEX draw_positions_leaf_index_idx ON raffle_schema.draw_positions (draw_number, leaf_index);
COMMENT ON TABLE raffle_schema.draw_positions IS
    'The one sequence that the randomness gave: first the prizes in their order, then the alternates. Append-only; '
    'what becomes of a position stands in raffle_winners.';

CREATE TABLE raffle_schema.draw_consulted_leaves (
    draw_number bigint NOT NULL,
    leaf_index bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT draw_consulted_leaves_pk PRIMARY KEY (draw_number, leaf_index),
    CONSTRAINT draw_consulted_leaves_draw_number_fk FOREIGN KEY (draw_number)
        REFERENCES raffle_schema.raffle_draws (chain_number) ON DELETE RESTRICT,
    CONSTRAINT draw_consulted_leaves_leaf_index_check CHECK (leaf_index >= 0)
);
COMMENT ON TABLE raffle_schema.draw_consulted_leaves IS
    'Every leaf that a block of the draw pointed to, those that were skipped too: a bundle shows them all. Append-only.';

CREATE FUNCTION raffle_schema.guard_frozen_list() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_frozen_list() FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.guard_frozen_list() IS 'Nothing is added to the list of a draw that has a manifest.';
CREATE TRIGGER draw_exclusions_guard AFTER INSERT ON raffle_schema.draw_exclusions
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.guard_frozen_list();
CREATE TRIGGER draw_leaf_pages_guard AFTER INSERT ON raffle_schema.draw_leaf_pages
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.guard_frozen_list();
CREATE TRIGGER draw_tiles_guard AFTER INSERT ON raffle_schema.draw_tiles
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.guard_frozen_list();

CREATE FUNCTION raffle_schema.guard_drawn_list() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.guard_drawn_list() FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.guard_drawn_list() IS 'What a draw gave is written once, with the randomness.';
CREATE TRIGGER draw_positions_guard AFTER INSERT ON raffle_schema.draw_positions
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.guard_drawn_list();
CREATE TRIGGER draw_consulted_leaves_guard AFTER INSERT ON raffle_schema.draw_consulted_leaves
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.guard_drawn_list();

CREATE TRIGGER draw_exclusions_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_schema.draw_exclusions
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();
CREATE TRIGGER draw_leaf_pages_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_schema.draw_leaf_pages
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();
CREATE TRIGGER draw_tiles_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_schema.draw_tiles
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();
CREATE TRIGGER draw_positions_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_schema.draw_positions
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();
CREATE TRIGGER draw_consulted_leaves_refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_schema.draw_consulted_leaves
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

-- Draws ---------------------------------------------------------------------------------------------------------------

ALTER TABLE raffle_schema.raffle_draws
    ADD COLUMN excluded_entry_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN excluded_ticket_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN blocks_read bigint,
    ADD COLUMN void_document bytea,
    ADD CONSTRAINT raffle_draws_excluded_check CHECK (
        excluded_entry_count >= 0 AND excluded_ticket_count >= excluded_entry_count),
    ADD CONSTRAINT raffle_draws_blocks_read_check CHECK (blocks_read IS NULL OR (blocks_read >= 1 AND status = 'DRAWN')),
    ADD CONSTRAINT raffle_draws_void_document_check CHECK (
        void_document IS NULL OR (octet_length(void_document) BETWEEN 1 AND 65536 AND status = 'VOID'));
COMMENT ON COLUMN raffle_schema.raffle_draws.blocks_read IS 'How many blocks of the hash stream the draw read.';
COMMENT ON COLUMN raffle_schema.raffle_draws.void_document IS 'The published bytes that void_signature is over.';
-- The time of the list, which is made and locked by then, and not that of the transaction's beginning.
ALTER TABLE raffle_schema.raffle_draws ALTER COLUMN frozen_at SET DEFAULT clock_timestamp();
-- The draws that wait for their round.
CREATE INDEX raffle_draws_frozen_beacon_round_at_idx ON raffle_schema.raffle_draws (beacon_round_at)
    WHERE status = 'FROZEN';

CREATE FUNCTION raffle_schema.stated_gap(p_manifest bytea) RETURNS interval
    LANGUAGE plpgsql STABLE STRICT
    AS $$
BEGIN
    RETURN coalesce(
        make_interval(secs => (convert_from(p_manifest, 'UTF8')::jsonb #>> '{evidence,gap_s}')::integer), interval '0');
EXCEPTION
    WHEN data_exception THEN
        RETURN interval '0';
END
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.stated_gap(bytea) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.stated_gap(bytea) IS
    'How long before its round the freeze of a draw is over, by its manifest; nothing for what is no manifest.';

CREATE FUNCTION raffle_schema.has_evidence(p_draw_id bigint) RETURNS boolean
    LANGUAGE sql STABLE STRICT
    AS $$
    SELECT false AND p_draw_id > 0
    $$;
REVOKE EXECUTE ON FUNCTION raffle_schema.has_evidence(bigint) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.has_evidence(bigint) IS
    'Whether others than the operator say when a draw was frozen. Not before evidence can be kept.';

CREATE OR REPLACE FUNCTION raffle_schema.guard_raffle_draw() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
$$;
COMMENT ON FUNCTION raffle_schema.guard_raffle_draw() IS
    'A draw counts what its raffle holds and has its list; what was frozen stays; it goes from FROZEN to DRAWN or VOID '
    'and no further.';

CREATE FUNCTION raffle_schema.guard_freeze_in_time() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF clock_timestamp() + raffle_schema.stated_gap(NEW.manifest) > NEW.beacon_round_at THEN
        RAISE EXCEPTION 'draw % was frozen too late for its round', NEW.chain_number
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'raffle_draws_frozen_in_time_check';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION raffle_schema.guard_freeze_in_time() IS
    'A freeze is committed while its round is a gap away: no list waits, unseen, for the randomness.';
-- What was frozen in an earlier transaction is of the past, which the owner alone can write.
CREATE CONSTRAINT TRIGGER raffle_draws_in_time AFTER INSERT ON raffle_schema.raffle_draws
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.frozen_at >= NEW.created_at)
    EXECUTE FUNCTION raffle_schema.guard_freeze_in_time();

CREATE FUNCTION raffle_schema.guard_cancellation() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
$$;
COMMENT ON FUNCTION raffle_schema.guard_cancellation() IS
    'Nobody cancels a raffle whose winners he may know: from the gap before the round on it is drawn, unless evidence '
    'that it requires is missing, when it cannot be drawn.';
CREATE TRIGGER raffles_guard_cancellation BEFORE UPDATE ON raffle_schema.raffles
    FOR EACH ROW WHEN (NEW.status = 'CANCELLED' AND OLD.status <> 'CANCELLED')
    EXECUTE FUNCTION raffle_schema.guard_cancellation();

CREATE FUNCTION raffle_schema.guard_prizes_fit() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
$$;
COMMENT ON FUNCTION raffle_schema.guard_prizes_fit() IS
    'A raffle opens when its prizes fit into a manifest: found out at the freeze, nothing could be changed any more.';
CREATE TRIGGER raffles_guard_prizes_fit BEFORE UPDATE ON raffle_schema.raffles
    FOR EACH ROW WHEN (NEW.status = 'OPEN' AND OLD.status = 'DRAFT')
    EXECUTE FUNCTION raffle_schema.guard_prizes_fit();

-- Grants --------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    raffle_schema.are_source_weights(jsonb),
    raffle_schema.stated_gap(bytea),
    raffle_schema.has_evidence(bigint)
    TO raffle_app;
GRANT INSERT (source_weights), UPDATE (source_weights) ON raffle_schema.raffles TO raffle_app;
GRANT INSERT (excluded_entry_count, excluded_ticket_count), UPDATE (blocks_read, void_document)
      ON raffle_schema.raffle_draws TO raffle_app;
GRANT SELECT, INSERT (draw_number, entry_id, entry_hash, ticket_count, reason)
      ON raffle_schema.draw_exclusions TO raffle_app;
GRANT SELECT, INSERT (draw_number, page_number, first_entry_hash, range_start, leaves, entry_ids)
      ON raffle_schema.draw_leaf_pages TO raffle_app;
GRANT SELECT, INSERT (draw_number, level, tile_number, hashes) ON raffle_schema.draw_tiles TO raffle_app;
GRANT SELECT, INSERT (draw_number, draw_position, block_number, point, leaf_index, ticket_number)
      ON raffle_schema.draw_positions TO raffle_app;
GRANT SELECT, INSERT (draw_number, leaf_index) ON raffle_schema.draw_consulted_leaves TO raffle_app;
GRANT SELECT ON raffle_schema.draw_exclusions, raffle_schema.draw_leaf_pages, raffle_schema.draw_tiles,
      raffle_schema.draw_positions, raffle_schema.draw_consulted_leaves TO raffle_ro;
