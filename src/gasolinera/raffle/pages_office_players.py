"""Who is kept out of a raffle by hand: listed, added with a reason, let in again."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.database import Connection, Database, RequestContext
from gasolinera.paging import Page
from gasolinera.raffle import eligibility, raffles
from gasolinera.raffle.models import Exclusion, ExclusionKind, NewExclusion
from gasolinera.raffle.pages_office import (
    LOOK,
    MANAGE,
    ROOT,
    WORDING,
    CodeInPath,
    Cursor,
    Said,
    Sort,
    Wanted,
    address,
    office_page,
)
from gasolinera.raffle.pages_office_draft import texts
from gasolinera.texts import text
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import language_of
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_of_pages

KINDS: Final[tuple[ExclusionKind, ...]] = ("FAMILY", "ORGANIZER", "SUPPLIER", "SELF_EXCLUDED", "OTHER")
_AT_ONCE: Final = 25
_OLDEST: Final = "since"
_PATH: Final = f"{ROOT}/{{code:str}}/exclusions"
_PublicId: TypeAlias = Annotated[UUID, PathParameter()]


class ExclusionForm(msgspec.Struct, frozen=True, kw_only=True):
    user_id: UUID
    kind: ExclusionKind
    is_everywhere: bool = False
    note: Annotated[str, text(500)] | None = None


def _text_of(q: str | None) -> str | None:
    return (q or "").strip() or None


async def _list_page(
    request: Request[Any, Any, Any],
    db: Database,
    code: str,
    form: Form,
    *,
    q: str | None = None,
    sort: str | None = None,
    cursor: str | None = None,
    status: int = 200,
) -> Template:
    async with db.connection() as conn:
        raffle = await raffles.get_raffle(conn, code, with_refused=False)
        found = await eligibility.list_exclusions(
            conn, code, text=_text_of(q), is_oldest_first=sort == _OLDEST, cursor=cursor, limit=_AT_ONCE
        )
    values = {"raffle": raffle, "found": found, "form": form, "kinds": KINDS, "is_filtered": bool(q)}
    return office_page(request, "exclusions.html", values, status=status)


@get(_PATH, guards=LOOK, include_in_schema=False)
async def list_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    code: CodeInPath,
    q: Wanted = None,
    sort: Sort = None,
    cursor: Cursor = None,
    said: Said = None,  # noqa: ARG001  read by the page
) -> Template:
    form = Form({"kind": "FAMILY"})
    return await _list_page(request, db, code.upper(), form, q=q, sort=sort, cursor=cursor or None)


@get(f"{_PATH}/export.csv", guards=LOOK, include_in_schema=False)
async def export_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    code: CodeInPath,
    q: Wanted = None,
    sort: Sort = None,
) -> Stream:
    """Raises UnknownError."""
    async with db.connection() as conn:
        raffle = await raffles.get_raffle(conn, code.upper(), with_refused=False)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[Exclusion]:
        return await eligibility.list_exclusions(
            conn,
            raffle.raffle_code,
            text=_text_of(q),
            is_oldest_first=sort == _OLDEST,
            cursor=cursor,
            limit=limit,
        )

    def row(one: Exclusion) -> Sequence[object]:
        return (
            one.user_id,
            texts(request, f"kind-{one.kind}"),
            one.raffle_code or texts(request, "of-all"),
            one.note,
            sheet_moment(one.created_at, raffle.time_zone),
        )

    header = [texts(request, name) for name in ("person", "kind", "of", "note", "since")]
    return await csv_of_pages(db, read, row, name="exclusions", header=header, language=language_of(request))


@post(_PATH, guards=MANAGE, status_code=200, include_in_schema=False)
async def exclude_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
) -> Template | Redirect:
    form = await read_form(request)
    form.values["note"] = " ".join(form.value("note").split())
    parsed = form.parsed(ExclusionForm)
    if parsed is None:
        return await _list_page(request, db, code.upper(), form, status=422)
    wish = NewExclusion(
        raffle_code=None if parsed.is_everywhere else code.upper(),
        user_id=parsed.user_id,
        kind=parsed.kind,
        note=parsed.note,
    )

    async def exclude() -> None:
        async with db.transaction(context) as conn:
            await eligibility.exclude_person(conn, wish)

    refusal = await refused(request, exclude())
    if refusal is not None:
        tell(request, form, refusal, WORDING, {"raffle.excluded_already": "user_id"})
        return await _list_page(request, db, code.upper(), form, status=422)
    return Redirect(f"{address(code.upper(), 'exclusions')}?said=excluded", status_code=303)


@post(f"{_PATH}/{{public_id:uuid}}/removal", guards=MANAGE, status_code=200, include_in_schema=False)
async def readmit_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    public_id: _PublicId,
) -> Template | Redirect:
    form = await read_form(request)
    back = address(code.upper(), "exclusions")
    if not is_confirmed(form):
        question = Question(
            title=texts(request, "ask-readmit-title"),
            text=texts(request, "ask-readmit"),
            yes=texts(request, "ask-readmit-yes"),
            back=back,
            is_danger=False,
        )
        return confirm_page(request, question, {}, form)
    async with db.transaction(context) as conn:
        await eligibility.readmit_person(conn, public_id)
    return Redirect(f"{back}?said=readmitted", status_code=303)


HANDLERS: Final = (list_route, export_route, exclude_route, readmit_route)
