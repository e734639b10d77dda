"""A day's entries drawn again, by the pure parts of the platform alone, with another beacon and another operator."""

from collections.abc import Mapping
from datetime import UTC, timedelta
from hashlib import sha256
from uuid import UUID

import msgspec
from nacl.signing import SigningKey

from gasolinera.raffle.beacon import Chain, round_at
from gasolinera.raffle.bundles import BeaconAnswer, Bundle, Contents, Evidence, LeafProof, OpenedLeaf, Position
from gasolinera.raffle.documents import canonical, sign, time_text
from gasolinera.raffle.leaves import LEAF_BYTES, Leaf, read_leaf
from gasolinera.raffle.manifest import MANIFEST_FORMAT, BeaconRound, Manifest, Operator, rules_of
from gasolinera.raffle.merkle import page_hashes, path_in
from gasolinera.raffle.selection import Pick, Place, Selection, seed_of, select

Opened = Mapping[bytes, tuple[UUID, tuple[str, ...]]]  # issuance and numbers, by the hash of the entry


def drawn_again(
    manifest: Manifest, entries: bytes, opened: Opened, chain: Chain, number: int, signature: bytes
) -> bytes:
    """The bundle. Everything was frozen an hour before the round, and kept by whoever verifies it."""
    key = SigningKey(b"k" * 32)
    due = round_at(chain, number)
    manifest = msgspec.structs.replace(
        manifest,
        draw_number=1,
        previous=None,
        raffle=msgspec.structs.replace(
            manifest.raffle,
            opens_at=time_text(due - timedelta(days=30)),
            closes_at=time_text(due - timedelta(hours=2)),
        ),
        frozen_at=time_text(due - timedelta(hours=1)),
        beacon=BeaconRound(
            scheme="bls-unchained-g1-rfc9380",
            id=chain.id,
            chain_hash=chain.chain_hash,
            group_hash=chain.group_hash,
            public_key=chain.public_key,
            genesis_time=chain.genesis_time,
            period_s=chain.period_s,
            round=number,
            round_at=time_text(due.astimezone(UTC)),
        ),
        evidence=msgspec.structs.replace(manifest.evidence, gap_s=600, witnesses=()),
        operator=Operator(key_id=1, public_key=key.verify_key.encode().hex()),
    )
    data, randomness = canonical(manifest), sha256(signature).digest()
    found = _selected(manifest, entries, randomness, sha256(data).digest())
    drawn = sorted({pick.place.index for pick in found.picks})
    leaves = [entries[at : at + LEAF_BYTES] for at in range(0, len(entries), LEAF_BYTES)]
    numbers = {index: opened[read_leaf(leaves[index]).entry_hash][1] for index in drawn}
    contents = Contents(
        manifest=manifest,
        signature=sign(key, MANIFEST_FORMAT, data).hex(),
        previous=None,
        evidence=Evidence(),
        beacon=BeaconAnswer(round=number, signature=signature.hex(), randomness=randomness.hex()),
        leaves=tuple(
            LeafProof(
                index=index,
                leaf=leaves[index].hex(),
                proof=tuple(one.hex() for one in path_in(page_hashes(entries), index)),
            )
            for index in found.consulted
        ),
        openings=tuple(
            OpenedLeaf(
                index=index,
                issuance_id=opened[read_leaf(leaves[index]).entry_hash][0].hex,
                numbers=numbers[index],
            )
            for index in drawn
        ),
        positions=tuple(_position(manifest, pick, numbers) for pick in found.picks),
        blocks=found.blocks,
    )
    seal = sign(key, contents.format, canonical(contents)).hex()
    return canonical(Bundle(**{name: getattr(contents, name) for name in Contents.__struct_fields__}, seal=seal))


def _selected(manifest: Manifest, entries: bytes, randomness: bytes, hashed: bytes) -> Selection:
    leaves = [read_leaf(entries[at : at + LEAF_BYTES]) for at in range(0, len(entries), LEAF_BYTES)]
    steps = select(seed_of(randomness, hashed), rules_of(manifest))
    points = next(steps)
    while True:
        try:
            points = steps.send({point: _place(leaves, point) for point in points})
        except StopIteration as end:
            return end.value


def _position(manifest: Manifest, pick: Pick, numbers: Mapping[int, tuple[str, ...]]) -> Position:
    """The units of the prizes first, then the alternates."""
    units = [(prize.rank, unit) for prize in manifest.prizes for unit in range(1, prize.quantity + 1)]
    rank, unit = units[pick.position - 1] if pick.position <= len(units) else (None, None)
    return Position(
        position=pick.position,
        block=pick.block,
        point=pick.point,
        index=pick.place.index,
        ticket=numbers[pick.place.index][pick.ticket],
        role="ALTERNATE" if rank is None else "PRIZE",
        rank=rank,
        unit=unit,
    )


def _place(leaves: list[Leaf], point: int) -> Place:
    return next(Place(at, leaf) for at, leaf in enumerate(leaves) if leaf.start <= point < leaf.end)
