"""The steps of a raffle that cannot be taken back: published, closed, frozen, drawn; cancelled, given up, deleted.

Each asks first. Two people who take the same step at once take it once, and the second is told so.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import GasolineraError
from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller
from gasolinera.raffle import overview, raffles
from gasolinera.raffle.draw_keeping import draw_by_hand, terms_of
from gasolinera.raffle.forms_office import GivingUpForm
from gasolinera.raffle.freezing import freeze
from gasolinera.raffle.pages_office import DRAW, MANAGE, ROOT, WORDING, CodeInPath, address, office_page, raffle_page
from gasolinera.raffle.pages_office_draft import texts
from gasolinera.raffle.voiding import void
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.forms import Form, read_form
from gasolinera.web.refusing import refused, tell, words_of

_PATH: Final = f"{ROOT}/{{code:str}}"


async def _asked(
    request: Request[Any, Any, Any], code: str, step: str, *, word: str | None = None, is_danger: bool = False
) -> Template | None:
    """The page that asks; None when the answer was yes. Raises what `read_form` raises."""
    form = await read_form(request)
    if is_confirmed(form, word):
        return None
    question = Question(
        title=texts(request, f"ask-{step}-title", code=code),
        text=texts(request, f"ask-{step}"),
        yes=texts(request, f"ask-{step}-yes"),
        back=f"{address(code)}#step-{step}",
        word=word,
        is_danger=is_danger,
    )
    return confirm_page(request, question, {}, form)


async def _taken(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    code: str,
    work: Callable[[], Awaitable[str]],
) -> Template | Redirect:
    """Back to the raffle with what `work` says of itself, or with why it was not done."""
    said: list[str] = []

    async def take() -> None:
        said.append(await work())

    refusal: GasolineraError | None = await refused(request, take())
    if refusal is None:
        return Redirect(f"{address(code)}?said={said[0]}", status_code=303)
    async with db.connection() as conn:
        known = await overview.look_at(conn, code)
    return raffle_page(request, caller, known, refusal=words_of(request, WORDING, refusal))


@post(f"{_PATH}/opening", guards=MANAGE, status_code=200, include_in_schema=False)
async def open_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: CodeInPath,
) -> Template | Redirect:
    code = code.upper()
    question = await _asked(request, code, "opening")
    if question is not None:
        return question

    async def work() -> str:
        async with db.transaction(context) as conn:
            await raffles.open_raffle(conn, code)
        return "opened"

    return await _taken(request, db, caller, code, work)


@post(f"{_PATH}/closing", guards=MANAGE, status_code=200, include_in_schema=False)
async def close_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: CodeInPath,
) -> Template | Redirect:
    code = code.upper()
    question = await _asked(request, code, "closing")
    if question is not None:
        return question

    async def work() -> str:
        async with db.transaction(context) as conn:
            await raffles.close_raffle(conn, code)
        return "closed"

    return await _taken(request, db, caller, code, work)


@post(f"{_PATH}/freezing", guards=DRAW, status_code=200, include_in_schema=False)
async def freeze_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    state: State,
    code: CodeInPath,
) -> Template | Redirect:
    code = code.upper()
    question = await _asked(request, code, "freeze")
    if question is not None:
        return question
    settings: Settings = state["settings"]

    async def work() -> str:
        async with db.transaction(context) as conn:
            await freeze(conn, code, terms_of(settings, keyring))
        return "frozen"

    return await _taken(request, db, caller, code, work)


@post(f"{_PATH}/drawing", guards=DRAW, status_code=200, include_in_schema=False)
async def draw_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    code: CodeInPath,
) -> Template | Redirect:
    """Whoever comes second is told that it was drawn before, with the same winners."""
    code = code.upper()
    question = await _asked(request, code, "draw", word=code)
    if question is not None:
        return question

    async def work() -> str:
        drawn = await draw_by_hand(db, state["settings"], code, context)
        return "drawn" if drawn.is_new else "drawn-before"

    return await _taken(request, db, caller, code, work)


@post(f"{_PATH}/deletion", guards=MANAGE, status_code=200, include_in_schema=False)
async def delete_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
) -> Template | Redirect:
    code = code.upper()
    question = await _asked(request, code, "deletion", word=code, is_danger=True)
    if question is not None:
        return question
    async with db.transaction(context) as conn:
        await raffles.delete_draft(conn, code)
    return Redirect(f"{ROOT}?said=deleted", status_code=303)


def _ending_page(request: Request[Any, Any, Any], code: str, ending: str, form: Form, status: int = 200) -> Template:
    values = {"code": code, "ending": ending, "form": form}
    return office_page(request, "giving_up.html", values, status=status)


@get(f"{_PATH}/cancellation", guards=MANAGE, include_in_schema=False)
async def cancel_page_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], code: CodeInPath
) -> Template:
    async with db.connection() as conn:
        raffle = await raffles.get_raffle(conn, code.upper(), with_refused=False)
    return _ending_page(request, raffle.raffle_code, "cancellation", Form())


@get(f"{_PATH}/void", guards=DRAW, include_in_schema=False)
async def void_page_route(request: Request[Any, Any, Any], db: NamedDependency[Database], code: CodeInPath) -> Template:
    async with db.connection() as conn:
        raffle = await raffles.get_raffle(conn, code.upper(), with_refused=False)
    return _ending_page(request, raffle.raffle_code, "void", Form())


@post(f"{_PATH}/cancellation", guards=MANAGE, status_code=200, include_in_schema=False)
async def cancel_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
) -> Template | Redirect:
    async def cancel(reason: str) -> None:
        async with db.transaction(context) as conn:
            await raffles.cancel_raffle(conn, code.upper(), reason)

    return await _given_up(request, code.upper(), "cancellation", cancel)


@post(f"{_PATH}/void", guards=DRAW, status_code=200, include_in_schema=False)
async def void_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    code: CodeInPath,
) -> Template | Redirect:
    async def give_up(reason: str) -> None:
        async with db.transaction(context) as conn:
            await void(conn, code.upper(), reason=reason, key=keyring.current("raffle"))

    return await _given_up(request, code.upper(), "void", give_up)


async def _given_up(
    request: Request[Any, Any, Any], code: str, ending: str, work: Callable[[str], Awaitable[None]]
) -> Template | Redirect:
    """With a reason that everybody can read, and the raffle's code typed."""
    form = await read_form(request)
    form.values["reason"] = " ".join(form.value("reason").split())
    parsed = form.parsed(GivingUpForm)
    if form.value("typed").upper() != code:
        form.refuse(texts(request, "typed-other", code=code), "typed")
    if parsed is None or form.errors:
        return _ending_page(request, code, ending, form, 422)
    refusal = await refused(request, work(parsed.reason))
    if refusal is not None:
        tell(request, form, refusal, WORDING)
        return _ending_page(request, code, ending, form, 422)
    said = {"cancellation": "cancelled", "void": "voided"}[ending]
    return Redirect(f"{address(code)}?said={said}", status_code=303)


HANDLERS: Final = (
    open_route,
    close_route,
    freeze_route,
    draw_route,
    delete_route,
    cancel_page_route,
    void_page_route,
    cancel_route,
    void_route,
)
