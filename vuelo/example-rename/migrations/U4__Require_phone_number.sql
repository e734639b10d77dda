-- Rows without a number are allowed again.
ALTER TABLE shop.customers DROP CONSTRAINT customers_phone_number_given_check;
