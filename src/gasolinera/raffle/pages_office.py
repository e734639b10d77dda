"""The back office's raffles: the list of all, one with its steps from draft to prizes, and what was done to it."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream, Template

from gasolinera.authentication import requires
from gasolinera.database import Connection, Database
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission
from gasolinera.raffle import overview
from gasolinera.raffle.checklist import Known, next_step, steps_of
from gasolinera.raffle.models import RaffleFilter, RaffleStatus, RaffleType
from gasolinera.raffle.overview import ORDERS
from gasolinera.raffle.queries_pages_office import SortedRaffle
from gasolinera.web.figures import sheet_moment
from gasolinera.web.pages import language_of, page
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.raffle", "office")
LOOK: Final = [requires(Permission.RAFFLES_MANAGE)]
MANAGE: Final = [requires(Permission.RAFFLES_MANAGE, second_factor=True, fresh=True)]
DRAW: Final = [requires(Permission.RAFFLES_DRAW, second_factor=True, fresh=True)]
ROOT: Final = "/office/raffles"
_AT_ONCE: Final = 25
_NEWEST: Final = "-new"

Cursor: TypeAlias = Annotated[str | None, QueryParameter(max_length=MAX_CURSOR)]
Said: TypeAlias = Annotated[str | None, QueryParameter(max_length=40, pattern=r"^[a-z-]*$(?!\n)")]
Wanted: TypeAlias = Annotated[str | None, QueryParameter(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Sort: TypeAlias = Annotated[str | None, QueryParameter(max_length=20, pattern=r"^-?[a-z]*$(?!\n)")]
Choice: TypeAlias = Annotated[str | None, QueryParameter(max_length=30, pattern=r"^[A-Z_]*$(?!\n)")]
OfType: TypeAlias = Annotated[str | None, QueryParameter(name="type", max_length=30, pattern=r"^[A-Z_]*$(?!\n)")]
CodeInPath: TypeAlias = Annotated[str, PathParameter(max_length=50, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{2,49}$(?!\n)")]
Kind = TypeVar("Kind", bound=StrEnum)


def one_of(kind: type[Kind], given: str | None) -> Kind | None:
    """None for what a filter leaves open, and for what nobody knows."""
    return kind(given) if given in set(kind) else None


def address(code: str, *parts: str) -> str:
    return "/".join((ROOT, code, *parts))


def order_of(sort: str | None) -> tuple[str, bool]:
    """The key, and whether it goes down; the newest first where nobody asks for more."""
    asked = sort or _NEWEST
    key = asked.removeprefix("-")
    return (key, asked.startswith("-")) if key in ORDERS else ("new", True)


def office_page(
    request: Request[Any, Any, Any], template: str, values: Mapping[str, Any], *, status: int = 200
) -> Template:
    """With what the topic's templates make of lists of choices and of zones."""
    language = language_of(request)

    def texts_of(prefix: str, choices: Iterable[str]) -> list[tuple[str, str]]:
        return [(str(one), WORDING.text(language, f"{prefix}{one}")) for one in choices]

    def zone_name(zone: str) -> str:
        name = f"zone-{zone.replace('/', '-')}"
        return WORDING.text(language, name) if name in WORDING.names(language) else zone

    def zone_texts(zones: Iterable[str]) -> list[tuple[str, str]]:
        return [(zone, zone_name(zone)) for zone in zones]

    known = {"texts_of": texts_of, "zone_name": zone_name, "zone_texts": zone_texts}
    return page(request, f"raffle/office/{template}", {**known, **values}, wording=WORDING, status=status)


def _filter_of(status: str | None, raffle_type: str | None, q: str | None) -> RaffleFilter:
    wanted = one_of(RaffleStatus, status)
    return RaffleFilter(
        statuses=None if wanted is None else (wanted,),
        raffle_type=one_of(RaffleType, raffle_type),
        text=(q or "").strip() or None,
        with_drafts=True,
    )


@get(ROOT, guards=LOOK, include_in_schema=False)
async def list_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    q: Wanted = None,
    status: Choice = None,
    raffle_type: OfType = None,
    sort: Sort = None,
    cursor: Cursor = None,
    said: Said = None,  # noqa: ARG001  read by the page
) -> Template:
    by, is_descending = order_of(sort)
    async with db.connection() as conn:
        found = await overview.list_sorted(
            conn,
            _filter_of(status, raffle_type, q),
            by=by,
            is_descending=is_descending,
            cursor=cursor or None,
            limit=_AT_ONCE,
        )
    values = {
        "found": found,
        "statuses": list(RaffleStatus),
        "types": list(RaffleType),
        "is_filtered": bool(q or status or raffle_type),
    }
    return office_page(request, "list.html", values)


@get(f"{ROOT}/export.csv", guards=LOOK, include_in_schema=False)
async def export_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    q: Wanted = None,
    status: Choice = None,
    raffle_type: OfType = None,
    sort: Sort = None,
) -> Stream:
    by, is_descending = order_of(sort)
    wanted = _filter_of(status, raffle_type, q)
    language = language_of(request)
    names = ("code", "name", "type", "algorithm", "status", "opens", "closes", "draw", "zone", "tickets", "people")
    header = [WORDING.text(language, f"csv-{name}") for name in names]

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[SortedRaffle]:
        return await overview.list_sorted(conn, wanted, by=by, is_descending=is_descending, cursor=cursor, limit=limit)

    def row(one: SortedRaffle) -> Sequence[object]:
        return _row(one, language)

    return await csv_of_pages(db, read, row, name="raffles", header=header, language=language)


def _row(one: SortedRaffle, language: str) -> Sequence[object]:
    def said(name: str) -> str:
        return WORDING.text(language, name)

    moments = [
        sheet_moment(moment, one.time_zone) if moment else "" for moment in (one.opens_at, one.closes_at, one.draw_at)
    ]
    return (
        one.raffle_code,
        one.name,
        said(f"type-{one.raffle_type}"),
        said(f"algorithm-{one.selection_algorithm}"),
        said(f"status-{one.status}"),
        *moments,
        one.time_zone,
        one.tickets,
        one.participants,
    )


@get(f"{ROOT}/{{code:str}}", guards=LOOK, include_in_schema=False)
async def raffle_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    said: Said = None,  # noqa: ARG001  read by the page
) -> Template:
    """Raises UnknownError."""
    async with db.connection() as conn:
        known = await overview.look_at(conn, code.upper())
    return raffle_page(request, caller, known)


def raffle_page(
    request: Request[Any, Any, Any], caller: Caller, known: Known, *, refusal: str | None = None
) -> Template:
    """`refusal`: why what was just asked for was not done."""
    steps = steps_of(known)
    values = {
        "raffle": known.raffle,
        "facts": known.facts,
        "draw": known.draw,
        "evidence": known.evidence,
        "steps": steps,
        "next": next_step(steps),
        "refusal": refusal,
        "may_change": caller.has_second_factor,
        "may_draw": caller.reach(Permission.RAFFLES_DRAW) is not None and caller.has_second_factor,
        "may_fulfil": caller.reach(Permission.RAFFLES_FULFIL) is not None and caller.has_second_factor,
        "units": sum(prize.quantity for prize in known.raffle.prizes),
    }
    return office_page(request, "raffle.html", values, status=200 if refusal is None else 409)


HANDLERS: Final = (list_route, export_route, raffle_route)
