-- The schema ad_schema, as `vuelo dump` writes it. Change the migrations, not this file.
SET check_function_bodies = off;
SET search_path = pg_catalog;
CREATE SCHEMA ad_schema AUTHORIZATION ads_owner;
SET ROLE ads_owner;
GRANT USAGE ON SCHEMA ad_schema TO ads_app;
GRANT USAGE ON SCHEMA ad_schema TO ads_ro;

CREATE TYPE ad_schema.view_figures AS (
    starts bigint,
    first_quartiles bigint,
    midpoints bigint,
    third_quartiles bigint,
    completions bigint,
    skips bigint,
    failures bigint,
    abandons bigint,
    rejections bigint,
    clicks bigint,
    watched_s numeric,
    bonus_tickets bigint,
    cost numeric,
    rejected_cost numeric,
    scored_engagements bigint,
    quality_score_sum bigint,
    fraud_score_sum bigint
);
COMMENT ON TYPE ad_schema.view_figures IS 'What views add to the figures of a day, or take away.';

CREATE OR REPLACE FUNCTION ad_schema.begin_view(p_token_hash bytea, p_user_id uuid, p_visible_percent integer, p_is_muted boolean)
 RETURNS TABLE(outcome text, facts jsonb)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
DECLARE
    v_token ad_schema.ad_view_tokens;
    v_redemption ad_schema.ad_redemptions;
    v_campaign_id bigint;
    v_id bigint;
    v_view uuid;
BEGIN
    SELECT * INTO v_token FROM ad_schema.ad_view_tokens AS t
     WHERE t.token_hash = p_token_hash AND t.user_id = p_user_id FOR NO KEY UPDATE;
    IF NOT FOUND OR v_token.expires_at <= now() AND v_token.consumed_at IS NULL THEN
        RETURN QUERY SELECT 'NO_TOKEN', NULL::jsonb;
        RETURN;
    ELSIF v_token.consumed_at IS NOT NULL THEN
        RETURN QUERY
        SELECT 'TOKEN_USED', ad_schema.view_facts(e.public_id)
          FROM ad_schema.ad_engagements AS e WHERE e.id = v_token.engagement_id;
        RETURN;
    END IF;
    -- One that was left open in a tab or a telephone without battery does not stand in the way for long.
    -- Locked before the redemption, as its end does.
    SELECT e.id, e.public_id INTO v_id, v_view
      FROM ad_schema.ad_engagements AS e WHERE e.user_id = p_user_id AND e.status = 'STARTED' FOR NO KEY UPDATE;
    IF FOUND THEN
        IF EXISTS (
            SELECT FROM ad_schema.ad_view_states AS s CROSS JOIN ad_schema.ad_view_rules AS r
             WHERE s.engagement_id = v_id AND s.seen_at > now() - make_interval(secs => r.longest_silence_s)) THEN
            RETURN QUERY SELECT 'RUNNING', ad_schema.view_facts(v_view);
            RETURN;
        END IF;
        PERFORM ad_schema.end_silent_view(v_id);
    END IF;
    IF v_token.transaction_reference IS NOT NULL THEN
        -- Shared, so that a cancellation comes before or after the start and not in the middle of it.
        SELECT * INTO v_redemption FROM ad_schema.ad_redemptions AS r
         WHERE r.transaction_reference = v_token.transaction_reference AND r.user_id = p_user_id FOR SHARE;
        IF NOT FOUND OR v_redemption.cancelled_at IS NOT NULL OR v_redemption.bonus_until <= now()
           OR v_redemption.steps_completed <> v_token.chain_step - 1 THEN
            RETURN QUERY SELECT 'NOTHING_TO_MULTIPLY', NULL::jsonb;
            RETURN;
        END IF;
    END IF;
    -- What was handed out before the money was gone is shown no more: nobody would pay for it.
    SELECT a.campaign_id INTO STRICT v_campaign_id
      FROM ad_schema.advertisements AS a WHERE a.id = v_token.advertisement_id;
    IF EXISTS (
        SELECT FROM ad_schema.judge_budget(v_campaign_id, now()) AS money
         WHERE money.reason IN ('TOTAL_BUDGET', 'DAILY_BUDGET')) THEN
        RETURN QUERY SELECT 'BUDGET_SPENT', NULL::jsonb;
        RETURN;
    END IF;
    INSERT INTO ad_schema.ad_engagements
           (advertisement_id, user_id, transaction_reference, chain_step, station_code, base_tickets)
    VALUES (v_token.advertisement_id, p_user_id, v_token.transaction_reference, v_token.chain_step,
            v_redemption.station_code, coalesce(v_redemption.base_tickets, 0))
    RETURNING id, public_id INTO v_id, v_view;
    INSERT INTO ad_schema.ad_view_states (engagement_id, visible_percent, is_muted)
    VALUES (v_id, p_visible_percent, p_is_muted);
    INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, details)
    VALUES (v_id, 'START',
            jsonb_build_object('playing', true, 'visible', p_visible_percent, 'muted', p_is_muted));
    UPDATE ad_schema.ad_view_tokens SET consumed_at = now(), engagement_id = v_id WHERE id = v_token.id;
    RETURN QUERY SELECT 'STARTED', ad_schema.view_facts(v_view);
END
$function$;
COMMENT ON FUNCTION ad_schema.begin_view(p_token_hash bytea, p_user_id uuid, p_visible_percent integer, p_is_muted boolean) IS 'Starts the view that a token is for. STARTED; NO_TOKEN: unknown, another''s or over; TOKEN_USED with the view that it started; NOTHING_TO_MULTIPLY: the redemption was cancelled, its time is over or the step was done; RUNNING: another view of the user is under way; BUDGET_SPENT: the campaign''s, or the day''s. Raises what breaks the frequency cap, or an advertisement that is shown no more. Locks the token, the user''s running view, the redemption (shared).';
REVOKE EXECUTE ON FUNCTION ad_schema.begin_view(p_token_hash bytea, p_user_id uuid, p_visible_percent integer, p_is_muted boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.begin_view(p_token_hash bytea, p_user_id uuid, p_visible_percent integer, p_is_muted boolean) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.borrow_budget(p_campaign_id bigint, p_day date, p_home integer, p_cost numeric)
 RETURNS smallint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_day date;
    v_home smallint;
    v_lacks numeric;
    v_left numeric;
    v_days date[] := CASE WHEN p_day IS NULL THEN ARRAY[NULL::date] ELSE ARRAY[NULL, p_day] END;
BEGIN
    PERFORM FROM ad_schema.ad_campaigns AS campaign WHERE campaign.id = p_campaign_id FOR NO KEY UPDATE;
    FOREACH v_day IN ARRAY v_days LOOP
        IF NOT EXISTS (
            SELECT FROM ad_schema.ad_campaign_budget_shards AS share
             WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM v_day)
        THEN
            PERFORM ad_schema.deal_budget(p_campaign_id, v_day);
        END IF;
    END LOOP;
    PERFORM FROM ad_schema.ad_campaign_budget_shards AS share
      WHERE share.campaign_id = p_campaign_id AND (share.budget_date IS NULL OR share.budget_date = p_day)
      ORDER BY share.id FOR NO KEY UPDATE;
    SELECT min(budget.remaining) INTO v_left
      FROM (
        SELECT sum(share.allotted - share.spent) AS remaining FROM ad_schema.ad_campaign_budget_shards AS share
         WHERE share.campaign_id = p_campaign_id AND (share.budget_date IS NULL OR share.budget_date = p_day)
         GROUP BY share.budget_date
      ) AS budget;
    IF v_left < p_cost THEN
        UPDATE ad_schema.ad_serving AS serving SET closed_until = judged.closed_until
          FROM ad_schema.judge_budget(p_campaign_id, now()) AS judged
         WHERE serving.campaign_id = p_campaign_id AND serving.closed_until < judged.closed_until;
        RETURN NULL;
    END IF;
    SELECT coalesce(min(share.shard) FILTER (WHERE share.shard = p_home), min(share.shard)) INTO v_home
      FROM ad_schema.ad_campaign_budget_shards AS share
     WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NULL;
    FOREACH v_day IN ARRAY v_days LOOP
        SELECT p_cost - (share.allotted - share.spent) INTO v_lacks
          FROM ad_schema.ad_campaign_budget_shards AS share
         WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM v_day
           AND share.shard = v_home;
        CONTINUE WHEN v_lacks <= 0;
        -- Each lends what it has until enough is there: the first of them all, the last one a part.
        WITH lender AS (
            SELECT share.id, share.allotted - share.spent AS has,
                   sum(share.allotted - share.spent) OVER (ORDER BY share.allotted - share.spent DESC, share.id) AS until
              FROM ad_schema.ad_campaign_budget_shards AS share
             WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM v_day
               AND share.shard <> v_home
        )
        UPDATE ad_schema.ad_campaign_budget_shards AS share
           SET allotted = share.allotted - least(lender.has, v_lacks - (lender.until - lender.has))
          FROM lender
         WHERE share.id = lender.id AND lender.until - lender.has < v_lacks AND lender.has > 0;
        UPDATE ad_schema.ad_campaign_budget_shards AS share
           SET allotted = share.allotted + v_lacks
         WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM v_day
           AND share.shard = v_home;
    END LOOP;
    RETURN v_home;
END
$function$;
COMMENT ON FUNCTION ad_schema.borrow_budget(p_campaign_id bigint, p_day date, p_home integer, p_cost numeric) IS 'The viewer''s own share, filled from the others until it holds the cost; NULL when all together do not, and then the campaign is closed for serving. Deals shares that nobody dealt. Locks the campaign, then all its shares.';
REVOKE EXECUTE ON FUNCTION ad_schema.borrow_budget(p_campaign_id bigint, p_day date, p_home integer, p_cost numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.borrow_budget(p_campaign_id bigint, p_day date, p_home integer, p_cost numeric) TO ads_app;

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

CREATE OR REPLACE FUNCTION ad_schema.close_spent()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- Rows that somebody works at are passed over, because whoever changes a campaign waits for its shares afterwards.
    WITH paid AS MATERIALIZED (
        SELECT DISTINCT advertisement.campaign_id
          FROM ended_rows AS ended
          JOIN running_rows AS running ON running.id = ended.id
          JOIN ad_schema.advertisements AS advertisement ON advertisement.id = ended.advertisement_id
         WHERE running.status = 'STARTED' AND ended.status = 'COMPLETED' AND ended.cost > 0
    ), due AS MATERIALIZED (
        SELECT serving.advertisement_id, judged.closed_until
          FROM paid
         CROSS JOIN LATERAL ad_schema.judge_budget(paid.campaign_id, now()) AS judged
          JOIN ad_schema.ad_serving AS serving ON serving.campaign_id = paid.campaign_id
         WHERE serving.closed_until < judged.closed_until AND judged.closed_until > now()
         ORDER BY serving.advertisement_id
           FOR NO KEY UPDATE OF serving SKIP LOCKED
    )
    UPDATE ad_schema.ad_serving AS serving SET closed_until = due.closed_until
      FROM due WHERE serving.advertisement_id = due.advertisement_id;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION ad_schema.close_spent() IS 'Closes a campaign for serving when a completed view has spent what may be spent until then. Runs after the charge.';
REVOKE EXECUTE ON FUNCTION ad_schema.close_spent() FROM PUBLIC;

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

CREATE OR REPLACE FUNCTION ad_schema.deal_budget(p_campaign_id bigint, p_day date)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_budget numeric;
    v_cost numeric;
    v_unit numeric;
    v_count integer;
    v_units bigint;
    v_spent numeric;
    v_before numeric := 0;
BEGIN
    -- The campaign before its shares, always: who lends does it in this order as well.
    SELECT CASE WHEN p_day IS NULL THEN campaign.total_budget ELSE campaign.daily_budget END,
           greatest(campaign.cost_per_engagement, 0.01), CASE campaign.currency WHEN 'CRC' THEN 1 ELSE 0.01 END,
           -- No more shares than have room for some views each: a small budget is not worth the crowd.
           least(16, greatest(1, floor(coalesce(campaign.daily_budget, campaign.total_budget)
               / greatest(campaign.cost_per_engagement, 0.01) / 8)))
      INTO v_budget, v_cost, v_unit, v_count
      FROM ad_schema.ad_campaigns AS campaign WHERE campaign.id = p_campaign_id FOR NO KEY UPDATE;
    IF v_budget IS NULL THEN
        RETURN;
    END IF;
    -- The total budget's number of shares is everybody's: a view charges the same number in both.
    SELECT coalesce(nullif(count(*), 0), v_count) INTO v_count
      FROM ad_schema.ad_campaign_budget_shards AS share
     WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NULL;
    PERFORM FROM ad_schema.ad_campaign_budget_shards AS share
      WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM p_day
      ORDER BY share.id FOR NO KEY UPDATE;
    SELECT coalesce(sum(share.spent), 0) INTO v_spent
      FROM ad_schema.ad_campaign_budget_shards AS share
     WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NOT DISTINCT FROM p_day;
    -- What views cost on this day while it had no budget of its own, no share of it was charged with.
    IF p_day IS NOT NULL THEN
        SELECT greatest(0, coalesce(sum(engagement.cost), 0) - v_spent) INTO v_before
          FROM ad_schema.ad_campaigns AS campaign
          JOIN ad_schema.advertisements AS advertisement ON advertisement.campaign_id = campaign.id
          JOIN ad_schema.ad_engagements AS engagement ON engagement.advertisement_id = advertisement.id
         WHERE campaign.id = p_campaign_id AND engagement.cost > 0
           -- a view that ends on a day began on it or the day before
           AND engagement.started_at >= (p_day - 1)::timestamp AT TIME ZONE campaign.time_zone
           AND engagement.finished_at >= p_day::timestamp AT TIME ZONE campaign.time_zone
           AND engagement.finished_at < (p_day + 1)::timestamp AT TIME ZONE campaign.time_zone;
    END IF;
    v_units := CASE WHEN v_budget < v_spent THEN -1 ELSE floor(greatest(0, v_budget - v_spent - v_before) / v_unit) END;
    IF v_units < 0 THEN
        RAISE EXCEPTION 'more is spent already than this budget'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_campaigns_budget_below_spent_check',
                SCHEMA = 'ad_schema', TABLE = 'ad_campaigns';
    END IF;
    INSERT INTO ad_schema.ad_campaign_budget_shards AS share (campaign_id, budget_date, shard, allotted)
    SELECT p_campaign_id, p_day, part.shard,
           coalesce(known.spent, 0) + v_unit * (v_units / v_count + (part.shard < v_units % v_count)::integer)
      FROM generate_series(0, v_count - 1) AS part (shard)
      LEFT JOIN ad_schema.ad_campaign_budget_shards AS known
        ON known.campaign_id = p_campaign_id AND known.budget_date IS NOT DISTINCT FROM p_day
       AND known.shard = part.shard
    ON CONFLICT ON CONSTRAINT ad_campaign_budget_shards_campaign_id_budget_date_shard_key DO UPDATE
       SET allotted = excluded.allotted WHERE share.allotted <> excluded.allotted;
    UPDATE ad_schema.ad_serving AS serving SET closed_until = judged.closed_until
      FROM ad_schema.judge_budget(p_campaign_id, now()) AS judged
     WHERE serving.campaign_id = p_campaign_id AND serving.closed_until <> judged.closed_until;
END
$function$;
COMMENT ON FUNCTION ad_schema.deal_budget(p_campaign_id bigint, p_day date) IS 'Deals what is left of a campaign''s total budget (p_day NULL) or of a day''s evenly to its shares, at first or when the budget has changed, and closes or opens the campaign for serving accordingly. A day that had no budget at first has spent already what its views cost. Locks the campaign, then the shares, then what serving looks at of it. Refuses a budget below what is spent.';
REVOKE EXECUTE ON FUNCTION ad_schema.deal_budget(p_campaign_id bigint, p_day date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.deal_budget(p_campaign_id bigint, p_day date) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.decide_view_review(p_view uuid, p_is_accepted boolean, p_by uuid, p_note text)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
DECLARE
    v ad_schema.ad_engagements;
    v_status text;
BEGIN
    SELECT * INTO v FROM ad_schema.ad_engagements WHERE public_id = p_view FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'UNKNOWN';
    END IF;
    SELECT r.status INTO v_status FROM ad_schema.ad_view_reviews AS r WHERE r.engagement_id = v.id FOR NO KEY UPDATE;
    IF v_status <> 'PENDING' OR v.status <> 'COMPLETED' OR v_status IS NULL AND p_is_accepted THEN
        RETURN CASE WHEN v_status = 'REJECTED' OR v.status = 'REJECTED' THEN 'REJECTED_BEFORE'
                    WHEN v_status = 'ACCEPTED' AND p_is_accepted THEN 'ACCEPTED_BEFORE'
                    WHEN v_status IS NULL THEN 'NOT_IN_QUEUE'
                    ELSE 'DECIDED' END;
    END IF;
    INSERT INTO ad_schema.ad_view_reviews AS r
           (engagement_id, status, fraud_score, findings, bonus_taken_back, decided_by, decided_at, note)
    VALUES (v.id, CASE WHEN p_is_accepted THEN 'ACCEPTED' ELSE 'REJECTED' END, coalesce(v.fraud_score, 0), '{}',
            CASE WHEN p_is_accepted THEN 0 ELSE v.bonus_tickets END, p_by, now(), p_note)
    ON CONFLICT (engagement_id) DO UPDATE
       SET status = excluded.status, bonus_taken_back = excluded.bonus_taken_back, decided_by = excluded.decided_by,
           decided_at = excluded.decided_at, note = excluded.note;
    IF p_is_accepted THEN
        RETURN 'ACCEPTED';
    END IF;
    UPDATE ad_schema.ad_engagements SET status = 'REJECTED', bonus_tickets = 0 WHERE id = v.id;
    INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, position_s, details)
    VALUES (v.id, 'REJECT', v.watched_s, '{"playing": false}');
    INSERT INTO ad_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    VALUES ('ad.view.rejected', 'ad_view', v.public_id::text,
            jsonb_build_object(
                'view_id', v.public_id, 'user_id', v.user_id, 'reference', v.transaction_reference,
                'chain_step', v.chain_step, 'bonus_tickets', v.bonus_tickets));
    RETURN 'REJECTED';
END
$function$;
COMMENT ON FUNCTION ad_schema.decide_view_review(p_view uuid, p_is_accepted boolean, p_by uuid, p_note text) IS 'A person decides about a completed view: ACCEPTED, or REJECTED, which takes its bonus back by event and gives its cost back to the budget. One that is not in the queue can be rejected too. ACCEPTED_BEFORE, REJECTED_BEFORE and DECIDED change nothing, NOT_IN_QUEUE neither; UNKNOWN. Locks the view, its campaign, the shares that it charged.';
REVOKE EXECUTE ON FUNCTION ad_schema.decide_view_review(p_view uuid, p_is_accepted boolean, p_by uuid, p_note text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.decide_view_review(p_view uuid, p_is_accepted boolean, p_by uuid, p_note text) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.drop_view_events(p_months_kept integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_first_kept text;
    v_partition text;
    v_count integer := 0;
BEGIN
    IF p_months_kept NOT BETWEEN 3 AND 120 THEN
        RAISE EXCEPTION 'months kept must be 3 to 120, not %', p_months_kept USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- A month goes whole. Its lock keeps writers out for milliseconds, and is not waited for behind a long reader.
    PERFORM set_config('lock_timeout', '2s', true);
    v_first_kept := 'ad_engagement_events'
        || to_char((now() AT TIME ZONE 'UTC') - make_interval(months => p_months_kept), '"_"YYYY"_"MM');
    FOR v_partition IN
        SELECT c.relname
          FROM pg_inherits AS i
          JOIN pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'ad_schema.ad_engagement_events'::regclass AND c.relname < v_first_kept
         ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE ad_schema.%I', v_partition);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION ad_schema.drop_view_events(p_months_kept integer) IS 'Drops what happened during views in months before the last p_months_kept; returns how many months. Raises lock_not_available where somebody reads for longer than two seconds.';
REVOKE EXECUTE ON FUNCTION ad_schema.drop_view_events(p_months_kept integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.drop_view_events(p_months_kept integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.end_silent_view(p_engagement_id bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- Who has watched enough and then closed the player did the part: the tickets are earned, and paid for.
    IF EXISTS (
        SELECT FROM ad_schema.ad_engagements AS e
         WHERE e.id = p_engagement_id AND e.completion_percentage >= e.completion_threshold_percent) THEN
        PERFORM ad_schema.settle_view(p_engagement_id);
    ELSE
        PERFORM ad_schema.end_view(p_engagement_id, 'EXPIRED', 'EXPIRE');
    END IF;
END
$function$;
COMMENT ON FUNCTION ad_schema.end_silent_view(p_engagement_id bigint) IS 'Ends a view of which nothing is heard any more: settled where enough of it was watched, EXPIRED otherwise. The caller holds the view''s lock; locks as settle_view does.';
REVOKE EXECUTE ON FUNCTION ad_schema.end_silent_view(p_engagement_id bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.end_silent_view(p_engagement_id bigint) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.end_view(p_engagement_id bigint, p_status text, p_event text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, position_s, details)
    SELECT engagement.id, p_event, engagement.watched_s, '{"playing": false}'
      FROM ad_schema.ad_engagements AS engagement WHERE engagement.id = p_engagement_id;
    UPDATE ad_schema.ad_engagements SET status = p_status WHERE id = p_engagement_id;
    DELETE FROM ad_schema.ad_view_states WHERE engagement_id = p_engagement_id;
END
$function$;
COMMENT ON FUNCTION ad_schema.end_view(p_engagement_id bigint, p_status text, p_event text) IS 'Ends a running view that earns nothing. The caller holds the view''s lock.';
REVOKE EXECUTE ON FUNCTION ad_schema.end_view(p_engagement_id bigint, p_status text, p_event text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.end_view(p_engagement_id bigint, p_status text, p_event text) TO ads_app;

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

CREATE OR REPLACE FUNCTION ad_schema.expire_views(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_id bigint;
    v_count integer := 0;
BEGIN
    FOR v_id IN
        SELECT e.id
          FROM ad_schema.ad_view_states AS s
          JOIN ad_schema.ad_engagements AS e ON e.id = s.engagement_id
         WHERE s.seen_at <= now() - make_interval(secs => (SELECT idle_seconds FROM ad_schema.ad_view_rules))
           AND e.completion_percentage < e.completion_threshold_percent
         ORDER BY s.seen_at
         LIMIT p_limit
           FOR NO KEY UPDATE OF e SKIP LOCKED
    LOOP
        PERFORM ad_schema.end_view(v_id, 'EXPIRED', 'EXPIRE');
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION ad_schema.expire_views(p_limit integer) IS 'Ends at most so many views of which nothing is heard any more and not enough was watched; how many. Leaves alone what somebody is at.';
REVOKE EXECUTE ON FUNCTION ad_schema.expire_views(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.expire_views(p_limit integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.finish_view(p_view uuid, p_user_id uuid, p_sequence integer, p_position_s numeric, p_visible_percent integer, p_is_muted boolean)
 RETURNS TABLE(outcome text, facts jsonb)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
DECLARE
    v_outcome text;
    v record;
BEGIN
    SELECT r.outcome INTO v_outcome
      FROM ad_schema.report_view(
               p_view, p_user_id, p_sequence, 'HEARTBEAT', p_position_s, p_visible_percent, p_is_muted) AS r;
    SELECT e.id, e.status, e.completion_percentage >= e.completion_threshold_percent AS is_watched INTO v
      FROM ad_schema.ad_engagements AS e WHERE e.public_id = p_view AND e.user_id = p_user_id;
    -- What was asked before has its answer.
    IF v_outcome = 'ENDED' AND v.status IN ('COMPLETED', 'REJECTED') THEN
        v_outcome := v.status;
    ELSIF v_outcome IN ('TAKEN', 'REPEATED', 'TOO_MANY') THEN
        v_outcome := CASE WHEN v.is_watched THEN ad_schema.settle_view(v.id) ELSE 'NOT_WATCHED' END;
    END IF;
    RETURN QUERY SELECT v_outcome, ad_schema.view_facts(p_view) WHERE v_outcome <> 'UNKNOWN'
       UNION ALL SELECT v_outcome, NULL::jsonb WHERE v_outcome = 'UNKNOWN';
END
$function$;
COMMENT ON FUNCTION ad_schema.finish_view(p_view uuid, p_user_id uuid, p_sequence integer, p_position_s numeric, p_visible_percent integer, p_is_muted boolean) IS 'The player says that the advertisement is over. COMPLETED and REJECTED, also when it was said before; NOT_WATCHED: by the server''s clock not far enough yet; ENDED otherwise; UNKNOWN, also for another''s. Locks as settle_view does.';
REVOKE EXECUTE ON FUNCTION ad_schema.finish_view(p_view uuid, p_user_id uuid, p_sequence integer, p_position_s numeric, p_visible_percent integer, p_is_muted boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.finish_view(p_view uuid, p_user_id uuid, p_sequence integer, p_position_s numeric, p_visible_percent integer, p_is_muted boolean) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.fold_analytics(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_as_of timestamptz;
    v_changes ad_schema.ad_analytics_changes[];
    v_advertisements bigint[];
    v_dates date[];
    v_date date;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM ad_schema.ad_analytics_states AS s WHERE s.report_name = 'ad_analytics' FOR UPDATE;
    -- Before the next statements look, so that nothing committed by then is missed.
    v_as_of := clock_timestamp();
    -- An end is noted, and committed, before a correction of it: it is folded no later, so no figure is ever negative.
    WITH taken AS (
        DELETE FROM ad_schema.ad_analytics_changes AS c
         USING (SELECT o.id FROM ad_schema.ad_analytics_changes AS o ORDER BY o.id LIMIT p_limit) AS d
         WHERE c.id = d.id
        RETURNING c
    )
    SELECT coalesce(array_agg(t.c), '{}') INTO v_changes FROM taken AS t;
    -- A minute for whoever began before the end of a token and uses it after.
    WITH lapsed AS (
        UPDATE ad_schema.ad_view_tokens AS k
           SET is_lapsed = true
         WHERE k.id IN (
               SELECT o.id FROM ad_schema.ad_view_tokens AS o
                WHERE o.consumed_at IS NULL AND NOT o.is_lapsed AND o.expires_at < now() - interval '1 minute'
                ORDER BY o.expires_at LIMIT p_limit
                  FOR UPDATE SKIP LOCKED)
        RETURNING k.advertisement_id, (k.created_at AT TIME ZONE 'UTC')::date AS analytics_date
    )
    SELECT coalesce(array_agg(l.advertisement_id), '{}'), coalesce(array_agg(l.analytics_date), '{}')
      INTO v_advertisements, v_dates
      FROM lapsed AS l;
    FOR v_date IN
        SELECT DISTINCT date_trunc('month', d.day)::date
          FROM (SELECT (c.noted).analytics_date AS day FROM (SELECT unnest(v_changes) AS noted) AS c
                 UNION SELECT unnest(v_dates)) AS d
    LOOP
        PERFORM ad_schema.ensure_month_partitions('ad_analytics', v_date, v_date + 1)
          WHERE to_regclass('ad_schema.ad_analytics' || to_char(v_date, '"_"YYYY"_"MM')) IS NULL;
    END LOOP;
    WITH met AS (
        INSERT INTO ad_schema.ad_viewer_days (advertisement_id, analytics_date, user_id)
        SELECT DISTINCT (c.noted).advertisement_id, (c.noted).analytics_date, (c.noted).user_id
          FROM (SELECT unnest(v_changes) AS noted) AS c
         WHERE (c.noted).is_first
        ON CONFLICT ON CONSTRAINT ad_viewer_days_pk DO NOTHING
        RETURNING advertisement_id, analytics_date
    ), change AS (
        SELECT (c.noted).advertisement_id, (c.noted).analytics_date, (c.noted).currency, ((c.noted).change).*,
               0 AS lapsed, 0 AS unique_users
          FROM (SELECT unnest(v_changes) AS noted) AS c
        UNION ALL
        SELECT l.advertisement_id, l.analytics_date, NULL, (ad_schema.figures_of(NULL)).*, 1, 0
          FROM unnest(v_advertisements, v_dates) AS l (advertisement_id, analytics_date)
        UNION ALL
        SELECT m.advertisement_id, m.analytics_date, NULL, (ad_schema.figures_of(NULL)).*, 0, 1 FROM met AS m
    ), summed AS (
        SELECT c.advertisement_id, c.analytics_date, max(c.currency) AS currency, sum(c.starts + c.lapsed) AS impressions,
               sum(c.starts) AS starts, sum(c.first_quartiles) AS first_quartiles, sum(c.midpoints) AS midpoints,
               sum(c.third_quartiles) AS third_quartiles, sum(c.completions) AS completions, sum(c.skips) AS skips,
               sum(c.failures) AS failures, sum(c.abandons) AS abandons, sum(c.rejections) AS rejections,
               sum(c.clicks) AS clicks, sum(c.unique_users) AS unique_users, sum(c.watched_s) AS watched_s,
               sum(c.bonus_tickets) AS bonus_tickets, sum(c.cost) AS cost, sum(c.rejected_cost) AS rejected_cost,
               sum(c.scored_engagements) AS scored_engagements, sum(c.quality_score_sum) AS quality_score_sum,
               sum(c.fraud_score_sum) AS fraud_score_sum
          FROM change AS c
         GROUP BY c.advertisement_id, c.analytics_date
    )
    MERGE INTO ad_schema.ad_analytics AS a
    USING (
        SELECT s.*, p.currency AS campaign_currency
          FROM summed AS s
          JOIN ad_schema.advertisements AS d ON d.id = s.advertisement_id
          JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id) AS n
       ON (a.advertisement_id, a.analytics_date) = (n.advertisement_id, n.analytics_date)
     WHEN MATCHED THEN UPDATE
      SET impressions = a.impressions + n.impressions,
          starts = a.starts + n.starts,
          first_quartiles = a.first_quartiles + n.first_quartiles,
          midpoints = a.midpoints + n.midpoints,
          third_quartiles = a.third_quartiles + n.third_quartiles,
          completions = a.completions + n.completions,
          skips = a.skips + n.skips,
          failures = a.failures + n.failures,
          abandons = a.abandons + n.abandons,
          rejections = a.rejections + n.rejections,
          clicks = a.clicks + n.clicks,
          unique_users = a.unique_users + n.unique_users,
          watched_s = a.watched_s + n.watched_s,
          bonus_tickets = a.bonus_tickets + n.bonus_tickets,
          cost = a.cost + n.cost,
          rejected_cost = a.rejected_cost + n.rejected_cost,
          scored_engagements = a.scored_engagements + n.scored_engagements,
          quality_score_sum = a.quality_score_sum + n.quality_score_sum,
          fraud_score_sum = a.fraud_score_sum + n.fraud_score_sum
     WHEN NOT MATCHED THEN
        INSERT (advertisement_id, analytics_date, impressions, starts, first_quartiles, midpoints, third_quartiles,
                completions, skips, failures, abandons, rejections, clicks, unique_users, watched_s, bonus_tickets, cost,
                rejected_cost, currency, scored_engagements, quality_score_sum, fraud_score_sum)
        VALUES (n.advertisement_id, n.analytics_date, n.impressions, n.starts, n.first_quartiles, n.midpoints,
                n.third_quartiles, n.completions, n.skips, n.failures, n.abandons, n.rejections, n.clicks,
                n.unique_users, n.watched_s, n.bonus_tickets, n.cost, n.rejected_cost,
                coalesce(n.currency, n.campaign_currency), n.scored_engagements, n.quality_score_sum, n.fraud_score_sum);
    IF greatest(cardinality(v_changes), cardinality(v_dates)) < p_limit THEN
        UPDATE ad_schema.ad_analytics_states AS s SET as_of = v_as_of WHERE s.report_name = 'ad_analytics';
    END IF;
    RETURN cardinality(v_changes) + cardinality(v_dates);
END
$function$;
COMMENT ON FUNCTION ad_schema.fold_analytics(p_limit integer) IS 'Folds the oldest p_limit changes, and as many tokens that nobody used, into the figures; returns how many there were. Fewer than p_limit: all are in. Locks the figures'' state until the transaction ends, so that one folds at a time; holds up no view.';
REVOKE EXECUTE ON FUNCTION ad_schema.fold_analytics(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.fold_analytics(p_limit integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.follow_changes()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_campaign_ids bigint[];
BEGIN
    IF TG_TABLE_NAME = 'advertisers' THEN
        SELECT array_agg(campaign.id) INTO v_campaign_ids
          FROM changed_rows AS changed
          JOIN ad_schema.ad_campaigns AS campaign ON campaign.advertiser_id = changed.id
         WHERE campaign.status = 'ACTIVE';
    ELSIF TG_TABLE_NAME = 'ad_campaigns' THEN
        SELECT array_agg(changed.id) INTO v_campaign_ids FROM changed_rows AS changed;
    ELSE
        SELECT array_agg(DISTINCT changed.campaign_id) INTO v_campaign_ids FROM changed_rows AS changed;
    END IF;
    IF v_campaign_ids IS NOT NULL THEN
        PERFORM ad_schema.refresh_serving(v_campaign_ids);
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION ad_schema.follow_changes() IS 'What changes of a campaign is what serving looks at from then on.';
REVOKE EXECUTE ON FUNCTION ad_schema.follow_changes() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.forget_addresses(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_table text;
    v_first timestamptz;
    v_last timestamptz;
    v_found integer;
    v_count integer := 0;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Two at the same time come one after the other: each looks for what the one before has left.
    PERFORM pg_advisory_xact_lock(hashtextextended('ad_schema.forget_addresses', 0));
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    FOREACH v_table IN ARRAY ARRAY['ad_engagements', 'ad_audit_log'] LOOP
        -- Looked for again where an erasure took some of what was found. A window of time, and no list of keys: months
        -- that it does not touch are not looked at.
        WHILE v_count < p_limit LOOP
            EXECUTE format(
                'SELECT min(o.created_at), max(o.created_at) '
                '  FROM (SELECT a.created_at FROM ad_schema.%I AS a '
                '         WHERE a.created_at < now() - interval ''1 year'' '
                '           AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL) '
                '         ORDER BY a.created_at LIMIT $1) AS o', v_table)
               INTO v_first, v_last USING p_limit - v_count;
            EXIT WHEN v_first IS NULL;
            EXECUTE format(
                'UPDATE ad_schema.%I AS a SET ip_address = NULL, user_agent = NULL '
                ' WHERE a.created_at >= $1 AND a.created_at <= $2 '
                '   AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL)', v_table)
              USING v_first, v_last;
            GET DIAGNOSTICS v_found = ROW_COUNT;
            v_count := v_count + v_found;
        END LOOP;
    END LOOP;
    PERFORM set_config('gasolinera.maintenance', '', true);
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION ad_schema.forget_addresses(p_limit integer) IS 'Takes addresses and user agents out of p_limit views and log entries that are older than a year, the oldest first, and out of those of the same moment as the last. Fewer than p_limit: no more are left, whatever else runs.';
REVOKE EXECUTE ON FUNCTION ad_schema.forget_addresses(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.forget_addresses(p_limit integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.forget_callbacks(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_count integer;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- A network's word is fresh for a day at most: what repeats one of these is refused for its age.
    DELETE FROM ad_schema.ad_network_callbacks AS c
     USING (SELECT o.network_id, o.transaction_id FROM ad_schema.ad_network_callbacks AS o
             WHERE o.created_at < now() - interval '90 days'
             ORDER BY o.created_at LIMIT p_limit FOR UPDATE SKIP LOCKED) AS d
     WHERE (c.network_id, c.transaction_id) = (d.network_id, d.transaction_id);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION ad_schema.forget_callbacks(p_limit integer) IS 'Deletes what networks said more than 90 days ago, so many at most; returns how many.';
REVOKE EXECUTE ON FUNCTION ad_schema.forget_callbacks(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.forget_callbacks(p_limit integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.forget_frequency_counters(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_count integer;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- The longest period but the campaign's own is a month, and no zone is a whole day away.
    DELETE FROM ad_schema.ad_frequency_counters AS c
     USING (SELECT o.id FROM ad_schema.ad_frequency_counters AS o
              JOIN ad_schema.ad_campaigns AS p ON p.id = o.campaign_id
             WHERE o.period_start < now() - interval '33 days'
               AND (p.ends_at < now() - interval '1 day'
                    OR p.frequency_period <> 'CAMPAIGN' OR p.starts_at <> o.period_start)
             ORDER BY o.period_start LIMIT p_limit FOR UPDATE OF o SKIP LOCKED) AS d
     WHERE c.id = d.id;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION ad_schema.forget_frequency_counters(p_limit integer) IS 'Deletes counters of periods that are over, so many at most; returns how many. What counts for a whole campaign stays as long as the campaign.';
REVOKE EXECUTE ON FUNCTION ad_schema.forget_frequency_counters(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.forget_frequency_counters(p_limit integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.forget_multiplied(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_count integer;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM ad_schema.ad_redemptions AS r
     USING (SELECT o.transaction_reference FROM ad_schema.ad_redemptions AS o
             WHERE o.bonus_until < now() - interval '90 days'
             ORDER BY o.bonus_until LIMIT p_limit FOR UPDATE SKIP LOCKED) AS d
     WHERE r.transaction_reference = d.transaction_reference;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION ad_schema.forget_multiplied(p_limit integer) IS 'Deletes redemptions that nothing multiplies since 90 days, so many at most; returns how many.';
REVOKE EXECUTE ON FUNCTION ad_schema.forget_multiplied(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.forget_multiplied(p_limit integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.forget_old_requests(p_at_most integer DEFAULT 10000)
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
    DELETE FROM ad_schema.idempotency_keys
     WHERE key_hash IN (
        SELECT key_hash FROM ad_schema.idempotency_keys
         WHERE created_at < now() - interval '25 hours' ORDER BY created_at LIMIT p_at_most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    DELETE FROM ad_schema.rate_limits
     WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ad_schema.rate_limits
         WHERE window_start < now() - interval '2 days' ORDER BY window_start LIMIT p_at_most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_windows = ROW_COUNT;
    RETURN v_answers + v_windows;
END
$function$;
COMMENT ON FUNCTION ad_schema.forget_old_requests(p_at_most integer) IS 'Deletes answers older than 25 hours and windows that began two days ago (the longest lasts one), so many of each at most; returns how many.';
REVOKE EXECUTE ON FUNCTION ad_schema.forget_old_requests(p_at_most integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.forget_old_requests(p_at_most integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.forget_person(p_user_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_id bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM ad_schema.ad_erased_users AS u WHERE u.user_id = p_user_id) THEN
        RAISE EXCEPTION 'the account of user % is not erased', p_user_id USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT e.id INTO v_id FROM ad_schema.ad_engagements AS e
     WHERE e.user_id = p_user_id AND e.status = 'STARTED' FOR NO KEY UPDATE;
    IF FOUND THEN
        PERFORM ad_schema.end_view(v_id, 'ABANDONED', 'ABANDON');
    END IF;
    UPDATE ad_schema.ad_view_reviews AS r
       SET note = NULL
      FROM ad_schema.ad_engagements AS e
     WHERE e.user_id = p_user_id AND r.engagement_id = e.id AND r.note IS NOT NULL;
    UPDATE ad_schema.ad_network_callbacks AS c
       SET user_id = NULL
      FROM ad_schema.ad_engagements AS e
     WHERE e.user_id = p_user_id AND c.view_id = e.public_id AND c.user_id IS NOT NULL;
    UPDATE ad_schema.ad_engagements AS e
       SET ip_address = NULL, user_agent = NULL, station_code = NULL, metadata = '{}'
     WHERE e.user_id = p_user_id
       AND (num_nonnulls(e.ip_address, e.user_agent, e.station_code) > 0 OR e.metadata <> '{}');
    DELETE FROM ad_schema.ad_frequency_counters AS c WHERE c.user_id = p_user_id;
    DELETE FROM ad_schema.ad_redemptions AS r WHERE r.user_id = p_user_id;
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    UPDATE ad_schema.ad_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.actor = p_user_id::text AND num_nonnulls(a.ip_address, a.user_agent) > 0;
    PERFORM set_config('gasolinera.maintenance', '', true);
END
$function$;
COMMENT ON FUNCTION ad_schema.forget_person(p_user_id uuid) IS 'Forgets where and with what an erased user watched and administered, what others wrote about the views, and what the user could still multiply; ends a view under way. Views, their costs and scores stay, under a public id that names nobody any more, and so do all sums. Tokens and who is counted on a day go by themselves within weeks. Again changes nothing but what came since; refuses for who is not erased.';
REVOKE EXECUTE ON FUNCTION ad_schema.forget_person(p_user_id uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.forget_person(p_user_id uuid) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.forget_view_tokens(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_last timestamptz;
    v_count integer;
BEGIN
    -- What nobody used is an impression: it is counted before it goes.
    PERFORM ad_schema.fold_analytics(p_limit);
    WITH gone AS (
        DELETE FROM ad_schema.ad_view_tokens AS k
         USING (SELECT o.id FROM ad_schema.ad_view_tokens AS o
                 WHERE o.expires_at < now() - interval '8 days' AND (o.is_lapsed OR o.consumed_at IS NOT NULL)
                 ORDER BY o.expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED) AS d
         WHERE k.id = d.id
        RETURNING k.created_at, k.is_lapsed
    )
    SELECT count(*), max(g.created_at) FILTER (WHERE g.is_lapsed) INTO v_count, v_last FROM gone AS g;
    UPDATE ad_schema.ad_analytics_states AS s
       SET impressions_from = (v_last AT TIME ZONE 'UTC')::date + 1
     WHERE s.report_name = 'ad_analytics' AND s.impressions_from <= (v_last AT TIME ZONE 'UTC')::date;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION ad_schema.forget_view_tokens(p_limit integer) IS 'Folds the figures, then deletes at most so many tokens eight days after their end; how many. Locks the figures'' state.';
REVOKE EXECUTE ON FUNCTION ad_schema.forget_view_tokens(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.forget_view_tokens(p_limit integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.forget_viewer_days(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_until date;
    v_count integer;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM ad_schema.ad_analytics_states AS s WHERE s.report_name = 'ad_analytics' FOR UPDATE;
    -- A day with a view that has not ended, or is not folded, still has users to count. One statement: a view that ends
    -- meanwhile is in either place.
    SELECT least(
               (now() AT TIME ZONE 'UTC')::date - 35,
               (SELECT (min(e.started_at) AT TIME ZONE 'UTC')::date FROM ad_schema.ad_engagements AS e
                 WHERE e.status = 'STARTED'),
               (SELECT min(c.analytics_date) FROM ad_schema.ad_analytics_changes AS c))
      INTO v_until;
    DELETE FROM ad_schema.ad_viewer_days AS v
     USING (SELECT o.advertisement_id, o.analytics_date, o.user_id FROM ad_schema.ad_viewer_days AS o
             WHERE o.analytics_date < v_until ORDER BY o.analytics_date LIMIT p_limit) AS d
     WHERE (v.advertisement_id, v.analytics_date, v.user_id) = (d.advertisement_id, d.analytics_date, d.user_id);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION ad_schema.forget_viewer_days(p_limit integer) IS 'Deletes who was counted on days that are 35 days over and have no view under way, so many at most; returns how many. How many they were stays in ad_analytics.';
REVOKE EXECUTE ON FUNCTION ad_schema.forget_viewer_days(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.forget_viewer_days(p_limit integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.fraud_findings(p_engagement_id bigint)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
AS $function$
    SELECT coalesce(jsonb_object_agg(finding.kind, finding.points) FILTER (WHERE finding.points > 0), '{}')
      FROM ad_schema.ad_engagements AS engagement
     CROSS JOIN ad_schema.ad_view_rules AS rules
     CROSS JOIN ad_schema.view_signals(p_engagement_id) AS signal
     CROSS JOIN LATERAL (
        SELECT count(*) AS views FROM ad_schema.ad_engagements AS other
         WHERE other.user_id = engagement.user_id AND other.started_at <= engagement.started_at
           AND other.started_at > engagement.started_at - interval '1 hour'
     ) AS of_user
     CROSS JOIN LATERAL (
        SELECT count(*) AS views FROM ad_schema.ad_engagements AS other
         WHERE other.ip_address = engagement.ip_address AND other.started_at <= engagement.started_at
           AND other.started_at > engagement.started_at - interval '1 hour'
     ) AS of_address
     CROSS JOIN LATERAL (VALUES
        ('FASTER_THAN_TIME', least(60, 20 * signal.ahead_reports)),
        ('HIDDEN', CASE WHEN signal.playing_s >= 2 AND 4 * signal.perceivable_s <= 3 * signal.playing_s
                        THEN round(40 * (1 - signal.perceivable_s / signal.playing_s)) END),
        ('TOO_REGULAR', CASE WHEN signal.heartbeats >= 9 AND signal.heartbeat_deviation_s < 0.005 THEN 25 END),
        ('SILENT', CASE WHEN engagement.duration_s >= 10 AND signal.reports <= 1 AND engagement.verified_at IS NULL
                        THEN 25 END),
        ('USER_RATE', CASE WHEN of_user.views > 2 * rules.user_views_per_hour THEN 60
                           WHEN of_user.views > rules.user_views_per_hour THEN 30 END),
        ('ADDRESS_RATE', CASE WHEN of_address.views > 2 * rules.address_views_per_hour THEN 40
                              WHEN of_address.views > rules.address_views_per_hour THEN 20 END),
        ('CALLBACK_MISMATCH', CASE WHEN signal.mismatches > 0 THEN 50 END)
     ) AS finding (kind, points)
     WHERE engagement.id = p_engagement_id
    $function$;
COMMENT ON FUNCTION ad_schema.fraud_findings(p_engagement_id bigint) IS 'Points by what is suspicious about a view: FASTER_THAN_TIME 20 for each report ahead of the server''s clock, 60 at most; HIDDEN 40 by the part of the playing time that nobody could see, from a quarter on; TOO_REGULAR 25 for nine heartbeats whose distances deviate by less than 5 ms; SILENT 25 where nothing was told between start and end; USER_RATE 30 and ADDRESS_RATE 20 for more views in an hour than the rules say, twice that for twice as many; CALLBACK_MISMATCH 50.';
REVOKE EXECUTE ON FUNCTION ad_schema.fraud_findings(p_engagement_id bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.fraud_findings(p_engagement_id bigint) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.fraud_score(p_findings jsonb)
 RETURNS smallint
 LANGUAGE sql
 IMMUTABLE
AS $function$ SELECT least(100, coalesce(sum(value::integer), 0))::smallint FROM jsonb_each_text(p_findings) $function$;
COMMENT ON FUNCTION ad_schema.fraud_score(p_findings jsonb) IS '0 to 100: the sum of the points that fraud_findings gives.';
REVOKE EXECUTE ON FUNCTION ad_schema.fraud_score(p_findings jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.fraud_score(p_findings jsonb) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.frequency_period_start(p_period text, p_starts_at timestamp with time zone, p_zone text, p_at timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT CASE p_period WHEN 'CAMPAIGN' THEN p_starts_at ELSE date_trunc(lower(p_period), p_at, p_zone) END $function$;
COMMENT ON FUNCTION ad_schema.frequency_period_start(p_period text, p_starts_at timestamp with time zone, p_zone text, p_at timestamp with time zone) IS 'When the period began that a view is counted in: as count_engagements counts.';
REVOKE EXECUTE ON FUNCTION ad_schema.frequency_period_start(p_period text, p_starts_at timestamp with time zone, p_zone text, p_at timestamp with time zone) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.frequency_period_start(p_period text, p_starts_at timestamp with time zone, p_zone text, p_at timestamp with time zone) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.guard_advertisement_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF OLD.status = 'ARCHIVED' AND NEW.status <> 'ARCHIVED' THEN
        RAISE EXCEPTION 'advertisement % is archived', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'advertisements_status_transition_check',
                SCHEMA = 'ad_schema', TABLE = 'advertisements';
    END IF;
    -- What was approved is what is shown: other content is other than what somebody looked at.
    IF (NEW.title, NEW.description, NEW.ad_format, NEW.body_text, NEW.media_url, NEW.media_sha256, NEW.media_type,
            NEW.media_bytes, NEW.click_url, NEW.duration_s, NEW.skip_after_s, NEW.completion_threshold_percent,
            NEW.ticket_multiplier, NEW.content_rating, NEW.languages)
        IS DISTINCT FROM
        (OLD.title, OLD.description, OLD.ad_format, OLD.body_text, OLD.media_url, OLD.media_sha256, OLD.media_type,
            OLD.media_bytes, OLD.click_url, OLD.duration_s, OLD.skip_after_s, OLD.completion_threshold_percent,
            OLD.ticket_multiplier, OLD.content_rating, OLD.languages)
    THEN
        NEW.approval_status := 'PENDING';
        NEW.reviewed_by := NULL;
        NEW.reviewed_at := NULL;
        NEW.rejection_reason := NULL;
        NEW.submitted_at := NULL;
        IF NEW.status <> 'ARCHIVED' THEN
            NEW.status := 'DRAFT';
        END IF;
        -- A job or a command is nobody who could approve.
        NEW.changed_by := substring(
            ad_schema.request_context('actor') FROM '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$')::uuid;
        NEW.changers := CASE OLD.approval_status WHEN 'APPROVED' THEN '{}' ELSE OLD.changers END;
        IF NEW.changed_by <> ALL (NEW.changers) THEN
            NEW.changers := NEW.changers || NEW.changed_by;
        END IF;
    ELSE
        NEW.changed_by := OLD.changed_by;
        NEW.changers := OLD.changers;
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION ad_schema.guard_advertisement_change() IS 'Changed content is a draft again that nobody has approved, and keeps who changed it; what is archived stays so.';
REVOKE EXECUTE ON FUNCTION ad_schema.guard_advertisement_change() FROM PUBLIC;

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
    NEW.rejected_cost := OLD.rejected_cost;
    IF OLD.status = 'COMPLETED' AND NEW.status = 'REJECTED' THEN
        NEW.cost := 0;
        NEW.rejected_cost := OLD.cost;
    END IF;
    IF OLD.status = 'STARTED' AND NEW.status = 'COMPLETED' AND NEW.unbilled_reason IS NULL THEN
        SELECT campaign.cost_per_engagement
          INTO NEW.cost
          FROM ad_schema.advertisements AS advertisement
          JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
         WHERE advertisement.id = OLD.advertisement_id;
    END IF;
    IF OLD.status <> 'STARTED'
        AND (NEW.budget_shard, NEW.unbilled_reason) IS DISTINCT FROM (OLD.budget_shard, OLD.unbilled_reason)
    THEN
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
COMMENT ON FUNCTION ad_schema.guard_engagement_change() IS 'A view ends once, its progress never goes back, what it is a view of never changes; its end and its cost are set, one whose budget was spent meanwhile costs nothing, and neither does one that is rejected after its end.';
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

CREATE OR REPLACE FUNCTION ad_schema.is_perceivable(p_ad_format text, p_visible_percent integer, p_is_muted boolean)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
RETURN CASE p_ad_format WHEN 'AUDIO'::text THEN (NOT p_is_muted) ELSE (p_visible_percent >= 50) END;
COMMENT ON FUNCTION ad_schema.is_perceivable(p_ad_format text, p_visible_percent integer, p_is_muted boolean) IS 'Whether somebody could see it, half the pixels being in view (MRC), or, of audio, hear it.';
REVOKE EXECUTE ON FUNCTION ad_schema.is_perceivable(p_ad_format text, p_visible_percent integer, p_is_muted boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.is_perceivable(p_ad_format text, p_visible_percent integer, p_is_muted boolean) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.judge_budget(p_campaign_id bigint, p_at timestamp with time zone)
 RETURNS TABLE(reason text, closed_until timestamp with time zone)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v record;
    v_local timestamp;
    v_budget numeric;
    v_spent numeric;
    v_left numeric;
    v_passed numeric;
    v_span numeric;
BEGIN
    SELECT campaign.starts_at, campaign.ends_at, campaign.time_zone, campaign.pacing, campaign.total_budget,
           campaign.daily_budget, campaign.cost_per_engagement AS cost
      INTO v
      FROM ad_schema.ad_campaigns AS campaign WHERE campaign.id = p_campaign_id;
    IF v.cost = 0 THEN
        RETURN QUERY SELECT NULL::text, timestamptz '-infinity';
        RETURN;
    END IF;
    v_budget := v.total_budget;
    SELECT coalesce(sum(share.spent), 0), coalesce(sum(share.allotted - share.spent), v_budget)
      INTO v_spent, v_left
      FROM ad_schema.ad_campaign_budget_shards AS share
     WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NULL;
    IF v_left < v.cost THEN
        RETURN QUERY SELECT 'TOTAL_BUDGET', timestamptz 'infinity';
        RETURN;
    END IF;
    v_local := p_at AT TIME ZONE v.time_zone;
    IF v.daily_budget IS NOT NULL THEN
        v_budget := v.daily_budget;
        SELECT coalesce(sum(share.spent), 0), coalesce(sum(share.allotted - share.spent), v_budget)
          INTO v_spent, v_left
          FROM ad_schema.ad_campaign_budget_shards AS share
         WHERE share.campaign_id = p_campaign_id AND share.budget_date = v_local::date;
        IF v_left < v.cost THEN
            RETURN QUERY SELECT 'DAILY_BUDGET', (v_local::date + 1)::timestamp AT TIME ZONE v.time_zone;
            RETURN;
        END IF;
    END IF;
    IF v.pacing = 'EVEN' AND v_spent > 0 THEN
        IF v.daily_budget IS NULL THEN
            v_span := extract(epoch FROM v.ends_at - v.starts_at);
            v_passed := extract(epoch FROM p_at - v.starts_at);
        ELSE
            SELECT sum(extract(epoch FROM piece.until - piece.since)),
                   sum(extract(epoch FROM greatest(least(piece.until, v_local), piece.since) - piece.since))
              INTO v_span, v_passed
              FROM (
                SELECT greatest(v_local::date + shown.from_time, v.starts_at AT TIME ZONE v.time_zone) AS since,
                       least(CASE shown.until_time WHEN '24:00' THEN (v_local::date + 1)::timestamp
                                 ELSE v_local::date + shown.until_time END,
                             v.ends_at AT TIME ZONE v.time_zone) AS until
                  FROM (
                    SELECT w.from_time, w.until_time FROM ad_schema.ad_campaign_windows AS w
                     WHERE w.campaign_id = p_campaign_id AND w.weekday = extract(isodow FROM v_local)
                    UNION ALL
                    SELECT '00:00', '24:00'
                     WHERE NOT EXISTS (
                        SELECT FROM ad_schema.ad_campaign_windows AS w WHERE w.campaign_id = p_campaign_id)
                  ) AS shown
              ) AS piece
             WHERE piece.since < piece.until;
        END IF;
        -- As much as has passed of the time may be spent, and then one view more begun.
        IF v_spent * v_span > v_budget * v_passed THEN
            RETURN QUERY SELECT 'PACING',
                p_at + ((v_spent / v_budget) * v_span - v_passed) * interval '1 second';
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT NULL::text, timestamptz '-infinity';
END
$function$;
COMMENT ON FUNCTION ad_schema.judge_budget(p_campaign_id bigint, p_at timestamp with time zone) IS 'Why a campaign''s money does not let it be shown: TOTAL_BUDGET, DAILY_BUDGET or PACING, and until when at least; NULL: it may be. EVEN without a daily budget spreads the total one over the schedule, else the day''s over the time of the day in which the campaign may be shown. Completed views count, running ones do not.';
REVOKE EXECUTE ON FUNCTION ad_schema.judge_budget(p_campaign_id bigint, p_at timestamp with time zone) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.judge_budget(p_campaign_id bigint, p_at timestamp with time zone) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.microseconds(p_time time without time zone)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ SELECT (extract(epoch FROM p_time) * 1000000)::bigint $function$;
COMMENT ON FUNCTION ad_schema.microseconds(p_time time without time zone) IS 'Since midnight; 24:00 is the end of the day.';
REVOKE EXECUTE ON FUNCTION ad_schema.microseconds(p_time time without time zone) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.microseconds(p_time time without time zone) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.note_for_analytics()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_new ad_schema.view_figures := ad_schema.figures_of(NEW);
    v_old ad_schema.view_figures;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        v_old := ad_schema.figures_of(OLD);
        IF v_new IS NOT DISTINCT FROM v_old THEN
            RETURN NULL;
        END IF;
        v_new := ROW(
            v_new.starts - v_old.starts, v_new.first_quartiles - v_old.first_quartiles,
            v_new.midpoints - v_old.midpoints, v_new.third_quartiles - v_old.third_quartiles,
            v_new.completions - v_old.completions, v_new.skips - v_old.skips, v_new.failures - v_old.failures,
            v_new.abandons - v_old.abandons, v_new.rejections - v_old.rejections, v_new.clicks - v_old.clicks,
            v_new.watched_s - v_old.watched_s, v_new.bonus_tickets - v_old.bonus_tickets, v_new.cost - v_old.cost,
            v_new.rejected_cost - v_old.rejected_cost, v_new.scored_engagements - v_old.scored_engagements,
            v_new.quality_score_sum - v_old.quality_score_sum, v_new.fraud_score_sum - v_old.fraud_score_sum
        )::ad_schema.view_figures;
    END IF;
    INSERT INTO ad_schema.ad_analytics_changes (
        engagement_id, advertisement_id, analytics_date, user_id, currency, is_first, change)
    VALUES (NEW.id, NEW.advertisement_id, (NEW.started_at AT TIME ZONE 'UTC')::date, NEW.user_id, NEW.currency,
            v_new.starts = 1, v_new);
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION ad_schema.note_for_analytics() IS 'What a view changes in the figures, for fold_analytics; nothing while it is under way.';
REVOKE EXECUTE ON FUNCTION ad_schema.note_for_analytics() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.put_network_keys(p_network_id bigint, p_keys_url text, p_key_ids text[], p_public_keys bytea[])
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- One at a time, so that of two sets that come together one is there in the end and no mixture.
    -- What was asked of an address that is the network's no more would bring withdrawn keys back.
    PERFORM FROM ad_schema.ad_networks
      WHERE id = p_network_id AND keys_url = p_keys_url AND is_enabled FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM ad_schema.ad_network_keys WHERE network_id = p_network_id AND key_id <> ALL (p_key_ids);
    INSERT INTO ad_schema.ad_network_keys (network_id, key_id, public_key)
    SELECT p_network_id, fetched.key_id, fetched.public_key
      FROM unnest(p_key_ids, p_public_keys) AS fetched (key_id, public_key)
    ON CONFLICT (network_id, key_id) DO UPDATE SET public_key = excluded.public_key;
    RETURN true;
END
$function$;
COMMENT ON FUNCTION ad_schema.put_network_keys(p_network_id bigint, p_keys_url text, p_key_ids text[], p_public_keys bytea[]) IS 'The keys that a network publishes at this address now, in place of those before. False: the network has another address by now, or is switched off, and nothing is kept. Locks the network.';
REVOKE EXECUTE ON FUNCTION ad_schema.put_network_keys(p_network_id bigint, p_keys_url text, p_key_ids text[], p_public_keys bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.put_network_keys(p_network_id bigint, p_keys_url text, p_key_ids text[], p_public_keys bytea[]) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.quality_score(p_engagement_id bigint)
 RETURNS smallint
 LANGUAGE sql
 STABLE
AS $function$
    SELECT round(
               CASE WHEN signal.longest_perceivable_s
                         >= CASE WHEN advertisement.ad_format IN ('IMAGE', 'TEXT') THEN 1 ELSE 2 END
                    THEN 30 ELSE 0 END
               + 30 * engagement.completion_percentage / 100
               + coalesce(20 * signal.perceivable_s / nullif(signal.playing_s, 0), 0)
               + coalesce(10 * signal.audible_s / nullif(signal.playing_s, 0), 0)
               + CASE WHEN engagement.clicked_at IS NOT NULL THEN 10 WHEN signal.gestures > 0 THEN 5 ELSE 0 END
           )::smallint
      FROM ad_schema.ad_engagements AS engagement
      JOIN ad_schema.advertisements AS advertisement ON advertisement.id = engagement.advertisement_id
     CROSS JOIN ad_schema.view_signals(p_engagement_id) AS signal
     WHERE engagement.id = p_engagement_id
    $function$;
COMMENT ON FUNCTION ad_schema.quality_score(p_engagement_id bigint) IS '0 to 100: 30 when it was viewable (MRC: half the pixels for two seconds on end, one for a picture or a text), 30 by the part that was watched, 20 by the part of the playing time that somebody could see, 10 by the part that could be heard, 10 for a click or 5 for another gesture.';
REVOKE EXECUTE ON FUNCTION ad_schema.quality_score(p_engagement_id bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.quality_score(p_engagement_id bigint) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.rebuild_analytics(p_first_day date, p_last_day date)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_impressions_from date;
    v_known ad_schema.ad_analytics[];
    v_count integer;
BEGIN
    SELECT s.impressions_from INTO v_impressions_from
      FROM ad_schema.ad_analytics_states AS s WHERE s.report_name = 'ad_analytics' FOR UPDATE;
    WITH gone AS (
        DELETE FROM ad_schema.ad_analytics AS a WHERE a.analytics_date BETWEEN p_first_day AND p_last_day RETURNING a)
    SELECT coalesce(array_agg(g.a), '{}') INTO v_known FROM gone AS g;
    DELETE FROM ad_schema.ad_viewer_days AS v WHERE v.analytics_date BETWEEN p_first_day AND p_last_day;
    PERFORM ad_schema.ensure_month_partitions('ad_analytics', m.month, m.month + 1)
       FROM (SELECT DISTINCT date_trunc('month', e.started_at AT TIME ZONE 'UTC')::date AS month
               FROM ad_schema.ad_engagements AS e
              WHERE e.started_at >= p_first_day::timestamp AT TIME ZONE 'UTC'
                AND e.started_at < (p_last_day + 1)::timestamp AT TIME ZONE 'UTC') AS m
      WHERE to_regclass('ad_schema.ad_analytics' || to_char(m.month, '"_"YYYY"_"MM')) IS NULL;
    -- One statement, one moment: what is noted as it sees it is left to be folded; what commits later is noted then.
    WITH ended AS (
        SELECT e.advertisement_id, (e.started_at AT TIME ZONE 'UTC')::date AS analytics_date, e.user_id, e.currency,
               n.engagement_id IS NULL AS is_folded, (ad_schema.figures_of(e)).*
          FROM ad_schema.ad_engagements AS e
          LEFT JOIN ad_schema.ad_analytics_changes AS n ON n.engagement_id = e.id AND n.is_first
         WHERE e.status <> 'STARTED'
           AND e.started_at >= p_first_day::timestamp AT TIME ZONE 'UTC'
           AND e.started_at < (p_last_day + 1)::timestamp AT TIME ZONE 'UTC'
    ), viewer AS (
        INSERT INTO ad_schema.ad_viewer_days (advertisement_id, analytics_date, user_id)
        SELECT DISTINCT e.advertisement_id, e.analytics_date, e.user_id FROM ended AS e WHERE e.is_folded
        RETURNING advertisement_id, analytics_date
    ), fact AS (
        SELECT e.advertisement_id, e.analytics_date, e.currency, 1 AS sign, 0 AS lapsed, 0 AS unique_users,
               e.starts, e.first_quartiles, e.midpoints, e.third_quartiles, e.completions, e.skips, e.failures,
               e.abandons, e.rejections, e.clicks, e.watched_s, e.bonus_tickets, e.cost, e.rejected_cost,
               e.scored_engagements, e.quality_score_sum, e.fraud_score_sum
          FROM ended AS e
        UNION ALL
        SELECT c.advertisement_id, c.analytics_date, c.currency, -1, 0, 0, (c.change).*
          FROM ad_schema.ad_analytics_changes AS c
         WHERE c.analytics_date BETWEEN p_first_day AND p_last_day
        UNION ALL
        SELECT v.advertisement_id, v.analytics_date, NULL, 1, 0, 1, (ad_schema.figures_of(NULL)).* FROM viewer AS v
        UNION ALL
        SELECT k.advertisement_id, (k.created_at AT TIME ZONE 'UTC')::date, p.currency, 1, 1, 0,
               (ad_schema.figures_of(NULL)).*
          FROM ad_schema.ad_view_tokens AS k
          JOIN ad_schema.advertisements AS d ON d.id = k.advertisement_id
          JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
         WHERE k.is_lapsed AND (k.created_at AT TIME ZONE 'UTC')::date BETWEEN p_first_day AND p_last_day
           AND (k.created_at AT TIME ZONE 'UTC')::date >= v_impressions_from
        UNION ALL
        SELECT (k.line).advertisement_id, (k.line).analytics_date, (k.line).currency, 1,
               (k.line).impressions - (k.line).starts, 0, (ad_schema.figures_of(NULL)).*
          FROM (SELECT unnest(v_known) AS line) AS k
         WHERE (k.line).analytics_date < v_impressions_from
    )
    INSERT INTO ad_schema.ad_analytics (
        advertisement_id, analytics_date, currency, impressions, starts, first_quartiles, midpoints, third_quartiles,
        completions, skips, failures, abandons, rejections, clicks, unique_users, watched_s, bonus_tickets, cost,
        rejected_cost, scored_engagements, quality_score_sum, fraud_score_sum)
    SELECT f.advertisement_id, f.analytics_date, max(f.currency), sum(f.sign * f.starts + f.lapsed),
           sum(f.sign * f.starts), sum(f.sign * f.first_quartiles), sum(f.sign * f.midpoints),
           sum(f.sign * f.third_quartiles), sum(f.sign * f.completions), sum(f.sign * f.skips),
           sum(f.sign * f.failures), sum(f.sign * f.abandons), sum(f.sign * f.rejections), sum(f.sign * f.clicks),
           sum(f.unique_users), sum(f.sign * f.watched_s), sum(f.sign * f.bonus_tickets), sum(f.sign * f.cost),
           sum(f.sign * f.rejected_cost), sum(f.sign * f.scored_engagements), sum(f.sign * f.quality_score_sum),
           sum(f.sign * f.fraud_score_sum)
      FROM fact AS f
     GROUP BY f.advertisement_id, f.analytics_date
    HAVING sum(f.sign * f.starts + f.lapsed) > 0;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION ad_schema.rebuild_analytics(p_first_day date, p_last_day date) IS 'Makes the figures of these days anew from the views and tokens, where somebody spoilt them; returns how many lines there are. Reads all their views. Locks the figures'' state, so that nobody folds meanwhile; readers see the old lines until it commits.';
REVOKE EXECUTE ON FUNCTION ad_schema.rebuild_analytics(p_first_day date, p_last_day date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.rebuild_analytics(p_first_day date, p_last_day date) TO ads_app;

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

CREATE OR REPLACE FUNCTION ad_schema.refresh_serving(p_campaign_ids bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- One at a time a campaign: of two changes the one that comes second reads what the first one has written.
    PERFORM FROM ad_schema.ad_campaigns AS campaign
      WHERE campaign.id = ANY (p_campaign_ids) ORDER BY campaign.id FOR NO KEY UPDATE;
    INSERT INTO ad_schema.ad_serving_zones (time_zone)
    SELECT DISTINCT campaign.time_zone FROM ad_schema.ad_campaigns AS campaign
     WHERE campaign.id = ANY (p_campaign_ids)
       AND NOT EXISTS (SELECT FROM ad_schema.ad_serving_zones AS known WHERE known.time_zone = campaign.time_zone)
     ORDER BY campaign.time_zone
    ON CONFLICT DO NOTHING;
    DELETE FROM ad_schema.ad_serving AS serving WHERE serving.campaign_id = ANY (p_campaign_ids);
    INSERT INTO ad_schema.ad_serving (
        advertisement_id, campaign_id, priority, starts_at, ends_at, time_zone, closed_until, rating, languages, windows,
        is_targeted, stations, not_stations, cities, not_cities, states, not_states, fuel_types, not_fuel_types, viewer_languages,
        not_viewer_languages, segments, not_segments)
    SELECT advertisement.id, campaign.id, campaign.priority, campaign.starts_at, campaign.ends_at, campaign.time_zone,
           money.closed_until,
           array_position('{EVERYONE,TEEN,ADULT}', advertisement.content_rating) - 1, advertisement.languages,
           shown.windows, wanted.is_targeted,
           wanted.stations, wanted.not_stations, wanted.cities, wanted.not_cities, wanted.states, wanted.not_states,
           wanted.fuel_types, wanted.not_fuel_types, wanted.viewer_languages, wanted.not_viewer_languages,
           wanted.segments, wanted.not_segments
      FROM ad_schema.ad_campaigns AS campaign
      JOIN ad_schema.advertisers AS advertiser ON advertiser.id = campaign.advertiser_id
      JOIN ad_schema.advertisements AS advertisement ON advertisement.campaign_id = campaign.id
     CROSS JOIN LATERAL (
        SELECT range_agg(int8range(
                   (w.weekday - 1) * 86400000000 + ad_schema.microseconds(w.from_time),
                   (w.weekday - 1) * 86400000000 + ad_schema.microseconds(w.until_time))) AS windows
          FROM ad_schema.ad_campaign_windows AS w WHERE w.campaign_id = campaign.id
     ) AS shown
     CROSS JOIN LATERAL (
        SELECT count(*) > 0 AS is_targeted,
               array_agg(t.value) FILTER (WHERE t.dimension = 'STATION' AND NOT t.is_excluded) AS stations,
               array_agg(t.value) FILTER (WHERE t.dimension = 'STATION' AND t.is_excluded) AS not_stations,
               array_agg(t.value) FILTER (WHERE t.dimension = 'CITY' AND NOT t.is_excluded) AS cities,
               array_agg(t.value) FILTER (WHERE t.dimension = 'CITY' AND t.is_excluded) AS not_cities,
               array_agg(t.value) FILTER (WHERE t.dimension = 'STATE' AND NOT t.is_excluded) AS states,
               array_agg(t.value) FILTER (WHERE t.dimension = 'STATE' AND t.is_excluded) AS not_states,
               array_agg(t.value) FILTER (WHERE t.dimension = 'FUEL_TYPE' AND NOT t.is_excluded) AS fuel_types,
               array_agg(t.value) FILTER (WHERE t.dimension = 'FUEL_TYPE' AND t.is_excluded) AS not_fuel_types,
               array_agg(t.value) FILTER (WHERE t.dimension = 'LANGUAGE' AND NOT t.is_excluded) AS viewer_languages,
               array_agg(t.value) FILTER (WHERE t.dimension = 'LANGUAGE' AND t.is_excluded) AS not_viewer_languages,
               array_agg(t.value) FILTER (WHERE t.dimension = 'SEGMENT' AND NOT t.is_excluded) AS segments,
               array_agg(t.value) FILTER (WHERE t.dimension = 'SEGMENT' AND t.is_excluded) AS not_segments
          FROM ad_schema.ad_campaign_targets AS t WHERE t.campaign_id = campaign.id
     ) AS wanted
     CROSS JOIN LATERAL ad_schema.judge_budget(campaign.id, now()) AS money
     WHERE campaign.id = ANY (p_campaign_ids)
       AND campaign.status = 'ACTIVE' AND advertiser.status = 'ACTIVE'
       AND advertisement.status = 'ACTIVE' AND advertisement.approval_status = 'APPROVED';
END
$function$;
COMMENT ON FUNCTION ad_schema.refresh_serving(p_campaign_ids bigint[]) IS 'Writes what serving looks at of these campaigns anew. Locks the campaigns until the transaction ends.';
REVOKE EXECUTE ON FUNCTION ad_schema.refresh_serving(p_campaign_ids bigint[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.refund_engagement()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_campaign_id bigint;
    v_day date;
BEGIN
    -- The campaign before its shares, as whoever deals or lends them.
    SELECT campaign.id, (OLD.finished_at AT TIME ZONE campaign.time_zone)::date INTO STRICT v_campaign_id, v_day
      FROM ad_schema.advertisements AS advertisement
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
     WHERE advertisement.id = OLD.advertisement_id FOR NO KEY UPDATE OF campaign;
    PERFORM FROM ad_schema.ad_campaign_budget_shards AS share
      WHERE share.campaign_id = v_campaign_id AND share.shard = OLD.budget_shard
        AND (share.budget_date IS NULL OR share.budget_date = v_day)
      ORDER BY share.id FOR NO KEY UPDATE;
    -- Of a day that got its budget or its zone only later the share was not charged, and cannot be below nothing.
    UPDATE ad_schema.ad_campaign_budget_shards AS share
       SET spent = greatest(share.spent - OLD.cost, 0)
     WHERE share.campaign_id = v_campaign_id AND share.shard = OLD.budget_shard
       AND (share.budget_date IS NULL OR share.budget_date = v_day);
    -- There may be money for a view again: the next choice asks.
    UPDATE ad_schema.ad_serving AS serving SET closed_until = '-infinity'
     WHERE serving.campaign_id = v_campaign_id AND serving.closed_until > now();
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION ad_schema.refund_engagement() IS 'A view that is rejected after its completion is not billed: what it charged goes back to its share of the total budget and of the day''s. Locks the campaign, then the shares.';
REVOKE EXECUTE ON FUNCTION ad_schema.refund_engagement() FROM PUBLIC;

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

CREATE OR REPLACE FUNCTION ad_schema.report_view(p_view uuid, p_user_id uuid, p_sequence integer, p_event text, p_position_s numeric, p_visible_percent integer, p_is_muted boolean)
 RETURNS TABLE(outcome text, facts jsonb)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
DECLARE
    v record;
    v_rules ad_schema.ad_view_rules;
    v_passed numeric;
    v_clock numeric;
    v_played numeric;
    v_watched numeric;
    v_percentage numeric;
    v_ahead numeric;
    v_is_watched boolean;
    v_is_playing boolean;
    v_is_hidden boolean;
    v_is_silenced boolean;
    v_is_muted boolean;
    v_visible integer;
    v_event text := p_event;
BEGIN
    -- NO KEY UPDATE OF the view alone: its lock guards the state beside it.
    SELECT e.id, e.status, e.watched_s, e.duration_s, e.completion_threshold_percent, e.quartile, a.ad_format,
           a.skip_after_s
      INTO v
      FROM ad_schema.ad_engagements AS e JOIN ad_schema.advertisements AS a ON a.id = e.advertisement_id
     WHERE e.public_id = p_view AND e.user_id = p_user_id FOR NO KEY UPDATE OF e;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'UNKNOWN', NULL::jsonb;
        RETURN;
    ELSIF v.status <> 'STARTED' THEN
        RETURN QUERY SELECT 'ENDED', ad_schema.view_facts(p_view);
        RETURN;
    END IF;
    SELECT * INTO STRICT v_rules FROM ad_schema.ad_view_rules;
    -- A second query, so that it sees what whoever held the lock before has written.
    DECLARE
        s ad_schema.ad_view_states;
    BEGIN
        SELECT * INTO STRICT s FROM ad_schema.ad_view_states WHERE engagement_id = v.id;
        IF s.seen_at <= now() - make_interval(secs => v_rules.idle_seconds) THEN
            PERFORM ad_schema.end_silent_view(v.id);
            RETURN QUERY SELECT 'ENDED', ad_schema.view_facts(p_view);
            RETURN;
        ELSIF p_sequence <= s.last_sequence THEN
            RETURN QUERY SELECT 'REPEATED', ad_schema.view_facts(p_view);
            RETURN;
        ELSIF s.report_count >= 3000 THEN
            RETURN QUERY SELECT 'TOO_MANY', ad_schema.view_facts(p_view);
            RETURN;
        END IF;
        -- Of two at the same time the later commit may be of the earlier begin: time does not go back.
        v_passed := CASE WHEN s.is_playing THEN greatest(extract(epoch FROM now() - s.seen_at), 0) ELSE 0 END;
        v_clock := s.clock_s + v_passed;
        v_played := s.played_s + CASE WHEN ad_schema.is_perceivable(v.ad_format, s.visible_percent, s.is_muted)
                                      THEN least(v_passed, v_rules.longest_silence_s) ELSE 0 END;
        -- A twentieth of its length, a second at most, is what a player's clock and a slow request may differ by, and
        -- never what is needed alone; two seconds make it suspicious.
        v_watched := greatest(v.watched_s, least(
            p_position_s, v.duration_s,
            v_played + least(1, v.duration_s * 0.05, v.duration_s * v.completion_threshold_percent / 200.0)));
        v_ahead := greatest(least(p_position_s, v.duration_s) - v_clock - 2, 0);
        v_percentage := least(100, round(100 * v_watched / v.duration_s, 2));
        v_is_watched := v_percentage >= v.completion_threshold_percent;
        -- A skip that comes too early is refused and changes nothing about what is shown.
        IF p_event = 'SKIP' AND NOT v_is_watched AND (v.skip_after_s IS NULL OR v_watched < v.skip_after_s) THEN
            v_event := 'HEARTBEAT';
        END IF;
        v_is_playing := CASE WHEN v_event IN ('PAUSE', 'SKIP', 'ABANDON', 'ERROR') THEN false
                             WHEN v_event IN ('RESUME', 'REPLAY') THEN true ELSE s.is_playing END;
        v_is_hidden := p_event = 'HIDE' OR s.is_hidden AND p_event <> 'SHOW';
        v_is_silenced := p_event = 'MUTE' OR s.is_silenced AND p_event <> 'UNMUTE';
        v_visible := CASE WHEN v_is_hidden THEN 0
                          WHEN s.is_hidden OR p_event = 'SHOW' THEN coalesce(p_visible_percent, 100)
                          ELSE coalesce(p_visible_percent, s.visible_percent) END;
        v_is_muted := CASE WHEN v_is_silenced THEN true WHEN p_event = 'UNMUTE' THEN false
                           ELSE coalesce(p_is_muted, s.is_muted) END;
        UPDATE ad_schema.ad_view_states
           SET is_playing = v_is_playing, visible_percent = v_visible, is_muted = v_is_muted, is_hidden = v_is_hidden,
               is_silenced = v_is_silenced, position_s = least(p_position_s, v.duration_s), clock_s = v_clock,
               played_s = v_played, last_sequence = p_sequence, report_count = s.report_count + 1,
               seen_at = greatest(s.seen_at, now())
         WHERE engagement_id = v.id;
    END;
    INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, position_s, details)
    SELECT v.id, step.event_type, least(p_position_s, 600),
           jsonb_strip_nulls(jsonb_build_object(
               'playing', v_is_playing, 'visible', v_visible, 'muted', v_is_muted,
               'ahead_s', CASE WHEN step.place = 4 THEN nullif(v_ahead, 0) END))
      FROM (VALUES (1, 'FIRST_QUARTILE'), (2, 'MIDPOINT'), (3, 'THIRD_QUARTILE'), (4, v_event))
        AS step (place, event_type)
     WHERE step.place = 4 OR step.place > v.quartile AND 25 * step.place <= v_percentage
     ORDER BY step.place;
    IF v_watched > v.watched_s OR p_event = 'CLICK' THEN
        UPDATE ad_schema.ad_engagements AS e
           SET watched_s = v_watched, completion_percentage = v_percentage, quartile = floor(v_percentage / 25),
               clicked_at = CASE WHEN p_event = 'CLICK' THEN now() ELSE e.clicked_at END
         WHERE e.id = v.id;
    END IF;
    IF v_event <> p_event THEN
        RETURN QUERY SELECT 'NOT_SKIPPABLE', ad_schema.view_facts(p_view);
        RETURN;
    ELSIF v_event = 'SKIP' AND v_is_watched THEN
        PERFORM ad_schema.settle_view(v.id);
    ELSIF v_event IN ('SKIP', 'ABANDON', 'ERROR') THEN
        UPDATE ad_schema.ad_engagements
           SET status = CASE p_event WHEN 'SKIP' THEN 'SKIPPED' WHEN 'ABANDON' THEN 'ABANDONED' ELSE 'FAILED' END
         WHERE id = v.id;
        DELETE FROM ad_schema.ad_view_states WHERE engagement_id = v.id;
    END IF;
    RETURN QUERY SELECT 'TAKEN', ad_schema.view_facts(p_view);
END
$function$;
COMMENT ON FUNCTION ad_schema.report_view(p_view uuid, p_user_id uuid, p_sequence integer, p_event text, p_position_s numeric, p_visible_percent integer, p_is_muted boolean) IS 'Takes a player''s report; what it leaves out (NULL) is as it was. TAKEN; REPEATED: not newer than the last one, does nothing; ENDED: the view is over, also for want of reports; NOT_SKIPPABLE: not yet, or not at all, and it goes on; TOO_MANY; UNKNOWN, also for another''s. What counts as watched is the furthest place that was reached while it could be perceived, and no more than the server''s clock allows. A skip after enough was watched settles the view. Locks the view, and where it settles it as settle_view does.';
REVOKE EXECUTE ON FUNCTION ad_schema.report_view(p_view uuid, p_user_id uuid, p_sequence integer, p_event text, p_position_s numeric, p_visible_percent integer, p_is_muted boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.report_view(p_view uuid, p_user_id uuid, p_sequence integer, p_event text, p_position_s numeric, p_visible_percent integer, p_is_muted boolean) TO ads_app;

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

CREATE OR REPLACE FUNCTION ad_schema.settle_silent_views(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_id bigint;
    v_count integer := 0;
BEGIN
    FOR v_id IN
        SELECT e.id
          FROM ad_schema.ad_view_states AS s
          JOIN ad_schema.ad_engagements AS e ON e.id = s.engagement_id
         WHERE s.seen_at <= now() - make_interval(secs => (SELECT idle_seconds FROM ad_schema.ad_view_rules))
           AND e.completion_percentage >= e.completion_threshold_percent
         ORDER BY s.seen_at
         LIMIT p_limit
           FOR NO KEY UPDATE OF e SKIP LOCKED
    LOOP
        PERFORM ad_schema.settle_view(v_id);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$function$;
COMMENT ON FUNCTION ad_schema.settle_silent_views(p_limit integer) IS 'Settles at most so many views of which nothing is heard any more and enough was watched; how many. Each locks as settle_view does, and only one at a time is sure not to wait crosswise for the shares of a budget.';
REVOKE EXECUTE ON FUNCTION ad_schema.settle_silent_views(p_limit integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.settle_silent_views(p_limit integer) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.settle_view(p_engagement_id bigint)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
DECLARE
    v ad_schema.ad_engagements;
    v_campaign_id bigint;
    v_rules ad_schema.ad_view_rules;
    v_findings CONSTANT jsonb := ad_schema.fraud_findings(p_engagement_id);
    v_fraud CONSTANT smallint := ad_schema.fraud_score(v_findings);
    v_quality CONSTANT smallint := ad_schema.quality_score(p_engagement_id);
    v_bonus integer := 0;
    v_shard smallint;
    v_constraint text;
    v_is_completed boolean := false;
BEGIN
    SELECT * INTO STRICT v FROM ad_schema.ad_engagements WHERE id = p_engagement_id;
    SELECT * INTO STRICT v_rules FROM ad_schema.ad_view_rules;
    INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, position_s, details)
    VALUES (v.id, CASE WHEN v_fraud >= v_rules.reject_score THEN 'REJECT' ELSE 'COMPLETE' END, v.watched_s,
            '{"playing": false}');
    DELETE FROM ad_schema.ad_view_states WHERE engagement_id = v.id;
    IF v_fraud >= v_rules.reject_score THEN
        UPDATE ad_schema.ad_engagements
           SET status = 'REJECTED', fraud_score = v_fraud, quality_score = v_quality WHERE id = v.id;
        INSERT INTO ad_schema.ad_view_reviews (engagement_id, status, fraud_score, findings, decided_at)
        VALUES (v.id, 'REJECTED', v_fraud, v_findings, now());
        RETURN 'REJECTED';
    END IF;
    IF v.transaction_reference IS NOT NULL THEN
        -- The step itself is taken here: of a cancelled redemption, and out of order, none.
        UPDATE ad_schema.ad_redemptions AS r
           SET steps_completed = v.chain_step
         WHERE r.transaction_reference = v.transaction_reference AND r.user_id = v.user_id
           AND r.cancelled_at IS NULL AND r.steps_completed = v.chain_step - 1;
        IF FOUND THEN
            v_bonus := least(v.base_tickets * (v.ticket_multiplier - 1), v.max_bonus_tickets);
        END IF;
    END IF;
    SELECT a.campaign_id INTO STRICT v_campaign_id FROM ad_schema.advertisements AS a WHERE a.id = v.advertisement_id;
    FOR v_try IN 1..2 LOOP
        v_shard := ad_schema.take_budget_share(v_campaign_id, v.user_id);
        EXIT WHEN v_shard IS NULL;
        BEGIN
            UPDATE ad_schema.ad_engagements
               SET status = 'COMPLETED', budget_shard = v_shard, bonus_tickets = v_bonus, fraud_score = v_fraud,
                   quality_score = v_quality
             WHERE id = v.id;
            v_is_completed := true;
            EXIT;
        EXCEPTION WHEN check_violation THEN
            -- The price was changed between the choice of the share and the charge.
            GET STACKED DIAGNOSTICS v_constraint = CONSTRAINT_NAME;
            IF v_constraint NOT IN ('ad_campaign_budget_shards_spent_check', 'ad_engagements_budget_shard_exists_check')
            THEN
                RAISE;
            END IF;
        END;
    END LOOP;
    IF NOT v_is_completed THEN
        UPDATE ad_schema.ad_engagements
           SET status = 'COMPLETED', unbilled_reason = 'BUDGET_SPENT', bonus_tickets = v_bonus,
               fraud_score = v_fraud, quality_score = v_quality
         WHERE id = v.id;
    END IF;
    IF v_fraud >= v_rules.review_score THEN
        INSERT INTO ad_schema.ad_view_reviews (engagement_id, fraud_score, findings)
        VALUES (v.id, v_fraud, v_findings);
    END IF;
    INSERT INTO ad_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    VALUES ('ad.view.completed', 'ad_view', v.public_id::text,
            jsonb_build_object(
                'view_id', v.public_id, 'user_id', v.user_id, 'reference', v.transaction_reference,
                'chain_step', v.chain_step, 'multiplier', v.ticket_multiplier, 'base_tickets', v.base_tickets,
                'bonus_tickets', v_bonus));
    RETURN 'COMPLETED';
END
$function$;
COMMENT ON FUNCTION ad_schema.settle_view(p_engagement_id bigint) IS 'Ends a view that was watched far enough: REJECTED by its fraud score, without cost; else COMPLETED, with its step of the chain, its charge and its event. Where the budget was spent while it was watched it costs nothing and earns all the same. The caller holds the view''s lock; locks the redemption, then shares of the budget.';
REVOKE EXECUTE ON FUNCTION ad_schema.settle_view(p_engagement_id bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.settle_view(p_engagement_id bigint) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.take_budget_share(p_campaign_id bigint, p_user_id uuid)
 RETURNS smallint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    v_cost numeric;
    v_day date;
    v_count integer;
    v_home integer;
    v_shard smallint;
    v_is_held boolean;
BEGIN
    SELECT campaign.cost_per_engagement,
           CASE WHEN campaign.daily_budget IS NOT NULL THEN (now() AT TIME ZONE campaign.time_zone)::date END
      INTO v_cost, v_day
      FROM ad_schema.ad_campaigns AS campaign WHERE campaign.id = p_campaign_id;
    IF v_cost = 0 THEN
        RETURN 0;
    END IF;
    -- None yet: somebody else may deal them before the next statement looks.
    SELECT greatest(count(*), 1) INTO v_count FROM ad_schema.ad_campaign_budget_shards AS share
     WHERE share.campaign_id = p_campaign_id AND share.budget_date IS NULL;
    v_home := (hashtextextended(p_user_id::text, 0) & 9223372036854775807) % v_count;
    -- Without a lock at first: the viewer's own share, or the next one that has room.
    SELECT total.shard INTO v_shard
      FROM ad_schema.ad_campaign_budget_shards AS total
     WHERE total.campaign_id = p_campaign_id AND total.budget_date IS NULL AND total.allotted - total.spent >= v_cost
       AND (v_day IS NULL OR EXISTS (
            SELECT FROM ad_schema.ad_campaign_budget_shards AS daily
             WHERE daily.campaign_id = p_campaign_id AND daily.budget_date = v_day AND daily.shard = total.shard
               AND daily.allotted - daily.spent >= v_cost))
     ORDER BY (total.shard - v_home + v_count) % v_count
     LIMIT 1;
    IF FOUND THEN
        BEGIN
            PERFORM FROM ad_schema.ad_campaign_budget_shards AS share
              WHERE share.campaign_id = p_campaign_id AND share.shard = v_shard
                AND (share.budget_date IS NULL OR share.budget_date = v_day)
              ORDER BY share.id FOR NO KEY UPDATE;
            SELECT bool_and(share.allotted - share.spent >= v_cost) INTO v_is_held
              FROM ad_schema.ad_campaign_budget_shards AS share
             WHERE share.campaign_id = p_campaign_id AND share.shard = v_shard
               AND (share.budget_date IS NULL OR share.budget_date = v_day);
            IF v_is_held THEN
                RETURN v_shard;
            END IF;
            RAISE SQLSTATE 'GA001';  -- undoes the locks of this block, so that those below are taken in order
        EXCEPTION WHEN SQLSTATE 'GA001' THEN
            NULL;
        END;
    END IF;
    RETURN ad_schema.borrow_budget(p_campaign_id, v_day, v_home, v_cost);
END
$function$;
COMMENT ON FUNCTION ad_schema.take_budget_share(p_campaign_id bigint, p_user_id uuid) IS 'The share that a view of the campaign, completed in this transaction, charges: ad_engagements.budget_shard of the UPDATE that completes it. It is locked until the transaction ends and holds the cost in both budgets; near the end the other shares lend. NULL: total or daily budget do not hold one view more. Today is the day of now().';
REVOKE EXECUTE ON FUNCTION ad_schema.take_budget_share(p_campaign_id bigint, p_user_id uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.take_budget_share(p_campaign_id bigint, p_user_id uuid) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.take_callback(p_network_id bigint, p_transaction_id text, p_key_id text, p_view uuid, p_user_id uuid, p_sent_at timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
DECLARE
    v record;
    v_outcome text;
    v_watched numeric;
    v_percentage numeric;
BEGIN
    INSERT INTO ad_schema.ad_network_callbacks
           (network_id, transaction_id, key_id, view_id, user_id, outcome, sent_at)
    VALUES (p_network_id, p_transaction_id, p_key_id, p_view, p_user_id, 'TAKEN', p_sent_at)
    ON CONFLICT (network_id, transaction_id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'REPEATED';
    END IF;
    SELECT e.id, e.user_id, e.status, e.started_at, e.duration_s, e.completion_threshold_percent AS threshold,
           e.watched_s, e.completion_percentage, n.id IS NOT NULL AS is_networks, e.fraud_score
      INTO v
      FROM ad_schema.ad_engagements AS e
      JOIN ad_schema.advertisements AS a ON a.id = e.advertisement_id
      JOIN ad_schema.ad_campaigns AS c ON c.id = a.campaign_id
      LEFT JOIN ad_schema.ad_networks AS n ON n.id = p_network_id AND n.advertiser_id = c.advertiser_id
     WHERE e.public_id = p_view FOR NO KEY UPDATE OF e;
    IF NOT FOUND THEN
        v_outcome := 'UNKNOWN_VIEW';
    ELSE
        -- By the clock alone: what a network's own player shows nobody reports to us.
        v_watched := greatest(v.watched_s, least(v.duration_s, extract(epoch FROM now() - v.started_at)));
        v_percentage := least(100, round(100 * v_watched / v.duration_s, 2));
        v_outcome := CASE WHEN NOT v.is_networks THEN 'OTHER_NETWORK'
                          WHEN v.user_id IS DISTINCT FROM p_user_id THEN 'OTHER_USER'
                          WHEN v.status = 'COMPLETED' THEN 'CONFIRMED'
                          WHEN v.status = 'REJECTED' THEN 'REJECTED'
                          WHEN v.status <> 'STARTED' THEN 'ENDED'
                          WHEN v_percentage < v.threshold THEN 'TOO_EARLY' END;
    END IF;
    IF v_outcome IS NULL THEN
        INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, position_s, details)
        VALUES (v.id, 'VERIFY', v_watched, '{"playing": false}');
        UPDATE ad_schema.ad_engagements
           SET watched_s = v_watched, completion_percentage = v_percentage, quartile = floor(v_percentage / 25),
               verified_at = now()
         WHERE id = v.id;
        v_outcome := ad_schema.settle_view(v.id);
    ELSIF v_outcome = 'CONFIRMED' THEN
        UPDATE ad_schema.ad_engagements SET verified_at = coalesce(verified_at, now()) WHERE id = v.id;
    END IF;
    UPDATE ad_schema.ad_network_callbacks SET outcome = v_outcome
     WHERE network_id = p_network_id AND transaction_id = p_transaction_id;
    -- What a network says against a view that is completed already a person looks at.
    IF v_outcome = 'OTHER_USER' AND v.status = 'COMPLETED' THEN
        INSERT INTO ad_schema.ad_view_reviews AS r (engagement_id, fraud_score, findings)
        SELECT v.id, greatest(ad_schema.fraud_score(found.findings), coalesce(v.fraud_score, 0)), found.findings
          FROM ad_schema.fraud_findings(v.id) AS found (findings)
        ON CONFLICT (engagement_id) DO UPDATE
           SET fraud_score = excluded.fraud_score, findings = excluded.findings
         WHERE r.status = 'PENDING';
    END IF;
    RETURN v_outcome;
END
$function$;
COMMENT ON FUNCTION ad_schema.take_callback(p_network_id bigint, p_transaction_id text, p_key_id text, p_view uuid, p_user_id uuid, p_sent_at timestamp with time zone) IS 'A network''s server says that a view was watched, once for each of its transactions (REPEATED does nothing). COMPLETED and REJECTED: it ended the view; CONFIRMED: that was over; TOO_EARLY by the server''s clock; ENDED otherwise; OTHER_USER, OTHER_NETWORK, UNKNOWN_VIEW. Locks the transaction, the view, and as settle_view does.';
REVOKE EXECUTE ON FUNCTION ad_schema.take_callback(p_network_id bigint, p_transaction_id text, p_key_id text, p_view uuid, p_user_id uuid, p_sent_at timestamp with time zone) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.take_callback(p_network_id bigint, p_transaction_id text, p_key_id text, p_view uuid, p_user_id uuid, p_sent_at timestamp with time zone) TO ads_app;

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
               AND campaign.status = 'ACTIVE' AND advertiser.status = 'ACTIVE'
               AND campaign.starts_at <= NEW.started_at AND NEW.started_at < campaign.ends_at
      INTO NEW.duration_s, NEW.completion_threshold_percent, NEW.ticket_multiplier,
           NEW.max_bonus_tickets, NEW.currency, v_may_be_shown
      FROM ad_schema.advertisements AS advertisement
      JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
      JOIN ad_schema.advertisers AS advertiser ON advertiser.id = campaign.advertiser_id
     WHERE advertisement.id = NEW.advertisement_id;
    -- The service can insert nothing but a start, at now(). Views that are over are loaded by the owner alone.
    IF NEW.status = 'STARTED' AND v_may_be_shown IS NOT TRUE THEN
        RAISE EXCEPTION 'advertisement % may not be shown now', NEW.advertisement_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ad_engagements_may_be_shown_check',
                SCHEMA = 'ad_schema', TABLE = 'ad_engagements',
                HINT = 'it, its campaign and its advertiser must be active, it approved, and all within the schedule';
    END IF;
    RETURN NEW;
END
$function$;
COMMENT ON FUNCTION ad_schema.take_engagement_terms() IS 'A view starts under the terms of its advertisement and campaign, not under what its writer says, and only of what may be shown.';
REVOKE EXECUTE ON FUNCTION ad_schema.take_engagement_terms() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ad_schema.view_facts(p_view uuid)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
AS $function$
    SELECT jsonb_build_object(
               'view_id', engagement.public_id, 'advertisement_id', advertisement.public_id,
               'title', advertisement.title, 'ad_format', advertisement.ad_format, 'status', engagement.status,
               'transaction_reference', engagement.transaction_reference, 'chain_step', engagement.chain_step,
               'started_at', engagement.started_at, 'finished_at', engagement.finished_at,
               'duration_s', engagement.duration_s, 'watched_s', engagement.watched_s,
               'completion_percentage', engagement.completion_percentage, 'quartile', engagement.quartile,
               'needed_percentage', engagement.completion_threshold_percent,
               'position_s', state.position_s, 'is_playing', coalesce(state.is_playing, false),
               'last_sequence', coalesce(state.last_sequence, 0), 'is_clicked', engagement.clicked_at IS NOT NULL,
               'base_tickets', engagement.base_tickets, 'ticket_multiplier', engagement.ticket_multiplier,
               'bonus_tickets', engagement.bonus_tickets)
      FROM ad_schema.ad_engagements AS engagement
      JOIN ad_schema.advertisements AS advertisement ON advertisement.id = engagement.advertisement_id
      LEFT JOIN ad_schema.ad_view_states AS state ON state.engagement_id = engagement.id
     WHERE engagement.public_id = p_view
    $function$;
COMMENT ON FUNCTION ad_schema.view_facts(p_view uuid) IS 'What the viewer is told of a view; no score, no cost.';
REVOKE EXECUTE ON FUNCTION ad_schema.view_facts(p_view uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.view_facts(p_view uuid) TO ads_app;

CREATE OR REPLACE FUNCTION ad_schema.view_signals(p_engagement_id bigint)
 RETURNS TABLE(playing_s numeric, perceivable_s numeric, audible_s numeric, longest_perceivable_s numeric, reports bigint, heartbeats bigint, heartbeat_deviation_s numeric, ahead_reports bigint, mismatches bigint, gestures bigint)
 LANGUAGE sql
 STABLE
AS $function$
    WITH step AS (
        SELECT happened.id, happened.created_at, happened.event_type,
               coalesce((happened.details ->> 'playing')::boolean, false) AS is_playing,
               ad_schema.is_perceivable(
                   advertisement.ad_format, coalesce((happened.details ->> 'visible')::integer, 0),
                   coalesce((happened.details ->> 'muted')::boolean, false)) AS is_perceivable,
               -- what has no sound is not muted
               advertisement.ad_format IN ('IMAGE', 'TEXT')
                   OR NOT coalesce((happened.details ->> 'muted')::boolean, false) AS is_audible,
               coalesce((happened.details ->> 'ahead_s')::numeric, 0) AS ahead_s,
               least(extract(epoch FROM lead(happened.created_at, 1, coalesce(engagement.finished_at, now()))
                        OVER (ORDER BY happened.created_at, happened.id) - happened.created_at),
                     rules.longest_silence_s) AS length_s
          FROM ad_schema.ad_engagements AS engagement
          JOIN ad_schema.advertisements AS advertisement ON advertisement.id = engagement.advertisement_id
          JOIN ad_schema.ad_engagement_events AS happened ON happened.engagement_id = engagement.id
         CROSS JOIN ad_schema.ad_view_rules AS rules
         WHERE engagement.id = p_engagement_id
           -- a view is younger than a day: only the partitions of its days are looked at
           AND happened.created_at >= engagement.started_at
           AND happened.created_at <= coalesce(engagement.finished_at, now())
    ), run AS (
        SELECT step.*,
               count(*) FILTER (WHERE NOT (step.is_playing AND step.is_perceivable))
                   OVER (ORDER BY step.created_at, step.id) AS island
          FROM step
    ), beat AS (
        SELECT extract(epoch FROM step.created_at - lag(step.created_at) OVER (ORDER BY step.created_at, step.id)) AS gap_s
          FROM step
         WHERE step.event_type = 'HEARTBEAT'
    )
    SELECT coalesce(sum(step.length_s) FILTER (WHERE step.is_playing), 0),
           coalesce(sum(step.length_s) FILTER (WHERE step.is_playing AND step.is_perceivable), 0),
           coalesce(sum(step.length_s) FILTER (WHERE step.is_playing AND step.is_audible), 0),
           coalesce((SELECT max(island.length_s)
                       FROM (SELECT sum(run.length_s) AS length_s FROM run
                              WHERE run.is_playing AND run.is_perceivable GROUP BY run.island) AS island), 0),
           count(*) FILTER (WHERE step.event_type NOT IN (
               'START', 'FIRST_QUARTILE', 'MIDPOINT', 'THIRD_QUARTILE', 'COMPLETE', 'EXPIRE', 'REJECT', 'VERIFY')),
           count(*) FILTER (WHERE step.event_type = 'HEARTBEAT'),
           (SELECT stddev_samp(beat.gap_s) FROM beat),
           count(*) FILTER (WHERE step.ahead_s > 0),
           (SELECT count(*) FROM ad_schema.ad_network_callbacks AS said
             WHERE said.view_id = (SELECT public_id FROM ad_schema.ad_engagements WHERE id = p_engagement_id)
               AND said.outcome IN ('OTHER_USER', 'TOO_EARLY')),
           count(*) FILTER (WHERE step.event_type IN ('UNMUTE', 'REPLAY', 'RESUME'))
      FROM step
    $function$;
COMMENT ON FUNCTION ad_schema.view_signals(p_engagement_id bigint) IS 'What a view''s events say: seconds that it played, that somebody could perceive and hear it, the longest such time without a break, reports, heartbeats and the deviation of their distances, reports that were ahead of time, callbacks that contradict it, gestures of a viewer.';
REVOKE EXECUTE ON FUNCTION ad_schema.view_signals(p_engagement_id bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ad_schema.view_signals(p_engagement_id bigint) TO ads_app;

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
    abandons bigint DEFAULT 0 NOT NULL,
    rejections bigint DEFAULT 0 NOT NULL,
    rejected_cost numeric(12,2) DEFAULT 0 NOT NULL,
    CONSTRAINT ad_analytics_all_ends_check CHECK (abandons >= 0 AND rejections >= 0 AND (completions + skips + failures + abandons + rejections) <= starts),
    CONSTRAINT ad_analytics_bonus_tickets_check CHECK (bonus_tickets >= 0),
    CONSTRAINT ad_analytics_clicks_check CHECK (clicks >= 0 AND clicks <= starts),
    CONSTRAINT ad_analytics_cost_check CHECK (cost >= 0::numeric AND cost < 'NaN'::numeric),
    CONSTRAINT ad_analytics_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT ad_analytics_ends_check CHECK (completions >= 0 AND skips >= 0 AND failures >= 0 AND (completions + skips + failures) <= starts),
    CONSTRAINT ad_analytics_funnel_check CHECK (impressions >= starts AND starts >= first_quartiles AND first_quartiles >= midpoints AND midpoints >= third_quartiles AND third_quartiles >= 0),
    CONSTRAINT ad_analytics_pk PRIMARY KEY (advertisement_id, analytics_date),
    CONSTRAINT ad_analytics_rejected_cost_check CHECK (rejected_cost >= 0::numeric AND rejected_cost < 'NaN'::numeric),
    CONSTRAINT ad_analytics_scores_check CHECK (scored_engagements >= 0 AND scored_engagements <= starts AND quality_score_sum >= 0 AND quality_score_sum <= (100 * scored_engagements) AND fraud_score_sum >= 0 AND fraud_score_sum <= (100 * scored_engagements)),
    CONSTRAINT ad_analytics_unique_users_check CHECK (unique_users >= 0 AND unique_users <= starts),
    CONSTRAINT ad_analytics_watched_s_check CHECK (watched_s >= 0::numeric AND watched_s < 'NaN'::numeric)
) PARTITION BY RANGE (analytics_date);
COMMENT ON TABLE ad_schema.ad_analytics IS 'Figures of an advertisement a day (UTC), as of ad_analytics_states; sums, so that they can be added up again. A view counts, once it has ended, in the day on which it started, whatever is decided about it later.';
GRANT SELECT ON TABLE ad_schema.ad_analytics TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_analytics TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_analytics.impressions IS 'Views, and what was handed out and never started, in the day on which it was handed out.';
COMMENT ON COLUMN ad_schema.ad_analytics.failures IS 'Views that failed, and those that never said how they ended.';
COMMENT ON COLUMN ad_schema.ad_analytics.unique_users IS 'Users with a view of this advertisement on this day. Sums over days or advertisements count a user again.';
COMMENT ON COLUMN ad_schema.ad_analytics.scored_engagements IS 'How many views the two score sums are of, those with both scores; a mean is a sum divided by this.';
COMMENT ON COLUMN ad_schema.ad_analytics.rejections IS 'Views that the fraud score or the review refused.';
COMMENT ON COLUMN ad_schema.ad_analytics.rejected_cost IS 'What views had charged that were refused only later: it went back to the budget and is not in the cost.';

CREATE INDEX ad_analytics_analytics_date_idx ON ad_schema.ad_analytics USING btree (analytics_date);

CREATE TRIGGER ad_analytics_set_updated_at BEFORE UPDATE ON ad_schema.ad_analytics FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.ad_analytics_changes (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    engagement_id bigint NOT NULL,
    advertisement_id bigint NOT NULL,
    analytics_date date NOT NULL,
    user_id uuid NOT NULL,
    currency text NOT NULL,
    is_first boolean NOT NULL,
    change ad_schema.view_figures NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_analytics_changes_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text),
    CONSTRAINT ad_analytics_changes_pk PRIMARY KEY (id)
);
COMMENT ON TABLE ad_schema.ad_analytics_changes IS 'What ended views, and what was decided about them since, change in figures that do not have it yet: written in the transaction of the change, taken out in the one that folds it, so each counts once. No foreign key: views are never deleted, and the look-up would be paid by each.';
GRANT SELECT ON TABLE ad_schema.ad_analytics_changes TO ads_app;
GRANT SELECT (id) ON TABLE ad_schema.ad_analytics_changes TO ads_ro;
GRANT SELECT (engagement_id) ON TABLE ad_schema.ad_analytics_changes TO ads_ro;
GRANT SELECT (advertisement_id) ON TABLE ad_schema.ad_analytics_changes TO ads_ro;
GRANT SELECT (analytics_date) ON TABLE ad_schema.ad_analytics_changes TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_analytics_changes.user_id IS 'Personal data: the viewer''s public id.';
GRANT SELECT (currency) ON TABLE ad_schema.ad_analytics_changes TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_analytics_changes.is_first IS 'The view has ended; else something about it was corrected.';
GRANT SELECT (is_first) ON TABLE ad_schema.ad_analytics_changes TO ads_ro;
GRANT SELECT (change) ON TABLE ad_schema.ad_analytics_changes TO ads_ro;
GRANT SELECT (created_at) ON TABLE ad_schema.ad_analytics_changes TO ads_ro;

CREATE TABLE ad_schema.ad_analytics_states (
    report_name text NOT NULL,
    as_of timestamp with time zone,
    impressions_from date DEFAULT '-infinity'::date NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_analytics_states_pk PRIMARY KEY (report_name),
    CONSTRAINT ad_analytics_states_report_name_check CHECK (report_name = 'ad_analytics'::text)
);
COMMENT ON TABLE ad_schema.ad_analytics_states IS 'How far the figures are, and the lock that lets one fold at a time.';
GRANT SELECT ON TABLE ad_schema.ad_analytics_states TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_analytics_states TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_analytics_states.as_of IS 'All views that had ended before it are in; NULL: it never got to the end of the changes.';
COMMENT ON COLUMN ad_schema.ad_analytics_states.impressions_from IS 'Of days before it, tokens that nobody used are deleted: what was handed out then cannot be counted again.';

CREATE TRIGGER ad_analytics_states_set_updated_at BEFORE UPDATE ON ad_schema.ad_analytics_states FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

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

CREATE INDEX ad_audit_log_actor_idx ON ad_schema.ad_audit_log USING btree (actor);

CREATE INDEX ad_audit_log_correlation_id_idx ON ad_schema.ad_audit_log USING btree (correlation_id);

CREATE INDEX ad_audit_log_subject_reference_idx ON ad_schema.ad_audit_log USING btree (subject_type, subject_reference);

CREATE INDEX ad_audit_log_with_address_created_at_idx ON ad_schema.ad_audit_log USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

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

CREATE TRIGGER ad_campaign_targets_follow_delete AFTER DELETE ON ad_schema.ad_campaign_targets REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();

CREATE TRIGGER ad_campaign_targets_follow_insert AFTER INSERT ON ad_schema.ad_campaign_targets REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();

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

CREATE TRIGGER ad_campaign_windows_follow_delete AFTER DELETE ON ad_schema.ad_campaign_windows REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();

CREATE TRIGGER ad_campaign_windows_follow_insert AFTER INSERT ON ad_schema.ad_campaign_windows REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();

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
    budget_alerted_at timestamp with time zone,
    CONSTRAINT ad_campaigns_budget_alert_percent_check CHECK (budget_alert_percent >= 1 AND budget_alert_percent <= 100),
    CONSTRAINT ad_campaigns_campaign_code_check CHECK (campaign_code ~ '^[A-Z0-9][A-Z0-9_-]{2,49}$'::text),
    CONSTRAINT ad_campaigns_campaign_code_key UNIQUE (campaign_code),
    CONSTRAINT ad_campaigns_cost_per_engagement_check CHECK (cost_per_engagement >= 0::numeric AND cost_per_engagement <= total_budget AND cost_per_engagement < 'NaN'::numeric),
    CONSTRAINT ad_campaigns_creator_check CHECK (created_by IS NOT NULL),
    CONSTRAINT ad_campaigns_currency_check CHECK (currency ~ '^[A-Z]{3}$'::text AND (currency = ANY (ARRAY['MXN'::text, 'CRC'::text, 'USD'::text]))),
    CONSTRAINT ad_campaigns_daily_budget_check CHECK (daily_budget > 0::numeric AND daily_budget <= total_budget AND daily_budget < 'NaN'::numeric),
    CONSTRAINT ad_campaigns_daily_budget_cost_check CHECK (cost_per_engagement <= daily_budget),
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
COMMENT ON COLUMN ad_schema.ad_campaigns.budget_alerted_at IS 'When budget_alert_percent of the total budget was found spent and told; NULL again when the budget is raised.';
GRANT UPDATE (budget_alerted_at) ON TABLE ad_schema.ad_campaigns TO ads_app;
GRANT SELECT (budget_alerted_at) ON TABLE ad_schema.ad_campaigns TO ads_ro;

CREATE INDEX ad_campaigns_active_ends_at_idx ON ad_schema.ad_campaigns USING btree (ends_at, priority) WHERE (status = 'ACTIVE'::text);

CREATE INDEX ad_campaigns_active_whole_cap_idx ON ad_schema.ad_campaigns USING btree (id) WHERE ((status = 'ACTIVE'::text) AND (frequency_period = 'CAMPAIGN'::text));

CREATE INDEX ad_campaigns_advertiser_id_idx ON ad_schema.ad_campaigns USING btree (advertiser_id);

CREATE CONSTRAINT TRIGGER ad_campaigns_budget AFTER UPDATE OF total_budget, daily_budget ON ad_schema.ad_campaigns DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ad_schema.guard_budget_allotment();

CREATE TRIGGER ad_campaigns_follow_update AFTER UPDATE ON ad_schema.ad_campaigns REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();

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
    CONSTRAINT ad_engagement_events_event_type_check CHECK (event_type = ANY (ARRAY['START'::text, 'FIRST_QUARTILE'::text, 'MIDPOINT'::text, 'THIRD_QUARTILE'::text, 'COMPLETE'::text, 'PAUSE'::text, 'RESUME'::text, 'MUTE'::text, 'UNMUTE'::text, 'SKIP'::text, 'CLICK'::text, 'HIDE'::text, 'SHOW'::text, 'ERROR'::text, 'EXPIRE'::text, 'HEARTBEAT'::text, 'REPLAY'::text, 'ABANDON'::text, 'REJECT'::text, 'VERIFY'::text])),
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
    unbilled_reason text,
    verified_at timestamp with time zone,
    rejected_cost numeric(12,2) DEFAULT 0 NOT NULL,
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
    CONSTRAINT ad_engagements_rejected_cost_check CHECK (rejected_cost >= 0::numeric AND rejected_cost < 'NaN'::numeric AND (rejected_cost = 0::numeric OR status = 'REJECTED'::text AND cost = 0::numeric AND budget_shard IS NOT NULL) AND (currency <> 'CRC'::text OR rejected_cost = trunc(rejected_cost))),
    CONSTRAINT ad_engagements_rounding_unit_check CHECK (currency <> 'CRC'::text OR cost = trunc(cost)),
    CONSTRAINT ad_engagements_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT ad_engagements_status_check CHECK (status = ANY (ARRAY['STARTED'::text, 'COMPLETED'::text, 'SKIPPED'::text, 'ABANDONED'::text, 'FAILED'::text, 'EXPIRED'::text, 'REJECTED'::text])),
    CONSTRAINT ad_engagements_ticket_multiplier_check CHECK (ticket_multiplier >= 1 AND ticket_multiplier <= 10),
    CONSTRAINT ad_engagements_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'::text),
    CONSTRAINT ad_engagements_unbilled_reason_check CHECK (unbilled_reason = 'BUDGET_SPENT'::text AND (unbilled_reason IS NULL OR cost = 0::numeric)),
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
COMMENT ON COLUMN ad_schema.ad_engagements.cost IS 'What the completion charged, taken from the campaign; a later rejection gives it back.';
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
COMMENT ON COLUMN ad_schema.ad_engagements.unbilled_reason IS 'Why a completed view cost nothing: the budget was spent while it was watched. Its viewer earns all the same.';
GRANT UPDATE (unbilled_reason) ON TABLE ad_schema.ad_engagements TO ads_app;
COMMENT ON COLUMN ad_schema.ad_engagements.verified_at IS 'When a network''s own server confirmed the view.';
GRANT UPDATE (verified_at) ON TABLE ad_schema.ad_engagements TO ads_app;
COMMENT ON COLUMN ad_schema.ad_engagements.rejected_cost IS 'What the completion had charged and the rejection gave back to the budget.';

CREATE OR REPLACE FUNCTION ad_schema.figures_of(p_view ad_schema.ad_engagements)
 RETURNS ad_schema.view_figures
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
SELECT CASE
    WHEN p_view.status IS NULL OR p_view.status = 'STARTED'
    THEN ROW(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)::ad_schema.view_figures
    ELSE ROW(
        1, (p_view.quartile >= 1)::integer, (p_view.quartile >= 2)::integer, (p_view.quartile >= 3)::integer,
        (p_view.status = 'COMPLETED')::integer, (p_view.status = 'SKIPPED')::integer,
        (p_view.status IN ('FAILED', 'EXPIRED'))::integer, (p_view.status = 'ABANDONED')::integer,
        (p_view.status = 'REJECTED')::integer, (p_view.clicked_at IS NOT NULL)::integer, p_view.watched_s,
        p_view.bonus_tickets, p_view.cost, p_view.rejected_cost,
        (num_nulls(p_view.quality_score, p_view.fraud_score) = 0)::integer,
        CASE WHEN num_nulls(p_view.quality_score, p_view.fraud_score) = 0 THEN p_view.quality_score ELSE 0 END,
        CASE WHEN num_nulls(p_view.quality_score, p_view.fraud_score) = 0 THEN p_view.fraud_score ELSE 0 END
    )::ad_schema.view_figures
END
$function$;
COMMENT ON FUNCTION ad_schema.figures_of(p_view ad_schema.ad_engagements) IS 'What one view counts for: nothing while it is under way.';
REVOKE EXECUTE ON FUNCTION ad_schema.figures_of(p_view ad_schema.ad_engagements) FROM PUBLIC;

CREATE INDEX ad_engagements_advertisement_id_started_at_idx ON ad_schema.ad_engagements USING btree (advertisement_id, started_at);

CREATE UNIQUE INDEX ad_engagements_completed_step_idx ON ad_schema.ad_engagements USING btree (transaction_reference, chain_step) WHERE (status = 'COMPLETED'::text);

CREATE INDEX ad_engagements_ip_address_started_at_idx ON ad_schema.ad_engagements USING btree (ip_address, started_at) WHERE (ip_address IS NOT NULL);

CREATE INDEX ad_engagements_started_started_at_idx ON ad_schema.ad_engagements USING btree (started_at) WHERE (status = 'STARTED'::text);

CREATE UNIQUE INDEX ad_engagements_started_user_id_idx ON ad_schema.ad_engagements USING btree (user_id) WHERE (status = 'STARTED'::text);

CREATE INDEX ad_engagements_user_id_started_at_idx ON ad_schema.ad_engagements USING btree (user_id, started_at);

CREATE INDEX ad_engagements_with_address_created_at_idx ON ad_schema.ad_engagements USING btree (created_at) WHERE ((ip_address IS NOT NULL) OR (user_agent IS NOT NULL));

CREATE TRIGGER ad_engagements_charge AFTER UPDATE ON ad_schema.ad_engagements REFERENCING OLD TABLE AS running_rows NEW TABLE AS ended_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.charge_engagements();

CREATE TRIGGER ad_engagements_close_spent AFTER UPDATE ON ad_schema.ad_engagements REFERENCING OLD TABLE AS running_rows NEW TABLE AS ended_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.close_spent();

CREATE TRIGGER ad_engagements_count AFTER INSERT ON ad_schema.ad_engagements REFERENCING NEW TABLE AS started_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.count_engagements();

CREATE TRIGGER ad_engagements_guard_change BEFORE UPDATE ON ad_schema.ad_engagements FOR EACH ROW EXECUTE FUNCTION ad_schema.guard_engagement_change();

CREATE TRIGGER ad_engagements_note_for_analytics AFTER INSERT OR UPDATE ON ad_schema.ad_engagements FOR EACH ROW WHEN (new.status <> 'STARTED'::text) EXECUTE FUNCTION ad_schema.note_for_analytics();

CREATE TRIGGER ad_engagements_refund AFTER UPDATE ON ad_schema.ad_engagements FOR EACH ROW WHEN (old.status = 'COMPLETED'::text AND new.status = 'REJECTED'::text AND old.cost > 0::numeric) EXECUTE FUNCTION ad_schema.refund_engagement();

CREATE TRIGGER ad_engagements_set_updated_at BEFORE UPDATE ON ad_schema.ad_engagements FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TRIGGER ad_engagements_take_terms BEFORE INSERT ON ad_schema.ad_engagements FOR EACH ROW EXECUTE FUNCTION ad_schema.take_engagement_terms();

CREATE TABLE ad_schema.ad_erased_users (
    user_id uuid NOT NULL,
    erased_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_erased_users_pk PRIMARY KEY (user_id)
);
COMMENT ON TABLE ad_schema.ad_erased_users IS 'Accounts that are no more, as the auth service said: forget_person may clean after them.';
GRANT SELECT ON TABLE ad_schema.ad_erased_users TO ads_app;
COMMENT ON COLUMN ad_schema.ad_erased_users.user_id IS 'Personal data: public id that the account had.';
GRANT INSERT (user_id) ON TABLE ad_schema.ad_erased_users TO ads_app;
GRANT INSERT (erased_at), UPDATE (erased_at) ON TABLE ad_schema.ad_erased_users TO ads_app;
GRANT SELECT (erased_at) ON TABLE ad_schema.ad_erased_users TO ads_ro;
GRANT SELECT (created_at) ON TABLE ad_schema.ad_erased_users TO ads_ro;

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

CREATE INDEX ad_frequency_counters_user_id_period_start_idx ON ad_schema.ad_frequency_counters USING btree (user_id, period_start);

CREATE TRIGGER ad_frequency_counters_set_updated_at BEFORE UPDATE ON ad_schema.ad_frequency_counters FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.ad_media (
    sha256 bytea NOT NULL,
    media_type text NOT NULL,
    byte_count integer NOT NULL,
    uploaded_by uuid,
    uploaded_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_media_byte_count_check CHECK (byte_count >= 1 AND byte_count <= 16777216),
    CONSTRAINT ad_media_media_type_check CHECK (media_type = ANY (ARRAY['image/png'::text, 'image/jpeg'::text, 'image/gif'::text, 'image/webp'::text, 'audio/wav'::text, 'audio/mpeg'::text, 'audio/ogg'::text, 'video/mp4'::text, 'video/webm'::text, 'text/html'::text])),
    CONSTRAINT ad_media_pk PRIMARY KEY (sha256),
    CONSTRAINT ad_media_sha256_check CHECK (octet_length(sha256) = 32)
);
COMMENT ON TABLE ad_schema.ad_media IS 'Small media that advertisers uploaded, by the SHA-256 of their content: the same upload twice is one row.';
GRANT DELETE, SELECT ON TABLE ad_schema.ad_media TO ads_app;
GRANT INSERT (sha256) ON TABLE ad_schema.ad_media TO ads_app;
GRANT SELECT (sha256) ON TABLE ad_schema.ad_media TO ads_ro;
GRANT INSERT (media_type) ON TABLE ad_schema.ad_media TO ads_app;
GRANT SELECT (media_type) ON TABLE ad_schema.ad_media TO ads_ro;
GRANT INSERT (byte_count) ON TABLE ad_schema.ad_media TO ads_app;
GRANT SELECT (byte_count) ON TABLE ad_schema.ad_media TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_media.uploaded_by IS 'Personal data: the user (public id) who uploaded it first.';
GRANT INSERT (uploaded_by) ON TABLE ad_schema.ad_media TO ads_app;
COMMENT ON COLUMN ad_schema.ad_media.uploaded_at IS 'When it was uploaded last: from then on it has a week to be named by an advertisement.';
GRANT UPDATE (uploaded_at) ON TABLE ad_schema.ad_media TO ads_app;
GRANT SELECT (uploaded_at) ON TABLE ad_schema.ad_media TO ads_ro;
GRANT SELECT (created_at) ON TABLE ad_schema.ad_media TO ads_ro;

CREATE INDEX ad_media_uploaded_by_idx ON ad_schema.ad_media USING btree (uploaded_by);

CREATE TABLE ad_schema.ad_media_chunks (
    sha256 bytea NOT NULL,
    "position" integer NOT NULL,
    content bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_media_chunks_content_check CHECK (octet_length(content) >= 1 AND octet_length(content) <= 262144),
    CONSTRAINT ad_media_chunks_pk PRIMARY KEY (sha256, "position"),
    CONSTRAINT ad_media_chunks_position_check CHECK ("position" >= 0 AND "position" <= 255)
);
COMMENT ON TABLE ad_schema.ad_media_chunks IS 'The bytes of media, a quarter of a megabyte a row, so that no process holds more of one than that at a time.';
GRANT SELECT ON TABLE ad_schema.ad_media_chunks TO ads_app;
GRANT INSERT (sha256) ON TABLE ad_schema.ad_media_chunks TO ads_app;
GRANT SELECT (sha256) ON TABLE ad_schema.ad_media_chunks TO ads_ro;
GRANT INSERT ("position") ON TABLE ad_schema.ad_media_chunks TO ads_app;
GRANT SELECT ("position") ON TABLE ad_schema.ad_media_chunks TO ads_ro;
ALTER TABLE ad_schema.ad_media_chunks ALTER COLUMN content SET STORAGE EXTERNAL;
GRANT INSERT (content) ON TABLE ad_schema.ad_media_chunks TO ads_app;
GRANT SELECT (created_at) ON TABLE ad_schema.ad_media_chunks TO ads_ro;

CREATE TABLE ad_schema.ad_network_callbacks (
    network_id bigint NOT NULL,
    transaction_id text NOT NULL,
    key_id text NOT NULL,
    view_id uuid,
    user_id uuid,
    outcome text NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_network_callbacks_key_id_check CHECK (key_id ~ '^[A-Za-z0-9._-]{1,64}$'::text),
    CONSTRAINT ad_network_callbacks_outcome_check CHECK (outcome = ANY (ARRAY['TAKEN'::text, 'COMPLETED'::text, 'CONFIRMED'::text, 'REJECTED'::text, 'TOO_EARLY'::text, 'ENDED'::text, 'UNKNOWN_VIEW'::text, 'OTHER_USER'::text, 'OTHER_NETWORK'::text])),
    CONSTRAINT ad_network_callbacks_pk PRIMARY KEY (network_id, transaction_id),
    CONSTRAINT ad_network_callbacks_transaction_id_check CHECK (transaction_id ~ '^[[:graph:]]{1,128}$'::text)
);
COMMENT ON TABLE ad_schema.ad_network_callbacks IS 'Callbacks whose signature was good, one row a transaction of the network: a repeated one does nothing.';
GRANT SELECT ON TABLE ad_schema.ad_network_callbacks TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_network_callbacks TO ads_ro;
GRANT INSERT (network_id) ON TABLE ad_schema.ad_network_callbacks TO ads_app;
GRANT INSERT (transaction_id) ON TABLE ad_schema.ad_network_callbacks TO ads_app;
GRANT INSERT (key_id) ON TABLE ad_schema.ad_network_callbacks TO ads_app;
COMMENT ON COLUMN ad_schema.ad_network_callbacks.view_id IS 'The view''s public id as the network gave it back; NULL: it gave something else.';
GRANT INSERT (view_id) ON TABLE ad_schema.ad_network_callbacks TO ads_app;
COMMENT ON COLUMN ad_schema.ad_network_callbacks.user_id IS 'Personal data: the viewer''s public id as the network gave it.';
GRANT INSERT (user_id) ON TABLE ad_schema.ad_network_callbacks TO ads_app;
GRANT INSERT (outcome), UPDATE (outcome) ON TABLE ad_schema.ad_network_callbacks TO ads_app;
GRANT INSERT (sent_at) ON TABLE ad_schema.ad_network_callbacks TO ads_app;

CREATE INDEX ad_network_callbacks_created_at_idx ON ad_schema.ad_network_callbacks USING btree (created_at);

CREATE INDEX ad_network_callbacks_view_id_idx ON ad_schema.ad_network_callbacks USING btree (view_id);

CREATE TABLE ad_schema.ad_network_keys (
    network_id bigint NOT NULL,
    key_id text NOT NULL,
    public_key bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_network_keys_key_id_check CHECK (key_id ~ '^[A-Za-z0-9._-]{1,64}$'::text),
    CONSTRAINT ad_network_keys_pk PRIMARY KEY (network_id, key_id),
    CONSTRAINT ad_network_keys_public_key_check CHECK (octet_length(public_key) >= 50 AND octet_length(public_key) <= 200)
);
COMMENT ON TABLE ad_schema.ad_network_keys IS 'P-256 public keys as the network published them last (DER, SubjectPublicKeyInfo): one it withdrew is not here.';
GRANT DELETE, SELECT ON TABLE ad_schema.ad_network_keys TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_network_keys TO ads_ro;
GRANT INSERT (network_id) ON TABLE ad_schema.ad_network_keys TO ads_app;
GRANT INSERT (key_id) ON TABLE ad_schema.ad_network_keys TO ads_app;
GRANT INSERT (public_key), UPDATE (public_key) ON TABLE ad_schema.ad_network_keys TO ads_app;

CREATE TABLE ad_schema.ad_networks (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    network_code text NOT NULL,
    advertiser_id bigint NOT NULL,
    keys_url text NOT NULL,
    is_enabled boolean DEFAULT true NOT NULL,
    freshness_seconds integer DEFAULT 900 NOT NULL,
    keys_refresh_seconds integer DEFAULT 300 NOT NULL,
    keys_asked_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_networks_freshness_seconds_check CHECK (freshness_seconds >= 10 AND freshness_seconds <= 86400),
    CONSTRAINT ad_networks_keys_refresh_seconds_check CHECK (keys_refresh_seconds >= 30 AND keys_refresh_seconds <= 86400),
    CONSTRAINT ad_networks_keys_url_check CHECK (keys_url ~ '^https?://[^[:space:]/]+/[^[:space:]]*$'::text AND length(keys_url) <= 2048),
    CONSTRAINT ad_networks_network_code_check CHECK (network_code ~ '^[a-z0-9][a-z0-9-]{1,49}$'::text),
    CONSTRAINT ad_networks_network_code_key UNIQUE (network_code),
    CONSTRAINT ad_networks_pk PRIMARY KEY (id)
);
COMMENT ON TABLE ad_schema.ad_networks IS 'Networks whose servers confirm views of one advertiser''s advertisements, and where their public keys are.';
GRANT SELECT ON TABLE ad_schema.ad_networks TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_networks TO ads_ro;
GRANT INSERT (network_code) ON TABLE ad_schema.ad_networks TO ads_app;
GRANT INSERT (advertiser_id), UPDATE (advertiser_id) ON TABLE ad_schema.ad_networks TO ads_app;
GRANT INSERT (keys_url), UPDATE (keys_url) ON TABLE ad_schema.ad_networks TO ads_app;
GRANT INSERT (is_enabled), UPDATE (is_enabled) ON TABLE ad_schema.ad_networks TO ads_app;
GRANT INSERT (freshness_seconds), UPDATE (freshness_seconds) ON TABLE ad_schema.ad_networks TO ads_app;
GRANT INSERT (keys_refresh_seconds), UPDATE (keys_refresh_seconds) ON TABLE ad_schema.ad_networks TO ads_app;
COMMENT ON COLUMN ad_schema.ad_networks.keys_asked_at IS 'When somebody last set out to fetch the keys: whoever moves it fetches, so an unknown key asks the network rarely.';
GRANT UPDATE (keys_asked_at) ON TABLE ad_schema.ad_networks TO ads_app;

CREATE INDEX ad_networks_advertiser_id_idx ON ad_schema.ad_networks USING btree (advertiser_id);

CREATE TRIGGER ad_networks_record_change AFTER UPDATE OF advertiser_id, keys_url, is_enabled, freshness_seconds, keys_refresh_seconds ON ad_schema.ad_networks FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('network_code');

CREATE TRIGGER ad_networks_record_insert AFTER INSERT OR DELETE ON ad_schema.ad_networks FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('network_code');

CREATE TRIGGER ad_networks_set_updated_at BEFORE UPDATE ON ad_schema.ad_networks FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.ad_redemptions (
    transaction_reference text NOT NULL,
    user_id uuid NOT NULL,
    base_tickets integer NOT NULL,
    station_code text NOT NULL,
    fuel_type text,
    bonus_until timestamp with time zone NOT NULL,
    steps_completed smallint DEFAULT 0 NOT NULL,
    cancelled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_redemptions_base_tickets_check CHECK (base_tickets >= 0 AND base_tickets <= 10000),
    CONSTRAINT ad_redemptions_fuel_type_check CHECK (fuel_type = ANY (ARRAY['REGULAR'::text, 'PREMIUM'::text, 'DIESEL'::text])),
    CONSTRAINT ad_redemptions_pk PRIMARY KEY (transaction_reference),
    CONSTRAINT ad_redemptions_station_code_check CHECK (station_code ~ '^[A-Z0-9]{3,20}$'::text),
    CONSTRAINT ad_redemptions_steps_completed_check CHECK (steps_completed >= 0 AND steps_completed <= 10),
    CONSTRAINT ad_redemptions_transaction_reference_check CHECK (transaction_reference ~ '^RDM-[0-9]{8}-[0-9]{6,18}$'::text)
);
COMMENT ON TABLE ad_schema.ad_redemptions IS 'Completed redemptions as their events told them: what views may multiply, for whom and until when.';
GRANT SELECT ON TABLE ad_schema.ad_redemptions TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_redemptions TO ads_ro;
GRANT INSERT (transaction_reference) ON TABLE ad_schema.ad_redemptions TO ads_app;
COMMENT ON COLUMN ad_schema.ad_redemptions.user_id IS 'Personal data: public id of who redeemed.';
GRANT INSERT (user_id) ON TABLE ad_schema.ad_redemptions TO ads_app;
GRANT INSERT (base_tickets) ON TABLE ad_schema.ad_redemptions TO ads_app;
COMMENT ON COLUMN ad_schema.ad_redemptions.station_code IS 'Personal data: where that was.';
GRANT INSERT (station_code) ON TABLE ad_schema.ad_redemptions TO ads_app;
GRANT INSERT (fuel_type) ON TABLE ad_schema.ad_redemptions TO ads_app;
GRANT INSERT (bonus_until) ON TABLE ad_schema.ad_redemptions TO ads_app;
COMMENT ON COLUMN ad_schema.ad_redemptions.steps_completed IS 'Completed views of its chain; the completion itself counts here, and only the next step fits.';
GRANT UPDATE (steps_completed) ON TABLE ad_schema.ad_redemptions TO ads_app;
GRANT INSERT (cancelled_at), UPDATE (cancelled_at) ON TABLE ad_schema.ad_redemptions TO ads_app;

CREATE INDEX ad_redemptions_bonus_until_idx ON ad_schema.ad_redemptions USING btree (bonus_until);

CREATE INDEX ad_redemptions_user_id_bonus_until_idx ON ad_schema.ad_redemptions USING btree (user_id, bonus_until);

CREATE TRIGGER ad_redemptions_set_updated_at BEFORE UPDATE ON ad_schema.ad_redemptions FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.ad_serving (
    advertisement_id bigint NOT NULL,
    campaign_id bigint NOT NULL,
    priority smallint NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    time_zone text NOT NULL,
    closed_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    rating smallint NOT NULL,
    languages text[] NOT NULL,
    windows int8multirange,
    is_targeted boolean NOT NULL,
    stations text[],
    not_stations text[],
    cities text[],
    not_cities text[],
    states text[],
    not_states text[],
    fuel_types text[],
    not_fuel_types text[],
    viewer_languages text[],
    not_viewer_languages text[],
    segments text[],
    not_segments text[],
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_serving_pk PRIMARY KEY (advertisement_id),
    CONSTRAINT ad_serving_rating_check CHECK (rating >= 0 AND rating <= 2)
);
COMMENT ON TABLE ad_schema.ad_serving IS 'A row for each approved, active advertisement of an active campaign of an active advertiser, with all that decides for whom and when it is shown. Written by triggers alone, but for closed_until.';
GRANT SELECT ON TABLE ad_schema.ad_serving TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_serving TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_serving.closed_until IS 'Budget or pacing do not let it be shown before. A lower bound, which the choice checks again when it is over.';
GRANT UPDATE (closed_until) ON TABLE ad_schema.ad_serving TO ads_app;
COMMENT ON COLUMN ad_schema.ad_serving.rating IS '0 EVERYONE, 1 TEEN, 2 ADULT.';
COMMENT ON COLUMN ad_schema.ad_serving.windows IS 'Microseconds since Monday 00:00 of its zone in which it may be shown; NULL: at any time.';

CREATE INDEX ad_serving_campaign_id_idx ON ad_schema.ad_serving USING btree (campaign_id);

CREATE INDEX ad_serving_priority_idx ON ad_schema.ad_serving USING btree (priority DESC);

CREATE INDEX ad_serving_time_zone_idx ON ad_schema.ad_serving USING btree (time_zone);

CREATE TABLE ad_schema.ad_serving_zones (
    time_zone text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_serving_zones_pk PRIMARY KEY (time_zone),
    CONSTRAINT ad_serving_zones_time_zone_check CHECK (('2000-01-01 00:00:00'::timestamp without time zone AT TIME ZONE time_zone) IS NOT NULL)
);
COMMENT ON TABLE ad_schema.ad_serving_zones IS 'The zones of campaigns that are served: what time it is there is asked once a choice, not once a campaign.';
GRANT SELECT ON TABLE ad_schema.ad_serving_zones TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_serving_zones TO ads_ro;

CREATE TABLE ad_schema.ad_view_reviews (
    engagement_id bigint NOT NULL,
    status text DEFAULT 'PENDING'::text NOT NULL,
    fraud_score smallint NOT NULL,
    findings jsonb NOT NULL,
    bonus_taken_back integer DEFAULT 0 NOT NULL,
    decided_by uuid,
    decided_at timestamp with time zone,
    note text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_view_reviews_bonus_taken_back_check CHECK (bonus_taken_back >= 0 AND (bonus_taken_back = 0 OR status = 'REJECTED'::text)),
    CONSTRAINT ad_view_reviews_decision_check CHECK ((status = 'PENDING'::text) = (decided_at IS NULL)),
    CONSTRAINT ad_view_reviews_findings_check CHECK (jsonb_typeof(findings) = 'object'::text),
    CONSTRAINT ad_view_reviews_fraud_score_check CHECK (fraud_score >= 0 AND fraud_score <= 100),
    CONSTRAINT ad_view_reviews_note_check CHECK (btrim(note) <> ''::text AND length(note) <= 500),
    CONSTRAINT ad_view_reviews_pk PRIMARY KEY (engagement_id),
    CONSTRAINT ad_view_reviews_status_check CHECK (status = ANY (ARRAY['PENDING'::text, 'ACCEPTED'::text, 'REJECTED'::text]))
);
COMMENT ON TABLE ad_schema.ad_view_reviews IS 'Doubtful views: PENDING ones are completed and wait for a person; REJECTED without decided_by were refused by rule.';
GRANT SELECT ON TABLE ad_schema.ad_view_reviews TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_view_reviews TO ads_ro;
GRANT INSERT (engagement_id) ON TABLE ad_schema.ad_view_reviews TO ads_app;
GRANT INSERT (status), UPDATE (status) ON TABLE ad_schema.ad_view_reviews TO ads_app;
GRANT INSERT (fraud_score), UPDATE (fraud_score) ON TABLE ad_schema.ad_view_reviews TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_reviews.findings IS 'Points by what was found; fraud_score is their sum, at most 100.';
GRANT INSERT (findings), UPDATE (findings) ON TABLE ad_schema.ad_view_reviews TO ads_app;
GRANT INSERT (bonus_taken_back), UPDATE (bonus_taken_back) ON TABLE ad_schema.ad_view_reviews TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_reviews.decided_by IS 'Personal data: the user (public id) who decided.';
GRANT INSERT (decided_by), UPDATE (decided_by) ON TABLE ad_schema.ad_view_reviews TO ads_app;
GRANT INSERT (decided_at), UPDATE (decided_at) ON TABLE ad_schema.ad_view_reviews TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_reviews.note IS 'Personal data: why, in somebody''s words.';
GRANT INSERT (note), UPDATE (note) ON TABLE ad_schema.ad_view_reviews TO ads_app;

CREATE INDEX ad_view_reviews_created_at_idx ON ad_schema.ad_view_reviews USING btree (created_at);

CREATE INDEX ad_view_reviews_decided_by_idx ON ad_schema.ad_view_reviews USING btree (decided_by) WHERE (decided_by IS NOT NULL);

CREATE INDEX ad_view_reviews_pending_created_at_idx ON ad_schema.ad_view_reviews USING btree (created_at) WHERE (status = 'PENDING'::text);

CREATE TRIGGER ad_view_reviews_set_updated_at BEFORE UPDATE ON ad_schema.ad_view_reviews FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.ad_view_rules (
    rule_set text DEFAULT 'views'::text NOT NULL,
    bonus_window_hours integer DEFAULT 48 NOT NULL,
    token_seconds integer DEFAULT 600 NOT NULL,
    idle_seconds integer DEFAULT 120 NOT NULL,
    longest_silence_s integer DEFAULT 30 NOT NULL,
    review_score smallint DEFAULT 40 NOT NULL,
    reject_score smallint DEFAULT 70 NOT NULL,
    user_views_per_hour integer DEFAULT 40 NOT NULL,
    address_views_per_hour integer DEFAULT 400 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_view_rules_address_views_per_hour_check CHECK (address_views_per_hour >= 1 AND address_views_per_hour <= 1000000),
    CONSTRAINT ad_view_rules_bonus_window_hours_check CHECK (bonus_window_hours >= 1 AND bonus_window_hours <= 720),
    CONSTRAINT ad_view_rules_idle_seconds_check CHECK (idle_seconds >= 30 AND idle_seconds <= 3600),
    CONSTRAINT ad_view_rules_longest_silence_s_check CHECK (longest_silence_s >= 5 AND longest_silence_s <= 120),
    CONSTRAINT ad_view_rules_pk PRIMARY KEY (rule_set),
    CONSTRAINT ad_view_rules_rule_set_check CHECK (rule_set = 'views'::text),
    CONSTRAINT ad_view_rules_score_check CHECK (review_score >= 1 AND review_score <= reject_score AND reject_score <= 100),
    CONSTRAINT ad_view_rules_token_seconds_check CHECK (token_seconds >= 30 AND token_seconds <= 3600),
    CONSTRAINT ad_view_rules_user_views_per_hour_check CHECK (user_views_per_hour >= 1 AND user_views_per_hour <= 10000)
);
COMMENT ON TABLE ad_schema.ad_view_rules IS 'How views are judged: one row, read by the statements that decide.';
GRANT SELECT ON TABLE ad_schema.ad_view_rules TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_view_rules TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_view_rules.bonus_window_hours IS 'How long after a redemption views may multiply its tickets; a change is for redemptions from then on.';
GRANT UPDATE (bonus_window_hours) ON TABLE ad_schema.ad_view_rules TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_rules.token_seconds IS 'How long an advertisement that was served may be started.';
GRANT UPDATE (token_seconds) ON TABLE ad_schema.ad_view_rules TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_rules.idle_seconds IS 'A view of which nothing is heard for so long is over.';
GRANT UPDATE (idle_seconds) ON TABLE ad_schema.ad_view_rules TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_rules.longest_silence_s IS 'So much of the time between two reports counts as watched, at most.';
GRANT UPDATE (longest_silence_s) ON TABLE ad_schema.ad_view_rules TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_rules.review_score IS 'From this fraud score on a person looks at a completed view.';
GRANT UPDATE (review_score) ON TABLE ad_schema.ad_view_rules TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_rules.reject_score IS 'From this fraud score on a view is rejected before it is completed: it earns nothing and costs nothing.';
GRANT UPDATE (reject_score) ON TABLE ad_schema.ad_view_rules TO ads_app;
GRANT UPDATE (user_views_per_hour) ON TABLE ad_schema.ad_view_rules TO ads_app;
GRANT UPDATE (address_views_per_hour) ON TABLE ad_schema.ad_view_rules TO ads_app;

CREATE TRIGGER ad_view_rules_record_change AFTER INSERT OR DELETE OR UPDATE ON ad_schema.ad_view_rules FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('rule_set');

CREATE TRIGGER ad_view_rules_set_updated_at BEFORE UPDATE ON ad_schema.ad_view_rules FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.ad_view_states (
    engagement_id bigint NOT NULL,
    is_playing boolean DEFAULT true NOT NULL,
    visible_percent smallint DEFAULT 100 NOT NULL,
    is_muted boolean DEFAULT false NOT NULL,
    is_hidden boolean DEFAULT false NOT NULL,
    is_silenced boolean DEFAULT false NOT NULL,
    position_s numeric(8,3) DEFAULT 0 NOT NULL,
    clock_s numeric(10,3) DEFAULT 0 NOT NULL,
    played_s numeric(10,3) DEFAULT 0 NOT NULL,
    last_sequence integer DEFAULT 0 NOT NULL,
    report_count integer DEFAULT 0 NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_view_states_last_sequence_check CHECK (last_sequence >= 0),
    CONSTRAINT ad_view_states_pk PRIMARY KEY (engagement_id),
    CONSTRAINT ad_view_states_played_s_check CHECK (played_s >= 0::numeric AND played_s <= clock_s AND played_s < 'NaN'::numeric AND clock_s < 'NaN'::numeric),
    CONSTRAINT ad_view_states_position_s_check CHECK (position_s >= 0::numeric AND position_s <= 600::numeric),
    CONSTRAINT ad_view_states_report_count_check CHECK (report_count >= 0 AND report_count <= 3000),
    CONSTRAINT ad_view_states_visible_percent_check CHECK (visible_percent >= 0 AND visible_percent <= 100)
);
COMMENT ON TABLE ad_schema.ad_view_states IS 'Where the player of each running view stands, as it said last and as the server''s clock allows. Goes with its end.';
GRANT DELETE, SELECT ON TABLE ad_schema.ad_view_states TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_view_states TO ads_ro;
GRANT INSERT (engagement_id) ON TABLE ad_schema.ad_view_states TO ads_app;
GRANT UPDATE (is_playing) ON TABLE ad_schema.ad_view_states TO ads_app;
GRANT INSERT (visible_percent), UPDATE (visible_percent) ON TABLE ad_schema.ad_view_states TO ads_app;
GRANT INSERT (is_muted), UPDATE (is_muted) ON TABLE ad_schema.ad_view_states TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_states.is_hidden IS 'From HIDE to SHOW nothing is in view, whatever reports say.';
GRANT UPDATE (is_hidden) ON TABLE ad_schema.ad_view_states TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_states.is_silenced IS 'From MUTE to UNMUTE it is muted, whatever reports say.';
GRANT UPDATE (is_silenced) ON TABLE ad_schema.ad_view_states TO ads_app;
GRANT UPDATE (position_s) ON TABLE ad_schema.ad_view_states TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_states.clock_s IS 'Time that the player has played, by the server''s clock.';
GRANT UPDATE (clock_s) ON TABLE ad_schema.ad_view_states TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_states.played_s IS 'The part of it that somebody could see (half the pixels) or, of audio, hear: no more than this can be watched.';
GRANT UPDATE (played_s) ON TABLE ad_schema.ad_view_states TO ads_app;
COMMENT ON COLUMN ad_schema.ad_view_states.last_sequence IS 'Reports are numbered: a repeated or late one does nothing.';
GRANT UPDATE (last_sequence) ON TABLE ad_schema.ad_view_states TO ads_app;
GRANT UPDATE (report_count) ON TABLE ad_schema.ad_view_states TO ads_app;
GRANT UPDATE (seen_at) ON TABLE ad_schema.ad_view_states TO ads_app;

CREATE INDEX ad_view_states_seen_at_idx ON ad_schema.ad_view_states USING btree (seen_at);

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
    is_lapsed boolean DEFAULT false NOT NULL,
    CONSTRAINT ad_view_tokens_chain_step_check CHECK (chain_step >= 1 AND chain_step <= 10),
    CONSTRAINT ad_view_tokens_consumed_at_check CHECK ((consumed_at IS NULL) = (engagement_id IS NULL) AND consumed_at >= created_at AND consumed_at < expires_at),
    CONSTRAINT ad_view_tokens_engagement_id_key UNIQUE (engagement_id),
    CONSTRAINT ad_view_tokens_expires_at_check CHECK (expires_at > created_at AND expires_at <= (created_at + '1 day'::interval)),
    CONSTRAINT ad_view_tokens_is_lapsed_check CHECK (NOT is_lapsed OR consumed_at IS NULL),
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
COMMENT ON COLUMN ad_schema.ad_view_tokens.is_lapsed IS 'Nobody used it in time, and the figures have it as an impression without a view.';
GRANT SELECT (is_lapsed) ON TABLE ad_schema.ad_view_tokens TO ads_ro;

CREATE INDEX ad_view_tokens_advertisement_id_idx ON ad_schema.ad_view_tokens USING btree (advertisement_id);

CREATE INDEX ad_view_tokens_expires_at_idx ON ad_schema.ad_view_tokens USING btree (expires_at);

CREATE INDEX ad_view_tokens_unused_expires_at_idx ON ad_schema.ad_view_tokens USING btree (expires_at) WHERE ((consumed_at IS NULL) AND (NOT is_lapsed));

CREATE TRIGGER ad_view_tokens_guard_change BEFORE UPDATE ON ad_schema.ad_view_tokens FOR EACH ROW WHEN (old.consumed_at IS NOT NULL OR new.consumed_at IS NOT NULL) EXECUTE FUNCTION ad_schema.guard_view_token_change();

CREATE TABLE ad_schema.ad_viewer_days (
    advertisement_id bigint NOT NULL,
    analytics_date date NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ad_viewer_days_pk PRIMARY KEY (advertisement_id, analytics_date, user_id)
);
COMMENT ON TABLE ad_schema.ad_viewer_days IS 'Who is counted already among an advertisement''s unique users of a day, until no more of its views can end. No foreign key: it is written by folding alone.';
GRANT SELECT ON TABLE ad_schema.ad_viewer_days TO ads_app;
GRANT SELECT (advertisement_id) ON TABLE ad_schema.ad_viewer_days TO ads_ro;
GRANT SELECT (analytics_date) ON TABLE ad_schema.ad_viewer_days TO ads_ro;
COMMENT ON COLUMN ad_schema.ad_viewer_days.user_id IS 'Personal data: the viewer''s public id.';
GRANT SELECT (created_at) ON TABLE ad_schema.ad_viewer_days TO ads_ro;

CREATE INDEX ad_viewer_days_analytics_date_idx ON ad_schema.ad_viewer_days USING btree (analytics_date);

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
    submitted_at timestamp with time zone,
    changed_by uuid,
    changers uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    CONSTRAINT advertisements_active_is_approved_check CHECK (status <> 'ACTIVE'::text OR approval_status = 'APPROVED'::text),
    CONSTRAINT advertisements_ad_format_check CHECK (ad_format = ANY (ARRAY['VIDEO'::text, 'IMAGE'::text, 'INTERACTIVE'::text, 'AUDIO'::text, 'TEXT'::text])),
    CONSTRAINT advertisements_approval_status_check CHECK (approval_status = ANY (ARRAY['PENDING'::text, 'APPROVED'::text, 'REJECTED'::text])),
    CONSTRAINT advertisements_body_text_check CHECK (btrim(body_text) <> ''::text AND length(body_text) <= 4000),
    CONSTRAINT advertisements_changer_check CHECK (reviewed_by <> ALL (changers)),
    CONSTRAINT advertisements_changers_check CHECK (cardinality(changers) <= 1000),
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
COMMENT ON COLUMN ad_schema.advertisements.submitted_at IS 'When it was handed in for review; NULL: still being made, nobody reviews it.';
GRANT INSERT (submitted_at), UPDATE (submitted_at) ON TABLE ad_schema.advertisements TO ads_app;
GRANT SELECT (submitted_at) ON TABLE ad_schema.advertisements TO ads_ro;
COMMENT ON COLUMN ad_schema.advertisements.changed_by IS 'Personal data: the user (public id) who last changed what is shown.';
COMMENT ON COLUMN ad_schema.advertisements.changers IS 'Personal data: all users (public ids) who changed what is shown since it was approved last; none of them, and not its maker, reviews it.';

CREATE INDEX advertisements_campaign_id_idx ON ad_schema.advertisements USING btree (campaign_id, status);

CREATE INDEX advertisements_media_sha256_idx ON ad_schema.advertisements USING btree (media_sha256) WHERE (media_sha256 IS NOT NULL);

CREATE INDEX advertisements_pending_created_at_idx ON ad_schema.advertisements USING btree (created_at) WHERE (approval_status = 'PENDING'::text);

CREATE INDEX advertisements_submitted_at_idx ON ad_schema.advertisements USING btree (submitted_at, id) WHERE ((approval_status = 'PENDING'::text) AND (submitted_at IS NOT NULL));

CREATE TRIGGER advertisements_follow_insert AFTER INSERT ON ad_schema.advertisements REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();

CREATE TRIGGER advertisements_follow_update AFTER UPDATE ON ad_schema.advertisements REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();

CREATE TRIGGER advertisements_guard_change BEFORE UPDATE ON ad_schema.advertisements FOR EACH ROW EXECUTE FUNCTION ad_schema.guard_advertisement_change();

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

CREATE TRIGGER advertisers_follow_update AFTER UPDATE ON ad_schema.advertisers REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION ad_schema.follow_changes();

CREATE TRIGGER advertisers_record_change AFTER INSERT OR DELETE OR UPDATE ON ad_schema.advertisers FOR EACH ROW EXECUTE FUNCTION ad_schema.record_change('advertiser_code');

CREATE TRIGGER advertisers_set_updated_at BEFORE UPDATE ON ad_schema.advertisers FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.dead_letters (
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
COMMENT ON TABLE ad_schema.dead_letters IS 'Events that a consumer of this service failed at too often, with the reason, until somebody replays them.';
GRANT DELETE, SELECT ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (id) ON TABLE ad_schema.dead_letters TO ads_ro;
GRANT INSERT (event_id) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (event_id) ON TABLE ad_schema.dead_letters TO ads_ro;
GRANT INSERT (consumer) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (consumer) ON TABLE ad_schema.dead_letters TO ads_ro;
GRANT INSERT (event_type) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (event_type) ON TABLE ad_schema.dead_letters TO ads_ro;
GRANT INSERT (aggregate_type) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (aggregate_type) ON TABLE ad_schema.dead_letters TO ads_ro;
GRANT INSERT (aggregate_key) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (aggregate_key) ON TABLE ad_schema.dead_letters TO ads_ro;
COMMENT ON COLUMN ad_schema.dead_letters.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT INSERT (correlation_id) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (correlation_id) ON TABLE ad_schema.dead_letters TO ads_ro;
GRANT INSERT (attempts), UPDATE (attempts) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (attempts) ON TABLE ad_schema.dead_letters TO ads_ro;
GRANT INSERT (last_error), UPDATE (last_error) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (last_error) ON TABLE ad_schema.dead_letters TO ads_ro;
GRANT INSERT (first_failed_at) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (first_failed_at) ON TABLE ad_schema.dead_letters TO ads_ro;
GRANT INSERT (last_failed_at), UPDATE (last_failed_at) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (last_failed_at) ON TABLE ad_schema.dead_letters TO ads_ro;
COMMENT ON COLUMN ad_schema.dead_letters.replayed_at IS 'Set in the transaction of the effect, so that a replay has it once.';
GRANT UPDATE (replayed_at) ON TABLE ad_schema.dead_letters TO ads_app;
GRANT SELECT (replayed_at) ON TABLE ad_schema.dead_letters TO ads_ro;
GRANT SELECT (created_at) ON TABLE ad_schema.dead_letters TO ads_ro;
GRANT SELECT (updated_at) ON TABLE ad_schema.dead_letters TO ads_ro;

CREATE INDEX dead_letters_open_id_idx ON ad_schema.dead_letters USING btree (id) WHERE (replayed_at IS NULL);

CREATE INDEX dead_letters_replayed_at_idx ON ad_schema.dead_letters USING btree (replayed_at) WHERE (replayed_at IS NOT NULL);

CREATE TRIGGER dead_letters_set_updated_at BEFORE UPDATE ON ad_schema.dead_letters FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE TABLE ad_schema.idempotency_keys (
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
COMMENT ON TABLE ad_schema.idempotency_keys IS 'The answer to each request that had an Idempotency-Key, written in the transaction of its effect and given again to a repetition. Not partitioned: a key must be unique. Deleted after a day.';
GRANT SELECT ON TABLE ad_schema.idempotency_keys TO ads_app;
COMMENT ON COLUMN ad_schema.idempotency_keys.key_hash IS 'SHA-256 of who asked, the route and the key, which itself is kept nowhere.';
GRANT INSERT (key_hash) ON TABLE ad_schema.idempotency_keys TO ads_app;
GRANT SELECT (key_hash) ON TABLE ad_schema.idempotency_keys TO ads_ro;
COMMENT ON COLUMN ad_schema.idempotency_keys.fingerprint IS 'SHA-256 of method, address and body: a key stands for one request.';
GRANT INSERT (fingerprint) ON TABLE ad_schema.idempotency_keys TO ads_app;
GRANT SELECT (fingerprint) ON TABLE ad_schema.idempotency_keys TO ads_ro;
GRANT INSERT (status) ON TABLE ad_schema.idempotency_keys TO ads_app;
GRANT SELECT (status) ON TABLE ad_schema.idempotency_keys TO ads_ro;
COMMENT ON COLUMN ad_schema.idempotency_keys.answer IS 'Personal data: headers and body, encrypted with a key that only who knows the Idempotency-Key can make again.';
GRANT INSERT (answer) ON TABLE ad_schema.idempotency_keys TO ads_app;
GRANT SELECT (created_at) ON TABLE ad_schema.idempotency_keys TO ads_ro;

CREATE INDEX idempotency_keys_created_at_idx ON ad_schema.idempotency_keys USING btree (created_at);

CREATE TABLE ad_schema.inbox_events (
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
COMMENT ON TABLE ad_schema.inbox_events IS 'Events that came in, one row a consumer. Not partitioned: the key makes each event come in once, and settled rows are deleted after their retention, which is longer than any transport repeats an event.';
GRANT DELETE, SELECT ON TABLE ad_schema.inbox_events TO ads_app;
COMMENT ON COLUMN ad_schema.inbox_events.id IS 'The order of arrival, which is the order of delivery within one aggregate.';
GRANT SELECT (id) ON TABLE ad_schema.inbox_events TO ads_ro;
GRANT INSERT (event_id) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT SELECT (event_id) ON TABLE ad_schema.inbox_events TO ads_ro;
COMMENT ON COLUMN ad_schema.inbox_events.consumer IS 'The consumer of this service that the event is for.';
GRANT INSERT (consumer) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT SELECT (consumer) ON TABLE ad_schema.inbox_events TO ads_ro;
GRANT INSERT (event_type) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT SELECT (event_type) ON TABLE ad_schema.inbox_events TO ads_ro;
GRANT INSERT (aggregate_type) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT SELECT (aggregate_type) ON TABLE ad_schema.inbox_events TO ads_ro;
GRANT INSERT (aggregate_key) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT SELECT (aggregate_key) ON TABLE ad_schema.inbox_events TO ads_ro;
COMMENT ON COLUMN ad_schema.inbox_events.event IS 'Personal data: the whole event as CloudEvents JSON; may carry a user''s public id, no phone or name.';
GRANT INSERT (event) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT INSERT (correlation_id) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT SELECT (correlation_id) ON TABLE ad_schema.inbox_events TO ads_ro;
GRANT UPDATE (attempts) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT SELECT (attempts) ON TABLE ad_schema.inbox_events TO ads_ro;
GRANT UPDATE (next_attempt_at) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT SELECT (next_attempt_at) ON TABLE ad_schema.inbox_events TO ads_ro;
GRANT UPDATE (first_failed_at) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT SELECT (first_failed_at) ON TABLE ad_schema.inbox_events TO ads_ro;
GRANT UPDATE (last_error) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT SELECT (last_error) ON TABLE ad_schema.inbox_events TO ads_ro;
COMMENT ON COLUMN ad_schema.inbox_events.settled_at IS 'Set in the transaction of the effect, or when the event was given up: then dead_letters holds it.';
GRANT UPDATE (settled_at) ON TABLE ad_schema.inbox_events TO ads_app;
GRANT SELECT (settled_at) ON TABLE ad_schema.inbox_events TO ads_ro;
GRANT SELECT (created_at) ON TABLE ad_schema.inbox_events TO ads_ro;

CREATE INDEX inbox_events_settled_at_idx ON ad_schema.inbox_events USING btree (settled_at) WHERE (settled_at IS NOT NULL);

CREATE INDEX inbox_events_unsettled_aggregate_idx ON ad_schema.inbox_events USING btree (aggregate_type, aggregate_key, consumer, id) WHERE (settled_at IS NULL);

CREATE INDEX inbox_events_unsettled_id_idx ON ad_schema.inbox_events USING btree (id) WHERE (settled_at IS NULL);

CREATE TABLE ad_schema.outbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_key text NOT NULL,
    payload jsonb NOT NULL,
    schema_version integer DEFAULT 1 NOT NULL,
    correlation_id text DEFAULT ad_schema.request_context('correlation_id'::text),
    causation_id uuid,
    trace_parent text DEFAULT ad_schema.request_context('trace_parent'::text),
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
COMMENT ON TABLE ad_schema.outbox_events IS 'Events to publish as CloudEvents. Not partitioned: published rows are deleted after their retention, and the event id must be unique.';
GRANT DELETE, SELECT ON TABLE ad_schema.outbox_events TO ads_app;
COMMENT ON COLUMN ad_schema.outbox_events.id IS 'The order of delivery within one aggregate. Writers of one aggregate hold its row''s lock, so their ids are in the order of their commits; across aggregates an id may appear late, so a reader asks for published_at IS NULL and never for id > n.';
GRANT SELECT (id) ON TABLE ad_schema.outbox_events TO ads_ro;
COMMENT ON COLUMN ad_schema.outbox_events.event_id IS 'CloudEvents id; the key of the consumers'' inboxes.';
GRANT INSERT (event_id) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (event_id) ON TABLE ad_schema.outbox_events TO ads_ro;
COMMENT ON COLUMN ad_schema.outbox_events.event_type IS 'CloudEvents type, as ad.view.completed.';
GRANT INSERT (event_type) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (event_type) ON TABLE ad_schema.outbox_events TO ads_ro;
GRANT INSERT (aggregate_type) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (aggregate_type) ON TABLE ad_schema.outbox_events TO ads_ro;
COMMENT ON COLUMN ad_schema.outbox_events.aggregate_key IS 'CloudEvents subject: the public reference of what the event is about.';
GRANT INSERT (aggregate_key) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (aggregate_key) ON TABLE ad_schema.outbox_events TO ads_ro;
COMMENT ON COLUMN ad_schema.outbox_events.payload IS 'Personal data: CloudEvents data; may carry a user''s public id, no phone or name.';
GRANT INSERT (payload) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT INSERT (schema_version) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (schema_version) ON TABLE ad_schema.outbox_events TO ads_ro;
GRANT INSERT (correlation_id) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (correlation_id) ON TABLE ad_schema.outbox_events TO ads_ro;
GRANT INSERT (causation_id) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (causation_id) ON TABLE ad_schema.outbox_events TO ads_ro;
GRANT INSERT (trace_parent) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (trace_parent) ON TABLE ad_schema.outbox_events TO ads_ro;
COMMENT ON COLUMN ad_schema.outbox_events.occurred_at IS 'CloudEvents time.';
GRANT SELECT (occurred_at) ON TABLE ad_schema.outbox_events TO ads_ro;
GRANT UPDATE (published_at) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (published_at) ON TABLE ad_schema.outbox_events TO ads_ro;
GRANT UPDATE (attempts) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (attempts) ON TABLE ad_schema.outbox_events TO ads_ro;
GRANT UPDATE (next_attempt_at) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (next_attempt_at) ON TABLE ad_schema.outbox_events TO ads_ro;
GRANT UPDATE (last_error) ON TABLE ad_schema.outbox_events TO ads_app;
GRANT SELECT (last_error) ON TABLE ad_schema.outbox_events TO ads_ro;
GRANT SELECT (created_at) ON TABLE ad_schema.outbox_events TO ads_ro;

CREATE INDEX outbox_events_published_at_idx ON ad_schema.outbox_events USING btree (published_at) WHERE (published_at IS NOT NULL);

CREATE INDEX outbox_events_unpublished_aggregate_idx ON ad_schema.outbox_events USING btree (aggregate_type, aggregate_key, id) WHERE (published_at IS NULL);

CREATE INDEX outbox_events_unpublished_id_idx ON ad_schema.outbox_events USING btree (id) WHERE (published_at IS NULL);

CREATE TABLE ad_schema.rate_limits (
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
COMMENT ON TABLE ad_schema.rate_limits IS 'How often something was done in a window of time, for a limit and a subject. All limits of a request are taken by one statement, in the order of the key, so that requests cannot deadlock; a full one is not updated, and the transaction that wanted it rolls back. Deleted a day after the window.';
GRANT SELECT ON TABLE ad_schema.rate_limits TO ads_app;
GRANT SELECT ON TABLE ad_schema.rate_limits TO ads_ro;
GRANT INSERT (limit_name) ON TABLE ad_schema.rate_limits TO ads_app;
COMMENT ON COLUMN ad_schema.rate_limits.subject IS 'Personal data: SHA-256 of the phone number, address or user that the limit is about.';
GRANT INSERT (subject) ON TABLE ad_schema.rate_limits TO ads_app;
GRANT INSERT (window_s) ON TABLE ad_schema.rate_limits TO ads_app;
COMMENT ON COLUMN ad_schema.rate_limits.window_start IS 'A whole multiple of window_s since 1970, so that every process names the same window.';
GRANT INSERT (window_start) ON TABLE ad_schema.rate_limits TO ads_app;
GRANT INSERT (request_count), UPDATE (request_count) ON TABLE ad_schema.rate_limits TO ads_app;
COMMENT ON COLUMN ad_schema.rate_limits.max_requests IS 'The limit in force when the window was opened.';
GRANT INSERT (max_requests) ON TABLE ad_schema.rate_limits TO ads_app;

CREATE INDEX rate_limits_window_start_idx ON ad_schema.rate_limits USING btree (window_start);

CREATE TRIGGER rate_limits_set_updated_at BEFORE UPDATE ON ad_schema.rate_limits FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();

CREATE VIEW ad_schema.active_advertisements WITH (security_invoker=true) AS
 SELECT d.public_id,
    d.title,
    d.ad_format,
    d.duration_s,
    d.ticket_multiplier,
    d.languages,
    d.content_rating,
    p.campaign_code,
    r.advertiser_code,
    p.priority,
    p.starts_at,
    p.ends_at
   FROM ad_schema.advertisements d
     JOIN ad_schema.ad_campaigns p ON p.id = d.campaign_id
     JOIN ad_schema.advertisers r ON r.id = p.advertiser_id
  WHERE d.status = 'ACTIVE'::text AND d.approval_status = 'APPROVED'::text AND p.status = 'ACTIVE'::text AND r.status = 'ACTIVE'::text AND p.starts_at <= now() AND now() < p.ends_at;
COMMENT ON VIEW ad_schema.active_advertisements IS 'What may be shown now, as far as advertisement, campaign and advertiser are asked; budgets, hours and viewers decide the rest.';
GRANT SELECT ON TABLE ad_schema.active_advertisements TO ads_app;
GRANT SELECT ON TABLE ad_schema.active_advertisements TO ads_ro;

CREATE VIEW ad_schema.ad_fraud_statistics WITH (security_invoker=true) AS
 SELECT a.analytics_date,
    r.advertiser_code,
    p.campaign_code,
    a.currency,
    sum(a.starts)::bigint AS starts,
    sum(a.completions)::bigint AS completions,
    sum(a.rejections)::bigint AS rejections,
    round(100.0 * sum(a.rejections) / NULLIF(sum(a.starts), 0::numeric), 1) AS rejected_percent,
    sum(a.rejected_cost) AS rejected_cost,
    round(sum(a.fraud_score_sum) / NULLIF(sum(a.scored_engagements), 0::numeric), 1) AS mean_fraud_score,
    round(sum(a.quality_score_sum) / NULLIF(sum(a.scored_engagements), 0::numeric), 1) AS mean_quality_score
   FROM ad_schema.ad_analytics a
     JOIN ad_schema.advertisements d ON d.id = a.advertisement_id
     JOIN ad_schema.ad_campaigns p ON p.id = d.campaign_id
     JOIN ad_schema.advertisers r ON r.id = p.advertiser_id
  GROUP BY a.analytics_date, r.advertiser_code, p.campaign_code, a.currency;
COMMENT ON VIEW ad_schema.ad_fraud_statistics IS 'What was refused of a campaign''s views a day (UTC), from ad_analytics.';
GRANT SELECT ON TABLE ad_schema.ad_fraud_statistics TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_fraud_statistics TO ads_ro;

CREATE VIEW ad_schema.ad_funnel WITH (security_invoker=true) AS
 SELECT r.advertiser_code,
    p.campaign_code,
    d.public_id AS advertisement,
    d.title,
    s.step,
    s.name,
    s.reached,
    round(100.0 * s.reached / NULLIF(a.impressions, 0::numeric), 1) AS of_impressions_percent,
    round(100.0 * s.reached / NULLIF(s.before, 0::numeric), 1) AS of_step_before_percent
   FROM ( SELECT t.advertisement_id,
            sum(t.impressions) AS impressions,
            sum(t.starts) AS starts,
            sum(t.first_quartiles) AS first_quartiles,
            sum(t.midpoints) AS midpoints,
            sum(t.third_quartiles) AS third_quartiles,
            sum(t.completions) AS completions
           FROM ad_schema.ad_analytics t
          GROUP BY t.advertisement_id) a
     JOIN ad_schema.advertisements d ON d.id = a.advertisement_id
     JOIN ad_schema.ad_campaigns p ON p.id = d.campaign_id
     JOIN ad_schema.advertisers r ON r.id = p.advertiser_id
     CROSS JOIN LATERAL ( VALUES (1,'IMPRESSION'::text,a.impressions,NULL::numeric), (2,'START'::text,a.starts,a.impressions), (3,'FIRST_QUARTILE'::text,a.first_quartiles,a.starts), (4,'MIDPOINT'::text,a.midpoints,a.first_quartiles), (5,'THIRD_QUARTILE'::text,a.third_quartiles,a.midpoints), (6,'COMPLETION'::text,a.completions,a.third_quartiles)) s(step, name, reached, before);
COMMENT ON VIEW ad_schema.ad_funnel IS 'How many of an advertisement''s impressions got how far, on all days together. A completion needs the advertisement''s threshold only, which may lie before the third quartile, so it may be more than the step before.';
GRANT SELECT ON TABLE ad_schema.ad_funnel TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_funnel TO ads_ro;

CREATE VIEW ad_schema.ad_statistics WITH (security_invoker=true) AS
 SELECT a.analytics_date,
    r.advertiser_code,
    p.campaign_code,
    d.public_id AS advertisement,
    d.title,
    a.currency,
    a.impressions,
    a.starts,
    a.first_quartiles,
    a.midpoints,
    a.third_quartiles,
    a.completions,
    a.skips,
    a.failures,
    a.abandons,
    a.rejections,
    a.clicks,
    a.unique_users,
    a.watched_s,
    a.bonus_tickets,
    a.cost,
    a.rejected_cost,
    round(100.0 * a.starts::numeric / NULLIF(a.impressions, 0)::numeric, 1) AS start_percent,
    round(100.0 * a.completions::numeric / NULLIF(a.starts, 0)::numeric, 1) AS completion_percent,
    round(100.0 * a.clicks::numeric / NULLIF(a.starts, 0)::numeric, 1) AS click_percent,
    round(100.0 * a.rejections::numeric / NULLIF(a.starts, 0)::numeric, 1) AS rejected_percent,
    round(a.quality_score_sum::numeric / NULLIF(a.scored_engagements, 0)::numeric, 1) AS mean_quality_score,
    round(a.fraud_score_sum::numeric / NULLIF(a.scored_engagements, 0)::numeric, 1) AS mean_fraud_score
   FROM ad_schema.ad_analytics a
     JOIN ad_schema.advertisements d ON d.id = a.advertisement_id
     JOIN ad_schema.ad_campaigns p ON p.id = d.campaign_id
     JOIN ad_schema.advertisers r ON r.id = p.advertiser_id;
COMMENT ON VIEW ad_schema.ad_statistics IS 'An advertisement''s day (UTC) with its rates, from ad_analytics; what its columns count is told there.';
GRANT SELECT ON TABLE ad_schema.ad_statistics TO ads_app;
GRANT SELECT ON TABLE ad_schema.ad_statistics TO ads_ro;

CREATE VIEW ad_schema.campaign_summary WITH (security_invoker=true) AS
 SELECT r.advertiser_code,
    p.campaign_code,
    p.name,
    p.status,
    p.pacing,
    p.starts_at,
    p.ends_at,
    p.currency,
    p.total_budget,
    b.spent,
    p.total_budget - b.spent AS remaining,
    round(100::numeric * b.spent / p.total_budget, 1) AS spent_percent,
    t.elapsed_percent,
    b.spent >= (p.total_budget * p.budget_alert_percent::numeric / 100::numeric) AS is_alerted,
    p.daily_budget,
    b.spent_today,
        CASE
            WHEN p.pacing = 'ASAP'::text OR t.elapsed_percent = 0::numeric THEN NULL::text
            WHEN (100::numeric * b.spent / p.total_budget) > (t.elapsed_percent + 10::numeric) THEN 'AHEAD'::text
            WHEN (100::numeric * b.spent / p.total_budget) < (t.elapsed_percent - 10::numeric) THEN 'BEHIND'::text
            ELSE 'ON_TRACK'::text
        END AS pace,
    COALESCE(a.impressions, 0::bigint) AS impressions,
    COALESCE(a.starts, 0::bigint) AS starts,
    COALESCE(a.completions, 0::bigint) AS completions,
    COALESCE(a.rejections, 0::bigint) AS rejections,
    COALESCE(a.clicks, 0::bigint) AS clicks,
    COALESCE(a.bonus_tickets, 0::bigint) AS bonus_tickets,
    a.first_day,
    a.last_day
   FROM ad_schema.ad_campaigns p
     JOIN ad_schema.advertisers r ON r.id = p.advertiser_id
     CROSS JOIN LATERAL ( SELECT COALESCE(sum(h.spent) FILTER (WHERE h.budget_date IS NULL), 0::numeric) AS spent,
            COALESCE(sum(h.spent) FILTER (WHERE h.budget_date IS NOT NULL), 0::numeric) AS spent_today
           FROM ad_schema.ad_campaign_budget_shards h
          WHERE h.campaign_id = p.id AND (h.budget_date IS NULL OR h.budget_date = (now() AT TIME ZONE p.time_zone)::date)) b
     CROSS JOIN LATERAL ( SELECT round(100::numeric * LEAST(GREATEST(EXTRACT(epoch FROM now() - p.starts_at) / EXTRACT(epoch FROM p.ends_at - p.starts_at), 0::numeric), 1::numeric), 1) AS elapsed_percent) t
     LEFT JOIN LATERAL ( SELECT sum(s.impressions)::bigint AS impressions,
            sum(s.starts)::bigint AS starts,
            sum(s.completions)::bigint AS completions,
            sum(s.rejections)::bigint AS rejections,
            sum(s.clicks)::bigint AS clicks,
            sum(s.bonus_tickets)::bigint AS bonus_tickets,
            min(s.analytics_date) AS first_day,
            max(s.analytics_date) AS last_day
           FROM ad_schema.advertisements d
             JOIN ad_schema.ad_analytics s ON s.advertisement_id = d.id
          WHERE d.campaign_id = p.id) a ON true;
COMMENT ON VIEW ad_schema.campaign_summary IS 'Each campaign in figures: money of its budget''s shares, exact at this moment; views from ad_analytics. Its pace is what it spent beside how much of its time is over, with ten points of a hundred either way.';
GRANT SELECT ON TABLE ad_schema.campaign_summary TO ads_app;
GRANT SELECT ON TABLE ad_schema.campaign_summary TO ads_ro;
COMMENT ON COLUMN ad_schema.campaign_summary.spent_today IS 'Of the daily budget, on the day that it is in the campaign''s zone; 0 where there is no daily budget.';

ALTER TABLE ad_schema.ad_analytics ADD CONSTRAINT ad_analytics_advertisement_id_fk FOREIGN KEY (advertisement_id) REFERENCES ad_schema.advertisements(id) ON DELETE RESTRICT;

ALTER TABLE ad_schema.ad_campaign_budget_shards ADD CONSTRAINT ad_campaign_budget_shards_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES ad_schema.ad_campaigns(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_campaign_targets ADD CONSTRAINT ad_campaign_targets_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES ad_schema.ad_campaigns(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_campaign_windows ADD CONSTRAINT ad_campaign_windows_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES ad_schema.ad_campaigns(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_campaigns ADD CONSTRAINT ad_campaigns_advertiser_id_fk FOREIGN KEY (advertiser_id) REFERENCES ad_schema.advertisers(id) ON DELETE RESTRICT;

ALTER TABLE ad_schema.ad_engagements ADD CONSTRAINT ad_engagements_advertisement_id_fk FOREIGN KEY (advertisement_id) REFERENCES ad_schema.advertisements(id) ON DELETE RESTRICT;

ALTER TABLE ad_schema.ad_frequency_counters ADD CONSTRAINT ad_frequency_counters_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES ad_schema.ad_campaigns(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_media_chunks ADD CONSTRAINT ad_media_chunks_sha256_fk FOREIGN KEY (sha256) REFERENCES ad_schema.ad_media(sha256) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_network_callbacks ADD CONSTRAINT ad_network_callbacks_network_id_fk FOREIGN KEY (network_id) REFERENCES ad_schema.ad_networks(id) ON DELETE RESTRICT;

ALTER TABLE ad_schema.ad_network_keys ADD CONSTRAINT ad_network_keys_network_id_fk FOREIGN KEY (network_id) REFERENCES ad_schema.ad_networks(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_networks ADD CONSTRAINT ad_networks_advertiser_id_fk FOREIGN KEY (advertiser_id) REFERENCES ad_schema.advertisers(id) ON DELETE RESTRICT;

ALTER TABLE ad_schema.ad_serving ADD CONSTRAINT ad_serving_advertisement_id_fk FOREIGN KEY (advertisement_id) REFERENCES ad_schema.advertisements(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_serving ADD CONSTRAINT ad_serving_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES ad_schema.ad_campaigns(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_serving ADD CONSTRAINT ad_serving_time_zone_fk FOREIGN KEY (time_zone) REFERENCES ad_schema.ad_serving_zones(time_zone) ON DELETE RESTRICT;

ALTER TABLE ad_schema.ad_view_reviews ADD CONSTRAINT ad_view_reviews_engagement_id_fk FOREIGN KEY (engagement_id) REFERENCES ad_schema.ad_engagements(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_view_states ADD CONSTRAINT ad_view_states_engagement_id_fk FOREIGN KEY (engagement_id) REFERENCES ad_schema.ad_engagements(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_view_tokens ADD CONSTRAINT ad_view_tokens_advertisement_id_fk FOREIGN KEY (advertisement_id) REFERENCES ad_schema.advertisements(id) ON DELETE CASCADE;

ALTER TABLE ad_schema.ad_view_tokens ADD CONSTRAINT ad_view_tokens_engagement_id_fk FOREIGN KEY (engagement_id) REFERENCES ad_schema.ad_engagements(id) ON DELETE RESTRICT;

ALTER TABLE ad_schema.advertisements ADD CONSTRAINT advertisements_campaign_id_fk FOREIGN KEY (campaign_id) REFERENCES ad_schema.ad_campaigns(id) ON DELETE RESTRICT;

RESET ROLE;
