"""Who waits for whom: the trees of blocked sessions, and ending the one at the root of one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
import psycopg

from gasolinera.errors import ConflictError, ForbiddenError, InputError, UnavailableError, UnknownError
from gasolinera.ops.live import PRIVILEGE, SQL, UNREACHABLE, Place, place_session, places_of, rows_of, sees_others
from gasolinera.ops.masking import masked
from gasolinera.ops.operations_schema import ROLE
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import recorded_run

_STATEMENT_SHOWN: Final = 300
_PREPARED: Final = 0  # the pid that the server gives for a transaction that is prepared and has no session
_SUFFIXES: Final = ("owner", "app", "ro")

How = Literal["cancel", "terminate"]


class LockSession(msgspec.Struct, frozen=True):
    """One that waits, or is waited for. `wanted`: the lock's mode; `statement` is masked. A pid of 0 is a prepared
    transaction, which ends by COMMIT PREPARED or ROLLBACK PREPARED alone.
    """

    pid: int
    role: str | None = None
    application: str = ""
    state: str = ""
    is_here: bool = True
    connected_at: datetime | None = None
    blockers: tuple[int, ...] = ()
    waits_s: float | None = None
    wanted: str | None = None
    object: str | None = None
    transaction_s: float | None = None
    statement: str = ""


class LockNode(msgspec.Struct, frozen=True):
    """`waiters`: who waits for this session. One that waits for two is below both."""

    session: LockSession
    waiters: tuple["LockNode", ...] = ()


class Locks(msgspec.Struct, frozen=True):
    """Of one place. `reason`: why nothing, or not all, can be said."""

    place: str
    trees: tuple[LockNode, ...] = ()
    waiting: int = 0
    longest_s: float = 0.0
    reason: str | None = None


class FoundSession(msgspec.Struct, frozen=True):
    """A session that may be ended; `connected_at` tells it from a later one of the same pid."""

    place: str
    pid: int
    role: str
    application: str
    state: str
    connected_at: datetime
    statement: str


class _Row(msgspec.Struct, frozen=True):
    role: str | None
    application: str | None
    state: str
    database: str | None
    kind: str | None
    connected_at: datetime | None
    statement: str | None


def read_locks(place: Place) -> Locks:
    """Never raises for a database that cannot be asked."""
    try:
        with place_session(place) as conn:
            found = rows_of(conn, LockSession, "waiting")
            reason = None if sees_others(conn) else PRIVILEGE
    except psycopg.errors.InsufficientPrivilege:
        return Locks(place.name, reason=PRIVILEGE)
    except psycopg.OperationalError:  # and what took too long
        return Locks(place.name, reason=UNREACHABLE)
    sessions = [
        msgspec.structs.replace(one, statement=masked(one.statement or "", most=_STATEMENT_SHOWN)) for one in found
    ]
    waiting = [one for one in sessions if one.blockers]
    return Locks(
        place=place.name,
        trees=trees_of(sessions),
        waiting=len(waiting),
        longest_s=max((one.waits_s or 0.0 for one in waiting), default=0.0),
        reason=reason,
    )


def trees_of(sessions: Sequence[LockSession]) -> tuple[LockNode, ...]:
    """Roots are those that wait for nobody; a circle, which the server breaks after a second, begins at its first.

    Pure.
    """
    known = {one.pid: one for one in sessions}
    for one in sessions:
        for pid in one.blockers:
            known.setdefault(pid, LockSession(pid))
    below: dict[int, list[int]] = {pid: [] for pid in known}
    for one in sessions:
        for pid in one.blockers:
            below[pid].append(one.pid)
    placed: set[int] = set()

    def node(pid: int, path: frozenset[int]) -> LockNode:
        placed.add(pid)
        deeper = path | {pid}
        return LockNode(known[pid], tuple(node(each, deeper) for each in below[pid] if each not in deeper))

    roots = [node(pid, frozenset()) for pid, one in known.items() if not one.blockers]
    roots += [node(pid, frozenset()) for pid in known if pid not in placed]
    return tuple(roots)


def find_session(operations: Operations, pid: int, *, place: str | None = None) -> FoundSession:
    """A client's session of one of the platform's roles. Raises UnknownError `ops.no_session`, ForbiddenError
    `ops.not_ours`, InputError `ops.which_place` where two servers have that pid, UnavailableError.
    """
    places = [one for one in places_of(operations) if place in (None, one.name)]
    if not places:
        known = ", ".join(one.name for one in places_of(operations))
        raise InputError("ops.unknown_place", f"there is no place {place}", f"known are {known}")
    found = [row for one in places for row in _sessions(operations, one, pid)]
    if not found:
        hint = "look at `gasolinera ops locks` again: it may have ended"
        raise UnknownError("ops.no_session", f"there is no session {pid} in our databases", hint)
    if len(found) > 1:
        names = " or ".join(one.place for one in found)
        raise InputError("ops.which_place", f"several servers have a session {pid}", f"add --place {names}")
    return found[0]


def _sessions(operations: Operations, place: Place, pid: int) -> list[FoundSession]:
    try:
        with place_session(place) as conn:
            rows = [row for row in rows_of(conn, _Row, "session", {"pid": pid}) if row.database == conn.info.dbname]
            ours = _our_roles(operations) | {conn.info.user}
    except psycopg.OperationalError as error:
        raise UnavailableError("database.unavailable", f"{place.name} cannot be reached", "try again") from error
    for row in rows:
        if row.kind != "client backend" or row.role not in ours or row.connected_at is None:
            what = f"the session {pid} is of {row.role or 'the server itself'}, not of the platform"
            raise ForbiddenError("ops.not_ours", what, "only sessions of the platform's roles are ended here")
    return [
        FoundSession(
            place=place.name,
            pid=pid,
            role=row.role,
            application=row.application or "",
            state=row.state,
            connected_at=row.connected_at,
            statement=masked(row.statement or "", most=_STATEMENT_SHOWN),
        )
        for row in rows
        if row.role is not None and row.connected_at is not None
    ]


def _our_roles(operations: Operations) -> set[str]:
    return {f"{one.name}_{suffix}" for one in operations.project.services for suffix in _SUFFIXES} | {ROLE}


def end_session(operations: Operations, session: FoundSession, *, how: How) -> None:
    """Ends its statement, or all of it; on record. Raises ForbiddenError `ops.kill_refused` where our role may not,
    ConflictError `ops.session_changed` where it has ended meanwhile.
    """
    (place,) = (one for one in places_of(operations) if one.name == session.place)
    query = "cancel_statement" if how == "cancel" else "end_session"
    with (
        ops_session(operations.ops_url) as remembering,
        recorded_run(remembering, "locks kill", f"{session.place} {session.pid}"[:200]) as run,
        place_session(place) as conn,
    ):
        run.result = {"how": how, "role": session.role, "statement": session.statement}
        values: dict[str, Any] = {"pid": session.pid, "connected_at": session.connected_at}
        try:
            conn.execute("RESET ROLE")  # the role that looks need not be one that may end
            row = conn.execute(SQL[query].sql.encode(), values).fetchone()
        except psycopg.errors.InsufficientPrivilege as error:
            hint = "connect as a member of that role, or of pg_signal_backend"
            raise ForbiddenError("ops.kill_refused", f"the server does not let us end {session.pid}", hint) from error
        if row is None or not row[0]:
            sentence = f"the session {session.pid} has ended by itself"
            raise ConflictError("ops.session_changed", sentence, "look at `gasolinera ops locks` again")
