"""What is said, signed and published when the entries of a raffle are frozen: before the randomness exists."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from gasolinera.raffle.documents import Count, Hash, Hex, PublicKey, Time
from gasolinera.raffle.leaves import SOURCES
from gasolinera.raffle.selection import Rules

MANIFEST_FORMAT: Final = "gasolinera-draw-manifest-1"
VOID_FORMAT: Final = "gasolinera-draw-void-1"
SCHEME: Final = "bls-unchained-g1-rfc9380"

Source: TypeAlias = Literal["COUPON_REDEMPTION", "AD_ENGAGEMENT", "PROMOTIONAL", "BONUS", "FREE_ENTRY"]
Algorithm: TypeAlias = Literal["RANDOM", "WEIGHTED", "MERKLE_TREE", "PROVABLY_FAIR"]
Weight: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Positive: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verifier refuses fields that it does not know."""


class RaffleRules(_Part, frozen=True, kw_only=True):
    code: Text
    name: Text
    type: Text
    algorithm: Algorithm
    permit_number: Text | None
    terms_version: Text
    terms_sha256: Hash
    opens_at: Time
    closes_at: Time


class EntryList(_Part, frozen=True, kw_only=True):
    leaves: Positive
    tickets: Positive
    owners: Positive
    weight: Positive
    root: Hash
    list_sha256: Hash


class Excluded(_Part, frozen=True, kw_only=True):
    entries: Count
    sha256: Hash


class PrizeLine(_Part, frozen=True, kw_only=True):
    rank: Positive
    name: Text
    type: Text
    value: Text
    currency: Text
    quantity: Positive


class BeaconRound(_Part, frozen=True, kw_only=True):
    scheme: Literal["bls-unchained-g1-rfc9380"]
    id: Text
    chain_hash: Hash
    group_hash: Hash
    public_key: Hex
    genesis_time: Count
    period_s: Positive
    round: Positive
    round_at: Time


class WitnessKey(_Part, frozen=True, kw_only=True):
    terminal: Text
    public_key: PublicKey


class EvidenceRules(_Part, frozen=True, kw_only=True):
    required: bool
    gap_s: Count
    quorum: Count
    witnesses: tuple[WitnessKey, ...]


class Operator(_Part, frozen=True, kw_only=True):
    key_id: Count
    public_key: PublicKey


class Manifest(_Part, frozen=True, kw_only=True):
    format: Literal["gasolinera-draw-manifest-1"] = MANIFEST_FORMAT
    rules: Literal[1] = 1
    draw_number: Positive
    previous: Hash | None
    raffle: RaffleRules
    frozen_at: Time
    entries: EntryList
    excluded: Excluded
    weights: Mapping[Source, Weight] | None
    prizes: Annotated[tuple[PrizeLine, ...], msgspec.Meta(min_length=1)]
    alternates: Count
    one_prize_per_owner: bool
    beacon: BeaconRound
    evidence: EvidenceRules
    operator: Operator


class VoidDraw(_Part, frozen=True, kw_only=True):
    """Why a draw was given up. It keeps its number in the chain."""

    format: Literal["gasolinera-draw-void-1"] = VOID_FORMAT
    draw_number: Positive
    manifest_sha256: Hash
    reason: Text
    voided_at: Time
    operator: Operator


def units_of(manifest: Manifest) -> dict[int, int]:
    """The weight of one ticket by the leaf's source."""
    return {} if manifest.weights is None else {SOURCES[name]: weight for name, weight in manifest.weights.items()}


def positions_sought(manifest: Manifest) -> int:
    """Units of all prizes and the alternates, or as many as can be drawn at all."""
    entries = manifest.entries
    tickets = entries.weight if manifest.raffle.algorithm == "RANDOM" else entries.tickets
    capacity = entries.owners if manifest.one_prize_per_owner else tickets
    return min(sum(prize.quantity for prize in manifest.prizes) + manifest.alternates, capacity)


def rules_of(manifest: Manifest) -> Rules:
    return Rules(
        weight=manifest.entries.weight,
        sought=positions_sought(manifest),
        one_prize_per_owner=manifest.one_prize_per_owner,
        units=units_of(manifest),
    )


def prize_ends(prizes: Sequence[PrizeLine]) -> list[int]:
    """The last position that wins each prize, in order."""
    return list(accumulate(prize.quantity for prize in prizes))


def unit_at(prizes: Sequence[PrizeLine], ends: Sequence[int], position: int) -> tuple[int, int] | tuple[None, None]:
    """Rank and unit that a position wins; neither for an alternate. `ends` is `prize_ends`'s."""
    at = bisect_left(ends, position)
    if at == len(ends):
        return None, None
    prize = prizes[at]
    return prize.rank, position - (ends[at] - prize.quantity)
