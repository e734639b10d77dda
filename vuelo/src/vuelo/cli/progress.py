"""A bar a service while a run goes on; a line a script where nobody looks at a terminal."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from vuelo.project import Project
from vuelo.report import talk
from vuelo.session import Progress


@contextmanager
def watching(project: Project) -> Generator[Callable[[Progress], None]]:
    """A watcher to hand to a run. It may be called from several threads."""
    if not talk.is_terminal:
        yield _print_line
        return
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
                script=progress.script or "",
            )

        yield update


def telling(service: str, text: str) -> None:
    """What a run has to say besides its progress: whom it waits for, what it tries again or cleans up."""
    talk.print(f"{service}: {text}", markup=False, highlight=False, soft_wrap=True)


def _print_line(progress: Progress) -> None:
    if progress.script:
        text = f"{progress.service}: {progress.done + 1}/{progress.total} {progress.script}"
        talk.print(text, markup=False, highlight=False, soft_wrap=True)
