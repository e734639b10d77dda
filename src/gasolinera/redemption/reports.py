"""Reports of redemptions by day, station and campaign: kept up to date, read, and held against the redemptions."""

from collections.abc import AsyncGenerator, Mapping
from datetime import date, timedelta
from typing import Final, Literal

import msgspec

from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ConflictError, ForbiddenError, InputError
from gasolinera.jobs import Job, in_batches
from gasolinera.paging import decode_cursor, encode_cursor
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.redemption import queries_reports as queries
from gasolinera.redemption.models_reports import MAX_DAYS, By, Checked, Question, Report, ReportLine, ReportPosition
from gasolinera.tabular import Column, Layout, header_line, row_line

_BATCH: Final = 5_000
_CSV_PAGE: Final = 1_000
_USUAL_DAYS: Final = 31
_MAX_DIFFERENCES: Final = 1_000

LINES: Final = Layout(
    thing="line",
    columns=(
        Column("business_day", "dia", str),
        Column("station_code", "codigo_estacion", str),
        Column("campaign_code", "codigo_campana", str),
        Column("currency", "moneda", str),
        Column("completed", "completados", str),
        Column("cancelled", "cancelados", str),
        Column("original_amount", "importe_original", str),
        Column("discount_amount", "descuento", str),
        Column("final_amount", "importe_final", str),
        Column("cancelled_amount", "importe_cancelado", str),
        Column("fuel_litres", "litros", str),
        Column("tickets_earned", "boletos_ganados", str),
        Column("tickets_taken_back", "boletos_retirados", str),
        Column("as_of", "al_momento", str),
    ),
    key="business_day",
    needed=("currency",),
)


async def refresh(db: Database) -> int:
    """Folds all that changed into the report; says how many changes there were. Any number may do it at once."""
    context = RequestContext(actor="job:redemption.refresh_reports")
    return await in_batches(db, queries.fold, _BATCH, "{} changes are in the report", context=context)


def question_of(
    caller: Caller,
    *,
    station_code: str | None,
    campaign_code: str | None,
    first_day: date | None,
    last_day: date | None,
    by: frozenset[By],
    today: date,
) -> Question:
    """What somebody asks: a station's administrator about the own station alone. `today` is UTC's.

    Raises ForbiddenError `auth.other_station`, InputError `reports.days`.
    """
    if caller.reach(Permission.REPORTS_READ) is not Reach.ALL:
        if caller.station_code is None or station_code not in (None, caller.station_code):
            raise ForbiddenError("auth.other_station", "this account may not see the reports of that station")
        station_code = caller.station_code
    return asked(
        station_code=station_code,
        campaign_code=campaign_code,
        first_day=first_day,
        last_day=last_day,
        by=by,
        today=today,
    )


def asked(
    *,
    station_code: str | None,
    campaign_code: str | None,
    first_day: date | None,
    last_day: date | None,
    by: frozenset[By],
    today: date,
) -> Question:
    """The latest month where no days are named. Raises InputError `reports.days`."""
    if last_day is None:
        # Tomorrow has begun already somewhere; what is asked from a later day on is asked to that day.
        last_day = max(today + timedelta(days=1), first_day or date.min)
        if first_day is not None:
            last_day = min(last_day, _days_after(first_day, MAX_DAYS - 1))
    if first_day is None:
        first_day = date.fromordinal(max(1, last_day.toordinal() - _USUAL_DAYS + 1))
    if not 0 <= (last_day - first_day).days < MAX_DAYS:
        raise InputError("reports.days", f"a report is about 1 to {MAX_DAYS} days, the first before the last")
    return Question(
        first_day=first_day, last_day=last_day, station_code=station_code, campaign_code=campaign_code, by=by
    )


async def read(conn: Connection, question: Question, *, cursor: str | None, limit: int) -> Report:
    """In the order of day, station, campaign and currency. Raises InputError `request.cursor`."""
    position = decode_cursor(ReportPosition, cursor)
    after = None if position is None else msgspec.structs.astuple(position)
    as_of, found = await queries.read(conn, question, after=after, limit=limit + 1)
    return Report(
        as_of=as_of,
        first_day=question.first_day,
        last_day=question.last_day,
        items=tuple(_shown(question, line) for line in found[:limit]),
        next_cursor=encode_cursor(_position(found[limit - 1])) if len(found) > limit else None,
    )


async def as_csv(db: Database, question: Question, *, language: Literal["en", "es"]) -> AsyncGenerator[bytes]:
    """In pieces of a thousand lines, each with a connection of its own: a slow reader holds none."""
    yield header_line(LINES, language)
    cursor = None
    while True:
        async with db.connection() as conn:
            page = await read(conn, question, cursor=cursor, limit=_CSV_PAGE)
        as_of = None if page.as_of is None else page.as_of.isoformat()
        yield b"".join(row_line((*msgspec.structs.astuple(line), as_of)) for line in page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


async def check(db: Database, *, first_day: date = date.min, last_day: date = date.max) -> Checked:
    """Adds all redemptions of these days up anew, and compares; reads each of them. Changes nothing."""
    async with db.transaction() as conn:
        return await queries.check(conn, first_day, last_day, limit=_MAX_DIFFERENCES)


async def rebuild(db: Database, *, first_day: date = date.min, last_day: date = date.max) -> int:
    """Makes the lines of these days anew from all their redemptions, and says how many there are.

    For a report that somebody spoilt; locks it until it is done, so that nobody folds meanwhile, and holds up neither
    redemptions nor readers.
    """
    async with db.transaction(RequestContext(actor="command:reports rebuild")) as conn:
        return await queries.rebuild(conn, first_day, last_day)


def _days_after(day: date, days: int) -> date:
    return date.fromordinal(min(date.max.toordinal(), day.toordinal() + days))


def _position(line: ReportLine) -> ReportPosition:
    """Of a line as it is kept, where nothing is None."""
    assert line.business_day is not None
    assert line.station_code is not None
    assert line.campaign_code is not None
    return ReportPosition(line.business_day, line.station_code, line.campaign_code, line.currency)


def _shown(question: Question, line: ReportLine) -> ReportLine:
    return msgspec.structs.replace(
        line,
        business_day=line.business_day if By.DAY in question.by else None,
        station_code=line.station_code if By.STATION in question.by else None,
        campaign_code=(line.campaign_code or None) if By.CAMPAIGN in question.by else None,
    )


async def _refresh_job(db: Database, _arguments: Mapping[str, str]) -> str:
    return f"{await refresh(db)} changes are in the report"


async def _check_job(db: Database, _arguments: Mapping[str, str]) -> str:
    found = await check(db)
    if found.differences:
        hint = "`gasolinera reports check` shows them"
        raise ConflictError("reports.differ", "the report is not what the redemptions say", hint)
    return f"{found.line_count} lines are what the redemptions say"


REPORT_JOBS: Final = (
    Job(
        name="redemption.refresh_reports",
        service="redemption",
        summary="Brings the report of redemptions up to date, by what changed alone.",
        run=_refresh_job,
        schedule="* * * * *",
    ),
    Job(
        name="redemption.check_reports",
        service="redemption",
        summary="Adds all redemptions up anew, and fails where the report says something else.",
        run=_check_job,
        schedule="47 3 * * *",
    ),
)
