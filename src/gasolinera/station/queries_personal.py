"""The only reader of `queries_personal.sql`: one typed function a query."""

from uuid import UUID

from gasolinera.database import Connection, fetch_all, load_sql
from gasolinera.station.models_employees import Certification, Shift
from gasolinera.station.models_personal import (
    ExportedAccountState,
    ExportedAct,
    ExportedChange,
    ExportedEmployment,
    ExportedTerminal,
)

_SQL = load_sql("gasolinera.station", "queries_personal.sql")
_EXPORT_ACCOUNT_STATES = _SQL["export_account_states"]
_EXPORT_EMPLOYMENTS = _SQL["export_employments"]
_EXPORT_SHIFTS = _SQL["export_shifts"]
_EXPORT_CERTIFICATIONS = _SQL["export_certifications"]
_EXPORT_TERMINALS = _SQL["export_terminals"]
_EXPORT_HISTORY = _SQL["export_history"]
_EXPORT_ACTS = _SQL["export_acts"]
_FORGET_PERSON = _SQL["forget_person"]


async def export_account_states(conn: Connection, user_id: UUID, limit: int) -> list[ExportedAccountState]:
    return await fetch_all(conn, ExportedAccountState, _EXPORT_ACCOUNT_STATES, user_id, limit)


async def export_employments(conn: Connection, user_id: UUID, limit: int) -> list[ExportedEmployment]:
    return await fetch_all(conn, ExportedEmployment, _EXPORT_EMPLOYMENTS, user_id, limit)


async def export_shifts(conn: Connection, user_id: UUID, limit: int) -> list[Shift]:
    return await fetch_all(conn, Shift, _EXPORT_SHIFTS, user_id, limit)


async def export_certifications(conn: Connection, user_id: UUID, limit: int) -> list[Certification]:
    return await fetch_all(conn, Certification, _EXPORT_CERTIFICATIONS, user_id, limit)


async def export_terminals(conn: Connection, user_id: UUID, limit: int) -> list[ExportedTerminal]:
    return await fetch_all(conn, ExportedTerminal, _EXPORT_TERMINALS, user_id, limit)


async def export_history(conn: Connection, user_id: UUID, limit: int) -> list[ExportedChange]:
    return await fetch_all(conn, ExportedChange, _EXPORT_HISTORY, user_id, limit)


async def export_acts(conn: Connection, user_id: UUID, limit: int) -> list[ExportedAct]:
    return await fetch_all(conn, ExportedAct, _EXPORT_ACTS, user_id, limit)


async def forget_person(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_FORGET_PERSON, user_id)
