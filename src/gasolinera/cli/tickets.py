"""`gasolinera tickets`: check receipts of raffle tickets, without a database and without a network."""

import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from gasolinera.cli.data import write_json
from gasolinera.config import load_settings
from gasolinera.keyring import load_keyring
from gasolinera.redemption import receipts
from gasolinera.redemption.receipts import Keys, ReceiptError

app = typer.Typer(help="Raffle tickets: check their receipts.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `verify` a command of its own while it is the only one."""


@app.command("verify")
def verify(
    receipt: Annotated[str, typer.Argument(metavar="RECEIPT", help="The receipt, or - to read it from stdin.")],
    *,
    keys: Annotated[
        Path | None,
        typer.Option(help="What /api/tickets/receipt-keys gave. Default: the key ring, GASOLINERA_KEYS_FILE."),
    ] = None,
    holder: Annotated[UUID | None, typer.Option(help="Check that it belongs to this public reference.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print data instead of text.")] = False,
) -> None:
    """Check a receipt offline: who signed it, that nothing was changed, that its numbers are numbers of tickets.

    Exit 1 when it is not good.
    """
    text = sys.stdin.read(receipts.MAX_RECEIPT_CHARACTERS + 2) if receipt == "-" else receipt
    found = receipts.verify(text.strip(), _keys(keys))
    if holder is not None and not receipts.belongs_to(found, holder):
        raise ReceiptError("receipt.other_holder", "the receipt is good, and belongs to somebody else")
    if as_json:
        write_json(found)
        return
    sys.stderr.write("the receipt is good\n")
    for name, value in (
        ("issuance", found.issuance),
        ("issued", f"{found.issued_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("source", found.source),
        ("reference", found.reference),
        ("raffle", found.raffle or "to be chosen"),
        ("choose until", f"{found.expires_at:%Y-%m-%d %H:%M:%S} UTC" if found.raffle is None else "-"),
        ("tickets", found.count),
    ):
        sys.stdout.write(f"{name:14}{value}\n")
    for number in found.numbers:
        sys.stdout.write(f"{number}\n")


def _keys(path: Path | None) -> Keys:
    """Raises ReceiptError `receipt.keys_malformed`, ConfigError `keys.*`."""
    if path is not None:
        return receipts.read_key_set(path.read_bytes())
    return receipts.keys_of(receipts.published_keys(load_keyring(load_settings())).keys)
