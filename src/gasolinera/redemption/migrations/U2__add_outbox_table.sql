-- Takes back V2__add_outbox_table.sql. Unpublished events are lost: drain the outbox first.
DROP TABLE redemption_schema.outbox_events;
