"""`vuelo info`: what was applied, what would be."""

from vuelo import run
from vuelo.cli.options import (
    DEFAULT_CONFIG,
    Config,
    Environment,
    Json,
    OutOfOrder,
    Services,
    Target,
    load,
    print_json,
    target_in,
)
from vuelo.report import plan_data, show_plans, show_problems


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    target: Target = None,
    out_of_order: OutOfOrder = False,
    as_json: Json = False,
) -> None:
    """Show every migration with its state, and below them what would stop migrate. Changes nothing."""
    project = load(config, environment, service)
    plans = run.info(project, target=target_in(target), out_of_order=out_of_order or None)
    if as_json:
        print_json({"services": [plan_data(name, plan) for name, plan in plans.items()]})
    else:
        show_plans(plans)
        show_problems(plans, only_blocking=True)
