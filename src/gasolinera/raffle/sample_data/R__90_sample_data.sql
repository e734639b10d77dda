-- Sample raffles for development and tests, in each state, loaded through the states and triggers that real ones pass.
-- The issuances and ticket numbers are those of the redemption service's sample data.

INSERT INTO raffle_schema.raffles (
    raffle_code, name, description, raffle_type, selection_algorithm, opens_at, closes_at, draw_at,
    max_tickets_per_user, alternate_count, organizer, permit_number, terms_version, terms_sha256, terms_url)
SELECT s.raffle_code, s.name, s.description, s.raffle_type, s.algorithm, s.since + s.opens, s.since + s.closes,
       s.since + s.draws, s.max_tickets, s.alternates, 'Gasolinera JSM', 'SEGOB-' || s.raffle_code, '1.0',
       sha256(convert_to('Bases del sorteo ' || s.raffle_code, 'UTF8')),
       'https://gasolinera-jsm.example/sorteos/' || lower(s.raffle_code)
  -- Whole days: the redemption service's sample data say the same, and are loaded at another moment.
  FROM (SELECT date_trunc('day', now(), 'UTC')) AS d (today)
 CROSS JOIN LATERAL (VALUES
        ('MONTHLY-2026-12', 'Sorteo mensual de diciembre', 'Combustible para todo el mes.', 'STANDARD', 'MERKLE_TREE',
         d.today, interval '-25 days', interval '20 days', interval '21 days', 100, 5),
        ('NEWYEAR-2027', 'Gran sorteo de Año Nuevo', 'Empieza el año con el tanque lleno.', 'SPECIAL_EVENT',
         'PROVABLY_FAIR', d.today, interval '-5 days', interval '39 days', interval '40 days', NULL, 10),
        ('VIP-2026', 'Sorteo para clientes VIP', 'Solo para clientes VIP.', 'PREMIUM', 'WEIGHTED',
         d.today, interval '10 days', interval '40 days', interval '41 days', 50, 3),
        ('WEEKLY-2026-47', 'Sorteo semanal 47', 'Cada semana un ganador.', 'PROMOTIONAL', 'RANDOM',
         -- On days that stay the same: its draw was published.
         timestamptz '2026-11-22 06:00:00Z', interval '-13 days', interval '-6 days', interval '-5 days', 15, 1),
        ('ANNIVERSARY-2026', 'Sorteo de aniversario', 'A beneficio de la Cruz Roja.', 'CHARITY', 'MERKLE_TREE',
         d.today, interval '-15 days', interval '15 days', interval '16 days', 20, 2)
       ) AS s (raffle_code, name, description, raffle_type, algorithm, since, opens, closes, draws, max_tickets,
              alternates)
    ON CONFLICT (raffle_code) DO NOTHING;

-- The key of its owners' tags is the same everywhere, so that its published list is.
UPDATE raffle_schema.raffle_owner_keys AS k
   SET owner_key = sha256('sample'::bytea),
       inner_pad = raffle_schema.pad_key(sha256('sample'::bytea), 54),
       outer_pad = raffle_schema.pad_key(sha256('sample'::bytea), 92)
  FROM raffle_schema.raffles AS r
 WHERE r.id = k.raffle_id AND r.raffle_code = 'WEEKLY-2026-47' AND r.status = 'DRAFT';

INSERT INTO raffle_schema.raffle_terms (raffle_id, version, body)
SELECT r.id, '1.0', convert_to('Bases del sorteo ' || r.raffle_code, 'UTF8')
  FROM raffle_schema.raffles AS r
 WHERE r.raffle_code IN ('MONTHLY-2026-12', 'NEWYEAR-2027', 'VIP-2026', 'WEEKLY-2026-47', 'ANNIVERSARY-2026')
    ON CONFLICT (raffle_id, version) DO NOTHING;

INSERT INTO raffle_schema.raffle_prizes
       (raffle_id, rank, name, prize_type, prize_value, currency, quantity, delivery_method)
SELECT r.id, s.rank, s.name, s.prize_type, s.prize_value, 'MXN', s.quantity, s.delivery_method
  FROM (VALUES
        ('MONTHLY-2026-12', 1, 'Combustible por 15,000 pesos', 'FUEL_CREDIT', 15000.00, 1, 'CREDIT'),
        ('MONTHLY-2026-12', 2, 'Combustible por 3,000 pesos', 'FUEL_CREDIT', 3000.00, 2, 'CREDIT'),
        ('MONTHLY-2026-12', 3, 'Lavado completo', 'SERVICE', 350.00, 5, 'MANUAL'),
        ('NEWYEAR-2027', 1, 'Combustible por 25,000 pesos', 'FUEL_CREDIT', 25000.00, 1, 'CREDIT'),
        ('VIP-2026', 1, 'Viaje por 50,000 pesos', 'TRAVEL', 50000.00, 1, 'MANUAL'),
        ('WEEKLY-2026-47', 1, 'Combustible por 8,000 pesos', 'FUEL_CREDIT', 8000.00, 1, 'CREDIT'),
        ('ANNIVERSARY-2026', 1, 'Juego de llantas', 'MERCHANDISE', 12000.00, 1, 'PHYSICAL')
       ) AS s (raffle_code, rank, name, prize_type, prize_value, quantity, delivery_method)
  JOIN raffle_schema.raffles AS r ON r.raffle_code = s.raffle_code
 WHERE r.status = 'DRAFT'
   AND NOT EXISTS (SELECT FROM raffle_schema.raffle_prizes AS p WHERE p.raffle_id = r.id AND p.rank = s.rank);

UPDATE raffle_schema.raffles
   SET status = 'OPEN', opened_at = opens_at
 WHERE status = 'DRAFT'
   AND raffle_code IN ('MONTHLY-2026-12', 'NEWYEAR-2027', 'WEEKLY-2026-47', 'ANNIVERSARY-2026');

UPDATE raffle_schema.raffles
   SET status = 'CANCELLED', cancellation_reason = 'The permit was withdrawn by the organizer.'
 WHERE status = 'OPEN' AND raffle_code = 'ANNIVERSARY-2026';

-- One entry an issuance, one row a ticket; all in one statement, so that a second load finds the entries and adds
-- nothing.
WITH sample (raffle_code, issuance_id, user_nn, source, entered, ticket_numbers) AS (
    VALUES
    ('MONTHLY-2026-12', '6dbc0d31-a0b8-8177-8beb-25f118bfb992', '51', 'COUPON_REDEMPTION', interval '-20 days',
     ARRAY['TKTRZK95HKR74JP54PE', 'TKTVNJS65SQ4DQ87JRN', 'TKTHQ7EWYY6X5PPG44F']),
    ('MONTHLY-2026-12', '0218929c-d741-857b-a21f-f2d93c2634b6', '52', 'COUPON_REDEMPTION', interval '-20 days',
     ARRAY['TKT2TRA0SSK6TX03E3K', 'TKT22J65BHZMYE0ECXT', 'TKTNJK11F1E8B7PTWAP']),
    ('MONTHLY-2026-12', '19068878-6daf-80c8-ac6e-9327ebd99e16', '53', 'COUPON_REDEMPTION', interval '-20 days',
     ARRAY['TKTNB7TG754XC6YC0GV', 'TKTG54MC34D6Y4KNXVA', 'TKTQQTNSZXWY97M6PX8']),
    ('MONTHLY-2026-12', '87270107-3739-852e-ac9a-a7d03d23983d', '54', 'COUPON_REDEMPTION', interval '-20 days',
     ARRAY['TKTMCX11TV9T9S114Y2', 'TKT4M8B9PA2N95FZVR0', 'TKT1C1Q7FPVEECKA57Y']),
    ('MONTHLY-2026-12', 'd6f13961-4f60-8dab-aa07-f80380051d68', '55', 'COUPON_REDEMPTION', interval '-20 days',
     ARRAY['TKTEXFEK0RHG0JG12NM', 'TKTYNRHJNXEQYNPFTBW', 'TKTGWV5STC6CHV34MNV']),
    ('MONTHLY-2026-12', '284c66ce-d7ca-84d4-85d3-058de6f53f8e', '56', 'COUPON_REDEMPTION', interval '-20 days',
     ARRAY['TKT4C3FBW03TGR3T96D', 'TKTMT9MYR9WQ3XB8B88', 'TKT219FG3KE9AE9GCS9']),
    ('MONTHLY-2026-12', 'f78a770b-53ff-87dd-a393-d2efa1d99c3e', '60', 'FREE_ENTRY', interval '-1 day',
     ARRAY['TKT4YSQ5F4GVYQA0KNN']),
    ('WEEKLY-2026-47', 'b29661be-4c69-854c-8d34-02fa4b7f6648', '51', 'COUPON_REDEMPTION', interval '-10 days',
     ARRAY['TKTV4VWF62P2D3HQ69Y', 'TKT6BS6Q5B9KADT9GDM']),
    ('WEEKLY-2026-47', 'c03e31c1-439d-8c9a-918f-e194c32f02bc', '57', 'PROMOTIONAL', interval '-9 days',
     ARRAY['TKTCMMNR8CXHBXZX3FR', 'TKT813F7DZAC44F83VP']),
    ('WEEKLY-2026-47', '2a8bd170-8baf-8c06-b06c-80615f563a07', '58', 'PROMOTIONAL', interval '-9 days',
     ARRAY['TKTVXNAERWJ430XJQ2T']),
    ('WEEKLY-2026-47', 'bd1dd769-2413-8bcb-acbb-28d1942c0ada', '59', 'PROMOTIONAL', interval '-9 days',
     ARRAY['TKT9G3PA1FQ5MHDGY60', 'TKT39FMDKEB7ZR273KQ', 'TKT9586RSZDCRC8FE3P'])
), entry AS (
    INSERT INTO raffle_schema.raffle_entries (raffle_id, issuance_id, user_id, source, entered_at)
    SELECT r.id, s.issuance_id::uuid, ('a0000000-0000-4000-8000-0000000000' || s.user_nn)::uuid, s.source,
           least(now(), r.closes_at + interval '6 days') + s.entered
      FROM sample AS s
      JOIN raffle_schema.raffles AS r ON r.raffle_code = s.raffle_code
     WHERE r.status = 'OPEN'
        ON CONFLICT (raffle_id, issuance_id) DO NOTHING
    RETURNING id, raffle_id, issuance_id, user_id
)
INSERT INTO raffle_schema.raffle_tickets (raffle_id, entry_id, ticket_number, user_id)
SELECT e.raffle_id, e.id, n.ticket_number, e.user_id
  FROM entry AS e
  JOIN sample AS s ON s.issuance_id::uuid = e.issuance_id
 CROSS JOIN LATERAL unnest(s.ticket_numbers) AS n (ticket_number);

-- WEEKLY-2026-47 was closed, frozen, drawn and won, really: all that verifies a draw verifies this one. Its round is the
-- test beacon's and its operator's key is in no key ring: everybody may know it, raffle/publishing.py seals by it.
-- Adjacent pieces of text are one text.
UPDATE raffle_schema.raffles
   SET status = 'CLOSED', closed_at = closes_at
 WHERE status = 'OPEN' AND raffle_code = 'WEEKLY-2026-47';

INSERT INTO raffle_schema.draw_leaf_pages (draw_number, page_number, first_entry_hash, range_start, leaves, entry_ids)
SELECT 1, 0, (array_agg(e.entry_hash ORDER BY e.entry_hash))[1], 0,
       string_agg(CASE e.source WHEN 'COUPON_REDEMPTION' THEN '\x01'::bytea ELSE '\x03'::bytea END
                  || e.entry_hash || e.owner_tag || substring(int8send(e.range_start) FROM 4) || int4send(1),
                  ''::bytea ORDER BY e.entry_hash),
       string_agg(int8send(e.id), ''::bytea ORDER BY e.entry_hash)
  FROM (SELECT i.id, i.raffle_id, i.source, i.entry_hash, i.owner_tag,
               row_number() OVER (PARTITION BY i.raffle_id ORDER BY i.entry_hash) - 1 AS range_start
          FROM raffle_schema.raffle_entries AS i) AS e
  JOIN raffle_schema.raffles AS r ON r.id = e.raffle_id AND r.raffle_code = 'WEEKLY-2026-47' AND r.status = 'CLOSED'
 WHERE NOT EXISTS (SELECT FROM raffle_schema.raffle_draws AS d WHERE d.chain_number = 1)
HAVING count(*) > 0;
INSERT INTO raffle_schema.draw_tiles (draw_number, level, tile_number, hashes)
SELECT p.draw_number, 1, 0, '\x598142c4e795337d889d54983aa5ca8ddaaba1ce825e2dbdb46dd9e293aca894'::bytea
  FROM raffle_schema.draw_leaf_pages AS p
 WHERE p.draw_number = 1 AND NOT EXISTS (SELECT FROM raffle_schema.raffle_draws AS d WHERE d.chain_number = 1);
INSERT INTO raffle_schema.raffle_draws (
    raffle_id, chain_number, entry_count, ticket_count, participant_count, merkle_root, manifest, manifest_signature,
    signing_key_id, beacon_chain_sha256, beacon_round, beacon_round_at, frozen_at)
SELECT r.id, 1, 4, 8, 4, '\x598142c4e795337d889d54983aa5ca8ddaaba1ce825e2dbdb46dd9e293aca894'::bytea,
       convert_to(
           '{"alternates":1,"beacon":{"chain_hash":"9a177d0d6480baa317ed7e20e722f0ffa96c18a2af5ad09f9f2f983ded3f'
           '9aee","genesis_time":1735689600,"group_hash":"701cdd59543d735db6c6d8951f4fd3561659cfd9d1c91874ef538c'
           '4f3160752d","id":"gasolinera-test","period_s":1,"public_key":"9380581759ef251cc747990c3754627197dff6'
           '9e6bddd5d62a6475d1ec18626ae6441c1956b481f8122d8ddcb61ed3ea0ae7619d9f1e3868c4326ded321dd329ba18ddc9fa'
           '577b150474db057ee44eb282db7376502d05adb446d30f43b53c51","round":59205601,"round_at":"2026-11-17T06:0'
           '0:00Z","scheme":"bls-unchained-g1-rfc9380"},"draw_number":1,"entries":{"leaves":4,"list_sha256":"b2d'
           'b0db6403f548148cc00573681ab8cbdf7842ad875bc3403f727cee36df5ac","owners":4,"root":"598142c4e795337d88'
           '9d54983aa5ca8ddaaba1ce825e2dbdb46dd9e293aca894","tickets":8,"weight":4},"evidence":{"gap_s":600,"quo'
           'rum":1,"required":false,"witnesses":[]},"excluded":{"entries":0,"sha256":"e3b0c44298fc1c149afbf4c899'
           '6fb92427ae41e4649b934ca495991b7852b855"},"format":"gasolinera-draw-manifest-1","frozen_at":"2026-11-'
           '16T06:01:00Z","one_prize_per_owner":true,"operator":{"key_id":1,"public_key":"62a9a6e47808444bf25965'
           '93ab1181142aa7213bdde4cfc058cbb93d550af2d2"},"previous":null,"prizes":[{"currency":"MXN","name":"Com'
           'bustible por 8,000 pesos","quantity":1,"rank":1,"type":"FUEL_CREDIT","value":"8000.00"}],"raffle":{"'
           'algorithm":"RANDOM","closes_at":"2026-11-16T06:00:00Z","code":"WEEKLY-2026-47","name":"Sorteo semana'
           'l 47","opens_at":"2026-11-09T06:00:00Z","permit_number":"SEGOB-WEEKLY-2026-47","terms_sha256":"5a2b1'
           '39b18b3d41b92f6f3e035372a9b7bf3f55318bf8a8dcf6bc914d227fdb0","terms_version":"1.0","type":"PROMOTION'
           'AL"},"rules":1,"weights":null}',
           'UTF8'),
       decode('3b2aaf42d27a5faa5b9fa0c1eaf45f6ce8205b22d5fc2ab4f0026bcc0a110a36'
              '4098bad2ec35a0a476ae2f0774340674c1be43d1efe315f9d384e8091fc4db02', 'hex'),
       '1', '\x9a177d0d6480baa317ed7e20e722f0ffa96c18a2af5ad09f9f2f983ded3f9aee'::bytea, 59205601,
       r.draw_at, r.closes_at + interval '1 minute'
  FROM raffle_schema.raffles AS r
 WHERE r.raffle_code = 'WEEKLY-2026-47' AND r.status = 'CLOSED'
   AND NOT EXISTS (SELECT FROM raffle_schema.raffle_draws AS d WHERE d.raffle_id = r.id);

UPDATE raffle_schema.raffles
   SET status = 'DRAWING', drawing_at = draw_at
 WHERE status = 'CLOSED' AND raffle_code = 'WEEKLY-2026-47';

UPDATE raffle_schema.raffle_draws AS d
   SET status = 'DRAWN', blocks_read = 2,
       beacon_signature = '\x91c6ea16b7692e4bbf9f14ab217b1c851e9dd097e8760a21d4101e34735e353bf6f0a2376acf6272c63e470a7444b373'::bytea,
       randomness = '\xa4324c314aa0acf247e3af71212871dfaf85c2846d754888c4162d1f72c1efdb'::bytea,
       drawn_at = d.beacon_round_at + interval '10 seconds'
  FROM raffle_schema.raffles AS r
 WHERE r.id = d.raffle_id AND r.raffle_code = 'WEEKLY-2026-47' AND d.status = 'FROZEN';

INSERT INTO raffle_schema.draw_positions (draw_number, draw_position, block_number, point, leaf_index, ticket_number)
SELECT 1, s.draw_position, s.block_number, s.point, s.leaf_index, s.ticket_number
  FROM (VALUES (1, 0, 1, 1, 'TKT39FMDKEB7ZR273KQ'), (2, 1, 0, 0, 'TKT6BS6Q5B9KADT9GDM'))
       AS s (draw_position, block_number, point, leaf_index, ticket_number)
  JOIN raffle_schema.raffles AS r ON r.raffle_code = 'WEEKLY-2026-47' AND r.status = 'DRAWING'
 WHERE NOT EXISTS (SELECT FROM raffle_schema.draw_positions AS p WHERE p.draw_number = 1);
INSERT INTO raffle_schema.draw_consulted_leaves (draw_number, leaf_index)
SELECT 1, s.leaf_index
  FROM (VALUES (0), (1)) AS s (leaf_index)
  JOIN raffle_schema.raffles AS r ON r.raffle_code = 'WEEKLY-2026-47' AND r.status = 'DRAWING'
 WHERE NOT EXISTS (SELECT FROM raffle_schema.draw_consulted_leaves AS c WHERE c.draw_number = 1);

INSERT INTO raffle_schema.raffle_winners
       (raffle_id, draw_id, draw_position, ticket_id, user_id, prize_id, unit_number, status, claim_deadline)
SELECT r.id, d.id, s.position, t.id, t.user_id, p.id, s.unit_number, s.status, now() + s.claim_within
  FROM (VALUES
        (1, 'TKT39FMDKEB7ZR273KQ', 1, 1, 'SELECTED', interval '25 days'),
        (2, 'TKT6BS6Q5B9KADT9GDM', NULL, NULL, 'ALTERNATE', NULL)
       ) AS s (position, ticket_number, rank, unit_number, status, claim_within)
  JOIN raffle_schema.raffles AS r ON r.raffle_code = 'WEEKLY-2026-47' AND r.status = 'DRAWING'
  JOIN raffle_schema.raffle_draws AS d ON d.raffle_id = r.id AND d.status = 'DRAWN'
  JOIN raffle_schema.raffle_tickets AS t ON t.raffle_id = r.id AND t.ticket_number = s.ticket_number
  LEFT JOIN raffle_schema.raffle_prizes AS p ON p.raffle_id = r.id AND p.rank = s.rank
 WHERE NOT EXISTS (SELECT FROM raffle_schema.raffle_winners AS w WHERE w.draw_id = d.id);

UPDATE raffle_schema.raffles
   SET status = 'COMPLETED', completed_at = draw_at + interval '1 hour'
 WHERE status = 'DRAWING' AND raffle_code = 'WEEKLY-2026-47';

-- The winner has been told and has claimed the prize.
UPDATE raffle_schema.raffle_winners AS w
   SET status = 'NOTIFIED'
  FROM raffle_schema.raffles AS r
 WHERE r.id = w.raffle_id AND r.raffle_code = 'WEEKLY-2026-47' AND w.draw_position = 1 AND w.status = 'SELECTED';
UPDATE raffle_schema.raffle_winners AS w
   SET status = 'CLAIMED'
  FROM raffle_schema.raffles AS r
 WHERE r.id = w.raffle_id AND r.raffle_code = 'WEEKLY-2026-47' AND w.draw_position = 1 AND w.status = 'NOTIFIED'
   AND w.claim_deadline > now();

-- What staff sees of the claim: the identity is not confirmed yet.
INSERT INTO raffle_schema.prize_claims (winner_id, claimed_by, public_name, needs_second)
SELECT w.id, w.user_id::text, 'A•••• R.', false
  FROM raffle_schema.raffle_winners AS w
  JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id
 WHERE r.raffle_code = 'WEEKLY-2026-47' AND w.status = 'CLAIMED'
    ON CONFLICT ON CONSTRAINT prize_claims_pk DO NOTHING;

-- The employees of the station service's sample data, who take no part.
INSERT INTO raffle_schema.employments (employee_number, user_id, is_active, as_of)
SELECT 'EMP' || to_char(n, 'FM000000'), ('a0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, true,
       now() - interval '60 days'
  FROM (SELECT generate_series(21, 44) UNION ALL VALUES (11), (12), (13)) AS e (n)
    ON CONFLICT ON CONSTRAINT employments_pk DO NOTHING;

-- What the auth service's sample data have besides active customers, as that service tells it.
INSERT INTO raffle_schema.account_states (user_id, is_active, is_erased, role, as_of)
SELECT ('a0000000-0000-4000-8000-' || lpad(a.number::text, 12, '0'))::uuid, a.is_active, false, a.role,
       now() - interval '60 days'
  FROM (SELECT n, true, 'EMPLOYEE' FROM generate_series(21, 44) AS n
         UNION ALL
        VALUES (1, true, 'SYSTEM_ADMIN'), (11, true, 'STATION_ADMIN'), (12, true, 'STATION_ADMIN'),
               (13, true, 'STATION_ADMIN'), (71, false, 'CUSTOMER')) AS a (number, is_active, role)
    ON CONFLICT ON CONSTRAINT account_states_pk DO NOTHING;
