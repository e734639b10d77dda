"""The numbers as a page of the documentation."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from statistics import median

from bench.http.running import Measured
from bench.http.scenarios import CONNECTIONS, Bench, Found, Rounds
from bench.http.stations import LIMIT, RADIUS_KM

_NAMES: Mapping[str, str] = {
    "bare_sql": "pgbench: the bare index scan, flat map",
    "nearest_sql": "pgbench: the statement of the nearest stations",
    "one_worker": "`gasolinera serve`, nearest stations",
    "two_workers": "`gasolinera serve --workers 2`, nearest stations",
    "nearest": "the application with the constant route: nearest stations",
    "constant": "the same: a constant answer of that size",
    "driver": "the statement through the driver alone (asyncpg)",
    "observed": "nearest stations with metrics and logs",
    "unobserved": "nearest stations without",
    "refresh": "`POST /api/auth/refresh`",
    "refresh_sql": "pgbench: its statement, without BEGIN, context and COMMIT",
    "verify": "`POST /api/auth/login/verify`, a right code",
}

Row = tuple[str, str, str, str]


def render(bench: Bench, found: Found) -> str:
    return "\n".join(
        [
            "# HTTP benchmarks",
            "",
            "`make bench-http` measures these again and writes this page. Clients, server and PostgreSQL share one",
            "machine; PostgreSQL has its own defaults. Rounds of what is compared alternate; a figure is their median.",
            "",
            f"- Date: {datetime.now(UTC):%Y-%m-%d}; {bench.rounds} rounds of {bench.seconds} s",
            f"- Machine: {os.cpu_count()} cores; {CONNECTIONS} connections, each waits for its answer",
            f"- {bench.stations:,} active stations, {bench.source}; drivers ask within 11 km of thirty of them, radius",
            f"  {RADIUS_KM:.0f} km, at most {LIMIT} stations",
            "",
            "## What was promised, and what is",
            "",
            "| measure | promised | measured | kept |",
            "| --- | --- | --- | --- |",
            *(f"| {' | '.join(row)} |" for row in _promises(found)),
            "",
            "## All figures",
            "",
            "CPU is that of all processes of the worker's and of PostgreSQL's tree, by `/proc`, divided by requests.",
            "For pgbench the worker is pgbench itself.",
            "",
            "| what | requests/s | p50, ms | p99, ms | bytes | CPU worker, µs | CPU PostgreSQL, µs |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
            *(_row(_NAMES[name], rounds) for name, rounds in found.items()),
            "",
            "## How it is measured",
            "",
            "- The load comes from one process with its own event loop and no client library; it takes CPU of the same",
            "  cores, so requests/s are low and ratios of CPU are the figures to read.",
            "- The bare index scan selects the same columns and prices, ordered by the index on a flat map. The",
            "  platform's statement finds the nearest on the sphere and within the radius.",
            "- The constant route runs through the same layers and encodes the structs of one real answer each time.",
            "- Without metrics and logs: no line a request, no times of requests and statements, no gauge of pools.",
            "  With them, the log goes to a file. Turns of a second each; the share is the median of the pairs.",
            "",
        ]
    )


def _promises(found: Found) -> list[Row]:
    sql = found["nearest_sql"].postgres_us / found["bare_sql"].postgres_us
    constant = found["constant"].worker_us
    added = (found["nearest"].worker_us - found["driver"].worker_us) / constant
    whole_worker = found["nearest"].worker_us / constant
    pairs = list(zip(found["observed"].rounds, found["unobserved"].rounds, strict=True))
    own = median(with_them.worker_us / without.worker_us for with_them, without in pairs) - 1
    whole = median(_cpu_us(with_them) / _cpu_us(without) for with_them, without in pairs) - 1
    return [
        ("SQL of the nearest stations, CPU", "<= 1.5 x the bare index scan", f"{sql:.2f} x", _kept(sql <= 1.5)),
        (
            "CPU that the API adds to the driver's",
            "<= 1.3 x a constant answer of the same size",
            f"{added:.2f} x; with the driver's own {whole_worker:.2f} x",
            _kept(added <= 1.3),
        ),
        (
            "metrics and logs, CPU of a request",
            "<= 10 %",
            f"{whole:.1%} of the whole, {own:.1%} of the worker's",
            _kept(whole <= 0.1),
        ),
    ]


def _cpu_us(measured: Measured) -> float:
    return measured.worker_us + measured.postgres_us


def _kept(is_kept: bool) -> str:
    return "yes" if is_kept else "**no**"


def _row(name: str, rounds: Rounds) -> str:
    return (
        f"| {name} | {rounds.of(lambda one: one.per_second):,.0f} | {rounds.of(lambda one: one.result.p50_ms):.2f} "
        f"| {rounds.of(lambda one: one.result.p99_ms):.2f} | {rounds.of(lambda one: one.result.bytes_per_answer):,.0f} "
        f"| {rounds.worker_us:,.0f} | {rounds.postgres_us:,.0f} |"
    )
