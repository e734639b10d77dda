-- The points of the legacy programme: a ledger that only grows, and the balance of each account. There is no other
-- ledger.

CREATE TABLE redemption_schema.points_accounts (
    user_id uuid NOT NULL,
    balance bigint NOT NULL,
    entry_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT points_accounts_pk PRIMARY KEY (user_id),
    CONSTRAINT points_accounts_entry_count_check CHECK (entry_count >= 1)
);
COMMENT ON TABLE redemption_schema.points_accounts IS
    'The balance after the last entry of each account. Written by the ledger''s trigger alone; its row lock puts '
    'the entries '
    'of one account in order. The ledger''s CHECK refuses a balance below zero.';
COMMENT ON COLUMN redemption_schema.points_accounts.user_id IS 'Personal data: public id of the account''s owner.';
CREATE TRIGGER points_accounts_set_updated_at BEFORE UPDATE ON redemption_schema.points_accounts
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.points_ledger (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id uuid NOT NULL,
    entry_number bigint NOT NULL,
    entry_type text NOT NULL,
    points bigint NOT NULL,
    balance_after bigint NOT NULL,
    source_reference text NOT NULL,
    redemption_id bigint,
    description text,
    expires_at timestamptz,
    actor text DEFAULT redemption_schema.request_context('actor'),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'),
    ip_address inet DEFAULT redemption_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT points_ledger_pk PRIMARY KEY (id),
    CONSTRAINT points_ledger_user_id_entry_number_key UNIQUE (user_id, entry_number),
    -- The only-once key: a fact moves points one time.
    CONSTRAINT points_ledger_user_id_entry_type_source_reference_key UNIQUE (user_id, entry_type, source_reference),
    CONSTRAINT points_ledger_user_id_fk FOREIGN KEY (user_id)
        REFERENCES redemption_schema.points_accounts (user_id) ON DELETE RESTRICT,
    CONSTRAINT points_ledger_redemption_id_fk FOREIGN KEY (redemption_id)
        REFERENCES redemption_schema.redemptions (id) ON DELETE RESTRICT,
    CONSTRAINT points_ledger_entry_number_check CHECK (entry_number >= 1),
    CONSTRAINT points_ledger_entry_type_check
        CHECK (entry_type IN ('EARNED', 'REDEEMED', 'EXPIRED', 'ADJUSTED', 'BONUS')),
    CONSTRAINT points_ledger_points_check CHECK (
        CASE WHEN entry_type IN ('EARNED', 'BONUS') THEN points > 0
             WHEN entry_type IN ('REDEEMED', 'EXPIRED') THEN points < 0
             ELSE points <> 0 END),
    CONSTRAINT points_ledger_points_range_check CHECK (points BETWEEN -100000000 AND 100000000),
    CONSTRAINT points_ledger_balance_after_check CHECK (balance_after >= 0),
    CONSTRAINT points_ledger_source_reference_check CHECK (length(btrim(source_reference)) BETWEEN 1 AND 128),
    CONSTRAINT points_ledger_description_check CHECK (length(btrim(description)) BETWEEN 1 AND 500),
    CONSTRAINT points_ledger_expires_at_check
        CHECK (expires_at IS NULL
               OR (expires_at > created_at AND expires_at < 'infinity' AND entry_type IN ('EARNED', 'BONUS')))
);
-- The points of a redemption.
CREATE INDEX points_ledger_redemption_id_idx ON redemption_schema.points_ledger (redemption_id)
    WHERE redemption_id IS NOT NULL;
-- The expiry job.
CREATE INDEX points_ledger_expires_at_idx ON redemption_schema.points_ledger (expires_at) WHERE expires_at IS NOT NULL;
COMMENT ON TABLE redemption_schema.points_ledger IS
    'Every movement of legacy points; append-only. Not partitioned, because its only-once keys must be.';
COMMENT ON COLUMN redemption_schema.points_ledger.user_id IS 'Personal data: public id of the account''s owner.';
COMMENT ON COLUMN redemption_schema.points_ledger.actor IS
    'Personal data: who moved the points, a public id or a service''s name.';
COMMENT ON COLUMN redemption_schema.points_ledger.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.points_ledger.user_agent IS 'Personal data: the client''s software.';
COMMENT ON COLUMN redemption_schema.points_ledger.entry_number IS
    'Counts 1, 2, 3 within an account without a gap; set by the trigger.';
COMMENT ON COLUMN redemption_schema.points_ledger.balance_after IS
    'Set by the trigger; the sum of all points up to this entry.';

CREATE FUNCTION redemption_schema.book_points() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF NEW.redemption_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM redemption_schema.redemptions AS r WHERE r.id = NEW.redemption_id AND r.user_id = NEW.user_id
    ) THEN
        RAISE EXCEPTION 'the points belong to no redemption of this user'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'points_ledger_redemption_id_fk';
    END IF;
    -- The upsert locks the account, so entries of one account follow each other. Row by row, because each entry
    -- carries the balance after it. A batch over several accounts should be in the order of user_id, or two of them
    -- may deadlock.
    INSERT INTO redemption_schema.points_accounts AS a (user_id, balance, entry_count)
    VALUES (NEW.user_id, NEW.points, 1)
        ON CONFLICT (user_id) DO UPDATE
       SET balance = a.balance + NEW.points, entry_count = a.entry_count + 1
    RETURNING a.balance, a.entry_count INTO NEW.balance_after, NEW.entry_number;
    -- The unique key alone would not do: under ON CONFLICT DO NOTHING the entry would be skipped and the account not.
    IF EXISTS (
        SELECT FROM redemption_schema.points_ledger AS l
         WHERE l.user_id = NEW.user_id AND l.entry_type = NEW.entry_type AND l.source_reference = NEW.source_reference
    ) THEN
        RAISE EXCEPTION 'points of % % are booked already', NEW.entry_type, NEW.source_reference
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'points_ledger_user_id_entry_type_source_reference_key';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.book_points() FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.book_points() IS
    'Gives a ledger entry its number and its balance, under the account''s lock; its redemption is one of the owner.';
CREATE TRIGGER points_ledger_book BEFORE INSERT ON redemption_schema.points_ledger
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.book_points();
CREATE TRIGGER points_ledger_refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON redemption_schema.points_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

GRANT SELECT ON redemption_schema.points_accounts TO redemption_app, redemption_ro;
GRANT SELECT, INSERT (user_id, entry_type, points, source_reference, redemption_id, description, expires_at)
      ON redemption_schema.points_ledger TO redemption_app;
GRANT SELECT ON redemption_schema.points_ledger TO redemption_ro;
