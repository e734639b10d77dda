"""The back office's campaigns of advertisements: a list with their money, one in words, its forms and states."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.ads import advertisements, advertisers, campaigns, overview
from gasolinera.ads.api_campaigns import user_id
from gasolinera.ads.forms_office import (
    TICKED,
    ZONES,
    CampaignForm,
    by_dimension,
    campaign_change,
    campaign_parts,
    filled_campaign,
    new_campaign,
)
from gasolinera.ads.models_ads import AdFilter
from gasolinera.ads.models_campaigns import (
    AdCampaign,
    AdCampaignFilter,
    AdCampaignStatus,
    AdvertiserStatus,
    Dimension,
    FrequencyPeriod,
    Pacing,
)
from gasolinera.ads.overview import ORDERS
from gasolinera.ads.queries_pages_office import SortedCampaign
from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import refused, tell, words_of
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.ads", "office")
READ: Final = [requires(Permission.ADS_READ)]
MANAGE: Final = [requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)]
ROOT: Final = "/office/ads"
_CAMPAIGNS: Final = f"{ROOT}/campaigns"
_AT_ONCE: Final = 25
_ADS_AT_ONCE: Final = 50
_ADVERTISERS_AT_ONCE: Final = 100
_ASKS: Final = (AdCampaignStatus.COMPLETED, AdCampaignStatus.CANCELLED)
_FIELDS: Final[Mapping[str, str]] = {
    "ad_campaign.code_taken": "campaign_code",
    "ad_campaign.advertiser": "advertiser_code",
    "ad_campaign.name": "name",
    "ad_campaign.description": "description",
    "ad_campaign.schedule": "ends_at",
    "ad_campaign.time_zone": "time_zone",
    "ad_campaign.total_budget": "total_budget",
    "ad_campaign.daily_budget": "daily_budget",
    "ad_campaign.cost_per_engagement": "cost_per_engagement",
    "ad_campaign.amount": "total_budget",
    "ad_campaign.budget_below_spent": "total_budget",
}

Cursor: TypeAlias = Annotated[str | None, QueryParameter(max_length=MAX_CURSOR)]
Said: TypeAlias = Annotated[str | None, QueryParameter(max_length=40, pattern=r"^[a-z-]*$(?!\n)")]
Wanted: TypeAlias = Annotated[str | None, QueryParameter(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Sort: TypeAlias = Annotated[str | None, QueryParameter(max_length=20, pattern=r"^-?[a-z]*$(?!\n)")]
Choice: TypeAlias = Annotated[str | None, QueryParameter(max_length=30, pattern=r"^[A-Z_]*$(?!\n)")]
OfCode: TypeAlias = Annotated[str | None, QueryParameter(max_length=50, pattern=r"^[A-Za-z0-9_-]*$(?!\n)")]
CodeInPath: TypeAlias = Annotated[str, PathParameter(max_length=50, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{2,49}$(?!\n)")]
Kind = TypeVar("Kind", bound=StrEnum)


def one_of(kind: type[Kind], given: str | None) -> Kind | None:
    """None for what a filter leaves open, and for what nobody knows."""
    return kind(given) if given in set(kind) else None


def texts(request: Request[Any, Any, Any], name: str, **arguments: str | int) -> str:
    return WORDING.text(language_of(request), name, arguments)


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

    known = {"texts_of": texts_of, "zone_name": zone_name, "zone_texts": zone_texts, "texts_known": WORDING.names("es")}
    return page(request, f"ads/office/{template}", {**known, **values}, wording=WORDING, status=status)


def _order_of(sort: str | None) -> tuple[str, bool]:
    asked = sort or "code"
    key = asked.removeprefix("-")
    return (key, asked.startswith("-")) if key in ORDERS else ("code", False)


def _filter_of(q: str | None, status: str | None, advertiser: str | None) -> AdCampaignFilter:
    return AdCampaignFilter(
        status=one_of(AdCampaignStatus, status),
        advertiser_code=(advertiser or "").upper() or None,
        text=(q or "").strip() or None,
    )


@get(ROOT, guards=READ, include_in_schema=False)
async def list_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    q: Wanted = None,
    status: Choice = None,
    advertiser: OfCode = None,
    sort: Sort = None,
    cursor: Cursor = None,
    said: Said = None,  # noqa: ARG001  read by the page
) -> Template:
    by, is_descending = _order_of(sort)
    wanted = _filter_of(q, status, advertiser)
    async with db.connection() as conn:
        found = await overview.list_sorted(
            conn, wanted, by=by, is_descending=is_descending, cursor=cursor or None, limit=_AT_ONCE
        )
        waiting = await overview.waiting(conn)
    values = {
        "found": found,
        "waiting": waiting,
        "statuses": list(AdCampaignStatus),
        "is_filtered": bool(q or status or advertiser),
    }
    return office_page(request, "campaigns.html", values)


@get(f"{ROOT}/export.csv", guards=READ, include_in_schema=False)
async def export_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    q: Wanted = None,
    status: Choice = None,
    advertiser: OfCode = None,
    sort: Sort = None,
) -> Stream:
    by, is_descending = _order_of(sort)
    wanted = _filter_of(q, status, advertiser)
    names = ("code", "name", "advertiser", "status", "starts", "ends", "currency", "total", "spent", "today", "views",
             "completions")  # fmt: skip
    header = [texts(request, f"csv-{name}") for name in names]

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[SortedCampaign]:
        return await overview.list_sorted(conn, wanted, by=by, is_descending=is_descending, cursor=cursor, limit=limit)

    def row(one: SortedCampaign) -> Sequence[object]:
        return (
            one.campaign_code,
            one.name,
            one.advertiser_code,
            texts(request, f"campaign-{one.status}"),
            sheet_moment(one.starts_at, CHAIN_ZONE),
            sheet_moment(one.ends_at, CHAIN_ZONE),
            one.currency,
            one.total_budget,
            one.spent,
            one.spent_today,
            one.starts,
            one.completions,
        )

    return await csv_of_pages(db, read, row, name="ad-campaigns", header=header, language=language_of(request))


@get(f"{_CAMPAIGNS}/{{code:str}}", guards=READ, include_in_schema=False)
async def campaign_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    said: Said = None,  # noqa: ARG001  read by the page
) -> Template:
    return await _campaign_page(request, db, caller, code.upper())


async def _campaign_page(
    request: Request[Any, Any, Any], db: Database, caller: Caller, code: str, *, refusal: str | None = None
) -> Template:
    async with db.connection() as conn:
        campaign = await campaigns.get_campaign(conn, code)
        found = await advertisements.list_ads(conn, AdFilter(campaign_code=code), cursor=None, limit=_ADS_AT_ONCE)
        history = await campaigns.audit(conn, code, cursor=None, limit=8)
    values = {
        "campaign": campaign,
        "wanted": by_dimension(campaign.targets, is_excluded=False),
        "unwanted": by_dimension(campaign.targets, is_excluded=True),
        "ads": found,
        "history": history,
        "refusal": refusal,
        "may_change": caller.reach(Permission.ADS_MANAGE) is not None and caller.has_second_factor,
        "follows": _follows(campaign.status),
    }
    return office_page(request, "campaign.html", values, status=200 if refusal is None else 409)


def _follows(status: AdCampaignStatus) -> Sequence[AdCampaignStatus]:
    """Where it may go; the use case has the last word."""
    ends = (AdCampaignStatus.COMPLETED, AdCampaignStatus.CANCELLED)
    return {
        AdCampaignStatus.DRAFT: (AdCampaignStatus.ACTIVE, AdCampaignStatus.CANCELLED),
        AdCampaignStatus.ACTIVE: (AdCampaignStatus.PAUSED, *ends),
        AdCampaignStatus.PAUSED: (AdCampaignStatus.ACTIVE, *ends),
    }.get(status, ())


@post(f"{_CAMPAIGNS}/{{code:str}}/status", guards=MANAGE, status_code=200, include_in_schema=False)
async def status_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: CodeInPath,
) -> Template | Redirect:
    """What is the end is asked for."""
    form = await read_form(request)
    code, wanted = code.upper(), one_of(AdCampaignStatus, form.value("status"))
    if wanted is None:
        return await _campaign_page(request, db, caller, code, refusal=texts(request, "refused-other"))
    if wanted in _ASKS and not is_confirmed(form):
        question = Question(
            title=texts(request, f"ask-campaign-{wanted}-title", code=code),
            text=texts(request, "ask-campaign-end"),
            yes=texts(request, f"campaign-to-{wanted}"),
            back=f"{_CAMPAIGNS}/{code}",
        )
        return confirm_page(request, question, {"status": str(wanted)}, form)

    async def change() -> None:
        async with db.transaction(context) as conn:
            await campaigns.change_status(conn, code, wanted)

    refusal = await refused(request, change())
    if refusal is not None:
        return await _campaign_page(request, db, caller, code, refusal=words_of(request, WORDING, refusal))
    return Redirect(f"{_CAMPAIGNS}/{code}?said=campaign-{wanted.lower()}", status_code=303)


async def _form_page(
    request: Request[Any, Any, Any], db: Database, form: Form, campaign: AdCampaign | None, status: int = 200
) -> Template:
    async with db.connection() as conn:
        known = await advertisers.list_advertisers(
            conn, status=AdvertiserStatus.ACTIVE, text=None, cursor=None, limit=_ADVERTISERS_AT_ONCE
        )
    values = {
        "form": form,
        "campaign": campaign,
        "advertisers": [(one.advertiser_code, one.name) for one in known.items],
        "pacings": list(Pacing),
        "periods": list(FrequencyPeriod),
        "dimensions": list(Dimension),
        "ticked": TICKED,
        "zones": sorted({*ZONES, form.value("time_zone") or ZONES[0]}),
        "currencies": ("MXN", "CRC", "USD"),
    }
    return office_page(request, "campaign_form.html", values, status=status)


@get(f"{_CAMPAIGNS}/new", guards=MANAGE, include_in_schema=False)
async def new_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], advertiser: OfCode = None
) -> Template:
    usual = {"time_zone": ZONES[0], "priority": "5", "pacing": "EVEN", "currency": "MXN", "budget_alert_percent": "90"}
    usual |= {"frequency_cap": "3", "frequency_period": "DAY", "max_bonus_tickets": "100"}
    return await _form_page(request, db, Form(usual | {"advertiser_code": (advertiser or "").upper()}), None)


@post(f"{_CAMPAIGNS}/new", guards=MANAGE, status_code=200, include_in_schema=False)
async def create_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
) -> Template | Redirect:
    form = await read_form(request)
    form.values["campaign_code"] = form.value("campaign_code").upper()
    values = _read(request, form)
    for name in ("campaign_code", "advertiser_code"):
        if not form.value(name):
            form.refuse(texts(request, "needed"), name)
    if values is None or form.errors:
        return await _form_page(request, db, form, None, 422)

    async def create() -> None:
        async with db.transaction(context) as conn:
            await campaigns.create_campaign(conn, new_campaign(values), created_by=user_id(caller))

    refusal = await refused(request, create())
    if refusal is not None:
        tell(request, form, refusal, WORDING, _FIELDS)
        return await _form_page(request, db, form, None, 422)
    return Redirect(f"{_CAMPAIGNS}/{values['campaign_code']}?said=campaign-drafted", status_code=303)


def _read(request: Request[Any, Any, Any], form: Form) -> dict[str, Any] | None:
    form.values["description"] = " ".join(form.value("description").split())
    parsed = form.parsed(CampaignForm)
    return None if parsed is None else campaign_parts(form, parsed, lambda name: texts(request, name))


@get(f"{_CAMPAIGNS}/{{code:str}}/edit", guards=MANAGE, include_in_schema=False)
async def edit_route(request: Request[Any, Any, Any], db: NamedDependency[Database], code: CodeInPath) -> Template:
    async with db.connection() as conn:
        campaign = await campaigns.get_campaign(conn, code.upper())
    return await _form_page(request, db, filled_campaign(campaign), campaign)


@post(f"{_CAMPAIGNS}/{{code:str}}/edit", guards=MANAGE, status_code=200, include_in_schema=False)
async def change_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
) -> Template | Redirect:
    form = await read_form(request)
    async with db.connection() as conn:
        campaign = await campaigns.get_campaign(conn, code.upper())
    values = _read(request, form)
    if values is None:
        return await _form_page(request, db, form, campaign, 422)
    version = int(form.value("version") or 0)

    async def change() -> None:
        async with db.transaction(context) as conn:
            await campaigns.change_campaign(conn, code.upper(), campaign_change(values), version=version)

    refusal = await refused(request, change())
    if refusal is not None:
        tell(request, form, refusal, WORDING, _FIELDS)
        return await _form_page(request, db, form, campaign, 422)
    return Redirect(f"{_CAMPAIGNS}/{campaign.campaign_code}?said=campaign-changed", status_code=303)


HANDLERS: Final = (
    list_route,
    export_route,
    campaign_route,
    status_route,
    new_route,
    create_route,
    edit_route,
    change_route,
)
