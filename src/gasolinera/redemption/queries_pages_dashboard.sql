-- What the dashboard shows. A day is that of its station's zone; roll-ups tell the days, and only what the day a week
-- ago had done by this hour is added up, station by station, over one day of an index. Of all that is told here, what
-- was cancelled since is left out; tickets that stayed with whoever cancelled count.

-- name: dashboard_days
-- The last fourteen days by currency, of station $1 or all; 0 days ago is today, and up to report_states.as_of.
SELECT z.days_ago, d.currency, sum(d.completed - d.cancelled)::bigint AS completed,
       sum(d.cancelled)::bigint AS cancelled,
       sum(d.discount_amount) AS discount_amount, sum(d.final_amount) AS final_amount,
       sum(d.fuel_litres) AS fuel_litres, sum(d.tickets_earned - d.tickets_taken_back)::bigint AS tickets
  FROM redemption_schema.redemption_days AS d
  LEFT JOIN redemption_schema.station_positions AS p ON p.station_code = d.station_code
 CROSS JOIN LATERAL (
       SELECT timezone(coalesce(p.time_zone, 'UTC'), now())::date - d.business_day AS days_ago) AS z
 WHERE d.business_day BETWEEN timezone('UTC', now())::date - 15 AND timezone('UTC', now())::date + 1
   AND ($1::text IS NULL OR d.station_code = $1) AND z.days_ago BETWEEN 0 AND 13
 GROUP BY z.days_ago, d.currency
 ORDER BY z.days_ago, d.currency;

-- name: dashboard_stations
-- Stations with the most redemptions today, beside the whole same day of last week; $2 at most.
SELECT d.station_code, d.currency,
       coalesce(sum(d.completed - d.cancelled) FILTER (WHERE z.days_ago = 0), 0)::bigint AS completed,
       coalesce(sum(d.discount_amount) FILTER (WHERE z.days_ago = 0), 0) AS discount_amount,
       coalesce(sum(d.tickets_earned - d.tickets_taken_back) FILTER (WHERE z.days_ago = 0), 0)::bigint AS tickets,
       coalesce(sum(d.completed - d.cancelled) FILTER (WHERE z.days_ago = 7), 0)::bigint AS completed_before
  FROM redemption_schema.redemption_days AS d
  LEFT JOIN redemption_schema.station_positions AS p ON p.station_code = d.station_code
 CROSS JOIN LATERAL (
       SELECT timezone(coalesce(p.time_zone, 'UTC'), now())::date - d.business_day AS days_ago) AS z
 WHERE d.business_day BETWEEN timezone('UTC', now())::date - 8 AND timezone('UTC', now())::date + 1
   AND ($1::text IS NULL OR d.station_code = $1) AND z.days_ago IN (0, 7)
 GROUP BY d.station_code, d.currency
 ORDER BY completed DESC, completed_before DESC, d.station_code, d.currency
 LIMIT $2;

-- name: dashboard_last_week
-- What the same day of last week had done by this hour ($2: how far the roll-ups are), by currency.
SELECT r.currency, count(*) FILTER (WHERE r.status <> 'CANCELLED') AS completed,
       coalesce(sum(r.discount_amount) FILTER (WHERE r.status <> 'CANCELLED'), 0) AS discount_amount,
       coalesce(sum(r.tickets_earned - b.tickets), 0)::bigint AS tickets
  FROM (SELECT DISTINCT d.station_code
          FROM redemption_schema.redemption_days AS d
         WHERE d.business_day BETWEEN timezone('UTC', now())::date - 8 AND timezone('UTC', now())::date - 6
           AND ($1::text IS NULL OR d.station_code = $1)) AS s
  LEFT JOIN redemption_schema.station_positions AS p ON p.station_code = s.station_code
 CROSS JOIN LATERAL (SELECT coalesce(p.time_zone, 'UTC') AS zone) AS z
 CROSS JOIN LATERAL (
       SELECT timezone(z.zone, now())::date - 7 AS day,
              timezone(z.zone, timezone(z.zone, $2::timestamptz) - interval '7 days') AS until) AS w
  JOIN redemption_schema.redemptions AS r
    ON r.station_code = s.station_code AND r.created_at < w.until
   AND r.created_at >= timezone(z.zone, w.day::timestamp) - interval '1 day'
 CROSS JOIN LATERAL (
       -- As the roll-ups count those taken back: none where nothing was cancelled.
       SELECT count(*) AS tickets
         FROM redemption_schema.raffle_tickets AS t
        WHERE r.status = 'CANCELLED' AND t.redemption_id = r.id AND t.source = 'COUPON_REDEMPTION'
          AND t.status = 'CANCELLED') AS b
 WHERE r.business_day = w.day AND r.completed_at < w.until
 GROUP BY r.currency
 ORDER BY r.currency;

-- name: dashboard_state
-- How far the roll-ups are, and what waits for a person: at most a thousand are counted of each.
SELECT (SELECT s.as_of FROM redemption_schema.report_states AS s WHERE s.report_name = 'redemption_days') AS as_of,
       (SELECT p.time_zone FROM redemption_schema.station_positions AS p WHERE p.station_code = $1) AS time_zone,
       (SELECT count(*)
          FROM (SELECT FROM redemption_schema.fraud_reviews AS r
                 WHERE r.status = 'OPEN' AND ($1::text IS NULL OR r.station_code = $1) LIMIT 1000) AS o)::integer
           AS open_reviews,
       (SELECT count(*)
          FROM (SELECT FROM redemption_schema.fraud_reviews AS r
                 WHERE r.status = 'OPEN' AND r.action_taken = 'BLOCKED' AND ($1 IS NULL OR r.station_code = $1)
                 LIMIT 1000) AS b)::integer AS open_blocked,
       (SELECT count(*)
          FROM (SELECT FROM redemption_schema.offline_redemptions AS o
                 WHERE o.status = 'CONFLICT' AND o.resolution IS NULL AND ($1 IS NULL OR o.station_code = $1)
                 LIMIT 1000) AS c)::integer AS open_conflicts;
