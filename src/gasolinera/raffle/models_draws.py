"""Draws as the service handles and shows them. No SQL, no HTTP."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.key_file import Key
from gasolinera.paging import Position
from gasolinera.raffle.beacon import Chain
from gasolinera.raffle.merkle import Tile

NO_EVIDENCE: Final = "No evidence of the freeze came in time."  # why a draw is void, in its signed document
MAX_GIVEN_UP: Final = 3  # draws of one raffle for that reason; after them an operator freezes it


class DrawStatus(StrEnum):
    FROZEN = "FROZEN"
    DRAWN = "DRAWN"
    VOID = "VOID"


class FreezeTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a freeze takes from the process: who signs, whose randomness, and how long evidence may be gathered.

    `quorum`: how many of the listed witnesses have to sign.
    """

    key: Key
    chain: Chain
    gap_s: int
    quorum: int


class LockedRaffle(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    raffle_code: str
    name: str
    raffle_type: str
    selection_algorithm: str
    status: str
    opens_at: datetime | None
    closes_at: datetime | None
    draw_at: datetime | None
    permit_number: str | None
    terms_version: str | None
    terms_sha256: bytes | None
    allows_multiple_wins: bool
    alternate_count: int
    claim_days: int
    source_weights: Mapping[str, int] | None


class ClosedRaffle(msgspec.Struct, frozen=True):
    """One to freeze. `given_up`: how many of its draws had no evidence."""

    raffle_code: str
    given_up: int


class ChainHead(msgspec.Struct, frozen=True):
    chain_number: int
    manifest_sha256: bytes


class DrawPrize(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    rank: int
    name: str
    prize_type: str
    prize_value: Decimal
    currency: str
    quantity: int


class ExcludedTotals(msgspec.Struct, frozen=True, kw_only=True):
    """`sha256`: of the published lines."""

    entries: int
    tickets: int
    sha256: bytes


class RaffleTotals(msgspec.Struct, frozen=True):
    ticket_count: int
    participant_count: int


class Page(msgspec.Struct, frozen=True):
    """256 leaves, the last page fewer; 8 bytes of the entry's id for each."""

    first_entry_hash: bytes
    range_start: int
    leaves: bytes
    entry_ids: bytes


class FrozenList(msgspec.Struct, frozen=True, kw_only=True):
    leaves: int
    weight: int
    root: bytes
    list_sha256: bytes
    pages: Sequence[Page]
    tiles: Sequence[Tile]


class NewDraw(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of the statement that writes it."""

    raffle_id: int
    chain_number: int
    previous_chain_number: int | None
    previous_manifest_sha256: bytes | None
    entry_count: int
    ticket_count: int
    participant_count: int
    excluded_entry_count: int
    excluded_ticket_count: int
    merkle_root: bytes
    manifest: bytes
    manifest_signature: bytes
    signing_key_id: str
    beacon_chain_sha256: bytes
    beacon_round: int
    beacon_round_at: datetime


class CountingDraw(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    chain_number: int
    status: DrawStatus
    manifest: bytes
    manifest_sha256: bytes
    manifest_signature: bytes
    beacon_round: int
    beacon_round_at: datetime
    frozen_at: datetime


class WaitingDraw(msgspec.Struct, frozen=True, kw_only=True):
    """`at`: the database's clock."""

    id: int
    raffle_code: str
    raffle_status: str
    selection_algorithm: str
    manifest: bytes
    beacon_round: int
    beacon_round_at: datetime
    at: datetime


class PointedPage(msgspec.Struct, frozen=True):
    page_number: int
    range_start: int
    leaves: bytes
    entry_ids: bytes


class EntryTicket(msgspec.Struct, frozen=True):
    entry_id: int
    ticket_id: int
    ticket_number: str
    user_id: UUID


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """What a freeze made."""

    raffle_code: str
    draw_number: int
    manifest_sha256: str
    entries: int
    tickets: int
    owners: int
    excluded: int
    beacon_round: int
    beacon_round_at: datetime


class DrawnSummary(msgspec.Struct, frozen=True, kw_only=True):
    """`is_new`: drawn now; else it was drawn before, and stays as it was."""

    raffle_code: str
    draw_number: int
    is_new: bool


class ListedDraw(msgspec.Struct, frozen=True, kw_only=True):
    """A link of the chain. `waits_for_operator`: void like those before it, and not frozen anew by itself."""

    draw_number: int
    raffle_code: str
    status: DrawStatus
    manifest_sha256: str
    frozen_at: datetime
    beacon_round: int
    beacon_round_at: datetime
    drawn_at: datetime | None
    voided_at: datetime | None
    void_reason: str | None
    waits_for_operator: bool


class DrawPosition(Position, frozen=True):
    draw_number: int


class PublishedDraw(msgspec.Struct, frozen=True, kw_only=True):
    """A row with everything that is signed."""

    id: int
    draw_number: int
    raffle_code: str
    status: DrawStatus
    manifest: bytes
    manifest_sha256: bytes
    manifest_signature: bytes
    frozen_at: datetime
    beacon_round: int
    beacon_round_at: datetime
    beacon_signature: bytes | None
    randomness: bytes | None
    blocks_read: int | None
    drawn_at: datetime | None
    voided_at: datetime | None
    void_reason: str | None
    void_document: bytes | None
    void_signature: bytes | None
    waits_for_operator: bool


class FoundLeaf(msgspec.Struct, frozen=True, kw_only=True):
    """The page and tiles of a ticket's entry; no page where the list is empty before it."""

    draw_number: int
    manifest: bytes
    manifest_signature: bytes
    entry_hash: bytes
    issuance_id: UUID
    user_id: UUID
    entry_id: int
    page_number: int | None
    leaves: bytes | None
    tiles: Sequence[bytes]


class EntryOpening(msgspec.Struct, frozen=True):
    numbers: Sequence[str]
    has_position: bool


class ExcludedEntry(msgspec.Struct, frozen=True):
    """One that was left out of the list of a draw."""

    entry_hash: bytes
    reason: str


class ConsultedPage(msgspec.Struct, frozen=True):
    page_number: int
    leaf_indexes: Sequence[int]
    leaves: bytes


class StoredOpening(msgspec.Struct, frozen=True):
    index: int
    issuance_id: UUID
    numbers: tuple[str, ...]


class StoredPosition(msgspec.Struct, frozen=True, kw_only=True):
    position: int
    block: int
    point: int
    index: int
    ticket: str
