-- Alone in its file: CONCURRENTLY cannot run in a transaction.
CREATE UNIQUE INDEX CONCURRENTLY customers_phone_number_key ON shop.customers (phone_number);
