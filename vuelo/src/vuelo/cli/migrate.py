"""`vuelo migrate`: bring every service up to date."""

from typing import Annotated

import typer

from vuelo import run
from vuelo.cli.options import (
    DEFAULT_CONFIG,
    Config,
    DryRun,
    Environment,
    Json,
    OutOfOrder,
    Services,
    Target,
    load,
    print_json,
    print_sql,
    target_in,
)
from vuelo.cli.progress import telling, watching
from vuelo.results import result_data, show_results
from vuelo.settings import Phase

CherryPick = Annotated[
    list[str] | None,
    typer.Option("--cherry-pick", help="Only this version, or repeatable by description; may be given again."),
]
PhaseOption = Annotated[
    Phase | None, typer.Option("--phase", help="contract: also what is kept back until no old code runs.")
]
Group = Annotated[bool, typer.Option("--group", help="All pending migrations in one transaction.")]
Skip = Annotated[bool, typer.Option("--skip-executing", help="Only record the migrations as done, without running.")]


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    target: Target = None,
    out_of_order: OutOfOrder = False,
    cherry_pick: CherryPick = None,
    phase: PhaseOption = None,
    group: Group = False,
    skip_executing: Skip = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Apply pending versioned migrations in order, then new and changed repeatable ones; services side by side."""
    project = load(config, environment, service)
    changed = run.MigrateSettings(
        target=target_in(target),
        cherry_pick=tuple(cherry_pick) if cherry_pick else None,
        out_of_order=out_of_order or None,
        phase=phase,
        group=group or None,
        skip_executing_migrations=skip_executing or None,
    )
    if dry_run:
        print_sql(run.migrate_sql(project, **changed), as_json=as_json)
        return
    with watching(project) as watch:
        results = run.migrate(project, watch=watch, tell=telling, **changed)
    if as_json:
        print_json({"services": [result_data(result) for result in results]})
    else:
        show_results(results, "Applied")
