-- Nothing is lost: phone has the same values.
DROP TRIGGER customers_keep_phones_equal ON shop.customers;
DROP FUNCTION shop.keep_phones_equal();
ALTER TABLE shop.customers DROP COLUMN phone_number;
