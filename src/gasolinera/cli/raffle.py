"""`gasolinera raffle`: raffles as a list and one by one; opened, closed and cancelled by hand."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from gasolinera.app import refusals_of
from gasolinera.cli import raffle_draws, raffle_verify, raffle_winners
from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.database import Connection, RequestContext, open_database
from gasolinera.errors import refusal
from gasolinera.logs import configure_logs
from gasolinera.raffle import raffles
from gasolinera.raffle.models import MAX_PAGE, ManagedRaffle, RaffleFilter, RaffleStatus, RaffleSummary
from gasolinera.raffle.parts import PARTS

app = typer.Typer(help="Raffles: looked at, opened, closed, drawn and verified.", no_args_is_help=True)
for _name, _command in raffle_draws.COMMANDS.items():
    app.command(_name)(_command)
app.command("verify")(raffle_verify.verify)
app.add_typer(raffle_winners.app, name="winners")
app.command("test-beacon")(raffle_verify.serve_test_beacon)
Result = TypeVar("Result")

Code = Annotated[str, typer.Argument(metavar="CODE", help="The raffle's code; case does not matter.")]


def run_with_raffles(command: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """`work` in one transaction of the raffle service, in the name of the command."""

    async def run() -> Result:
        try:
            async with (
                open_database(settings, "raffle") as db,
                db.transaction(RequestContext(actor=f"command:raffle {command}")) as conn,
            ):
                return await work(conn)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise refusal(error, refusals_of((PARTS,))) from None

    with reachable_settings() as settings:
        configure_logs(settings)
        return asyncio.run(run())


def print_json(found: object) -> None:
    write_json(found)


@app.command("list")
def list_command(
    *,
    status: Annotated[list[RaffleStatus] | None, typer.Option("--status", help="May be given again.")] = None,
    as_json: AsJson = False,
) -> None:
    """List all raffles, drafts too, the newest first."""
    wanted = RaffleFilter(statuses=None if not status else tuple(status), with_drafts=True)

    async def work(conn: Connection) -> tuple[RaffleSummary, ...]:
        items: list[RaffleSummary] = []
        cursor = None
        while True:
            page = await raffles.list_raffles(conn, wanted, cursor=cursor, limit=MAX_PAGE)
            items += page.items
            cursor = page.next_cursor
            if cursor is None:
                return tuple(items)

    found = run_with_raffles("list", work)
    if as_json:
        print_json(found)
        return
    table = Table("Code", "Name", "Status", "Algorithm", "Closes", "Draw", "Tickets", "Participants")
    for one in found:
        dates = [f"{moment:%Y-%m-%d %H:%M}Z" if moment else "-" for moment in (one.closes_at, one.draw_at)]
        counts = (f"{one.tickets:,}", f"{one.participants:,}")
        table.add_row(one.raffle_code, one.name, one.status, one.selection_algorithm, *dates, *counts)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@app.command("show")
def show_command(code: Code, *, as_json: AsJson = False) -> None:
    """Show one raffle with its rules, prizes and counts."""
    _print(run_with_raffles("show", lambda conn: raffles.get_raffle(conn, code.upper())), as_json=as_json)


@app.command("open")
def open_command(code: Code, *, as_json: AsJson = False) -> None:
    """Publish a draft: its rules and prizes stay from now on, and entries are taken in its window."""

    async def work(conn: Connection) -> ManagedRaffle:
        await raffles.open_raffle(conn, code.upper())
        return await raffles.get_raffle(conn, code.upper())

    _print(run_with_raffles("open", work), as_json=as_json)


@app.command("close")
def close_command(code: Code, *, as_json: AsJson = False) -> None:
    """Close a raffle whose time is over, as the job does by itself."""

    async def work(conn: Connection) -> ManagedRaffle:
        await raffles.close_raffle(conn, code.upper())
        return await raffles.get_raffle(conn, code.upper())

    _print(run_with_raffles("close", work), as_json=as_json)


@app.command("cancel")
def cancel_command(
    code: Code,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; everybody can read it.")],
    as_json: AsJson = False,
) -> None:
    """Cancel a raffle for good. Its tickets go back to their holders."""

    async def work(conn: Connection) -> ManagedRaffle:
        await raffles.cancel_raffle(conn, code.upper(), reason)
        return await raffles.get_raffle(conn, code.upper())

    _print(run_with_raffles("cancel", work), as_json=as_json)


def _print(raffle: ManagedRaffle, *, as_json: bool) -> None:
    if as_json:
        print_json(raffle)
        return
    for name in (
        "raffle_code",
        "name",
        "status",
        "raffle_type",
        "selection_algorithm",
        "opens_at",
        "closes_at",
        "draw_at",
        "tickets",
        "participants",
        "refused_tickets",
        "permit_number",
        "terms_version",
        "terms_sha256",
        "cancellation_reason",
    ):
        value = getattr(raffle, name)
        sys.stdout.write(f"{name:22}{'-' if value is None else value}\n")
    for prize in raffle.prizes:
        units = f"{prize.quantity} x {prize.prize_value:,} {prize.currency}"
        sys.stdout.write(f"{f'prize {prize.rank}':22}{prize.name}, {units}\n")
