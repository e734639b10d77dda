-- The new name beside the old one, and a trigger that keeps both equal, whichever of them a program writes.
ALTER TABLE shop.customers ADD COLUMN phone_number text;

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
