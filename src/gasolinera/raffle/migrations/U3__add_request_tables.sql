-- Takes back V3__add_request_tables.sql. Answers and counts are lost: a repetition within the day has its effect again.
DROP FUNCTION raffle_schema.forget_old_requests(integer);
DROP TABLE raffle_schema.rate_limits;
DROP TABLE raffle_schema.idempotency_keys;
