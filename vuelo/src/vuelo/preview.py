"""The SQL that a run would send, as a script that psql can run: nothing is changed.

What only the server can know is written as the question that the run would ask it (the next rank, the time).
"""

from collections.abc import Iterator, Sequence

from psycopg import sql

from vuelo import creation, history, sidelog
from vuelo.apply import Work, goes_alone, record_sql
from vuelo.executor import planned_work, refuse_problems, site_of, undo_work
from vuelo.migration import Callback, Script
from vuelo.naming import Version
from vuelo.project import Service
from vuelo.scripts import Site, runs_alone
from vuelo.session import Run, connected, session_sql
from vuelo.statements import split

_STOP_AT_ERRORS = "\\set ON_ERROR_STOP on\n\n"


def migrate_sql(service: Service, run: Run) -> list[str]:
    """Raises VueloError as `migrate` would before its first step."""
    with connected(service, run) as conn:
        site, found = site_of(conn, service, run)
        begins = not history.exists(conn, site.table)
        assumed = creation.assumed_rows(conn, site.table, service.settings) if begins else None
        plan, works = planned_work(site, found, assumed)
        refuse_problems(service, plan)
        return [_STOP_AT_ERRORS, *_migrate(site, works)]


def undo_sql(service: Service, run: Run, *, steps: int | None, target: Version | None) -> list[str]:
    """Raises VueloError as `undo` would before its first step."""
    with connected(service, run) as conn:
        site, found = site_of(conn, service, run)
        works = undo_work(site, found, steps, target)
        if not works:
            return []
        events = [*_fired(site, "afterConnect"), *_log_table(site), *_fired(site, "beforeUndo")]
        pieces = [piece for work in works for piece in _work(site, work)]
        return [_STOP_AT_ERRORS, *events, *pieces, *_fired(site, "afterUndo", "afterUndoOperationFinish")]


def _migrate(site: Site, works: Sequence[Work]) -> Iterator[str]:
    settings = site.service.settings
    yield from _fired(site, "afterConnect")
    if settings.validate_on_migrate and history.schema_exists(site.conn, site.service.schema):
        yield from _fired(site, "beforeValidate", "afterValidate")
    if settings.create_schemas:
        yield from _fired(site, "createSchema", "beforeCreateSchema")
    if not history.exists(site.conn, site.table):
        yield f"-- {site.service.name}: the schema and its history\nBEGIN;\n{_text(site, session_sql(site.service))}"
        yield from (_text(site, one) for one in creation.begin_sql(site.conn, site.table, settings))
        yield "COMMIT;\n\n"
    yield from _log_table(site)
    yield from _fired(site, "beforeMigrate")
    if settings.group and works:
        yield from _group(site, works)
    else:
        yield from (piece for work in works for piece in _work(site, work))
    if not any(work.events for work in works):
        yield from _fired(site, "afterVersioned")
    if works:
        yield from _fired(site, "afterMigrateApplied")
    yield from _fired(site, "afterMigrate", "afterMigrateOperationFinish")


def _log_table(site: Site) -> Iterator[str]:
    if not history.exists(site.conn, sidelog.table_beside(site.table)):
        yield f"BEGIN;\n{_text(site, session_sql(site.service))}"
        yield from (_text(site, one) for one in sidelog.ddl(site.table))
        yield "COMMIT;\n\n"


def _group(site: Site, works: Sequence[Work]) -> Iterator[str]:
    yield "BEGIN;\n"
    for work in works:
        for event in work.events:
            yield _text(site, session_sql(site.service))
            yield from _called(site, event)
        yield from _run_and_recorded(site, work)
    yield "COMMIT;\n\n"


def _work(site: Site, work: Work) -> Iterator[str]:
    yield from _fired(site, *work.events)
    alone = goes_alone(site, work)
    yield f"-- {site.service.name}: {work.script.script}{', without a transaction' if alone else ''}\n"
    yield "" if alone else "BEGIN;\n"
    yield from _run_and_recorded(site, work, alone=alone)
    yield "\n" if alone else "COMMIT;\n\n"


def _run_and_recorded(site: Site, work: Work, *, alone: bool = False) -> Iterator[str]:
    ours = _text(site, session_sql(site.service, "0" if alone else None))
    statements = 0
    yield ours
    if not site.service.settings.skip_executing_migrations:
        yield from _called(site, f"before{work.operation}")
        yield from _script(site, work.script)
        yield ours
        yield from _called(site, f"after{work.operation}")
        yield ours
        with site.lines(work.script) as lines:
            statements = sum(1 for _ in split(lines))
    for row in work.rows:
        yield _text(site, record_sql(site.table, work, row, statements))


def _fired(site: Site, *events: str) -> Iterator[str]:
    """The callbacks of events that have a transaction of their own."""
    for callback in (one for event in events for one in site.callbacks if one.event == event):
        alone = runs_alone(site, callback)
        yield f"-- {site.service.name}: {callback.path.name}\n"
        yield "" if alone else "BEGIN;\n"
        yield _text(site, session_sql(site.service))
        yield from _script(site, callback)
        yield "\n" if alone else "COMMIT;\n\n"


def _called(site: Site, event: str) -> Iterator[str]:
    for callback in (one for one in site.callbacks if one.event == event):
        yield from _script(site, callback)


def _script(site: Site, script: Script | Callback) -> Iterator[str]:
    with site.lines(script) as lines:
        yield from (line.removeprefix("\ufeff") for line in lines)
    yield "\n;\n"  # a last statement need not have one


def _text(site: Site, statement: sql.Composed) -> str:
    return statement.as_string(site.conn) + ";\n"
