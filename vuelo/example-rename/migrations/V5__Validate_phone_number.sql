-- Reads the whole table, and lets everybody read and write meanwhile.
ALTER TABLE shop.customers VALIDATE CONSTRAINT customers_phone_number_given_check;
