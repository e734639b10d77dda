"""What is known of a freeze besides the operator's word: for the manifest, for the bundle, and for who asks."""

from hashlib import sha256
from typing import Final

from gasolinera.database import Connection
from gasolinera.errors import UnknownError
from gasolinera.raffle import queries_evidence as queries
from gasolinera.raffle.bundles import Evidence
from gasolinera.raffle.documents import read_document
from gasolinera.raffle.manifest import Manifest, WitnessKey
from gasolinera.raffle.models_evidence import EvidenceReport, ListedWitness, held_by

# A manifest holds a line for each, and has room for a megabyte.
MAX_WITNESSES: Final = 1_000


async def load_witnesses(conn: Connection) -> list[WitnessKey]:
    """The witnesses that a manifest lists when it is frozen now, in the order of the format."""
    return await queries.load_witnesses(conn, MAX_WITNESSES)


async def load_evidence(conn: Connection, draw_id: int) -> Evidence:
    """What a bundle says of the freeze: all that came in time, in the order of the format."""
    return Evidence(
        timestamps=tuple(await queries.load_timestamps(conn, draw_id)),
        witnesses=tuple(await queries.load_signatures(conn, draw_id)),
    )


async def report(conn: Connection, raffle_code: str) -> EvidenceReport:
    """Of the raffle's draw; where it is void, of the last one. Raises UnknownError `draw.unknown`."""
    draw = await queries.find_report(conn, raffle_code)
    if draw is None or draw.evidence_until is None:
        raise UnknownError("draw.unknown", "the entries of this raffle are not frozen yet")
    manifest = read_document(Manifest, draw.manifest)
    timestamps = await queries.report_timestamps(conn, draw.id)
    signed = {one.terminal: one for one in await queries.report_signatures(conn, draw.id)}
    listed = (
        ListedWitness(terminal=key.terminal, public_key=key.public_key, signed_at=None)
        for key in manifest.evidence.witnesses
    )
    return EvidenceReport(
        raffle_code=raffle_code,
        draw_number=draw.draw_number,
        status=draw.status,
        manifest_sha256=sha256(draw.manifest).hexdigest(),
        frozen_at=draw.frozen_at,
        evidence_until=draw.evidence_until,
        is_required=manifest.evidence.required,
        quorum=manifest.evidence.quorum,
        timestamps=tuple(timestamps),
        witnesses=tuple(signed.get(one.terminal, one) for one in listed),
        held=held_by(len(timestamps), len(signed), manifest.evidence.quorum),
    )
