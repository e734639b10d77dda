"""Tables of stations: bringing one in with a report row by row, and giving one out."""

from collections.abc import AsyncGenerator, Sequence

import asyncpg
import msgspec

from gasolinera.database import Connection, Database
from gasolinera.errors import InputError
from gasolinera.station import queries_sheet as queries
from gasolinera.station.errors import REFUSALS
from gasolinera.station.sheet import STATIONS
from gasolinera.station.tabular import RowFault, Sheet, header_line, row_line

MAX_REFUSED = 500  # rows that only the tables refuse: each costs a dozen statements to find
_PAGE = 1_000
_NEEDED = ("name", "country", "latitude", "longitude")


class SheetResult(msgspec.Struct, frozen=True):
    """rows_read = inserted + updated + unchanged + rows with a fault. `is_kept`: the tables hold it now."""

    is_kept: bool
    rows_read: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    faults: tuple[RowFault, ...]


class _Merge(msgspec.Struct):
    updated: int = 0
    inserted: int = 0


async def import_sheet(conn: Connection, sheet: Sheet, *, is_dry_run: bool, keeps_good: bool) -> SheetResult:
    """Stations are recognised by code. Keeps nothing on a dry run, nor when a row is faulty unless `keeps_good`.

    Needs a transaction. Waits for another import. Raises InputError `sheet.too_many_faults`.
    """
    await queries.begin_rows_import(conn)
    known = await queries.known_codes(conn, [str(row["station_code"]) for row in sheet.rows.values()])
    faults = list(sheet.faults)
    good: list[int] = []
    for number, row in sheet.rows.items():
        missing = [] if row["station_code"] in known else [name for name in _NEEDED if row.get(name) is None]
        faults += [RowFault(number, name, "missing", "a new station needs it") for name in missing]
        if not missing:
            good.append(number)
    await queries.stage_rows(conn, {number: sheet.rows[number] for number in good})
    merge = _Merge()
    attempt = conn.transaction()
    await attempt.start()
    try:
        await _merge(conn, good, sheet.columns, merge, faults)
    except BaseException:
        await attempt.rollback()
        raise
    is_kept = not is_dry_run and (keeps_good or not faults)
    await (attempt.commit() if is_kept else attempt.rollback())
    rejected = len({fault.row for fault in faults})
    return SheetResult(
        is_kept=is_kept,
        rows_read=sheet.rows_read,
        inserted=merge.inserted,
        updated=merge.updated,
        unchanged=sheet.rows_read - rejected - merge.inserted - merge.updated,
        rejected=rejected,
        faults=tuple(sorted(faults, key=lambda fault: (fault.row, fault.column))),
    )


async def _merge(
    conn: Connection, numbers: Sequence[int], columns: Sequence[str], merge: _Merge, faults: list[RowFault]
) -> None:
    """All at once; where a constraint refuses, by halves, until the row is found that it refuses."""
    if not numbers:
        return
    try:
        async with conn.transaction():
            updated, inserted = await queries.merge_rows(conn, numbers, columns)
    except asyncpg.IntegrityConstraintViolationError as error:
        if len(numbers) > 1:
            middle = len(numbers) // 2
            await _merge(conn, numbers[:middle], columns, merge, faults)
            await _merge(conn, numbers[middle:], columns, merge, faults)
            return
        faults.append(_refused(numbers[0], error.constraint_name or ""))
        if len(faults) > MAX_REFUSED:
            message = f"more than {MAX_REFUSED} rows are refused"
            raise InputError("sheet.too_many_faults", message, "correct the first ones and try again") from None
    else:
        merge.updated += updated
        merge.inserted += inserted


def _refused(number: int, constraint: str) -> RowFault:
    make = REFUSALS.get(constraint)
    if make is None:
        return RowFault(number, "", "database.constraint", "a value is not one of those that are allowed")
    error = make()
    return RowFault(number, "", error.code, error.message)


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
