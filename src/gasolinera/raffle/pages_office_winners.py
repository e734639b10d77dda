"""Winners for who fulfils: the list, and one with what is to be done: claim, identity, delivery, the next alternate."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.keyring import Keyring
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission
from gasolinera.raffle import claims, delivery, winners
from gasolinera.raffle.forms_office import ClaimForm, IdentityForm, claim_of, identity_of
from gasolinera.raffle.models_winners import (
    Delivery,
    DeliveryWish,
    DisqualificationReason,
    DisqualificationWish,
    DocumentType,
    Step,
    StepWish,
    Winner,
    WinnerDetails,
    WinnerFilter,
    WinnerStatus,
)
from gasolinera.raffle.pages_office import ROOT, WORDING, Choice, Cursor, Said, Sort, Wanted, office_page, one_of
from gasolinera.raffle.pages_office_draft import texts
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_of_pages

SEE: Final = [requires(Permission.RAFFLES_FULFIL, second_factor=True)]
FULFIL: Final = [requires(Permission.RAFFLES_FULFIL, second_factor=True, fresh=True)]
_PATH: Final = f"{ROOT}/winners"
_ONE: Final = f"{_PATH}/{{winner_id:uuid}}"
_AT_ONCE: Final = 25
_LATEST: Final = "-drawn"
_SENT_AS_DATA: Final = ("DIGITAL", "CREDIT", "AUTOMATIC")
_COLUMNS: Final = (
    "raffle", "draw-number", "position", "ticket", "status", "rank", "prize", "value", "currency", "deadline",
    "claimed", "delivered",
)  # fmt: skip

_TODO: Final[Mapping[WinnerStatus, str]] = {
    WinnerStatus.ALTERNATE: "alternate",
    WinnerStatus.SELECTED: "tell",
    WinnerStatus.NOTIFIED: "claim",
    WinnerStatus.DELIVERED: "delivered",
    WinnerStatus.FORFEITED: "forfeited",
    WinnerStatus.DISQUALIFIED: "disqualified",
}

WinnerId: TypeAlias = Annotated[UUID, PathParameter()]
OfRaffle: TypeAlias = Annotated[str | None, QueryParameter(max_length=50, pattern=r"^[A-Za-z0-9-]*$(?!\n)")]
Work: TypeAlias = Callable[[], Awaitable[None]]


def _filter_of(q: str | None, raffle: str | None, status: str | None) -> WinnerFilter:
    return WinnerFilter(
        raffle_code=(raffle or "").upper() or None,
        status=one_of(WinnerStatus, status),
        text=(q or "").strip() or None,
    )


@get(_PATH, guards=SEE, include_in_schema=False)
async def list_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    q: Wanted = None,
    raffle: OfRaffle = None,
    status: Choice = None,
    sort: Sort = None,
    cursor: Cursor = None,
) -> Template:
    async with db.connection() as conn:
        found = await winners.list_winners(
            conn,
            _filter_of(q, raffle, status),
            is_latest_first=sort == _LATEST,
            cursor=cursor or None,
            limit=_AT_ONCE,
        )
    is_filtered = bool(q or raffle or status)
    values = {"found": found, "statuses": list(WinnerStatus), "is_filtered": is_filtered, "todo_of": todo_of}
    return office_page(request, "winners.html", values)


@get(f"{_PATH}/export.csv", guards=SEE, include_in_schema=False)
async def export_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    q: Wanted = None,
    raffle: OfRaffle = None,
    status: Choice = None,
    sort: Sort = None,
) -> Stream:
    """Without the people: who won is known by the ticket."""
    language = language_of(request)
    wanted = _filter_of(q, raffle, status)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[Winner]:
        return await winners.list_winners(conn, wanted, is_latest_first=sort == _LATEST, cursor=cursor, limit=limit)

    def row(one: Winner) -> Sequence[object]:
        moments = (one.claim_deadline, one.claimed_at, one.delivered_at)
        return (
            one.raffle_code,
            one.draw_number,
            one.draw_position,
            one.ticket_number,
            WORDING.text(language, f"winner-{one.status}"),
            one.rank,
            one.prize_name,
            one.prize_value,
            one.currency,
            *(sheet_moment(moment, CHAIN_ZONE) if moment else "" for moment in moments),
        )

    header = [WORDING.text(language, f"csv-{name}") for name in _COLUMNS]
    return await csv_of_pages(db, read, row, name="winners", header=header, language=language)


@get(_ONE, guards=SEE, include_in_schema=False)
async def winner_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    winner_id: WinnerId,
    said: Said = None,  # noqa: ARG001  read by the page
) -> Template:
    return await _winner_page(request, db, caller, winner_id)


async def _winner_page(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    winner_id: UUID,
    *,
    form: Form | None = None,
    about: str = "",
) -> Template:
    """`about`: which of the page's forms was posted, and has `form`; the others are as they always begin."""
    async with db.transaction() as conn:
        details = await winners.get_winner(conn, winner_id)
    values = {
        "details": details,
        "todo_of": todo_of,
        "winner": details.winner,
        "is_own": details.winner.user_id == caller.user_id,
        "forms": _forms(details) | ({} if form is None else {about: form}),
        "about": about,
        "documents": list(DocumentType),
        "reasons": list(DisqualificationReason),
        "next_steps": next_steps_of(details),
    }
    status = 200 if form is None else 422
    return office_page(request, "winner.html", values, status=status)


def _forms(details: WinnerDetails) -> dict[str, Form]:
    known = details.delivery
    goes = {} if known is None else {name: getattr(known, name) or "" for name in Delivery.__struct_fields__}
    names = ("claim", "delivery", "identity", "step", "disqualify")
    return {name: Form(goes if name in ("claim", "delivery") else {}) for name in names}


def next_steps_of(details: WinnerDetails) -> tuple[Step, ...]:
    """What of a delivery may be recorded next: the guard of the table has the last word."""
    winner = details.winner
    if winner.status is not WinnerStatus.CLAIMED or not _is_confirmed(details):
        return ()
    is_data = winner.delivery_method in _SENT_AS_DATA
    match winner.last_step:
        case None:
            return (Step.PREPARED,)
        case Step.PREPARED:
            return (Step.SENT,) if is_data else (Step.SENT, Step.HANDED_OVER)
        case Step.SENT:
            return (Step.HANDED_OVER,)
        case _:
            return (Step.RECEIPT_SIGNED,)


def todo_of(winner: Winner) -> str:
    """What somebody has to do for it now: the name of a text."""
    if winner.status is not WinnerStatus.CLAIMED:
        return _TODO[winner.status]
    if winner.identified_by is None:
        return "identity"
    if winner.needs_second and winner.confirmed_by is None:
        return "second"
    return {None: "prepare", Step.PREPARED: "send"}.get(winner.last_step, "receipt")


def _is_confirmed(details: WinnerDetails) -> bool:
    winner = details.winner
    return winner.identified_by is not None and (not winner.needs_second or winner.confirmed_by is not None)


async def _done(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    winner_id: UUID,
    *,
    form: Form,
    about: str,
    work: Work | None,
) -> Template | Redirect:
    """`work` is None where the form was not good. A step that was taken already is refused by its own guard."""
    if work is None:
        return await _winner_page(request, db, caller, winner_id, form=form, about=about)
    refusal = await refused(request, work())
    if refusal is not None:
        tell(request, form, refusal, WORDING, _FIELDS)
        return await _winner_page(request, db, caller, winner_id, form=form, about=about)
    return Redirect(f"{_PATH}/{winner_id}?said={about}-done", status_code=303)


_FIELDS: Final = {"prize.other_document": "document_number", "prize.not_the_winner": "is_of_age"}


@post(f"{_ONE}/claim", guards=FULFIL, status_code=200, include_in_schema=False)
async def claim_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    winner_id: WinnerId,
) -> Template | Redirect:
    form = await read_form(request)
    parsed = form.parsed(ClaimForm)
    limits = claims.thresholds_of(state["settings"])

    async def claim() -> None:
        assert parsed is not None
        async with db.transaction(context) as conn:
            await claims.claim(conn, winner_id, claim_of(parsed), holder=None, staff=caller.user_id, second_from=limits)

    work = None if parsed is None else claim
    return await _done(request, db, caller, winner_id, form=form, about="claim", work=work)


@post(f"{_ONE}/delivery", guards=FULFIL, status_code=200, include_in_schema=False)
async def delivery_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    winner_id: WinnerId,
) -> Template | Redirect:
    form = await read_form(request)
    parsed = form.parsed(Delivery)

    async def change() -> None:
        assert parsed is not None
        async with db.transaction(context) as conn:
            await claims.change_delivery(conn, caller, winner_id, DeliveryWish(delivery=parsed), is_holder=False)

    work = None if parsed is None else change
    return await _done(request, db, caller, winner_id, form=form, about="delivery", work=work)


@post(f"{_ONE}/identity", guards=FULFIL, status_code=200, include_in_schema=False)
async def identity_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    winner_id: WinnerId,
) -> Template | Redirect:
    form = await read_form(request)
    parsed = form.parsed(IdentityForm)

    async def confirm() -> None:
        assert parsed is not None
        async with db.transaction(context) as conn:
            await claims.confirm_identity(conn, caller, keyring, winner_id, identity_of(parsed))

    work = None if parsed is None else confirm
    return await _done(request, db, caller, winner_id, form=form, about="identity", work=work)


@post(f"{_ONE}/identity-back", guards=FULFIL, status_code=200, include_in_schema=False)
async def identity_back_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    winner_id: WinnerId,
) -> Template | Redirect:
    form = await read_form(request)

    async def take_back() -> None:
        async with db.transaction(context) as conn:
            await claims.take_identity_back(conn, caller, winner_id)

    return await _done(request, db, caller, winner_id, form=form, about="identity", work=take_back)


@post(f"{_ONE}/steps", guards=FULFIL, status_code=200, include_in_schema=False)
async def step_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    winner_id: WinnerId,
) -> Template | Redirect:
    """Of a signed receipt only its hash is kept, made here of the file."""
    form = await read_form(request)
    receipt = form.files.get("receipt")
    if receipt is not None:
        form.values["receipt_sha256"] = hashlib.sha256(await receipt.read()).hexdigest()
    parsed = form.parsed(StepWish)

    async def record() -> None:
        assert parsed is not None
        async with db.transaction(context) as conn:
            await delivery.record_step(conn, winner_id, parsed)

    work = None if parsed is None else record
    return await _done(request, db, caller, winner_id, form=form, about="step", work=work)


@post(f"{_ONE}/disqualify", guards=FULFIL, status_code=200, include_in_schema=False)
async def disqualify_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    winner_id: WinnerId,
) -> Template | Redirect:
    """Asks first: the reason is signed and published, and the prize goes to the next alternate for good."""
    form = await read_form(request)
    form.values["note"] = " ".join(form.value("note").split())
    parsed = form.parsed(DisqualificationWish)
    if parsed is not None and not is_confirmed(form):
        question = Question(
            title=texts(request, "ask-disqualify-title"),
            text=texts(request, "ask-disqualify", reason=texts(request, f"reason-{parsed.reason}")),
            yes=texts(request, "ask-disqualify-yes"),
            back=f"{_PATH}/{winner_id}",
        )
        return confirm_page(request, question, {"reason": str(parsed.reason), "note": parsed.note}, form)

    async def disqualify() -> None:
        assert parsed is not None
        async with db.transaction(context) as conn:
            await winners.disqualify(conn, keyring, winner_id, parsed, decider=caller.user_id)

    work = None if parsed is None else disqualify
    return await _done(request, db, caller, winner_id, form=form, about="disqualify", work=work)


HANDLERS: Final = (
    list_route,
    export_route,
    winner_route,
    claim_route,
    delivery_route,
    identity_route,
    identity_back_route,
    step_route,
    disqualify_route,
)
