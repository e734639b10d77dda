-- Takes back V1: the schema is left with the common functions alone.

DROP VIEW coupon_schema.available_coupons;
DROP VIEW coupon_schema.active_campaigns;
DROP VIEW coupon_schema.campaign_usage;
DROP TABLE coupon_schema.coupon_audit_log;
DROP TABLE coupon_schema.coupon_validation_attempts;
DROP TABLE coupon_schema.coupon_usage_history;
DROP TABLE coupon_schema.coupons;
DROP TABLE coupon_schema.qr_signing_keys;
DROP TABLE coupon_schema.campaign_user_usages;
DROP TABLE coupon_schema.campaign_usage_shards;
DROP TABLE coupon_schema.campaign_stations;
DROP TABLE coupon_schema.campaigns;
DROP FUNCTION coupon_schema.restore_coupon_usage();
DROP FUNCTION coupon_schema.count_coupon_usage();
DROP FUNCTION coupon_schema.count_campaign_usage(bigint[], smallint[], bigint[], numeric[]);
DROP FUNCTION coupon_schema.change_campaign_limits();
DROP FUNCTION coupon_schema.make_campaign_shards();
DROP FUNCTION coupon_schema.deal_campaign_limits(bigint, smallint[], bigint[], numeric[]);
DROP FUNCTION coupon_schema.log_campaign_changes();
DROP FUNCTION coupon_schema.check_coupon_change();
DROP FUNCTION coupon_schema.check_campaign_change();
DROP FUNCTION coupon_schema.is_time_zone(text);
DROP FUNCTION coupon_schema.discount_amount(text, numeric, numeric, text, numeric);
DROP FUNCTION coupon_schema.rounding_unit(text);
REVOKE EXECUTE ON FUNCTION coupon_schema.ensure_all_month_partitions(integer) FROM coupon_app;
REVOKE EXECUTE ON FUNCTION coupon_schema.request_context(text) FROM coupon_app;
REVOKE USAGE ON SCHEMA coupon_schema FROM coupon_app, coupon_ro;
