-- That the sample's raffles are the raffle service's own words, and which of them is drawn.

UPDATE redemption_schema.ticket_raffles
   SET is_told = true
 WHERE raffle_code IN ('MONTHLY-2026-12', 'NEWYEAR-2027', 'WEEKLY-2026-47') AND NOT is_told;

INSERT INTO redemption_schema.drawn_raffles (raffle_code, drawn_at, tickets_ended_at)
VALUES ('WEEKLY-2026-47', '2026-11-17 06:00:10Z', '2026-11-17 06:01:00Z')
    ON CONFLICT (raffle_code) DO NOTHING;
