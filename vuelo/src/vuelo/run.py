"""The commands over all services of a project, side by side: each has its own schema, history and connection."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from threading import Lock
from time import monotonic
from typing import TypeVar

import psycopg

from vuelo import embedded, executor
from vuelo.errors import VueloError
from vuelo.executor import Result, Step
from vuelo.history import Connection
from vuelo.naming import Version
from vuelo.plan import Plan, UndoStep
from vuelo.project import Project, Service
from vuelo.session import Progress, Run

_Answer = TypeVar("_Answer")
_MOST_AT_ONCE = 16
_NOTHING = Version.parse("0")  # as the target of an undo: nothing is left


class RunFailedError(VueloError):
    """At least one service failed; `results` tell of all of them, those that went well too."""

    def __init__(self, results: list[Result]) -> None:
        failed = [result.service for result in results if result.error]
        super().__init__("run.failed", f"{len(failed)} of {len(results)} services failed: {', '.join(failed)}")
        self.results = results


def migrate(
    project: Project,
    *,
    target: Version | None = None,
    out_of_order: bool = False,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> list[Result]:
    """Bring every service up to date, all at once. Raises RunFailedError after all have ended.

    Raises VueloError `target.unknown`, before any is touched, when none of them has the version `target`.
    """
    with reachable(project) as reached:
        if target is not None:
            _refuse_unknown(target, reached)
        return _stepwise(
            reached,
            watch,
            lambda service, run: executor.migrate(service, run, target=target, out_of_order=out_of_order),
        )


def undo(
    project: Project,
    *,
    steps: int | None = 1,
    target: Version | None = None,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> list[Result]:
    """Take back the newest `steps` migrations of every service, or all down to and including `target`.

    No service is touched while another lacks an undo script. Raises RunFailedError.
    """
    with reachable(project) as reached:
        plan_undo(reached, steps=steps, target=target)
        return _stepwise(reached, watch, lambda service, run: executor.undo(service, run, steps=steps, target=target))


def plan_undo(
    project: Project, *, steps: int | None = 1, target: Version | None = None
) -> dict[str, tuple[UndoStep, ...]]:
    """What `undo` would take back, by service. Raises VueloError `undo.*`, `target.unknown`."""
    with reachable(project) as reached:
        if target is not None and target != _NOTHING:
            _refuse_unknown(target, reached)
        return side_by_side(
            reached.services,
            Run(),
            lambda service, run: executor.inspect_undo(service, run, steps=steps, target=target),
        )


def info(project: Project, *, target: Version | None = None, out_of_order: bool = False) -> dict[str, Plan]:
    """Each service's plan by its name; nothing is changed. `validate` is this with an eye on the problems."""
    with reachable(project) as reached:
        return side_by_side(
            reached.services,
            Run(),
            lambda service, run: executor.inspect(service, run, target=target, out_of_order=out_of_order),
        )


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


def _stepwise(
    project: Project, watch: Callable[[Progress], None], work: Callable[[Service, Run], Iterator[Step]]
) -> list[Result]:
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
        return Result(service.name, service.schema, tuple(steps), round((monotonic() - started) * 1000), error)

    with reachable(project) as reached:
        results = list(side_by_side(reached.services, Run(watch), one).values())
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
