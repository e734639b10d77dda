"""Cursors go out and come back as they were; whatever else comes in their place is refused, and never reaches SQL."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasolinera.errors import InputError
from gasolinera.paging import Page, Position, decode_cursor, encode_cursor, page_of


class _ByTime(Position, frozen=True):
    at: datetime
    id: int


class _ByCode(Position, frozen=True):
    code: str


def raw(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def refused(kind: type[Position], cursor: str) -> bool:
    try:
        decode_cursor(kind, cursor)
    except InputError as error:
        return error.code == "request.cursor"
    return False


def test_the_first_page_has_no_cursor() -> None:
    assert decode_cursor(_ByCode, None) is None


@given(st.datetimes(timezones=st.just(UTC)), st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_a_position_survives_the_journey(at: datetime, number: int) -> None:
    position = _ByTime(at, number)
    assert decode_cursor(_ByTime, encode_cursor(position)) == position


def test_a_cursor_looks_like_nothing_and_fits_into_an_address() -> None:
    cursor = encode_cursor(_ByCode("JSM?001"))
    assert "JSM" not in cursor
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "====",
        "JSM001",
        "é",
        "\x00",
        "A" * 600,
        raw("null"),
        raw("[" * 100_000)[:500],
        raw('["_ByCode"]'),
        raw('["_ByCode",1]'),
        raw('["_ByCode","a","b"]'),
        raw('["_ByTime","2026-01-01T00:00:00Z",1]'),
        raw('["_ByCode","a\\u0000"]'),
        raw('["_ByCode","a\\n"]'),
        raw('[ "_ByCode","a"]'),
        encode_cursor(_ByCode("a")) + "=",
        urlsafe_b64encode(b'["_ByCode","\xff"]').decode(),
    ],
)
def test_what_no_page_gave_is_refused(cursor: str) -> None:
    assert refused(_ByCode, cursor)


def test_numbers_that_postgresql_does_not_have_are_refused() -> None:
    assert refused(_ByTime, encode_cursor(_ByTime(datetime.now(UTC), 2**63)))


@given(st.text(max_size=600))
def test_no_text_at_all_breaks_it(cursor: str) -> None:
    assert refused(_ByCode, cursor) or isinstance(decode_cursor(_ByCode, cursor), _ByCode)


def test_pages_follow_each_other_and_the_last_one_knows() -> None:
    rows = ["a", "b", "c"]
    first = page_of(rows, limit=2, position=_ByCode)
    assert first.items == ("a", "b")
    assert decode_cursor(_ByCode, first.next_cursor) == _ByCode("b")
    assert page_of(rows, limit=3, position=_ByCode) == Page(("a", "b", "c"), None)
    assert page_of(list[str](), limit=3, position=_ByCode) == Page((), None)


def test_a_page_is_json() -> None:
    assert msgspec.json.encode(Page((1, 2), None)) == b'{"items":[1,2],"next_cursor":null}'
