"""What the station service does on its own."""

import asyncio
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.jobs import Job
from gasolinera.station import managing, queries_manage
from gasolinera.station.feed import parse_as_of, read_feed
from gasolinera.station.fetching import fetched
from gasolinera.station.importing import import_feed


async def _apply_scheduled_prices(db: Database, _arguments: Mapping[str, str]) -> str:
    async with db.transaction(RequestContext(actor="job:station.apply_scheduled_prices")) as conn:
        count = await managing.apply_due_prices(conn)
    return f"{count} scheduled prices became current"


async def _refresh_summary(db: Database, _arguments: Mapping[str, str]) -> str:
    async with db.transaction() as conn:
        await queries_manage.refresh_station_summary(conn)
    return "the stations' summary is of now"


async def _import_feed(db: Database, arguments: Mapping[str, str]) -> str:
    """Arguments `places` and `prices`: addresses or files. Raises InputError `feed.*`."""
    places, prices = arguments.get("places"), arguments.get("prices")
    if not places or not prices:
        hint = "set GASOLINERA_FEED_PLACES_URL and GASOLINERA_FEED_PRICES_URL, or give both as arguments"
        raise InputError("feed.no_source", "nobody says where the feed is", hint)
    with tempfile.TemporaryDirectory() as folder:
        files = [
            await fetched(source, Path(folder) / name) for source, name in ((places, "places"), (prices, "prices"))
        ]
        feed = await asyncio.to_thread(read_feed, files[0], files[1], lambda _count: None)
    day = parse_as_of(arguments.get("as_of"), now=datetime.now(UTC))
    async with db.transaction(RequestContext(actor="job:station.import_feed")) as conn:
        result = await import_feed(conn, feed, as_of=day)
    return (
        f"{result.places_read} places read: {result.inserted} new, {result.updated} changed, "
        f"{result.rejected} rejected; {result.prices_set} prices set"
    )


def _feed_addresses(settings: Settings) -> Mapping[str, str]:
    if settings.feed_places_url is None or settings.feed_prices_url is None:
        return {}
    return {"places": settings.feed_places_url, "prices": settings.feed_prices_url}


JOBS: tuple[Job, ...] = (
    Job(
        name="station.apply_scheduled_prices",
        service="station",
        summary="makes scheduled prices the current ones when their time has come",
        run=_apply_scheduled_prices,
        schedule="* * * * *",
    ),
    Job(
        name="station.refresh_summary",
        service="station",
        summary="makes the figures of the stations' dashboards anew",
        run=_refresh_summary,
        schedule="*/15 * * * *",
    ),
    Job(
        name="station.import_feed",
        service="station",
        summary="imports the regulator's feed from two addresses or files: places=… prices=… [as_of=YYYY-MM-DD]; "
        "each day where the settings name the addresses",
        run=_import_feed,
        schedule="0 13 * * *",
        defaults=_feed_addresses,
    ),
)
