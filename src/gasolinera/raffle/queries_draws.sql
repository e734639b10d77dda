-- Draws: the freeze of a raffle's entries, the draw itself, and what both publish.

-- name: room_for_many
-- For this transaction: a freeze sorts all entries of a raffle, which takes longer than any request may.
SELECT set_config(key, value, true)
  FROM unnest($1::text[], $2::text[]) AS c (key, value);

-- name: lock_raffle
-- One freezes, draws or voids at a time: the row is locked until the transaction ends.
SELECT r.id, r.raffle_code, r.name, r.raffle_type, r.selection_algorithm, r.status, r.opens_at, r.closes_at, r.draw_at,
       r.permit_number, r.terms_version, r.terms_sha256, r.allows_multiple_wins, r.alternate_count, r.claim_days,
       r.source_weights
  FROM raffle_schema.raffles AS r
 WHERE r.raffle_code = $1
   FOR NO KEY UPDATE;

-- name: lock_chain
-- Until the transaction ends: numbers have no gaps, and each manifest names the one before.
SELECT pg_advisory_xact_lock(hashtextextended('raffle_schema.draw_chain', 0));

-- name: read_clock
-- When the locks are held and the list is stored: no transaction says that it froze when it only began.
SELECT clock_timestamp();

-- name: chain_head
-- The last draw of the chain.
SELECT d.chain_number, d.manifest_sha256
  FROM raffle_schema.raffle_draws AS d
 ORDER BY d.chain_number DESC
 LIMIT 1;

-- name: prizes_of
-- What a raffle gives, in the order of rank.
SELECT p.id, p.rank, p.name, p.prize_type, p.prize_value, p.currency, p.quantity
  FROM raffle_schema.raffle_prizes AS p
 WHERE p.raffle_id = $1
 ORDER BY p.rank;

-- name: exclude_entries
-- Whoever must not win is left out before the list is made, with the reason.
INSERT INTO raffle_schema.draw_exclusions (draw_number, entry_id, entry_hash, ticket_count, reason)
SELECT $2, e.id, e.entry_hash, e.ticket_count, x.reason
  FROM raffle_schema.entry_exclusions($1) AS x (entry_id, reason)
  JOIN raffle_schema.raffle_entries AS e ON e.id = x.entry_id
 WHERE e.raffle_id = $1 AND e.ticket_count > 0;

-- name: excluded_of
-- How many were left out, the hash of their published list, and how many take part.
SELECT count(*) AS entries, coalesce(sum(x.ticket_count), 0)::bigint AS tickets,
       sha256(coalesce(string_agg(convert_to(encode(x.entry_hash, 'hex') || ' ' || x.reason || chr(10), 'UTF8'),
                                  ''::bytea ORDER BY x.entry_hash), ''::bytea)) AS sha256
  FROM raffle_schema.draw_exclusions AS x
 WHERE x.draw_number = $1;

-- name: totals_of
-- Tickets and participants by the counters, those that are left out too.
SELECT t.ticket_count, t.participant_count
  FROM raffle_schema.raffle_totals AS t
 WHERE t.raffle_id = $1;

-- name: owners_listed
-- How many people have an entry in the list, where some were left out.
SELECT count(*)
  FROM (SELECT
          FROM raffle_schema.raffle_entries AS e
         WHERE e.raffle_id = $1 AND e.ticket_count > 0
           AND NOT EXISTS (SELECT FROM raffle_schema.draw_exclusions AS x
                            WHERE x.draw_number = $2 AND x.entry_id = e.id)
         GROUP BY e.owner_tag) AS o;

-- name: copy_list
-- For COPY: the leaves in the order of the list, and their entries. The weights by source are 1 but in a WEIGHTED draw.
SELECT CASE e.source WHEN 'COUPON_REDEMPTION' THEN '\x01'::bytea WHEN 'AD_ENGAGEMENT' THEN '\x02'::bytea
                     WHEN 'PROMOTIONAL' THEN '\x03'::bytea WHEN 'BONUS' THEN '\x04'::bytea ELSE '\x05'::bytea END
       || e.entry_hash || e.owner_tag
       || substring(int8send(sum(e.weight) OVER list - e.weight) FROM 4) || int4send(e.weight),
       e.id
  FROM (SELECT i.id, i.source, i.entry_hash, i.owner_tag,
               i.ticket_count * CASE i.source
                   WHEN 'COUPON_REDEMPTION' THEN $3::integer WHEN 'AD_ENGAGEMENT' THEN $4::integer
                   WHEN 'PROMOTIONAL' THEN $5::integer WHEN 'BONUS' THEN $6::integer ELSE $7::integer END AS weight
          FROM raffle_schema.raffle_entries AS i
         WHERE i.raffle_id = $1::bigint AND i.ticket_count > 0
           AND NOT EXISTS (SELECT FROM raffle_schema.draw_exclusions AS x
                            WHERE x.draw_number = $2::bigint AND x.entry_id = i.id)) AS e
WINDOW list AS (ORDER BY e.entry_hash ROWS UNBOUNDED PRECEDING);

-- name: copy_list_of_random
-- As copy_list for a RANDOM draw: the first leaf of each owner weighs 1, the others nothing.
SELECT CASE e.source WHEN 'COUPON_REDEMPTION' THEN '\x01'::bytea WHEN 'AD_ENGAGEMENT' THEN '\x02'::bytea
                     WHEN 'PROMOTIONAL' THEN '\x03'::bytea WHEN 'BONUS' THEN '\x04'::bytea ELSE '\x05'::bytea END
       || e.entry_hash || e.owner_tag
       || substring(int8send(sum(e.weight) OVER list - e.weight) FROM 4) || int4send(e.weight),
       e.id
  FROM (SELECT i.id, i.source, i.entry_hash, i.owner_tag,
               (row_number() OVER (PARTITION BY i.owner_tag ORDER BY i.entry_hash) = 1)::integer AS weight
          FROM raffle_schema.raffle_entries AS i
         WHERE i.raffle_id = $1::bigint AND i.ticket_count > 0
           AND NOT EXISTS (SELECT FROM raffle_schema.draw_exclusions AS x
                            WHERE x.draw_number = $2::bigint AND x.entry_id = i.id)) AS e
WINDOW list AS (ORDER BY e.entry_hash ROWS UNBOUNDED PRECEDING);

-- name: insert_draw
-- The freeze: its time is the clock's, and the database refuses a list that does not hold every ticket.
INSERT INTO raffle_schema.raffle_draws (
    raffle_id, chain_number, previous_chain_number, previous_manifest_sha256, entry_count, ticket_count,
    participant_count, excluded_entry_count, excluded_ticket_count, merkle_root, manifest, manifest_signature,
    signing_key_id, beacon_chain_sha256, beacon_round, beacon_round_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
RETURNING id;

-- name: counting_draw
-- The draw of a raffle that counts.
SELECT d.id, d.chain_number, d.status, d.manifest, d.manifest_sha256, d.manifest_signature, d.beacon_round,
       d.beacon_round_at, d.frozen_at
  FROM raffle_schema.raffle_draws AS d
 WHERE d.raffle_id = $1 AND d.status <> 'VOID';

-- name: pages_of_points
-- The pages of the list that some points of the total weight are in. A page of leaves without weight holds no point.
SELECT l.page_number, l.range_start, l.leaves, l.entry_ids
  FROM (SELECT DISTINCT p.page_number
          FROM unnest($2::bigint[]) AS w (point)
         CROSS JOIN LATERAL (
                   SELECT s.page_number
                     FROM raffle_schema.draw_leaf_pages AS s
                    WHERE s.draw_number = $1 AND s.range_start <= w.point
                    ORDER BY s.range_start DESC, s.page_number DESC
                    LIMIT 1) AS p) AS f
  JOIN raffle_schema.draw_leaf_pages AS l ON l.draw_number = $1 AND l.page_number = f.page_number
 ORDER BY l.page_number;

-- name: tickets_of_entries
-- The numbers of entries in ascending order of their bytes, as the entries' hashes are over them.
SELECT t.entry_id, t.id AS ticket_id, t.ticket_number, t.user_id
  FROM raffle_schema.raffle_tickets AS t
 WHERE t.entry_id = ANY ($1::bigint[]) AND t.status = 'ACTIVE'
 ORDER BY t.entry_id, t.ticket_number COLLATE "C";

-- name: begin_drawing
-- The raffle is being drawn.
UPDATE raffle_schema.raffles
   SET status = 'DRAWING'
 WHERE id = $1 AND status = 'CLOSED';

-- name: mark_drawn
-- The round's signature and what it gives; the database holds that the one is the hash of the other.
UPDATE raffle_schema.raffle_draws
   SET status = 'DRAWN', beacon_signature = $2, randomness = $3, blocks_read = $4
 WHERE id = $1 AND status = 'FROZEN'
RETURNING drawn_at;

-- name: insert_positions
-- The whole sequence, by columns.
INSERT INTO raffle_schema.draw_positions (draw_number, draw_position, block_number, point, leaf_index, ticket_number)
SELECT $1, p.draw_position, p.block_number, p.point, p.leaf_index, p.ticket_number
  FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])
       AS p (draw_position, block_number, point, leaf_index, ticket_number);

-- name: insert_consulted
-- Every leaf that was pointed to.
INSERT INTO raffle_schema.draw_consulted_leaves (draw_number, leaf_index)
SELECT $1, c.leaf_index FROM unnest($2::bigint[]) AS c (leaf_index);

-- name: insert_winners
-- Who won what, and the alternates. A job tells the winners, and the time to claim begins anew when it does.
INSERT INTO raffle_schema.raffle_winners (
    raffle_id, draw_id, draw_position, ticket_id, user_id, prize_id, unit_number, status, claim_deadline)
SELECT $1, $2, w.draw_position, w.ticket_id, w.user_id, w.prize_id, w.unit_number,
       CASE WHEN w.prize_id IS NULL THEN 'ALTERNATE' ELSE 'SELECTED' END,
       CASE WHEN w.prize_id IS NOT NULL THEN now() + make_interval(days => r.claim_days) END
  FROM unnest($3::integer[], $4::bigint[], $5::uuid[], $6::bigint[], $7::integer[])
       AS w (draw_position, ticket_id, user_id, prize_id, unit_number)
  JOIN raffle_schema.raffles AS r ON r.id = $1
 ORDER BY w.draw_position;

-- name: complete_raffle
-- After its draw.
UPDATE raffle_schema.raffles
   SET status = 'COMPLETED'
 WHERE id = $1 AND status = 'DRAWING';

-- name: void_draw
-- The draw keeps its number. Only before its round where evidence is missing, or with its raffle cancelled.
UPDATE raffle_schema.raffle_draws
   SET status = 'VOID', void_reason = $2, void_document = $3, void_signature = $4
 WHERE id = $1 AND status = 'FROZEN'
RETURNING chain_number;

-- name: raffles_to_freeze
-- Closed, with tickets, without a draw that counts; and how many of its draws were given up for a reason.
SELECT r.raffle_code,
       (SELECT count(*) FROM raffle_schema.raffle_draws AS v
         WHERE v.raffle_id = r.id AND v.status = 'VOID' AND v.void_reason = $1) AS given_up
  FROM raffle_schema.raffles AS r
  JOIN raffle_schema.raffle_totals AS t ON t.raffle_id = r.id
 WHERE r.status = 'CLOSED' AND t.ticket_count > 0
   AND NOT EXISTS (SELECT FROM raffle_schema.raffle_draws AS d WHERE d.raffle_id = r.id AND d.status <> 'VOID')
 ORDER BY r.draw_at;

-- name: waiting_draws
-- Frozen draws: their raffles, and what is due. Evidence is asked for until the gap before the round.
SELECT d.id, r.raffle_code, r.status AS raffle_status, r.selection_algorithm, d.manifest, d.beacon_round,
       d.beacon_round_at, clock_timestamp() AS at
  FROM raffle_schema.raffle_draws AS d
  JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
 WHERE d.status = 'FROZEN'
 ORDER BY d.beacon_round_at;
