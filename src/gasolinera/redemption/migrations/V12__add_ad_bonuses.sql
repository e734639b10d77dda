-- Bonus tickets of watched advertisements: what an ad view earned a redemption, decided here by the redemption's own
-- tickets, once a view and once a step of its chain, and taken back where the view is rejected.

CREATE TABLE redemption_schema.ad_bonuses (
    view_id uuid NOT NULL,
    transaction_reference text NOT NULL,
    user_id uuid NOT NULL,
    chain_step smallint NOT NULL,
    status text NOT NULL,
    ticket_count integer NOT NULL DEFAULT 0,
    issuance_id uuid,
    taken_back_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_bonuses_pk PRIMARY KEY (view_id),
    CONSTRAINT ad_bonuses_issuance_id_key UNIQUE (issuance_id),
    CONSTRAINT ad_bonuses_issuance_id_fk FOREIGN KEY (issuance_id)
        REFERENCES redemption_schema.ticket_issuances (issuance_id) ON DELETE RESTRICT,
    CONSTRAINT ad_bonuses_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'),
    CONSTRAINT ad_bonuses_chain_step_check CHECK (chain_step BETWEEN 1 AND 10),
    CONSTRAINT ad_bonuses_status_check CHECK (
        status IN ('ISSUED', 'NOTHING', 'NOT_COMPLETED', 'STEP_TAKEN', 'ERASED', 'TAKEN_BACK')),
    CONSTRAINT ad_bonuses_issued_check CHECK (
        CASE status WHEN 'ISSUED' THEN issuance_id IS NOT NULL AND ticket_count > 0
                    WHEN 'TAKEN_BACK' THEN true
                    ELSE issuance_id IS NULL AND ticket_count = 0 END),
    CONSTRAINT ad_bonuses_taken_back_check CHECK ((status = 'TAKEN_BACK') = (taken_back_at IS NOT NULL))
);
COMMENT ON TABLE redemption_schema.ad_bonuses IS
    'What became of each ad view of a redemption that the ad engine told of: one row a view, so its tickets are made '
    'once. TAKEN_BACK also where the rejection came first: then they are never made.';
COMMENT ON COLUMN redemption_schema.ad_bonuses.user_id IS 'Personal data: public id of the viewer.';
-- A step of a redemption's chain earns once, whatever the ad engine says.
CREATE UNIQUE INDEX ad_bonuses_step_idx ON redemption_schema.ad_bonuses (transaction_reference, chain_step)
    WHERE status = 'ISSUED';
-- A person's bonuses, newest first, for an export.
CREATE INDEX ad_bonuses_user_id_created_at_idx ON redemption_schema.ad_bonuses (user_id, created_at DESC);
CREATE TRIGGER ad_bonuses_set_updated_at BEFORE UPDATE ON redemption_schema.ad_bonuses
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE FUNCTION redemption_schema.take_ad_bonus(
    p_view_id uuid, p_user_id uuid, p_reference text, p_chain_step integer, p_multiplier integer, p_tickets integer)
    RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
#variable_conflict use_column
DECLARE
    v_id bigint;
    v_own integer;
    v_raffle_code text;
    v_expires_at timestamptz;
    v_count integer := 0;
    v_status text;
    v_issuance uuid;
BEGIN
    -- Of a view without a redemption nothing is kept: there is nothing to earn, to take back or to tell apart.
    IF p_reference IS NULL THEN
        RETURN 'NOTHING';
    END IF;
    -- Until this transaction ends nobody else writes about the view.
    PERFORM pg_advisory_xact_lock(hashtextextended('bonus of ad view ' || p_view_id, 0));
    IF EXISTS (SELECT FROM redemption_schema.ad_bonuses AS b WHERE b.view_id = p_view_id) THEN
        RETURN 'REPEATED';
    END IF;
    -- Shared: a cancellation comes before it, and nothing is made, or after it, and takes what is made. Of two views
    -- of one step the second waits at the index below.
    SELECT r.id, r.tickets_earned, r.raffle_code,
           coalesce(r.tickets_expire_at,
                    (SELECT max(t.expires_at) FROM redemption_schema.raffle_tickets AS t
                      WHERE t.redemption_id = r.id AND t.source = 'COUPON_REDEMPTION'))
      INTO v_id, v_own, v_raffle_code, v_expires_at
      FROM redemption_schema.redemptions AS r
     WHERE r.transaction_reference = p_reference AND r.user_id = p_user_id AND r.status = 'COMPLETED'
       FOR SHARE;
    -- By the own tickets, whatever was told: a view multiplies them by ten at most.
    v_count := least(p_tickets, v_own * (least(p_multiplier, 10) - 1), 10000);
    v_status := CASE
        WHEN v_id IS NULL THEN 'NOT_COMPLETED'
        WHEN EXISTS (SELECT FROM redemption_schema.erased_users AS u WHERE u.user_id = p_user_id) THEN 'ERASED'
        -- No bonus outlives the tickets that it multiplies.
        WHEN v_count <= 0 OR v_expires_at <= now() THEN 'NOTHING'
        WHEN EXISTS (
            SELECT FROM redemption_schema.ad_bonuses AS b
             WHERE b.transaction_reference = p_reference AND b.chain_step = p_chain_step AND b.status = 'ISSUED')
        THEN 'STEP_TAKEN'
        ELSE 'ISSUED' END;
    IF v_status = 'ISSUED' THEN
        -- Where the holder has sent all of the redemption's own tickets to one raffle, the bonus goes there too, as long
        -- as it takes tickets; else it waits to be sent.
        IF v_raffle_code IS NULL THEN
            SELECT min(t.raffle_code) INTO v_raffle_code
              FROM redemption_schema.raffle_tickets AS t
             WHERE t.redemption_id = v_id AND t.source = 'COUPON_REDEMPTION' AND t.status IN ('ACTIVE', 'ENTERED')
            HAVING count(*) = count(t.raffle_code) AND min(t.raffle_code) = max(t.raffle_code)
               AND EXISTS (
                   SELECT FROM redemption_schema.ticket_raffles AS f
                    WHERE f.raffle_code = min(t.raffle_code) AND f.takes_choices
                      AND f.opens_at <= now() AND now() < f.closes_at);
        END IF;
        SELECT i.issuance_id INTO STRICT v_issuance
          FROM redemption_schema.issue_tickets(
                   'AD_ENGAGEMENT', ARRAY[p_view_id::text], ARRAY[p_user_id], ARRAY[v_count],
                   p_raffle_codes => ARRAY[v_raffle_code], p_transaction_references => ARRAY[p_reference],
                   p_expires_at => ARRAY[v_expires_at]) AS i
         WHERE i.outcome IN ('ISSUED', 'ALREADY_ISSUED');
    END IF;
    INSERT INTO redemption_schema.ad_bonuses
           (view_id, transaction_reference, user_id, chain_step, status, ticket_count, issuance_id)
    VALUES (p_view_id, p_reference, p_user_id, p_chain_step, v_status,
            CASE v_status WHEN 'ISSUED' THEN v_count ELSE 0 END, v_issuance);
    RETURN v_status;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.take_ad_bonus(uuid, uuid, text, integer, integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.take_ad_bonus(uuid, uuid, text, integer, integer, integer) IS
    'Makes the bonus tickets of a completed ad view, once: ISSUED. NOTHING: it earns none, or the redemption''s own '
    'tickets are over; NOT_COMPLETED: the redemption is none of this user''s that holds, as after its cancellation; '
    'STEP_TAKEN; ERASED; REPEATED: the view was told of before, or its rejection was. Without a redemption nothing is '
    'kept. Locks the view, then the redemption (shared).';

CREATE FUNCTION redemption_schema.take_ad_bonus_back(p_view_id uuid, p_user_id uuid, p_reference text, p_chain_step integer)
    RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
#variable_conflict use_column
DECLARE
    v_issuance uuid;
    v_count integer;
BEGIN
    IF p_reference IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('bonus of ad view ' || p_view_id, 0));
    INSERT INTO redemption_schema.ad_bonuses AS b
           (view_id, transaction_reference, user_id, chain_step, status, taken_back_at)
    VALUES (p_view_id, p_reference, p_user_id, p_chain_step, 'TAKEN_BACK', now())
    ON CONFLICT (view_id) DO UPDATE
       SET status = 'TAKEN_BACK', taken_back_at = now() WHERE b.status <> 'TAKEN_BACK'
    RETURNING b.issuance_id INTO v_issuance;
    -- A ticket whose draw has been held stays; the raffle's own rules deal with a winner.
    UPDATE redemption_schema.raffle_tickets AS t
       SET status = 'CANCELLED'
     WHERE t.issuance_id = v_issuance AND t.status IN ('ACTIVE', 'ENTERED');
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.take_ad_bonus_back(uuid, uuid, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.take_ad_bonus_back(uuid, uuid, text, integer) IS
    'Takes back what a view earned that was rejected, once, and remembers it where the view itself is not told of yet; '
    'how many tickets. Those of a draw that was held stay. Locks the view, then its tickets.';

GRANT EXECUTE ON FUNCTION
    redemption_schema.take_ad_bonus(uuid, uuid, text, integer, integer, integer),
    redemption_schema.take_ad_bonus_back(uuid, uuid, text, integer)
    TO redemption_app;
GRANT SELECT ON redemption_schema.ad_bonuses TO redemption_app, redemption_ro;
