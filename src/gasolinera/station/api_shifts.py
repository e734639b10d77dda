"""Shifts and training over HTTP."""

from datetime import UTC, date, datetime
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.permissions import Caller, Permission
from gasolinera.station import service, shifts, training
from gasolinera.station.api_employees import (
    ABOUT_EMPLOYEE,
    ABOUT_STATION,
    MANAGE,
    READ,
    CodeInPath,
    NumberInPath,
)
from gasolinera.station.models_employees import (
    AppliedRule,
    Certification,
    CertificationRule,
    ExpiringCertification,
    NewCertification,
    NewShift,
    Reason,
    Shift,
)
from gasolinera.station.roster import sight_at

_PLAN = [requires(Permission.EMPLOYEES_MANAGE, fresh=True)]
_CLOCK = [requires(Permission.SHIFTS_CLOCK, fresh=True)]
_UNKNOWN_SHIFT = problem_spec(HTTPStatus.NOT_FOUND, "shift.unknown", "there is no such shift")
_OVERLAPS = problem_spec(HTTPStatus.CONFLICT, "shift.overlaps", "the employee has another shift at that time")
_NOT_NOW = problem_spec(
    HTTPStatus.CONFLICT, "shift.not_now", "a shift begins at the earliest half an hour before, and before its end"
)
_RECORDED = problem_spec(
    HTTPStatus.CONFLICT, "certification.exists", "this certification of that day is recorded already"
)
_ABOUT_SHIFT = ABOUT_EMPLOYEE | {404: _UNKNOWN_SHIFT, 409: _NOT_NOW}

_SHIFT_EXAMPLE = {
    "shift_id": "5f0f6f3e-6a51-4b0e-9d1c-0d5d0c1f8f0a",
    "employee_number": "EMP000022",
    "station_code": "JSM001",
    "time_zone": "America/Mexico_City",
    "starts_at": "2026-11-23T12:00:00Z",
    "ends_at": "2026-11-23T20:00:00Z",
    "clocked_in_at": None,
    "clocked_out_at": None,
    "cancelled_at": None,
}
_CERTIFICATION_EXAMPLE = {
    "certification_id": "7c0f6f3e-6a51-4b0e-9d1c-0d5d0c1f8f0a",
    "employee_number": "EMP000022",
    "kind": "FUEL_HANDLING",
    "issued_on": "2026-03-01",
    "expires_on": "2028-03-01",
    "certificate_number": "STPS-2026-118",
    "withdrawn_at": None,
    "withdrawal_reason": None,
}
_EXPIRING_EXAMPLE = {
    "certification_id": "7c0f6f3e-6a51-4b0e-9d1c-0d5d0c1f8f0a",
    "employee_number": "EMP000022",
    "station_code": "JSM001",
    "kind": "FUEL_HANDLING",
    "expires_on": "2026-12-01",
    "is_required": True,
}

_ShiftInPath: TypeAlias = Annotated[UUID, PathParameter(description="The shift's id.")]


class Shifts(msgspec.Struct, frozen=True):
    items: tuple[Shift, ...]


class Certifications(msgspec.Struct, frozen=True):
    items: tuple[Certification, ...]


class ExpiringCertifications(msgspec.Struct, frozen=True):
    items: tuple[ExpiringCertification, ...]


class Withdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


@get(
    "/{code:str}/shifts",
    guards=READ,
    summary="List a day's shifts at a station",
    description="Those that touch the day in the station's zone. An employee sees the own ones alone.",
    responses={200: good(Shifts, "In order of their beginning.", {"items": [_SHIFT_EXAMPLE]}), **ABOUT_STATION},
)
async def list_shifts_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    day: Annotated[date | None, QueryParameter(description="Today when left out.")] = None,
) -> Shifts:
    async with db.connection() as conn:
        return Shifts(await shifts.list_shifts(conn, caller, service.normalized_code(code), day))


@post(
    "/employees/{number:str}/shifts",
    guards=_PLAN,
    summary="Plan a shift",
    description="At the station where the employee works, 16 hours at most.",
    responses={201: good(Shift, "The shift.", _SHIFT_EXAMPLE), 409: _OVERLAPS, **ABOUT_EMPLOYEE},
)
async def plan_shift_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: NumberInPath,
    data: JSONBody[NewShift],
) -> Shift:
    now = datetime.now(UTC)
    return await db.run(lambda conn: shifts.plan_shift(conn, caller, number, data, now=now), context)


@post(
    "/shifts/{shift_id:uuid}/clock-in",
    status_code=200,
    guards=_CLOCK,
    summary="Begin a shift",
    description="From half an hour before its time until its end: the employee, or who manages the station.",
    responses={200: good(Shift, "The shift.", _SHIFT_EXAMPLE), **_ABOUT_SHIFT},
)
async def clock_in_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    shift_id: _ShiftInPath,
) -> Shift:
    async with db.transaction(context) as conn:
        return await shifts.clock_in(conn, caller, shift_id)


@post(
    "/shifts/{shift_id:uuid}/clock-out",
    status_code=200,
    guards=_CLOCK,
    summary="End a shift",
    description="Who forgets it left at the latest four hours after the shift.",
    responses={200: good(Shift, "The shift.", _SHIFT_EXAMPLE), **_ABOUT_SHIFT},
)
async def clock_out_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    shift_id: _ShiftInPath,
) -> Shift:
    async with db.transaction(context) as conn:
        return await shifts.clock_out(conn, caller, shift_id)


@post(
    "/shifts/{shift_id:uuid}/cancel",
    status_code=200,
    guards=_PLAN,
    summary="Cancel a shift that has not begun",
    responses={200: good(Shift, "The shift.", _SHIFT_EXAMPLE), **_ABOUT_SHIFT},
)
async def cancel_shift_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    shift_id: _ShiftInPath,
) -> Shift:
    async with db.transaction(context) as conn:
        return await shifts.cancel_shift(conn, caller, shift_id)


@get(
    "/employees/{number:str}/certifications",
    guards=READ,
    summary="List an employee's certifications",
    responses={
        200: good(Certifications, "The latest first.", {"items": [_CERTIFICATION_EXAMPLE]}),
        **ABOUT_EMPLOYEE,
    },
)
async def list_certifications_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], number: NumberInPath
) -> Certifications:
    async with db.connection() as conn:
        return Certifications(await training.list_certifications(conn, caller, number))


@post(
    "/employees/{number:str}/certifications",
    guards=MANAGE,
    summary="Record training that an employee passed",
    description="From the day on which it expires it counts no more.",
    responses={
        201: good(Certification, "The certification.", _CERTIFICATION_EXAMPLE),
        409: _RECORDED,
        **ABOUT_EMPLOYEE,
    },
)
async def add_certification_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: NumberInPath,
    data: JSONBody[NewCertification],
) -> Certification:
    async with db.transaction(context) as conn:
        return await training.add_certification(conn, caller, number, data)


@post(
    "/employees/{number:str}/certifications/{certification_id:uuid}/withdraw",
    status_code=200,
    guards=MANAGE,
    summary="Withdraw a certification",
    description="Where the station requires it, the right to process transactions goes with it.",
    responses={200: good(Certification, "The certification.", _CERTIFICATION_EXAMPLE), **ABOUT_EMPLOYEE},
)
async def withdraw_certification_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: NumberInPath,
    certification_id: Annotated[UUID, PathParameter(description="The certification's id.")],
    data: JSONBody[Withdrawal],
) -> Certification:
    return await db.run(
        lambda conn: training.withdraw_certification(conn, caller, number, certification_id, data.reason), context
    )


@get(
    "/{code:str}/certifications/expiring",
    guards=[requires(Permission.EMPLOYEES_MANAGE)],
    summary="What training expires soon at a station",
    description="What is renewed already is left out.",
    responses={
        200: good(ExpiringCertifications, "The soonest first.", {"items": [_EXPIRING_EXAMPLE]}),
        **ABOUT_STATION,
    },
)
async def expiring_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    days: Annotated[int, QueryParameter(ge=1, le=366, description="Within how many days.")] = training.SOON_DAYS,
) -> ExpiringCertifications:
    async with db.connection() as conn:
        found = await training.list_expiring(conn, caller, service.normalized_code(code), within_days=days)
    return ExpiringCertifications(found)


@put(
    "/{code:str}/required-certification",
    guards=MANAGE,
    summary="Say what training a station requires",
    description="Of whoever processes transactions there. Who has not got it loses that right at once.",
    responses={
        200: good(
            AppliedRule,
            "The rule, and who lost the right by it.",
            {"required_certification": "COUPON_PROCESSING", "withdrawn_from": ["EMP000022"]},
        ),
        **ABOUT_STATION,
    },
)
async def rule_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    data: JSONBody[CertificationRule],
) -> AppliedRule:
    code = service.normalized_code(code)
    sight_at(caller, Permission.EMPLOYEES_MANAGE, code)
    return await db.run(lambda conn: training.set_rule(conn, code, data.required_certification), context)


HANDLERS = (
    list_shifts_route,
    plan_shift_route,
    clock_in_route,
    clock_out_route,
    cancel_shift_route,
    list_certifications_route,
    add_certification_route,
    withdraw_certification_route,
    expiring_route,
    rule_route,
)
