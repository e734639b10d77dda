"""The employees of the back office: the list, hiring, one employment, changing, transferring and ending it."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Stream, Template

from gasolinera.authentication import requires
from gasolinera.calls import UserDirectory
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError, UnknownError
from gasolinera.permissions import Caller, Permission
from gasolinera.station import employees, employees_sheet, training
from gasolinera.station import queries_pages_office as queries
from gasolinera.station.forms_employees import (
    EMPLOYEE_FIELDS,
    EmployeeForm,
    HireForm,
    ReasonForm,
    TransferForm,
    form_of_employee,
)
from gasolinera.station.managing import parse_version
from gasolinera.station.models_employees import (
    CertificationKind,
    Employee,
    EmployeeRole,
    EmploymentStatus,
    EmploymentType,
    JobTitle,
    StationCode,
    UsualShift,
)
from gasolinera.station.models_office import PAGE, EmployeeOrder, EmployeeWish, Words
from gasolinera.station.pages_office import (
    CSV_PAGE,
    WORDING,
    Reasoned,
    asked,
    at_row,
    bound_of,
    choices,
    listed,
    position_of,
    reason_page,
    sheet_line,
    sorting,
    words,
)
from gasolinera.station.roster import sight_of
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import language_of, page
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_page

_PERMISSION: Final = Permission.EMPLOYEES_MANAGE
READ: Final = [requires(_PERMISSION)]
MANAGE: Final = [requires(_PERMISSION, second_factor=True, fresh=True)]
OPT: Final = {"any_parameters": True}  # `asked` knows them
CHOICES: Final = 300


class EmployeesAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    q: Words | None = None
    status: EmploymentStatus | None = None
    role: EmployeeRole | None = None
    position: JobTitle | None = None
    station: StationCode | None = None
    sort: str | None = None
    cursor: str | None = None

    def wish(self, only: str | None) -> EmployeeWish:
        number = self.q.strip().upper() if self.q else None
        return EmployeeWish(number, self.status, self.role, self.position, self.station, only)


class HireAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    person: str | None = None
    station: StationCode | None = None


@get("/office/employees", guards=READ, include_in_schema=False, opt=OPT)
async def list_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    wanted = asked(request, EmployeesAsked)
    only = bound_of(caller, _PERMISSION)
    order = sorting(EmployeeOrder, wanted.sort)
    async with db.connection() as conn:
        found = await queries.office_employees(
            conn, wanted.wish(only), order, position_of(order, wanted.cursor), PAGE + 1
        )
        stations = [] if only else await queries.station_choices(conn, None, CHOICES)
    values = {
        "employees": listed(found, order),
        "stations": stations,
        "statuses": choices(request, "employment", EmploymentStatus),
        "roles": choices(request, "role", EmployeeRole),
        "positions": choices(request, "position", JobTitle),
    }
    return page(request, "station/office/employees.html", values, wording=WORDING)


@get("/office/employees/list.csv", guards=READ, include_in_schema=False, opt=OPT)
async def list_csv_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    wanted = asked(request, EmployeesAsked)
    wish, order = wanted.wish(bound_of(caller, _PERMISSION)), sorting(EmployeeOrder, wanted.sort)
    columns = {
        "employee_number": "", "station_code": "", "station_name": "", "status": "employment", "position": "position",
        "role": "role", "may_process_transactions": "", "may_handle_cash": "", "may_supervise": "", "shift": "shift",
        "hired_on": "", "terminated_on": "",
    }  # fmt: skip

    async def rows() -> AsyncGenerator[Sequence[object]]:
        position = None
        while True:
            async with db.connection() as conn:
                found = await queries.office_employees(conn, wish, order, position, CSV_PAGE)
            for row in found:
                yield sheet_line(request, row, columns, "UTC")
            if len(found) < CSV_PAGE:
                return
            position = at_row(found[-1], order)

    return await csv_page("employees", [words(request, f"field-{name.replace('_', '-')}") for name in columns], rows())


@get("/office/employees/table.csv", guards=READ, include_in_schema=False)
async def table_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    """Whom the caller manages, as a table that can be brought in again."""
    headers = {"content-disposition": 'attachment; filename="employees.csv"', "cache-control": "no-store"}
    pieces = employees_sheet.export_employees(db, sight_of(caller, _PERMISSION), language=language_of(request))
    return Stream(pieces, media_type="text/csv; charset=utf-8", headers=headers)


@get("/office/employees/new", guards=MANAGE, include_in_schema=False, opt=OPT)
async def hire_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    wanted = asked(request, HireAsked)
    station = bound_of(caller, _PERMISSION) or wanted.station or ""
    values = {"user_id": wanted.person or "", "station_code": station, "role": EmployeeRole.EMPLOYEE}
    return await _hire_page(request, db, caller, Form(values))


@post("/office/employees/new", guards=MANAGE, include_in_schema=False, status_code=303, opt=OPT)
async def hired_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    users: NamedDependency[UserDirectory],
) -> Template | Redirect:
    form = await read_form(request)
    form.values["station_code"] = form.value("station_code").upper()
    parsed = form.parsed(HireForm)
    if parsed is None:
        return await _hire_page(request, db, caller, form)
    made: list[Employee] = []

    async def hire() -> None:
        employees.check_user(await users.find(parsed.user_id))
        async with db.transaction(context) as conn:
            made.append(await employees.hire(conn, caller, parsed.station_code, parsed.new()))

    error = await refused(request, as_input(hire()))
    if error is not None:
        tell(request, form, error, WORDING, EMPLOYEE_FIELDS)
        return await _hire_page(request, db, caller, form)
    return Redirect(f"/office/employees/{made[0].employee_number}?said=employee-hired", status_code=303)


@get("/office/employees/{number:str}", guards=READ, include_in_schema=False, opt=OPT)
async def employee_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    number: FromPath[str],
) -> Template:
    return await show_employee(request, db, caller, number)


@get("/office/employees/{number:str}/edit", guards=READ, include_in_schema=False)
async def edit_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    number: FromPath[str],
) -> Template:
    async with db.connection() as conn:
        employee = await employees.get_employee(conn, caller, number)
    return _edit_page(request, employee, form_of_employee(employee))


@post("/office/employees/{number:str}/edit", guards=MANAGE, include_in_schema=False, status_code=303)
async def change_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: FromPath[str],
) -> Template | Redirect:
    form = await read_form(request)
    async with db.connection() as conn:
        employee = await employees.get_employee(conn, caller, number)
    parsed = form.parsed(EmployeeForm)
    if parsed is None:
        return _edit_page(request, employee, form)
    version = parse_version(f'"{form.value("version")}"')

    async def save(conn: Connection) -> None:
        await employees.change_employee(conn, caller, number, parsed.change(), version=version)

    error = await refused(request, db.run(save, context))
    if error is not None:
        tell(request, form, error, WORDING, EMPLOYEE_FIELDS)
        return _edit_page(request, employee, form)
    return Redirect(f"/office/employees/{employee.employee_number}?said=employee-changed", status_code=303)


@post("/office/employees/{number:str}/transfer", guards=MANAGE, include_in_schema=False, status_code=303)
async def transfer_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: FromPath[str],
) -> Template | Redirect:
    """To another station, whose code was typed; asks, since the shifts to come are cancelled."""
    form = await read_form(request)
    form.values["station_code"] = form.value("station_code").upper()
    parsed = form.parsed(TransferForm)
    if parsed is None:
        return await show_employee(request, db, caller, number, form)
    back = f"/office/employees/{employees.normalized_number(number)}"
    if not is_confirmed(form):
        question = Question(
            title=words(request, "transfer-ask", number=number, station=parsed.station_code),
            text=words(request, "transfer-text"),
            yes=words(request, "transfer"),
            back=back,
            is_danger=False,
        )
        fields = {"station_code": parsed.station_code, "version": form.value("version")}
        return confirm_page(request, question, fields)
    version = parse_version(f'"{form.value("version")}"')

    async def move(conn: Connection) -> None:
        await employees.transfer(conn, caller, number, parsed.station_code, version=version)

    error = await refused(request, as_input(db.run(move, context)))
    if error is not None:
        tell(request, form, error, WORDING, EMPLOYEE_FIELDS)
        return await show_employee(request, db, caller, number, form)
    return Redirect(f"{back}?said=employee-transferred", status_code=303)


@get("/office/employees/{number:str}/terminate", guards=MANAGE, include_in_schema=False)
async def ask_terminate_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    number: FromPath[str],
) -> Template:
    async with db.connection() as conn:
        employee = await employees.get_employee(conn, caller, number)
    return reason_page(request, _termination(request, employee.employee_number))


@post("/office/employees/{number:str}/terminate", guards=MANAGE, include_in_schema=False, status_code=303)
async def terminate_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: FromPath[str],
) -> Template | Redirect:
    """For good: the reason, and then the number, have to be typed."""
    number = employees.normalized_number(number)
    about = _termination(request, number)
    form = await read_form(request)
    parsed = form.parsed(ReasonForm)
    if parsed is None:
        return reason_page(request, about, form)
    if not is_confirmed(form, number):
        question = Question(title=about.title, text=about.text, yes=about.yes, back=about.back, word=number)
        return confirm_page(request, question, {"reason": parsed.reason}, form)

    async def end(conn: Connection) -> None:
        await employees.terminate(conn, caller, number, parsed.reason)

    error = await refused(request, db.run(end, context))
    if error is not None:
        tell(request, form, error, WORDING)
        return reason_page(request, about, form)
    return Redirect(f"{about.back}?said=employee-terminated", status_code=303)


def _termination(request: Request[Any, Any, Any], number: str) -> Reasoned:
    return Reasoned(
        title=words(request, "terminate-ask", number=number),
        text=words(request, "terminate-text"),
        yes=words(request, "terminate"),
        back=f"/office/employees/{number}",
        back_text=number,
    )


async def as_input(work: Any) -> None:
    """What is unknown was typed by somebody: it is told at its field, and not as a page that is not there."""
    try:
        await work
    except UnknownError as error:
        raise InputError(error.code, error.message, error.hint) from None


async def show_employee(
    request: Request[Any, Any, Any], db: Database, caller: Caller, number: str, form: Form | None = None
) -> Template:
    """With what somebody filled in wrongly in one of its forms. Raises UnknownError for whom the caller may not see."""
    async with db.connection() as conn:
        employee = await employees.get_employee(conn, caller, number)
        certifications = await training.list_certifications(conn, caller, employee.employee_number)
        shifts = await queries.shifts_of_employee(conn, employee.employee_number)
        zone = await queries.zone_of_employee(conn, employee.employee_number)
    values = {
        "employee": employee,
        "status": _status_of(employee),
        "certifications": certifications,
        "shifts": shifts,
        "zone": zone or "UTC",
        "form": form or Form(),
        "kinds": choices(request, "training", CertificationKind),
        "is_of_chain": bound_of(caller, _PERMISSION) is None,
        "is_own": caller.user_id == employee.user_id,
    }
    status = 422 if form is not None and (form.errors or form.refusals) else 200
    return page(request, "station/office/employee.html", values, wording=WORDING, status=status)


def _status_of(employee: Employee) -> EmploymentStatus:
    if employee.terminated_on is not None:
        return EmploymentStatus.TERMINATED
    return EmploymentStatus.ACTIVE if employee.suspended_at is None else EmploymentStatus.SUSPENDED


async def _hire_page(request: Request[Any, Any, Any], db: Database, caller: Caller, form: Form) -> Template:
    only = bound_of(caller, _PERMISSION)
    async with db.connection() as conn:
        stations = await queries.station_choices(conn, only, CHOICES)
    return _form_page(request, form, {"employee": None, "stations": stations, "only": only})


def _edit_page(request: Request[Any, Any, Any], employee: Employee, form: Form) -> Template:
    return _form_page(request, form, {"employee": employee, "stations": [], "only": employee.station_code})


def _form_page(request: Request[Any, Any, Any], form: Form, values: dict[str, Any]) -> Template:
    values |= {
        "form": form,
        "positions": choices(request, "position", JobTitle),
        "roles": choices(request, "role", EmployeeRole),
        "contracts": choices(request, "contract", EmploymentType),
        "usual_shifts": choices(request, "shift", UsualShift),
    }
    status = 422 if form.errors or form.refusals else 200
    return page(request, "station/office/employee-form.html", values, wording=WORDING, status=status)


HANDLERS = (
    list_page,
    list_csv_page,
    table_page,
    hire_page,
    hired_page,
    employee_page,
    edit_page,
    change_page,
    transfer_page,
    ask_terminate_page,
    terminate_page,
)
