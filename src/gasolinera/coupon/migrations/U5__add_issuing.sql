-- Takes back V5: the coupons that were issued stay, what tells them apart by batch does not.
DROP VIEW coupon_schema.coupon_batch_progress;
DROP TABLE coupon_schema.coupon_grants;
DROP TABLE coupon_schema.welcome_campaigns;
DROP TABLE coupon_schema.coupon_batch_chunks;
DROP TABLE coupon_schema.coupon_batches;
DROP FUNCTION coupon_schema.next_dense_index();
DROP FUNCTION coupon_schema.reserve_dense_indexes(integer);
