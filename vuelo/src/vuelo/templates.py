"""Copies of a migrated scratch database, for tests that each want one of their own."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from os import getpid

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vuelo.history import Connection
from vuelo.project import Project

_NUMBERS = count(1)
_LISTS = ("search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries")

# What CREATE DATABASE does not copy: settings of roles in the database, and rights on it.
_SETTINGS = """SELECT setrole <> 0, quote_ident(pg_get_userbyid(setrole)), split_part(entry, '=', 1),
       substr(entry, strpos(entry, '=') + 1)
  FROM pg_catalog.pg_db_role_setting AS s
  JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
 CROSS JOIN LATERAL unnest(s.setconfig) AS entry
 WHERE d.datname = %s"""
_RIGHTS = """SELECT x.privilege_type,
       CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END
  FROM pg_catalog.pg_database AS d
 CROSS JOIN LATERAL aclexplode(d.datacl) AS x
 WHERE d.datname = %s AND x.grantee <> d.datdba"""


@contextmanager
def cloned(template: Project) -> Generator[Project]:
    """The project with copies of its databases, which nobody may be connected to meanwhile; dropped at the end."""
    with ExitStack() as stack:
        urls = {url: stack.enter_context(_copy(url)) for url in {service.url for service in template.services}}
        yield replace(template, services=tuple(replace(one, url=urls[one.url]) for one in template.services))


@contextmanager
def _copy(url: str) -> Generator[str]:
    name, copy = str(conninfo_to_dict(url)["dbname"]), f"vuelo_copy_{getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as conn:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        conn.execute(statement.format(sql.Identifier(copy), sql.Identifier(name)))
        try:
            _copy_settings(conn, name, copy)
            yield make_conninfo(url, dbname=copy)
        finally:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(copy)))


def _copy_settings(conn: Connection, name: str, copy: str) -> None:
    for of_role, role, setting, value in conn.execute(_SETTINGS, (name,)).fetchall():
        whose = f"ALTER ROLE {role} IN DATABASE {copy}" if of_role else f"ALTER DATABASE {copy}"
        written = value if setting in _LISTS else sql.Literal(value).as_string(conn)
        conn.execute(f"{whose} SET {setting} = {written}".encode())
    rights = conn.execute(_RIGHTS, (name,)).fetchall()
    if rights:
        conn.execute(f"REVOKE ALL ON DATABASE {copy} FROM PUBLIC".encode())
    for privilege, grantee in rights:
        conn.execute(f"GRANT {privilege} ON DATABASE {copy} TO {grantee}".encode())
