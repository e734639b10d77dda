REVOKE SELECT ON ${flyway:defaultSchema}.${flyway:table} FROM ${service}_app, ${service}_ro;
DROP FUNCTION ${flyway:defaultSchema}.ensure_all_month_partitions(integer);
DROP FUNCTION ${flyway:defaultSchema}.ensure_month_partitions(text, date, date);
DROP FUNCTION ${flyway:defaultSchema}.refuse_change();
DROP FUNCTION ${flyway:defaultSchema}.request_context(text);
DROP FUNCTION ${flyway:defaultSchema}.set_updated_at();
