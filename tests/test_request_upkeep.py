"""The job that forgets answers and windows deletes what is old, in every service that keeps any, and nothing else."""

import asyncio
from typing import Any

import psycopg
import pytest

from gasolinera.config import Settings, schema_of
from gasolinera.database import open_database
from gasolinera.request_upkeep import request_upkeep_job


@pytest.mark.parametrize("service", ["auth", "station"])
def test_old_windows_and_answers_are_forgotten(
    service: str, settings: Settings, admin: psycopg.Connection[Any]
) -> None:
    schema = schema_of(service)
    admin.execute(
        f"""
        INSERT INTO {schema}.idempotency_keys (key_hash, fingerprint, status, answer, created_at)
        SELECT sha256(n::text::bytea), sha256('x'), 200, 'x', now() - n * interval '24 hours 31 minutes'
          FROM generate_series(0, 3) AS n;
        INSERT INTO {schema}.rate_limits (limit_name, subject, window_s, window_start, max_requests)
        SELECT 'codes', sha256('x'), 3600, date_trunc('hour', now()) - n * interval '1 day', 1
          FROM generate_series(0, 3) AS n
        """.encode()
    )

    async def run() -> str:
        async with open_database(settings, service) as database:
            return await request_upkeep_job(service, schema).run(database, {})

    assert asyncio.run(run()) == "forgot 4 answers and windows of limits"
    for table in ("idempotency_keys", "rate_limits"):
        assert admin.execute(f"SELECT count(*) FROM {schema}.{table}".encode()).fetchone() == (2,), table
