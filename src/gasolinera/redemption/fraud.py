"""Fraud while a redemption is made, and afterwards: wrong codes, and the review queue. assess_begun assesses."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from gasolinera.database import Connection
from gasolinera.errors import ForbiddenError, GasolineraError
from gasolinera.events import Consumer, Event
from gasolinera.paging import Page, Position, decode_cursor, page_of
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.redemption import queries_fraud as queries
from gasolinera.redemption.errors_fraud import (
    chain_only,
    not_taken,
    own_case,
    resolved_already,
    taken,
    unknown_review,
)
from gasolinera.redemption.models_fraud import (
    RefusedCode,
    Resolution,
    ResolutionWish,
    Review,
    ReviewOrder,
    ReviewStatus,
    StationPlace,
    WantedReviews,
)

_REVIEW = Permission.FRAUD_REVIEW
_LAST = 2**63 - 1
_END: Final = datetime(2200, 1, 1, tzinfo=UTC)
_SPACES: Final = re.compile(r"[\s-]+")


class OpenReviewPosition(Position, frozen=True):
    risk_score: Annotated[int, Meta(ge=0, le=100)]
    detected_at: Annotated[datetime, Meta(tz=True)]
    id: int


class MildestReviewPosition(OpenReviewPosition, frozen=True):
    pass


class NewestReviewPosition(OpenReviewPosition, frozen=True):
    pass


class OldestReviewPosition(OpenReviewPosition, frozen=True):
    pass


class ResolvedReviewPosition(Position, frozen=True):
    id: int


class OldestResolvedPosition(Position, frozen=True):
    id: int


_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_OPEN_FROM: Final[dict[ReviewOrder, tuple[type[OpenReviewPosition], tuple[int, datetime, int]]]] = {
    "worst": (OpenReviewPosition, (101, _FIRST, 0)),
    "mildest": (MildestReviewPosition, (-1, _END, _LAST)),
    "newest": (NewestReviewPosition, (101, _END, _LAST)),
    "oldest": (OldestReviewPosition, (-1, _FIRST, 0)),
}


async def note_refused_code(conn: Connection, refused: RefusedCode) -> None:
    """What the guessing rules count. In the transaction that records the refusal, which must not roll back."""
    await queries.note_refused_code(conn, refused)


async def take_station_changed(conn: Connection, event: Event) -> None:
    """Where a station is, for the rules of travel and the days of reports.

    Raises msgspec.ValidationError for an event that is not what the catalogue says.
    """
    await queries.put_station_position(conn, msgspec.convert(event.data, StationPlace), event.time)


async def list_reviews(
    conn: Connection,
    caller: Caller,
    status: ReviewStatus,
    *,
    station_code: str | None = None,
    text: str | None = None,
    order: ReviewOrder | None = None,
    cursor: str | None,
    limit: int,
) -> Page[Review]:
    """Open ones worst first, others newest first, where no order is named; what is decided has those by time only.

    `text`: the reference, the station's, the employee's or the coupon's code, whole. By a coupon administrators alone
    look: that there is an attempt says that the code exists. Raises ForbiddenError, InputError `request.cursor`.
    """
    own_station = _station_of(caller)
    if own_station is not None and station_code not in (None, own_station):
        raise ForbiddenError("auth.other_station", "this account may not see the reviews of that station")
    text = text.strip().upper() or None if text else None
    wanted = WantedReviews(
        station_code=own_station or station_code,
        text=text,
        coupon_code=_SPACES.sub("", text) if text and own_station is None else None,
    )
    if status is ReviewStatus.OPEN:
        return await _list_open(conn, wanted, order or "worst", cursor=cursor, limit=limit)
    is_up = order == "oldest"
    kind = OldestResolvedPosition if is_up else ResolvedReviewPosition
    resolved = decode_cursor(kind, cursor)
    after = (0 if is_up else _LAST) if resolved is None else resolved.id
    found = await queries.list_resolved_reviews(conn, wanted, status, is_up=is_up, after=after, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda review: kind(review.id))


async def _list_open(
    conn: Connection, wanted: WantedReviews, order: ReviewOrder, *, cursor: str | None, limit: int
) -> Page[Review]:
    kind, after = _OPEN_FROM[order]
    position = decode_cursor(kind, cursor)
    if position is not None:
        after = (position.risk_score, position.detected_at, position.id)
    found = await queries.list_open_reviews(conn, wanted, order, after=after, limit=limit + 1)
    return page_of(
        found,
        limit=limit,
        position=lambda review: kind(review.risk_score, review.detected_at, review.id),
    )


async def get_review(conn: Connection, caller: Caller, detection_id: UUID) -> Review:
    """Raises UnknownError, also for those of other stations; ForbiddenError."""
    review = await queries.get_review(conn, _station_of(caller), detection_id)
    if review is None:
        raise unknown_review()
    return review


async def take_review(conn: Connection, caller: Caller, detection_id: UUID) -> Review:
    """The caller works on it; half an hour later another one may take it over.

    Raises UnknownError, ForbiddenError `fraud.own_case`, ConflictError.
    """
    review = await queries.take_review(
        conn, _station_of(caller), detection_id, reviewer=_person(caller), employee_number=caller.employee_number
    )
    if review is None:
        raise _why_not(await get_review(conn, caller, detection_id), caller)
    return review


async def resolve_review(conn: Connection, caller: Caller, detection_id: UUID, wish: ResolutionWish) -> Review:
    """What it was, once and for ever, with what follows for the next attempts.

    Raises UnknownError, ForbiddenError `fraud.release` and `fraud.own_case`, ConflictError.
    """
    station_code = _station_of(caller)
    if wish.resolution is Resolution.RELEASE and caller.reach(_REVIEW) is not Reach.ALL:
        raise chain_only()
    review = await queries.resolve_review(
        conn,
        station_code,
        detection_id,
        reviewer=_person(caller),
        resolution=wish.resolution,
        notes=wish.notes.strip(),
        release_hours=wish.release_hours,
    )
    if review is None:
        found = await get_review(conn, caller, detection_id)
        raise _why_not(found, caller) if found.taken_by == caller.user_id else not_taken()
    return review


def _why_not(review: Review, caller: Caller) -> GasolineraError:
    if review.status is not ReviewStatus.OPEN:
        return resolved_already()
    is_own = caller.user_id == review.user_id or (
        caller.employee_number is not None and caller.employee_number == review.employee_number
    )
    return own_case() if is_own else taken()


def _station_of(caller: Caller) -> str | None:
    """The station that bounds what the caller sees; None: no bound. Raises ForbiddenError."""
    reach = caller.reach(_REVIEW)
    if reach is Reach.ALL:
        return None
    if reach is Reach.STATION and caller.station_code is not None:
        return caller.station_code
    raise ForbiddenError("auth.not_permitted", "this account may not do that")


def _person(caller: Caller) -> UUID:
    """Raises ForbiddenError for whoever is no person: a verdict has an author."""
    if caller.user_id is None:
        raise ForbiddenError("auth.not_permitted", "this account may not do that")
    return caller.user_id


CONSUMERS: Final = (Consumer("redemption", frozenset({"station.changed"}), take_station_changed),)
