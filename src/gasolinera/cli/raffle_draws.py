"""Draws by hand, what a worker does by itself: `gasolinera raffle freeze|draw|void`; and what a draw published."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Final, TypeVar

import asyncpg
import typer

from gasolinera.app import refusals_of
from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.cli.sheets import Output
from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext, open_database
from gasolinera.errors import InputError, refusal
from gasolinera.keyring import load_keyring
from gasolinera.logs import configure_logs
from gasolinera.raffle import drawing, freezing, proofs, publishing, voiding
from gasolinera.raffle.beacon import Round, verify_round
from gasolinera.raffle.beacon_relays import source_of
from gasolinera.raffle.documents import canonical
from gasolinera.raffle.draw_keeping import round_of, terms_of
from gasolinera.raffle.errors_draws import other_chain
from gasolinera.raffle.models_draws import DrawnSummary, Frozen, PublishedDraw
from gasolinera.raffle.parts import PARTS

Result = TypeVar("Result")

Code = Annotated[str, typer.Argument(metavar="CODE", help="The raffle's code; case does not matter.")]
Draw = Annotated[
    int | None, typer.Option("--draw", min=1, max=2**63 - 1, help="The draw's number. Default: the raffle's last.")
]


def freeze_command(code: Code, *, as_json: AsJson = False) -> None:
    """Freeze the entries of a closed raffle: the list, its tree and the signed manifest, with the round that draws."""

    async def work(settings: Settings, db: Database) -> Frozen:
        terms = terms_of(settings, load_keyring(settings))
        async with db.transaction(RequestContext(actor="command:raffle freeze")) as conn:
            return await freezing.freeze(conn, code.upper(), terms)

    frozen = _run(work)
    if as_json:
        write_json(frozen)
        return
    _say(f"draw {frozen.draw_number}: {frozen.tickets} tickets in {frozen.entries} entries of {frozen.owners} people")
    _say(f"manifest {frozen.manifest_sha256}")
    _say(f"drawn by round {frozen.beacon_round} of the beacon, {frozen.beacon_round_at:%Y-%m-%d %H:%M:%S} UTC")


def draw_command(
    code: Code,
    *,
    beacon_signature: Annotated[
        str | None, typer.Option(metavar="HEX", help="The round's signature, where no relay can be asked.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw a frozen raffle by the round that its manifest names. Again: nothing new, the same winners."""

    async def work(settings: Settings, db: Database) -> DrawnSummary:
        async with db.connection() as conn:
            frozen = await publishing.draw_of(conn, code.upper())
        found = await _round(settings, frozen, beacon_signature)
        async with db.transaction(RequestContext(actor="command:raffle draw")) as conn:
            return await drawing.draw(conn, code.upper(), found)

    drawn = _run(work)
    if as_json:
        write_json(drawn)
    else:
        _say(f"draw {drawn.draw_number} {'is drawn' if drawn.is_new else 'was drawn before'}")


async def _round(settings: Settings, frozen: PublishedDraw, given: str | None) -> Round:
    """Raises InputError `beacon.signature`, ConflictError `beacon.other_chain`, and what `fetch_round` raises."""
    if given is None:
        return await round_of(settings, frozen)
    source = source_of(settings)
    if publishing.manifest_of(frozen).beacon.chain_hash != source.chain.chain_hash:
        raise other_chain()
    try:
        found = verify_round(source.chain, frozen.beacon_round, bytes.fromhex(given))
    except ValueError:
        found = None
    if found is None:
        raise InputError("beacon.signature", f"this is not the signature of round {frozen.beacon_round}")
    return found


def void_command(
    code: Code, reason: Annotated[str, typer.Option(help="Published and signed.")], *, as_json: AsJson = False
) -> None:
    """Give up the draw of a cancelled raffle, or one that lacks required evidence before its round."""

    async def work(settings: Settings, db: Database) -> int:
        key = load_keyring(settings).current("raffle")
        async with db.transaction(RequestContext(actor="command:raffle void")) as conn:
            return await voiding.void(conn, code.upper(), reason=reason, key=key)

    number = _run(work)
    if as_json:
        write_json({"draw_number": number})
    else:
        _say(f"draw {number} is void")


def bundle_command(code: Code, *, draw: Draw = None, output: Output = None) -> None:
    """Write everything that a draw consulted, for `gasolinera raffle verify` or any other verifier."""

    def bundle(settings: Settings, db: Database, found: PublishedDraw) -> AsyncGenerator[bytes]:
        key = publishing.sealing_key(found, load_keyring(settings).all_of("raffle"))
        return publishing.bundle_of(db, found, key)

    _write(code, draw, output, bundle)


def entries_command(code: Code, *, draw: Draw = None, output: Output = None) -> None:
    """Write the whole list of a draw: 54 bytes a leaf."""
    _write(code, draw, output, lambda _settings, db, found: publishing.list_of(db, found))


def excluded_command(code: Code, *, draw: Draw = None, output: Output = None) -> None:
    """Write who was left out of a draw: a line with the hash of the entry and the reason."""
    _write(code, draw, output, lambda _settings, db, found: publishing.excluded_of(db, found))


def proof_command(
    ticket: Annotated[str, typer.Argument(metavar="TICKET", help="The ticket's number.")],
) -> None:
    """Print the proof that a ticket is in its draw, with the numbers of its entry."""

    async def work(_settings: Settings, db: Database) -> bytes:
        async with db.connection() as conn:
            return canonical(await proofs.prove(conn, ticket.upper(), holder=None, sees_all=True))

    sys.stdout.buffer.write(_run(work) + b"\n")


def _write(
    code: str,
    number: int | None,
    output: Path | None,
    pieces: Callable[[Settings, Database, PublishedDraw], AsyncGenerator[bytes]],
) -> None:
    async def work(settings: Settings, db: Database) -> None:
        async with db.connection() as conn:
            found = await (
                publishing.draw_of(conn, code.upper()) if number is None else publishing.get_draw(conn, number)
            )
        written = pieces(settings, db, found)
        head = await anext(written)  # what is refused leaves no empty file
        with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as target:
            target.write(head)
            async for piece in written:
                target.write(piece)

    _run(work)


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


def _run(work: Callable[[Settings, Database], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        try:
            async with open_database(settings, "raffle") as db:
                return await work(settings, db)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise refusal(error, refusals_of((PARTS,))) from None

    with reachable_settings() as settings:
        configure_logs(settings)
        return asyncio.run(run())


COMMANDS: Final[Mapping[str, Callable[..., None]]] = {
    "freeze": freeze_command,
    "draw": draw_command,
    "void": void_command,
    "bundle": bundle_command,
    "entries": entries_command,
    "excluded": excluded_command,
    "proof": proof_command,
}
