"""`python -m bench.wallet [--coupons N] [--requests N] [--output FILE]`: a full wallet beside its bare query."""

import argparse
import asyncio
import os
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from uuid import UUID

import asyncpg
import httpx
import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench.screens.place import REPOSITORY, Place, open_place
from gasolinera.config import Environment
from gasolinera.coupon.codes import new_codes
from gasolinera.database import load_sql
from gasolinera.web.cookies import session_cookie_name

_PAGE = REPOSITORY / "docs" / "reference" / "wallet-benchmarks.md"
_SQL = load_sql("gasolinera.coupon", "queries_pages_wallet.sql")["wallet_ready"]
_ANA = UUID("a0000000-0000-4000-8000-000000000051")
_PHONE = "+525551000051"
_CAMPAIGNS = 20
_PROMISED_MS = 15
_FIRST = 20  # requests that fill caches and plans
_TAKE_AWAY = "UPDATE coupon_schema.coupons SET user_id = NULL WHERE user_id = %s AND status = 'ACTIVE'"
_MAKE_CAMPAIGNS = """
INSERT INTO coupon_schema.campaigns (campaign_code, name, status, discount_type, discount_value, minimum_purchase,
    currency, time_zone, valid_from, valid_until, weekdays, fuel_types, station_scope, budget_amount, created_by,
    approved_by, approved_at)
SELECT 'BENCH_' || n, 'Bench ' || n, 'ACTIVE', 'PERCENTAGE', 5 + n, n * 10, 'MXN', 'America/Mexico_City',
       now() - interval '1 day', now() + interval '90 days',
       CASE n %% 3 WHEN 0 THEN '{6,7}' ELSE '{1,2,3,4,5,6,7}' END::smallint[],
       CASE n %% 4 WHEN 0 THEN '{PREMIUM}' ELSE '{REGULAR,PREMIUM,DIESEL}' END::text[],
       CASE n %% 5 WHEN 0 THEN 'LISTED' ELSE 'ALL' END, 100000, 'a0000000-0000-4000-8000-000000000011',
       'a0000000-0000-4000-8000-000000000001', now()
  FROM generate_series(1, %s) AS n
"""
_MAKE_STATIONS = """
INSERT INTO coupon_schema.campaign_stations (campaign_id, station_code)
SELECT g.id, 'JSM00' || n FROM coupon_schema.campaigns AS g CROSS JOIN generate_series(1, 9) AS n
 WHERE g.campaign_code LIKE 'BENCH%%' AND g.station_scope = 'LISTED'
"""
_MAKE_COUPONS = """
INSERT INTO coupon_schema.coupons (coupon_code, campaign_id, user_id, discount_type, discount_value, minimum_purchase,
    currency, raffle_tickets, valid_from, valid_until)
SELECT c.code, g.id, %s, g.discount_type, g.discount_value, g.minimum_purchase, g.currency, 1, g.valid_from,
       g.valid_until - c.place * interval '7 hours'
  FROM unnest(%s::text[]) WITH ORDINALITY AS c (code, place)
  JOIN coupon_schema.campaigns AS g ON g.campaign_code = 'BENCH_' || 1 + c.place %% %s
"""


class Times(msgspec.Struct, frozen=True):
    p10_ms: float
    p50_ms: float
    p95_ms: float


class Found(msgspec.Struct, frozen=True):
    """`cpu_ms`: what the serving process works for one page, however long it has to wait for a processor."""

    page: Times
    query: Times
    nothing: Times
    size: int
    cpu_ms: float


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench.wallet", description=__doc__)
    arguments.add_argument("--coupons", type=int, default=200)
    arguments.add_argument("--requests", type=int, default=400)
    arguments.add_argument("--output", type=Path, default=_PAGE)
    chosen = arguments.parse_args()
    busy = os.getloadavg()[0]
    with open_place() as place:
        _fill(place, chosen.coupons)
        found = asyncio.run(_measure(place, chosen.coupons, chosen.requests))
    text = _rendered(found, chosen.coupons, chosen.requests, busy)
    chosen.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _fill(place: Place, coupons: int) -> None:
    """Ana's wallet has so many, and no others."""
    with psycopg.connect(place.conninfo) as conn:
        conn.execute(
            "UPDATE coupon_schema.coupons SET user_id = NULL WHERE user_id = %s AND status = 'ACTIVE'", (_ANA,)
        )
        conn.execute(_MAKE_CAMPAIGNS, (_CAMPAIGNS,))
        conn.execute(_MAKE_STATIONS)
        conn.execute(_MAKE_COUPONS, (_ANA, new_codes(coupons), _CAMPAIGNS))
    with psycopg.connect(place.conninfo, autocommit=True) as conn:
        conn.execute("ANALYZE coupon_schema.coupons, coupon_schema.campaigns, coupon_schema.campaign_stations")


async def _measure(place: Place, coupons: int, requests: int) -> Found:
    """One after the other, in turn, so that what else the machine does falls on all alike."""
    cookies = {session_cookie_name(Environment.TEST): place.session(_PHONE)}
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    there = conninfo_to_dict(place.conninfo)
    conn = await asyncpg.connect(
        host=str(there["host"]), port=int(there["port"] or 5432), user=str(there["user"]), database=str(there["dbname"])
    )
    query = await conn.prepare(_SQL)
    times: dict[str, list[float]] = {"page": [], "query": [], "nothing": []}
    size = 0
    headers = {"cookie": header, "accept": "text/html"}
    async with httpx.AsyncClient(base_url=place.url, headers=headers, timeout=60) as client:
        for _ in range(requests + _FIRST):
            began = perf_counter()
            answer = await client.get("/wallet")
            times["page"].append(perf_counter() - began)
            assert answer.text.count('<li><a href="/wallet/') == coupons, answer.text
            size = len(answer.content)
            began = perf_counter()
            rows = await query.fetch(_ANA, None, 0, 201, None)
            times["query"].append(perf_counter() - began)
            assert len(rows) == coupons, "the query gives what the page shows"
            began = perf_counter()
            await client.get("/health/live")
            times["nothing"].append(perf_counter() - began)
        before = _cpu_of_children_ms()
        for _ in range(requests):
            await client.get("/wallet")
        cpu_ms = (_cpu_of_children_ms() - before) / requests
    await conn.close()
    return Found(size=size, cpu_ms=cpu_ms, **{name: _times(spent[_FIRST:]) for name, spent in times.items()})


def _cpu_of_children_ms() -> float:
    """Of the process that serves, which is this one's child; PostgreSQL is its own."""
    ticks = 0
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def _times(spent: list[float]) -> Times:
    cuts = statistics.quantiles(spent, n=100)
    return Times(cuts[9] * 1000, cuts[49] * 1000, cuts[94] * 1000)


def _rendered(found: Found, coupons: int, requests: int, busy: float) -> str:
    page, query, nothing = found.page, found.query, found.nothing
    kept = "yes" if page.p50_ms <= _PROMISED_MS else "no"
    return f"""# The wallet's time

Written by `make bench-wallet` on {datetime.now(UTC):%Y-%m-%d}; {requests} requests of each kind in turn, one at a time,
over one connection; client, server and PostgreSQL share {os.cpu_count()} cores, on which {busy:.1f} others ran when it
began (load average): read the ratios.

A wallet of {coupons} coupons of {_CAMPAIGNS} campaigns, all on one page of {found.size / 1000:.1f} kB. *Bare query*:
the page's own statement, prepared, through asyncpg, rows fetched and not looked at. *No page*: `/health/live` over the
same connection, which is the way there and back.

| what | p10, ms | p50, ms | p95, ms | p50 to the bare query |
| --- | ---: | ---: | ---: | ---: |
| page | {page.p10_ms:.1f} | {page.p50_ms:.1f} | {page.p95_ms:.1f} | {page.p50_ms / query.p50_ms:.1f} |
| bare query | {query.p10_ms:.1f} | {query.p50_ms:.1f} | {query.p95_ms:.1f} | 1 |
| no page | {nothing.p10_ms:.1f} | {nothing.p50_ms:.1f} | {nothing.p95_ms:.1f} | {nothing.p50_ms / query.p50_ms:.1f} |

For one page the serving process works {found.cpu_ms:.1f} ms, however long it waits for a processor.

| measure | promised | measured | kept |
| --- | --- | --- | --- |
| a wallet of {coupons} coupons, median, seen from its client | {_PROMISED_MS} ms | {page.p50_ms:.1f} | {kept} |
"""


if __name__ == "__main__":
    main()
