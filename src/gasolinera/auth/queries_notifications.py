"""The only reader of `queries_notifications.sql`: one typed function a query."""

from collections.abc import Sequence
from datetime import time
from typing import Any
from uuid import UUID

import msgspec

from gasolinera.auth.models_notifications import (
    Category,
    Channel,
    Choice,
    Claimed,
    DevelopmentMessage,
    QuietHours,
    StoredNotification,
    Told,
)
from gasolinera.database import Connection, fetch_all, fetch_one, load_sql

_SQL = load_sql("gasolinera.auth", "queries_notifications.sql")
_CREATE = _SQL["create_notifications"]
_CLAIM = _SQL["claim_notifications"]
_RECORD_SENT = _SQL["record_sent"]
_RECORD_FAILURE = _SQL["record_failure"]
_LIST = _SQL["list_notifications"]
_MARK_READ = _SQL["mark_read"]
_MARK_ALL_READ = _SQL["mark_all_read"]
_GET_PREFERENCES = _SQL["get_preferences"]
_PUT_PREFERENCES = _SQL["put_preferences"]
_PUT_QUIET_HOURS = _SQL["put_quiet_hours"]
_DELETE_QUIET_HOURS = _SQL["delete_quiet_hours"]
_FORGET_PERSON = _SQL["forget_person"]
_FORGET = _SQL["forget_notifications"]
_PUT_EMAIL = _SQL["put_email_into_inbox"]
_LIST_DEVELOPMENT = _SQL["list_development_messages"]


class _Preferences(msgspec.Struct, frozen=True):
    unwanted: tuple[str, ...]
    time_zone: str | None
    begins: str | None
    ends: str | None


async def create_notifications(
    conn: Connection,
    event_id: UUID,
    told: Told,
    *,
    template: str,
    category: Category,
    channels: Sequence[Channel],
    always_in_app: bool,
) -> None:
    arguments: dict[str, Any] = msgspec.to_builtins(told.arguments)
    await conn.execute(_CREATE, event_id, told.user_id, category, template, arguments, list(channels), always_in_app)


async def claim_notifications(conn: Connection, *, limit: int, claim_s: float, max_attempts: int) -> list[Claimed]:
    return await fetch_all(conn, Claimed, _CLAIM, limit, claim_s, max_attempts)


async def record_sent(conn: Connection, claimed: Claimed) -> None:
    await conn.execute(_RECORD_SENT, claimed.id, claimed.attempts)


async def record_failure(conn: Connection, claimed: Claimed, reason: str, again_in_s: float | None) -> None:
    """None: given up."""
    await conn.execute(_RECORD_FAILURE, claimed.id, claimed.attempts, reason[:200], again_in_s)


async def list_notifications(
    conn: Connection, user_id: UUID, *, before_id: int | None, limit: int, only_unread: bool
) -> list[StoredNotification]:
    return await fetch_all(conn, StoredNotification, _LIST, user_id, before_id, limit, only_unread)


async def mark_read(conn: Connection, user_id: UUID, notification_id: UUID) -> bool:
    return _count(await conn.execute(_MARK_READ, user_id, notification_id)) == 1


async def mark_all_read(conn: Connection, user_id: UUID) -> int:
    return _count(await conn.execute(_MARK_ALL_READ, user_id))


async def get_preferences(
    conn: Connection, user_id: UUID
) -> tuple[frozenset[tuple[Category, Channel]], QuietHours | None]:
    """What is not wanted, and the quiet hours."""
    found = await fetch_one(conn, _Preferences, _GET_PREFERENCES, user_id)
    pairs = (pair.split(" ") for pair in found.unwanted)
    unwanted = frozenset((Category(category), Channel(channel)) for category, channel in pairs)
    if found.time_zone is None or found.begins is None or found.ends is None:
        return unwanted, None
    return unwanted, QuietHours(found.time_zone, found.begins, found.ends)


async def put_preferences(conn: Connection, user_id: UUID, choices: Sequence[Choice]) -> None:
    await conn.execute(
        _PUT_PREFERENCES,
        user_id,
        [choice.category for choice in choices],
        [choice.channel for choice in choices],
        [choice.is_wanted for choice in choices],
    )


async def put_quiet_hours(conn: Connection, user_id: UUID, time_zone: str, *, begins: time, ends: time) -> None:
    await conn.execute(_PUT_QUIET_HOURS, user_id, time_zone, begins, ends)


async def delete_quiet_hours(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_DELETE_QUIET_HOURS, user_id)


async def forget_person(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_FORGET_PERSON, user_id)


async def forget_notifications(conn: Connection, older_than_days: int) -> int:
    return _count(await conn.execute(_FORGET, older_than_days))


async def put_email_into_inbox(conn: Connection, message_id: UUID, email: str, *, subject: str, text: str) -> None:
    await conn.execute(_PUT_EMAIL, message_id, email, subject, text)


async def list_development_messages(conn: Connection, limit: int) -> list[DevelopmentMessage]:
    return await fetch_all(conn, DevelopmentMessage, _LIST_DEVELOPMENT, limit)


def _count(status: str) -> int:
    """Of the rows that a statement changed, from what the server says of it."""
    return int(status.rpartition(" ")[2])
