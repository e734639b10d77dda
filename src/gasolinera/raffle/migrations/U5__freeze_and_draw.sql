-- Takes back V5__freeze_and_draw.sql. The lists of draws, who was left out and their sequences are lost; draws stay.
-- vuelo: allow locking-several-tables taking back is done while nothing is drawn
-- vuelo: allow require-concurrent-index-deletion taking back is done while nothing is drawn

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

DROP TRIGGER raffles_guard_prizes_fit ON raffle_schema.raffles;
DROP FUNCTION raffle_schema.guard_prizes_fit();
DROP TRIGGER raffles_guard_cancellation ON raffle_schema.raffles;
DROP FUNCTION raffle_schema.guard_cancellation();
DROP TRIGGER raffle_draws_in_time ON raffle_schema.raffle_draws;
DROP FUNCTION raffle_schema.guard_freeze_in_time();
DROP FUNCTION raffle_schema.has_evidence(bigint);
DROP FUNCTION raffle_schema.stated_gap(bytea);
ALTER TABLE raffle_schema.raffle_draws ALTER COLUMN frozen_at SET DEFAULT now();
DROP INDEX raffle_schema.raffle_draws_frozen_beacon_round_at_idx;
ALTER TABLE raffle_schema.raffle_draws
    DROP COLUMN excluded_entry_count,
    DROP COLUMN excluded_ticket_count,
    DROP COLUMN blocks_read,
    DROP COLUMN void_document;
DROP TABLE raffle_schema.draw_consulted_leaves;
DROP TABLE raffle_schema.draw_positions;
DROP TABLE raffle_schema.draw_tiles;
DROP TABLE raffle_schema.draw_leaf_pages;
DROP TABLE raffle_schema.draw_exclusions;
DROP FUNCTION raffle_schema.guard_drawn_list();
DROP FUNCTION raffle_schema.guard_frozen_list();
DROP TRIGGER raffles_guard_source_weights ON raffle_schema.raffles;
DROP FUNCTION raffle_schema.guard_source_weights();
ALTER TABLE raffle_schema.raffles DROP COLUMN source_weights;
DROP FUNCTION raffle_schema.are_source_weights(jsonb);
