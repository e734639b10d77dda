-- Takes back V3__add_request_tables.sql. Answers and counts are lost: a repetition within the day has its effect again.
DROP FUNCTION ad_schema.forget_old_requests(integer);
DROP TABLE ad_schema.rate_limits;
DROP TABLE ad_schema.idempotency_keys;
