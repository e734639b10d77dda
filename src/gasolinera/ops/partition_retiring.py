"""Partitions that were kept for long enough go: detached, exported, verified, and only then dropped.

Each step is put on record when it is done, and each can be done again: whatever is killed, the next run goes on.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from gasolinera.errors import ConflictError, GasolineraError, InputError, UnavailableError, UnknownError
from gasolinera.ops.archive_stores import Store
from gasolinera.ops.archived_partitions import (
    Archive,
    State,
    advance,
    begin_archive,
    note_error,
    open_archives,
    to_be_archived,
)
from gasolinera.ops.archiving import export, require_same_rows, store_of, verify
from gasolinera.ops.lock_patience import Patience, lock_timeout, patiently
from gasolinera.ops.partition_plans import TablePlan
from gasolinera.ops.partition_rules import Action, is_past, load_book
from gasolinera.ops.partition_tables import Standing, standing_of
from gasolinera.ops.runs import told_of

Connection = psycopg.Connection[Any]
# What went, and the step that was done: `begun`, `detached`, `exported`, `verified`, `dropped`.
Tell = Callable[[str, str], None]
_WAITS_FOR_STORE: Final = "it is to be archived, and no place for archives is named"


class Retired(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one partition in this run. `problem` says why it went no further."""

    archive: int | None
    partition: str
    state: State
    rows: int | None = None
    size_bytes: int | None = None
    problem: str | None = None


class _Sessions(msgspec.Struct, frozen=True):
    """`ops` writes the record, `owner` changes the service's tables. Both in autocommit."""

    ops: Connection
    owner: Connection
    store: Store | None
    patience: Patience | None
    tell: Tell


def retire_due(
    ops: Connection,
    owner: Connection,
    plans: Sequence[TablePlan],
    store: Store | None,
    *,
    tell: Tell = lambda what, step: None,
    patience: Patience | None = None,
) -> list[Retired]:
    """Of one service: go on with what earlier runs began, then take away what is due by the plans.

    A problem with one partition stops no other. Raises ConflictError `ops.running` where another process is at it.
    """
    if not plans:
        return []
    service = plans[0].table.service
    # The record of a step has to survive a crash that the step survives, whatever the server is set to.
    ops.execute("SET synchronous_commit = on")
    sessions = _Sessions(ops, owner, store, patience, tell)
    key = f"ops retire {service}"
    row = ops.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (key,)).fetchone()
    assert row is not None
    if not row[0]:
        raise ConflictError("ops.running", f"another process takes partitions of {service} away", "wait for it")
    try:
        begun = open_archives(ops, service)
        results = [_resumed(sessions, archive, plans) for archive in begun]
        known = {archive.partition_oid for archive in begun}
        for plan in plans:
            for oid in (one.oid for one in plan.due if one.oid not in known):
                if _held(sessions, service, plan.table.name) is not None:
                    break  # since the plan was made
                results.append(_begun(sessions, plan, oid))
        return results
    finally:
        if not ops.broken:
            ops.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (key,))


def _begun(sessions: _Sessions, plan: TablePlan, oid: int) -> Retired:
    one = next(each for each in plan.due if each.oid == oid)
    if plan.rule.action is Action.ARCHIVE and sessions.store is None:
        return Retired(
            archive=None, partition=_name(one.schema, one.name), state=State.PENDING, problem=_WAITS_FOR_STORE
        )
    archive = begin_archive(sessions.ops, plan, one)
    sessions.tell(_name(one.schema, one.name), "begun")
    return _attempt(sessions, archive, plan)


def _resumed(sessions: _Sessions, archive: Archive, plans: Sequence[TablePlan]) -> Retired:
    plan = next((plan for plan in plans if plan.table.name == archive.table_name), None)
    forbidden = _forbidden(archive, plan)
    if forbidden is not None:
        return _result(note_error(sessions.ops, archive, forbidden))
    if archive.action == Action.DROP and plan is not None and plan.rule.action is Action.ARCHIVE:
        archive = to_be_archived(sessions.ops, archive)  # its rule was changed since
    if archive.action == Action.ARCHIVE and sessions.store is None:
        return _result(note_error(sessions.ops, archive, _WAITS_FOR_STORE))
    return _attempt(sessions, archive, plan)


def _held(sessions: _Sessions, service: str, table: str) -> str | None:
    """As it is now: exports take their time, and a hold may come meanwhile."""
    return load_book(sessions.ops).of(service, table).legal_hold


def _require_unheld(sessions: _Sessions, archive: Archive) -> None:
    because = _held(sessions, archive.service, archive.table_name)
    if because is not None:
        raise ConflictError("ops.held", f"on hold: {because}")


def _forbidden(archive: Archive, plan: TablePlan | None) -> str | None:
    """Somebody may have put a hold on the table, or given it more time, since it was begun."""
    if plan is None:
        return f"{archive.table_name} is partitioned no more: nobody knows by which rule it may go"
    rule = plan.rule
    lower = "MINVALUE" if archive.lower_bound is None else f"'{archive.lower_bound}'"
    attach = (
        f"ALTER TABLE {archive.schema_name}.{archive.table_name} ATTACH PARTITION "
        f"{archive.schema_name}.{archive.partition_name} "
        f"FOR VALUES FROM ({lower}) TO ('{archive.upper_bound}') brings it back"
    )
    if rule.legal_hold is not None:
        return f"on hold: {rule.legal_hold}; {attach}"
    if rule.keep_months is None or not is_past(archive.upper_bound, rule.keep_months, plan.at):
        return f"its rule now keeps it for longer; {attach}"
    return None


def _attempt(sessions: _Sessions, archive: Archive, plan: TablePlan | None) -> Retired:
    current = [archive]
    try:
        _carry_on(sessions, current, plan)
    except (GasolineraError, psycopg.Error) as error:
        if sessions.ops.broken or sessions.owner.broken:
            raise
        what = f"{error.code}: {error.message}" if isinstance(error, GasolineraError) else told_of(error)
        if isinstance(error, InputError | UnknownError | ConflictError) and current[0].state in _WITH_FILE:
            current[0] = advance(sessions.ops, current[0], State.DETACHED)  # the next run exports it anew
        current[0] = note_error(sessions.ops, current[0], what)
    return _result(current[0])


_WITH_FILE: Final = frozenset({State.EXPORTED, State.VERIFIED})


def _carry_on(sessions: _Sessions, current: list[Archive], plan: TablePlan | None) -> None:
    """`current[0]` is the record after each step, so that whoever catches an error knows how far it came."""

    def now(state: State, **learnt: object) -> None:
        current[0] = advance(sessions.ops, current[0], state, **learnt)
        sessions.tell(_name(current[0].schema_name, current[0].partition_name), state.lower())

    archive = current[0]
    there = standing_of(sessions.owner, archive.schema_name, archive.partition_name)
    if there is None or there.oid != archive.partition_oid:
        current[0] = _gone(sessions, archive)
        return
    _require_unheld(sessions, archive)
    if there.is_partition:
        _detach(sessions, archive, has_default=plan is not None and plan.table.default is not None)
    if current[0].state is State.PENDING:
        now(State.DETACHED)
    if archive.action == Action.ARCHIVE:
        if current[0].state is State.DETACHED:
            _export(sessions, current[0], plan, now)
        _verify_and_drop(sessions, current, now)
        return
    _require_unheld(sessions, archive)
    patiently(
        sessions.owner, f"dropping {archive.partition_name}", lambda: _drop(sessions.owner, archive), sessions.patience
    )
    now(State.DROPPED)


def _gone(sessions: _Sessions, archive: Archive) -> Archive:
    """The table is not there any more. Killed between the drop and its record, or dropped by somebody else?"""
    is_ours = archive.state is State.VERIFIED or (archive.action == Action.DROP and archive.state is State.DETACHED)
    if is_ours:
        return advance(sessions.ops, archive, State.DROPPED)
    kept = "its file is as it was exported" if archive.file else "nothing of it was exported"
    return note_error(sessions.ops, archive, f"somebody dropped the table; {kept}", is_final=True)


def _detach(sessions: _Sessions, archive: Archive, *, has_default: bool) -> None:
    """Without waiting for readers in front of writers. With a DEFAULT partition PostgreSQL has only the other way."""
    conn = sessions.owner
    parent = sql.Identifier(archive.schema_name, archive.table_name)
    partition = sql.Identifier(archive.schema_name, archive.partition_name)
    detach = sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(parent, partition)

    def attempt() -> None:
        there: Standing | None = standing_of(conn, archive.schema_name, archive.partition_name)
        if there is None or not there.is_partition:
            return
        if there.is_pending:
            conn.execute(detach + sql.SQL(" FINALIZE"))
        elif has_default:
            conn.execute(detach)
        else:
            conn.execute(detach + sql.SQL(" CONCURRENTLY"))

    patiently(conn, f"detaching {archive.schema_name}.{archive.partition_name}", attempt, sessions.patience)


def _export(sessions: _Sessions, archive: Archive, plan: TablePlan | None, now: Callable[..., None]) -> None:
    if sessions.store is None:
        raise UnavailableError("ops.archive_store", _WAITS_FOR_STORE)
    key_column = None if plan is None else plan.table.key_column
    exported = export(sessions.owner, archive, sessions.store, key_column=key_column)
    now(
        State.EXPORTED,
        location=sessions.store.location,
        file=exported.file,
        row_count=exported.manifest.rows,
        size_bytes=exported.manifest.file_bytes,
        file_sha256=exported.manifest.file_sha256,
        manifest_sha256=exported.manifest_sha256,
    )


def _verify_and_drop(sessions: _Sessions, current: list[Archive], now: Callable[..., None]) -> None:
    """The file is read from its store, not remembered; the table is locked against writers while it is compared."""
    archive, conn = current[0], sessions.owner
    manifest = verify(archive, store_of(archive))
    table = sql.Identifier(archive.schema_name, archive.partition_name)
    with lock_timeout(conn, (sessions.patience or Patience()).lock_timeout_ms), conn.transaction():
        conn.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(table))
        require_same_rows(conn, archive, manifest)
        now(State.VERIFIED)
        _require_unheld(sessions, archive)
        # Who points to another table by a foreign key has to lock that one, too, to be dropped.
        patiently(conn, f"dropping {archive.partition_name}", lambda: _drop(conn, archive), sessions.patience)
    now(State.DROPPED)


def _drop(conn: Connection, archive: Archive) -> None:
    with conn.transaction():
        conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(archive.schema_name, archive.partition_name)))


def _name(schema: str, name: str) -> str:
    return f"{schema}.{name}"


def _result(archive: Archive) -> Retired:
    return Retired(
        archive=archive.id,
        partition=_name(archive.schema_name, archive.partition_name),
        state=archive.state,
        rows=archive.row_count,
        size_bytes=archive.size_bytes,
        problem=archive.error,
    )
