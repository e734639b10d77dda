"""The freeze: the entries of a closed raffle become a list, the list a tree, the tree a signed manifest.

Everything in one transaction, and before the randomness exists: the manifest names a round that comes later.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from nacl.signing import SigningKey

from gasolinera.database import Connection
from gasolinera.errors import ConflictError
from gasolinera.keyring import signing_key
from gasolinera.raffle import evidence
from gasolinera.raffle import queries_draws as queries
from gasolinera.raffle.beacon import first_round_at_or_after, round_at
from gasolinera.raffle.documents import canonical, sign, time_text
from gasolinera.raffle.errors import unknown_raffle
from gasolinera.raffle.events import OUTBOX
from gasolinera.raffle.listing import read_list, weights_of
from gasolinera.raffle.manifest import (
    MANIFEST_FORMAT,
    BeaconRound,
    EntryList,
    EvidenceRules,
    Excluded,
    Manifest,
    Operator,
    PrizeLine,
    RaffleRules,
    WitnessKey,
)
from gasolinera.raffle.models_draws import (
    ChainHead,
    DrawPrize,
    ExcludedTotals,
    FreezeTerms,
    Frozen,
    FrozenList,
    LockedRaffle,
    NewDraw,
)

_COMMIT_S: Final = 1.0  # from the manifest's time to the commit, which the database refuses when the gap has begun


async def freeze(conn: Connection, raffle_code: str, terms: FreezeTerms) -> Frozen:
    """Locks the raffle and the chain of draws until the transaction ends; ten seconds for a million entries.

    Raises UnknownError `raffle.unknown`, ConflictError `draw.not_closed`, `draw.frozen_already`, `draw.no_entries`.
    """
    await queries.make_room_for_many(conn)
    raffle = await queries.lock_raffle(conn, raffle_code)
    if raffle is None:
        raise unknown_raffle()
    if raffle.status != "CLOSED":
        hint = "entries are frozen after the close and before the draw"
        raise ConflictError("draw.not_closed", f"the raffle is {raffle.status}, not CLOSED", hint)
    if await queries.counting_draw(conn, raffle.id) is not None:
        raise ConflictError("draw.frozen_already", "the entries of this raffle are frozen already")
    head = await queries.lock_chain(conn)
    number = _number_after(head)
    excluded = await queries.exclude_entries(conn, raffle.id, number)
    found = await read_list(conn, raffle, number)
    if found is None:
        raise ConflictError("draw.no_entries", "nobody takes part in this raffle", "cancel it")
    await queries.store_pages(conn, number, found.pages)
    await queries.store_tiles(conn, number, found.tiles)
    totals = await queries.totals_of(conn, raffle.id)
    owners = totals.participant_count if not excluded.entries else await queries.owners_listed(conn, raffle.id, number)
    tickets = totals.ticket_count - excluded.tickets
    manifest = build_manifest(
        raffle,
        await queries.prizes_of(conn, raffle.id),
        EntryList(
            leaves=found.leaves,
            tickets=tickets,
            owners=owners,
            weight=found.weight,
            root=found.root.hex(),
            list_sha256=found.list_sha256.hex(),
        ),
        terms,
        head=head,
        excluded=excluded,
        witnesses=await evidence.load_witnesses(conn),
        at=await queries.read_clock(conn),
    )
    return await _publish(conn, raffle, manifest, found, terms=terms, head=head, excluded=excluded)


async def _publish(
    conn: Connection,
    raffle: LockedRaffle,
    manifest: Manifest,
    found: FrozenList,
    *,
    terms: FreezeTerms,
    head: ChainHead | None,
    excluded: ExcludedTotals,
) -> Frozen:
    data = canonical(manifest)
    due = round_at(terms.chain, manifest.beacon.round)
    new = NewDraw(
        raffle_id=raffle.id,
        chain_number=manifest.draw_number,
        previous_chain_number=None if head is None else head.chain_number,
        previous_manifest_sha256=None if head is None else head.manifest_sha256,
        entry_count=found.leaves,
        ticket_count=manifest.entries.tickets,
        participant_count=manifest.entries.owners,
        excluded_entry_count=excluded.entries,
        excluded_ticket_count=excluded.tickets,
        merkle_root=found.root,
        manifest=data,
        manifest_signature=sign(signing_key(terms.key), MANIFEST_FORMAT, data),
        signing_key_id=str(terms.key.id),
        beacon_chain_sha256=bytes.fromhex(terms.chain.chain_hash),
        beacon_round=manifest.beacon.round,
        beacon_round_at=due,
    )
    await queries.insert_draw(conn, new)
    digest = sha256(data).hexdigest()
    await OUTBOX.publish(
        conn,
        "raffle.closed",
        aggregate="raffle",
        subject=raffle.raffle_code,
        data={
            "raffle_code": raffle.raffle_code,
            "draw_number": manifest.draw_number,
            "manifest_sha256": digest,
            "beacon_chain": terms.chain.chain_hash,
            "beacon_round": manifest.beacon.round,
            "beacon_round_at": manifest.beacon.round_at,
        },
    )
    return Frozen(
        raffle_code=raffle.raffle_code,
        draw_number=manifest.draw_number,
        manifest_sha256=digest,
        entries=found.leaves,
        tickets=manifest.entries.tickets,
        owners=manifest.entries.owners,
        excluded=excluded.entries,
        beacon_round=manifest.beacon.round,
        beacon_round_at=due,
    )


def round_of(raffle: LockedRaffle, terms: FreezeTerms, at: datetime) -> int:
    """The first round that is neither before the announced draw nor within the gap after the freeze's end.

    Evidence has to be a gap older than the round: where it is required there is another gap to gather it in.
    """
    assert raffle.draw_at is not None, "a closed raffle has its dates"
    gaps = 2 if is_evidence_required(raffle) else 1
    earliest = at + timedelta(seconds=gaps * terms.gap_s + _COMMIT_S)
    return first_round_at_or_after(terms.chain, max(raffle.draw_at, earliest))


def is_evidence_required(raffle: LockedRaffle) -> bool:
    return raffle.selection_algorithm == "PROVABLY_FAIR"


def build_manifest(
    raffle: LockedRaffle,
    prizes: list[DrawPrize],
    entries: EntryList,
    terms: FreezeTerms,
    *,
    head: ChainHead | None,
    excluded: ExcludedTotals,
    witnesses: list[WitnessKey],
    at: datetime,
) -> Manifest:
    """From its arguments alone. `at`: when the list was there, and locked."""
    chain, key = terms.chain, signing_key(terms.key)
    beacon_round = round_of(raffle, terms, at)
    return Manifest(
        draw_number=_number_after(head),
        previous=None if head is None else head.manifest_sha256.hex(),
        raffle=_rules(raffle),
        frozen_at=time_text(at),
        entries=entries,
        excluded=Excluded(entries=excluded.entries, sha256=excluded.sha256.hex()),
        weights=weights_of(raffle) if raffle.selection_algorithm == "WEIGHTED" else None,  # pyright: ignore[reportArgumentType]  its keys are the sources
        prizes=tuple(
            PrizeLine(
                rank=prize.rank,
                name=prize.name,
                type=prize.prize_type,
                value=str(prize.prize_value),
                currency=prize.currency,
                quantity=prize.quantity,
            )
            for prize in prizes
        ),
        alternates=raffle.alternate_count,
        one_prize_per_owner=not raffle.allows_multiple_wins,
        beacon=BeaconRound(
            scheme="bls-unchained-g1-rfc9380",
            id=chain.id,
            chain_hash=chain.chain_hash,
            group_hash=chain.group_hash,
            public_key=chain.public_key,
            genesis_time=chain.genesis_time,
            period_s=chain.period_s,
            round=beacon_round,
            round_at=time_text(round_at(chain, beacon_round)),
        ),
        evidence=EvidenceRules(
            required=is_evidence_required(raffle),
            gap_s=terms.gap_s,
            quorum=terms.quorum,
            witnesses=tuple(witnesses),
        ),
        operator=operator_of(terms.key.id, key),
    )


def _number_after(head: ChainHead | None) -> int:
    return 1 if head is None else head.chain_number + 1


def operator_of(key_id: int, key: SigningKey) -> Operator:
    return Operator(key_id=key_id, public_key=key.verify_key.encode().hex())


def _rules(raffle: LockedRaffle) -> RaffleRules:
    assert raffle.terms_version is not None, "a closed raffle was published with its terms"
    assert raffle.terms_sha256 is not None
    assert raffle.opens_at is not None
    assert raffle.closes_at is not None
    return RaffleRules(
        code=raffle.raffle_code,
        name=raffle.name,
        type=raffle.raffle_type,
        algorithm=raffle.selection_algorithm,  # pyright: ignore[reportArgumentType]  a constraint holds it to these
        permit_number=raffle.permit_number,
        terms_version=raffle.terms_version,
        terms_sha256=raffle.terms_sha256.hex(),
        opens_at=time_text(raffle.opens_at),
        closes_at=time_text(raffle.closes_at),
    )
