"""Bringing the regulator's feed into the tables: staged, merged set by set, all or nothing."""

from collections import Counter
from datetime import date

from gasolinera.database import Connection
from gasolinera.station import queries_import as queries
from gasolinera.station.models import Action, Fault, Feed, ImportResult


async def import_feed(conn: Connection, feed: Feed, *, as_of: date) -> ImportResult:
    """Recognises stations by permit, writes only what differs, so that a second import changes nothing.

    Needs a transaction. Waits for another import that is under way. Stations that the feed no longer lists stay.
    """
    await queries.begin_import(conn)
    await queries.stage_places(conn, feed.places)
    await queries.stage_prices(conn, feed.prices)
    updated = await queries.update_changed_stations(conn)
    inserted = await queries.insert_new_stations(conn)
    late_faults = await _late_faults(conn, feed, as_of)
    prices_set = await queries.set_prices(conn, as_of)
    faults = (*feed.faults, *late_faults)
    rejected = Counter(fault.reason for fault in faults if fault.action is Action.REJECTED)
    refused = Counter(
        fault.reason
        for fault in faults
        if fault.action in (Action.PRICE_REFUSED, Action.KEPT_ONCE, Action.NOT_REPLACED)
    )
    return ImportResult(
        as_of=as_of,
        places_read=feed.places_read,
        inserted=inserted,
        updated=updated,
        unchanged=feed.places_read - inserted - updated - rejected.total(),
        rejected=rejected.total(),
        rejected_by_reason=dict(sorted(rejected.items())),
        without_prices=sum(fault.action is Action.WITHOUT_PRICE for fault in faults),
        prices_read=feed.prices_read,
        prices_set=prices_set,
        prices_unchanged=feed.prices_read - prices_set - refused.total(),
        prices_refused=dict(sorted(refused.items())),
        faults=faults,
    )


async def _late_faults(conn: Connection, feed: Feed, as_of: date) -> list[Fault]:
    """What only the tables can tell: codes that are taken, prices that are older than the stored ones."""
    unplaced = await queries.list_unplaced(conn)
    place_ids = {place.permit: str(place.place_id) for place in feed.places}
    faults = [
        Fault(str(place.place_id), place.permit, "", place.station_code, "station_code_taken", Action.REJECTED)
        for place in unplaced
    ]
    for price in await queries.list_refused_prices(conn, as_of):
        reason, action = (
            ("older_than_known", Action.NOT_REPLACED) if price.has_station else ("place_rejected", Action.PRICE_REFUSED)
        )
        fuel = price.fuel.lower()
        faults.append(Fault(place_ids[price.permit], price.permit, fuel, str(price.price), reason, action))
    return faults
