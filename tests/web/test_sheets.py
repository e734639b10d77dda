"""Lists as CSV: refused before they begin, or whole."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gasolinera.errors import ForbiddenError
from gasolinera.web.sheets import csv_page


async def written(rows: AsyncIterator[tuple[object, ...]]) -> tuple[Any, bytes]:
    page = await csv_page("things", ("Name", "Count"), rows)
    pieces: Any = page.iterator
    return page.headers, b"".join([piece async for piece in pieces])


async def some(*found: tuple[object, ...]) -> AsyncIterator[tuple[object, ...]]:
    for row in found:
        yield row


def test_a_list_is_a_file_with_its_header_and_nothing_that_a_spreadsheet_would_run() -> None:
    headers, body = asyncio.run(written(some(("Ñandú", 1), ("=1+1", -2))))
    assert body.decode("utf-8-sig").splitlines()[:2] == ["Name,Count", "Ñandú,1"]
    assert body.decode("utf-8-sig").splitlines()[2].startswith("'=1+1,")
    assert headers["content-disposition"] == 'attachment; filename="things.csv"'
    assert headers["cache-control"] == "no-store"


def test_an_empty_list_is_its_header() -> None:
    assert asyncio.run(written(some()))[1].decode("utf-8-sig") == "Name,Count\r\n"


def test_who_may_not_read_a_list_gets_an_error_and_no_file_that_breaks_off() -> None:
    async def refused() -> AsyncIterator[tuple[object, ...]]:
        raise ForbiddenError("x.y", "no")
        yield ()

    with pytest.raises(ForbiddenError):
        asyncio.run(written(refused()))
