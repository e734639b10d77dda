-- Issuing in bulk and to users: batches in chunks that several processes share, and who is owed a coupon.

CREATE FUNCTION coupon_schema.reserve_dense_indexes(p_count integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_first bigint;
BEGIN
    IF p_count IS NULL OR p_count NOT BETWEEN 1 AND 5000000 THEN
        RAISE EXCEPTION '% indexes at once', p_count
            USING ERRCODE = 'check_violation', CONSTRAINT = 'coupon_batches_requested_count_check',
                  SCHEMA = 'coupon_schema', TABLE = 'coupon_batches';
    END IF;
    -- Changes nothing: it takes the lock that nextval, here and elsewhere, waits for until the transaction ends.
    ALTER SEQUENCE coupon_schema.coupons_dense_index_seq CACHE 1;
    v_first := nextval('coupon_schema.coupons_dense_index_seq');
    EXECUTE format('ALTER SEQUENCE coupon_schema.coupons_dense_index_seq RESTART WITH %s', v_first + p_count);
    RETURN v_first;
END
$$;
COMMENT ON FUNCTION coupon_schema.reserve_dense_indexes(integer) IS
    'The first of so many dense indexes in a row that nobody else gets. Whoever makes a coupon without an index waits '
    'until the transaction ends; one that is rolled back gives them back.';

CREATE FUNCTION coupon_schema.next_dense_index() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT nextval('coupon_schema.coupons_dense_index_seq') $$;
COMMENT ON FUNCTION coupon_schema.next_dense_index() IS
    'The dense index of one coupon, which has to be known before it is signed.';
REVOKE EXECUTE ON FUNCTION coupon_schema.reserve_dense_indexes(integer), coupon_schema.next_dense_index() FROM PUBLIC;

-- Batches ---------------------------------------------------------------------------------------------------------

CREATE TABLE coupon_schema.coupon_batches (
    id bigint GENERATED ALWAYS AS IDENTITY,
    batch_id uuid NOT NULL DEFAULT gen_random_uuid(),
    campaign_id bigint NOT NULL,
    status text NOT NULL DEFAULT 'ISSUING',
    requested_count integer NOT NULL,
    first_dense_index bigint NOT NULL,
    discount_type text NOT NULL,
    discount_value numeric(12, 2) NOT NULL,
    maximum_discount numeric(12, 2),
    minimum_purchase numeric(12, 2) NOT NULL,
    currency text NOT NULL,
    raffle_tickets smallint NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    max_usage integer NOT NULL DEFAULT 1,
    created_by text DEFAULT coupon_schema.request_context('actor'),
    finished_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT coupon_batches_pk PRIMARY KEY (id),
    CONSTRAINT coupon_batches_batch_id_key UNIQUE (batch_id),
    CONSTRAINT coupon_batches_first_dense_index_key UNIQUE (first_dense_index),
    CONSTRAINT coupon_batches_campaign_id_fk FOREIGN KEY (campaign_id, currency)
        REFERENCES coupon_schema.campaigns (id, currency) ON DELETE RESTRICT,
    CONSTRAINT coupon_batches_status_check CHECK (status IN ('ISSUING', 'COMPLETED', 'CANCELLED')),
    CONSTRAINT coupon_batches_finished_at_check CHECK ((status = 'ISSUING') = (finished_at IS NULL)),
    CONSTRAINT coupon_batches_requested_count_check CHECK (requested_count BETWEEN 1 AND 5000000),
    CONSTRAINT coupon_batches_dense_index_check CHECK (
        first_dense_index >= 0 AND first_dense_index + requested_count <= 4294967296),
    CONSTRAINT coupon_batches_discount_type_check CHECK (discount_type IN ('PERCENTAGE', 'FIXED_AMOUNT')),
    CONSTRAINT coupon_batches_discount_value_check CHECK (discount_value > 0 AND discount_value < 'NaN'),
    CONSTRAINT coupon_batches_maximum_discount_check CHECK (maximum_discount > 0 AND maximum_discount < 'NaN'),
    CONSTRAINT coupon_batches_minimum_purchase_check CHECK (minimum_purchase >= 0 AND minimum_purchase < 'NaN'),
    CONSTRAINT coupon_batches_raffle_tickets_check CHECK (raffle_tickets BETWEEN 0 AND 100),
    CONSTRAINT coupon_batches_validity_check CHECK (
        valid_from < valid_until AND isfinite(valid_from) AND isfinite(valid_until)),
    -- What the codes of its coupons can say.
    CONSTRAINT coupon_batches_code_check CHECK (
        discount_value <= 42949672.95 AND valid_from < '2051-11-24 20:15+00'),
    CONSTRAINT coupon_batches_max_usage_check CHECK (max_usage BETWEEN 1 AND 1000),
    CONSTRAINT coupon_batches_created_by_check CHECK (length(created_by) BETWEEN 1 AND 100)
);
COMMENT ON TABLE coupon_schema.coupon_batches IS
    'Coupons asked for at once, with the terms that all of them get, whatever becomes of the campaign meanwhile. Its '
    'coupons are those with the dense indexes from first_dense_index on, requested_count of them.';
COMMENT ON COLUMN coupon_schema.coupon_batches.batch_id IS 'What others know the batch by.';
COMMENT ON COLUMN coupon_schema.coupon_batches.created_by IS 'Personal data: who asked for it.';

-- The batches of a campaign, the latest first (list_batches); the foreign key's own look-up.
CREATE INDEX coupon_batches_campaign_id_idx ON coupon_schema.coupon_batches (campaign_id, currency, id);
-- The batches that are being issued (claim_chunk).
CREATE INDEX coupon_batches_issuing_idx ON coupon_schema.coupon_batches (id) WHERE status = 'ISSUING';

CREATE TABLE coupon_schema.coupon_batch_chunks (
    batch_id bigint NOT NULL,
    chunk integer NOT NULL,
    first_dense_index bigint NOT NULL,
    coupon_count integer NOT NULL,
    issued_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT coupon_batch_chunks_pk PRIMARY KEY (batch_id, chunk),
    CONSTRAINT coupon_batch_chunks_first_dense_index_key UNIQUE (first_dense_index),
    CONSTRAINT coupon_batch_chunks_batch_id_fk FOREIGN KEY (batch_id) REFERENCES coupon_schema.coupon_batches (id)
        ON DELETE CASCADE,
    CONSTRAINT coupon_batch_chunks_chunk_check CHECK (chunk >= 0),
    CONSTRAINT coupon_batch_chunks_first_dense_index_check CHECK (first_dense_index >= 0),
    CONSTRAINT coupon_batch_chunks_coupon_count_check CHECK (coupon_count BETWEEN 1 AND 100000)
) WITH (fillfactor = 70);
COMMENT ON TABLE coupon_schema.coupon_batch_chunks IS
    'The parts that a batch is issued in. Whoever issues one holds its row; its coupons and issued_at are written in '
    'one transaction, so that a process that dies leaves the chunk as if nobody had begun it.';

-- What is still to be issued of a batch (claim_chunk, finish_batch).
CREATE INDEX coupon_batch_chunks_open_idx ON coupon_schema.coupon_batch_chunks (batch_id, chunk)
    WHERE issued_at IS NULL;

CREATE VIEW coupon_schema.coupon_batch_progress WITH (security_invoker = true) AS
SELECT b.id, b.batch_id, g.campaign_code, b.status, b.requested_count, n.issued_count, b.first_dense_index,
       b.valid_from, b.valid_until, b.max_usage, b.created_at, b.finished_at
FROM coupon_schema.coupon_batches AS b
JOIN coupon_schema.campaigns AS g ON g.id = b.campaign_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(c.coupon_count) FILTER (WHERE c.issued_at IS NOT NULL), 0)::integer AS issued_count
    FROM coupon_schema.coupon_batch_chunks AS c
    WHERE c.batch_id = b.id
) AS n;
COMMENT ON VIEW coupon_schema.coupon_batch_progress IS 'How far each batch is.';

-- Coupons for users -----------------------------------------------------------------------------------------------

CREATE TABLE coupon_schema.welcome_campaigns (
    campaign_id bigint NOT NULL,
    created_by text DEFAULT coupon_schema.request_context('actor'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT welcome_campaigns_pk PRIMARY KEY (campaign_id),
    CONSTRAINT welcome_campaigns_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES coupon_schema.campaigns (id)
        ON DELETE CASCADE,
    CONSTRAINT welcome_campaigns_created_by_check CHECK (length(created_by) BETWEEN 1 AND 100)
);
COMMENT ON TABLE coupon_schema.welcome_campaigns IS
    'The campaigns of which every new user gets a coupon while they run.';
COMMENT ON COLUMN coupon_schema.welcome_campaigns.created_by IS 'Personal data: who decided it.';

CREATE TABLE coupon_schema.coupon_grants (
    campaign_id bigint NOT NULL,
    user_id uuid NOT NULL,
    source text NOT NULL,
    coupon_id bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Once a user and campaign, however often the event comes or the list is brought in.
    CONSTRAINT coupon_grants_pk PRIMARY KEY (campaign_id, user_id),
    CONSTRAINT coupon_grants_coupon_id_key UNIQUE (coupon_id),
    CONSTRAINT coupon_grants_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES coupon_schema.campaigns (id)
        ON DELETE RESTRICT,
    CONSTRAINT coupon_grants_coupon_id_fk FOREIGN KEY (coupon_id) REFERENCES coupon_schema.coupons (id)
        ON DELETE RESTRICT,
    CONSTRAINT coupon_grants_source_check CHECK (source IN ('WELCOME', 'LIST'))
);
COMMENT ON TABLE coupon_schema.coupon_grants IS
    'Who is owed a coupon of a campaign: by being new, or by a list. The coupon is made and signed by whoever has the '
    'key, in the transaction that writes coupon_id.';
COMMENT ON COLUMN coupon_schema.coupon_grants.user_id IS
    'Personal data: users.public_id. Stays after erasure, when it leads to nobody.';
COMMENT ON COLUMN coupon_schema.coupon_grants.coupon_id IS 'NULL until it is issued.';

-- Grants without their coupon, the oldest first (claim_grants).
CREATE INDEX coupon_grants_open_idx ON coupon_schema.coupon_grants (created_at) WHERE coupon_id IS NULL;
-- Export and erasure of a person.
CREATE INDEX coupon_grants_user_id_idx ON coupon_schema.coupon_grants (user_id);

CREATE TRIGGER coupon_batches_set_updated_at BEFORE UPDATE ON coupon_schema.coupon_batches
    FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();
CREATE TRIGGER coupon_grants_set_updated_at BEFORE UPDATE ON coupon_schema.coupon_grants
    FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

-- Rights ----------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION coupon_schema.reserve_dense_indexes(integer), coupon_schema.next_dense_index() TO coupon_app;
GRANT SELECT,
    INSERT (
        campaign_id, requested_count, first_dense_index, discount_type, discount_value, maximum_discount,
        minimum_purchase, currency, raffle_tickets, valid_from, valid_until, max_usage),
    UPDATE (status, finished_at)
    ON coupon_schema.coupon_batches TO coupon_app;
GRANT SELECT, INSERT (batch_id, chunk, first_dense_index, coupon_count), UPDATE (issued_at)
    ON coupon_schema.coupon_batch_chunks TO coupon_app;
GRANT SELECT, INSERT (campaign_id), DELETE ON coupon_schema.welcome_campaigns TO coupon_app;
GRANT SELECT, INSERT (campaign_id, user_id, source), UPDATE (coupon_id), DELETE
    ON coupon_schema.coupon_grants TO coupon_app;
GRANT SELECT ON coupon_schema.coupon_batch_progress TO coupon_app;
GRANT SELECT ON
    coupon_schema.coupon_batches, coupon_schema.coupon_batch_chunks, coupon_schema.coupon_batch_progress
    TO coupon_ro;
GRANT SELECT (campaign_id, created_at) ON coupon_schema.welcome_campaigns TO coupon_ro;
GRANT SELECT (campaign_id, source, coupon_id, created_at, updated_at) ON coupon_schema.coupon_grants TO coupon_ro;
