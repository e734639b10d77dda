-- Takes back V3__Create_points_ledger_table.sql. The legacy points are lost with it.
DROP TABLE redemption_schema.points_ledger;
DROP TABLE redemption_schema.points_accounts;
DROP FUNCTION redemption_schema.book_points();
