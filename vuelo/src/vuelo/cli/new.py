"""`vuelo new`: write the files of a new migration."""

from typing import Annotated

import typer

from vuelo.cli.options import DEFAULT_CONFIG, Config, Environment, Json, load, print_json
from vuelo.errors import VueloError
from vuelo.new import new_migration, new_repeatable
from vuelo.project import Project, Service

Description = Annotated[str, typer.Argument(help="What it does, in a few words; they become the file's name.")]
OneService = Annotated[str | None, typer.Option("--service", "-s", help="Whose it is; needed where there are several.")]
Repeatable = Annotated[bool, typer.Option("--repeatable", help="An R file, which runs whenever it has changed.")]
NewVersion = Annotated[str | None, typer.Option("--version", help="Instead of the next free one.", metavar="VERSION")]
Timestamp = Annotated[bool, typer.Option("--timestamp", help="The time in UTC as the version: 20260102030405.")]


def command(
    description: Description,
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: OneService = None,
    repeatable: Repeatable = False,
    version: NewVersion = None,
    timestamp: Timestamp = False,
    as_json: Json = False,
) -> None:
    """Write a migration with the next free version and the script that undoes it; print their paths."""
    if repeatable + timestamp + (version is not None) > 1:
        raise typer.BadParameter("of --repeatable, --version and --timestamp one may be given")
    chosen = _service(load(config, environment, [service] if service else None))
    if repeatable:
        paths = (new_repeatable(chosen, description),)
    else:
        paths = new_migration(chosen, description, version=version, timestamp=timestamp)
    if as_json:
        print_json({"service": chosen.name, "files": [str(path) for path in paths]})
    else:
        for path in paths:
            typer.echo(str(path))


def _service(project: Project) -> Service:
    first, *others = project.services
    if others:
        names = ", ".join(service.name for service in project.services)
        raise VueloError("new.which_service", "the project has several services", f"say which: --service {names}")
    return first
