-- Sample data of the ad engine, for development and tests: three invented brands, their campaigns and advertisements,
-- views of the sample redemptions. Loading it again changes nothing. Parents are looked up by their public references.

SELECT ad_schema.ensure_month_partitions(partitioned.name, ((now() - interval '10 days') AT TIME ZONE 'UTC')::date,
           (now() AT TIME ZONE 'UTC')::date + 1)
  FROM (VALUES ('ad_engagement_events'), ('ad_analytics')) AS partitioned (name);

INSERT INTO ad_schema.advertisers (advertiser_code, name, contact_name, contact_email)
VALUES
    ('REFRESCO-LUNA', 'Refrescos Luna', 'Mariana Ponce', 'mariana.ponce@refrescosluna.example'),
    ('LLANTAS-TECOLOTE', 'Llantas Tecolote', 'Raúl Zamora', 'raul.zamora@llantastecolote.example'),
    ('BANCO-CENZONTLE', 'Banco Cenzontle', 'Irene Salas', 'irene.salas@bancocenzontle.example')
ON CONFLICT (advertiser_code) DO NOTHING;

INSERT INTO ad_schema.ad_campaigns (campaign_code, advertiser_id, name, description, status, starts_at, ends_at,
    time_zone, priority, pacing, total_budget, daily_budget, cost_per_engagement, currency, frequency_cap,
    frequency_period, max_bonus_tickets, created_by)
SELECT sample.campaign_code, advertiser.id, sample.name, sample.description, sample.status,
       date_trunc('day', now()) - interval '20 days', date_trunc('day', now()) + sample.days_left * interval '1 day',
       'America/Mexico_City', sample.priority, sample.pacing, sample.total_budget, sample.daily_budget,
       sample.cost_per_engagement, 'MXN', sample.frequency_cap, sample.frequency_period, sample.max_bonus_tickets,
       'a0000000-0000-4000-8000-000000000011'
  FROM (VALUES
    ('ADC-REFRESCO', 'REFRESCO-LUNA', 'Luna de limón', 'Refresco de limón, verano todo el año', 'ACTIVE', 60, 8, 'EVEN',
        20000.00, 1000.00, 1.50, 5, 'DAY', 100),
    ('ADC-LLANTAS', 'LLANTAS-TECOLOTE', 'Agarre de noche', 'Llantas para lluvia y carretera', 'ACTIVE', 45, 6, 'ASAP',
        12000.00, NULL, 2.25, 3, 'WEEK', 50),
    ('ADC-BANCO', 'BANCO-CENZONTLE', 'Cuenta sin vueltas', 'Cuenta de ahorro sin comisiones', 'PAUSED', 90, 4, 'EVEN',
        30000.00, 800.00, 1.00, 2, 'MONTH', 20)
  ) AS sample (campaign_code, advertiser_code, name, description, status, days_left, priority, pacing, total_budget,
        daily_budget, cost_per_engagement, frequency_cap, frequency_period, max_bonus_tickets)
  JOIN ad_schema.advertisers AS advertiser USING (advertiser_code)
ON CONFLICT (campaign_code) DO NOTHING;

INSERT INTO ad_schema.ad_campaign_targets (campaign_id, dimension, value, is_excluded)
SELECT campaign.id, sample.dimension, sample.value, sample.is_excluded
  FROM (VALUES
    ('ADC-REFRESCO', 'LANGUAGE', 'es', false),
    ('ADC-REFRESCO', 'STATION', 'JSM012', true),
    ('ADC-LLANTAS', 'STATION', 'JSM003', false),
    ('ADC-LLANTAS', 'STATION', 'JSM004', false),
    ('ADC-LLANTAS', 'FUEL_TYPE', 'PREMIUM', false),
    ('ADC-LLANTAS', 'FUEL_TYPE', 'DIESEL', false),
    ('ADC-BANCO', 'CITY', 'Ciudad de México', false),
    ('ADC-BANCO', 'STATE', 'Jalisco', false),
    ('ADC-BANCO', 'SEGMENT', 'FREQUENT', false)
  ) AS sample (campaign_code, dimension, value, is_excluded)
  JOIN ad_schema.ad_campaigns AS campaign USING (campaign_code)
ON CONFLICT (campaign_id, dimension, value) DO NOTHING;

INSERT INTO ad_schema.ad_campaign_windows (campaign_id, weekday, from_time, until_time)
SELECT campaign.id, day.weekday, '06:00', '22:00'
  FROM ad_schema.ad_campaigns AS campaign
 CROSS JOIN generate_series(1, 5) AS day (weekday)
 WHERE campaign.campaign_code = 'ADC-BANCO'
ON CONFLICT (campaign_id, weekday, from_time) DO NOTHING;

INSERT INTO ad_schema.advertisements (public_id, campaign_id, title, ad_format, body_text, media_url, media_sha256,
    media_type, media_bytes, click_url, duration_s, skip_after_s, ticket_multiplier, content_rating, languages, status,
    submitted_at, approval_status, reviewed_by, reviewed_at, rejection_reason, created_by)
SELECT sample.public_id::uuid, campaign.id, sample.title, sample.ad_format, sample.body_text, sample.media_url,
       decode(sample.media_sha256, 'hex'),
       sample.media_type, sample.media_bytes, sample.click_url, sample.duration_s, sample.skip_after_s,
       sample.ticket_multiplier, 'EVERYONE', sample.languages::text[], sample.status, now() - interval '19 days 2 hours',
       sample.approval_status,
       CASE WHEN sample.approval_status <> 'PENDING' THEN 'a0000000-0000-4000-8000-000000000001'::uuid END,
       CASE WHEN sample.approval_status <> 'PENDING' THEN now() - interval '19 days' END,
       sample.rejection_reason, 'a0000000-0000-4000-8000-000000000011'
  FROM (VALUES
    -- the media are those of R__91
    ('ad100000-0000-4000-8000-000000000001', 'ADC-REFRESCO', 'Luna de limón: la playa', 'VIDEO', NULL, NULL,
        '2f7b9cb6c1eb3c4b72f559bd271c1f50cf2a08e96148486be866bbf3c1238da5', 'video/webm',
        14393, 'https://www.refrescosluna.example/limon', 15, 5, 2, '{es}', 'ACTIVE', 'APPROVED', NULL),
    ('ad100000-0000-4000-8000-000000000002', 'ADC-REFRESCO', 'Luna de limón: el vaso', 'IMAGE', NULL, NULL,
        'c299452f6f0da2de1fa9fdd5b02f4a2e5ab19c2da45e4f61678a76ce02dda008', 'image/png',
        1140, 'https://www.refrescosluna.example/limon', 10, 5, 1, '{es,en}', 'ACTIVE', 'APPROVED', NULL),
    ('ad100000-0000-4000-8000-000000000003', 'ADC-LLANTAS', 'Elige tu llanta', 'INTERACTIVE', NULL, NULL,
        '388f715800019036efb640f873738ff185845d35129c5f0543d0fd39312587ad', 'text/html',
        703, 'https://www.llantastecolote.example/elige', 30, 10, 3, '{es}', 'ACTIVE', 'APPROVED', NULL),
    ('ad100000-0000-4000-8000-000000000004', 'ADC-LLANTAS', 'Suena la lluvia', 'AUDIO', NULL, NULL,
        '8625e266b2bf0cb3ba88d616ac5c771adf69e8f314964dcdfa6d213e596c08bc', 'audio/wav',
        20044, NULL, 5, NULL, 2, '{es}', 'DRAFT', 'PENDING', NULL),
    ('ad100000-0000-4000-8000-000000000005', 'ADC-BANCO', 'Cuenta sin vueltas', 'TEXT',
        'Abre tu cuenta en cinco minutos, sin comisiones y sin filas.', NULL, NULL, NULL,
        NULL, 'https://www.bancocenzontle.example/cuenta', 10, 5, 1, '{es}', 'ACTIVE', 'APPROVED', NULL),
    ('ad100000-0000-4000-8000-000000000006', 'ADC-BANCO', 'Rendimiento de cuento', 'VIDEO', NULL,
        'https://cdn.bancocenzontle.example/rendimiento.webm',
        'a3f5d9c1e6b7408f92d4c5b6a7980f1e2d3c4b5a69788796a5b4c3d2e1f00112', 'video/webm',
        6120000, NULL, 60, 15, 5, '{es}', 'DRAFT', 'REJECTED', 'Promete un rendimiento sin decir sus condiciones')
  ) AS sample (public_id, campaign_code, title, ad_format, body_text, media_url, media_sha256, media_type, media_bytes,
        click_url, duration_s, skip_after_s, ticket_multiplier, languages, status, approval_status, rejection_reason)
  JOIN ad_schema.ad_campaigns AS campaign USING (campaign_code)
ON CONFLICT (public_id) DO NOTHING;

-- None of these views earned bonus tickets: the completed ones were of advertisements that multiply by one, or were
-- watched without a redemption.
INSERT INTO ad_schema.ad_engagements (public_id, advertisement_id, user_id, transaction_reference, station_code, status,
    started_at, finished_at, clicked_at, quartile, watched_s, completion_percentage, base_tickets, cost, budget_shard,
    quality_score, fraud_score)
SELECT sample.public_id::uuid, advertisement.id, sample.user_id::uuid, sample.transaction_reference,
       sample.station_code, sample.status, began.started_at,
       CASE WHEN sample.status <> 'STARTED' THEN began.started_at + sample.watched_s * interval '1 second' END,
       CASE WHEN sample.is_clicked THEN began.started_at + interval '7 seconds' END,
       sample.quartile, sample.watched_s, sample.completion_percentage, sample.base_tickets,
       CASE WHEN sample.status = 'COMPLETED' THEN campaign.cost_per_engagement ELSE 0 END,
       CASE WHEN sample.status = 'COMPLETED' THEN 0 END, sample.quality_score, sample.fraud_score
  FROM (VALUES
    ('ad000000-0000-4000-8000-000000000001', 'ad100000-0000-4000-8000-000000000002',
        'a0000000-0000-4000-8000-000000000051', 'RDM-20261101-000001', 'JSM001', 'COMPLETED',
        4, 4, 10.0, 100.00, 3, true, 92, 2),
    ('ad000000-0000-4000-8000-000000000002', 'ad100000-0000-4000-8000-000000000001',
        'a0000000-0000-4000-8000-000000000052', 'RDM-20261101-000002', 'JSM002', 'SKIPPED',
        4, 1, 5.5, 36.60, 3, false, 35, 4),
    ('ad000000-0000-4000-8000-000000000003', 'ad100000-0000-4000-8000-000000000003',
        'a0000000-0000-4000-8000-000000000053', 'RDM-20261101-000003', 'JSM003', 'FAILED',
        3, 0, 1.2, 4.00, 3, false, NULL, NULL),
    ('ad000000-0000-4000-8000-000000000004', 'ad100000-0000-4000-8000-000000000003',
        'a0000000-0000-4000-8000-000000000054', NULL, 'JSM004', 'COMPLETED',
        3, 4, 30.0, 100.00, 0, true, 97, 1),
    ('ad000000-0000-4000-8000-000000000005', 'ad100000-0000-4000-8000-000000000002',
        'a0000000-0000-4000-8000-000000000055', 'RDM-20261101-000005', 'JSM005', 'COMPLETED',
        2, 3, 8.5, 85.00, 3, false, 71, 45),
    ('ad000000-0000-4000-8000-000000000006', 'ad100000-0000-4000-8000-000000000001',
        'a0000000-0000-4000-8000-000000000056', 'RDM-20261101-000006', 'JSM006', 'EXPIRED',
        1, 2, 8.0, 53.30, 3, false, NULL, NULL)
  ) AS sample (public_id, advertisement_public_id, user_id, transaction_reference, station_code, status, days_ago,
        quartile, watched_s, completion_percentage, base_tickets, is_clicked, quality_score, fraud_score)
  JOIN ad_schema.advertisements AS advertisement ON advertisement.public_id = sample.advertisement_public_id::uuid
  JOIN ad_schema.ad_campaigns AS campaign ON campaign.id = advertisement.campaign_id
 CROSS JOIN LATERAL (SELECT now() - sample.days_ago * interval '1 day' AS started_at) AS began
ON CONFLICT (public_id) DO NOTHING;

INSERT INTO ad_schema.ad_view_tokens (token_hash, advertisement_id, user_id, transaction_reference, created_at,
    expires_at, consumed_at, engagement_id)
SELECT sha256(convert_to('sample view token of ' || engagement.public_id, 'UTF8')), engagement.advertisement_id,
       engagement.user_id, engagement.transaction_reference, engagement.started_at - interval '4 seconds',
       engagement.started_at + interval '10 minutes', engagement.started_at, engagement.id
  FROM ad_schema.ad_engagements AS engagement
 WHERE engagement.public_id::text LIKE 'ad000000-0000-4000-8000-%'
ON CONFLICT (token_hash) DO NOTHING;

INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, position_s, created_at)
SELECT engagement.id, step.event_type, step.position_s,
       engagement.started_at + step.position_s * interval '1 second'
  FROM ad_schema.ad_engagements AS engagement
 CROSS JOIN LATERAL (VALUES
    ('START', 0::numeric, true),
    ('FIRST_QUARTILE', engagement.duration_s * 0.25, engagement.quartile >= 1),
    ('MIDPOINT', engagement.duration_s * 0.5, engagement.quartile >= 2),
    ('THIRD_QUARTILE', engagement.duration_s * 0.75, engagement.quartile >= 3),
    ('COMPLETE', engagement.watched_s, engagement.status = 'COMPLETED'),
    ('SKIP', engagement.watched_s, engagement.status = 'SKIPPED'),
    ('ERROR', engagement.watched_s, engagement.status = 'FAILED'),
    ('EXPIRE', engagement.watched_s, engagement.status = 'EXPIRED'),
    ('CLICK', extract(epoch FROM engagement.clicked_at - engagement.started_at), engagement.clicked_at IS NOT NULL)
  ) AS step (event_type, position_s, is_reached)
 WHERE engagement.public_id::text LIKE 'ad000000-0000-4000-8000-%'
   AND step.is_reached
   AND NOT EXISTS (
        SELECT FROM ad_schema.ad_engagement_events AS known WHERE known.engagement_id = engagement.id);

-- The sample redemptions, as their events would have told of them; they may be multiplied from now on, so that somebody
-- who tries it out has something to multiply.
INSERT INTO ad_schema.ad_redemptions (transaction_reference, user_id, base_tickets, station_code, fuel_type,
    bonus_until, steps_completed)
SELECT sample.transaction_reference, sample.user_id::uuid, sample.base_tickets, sample.station_code, sample.fuel_type,
       now() + interval '2 days',
       (SELECT count(*) FROM ad_schema.ad_engagements AS engagement
         WHERE engagement.transaction_reference = sample.transaction_reference AND engagement.status = 'COMPLETED')
  FROM (VALUES
    ('RDM-20261101-000001', 'a0000000-0000-4000-8000-000000000051', 3, 'JSM001', 'REGULAR'),
    ('RDM-20261101-000002', 'a0000000-0000-4000-8000-000000000052', 3, 'JSM002', 'PREMIUM'),
    ('RDM-20261101-000003', 'a0000000-0000-4000-8000-000000000053', 3, 'JSM003', 'REGULAR'),
    ('RDM-20261101-000004', 'a0000000-0000-4000-8000-000000000054', 3, 'JSM004', 'DIESEL'),
    ('RDM-20261101-000005', 'a0000000-0000-4000-8000-000000000055', 3, 'JSM005', 'REGULAR'),
    ('RDM-20261101-000006', 'a0000000-0000-4000-8000-000000000056', 3, 'JSM006', 'PREMIUM'),
    ('RDM-20261101-000007', 'a0000000-0000-4000-8000-000000000051', 2, 'JSM007', 'PREMIUM')
  ) AS sample (transaction_reference, user_id, base_tickets, station_code, fuel_type)
ON CONFLICT (transaction_reference) DO NOTHING;

INSERT INTO ad_schema.ad_networks (network_code, advertiser_id, keys_url)
SELECT 'tecolote', advertiser.id, 'https://keys.llantastecolote.example/keys.json'
  FROM ad_schema.advertisers AS advertiser WHERE advertiser.advertiser_code = 'LLANTAS-TECOLOTE'
ON CONFLICT (network_code) DO NOTHING;

-- One of them waits for a person: hardly anybody could have seen it, and the player said nothing while it ran.
INSERT INTO ad_schema.ad_view_reviews (engagement_id, fraud_score, findings, created_at)
SELECT engagement.id, 45, '{"HIDDEN": 20, "SILENT": 25}', engagement.finished_at
  FROM ad_schema.ad_engagements AS engagement
 WHERE engagement.public_id = 'ad000000-0000-4000-8000-000000000005'
ON CONFLICT (engagement_id) DO NOTHING;

-- The figures of their days, as the job makes them.
SELECT ad_schema.fold_analytics(100000) WHERE EXISTS (SELECT FROM ad_schema.ad_analytics_changes);

-- Four shares of each total budget; the first has paid the completed views above.
INSERT INTO ad_schema.ad_campaign_budget_shards (campaign_id, budget_date, shard, allotted, spent)
SELECT campaign.id, NULL, part.shard, campaign.total_budget / 4,
       CASE WHEN part.shard = 0 THEN paid.cost ELSE 0 END
  FROM ad_schema.ad_campaigns AS campaign
 CROSS JOIN generate_series(0, 3) AS part (shard)
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(engagement.cost), 0) AS cost
      FROM ad_schema.ad_engagements AS engagement
      JOIN ad_schema.advertisements AS advertisement ON advertisement.id = engagement.advertisement_id
     WHERE advertisement.campaign_id = campaign.id
 ) AS paid
 WHERE campaign.campaign_code IN ('ADC-REFRESCO', 'ADC-LLANTAS', 'ADC-BANCO')
ON CONFLICT (campaign_id, budget_date, shard) DO NOTHING;
