"""`gasolinera demo`: from nothing to a served platform, in one process that leaves nothing running behind."""

import os
import signal
import sys
from collections.abc import Mapping
from typing import Annotated, NoReturn
from urllib.parse import quote, urlsplit

import psycopg
import typer
import vuelo
from psycopg.conninfo import conninfo_to_dict
from rich.table import Table
from vuelo import embedded
from vuelo.cli.progress import watching
from vuelo.report import answer, talk

from gasolinera.cli.serve import serve, serve_once
from gasolinera.config import PREFIX, SERVICES, Settings, load_settings
from gasolinera.ops import partitions, roles
from gasolinera.ops.overview import overview
from gasolinera.schemas import load_project

Once = Annotated[bool, typer.Option("--once", help="Check that the API answers, stop, exit 0.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Remove the embedded server's data first.")]
Remove = Annotated[bool, typer.Option("--remove", help="Remove the embedded server's data and stop there.")]
Port = Annotated[int | None, typer.Option("--port", help="0 takes a free one. Default: GASOLINERA_PORT, 8080.")]


def command(*, once: Once = False, fresh: Fresh = False, remove: Remove = False, port: Port = None) -> None:
    """Start an embedded PostgreSQL, make the roles, migrate the six schemas, load sample data, serve the platform.

    A database named in GASOLINERA_DATABASE_URL (or per service) takes the embedded server's place.
    """
    signal.signal(signal.SIGTERM, _leave)
    project = load_project()
    if fresh or remove:
        _remove_data(project)
    if remove:
        return
    if any(embedded.is_address(service.url) for service in project.services):
        talk.print("starting the embedded PostgreSQL", highlight=False)
    with vuelo.reachable(project) as reached:
        made = roles.initialise(reached)
        talk.print(f"{len(made)} database roles made, {len(SERVICES)} schemas to look at", highlight=False)
        with watching(reached) as watch:
            results = vuelo.migrate(reached, watch=watch)
        partitions.ensure_ahead(reached)
        answer.print(_what_exists(reached, results))
        settings = _settings(reached, port=0 if once and port is None else port)
        if once:
            serve_once(settings)
        else:
            serve(settings)


def _leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)  # as an exception, so that the server is stopped on the way out


def _remove_data(project: vuelo.Project) -> None:
    addresses = {service.url for service in project.services if embedded.is_address(service.url)}
    if not addresses:
        raise vuelo.VueloError(
            "demo.not_embedded",
            "only the embedded server's data are removed, and the environment names another database",
            f"unset {PREFIX}DATABASE_URL, or drop that database yourself",
        )
    for address in addresses:
        embedded.destroy(project.base / urlsplit(address).path)


def _what_exists(project: vuelo.Project, results: list[vuelo.Result]) -> Table:
    table = Table(title="What exists now", title_justify="left")
    for heading in ("Service", "Schema", "Version", "Applied now", "Tables", "Rows", "Time"):
        table.add_column(heading, justify="left" if heading in ("Service", "Schema", "Version") else "right")
    plans = vuelo.info(project)
    for service, result in zip(project.services, results, strict=True):
        with psycopg.connect(service.url, autocommit=True) as conn:
            counted = overview(conn, service.schema, service.table)
        time = f"{result.duration_ms / 1000:.2f} s"
        version = str(plans[service.name].current_version)
        table.add_row(
            service.name, service.schema, version, str(len(result.steps)), str(counted.tables), f"{counted.rows:,}", time
        )
    return table


def _settings(project: vuelo.Project, *, port: int | None) -> Settings:
    """The process's settings, with the embedded server's address where the environment names no database."""
    environ: Mapping[str, str] = {
        name: value
        for name, value in os.environ.items()
        if not (name.endswith("_DATABASE_URL") and embedded.is_address(value))
    }
    served = load_settings(environ, **({} if port is None else {"port": port}))
    if served.database_url is None and any(getattr(served, f"{name}_database_url") is None for name in SERVICES):
        return load_settings(environ, **({} if port is None else {"port": port}), database_url=_dsn(project))
    return served


def _dsn(project: vuelo.Project) -> str:
    parts = conninfo_to_dict(project.services[0].url)
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={quote(str(parts['host']))}"

