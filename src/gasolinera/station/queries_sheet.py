"""The only reader of `queries_sheet.sql`."""

from collections.abc import Mapping, Sequence
from typing import Any

from gasolinera.bringing_in import KnownRow
from gasolinera.database import Connection, fetch_all, load_sql
from gasolinera.station.sheet import COLUMNS

_SQL = load_sql("gasolinera.station", "queries_sheet.sql")
_BEGIN_ROWS_IMPORT = _SQL["begin_rows_import"]
_KNOWN_CODES = _SQL["known_codes"]
_HOLD_KNOWN = _SQL["hold_known"]
_UPDATE_FROM_ROWS = _SQL["update_from_rows"]
_INSERT_FROM_ROWS = _SQL["insert_from_rows"]
_EXPORT_STATIONS = _SQL["export_stations"]


async def begin_rows_import(conn: Connection) -> None:
    await conn.execute(_BEGIN_ROWS_IMPORT)


async def known_codes(conn: Connection, codes: Sequence[str]) -> set[str]:
    return {record["station_code"] for record in await conn.fetch(_KNOWN_CODES, codes)}


async def hold_known(conn: Connection, codes: Sequence[str]) -> list[KnownRow]:
    return await fetch_all(conn, KnownRow, _HOLD_KNOWN, codes)


async def stage_rows(conn: Connection, rows: Mapping[int, Mapping[str, Any]]) -> None:
    await conn.copy_records_to_table(
        "station_import_rows",
        schema_name="station_schema",
        columns=["row_number", *COLUMNS],
        records=[(number, *(values.get(column) for column in COLUMNS)) for number, values in rows.items()],
    )


async def merge_rows(conn: Connection, numbers: Sequence[int], columns: Sequence[str]) -> tuple[int, int]:
    """How many stations it changed, and how many it made."""
    updated = await conn.fetchval(_UPDATE_FROM_ROWS, numbers, columns)
    inserted = await conn.fetchval(_INSERT_FROM_ROWS, numbers)
    assert isinstance(updated, int), "count(*) gives a number"
    assert isinstance(inserted, int), "count(*) gives a number"
    return updated, inserted


async def export_stations(conn: Connection, *, after: str, limit: int) -> list[tuple[Any, ...]]:
    return [tuple(record) for record in await conn.fetch(_EXPORT_STATIONS, after, limit)]
