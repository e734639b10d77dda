"""Employees as a table in a CSV file: bringing one in with a report row by row, and giving one out.

A row with a number changes that employment, and transfers it where it names another station; a row without one hires.
An empty cell leaves what is known. Nobody is let go by a table.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from gasolinera.bringing_in import SheetResult, Tally, bring_in, digest_of, refused_row
from gasolinera.calls import UserDirectory, UserSummary
from gasolinera.database import Connection, Database
from gasolinera.errors import ConflictError, GasolineraError, InputError
from gasolinera.permissions import Caller, Permission
from gasolinera.station import employees
from gasolinera.station import queries_employees as queries
from gasolinera.station.errors_employees import EMPLOYEE_REFUSALS
from gasolinera.station.models_employees import (
    EmployeeChange,
    EmployeeFilter,
    EmployeeRole,
    EmploymentStatus,
    EmploymentType,
    JobTitle,
    NewEmployee,
    StationCode,
    UsualShift,
)
from gasolinera.station.queries_employees import Sight
from gasolinera.station.roster import sight_of
from gasolinera.tabular import Column, Layout, RowFault, Sheet, header_line, read_table, row_line

_PAGE = 1_000
_ASKED_AT_ONCE = 8  # half of the connections that a process has to auth: other requests ask meanwhile
_NEEDED = ("user_id", "station_code", "position")
_UNCHANGING = ("employee_number", "user_id", "station_code", "hired_on")

People: TypeAlias = Mapping[UUID, UserSummary | None]  # None: there is no such person

EMPLOYEES = Layout(
    thing="employee",
    columns=(
        Column("employee_number", "numero_empleado", str, is_capitals=True),
        Column("user_id", "usuario", UUID),
        Column("station_code", "codigo_estacion", StationCode, is_capitals=True),
        Column("position", "puesto", JobTitle, is_capitals=True),
        Column("role", "rol", EmployeeRole, is_capitals=True),
        Column("may_process_transactions", "puede_cobrar", bool),
        Column("may_handle_cash", "puede_manejar_efectivo", bool),
        Column("may_supervise", "puede_supervisar", bool),
        Column("employment_type", "tipo_contrato", EmploymentType, is_capitals=True),
        Column("shift", "turno", UsualShift, is_capitals=True),
        Column("hired_on", "fecha_ingreso", date),
    ),
    key="employee_number",
    needed=("employee_number",),
    needs_key=False,
    max_rows=2_000,  # each hired person is asked for, and each change is told to the other services
)


def read_employees(data: bytes) -> Sheet:
    """Raises InputError `sheet.*` for what is no table of employees at all."""
    return read_table(data, EMPLOYEES)


async def find_people(users: UserDirectory, sheet: Sheet) -> People:
    """What the auth service says of those whom the table hires, each asked for once. To be called before the
    transaction: a connection must not be held while another service is asked. Raises UnavailableError.
    """
    wanted = {
        row["user_id"]
        for row in sheet.rows.values()
        if row.get("employee_number") is None and all(row.get(name) is not None for name in _NEEDED)
    }
    places = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def ask(user_id: UUID) -> UserSummary | None:
        async with places:
            return await users.find(user_id)

    try:
        async with asyncio.TaskGroup() as group:
            asked = {user_id: group.create_task(ask(user_id)) for user_id in wanted}
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None  # who cannot be asked for one cannot be asked for the others
    return {user_id: task.result() for user_id, task in asked.items()}


async def state_of(conn: Connection, caller: Caller, sheet: Sheet) -> str:
    """Another one as soon as somebody changes an employment that the table names. Until the transaction ends nobody
    does. Takes the roster: waits for another import.
    """
    await queries.take_roster(conn)
    numbers = [str(row["employee_number"]) for row in sheet.rows.values() if row.get("employee_number") is not None]
    return digest_of(await queries.hold_known(conn, sight_of(caller, Permission.EMPLOYEES_MANAGE), numbers))


async def import_employees(
    conn: Connection, caller: Caller, people: People, sheet: Sheet, *, is_dry_run: bool, keeps_good: bool
) -> SheetResult:
    """Each row as if it had been asked for alone, by the same rules and with the same events; `people` are those that
    `find_people` found for it.

    Keeps nothing on a dry run, nor when a row is faulty unless `keeps_good`. Needs a transaction. Takes the roster:
    waits for another import. Raises InputError `sheet.too_many_faults`.
    """
    await queries.take_roster(conn)

    async def work(tally: Tally) -> None:
        for number, row in sheet.rows.items():
            try:
                async with conn.transaction():
                    await _take(conn, caller, people, row, tally)
            except GasolineraError as error:
                tally.refuse(RowFault(number, "", error.code, error.message))
            except asyncpg.IntegrityConstraintViolationError as error:
                tally.refuse(refused_row(number, error.constraint_name or "", EMPLOYEE_REFUSALS))

    return await bring_in(conn, sheet, work, is_dry_run=is_dry_run, keeps_good=keeps_good)


async def _take(conn: Connection, caller: Caller, people: People, row: Mapping[str, Any], tally: Tally) -> None:
    said = {name: value for name, value in row.items() if value is not None}
    if "employee_number" in said:
        tally.updated += await _change(conn, caller, said)
        return
    missing = [name for name in _NEEDED if name not in said]
    if missing:
        raise InputError("missing", f"who is hired needs {', '.join(missing)}")
    employees.check_user(people[said["user_id"]])
    station_code = said.pop("station_code")
    await employees.hire(conn, caller, station_code, NewEmployee(**said))
    tally.inserted += 1


async def _change(conn: Connection, caller: Caller, said: Mapping[str, Any]) -> bool:
    """Whether the row said something new."""
    number = employees.normalized_number(said["employee_number"])
    before = await queries.lock_employee(conn, sight_of(caller, Permission.EMPLOYEES_MANAGE), number)
    if before is None:
        raise employees.unknown_employee()
    for name in ("user_id", "hired_on"):
        if name in said and said[name] != getattr(before, name):
            raise ConflictError("employee.fixed", f"{name} is not what it is, and does not change")
    version = int(before.version)
    after = employees.shown(before)
    station_code = said.get("station_code", before.station_code)
    if station_code != before.station_code:
        after = await employees.transfer(conn, caller, number, station_code, version=version)
    change = EmployeeChange(**{name: value for name, value in said.items() if name not in _UNCHANGING})
    if any(getattr(before, name) != said[name] for name in said if name not in _UNCHANGING):
        after = await employees.change_employee(conn, caller, number, change, version=int(after.version))
    return after != employees.shown(before)


async def export_employees(db: Database, sight: Sight, *, language: str) -> AsyncGenerator[bytes]:
    """Those whose employment is not over, as a table that can be brought in again; each piece with a connection of its
    own: a slow reader holds none.
    """
    yield header_line(EMPLOYEES, language)
    for status in (EmploymentStatus.ACTIVE, EmploymentStatus.SUSPENDED):
        after = ""
        while True:
            async with db.connection() as conn:
                found = await queries.list_employees(
                    conn, sight, EmployeeFilter(status=status), after=after, limit=_PAGE
                )
            yield b"".join(row_line(getattr(employee, name) for name in EMPLOYEES.names) for employee in found)
            if len(found) < _PAGE:
                break
            after = found[-1].employee_number
