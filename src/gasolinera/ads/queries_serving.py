"""The only reader of `queries_serving.sql`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from gasolinera.ads.models_serving import ChosenAd, ContentRating, JudgedAd, Viewer
from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql

_SQL = load_sql("gasolinera.ads", "queries_serving.sql")
_CHOOSE = _SQL["choose_ad"]
_EXPLAIN = _SQL["explain_ads"]
_RATINGS = tuple(ContentRating)


async def choose_ad(conn: Connection, viewer: Viewer, *, lot: int, at: datetime | None) -> ChosenAd | None:
    return await fetch_optional(conn, ChosenAd, _CHOOSE, lot, at, *_values_of(viewer))


async def explain_ads(
    conn: Connection, viewer: Viewer, *, at: datetime | None, limit: int, chosen: UUID | None
) -> list[JudgedAd]:
    return await fetch_all(conn, JudgedAd, _EXPLAIN, at, *_values_of(viewer), limit, chosen)


def _values_of(viewer: Viewer) -> tuple[Any, ...]:
    return (
        viewer.user_id,
        viewer.station_code,
        viewer.city,
        viewer.state,
        viewer.fuel_type,
        viewer.language,
        list(viewer.segments),
        _RATINGS.index(viewer.highest_rating),
        viewer.transaction_reference,
        list(viewer.not_again),
    )
