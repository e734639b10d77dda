"""The server, a raffle that takes tickets, and the messages of so many of them in its inbox."""

from pathlib import Path

import psycopg
from psycopg import sql

import vuelo
from gasolinera.ops import roles
from vuelo.embedded import Server

_CONFIG = Path(__file__).parents[2] / "vuelo.toml"
_RAFFLE = """
INSERT INTO raffle_schema.raffles (raffle_code, name, raffle_type, opens_at, closes_at, draw_at, organizer,
       permit_number, terms_version, terms_sha256, terms_url)
VALUES ('BENCH', 'Bench', 'STANDARD', now() - interval '2 days', now() + interval '1 day', now() + interval '2 days',
        'Us', 'P-1', '1', sha256('terms'), 'https://example.com/terms');
INSERT INTO raffle_schema.raffle_terms (raffle_id, version, body)
SELECT id, '1', 'terms' FROM raffle_schema.raffles WHERE raffle_code = 'BENCH';
INSERT INTO raffle_schema.raffle_prizes (raffle_id, rank, name, prize_type, prize_value, currency)
SELECT id, 1, 'Fuel', 'FUEL_CREDIT', 1000, 'MXN' FROM raffle_schema.raffles WHERE raffle_code = 'BENCH';
UPDATE raffle_schema.raffles SET status = 'OPEN' WHERE raffle_code = 'BENCH';
"""
# One person has three messages on average, and they come in no order.
_MESSAGES = """
INSERT INTO raffle_schema.inbox_events
       (event_id, consumer, event_type, aggregate_type, aggregate_key, event)
SELECT i.event_id, 'take_ticket_events', 'tickets.issued', 'issuance', i.issuance_id::text,
       jsonb_build_object(
           'specversion', '1.0', 'id', i.event_id, 'source', 'urn:gasolinera:redemption', 'type', 'tickets.issued',
           'subject', i.issuance_id, 'time', '2026-11-23T00:00:00Z', 'datacontenttype', 'application/json',
           'aggregatetype', 'issuance', 'schemaversion', 1, 'data', jsonb_build_object(
               'issuance_id', i.issuance_id,
               'user_id', md5('person ' || mod(n * 7919, greatest(%(events)s / 3, 1)))::uuid,
               'source', 'COUPON_REDEMPTION', 'count', %(each)s, 'raffle_code', 'BENCH',
               'entered_at', to_char((now() - interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
               'numbers', (SELECT jsonb_agg(redemption_schema.ticket_number(i.issuance_id, t))
                             FROM generate_series(1, %(each)s) AS t)))
  FROM generate_series(1, %(events)s) AS n
 CROSS JOIN LATERAL (SELECT gen_random_uuid() AS event_id, gen_random_uuid() AS issuance_id, n AS number) AS i
"""


def project(server: Server, name: str) -> vuelo.Project:
    return vuelo.Project.load(_CONFIG, environment="test", variables={"GASOLINERA_DATABASE_URL": server.url(name)})


def prepare(server: Server, events: int, each: int) -> None:
    """The database `made`, to be copied for each run."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE made")
    made = project(server, "made")
    roles.initialise(made)
    vuelo.migrate(made)
    with psycopg.connect(server.url("made"), autocommit=True) as conn:
        conn.execute(_RAFFLE)
        conn.execute(_MESSAGES, {"events": events, "each": each})
        conn.execute("VACUUM ANALYZE raffle_schema.inbox_events")


def clone(server: Server, name: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE made").format(sql.Identifier(name)))
        conn.execute("CHECKPOINT")  # nobody pays for what was written before
    roles.initialise(project(server, name))


def drop(server: Server, name: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
