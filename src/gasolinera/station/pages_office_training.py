"""Training and shifts of employees in the back office, and what training a station requires."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.permissions import Caller, Permission
from gasolinera.station import employees, service, shifts, training
from gasolinera.station import queries_pages_office as queries
from gasolinera.station.errors_employees import unknown_certification
from gasolinera.station.forms_employees import EMPLOYEE_FIELDS, ReasonForm, RuleForm, ShiftForm, TrainingForm
from gasolinera.station.models import Station
from gasolinera.station.models_employees import CertificationKind
from gasolinera.station.pages_office import WORDING, Reasoned, choices, reason_page, words
from gasolinera.station.pages_office_employees import MANAGE, OPT, READ, show_employee
from gasolinera.station.roster import sight_at
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import page
from gasolinera.web.refusing import refused, tell

_PLAN: Final = [requires(Permission.EMPLOYEES_MANAGE, fresh=True)]
_EXPIRING_DAYS: Final = 60


@post("/office/employees/{number:str}/training", guards=MANAGE, include_in_schema=False, status_code=303)
async def add_training_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: FromPath[str],
) -> Template | Redirect:
    form = await read_form(request)
    parsed = form.parsed(TrainingForm)
    if parsed is None:
        return await show_employee(request, db, caller, number, form)

    async def add() -> None:
        async with db.transaction(context) as conn:
            await training.add_certification(conn, caller, number, parsed.new())

    error = await refused(request, add())
    if error is not None:
        tell(request, form, error, WORDING, EMPLOYEE_FIELDS)
        return await show_employee(request, db, caller, number, form)
    return _back(number, "training-added")


@get("/office/employees/{number:str}/training/{certification_id:uuid}/withdraw", guards=MANAGE, include_in_schema=False)
async def ask_withdraw_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    number: FromPath[str],
    certification_id: FromPath[UUID],
) -> Template:
    async with db.connection() as conn:
        found = await training.list_certifications(conn, caller, number)
    if not any(one.certification_id == certification_id for one in found):
        raise unknown_certification()
    return reason_page(request, _withdrawal(request, employees.normalized_number(number)))


@post(
    "/office/employees/{number:str}/training/{certification_id:uuid}/withdraw",
    guards=MANAGE,
    include_in_schema=False,
    status_code=303,
)
async def withdraw_training_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: FromPath[str],
    certification_id: FromPath[UUID],
) -> Template | Redirect:
    """The page that asks why has said what goes with it."""
    about = _withdrawal(request, employees.normalized_number(number))
    form = await read_form(request)
    parsed = form.parsed(ReasonForm)
    if parsed is None:
        return reason_page(request, about, form)

    async def withdraw(conn: Connection) -> None:
        await training.withdraw_certification(conn, caller, number, certification_id, parsed.reason)

    error = await refused(request, db.run(withdraw, context))
    if error is not None:
        tell(request, form, error, WORDING)
        return reason_page(request, about, form)
    return _back(number, "training-withdrawn")


def _withdrawal(request: Request[Any, Any, Any], number: str) -> Reasoned:
    return Reasoned(
        title=words(request, "training-withdraw-ask", number=number),
        text=words(request, "training-withdraw-text"),
        yes=words(request, "training-withdraw"),
        back=f"/office/employees/{number}",
        back_text=number,
    )


@post("/office/employees/{number:str}/shifts", guards=_PLAN, include_in_schema=False, status_code=303)
async def plan_shift_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: FromPath[str],
) -> Template | Redirect:
    form = await read_form(request)
    parsed = form.parsed(ShiftForm)
    if parsed is None:
        return await show_employee(request, db, caller, number, form)
    async with db.connection() as conn:
        zone = await queries.zone_of_employee(conn, employees.normalized_number(number))
    new, now = parsed.new(zone or "UTC"), datetime.now(UTC)

    async def plan(conn: Connection) -> None:
        await shifts.plan_shift(conn, caller, number, new, now=now)

    error = await refused(request, db.run(plan, context))
    if error is not None:
        tell(request, form, error, WORDING, EMPLOYEE_FIELDS)
        return await show_employee(request, db, caller, number, form)
    return _back(number, "shift-planned")


@post(
    "/office/employees/{number:str}/shifts/{shift_id:uuid}/cancel",
    guards=_PLAN,
    include_in_schema=False,
    status_code=303,
)
async def cancel_shift_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    number: FromPath[str],
    shift_id: FromPath[UUID],
) -> Template | Redirect:
    form = await read_form(request)
    if not is_confirmed(form):
        question = Question(
            title=words(request, "shift-cancel-ask"),
            text=words(request, "shift-cancel-text"),
            yes=words(request, "shift-cancel"),
            back=f"/office/employees/{number}",
        )
        return confirm_page(request, question, {})

    async def cancel() -> None:
        async with db.transaction(context) as conn:
            await shifts.cancel_shift(conn, caller, shift_id)

    error = await refused(request, cancel())
    if error is not None:
        tell(request, form, error, WORDING)
        return await show_employee(request, db, caller, number, form)
    return _back(number, "shift-cancelled")


@get("/office/stations/{code:str}/training", guards=READ, include_in_schema=False, opt=OPT)
async def rule_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller], code: FromPath[str]
) -> Template:
    return await _rule_page(request, db, caller, code, None)


@post("/office/stations/{code:str}/training", guards=MANAGE, include_in_schema=False, status_code=303)
async def set_rule_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: FromPath[str],
) -> Template | Redirect:
    """Asks before it requires something: who has not got it stops taking payments at once."""
    code = service.normalized_code(code)
    sight_at(caller, Permission.EMPLOYEES_MANAGE, code)
    form = await read_form(request)
    parsed = form.parsed(RuleForm)
    if parsed is None:
        return await _rule_page(request, db, caller, code, form)
    if parsed.kind is not None and not is_confirmed(form):
        question = Question(
            title=words(request, "rule-ask", training=words(request, f"training-{parsed.kind}")),
            text=words(request, "rule-text"),
            yes=words(request, "rule-set"),
            back=f"/office/stations/{code}/training",
        )
        return confirm_page(request, question, {"kind": parsed.kind})
    await db.run(lambda conn: training.set_rule(conn, code, parsed.kind), context)
    return Redirect(f"/office/stations/{code}/training?said=rule-set", status_code=303)


def _back(number: str, said: str) -> Redirect:
    return Redirect(f"/office/employees/{employees.normalized_number(number)}?said={said}", status_code=303)


async def _rule_page(
    request: Request[Any, Any, Any], db: Database, caller: Caller, code: str, form: Form | None
) -> Template:
    code = service.normalized_code(code)
    sight_at(caller, Permission.EMPLOYEES_MANAGE, code)
    async with db.connection() as conn:
        station: Station = await service.get_station(conn, code)
        background = await queries.station_background(conn, code)
        expiring = await training.list_expiring(conn, caller, code, within_days=_EXPIRING_DAYS)
    values = {
        "station": station,
        "form": form or Form({"kind": background.required_certification or ""}),
        "kinds": choices(request, "training", CertificationKind),
        "expiring": expiring,
        "within_days": _EXPIRING_DAYS,
    }
    status = 422 if form is not None and form.errors else 200
    return page(request, "station/office/training.html", values, wording=WORDING, status=status)


HANDLERS = (
    add_training_page,
    ask_withdraw_page,
    withdraw_training_page,
    plan_shift_page,
    cancel_shift_page,
    rule_page,
    set_rule_page,
)
