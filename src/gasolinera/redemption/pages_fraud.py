"""Fraud in the back office: the queue of what asks for a person, one case with what the rules saw, the verdict."""

from collections.abc import Awaitable, Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.redemption import finding, fraud
from gasolinera.redemption.fraud_words import seen
from gasolinera.redemption.models_fraud import Resolution, ResolutionWish, Review, ReviewOrder, ReviewStatus
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.redemption", "fraud")
_SEE: Final = [requires(Permission.FRAUD_REVIEW)]
_JUDGE: Final = [requires(Permission.FRAUD_REVIEW, second_factor=True, fresh=True)]
_SHOWN: Final = 50
_COLUMNS: Final = ("score", "decision", "when", "station", "employee", "reference", "status", "notes")
_ORDERS: Final[dict[str, ReviewOrder]] = {
    "score": "mildest",
    "-score": "worst",
    "when": "oldest",
    "-when": "newest",
}
Detection = Annotated[UUID, PathParameter(description="The detection's id.")]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What the queue is asked for. `sort`: -score is the worst first; what is decided has its order by time."""

    q: Annotated[str, msgspec.Meta(max_length=60)] | None = None
    status: ReviewStatus = ReviewStatus.OPEN
    station: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] | None = None
    sort: Literal["score", "-score", "when", "-when"] | None = None


@get("/office/fraud", guards=_SEE, include_in_schema=False)
async def queue_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    form, filters = _asked(request)
    async with db.connection() as conn:
        found = await fraud.list_reviews(
            conn,
            caller,
            filters.status,
            station_code=filters.station,
            text=filters.q,
            order=_order(filters),
            cursor=form.values.get("cursor"),
            limit=_SHOWN,
        )
    language = language_of(request)
    values = {
        "form": form,
        "found": found,
        "seen": {one.id: seen(WORDING, language, one.rule_points, one.details) for one in found.items},
        "status": filters.status,
        "is_searched": filters.q is not None,
        "statuses": list(ReviewStatus),
        "own_station": caller.station_code,
        "sees_rules": caller.reach(Permission.FRAUD_RULES) is not None,
        "user_id": caller.user_id,
        "zone": CHAIN_ZONE,
    }
    return page(request, "redemption/fraud/queue.html", values, wording=WORDING, status=422 if form.errors else 200)


@get("/office/fraud/export.csv", guards=_SEE, include_in_schema=False)
async def export_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    _, filters = _asked(request)
    language = language_of(request)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[Review]:
        return await fraud.list_reviews(
            conn,
            caller,
            filters.status,
            station_code=filters.station,
            text=filters.q,
            order=_order(filters),
            cursor=cursor,
            limit=limit,
        )

    return await csv_of_pages(
        db,
        read,
        lambda one: _row(one, language),
        name=WORDING.text(language, "file"),
        header=[WORDING.text(language, f"column-{name}") for name in _COLUMNS],
        language=language,
        is_capped=True,
    )


@get("/office/fraud/{detection:uuid}", guards=_SEE, include_in_schema=False)
async def review_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    detection: Detection,
) -> Template:
    return await _review_page(request, db, caller, detection, Form({"release_hours": "24"}))


@post("/office/fraud/{detection:uuid}/take", guards=_JUDGE, status_code=303, include_in_schema=False)
async def take_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    detection: Detection,
) -> Template | Redirect:
    form = await read_form(request)

    async def work() -> None:
        async with db.transaction(context) as conn:
            await fraud.take_review(conn, caller, detection)

    return await _done(request, db, caller, detection, form, work(), "taken")


@post("/office/fraud/{detection:uuid}/resolve", guards=_JUDGE, status_code=303, include_in_schema=False)
async def resolve_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    detection: Detection,
) -> Template | Redirect:
    form = await read_form(request)
    wish = form.parsed(ResolutionWish)
    if wish is None:
        return await _review_page(request, db, caller, detection, form, status=422)

    async def work() -> None:
        async with db.transaction(context) as conn:
            await fraud.resolve_review(conn, caller, detection, wish)

    return await _done(request, db, caller, detection, form, work(), "resolved")


async def _done(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    detection: UUID,
    form: Form,
    work: Awaitable[object],
    said: str,
) -> Template | Redirect:
    error = await refused(request, work)
    if error is not None:
        tell(request, form, error, WORDING, {"fraud.release": "resolution"})
        return await _review_page(request, db, caller, detection, form, status=int(error.status))
    return Redirect(f"/office/fraud/{detection}?said={said}", status_code=303)


async def _review_page(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    detection: UUID,
    form: Form,
    *,
    status: int = 200,
) -> Template:
    async with db.connection() as conn:
        review = await fraud.get_review(conn, caller, detection)
        zone = None if review.station_code is None else await finding.zone_of_station(conn, review.station_code)
    is_all = caller.reach(Permission.FRAUD_REVIEW) is Reach.ALL
    values = {
        "one": review,
        "zone": zone or CHAIN_ZONE,
        "form": form,
        "seen": seen(WORDING, language_of(request), review.rule_points, review.details),
        "resolutions": [choice for choice in Resolution if is_all or choice is not Resolution.RELEASE],
        "is_mine": review.taken_by is not None and review.taken_by == caller.user_id,
        "sees_people": caller.reach(Permission.USERS_READ) is not None,
        "may_release": is_all,
    }
    return page(request, "redemption/fraud/review.html", values, wording=WORDING, status=status)


def _asked(request: Request[Any, Any, Any]) -> tuple[Form, Filters]:
    form = Form({name: str(value).strip() for name, value in request.query_params.items()})
    form.values["station"] = form.value("station").upper()
    return form, form.parsed(Filters) or Filters()


def _order(filters: Filters) -> ReviewOrder | None:
    return None if filters.sort is None else _ORDERS[filters.sort]


def _row(one: Review, language: str) -> Sequence[object]:
    decision = None if one.action_taken is None else WORDING.text(language, f"decision-{one.action_taken.lower()}")
    return (
        one.risk_score,
        decision,
        sheet_moment(one.detected_at, CHAIN_ZONE),
        one.station_code,
        one.employee_number,
        one.transaction_reference,
        WORDING.text(language, f"status-{one.status.lower()}"),
        one.notes,
    )


HANDLERS = (queue_route, export_route, review_route, take_route, resolve_route)
