"""The dashboard of the back office: how the day goes, for the chain or for one station."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Response, Stream, Template

from gasolinera.authentication import requires
from gasolinera.database import Database
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import dashboard, reports
from gasolinera.redemption.models_dashboard import MOST, Dashboard, Day, StationLine
from gasolinera.redemption.models_reports import By
from gasolinera.web.charts import Series, bars
from gasolinera.web.figures import filters_of
from gasolinera.web.forms import Form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.redemption", "dashboard")
_READ: Final = [requires(Permission.REPORTS_READ)]
StationCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    station: StationCode | None = None
    sort: Literal["station", "-station", "completed", "-completed", "tickets", "-tickets", "before", "-before"] = (
        "-completed"
    )


class Compared(msgspec.Struct, frozen=True):
    """A figure of today, and that of the same day of last week by the same hour. `change` is in per cent."""

    now: Decimal | int
    before: Decimal | int
    change: int | None


@get("/office", guards=_READ, include_in_schema=False)
async def dashboard_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    form, filters = filters_asked(request)
    async with db.connection() as conn:
        found = await dashboard.read(conn, caller, filters.station, now=datetime.now(UTC), zone=CHAIN_ZONE)
    values = {
        "form": form,
        "found": found,
        "station": dashboard.in_sight(caller, filters.station),
        "zone": found.state.time_zone or CHAIN_ZONE,
        "completed": _compared(found.today.completed, found.last_week.completed),
        "tickets": _compared(found.today.tickets, found.last_week.tickets),
        "discounts": {currency: _discount(found, currency) for currency in found.currencies},
        "stations": sorted(found.stations, key=_key(filters.sort), reverse=filters.sort.startswith("-")),
        "most": MOST,
        "sees_ads": caller.reach(Permission.ADS_READ) is not None,
    }
    return page(request, "redemption/dashboard/dashboard.html", values, wording=WORDING)


@get("/office/charts/{name:str}", guards=_READ, include_in_schema=False)
async def chart_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    name: Annotated[str, PathParameter(pattern=r"^(redemptions|tickets|discount-[A-Z]{3})\.svg$(?!\n)")],
) -> Response[bytes]:
    _, filters = filters_asked(request)
    async with db.connection() as conn:
        days = await dashboard.read_days(conn, caller, filters.station, zone=CHAIN_ZONE)
    language = language_of(request)
    kind, _, currency = name.removesuffix(".svg").partition("-")
    labels = [filters_of(language, CHAIN_ZONE)["day"](day.day).rpartition(" ")[0] for day in days]
    title = WORDING.text(language, f"chart-{kind}", {"currency": currency})
    drawn = bars(labels, [Series(title, [_charted(day, kind, currency) for day in days])], width=480, height=220)
    return Response(drawn, media_type="image/svg+xml", headers={"cache-control": "no-store"})


@get("/office/figures.csv", guards=_READ, include_in_schema=False)
async def figures_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    """The days of a month by station and campaign, as the report has them."""
    _, filters = filters_asked(request)
    question = reports.question_of(
        caller,
        station_code=filters.station,
        campaign_code=None,
        first_day=None,
        last_day=None,
        by=frozenset(By),
        today=datetime.now(UTC).date(),
    )
    name = f"{question.first_day}-{question.last_day}.csv"
    return Stream(
        reports.as_csv(db, question, language="en" if language_of(request) == "en" else "es"),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )


def filters_asked(request: Request[Any, Any, Any]) -> tuple[Form, Filters]:
    """What does not fit is told at its field, and the whole is shown."""
    form = Form({name: value.strip().upper() if name == "station" else value for name, value in _asked(request)})
    return form, form.parsed(Filters) or Filters()


def _asked(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in request.query_params.items()]


def _compared(now: int, before: int) -> Compared:
    return Compared(now, before, dashboard.change_percent(now, before))


def _discount(found: Dashboard, currency: str) -> Compared:
    now = found.today.discounts.get(currency, Decimal(0))
    before = found.last_week.discounts.get(currency, Decimal(0))
    return Compared(now, before, dashboard.change_percent(now, before))


def _charted(day: Day, kind: str, currency: str) -> float:
    if kind == "discount":
        return float(day.discounts.get(currency, 0))
    return day.completed if kind == "redemptions" else day.tickets


def _key(sort: str) -> Any:
    def by(line: StationLine) -> tuple[Any, ...]:
        value = {
            "station": line.station_code,
            "completed": line.completed,
            "tickets": line.tickets,
            "before": line.completed_before,
        }[sort.removeprefix("-")]
        return value, line.station_code

    return by


HANDLERS = (dashboard_route, chart_route, figures_route)
