"""Advertisers and campaigns over HTTP, for those who run the advertising."""

from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

from gasolinera.ads import advertisers, campaigns
from gasolinera.ads.models_campaigns import (
    MAX_PAGE,
    AdCampaign,
    AdCampaignChange,
    AdCampaignFilter,
    AdCampaignStatus,
    AdCampaignStatusTo,
    AdCampaignSummary,
    Advertiser,
    AdvertiserChange,
    AdvertiserStatus,
    AuditEntry,
    NewAdCampaign,
    NewAdvertiser,
)
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ForbiddenError, HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission

_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_NO_LOGIN = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
_FORBIDDEN = problem_spec(HTTPStatus.FORBIDDEN, "auth.not_permitted", "this account may not do that")
STALE = problem_spec(HTTPStatus.PRECONDITION_FAILED, "ad.stale", "somebody changed it since it was read")
NO_VERSION = problem_spec(
    HTTPStatus.PRECONDITION_REQUIRED, "ad.version_needed", "the change does not say which version it is of"
)
UNKNOWN_CAMPAIGN = problem_spec(
    HTTPStatus.NOT_FOUND, "ad_campaign.unknown", "there is no campaign of advertisements with this code"
)
_UNKNOWN_ADVERTISER = problem_spec(HTTPStatus.NOT_FOUND, "advertiser.unknown", "there is no advertiser with this code")
_TAKEN = problem_spec(HTTPStatus.CONFLICT, "ad_campaign.code_taken", "another campaign has this code")
_ADVERTISER_TAKEN = problem_spec(HTTPStatus.CONFLICT, "advertiser.code_taken", "another advertiser has this code")
_OVER = problem_spec(
    HTTPStatus.CONFLICT, "ad_campaign.over", "the campaign is COMPLETED, and what is over does not change"
)
_STATUS = problem_spec(HTTPStatus.CONFLICT, "ad_campaign.status", "a campaign that is COMPLETED cannot become ACTIVE")
PROBLEMS = {401: _NO_LOGIN, 403: _FORBIDDEN, 422: _INVALID, 503: _UNAVAILABLE}

_ADVERTISER_EXAMPLE: dict[str, object] = {
    "advertiser_code": "REFRESCO-LUNA",
    "name": "Refrescos Luna",
    "contact_name": "Mariana Ponce",
    "contact_email": "mariana.ponce@refrescosluna.example",
    "status": "ACTIVE",
    "campaigns": 3,
    "active_campaigns": 1,
    "created_at": "2026-11-02T18:00:00Z",
    "updated_at": "2026-11-02T18:00:00Z",
}
_SUMMARY_EXAMPLE: dict[str, object] = {
    "campaign_code": "ADC-REFRESCO",
    "advertiser_code": "REFRESCO-LUNA",
    "name": "Luna de limón",
    "status": "ACTIVE",
    "starts_at": "2026-11-01T06:00:00Z",
    "ends_at": "2027-02-01T06:00:00Z",
    "time_zone": "America/Mexico_City",
    "priority": 8,
    "pacing": "EVEN",
    "total_budget": "20000.00",
    "daily_budget": "1000.00",
    "cost_per_engagement": "1.50",
    "currency": "MXN",
    "spent": "4113.00",
    "advertisements": 2,
}
_CAMPAIGN_EXAMPLE: dict[str, object] = _SUMMARY_EXAMPLE | {
    "advertiser_name": "Refrescos Luna",
    "description": None,
    "budget_alert_percent": 90,
    "budget_alerted_at": None,
    "frequency_cap": 5,
    "frequency_period": "DAY",
    "max_bonus_tickets": 100,
    "targets": [{"dimension": "STATION", "value": "JSM012", "is_excluded": True}],
    "windows": [{"weekday": 1, "from_time": "06:00", "until_time": "22:00"}],
    "spent_today": "411.00",
    "created_by": "a0000000-0000-4000-8000-000000000011",
    "version": 1795370400123456,
    "created_at": "2026-10-30T18:00:00Z",
    "updated_at": "2026-11-22T18:00:00.123456Z",
}
CodeInPath: TypeAlias = Annotated[str, PathParameter(description="Its code; case does not matter.")]
IfMatch: TypeAlias = Annotated[
    str | None, HeaderParameter(name="If-Match", max_length=40, description="The ETag of what is changed, as read.")
]
PageLimit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many at most.")]
Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
Search: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        description="A part of the code or the name.",
    ),
]


def page(kind: type[msgspec.Struct], *items: object) -> ResponseSpec:
    return good(kind, "A page.", {"items": items, "next_cursor": None})


def user_id(caller: Caller) -> UUID:
    if caller.user_id is None:
        raise ForbiddenError("auth.not_permitted", "only a person may do that")
    return caller.user_id


def _shown(campaign: AdCampaign, *, status: int = 200) -> Response[AdCampaign]:
    """With the version that a change must name."""
    return Response(campaign, status_code=status, headers={"etag": f'"{campaign.version}"'})


@post(
    "/advertisers",
    guards=[requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)],
    opt={"idempotent": True},
    summary="Take on an advertiser",
    responses={201: good(Advertiser, "The advertiser.", _ADVERTISER_EXAMPLE), 409: _ADVERTISER_TAKEN, **PROBLEMS},
)
async def create_advertiser_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[NewAdvertiser]
) -> Advertiser:
    async with db.transaction(context) as conn:
        await advertisers.create_advertiser(conn, data)
        return await advertisers.get_advertiser(conn, data.advertiser_code)


@patch(
    "/advertisers/{code:str}",
    guards=[requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)],
    summary="Change or suspend an advertiser",
    description="What is left out stays. No advertisement of one that is SUSPENDED or CLOSED is shown.",
    responses={200: good(Advertiser, "As it is now.", _ADVERTISER_EXAMPLE), 404: _UNKNOWN_ADVERTISER, **PROBLEMS},
)
async def change_advertiser_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    data: JSONBody[AdvertiserChange],
) -> Advertiser:
    async with db.transaction(context) as conn:
        await advertisers.change_advertiser(conn, code.upper(), data)
        return await advertisers.get_advertiser(conn, code.upper())


@get(
    "/advertisers",
    guards=[requires(Permission.ADS_READ)],
    summary="List advertisers",
    description="In order of the code.",
    responses={200: page(Page[Advertiser], _ADVERTISER_EXAMPLE), **PROBLEMS},
)
async def list_advertisers_route(
    db: NamedDependency[Database],
    status: Annotated[AdvertiserStatus | None, QueryParameter(description="Any when left out.")] = None,
    q: Search = None,
    cursor: Cursor = None,
    limit: PageLimit = 20,
) -> Page[Advertiser]:
    async with db.connection() as conn:
        return await advertisers.list_advertisers(conn, status=status, text=q, cursor=cursor, limit=limit)


@get(
    "/advertisers/{code:str}",
    guards=[requires(Permission.ADS_READ)],
    summary="Look up one advertiser",
    responses={200: good(Advertiser, "The advertiser.", _ADVERTISER_EXAMPLE), 404: _UNKNOWN_ADVERTISER, **PROBLEMS},
)
async def advertiser_route(db: NamedDependency[Database], code: CodeInPath) -> Advertiser:
    async with db.connection() as conn:
        return await advertisers.get_advertiser(conn, code.upper())


@post(
    "/campaigns",
    guards=[requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)],
    opt={"idempotent": True},
    summary="Draft a campaign of advertisements",
    responses={201: good(AdCampaign, "The draft.", _CAMPAIGN_EXAMPLE), 409: _TAKEN, **PROBLEMS},
)
async def create_campaign_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    data: JSONBody[NewAdCampaign],
) -> Response[AdCampaign]:
    async with db.transaction(context) as conn:
        await campaigns.create_campaign(conn, data, created_by=user_id(caller))
        campaign = await campaigns.get_campaign(conn, data.campaign_code)
    return _shown(campaign, status=201)


@patch(
    "/campaigns/{code:str}",
    guards=[requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)],
    summary="Change a campaign of advertisements",
    description="What is left out stays; targets and windows are given whole. A changed budget is dealt again at once, "
    "and not below what is spent. Views that run keep the terms they began with.",
    responses={
        200: good(AdCampaign, "As it is now.", _CAMPAIGN_EXAMPLE),
        404: UNKNOWN_CAMPAIGN,
        409: _OVER,
        412: STALE,
        428: NO_VERSION,
        **PROBLEMS,
    },
)
async def change_campaign_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    data: JSONBody[AdCampaignChange],
    if_match: IfMatch = None,
) -> Response[AdCampaign]:
    version = campaigns.parse_version(if_match)
    async with db.transaction(context) as conn:
        await campaigns.change_campaign(conn, code.upper(), data, version=version)
        campaign = await campaigns.get_campaign(conn, code.upper())
    return _shown(campaign)


@post(
    "/campaigns/{code:str}/status",
    status_code=200,
    guards=[requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)],
    summary="Start, pause or end a campaign of advertisements",
    description="DRAFT to ACTIVE or CANCELLED; ACTIVE and PAUSED to each other, COMPLETED or CANCELLED; these two are "
    "the end. Its budget is dealt when it starts.",
    responses={
        200: good(AdCampaign, "As it is now.", _CAMPAIGN_EXAMPLE),
        404: UNKNOWN_CAMPAIGN,
        409: _STATUS,
        **PROBLEMS,
    },
)
async def campaign_status_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    data: JSONBody[AdCampaignStatusTo],
) -> Response[AdCampaign]:
    async with db.transaction(context) as conn:
        await campaigns.change_status(conn, code.upper(), data.status)
        campaign = await campaigns.get_campaign(conn, code.upper())
    return _shown(campaign)


@get(
    "/campaigns",
    guards=[requires(Permission.ADS_READ)],
    summary="List campaigns of advertisements",
    description="In order of the code.",
    responses={200: page(Page[AdCampaignSummary], _SUMMARY_EXAMPLE), **PROBLEMS},
)
async def list_campaigns_route(
    db: NamedDependency[Database],
    status: Annotated[AdCampaignStatus | None, QueryParameter(description="Any when left out.")] = None,
    advertiser: Annotated[
        str | None, QueryParameter(pattern=r"^[A-Z0-9][A-Z0-9_-]{2,49}$(?!\n)", description="Of this advertiser.")
    ] = None,
    running: Annotated[bool | None, QueryParameter(description="Whether they run at this moment.")] = None,
    q: Search = None,
    cursor: Cursor = None,
    limit: PageLimit = 20,
) -> Page[AdCampaignSummary]:
    wanted = AdCampaignFilter(status=status, advertiser_code=advertiser, text=q, is_running=running)
    async with db.connection() as conn:
        return await campaigns.list_campaigns(conn, wanted, cursor=cursor, limit=limit)


@get(
    "/campaigns/{code:str}",
    guards=[requires(Permission.ADS_READ)],
    summary="Look up one campaign of advertisements",
    description="With its targets, its windows and what is spent. Its ETag is the version that a change must name.",
    responses={200: good(AdCampaign, "The campaign.", _CAMPAIGN_EXAMPLE), 404: UNKNOWN_CAMPAIGN, **PROBLEMS},
)
async def campaign_route(db: NamedDependency[Database], code: CodeInPath) -> Response[AdCampaign]:
    async with db.connection() as conn:
        return _shown(await campaigns.get_campaign(conn, code.upper()))


@get(
    "/campaigns/{code:str}/audit",
    guards=[requires(Permission.ADS_READ)],
    summary="What was done to a campaign of advertisements",
    description="And to its targets and windows: who changed what, when and from where; the latest first.",
    responses={200: page(Page[AuditEntry]), 404: UNKNOWN_CAMPAIGN, **PROBLEMS},
)
async def campaign_audit_route(
    db: NamedDependency[Database], code: CodeInPath, cursor: Cursor = None, limit: PageLimit = 20
) -> Page[AuditEntry]:
    async with db.connection() as conn:
        return await campaigns.audit(conn, code.upper(), cursor=cursor, limit=limit)


HANDLERS = (
    create_advertiser_route,
    change_advertiser_route,
    list_advertisers_route,
    advertiser_route,
    create_campaign_route,
    change_campaign_route,
    campaign_status_route,
    list_campaigns_route,
    campaign_route,
    campaign_audit_route,
)
