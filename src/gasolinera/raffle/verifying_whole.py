"""The whole list of a draw: the one thing that shows that each point belongs to one entry and to no other.

It is read as a stream; what grows with it is the set of its owners' tags, and 32 bytes for each 256 entries.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import BinaryIO

import msgspec

from gasolinera.raffle.leaves import LEAF_BYTES
from gasolinera.raffle.manifest import Manifest
from gasolinera.raffle.merkle import PAGE_BYTES, page_root, tiles_above
from gasolinera.raffle.selection import Place
from gasolinera.raffle.verifying_leaves import possible_leaf, require_neighbours, unit_of
from gasolinera.raffle.verifying_reports import Outcome, require


class Seen(msgspec.Struct):
    """Where the entry that is `wanted` was met; `is_complete`: the whole list was looked through."""

    wanted: bytes | None = None
    place: Place | None = None
    reason: str | None = None
    is_complete: bool = False


def check_list(manifest: Manifest, shown: Mapping[int, str], file: BinaryIO, seen: Seen) -> tuple[Outcome, str]:
    """That the leaves in `file` are the list, all of it: none missing, none of them another's, each with its own range.

    Who shows a leaf with its proof shows nothing about the leaves beside it: two of them could have one range, to
    choose between them when the round is known. `shown`: the leaves of the bundle, by index. Raises CheckRefusedError.
    """
    entries, random = manifest.entries, manifest.raffle.algorithm == "RANDOM"
    flat, roots, owners, before, index, tickets = sha256(), list[bytes](), set[bytes](), None, 0, 0
    while page := file.read(PAGE_BYTES):
        require(len(page) % LEAF_BYTES == 0, "the list ends within an entry")
        for at in range(0, len(page), LEAF_BYTES):
            require(index < entries.leaves, "the list goes on after its last entry")
            data = page[at : at + LEAF_BYTES]
            leaf = possible_leaf(manifest, index, data)
            place = Place(index, leaf)
            require_neighbours(manifest, before, place)
            require(not random or leaf.weight == (leaf.owner_tag not in owners), "one person has two chances, or none")
            require(index not in shown or shown[index] == data.hex(), f"entry {index} is another one in the list")
            owners.add(leaf.owner_tag)
            tickets += leaf.weight // unit_of(manifest, leaf)
            if leaf.entry_hash == seen.wanted:
                seen.place = place
            before, index = place, index + 1
        flat.update(page)
        roots.append(page_root(page))
    require(index == entries.leaves, f"the list ends after {index} entries")
    require(len(owners) == entries.owners, f"the list has {len(owners)} owners, not {entries.owners}")
    require(random or tickets == entries.tickets, f"the list has {tickets} tickets, not {entries.tickets}")
    same = tiles_above(roots)[0].hex() == entries.root and flat.hexdigest() == entries.list_sha256
    require(same, "the list is not the one that was frozen")
    seen.is_complete = True
    return "good", f"the whole list is the one that was frozen: {len(owners)} owners"
