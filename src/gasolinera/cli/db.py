"""`gasolinera db`: what the six schemas need around their migrations. The migrations themselves are `vuelo`'s."""

from typing import Annotated

import typer

import vuelo
from gasolinera.ops import partitions, roles
from gasolinera.schemas import load_project

app = typer.Typer(help="Prepare and look after the databases of the six services.", no_args_is_help=True)
Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]


@app.command("init")
def init(environment: Environment = None) -> None:
    """Make the database roles that are missing and set everyone's rights. Again: changes nothing."""
    with vuelo.reachable(load_project(environment)) as project:
        made = roles.initialise(project)
    typer.echo(f"made {', '.join(made)}" if made else "all roles are there")


@app.command("partitions")
def make_partitions(environment: Environment = None) -> None:
    """Make this month's partitions and those of the next three where they are missing."""
    with vuelo.reachable(load_project(environment)) as project:
        typer.echo(f"{partitions.ensure_ahead(project)} partitions made")
