-- Takes back V10__add_reports.sql. What a redemption was stays; the days it counted in, and the reports, go.
-- vuelo: allow locking-several-tables nothing is read or written: all locks together last milliseconds

DROP VIEW redemption_schema.redemption_summary;
DROP VIEW redemption_schema.redemption_statistics;
DROP VIEW redemption_schema.active_qr_validations;
DROP VIEW redemption_schema.active_raffle_tickets;
DROP VIEW redemption_schema.active_redemptions;
DROP FUNCTION redemption_schema.rebuild_redemption_days(date, date);
DROP FUNCTION redemption_schema.fold_report_changes(integer);
DROP TABLE redemption_schema.report_states;
DROP TABLE redemption_schema.redemption_days;
DROP TRIGGER redemptions_note_for_reports ON redemption_schema.redemptions;
DROP FUNCTION redemption_schema.note_for_reports();
DROP TABLE redemption_schema.report_changes;
DROP TRIGGER redemptions_set_business_day ON redemption_schema.redemptions;
DROP FUNCTION redemption_schema.date_redemption();
ALTER TABLE redemption_schema.redemptions DROP COLUMN business_day;
ALTER TABLE redemption_schema.station_positions DROP COLUMN time_zone;
