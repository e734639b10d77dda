"""What anybody may have of a draw: the chain, its documents, the list, and a bundle with everything it consulted.

What is long is given in pieces, each read with a connection of its own: a slow reader holds none.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from nacl.signing import SigningKey

from gasolinera.database import Connection, Database
from gasolinera.errors import ConflictError, InputError, UnavailableError
from gasolinera.key_file import Key
from gasolinera.keyring import signing_key
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.raffle import evidence
from gasolinera.raffle import queries_published as queries
from gasolinera.raffle.bundles import (
    BUNDLE_FORMAT,
    BeaconAnswer,
    Evidence,
    LeafProof,
    OpenedLeaf,
    Position,
    PreviousDraw,
)
from gasolinera.raffle.documents import canonical, read_document, sign
from gasolinera.raffle.errors import unknown_raffle
from gasolinera.raffle.errors_draws import unknown_draw
from gasolinera.raffle.leaves import LEAF_BYTES
from gasolinera.raffle.manifest import Manifest, prize_ends, unit_at
from gasolinera.raffle.merkle import TILE, inclusion_path
from gasolinera.raffle.models_draws import (
    ConsultedPage,
    DrawPosition,
    DrawStatus,
    ListedDraw,
    PublishedDraw,
    StoredPosition,
)

_PAGES_AT_ONCE: Final = 64  # 900 kB
_LEAVES_AT_ONCE: Final = 200  # a quarter of a second of hashing, in a thread
_ROWS_AT_ONCE: Final = 1_000
_SAMPLE_KEY: Final = SigningKey(sha256(b"sample operator 2").digest())  # no secret: it signed the draw of sample data


async def list_draws(conn: Connection, *, cursor: str | None, limit: int) -> Page[ListedDraw]:
    """The whole chain, void draws too, the newest first. Raises InputError `request.cursor`."""
    after = decode_cursor(DrawPosition, cursor)
    found = await queries.list_draws(conn, before=None if after is None else after.draw_number, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda row: DrawPosition(draw_number=row.draw_number))


async def get_draw(conn: Connection, draw_number: int) -> PublishedDraw:
    """Raises UnknownError `draw.unknown`."""
    found = await queries.get_draw(conn, draw_number)
    if found is None:
        raise unknown_draw()
    return found


async def draw_of(conn: Connection, raffle_code: str) -> PublishedDraw:
    """The draw of a raffle that counts, else the last one that is void. Raises UnknownError `raffle.unknown`."""
    found = await find_draw_of(conn, raffle_code)
    if found is None:
        raise unknown_raffle()
    return found


async def find_draw_of(conn: Connection, raffle_code: str) -> PublishedDraw | None:
    """The same; None for a raffle without a draw, or that there is not."""
    number = await queries.newest_draw_of(conn, raffle_code)
    return None if number is None else await get_draw(conn, number)


def manifest_of(draw: PublishedDraw) -> Manifest:
    """Raises InputError `draw.document`: a draw from before there were manifests has none."""
    return read_document(Manifest, draw.manifest)


async def list_of(db: Database, draw: PublishedDraw) -> AsyncGenerator[bytes]:
    """The leaves, one after the other."""
    first, pages = 0, -(-manifest_of(draw).entries.leaves // TILE)
    while first < pages:
        async with db.connection() as conn:
            found = await queries.list_pages(conn, draw.draw_number, first=first, end=first + _PAGES_AT_ONCE)
        yield b"".join(found)
        first += _PAGES_AT_ONCE


async def excluded_of(db: Database, draw: PublishedDraw) -> AsyncGenerator[bytes]:
    """A line for each entry that was left out: its hash and the reason."""
    after = b""
    while True:
        async with db.connection() as conn:
            found = await queries.excluded_after(conn, draw.draw_number, after=after, limit=_ROWS_AT_ONCE)
        yield b"".join(f"{one.entry_hash.hex()} {one.reason}\n".encode() for one in found)
        if len(found) < _ROWS_AT_ONCE:
            return
        after = found[-1].entry_hash


def not_drawn(draw: PublishedDraw) -> ConflictError:
    return ConflictError("draw.not_drawn", f"draw {draw.draw_number} is {draw.status}: there is no bundle of it")


class _Head(msgspec.Struct, frozen=True):
    """The fields of a bundle before its lists, in their order."""

    beacon: BeaconAnswer
    blocks: int
    evidence: Evidence
    format: str


def sealing_key(draw: PublishedDraw, keys: Iterable[Key]) -> SigningKey:
    """The one of the ring's that has signed the manifest; a retired one still seals.

    Raises UnavailableError `draw.key_missing` where the ring does not hold it any more.
    """
    operator = manifest_of(draw).operator
    own = [signing_key(key) for key in keys if key.id == operator.key_id]
    for key in (*own, _SAMPLE_KEY):
        if key.verify_key.encode().hex() == operator.public_key:
            return key
    raise UnavailableError(
        "draw.key_missing",
        f"raffle key {operator.key_id}, which has signed draw {draw.draw_number}, is not in the key ring",
        "put it back: keys of draws are kept for ever",
    )


async def bundle_of(db: Database, draw: PublishedDraw, key: SigningKey) -> AsyncGenerator[bytes]:
    """The canonical document in pieces: its fields come in the order of their names. `key` is `sealing_key`'s.

    A copy of all pieces is held until the end, for the seal is over all of them. Raises ConflictError
    `draw.not_drawn` before the first piece.
    """
    if draw.status is not DrawStatus.DRAWN:
        raise not_drawn(draw)
    contents = bytearray()
    async for piece in _before_the_seal(db, draw):
        contents += piece
        yield piece
    signature = b'"signature":"' + draw.manifest_signature.hex().encode() + b'"}'
    contents += signature
    seal = await asyncio.to_thread(sign, key, BUNDLE_FORMAT, contents)
    yield b'"seal":"' + seal.hex().encode() + b'",' + signature


async def _before_the_seal(db: Database, draw: PublishedDraw) -> AsyncGenerator[bytes]:
    assert draw.beacon_signature is not None
    assert draw.randomness is not None
    assert draw.blocks_read is not None, "a constraint holds what is drawn to have these"
    manifest = manifest_of(draw)
    async with db.connection() as conn:
        held = await evidence.load_evidence(conn, draw.id)
        previous = await _previous(conn, draw)
    head = _Head(
        beacon=BeaconAnswer(
            round=draw.beacon_round, signature=draw.beacon_signature.hex(), randomness=draw.randomness.hex()
        ),
        blocks=draw.blocks_read,
        evidence=held,
        format=BUNDLE_FORMAT,
    )
    yield canonical(head)[:-1] + b',"leaves":['
    async for piece in _listed(_leaves(db, draw, manifest)):
        yield piece
    yield b'],"manifest":' + draw.manifest + b',"openings":['
    async for piece in _listed(_openings(db, draw)):
        yield piece
    yield b'],"positions":['
    async for piece in _listed(_positions(db, draw, manifest)):
        yield piece
    before = b"null" if previous is None else canonical(previous)
    yield b'],"previous":' + before + b","


async def _previous(conn: Connection, draw: PublishedDraw) -> PreviousDraw | None:
    if draw.draw_number == 1:
        return None
    before = await get_draw(conn, draw.draw_number - 1)
    return PreviousDraw(manifest=manifest_of(before), signature=before.manifest_signature.hex())


async def _listed(pieces: AsyncGenerator[list[bytes]]) -> AsyncGenerator[bytes]:
    is_first = True
    async for piece in pieces:
        if piece:
            yield (b"" if is_first else b",") + b",".join(piece)
            is_first = False


async def _leaves(db: Database, draw: PublishedDraw, manifest: Manifest) -> AsyncGenerator[list[bytes]]:
    async with db.connection() as conn:
        found = await queries.tiles_of(conn, draw.draw_number)
    tiles = {(tile.level, tile.number): tile.hashes for tile in found}
    after = -1
    while True:
        async with db.connection() as conn:
            pages = await queries.consulted_after(conn, draw.draw_number, after=after, limit=_LEAVES_AT_ONCE)
        yield await asyncio.to_thread(_proven, pages, tiles, manifest.entries.leaves)
        if sum(len(page.leaf_indexes) for page in pages) < _LEAVES_AT_ONCE:
            return
        after = pages[-1].leaf_indexes[-1]


def _proven(pages: list[ConsultedPage], tiles: Mapping[tuple[int, int], bytes], size: int) -> list[bytes]:
    proven: list[bytes] = []
    for page in pages:
        for index in page.leaf_indexes:
            at = index % TILE * LEAF_BYTES
            path = inclusion_path(index, size, page.leaves, tiles)
            leaf = page.leaves[at : at + LEAF_BYTES].hex()
            proven.append(canonical(LeafProof(index=index, leaf=leaf, proof=tuple(step.hex() for step in path))))
    return proven


async def _openings(db: Database, draw: PublishedDraw) -> AsyncGenerator[list[bytes]]:
    after = -1
    while True:
        async with db.connection() as conn:
            found = await queries.openings_after(conn, draw.draw_number, after=after, limit=_ROWS_AT_ONCE)
        yield [
            canonical(OpenedLeaf(index=one.index, issuance_id=one.issuance_id.hex, numbers=one.numbers))
            for one in found
        ]
        if len(found) < _ROWS_AT_ONCE:
            return
        after = found[-1].index


async def _positions(db: Database, draw: PublishedDraw, manifest: Manifest) -> AsyncGenerator[list[bytes]]:
    ends = prize_ends(manifest.prizes)
    after = 0
    while True:
        async with db.connection() as conn:
            found = await queries.positions_after(conn, draw.draw_number, after=after, limit=_ROWS_AT_ONCE)
        yield [canonical(_shown(one, manifest, ends)) for one in found]
        if len(found) < _ROWS_AT_ONCE:
            return
        after = found[-1].position


def _shown(one: StoredPosition, manifest: Manifest, ends: Sequence[int]) -> Position:
    rank, unit = unit_at(manifest.prizes, ends, one.position)
    return Position(
        position=one.position,
        block=one.block,
        point=one.point,
        index=one.index,
        ticket=one.ticket,
        role="ALTERNATE" if rank is None else "PRIZE",
        rank=rank,
        unit=unit,
    )


def void_of(draw: PublishedDraw) -> tuple[bytes, bytes]:
    """The document and its signature. Raises InputError `draw.not_void`."""
    if draw.void_document is None or draw.void_signature is None:
        raise InputError("draw.not_void", f"draw {draw.draw_number} is {draw.status}, not void")
    return draw.void_document, draw.void_signature
