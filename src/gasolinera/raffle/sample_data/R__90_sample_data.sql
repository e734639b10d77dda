-- Sample raffles for development and tests, in each state, loaded through the states and triggers that real ones pass.
-- The issuances and ticket numbers are those of the redemption service's sample data.

INSERT INTO raffle_schema.raffles (
    raffle_code, name, description, raffle_type, selection_algorithm, opens_at, closes_at, draw_at,
    max_tickets_per_user, alternate_count, organizer, permit_number, terms_version, terms_sha256, terms_url)
SELECT s.raffle_code, s.name, s.description, s.raffle_type, s.algorithm, now() + s.opens, now() + s.closes,
       now() + s.draws, s.max_tickets, s.alternates, 'Gasolinera JSM', 'SEGOB-' || s.raffle_code, '1.0',
       sha256(convert_to('Bases del sorteo ' || s.raffle_code, 'UTF8')),
       'https://gasolinera-jsm.example/sorteos/' || lower(s.raffle_code)
  FROM (VALUES
        ('MONTHLY-2026-12', 'Sorteo mensual de diciembre', 'Combustible para todo el mes.', 'STANDARD', 'MERKLE_TREE',
         interval '-25 days', interval '20 days', interval '21 days', 100, 5),
        ('NEWYEAR-2027', 'Gran sorteo de Año Nuevo', 'Empieza el año con el tanque lleno.', 'SPECIAL_EVENT',
         'PROVABLY_FAIR', interval '-5 days', interval '39 days', interval '40 days', NULL, 10),
        ('VIP-2026', 'Sorteo para clientes VIP', 'Solo para clientes VIP.', 'PREMIUM', 'WEIGHTED',
         interval '10 days', interval '40 days', interval '41 days', 50, 3),
        ('WEEKLY-2026-47', 'Sorteo semanal 47', 'Cada semana un ganador.', 'PROMOTIONAL', 'RANDOM',
         interval '-13 days', interval '-6 days', interval '-5 days', 15, 1),
        ('ANNIVERSARY-2026', 'Sorteo de aniversario', 'A beneficio de la Cruz Roja.', 'CHARITY', 'MERKLE_TREE',
         interval '-15 days', interval '15 days', interval '16 days', 20, 2)
       ) AS s (raffle_code, name, description, raffle_type, algorithm, opens, closes, draws, max_tickets, alternates)
    ON CONFLICT (raffle_code) DO NOTHING;

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
           now() + s.entered
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

-- WEEKLY-2026-47 was closed, frozen, drawn and won. The evidence has the right shape and is not that of a real draw.
UPDATE raffle_schema.raffles
   SET status = 'CLOSED', closed_at = closes_at
 WHERE status = 'OPEN' AND raffle_code = 'WEEKLY-2026-47';

UPDATE raffle_schema.raffle_entries AS e
   SET leaf_index = o.leaf_index,
       range_start = o.range_start,
       owner_tag = substr(sha256(convert_to('WEEKLY-2026-47 ' || e.user_id, 'UTF8')), 1, 16)
  FROM (SELECT x.id, row_number() OVER canonical - 1 AS leaf_index,
               sum(x.ticket_count) OVER canonical - x.ticket_count AS range_start
          FROM raffle_schema.raffle_entries AS x
          JOIN raffle_schema.raffles AS r ON r.id = x.raffle_id
         WHERE r.raffle_code = 'WEEKLY-2026-47' AND r.status = 'CLOSED' AND x.ticket_count > 0
        WINDOW canonical AS (ORDER BY x.issuance_id)) AS o
 WHERE o.id = e.id AND e.leaf_index IS NULL;

INSERT INTO raffle_schema.raffle_draws (
    raffle_id, chain_number, entry_count, ticket_count, participant_count, merkle_root, manifest, manifest_signature,
    signing_key_id, beacon_chain_sha256, beacon_round, beacon_round_at, frozen_at)
SELECT r.id, 1, 4, 8, 4, sha256('sample root'::bytea),
       convert_to('{"draw": 1, "raffle": "WEEKLY-2026-47", "sample": true, "tickets": 8}', 'UTF8'),
       sha256('sample'::bytea) || sha256('signature'::bytea), 'sample', sha256('sample beacon'::bytea), 657413,
       r.draw_at, r.closes_at + interval '1 minute'
  FROM raffle_schema.raffles AS r
 WHERE r.raffle_code = 'WEEKLY-2026-47' AND r.status = 'CLOSED'
   AND NOT EXISTS (SELECT FROM raffle_schema.raffle_draws AS d WHERE d.raffle_id = r.id);

UPDATE raffle_schema.raffles
   SET status = 'DRAWING', drawing_at = draw_at
 WHERE status = 'CLOSED' AND raffle_code = 'WEEKLY-2026-47';

UPDATE raffle_schema.raffle_draws AS d
   SET status = 'DRAWN',
       beacon_signature = substr(sha256('sample'::bytea) || sha256('beacon'::bytea), 1, 48),
       randomness = sha256(substr(sha256('sample'::bytea) || sha256('beacon'::bytea), 1, 48)),
       drawn_at = d.beacon_round_at + interval '10 seconds'
  FROM raffle_schema.raffles AS r
 WHERE r.id = d.raffle_id AND r.raffle_code = 'WEEKLY-2026-47' AND d.status = 'FROZEN';

INSERT INTO raffle_schema.raffle_winners
       (raffle_id, draw_id, draw_position, ticket_id, user_id, prize_id, unit_number, status, claim_deadline)
SELECT r.id, d.id, s.position, t.id, t.user_id, p.id, s.unit_number, s.status, now() + s.claim_within
  FROM (VALUES
        (1, 'TKT39FMDKEB7ZR273KQ', 1, 1, 'SELECTED', interval '25 days'),
        (2, 'TKTV4VWF62P2D3HQ69Y', NULL, NULL, 'ALTERNATE', NULL)
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
