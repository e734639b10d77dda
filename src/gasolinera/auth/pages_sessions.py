"""Where somebody is logged in, and what happened to the account, with a browser."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Template

from gasolinera.auth import audit, sessions
from gasolinera.auth.devices import device_of
from gasolinera.auth.models import EndReason, Session
from gasolinera.auth.models_administration import AuditPosition
from gasolinera.auth.pages_account import OWN, WORDING, CursorText, user_of
from gasolinera.auth.pages_login import forgotten_session
from gasolinera.database import Database, RequestContext
from gasolinera.paging import decode_cursor
from gasolinera.permissions import Caller
from gasolinera.web.forms import read_form
from gasolinera.web.pages import page

_AT_ONCE: Final = 30
_A_MOMENT: Final = timedelta(minutes=1)


class ShownSession(msgspec.Struct, frozen=True, kw_only=True):
    session_id: UUID
    device: str | None
    ip_address: str | None
    started_at: datetime
    last_used_at: datetime | None
    is_current: bool


class ShownEvent(msgspec.Struct, frozen=True, kw_only=True):
    event: str
    succeeded: bool
    by_you: bool
    device: str | None
    ip_address: str | None
    at: datetime


def last_use_of(session: Session) -> datetime | None:
    """An app's, which refreshes its tokens; a browser's session is not renewed, so nothing tells when it was used."""
    return session.last_used_at if session.last_used_at - session.started_at > _A_MOMENT else None


@get("/me/sessions", include_in_schema=False, guards=OWN)
async def sessions_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    async with db.connection() as conn:
        found = await sessions.list_sessions(conn, user_of(caller), caller.session_id)
    shown = [
        ShownSession(
            session_id=one.session_id,
            device=one.device_name or device_of(one.user_agent),
            ip_address=one.ip_address,
            started_at=one.started_at,
            last_used_at=last_use_of(one),
            is_current=one.is_current,
        )
        for one in sorted(found, key=lambda one: not one.is_current)
    ]
    return page(request, "auth/account/sessions.html", {"sessions": shown}, wording=WORDING)


@post("/me/sessions/{session_id:uuid}/end", include_in_schema=False, status_code=303, guards=OWN)
async def end_session_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
    session_id: Annotated[UUID, PathParameter()],
) -> Redirect:
    """One's own alone: another's session is unknown here. That of this browser is a logout."""
    await read_form(request)
    user = user_of(caller)
    await db.run(lambda conn: sessions.end_session(conn, user, session_id), context)
    if session_id == caller.session_id:
        return Redirect("/?said=bye", status_code=303, cookies=[forgotten_session(request)])
    return Redirect("/me/sessions?said=ended", status_code=303)


@post("/me/sessions/end-others", include_in_schema=False, status_code=303, guards=OWN)
async def end_others_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Redirect:
    await read_form(request)
    user, kept = user_of(caller), caller.session_id
    await db.run(lambda conn: sessions.end_other_sessions(conn, user, kept, EndReason.LOGOUT), context)
    return Redirect("/me/sessions?said=ended-others", status_code=303)


@get("/me/activity", include_in_schema=False, guards=OWN)
async def activity_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    cursor: CursorText = None,
) -> Template:
    after = decode_cursor(AuditPosition, cursor)
    async with db.connection() as conn:
        found = await audit.list_own(conn, user_of(caller), after=after, limit=_AT_ONCE)
    shown = [
        ShownEvent(
            event=one.event_type,
            succeeded=one.succeeded,
            by_you=one.by_you,
            device=device_of(one.user_agent),
            ip_address=one.ip_address,
            at=one.created_at,
        )
        for one in found.items
    ]
    values = {"events": shown, "next_cursor": found.next_cursor}
    return page(request, "auth/account/activity.html", values, wording=WORDING)


HANDLERS = (sessions_route, end_session_route, end_others_route, activity_route)
