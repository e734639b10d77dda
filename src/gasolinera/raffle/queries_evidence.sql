-- Evidence of freezes: timestamps, witnesses, and what they signed.

-- name: load_witnesses
-- The terminals that a manifest lists now ($1 at most), in the order of their codes' characters.
SELECT terminal_code AS terminal, encode(public_key, 'hex') AS public_key
  FROM raffle_schema.draw_witnesses
 WHERE retired_at IS NULL
 ORDER BY terminal_code COLLATE "C"
 LIMIT $1;

-- name: load_timestamps
-- The tokens of a draw.
SELECT encode(token, 'hex') AS token
  FROM raffle_schema.draw_timestamps
 WHERE draw_id = $1
 ORDER BY authority COLLATE "C";

-- name: load_signatures
-- What witnesses signed of a draw, in the order of the format.
SELECT terminal_code AS terminal,
       to_char(signed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS signed_at,
       encode(signature, 'hex') AS signature
  FROM raffle_schema.draw_witness_signatures
 WHERE draw_id = $1
 ORDER BY terminal_code COLLATE "C";

-- name: enrol_witness
-- Once; again it is who it was. A retired one and another terminal's key give no row.
INSERT INTO raffle_schema.draw_witnesses AS w (terminal_code, station_code, public_key)
VALUES ($1, $2, $3)
    ON CONFLICT (terminal_code) DO UPDATE SET retired_at = w.retired_at
 WHERE w.public_key = excluded.public_key AND w.retired_at IS NULL
RETURNING terminal_code, station_code, encode(public_key, 'hex') AS public_key, retired_at, retirement_reason,
          created_at AS enrolled_at;

-- name: retire_witness
-- From now on no manifest lists it. A second time changes nothing and gives no row.
UPDATE raffle_schema.draw_witnesses
   SET retired_at = now(), retirement_reason = $2
 WHERE terminal_code = $1 AND retired_at IS NULL
RETURNING terminal_code, station_code, encode(public_key, 'hex') AS public_key, retired_at, retirement_reason,
          created_at AS enrolled_at;

-- name: list_witnesses
-- All, retired ones too; of one station where $1 names it.
SELECT terminal_code, station_code, encode(public_key, 'hex') AS public_key, retired_at, retirement_reason,
       created_at AS enrolled_at
  FROM raffle_schema.draw_witnesses
 WHERE ($1::text IS NULL OR station_code = $1) AND terminal_code > $2
 ORDER BY terminal_code
 LIMIT $3;

-- name: show_draws
-- The chain from after draw $1 on, and whether terminal $2 with key $3 can still sign each.
SELECT d.chain_number AS draw_number, convert_from(d.manifest, 'UTF8') AS manifest,
       encode(d.manifest_signature, 'hex') AS signature,
       (d.status = 'FROZEN'
        AND now() < coalesce(raffle_schema.evidence_until(d.manifest, d.beacon_round_at), '-infinity')
        AND convert_from(d.manifest, 'UTF8')::jsonb #> '{evidence,witnesses}' @> jsonb_build_array(
                jsonb_build_object('terminal', $2::text, 'public_key', encode($3::bytea, 'hex')))
        AND NOT EXISTS (SELECT FROM raffle_schema.draw_witness_signatures AS s
                         WHERE s.draw_id = d.id AND s.terminal_code = $2)) IS TRUE AS wants_signature
  FROM raffle_schema.raffle_draws AS d
 WHERE d.chain_number > $1
 ORDER BY d.chain_number
 LIMIT $4;

-- name: find_frozen
-- What a draw's witness signs.
SELECT id, manifest FROM raffle_schema.raffle_draws WHERE chain_number = $1;

-- name: add_signature
-- Once for each terminal; the guard and the constraints refuse who is not listed and what is late.
INSERT INTO raffle_schema.draw_witness_signatures (draw_id, terminal_code, public_key, signed_at, signature)
VALUES ($1, $2, $3, to_timestamp($4), $5)
    ON CONFLICT (draw_id, terminal_code) DO NOTHING
RETURNING terminal_code;

-- name: has_signature
-- Is it the very signature that is here already?
SELECT signature = $3 FROM raffle_schema.draw_witness_signatures WHERE draw_id = $1 AND terminal_code = $2;

-- name: unstamped_draws
-- Frozen draws that lack a token of one of these authorities and can still get it; the most urgent first.
SELECT d.id, d.chain_number AS draw_number, d.manifest, a.authority
  FROM raffle_schema.raffle_draws AS d
 CROSS JOIN unnest($1::text[]) AS a (authority)
 WHERE d.status = 'FROZEN' AND now() < raffle_schema.evidence_until(d.manifest, d.beacon_round_at)
   AND NOT EXISTS (SELECT FROM raffle_schema.draw_timestamps AS t
                    WHERE t.draw_id = d.id AND t.authority = a.authority)
 ORDER BY d.beacon_round_at, d.id, a.authority
 LIMIT 100;

-- name: add_timestamp
-- Once for each authority; the guard and the constraint refuse what is late.
INSERT INTO raffle_schema.draw_timestamps (draw_id, authority, token, generated_at)
VALUES ($1, $2, $3, $4)
    ON CONFLICT (draw_id, authority) DO NOTHING;

-- name: find_report
-- The draw of a raffle that counts, else the newest void one.
SELECT d.id, d.chain_number AS draw_number, d.status, d.manifest, d.frozen_at,
       raffle_schema.evidence_until(d.manifest, d.beacon_round_at) AS evidence_until
  FROM raffle_schema.raffle_draws AS d
  JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
 WHERE r.raffle_code = $1
 ORDER BY d.status = 'VOID', d.chain_number DESC
 LIMIT 1;

-- name: report_timestamps
-- Who stated when.
SELECT authority, generated_at, received_at
  FROM raffle_schema.draw_timestamps
 WHERE draw_id = $1
 ORDER BY authority;

-- name: report_signatures
-- Who signed when.
SELECT terminal_code AS terminal, encode(public_key, 'hex') AS public_key, signed_at
  FROM raffle_schema.draw_witness_signatures
 WHERE draw_id = $1;
