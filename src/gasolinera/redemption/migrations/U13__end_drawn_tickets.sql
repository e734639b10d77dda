-- Takes back V13. Tickets that had their draw stay USED.
-- vuelo: allow locking-several-tables nothing is read or written: all locks together last milliseconds
REVOKE UPDATE (expires_at) ON redemption_schema.raffle_tickets FROM redemption_app;
DROP TRIGGER redemptions_tell_cancelled_after_draw ON redemption_schema.redemptions;
DROP FUNCTION redemption_schema.tell_cancelled_after_draw();

CREATE OR REPLACE FUNCTION redemption_schema.guard_raffle_ticket() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
$$;
COMMENT ON FUNCTION redemption_schema.guard_raffle_ticket() IS
    'The allowed transitions of a ticket: to one raffle at most, none after its expiry, none back from a draw.';

ALTER TABLE redemption_schema.ticket_raffles DROP COLUMN is_told;
DROP TABLE redemption_schema.drawn_raffles;
