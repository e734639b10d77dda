"""`vuelo info`: what was applied, what would be."""

from datetime import datetime
from typing import Annotated

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
    version_of,
)
from vuelo.report import plan_data, show_plans, show_problems
from vuelo.selection import Selection
from vuelo.states import State

_DATES = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M"]

SinceVersion = Annotated[str | None, typer.Option("--since-version", help="From this one on.", metavar="VERSION")]
UntilVersion = Annotated[str | None, typer.Option("--until-version", help="Up to this one.", metavar="VERSION")]
SinceDate = Annotated[datetime | None, typer.Option("--since-date", help="Applied after then.", formats=_DATES)]
UntilDate = Annotated[datetime | None, typer.Option("--until-date", help="Applied before then.", formats=_DATES)]
States = Annotated[
    list[State] | None,
    typer.Option(
        "--state", help="In this state, such as pending; may be given again.", case_sensitive=False, metavar="STATE"
    ),
]


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    target: Target = None,
    out_of_order: OutOfOrder = False,
    ignore: Ignore = None,
    since_version: SinceVersion = None,
    until_version: UntilVersion = None,
    since_date: SinceDate = None,
    until_date: UntilDate = None,
    state: States = None,
    as_json: Json = False,
) -> None:
    """Show every migration with its state, and below them what would stop migrate. Changes nothing."""
    selection = Selection(
        version_of(since_version), version_of(until_version), since_date, until_date, tuple(state or ())
    )
    project = load(config, environment, service)
    plans = run.info(
        project,
        command="Info",
        target=target_in(target),
        out_of_order=out_of_order or None,
        ignore_migration_patterns=ignored(ignore),
    )
    if as_json:
        print_json({"services": [plan_data(one, plans[one.name], selection) for one in project.services]})
    else:
        show_plans(plans, selection)
        show_problems(plans, only_blocking=True)
