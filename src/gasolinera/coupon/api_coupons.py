"""Coupons over HTTP: the own ones, and for administrators finding, handing out and withdrawing them."""

from typing import Annotated, Any, TypeAlias
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.bringing_in import SheetResult
from gasolinera.calls import UserDirectory
from gasolinera.coupon import coupons
from gasolinera.coupon.models_coupons import (
    MAX_PAGE,
    Assignment,
    Coupon,
    CouponFilter,
    CouponStatus,
    StatusChange,
    WalletCoupon,
)
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission
from gasolinera.sheet_requests import RESULT_EXAMPLE, file_of
from gasolinera.tabular import MAX_BYTES

NO_LOGIN = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
FORBIDDEN = problem_spec(HTTPStatus.FORBIDDEN, "auth.forbidden", "this account may not do that")
INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "coupon.unknown", "there is no coupon with this code")
_STATUS = problem_spec(HTTPStatus.CONFLICT, "coupon.status", "the coupon cannot take this status from its present one")
_TAKEN = problem_spec(HTTPStatus.CONFLICT, "coupon.taken", "the coupon is somebody's, is used, or is no longer active")
_NOT_OPEN = problem_spec(
    HTTPStatus.CONFLICT, "coupon.campaign_not_open", "coupons are issued of campaigns that are ACTIVE or PAUSED alone"
)
_LISTED = {401: NO_LOGIN, 403: FORBIDDEN, 422: INVALID, 503: UNAVAILABLE}
_PROBLEMS = {**_LISTED, 404: _UNKNOWN}

TERMS_EXAMPLE: dict[str, object] = {
    "discount_type": "PERCENTAGE",
    "discount_value": "15.00",
    "maximum_discount": "50.00",
    "minimum_purchase": "100.00",
    "currency": "MXN",
    "raffle_tickets": 3,
    "valid_from": "2026-11-01T06:00:00Z",
    "valid_until": "2027-01-01T06:00:00Z",
}
COUPON_EXAMPLE: dict[str, object] = {
    "coupon_code": "7K3M9QXR2T8WA",
    "campaign_code": "WELCOME2026",
    "user_id": "a0000000-0000-4000-8000-000000000051",
    "status": "ACTIVE",
    "status_reason": None,
    **TERMS_EXAMPLE,
    "max_usage": 1,
    "usage_count": 0,
    "is_signed": True,
    "created_at": "2026-11-22T18:00:00.123456Z",
}
_WALLET_EXAMPLE: dict[str, object] = {
    "coupon_code": "7K3M9QXR2T8WA",
    "campaign_code": "WELCOME2026",
    "campaign_name": "Bienvenida 2026",
    "status": "ACTIVE",
    "is_usable": True,
    **TERMS_EXAMPLE,
    "uses_left": 1,
    "is_signed": True,
}

_Code: TypeAlias = Annotated[
    str, PathParameter(max_length=60, description="The coupon's code; case, blanks and dashes do not matter.")
]
Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many at most.")]
Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
CampaignCode: TypeAlias = Annotated[
    str | None, QueryParameter(pattern="^[A-Z0-9_]{3,50}$(?!\n)", description="Of this campaign.")
]


@get(
    "/mine",
    guards=[requires(Permission.COUPONS_OWN)],
    summary="My coupons",
    description="What ends first comes first. What the code on the screen holds is asked for one by one: it changes.",
    responses={
        200: good(Page[WalletCoupon], "A page of coupons.", {"items": [_WALLET_EXAMPLE], "next_cursor": None}),
        **_LISTED,
    },
)
async def mine_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    with_past: Annotated[bool, QueryParameter(description="Those that are used, over or withdrawn too.")] = False,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Page[WalletCoupon]:
    assert caller.user_id is not None, "a partner has no coupons, and the permission is not in its scopes"
    async with db.connection() as conn:
        return await coupons.my_coupons(conn, caller.user_id, with_past=with_past, cursor=cursor, limit=limit)


@get(
    "/",
    guards=[requires(Permission.COUPONS_MANAGE, second_factor=True)],
    summary="Search coupons",
    description="The latest first. A state is looked for in a campaign or of a user.",
    responses={
        200: good(Page[Coupon], "A page of coupons.", {"items": [COUPON_EXAMPLE], "next_cursor": None}),
        **_LISTED,
    },
)
async def search_route(
    db: NamedDependency[Database],
    campaign: CampaignCode = None,
    status: Annotated[CouponStatus | None, QueryParameter(description="In this state.")] = None,
    user_id: Annotated[UUID | None, QueryParameter(description="Of this user.")] = None,
    is_assigned: Annotated[bool | None, QueryParameter(description="Whether it names a user.")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Page[Coupon]:
    wanted = CouponFilter(campaign_code=campaign, status=status, user_id=user_id, is_assigned=is_assigned)
    async with db.connection() as conn:
        return await coupons.search(conn, wanted, cursor=cursor, limit=limit)


@get(
    "/{code:str}",
    guards=[requires(Permission.COUPONS_MANAGE, second_factor=True)],
    summary="One coupon",
    responses={200: good(Coupon, "The coupon.", COUPON_EXAMPLE), **_PROBLEMS},
)
async def coupon_route(db: NamedDependency[Database], code: _Code) -> Coupon:
    async with db.connection() as conn:
        return await coupons.get_coupon(conn, code)


@post(
    "/{code:str}/suspend",
    status_code=200,
    guards=[requires(Permission.COUPONS_MANAGE, second_factor=True, fresh=True)],
    summary="Suspend a coupon",
    description="It cannot be used until it is released.",
    responses={200: good(Coupon, "The coupon as it is now.", COUPON_EXAMPLE), 409: _STATUS, **_PROBLEMS},
)
async def suspend_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: _Code,
    data: JSONBody[StatusChange],
) -> Coupon:
    async with db.transaction(context) as conn:
        return await coupons.suspend(conn, code, data.reason)


@post(
    "/{code:str}/release",
    status_code=200,
    guards=[requires(Permission.COUPONS_MANAGE, second_factor=True, fresh=True)],
    summary="Release a suspended coupon",
    responses={200: good(Coupon, "The coupon as it is now.", COUPON_EXAMPLE), 409: _STATUS, **_PROBLEMS},
)
async def release_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: _Code,
    data: JSONBody[StatusChange],
) -> Coupon:
    async with db.transaction(context) as conn:
        return await coupons.release(conn, code, data.reason)


@post(
    "/{code:str}/cancel",
    status_code=200,
    guards=[requires(Permission.COUPONS_MANAGE, second_factor=True, fresh=True)],
    summary="Cancel a coupon",
    description="For good.",
    responses={200: good(Coupon, "The coupon as it is now.", COUPON_EXAMPLE), 409: _STATUS, **_PROBLEMS},
)
async def cancel_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: _Code,
    data: JSONBody[StatusChange],
) -> Coupon:
    async with db.transaction(context) as conn:
        return await coupons.cancel(conn, code, data.reason)


@post(
    "/{code:str}/assign",
    status_code=200,
    guards=[requires(Permission.COUPONS_MANAGE, second_factor=True, fresh=True)],
    summary="Give a coupon to a user",
    description="One that is nobody's and unused; from then on nobody else can use it.",
    responses={200: good(Coupon, "The coupon as it is now.", COUPON_EXAMPLE), 409: _TAKEN, **_PROBLEMS},
)
async def assign_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    users: NamedDependency[UserDirectory],
    code: _Code,
    data: JSONBody[Assignment],
) -> Coupon:
    coupons.check_user(await users.find(data.user_id))
    async with db.transaction(context) as conn:
        return await coupons.assign(conn, code, data.user_id)


@post(
    "/assign",
    status_code=200,
    guards=[requires(Permission.COUPONS_MANAGE, second_factor=True, fresh=True)],
    opt={"timeout_s": 120},
    request_max_body_size=MAX_BYTES + 100_000,
    summary="Hand out coupons by a list",
    description="CSV as the body (text/csv), or as a file of a form (multipart/form-data), with the columns user_id "
    "and coupon_code. A row without a code owes the user a new coupon of the campaign, once a user. The answer names "
    "every row that is refused. Without `keep_good` one such row keeps all of it out.",
    responses={200: good(SheetResult, "What came of it.", RESULT_EXAMPLE), 409: _NOT_OPEN, **_LISTED},
)
async def assign_list_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    users: NamedDependency[UserDirectory],
    campaign: CampaignCode = None,
    dry_run: Annotated[bool, QueryParameter(description="Tell what would be, and keep nothing.")] = False,
    keep_good: Annotated[bool, QueryParameter(description="Keep the good rows of a table that has others.")] = False,
) -> SheetResult:
    sheet = coupons.read_assignments(await file_of(request))
    people = await coupons.find_people(users, sheet)
    async with db.transaction(context) as conn:
        return await coupons.assign_list(
            conn, people, sheet, campaign_code=campaign, is_dry_run=dry_run, keeps_good=keep_good
        )


HANDLERS = (
    mine_route,
    search_route,
    coupon_route,
    suspend_route,
    release_route,
    cancel_route,
    assign_route,
    assign_list_route,
)
