-- Evidence of the freeze that is not the operator's own word, and what becomes of the winners until the prize is theirs.
-- vuelo: allow require-concurrent-index-creation No raffle was drawn before: there are no winners yet.

-- Witnesses -----------------------------------------------------------------------------------------------------------

CREATE TABLE raffle_schema.draw_witnesses (
    terminal_code text NOT NULL,
    station_code text NOT NULL,
    public_key bytea NOT NULL,
    retired_at timestamptz,
    retirement_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT draw_witnesses_pk PRIMARY KEY (terminal_code),
    CONSTRAINT draw_witnesses_public_key_key UNIQUE (public_key),
    CONSTRAINT draw_witnesses_terminal_code_check CHECK (terminal_code ~ '^TRM[0-9]{6,15}$'),
    CONSTRAINT draw_witnesses_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT draw_witnesses_public_key_check CHECK (octet_length(public_key) = 32),
    CONSTRAINT draw_witnesses_retirement_check CHECK (
        (retired_at IS NULL) = (retirement_reason IS NULL) AND length(btrim(retirement_reason)) BETWEEN 1 AND 300)
);
COMMENT ON TABLE raffle_schema.draw_witnesses IS
    'Terminals of stations that sign what was frozen, each with the Ed25519 key it has as a terminal. A manifest lists '
    'those that are not retired at its freeze.';
CREATE TRIGGER draw_witnesses_set_updated_at BEFORE UPDATE ON raffle_schema.draw_witnesses
    FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE FUNCTION raffle_schema.audit_draw_witnesses() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, new_values)
    SELECT CASE WHEN n.retired_at IS NULL THEN 'WITNESS_ENROLLED' ELSE 'WITNESS_RETIRED' END, '*', n.terminal_code,
           jsonb_strip_nulls(jsonb_build_object(
               'station', n.station_code, 'public_key', encode(n.public_key, 'hex'), 'reason', n.retirement_reason))
      FROM new_rows AS n;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.audit_draw_witnesses() FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.audit_draw_witnesses() IS
    'Every witness enrolled or retired, in the audit log; of no raffle, so the code is *.';
CREATE TRIGGER draw_witnesses_audit_insert AFTER INSERT ON raffle_schema.draw_witnesses
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_draw_witnesses();
CREATE TRIGGER draw_witnesses_audit_update AFTER UPDATE ON raffle_schema.draw_witnesses
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_draw_witnesses();

-- Evidence of the freeze ----------------------------------------------------------------------------------------------

CREATE TABLE raffle_schema.draw_timestamps (
    id bigint GENERATED ALWAYS AS IDENTITY,
    draw_id bigint NOT NULL,
    authority text NOT NULL,
    token bytea NOT NULL,
    generated_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    evidence_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT draw_timestamps_pk PRIMARY KEY (id),
    CONSTRAINT draw_timestamps_draw_id_authority_key UNIQUE (draw_id, authority),
    CONSTRAINT draw_timestamps_draw_id_fk FOREIGN KEY (draw_id)
        REFERENCES raffle_schema.raffle_draws (id) ON DELETE RESTRICT,
    CONSTRAINT draw_timestamps_authority_check CHECK (length(btrim(authority)) BETWEEN 1 AND 253),
    CONSTRAINT draw_timestamps_token_check CHECK (octet_length(token) BETWEEN 1 AND 32768),
    CONSTRAINT draw_timestamps_in_time_check CHECK (generated_at < evidence_until AND received_at < evidence_until)
);
COMMENT ON TABLE raffle_schema.draw_timestamps IS
    'RFC 3161 tokens over the hash of a draw''s manifest, one an authority, each verified under a trusted root before '
    'it is kept. None that is late is taken. Append-only.';
COMMENT ON COLUMN raffle_schema.draw_timestamps.authority IS 'The host that was asked.';
COMMENT ON COLUMN raffle_schema.draw_timestamps.generated_at IS 'The time that the token states.';
COMMENT ON COLUMN raffle_schema.draw_timestamps.evidence_until IS
    'The time of the beacon''s round less the manifest''s gap; written by the trigger.';

CREATE TABLE raffle_schema.draw_witness_signatures (
    draw_id bigint NOT NULL,
    terminal_code text NOT NULL,
    public_key bytea NOT NULL,
    signed_at timestamptz NOT NULL,
    signature bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    evidence_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT draw_witness_signatures_pk PRIMARY KEY (draw_id, terminal_code),
    CONSTRAINT draw_witness_signatures_draw_id_fk FOREIGN KEY (draw_id)
        REFERENCES raffle_schema.raffle_draws (id) ON DELETE RESTRICT,
    CONSTRAINT draw_witness_signatures_terminal_code_check CHECK (terminal_code ~ '^TRM[0-9]{6,15}$'),
    CONSTRAINT draw_witness_signatures_public_key_check CHECK (octet_length(public_key) = 32),
    CONSTRAINT draw_witness_signatures_signature_check CHECK (octet_length(signature) = 64),
    CONSTRAINT draw_witness_signatures_signed_at_check CHECK (
        signed_at = date_trunc('second', signed_at) AND signed_at <= received_at + interval '1 minute'),
    CONSTRAINT draw_witness_signatures_in_time_check
        CHECK (signed_at < evidence_until AND received_at < evidence_until)
);
COMMENT ON TABLE raffle_schema.draw_witness_signatures IS
    'What terminals signed of a frozen draw, once each, verified before it is kept. None that is late is taken. '
    'Append-only.';
COMMENT ON COLUMN raffle_schema.draw_witness_signatures.evidence_until IS
    'The time of the beacon''s round less the manifest''s gap; written by the trigger.';

CREATE FUNCTION raffle_schema.evidence_until(p_manifest bytea, p_round_at timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE STRICT
    AS $$
BEGIN
    RETURN p_round_at
        - make_interval(secs => (convert_from(p_manifest, 'UTF8')::jsonb #>> '{evidence,gap_s}')::integer);
EXCEPTION
    WHEN data_exception THEN
        RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.evidence_until(bytea, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.evidence_until(bytea, timestamptz) IS
    'Until when evidence of a freeze counts: the time of the beacon''s round less the manifest''s gap. NULL: what is no '
    'manifest has no evidence.';

CREATE OR REPLACE FUNCTION raffle_schema.has_evidence(p_draw_id bigint) RETURNS boolean
    LANGUAGE sql STABLE STRICT
    AS $$
    SELECT EXISTS (SELECT FROM raffle_schema.draw_timestamps AS t WHERE t.draw_id = p_draw_id)
        OR (SELECT count(*) FROM raffle_schema.draw_witness_signatures AS s WHERE s.draw_id = p_draw_id)
           >= (SELECT greatest(1, (convert_from(d.manifest, 'UTF8')::jsonb #>> '{evidence,quorum}')::integer)
                 FROM raffle_schema.raffle_draws AS d
                WHERE d.id = p_draw_id)
    $$;
COMMENT ON FUNCTION raffle_schema.has_evidence(bigint) IS
    'Whether others than the operator say when a draw was frozen: an authority, or as many witnesses as its manifest '
    'wants.';

CREATE FUNCTION raffle_schema.guard_draw_evidence() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_witnesses jsonb;
BEGIN
    -- With the lock of who draws: nothing is added to a draw that is drawn.
    SELECT convert_from(d.manifest, 'UTF8')::jsonb #> '{evidence,witnesses}',
           raffle_schema.evidence_until(d.manifest, d.beacon_round_at)
      INTO v_witnesses, NEW.evidence_until
      FROM raffle_schema.raffle_draws AS d
     WHERE d.id = NEW.draw_id AND d.status = 'FROZEN'
       FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no frozen draw of this number'
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = TG_TABLE_NAME || '_frozen_check';
    END IF;
    IF TG_TABLE_NAME = 'draw_witness_signatures' THEN
        IF v_witnesses @> jsonb_build_array(jsonb_build_object(
               'terminal', NEW.terminal_code, 'public_key', encode(NEW.public_key, 'hex'))) IS NOT TRUE THEN
            RAISE EXCEPTION 'the manifest does not list this witness with this key'
                USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                      CONSTRAINT = TG_TABLE_NAME || '_listed_check';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION raffle_schema.guard_draw_evidence() IS
    'Evidence is of a frozen draw, from before the time that its manifest states, and by a witness that it lists.';
CREATE TRIGGER draw_timestamps_guard BEFORE INSERT ON raffle_schema.draw_timestamps
    FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_draw_evidence();
CREATE TRIGGER draw_timestamps_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_schema.draw_timestamps
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();
CREATE TRIGGER draw_witness_signatures_guard BEFORE INSERT ON raffle_schema.draw_witness_signatures
    FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_draw_evidence();
CREATE TRIGGER draw_witness_signatures_refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_schema.draw_witness_signatures
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

-- Claims --------------------------------------------------------------------------------------------------------------

CREATE TABLE raffle_schema.prize_claims (
    winner_id bigint NOT NULL,
    claimed_by text NOT NULL DEFAULT coalesce(raffle_schema.request_context('actor'), 'role:' || session_user),
    public_name text,
    needs_second boolean NOT NULL,
    document_type text,
    document_end text,
    document_key_id integer,
    document_mac bytea,
    identified_by text,
    identified_at timestamptz,
    confirmed_by text,
    confirmed_at timestamptz,
    delivery_changed_by text,
    delivery_changed_at timestamptz,
    forget_when_over boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT prize_claims_pk PRIMARY KEY (winner_id),
    CONSTRAINT prize_claims_winner_id_fk FOREIGN KEY (winner_id)
        REFERENCES raffle_schema.raffle_winners (id) ON DELETE RESTRICT,
    CONSTRAINT prize_claims_public_name_check CHECK (length(public_name) BETWEEN 1 AND 10),
    CONSTRAINT prize_claims_document_type_check
        CHECK (document_type IN ('NATIONAL_ID', 'PASSPORT', 'DRIVING_LICENCE', 'RESIDENCE_PERMIT')),
    CONSTRAINT prize_claims_document_end_check CHECK (document_end ~ '^[A-Z0-9]{2,4}$'),
    CONSTRAINT prize_claims_document_mac_check CHECK (octet_length(document_mac) = 32),
    CONSTRAINT prize_claims_document_check CHECK (
        num_nulls(document_type, identified_by, identified_at) IN (0, 3)
        AND num_nulls(document_end, document_key_id, document_mac) IN (0, 3)
        AND (document_mac IS NULL OR document_type IS NOT NULL)),
    -- Two people look at what is worth much, and each of them at the document.
    CONSTRAINT prize_claims_second_person_check CHECK (
        num_nulls(confirmed_by, confirmed_at) IN (0, 2)
        AND (confirmed_by IS NULL OR (identified_by IS NOT NULL AND confirmed_by <> identified_by))),
    CONSTRAINT prize_claims_delivery_changed_check CHECK (num_nulls(delivery_changed_by, delivery_changed_at) IN (0, 2)),
    -- Whoever said where the prize goes does not say that its winner asked for it.
    CONSTRAINT prize_claims_claimer_check CHECK (
        claimed_by <> ALL (ARRAY[coalesce(identified_by, ''), coalesce(confirmed_by, '')])
        AND (delivery_changed_by IS NULL
             OR delivery_changed_by <> ALL (ARRAY[coalesce(identified_by, ''), coalesce(confirmed_by, '')])))
);
COMMENT ON TABLE raffle_schema.prize_claims IS
    'Who claimed a prize, and who saw that he is who he says and of age. Of the document only its kind, its last '
    'characters and a keyed hash are kept, and the latter two no longer than the delivery''s details.';
COMMENT ON COLUMN raffle_schema.prize_claims.claimed_by IS 'Personal data: who claimed, a public id.';
COMMENT ON COLUMN raffle_schema.prize_claims.public_name IS
    'Personal data: the winner''s name as results show it: first letters alone.';
COMMENT ON COLUMN raffle_schema.prize_claims.needs_second IS
    'The prize was worth so much when it was claimed that two people confirm the identity.';
COMMENT ON COLUMN raffle_schema.prize_claims.document_end IS 'Personal data: the last characters of the number.';
COMMENT ON COLUMN raffle_schema.prize_claims.document_mac IS
    'Personal data: HMAC-SHA-256 of kind and number, so that the second person''s must be the same.';
COMMENT ON COLUMN raffle_schema.prize_claims.identified_by IS 'Personal data: who looked first, a public id.';
COMMENT ON COLUMN raffle_schema.prize_claims.confirmed_by IS 'Personal data: who looked second, a public id.';
COMMENT ON COLUMN raffle_schema.prize_claims.delivery_changed_by IS
    'Personal data: who said last that the prize goes elsewhere, a public id.';
COMMENT ON COLUMN raffle_schema.prize_claims.forget_when_over IS
    'The account was erased while the prize was on its way: its details go when it has arrived.';
CREATE TRIGGER prize_claims_set_updated_at BEFORE UPDATE ON raffle_schema.prize_claims
    FOR EACH ROW EXECUTE FUNCTION raffle_schema.set_updated_at();

CREATE TABLE raffle_schema.prize_delivery_steps (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winner_id bigint NOT NULL,
    step text NOT NULL,
    carrier text,
    tracking text,
    receipt_sha256 bytea,
    recorded_by text NOT NULL DEFAULT coalesce(raffle_schema.request_context('actor'), 'role:' || session_user),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT prize_delivery_steps_pk PRIMARY KEY (id),
    CONSTRAINT prize_delivery_steps_winner_id_step_key UNIQUE (winner_id, step),
    CONSTRAINT prize_delivery_steps_winner_id_fk FOREIGN KEY (winner_id)
        REFERENCES raffle_schema.raffle_winners (id) ON DELETE RESTRICT,
    CONSTRAINT prize_delivery_steps_step_check
        CHECK (step IN ('PREPARED', 'SENT', 'HANDED_OVER', 'RECEIPT_SIGNED')),
    CONSTRAINT prize_delivery_steps_carrier_check CHECK (length(btrim(carrier)) BETWEEN 1 AND 100),
    CONSTRAINT prize_delivery_steps_tracking_check CHECK (length(btrim(tracking)) BETWEEN 1 AND 100),
    CONSTRAINT prize_delivery_steps_sent_check CHECK (
        CASE step WHEN 'SENT' THEN tracking IS NOT NULL ELSE num_nonnulls(carrier, tracking) = 0 END),
    CONSTRAINT prize_delivery_steps_receipt_sha256_check CHECK (octet_length(receipt_sha256) = 32),
    CONSTRAINT prize_delivery_steps_receipt_check CHECK ((step = 'RECEIPT_SIGNED') = (receipt_sha256 IS NOT NULL))
);
COMMENT ON TABLE raffle_schema.prize_delivery_steps IS
    'The way of a prize to its winner, each step once and in order. Append-only. What is credited or sent as data ends '
    'with SENT, a thing with RECEIPT_SIGNED: then the winner is DELIVERED.';
COMMENT ON COLUMN raffle_schema.prize_delivery_steps.tracking IS
    'The carrier''s number, or the reference of the credit.';
COMMENT ON COLUMN raffle_schema.prize_delivery_steps.receipt_sha256 IS
    'Of the receipt that the winner signed; the paper or file is kept with the accounts.';
COMMENT ON COLUMN raffle_schema.prize_delivery_steps.recorded_by IS 'Personal data: who did it, a public id.';
CREATE TRIGGER prize_delivery_steps_refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_schema.prize_delivery_steps
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

CREATE FUNCTION raffle_schema.delivery_steps_of(p_delivery_method text) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT CASE WHEN p_delivery_method IN ('DIGITAL', 'CREDIT', 'AUTOMATIC') THEN ARRAY['PREPARED', 'SENT']
                ELSE ARRAY['PREPARED', 'SENT', 'HANDED_OVER', 'RECEIPT_SIGNED'] END
    $$;
REVOKE EXECUTE ON FUNCTION raffle_schema.delivery_steps_of(text) FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.delivery_steps_of(text) IS
    'The steps of a delivery in order. A thing may be handed over where it was prepared, without SENT.';

CREATE FUNCTION raffle_schema.guard_delivery_step() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_winner record;
    v_done text[];
    v_way text[];
BEGIN
    -- With the lock: of two steps at once the second sees the first.
    SELECT w.status, w.user_id, p.delivery_method, c.identified_at IS NOT NULL AND (c.confirmed_at IS NOT NULL OR NOT c.needs_second)
           AS is_identified
      INTO v_winner
      FROM raffle_schema.raffle_winners AS w
      JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
      JOIN raffle_schema.prize_claims AS c ON c.winner_id = w.id
     WHERE w.id = NEW.winner_id
       FOR NO KEY UPDATE OF w;
    IF NOT FOUND OR v_winner.status <> 'CLAIMED' THEN
        RAISE EXCEPTION 'a prize is delivered while it is CLAIMED'
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'prize_delivery_steps_claimed_check';
    END IF;
    IF NEW.recorded_by = v_winner.user_id::text THEN
        RAISE EXCEPTION 'nobody delivers to himself'
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'prize_delivery_steps_own_case_check';
    END IF;
    IF NOT v_winner.is_identified THEN
        RAISE EXCEPTION 'the winner''s identity is not confirmed'
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'prize_delivery_steps_identified_check';
    END IF;
    v_way := raffle_schema.delivery_steps_of(v_winner.delivery_method);
    SELECT coalesce(array_agg(s.step), '{}') INTO v_done
      FROM raffle_schema.prize_delivery_steps AS s WHERE s.winner_id = NEW.winner_id;
    IF array_position(v_way, NEW.step) IS NULL
       OR EXISTS (SELECT FROM unnest(v_way) WITH ORDINALITY AS w (step, place)
                   WHERE CASE WHEN w.place < array_position(v_way, NEW.step)
                              THEN w.step <> ALL (v_done) AND NOT (w.step = 'SENT' AND cardinality(v_way) = 4)
                              ELSE w.place > array_position(v_way, NEW.step) AND w.step = ANY (v_done) END) THEN
        RAISE EXCEPTION 'the step % does not follow %', NEW.step, v_done
            USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'prize_delivery_steps_order_check';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION raffle_schema.guard_delivery_step() IS
    'A step is of a claimed prize of somebody else, after the identity is confirmed, and follows the steps before it.';
CREATE TRIGGER prize_delivery_steps_guard BEFORE INSERT ON raffle_schema.prize_delivery_steps
    FOR EACH ROW EXECUTE FUNCTION raffle_schema.guard_delivery_step();

CREATE FUNCTION raffle_schema.finish_delivery() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE raffle_schema.raffle_winners AS w
       SET status = 'DELIVERED'
      FROM raffle_schema.raffle_prizes AS p
     WHERE w.id = NEW.winner_id AND p.id = w.prize_id
       AND NEW.step = (raffle_schema.delivery_steps_of(p.delivery_method))[
                          cardinality(raffle_schema.delivery_steps_of(p.delivery_method))];
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION raffle_schema.finish_delivery() IS 'The last step of a delivery makes the winner DELIVERED.';
CREATE TRIGGER prize_delivery_steps_finish AFTER INSERT ON raffle_schema.prize_delivery_steps
    FOR EACH ROW EXECUTE FUNCTION raffle_schema.finish_delivery();

CREATE TABLE raffle_schema.winner_disqualifications (
    winner_id bigint NOT NULL,
    document bytea NOT NULL,
    signature bytea NOT NULL,
    decided_by text NOT NULL DEFAULT coalesce(raffle_schema.request_context('actor'), 'role:' || session_user),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT winner_disqualifications_pk PRIMARY KEY (winner_id),
    CONSTRAINT winner_disqualifications_winner_id_fk FOREIGN KEY (winner_id)
        REFERENCES raffle_schema.raffle_winners (id) ON DELETE RESTRICT,
    CONSTRAINT winner_disqualifications_document_check CHECK (octet_length(document) BETWEEN 1 AND 4096),
    CONSTRAINT winner_disqualifications_signature_check CHECK (octet_length(signature) = 64)
);
COMMENT ON TABLE raffle_schema.winner_disqualifications IS
    'The signed and published statement that a winner or alternate was disqualified, and why. Append-only.';
COMMENT ON COLUMN raffle_schema.winner_disqualifications.decided_by IS 'Personal data: who decided, a public id.';
CREATE TRIGGER winner_disqualifications_refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_schema.winner_disqualifications
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.refuse_change();

-- Each step in the audit log ------------------------------------------------------------------------------------------

CREATE FUNCTION raffle_schema.audit_fulfilment() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF TG_TABLE_NAME = 'prize_claims' THEN
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, new_values)
        SELECT CASE WHEN o.delivery_changed_at IS DISTINCT FROM n.delivery_changed_at THEN 'DELIVERY_CHANGED'
                    WHEN n.identified_at IS NULL THEN 'IDENTITY_TAKEN_BACK'
                    WHEN n.confirmed_at IS NOT NULL THEN 'IDENTITY_CONFIRMED'
                    ELSE 'IDENTITY_SEEN' END,
               r.raffle_code, w.public_id::text,
               jsonb_build_object('document_type', coalesce(n.document_type, o.document_type))
          FROM new_rows AS n
          JOIN old_rows AS o ON o.winner_id = n.winner_id
          JOIN raffle_schema.raffle_winners AS w ON w.id = n.winner_id
          JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id
         WHERE (o.identified_at, o.confirmed_at, o.delivery_changed_at)
               IS DISTINCT FROM (n.identified_at, n.confirmed_at, n.delivery_changed_at);
    ELSE
        INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code, subject, new_values)
        SELECT 'PRIZE_' || n.step, r.raffle_code, w.public_id::text,
               jsonb_strip_nulls(jsonb_build_object(
                   'carrier', n.carrier, 'tracking', n.tracking, 'receipt_sha256', encode(n.receipt_sha256, 'hex')))
          FROM new_rows AS n
          JOIN raffle_schema.raffle_winners AS w ON w.id = n.winner_id
          JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id;
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.audit_fulfilment() FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.audit_fulfilment() IS
    'Every look at an identity, also one taken back, every other destination and every step of a delivery, in the audit '
    'log; its subject is the winner.';
CREATE TRIGGER prize_claims_audit_update AFTER UPDATE ON raffle_schema.prize_claims
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_fulfilment();
CREATE TRIGGER prize_delivery_steps_audit_insert AFTER INSERT ON raffle_schema.prize_delivery_steps
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.audit_fulfilment();

-- Winners -------------------------------------------------------------------------------------------------------------

ALTER TABLE raffle_schema.raffle_winners
    ADD CONSTRAINT raffle_winners_delivery_size_check CHECK (octet_length(delivery_details::text) <= 4000) NOT VALID;
-- The job that tells winners (notify_winners).
CREATE INDEX raffle_winners_untold_idx ON raffle_schema.raffle_winners (draw_id, draw_position)
    WHERE status = 'SELECTED';
-- The next alternate of a draw (pass_prizes_on, guard_raffle_winner).
CREATE INDEX raffle_winners_alternate_idx ON raffle_schema.raffle_winners (draw_id, draw_position)
    WHERE status = 'ALTERNATE';
-- The queue of those who fulfil (list_winners), by state.
CREATE INDEX raffle_winners_status_id_idx ON raffle_schema.raffle_winners (status, id);

-- Selection is mechanical: whoever was drawn is written down as drawn, and is disqualified after that, if at all, with a
-- signed reason. And nobody chooses who moves up.
CREATE OR REPLACE FUNCTION raffle_schema.guard_raffle_winner() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_raffle_status text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT r.status, r.allows_multiple_wins INTO v_raffle_status, NEW.allows_multiple_wins
          FROM raffle_schema.raffles AS r WHERE r.id = NEW.raffle_id;
        IF v_raffle_status <> 'DRAWING' OR NEW.status NOT IN ('ALTERNATE', 'SELECTED') THEN
            RAISE EXCEPTION 'a winner begins ALTERNATE or SELECTED in a DRAWING raffle, not % in a % one',
                NEW.status, v_raffle_status USING ERRCODE = 'check_violation';
        END IF;
        IF NOT EXISTS (
            SELECT
              FROM raffle_schema.raffle_tickets AS t
              JOIN raffle_schema.raffle_draws AS d ON d.raffle_id = t.raffle_id
             WHERE t.id = NEW.ticket_id AND t.raffle_id = NEW.raffle_id AND t.user_id = NEW.user_id
               AND t.status = 'ACTIVE'
               AND d.id = NEW.draw_id AND d.status = 'DRAWN') THEN
            RAISE EXCEPTION 'the winning ticket is not one of this user in this draw' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF (OLD.raffle_id, OLD.draw_id, OLD.draw_position, OLD.ticket_id, OLD.user_id, OLD.allows_multiple_wins)
          IS DISTINCT FROM
          (NEW.raffle_id, NEW.draw_id, NEW.draw_position, NEW.ticket_id, NEW.user_id, NEW.allows_multiple_wins) THEN
        RAISE EXCEPTION 'what a draw selected does not change' USING ERRCODE = 'restrict_violation';
    ELSIF OLD.prize_id IS NOT NULL
          AND (OLD.prize_id, OLD.unit_number) IS DISTINCT FROM (NEW.prize_id, NEW.unit_number) THEN
        RAISE EXCEPTION 'a winner keeps the prize that was drawn' USING ERRCODE = 'restrict_violation';
    ELSIF OLD.status <> NEW.status THEN
        IF (OLD.status, NEW.status) NOT IN (
            ('ALTERNATE', 'SELECTED'), ('SELECTED', 'NOTIFIED'), ('SELECTED', 'CLAIMED'), ('NOTIFIED', 'CLAIMED'),
            ('CLAIMED', 'DELIVERED'), ('SELECTED', 'FORFEITED'), ('NOTIFIED', 'FORFEITED'),
            ('ALTERNATE', 'DISQUALIFIED'), ('SELECTED', 'DISQUALIFIED'), ('NOTIFIED', 'DISQUALIFIED'),
            ('CLAIMED', 'DISQUALIFIED')) THEN
            RAISE EXCEPTION 'a winner cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.status = 'DELIVERED' AND NOT EXISTS (
            SELECT
              FROM raffle_schema.prize_delivery_steps AS s
              JOIN raffle_schema.raffle_prizes AS p ON p.id = NEW.prize_id
             WHERE s.winner_id = NEW.id
               AND s.step = (raffle_schema.delivery_steps_of(p.delivery_method))[
                                cardinality(raffle_schema.delivery_steps_of(p.delivery_method))]) THEN
            RAISE EXCEPTION 'the last step of a delivery makes it DELIVERED, and nothing else'
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.status = 'SELECTED' AND EXISTS (
            SELECT FROM raffle_schema.raffle_winners AS w
             WHERE w.draw_id = NEW.draw_id AND w.status = 'ALTERNATE' AND w.draw_position < NEW.draw_position) THEN
            RAISE EXCEPTION 'the next alternate in the order of the draw moves up, and no other'
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.status = 'CLAIMED' AND OLD.claim_deadline <= now() THEN
            RAISE EXCEPTION 'the prize could be claimed until %', OLD.claim_deadline USING ERRCODE = 'check_violation';
        END IF;
        CASE NEW.status
            WHEN 'NOTIFIED' THEN NEW.notified_at := coalesce(NEW.notified_at, now());
            WHEN 'CLAIMED' THEN NEW.claimed_at := coalesce(NEW.claimed_at, now());
            WHEN 'DELIVERED' THEN NEW.delivered_at := coalesce(NEW.delivered_at, now());
            WHEN 'FORFEITED' THEN NEW.forfeited_at := coalesce(NEW.forfeited_at, now());
            WHEN 'DISQUALIFIED' THEN NEW.disqualified_at := coalesce(NEW.disqualified_at, now());
            ELSE NULL;
        END CASE;
    END IF;
    IF NEW.prize_id IS NOT NULL AND NEW.unit_number > (
        SELECT p.quantity FROM raffle_schema.raffle_prizes AS p WHERE p.id = NEW.prize_id) THEN
        RAISE EXCEPTION 'the prize has no unit %', NEW.unit_number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION raffle_schema.guard_raffle_winner() IS
    'A winner is a ticket of the draw, keeps what was drawn, and passes through the allowed states of fulfilment; the '
    'next alternate in order moves up.';

CREATE FUNCTION raffle_schema.pass_prizes_on() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_freed record;
BEGIN
    -- One at a time passes the prizes of a draw on; in READ COMMITTED each statement below sees what the one before did.
    -- The service holds the draw before the winner (hold_draw_of, hold_due_draws); this is for who does not.
    PERFORM FROM raffle_schema.raffle_draws AS d
      WHERE d.id IN (SELECT n.draw_id FROM new_rows AS n JOIN old_rows AS o ON o.id = n.id
                      WHERE n.status IN ('FORFEITED', 'DISQUALIFIED') AND o.status <> n.status)
      ORDER BY d.id FOR NO KEY UPDATE;
    FOR v_freed IN
        SELECT n.draw_id, n.prize_id, n.unit_number, r.claim_days
          FROM new_rows AS n
          JOIN old_rows AS o ON o.id = n.id
          JOIN raffle_schema.raffles AS r ON r.id = n.raffle_id
         WHERE n.status IN ('FORFEITED', 'DISQUALIFIED') AND o.status <> n.status AND n.prize_id IS NOT NULL
         ORDER BY n.draw_id, n.draw_position
    LOOP
        UPDATE raffle_schema.raffle_winners AS w
           SET status = 'SELECTED', prize_id = v_freed.prize_id, unit_number = v_freed.unit_number,
               claim_deadline = clock_timestamp() + make_interval(days => v_freed.claim_days)
         WHERE w.id = (SELECT a.id FROM raffle_schema.raffle_winners AS a
                        WHERE a.draw_id = v_freed.draw_id AND a.status = 'ALTERNATE'
                        ORDER BY a.draw_position LIMIT 1 FOR UPDATE);
    END LOOP;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION raffle_schema.pass_prizes_on() FROM PUBLIC;
COMMENT ON FUNCTION raffle_schema.pass_prizes_on() IS
    'A prize that is forfeited, or whose winner is disqualified, goes to the next alternate in the same statement, while '
    'there is one.';
-- After raffle_winners_follow_update, which gives the unit back first.
CREATE TRIGGER raffle_winners_pass_on AFTER UPDATE ON raffle_schema.raffle_winners
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_schema.pass_prizes_on();

-- Grants --------------------------------------------------------------------------------------------------------------

-- No time of the past is chosen by the runtime role, but for what a token or a witness states.
GRANT EXECUTE ON FUNCTION
    raffle_schema.evidence_until(bytea, timestamptz),
    raffle_schema.delivery_steps_of(text)
    TO raffle_app;
GRANT SELECT, INSERT (terminal_code, station_code, public_key), UPDATE (retired_at, retirement_reason)
      ON raffle_schema.draw_witnesses TO raffle_app;
GRANT SELECT, INSERT (draw_id, authority, token, generated_at) ON raffle_schema.draw_timestamps TO raffle_app;
GRANT SELECT, INSERT (draw_id, terminal_code, public_key, signed_at, signature)
      ON raffle_schema.draw_witness_signatures TO raffle_app;
GRANT SELECT, INSERT (winner_id, public_name, needs_second, forget_when_over),
      UPDATE (public_name, document_type, document_end, document_key_id, document_mac, identified_by, identified_at,
              confirmed_by, confirmed_at, delivery_changed_by, delivery_changed_at, forget_when_over)
      ON raffle_schema.prize_claims TO raffle_app;
GRANT SELECT, INSERT (winner_id, step, carrier, tracking, receipt_sha256)
      ON raffle_schema.prize_delivery_steps TO raffle_app;
GRANT SELECT, INSERT (winner_id, document, signature) ON raffle_schema.winner_disqualifications TO raffle_app;
GRANT SELECT ON raffle_schema.draw_witnesses, raffle_schema.draw_timestamps, raffle_schema.draw_witness_signatures,
      raffle_schema.prize_delivery_steps, raffle_schema.winner_disqualifications TO raffle_ro;
-- Whoever reads for reports sees that an identity was confirmed, not whose document it was.
GRANT SELECT (winner_id, needs_second, document_type, identified_at, confirmed_at, forget_when_over, created_at,
              updated_at)
      ON raffle_schema.prize_claims TO raffle_ro;
