-- What draws publish: the chain, manifests, the list, proofs and bundles.

-- name: list_draws
-- The chain, the newest first.
SELECT d.chain_number AS draw_number, r.raffle_code, d.status, encode(d.manifest_sha256, 'hex') AS manifest_sha256,
       d.frozen_at, d.beacon_round, d.beacon_round_at, d.drawn_at, d.voided_at, d.void_reason,
       d.status = 'VOID' AND r.status = 'CLOSED'
       AND NOT EXISTS (SELECT FROM raffle_schema.raffle_draws AS n
                        WHERE n.raffle_id = d.raffle_id AND n.chain_number > d.chain_number)
       AND (SELECT count(*) FROM raffle_schema.raffle_draws AS v
             WHERE v.raffle_id = d.raffle_id AND v.void_reason = $3) >= $4 AS waits_for_operator
  FROM raffle_schema.raffle_draws AS d
  JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
 WHERE $1::bigint IS NULL OR d.chain_number < $1
 ORDER BY d.chain_number DESC
 LIMIT $2;

-- name: get_draw
-- One draw with everything that is signed.
SELECT d.id, d.chain_number AS draw_number, r.raffle_code, d.status, d.manifest, d.manifest_sha256,
       d.manifest_signature, d.frozen_at, d.beacon_round, d.beacon_round_at, d.beacon_signature, d.randomness,
       d.blocks_read, d.drawn_at, d.voided_at, d.void_reason, d.void_document, d.void_signature,
       d.status = 'VOID' AND r.status = 'CLOSED'
       AND NOT EXISTS (SELECT FROM raffle_schema.raffle_draws AS n
                        WHERE n.raffle_id = d.raffle_id AND n.chain_number > d.chain_number)
       AND (SELECT count(*) FROM raffle_schema.raffle_draws AS v
             WHERE v.raffle_id = d.raffle_id AND v.void_reason = $2) >= $3 AS waits_for_operator
  FROM raffle_schema.raffle_draws AS d
  JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
 WHERE d.chain_number = $1;

-- name: newest_draw_of
-- The number of a raffle's draw that counts, else of the last one that is void.
SELECT d.chain_number
  FROM raffle_schema.raffle_draws AS d
  JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
 WHERE r.raffle_code = $1
 ORDER BY d.status = 'VOID', d.chain_number DESC
 LIMIT 1;

-- name: list_pages
-- A stretch of the published list.
SELECT l.leaves
  FROM raffle_schema.draw_leaf_pages AS l
 WHERE l.draw_number = $1 AND l.page_number >= $2 AND l.page_number < $3
 ORDER BY l.page_number;

-- name: excluded_after
-- Which entries were left out and why, a stretch of them in the order of the published list.
SELECT x.entry_hash, x.reason
  FROM raffle_schema.draw_exclusions AS x
 WHERE x.draw_number = $1 AND x.entry_hash > $2
 ORDER BY x.entry_hash
 LIMIT $3;

-- name: find_leaf
-- The page of a ticket's entry, and the tiles above it, in the draw that the ticket's raffle has.
SELECT d.chain_number AS draw_number, d.manifest, d.manifest_signature, e.entry_hash, e.issuance_id, t.user_id,
       e.id AS entry_id, l.page_number, l.leaves,
       ARRAY(SELECT s.hashes
               FROM generate_series(1, 7) AS g (level)
               JOIN raffle_schema.draw_tiles AS s
                 ON s.draw_number = d.chain_number AND s.level = g.level
                AND s.tile_number = l.page_number >> (8 * g.level)
              ORDER BY g.level) AS tiles
  FROM raffle_schema.raffle_tickets AS t
  JOIN raffle_schema.raffle_entries AS e ON e.id = t.entry_id
  JOIN raffle_schema.raffle_draws AS d ON d.raffle_id = t.raffle_id AND d.status <> 'VOID'
  LEFT JOIN LATERAL (
            SELECT p.page_number, p.leaves
              FROM raffle_schema.draw_leaf_pages AS p
             WHERE p.draw_number = d.chain_number AND p.first_entry_hash <= e.entry_hash
             ORDER BY p.first_entry_hash DESC
             LIMIT 1) AS l ON true
 WHERE t.ticket_number = $1 AND t.status = 'ACTIVE';

-- name: opening_of
-- The numbers of an entry in ascending order, and whether one of them has a position.
SELECT ARRAY(SELECT t.ticket_number FROM raffle_schema.raffle_tickets AS t
              WHERE t.entry_id = $1 AND t.status = 'ACTIVE'
              ORDER BY t.ticket_number COLLATE "C") AS numbers,
       EXISTS (SELECT FROM raffle_schema.draw_positions AS p
                WHERE p.draw_number = $2 AND p.leaf_index = $3) AS has_position;

-- name: tiles_of
-- The whole tree over the pages: a few thousandths of the list.
SELECT t.level, t.tile_number AS number, t.hashes
  FROM raffle_schema.draw_tiles AS t
 WHERE t.draw_number = $1;

-- name: consulted_after
-- The leaves that a draw pointed to, a stretch of them, with the page that each is in once.
SELECT c.page_number, c.leaf_indexes, l.leaves
  FROM (SELECT f.leaf_index / 256 AS page_number, array_agg(f.leaf_index ORDER BY f.leaf_index) AS leaf_indexes
          FROM (SELECT x.leaf_index
                  FROM raffle_schema.draw_consulted_leaves AS x
                 WHERE x.draw_number = $1 AND x.leaf_index > $2
                 ORDER BY x.leaf_index
                 LIMIT $3) AS f
         GROUP BY f.leaf_index / 256) AS c
  JOIN raffle_schema.draw_leaf_pages AS l ON l.draw_number = $1 AND l.page_number = c.page_number
 ORDER BY c.page_number;

-- name: openings_after
-- The entries that have a position, a stretch of them by leaf.
SELECT o.leaf_index AS index, e.issuance_id,
       ARRAY(SELECT t.ticket_number FROM raffle_schema.raffle_tickets AS t
              WHERE t.entry_id = e.id AND t.status = 'ACTIVE'
              ORDER BY t.ticket_number COLLATE "C") AS numbers
  FROM (SELECT p.leaf_index
          FROM raffle_schema.draw_positions AS p
         WHERE p.draw_number = $1 AND p.leaf_index > $2
         GROUP BY p.leaf_index
         ORDER BY p.leaf_index
         LIMIT $3) AS o
  JOIN raffle_schema.draw_leaf_pages AS l ON l.draw_number = $1 AND l.page_number = o.leaf_index / 256
  JOIN raffle_schema.raffle_entries AS e
    ON e.id = ('x' || encode(substring(l.entry_ids FROM (o.leaf_index % 256)::integer * 8 + 1 FOR 8), 'hex'))::bit(64)::bigint
 ORDER BY o.leaf_index;

-- name: positions_after
-- The sequence, a stretch of it.
SELECT p.draw_position AS position, p.block_number AS block, p.point, p.leaf_index AS index, p.ticket_number AS ticket
  FROM raffle_schema.draw_positions AS p
 WHERE p.draw_number = $1 AND p.draw_position > $2
 ORDER BY p.draw_position
 LIMIT $3;
