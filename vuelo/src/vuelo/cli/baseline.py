"""`vuelo baseline`: begin the history of a schema that is there already."""

from typing import Annotated

import typer

from vuelo.baselining import baseline
from vuelo.cli.options import DEFAULT_CONFIG, Config, Environment, Json, Services, load, print_json
from vuelo.report import answer

BaselineVersion = Annotated[
    str | None, typer.Option("--version", help="Migrations up to this version count as applied.", metavar="VERSION")
]
Description = Annotated[str | None, typer.Option("--description", help="What the row says.", metavar="TEXT")]


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    version: BaselineVersion = None,
    description: Description = None,
    as_json: Json = False,
) -> None:
    """Mark a schema that has grown without a history: migrations up to a version count as applied, later ones run."""
    done = baseline(load(config, environment, service), version=version, description=description)
    if as_json:
        services = [
            {"service": name, "version": one.version, "description": one.description, "written": one.written}
            for name, one in done.items()
        ]
        print_json({"services": services})
        return
    for name, one in done.items():
        verb = "begins at" if one.written else "had begun already at"
        answer.print(f"{name}: its history {verb} version {one.version}", markup=False, highlight=False)
