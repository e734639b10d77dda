"""A connection as one service's migrations need it: address, role, settings, and the values of placeholders."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import count
from pathlib import Path
from threading import Event
from typing import LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vuelo.errors import VueloError
from vuelo.history import Connection
from vuelo.placeholders import Placeholders
from vuelo.project import Service

CONNECT_TIMEOUT_S = 10
_RESET = sql.SQL("RESET SESSION AUTHORIZATION;\nRESET ROLE;\nRESET ALL;\nSET client_encoding = 'UTF8';\n")


@dataclass(frozen=True)
class Progress:
    """What happens to a service: `done` of `total` steps, and the script that starts now (None: nothing more).

    Within a script: how many statements are done, up to which line, how long its last run took, where known, and what
    PostgreSQL says of a long statement.
    """

    service: str
    done: int
    total: int
    script: str | None
    statements: int = 0
    line: int = 0
    expected_ms: int | None = None
    doing: str = ""


@dataclass(frozen=True)
class Run:
    """What a run needs to know of its surroundings: who watches, who listens, whether to stop before the next step."""

    watch: Callable[[Progress], None] = lambda progress: None
    stop: Event = field(default_factory=Event)
    opened: Callable[[Connection], None] = lambda connection: None
    # Service and sentence: what is waited for, tried again, cleaned up.
    tell: Callable[[str, str], None] = lambda service, text: None
    did: Callable[[Connection], None] = lambda connection: None  # after each statement, before any commit
    blocked_by: Callable[[], str] = lambda: ""  # who was last seen in the way of what runs, as `watching` says it


@contextmanager
def connected(service: Service, run: Run, *, as_role: bool = True) -> Generator[Connection]:
    """A direct connection, as the service's role unless it only reads. Raises VueloError `connect.*`."""
    conn = _connect(service, run)
    with conn:
        run.opened(conn)
        if as_role:
            _check(conn, service)
        yield conn


def _connect(service: Service, run: Run) -> Connection:
    pause_s = 1.0
    for attempt in count(1):
        try:
            return psycopg.connect(
                address(service),
                autocommit=True,
                application_name=f"vuelo {service.name}",
                client_encoding="UTF8",  # scripts are, whatever the database's own encoding
                prepare_threshold=None,  # a plan kept for a repeated statement would not outlive the script's own DDL
            )
        except psycopg.Error as error:
            if attempt > service.settings.connect_retries:
                message = f"{service.name}: cannot connect: {str(error).strip()}"
                hint = "check the address, and that the server runs"
                raise VueloError("connect.failed", message, hint) from error
        if run.stop.wait(min(pause_s, service.settings.connect_retries_interval)):
            raise VueloError("interrupted", "stopped while waiting for the server")
        pause_s *= 2
    raise AssertionError("count ends")


def _check(conn: Connection, service: Service) -> None:
    settings = service.settings
    with conn.transaction() if settings.pooler else nullcontext():
        try:
            if service.role is not None:
                conn.execute("SELECT set_config('role', %s, %s)", (service.role, settings.pooler))
        except psycopg.Error as error:
            message = f"{service.name}: cannot work as role {service.role}: {error.diag.message_primary}"
            hint = "create the role first, or take `role` out of vuelo.toml"
            raise VueloError("connect.role", message, hint) from error
        try:
            start_session(conn, service)
            if settings.pooler:
                forget_session(conn)
        except psycopg.Error as error:
            message = f"{service.name}: cannot begin: {error.diag.message_primary}"
            raise VueloError("connect.settings", message, "look at the service's settings") from error


def address(service: Service) -> str:
    """With a limit on how long to try, unless somebody has set one. libpq's complaint would show the password."""
    try:
        parts = conninfo_to_dict(service.url)
    except psycopg.Error:
        hint = "postgresql://user:password@host:port/database, where a % in the password is written %25"
        raise VueloError("connect.malformed", f"{service.name}: its url is malformed", hint) from None
    limit = {} if "PGCONNECT_TIMEOUT" in os.environ else {"connect_timeout": CONNECT_TIMEOUT_S}
    return make_conninfo("", **{**limit, **parts})


def start_session(conn: Connection, service: Service, *, lock_timeout: str | None = None) -> None:
    """The same settings for every migration, whatever the one before it has SET."""
    conn.execute(session_sql(service, lock_timeout))


def forget_session(conn: Connection) -> None:
    """Undo whatever a session was set to; inside a transaction, with it. Scripts stay UTF-8."""
    conn.execute(_RESET)


def session_sql(service: Service, lock_timeout: str | None = None) -> sql.Composed:
    """Without a role of the service's own, that of `init_sql` stays, as with Flyway.

    Through a pooler these are settings of the transaction alone.
    """
    settings, lock = service.settings, lock_timeout or service.lock_timeout
    return _session_sql(
        settings.init_sql, service.role, settings.pooler, lock, service.statement_timeout, service.schema
    )


@cache  # it is sent twice a migration, and takes longer to put together than to send
def _session_sql(
    init_sql: str | None, role: str | None, local: bool, lock: str, statement: str, schema: str
) -> sql.Composed:
    composed = sql.SQL(
        """{reset}{init}SELECT {role}set_config('lock_timeout', {lock}, {local}),
       set_config('statement_timeout', {statement}, {local}),
       set_config('standard_conforming_strings', 'on', {local}),
       set_config('search_path',
                  concat_ws(', ', quote_ident({schema}), nullif(current_setting('search_path'), '')), {local})"""
    ).format(
        reset=_RESET,
        init=sql.SQL(f"{init_sql}\n;\n" if init_sql else ""),  # type: ignore[arg-type]  # whoever sets it may run it
        role=sql.SQL("set_config('role', {role}, {local}),\n       ").format(role=role, local=local)
        if role is not None
        else sql.SQL(""),
        local=local,
        lock=lock,
        statement=statement,
        schema=schema,
    )
    return sql.Composed([sql.SQL(cast("LiteralString", composed.as_string()))])


def placeholders_of(conn: Connection, service: Service) -> Placeholders:
    """The service's own values and Flyway's built-in ones, but for `flyway:filename`, which is each script's."""
    settings = service.settings
    built_in = {
        "defaultSchema": service.schema,
        "user": service.role or conn.info.user,
        "database": conn.info.dbname,
        "timestamp": f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}",
        "workingDirectory": str(Path.cwd()),
        "table": service.table,
        "environment": "default",  # Flyway's name for the environment of whoever has set none
    }
    named = {f"flyway{settings.placeholder_separator}{name}": value for name, value in built_in.items()}
    return Placeholders(
        {**named, **service.placeholders},
        settings.placeholder_prefix,
        settings.placeholder_suffix,
        settings.placeholder_separator,
    )
