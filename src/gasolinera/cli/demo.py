"""`gasolinera demo`: from nothing to a served platform, in one process that leaves nothing running behind."""

from typing import Annotated
from urllib.error import HTTPError
from urllib.request import urlopen

import psycopg
import typer
from rich.table import Table

import vuelo
from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.db import install_operations
from gasolinera.cli.serve import serve, serve_briefly
from gasolinera.cli.simulate import how_to_verify, show, simulate
from gasolinera.config import PREFIX, SERVICES, Environment, Settings
from gasolinera.errors import ConflictError, UnavailableError
from gasolinera.ops import partitions, roles
from gasolinera.ops.overview import overview
from gasolinera.schemas import load_project
from vuelo import embedded
from vuelo.cli.progress import watching
from vuelo.report import answer, talk

_ANSWER_WITHIN_S = 30
_DAY, _STATIONS, _CUSTOMERS = 1, 3, 40

Once = Annotated[bool, typer.Option("--once", help="Check that the API answers, stop, exit 0.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Remove the embedded server's data first.")]
Remove = Annotated[bool, typer.Option("--remove", help="Remove the embedded server's data and stop there.")]
Played = Annotated[bool, typer.Option("--day", help="First play a small scripted day, unless it was played already.")]
Port = Annotated[int | None, typer.Option("--port", help="0 takes a free one. Default: GASOLINERA_PORT, 8080.")]


def command(
    *, once: Once = False, fresh: Fresh = False, remove: Remove = False, day: Played = False, port: Port = None
) -> None:
    """Start an embedded PostgreSQL, make the roles, migrate the six schemas, load sample data, serve the platform.

    A database named in GASOLINERA_DATABASE_URL (or per service) takes the embedded server's place.
    """
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
        install_operations(reached)
        answer.print(_what_exists(reached, results))
        if once and port is None:
            port = 0
        with reachable_settings(**({} if port is None else {"port": port})) as settings:
            if day:
                _play_day(settings)
            if once:
                serve_briefly(settings, _ask)
            else:
                serve(settings, [], with_worker=True)


def _remove_data(project: vuelo.Project) -> None:
    addresses = {service.url for service in project.services if embedded.is_address(service.url)}
    if not addresses:
        raise vuelo.VueloError(
            "demo.not_embedded",
            "only the embedded server's data are removed, and the environment names another database",
            f"unset {PREFIX}DATABASE_URL, or drop that database yourself",
        )
    for address in addresses:
        embedded.destroy(embedded.address_root(address, project.base))


def _what_exists(project: vuelo.Project, results: list[vuelo.Result]) -> Table:
    table = Table(title="What exists now", title_justify="left")
    for heading in ("Service", "Schema", "Version", "Applied now", "Tables", "Rows", "Time"):
        table.add_column(heading, justify="left" if heading in ("Service", "Schema", "Version") else "right")
    plans = vuelo.info(project)
    for service, result in zip(project.services, results, strict=True):
        with psycopg.connect(service.url, autocommit=True) as conn:
            counted = overview(conn, service)
        time = f"{result.duration_ms / 1000:.2f} s"
        version = str(plans[service.name].current_version)
        table.add_row(
            service.name,
            service.schema,
            version,
            str(len(result.steps)),
            str(counted.tables),
            f"{counted.rows:,}",
            time,
        )
    return table


def _play_day(settings: Settings) -> None:
    """Redemptions of today to look at; the same ones each time. Exit 1 when a total does not reconcile."""
    if settings.environment is Environment.PRODUCTION or settings.database_url is None:
        talk.print("no day is played: that needs one database for all services, and never production's")
        return
    talk.print("playing a small day", highlight=False)
    try:
        played = simulate(settings, seed=_DAY, stations=_STATIONS, customers=_CUSTOMERS)
    except ConflictError as error:
        talk.print(f"{error.message}: it is not played again", highlight=False)
        return
    if not played.is_reconciled:
        show(played, as_json=False)
        raise typer.Exit(1)
    talk.print(
        f"a day of {_CUSTOMERS} customers at {_STATIONS} stations was played, and its {len(played.rows)} totals agree",
        highlight=False,
    )
    talk.print(
        f"its raffle was drawn, and verified by {', '.join(one.verifier for one in played.judgements)}; the draw is in "
        f"{played.folder}, and this verifies it again:",
        highlight=False,
        soft_wrap=True,
    )
    talk.print(how_to_verify(played), highlight=False, markup=False, soft_wrap=True)


def _ask(base_url: str) -> None:
    """The server listens already, so the first request waits for the application to start."""
    for path in ("/health/ready", "/api/stations?limit=3"):
        try:
            with urlopen(base_url + path, timeout=_ANSWER_WITHIN_S) as response:  # noqa: S310  our own http address
                body = response.read().decode()
        except HTTPError as error:
            problem = error.read().decode()
            raise UnavailableError("demo.not_ready", f"GET {path} answers {error.code}: {problem}") from None
        talk.print(f"GET {path} answers {response.status} {body[:120]}", highlight=False, markup=False)
