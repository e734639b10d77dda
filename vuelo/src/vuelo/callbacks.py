"""Scripts that run when something happens: `beforeMigrate.sql`, `afterEachMigrate__log.sql`; names and order of Flyway.

Those of an operation run in a transaction of their own, those of each migration in that migration's.
"""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

import psycopg

from vuelo.errors import ScriptError, VueloError
from vuelo.migration import Callback
from vuelo.patience import patiently
from vuelo.scripts import Hooks, Site, run_script, runs_alone, script_error
from vuelo.session import forget_session, start_session


def fire(site: Site, event: str) -> None:
    """Run the callbacks of an event, each in a transaction of its own where it can have one.

    What they SET does not stay.
    """
    called = [one for one in site.callbacks if one.event == event]
    for callback in called:
        try:
            if runs_alone(site, callback):
                start_session(site.conn, site.service)
                run_script(site, callback, Hooks(), in_transaction=False)
            else:
                patiently(site, callback.path.name, partial(_run_in_transaction, site, callback))
        except psycopg.Error as error:  # the commit, with what was deferred
            failure = script_error(error, None)
            failure.path = callback.path
            raise failure from error
    if called and not site.service.settings.pooler:
        start_session(site.conn, site.service)


def _run_in_transaction(site: Site, callback: Callback) -> None:
    with site.conn.transaction():
        start_session(site.conn, site.service)
        run_script(site, callback, Hooks(), in_transaction=True)
        if site.service.settings.pooler:
            forget_session(site.conn)


def fire_inside(site: Site, event: str) -> None:
    """Run the callbacks of an event in the transaction that is open, with the settings that it has."""
    for callback in (one for one in site.callbacks if one.event == event):
        run_script(site, callback, Hooks(), in_transaction=True)


def fire_creation(site: Site) -> None:
    """Before schemas are made, and where they are there already, as Flyway does."""
    if site.service.settings.create_schemas:
        fire(site, "createSchema")
        fire(site, "beforeCreateSchema")


@contextmanager
def around(site: Site, operation: str, *, finishes: bool = True) -> Generator[list[str]]:
    """The callbacks of an operation, such as Migrate. Those after an error cannot hide it: theirs is told.

    Gives a list for further events, which come when it has ended well. An operation that is part of another has no
    event for its end, nor has one that failed.
    """
    then: list[str] = []
    fire(site, f"before{operation}")
    try:
        yield then
    except (VueloError, psycopg.Error):
        _fire_after_error(site, f"after{operation}Error")
        raise
    then.append(f"after{operation}")
    if finishes:
        then.append(f"after{operation}OperationFinish")
    for event in then:
        fire(site, event)


@contextmanager
def around_each(site: Site, what: str) -> Generator[None]:
    """The callbacks of one migration or statement, such as EachMigrate, in its transaction."""
    if not site.callbacks:
        yield
        return
    fire_inside(site, f"before{what}")
    yield
    fire_inside(site, f"after{what}")


def _fire_after_error(site: Site, event: str) -> None:
    if site.conn.closed:
        return
    try:
        fire(site, event)
    except VueloError as error:
        where = f" ({error.path})" if isinstance(error, ScriptError) and error.path else ""
        site.run.tell(site.service.name, f"{event} failed too: {error.message}{where}")


def fire_each_error(site: Site, what: str, *, in_statement: bool) -> None:
    """After a migration, such as EachMigrate, that failed and was rolled back: outside its transaction.

    Flyway calls them inside, where PostgreSQL takes no statement any more.
    """
    if in_statement:
        _fire_after_error(site, f"after{what}StatementError")
    _fire_after_error(site, f"after{what}Error")
