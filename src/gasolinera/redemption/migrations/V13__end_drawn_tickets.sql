-- Raffles that were drawn: their tickets had their draw, and end in batches. What a raffle did not take comes back even
-- from there, what it tells of itself nobody overwrites, and a purchase that is taken back after the draw is told.
-- vuelo: allow locking-several-tables functions and triggers are made, nothing is read: all locks last milliseconds

CREATE TABLE redemption_schema.drawn_raffles (
    raffle_code text NOT NULL,
    drawn_at timestamptz NOT NULL,
    tickets_ended_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT drawn_raffles_pk PRIMARY KEY (raffle_code),
    CONSTRAINT drawn_raffles_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$')
);
-- The job that ends tickets (end_drawn_tickets).
CREATE INDEX drawn_raffles_unended_idx ON redemption_schema.drawn_raffles (drawn_at) WHERE tickets_ended_at IS NULL;
COMMENT ON TABLE redemption_schema.drawn_raffles IS
    'Raffles that told of their draw. Ten million tickets are not ended by one event: a job does it in batches.';
COMMENT ON COLUMN redemption_schema.drawn_raffles.tickets_ended_at IS 'When the last ENTERED ticket became USED.';
CREATE TRIGGER drawn_raffles_set_updated_at BEFORE UPDATE ON redemption_schema.drawn_raffles
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

ALTER TABLE redemption_schema.ticket_raffles ADD COLUMN is_told boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN redemption_schema.ticket_raffles.is_told IS
    'Whether the raffle service has told what stands here: the staff changes it there and not here.';

CREATE OR REPLACE FUNCTION redemption_schema.guard_raffle_ticket() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF OLD.raffle_code IS NOT NULL AND NEW.raffle_code IS NOT NULL AND OLD.raffle_code <> NEW.raffle_code THEN
        RAISE EXCEPTION 'ticket % is in raffle % already', OLD.ticket_number, OLD.raffle_code
            USING ERRCODE = 'restrict_violation';
    END IF;
    -- ENTERED to ACTIVE: the raffle was cancelled or would not take the ticket, so its holder chooses again. From USED
    -- as well: a ticket on its way ends with its raffle, and then the raffle says that it was never in the draw.
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('ACTIVE', 'ENTERED'), ('ACTIVE', 'EXPIRED'), ('ACTIVE', 'CANCELLED'),
        ('ENTERED', 'ACTIVE'), ('ENTERED', 'USED'), ('ENTERED', 'CANCELLED'),
        ('USED', 'ACTIVE'), ('USED', 'CANCELLED')) THEN
        RAISE EXCEPTION 'ticket % cannot go from % to %', OLD.ticket_number, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status = 'ACTIVE' AND NEW.status = 'ENTERED' AND OLD.expires_at <= now() THEN
        RAISE EXCEPTION 'ticket % expired', OLD.ticket_number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION redemption_schema.guard_raffle_ticket() IS
    'The allowed transitions of a ticket: to one raffle at most, none after its expiry, back from a draw only when the '
    'raffle says that it was not in it.';

CREATE FUNCTION redemption_schema.tell_cancelled_after_draw() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    -- A ticket that is just ending is waited for, and then seen as it is.
    PERFORM FROM redemption_schema.raffle_tickets AS t
      WHERE t.redemption_id = NEW.id ORDER BY t.id FOR NO KEY UPDATE;
    INSERT INTO redemption_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    SELECT 'tickets.revoked', 'issuance', t.issuance_id::text,
           jsonb_build_object(
               'issuance_id', t.issuance_id, 'user_id', t.user_id, 'source', t.source, 'count', count(*),
               'numbers', jsonb_agg(t.ticket_number ORDER BY t.ordinal), 'raffle_code', t.raffle_code,
               'revoked_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
      FROM redemption_schema.raffle_tickets AS t
     WHERE t.redemption_id = NEW.id AND t.status = 'USED'
     GROUP BY t.issuance_id, t.user_id, t.source, t.raffle_code
     ORDER BY t.issuance_id;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.tell_cancelled_after_draw() FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.tell_cancelled_after_draw() IS
    'Writes tickets.revoked for tickets of a cancelled redemption that had their draw: they stay USED, and the raffle '
    'knows it before it hands a prize over. Locks the redemption''s tickets.';
CREATE TRIGGER redemptions_tell_cancelled_after_draw AFTER UPDATE OF status ON redemption_schema.redemptions
    FOR EACH ROW WHEN (OLD.status = 'COMPLETED' AND NEW.status = 'CANCELLED')
    EXECUTE FUNCTION redemption_schema.tell_cancelled_after_draw();

GRANT INSERT (is_told), UPDATE (is_told) ON redemption_schema.ticket_raffles TO redemption_app;
GRANT SELECT (is_told) ON redemption_schema.ticket_raffles TO redemption_ro;
GRANT UPDATE (expires_at) ON redemption_schema.raffle_tickets TO redemption_app;
GRANT SELECT, INSERT (raffle_code, drawn_at), UPDATE (tickets_ended_at) ON redemption_schema.drawn_raffles
      TO redemption_app;
GRANT SELECT ON redemption_schema.drawn_raffles TO redemption_ro;
