-- Takes back V9__pick_up_offers.sql: what was picked up counts as handed out by a list.
-- vuelo: allow validating-in-same-transaction one pass over short rows
-- vuelo: allow working-under-lock the rows are few, and nobody may add one meanwhile

ALTER TABLE coupon_schema.coupon_grants DROP CONSTRAINT coupon_grants_source_check;
UPDATE coupon_schema.coupon_grants SET source = 'LIST' WHERE source = 'OFFER';
ALTER TABLE coupon_schema.coupon_grants
    ADD CONSTRAINT coupon_grants_source_check CHECK (source IN ('WELCOME', 'LIST')) NOT VALID;
ALTER TABLE coupon_schema.coupon_grants VALIDATE CONSTRAINT coupon_grants_source_check;
COMMENT ON COLUMN coupon_schema.coupon_grants.source IS NULL;
COMMENT ON TABLE coupon_schema.coupon_grants IS
    'Who is owed a coupon of a campaign: by being new, or by a list. The coupon is made and signed by whoever has the '
    'key, in the transaction that writes coupon_id.';
