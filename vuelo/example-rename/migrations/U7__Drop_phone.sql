-- The values live on in phone_number: the old column comes back with all of them, and both names work again.
-- vuelo: allow working-under-lock Going back is an accident: being right counts for more than being open.
-- vuelo: allow adding-not-nullable-field The same.
-- vuelo: allow constraint-missing-not-valid The same.
-- vuelo: allow require-concurrent-index-creation The same.

ALTER TABLE shop.customers ADD COLUMN phone text;
UPDATE shop.customers SET phone = phone_number WHERE phone IS NULL;
ALTER TABLE shop.customers
    ALTER COLUMN phone SET NOT NULL,
    ALTER COLUMN phone_number DROP NOT NULL,
    ADD CONSTRAINT customers_phone_number_given_check CHECK (phone_number IS NOT NULL);
CREATE UNIQUE INDEX customers_phone_key ON shop.customers (phone);

CREATE FUNCTION shop.keep_phones_equal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.phone_number := coalesce(NEW.phone_number, NEW.phone);
        NEW.phone := NEW.phone_number;
    ELSIF NEW.phone_number IS DISTINCT FROM OLD.phone_number THEN
        NEW.phone := NEW.phone_number;
    ELSE
        NEW.phone_number := NEW.phone;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION shop.keep_phones_equal() IS 'phone becomes phone_number: programs of both releases are served.';

CREATE TRIGGER customers_keep_phones_equal BEFORE INSERT OR UPDATE ON shop.customers
    FOR EACH ROW EXECUTE FUNCTION shop.keep_phones_equal();
