-- Winners: told, claimed, delivered, forfeited, disqualified, shown.

-- name: notify_winners
-- Winners that nobody has told yet ($1 at most), each told once: the state and the event are of one transaction. The
-- time for the claim begins now, so that nobody loses days to a delay of ours.
WITH due AS (
    SELECT w.id
      FROM raffle_schema.raffle_winners AS w
     WHERE w.status = 'SELECTED'
     ORDER BY w.draw_id, w.draw_position
     LIMIT $1
       FOR NO KEY UPDATE SKIP LOCKED
), told AS (
    UPDATE raffle_schema.raffle_winners AS w
       SET status = 'NOTIFIED', claim_deadline = now() + make_interval(days => r.claim_days)
      FROM due AS d, raffle_schema.raffles AS r
     WHERE w.id = d.id AND w.status = 'SELECTED' AND r.id = w.raffle_id
    RETURNING w.public_id, w.user_id, w.ticket_id, w.prize_id, w.claim_deadline, r.raffle_code
)
INSERT INTO raffle_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
SELECT 'raffle.winner.selected', 'winner', t.public_id::text,
       jsonb_build_object(
           'winner_id', t.public_id, 'user_id', t.user_id, 'raffle_code', t.raffle_code,
           'ticket_number', k.ticket_number, 'rank', p.rank, 'prize_name', p.name,
           'claim_deadline', to_char(t.claim_deadline AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
  FROM told AS t
  JOIN raffle_schema.raffle_tickets AS k ON k.id = t.ticket_id
  JOIN raffle_schema.raffle_prizes AS p ON p.id = t.prize_id;

-- name: hold_draw_of
-- The draw of winner $1, held before any winner of it: so is everything done that passes a prize on.
SELECT d.id
  FROM raffle_schema.raffle_draws AS d
 WHERE d.id = (SELECT w.draw_id FROM raffle_schema.raffle_winners AS w WHERE w.public_id = $1)
   FOR NO KEY UPDATE;

-- name: hold_draws_of_person
-- The draws that user $1 has a place in, held before its winners.
SELECT d.id
  FROM raffle_schema.raffle_draws AS d
 WHERE d.id IN (SELECT w.draw_id FROM raffle_schema.raffle_winners AS w WHERE w.user_id = $1)
 ORDER BY d.id
   FOR NO KEY UPDATE;

-- name: hold_due_draws
-- The draws of the first $1 prizes that were not claimed in time, held before their winners.
SELECT d.id
  FROM raffle_schema.raffle_draws AS d
 WHERE d.id IN (SELECT x.draw_id
                  FROM raffle_schema.raffle_winners AS x
                 WHERE x.status = 'NOTIFIED' AND x.claim_deadline <= now()
                 ORDER BY x.claim_deadline, x.draw_id, x.draw_position
                 LIMIT $1)
 ORDER BY d.id
   FOR NO KEY UPDATE;

-- name: forfeit_unclaimed
-- Prizes of the draws $2 that were not claimed in time ($1 at most). The trigger passes each on to the next alternate in
-- this statement.
UPDATE raffle_schema.raffle_winners AS w
   SET status = 'FORFEITED', reason = 'not claimed by the deadline'
  FROM (SELECT x.id
          FROM raffle_schema.raffle_winners AS x
         WHERE x.status = 'NOTIFIED' AND x.claim_deadline <= now() AND x.draw_id = ANY ($2::bigint[])
         ORDER BY x.claim_deadline, x.draw_id, x.draw_position
         LIMIT $1
           FOR NO KEY UPDATE SKIP LOCKED) AS due
 WHERE w.id = due.id AND w.status = 'NOTIFIED';

-- name: hold_for_claim
-- A winner, in a statement of its own: the claim after it sees what became of winner and account meanwhile.
SELECT w.id FROM raffle_schema.raffle_winners AS w WHERE w.public_id = $1 FOR NO KEY UPDATE;

-- name: claim_prize
-- Claimed by user $2 (NULL: for whoever won it, by staff $8, who is somebody else) while it can be, with a place where
-- the prize can go. Two people will look at the identity where the value is from $5 (MXN), $6 (CRC) or $7 (USD) on. An
-- account that was erased meanwhile shows no name, and its details go when the prize has arrived.
WITH claimed AS (
    UPDATE raffle_schema.raffle_winners AS w
       SET status = 'CLAIMED', delivery_details = $3
      FROM raffle_schema.raffle_prizes AS p, raffle_schema.raffles AS r, raffle_schema.raffle_tickets AS k
     WHERE w.public_id = $1 AND ($2::uuid IS NULL OR w.user_id = $2) AND ($8::uuid IS NULL OR w.user_id <> $8)
       AND w.status IN ('SELECTED', 'NOTIFIED') AND w.claim_deadline > now()
       AND CASE WHEN p.delivery_method IN ('DIGITAL', 'CREDIT') THEN $3::jsonb ? 'account'
                WHEN p.delivery_method IN ('PHYSICAL', 'MANUAL') THEN $3::jsonb ?| ARRAY['address', 'station_code']
                ELSE true END
       AND p.id = w.prize_id AND r.id = w.raffle_id AND k.id = w.ticket_id
    RETURNING w.id, w.public_id, w.user_id, r.raffle_code, k.ticket_number, p.rank, p.name,
              p.prize_value >= CASE p.currency WHEN 'MXN' THEN $5::numeric WHEN 'CRC' THEN $6::numeric
                                               ELSE $7::numeric END AS needs_second
), claim AS (
    INSERT INTO raffle_schema.prize_claims (winner_id, public_name, needs_second, forget_when_over)
    SELECT c.id, CASE WHEN a.is_erased THEN NULL ELSE $4::text END, c.needs_second, coalesce(a.is_erased, false)
      FROM claimed AS c
      LEFT JOIN raffle_schema.account_states AS a ON a.user_id = c.user_id
), told AS (
    INSERT INTO raffle_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
    SELECT 'prize.claimed', 'winner', c.public_id::text,
           jsonb_build_object('winner_id', c.public_id, 'user_id', c.user_id, 'raffle_code', c.raffle_code,
                              'ticket_number', c.ticket_number, 'rank', c.rank, 'prize_name', c.name)
      FROM claimed AS c
)
SELECT id FROM claimed;

-- name: why_not_claimed
-- Why a prize of user $2 (NULL: anybody's) was not claimed.
SELECT w.user_id, w.status, w.claim_deadline <= now() AS is_late, p.delivery_method
  FROM raffle_schema.raffle_winners AS w
  JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
 WHERE w.public_id = $1 AND ($2::uuid IS NULL OR w.user_id = $2);

-- name: hold_claim
-- A claim, held until the transaction ends: of two people who look at an identity at once the second sees the first.
SELECT w.id, w.user_id, w.status, p.delivery_method, c.claimed_by, c.delivery_changed_by, c.needs_second,
       c.document_type, c.document_key_id, c.document_mac, c.identified_by, c.confirmed_by
  FROM raffle_schema.raffle_winners AS w
  JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
  JOIN raffle_schema.prize_claims AS c ON c.winner_id = w.id
 WHERE w.public_id = $1
   FOR NO KEY UPDATE OF w, c;

-- name: note_identity
-- The first person has seen the document.
UPDATE raffle_schema.prize_claims
   SET document_type = $2, document_end = $3, document_key_id = $4, document_mac = $5, identified_by = $6,
       identified_at = now()
 WHERE winner_id = $1 AND identified_by IS NULL;

-- name: note_second_identity
-- Another person has seen the same document.
UPDATE raffle_schema.prize_claims
   SET confirmed_by = $2, confirmed_at = now()
 WHERE winner_id = $1 AND needs_second AND confirmed_by IS NULL AND identified_by <> $2;

-- name: take_identity_back
-- The first look, while nobody confirmed it and nothing was done for the prize: both may look anew.
UPDATE raffle_schema.prize_claims AS c
   SET document_type = NULL, document_end = NULL, document_key_id = NULL, document_mac = NULL, identified_by = NULL,
       identified_at = NULL
 WHERE c.winner_id = $1 AND c.identified_by IS NOT NULL AND c.confirmed_by IS NULL
   AND NOT EXISTS (SELECT FROM raffle_schema.prize_delivery_steps AS s WHERE s.winner_id = $1)
RETURNING c.winner_id;

-- name: change_delivery
-- Where a prize goes, while nothing was done for it: the winner is held, so that a step at the same time is seen.
WITH changed AS (
    UPDATE raffle_schema.raffle_winners AS w SET delivery_details = $2
     WHERE w.id = $1 AND w.status = 'CLAIMED'
       AND NOT EXISTS (SELECT FROM raffle_schema.prize_delivery_steps AS s WHERE s.winner_id = $1)
    RETURNING w.id
)
UPDATE raffle_schema.prize_claims AS c
   SET delivery_changed_by = $3, delivery_changed_at = now()
  FROM changed AS x
 WHERE c.winner_id = x.id
RETURNING c.winner_id;

-- name: add_step
-- The next step of a delivery; the guard refuses one that does not follow, and the last one makes it DELIVERED.
INSERT INTO raffle_schema.prize_delivery_steps (winner_id, step, carrier, tracking, receipt_sha256)
SELECT w.id, $2, $3, $4, $5 FROM raffle_schema.raffle_winners AS w WHERE w.public_id = $1
RETURNING winner_id;

-- name: hold_winner
-- A winner who may have to be disqualified, held until the transaction ends.
SELECT w.id, w.user_id, w.status, w.draw_position, d.chain_number AS draw_number, d.manifest_sha256, r.raffle_code,
       now() AS now
  FROM raffle_schema.raffle_winners AS w
  JOIN raffle_schema.raffle_draws AS d ON d.id = w.draw_id
  JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id
 WHERE w.public_id = $1
   FOR NO KEY UPDATE OF w;

-- name: disqualify_winner
-- With the signed statement, unless the prize has left: held before, so that a step at the same time is seen. The trigger
-- passes the prize on to the next alternate in this statement.
WITH gone AS (
    UPDATE raffle_schema.raffle_winners
       SET status = 'DISQUALIFIED', reason = $2
     WHERE id = $1 AND status IN ('ALTERNATE', 'SELECTED', 'NOTIFIED', 'CLAIMED')
       AND NOT EXISTS (SELECT FROM raffle_schema.prize_delivery_steps AS s
                        WHERE s.winner_id = $1 AND s.step <> 'PREPARED')
    RETURNING id
)
INSERT INTO raffle_schema.winner_disqualifications (winner_id, document, signature)
SELECT id, $3, $4 FROM gone
RETURNING winner_id;

-- name: list_prizes
-- What user $1 has won, the newest first, before $2.
SELECT w.id, w.public_id AS winner_id, r.raffle_code, r.name AS raffle_name, k.ticket_number, p.rank,
       p.name AS prize_name, p.prize_type, p.prize_value, p.currency, p.delivery_method, w.status, w.claim_deadline,
       w.claimed_at, w.delivered_at, s.step AS last_step, s.tracking
  FROM raffle_schema.raffle_winners AS w
  JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
  JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id
  JOIN raffle_schema.raffle_tickets AS k ON k.id = w.ticket_id
  LEFT JOIN LATERAL (
      SELECT x.step, max(x.tracking) OVER () AS tracking
        FROM raffle_schema.prize_delivery_steps AS x WHERE x.winner_id = w.id ORDER BY x.id DESC LIMIT 1) AS s ON true
 WHERE w.user_id = $1 AND ($2::bigint IS NULL OR w.id < $2)
 ORDER BY w.id DESC
 LIMIT $3;

-- name: list_winners
-- For staff: of raffle $1, in state $2, or one ($3), after $4, with $6 in it, in the order in which draws wrote them.
SELECT w.id, w.public_id AS winner_id, r.raffle_code, d.chain_number AS draw_number, w.draw_position,
       k.ticket_number, w.user_id, w.status, p.rank, w.unit_number, p.name AS prize_name, p.prize_value, p.currency,
       p.delivery_method, w.claim_deadline, w.notified_at, w.claimed_at, w.delivered_at, c.needs_second,
       c.identified_by, c.confirmed_by, w.reason,
       (SELECT s.step FROM raffle_schema.prize_delivery_steps AS s
         WHERE s.winner_id = w.id ORDER BY s.id DESC LIMIT 1) AS last_step
  FROM raffle_schema.raffle_winners AS w
  JOIN raffle_schema.raffle_draws AS d ON d.id = w.draw_id
  JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id
  JOIN raffle_schema.raffle_tickets AS k ON k.id = w.ticket_id
  LEFT JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
  LEFT JOIN raffle_schema.prize_claims AS c ON c.winner_id = w.id
 WHERE ($1::text IS NULL OR r.raffle_code = $1) AND ($2::text IS NULL OR w.status = $2)
   AND ($3::uuid IS NULL OR w.public_id = $3) AND w.id > $4
   AND ($6::text IS NULL OR strpos(k.ticket_number, upper($6)) > 0 OR strpos(lower(p.name), lower($6)) > 0
        OR strpos(lower(r.name), lower($6)) > 0)
 ORDER BY w.id
 LIMIT $5;

-- name: list_winners_backwards
-- The same before $4, what was drawn last first.
SELECT w.id, w.public_id AS winner_id, r.raffle_code, d.chain_number AS draw_number, w.draw_position,
       k.ticket_number, w.user_id, w.status, p.rank, w.unit_number, p.name AS prize_name, p.prize_value, p.currency,
       p.delivery_method, w.claim_deadline, w.notified_at, w.claimed_at, w.delivered_at, c.needs_second,
       c.identified_by, c.confirmed_by, w.reason,
       (SELECT s.step FROM raffle_schema.prize_delivery_steps AS s
         WHERE s.winner_id = w.id ORDER BY s.id DESC LIMIT 1) AS last_step
  FROM raffle_schema.raffle_winners AS w
  JOIN raffle_schema.raffle_draws AS d ON d.id = w.draw_id
  JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id
  JOIN raffle_schema.raffle_tickets AS k ON k.id = w.ticket_id
  LEFT JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
  LEFT JOIN raffle_schema.prize_claims AS c ON c.winner_id = w.id
 WHERE ($1::text IS NULL OR r.raffle_code = $1) AND ($2::text IS NULL OR w.status = $2)
   AND ($3::uuid IS NULL OR w.public_id = $3) AND w.id < $4
   AND ($6::text IS NULL OR strpos(k.ticket_number, upper($6)) > 0 OR strpos(lower(p.name), lower($6)) > 0
        OR strpos(lower(r.name), lower($6)) > 0)
 ORDER BY w.id DESC
 LIMIT $5;

-- name: get_delivery
-- Where a prize goes, and what is kept of the document.
SELECT nullif(w.delivery_details, '{}') AS delivery, c.document_type, c.document_end
  FROM raffle_schema.raffle_winners AS w
  LEFT JOIN raffle_schema.prize_claims AS c ON c.winner_id = w.id
 WHERE w.public_id = $1;

-- name: list_steps
-- What was done for a prize.
SELECT s.step, s.carrier, s.tracking, encode(s.receipt_sha256, 'hex') AS receipt_sha256, s.recorded_by,
       s.created_at AS recorded_at
  FROM raffle_schema.prize_delivery_steps AS s
  JOIN raffle_schema.raffle_winners AS w ON w.id = s.winner_id
 WHERE w.public_id = $1
 ORDER BY s.id;

-- name: list_results
-- For everybody: the positions of a raffle's draw, after $2. The name is as its owner allowed it to be shown, and never
-- beside a disqualification.
SELECT w.draw_position, p.rank, p.name AS prize_name, w.status, k.ticket_number,
       CASE WHEN w.status <> 'DISQUALIFIED' THEN c.public_name END AS public_name,
       convert_from(q.document, 'UTF8') AS document, encode(q.signature, 'hex') AS signature
  FROM raffle_schema.raffle_winners AS w
  JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id
  JOIN raffle_schema.raffle_tickets AS k ON k.id = w.ticket_id
  LEFT JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
  LEFT JOIN raffle_schema.prize_claims AS c ON c.winner_id = w.id
  LEFT JOIN raffle_schema.winner_disqualifications AS q ON q.winner_id = w.id
 WHERE r.raffle_code = $1 AND w.draw_position > $2
 ORDER BY w.draw_position
 LIMIT $3;

-- name: is_drawn
-- Whether a raffle has winners to show.
SELECT EXISTS (SELECT FROM raffle_schema.raffle_draws AS d
                WHERE d.raffle_id = r.id AND d.status = 'DRAWN')
  FROM raffle_schema.raffles AS r
 WHERE r.raffle_code = $1;

-- name: forget_deliveries
-- Details of deliveries that were over $2 days ago ($1 at most), and of those that erased people waited for; with them
-- what somebody noted of a disqualification. The kind of its reason is published and stays.
WITH due AS (
    SELECT w.id
      FROM raffle_schema.raffle_winners AS w
      LEFT JOIN raffle_schema.prize_claims AS c ON c.winner_id = w.id
     WHERE w.status IN ('DELIVERED', 'DISQUALIFIED')
       AND (c.forget_when_over OR coalesce(w.delivered_at, w.disqualified_at) < now() - make_interval(days => $2))
       AND (w.delivery_details <> '{}' OR c.document_mac IS NOT NULL OR w.reason <> split_part(w.reason, ': ', 1))
     ORDER BY w.id
     LIMIT $1
       FOR NO KEY UPDATE OF w SKIP LOCKED
), cleared AS (
    UPDATE raffle_schema.raffle_winners AS w
       SET delivery_details = '{}', reason = split_part(w.reason, ': ', 1)
      FROM due AS d WHERE w.id = d.id
    RETURNING w.id
), anonymous AS (
    UPDATE raffle_schema.prize_claims AS c
       SET document_end = NULL, document_key_id = NULL, document_mac = NULL
      FROM due AS d WHERE c.winner_id = d.id
)
SELECT count(*) FROM cleared;

-- name: mark_erased
-- For claims that begin now, whichever of the service's consumers hears of it first.
INSERT INTO raffle_schema.account_states AS a (user_id, is_active, is_erased, as_of)
VALUES ($1, false, true, $2)
    ON CONFLICT ON CONSTRAINT account_states_pk DO UPDATE
   SET is_active = false, is_erased = true, as_of = excluded.as_of
 WHERE NOT a.is_erased;

-- name: hold_person
-- All places of a person in draws, in a statement of its own: the next one sees a claim that this one waited for.
SELECT w.id FROM raffle_schema.raffle_winners AS w WHERE w.user_id = $1 ORDER BY w.id FOR NO KEY UPDATE;

-- name: forget_person
-- An erased person's name, details and the note of a disqualification go; those of a prize that is on its way go when
-- it has arrived. The winners are held before.
WITH own AS (
    SELECT w.id, w.status FROM raffle_schema.raffle_winners AS w WHERE w.user_id = $1
), cleared AS (
    UPDATE raffle_schema.raffle_winners AS w
       SET delivery_details = '{}', reason = split_part(w.reason, ': ', 1)
      FROM own AS o
     WHERE w.id = o.id AND o.status <> 'CLAIMED'
       AND (w.delivery_details <> '{}' OR w.reason <> split_part(w.reason, ': ', 1))
)
UPDATE raffle_schema.prize_claims AS c
   SET public_name = NULL, forget_when_over = true,
       document_end = CASE o.status WHEN 'CLAIMED' THEN c.document_end END,
       document_key_id = CASE o.status WHEN 'CLAIMED' THEN c.document_key_id END,
       document_mac = CASE o.status WHEN 'CLAIMED' THEN c.document_mac END
  FROM own AS o
 WHERE c.winner_id = o.id;

-- name: export_prizes
-- What person $1 has won or waits for, for an export.
SELECT r.raffle_code, k.ticket_number, w.draw_position, w.status, p.rank, p.name AS prize_name, w.delivery_details,
       c.public_name, c.document_type, c.document_end, w.notified_at, w.claimed_at, w.delivered_at, w.created_at
  FROM raffle_schema.raffle_winners AS w
  JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id
  JOIN raffle_schema.raffle_tickets AS k ON k.id = w.ticket_id
  LEFT JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
  LEFT JOIN raffle_schema.prize_claims AS c ON c.winner_id = w.id
 WHERE w.user_id = $1
 ORDER BY w.id DESC
 LIMIT $2;
