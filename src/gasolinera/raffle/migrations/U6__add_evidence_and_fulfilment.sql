-- Takes back V6__add_evidence_and_fulfilment.sql, with what was kept of evidence and deliveries.
-- vuelo: allow require-concurrent-index-deletion They go with all the rest, in milliseconds.

DROP TRIGGER raffle_winners_pass_on ON raffle_schema.raffle_winners;
DROP FUNCTION raffle_schema.pass_prizes_on();
CREATE OR REPLACE FUNCTION raffle_schema.guard_raffle_winner() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
$$;
COMMENT ON FUNCTION raffle_schema.guard_raffle_winner() IS
    'A winner is a ticket of the draw, keeps what was drawn, and passes through the allowed states of fulfilment.';
DROP INDEX raffle_schema.raffle_winners_status_id_idx;
DROP INDEX raffle_schema.raffle_winners_alternate_idx;
DROP INDEX raffle_schema.raffle_winners_untold_idx;
ALTER TABLE raffle_schema.raffle_winners DROP CONSTRAINT raffle_winners_delivery_size_check;
DROP TABLE raffle_schema.winner_disqualifications;
DROP TABLE raffle_schema.prize_delivery_steps;
DROP TABLE raffle_schema.prize_claims;
DROP TABLE raffle_schema.draw_witness_signatures;
DROP TABLE raffle_schema.draw_timestamps;
DROP TABLE raffle_schema.draw_witnesses;
DROP FUNCTION raffle_schema.audit_fulfilment();
DROP FUNCTION raffle_schema.finish_delivery();
DROP FUNCTION raffle_schema.guard_delivery_step();
DROP FUNCTION raffle_schema.delivery_steps_of(text);
DROP FUNCTION raffle_schema.guard_draw_evidence();
DROP FUNCTION raffle_schema.evidence_until(bytea, timestamptz);
CREATE OR REPLACE FUNCTION raffle_schema.has_evidence(p_draw_id bigint) RETURNS boolean
    LANGUAGE sql STABLE STRICT
    AS $$
    SELECT false AND p_draw_id > 0
    $$;
COMMENT ON FUNCTION raffle_schema.has_evidence(bigint) IS
    'Whether others than the operator say when a draw was frozen. Not before evidence can be kept.';
DROP FUNCTION raffle_schema.audit_draw_witnesses();
