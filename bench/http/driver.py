"""The nearest stations through the driver alone: `python -m bench.http.driver` reads its plan from stdin.

What a request costs beyond this, the API adds.
"""

import asyncio
import re
import resource
import sys
import time

import asyncpg
import msgspec
import uvloop

from bench.http.stations import LIMIT, RADIUS_KM, Place
from gasolinera.station.queries import FIND_NEARBY

# Latitude, longitude, radius and limit; filters that nobody asks for.
_FILTERS = len(set(re.findall(r"\$[0-9]+", FIND_NEARBY))) - 4


class DriverPlan(msgspec.Struct, frozen=True):
    dsn: str
    seconds: float
    lanes: list[list[Place]]


class DriverResult(msgspec.Struct, frozen=True):
    requests: int
    seconds: float
    cpu_s: float
    p50_ms: float
    p99_ms: float


async def drive(plan: DriverPlan) -> DriverResult:
    async with asyncpg.create_pool(plan.dsn, min_size=len(plan.lanes), max_size=len(plan.lanes)) as pool:
        times: list[float] = []
        no_filters = [None] * _FILTERS
        began, cpu = time.perf_counter(), _cpu_s()

        async def lane(places: list[Place]) -> None:
            async with pool.acquire() as conn:
                at = 0
                while (start := time.perf_counter()) < began + plan.seconds:
                    latitude, longitude = places[at % len(places)]
                    await conn.fetchval(FIND_NEARBY, latitude, longitude, RADIUS_KM, LIMIT, *no_filters)
                    times.append(time.perf_counter() - start)
                    at += 1

        await asyncio.gather(*(lane(places) for places in plan.lanes))
        seconds, spent = time.perf_counter() - began, _cpu_s() - cpu
    times.sort()
    count = len(times)
    return DriverResult(count, seconds, spent, times[count // 2] * 1000, times[count * 99 // 100] * 1000)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=DriverPlan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(drive(plan))))


if __name__ == "__main__":
    main()
