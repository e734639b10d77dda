-- name: fold_report_changes
-- The oldest changes into the report.
SELECT redemption_schema.fold_report_changes($1);

-- name: read_report
-- Lines of the report and how old it is, at one moment: one row without a currency where there are none.
SELECT s.as_of, g.business_day, g.station_code, g.campaign_code, g.currency, g.completed, g.cancelled,
       g.original_amount, g.discount_amount, g.final_amount, g.cancelled_amount, g.fuel_litres, g.tickets_earned,
       g.tickets_taken_back
  FROM redemption_schema.report_states AS s
  LEFT JOIN (
       SELECT k.business_day, k.station_code, k.campaign_code, d.currency,
              sum(d.completed)::bigint AS completed, sum(d.cancelled)::bigint AS cancelled,
              sum(d.original_amount) AS original_amount, sum(d.discount_amount) AS discount_amount,
              sum(d.final_amount) AS final_amount, sum(d.cancelled_amount) AS cancelled_amount,
              sum(d.fuel_litres) AS fuel_litres, sum(d.tickets_earned)::bigint AS tickets_earned,
              sum(d.tickets_taken_back)::bigint AS tickets_taken_back
         FROM redemption_schema.redemption_days AS d
        CROSS JOIN LATERAL (
              SELECT CASE WHEN $5::boolean THEN d.business_day ELSE DATE '1970-01-01' END,
                     CASE WHEN $6::boolean THEN d.station_code ELSE '' END,
                     CASE WHEN $7::boolean THEN d.campaign_code ELSE '' END) AS k (business_day, station_code, campaign_code)
        WHERE d.business_day BETWEEN $1::date AND $2::date
          AND ($3::text IS NULL OR d.station_code = $3) AND ($4::text IS NULL OR d.campaign_code = $4)
          AND (k.business_day, k.station_code, k.campaign_code, d.currency) > ($8::date, $9::text, $10::text, $11::text)
        GROUP BY k.business_day, k.station_code, k.campaign_code, d.currency
        ORDER BY k.business_day, k.station_code, k.campaign_code, d.currency
        LIMIT $12) AS g ON true
 WHERE s.report_name = 'redemption_days'
 ORDER BY g.business_day, g.station_code, g.campaign_code, g.currency;

-- name: allow_half_an_hour
-- Each statement of this transaction: all redemptions take longer to add up than a request may.
SELECT set_config('statement_timeout', '30min', true);

-- name: check_report
-- The report beside the redemptions themselves, without those that are still to be folded; one statement, one moment.
WITH fact AS (
    SELECT r.business_day, r.station_code, coalesce(r.campaign_code, '') AS campaign_code, r.currency,
           r.status = 'CANCELLED' AND NOT coalesce(n.is_cancellation, false) AS is_cancelled,
           r.original_amount, r.discount_amount, r.final_amount, coalesce(r.fuel_litres, 0) AS fuel_litres,
           r.tickets_earned, coalesce(t.tickets, 0) AS tickets
      FROM redemption_schema.redemptions AS r
      LEFT JOIN (
           SELECT c.redemption_id, bool_or(c.became = 'COMPLETED') AS is_completion,
                  bool_or(c.became = 'CANCELLED') AS is_cancellation
             FROM redemption_schema.report_changes AS c
            GROUP BY c.redemption_id) AS n ON n.redemption_id = r.id
      LEFT JOIN LATERAL (
           SELECT count(*) AS tickets
             FROM redemption_schema.raffle_tickets AS k
            WHERE k.redemption_id = r.id AND k.source = 'COUPON_REDEMPTION' AND k.status = 'CANCELLED') AS t
        ON r.status = 'CANCELLED'
     WHERE r.completed_at IS NOT NULL AND n.is_completion IS NOT true
       AND r.business_day BETWEEN $1::date AND $2::date
), summed AS (
    SELECT f.business_day, f.station_code, f.campaign_code, f.currency,
           ARRAY[count(*), count(*) FILTER (WHERE f.is_cancelled),
                 coalesce(sum(f.original_amount) FILTER (WHERE NOT f.is_cancelled), 0),
                 coalesce(sum(f.discount_amount) FILTER (WHERE NOT f.is_cancelled), 0),
                 coalesce(sum(f.final_amount) FILTER (WHERE NOT f.is_cancelled), 0),
                 coalesce(sum(f.final_amount) FILTER (WHERE f.is_cancelled), 0),
                 coalesce(sum(f.fuel_litres) FILTER (WHERE NOT f.is_cancelled), 0),
                 sum(f.tickets_earned),
                 coalesce(sum(f.tickets) FILTER (WHERE f.is_cancelled), 0)]::numeric[] AS facts
      FROM fact AS f
     GROUP BY f.business_day, f.station_code, f.campaign_code, f.currency
), line AS (
    SELECT d.business_day, d.station_code, d.campaign_code, d.currency,
           ARRAY[d.completed, d.cancelled, d.original_amount, d.discount_amount, d.final_amount, d.cancelled_amount,
                 d.fuel_litres, d.tickets_earned, d.tickets_taken_back]::numeric[] AS told
      FROM redemption_schema.redemption_days AS d
     WHERE d.business_day BETWEEN $1 AND $2
), compared AS (
    SELECT business_day, station_code, campaign_code, currency, l.told, s.facts
      FROM line AS l
      FULL JOIN summed AS s USING (business_day, station_code, campaign_code, currency)
)
SELECT a.as_of, (SELECT count(*) FROM compared) AS line_count,
       (SELECT count(*) FROM redemption_schema.report_changes) AS waiting_count,
       x.business_day, x.station_code, x.campaign_code, x.currency, x.measure, x.told, x.fact
  FROM redemption_schema.report_states AS a
  LEFT JOIN (
       SELECT c.business_day, c.station_code, c.campaign_code, c.currency, m.measure, m.told, m.fact
         FROM compared AS c
        CROSS JOIN LATERAL unnest(
              ARRAY['completed', 'cancelled', 'original_amount', 'discount_amount', 'final_amount', 'cancelled_amount',
                    'fuel_litres', 'tickets_earned', 'tickets_taken_back'],
              c.told, c.facts) AS m (measure, told, fact)
        WHERE m.told IS DISTINCT FROM m.fact
        ORDER BY c.business_day, c.station_code, c.campaign_code, c.currency, m.measure
        LIMIT $3) AS x ON true
 WHERE a.report_name = 'redemption_days';

-- name: rebuild_report
-- These days anew, where somebody spoilt them.
SELECT redemption_schema.rebuild_redemption_days($1, $2);
