"""The list of a draw out of the database: leaves as they come, hashed page by page while the server makes the next.

The server sorts, weighs and packs; nothing here is done for each leaf but slicing and hashing. What stays in memory is
the list itself, 62 bytes a leaf, until it is stored.
"""

from hashlib import sha256
from typing import Final

from gasolinera.database import Connection
from gasolinera.raffle import queries_draws as queries
from gasolinera.raffle.leaves import ENTRY_HASH_BYTES, LEAF_BYTES, SOURCES, read_leaf
from gasolinera.raffle.merkle import TILE, page_root, tiles_above
from gasolinera.raffle.models_draws import FrozenList, LockedRaffle, Page

# PostgreSQL's binary COPY: a signature and two lengths, then of each row the count of its fields and, before each
# field, its length; then -1 instead of a count.
_HEAD: Final = 19
_LEAF_AT: Final = 2 + 4
_ID_AT: Final = _LEAF_AT + LEAF_BYTES + 4
_ROW: Final = _ID_AT + 8
_PAGE_OF_ROWS: Final = TILE * _ROW
_END: Final = b"\xff\xff"


class _Reader:
    """Takes the pieces of one COPY."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.roots: list[bytes] = []
        self.flat = sha256()
        self._rest = bytearray()
        self._is_begun = False

    async def take(self, piece: bytes) -> None:
        self._rest += piece
        if not self._is_begun and len(self._rest) >= _HEAD:
            del self._rest[:_HEAD]
            self._is_begun = True
        whole = len(self._rest) // _PAGE_OF_ROWS * _PAGE_OF_ROWS if self._is_begun else 0
        for at in range(0, whole, _PAGE_OF_ROWS):
            self._add_page(bytes(self._rest[at : at + _PAGE_OF_ROWS]))
        del self._rest[:whole]

    def finish(self) -> None:
        assert self._rest.endswith(_END), "the server ends its COPY"
        rows = bytes(self._rest[: -len(_END)])
        assert len(rows) % _ROW == 0, "every row of the list is as long as the others"
        if rows:
            self._add_page(rows)

    def _add_page(self, rows: bytes) -> None:
        begins = range(0, len(rows), _ROW)
        leaves = b"".join([rows[at + _LEAF_AT : at + _LEAF_AT + LEAF_BYTES] for at in begins])
        ids = b"".join([rows[at + _ID_AT : at + _ROW] for at in begins])
        self.flat.update(leaves)
        self.roots.append(page_root(leaves))
        first = leaves[1 : 1 + ENTRY_HASH_BYTES]
        start = int.from_bytes(leaves[LEAF_BYTES - 9 : LEAF_BYTES - 4], "big")
        self.pages.append(Page(first, start, leaves, ids))


async def read_list(conn: Connection, raffle: LockedRaffle, draw_number: int) -> FrozenList | None:
    """Without the entries that the draw excludes; None where nothing is left."""
    reader = _Reader()
    await queries.copy_list(conn, raffle.id, draw_number, weights_of(raffle), reader.take)
    reader.finish()
    if not reader.pages:
        return None
    last = reader.pages[-1].leaves
    root, tiles = tiles_above(reader.roots)
    return FrozenList(
        leaves=(len(reader.pages) - 1) * TILE + len(last) // LEAF_BYTES,
        weight=read_leaf(last[-LEAF_BYTES:]).end,
        root=root,
        list_sha256=reader.flat.digest(),
        pages=reader.pages,
        tiles=tiles,
    )


def weights_of(raffle: LockedRaffle) -> dict[str, int] | None:
    """Of one ticket by its source; None in a RANDOM draw, where owners count and not tickets."""
    if raffle.selection_algorithm == "RANDOM":
        return None
    return dict.fromkeys(SOURCES, 1) | dict(raffle.source_weights or {})
