"""Terminals of stations as witnesses of freezes: enrolled by themselves, told of each draw, and taken by their word.

A witness signs with the key that it has as a terminal, so that nobody but the device itself can speak for it.
"""

from hashlib import sha256
from typing import Final

import structlog
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from gasolinera.database import Connection
from gasolinera.errors import ConflictError, ForbiddenError, InputError, UnknownError
from gasolinera.keyring import from_base64url
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.raffle import queries_evidence as queries
from gasolinera.raffle.models_evidence import (
    MAX_DRAWS,
    DrawsWish,
    ShownDraws,
    Witness,
    WitnessedDraw,
    WitnessPosition,
    witness_bytes,
)
from gasolinera.terminal_calls import KnownTerminal

_log: Final[structlog.stdlib.BoundLogger] = structlog.get_logger(__name__)


async def enrol(conn: Connection, terminal: KnownTerminal) -> Witness:
    """Again: it is the witness that it was. Raises ConflictError `witness.retired`."""
    key = from_base64url(terminal.public_key)
    witness = await queries.enrol_witness(conn, terminal.terminal_code, terminal.station_code, key)
    if witness is None:
        raise ConflictError("witness.retired", "this terminal is no witness any more")
    return witness


async def retire(conn: Connection, terminal_code: str, reason: str) -> Witness:
    """For good: draws that list it already keep it. Raises UnknownError `witness.unknown`."""
    witness = await queries.retire_witness(conn, terminal_code.strip().upper(), reason)
    if witness is None:
        raise UnknownError("witness.unknown", "there is no such witness, or it is retired already")
    return witness


async def list_witnesses(conn: Connection, caller: Caller, *, cursor: str | None, limit: int) -> Page[Witness]:
    """A station's people see the own station's. Raises ForbiddenError, InputError `request.cursor`."""
    station = None if caller.reach(Permission.RAFFLES_WITNESS) is Reach.ALL else caller.station_code
    if station is None and caller.reach(Permission.RAFFLES_WITNESS) is not Reach.ALL:
        raise ForbiddenError("auth.other_station", "this account belongs to no station")
    position = decode_cursor(WitnessPosition, cursor)
    after = "" if position is None else position.terminal_code
    found = await queries.list_witnesses(conn, station, after=after, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda one: WitnessPosition(one.terminal_code))


async def show_draws(conn: Connection, terminal: KnownTerminal, wish: DrawsWish) -> ShownDraws:
    """The chain from where the terminal left it, MAX_DRAWS at most: it checks that no draw is missing or changed."""
    key = from_base64url(terminal.public_key)
    return ShownDraws(tuple(await queries.show_draws(conn, wish.after, terminal.terminal_code, key, limit=MAX_DRAWS)))


async def take_signature(conn: Connection, terminal: KnownTerminal, signed: WitnessedDraw) -> None:
    """Kept when it is the terminal's own, over this manifest, and in time; sent again it is the same.

    Raises UnknownError `draw.unknown`, ConflictError `witness.other_manifest`, `witness.signed_already`, InputError
    `witness.signature`; the guard and the constraints refuse who is not listed and what is late. Locks the draw.
    """
    frozen = await queries.find_frozen(conn, signed.draw_number)
    if frozen is None:
        raise UnknownError("draw.unknown", "there is no draw of this number")
    if sha256(frozen.manifest).hexdigest() != signed.manifest_sha256:
        # Two manifests of one number would be the proof that somebody cheats: it must not pass unseen.
        _log.error("witness_saw_other_manifest", terminal=terminal.terminal_code, draw=signed.draw_number)
        raise ConflictError("witness.other_manifest", "this is not the manifest that was frozen")
    key, signature = from_base64url(terminal.public_key), bytes.fromhex(signed.signature)
    if not _is_of(key, witness_bytes(frozen.manifest, signed.signed_at), signature):
        raise InputError("witness.signature", "this is not what the terminal's key signs of this draw")
    is_new = await queries.add_signature(
        conn, frozen.id, terminal.terminal_code, key, signed_at=signed.signed_at, signature=signature
    )
    if not is_new and not await queries.has_signature(conn, frozen.id, terminal.terminal_code, signature):
        raise ConflictError("witness.signed_already", "this witness has signed this draw already")


def _is_of(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(public_key).verify(message, signature)
    except (CryptoError, ValueError):
        return False
    return True
