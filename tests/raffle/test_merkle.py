"""The tree against the published vectors of Certificate Transparency, and against the RFC's definition by recursion."""

from hashlib import sha256
from itertools import pairwise

import pytest

from gasolinera.raffle.leaves import LEAF_BYTES
from gasolinera.raffle.merkle import (
    TILE,
    inclusion_path,
    leaf_hash,
    page_root,
    path_in,
    root_from_path,
    root_of,
    tiles_above,
    tiles_of_proof,
)

# transparency-dev/merkle, testonly/constants.go
_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
_ROOTS = ("6e340b9c", "fac54203", "aeb6bcfe", "d37ee418", "4e3bbb1f", "76e67dad", "ddb89be4", "5dc9da79")


def _tree(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word by word: split at the largest power of two below the count."""
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + _tree(leaves[:split]) + _tree(leaves[split:])).digest()


def _leaves(count: int) -> list[bytes]:
    return [number.to_bytes(LEAF_BYTES, "big") for number in range(count)]


@pytest.mark.parametrize(("size", "root"), list(enumerate(_ROOTS, 1)))
def test_published_roots_come_out(size: int, root: str) -> None:
    assert root_of([leaf_hash(leaf) for leaf in _LEAVES[:size]]).hex().startswith(root)


def test_the_published_proof_of_the_first_of_eight_leaves_comes_out() -> None:
    path = path_in([leaf_hash(leaf) for leaf in _LEAVES], 0)
    assert [step.hex()[:8] for step in path] == ["96a296d2", "5f083f0a", "6b47aaf2"]


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert root_of([]) == sha256(b"").digest()


def test_every_place_of_every_small_tree_is_proven_and_no_other_place() -> None:
    for size in range(1, 40):
        hashes = [leaf_hash(leaf) for leaf in _leaves(size)]
        root = _tree(_leaves(size))
        for index in range(size):
            path = path_in(list(hashes), index)
            assert root_from_path(index, size, hashes[index], path) == root
            for other in {*range(size)} - {index}:
                assert root_from_path(other, size, hashes[index], path) != root
            assert root_from_path(index, size, hashes[index], [*path, root]) is None
            if path:
                assert root_from_path(index, size, hashes[index], path[:-1]) != root
        assert root_from_path(size, size, hashes[0], []) is None


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 513, 1000, 66_000])
def test_pages_and_tiles_give_the_tree_and_the_proofs_of_the_whole(size: int) -> None:
    leaves = _leaves(size)
    pages = [b"".join(leaves[at : at + TILE]) for at in range(0, size, TILE)]
    root, tiles = tiles_above([page_root(page) for page in pages])
    assert root == _tree(leaves)
    stored = {(tile.level, tile.number): tile.hashes for tile in tiles}
    assert len(stored) == len(tiles)
    for index in {0, size - 1, size // 2, *range(0, size, size // 17 + 1)}:
        found = {key: stored[key] for key in tiles_of_proof(index, size)}
        path = inclusion_path(index, size, pages[index // TILE], found)
        assert root_from_path(index, size, leaf_hash(leaves[index]), path) == root


def test_a_tree_of_trees_needs_few_tiles() -> None:
    assert tiles_of_proof(9_999_999, 10_000_000) == [(1, 152), (2, 0)]
    assert all(left < right for left, right in pairwise(tiles_of_proof(70_000_000, 100_000_000)))
