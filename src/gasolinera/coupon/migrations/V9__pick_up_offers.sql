-- Coupons that somebody picks up: a grant can come from an offer that its holder took.
-- vuelo: allow validating-in-same-transaction one pass over short rows, which all pass: the list of words only grows

ALTER TABLE coupon_schema.coupon_grants
    DROP CONSTRAINT coupon_grants_source_check,
    ADD CONSTRAINT coupon_grants_source_check CHECK (source IN ('WELCOME', 'LIST', 'OFFER')) NOT VALID;
ALTER TABLE coupon_schema.coupon_grants VALIDATE CONSTRAINT coupon_grants_source_check;
COMMENT ON COLUMN coupon_schema.coupon_grants.source IS
    'WELCOME: by being new. LIST: by a list. OFFER: taken by the person; its coupon is good as often as the campaign is '
    'for one person.';
COMMENT ON TABLE coupon_schema.coupon_grants IS
    'Who is owed a coupon of a campaign: by being new, by a list, or by having taken an offer. The coupon is made and '
    'signed by whoever has the key, in the transaction that writes coupon_id.';
