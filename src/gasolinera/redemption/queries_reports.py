"""The only reader of `queries_reports.sql`: one typed function a query."""

from datetime import date, datetime
from typing import Any

import msgspec

from gasolinera.database import Connection, load_sql
from gasolinera.redemption.models_reports import By, Checked, Difference, Question, ReportLine

_SQL = load_sql("gasolinera.redemption", "queries_reports.sql")
_FOLD = _SQL["fold_report_changes"]
_READ = _SQL["read_report"]
_ALLOW_HALF_AN_HOUR = _SQL["allow_half_an_hour"]
_CHECK = _SQL["check_report"]
_REBUILD = _SQL["rebuild_report"]

Key = tuple[date, str, str, str]
_BEFORE_ALL: Key = (date.min, "", "", "")


async def fold(conn: Connection, limit: int) -> int:
    return await conn.fetchval(_FOLD, limit)


async def read(
    conn: Connection, question: Question, *, after: Key | None, limit: int
) -> tuple[datetime | None, list[ReportLine]]:
    """How old the report is, and its lines after that one."""
    records = await conn.fetch(
        _READ,
        question.first_day,
        question.last_day,
        question.station_code,
        question.campaign_code,
        By.DAY in question.by,
        By.STATION in question.by,
        By.CAMPAIGN in question.by,
        *(after or _BEFORE_ALL),
        limit,
    )
    lines = [_of(ReportLine, record) for record in records if record["currency"] is not None]
    return records[0]["as_of"], lines


async def check(conn: Connection, first_day: date, last_day: date, *, limit: int) -> Checked:
    await conn.execute(_ALLOW_HALF_AN_HOUR)
    records = await conn.fetch(_CHECK, first_day, last_day, limit)
    differences = tuple(_of(Difference, record) for record in records if record["measure"] is not None)
    return Checked(
        as_of=records[0]["as_of"],
        line_count=records[0]["line_count"],
        waiting_count=records[0]["waiting_count"],
        differences=differences,
    )


async def rebuild(conn: Connection, first_day: date, last_day: date) -> int:
    """How many lines these days have."""
    await conn.execute(_ALLOW_HALF_AN_HOUR)
    return await conn.fetchval(_REBUILD, first_day, last_day)


def _of(kind: Any, record: Any) -> Any:
    return msgspec.convert({name: record[name] for name in kind.__struct_fields__}, kind)
