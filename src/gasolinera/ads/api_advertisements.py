"""Advertisements over HTTP: made, changed, handed in, reviewed by a second person, shown or not."""

from typing import Annotated, TypeAlias
from uuid import UUID

from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.ads import advertisements
from gasolinera.ads.api_campaigns import NO_VERSION, PROBLEMS, STALE, Cursor, IfMatch, PageLimit, page, user_id
from gasolinera.ads.campaigns import parse_version
from gasolinera.ads.models_ads import (
    Ad,
    AdChange,
    AdFilter,
    AdStatus,
    AdStatusTo,
    AdSummary,
    ApprovalStatus,
    NewAd,
    Review,
)
from gasolinera.ads.models_campaigns import AuditEntry
from gasolinera.ads.models_serving import AdFormat
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission

_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "ad.unknown", "there is no advertisement with this id")
_NO_CAMPAIGN = problem_spec(HTTPStatus.CONFLICT, "ad.campaign", "no campaign that takes advertisements has this code")
_STATUS = problem_spec(HTTPStatus.CONFLICT, "ad.not_approved", "nobody has approved this advertisement")
_SUBMITTED = problem_spec(HTTPStatus.CONFLICT, "ad.submitted", "the advertisement is APPROVED, or handed in already")
_NOT_SUBMITTED = problem_spec(HTTPStatus.CONFLICT, "ad.not_submitted", "the advertisement is not handed in for review")
_OWN = problem_spec(HTTPStatus.FORBIDDEN, "ad.own_approval", "who made or changed an advertisement does not review it")
_SUMMARY_EXAMPLE: dict[str, object] = {
    "public_id": "ad100000-0000-4000-8000-000000000002",
    "campaign_code": "ADC-REFRESCO",
    "advertiser_code": "REFRESCO-LUNA",
    "title": "Luna de limón: el vaso",
    "ad_format": "IMAGE",
    "duration_s": 10,
    "ticket_multiplier": 2,
    "content_rating": "EVERYONE",
    "languages": ["es", "en"],
    "status": "ACTIVE",
    "approval_status": "APPROVED",
    "submitted_at": "2026-11-02T18:00:00Z",
    "created_at": "2026-11-02T17:00:00Z",
}
_EXAMPLE: dict[str, object] = _SUMMARY_EXAMPLE | {
    "description": None,
    "body_text": None,
    "media_url": None,
    "media_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "media_type": "image/png",
    "media_bytes": 2143,
    "click_url": "https://www.refrescosluna.example/limon",
    "skip_after_s": 5,
    "completion_threshold_percent": 80,
    "created_by": "a0000000-0000-4000-8000-000000000011",
    "changed_by": None,
    "reviewed_by": "a0000000-0000-4000-8000-000000000001",
    "reviewed_at": "2026-11-03T18:00:00Z",
    "rejection_reason": None,
    "version": 1795370400123456,
    "updated_at": "2026-11-03T18:00:00.123456Z",
}
_AdId: TypeAlias = Annotated[UUID, PathParameter(description="Its id.")]
_CodeFilter: TypeAlias = Annotated[
    str | None, QueryParameter(pattern=r"^[A-Z0-9][A-Z0-9_-]{2,49}$(?!\n)", description="Of the one with this code.")
]


def _shown(ad: Ad, *, status: int = 200) -> Response[Ad]:
    """With the version that a change or a review must name."""
    return Response(ad, status_code=status, headers={"etag": f'"{ad.version}"'})


@post(
    "/advertisements",
    guards=[requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)],
    opt={"idempotent": True},
    summary="Draft an advertisement",
    description="Its media are uploaded before, or lie at a URL with their hash, type and size told.",
    responses={201: good(Ad, "The draft.", _EXAMPLE), 409: _NO_CAMPAIGN, **PROBLEMS},
)
async def create_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    data: JSONBody[NewAd],
) -> Response[Ad]:
    async with db.transaction(context) as conn:
        public_id = await advertisements.create_ad(conn, data, created_by=user_id(caller))
        ad = await advertisements.get_ad(conn, public_id)
    return _shown(ad, status=201)


@patch(
    "/advertisements/{ad_id:uuid}",
    guards=[requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)],
    summary="Change an advertisement",
    description="What is left out stays. Changed content is a draft again: it is shown no more until somebody else has "
    "approved it.",
    responses={200: good(Ad, "As it is now.", _EXAMPLE), 404: _UNKNOWN, 412: STALE, 428: NO_VERSION, **PROBLEMS},
)
async def change_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    ad_id: _AdId,
    data: JSONBody[AdChange],
    if_match: IfMatch = None,
) -> Response[Ad]:
    version = parse_version(if_match)
    async with db.transaction(context) as conn:
        await advertisements.change_ad(conn, ad_id, data, version=version)
        ad = await advertisements.get_ad(conn, ad_id)
    return _shown(ad)


@post(
    "/advertisements/{ad_id:uuid}/submission",
    status_code=200,
    guards=[requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)],
    summary="Hand an advertisement in for review",
    responses={200: good(Ad, "As it is now.", _EXAMPLE), 404: _UNKNOWN, 409: _SUBMITTED, **PROBLEMS},
)
async def submit_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], ad_id: _AdId
) -> Response[Ad]:
    async with db.transaction(context) as conn:
        await advertisements.submit_ad(conn, ad_id)
        ad = await advertisements.get_ad(conn, ad_id)
    return _shown(ad)


@post(
    "/advertisements/{ad_id:uuid}/review",
    status_code=200,
    guards=[requires(Permission.ADS_APPROVE, second_factor=True, fresh=True)],
    summary="Approve or reject an advertisement",
    description="As it was read: the ETag is needed. In production by somebody who neither made nor changed it. "
    "A rejection takes an approved one off the screens as well.",
    responses={
        200: good(Ad, "As it is now.", _EXAMPLE),
        404: _UNKNOWN,
        409: _NOT_SUBMITTED,
        412: STALE,
        428: NO_VERSION,
        **PROBLEMS,
        403: _OWN,
    },
)
async def review_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    ad_id: _AdId,
    data: JSONBody[Review],
    if_match: IfMatch = None,
) -> Response[Ad]:
    version = parse_version(if_match)
    async with db.transaction(context) as conn:
        await advertisements.review_ad(conn, ad_id, data, version=version, reviewed_by=user_id(caller))
        ad = await advertisements.get_ad(conn, ad_id)
    return _shown(ad)


@post(
    "/advertisements/{ad_id:uuid}/status",
    status_code=200,
    guards=[requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)],
    summary="Show an advertisement, pause it or archive it",
    description="DRAFT or PAUSED to ACTIVE, when it is approved; ACTIVE to PAUSED; any to ARCHIVED, which is the end. "
    "It is shown while its campaign is ACTIVE as well.",
    responses={200: good(Ad, "As it is now.", _EXAMPLE), 404: _UNKNOWN, 409: _STATUS, **PROBLEMS},
)
async def status_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    ad_id: _AdId,
    data: JSONBody[AdStatusTo],
) -> Response[Ad]:
    async with db.transaction(context) as conn:
        await advertisements.change_status(conn, ad_id, data.status)
        ad = await advertisements.get_ad(conn, ad_id)
    return _shown(ad)


@get(
    "/advertisements",
    guards=[requires(Permission.ADS_READ)],
    summary="List advertisements",
    description="The newest first. `waiting=true` is the queue of those who review.",
    responses={200: page(Page[AdSummary], _SUMMARY_EXAMPLE), **PROBLEMS},
)
async def list_route(  # noqa: PLR0913, PLR0917  a filter is an argument
    db: NamedDependency[Database],
    campaign: _CodeFilter = None,
    advertiser: _CodeFilter = None,
    status: Annotated[AdStatus | None, QueryParameter(description="Any when left out.")] = None,
    approval: Annotated[ApprovalStatus | None, QueryParameter(description="Any when left out.")] = None,
    ad_format: Annotated[AdFormat | None, QueryParameter(name="format", description="Any when left out.")] = None,
    waiting: Annotated[bool | None, QueryParameter(description="Whether they are handed in and not reviewed.")] = None,
    q: Annotated[
        str | None,
        QueryParameter(
            min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)", description="A part of the title."
        ),
    ] = None,
    cursor: Cursor = None,
    limit: PageLimit = 20,
) -> Page[AdSummary]:
    wanted = AdFilter(
        campaign_code=campaign,
        advertiser_code=advertiser,
        status=status,
        approval_status=approval,
        ad_format=ad_format,
        is_waiting=waiting,
        text=q,
    )
    async with db.connection() as conn:
        return await advertisements.list_ads(conn, wanted, cursor=cursor, limit=limit)


@get(
    "/advertisements/{ad_id:uuid}",
    guards=[requires(Permission.ADS_READ)],
    summary="Look up one advertisement",
    description="Its ETag is the version that a change and a review must name.",
    responses={200: good(Ad, "The advertisement.", _EXAMPLE), 404: _UNKNOWN, **PROBLEMS},
)
async def ad_route(db: NamedDependency[Database], ad_id: _AdId) -> Response[Ad]:
    async with db.connection() as conn:
        return _shown(await advertisements.get_ad(conn, ad_id))


@get(
    "/advertisements/{ad_id:uuid}/audit",
    guards=[requires(Permission.ADS_READ)],
    summary="What was done to an advertisement",
    description="Who changed what, when and from where; the latest first.",
    responses={200: page(Page[AuditEntry]), 404: _UNKNOWN, **PROBLEMS},
)
async def audit_route(
    db: NamedDependency[Database], ad_id: _AdId, cursor: Cursor = None, limit: PageLimit = 20
) -> Page[AuditEntry]:
    async with db.connection() as conn:
        return await advertisements.audit(conn, ad_id, cursor=cursor, limit=limit)


HANDLERS = (
    create_route,
    change_route,
    submit_route,
    review_route,
    status_route,
    list_route,
    ad_route,
    audit_route,
)
