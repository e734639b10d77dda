-- Fraud: rules and thresholds, what others would have done, and the review queue.

-- name: note_refused_code
-- A code was shown that is none.
SELECT redemption_schema.note_refused_code($1, $2, $3, $4, $5, $6);

-- name: put_station_position
-- The newest word about a station wins.
INSERT INTO redemption_schema.station_positions AS s (station_code, latitude, longitude, time_zone, as_of)
VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (station_code) DO UPDATE
   SET latitude = excluded.latitude, longitude = excluded.longitude,
       time_zone = coalesce(excluded.time_zone, s.time_zone), as_of = excluded.as_of
 WHERE s.as_of <= excluded.as_of;

-- name: list_rules
-- All of them, by name.
SELECT rule_name, kind, fraud_type, parameters, points, is_enabled, version, updated_at
  FROM redemption_schema.fraud_rules
 ORDER BY rule_name;

-- name: get_thresholds
-- The one row.
SELECT flagged_from, review_from, blocked_from, version, updated_at FROM redemption_schema.fraud_thresholds;

-- name: list_parameters
-- Which parameters each kind of rule has.
SELECT kind, redemption_schema.fraud_type_of(kind) AS fraud_type, parameter, lowest::integer, highest::integer
  FROM redemption_schema.fraud_parameters()
 ORDER BY kind, parameter;

-- name: add_rule
-- A new rule, unless $6 there are already. Holds the thresholds, so that two cannot both be the last one.
INSERT INTO redemption_schema.fraud_rules (rule_name, kind, parameters, points, is_enabled)
SELECT $1, $2, $3, $4, $5
  FROM (SELECT FROM redemption_schema.fraud_thresholds FOR NO KEY UPDATE) AS held
 WHERE (SELECT count(*) FROM redemption_schema.fraud_rules) < $6::bigint
RETURNING rule_name, kind, fraud_type, parameters, points, is_enabled, version, updated_at;

-- name: change_rule
-- Version $6 of a rule of this kind becomes the next one.
UPDATE redemption_schema.fraud_rules
   SET parameters = $3, points = $4, is_enabled = $5
 WHERE rule_name = $1 AND kind = $2 AND version = $6
RETURNING rule_name, kind, fraud_type, parameters, points, is_enabled, version, updated_at;

-- name: get_rule
-- Why a rule was not changed.
SELECT rule_name, kind, fraud_type, parameters, points, is_enabled, version, updated_at
  FROM redemption_schema.fraud_rules
 WHERE rule_name = $1;

-- name: change_thresholds
-- Version $4 of them becomes the next one.
UPDATE redemption_schema.fraud_thresholds
   SET flagged_from = $1, review_from = $2, blocked_from = $3
 WHERE version = $4
RETURNING flagged_from, review_from, blocked_from, version, updated_at;

-- name: unfit_rules
-- Of rules ($1: a list of name, kind, parameters), those whose parameters do not fit their kind.
SELECT r.rule_name
  FROM jsonb_populate_recordset(NULL::redemption_schema.fraud_rules, $1) AS r
 WHERE NOT redemption_schema.are_fraud_parameters(r.kind, r.parameters);

-- name: simulate
-- What rules ($1) and thresholds ($2) would have done with the $4 newest redemptions, of station $3 where one is named:
-- each with what was known when it was made. The log's row has the same transaction's time.
SELECT r.transaction_reference, r.created_at, l.action_taken AS was, s.decision AS would_be, s.risk_score,
       s.rule_points
  FROM (SELECT n.id, n.transaction_reference, n.user_id, n.coupon_code, n.station_code, n.employee_number, n.device_id,
               n.original_amount, n.currency, n.created_at
          FROM redemption_schema.redemptions AS n
         WHERE $3::text IS NULL OR n.station_code = $3
         ORDER BY n.id DESC
         LIMIT $4) AS r
  LEFT JOIN redemption_schema.fraud_detection_log AS l
         ON l.user_id = r.user_id AND l.created_at = r.created_at
        AND l.transaction_reference = r.transaction_reference
 CROSS JOIN LATERAL redemption_schema.score_attempt(
           ROW(r.transaction_reference, r.user_id, r.coupon_code, r.station_code, r.employee_number,
               r.device_id, r.original_amount, r.currency, r.created_at, r.created_at)::redemption_schema.fraud_attempt,
           (SELECT ROW(array_agg(f.rule_name), array_agg(f.kind), array_agg(f.parameters), array_agg(f.points),
                       array_agg(f.version))::redemption_schema.fraud_rule_set
              FROM jsonb_populate_recordset(NULL::redemption_schema.fraud_rules, $1) AS f
             WHERE f.is_enabled),
           jsonb_populate_record(NULL::redemption_schema.fraud_thresholds, $2)) AS s
 ORDER BY r.id DESC;

-- name: list_open_reviews
-- The queue, worst first, then oldest; after score $4, time $5, id $6; of station $1 where one is named. $2: only those of
-- this reference, station or employee, or of coupon $3.
SELECT id, detection_id, detected_at, status, risk_score, action_taken, fraud_type, transaction_reference, station_code,
       employee_number, user_id, device_id, rule_points, details, taken_by, taken_at, resolution, reviewed_by,
       reviewed_at, notes
  FROM redemption_schema.fraud_reviews
 WHERE status = 'OPEN'
   AND ($1::text IS NULL OR station_code = $1)
   AND ($2::text IS NULL OR $2 IN (transaction_reference, station_code, employee_number)
        OR transaction_reference IN (SELECT r.transaction_reference FROM redemption_schema.redemptions AS r
                                      WHERE r.coupon_code = $3::text))
   AND risk_score <= $4 AND (risk_score < $4 OR (detected_at, id) > ($5::timestamptz, $6::bigint))
 ORDER BY risk_score DESC, detected_at, id
 LIMIT $7;

-- name: list_mildest_reviews
-- list_open_reviews from its other end.
SELECT id, detection_id, detected_at, status, risk_score, action_taken, fraud_type, transaction_reference, station_code,
       employee_number, user_id, device_id, rule_points, details, taken_by, taken_at, resolution, reviewed_by,
       reviewed_at, notes
  FROM redemption_schema.fraud_reviews
 WHERE status = 'OPEN'
   AND ($1::text IS NULL OR station_code = $1)
   AND ($2::text IS NULL OR $2 IN (transaction_reference, station_code, employee_number)
        OR transaction_reference IN (SELECT r.transaction_reference FROM redemption_schema.redemptions AS r
                                      WHERE r.coupon_code = $3::text))
   AND risk_score >= $4 AND (risk_score > $4 OR (detected_at, id) < ($5::timestamptz, $6::bigint))
 ORDER BY risk_score, detected_at DESC, id DESC
 LIMIT $7;

-- name: list_newest_reviews
-- The queue, newest first, before time $4 and id $5. It is as long as what nobody has looked at yet.
SELECT id, detection_id, detected_at, status, risk_score, action_taken, fraud_type, transaction_reference, station_code,
       employee_number, user_id, device_id, rule_points, details, taken_by, taken_at, resolution, reviewed_by,
       reviewed_at, notes
  FROM redemption_schema.fraud_reviews
 WHERE status = 'OPEN'
   AND ($1::text IS NULL OR station_code = $1)
   AND ($2::text IS NULL OR $2 IN (transaction_reference, station_code, employee_number)
        OR transaction_reference IN (SELECT r.transaction_reference FROM redemption_schema.redemptions AS r
                                      WHERE r.coupon_code = $3::text))
   AND (detected_at, id) < ($4::timestamptz, $5::bigint)
 ORDER BY detected_at DESC, id DESC
 LIMIT $6;

-- name: list_oldest_reviews
-- list_newest_reviews from its other end.
SELECT id, detection_id, detected_at, status, risk_score, action_taken, fraud_type, transaction_reference, station_code,
       employee_number, user_id, device_id, rule_points, details, taken_by, taken_at, resolution, reviewed_by,
       reviewed_at, notes
  FROM redemption_schema.fraud_reviews
 WHERE status = 'OPEN'
   AND ($1::text IS NULL OR station_code = $1)
   AND ($2::text IS NULL OR $2 IN (transaction_reference, station_code, employee_number)
        OR transaction_reference IN (SELECT r.transaction_reference FROM redemption_schema.redemptions AS r
                                      WHERE r.coupon_code = $3::text))
   AND (detected_at, id) > ($4::timestamptz, $5::bigint)
 ORDER BY detected_at, id
 LIMIT $6;

-- name: list_resolved_reviews
-- What became of others, newest first, with status $4, before id $5. $1 to $3 as in list_open_reviews.
SELECT id, detection_id, detected_at, status, risk_score, action_taken, fraud_type, transaction_reference, station_code,
       employee_number, user_id, device_id, rule_points, details, taken_by, taken_at, resolution, reviewed_by,
       reviewed_at, notes
  FROM redemption_schema.fraud_reviews
 WHERE status = $4
   AND ($1::text IS NULL OR station_code = $1)
   AND ($2::text IS NULL OR $2 IN (transaction_reference, station_code, employee_number)
        OR transaction_reference IN (SELECT r.transaction_reference FROM redemption_schema.redemptions AS r
                                      WHERE r.coupon_code = $3::text))
   AND id < $5
 ORDER BY id DESC
 LIMIT $6;

-- name: list_resolved_reviews_up
-- list_resolved_reviews from its other end, after id $5.
SELECT id, detection_id, detected_at, status, risk_score, action_taken, fraud_type, transaction_reference, station_code,
       employee_number, user_id, device_id, rule_points, details, taken_by, taken_at, resolution, reviewed_by,
       reviewed_at, notes
  FROM redemption_schema.fraud_reviews
 WHERE status = $4
   AND ($1::text IS NULL OR station_code = $1)
   AND ($2::text IS NULL OR $2 IN (transaction_reference, station_code, employee_number)
        OR transaction_reference IN (SELECT r.transaction_reference FROM redemption_schema.redemptions AS r
                                      WHERE r.coupon_code = $3::text))
   AND id > $5
 ORDER BY id
 LIMIT $6;

-- name: get_review
-- One, of station $1 where one is named.
SELECT id, detection_id, detected_at, status, risk_score, action_taken, fraud_type, transaction_reference, station_code,
       employee_number, user_id, device_id, rule_points, details, taken_by, taken_at, resolution, reviewed_by,
       reviewed_at, notes
  FROM redemption_schema.fraud_reviews
 WHERE detection_id = $2
   AND ($1::text IS NULL OR station_code = $1);

-- name: take_review
-- $3 works on it now, unless somebody else has since half an hour, or it is about $3 or employee $4.
UPDATE redemption_schema.fraud_reviews
   SET taken_by = $3, taken_at = now()
 WHERE detection_id = $2
   AND ($1::text IS NULL OR station_code = $1)
   AND status = 'OPEN'
   AND (taken_by IS NULL OR taken_by = $3 OR taken_at < now() - interval '30 minutes')
   AND user_id IS DISTINCT FROM $3 AND (employee_number IS NULL OR employee_number IS DISTINCT FROM $4)
RETURNING id, detection_id, detected_at, status, risk_score, action_taken, fraud_type, transaction_reference,
          station_code, employee_number, user_id, device_id, rule_points, details, taken_by, taken_at, resolution,
          reviewed_by, reviewed_at, notes;

-- name: resolve_review
-- $3, who took it, says what it was ($4 status, $5 resolution, $6 notes), and what that means for the next attempts of
-- its user, and of its device where the fraud was the device's. A release lasts $7 hours.
WITH resolved AS (
    UPDATE redemption_schema.fraud_reviews
       SET status = $4, resolution = $5, notes = $6, reviewed_by = $3, reviewed_at = now()
     WHERE detection_id = $2
       AND ($1::text IS NULL OR station_code = $1)
       AND status = 'OPEN' AND taken_by = $3
    RETURNING id, detection_id, detected_at, status, risk_score, action_taken, fraud_type, transaction_reference,
              station_code, employee_number, user_id, device_id, rule_points, details, taken_by, taken_at, resolution,
              reviewed_by, reviewed_at, notes
), standing AS (
    INSERT INTO redemption_schema.fraud_standings (standing, user_id, device_id, review_id, valid_until)
    SELECT CASE r.resolution WHEN 'CONFIRM' THEN 'CONFIRMED' ELSE 'RELEASED' END, r.user_id,
           CASE r.fraud_type WHEN 'DEVICE_FRAUD' THEN r.device_id END, r.id,
           CASE r.resolution WHEN 'RELEASE' THEN now() + make_interval(hours => $7) END
      FROM resolved AS r
     WHERE r.resolution IN ('CONFIRM', 'RELEASE')
       AND (r.user_id IS NOT NULL OR r.fraud_type = 'DEVICE_FRAUD' AND r.device_id IS NOT NULL)
)
SELECT id, detection_id, detected_at, status, risk_score, action_taken, fraud_type, transaction_reference, station_code,
       employee_number, user_id, device_id, rule_points, details, taken_by, taken_at, resolution, reviewed_by,
       reviewed_at, notes
  FROM resolved;

-- name: list_audit
-- Changes of rules, thresholds and reviews, newest first, before id $2; of subject $1 and kind $4 where they are named.
SELECT id, event_type, subject, old_values, new_values, actor, correlation_id, created_at
  FROM redemption_schema.fraud_audit_log
 WHERE ($1::text IS NULL OR subject = $1)
   AND ($4::text IS NULL OR event_type = $4)
   AND id < $2
 ORDER BY id DESC
 LIMIT $3;

-- name: list_audit_up
-- The same, oldest first, after id $2.
SELECT id, event_type, subject, old_values, new_values, actor, correlation_id, created_at
  FROM redemption_schema.fraud_audit_log
 WHERE ($1::text IS NULL OR subject = $1)
   AND ($4::text IS NULL OR event_type = $4)
   AND id > $2
 ORDER BY id
 LIMIT $3;
