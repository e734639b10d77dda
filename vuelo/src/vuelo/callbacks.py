"""Scripts that run when something happens: `beforeMigrate.sql`, `afterEachMigrate__log.sql`; names and order of Flyway.

Those of an operation run in a transaction of their own, those of each migration in that migration's.
"""

from collections.abc import Generator
from contextlib import contextmanager

import psycopg

from vuelo.errors import ScriptError, VueloError
from vuelo.scripts import Hooks, Site, run_script, runs_alone, script_error
from vuelo.session import start_session


def fire(site: Site, event: str) -> None:
    """Run the callbacks of an event, each in a transaction of its own where it can have one."""
    for callback in (one for one in site.callbacks if one.event == event):
        try:
            if runs_alone(site, callback):
                start_session(site.conn, site.service)
                run_script(site, callback, Hooks(), in_transaction=False)
            else:
                with site.conn.transaction():
                    start_session(site.conn, site.service)
                    run_script(site, callback, Hooks(), in_transaction=True)
        except psycopg.Error as error:  # the commit, with what was deferred
            failure = script_error(error, None)
            failure.path = callback.path
            raise failure from error


def fire_inside(site: Site, event: str) -> None:
    """Run the callbacks of an event in the transaction that is open, with the settings that it has."""
    for callback in (one for one in site.callbacks if one.event == event):
        run_script(site, callback, Hooks(), in_transaction=True)


@contextmanager
def around(site: Site, operation: str) -> Generator[None]:
    """The callbacks of an operation, such as Migrate. Those after an error cannot hide it: theirs is told."""
    fire(site, f"before{operation}")
    try:
        yield
        fire(site, f"after{operation}")
    except (VueloError, psycopg.Error):
        _fire_after_error(site, f"after{operation}Error")
        _fire_after_error(site, f"after{operation}OperationFinish")
        raise
    fire(site, f"after{operation}OperationFinish")


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


def fire_each_error(site: Site, operation: str) -> None:
    """After a migration that failed and was rolled back: outside its transaction."""
    _fire_after_error(site, f"afterEach{operation}Error")
