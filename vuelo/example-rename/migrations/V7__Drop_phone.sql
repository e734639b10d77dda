-- vuelo: phase=contract
-- Once no program reads or writes phone any more.
DROP TRIGGER customers_keep_phones_equal ON shop.customers;
DROP FUNCTION shop.keep_phones_equal();
-- The check proves that no row lacks a number, so SET NOT NULL reads none; in one statement it would be dropped before.
ALTER TABLE shop.customers ALTER COLUMN phone_number SET NOT NULL;
ALTER TABLE shop.customers
    DROP CONSTRAINT customers_phone_number_given_check,
    DROP COLUMN phone;
