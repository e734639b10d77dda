-- Campaigns: made, changed, opened and closed, looked at. A change gives the facts that its event tells.

-- name: create_campaign
-- A draft with its stations; NULL stations: everywhere.
WITH made AS (
    INSERT INTO coupon_schema.campaigns (
        campaign_code, name, description, discount_type, discount_value, maximum_discount, minimum_purchase, currency,
        time_zone, valid_from, valid_until, weekdays, daily_from, daily_until, fuel_types, station_scope, audience,
        loyal_after_redemptions, total_usage_limit, per_user_usage_limit, per_user_period, per_user_period_limit,
        budget_amount, raffle_tickets_per_coupon, raffle_code, cancellation_policy, created_by)
    VALUES (
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::text::time, $14::text::time, $15,
        CASE WHEN $16::text[] IS NULL THEN 'ALL' ELSE 'LISTED' END, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,
        $27)
    RETURNING id, campaign_code, status, currency, valid_from, valid_until, cancellation_policy, raffle_code
), listed AS (
    INSERT INTO coupon_schema.campaign_stations (campaign_id, station_code)
    SELECT m.id, s.station_code FROM made AS m CROSS JOIN unnest($16::text[]) AS s (station_code)
)
SELECT campaign_code, status, currency, valid_from, valid_until, cancellation_policy, raffle_code FROM made;

-- name: change_campaign
-- What the document names is set, if nobody changed the campaign since the version ($2, microseconds) was read and it
-- is not over; with $4 its stations become $5, NULL: everywhere.
WITH changed AS (
    UPDATE coupon_schema.campaigns AS g
       SET (name, description, discount_type, discount_value, maximum_discount, minimum_purchase, time_zone, valid_from,
            valid_until, weekdays, daily_from, daily_until, fuel_types, station_scope, audience,
            loyal_after_redemptions, total_usage_limit, per_user_usage_limit, per_user_period, per_user_period_limit,
            budget_amount, raffle_tickets_per_coupon, raffle_code, cancellation_policy)
           = (SELECT r.name, r.description, r.discount_type, r.discount_value, r.maximum_discount, r.minimum_purchase,
                     r.time_zone, r.valid_from, r.valid_until, r.weekdays, r.daily_from, r.daily_until, r.fuel_types,
                     CASE WHEN NOT $4 THEN g.station_scope WHEN $5::text[] IS NULL THEN 'ALL' ELSE 'LISTED' END,
                     r.audience, r.loyal_after_redemptions, r.total_usage_limit, r.per_user_usage_limit,
                     r.per_user_period, r.per_user_period_limit, r.budget_amount, r.raffle_tickets_per_coupon,
                     r.raffle_code, r.cancellation_policy
                FROM jsonb_populate_record(g, $3::jsonb) AS r)
     WHERE g.campaign_code = $1 AND g.status IN ('DRAFT', 'ACTIVE', 'PAUSED')
       AND (extract(epoch FROM g.updated_at) * 1000000)::bigint = $2
    RETURNING g.id, g.campaign_code, g.status, g.currency, g.valid_from, g.valid_until, g.cancellation_policy,
              g.raffle_code
), removed AS (
    DELETE FROM coupon_schema.campaign_stations AS s
     USING changed AS c
     WHERE s.campaign_id = c.id AND $4 AND (s.station_code = ANY ($5::text[])) IS NOT TRUE
), added AS (
    INSERT INTO coupon_schema.campaign_stations (campaign_id, station_code)
    SELECT c.id, n.station_code FROM changed AS c CROSS JOIN unnest($5::text[]) AS n (station_code)
    ON CONFLICT DO NOTHING
)
SELECT campaign_code, status, currency, valid_from, valid_until, cancellation_policy, raffle_code FROM changed;

-- name: refusal_facts
-- Why a change, an opening or an approval found nothing to do; $2 to $4: budgets that need no second person in MXN,
-- CRC and USD; $5: who asks.
SELECT g.status, g.valid_until <= now() AS is_past, g.valid_from <= now() AS has_begun,
       g.approved_at IS NOT NULL OR coalesce(
           g.budget_amount <= CASE g.currency
               WHEN 'MXN' THEN $2::numeric WHEN 'CRC' THEN $3::numeric ELSE $4::numeric END,
           false) AS is_approved,
       num_nonnulls(g.total_usage_limit, g.budget_amount) > 0 AS is_bounded,
       g.station_scope = 'ALL' OR EXISTS (
           SELECT FROM coupon_schema.campaign_stations AS s WHERE s.campaign_id = g.id) AS has_stations,
       coalesce(g.created_by = $5::uuid OR g.raised_by = $5::uuid, false) AS is_own
  FROM coupon_schema.campaigns AS g
 WHERE g.campaign_code = $1;

-- name: change_campaign_status
-- Only to a status that may follow; to ACTIVE only what is approved or small ($3 to $5: MXN, CRC, USD), bounded, not
-- over, and has a station.
UPDATE coupon_schema.campaigns AS g
   SET status = $2,
       opens_by_clock = false,
       approval_needed_above = CASE WHEN $2 <> 'ACTIVE' THEN g.approval_needed_above ELSE l.approval_needed_above END
  FROM coupon_schema.campaigns AS h
 CROSS JOIN LATERAL (
    SELECT CASE h.currency WHEN 'MXN' THEN $3::numeric WHEN 'CRC' THEN $4::numeric ELSE $5::numeric END
 ) AS l (approval_needed_above)
 WHERE g.campaign_code = $1 AND h.id = g.id
   AND (g.status, $2) IN (
       ('DRAFT', 'ACTIVE'), ('DRAFT', 'CANCELLED'), ('ACTIVE', 'PAUSED'), ('ACTIVE', 'COMPLETED'),
       ('ACTIVE', 'CANCELLED'), ('PAUSED', 'ACTIVE'), ('PAUSED', 'COMPLETED'), ('PAUSED', 'CANCELLED'))
   AND ($2 <> 'ACTIVE' OR (
       g.valid_until > now() AND num_nonnulls(g.total_usage_limit, g.budget_amount) > 0
       AND (g.approved_at IS NOT NULL OR g.budget_amount <= l.approval_needed_above)
       AND (g.station_scope = 'ALL' OR EXISTS (
           SELECT FROM coupon_schema.campaign_stations AS s WHERE s.campaign_id = g.id))))
RETURNING g.campaign_code, g.status, g.currency, g.valid_from, g.valid_until, g.cancellation_policy, g.raffle_code;

-- name: set_opening
-- Whether a draft opens by the clock: only what could be opened now but for the time may ($3 to $5: MXN, CRC, USD).
UPDATE coupon_schema.campaigns AS g
   SET opens_by_clock = $2,
       approval_needed_above = CASE g.currency
           WHEN 'MXN' THEN $3::numeric WHEN 'CRC' THEN $4::numeric ELSE $5::numeric END
 WHERE g.campaign_code = $1 AND g.status = 'DRAFT'
   AND (NOT $2 OR (
       g.valid_from > now() AND num_nonnulls(g.total_usage_limit, g.budget_amount) > 0
       AND (g.approved_at IS NOT NULL OR g.budget_amount <= CASE g.currency
           WHEN 'MXN' THEN $3::numeric WHEN 'CRC' THEN $4::numeric ELSE $5::numeric END)
       AND (g.station_scope = 'ALL' OR EXISTS (
           SELECT FROM coupon_schema.campaign_stations AS s WHERE s.campaign_id = g.id))))
RETURNING true;

-- name: approve_campaign
-- By somebody who neither made it nor raised its budget, of the version that was read.
UPDATE coupon_schema.campaigns AS g
   SET approved_by = $3, approved_at = now()
 WHERE g.campaign_code = $1 AND g.status IN ('DRAFT', 'ACTIVE', 'PAUSED')
   AND (extract(epoch FROM g.updated_at) * 1000000)::bigint = $2
   AND g.created_by IS DISTINCT FROM $3 AND g.raised_by IS DISTINCT FROM $3
RETURNING true;

-- name: open_due
-- Drafts whose time has come and that were told to open by themselves, some at a time.
UPDATE coupon_schema.campaigns AS g
   SET status = 'ACTIVE', opens_by_clock = false
 WHERE g.id IN (
        SELECT d.id FROM coupon_schema.campaigns AS d
         WHERE d.status = 'DRAFT' AND d.opens_by_clock AND d.valid_from <= now() AND d.valid_until > now()
           AND num_nonnulls(d.total_usage_limit, d.budget_amount) > 0
           AND (d.station_scope = 'ALL' OR EXISTS (
               SELECT FROM coupon_schema.campaign_stations AS s WHERE s.campaign_id = d.id))
         ORDER BY d.id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING g.campaign_code, g.status, g.currency, g.valid_from, g.valid_until, g.cancellation_policy, g.raffle_code;

-- name: close_due
-- Campaigns whose window is over, some at a time.
UPDATE coupon_schema.campaigns AS g
   SET status = 'COMPLETED'
 WHERE g.id IN (
        SELECT d.id FROM coupon_schema.campaigns AS d
         WHERE d.status IN ('ACTIVE', 'PAUSED') AND d.valid_until <= now()
         ORDER BY d.id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING g.campaign_code, g.status, g.currency, g.valid_from, g.valid_until, g.cancellation_policy, g.raffle_code;

-- name: get_campaign
-- One campaign with everything, and what was used of it.
SELECT g.campaign_code, g.name, g.status, g.discount_type, g.discount_value, g.maximum_discount, g.minimum_purchase,
       g.currency, g.time_zone, g.valid_from, g.valid_until, g.audience, g.description, g.weekdays,
       left(g.daily_from::text, 5) AS daily_from, left(g.daily_until::text, 5) AS daily_until, g.fuel_types,
       CASE g.station_scope WHEN 'LISTED' THEN ARRAY(
           SELECT s.station_code FROM coupon_schema.campaign_stations AS s
            WHERE s.campaign_id = g.id ORDER BY s.station_code) END AS stations,
       g.loyal_after_redemptions, g.total_usage_limit, g.per_user_usage_limit, g.per_user_period,
       g.per_user_period_limit, g.budget_amount, g.raffle_tickets_per_coupon, g.raffle_code, g.cancellation_policy,
       g.opens_by_clock, g.created_by, g.raised_by, g.approved_by, g.approved_at, u.used, u.spent,
       (extract(epoch FROM g.updated_at) * 1000000)::bigint AS version, g.updated_at
  FROM coupon_schema.campaigns AS g
  JOIN coupon_schema.campaign_usage AS u ON u.campaign_id = g.id
 WHERE g.campaign_code = $1;

-- name: list_campaigns
-- One page by code after a cursor ('' for the first); NULL filters match all.
SELECT g.campaign_code, g.name, g.status, g.discount_type, g.discount_value, g.maximum_discount, g.minimum_purchase,
       g.currency, g.time_zone, g.valid_from, g.valid_until, g.audience
  FROM coupon_schema.campaigns AS g
 WHERE g.campaign_code > $1
   AND ($3::text IS NULL OR g.status = $3)
   AND ($4::text IS NULL OR g.station_scope = 'ALL' OR EXISTS (
       SELECT FROM coupon_schema.campaign_stations AS s WHERE s.campaign_id = g.id AND s.station_code = $4))
   AND ($5::text IS NULL OR strpos(lower(g.name), lower($5)) > 0 OR strpos(g.campaign_code, upper($5)) > 0)
   AND ($6::boolean IS NULL OR $6 = (g.status = 'ACTIVE' AND g.valid_from <= now() AND now() < g.valid_until))
 ORDER BY g.campaign_code
 LIMIT $2;

-- name: active_campaigns
-- What runs now, for everybody, by code.
SELECT a.campaign_code, a.name, a.discount_type, a.discount_value, a.maximum_discount, a.minimum_purchase, a.currency,
       a.time_zone, a.valid_from, a.valid_until
  FROM coupon_schema.active_campaigns AS a
 WHERE a.campaign_code > $1
   AND ($3::text IS NULL OR EXISTS (
       SELECT FROM coupon_schema.campaigns AS g
        WHERE g.id = a.id AND (g.station_scope = 'ALL' OR EXISTS (
            SELECT FROM coupon_schema.campaign_stations AS s WHERE s.campaign_id = g.id AND s.station_code = $3))))
 ORDER BY a.campaign_code
 LIMIT $2;

-- name: campaign_exists
-- Why a list about one campaign is empty.
SELECT EXISTS (SELECT FROM coupon_schema.campaigns WHERE campaign_code = $1);

-- name: audit
-- What happened to a campaign, the latest first, before a position ($2, $3; NULL for the first page).
SELECT a.id, a.action, a.coupon_code, a.reason, a.old_values, a.new_values, a.actor, a.correlation_id,
       host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM coupon_schema.coupon_audit_log AS a
 WHERE a.campaign_code = $1
   AND ($2::timestamptz IS NULL OR (a.created_at, a.id) < ($2, $3::bigint))
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $4;

-- name: explain_campaign
-- What a new coupon of a campaign would give for a purchase, and every reason why not.
SELECT e.campaign_code, e.currency, e.discount_amount, e.final_amount, e.raffle_tickets, e.raffle_code, e.reasons
  FROM coupon_schema.campaigns AS g
 CROSS JOIN LATERAL coupon_schema.explain_use(NULL, $2, $3, $4, $5, $6, $7, g.id) AS e
 WHERE g.campaign_code = $1;

-- name: explain_coupon
-- The same of a coupon; with $8 only of one that names the user, with $9 only of one of that campaign.
SELECT e.campaign_code, e.currency, e.discount_amount, e.final_amount, e.raffle_tickets, e.raffle_code, e.reasons
  FROM coupon_schema.coupons AS c
 CROSS JOIN LATERAL coupon_schema.explain_use(c.id, $2, $3, $4, $5, $6, $7) AS e
 WHERE c.coupon_code = $1 AND (NOT $8 OR c.user_id = $2) AND ($9::text IS NULL OR e.campaign_code = $9);

-- name: allow_half_an_hour
-- Each statement of this transaction: millions of coupons take longer than a request may.
SELECT set_config('statement_timeout', '30min', true);

-- name: refresh_statistics
-- The figures of campaigns, made anew while everybody reads the old ones.
SELECT coupon_schema.refresh_statistics();

-- name: campaign_statistics
-- A page of campaigns in figures, by code after a cursor ('' for the first).
SELECT v.campaign_code, v.name, v.status, v.currency, v.coupons, v.active_coupons, v.used_coupons, v.expired_coupons,
       v.cancelled_coupons, v.suspended_coupons, v.assigned_coupons, v.users, v.redemptions, v.restored,
       v.original_amount, v.discount_amount, v.final_amount, v.raffle_tickets, v.average_discount,
       v.redeemed_coupons_percent, v.refreshed_at
  FROM coupon_schema.campaign_summary AS v
 WHERE v.campaign_code > $1
 ORDER BY v.campaign_code
 LIMIT $2;

-- name: one_campaigns_statistics
-- One campaign in figures.
SELECT v.campaign_code, v.name, v.status, v.currency, v.coupons, v.active_coupons, v.used_coupons, v.expired_coupons,
       v.cancelled_coupons, v.suspended_coupons, v.assigned_coupons, v.users, v.redemptions, v.restored,
       v.original_amount, v.discount_amount, v.final_amount, v.raffle_tickets, v.average_discount,
       v.redeemed_coupons_percent, v.refreshed_at
  FROM coupon_schema.campaign_summary AS v
 WHERE v.campaign_code = $1;

-- name: redemption_statistics
-- A campaign's redemptions by day of its zone ($2 to $3, both included) and by station.
SELECT r.day, r.station_code, r.redemptions, r.restored, r.original_amount, r.discount_amount, r.final_amount,
       r.raffle_tickets
  FROM coupon_schema.redemption_statistics AS r
  JOIN coupon_schema.campaigns AS g ON g.id = r.campaign_id
 WHERE g.campaign_code = $1 AND r.day BETWEEN $2::date AND $3::date
 ORDER BY r.day, r.station_code
 LIMIT 50000;
