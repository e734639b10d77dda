"""A bar a service while a run goes on; lines where nobody looks at a terminal."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic

from vuelo.project import Project
from vuelo.session import Progress
from vuelo.watch.blockers import duration

_LINE_EVERY_S = 15.0


@contextmanager
def watching(project: Project) -> Generator[Callable[[Progress], None]]:
    """A watcher to hand to a run. It may be called from several threads."""
    if not sys.stderr.isatty():
        yield _printing()
        return
    with _bars(project) as watch:
        yield watch


@contextmanager
def _bars(project: Project) -> Generator[Callable[[Progress], None]]:
    # rich takes longer to import than a run with nothing to do.
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    from vuelo.report import talk  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn(" {task.fields[script]}", markup=False),
    )  # fmt: skip
    with Bars(*columns, console=talk) as bars:
        tasks = {service.name: bars.add_task(service.name, total=None, script="") for service in project.services}

        def update(progress: Progress) -> None:
            bars.update(
                tasks[progress.service],
                total=max(progress.total, 1),
                completed=progress.done if progress.total else 1,
                script="; ".join([progress.script, *_details(progress)]) if progress.script else "",
            )

        yield update


def telling(service: str, text: str) -> None:
    """What a run has to say besides its progress: whom it waits for, what it tries again or cleans up."""
    sys.stderr.write(f"{service}: {text}\n")


def _printing() -> Callable[[Progress], None]:
    """A line when a script begins, and one every now and then while it runs."""
    begun: dict[str, tuple[str | None, float]] = {}
    said: dict[str, float] = {}

    def update(progress: Progress) -> None:
        service, now = progress.service, monotonic()
        script, since = begun.get(service, (None, now))
        if progress.script != script:
            begun[service], said[service] = (progress.script, now), now
            if progress.script:
                telling(service, f"{progress.done + 1}/{progress.total} {progress.script}")
        elif progress.script and now - said[service] >= _LINE_EVERY_S:
            said[service] = now
            telling(service, "; ".join([f"{progress.script} has run for {duration(now - since)}", *_details(progress)]))

    return update


def _details(progress: Progress) -> list[str]:
    last = f"last time {duration(progress.expected_ms / 1000)}" if progress.expected_ms is not None else ""
    done = f"{progress.statements:,} statements done, to line {progress.line:,}" if progress.statements else ""
    return [text for text in (last, done, progress.doing) if text]
