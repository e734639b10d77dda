-- Alone in its file, as its migration is.
DROP INDEX CONCURRENTLY shop.customers_phone_number_key;
