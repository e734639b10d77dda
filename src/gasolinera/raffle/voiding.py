"""Giving a draw up: it keeps its number in the chain, with a signed reason, and nobody is ever drawn from it."""

from gasolinera.database import Connection
from gasolinera.errors import ConflictError
from gasolinera.key_file import Key
from gasolinera.keyring import signing_key
from gasolinera.raffle import queries_draws as queries
from gasolinera.raffle.documents import canonical, sign, time_text
from gasolinera.raffle.errors import unknown_raffle
from gasolinera.raffle.freezing import operator_of
from gasolinera.raffle.manifest import VOID_FORMAT, VoidDraw
from gasolinera.raffle.models_draws import DrawStatus


async def void(conn: Connection, raffle_code: str, *, reason: str, key: Key) -> int:
    """The number of the draw that is void from now on. Locks the raffle.

    The database takes it only when the raffle is cancelled, or where required evidence is missing: from the gap before
    the round, when no more of it is taken, until a quarter of the gap. Raises
    UnknownError `raffle.unknown`, ConflictError `draw.not_frozen`, `draw.counts`.
    """
    raffle = await queries.lock_raffle(conn, raffle_code)
    if raffle is None:
        raise unknown_raffle()
    counting = await queries.counting_draw(conn, raffle.id)
    if counting is None or counting.status is not DrawStatus.FROZEN:
        raise ConflictError("draw.not_frozen", "this raffle has no draw that waits for its round")
    document = VoidDraw(
        draw_number=counting.chain_number,
        manifest_sha256=counting.manifest_sha256.hex(),
        reason=reason,
        voided_at=time_text(await queries.read_clock(conn)),
        operator=operator_of(key.id, signing_key(key)),
    )
    data = canonical(document)
    signature = sign(signing_key(key), VOID_FORMAT, data)
    await queries.void_draw(conn, counting.id, reason=reason, document=data, signature=signature)
    return counting.chain_number
