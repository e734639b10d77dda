"""`gasolinera db`: what the six schemas need around their migrations. The migrations themselves are `vuelo`'s."""

import os
from typing import Annotated

import typer

import vuelo
from gasolinera.config import PREFIX, load_settings
from gasolinera.ops import jobs_schema, operations_schema, partitions, roles
from gasolinera.schemas import load_project

app = typer.Typer(help="Prepare and look after the databases of the six services.", no_args_is_help=True)
_OPS_URL = f"{PREFIX}OPS_DATABASE_URL"
Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]


def install_operations(project: vuelo.Project) -> list[str] | None:
    """The tables of jobs and operations where they belong; gives what was applied, None when no place is known."""
    said = load_settings({name: value for name, value in os.environ.items() if name == _OPS_URL}).ops_database_url
    address = jobs_schema.jobs_address(project, None if said is None else said.get_secret_value())
    return None if address is None else operations_schema.install(address)


@app.command("init")
def init(environment: Environment = None) -> None:
    """Make the roles that are missing, set everyone's rights, make the tables of operations. Again: changes nothing."""
    with vuelo.reachable(load_project(environment)) as project:
        made = roles.initialise(project)
        applied = install_operations(project)
    typer.echo(f"made {', '.join(made)}" if made else "all roles are there")
    if applied is None:
        typer.echo(
            f"no place for jobs and operations: every service has its own database, and {_OPS_URL} is not set", err=True
        )
    elif applied:
        typer.echo(f"tables of operations: {', '.join(applied)}")


@app.command("partitions")
def make_partitions(environment: Environment = None) -> None:
    """Make this month's partitions and those of the next three where they are missing."""
    with vuelo.reachable(load_project(environment)) as project:
        typer.echo(f"{partitions.ensure_ahead(project)} partitions made")
