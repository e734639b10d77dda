"""What others than the operator say of a freeze: witnesses, what they sign, which evidence held. No SQL, no HTTP."""

from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gasolinera.paging import Position
from gasolinera.raffle.documents import Hash, PublicKey, Signature
from gasolinera.texts import text

WITNESS_DOMAIN: Final = b"gasolinera-draw-witness-1"
MAX_DRAWS: Final = 20  # of one answer to a terminal: a manifest is some kilobytes, more with many witnesses
_LATEST_S: Final = 2**40

Number = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Witness(msgspec.Struct, frozen=True, kw_only=True):
    """A terminal that signs what was frozen. A manifest lists those that are not retired."""

    terminal_code: str
    station_code: str
    public_key: str
    retired_at: datetime | None
    retirement_reason: str | None
    enrolled_at: datetime


class WitnessPosition(Position, frozen=True):
    terminal_code: str


class Retirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, text(300)]


class DrawsWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`after`: the number of the last draw that the terminal has seen; 0 for none."""

    after: Number


class ShownDraw(msgspec.Struct, frozen=True, kw_only=True):
    """A link of the chain. `manifest` is the text that `signature` (hex) is over, byte for byte."""

    draw_number: int
    manifest: str
    signature: str
    wants_signature: bool


class ShownDraws(msgspec.Struct, frozen=True):
    """In order, without gaps; there may be more after the last one of them."""

    draws: tuple[ShownDraw, ...]


class WitnessedDraw(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`signed_at` is in seconds since 1970."""

    draw_number: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    manifest_sha256: Hash
    signed_at: Annotated[int, Meta(ge=0, le=_LATEST_S)]
    signature: Signature


class Held(StrEnum):
    """Evidence of the freeze that is not the operator's own word."""

    TIMESTAMP = "TIMESTAMP"
    WITNESSES = "WITNESSES"


class TakenTimestamp(msgspec.Struct, frozen=True, kw_only=True):
    """`generated_at` is what the token says."""

    authority: str
    generated_at: datetime
    received_at: datetime


class ListedWitness(msgspec.Struct, frozen=True, kw_only=True):
    """A witness of the manifest; `signed_at` is None where it signed nothing in time."""

    terminal: str
    public_key: PublicKey
    signed_at: datetime | None


class EvidenceReport(msgspec.Struct, frozen=True, kw_only=True):
    """Which evidence of a freeze held. Whoever doubts it checks the draw's bundle instead."""

    raffle_code: str
    draw_number: int
    status: str
    manifest_sha256: str
    frozen_at: datetime
    evidence_until: datetime
    is_required: bool
    quorum: int
    timestamps: tuple[TakenTimestamp, ...]
    witnesses: tuple[ListedWitness, ...]
    held: tuple[Held, ...]


def witness_bytes(manifest: bytes, signed_at: int) -> bytes:
    """What a witness signs, `signed_at` in seconds since 1970."""
    return WITNESS_DOMAIN + b"\0" + sha256(manifest).digest() + signed_at.to_bytes(8, "big")


def held_by(timestamps: int, signatures: int, quorum: int) -> tuple[Held, ...]:
    """How many there are of each, all of them from in time."""
    held = ((Held.TIMESTAMP, timestamps >= 1), (Held.WITNESSES, signatures >= max(quorum, 1)))
    return tuple(kind for kind, is_held in held if is_held)
