"""The back office's list of advertisements: searched, filtered, taken along; those that wait for a review above all."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeAlias

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream, Template

from gasolinera.ads import advertisements
from gasolinera.ads.models_ads import AdFilter, AdStatus, AdSummary, ApprovalStatus
from gasolinera.ads.models_serving import AdFormat
from gasolinera.ads.pages_office import (
    READ,
    ROOT,
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
from gasolinera.database import Connection, Database
from gasolinera.paging import Page
from gasolinera.web.figures import sheet_moment
from gasolinera.web.pages import CHAIN_ZONE, language_of
from gasolinera.web.sheets import csv_of_pages

_LIST: Final = f"{ROOT}/advertisements"
_AT_ONCE: Final = 25
_OLDEST: Final = "created"
OfFormat: TypeAlias = Annotated[str | None, QueryParameter(name="format", max_length=30, pattern=r"^[A-Z_]*$(?!\n)")]
IsWaiting: TypeAlias = Annotated[str | None, QueryParameter(max_length=5, pattern=r"^(true|false|on)?$(?!\n)")]


def _filter_of(
    q: str | None, campaign: str | None, status: str | None, approval: str | None, ad_format: str | None, *, only: bool
) -> AdFilter:
    return AdFilter(
        campaign_code=(campaign or "").upper() or None,
        status=one_of(AdStatus, status),
        approval_status=one_of(ApprovalStatus, approval),
        ad_format=one_of(AdFormat, ad_format),
        is_waiting=True if only else None,
        text=(q or "").strip() or None,
    )


@get(_LIST, guards=READ, include_in_schema=False)
async def list_route(  # noqa: PLR0913  a filter is an argument
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    q: Wanted = None,
    campaign: OfCode = None,
    status: Choice = None,
    approval: Choice = None,
    ad_format: OfFormat = None,
    waiting: IsWaiting = None,
    sort: Sort = None,
    cursor: Cursor = None,
    said: Said = None,  # noqa: ARG001  read by the page
) -> Template:
    only = waiting in {"true", "on"}
    wanted = _filter_of(q, campaign, status, approval, ad_format, only=only)
    async with db.connection() as conn:
        found = await advertisements.list_ads(
            conn, wanted, is_oldest_first=sort == _OLDEST, cursor=cursor or None, limit=_AT_ONCE
        )
    values = {
        "found": found,
        "statuses": list(AdStatus),
        "approvals": list(ApprovalStatus),
        "formats": list(AdFormat),
        "only_waiting": only,
        "is_filtered": bool(q or campaign or status or approval or ad_format or only),
    }
    return office_page(request, "advertisements.html", values)


@get(f"{_LIST}/export.csv", guards=READ, include_in_schema=False)
async def export_route(  # noqa: PLR0913  a filter is an argument
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    q: Wanted = None,
    campaign: OfCode = None,
    status: Choice = None,
    approval: Choice = None,
    ad_format: OfFormat = None,
    waiting: IsWaiting = None,
    sort: Sort = None,
) -> Stream:
    wanted = _filter_of(q, campaign, status, approval, ad_format, only=waiting in {"true", "on"})
    names = ("title", "campaign", "advertiser", "format", "seconds", "multiplier", "status", "approval", "created")
    header = [texts(request, f"csv-{name}") for name in names]

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[AdSummary]:
        return await advertisements.list_ads(conn, wanted, is_oldest_first=sort == _OLDEST, cursor=cursor, limit=limit)

    def row(one: AdSummary) -> Sequence[object]:
        return (
            one.title,
            one.campaign_code,
            one.advertiser_code,
            texts(request, f"format-{one.ad_format}"),
            one.duration_s,
            one.ticket_multiplier,
            texts(request, f"ad-{one.status}"),
            texts(request, f"approval-{one.approval_status}"),
            sheet_moment(one.created_at, CHAIN_ZONE),
        )

    return await csv_of_pages(db, read, row, name="advertisements", header=header, language=language_of(request))


HANDLERS: Final = (list_route, export_route)
