-- Redemptions that terminals took without a connection.

-- name: open_lease
-- The next lease of a terminal that has told everything.
SELECT outcome, lease_id FROM redemption_schema.open_offline_lease($1, $2, $3, $4, $5, $6, $7);

-- name: get_lease
-- A lease as the terminal gets it.
SELECT l.lease_id, l.terminal_code, c.station_code, l.first_sequence, l.created_at AS issued_at, l.expires_at,
       l.currency, l.max_amount, l.max_discount, l.max_count, l.max_total, l.campaign_codes
  FROM redemption_schema.offline_leases AS l
  JOIN redemption_schema.offline_chains AS c ON c.terminal_code = l.terminal_code
 WHERE l.lease_id = $1;

-- name: take_entries
-- Keeps a batch, as far as it follows what is known.
SELECT sequence, outcome FROM redemption_schema.take_offline_entries($1, $2, $3, $4::jsonb);

-- name: break_chain
-- An entry that the device's key has not signed.
UPDATE redemption_schema.offline_chains AS c
   SET broken_at = now(), broken_because = 'SIGNATURE', broken_entry = $2
 WHERE c.terminal_code = $1 AND c.broken_at IS NULL;

-- name: list_unsettled
-- What of these entries the saga has not settled yet.
SELECT o.terminal_code, o.sequence, o.entry
  FROM redemption_schema.offline_redemptions AS o
 WHERE o.terminal_code = $1 AND o.sequence = ANY ($2::bigint[]) AND o.status = 'RECEIVED'
 ORDER BY o.sequence;

-- name: claim_unsettled
-- What nobody has settled, for one worker each: claimed until settle_at, later each time.
UPDATE redemption_schema.offline_redemptions AS o
   SET settle_attempts = o.settle_attempts + 1,
       settle_at = now() + interval '30 seconds' * 2 ^ least(o.settle_attempts, 6)
  FROM (SELECT u.terminal_code, u.sequence
          FROM redemption_schema.offline_redemptions AS u
         WHERE u.status = 'RECEIVED' AND u.settle_at <= now()
         ORDER BY u.settle_at
         LIMIT $1
           FOR UPDATE SKIP LOCKED) AS c
 WHERE o.terminal_code = c.terminal_code AND o.sequence = c.sequence
RETURNING o.terminal_code, o.sequence, o.entry;

-- name: begin_entry
-- The redemption of an entry; NULL: it is a conflict.
SELECT redemption_schema.begin_offline_redemption($1, $2, $3, $4, $5, $6, $7, $8);

-- name: refuse_entry
-- Its code means no coupon.
SELECT redemption_schema.refuse_offline_entry($1, $2, $3, $4, $5);

-- name: used_at
-- When the terminal took what became this redemption.
SELECT o.used_at FROM redemption_schema.offline_redemptions AS o WHERE o.transaction_reference = $1;

-- name: list_states
-- What became of these entries, and the head of their chain.
SELECT o.sequence, o.status, o.reason, o.transaction_reference
  FROM redemption_schema.offline_redemptions AS o
 WHERE o.terminal_code = $1 AND o.sequence = ANY ($2::bigint[])
 ORDER BY o.sequence;

-- name: get_head
-- Up to where everything is known.
SELECT c.head_sequence, c.head_sha256 FROM redemption_schema.offline_chains AS c WHERE c.terminal_code = $1;

-- name: list_chains
-- The terminals of a station, or all: NULL is no bound.
SELECT c.terminal_code, c.station_code, c.head_sequence, c.synced_at, c.broken_at, c.broken_because,
       l.expires_at AS lease_expires_at, l.used_count, l.used_total,
       (SELECT count(*)
          FROM redemption_schema.offline_redemptions AS o
         WHERE o.terminal_code = c.terminal_code AND o.status = 'CONFLICT' AND o.resolution IS NULL)::integer
           AS conflicts
  FROM redemption_schema.offline_chains AS c
  LEFT JOIN redemption_schema.offline_leases AS l ON l.terminal_code = c.terminal_code AND l.last_sequence IS NULL
 WHERE ($1::text IS NULL OR c.station_code = $1) AND c.terminal_code > $2
 ORDER BY c.terminal_code
 LIMIT $3;

-- name: list_conflicts
-- What waits for a person, or is resolved ($2), newest first; NULL is no bound.
SELECT o.terminal_code, o.sequence, o.station_code, o.employee_number, o.user_id, r.coupon_code, r.campaign_code,
       o.fuel_type, o.amount, o.discount_amount,
       CASE r.status WHEN 'COMPLETED' THEN r.discount_amount END AS settled_discount, o.currency, o.used_at,
       o.created_at AS received_at, o.status, o.reason, o.transaction_reference, o.accepted_by, o.accepted_because,
       o.resolution, o.resolved_by, o.resolved_at, o.notes
  FROM redemption_schema.offline_redemptions AS o
  LEFT JOIN redemption_schema.redemptions AS r ON r.transaction_reference = o.transaction_reference
 WHERE o.status = 'CONFLICT' AND ($1::text IS NULL OR o.station_code = $1)
   AND (o.resolution IS NOT NULL) = $2
   AND (o.created_at, o.terminal_code, o.sequence) < ($3::timestamptz, $4::text, $5::bigint)
 ORDER BY o.created_at DESC, o.terminal_code DESC, o.sequence DESC
 LIMIT $6;

-- name: list_conflicts_up
-- The same, what came in first first.
SELECT o.terminal_code, o.sequence, o.station_code, o.employee_number, o.user_id, r.coupon_code, r.campaign_code,
       o.fuel_type, o.amount, o.discount_amount,
       CASE r.status WHEN 'COMPLETED' THEN r.discount_amount END AS settled_discount, o.currency, o.used_at,
       o.created_at AS received_at, o.status, o.reason, o.transaction_reference, o.accepted_by, o.accepted_because,
       o.resolution, o.resolved_by, o.resolved_at, o.notes
  FROM redemption_schema.offline_redemptions AS o
  LEFT JOIN redemption_schema.redemptions AS r ON r.transaction_reference = o.transaction_reference
 WHERE o.status = 'CONFLICT' AND ($1::text IS NULL OR o.station_code = $1)
   AND (o.resolution IS NOT NULL) = $2
   AND (o.created_at, o.terminal_code, o.sequence) > ($3::timestamptz, $4::text, $5::bigint)
 ORDER BY o.created_at, o.terminal_code, o.sequence
 LIMIT $6;

-- name: get_entry
-- One entry, for who may see it: NULL is no bound.
SELECT o.terminal_code, o.sequence, o.station_code, o.employee_number, o.user_id, r.coupon_code, r.campaign_code,
       o.fuel_type, o.amount, o.discount_amount,
       CASE r.status WHEN 'COMPLETED' THEN r.discount_amount END AS settled_discount, o.currency, o.used_at,
       o.created_at AS received_at, o.status, o.reason, o.transaction_reference, o.accepted_by, o.accepted_because,
       o.resolution, o.resolved_by, o.resolved_at, o.notes
  FROM redemption_schema.offline_redemptions AS o
  LEFT JOIN redemption_schema.redemptions AS r ON r.transaction_reference = o.transaction_reference
 WHERE o.terminal_code = $1 AND o.sequence = $2 AND ($3::text IS NULL OR o.station_code = $3);

-- name: resolve_conflict
-- A person has decided who bears it.
UPDATE redemption_schema.offline_redemptions AS o
   SET resolution = $3, resolved_by = $4, resolved_at = now(), notes = $5
 WHERE o.terminal_code = $1 AND o.sequence = $2 AND o.status = 'CONFLICT' AND o.resolution IS NULL;

-- name: accept_conflict
-- A person sends it to the saga; only what the coupon service has not decided about.
UPDATE redemption_schema.offline_redemptions AS o
   SET status = 'RECEIVED', reason = NULL, accepted_by = $3, accepted_because = o.reason, notes = $4,
       settle_at = now() + interval '30 seconds'
 WHERE o.terminal_code = $1 AND o.sequence = $2 AND o.status = 'CONFLICT' AND o.resolution IS NULL
   AND o.transaction_reference IS NULL;

-- name: put_limits
-- What a station's terminals may take from their next lease on.
INSERT INTO redemption_schema.offline_limits AS l (
    station_code, is_enabled, currency, max_amount, max_discount, max_count, max_total, max_hours, campaign_codes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT ON CONSTRAINT offline_limits_pk DO UPDATE
   SET is_enabled = excluded.is_enabled, currency = excluded.currency, max_amount = excluded.max_amount,
       max_discount = excluded.max_discount, max_count = excluded.max_count, max_total = excluded.max_total,
       max_hours = excluded.max_hours, campaign_codes = excluded.campaign_codes, changed_by = excluded.changed_by
RETURNING station_code, is_enabled, currency, max_amount, max_discount, max_count, max_total, max_hours,
          campaign_codes, updated_at;

-- name: get_limits
-- The limits of a station.
SELECT station_code, is_enabled, currency, max_amount, max_discount, max_count, max_total, max_hours, campaign_codes,
       updated_at
  FROM redemption_schema.offline_limits WHERE station_code = $1;

-- name: forget_leases
-- The job: leases under which nothing came, and nothing can any more.
SELECT redemption_schema.forget_offline_leases($1);
