"""That an entry is in the list of a draw: from one page of leaves and a few tiles, whatever the size of the list."""

from uuid import UUID

from gasolinera.database import Connection
from gasolinera.errors import ConflictError, UnknownError
from gasolinera.raffle import queries_published as queries
from gasolinera.raffle.bundles import Inclusion, Opening
from gasolinera.raffle.documents import read_document
from gasolinera.raffle.leaves import ENTRY_HASH_BYTES, LEAF_BYTES
from gasolinera.raffle.manifest import Manifest
from gasolinera.raffle.merkle import TILE, inclusion_path, tiles_of_proof
from gasolinera.raffle.models_draws import FoundLeaf


async def prove(conn: Connection, ticket_number: str, *, holder: UUID | None, sees_all: bool) -> Inclusion:
    """The proof of the ticket's entry; with its numbers for its holder, for staff, and where one of them was drawn.

    Raises UnknownError `ticket.unknown` where no frozen draw knows the ticket, ConflictError `ticket.excluded`.
    """
    found = await queries.find_leaf(conn, ticket_number)
    if found is None:
        hint = "entries are frozen after the close of their raffle"
        raise UnknownError("ticket.unknown", "no draw has frozen this ticket", hint)
    manifest = read_document(Manifest, found.manifest)
    place = _place_of(found)
    if place is None:
        raise ConflictError("ticket.excluded", "the entry of this ticket was left out of the draw")
    index, leaf = place
    assert found.leaves is not None
    needed = tiles_of_proof(index, manifest.entries.leaves)
    path = inclusion_path(
        index, manifest.entries.leaves, found.leaves, dict(zip(needed, found.tiles[: len(needed)], strict=True))
    )
    opening = await queries.opening_of(conn, found.entry_id, found.draw_number, index)
    may_see = sees_all or opening.has_position or holder == found.user_id
    return Inclusion(
        manifest=manifest,
        signature=found.manifest_signature.hex(),
        index=index,
        leaf=leaf.hex(),
        proof=tuple(step.hex() for step in path),
        opening=Opening(issuance_id=found.issuance_id.hex, numbers=tuple(opening.numbers)) if may_see else None,
    )


def _place_of(found: FoundLeaf) -> tuple[int, bytes] | None:
    """Index and leaf by bisection: leaves are in ascending order of their entries' hashes."""
    if found.leaves is None or found.page_number is None:
        return None
    low, high = 0, len(found.leaves) // LEAF_BYTES
    while high - low > 1:
        middle = (low + high) // 2
        at = middle * LEAF_BYTES + 1
        if found.leaves[at : at + ENTRY_HASH_BYTES] <= found.entry_hash:
            low = middle
        else:
            high = middle
    leaf = found.leaves[low * LEAF_BYTES : (low + 1) * LEAF_BYTES]
    if leaf[1 : 1 + ENTRY_HASH_BYTES] != found.entry_hash:
        return None
    return found.page_number * TILE + low, leaf
