-- Takes back V5__add_views.sql. What may be multiplied, reviews, networks and their callbacks are lost; views stay, but
-- for those that are under way, and events of kinds that were unknown before.
-- vuelo: allow locking-several-tables all of it together takes milliseconds
-- vuelo: allow require-concurrent-index-deletion taking back is done while nobody watches
-- vuelo: allow constraint-missing-not-valid taking back is done while nobody watches

DROP FUNCTION ad_schema.take_callback(bigint, text, text, uuid, uuid, timestamptz);
DROP FUNCTION ad_schema.put_network_keys(bigint, text, text[], bytea[]);
DROP FUNCTION ad_schema.decide_view_review(uuid, boolean, uuid, text);
DROP FUNCTION ad_schema.forget_view_tokens(integer);
DROP FUNCTION ad_schema.settle_silent_views(integer);
DROP FUNCTION ad_schema.expire_views(integer);
DROP FUNCTION ad_schema.finish_view(uuid, uuid, integer, numeric, integer, boolean);
DROP FUNCTION ad_schema.settle_view(bigint);
DROP FUNCTION ad_schema.report_view(uuid, uuid, integer, text, numeric, integer, boolean);
DROP FUNCTION ad_schema.begin_view(bytea, uuid, integer, boolean);
DROP FUNCTION ad_schema.end_silent_view(bigint);
DROP FUNCTION ad_schema.end_view(bigint, text, text);
DROP FUNCTION ad_schema.view_facts(uuid);
DROP TRIGGER ad_engagements_refund ON ad_schema.ad_engagements;
DROP FUNCTION ad_schema.refund_engagement();
CREATE OR REPLACE FUNCTION ad_schema.take_engagement_terms() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION ad_schema.take_engagement_terms() IS
    'A view starts under the terms of its advertisement and campaign, not under what its writer says, and only of what '
    'may be shown.';
CREATE OR REPLACE FUNCTION ad_schema.guard_engagement_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
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
$$;
COMMENT ON FUNCTION ad_schema.guard_engagement_change() IS
    'A view ends once, its progress never goes back, what it is a view of never changes; its end and its cost are set.';
DROP FUNCTION ad_schema.fraud_score(jsonb);
DROP FUNCTION ad_schema.fraud_findings(bigint);
DROP FUNCTION ad_schema.quality_score(bigint);
DROP FUNCTION ad_schema.view_signals(bigint);
DROP FUNCTION ad_schema.is_perceivable(text, integer, boolean);
DROP TABLE ad_schema.ad_network_callbacks;
DROP TABLE ad_schema.ad_network_keys;
DROP TABLE ad_schema.ad_networks;
DROP TABLE ad_schema.ad_view_reviews;
UPDATE ad_schema.ad_engagements SET status = 'EXPIRED' WHERE status = 'STARTED';
DROP TABLE ad_schema.ad_view_states;
SELECT set_config('gasolinera.maintenance', 'on', true);
DELETE FROM ad_schema.ad_engagement_events
 WHERE event_type IN ('HEARTBEAT', 'REPLAY', 'ABANDON', 'REJECT', 'VERIFY');
SELECT set_config('gasolinera.maintenance', '', true);
ALTER TABLE ad_schema.ad_engagement_events
    DROP CONSTRAINT ad_engagement_events_event_type_check,
    ADD CONSTRAINT ad_engagement_events_event_type_check CHECK (
        event_type IN ('START', 'FIRST_QUARTILE', 'MIDPOINT', 'THIRD_QUARTILE', 'COMPLETE', 'PAUSE', 'RESUME', 'MUTE',
            'UNMUTE', 'SKIP', 'CLICK', 'HIDE', 'SHOW', 'ERROR', 'EXPIRE'));
DROP INDEX ad_schema.ad_engagements_ip_address_started_at_idx;
ALTER TABLE ad_schema.ad_engagements
    DROP COLUMN rejected_cost, DROP COLUMN verified_at, DROP COLUMN unbilled_reason;
COMMENT ON COLUMN ad_schema.ad_engagements.cost IS
    'What the completion charged, taken from the campaign; a later rejection does not pay it back.';
DROP TABLE ad_schema.ad_redemptions;
DROP TABLE ad_schema.ad_view_rules;
