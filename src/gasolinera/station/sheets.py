"""Tables of stations: bringing one in with a report row by row, and giving one out."""

from collections.abc import AsyncGenerator, Sequence

import asyncpg

from gasolinera.bringing_in import SheetResult, Tally, bring_in, digest_of, refused_row
from gasolinera.database import Connection, Database
from gasolinera.station import queries_sheet as queries
from gasolinera.station.errors import REFUSALS
from gasolinera.station.sheet import STATIONS
from gasolinera.tabular import RowFault, Sheet, header_line, row_line

_PAGE = 1_000
_NEEDED = ("name", "country", "latitude", "longitude")


async def state_of(conn: Connection, sheet: Sheet) -> str:
    """Another one as soon as somebody changes a station that the table names. Until the transaction ends nobody does.

    Waits for another import.
    """
    await queries.begin_rows_import(conn)
    return digest_of(await queries.hold_known(conn, [str(row["station_code"]) for row in sheet.rows.values()]))


async def import_sheet(conn: Connection, sheet: Sheet, *, is_dry_run: bool, keeps_good: bool) -> SheetResult:
    """Stations are recognised by code. Keeps nothing on a dry run, nor when a row is faulty unless `keeps_good`.

    Needs a transaction. Waits for another import. Raises InputError `sheet.too_many_faults`.
    """
    await queries.begin_rows_import(conn)
    known = await queries.known_codes(conn, [str(row["station_code"]) for row in sheet.rows.values()])

    async def work(tally: Tally) -> None:
        good: list[int] = []
        for number, row in sheet.rows.items():
            missing = [] if row["station_code"] in known else [name for name in _NEEDED if row.get(name) is None]
            tally.faults += [RowFault(number, name, "missing", "a new station needs it") for name in missing]
            if not missing:
                good.append(number)
        await queries.stage_rows(conn, {number: sheet.rows[number] for number in good})
        await _merge(conn, good, sheet.columns, tally)

    return await bring_in(conn, sheet, work, is_dry_run=is_dry_run, keeps_good=keeps_good)


async def _merge(conn: Connection, numbers: Sequence[int], columns: Sequence[str], tally: Tally) -> None:
    """All at once; where a constraint refuses, by halves, until the row is found that it refuses."""
    if not numbers:
        return
    try:
        async with conn.transaction():
            updated, inserted = await queries.merge_rows(conn, numbers, columns)
    except asyncpg.IntegrityConstraintViolationError as error:
        if len(numbers) > 1:
            middle = len(numbers) // 2
            await _merge(conn, numbers[:middle], columns, tally)
            await _merge(conn, numbers[middle:], columns, tally)
            return
        tally.refuse(refused_row(numbers[0], error.constraint_name or "", REFUSALS))
    else:
        tally.updated += updated
        tally.inserted += inserted


async def export_sheet(db: Database, *, language: str) -> AsyncGenerator[bytes]:
    """In pieces of a thousand, each with a connection of its own: a slow reader holds none."""
    yield header_line(STATIONS, language)
    after = ""
    while True:
        async with db.connection() as conn:
            found = await queries.export_stations(conn, after=after, limit=_PAGE)
        yield b"".join(map(row_line, found))
        if len(found) < _PAGE:
            return
        after = str(found[-1][0])
