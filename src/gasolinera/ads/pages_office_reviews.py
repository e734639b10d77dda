"""Doubtful views for the back office: the queue, what a player told, and a decision that counts once."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.ads import fraud_review
from gasolinera.ads.models_review import ViewAcceptance, ViewRejection, ViewReview, ViewReviewStatus
from gasolinera.ads.pages_office import (
    ROOT,
    WORDING,
    Choice,
    Cursor,
    OfCode,
    Said,
    Sort,
    Wanted,
    office_page,
    one_of,
    texts,
)
from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_of_pages

SEE: Final = [requires(Permission.ADS_REVIEW)]
JUDGE: Final = [requires(Permission.ADS_REVIEW, second_factor=True, fresh=True)]
_LIST: Final = f"{ROOT}/reviews"
_AT_ONCE: Final = 25
View: TypeAlias = Annotated[UUID, PathParameter()]


def _usual(status: ViewReviewStatus) -> str:
    """What waits longest is looked at first; of what is decided, what came last."""
    return "queued" if status is ViewReviewStatus.PENDING else "-queued"


def _is_turned(status: ViewReviewStatus, sort: str | None) -> bool:
    return sort in {"queued", "-queued"} and sort != _usual(status)


@get(_LIST, guards=SEE, include_in_schema=False)
async def list_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    q: Wanted = None,
    status: Choice = None,
    campaign: OfCode = None,
    sort: Sort = None,
    cursor: Cursor = None,
    said: Said = None,  # noqa: ARG001  read by the page
) -> Template:
    wanted = one_of(ViewReviewStatus, status) or ViewReviewStatus.PENDING
    async with db.connection() as conn:
        found = await fraud_review.list_reviews(
            conn,
            wanted,
            campaign_code=(campaign or "").upper() or None,
            text=(q or "").strip() or None,
            is_turned=_is_turned(wanted, sort),
            cursor=cursor or None,
            limit=_AT_ONCE,
        )
    is_filtered = bool(q or campaign)
    values = {
        "found": found,
        "wanted": wanted,
        "usual": _usual(wanted),
        "statuses": list(ViewReviewStatus),
        "is_filtered": is_filtered,
    }
    return office_page(request, "reviews.html", values)


@get(f"{_LIST}/export.csv", guards=SEE, include_in_schema=False)
async def export_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    q: Wanted = None,
    status: Choice = None,
    campaign: OfCode = None,
    sort: Sort = None,
) -> Stream:
    """Without the viewers."""
    wanted = one_of(ViewReviewStatus, status) or ViewReviewStatus.PENDING
    known = WORDING.names(language_of(request))

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[ViewReview]:
        return await fraud_review.list_reviews(
            conn,
            wanted,
            campaign_code=(campaign or "").upper() or None,
            text=(q or "").strip() or None,
            is_turned=_is_turned(wanted, sort),
            cursor=cursor,
            limit=limit,
        )

    def row(one: ViewReview) -> Sequence[object]:
        words = [texts(request, f"finding-{n}") if f"finding-{n}" in known else n for n in one.findings]
        return (
            one.title,
            one.campaign_code,
            texts(request, f"view-{one.status}"),
            one.fraud_score,
            ", ".join(words),
            one.quality_score,
            one.bonus_tickets,
            one.cost,
            one.currency,
            sheet_moment(one.started_at, CHAIN_ZONE),
            sheet_moment(one.created_at, CHAIN_ZONE),
        )

    names = ("csv-title", "csv-campaign", "csv-status", "fraud-score", "findings", "quality", "bonus-tickets", "cost",
             "csv-currency", "when",
             "queued")  # fmt: skip
    header = [texts(request, name) for name in names]
    return await csv_of_pages(db, read, row, name="ad-reviews", header=header, language=language_of(request))


@get(f"{_LIST}/{{view:uuid}}", guards=SEE, include_in_schema=False)
async def review_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller], view: View
) -> Template:
    return await _review_page(request, db, caller, view, Form())


async def _review_page(
    request: Request[Any, Any, Any], db: Database, caller: Caller, view: UUID, form: Form, status: int = 200
) -> Template:
    async with db.connection() as conn:
        detail = await fraud_review.get_review(conn, view)
    values = {
        "review": detail.review,
        "events": detail.events,
        "form": form,
        "is_own": detail.review.user_id == caller.user_id,
        "may_judge": caller.has_second_factor,
    }
    return office_page(request, "review.html", values, status=status)


@post(f"{_LIST}/{{view:uuid}}", guards=JUDGE, status_code=200, include_in_schema=False)
async def decide_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    view: View,
) -> Template | Redirect:
    """The same decision again changes nothing."""
    form = await read_form(request)
    is_accepted = form.value("answer") == "accept"
    parsed = form.parsed(ViewAcceptance if is_accepted else ViewRejection)
    if parsed is None:
        return await _review_page(request, db, caller, view, form, 422)

    async def decide() -> None:
        async with db.transaction(context) as conn:
            await fraud_review.decide(conn, caller, view, is_accepted=is_accepted, note=parsed.note)

    refusal = await refused(request, decide())
    if refusal is not None:
        tell(request, form, refusal, WORDING)
        return await _review_page(request, db, caller, view, form, 422)
    return Redirect(f"{_LIST}?said={'view-accepted' if is_accepted else 'view-rejected'}", status_code=303)


HANDLERS: Final = (list_route, export_route, review_route, decide_route)
