-- Takes back V12__add_ad_bonuses.sql. What was decided about views is lost; tickets that were made stay, and a view that
-- is told of again finds its issuance.
DROP FUNCTION redemption_schema.take_ad_bonus_back(uuid, uuid, text, integer);
DROP FUNCTION redemption_schema.take_ad_bonus(uuid, uuid, text, integer, integer, integer);
DROP TABLE redemption_schema.ad_bonuses;
