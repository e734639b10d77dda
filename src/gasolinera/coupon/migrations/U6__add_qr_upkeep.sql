-- Takes back V6: terminals without a connection get no newer list until it is made again.
-- vuelo: allow locking-several-tables nothing is read: all of it together takes milliseconds

DROP TABLE coupon_schema.code_renewals;
DROP TRIGGER campaigns_note_revocation ON coupon_schema.campaigns;
DROP TRIGGER coupons_note_revocation ON coupon_schema.coupons;
DROP FUNCTION coupon_schema.note_revocation_change();
DROP TABLE coupon_schema.qr_revocation_changes;
DROP TABLE coupon_schema.qr_key_endorsements;
DROP TABLE coupon_schema.qr_revocation_lists;
