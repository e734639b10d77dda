"""`vuelo undo`: take migrations back by their U files."""

from typing import Annotated

import typer

from vuelo import run
from vuelo.cli.confirm import Yes, confirm
from vuelo.cli.options import (
    DEFAULT_CONFIG,
    Config,
    DryRun,
    Environment,
    Json,
    Lowest,
    Services,
    load,
    print_json,
    print_sql,
    version_of,
)
from vuelo.cli.progress import telling, watching
from vuelo.report import answer, talk
from vuelo.results import result_data, show_results

Steps = Annotated[int, typer.Option("--steps", min=1, help="How many migrations of each service.")]


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    steps: Steps = 1,
    target: Lowest = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Undo the newest migrations, or all down to and including --target (0: every one). Data in dropped tables is lost.

    Repeatable migrations that ran since run again with the next migrate.
    """
    project = load(config, environment, service)
    lowest = version_of(target)
    if dry_run:
        print_sql(run.undo_sql(project, steps=steps, target=lowest), as_json=as_json)
        return
    with run.reachable(project) as reached:
        todo = run.plan_undo(reached, steps=steps, target=lowest)
        for name, undo_steps in todo.items():
            for step in undo_steps:
                text = f"{name}: {step.row.script} is taken back by {step.script.path.name}"
                talk.print(text, markup=False, highlight=False, soft_wrap=True)
        if not any(todo.values()):
            results = []
        else:
            confirm(reached, yes=yes)
            with watching(reached) as watch:
                results = run.undo(reached, steps=steps, target=lowest, watch=watch, tell=telling)
    if as_json:
        print_json({"services": [result_data(result) for result in results]})
    elif results:
        show_results(results, "Undone")
    else:
        answer.print("nothing to undo")
