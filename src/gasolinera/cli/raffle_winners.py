"""`gasolinera raffle winners …`: who won, and the steps until the prize is theirs, by hand."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import asyncpg
import msgspec
import typer
from rich.console import Console
from rich.table import Table

from gasolinera.app import refusals_of
from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.config import Settings
from gasolinera.database import Connection, RequestContext, open_database
from gasolinera.errors import InputError, refusal
from gasolinera.keyring import load_keyring
from gasolinera.logs import configure_logs
from gasolinera.raffle import claims, delivery, winners
from gasolinera.raffle.models_winners import (
    ClaimWish,
    Delivery,
    DisqualificationReason,
    DisqualificationWish,
    Step,
    StepWish,
    Winner,
    WinnerFilter,
    WinnerStatus,
)
from gasolinera.raffle.parts import PARTS

app = typer.Typer(help="Winners: listed, claimed for, delivered to, disqualified.", no_args_is_help=True)
Result = TypeVar("Result")
Wish = TypeVar("Wish", bound=msgspec.Struct)
_PAGE = 100

Who = Annotated[UUID, typer.Argument(metavar="WINNER", help="The winner's id, as `list` shows it.")]


def _run(command: str, work: Callable[[Settings, Connection], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with (
            open_database(settings, "raffle") as db,
            db.transaction(RequestContext(actor=f"command:raffle winners {command}")) as conn,
        ):
            return await work(settings, conn)

    with reachable_settings() as settings:
        configure_logs(settings)
        try:
            return asyncio.run(run())
        except asyncpg.IntegrityConstraintViolationError as error:
            raise refusal(error, refusals_of((PARTS,))) from None


def _checked(wish: Wish) -> Wish:
    """As strict as a request. Raises InputError `winners.option`."""
    try:
        return msgspec.convert(msgspec.to_builtins(wish), type(wish))
    except msgspec.ValidationError as error:
        raise InputError("winners.option", f"this is not what the command takes: {error}") from None


@app.command("list")
def list_command(
    *,
    raffle: Annotated[str | None, typer.Option("--raffle", metavar="CODE", help="Of this raffle.")] = None,
    status: Annotated[WinnerStatus | None, typer.Option("--status", help="In this state.")] = None,
    as_json: AsJson = False,
) -> None:
    """List winners and alternates, in the order of the draws."""
    wanted = WinnerFilter(raffle_code=None if raffle is None else raffle.upper(), status=status)

    async def work(_settings: Settings, conn: Connection) -> list[Winner]:
        found: list[Winner] = []
        cursor: str | None = None
        while True:
            page = await winners.list_winners(conn, wanted, cursor=cursor, limit=_PAGE)
            found.extend(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return found

    found = _run("list", work)
    if as_json:
        write_json(found)
        return
    table = Table("winner", "raffle", "position", "ticket", "status", "prize", "claim until", "last step")
    for one in found:
        deadline = "-" if one.claim_deadline is None else f"{one.claim_deadline:%Y-%m-%d %H:%M}"
        prize = "-" if one.prize_name is None else f"{one.rank}: {one.prize_name}"
        table.add_row(
            str(one.winner_id), one.raffle_code, str(one.draw_position), one.ticket_number, one.status, prize, deadline,
            one.last_step or "-",
        )  # fmt: skip
    Console().print(table)


@app.command("claim")
def claim_command(
    winner: Who,
    *,
    recipient: Annotated[str, typer.Option("--recipient", help="Whom the prize goes to.")],
    address: Annotated[str | None, typer.Option("--address", help="Where it is sent.")] = None,
    phone: Annotated[str | None, typer.Option("--phone", help="Such as +525512345678.")] = None,
    station: Annotated[str | None, typer.Option("--station", help="Where it is fetched.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Where it is credited.")] = None,
    show_name: Annotated[bool, typer.Option("--show-name", help="Results may show the first letters.")] = False,
) -> None:
    """Claim a prize for a winner who calls or comes in person, before the deadline."""
    to = Delivery(recipient=recipient, phone_number=phone, address=address, station_code=station, account=account)
    wish = _checked(ClaimWish(delivery=to, shows_name=show_name))

    async def work(settings: Settings, conn: Connection) -> None:
        await claims.claim(conn, winner, wish, holder=None, second_from=claims.thresholds_of(settings))

    _run("claim", work)
    sys.stderr.write("claimed: somebody now confirms the identity\n")


@app.command("deliver")
def deliver_command(
    winner: Who,
    step: Annotated[Step, typer.Argument(help="What was done.")],
    *,
    carrier: Annotated[str | None, typer.Option("--carrier", help="With SENT.")] = None,
    tracking: Annotated[str | None, typer.Option("--tracking", help="With SENT: number, or reference.")] = None,
    receipt: Annotated[
        Path | None,
        typer.Option("--receipt", help="With RECEIPT_SIGNED: the file; its hash is kept.", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Record a step of a delivery, after the identity is confirmed."""
    digest = None if receipt is None else sha256(receipt.read_bytes()).hexdigest()
    wish = _checked(StepWish(step=step, carrier=carrier, tracking=tracking, receipt_sha256=digest))

    async def work(_settings: Settings, conn: Connection) -> WinnerStatus:
        await delivery.record_step(conn, winner, wish)
        return (await winners.get_winner(conn, winner)).winner.status

    sys.stderr.write(f"{step}; the prize is {_run('deliver', work)}\n")


@app.command("disqualify")
def disqualify_command(
    winner: Who,
    *,
    reason: Annotated[DisqualificationReason, typer.Option("--reason", help="Signed and published.")],
    note: Annotated[str, typer.Option("--note", help="For the records; not published.")],
) -> None:
    """Disqualify a winner or an alternate. The prize goes to the next alternate, whoever that is."""
    wish = _checked(DisqualificationWish(reason=reason, note=note))

    async def work(settings: Settings, conn: Connection) -> None:
        await winners.disqualify(conn, load_keyring(settings), winner, wish, decider=None)

    _run("disqualify", work)
    sys.stderr.write("disqualified: the reason is signed and published\n")
