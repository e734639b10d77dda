-- Reports by day, station and campaign, kept up by folding what changed into them: nothing is recounted, and no
-- redemption waits for a shared row. Then the views for dashboards.
-- vuelo: allow working-under-lock nothing but sample data is dated and noted here: milliseconds
-- vuelo: allow locking-several-tables each gains a column, a rule or a trigger that nobody waits for: milliseconds

-- The day of a redemption ------------------------------------------------------------------------------------------

ALTER TABLE redemption_schema.station_positions
    ADD COLUMN time_zone text,
    -- timezone() refuses a name that the server does not know.
    ADD CONSTRAINT station_positions_time_zone_check CHECK (
        time_zone IS NULL
        OR (time_zone ~ '^[A-Z][A-Za-z_]+(/[A-Za-z_+-]+){1,2}$'
            AND timezone(time_zone, '2000-01-01 00:00:00+00'::timestamptz) IS NOT NULL)) NOT VALID;
COMMENT ON COLUMN redemption_schema.station_positions.time_zone IS
    'IANA name: in which zone the station''s days begin; NULL: nobody told, and they begin in UTC.';

ALTER TABLE redemption_schema.redemptions ADD COLUMN business_day date;
COMMENT ON COLUMN redemption_schema.redemptions.business_day IS
    'The day of the completion in the zone that the station had then. Set once: a station that gets another zone keeps '
    'its history. UTC where no zone was known.';
-- To be dated is no change of a redemption: it does not touch updated_at.
ALTER TABLE redemption_schema.redemptions DISABLE TRIGGER redemptions_set_updated_at;
UPDATE redemption_schema.redemptions AS r
   SET business_day = timezone('UTC', r.completed_at)::date
 WHERE r.completed_at IS NOT NULL;
ALTER TABLE redemption_schema.redemptions ENABLE TRIGGER redemptions_set_updated_at;
-- No zone is a whole day away from UTC.
ALTER TABLE redemption_schema.redemptions
    ADD CONSTRAINT redemptions_business_day_check CHECK (
        (business_day IS NULL) = (completed_at IS NULL)
        AND business_day BETWEEN timezone('UTC', completed_at)::date - 1
                             AND timezone('UTC', completed_at)::date + 1) NOT VALID;

CREATE FUNCTION redemption_schema.date_redemption() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.business_day := timezone(
        coalesce((SELECT p.time_zone FROM redemption_schema.station_positions AS p
                   WHERE p.station_code = NEW.station_code), 'UTC'),
        NEW.completed_at)::date;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION redemption_schema.date_redemption() IS
    'Which day a redemption counts in, its cancellation too. Fires after redemptions_guard, which sets the time.';
CREATE TRIGGER redemptions_set_business_day BEFORE UPDATE ON redemption_schema.redemptions
    FOR EACH ROW WHEN (NEW.status = 'COMPLETED' AND OLD.status <> 'COMPLETED')
    EXECUTE FUNCTION redemption_schema.date_redemption();

-- What is still to be folded ---------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.report_changes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    redemption_id bigint NOT NULL,
    became text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT report_changes_pk PRIMARY KEY (id),
    CONSTRAINT report_changes_became_check CHECK (became IN ('COMPLETED', 'CANCELLED'))
);
COMMENT ON TABLE redemption_schema.report_changes IS
    'Redemptions that completed, or were cancelled after it, and are in no report yet: written in the transaction that '
    'changes them, taken out in the one that folds them, so each counts once. No foreign key: redemptions are never '
    'deleted, and the look-up would be paid by each.';
INSERT INTO redemption_schema.report_changes (redemption_id, became)
SELECT r.id, c.became
  FROM redemption_schema.redemptions AS r
  JOIN (VALUES (1, 'COMPLETED'), (2, 'CANCELLED')) AS c (place, became) ON c.became IN ('COMPLETED', r.status)
 WHERE r.completed_at IS NOT NULL
 ORDER BY r.id, c.place;

CREATE FUNCTION redemption_schema.note_for_reports() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO redemption_schema.report_changes (redemption_id, became) VALUES (NEW.id, NEW.status);
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.note_for_reports() FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.note_for_reports() IS 'What changed, for fold_report_changes.';
CREATE TRIGGER redemptions_note_for_reports AFTER UPDATE ON redemption_schema.redemptions
    FOR EACH ROW WHEN (NEW.status <> OLD.status AND NEW.completed_at IS NOT NULL)
    EXECUTE FUNCTION redemption_schema.note_for_reports();

-- The report -------------------------------------------------------------------------------------------------------

CREATE TABLE redemption_schema.redemption_days (
    business_day date NOT NULL,
    station_code text NOT NULL,
    campaign_code text NOT NULL,
    currency text NOT NULL,
    completed bigint NOT NULL,
    cancelled bigint NOT NULL,
    original_amount numeric(18, 2) NOT NULL,
    discount_amount numeric(18, 2) NOT NULL,
    final_amount numeric(18, 2) NOT NULL,
    cancelled_amount numeric(18, 2) NOT NULL,
    fuel_litres numeric(16, 3) NOT NULL,
    tickets_earned bigint NOT NULL,
    tickets_taken_back bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT redemption_days_pk PRIMARY KEY (business_day, station_code, campaign_code, currency),
    CONSTRAINT redemption_days_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'),
    CONSTRAINT redemption_days_campaign_code_check CHECK (campaign_code ~ '^([A-Z0-9_]{3,50})?$'),
    CONSTRAINT redemption_days_currency_check CHECK (currency ~ '^[A-Z]{3}$' AND currency IN ('MXN', 'CRC', 'USD')),
    CONSTRAINT redemption_days_completed_check CHECK (completed >= 1),
    CONSTRAINT redemption_days_cancelled_check CHECK (cancelled BETWEEN 0 AND completed),
    CONSTRAINT redemption_days_original_amount_check CHECK (original_amount >= 0 AND original_amount < 'NaN'),
    CONSTRAINT redemption_days_discount_amount_check CHECK (
        discount_amount BETWEEN 0 AND original_amount AND discount_amount < 'NaN'),
    CONSTRAINT redemption_days_final_amount_check CHECK (
        final_amount = original_amount - discount_amount AND final_amount < 'NaN'),
    CONSTRAINT redemption_days_cancelled_amount_check CHECK (cancelled_amount >= 0 AND cancelled_amount < 'NaN'),
    CONSTRAINT redemption_days_fuel_litres_check CHECK (fuel_litres >= 0 AND fuel_litres < 'NaN'),
    CONSTRAINT redemption_days_tickets_check CHECK (tickets_taken_back BETWEEN 0 AND tickets_earned)
);
-- A station's days; the primary key serves the chain's.
CREATE INDEX redemption_days_station_code_business_day_idx
    ON redemption_schema.redemption_days (station_code, business_day);
COMMENT ON TABLE redemption_schema.redemption_days IS
    'Redemptions by day of the station''s zone, station, campaign and currency, as of report_states. A redemption counts '
    'in the day on which it completed, and so does its cancellation, whenever it came.';
COMMENT ON COLUMN redemption_schema.redemption_days.campaign_code IS
    'Empty: at the pump, without a coupon.';
COMMENT ON COLUMN redemption_schema.redemption_days.completed IS 'Those cancelled since included.';
COMMENT ON COLUMN redemption_schema.redemption_days.original_amount IS
    'Amounts and litres are of those that were not cancelled.';
COMMENT ON COLUMN redemption_schema.redemption_days.cancelled_amount IS 'The final amounts of those cancelled.';
COMMENT ON COLUMN redemption_schema.redemption_days.tickets_earned IS 'By all that completed, those cancelled included.';
COMMENT ON COLUMN redemption_schema.redemption_days.tickets_taken_back IS
    'Of the tickets earned, those that went with a cancelled redemption; one whose draw was held stays.';
CREATE TRIGGER redemption_days_set_updated_at BEFORE UPDATE ON redemption_schema.redemption_days
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();

CREATE TABLE redemption_schema.report_states (
    report_name text NOT NULL,
    as_of timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT report_states_pk PRIMARY KEY (report_name),
    CONSTRAINT report_states_report_name_check CHECK (report_name = 'redemption_days')
);
COMMENT ON TABLE redemption_schema.report_states IS
    'How far a report is, and the lock that lets one fold at a time.';
COMMENT ON COLUMN redemption_schema.report_states.as_of IS
    'All that was committed before it is in the report; NULL: it never got to the end of the changes.';
CREATE TRIGGER report_states_set_updated_at BEFORE UPDATE ON redemption_schema.report_states
    FOR EACH ROW EXECUTE FUNCTION redemption_schema.set_updated_at();
INSERT INTO redemption_schema.report_states (report_name) VALUES ('redemption_days');

CREATE FUNCTION redemption_schema.fold_report_changes(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_as_of timestamptz;
    v_redemptions bigint[];
    v_became text[];
    v_count integer;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM redemption_schema.report_states AS s WHERE s.report_name = 'redemption_days' FOR UPDATE;
    -- Before the next statement looks, so that nothing committed by then is missed.
    v_as_of := clock_timestamp();
    WITH taken AS (
        DELETE FROM redemption_schema.report_changes AS c
         USING (SELECT o.id FROM redemption_schema.report_changes AS o ORDER BY o.id LIMIT p_limit) AS d
         WHERE c.id = d.id
        RETURNING c.redemption_id, c.became
    )
    SELECT array_agg(t.redemption_id), array_agg(t.became), count(*)
      INTO v_redemptions, v_became, v_count
      FROM taken AS t;
    -- A completion is noted, and committed, before its cancellation: it is folded no later, so no sum is ever negative.
    MERGE INTO redemption_schema.redemption_days AS d
    USING (
        SELECT r.business_day, r.station_code, coalesce(r.campaign_code, '') AS campaign_code, r.currency,
               count(*) FILTER (WHERE c.sign = 1) AS completed,
               count(*) FILTER (WHERE c.sign = -1) AS cancelled,
               sum(c.sign * r.original_amount) AS original_amount,
               sum(c.sign * r.discount_amount) AS discount_amount,
               sum(c.sign * r.final_amount) AS final_amount,
               coalesce(sum(r.final_amount) FILTER (WHERE c.sign = -1), 0) AS cancelled_amount,
               sum(c.sign * coalesce(r.fuel_litres, 0)) AS fuel_litres,
               coalesce(sum(r.tickets_earned) FILTER (WHERE c.sign = 1), 0) AS tickets_earned,
               coalesce(sum(b.tickets), 0) AS tickets_taken_back
          FROM unnest(v_redemptions, v_became) AS n (redemption_id, became)
         CROSS JOIN LATERAL (SELECT CASE n.became WHEN 'CANCELLED' THEN -1 ELSE 1 END AS sign) AS c
          JOIN redemption_schema.redemptions AS r ON r.id = n.redemption_id
          LEFT JOIN LATERAL (
               -- Cancelled tickets stay cancelled, and a cancelled redemption has no others that could be.
               SELECT count(*) AS tickets
                 FROM redemption_schema.raffle_tickets AS t
                WHERE t.redemption_id = r.id AND t.source = 'COUPON_REDEMPTION' AND t.status = 'CANCELLED') AS b
            ON c.sign = -1
         GROUP BY r.business_day, r.station_code, coalesce(r.campaign_code, ''), r.currency) AS n
       ON (d.business_day, d.station_code, d.campaign_code, d.currency)
        = (n.business_day, n.station_code, n.campaign_code, n.currency)
     WHEN MATCHED THEN UPDATE
      SET completed = d.completed + n.completed,
          cancelled = d.cancelled + n.cancelled,
          original_amount = d.original_amount + n.original_amount,
          discount_amount = d.discount_amount + n.discount_amount,
          final_amount = d.final_amount + n.final_amount,
          cancelled_amount = d.cancelled_amount + n.cancelled_amount,
          fuel_litres = d.fuel_litres + n.fuel_litres,
          tickets_earned = d.tickets_earned + n.tickets_earned,
          tickets_taken_back = d.tickets_taken_back + n.tickets_taken_back
     WHEN NOT MATCHED THEN
        INSERT (business_day, station_code, campaign_code, currency, completed, cancelled, original_amount,
                discount_amount, final_amount, cancelled_amount, fuel_litres, tickets_earned, tickets_taken_back)
        VALUES (n.business_day, n.station_code, n.campaign_code, n.currency, n.completed, n.cancelled,
                n.original_amount, n.discount_amount, n.final_amount, n.cancelled_amount, n.fuel_litres,
                n.tickets_earned, n.tickets_taken_back);
    IF v_count < p_limit THEN
        UPDATE redemption_schema.report_states AS s SET as_of = v_as_of WHERE s.report_name = 'redemption_days';
    END IF;
    RETURN v_count;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.fold_report_changes(integer) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.fold_report_changes(integer) IS
    'Folds the oldest p_limit changes into the report; returns how many there were. Fewer than p_limit: all are in. '
    'Locks the report''s state until the transaction ends, so that one folds at a time; holds up no redemption.';

CREATE FUNCTION redemption_schema.rebuild_redemption_days(p_first_day date, p_last_day date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_count integer;
BEGIN
    PERFORM FROM redemption_schema.report_states AS s WHERE s.report_name = 'redemption_days' FOR UPDATE;
    DELETE FROM redemption_schema.redemption_days AS d WHERE d.business_day BETWEEN p_first_day AND p_last_day;
    -- What is noted as this statement sees it is left to be folded; what commits later is noted then.
    INSERT INTO redemption_schema.redemption_days (
        business_day, station_code, campaign_code, currency, completed, cancelled, original_amount, discount_amount,
        final_amount, cancelled_amount, fuel_litres, tickets_earned, tickets_taken_back)
    SELECT r.business_day, r.station_code, coalesce(r.campaign_code, ''), r.currency,
           count(*), sum(1 - c.kept),
           sum(c.kept * r.original_amount), sum(c.kept * r.discount_amount), sum(c.kept * r.final_amount),
           sum((1 - c.kept) * r.final_amount), sum(c.kept * coalesce(r.fuel_litres, 0)),
           sum(r.tickets_earned), coalesce(sum(b.tickets), 0)
      FROM redemption_schema.redemptions AS r
      LEFT JOIN (
           SELECT o.redemption_id, bool_or(o.became = 'COMPLETED') AS is_completion
             FROM redemption_schema.report_changes AS o
            GROUP BY o.redemption_id) AS n ON n.redemption_id = r.id
     CROSS JOIN LATERAL (
           SELECT CASE WHEN r.status = 'CANCELLED' AND n.redemption_id IS NULL THEN 0 ELSE 1 END AS kept) AS c
      LEFT JOIN LATERAL (
           SELECT count(*) AS tickets
             FROM redemption_schema.raffle_tickets AS t
            WHERE t.redemption_id = r.id AND t.source = 'COUPON_REDEMPTION' AND t.status = 'CANCELLED') AS b
        ON c.kept = 0
     WHERE r.business_day BETWEEN p_first_day AND p_last_day AND n.is_completion IS NOT true
     GROUP BY r.business_day, r.station_code, coalesce(r.campaign_code, ''), r.currency;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
REVOKE EXECUTE ON FUNCTION redemption_schema.rebuild_redemption_days(date, date) FROM PUBLIC;
COMMENT ON FUNCTION redemption_schema.rebuild_redemption_days(date, date) IS
    'Makes these days of the report anew from the redemptions, where somebody spoilt them; returns how many lines there '
    'are. Reads all of their redemptions. Locks the report''s state, so that nobody folds meanwhile; readers see the old '
    'lines until it commits.';

-- Views ------------------------------------------------------------------------------------------------------------

CREATE VIEW redemption_schema.active_redemptions WITH (security_invoker = true) AS
SELECT r.transaction_reference, r.status, r.flow, r.station_code, r.campaign_code, r.validation_method,
       r.original_amount, r.currency, r.created_at, r.recover_at, r.recovery_attempts
  FROM redemption_schema.redemptions AS r
 WHERE r.status IN ('PENDING', 'IN_PROGRESS');
COMMENT ON VIEW redemption_schema.active_redemptions IS 'Redemptions under way.';

CREATE VIEW redemption_schema.active_raffle_tickets WITH (security_invoker = true) AS
SELECT t.ticket_number, t.issuance_id, t.user_id, t.source, t.raffle_code, t.status, t.expires_at, t.created_at
  FROM redemption_schema.raffle_tickets AS t
 WHERE t.status = 'ENTERED' OR t.status = 'ACTIVE' AND t.expires_at > now();
COMMENT ON VIEW redemption_schema.active_raffle_tickets IS
    'Tickets in a raffle whose draw is to come, and those whose holder may still choose one.';
COMMENT ON COLUMN redemption_schema.active_raffle_tickets.user_id IS 'Personal data: public id of the holder.';

CREATE VIEW redemption_schema.active_qr_validations WITH (security_invoker = true) AS
SELECT q.nonce, q.status, q.station_code, q.dispenser_code, q.amount, q.currency, q.expires_at, q.created_at
  FROM redemption_schema.qr_validations AS q
 WHERE q.status IN ('GENERATED', 'SCANNED', 'ACTIVATED') AND q.expires_at > now();
COMMENT ON VIEW redemption_schema.active_qr_validations IS 'Codes of pumps that are good now.';

CREATE VIEW redemption_schema.redemption_statistics WITH (security_invoker = true) AS
SELECT d.business_day, d.station_code, d.currency,
       sum(d.completed)::bigint AS completed,
       sum(d.cancelled)::bigint AS cancelled,
       sum(d.original_amount) AS original_amount,
       sum(d.discount_amount) AS discount_amount,
       sum(d.final_amount) AS final_amount,
       sum(d.cancelled_amount) AS cancelled_amount,
       sum(d.fuel_litres) AS fuel_litres,
       sum(d.tickets_earned)::bigint AS tickets_earned,
       sum(d.tickets_taken_back)::bigint AS tickets_taken_back,
       round(sum(d.discount_amount) / nullif(sum(d.completed - d.cancelled), 0), 2) AS average_discount,
       round(100.0 * sum(d.cancelled) / sum(d.completed), 1) AS cancelled_percent
  FROM redemption_schema.redemption_days AS d
 GROUP BY d.business_day, d.station_code, d.currency;
COMMENT ON VIEW redemption_schema.redemption_statistics IS
    'A station''s day in all campaigns, from redemption_days; what its columns count is told there.';

CREATE VIEW redemption_schema.redemption_summary WITH (security_invoker = true) AS
SELECT d.station_code, d.currency,
       min(d.business_day) AS first_day,
       max(d.business_day) AS last_day,
       count(DISTINCT nullif(d.campaign_code, '')) AS campaigns,
       sum(d.completed)::bigint AS completed,
       sum(d.cancelled)::bigint AS cancelled,
       sum(d.original_amount) AS original_amount,
       sum(d.discount_amount) AS discount_amount,
       sum(d.final_amount) AS final_amount,
       sum(d.cancelled_amount) AS cancelled_amount,
       sum(d.fuel_litres) AS fuel_litres,
       sum(d.tickets_earned)::bigint AS tickets_earned,
       sum(d.tickets_taken_back)::bigint AS tickets_taken_back
  FROM redemption_schema.redemption_days AS d
 GROUP BY d.station_code, d.currency;
COMMENT ON VIEW redemption_schema.redemption_summary IS 'Each station in figures, from redemption_days.';

-- Rights -----------------------------------------------------------------------------------------------------------

GRANT INSERT (time_zone), UPDATE (time_zone) ON redemption_schema.station_positions TO redemption_app;
GRANT SELECT (business_day) ON redemption_schema.redemptions TO redemption_app, redemption_ro;
-- Nobody writes a report but the function, which runs with the owner's rights.
GRANT SELECT ON redemption_schema.report_changes, redemption_schema.redemption_days, redemption_schema.report_states
      TO redemption_app, redemption_ro;
GRANT SELECT ON redemption_schema.active_redemptions, redemption_schema.active_raffle_tickets,
      redemption_schema.active_qr_validations, redemption_schema.redemption_statistics,
      redemption_schema.redemption_summary TO redemption_app, redemption_ro;
GRANT EXECUTE ON FUNCTION
    redemption_schema.fold_report_changes(integer),
    redemption_schema.rebuild_redemption_days(date, date)
    TO redemption_app;
