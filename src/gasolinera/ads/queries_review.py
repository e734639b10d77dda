"""The only reader of `queries_review.sql`: one typed function a query."""

from datetime import datetime
from uuid import UUID

from gasolinera.ads.models_review import QueuedReview, ReviewedEvent, ViewReviewPosition, ViewReviewStatus
from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql

_SQL = load_sql("gasolinera.ads", "queries_review.sql")
_LIST_PENDING = _SQL["list_pending"]
_LIST_PENDING_NEWEST = _SQL["list_pending_newest"]
_LIST_DECIDED = _SQL["list_decided"]
_LIST_DECIDED_OLDEST = _SQL["list_decided_oldest"]
_GET = _SQL["get_review"]
_EVENTS = _SQL["list_events"]
_WHOSE = _SQL["whose_view"]


async def list_reviews(
    conn: Connection,
    status: ViewReviewStatus,
    *,
    campaign_code: str | None,
    text: str | None,
    is_newest_first: bool,
    after: ViewReviewPosition | None,
    limit: int,
) -> list[QueuedReview]:
    place = (None, None) if after is None else (after.created_at, after.engagement_id)
    if status is ViewReviewStatus.PENDING:
        waiting = _LIST_PENDING_NEWEST if is_newest_first else _LIST_PENDING
        return await fetch_all(conn, QueuedReview, waiting, campaign_code, *place, limit, text)
    decided = _LIST_DECIDED if is_newest_first else _LIST_DECIDED_OLDEST
    return await fetch_all(conn, QueuedReview, decided, campaign_code, *place, limit, status.value, text)


async def get_review(conn: Connection, view_id: UUID) -> QueuedReview | None:
    return await fetch_optional(conn, QueuedReview, _GET, view_id)


async def list_events(conn: Connection, engagement_id: int, started_at: datetime, *, limit: int) -> list[ReviewedEvent]:
    return await fetch_all(conn, ReviewedEvent, _EVENTS, engagement_id, started_at, limit)


async def whose_view(conn: Connection, view_id: UUID) -> UUID | None:
    return await conn.fetchval(_WHOSE, view_id)
