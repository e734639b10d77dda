"""What grows old in redemptions goes, in batches, and nothing else does."""

import asyncio

import psycopg
import pytest
from psycopg import errors

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.redemption import jobs

Admin = psycopg.Connection[tuple[int, ...]]


def run(settings: Settings, name: str) -> str:
    (job,) = (job for job in jobs.JOBS if job.name == name)

    async def once() -> str:
        async with open_database(settings, "redemption") as db:
            return await job.run(db, {})

    return asyncio.run(once())


def test_refused_codes_go_after_ninety_days_in_batches(
    settings: Settings, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_FORGOTTEN_AT_ONCE", 3)
    admin.execute(
        "SELECT redemption_schema.ensure_month_partitions("
        "'code_refusals', (now() - interval '1 year')::date, now()::date)"
    )
    refused = (
        "INSERT INTO redemption_schema.code_refusals (code_sha256, reason, device_id, created_at)"
        " SELECT sha256('x'), 'INVALID_CODE', 'phone', now() - make_interval(days => d) FROM unnest(%s::int[]) AS d"
    )
    admin.execute(refused.encode(), ([300, 200, 150, 120, 100, 95, 91, 89, 30, 0],))
    assert run(settings, "redemption.forget_refused_codes") == "7 refused codes forgotten"
    left = admin.execute("SELECT count(*) FROM redemption_schema.code_refusals WHERE device_id = 'phone'").fetchone()
    assert left == (3,)
    assert run(settings, "redemption.forget_refused_codes") == "0 refused codes forgotten"
    with pytest.raises(errors.RestrictViolation):
        admin.execute("DELETE FROM redemption_schema.code_refusals")


def test_redemptions_and_points_lose_their_addresses_after_a_year_and_nothing_else(
    settings: Settings, admin: Admin
) -> None:
    aged = "created_at = created_at - interval '400 days', ip_address = '203.0.113.7', user_agent = 'old phone'"
    admin.execute("SET session_replication_role = replica")
    admin.execute(f"UPDATE redemption_schema.redemptions SET {aged}".encode())
    admin.execute(f"UPDATE redemption_schema.points_ledger SET {aged}, expires_at = NULL".encode())
    admin.execute("SET session_replication_role = origin")
    tables = ("redemptions", "points_ledger")
    kept = [
        f"SELECT id, to_jsonb(a) - ARRAY['ip_address', 'user_agent', 'updated_at'] FROM redemption_schema.{table} AS a"
        " ORDER BY id"
        for table in tables
    ]
    before = [admin.execute(query.encode()).fetchall() for query in kept]
    assert all(before), "the sample has some of both"
    run(settings, "redemption.forget_addresses")
    assert [admin.execute(query.encode()).fetchall() for query in kept] == before
    for table in tables:
        left = f"SELECT count(ip_address), count(user_agent) FROM redemption_schema.{table}"
        assert admin.execute(left.encode()).fetchone() == (0, 0)


def test_leases_go_eight_days_after_their_end_unless_something_came_under_them_or_they_are_open(
    settings: Settings, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_FORGOTTEN_AT_ONCE", 2)
    admin.execute(
        "INSERT INTO redemption_schema.offline_chains (terminal_code, station_code, public_key)"
        " VALUES ('TRM000901', 'JSM001', sha256('a'))"
    )
    admin.execute(
        "INSERT INTO redemption_schema.offline_leases (terminal_code, first_sequence, last_sequence, created_at,"
        " expires_at, currency, max_amount, max_discount, max_count, max_total)"
        " SELECT 'TRM000901', 1, CASE WHEN days <> 30 THEN 0 END, now() - make_interval(days => days, hours => 1),"
        " now() - make_interval(days => days), 'MXN', 100, 10, 5, 50"
        " FROM unnest(ARRAY[30, 20, 12, 10, 9, 7, 0]) AS days"
    )
    admin.execute(
        "INSERT INTO redemption_schema.offline_redemptions (terminal_code, sequence, entry_sha256, entry, signature,"
        " lease_id, station_code, employee_number, fuel_type, amount, discount_amount, currency, used_at, status,"
        " reason) SELECT 'TRM000901', 1, sha256('e'), 'e', sha256('s') || sha256('s'), lease_id, 'JSM001', 'EMP000022',"
        " 'DIESEL', 100, 10, 'MXN', expires_at, 'CONFLICT', 'TOO_LATE' FROM redemption_schema.offline_leases"
        " WHERE now() - expires_at BETWEEN '19.9 days' AND '20.1 days'"
    )
    assert run(settings, "redemption.forget_offline_leases") == "3 leases forgotten"
    left = admin.execute(
        "SELECT extract(day FROM now() - expires_at)::int AS d FROM redemption_schema.offline_leases ORDER BY d"
    ).fetchall()
    assert left == [(0,), (7,), (20,), (30,)], "20: something came; 30: open"
