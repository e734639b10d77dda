"""One script on a connection: how it must run, its statements one by one, and where it failed."""

import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Pipeline

from vuelo.errors import Place, ScriptError, VueloError
from vuelo.history import Connection, HistoryTable
from vuelo.locations import mentions, rendered_lines
from vuelo.migration import Callback, Script
from vuelo.placeholders import Placeholders, line_as_sent
from vuelo.project import Service
from vuelo.session import Run
from vuelo.statements import Statement, split
from vuelo.transactions import MARKS, Need, called_procedure, commits, ends_transaction, may_need_more, need_of

_COPY_LINE = re.compile(r", line (\d+)")
_COPY_LINES_A_WRITE = 1000
_MOST_AHEAD = 64
_MOST_CHARACTERS_AHEAD = 1_000_000
_MOST_BYTES_KEPT = 1_000_000
_IN_TRANSACTION = ("25001", "2D000")  # "… cannot run inside a transaction block"; a procedure's own COMMIT
_UNSAFE_NEW_VALUE = "55P04"

_QUERIES = (("select",), ("with",), ("values",), ("table",))

_Sent = deque[tuple[int, Statement, psycopg.Cursor[Any]]]


@dataclass(frozen=True)
class Site:
    """Where scripts run: a service's connection, with its history and what its placeholders stand for."""

    conn: Connection
    service: Service
    run: Run
    table: HistoryTable
    placeholders: Placeholders
    callbacks: tuple[Callback, ...] = ()
    # By path, the lines of the script that was read to see how it must run, if it is small, until it does.
    kept: dict[Path, list[str]] = field(default_factory=dict[Path, list[str]])

    def lines(self, script: Script | Callback) -> AbstractContextManager[Iterator[str]]:
        return rendered_lines(script, self.placeholders, self.service.settings)


@dataclass(frozen=True)
class Hooks:
    """What happens around the statements of a script: a context for each, and a word when it is done.

    `ahead`: nobody looks between one statement and the next, so that the next may be sent before the answer is there.
    """

    around: Callable[[Statement], AbstractContextManager[Any]] = nullcontext
    done: Callable[[Statement, int], None] = field(default=lambda statement, count: None)
    ahead: bool = False


def run_script(site: Site, script: Script | Callback, hooks: Hooks, *, in_transaction: bool) -> int:
    """Run it statement by statement; gives how many there were. Raises ScriptError, VueloError `interrupted`."""
    ahead = in_transaction and hooks.ahead and Pipeline.is_supported()
    number = 0

    def checked(statements: Iterable[Statement]) -> Iterator[tuple[int, Statement]]:
        nonlocal number
        for number, statement in enumerate(statements, start=1):
            # Ctrl-C cancels what runs in the database; this is for the moments when nothing does.
            if site.run.stop.is_set():
                raise VueloError("interrupted", "stopped before the end of a migration")
            if in_transaction:
                _refuse_without_transaction(site, script, statement, seen=number > 1)
            _refuse_end_of_transaction(site, script, statement)
            yield number, statement

    with _notices_told(site, script), site.lines(script) as lines:
        statements = checked(split(site.kept.pop(script.path, lines)))
        for together, some in groupby(statements, key=lambda pair: ahead and _can_be_sent_ahead(pair[1])):
            if together:
                _execute_ahead(site, script, some, hooks.done)
            else:
                for count, statement in some:
                    with hooks.around(statement):
                        _execute(site, script, statement)
                    hooks.done(statement, count)
    return number


@contextmanager
def _notices_told(site: Site, script: Script | Callback) -> Generator[None]:
    """What the server says beside its answers: RAISE NOTICE and WARNING, IF EXISTS that finds nothing."""

    def tell(diag: psycopg.errors.Diagnostic) -> None:
        site.run.tell(site.service.name, f"{script.path.name}: {diag.severity}: {diag.message_primary}")

    site.conn.add_notice_handler(tell)
    try:
        yield
    finally:
        site.conn.remove_notice_handler(tell)


def _can_be_sent_ahead(statement: Statement) -> bool:
    """Not what may answer with many rows: answers are kept until all have come."""
    answers = statement.copy_data is not None or statement.writes_stdout or statement.words[:1] in _QUERIES
    names_encoding = statement.words[:2] == ("set", "names") or "client_encoding" in statement.text.lower()
    return not answers and not names_encoding and need_of(statement) is not Need.NO_TRANSACTION


def _execute_ahead(
    site: Site,
    script: Script | Callback,
    statements: Iterator[tuple[int, Statement]],
    done: Callable[[Statement, int], None],
) -> None:
    """Send statements without waiting for each answer: the script is read on while the server works.

    The server runs one after the other and none after one that has failed; each has an answer of its own.
    """
    sent: _Sent = deque()
    failure: psycopg.Error | None = None
    try:
        with site.conn.pipeline() as pipeline:
            try:
                _send(site.conn, pipeline, statements, sent, done)
            except psycopg.Error as error:
                failure = error  # kept until the pipeline is left: psycopg logs a warning when an error leaves it
        if failure is not None:
            raise failure
        _refuse_other_encoding(site, script, None)
        _tell_done(sent, done)
    except psycopg.Error as error:
        failed = next((statement for _, statement, cursor in sent if cursor.pgresult is None), None)
        first = failure or error
        raise script_error(first, failed and _place_of(first, site, script, failed), script) from first


def _send(
    conn: Connection,
    pipeline: Pipeline,
    statements: Iterator[tuple[int, Statement]],
    sent: _Sent,
    done: Callable[[Statement, int], None],
) -> None:
    size = 0
    try:
        for number, statement in statements:
            sent.append((number, statement, conn.cursor()))
            sent[-1][2].execute(statement.text.encode())
            size += len(statement.text)
            if len(sent) >= _MOST_AHEAD or size > _MOST_CHARACTERS_AHEAD:
                pipeline.sync()
                size = 0
                _tell_done(sent, done)
    except VueloError:
        pipeline.sync()  # what went wrong before it comes first
        raise


def _tell_done(sent: _Sent, done: Callable[[Statement, int], None]) -> None:
    while sent:
        number, statement, _ = sent.popleft()
        done(statement, number)


def runs_alone(site: Site, script: Script | Callback) -> bool:
    """Whether it runs outside a transaction: because it says so, or because a statement of it cannot be inside one.

    Raises ScriptError `script.mixed`, VueloError `pooler.no_transaction`.
    """
    said = script.config.execute_in_transaction
    if said is None and site.service.settings.execute_in_transaction:
        alone = _cannot_have_a_transaction(site, script)
    else:
        alone = not said
    if alone and site.service.settings.pooler:
        message = f"{script.path.name} cannot run in a transaction, and through a pooler nothing runs outside one"
        hint = "migrate over a direct connection, or one that pools sessions, without `pooler`"
        raise VueloError("pooler.no_transaction", message, hint)
    return alone


def _cannot_have_a_transaction(site: Site, script: Script | Callback) -> bool:
    if not _may_need_more(site, script):
        return False
    mixed = site.service.settings.mixed
    needs: set[Need] = set()
    with _kept_lines(site, script) as lines:
        for statement in split(lines):
            needs.add(_need_of(site, statement))
            if {Need.TRANSACTION, Need.NO_TRANSACTION} <= needs:
                if mixed:
                    return True
                raise _mixed(site, script, statement)
    return Need.NO_TRANSACTION in needs or (Need.NEW_VALUE in needs and Need.TRANSACTION not in needs)


@contextmanager
def _kept_lines(site: Site, script: Script | Callback) -> Generator[Iterable[str]]:
    with site.lines(script) as lines:
        yield site.kept.get(script.path, lines)


def _may_need_more(site: Site, script: Script | Callback) -> bool:
    """Without cutting it into statements. A large one is not even read as a text where its bytes are what is sent: no
    placeholder, letters as in ASCII; a small one is, and kept until it runs.
    """
    if script.path.stat().st_size <= _MOST_BYTES_KEPT:
        site.kept.clear()
        with site.lines(script) as lines:
            site.kept[script.path] = list(lines)
        return may_need_more("".join(site.kept[script.path]))
    encoding = script.config.encoding or site.service.settings.encoding
    marks = b"".join(MARKS)
    prefix = site.placeholders.prefix.lower()
    return marks.decode().encode(encoding) != marks or mentions(script.path, (*MARKS, prefix.encode(encoding)))


def _need_of(site: Site, statement: Statement) -> Need:
    need = need_of(statement)
    if need is not Need.ASK:
        return need
    bodies = site.conn.execute(
        """SELECT p.prosrc
             FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace,
                  parse_ident(%s, false) AS called
            WHERE p.prokind = 'p' AND p.proname = called[array_upper(called, 1)]
              AND (n.nspname = called[1] OR array_upper(called, 1) = 1 AND (n.nspname = %s OR
                   n.nspname = ANY (current_schemas(true))))""",
        (called_procedure(statement), site.service.schema),
    ).fetchall()
    return Need.NO_TRANSACTION if any(commits(body) for [body] in bodies) else Need.TRANSACTION


def _refuse_without_transaction(site: Site, script: Script | Callback, statement: Statement, *, seen: bool) -> None:
    """In a script that was taken for an ordinary one, by what stands before this statement."""
    if seen and script.config.execute_in_transaction is None and need_of(statement) is Need.NO_TRANSACTION:
        raise _mixed(site, script, statement)


def _mixed(site: Site, script: Script | Callback, statement: Statement) -> ScriptError:
    place = Place.of(statement.line, statement.column, _line_as_sent(site, script, statement.line))
    message = "a statement that cannot run in a transaction stands beside one that should"
    hint = "put them into migrations of their own, or set `mixed` and lose the rollback of the whole script"
    error = ScriptError("script.mixed", message, place, hint)
    error.path = script.path
    return error


def _line_as_sent(site: Site, script: Script | Callback, number: int) -> str:
    with site.lines(script) as lines:
        return line_as_sent(lines, number)


def _refuse_end_of_transaction(site: Site, script: Script | Callback, statement: Statement) -> None:
    if ends_transaction(statement.words):
        place = Place.of(statement.line, statement.column, _line_as_sent(site, script, statement.line))
        message = "a migration runs in a transaction of its own and cannot end it"
        raise ScriptError("script.transaction", message, place, "take the statement out")


def _execute(site: Site, script: Script | Callback, statement: Statement) -> None:
    conn, text = site.conn, statement.text.encode()
    try:
        if statement.copy_data is not None:
            with conn.cursor() as cursor, cursor.copy(text) as copy:
                while chunk := "".join(islice(statement.copy_data, _COPY_LINES_A_WRITE)):
                    copy.write(chunk)
        elif statement.writes_stdout:
            with conn.cursor() as cursor, cursor.copy(text) as copy:
                for _ in copy:
                    pass  # as with a SELECT, nobody looks at the rows
        else:
            conn.execute(text)
    except psycopg.Error as error:
        raise script_error(error, _place_of(error, site, script, statement), script) from error
    _refuse_other_encoding(site, script, statement)


def _refuse_other_encoding(site: Site, script: Script | Callback, statement: Statement | None) -> None:
    """All text is sent as UTF-8: the server would take it for something else, and store that."""
    encoding = site.conn.info.parameter_status("client_encoding")
    if encoding != "UTF8":
        line = 1 if statement is None else statement.line
        place = statement and Place.of(line, statement.column, _line_as_sent(site, script, line))
        message = f"the script changes client_encoding to {encoding}, and vuelo sends UTF-8"
        hint = "take that out; the encoding of the file is said by `encoding`, in the settings or in its .conf"
        raise ScriptError("script.encoding", message, place, hint)


def refuse_ends_of_transaction(site: Site, script: Script) -> None:
    """Before any of a script without a transaction is done. Raises ScriptError `script.transaction`."""
    with site.lines(script) as lines:
        for statement in split(lines):
            _refuse_end_of_transaction(site, script, statement)


def script_error(error: psycopg.Error, place: Place | None, script: Script | Callback | None = None) -> ScriptError:
    """The database's words, or the driver's where the database had none."""
    diag = error.diag
    message = diag.message_primary or str(error).strip() or type(error).__name__
    if diag.sqlstate is None and isinstance(error, psycopg.OperationalError):
        # The server's last words may or may not have arrived before its end did.
        message = f"the connection was lost: {message.splitlines()[0]}"
    result = ScriptError("script.failed", message, place, diag.message_hint or _hint_for(diag.sqlstate, script))
    result.sqlstate = diag.sqlstate
    result.detail = diag.message_detail
    result.context = diag.context
    return result


def _hint_for(sqlstate: str | None, script: Script | Callback | None) -> str | None:
    if sqlstate in _IN_TRANSACTION:
        if script is not None and script.config.execute_in_transaction:
            return f"{script.path.name}.conf says executeInTransaction=true: take that line out"
        return "say executeInTransaction=false in a file beside the script, named as it is with .conf at the end"
    if sqlstate == _UNSAFE_NEW_VALUE:
        return "add the value in a migration of its own, before the one that uses it"
    return None


def _place_of(error: psycopg.Error, site: Site, script: Script | Callback, statement: Statement) -> Place:
    """The place in the file; the database's position counts from 1, without one it is the statement's start."""
    in_copy = _COPY_LINE.search(error.diag.context or "") if statement.copy_data is not None else None
    if in_copy:
        line, column = statement.last_line + int(in_copy[1]), 1
    else:
        line, column = statement.place_of(int(error.diag.statement_position or 1) - 1)
    return Place.of(line, column, _line_as_sent(site, script, line))
