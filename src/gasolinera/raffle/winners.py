"""Winners: told, listed for staff and for themselves, disqualified, and replaced by the next alternate.

Who moves up is never chosen: the database passes a freed prize on to the next alternate in the order of the draw.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ConflictError
from gasolinera.jobs import Job, in_batches
from gasolinera.keyring import Keyring, signing_key
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.raffle import errors_fulfilment as errors
from gasolinera.raffle import queries_winners as queries
from gasolinera.raffle.documents import canonical, sign, time_text
from gasolinera.raffle.manifest import Operator
from gasolinera.raffle.models_winners import (
    DISQUALIFICATION_FORMAT,
    Disqualification,
    DisqualificationReason,
    DisqualificationWish,
    LatestWinnerPosition,
    Prize,
    StoredPrize,
    StoredWinner,
    Winner,
    WinnerDetails,
    WinnerFilter,
    WinnerPosition,
)

_AT_ONCE: Final = 500
_THE_GREATEST: Final = 2**63 - 1


async def list_winners(
    conn: Connection, wanted: WinnerFilter, *, is_latest_first: bool = False, cursor: str | None, limit: int
) -> Page[Winner]:
    """For staff, as draws wrote them, unless the latest are asked for first. Raises InputError `request.cursor`, also
    for one of the other order.
    """
    if is_latest_first:
        return await _list_latest(conn, wanted, cursor=cursor, limit=limit)
    position = decode_cursor(WinnerPosition, cursor)
    after = 0 if position is None else position.id
    found = await queries.list_winners(conn, wanted, after=after, limit=limit + 1)
    page = page_of(found, limit=limit, position=lambda row: WinnerPosition(row.id))
    return Page(tuple(_shown(row) for row in page.items), page.next_cursor)


async def _list_latest(conn: Connection, wanted: WinnerFilter, *, cursor: str | None, limit: int) -> Page[Winner]:
    position = decode_cursor(LatestWinnerPosition, cursor)
    before = _THE_GREATEST if position is None else position.id
    found = await queries.list_winners_backwards(conn, wanted, before=before, limit=limit + 1)
    page = page_of(found, limit=limit, position=lambda row: LatestWinnerPosition(row.id))
    return Page(tuple(_shown(row) for row in page.items), page.next_cursor)


async def get_winner(conn: Connection, winner_id: UUID) -> WinnerDetails:
    """For staff, with what they need to deliver. Raises UnknownError `prize.unknown`."""
    found = await queries.list_winners(conn, WinnerFilter(), winner_id=winner_id, limit=1)
    kept = await queries.get_delivery(conn, winner_id)
    if not found or kept is None:
        raise errors.unknown_prize()
    return WinnerDetails(
        winner=_shown(found[0]),
        delivery=kept.delivery,
        document_type=kept.document_type,
        document_end=kept.document_end,
        steps=tuple(await queries.list_steps(conn, winner_id)),
    )


async def list_prizes(conn: Connection, user_id: UUID, *, cursor: str | None, limit: int) -> Page[Prize]:
    """What a person has won, the newest first. Raises InputError `request.cursor`."""
    position = decode_cursor(WinnerPosition, cursor)
    before = None if position is None else position.id
    found = await queries.list_prizes(conn, user_id, before=before, limit=limit + 1)
    page = page_of(found, limit=limit, position=lambda row: WinnerPosition(row.id))
    return Page(tuple(_as_prize(row) for row in page.items), page.next_cursor)


async def disqualify(
    conn: Connection, keyring: Keyring, winner_id: UUID, wish: DisqualificationWish, *, decider: UUID | None
) -> None:
    """With a signed reason that is published. The prize goes to the next alternate, whoever that is.

    Raises UnknownError `prize.unknown`, ForbiddenError `prize.own_case`, ConflictError `prize.over`. Locks the draw,
    then the winner and the next alternate.
    """
    winner = await queries.hold_winner(conn, winner_id)
    if winner is None:
        raise errors.unknown_prize()
    if winner.user_id == decider:
        raise errors.own_case()
    document, signature = _signed(keyring, winner, wish.reason, winner.now)
    if not await queries.disqualify_winner(
        conn, winner.id, reason=f"{wish.reason}: {wish.note}", document=document, signature=signature
    ):
        raise ConflictError("prize.over", "this prize is on its way, delivered or lost already")


def _signed(
    keyring: Keyring, winner: queries.HeldWinner, reason: DisqualificationReason, now: datetime
) -> tuple[bytes, bytes]:
    key = keyring.current("raffle")
    public = signing_key(key).verify_key.encode().hex()
    document = canonical(
        Disqualification(
            raffle=winner.raffle_code,
            draw_number=winner.draw_number,
            manifest_sha256=winner.manifest_sha256.hex(),
            position=winner.draw_position,
            reason=reason,
            disqualified_at=time_text(now),
            operator=Operator(key_id=key.id, public_key=public),
        )
    )
    return document, sign(signing_key(key), DISQUALIFICATION_FORMAT, document)


def _shown(row: StoredWinner) -> Winner:
    return Winner(**{name: getattr(row, name) for name in Winner.__struct_fields__})


def _as_prize(row: StoredPrize) -> Prize:
    return Prize(**{name: getattr(row, name) for name in Prize.__struct_fields__})


async def _notify(db: Database, _arguments: Mapping[str, str]) -> str:
    context = RequestContext(actor="job:raffle.notify_winners")
    count = await in_batches(db, queries.notify_winners, _AT_ONCE, "{} winners so far", context=context)
    return f"{count} winners told"


async def _forfeit(db: Database, _arguments: Mapping[str, str]) -> str:
    context = RequestContext(actor="job:raffle.forfeit_prizes")
    count = await in_batches(db, queries.forfeit_unclaimed, _AT_ONCE, "{} prizes so far", context=context)
    return f"{count} prizes were not claimed in time"


JOBS: Final[tuple[Job, ...]] = (
    Job(
        name="raffle.notify_winners",
        service="raffle",
        summary="Tell winners, and alternates who moved up, once each.",
        run=_notify,
        schedule="* * * * *",
    ),
    Job(
        name="raffle.forfeit_prizes",
        service="raffle",
        summary="End the claims that were not made in time; the next alternates move up.",
        run=_forfeit,
        schedule="*/5 * * * *",
    ),
)
