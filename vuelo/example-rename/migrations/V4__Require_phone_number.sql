-- NOT VALID: new rows are checked from now on, the old ones are not read while the table is locked.
ALTER TABLE shop.customers
    ADD CONSTRAINT customers_phone_number_given_check CHECK (phone_number IS NOT NULL) NOT VALID;
