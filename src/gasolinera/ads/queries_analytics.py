"""The only reader of `queries_analytics.sql`: one typed function a query."""

from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from gasolinera.ads.models_analytics import (
    NO_ADVERTISEMENT,
    AdBudget,
    AdChecked,
    AdDifference,
    AdFraudLine,
    AdLine,
    AdMeasure,
    Advertiser,
    By,
    Question,
)
from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql

_SQL = load_sql("gasolinera.ads", "queries_analytics.sql")
_FOLD = _SQL["fold_analytics"]
_READ = _SQL["read_figures"]
_RANK = _SQL["rank_advertisements"]
_BUDGETS = _SQL["read_budgets"]
_FRAUD = _SQL["read_fraud"]
_ADVERTISER = _SQL["find_advertiser"]
_ALLOW_HALF_AN_HOUR = _SQL["allow_half_an_hour"]
_CHECK = _SQL["check_figures"]
_CHECK_SPENT = _SQL["check_spent"]
_REBUILD = _SQL["rebuild_figures"]
_MEASURE = _SQL["measure"]

Key = tuple[date, str, str, UUID, str]
FraudKey = tuple[date, str, str, str]
_BEFORE_ALL: Key = (date.min, "", "", NO_ADVERTISEMENT, "")
_AFTER_ALL_DAYS: FraudKey = (date.max, "", "", "")
_Row = TypeVar("_Row", bound=msgspec.Struct)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """`age_s`: how old the figures are. The last five are views that started today, of UTC, and have ended."""

    running: int
    reviews: int
    age_s: float
    completed: int
    skipped: int
    failed: int
    abandoned: int
    rejected: int


async def fold(conn: Connection, limit: int) -> int:
    return await conn.fetchval(_FOLD, limit)


async def read(
    conn: Connection, question: Question, *, after: Key | None, limit: int
) -> tuple[datetime | None, list[AdLine]]:
    """How old the figures are, and their lines after that one."""
    records = await conn.fetch(
        _READ,
        question.first_day,
        question.last_day,
        question.advertiser_code,
        question.campaign_code,
        question.advertisement,
        By.DAY in question.by,
        By.ADVERTISER in question.by,
        By.CAMPAIGN in question.by,
        By.ADVERTISEMENT in question.by,
        *(after or _BEFORE_ALL),
        limit,
    )
    return records[0]["as_of"], [_of(AdLine, record) for record in records if record["currency"] is not None]


async def rank(
    conn: Connection, question: Question, *, currency: str | None, measure: AdMeasure, at_least: int, limit: int
) -> tuple[datetime | None, list[AdLine]]:
    """How old the figures are, and the best advertisements with so many starts."""
    records = await conn.fetch(
        _RANK,
        question.first_day,
        question.last_day,
        question.advertiser_code,
        question.campaign_code,
        currency,
        measure.value,
        at_least,
        limit,
    )
    return records[0]["as_of"], [_of(AdLine, record) for record in records if record["currency"] is not None]


async def budgets(
    conn: Connection, *, advertiser_code: str | None, status: str | None, after: tuple[str, str], limit: int
) -> list[AdBudget]:
    return await fetch_all(conn, AdBudget, _BUDGETS, advertiser_code, status, *after, limit)


async def fraud(conn: Connection, question: Question, *, after: FraudKey | None, limit: int) -> list[AdFraudLine]:
    return await fetch_all(
        conn,
        AdFraudLine,
        _FRAUD,
        question.first_day,
        question.last_day,
        question.advertiser_code,
        question.campaign_code,
        *(after or _AFTER_ALL_DAYS),
        limit,
    )


async def find_advertiser(conn: Connection, advertiser_code: str) -> Advertiser | None:
    return await fetch_optional(conn, Advertiser, _ADVERTISER, advertiser_code)


async def measure(conn: Connection) -> Measured:
    return await fetch_one(conn, Measured, _MEASURE)


async def check(conn: Connection, first_day: date, last_day: date, *, limit: int) -> AdChecked:
    await conn.execute(_ALLOW_HALF_AN_HOUR)
    records = await conn.fetch(_CHECK, first_day, last_day, limit)
    spent = await conn.fetch(_CHECK_SPENT, first_day, last_day, limit)
    return AdChecked(
        as_of=records[0]["as_of"],
        line_count=records[0]["line_count"],
        waiting_count=records[0]["waiting_count"],
        differences=tuple(_of(AdDifference, record) for record in (*records, *spent) if record["measure"] is not None),
    )


async def rebuild(conn: Connection, first_day: date, last_day: date) -> int:
    """How many lines these days have."""
    await conn.execute(_ALLOW_HALF_AN_HOUR)
    return await conn.fetchval(_REBUILD, first_day, last_day)


def _of(kind: type[_Row], record: Any) -> _Row:
    return msgspec.convert({name: record[name] for name in kind.__struct_fields__}, kind)
