-- Takes back V2__add_event_tables.sql. Unpublished and unsettled events and dead letters are lost: drain them first.
DROP TABLE ad_schema.dead_letters;
DROP TABLE ad_schema.inbox_events;
DROP TABLE ad_schema.outbox_events;
