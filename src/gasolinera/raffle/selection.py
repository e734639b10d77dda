"""From a round of public randomness to the positions of a draw. Nothing here is anybody's choice.

Blocks of a hash stream point into the total weight; what points to a ticket or an owner that was drawn already is
skipped, so the alternates are what follows the prizes in one sequence.
"""

from collections.abc import Generator, Iterator, Mapping
from hashlib import sha256
from typing import Final

import msgspec

from gasolinera.raffle.leaves import Leaf

BLOCK_BYTES: Final = 32
_LEAST_LAST_BLOCK: Final = 100_000
_BLOCKS_A_POSITION: Final = 20
_MOST_AT_ONCE: Final = 4_096


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """`weight`: the total. `units`: from a leaf's source to the weight of one ticket; a source that is not there: 1."""

    weight: int
    sought: int
    one_prize_per_owner: bool
    units: Mapping[int, int] = msgspec.field(default_factory=dict[int, int])


class Place(msgspec.Struct, frozen=True):
    """The leaf that a point belongs to."""

    index: int
    leaf: Leaf


class Pick(msgspec.Struct, frozen=True):
    """A position of the draw. `ticket`: which of the entry's numbers in ascending order, from 0."""

    position: int
    block: int
    point: int
    place: Place
    ticket: int


class Selection(msgspec.Struct, frozen=True):
    """`consulted`: every leaf that a block pointed to, skipped ones too, by index. `blocks`: how many were read."""

    picks: tuple[Pick, ...]
    consulted: Mapping[int, Leaf]
    blocks: int


def seed_of(randomness: bytes, manifest_sha256: bytes) -> bytes:
    return sha256(b"gasolinera-draw-seed-1\0" + randomness + manifest_sha256).digest()


def last_block(sought: int) -> int:
    """The number of the last block that may be read, itself included."""
    return _LEAST_LAST_BLOCK + _BLOCKS_A_POSITION * sought


def points_of(seed: bytes, weight: int, *, width: int = BLOCK_BYTES) -> Iterator[tuple[int, int]]:
    """Number of a block and its point, without the blocks that are passed over. Endless.

    Values above the greatest multiple of the weight would make the first points likelier. `width` in bytes is less in
    tests alone: at 32, no list of this world makes a block be passed over.
    """
    end = (1 << 8 * width) // weight * weight
    prefix = b"gasolinera-draw-pick-1\0" + seed
    number = 0
    while True:
        value = int.from_bytes(sha256(prefix + number.to_bytes(8, "big")).digest()[:width], "big")
        if value < end:
            yield number, value % weight
        number += 1


def select(
    seed: bytes, rules: Rules, *, width: int = BLOCK_BYTES
) -> Generator[list[int], Mapping[int, Place], Selection]:
    """Gives points, wants the place of each, and returns the positions: who has the leaves looks them up in batches.

    A batch may hold points that are not read after all; these count as nothing.
    """
    stream = points_of(seed, rules.weight, width=width)
    end = last_block(rules.sought)
    picks: list[Pick] = []
    consulted: dict[int, Leaf] = {}
    owners: set[bytes] = set()
    tickets: set[tuple[int, int]] = set()
    blocks = 0
    while len(picks) < rules.sought and blocks <= end:
        missing = rules.sought - len(picks)
        batch = [next(stream) for _ in range(min(missing + missing // 8 + 8, _MOST_AT_ONCE))]
        places = yield [point for _, point in batch]
        for block, point in batch:
            if block > end:
                blocks = end + 1
                break
            blocks = block + 1
            place = places[point]
            leaf = place.leaf
            assert leaf.start <= point < leaf.end, "a point belongs to the leaf whose range holds it"
            consulted[place.index] = leaf
            ticket = (point - leaf.start) // rules.units.get(leaf.source, 1)
            if (place.index, ticket) in tickets or (rules.one_prize_per_owner and leaf.owner_tag in owners):
                continue
            tickets.add((place.index, ticket))
            owners.add(leaf.owner_tag)
            picks.append(Pick(len(picks) + 1, block, point, place, ticket))
            if len(picks) == rules.sought:
                break
    return Selection(tuple(picks), dict(sorted(consulted.items())), blocks)
