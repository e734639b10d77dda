-- Redemptions that terminals took without a connection: what a terminal may take, the chain of what it signed, and each
-- entry of it until it is settled by the saga or by a person.
-- The functions run with the rights of whoever calls them: they can do no more than the service's role can.
-- vuelo: allow locking-several-tables a constraint and a trigger on one table: milliseconds

ALTER TABLE redemption_schema.redemptions
    DROP CONSTRAINT redemptions_flow_check,
    ADD CONSTRAINT redemptions_flow_check CHECK (flow IN ('ONE_SHOT', 'TWO_STEP', 'OFFLINE')) NOT VALID;
COMMENT ON COLUMN redemption_schema.redemptions.flow IS
    'ONE_SHOT: PENDING means that the coupon is about to be consumed. TWO_STEP: PENDING was validated and waits for the '
    'fuel; the coupon is about to be consumed from IN_PROGRESS on. OFFLINE: a terminal gave the discount before, without '
    'a connection; IN_PROGRESS from its first statement on.';

-- What may be taken ------------------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.offline_limits (
    station_code text NOT NULL,
    is_enabled boolean NOT NULL,
    currency text NOT NULL,
    max_amount numeric(12, 2) NOT NULL,
    max_discount numeric(12, 2) NOT NULL,
    max_count integer NOT NULL,
    max_total numeric(12, 2) NOT NULL,
    max_hours integer NOT NULL,
    campaign_codes text[],
    changed_by text DEFAULT redemption_schema.request_context('actor'),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT offline_limits_pk PRIMARY KEY (station_code),
    CONSTRAINT offline_limits_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT offline_limits_currency_check CHECK (currency IN ('MXN', 'CRC', 'USD')),
    CONSTRAINT offline_limits_max_amount_check CHECK (max_amount > 0 AND max_amount <= 9999999),
    CONSTRAINT offline_limits_max_discount_check CHECK (
        max_discount > 0 AND max_discount <= max_amount AND max_discount < 'NaN'),
    CONSTRAINT offline_limits_max_count_check CHECK (max_count BETWEEN 1 AND 1000),
    CONSTRAINT offline_limits_max_total_check CHECK (max_total >= max_discount AND max_total <= 99999999),
    CONSTRAINT offline_limits_max_hours_check CHECK (max_hours BETWEEN 1 AND 72),
    CONSTRAINT offline_limits_campaign_codes_check CHECK (
        cardinality(campaign_codes) BETWEEN 1 AND 100 AND array_position(campaign_codes, NULL) IS NULL)
);
COMMENT ON TABLE redemption_schema.offline_limits IS
    'What a terminal of a station may take between two syncs. A station without a row takes nothing without a '
    'connection. A change holds from a terminal''s next lease on.';
COMMENT ON COLUMN redemption_schema.offline_limits.max_total IS 'Sum of the discounts between two syncs.';
COMMENT ON COLUMN redemption_schema.offline_limits.max_hours IS 'Hours after a sync, then nothing more is taken.';
COMMENT ON COLUMN redemption_schema.offline_limits.campaign_codes IS
    'The campaigns whose coupons are taken; NULL: those of every campaign that is not for listed stations.';
COMMENT ON COLUMN redemption_schema.offline_limits.changed_by IS 'Personal data: who changed it last.';
CREATE TRIGGER offline_limits_set_updated_at BEFORE UPDATE ON redemption_schema.offline_limits
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

-- What a terminal signed -------------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.offline_chains (
    terminal_code text NOT NULL,
    station_code text NOT NULL,
    public_key bytea NOT NULL,
    head_sequence bigint NOT NULL DEFAULT 0,
    head_sha256 bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    head_used_at timestamptz,
    synced_at timestamptz,
    broken_at timestamptz,
    broken_because text,
    broken_entry text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT offline_chains_pk PRIMARY KEY (terminal_code),
    CONSTRAINT offline_chains_terminal_code_check CHECK (terminal_code ~ '^TRM[0-9]{6,15}$'),
    CONSTRAINT offline_chains_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT offline_chains_public_key_check CHECK (octet_length(public_key) = 32),
    CONSTRAINT offline_chains_head_sequence_check CHECK (head_sequence >= 0),
    CONSTRAINT offline_chains_head_sha256_check CHECK (octet_length(head_sha256) = 32),
    CONSTRAINT offline_chains_broken_check CHECK (
        (broken_at IS NULL) = (broken_because IS NULL) AND (broken_at IS NULL) = (broken_entry IS NULL)),
    CONSTRAINT offline_chains_broken_because_check CHECK (broken_because IN ('FORK', 'SIGNATURE')),
    CONSTRAINT offline_chains_broken_entry_check CHECK (length(broken_entry) BETWEEN 1 AND 2000)
);
COMMENT ON TABLE redemption_schema.offline_chains IS
    'How far the chain of what a terminal took without a connection is known. Once broken it stays so: two different '
    'entries of one number (FORK), or one that its key has not signed (SIGNATURE), mean that the device''s memory was '
    'copied, put back or altered. The device enrols anew.';
COMMENT ON COLUMN redemption_schema.offline_chains.broken_entry IS
    'Personal data: the entry that broke it, as it was sent: it may name a customer and an employee.';
-- The chains of a station (list_chains).
CREATE INDEX offline_chains_station_code_idx ON redemption_schema.offline_chains (station_code, terminal_code);
CREATE TRIGGER offline_chains_set_updated_at BEFORE UPDATE ON redemption_schema.offline_chains
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.offline_leases (
    lease_id uuid NOT NULL DEFAULT gen_random_uuid(),
    terminal_code text NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence bigint,
    expires_at timestamptz NOT NULL,
    currency text NOT NULL,
    max_amount numeric(12, 2) NOT NULL,
    max_discount numeric(12, 2) NOT NULL,
    max_count integer NOT NULL,
    max_total numeric(12, 2) NOT NULL,
    campaign_codes text[],
    used_count integer NOT NULL DEFAULT 0,
    used_total numeric(12, 2) NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT offline_leases_pk PRIMARY KEY (lease_id),
    CONSTRAINT offline_leases_terminal_code_fk FOREIGN KEY (terminal_code)
        REFERENCES redemption_schema.offline_chains (terminal_code) ON DELETE RESTRICT,
    CONSTRAINT offline_leases_sequence_check CHECK (first_sequence >= 1 AND last_sequence >= first_sequence - 1),
    CONSTRAINT offline_leases_expires_at_check CHECK (
        expires_at > created_at AND expires_at <= created_at + interval '72 hours'),
    CONSTRAINT offline_leases_currency_check CHECK (currency IN ('MXN', 'CRC', 'USD')),
    CONSTRAINT offline_leases_max_amount_check CHECK (max_amount > 0 AND max_amount <= 9999999),
    CONSTRAINT offline_leases_max_discount_check CHECK (
        max_discount > 0 AND max_discount <= max_amount AND max_discount < 'NaN'),
    CONSTRAINT offline_leases_max_total_check CHECK (max_total >= 0 AND max_total <= 99999999),
    -- The caps: whoever counts, no lease gives more.
    CONSTRAINT offline_leases_used_count_check CHECK (used_count BETWEEN 0 AND max_count),
    CONSTRAINT offline_leases_used_total_check CHECK (used_total BETWEEN 0 AND max_total AND used_total < 'NaN')
);
COMMENT ON TABLE redemption_schema.offline_leases IS
    'What one terminal may take until its next sync: the station''s limits as they were when it last synced, and how much '
    'of them is taken. A terminal has one open lease; the next one closes it, and what comes then counts under the next.';
COMMENT ON COLUMN redemption_schema.offline_leases.last_sequence IS 'NULL: it is open.';
-- A terminal has one open lease.
CREATE UNIQUE INDEX offline_leases_terminal_code_key ON redemption_schema.offline_leases (terminal_code)
    WHERE last_sequence IS NULL;
-- The foreign key.
CREATE INDEX offline_leases_terminal_code_first_sequence_idx
    ON redemption_schema.offline_leases (terminal_code, first_sequence);
-- Those under which nothing can come any more (forget_offline_leases).
CREATE INDEX offline_leases_expires_at_idx ON redemption_schema.offline_leases (expires_at)
    WHERE last_sequence IS NOT NULL;
CREATE TRIGGER offline_leases_set_updated_at BEFORE UPDATE ON redemption_schema.offline_leases
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.offline_redemptions (
    terminal_code text NOT NULL,
    sequence bigint NOT NULL,
    entry_sha256 bytea NOT NULL,
    entry text NOT NULL,
    signature bytea NOT NULL,
    lease_id uuid,
    station_code text NOT NULL,
    employee_number text NOT NULL,
    user_id uuid,
    dispenser_code text,
    fuel_type text NOT NULL,
    fuel_litres numeric(8, 3),
    price_per_litre numeric(8, 3),
    amount numeric(12, 2) NOT NULL,
    discount_amount numeric(12, 2) NOT NULL,
    currency text NOT NULL,
    used_at timestamptz NOT NULL,
    status text NOT NULL,
    reason text,
    transaction_reference text,
    settle_at timestamptz NOT NULL DEFAULT now() + interval '30 seconds',
    settle_attempts integer NOT NULL DEFAULT 0,
    accepted_by uuid,
    accepted_because text,
    resolution text,
    resolved_by uuid,
    resolved_at timestamptz,
    notes text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT offline_redemptions_pk PRIMARY KEY (terminal_code, sequence),
    CONSTRAINT offline_redemptions_transaction_reference_key UNIQUE (transaction_reference),
    CONSTRAINT offline_redemptions_terminal_code_fk FOREIGN KEY (terminal_code)
        REFERENCES redemption_schema.offline_chains (terminal_code) ON DELETE RESTRICT,
    CONSTRAINT offline_redemptions_lease_id_fk FOREIGN KEY (lease_id)
        REFERENCES redemption_schema.offline_leases (lease_id) ON DELETE RESTRICT,
    CONSTRAINT offline_redemptions_transaction_reference_fk FOREIGN KEY (transaction_reference)
        REFERENCES redemption_schema.redemptions (transaction_reference) ON DELETE RESTRICT,
    CONSTRAINT offline_redemptions_sequence_check CHECK (sequence >= 1),
    CONSTRAINT offline_redemptions_entry_sha256_check CHECK (octet_length(entry_sha256) = 32),
    CONSTRAINT offline_redemptions_entry_check CHECK (length(entry) BETWEEN 1 AND 2000),
    CONSTRAINT offline_redemptions_signature_check CHECK (octet_length(signature) = 64),
    CONSTRAINT offline_redemptions_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT offline_redemptions_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'),
    CONSTRAINT offline_redemptions_dispenser_code_check CHECK (dispenser_code ~ '^[A-Z0-9-]{1,20}$'),
    CONSTRAINT offline_redemptions_fuel_type_check CHECK (fuel_type IN ('REGULAR', 'PREMIUM', 'DIESEL')),
    CONSTRAINT offline_redemptions_fuel_check CHECK ((fuel_litres IS NULL) = (price_per_litre IS NULL)),
    CONSTRAINT offline_redemptions_fuel_litres_check CHECK (fuel_litres > 0 AND fuel_litres < 'NaN'),
    CONSTRAINT offline_redemptions_price_per_litre_check CHECK (price_per_litre > 0 AND price_per_litre < 'NaN'),
    CONSTRAINT offline_redemptions_amount_check CHECK (amount > 0 AND amount <= 9999999),
    CONSTRAINT offline_redemptions_discount_amount_check CHECK (
        discount_amount BETWEEN 0 AND amount AND discount_amount < 'NaN'),
    CONSTRAINT offline_redemptions_currency_check CHECK (currency IN ('MXN', 'CRC', 'USD')),
    CONSTRAINT offline_redemptions_status_check CHECK (status IN ('RECEIVED', 'SETTLED', 'CONFLICT')),
    CONSTRAINT offline_redemptions_reason_check CHECK (
        (status = 'CONFLICT') = (reason IS NOT NULL) AND reason ~ '^[A-Z][A-Z_]{2,49}$'),
    CONSTRAINT offline_redemptions_settled_check CHECK (status <> 'SETTLED' OR transaction_reference IS NOT NULL),
    CONSTRAINT offline_redemptions_settle_attempts_check CHECK (settle_attempts >= 0),
    CONSTRAINT offline_redemptions_accepted_check CHECK ((accepted_by IS NULL) = (accepted_because IS NULL)),
    CONSTRAINT offline_redemptions_resolution_check CHECK (
        resolution IN ('WRITTEN_OFF', 'CLAIMED', 'NOT_GIVEN')
        AND (resolution IS NULL) = (resolved_by IS NULL) AND (resolution IS NULL) = (resolved_at IS NULL)
        AND (resolution IS NULL OR status = 'CONFLICT')),
    CONSTRAINT offline_redemptions_notes_check CHECK (length(btrim(notes)) BETWEEN 1 AND 300)
);
COMMENT ON TABLE redemption_schema.offline_redemptions IS
    'What terminals took without a connection, each entry as it was signed. RECEIVED: the saga is about to settle it. '
    'SETTLED: the coupon was used for it, and gives what the terminal gave. CONFLICT: it was not, or gives something '
    'else; the customer has had the discount, so a person resolves it, and nobody is charged. Never deleted by the '
    'service: each entry proves the one before it.';
COMMENT ON COLUMN redemption_schema.offline_redemptions.entry IS
    'Personal data: what the terminal signed, its own lines; names the employee, and the customer where the coupon does not.';
COMMENT ON COLUMN redemption_schema.offline_redemptions.employee_number IS 'Personal data: the employee who served.';
COMMENT ON COLUMN redemption_schema.offline_redemptions.user_id IS
    'Personal data: public id of the customer, where it is known; names nobody any more when the account is erased.';
COMMENT ON COLUMN redemption_schema.offline_redemptions.used_at IS 'By the terminal''s clock.';
COMMENT ON COLUMN redemption_schema.offline_redemptions.discount_amount IS 'What the terminal gave.';
COMMENT ON COLUMN redemption_schema.offline_redemptions.accepted_by IS
    'Personal data: who sent it to the saga although it was outside of the terminal''s caps.';
COMMENT ON COLUMN redemption_schema.offline_redemptions.resolution IS
    'WRITTEN_OFF: the chain bears it. CLAIMED: the station does. NOT_GIVEN: the customer had no discount after all.';
COMMENT ON COLUMN redemption_schema.offline_redemptions.resolved_by IS 'Personal data: public id of who resolved it.';
COMMENT ON COLUMN redemption_schema.offline_redemptions.notes IS 'Personal data: may say who it was.';
-- The queue of conflicts of a station, and of all (list_conflicts).
CREATE INDEX offline_redemptions_conflicts_idx
    ON redemption_schema.offline_redemptions (station_code, created_at DESC, terminal_code, sequence)
    WHERE status = 'CONFLICT';
-- What nobody has settled (claim_unsettled).
CREATE INDEX offline_redemptions_settle_at_idx ON redemption_schema.offline_redemptions (settle_at)
    WHERE status = 'RECEIVED';
-- Export and erasure of a person.
CREATE INDEX offline_redemptions_user_id_idx ON redemption_schema.offline_redemptions (user_id, created_at DESC)
    WHERE user_id IS NOT NULL;
-- The foreign key.
CREATE INDEX offline_redemptions_lease_id_idx ON redemption_schema.offline_redemptions (lease_id);
CREATE TRIGGER offline_redemptions_set_updated_at BEFORE UPDATE ON redemption_schema.offline_redemptions
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

-- The steps --------------------------------------------------------------------------------------------------------

CREATE FUNCTION redemption_schema.open_offline_lease(
    p_context_names text[], p_context_values text[], p_terminal_code text, p_station_code text, p_public_key bytea,
    p_head_sequence bigint, p_head_sha256 bytea)
    RETURNS TABLE (outcome text, lease_id uuid)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_chain redemption_schema.offline_chains;
    v_limits redemption_schema.offline_limits;
    v_lease_id uuid;
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    INSERT INTO redemption_schema.offline_chains (terminal_code, station_code, public_key)
    VALUES (p_terminal_code, p_station_code, p_public_key)
    ON CONFLICT ON CONSTRAINT offline_chains_pk DO NOTHING;
    SELECT c.* INTO STRICT v_chain
      FROM redemption_schema.offline_chains AS c WHERE c.terminal_code = p_terminal_code FOR NO KEY UPDATE;
    IF v_chain.broken_at IS NOT NULL THEN
        RETURN QUERY SELECT 'BROKEN', NULL::uuid;
        RETURN;
    END IF;
    IF (p_head_sequence, p_head_sha256) <> (v_chain.head_sequence, v_chain.head_sha256) THEN
        RETURN QUERY SELECT 'UNSYNCED', NULL::uuid;
        RETURN;
    END IF;
    UPDATE redemption_schema.offline_leases AS l
       SET last_sequence = v_chain.head_sequence
     WHERE l.terminal_code = p_terminal_code AND l.last_sequence IS NULL;
    SELECT l.* INTO v_limits
      FROM redemption_schema.offline_limits AS l WHERE l.station_code = p_station_code AND l.is_enabled;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'NOT_ENABLED', NULL::uuid;
        RETURN;
    END IF;
    INSERT INTO redemption_schema.offline_leases AS l (
        terminal_code, first_sequence, expires_at, currency, max_amount, max_discount, max_count, max_total,
        campaign_codes)
    VALUES (
        p_terminal_code, v_chain.head_sequence + 1, now() + interval '1 hour' * v_limits.max_hours, v_limits.currency,
        v_limits.max_amount, v_limits.max_discount, v_limits.max_count, v_limits.max_total, v_limits.campaign_codes)
    RETURNING l.lease_id INTO v_lease_id;
    UPDATE redemption_schema.offline_chains AS c SET synced_at = now() WHERE c.terminal_code = p_terminal_code;
    RETURN QUERY SELECT 'OPENED', v_lease_id;
END
$$;
COMMENT ON FUNCTION redemption_schema.open_offline_lease(text[], text[], text, text, bytea, bigint, bytea) IS
    'OPENED, and the terminal''s lease before is closed; UNSYNCED: the terminal has more or less than the platform knows; '
    'NOT_ENABLED: not at this station, and the lease before is closed too; BROKEN. Locks the chain.';

CREATE FUNCTION redemption_schema.take_offline_entries(
    p_context_names text[], p_context_values text[], p_terminal_code text, p_entries jsonb)
    RETURNS TABLE (sequence bigint, outcome text)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    v_chain redemption_schema.offline_chains;
    v_lease redemption_schema.offline_leases;
    v_named_until timestamptz;
    v_reason text;
    v_known bytea;
    e record;
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    SELECT c.* INTO v_chain
      FROM redemption_schema.offline_chains AS c WHERE c.terminal_code = p_terminal_code FOR NO KEY UPDATE;
    IF NOT FOUND OR v_chain.broken_at IS NOT NULL THEN
        RETURN QUERY SELECT 0::bigint, CASE WHEN v_chain.broken_at IS NULL THEN 'UNKNOWN' ELSE 'BROKEN' END;
        RETURN;
    END IF;
    FOR e IN
        SELECT x.sequence, decode(x.previous_sha256, 'hex') AS previous_sha256,
               decode(x.entry_sha256, 'hex') AS entry_sha256, x.entry, decode(x.signature, 'hex') AS signature,
               x.lease_id, x.employee_number, x.user_id, x.dispenser_code, x.fuel_type, x.fuel_litres,
               x.price_per_litre, x.amount, x.discount_amount, x.currency, x.used_at
          FROM jsonb_to_recordset(p_entries) AS x (
                   sequence bigint, previous_sha256 text, entry_sha256 text, entry text, signature text, lease_id uuid,
                   employee_number text, user_id uuid, dispenser_code text, fuel_type text, fuel_litres numeric,
                   price_per_litre numeric, amount numeric, discount_amount numeric, currency text,
                   used_at timestamptz)
         ORDER BY x.sequence
    LOOP
        IF e.sequence <= v_chain.head_sequence THEN
            SELECT o.entry_sha256 INTO STRICT v_known
              FROM redemption_schema.offline_redemptions AS o
             WHERE o.terminal_code = p_terminal_code AND o.sequence = e.sequence;
            IF v_known = e.entry_sha256 THEN
                RETURN QUERY SELECT e.sequence, 'REPEATED';
                CONTINUE;
            END IF;
        ELSIF e.sequence > v_chain.head_sequence + 1 THEN
            RETURN QUERY SELECT e.sequence, 'GAP';
            EXIT;
        END IF;
        IF e.sequence <= v_chain.head_sequence OR e.previous_sha256 <> v_chain.head_sha256 THEN
            UPDATE redemption_schema.offline_chains AS c
               SET broken_at = now(), broken_because = 'FORK', broken_entry = e.entry
             WHERE c.terminal_code = p_terminal_code;
            RETURN QUERY SELECT e.sequence, 'FORK';
            EXIT;
        END IF;

        -- It counts under the open lease, also where the terminal names one before: the answer may have been lost.
        SELECT l.* INTO v_lease
          FROM redemption_schema.offline_leases AS l
         WHERE l.terminal_code = p_terminal_code AND l.last_sequence IS NULL;
        SELECT l.expires_at INTO v_named_until
          FROM redemption_schema.offline_leases AS l
         WHERE l.lease_id = e.lease_id AND l.terminal_code = p_terminal_code;
        v_reason := CASE
            WHEN v_lease.lease_id IS NULL OR v_named_until IS NULL THEN 'NO_LEASE'
            WHEN e.used_at < now() - interval '7 days' THEN 'TOO_LATE'
            WHEN e.used_at > now() + interval '1 minute' OR e.used_at < v_chain.head_used_at THEN 'CLOCK'
            WHEN e.used_at < v_lease.created_at - interval '1 minute' OR e.used_at >= v_named_until
                THEN 'OUTSIDE_LEASE'
            WHEN e.currency <> v_lease.currency OR e.amount > v_lease.max_amount
                OR e.discount_amount > v_lease.max_discount THEN 'OVER_CAP'
            END;
        IF v_reason IS NULL THEN
            UPDATE redemption_schema.offline_leases AS l
               SET used_count = l.used_count + 1, used_total = l.used_total + e.discount_amount
             WHERE l.lease_id = v_lease.lease_id
               AND l.used_count < l.max_count AND l.used_total + e.discount_amount <= l.max_total;
            IF NOT FOUND THEN
                v_reason := 'OVER_CAP';
            END IF;
        END IF;
        INSERT INTO redemption_schema.offline_redemptions (
            terminal_code, sequence, entry_sha256, entry, signature, lease_id, station_code, employee_number, user_id,
            dispenser_code, fuel_type, fuel_litres, price_per_litre, amount, discount_amount, currency, used_at, status,
            reason)
        VALUES (
            p_terminal_code, e.sequence, e.entry_sha256, e.entry, e.signature, v_lease.lease_id, v_chain.station_code,
            e.employee_number, e.user_id, e.dispenser_code, e.fuel_type, e.fuel_litres, e.price_per_litre, e.amount,
            e.discount_amount, e.currency, e.used_at, CASE WHEN v_reason IS NULL THEN 'RECEIVED' ELSE 'CONFLICT' END,
            v_reason);
        v_chain.head_sequence := e.sequence;
        v_chain.head_sha256 := e.entry_sha256;
        -- A clock that was ahead once must not condemn all that follow.
        v_chain.head_used_at := CASE WHEN v_reason = 'CLOCK' THEN v_chain.head_used_at ELSE e.used_at END;
        RETURN QUERY SELECT e.sequence, 'TAKEN';
    END LOOP;
    UPDATE redemption_schema.offline_chains AS c
       SET head_sequence = v_chain.head_sequence, head_sha256 = v_chain.head_sha256,
           head_used_at = v_chain.head_used_at, synced_at = now()
     WHERE c.terminal_code = p_terminal_code;
END
$$;
COMMENT ON FUNCTION redemption_schema.take_offline_entries(text[], text[], text, jsonb) IS
    'Keeps entries in the order of their numbers, each once, until one does not follow the last: TAKEN; REPEATED; GAP: '
    'an earlier one is missing; FORK: another entry has its number or place, and the chain is broken for good; for the '
    'whole, as number 0: BROKEN before, UNKNOWN: it never had a lease. What is outside of its lease is kept as a '
    'conflict. Locks the chain, then the leases.';

CREATE FUNCTION redemption_schema.begin_offline_redemption(
    p_context_names text[], p_context_values text[], p_terminal_code text, p_sequence bigint, p_user_id uuid,
    p_coupon_code text, p_campaign_code text, p_currency text)
    RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    v redemption_schema.offline_redemptions;
    v_reason text;
    v_reference text;
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    SELECT o.* INTO STRICT v
      FROM redemption_schema.offline_redemptions AS o
     WHERE o.terminal_code = p_terminal_code AND o.sequence = p_sequence FOR NO KEY UPDATE;
    IF v.transaction_reference IS NOT NULL THEN
        RETURN redemption_schema.redemption_facts(v.transaction_reference);
    ELSIF v.status <> 'RECEIVED' THEN
        RETURN NULL;
    END IF;
    v_reason := CASE
        WHEN p_user_id IS NULL THEN 'NO_CUSTOMER'
        WHEN EXISTS (SELECT FROM redemption_schema.erased_users AS u WHERE u.user_id = p_user_id)
            THEN 'USER_NOT_ELIGIBLE'
        -- Whose a personal coupon is, only the coupon service can tell: nobody knew it when this was accepted.
        WHEN v.accepted_by = p_user_id THEN 'OWN_CASE'
        WHEN p_currency <> v.currency THEN 'OTHER_CURRENCY'
        WHEN v.amount <> round(v.fuel_litres * v.price_per_litre, CASE v.currency WHEN 'CRC' THEN 0 ELSE 2 END)
            THEN 'OTHER_AMOUNT'
        WHEN v.accepted_by IS NULL AND EXISTS (
            SELECT FROM redemption_schema.offline_leases AS l
             WHERE l.lease_id = v.lease_id AND p_campaign_code <> ALL (l.campaign_codes)) THEN 'OUT_OF_SCOPE'
        WHEN EXISTS (
            SELECT FROM redemption_schema.employments AS e
             WHERE e.employee_number = v.employee_number AND e.user_id = p_user_id) THEN 'SERVED_HIMSELF'
        -- Whoever accepts it says that the employee worked there at the time.
        WHEN v.accepted_by IS NULL
            AND NOT redemption_schema.may_serve(v.employee_number, v.station_code, p_user_id) THEN 'NOT_EMPLOYED'
        END;
    IF v_reason IS NOT NULL THEN
        UPDATE redemption_schema.offline_redemptions AS o
           SET status = 'CONFLICT', reason = v_reason, user_id = coalesce(o.user_id, p_user_id)
         WHERE o.terminal_code = p_terminal_code AND o.sequence = p_sequence;
        RETURN NULL;
    END IF;
    INSERT INTO redemption_schema.redemptions AS r (
        user_id, coupon_code, campaign_code, station_code, employee_number, terminal_code, dispenser_code,
        validation_method, fuel_type, fuel_litres, price_per_litre, original_amount, final_amount, currency,
        idempotency_key, request_sha256, flow)
    VALUES (
        p_user_id, p_coupon_code, p_campaign_code, v.station_code, v.employee_number, v.terminal_code, v.dispenser_code,
        'QR_SCAN', v.fuel_type, v.fuel_litres, v.price_per_litre, v.amount, v.amount, v.currency,
        'offline-' || gen_random_uuid(), v.entry_sha256, 'OFFLINE')
    RETURNING r.transaction_reference INTO v_reference;
    UPDATE redemption_schema.redemptions AS r SET status = 'IN_PROGRESS' WHERE r.transaction_reference = v_reference;
    UPDATE redemption_schema.offline_redemptions AS o
       SET transaction_reference = v_reference, user_id = p_user_id
     WHERE o.terminal_code = p_terminal_code AND o.sequence = p_sequence;
    RETURN redemption_schema.redemption_facts(v_reference);
END
$$;
COMMENT ON FUNCTION redemption_schema.begin_offline_redemption(
    text[], text[], text, bigint, uuid, text, text, text) IS
    'The redemption of an entry, IN_PROGRESS, made once; NULL where there is none: the entry is a conflict, now or '
    'before. The fraud rules do not judge it: it has happened, at another moment than now. Locks the entry.';

CREATE FUNCTION redemption_schema.refuse_offline_entry(
    p_context_names text[], p_context_values text[], p_terminal_code text, p_sequence bigint, p_reason text)
    RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM redemption_schema.set_request_context(p_context_names, p_context_values);
    UPDATE redemption_schema.offline_redemptions AS o
       SET status = 'CONFLICT', reason = p_reason
     WHERE o.terminal_code = p_terminal_code AND o.sequence = p_sequence AND o.status = 'RECEIVED'
       AND o.transaction_reference IS NULL;
END
$$;
COMMENT ON FUNCTION redemption_schema.refuse_offline_entry(text[], text[], text, bigint, text) IS
    'An entry whose code means no coupon of ours is a conflict, and has no redemption.';

CREATE FUNCTION redemption_schema.settle_offline_redemption() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    UPDATE redemption_schema.offline_redemptions AS o
       SET status = CASE WHEN NEW.status = 'COMPLETED' AND NEW.discount_amount = o.discount_amount
                         THEN 'SETTLED' ELSE 'CONFLICT' END,
           reason = CASE WHEN NEW.status <> 'COMPLETED' THEN coalesce(NEW.failure_code, NEW.status)
                         WHEN NEW.discount_amount <> o.discount_amount THEN 'OTHER_DISCOUNT' END
     WHERE o.transaction_reference = NEW.transaction_reference AND o.status = 'RECEIVED';
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.settle_offline_redemption() FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.settle_offline_redemption() IS
    'AFTER trigger: whoever ends the redemption of an entry, a request or the recovery, settles the entry with it.';
CREATE TRIGGER redemptions_settle_offline AFTER UPDATE OF status ON redemption_schema.redemptions
    FOR EACH ROW
    WHEN (NEW.flow = 'OFFLINE' AND OLD.status IN ('PENDING', 'IN_PROGRESS')
          AND NEW.status IN ('COMPLETED', 'FAILED', 'CANCELLED'))
    EXECUTE FUNCTION redemption_schema.settle_offline_redemption();

CREATE FUNCTION redemption_schema.forget_offline_leases(p_at_most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_count integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 rows at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM redemption_schema.offline_leases AS l
     USING (SELECT c.lease_id FROM redemption_schema.offline_leases AS c
             WHERE c.last_sequence IS NOT NULL AND c.expires_at < now() - interval '8 days'
               AND NOT EXISTS (
                       SELECT FROM redemption_schema.offline_redemptions AS o WHERE o.lease_id = c.lease_id)
             LIMIT p_at_most FOR UPDATE SKIP LOCKED) AS spent
     WHERE l.lease_id = spent.lease_id;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_offline_leases(integer) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.forget_offline_leases(integer) IS
    'Deletes closed leases without entries that ended more than eight days ago, so many at most; returns how many. What '
    'names one of those comes too late anyhow.';

CREATE FUNCTION redemption_schema.forget_offline_traces() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    UPDATE redemption_schema.offline_redemptions AS o
       SET notes = NULL
     WHERE o.user_id = NEW.user_id AND o.notes IS NOT NULL;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_offline_traces() FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.forget_offline_traces() IS
    'AFTER trigger: what people wrote about an erased person goes; the signed entry stays, under a public id that '
    'names nobody any more.';
CREATE TRIGGER erased_users_forget_offline_traces AFTER INSERT OR UPDATE ON redemption_schema.erased_users
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.forget_offline_traces();

-- Rights -----------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    redemption_schema.open_offline_lease(text[], text[], text, text, bytea, bigint, bytea),
    redemption_schema.take_offline_entries(text[], text[], text, jsonb),
    redemption_schema.begin_offline_redemption(text[], text[], text, bigint, uuid, text, text, text),
    redemption_schema.refuse_offline_entry(text[], text[], text, bigint, text),
    redemption_schema.forget_offline_leases(integer)
    TO redemption_app;
GRANT SELECT,
      INSERT (station_code, is_enabled, currency, max_amount, max_discount, max_count, max_total, max_hours,
              campaign_codes),
      UPDATE (is_enabled, currency, max_amount, max_discount, max_count, max_total, max_hours, campaign_codes,
              changed_by)
      ON redemption_schema.offline_limits TO redemption_app;
GRANT SELECT,
      INSERT (terminal_code, station_code, public_key),
      UPDATE (head_sequence, head_sha256, head_used_at, synced_at, broken_at, broken_because, broken_entry)
      ON redemption_schema.offline_chains TO redemption_app;
GRANT SELECT,
      INSERT (terminal_code, first_sequence, expires_at, currency, max_amount, max_discount, max_count, max_total,
              campaign_codes),
      UPDATE (last_sequence, used_count, used_total)
      ON redemption_schema.offline_leases TO redemption_app;
GRANT SELECT,
      INSERT (terminal_code, sequence, entry_sha256, entry, signature, lease_id, station_code, employee_number, user_id,
              dispenser_code, fuel_type, fuel_litres, price_per_litre, amount, discount_amount, currency, used_at,
              status, reason),
      UPDATE (user_id, status, reason, transaction_reference, settle_at, settle_attempts, accepted_by, accepted_because,
              resolution, resolved_by, resolved_at, notes)
      ON redemption_schema.offline_redemptions TO redemption_app;
GRANT SELECT (station_code, is_enabled, currency, max_amount, max_discount, max_count, max_total, max_hours,
              campaign_codes, created_at, updated_at)
      ON redemption_schema.offline_limits TO redemption_ro;
GRANT SELECT (terminal_code, station_code, head_sequence, synced_at, broken_at, broken_because, created_at, updated_at)
      ON redemption_schema.offline_chains TO redemption_ro;
GRANT SELECT ON redemption_schema.offline_leases TO redemption_ro;
GRANT SELECT (terminal_code, sequence, lease_id, station_code, employee_number, user_id, fuel_type, amount,
              discount_amount, currency, used_at, status, reason, transaction_reference, resolution, created_at,
              updated_at)
      ON redemption_schema.offline_redemptions TO redemption_ro;
