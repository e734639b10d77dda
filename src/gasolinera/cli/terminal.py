"""`gasolinera terminal`: a terminal that takes coupons without a connection, as a reference for real devices."""

import sys
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec
import typer

from gasolinera.cli.qr import root_half
from gasolinera.coupon.qr import MAX_TEXT
from gasolinera.redemption.models import Fuel
from gasolinera.redemption.models_offline import EntryState, EntryStatus, Lease
from gasolinera.terminal import device, witnessing

app = typer.Typer(help="A station's terminal that works without a connection.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--folder", help="Where the terminal keeps its key, documents and queue.")]
_FOLDER = Path("terminal")
_CONFLICTS = 1


class _Took(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    discount_amount: Decimal
    final_amount: Decimal
    currency: str


def _money(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter("a decimal number, such as 500.00") from None


@app.command("enrol")
def enrol(
    code: Annotated[str, typer.Argument(help="The code that an administrator made for this device.")],
    *,
    url: Annotated[str, typer.Option("--url", help="The platform's address.")],
    root: Annotated[
        str | None, typer.Option("--root", help="The public half of the root, as `qr endorse` prints it.")
    ] = None,
    folder: Folder = _FOLDER,
) -> None:
    """Enrol this device as a terminal, with a key of its own."""
    made = device.enrol(folder, url, code, root=None if root is None else root_half(root)).enrolled
    sys.stdout.write(f"{made.terminal_code} of {made.station_code}\n")


@app.command("refresh")
def refresh(*, folder: Folder = _FOLDER) -> None:
    """Sync, then fetch keys, revocations and the next lease: what a terminal does while it has a connection."""
    lease = device.refresh(device.open_device(folder), now=datetime.now(UTC))
    _show(lease)


@app.command("take")
def take(  # noqa: PLR0913  an option is an argument
    text: Annotated[str, typer.Argument(help="What the reader says; - reads it from standard input.")],
    *,
    employee: Annotated[str, typer.Option("--employee", help="Number of the employee who serves.")],
    fuel: Annotated[Fuel, typer.Option("--fuel", help="What is pumped.")],
    amount: Annotated[Decimal | None, typer.Option("--amount", parser=_money, help="Before the discount.")] = None,
    litres: Annotated[Decimal | None, typer.Option("--litres", parser=_money, help="With --price.")] = None,
    price: Annotated[Decimal | None, typer.Option("--price", parser=_money, help="Of a litre.")] = None,
    customer: Annotated[UUID | None, typer.Option("--customer", help="Where the coupon names nobody.")] = None,
    dispenser: Annotated[str | None, typer.Option("--dispenser", help="Such as D03.")] = None,
    folder: Folder = _FOLDER,
) -> None:
    """Decide about a coupon without a connection, and put it into the queue. Exit 1 when it is not taken."""
    shown = sys.stdin.readline(MAX_TEXT + 2).strip("\r\n\t") if text == "-" else text
    sale = device.Sale(
        text=shown,
        employee_number=employee,
        fuel_type=fuel,
        amount=amount,
        litres=litres,
        price_per_litre=price,
        customer=customer,
        dispenser_code=dispenser,
    )
    decision, queued = device.take(device.open_device(folder), sale, now=datetime.now(UTC))
    _show(
        _Took(
            sequence=queued.entry.sequence,
            discount_amount=decision.discount_amount,
            final_amount=decision.final_amount,
            currency=queued.entry.currency,
        )
    )


@app.command("sync")
def sync(*, folder: Folder = _FOLDER) -> None:
    """Tell the platform what was taken. Exit 1 when a coupon did not give what the terminal gave."""
    states = device.sync(device.open_device(folder))
    for state in states:
        _show(state)
    if any(state.status is EntryStatus.CONFLICT for state in states):
        raise typer.Exit(_CONFLICTS)


@app.command("witness")
def witness(
    *,
    operator: Annotated[
        str | None,
        typer.Option("--operator", help="Another key, in hex, that draws are signed with from now on."),
    ] = None,
    folder: Folder = _FOLDER,
) -> None:
    """Check the chain of raffle draws, and sign each freeze while that counts. Exit 1 when the chain is broken."""
    for seen in witnessing.witness(device.open_device(folder), now=datetime.now(UTC), operator=operator):
        _show(seen)


@app.command("show")
def show(*, folder: Folder = _FOLDER) -> None:
    """Say which terminal it is, and how many entries wait to be told."""
    opened = device.open_device(folder)
    sys.stdout.write(f"{opened.enrolled.terminal_code} of {opened.enrolled.station_code}, {opened.enrolled.url}\n")
    sys.stdout.write(f"{device.waiting(opened)} entries wait\n")


def _show(told: _Took | EntryState | Lease | witnessing.Witnessed) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
