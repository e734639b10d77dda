"""The only reader of `queries_personal.sql`: one typed function a query."""

from datetime import datetime
from typing import Final
from uuid import UUID

from gasolinera.ads.models_personal import (
    ExportedAccountState,
    ExportedChange,
    ExportedDecision,
    ExportedFrequency,
    ExportedMultipliable,
    ExportedServing,
    ExportedUpload,
    ExportedView,
)
from gasolinera.database import Connection, fetch_all, load_sql

_SQL = load_sql("gasolinera.ads", "queries_personal.sql")
_EXPORT_ACCOUNT_STATES = _SQL["export_account_states"]
_EXPORT_VIEWS = _SQL["export_views"]
_EXPORT_SERVINGS = _SQL["export_servings"]
_EXPORT_MULTIPLIABLE = _SQL["export_multipliable"]
_EXPORT_FREQUENCIES = _SQL["export_frequencies"]
_EXPORT_CHANGES = _SQL["export_changes"]
_EXPORT_DECISIONS = _SQL["export_decisions"]
_EXPORT_UPLOADS = _SQL["export_uploads"]
_NOTE_ERASURE = _SQL["note_erasure"]
_FORGET_PERSON = _SQL["forget_person"]
_DROP_VIEW_EVENTS = _SQL["drop_view_events"]
_FORGET: Final = {
    "counters of views": _SQL["forget_frequency_counters"],
    "counted viewers": _SQL["forget_viewer_days"],
    "multiplied redemptions": _SQL["forget_multiplied"],
    "callbacks": _SQL["forget_callbacks"],
}
FORGETTABLE: Final = tuple(_FORGET)


async def export_account_states(conn: Connection, user_id: UUID, limit: int) -> list[ExportedAccountState]:
    return await fetch_all(conn, ExportedAccountState, _EXPORT_ACCOUNT_STATES, user_id, limit)


async def export_views(conn: Connection, user_id: UUID, limit: int) -> list[ExportedView]:
    return await fetch_all(conn, ExportedView, _EXPORT_VIEWS, user_id, limit)


async def export_servings(conn: Connection, user_id: UUID, limit: int) -> list[ExportedServing]:
    return await fetch_all(conn, ExportedServing, _EXPORT_SERVINGS, user_id, limit)


async def export_multipliable(conn: Connection, user_id: UUID, limit: int) -> list[ExportedMultipliable]:
    return await fetch_all(conn, ExportedMultipliable, _EXPORT_MULTIPLIABLE, user_id, limit)


async def export_frequencies(conn: Connection, user_id: UUID, limit: int) -> list[ExportedFrequency]:
    return await fetch_all(conn, ExportedFrequency, _EXPORT_FREQUENCIES, user_id, limit)


async def export_changes(conn: Connection, user_id: UUID, limit: int) -> list[ExportedChange]:
    return await fetch_all(conn, ExportedChange, _EXPORT_CHANGES, user_id, limit)


async def export_decisions(conn: Connection, user_id: UUID, limit: int) -> list[ExportedDecision]:
    return await fetch_all(conn, ExportedDecision, _EXPORT_DECISIONS, user_id, limit)


async def export_uploads(conn: Connection, user_id: UUID, limit: int) -> list[ExportedUpload]:
    return await fetch_all(conn, ExportedUpload, _EXPORT_UPLOADS, user_id, limit)


async def note_erasure(conn: Connection, user_id: UUID, at: datetime) -> None:
    await conn.execute(_NOTE_ERASURE, user_id, at)


async def forget_person(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_FORGET_PERSON, user_id)


async def forget(conn: Connection, what: str, at_most: int) -> int:
    """`what` is one of FORGETTABLE."""
    return int(await conn.fetchval(_FORGET[what], at_most))


async def drop_view_events(conn: Connection, months_kept: int) -> int:
    return int(await conn.fetchval(_DROP_VIEW_EVENTS, months_kept))
