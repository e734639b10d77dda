"""Points over HTTP: balance, statement, redeeming; and for administrators adjustments and rules."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.calls import UserDirectory
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, UnknownError, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import points
from gasolinera.redemption.api_tickets import INVALID, UNAVAILABLE, CursorQuery, HolderQuery, LimitQuery
from gasolinera.redemption.models_points import (
    Adjustment,
    Currency,
    Entry,
    PointsBalance,
    PointsRedemption,
    PointsRule,
    RuleWish,
)
from gasolinera.redemption.tickets import holder_of

_READ = [requires(Permission.POINTS_READ)]
_REDEEM = [requires(Permission.POINTS_REDEEM, fresh=True)]
_MANAGE = [requires(Permission.POINTS_MANAGE, second_factor=True, fresh=True)]
_COMMON = {422: INVALID, 503: UNAVAILABLE}
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "user.unknown", "there is no such user")
_TOO_FEW = problem_spec(HTTPStatus.CONFLICT, "points.too_few", "there are not as many points")

_ENTRY_EXAMPLE = {
    "entry_number": 3,
    "entry_type": "REDEEMED",
    "points": -200,
    "balance_after": 278,
    "reference": "car-wash-4711",
    "description": "Lavado",
    "expires_at": None,
    "created_at": "2026-11-22T18:00:00Z",
}
_BALANCE_EXAMPLE = {
    "user_id": "a0000000-0000-4000-8000-000000000051",
    "balance": 278,
    "expiring": [{"expires_at": "2026-12-01T00:00:00Z", "points": 78}],
}
_RULE_EXAMPLE = {"currency": "MXN", "points_per_unit": "1.000000", "valid_days": 365, "is_enabled": True}


class PointsRules(msgspec.Struct, frozen=True):
    items: tuple[PointsRule, ...]


@get(
    "/",
    guards=_READ,
    summary="Get the balance of points",
    responses={200: good(PointsBalance, "The balance, and what ends soon.", _BALANCE_EXAMPLE), **_COMMON},
)
async def balance_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    days: Annotated[int, QueryParameter(ge=1, le=366, description="What ends within how many days.")] = 30,
    user_id: HolderQuery = None,
) -> PointsBalance:
    holder = holder_of(caller, Permission.POINTS_READ, user_id)
    async with db.connection() as conn:
        return await points.get_balance(conn, holder, within_days=days)


@get(
    "/statement",
    guards=_READ,
    summary="List the entries of the account",
    description="The newest first.",
    responses={
        200: good(Page[Entry], "A page of entries.", {"items": [_ENTRY_EXAMPLE], "next_cursor": None}),
        **_COMMON,
    },
)
async def statement_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    user_id: HolderQuery = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = 20,
) -> Page[Entry]:
    holder = holder_of(caller, Permission.POINTS_READ, user_id)
    async with db.connection() as conn:
        return await points.list_entries(conn, holder, cursor=cursor, limit=limit)


@post(
    "/redemptions",
    guards=_REDEEM,
    opt={"idempotent": True},
    summary="Redeem own points",
    description="What was earned first is spent first. The same reference again gives the first entry.",
    responses={201: good(Entry, "The entry.", _ENTRY_EXAMPLE), 409: _TOO_FEW, **_COMMON},
)
async def redeem_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    data: JSONBody[PointsRedemption],
) -> Entry:
    holder = holder_of(caller, Permission.POINTS_REDEEM, None)
    async with db.transaction(context) as conn:
        return await points.redeem(conn, holder, data)


@post(
    "/users/{user_id:uuid}/adjustments",
    guards=_MANAGE,
    opt={"idempotent": True},
    summary="Adjust somebody's points",
    description="With a reason, which stays in the ledger. Adjusted points do not expire.",
    responses={
        201: good(Entry, "The entry.", _ENTRY_EXAMPLE | {"entry_type": "ADJUSTED"}),
        404: _UNKNOWN,
        409: _TOO_FEW,
        **_COMMON,
    },
)
async def adjust_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    users: NamedDependency[UserDirectory],
    user_id: Annotated[UUID, PathParameter(description="Public reference of the account's owner.")],
    data: JSONBody[Adjustment],
) -> Entry:
    if await users.find(user_id) is None:
        raise UnknownError("user.unknown", "there is no such user")
    async with db.transaction(context) as conn:
        return await points.adjust(conn, user_id, data)


@get(
    "/rules",
    guards=_READ,
    summary="List how redemptions earn points",
    responses={200: good(PointsRules, "By currency.", {"items": [_RULE_EXAMPLE]}), **_COMMON},
)
async def rules_route(db: NamedDependency[Database]) -> PointsRules:
    async with db.connection() as conn:
        return PointsRules(await points.list_rules(conn))


@put(
    "/rules/{currency:str}",
    guards=_MANAGE,
    summary="Say how redemptions of a currency earn points",
    description="From now on; what was earned stays.",
    responses={200: good(PointsRule, "The rule.", _RULE_EXAMPLE), **_COMMON},
)
async def put_rule_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    currency: Annotated[Currency, PathParameter(description="MXN, CRC or USD.")],
    data: JSONBody[RuleWish],
) -> PointsRule:
    async with db.transaction(context) as conn:
        return await points.put_rule(conn, currency, data)


HANDLERS = (balance_route, statement_route, redeem_route, adjust_route, rules_route, put_rule_route)
