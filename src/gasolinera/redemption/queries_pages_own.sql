-- What people see of their own on pages: redemptions, tickets and their origin, free entries of today.

-- name: list_own_redemptions
-- A page of user $1's redemptions, but for codes that were typed and refused; NULL filters match all, days are those of
-- the station. $7: the newest first, from position ($8, $9) on.
SELECT r.id, r.transaction_reference, r.status, r.station_code, p.time_zone, r.fuel_type, r.fuel_litres,
       r.original_amount, r.discount_amount, r.final_amount, r.currency, r.tickets_earned, r.raffle_code,
       r.campaign_code, r.failure_code, r.created_at
  FROM redemption_schema.redemptions AS r
  LEFT JOIN redemption_schema.station_positions AS p ON p.station_code = r.station_code
 CROSS JOIN LATERAL (
           SELECT timezone(coalesce(p.time_zone, 'America/Mexico_City'), r.created_at)::date
       ) AS d (day)
 WHERE r.user_id = $1
   AND ($2::text IS NULL OR r.status = $2)
   AND ($3::text IS NULL OR r.fuel_type = $3)
   AND ($4::text IS NULL OR r.station_code = $4 OR r.transaction_reference = $4)
   AND ($5::date IS NULL OR d.day >= $5)
   AND ($6::date IS NULL OR d.day <= $6)
   AND CASE WHEN $7::boolean THEN (r.created_at, r.id) < ($8::timestamptz, $9::bigint)
            ELSE (r.created_at, r.id) > ($8, $9) END
   AND (r.coupon_code IS NULL OR r.status <> 'FAILED' OR r.failure_code NOT IN ('COUPON_REFUSED', 'FRAUD_BLOCKED')
        OR r.validation_method IN ('QR_SCAN', 'NFC', 'BARCODE'))
 ORDER BY CASE WHEN $7 THEN r.created_at END DESC, CASE WHEN $7 THEN r.id END DESC, r.created_at, r.id
 LIMIT $10;

-- name: own_totals
-- What user $1 saved with coupons that were redeemed, by currency.
SELECT r.currency, count(*) AS count, sum(r.discount_amount) AS saved, coalesce(sum(r.fuel_litres), 0) AS litres
  FROM redemption_schema.redemptions AS r
 WHERE r.user_id = $1 AND r.status = 'COMPLETED'
 GROUP BY r.currency
 ORDER BY count DESC, r.currency;

-- name: zone_of_station
-- In which zone a station's clocks go; no row or NULL: nobody told.
SELECT p.time_zone FROM redemption_schema.station_positions AS p WHERE p.station_code = $1;

-- name: ticket_overview
-- How many tickets user $1 has by raffle and status, and when the first of them that wait is lost.
SELECT t.raffle_code, s.status, count(*) AS count, min(t.expires_at) FILTER (WHERE s.status = 'ACTIVE') AS first_lost_at
  FROM redemption_schema.raffle_tickets AS t
 CROSS JOIN LATERAL (
           SELECT CASE WHEN t.status = 'ACTIVE' AND t.expires_at <= now() THEN 'EXPIRED' ELSE t.status END
       ) AS s (status)
 WHERE t.user_id = $1
 GROUP BY t.raffle_code, s.status
 ORDER BY t.raffle_code NULLS FIRST, s.status;

-- name: list_own_tickets
-- A page of user $1's tickets with where they came from; NULL filters match all. $6: the newest first, from position
-- ($7, $8) on.
SELECT t.id, t.ticket_number, s.status, t.raffle_code, t.source, r.transaction_reference, r.station_code, t.issuance_id,
       t.expires_at, t.created_at AS issued_at
  FROM redemption_schema.raffle_tickets AS t
  LEFT JOIN redemption_schema.redemptions AS r ON r.id = t.redemption_id
 CROSS JOIN LATERAL (
           SELECT CASE WHEN t.status = 'ACTIVE' AND t.expires_at <= now() THEN 'EXPIRED' ELSE t.status END
       ) AS s (status)
 WHERE t.user_id = $1
   AND ($2::text IS NULL OR s.status = $2)
   AND ($3::text IS NULL OR t.raffle_code = $3)
   AND ($4::text IS NULL OR t.source = $4)
   AND ($5::text IS NULL OR t.ticket_number = $5 OR r.transaction_reference = $5)
   AND CASE WHEN $6::boolean THEN (t.created_at, t.id) < ($7::timestamptz, $8::bigint)
            ELSE (t.created_at, t.id) > ($7, $8) END
 ORDER BY CASE WHEN $6 THEN t.created_at END DESC, CASE WHEN $6 THEN t.id END DESC, t.created_at, t.id
 LIMIT $9;

-- name: tickets_to_choose
-- The numbers of at most $3 of user $1's tickets that choosing raffle $2 would take, those first that are lost soonest.
SELECT t.ticket_number
  FROM redemption_schema.raffle_tickets AS t
 WHERE t.user_id = $1 AND t.status = 'ACTIVE' AND t.expires_at > now()
   AND (t.source <> 'FREE_ENTRY'
        OR EXISTS (SELECT FROM redemption_schema.ticket_issuances AS i
                    WHERE i.issuance_id = t.issuance_id AND i.raffle_code = $2))
 ORDER BY t.expires_at, t.id
 LIMIT $3;

-- name: free_entries_now
-- The raffles that give free entries now, and how many user $1 had of each today, a day of the raffle's zone.
SELECT r.raffle_code, r.closes_at, r.time_zone, r.free_entries_per_day,
       (SELECT count(*) FROM redemption_schema.free_entries AS e
         WHERE e.raffle_code = r.raffle_code AND e.user_id = $1
           AND e.entry_day = timezone(r.time_zone, now())::date) AS had
  FROM redemption_schema.ticket_raffles AS r
 WHERE r.opens_at <= now() AND now() < r.closes_at AND r.free_entries_per_day > 0
 ORDER BY r.closes_at, r.raffle_code
 LIMIT 100;
