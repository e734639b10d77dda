-- Takes back V4__add_inbox_tables: what came in is forgotten, and so is what was given up.

DROP TABLE redemption_schema.dead_letters;
DROP TABLE redemption_schema.inbox_events;
ALTER TABLE redemption_schema.outbox_events ALTER COLUMN occurred_at SET DEFAULT now();
