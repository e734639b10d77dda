"""Everything that a draw consulted, in one document; and the proof that an entry is in the list of a draw."""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from gasolinera.raffle.documents import Count, Hash, Hex, Signature, Time
from gasolinera.raffle.leaves import LEAF_BYTES
from gasolinera.raffle.manifest import Manifest, Positive, Text

BUNDLE_FORMAT: Final = "gasolinera-draw-bundle-1"
INCLUSION_FORMAT: Final = "gasolinera-inclusion-1"

LeafHex: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"\A[0-9a-f]{{{2 * LEAF_BYTES}}}\Z")]
IssuanceId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
TicketNumber: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\ATKT[0-9A-HJKMNP-TV-Z]{16}\Z")]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verifier refuses fields that it does not know."""


class Timestamp(_Part, frozen=True, kw_only=True):
    token: Hex


class WitnessSignature(_Part, frozen=True, kw_only=True):
    terminal: Text
    signed_at: Time
    signature: Signature


class Evidence(_Part, frozen=True, kw_only=True):
    timestamps: tuple[Timestamp, ...] = ()
    witnesses: tuple[WitnessSignature, ...] = ()


class PreviousDraw(_Part, frozen=True, kw_only=True):
    manifest: Manifest
    signature: Signature


class BeaconAnswer(_Part, frozen=True, kw_only=True):
    round: Positive
    signature: Hex
    randomness: Hash


class LeafProof(_Part, frozen=True, kw_only=True):
    index: Count
    leaf: LeafHex
    proof: tuple[Hash, ...]


class Opening(_Part, frozen=True, kw_only=True):
    issuance_id: IssuanceId
    numbers: tuple[TicketNumber, ...]


class OpenedLeaf(_Part, frozen=True, kw_only=True):
    index: Count
    issuance_id: IssuanceId
    numbers: tuple[TicketNumber, ...]


class Position(_Part, frozen=True, kw_only=True):
    position: Positive
    block: Count
    point: Count
    index: Count
    ticket: TicketNumber
    role: Literal["PRIZE", "ALTERNATE"]
    rank: Positive | None
    unit: Positive | None


class Contents(_Part, frozen=True, kw_only=True):
    """A bundle without its seal: what the seal is over."""

    format: Literal["gasolinera-draw-bundle-1"] = BUNDLE_FORMAT
    manifest: Manifest
    signature: Signature
    previous: PreviousDraw | None
    evidence: Evidence
    beacon: BeaconAnswer
    leaves: tuple[LeafProof, ...]
    openings: tuple[OpenedLeaf, ...]
    positions: tuple[Position, ...]
    blocks: Count


class Bundle(Contents, frozen=True, kw_only=True):
    """`seal`: by the key of the manifest, so that nobody changes what no other signature is over."""

    seal: Signature


def contents_of(bundle: Bundle) -> Contents:
    return Contents(**{name: getattr(bundle, name) for name in Contents.__struct_fields__})


class Inclusion(_Part, frozen=True, kw_only=True):
    """`opening` is for the holder of the tickets, for staff, and for entries that won."""

    format: Literal["gasolinera-inclusion-1"] = INCLUSION_FORMAT
    manifest: Manifest
    signature: Signature
    index: Count
    leaf: LeafHex
    proof: tuple[Hash, ...]
    opening: Opening | None
