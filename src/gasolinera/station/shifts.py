"""Shifts: planned, begun, ended and cancelled. Times are moments; days are days of the station's zone."""

from datetime import date, datetime
from uuid import UUID

from gasolinera.database import Connection
from gasolinera.errors import ConflictError, InputError
from gasolinera.permissions import Caller, Permission
from gasolinera.station import queries_employees as queries
from gasolinera.station.employees import normalized_number
from gasolinera.station.errors import unknown_station
from gasolinera.station.errors_employees import ended_employment, unknown_employee, unknown_shift
from gasolinera.station.models_employees import NewShift, Shift
from gasolinera.station.queries_employees import Sight
from gasolinera.station.roster import sight_at, sight_of


async def plan_shift(conn: Connection, caller: Caller, number: str, new: NewShift, *, now: datetime) -> Shift:
    """Raises UnknownError, InputError `shift.past`, ConflictError where the employment rests or is over.

    The constraints refuse what overlaps another shift of the employee, and what is longer than 16 hours.
    """
    if new.ends_at <= now:
        raise InputError("shift.past", "the shift is over already")
    sight = sight_of(caller, Permission.EMPLOYEES_MANAGE)
    number = normalized_number(number)
    shift = await queries.plan_shift(conn, sight, number, new)
    if shift is None:
        employee = await queries.get_employee(conn, sight, number)
        if employee is None:
            raise unknown_employee()
        if employee.terminated_on is not None:
            raise ended_employment()
        raise ConflictError("employee.suspended", "the employment rests, as the person's account is deactivated")
    return shift


async def clock_in(conn: Connection, caller: Caller, shift_id: UUID) -> Shift:
    """Raises UnknownError, ConflictError that says why not; the constraint refuses to be at work twice."""
    sight = sight_of(caller, Permission.SHIFTS_CLOCK)
    shift = await queries.clock_in(conn, sight, shift_id)
    if shift is None:
        known = await _shift(conn, sight, shift_id)
        _check_open(known)
        if known.clocked_in_at is not None:
            raise ConflictError("shift.begun", "the shift has been begun already")
        raise ConflictError("shift.not_now", "a shift begins at the earliest half an hour before, and before its end")
    return shift


async def clock_out(conn: Connection, caller: Caller, shift_id: UUID) -> Shift:
    """Raises UnknownError, ConflictError that says why not."""
    sight = sight_of(caller, Permission.SHIFTS_CLOCK)
    shift = await queries.clock_out(conn, sight, shift_id)
    if shift is None:
        known = await _shift(conn, sight, shift_id)
        _check_open(known)
        if known.clocked_in_at is None:
            raise ConflictError("shift.not_begun", "the shift has not been begun")
        raise ConflictError("shift.over", "the shift has been ended already")
    return shift


async def cancel_shift(conn: Connection, caller: Caller, shift_id: UUID) -> Shift:
    """Raises UnknownError, ConflictError `shift.begun`."""
    sight = sight_of(caller, Permission.EMPLOYEES_MANAGE)
    shift = await queries.cancel_shift(conn, sight, shift_id)
    if shift is None:
        await _shift(conn, sight, shift_id)
        raise ConflictError("shift.begun", "the shift has been begun already")
    return shift


async def list_shifts(conn: Connection, caller: Caller, station_code: str, day: date | None) -> tuple[Shift, ...]:
    """Those that touch the day; an employee sees the own ones. Raises ForbiddenError, UnknownError."""
    sight = sight_at(caller, Permission.EMPLOYEES_READ, station_code)
    found = await queries.list_shifts(conn, station_code, sight.user_id, day)
    if not found and not await queries.station_exists(conn, station_code):
        raise unknown_station()
    return tuple(found)


async def _shift(conn: Connection, sight: Sight, shift_id: UUID) -> Shift:
    shift = await queries.get_shift(conn, sight, shift_id)
    if shift is None:
        raise unknown_shift()
    return shift


def _check_open(shift: Shift) -> None:
    if shift.cancelled_at is not None:
        raise ConflictError("shift.cancelled", "the shift was cancelled")
