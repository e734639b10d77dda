"""Who may see and manage whom, whether a token's words about an employment are still true, and what an account's end
does to an employment.
"""

from uuid import UUID

import msgspec

from gasolinera.database import Connection
from gasolinera.errors import ForbiddenError
from gasolinera.events import Event
from gasolinera.permissions import Caller, Permission, Reach, Role
from gasolinera.station import queries_employees as queries
from gasolinera.station.employee_events import publish_employee_changed
from gasolinera.station.models_employees import EmployeeRole, EmployeeRow
from gasolinera.station.queries_employees import Sight

_ERASED = "the account was erased"


class _User(msgspec.Struct, frozen=True):
    public_id: UUID
    active: bool


def sight_of(caller: Caller, permission: Permission) -> Sight:
    """How far a permission lets the caller look. Raises ForbiddenError where it lets nobody see anything."""
    reach = caller.reach(permission)
    if reach is Reach.ALL:
        return Sight()
    if reach is Reach.STATION and caller.station_code is not None:
        return Sight(station_code=caller.station_code)
    if reach is Reach.OWN and caller.user_id is not None:
        return Sight(user_id=caller.user_id)
    raise ForbiddenError("auth.not_permitted", "this account may not do that")


def sight_at(caller: Caller, permission: Permission, station_code: str) -> Sight:
    """The same at one station. Raises ForbiddenError `auth.other_station`, whether or not that station exists."""
    sight = sight_of(caller, permission)
    if sight.station_code not in (None, station_code):
        raise ForbiddenError("auth.other_station", "this account may not do that at this station")
    return Sight(station_code=station_code, user_id=sight.user_id)


def check_may_manage(caller: Caller, user_id: UUID, *roles: EmployeeRole) -> None:
    """Who manages one station alone makes no administrators, manages none, and stays off the own employment.

    `roles` are those before and after. Raises ForbiddenError.
    """
    if caller.reach(Permission.EMPLOYEES_MANAGE) is Reach.ALL:
        return
    if caller.user_id == user_id:
        raise ForbiddenError("employee.own", "nobody manages the own employment")
    if EmployeeRole.STATION_ADMIN in roles:
        raise ForbiddenError("employee.administrator", "only the chain's administrators make and manage administrators")


async def is_current(conn: Connection, caller: Caller) -> bool:
    """Whether the employment that a token speaks of is still what it says. Who needs none is as current as ever."""
    if caller.role not in (Role.EMPLOYEE, Role.STATION_ADMIN):
        return True
    if caller.user_id is None or caller.employee_number is None or caller.station_code is None:
        return False
    return await queries.is_employed_as(conn, caller.user_id, caller.employee_number, caller.station_code, caller.role)


async def take_user_event(conn: Connection, event: Event) -> None:
    """An employment rests while its account is deactivated, goes on with it, and ends when it is erased. What was said
    before something that is known comes too late.

    Raises msgspec.ValidationError for an event that is not what the catalogue says. Locks the roster against who
    changes many, the user against hiring, and the employment, in this order.
    """
    is_erased = event.type == "user.erased"
    user = msgspec.convert({"active": False} | event.data, _User)
    await queries.share_roster_and_lock_user(conn, user.public_id)
    is_active = user.active and not is_erased
    is_news = await queries.note_user_state(
        conn, user.public_id, is_active=is_active, is_erased=is_erased, as_of=event.time
    )
    if not is_news:
        return
    employee = await queries.lock_employment_of(conn, user.public_id)
    if employee is None:
        return
    if is_erased:
        await end(conn, employee, _ERASED)
    elif user.active != (employee.suspended_at is None):
        change = queries.resume_employment if user.active else queries.suspend_employment
        rested = await change(conn, employee.id)
        employee = msgspec.structs.replace(employee, suspended_at=rested.suspended_at, updated_at=rested.updated_at)
        await publish_employee_changed(conn, employee)


async def end(conn: Connection, employee: EmployeeRow, reason: str) -> EmployeeRow:
    """For good, with every permission and the shifts to come. The row is locked, and the employment not over."""
    ended = await queries.end_employment(conn, employee.id, reason)
    employee = msgspec.structs.replace(
        employee,
        terminated_on=ended.terminated_on,
        termination_reason=reason,
        suspended_at=None,
        may_process_transactions=False,
        may_handle_cash=False,
        may_supervise=False,
        updated_at=ended.updated_at,
    )
    await publish_employee_changed(conn, employee)
    return employee
