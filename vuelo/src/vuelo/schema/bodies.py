"""Does every view answer, and is the body of every function something that could run?"""

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg import sql

from vuelo.history import Connection

_VIEWS = """SELECT c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND (c.relkind = 'v' OR (c.relkind = 'm' AND c.relispopulated)) ORDER BY c.relname"""
_FUNCTIONS = """SELECT p.oid, p.oid::regprocedure::text, l.lanname, l.lanvalidator::regproc::text,
       pg_catalog.pg_get_functiondef(p.oid), p.prorettype = 'trigger'::regtype,
       p.prosrc ~* 'create\\s+(local\\s+)?temp',
       (SELECT substr(s, 13) FROM unnest(p.proconfig) AS s WHERE s LIKE 'search_path=%%'),
       ARRAY(SELECT t.tgrelid::oid FROM pg_catalog.pg_trigger AS t WHERE t.tgfoid = p.oid AND t.tgparentid = 0),
       (SELECT max(t.tgoldtable) FROM pg_catalog.pg_trigger AS t WHERE t.tgfoid = p.oid),
       (SELECT max(t.tgnewtable) FROM pg_catalog.pg_trigger AS t WHERE t.tgfoid = p.oid)
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
 WHERE n.nspname = %s AND p.prokind <> 'a' AND l.lanname NOT IN ('internal', 'c')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
 ORDER BY 2"""
_MISSING = ("42P01", "42883", "42704", "3F000")  # table, function, object, schema: no variable can be meant
_STATIC = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|VALUES)\b", re.IGNORECASE)
_TARGET = re.compile(r"\s*[\w.\"$]+(?:\[[^]]*\])*\s*:?=\s*(?=\()")  # of an assignment, before a query in parentheses


@dataclass(frozen=True)
class Complaint:
    object: str
    message: str


@dataclass(frozen=True)
class _Function:
    oid: int
    name: str
    language: str
    validator: str
    text: str
    is_trigger: bool
    makes_tables: bool
    search_path: str | None
    tables: list[int]
    old_table: str | None
    new_table: str | None


def check(conn: Connection, schema: str) -> tuple[int, list[Complaint]]:
    """How many views and functions there are, and what is wrong with them. Changes nothing."""
    views = [row[0] for row in conn.execute(_VIEWS, (schema,))]
    functions = [_Function(*row) for row in conn.execute(_FUNCTIONS, (schema,))]
    complaints = [one for view in views for one in _view_complaints(conn, schema, view)]
    has_checker = _checker_is_there(conn)
    for function in functions:
        complaints += _function_complaints(conn, schema, function, has_checker=has_checker)
    return len(views) + len(functions), complaints


def _view_complaints(conn: Connection, schema: str, view: str) -> Iterator[Complaint]:
    with _tried(conn) as failures:
        conn.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, view)))
    yield from (Complaint(f"view {schema}.{view}", message) for _, message in failures)


def _function_complaints(
    conn: Connection, schema: str, function: _Function, *, has_checker: bool
) -> Iterator[Complaint]:
    name = f"function {function.name}"
    with _tried(conn, schema, function) as failures:
        conn.execute(sql.SQL("SELECT {}(%s::oid)").format(sql.SQL(cast("Any", function.validator))), (function.oid,))
    yield from (Complaint(name, message) for _, message in failures)
    if function.language != "plpgsql" or failures:
        return
    if has_checker:
        yield from (Complaint(name, message) for message in _checked(conn, schema, function))
        return
    for query in _static_queries(function.text):
        with _tried(conn, schema, function) as failures:
            conn.execute(b"PREPARE vuelo_body AS " + query.encode())
        for state, message in failures:
            is_variable = "FROM" in message  # missing FROM-clause entry: a record's field, not a table's column
            known = any(f'"{table}"' in message for table in (function.old_table, function.new_table) if table)
            if state in _MISSING and not (known or is_variable or function.makes_tables):
                yield Complaint(name, message)


def _checked(conn: Connection, schema: str, function: _Function) -> list[str]:
    """What the extension plpgsql_check says, which also knows types and variables."""
    if function.is_trigger and not function.tables:
        return []
    found: list[str] = []
    for table in function.tables if function.is_trigger else [0]:
        with _tried(conn, schema, function) as failures:
            rows = conn.execute(
                """SELECT message FROM plpgsql_check_function_tb(%s::oid, %s::oid, other_warnings => false,
                          extra_warnings => false, performance_warnings => false, oldtable => %s, newtable => %s)
                    WHERE level = 'error'""",
                (function.oid, table, function.old_table, function.new_table),
            )
            found += [row[0] for row in rows]
        found += [message for _, message in failures]
    return sorted(set(found))


def _checker_is_there(conn: Connection) -> bool:
    return conn.execute("SELECT FROM pg_catalog.pg_extension WHERE extname = 'plpgsql_check'").fetchone() is not None


def _static_queries(text: str) -> list[str]:
    """The queries in a PL/pgSQL body, without those of EXECUTE. None without the extra `check`."""
    try:
        from vuelo.check.grammar import PgQueryError, plpgsql  # noqa: PLC0415  an extra
    except ImportError:
        return []
    try:
        tree = plpgsql(text)
    except PgQueryError:  # the grammar of another version than the server's, which has said yes
        return []
    found: list[str] = []
    _collect(tree, found)
    return found


def _collect(node: Any, found: list[str]) -> None:
    if isinstance(node, list):
        for child in cast("list[Any]", node):
            _collect(child, found)
    elif isinstance(node, dict):
        for key, child in cast("dict[str, Any]", node).items():
            if key == "PLpgSQL_expr":
                query = str(child.get("query", ""))
                if _STATIC.match(query):
                    found.append(query)
                elif "select" in query.lower():
                    found.append(f"SELECT {_TARGET.sub('', query, count=1)}")
            elif key not in ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"):
                _collect(child, found)


@contextmanager
def _tried(
    conn: Connection, schema: str | None = None, function: _Function | None = None
) -> Generator[list[tuple[str | None, str]]]:
    """What goes wrong inside, in a transaction that is rolled back, with the settings that the function would have."""
    failures: list[tuple[str | None, str]] = []
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("SET LOCAL check_function_bodies = on")
            if function is not None:
                path = function.search_path or f'"{schema}", public'
                conn.execute("SELECT set_config('search_path', %s, true)", (path,))
            yield failures
    except psycopg.Error as error:
        failures.append((error.diag.sqlstate, error.diag.message_primary or str(error).strip()))
