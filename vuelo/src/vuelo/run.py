"""The commands over all services of a project, side by side: each has its own schema, history and connection.

Four at a time: while four wait for a lock, the others have not begun.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from threading import Lock
from time import monotonic
from typing import Literal, TypedDict, TypeVar, Unpack

import psycopg

from vuelo import embedded, executor, preview
from vuelo.apply import Step
from vuelo.counting import counted
from vuelo.errors import VueloError
from vuelo.executor import Result
from vuelo.history import Connection
from vuelo.naming import Version
from vuelo.plan import Plan, UndoStep
from vuelo.project import Project, Service
from vuelo.session import Progress, Run
from vuelo.settings import Phase
from vuelo.target import target_of

_Answer = TypeVar("_Answer")
Watch = Callable[[Progress], None]
Tell = Callable[[str, str], None]
_MOST_AT_ONCE = 4  # more wait for one another in this process and are a cold start each in the server
_NOTHING = Version.parse("0")  # as the target of an undo: nothing is left


class MigrateSettings(TypedDict, total=False):
    """Settings that one run may have otherwise; what they mean stands at `vuelo.settings.Settings`."""

    target: str | None
    cherry_pick: tuple[str, ...] | None
    out_of_order: bool | None
    phase: Phase | None
    ignore_migration_patterns: tuple[str, ...] | None
    skip_executing_migrations: bool | None
    group: bool | None


def _unwatched(progress: Progress) -> None:
    pass


def _unheard(service: str, text: str) -> None:
    pass


class RunFailedError(VueloError):
    """At least one service failed; `results` tell of all of them, those that went well too."""

    def __init__(self, results: list[Result]) -> None:
        failed = [result.service for result in results if result.error]
        super().__init__(
            "run.failed", f"{len(failed)} of {counted(len(results), 'service')} failed: {', '.join(failed)}"
        )
        self.results = results


def migrate(
    project: Project, *, watch: Watch = _unwatched, tell: Tell = _unheard, **changed: Unpack[MigrateSettings]
) -> list[Result]:
    """Bring every service up to date, four at a time. Raises RunFailedError after all have ended.

    `changed` are settings for this run alone. Raises VueloError, before any service is touched: `target.unknown` when
    none of them has the version that is the target, `cherry_pick.unknown`.
    """
    with reachable(project.changed(**changed)) as reached:
        refuse_unknown_target(reached)
        return _stepwise(_picked(reached), Run(watch, tell=tell), executor.migrate, "migrate")


def undo(
    project: Project,
    *,
    steps: int | None = 1,
    target: Version | str | None = None,
    watch: Watch = _unwatched,
    tell: Tell = _unheard,
) -> list[Result]:
    """Take back the newest `steps` migrations of every service, or all down to and including `target`.

    No service is touched while another lacks an undo script. Raises RunFailedError.
    """
    lowest = _version(target)
    with reachable(project) as reached:
        plan_undo(reached, steps=steps, target=lowest)
        run = Run(watch, tell=tell)
        return _stepwise(
            reached, run, lambda service, run: executor.undo(service, run, steps=steps, target=lowest), "undo"
        )


def migrate_sql(project: Project, **changed: Unpack[MigrateSettings]) -> dict[str, list[str]]:
    """What `migrate` would send, by service, in pieces of a script. Raises VueloError as `migrate` would."""
    with reachable(project.changed(**changed)) as reached:
        refuse_unknown_target(reached)
        return side_by_side(_picked(reached).services, Run(), preview.migrate_sql)


def undo_sql(project: Project, *, steps: int | None = 1, target: Version | str | None = None) -> dict[str, list[str]]:
    """What `undo` would send, by service, in pieces of a script. Raises VueloError as `undo` would."""
    lowest = _version(target)
    with reachable(project) as reached:
        plan_undo(reached, steps=steps, target=lowest)
        return side_by_side(
            reached.services, Run(), lambda service, run: preview.undo_sql(service, run, steps=steps, target=lowest)
        )


def plan_undo(
    project: Project, *, steps: int | None = 1, target: Version | str | None = None
) -> dict[str, tuple[UndoStep, ...]]:
    """What `undo` would take back, by service. Raises VueloError `undo.*`, `target.unknown`."""
    lowest = _version(target)
    with reachable(project) as reached:
        if lowest is not None and lowest != _NOTHING:
            _refuse_unknown(lowest, reached)
        return side_by_side(
            reached.services,
            Run(),
            lambda service, run: executor.inspect_undo(service, run, steps=steps, target=lowest),
        )


def info(
    project: Project, *, command: Literal["Info", "Validate"] | None = None, **changed: Unpack[MigrateSettings]
) -> dict[str, Plan]:
    """Each service's plan by its name; nothing is changed. `validate` is this with an eye on the problems.

    With `command` that command's callbacks run.
    """
    with reachable(project.changed(**changed)) as reached:
        return side_by_side(reached.services, Run(), lambda service, run: executor.inspect(service, run, command))


def _picked(project: Project) -> Project:
    """Where migrations are picked: the services that have one of them, each with its own. Raises VueloError
    `cherry_pick.unknown` for one that no service has.
    """
    wanted = {text for service in project.services for text in service.settings.cherry_pick}
    if not wanted:
        return project
    picks = side_by_side(project.services, Run(), executor.own_picks)
    unknown = sorted(wanted.difference(*picks.values()))
    if unknown:
        message = f"there is no migration {', '.join(unknown)} to pick"
        raise VueloError("cherry_pick.unknown", message, "name versions, or descriptions of repeatable migrations")
    services = (
        replace(service, settings=replace(service.settings, cherry_pick=picks[service.name]))
        for service in project.services
        if picks[service.name]
    )
    return replace(project, services=tuple(services))


def _version(target: Version | str | None) -> Version | None:
    return Version.parse(target) if isinstance(target, str) else target


def refuse_unknown_target(project: Project) -> None:
    """Raises VueloError `target.unknown` for a version, without a question mark, that nothing has."""
    for text in {service.settings.target for service in project.services}:
        target = target_of(text)
        if target.version is not None and target.must_exist:
            _refuse_unknown(target.version, project)


def _refuse_unknown(target: Version, project: Project) -> None:
    """A version that no file and no history has is a slip, which would run, or undo, too much."""
    known = set[Version]().union(*side_by_side(project.services, Run(), executor.known_versions).values())
    if target not in known:
        listed = ", ".join(str(version) for version in sorted(known)) or "none"
        raise VueloError("target.unknown", f"no migration has the version {target}", f"there are {listed}")


@contextmanager
def reachable(project: Project) -> Generator[Project]:
    """The project with every `embedded:` address replaced by that of a running server."""
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        for url in sorted({service.url for service in project.services if embedded.is_address(service.url)}):
            urls[url] = stack.enter_context(embedded.reached(url, project.base))
        yield replace(
            project,
            services=tuple(replace(service, url=urls.get(service.url, service.url)) for service in project.services),
        )


def _stepwise(project: Project, run: Run, work: Callable[[Service, Run], Iterator[Step]], command: str) -> list[Result]:
    def one(service: Service, run: Run) -> Result:
        started = monotonic()
        steps: list[Step] = []
        error: VueloError | None = None
        try:
            for step in work(service, run):
                steps.append(step)
                if run.stop.is_set():
                    raise VueloError("interrupted", "stopped before the next migration")
        except VueloError as caught:
            error = caught
        except psycopg.Error as caught:
            error = VueloError("database", str(caught).strip() or type(caught).__name__)
        if error is not None and error.uncertain and steps:
            unsure = f"whether {', '.join(step.script for step in steps)} stayed is not certain: look at vuelo info"
            error.hint = f"{error.hint}; {unsure}" if error.hint else unsure
            steps.clear()
        return Result(service.name, service.schema, tuple(steps), round((monotonic() - started) * 1000), error)

    with reachable(project) as reached:
        results = list(side_by_side(reached.services, run, one).values())
        if any(service.settings.webhook or service.settings.metrics_file for service in reached.services):
            alerts = import_module("vuelo.watch.alerts")  # with HTTP and all: only where it is wanted
            alerts.alert(reached, results, command)
    if any(result.error for result in results):
        raise RunFailedError(results)
    return results


def side_by_side(
    services: tuple[Service, ...], run: Run, work: Callable[[Service, Run], _Answer]
) -> dict[str, _Answer]:
    """Run `work` for every service, in threads. Ctrl-C cancels what runs in the database, then passes on."""
    connections: list[Connection] = []
    guard = Lock()

    def opened(connection: Connection) -> None:
        with guard:
            connections.append(connection)

    run = replace(run, opened=opened)
    with ThreadPoolExecutor(max_workers=_MOST_AT_ONCE) as pool:
        futures = {service.name: pool.submit(work, service, run) for service in services}
        try:
            return {name: future.result() for name, future in futures.items()}
        except KeyboardInterrupt:
            run.stop.set()
            for future in futures.values():
                future.cancel()
            with guard:
                for connection in connections:
                    if not connection.closed:
                        with suppress(psycopg.Error):  # the next one is to be cancelled all the same
                            connection.cancel_safe(timeout=5)
            raise
