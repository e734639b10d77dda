"""`gasolinera simulate`: a scripted day through the real application, with every total reconciled."""

import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.cli.serve import serve_briefly
from gasolinera.config import SERVICES, Environment, Settings
from gasolinera.errors import ConfigError
from gasolinera.simulation.day import Day, Progress, play
from gasolinera.simulation.drawing import GAP_S, QUORUM
from gasolinera.simulation.judging import command_to_verify
from gasolinera.simulation.plan import MAX_SEED, MIN_CUSTOMERS, PUMP_TICKET, make_plan
from gasolinera.simulation.reckoning import Row

app = typer.Typer(help="Play scripted days through the real application.", no_args_is_help=True)
_MAX_CUSTOMERS = 20_000
_MAX_STATIONS = 50
_FOLDER = Path(".local") / "draws"
_COLUMNS = ("expected", "told", "found", "reported")

Stations = Annotated[int, typer.Option(min=2, max=_MAX_STATIONS, help="The last one is named by no campaign.")]
Customers = Annotated[int, typer.Option(min=MIN_CUSTOMERS, max=_MAX_CUSTOMERS, help="How many come that day.")]
Seed = Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Which day; each once a database.")]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database", help="Default: what the environment names, else the embedded server.")
]
Folder = Annotated[Path, typer.Option("--folder", help="Where what the draw published is written, by its raffle.")]


@app.command("day")
def day_command(
    *,
    stations: Stations = 12,
    customers: Customers = 5_000,
    seed: Seed = 1,
    database: DatabaseUrl = None,
    folder: Folder = _FOLDER,
    as_json: AsJson = False,
) -> None:
    """Play a day: coupons issued, shown, redeemed in every way, cancelled, refused; advertisements watched; a raffle
    closed, frozen, drawn and fulfilled. Then compare every total by the plan, the API, independent SQL and the reports,
    and have the draw verified. Exit 1 when a total differs or a verifier does not say verified. The seed decides who
    does what; all of it happens now, as fast as it goes. Never in production; what it makes is called SIM and the
    seed, and stays.
    """
    given: dict[str, str | None] = {}
    if database is not None:  # for all services, whatever the environment names for one
        given = {"database_url": database, **{f"{service}_database_url": None for service in SERVICES}}
    with reachable_settings(**given) as settings:
        day = simulate(settings, seed=seed, stations=stations, customers=customers, folder=folder)
    show(day, as_json=as_json)
    if not day.is_reconciled:
        raise typer.Exit(1)


def simulate(settings: Settings, *, seed: int, stations: int, customers: int, folder: Path = _FOLDER) -> Day:
    """With an application of its own on a free port of this host. What the draw published goes to a folder of its
    raffle's name in `folder`. Raises ConfigError in production.
    """
    if settings.environment is Environment.PRODUCTION:
        raise ConfigError("simulation.production", "nobody plays in production", "use a test database")
    own = {
        "host": "127.0.0.1",
        "port": 0,
        "pump_ticket_amounts": f"MXN={PUMP_TICKET}",
        "log_level": "warning",
        "beacon_chain": "test",
        "beacon_relays": None,
        "raffle_gap_s": GAP_S,
        "raffle_quorum": QUORUM,
        "raffle_timestamp_urls": None,
        "raffle_timestamp_roots": None,
    }
    settings = settings.model_copy(update=own)
    days: list[Day] = []
    plan = make_plan(seed, stations=stations, customers=customers)
    place = folder / plan.names.raffle
    with _shown_progress() as progress:
        serve_briefly(settings, lambda base_url: days.append(play(settings, plan, base_url, place, progress)))
    return days[0]


def show(day: Day, *, as_json: bool) -> None:
    if as_json:
        shown = msgspec.to_builtins(day)
        shown["is_reconciled"] = day.is_reconciled
        write_json(shown)
        return
    Console(width=None if sys.stdout.isatty() else 100).print(_table(day))
    for surprise in day.surprises:
        sys.stdout.write(f"{surprise}\n")
    for one in day.judgements:
        sys.stdout.write(f"{one.verifier}: {one.verdict}\n")
    sys.stdout.write(f"the draw is in {day.folder}\n{how_to_verify(day)}\n")
    wrong = sum(not row.agrees for row in day.rows)
    verdict = f"{wrong} of {len(day.rows)} totals differ" if wrong else f"all {len(day.rows)} totals agree"
    sys.stdout.write(f"{verdict}; {day.seconds:.1f} s\n")


def how_to_verify(day: Day) -> str:
    return shlex.join(("gasolinera", *command_to_verify(Path(day.folder))))


def _table(day: Day) -> Table:
    title = f"Day {day.seed}: {day.customers:,} customers at {day.stations} stations"
    table = Table(title=title, title_justify="left")
    table.add_column("Total")
    for heading in ("By the plan", "Told by the API", "In the tables", "Reported"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in day.rows:
        style = None if row.agrees else "bold red"
        table.add_row(row.total.replace("_", " "), *_cells(row), "" if row.agrees else "differs", style=style)
    return table


def _cells(row: Row) -> Generator[str]:
    for name in _COLUMNS:
        value = getattr(row, name)
        yield "" if value is None else f"{value:,}"


@contextmanager
def _shown_progress() -> Generator[Progress]:
    """A bar on a terminal, else a line for each part."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Progress(_say, lambda: None)
        return
    columns = TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def begins(name: str, count: int) -> None:
            bar.reset(task, description=name, total=count or None)

        yield Progress(begins, lambda: bar.advance(task))


def _say(name: str, _count: int) -> None:
    sys.stderr.write(f"{name}\n")
