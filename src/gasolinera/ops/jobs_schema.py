"""`ops_schema`'s tables of jobs: made and brought up to date by the job library's own scripts, as the role `ops`."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from vuelo import Project

SCHEMA = "ops_schema"
_LOCK_KEY = int.from_bytes(b"ops_jobs")
_SAME_PLACE = ("host", "hostaddr", "port", "dbname")

Connection = psycopg.Connection[Any]


def jobs_address(project: Project, ops_url: str | None) -> str | None:
    """Where jobs are kept: where `ops_url` says, else where all the services are. None: every service has a database
    of its own, and nothing was said.

    A service's own address is preferred to `ops_url` where both name one database: it may make the schema.
    """
    addresses = {service.url for service in project.services}
    if ops_url is None:
        return addresses.pop() if len(addresses) == 1 else None
    return next((address for address in sorted(addresses) if _place(address) == _place(ops_url)), ops_url)


def _place(url: str) -> tuple[str, ...]:
    parts = conninfo_to_dict(url)
    return tuple(str(parts.get(name) or "") for name in _SAME_PLACE)


def install(url: str) -> list[str]:
    """Make the schema and its tables, or apply the library's scripts that are missing; gives what was applied.

    Again: changes nothing. Needs the role `ops`, and an address that may become it; making the schema needs the right
    to create in the database. Locks against another that installs at the same time.
    """
    with psycopg.connect(url, autocommit=True, application_name="gasolinera db init") as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK_KEY,))
        if not _has_schema(conn):
            conn.execute("GRANT ops TO CURRENT_USER")  # to become it; superusers can anyway
            conn.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION ops").format(sql.Identifier(SCHEMA)))
        conn.execute("SET ROLE ops")
        conn.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(SCHEMA)))
        return _bring_up_to_date(conn)


def _has_schema(conn: Connection) -> bool:
    return conn.execute("SELECT FROM pg_namespace WHERE nspname = %s", (SCHEMA,)).fetchone() is not None


def _bring_up_to_date(conn: Connection) -> list[str]:
    own = files("gasolinera.ops").joinpath("jobs_schema.sql").read_text(encoding="utf-8").encode()
    scripts = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    row = conn.execute("SELECT to_regclass('ops_schema.procrastinate_jobs') IS NULL").fetchone()
    assert row is not None
    if row[0]:
        with conn.transaction():
            conn.execute(SchemaManager.get_schema())  # the whole, which has all the scripts in it
            conn.execute(own)
            _record(conn, scripts)
        return ["schema.sql"]
    conn.execute(own)
    known = {name for (name,) in conn.execute("SELECT script FROM job_library_scripts").fetchall()}
    missing = [script for script in scripts if script.name not in known]
    for script in missing:
        with conn.transaction():
            conn.execute(script.read_bytes())
            _record(conn, [script])
    return [script.name for script in missing]


def _record(conn: Connection, scripts: list[Path]) -> None:
    names = [script.name for script in scripts]
    conn.execute("INSERT INTO job_library_scripts (script) SELECT unnest(%s::text[])", (names,))
