"""The leaves of a draw: an entry in 54 bytes, and how an entry and its owner are known without being named."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

LEAF_BYTES: Final = 54
ENTRY_HASH_BYTES: Final = 28
OWNER_TAG_BYTES: Final = 16
SOURCES: Final = {"COUPON_REDEMPTION": 1, "AD_ENGAGEMENT": 2, "PROMOTIONAL": 3, "BONUS": 4, "FREE_ENTRY": 5}

_HASH_AT: Final = 1
_TAG_AT: Final = _HASH_AT + ENTRY_HASH_BYTES
_START_AT: Final = _TAG_AT + OWNER_TAG_BYTES
_WEIGHT_AT: Final = _START_AT + 5


class Leaf(msgspec.Struct, frozen=True):
    """The range [start, start + weight) of the total weight is this entry's."""

    source: int
    entry_hash: bytes
    owner_tag: bytes
    start: int
    weight: int

    @property
    def end(self) -> int:
        return self.start + self.weight


def read_leaf(data: bytes) -> Leaf:
    """Raises ValueError for another length or an unknown source."""
    if len(data) != LEAF_BYTES:
        raise ValueError(f"a leaf has {LEAF_BYTES} bytes, not {len(data)}")
    if data[0] not in SOURCES.values():
        raise ValueError(f"{data[0]} is no source of entries")
    return Leaf(
        source=data[0],
        entry_hash=data[_HASH_AT:_TAG_AT],
        owner_tag=data[_TAG_AT:_START_AT],
        start=int.from_bytes(data[_START_AT:_WEIGHT_AT], "big"),
        weight=int.from_bytes(data[_WEIGHT_AT:], "big"),
    )


def entry_hash(raffle_code: str, issuance_id: UUID, numbers: Sequence[str]) -> bytes:
    """`numbers` in any order; the database computes the same in raffle_schema.entry_hash."""
    code = raffle_code.encode("ascii")
    return hashlib.sha256(
        b"".join(
            (
                b"gasolinera-entry-1\0",
                len(code).to_bytes(1, "big"),
                code,
                issuance_id.bytes,
                len(numbers).to_bytes(4, "big"),
                *sorted(number.encode("ascii") for number in numbers),
            )
        )
    ).digest()[:ENTRY_HASH_BYTES]


def owner_tag(raffle_key: bytes, raffle_code: str, user_id: UUID) -> bytes:
    """Equal for the entries of one person in one raffle, and says nothing about who it is."""
    message = b"gasolinera-owner-1\0" + raffle_code.encode("ascii") + b"\0" + user_id.bytes
    return hmac.digest(raffle_key, message, "sha256")[:OWNER_TAG_BYTES]
