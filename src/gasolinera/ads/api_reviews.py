"""The review queue of views over HTTP."""

from typing import Annotated, TypeAlias
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.ads import fraud_review
from gasolinera.ads.models_review import (
    ViewAcceptance,
    ViewRejection,
    ViewReview,
    ViewReviewDetail,
    ViewReviewStatus,
)
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission

_SEE = [requires(Permission.ADS_REVIEW)]
_JUDGE = [requires(Permission.ADS_REVIEW, second_factor=True, fresh=True)]
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "ads.review_unknown", "there is no review of this view")
_DECIDED = problem_spec(HTTPStatus.CONFLICT, "ads.review_decided", "it was decided otherwise before")
_OWN = problem_spec(HTTPStatus.FORBIDDEN, "ads.own_view", "nobody decides about an own view")
_PROBLEMS = {
    401: problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login"),
    403: problem_spec(HTTPStatus.FORBIDDEN, "auth.not_permitted", "this account may not do that"),
    422: problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values"),
    503: problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached"),
}
_REVIEW: dict[str, object] = {
    "view_id": "ad000000-0000-4000-8000-000000000001",
    "status": "PENDING",
    "fraud_score": 45,
    "quality_score": 61,
    "findings": {"HIDDEN": 20, "SILENT": 25},
    "campaign_code": "ADC-REFRESCO",
    "advertisement": "ad100000-0000-4000-8000-000000000001",
    "title": "Luna de limón: la playa",
    "user_id": "a0000000-0000-4000-8000-000000000051",
    "transaction_reference": "RDM-20261122-000117",
    "chain_step": 1,
    "view_status": "COMPLETED",
    "started_at": "2026-11-22T18:00:00Z",
    "finished_at": "2026-11-22T18:00:15Z",
    "duration_s": 15,
    "watched_s": "15.000",
    "bonus_tickets": 3,
    "bonus_taken_back": 0,
    "cost": "1.50",
    "currency": "MXN",
    "decided_by": None,
    "decided_at": None,
    "note": None,
    "created_at": "2026-11-22T18:00:15Z",
}
_EVENT: dict[str, object] = {
    "event_type": "HEARTBEAT",
    "position_s": "5.000",
    "is_playing": True,
    "visible_percent": 100,
    "is_muted": False,
    "ahead_s": None,
    "created_at": "2026-11-22T18:00:05Z",
}
_View: TypeAlias = Annotated[UUID, PathParameter(description="The view's id.")]


@get(
    "/",
    guards=_SEE,
    summary="List the review queue of views",
    description="Views that wait the oldest first, decided ones the newest first.",
    responses={200: good(Page[ViewReview], "A page.", {"items": [_REVIEW], "next_cursor": None}), **_PROBLEMS},
)
async def list_reviews_route(
    db: NamedDependency[Database],
    *,
    status: Annotated[ViewReviewStatus, QueryParameter(description="Those that wait when left out.")] = (
        ViewReviewStatus.PENDING
    ),
    campaign: Annotated[
        str | None,
        QueryParameter(pattern=r"^[A-Z0-9][A-Z0-9_-]{2,49}$(?!\n)", description="Of this campaign."),
    ] = None,
    cursor: Annotated[
        str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")] = 20,
) -> Page[ViewReview]:
    async with db.connection() as conn:
        return await fraud_review.list_reviews(conn, status, campaign_code=campaign, cursor=cursor, limit=limit)


@get(
    "/{view:uuid}",
    guards=_SEE,
    summary="One doubtful view",
    description="With what its player told.",
    responses={
        200: good(ViewReviewDetail, "The review.", {"review": _REVIEW, "events": [_EVENT]}),
        404: _UNKNOWN,
        **_PROBLEMS,
    },
)
async def get_review_route(db: NamedDependency[Database], view: _View) -> ViewReviewDetail:
    async with db.connection() as conn:
        return await fraud_review.get_review(conn, view)


@post(
    "/{view:uuid}/accept",
    status_code=200,
    guards=_JUDGE,
    summary="Accept a doubtful view",
    description="Once; the same decision again changes nothing.",
    responses={
        200: good(ViewReview, "The review.", _REVIEW | {"status": "ACCEPTED"}),
        404: _UNKNOWN,
        409: _DECIDED,
        **(_PROBLEMS | {403: _OWN}),
    },
)
async def accept_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    view: _View,
    data: JSONBody[ViewAcceptance],
) -> ViewReview:
    async with db.transaction(context) as conn:
        return await fraud_review.decide(conn, caller, view, is_accepted=True, note=data.note)


@post(
    "/{view:uuid}/reject",
    status_code=200,
    guards=_JUDGE,
    summary="Reject a completed view",
    description="With a reason, once; also one that is not in the queue. Its bonus tickets are taken back; what it "
    "charged the advertiser stays charged, and is told apart in the figures.",
    responses={
        200: good(ViewReview, "The review.", _REVIEW | {"status": "REJECTED", "bonus_taken_back": 3}),
        404: _UNKNOWN,
        409: _DECIDED,
        **(_PROBLEMS | {403: _OWN}),
    },
)
async def reject_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    view: _View,
    data: JSONBody[ViewRejection],
) -> ViewReview:
    async with db.transaction(context) as conn:
        return await fraud_review.decide(conn, caller, view, is_accepted=False, note=data.note)


HANDLERS = (list_reviews_route, get_review_route, accept_route, reject_route)
