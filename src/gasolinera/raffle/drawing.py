"""The draw: what a round of public randomness makes of a frozen list. All of it in one transaction, or nothing.

There is nothing to choose: the manifest names the round, the round gives the sequence. Whoever draws, however often he
tries and whenever he is interrupted, the same tickets win.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from gasolinera.database import Connection
from gasolinera.errors import ConflictError, InputError
from gasolinera.raffle import evidence
from gasolinera.raffle import queries_draws as queries
from gasolinera.raffle.beacon import Chain, Round, verify_round
from gasolinera.raffle.documents import read_document
from gasolinera.raffle.errors import unknown_raffle
from gasolinera.raffle.errors_draws import not_frozen, other_chain
from gasolinera.raffle.events import OUTBOX
from gasolinera.raffle.leaves import LEAF_BYTES, read_leaf
from gasolinera.raffle.manifest import Manifest, prize_ends, rules_of, unit_at
from gasolinera.raffle.merkle import TILE
from gasolinera.raffle.models_draws import (
    CountingDraw,
    DrawnSummary,
    DrawStatus,
    EntryTicket,
    LockedRaffle,
    PointedPage,
)
from gasolinera.raffle.models_evidence import held_by
from gasolinera.raffle.queries_draws import NewPosition
from gasolinera.raffle.selection import Place, Selection, seed_of, select

_START_AT = LEAF_BYTES - 9
_START_END = LEAF_BYTES - 4


async def draw(conn: Connection, raffle_code: str, found: Round) -> DrawnSummary:
    """Write down what the round gives; where it is written already, say so. Locks the raffle.

    Raises UnknownError `raffle.unknown`, ConflictError `draw.not_frozen`, `draw.no_evidence`, `draw.cancelled`,
    `beacon.other_chain` for what the manifest's chain has not signed, and InputError `draw.wrong_round` for another
    round than the manifest names.
    """
    await queries.make_room_for_many(conn)
    raffle = await queries.lock_raffle(conn, raffle_code)
    if raffle is None:
        raise unknown_raffle()
    counting = await queries.counting_draw(conn, raffle.id)
    if counting is None:
        raise not_frozen()
    if found.round != counting.beacon_round:
        hint = "the manifest names the only round that counts"
        raise InputError("draw.wrong_round", f"the draw waits for round {counting.beacon_round}", hint)
    if counting.status is DrawStatus.DRAWN:
        return DrawnSummary(raffle_code=raffle.raffle_code, draw_number=counting.chain_number, is_new=False)
    if raffle.status == "CANCELLED":
        raise ConflictError("draw.cancelled", "the raffle is cancelled: its draw is void")
    manifest = read_document(Manifest, counting.manifest)
    if await asyncio.to_thread(verify_round, chain_of(manifest), found.round, found.signature) != found:
        raise other_chain()
    await _check_evidence(conn, counting, manifest)
    selection, entry_ids = await _select(conn, counting, manifest, found.randomness)
    await queries.begin_drawing(conn, raffle.id)
    await queries.mark_drawn(
        conn, counting.id, signature=found.signature, randomness=found.randomness, blocks=selection.blocks
    )
    await _write(conn, raffle, counting, manifest, selection, entry_ids)
    await queries.complete_raffle(conn, raffle.id)
    await _tell(conn, raffle, counting, found, positions=len(selection.picks))
    return DrawnSummary(raffle_code=raffle.raffle_code, draw_number=counting.chain_number, is_new=True)


def chain_of(manifest: Manifest) -> Chain:
    """Whose round draws. It was a good one when the manifest was signed."""
    beacon = manifest.beacon
    return Chain(
        scheme=beacon.scheme,
        id=beacon.id,
        chain_hash=beacon.chain_hash,
        group_hash=beacon.group_hash,
        public_key=beacon.public_key,
        genesis_time=beacon.genesis_time,
        period_s=beacon.period_s,
    )


async def has_evidence(conn: Connection, draw_id: int, manifest: Manifest) -> bool:
    """Where it is required: whether anything besides the operator's word says when the list was frozen."""
    if not manifest.evidence.required:
        return True
    found = await evidence.load_evidence(conn, draw_id)
    return bool(held_by(len(found.timestamps), len(found.witnesses), manifest.evidence.quorum))


async def _check_evidence(conn: Connection, counting: CountingDraw, manifest: Manifest) -> None:
    if not await has_evidence(conn, counting.id, manifest):
        hint = "cancel the raffle; its tickets go back to their holders"
        raise ConflictError("draw.no_evidence", "nobody but the operator says when these entries were frozen", hint)


async def _select(
    conn: Connection, counting: CountingDraw, manifest: Manifest, randomness: bytes
) -> tuple[Selection, dict[int, int]]:
    """The sequence, and the entry of every leaf that was pointed to."""
    entry_ids: dict[int, int] = {}
    steps = select(seed_of(randomness, counting.manifest_sha256), rules_of(manifest))
    points = next(steps)
    while True:
        pages = await queries.pages_of_points(conn, counting.chain_number, points)
        try:
            points = steps.send(places_of(pages, points, entry_ids))
        except StopIteration as end:
            return end.value, entry_ids


def places_of(pages: Sequence[PointedPage], points: Sequence[int], entry_ids: dict[int, int]) -> dict[int, Place]:
    """The leaf of each point; the ids of their entries are added."""
    begins = [page.range_start for page in pages]
    places: dict[int, Place] = {}
    for point in points:
        page = pages[bisect_right(begins, point) - 1]
        leaves = page.leaves
        # The last leaf that starts at the point or before: one without weight starts where the next one does.
        low, high = 0, len(leaves) // LEAF_BYTES
        while high - low > 1:
            middle = (low + high) // 2
            at = middle * LEAF_BYTES
            if int.from_bytes(leaves[at + _START_AT : at + _START_END], "big") <= point:
                low = middle
            else:
                high = middle
        index = page.page_number * TILE + low
        places[point] = Place(index, read_leaf(leaves[low * LEAF_BYTES : (low + 1) * LEAF_BYTES]))
        entry_ids[index] = int.from_bytes(page.entry_ids[low * 8 : low * 8 + 8], "big")
    return places


async def _write(
    conn: Connection,
    raffle: LockedRaffle,
    counting: CountingDraw,
    manifest: Manifest,
    selection: Selection,
    entry_ids: Mapping[int, int],
) -> None:
    tickets = await _tickets(conn, {entry_ids[pick.place.index] for pick in selection.picks})
    prize_ids = {prize.rank: prize.id for prize in await queries.prizes_of(conn, raffle.id)}
    ends = prize_ends(manifest.prizes)
    positions: list[NewPosition] = []
    for pick in selection.picks:
        rank, unit = unit_at(manifest.prizes, ends, pick.position)
        positions.append(
            NewPosition(
                draw_position=pick.position,
                block_number=pick.block,
                point=pick.point,
                leaf_index=pick.place.index,
                ticket=tickets[entry_ids[pick.place.index]][pick.ticket],
                prize_id=None if rank is None else prize_ids[rank],
                unit_number=unit,
            )
        )
    await queries.insert_positions(conn, counting.chain_number, positions)
    await queries.insert_consulted(conn, counting.chain_number, list(selection.consulted))
    await queries.insert_winners(conn, raffle.id, counting.id, positions)


async def _tickets(conn: Connection, entry_ids: set[int]) -> dict[int, list[EntryTicket]]:
    found: dict[int, list[EntryTicket]] = {}
    for ticket in await queries.tickets_of_entries(conn, sorted(entry_ids)):
        found.setdefault(ticket.entry_id, []).append(ticket)
    return found


async def _tell(
    conn: Connection, raffle: LockedRaffle, counting: CountingDraw, found: Round, *, positions: int
) -> None:
    await OUTBOX.publish(
        conn,
        "raffle.drawn",
        aggregate="raffle",
        subject=raffle.raffle_code,
        data={
            "raffle_code": raffle.raffle_code,
            "draw_number": counting.chain_number,
            "manifest_sha256": counting.manifest_sha256.hex(),
            "beacon_round": found.round,
            "randomness": found.randomness.hex(),
            "positions": positions,
        },
    )
