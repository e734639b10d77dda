"""A place to try a project in: fresh databases with the roles that its scripts name, gone when the block is left."""

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import count
from os import getpid
from typing import cast

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vuelo import embedded
from vuelo.errors import VueloError
from vuelo.history import Connection
from vuelo.locations import find_scripts, rendered_lines
from vuelo.placeholders import Placeholders
from vuelo.project import Project, Service
from vuelo.session import Run, connected, placeholders_of
from vuelo.settings import Phase
from vuelo.statements import Statement, split

_NUMBERS = count(1)
_NAME = r'(?:"(?:[^"]|"")+"|[a-z_\x80-\U0010ffff][a-z0-9_$\x80-\U0010ffff]*)'
_NAMES = rf"(?:group\s+)?({_NAME}(?:\s*,\s*{_NAME})*)"
_OWNER = re.compile(rf"\bowner\s+to\s+{_NAMES}", re.IGNORECASE)
_GRANTEES = re.compile(rf"\b(?:to|from|role|authorization)\s+{_NAMES}", re.IGNORECASE)
_MEMBERSHIP = re.compile(rf"(?:grant|revoke)\s+{_NAMES}\s+(?:to|from)\s", re.IGNORECASE)
_CREATED = re.compile(rf"create\s+(?:role|user|group)\s+({_NAME})", re.IGNORECASE)
_REST = re.compile(r"\b(?:using|with)\b", re.IGNORECASE)  # of a policy, of a grant
_NAMES_ROLES = {("grant",), ("revoke",), ("create", "policy"), ("create", "schema"), ("set", "role")}
_NO_ROLES = {"public", "current_user", "current_role", "session_user", "none", "group"}


@contextmanager
def opened(project: Project, url: str | None = None) -> Generator[Project]:
    """The project with the addresses of empty databases: one for each database that it has.

    They live on a server of their own, or on that of `url`, where the address's role may create databases; roles that
    are made there stay. Before it is handed over each has had the service's `scratch_setup` (an SQL file, or
    `module:function`, called with the project) and the roles that settings and scripts name.
    """
    with ExitStack() as stack:
        reached = stack.enter_context(_server(project, url))
        urls = {live: stack.enter_context(_database(reached, live, own=url is None)) for live in _urls(project)}
        scratch = replace(project, services=tuple(_harmless(one, urls[one.url]) for one in project.services))
        _prepare(scratch)
        yield scratch


def _harmless(service: Service, url: str) -> Service:
    """Nobody is told of what happens in a scratch database, and no window or phase keeps anything back."""
    settings = replace(
        service.settings, phase=Phase.CONTRACT, maintenance_window=None, webhook=None, metrics_file=None, pooler=False
    )
    return replace(service, url=url, settings=settings)


def _urls(project: Project) -> list[str]:
    return sorted({service.url for service in project.services})


@contextmanager
def _server(project: Project, url: str | None) -> Generator[str]:
    if url is None:
        embedded_ones = [live for live in _urls(project) if embedded.is_address(live)]
        version, bin_dir = (
            embedded.chosen_server(embedded_ones[0]) if embedded_ones else (embedded.DEFAULT_VERSION, None)
        )
        with embedded.temporary(version=version, bin_dir=bin_dir) as server:
            yield server.url()
    elif embedded.is_address(url):
        with embedded.reached(url, project.base) as address:
            yield address
    else:
        yield url


@contextmanager
def _database(server: str, live: str, *, own: bool) -> Generator[str]:
    """On a server of our own it has the name and the user of the real one, since scripts and owners may show them."""
    name, user = _names_in(live)
    with _administering(server) as conn:
        if own and name not in _names(conn, "SELECT datname FROM pg_database"):
            address = make_conninfo(server, dbname=name, user=user)
            if user not in _names(conn, "SELECT rolname FROM pg_roles"):
                conn.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN").format(sql.Identifier(user)))
        else:
            name = f"vuelo_scratch_{getpid()}_{next(_NUMBERS)}"
            address = make_conninfo(server, dbname=name)
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield address
    finally:
        with _administering(server) as conn:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _administering(server: str) -> Generator[Connection]:
    try:
        with psycopg.connect(server, autocommit=True, application_name="vuelo scratch") as conn:
            yield conn
    except psycopg.Error as error:
        hint = "its role must be allowed to create databases and roles"
        raise VueloError("scratch.refused", f"the scratch server: {str(error).strip()}", hint) from error


def _names_in(live: str) -> tuple[str, str]:
    """Database and user of an address, as libpq would complete it. It is never connected to."""
    if embedded.is_address(live):
        return embedded.database_of(live), "postgres"
    try:
        parts = conninfo_to_dict(live)
    except psycopg.Error:
        parts = {}
    defaults = {one.keyword.decode(): (one.val or b"").decode() for one in pq.Conninfo.get_defaults()}
    user = str(parts.get("user") or defaults["user"] or "postgres")
    return str(parts.get("dbname") or defaults["dbname"] or user), user


def _prepare(project: Project) -> None:
    for setup in dict.fromkeys(service.settings.scratch_setup for service in project.services):
        concerned = [service for service in project.services if service.settings.scratch_setup == setup]
        if setup is not None:
            _set_up(replace(project, services=tuple(concerned)), setup)
    for service in project.services:
        with _administering(service.url) as conn:
            for role in sorted(_roles_of(service) - _names(conn, "SELECT rolname FROM pg_roles")):
                conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
            if service.role is not None:
                names = {"role": sql.Identifier(service.role), "database": sql.Identifier(conn.info.dbname)}
                conn.execute(sql.SQL("GRANT {role} TO CURRENT_USER").format(**names))
                conn.execute(sql.SQL("GRANT CREATE ON DATABASE {database} TO {role}").format(**names))


def _set_up(project: Project, setup: str) -> None:
    if setup.endswith(".sql"):
        try:
            text = (project.base / setup).read_text(encoding="utf-8")
        except OSError as error:
            message = f"scratch_setup: {project.base / setup} cannot be read: {error.strerror}"
            raise VueloError("scratch.setup", message) from error
        for url in _urls(project):
            with _administering(url) as conn:
                conn.execute(text.encode())
        return
    module, _, name = setup.partition(":")
    try:
        function = cast("Callable[[Project], object]", getattr(import_module(module), name))
    except (ImportError, AttributeError, ValueError) as error:
        hint = 'an SQL file beside vuelo.toml, or "package.module:function"'
        raise VueloError("scratch.setup", f"scratch_setup {setup!r} is not there: {error}", hint) from error
    function(project)


def _names(conn: Connection, query: str) -> set[str]:
    return {row[0] for row in conn.execute(query.encode())}


def _roles_of(service: Service) -> set[str]:
    """The role of its settings, and those that its scripts grant to, take from, or make owners, but do not make."""
    with connected(service, Run(), as_role=False) as conn:
        placeholders = placeholders_of(conn, service)
    mentioned, made = set[str](), set[str]()
    for statement in _statements(service, placeholders):
        mentioned |= _mentioned(statement)
        made |= _made(statement)
    return mentioned - made | ({service.role} if service.role else set[str]())


def _statements(service: Service, placeholders: Placeholders) -> Iterator[Statement]:
    for script in find_scripts(service, placeholders).scripts:
        with rendered_lines(script, placeholders, service.settings) as lines:
            yield from split(lines)


def _mentioned(statement: Statement) -> set[str]:
    words, text = statement.words, _REST.split(statement.text)[0]
    if words[:1] in _NAMES_ROLES or words[:2] in _NAMES_ROLES or words[:3] == ("alter", "default", "privileges"):
        listed = [*_GRANTEES.findall(text), *_MEMBERSHIP.findall(text)]
    elif words[:1] == ("alter",):
        listed = _OWNER.findall(text)
    else:
        return set()
    return {_plain(name) for names in listed for name in re.findall(_NAME, names, re.IGNORECASE)} - _NO_ROLES


def _made(statement: Statement) -> set[str]:
    """The role of a CREATE ROLE that stands by itself: one in a DO block takes care of a role that is there."""
    found = _CREATED.match(statement.text) if statement.words[:1] == ("create",) else None
    return {_plain(found[1])} if found else set()


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
