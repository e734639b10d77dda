"""The SQL that a run would send, as a script that psql could run: nothing is changed.

What only the server can know is written as the question that the run would ask it (the next rank, the time).
"""

from collections.abc import Iterator

from psycopg import sql

from vuelo import history, sidelog
from vuelo.apply import Work
from vuelo.executor import planned_work, refuse_problems, site_of, undo_work
from vuelo.history import NewRow
from vuelo.migration import Callback, RowType, Script
from vuelo.naming import Version
from vuelo.project import Service
from vuelo.scripts import Site, runs_alone
from vuelo.session import Run, connected, session_sql


def migrate_sql(service: Service, run: Run) -> list[str]:
    """Raises VueloError as `migrate` would before its first step."""
    with connected(service, run) as conn:
        site, found = site_of(conn, service, run)
        plan, works = planned_work(site, found)
        refuse_problems(service, plan)
        return [*_preparation(site), *(line for work in works for line in _work(site, work))]


def undo_sql(service: Service, run: Run, *, steps: int | None, target: Version | None) -> list[str]:
    """Raises VueloError as `undo` would before its first step."""
    with connected(service, run) as conn:
        site, found = site_of(conn, service, run)
        return [line for work in undo_work(site, found, steps, target) for line in _work(site, work)]


def _preparation(site: Site) -> Iterator[str]:
    """What makes the schema and the tables of vuelo, where they are not there yet."""
    if not history.exists(site.conn, site.table):
        yield f"-- {site.service.name}: the schema and its history\n"
        yield "BEGIN;\n"
        if not history.schema_exists(site.conn, site.service.schema):
            yield _text(site, sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(site.service.schema)))
        for statement in history.table_ddl(site.table):
            yield _text(site, statement)
        if not history.schema_exists(site.conn, site.service.schema):
            row = NewRow(None, "<< Flyway Schema Creation >>", RowType.SCHEMA, f'"{site.service.schema}"', None)
            yield _text(site, history.insert_sql(site.table, row))
        yield "COMMIT;\n\n"
    if not history.exists(site.conn, sidelog.table_beside(site.table)):
        yield _text(site, sidelog.ddl(site.table))
        yield "\n"


def _work(site: Site, work: Work) -> Iterator[str]:
    alone = runs_alone(site, work.script)
    yield f"-- {site.service.name}: {work.script.script}{', without a transaction' if alone else ''}\n"
    yield "" if alone else "BEGIN;\n"
    yield _text(site, session_sql(site.service))
    yield from _callbacks(site, f"before{work.operation}")
    yield from _script(site, work.script)
    yield _text(site, session_sql(site.service))
    yield from _callbacks(site, f"after{work.operation}")
    for row in work.rows:
        yield _text(site, history.insert_sql(site.table, row))
    yield "\n" if alone else "COMMIT;\n\n"


def _callbacks(site: Site, event: str) -> Iterator[str]:
    for callback in (one for one in site.callbacks if one.event == event):
        yield from _script(site, callback)


def _script(site: Site, script: Script | Callback) -> Iterator[str]:
    if not site.service.settings.skip_executing_migrations:
        with site.lines(script) as lines:
            yield from (line.removeprefix("\ufeff") for line in lines)
        yield "\n;\n"  # a last statement need not have one


def _text(site: Site, statement: sql.Composed) -> str:
    return statement.as_string(site.conn) + ";\n"
