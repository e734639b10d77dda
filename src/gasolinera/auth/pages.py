"""The inbox of development: what would have been sent, for people who try the platform. Elsewhere there is none."""

import re
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.response import Template

from gasolinera.auth import queries_notifications as queries
from gasolinera.auth.models_notifications import DevelopmentMessage
from gasolinera.auth.notifications import WORDING
from gasolinera.config import Environment
from gasolinera.database import Database
from gasolinera.web.pages import page

_SHOWN: Final = 50
_CODE: Final = re.compile(r"\b([0-9]{6})\b")


class Shown(msgspec.Struct, frozen=True):
    kind: str
    recipient: str
    subject: str | None
    text: str
    code: str | None
    at: datetime


@get("/dev/inbox", include_in_schema=False, opt={"open": True})
async def inbox_route(request: Request[Any, Any, Any], db: NamedDependency[Database]) -> Template:
    """Raises NotFoundException in production, as if there were no such address."""
    if request.app.state["settings"].environment is Environment.PRODUCTION:
        raise NotFoundException
    async with db.connection() as conn:
        found = await queries.list_development_messages(conn, _SHOWN)
    values = {"messages": [_as_shown(message) for message in found]}
    return page(request, "auth/inbox.html", values, wording=WORDING)


def _as_shown(message: DevelopmentMessage) -> Shown:
    code = _CODE.search(message.message_text) if message.kind == "SMS" else None
    return Shown(
        kind=message.kind.lower(),
        recipient=message.recipient,
        subject=message.subject,
        text=message.message_text,
        code=code[1] if code else None,
        at=message.created_at,
    )


HANDLERS = (inbox_route,)
