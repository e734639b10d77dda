"""Stations as a table in a CSV file: read row by row with what is wrong in each, and written. Pure.

The header is in English or Spanish, in any order; columns that are missing keep what is known.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from gasolinera.errors import InputError
from gasolinera.station import changes
from gasolinera.station.models import Country, Fuel, Service, StationStatus, StationType

MAX_ROWS = 20_000
MAX_BYTES = 10_000_000
MAX_CELL = 1_000

# Column, its Spanish name, its type.
_COLUMNS: tuple[tuple[str, str, Any], ...] = (
    ("station_code", "codigo", changes.Code),
    ("name", "nombre", changes.Name),
    ("status", "estatus", StationStatus),
    ("station_type", "tipo", StationType),
    ("accepts_coupons", "acepta_cupones", bool),
    ("address", "direccion", changes.Address),
    ("city", "ciudad", changes.Place),
    ("state", "estado", changes.Place),
    ("postal_code", "codigo_postal", changes.PostalCode),
    ("country", "pais", Country),
    ("latitude", "latitud", changes.Latitude),
    ("longitude", "longitud", changes.Longitude),
    ("time_zone", "zona_horaria", changes.Zone),
    ("pump_count", "bombas", changes.Pumps),
    ("fuels", "combustibles", frozenset[Fuel]),
    ("services_offered", "servicios", frozenset[Service]),
    ("phone", "telefono", changes.Phone),
    ("email", "correo", changes.Email),
    ("permit_number", "permiso", changes.Permit),
    ("opened_on", "fecha_apertura", date),
)
COLUMNS = tuple(name for name, _, _ in _COLUMNS)
_TYPES: Mapping[str, Any] = {name: kind for name, _, kind in _COLUMNS}
_SPANISH: Mapping[str, str] = {name: spanish for name, spanish, _ in _COLUMNS}
_NAMES: Mapping[str, str] = {spanish: name for name, spanish, _ in _COLUMNS} | {name: name for name in COLUMNS}
_LISTS = ("fuels", "services_offered")
_BOOLEANS = {"true": True, "1": True, "yes": True, "si": True, "sí": True, "false": False, "0": False, "no": False}
_FORMULA = re.compile(r"'[=+\-@\t\r]")


class RowFault(msgspec.Struct, frozen=True):
    """What is wrong in a row. `code` is stable; `column` is empty where it is the whole row."""

    row: int
    column: str
    code: str
    message: str


class Sheet(msgspec.Struct, frozen=True):
    """`rows`: by their number, as a spreadsheet counts; each has the values of all `columns`."""

    columns: tuple[str, ...]
    rows_read: int
    rows: Mapping[int, Mapping[str, Any]]
    faults: tuple[RowFault, ...]


def read_sheet(data: bytes) -> Sheet:
    """Raises InputError `sheet.*` for what is no table of stations at all."""
    if len(data) > MAX_BYTES:
        raise InputError("sheet.too_large", f"the file is larger than {MAX_BYTES // 10**6} MB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("sheet.encoding", "the file is not in UTF-8", "save it as CSV UTF-8") from None
    if "\x00" in text:
        raise InputError("sheet.malformed", "the file holds a NUL character")
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        lines = list(_lines(reader))
    except csv.Error as error:
        raise InputError("sheet.malformed", f"the file is no CSV: {error}") from None
    if not lines:
        raise InputError("sheet.empty", "the file is empty", "its first line names the columns")
    columns = _header(lines[0][1])
    rows: dict[int, Mapping[str, Any]] = {}
    faults: list[RowFault] = []
    codes: set[str] = set()
    for number, cells in lines[1:]:
        values, wrong = _judge(number, columns, cells)
        code = values.get("station_code")
        if not wrong and code in codes:
            wrong = [RowFault(number, "station_code", "duplicate", "an earlier row has this code")]
        if wrong:
            faults += wrong
        else:
            codes.add(str(code))
            rows[number] = values
    return Sheet(columns, len(lines) - 1, rows, tuple(faults))


def _lines(reader: Any) -> Iterator[tuple[int, list[str]]]:
    count = 0
    for cells in reader:
        if any(cell.strip() for cell in cells):
            count += 1
            if count > MAX_ROWS + 1:
                raise InputError("sheet.too_long", f"the file has more than {MAX_ROWS} rows", "cut it into several")
            yield reader.line_num, cells


def _header(cells: list[str]) -> tuple[str, ...]:
    names = [_NAMES.get(cell.strip().lower()) for cell in cells]
    unknown = [cell[:40] for cell, name in zip(cells, names, strict=True) if name is None]
    if unknown:
        raise InputError("sheet.header", f"unknown column {', '.join(unknown)}", f"known are {', '.join(COLUMNS)}")
    columns = tuple(name for name in names if name is not None)
    if len(set(columns)) < len(columns) or "station_code" not in columns:
        raise InputError("sheet.header", "the columns hold station_code once, and no other twice")
    return columns


def _judge(number: int, columns: tuple[str, ...], cells: list[str]) -> tuple[dict[str, Any], list[RowFault]]:
    if len(cells) != len(columns):
        message = f"the row has {len(cells)} cells, the header {len(columns)}"
        return {}, [RowFault(number, "", "cells", message)]
    values: dict[str, Any] = {}
    faults: list[RowFault] = []
    for column, cell in zip(columns, cells, strict=True):
        text = cell.strip()
        if _FORMULA.match(text):
            text = text[1:]  # what an export put before it
        try:
            values[column] = _value(column, text)
        except (ValueError, msgspec.ValidationError) as error:
            faults.append(RowFault(number, column, "invalid", str(error)))
    if not faults and values["station_code"] is None:
        faults.append(RowFault(number, "station_code", "missing", "every row names its station"))
    return values, faults


def _value(column: str, text: str) -> Any:
    if len(text) > MAX_CELL:
        raise ValueError(f"longer than {MAX_CELL} characters")
    if text == "":
        return None
    raw: Any = text
    if column in _LISTS:
        raw = [part.upper() for part in re.split(r"[|;,\s]+", text) if part]
    elif column == "accepts_coupons":
        raw = _BOOLEANS.get(text.lower(), text)
    elif column in ("station_code", "status", "station_type", "country"):
        raw = text.upper()
    value = msgspec.convert(raw, _TYPES[column], strict=False)
    if column == "time_zone":
        changes.check_zone(text)
    return sorted(value) if column in _LISTS else value


def header_line(language: str) -> bytes:
    """With the mark that tells a spreadsheet that it is UTF-8."""
    names = [_SPANISH[name] if language == "es" else name for name in COLUMNS]
    return b"\xef\xbb\xbf" + _line(names)


def row_line(values: Iterable[Any]) -> bytes:
    return _line([_cell(value) for value in values])


def fault_lines(faults: Iterable[RowFault]) -> Iterator[bytes]:
    """The report of an import, as CSV."""
    yield b"\xef\xbb\xbf" + _line(["row", "column", "code", "message"])
    for fault in faults:
        yield _line([str(fault.row), fault.column, fault.code, _plain(fault.message)])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "|".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  enums
    if isinstance(value, float):
        return repr(value)  # a negative number begins like a formula, and is none
    return _plain(str(value))


def _plain(text: str) -> str:
    """A spreadsheet takes a cell that begins like this for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()
