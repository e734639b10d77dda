-- Takes back V7__complete_tickets: others are told of tickets no more, and which raffles take tickets, who entered free,
-- the rules of points and who was erased are lost. Tickets, points and what was forgotten stay as they are.
-- vuelo: allow locking-several-tables nothing is read or written: all locks together last milliseconds

DROP FUNCTION redemption_schema.forget_person(uuid);
DROP INDEX redemption_schema.redemption_audit_log_cancelled_actor_idx;
COMMENT ON COLUMN redemption_schema.redemption_audit_log.details IS NULL;
COMMENT ON COLUMN redemption_schema.redemptions.cancellation_reason IS NULL;
DROP TABLE redemption_schema.erased_users;
DROP FUNCTION redemption_schema.expire_points(integer, uuid);
DROP FUNCTION redemption_schema.take_points_back(text);
DROP FUNCTION redemption_schema.points_remainders(uuid[]);
DROP TRIGGER points_ledger_await_expiry ON redemption_schema.points_ledger;
DROP FUNCTION redemption_schema.await_points_expiry();
DROP TABLE redemption_schema.points_expirations;
DROP TABLE redemption_schema.points_rules;
DROP FUNCTION redemption_schema.enter_free(uuid, text);
DROP TABLE redemption_schema.free_entries;
DROP TABLE redemption_schema.ticket_raffles;
DROP TRIGGER raffle_tickets_tell_changed ON redemption_schema.raffle_tickets;
DROP FUNCTION redemption_schema.tell_changed_tickets();
DROP TRIGGER raffle_tickets_tell_made ON redemption_schema.raffle_tickets;
DROP FUNCTION redemption_schema.tell_made_tickets();
