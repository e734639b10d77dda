"""Apply one script, and write what happened: in one transaction with its history rows, or step by step without one."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from vuelo import history, leftovers, sidelog
from vuelo.callbacks import around_each, fire, fire_each_error, fire_inside
from vuelo.errors import ScriptError, VueloError
from vuelo.history import HistoryTable, NewRow
from vuelo.migration import Script
from vuelo.patience import patiently
from vuelo.problems import HALF_UNDONE_HINT
from vuelo.scripts import Hooks, Site, refuse_ends_of_transaction, run_script, runs_alone, script_error
from vuelo.session import Progress, Run, forget_session, session_sql, start_session
from vuelo.sidelog import Action
from vuelo.statements import Statement
from vuelo.transactions import Need, need_of

COMMIT_WITHOUT_WAITING = "SET LOCAL synchronous_commit = off"  # `written_down` waits once for all
_SHOWN_EVERY_S = 0.2
_NO_LIMIT = "0"  # CREATE INDEX CONCURRENTLY waits for transactions that are under way; nobody waits for it


@dataclass(frozen=True)
class Step:
    """One script that ran."""

    script: str
    version: str | None
    description: str
    duration_ms: int
    rank: int | None = None  # of its history row


class MovedOnError(Exception):
    """Another runner has migrated since the plan was made: through a pooler no session holds the lock, and a script can
    let go of it, as by DISCARD ALL.
    """


@dataclass(frozen=True)
class Work:
    """A script to run, the history rows to write when it has, and how this is shown.

    `after` is the rank of the newest row that the plan knows; `events` are those that its turn brings about;
    `undoes` is the rank of the row that an undo takes back.
    """

    script: Script
    rows: tuple[NewRow, ...]
    action: Action
    progress: Progress
    after: int = 0
    events: tuple[str, ...] = ()
    undoes: int | None = None

    @property
    def operation(self) -> str:
        return "EachUndo" if self.action is Action.UNDO else "EachMigrate"


def apply(site: Site, work: Work) -> Step:
    """Run one script in the way that it needs. Raises ScriptError, VueloError, MovedOnError."""
    site.run.watch(work.progress)
    for event in work.events:
        fire(site, event)
    try:
        if goes_alone(site, work):
            with history.locked(site.conn, site.table, site.service.wait_s, site.run.stop):  # again: it may be lost
                return _apply_alone(site, work)
        return patiently(site, work.script.path.name, lambda: _apply_in_transaction(site, work))
    except VueloError as error:
        in_statement = isinstance(error, ScriptError) and error.path == work.script.path and error.place is not None
        fire_each_error(site, work.operation, in_statement=in_statement)
        raise


def apply_group(site: Site, works: Sequence[Work]) -> list[Step]:
    """All of them in one transaction. Raises ScriptError, VueloError `group.no_transaction`."""
    alone = [work.script.path.name for work in works if goes_alone(site, work)]
    if alone:
        message = f"{', '.join(alone)} cannot run in a transaction, so not in that of a group"
        raise VueloError("group.no_transaction", message, "migrate up to it first, with --target, or without `group`")

    def all_in_one() -> list[Step]:
        with transaction(site, works[0].after):
            return [_shown_and_run(site, work) for work in works]

    return patiently(site, "the group", all_in_one)


@contextmanager
def transaction(site: Site, after: int | None = None) -> Generator[None]:
    """A transaction with a service's settings. Through a pooler it takes the service's lock, which no session holds.

    There the session goes to somebody else afterwards, without what a script has SET. With `after` it has the lock in
    any case, and raises MovedOnError unless that is the rank of the newest row.
    """
    with site.conn.transaction():
        if site.service.settings.pooler:
            history.lock_in_transaction(site.conn, site.table, site.service.wait_s, site.run.stop)
        if after is None:
            start_session(site.conn, site.service)
        elif _settings_lock_and_rank(site) != after:
            raise MovedOnError
        yield
        if site.service.settings.pooler:
            forget_session(site.conn)


def _settings_lock_and_rank(site: Site) -> int:
    """One round trip, unless another runner has taken the lock that a script has let go of: then we wait for it."""
    query = sql.SQL("{};\n{};\n{}").format(
        session_sql(site.service), history.try_lock_sql(site.table), history.last_rank_sql(site.table)
    )
    cursor = site.conn.execute(query)
    answers: list[tuple[Any, ...] | None] = []
    while True:
        if cursor.description is not None:
            answers.append(cursor.fetchone())
        if not cursor.nextset():
            break
    is_ours, rank = answers[-2:]
    assert is_ours is not None
    assert rank is not None
    if is_ours[0]:
        return rank[0]
    history.lock_in_transaction(site.conn, site.table, site.service.wait_s, site.run.stop)
    return history.last_rank(site.conn, site.table)


def _apply_in_transaction(site: Site, work: Work) -> Step:
    try:
        with transaction(site, work.after):
            return _run_and_record(site, work)
    except psycopg.Error as error:  # after the last statement: the history row, or the commit with what was deferred
        failure = script_error(error, None)
        failure.path = work.script.path
        raise failure from error


def _shown_and_run(site: Site, work: Work) -> Step:
    site.run.watch(work.progress)
    for event in work.events:
        fire_inside(site, event)
        start_session(site.conn, site.service)
    return _run_and_record(site, work)


def goes_alone(site: Site, work: Work) -> bool:
    """Whether it runs outside a transaction. Raises what `runs_alone` raises."""
    return not site.service.settings.skip_executing_migrations and runs_alone(site, work.script)


def _run_and_record(site: Site, work: Work) -> Step:
    started = monotonic()
    statements = 0
    if not site.service.settings.skip_executing_migrations:
        fire_inside(site, f"before{work.operation}")
        statements = run_script(site, work.script, _hooks(site, work), in_transaction=True)
        if any(callback.event == f"after{work.operation}" for callback in site.callbacks):
            start_session(site.conn, site.service)
            fire_inside(site, f"after{work.operation}")
    duration_ms = round((monotonic() - started) * 1000)
    return _step(work, duration_ms, _record(site, work, statements, duration_ms))


def _record(site: Site, work: Work, statements: int, duration_ms: int) -> int:
    """Write the rows, and what is remembered beside them, with our own settings again; gives the last row's rank.

    One round trip where there is one row. The commit need not wait for the disk: `written_down` does so for all.
    """
    query = sql.SQL("{};\n{};\n").format(session_sql(site.service), sql.SQL(COMMIT_WITHOUT_WAITING))
    rank = 0
    for row in work.rows:
        recorded = record_sql(site.table, work, replace(row, execution_ms=duration_ms), statements)
        cursor = site.conn.execute(query + recorded)
        while cursor.nextset():
            pass
        while (inserted := cursor.fetchone()) is None:  # another has taken that rank, as history.insert says
            cursor = site.conn.execute(recorded)
        query, rank = sql.SQL("").format(), inserted[1]
    return rank


def record_sql(table: HistoryTable, work: Work, row: NewRow, statements: int) -> sql.Composed:
    """The statement that writes a row of the history together with what is remembered beside it."""
    entry = sidelog.entry_sql(
        table, rank=sql.Identifier("installed_rank"), action=work.action, script=work.script.script,
        fingerprint=sidelog.fingerprint(work.script.path), statements=statements, duration_ms=row.execution_ms,
        source=sql.SQL("FROM written"),
    )  # fmt: skip
    return sql.SQL("WITH written AS ({}) {}").format(history.insert_sql(table, row), entry)


@contextmanager
def written_down(site: Site) -> Generator[None]:
    """Leave when all that was committed is on disk, and at the replicas that commits wait for: one wait for many.

    Should the server go down before, the last migrations are gone together with their rows, and the next run has them.
    """
    try:
        try:
            yield
        except BaseException:
            with suppress(psycopg.Error):
                _write_down(site)
            raise
        _write_down(site)
    except VueloError as error:
        error.uncertain = site.conn.closed
        raise
    except psycopg.Error as error:
        lost = VueloError("database", str(error).strip() or type(error).__name__)
        lost.uncertain = site.conn.closed
        raise lost from error


def _write_down(site: Site) -> None:
    if not site.conn.closed and site.conn.info.transaction_status is TransactionStatus.IDLE:
        # A commit that waits has waited for those before it too, provided that it has something to write.
        site.conn.execute("RESET synchronous_commit; SELECT pg_catalog.pg_logical_emit_message(true, 'vuelo', '')")


def _back_to_our_settings(site: Site, work: Work) -> None:
    """The script may have changed role or timeouts, and so may what is called after it."""
    start_session(site.conn, site.service)
    if site.callbacks:
        fire_inside(site, f"after{work.operation}")
        start_session(site.conn, site.service)


def _apply_alone(site: Site, work: Work) -> Step:
    """Its row is there, as failed, before it begins: whatever ends this process, the next one knows."""
    started = monotonic()
    conn, table = site.conn, site.table
    refuse_ends_of_transaction(site, work.script)
    with transaction(site, work.after):
        marker = replace(work.rows[-1], success=False) if work.action is Action.MIGRATE else None
        rank = None if marker is None else history.insert(conn, table, marker)
        entry = _log(site, work, rank or work.undoes, 0, None)
    invalid = leftovers.invalid_indexes(site)
    statements = 0

    def advance(statement: Statement, count: int) -> None:
        nonlocal statements
        statements = count
        sidelog.advance(conn, table, entry, count, statement.last_line, statement.text)
        if statement.words[:1] == ("discard",):
            history.lock_again(conn, table, site.service.wait_s, site.run.stop)

    start_session(conn, site.service, lock_timeout=_NO_LIMIT)
    try:
        fire_inside(site, f"before{work.operation}")
        run_script(site, work.script, _hooks(site, work, advance), in_transaction=False)
        _back_to_our_settings(site, work)
    except VueloError as error:
        if not conn.closed:
            start_session(conn, site.service)
            leftovers.drop(site, [name for name in leftovers.invalid_indexes(site) if name not in invalid])
            nothing_done = statements == 0 and leftovers.first_statement_is_atomic(site, work.script)
            if nothing_done:
                sidelog.remove(conn, table, entry)
                if rank is not None:
                    history.forget(conn, table, rank)
            error.hint = error.hint or _hint(work, nothing_done, statements)
        raise
    duration_ms = round((monotonic() - started) * 1000)
    with conn.transaction():
        if rank is not None:
            history.settle(conn, table, rank, duration_ms)
        else:
            *others, last = (replace(row, execution_ms=duration_ms) for row in work.rows)
            for row in others:
                conn.execute(record_sql(table, work, row, statements))
            rank = history.insert(conn, table, last)
        sidelog.finish(conn, table, entry, duration_ms, rank)
    return _step(work, duration_ms, rank)


def _hint(work: Work, nothing_done: bool, statements: int) -> str:
    is_undo = work.action is Action.UNDO
    if nothing_done:
        return f"it left nothing behind; {'undo' if is_undo else 'migrate'} runs it again"
    done = f"its first {statements} statements are done" if statements else "part of it may be done"
    if is_undo:
        return f"it ran without a transaction and {done}: {HALF_UNDONE_HINT}"
    return f"it ran without a transaction and {done}: clear up by hand, then `vuelo repair` and migrate"


def _hooks(site: Site, work: Work, done: Callable[[Statement, int], None] = lambda statement, count: None) -> Hooks:
    shown = monotonic()

    @contextmanager
    def around(statement: Statement) -> Generator[None]:
        if need_of(statement) is Need.NO_TRANSACTION:
            leftovers.drop_unfinished(site, statement)
        try:
            with around_each(site, f"{work.operation}Statement"):
                yield
        except ScriptError as error:
            error.hint = leftovers.hint_of(site, statement, error.sqlstate) or error.hint
            raise

    def seen(statement: Statement, count: int) -> None:
        nonlocal shown
        done(statement, count)
        site.run.did(site.conn)
        if monotonic() - shown > _SHOWN_EVERY_S:
            shown = monotonic()
            site.run.watch(replace(work.progress, statements=count, line=statement.last_line))

    looked_at = site.run.did is not Run.did or any("Statement" in callback.event for callback in site.callbacks)
    return Hooks(around, seen, ahead=not looked_at and not site.service.settings.pooler)


def _log(site: Site, work: Work, rank: int | None, statements: int, duration_ms: int | None) -> int:
    query = sidelog.entry_sql(
        site.table, rank=rank, action=work.action, script=work.script.script, statements=statements,
        fingerprint=sidelog.fingerprint(work.script.path), duration_ms=duration_ms,
    )  # fmt: skip
    inserted = site.conn.execute(query).fetchone()
    assert inserted is not None
    return inserted[0]


def _step(work: Work, duration_ms: int, rank: int | None) -> Step:
    script = work.script
    version = None if script.version is None else script.version.text
    return Step(script.script, version, script.description, duration_ms, rank)
