-- Takes back V6: terminals without a connection get no newer list until it is made again.
DROP TABLE coupon_schema.code_renewals;
DROP TABLE coupon_schema.qr_key_endorsements;
DROP TABLE coupon_schema.qr_revocation_lists;
