"""`vuelo validate`: do the files and the history agree?"""

import typer

from vuelo import run
from vuelo.cli.options import (
    DEFAULT_CONFIG,
    Config,
    Environment,
    Ignore,
    Json,
    OutOfOrder,
    Services,
    Target,
    ignored,
    load,
    print_json,
    target_in,
)
from vuelo.counting import counted
from vuelo.report import answer, plan_data, show_problems


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    target: Target = None,
    out_of_order: OutOfOrder = False,
    ignore: Ignore = None,
    as_json: Json = False,
) -> None:
    """Report changed, renamed, missing, failed, duplicate, misnamed and not yet applied migrations; exit 1 if any."""
    project = load(config, environment, service)
    plans = run.info(
        project,
        command="Validate",
        target=target_in(target),
        out_of_order=out_of_order or None,
        ignore_migration_patterns=ignored(ignore),
    )
    has_problems = any(plan.problems for plan in plans.values())
    if as_json:
        services = [plan_data(one, plans[one.name]) for one in project.services]
        print_json({"valid": not has_problems, "services": services})
    elif has_problems:
        show_problems(plans)
    else:
        applied = sum(len(plan.entries) for plan in plans.values())
        answer.print(f"{counted(len(plans), 'service')}, {counted(applied, 'migration')}: files and history agree")
    raise typer.Exit(1 if has_problems else 0)
