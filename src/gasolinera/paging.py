"""Pages: a list is read from a position, which a cursor carries, opaque to whoever hands it back.

A cursor is not signed: it says where to go on, never what may be seen; the query decides that each time. It is
checked instead: its kind, its types, and that PostgreSQL takes its values. Lists keep the order of a unique key.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from gasolinera.errors import InputError

MAX_CURSOR = 2000  # a name of 200 letters, each of four bytes
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BIGINT = 2**63
Item = TypeVar("Item")
_Position = TypeVar("_Position", bound="Position")


class Position(msgspec.Struct, frozen=True, array_like=True, tag=True, forbid_unknown_fields=True):
    """Where a page ended. Each list has a subclass with the columns of its order; its name keeps lists apart."""


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """`next_cursor` is None on the last page."""

    items: tuple[Item, ...]
    next_cursor: str | None


def page_of(found: Sequence[Item], *, limit: int, position: Callable[[Item], Position]) -> Page[Item]:
    """A page from a query for one row more than the page holds: that row only tells that another page follows."""
    items = tuple(found[:limit])
    return Page(items, encode_cursor(position(items[-1])) if len(found) > limit else None)


def encode_cursor(position: Position) -> str:
    return urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def decode_cursor(kind: type[_Position], cursor: str | None) -> _Position | None:
    """None for the first page. Raises InputError `request.cursor` for anything that no page of this list gave."""
    if cursor is None:
        return None
    try:
        if len(cursor) > MAX_CURSOR or not cursor.isascii():
            raise ValueError
        position = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=kind)
        # One text a position: what decodes to the same position in another spelling did not come from us.
        if encode_cursor(position) != cursor or not all(map(_is_storable, msgspec.structs.astuple(position))):
            raise ValueError
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise InputError("request.cursor", "the cursor is not one that a page of this list gave") from None
    return position


def _is_storable(value: Any) -> bool:
    if isinstance(value, str):
        return not _CONTROL.search(value)
    if isinstance(value, datetime):
        try:
            value.astimezone(UTC)
        except OverflowError:
            return False  # a year 0 or 10000 in UTC
        return True
    return not isinstance(value, int) or -_BIGINT <= value < _BIGINT
