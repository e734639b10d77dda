"""Employments over HTTP: hiring, changing, transferring, ending, and who works where."""

from typing import Annotated, TypeAlias

from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.calls import UserDirectory
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission
from gasolinera.station import employees, service
from gasolinera.station.api import INVALID, UNAVAILABLE, UNKNOWN
from gasolinera.station.errors import StaleError
from gasolinera.station.errors_employees import stale_employee
from gasolinera.station.managing import parse_version
from gasolinera.station.models import MAX_PAGE
from gasolinera.station.models_employees import (
    Employee,
    EmployeeChange,
    EmployeeFilter,
    EmployeeRole,
    EmploymentStatus,
    JobTitle,
    NewEmployee,
    Termination,
    Transfer,
)
from gasolinera.station.roster import sight_at, sight_of

NO_LOGIN = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
FORBIDDEN = problem_spec(HTTPStatus.FORBIDDEN, "auth.other_station", "this account may not do that at this station")
UNKNOWN_EMPLOYEE = problem_spec(HTTPStatus.NOT_FOUND, "employee.unknown", "there is no employee with this number")
ENDED = problem_spec(HTTPStatus.CONFLICT, "employee.terminated", "the employment is over, and stays so")
_EMPLOYED = problem_spec(HTTPStatus.CONFLICT, "employee.already_employed", "this person works for the chain already")
_STALE = problem_spec(
    HTTPStatus.PRECONDITION_FAILED, "employee.stale", "somebody changed the employee since it was read"
)
_NO_VERSION = problem_spec(
    HTTPStatus.PRECONDITION_REQUIRED, "station.version_needed", "the change does not say which version it is of"
)
ABOUT_STATION = {401: NO_LOGIN, 403: FORBIDDEN, 404: UNKNOWN, 422: INVALID, 503: UNAVAILABLE}
ABOUT_EMPLOYEE = ABOUT_STATION | {404: UNKNOWN_EMPLOYEE}

READ = [requires(Permission.EMPLOYEES_READ)]
# Who gives rights to others confirmed the login, and holds the own right at this very moment.
MANAGE = [requires(Permission.EMPLOYEES_MANAGE, second_factor=True, fresh=True)]

EMPLOYEE_EXAMPLE: dict[str, object] = {
    "employee_number": "EMP000022",
    "user_id": "a0000000-0000-4000-8000-000000000022",
    "station_code": "JSM001",
    "position": "ATTENDANT",
    "role": "EMPLOYEE",
    "may_process_transactions": True,
    "may_handle_cash": True,
    "may_supervise": False,
    "employment_type": "FULL_TIME",
    "shift": "ROTATING",
    "hired_on": "2024-02-06",
    "terminated_on": None,
    "termination_reason": None,
    "suspended_at": None,
    "updated_at": "2026-11-20T16:00:00.123456Z",
}

CodeInPath: TypeAlias = Annotated[str, PathParameter(description="The station's code; case does not matter.")]
NumberInPath: TypeAlias = Annotated[str, PathParameter(description="Such as EMP000022; case does not matter.")]
IfMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(name="If-Match", max_length=40, description="The ETag of the employee that the change is of."),
]
Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many at most.")]
_Status: TypeAlias = Annotated[EmploymentStatus | None, QueryParameter(description="Any when left out.")]
_Role: TypeAlias = Annotated[EmployeeRole | None, QueryParameter(description="Any when left out.")]
_Position: TypeAlias = Annotated[JobTitle | None, QueryParameter(description="Any when left out.")]
_Number: TypeAlias = Annotated[
    str | None, QueryParameter(pattern=r"^[A-Z0-9]{1,18}$(?!\n)", description="Numbers that begin like this.")
]


def version_in(if_match: str | None) -> int:
    """Raises VersionNeededError, and StaleError for what is no version."""
    try:
        return parse_version(if_match)
    except StaleError:
        raise stale_employee() from None


def shown(employee: Employee, status: int = 200) -> Response[Employee]:
    """With its version, which a change must name."""
    return Response(employee, status_code=status, headers={"etag": f'"{employee.version}"'})


@post(
    "/{code:str}/employees",
    guards=MANAGE,
    opt={"idempotent": True},
    summary="Hire somebody",
    description="The person has an active account, and works for the chain at one station at a time. Somebody who was "
    "here before gets a new employment with a new number. Administrators are made by the chain alone.",
    responses={201: good(Employee, "The new employment.", EMPLOYEE_EXAMPLE), 409: _EMPLOYED, **ABOUT_STATION},
)
async def hire_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    users: NamedDependency[UserDirectory],
    code: CodeInPath,
    data: JSONBody[NewEmployee],
) -> Response[Employee]:
    code = service.normalized_code(code)
    sight_at(caller, Permission.EMPLOYEES_MANAGE, code)
    employees.check_user(await users.find(data.user_id))
    async with db.transaction(context) as conn:
        return shown(await employees.hire(conn, caller, code, data), 201)


@get(
    "/{code:str}/employees",
    guards=READ,
    summary="List a station's employees",
    description="In order of their numbers. An employee sees the own employment alone.",
    responses={
        200: good(Page[Employee], "A page of employments.", {"items": [EMPLOYEE_EXAMPLE], "next_cursor": None}),
        **ABOUT_STATION,
    },
)
async def list_of_station_route(  # noqa: PLR0913, PLR0917  a filter is an argument
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    status: _Status = None,
    role: _Role = None,
    position: _Position = None,
    number: _Number = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Page[Employee]:
    sight = sight_at(caller, Permission.EMPLOYEES_READ, service.normalized_code(code))
    wanted = EmployeeFilter(status, role, position, number)
    async with db.connection() as conn:
        return await employees.list_employees(conn, sight, wanted, cursor=cursor, limit=limit)


@get(
    "/employees",
    guards=READ,
    summary="List employees",
    description="Those whom the caller may see: all, those of one station, or the own employments.",
    responses={
        200: good(Page[Employee], "A page of employments.", {"items": [EMPLOYEE_EXAMPLE], "next_cursor": None}),
        **ABOUT_STATION,
    },
)
async def list_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    status: _Status = None,
    role: _Role = None,
    position: _Position = None,
    number: _Number = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Page[Employee]:
    sight = sight_of(caller, Permission.EMPLOYEES_READ)
    wanted = EmployeeFilter(status, role, position, number)
    async with db.connection() as conn:
        return await employees.list_employees(conn, sight, wanted, cursor=cursor, limit=limit)


@get(
    "/employees/{number:str}",
    guards=READ,
    summary="Look up one employee",
    description="Those of other stations are as unknown as those that nobody is.",
    responses={200: good(Employee, "The employment.", EMPLOYEE_EXAMPLE), **ABOUT_EMPLOYEE},
)
async def employee_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], number: NumberInPath
) -> Response[Employee]:
    async with db.connection() as conn:
        return shown(await employees.get_employee(conn, caller, number))


@patch(
    "/employees/{number:str}",
    guards=MANAGE,
    summary="Change an employee's job and permissions",
    description="What is left out stays. Nobody changes the own employment but the chain's administrators.",
    responses={
        200: good(Employee, "The employment as it is now.", EMPLOYEE_EXAMPLE),
        409: ENDED,
        412: _STALE,
        428: _NO_VERSION,
        **ABOUT_EMPLOYEE,
    },
)
async def change_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: NumberInPath,
    data: JSONBody[EmployeeChange],
    if_match: IfMatch = None,
) -> Response[Employee]:
    version = version_in(if_match)
    return shown(
        await db.run(lambda conn: employees.change_employee(conn, caller, number, data, version=version), context)
    )


@post(
    "/employees/{number:str}/transfer",
    status_code=200,
    guards=MANAGE,
    summary="Transfer an employee to another station",
    description="The shifts to come at the old station are cancelled. For the chain's administrators, as nobody else "
    "manages both stations.",
    responses={
        200: good(Employee, "The employment as it is now.", EMPLOYEE_EXAMPLE),
        409: ENDED,
        412: _STALE,
        428: _NO_VERSION,
        **ABOUT_EMPLOYEE,
    },
)
async def transfer_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: NumberInPath,
    data: JSONBody[Transfer],
    if_match: IfMatch = None,
) -> Response[Employee]:
    version = version_in(if_match)
    return shown(
        await db.run(lambda conn: employees.transfer(conn, caller, number, data.station_code, version=version), context)
    )


@post(
    "/employees/{number:str}/terminate",
    status_code=200,
    guards=MANAGE,
    summary="End an employment",
    description="For good, today: the permissions go at once, and the shifts to come are cancelled.",
    responses={200: good(Employee, "The employment as it was.", EMPLOYEE_EXAMPLE), 409: ENDED, **ABOUT_EMPLOYEE},
)
async def terminate_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: NumberInPath,
    data: JSONBody[Termination],
) -> Response[Employee]:
    return shown(await db.run(lambda conn: employees.terminate(conn, caller, number, data.reason), context))


HANDLERS = (
    hire_route,
    list_of_station_route,
    list_route,
    employee_route,
    change_route,
    transfer_route,
    terminate_route,
)
