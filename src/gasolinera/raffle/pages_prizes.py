"""Prizes for who won them: what is there to claim and until when, where it goes, and how far it is."""

import re
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import GasolineraError
from gasolinera.permissions import Caller, Permission
from gasolinera.raffle import claims, showing, winners
from gasolinera.raffle.models_pages import OwnPrize
from gasolinera.raffle.models_winners import ClaimWish, Delivery, DeliveryWish
from gasolinera.raffle.pages import Cursor, holder_of
from gasolinera.texts import lines, text
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import language_of, page
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.raffle", "prizes")
_OWN: Final = [requires(Permission.RAFFLE_ENTRIES)]
_CLAIM: Final = [requires(Permission.RAFFLE_ENTRIES, fresh=True)]
_AT_ONCE: Final = 10
# What became of the prize meanwhile: its page says it, and there is nothing to correct in the form.
_OVERTAKEN: Final = frozenset(
    {"prize.claimed", "prize.late", "prize.not_claimable", "prize.not_claimed", "prize.prepared"}
)


_WITH_A_SHAPE: Final = frozenset({"phone_number", "station_code"})
_BETWEEN_DIGITS: Final = re.compile(r"[\s().-]")
Kind = TypeVar("Kind", bound=msgspec.Struct)


class DeliveryForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom and where; which of the places a prize needs follows from how it is delivered."""

    recipient: Annotated[str, text(120)]
    phone_number: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{7,14}$(?!\n)")] | None = None
    address: Annotated[str, lines(500)] | None = None
    station_code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] | None = None
    account: Annotated[str, text(200)] | None = None


class ClaimForm(DeliveryForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    shows_name: bool = False


@get("/prizes", guards=_OWN, include_in_schema=False)
async def list_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    cursor: Cursor = None,
) -> Template:
    async with db.connection() as conn:
        found = await winners.list_prizes(conn, holder_of(caller), cursor=cursor, limit=_AT_ONCE)
    return page(request, "raffle/prizes/list.html", {"found": found}, wording=WORDING)


@get("/prizes/{winner_id:uuid}", guards=_OWN, include_in_schema=False)
async def prize_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    winner_id: FromPath[UUID],
) -> Template:
    """Raises UnknownError, also for another's."""
    async with db.connection() as conn:
        prize = await showing.own_prize(conn, winner_id, holder_of(caller))
    kept = {} if prize.delivery is None else msgspec.structs.asdict(prize.delivery)
    form = Form({name: value for name, value in kept.items() if value is not None})
    return _shown(request, prize, form)


def _shown(request: Request[Any, Any, Any], prize: OwnPrize, form: Form, *, status: int = 200) -> Template:
    values = {
        "prize": prize,
        "form": form,
        "needs_account": prize.delivery_method in ("DIGITAL", "CREDIT"),
        "needs_place": prize.delivery_method in ("PHYSICAL", "MANUAL"),
    }
    return page(request, "raffle/prizes/one.html", values, wording=WORDING, status=status)


@post("/prizes/{winner_id:uuid}/claim", guards=_CLAIM, include_in_schema=False, status_code=303)
async def claim_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    winner_id: FromPath[UUID],
) -> Redirect | Template:
    """A second click finds the prize claimed, and shows it. Raises UnknownError, also for another's."""
    holder = holder_of(caller)
    form = await read_form(request)
    parsed = _parsed(request, form, ClaimForm)
    if parsed is not None:
        wish = ClaimWish(delivery=_delivery_of(parsed), shows_name=parsed.shows_name)
        limits = claims.thresholds_of(request.app.state["settings"])
        try:
            async with db.transaction(context) as conn:
                await claims.claim(conn, winner_id, wish, holder=holder, second_from=limits)
            return Redirect(f"/prizes/{winner_id}?said=claimed", status_code=303)
        except GasolineraError as error:
            if error.code in _OVERTAKEN:
                return Redirect(f"/prizes/{winner_id}?said=as-it-is", status_code=303)
            if error.code != "prize.destination":
                raise
    return await _again(request, db, holder, winner_id, form, is_right=parsed is not None)


@post("/prizes/{winner_id:uuid}/delivery", guards=_CLAIM, include_in_schema=False, status_code=303)
async def delivery_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    winner_id: FromPath[UUID],
) -> Redirect | Template:
    """Raises UnknownError, also for another's."""
    form = await read_form(request)
    parsed = _parsed(request, form, DeliveryForm)
    if parsed is not None:
        wish = DeliveryWish(delivery=_delivery_of(parsed))
        try:
            async with db.transaction(context) as conn:
                await claims.change_delivery(conn, caller, winner_id, wish, is_holder=True)
            return Redirect(f"/prizes/{winner_id}?said=changed", status_code=303)
        except GasolineraError as error:
            if error.code in _OVERTAKEN:
                return Redirect(f"/prizes/{winner_id}?said=as-it-is", status_code=303)
            if error.code != "prize.destination":
                raise
    return await _again(request, db, holder_of(caller), winner_id, form, is_right=parsed is not None)


def _parsed(request: Request[Any, Any, Any], form: Form, kind: type[Kind]) -> Kind | None:
    """What people put between digits does not matter; what was typed stays as it was for the page."""
    plain = Form(form.values)
    plain.values["phone_number"] = _BETWEEN_DIGITS.sub("", form.value("phone_number"))
    plain.values["station_code"] = form.value("station_code").upper()
    parsed = plain.parsed(kind)
    form.errors = plain.errors
    for name in _WITH_A_SHAPE & form.errors.keys():
        form.refuse(WORDING.text(language_of(request), f"wrong-{name}"), name)
    return parsed


def _delivery_of(form: DeliveryForm) -> Delivery:
    return Delivery(**{name: getattr(form, name) for name in Delivery.__struct_fields__})


async def _again(
    request: Request[Any, Any, Any], db: Database, holder: UUID, winner_id: UUID, form: Form, *, is_right: bool
) -> Template:
    """The page with what was typed. `is_right`: each field is, and the place that the prize needs is missing."""
    async with db.connection() as conn:
        prize = await showing.own_prize(conn, winner_id, holder)
    if is_right:
        needs_account = prize.delivery_method in ("DIGITAL", "CREDIT")
        name = "account" if needs_account else "address"
        form.refuse(WORDING.text(language_of(request), f"needs-{name}"), name)
    return _shown(request, prize, form, status=422)


HANDLERS: Final = (list_route, prize_route, claim_route, delivery_route)
