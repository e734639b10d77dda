"""The tile of the dashboard that tells what advertising has spent: a fragment that takes the place of a link."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Template

from gasolinera.ads import analytics
from gasolinera.authentication import requires
from gasolinera.database import Database
from gasolinera.permissions import Permission
from gasolinera.web.pages import page
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.ads", "tile")
_WEEK: Final = timedelta(days=7)


@get("/office/ads/tile", guards=[requires(Permission.ADS_READ)], include_in_schema=False)
async def tile_route(request: Request[Any, Any, Any], db: NamedDependency[Database]) -> Template:
    """Today, as UTC has it like all figures of views, beside the whole same day of last week."""
    today = datetime.now(UTC).date()
    question = analytics.asked(first_day=today - _WEEK, last_day=today, today=today)
    async with db.connection() as conn:
        report = await analytics.read_all(conn, question)
    spent: dict[str, list[Decimal]] = {}
    for line in report.items:
        sums = spent.setdefault(line.currency, [Decimal(0), Decimal(0)])
        if line.day == today:
            sums[0] += line.cost
        elif line.day == today - _WEEK:
            sums[1] += line.cost
    values = {"spent": sorted(spent.items())}
    return page(request, "ads/office/tile.html", values, wording=WORDING)


HANDLERS = (tile_route,)
