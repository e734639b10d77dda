"""Campaigns over HTTP, for those who run them and for stations that want to know."""

from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from litestar import Response, get, patch, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.coupon import campaigns
from gasolinera.coupon.errors_coupons import unknown_campaign
from gasolinera.coupon.models_campaigns import (
    MAX_PAGE,
    AuditEntry,
    Campaign,
    CampaignChange,
    CampaignFilter,
    CampaignStatus,
    CampaignSummary,
    NewCampaign,
    Opening,
    StatusTo,
)
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ForbiddenError, HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission, Reach

MAX_DAYS = 400

_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_NO_LOGIN = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
_FORBIDDEN = problem_spec(HTTPStatus.FORBIDDEN, "auth.not_permitted", "this account may not do that")
_OWN = problem_spec(HTTPStatus.FORBIDDEN, "campaign.own_approval", "who made a campaign does not approve it")
UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "campaign.unknown", "there is no campaign with this code")
_TAKEN = problem_spec(HTTPStatus.CONFLICT, "campaign.code_taken", "another campaign has this code")
_OVER = problem_spec(
    HTTPStatus.CONFLICT, "campaign.over", "the campaign is COMPLETED, and what is over does not change"
)
_NEEDS_APPROVAL = problem_spec(
    HTTPStatus.CONFLICT, "campaign.approval_needed", "a budget of this size needs the approval of another person"
)
_STALE = problem_spec(
    HTTPStatus.PRECONDITION_FAILED, "campaign.stale", "somebody changed the campaign since it was read"
)
_NO_VERSION = problem_spec(
    HTTPStatus.PRECONDITION_REQUIRED, "campaign.version_needed", "the change does not say which version it is of"
)
PROBLEMS = {401: _NO_LOGIN, 403: _FORBIDDEN, 422: _INVALID, 503: _UNAVAILABLE}

_SUMMARY_EXAMPLE: dict[str, object] = {
    "campaign_code": "VERANO2027",
    "name": "Verano 2027",
    "status": "DRAFT",
    "discount_type": "PERCENTAGE",
    "discount_value": "12.50",
    "maximum_discount": "50.00",
    "minimum_purchase": "150.00",
    "currency": "MXN",
    "time_zone": "America/Mexico_City",
    "valid_from": "2027-06-01T06:00:00Z",
    "valid_until": "2027-09-01T06:00:00Z",
    "audience": "ALL",
}
_CAMPAIGN_EXAMPLE: dict[str, object] = _SUMMARY_EXAMPLE | {
    "description": None,
    "weekdays": [1, 2, 3, 4, 5],
    "daily_from": "06:00",
    "daily_until": "22:00",
    "fuel_types": ["PREMIUM", "REGULAR"],
    "stations": ["JSM001", "JSM002"],
    "loyal_after_redemptions": None,
    "total_usage_limit": 10000,
    "per_user_usage_limit": 20,
    "per_user_period": "WEEK",
    "per_user_period_limit": 1,
    "budget_amount": "200000.00",
    "raffle_tickets_per_coupon": 2,
    "raffle_code": None,
    "cancellation_policy": "RESTORE_IF_VALID",
    "opens_by_clock": False,
    "created_by": "a0000000-0000-4000-8000-000000000001",
    "raised_by": None,
    "approved_by": None,
    "approved_at": None,
    "used": 0,
    "spent": "0.00",
    "version": 1795370400123456,
    "updated_at": "2026-11-22T18:00:00.123456Z",
}
CodeInPath: TypeAlias = Annotated[str, PathParameter(description="Its code, such as VERANO2027; case does not matter.")]
_IfMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(name="If-Match", max_length=40, description="The ETag of the campaign that the change is of."),
]
PageLimit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many at most.")]
Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
AtStation: TypeAlias = Annotated[
    str | None, QueryParameter(pattern=r"^[A-Z0-9]{3,20}$(?!\n)", description="At this station.")
]


def page(kind: type[msgspec.Struct], *items: object) -> ResponseSpec:
    return good(kind, "A page.", {"items": items, "next_cursor": None})


def _shown(campaign: Campaign, *, status: int = 200) -> Response[Campaign]:
    """With the version that a change must name."""
    return Response(campaign, status_code=status, headers={"etag": f'"{campaign.version}"'})


def own_station(caller: Caller) -> str | None:
    """The station that the caller's reading ends at; None: it does not end. Raises ForbiddenError."""
    if caller.reach(Permission.CAMPAIGNS_READ) is Reach.ALL:
        return None
    if caller.station_code is None:
        raise ForbiddenError("auth.other_station", "this account is of no station")
    return caller.station_code


def require_all(caller: Caller) -> None:
    """Raises ForbiddenError for who may read of the own station alone."""
    if caller.reach(Permission.CAMPAIGNS_READ) is not Reach.ALL:
        raise ForbiddenError("auth.other_station", "this account sees campaigns at its own station alone")


def user_id(caller: Caller) -> UUID:
    if caller.user_id is None:
        raise ForbiddenError("auth.not_permitted", "only a person may do that")
    return caller.user_id


@post(
    "/",
    guards=[requires(Permission.CAMPAIGNS_MANAGE, second_factor=True, fresh=True)],
    opt={"idempotent": True},
    summary="Draft a campaign",
    responses={201: good(Campaign, "The draft.", _CAMPAIGN_EXAMPLE), 409: _TAKEN, **PROBLEMS},
)
async def create_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    data: JSONBody[NewCampaign],
) -> Response[Campaign]:
    async with db.transaction(context) as conn:
        await campaigns.create_campaign(conn, data, created_by=user_id(caller))
        campaign = await campaigns.get_campaign(conn, data.campaign_code)
    return _shown(campaign, status=201)


@patch(
    "/{code:str}",
    guards=[requires(Permission.CAMPAIGNS_MANAGE, second_factor=True, fresh=True)],
    summary="Change a campaign",
    description="What is left out stays. Coupons that are issued keep their terms. A raised budget, or a raised limit "
    "of a campaign without one, ends its approval.",
    responses={
        200: good(Campaign, "The campaign as it is now.", _CAMPAIGN_EXAMPLE),
        404: UNKNOWN,
        409: _OVER,
        412: _STALE,
        428: _NO_VERSION,
        **PROBLEMS,
    },
)
async def change_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    data: JSONBody[CampaignChange],
    if_match: _IfMatch = None,
) -> Response[Campaign]:
    version = campaigns.parse_version(if_match)
    async with db.transaction(context) as conn:
        await campaigns.change_campaign(conn, code.upper(), data, version=version)
        campaign = await campaigns.get_campaign(conn, code.upper())
    return _shown(campaign)


@post(
    "/{code:str}/status",
    status_code=200,
    guards=[requires(Permission.CAMPAIGNS_MANAGE, second_factor=True, fresh=True)],
    summary="Open, pause or end a campaign",
    description="DRAFT to ACTIVE or CANCELLED; ACTIVE and PAUSED to each other, COMPLETED or CANCELLED; these two are "
    "the end. What opens is bounded by a limit or a budget, and approved by a second person where that is needed.",
    responses={
        200: good(Campaign, "The campaign as it is now.", _CAMPAIGN_EXAMPLE),
        404: UNKNOWN,
        409: _NEEDS_APPROVAL,
        **PROBLEMS,
    },
)
async def status_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    state: State,
    code: CodeInPath,
    data: JSONBody[StatusTo],
) -> Response[Campaign]:
    async with db.transaction(context) as conn:
        limits = campaigns.approval_limits(state["settings"])
        await campaigns.change_status(conn, code.upper(), data.status, limits)
        campaign = await campaigns.get_campaign(conn, code.upper())
    return _shown(campaign)


@post(
    "/{code:str}/opening",
    status_code=200,
    guards=[requires(Permission.CAMPAIGNS_MANAGE, second_factor=True, fresh=True)],
    summary="Let a draft open by the clock, or not",
    description="At the beginning of its window, within a minute. It must be ready to open.",
    responses={
        200: good(Campaign, "The campaign as it is now.", _CAMPAIGN_EXAMPLE),
        404: UNKNOWN,
        409: _NEEDS_APPROVAL,
        **PROBLEMS,
    },
)
async def opening_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    state: State,
    code: CodeInPath,
    data: JSONBody[Opening],
) -> Response[Campaign]:
    async with db.transaction(context) as conn:
        limits = campaigns.approval_limits(state["settings"])
        await campaigns.set_opening(conn, code.upper(), limits, opens_by_clock=data.opens_by_clock)
        campaign = await campaigns.get_campaign(conn, code.upper())
    return _shown(campaign)


@post(
    "/{code:str}/approval",
    status_code=200,
    guards=[requires(Permission.CAMPAIGNS_APPROVE, second_factor=True, fresh=True)],
    summary="Approve a campaign's budget",
    description="As it was read: the ETag is needed. Not by who made it, nor by who raised its budget.",
    responses={
        200: good(Campaign, "The campaign as it is now.", _CAMPAIGN_EXAMPLE),
        404: UNKNOWN,
        409: _OVER,
        412: _STALE,
        428: _NO_VERSION,
        **PROBLEMS,
        403: _OWN,
    },
)
async def approve_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    if_match: _IfMatch = None,
) -> Response[Campaign]:
    version = campaigns.parse_version(if_match)
    async with db.transaction(context) as conn:
        await campaigns.approve_campaign(conn, code.upper(), version=version, approved_by=user_id(caller))
        campaign = await campaigns.get_campaign(conn, code.upper())
    return _shown(campaign)


@get(
    "/",
    guards=[requires(Permission.CAMPAIGNS_READ)],
    summary="List campaigns",
    description="In order of the code. A station's administrator sees those of the own station.",
    responses={200: page(Page[CampaignSummary], _SUMMARY_EXAMPLE), **PROBLEMS},
)
async def list_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    status: Annotated[CampaignStatus | None, QueryParameter(description="Any when left out.")] = None,
    station: AtStation = None,
    q: Annotated[
        str | None,
        QueryParameter(
            min_length=1,
            max_length=100,
            pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
            description="A part of the code or the name.",
        ),
    ] = None,
    running: Annotated[bool | None, QueryParameter(description="Whether they run at this moment.")] = None,
    cursor: Cursor = None,
    limit: PageLimit = 20,
) -> Page[CampaignSummary]:
    wanted = CampaignFilter(status=status, station_code=own_station(caller) or station, text=q, is_running=running)
    async with db.connection() as conn:
        return await campaigns.list_campaigns(conn, wanted, cursor=cursor, limit=limit)


@get(
    "/{code:str}",
    guards=[requires(Permission.CAMPAIGNS_READ)],
    summary="Look up one campaign",
    description="Its ETag is the version that a change and an approval must name.",
    responses={200: good(Campaign, "The campaign.", _CAMPAIGN_EXAMPLE), 404: UNKNOWN, **PROBLEMS},
)
async def campaign_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], code: CodeInPath
) -> Response[Campaign]:
    station = own_station(caller)
    async with db.connection() as conn:
        campaign = await campaigns.get_campaign(conn, code.upper())
    if station is not None and campaign.stations is not None and station not in campaign.stations:
        raise unknown_campaign()
    return _shown(campaign)


@get(
    "/{code:str}/audit",
    guards=[requires(Permission.CAMPAIGNS_READ)],
    summary="What was done to a campaign",
    description="And to its coupons by hand: who changed what, when and from where; the latest first.",
    responses={200: page(Page[AuditEntry]), 404: UNKNOWN, **PROBLEMS},
)
async def audit_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    cursor: Cursor = None,
    limit: PageLimit = 20,
) -> Page[AuditEntry]:
    require_all(caller)
    async with db.connection() as conn:
        return await campaigns.audit(conn, code.upper(), cursor=cursor, limit=limit)


HANDLERS = (
    create_route,
    change_route,
    status_route,
    opening_route,
    approve_route,
    list_route,
    campaign_route,
    audit_route,
)
