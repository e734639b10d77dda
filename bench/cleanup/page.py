"""The numbers as a page of the documentation."""

import os
from datetime import UTC, datetime
from statistics import median

from bench.cleanup.rounds import CLIENTS, Found
from bench.http.running import Measured


def render(found: Found, *, rows: int, coupons: int, seconds: int) -> str:
    ratio = found.disturbed_p99_ms / found.quiet_p99_ms
    cleaned = found.rule.rows or 0
    is_whole = cleaned == rows and not found.left
    longest_ms = 1000 * found.rule.longest_batch_s
    return f"""# Cleanup benchmarks

`make bench-cleanup` measures these again and writes this page. Redemptions come at half of the rate that the machine
can do, by turns with `gasolinera ops cleanup run` beside them and without; clients, cleaning and PostgreSQL share one
machine.

- Date: {datetime.now(UTC):%Y-%m-%d}; {len(found.quiet)} quiet rounds and {len(found.disturbed)} with the cleaning, of
  {seconds} s; {os.cpu_count()} cores
- {rows:,} answers under an Idempotency-Key whose time was over, {coupons:,} coupons redeemed within four weeks;
  {CLIENTS} clients, {found.per_second:.0f} redemptions/s

| measure | promised | measured | kept |
| --- | --- | --- | --- |
| p99 of redemptions beside the cleaning | <= 2.0 x undisturbed | {ratio:.2f} x | {_kept(ratio <= 2)} |
| rows that are gone | {rows:,} | {cleaned:,}, {found.left:,} left | {_kept(is_whole)} |

| rounds | redemptions/s | p50, ms | p99, ms | worst p99, ms |
| --- | ---: | ---: | ---: | ---: |
{_row("undisturbed", found.quiet)}
{_row("beside the cleaning", found.disturbed)}

The cleaning worked for {found.working_s:.0f} s: {cleaned / found.working_s:,.0f} rows/s in {found.rule.batches:,}
batches, the longest of {longest_ms:.0f} ms; it rested for {found.rule.rested_s:.0f} s of that.
"""


def _kept(is_kept: bool) -> str:
    return "yes" if is_kept else "**no**"


def _row(name: str, rounds: list[Measured]) -> str:
    per_second = median(one.per_second for one in rounds)
    p50 = median(one.result.p50_ms for one in rounds)
    p99 = median(one.result.p99_ms for one in rounds)
    worst = max(one.result.p99_ms for one in rounds)
    return f"| {name} | {per_second:,.0f} | {p50:.1f} | {p99:.1f} | {worst:.1f} |"
