-- The schema coupon_schema, as `vuelo dump` writes it. Change the migrations, not this file.
SET check_function_bodies = off;
SET search_path = pg_catalog;
CREATE SCHEMA coupon_schema AUTHORIZATION coupon_owner;
SET ROLE coupon_owner;
GRANT USAGE ON SCHEMA coupon_schema TO coupon_app;
GRANT USAGE ON SCHEMA coupon_schema TO coupon_ro;

CREATE OR REPLACE FUNCTION coupon_schema.change_campaign_limits()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_used bigint;
    v_spent numeric;
BEGIN
    PERFORM FROM coupon_schema.campaign_usage_shards AS s
      WHERE s.campaign_id = NEW.id ORDER BY s.shard FOR NO KEY UPDATE;
    SELECT sum(s.used), sum(s.spent) INTO v_used, v_spent
      FROM coupon_schema.campaign_usage_shards AS s
     WHERE s.campaign_id = NEW.id;
    IF NEW.total_usage_limit < v_used OR NEW.budget_amount < v_spent THEN
        RAISE EXCEPTION 'campaign % has % uses worth % already', NEW.campaign_code, v_used, v_spent
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaigns_limit_below_usage',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM coupon_schema.deal_campaign_limits(NEW.id);
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION coupon_schema.change_campaign_limits() IS 'AFTER UPDATE trigger: deals a new limit or budget, unless more is used already.';
REVOKE EXECUTE ON FUNCTION coupon_schema.change_campaign_limits() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.check_campaign_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$;
COMMENT ON FUNCTION coupon_schema.check_campaign_change() IS 'BEFORE UPDATE trigger: which states follow which, and what of a campaign never changes.';
REVOKE EXECUTE ON FUNCTION coupon_schema.check_campaign_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.check_coupon_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (
        ('ACTIVE', 'USED'), ('ACTIVE', 'EXPIRED'), ('ACTIVE', 'CANCELLED'), ('ACTIVE', 'SUSPENDED'),
        ('SUSPENDED', 'ACTIVE'), ('SUSPENDED', 'EXPIRED'), ('SUSPENDED', 'CANCELLED'),
        -- Given back by a cancelled redemption.
        ('USED', 'ACTIVE'))
    THEN
        RAISE EXCEPTION 'coupon % cannot go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'coupons_status_transition',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION coupon_schema.check_coupon_change() IS 'BEFORE UPDATE trigger: which states follow which.';
REVOKE EXECUTE ON FUNCTION coupon_schema.check_coupon_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.count_campaign_usage(p_campaign_ids bigint[], p_shards smallint[], p_uses bigint[], p_amounts numeric[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    -- How many uses like this one a shard must have left to be counted without a look at the others. More than the
    -- uses that can be under way in one shard at once, else the last of them is refused although others had room.
    c_margin CONSTANT integer := 16;
    v record;
BEGIN
    FOR v IN
        SELECT
            a.campaign_id,
            array_agg(a.shard ORDER BY a.shard) AS shards,
            array_agg(a.uses ORDER BY a.shard) AS uses,
            array_agg(a.amount ORDER BY a.shard) AS amounts,
            coalesce(bool_or(
                s.usage_allotment - s.used < a.uses * (c_margin + 1)
                OR s.spend_allotment - s.spent < a.amount * (c_margin + 1)), false) AS near_the_end
        FROM unnest(p_campaign_ids, p_shards, p_uses, p_amounts) AS a (campaign_id, shard, uses, amount)
        JOIN coupon_schema.campaign_usage_shards AS s ON s.campaign_id = a.campaign_id AND s.shard = a.shard
        GROUP BY a.campaign_id
        ORDER BY a.campaign_id
    LOOP
        -- All shards or the own ones, and always in the same order: two uses never wait for each other.
        PERFORM FROM coupon_schema.campaign_usage_shards AS s
          WHERE s.campaign_id = v.campaign_id AND (v.near_the_end OR s.shard = ANY (v.shards))
          ORDER BY s.shard FOR NO KEY UPDATE;
        IF v.near_the_end AND EXISTS (
            SELECT FROM unnest(v.shards, v.uses, v.amounts) AS a (shard, uses, amount)
              JOIN coupon_schema.campaign_usage_shards AS s ON s.campaign_id = v.campaign_id AND s.shard = a.shard
             WHERE s.usage_allotment < s.used + a.uses OR s.spend_allotment < s.spent + a.amount)
        THEN
            PERFORM coupon_schema.deal_campaign_limits(v.campaign_id, v.shards, v.uses, v.amounts);
        END IF;
        UPDATE coupon_schema.campaign_usage_shards AS s
           SET used = s.used + a.uses, spent = s.spent + a.amount
          FROM unnest(v.shards, v.uses, v.amounts) AS a (shard, uses, amount)
         WHERE s.campaign_id = v.campaign_id AND s.shard = a.shard;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION coupon_schema.count_campaign_usage(p_campaign_ids bigint[], p_shards smallint[], p_uses bigint[], p_amounts numeric[]) IS 'Counts uses and money, negative when given back, in their shards. Near the end of a limit or budget it takes all shards of the campaign and deals the rest anew, so that the last use is granted and the one after it refused.';
REVOKE EXECUTE ON FUNCTION coupon_schema.count_campaign_usage(p_campaign_ids bigint[], p_shards smallint[], p_uses bigint[], p_amounts numeric[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.count_coupon_usage()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;
COMMENT ON FUNCTION coupon_schema.count_coupon_usage() IS 'AFTER INSERT trigger of coupon_usage_history: the use is counted everywhere, or refused with the name of what refused it: coupon_usage_history_usable, coupons_usage_count_check, campaign_user_usages_limit_check, campaign_user_period_usages_limit_check, campaign_usage_shards_used_check or campaign_usage_shards_spent_check.';
REVOKE EXECUTE ON FUNCTION coupon_schema.count_coupon_usage() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.deal_campaign_limits(p_campaign_id bigint, p_shards smallint[] DEFAULT '{}'::smallint[], p_uses bigint[] DEFAULT '{}'::bigint[], p_amounts numeric[] DEFAULT '{}'::numeric[])
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    WITH asked AS (
        SELECT a.shard, a.uses, a.amount
          FROM unnest(p_shards, p_uses, p_amounts) AS a (shard, uses, amount)
    ), left_over AS (
        SELECT
            g.shard_count,
            g.total_usage_limit IS NOT NULL AS is_limited,
            g.budget_amount IS NOT NULL AS is_budgeted,
            coupon_schema.rounding_unit(g.currency) AS unit,
            g.total_usage_limit - t.used - coalesce((SELECT sum(uses) FROM asked), 0) AS uses,
            trunc((g.budget_amount - t.spent - coalesce((SELECT sum(amount) FROM asked), 0))
                / coupon_schema.rounding_unit(g.currency)) AS units
        FROM coupon_schema.campaigns AS g
        CROSS JOIN LATERAL (
            SELECT sum(s.used) AS used, sum(s.spent) AS spent
              FROM coupon_schema.campaign_usage_shards AS s
             WHERE s.campaign_id = g.id
        ) AS t
        WHERE g.id = p_campaign_id
    )
    UPDATE coupon_schema.campaign_usage_shards AS s
       SET usage_allotment = CASE
               WHEN NOT l.is_limited THEN NULL
               WHEN l.uses < 0 THEN s.usage_allotment
               ELSE s.used + o.uses + div(l.uses, l.shard_count) + (s.shard < mod(l.uses, l.shard_count))::integer
           END,
           spend_allotment = CASE
               WHEN NOT l.is_budgeted THEN NULL
               WHEN l.units < 0 THEN s.spend_allotment
               ELSE s.spent + o.amount
                    + l.unit * (div(l.units, l.shard_count) + (s.shard < mod(l.units, l.shard_count))::integer)
           END
      FROM left_over AS l
     CROSS JOIN LATERAL (
        SELECT i.shard, coalesce(a.uses, 0) AS uses, coalesce(a.amount, 0) AS amount
          FROM generate_series(0, l.shard_count - 1) AS i (shard)
          LEFT JOIN asked AS a ON a.shard = i.shard
     ) AS o
     WHERE s.campaign_id = p_campaign_id AND s.shard = o.shard
    $function$;
COMMENT ON FUNCTION coupon_schema.deal_campaign_limits(p_campaign_id bigint, p_shards smallint[], p_uses bigint[], p_amounts numeric[]) IS 'Deals what is left of a campaign''s limit and budget to its shards in equal parts, those asked for first. Where less is left than asked, allotments stay, and the CHECK will refuse the use. The caller holds all the shards.';
REVOKE EXECUTE ON FUNCTION coupon_schema.deal_campaign_limits(p_campaign_id bigint, p_shards smallint[], p_uses bigint[], p_amounts numeric[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.discount_amount(p_discount_type text, p_discount_value numeric, p_maximum_discount numeric, p_currency text, p_amount numeric)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT least(
        p_amount,
        p_maximum_discount,
        -- Half-up, once, at the end: round() of numeric rounds halves away from zero.
        round(
            CASE p_discount_type WHEN 'PERCENTAGE' THEN p_amount * p_discount_value / 100 ELSE p_discount_value END
            / coupon_schema.rounding_unit(p_currency)) * coupon_schema.rounding_unit(p_currency))
    $function$;
COMMENT ON FUNCTION coupon_schema.discount_amount(p_discount_type text, p_discount_value numeric, p_maximum_discount numeric, p_currency text, p_amount numeric) IS 'What these terms take off an amount: never more than the cap or the amount itself.';
REVOKE EXECUTE ON FUNCTION coupon_schema.discount_amount(p_discount_type text, p_discount_value numeric, p_maximum_discount numeric, p_currency text, p_amount numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.discount_amount(p_discount_type text, p_discount_value numeric, p_maximum_discount numeric, p_currency text, p_amount numeric) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.ensure_all_month_partitions(p_months_ahead integer DEFAULT 3)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_today date := (now() AT TIME ZONE 'UTC')::date;
    v_table text;
    v_made integer := 0;
BEGIN
    IF p_months_ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months ahead must be 0 to 24, not %', p_months_ahead
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR v_table IN
        SELECT c.relname
          FROM pg_partitioned_table AS p
          JOIN pg_class AS c ON c.oid = p.partrelid
         WHERE c.relnamespace = 'coupon_schema'::regnamespace
         ORDER BY c.relname
    LOOP
        v_made := v_made + coupon_schema.ensure_month_partitions(
            v_table, v_today, (v_today + make_interval(months => p_months_ahead + 1))::date);
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION coupon_schema.ensure_all_month_partitions(p_months_ahead integer) IS 'Makes this month''s partitions and those of the months ahead for every partitioned table of the schema; run at each start.';
REVOKE EXECUTE ON FUNCTION coupon_schema.ensure_all_month_partitions(p_months_ahead integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.ensure_all_month_partitions(p_months_ahead integer) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.ensure_month_partitions(p_table text, p_from date, p_until date)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_month date := date_trunc('month', p_from::timestamp)::date;
    v_next date;
    v_partition text;
    v_made integer := 0;
BEGIN
    -- ATTACH of a separate table takes no lock that stops readers or writers of the parent; PARTITION OF would.
    PERFORM pg_advisory_xact_lock(hashtextextended('coupon_schema.' || p_table, 0));
    WHILE v_month < p_until LOOP
        v_next := (v_month + interval '1 month')::date;
        v_partition := p_table || to_char(v_month, '"_"YYYY"_"MM');
        IF to_regclass(format('coupon_schema.%I', v_partition)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE coupon_schema.%I (LIKE coupon_schema.%I INCLUDING ALL EXCLUDING IDENTITY)',
                v_partition, p_table);
            EXECUTE format(
                'ALTER TABLE coupon_schema.%I ATTACH PARTITION coupon_schema.%I FOR VALUES FROM (%L) TO (%L)',
                p_table, v_partition,
                to_char(v_month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(v_next, 'YYYY-MM-DD') || ' 00:00:00+00');
            v_made := v_made + 1;
        END IF;
        v_month := v_next;
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION coupon_schema.ensure_month_partitions(p_table text, p_from date, p_until date) IS 'Makes the missing partitions (UTC months) of one table for [from, until); returns how many it made.';
REVOKE EXECUTE ON FUNCTION coupon_schema.ensure_month_partitions(p_table text, p_from date, p_until date) FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.explain_use(p_coupon_id bigint, p_user_id uuid, p_station_code text, p_fuel_type text, p_amount numeric, p_currency text, p_at timestamp with time zone, p_campaign_id bigint DEFAULT NULL::bigint)
 RETURNS TABLE(campaign_id bigint, campaign_code text, currency text, discount_amount numeric, final_amount numeric, raffle_tickets smallint, raffle_code text, cancellation_policy text, reasons text[])
 LANGUAGE sql
 STABLE ROWS 1
AS $function$
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
    $function$;
COMMENT ON FUNCTION coupon_schema.explain_use(p_coupon_id bigint, p_user_id uuid, p_station_code text, p_fuel_type text, p_amount numeric, p_currency text, p_at timestamp with time zone, p_campaign_id bigint) IS 'What a coupon gives for a purchase, or a campaign as if by a new coupon (p_coupon_id NULL), and every reason why not, in the words of coupon_validation_attempts.result: none is yes. No row: no such coupon. What is NULL is not known yet and not judged; a use gives all. Another currency is STATION_NOT_ELIGIBLE. Weekdays and hours are of the campaign''s zone, wherever the station is. Dry run and use ask this one function; it locks nothing, so the triggers of coupon_usage_history have the last word.';
REVOKE EXECUTE ON FUNCTION coupon_schema.explain_use(p_coupon_id bigint, p_user_id uuid, p_station_code text, p_fuel_type text, p_amount numeric, p_currency text, p_at timestamp with time zone, p_campaign_id bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.explain_use(p_coupon_id bigint, p_user_id uuid, p_station_code text, p_fuel_type text, p_amount numeric, p_currency text, p_at timestamp with time zone, p_campaign_id bigint) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.forget_addresses(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_log text;
    v_first timestamptz;
    v_last timestamptz;
    v_found integer;
    v_count integer := 0;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Two at the same time come one after the other: each looks for what the one before has left.
    PERFORM pg_advisory_xact_lock(hashtextextended('coupon_schema.forget_addresses', 0));
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    FOREACH v_log IN ARRAY ARRAY['coupon_audit_log', 'coupon_validation_attempts']
    LOOP
        -- Looked for again where an erasure took some of what was found. A window of time, and no list of keys: months
        -- that it does not touch are not looked at.
        WHILE v_count < p_limit LOOP
            EXECUTE format(
                'SELECT min(o.created_at), max(o.created_at) '
                '  FROM (SELECT a.created_at FROM coupon_schema.%I AS a '
                '         WHERE a.created_at < now() - interval ''1 year'' '
                '           AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL) '
                '         ORDER BY a.created_at LIMIT $1) AS o', v_log)
               INTO v_first, v_last USING p_limit - v_count;
            EXIT WHEN v_first IS NULL;
            EXECUTE format(
                'UPDATE coupon_schema.%I AS a SET ip_address = NULL, user_agent = NULL '
                ' WHERE a.created_at >= $1 AND a.created_at <= $2 '
                '   AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL)', v_log)
              USING v_first, v_last;
            GET DIAGNOSTICS v_found = ROW_COUNT;
            v_count := v_count + v_found;
        END LOOP;
    END LOOP;
    PERFORM set_config('gasolinera.maintenance', '', true);
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION coupon_schema.forget_addresses(p_limit integer) IS 'Takes addresses and user agents out of p_limit rows that are older than a year, table by table, the oldest first, and out of those of the same moment as the last. Fewer than p_limit: no more are left, whatever else runs. What, who and when stay.';
REVOKE EXECUTE ON FUNCTION coupon_schema.forget_addresses(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.forget_addresses(p_limit integer) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.forget_ended_periods(p_at_most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_count integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 rows at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM coupon_schema.campaign_user_period_usages AS u
     USING (SELECT o.campaign_id, o.user_id, o.period_start FROM coupon_schema.campaign_user_period_usages AS o
             WHERE o.period_start < current_date - 100
             ORDER BY o.period_start LIMIT p_at_most FOR UPDATE SKIP LOCKED) AS old
     WHERE (u.campaign_id, u.user_id, u.period_start) = (old.campaign_id, old.user_id, old.period_start);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION coupon_schema.forget_ended_periods(p_at_most integer) IS 'Deletes counts of periods that began more than 100 days ago, so many at most; returns how many. A month has ended long before that, in every zone, and so has the time in which a redemption can be cancelled.';
REVOKE EXECUTE ON FUNCTION coupon_schema.forget_ended_periods(p_at_most integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.forget_ended_periods(p_at_most integer) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.forget_old_requests(p_at_most integer DEFAULT 10000)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_answers integer;
    v_windows integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 rows at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM coupon_schema.idempotency_keys
     WHERE key_hash IN (
        SELECT key_hash FROM coupon_schema.idempotency_keys
         WHERE created_at < now() - interval '25 hours' ORDER BY created_at LIMIT p_at_most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    DELETE FROM coupon_schema.rate_limits
     WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM coupon_schema.rate_limits
         WHERE window_start < now() - interval '2 days' ORDER BY window_start LIMIT p_at_most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_windows = ROW_COUNT;
    RETURN v_answers + v_windows;
END
$function$;
COMMENT ON FUNCTION coupon_schema.forget_old_requests(p_at_most integer) IS 'Deletes answers older than 25 hours and windows that began two days ago (the longest lasts one), so many of each at most; returns how many.';
REVOKE EXECUTE ON FUNCTION coupon_schema.forget_old_requests(p_at_most integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.forget_old_requests(p_at_most integer) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.forget_person(p_user_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM coupon_schema.erased_users AS u WHERE u.user_id = p_user_id) THEN
        RAISE EXCEPTION 'the account of user % is not erased', p_user_id USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    UPDATE coupon_schema.coupon_validation_attempts AS a
       SET device_id = NULL, latitude = NULL, longitude = NULL,
           -- Of those whose request it was not noted, too; what another one asked for is theirs.
           ip_address = CASE WHEN a.requested_by <> p_user_id::text THEN a.ip_address END,
           user_agent = CASE WHEN a.requested_by <> p_user_id::text THEN a.user_agent END
     WHERE a.user_id = p_user_id
       AND num_nonnulls(a.device_id, a.latitude, a.longitude, a.ip_address, a.user_agent) > 0;
    UPDATE coupon_schema.coupon_validation_attempts AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.requested_by = p_user_id::text AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
    UPDATE coupon_schema.coupon_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.actor = p_user_id::text AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL);
    PERFORM set_config('gasolinera.maintenance', '', true);
END
$function$;
COMMENT ON FUNCTION coupon_schema.forget_person(p_user_id uuid) IS 'Forgets devices, places and addresses of an erased user. References, coupons and uses stay. Again changes nothing; refuses for who is not erased.';
REVOKE EXECUTE ON FUNCTION coupon_schema.forget_person(p_user_id uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.forget_person(p_user_id uuid) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.forget_refused_uses(p_at_most integer DEFAULT 10000)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_count integer;
BEGIN
    IF p_at_most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'at most 1 to 100000 rows at a time, not %', p_at_most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM coupon_schema.refused_uses
     WHERE redemption_reference IN (
        SELECT redemption_reference FROM coupon_schema.refused_uses
         WHERE created_at < now() - interval '90 days' ORDER BY created_at LIMIT p_at_most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION coupon_schema.forget_refused_uses(p_at_most integer) IS 'Deletes refusals older than 90 days, so many at most; returns how many.';
REVOKE EXECUTE ON FUNCTION coupon_schema.forget_refused_uses(p_at_most integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.forget_refused_uses(p_at_most integer) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.has_visible_character(p_text text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT p_text ~ ('[^'
        -- controls, blanks, soft hyphen, joiners, fillers, Braille blank, directions, variation selectors, tags
        '\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F'
        '\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U000E0000-\U000E0FFF'
        ']')
    $function$;
COMMENT ON FUNCTION coupon_schema.has_visible_character(p_text text) IS 'Whether a reader sees anything at all: a name of blanks that take no or some room is none.';
REVOKE EXECUTE ON FUNCTION coupon_schema.has_visible_character(p_text text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.has_visible_character(p_text text) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.is_first_use(p_user_id uuid, p_usage_id bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- Of two that want to be the first the second one looks when the first is there.
    PERFORM pg_advisory_xact_lock(hashtextextended('coupon_schema.first_use ' || p_user_id, 0));
    RETURN NOT EXISTS (
        SELECT FROM coupon_schema.coupon_usage_history AS h
         WHERE h.user_id = p_user_id AND h.restored_at IS NULL AND h.id <> p_usage_id);
END
$function$;
COMMENT ON FUNCTION coupon_schema.is_first_use(p_user_id uuid, p_usage_id bigint) IS 'Whether a use is its user''s only one. Locks the user''s first uses until the transaction ends.';
REVOKE EXECUTE ON FUNCTION coupon_schema.is_first_use(p_user_id uuid, p_usage_id bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.is_plain_set(p_list anyarray)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT coalesce(
        array_ndims(p_list) = 1 AND array_lower(p_list, 1) = 1
        AND cardinality(p_list) = (SELECT count(DISTINCT e) FROM unnest(p_list) AS e), false)
    $function$;
COMMENT ON FUNCTION coupon_schema.is_plain_set(p_list anyarray) IS 'Whether a list has one dimension, begins at 1, and holds everything once and no NULL; an empty one is none.';
REVOKE EXECUTE ON FUNCTION coupon_schema.is_plain_set(p_list anyarray) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.is_plain_set(p_list anyarray) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.is_time_zone(p_name text)
 RETURNS boolean
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT EXISTS (SELECT FROM pg_catalog.pg_timezone_names WHERE name = p_name) $function$;
COMMENT ON FUNCTION coupon_schema.is_time_zone(p_name text) IS 'Whether a name is an IANA zone. AT TIME ZONE alone would take any POSIX string such as XYZ+5.';
REVOKE EXECUTE ON FUNCTION coupon_schema.is_time_zone(p_name text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.is_time_zone(p_name text) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.lock_reference(p_reference text)
 RETURNS void
 LANGUAGE sql
AS $function$ SELECT pg_advisory_xact_lock(hashtextextended('coupon_schema.reference ' || p_reference, 0)) $function$;
COMMENT ON FUNCTION coupon_schema.lock_reference(p_reference text) IS 'Everybody who decides about a redemption waits here first, before any row is locked.';
REVOKE EXECUTE ON FUNCTION coupon_schema.lock_reference(p_reference text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.lock_reference(p_reference text) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.log_campaign_changes()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;
COMMENT ON FUNCTION coupon_schema.log_campaign_changes() IS 'Writes a new campaign with its stations, or the values of one that changed, to the audit log.';
REVOKE EXECUTE ON FUNCTION coupon_schema.log_campaign_changes() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.log_campaign_stations()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;
COMMENT ON FUNCTION coupon_schema.log_campaign_stations() IS 'Writes the stations that joined a campaign, or left it, to the audit log.';
REVOKE EXECUTE ON FUNCTION coupon_schema.log_campaign_stations() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.make_campaign_shards()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO coupon_schema.campaign_usage_shards (campaign_id, shard)
    SELECT n.id, i
      FROM new_campaigns AS n
     CROSS JOIN LATERAL generate_series(0, n.shard_count - 1) AS i;
    PERFORM coupon_schema.deal_campaign_limits(n.id) FROM new_campaigns AS n;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION coupon_schema.make_campaign_shards() IS 'AFTER INSERT trigger: a campaign comes with its shards.';
REVOKE EXECUTE ON FUNCTION coupon_schema.make_campaign_shards() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.next_dense_index()
 RETURNS bigint
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ SELECT nextval('coupon_schema.coupons_dense_index_seq') $function$;
COMMENT ON FUNCTION coupon_schema.next_dense_index() IS 'The dense index of one coupon, which has to be known before it is signed.';
REVOKE EXECUTE ON FUNCTION coupon_schema.next_dense_index() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.next_dense_index() TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.note_revocation_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO coupon_schema.qr_revocation_changes DEFAULT VALUES;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION coupon_schema.note_revocation_change() IS 'AFTER UPDATE trigger: a coupon was suspended, cancelled or released, or its campaign began or ceased to run.';
REVOKE EXECUTE ON FUNCTION coupon_schema.note_revocation_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.period_start(p_period text, p_zone text, p_at timestamp with time zone)
 RETURNS date
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT date_trunc(lower(p_period), p_at AT TIME ZONE p_zone)::date $function$;
COMMENT ON FUNCTION coupon_schema.period_start(p_period text, p_zone text, p_at timestamp with time zone) IS 'The first day of the DAY, WEEK or MONTH of a zone that a moment is in.';
REVOKE EXECUTE ON FUNCTION coupon_schema.period_start(p_period text, p_zone text, p_at timestamp with time zone) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.period_start(p_period text, p_zone text, p_at timestamp with time zone) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.refresh_statistics()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY coupon_schema.coupon_statistics;
    REFRESH MATERIALIZED VIEW CONCURRENTLY coupon_schema.redemption_statistics;
END
$function$;
COMMENT ON FUNCTION coupon_schema.refresh_statistics() IS 'Makes both statistics anew while everybody reads the old ones; two at the same time come one after the other.';
REVOKE EXECUTE ON FUNCTION coupon_schema.refresh_statistics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.refresh_statistics() TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- Retention and erasure run in transactions that say so; a runtime role has no such grant in the first place.
    IF coupon_schema.request_context('maintenance') = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'table %.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$function$;
COMMENT ON FUNCTION coupon_schema.refuse_change() IS 'BEFORE UPDATE OR DELETE OR TRUNCATE statement trigger of append-only tables.';
REVOKE EXECUTE ON FUNCTION coupon_schema.refuse_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.refuse_forged_event()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'action % is written by the change of a campaign alone', NEW.action
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, SCHEMA = TG_TABLE_SCHEMA,
              TABLE = 'coupon_audit_log';
END
$function$;
COMMENT ON FUNCTION coupon_schema.refuse_forged_event() IS 'BEFORE INSERT trigger of coupon_audit_log for the actions that only the trigger of campaigns writes.';
REVOKE EXECUTE ON FUNCTION coupon_schema.refuse_forged_event() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.request_context(p_name text)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT nullif(current_setting('gasolinera.' || p_name, true), '') $function$;
COMMENT ON FUNCTION coupon_schema.request_context(p_name text) IS 'What the application set for this transaction: actor, correlation_id, ip_address, user_agent; NULL when unset.';
REVOKE EXECUTE ON FUNCTION coupon_schema.request_context(p_name text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.request_context(p_name text) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.reserve_dense_indexes(p_count integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;
COMMENT ON FUNCTION coupon_schema.reserve_dense_indexes(p_count integer) IS 'The first of so many dense indexes in a row that nobody else gets. Whoever makes a coupon without an index waits until the transaction ends; one that is rolled back gives them back.';
REVOKE EXECUTE ON FUNCTION coupon_schema.reserve_dense_indexes(p_count integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.reserve_dense_indexes(p_count integer) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.restore_coupon_usage()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;
COMMENT ON FUNCTION coupon_schema.restore_coupon_usage() IS 'AFTER UPDATE trigger of coupon_usage_history: gives restored uses back everywhere. What the campaign''s policy allows is decided by who restores.';
REVOKE EXECUTE ON FUNCTION coupon_schema.restore_coupon_usage() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.restore_use(p_context_names text[], p_context_values text[], p_reference text, p_reason text)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
DECLARE
    v record;
BEGIN
    PERFORM coupon_schema.set_request_context(p_context_names, p_context_values);
    PERFORM coupon_schema.lock_reference(p_reference);
    SELECT h.id, h.restored_at, c.coupon_code, c.valid_until, g.campaign_code, g.cancellation_policy INTO v
      FROM coupon_schema.coupon_usage_history AS h
      JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
      JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
     WHERE h.redemption_reference = p_reference;
    IF NOT FOUND THEN
        INSERT INTO coupon_schema.refused_uses (redemption_reference, reasons)
        VALUES (p_reference, ARRAY['CANCELLED'])
        ON CONFLICT ON CONSTRAINT refused_uses_pk DO NOTHING;
        RETURN 'NEVER_USED';
    END IF;
    IF v.restored_at IS NOT NULL THEN
        RETURN 'RESTORED';
    END IF;
    IF p_reason = 'CANCELLED' AND (
        v.cancellation_policy = 'FORFEIT'
        OR v.cancellation_policy = 'RESTORE_IF_VALID' AND v.valid_until <= now())
    THEN
        RETURN 'FORFEITED';
    END IF;
    UPDATE coupon_schema.coupon_usage_history AS h
       -- now() of a transaction that waited may lie before the use that it waited for.
       SET restored_at = greatest(now(), h.used_at), restore_reason = p_reason,
           restored_by = left(coupon_schema.request_context('actor'), 100)
     WHERE h.id = v.id;
    INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, coupon_code, reason)
    VALUES ('COUPON_RESTORED', v.campaign_code, v.coupon_code, p_reason);
    INSERT INTO coupon_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    VALUES ('coupon.restored', 'coupon', v.coupon_code, jsonb_build_object(
        'coupon_code', v.coupon_code, 'campaign_code', v.campaign_code, 'reference', p_reference,
        'policy', v.cancellation_policy, 'reason', p_reason));
    RETURN 'RESTORED';
END
$function$;
COMMENT ON FUNCTION coupon_schema.restore_use(p_context_names text[], p_context_values text[], p_reference text, p_reason text) IS 'Gives the use of a redemption back: RESTORED, now or before; FORFEITED: a cancellation does not give it back by the campaign''s policy; NEVER_USED: there is no such use, and there will be none.';
REVOKE EXECUTE ON FUNCTION coupon_schema.restore_use(p_context_names text[], p_context_values text[], p_reference text, p_reason text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.restore_use(p_context_names text[], p_context_values text[], p_reference text, p_reason text) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.rounding_unit(p_currency text)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ SELECT CASE p_currency WHEN 'CRC' THEN 1.00 ELSE 0.01 END $function$;
COMMENT ON FUNCTION coupon_schema.rounding_unit(p_currency text) IS 'The smallest amount asked for in a currency: colones are quoted without cents.';
REVOKE EXECUTE ON FUNCTION coupon_schema.rounding_unit(p_currency text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.rounding_unit(p_currency text) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.set_request_context(p_names text[], p_values text[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM set_config('gasolinera.' || c.name, c.value, true) FROM unnest(p_names, p_values) AS c (name, value);
END
$function$;
COMMENT ON FUNCTION coupon_schema.set_request_context(p_names text[], p_values text[]) IS 'Who asks and in which request, for this transaction: so a use needs no statement before it.';
REVOKE EXECUTE ON FUNCTION coupon_schema.set_request_context(p_names text[], p_values text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.set_request_context(p_names text[], p_values text[]) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION coupon_schema.set_updated_at() IS 'BEFORE UPDATE trigger: the row remembers when it was last changed.';
REVOKE EXECUTE ON FUNCTION coupon_schema.set_updated_at() FROM PUBLIC;

CREATE OR REPLACE FUNCTION coupon_schema.use_coupon(p_context_names text[], p_context_values text[], p_reference text, p_coupon_code text, p_user_id uuid, p_station_code text, p_employee_number text, p_fuel_type text, p_amount numeric, p_currency text, p_method text, p_device_id text, p_at timestamp with time zone DEFAULT NULL::timestamp with time zone)
 RETURNS TABLE(reasons text[], discount_amount numeric, final_amount numeric, raffle_tickets integer, raffle_code text)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
DECLARE
    v_coupon record;
    v_used record;
    v_given record;
    v_reasons text[];
    v_constraint text;
    c_most_crowds CONSTANT integer := 20;  -- each is sixteen uses that came between: more than there are connections
    -- A terminal without a connection may have taken it before; never later.
    v_at CONSTANT timestamptz := least(now(), p_at);
BEGIN
    PERFORM coupon_schema.set_request_context(p_context_names, p_context_values);
    IF p_reference IS NOT NULL THEN
        PERFORM coupon_schema.lock_reference(p_reference);
        SELECT h.user_id, h.original_amount, h.currency, h.discount_amount, h.final_amount, h.raffle_tickets,
               h.restored_at, c.coupon_code, g.raffle_code
          INTO v_used
          FROM coupon_schema.coupon_usage_history AS h
          JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
          JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
         WHERE h.redemption_reference = p_reference;
        IF FOUND THEN
            IF (v_used.coupon_code, v_used.user_id, v_used.original_amount, v_used.currency)
                <> (p_coupon_code, p_user_id, p_amount, p_currency)
            THEN
                RAISE EXCEPTION 'redemption % was another use', p_reference USING ERRCODE = 'unique_violation',
                    CONSTRAINT = 'coupon_usage_history_redemption_reference_key', SCHEMA = 'coupon_schema';
            END IF;
            RETURN QUERY
            SELECT CASE WHEN v_used.restored_at IS NULL THEN '{}'::text[] ELSE ARRAY['CANCELLED'] END,
                   v_used.discount_amount, v_used.final_amount, v_used.raffle_tickets::integer, v_used.raffle_code;
            RETURN;
        END IF;
        SELECT r.reasons INTO v_reasons
          FROM coupon_schema.refused_uses AS r WHERE r.redemption_reference = p_reference;
        IF FOUND THEN
            RETURN QUERY SELECT v_reasons, NULL::numeric, NULL::numeric, NULL::integer, NULL::text;
            RETURN;
        END IF;
    END IF;

    -- Locked before it is judged, so that of all who come at once each is judged by what the one before it did.
    IF p_reference IS NULL THEN
        SELECT c.id INTO v_coupon FROM coupon_schema.coupons AS c WHERE c.coupon_code = p_coupon_code;
    ELSE
        SELECT c.id INTO v_coupon
          FROM coupon_schema.coupons AS c WHERE c.coupon_code = p_coupon_code FOR NO KEY UPDATE;
    END IF;
    IF NOT FOUND THEN
        v_reasons := ARRAY['INVALID_CODE'];
    END IF;
    FOR v_crowds IN 1..c_most_crowds LOOP
        EXIT WHEN v_reasons = ARRAY['INVALID_CODE'];
        SELECT e.campaign_code, e.discount_amount, e.final_amount, e.raffle_tickets, e.raffle_code,
               e.cancellation_policy, e.reasons
          INTO v_given
          FROM coupon_schema.explain_use(
                   v_coupon.id, p_user_id, p_station_code, p_fuel_type, p_amount, p_currency, v_at) AS e;
        v_reasons := v_given.reasons;
        EXIT WHEN v_reasons <> '{}' OR p_reference IS NULL;
        BEGIN
            INSERT INTO coupon_schema.coupon_usage_history (
                redemption_reference, coupon_id, user_id, station_code, employee_number, fuel_type, original_amount,
                discount_amount, final_amount, currency, raffle_tickets, taken_at)
            VALUES (
                p_reference, v_coupon.id, p_user_id, p_station_code, p_employee_number, p_fuel_type, p_amount,
                v_given.discount_amount, v_given.final_amount, p_currency, v_given.raffle_tickets,
                CASE WHEN p_at IS NOT NULL THEN v_at END);
        EXCEPTION
        WHEN numeric_value_out_of_range THEN
            IF p_amount >= 10000000000 THEN
                RAISE;
            END IF;
            v_reasons := ARRAY['BUDGET_EXHAUSTED'];  -- more than a shard can count, whatever the budget is
        WHEN check_violation THEN
            GET STACKED DIAGNOSTICS v_constraint = CONSTRAINT_NAME;
            -- A crowd used the shard up after this use had looked at it. The others may have room: judged anew, it
            -- finds that the end is near, and deals what is left or hears that nothing is.
            CONTINUE WHEN v_crowds < c_most_crowds
                AND v_constraint IN ('campaign_usage_shards_used_check', 'campaign_usage_shards_spent_check');
            v_reasons := CASE v_constraint
                WHEN 'campaign_user_usages_limit_check' THEN ARRAY['LIMIT_REACHED']
                WHEN 'campaign_user_period_usages_limit_check' THEN ARRAY['LIMIT_REACHED']
                WHEN 'campaign_usage_shards_used_check' THEN ARRAY['LIMIT_REACHED']
                WHEN 'campaign_usage_shards_spent_check' THEN ARRAY['BUDGET_EXHAUSTED']
                WHEN 'coupons_usage_count_check' THEN ARRAY['ALREADY_USED']
                WHEN 'coupon_usage_history_taken_at_check' THEN ARRAY['TIME_NOT_ELIGIBLE']
                WHEN 'coupon_usage_history_usable' THEN coalesce(
                    (SELECT nullif(e.reasons, '{}')
                       FROM coupon_schema.explain_use(
                                v_coupon.id, p_user_id, p_station_code, p_fuel_type, p_amount, p_currency, now())
                         AS e),
                    (SELECT ARRAY['FUEL_NOT_ELIGIBLE']
                       FROM coupon_schema.campaigns AS g
                      WHERE p_fuel_type IS NULL AND g.campaign_code = v_given.campaign_code
                        AND cardinality(g.fuel_types) < 3),
                    ARRAY['USER_NOT_ELIGIBLE'])
                END;
            IF v_reasons IS NULL THEN
                RAISE;  -- a rule about the values themselves, which the caller broke
            END IF;
        END;
        EXIT;
    END LOOP;

    INSERT INTO coupon_schema.coupon_validation_attempts (
        coupon_id, coupon_code, result, validation_method, user_id, employee_number, station_code, amount, currency,
        device_id, detail)
    VALUES (
        v_coupon.id, CASE WHEN v_coupon.id IS NULL THEN left(p_coupon_code, 100) END,
        coalesce(v_reasons[1], 'SUCCESS'), p_method, p_user_id, p_employee_number, p_station_code, p_amount, p_currency,
        left(p_device_id, 100),
        jsonb_strip_nulls(jsonb_build_object('reference', p_reference, 'reasons', nullif(v_reasons, '{}'))));

    IF v_reasons <> '{}' THEN
        INSERT INTO coupon_schema.refused_uses (redemption_reference, reasons)
        SELECT p_reference, v_reasons WHERE p_reference IS NOT NULL;
        RETURN QUERY SELECT v_reasons, NULL::numeric, NULL::numeric, NULL::integer, NULL::text;
        RETURN;
    END IF;
    IF p_reference IS NOT NULL THEN
        INSERT INTO coupon_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
        VALUES ('coupon.consumed', 'coupon', p_coupon_code, jsonb_build_object(
            'coupon_code', p_coupon_code, 'campaign_code', v_given.campaign_code, 'reference', p_reference,
            'policy', v_given.cancellation_policy, 'station_code', p_station_code, 'user_id', p_user_id));
    END IF;
    RETURN QUERY
    SELECT v_reasons, v_given.discount_amount, v_given.final_amount, v_given.raffle_tickets::integer,
           v_given.raffle_code;
END
$function$;
COMMENT ON FUNCTION coupon_schema.use_coupon(p_context_names text[], p_context_values text[], p_reference text, p_coupon_code text, p_user_id uuid, p_station_code text, p_employee_number text, p_fuel_type text, p_amount numeric, p_currency text, p_method text, p_device_id text, p_at timestamp with time zone) IS 'Uses a coupon for a redemption; without a reference says only what it would give. No reasons: it is used, or would be. Every attempt is recorded, and a decision about a reference is given again. Locks the reference, then the coupon, then what its triggers count. Needs a transaction of its own. p_at: when, if not now, by which its hours are judged and its period is counted, eight days ago at most; what is over by now is refused in any case.';
REVOKE EXECUTE ON FUNCTION coupon_schema.use_coupon(p_context_names text[], p_context_values text[], p_reference text, p_coupon_code text, p_user_id uuid, p_station_code text, p_employee_number text, p_fuel_type text, p_amount numeric, p_currency text, p_method text, p_device_id text, p_at timestamp with time zone) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.use_coupon(p_context_names text[], p_context_values text[], p_reference text, p_coupon_code text, p_user_id uuid, p_station_code text, p_employee_number text, p_fuel_type text, p_amount numeric, p_currency text, p_method text, p_device_id text, p_at timestamp with time zone) TO coupon_app;

CREATE OR REPLACE FUNCTION coupon_schema.withhold_from_erased()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF EXISTS (SELECT FROM coupon_schema.erased_users AS u WHERE u.user_id = NEW.user_id) THEN
        NEW.status := 'CANCELLED';
        NEW.status_reason := 'The account was erased';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION coupon_schema.withhold_from_erased() IS 'BEFORE UPDATE trigger: what an erased person would get, or get back, is cancelled.';
REVOKE EXECUTE ON FUNCTION coupon_schema.withhold_from_erased() FROM PUBLIC;

CREATE TABLE coupon_schema.campaign_stations (
    campaign_id bigint NOT NULL,
    station_code text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT campaign_stations_pk PRIMARY KEY (campaign_id, station_code),
    CONSTRAINT campaign_stations_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text)
);
COMMENT ON TABLE coupon_schema.campaign_stations IS 'The stations of a campaign whose scope is LISTED.';
GRANT DELETE, SELECT ON TABLE coupon_schema.campaign_stations TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.campaign_stations TO coupon_ro;
GRANT INSERT (campaign_id) ON TABLE coupon_schema.campaign_stations TO coupon_app;
GRANT INSERT (station_code) ON TABLE coupon_schema.campaign_stations TO coupon_app;

CREATE INDEX campaign_stations_station_code_idx ON coupon_schema.campaign_stations USING btree (station_code);

CREATE TRIGGER campaign_stations_log_delete AFTER DELETE ON coupon_schema.campaign_stations REFERENCING OLD TABLE AS changed_stations FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.log_campaign_stations();

CREATE TRIGGER campaign_stations_log_insert AFTER INSERT ON coupon_schema.campaign_stations REFERENCING NEW TABLE AS changed_stations FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.log_campaign_stations();

CREATE TABLE coupon_schema.campaign_usage_shards (
    campaign_id bigint NOT NULL,
    shard smallint NOT NULL,
    usage_allotment bigint,
    used bigint DEFAULT 0 NOT NULL,
    spend_allotment numeric(12,2),
    spent numeric(12,2) DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT campaign_usage_shards_pk PRIMARY KEY (campaign_id, shard),
    CONSTRAINT campaign_usage_shards_shard_check CHECK (shard >= 0 AND shard <= 63),
    CONSTRAINT campaign_usage_shards_spend_allotment_check CHECK (spend_allotment >= 0::numeric AND spend_allotment < 'NaN'::numeric),
    CONSTRAINT campaign_usage_shards_spent_check CHECK (spent >= 0::numeric AND spent < 'NaN'::numeric AND spent <= spend_allotment),
    CONSTRAINT campaign_usage_shards_used_check CHECK (used >= 0 AND used <= usage_allotment)
) WITH (fillfactor=50);
COMMENT ON TABLE coupon_schema.campaign_usage_shards IS 'A campaign''s limit and budget, dealt out to shards so that no row is touched by every use. A coupon counts in shard id modulo shard_count, always the same one. The allotments of a campaign sum to its limit and its budget exactly; a shard that runs short makes them be dealt anew. NULL allotment: no limit. Written by triggers alone.';
GRANT SELECT ON TABLE coupon_schema.campaign_usage_shards TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.campaign_usage_shards TO coupon_ro;

CREATE TRIGGER campaign_usage_shards_set_updated_at BEFORE UPDATE ON coupon_schema.campaign_usage_shards FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE TABLE coupon_schema.campaign_user_period_usages (
    campaign_id bigint NOT NULL,
    user_id uuid NOT NULL,
    period_start date NOT NULL,
    used_count integer NOT NULL,
    usage_limit integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT campaign_user_period_usages_limit_check CHECK (used_count <= usage_limit),
    CONSTRAINT campaign_user_period_usages_pk PRIMARY KEY (campaign_id, user_id, period_start),
    CONSTRAINT campaign_user_period_usages_used_count_check CHECK (used_count >= 0)
);
COMMENT ON TABLE coupon_schema.campaign_user_period_usages IS 'How often a user has used a campaign in one of its periods; the CHECK is the limit. Written by triggers alone, and deleted 100 days after the period began.';
GRANT SELECT ON TABLE coupon_schema.campaign_user_period_usages TO coupon_app;
GRANT SELECT (campaign_id) ON TABLE coupon_schema.campaign_user_period_usages TO coupon_ro;
COMMENT ON COLUMN coupon_schema.campaign_user_period_usages.user_id IS 'Personal data: users.public_id. Stays after erasure, when it leads to nobody.';
GRANT SELECT (period_start) ON TABLE coupon_schema.campaign_user_period_usages TO coupon_ro;
GRANT SELECT (used_count) ON TABLE coupon_schema.campaign_user_period_usages TO coupon_ro;
GRANT SELECT (usage_limit) ON TABLE coupon_schema.campaign_user_period_usages TO coupon_ro;
GRANT SELECT (created_at) ON TABLE coupon_schema.campaign_user_period_usages TO coupon_ro;
GRANT SELECT (updated_at) ON TABLE coupon_schema.campaign_user_period_usages TO coupon_ro;

CREATE INDEX campaign_user_period_usages_period_start_idx ON coupon_schema.campaign_user_period_usages USING btree (period_start);

CREATE INDEX campaign_user_period_usages_user_id_idx ON coupon_schema.campaign_user_period_usages USING btree (user_id);

CREATE TRIGGER campaign_user_period_usages_set_updated_at BEFORE UPDATE ON coupon_schema.campaign_user_period_usages FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE TABLE coupon_schema.campaign_user_usages (
    campaign_id bigint NOT NULL,
    user_id uuid NOT NULL,
    used_count integer NOT NULL,
    usage_limit integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT campaign_user_usages_limit_check CHECK (used_count <= usage_limit),
    CONSTRAINT campaign_user_usages_pk PRIMARY KEY (campaign_id, user_id),
    CONSTRAINT campaign_user_usages_used_count_check CHECK (used_count >= 0)
);
COMMENT ON TABLE coupon_schema.campaign_user_usages IS 'How often a user has used a campaign: the row is the lock under which two coupons of one user are counted, and its CHECK is the limit. Written by triggers alone.';
GRANT SELECT ON TABLE coupon_schema.campaign_user_usages TO coupon_app;
GRANT SELECT (campaign_id) ON TABLE coupon_schema.campaign_user_usages TO coupon_ro;
COMMENT ON COLUMN coupon_schema.campaign_user_usages.user_id IS 'Personal data: users.public_id. Stays after erasure, when it leads to nobody.';
GRANT SELECT (used_count) ON TABLE coupon_schema.campaign_user_usages TO coupon_ro;
COMMENT ON COLUMN coupon_schema.campaign_user_usages.usage_limit IS 'The campaign''s limit as of the last use; NULL is no limit.';
GRANT SELECT (usage_limit) ON TABLE coupon_schema.campaign_user_usages TO coupon_ro;
GRANT SELECT (created_at) ON TABLE coupon_schema.campaign_user_usages TO coupon_ro;
GRANT SELECT (updated_at) ON TABLE coupon_schema.campaign_user_usages TO coupon_ro;

CREATE INDEX campaign_user_usages_user_id_idx ON coupon_schema.campaign_user_usages USING btree (user_id);

CREATE TRIGGER campaign_user_usages_set_updated_at BEFORE UPDATE ON coupon_schema.campaign_user_usages FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE TABLE coupon_schema.campaigns (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    campaign_code text NOT NULL,
    name text NOT NULL,
    description text,
    status text DEFAULT 'DRAFT'::text NOT NULL,
    discount_type text NOT NULL,
    discount_value numeric(12,2) NOT NULL,
    maximum_discount numeric(12,2),
    minimum_purchase numeric(12,2) DEFAULT 0 NOT NULL,
    currency text DEFAULT 'MXN'::text NOT NULL,
    time_zone text DEFAULT 'America/Mexico_City'::text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    weekdays smallint[] DEFAULT '{1,2,3,4,5,6,7}'::smallint[] NOT NULL,
    daily_from time without time zone,
    daily_until time without time zone,
    fuel_types text[] DEFAULT '{REGULAR,PREMIUM,DIESEL}'::text[] NOT NULL,
    station_scope text DEFAULT 'ALL'::text NOT NULL,
    audience text DEFAULT 'ALL'::text NOT NULL,
    loyal_after_redemptions integer,
    total_usage_limit bigint,
    per_user_usage_limit integer,
    budget_amount numeric(12,2),
    raffle_tickets_per_coupon smallint DEFAULT 0 NOT NULL,
    raffle_code text,
    cancellation_policy text DEFAULT 'RESTORE_IF_VALID'::text NOT NULL,
    shard_count smallint DEFAULT 16 NOT NULL,
    created_by uuid,
    approved_by uuid,
    approved_at timestamp with time zone,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    per_user_period text,
    per_user_period_limit integer,
    approval_needed_above numeric(12,2) DEFAULT 0 NOT NULL,
    raised_by uuid,
    opens_by_clock boolean DEFAULT false NOT NULL,
    CONSTRAINT campaigns_approval_check CHECK ((num_nulls(approved_by, approved_at) = ANY (ARRAY[0, 2])) AND approved_by <> created_by),
    CONSTRAINT campaigns_approval_needed_above_check CHECK (approval_needed_above >= 0::numeric AND approval_needed_above < 'NaN'::numeric),
    CONSTRAINT campaigns_audience_check CHECK (audience = ANY (ARRAY['ALL'::text, 'NEW'::text, 'LOYAL'::text, 'ASSIGNED'::text])),
    CONSTRAINT campaigns_bounded_check CHECK ((status <> ALL (ARRAY['ACTIVE'::text, 'PAUSED'::text])) OR total_usage_limit IS NOT NULL OR budget_amount IS NOT NULL),
    CONSTRAINT campaigns_budget_amount_check CHECK (budget_amount > 0::numeric AND budget_amount < 'NaN'::numeric),
    CONSTRAINT campaigns_budget_approved_check CHECK (status <> 'ACTIVE'::text AND NOT opens_by_clock OR approved_at IS NOT NULL OR COALESCE(budget_amount <= approval_needed_above, false)),
    CONSTRAINT campaigns_campaign_code_check CHECK (campaign_code ~ '^[A-Z0-9_]{3,50}$'::text),
    CONSTRAINT campaigns_campaign_code_key UNIQUE (campaign_code),
    CONSTRAINT campaigns_cancellation_policy_check CHECK (cancellation_policy = ANY (ARRAY['RESTORE'::text, 'RESTORE_IF_VALID'::text, 'FORFEIT'::text])),
    CONSTRAINT campaigns_code_check CHECK ((discount_value <= 42949672.95 OR discount_value = 'NaN'::numeric) AND valid_from < '2051-11-24 20:15:00+00'::timestamp with time zone),
    CONSTRAINT campaigns_created_by_check CHECK ((status = ANY (ARRAY['DRAFT'::text, 'CANCELLED'::text])) OR created_by IS NOT NULL),
    CONSTRAINT campaigns_currency_check CHECK (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text])),
    CONSTRAINT campaigns_daily_from_check CHECK (daily_from < '24:00:00'::time without time zone),
    CONSTRAINT campaigns_daily_hours_check CHECK ((num_nulls(daily_from, daily_until) = ANY (ARRAY[0, 2])) AND daily_from <> daily_until),
    CONSTRAINT campaigns_description_check CHECK (length(description) >= 1 AND length(description) <= 4000),
    CONSTRAINT campaigns_discount_check CHECK (discount_value > 0::numeric AND discount_value < 'NaN'::numeric AND
CASE discount_type
    WHEN 'PERCENTAGE'::text THEN discount_value <= 100::numeric
    ELSE maximum_discount IS NULL
END),
    CONSTRAINT campaigns_discount_type_check CHECK (discount_type = ANY (ARRAY['PERCENTAGE'::text, 'FIXED_AMOUNT'::text])),
    CONSTRAINT campaigns_fuel_types_check CHECK (cardinality(fuel_types) >= 1 AND cardinality(fuel_types) <= 3 AND fuel_types <@ '{REGULAR,PREMIUM,DIESEL}'::text[] AND coupon_schema.is_plain_set(fuel_types)),
    CONSTRAINT campaigns_id_currency_key UNIQUE (id, currency),
    CONSTRAINT campaigns_loyal_after_redemptions_check CHECK ((audience = 'LOYAL'::text) = (loyal_after_redemptions IS NOT NULL) AND loyal_after_redemptions >= 1 AND loyal_after_redemptions <= 10000),
    CONSTRAINT campaigns_maximum_discount_check CHECK (maximum_discount > 0::numeric AND maximum_discount < 'NaN'::numeric),
    CONSTRAINT campaigns_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT campaigns_minimum_purchase_check CHECK (minimum_purchase >= 0::numeric AND minimum_purchase < 'NaN'::numeric),
    CONSTRAINT campaigns_name_check CHECK (name = btrim(name) AND length(name) >= 1 AND length(name) <= 200 AND coupon_schema.has_visible_character(name)),
    CONSTRAINT campaigns_opens_by_clock_check CHECK (status = 'DRAFT'::text OR NOT opens_by_clock),
    CONSTRAINT campaigns_per_user_period_check CHECK ((num_nulls(per_user_period, per_user_period_limit) = ANY (ARRAY[0, 2])) AND (per_user_period = ANY (ARRAY['DAY'::text, 'WEEK'::text, 'MONTH'::text])) AND per_user_period_limit >= 1 AND per_user_period_limit <= 1000),
    CONSTRAINT campaigns_per_user_usage_limit_check CHECK (per_user_usage_limit >= 1 AND per_user_usage_limit <= 10000),
    CONSTRAINT campaigns_pk PRIMARY KEY (id),
    CONSTRAINT campaigns_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'::text),
    CONSTRAINT campaigns_raffle_tickets_per_coupon_check CHECK (raffle_tickets_per_coupon >= 0 AND raffle_tickets_per_coupon <= 100),
    CONSTRAINT campaigns_raised_by_check CHECK (approved_by <> raised_by),
    CONSTRAINT campaigns_rounding_check CHECK (mod(minimum_purchase, coupon_schema.rounding_unit(currency)) = 0::numeric AND mod(COALESCE(maximum_discount, 0::numeric), coupon_schema.rounding_unit(currency)) = 0::numeric AND mod(COALESCE(budget_amount, 0::numeric), coupon_schema.rounding_unit(currency)) = 0::numeric AND (discount_type = 'PERCENTAGE'::text OR mod(discount_value, coupon_schema.rounding_unit(currency)) = 0::numeric)),
    CONSTRAINT campaigns_shard_count_check CHECK (shard_count >= 1 AND shard_count <= 64),
    CONSTRAINT campaigns_station_scope_check CHECK (station_scope = ANY (ARRAY['ALL'::text, 'LISTED'::text])),
    CONSTRAINT campaigns_status_check CHECK (status = ANY (ARRAY['DRAFT'::text, 'ACTIVE'::text, 'PAUSED'::text, 'COMPLETED'::text, 'CANCELLED'::text])),
    CONSTRAINT campaigns_time_zone_check CHECK (coupon_schema.is_time_zone(time_zone)),
    CONSTRAINT campaigns_total_usage_limit_check CHECK (total_usage_limit >= 1 AND total_usage_limit <= 1000000000),
    CONSTRAINT campaigns_validity_check CHECK (valid_from < valid_until AND isfinite(valid_from) AND isfinite(valid_until)),
    CONSTRAINT campaigns_weekdays_check CHECK (cardinality(weekdays) >= 1 AND cardinality(weekdays) <= 7 AND weekdays <@ '{1,2,3,4,5,6,7}'::smallint[] AND coupon_schema.is_plain_set(weekdays))
);
COMMENT ON TABLE coupon_schema.campaigns IS 'What a coupon gives, where, when and to whom. No use of a coupon updates this row: uses and money are counted in campaign_usage_shards.';
GRANT SELECT ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.campaigns TO coupon_ro;
GRANT INSERT (campaign_code) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (name), UPDATE (name) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (description), UPDATE (description) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (status), UPDATE (status) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (discount_type), UPDATE (discount_type) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.discount_value IS 'Percent (12.50 is 12.5 %) or an amount of the currency.';
GRANT INSERT (discount_value), UPDATE (discount_value) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.maximum_discount IS 'Cap of a percentage; NULL is no cap.';
GRANT INSERT (maximum_discount), UPDATE (maximum_discount) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (minimum_purchase), UPDATE (minimum_purchase) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (currency) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.time_zone IS 'IANA zone of weekdays, hours and periods, at every station: a campaign says one thing everywhere.';
GRANT INSERT (time_zone), UPDATE (time_zone) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (valid_from), UPDATE (valid_from) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.valid_until IS 'The first moment too late: [valid_from, valid_until).';
GRANT INSERT (valid_until), UPDATE (valid_until) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.weekdays IS 'ISO: 1 is Monday, 7 is Sunday.';
GRANT INSERT (weekdays), UPDATE (weekdays) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (daily_from), UPDATE (daily_from) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.daily_until IS '[daily_from, daily_until) of each day, over midnight when it is the smaller one; both NULL is all day.';
GRANT INSERT (daily_until), UPDATE (daily_until) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (fuel_types), UPDATE (fuel_types) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.station_scope IS 'LISTED: the stations of campaign_stations alone. A word of its own, so that removing the last station of a list does not open the campaign everywhere.';
GRANT INSERT (station_scope), UPDATE (station_scope) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.audience IS 'NEW: before the first redemption. LOYAL: after so many. ASSIGNED: only holders whose coupon names them.';
GRANT INSERT (audience), UPDATE (audience) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (loyal_after_redemptions), UPDATE (loyal_after_redemptions) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (total_usage_limit), UPDATE (total_usage_limit) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (per_user_usage_limit), UPDATE (per_user_usage_limit) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (budget_amount), UPDATE (budget_amount) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (raffle_tickets_per_coupon), UPDATE (raffle_tickets_per_coupon) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.raffle_code IS 'The raffle that the tickets go to; NULL leaves the choice to their holder.';
GRANT INSERT (raffle_code), UPDATE (raffle_code) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.cancellation_policy IS 'What a cancelled redemption gives back: the coupon, the coupon unless it has expired, nothing.';
GRANT INSERT (cancellation_policy), UPDATE (cancellation_policy) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.shard_count IS 'Fixed when the campaign is made.';
GRANT INSERT (shard_count) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.created_by IS 'users.public_id of the author; the approver is somebody else.';
GRANT INSERT (created_by) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (approved_by), UPDATE (approved_by) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (approved_at), UPDATE (approved_at) ON TABLE coupon_schema.campaigns TO coupon_app;
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.per_user_period IS 'DAY, WEEK (from Monday) or MONTH of the campaign''s zone; fixed when the campaign has opened.';
GRANT INSERT (per_user_period), UPDATE (per_user_period) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.per_user_period_limit IS 'Uses of one user in one period, at most.';
GRANT INSERT (per_user_period_limit), UPDATE (per_user_period_limit) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.approval_needed_above IS 'The largest budget that opens without a second person, as the settings said when it was last opened.';
GRANT INSERT (approval_needed_above), UPDATE (approval_needed_above) ON TABLE coupon_schema.campaigns TO coupon_app;
COMMENT ON COLUMN coupon_schema.campaigns.raised_by IS 'users.public_id of who last raised the budget, which ends an approval; written by the trigger alone.';
COMMENT ON COLUMN coupon_schema.campaigns.opens_by_clock IS 'A draft that the job opens at valid_from.';
GRANT INSERT (opens_by_clock), UPDATE (opens_by_clock) ON TABLE coupon_schema.campaigns TO coupon_app;

CREATE INDEX campaigns_status_valid_until_idx ON coupon_schema.campaigns USING btree (status, valid_until);

CREATE TRIGGER campaigns_change_limits AFTER UPDATE ON coupon_schema.campaigns FOR EACH ROW WHEN (old.total_usage_limit IS DISTINCT FROM new.total_usage_limit OR old.budget_amount IS DISTINCT FROM new.budget_amount) EXECUTE FUNCTION coupon_schema.change_campaign_limits();

CREATE TRIGGER campaigns_check_change BEFORE UPDATE ON coupon_schema.campaigns FOR EACH ROW EXECUTE FUNCTION coupon_schema.check_campaign_change();

CREATE TRIGGER campaigns_log_insert AFTER INSERT ON coupon_schema.campaigns REFERENCING NEW TABLE AS new_campaigns FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.log_campaign_changes();

CREATE TRIGGER campaigns_log_update AFTER UPDATE ON coupon_schema.campaigns REFERENCING OLD TABLE AS old_campaigns NEW TABLE AS new_campaigns FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.log_campaign_changes();

CREATE TRIGGER campaigns_make_shards AFTER INSERT ON coupon_schema.campaigns REFERENCING NEW TABLE AS new_campaigns FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.make_campaign_shards();

CREATE TRIGGER campaigns_note_revocation AFTER UPDATE ON coupon_schema.campaigns FOR EACH ROW WHEN (old.status <> new.status) EXECUTE FUNCTION coupon_schema.note_revocation_change();

CREATE TRIGGER campaigns_set_updated_at BEFORE UPDATE ON coupon_schema.campaigns FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE TABLE coupon_schema.code_renewals (
    coupon_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT code_renewals_pk PRIMARY KEY (coupon_id)
);
COMMENT ON TABLE coupon_schema.code_renewals IS 'Coupons that got an owner after they were signed: whoever has the key signs them anew, as somebody''s, and deletes the row in that transaction. Who assigns need not have the key.';
GRANT DELETE, SELECT ON TABLE coupon_schema.code_renewals TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.code_renewals TO coupon_ro;
GRANT INSERT (coupon_id), UPDATE (coupon_id) ON TABLE coupon_schema.code_renewals TO coupon_app;

CREATE TABLE coupon_schema.coupon_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    action text NOT NULL,
    campaign_code text,
    coupon_code text,
    reason text,
    old_values jsonb,
    new_values jsonb,
    actor text DEFAULT coupon_schema.request_context('actor'::text),
    correlation_id text DEFAULT coupon_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (coupon_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT "left"(coupon_schema.request_context('user_agent'::text), 500),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT coupon_audit_log_action_check CHECK (action = ANY (ARRAY['CAMPAIGN_CREATED'::text, 'CAMPAIGN_CHANGED'::text, 'COUPONS_ISSUED'::text, 'COUPONS_EXPORTED'::text, 'COUPON_ASSIGNED'::text, 'COUPON_SUSPENDED'::text, 'COUPON_RELEASED'::text, 'COUPON_CANCELLED'::text, 'COUPON_RESTORED'::text])),
    CONSTRAINT coupon_audit_log_actor_check CHECK (length(actor) <= 100),
    CONSTRAINT coupon_audit_log_correlation_id_check CHECK (length(correlation_id) <= 100),
    CONSTRAINT coupon_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT coupon_audit_log_reason_check CHECK (length(reason) >= 1 AND length(reason) <= 500),
    CONSTRAINT coupon_audit_log_subject_check CHECK (campaign_code IS NOT NULL OR coupon_code IS NOT NULL),
    CONSTRAINT coupon_audit_log_user_agent_check CHECK (length(user_agent) <= 500),
    CONSTRAINT coupon_audit_log_values_check CHECK (jsonb_typeof(old_values) = 'object'::text AND jsonb_typeof(new_values) = 'object'::text)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE coupon_schema.coupon_audit_log IS 'Who changed a campaign or a coupon by hand; append-only. The two CAMPAIGN actions are written by the trigger of campaigns and by nothing else.';
GRANT SELECT ON TABLE coupon_schema.coupon_audit_log TO coupon_app;
GRANT SELECT (id) ON TABLE coupon_schema.coupon_audit_log TO coupon_ro;
GRANT INSERT (action) ON TABLE coupon_schema.coupon_audit_log TO coupon_app;
GRANT SELECT (action) ON TABLE coupon_schema.coupon_audit_log TO coupon_ro;
GRANT INSERT (campaign_code) ON TABLE coupon_schema.coupon_audit_log TO coupon_app;
GRANT SELECT (campaign_code) ON TABLE coupon_schema.coupon_audit_log TO coupon_ro;
GRANT INSERT (coupon_code) ON TABLE coupon_schema.coupon_audit_log TO coupon_app;
GRANT INSERT (reason) ON TABLE coupon_schema.coupon_audit_log TO coupon_app;
GRANT SELECT (reason) ON TABLE coupon_schema.coupon_audit_log TO coupon_ro;
GRANT INSERT (old_values) ON TABLE coupon_schema.coupon_audit_log TO coupon_app;
GRANT SELECT (old_values) ON TABLE coupon_schema.coupon_audit_log TO coupon_ro;
GRANT INSERT (new_values) ON TABLE coupon_schema.coupon_audit_log TO coupon_app;
GRANT SELECT (new_values) ON TABLE coupon_schema.coupon_audit_log TO coupon_ro;
GRANT SELECT (actor) ON TABLE coupon_schema.coupon_audit_log TO coupon_ro;
GRANT SELECT (correlation_id) ON TABLE coupon_schema.coupon_audit_log TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_audit_log.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN coupon_schema.coupon_audit_log.user_agent IS 'Personal data: the device that asked.';
GRANT SELECT (created_at) ON TABLE coupon_schema.coupon_audit_log TO coupon_ro;

CREATE INDEX coupon_audit_log_actor_idx ON coupon_schema.coupon_audit_log USING btree (actor) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE INDEX coupon_audit_log_campaign_code_created_at_idx ON coupon_schema.coupon_audit_log USING btree (campaign_code, created_at DESC);

CREATE INDEX coupon_audit_log_with_address_created_at_idx ON coupon_schema.coupon_audit_log USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE TRIGGER coupon_audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON coupon_schema.coupon_audit_log FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.refuse_change();

CREATE TRIGGER coupon_audit_log_not_forged BEFORE INSERT ON coupon_schema.coupon_audit_log FOR EACH ROW WHEN (CURRENT_USER <> 'coupon_owner'::name AND (new.action = ANY (ARRAY['CAMPAIGN_CREATED'::text, 'CAMPAIGN_CHANGED'::text]))) EXECUTE FUNCTION coupon_schema.refuse_forged_event();

CREATE TABLE coupon_schema.coupon_batch_chunks (
    batch_id bigint NOT NULL,
    chunk integer NOT NULL,
    first_dense_index bigint NOT NULL,
    coupon_count integer NOT NULL,
    issued_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT coupon_batch_chunks_chunk_check CHECK (chunk >= 0),
    CONSTRAINT coupon_batch_chunks_coupon_count_check CHECK (coupon_count >= 1 AND coupon_count <= 100000),
    CONSTRAINT coupon_batch_chunks_first_dense_index_check CHECK (first_dense_index >= 0),
    CONSTRAINT coupon_batch_chunks_first_dense_index_key UNIQUE (first_dense_index),
    CONSTRAINT coupon_batch_chunks_pk PRIMARY KEY (batch_id, chunk)
) WITH (fillfactor=70);
COMMENT ON TABLE coupon_schema.coupon_batch_chunks IS 'The parts that a batch is issued in. Whoever issues one holds its row; its coupons and issued_at are written in one transaction, so that a process that dies leaves the chunk as if nobody had begun it.';
GRANT SELECT ON TABLE coupon_schema.coupon_batch_chunks TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.coupon_batch_chunks TO coupon_ro;
GRANT INSERT (batch_id) ON TABLE coupon_schema.coupon_batch_chunks TO coupon_app;
GRANT INSERT (chunk) ON TABLE coupon_schema.coupon_batch_chunks TO coupon_app;
GRANT INSERT (first_dense_index) ON TABLE coupon_schema.coupon_batch_chunks TO coupon_app;
GRANT INSERT (coupon_count) ON TABLE coupon_schema.coupon_batch_chunks TO coupon_app;
GRANT UPDATE (issued_at) ON TABLE coupon_schema.coupon_batch_chunks TO coupon_app;

CREATE INDEX coupon_batch_chunks_open_idx ON coupon_schema.coupon_batch_chunks USING btree (batch_id, chunk) WHERE (issued_at IS NULL);

CREATE TABLE coupon_schema.coupon_batches (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    batch_id uuid DEFAULT gen_random_uuid() NOT NULL,
    campaign_id bigint NOT NULL,
    status text DEFAULT 'ISSUING'::text NOT NULL,
    requested_count integer NOT NULL,
    first_dense_index bigint NOT NULL,
    discount_type text NOT NULL,
    discount_value numeric(12,2) NOT NULL,
    maximum_discount numeric(12,2),
    minimum_purchase numeric(12,2) NOT NULL,
    currency text NOT NULL,
    raffle_tickets smallint NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    max_usage integer DEFAULT 1 NOT NULL,
    created_by text DEFAULT coupon_schema.request_context('actor'::text),
    finished_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT coupon_batches_batch_id_key UNIQUE (batch_id),
    CONSTRAINT coupon_batches_code_check CHECK (discount_value <= 42949672.95 AND valid_from < '2051-11-24 20:15:00+00'::timestamp with time zone),
    CONSTRAINT coupon_batches_created_by_check CHECK (length(created_by) >= 1 AND length(created_by) <= 100),
    CONSTRAINT coupon_batches_dense_index_check CHECK (first_dense_index >= 0 AND (first_dense_index + requested_count) <= '4294967296'::bigint),
    CONSTRAINT coupon_batches_discount_type_check CHECK (discount_type = ANY (ARRAY['PERCENTAGE'::text, 'FIXED_AMOUNT'::text])),
    CONSTRAINT coupon_batches_discount_value_check CHECK (discount_value > 0::numeric AND discount_value < 'NaN'::numeric),
    CONSTRAINT coupon_batches_finished_at_check CHECK ((status = 'ISSUING'::text) = (finished_at IS NULL)),
    CONSTRAINT coupon_batches_first_dense_index_key UNIQUE (first_dense_index),
    CONSTRAINT coupon_batches_max_usage_check CHECK (max_usage >= 1 AND max_usage <= 1000),
    CONSTRAINT coupon_batches_maximum_discount_check CHECK (maximum_discount > 0::numeric AND maximum_discount < 'NaN'::numeric),
    CONSTRAINT coupon_batches_minimum_purchase_check CHECK (minimum_purchase >= 0::numeric AND minimum_purchase < 'NaN'::numeric),
    CONSTRAINT coupon_batches_pk PRIMARY KEY (id),
    CONSTRAINT coupon_batches_raffle_tickets_check CHECK (raffle_tickets >= 0 AND raffle_tickets <= 100),
    CONSTRAINT coupon_batches_requested_count_check CHECK (requested_count >= 1 AND requested_count <= 5000000),
    CONSTRAINT coupon_batches_status_check CHECK (status = ANY (ARRAY['ISSUING'::text, 'COMPLETED'::text, 'CANCELLED'::text])),
    CONSTRAINT coupon_batches_validity_check CHECK (valid_from < valid_until AND isfinite(valid_from) AND isfinite(valid_until))
);
COMMENT ON TABLE coupon_schema.coupon_batches IS 'Coupons asked for at once, with the terms that all of them get, whatever becomes of the campaign meanwhile. Its coupons are those with the dense indexes from first_dense_index on, requested_count of them.';
GRANT SELECT ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.coupon_batches TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_batches.batch_id IS 'What others know the batch by.';
GRANT INSERT (campaign_id) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT UPDATE (status) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT INSERT (requested_count) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT INSERT (first_dense_index) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT INSERT (discount_type) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT INSERT (discount_value) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT INSERT (maximum_discount) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT INSERT (minimum_purchase) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT INSERT (currency) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT INSERT (raffle_tickets) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT INSERT (valid_from) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT INSERT (valid_until) ON TABLE coupon_schema.coupon_batches TO coupon_app;
GRANT INSERT (max_usage) ON TABLE coupon_schema.coupon_batches TO coupon_app;
COMMENT ON COLUMN coupon_schema.coupon_batches.created_by IS 'Personal data: who asked for it.';
GRANT UPDATE (finished_at) ON TABLE coupon_schema.coupon_batches TO coupon_app;

CREATE INDEX coupon_batches_campaign_id_idx ON coupon_schema.coupon_batches USING btree (campaign_id, currency, id);

CREATE INDEX coupon_batches_issuing_idx ON coupon_schema.coupon_batches USING btree (id) WHERE (status = 'ISSUING'::text);

CREATE TRIGGER coupon_batches_set_updated_at BEFORE UPDATE ON coupon_schema.coupon_batches FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE TABLE coupon_schema.coupon_grants (
    campaign_id bigint NOT NULL,
    user_id uuid NOT NULL,
    source text NOT NULL,
    coupon_id bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT coupon_grants_coupon_id_key UNIQUE (coupon_id),
    CONSTRAINT coupon_grants_pk PRIMARY KEY (campaign_id, user_id),
    CONSTRAINT coupon_grants_source_check CHECK (source = ANY (ARRAY['WELCOME'::text, 'LIST'::text, 'OFFER'::text]))
);
COMMENT ON TABLE coupon_schema.coupon_grants IS 'Who is owed a coupon of a campaign: by being new, by a list, or by having taken an offer. The coupon is made and signed by whoever has the key, in the transaction that writes coupon_id.';
GRANT DELETE, SELECT ON TABLE coupon_schema.coupon_grants TO coupon_app;
GRANT INSERT (campaign_id) ON TABLE coupon_schema.coupon_grants TO coupon_app;
GRANT SELECT (campaign_id) ON TABLE coupon_schema.coupon_grants TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_grants.user_id IS 'Personal data: users.public_id. Stays after erasure, when it leads to nobody.';
GRANT INSERT (user_id) ON TABLE coupon_schema.coupon_grants TO coupon_app;
COMMENT ON COLUMN coupon_schema.coupon_grants.source IS 'WELCOME: by being new. LIST: by a list. OFFER: taken by the person; its coupon is good as often as the campaign is for one person.';
GRANT INSERT (source) ON TABLE coupon_schema.coupon_grants TO coupon_app;
GRANT SELECT (source) ON TABLE coupon_schema.coupon_grants TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_grants.coupon_id IS 'NULL until it is issued.';
GRANT UPDATE (coupon_id) ON TABLE coupon_schema.coupon_grants TO coupon_app;
GRANT SELECT (coupon_id) ON TABLE coupon_schema.coupon_grants TO coupon_ro;
GRANT SELECT (created_at) ON TABLE coupon_schema.coupon_grants TO coupon_ro;
GRANT SELECT (updated_at) ON TABLE coupon_schema.coupon_grants TO coupon_ro;

CREATE INDEX coupon_grants_open_idx ON coupon_schema.coupon_grants USING btree (created_at) WHERE (coupon_id IS NULL);

CREATE INDEX coupon_grants_user_id_idx ON coupon_schema.coupon_grants USING btree (user_id);

CREATE TRIGGER coupon_grants_set_updated_at BEFORE UPDATE ON coupon_schema.coupon_grants FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE TABLE coupon_schema.coupon_usage_history (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    redemption_reference text NOT NULL,
    coupon_id bigint NOT NULL,
    user_id uuid NOT NULL,
    station_code text NOT NULL,
    employee_number text,
    fuel_type text,
    original_amount numeric(12,2) NOT NULL,
    discount_amount numeric(12,2) NOT NULL,
    final_amount numeric(12,2) NOT NULL,
    currency text NOT NULL,
    raffle_tickets smallint DEFAULT 0 NOT NULL,
    used_at timestamp with time zone DEFAULT now() NOT NULL,
    restored_at timestamp with time zone,
    restore_reason text,
    restored_by text,
    correlation_id text DEFAULT coupon_schema.request_context('correlation_id'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    taken_at timestamp with time zone,
    CONSTRAINT coupon_usage_history_correlation_id_check CHECK (length(correlation_id) <= 100),
    CONSTRAINT coupon_usage_history_currency_check CHECK (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text])),
    CONSTRAINT coupon_usage_history_discount_amount_check CHECK (discount_amount >= 0::numeric AND discount_amount <= original_amount),
    CONSTRAINT coupon_usage_history_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT coupon_usage_history_final_amount_check CHECK (final_amount = (original_amount - discount_amount)),
    CONSTRAINT coupon_usage_history_fuel_type_check CHECK (fuel_type = ANY (ARRAY['REGULAR'::text, 'PREMIUM'::text, 'DIESEL'::text])),
    CONSTRAINT coupon_usage_history_original_amount_check CHECK (original_amount > 0::numeric AND original_amount < 'NaN'::numeric),
    CONSTRAINT coupon_usage_history_pk PRIMARY KEY (id),
    CONSTRAINT coupon_usage_history_raffle_tickets_check CHECK (raffle_tickets >= 0 AND raffle_tickets <= 100),
    CONSTRAINT coupon_usage_history_redemption_reference_check CHECK (redemption_reference ~ '^[A-Z0-9][A-Z0-9-]{5,49}$'::text),
    CONSTRAINT coupon_usage_history_redemption_reference_key UNIQUE (redemption_reference),
    CONSTRAINT coupon_usage_history_restored_by_check CHECK ((restored_by IS NULL OR restored_at IS NOT NULL) AND length(restored_by) >= 1 AND length(restored_by) <= 100),
    CONSTRAINT coupon_usage_history_restored_check CHECK ((num_nulls(restored_at, restore_reason) = ANY (ARRAY[0, 2])) AND restored_at >= used_at AND (restore_reason = ANY (ARRAY['CANCELLED'::text, 'FAILED'::text, 'ADMINISTRATOR'::text]))),
    CONSTRAINT coupon_usage_history_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT coupon_usage_history_taken_at_check CHECK (taken_at <= used_at AND taken_at >= (used_at - '192:00:00'::interval))
);
COMMENT ON TABLE coupon_schema.coupon_usage_history IS 'Every use of a coupon. An INSERT is the use: triggers lock the coupons in the order of their ids, refuse what cannot be used, and count in coupons, campaign_user_usages and campaign_usage_shards, in that order. Setting restored_at gives the use back. Nothing else of a row ever changes. Use one statement a transaction, with as many coupons as it likes: a second one could wait for somebody who waits for the first. When it was used is the database''s word, not the caller''s.';
GRANT SELECT ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (id) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_usage_history.redemption_reference IS 'The redemption''s transaction reference.';
GRANT INSERT (redemption_reference) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (redemption_reference) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT INSERT (coupon_id) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (coupon_id) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_usage_history.user_id IS 'Personal data: users.public_id of who redeemed. Stays after erasure, when it leads to nobody.';
GRANT INSERT (user_id) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT INSERT (station_code) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (station_code) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_usage_history.employee_number IS 'Personal data: the employee who scanned.';
GRANT INSERT (employee_number) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT INSERT (fuel_type) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (fuel_type) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT INSERT (original_amount) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (original_amount) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT INSERT (discount_amount) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (discount_amount) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT INSERT (final_amount) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (final_amount) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT INSERT (currency) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (currency) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT INSERT (raffle_tickets) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (raffle_tickets) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT SELECT (used_at) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT UPDATE (restored_at) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (restored_at) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT UPDATE (restore_reason) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (restore_reason) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT UPDATE (restored_by) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;
GRANT SELECT (correlation_id) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT SELECT (created_at) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
GRANT SELECT (updated_at) ON TABLE coupon_schema.coupon_usage_history TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_usage_history.taken_at IS 'When a terminal without a connection took it, by which the period of a limit is counted; NULL: as used_at.';
GRANT INSERT (taken_at) ON TABLE coupon_schema.coupon_usage_history TO coupon_app;

CREATE INDEX coupon_usage_history_coupon_id_idx ON coupon_schema.coupon_usage_history USING btree (coupon_id);

CREATE INDEX coupon_usage_history_station_code_used_at_idx ON coupon_schema.coupon_usage_history USING btree (station_code, used_at DESC);

CREATE INDEX coupon_usage_history_user_id_used_at_idx ON coupon_schema.coupon_usage_history USING btree (user_id, used_at DESC);

CREATE TRIGGER coupon_usage_history_count AFTER INSERT ON coupon_schema.coupon_usage_history REFERENCING NEW TABLE AS new_usages FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.count_coupon_usage();

CREATE TRIGGER coupon_usage_history_keep BEFORE DELETE OR TRUNCATE ON coupon_schema.coupon_usage_history FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.refuse_change();

CREATE TRIGGER coupon_usage_history_restore AFTER UPDATE ON coupon_schema.coupon_usage_history REFERENCING OLD TABLE AS old_usages NEW TABLE AS new_usages FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.restore_coupon_usage();

CREATE TRIGGER coupon_usage_history_set_updated_at BEFORE UPDATE ON coupon_schema.coupon_usage_history FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE TABLE coupon_schema.coupon_validation_attempts (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    coupon_id bigint,
    coupon_code text,
    result text NOT NULL,
    validation_method text NOT NULL,
    user_id uuid,
    employee_number text,
    station_code text,
    amount numeric(12,2),
    currency text,
    fraud_score smallint,
    device_id text,
    latitude numeric(8,6),
    longitude numeric(9,6),
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    correlation_id text DEFAULT coupon_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (coupon_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT "left"(coupon_schema.request_context('user_agent'::text), 500),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    requested_by text DEFAULT "left"(coupon_schema.request_context('actor'::text), 100),
    CONSTRAINT coupon_validation_attempts_amount_check CHECK (amount > 0::numeric AND amount < 'NaN'::numeric AND (num_nulls(amount, currency) = ANY (ARRAY[0, 2]))),
    CONSTRAINT coupon_validation_attempts_correlation_id_check CHECK (length(correlation_id) <= 100),
    CONSTRAINT coupon_validation_attempts_coupon_code_check CHECK (length(coupon_code) >= 1 AND length(coupon_code) <= 100),
    CONSTRAINT coupon_validation_attempts_currency_check CHECK (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text])),
    CONSTRAINT coupon_validation_attempts_detail_check CHECK (jsonb_typeof(detail) = 'object'::text),
    CONSTRAINT coupon_validation_attempts_device_id_check CHECK (length(device_id) >= 1 AND length(device_id) <= 100),
    CONSTRAINT coupon_validation_attempts_employee_number_check CHECK (employee_number ~ '^EMP[0-9]{6,15}$'::text),
    CONSTRAINT coupon_validation_attempts_fraud_score_check CHECK (fraud_score >= 0 AND fraud_score <= 100),
    CONSTRAINT coupon_validation_attempts_location_check CHECK ((num_nulls(latitude, longitude) = ANY (ARRAY[0, 2])) AND latitude >= '-90'::integer::numeric AND latitude <= 90::numeric AND longitude >= '-180'::integer::numeric AND longitude <= 180::numeric),
    CONSTRAINT coupon_validation_attempts_pk PRIMARY KEY (id, created_at),
    CONSTRAINT coupon_validation_attempts_requested_by_check CHECK (length(requested_by) >= 1 AND length(requested_by) <= 100),
    CONSTRAINT coupon_validation_attempts_result_check CHECK (result = ANY (ARRAY['SUCCESS'::text, 'INVALID_CODE'::text, 'INVALID_SIGNATURE'::text, 'NOT_YET_VALID'::text, 'EXPIRED'::text, 'ALREADY_USED'::text, 'SUSPENDED'::text, 'CANCELLED'::text, 'CAMPAIGN_NOT_ACTIVE'::text, 'LIMIT_REACHED'::text, 'BUDGET_EXHAUSTED'::text, 'USER_NOT_ELIGIBLE'::text, 'STATION_NOT_ELIGIBLE'::text, 'FUEL_NOT_ELIGIBLE'::text, 'TIME_NOT_ELIGIBLE'::text, 'MINIMUM_NOT_MET'::text, 'RATE_LIMITED'::text, 'FRAUD_DETECTED'::text])),
    CONSTRAINT coupon_validation_attempts_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT coupon_validation_attempts_success_check CHECK (result <> 'SUCCESS'::text OR coupon_id IS NOT NULL),
    CONSTRAINT coupon_validation_attempts_user_agent_check CHECK (length(user_agent) <= 500),
    CONSTRAINT coupon_validation_attempts_validation_method_check CHECK (validation_method = ANY (ARRAY['QR_SCAN'::text, 'MANUAL_ENTRY'::text, 'NFC'::text, 'BARCODE'::text]))
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE coupon_schema.coupon_validation_attempts IS 'Every attempt to validate a coupon, good or bad, for the fraud rules; append-only. Kept 13 months; erasure under maintenance empties device, address, agent and location of a person''s rows.';
GRANT SELECT ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT SELECT (id) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_validation_attempts.coupon_id IS 'The coupon when there is one; no foreign key, which each new partition would have to check.';
GRANT INSERT (coupon_id) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT SELECT (coupon_id) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_validation_attempts.coupon_code IS 'What was typed or scanned, normalised, where no coupon was found.';
GRANT INSERT (coupon_code) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT INSERT (result) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT SELECT (result) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_ro;
GRANT INSERT (validation_method) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT SELECT (validation_method) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_validation_attempts.user_id IS 'Personal data: users.public_id of who tried.';
GRANT INSERT (user_id) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
COMMENT ON COLUMN coupon_schema.coupon_validation_attempts.employee_number IS 'Personal data: the employee who scanned.';
GRANT INSERT (employee_number) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT INSERT (station_code) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT SELECT (station_code) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_ro;
GRANT INSERT (amount) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT SELECT (amount) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_ro;
GRANT INSERT (currency) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT SELECT (currency) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_ro;
GRANT INSERT (fraud_score) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT SELECT (fraud_score) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_validation_attempts.device_id IS 'Personal data: the device that asked.';
GRANT INSERT (device_id) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
COMMENT ON COLUMN coupon_schema.coupon_validation_attempts.latitude IS 'Personal data: where the device said it was.';
GRANT INSERT (latitude) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
COMMENT ON COLUMN coupon_schema.coupon_validation_attempts.longitude IS 'Personal data: where the device said it was.';
GRANT INSERT (longitude) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT INSERT (detail) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_app;
GRANT SELECT (correlation_id) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_validation_attempts.ip_address IS 'Personal data: where the request came from.';
COMMENT ON COLUMN coupon_schema.coupon_validation_attempts.user_agent IS 'Personal data: the device that asked.';
GRANT SELECT (created_at) ON TABLE coupon_schema.coupon_validation_attempts TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupon_validation_attempts.requested_by IS 'Personal data: whose request it was, and so whose address and user agent: users.public_id of customer or employee.';

CREATE INDEX coupon_validation_attempts_coupon_id_created_at_idx ON coupon_schema.coupon_validation_attempts USING btree (coupon_id, created_at DESC) WHERE (coupon_id IS NOT NULL);

CREATE INDEX coupon_validation_attempts_guesses_ip_address_created_at_idx ON coupon_schema.coupon_validation_attempts USING btree (ip_address, created_at DESC) WHERE (result = 'INVALID_CODE'::text);

CREATE INDEX coupon_validation_attempts_requested_by_idx ON coupon_schema.coupon_validation_attempts USING btree (requested_by) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE INDEX coupon_validation_attempts_station_code_created_at_idx ON coupon_schema.coupon_validation_attempts USING btree (station_code, created_at DESC) WHERE (station_code IS NOT NULL);

CREATE INDEX coupon_validation_attempts_user_id_created_at_idx ON coupon_schema.coupon_validation_attempts USING btree (user_id, created_at DESC) WHERE (user_id IS NOT NULL);

CREATE INDEX coupon_validation_attempts_with_address_created_at_idx ON coupon_schema.coupon_validation_attempts USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE TRIGGER coupon_validation_attempts_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON coupon_schema.coupon_validation_attempts FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.refuse_change();

CREATE TABLE coupon_schema.coupons (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    coupon_code text NOT NULL,
    campaign_id bigint NOT NULL,
    user_id uuid,
    status text DEFAULT 'ACTIVE'::text NOT NULL,
    status_reason text,
    discount_type text NOT NULL,
    discount_value numeric(12,2) NOT NULL,
    maximum_discount numeric(12,2),
    minimum_purchase numeric(12,2) DEFAULT 0 NOT NULL,
    currency text NOT NULL,
    raffle_tickets smallint DEFAULT 0 NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    max_usage integer DEFAULT 1 NOT NULL,
    usage_count integer DEFAULT 0 NOT NULL,
    dense_index bigint GENERATED BY DEFAULT AS IDENTITY (MINVALUE 0) NOT NULL,
    qr_key_id smallint,
    qr_payload bytea,
    qr_signature bytea,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT coupons_code_length_check CHECK (length(coupon_code) >= 13),
    CONSTRAINT coupons_coupon_code_check CHECK (coupon_code ~ '^[A-Z0-9]{6,50}$'::text),
    CONSTRAINT coupons_coupon_code_key UNIQUE (coupon_code),
    CONSTRAINT coupons_dense_index_check CHECK (dense_index >= 0 AND dense_index <= '4294967295'::bigint),
    CONSTRAINT coupons_dense_index_key UNIQUE (dense_index),
    CONSTRAINT coupons_discount_check CHECK (discount_value > 0::numeric AND discount_value < 'NaN'::numeric AND
CASE discount_type
    WHEN 'PERCENTAGE'::text THEN discount_value <= 100::numeric
    ELSE maximum_discount IS NULL
END),
    CONSTRAINT coupons_discount_type_check CHECK (discount_type = ANY (ARRAY['PERCENTAGE'::text, 'FIXED_AMOUNT'::text])),
    CONSTRAINT coupons_max_usage_check CHECK (max_usage >= 1 AND max_usage <= 1000),
    CONSTRAINT coupons_maximum_discount_check CHECK (maximum_discount > 0::numeric AND maximum_discount < 'NaN'::numeric),
    CONSTRAINT coupons_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT coupons_minimum_purchase_check CHECK (minimum_purchase >= 0::numeric AND minimum_purchase < 'NaN'::numeric),
    CONSTRAINT coupons_pk PRIMARY KEY (id),
    CONSTRAINT coupons_qr_check CHECK ((num_nulls(qr_key_id, qr_payload, qr_signature) = ANY (ARRAY[0, 3])) AND octet_length(qr_payload) >= 1 AND octet_length(qr_payload) <= 28 AND octet_length(qr_signature) = 64),
    CONSTRAINT coupons_raffle_tickets_check CHECK (raffle_tickets >= 0 AND raffle_tickets <= 100),
    CONSTRAINT coupons_status_check CHECK (status = ANY (ARRAY['ACTIVE'::text, 'USED'::text, 'EXPIRED'::text, 'CANCELLED'::text, 'SUSPENDED'::text])),
    CONSTRAINT coupons_status_reason_check CHECK (length(status_reason) >= 1 AND length(status_reason) <= 500),
    CONSTRAINT coupons_status_usage_count_check CHECK (
CASE status
    WHEN 'USED'::text THEN usage_count = max_usage
    WHEN 'ACTIVE'::text THEN usage_count <> max_usage
    ELSE true
END),
    CONSTRAINT coupons_usage_count_check CHECK (usage_count >= 0 AND usage_count <= max_usage),
    CONSTRAINT coupons_validity_check CHECK (valid_from < valid_until AND isfinite(valid_from) AND isfinite(valid_until)),
    CONSTRAINT coupons_withdrawn_reason_check CHECK ((status <> ALL (ARRAY['CANCELLED'::text, 'SUSPENDED'::text])) OR status_reason IS NOT NULL)
) WITH (fillfactor=90);
COMMENT ON TABLE coupon_schema.coupons IS 'One row a coupon, with the terms it was issued under: a later change of the campaign does not touch it. usage_count and USED are written by the triggers of coupon_usage_history alone. The coupons of an erased person that are still good are cancelled; the reference that stays leads to nobody.';
GRANT SELECT ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (id) ON TABLE coupon_schema.coupons TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupons.coupon_code IS 'Normalised before it gets here and before every look-up. Whoever knows it may hold the coupon.';
GRANT INSERT (coupon_code) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT INSERT (campaign_id) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (campaign_id) ON TABLE coupon_schema.coupons TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupons.user_id IS 'Personal data: users.public_id of the only one who may use it; NULL for whoever holds it.';
GRANT INSERT (user_id), UPDATE (user_id) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT INSERT (status), UPDATE (status) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (status) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT INSERT (status_reason), UPDATE (status_reason) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (status_reason) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT INSERT (discount_type) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (discount_type) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT INSERT (discount_value) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (discount_value) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT INSERT (maximum_discount) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (maximum_discount) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT INSERT (minimum_purchase) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (minimum_purchase) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT INSERT (currency) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (currency) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT INSERT (raffle_tickets) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (raffle_tickets) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT INSERT (valid_from) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (valid_from) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT INSERT (valid_until), UPDATE (valid_until) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (valid_until) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT INSERT (max_usage) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (max_usage) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT SELECT (usage_count) ON TABLE coupon_schema.coupons TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupons.dense_index IS 'Position in the signed revocation bitmap that terminals hold while offline; in the signed QR body.';
GRANT INSERT (dense_index) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (dense_index) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT INSERT (qr_key_id), UPDATE (qr_key_id) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (qr_key_id) ON TABLE coupon_schema.coupons TO coupon_ro;
COMMENT ON COLUMN coupon_schema.coupons.qr_payload IS 'The signed body; NULL until signed, as are key and signature.';
GRANT INSERT (qr_payload), UPDATE (qr_payload) ON TABLE coupon_schema.coupons TO coupon_app;
COMMENT ON COLUMN coupon_schema.coupons.qr_signature IS 'Ed25519 over the domain-separated body.';
GRANT INSERT (qr_signature), UPDATE (qr_signature) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE coupon_schema.coupons TO coupon_app;
GRANT SELECT (created_at) ON TABLE coupon_schema.coupons TO coupon_ro;
GRANT SELECT (updated_at) ON TABLE coupon_schema.coupons TO coupon_ro;

CREATE INDEX coupons_campaign_id_idx ON coupon_schema.coupons USING btree (campaign_id, id);

CREATE INDEX coupons_open_valid_until_idx ON coupon_schema.coupons USING btree (valid_until) WHERE (status = ANY (ARRAY['ACTIVE'::text, 'SUSPENDED'::text]));

CREATE INDEX coupons_qr_key_id_idx ON coupon_schema.coupons USING btree (qr_key_id) WHERE (qr_key_id IS NOT NULL);

CREATE INDEX coupons_revoked_dense_index_idx ON coupon_schema.coupons USING btree (dense_index) WHERE (status = ANY (ARRAY['CANCELLED'::text, 'SUSPENDED'::text]));

CREATE INDEX coupons_user_id_idx ON coupon_schema.coupons USING btree (user_id, valid_until) WHERE (user_id IS NOT NULL);

CREATE TRIGGER coupons_check_change BEFORE UPDATE ON coupon_schema.coupons FOR EACH ROW WHEN (old.status <> new.status) EXECUTE FUNCTION coupon_schema.check_coupon_change();

CREATE TRIGGER coupons_note_revocation AFTER UPDATE ON coupon_schema.coupons FOR EACH ROW WHEN (old.status <> new.status AND ((old.status = ANY (ARRAY['CANCELLED'::text, 'SUSPENDED'::text])) OR (new.status = ANY (ARRAY['CANCELLED'::text, 'SUSPENDED'::text])))) EXECUTE FUNCTION coupon_schema.note_revocation_change();

CREATE TRIGGER coupons_set_updated_at BEFORE UPDATE ON coupon_schema.coupons FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE TRIGGER coupons_withhold_from_erased BEFORE UPDATE OF status, user_id ON coupon_schema.coupons FOR EACH ROW WHEN (new.user_id IS NOT NULL AND (new.status = ANY (ARRAY['ACTIVE'::text, 'SUSPENDED'::text])) AND ((old.status <> ALL (ARRAY['ACTIVE'::text, 'SUSPENDED'::text])) OR old.user_id IS DISTINCT FROM new.user_id)) EXECUTE FUNCTION coupon_schema.withhold_from_erased();

CREATE TABLE coupon_schema.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    event jsonb NOT NULL,
    correlation_id text,
    attempts integer NOT NULL,
    last_error text NOT NULL,
    first_failed_at timestamp with time zone NOT NULL,
    last_failed_at timestamp with time zone NOT NULL,
    replayed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT dead_letters_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT dead_letters_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT dead_letters_attempts_check CHECK (attempts >= 1),
    CONSTRAINT dead_letters_consumer_check CHECK (consumer ~ '^[a-z][a-z0-9_.]{0,99}$'::text),
    CONSTRAINT dead_letters_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT dead_letters_event_check CHECK (jsonb_typeof(event) = 'object'::text),
    CONSTRAINT dead_letters_event_id_consumer_key UNIQUE (event_id, consumer),
    CONSTRAINT dead_letters_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT dead_letters_failed_at_check CHECK (first_failed_at <= last_failed_at),
    CONSTRAINT dead_letters_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT dead_letters_pk PRIMARY KEY (id)
);
COMMENT ON TABLE coupon_schema.dead_letters IS 'Events that a consumer of this service failed at too often, with the reason, until somebody replays them.';
GRANT DELETE, SELECT ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (id) ON TABLE coupon_schema.dead_letters TO coupon_ro;
GRANT INSERT (event_id) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (event_id) ON TABLE coupon_schema.dead_letters TO coupon_ro;
GRANT INSERT (consumer) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (consumer) ON TABLE coupon_schema.dead_letters TO coupon_ro;
GRANT INSERT (event_type) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (event_type) ON TABLE coupon_schema.dead_letters TO coupon_ro;
GRANT INSERT (aggregate_type) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (aggregate_type) ON TABLE coupon_schema.dead_letters TO coupon_ro;
GRANT INSERT (aggregate_key) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (aggregate_key) ON TABLE coupon_schema.dead_letters TO coupon_ro;
COMMENT ON COLUMN coupon_schema.dead_letters.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT INSERT (correlation_id) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (correlation_id) ON TABLE coupon_schema.dead_letters TO coupon_ro;
GRANT INSERT (attempts), UPDATE (attempts) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (attempts) ON TABLE coupon_schema.dead_letters TO coupon_ro;
GRANT INSERT (last_error), UPDATE (last_error) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (last_error) ON TABLE coupon_schema.dead_letters TO coupon_ro;
GRANT INSERT (first_failed_at) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (first_failed_at) ON TABLE coupon_schema.dead_letters TO coupon_ro;
GRANT INSERT (last_failed_at), UPDATE (last_failed_at) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (last_failed_at) ON TABLE coupon_schema.dead_letters TO coupon_ro;
COMMENT ON COLUMN coupon_schema.dead_letters.replayed_at IS 'Set in the transaction of the effect, so that a replay has it once.';
GRANT UPDATE (replayed_at) ON TABLE coupon_schema.dead_letters TO coupon_app;
GRANT SELECT (replayed_at) ON TABLE coupon_schema.dead_letters TO coupon_ro;
GRANT SELECT (created_at) ON TABLE coupon_schema.dead_letters TO coupon_ro;
GRANT SELECT (updated_at) ON TABLE coupon_schema.dead_letters TO coupon_ro;

CREATE INDEX dead_letters_open_id_idx ON coupon_schema.dead_letters USING btree (id) WHERE (replayed_at IS NULL);

CREATE INDEX dead_letters_replayed_at_idx ON coupon_schema.dead_letters USING btree (replayed_at) WHERE (replayed_at IS NOT NULL);

CREATE TRIGGER dead_letters_set_updated_at BEFORE UPDATE ON coupon_schema.dead_letters FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE TABLE coupon_schema.erased_users (
    user_id uuid NOT NULL,
    erased_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT erased_users_pk PRIMARY KEY (user_id)
);
COMMENT ON TABLE coupon_schema.erased_users IS 'Accounts that are no more, as the auth service said: only after them may forget_person clean.';
GRANT SELECT ON TABLE coupon_schema.erased_users TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.erased_users TO coupon_ro;
COMMENT ON COLUMN coupon_schema.erased_users.user_id IS 'Personal data: public id that the account had.';
GRANT INSERT (user_id) ON TABLE coupon_schema.erased_users TO coupon_app;
GRANT INSERT (erased_at) ON TABLE coupon_schema.erased_users TO coupon_app;

CREATE TABLE coupon_schema.idempotency_keys (
    key_hash bytea NOT NULL,
    fingerprint bytea NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_answer_check CHECK (octet_length(answer) >= 1 AND octet_length(answer) <= 1100000),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK (octet_length(fingerprint) = 32),
    CONSTRAINT idempotency_keys_key_hash_check CHECK (octet_length(key_hash) = 32),
    CONSTRAINT idempotency_keys_pk PRIMARY KEY (key_hash),
    CONSTRAINT idempotency_keys_status_check CHECK (status >= 200 AND status <= 499)
);
COMMENT ON TABLE coupon_schema.idempotency_keys IS 'The answer to each request that had an Idempotency-Key, written in the transaction of its effect and given again to a repetition. Not partitioned: a key must be unique. Deleted after a day.';
GRANT SELECT ON TABLE coupon_schema.idempotency_keys TO coupon_app;
COMMENT ON COLUMN coupon_schema.idempotency_keys.key_hash IS 'SHA-256 of who asked, the route and the key, which itself is kept nowhere.';
GRANT INSERT (key_hash) ON TABLE coupon_schema.idempotency_keys TO coupon_app;
GRANT SELECT (key_hash) ON TABLE coupon_schema.idempotency_keys TO coupon_ro;
COMMENT ON COLUMN coupon_schema.idempotency_keys.fingerprint IS 'SHA-256 of method, address and body: a key stands for one request.';
GRANT INSERT (fingerprint) ON TABLE coupon_schema.idempotency_keys TO coupon_app;
GRANT SELECT (fingerprint) ON TABLE coupon_schema.idempotency_keys TO coupon_ro;
GRANT INSERT (status) ON TABLE coupon_schema.idempotency_keys TO coupon_app;
GRANT SELECT (status) ON TABLE coupon_schema.idempotency_keys TO coupon_ro;
COMMENT ON COLUMN coupon_schema.idempotency_keys.answer IS 'Personal data: headers and body, encrypted with a key that only who knows the Idempotency-Key can make again.';
GRANT INSERT (answer) ON TABLE coupon_schema.idempotency_keys TO coupon_app;
GRANT SELECT (created_at) ON TABLE coupon_schema.idempotency_keys TO coupon_ro;

CREATE INDEX idempotency_keys_created_at_idx ON coupon_schema.idempotency_keys USING btree (created_at);

CREATE TABLE coupon_schema.inbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    event jsonb NOT NULL,
    correlation_id text,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    first_failed_at timestamp with time zone,
    last_error text,
    settled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT inbox_events_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT inbox_events_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT inbox_events_attempts_check CHECK (attempts >= 0),
    CONSTRAINT inbox_events_consumer_check CHECK (consumer ~ '^[a-z][a-z0-9_.]{0,99}$'::text),
    CONSTRAINT inbox_events_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT inbox_events_event_check CHECK (jsonb_typeof(event) = 'object'::text),
    CONSTRAINT inbox_events_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT inbox_events_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT inbox_events_pk PRIMARY KEY (event_id, consumer)
);
COMMENT ON TABLE coupon_schema.inbox_events IS 'Events that came in, one row a consumer. Not partitioned: the key makes each event come in once, and settled rows are deleted after their retention, which is longer than any transport repeats an event.';
GRANT DELETE, SELECT ON TABLE coupon_schema.inbox_events TO coupon_app;
COMMENT ON COLUMN coupon_schema.inbox_events.id IS 'The order of arrival, which is the order of delivery within one aggregate.';
GRANT SELECT (id) ON TABLE coupon_schema.inbox_events TO coupon_ro;
GRANT INSERT (event_id) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT SELECT (event_id) ON TABLE coupon_schema.inbox_events TO coupon_ro;
COMMENT ON COLUMN coupon_schema.inbox_events.consumer IS 'The consumer of this service that the event is for.';
GRANT INSERT (consumer) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT SELECT (consumer) ON TABLE coupon_schema.inbox_events TO coupon_ro;
GRANT INSERT (event_type) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT SELECT (event_type) ON TABLE coupon_schema.inbox_events TO coupon_ro;
GRANT INSERT (aggregate_type) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT SELECT (aggregate_type) ON TABLE coupon_schema.inbox_events TO coupon_ro;
GRANT INSERT (aggregate_key) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT SELECT (aggregate_key) ON TABLE coupon_schema.inbox_events TO coupon_ro;
COMMENT ON COLUMN coupon_schema.inbox_events.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT INSERT (correlation_id) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT SELECT (correlation_id) ON TABLE coupon_schema.inbox_events TO coupon_ro;
GRANT UPDATE (attempts) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT SELECT (attempts) ON TABLE coupon_schema.inbox_events TO coupon_ro;
GRANT UPDATE (next_attempt_at) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT SELECT (next_attempt_at) ON TABLE coupon_schema.inbox_events TO coupon_ro;
GRANT UPDATE (first_failed_at) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT SELECT (first_failed_at) ON TABLE coupon_schema.inbox_events TO coupon_ro;
GRANT UPDATE (last_error) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT SELECT (last_error) ON TABLE coupon_schema.inbox_events TO coupon_ro;
COMMENT ON COLUMN coupon_schema.inbox_events.settled_at IS 'Set in the transaction of the effect, or when the event was given up: then dead_letters holds it.';
GRANT UPDATE (settled_at) ON TABLE coupon_schema.inbox_events TO coupon_app;
GRANT SELECT (settled_at) ON TABLE coupon_schema.inbox_events TO coupon_ro;
GRANT SELECT (created_at) ON TABLE coupon_schema.inbox_events TO coupon_ro;

CREATE INDEX inbox_events_settled_at_idx ON coupon_schema.inbox_events USING btree (settled_at) WHERE (settled_at IS NOT NULL);

CREATE INDEX inbox_events_unsettled_aggregate_idx ON coupon_schema.inbox_events USING btree (aggregate_type, aggregate_key, consumer, id) WHERE (settled_at IS NULL);

CREATE INDEX inbox_events_unsettled_id_idx ON coupon_schema.inbox_events USING btree (id) WHERE (settled_at IS NULL);

CREATE TABLE coupon_schema.outbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    payload jsonb NOT NULL,
    schema_version integer DEFAULT 1 NOT NULL,
    correlation_id text DEFAULT coupon_schema.request_context('correlation_id'::text),
    causation_id uuid,
    trace_parent text DEFAULT coupon_schema.request_context('trace_parent'::text),
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    published_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT outbox_events_aggregate_key_check CHECK (length(btrim(aggregate_key)) >= 1 AND length(btrim(aggregate_key)) <= 128),
    CONSTRAINT outbox_events_aggregate_type_check CHECK (aggregate_type ~ '^[a-z][a-z_]{1,49}$'::text),
    CONSTRAINT outbox_events_attempts_check CHECK (attempts >= 0),
    CONSTRAINT outbox_events_correlation_id_check CHECK (length(correlation_id) <= 128),
    CONSTRAINT outbox_events_event_id_key UNIQUE (event_id),
    CONSTRAINT outbox_events_event_type_check CHECK (event_type ~ '^[a-z]+(\.[a-z_]+)+$'::text AND length(event_type) <= 100),
    CONSTRAINT outbox_events_last_error_check CHECK (length(last_error) <= 4000),
    CONSTRAINT outbox_events_payload_check CHECK (jsonb_typeof(payload) = 'object'::text),
    CONSTRAINT outbox_events_pk PRIMARY KEY (id),
    CONSTRAINT outbox_events_schema_version_check CHECK (schema_version >= 1),
    CONSTRAINT outbox_events_trace_parent_check CHECK (trace_parent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'::text)
);
COMMENT ON TABLE coupon_schema.outbox_events IS 'Events to publish as CloudEvents. Not partitioned: published rows are deleted after their retention, and the event id must be unique.';
GRANT DELETE, SELECT ON TABLE coupon_schema.outbox_events TO coupon_app;
COMMENT ON COLUMN coupon_schema.outbox_events.id IS 'The order of delivery within one aggregate. Writers of one aggregate hold its row''s lock, so their ids are in the order of their commits; across aggregates an id may appear late, so a reader asks for published_at IS NULL and never for id > n.';
GRANT SELECT (id) ON TABLE coupon_schema.outbox_events TO coupon_ro;
COMMENT ON COLUMN coupon_schema.outbox_events.event_id IS 'CloudEvents id; the key of the consumers'' inboxes.';
GRANT INSERT (event_id) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (event_id) ON TABLE coupon_schema.outbox_events TO coupon_ro;
COMMENT ON COLUMN coupon_schema.outbox_events.event_type IS 'CloudEvents type, as campaign.changed.';
GRANT INSERT (event_type) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (event_type) ON TABLE coupon_schema.outbox_events TO coupon_ro;
GRANT INSERT (aggregate_type) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (aggregate_type) ON TABLE coupon_schema.outbox_events TO coupon_ro;
COMMENT ON COLUMN coupon_schema.outbox_events.aggregate_key IS 'CloudEvents subject: the public reference of what the event is about.';
GRANT INSERT (aggregate_key) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (aggregate_key) ON TABLE coupon_schema.outbox_events TO coupon_ro;
COMMENT ON COLUMN coupon_schema.outbox_events.payload IS 'Personal data: CloudEvents data; may carry a user''s public id, no phone or name.';
GRANT INSERT (payload) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT INSERT (schema_version) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (schema_version) ON TABLE coupon_schema.outbox_events TO coupon_ro;
GRANT INSERT (correlation_id) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (correlation_id) ON TABLE coupon_schema.outbox_events TO coupon_ro;
GRANT INSERT (causation_id) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (causation_id) ON TABLE coupon_schema.outbox_events TO coupon_ro;
GRANT INSERT (trace_parent) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (trace_parent) ON TABLE coupon_schema.outbox_events TO coupon_ro;
COMMENT ON COLUMN coupon_schema.outbox_events.occurred_at IS 'CloudEvents time.';
GRANT SELECT (occurred_at) ON TABLE coupon_schema.outbox_events TO coupon_ro;
GRANT UPDATE (published_at) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (published_at) ON TABLE coupon_schema.outbox_events TO coupon_ro;
GRANT UPDATE (attempts) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (attempts) ON TABLE coupon_schema.outbox_events TO coupon_ro;
GRANT UPDATE (next_attempt_at) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (next_attempt_at) ON TABLE coupon_schema.outbox_events TO coupon_ro;
GRANT UPDATE (last_error) ON TABLE coupon_schema.outbox_events TO coupon_app;
GRANT SELECT (last_error) ON TABLE coupon_schema.outbox_events TO coupon_ro;
GRANT SELECT (created_at) ON TABLE coupon_schema.outbox_events TO coupon_ro;

CREATE INDEX outbox_events_published_at_idx ON coupon_schema.outbox_events USING btree (published_at) WHERE (published_at IS NOT NULL);

CREATE INDEX outbox_events_unpublished_aggregate_idx ON coupon_schema.outbox_events USING btree (aggregate_type, aggregate_key, id) WHERE (published_at IS NULL);

CREATE INDEX outbox_events_unpublished_id_idx ON coupon_schema.outbox_events USING btree (id) WHERE (published_at IS NULL);

CREATE TABLE coupon_schema.qr_key_endorsements (
    key_id smallint NOT NULL,
    root_public_key bytea NOT NULL,
    signature bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT qr_key_endorsements_pk PRIMARY KEY (key_id, root_public_key),
    CONSTRAINT qr_key_endorsements_root_public_key_check CHECK (octet_length(root_public_key) = 32),
    CONSTRAINT qr_key_endorsements_signature_check CHECK (octet_length(signature) = 64)
);
COMMENT ON TABLE coupon_schema.qr_key_endorsements IS 'What a root key, which is on no host that serves, says of keys of codes: that they are the platform''s. Two roots while terminals go from one to the next.';
GRANT SELECT ON TABLE coupon_schema.qr_key_endorsements TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.qr_key_endorsements TO coupon_ro;
GRANT INSERT (key_id) ON TABLE coupon_schema.qr_key_endorsements TO coupon_app;
GRANT INSERT (root_public_key) ON TABLE coupon_schema.qr_key_endorsements TO coupon_app;
GRANT INSERT (signature) ON TABLE coupon_schema.qr_key_endorsements TO coupon_app;

CREATE TABLE coupon_schema.qr_revocation_changes (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT qr_revocation_changes_pk PRIMARY KEY (id)
);
COMMENT ON TABLE coupon_schema.qr_revocation_changes IS 'A row for each change that the next list must say; whoever makes the list deletes those that it sees. None: the coupons need not be looked at.';
GRANT DELETE, SELECT ON TABLE coupon_schema.qr_revocation_changes TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.qr_revocation_changes TO coupon_ro;

CREATE TABLE coupon_schema.qr_revocation_lists (
    version bigint NOT NULL,
    key_id smallint NOT NULL,
    covered bigint NOT NULL,
    revoked_count bigint NOT NULL,
    content_hash bytea NOT NULL,
    signed_list text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT qr_revocation_lists_content_hash_check CHECK (octet_length(content_hash) = 32),
    CONSTRAINT qr_revocation_lists_covered_check CHECK (covered >= 0 AND covered <= '4294967296'::bigint),
    CONSTRAINT qr_revocation_lists_pk PRIMARY KEY (version),
    CONSTRAINT qr_revocation_lists_revoked_count_check CHECK (revoked_count >= 0 AND revoked_count <= covered),
    CONSTRAINT qr_revocation_lists_signed_list_check CHECK (signed_list ~ '^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$'::text),
    CONSTRAINT qr_revocation_lists_version_check CHECK (version >= 1)
);
COMMENT ON TABLE coupon_schema.qr_revocation_lists IS 'One bit a coupon, by dense index, as terminals get it: compressed and signed. The newest version counts; a few before it stay for whoever asks why a terminal refused a coupon. Made by one process at a time.';
GRANT DELETE, SELECT ON TABLE coupon_schema.qr_revocation_lists TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.qr_revocation_lists TO coupon_ro;
COMMENT ON COLUMN coupon_schema.qr_revocation_lists.version IS 'Counted up without gaps by whoever makes the list, since it is signed with it: terminals never go back.';
GRANT INSERT (version) ON TABLE coupon_schema.qr_revocation_lists TO coupon_app;
GRANT INSERT (key_id) ON TABLE coupon_schema.qr_revocation_lists TO coupon_app;
COMMENT ON COLUMN coupon_schema.qr_revocation_lists.covered IS 'Coupons with a smaller dense index are in the list; later ones were issued after it.';
GRANT INSERT (covered) ON TABLE coupon_schema.qr_revocation_lists TO coupon_app;
GRANT INSERT (revoked_count) ON TABLE coupon_schema.qr_revocation_lists TO coupon_app;
COMMENT ON COLUMN coupon_schema.qr_revocation_lists.content_hash IS 'SHA-256 of the bits, by which a list that says the same as the one before is not made.';
GRANT INSERT (content_hash) ON TABLE coupon_schema.qr_revocation_lists TO coupon_app;
GRANT INSERT (signed_list) ON TABLE coupon_schema.qr_revocation_lists TO coupon_app;

CREATE INDEX qr_revocation_lists_key_id_idx ON coupon_schema.qr_revocation_lists USING btree (key_id);

CREATE TABLE coupon_schema.qr_signing_keys (
    key_id smallint NOT NULL,
    public_key bytea NOT NULL,
    valid_from timestamp with time zone DEFAULT now() NOT NULL,
    retired_at timestamp with time zone,
    revoked_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT qr_signing_keys_key_id_check CHECK (key_id >= 0 AND key_id <= 255),
    CONSTRAINT qr_signing_keys_pk PRIMARY KEY (key_id),
    CONSTRAINT qr_signing_keys_public_key_check CHECK (octet_length(public_key) = 32),
    CONSTRAINT qr_signing_keys_public_key_key UNIQUE (public_key),
    CONSTRAINT qr_signing_keys_retired_at_check CHECK (retired_at > valid_from)
);
COMMENT ON TABLE coupon_schema.qr_signing_keys IS 'Public Ed25519 keys of QR codes; the private ones never come near the database. A retired key signs no more and still verifies; a revoked one does not verify.';
GRANT SELECT ON TABLE coupon_schema.qr_signing_keys TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.qr_signing_keys TO coupon_ro;
COMMENT ON COLUMN coupon_schema.qr_signing_keys.key_id IS 'The byte that a QR code names its key by.';
GRANT INSERT (key_id) ON TABLE coupon_schema.qr_signing_keys TO coupon_app;
GRANT INSERT (public_key) ON TABLE coupon_schema.qr_signing_keys TO coupon_app;
GRANT INSERT (valid_from) ON TABLE coupon_schema.qr_signing_keys TO coupon_app;
GRANT UPDATE (retired_at) ON TABLE coupon_schema.qr_signing_keys TO coupon_app;
GRANT UPDATE (revoked_at) ON TABLE coupon_schema.qr_signing_keys TO coupon_app;

CREATE TRIGGER qr_signing_keys_set_updated_at BEFORE UPDATE ON coupon_schema.qr_signing_keys FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE TABLE coupon_schema.rate_limits (
    limit_name text NOT NULL,
    subject bytea NOT NULL,
    window_s integer NOT NULL,
    window_start timestamp with time zone NOT NULL,
    request_count integer DEFAULT 1 NOT NULL,
    max_requests integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT rate_limits_limit_name_check CHECK (limit_name ~ '^[a-z][a-z0-9_.]{1,49}$'::text),
    CONSTRAINT rate_limits_pk PRIMARY KEY (limit_name, subject, window_s, window_start),
    CONSTRAINT rate_limits_request_count_check CHECK (request_count >= 1 AND request_count <= max_requests),
    CONSTRAINT rate_limits_subject_check CHECK (octet_length(subject) = 32),
    CONSTRAINT rate_limits_window_s_check CHECK (window_s >= 1 AND window_s <= 86400),
    CONSTRAINT rate_limits_window_start_check CHECK (mod(EXTRACT(epoch FROM window_start), window_s::numeric) = 0::numeric)
);
COMMENT ON TABLE coupon_schema.rate_limits IS 'How often something was done in a window of time, for a limit and a subject. All limits of a request are taken by one statement, in the order of the key, so that requests cannot deadlock; a full one is not updated, and the transaction that wanted it rolls back. Deleted a day after the window.';
GRANT SELECT ON TABLE coupon_schema.rate_limits TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.rate_limits TO coupon_ro;
GRANT INSERT (limit_name) ON TABLE coupon_schema.rate_limits TO coupon_app;
COMMENT ON COLUMN coupon_schema.rate_limits.subject IS 'Personal data: SHA-256 of the phone number, address or user that the limit is about.';
GRANT INSERT (subject) ON TABLE coupon_schema.rate_limits TO coupon_app;
GRANT INSERT (window_s) ON TABLE coupon_schema.rate_limits TO coupon_app;
COMMENT ON COLUMN coupon_schema.rate_limits.window_start IS 'A whole multiple of window_s since 1970, so that every process names the same window.';
GRANT INSERT (window_start) ON TABLE coupon_schema.rate_limits TO coupon_app;
GRANT INSERT (request_count), UPDATE (request_count) ON TABLE coupon_schema.rate_limits TO coupon_app;
COMMENT ON COLUMN coupon_schema.rate_limits.max_requests IS 'The limit in force when the window was opened.';
GRANT INSERT (max_requests) ON TABLE coupon_schema.rate_limits TO coupon_app;

CREATE INDEX rate_limits_window_start_idx ON coupon_schema.rate_limits USING btree (window_start);

CREATE TRIGGER rate_limits_set_updated_at BEFORE UPDATE ON coupon_schema.rate_limits FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

CREATE TABLE coupon_schema.refused_uses (
    redemption_reference text NOT NULL,
    reasons text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT refused_uses_pk PRIMARY KEY (redemption_reference),
    CONSTRAINT refused_uses_reasons_check CHECK (cardinality(reasons) >= 1 AND cardinality(reasons) <= 20),
    CONSTRAINT refused_uses_redemption_reference_check CHECK (redemption_reference ~ '^[A-Z0-9][A-Z0-9-]{5,49}$'::text)
);
COMMENT ON TABLE coupon_schema.refused_uses IS 'References that were refused or taken back before they came: a repetition, or one that comes late, finds the same answer, although the coupon may be good again meanwhile. Deleted after 90 days, when nobody asks any more.';
GRANT SELECT ON TABLE coupon_schema.refused_uses TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.refused_uses TO coupon_ro;
GRANT INSERT (redemption_reference) ON TABLE coupon_schema.refused_uses TO coupon_app;
GRANT INSERT (reasons) ON TABLE coupon_schema.refused_uses TO coupon_app;

CREATE INDEX refused_uses_created_at_idx ON coupon_schema.refused_uses USING btree (created_at);

CREATE TABLE coupon_schema.welcome_campaigns (
    campaign_id bigint NOT NULL,
    created_by text DEFAULT coupon_schema.request_context('actor'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT welcome_campaigns_created_by_check CHECK (length(created_by) >= 1 AND length(created_by) <= 100),
    CONSTRAINT welcome_campaigns_pk PRIMARY KEY (campaign_id)
);
COMMENT ON TABLE coupon_schema.welcome_campaigns IS 'The campaigns of which every new user gets a coupon while they run.';
GRANT DELETE, SELECT ON TABLE coupon_schema.welcome_campaigns TO coupon_app;
GRANT INSERT (campaign_id) ON TABLE coupon_schema.welcome_campaigns TO coupon_app;
GRANT SELECT (campaign_id) ON TABLE coupon_schema.welcome_campaigns TO coupon_ro;
COMMENT ON COLUMN coupon_schema.welcome_campaigns.created_by IS 'Personal data: who decided it.';
GRANT SELECT (created_at) ON TABLE coupon_schema.welcome_campaigns TO coupon_ro;

CREATE MATERIALIZED VIEW coupon_schema.coupon_statistics AS
 SELECT g.id AS campaign_id,
    COALESCE(c.coupons, 0::bigint) AS coupons,
    COALESCE(c.active, 0::bigint) AS active,
    COALESCE(c.used, 0::bigint) AS used,
    COALESCE(c.expired, 0::bigint) AS expired,
    COALESCE(c.cancelled, 0::bigint) AS cancelled,
    COALESCE(c.suspended, 0::bigint) AS suspended,
    COALESCE(c.assigned, 0::bigint) AS assigned,
    COALESCE(c.redeemed, 0::bigint) AS redeemed,
    COALESCE(u.users, 0::bigint) AS users,
    now() AS refreshed_at
   FROM coupon_schema.campaigns g
     LEFT JOIN ( SELECT k.campaign_id,
            count(*) AS coupons,
            count(*) FILTER (WHERE k.status = 'ACTIVE'::text) AS active,
            count(*) FILTER (WHERE k.status = 'USED'::text) AS used,
            count(*) FILTER (WHERE k.status = 'EXPIRED'::text) AS expired,
            count(*) FILTER (WHERE k.status = 'CANCELLED'::text) AS cancelled,
            count(*) FILTER (WHERE k.status = 'SUSPENDED'::text) AS suspended,
            count(k.user_id) AS assigned,
            count(*) FILTER (WHERE k.usage_count > 0) AS redeemed
           FROM coupon_schema.coupons k
          GROUP BY k.campaign_id) c ON c.campaign_id = g.id
     LEFT JOIN ( SELECT n.campaign_id,
            count(*) AS users
           FROM coupon_schema.campaign_user_usages n
          WHERE n.used_count > 0
          GROUP BY n.campaign_id) u ON u.campaign_id = g.id;
COMMENT ON MATERIALIZED VIEW coupon_schema.coupon_statistics IS 'One row a campaign: its coupons by state, how many were redeemed and not given back, by how many users. As of the last refresh.';
GRANT SELECT ON TABLE coupon_schema.coupon_statistics TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.coupon_statistics TO coupon_ro;

CREATE UNIQUE INDEX coupon_statistics_campaign_id_idx ON coupon_schema.coupon_statistics USING btree (campaign_id);

CREATE MATERIALIZED VIEW coupon_schema.redemption_statistics AS
 SELECT c.campaign_id,
    (h.used_at AT TIME ZONE g.time_zone)::date AS day,
    h.station_code,
    count(*) FILTER (WHERE h.restored_at IS NULL) AS redemptions,
    count(h.restored_at) AS restored,
    COALESCE(sum(h.original_amount) FILTER (WHERE h.restored_at IS NULL), 0::numeric) AS original_amount,
    COALESCE(sum(h.discount_amount) FILTER (WHERE h.restored_at IS NULL), 0::numeric) AS discount_amount,
    COALESCE(sum(h.final_amount) FILTER (WHERE h.restored_at IS NULL), 0::numeric) AS final_amount,
    COALESCE(sum(h.raffle_tickets) FILTER (WHERE h.restored_at IS NULL), 0::bigint) AS raffle_tickets
   FROM coupon_schema.coupon_usage_history h
     JOIN coupon_schema.coupons c ON c.id = h.coupon_id
     JOIN coupon_schema.campaigns g ON g.id = c.campaign_id
  GROUP BY c.campaign_id, ((h.used_at AT TIME ZONE g.time_zone)::date), h.station_code;
COMMENT ON MATERIALIZED VIEW coupon_schema.redemption_statistics IS 'Uses of a campaign''s coupons by day of its zone and by station; those given back are counted apart and are in no amount. As of the last refresh.';
GRANT SELECT ON TABLE coupon_schema.redemption_statistics TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.redemption_statistics TO coupon_ro;

CREATE UNIQUE INDEX redemption_statistics_campaign_id_day_station_code_idx ON coupon_schema.redemption_statistics USING btree (campaign_id, day, station_code);

CREATE VIEW coupon_schema.active_campaigns WITH (security_invoker=true) AS
 SELECT id,
    campaign_code,
    name,
    discount_type,
    discount_value,
    maximum_discount,
    minimum_purchase,
    currency,
    time_zone,
    valid_from,
    valid_until
   FROM coupon_schema.campaigns
  WHERE status = 'ACTIVE'::text AND valid_from <= now() AND now() < valid_until;
COMMENT ON VIEW coupon_schema.active_campaigns IS 'Campaigns running now; weekday and hour are for whoever knows the station''s zone.';
GRANT SELECT ON TABLE coupon_schema.active_campaigns TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.active_campaigns TO coupon_ro;

CREATE VIEW coupon_schema.available_coupons WITH (security_invoker=true) AS
 SELECT c.id,
    c.coupon_code,
    c.user_id,
    g.campaign_code,
    c.discount_type,
    c.discount_value,
    c.maximum_discount,
    c.minimum_purchase,
    c.currency,
    c.raffle_tickets,
    c.valid_until,
    c.max_usage - c.usage_count AS uses_left
   FROM coupon_schema.coupons c
     JOIN coupon_schema.campaigns g ON g.id = c.campaign_id
  WHERE c.status = 'ACTIVE'::text AND c.valid_from <= now() AND now() < c.valid_until AND g.status = 'ACTIVE'::text;
COMMENT ON VIEW coupon_schema.available_coupons IS 'Coupons that could be used now.';
GRANT SELECT ON TABLE coupon_schema.available_coupons TO coupon_app;

CREATE VIEW coupon_schema.campaign_summary AS
 SELECT g.id AS campaign_id,
    g.campaign_code,
    g.name,
    g.status,
    g.currency,
    COALESCE(k.coupons, 0::bigint) AS coupons,
    COALESCE(k.active, 0::bigint) AS active_coupons,
    COALESCE(k.used, 0::bigint) AS used_coupons,
    COALESCE(k.expired, 0::bigint) AS expired_coupons,
    COALESCE(k.cancelled, 0::bigint) AS cancelled_coupons,
    COALESCE(k.suspended, 0::bigint) AS suspended_coupons,
    COALESCE(k.assigned, 0::bigint) AS assigned_coupons,
    COALESCE(k.users, 0::bigint) AS users,
    COALESCE(r.redemptions, 0::numeric)::bigint AS redemptions,
    COALESCE(r.restored, 0::numeric)::bigint AS restored,
    COALESCE(r.original_amount, 0::numeric) AS original_amount,
    COALESCE(r.discount_amount, 0::numeric) AS discount_amount,
    COALESCE(r.final_amount, 0::numeric) AS final_amount,
    COALESCE(r.raffle_tickets, 0::numeric)::bigint AS raffle_tickets,
    round(r.discount_amount / NULLIF(r.redemptions, 0::numeric), 2) AS average_discount,
    round(100.0 * k.redeemed::numeric / NULLIF(k.coupons, 0)::numeric, 1) AS redeemed_coupons_percent,
    k.refreshed_at
   FROM coupon_schema.campaigns g
     LEFT JOIN coupon_schema.coupon_statistics k ON k.campaign_id = g.id
     LEFT JOIN ( SELECT d.campaign_id,
            sum(d.redemptions) AS redemptions,
            sum(d.restored) AS restored,
            sum(d.original_amount) AS original_amount,
            sum(d.discount_amount) AS discount_amount,
            sum(d.final_amount) AS final_amount,
            sum(d.raffle_tickets) AS raffle_tickets
           FROM coupon_schema.redemption_statistics d
          GROUP BY d.campaign_id) r ON r.campaign_id = g.id;
COMMENT ON VIEW coupon_schema.campaign_summary IS 'Each campaign in figures, from the two statistics; refreshed_at NULL: made since the last refresh.';
GRANT SELECT ON TABLE coupon_schema.campaign_summary TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.campaign_summary TO coupon_ro;

CREATE VIEW coupon_schema.campaign_usage WITH (security_invoker=true) AS
 SELECT g.id AS campaign_id,
    g.campaign_code,
    g.total_usage_limit,
    t.used,
    g.budget_amount,
    t.spent,
    g.currency
   FROM coupon_schema.campaigns g
     CROSS JOIN LATERAL ( SELECT sum(s.used)::bigint AS used,
            sum(s.spent) AS spent
           FROM coupon_schema.campaign_usage_shards s
          WHERE s.campaign_id = g.id) t;
COMMENT ON VIEW coupon_schema.campaign_usage IS 'Uses and money of each campaign: the shards, summed.';
GRANT SELECT ON TABLE coupon_schema.campaign_usage TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.campaign_usage TO coupon_ro;

CREATE VIEW coupon_schema.coupon_batch_progress WITH (security_invoker=true) AS
 SELECT b.id,
    b.batch_id,
    g.campaign_code,
    b.status,
    b.requested_count,
    n.issued_count,
    b.first_dense_index,
    b.valid_from,
    b.valid_until,
    b.max_usage,
    b.created_at,
    b.finished_at
   FROM coupon_schema.coupon_batches b
     JOIN coupon_schema.campaigns g ON g.id = b.campaign_id
     CROSS JOIN LATERAL ( SELECT COALESCE(sum(c.coupon_count) FILTER (WHERE c.issued_at IS NOT NULL), 0::bigint)::integer AS issued_count
           FROM coupon_schema.coupon_batch_chunks c
          WHERE c.batch_id = b.id) n;
COMMENT ON VIEW coupon_schema.coupon_batch_progress IS 'How far each batch is.';
GRANT SELECT ON TABLE coupon_schema.coupon_batch_progress TO coupon_app;
GRANT SELECT ON TABLE coupon_schema.coupon_batch_progress TO coupon_ro;

ALTER TABLE coupon_schema.campaign_stations ADD CONSTRAINT campaign_stations_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES coupon_schema.campaigns(id) ON DELETE CASCADE;

ALTER TABLE coupon_schema.campaign_usage_shards ADD CONSTRAINT campaign_usage_shards_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES coupon_schema.campaigns(id) ON DELETE CASCADE;

ALTER TABLE coupon_schema.campaign_user_period_usages ADD CONSTRAINT campaign_user_period_usages_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES coupon_schema.campaigns(id) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.campaign_user_usages ADD CONSTRAINT campaign_user_usages_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES coupon_schema.campaigns(id) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.code_renewals ADD CONSTRAINT code_renewals_coupon_id_fk FOREIGN KEY (coupon_id) REFERENCES coupon_schema.coupons(id) ON DELETE CASCADE;

ALTER TABLE coupon_schema.coupon_batch_chunks ADD CONSTRAINT coupon_batch_chunks_batch_id_fk FOREIGN KEY (batch_id) REFERENCES coupon_schema.coupon_batches(id) ON DELETE CASCADE;

ALTER TABLE coupon_schema.coupon_batches ADD CONSTRAINT coupon_batches_campaign_id_fk FOREIGN KEY (campaign_id, currency) REFERENCES coupon_schema.campaigns(id, currency) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.coupon_grants ADD CONSTRAINT coupon_grants_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES coupon_schema.campaigns(id) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.coupon_grants ADD CONSTRAINT coupon_grants_coupon_id_fk FOREIGN KEY (coupon_id) REFERENCES coupon_schema.coupons(id) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.coupon_usage_history ADD CONSTRAINT coupon_usage_history_coupon_id_fk FOREIGN KEY (coupon_id) REFERENCES coupon_schema.coupons(id) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.coupons ADD CONSTRAINT coupons_campaign_id_fk FOREIGN KEY (campaign_id, currency) REFERENCES coupon_schema.campaigns(id, currency) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.coupons ADD CONSTRAINT coupons_qr_key_id_fk FOREIGN KEY (qr_key_id) REFERENCES coupon_schema.qr_signing_keys(key_id) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.qr_key_endorsements ADD CONSTRAINT qr_key_endorsements_key_id_fk FOREIGN KEY (key_id) REFERENCES coupon_schema.qr_signing_keys(key_id) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.qr_revocation_lists ADD CONSTRAINT qr_revocation_lists_key_id_fk FOREIGN KEY (key_id) REFERENCES coupon_schema.qr_signing_keys(key_id) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.welcome_campaigns ADD CONSTRAINT welcome_campaigns_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES coupon_schema.campaigns(id) ON DELETE CASCADE;

RESET ROLE;
