"""The numbers as a page of the documentation."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from bench.redemptions.data import CAMPAIGNS, STATIONS, USERS
from bench.redemptions.scenarios import CLIENTS, Bench, Found

_NAMES: Mapping[str, str] = {
    "one_worker": "`gasolinera serve`, one worker",
    "pgbench": "pgbench: the same statements and commits",
    "two_workers": "`gasolinera serve --workers 2`",
    "half_rate": "one worker, at half of its rate",
    "size_small": "pgbench, few redemptions",
    "size_large": "pgbench, many redemptions",
}

Row = tuple[str, str, str, str]


def render(bench: Bench, found: Found, times_ms: Mapping[str, float]) -> str:
    """`times_ms`: of each statement, for one client that is alone."""
    amounts = " and ".join(f"{count:,}" for count in bench.counts.values())
    return "\n".join(
        [
            "# Redemption benchmarks",
            "",
            "`make bench-redemptions` measures these again and writes this page. Clients, server and PostgreSQL share",
            "one machine. Rounds of what is compared alternate; a figure is their median. Where the time goes:",
            "[performance](../explanation/performance.md).",
            "",
            f"- Date: {datetime.now(UTC):%Y-%m-%d}; {bench.rounds} rounds of {bench.seconds} s; {os.cpu_count()} cores",
            f"- Coupons, each redeemed once within four weeks, with tickets, logs and counters: {amounts}; {USERS:,}",
            f"  drivers, {STATIONS:,} stations, {CAMPAIGNS} campaigns",
            f"- {CLIENTS} clients; each redemption is of a fresh coupon",
            "",
            "## What was promised, and what is",
            "",
            "| measure | promised | measured | kept |",
            "| --- | --- | --- | --- |",
            *(f"| {' | '.join(row)} |" for row in _promises(found)),
            "",
            "## All figures",
            "",
            "CPU is that of all processes of the worker's and of PostgreSQL's tree, by `/proc`, divided by",
            "redemptions. For pgbench the worker is pgbench itself. Cores: how many worker and PostgreSQL used",
            "together. Pages: how many PostgreSQL looked at.",
            "",
            "| what | redemptions/s | p50, ms | p99, ms | CPU worker, µs | CPU PostgreSQL, µs | cores | pages |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
            *(_row(name, found) for name in found),
            "",
            "## Each statement",
            "",
            "What one client of pgbench waits for, alone on the machine; each commits, but for the first two.",
            "",
            "| statement | ms |",
            "| --- | ---: |",
            *(f"| `{name}` | {ms:.2f} |" for name, ms in times_ms.items()),
            "",
            "## How it is measured",
            "",
            "- Through HTTP: `POST /api/redemptions` with the code of this moment as a wallet shows it, which the",
            "  worker verifies, an employee's access token, an idempotency key, litres, price, dispenser and device.",
            "  All limits, all fraud rules, the audit logs and the outboxes are on; campaigns have limits, budgets,",
            "  hours, listed stations, and limits of each user in all and in a month.",
            "- Through pgbench: the statements of the service's own query files, prepared, each a transaction of its",
            "  own, in the order in which the service sends them, with what one of them answers passed on to the next.",
            "  Its account has the rights of the services' accounts and no others.",
            "- The load comes from one process with its own event loop and no client library. At half of the rate",
            "  requests are sent when they are due, and one that waited counts from then.",
            "- PostgreSQL 18 has 4 GB of buffers and a long interval between checkpoints; commits wait for the disk.",
            "  Vacuums are off while it is measured.",
            "- Rows of the past are loaded in bulk; each has the size and the spread of a real one. The indexes are in",
            "  the system's memory, as on a server that has run for some days.",
            "",
        ]
    )


def _promises(found: Found) -> list[Row]:
    rows: list[Row] = []
    one, bare, two = found.get("one_worker"), found.get("pgbench"), found.get("two_workers")
    if one and bare and two:
        share, cpu = one.per_second / bare.per_second, one.worker_us / one.postgres_us
        better = two.per_second / one.per_second
        rows += [
            ("redemptions/s, one worker", ">= 0.5 x pgbench", f"{share:.2f} x", _kept(share >= 0.5)),
            ("CPU of the worker", "<= 1.0 x PostgreSQL's", f"{cpu:.2f} x", _kept(cpu <= 1.0)),
            ("redemptions/s, two workers", ">= one worker", f"{better:.2f} x", _kept(better >= 1.0)),
        ]
    if half := found.get("half_rate"):
        tail = half.p99_ms / half.p50_ms
        rows.append(("p99 at half of the rate", "<= 10 x p50", f"{tail:.1f} x", _kept(tail <= 10)))
    few, many = found.get("size_small"), found.get("size_large")
    if few and many and one:
        alone = many.postgres_us / few.postgres_us
        whole = (many.postgres_us + one.worker_us) / (few.postgres_us + one.worker_us)
        rows += [
            ("CPU of PostgreSQL, many redemptions", "<= 1.3 x few", f"{alone:.3f} x", _kept(alone <= 1.3)),
            ("the same and the worker's", "<= 1.3 x few", f"{whole:.3f} x", _kept(whole <= 1.3)),
        ]
    return rows


def _kept(is_kept: bool) -> str:
    return "yes" if is_kept else "**no**"


def _row(name: str, found: Found) -> str:
    rounds = found[name]
    cores = rounds.of(lambda one: (one.worker_us + one.postgres_us) * one.per_second / 1e6)
    return (
        f"| {_NAMES[name]} | {rounds.per_second:,.0f} | {rounds.p50_ms:.1f} | {rounds.p99_ms:.1f} "
        f"| {rounds.worker_us:,.0f} | {rounds.postgres_us:,.0f} | {cores:.2f} | {rounds.pages:,.0f} |"
    )
