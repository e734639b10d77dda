-- The list of revoked coupons that terminals hold while they have no connection, signed and kept by version; and which
-- codes are to be signed anew.
-- vuelo: allow locking-several-tables nothing is read: all of it together takes milliseconds

CREATE TABLE coupon_schema.qr_revocation_lists (
    version bigint NOT NULL,
    key_id smallint NOT NULL,
    covered bigint NOT NULL,
    revoked_count bigint NOT NULL,
    content_hash bytea NOT NULL,
    signed_list text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT qr_revocation_lists_pk PRIMARY KEY (version),
    CONSTRAINT qr_revocation_lists_key_id_fk FOREIGN KEY (key_id) REFERENCES coupon_schema.qr_signing_keys (key_id)
        ON DELETE RESTRICT,
    CONSTRAINT qr_revocation_lists_version_check CHECK (version >= 1),
    CONSTRAINT qr_revocation_lists_covered_check CHECK (covered BETWEEN 0 AND 4294967296),
    CONSTRAINT qr_revocation_lists_revoked_count_check CHECK (revoked_count BETWEEN 0 AND covered),
    CONSTRAINT qr_revocation_lists_content_hash_check CHECK (octet_length(content_hash) = 32),
    CONSTRAINT qr_revocation_lists_signed_list_check CHECK (
        signed_list ~ '^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$')
);
COMMENT ON TABLE coupon_schema.qr_revocation_lists IS
    'One bit a coupon, by dense index, as terminals get it: compressed and signed. The newest version counts; a few '
    'before it stay for whoever asks why a terminal refused a coupon. Made by one process at a time.';
COMMENT ON COLUMN coupon_schema.qr_revocation_lists.version IS
    'Counted up without gaps by whoever makes the list, since it is signed with it: terminals never go back.';
COMMENT ON COLUMN coupon_schema.qr_revocation_lists.covered IS
    'Coupons with a smaller dense index are in the list; later ones were issued after it.';
COMMENT ON COLUMN coupon_schema.qr_revocation_lists.content_hash IS
    'SHA-256 of the bits, by which a list that says the same as the one before is not made.';

-- The foreign key's own look-up.
CREATE INDEX qr_revocation_lists_key_id_idx ON coupon_schema.qr_revocation_lists (key_id);

CREATE TABLE coupon_schema.qr_key_endorsements (
    key_id smallint NOT NULL,
    root_public_key bytea NOT NULL,
    signature bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT qr_key_endorsements_pk PRIMARY KEY (key_id, root_public_key),
    CONSTRAINT qr_key_endorsements_key_id_fk FOREIGN KEY (key_id) REFERENCES coupon_schema.qr_signing_keys (key_id)
        ON DELETE RESTRICT,
    CONSTRAINT qr_key_endorsements_root_public_key_check CHECK (octet_length(root_public_key) = 32),
    CONSTRAINT qr_key_endorsements_signature_check CHECK (octet_length(signature) = 64)
);
COMMENT ON TABLE coupon_schema.qr_key_endorsements IS
    'What a root key, which is on no host that serves, says of keys of codes: that they are the platform''s. Two roots '
    'while terminals go from one to the next.';

CREATE TABLE coupon_schema.qr_revocation_changes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT qr_revocation_changes_pk PRIMARY KEY (id)
);
COMMENT ON TABLE coupon_schema.qr_revocation_changes IS
    'A row for each change that the next list must say; whoever makes the list deletes those that it sees. None: the '
    'coupons need not be looked at.';

CREATE FUNCTION coupon_schema.note_revocation_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO coupon_schema.qr_revocation_changes DEFAULT VALUES;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION coupon_schema.note_revocation_change() FROM PUBLIC;
COMMENT ON FUNCTION coupon_schema.note_revocation_change() IS
    'AFTER UPDATE trigger: a coupon was suspended, cancelled or released, or its campaign began or ceased to run.';
CREATE TRIGGER coupons_note_revocation AFTER UPDATE ON coupon_schema.coupons
    FOR EACH ROW
    WHEN (OLD.status <> NEW.status
          AND (OLD.status IN ('CANCELLED', 'SUSPENDED') OR NEW.status IN ('CANCELLED', 'SUSPENDED')))
    EXECUTE FUNCTION coupon_schema.note_revocation_change();
CREATE TRIGGER campaigns_note_revocation AFTER UPDATE ON coupon_schema.campaigns
    FOR EACH ROW
    WHEN (OLD.status <> NEW.status)
    EXECUTE FUNCTION coupon_schema.note_revocation_change();

CREATE TABLE coupon_schema.code_renewals (
    coupon_id bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT code_renewals_pk PRIMARY KEY (coupon_id),
    CONSTRAINT code_renewals_coupon_id_fk FOREIGN KEY (coupon_id) REFERENCES coupon_schema.coupons (id)
        ON DELETE CASCADE
);
COMMENT ON TABLE coupon_schema.code_renewals IS
    'Coupons that got an owner after they were signed: whoever has the key signs them anew, as somebody''s, and deletes '
    'the row in that transaction. Who assigns need not have the key.';

GRANT SELECT, INSERT (key_id, root_public_key, signature) ON coupon_schema.qr_key_endorsements TO coupon_app;
GRANT SELECT ON coupon_schema.qr_key_endorsements TO coupon_ro;
-- UPDATE only to hold a row: nothing changes it.
GRANT SELECT, INSERT (coupon_id), UPDATE (coupon_id), DELETE ON coupon_schema.code_renewals TO coupon_app;
GRANT SELECT, DELETE ON coupon_schema.qr_revocation_changes TO coupon_app;
GRANT SELECT ON coupon_schema.qr_revocation_changes TO coupon_ro;
GRANT SELECT ON coupon_schema.code_renewals TO coupon_ro;
GRANT SELECT, INSERT (version, key_id, covered, revoked_count, content_hash, signed_list), DELETE
    ON coupon_schema.qr_revocation_lists TO coupon_app;
GRANT SELECT ON coupon_schema.qr_revocation_lists TO coupon_ro;
