"""What each leaf of a list must be by itself, beside its neighbour, and with the tickets that are shown for it."""

from collections.abc import Sequence
from uuid import UUID

from gasolinera.raffle.bundles import LeafProof, OpenedLeaf, Opening
from gasolinera.raffle.documents import canonical, is_signed
from gasolinera.raffle.leaves import Leaf, entry_hash, read_leaf
from gasolinera.raffle.manifest import Manifest, units_of
from gasolinera.raffle.merkle import leaf_hash, root_from_path
from gasolinera.raffle.selection import Place
from gasolinera.raffle.verifying_reports import CheckRefusedError, Outcome, require


def check_signature(manifest: Manifest, signature: str) -> tuple[Outcome, str]:
    key = bytes.fromhex(manifest.operator.public_key)
    signed = is_signed(key, manifest.format, canonical(manifest), bytes.fromhex(signature))
    require(signed, "the manifest's signature is wrong")
    return "good", "the key that the manifest names has signed it"


def require_ascending(values: Sequence[int] | Sequence[str], words: str) -> None:
    require(list(values) == sorted(set(values)), words)


def check_in_list(manifest: Manifest, given: LeafProof) -> Leaf:
    """The leaf, when it is where the proof says. Raises CheckRefusedError."""
    data = bytes.fromhex(given.leaf)
    path = [bytes.fromhex(beside) for beside in given.proof]
    root = root_from_path(given.index, manifest.entries.leaves, leaf_hash(data), path)
    is_there = root is not None and root.hex() == manifest.entries.root
    require(is_there, f"entry {given.index} is not in the list that was frozen")
    return possible_leaf(manifest, given.index, data)


def possible_leaf(manifest: Manifest, index: int, data: bytes) -> Leaf:
    """Raises CheckRefusedError for what no list of this draw can hold."""
    try:
        leaf = read_leaf(data)
    except ValueError:
        raise CheckRefusedError(f"entry {index} is of no known source") from None
    unit = unit_of(manifest, leaf)
    possible = leaf.weight <= 1 if manifest.raffle.algorithm == "RANDOM" else leaf.weight > 0
    require(unit > 0 and leaf.weight % unit == 0 and possible, f"entry {index} has an impossible weight")
    return leaf


def unit_of(manifest: Manifest, leaf: Leaf) -> int:
    """What one ticket of the entry weighs; 0 where the manifest does not say."""
    return 1 if manifest.weights is None else units_of(manifest).get(leaf.source, 0)


def require_neighbours(manifest: Manifest, before: Place | None, place: Place) -> None:
    """Of two leaves that follow each other in what is shown. Raises CheckRefusedError."""
    leaf, entries = place.leaf, manifest.entries
    if before is not None:
        in_order = place.index > before.index and leaf.entry_hash > before.leaf.entry_hash
        require(in_order, f"entry {place.index} is not in its order")
    beside = place.index == (0 if before is None else before.index + 1)
    end = 0 if before is None else before.leaf.end
    fits = leaf.start == end if beside else leaf.start >= end
    require(fits, f"the range of entry {place.index} overlaps the one before, or leaves a hole")
    ends = leaf.end == entries.weight if place.index == entries.leaves - 1 else leaf.end <= entries.weight
    require(ends, "the ranges end at another place than the manifest says")


def check_opening(manifest: Manifest, leaf: Leaf, opening: Opening | OpenedLeaf) -> None:
    """That an entry has these tickets. Raises CheckRefusedError."""
    require_ascending(opening.numbers, "ticket numbers are not in order, or twice")
    found = entry_hash(manifest.raffle.code, UUID(opening.issuance_id), opening.numbers)
    require(found == leaf.entry_hash, "an entry has other tickets than those that are shown")
    enough = manifest.raffle.algorithm == "RANDOM" or len(opening.numbers) * unit_of(manifest, leaf) == leaf.weight
    require(enough and len(opening.numbers) > 0, "an entry weighs more or less than its tickets")
