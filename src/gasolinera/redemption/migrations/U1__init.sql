-- Takes back V1__init.sql: the tables with their partitions, triggers and indexes, then the functions.
DROP TABLE redemption_schema.qr_validations;
DROP TABLE redemption_schema.fraud_reviews;
DROP TABLE redemption_schema.fraud_detection_log;
DROP TABLE redemption_schema.raffle_tickets;
DROP TABLE redemption_schema.ticket_issuances;
DROP TABLE redemption_schema.redemption_audit_log;
DROP TABLE redemption_schema.redemptions;
DROP FUNCTION redemption_schema.guard_qr_validation();
DROP FUNCTION redemption_schema.open_fraud_reviews();
DROP FUNCTION redemption_schema.follow_redemptions();
DROP FUNCTION redemption_schema.issue_tickets(text, text[], uuid[], integer[], text[], text[], timestamptz[], uuid[]);
DROP FUNCTION redemption_schema.guard_raffle_ticket();
DROP FUNCTION redemption_schema.is_ticket_number(text);
DROP FUNCTION redemption_schema.ticket_number(uuid, integer);
DROP FUNCTION redemption_schema.issuance_id_of(uuid);
DROP FUNCTION redemption_schema.guard_redemption();
DROP FUNCTION redemption_schema.next_transaction_reference();
DROP SEQUENCE redemption_schema.transaction_reference_seq;
REVOKE EXECUTE ON FUNCTION
    redemption_schema.request_context(text),
    redemption_schema.ensure_all_month_partitions(integer)
    FROM redemption_app;
REVOKE USAGE ON SCHEMA redemption_schema FROM redemption_app, redemption_ro;
