"""`vuelo validate`: do the files and the history agree?"""

import typer

from vuelo import run
from vuelo.cli.options import DEFAULT_CONFIG, Config, Environment, Json, OutOfOrder, Services, load, print_json
from vuelo.report import answer, plan_data, show_problems


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    out_of_order: OutOfOrder = False,
    as_json: Json = False,
) -> None:
    """Report changed, renamed, missing, duplicate, misnamed and not yet applied migrations; exit 1 if there are any."""
    plans = run.info(load(config, environment, service), out_of_order=out_of_order or None)
    has_problems = any(plan.problems for plan in plans.values())
    if as_json:
        print_json({"valid": not has_problems, "services": [plan_data(name, plan) for name, plan in plans.items()]})
    elif has_problems:
        show_problems(plans)
    else:
        applied = sum(len(plan.entries) for plan in plans.values())
        answer.print(f"{len(plans)} services, {applied} migrations: files and history agree")
    raise typer.Exit(1 if has_problems else 0)
