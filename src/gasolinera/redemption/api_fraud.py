"""Fraud over HTTP: the review queue for who looks at it, the rules for the chain's administrators."""

from typing import Annotated, TypeAlias
from uuid import UUID

from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import fraud, fraud_rules
from gasolinera.redemption.models_fraud import (
    FraudAuditEntry,
    FraudRule,
    ResolutionWish,
    Review,
    ReviewStatus,
    RuleBook,
    RuleWish,
    Simulation,
    SimulationWish,
    Thresholds,
    ThresholdsWish,
)

_SEE = [requires(Permission.FRAUD_REVIEW)]
_JUDGE = [requires(Permission.FRAUD_REVIEW, second_factor=True, fresh=True)]
_READ_RULES = [requires(Permission.FRAUD_RULES)]
_CHANGE_RULES = [requires(Permission.FRAUD_RULES, second_factor=True, fresh=True)]

_NO_LOGIN = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
_FORBIDDEN = problem_spec(HTTPStatus.FORBIDDEN, "auth.not_permitted", "this account may not do that")
_OWN = problem_spec(HTTPStatus.FORBIDDEN, "fraud.own_case", "nobody reviews what he himself had part in")
_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_UNFIT = problem_spec(
    HTTPStatus.UNPROCESSABLE_ENTITY, "fraud.parameters", "the parameters are not those of the kind of rule"
)
_UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "fraud.review_unknown", "there is no review of this detection")
_UNKNOWN_RULE = problem_spec(HTTPStatus.NOT_FOUND, "fraud.rule_unknown", "there is no fraud rule of this name")
_STALE = problem_spec(HTTPStatus.CONFLICT, "fraud.stale", "somebody changed it since it was read")
_TAKEN = problem_spec(HTTPStatus.CONFLICT, "fraud.review_taken", "somebody else works on this review")
_NOT_TAKEN = problem_spec(HTTPStatus.CONFLICT, "fraud.review_not_taken", "only who took a review resolves it")
_PROBLEMS = {401: _NO_LOGIN, 403: _FORBIDDEN, 422: _INVALID, 503: _UNAVAILABLE}

_RULE_EXAMPLE: dict[str, object] = {
    "rule_name": "user_hour",
    "kind": "USER_VELOCITY",
    "fraud_type": "VELOCITY_FRAUD",
    "parameters": {"window_minutes": 60, "max_count": 5},
    "points": 45,
    "is_enabled": True,
    "version": 1,
    "updated_at": "2026-11-20T16:00:00Z",
}
_THRESHOLDS_EXAMPLE: dict[str, object] = {
    "flagged_from": 25,
    "review_from": 45,
    "blocked_from": 80,
    "version": 1,
    "updated_at": "2026-11-20T16:00:00Z",
}
_RULES_EXAMPLE: dict[str, object] = {
    "rules": [_RULE_EXAMPLE],
    "thresholds": _THRESHOLDS_EXAMPLE,
    "parameters": [
        {
            "kind": "USER_VELOCITY",
            "fraud_type": "VELOCITY_FRAUD",
            "parameter": "max_count",
            "lowest": 1,
            "highest": 1000,
        }
    ],
}
_REVIEW_EXAMPLE: dict[str, object] = {
    "id": 17,
    "detection_id": "f0000000-0000-4000-8000-000000000002",
    "detected_at": "2026-11-22T18:00:00Z",
    "status": "OPEN",
    "risk_score": 45,
    "action_taken": "ALLOWED_WITH_REVIEW",
    "fraud_type": "VELOCITY_FRAUD",
    "transaction_reference": "RDM-20261122-000117",
    "station_code": "JSM001",
    "employee_number": "EMP000022",
    "user_id": "a0000000-0000-4000-8000-000000000051",
    "device_id": None,
    "rule_points": {"user_hour": 45},
    "details": {"user_hour": {"before": 5, "max": 5, "version": 1}},
    "taken_by": None,
    "taken_at": None,
    "resolution": None,
    "reviewed_by": None,
    "reviewed_at": None,
    "notes": None,
}
_SIMULATION_EXAMPLE: dict[str, object] = {
    "assessed": 500,
    "was": {"ALLOWED": 498, "FLAGGED": 2},
    "would_be": {"ALLOWED": 499, "FLAGGED": 1},
    "changed": 1,
    "changes": [
        {
            "transaction_reference": "RDM-20261122-000117",
            "created_at": "2026-11-22T18:00:00Z",
            "was": "FLAGGED",
            "would_be": "ALLOWED",
            "risk_score": 0,
            "rule_points": {},
        }
    ],
}
_AUDIT_EXAMPLE: dict[str, object] = {
    "id": 3,
    "event_type": "RULE_UPDATE",
    "subject": "user_hour",
    "old_values": {"points": 45, "version": 1},
    "new_values": {"points": 50, "version": 2},
    "actor": "a0000000-0000-4000-8000-000000000001",
    "correlation_id": None,
    "created_at": "2026-11-22T18:00:00Z",
}

_Detection: TypeAlias = Annotated[UUID, PathParameter(description="The detection's id.")]
_Rule: TypeAlias = Annotated[
    str, PathParameter(pattern=r"^[a-z][a-z0-9_]{2,49}$(?!\n)", description="The rule's name.")
]
_Status: TypeAlias = Annotated[ReviewStatus, QueryParameter(description="Open ones when left out.")]
_Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
_PageLimit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")]
_Subject: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        pattern=r"^[a-z0-9_-]{1,50}$(?!\n)",
        description="A rule's name, a detection's id, or `thresholds`; any when left out.",
    ),
]


@get(
    "/fraud/reviews",
    guards=_SEE,
    summary="List the review queue",
    description="Open ones worst first, then oldest; resolved ones newest first. A station's administrator sees the "
    "own station's.",
    responses={
        200: good(Page[Review], "A page of reviews.", {"items": [_REVIEW_EXAMPLE], "next_cursor": None}),
        **_PROBLEMS,
    },
)
async def list_reviews_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    status: _Status = ReviewStatus.OPEN,
    cursor: _Cursor = None,
    limit: _PageLimit = 20,
) -> Page[Review]:
    async with db.connection() as conn:
        return await fraud.list_reviews(conn, caller, status, cursor=cursor, limit=limit)


@get(
    "/fraud/reviews/{detection:uuid}",
    guards=_SEE,
    summary="One review",
    responses={200: good(Review, "The review.", _REVIEW_EXAMPLE), 404: _UNKNOWN, **_PROBLEMS},
)
async def get_review_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], detection: _Detection
) -> Review:
    async with db.connection() as conn:
        return await fraud.get_review(conn, caller, detection)


@post(
    "/fraud/reviews/{detection:uuid}/take",
    status_code=200,
    guards=_JUDGE,
    summary="Take a review",
    description="The caller works on it. After half an hour somebody else may take it over.",
    responses={
        200: good(Review, "The review.", _REVIEW_EXAMPLE),
        404: _UNKNOWN,
        409: _TAKEN,
        **(_PROBLEMS | {403: _OWN}),
    },
)
async def take_review_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    detection: _Detection,
) -> Review:
    async with db.transaction(context) as conn:
        return await fraud.take_review(conn, caller, detection)


@post(
    "/fraud/reviews/{detection:uuid}/resolve",
    status_code=200,
    guards=_JUDGE,
    summary="Resolve a review",
    description="By who took it, once. CONFIRM counts against the driver's next attempts; RELEASE, for the chain's "
    "administrators alone, keeps the driver from being blocked for some hours.",
    responses={
        200: good(Review, "The review.", _REVIEW_EXAMPLE | {"status": "FALSE_ALARM", "resolution": "DISMISS"}),
        404: _UNKNOWN,
        409: _NOT_TAKEN,
        **(_PROBLEMS | {403: _OWN}),
    },
)
async def resolve_review_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    detection: _Detection,
    data: JSONBody[ResolutionWish],
) -> Review:
    async with db.transaction(context) as conn:
        return await fraud.resolve_review(conn, caller, detection, data)


@get(
    "/fraud/rules",
    guards=_READ_RULES,
    summary="Rules and thresholds",
    description="With the parameters that each kind of rule has.",
    responses={200: good(RuleBook, "All rules.", _RULES_EXAMPLE), **_PROBLEMS},
)
async def read_rules_route(db: NamedDependency[Database]) -> RuleBook:
    async with db.connection() as conn:
        return await fraud_rules.read_rules(conn)


@put(
    "/fraud/rules/{name:str}",
    guards=_CHANGE_RULES,
    summary="Make or change a rule",
    description="With the version that the change is of; 0 makes a new rule. It holds for the next redemption. A rule "
    "is switched off, never deleted.",
    responses={
        200: good(FraudRule, "The rule.", _RULE_EXAMPLE),
        404: _UNKNOWN_RULE,
        409: _STALE,
        **(_PROBLEMS | {422: _UNFIT}),
    },
)
async def put_rule_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    name: _Rule,
    data: JSONBody[RuleWish],
) -> FraudRule:
    async with db.transaction(context) as conn:
        return await fraud_rules.put_rule(conn, name, data)


@put(
    "/fraud/thresholds",
    guards=_CHANGE_RULES,
    summary="Change the thresholds",
    responses={200: good(Thresholds, "The thresholds.", _THRESHOLDS_EXAMPLE), 409: _STALE, **_PROBLEMS},
)
async def put_thresholds_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    data: JSONBody[ThresholdsWish],
) -> Thresholds:
    async with db.transaction(context) as conn:
        return await fraud_rules.put_thresholds(conn, data)


@post(
    "/fraud/simulations",
    status_code=200,
    guards=_CHANGE_RULES,
    opt={"limits": (Limit("user", 10, 60),)},
    summary="What other rules would have done",
    description="With the newest redemptions, each judged by what was known when it was made. Nothing is written.",
    responses={200: good(Simulation, "What would have been.", _SIMULATION_EXAMPLE), **(_PROBLEMS | {422: _UNFIT})},
)
async def simulate_route(db: NamedDependency[Database], data: JSONBody[SimulationWish]) -> Simulation:
    async with db.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        return await fraud_rules.simulate(conn, data)


@get(
    "/fraud/audit",
    guards=_READ_RULES,
    summary="Who changed rules and reviews",
    responses={
        200: good(Page[FraudAuditEntry], "A page, newest first.", {"items": [_AUDIT_EXAMPLE], "next_cursor": None}),
        **_PROBLEMS,
    },
)
async def list_audit_route(
    db: NamedDependency[Database],
    subject: _Subject = None,
    cursor: _Cursor = None,
    limit: _PageLimit = 20,
) -> Page[FraudAuditEntry]:
    async with db.connection() as conn:
        return await fraud_rules.list_audit(conn, subject, cursor=cursor, limit=limit)


HANDLERS = (
    list_reviews_route,
    get_review_route,
    take_review_route,
    resolve_review_route,
    read_rules_route,
    put_rule_route,
    put_thresholds_route,
    simulate_route,
    list_audit_route,
)
