-- Takes back V9. What was assessed stays in the log.

DROP FUNCTION redemption_schema.assess_begun(text[], text[], text);
