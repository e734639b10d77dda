"""The own notifications over HTTP, and what one wants to be told."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.auth import notifications, preferences
from gasolinera.auth.models_notifications import Notification, NotificationPosition, Preferences
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page, decode_cursor
from gasolinera.permissions import Caller, Permission

_OWN = [requires(Permission.NOTIFICATIONS)]
_EXAMPLE = {
    "notification_id": "6f1c1d0e-4b9e-4a54-9d2c-6d1d9a4c2f10",
    "category": "TICKETS",
    "title": "Tienes 3 boletos nuevos",
    "body": "Participas en el sorteo VERANO-2026.",
    "created_at": "2026-11-20T18:00:00Z",
    "read_at": None,
}
_PREFERENCES_EXAMPLE = {
    "choices": [{"category": "PURCHASES", "channel": "EMAIL", "is_wanted": False}],
    "quiet_hours": {"time_zone": "America/Mexico_City", "begins": "22:00", "ends": "07:00"},
}


class Marked(msgspec.Struct, frozen=True):
    """How many were unread until now."""

    marked: int


def _user_of(caller: Caller) -> UUID:
    assert caller.user_id is not None, "only people have notifications"
    return caller.user_id


@get(
    "/notifications",
    summary="List the own notifications",
    guards=_OWN,
    responses={
        200: good(
            Page[Notification],
            "The newest first, in the language of the account.",
            {"items": [_EXAMPLE], "next_cursor": None},
        )
    },
)
async def list_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    cursor: Annotated[
        str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")] = 20,
    unread: Annotated[bool, QueryParameter(description="Only what was not read.")] = False,
) -> Page[Notification]:
    after = decode_cursor(NotificationPosition, cursor)
    async with db.connection() as conn:
        return await notifications.list_notifications(
            conn, _user_of(caller), after=after, limit=limit, only_unread=unread
        )


@post(
    "/notifications/{notification_id:uuid}/read",
    summary="Mark a notification as read",
    status_code=204,
    guards=_OWN,
    responses={404: problem_spec(HTTPStatus.NOT_FOUND, "notification.unknown", "there is no such notification")},
)
async def read_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
    notification_id: Annotated[UUID, PathParameter(description="Which.")],
) -> None:
    async with db.transaction(context) as conn:
        await notifications.mark_read(conn, _user_of(caller), notification_id)


@post(
    "/notifications/read",
    summary="Mark all notifications as read",
    status_code=200,
    guards=_OWN,
    responses={200: good(Marked, "How many were unread.", {"marked": 3})},
)
async def read_all_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], context: NamedDependency[RequestContext]
) -> Marked:
    async with db.transaction(context) as conn:
        return Marked(await notifications.mark_all_read(conn, _user_of(caller)))


@get(
    "/notifications/preferences",
    summary="What one wants to be told",
    guards=_OWN,
    responses={200: good(Preferences, "Each category and channel, and the quiet hours.", _PREFERENCES_EXAMPLE)},
)
async def preferences_route(db: NamedDependency[Database], caller: NamedDependency[Caller]) -> Preferences:
    async with db.connection() as conn:
        return await preferences.get_preferences(conn, _user_of(caller))


@put(
    "/notifications/preferences",
    summary="Change what one wants to be told",
    description="Choices that are not named stay as they are. Quiet hours become what is said here; null: none. "
    "Messages of security come always.",
    guards=_OWN,
    responses={200: good(Preferences, "As they are now.", _PREFERENCES_EXAMPLE)},
)
async def change_preferences_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
    data: JSONBody[Preferences],
) -> Preferences:
    async with db.transaction(context) as conn:
        return await preferences.change_preferences(conn, _user_of(caller), data)


HANDLERS = (list_route, read_route, read_all_route, preferences_route, change_preferences_route)
