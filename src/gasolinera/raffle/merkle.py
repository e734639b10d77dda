"""The tree of RFC 9162, section 2.1, over leaves that come in pages, and proofs from what is stored of it.

Pairing the hashes of a level and passing an odd last one up unhashed gives the tree of the RFC. So the roots of pages
of 256 leaves, the last one shorter, are a level of the whole tree, and the roots of 256 of these are one again: a tile.
Level 0 is not stored: the page of the leaves gives it in less than a millisecond.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from gasolinera.raffle.leaves import LEAF_BYTES

TILE: Final = 256
PAGE_BYTES: Final = TILE * LEAF_BYTES
HASH_BYTES: Final = 32


class Tile(msgspec.Struct, frozen=True):
    """Up to 256 hashes of one level, one after the other. Level 1 holds the roots of pages of leaves."""

    level: int
    number: int
    hashes: bytes


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def page_hashes(page: bytes) -> list[bytes]:
    """Of the leaves in a page. Written for speed: this loop and the next are what a freeze waits for."""
    digest = sha256
    return [digest(b"\0" + page[at : at + LEAF_BYTES]).digest() for at in range(0, len(page), LEAF_BYTES)]


def root_of(hashes: list[bytes]) -> bytes:
    digest = sha256
    if not hashes:
        return digest(b"").digest()
    while len(hashes) > 1:
        level = b"".join(hashes)
        odd = hashes[-1] if len(hashes) % 2 else None
        paired = len(level) - (HASH_BYTES if odd else 0)
        hashes = [digest(b"\1" + level[at : at + 2 * HASH_BYTES]).digest() for at in range(0, paired, 2 * HASH_BYTES)]
        if odd is not None:
            hashes.append(odd)
    return hashes[0]


def page_root(page: bytes) -> bytes:
    return root_of(page_hashes(page))


def tiles_above(page_roots: Sequence[bytes]) -> tuple[bytes, list[Tile]]:
    """The root of the whole tree, and every tile over the pages."""
    tiles: list[Tile] = []
    level, roots = 1, list(page_roots)
    while True:
        groups = [roots[at : at + TILE] for at in range(0, len(roots), TILE)] or [[]]
        tiles += [Tile(level, number, b"".join(group)) for number, group in enumerate(groups) if group]
        roots = [root_of(group) for group in groups]
        if len(roots) == 1:
            return roots[0], tiles
        level += 1


def path_in(hashes: list[bytes], index: int) -> list[bytes]:
    """From the hash at `index` up to the root of these: RFC 9162, section 2.1.3.1."""
    assert 0 <= index < len(hashes)
    path: list[bytes] = []
    while len(hashes) > 1:
        beside = index ^ 1
        if beside < len(hashes):
            path.append(hashes[beside])
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        above = [node_hash(left, right) for left, right in pairs]
        hashes = above + hashes[len(hashes) - len(hashes) % 2 :]
        index //= 2
    return path


def split_hashes(tile: bytes) -> list[bytes]:
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def tiles_of_proof(index: int, size: int) -> list[tuple[int, int]]:
    """Level and number of the tiles that a proof needs besides the page of its leaf."""
    needed: list[tuple[int, int]] = []
    level, width, number = 1, -(-size // TILE), index // TILE
    while True:
        needed.append((level, number // TILE))
        if width <= TILE:
            return needed
        level, width, number = level + 1, -(-width // TILE), number // TILE


def inclusion_path(index: int, size: int, page: bytes, tiles: Mapping[tuple[int, int], bytes]) -> list[bytes]:
    """The hashes from the leaf up. `page` holds the leaf; `tiles` all that `tiles_of_proof` names."""
    path = path_in(page_hashes(page), index % TILE)
    number = index // TILE
    for level, tile in tiles_of_proof(index, size):
        path += path_in(split_hashes(tiles[level, tile]), number % TILE)
        number //= TILE
    return path


def root_from_path(index: int, size: int, hash_of_leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that the path leads to, None where its length is not that of this place: RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        return None
    place, last, found = index, size - 1, hash_of_leaf
    for beside in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            found = node_hash(beside, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, beside)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None
