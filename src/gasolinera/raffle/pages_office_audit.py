"""What was done to a raffle, by whom: found by what happened and what it was about."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Stream, Template

from gasolinera.database import Connection, Database
from gasolinera.paging import Page
from gasolinera.raffle import raffles
from gasolinera.raffle.models import AuditEntry, AuditFilter
from gasolinera.raffle.pages_office import LOOK, ROOT, WORDING, CodeInPath, office_page
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form
from gasolinera.web.pages import CHAIN_ZONE, language_of
from gasolinera.web.sheets import csv_of_pages

_SHOWN: Final = 40
_COLUMNS: Final = ("when", "what", "audit-subject", "audit-before", "values", "who")
_EVENT: Final = "event-"


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    event: Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z_]{2,49}$(?!\n)")] | None = None
    q: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    sort: Literal["when", "-when"] = "-when"


@get(f"{ROOT}/{{code:str}}/audit", guards=LOOK, include_in_schema=False)
async def audit_route(request: Request[Any, Any, Any], db: NamedDependency[Database], code: CodeInPath) -> Template:
    """Also of one that was deleted. Raises UnknownError."""
    form, filters = _asked(request)
    async with db.connection() as conn:
        found = await _read(conn, code, filters, cursor=form.values.get("cursor"), limit=_SHOWN)
    known = WORDING.names("es")
    values = {
        "code": code.upper(),
        "form": form,
        "found": found,
        "known": known,
        "events": sorted(name.removeprefix(_EVENT) for name in known if name.startswith(_EVENT)),
        "is_filtered": filters.event is not None or filters.q is not None,
    }
    return office_page(request, "audit.html", values, status=422 if form.errors else 200)


@get(f"{ROOT}/{{code:str}}/audit/export.csv", guards=LOOK, include_in_schema=False)
async def export_route(request: Request[Any, Any, Any], db: NamedDependency[Database], code: CodeInPath) -> Stream:
    """Raises UnknownError."""
    _, filters = _asked(request)
    language = language_of(request)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[AuditEntry]:
        return await _read(conn, code, filters, cursor=cursor, limit=limit)

    return await csv_of_pages(
        db,
        read,
        lambda one: _row(one, language),
        name=f"{code.lower()}-{WORDING.text(language, 'audit-file')}",
        header=[WORDING.text(language, name) for name in _COLUMNS],
        language=language,
    )


async def _read(conn: Connection, code: str, filters: Filters, *, cursor: str | None, limit: int) -> Page[AuditEntry]:
    wanted = AuditFilter(event_type=filters.event, subject=filters.q)
    return await raffles.audit(
        conn, code.upper(), wanted, is_up=filters.sort == "when", cursor=cursor or None, limit=limit
    )


def _asked(request: Request[Any, Any, Any]) -> tuple[Form, Filters]:
    form = Form({name: str(value).strip() for name, value in request.query_params.items()})
    return form, form.parsed(Filters) or Filters()


def _row(one: AuditEntry, language: str) -> Sequence[object]:
    name = f"{_EVENT}{one.event_type}"
    return (
        sheet_moment(one.created_at, CHAIN_ZONE),
        WORDING.text(language, name) if name in WORDING.names(language) else one.event_type,
        one.subject,
        _told(one.old_values),
        _told(one.new_values),
        one.actor,
    )


def _told(values: dict[str, Any] | None) -> str | None:
    return None if values is None else msgspec.json.encode(values).decode()


HANDLERS: Final = (audit_route, export_route)
