-- Takes back V1__init.sql: the views, the tables with their partitions, triggers and indexes, then the functions.
DROP VIEW raffle_schema.raffle_summary;
DROP VIEW raffle_schema.raffle_totals;
DROP TABLE raffle_schema.raffle_winners;
DROP TABLE raffle_schema.raffle_counters;
DROP TABLE raffle_schema.raffle_participants;
DROP TABLE raffle_schema.raffle_tickets;
DROP TABLE raffle_schema.raffle_entries;
DROP TABLE raffle_schema.raffle_draws;
DROP TABLE raffle_schema.raffle_audit_log;
DROP TABLE raffle_schema.raffle_prizes;
DROP TABLE raffle_schema.raffles;
DROP FUNCTION raffle_schema.follow_winners();
DROP FUNCTION raffle_schema.guard_raffle_winner();
DROP FUNCTION raffle_schema.audit_disqualifications();
DROP FUNCTION raffle_schema.count_tickets();
DROP FUNCTION raffle_schema.add_ticket_counts(bigint[], bigint[], uuid[], integer[]);
DROP FUNCTION raffle_schema.check_places();
DROP FUNCTION raffle_schema.check_entry_window();
DROP FUNCTION raffle_schema.is_ticket_number(text);
DROP FUNCTION raffle_schema.audit_prizes();
DROP FUNCTION raffle_schema.guard_raffle_prize();
DROP FUNCTION raffle_schema.audit_draws();
DROP FUNCTION raffle_schema.audit_raffles();
DROP FUNCTION raffle_schema.guard_raffle();
DROP FUNCTION raffle_schema.guard_raffle_draw();
REVOKE EXECUTE ON FUNCTION
    raffle_schema.request_context(text),
    raffle_schema.ensure_all_month_partitions(integer)
    FROM raffle_app;
REVOKE USAGE ON SCHEMA raffle_schema FROM raffle_app, raffle_ro;
