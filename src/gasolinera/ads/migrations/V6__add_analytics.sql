-- Figures of advertisements by day, kept up by folding what changed into them: nothing is recounted, and no view waits
-- for a row that all share. Then the views for dashboards, what is forgotten with time, and erasure.
-- vuelo: allow require-concurrent-index-creation nothing but sample data is there before advertisements are watched
-- vuelo: allow working-under-lock nothing but sample data is there before advertisements are watched
-- vuelo: allow locking-several-tables each gains a column, a rule or a trigger that nobody waits for: milliseconds

-- What a view counts for ---------------------------------------------------------------------------------------------

ALTER TABLE ad_schema.ad_analytics
    ADD COLUMN abandons bigint NOT NULL DEFAULT 0,
    ADD COLUMN rejections bigint NOT NULL DEFAULT 0,
    ADD COLUMN rejected_cost numeric(12, 2) NOT NULL DEFAULT 0,
    ADD CONSTRAINT ad_analytics_all_ends_check CHECK (
        abandons >= 0 AND rejections >= 0 AND completions + skips + failures + abandons + rejections <= starts) NOT VALID,
    ADD CONSTRAINT ad_analytics_rejected_cost_check CHECK (
        rejected_cost >= 0 AND rejected_cost < 'NaN') NOT VALID;
COMMENT ON TABLE ad_schema.ad_analytics IS
    'Figures of an advertisement a day (UTC), as of ad_analytics_states; sums, so that they can be added up again. A view '
    'counts, once it has ended, in the day on which it started, whatever is decided about it later.';
COMMENT ON COLUMN ad_schema.ad_analytics.impressions IS
    'Views, and what was handed out and never started, in the day on which it was handed out.';
COMMENT ON COLUMN ad_schema.ad_analytics.failures IS 'Views that failed, and those that never said how they ended.';
COMMENT ON COLUMN ad_schema.ad_analytics.rejections IS 'Views that the fraud score or the review refused.';
COMMENT ON COLUMN ad_schema.ad_analytics.rejected_cost IS
    'What views had charged that were refused only later: it went back to the budget and is not in the cost.';
COMMENT ON COLUMN ad_schema.ad_analytics.unique_users IS
    'Users with a view of this advertisement on this day. Sums over days or advertisements count a user again.';
COMMENT ON COLUMN ad_schema.ad_analytics.scored_engagements IS
    'How many views the two score sums are of, those with both scores; a mean is a sum divided by this.';

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

CREATE FUNCTION ad_schema.figures_of(p_view ad_schema.ad_engagements) RETURNS ad_schema.view_figures
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
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
$$;
COMMENT ON FUNCTION ad_schema.figures_of(ad_schema.ad_engagements) IS
    'What one view counts for: nothing while it is under way.';

-- What is still to be folded -----------------------------------------------------------------------------------------

CREATE TABLE ad_schema.ad_analytics_changes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    engagement_id bigint NOT NULL,
    advertisement_id bigint NOT NULL,
    analytics_date date NOT NULL,
    user_id uuid NOT NULL,
    currency text NOT NULL,
    is_first boolean NOT NULL,
    change ad_schema.view_figures NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_analytics_changes_pk PRIMARY KEY (id),
    CONSTRAINT ad_analytics_changes_currency_check CHECK (currency ~ '^[A-Z]{3}$')
);
COMMENT ON TABLE ad_schema.ad_analytics_changes IS
    'What ended views, and what was decided about them since, change in figures that do not have it yet: written in the '
    'transaction of the change, taken out in the one that folds it, so each counts once. No foreign key: views are never '
    'deleted, and the look-up would be paid by each.';
COMMENT ON COLUMN ad_schema.ad_analytics_changes.user_id IS 'Personal data: the viewer''s public id.';
COMMENT ON COLUMN ad_schema.ad_analytics_changes.is_first IS 'The view has ended; else something about it was corrected.';

CREATE FUNCTION ad_schema.note_for_analytics() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION ad_schema.note_for_analytics() FROM PUBLIC;
COMMENT ON FUNCTION ad_schema.note_for_analytics() IS
    'What a view changes in the figures, for fold_analytics; nothing while it is under way.';
CREATE TRIGGER ad_engagements_note_for_analytics AFTER INSERT OR UPDATE ON ad_schema.ad_engagements
    FOR EACH ROW WHEN (NEW.status <> 'STARTED') EXECUTE FUNCTION ad_schema.note_for_analytics();

-- A token that was counted as an impression without a view can start none any more: the view would be another.
ALTER TABLE ad_schema.ad_view_tokens
    ADD COLUMN is_lapsed boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT ad_view_tokens_is_lapsed_check CHECK (NOT is_lapsed OR consumed_at IS NULL) NOT VALID;
COMMENT ON COLUMN ad_schema.ad_view_tokens.is_lapsed IS
    'Nobody used it in time, and the figures have it as an impression without a view.';
-- Folding: tokens that are over, unused and not counted yet.
CREATE INDEX ad_view_tokens_unused_expires_at_idx ON ad_schema.ad_view_tokens (expires_at)
    WHERE consumed_at IS NULL AND NOT is_lapsed;

-- The figures --------------------------------------------------------------------------------------------------------

CREATE TABLE ad_schema.ad_viewer_days (
    advertisement_id bigint NOT NULL,
    analytics_date date NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_viewer_days_pk PRIMARY KEY (advertisement_id, analytics_date, user_id)
);
-- Retention: days that are long over.
CREATE INDEX ad_viewer_days_analytics_date_idx ON ad_schema.ad_viewer_days (analytics_date);
COMMENT ON TABLE ad_schema.ad_viewer_days IS
    'Who is counted already among an advertisement''s unique users of a day, until no more of its views can end. No '
    'foreign key: it is written by folding alone.';
COMMENT ON COLUMN ad_schema.ad_viewer_days.user_id IS 'Personal data: the viewer''s public id.';

CREATE TABLE ad_schema.ad_analytics_states (
    report_name text NOT NULL,
    as_of timestamptz,
    impressions_from date NOT NULL DEFAULT '-infinity',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_analytics_states_pk PRIMARY KEY (report_name),
    CONSTRAINT ad_analytics_states_report_name_check CHECK (report_name = 'ad_analytics')
);
COMMENT ON TABLE ad_schema.ad_analytics_states IS 'How far the figures are, and the lock that lets one fold at a time.';
COMMENT ON COLUMN ad_schema.ad_analytics_states.as_of IS
    'All views that had ended before it are in; NULL: it never got to the end of the changes.';
COMMENT ON COLUMN ad_schema.ad_analytics_states.impressions_from IS
    'Of days before it, tokens that nobody used are deleted: what was handed out then cannot be counted again.';
CREATE TRIGGER ad_analytics_states_set_updated_at BEFORE UPDATE ON ad_schema.ad_analytics_states
    FOR EACH ROW EXECUTE FUNCTION ad_schema.set_updated_at();
INSERT INTO ad_schema.ad_analytics_states (report_name) VALUES ('ad_analytics');

CREATE FUNCTION ad_schema.fold_analytics(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION ad_schema.fold_analytics(integer) FROM PUBLIC;
COMMENT ON FUNCTION ad_schema.fold_analytics(integer) IS
    'Folds the oldest p_limit changes, and as many tokens that nobody used, into the figures; returns how many there '
    'were. Fewer than p_limit: all are in. Locks the figures'' state until the transaction ends, so that one folds at a '
    'time; holds up no view.';

CREATE FUNCTION ad_schema.rebuild_analytics(p_first_day date, p_last_day date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION ad_schema.rebuild_analytics(date, date) FROM PUBLIC;
COMMENT ON FUNCTION ad_schema.rebuild_analytics(date, date) IS
    'Makes the figures of these days anew from the views and tokens, where somebody spoilt them; returns how many lines '
    'there are. Reads all their views. Locks the figures'' state, so that nobody folds meanwhile; readers see the old '
    'lines until it commits.';
-- Figures that are there already were those of views that had ended; who saw them is noted, so that nobody counts twice.
INSERT INTO ad_schema.ad_viewer_days (advertisement_id, analytics_date, user_id)
SELECT DISTINCT e.advertisement_id, (e.started_at AT TIME ZONE 'UTC')::date, e.user_id
  FROM ad_schema.ad_engagements AS e
 WHERE e.status <> 'STARTED';

-- Views --------------------------------------------------------------------------------------------------------------
-- None of them is materialized: ad_analytics is what a materialized view would be, and never has to be made anew.

CREATE VIEW ad_schema.active_advertisements WITH (security_invoker = true) AS
SELECT d.public_id, d.title, d.ad_format, d.duration_s, d.ticket_multiplier, d.languages, d.content_rating,
       p.campaign_code, r.advertiser_code, p.priority, p.starts_at, p.ends_at
  FROM ad_schema.advertisements AS d
  JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
  JOIN ad_schema.advertisers AS r ON r.id = p.advertiser_id
 WHERE d.status = 'ACTIVE' AND d.approval_status = 'APPROVED' AND p.status = 'ACTIVE' AND r.status = 'ACTIVE'
   AND p.starts_at <= now() AND now() < p.ends_at;
COMMENT ON VIEW ad_schema.active_advertisements IS
    'What may be shown now, as far as advertisement, campaign and advertiser are asked; budgets, hours and viewers decide '
    'the rest.';

CREATE VIEW ad_schema.ad_statistics WITH (security_invoker = true) AS
SELECT a.analytics_date, r.advertiser_code, p.campaign_code, d.public_id AS advertisement, d.title, a.currency,
       a.impressions, a.starts, a.first_quartiles, a.midpoints, a.third_quartiles, a.completions, a.skips, a.failures,
       a.abandons, a.rejections, a.clicks, a.unique_users, a.watched_s, a.bonus_tickets, a.cost, a.rejected_cost,
       round(100.0 * a.starts / nullif(a.impressions, 0), 1) AS start_percent,
       round(100.0 * a.completions / nullif(a.starts, 0), 1) AS completion_percent,
       round(100.0 * a.clicks / nullif(a.starts, 0), 1) AS click_percent,
       round(100.0 * a.rejections / nullif(a.starts, 0), 1) AS rejected_percent,
       round(a.quality_score_sum::numeric / nullif(a.scored_engagements, 0), 1) AS mean_quality_score,
       round(a.fraud_score_sum::numeric / nullif(a.scored_engagements, 0), 1) AS mean_fraud_score
  FROM ad_schema.ad_analytics AS a
  JOIN ad_schema.advertisements AS d ON d.id = a.advertisement_id
  JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
  JOIN ad_schema.advertisers AS r ON r.id = p.advertiser_id;
COMMENT ON VIEW ad_schema.ad_statistics IS
    'An advertisement''s day (UTC) with its rates, from ad_analytics; what its columns count is told there.';

CREATE VIEW ad_schema.ad_funnel WITH (security_invoker = true) AS
SELECT r.advertiser_code, p.campaign_code, d.public_id AS advertisement, d.title, s.step, s.name, s.reached,
       round(100.0 * s.reached / nullif(a.impressions, 0), 1) AS of_impressions_percent,
       round(100.0 * s.reached / nullif(s.before, 0), 1) AS of_step_before_percent
  FROM (
    SELECT t.advertisement_id, sum(t.impressions) AS impressions, sum(t.starts) AS starts,
           sum(t.first_quartiles) AS first_quartiles, sum(t.midpoints) AS midpoints,
           sum(t.third_quartiles) AS third_quartiles, sum(t.completions) AS completions
      FROM ad_schema.ad_analytics AS t
     GROUP BY t.advertisement_id
  ) AS a
  JOIN ad_schema.advertisements AS d ON d.id = a.advertisement_id
  JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
  JOIN ad_schema.advertisers AS r ON r.id = p.advertiser_id
 CROSS JOIN LATERAL (VALUES
    (1, 'IMPRESSION', a.impressions, NULL::numeric),
    (2, 'START', a.starts, a.impressions),
    (3, 'FIRST_QUARTILE', a.first_quartiles, a.starts),
    (4, 'MIDPOINT', a.midpoints, a.first_quartiles),
    (5, 'THIRD_QUARTILE', a.third_quartiles, a.midpoints),
    (6, 'COMPLETION', a.completions, a.third_quartiles)) AS s (step, name, reached, before);
COMMENT ON VIEW ad_schema.ad_funnel IS
    'How many of an advertisement''s impressions got how far, on all days together. A completion needs the '
    'advertisement''s threshold only, which may lie before the third quartile, so it may be more than the step before.';

CREATE VIEW ad_schema.ad_fraud_statistics WITH (security_invoker = true) AS
SELECT a.analytics_date, r.advertiser_code, p.campaign_code, a.currency,
       sum(a.starts)::bigint AS starts, sum(a.completions)::bigint AS completions,
       sum(a.rejections)::bigint AS rejections,
       round(100.0 * sum(a.rejections) / nullif(sum(a.starts), 0), 1) AS rejected_percent,
       sum(a.rejected_cost) AS rejected_cost,
       round(sum(a.fraud_score_sum)::numeric / nullif(sum(a.scored_engagements), 0), 1) AS mean_fraud_score,
       round(sum(a.quality_score_sum)::numeric / nullif(sum(a.scored_engagements), 0), 1) AS mean_quality_score
  FROM ad_schema.ad_analytics AS a
  JOIN ad_schema.advertisements AS d ON d.id = a.advertisement_id
  JOIN ad_schema.ad_campaigns AS p ON p.id = d.campaign_id
  JOIN ad_schema.advertisers AS r ON r.id = p.advertiser_id
 GROUP BY a.analytics_date, r.advertiser_code, p.campaign_code, a.currency;
COMMENT ON VIEW ad_schema.ad_fraud_statistics IS 'What was refused of a campaign''s views a day (UTC), from ad_analytics.';

CREATE VIEW ad_schema.campaign_summary WITH (security_invoker = true) AS
SELECT r.advertiser_code, p.campaign_code, p.name, p.status, p.pacing, p.starts_at, p.ends_at, p.currency,
       p.total_budget, b.spent, p.total_budget - b.spent AS remaining,
       round(100 * b.spent / p.total_budget, 1) AS spent_percent,
       t.elapsed_percent,
       b.spent >= p.total_budget * p.budget_alert_percent / 100 AS is_alerted,
       p.daily_budget, b.spent_today,
       CASE
           WHEN p.pacing = 'ASAP' OR t.elapsed_percent = 0 THEN NULL
           WHEN 100 * b.spent / p.total_budget > t.elapsed_percent + 10 THEN 'AHEAD'
           WHEN 100 * b.spent / p.total_budget < t.elapsed_percent - 10 THEN 'BEHIND'
           ELSE 'ON_TRACK'
       END AS pace,
       coalesce(a.impressions, 0) AS impressions, coalesce(a.starts, 0) AS starts,
       coalesce(a.completions, 0) AS completions, coalesce(a.rejections, 0) AS rejections,
       coalesce(a.clicks, 0) AS clicks, coalesce(a.bonus_tickets, 0) AS bonus_tickets,
       a.first_day, a.last_day
  FROM ad_schema.ad_campaigns AS p
  JOIN ad_schema.advertisers AS r ON r.id = p.advertiser_id
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(h.spent) FILTER (WHERE h.budget_date IS NULL), 0) AS spent,
           coalesce(sum(h.spent) FILTER (WHERE h.budget_date IS NOT NULL), 0) AS spent_today
      FROM ad_schema.ad_campaign_budget_shards AS h
     WHERE h.campaign_id = p.id
       AND (h.budget_date IS NULL OR h.budget_date = (now() AT TIME ZONE p.time_zone)::date)) AS b
 CROSS JOIN LATERAL (
    SELECT round(100 * least(greatest(extract(epoch FROM now() - p.starts_at)
                                      / extract(epoch FROM p.ends_at - p.starts_at), 0), 1), 1) AS elapsed_percent) AS t
  LEFT JOIN LATERAL (
    SELECT sum(s.impressions)::bigint AS impressions, sum(s.starts)::bigint AS starts,
           sum(s.completions)::bigint AS completions, sum(s.rejections)::bigint AS rejections,
           sum(s.clicks)::bigint AS clicks, sum(s.bonus_tickets)::bigint AS bonus_tickets,
           min(s.analytics_date) AS first_day, max(s.analytics_date) AS last_day
      FROM ad_schema.advertisements AS d
      JOIN ad_schema.ad_analytics AS s ON s.advertisement_id = d.id
     WHERE d.campaign_id = p.id) AS a ON true;
COMMENT ON VIEW ad_schema.campaign_summary IS
    'Each campaign in figures: money of its budget''s shares, exact at this moment; views from ad_analytics. Its pace is '
    'what it spent beside how much of its time is over, with ten points of a hundred either way.';
COMMENT ON COLUMN ad_schema.campaign_summary.spent_today IS
    'Of the daily budget, on the day that it is in the campaign''s zone; 0 where there is no daily budget.';

-- What is forgotten with time ----------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION ad_schema.forget_view_tokens(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION ad_schema.forget_view_tokens(integer) IS
    'Folds the figures, then deletes at most so many tokens eight days after their end; how many. Locks the figures'' '
    'state.';

CREATE FUNCTION ad_schema.forget_frequency_counters(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION ad_schema.forget_frequency_counters(integer) FROM PUBLIC;
COMMENT ON FUNCTION ad_schema.forget_frequency_counters(integer) IS
    'Deletes counters of periods that are over, so many at most; returns how many. What counts for a whole campaign '
    'stays as long as the campaign.';

CREATE FUNCTION ad_schema.forget_viewer_days(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION ad_schema.forget_viewer_days(integer) FROM PUBLIC;
COMMENT ON FUNCTION ad_schema.forget_viewer_days(integer) IS
    'Deletes who was counted on days that are 35 days over and have no view under way, so many at most; returns how '
    'many. How many they were stays in ad_analytics.';

CREATE FUNCTION ad_schema.forget_multiplied(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION ad_schema.forget_multiplied(integer) FROM PUBLIC;
COMMENT ON FUNCTION ad_schema.forget_multiplied(integer) IS
    'Deletes redemptions that nothing multiplies since 90 days, so many at most; returns how many.';

CREATE FUNCTION ad_schema.forget_callbacks(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION ad_schema.forget_callbacks(integer) FROM PUBLIC;
COMMENT ON FUNCTION ad_schema.forget_callbacks(integer) IS
    'Deletes what networks said more than 90 days ago, so many at most; returns how many.';

CREATE FUNCTION ad_schema.drop_view_events(p_months_kept integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION ad_schema.drop_view_events(integer) FROM PUBLIC;
COMMENT ON FUNCTION ad_schema.drop_view_events(integer) IS
    'Drops what happened during views in months before the last p_months_kept; returns how many months. Raises '
    'lock_not_available where somebody reads for longer than two seconds.';

-- What still tells from where, the oldest first (forget_addresses).
CREATE INDEX ad_engagements_with_address_created_at_idx
    ON ad_schema.ad_engagements (created_at) WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;
CREATE INDEX ad_audit_log_with_address_created_at_idx
    ON ad_schema.ad_audit_log (created_at) WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL;
-- Export: what somebody decided.
CREATE INDEX ad_view_reviews_decided_by_idx ON ad_schema.ad_view_reviews (decided_by) WHERE decided_by IS NOT NULL;
-- Erasure and export: what somebody did (forget_person).
CREATE INDEX ad_audit_log_actor_idx ON ad_schema.ad_audit_log (actor);

CREATE FUNCTION ad_schema.forget_addresses(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION ad_schema.forget_addresses(integer) FROM PUBLIC;
COMMENT ON FUNCTION ad_schema.forget_addresses(integer) IS
    'Takes addresses and user agents out of p_limit views and log entries that are older than a year, the oldest first, '
    'and out of those of the same moment as the last. Fewer than p_limit: no more are left, whatever else runs.';

-- An erased person ---------------------------------------------------------------------------------------------------

CREATE TABLE ad_schema.ad_erased_users (
    user_id uuid NOT NULL,
    erased_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ad_erased_users_pk PRIMARY KEY (user_id)
);
COMMENT ON TABLE ad_schema.ad_erased_users IS
    'Accounts that are no more, as the auth service said: forget_person may clean after them.';
COMMENT ON COLUMN ad_schema.ad_erased_users.user_id IS 'Personal data: public id that the account had.';

CREATE FUNCTION ad_schema.forget_person(p_user_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION ad_schema.forget_person(uuid) FROM PUBLIC;
COMMENT ON FUNCTION ad_schema.forget_person(uuid) IS
    'Forgets where and with what an erased user watched and administered, what others wrote about the views, and what the '
    'user could still multiply; ends a view under way. Views, their costs and scores stay, under a public id that names '
    'nobody any more, and so do all sums. Tokens and who is counted on a day go by themselves within weeks. Again changes '
    'nothing but what came since; refuses for who is not erased.';

-- Rights -------------------------------------------------------------------------------------------------------------

-- Nobody writes figures but the functions, which run with the owner's rights.
REVOKE INSERT, UPDATE ON ad_schema.ad_analytics FROM ads_app;
GRANT SELECT ON ad_schema.ad_analytics_changes, ad_schema.ad_viewer_days, ad_schema.ad_analytics_states TO ads_app;
GRANT SELECT, INSERT (user_id, erased_at), UPDATE (erased_at) ON ad_schema.ad_erased_users TO ads_app;
GRANT SELECT ON ad_schema.ad_analytics_states TO ads_ro;
GRANT SELECT (erased_at, created_at) ON ad_schema.ad_erased_users TO ads_ro;
GRANT SELECT (id, engagement_id, advertisement_id, analytics_date, currency, is_first, change, created_at)
    ON ad_schema.ad_analytics_changes TO ads_ro;
GRANT SELECT (advertisement_id, analytics_date, created_at) ON ad_schema.ad_viewer_days TO ads_ro;
GRANT SELECT (is_lapsed) ON ad_schema.ad_view_tokens TO ads_ro;
GRANT SELECT ON ad_schema.active_advertisements, ad_schema.ad_statistics, ad_schema.ad_funnel,
    ad_schema.ad_fraud_statistics, ad_schema.campaign_summary TO ads_app, ads_ro;
GRANT EXECUTE ON FUNCTION
    ad_schema.fold_analytics(integer),
    ad_schema.rebuild_analytics(date, date),
    ad_schema.forget_frequency_counters(integer),
    ad_schema.forget_viewer_days(integer),
    ad_schema.forget_multiplied(integer),
    ad_schema.forget_callbacks(integer),
    ad_schema.forget_person(uuid),
    ad_schema.drop_view_events(integer),
    ad_schema.forget_addresses(integer)
    TO ads_app;
