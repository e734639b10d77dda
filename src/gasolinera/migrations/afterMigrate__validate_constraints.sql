-- Constraints are added NOT VALID to tables in use, which keeps nobody waiting. Here the rows from before are looked at,
-- while everybody reads and writes. Where one breaks a constraint, migrate says so each time until it is mended.
DO $$
DECLARE
    added record;
BEGIN
    FOR added IN
        SELECT conrelid::regclass AS table_name, conname AS name
          FROM pg_constraint
         WHERE connamespace = '${flyway:defaultSchema}'::regnamespace AND contype IN ('c', 'f') AND NOT convalidated
         ORDER BY conrelid, conname
    LOOP
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', added.table_name, added.name);
    END LOOP;
END $$;
