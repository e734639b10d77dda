"""What terminals took without a connection and coupons did not give: who bears it, decided by a person."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.authentication import requires
from gasolinera.calls import UserDirectory
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.redemption import finding, offline, offline_conflicts
from gasolinera.redemption.api import coupons_in
from gasolinera.redemption.models_offline import OfflineRedemption, Resolution, ResolutionWish
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.redemption", "offline_review")
_SEE: Final = [requires(Permission.OFFLINE_REVIEW)]
_JUDGE: Final = [requires(Permission.OFFLINE_REVIEW, second_factor=True, fresh=True)]
_SHOWN: Final = 50
_FOR_CHAIN: Final = (Resolution.ACCEPT, Resolution.WRITTEN_OFF)
_COLUMNS: Final = (
    "when",
    "received",
    "station",
    "terminal",
    "employee",
    "coupon",
    "amount",
    "discount",
    "currency",
    "reason",
    "resolution",
    "notes",
)
Terminal = Annotated[str, PathParameter(pattern=r"^TRM[0-9]{6,15}$(?!\n)")]
Sequence_ = Annotated[int, PathParameter(ge=1, le=10**15)]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    station: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] | None = None
    state: Literal["open", "resolved"] = "open"
    sort: Literal["received", "-received"] = "-received"


@get("/office/offline-review", guards=_SEE, include_in_schema=False)
async def conflicts_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    return await _list_page(request, db, caller)


@get("/office/offline-review/export.csv", guards=_SEE, include_in_schema=False)
async def export_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    _, filters = _asked(request)
    language = language_of(request)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[OfflineRedemption]:
        return await offline_conflicts.list_conflicts(
            conn,
            caller,
            filters.station,
            is_resolved=filters.state == "resolved",
            is_up=filters.sort == "received",
            cursor=cursor,
            limit=limit,
        )

    return await csv_of_pages(
        db,
        read,
        lambda one: _row(one, language),
        name=WORDING.text(language, "file"),
        header=[WORDING.text(language, f"column-{name}") for name in _COLUMNS],
        language=language,
        is_capped=True,
    )


@get("/office/offline-review/{terminal:str}/{sequence:int}", guards=_SEE, include_in_schema=False)
async def conflict_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    terminal: Terminal,
    sequence: Sequence_,
) -> Template:
    return await _conflict_page(request, db, caller, (terminal, sequence), Form())


@post("/office/offline-review/{terminal:str}/{sequence:int}", guards=_JUDGE, status_code=303, include_in_schema=False)
async def resolve_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    users: NamedDependency[UserDirectory],
    state: State,
    terminal: Terminal,
    sequence: Sequence_,
) -> Template | Redirect:
    form = await read_form(request)
    wish = form.parsed(ResolutionWish)
    if wish is None:
        return await _conflict_page(request, db, caller, (terminal, sequence), form, status=422)
    if not is_confirmed(form):
        language = language_of(request)
        word = wish.resolution.lower().replace("_", "-")
        question = Question(
            title=WORDING.text(language, "ask-title"),
            text=WORDING.text(language, f"ask-{word}"),
            yes=WORDING.text(language, "ask-yes"),
            back=f"/office/offline-review/{terminal}/{sequence}",
            is_danger=False,
        )
        return confirm_page(request, question, {"resolution": wish.resolution, "notes": wish.notes})
    asked = offline.Asked(coupons_in(state), users)
    entry = (terminal, sequence)
    error = await refused(request, offline_conflicts.resolve(db, asked, context, caller, entry, wish))
    if error is not None:
        tell(request, form, error, WORDING, {"offline.accept": "resolution", "offline.not_acceptable": "resolution"})
        return await _conflict_page(request, db, caller, entry, form, status=int(error.status))
    return Redirect("/office/offline-review?said=resolved", status_code=303)


async def _list_page(request: Request[Any, Any, Any], db: Database, caller: Caller) -> Template:
    form, filters = _asked(request)
    async with db.connection() as conn:
        found = await offline_conflicts.list_conflicts(
            conn,
            caller,
            filters.station,
            is_resolved=filters.state == "resolved",
            is_up=filters.sort == "received",
            cursor=form.values.get("cursor"),
            limit=_SHOWN,
        )
        chains = await offline_conflicts.list_chains(conn, caller, filters.station, cursor=None, limit=_SHOWN)
    values = {
        "form": form,
        "found": found,
        "chains": chains,
        "state": filters.state,
        "is_filtered": filters.station is not None,
        "own_station": caller.station_code,
        "zone": CHAIN_ZONE,
        "reasons": WORDING.names("es"),
    }
    status = 422 if form.errors else 200
    return page(request, "redemption/offline_review/list.html", values, wording=WORDING, status=status)


async def _conflict_page(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    entry: tuple[str, int],
    form: Form,
    *,
    status: int = 200,
) -> Template:
    async with db.connection() as conn:
        conflict = await offline_conflicts.get_conflict(conn, caller, entry)
        zone = await finding.zone_of_station(conn, conflict.station_code)
    is_all = caller.reach(Permission.OFFLINE_REVIEW) is Reach.ALL
    is_decided = conflict.transaction_reference is not None
    choices = [
        one for one in Resolution if (is_all or one not in _FOR_CHAIN) and not (one is Resolution.ACCEPT and is_decided)
    ]
    values = {
        "one": conflict,
        "form": form,
        "zone": zone or CHAIN_ZONE,
        "choices": choices,
        "reasons": WORDING.names("es"),
        "sees_people": caller.reach(Permission.USERS_READ) is not None,
    }
    return page(request, "redemption/offline_review/conflict.html", values, wording=WORDING, status=status)


def _asked(request: Request[Any, Any, Any]) -> tuple[Form, Filters]:
    form = Form({name: str(value).strip() for name, value in request.query_params.items()})
    form.values["station"] = form.value("station").upper()
    return form, form.parsed(Filters) or Filters()


def _row(one: OfflineRedemption, language: str) -> Sequence[object]:
    return (
        sheet_moment(one.used_at, CHAIN_ZONE),
        sheet_moment(one.received_at, CHAIN_ZONE),
        one.station_code,
        one.terminal_code,
        one.employee_number,
        one.coupon_code,
        one.amount,
        one.discount_amount,
        one.currency,
        reason_text(language, one.reason),
        None if one.resolution is None else WORDING.text(language, _name("resolution", one.resolution)),
        one.notes,
    )


def reason_text(language: str, reason: str | None) -> str:
    name = _name("reason", reason or "other")
    return WORDING.text(language, name if name in WORDING.names(language) else "reason-other")


def _name(prefix: str, word: str) -> str:
    return f"{prefix}-{word.lower().replace('_', '-')}"


HANDLERS = (conflicts_route, export_route, conflict_route, resolve_route)
