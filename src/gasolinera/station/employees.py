"""Hiring, changing, transferring and ending employments; who works where."""

import re

import msgspec

from gasolinera.calls import UserSummary
from gasolinera.database import Connection
from gasolinera.errors import ConflictError, InputError, UnknownError
from gasolinera.paging import Page, Position, decode_cursor, page_of
from gasolinera.permissions import Caller, Permission
from gasolinera.station import queries_employees as queries
from gasolinera.station.employee_events import publish_employee_changed
from gasolinera.station.errors import unknown_station
from gasolinera.station.errors_employees import ended_employment, inactive_user, stale_employee, unknown_employee
from gasolinera.station.models_employees import (
    Employee,
    EmployeeChange,
    EmployeeFilter,
    EmployeeRow,
    NewEmployee,
)
from gasolinera.station.queries_employees import Sight
from gasolinera.station.roster import check_may_manage, end, sight_at, sight_of

_NUMBER = re.compile(r"EMP[0-9]{6,15}")
_MANAGE = Permission.EMPLOYEES_MANAGE


class EmployeePosition(Position, frozen=True):
    number: str


def normalized_number(number: str) -> str:
    """Typed by people: case does not matter. Raises UnknownError for what is none."""
    normalized = number.strip().upper()
    if not _NUMBER.fullmatch(normalized):
        raise unknown_employee()
    return normalized


def check_user(user: UserSummary | None) -> None:
    """What the auth service says of who is to be hired. Raises UnknownError `user.unknown`, ConflictError."""
    if user is None:
        raise UnknownError("user.unknown", "there is no such person", "the person registers first")
    if not user.active:
        raise inactive_user()


async def hire(conn: Connection, caller: Caller, station_code: str, new: NewEmployee) -> Employee:
    """A new employment; `check_user` has been asked. Locks the user until the end.

    Raises ForbiddenError, UnknownError `station.unknown`, ConflictError `station.closed` or `employee.user_inactive`,
    InputError `employee.hired_on`; the constraints refuse a second employment and missing training.
    """
    sight_at(caller, _MANAGE, station_code)
    check_may_manage(caller, new.user_id, new.role)
    await queries.lock_user(conn, new.user_id)
    employee = await queries.hire(conn, station_code, new)
    if employee is None:
        why = await queries.why_not_hired(conn, station_code, new.user_id)
        if not why.has_station:
            raise unknown_station()
        if why.is_closed:
            raise ConflictError("station.closed", "the station is closed for good")
        if why.is_inactive:
            raise inactive_user()
        raise InputError("employee.hired_on", "an employment begins today or began earlier", "hire on the day")
    await publish_employee_changed(conn, employee)
    return shown(employee)


async def change_employee(
    conn: Connection, caller: Caller, number: str, change: EmployeeChange, *, version: int
) -> Employee:
    """Raises UnknownError, ForbiddenError, StaleError, ConflictError `employee.terminated`."""
    before = await _locked(conn, caller, number, version=version)
    values = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET}
    after = msgspec.structs.replace(before, **values)
    check_may_manage(caller, before.user_id, before.role, after.role)
    if after == before:
        return shown(before)
    after = msgspec.structs.replace(after, updated_at=await queries.change_employee(conn, after))
    await publish_employee_changed(conn, after)
    return shown(after)


async def transfer(conn: Connection, caller: Caller, number: str, station_code: str, *, version: int) -> Employee:
    """To another station; the shifts to come at the old one are cancelled. Raises as `change_employee` does, and
    ForbiddenError where the caller manages one of the stations alone, ConflictError `station.closed`.
    """
    sight_at(caller, _MANAGE, station_code)
    before = await _locked(conn, caller, number, version=version)
    check_may_manage(caller, before.user_id, before.role)
    if before.station_code == station_code:
        return shown(before)
    updated_at = await queries.transfer_employee(conn, before.id, station_code)
    if updated_at is None:
        if await queries.station_exists(conn, station_code):
            raise ConflictError("station.closed", "the station is closed for good")
        raise unknown_station()
    after = msgspec.structs.replace(before, station_code=station_code, updated_at=updated_at)
    await publish_employee_changed(conn, after)
    return shown(after)


async def terminate(conn: Connection, caller: Caller, number: str, reason: str) -> Employee:
    """For good. Needs no version: whatever else has changed, this employment is to end.

    Raises UnknownError, ForbiddenError, ConflictError `employee.terminated`.
    """
    before = await _locked(conn, caller, number, version=None)
    check_may_manage(caller, before.user_id, before.role)
    return shown(await end(conn, before, reason))


async def get_employee(conn: Connection, caller: Caller, number: str) -> Employee:
    """Raises UnknownError, for those whom the caller may not see as well."""
    sight = sight_of(caller, Permission.EMPLOYEES_READ)
    employee = await queries.get_employee(conn, sight, normalized_number(number))
    if employee is None:
        raise unknown_employee()
    return employee


async def list_employees(
    conn: Connection, sight: Sight, wanted: EmployeeFilter, *, cursor: str | None, limit: int
) -> Page[Employee]:
    """One page by number. Raises UnknownError `station.unknown`, InputError `request.cursor`."""
    position = decode_cursor(EmployeePosition, cursor)
    after = "" if position is None else position.number
    found = await queries.list_employees(conn, sight, wanted, after=after, limit=limit + 1)
    if not found and sight.station_code is not None and not await queries.station_exists(conn, sight.station_code):
        raise unknown_station()
    return page_of(found, limit=limit, position=lambda employee: EmployeePosition(employee.employee_number))


def shown(employee: EmployeeRow) -> Employee:
    """Without the key, which stays inside."""
    return msgspec.convert(employee, Employee, from_attributes=True)


async def _locked(conn: Connection, caller: Caller, number: str, *, version: int | None) -> EmployeeRow:
    found = await queries.lock_employee(conn, sight_of(caller, _MANAGE), normalized_number(number))
    if found is None:
        raise unknown_employee()
    if found.terminated_on is not None:
        raise ended_employment()
    if version is not None and int(found.version) != version:
        raise stale_employee()
    return found
