"""What everybody may see of a draw's winners: no name but the letters that its owner allowed.

The raffle service holds no names. Whoever claims a prize says how the recipient is called, and whether its first
letters may be shown; only these are read here.
"""

from gasolinera.database import Connection
from gasolinera.errors import UnknownError
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.raffle import queries_winners as queries
from gasolinera.raffle.errors import unknown_raffle
from gasolinera.raffle.models_winners import Result, ResultPosition, SignedDisqualification, masked_ticket


async def list_results(conn: Connection, raffle_code: str, *, cursor: str | None, limit: int) -> Page[Result]:
    """In the order of the draw. Raises UnknownError `raffle.unknown`, `draw.unknown`, InputError `request.cursor`."""
    position = decode_cursor(ResultPosition, cursor)
    after = 0 if position is None else position.draw_position
    found = await queries.list_results(conn, raffle_code, after=after, limit=limit + 1)
    if not found:
        is_drawn = await queries.is_drawn(conn, raffle_code)
        if is_drawn is None:
            raise unknown_raffle()
        if not is_drawn:
            raise UnknownError("draw.unknown", "this raffle is not drawn yet")
    page = page_of(found, limit=limit, position=lambda row: ResultPosition(row.draw_position))
    return Page(tuple(_shown(row) for row in page.items), page.next_cursor)


def _shown(row: queries.StoredResult) -> Result:
    signed = None
    if row.document is not None and row.signature is not None:
        signed = SignedDisqualification(document=row.document, signature=row.signature)
    return Result(
        draw_position=row.draw_position,
        rank=row.rank,
        prize_name=row.prize_name,
        status=row.status,
        ticket=masked_ticket(row.ticket_number),
        name=row.public_name,
        disqualification=signed,
    )
