"""The only reader of `queries_employees.sql`: one typed function a query."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from gasolinera.bringing_in import KnownRow
from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.permissions import Role
from gasolinera.station.models_employees import (
    Certification,
    CertificationKind,
    Employee,
    EmployeeFilter,
    EmployeeRow,
    ExpiringCertification,
    NewCertification,
    NewEmployee,
    NewShift,
    Shift,
)

_SQL = load_sql("gasolinera.station", "queries_employees.sql")
_LOCK_USER = _SQL["lock_user"]
_TAKE_ROSTER = _SQL["take_roster"]
_SHARE_ROSTER_AND_LOCK_USER = _SQL["share_roster_and_lock_user"]
_NEXT_VERSION = _SQL["next_employment_version"]
_HIRE = _SQL["hire"]
_WHY_NOT_HIRED = _SQL["why_not_hired"]
_GET_EMPLOYEE = _SQL["get_employee"]
_HOLD_KNOWN = _SQL["hold_known"]
_LOCK_EMPLOYEE = _SQL["lock_employee"]
_LOCK_EMPLOYMENT_OF = _SQL["lock_employment_of"]
_LIST_EMPLOYEES = _SQL["list_employees"]
_STATION_EXISTS = _SQL["station_exists"]
_CHANGE_EMPLOYEE = _SQL["change_employee"]
_TRANSFER_EMPLOYEE = _SQL["transfer_employee"]
_END_EMPLOYMENT = _SQL["end_employment"]
_SUSPEND_EMPLOYMENT = _SQL["suspend_employment"]
_RESUME_EMPLOYMENT = _SQL["resume_employment"]
_NOTE_USER_STATE = _SQL["note_user_state"]
_IS_EMPLOYED_AS = _SQL["is_employed_as"]
_PLAN_SHIFT = _SQL["plan_shift"]
_GET_SHIFT = _SQL["get_shift"]
_CLOCK_IN = _SQL["clock_in"]
_CLOCK_OUT = _SQL["clock_out"]
_CANCEL_SHIFT = _SQL["cancel_shift"]
_LIST_SHIFTS = _SQL["list_shifts"]
_ADD_CERTIFICATION = _SQL["add_certification"]
_LIST_CERTIFICATIONS = _SQL["list_certifications"]
_WITHDRAW_CERTIFICATION = _SQL["withdraw_certification"]
_LIST_EXPIRING = _SQL["list_expiring"]
_SET_REQUIRED_CERTIFICATION = _SQL["set_required_certification"]
_WITHDRAW_UNCERTIFIED = _SQL["withdraw_uncertified"]


class Sight(msgspec.Struct, frozen=True):
    """Whose rows a question is about. None is no bound; `roster.sight_of` makes it for a caller."""

    station_code: str | None = None
    user_id: UUID | None = None


class _Version(msgspec.Struct, frozen=True):
    version: int


class NotHired(msgspec.Struct, frozen=True):
    has_station: bool
    is_closed: bool
    is_inactive: bool


class Ended(msgspec.Struct, frozen=True):
    terminated_on: date
    updated_at: datetime


class Rested(msgspec.Struct, frozen=True):
    suspended_at: datetime | None
    updated_at: datetime


class _Rule(msgspec.Struct, frozen=True):
    required_certification: CertificationKind | None


async def lock_user(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_LOCK_USER, user_id)


async def take_roster(conn: Connection) -> None:
    await conn.execute(_TAKE_ROSTER)


async def share_roster_and_lock_user(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_SHARE_ROSTER_AND_LOCK_USER, user_id)


async def next_employment_version(conn: Connection) -> int:
    return (await fetch_one(conn, _Version, _NEXT_VERSION)).version


async def hire(conn: Connection, station_code: str, new: NewEmployee) -> EmployeeRow | None:
    return await fetch_optional(
        conn,
        EmployeeRow,
        _HIRE,
        new.user_id,
        station_code,
        new.position,
        new.role,
        new.may_process_transactions,
        new.may_handle_cash,
        new.may_supervise,
        new.employment_type,
        new.shift,
        new.hired_on,
    )


async def why_not_hired(conn: Connection, station_code: str, user_id: UUID) -> NotHired:
    return await fetch_one(conn, NotHired, _WHY_NOT_HIRED, user_id, station_code)


async def get_employee(conn: Connection, sight: Sight, number: str) -> Employee | None:
    return await fetch_optional(conn, Employee, _GET_EMPLOYEE, sight.station_code, sight.user_id, number)


async def lock_employee(conn: Connection, sight: Sight, number: str) -> EmployeeRow | None:
    return await fetch_optional(conn, EmployeeRow, _LOCK_EMPLOYEE, sight.station_code, sight.user_id, number)


async def hold_known(conn: Connection, sight: Sight, numbers: list[str]) -> list[KnownRow]:
    return await fetch_all(conn, KnownRow, _HOLD_KNOWN, sight.station_code, sight.user_id, numbers)


async def lock_employment_of(conn: Connection, user_id: UUID) -> EmployeeRow | None:
    return await fetch_optional(conn, EmployeeRow, _LOCK_EMPLOYMENT_OF, user_id)


async def list_employees(
    conn: Connection, sight: Sight, wanted: EmployeeFilter, *, after: str, limit: int
) -> list[Employee]:
    return await fetch_all(
        conn,
        Employee,
        _LIST_EMPLOYEES,
        sight.station_code,
        sight.user_id,
        after,
        wanted.status,
        wanted.role,
        wanted.position,
        wanted.number,
        limit,
    )


async def station_exists(conn: Connection, station_code: str) -> bool:
    return bool(await conn.fetchval(_STATION_EXISTS, station_code))


async def change_employee(conn: Connection, employee: EmployeeRow) -> datetime:
    changed = await conn.fetchval(
        _CHANGE_EMPLOYEE,
        employee.id,
        employee.position,
        employee.role,
        employee.may_process_transactions,
        employee.may_handle_cash,
        employee.may_supervise,
        employee.employment_type,
        employee.shift,
    )
    assert isinstance(changed, datetime), "the row is locked"
    return changed


async def transfer_employee(conn: Connection, employee_id: int, station_code: str) -> datetime | None:
    return await conn.fetchval(_TRANSFER_EMPLOYEE, employee_id, station_code)


async def end_employment(conn: Connection, employee_id: int, reason: str) -> Ended:
    return await fetch_one(conn, Ended, _END_EMPLOYMENT, employee_id, reason)


async def suspend_employment(conn: Connection, employee_id: int) -> Rested:
    return await fetch_one(conn, Rested, _SUSPEND_EMPLOYMENT, employee_id)


async def resume_employment(conn: Connection, employee_id: int) -> Rested:
    return await fetch_one(conn, Rested, _RESUME_EMPLOYMENT, employee_id)


async def note_user_state(
    conn: Connection, user_id: UUID, *, is_active: bool, is_erased: bool, as_of: datetime
) -> bool:
    """False: something later is known."""
    return bool(await conn.fetchval(_NOTE_USER_STATE, user_id, is_active, is_erased, as_of))


async def is_employed_as(conn: Connection, user_id: UUID, number: str, station_code: str, role: Role) -> bool:
    return bool(await conn.fetchval(_IS_EMPLOYED_AS, user_id, number, station_code, role))


async def plan_shift(conn: Connection, sight: Sight, number: str, new: NewShift) -> Shift | None:
    return await fetch_optional(
        conn, Shift, _PLAN_SHIFT, sight.station_code, sight.user_id, number, new.starts_at, new.ends_at
    )


async def get_shift(conn: Connection, sight: Sight, shift_id: UUID) -> Shift | None:
    return await fetch_optional(conn, Shift, _GET_SHIFT, sight.station_code, sight.user_id, shift_id)


async def clock_in(conn: Connection, sight: Sight, shift_id: UUID) -> Shift | None:
    return await fetch_optional(conn, Shift, _CLOCK_IN, sight.station_code, sight.user_id, shift_id)


async def clock_out(conn: Connection, sight: Sight, shift_id: UUID) -> Shift | None:
    return await fetch_optional(conn, Shift, _CLOCK_OUT, sight.station_code, sight.user_id, shift_id)


async def cancel_shift(conn: Connection, sight: Sight, shift_id: UUID) -> Shift | None:
    return await fetch_optional(conn, Shift, _CANCEL_SHIFT, sight.station_code, sight.user_id, shift_id)


async def list_shifts(conn: Connection, station_code: str, user_id: UUID | None, day: date | None) -> list[Shift]:
    return await fetch_all(conn, Shift, _LIST_SHIFTS, station_code, user_id, day)


async def add_certification(conn: Connection, sight: Sight, number: str, new: NewCertification) -> Certification | None:
    return await fetch_optional(
        conn,
        Certification,
        _ADD_CERTIFICATION,
        sight.station_code,
        sight.user_id,
        number,
        new.kind,
        new.issued_on,
        new.expires_on,
        new.certificate_number,
    )


async def list_certifications(conn: Connection, sight: Sight, number: str) -> list[Certification]:
    return await fetch_all(conn, Certification, _LIST_CERTIFICATIONS, sight.station_code, sight.user_id, number)


async def withdraw_certification(
    conn: Connection, employee_id: int, certification_id: UUID, reason: str
) -> Certification | None:
    return await fetch_optional(conn, Certification, _WITHDRAW_CERTIFICATION, employee_id, certification_id, reason)


async def list_expiring(
    conn: Connection, station_code: str | None, *, within_days: int, limit: int
) -> list[ExpiringCertification]:
    return await fetch_all(conn, ExpiringCertification, _LIST_EXPIRING, station_code, within_days, limit)


async def set_required_certification(conn: Connection, station_code: str, kind: CertificationKind | None) -> bool:
    """False where there is no such station."""
    return await fetch_optional(conn, _Rule, _SET_REQUIRED_CERTIFICATION, station_code, kind) is not None


async def withdraw_uncertified(
    conn: Connection, *, station_code: str | None = None, employee_id: int | None = None
) -> list[EmployeeRow]:
    return await fetch_all(conn, EmployeeRow, _WITHDRAW_UNCERTIFIED, station_code, employee_id)
