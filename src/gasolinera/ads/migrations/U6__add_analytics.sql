-- Takes back V6__add_analytics.sql. What views were stays, and the figures of days as they are; what was handed out and
-- never started is no longer told apart.
-- vuelo: allow require-concurrent-index-deletion taking back is done while nobody watches
-- vuelo: allow locking-several-tables nothing is read or written: all locks together last milliseconds

DROP FUNCTION ad_schema.forget_person(uuid);
DROP TABLE ad_schema.ad_erased_users;
DROP FUNCTION ad_schema.forget_addresses(integer);
DROP INDEX ad_schema.ad_audit_log_actor_idx;
DROP INDEX ad_schema.ad_view_reviews_decided_by_idx;
DROP INDEX ad_schema.ad_audit_log_with_address_created_at_idx;
DROP INDEX ad_schema.ad_engagements_with_address_created_at_idx;
DROP FUNCTION ad_schema.drop_view_events(integer);
DROP FUNCTION ad_schema.forget_viewer_days(integer);
DROP FUNCTION ad_schema.forget_frequency_counters(integer);
DROP FUNCTION ad_schema.forget_callbacks(integer);
DROP FUNCTION ad_schema.forget_multiplied(integer);
CREATE OR REPLACE FUNCTION ad_schema.forget_view_tokens(p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    v_count integer;
BEGIN
    IF p_limit NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'the limit must be 1 to 100000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM ad_schema.ad_view_tokens AS t
     WHERE t.id IN (
        SELECT over.id FROM ad_schema.ad_view_tokens AS over
         WHERE over.expires_at <= now() - interval '1 day' AND over.consumed_at IS NULL
         ORDER BY over.expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION ad_schema.forget_view_tokens(integer) IS
    'Deletes at most so many tokens that nobody used and that are over since a day; how many.';
DROP VIEW ad_schema.campaign_summary;
DROP VIEW ad_schema.ad_fraud_statistics;
DROP VIEW ad_schema.ad_funnel;
DROP VIEW ad_schema.ad_statistics;
DROP VIEW ad_schema.active_advertisements;
DROP FUNCTION ad_schema.rebuild_analytics(date, date);
DROP FUNCTION ad_schema.fold_analytics(integer);
DROP TABLE ad_schema.ad_analytics_states;
DROP TABLE ad_schema.ad_viewer_days;
DROP INDEX ad_schema.ad_view_tokens_unused_expires_at_idx;
ALTER TABLE ad_schema.ad_view_tokens DROP CONSTRAINT ad_view_tokens_is_lapsed_check, DROP COLUMN is_lapsed;
DROP TRIGGER ad_engagements_note_for_analytics ON ad_schema.ad_engagements;
DROP FUNCTION ad_schema.note_for_analytics();
DROP TABLE ad_schema.ad_analytics_changes;
DROP FUNCTION ad_schema.figures_of(ad_schema.ad_engagements);
DROP TYPE ad_schema.view_figures;
ALTER TABLE ad_schema.ad_analytics
    DROP CONSTRAINT ad_analytics_rejected_cost_check,
    DROP CONSTRAINT ad_analytics_all_ends_check,
    DROP COLUMN rejected_cost,
    DROP COLUMN rejections,
    DROP COLUMN abandons;
COMMENT ON TABLE ad_schema.ad_analytics IS
    'Figures of an advertisement a day (UTC), added to as views end; sums, so that they can be added up again.';
COMMENT ON COLUMN ad_schema.ad_analytics.scored_engagements IS
    'How many views the two score sums are of; a mean is a sum divided by this.';
COMMENT ON COLUMN ad_schema.ad_analytics.impressions IS NULL;
COMMENT ON COLUMN ad_schema.ad_analytics.failures IS NULL;
COMMENT ON COLUMN ad_schema.ad_analytics.unique_users IS NULL;
GRANT INSERT (advertisement_id, analytics_date, impressions, starts, first_quartiles, midpoints, third_quartiles,
        completions, skips, failures, clicks, unique_users, watched_s, bonus_tickets, cost, currency,
        scored_engagements, quality_score_sum, fraud_score_sum),
    UPDATE (impressions, starts, first_quartiles, midpoints, third_quartiles,
        completions, skips, failures, clicks, unique_users, watched_s, bonus_tickets, cost,
        scored_engagements, quality_score_sum, fraud_score_sum)
    ON ad_schema.ad_analytics TO ads_app;
