"""Redemptions in the back office: looked for, looked at with all that happened to them, taken back."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ForbiddenError, InputError
from gasolinera.limits import Limit
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import finding, redeeming
from gasolinera.redemption.api import coupons_in
from gasolinera.redemption.models import Cancellation, Fuel, Status
from gasolinera.redemption.models_finding import FoundRedemption, Order, Wanted
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.redemption", "redemptions")
TONES: Final = {"COMPLETED": "good", "PENDING": "warn", "IN_PROGRESS": "warn", "FAILED": "bad", "CANCELLED": "quiet"}
_SEE: Final = [requires(Permission.REPORTS_READ)]
_CANCEL: Final = [requires(Permission.REDEMPTIONS_CANCEL, fresh=True)]
_CANCEL_LIMITS: Final = {"limits": (Limit("user", 120, 60),)}
_SHOWN: Final = 50
_COLUMNS: Final = (
    "reference",
    "created",
    "status",
    "station",
    "employee",
    "coupon",
    "campaign",
    "fuel",
    "litres",
    "amount",
    "discount",
    "final",
    "currency",
    "tickets",
)
Reference = Annotated[str, PathParameter(pattern=r"^RDM-[0-9]{8}-[0-9]{6,18}$(?!\n)")]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What the list is asked for. `sort`: -when is the newest first."""

    q: Annotated[str, msgspec.Meta(max_length=60)] | None = None
    station: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] | None = None
    status: Status | None = None
    fuel: Fuel | None = None
    first: date | None = None
    last: date | None = None
    sort: Literal["when", "-when"] = "-when"


@get("/office/redemptions", guards=_SEE, include_in_schema=False)
async def list_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    form, wanted = _asked(request)
    found = None
    if wanted is not None:
        try:
            async with db.connection() as conn:
                found = await finding.find(
                    conn, caller, wanted, zone=CHAIN_ZONE, cursor=form.values.get("cursor"), limit=_SHOWN
                )
        except InputError as error:
            tell(request, form, error, WORDING, {"finding.days": "first"})
    values = {
        "form": form,
        "found": found,
        "statuses": list(Status),
        "fuels": list(Fuel),
        "tones": TONES,
        "is_filtered": any(form.value(name) for name in Filters.__struct_fields__ if name != "sort"),
        "own_station": caller.station_code,
    }
    return page(
        request, "redemption/redemptions/list.html", values, wording=WORDING, status=200 if found is not None else 422
    )


@get("/office/redemptions/export.csv", guards=_SEE, include_in_schema=False)
async def export_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    """What the list shows, all of its pages. Raises InputError for filters that do not fit."""
    _, wanted = _asked(request)
    if wanted is None:
        raise InputError("request.invalid", "the filters do not fit")
    language = language_of(request)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[FoundRedemption]:
        return await finding.find(conn, caller, wanted, zone=CHAIN_ZONE, cursor=cursor, limit=limit)

    return await csv_of_pages(
        db,
        read,
        lambda one: _row(one, language),
        name=WORDING.text(language, "file"),
        header=[WORDING.text(language, f"column-{name}") for name in _COLUMNS],
        language=language,
        is_capped=True,
    )


@get("/office/redemptions/{reference:str}", guards=_SEE, include_in_schema=False)
async def redemption_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    reference: Reference,
) -> Template:
    return await _story_page(request, db, caller, reference, Form())


@post(
    "/office/redemptions/{reference:str}/cancel",
    status_code=303,
    guards=_CANCEL,
    opt=_CANCEL_LIMITS,
    include_in_schema=False,
)
async def cancel_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    reference: Reference,
) -> Template | Redirect:
    form = await read_form(request)
    if caller.reach(Permission.REPORTS_READ) is None:  # what this answers is the story
        raise ForbiddenError("auth.not_permitted", "this account may not do that")
    wish = form.parsed(Cancellation)
    here = f"/office/redemptions/{reference}"
    if wish is None:
        return await _story_page(request, db, caller, reference, form, status=422)
    if not is_confirmed(form):
        language = language_of(request)
        question = Question(
            title=WORDING.text(language, "cancel-title", {"reference": reference}),
            text=WORDING.text(language, "cancel-text", {"reason": wish.reason}),
            yes=WORDING.text(language, "cancel-yes"),
            back=here,
        )
        return confirm_page(request, question, {"reason": wish.reason})
    error = await refused(request, redeeming.cancel(db, coupons_in(state), context, caller, reference, wish.reason))
    if error is not None:
        tell(request, form, error, WORDING)
        return await _story_page(request, db, caller, reference, form, status=int(error.status))
    return Redirect(f"{here}?said=cancelled", status_code=303)


async def _story_page(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    reference: str,
    form: Form,
    status: int = 200,
) -> Template:
    async with db.connection() as conn:
        story = await finding.story(conn, caller, reference)
    values = {
        "story": story,
        "one": story.redemption,
        "zone": story.time_zone or CHAIN_ZONE,
        "form": form,
        "tones": TONES,
        "may_cancel": caller.reach(Permission.REDEMPTIONS_CANCEL) is not None
        and story.redemption.status is Status.COMPLETED,
        "sees_coupon": caller.reach(Permission.COUPONS_MANAGE) is not None,
        "sees_people": caller.reach(Permission.USERS_READ) is not None,
    }
    return page(request, "redemption/redemptions/redemption.html", values, wording=WORDING, status=status)


def _asked(request: Request[Any, Any, Any]) -> tuple[Form, Wanted | None]:
    form = Form({name: str(value).strip() for name, value in request.query_params.items()})
    form.values["station"] = form.value("station").upper()
    filters = form.parsed(Filters)
    if filters is None:
        return form, None
    order: Order = "newest" if filters.sort == "-when" else "oldest"
    return form, Wanted(
        text=filters.q,
        station_code=filters.station,
        status=filters.status,
        fuel=filters.fuel,
        first_day=filters.first,
        last_day=filters.last,
        order=order,
    )


def _row(one: FoundRedemption, language: str) -> Sequence[object]:
    return (
        one.transaction_reference,
        sheet_moment(one.created_at, one.time_zone or CHAIN_ZONE),
        WORDING.text(language, f"status-{one.status.lower()}"),
        one.station_code,
        one.employee_number,
        one.coupon_code,
        one.campaign_code,
        None if one.fuel_type is None else WORDING.text(language, f"fuel-{one.fuel_type.lower()}"),
        one.fuel_litres,
        one.original_amount,
        one.discount_amount,
        one.final_amount,
        one.currency,
        one.tickets_earned,
    )


HANDLERS = (list_route, export_route, redemption_route, cancel_route)
