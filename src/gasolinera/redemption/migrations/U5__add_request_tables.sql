-- Takes back V5__add_request_tables.sql. Answers and counts are lost: a repetition within the day has its effect again.
DROP FUNCTION redemption_schema.forget_old_requests(integer);
DROP TABLE redemption_schema.rate_limits;
DROP TABLE redemption_schema.idempotency_keys;
