"""For an application's start: is the schema the one that this code was written for?"""

from collections.abc import Sequence
from pathlib import Path

from vuelo import run
from vuelo.errors import VueloError
from vuelo.plan import Plan
from vuelo.project import Project
from vuelo.states import IS_FUTURE


def require_current(
    project: Project | Path | str, services: Sequence[str] | None = None, *, allow_newer: bool = True
) -> None:
    """Return when every migration that this code has is applied; else raise VueloError `not_current`.

    A schema that is further on is fine, because in a rolling deployment the old code meets it, unless `allow_newer` is
    false. Migrations of the contract phase that are kept back are not missed. It reads the history and writes nothing:
    a role that may read the table is enough. An async application calls it in a thread.
    """
    loaded = project if isinstance(project, Project) else Project.load(Path(project))
    plans = run.info(loaded.only(list(services or [])))
    lacking = {name: _lacks(plan, allow_newer=allow_newer) for name, plan in plans.items()}
    told = [f"{name}: {'; '.join(texts)}" for name, texts in lacking.items() if texts]
    if told:
        message = "the database is not what this code expects: " + "\n".join(told)
        raise VueloError("not_current", message, "vuelo migrate; `vuelo info` shows more")


def _lacks(plan: Plan, *, allow_newer: bool) -> list[str]:
    newer = [entry.row.script for entry in plan.entries if entry.row and entry.state in IS_FUTURE]
    return [
        *([f"{', '.join(script.script for script in plan.pending)} not applied"] if plan.pending else []),
        *(problem.message for problem in plan.problems if problem.blocks and problem.code != "future"),
        *([f"{', '.join(newer)} applied, unknown to this code"] if newer and not allow_newer else []),
    ]
