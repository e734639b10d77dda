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
                WHEN u.original_amount < c.minimum_purchase THEN 'the purchase is below ' || c.minimum_purchase
                WHEN u.discount_amount > coupon_schema.discount_amount(
                    c.discount_type, c.discount_value, c.maximum_discount, c.currency, u.original_amount)
                    THEN 'the discount is more than its terms give'
                WHEN u.raffle_tickets > c.raffle_tickets THEN 'it gives ' || c.raffle_tickets || ' raffle tickets'
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
COMMENT ON FUNCTION coupon_schema.count_coupon_usage() IS 'AFTER INSERT trigger of coupon_usage_history: the use is counted everywhere, or refused with the name of what refused it: coupon_usage_history_usable, coupons_usage_count_check, campaign_user_usages_limit_check, campaign_usage_shards_used_check or campaign_usage_shards_spent_check.';
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

CREATE OR REPLACE FUNCTION coupon_schema.log_campaign_changes()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code, new_values)
        SELECT 'CAMPAIGN_CREATED', n.campaign_code, to_jsonb(n) - '{id,created_at,updated_at}'::text[]
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
COMMENT ON FUNCTION coupon_schema.log_campaign_changes() IS 'Writes a new campaign, or the values of one that changed, to the audit log.';
REVOKE EXECUTE ON FUNCTION coupon_schema.log_campaign_changes() FROM PUBLIC;

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

CREATE OR REPLACE FUNCTION coupon_schema.rounding_unit(p_currency text)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ SELECT CASE p_currency WHEN 'CRC' THEN 1.00 ELSE 0.01 END $function$;
COMMENT ON FUNCTION coupon_schema.rounding_unit(p_currency text) IS 'The smallest amount asked for in a currency: colones are quoted without cents.';
REVOKE EXECUTE ON FUNCTION coupon_schema.rounding_unit(p_currency text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coupon_schema.rounding_unit(p_currency text) TO coupon_app;

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
    CONSTRAINT campaigns_approval_check CHECK ((num_nulls(approved_by, approved_at) = ANY (ARRAY[0, 2])) AND approved_by <> created_by),
    CONSTRAINT campaigns_approved_check CHECK ((status = ANY (ARRAY['DRAFT'::text, 'CANCELLED'::text])) OR approved_at IS NOT NULL AND created_by IS NOT NULL),
    CONSTRAINT campaigns_audience_check CHECK (audience = ANY (ARRAY['ALL'::text, 'NEW'::text, 'LOYAL'::text, 'ASSIGNED'::text])),
    CONSTRAINT campaigns_bounded_check CHECK ((status <> ALL (ARRAY['ACTIVE'::text, 'PAUSED'::text])) OR total_usage_limit IS NOT NULL OR budget_amount IS NOT NULL),
    CONSTRAINT campaigns_budget_amount_check CHECK (budget_amount > 0::numeric AND budget_amount < 'NaN'::numeric),
    CONSTRAINT campaigns_campaign_code_check CHECK (campaign_code ~ '^[A-Z0-9_]{3,50}$'::text),
    CONSTRAINT campaigns_campaign_code_key UNIQUE (campaign_code),
    CONSTRAINT campaigns_cancellation_policy_check CHECK (cancellation_policy = ANY (ARRAY['RESTORE'::text, 'RESTORE_IF_VALID'::text, 'FORFEIT'::text])),
    CONSTRAINT campaigns_currency_check CHECK (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text])),
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
    CONSTRAINT campaigns_per_user_usage_limit_check CHECK (per_user_usage_limit >= 1 AND per_user_usage_limit <= 10000),
    CONSTRAINT campaigns_pk PRIMARY KEY (id),
    CONSTRAINT campaigns_raffle_code_check CHECK (raffle_code ~ '^[A-Z0-9][A-Z0-9-]{2,49}$'::text),
    CONSTRAINT campaigns_raffle_tickets_per_coupon_check CHECK (raffle_tickets_per_coupon >= 0 AND raffle_tickets_per_coupon <= 100),
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
COMMENT ON COLUMN coupon_schema.campaigns.time_zone IS 'IANA zone of weekdays and hours, unless the station has its own.';
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

CREATE INDEX campaigns_status_valid_until_idx ON coupon_schema.campaigns USING btree (status, valid_until);

CREATE TRIGGER campaigns_change_limits AFTER UPDATE ON coupon_schema.campaigns FOR EACH ROW WHEN (old.total_usage_limit IS DISTINCT FROM new.total_usage_limit OR old.budget_amount IS DISTINCT FROM new.budget_amount) EXECUTE FUNCTION coupon_schema.change_campaign_limits();

CREATE TRIGGER campaigns_check_change BEFORE UPDATE ON coupon_schema.campaigns FOR EACH ROW EXECUTE FUNCTION coupon_schema.check_campaign_change();

CREATE TRIGGER campaigns_log_insert AFTER INSERT ON coupon_schema.campaigns REFERENCING NEW TABLE AS new_campaigns FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.log_campaign_changes();

CREATE TRIGGER campaigns_log_update AFTER UPDATE ON coupon_schema.campaigns REFERENCING OLD TABLE AS old_campaigns NEW TABLE AS new_campaigns FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.log_campaign_changes();

CREATE TRIGGER campaigns_make_shards AFTER INSERT ON coupon_schema.campaigns REFERENCING NEW TABLE AS new_campaigns FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.make_campaign_shards();

CREATE TRIGGER campaigns_set_updated_at BEFORE UPDATE ON coupon_schema.campaigns FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

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

CREATE INDEX coupon_audit_log_campaign_code_created_at_idx ON coupon_schema.coupon_audit_log USING btree (campaign_code, created_at DESC);

CREATE TRIGGER coupon_audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON coupon_schema.coupon_audit_log FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.refuse_change();

CREATE TRIGGER coupon_audit_log_not_forged BEFORE INSERT ON coupon_schema.coupon_audit_log FOR EACH ROW WHEN (CURRENT_USER <> 'coupon_owner'::name AND (new.action = ANY (ARRAY['CAMPAIGN_CREATED'::text, 'CAMPAIGN_CHANGED'::text]))) EXECUTE FUNCTION coupon_schema.refuse_forged_event();

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
    CONSTRAINT coupon_usage_history_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text)
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

CREATE INDEX coupon_validation_attempts_coupon_id_created_at_idx ON coupon_schema.coupon_validation_attempts USING btree (coupon_id, created_at DESC) WHERE (coupon_id IS NOT NULL);

CREATE INDEX coupon_validation_attempts_guesses_ip_address_created_at_idx ON coupon_schema.coupon_validation_attempts USING btree (ip_address, created_at DESC) WHERE (result = 'INVALID_CODE'::text);

CREATE INDEX coupon_validation_attempts_station_code_created_at_idx ON coupon_schema.coupon_validation_attempts USING btree (station_code, created_at DESC) WHERE (station_code IS NOT NULL);

CREATE INDEX coupon_validation_attempts_user_id_created_at_idx ON coupon_schema.coupon_validation_attempts USING btree (user_id, created_at DESC) WHERE (user_id IS NOT NULL);

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

CREATE TRIGGER coupons_set_updated_at BEFORE UPDATE ON coupon_schema.coupons FOR EACH ROW EXECUTE FUNCTION coupon_schema.set_updated_at();

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

ALTER TABLE coupon_schema.campaign_stations ADD CONSTRAINT campaign_stations_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES coupon_schema.campaigns(id) ON DELETE CASCADE;

ALTER TABLE coupon_schema.campaign_usage_shards ADD CONSTRAINT campaign_usage_shards_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES coupon_schema.campaigns(id) ON DELETE CASCADE;

ALTER TABLE coupon_schema.campaign_user_usages ADD CONSTRAINT campaign_user_usages_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES coupon_schema.campaigns(id) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.coupon_usage_history ADD CONSTRAINT coupon_usage_history_coupon_id_fk FOREIGN KEY (coupon_id) REFERENCES coupon_schema.coupons(id) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.coupons ADD CONSTRAINT coupons_campaign_id_fk FOREIGN KEY (campaign_id, currency) REFERENCES coupon_schema.campaigns(id, currency) ON DELETE RESTRICT;

ALTER TABLE coupon_schema.coupons ADD CONSTRAINT coupons_qr_key_id_fk FOREIGN KEY (qr_key_id) REFERENCES coupon_schema.qr_signing_keys(key_id) ON DELETE RESTRICT;

RESET ROLE;
