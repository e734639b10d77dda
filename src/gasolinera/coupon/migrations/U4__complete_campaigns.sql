-- Takes back V4: campaigns as the first migration left them. Counts by period and pending openings are lost.
-- vuelo: allow locking-several-tables nothing is read: all of it together takes milliseconds

DROP FUNCTION coupon_schema.refresh_statistics();
DROP VIEW coupon_schema.campaign_summary;
DROP MATERIALIZED VIEW coupon_schema.redemption_statistics;
DROP MATERIALIZED VIEW coupon_schema.coupon_statistics;
DROP FUNCTION coupon_schema.explain_use(bigint, uuid, text, text, numeric, text, timestamptz, bigint);
COMMENT ON COLUMN coupon_schema.campaigns.time_zone IS
    'IANA zone of weekdays and hours, unless the station has its own.';
DROP TRIGGER campaign_stations_log_insert ON coupon_schema.campaign_stations;
DROP TRIGGER campaign_stations_log_delete ON coupon_schema.campaign_stations;
DROP FUNCTION coupon_schema.log_campaign_stations();

CREATE OR REPLACE FUNCTION coupon_schema.log_campaign_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION coupon_schema.log_campaign_changes() IS
    'Writes a new campaign, or the values of one that changed, to the audit log.';

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
$$;

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
COMMENT ON FUNCTION coupon_schema.count_coupon_usage() IS
    'AFTER INSERT trigger of coupon_usage_history: the use is counted everywhere, or refused with the name of what '
    'refused it: coupon_usage_history_usable, coupons_usage_count_check, campaign_user_usages_limit_check, '
    'campaign_usage_shards_used_check or campaign_usage_shards_spent_check.';

DROP FUNCTION coupon_schema.is_first_use(uuid, bigint);
DROP FUNCTION coupon_schema.period_start(text, text, timestamptz);
DROP TABLE coupon_schema.campaign_user_period_usages;
ALTER TABLE coupon_schema.coupon_usage_history
    DROP CONSTRAINT coupon_usage_history_taken_at_check,
    DROP COLUMN taken_at;
ALTER TABLE coupon_schema.campaigns
    DROP CONSTRAINT campaigns_code_check,
    DROP CONSTRAINT campaigns_daily_from_check,
    DROP CONSTRAINT campaigns_per_user_period_check,
    DROP CONSTRAINT campaigns_approval_needed_above_check,
    DROP CONSTRAINT campaigns_raised_by_check,
    DROP CONSTRAINT campaigns_opens_by_clock_check,
    DROP CONSTRAINT campaigns_budget_approved_check,
    DROP COLUMN per_user_period,
    DROP COLUMN per_user_period_limit,
    DROP COLUMN approval_needed_above,
    DROP COLUMN raised_by,
    DROP COLUMN opens_by_clock;
