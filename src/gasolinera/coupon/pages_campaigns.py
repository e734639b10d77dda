"""Campaigns in the back office: the list, one with all about it, and what is done to it."""

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.authentication import requires
from gasolinera.coupon import campaigns, issuing, offers, overview, queries_campaigns, trying
from gasolinera.coupon.api_campaigns import own_station, user_id
from gasolinera.coupon.models_campaigns import CampaignFilter, CampaignStatus, Currency, Fuel, StationCode
from gasolinera.coupon.models_offers import Offer, Purchase
from gasolinera.coupon.models_pages import ListedCampaign
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import language_of, page
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.coupon", "campaigns")
TONES: Final = {"DRAFT": "quiet", "ACTIVE": "good", "PAUSED": "warn", "COMPLETED": "quiet", "CANCELLED": "bad"}
FUELS: Final = ("REGULAR", "PREMIUM", "DIESEL")
_READ: Final = [requires(Permission.CAMPAIGNS_READ)]
_MANAGE: Final = [requires(Permission.CAMPAIGNS_MANAGE, second_factor=True, fresh=True)]
_APPROVE: Final = [requires(Permission.CAMPAIGNS_APPROVE, second_factor=True, fresh=True)]
_SHOWN: Final = 50
_COLUMNS: Final = (
    "code",
    "name",
    "status",
    "discount",
    "currency",
    "from",
    "until",
    "limit",
    "used",
    "budget",
    "spent",
)
# Where each state leads, and which of these steps cannot be taken back.
NEXT: Final = {
    "DRAFT": ("ACTIVE", "CANCELLED"),
    "ACTIVE": ("PAUSED", "COMPLETED", "CANCELLED"),
    "PAUSED": ("ACTIVE", "COMPLETED", "CANCELLED"),
    "COMPLETED": (),
    "CANCELLED": (),
}
_ENDS: Final = (CampaignStatus.COMPLETED, CampaignStatus.CANCELLED)
CodeInPath = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9_]{3,50}$(?!\n)")]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    q: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    status: CampaignStatus | None = None
    station: StationCode | None = None
    running: Literal["yes", "no"] | None = None
    sort: overview.CampaignOrder = "-from"


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase that somebody tries."""

    amount: Decimal
    fuel: Fuel | None = None
    at_station: StationCode | None = None
    currency: Currency | None = None


class StatusWish(msgspec.Struct, frozen=True):
    status: CampaignStatus


@get("/office/campaigns", guards=_READ, include_in_schema=False)
async def list_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    form, wanted, order = _asked(request, caller)
    async with db.connection() as conn:
        found = await overview.list_campaigns(conn, wanted, order=order, cursor=form.values.get("cursor"), limit=_SHOWN)
    values = {
        "form": form,
        "found": found,
        "statuses": list(CampaignStatus),
        "tones": TONES,
        "is_filtered": any(form.value(name) for name in ("q", "status", "station", "running")),
        "own_station": own_station(caller),
        "may_make": caller.reach(Permission.CAMPAIGNS_MANAGE) is not None,
        "now": datetime.now(UTC),
    }
    return page(request, "coupon/campaigns/list.html", values, wording=WORDING, status=422 if form.errors else 200)


@get("/office/campaigns/export.csv", guards=_READ, include_in_schema=False)
async def export_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    _, wanted, order = _asked(request, caller)
    language = language_of(request)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[ListedCampaign]:
        return await overview.list_campaigns(conn, wanted, order=order, cursor=cursor, limit=limit)

    return await csv_of_pages(
        db,
        read,
        lambda one: _row(one, language),
        name=WORDING.text(language, "file"),
        header=[WORDING.text(language, f"column-{name}") for name in _COLUMNS],
        language=language,
    )


@get("/office/campaigns/{code:str}", guards=_READ, include_in_schema=False)
async def campaign_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    state: State,
    code: CodeInPath,
) -> Template:
    return await campaign_page(request, db, caller, state, code, Form())


@post("/office/campaigns/{code:str}/status", guards=_MANAGE, status_code=303, include_in_schema=False)
async def status_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    code: CodeInPath,
) -> Template | Redirect:
    form = await read_form(request)
    wish = form.parsed(StatusWish)
    if wish is None:
        return await campaign_page(request, db, caller, state, code, form, status=422)
    word = wish.status.lower()
    if wish.status in _ENDS and not is_confirmed(form):
        return confirm_page(request, _question(request, code, word), {"status": wish.status})

    async def work() -> None:
        async with db.transaction(context) as conn:
            limits = campaigns.approval_limits(state["settings"])
            await campaigns.change_status(conn, code.upper(), wish.status, limits)

    return await _done(request, db, caller, state, code, work(), f"now-{word}")


@post("/office/campaigns/{code:str}/opening", guards=_MANAGE, status_code=303, include_in_schema=False)
async def opening_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    code: CodeInPath,
) -> Template | Redirect:
    form = await read_form(request)
    opens = form.value("opens") == "yes"

    async def work() -> None:
        async with db.transaction(context) as conn:
            limits = campaigns.approval_limits(state["settings"])
            await campaigns.set_opening(conn, code.upper(), limits, opens_by_clock=opens)

    said = "opens-by-clock" if opens else "opens-by-hand"
    return await _done(request, db, caller, state, code, work(), said)


@post("/office/campaigns/{code:str}/approval", guards=_APPROVE, status_code=303, include_in_schema=False)
async def approve_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    code: CodeInPath,
) -> Template | Redirect:
    """Approves the version that was on the page, and no other."""
    form = await read_form(request)
    version = campaigns.parse_version(f'"{form.value("version")}"')

    async def work() -> None:
        async with db.transaction(context) as conn:
            await campaigns.approve_campaign(conn, code.upper(), version=version, approved_by=user_id(caller))

    return await _done(request, db, caller, state, code, work(), "approved")


async def campaign_page(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    state: State,
    code: str,
    form: Form,
    *,
    status: int = 200,
) -> Template:
    """A station's administrator sees what the campaign says; the rest is for who runs campaigns."""
    sees_all = caller.reach(Permission.CAMPAIGNS_READ) is Reach.ALL
    issues = caller.reach(Permission.COUPONS_ISSUE) is not None
    tried = Form({name: str(value).strip() for name, value in request.query_params.items()})
    async with db.connection() as conn:
        campaign = await campaigns.get_campaign(conn, code.upper())
        overview.require_at(campaign, own_station(caller))
        trial = figures = history = batches = offer = None
        if sees_all:
            trial = await trying.try_campaign(conn, campaign, campaigns.approval_limits(state["settings"]))
            figures = await queries_campaigns.one_campaigns_statistics(conn, campaign.campaign_code)
            history = await campaigns.audit(conn, campaign.campaign_code, cursor=None, limit=20)
            purchase = _purchase(tried, trial.tried_at)
            if purchase is not None:
                offer = await _offer(request, conn, tried, campaign.campaign_code, purchase)
        if issues:
            batches = await issuing.list_batches(conn, campaign.campaign_code, cursor=None, limit=20)
    values = {
        "campaign": campaign,
        "trial": trial,
        "counted": figures,
        "history": history,
        "batches": batches,
        "latest": str(batches.items[0].batch_id) if batches and batches.items else "",
        "offer": offer,
        "tried": tried,
        "form": form,
        "fuels": FUELS,
        "tones": TONES,
        "next_states": NEXT[campaign.status],
        "may_change": caller.reach(Permission.CAMPAIGNS_MANAGE) is not None and campaign.status not in _ENDS,
        "may_approve": caller.reach(Permission.CAMPAIGNS_APPROVE) is not None
        and caller.user_id not in (campaign.created_by, campaign.raised_by),
        "begins_later": campaign.valid_from > datetime.now(UTC),
    }
    return page(request, "coupon/campaigns/campaign.html", values, wording=WORDING, status=status)


async def _done(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    state: State,
    code: str,
    work: Awaitable[object],
    said: str,
) -> Template | Redirect:
    error = await refused(request, work)
    if error is not None:
        form = Form()
        tell(request, form, error, WORDING)
        return await campaign_page(request, db, caller, state, code, form, status=int(error.status))
    return Redirect(f"/office/campaigns/{code.upper()}?said={said}", status_code=303)


def _question(request: Request[Any, Any, Any], code: str, word: str) -> Question:
    language = language_of(request)
    return Question(
        title=WORDING.text(language, f"ask-{word}-title", {"code": code.upper()}),
        text=WORDING.text(language, f"ask-{word}"),
        yes=WORDING.text(language, f"ask-{word}-yes"),
        back=f"/office/campaigns/{code.upper()}",
    )


def _purchase(tried: Form, at: datetime | None) -> Purchase | None:
    """None where nobody tries one, or what was typed is none: then the fields say so."""
    if not tried.value("amount"):
        return None
    asked = tried.parsed(Tried)
    if asked is None or at is None:
        return None
    return Purchase(
        at=at, station_code=asked.at_station, fuel_type=asked.fuel, amount=asked.amount, currency=asked.currency
    )


async def _offer(
    request: Request[Any, Any, Any], conn: Any, tried: Form, code: str, purchase: Purchase
) -> Offer | None:
    try:
        return trying.as_if_open(await offers.offer_of_campaign(conn, code, purchase))
    except InputError as error:
        tell(request, tried, error, WORDING, {"offer.amount": "amount"})
        return None


def _asked(request: Request[Any, Any, Any], caller: Caller) -> tuple[Form, CampaignFilter, overview.CampaignOrder]:
    form = Form({name: str(value).strip() for name, value in request.query_params.items()})
    form.values["station"] = form.value("station").upper()
    filters = form.parsed(Filters) or Filters()
    running = None if filters.running is None else filters.running == "yes"
    wanted = CampaignFilter(
        status=filters.status,
        station_code=own_station(caller) or filters.station,
        text=filters.q,
        is_running=running,
    )
    return form, wanted, filters.sort


def _row(one: ListedCampaign, language: str) -> Sequence[object]:
    percent = " %" if one.discount_type == "PERCENTAGE" else ""
    return (
        one.campaign_code,
        one.name,
        WORDING.text(language, f"status-{one.status.lower()}"),
        f"{one.discount_value}{percent}",
        one.currency,
        sheet_moment(one.valid_from, one.time_zone),
        sheet_moment(one.valid_until, one.time_zone),
        one.total_usage_limit,
        one.used,
        one.budget_amount,
        one.spent,
    )


HANDLERS = (list_route, export_route, campaign_route, status_route, opening_route, approve_route)
