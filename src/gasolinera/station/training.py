"""Training and certification: recorded, withdrawn, expiring; and what a station requires of its staff."""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

import structlog

from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.jobs import Job
from gasolinera.permissions import Caller, Permission
from gasolinera.station import queries_employees as queries
from gasolinera.station.employee_events import publish_employee_changed
from gasolinera.station.employees import normalized_number
from gasolinera.station.errors import unknown_station
from gasolinera.station.errors_employees import unknown_certification, unknown_employee
from gasolinera.station.models_employees import (
    MAX_EXPIRING,
    AppliedRule,
    Certification,
    CertificationKind,
    ExpiringCertification,
    NewCertification,
)
from gasolinera.station.roster import check_may_manage, sight_at, sight_of

SOON_DAYS = 30
_MOST_EXPIRING = 10_000
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def add_certification(conn: Connection, caller: Caller, number: str, new: NewCertification) -> Certification:
    """Raises UnknownError, also of an employment that is over; the constraints refuse impossible days and doubles."""
    sight = sight_of(caller, Permission.EMPLOYEES_MANAGE)
    added = await queries.add_certification(conn, sight, normalized_number(number), new)
    if added is None:
        raise unknown_employee()
    return added


async def list_certifications(conn: Connection, caller: Caller, number: str) -> tuple[Certification, ...]:
    """Raises UnknownError."""
    sight, number = sight_of(caller, Permission.EMPLOYEES_READ), normalized_number(number)
    found = await queries.list_certifications(conn, sight, number)
    if not found and await queries.get_employee(conn, sight, number) is None:
        raise unknown_employee()
    return tuple(found)


async def withdraw_certification(
    conn: Connection, caller: Caller, number: str, certification_id: UUID, reason: str
) -> Certification:
    """It counts no more, and with it the right to process transactions goes where the station requires it.

    Raises UnknownError, ForbiddenError. Locks the employment.
    """
    employee = await queries.lock_employee(
        conn, sight_of(caller, Permission.EMPLOYEES_MANAGE), normalized_number(number)
    )
    if employee is None:
        raise unknown_employee()
    check_may_manage(caller, employee.user_id, employee.role)
    withdrawn = await queries.withdraw_certification(conn, employee.id, certification_id, reason)
    if withdrawn is None:
        raise unknown_certification()
    await _withdraw_rights(conn, employee_id=employee.id)
    return withdrawn


async def set_rule(conn: Connection, station_code: str, kind: CertificationKind | None) -> AppliedRule:
    """What the station requires from now on; who has not got it loses the right at once. Raises UnknownError.

    Takes the roster.
    """
    await queries.take_roster(conn)
    if not await queries.set_required_certification(conn, station_code, kind):
        raise unknown_station()
    return AppliedRule(kind, await _withdraw_rights(conn, station_code=station_code))


async def list_expiring(
    conn: Connection, caller: Caller, station_code: str, *, within_days: int
) -> tuple[ExpiringCertification, ...]:
    """What expires soon and is not renewed. Raises ForbiddenError, UnknownError, InputError."""
    sight = sight_at(caller, Permission.EMPLOYEES_READ, station_code)
    if sight.user_id is not None:
        raise InputError("certification.own", "the own certifications are listed with the employee")
    found = await queries.list_expiring(conn, station_code, within_days=within_days, limit=MAX_EXPIRING)
    if not found and not await queries.station_exists(conn, station_code):
        raise unknown_station()
    return tuple(found)


async def _withdraw_rights(
    conn: Connection, *, station_code: str | None = None, employee_id: int | None = None
) -> tuple[str, ...]:
    employees = await queries.withdraw_uncertified(conn, station_code=station_code, employee_id=employee_id)
    for employee in employees:
        await publish_employee_changed(conn, employee)
    return tuple(sorted(employee.employee_number for employee in employees))


async def _look_at_certifications(db: Database, _arguments: Mapping[str, str]) -> str:
    """Takes rights whose training has expired, and tells each station how much expires soon."""
    async with db.transaction(RequestContext(actor="job:station.certifications_expiring")) as conn:
        await queries.take_roster(conn)
        withdrawn = await _withdraw_rights(conn)
        expiring = await queries.list_expiring(conn, None, within_days=SOON_DAYS, limit=_MOST_EXPIRING)
    for station_code, count in sorted(Counter(one.station_code for one in expiring).items()):
        _log.info("certifications_expiring", station_code=station_code, count=count, within_days=SOON_DAYS)
    return f"{len(expiring)} certifications expire within {SOON_DAYS} days; {len(withdrawn)} rights withdrawn"


CERTIFICATIONS_EXPIRING = Job(
    name="station.certifications_expiring",
    service="station",
    summary="Withdraw rights whose training has expired, and tell what expires within 30 days.",
    run=_look_at_certifications,
    schedule="7 6 * * *",  # midnight in most of Mexico
)
