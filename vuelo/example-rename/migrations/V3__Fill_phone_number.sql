-- The rows from before the trigger, a thousand at a time. Each batch is committed, so no row stays locked for long and
-- a run that is stopped goes on where it was: V3__Fill_phone_number.sql.conf says that no transaction goes round it.
DO $$
DECLARE
    last_id bigint := 0;
    batch_end bigint;
BEGIN
    LOOP
        SELECT max(id) INTO batch_end
          FROM (SELECT id FROM shop.customers WHERE id > last_id ORDER BY id LIMIT 1000) AS batch;
        EXIT WHEN batch_end IS NULL;
        UPDATE shop.customers SET phone_number = phone
         WHERE id > last_id AND id <= batch_end AND phone_number IS NULL;
        COMMIT;
        last_id := batch_end;
    END LOOP;
END $$;
