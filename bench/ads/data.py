"""Ten thousand advertisements of two kinds, and views of them by the million."""

import psycopg

VIEWERS = 100_000
STATIONS = 400
# Each engagement is a row, and counts for its viewer as the service counts it. Triggers would take hours.
_ENGAGE = """
INSERT INTO ad_schema.ad_engagements (advertisement_id, user_id, station_code, status, started_at, finished_at,
    duration_s, completion_threshold_percent, quartile, watched_s, completion_percentage, ticket_multiplier,
    max_bonus_tickets, cost, currency, budget_shard)
SELECT ads.ids[1 + n %% array_length(ads.ids, 1)], ('00000000-0000-4000-8000-' || lpad((n %% %s)::text, 12, '0'))::uuid,
       'BEN' || n %% %s, 'COMPLETED', at.started, at.started + interval '10 seconds', 10, 80, 4, 10, 100, 2, 100, 1,
       'MXN', 0
  FROM generate_series(%s::bigint, %s::bigint - 1) AS n
 CROSS JOIN (SELECT array_agg(id ORDER BY id) AS ids FROM ad_schema.advertisements) AS ads
 CROSS JOIN LATERAL (SELECT now() - (n %% 2592000) * interval '1 second' AS started) AS at
"""
_COUNT = """
INSERT INTO ad_schema.ad_frequency_counters (campaign_id, user_id, period_start, engagement_count, engagement_cap)
SELECT a.campaign_id, e.user_id, date_trunc('day', e.started_at, c.time_zone), count(*), 1000
  FROM ad_schema.ad_engagements AS e
  JOIN ad_schema.advertisements AS a ON a.id = e.advertisement_id
  JOIN ad_schema.ad_campaigns AS c ON c.id = a.campaign_id
 GROUP BY 1, 2, 3
ON CONFLICT (campaign_id, user_id, period_start) DO UPDATE SET engagement_count = excluded.engagement_count
"""
_CAMPAIGNS = """
INSERT INTO ad_schema.ad_campaigns (campaign_code, advertiser_id, name, status, starts_at, ends_at, time_zone, priority,
    pacing, total_budget, daily_budget, cost_per_engagement, currency, frequency_cap, created_by)
SELECT 'BENCH-' || n, a.id, 'Bench ' || n, 'ACTIVE', now() - interval '10 days', now() + interval '300 days',
       CASE n %% 3 WHEN 0 THEN 'America/Costa_Rica' ELSE 'America/Mexico_City' END,
       CASE WHEN %s THEN 5 ELSE 1 + n %% 10 END, CASE WHEN n %% 2 = 0 THEN 'EVEN' ELSE 'ASAP' END, 9000000, 900000, 1,
       'MXN', 5, '00000000-0000-4000-8000-000000000001'
  FROM generate_series(1, %s) AS n
 CROSS JOIN (SELECT min(id) AS id FROM ad_schema.advertisers) AS a
"""
_ADS = """
INSERT INTO ad_schema.advertisements (campaign_id, title, ad_format, body_text, duration_s, languages, status,
    approval_status, reviewed_by, reviewed_at, created_by)
SELECT c.id, 'Bench ' || k, 'TEXT', 'Bench', 10, '{es}', 'ACTIVE', 'APPROVED',
       '00000000-0000-4000-8000-000000000002', now(), '00000000-0000-4000-8000-000000000001'
  FROM ad_schema.ad_campaigns AS c CROSS JOIN generate_series(1, %s) AS k
"""
# Of four campaigns one is for some stations, one for a city but not a fuel, one for some hours, one for everybody.
_TARGETS = """
INSERT INTO ad_schema.ad_campaign_targets (campaign_id, dimension, value, is_excluded)
SELECT c.id, 'STATION', 'BEN' || (c.id * 7 + k * 13) %% %s, false
  FROM ad_schema.ad_campaigns AS c CROSS JOIN generate_series(1, 20) AS k WHERE c.id %% 4 = 0
UNION ALL
SELECT c.id, t.dimension, t.value, t.is_excluded
  FROM ad_schema.ad_campaigns AS c
 CROSS JOIN (VALUES ('CITY', 'Puebla', false), ('FUEL_TYPE', 'DIESEL', true)) AS t (dimension, value, is_excluded)
 WHERE c.id %% 4 = 1
ON CONFLICT DO NOTHING
"""
_WINDOWS = """
INSERT INTO ad_schema.ad_campaign_windows (campaign_id, weekday, from_time, until_time)
SELECT c.id, d, '06:00', '22:00' FROM ad_schema.ad_campaigns AS c CROSS JOIN generate_series(1, 7) AS d
 WHERE c.id %% 4 = 2
"""
_DEAL = """
INSERT INTO ad_schema.ad_campaign_budget_shards (campaign_id, budget_date, shard, allotted, spent)
SELECT c.id, b.day, s, CASE WHEN b.day IS NULL THEN c.total_budget ELSE c.daily_budget END / 16, b.spent
  FROM ad_schema.ad_campaigns AS c
 CROSS JOIN LATERAL (VALUES
    (NULL::date, 100), ((now() AT TIME ZONE c.time_zone)::date, CASE WHEN c.id %% 10 = 0 THEN 56000 ELSE 1 END)
 ) AS b (day, spent)
 CROSS JOIN generate_series(0, 15) AS s
"""


def make_ads(conn: psycopg.Connection, count: int, *, all_alike: bool) -> None:
    """All alike: a campaign each, one priority, for everybody. Else four a campaign, ten priorities, targeted."""
    conn.execute(
        "INSERT INTO ad_schema.advertisers (advertiser_code, name) VALUES ('BENCH', 'Bench') ON CONFLICT DO NOTHING"
    )
    campaigns = count if all_alike else count // 4
    conn.execute(_CAMPAIGNS, (all_alike, campaigns))
    conn.execute(_ADS, (1 if all_alike else 4,))
    if not all_alike:
        conn.execute(_TARGETS, (STATIONS,))
        conn.execute(_WINDOWS.replace("%%", "%").encode())
    conn.execute(_DEAL.replace("%%", "%").encode())
    conn.commit()


def spend_all(conn: psycopg.Connection) -> None:
    """Each campaign is over its day, and serving has not heard of it."""
    conn.execute("UPDATE ad_schema.ad_campaign_budget_shards SET spent = allotted WHERE budget_date IS NOT NULL")
    conn.execute("UPDATE ad_schema.ad_serving SET closed_until = '-infinity'")
    conn.commit()


def engage(conn: psycopg.Connection, have: int, wanted: int) -> None:
    conn.execute("SET session_replication_role = replica")
    for start in range(have, wanted, 500_000):
        conn.execute(_ENGAGE, (VIEWERS, STATIONS, start, min(wanted, start + 500_000)))
        conn.commit()
    conn.execute(_COUNT.encode())
    conn.commit()
    conn.execute("SET session_replication_role = origin")
    conn.commit()


def settle(conn: psycopg.Connection) -> None:
    conn.commit()
    conn.autocommit = True
    conn.execute("VACUUM ANALYZE")
    conn.autocommit = False
