"""The database roles: per service an owner, a runtime role and a reader, each for its own schema alone; and `ops`."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, Literal

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from vuelo import Project, VueloError

_LOCK_KEY = int.from_bytes(b"gasolina")
_MAINTENANCE_DATABASE = "postgres"
_READ: Final = ("USAGE ON SCHEMAS", "SELECT ON TABLES", "SELECT ON SEQUENCES")

Connection = psycopg.Connection[Any]


def initialise(project: Project) -> list[str]:
    """Make the roles that are missing and set everyone's rights; running it again changes nothing. Returns new roles.

    Needs a superuser, or a role with CREATEROLE that owns the databases. Takes a lock that holds for the whole
    cluster, because roles belong to the cluster and advisory locks to a database: it is taken in `postgres`.
    """
    made: list[str] = []
    by_url: dict[str, list[str]] = {}
    for service in project.services:
        by_url.setdefault(service.url, []).append(service.name)
    for url, services in by_url.items():
        with _cluster_lock(url), _connected(url) as conn, conn.transaction():
            made += _ensure_role(conn, "ops", "LOGIN")
            for service in services:
                owner, app, reader = (f"{service}_{suffix}" for suffix in ("owner", "app", "ro"))
                made += _ensure_role(conn, owner, "NOLOGIN")
                made += _ensure_role(conn, app, "LOGIN")
                made += _ensure_role(conn, reader, "LOGIN")
                _grant_rights(conn, owner, app, reader)
                _let_operations_read(conn, owner)
            _forget_reading_all(conn)
    return made


@contextmanager
def _connected(url: str) -> Generator[Connection]:
    try:
        conn = psycopg.connect(url, autocommit=True, application_name="gasolinera db init")
    except psycopg.Error as error:
        hint = "check the address and that the server runs"
        raise VueloError("connect.failed", f"cannot connect: {str(error).strip()}", hint) from error
    with conn:
        yield conn


@contextmanager
def _cluster_lock(url: str) -> Generator[None]:
    with _connected(make_conninfo(url, dbname=_MAINTENANCE_DATABASE)) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK_KEY,))
        yield


def _ensure_role(conn: Connection, name: str, login: Literal["LOGIN", "NOLOGIN"]) -> list[str]:
    if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is not None:
        return []
    conn.execute(
        sql.SQL("CREATE ROLE {} {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS").format(
            sql.Identifier(name), sql.SQL(login)
        )
    )
    return [name]


def _grant_rights(conn: Connection, owner: str, app: str, reader: str) -> None:
    """Nobody gets anything by default; the migrations grant the rest on their own schema."""
    names = {
        "database": sql.Identifier(conn.info.dbname),
        "owner": sql.Identifier(owner),
        "app": sql.Identifier(app),
        "reader": sql.Identifier(reader),
    }
    for statement in (
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO {owner}, {app}, {reader}, ops",
        "GRANT CREATE ON DATABASE {database} TO {owner}",  # migrations make the schema, as Flyway's history shows
        "GRANT TEMPORARY ON DATABASE {database} TO {owner}",  # REFRESH MATERIALIZED VIEW CONCURRENTLY
        "GRANT {owner}, {app} TO CURRENT_USER",  # to become either; superusers can anyway
        # Only the form without IN SCHEMA takes the built-in right to execute away from everybody.
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
        "GRANT pg_monitor TO ops",
        # On the role and not in the pool: these hold for every client, and behind a transaction pooler too.
        "ALTER ROLE {app} IN DATABASE {database} SET statement_timeout = '15s'",
        "ALTER ROLE {app} IN DATABASE {database} SET lock_timeout = '5s'",
        "ALTER ROLE {app} IN DATABASE {database} SET idle_in_transaction_session_timeout = '60s'",
        "ALTER ROLE {reader} IN DATABASE {database} SET default_transaction_read_only = on",
    ):
        conn.execute(sql.SQL(statement).format(**names))


def _let_operations_read(conn: Connection, owner: str) -> None:
    """What the owner has and what it will have. Not by pg_read_all_data, to which password hashes are data as well."""
    role = sql.Identifier(owner)
    for kind in _READ:
        statement = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT {} TO ops")
        conn.execute(statement.format(role, sql.SQL(kind)))
    held = conn.execute(
        """SELECT nspname::text FROM pg_namespace WHERE nspowner = %s::regrole
            ORDER BY nspname""",
        (owner,),
    ).fetchall()
    for (schema,) in held:
        for kind in ("USAGE ON SCHEMA {}", "SELECT ON ALL TABLES IN SCHEMA {}", "SELECT ON ALL SEQUENCES IN SCHEMA {}"):
            conn.execute(sql.SQL(f"GRANT {kind} TO ops").format(sql.Identifier(str(schema))))


def _forget_reading_all(conn: Connection) -> None:
    """Roles made by an earlier release could read every password hash of the server."""
    if conn.execute("SELECT pg_has_role('ops', 'pg_read_all_data', 'MEMBER')").fetchone() == (True,):
        conn.execute("REVOKE pg_read_all_data FROM ops")
