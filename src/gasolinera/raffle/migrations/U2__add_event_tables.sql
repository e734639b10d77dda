-- Takes back V2__add_event_tables.sql. Unpublished and unsettled events and dead letters are lost: drain them first.
DROP TABLE raffle_schema.dead_letters;
DROP TABLE raffle_schema.inbox_events;
DROP TABLE raffle_schema.outbox_events;
