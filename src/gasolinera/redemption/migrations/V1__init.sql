-- The redemption schema: redemptions at the pump, the raffle tickets they earn, fraud detection and the pump's QR
-- codes.
--
-- One rule runs through the file: a ticket is made by redemption_schema.issue_tickets and by nothing else. The
-- completion trigger of redemptions calls it, and so do the consumer of ad bonuses and the free-entry route. The
-- runtime role may not insert tickets or issuances itself.

-- Redemptions ---------------------------------------------------------------------------------------------------------

CREATE SEQUENCE redemption_schema.transaction_reference_seq AS bigint;
COMMENT ON SEQUENCE redemption_schema.transaction_reference_seq IS 'The number within a transaction reference.';

CREATE FUNCTION redemption_schema.next_transaction_reference() RETURNS text
    LANGUAGE sql VOLATILE
    AS $$
    SELECT 'RDM-' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') || '-'
        || lpad(n::text, greatest(6, length(n::text)), '0')
      FROM nextval('redemption_schema.transaction_reference_seq') AS n
$$;
COMMENT ON FUNCTION redemption_schema.next_transaction_reference() IS
    'A new public reference RDM-YYYYMMDD-NNNNNN (UTC date). The number never starts again, and grows past six digits.';

CREATE TABLE redemption_schema.redemptions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    transaction_reference text NOT NULL DEFAULT redemption_schema.next_transaction_reference(),
    status text NOT NULL DEFAULT 'PENDING',
    user_id uuid NOT NULL,
    coupon_code text NOT NULL,
    campaign_code text NOT NULL,
    station_code text NOT NULL,
    employee_number text NOT NULL,
    terminal_code text,
    dispenser_code text,
    validation_method text NOT NULL DEFAULT 'QR_SCAN',
    device_id text,
    fuel_type text,
    fuel_litres numeric(8, 3),
    price_per_litre numeric(8, 3),
    original_amount numeric(12, 2) NOT NULL,
    discount_amount numeric(12, 2) NOT NULL DEFAULT 0,
    final_amount numeric(12, 2) NOT NULL,
    currency text NOT NULL,
    idempotency_key text NOT NULL,
    request_sha256 bytea,
    tickets_earned integer NOT NULL DEFAULT 0,
    raffle_code text,
    tickets_expire_at timestamptz,
    ticket_seed uuid NOT NULL DEFAULT gen_random_uuid(),
    failure_code text,
    failure_reason text,
    cancellation_reason text,
    started_at timestamptz,
    completed_at timestamptz,
    failed_at timestamptz,
    cancelled_at timestamptz,
    created_by text DEFAULT redemption_schema.request_context('actor'),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'),
    ip_address inet DEFAULT redemption_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'),
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT redemptions_pk PRIMARY KEY (id),
    CONSTRAINT redemptions_transaction_reference_key UNIQUE (transaction_reference),
    -- A repeated request of the same employee finds the first one's redemption instead of making another.
    CONSTRAINT redemptions_employee_number_idempotency_key_key UNIQUE (employee_number, idempotency_key),
    CONSTRAINT redemptions_ticket_seed_key UNIQUE (ticket_seed),
    CONSTRAINT redemptions_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'),
    CONSTRAINT redemptions_status_check
        CHECK (status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'CANCELLED')),
    CONSTRAINT redemptions_coupon_code_check CHECK (coupon_code ~ '^[A-Z0-9]{6,50}$'),
    CONSTRAINT redemptions_campaign_code_check CHECK (campaign_code ~ '^[A-Z0-9_]{3,50}$'),
    CONSTRAINT redemptions_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT redemptions_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'),
    CONSTRAINT redemptions_terminal_code_check CHECK (terminal_code ~ '^[A-Z0-9-]{3,40}$'),
    CONSTRAINT redemptions_dispenser_code_check CHECK (dispenser_code ~ '^[A-Z0-9-]{1,20}$'),
    CONSTRAINT redemptions_validation_method_check
        CHECK (validation_method IN ('QR_SCAN', 'PUMP_QR', 'MANUAL_ENTRY', 'NFC', 'BARCODE')),
    CONSTRAINT redemptions_device_id_check CHECK (length(device_id) BETWEEN 1 AND 128),
    CONSTRAINT redemptions_fuel_type_check CHECK (fuel_type IN ('REGULAR', 'PREMIUM', 'DIESEL')),
    CONSTRAINT redemptions_fuel_check
        CHECK ((fuel_litres IS NULL) = (price_per_litre IS NULL) AND (fuel_litres IS NULL OR fuel_type IS NOT NULL)),
    -- NaN is greater than every number, so a number has an upper bound as well.
    CONSTRAINT redemptions_fuel_litres_check CHECK (fuel_litres > 0 AND fuel_litres < 'NaN'),
    CONSTRAINT redemptions_price_per_litre_check CHECK (price_per_litre > 0 AND price_per_litre < 'NaN'),
    CONSTRAINT redemptions_original_amount_check CHECK (original_amount > 0 AND original_amount < 'NaN'),
    CONSTRAINT redemptions_discount_amount_check CHECK (discount_amount BETWEEN 0 AND original_amount),
    CONSTRAINT redemptions_final_amount_check CHECK (final_amount = original_amount - discount_amount),
    CONSTRAINT redemptions_currency_check CHECK (currency ~ '^[A-Z]{3}$' AND currency IN ('MXN', 'CRC', 'USD')),
    -- CRC is never quoted with cents.
    CONSTRAINT redemptions_rounding_check CHECK (
        currency <> 'CRC'
        OR (original_amount = trunc(original_amount) AND discount_amount = trunc(discount_amount))),
    CONSTRAINT redemptions_idempotency_key_check CHECK (length(idempotency_key) BETWEEN 8 AND 255),
    CONSTRAINT redemptions_request_sha256_check CHECK (octet_length(request_sha256) = 32),
    CONSTRAINT redemptions_tickets_earned_check CHECK (tickets_earned BETWEEN 0 AND 10000),
    CONSTRAINT redemptions_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'),
    CONSTRAINT redemptions_tickets_expire_at_check
        CHECK (tickets_expire_at > created_at AND tickets_expire_at <= created_at + interval '2 years'),
    CONSTRAINT redemptions_failure_code_check CHECK (failure_code ~ '^[A-Z][A-Z0-9_]{2,49}$'),
    CONSTRAINT redemptions_failure_reason_check CHECK (length(btrim(failure_reason)) BETWEEN 1 AND 1000),
    CONSTRAINT redemptions_cancellation_reason_check CHECK (length(btrim(cancellation_reason)) BETWEEN 1 AND 1000),
    CONSTRAINT redemptions_in_progress_check CHECK (status <> 'IN_PROGRESS' OR started_at IS NOT NULL),
    CONSTRAINT redemptions_completed_check CHECK (
        CASE status WHEN 'COMPLETED' THEN completed_at IS NOT NULL
                    WHEN 'CANCELLED' THEN true
                    ELSE completed_at IS NULL END),
    CONSTRAINT redemptions_failed_check
        CHECK ((status = 'FAILED') = (failed_at IS NOT NULL) AND (status <> 'FAILED' OR failure_code IS NOT NULL)),
    CONSTRAINT redemptions_cancelled_check CHECK ((status = 'CANCELLED') = (cancelled_at IS NOT NULL)),
    CONSTRAINT redemptions_order_of_times_check
        CHECK (created_at <= completed_at AND created_at <= failed_at AND created_at <= cancelled_at),
    CONSTRAINT redemptions_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT redemptions_created_by_check CHECK (length(created_by) <= 128),
    CONSTRAINT redemptions_user_agent_check CHECK (length(user_agent) <= 1000),
    CONSTRAINT redemptions_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
-- "My redemptions", newest first; velocity of a user.
CREATE INDEX redemptions_user_id_created_at_idx ON redemption_schema.redemptions (user_id, created_at DESC);
-- The station's day; velocity of a station.
CREATE INDEX redemptions_station_code_created_at_idx ON redemption_schema.redemptions (station_code, created_at DESC);
-- What a coupon was used for; the duplicate rule of fraud detection.
CREATE INDEX redemptions_coupon_code_idx ON redemption_schema.redemptions (coupon_code);
-- The recovery job: oldest unfinished first.
CREATE INDEX redemptions_unfinished_created_at_idx ON redemption_schema.redemptions (created_at)
    WHERE status IN ('PENDING', 'IN_PROGRESS');

COMMENT ON TABLE redemption_schema.redemptions IS
    'One use of a coupon at a station. Written first as PENDING; the coupon''s own schema decides whether it may '
    'be used.';
COMMENT ON COLUMN redemption_schema.redemptions.user_id IS 'Personal data: public id of the driver who redeems.';
COMMENT ON COLUMN redemption_schema.redemptions.employee_number IS 'Personal data: the employee who serves.';
COMMENT ON COLUMN redemption_schema.redemptions.device_id IS
    'Personal data: the driver''s or the terminal''s device, for velocity rules.';
COMMENT ON COLUMN redemption_schema.redemptions.created_by IS
    'Personal data: who asked for it, a public id or a service''s name.';
COMMENT ON COLUMN redemption_schema.redemptions.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.redemptions.user_agent IS 'Personal data: the client''s software.';
COMMENT ON COLUMN redemption_schema.redemptions.request_sha256 IS
    'Fingerprint of the request under the idempotency key: the same key with another request is refused.';
COMMENT ON COLUMN redemption_schema.redemptions.tickets_earned IS
    'Tickets that the completion makes; known when the coupon is consumed.';
COMMENT ON COLUMN redemption_schema.redemptions.raffle_code IS
    'The raffle that the campaign names; NULL: the holder chooses.';
COMMENT ON COLUMN redemption_schema.redemptions.ticket_seed IS
    'Secret: the numbers of the redemption''s tickets follow from it. Random, never readable by the runtime role.';

CREATE FUNCTION redemption_schema.guard_redemption() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'PENDING' THEN
            RAISE EXCEPTION 'a redemption begins as PENDING, not as %', NEW.status USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.status IN ('COMPLETED', 'FAILED', 'CANCELLED')
       AND (OLD.original_amount, OLD.discount_amount, OLD.final_amount, OLD.currency, OLD.tickets_earned,
            OLD.raffle_code, OLD.fuel_type, OLD.fuel_litres, OLD.price_per_litre, OLD.completed_at)
           IS DISTINCT FROM
           (NEW.original_amount, NEW.discount_amount, NEW.final_amount, NEW.currency, NEW.tickets_earned,
            NEW.raffle_code, NEW.fuel_type, NEW.fuel_litres, NEW.price_per_litre, NEW.completed_at) THEN
        RAISE EXCEPTION 'redemption % is %: its facts do not change any more', OLD.transaction_reference, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = NEW.status THEN
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('PENDING', 'IN_PROGRESS'), ('PENDING', 'COMPLETED'), ('PENDING', 'FAILED'), ('PENDING', 'CANCELLED'),
        ('IN_PROGRESS', 'COMPLETED'), ('IN_PROGRESS', 'FAILED'), ('IN_PROGRESS', 'CANCELLED'),
        ('COMPLETED', 'CANCELLED')) THEN
        RAISE EXCEPTION 'redemption % cannot go from % to %', OLD.transaction_reference, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    CASE NEW.status
        WHEN 'IN_PROGRESS' THEN NEW.started_at := coalesce(NEW.started_at, now());
        WHEN 'COMPLETED' THEN NEW.completed_at := coalesce(NEW.completed_at, now());
        WHEN 'FAILED' THEN NEW.failed_at := coalesce(NEW.failed_at, now());
        WHEN 'CANCELLED' THEN NEW.cancelled_at := coalesce(NEW.cancelled_at, now());
    END CASE;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION redemption_schema.guard_redemption() IS
    'The allowed transitions of a redemption, their times, and that a finished redemption keeps its facts.';
CREATE TRIGGER redemptions_guard BEFORE INSERT OR UPDATE ON redemption_schema.redemptions
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.guard_redemption();
CREATE TRIGGER redemptions_set_updated_at BEFORE UPDATE ON redemption_schema.redemptions
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.redemption_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_type text NOT NULL,
    transaction_reference text NOT NULL,
    old_status text,
    new_status text,
    details jsonb NOT NULL DEFAULT '{}',
    actor text DEFAULT redemption_schema.request_context('actor'),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'),
    ip_address inet DEFAULT redemption_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT redemption_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT redemption_audit_log_event_type_check CHECK (event_type ~ '^[A-Z][A-Z_]{2,49}$'),
    CONSTRAINT redemption_audit_log_transaction_reference_check CHECK (length(transaction_reference) BETWEEN 1 AND 50),
    CONSTRAINT redemption_audit_log_details_check CHECK (jsonb_typeof(details) = 'object')
) PARTITION BY RANGE (created_at);
-- The history of one redemption.
CREATE INDEX redemption_audit_log_transaction_reference_idx
    ON redemption_schema.redemption_audit_log (transaction_reference, created_at);
COMMENT ON TABLE redemption_schema.redemption_audit_log IS
    'Every change of a redemption''s status and who made it; append-only, by month.';
COMMENT ON COLUMN redemption_schema.redemption_audit_log.actor IS
    'Personal data: who did it, a public id or a service''s name.';
COMMENT ON COLUMN redemption_schema.redemption_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.redemption_audit_log.user_agent IS 'Personal data: the client''s software.';
CREATE TRIGGER redemption_audit_log_refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON redemption_schema.redemption_audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

-- Ticket numbers ------------------------------------------------------------------------------------------------------

CREATE FUNCTION redemption_schema.issuance_id_of(p_seed uuid) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT encode(set_byte(set_byte(h, 6, (get_byte(h, 6) & 15) | 128), 8, (get_byte(h, 8) & 63) | 128), 'hex')::uuid
      FROM substr(sha256('issuance'::bytea || uuid_send(p_seed)), 1, 16) AS h
$$;
COMMENT ON FUNCTION redemption_schema.issuance_id_of(uuid) IS
    'The public id of an issuance: a uuid of version 8, made of SHA-256("issuance" || seed); nobody gets the seed '
    'back from it.';

CREATE FUNCTION redemption_schema.ticket_number(p_seed uuid, p_ordinal integer) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    v_alphabet CONSTANT text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    v_hash CONSTANT bytea := sha256('ticket'::bytea || uuid_send(p_seed) || int4send(p_ordinal));
    v_number text := 'TKT';
    v_sum integer := 0;
    v_value integer;
BEGIN
    FOR i IN 0..14 LOOP
        v_value := get_byte(v_hash, i) & 31;
        v_number := v_number || substr(v_alphabet, v_value + 1, 1);
        v_sum := (((v_sum << 1) & 31) # (CASE WHEN v_sum >= 16 THEN 5 ELSE 0 END)) # v_value;
    END LOOP;
    -- The check character makes the sum over all sixteen characters zero.
    v_value := ((v_sum << 1) & 31) # (CASE WHEN v_sum >= 16 THEN 5 ELSE 0 END);
    RETURN v_number || substr(v_alphabet, v_value + 1, 1);
END
$$;
COMMENT ON FUNCTION redemption_schema.ticket_number(uuid, integer) IS
'The number of the n-th ticket of an issuance: "TKT", 15 characters (75 bits) of SHA-256("ticket" || seed || n), one
check character. The alphabet is Crockford''s base 32 (no I, L, O, U); a character''s value v is its place, 0 to 31.
Check: read the values as elements of GF(32) with x^5 = x^2 + 1; sum(v[i] * x^(16 - i), i = 1..16) = 0, where v[16] is
the check character. x has order 31, so every wrong character and every swap of two characters changes the sum.';

CREATE FUNCTION redemption_schema.is_ticket_number(p_number text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    v_sum integer := 0;
BEGIN
    IF p_number !~ '^TKT[0-9A-HJKMNP-TV-Z]{16}$' THEN
        RETURN false;
    END IF;
    FOR i IN 4..19 LOOP
        v_sum := (((v_sum << 1) & 31) # (CASE WHEN v_sum >= 16 THEN 5 ELSE 0 END))
            # (strpos('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(p_number, i, 1)) - 1);
    END LOOP;
    RETURN v_sum = 0;
END
$$;
COMMENT ON FUNCTION redemption_schema.is_ticket_number(text) IS
    'Has the shape and the check character of a ticket number (the rule stands at ticket_number); says nothing of '
    'existence.';

-- Issuances and tickets -----------------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.ticket_issuances (
    id bigint GENERATED ALWAYS AS IDENTITY,
    issuance_id uuid NOT NULL GENERATED ALWAYS AS (redemption_schema.issuance_id_of(seed)) STORED,
    seed uuid NOT NULL DEFAULT gen_random_uuid(),
    source text NOT NULL,
    source_reference text NOT NULL,
    user_id uuid NOT NULL,
    redemption_id bigint,
    ticket_count integer NOT NULL,
    raffle_code text,
    expires_at timestamptz NOT NULL,
    actor text DEFAULT redemption_schema.request_context('actor'),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ticket_issuances_pk PRIMARY KEY (id),
    CONSTRAINT ticket_issuances_issuance_id_key UNIQUE (issuance_id),
    CONSTRAINT ticket_issuances_seed_key UNIQUE (seed),
    -- The only-once key: one fact earns tickets one time.
    CONSTRAINT ticket_issuances_source_source_reference_key UNIQUE (source, source_reference),
    CONSTRAINT ticket_issuances_redemption_id_fk FOREIGN KEY (redemption_id)
        REFERENCES redemption_schema.redemptions (id) ON DELETE RESTRICT,
    CONSTRAINT ticket_issuances_source_check
        CHECK (source IN ('COUPON_REDEMPTION', 'AD_ENGAGEMENT', 'PROMOTIONAL', 'BONUS', 'FREE_ENTRY')),
    CONSTRAINT ticket_issuances_redemption_check CHECK (source <> 'COUPON_REDEMPTION' OR redemption_id IS NOT NULL),
    CONSTRAINT ticket_issuances_source_reference_check CHECK (length(btrim(source_reference)) BETWEEN 1 AND 128),
    CONSTRAINT ticket_issuances_ticket_count_check CHECK (ticket_count BETWEEN 1 AND 10000),
    CONSTRAINT ticket_issuances_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'),
    CONSTRAINT ticket_issuances_expires_at_check
        CHECK (expires_at > created_at AND expires_at <= created_at + interval '2 years')
);
-- The tickets that a cancelled redemption takes back, its bonuses included.
CREATE INDEX ticket_issuances_redemption_id_idx ON redemption_schema.ticket_issuances (redemption_id)
    WHERE redemption_id IS NOT NULL;
-- "Where my tickets came from", newest first.
CREATE INDEX ticket_issuances_user_id_created_at_idx ON redemption_schema.ticket_issuances (user_id, created_at DESC);
COMMENT ON TABLE redemption_schema.ticket_issuances IS
    'One row an event that earned tickets. A row and its tickets are made together by issue_tickets, and never change.';
COMMENT ON COLUMN redemption_schema.ticket_issuances.seed IS
    'Secret: the issuance''s id and its ticket numbers follow from it. Random, never readable by the runtime role.';
COMMENT ON COLUMN redemption_schema.ticket_issuances.source_reference IS
    'What earned the tickets: a transaction reference, an ad view''s id, a promotion''s or free entry''s reference.';
COMMENT ON COLUMN redemption_schema.ticket_issuances.user_id IS 'Personal data: public id of the holder.';
COMMENT ON COLUMN redemption_schema.ticket_issuances.actor IS
    'Personal data: who caused it, a public id or a service''s name.';

CREATE TABLE redemption_schema.raffle_tickets (
    id bigint GENERATED ALWAYS AS IDENTITY,
    ticket_number text NOT NULL,
    issuance_id uuid NOT NULL,
    ordinal integer NOT NULL,
    user_id uuid NOT NULL,
    source text NOT NULL,
    redemption_id bigint,
    raffle_code text,
    status text NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT raffle_tickets_pk PRIMARY KEY (id),
    CONSTRAINT raffle_tickets_ticket_number_key UNIQUE (ticket_number),
    CONSTRAINT raffle_tickets_issuance_id_ordinal_key UNIQUE (issuance_id, ordinal),
    CONSTRAINT raffle_tickets_issuance_id_fk FOREIGN KEY (issuance_id)
        REFERENCES redemption_schema.ticket_issuances (issuance_id) ON DELETE RESTRICT,
    CONSTRAINT raffle_tickets_redemption_id_fk FOREIGN KEY (redemption_id)
        REFERENCES redemption_schema.redemptions (id) ON DELETE RESTRICT,
    CONSTRAINT raffle_tickets_ticket_number_check CHECK (redemption_schema.is_ticket_number(ticket_number)),
    CONSTRAINT raffle_tickets_ordinal_check CHECK (ordinal BETWEEN 1 AND 10000),
    CONSTRAINT raffle_tickets_source_check
        CHECK (source IN ('COUPON_REDEMPTION', 'AD_ENGAGEMENT', 'PROMOTIONAL', 'BONUS', 'FREE_ENTRY')),
    CONSTRAINT raffle_tickets_redemption_check CHECK (source <> 'COUPON_REDEMPTION' OR redemption_id IS NOT NULL),
    CONSTRAINT raffle_tickets_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'),
    CONSTRAINT raffle_tickets_status_check
        CHECK (status IN ('ACTIVE', 'ENTERED', 'USED', 'EXPIRED', 'CANCELLED')),
    CONSTRAINT raffle_tickets_raffle_check CHECK (
        CASE WHEN status IN ('ACTIVE', 'EXPIRED') THEN raffle_code IS NULL
             WHEN status IN ('ENTERED', 'USED') THEN raffle_code IS NOT NULL
             ELSE true END)
);
-- "My tickets", newest first.
CREATE INDEX raffle_tickets_user_id_created_at_idx ON redemption_schema.raffle_tickets (user_id, created_at DESC);
-- A cancelled redemption takes its tickets back.
CREATE INDEX raffle_tickets_redemption_id_idx ON redemption_schema.raffle_tickets (redemption_id)
    WHERE redemption_id IS NOT NULL;
-- raffle.drawn and a cancelled raffle reach the tickets that entered it.
CREATE INDEX raffle_tickets_entered_raffle_code_idx ON redemption_schema.raffle_tickets (raffle_code)
    WHERE status = 'ENTERED';
-- The expiry job.
CREATE INDEX raffle_tickets_active_expires_at_idx ON redemption_schema.raffle_tickets (expires_at)
    WHERE status = 'ACTIVE';
COMMENT ON TABLE redemption_schema.raffle_tickets IS
    'One row a ticket. ACTIVE waits for its holder''s choice, ENTERED is in one raffle, USED had its draw.';
COMMENT ON COLUMN redemption_schema.raffle_tickets.user_id IS 'Personal data: public id of the holder.';
COMMENT ON COLUMN redemption_schema.raffle_tickets.redemption_id IS
    'The redemption that earned it, or whose tickets an ad multiplied; NULL for free entries and promotions.';
COMMENT ON COLUMN redemption_schema.raffle_tickets.expires_at IS
    'When an ACTIVE ticket is lost, within two years; an entered one does not expire.';

CREATE FUNCTION redemption_schema.guard_raffle_ticket() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF OLD.raffle_code IS NOT NULL AND NEW.raffle_code IS NOT NULL AND OLD.raffle_code <> NEW.raffle_code THEN
        RAISE EXCEPTION 'ticket % is in raffle % already', OLD.ticket_number, OLD.raffle_code
            USING ERRCODE = 'restrict_violation';
    END IF;
    -- ENTERED to ACTIVE: the raffle was cancelled or would not take the ticket, so its holder chooses again.
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('ACTIVE', 'ENTERED'), ('ACTIVE', 'EXPIRED'), ('ACTIVE', 'CANCELLED'),
        ('ENTERED', 'ACTIVE'), ('ENTERED', 'USED'), ('ENTERED', 'CANCELLED')) THEN
        RAISE EXCEPTION 'ticket % cannot go from % to %', OLD.ticket_number, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status = 'ACTIVE' AND NEW.status = 'ENTERED' AND OLD.expires_at <= now() THEN
        RAISE EXCEPTION 'ticket % expired', OLD.ticket_number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION redemption_schema.guard_raffle_ticket() IS
    'The allowed transitions of a ticket: to one raffle at most, none after its expiry, none back from a draw.';
CREATE TRIGGER raffle_tickets_guard BEFORE UPDATE ON redemption_schema.raffle_tickets
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.guard_raffle_ticket();
CREATE TRIGGER raffle_tickets_set_updated_at BEFORE UPDATE ON redemption_schema.raffle_tickets
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE FUNCTION redemption_schema.issue_tickets(
    p_source text,
    p_source_references text[],
    p_user_ids uuid[],
    p_ticket_counts integer[],
    p_raffle_codes text[] DEFAULT NULL,
    p_transaction_references text[] DEFAULT NULL,
    p_expires_at timestamptz[] DEFAULT NULL,
    p_seeds uuid[] DEFAULT NULL)
    RETURNS TABLE (source_reference text, issuance_id uuid, ticket_count integer, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
#variable_conflict use_column
DECLARE
    v_size CONSTANT integer := cardinality(p_source_references);
    -- A redemption's tickets name their redemption twice, so that one rule serves both.
    v_transaction_references CONSTANT text[] :=
        CASE p_source WHEN 'COUPON_REDEMPTION' THEN p_source_references ELSE p_transaction_references END;
    v_new uuid[];
BEGIN
    IF num_nulls(p_source, p_source_references, p_user_ids, p_ticket_counts) > 0
       OR v_size <> cardinality(p_user_ids)
       OR v_size <> cardinality(p_ticket_counts)
       OR v_size <> coalesce(cardinality(p_raffle_codes), v_size)
       OR v_size <> coalesce(cardinality(v_transaction_references), v_size)
       OR v_size <> coalesce(cardinality(p_expires_at), v_size)
       OR v_size <> coalesce(cardinality(p_seeds), v_size) THEN
        RAISE EXCEPTION 'issue_tickets takes arrays of one length' USING ERRCODE = 'array_subscript_error';
    END IF;
    -- Who chooses the seed knows the numbers beforehand. Inside a SECURITY DEFINER function current_user is the owner.
    IF p_seeds IS NOT NULL AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
        RAISE EXCEPTION 'only the owner chooses seeds' USING ERRCODE = 'insufficient_privilege';
    END IF;

    WITH asked AS (
        SELECT a.source_reference, a.user_id, a.ticket_count, a.raffle_code, a.transaction_reference,
               coalesce(a.expires_at, now() + interval '90 days') AS expires_at, a.seed
          FROM unnest(p_source_references, p_user_ids, p_ticket_counts, p_raffle_codes, v_transaction_references,
                      p_expires_at, p_seeds)
            AS a (source_reference, user_id, ticket_count, raffle_code, transaction_reference, expires_at, seed)
    ), redemption AS (
        -- Locked, so that a cancellation at the same time either comes first and is seen, or takes these tickets back
        -- too.
        SELECT r.id, r.transaction_reference, r.user_id, r.tickets_earned, r.ticket_seed
          FROM redemption_schema.redemptions AS r
         WHERE r.transaction_reference = ANY (v_transaction_references)
           AND r.status = 'COMPLETED'
         ORDER BY r.id
           FOR SHARE
    ), allowed AS (
        SELECT a.source_reference, a.user_id, a.ticket_count, a.raffle_code, a.expires_at, r.id AS redemption_id,
               coalesce(CASE p_source WHEN 'COUPON_REDEMPTION' THEN r.ticket_seed ELSE a.seed END, gen_random_uuid())
                   AS seed
          FROM asked AS a
          LEFT JOIN redemption AS r ON r.transaction_reference = a.transaction_reference AND r.user_id = a.user_id
         WHERE CASE WHEN p_source = 'COUPON_REDEMPTION' THEN r.tickets_earned = a.ticket_count
                    WHEN a.transaction_reference IS NOT NULL THEN r.id IS NOT NULL
                    ELSE true END
    ), issued AS (
        INSERT INTO redemption_schema.ticket_issuances
               (seed, source, source_reference, user_id, redemption_id, ticket_count, raffle_code, expires_at)
        SELECT seed, p_source, source_reference, user_id, redemption_id, ticket_count, raffle_code, expires_at
          FROM allowed
         ORDER BY source_reference  -- one lock order, or two batches with the same references deadlock
            ON CONFLICT (source, source_reference) DO NOTHING
        RETURNING issuance_id, seed, source, user_id, redemption_id, ticket_count, raffle_code, expires_at
    ), made AS (
        INSERT INTO redemption_schema.raffle_tickets
               (ticket_number, issuance_id, ordinal, user_id, source, redemption_id, raffle_code, status, expires_at)
        SELECT redemption_schema.ticket_number(i.seed, n), i.issuance_id, n, i.user_id, i.source, i.redemption_id,
               i.raffle_code, CASE WHEN i.raffle_code IS NULL THEN 'ACTIVE' ELSE 'ENTERED' END, i.expires_at
          FROM issued AS i
         CROSS JOIN LATERAL generate_series(1, i.ticket_count) AS n
    )
    SELECT coalesce(array_agg(i.issuance_id), '{}') INTO v_new FROM issued AS i;

    RETURN QUERY
    SELECT a.source_reference, i.issuance_id, i.ticket_count,
           CASE WHEN i.issuance_id IS NULL THEN 'REFUSED'
                WHEN n.issuance_id IS NULL THEN 'ALREADY_ISSUED'
                ELSE 'ISSUED' END
      FROM unnest(p_source_references, p_user_ids, p_ticket_counts) AS a (source_reference, user_id, ticket_count)
      LEFT JOIN redemption_schema.ticket_issuances AS i
             ON i.source = p_source AND i.source_reference = a.source_reference
            AND i.user_id = a.user_id AND i.ticket_count = a.ticket_count
      LEFT JOIN unnest(v_new) AS n (issuance_id) ON n.issuance_id = i.issuance_id;
END
$$;
REVOKE EXECUTE ON FUNCTION
    redemption_schema.issue_tickets(text, text[], uuid[], integer[], text[], text[], timestamptz[], uuid[]) FROM PUBLIC;
COMMENT ON FUNCTION
    redemption_schema.issue_tickets(text, text[], uuid[], integer[], text[], text[], timestamptz[], uuid[]) IS
'The only maker of tickets: one issuance and its tickets for each source reference, one time for ever. Outcome ISSUED;
ALREADY_ISSUED for a repeated call, which changes nothing; REFUSED when the reference was issued to another user or in
another number, or when the redemption it belongs to is not a COMPLETED one of this user.';

CREATE FUNCTION redemption_schema.follow_redemptions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_cancelled bigint[];
BEGIN
    INSERT INTO redemption_schema.redemption_audit_log
           (event_type, transaction_reference, old_status, new_status, details)
    SELECT 'REDEMPTION_' || n.status, n.transaction_reference, o.status, n.status,
           jsonb_strip_nulls(jsonb_build_object(
               'failure_code', n.failure_code, 'cancellation_reason', n.cancellation_reason))
      FROM new_rows AS n
      JOIN old_rows AS o ON o.id = n.id
     WHERE o.status <> n.status;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    IF EXISTS (
        SELECT
          FROM (SELECT array_agg(n.transaction_reference) AS transaction_references, array_agg(n.user_id) AS user_ids,
                       array_agg(n.tickets_earned) AS ticket_counts, array_agg(n.raffle_code) AS raffle_codes,
                       array_agg(n.tickets_expire_at) AS expires_at
                  FROM new_rows AS n
                  JOIN old_rows AS o ON o.id = n.id
                 WHERE n.status = 'COMPLETED' AND o.status <> 'COMPLETED' AND n.tickets_earned > 0
                HAVING count(*) > 0) AS completed
         CROSS JOIN LATERAL redemption_schema.issue_tickets(
                   'COUPON_REDEMPTION', completed.transaction_references, completed.user_ids, completed.ticket_counts,
                   p_raffle_codes => completed.raffle_codes, p_expires_at => completed.expires_at) AS issued
         WHERE issued.outcome <> 'ISSUED'
    ) THEN
        RAISE EXCEPTION 'tickets of a redemption were issued before its completion' USING ERRCODE = 'unique_violation';
    END IF;

    -- The ids go through an array, whose size the planner sees; a join of both transition tables with the tickets is
    -- estimated at one row, and then planned as a walk through all tickets for each redemption.
    SELECT array_agg(n.id) INTO v_cancelled
      FROM new_rows AS n
      JOIN old_rows AS o ON o.id = n.id
     WHERE (o.status, n.status) = ('COMPLETED', 'CANCELLED');
    IF v_cancelled IS NOT NULL THEN
        -- A ticket whose draw has been held stays; the raffle's own rules deal with a winner.
        UPDATE redemption_schema.raffle_tickets AS t
           SET status = 'CANCELLED'
         WHERE t.redemption_id IN (SELECT unnest(v_cancelled))
           AND t.status IN ('ACTIVE', 'ENTERED');
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.follow_redemptions() FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.follow_redemptions() IS
    'What follows from a change of status, for all rows of the statement at once: audit, tickets made, tickets '
    'taken back.';
CREATE TRIGGER redemptions_follow AFTER UPDATE ON redemption_schema.redemptions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.follow_redemptions();

-- Fraud ---------------------------------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.fraud_detection_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    detection_id uuid NOT NULL DEFAULT gen_random_uuid(),
    transaction_reference text,
    user_id uuid,
    coupon_code text,
    station_code text,
    employee_number text,
    device_id text,
    fraud_type text,
    risk_score integer NOT NULL,
    action_taken text NOT NULL,
    rule_points jsonb NOT NULL DEFAULT '{}',
    details jsonb NOT NULL DEFAULT '{}',
    actor text DEFAULT redemption_schema.request_context('actor'),
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'),
    ip_address inet DEFAULT redemption_schema.request_context('ip_address')::inet,
    user_agent text DEFAULT redemption_schema.request_context('user_agent'),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fraud_detection_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT fraud_detection_log_fraud_type_check CHECK (fraud_type IN (
        'DUPLICATE_REDEMPTION', 'SUSPICIOUS_PATTERN', 'VELOCITY_FRAUD', 'LOCATION_ANOMALY', 'DEVICE_FRAUD')),
    CONSTRAINT fraud_detection_log_risk_score_check CHECK (risk_score BETWEEN 0 AND 100),
    CONSTRAINT fraud_detection_log_action_taken_check
        CHECK (action_taken IN ('ALLOWED', 'FLAGGED', 'ALLOWED_WITH_REVIEW', 'BLOCKED')),
    CONSTRAINT fraud_detection_log_reason_check CHECK (fraud_type IS NOT NULL OR action_taken = 'ALLOWED'),
    CONSTRAINT fraud_detection_log_transaction_reference_check CHECK (length(transaction_reference) BETWEEN 1 AND 50),
    CONSTRAINT fraud_detection_log_coupon_code_check CHECK (length(coupon_code) BETWEEN 1 AND 100),
    CONSTRAINT fraud_detection_log_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT fraud_detection_log_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'),
    CONSTRAINT fraud_detection_log_device_id_check CHECK (length(device_id) BETWEEN 1 AND 128),
    CONSTRAINT fraud_detection_log_rule_points_check CHECK (jsonb_typeof(rule_points) = 'object'),
    CONSTRAINT fraud_detection_log_details_check CHECK (jsonb_typeof(details) = 'object')
) PARTITION BY RANGE (created_at);
-- The velocity rules count a user's, a device's and a station's latest attempts.
CREATE INDEX fraud_detection_log_user_id_created_at_idx
    ON redemption_schema.fraud_detection_log (user_id, created_at DESC) WHERE user_id IS NOT NULL;
CREATE INDEX fraud_detection_log_device_id_created_at_idx
    ON redemption_schema.fraud_detection_log (device_id, created_at DESC) WHERE device_id IS NOT NULL;
CREATE INDEX fraud_detection_log_station_code_created_at_idx
    ON redemption_schema.fraud_detection_log (station_code, created_at DESC) WHERE station_code IS NOT NULL;
COMMENT ON TABLE redemption_schema.fraud_detection_log IS
    'Every assessed attempt with its score and what was done; append-only, by month. No foreign key: an attempt '
    'needs no '
    'redemption, and a month of attempts can be dropped alone.';
COMMENT ON COLUMN redemption_schema.fraud_detection_log.user_id IS 'Personal data: public id of the driver.';
COMMENT ON COLUMN redemption_schema.fraud_detection_log.employee_number IS 'Personal data: the employee who serves.';
COMMENT ON COLUMN redemption_schema.fraud_detection_log.device_id IS 'Personal data: the device of the attempt.';
COMMENT ON COLUMN redemption_schema.fraud_detection_log.details IS
    'Personal data: what the rules saw, which may hold places and times of a driver.';
COMMENT ON COLUMN redemption_schema.fraud_detection_log.actor IS
    'Personal data: who attempted it, a public id or a service''s name.';
COMMENT ON COLUMN redemption_schema.fraud_detection_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN redemption_schema.fraud_detection_log.user_agent IS 'Personal data: the client''s software.';
COMMENT ON COLUMN redemption_schema.fraud_detection_log.coupon_code IS
    'As presented, so it may name no coupon at all: guessed codes are what the rules look for.';
COMMENT ON COLUMN redemption_schema.fraud_detection_log.rule_points IS
    'The points that each rule gave, by the rule''s name.';
CREATE TRIGGER fraud_detection_log_refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON redemption_schema.fraud_detection_log
    FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.refuse_change();

CREATE TABLE redemption_schema.fraud_reviews (
    id bigint GENERATED ALWAYS AS IDENTITY,
    detection_id uuid NOT NULL,
    detected_at timestamptz NOT NULL,
    risk_score integer NOT NULL,
    status text NOT NULL DEFAULT 'OPEN',
    reviewed_by uuid,
    reviewed_at timestamptz,
    notes text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fraud_reviews_pk PRIMARY KEY (id),
    CONSTRAINT fraud_reviews_detection_id_key UNIQUE (detection_id),
    CONSTRAINT fraud_reviews_risk_score_check CHECK (risk_score BETWEEN 0 AND 100),
    CONSTRAINT fraud_reviews_status_check CHECK (status IN ('OPEN', 'CONFIRMED', 'FALSE_ALARM', 'INCONCLUSIVE')),
    CONSTRAINT fraud_reviews_reviewed_check CHECK (
        (status = 'OPEN') = (reviewed_at IS NULL) AND (status = 'OPEN' OR reviewed_by IS NOT NULL)),
    CONSTRAINT fraud_reviews_notes_check CHECK (length(btrim(notes)) BETWEEN 1 AND 4000)
);
-- The review queue: worst first, then oldest.
CREATE INDEX fraud_reviews_open_risk_score_idx ON redemption_schema.fraud_reviews (risk_score DESC, detected_at)
    WHERE status = 'OPEN';
COMMENT ON TABLE redemption_schema.fraud_reviews IS
    'The review queue: one row for each detection that asks for a person. Apart from the log, which never changes, and '
    'without a foreign key to it, so that old months of the log can be dropped and the verdict stays.';
COMMENT ON COLUMN redemption_schema.fraud_reviews.reviewed_by IS 'Personal data: public id of the reviewer.';
CREATE TRIGGER fraud_reviews_set_updated_at BEFORE UPDATE ON redemption_schema.fraud_reviews
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE FUNCTION redemption_schema.open_fraud_reviews() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO redemption_schema.fraud_reviews (detection_id, detected_at, risk_score)
    SELECT detection_id, created_at, risk_score
      FROM new_rows
     WHERE action_taken IN ('FLAGGED', 'ALLOWED_WITH_REVIEW');
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.open_fraud_reviews() FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.open_fraud_reviews() IS
    'A detection that asks for a person is in the queue at once.';
CREATE TRIGGER fraud_detection_log_open_reviews AFTER INSERT ON redemption_schema.fraud_detection_log
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.open_fraud_reviews();

-- The pump's QR code --------------------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.qr_validations (
    id bigint GENERATED ALWAYS AS IDENTITY,
    nonce uuid NOT NULL DEFAULT gen_random_uuid(),
    status text NOT NULL DEFAULT 'GENERATED',
    station_code text NOT NULL,
    dispenser_code text NOT NULL,
    employee_number text NOT NULL,
    amount numeric(12, 2),
    currency text,
    base_tickets integer NOT NULL DEFAULT 0,
    scanned_by uuid,
    redemption_id bigint,
    expires_at timestamptz NOT NULL,
    scanned_at timestamptz,
    activated_at timestamptz,
    completed_at timestamptz,
    correlation_id text DEFAULT redemption_schema.request_context('correlation_id'),
    ip_address inet DEFAULT redemption_schema.request_context('ip_address')::inet,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT qr_validations_pk PRIMARY KEY (id),
    CONSTRAINT qr_validations_nonce_key UNIQUE (nonce),
    CONSTRAINT qr_validations_redemption_id_key UNIQUE (redemption_id),
    CONSTRAINT qr_validations_redemption_id_fk FOREIGN KEY (redemption_id)
        REFERENCES redemption_schema.redemptions (id) ON DELETE RESTRICT,
    CONSTRAINT qr_validations_status_check
        CHECK (status IN ('GENERATED', 'SCANNED', 'ACTIVATED', 'COMPLETED', 'EXPIRED')),
    CONSTRAINT qr_validations_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT qr_validations_dispenser_code_check CHECK (dispenser_code ~ '^[A-Z0-9-]{1,20}$'),
    CONSTRAINT qr_validations_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'),
    CONSTRAINT qr_validations_amount_check
        CHECK (amount > 0 AND amount < 'NaN' AND (amount IS NULL) = (currency IS NULL)),
    CONSTRAINT qr_validations_currency_check CHECK (currency ~ '^[A-Z]{3}$' AND currency IN ('MXN', 'CRC', 'USD')),
    CONSTRAINT qr_validations_base_tickets_check CHECK (base_tickets BETWEEN 0 AND 10000),
    CONSTRAINT qr_validations_expires_at_check
        CHECK (expires_at > created_at AND expires_at <= created_at + interval '24 hours'),
    CONSTRAINT qr_validations_scanned_check CHECK (
        (scanned_by IS NULL) = (scanned_at IS NULL)
        AND CASE status WHEN 'GENERATED' THEN scanned_at IS NULL
                        WHEN 'EXPIRED' THEN true
                        ELSE scanned_at IS NOT NULL END),
    CONSTRAINT qr_validations_activated_check
        CHECK (status NOT IN ('ACTIVATED', 'COMPLETED') OR activated_at IS NOT NULL),
    CONSTRAINT qr_validations_completed_check CHECK ((status = 'COMPLETED') = (completed_at IS NOT NULL)),
    CONSTRAINT qr_validations_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
-- The station's figures: generated, scanned, activated, completed by day and employee.
CREATE INDEX qr_validations_station_code_created_at_idx
    ON redemption_schema.qr_validations (station_code, created_at DESC);
-- The expiry job.
CREATE INDEX qr_validations_open_expires_at_idx ON redemption_schema.qr_validations (expires_at)
    WHERE status IN ('GENERATED', 'SCANNED', 'ACTIVATED');
COMMENT ON TABLE redemption_schema.qr_validations IS
    'A code that the pump shows and one driver scans, once, before it expires.';
COMMENT ON COLUMN redemption_schema.qr_validations.nonce IS 'The unguessable part of the code.';
COMMENT ON COLUMN redemption_schema.qr_validations.employee_number IS
    'Personal data: the employee who showed the code.';
COMMENT ON COLUMN redemption_schema.qr_validations.scanned_by IS
    'Personal data: public id of the driver who scanned it first.';
COMMENT ON COLUMN redemption_schema.qr_validations.ip_address IS 'Personal data: where the request came from.';

CREATE FUNCTION redemption_schema.guard_qr_validation() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'GENERATED' THEN
            RAISE EXCEPTION 'a pump code begins as GENERATED, not as %', NEW.status USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.scanned_by IS NOT NULL AND NEW.scanned_by IS DISTINCT FROM OLD.scanned_by THEN
        RAISE EXCEPTION 'the pump code was scanned by another driver' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = NEW.status THEN
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('GENERATED', 'SCANNED'), ('SCANNED', 'ACTIVATED'), ('ACTIVATED', 'COMPLETED'),
        ('GENERATED', 'EXPIRED'), ('SCANNED', 'EXPIRED'), ('ACTIVATED', 'EXPIRED')) THEN
        RAISE EXCEPTION 'a pump code cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    -- A code that was activated in time may still complete: the driver has done his part.
    IF NEW.status IN ('SCANNED', 'ACTIVATED') AND OLD.expires_at <= now() THEN
        RAISE EXCEPTION 'the pump code expired' USING ERRCODE = 'check_violation';
    END IF;
    CASE NEW.status
        WHEN 'SCANNED' THEN NEW.scanned_at := now();
        WHEN 'ACTIVATED' THEN NEW.activated_at := now();
        WHEN 'COMPLETED' THEN NEW.completed_at := now();
        ELSE NULL;
    END CASE;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION redemption_schema.guard_qr_validation() IS
    'The allowed transitions of a pump code: one driver, one time, before it expires.';
CREATE TRIGGER qr_validations_guard BEFORE INSERT OR UPDATE ON redemption_schema.qr_validations
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.guard_qr_validation();
CREATE TRIGGER qr_validations_set_updated_at BEFORE UPDATE ON redemption_schema.qr_validations
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

-- Partitions and grants -----------------------------------------------------------------------------------------------

SELECT redemption_schema.ensure_all_month_partitions();

GRANT USAGE ON SCHEMA redemption_schema TO redemption_app, redemption_ro;
GRANT EXECUTE ON FUNCTION
    redemption_schema.request_context(text),
    redemption_schema.ensure_all_month_partitions(integer),
    redemption_schema.next_transaction_reference(),
    redemption_schema.is_ticket_number(text),
    redemption_schema.issue_tickets(text, text[], uuid[], integer[], text[], text[], timestamptz[], uuid[])
    TO redemption_app;
GRANT USAGE ON SEQUENCE redemption_schema.transaction_reference_seq TO redemption_app;

-- Column by column: the seed is neither read nor chosen by the runtime role, and what a redemption is about stays.
GRANT INSERT (transaction_reference, user_id, coupon_code, campaign_code, station_code, employee_number, terminal_code,
              dispenser_code, validation_method, device_id, fuel_type, fuel_litres, price_per_litre, original_amount,
              discount_amount, final_amount, currency, idempotency_key, request_sha256, tickets_earned, raffle_code,
              tickets_expire_at, metadata)
      ON redemption_schema.redemptions TO redemption_app;
GRANT UPDATE (status, fuel_type, fuel_litres, price_per_litre, original_amount, discount_amount, final_amount,
              tickets_earned, raffle_code, tickets_expire_at, failure_code, failure_reason, cancellation_reason,
              metadata)
      ON redemption_schema.redemptions TO redemption_app;
GRANT SELECT (id, transaction_reference, status, user_id, coupon_code, campaign_code, station_code, employee_number,
              terminal_code, dispenser_code, validation_method, device_id, fuel_type, fuel_litres, price_per_litre,
              original_amount, discount_amount, final_amount, currency, idempotency_key, request_sha256, tickets_earned,
              raffle_code, tickets_expire_at, failure_code, failure_reason, cancellation_reason, started_at,
              completed_at, failed_at, cancelled_at, created_by, correlation_id, ip_address, user_agent, metadata,
              created_at, updated_at)
      ON redemption_schema.redemptions TO redemption_app, redemption_ro;
GRANT SELECT (id, issuance_id, source, source_reference, user_id, redemption_id, ticket_count, raffle_code, expires_at,
              actor, correlation_id, created_at)
      ON redemption_schema.ticket_issuances TO redemption_app, redemption_ro;
GRANT SELECT, UPDATE (status, raffle_code) ON redemption_schema.raffle_tickets TO redemption_app;
-- The audit log and the review queue are written by the triggers, which run with the owner's rights. Nothing that the
-- runtime role writes itself can be back-dated or put down to another actor.
GRANT SELECT ON redemption_schema.redemption_audit_log TO redemption_app;
GRANT SELECT,
      INSERT (detection_id, transaction_reference, user_id, coupon_code, station_code, employee_number, device_id,
              fraud_type, risk_score, action_taken, rule_points, details)
      ON redemption_schema.fraud_detection_log TO redemption_app;
GRANT SELECT, UPDATE (status, reviewed_by, reviewed_at, notes)
      ON redemption_schema.fraud_reviews TO redemption_app;
GRANT SELECT,
      INSERT (nonce, station_code, dispenser_code, employee_number, amount, currency, base_tickets, expires_at,
              metadata),
      UPDATE (status, scanned_by, redemption_id, metadata)
      ON redemption_schema.qr_validations TO redemption_app;
GRANT SELECT ON redemption_schema.raffle_tickets, redemption_schema.redemption_audit_log,
      redemption_schema.fraud_detection_log, redemption_schema.fraud_reviews, redemption_schema.qr_validations
      TO redemption_ro;
