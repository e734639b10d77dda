"""Rounds of redemptions at half of what the machine can do, by turns with and without the cleaning beside them."""

import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from threading import Event

from bench.cleanup.place import DATABASE, TABLE, Platform, rows_left
from bench.http.running import Measured, pgbench
from bench.redemptions.script import script
from gasolinera.ops.cleaning import CleanedRule, Cleaning, clean
from gasolinera.ops.cleaning_batches import Pace
from gasolinera.ops.cleaning_rules import Rule

CLIENTS = 16
_MOST_PER_CLIENT_S = 70
_WARM_UP_S = 10
_SETTLE_S = 2


@dataclass(frozen=True)
class Found:
    """Rounds without the cleaning, and with it; `per_second`: redemptions that were asked for."""

    per_second: float
    quiet: list[Measured]
    disturbed: list[Measured]
    rule: CleanedRule
    working_s: float
    left: int

    @property
    def quiet_p99_ms(self) -> float:
        return median(one.result.p99_ms for one in self.quiet)

    @property
    def disturbed_p99_ms(self) -> float:
        return median(one.result.p99_ms for one in self.disturbed)


class Cleaner:
    """The cleaning in a thread of its own, which works while `goes` is set and waits between two batches else."""

    def __init__(self, platform: Platform, rest: float) -> None:
        self._goes = Event()
        self._platform = platform
        self._rest = rest
        self._began = 0.0
        self.working_s = 0.0
        self._pool = ThreadPoolExecutor(1)
        self._result: Future[Cleaning] = self._pool.submit(self._clean)

    @property
    def is_done(self) -> bool:
        return self._result.done()

    def go(self) -> None:
        self._began = time.monotonic()
        self._goes.set()

    def wait(self) -> None:
        self._goes.clear()
        self.working_s += time.monotonic() - self._began

    def end(self) -> CleanedRule:
        self._goes.set()
        (rule,) = self._result.result().rules
        self._pool.shutdown()
        return rule

    def _clean(self) -> Cleaning:
        self._goes.wait()
        return clean(
            self._platform.operations,
            services=["redemption"],
            table=TABLE,
            pace=Pace(rest=self._rest),
            told=self._pause,
        )

    def _pause(self, _rule: Rule, _rows: int, _expected: int | None) -> None:
        self._goes.wait()


def measure(platform: Platform, *, pairs: int, seconds: int, rest: float) -> Found:
    """Until everything is cleaned; after so many pairs no quiet rounds are held any more."""
    _redeem(platform, _WARM_UP_S, None)
    per_second = _redeem(platform, seconds, None).per_second / 2
    quiet: list[Measured] = []
    disturbed: list[Measured] = []
    cleaner = Cleaner(platform, rest)
    while not cleaner.is_done:
        if len(quiet) < pairs:
            time.sleep(_SETTLE_S)
            quiet.append(_told("quiet", _redeem(platform, seconds, per_second)))
        cleaner.go()
        one = _redeem(platform, seconds, per_second)
        cleaner.wait()
        if not cleaner.is_done or not disturbed:  # one in which the cleaning ended is half a quiet one
            disturbed.append(_told("cleaning", one))
    rule = cleaner.end()
    return Found(per_second, quiet, disturbed, rule, cleaner.working_s, rows_left(platform))


def _redeem(platform: Platform, seconds: int, per_second: float | None) -> Measured:
    each = seconds * _MOST_PER_CLIENT_S + 1
    first = platform.stock.unsigned(each * CLIENTS)[0] - 1
    known = ["-D", "n=0", "-D", f"first={first}", "-D", f"each={each}"]
    if per_second is not None:
        known += ["-R", f"{per_second:.1f}"]  # latencies count from when a redemption was due
    return pgbench(platform.server, DATABASE, script(), CLIENTS, seconds, known, user="bench")


def _told(name: str, one: Measured) -> Measured:
    sys.stderr.write(
        f"{name}: {one.per_second:.0f}/s, p50 {one.result.p50_ms:.1f} ms, p99 {one.result.p99_ms:.1f} ms\n"
    )
    return one
