"""Lists as files that spreadsheets open: CSV that is written row by row while it is sent."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, TypeVar

from litestar.response import Stream

from gasolinera.database import Connection, Database
from gasolinera.paging import Page
from gasolinera.tabular import row_line
from gasolinera.wording import load_wording

_AT_ONCE: Final = 1000  # rows that are read with one connection
_MOST: Final = 100_000
Item = TypeVar("Item")
_WORDING: Final = load_wording("gasolinera.web")
_MARK: Final = b"\xef\xbb\xbf"  # tells a spreadsheet that it is UTF-8


def _cut_row(language: str, count: int) -> Sequence[object]:
    """The last line of a file that ends before its list does."""
    return (_WORDING.text(language, "csv-cut", {"count": f"{count:,}"}),)


async def csv_of_pages(
    db: Database,
    read: Callable[[Connection, str | None, int], Awaitable[Page[Item]]],
    row: Callable[[Item], Sequence[object]],
    *,
    name: str,
    header: Sequence[str],
    language: str,
    is_capped: bool = False,
) -> Stream:
    """The file of a list that goes on by cursors: `read` gives the page after a cursor, `row` the cells of an item.

    No connection is held while somebody slow takes what was read. `is_capped`: of a list without bounds, the file ends
    after 100,000 rows with a line that says so.
    """

    async def rows() -> AsyncIterator[Sequence[object]]:
        cursor, written = None, 0
        while not is_capped or written < _MOST:
            at_once = min(_AT_ONCE, _MOST - written) if is_capped else _AT_ONCE
            async with db.connection() as conn:
                found = await read(conn, cursor, at_once)
            for one in found.items:
                yield row(one)
            written += len(found.items)
            cursor = found.next_cursor
            if cursor is None:
                return
        yield _cut_row(language, written)

    return await csv_page(name, header, rows())


async def csv_page(name: str, header: Sequence[str], rows: AsyncIterator[Sequence[object]]) -> Stream:
    """`name` is that of the file, without its ending. What a formula could begin with is written as text.

    The first row is asked for at once: what `rows` refuses becomes an error, and no file that breaks off.
    """
    first = await anext(rows, None)

    async def lines() -> AsyncIterator[bytes]:
        yield _MARK + row_line(header)
        if first is not None:
            yield row_line(first)
        async for row in rows:
            yield row_line(row)

    headers = {"content-disposition": f'attachment; filename="{name}.csv"', "cache-control": "no-store"}
    return Stream(lines(), media_type="text/csv; charset=utf-8", headers=headers)
