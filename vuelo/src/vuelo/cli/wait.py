"""`vuelo wait`: until the databases answer."""

from typing import Annotated

import typer

from vuelo.cli.options import DEFAULT_CONFIG, Config, Environment, Json, Services, load, print_json
from vuelo.report import answer
from vuelo.waiting import wait

Timeout = Annotated[float, typer.Option("--timeout", min=0, help="How long, in seconds.", metavar="SECONDS")]
Migrated = Annotated[bool, typer.Option("--migrated", help="Also until no migration is pending.")]


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    timeout: Timeout = 60,
    migrated: Migrated = False,
    as_json: Json = False,
) -> None:
    """Wait until every service's database answers; exit 1 with the last reason when the time is over."""
    waited = wait(load(config, environment, service), timeout_s=timeout, migrated=migrated)
    if as_json:
        print_json({"services": [{"service": name, "waitedS": round(s, 3)} for name, s in waited.items()]})
        return
    for name, seconds in waited.items():
        ready = "is up to date" if migrated else "answers"
        answer.print(f"{name} {ready} after {seconds:.1f} s", markup=False, highlight=False)
