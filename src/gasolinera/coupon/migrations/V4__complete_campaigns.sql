-- Campaigns complete: a limit of each user by day, week or month, approval by a second person, opening by the clock,
-- one function that says what a coupon or campaign gives and every reason why not, and campaigns in figures.
-- vuelo: allow locking-several-tables nothing is read but the few coupons from before bulk issue: milliseconds

-- What a campaign says ---------------------------------------------------------------------------------------------

ALTER TABLE coupon_schema.campaigns
    ADD COLUMN per_user_period text,
    ADD COLUMN per_user_period_limit integer,
    ADD COLUMN approval_needed_above numeric(12, 2) NOT NULL DEFAULT 0,
    ADD COLUMN raised_by uuid,
    ADD COLUMN opens_by_clock boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT campaigns_per_user_period_check CHECK (
        num_nulls(per_user_period, per_user_period_limit) IN (0, 2) AND per_user_period IN ('DAY', 'WEEK', 'MONTH')
        AND per_user_period_limit BETWEEN 1 AND 1000) NOT VALID,
    ADD CONSTRAINT campaigns_approval_needed_above_check CHECK (
        approval_needed_above >= 0 AND approval_needed_above < 'NaN') NOT VALID,
    -- Nobody approves the own money.
    ADD CONSTRAINT campaigns_raised_by_check CHECK (approved_by <> raised_by) NOT VALID,
    ADD CONSTRAINT campaigns_opens_by_clock_check CHECK (status = 'DRAFT' OR NOT opens_by_clock) NOT VALID,
    -- What the codes of its coupons can say: 32 bits of hundredths, and 24 of minutes since 2020. NaN is refused by
    -- campaigns_discount_check, in other words.
    ADD CONSTRAINT campaigns_code_check CHECK (
        (discount_value <= 42949672.95 OR discount_value = 'NaN') AND valid_from < '2051-11-24 20:15+00') NOT VALID,
    -- A day begins at 00:00; 24:00 is its end alone.
    ADD CONSTRAINT campaigns_daily_from_check CHECK (daily_from < '24:00') NOT VALID,
    -- What no budget ends is above every amount.
    ADD CONSTRAINT campaigns_budget_approved_check CHECK (
        (status <> 'ACTIVE' AND NOT opens_by_clock) OR approved_at IS NOT NULL
        OR coalesce(budget_amount <= approval_needed_above, false)) NOT VALID;
COMMENT ON COLUMN coupon_schema.campaigns.time_zone IS
    'IANA zone of weekdays, hours and periods, at every station: a campaign says one thing everywhere.';
COMMENT ON COLUMN coupon_schema.campaigns.per_user_period IS
    'DAY, WEEK (from Monday) or MONTH of the campaign''s zone; fixed when the campaign has opened.';
COMMENT ON COLUMN coupon_schema.campaigns.per_user_period_limit IS 'Uses of one user in one period, at most.';
COMMENT ON COLUMN coupon_schema.campaigns.approval_needed_above IS
    'The largest budget that opens without a second person, as the settings said when it was last opened.';
COMMENT ON COLUMN coupon_schema.campaigns.raised_by IS
    'users.public_id of who last raised the budget, which ends an approval; written by the trigger alone.';
COMMENT ON COLUMN coupon_schema.campaigns.opens_by_clock IS 'A draft that the job opens at valid_from.';

CREATE TABLE coupon_schema.campaign_user_period_usages (
    campaign_id bigint NOT NULL,
    user_id uuid NOT NULL,
    period_start date NOT NULL,
    used_count integer NOT NULL,
    usage_limit integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT campaign_user_period_usages_pk PRIMARY KEY (campaign_id, user_id, period_start),
    CONSTRAINT campaign_user_period_usages_campaign_id_fk FOREIGN KEY (campaign_id)
        REFERENCES coupon_schema.campaigns (id) ON DELETE RESTRICT,
    CONSTRAINT campaign_user_period_usages_used_count_check CHECK (used_count >= 0),
    CONSTRAINT campaign_user_period_usages_limit_check CHECK (used_count <= usage_limit)
);
COMMENT ON TABLE coupon_schema.campaign_user_period_usages IS
    'How often a user has used a campaign in one of its periods; the CHECK is the limit. Written by triggers '
    'alone, and deleted 100 days after the period began.';
COMMENT ON COLUMN coupon_schema.campaign_user_period_usages.user_id IS
    'Personal data: users.public_id. Stays after erasure, when it leads to nobody.';
-- Export and erasure of a person.
CREATE INDEX campaign_user_period_usages_user_id_idx ON coupon_schema.campaign_user_period_usages (user_id);
-- Periods that ended long ago (forget_ended_periods).
CREATE INDEX campaign_user_period_usages_period_start_idx
    ON coupon_schema.campaign_user_period_usages (period_start);
CREATE TRIGGER campaign_user_period_usages_set_updated_at BEFORE UPDATE ON coupon_schema.campaign_user_period_usages
    FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE FUNCTION coupon_schema.period_start(p_period text, p_zone text, p_at timestamptz) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT date_trunc(lower(p_period), p_at AT TIME ZONE p_zone)::date $$;
COMMENT ON FUNCTION coupon_schema.period_start(text, text, timestamptz) IS
    'The first day of the DAY, WEEK or MONTH of a zone that a moment is in.';

-- A terminal syncs within a week; a day more for what it brought to be settled.
ALTER TABLE coupon_schema.coupon_usage_history
    ADD COLUMN taken_at timestamptz,
    ADD CONSTRAINT coupon_usage_history_taken_at_check CHECK (
        taken_at <= used_at AND taken_at >= used_at - interval '192 hours') NOT VALID;
COMMENT ON COLUMN coupon_schema.coupon_usage_history.taken_at IS
    'When a terminal without a connection took it, by which the period of a limit is counted; NULL: as used_at.';
GRANT INSERT (taken_at) ON coupon_schema.coupon_usage_history TO coupon_app;

CREATE FUNCTION coupon_schema.is_first_use(p_user_id uuid, p_usage_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    -- Of two that want to be the first the second one looks when the first is there.
    PERFORM pg_advisory_xact_lock(hashtextextended('coupon_schema.first_use ' || p_user_id, 0));
    RETURN NOT EXISTS (
        SELECT FROM coupon_schema.coupon_usage_history AS h
         WHERE h.user_id = p_user_id AND h.restored_at IS NULL AND h.id <> p_usage_id);
END
$$;
COMMENT ON FUNCTION coupon_schema.is_first_use(uuid, bigint) IS
    'Whether a use is its user''s only one. Locks the user''s first uses until the transaction ends.';
REVOKE EXECUTE ON FUNCTION coupon_schema.is_first_use(uuid, bigint) FROM PUBLIC;

-- What follows from a change and from a use -------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION coupon_schema.check_campaign_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF (NEW.campaign_code, NEW.currency, NEW.shard_count) <> (OLD.campaign_code, OLD.currency, OLD.shard_count) THEN
        RAISE EXCEPTION 'code, currency and shards of campaign % never change', OLD.campaign_code
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('DRAFT', 'ACTIVE'), ('DRAFT', 'CANCELLED'),
        ('ACTIVE', 'PAUSED'), ('ACTIVE', 'COMPLETED'), ('ACTIVE', 'CANCELLED'),
        ('PAUSED', 'ACTIVE'), ('PAUSED', 'COMPLETED'), ('PAUSED', 'CANCELLED'))
    THEN
        RAISE EXCEPTION 'campaign % cannot go from % to %', OLD.campaign_code, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaigns_status_transition',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    IF OLD.status <> 'DRAFT'
        AND (NEW.per_user_period IS DISTINCT FROM OLD.per_user_period
             OR (NEW.per_user_period IS NOT NULL AND NEW.time_zone <> OLD.time_zone))
    THEN
        RAISE EXCEPTION 'the period of campaign % is counted since it opened', OLD.campaign_code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaigns_period_is_fixed',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    IF coalesce(NEW.budget_amount > OLD.budget_amount, NEW.budget_amount IS NULL AND OLD.budget_amount IS NOT NULL)
        OR (NEW.budget_amount IS NULL
            AND ((NEW.discount_type, NEW.discount_value, NEW.maximum_discount)
                 IS DISTINCT FROM (OLD.discount_type, OLD.discount_value, OLD.maximum_discount)
                 OR coalesce(NEW.total_usage_limit > OLD.total_usage_limit,
                             NEW.total_usage_limit IS NULL AND OLD.total_usage_limit IS NOT NULL)))
    THEN
        NEW.approved_by := NULL;
        NEW.approved_at := NULL;
        -- A job or a command is nobody who could approve.
        NEW.raised_by := substring(
            coupon_schema.request_context('actor') FROM '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$')::uuid;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION coupon_schema.count_coupon_usage() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v record;
BEGIN
    PERFORM FROM coupon_schema.coupons AS c
      WHERE c.id IN (SELECT u.coupon_id FROM new_usages AS u) ORDER BY c.id FOR NO KEY UPDATE;

    SELECT r.coupon_id, r.reason INTO v
      FROM (
        SELECT u.id, u.coupon_id, CASE
                WHEN u.restored_at IS NOT NULL THEN 'it would be restored before it was used'
                WHEN g.status <> 'ACTIVE' THEN 'its campaign is ' || g.status
                WHEN c.status <> 'ACTIVE' THEN 'it is ' || c.status
                WHEN u.used_at < c.valid_from THEN 'it is not valid yet'
                WHEN u.used_at >= c.valid_until THEN 'it is not valid any more'
                WHEN c.user_id <> u.user_id THEN 'it is somebody else''s'
                WHEN c.currency <> u.currency THEN 'its currency is ' || c.currency
                WHEN coalesce(u.fuel_type <> ALL (g.fuel_types), cardinality(g.fuel_types) < 3)
                    THEN 'it is not for this fuel, or which one it was is not known'
                WHEN g.station_scope = 'LISTED' AND NOT EXISTS (
                    SELECT FROM coupon_schema.campaign_stations AS s
                     WHERE s.campaign_id = g.id AND s.station_code = u.station_code)
                    THEN 'it is not for this station'
                WHEN u.original_amount < c.minimum_purchase THEN 'the purchase is below ' || c.minimum_purchase
                WHEN u.discount_amount > coupon_schema.discount_amount(
                    c.discount_type, c.discount_value, c.maximum_discount, c.currency, u.original_amount)
                    THEN 'the discount is more than its terms give'
                WHEN u.raffle_tickets > c.raffle_tickets THEN 'it gives ' || c.raffle_tickets || ' raffle tickets'
                WHEN g.audience = 'NEW' AND NOT coupon_schema.is_first_use(u.user_id, u.id)
                    THEN 'it is for a first redemption'
            END AS reason
        FROM new_usages AS u
        JOIN coupon_schema.coupons AS c ON c.id = u.coupon_id
        JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
      ) AS r
     WHERE r.reason IS NOT NULL
     ORDER BY r.id
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'coupon % cannot be used: %', v.coupon_id, v.reason
            USING ERRCODE = 'check_violation', CONSTRAINT = 'coupon_usage_history_usable',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;

    UPDATE coupon_schema.coupons AS c
       SET usage_count = c.usage_count + n.uses,
           status = CASE WHEN c.usage_count + n.uses = c.max_usage THEN 'USED' ELSE c.status END
      FROM (SELECT u.coupon_id, count(*)::integer AS uses FROM new_usages AS u GROUP BY u.coupon_id) AS n
     WHERE c.id = n.coupon_id;

    INSERT INTO coupon_schema.campaign_user_usages AS t (campaign_id, user_id, used_count, usage_limit)
    SELECT g.id, u.user_id, count(*)::integer, g.per_user_usage_limit
      FROM new_usages AS u
      JOIN coupon_schema.coupons AS c ON c.id = u.coupon_id
      JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
     GROUP BY g.id, u.user_id
     ORDER BY g.id, u.user_id
    ON CONFLICT (campaign_id, user_id) DO UPDATE
       SET used_count = t.used_count + EXCLUDED.used_count, usage_limit = EXCLUDED.usage_limit;

    INSERT INTO coupon_schema.campaign_user_period_usages AS t
        (campaign_id, user_id, period_start, used_count, usage_limit)
    SELECT g.id, u.user_id,
           coupon_schema.period_start(g.per_user_period, g.time_zone, coalesce(u.taken_at, u.used_at)),
           count(*)::integer, g.per_user_period_limit
      FROM new_usages AS u
      JOIN coupon_schema.coupons AS c ON c.id = u.coupon_id
      JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
     WHERE g.per_user_period IS NOT NULL
     GROUP BY 1, 2, 3, g.per_user_period_limit
     ORDER BY 1, 2, 3
    ON CONFLICT (campaign_id, user_id, period_start) DO UPDATE
       SET used_count = t.used_count + EXCLUDED.used_count, usage_limit = EXCLUDED.usage_limit;

    PERFORM coupon_schema.count_campaign_usage(
        array_agg(n.campaign_id), array_agg(n.shard), array_agg(n.uses), array_agg(n.amount))
      FROM (
        SELECT g.id AS campaign_id, (c.id % g.shard_count)::smallint AS shard, count(*) AS uses,
               sum(u.discount_amount) AS amount
          FROM new_usages AS u
          JOIN coupon_schema.coupons AS c ON c.id = u.coupon_id
          JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
         GROUP BY 1, 2
      ) AS n;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION coupon_schema.count_coupon_usage() IS
    'AFTER INSERT trigger of coupon_usage_history: the use is counted everywhere, or refused with the name of what '
    'refused it: coupon_usage_history_usable, coupons_usage_count_check, campaign_user_usages_limit_check, '
    'campaign_user_period_usages_limit_check, campaign_usage_shards_used_check or campaign_usage_shards_spent_check.';

CREATE OR REPLACE FUNCTION coupon_schema.restore_coupon_usage() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF EXISTS (
        SELECT FROM new_usages AS n
          FULL JOIN old_usages AS o ON o.id = n.id
         WHERE o.id IS NULL OR n.id IS NULL
            OR to_jsonb(n) - '{restored_at,restore_reason,restored_by,updated_at}'::text[]
               <> to_jsonb(o) - '{restored_at,restore_reason,restored_by,updated_at}'::text[]
            OR (o.restored_at IS NOT NULL AND n.restored_at IS DISTINCT FROM o.restored_at))
    THEN
        RAISE EXCEPTION 'a use of a coupon does not change, but for being restored once'
            USING ERRCODE = 'restrict_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;

    PERFORM FROM coupon_schema.coupons AS c
      WHERE c.id IN (
        SELECT n.coupon_id FROM new_usages AS n JOIN old_usages AS o ON o.id = n.id
         WHERE n.restored_at IS NOT NULL AND o.restored_at IS NULL)
      ORDER BY c.id FOR NO KEY UPDATE;

    UPDATE coupon_schema.coupons AS c
       SET usage_count = c.usage_count - r.uses,
           status = CASE c.status WHEN 'USED' THEN 'ACTIVE' ELSE c.status END
      FROM (
        SELECT n.coupon_id, count(*)::integer AS uses
          FROM new_usages AS n JOIN old_usages AS o ON o.id = n.id
         WHERE n.restored_at IS NOT NULL AND o.restored_at IS NULL
         GROUP BY n.coupon_id
      ) AS r
     WHERE c.id = r.coupon_id;

    -- The rows of one user are locked in the same order as a use does it.
    PERFORM FROM coupon_schema.campaign_user_usages AS t
      WHERE (t.campaign_id, t.user_id) IN (
        SELECT c.campaign_id, n.user_id
          FROM new_usages AS n
          JOIN old_usages AS o ON o.id = n.id
          JOIN coupon_schema.coupons AS c ON c.id = n.coupon_id
         WHERE n.restored_at IS NOT NULL AND o.restored_at IS NULL)
      ORDER BY t.campaign_id, t.user_id FOR NO KEY UPDATE;
    UPDATE coupon_schema.campaign_user_usages AS t
       SET used_count = t.used_count - r.uses
      FROM (
        SELECT c.campaign_id, n.user_id, count(*)::integer AS uses
          FROM new_usages AS n
          JOIN old_usages AS o ON o.id = n.id
          JOIN coupon_schema.coupons AS c ON c.id = n.coupon_id
         WHERE n.restored_at IS NOT NULL AND o.restored_at IS NULL
         GROUP BY c.campaign_id, n.user_id
      ) AS r
     WHERE t.campaign_id = r.campaign_id AND t.user_id = r.user_id;

    -- Under the lock of the row above, whatever the period.
    UPDATE coupon_schema.campaign_user_period_usages AS t
       SET used_count = t.used_count - r.uses
      FROM (
        SELECT g.id AS campaign_id, n.user_id,
               coupon_schema.period_start(g.per_user_period, g.time_zone, coalesce(n.taken_at, n.used_at))
                   AS period_start,
               count(*)::integer AS uses
          FROM new_usages AS n
          JOIN old_usages AS o ON o.id = n.id
          JOIN coupon_schema.coupons AS c ON c.id = n.coupon_id
          JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
         WHERE n.restored_at IS NOT NULL AND o.restored_at IS NULL AND g.per_user_period IS NOT NULL
         GROUP BY 1, 2, 3
      ) AS r
     WHERE t.campaign_id = r.campaign_id AND t.user_id = r.user_id AND t.period_start = r.period_start;

    PERFORM coupon_schema.count_campaign_usage(
        array_agg(r.campaign_id), array_agg(r.shard), array_agg(-r.uses), array_agg(-r.amount))
      FROM (
        SELECT g.id AS campaign_id, (c.id % g.shard_count)::smallint AS shard, count(*) AS uses,
               sum(n.discount_amount) AS amount
          FROM new_usages AS n
          JOIN old_usages AS o ON o.id = n.id
          JOIN coupon_schema.coupons AS c ON c.id = n.coupon_id
          JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
         WHERE n.restored_at IS NOT NULL AND o.restored_at IS NULL
         GROUP BY 1, 2
      ) AS r;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION coupon_schema.log_campaign_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, new_values)
        SELECT 'CAMPAIGN_CREATED', n.campaign_code,
               to_jsonb(n) - '{id,created_at,updated_at}'::text[]
               || jsonb_strip_nulls(jsonb_build_object('stations', (
                    SELECT jsonb_agg(s.station_code ORDER BY s.station_code)
                      FROM coupon_schema.campaign_stations AS s
                     WHERE s.campaign_id = n.id)))
          FROM new_campaigns AS n;
        RETURN NULL;
    END IF;
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, old_values, new_values)
    SELECT 'CAMPAIGN_CHANGED', n.campaign_code, c.old_values, c.new_values
      FROM new_campaigns AS n
      JOIN old_campaigns AS o ON o.id = n.id
     CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(ov.key, ov.value) AS old_values, jsonb_object_agg(nv.key, nv.value) AS new_values
          FROM jsonb_each(to_jsonb(o)) AS ov
          JOIN jsonb_each(to_jsonb(n)) AS nv ON nv.key = ov.key AND nv.value <> ov.value
         WHERE ov.key <> 'updated_at'
     ) AS c
     WHERE c.new_values IS NOT NULL;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION coupon_schema.log_campaign_changes() IS
    'Writes a new campaign with its stations, or the values of one that changed, to the audit log.';

CREATE FUNCTION coupon_schema.log_campaign_stations() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, old_values, new_values)
    SELECT 'CAMPAIGN_CHANGED', g.campaign_code,
           CASE TG_OP WHEN 'DELETE' THEN r.stations ELSE '{}' END,
           CASE TG_OP WHEN 'INSERT' THEN r.stations ELSE '{}' END
      FROM (
        SELECT s.campaign_id,
               jsonb_build_object('stations', jsonb_agg(s.station_code ORDER BY s.station_code)) AS stations
          FROM changed_stations AS s
         GROUP BY s.campaign_id
      ) AS r
      JOIN coupon_schema.campaigns AS g ON g.id = r.campaign_id
     -- Those that a campaign begins with are logged with it.
     WHERE g.created_at < now();
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION coupon_schema.log_campaign_stations() IS
    'Writes the stations that joined a campaign, or left it, to the audit log.';
REVOKE EXECUTE ON FUNCTION coupon_schema.log_campaign_stations() FROM PUBLIC;
CREATE TRIGGER campaign_stations_log_insert AFTER INSERT ON coupon_schema.campaign_stations
    REFERENCING NEW TABLE AS changed_stations
    FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.log_campaign_stations();
CREATE TRIGGER campaign_stations_log_delete AFTER DELETE ON coupon_schema.campaign_stations
    REFERENCING OLD TABLE AS changed_stations
    FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.log_campaign_stations();

-- What it would give ------------------------------------------------------------------------------------------------

CREATE FUNCTION coupon_schema.explain_use(
    p_coupon_id bigint, p_user_id uuid, p_station_code text, p_fuel_type text, p_amount numeric, p_currency text,
    p_at timestamptz, p_campaign_id bigint DEFAULT NULL)
    RETURNS TABLE (
        campaign_id bigint, campaign_code text, currency text, discount_amount numeric, final_amount numeric,
        raffle_tickets smallint, raffle_code text, cancellation_policy text, reasons text[])
    LANGUAGE sql STABLE ROWS 1
    AS $$
    SELECT g.id, g.campaign_code, g.currency, o.discount_amount, p_amount - o.discount_amount, t.raffle_tickets,
           g.raffle_code, g.cancellation_policy,
           array_remove(ARRAY[
               CASE WHEN c.status = 'USED' THEN 'ALREADY_USED' END,
               CASE WHEN c.status = 'EXPIRED' OR c.valid_until <= p_at THEN 'EXPIRED' END,
               CASE WHEN c.status = 'SUSPENDED' THEN 'SUSPENDED' END,
               CASE WHEN c.status = 'CANCELLED' THEN 'CANCELLED' END,
               CASE WHEN c.valid_from > p_at THEN 'NOT_YET_VALID' END,
               CASE WHEN g.status <> 'ACTIVE' OR p_at < g.valid_from OR p_at >= g.valid_until
                   THEN 'CAMPAIGN_NOT_ACTIVE' END,
               CASE
                   WHEN c.user_id <> p_user_id THEN 'USER_NOT_ELIGIBLE'
                   WHEN p_user_id IS NULL OR g.audience = 'ALL' THEN NULL
                   WHEN g.audience = 'ASSIGNED' AND c.id IS NOT NULL AND c.user_id IS NULL THEN 'USER_NOT_ELIGIBLE'
                   WHEN g.audience = 'ASSIGNED' AND c.id IS NULL AND NOT EXISTS (
                       SELECT FROM coupon_schema.coupons AS mine
                        WHERE mine.user_id = p_user_id AND mine.campaign_id = g.id AND mine.status = 'ACTIVE')
                       THEN 'USER_NOT_ELIGIBLE'
                   WHEN g.audience = 'NEW' AND EXISTS (
                       SELECT FROM coupon_schema.coupon_usage_history AS h
                        WHERE h.user_id = p_user_id AND h.restored_at IS NULL)
                       THEN 'USER_NOT_ELIGIBLE'
                   WHEN g.audience = 'LOYAL' AND g.loyal_after_redemptions > (
                       SELECT count(*)
                         FROM (
                           SELECT FROM coupon_schema.coupon_usage_history AS h
                            WHERE h.user_id = p_user_id AND h.restored_at IS NULL
                            LIMIT g.loyal_after_redemptions
                         ) AS enough)
                       THEN 'USER_NOT_ELIGIBLE'
               END,
               CASE
                   WHEN p_currency <> g.currency THEN 'STATION_NOT_ELIGIBLE'
                   WHEN p_station_code IS NOT NULL AND g.station_scope = 'LISTED' AND NOT EXISTS (
                       SELECT FROM coupon_schema.campaign_stations AS s
                        WHERE s.campaign_id = g.id AND s.station_code = p_station_code)
                       THEN 'STATION_NOT_ELIGIBLE'
               END,
               CASE WHEN p_fuel_type <> ALL (g.fuel_types) THEN 'FUEL_NOT_ELIGIBLE' END,
               CASE
                   WHEN g.daily_from < g.daily_until AND (l.hour < g.daily_from OR l.hour >= g.daily_until)
                       OR g.daily_from > g.daily_until AND l.hour < g.daily_from AND l.hour >= g.daily_until
                       THEN 'TIME_NOT_ELIGIBLE'
                   WHEN l.weekday <> ALL (g.weekdays) THEN 'TIME_NOT_ELIGIBLE'
               END,
               CASE WHEN p_amount < t.minimum_purchase THEN 'MINIMUM_NOT_MET' END,
               CASE
                   WHEN EXISTS (
                       SELECT FROM coupon_schema.campaign_user_usages AS n
                        WHERE n.campaign_id = g.id AND n.user_id = p_user_id
                          AND n.used_count >= g.per_user_usage_limit)
                       THEN 'LIMIT_REACHED'
                   WHEN g.per_user_period IS NOT NULL AND EXISTS (
                       SELECT FROM coupon_schema.campaign_user_period_usages AS n
                        WHERE n.campaign_id = g.id AND n.user_id = p_user_id
                          AND n.period_start = coupon_schema.period_start(g.per_user_period, g.time_zone, p_at)
                          AND n.used_count >= g.per_user_period_limit)
                       THEN 'LIMIT_REACHED'
                   -- The shard that would count the use has room nearly always: then the others are not looked at.
                   WHEN g.total_usage_limit IS NOT NULL AND own.used < own.usage_allotment IS NOT TRUE
                       AND g.total_usage_limit <= (
                           SELECT sum(s.used) FROM coupon_schema.campaign_usage_shards AS s WHERE s.campaign_id = g.id)
                       THEN 'LIMIT_REACHED'
               END,
               CASE
                   WHEN g.budget_amount IS NOT NULL
                       AND own.spent + o.discount_amount <= own.spend_allotment IS NOT TRUE
                       AND g.budget_amount - coalesce(o.discount_amount, coupon_schema.rounding_unit(g.currency)) < (
                           SELECT sum(s.spent) FROM coupon_schema.campaign_usage_shards AS s WHERE s.campaign_id = g.id)
                       THEN 'BUDGET_EXHAUSTED'
               END
           ], NULL)
      FROM coupon_schema.campaigns AS g
      LEFT JOIN coupon_schema.coupons AS c ON c.id = p_coupon_id AND c.campaign_id = g.id
      LEFT JOIN coupon_schema.campaign_usage_shards AS own
        ON own.campaign_id = g.id AND own.shard = (c.id % g.shard_count)::smallint
     CROSS JOIN LATERAL (
        SELECT coalesce(c.discount_type, g.discount_type) AS discount_type,
               coalesce(c.discount_value, g.discount_value) AS discount_value,
               CASE WHEN c.id IS NULL THEN g.maximum_discount ELSE c.maximum_discount END AS maximum_discount,
               coalesce(c.minimum_purchase, g.minimum_purchase) AS minimum_purchase,
               coalesce(c.raffle_tickets, g.raffle_tickets_per_coupon) AS raffle_tickets
     ) AS t
     CROSS JOIN LATERAL (
        SELECT CASE WHEN p_amount IS NOT NULL THEN coupon_schema.discount_amount(
                   t.discount_type, t.discount_value, t.maximum_discount, g.currency, p_amount) END AS discount_amount
     ) AS o
     CROSS JOIN LATERAL (
        SELECT x.moment::time AS hour,
               -- What began yesterday evening is still yesterday's.
               extract(isodow FROM x.moment - CASE
                   WHEN g.daily_from > g.daily_until AND x.moment::time < g.daily_until THEN interval '1 day'
                   ELSE interval '0' END)::smallint AS weekday
          FROM (SELECT p_at AT TIME ZONE g.time_zone AS moment) AS x
     ) AS l
     WHERE g.id = coalesce(p_campaign_id, (
            SELECT k.campaign_id FROM coupon_schema.coupons AS k WHERE k.id = p_coupon_id))
       AND (p_coupon_id IS NULL OR c.id IS NOT NULL)
    $$;
COMMENT ON FUNCTION coupon_schema.explain_use(
    bigint, uuid, text, text, numeric, text, timestamptz, bigint) IS
    'What a coupon gives for a purchase, or a campaign as if by a new coupon (p_coupon_id NULL), and every reason why '
    'not, in the words of coupon_validation_attempts.result: none is yes. No row: no such coupon. What is NULL is '
    'not known yet and not judged; a use gives all. Another currency is STATION_NOT_ELIGIBLE. Weekdays and hours '
    'are of the campaign''s zone, wherever the station is. Dry run and use ask this one function; it locks nothing, '
    'so the triggers of coupon_usage_history have the last word.';

-- Figures -----------------------------------------------------------------------------------------------------------

-- Each of many is counted by itself before it meets a campaign: two lists side by side would multiply each other.
CREATE MATERIALIZED VIEW coupon_schema.coupon_statistics AS
SELECT g.id AS campaign_id,
       coalesce(c.coupons, 0) AS coupons,
       coalesce(c.active, 0) AS active,
       coalesce(c.used, 0) AS used,
       coalesce(c.expired, 0) AS expired,
       coalesce(c.cancelled, 0) AS cancelled,
       coalesce(c.suspended, 0) AS suspended,
       coalesce(c.assigned, 0) AS assigned,
       coalesce(c.redeemed, 0) AS redeemed,
       coalesce(u.users, 0) AS users,
       now() AS refreshed_at
  FROM coupon_schema.campaigns AS g
  LEFT JOIN (
    SELECT k.campaign_id, count(*) AS coupons,
           count(*) FILTER (WHERE k.status = 'ACTIVE') AS active,
           count(*) FILTER (WHERE k.status = 'USED') AS used,
           count(*) FILTER (WHERE k.status = 'EXPIRED') AS expired,
           count(*) FILTER (WHERE k.status = 'CANCELLED') AS cancelled,
           count(*) FILTER (WHERE k.status = 'SUSPENDED') AS suspended,
           count(k.user_id) AS assigned,
           count(*) FILTER (WHERE k.usage_count > 0) AS redeemed
      FROM coupon_schema.coupons AS k
     GROUP BY k.campaign_id
  ) AS c ON c.campaign_id = g.id
  LEFT JOIN (
    SELECT n.campaign_id, count(*) AS users
      FROM coupon_schema.campaign_user_usages AS n
     WHERE n.used_count > 0
     GROUP BY n.campaign_id
  ) AS u ON u.campaign_id = g.id;
COMMENT ON MATERIALIZED VIEW coupon_schema.coupon_statistics IS
    'One row a campaign: its coupons by state, how many were redeemed and not given back, by how many users. As of the '
    'last refresh.';
-- What a concurrent refresh needs, and the look-up of one campaign.
CREATE UNIQUE INDEX coupon_statistics_campaign_id_idx ON coupon_schema.coupon_statistics (campaign_id);

CREATE MATERIALIZED VIEW coupon_schema.redemption_statistics AS
SELECT c.campaign_id,
       (h.used_at AT TIME ZONE g.time_zone)::date AS day,
       h.station_code,
       count(*) FILTER (WHERE h.restored_at IS NULL) AS redemptions,
       count(h.restored_at) AS restored,
       coalesce(sum(h.original_amount) FILTER (WHERE h.restored_at IS NULL), 0) AS original_amount,
       coalesce(sum(h.discount_amount) FILTER (WHERE h.restored_at IS NULL), 0) AS discount_amount,
       coalesce(sum(h.final_amount) FILTER (WHERE h.restored_at IS NULL), 0) AS final_amount,
       coalesce(sum(h.raffle_tickets) FILTER (WHERE h.restored_at IS NULL), 0) AS raffle_tickets
  FROM coupon_schema.coupon_usage_history AS h
  JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
  JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 GROUP BY 1, 2, 3;
COMMENT ON MATERIALIZED VIEW coupon_schema.redemption_statistics IS
    'Uses of a campaign''s coupons by day of its zone and by station; those given back are counted apart and are in no '
    'amount. As of the last refresh.';
-- What a concurrent refresh needs, and a campaign's days.
CREATE UNIQUE INDEX redemption_statistics_campaign_id_day_station_code_idx
    ON coupon_schema.redemption_statistics (campaign_id, day, station_code);

CREATE VIEW coupon_schema.campaign_summary AS
SELECT g.id AS campaign_id, g.campaign_code, g.name, g.status, g.currency,
       coalesce(k.coupons, 0) AS coupons,
       coalesce(k.active, 0) AS active_coupons,
       coalesce(k.used, 0) AS used_coupons,
       coalesce(k.expired, 0) AS expired_coupons,
       coalesce(k.cancelled, 0) AS cancelled_coupons,
       coalesce(k.suspended, 0) AS suspended_coupons,
       coalesce(k.assigned, 0) AS assigned_coupons,
       coalesce(k.users, 0) AS users,
       coalesce(r.redemptions, 0)::bigint AS redemptions,
       coalesce(r.restored, 0)::bigint AS restored,
       coalesce(r.original_amount, 0) AS original_amount,
       coalesce(r.discount_amount, 0) AS discount_amount,
       coalesce(r.final_amount, 0) AS final_amount,
       coalesce(r.raffle_tickets, 0)::bigint AS raffle_tickets,
       round(r.discount_amount / nullif(r.redemptions, 0), 2) AS average_discount,
       round(100.0 * k.redeemed / nullif(k.coupons, 0), 1) AS redeemed_coupons_percent,
       k.refreshed_at
  FROM coupon_schema.campaigns AS g
  LEFT JOIN coupon_schema.coupon_statistics AS k ON k.campaign_id = g.id
  LEFT JOIN (
    SELECT d.campaign_id, sum(d.redemptions) AS redemptions, sum(d.restored) AS restored,
           sum(d.original_amount) AS original_amount, sum(d.discount_amount) AS discount_amount,
           sum(d.final_amount) AS final_amount, sum(d.raffle_tickets) AS raffle_tickets
      FROM coupon_schema.redemption_statistics AS d
     GROUP BY d.campaign_id
  ) AS r ON r.campaign_id = g.id;
COMMENT ON VIEW coupon_schema.campaign_summary IS
    'Each campaign in figures, from the two statistics; refreshed_at NULL: made since the last refresh.';

CREATE FUNCTION coupon_schema.refresh_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY coupon_schema.coupon_statistics;
    REFRESH MATERIALIZED VIEW CONCURRENTLY coupon_schema.redemption_statistics;
END
$$;
COMMENT ON FUNCTION coupon_schema.refresh_statistics() IS
    'Makes both statistics anew while everybody reads the old ones; two at the same time come one after the other.';
REVOKE EXECUTE ON FUNCTION coupon_schema.refresh_statistics() FROM PUBLIC;

-- Rights ------------------------------------------------------------------------------------------------------------

GRANT INSERT (per_user_period, per_user_period_limit, approval_needed_above, opens_by_clock),
      UPDATE (per_user_period, per_user_period_limit, approval_needed_above, opens_by_clock)
    ON coupon_schema.campaigns TO coupon_app;
GRANT SELECT ON coupon_schema.campaign_user_period_usages TO coupon_app;
GRANT SELECT (campaign_id, period_start, used_count, usage_limit, created_at, updated_at)
    ON coupon_schema.campaign_user_period_usages TO coupon_ro;
GRANT EXECUTE ON FUNCTION
    coupon_schema.period_start(text, text, timestamptz),
    coupon_schema.explain_use(bigint, uuid, text, text, numeric, text, timestamptz, bigint),
    coupon_schema.refresh_statistics()
    TO coupon_app;
GRANT SELECT ON
    coupon_schema.coupon_statistics, coupon_schema.redemption_statistics, coupon_schema.campaign_summary
    TO coupon_app, coupon_ro;
