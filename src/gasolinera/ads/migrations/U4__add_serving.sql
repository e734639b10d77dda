-- Undoes V4. Uploaded media and what serving looked at are lost; shares of budgets stay as they were dealt.
-- vuelo: allow locking-several-tables nothing is read: all of it together takes milliseconds
-- vuelo: allow require-concurrent-index-deletion with what they are of goes who would wait for them

DROP TRIGGER ad_engagements_close_spent ON ad_schema.ad_engagements;
DROP FUNCTION ad_schema.close_spent();
DROP TRIGGER ad_campaign_windows_follow_delete ON ad_schema.ad_campaign_windows;
DROP TRIGGER ad_campaign_windows_follow_insert ON ad_schema.ad_campaign_windows;
DROP TRIGGER ad_campaign_targets_follow_delete ON ad_schema.ad_campaign_targets;
DROP TRIGGER ad_campaign_targets_follow_insert ON ad_schema.ad_campaign_targets;
DROP TRIGGER advertisements_follow_update ON ad_schema.advertisements;
DROP TRIGGER advertisements_follow_insert ON ad_schema.advertisements;
DROP TRIGGER ad_campaigns_follow_update ON ad_schema.ad_campaigns;
DROP TRIGGER advertisers_follow_update ON ad_schema.advertisers;
DROP FUNCTION ad_schema.borrow_budget(bigint, date, integer, numeric);
DROP FUNCTION ad_schema.take_budget_share(bigint, uuid);
DROP FUNCTION ad_schema.judge_budget(bigint, timestamptz);
DROP FUNCTION ad_schema.deal_budget(bigint, date);
DROP FUNCTION ad_schema.follow_changes();
DROP FUNCTION ad_schema.refresh_serving(bigint[]);
DROP FUNCTION ad_schema.frequency_period_start(text, timestamptz, text, timestamptz);
DROP FUNCTION ad_schema.microseconds(time);
DROP TABLE ad_schema.ad_serving;
DROP TABLE ad_schema.ad_serving_zones;
DROP TABLE ad_schema.ad_media_chunks;
DROP TABLE ad_schema.ad_media;
DROP TRIGGER advertisements_guard_change ON ad_schema.advertisements;
DROP FUNCTION ad_schema.guard_advertisement_change();
DROP INDEX ad_schema.ad_campaigns_active_whole_cap_idx;
DROP INDEX ad_schema.ad_frequency_counters_user_id_period_start_idx;
ALTER TABLE ad_schema.ad_campaigns
    DROP CONSTRAINT ad_campaigns_daily_budget_cost_check,
    DROP COLUMN budget_alerted_at;
DROP INDEX ad_schema.advertisements_submitted_at_idx;
DROP INDEX ad_schema.advertisements_media_sha256_idx;
ALTER TABLE ad_schema.advertisements
    DROP CONSTRAINT advertisements_changers_check,
    DROP COLUMN submitted_at, DROP COLUMN changed_by, DROP COLUMN changers;
