"""Snapshots of what statements cost, and what became slower between two of them.

The server's counters only grow, so that a statement's mean between two snapshots is the growth of its time by that of
its calls. It is compared with the mean up to the first of them: what the statement cost before.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg.rows import dict_row

from gasolinera.database import load_queries
from gasolinera.errors import ConflictError, InputError, UnknownError
from gasolinera.ops.live import places_of
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import recorded_run
from gasolinera.ops.statement_counters import Figures, StatementCounters, read_statements

Connection = psycopg.Connection[Any]
_Struct = TypeVar("_Struct", bound=msgspec.Struct)

_SQL: Final = load_queries("gasolinera.ops", "statement_snapshots.sql")
_MOST_KEPT: Final = 2_000
_MOST_LISTED: Final = 1_000
_COPY: Final = """
COPY ops_schema.statement_figures (snapshot_id, role, query_id, is_top_level, statement, calls, total_ms, rows,
                                   blocks_hit, blocks_read, temporary_blocks) FROM STDIN
"""


class Snapshot(msgspec.Struct, frozen=True):
    """`counted_since`: since when the server counts; `forgotten`: how often it dropped the rarest for want of room."""

    id: int
    place: str
    taken_at: datetime
    server_version: int
    counted_since: datetime | None
    forgotten: int | None
    note: str | None
    statements: int


class Taken(msgspec.Struct, frozen=True):
    """Of one place. Without `snapshot` there is a `reason`, one of statement_counters.REASONS. `removed`: old ones."""

    place: str
    snapshot: Snapshot | None = None
    reason: str | None = None
    removed: int = 0


class Kind(StrEnum):
    SLOWER = "slower"
    NEW = "new"


class Regression(msgspec.Struct, frozen=True):
    """`before_ms`: the mean up to the first snapshot, None of a statement that was not there; `added_ms`: the time that
    was spent between the two, above what it would have been.
    """

    kind: Kind
    role: str
    statement: str
    before_ms: float | None
    after_ms: float
    factor: float | None
    calls: int
    added_ms: float


class Comparison(msgspec.Struct, frozen=True):
    """`was_reset`: the server began to count anew between the two, so that its newer counters stand for themselves.
    `has_forgotten`: it dropped rare statements meanwhile, which may look new.
    """

    before: Snapshot
    after: Snapshot
    was_reset: bool
    has_forgotten: bool
    compared: int
    regressions: tuple[Regression, ...]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """From which on a statement is told of: `factor` times slower, with `calls` between the two snapshots, and at least
    `added_ms` of the server's time; a new one by its time alone.
    """

    factor: float = 1.5
    calls: int = 20
    added_ms: float = 100.0
    new_ms: float = 1_000.0


def take_snapshots(operations: Operations, *, note: str | None = None, keep_days: int = 90) -> list[Taken]:
    """One of each database that counts statements; older ones than `keep_days` go. On record."""
    with ops_session(operations.ops_url) as conn, recorded_run(conn, "queries snapshot") as run:
        taken = [
            _take(conn, read_statements(place, limit=_MOST_KEPT), note, keep_days) for place in places_of(operations)
        ]
        run.result = {one.place: one.reason or (one.snapshot.statements if one.snapshot else 0) for one in taken}
        if all(one.snapshot is None for one in taken):
            run.outcome = "WARNING"
    return taken


def _take(conn: Connection, found: StatementCounters, note: str | None, keep_days: int) -> Taken:
    if found.reason is not None:
        return Taken(found.place, reason=found.reason)
    values = {
        "place": found.place,
        "server_version": found.server_version,
        "counted_since": found.since,
        "forgotten": found.forgotten,
        "note": note,
    }
    with conn.transaction():
        (snapshot,) = _all(conn, Snapshot, "add_snapshot", values)
        with conn.cursor().copy(_COPY) as copy:
            for one in found.statements:
                copy.write_row((snapshot.id, *msgspec.structs.astuple(one)))
        removed = conn.execute(_SQL["remove_old"].sql.encode(), {"place": found.place, "keep_days": keep_days}).rowcount
    return Taken(found.place, msgspec.structs.replace(snapshot, statements=len(found.statements)), removed=removed)


def list_snapshots(operations: Operations, *, place: str | None = None) -> list[Snapshot]:
    with ops_session(operations.ops_url) as conn:
        return _all(conn, Snapshot, "list_snapshots", {"place": place, "limit": _MOST_LISTED})


def compare_snapshots(
    operations: Operations,
    before: int | None = None,
    after: int | None = None,
    *,
    place: str | None = None,
    limits: Limits | None = None,
) -> Comparison:
    """By default the newest of a place with the one before it. Raises UnknownError `ops.no_snapshot`, InputError
    `ops.snapshots`, ConflictError `ops.other_server` where query ids do not mean the same.
    """
    with ops_session(operations.ops_url) as conn:
        first, second = _chosen(conn, before, after, place)
        if first.server_version // 10_000 != second.server_version // 10_000:
            sentence = "between the two the server became another major version, which numbers statements anew"
            raise ConflictError("ops.other_server", sentence, "compare with one that was taken after the upgrade")
        figures = [tuple(_all(conn, Figures, "figures", {"id": one.id})) for one in (first, second)]
    was_reset = first.counted_since != second.counted_since
    return Comparison(
        before=first,
        after=second,
        was_reset=was_reset,
        has_forgotten=first.forgotten != second.forgotten,
        compared=len({one.key for one in figures[0]} & {one.key for one in figures[1]}),
        regressions=regressions_between(*figures, was_reset=was_reset, limits=limits or Limits()),
    )


def _chosen(conn: Connection, before: int | None, after: int | None, place: str | None) -> tuple[Snapshot, Snapshot]:
    if after is None:
        listed = _all(conn, Snapshot, "list_snapshots", {"place": place, "limit": _MOST_LISTED})
        if before is not None:
            listed = [one for one in listed if one.place == _snapshot(conn, before).place]
        elif len({one.place for one in listed}) > 1:
            names = " or ".join(sorted({one.place for one in listed}))
            raise InputError("ops.snapshots", "there are snapshots of several databases", f"add --place {names}")
        second = listed[0] if listed else None
    else:
        second = _snapshot(conn, after)
    if second is None:
        raise UnknownError("ops.no_snapshot", "there is no snapshot", "take one: gasolinera ops queries snapshot")
    if before is None:
        older = _all(conn, Snapshot, "list_snapshots", {"place": second.place, "limit": _MOST_LISTED})
        first = next((one for one in older if one.id < second.id), None)
    else:
        first = _snapshot(conn, before)
    if first is None:
        raise UnknownError("ops.no_snapshot", "there is one snapshot, and nothing to compare it with", "take another")
    if first.place != second.place or first.id >= second.id:
        sentence = f"{first.id} is not an older snapshot of the database that {second.id} is of"
        raise InputError("ops.snapshots", sentence, "choose two of `gasolinera ops queries list`, the older one first")
    return first, second


def _snapshot(conn: Connection, id_: int) -> Snapshot:
    found = _all(conn, Snapshot, "get_snapshot", {"id": id_})
    if not found:
        hint = "see `gasolinera ops queries list`"
        raise UnknownError("ops.no_snapshot", f"there is no snapshot {id_}", hint)
    return found[0]


def regressions_between(
    before: Sequence[Figures], after: Sequence[Figures], *, was_reset: bool, limits: Limits
) -> tuple[Regression, ...]:
    """Those that cost the server most, first. Pure."""
    known = {one.key: one for one in before}
    told = (_regression(known.get(one.key), one, was_reset=was_reset, limits=limits) for one in after)
    return tuple(sorted((one for one in told if one is not None), key=lambda one: -one.added_ms))


def _regression(before: Figures | None, after: Figures, *, was_reset: bool, limits: Limits) -> Regression | None:
    if before is None or before.calls == 0:
        if after.total_ms < limits.new_ms:
            return None
        return Regression(Kind.NEW, after.role, after.statement, None, after.mean_ms, None, after.calls, after.total_ms)
    # A statement that was dropped and came again counts from nought too, with nobody saying so.
    since_then = was_reset or after.calls < before.calls or after.total_ms < before.total_ms
    calls = after.calls if since_then else after.calls - before.calls
    spent_ms = after.total_ms if since_then else after.total_ms - before.total_ms
    if calls < max(limits.calls, 1):
        return None
    mean_ms = spent_ms / calls
    added_ms = spent_ms - before.mean_ms * calls
    if added_ms < limits.added_ms or mean_ms < before.mean_ms * limits.factor:
        return None
    factor = mean_ms / before.mean_ms if before.mean_ms else None
    return Regression(Kind.SLOWER, after.role, after.statement, before.mean_ms, mean_ms, factor, calls, added_ms)


def _all(conn: Connection, kind: type[_Struct], name: str, values: dict[str, Any]) -> list[_Struct]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return [msgspec.convert(row, kind) for row in cursor.execute(_SQL[name].sql.encode(), values).fetchall()]
