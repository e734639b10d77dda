-- The schema ad_schema, as `vuelo dump` writes it. Change the migrations, not this file.
SET check_function_bodies = off;
SET search_path = pg_catalog;
CREATE SCHEMA ad_schema AUTHORIZATION ads_owner;
SET ROLE ads_owner;
GRANT USAGE ON SCHEMA ad_schema TO ads_app;
GRANT USAGE ON SCHEMA ad_schema TO ads_ro;

CREATE OR REPLACE FUNCTION ad_schema.charge_engagements()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_due bigint;
    v_charged bigint;
BEGIN
    WITH charge AS MATERIALIZED (
        SELECT campaign.id AS campaign_id, ended.budget_shard, budget.day, sum(ended.cost) AS amount
          FROM ended_rows AS ended
          JOIN running_rows AS running ON running.id = ended.id
          JOIN ad_schema.advertisements AS advertisement ON advertisement.id = ended.advertisement_id
          JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
         CROSS JOIN LATERAL (
            SELECT NULL::date AS day
            UNION ALL
            SELECT (ended.finished_at AT TIME ZONE campaign.time_zone)::date WHERE campaign.daily_budget IS NOT NULL
         ) AS budget
         WHERE running.status = 'STARTED' AND ended.status = 'COMPLETED' AND ended.cost > 0
         GROUP BY campaign.id, ended.budget_shard, budget.day
    ), locked AS MATERIALIZED (
        -- Ordered, so that two statements that end several views lock the shares in the same order.
        SELECT share.id, charge.amount
          FROM charge
         CROSS JOIN LATERAL (
            -- two branches, because IS NOT DISTINCT FROM finds nothing by index
            SELECT total.id FROM ad_schema.ad_campaign_budget_shards AS total
             WHERE charge.day IS NULL AND total.campaign_id = charge.campaign_id AND total.budget_date IS NULL
               AND total.shard = charge.budget_shard
            UNION ALL
            SELECT daily.id FROM ad_schema.ad_campaign_budget_shards AS daily
             WHERE daily.campaign_id = charge.campaign_id AND daily.budget_date = charge.day
               AND daily.shard = charge.budget_shard
         ) AS found
          JOIN ad_schema.ad_campaign_budget_shards AS share ON share.id = found.id
         ORDER BY share.id
           FOR NO KEY UPDATE OF share
    ), charged AS (
        UPDATE ad_schema.ad_campaign_budget_shards AS share
           SET spent = share.spent + locked.amount
          FROM locked
         WHERE share.id = locked.id
        RETURNING share.id
    )
    SELECT (SELECT count(*) FROM charge), (SELECT count(*) FROM charged) INTO v_due, v_charged;
    IF v_charged <> v_due THEN
        RAISE EXCEPTION 'a completed view names a share of the budget that does not exist'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_budget_shard_exists_check';
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION ad_schema.charge_engagements() IS 'Charges completed views to their share of the total budget and, where there is a daily one, of the day''s; the CHECK on the share refuses what it does not hold.';
REVOKE EXECUTE ON FUNCTION ad_schema.charge_engagements() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.count_engagements()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- Ordered, so that two statements that start several views lock the counters in the same order.
    INSERT INTO ad_schema.ad_frequency_counters AS counter
        (campaign_id, user_id, period_start, engagement_count, engagement_cap)
    SELECT campaign.id, started.user_id, period.period_start, count(*), campaign.frequency_cap
      FROM started_rows AS started
      JOIN ad_schema.advertisements AS advertisement ON advertisement.id = started.advertisement_id
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
     CROSS JOIN LATERAL (
        SELECT CASE campaign.frequency_period
                   WHEN 'CAMPAIGN' THEN campaign.starts_at
                   ELSE date_trunc(lower(campaign.frequency_period), started.started_at, campaign.time_zone)
               END AS period_start
     ) AS period
     GROUP BY campaign.id, started.user_id, period.period_start, campaign.frequency_cap
     ORDER BY campaign.id, started.user_id, period.period_start
    ON CONFLICT (campaign_id, user_id, period_start) DO UPDATE
       SET engagement_count = counter.engagement_count + excluded.engagement_count,
           engagement_cap = excluded.engagement_cap;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION ad_schema.count_engagements() IS 'Counts started views per campaign, user and period; the CHECK on the counter refuses the one above the cap.';
REVOKE EXECUTE ON FUNCTION ad_schema.count_engagements() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.ensure_all_month_partitions(p_months_ahead integer DEFAULT 3)
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
         WHERE c.relnamespace = 'ad_schema'::regnamespace
         ORDER BY c.relname
    LOOP
        v_made := v_made + ad_schema.ensure_month_partitions(
            v_table, v_today, (v_today + make_interval(months => p_months_ahead + 1))::date);
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION ad_schema.ensure_all_month_partitions(p_months_ahead integer) IS 'Makes this month''s partitions and those of the months ahead for every partitioned table of the schema; run at each start.';
REVOKE EXECUTE ON FUNCTION ad_schema.ensure_all_month_partitions(p_months_ahead integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.ensure_all_month_partitions(p_months_ahead integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.ensure_month_partitions(p_table text, p_from date, p_until date)
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
    PERFORM pg_advisory_xact_lock(hashtextextended('ad_schema.' || p_table, 0));
    WHILE v_month < p_until LOOP
        v_next := (v_month + interval '1 month')::date;
        v_partition := p_table || to_char(v_month, '"_"YYYY"_"MM');
        IF to_regclass(format('ad_schema.%I', v_partition)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE ad_schema.%I (LIKE ad_schema.%I INCLUDING ALL EXCLUDING IDENTITY)',
                v_partition, p_table);
            EXECUTE format(
                'ALTER TABLE ad_schema.%I ATTACH PARTITION ad_schema.%I FOR VALUES FROM (%L) TO (%L)',
                p_table, v_partition,
                to_char(v_month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(v_next, 'YYYY-MM-DD') || ' 00:00:00+00');
            v_made := v_made + 1;
        END IF;
        v_month := v_next;
    END LOOP;
    RETURN v_made;
END
$function$;
COMMENT ON FUNCTION ad_schema.ensure_month_partitions(p_table text, p_from date, p_until date) IS 'Makes the missing partitions (UTC months) of one table for [from, until); returns how many it made.';
REVOKE EXECUTE ON FUNCTION ad_schema.ensure_month_partitions(p_table text, p_from date, p_until date) FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.guard_budget_allotment()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_campaign_id bigint;
    v_total numeric;
    v_daily numeric;
    v_is_over boolean;
BEGIN
    IF TG_TABLE_NAME = 'ad_campaigns' THEN
        v_campaign_id := NEW.id;
    ELSE
        v_campaign_id := NEW.campaign_id;
    END IF;
    -- One at a time a campaign, else two transactions could each add a share and not see the other's. Shares change
    -- hands rarely; a charge (spent) does not come here.
    SELECT total_budget, coalesce(daily_budget, total_budget)
      INTO v_total, v_daily
      FROM ad_schema.ad_campaigns WHERE id = v_campaign_id FOR NO KEY UPDATE;
    IF TG_TABLE_NAME = 'ad_campaigns' THEN
        v_is_over := EXISTS (
            SELECT FROM ad_schema.ad_campaign_budget_shards AS share
             WHERE share.campaign_id = v_campaign_id
             GROUP BY share.budget_date
            HAVING sum(share.allotted) > CASE WHEN share.budget_date IS NULL THEN v_total ELSE v_daily END);
    -- A share's own budget alone: 256 shares at most, found by the key. All days of a campaign would be thousands.
    ELSIF NEW.budget_date IS NULL THEN
        SELECT sum(share.allotted) > v_total INTO v_is_over FROM ad_schema.ad_campaign_budget_shards AS share
         WHERE share.campaign_id = v_campaign_id AND share.budget_date IS NULL;
    ELSE
        SELECT sum(share.allotted) > v_daily INTO v_is_over FROM ad_schema.ad_campaign_budget_shards AS share
         WHERE share.campaign_id = v_campaign_id AND share.budget_date = NEW.budget_date;
    END IF;
    IF v_is_over THEN
        RAISE EXCEPTION 'the shares of a budget are more than the budget'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_campaign_budget_shards_allotted_check';
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION ad_schema.guard_budget_allotment() IS 'At commit: the shares of a budget add up to the budget at most, whether shares or budget changed.';
REVOKE EXECUTE ON FUNCTION ad_schema.guard_budget_allotment() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.guard_campaign_status()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (
        ('DRAFT', 'ACTIVE'), ('DRAFT', 'CANCELLED'),
        ('ACTIVE', 'PAUSED'), ('ACTIVE', 'COMPLETED'), ('ACTIVE', 'CANCELLED'),
        ('PAUSED', 'ACTIVE'), ('PAUSED', 'COMPLETED'), ('PAUSED', 'CANCELLED'))
    THEN
        RAISE EXCEPTION 'campaign % cannot go from % to %', OLD.campaign_code, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_campaigns_status_transition_check';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION ad_schema.guard_campaign_status() IS 'The allowed changes of a campaign''s status; two are final.';
REVOKE EXECUTE ON FUNCTION ad_schema.guard_campaign_status() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.guard_engagement_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- a completed view may still be refused by the fraud review; nothing else comes after an end
    IF OLD.status <> NEW.status AND OLD.status <> 'STARTED'
        AND NOT (OLD.status = 'COMPLETED' AND NEW.status = 'REJECTED')
    THEN
        RAISE EXCEPTION 'view % cannot go from % to %', OLD.public_id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_status_transition_check';
    END IF;
    IF NEW.quartile < OLD.quartile OR NEW.watched_s < OLD.watched_s
        OR NEW.completion_percentage < OLD.completion_percentage
    THEN
        RAISE EXCEPTION 'view % cannot go back', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_progress_check';
    END IF;
    -- Times are the server's, and so is the price: a view costs nothing until it is completed.
    NEW.finished_at := CASE WHEN OLD.status = 'STARTED' AND NEW.status <> 'STARTED' THEN now() ELSE OLD.finished_at END;
    NEW.clicked_at := coalesce(OLD.clicked_at, CASE WHEN NEW.clicked_at IS NOT NULL THEN now() END);
    NEW.cost := OLD.cost;
    IF OLD.status = 'STARTED' AND NEW.status = 'COMPLETED' THEN
        SELECT campaign.cost_per_engagement
          INTO NEW.cost
          FROM ad_schema.advertisements AS advertisement
          JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
         WHERE advertisement.id = OLD.advertisement_id;
    END IF;
    IF OLD.status <> 'STARTED' AND NEW.budget_shard IS DISTINCT FROM OLD.budget_shard THEN
        RAISE EXCEPTION 'the share of the budget that view % charged cannot change', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_identity_check';
    END IF;
    IF (NEW.public_id, NEW.advertisement_id, NEW.user_id, NEW.transaction_reference, NEW.chain_step, NEW.started_at,
            NEW.duration_s, NEW.completion_threshold_percent, NEW.base_tickets, NEW.ticket_multiplier,
            NEW.max_bonus_tickets, NEW.currency)
        IS DISTINCT FROM
        (OLD.public_id, OLD.advertisement_id, OLD.user_id, OLD.transaction_reference, OLD.chain_step, OLD.started_at,
            OLD.duration_s, OLD.completion_threshold_percent, OLD.base_tickets, OLD.ticket_multiplier,
            OLD.max_bonus_tickets, OLD.currency)
    THEN
        RAISE EXCEPTION 'what view % is of cannot change', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_identity_check';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION ad_schema.guard_engagement_change() IS 'A view ends once, its progress never goes back, what it is a view of never changes; its end and its cost are set.';
REVOKE EXECUTE ON FUNCTION ad_schema.guard_engagement_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.guard_view_token_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF OLD.consumed_at IS NOT NULL THEN
        RAISE EXCEPTION 'a view token was consumed at % and cannot change any more', OLD.consumed_at
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_view_tokens_consumed_once_check';
    END IF;
    -- the server's time, so that the CHECK refuses a token that is over
    NEW.consumed_at := now();
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION ad_schema.guard_view_token_change() IS 'A token is consumed now and not at some other time; a consumed one stays as it is.';
REVOKE EXECUTE ON FUNCTION ad_schema.guard_view_token_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.record_campaign_part_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO ad_schema.ad_audit_log (action, subject_type, subject_reference, old_values, new_values)
    SELECT TG_OP, TG_TABLE_NAME, campaign.campaign_code,
           CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(changed) END, CASE WHEN TG_OP = 'INSERT' THEN to_jsonb(changed) END
      FROM changed_rows AS changed
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = changed.campaign_id;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION ad_schema.record_campaign_part_change() IS 'Writes targets and windows that came or went to the audit log, under their campaign''s code.';
REVOKE EXECUTE ON FUNCTION ad_schema.record_campaign_part_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.record_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_old jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    v_new jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    v_reference text := coalesce(v_new, v_old) ->> TG_ARGV[0];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(before.key, before.value), jsonb_object_agg(before.key, v_new -> before.key)
          INTO v_old, v_new
          FROM jsonb_each(v_old) AS before
         WHERE before.value IS DISTINCT FROM v_new -> before.key AND before.key <> 'updated_at';
        IF v_old IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO ad_schema.ad_audit_log (action, subject_type, subject_reference, old_values, new_values)
    VALUES (TG_OP, TG_TABLE_NAME, v_reference, v_old, v_new);
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION ad_schema.record_change() IS 'Writes a change to the audit log; the argument names the column of the public reference.';
REVOKE EXECUTE ON FUNCTION ad_schema.record_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- Retention and erasure run in transactions that say so; a runtime role has no such grant in the first place.
    IF ad_schema.request_context('maintenance') = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'table %.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$function$;
COMMENT ON FUNCTION ad_schema.refuse_change() IS 'BEFORE UPDATE OR DELETE OR TRUNCATE statement trigger of append-only tables.';
REVOKE EXECUTE ON FUNCTION ad_schema.refuse_change() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.request_context(p_name text)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT nullif(current_setting('gasolinera.' || p_name, true), '') $function$;
COMMENT ON FUNCTION ad_schema.request_context(p_name text) IS 'What the application set for this transaction: actor, correlation_id, ip_address, user_agent; NULL when unset.';
REVOKE EXECUTE ON FUNCTION ad_schema.request_context(p_name text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.request_context(p_name text) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION ad_schema.set_updated_at() IS 'BEFORE UPDATE trigger: the row remembers when it was last changed.';
REVOKE EXECUTE ON FUNCTION ad_schema.set_updated_at() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.take_engagement_terms()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_may_be_shown boolean;
BEGIN
    SELECT advertisement.duration_s, advertisement.completion_threshold_percent, advertisement.ticket_multiplier,
           campaign.max_bonus_tickets, campaign.currency,
           advertisement.status = 'ACTIVE' AND advertisement.approval_status = 'APPROVED'
               AND campaign.status = 'ACTIVE'
               AND campaign.starts_at <= NEW.started_at AND NEW.started_at < campaign.ends_at
      INTO NEW.duration_s, NEW.completion_threshold_percent, NEW.ticket_multiplier,
           NEW.max_bonus_tickets, NEW.currency, v_may_be_shown
      FROM ad_schema.advertisements AS advertisement
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
     WHERE advertisement.id = NEW.advertisement_id;
    -- The service can insert nothing but a start, at now(). Views that are over are loaded by the owner alone.
    IF NEW.status = 'STARTED' AND v_may_be_shown IS NOT TRUE THEN
        RAISE EXCEPTION 'advertisement % may not be shown now', NEW.advertisement_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_may_be_shown_check',
                HINT = 'it and its campaign must be active, it approved, and the campaign within its schedule';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION ad_schema.take_engagement_terms() IS 'A view starts under the terms of its advertisement and campaign, not under what its writer says, and only of what may be shown.';
REVOKE EXECUTE ON FUNCTION ad_schema.take_engagement_terms() FROM PUBLIC;

CREATE TABLE ad_schema.ad_analytics (
    advertisement_id bigint NOT NULL,
    analytics_date date NOT NULL,
    impressions bigint DEFAULT 0 NOT NULL,
    starts bigint DEFAULT 0 NOT NULL,
    first_quartiles bigint DEFAULT 0 NOT NULL,
    midpoints bigint DEFAULT 0 NOT NULL,
    third_quartiles bigint DEFAULT 0 NOT NULL,
    completions bigint DEFAULT 0 NOT NULL,
    skips bigint DEFAULT 0 NOT NULL,
    failures bigint DEFAULT 0 NOT NULL,
    clicks bigint DEFAULT 0 NOT NULL,
    unique_users bigint DEFAULT 0 NOT NULL,
    watched_s numeric(14,3) DEFAULT 0 NOT NULL,
    bonus_tickets bigint DEFAULT 0 NOT NULL,
    cost numeric(12,2) DEFAULT 0 NOT NULL,
    currency text NOT NULL,
    scored_engagements bigint DEFAULT 0 NOT NULL,
    quality_score_sum bigint DEFAULT 0 NOT NULL,
    fraud_score_sum bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_analytics_bonus_tickets_check CHECK (bonus_tickets >= 0),
    CONSTRAINT ad_analytics_clicks_check CHECK (clicks >= 0 AND clicks <= starts),
    CONSTRAINT ad_analytics_cost_check CHECK (cost >= 0::numeric AND cost < 'NaN'::numeric),
    CONSTRAINT ad_analytics_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT ad_analytics_ends_check CHECK (completions >= 0 AND skips >= 0 AND failures >= 0 AND (completions + skips + failures) <= starts),
    CONSTRAINT ad_analytics_funnel_check CHECK (impressions >= starts AND starts >= first_quartiles AND first_quartiles >= midpoints AND midpoints >= third_quartiles AND third_quartiles >= 0),
    CONSTRAINT ad_analytics_pk PRIMARY KEY (advertisement_id, analytics_date),
    CONSTRAINT ad_analytics_scores_check CHECK (scored_engagements >= 0 AND scored_engagements <= starts AND quality_score_sum >= 0 AND quality_score_sum <= (100 * scored_engagements) AND fraud_score_sum >= 0 AND fraud_score_sum <= (100 * scored_engagements)),
    CONSTRAINT ad_analytics_unique_users_check CHECK (unique_users >= 0 AND unique_users <= starts),
    CONSTRAINT ad_analytics_watched_s_check CHECK (watched_s >= 0::numeric AND watched_s < 'NaN'::numeric)
) PARTITION BY RANGE (analytics_date);
COMMENT ON TABLE ad_schema.ad_analytics IS 'Figures of an advertisement a day (UTC), added to as views end; sums, so that they can be added up again.';
GRANT SELECT ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_analytics TO ads_ro;
GRANT INSERT (advertisement_id) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (analytics_date) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (impressions), UPDATE (impressions) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (starts), UPDATE (starts) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (first_quartiles), UPDATE (first_quartiles) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (midpoints), UPDATE (midpoints) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (third_quartiles), UPDATE (third_quartiles) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (completions), UPDATE (completions) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (skips), UPDATE (skips) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (failures), UPDATE (failures) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (clicks), UPDATE (clicks) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (unique_users), UPDATE (unique_users) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (watched_s), UPDATE (watched_s) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (bonus_tickets), UPDATE (bonus_tickets) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (cost), UPDATE (cost) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (currency) ON TABLE ad_schema.ad_analytics TO ads_app;
COMMENT ON COLUMN ad_schema.ad_analytics.scored_engagements IS 'How many views the two score sums are of; a mean is a sum divided by this.';
GRANT INSERT (scored_engagements), UPDATE (scored_engagements) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (quality_score_sum), UPDATE (quality_score_sum) ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT INSERT (fraud_score_sum), UPDATE (fraud_score_sum) ON TABLE ad_schema.ad_analytics TO ads_app;

CREATE INDEX ad_analytics_analytics_date_idx ON ad_schema.ad_analytics USING btree (analytics_date);

CREATE TRIGGER ad_analytics_set_updated_at BEFORE UPDATE ON ad_schema.ad_analytics FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.ad_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    action text NOT NULL,
    subject_type text NOT NULL,
    subject_reference text NOT NULL,
    old_values jsonb,
    new_values jsonb,
    actor text DEFAULT ad_schema.request_context('actor'::text),
    correlation_id text DEFAULT ad_schema.request_context('correlation_id'::text),
    ip_address inet DEFAULT (ad_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT ad_schema.request_context('user_agent'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_audit_log_action_check CHECK (action ~ '^[A-Z][A-Z_]{1,49}$'::text),
    CONSTRAINT ad_audit_log_actor_check CHECK (length(actor) <= 100),
    CONSTRAINT ad_audit_log_correlation_id_check CHECK (length(correlation_id) <= 100),
    CONSTRAINT ad_audit_log_pk PRIMARY KEY (id, created_at),
    CONSTRAINT ad_audit_log_subject_reference_check CHECK (btrim(subject_reference) <> ''::text AND length(subject_reference) <= 100),
    CONSTRAINT ad_audit_log_subject_type_check CHECK (subject_type ~ '^[a-z][a-z_]{1,62}$'::text),
    CONSTRAINT ad_audit_log_user_agent_check CHECK (length(user_agent) <= 512),
    CONSTRAINT ad_audit_log_values_check CHECK (jsonb_typeof(COALESCE(old_values, '{}'::jsonb)) = 'object'::text AND jsonb_typeof(COALESCE(new_values, '{}'::jsonb)) = 'object'::text)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE ad_schema.ad_audit_log IS 'Who changed advertisers, campaigns, targeting and advertisements, and how; append-only, by month.';
GRANT SELECT ON TABLE ad_schema.ad_audit_log TO ads_app;
GRANT SELECT (id) ON TABLE ad_schema.ad_audit_log TO ads_ro;
GRANT SELECT (action) ON TABLE ad_schema.ad_audit_log TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_audit_log.subject_type IS 'The table of what was changed.';
GRANT SELECT (subject_type) ON TABLE ad_schema.ad_audit_log TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_audit_log.subject_reference IS 'Its public reference.';
GRANT SELECT (subject_reference) ON TABLE ad_schema.ad_audit_log TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_audit_log.old_values IS 'Personal data: changed columns before (contact, users).';
COMMENT ON COLUMN ad_schema.ad_audit_log.new_values IS 'Personal data: changed columns after (contact, users).';
COMMENT ON COLUMN ad_schema.ad_audit_log.actor IS 'Personal data: the public id of who did it, or the name of a job.';
GRANT SELECT (correlation_id) ON TABLE ad_schema.ad_audit_log TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_audit_log.ip_address IS 'Personal data: where it was done from.';
COMMENT ON COLUMN ad_schema.ad_audit_log.user_agent IS 'Personal data: with what it was done.';
GRANT SELECT (created_at) ON TABLE ad_schema.ad_audit_log TO ads_ro;

CREATE INDEX ad_audit_log_correlation_id_idx ON ad_schema.ad_audit_log USING btree (correlation_id);

CREATE INDEX ad_audit_log_subject_reference_idx ON ad_schema.ad_audit_log USING btree (subject_type, subject_reference);

CREATE TRIGGER ad_audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ad_schema.ad_audit_log FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.refuse_change();

CREATE TABLE ad_schema.ad_campaign_budget_shards (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    campaign_id bigint NOT NULL,
    budget_date date,
    shard smallint NOT NULL,
    allotted numeric(12,2) NOT NULL,
    spent numeric(12,2) DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_campaign_budget_shards_amount_check CHECK (allotted >= 0::numeric AND allotted < 'NaN'::numeric),
    CONSTRAINT ad_campaign_budget_shards_campaign_id_budget_date_shard_key UNIQUE NULLS NOT DISTINCT (campaign_id, budget_date, shard),
    CONSTRAINT ad_campaign_budget_shards_pk PRIMARY KEY (id),
    CONSTRAINT ad_campaign_budget_shards_shard_check CHECK (shard >= 0 AND shard <= 255),
    CONSTRAINT ad_campaign_budget_shards_spent_check CHECK (spent >= 0::numeric AND spent <= allotted AND spent < 'NaN'::numeric)
);
COMMENT ON TABLE ad_schema.ad_campaign_budget_shards IS 'A campaign''s budget in shares, so that views charge many rows and never the campaign''s; shares may lend.';
GRANT SELECT ON TABLE ad_schema.ad_campaign_budget_shards TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_campaign_budget_shards TO ads_ro;
GRANT INSERT (campaign_id) ON TABLE ad_schema.ad_campaign_budget_shards TO ads_app;
COMMENT ON COLUMN ad_schema.ad_campaign_budget_shards.budget_date IS 'The day of a share of the daily budget, in the campaign''s zone; NULL for a share of the total budget.';
GRANT INSERT (budget_date) ON TABLE ad_schema.ad_campaign_budget_shards TO ads_app;
GRANT INSERT (shard) ON TABLE ad_schema.ad_campaign_budget_shards TO ads_app;
COMMENT ON COLUMN ad_schema.ad_campaign_budget_shards.allotted IS 'Checked at commit: the shares of a budget never add up to more than the budget.';
GRANT INSERT (allotted), UPDATE (allotted) ON TABLE ad_schema.ad_campaign_budget_shards TO ads_app;

CREATE CONSTRAINT TRIGGER ad_campaign_budget_shards_allotted AFTER INSERT OR UPDATE OF allotted, budget_date, campaign_id ON ad_schema.ad_campaign_budget_shards DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ad_schema.guard_budget_allotment();

CREATE TRIGGER ad_campaign_budget_shards_set_updated_at BEFORE UPDATE ON ad_schema.ad_campaign_budget_shards FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.ad_campaign_targets (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    campaign_id bigint NOT NULL,
    dimension text NOT NULL,
    value text NOT NULL,
    is_excluded boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_campaign_targets_campaign_id_dimension_value_key UNIQUE (campaign_id, dimension, value),
    CONSTRAINT ad_campaign_targets_dimension_check CHECK (dimension = ANY (ARRAY['STATION'::text, 'CITY'::text, 'STATE'::text, 'FUEL_TYPE'::text, 'LANGUAGE'::text, 'SEGMENT'::text])),
    CONSTRAINT ad_campaign_targets_pk PRIMARY KEY (id),
    CONSTRAINT ad_campaign_targets_value_check CHECK (
CASE dimension
    WHEN 'STATION'::text THEN value ~ '^[A-Z0-9]{3,20}$'::text
    WHEN 'FUEL_TYPE'::text THEN value = ANY (ARRAY['REGULAR'::text, 'PREMIUM'::text, 'DIESEL'::text])
    WHEN 'LANGUAGE'::text THEN value = ANY (ARRAY['es'::text, 'en'::text])
    WHEN 'SEGMENT'::text THEN value ~ '^[A-Z][A-Z0-9_]{1,49}$'::text
    ELSE value = btrim(value) AND length(value) >= 1 AND length(value) <= 100
END)
);
COMMENT ON TABLE ad_schema.ad_campaign_targets IS 'Whom a campaign is for. A dimension without rows admits everybody; with rows, those that match; excluded, nobody.';
GRANT DELETE, SELECT ON TABLE ad_schema.ad_campaign_targets TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_campaign_targets TO ads_ro;
GRANT INSERT (campaign_id) ON TABLE ad_schema.ad_campaign_targets TO ads_app;
GRANT INSERT (dimension) ON TABLE ad_schema.ad_campaign_targets TO ads_app;
COMMENT ON COLUMN ad_schema.ad_campaign_targets.value IS 'A station code, city, state, fuel type, ISO 639-1 language or segment name, as its dimension says.';
GRANT INSERT (value) ON TABLE ad_schema.ad_campaign_targets TO ads_app;
GRANT INSERT (is_excluded) ON TABLE ad_schema.ad_campaign_targets TO ads_app;

CREATE TRIGGER ad_campaign_targets_record_delete AFTER DELETE ON ad_schema.ad_campaign_targets REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.record_campaign_part_change();

CREATE TRIGGER ad_campaign_targets_record_insert AFTER INSERT ON ad_schema.ad_campaign_targets REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.record_campaign_part_change();

CREATE TABLE ad_schema.ad_campaign_windows (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    campaign_id bigint NOT NULL,
    weekday smallint NOT NULL,
    from_time time without time zone NOT NULL,
    until_time time without time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_campaign_windows_campaign_id_weekday_from_time_key UNIQUE (campaign_id, weekday, from_time),
    CONSTRAINT ad_campaign_windows_pk PRIMARY KEY (id),
    CONSTRAINT ad_campaign_windows_time_check CHECK (from_time < until_time),
    CONSTRAINT ad_campaign_windows_weekday_check CHECK (weekday >= 1 AND weekday <= 7)
);
COMMENT ON TABLE ad_schema.ad_campaign_windows IS 'When a campaign may be shown: [from_time, until_time) on ISO weekdays of its zone. No rows: at any time.';
GRANT DELETE, SELECT ON TABLE ad_schema.ad_campaign_windows TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_campaign_windows TO ads_ro;
GRANT INSERT (campaign_id) ON TABLE ad_schema.ad_campaign_windows TO ads_app;
COMMENT ON COLUMN ad_schema.ad_campaign_windows.weekday IS 'ISO: 1 is Monday, 7 Sunday.';
GRANT INSERT (weekday) ON TABLE ad_schema.ad_campaign_windows TO ads_app;
GRANT INSERT (from_time) ON TABLE ad_schema.ad_campaign_windows TO ads_app;
COMMENT ON COLUMN ad_schema.ad_campaign_windows.until_time IS 'Exclusive; 24:00 is the end of the day.';
GRANT INSERT (until_time) ON TABLE ad_schema.ad_campaign_windows TO ads_app;

CREATE TRIGGER ad_campaign_windows_record_delete AFTER DELETE ON ad_schema.ad_campaign_windows REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.record_campaign_part_change();

CREATE TRIGGER ad_campaign_windows_record_insert AFTER INSERT ON ad_schema.ad_campaign_windows REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.record_campaign_part_change();

CREATE TABLE ad_schema.ad_campaigns (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    campaign_code text NOT NULL,
    advertiser_id bigint NOT NULL,
    name text NOT NULL,
    description text,
    status text DEFAULT 'DRAFT'::text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    time_zone text DEFAULT 'America/Mexico_City'::text NOT NULL,
    priority smallint DEFAULT 5 NOT NULL,
    pacing text DEFAULT 'EVEN'::text NOT NULL,
    total_budget numeric(12,2) NOT NULL,
    daily_budget numeric(12,2),
    cost_per_engagement numeric(12,2) NOT NULL,
    currency text NOT NULL,
    budget_alert_percent smallint DEFAULT 90 NOT NULL,
    frequency_cap smallint DEFAULT 3 NOT NULL,
    frequency_period text DEFAULT 'DAY'::text NOT NULL,
    max_bonus_tickets integer DEFAULT 100 NOT NULL,
    created_by uuid,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_campaigns_budget_alert_percent_check CHECK (budget_alert_percent >= 1 AND budget_alert_percent <= 100),
    CONSTRAINT ad_campaigns_campaign_code_check CHECK (campaign_code ~ '^[A-Z0-9][A-Z0-9_-]{2,49}$'::text),
    CONSTRAINT ad_campaigns_campaign_code_key UNIQUE (campaign_code),
    CONSTRAINT ad_campaigns_cost_per_engagement_check CHECK (cost_per_engagement >= 0::numeric AND cost_per_engagement <= total_budget AND cost_per_engagement < 'NaN'::numeric),
    CONSTRAINT ad_campaigns_creator_check CHECK (created_by IS NOT NULL),
    CONSTRAINT ad_campaigns_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT ad_campaigns_daily_budget_check CHECK (daily_budget > 0::numeric AND daily_budget <= total_budget AND daily_budget < 'NaN'::numeric),
    CONSTRAINT ad_campaigns_description_check CHECK (btrim(description) <> ''::text AND length(description) <= 2000),
    CONSTRAINT ad_campaigns_frequency_cap_check CHECK (frequency_cap >= 1 AND frequency_cap <= 1000),
    CONSTRAINT ad_campaigns_frequency_period_check CHECK (frequency_period = ANY (ARRAY['HOUR'::text, 'DAY'::text, 'WEEK'::text, 'MONTH'::text, 'CAMPAIGN'::text])),
    CONSTRAINT ad_campaigns_max_bonus_tickets_check CHECK (max_bonus_tickets >= 0 AND max_bonus_tickets <= 10000),
    CONSTRAINT ad_campaigns_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT ad_campaigns_name_check CHECK (btrim(name) <> ''::text AND length(name) <= 120),
    CONSTRAINT ad_campaigns_pacing_check CHECK (pacing = ANY (ARRAY['EVEN'::text, 'ASAP'::text])),
    CONSTRAINT ad_campaigns_pk PRIMARY KEY (id),
    CONSTRAINT ad_campaigns_priority_check CHECK (priority >= 1 AND priority <= 10),
    CONSTRAINT ad_campaigns_rounding_unit_check CHECK (currency <> 'CRC'::text OR total_budget = trunc(total_budget) AND cost_per_engagement = trunc(cost_per_engagement) AND COALESCE(daily_budget, 0::numeric) = trunc(COALESCE(daily_budget, 0::numeric))),
    CONSTRAINT ad_campaigns_schedule_check CHECK (starts_at < ends_at),
    CONSTRAINT ad_campaigns_status_check CHECK (status = ANY (ARRAY['DRAFT'::text, 'ACTIVE'::text, 'PAUSED'::text, 'COMPLETED'::text, 'CANCELLED'::text])),
    CONSTRAINT ad_campaigns_time_zone_check CHECK (time_zone ~ '^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_-]+){1,2})$'::text AND ('2000-01-01 00:00:00'::timestamp without time zone AT TIME ZONE time_zone) IS NOT NULL),
    CONSTRAINT ad_campaigns_total_budget_check CHECK (total_budget > 0::numeric AND total_budget < 'NaN'::numeric)
);
COMMENT ON TABLE ad_schema.ad_campaigns IS 'What an advertiser pays for: schedule [starts_at, ends_at), budgets, pacing, priority, frequency cap.';
GRANT SELECT ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (id) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (campaign_code) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (campaign_code) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (advertiser_id) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (advertiser_id) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (name), UPDATE (name) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (name) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (description), UPDATE (description) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (description) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (status), UPDATE (status) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (status) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (starts_at), UPDATE (starts_at) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (starts_at) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (ends_at), UPDATE (ends_at) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (ends_at) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (time_zone), UPDATE (time_zone) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (time_zone) ON TABLE ad_schema.ad_campaigns TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_campaigns.priority IS '10 is served before 1.';
GRANT INSERT (priority), UPDATE (priority) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (priority) ON TABLE ad_schema.ad_campaigns TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_campaigns.pacing IS 'EVEN spreads the daily budget over the day; ASAP spends it as fast as there are viewers.';
GRANT INSERT (pacing), UPDATE (pacing) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (pacing) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (total_budget), UPDATE (total_budget) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (total_budget) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (daily_budget), UPDATE (daily_budget) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (daily_budget) ON TABLE ad_schema.ad_campaigns TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_campaigns.cost_per_engagement IS 'What one completed view costs the advertiser.';
GRANT INSERT (cost_per_engagement), UPDATE (cost_per_engagement) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (cost_per_engagement) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (currency) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (currency) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (budget_alert_percent), UPDATE (budget_alert_percent) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (budget_alert_percent) ON TABLE ad_schema.ad_campaigns TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_campaigns.frequency_cap IS 'Views that one user may start in one frequency_period of the campaign''s time zone.';
GRANT INSERT (frequency_cap), UPDATE (frequency_cap) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (frequency_cap) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT INSERT (frequency_period), UPDATE (frequency_period) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (frequency_period) ON TABLE ad_schema.ad_campaigns TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_campaigns.max_bonus_tickets IS 'Bonus tickets that one view may earn, at most.';
GRANT INSERT (max_bonus_tickets), UPDATE (max_bonus_tickets) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (max_bonus_tickets) ON TABLE ad_schema.ad_campaigns TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_campaigns.created_by IS 'Personal data: the user (public id) who made the campaign.';
GRANT INSERT (created_by) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (created_at) ON TABLE ad_schema.ad_campaigns TO ads_ro;
GRANT SELECT (updated_at) ON TABLE ad_schema.ad_campaigns TO ads_ro;

CREATE INDEX ad_campaigns_active_ends_at_idx ON ad_schema.ad_campaigns USING btree (ends_at, priority) WHERE (status = 'ACTIVE'::text);

CREATE INDEX ad_campaigns_advertiser_id_idx ON ad_schema.ad_campaigns USING btree (advertiser_id);

CREATE CONSTRAINT TRIGGER ad_campaigns_budget AFTER UPDATE OF total_budget, daily_budget ON ad_schema.ad_campaigns DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ad_schema.guard_budget_allotment();

CREATE TRIGGER ad_campaigns_guard_status BEFORE UPDATE OF status ON ad_schema.ad_campaigns FOR EACH ROW WHEN (old.status <> new.status) EXECUTE FUNCTION ad_schema.guard_campaign_status();

CREATE TRIGGER ad_campaigns_record_change AFTER INSERT OR DELETE OR UPDATE ON ad_schema.ad_campaigns FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('campaign_code');

CREATE TRIGGER ad_campaigns_set_updated_at BEFORE UPDATE ON ad_schema.ad_campaigns FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.ad_engagement_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    engagement_id bigint NOT NULL,
    event_type text NOT NULL,
    position_s numeric(8,3) DEFAULT 0 NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    correlation_id text DEFAULT ad_schema.request_context('correlation_id'::text),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_engagement_events_correlation_id_check CHECK (length(correlation_id) <= 100),
    CONSTRAINT ad_engagement_events_details_check CHECK (jsonb_typeof(details) = 'object'::text),
    CONSTRAINT ad_engagement_events_event_type_check CHECK (event_type = ANY (ARRAY['START'::text, 'FIRST_QUARTILE'::text, 'MIDPOINT'::text, 'THIRD_QUARTILE'::text, 'COMPLETE'::text, 'PAUSE'::text, 'RESUME'::text, 'MUTE'::text, 'UNMUTE'::text, 'SKIP'::text, 'CLICK'::text, 'HIDE'::text, 'SHOW'::text, 'ERROR'::text, 'EXPIRE'::text])),
    CONSTRAINT ad_engagement_events_pk PRIMARY KEY (id, created_at),
    CONSTRAINT ad_engagement_events_position_s_check CHECK (position_s >= 0::numeric AND position_s <= 600::numeric)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE ad_schema.ad_engagement_events IS 'What happened during a view, in order; append-only, by month.';
GRANT SELECT ON TABLE ad_schema.ad_engagement_events TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_engagement_events TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_engagement_events.engagement_id IS 'ad_engagements.id, kept by the writer.';
GRANT INSERT (engagement_id) ON TABLE ad_schema.ad_engagement_events TO ads_app;
GRANT INSERT (event_type) ON TABLE ad_schema.ad_engagement_events TO ads_app;
GRANT INSERT (position_s) ON TABLE ad_schema.ad_engagement_events TO ads_app;
GRANT INSERT (details) ON TABLE ad_schema.ad_engagement_events TO ads_app;

CREATE INDEX ad_engagement_events_engagement_id_idx ON ad_schema.ad_engagement_events USING btree (engagement_id);

CREATE TRIGGER ad_engagement_events_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ad_schema.ad_engagement_events FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.refuse_change();

CREATE TABLE ad_schema.ad_engagements (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    public_id uuid DEFAULT gen_random_uuid() NOT NULL,
    advertisement_id bigint NOT NULL,
    user_id uuid NOT NULL,
    transaction_reference text,
    chain_step smallint DEFAULT 1 NOT NULL,
    station_code text,
    status text DEFAULT 'STARTED'::text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    clicked_at timestamp with time zone,
    duration_s integer NOT NULL,
    completion_threshold_percent smallint NOT NULL,
    quartile smallint DEFAULT 0 NOT NULL,
    watched_s numeric(8,3) DEFAULT 0 NOT NULL,
    completion_percentage numeric(5,2) DEFAULT 0 NOT NULL,
    base_tickets integer DEFAULT 0 NOT NULL,
    ticket_multiplier smallint NOT NULL,
    max_bonus_tickets integer NOT NULL,
    bonus_tickets integer DEFAULT 0 NOT NULL,
    cost numeric(12,2) DEFAULT 0 NOT NULL,
    currency text NOT NULL,
    budget_shard smallint,
    quality_score smallint,
    fraud_score smallint,
    ip_address inet DEFAULT (ad_schema.request_context('ip_address'::text))::inet,
    user_agent text DEFAULT ad_schema.request_context('user_agent'::text),
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_engagements_base_tickets_check CHECK (base_tickets >= 0 AND base_tickets <= 10000),
    CONSTRAINT ad_engagements_bonus_tickets_check CHECK (bonus_tickets >= 0 AND bonus_tickets <= LEAST(base_tickets * (ticket_multiplier - 1), max_bonus_tickets) AND (bonus_tickets = 0 OR status = 'COMPLETED'::text AND transaction_reference IS NOT NULL)),
    CONSTRAINT ad_engagements_budget_shard_check CHECK (budget_shard >= 0 AND budget_shard <= 255),
    CONSTRAINT ad_engagements_chain_step_check CHECK (chain_step >= 1 AND chain_step <= 10),
    CONSTRAINT ad_engagements_clicked_at_check CHECK (clicked_at >= started_at),
    CONSTRAINT ad_engagements_completed_check CHECK (status <> 'COMPLETED'::text OR completion_percentage >= completion_threshold_percent::numeric),
    CONSTRAINT ad_engagements_completion_percentage_check CHECK (completion_percentage >= 0::numeric AND completion_percentage <= 100::numeric AND completion_percentage <= (100::numeric * (watched_s + 1::numeric) / duration_s::numeric)),
    CONSTRAINT ad_engagements_completion_threshold_percent_check CHECK (completion_threshold_percent >= 1 AND completion_threshold_percent <= 100),
    CONSTRAINT ad_engagements_cost_check CHECK (cost >= 0::numeric AND cost < 'NaN'::numeric AND (cost = 0::numeric OR budget_shard IS NOT NULL)),
    CONSTRAINT ad_engagements_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT ad_engagements_duration_s_check CHECK (duration_s >= 1 AND duration_s <= 600),
    CONSTRAINT ad_engagements_finished_at_check CHECK ((status = 'STARTED'::text) = (finished_at IS NULL) AND finished_at >= started_at),
    CONSTRAINT ad_engagements_fraud_score_check CHECK (fraud_score >= 0 AND fraud_score <= 100),
    CONSTRAINT ad_engagements_max_bonus_tickets_check CHECK (max_bonus_tickets >= 0 AND max_bonus_tickets <= 10000),
    CONSTRAINT ad_engagements_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT ad_engagements_pk PRIMARY KEY (id),
    CONSTRAINT ad_engagements_public_id_key UNIQUE (public_id),
    CONSTRAINT ad_engagements_quality_score_check CHECK (quality_score >= 0 AND quality_score <= 100),
    CONSTRAINT ad_engagements_quartile_check CHECK (quartile >= 0 AND quartile <= 4 AND (quartile * 25)::numeric <= completion_percentage),
    CONSTRAINT ad_engagements_rounding_unit_check CHECK (currency <> 'CRC'::text OR cost = trunc(cost)),
    CONSTRAINT ad_engagements_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT ad_engagements_status_check CHECK (status = ANY (ARRAY['STARTED'::text, 'COMPLETED'::text, 'SKIPPED'::text, 'ABANDONED'::text, 'FAILED'::text, 'EXPIRED'::text, 'REJECTED'::text])),
    CONSTRAINT ad_engagements_ticket_multiplier_check CHECK (ticket_multiplier >= 1 AND ticket_multiplier <= 10),
    CONSTRAINT ad_engagements_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'::text),
    CONSTRAINT ad_engagements_user_agent_check CHECK (length(user_agent) <= 512),
    CONSTRAINT ad_engagements_watched_s_check CHECK (watched_s >= 0::numeric AND watched_s < 'NaN'::numeric AND watched_s <= (EXTRACT(epoch FROM finished_at - started_at) + 2::numeric))
);
COMMENT ON TABLE ad_schema.ad_engagements IS 'A view: one user, one advertisement, one step of the chain that multiplies a redemption''s tickets.';
GRANT SELECT ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (id) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT SELECT (public_id) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT INSERT (advertisement_id) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (advertisement_id) ON TABLE ad_schema.ad_engagements TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_engagements.user_id IS 'Personal data: the viewer''s public id.';
GRANT INSERT (user_id) ON TABLE ad_schema.ad_engagements TO ads_app;
COMMENT ON COLUMN ad_schema.ad_engagements.transaction_reference IS 'The redemption whose tickets the view multiplies; NULL for a view that earns nothing.';
GRANT INSERT (transaction_reference) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (transaction_reference) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT INSERT (chain_step) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (chain_step) ON TABLE ad_schema.ad_engagements TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_engagements.station_code IS 'Personal data: the station where the viewer was, if known.';
GRANT INSERT (station_code) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT UPDATE (status) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (status) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT SELECT (started_at) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT SELECT (finished_at) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT UPDATE (clicked_at) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (clicked_at) ON TABLE ad_schema.ad_engagements TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_engagements.duration_s IS 'The advertisement''s length when the view started. Like threshold, multiplier, cap of bonus tickets and currency it is copied at the start, whatever the INSERT says: later terms do not reach a running view.';
GRANT SELECT (duration_s) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT SELECT (completion_threshold_percent) ON TABLE ad_schema.ad_engagements TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_engagements.quartile IS 'The last quartile reached, 0 to 4; it never goes back.';
GRANT UPDATE (quartile) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (quartile) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT UPDATE (watched_s) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (watched_s) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT UPDATE (completion_percentage) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (completion_percentage) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT INSERT (base_tickets) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (base_tickets) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT SELECT (ticket_multiplier) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT SELECT (max_bonus_tickets) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT UPDATE (bonus_tickets) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (bonus_tickets) ON TABLE ad_schema.ad_engagements TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_engagements.cost IS 'What the completion charged, taken from the campaign; a later rejection does not pay it back.';
GRANT SELECT (cost) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT SELECT (currency) ON TABLE ad_schema.ad_engagements TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_engagements.budget_shard IS 'The share of the campaign''s budget (and of the day''s, if it has one) that the completion charges.';
GRANT INSERT (budget_shard), UPDATE (budget_shard) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (budget_shard) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT UPDATE (quality_score) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (quality_score) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT UPDATE (fraud_score) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (fraud_score) ON TABLE ad_schema.ad_engagements TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_engagements.ip_address IS 'Personal data: where the view was started from.';
COMMENT ON COLUMN ad_schema.ad_engagements.user_agent IS 'Personal data: the viewer''s device, as it names itself.';
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE ad_schema.ad_engagements TO ads_app;
GRANT SELECT (created_at) ON TABLE ad_schema.ad_engagements TO ads_ro;
GRANT SELECT (updated_at) ON TABLE ad_schema.ad_engagements TO ads_ro;

CREATE INDEX ad_engagements_advertisement_id_started_at_idx ON ad_schema.ad_engagements USING btree (advertisement_id, started_at);

CREATE UNIQUE INDEX ad_engagements_completed_step_idx ON ad_schema.ad_engagements USING btree (transaction_reference, chain_step) WHERE (status = 'COMPLETED'::text);

CREATE INDEX ad_engagements_started_started_at_idx ON ad_schema.ad_engagements USING btree (started_at) WHERE (status = 'STARTED'::text);

CREATE UNIQUE INDEX ad_engagements_started_user_id_idx ON ad_schema.ad_engagements USING btree (user_id) WHERE (status = 'STARTED'::text);

CREATE INDEX ad_engagements_user_id_started_at_idx ON ad_schema.ad_engagements USING btree (user_id, started_at);

CREATE TRIGGER ad_engagements_charge AFTER UPDATE ON ad_schema.ad_engagements REFERENCING OLD TABLE AS running_rows NEW TABLE AS ended_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.charge_engagements();

CREATE TRIGGER ad_engagements_count AFTER INSERT ON ad_schema.ad_engagements REFERENCING NEW TABLE AS started_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.count_engagements();

CREATE TRIGGER ad_engagements_guard_change BEFORE UPDATE ON ad_schema.ad_engagements FOR EACH ROW EXECUTE FUNCTION ad_schema.guard_engagement_change();

CREATE TRIGGER ad_engagements_set_updated_at BEFORE UPDATE ON ad_schema.ad_engagements FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TRIGGER ad_engagements_take_terms BEFORE INSERT ON ad_schema.ad_engagements FOR EACH ROW EXECUTE FUNCTION ad_schema.take_engagement_terms();

CREATE TABLE ad_schema.ad_frequency_counters (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    campaign_id bigint NOT NULL,
    user_id uuid NOT NULL,
    period_start timestamp with time zone NOT NULL,
    engagement_count integer NOT NULL,
    engagement_cap integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_frequency_counters_campaign_id_user_id_period_start_key UNIQUE (campaign_id, user_id, period_start),
    CONSTRAINT ad_frequency_counters_engagement_cap_check CHECK (engagement_count <= engagement_cap),
    CONSTRAINT ad_frequency_counters_engagement_count_check CHECK (engagement_count >= 1),
    CONSTRAINT ad_frequency_counters_pk PRIMARY KEY (id)
);
COMMENT ON TABLE ad_schema.ad_frequency_counters IS 'Views that a user started of a campaign in a period. The start itself counts here, and fails above the cap.';
GRANT SELECT ON TABLE ad_schema.ad_frequency_counters TO ads_app;
GRANT SELECT (id) ON TABLE ad_schema.ad_frequency_counters TO ads_ro;
GRANT SELECT (campaign_id) ON TABLE ad_schema.ad_frequency_counters TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_frequency_counters.user_id IS 'Personal data: the viewer''s public id.';
GRANT SELECT (period_start) ON TABLE ad_schema.ad_frequency_counters TO ads_ro;
GRANT SELECT (engagement_count) ON TABLE ad_schema.ad_frequency_counters TO ads_ro;
GRANT SELECT (engagement_cap) ON TABLE ad_schema.ad_frequency_counters TO ads_ro;
GRANT SELECT (created_at) ON TABLE ad_schema.ad_frequency_counters TO ads_ro;
GRANT SELECT (updated_at) ON TABLE ad_schema.ad_frequency_counters TO ads_ro;

CREATE INDEX ad_frequency_counters_period_start_idx ON ad_schema.ad_frequency_counters USING btree (period_start);

CREATE TRIGGER ad_frequency_counters_set_updated_at BEFORE UPDATE ON ad_schema.ad_frequency_counters FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.ad_view_tokens (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    token_hash bytea NOT NULL,
    advertisement_id bigint NOT NULL,
    user_id uuid NOT NULL,
    transaction_reference text,
    chain_step smallint DEFAULT 1 NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    consumed_at timestamp with time zone,
    engagement_id bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_view_tokens_chain_step_check CHECK (chain_step >= 1 AND chain_step <= 10),
    CONSTRAINT ad_view_tokens_consumed_at_check CHECK ((consumed_at IS NULL) = (engagement_id IS NULL) AND consumed_at >= created_at AND consumed_at < expires_at),
    CONSTRAINT ad_view_tokens_engagement_id_key UNIQUE (engagement_id),
    CONSTRAINT ad_view_tokens_expires_at_check CHECK (expires_at > created_at AND expires_at <= (created_at + '1 day'::interval)),
    CONSTRAINT ad_view_tokens_pk PRIMARY KEY (id),
    CONSTRAINT ad_view_tokens_short_life_check CHECK (expires_at <= (created_at + '01:00:00'::interval)),
    CONSTRAINT ad_view_tokens_token_hash_check CHECK (octet_length(token_hash) = 32),
    CONSTRAINT ad_view_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT ad_view_tokens_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'::text)
);
COMMENT ON TABLE ad_schema.ad_view_tokens IS 'The right to start one view, handed out with the advertisement and used once. Only its SHA-256 is kept.';
GRANT SELECT ON TABLE ad_schema.ad_view_tokens TO ads_app;
GRANT SELECT (id) ON TABLE ad_schema.ad_view_tokens TO ads_ro;
GRANT INSERT (token_hash) ON TABLE ad_schema.ad_view_tokens TO ads_app;
GRANT INSERT (advertisement_id) ON TABLE ad_schema.ad_view_tokens TO ads_app;
GRANT SELECT (advertisement_id) ON TABLE ad_schema.ad_view_tokens TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_view_tokens.user_id IS 'Personal data: the viewer''s public id.';
GRANT INSERT (user_id) ON TABLE ad_schema.ad_view_tokens TO ads_app;
GRANT INSERT (transaction_reference) ON TABLE ad_schema.ad_view_tokens TO ads_app;
GRANT SELECT (transaction_reference) ON TABLE ad_schema.ad_view_tokens TO ads_ro;
GRANT INSERT (chain_step) ON TABLE ad_schema.ad_view_tokens TO ads_app;
GRANT SELECT (chain_step) ON TABLE ad_schema.ad_view_tokens TO ads_ro;
GRANT INSERT (expires_at) ON TABLE ad_schema.ad_view_tokens TO ads_app;
GRANT SELECT (expires_at) ON TABLE ad_schema.ad_view_tokens TO ads_ro;
GRANT UPDATE (consumed_at) ON TABLE ad_schema.ad_view_tokens TO ads_app;
GRANT SELECT (consumed_at) ON TABLE ad_schema.ad_view_tokens TO ads_ro;
GRANT UPDATE (engagement_id) ON TABLE ad_schema.ad_view_tokens TO ads_app;
GRANT SELECT (engagement_id) ON TABLE ad_schema.ad_view_tokens TO ads_ro;
GRANT SELECT (created_at) ON TABLE ad_schema.ad_view_tokens TO ads_ro;

CREATE INDEX ad_view_tokens_advertisement_id_idx ON ad_schema.ad_view_tokens USING btree (advertisement_id);

CREATE INDEX ad_view_tokens_expires_at_idx ON ad_schema.ad_view_tokens USING btree (expires_at);

CREATE TRIGGER ad_view_tokens_guard_change BEFORE UPDATE ON ad_schema.ad_view_tokens FOR EACH ROW WHEN (old.consumed_at IS NOT NULL OR new.consumed_at IS NOT NULL) EXECUTE FUNCTION ad_schema.guard_view_token_change();

CREATE TABLE ad_schema.advertisements (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    public_id uuid DEFAULT gen_random_uuid() NOT NULL,
    campaign_id bigint NOT NULL,
    title text NOT NULL,
    description text,
    ad_format text NOT NULL,
    body_text text,
    media_url text,
    media_sha256 bytea,
    media_type text,
    media_bytes bigint,
    click_url text,
    duration_s integer NOT NULL,
    skip_after_s integer,
    completion_threshold_percent smallint DEFAULT 80 NOT NULL,
    ticket_multiplier smallint DEFAULT 2 NOT NULL,
    content_rating text DEFAULT 'EVERYONE'::text NOT NULL,
    languages text[] DEFAULT '{es}'::text[] NOT NULL,
    status text DEFAULT 'DRAFT'::text NOT NULL,
    approval_status text DEFAULT 'PENDING'::text NOT NULL,
    reviewed_by uuid,
    reviewed_at timestamp with time zone,
    rejection_reason text,
    created_by uuid,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT advertisements_active_is_approved_check CHECK (status <> 'ACTIVE'::text OR approval_status = 'APPROVED'::text),
    CONSTRAINT advertisements_ad_format_check CHECK (ad_format = ANY (ARRAY['VIDEO'::text, 'IMAGE'::text, 'INTERACTIVE'::text, 'AUDIO'::text, 'TEXT'::text])),
    CONSTRAINT advertisements_approval_status_check CHECK (approval_status = ANY (ARRAY['PENDING'::text, 'APPROVED'::text, 'REJECTED'::text])),
    CONSTRAINT advertisements_body_text_check CHECK (btrim(body_text) <> ''::text AND length(body_text) <= 4000),
    CONSTRAINT advertisements_click_url_check CHECK (click_url ~ '^https?://[^[:space:]/]+(/[^[:space:]]*)?$'::text AND length(click_url) <= 2048),
    CONSTRAINT advertisements_click_url_https_check CHECK (click_url ~~ 'https://%'::text),
    CONSTRAINT advertisements_completion_threshold_percent_check CHECK (completion_threshold_percent >= 1 AND completion_threshold_percent <= 100),
    CONSTRAINT advertisements_content_check CHECK (
CASE ad_format
    WHEN 'TEXT'::text THEN body_text IS NOT NULL AND num_nonnulls(media_url, media_sha256, media_type) = 0
    ELSE num_nonnulls(media_url, media_sha256) > 0 AND media_type IS NOT NULL
END),
    CONSTRAINT advertisements_content_rating_check CHECK (content_rating = ANY (ARRAY['EVERYONE'::text, 'TEEN'::text, 'ADULT'::text])),
    CONSTRAINT advertisements_creator_check CHECK (created_by IS NOT NULL),
    CONSTRAINT advertisements_description_check CHECK (btrim(description) <> ''::text AND length(description) <= 2000),
    CONSTRAINT advertisements_duration_s_check CHECK (duration_s >= 1 AND duration_s <= 600),
    CONSTRAINT advertisements_languages_check CHECK (languages <> '{}'::text[] AND array_ndims(languages) = 1 AND cardinality(languages) <= 2 AND languages <@ '{es,en}'::text[]),
    CONSTRAINT advertisements_media_address_check CHECK (ad_format = 'TEXT'::text OR num_nulls(media_sha256, media_bytes) = 0),
    CONSTRAINT advertisements_media_bytes_check CHECK (media_bytes >= 1 AND media_bytes <= 524288000),
    CONSTRAINT advertisements_media_sha256_check CHECK (octet_length(media_sha256) = 32),
    CONSTRAINT advertisements_media_type_check CHECK (
CASE ad_format
    WHEN 'VIDEO'::text THEN media_type ~ '^video/[a-z0-9.+-]{1,60}$'::text
    WHEN 'IMAGE'::text THEN media_type ~ '^image/[a-z0-9.+-]{1,60}$'::text
    WHEN 'AUDIO'::text THEN media_type ~ '^audio/[a-z0-9.+-]{1,60}$'::text
    WHEN 'INTERACTIVE'::text THEN media_type = ANY (ARRAY['text/html'::text, 'application/zip'::text])
    ELSE media_type IS NULL
END),
    CONSTRAINT advertisements_media_url_check CHECK (media_url ~ '^https?://[^[:space:]/]+/[^[:space:]]*$'::text AND length(media_url) <= 2048),
    CONSTRAINT advertisements_media_url_https_check CHECK (media_url ~~ 'https://%'::text),
    CONSTRAINT advertisements_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT advertisements_pk PRIMARY KEY (id),
    CONSTRAINT advertisements_public_id_key UNIQUE (public_id),
    CONSTRAINT advertisements_rejection_reason_check CHECK (btrim(rejection_reason) <> ''::text AND length(rejection_reason) <= 500),
    CONSTRAINT advertisements_review_check CHECK (
CASE approval_status
    WHEN 'APPROVED'::text THEN num_nulls(reviewed_by, reviewed_at) = 0 AND rejection_reason IS NULL
    WHEN 'REJECTED'::text THEN num_nulls(reviewed_by, reviewed_at, rejection_reason) = 0
    ELSE num_nonnulls(reviewed_by, reviewed_at, rejection_reason) = 0
END),
    CONSTRAINT advertisements_second_person_check CHECK (reviewed_by <> created_by),
    CONSTRAINT advertisements_skip_after_s_check CHECK (skip_after_s >= 0 AND skip_after_s <= duration_s),
    CONSTRAINT advertisements_status_check CHECK (status = ANY (ARRAY['DRAFT'::text, 'ACTIVE'::text, 'PAUSED'::text, 'ARCHIVED'::text])),
    CONSTRAINT advertisements_ticket_multiplier_check CHECK (ticket_multiplier >= 1 AND ticket_multiplier <= 10),
    CONSTRAINT advertisements_title_check CHECK (btrim(title) <> ''::text AND length(title) <= 120)
);
COMMENT ON TABLE ad_schema.advertisements IS 'What is shown: content, length, rating, approval, and what a view earns.';
GRANT SELECT ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (id) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT SELECT (public_id) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (campaign_id) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (campaign_id) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (title), UPDATE (title) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (title) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (description), UPDATE (description) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (description) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (ad_format), UPDATE (ad_format) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (ad_format) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (body_text), UPDATE (body_text) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (body_text) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (media_url), UPDATE (media_url) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (media_url) ON TABLE ad_schema.advertisements TO ads_ro;
COMMENT ON COLUMN ad_schema.advertisements.media_sha256 IS 'Content address of the media in our own store.';
GRANT INSERT (media_sha256), UPDATE (media_sha256) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (media_sha256) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (media_type), UPDATE (media_type) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (media_type) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (media_bytes), UPDATE (media_bytes) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (media_bytes) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (click_url), UPDATE (click_url) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (click_url) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (duration_s), UPDATE (duration_s) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (duration_s) ON TABLE ad_schema.advertisements TO ads_ro;
COMMENT ON COLUMN ad_schema.advertisements.skip_after_s IS 'The viewer may skip from here on; NULL: not at all.';
GRANT INSERT (skip_after_s), UPDATE (skip_after_s) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (skip_after_s) ON TABLE ad_schema.advertisements TO ads_ro;
COMMENT ON COLUMN ad_schema.advertisements.completion_threshold_percent IS 'A view counts as completed from here on.';
GRANT INSERT (completion_threshold_percent), UPDATE (completion_threshold_percent) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (completion_threshold_percent) ON TABLE ad_schema.advertisements TO ads_ro;
COMMENT ON COLUMN ad_schema.advertisements.ticket_multiplier IS 'Bonus tickets of a completed view = base tickets x (multiplier - 1), within the campaign''s max_bonus_tickets.';
GRANT INSERT (ticket_multiplier), UPDATE (ticket_multiplier) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (ticket_multiplier) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (content_rating), UPDATE (content_rating) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (content_rating) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (languages), UPDATE (languages) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (languages) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT INSERT (status), UPDATE (status) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (status) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT UPDATE (approval_status) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (approval_status) ON TABLE ad_schema.advertisements TO ads_ro;
COMMENT ON COLUMN ad_schema.advertisements.reviewed_by IS 'Personal data: the user (public id) who approved or rejected it.';
GRANT UPDATE (reviewed_by) ON TABLE ad_schema.advertisements TO ads_app;
GRANT UPDATE (reviewed_at) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (reviewed_at) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT UPDATE (rejection_reason) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (rejection_reason) ON TABLE ad_schema.advertisements TO ads_ro;
COMMENT ON COLUMN ad_schema.advertisements.created_by IS 'Personal data: the user (public id) who made it.';
GRANT INSERT (created_by) ON TABLE ad_schema.advertisements TO ads_app;
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (created_at) ON TABLE ad_schema.advertisements TO ads_ro;
GRANT SELECT (updated_at) ON TABLE ad_schema.advertisements TO ads_ro;

CREATE INDEX advertisements_campaign_id_idx ON ad_schema.advertisements USING btree (campaign_id, status);

CREATE INDEX advertisements_pending_created_at_idx ON ad_schema.advertisements USING btree (created_at) WHERE (approval_status = 'PENDING'::text);

CREATE TRIGGER advertisements_record_change AFTER INSERT OR DELETE OR UPDATE ON ad_schema.advertisements FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('public_id');

CREATE TRIGGER advertisements_set_updated_at BEFORE UPDATE ON ad_schema.advertisements FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.advertisers (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    advertiser_code text NOT NULL,
    name text NOT NULL,
    contact_name text,
    contact_email text,
    status text DEFAULT 'ACTIVE'::text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT advertisers_advertiser_code_check CHECK (advertiser_code ~ '^[A-Z0-9][A-Z0-9_-]{2,49}$'::text),
    CONSTRAINT advertisers_advertiser_code_key UNIQUE (advertiser_code),
    CONSTRAINT advertisers_contact_email_check CHECK (contact_email ~ '^[^@[:space:]]+@[^@[:space:].]+([.][^@[:space:].]+)+$'::text AND length(contact_email) <= 254),
    CONSTRAINT advertisers_contact_name_check CHECK (btrim(contact_name) <> ''::text AND length(contact_name) <= 120),
    CONSTRAINT advertisers_metadata_check CHECK (jsonb_typeof(metadata) = 'object'::text),
    CONSTRAINT advertisers_name_check CHECK (btrim(name) <> ''::text AND length(name) <= 120),
    CONSTRAINT advertisers_pk PRIMARY KEY (id),
    CONSTRAINT advertisers_status_check CHECK (status = ANY (ARRAY['ACTIVE'::text, 'SUSPENDED'::text, 'CLOSED'::text]))
);
COMMENT ON TABLE ad_schema.advertisers IS 'Who pays for campaigns.';
GRANT SELECT ON TABLE ad_schema.advertisers TO ads_app;
GRANT SELECT (id) ON TABLE ad_schema.advertisers TO ads_ro;
GRANT INSERT (advertiser_code) ON TABLE ad_schema.advertisers TO ads_app;
GRANT SELECT (advertiser_code) ON TABLE ad_schema.advertisers TO ads_ro;
GRANT INSERT (name), UPDATE (name) ON TABLE ad_schema.advertisers TO ads_app;
GRANT SELECT (name) ON TABLE ad_schema.advertisers TO ads_ro;
COMMENT ON COLUMN ad_schema.advertisers.contact_name IS 'Personal data: the person to talk to at the advertiser.';
GRANT INSERT (contact_name), UPDATE (contact_name) ON TABLE ad_schema.advertisers TO ads_app;
COMMENT ON COLUMN ad_schema.advertisers.contact_email IS 'Personal data: mail address of that person.';
GRANT INSERT (contact_email), UPDATE (contact_email) ON TABLE ad_schema.advertisers TO ads_app;
GRANT INSERT (status), UPDATE (status) ON TABLE ad_schema.advertisers TO ads_app;
GRANT SELECT (status) ON TABLE ad_schema.advertisers TO ads_ro;
GRANT INSERT (metadata), UPDATE (metadata) ON TABLE ad_schema.advertisers TO ads_app;
GRANT SELECT (created_at) ON TABLE ad_schema.advertisers TO ads_ro;
GRANT SELECT (updated_at) ON TABLE ad_schema.advertisers TO ads_ro;

CREATE TRIGGER advertisers_record_change AFTER INSERT OR DELETE OR UPDATE ON ad_schema.advertisers FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('advertiser_code');

CREATE TRIGGER advertisers_set_updated_at BEFORE UPDATE ON ad_schema.advertisers FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

ALTER TABLE ad_schema.ad_analytics ADD CONSTRAINT ad_analytics_advertisement_id_fk FOREIGN KEY (advertisement_id) REFERENCES ad_schema.advertisements(id) ON DELETE RESTRICT;

ALTER TABLE ad_schema.ad_campaign_budget_shards ADD CONSTRAINT ad_campaign_budget_shards_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES ad_schema.ad_campaigns(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_campaign_targets ADD CONSTRAINT ad_campaign_targets_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES ad_schema.ad_campaigns(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_campaign_windows ADD CONSTRAINT ad_campaign_windows_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES ad_schema.ad_campaigns(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_campaigns ADD CONSTRAINT ad_campaigns_advertiser_id_fk FOREIGN KEY (advertiser_id) REFERENCES ad_schema.advertisers(id) ON DELETE RESTRICT;

ALTER TABLE ad_schema.ad_engagements ADD CONSTRAINT ad_engagements_advertisement_id_fk FOREIGN KEY (advertisement_id) REFERENCES ad_schema.advertisements(id) ON DELETE RESTRICT;

ALTER TABLE ad_schema.ad_frequency_counters ADD CONSTRAINT ad_frequency_counters_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES ad_schema.ad_campaigns(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_view_tokens ADD CONSTRAINT ad_view_tokens_advertisement_id_fk FOREIGN KEY (advertisement_id) REFERENCES ad_schema.advertisements(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_view_tokens ADD CONSTRAINT ad_view_tokens_engagement_id_fk FOREIGN KEY (engagement_id) REFERENCES ad_schema.ad_engagements(id) ON DELETE RESTRICT;

ALTER TABLE ad_schema.advertisements ADD CONSTRAINT advertisements_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES ad_schema.ad_campaigns(id) ON DELETE RESTRICT;

RESET ROLE;
