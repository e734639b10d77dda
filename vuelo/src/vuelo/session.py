"""A connection as one service's migrations need it: address, role, settings, and the values of placeholders."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vuelo.errors import VueloError
from vuelo.history import Connection
from vuelo.placeholders import Placeholders
from vuelo.project import Service

CONNECT_TIMEOUT_S = 10


@dataclass(frozen=True)
class Progress:
    """What happens to a service: `done` of `total` steps, and the script that starts now (None: nothing more)."""

    service: str
    done: int
    total: int
    script: str | None


@dataclass(frozen=True)
class Run:
    """What a run needs to know of its surroundings: who watches, and whether to stop before the next step."""

    watch: Callable[[Progress], None] = lambda progress: None
    stop: Event = field(default_factory=Event)
    opened: Callable[[Connection], None] = lambda connection: None


@contextmanager
def connected(service: Service, run: Run, *, as_role: bool = True) -> Generator[Connection]:
    """A direct connection, as the service's role unless it only reads. Raises VueloError `connect.*`."""
    try:
        conn = psycopg.connect(
            _address(service),
            autocommit=True,
            application_name=f"vuelo {service.name}",
            client_encoding="UTF8",  # scripts are, whatever the database's own encoding
            prepare_threshold=None,  # a plan kept for a repeated statement would not outlive the script's own DDL
        )
    except psycopg.Error as error:
        message = f"{service.name}: cannot connect: {str(error).strip()}"
        raise VueloError("connect.failed", message, "check the url in vuelo.toml and that the server runs") from error
    with conn:
        run.opened(conn)
        if as_role:
            _check(conn, service)
        yield conn


def _check(conn: Connection, service: Service) -> None:
    try:
        conn.execute("SELECT set_config('role', %s, false)", (service.role or "none",))
    except psycopg.Error as error:
        message = f"{service.name}: cannot work as role {service.role}: {error.diag.message_primary}"
        raise VueloError("connect.role", message, "create the role first, or take `role` out of vuelo.toml") from error
    try:
        start_session(conn, service)
    except psycopg.Error as error:
        message = f"{service.name}: cannot begin: {error.diag.message_primary}"
        raise VueloError("connect.settings", message, "look at the service in vuelo.toml") from error


def _address(service: Service) -> str:
    """With a limit on how long to try, unless somebody has set one. libpq's complaint would show the password."""
    try:
        parts = conninfo_to_dict(service.url)
    except psycopg.Error:
        hint = "postgresql://user:password@host:port/database, where a % in the password is written %25"
        raise VueloError("connect.malformed", f"{service.name}: its url is malformed", hint) from None
    limit = {} if "PGCONNECT_TIMEOUT" in os.environ else {"connect_timeout": CONNECT_TIMEOUT_S}
    return make_conninfo("", **{**limit, **parts})


def start_session(conn: Connection, service: Service) -> None:
    """The same settings for every migration, whatever the one before it has SET."""
    conn.execute(
        sql.SQL(
            """RESET SESSION AUTHORIZATION;
            RESET ALL;
            SELECT set_config('role', {role}, false),
                   set_config('lock_timeout', {lock}, false),
                   set_config('statement_timeout', {statement}, false),
                   set_config('search_path',
                              concat_ws(', ', quote_ident({schema}), nullif(current_setting('search_path'), '')),
                              false)"""
        ).format(
            role=service.role or "none",
            lock=service.lock_timeout,
            statement=service.statement_timeout,
            schema=service.schema,
        )
    )


def placeholders_of(conn: Connection, service: Service) -> Placeholders:
    """The service's own values and Flyway's built-in ones, but for `flyway:filename`, which is each script's."""
    built_in = {
        "flyway:defaultSchema": service.schema,
        "flyway:user": service.role or conn.info.user,
        "flyway:database": conn.info.dbname,
        "flyway:timestamp": f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}",
        "flyway:workingDirectory": str(Path.cwd()),
        "flyway:table": service.table,
        "flyway:environment": "default",  # Flyway's name for the environment of whoever has set none
    }
    return Placeholders({**built_in, **service.placeholders})
