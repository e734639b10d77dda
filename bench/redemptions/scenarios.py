"""What is measured. Rounds of what is compared alternate, so that what else the machine does falls on all of them."""

import re
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import UUID

import msgspec
import psycopg

from bench.http.running import (
    Measured,
    Served,
    measure,
    pgbench,
    postmaster_of,
    serving,
    statement_times_ms,
)
from bench.redemptions.data import EMPLOYEES, STATIONS, STRIDE, USERS, Stock, warm
from bench.redemptions.script import STATEMENTS, script
from gasolinera.config import load_settings
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from vuelo import embedded

CLIENTS = 32
_MOST_PER_CLIENT_S = 35  # coupons made for each second of a round; more than are redeemed
_MOST_ALONE_S = 600
_WARM_UP_S = 3
_WARM_UP_MANY_S = 15  # until what the statements share is in PostgreSQL's own memory


@dataclass(frozen=True)
class Bench:
    """The server, its two databases with few and with many redemptions, and how long everything is measured."""

    server: embedded.Server
    folder: Path
    counts: Mapping[str, int]
    stocks: Mapping[str, Stock]
    environments: Mapping[str, dict[str, str]]
    rounds: int
    seconds: int


class Rounds(msgspec.Struct, frozen=True):
    """All rounds of one measurement; a figure of them is the median. `buffers`: of PostgreSQL, each redemption."""

    rounds: list[Measured]
    buffers: list[float]

    def of(self, figure: Callable[[Measured], float]) -> float:
        return median(figure(one) for one in self.rounds)

    @property
    def per_second(self) -> float:
        return self.of(lambda one: one.per_second)

    @property
    def worker_us(self) -> float:
        return self.of(lambda one: one.worker_us)

    @property
    def postgres_us(self) -> float:
        return self.of(lambda one: one.postgres_us)

    @property
    def pages(self) -> float:
        return median(self.buffers)

    @property
    def p50_ms(self) -> float:
        return self.of(lambda one: one.result.p50_ms)

    @property
    def p99_ms(self) -> float:
        return self.of(lambda one: one.result.p99_ms)


Found = dict[str, Rounds]


def run_all(bench: Bench, names: set[str]) -> Found:
    """By name, which the page explains."""
    found: Found = {}
    # First: who has redeemed much in a short time is looked at more closely, which must not fall on one size alone.
    if names & {"size"} and "large" in bench.counts:
        found |= _by_size(bench)
        with psycopg.connect(bench.server.url(), autocommit=True) as conn:
            conn.execute("CHECKPOINT")  # the rest does not pay for what is to be written of it
    if names & {"http"}:
        found |= _through_http(bench)
    if names & {"half"}:
        found |= _at_half(bench, found["one_worker"].per_second)
    return found


def statement_times(bench: Bench) -> dict[str, float]:
    """Milliseconds of each statement of a redemption, by its name in the service's files: nobody else is there."""
    each = bench.seconds * _MOST_ALONE_S
    rounds: list[list[float]] = []
    for _ in range(bench.rounds):
        known = _known(bench.stocks["small"].unsigned(each)[0] - 1, each)
        rounds.append(statement_times_ms(bench.server, "small", script(), bench.seconds, known, user="bench"))
    return {name: median(times) for name, *times in zip(STATEMENTS, *rounds, strict=True)}


def _known(first: int, each: int) -> list[str]:
    return ["-D", "n=0", "-D", f"first={first}", "-D", f"each={each}"]


def _through_http(bench: Bench) -> Found:
    with _platform(bench, 1) as one, _platform(bench, 2) as two:
        tokens = _tokens(bench)
        for served in (one, two):
            _redeem(bench, served, tokens, seconds=_WARM_UP_S)()
        return _alternated(
            bench,
            {
                "one_worker": ("small", lambda: _redeem(bench, one, tokens)),
                "pgbench": ("small", lambda: _in_sql(bench, "small")),
                "two_workers": ("small", lambda: _redeem(bench, two, tokens)),
            },
        )


def _at_half(bench: Bench, per_second: float) -> Found:
    with _platform(bench, 1) as one:
        tokens = _tokens(bench)
        _redeem(bench, one, tokens, seconds=_WARM_UP_S)()
        each_s = CLIENTS / (per_second / 2)
        return _alternated(bench, {"half_rate": ("small", lambda: _redeem(bench, one, tokens, each_s=each_s))})


def _by_size(bench: Bench) -> Found:
    for name in bench.counts:
        warm(bench.server.url(name), bench.server.home / "data")
        _in_sql(bench, name, seconds=_WARM_UP_MANY_S)()
    works = {f"size_{name}": (name, lambda name=name: _in_sql(bench, name)) for name in bench.counts}
    return _alternated(bench, works)


# Makes what is redeemed; what it returns is measured.
Work = Callable[[], Callable[[], Measured]]


def _alternated(bench: Bench, works: Mapping[str, tuple[str, Work]]) -> Found:
    """`works`: by name, with the database that each works on."""
    found: Found = {name: Rounds([], []) for name in works}
    for _ in range(bench.rounds):
        for name, (database, work) in works.items():
            measured = work()
            before = _buffers(bench, database)
            one = measured()
            buffers = (_buffers(bench, database) - before) / one.result.requests
            found[name].rounds.append(one)
            found[name].buffers.append(buffers)
            sys.stderr.write(
                f"{name}: {one.per_second:.0f}/s, CPU {one.worker_us:.0f} + {one.postgres_us:.0f} us, "
                f"p50 {one.result.p50_ms:.1f} ms, p99 {one.result.p99_ms:.1f} ms, {buffers:.0f} buffers\n"
            )
    return found


def _buffers(bench: Bench, database: str) -> float:
    """Pages of tables and their indexes that the database's backends have looked at by now; none of the catalogue."""
    query = """
        SELECT sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0))
          FROM pg_statio_user_tables
    """
    with psycopg.connect(bench.server.url(database)) as conn:
        row = conn.execute(query).fetchone()
    assert row is not None
    return float(row[0])


def _in_sql(bench: Bench, database: str, seconds: int | None = None) -> Callable[[], Measured]:
    seconds = seconds or bench.seconds
    each = seconds * _MOST_PER_CLIENT_S + 1  # else all clients go through campaigns and shards in step
    first = bench.stocks[database].unsigned(each * CLIENTS)[0] - 1
    known = _known(first, each)
    return lambda: pgbench(bench.server, database, script(), CLIENTS, seconds, known, user="bench")


def _redeem(
    bench: Bench, served: Served, tokens: list[str], *, seconds: int | None = None, each_s: float | None = None
) -> Callable[[], Measured]:
    seconds = seconds or bench.seconds
    coupons = bench.stocks["small"].signed(seconds * _MOST_PER_CLIENT_S * CLIENTS, _keyring(bench))
    requests = [_request(number, shown, tokens[number % EMPLOYEES]) for number, shown in coupons]
    lanes = [requests[at::CLIENTS] for at in range(CLIENTS)]
    return lambda: measure(served, postmaster_of(bench.server), lanes, seconds, each_s=each_s)


def _request(number: int, shown: str, token: str) -> str:
    device = f"app-{number * STRIDE % USERS:016}"
    body = msgspec.json.encode(
        {
            "qr": shown,
            "fuel_type": "REGULAR",
            "litres": "20.000",
            "price_per_litre": "23.900",
            "dispenser_code": "D03",
            "device_id": device,
        }
    ).decode()
    return (
        f"POST /api/redemptions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {token}\r\nidempotency-key: bench-request-{number:012}\r\n"
        f"user-agent: gasolinera-terminal/1.0\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    )


def _tokens(bench: Bench) -> list[str]:
    """Of every employee; good for a quarter of an hour, so they are made when they are needed."""
    keyring, now = _keyring(bench), datetime.now(UTC)
    with psycopg.connect(bench.server.url("small")) as conn:
        rows = conn.execute(
            "SELECT employee_number, user_id, station_code FROM redemption_schema.employments"
        ).fetchall()
    callers = [
        Caller(role=Role.EMPLOYEE, user_id=UUID(str(user)), employee_number=number, station_code=station)
        for number, user, station in sorted(rows)
    ]
    assert len(callers) == EMPLOYEES == STATIONS
    return [issue_access_token(keyring, caller, now=now).token for caller in callers]


def _keyring(bench: Bench) -> Keyring:
    return load_keyring(load_settings(bench.environments["small"]))


@contextmanager
def _platform(bench: Bench, workers: int) -> Generator[Served]:
    command = ["gasolinera", "serve", "--workers", str(workers)]
    with serving(command, bench.environments["small"], bench.folder / "serve.log") as served:
        yield served


def known_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text))
