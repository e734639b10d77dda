"""A draft of a raffle in forms: what it is called, when it is, who may take part, what can be won, and its terms."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Template

from gasolinera.database import Database, RequestContext
from gasolinera.errors import UnknownError
from gasolinera.raffle import raffles
from gasolinera.raffle.errors import unknown_prize
from gasolinera.raffle.forms_office import (
    SECTIONS,
    SOURCES,
    WORDS,
    ZONES,
    NewForm,
    Section,
    filled,
    filled_prize,
    new_raffle,
)
from gasolinera.raffle.models import Algorithm, ManagedRaffle, NewPrize, PrizeType, RaffleStatus, RaffleType, Terms
from gasolinera.raffle.pages_office import LOOK, MANAGE, ROOT, WORDING, CodeInPath, address, office_page
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import language_of
from gasolinera.web.refusing import refused, tell

_DELIVERIES: Final = ("CREDIT", "DIGITAL", "PHYSICAL", "MANUAL", "AUTOMATIC")
_CURRENCIES: Final = ("MXN", "CRC", "USD")
_PRIZE_FIELDS: Final[Mapping[str, str]] = {
    "raffle.rank_taken": "rank",
    "raffle.prize_value": "prize_value",
    "raffle.image_url": "image_url",
    "raffle.name": "name",
}
_NEW_FIELDS: Final[Mapping[str, str]] = {
    "raffle.code_taken": "raffle_code",
    "raffle.name": "name",
    "raffle.time_zone": "time_zone",
}
SectionInPath: TypeAlias = Annotated[str, PathParameter(pattern=r"^(about|dates|players|rules)$(?!\n)")]
_Rank: TypeAlias = Annotated[int, PathParameter(ge=1, le=1000)]


def texts(request: Request[Any, Any, Any], name: str, **arguments: str | int) -> str:
    return WORDING.text(language_of(request), name, arguments)


def _one_line(form: Form, name: str) -> None:
    """What is typed into several lines is one paragraph."""
    if name in form.values:
        form.values[name] = " ".join(form.values[name].split())


def _new_page(request: Request[Any, Any, Any], form: Form, status: int = 200) -> Template:
    values = {"form": form, "types": list(RaffleType), "algorithms": list(Algorithm), "zones": ZONES}
    return office_page(request, "new.html", values, status=status)


@get(f"{ROOT}/new", guards=MANAGE, include_in_schema=False)
async def new_route(request: Request[Any, Any, Any]) -> Template:
    usual = {"raffle_type": "STANDARD", "selection_algorithm": "MERKLE_TREE", "time_zone": ZONES[0]}
    return _new_page(request, Form(usual))


@post(f"{ROOT}/new", guards=MANAGE, status_code=200, include_in_schema=False)
async def create_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], context: NamedDependency[RequestContext]
) -> Template | Redirect:
    form = await read_form(request)
    _one_line(form, "description")
    form.values["raffle_code"] = form.value("raffle_code").upper()
    parsed = form.parsed(NewForm)
    if parsed is None:
        return _new_page(request, form, 422)

    async def create() -> None:
        async with db.transaction(context) as conn:
            await raffles.create_raffle(conn, new_raffle(parsed))

    refusal = await refused(request, create())
    if refusal is not None:
        tell(request, form, refusal, WORDING, _NEW_FIELDS)
        return _new_page(request, form, 422)
    return Redirect(f"{address(parsed.raffle_code)}?said=drafted", status_code=303)


def _section(raffle: ManagedRaffle, name: str) -> Section:
    return WORDS if name == "about" and raffle.status is RaffleStatus.OPEN else SECTIONS[name]


def _section_page(
    request: Request[Any, Any, Any], raffle: ManagedRaffle, name: str, form: Form, status: int = 200
) -> Template:
    values = {
        "raffle": raffle,
        "section": name,
        "form": form,
        "is_draft": raffle.status is RaffleStatus.DRAFT,
        "types": list(RaffleType),
        "algorithms": list(Algorithm),
        "zones": sorted({*ZONES, raffle.time_zone}),
        "sources": SOURCES,
    }
    return office_page(request, "section.html", values, status=status)


@get(f"{ROOT}/{{code:str}}/edit/{{section:str}}", guards=MANAGE, include_in_schema=False)
async def section_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    code: CodeInPath,
    section: SectionInPath,
) -> Template:
    async with db.connection() as conn:
        raffle = await raffles.get_raffle(conn, code.upper(), with_refused=False)
    return _section_page(request, raffle, section, Form(filled(raffle)))


@post(f"{ROOT}/{{code:str}}/edit/{{section:str}}", guards=MANAGE, status_code=200, include_in_schema=False)
async def change_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    section: SectionInPath,
) -> Template | Redirect:
    form = await read_form(request)
    _one_line(form, "description")
    async with db.connection() as conn:
        raffle = await raffles.get_raffle(conn, code.upper(), with_refused=False)
    part = _section(raffle, section)
    parsed: Any = form.parsed(part.form)
    if parsed is None:
        return _section_page(request, raffle, section, form, 422)

    async def change() -> None:
        async with db.transaction(context) as conn:
            wanted = part.change(parsed)
            await raffles.change_raffle(conn, raffle.raffle_code, wanted, version=parsed.version)

    refusal = await refused(request, change())
    if refusal is not None:
        tell(request, form, refusal, WORDING, part.fields)
        return _section_page(request, raffle, section, form, 422)
    return Redirect(f"{address(raffle.raffle_code)}?said=changed#step-{section}", status_code=303)


def _terms_page(request: Request[Any, Any, Any], code: str, form: Form, status: int = 200) -> Template:
    return office_page(request, "terms.html", {"code": code, "form": form}, status=status)


@get(f"{ROOT}/{{code:str}}/terms", guards=LOOK, include_in_schema=False)
async def terms_route(request: Request[Any, Any, Any], db: NamedDependency[Database], code: CodeInPath) -> Template:
    """With the text in force to go on from; its version is a new one, since what is written down does not change."""
    async with db.connection() as conn:
        raffle = await raffles.get_raffle(conn, code.upper(), with_refused=False)
        try:
            terms = await raffles.get_terms(conn, raffle.raffle_code, None, with_drafts=True)
        except UnknownError:
            terms = None
    if raffle.status is not RaffleStatus.DRAFT:
        values = {"raffle": raffle, "terms": terms}
        return office_page(request, "terms_shown.html", values)
    form = Form({"version": "1.0"} if terms is None else {"version": "", "text": terms.text})
    return _terms_page(request, raffle.raffle_code, form)


@post(f"{ROOT}/{{code:str}}/terms", guards=MANAGE, status_code=200, include_in_schema=False)
async def put_terms_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
) -> Template | Redirect:
    form = await read_form(request)
    parsed = form.parsed(Terms)
    if parsed is None:
        return _terms_page(request, code.upper(), form, 422)

    async def put() -> None:
        async with db.transaction(context) as conn:
            await raffles.put_terms(conn, code.upper(), parsed)

    refusal = await refused(request, put())
    if refusal is not None:
        tell(request, form, refusal, WORDING, {"raffle.terms_version": "version", "raffle.terms": "text"})
        return _terms_page(request, code.upper(), form, 422)
    return Redirect(f"{address(code.upper())}?said=terms#step-terms", status_code=303)


def _prize_page(
    request: Request[Any, Any, Any], raffle: ManagedRaffle, rank: int | None, form: Form, status: int = 200
) -> Template:
    values = {
        "raffle": raffle,
        "rank": rank,
        "form": form,
        "types": list(PrizeType),
        "deliveries": _DELIVERIES,
        "currencies": _CURRENCIES,
    }
    return office_page(request, "prize.html", values, status=status)


@get(f"{ROOT}/{{code:str}}/prizes/new", guards=MANAGE, include_in_schema=False)
async def new_prize_route(request: Request[Any, Any, Any], db: NamedDependency[Database], code: CodeInPath) -> Template:
    async with db.connection() as conn:
        raffle = await raffles.get_raffle(conn, code.upper(), with_refused=False)
    free = max((prize.rank for prize in raffle.prizes), default=0) + 1
    usual = {"rank": str(free), "quantity": "1", "currency": "MXN", "delivery_method": "CREDIT"}
    return _prize_page(request, raffle, None, Form(usual | {"prize_type": "FUEL_CREDIT"}))


@get(f"{ROOT}/{{code:str}}/prizes/{{rank:int}}", guards=MANAGE, include_in_schema=False)
async def prize_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], code: CodeInPath, rank: _Rank
) -> Template:
    async with db.connection() as conn:
        raffle = await raffles.get_raffle(conn, code.upper(), with_refused=False)
    prize = next((one for one in raffle.prizes if one.rank == rank), None)
    if prize is None:
        raise unknown_prize()
    return _prize_page(request, raffle, rank, Form(filled_prize(prize)))


@post(f"{ROOT}/{{code:str}}/prizes/new", guards=MANAGE, status_code=200, include_in_schema=False)
async def add_prize_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
) -> Template | Redirect:
    """The rank keeps a second click from adding it twice."""
    return await _keep_prize(request, db, context, code.upper(), None)


@post(f"{ROOT}/{{code:str}}/prizes/{{rank:int}}", guards=MANAGE, status_code=200, include_in_schema=False)
async def put_prize_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    rank: _Rank,
) -> Template | Redirect:
    return await _keep_prize(request, db, context, code.upper(), rank)


async def _keep_prize(
    request: Request[Any, Any, Any], db: Database, context: RequestContext, code: str, rank: int | None
) -> Template | Redirect:
    form = await read_form(request)
    _one_line(form, "description")
    if rank is not None:
        form.values["rank"] = str(rank)
    parsed = form.parsed(NewPrize)

    async def keep(prize: NewPrize) -> None:
        async with db.transaction(context) as conn:
            await (raffles.add_prize if rank is None else raffles.put_prize)(conn, code, prize)

    refusal = None if parsed is None else await refused(request, keep(parsed))
    if parsed is not None and refusal is None:
        return Redirect(f"{address(code)}?said=prize#step-prizes", status_code=303)
    if refusal is not None:
        tell(request, form, refusal, WORDING, _PRIZE_FIELDS)
    async with db.connection() as conn:
        raffle = await raffles.get_raffle(conn, code, with_refused=False)
    return _prize_page(request, raffle, rank, form, 422)


@post(f"{ROOT}/{{code:str}}/prizes/{{rank:int}}/removal", guards=MANAGE, status_code=200, include_in_schema=False)
async def remove_prize_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    rank: _Rank,
) -> Template | Redirect:
    form = await read_form(request)
    if not is_confirmed(form):
        question = Question(
            title=texts(request, "ask-prize-title", rank=rank),
            text=texts(request, "ask-prize", prize=form.value("name")),
            yes=texts(request, "ask-prize-yes"),
            back=f"{address(code.upper())}#step-prizes",
        )
        return confirm_page(request, question, {"name": form.value("name")}, form)
    async with db.transaction(context) as conn:
        await raffles.remove_prize(conn, code.upper(), rank)
    return Redirect(f"{address(code.upper())}?said=prize-gone#step-prizes", status_code=303)


HANDLERS: Final = (
    new_route,
    create_route,
    section_route,
    change_route,
    terms_route,
    put_terms_route,
    new_prize_route,
    prize_route,
    add_prize_route,
    put_prize_route,
    remove_prize_route,
)
