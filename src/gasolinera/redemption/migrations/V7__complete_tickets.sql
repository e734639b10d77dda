-- Tickets and points, complete: others are told of tickets, raffles say what they take, free entries have their limit,
-- points are earned by rule and expire, and what tells of an erased person goes.
-- vuelo: allow working-under-lock no code has given an earning an end before: an index finds what an operator wrote
-- vuelo: allow require-concurrent-index-creation nothing but sample data is there before redemptions are made
-- vuelo: allow locking-several-tables triggers are made, nothing is read but those few: all locks last milliseconds

-- Raffles that take tickets -------------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.ticket_raffles (
    raffle_code text NOT NULL,
    opens_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    takes_choices boolean NOT NULL,
    free_entries_per_day smallint NOT NULL,
    time_zone text NOT NULL,
    changed_by text DEFAULT redemption_schema.request_context('actor'),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ticket_raffles_pk PRIMARY KEY (raffle_code),
    CONSTRAINT ticket_raffles_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'),
    CONSTRAINT ticket_raffles_window_check
        CHECK (opens_at < closes_at AND opens_at > '-infinity' AND closes_at < 'infinity'),
    CONSTRAINT ticket_raffles_free_entries_per_day_check CHECK (free_entries_per_day BETWEEN 0 AND 10),
    -- timezone() refuses a name that the server does not know.
    CONSTRAINT ticket_raffles_time_zone_check CHECK (
        time_zone ~ '^[A-Z][A-Za-z_]+(/[A-Za-z_+-]+){1,2}$'
        AND timezone(time_zone, '2000-01-01 00:00:00+00'::timestamptz) IS NOT NULL),
    CONSTRAINT ticket_raffles_changed_by_check CHECK (length(changed_by) <= 128)
);
COMMENT ON TABLE redemption_schema.ticket_raffles IS
    'Raffles that holders may send tickets to, and those that give free entries, as the staff says. A raffle that a '
    'campaign names for its own tickets need not be here.';
COMMENT ON COLUMN redemption_schema.ticket_raffles.takes_choices IS
    'Whether holders may choose it for tickets that wait.';
COMMENT ON COLUMN redemption_schema.ticket_raffles.free_entries_per_day IS
    'Tickets that one person gets a day without buying anything; 0: none.';
COMMENT ON COLUMN redemption_schema.ticket_raffles.time_zone IS 'IANA name: in which zone a day begins.';
COMMENT ON COLUMN redemption_schema.ticket_raffles.changed_by IS
    'Personal data: who said so last, a public id or a service''s name.';
CREATE TRIGGER ticket_raffles_set_updated_at BEFORE UPDATE ON redemption_schema.ticket_raffles
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.free_entries (
    raffle_code text NOT NULL,
    user_id uuid NOT NULL,
    entry_day date NOT NULL,
    entry_number smallint NOT NULL,
    issuance_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The limit of a person and a day: numbers up to the raffle's, each given once.
    CONSTRAINT free_entries_pk PRIMARY KEY (raffle_code, user_id, entry_day, entry_number),
    CONSTRAINT free_entries_issuance_id_key UNIQUE (issuance_id),
    CONSTRAINT free_entries_raffle_code_fk FOREIGN KEY (raffle_code)
        REFERENCES redemption_schema.ticket_raffles (raffle_code) ON DELETE RESTRICT,
    CONSTRAINT free_entries_issuance_id_fk FOREIGN KEY (issuance_id)
        REFERENCES redemption_schema.ticket_issuances (issuance_id) ON DELETE RESTRICT,
    CONSTRAINT free_entries_entry_number_check CHECK (entry_number BETWEEN 1 AND 10)
);
-- A person's free entries, newest first, for an export.
CREATE INDEX free_entries_user_id_created_at_idx ON redemption_schema.free_entries (user_id, created_at DESC);
COMMENT ON TABLE redemption_schema.free_entries IS
    'Tickets given without purchase, numbered by person, raffle and day. Written by enter_free alone.';
COMMENT ON COLUMN redemption_schema.free_entries.user_id IS 'Personal data: public id of the person.';
COMMENT ON COLUMN redemption_schema.free_entries.entry_day IS 'The day in the raffle''s zone.';

CREATE FUNCTION redemption_schema.enter_free(p_user_id uuid, p_raffle_code text)
    RETURNS TABLE (outcome text, issuance_id uuid, again_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
#variable_conflict use_column
DECLARE
    v_raffle redemption_schema.ticket_raffles;
    v_day date;
    v_number integer;
    v_issuance uuid;
BEGIN
    SELECT * INTO v_raffle
      FROM redemption_schema.ticket_raffles AS r
     WHERE r.raffle_code = p_raffle_code AND r.free_entries_per_day > 0 AND r.opens_at <= now() AND now() < r.closes_at;
    IF NOT FOUND THEN
        RETURN QUERY VALUES ('CLOSED', NULL::uuid, NULL::timestamptz);
        RETURN;
    END IF;
    v_day := timezone(v_raffle.time_zone, now())::date;
    -- One request of a person after the other, so that the second one counts the first. Were this lock missing, the
    -- key would refuse the second.
    PERFORM pg_advisory_xact_lock(hashtextextended('free entry of ' || p_user_id, 0));
    SELECT count(*) + 1 INTO v_number
      FROM redemption_schema.free_entries AS e
     WHERE e.raffle_code = p_raffle_code AND e.user_id = p_user_id AND e.entry_day = v_day;
    IF v_number > v_raffle.free_entries_per_day THEN
        RETURN QUERY VALUES ('LIMIT', NULL::uuid, timezone(v_raffle.time_zone, (v_day + 1)::timestamp));
        RETURN;
    END IF;
    SELECT i.issuance_id INTO STRICT v_issuance
      FROM redemption_schema.issue_tickets(
               'FREE_ENTRY', ARRAY['free-entry ' || gen_random_uuid()], ARRAY[p_user_id], ARRAY[1],
               p_raffle_codes => ARRAY[p_raffle_code]) AS i;
    INSERT INTO redemption_schema.free_entries (raffle_code, user_id, entry_day, entry_number, issuance_id)
    VALUES (p_raffle_code, p_user_id, v_day, v_number, v_issuance);
    RETURN QUERY VALUES ('ISSUED', v_issuance, NULL::timestamptz);
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.enter_free(uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.enter_free(uuid, text) IS
    'One ticket without purchase. Outcome ISSUED; CLOSED: the raffle gives none now; LIMIT: the person had those of this '
    'day, again_at is when the next day begins in the raffle''s zone. Locks the person''s free entries.';

-- Points --------------------------------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.points_rules (
    currency text NOT NULL,
    points_per_unit numeric(12, 6) NOT NULL,
    valid_days integer NOT NULL,
    is_enabled boolean NOT NULL,
    changed_by text DEFAULT redemption_schema.request_context('actor'),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT points_rules_pk PRIMARY KEY (currency),
    CONSTRAINT points_rules_currency_check CHECK (currency ~ '^[A-Z]{3}$' AND currency IN ('MXN', 'CRC', 'USD')),
    CONSTRAINT points_rules_points_per_unit_check CHECK (points_per_unit > 0 AND points_per_unit <= 1000),
    CONSTRAINT points_rules_valid_days_check CHECK (valid_days BETWEEN 1 AND 3650),
    CONSTRAINT points_rules_changed_by_check CHECK (length(changed_by) <= 128)
);
COMMENT ON TABLE redemption_schema.points_rules IS
    'How many points a completed redemption earns for each unit of what was paid, rounded down, and for how long they '
    'are good. A currency without an enabled rule earns none.';
COMMENT ON COLUMN redemption_schema.points_rules.changed_by IS
    'Personal data: who said so last, a public id or a service''s name.';
CREATE TRIGGER points_rules_set_updated_at BEFORE UPDATE ON redemption_schema.points_rules
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();
-- About as much for the same petrol in each country.
INSERT INTO redemption_schema.points_rules (currency, points_per_unit, valid_days, is_enabled)
VALUES ('MXN', 1, 365, true), ('CRC', 0.04, 365, true), ('USD', 18, 365, true);

CREATE TABLE redemption_schema.points_expirations (
    user_id uuid NOT NULL,
    entry_number bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT points_expirations_pk PRIMARY KEY (user_id, entry_number),
    CONSTRAINT points_expirations_user_id_entry_number_fk FOREIGN KEY (user_id, entry_number)
        REFERENCES redemption_schema.points_ledger (user_id, entry_number) ON DELETE RESTRICT
);
-- The expiry job: what is due, the oldest first.
CREATE INDEX points_expirations_expires_at_idx ON redemption_schema.points_expirations (expires_at);
COMMENT ON TABLE redemption_schema.points_expirations IS
    'Earnings whose end is still to come. Written by the ledger''s trigger; expire_points takes the rows out, so the '
    'job never looks at what it has done.';
COMMENT ON COLUMN redemption_schema.points_expirations.user_id IS
    'Personal data: public id of the account''s owner.';

CREATE FUNCTION redemption_schema.await_points_expiry() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO redemption_schema.points_expirations (user_id, entry_number, expires_at)
    SELECT n.user_id, n.entry_number, n.expires_at FROM new_rows AS n WHERE n.expires_at IS NOT NULL;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.await_points_expiry() FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.await_points_expiry() IS 'Keeps in mind which earnings end, and when.';
CREATE TRIGGER points_ledger_await_expiry AFTER INSERT ON redemption_schema.points_ledger
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.await_points_expiry();
-- After the trigger, so that no entry is missed between the two.
INSERT INTO redemption_schema.points_expirations (user_id, entry_number, expires_at)
SELECT l.user_id, l.entry_number, l.expires_at
  FROM redemption_schema.points_ledger AS l
 WHERE l.expires_at IS NOT NULL;

CREATE FUNCTION redemption_schema.points_remainders(p_user_ids uuid[])
    RETURNS TABLE (user_id uuid, entry_number bigint, expires_at timestamptz, remainder bigint)
    LANGUAGE sql STABLE
    AS $$
    WITH entry AS (
        SELECT l.user_id, l.entry_number, l.entry_type, l.points, l.expires_at,
               CASE WHEN l.entry_type = 'EXPIRED' AND l.source_reference ~ '^ENTRY-[0-9]{1,18}$'
                    THEN substr(l.source_reference, 7)::bigint
                    WHEN l.entry_type = 'ADJUSTED' AND l.points < 0 AND l.redemption_id IS NOT NULL
                    THEN (SELECT o.entry_number
                            FROM redemption_schema.points_ledger AS o
                           WHERE o.user_id = l.user_id AND o.entry_type = 'EARNED'
                             AND l.source_reference = 'cancelled ' || o.source_reference
                             AND o.redemption_id = l.redemption_id) END AS taken_of
          FROM redemption_schema.points_ledger AS l
         WHERE l.user_id = ANY (p_user_ids)
    ), spent AS (
        SELECT e.user_id, -sum(e.points) AS points
          FROM entry AS e
         WHERE e.points < 0 AND e.taken_of IS NULL
         GROUP BY e.user_id
    ), gained AS (
        -- What expired of an earning, or went with its redemption, was never spent: what is left of its size was.
        SELECT e.user_id, e.entry_number, e.expires_at, e.points + coalesce(x.points, 0) AS points
          FROM entry AS e
          LEFT JOIN (SELECT t.user_id, t.taken_of, sum(t.points) AS points
                       FROM entry AS t
                      WHERE t.taken_of IS NOT NULL
                      GROUP BY t.user_id, t.taken_of) AS x
                 ON x.user_id = e.user_id AND x.taken_of = e.entry_number
         WHERE e.points > 0
    ), summed AS (
        SELECT g.user_id, g.entry_number, g.expires_at, g.points,
               sum(g.points) OVER (PARTITION BY g.user_id ORDER BY g.entry_number) AS points_so_far
          FROM gained AS g
    )
    SELECT s.user_id, s.entry_number, s.expires_at,
           least(s.points, greatest(0, s.points_so_far - coalesce(p.points, 0)))::bigint
      FROM summed AS s
      LEFT JOIN spent AS p ON p.user_id = s.user_id
$$;
COMMENT ON FUNCTION redemption_schema.points_remainders(uuid[]) IS
    'What is left of each gain of these accounts: what was spent came from the oldest gains first; what expired, or went '
    'with a cancelled redemption, from that very earning. The remainders of an account add up to its balance.';

CREATE FUNCTION redemption_schema.take_points_back(p_reference text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_earned record;
    v_balance bigint;
    v_left bigint;
    v_spent bigint;
BEGIN
    SELECT l.user_id, l.entry_number, l.points, l.redemption_id INTO v_earned
      FROM redemption_schema.redemptions AS r
      JOIN redemption_schema.points_ledger AS l ON l.redemption_id = r.id AND l.entry_type = 'EARNED'
     WHERE r.transaction_reference = p_reference AND r.status = 'CANCELLED';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Locked before the entries are read: nobody spends meanwhile what is taken below.
    SELECT a.balance INTO STRICT v_balance
      FROM redemption_schema.points_accounts AS a WHERE a.user_id = v_earned.user_id FOR UPDATE;
    IF EXISTS (
        SELECT FROM redemption_schema.points_ledger AS o
         WHERE o.user_id = v_earned.user_id AND o.entry_type = 'ADJUSTED'
           AND o.source_reference IN ('cancelled ' || p_reference, 'spent of cancelled ' || p_reference)) THEN
        RETURN;
    END IF;
    SELECT p.remainder INTO STRICT v_left
      FROM redemption_schema.points_remainders(ARRAY[v_earned.user_id]) AS p
     WHERE p.entry_number = v_earned.entry_number;
    -- What expired is gone already; what was spent is owed by the others, as far as they go.
    v_spent := v_earned.points - v_left + coalesce((
        SELECT l.points
          FROM redemption_schema.points_ledger AS l
         WHERE l.user_id = v_earned.user_id AND l.entry_type = 'EXPIRED'
           AND l.source_reference = 'ENTRY-' || v_earned.entry_number), 0);
    INSERT INTO redemption_schema.points_ledger
           (user_id, entry_type, points, source_reference, redemption_id, description)
    SELECT v_earned.user_id, 'ADJUSTED', -t.points, t.name || p_reference, v_earned.redemption_id,
           'the redemption was cancelled'
      FROM (VALUES (1, 'cancelled ', v_left),
                   (2, 'spent of cancelled ', least(v_spent, v_balance - v_left))) AS t (place, name, points)
     WHERE t.points > 0
     ORDER BY t.place;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.take_points_back(text) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.take_points_back(text) IS
    'What a cancelled redemption had earned goes, once: what is left of that earning, and for what was spent of it as '
    'much of the others, the oldest first, as there is. What expired of it is not taken twice. Locks the account.';

CREATE FUNCTION redemption_schema.expire_points(p_limit integer, p_user_id uuid DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_user_ids uuid[] := ARRAY[p_user_id];
    v_count integer;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF p_user_id IS NULL THEN
        SELECT array_agg(DISTINCT d.user_id) INTO v_user_ids
          FROM (SELECT e.user_id FROM redemption_schema.points_expirations AS e
                 WHERE e.expires_at <= now() ORDER BY e.expires_at LIMIT p_limit) AS d;
    END IF;
    -- The accounts are locked before their entries are read: nobody spends what expires below. In one order, as the
    -- ledger's trigger locks them.
    PERFORM FROM redemption_schema.points_accounts AS a
      WHERE a.user_id = ANY (v_user_ids)
      ORDER BY a.user_id
        FOR UPDATE;
    INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference)
    SELECT r.user_id, 'EXPIRED', -r.remainder, 'ENTRY-' || r.entry_number
      FROM redemption_schema.points_remainders(v_user_ids) AS r
      JOIN redemption_schema.points_expirations AS d ON d.user_id = r.user_id AND d.entry_number = r.entry_number
     WHERE d.expires_at <= now() AND r.remainder > 0
     ORDER BY r.user_id, r.entry_number;
    DELETE FROM redemption_schema.points_expirations AS d
     WHERE d.user_id = ANY (v_user_ids) AND d.expires_at <= now();
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.expire_points(integer, uuid) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.expire_points(integer, uuid) IS
    'Expires what is left of earnings whose time has come: of one account, or of the accounts of the p_limit that are '
    'due longest. Returns how many earnings it settled; 0: none is due. Locks the accounts.';

-- Tickets are told ----------------------------------------------------------------------------------------------------

CREATE FUNCTION redemption_schema.tell_made_tickets() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO redemption_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    SELECT 'tickets.issued', 'issuance', n.issuance_id::text,
           jsonb_build_object(
               'issuance_id', n.issuance_id, 'user_id', n.user_id, 'source', n.source, 'count', count(*),
               'numbers', jsonb_agg(n.ticket_number ORDER BY n.ordinal), 'raffle_code', n.raffle_code,
               'entered_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
      FROM new_rows AS n
     GROUP BY n.issuance_id, n.user_id, n.source, n.raffle_code
     ORDER BY n.issuance_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION redemption_schema.tell_made_tickets() IS
    'Writes tickets.issued for each issuance whose tickets a statement made, whoever made them.';
CREATE TRIGGER raffle_tickets_tell_made AFTER INSERT ON redemption_schema.raffle_tickets
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.tell_made_tickets();

CREATE FUNCTION redemption_schema.tell_changed_tickets() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- What a raffle itself said (ENTERED to ACTIVE, ENTERED to USED) it need not be told, and one that expires was
    -- never in a raffle.
    INSERT INTO redemption_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    SELECT CASE n.status WHEN 'ENTERED' THEN 'tickets.issued' ELSE 'tickets.revoked' END, 'issuance',
           n.issuance_id::text,
           jsonb_build_object(
               'issuance_id', n.issuance_id, 'user_id', n.user_id, 'source', n.source, 'count', count(*),
               'numbers', jsonb_agg(n.ticket_number ORDER BY n.ordinal), 'raffle_code', n.raffle_code,
               CASE n.status WHEN 'ENTERED' THEN 'entered_at' ELSE 'revoked_at' END,
               to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
      FROM new_rows AS n
      JOIN old_rows AS o ON o.id = n.id
     WHERE (o.status, n.status) IN (('ACTIVE', 'ENTERED'), ('ACTIVE', 'CANCELLED'), ('ENTERED', 'CANCELLED'))
     GROUP BY n.issuance_id, n.user_id, n.source, n.raffle_code, n.status
     ORDER BY n.issuance_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION redemption_schema.tell_changed_tickets() IS
    'Writes tickets.issued when a holder chose a raffle and tickets.revoked when tickets were taken back, one event an '
    'issuance and raffle. A ticket''s row lock keeps its events in the order of their commits.';
CREATE TRIGGER raffle_tickets_tell_changed AFTER UPDATE ON redemption_schema.raffle_tickets
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION redemption_schema.tell_changed_tickets();

-- An erased person ----------------------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.erased_users (
    user_id uuid NOT NULL,
    erased_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT erased_users_pk PRIMARY KEY (user_id)
);
COMMENT ON TABLE redemption_schema.erased_users IS
    'Accounts that are no more, as the auth service said: they earn no points, and forget_person may clean after them.';
COMMENT ON COLUMN redemption_schema.erased_users.user_id IS 'Personal data: public id that the account had.';

COMMENT ON COLUMN redemption_schema.redemptions.cancellation_reason IS
    'Personal data: why, in somebody''s words, which may say who it was.';
COMMENT ON COLUMN redemption_schema.redemption_audit_log.details IS
    'Personal data: the reason of a cancellation, in somebody''s words.';
-- Erasure of who cancelled what others had served (forget_person).
CREATE INDEX redemption_audit_log_cancelled_actor_idx
    ON redemption_schema.redemption_audit_log (actor) WHERE new_status = 'CANCELLED';

CREATE FUNCTION redemption_schema.forget_person(p_user_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_employed CONSTANT text[] := ARRAY(
        SELECT e.employee_number FROM redemption_schema.employments AS e WHERE e.user_id = p_user_id);
BEGIN
    IF NOT EXISTS (SELECT FROM redemption_schema.erased_users AS u WHERE u.user_id = p_user_id) THEN
        RAISE EXCEPTION 'the account of user % is not erased', p_user_id USING ERRCODE = 'restrict_violation';
    END IF;
    -- Nobody can choose a raffle for them any more. Those in a raffle stay: its count is public.
    UPDATE redemption_schema.raffle_tickets AS t
       SET status = 'CANCELLED'
     WHERE t.user_id = p_user_id AND t.status = 'ACTIVE';
    UPDATE redemption_schema.redemptions AS r
       SET device_id = NULL, ip_address = NULL, user_agent = NULL, cancellation_reason = NULL
     WHERE r.user_id = p_user_id
       AND num_nonnulls(r.device_id, r.ip_address, r.user_agent, r.cancellation_reason) > 0;
    -- Where the person served: the address is of who asked.
    UPDATE redemption_schema.redemptions AS r
       SET ip_address = NULL, user_agent = NULL
     WHERE r.employee_number = ANY (v_employed) AND r.created_by = p_user_id::text
       AND num_nonnulls(r.ip_address, r.user_agent) > 0;
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    UPDATE redemption_schema.redemption_audit_log AS a
       SET ip_address = NULL, user_agent = NULL, details = a.details - 'cancellation_reason'
      FROM redemption_schema.redemptions AS r
     WHERE r.user_id = p_user_id AND a.transaction_reference = r.transaction_reference
       AND (num_nonnulls(a.ip_address, a.user_agent) > 0 OR a.details ? 'cancellation_reason');
    UPDATE redemption_schema.redemption_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
      FROM redemption_schema.redemptions AS r
     WHERE r.employee_number = ANY (v_employed) AND a.transaction_reference = r.transaction_reference
       AND a.actor = p_user_id::text AND num_nonnulls(a.ip_address, a.user_agent) > 0;
    UPDATE redemption_schema.redemption_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.actor = p_user_id::text AND a.new_status = 'CANCELLED' AND num_nonnulls(a.ip_address, a.user_agent) > 0;
    -- The log's row has the time of the transaction that began the redemption, or its second step.
    UPDATE redemption_schema.fraud_detection_log AS f
       SET ip_address = NULL, user_agent = NULL
      FROM redemption_schema.redemptions AS r
     WHERE r.employee_number = ANY (v_employed) AND f.user_id = r.user_id
       AND f.created_at IN (r.created_at, r.started_at) AND f.transaction_reference = r.transaction_reference
       AND f.actor = p_user_id::text AND num_nonnulls(f.ip_address, f.user_agent) > 0;
    UPDATE redemption_schema.fraud_detection_log AS f
       SET device_id = NULL, ip_address = NULL, user_agent = NULL, details = '{}'
     WHERE f.user_id = p_user_id
       AND (num_nonnulls(f.device_id, f.ip_address, f.user_agent) > 0 OR f.details <> '{}');
    UPDATE redemption_schema.points_ledger AS l
       SET description = NULL, ip_address = NULL, user_agent = NULL
     WHERE l.user_id = p_user_id AND l.entry_type <> 'ADJUSTED'
       AND num_nonnulls(l.description, l.ip_address, l.user_agent) > 0;
    UPDATE redemption_schema.points_ledger AS l
       SET description = 'erased', ip_address = NULL, user_agent = NULL
     WHERE l.user_id = p_user_id AND l.entry_type = 'ADJUSTED'
       AND (l.description <> 'erased' OR num_nonnulls(l.ip_address, l.user_agent) > 0);
    PERFORM set_config('gasolinera.maintenance', '', true);
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.forget_person(uuid) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.forget_person(uuid) IS
    'Forgets devices, addresses and texts about an erased user, in the logs too, also from where the person served, and '
    'takes tickets back that wait. References, amounts, tickets in raffles and points stay. Again changes nothing but '
    'what came since; refuses for who is not erased.';

-- Rights --------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    redemption_schema.enter_free(uuid, text),
    redemption_schema.points_remainders(uuid[]),
    redemption_schema.expire_points(integer, uuid),
    redemption_schema.take_points_back(text),
    redemption_schema.forget_person(uuid)
    TO redemption_app;
GRANT SELECT,
      INSERT (raffle_code, opens_at, closes_at, takes_choices, free_entries_per_day, time_zone),
      UPDATE (opens_at, closes_at, takes_choices, free_entries_per_day, time_zone, changed_by)
      ON redemption_schema.ticket_raffles TO redemption_app;
GRANT SELECT,
      INSERT (currency, points_per_unit, valid_days, is_enabled),
      UPDATE (points_per_unit, valid_days, is_enabled, changed_by)
      ON redemption_schema.points_rules TO redemption_app;
GRANT SELECT, INSERT (user_id, erased_at), UPDATE (erased_at) ON redemption_schema.erased_users TO redemption_app;
GRANT SELECT ON redemption_schema.free_entries, redemption_schema.points_expirations TO redemption_app;
GRANT SELECT ON redemption_schema.free_entries, redemption_schema.points_expirations, redemption_schema.erased_users
      TO redemption_ro;
GRANT SELECT (raffle_code, opens_at, closes_at, takes_choices, free_entries_per_day, time_zone, created_at, updated_at)
      ON redemption_schema.ticket_raffles TO redemption_ro;
GRANT SELECT (currency, points_per_unit, valid_days, is_enabled, created_at, updated_at)
      ON redemption_schema.points_rules TO redemption_ro;
