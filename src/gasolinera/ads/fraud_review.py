"""Doubtful views are looked at by a person, who accepts them or refuses them with a reason."""

from uuid import UUID

from gasolinera.ads import queries_review as queries
from gasolinera.ads.models_review import (
    QueuedReview,
    TurnedReviewPosition,
    ViewReview,
    ViewReviewDetail,
    ViewReviewPosition,
    ViewReviewStatus,
)
from gasolinera.ads.queries_views import decide_review
from gasolinera.database import Connection
from gasolinera.errors import ConflictError, ForbiddenError, GasolineraError, UnknownError
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.permissions import Caller

_MAX_EVENTS = 300


def unknown_review() -> UnknownError:
    return UnknownError("ads.review_unknown", "there is no review of this view")


async def list_reviews(
    conn: Connection,
    status: ViewReviewStatus,
    *,
    campaign_code: str | None,
    text: str | None = None,
    is_turned: bool = False,
    cursor: str | None,
    limit: int,
) -> Page[ViewReview]:
    """Those that wait the oldest first, the others the newest first, and turned the other way round; `text`: what the
    advertisement's title has in it. Raises InputError `request.cursor`, also for one of the other order.
    """
    kind = TurnedReviewPosition if is_turned else ViewReviewPosition
    found = await queries.list_reviews(
        conn,
        status,
        campaign_code=campaign_code,
        text=text,
        is_newest_first=(status is not ViewReviewStatus.PENDING) is not is_turned,
        after=decode_cursor(kind, cursor),
        limit=limit + 1,
    )
    page = page_of(found, limit=limit, position=lambda one: kind(one.created_at, one.engagement_id))
    return Page(tuple(map(_shown, page.items)), page.next_cursor)


async def get_review(conn: Connection, view_id: UUID) -> ViewReviewDetail:
    """Raises UnknownError."""
    found = await queries.get_review(conn, view_id)
    if found is None:
        raise unknown_review()
    events = await queries.list_events(conn, found.engagement_id, found.started_at, limit=_MAX_EVENTS)
    return ViewReviewDetail(review=_shown(found), events=tuple(events))


async def decide(conn: Connection, caller: Caller, view_id: UUID, *, is_accepted: bool, note: str | None) -> ViewReview:
    """Once: the same decision again changes nothing. A completed view can be refused that is not in the queue.

    A rejection takes the bonus back by event, and gives the cost back to the budget. Raises UnknownError,
    ForbiddenError `ads.own_view`, ConflictError. Locks the view.
    """
    assert caller.user_id is not None, "only people review"
    if await queries.whose_view(conn, view_id) == caller.user_id:
        raise ForbiddenError("ads.own_view", "nobody decides about an own view")
    outcome = await decide_review(conn, view_id, is_accepted=is_accepted, by=caller.user_id, note=note)
    done = ("ACCEPTED", "ACCEPTED_BEFORE") if is_accepted else ("REJECTED", "REJECTED_BEFORE")
    if outcome not in done:
        raise _refusal(outcome)
    found = await queries.get_review(conn, view_id)
    if found is None:  # a rule's rejection from before there was a queue
        raise unknown_review()
    return _shown(found)


def _refusal(outcome: str) -> GasolineraError:
    if outcome == "UNKNOWN":
        return unknown_review()
    if outcome == "NOT_IN_QUEUE":
        return ConflictError("ads.not_in_queue", "this view is not completed, or nobody has to look at it")
    return ConflictError("ads.review_decided", "it was decided otherwise before", "read the review again")


def _shown(found: QueuedReview) -> ViewReview:
    return ViewReview(**{name: getattr(found, name) for name in ViewReview.__struct_fields__})
