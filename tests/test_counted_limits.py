"""Limits in the database hold for all processes together, and two requests never wait for each other in a ring."""

import asyncio
from collections.abc import Callable

import asyncpg
import pytest

from gasolinera.counted_limits import CountedLimit, CountedLimits
from gasolinera.errors import TooManyError

LIMITS = CountedLimits("station_schema")
DAY_S = 86_400


def limit(name: str, subject: str, quota: int) -> CountedLimit:
    return CountedLimit(name, subject, quota, DAY_S)


async def take(url: str, *limits: CountedLimit) -> bool:
    conn = await asyncpg.connect(url)
    try:
        async with conn.transaction():
            await LIMITS.take(conn, limits)
    except TooManyError as refused:
        return not 1 <= refused.retry_after_s <= DAY_S  # a wait that makes no sense would count as taken
    finally:
        await conn.close()
    return True


@pytest.fixture
def url(service_url: Callable[..., str]) -> str:
    return service_url("station")


def test_sixty_at_once_take_no_more_than_there_is(url: str) -> None:
    async def race() -> list[bool]:
        return list(await asyncio.gather(*(take(url, limit("codes", "+525512345678", 7)) for _ in range(60))))

    assert sum(asyncio.run(race())) == 7


def test_one_full_limit_spends_none_of_the_others(url: str) -> None:
    async def ask() -> list[bool]:
        narrow, wide = limit("narrow", "a", 1), limit("wide", "a", 2)
        return [
            await take(url, narrow, wide),
            await take(url, narrow, wide),
            await take(url, wide),
            await take(url, wide),
        ]

    assert asyncio.run(ask()) == [True, False, True, False]


def test_subjects_and_limits_are_counted_apart(url: str) -> None:
    async def ask() -> list[bool]:
        return [await take(url, limit(name, subject, 1)) for name in ("one", "two") for subject in ("a", "b")]

    assert asyncio.run(ask()) == [True] * 4


def test_requests_that_name_the_same_limits_in_another_order_do_not_deadlock(url: str) -> None:
    async def race() -> list[bool]:
        one, two = limit("one", "a", 1000), limit("two", "b", 1000)
        asks = [take(url, *((one, two) if number % 2 else (two, one))) for number in range(40)]
        return list(await asyncio.gather(*asks))

    assert asyncio.run(race()) == [True] * 40


def test_a_subject_is_kept_only_as_a_hash(url: str) -> None:
    async def look() -> list[asyncpg.Record]:
        await take(url, limit("codes", "+525512345678", 7))
        conn = await asyncpg.connect(url)
        try:
            return await conn.fetch("SELECT subject FROM station_schema.rate_limits")
        finally:
            await conn.close()

    assert [len(row["subject"]) for row in asyncio.run(look())] == [32]
