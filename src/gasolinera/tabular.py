"""Tables in CSV files: read row by row with what is wrong in each, and written. Pure; a `Layout` says what is in them.

The header is in English or Spanish, in any order; columns that are missing keep what is known.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from gasolinera.errors import InputError

MAX_ROWS = 20_000
MAX_BYTES = 10_000_000
MAX_CELL = 1_000

_BOOLEANS = {"true": True, "1": True, "yes": True, "si": True, "sí": True, "false": False, "0": False, "no": False}
_FORMULA = re.compile(r"'[=+\-@\t\r]")


class Column(msgspec.Struct, frozen=True):
    """`check` looks at the text of a cell, and raises ValueError or InputError."""

    name: str
    spanish: str
    kind: Any
    is_list: bool = False
    is_capitals: bool = False
    check: Callable[[str], object] | None = None


class Layout(msgspec.Struct, frozen=True):
    """`key` tells rows apart; `needed` are the columns that every table has, and `needs_key` says whether every row has
    a key.
    """

    thing: str
    columns: tuple[Column, ...]
    key: str
    needed: tuple[str, ...]
    needs_key: bool = True
    max_rows: int = MAX_ROWS

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


class RowFault(msgspec.Struct, frozen=True):
    """What is wrong in a row. `code` is stable; `column` is empty where it is the whole row."""

    row: int
    column: str
    code: str
    message: str


class Sheet(msgspec.Struct, frozen=True):
    """`rows`: by their number, as a spreadsheet counts: a cell of several lines is in one row.

    Each has the values of all `columns`.
    """

    columns: tuple[str, ...]
    rows_read: int
    rows: Mapping[int, Mapping[str, Any]]
    faults: tuple[RowFault, ...]


def read_table(data: bytes, layout: Layout) -> Sheet:
    """Raises InputError `sheet.*` for what is no such table at all."""
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
        lines = list(_lines(reader, layout.max_rows))
    except csv.Error as error:
        raise InputError("sheet.malformed", f"the file is no CSV: {error}") from None
    if not lines:
        raise InputError("sheet.empty", "the file is empty", "its first line names the columns")
    columns = _header(lines[0][1], layout)
    by_name = {column.name: column for column in layout.columns}
    found = tuple(by_name[name] for name in columns)
    rows: dict[int, Mapping[str, Any]] = {}
    faults: list[RowFault] = []
    keys: set[str] = set()
    for number, cells in lines[1:]:
        values, wrong = _judge(number, found, layout, cells)
        key = values.get(layout.key)
        if not wrong and key in keys:
            wrong = [RowFault(number, layout.key, "duplicate", f"an earlier row has this {layout.key}")]
        if wrong:
            faults += wrong
            continue
        if key is not None:
            keys.add(str(key))
        rows[number] = values
    return Sheet(columns, len(lines) - 1, rows, tuple(faults))


def _lines(reader: Any, max_rows: int) -> Iterator[tuple[int, list[str]]]:
    count = 0
    for number, cells in enumerate(reader, 1):
        if any(cell.strip() for cell in cells):
            count += 1
            if count > max_rows + 1:
                raise InputError("sheet.too_long", f"the file has more than {max_rows} rows", "cut it into several")
            yield number, cells


def _header(cells: list[str], layout: Layout) -> tuple[str, ...]:
    known = {column.spanish: column.name for column in layout.columns} | {name: name for name in layout.names}
    names = [known.get(cell.strip().lower()) for cell in cells]
    unknown = [cell[:40] for cell, name in zip(cells, names, strict=True) if name is None]
    if unknown:
        raise InputError("sheet.header", f"unknown column {', '.join(unknown)}", f"known are {', '.join(layout.names)}")
    columns = tuple(name for name in names if name is not None)
    if len(set(columns)) < len(columns) or not set(layout.needed) <= set(columns):
        needed = " and ".join(layout.needed)
        raise InputError("sheet.header", f"the columns hold {needed} once, and no other twice")
    return columns


def _judge(
    number: int, columns: tuple[Column, ...], layout: Layout, cells: list[str]
) -> tuple[dict[str, Any], list[RowFault]]:
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
            values[column.name] = _value(column, text)
        except (ValueError, msgspec.ValidationError) as error:
            faults.append(RowFault(number, column.name, "invalid", str(error)))
    if not faults and layout.needs_key and values[layout.key] is None:
        faults.append(RowFault(number, layout.key, "missing", f"every row names its {layout.thing}"))
    return values, faults


def _value(column: Column, text: str) -> Any:
    if len(text) > MAX_CELL:
        raise ValueError(f"longer than {MAX_CELL} characters")
    if text == "":
        return None
    raw: Any = text
    if column.is_list:
        raw = [part.upper() for part in re.split(r"[|;,\s]+", text) if part]
    elif column.kind is bool:
        raw = _BOOLEANS.get(text.lower(), text)
    elif column.is_capitals:
        raw = text.upper()
    value: Any = msgspec.convert(raw, column.kind, strict=False)
    if column.check is not None:
        column.check(text)
    return sorted(value) if column.is_list else value


def header_line(layout: Layout, language: str) -> bytes:
    """With the mark that tells a spreadsheet that it is UTF-8."""
    names = [column.spanish if language == "es" else column.name for column in layout.columns]
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
    if isinstance(value, int | float | Decimal):
        return str(value)  # a negative number begins like a formula, and is none
    return _plain(str(value))


def _plain(text: str) -> str:
    """A spreadsheet takes a cell that begins like this for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()
