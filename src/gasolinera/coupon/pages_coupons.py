"""Coupons in the back office: found by code, campaign or owner, looked at with their history, withdrawn."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.authentication import requires
from gasolinera.calls import UserDirectory
from gasolinera.coupon import coupons, overview
from gasolinera.coupon.codes import normalised
from gasolinera.coupon.models_coupons import Coupon, CouponFilter, CouponStatus, Reason
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.paging import Page
from gasolinera.permissions import Permission
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.coupon", "office_coupons")
TONES: Final = {"ACTIVE": "good", "USED": "quiet", "EXPIRED": "quiet", "CANCELLED": "bad", "SUSPENDED": "warn"}
_SEE: Final = [requires(Permission.COUPONS_MANAGE, second_factor=True)]
_MANAGE: Final = [requires(Permission.COUPONS_MANAGE, second_factor=True, fresh=True)]
_SHOWN: Final = 50
_TOLD: Final = 4  # signs of a code that its list shows
_COLUMNS: Final = ("code", "campaign", "status", "uses", "owned", "from", "until")
CodeInPath = Annotated[str, PathParameter(pattern=r"^[0-9A-Za-z-]{6,60}$(?!\n)")]
Act = Callable[[Connection, str, str], Awaitable[Coupon]]
# What may be done to a coupon by hand, and in which of its states.
_ACTS: Final[dict[str, tuple[Act, frozenset[CouponStatus]]]] = {
    "suspend": (coupons.suspend, frozenset({CouponStatus.ACTIVE})),
    "release": (coupons.release, frozenset({CouponStatus.SUSPENDED})),
    "cancel": (coupons.cancel, frozenset({CouponStatus.ACTIVE, CouponStatus.SUSPENDED})),
}


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    code: Annotated[str, msgspec.Meta(max_length=60)] | None = None
    campaign: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9_]{3,50}$(?!\n)")] | None = None
    status: CouponStatus | None = None
    user: UUID | None = None
    sort: Literal["issued", "-issued"] = "-issued"  # the last issued first


class ActWish(msgspec.Struct, frozen=True):
    reason: Reason


class GiveWish(msgspec.Struct, frozen=True):
    user_id: UUID


@get("/office/coupons", guards=_SEE, include_in_schema=False)
async def search_route(request: Request[Any, Any, Any], db: NamedDependency[Database]) -> Template | Redirect:
    form, filters = _asked(request)
    if filters is not None and filters.code is not None:
        code = normalised(filters.code)
        if code is not None:
            return Redirect(f"/office/coupons/{code}", status_code=303)
        form.refuse(WORDING.text(language_of(request), "no-code"), "code")
    found = None
    if filters is not None and not form.errors:
        try:
            async with db.connection() as conn:
                found = await coupons.search(
                    conn,
                    _wanted(filters),
                    is_up=filters.sort == "issued",
                    cursor=form.values.get("cursor"),
                    limit=_SHOWN,
                )
        except InputError as error:
            tell(request, form, error, WORDING, {"coupon.search": "campaign"})
    values = {
        "form": form,
        "found": found,
        "statuses": list(CouponStatus),
        "tones": TONES,
        "zone": CHAIN_ZONE,
        "is_filtered": any(form.value(name) for name in Filters.__struct_fields__ if name != "sort"),
    }
    status = 200 if found is not None else 422
    return page(request, "coupon/office_coupons/list.html", values, wording=WORDING, status=status)


@get("/office/coupons/export.csv", guards=_SEE, include_in_schema=False)
async def export_route(request: Request[Any, Any, Any], db: NamedDependency[Database]) -> Stream:
    """The list, without what would let anybody use a coupon: its codes go out with their campaign, on record.

    Raises InputError for filters that do not fit.
    """
    _, filters = _asked(request)
    if filters is None:
        raise InputError("request.invalid", "the filters do not fit")
    language, wanted = language_of(request), _wanted(filters)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[Coupon]:
        return await coupons.search(conn, wanted, is_up=filters.sort == "issued", cursor=cursor, limit=limit)

    return await csv_of_pages(
        db,
        read,
        lambda one: _row(one, language),
        name=WORDING.text(language, "file"),
        header=[WORDING.text(language, f"column-{name}") for name in _COLUMNS],
        language=language,
        is_capped=True,
    )


@get("/office/coupons/{code:str}", guards=_SEE, include_in_schema=False)
async def coupon_route(request: Request[Any, Any, Any], db: NamedDependency[Database], code: CodeInPath) -> Template:
    return await _coupon_page(request, db, code, Form())


@post("/office/coupons/{code:str}/{act:str}", guards=_MANAGE, status_code=303, include_in_schema=False)
async def act_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    act: Annotated[str, PathParameter(pattern=r"^(suspend|release|cancel)$(?!\n)")],
) -> Template | Redirect:
    form = await read_form(request)
    form.values["act"] = act
    wish = form.parsed(ActWish)
    here = f"/office/coupons/{code}"
    if wish is None:
        return await _coupon_page(request, db, code, form, status=422)
    if act == "cancel" and not is_confirmed(form):
        language = language_of(request)
        question = Question(
            title=WORDING.text(language, "ask-cancel-title", {"code": code}),
            text=WORDING.text(language, "ask-cancel", {"reason": wish.reason}),
            yes=WORDING.text(language, "ask-cancel-yes"),
            back=here,
        )
        return confirm_page(request, question, {"reason": wish.reason})

    async def work() -> None:
        async with db.transaction(context) as conn:
            await _ACTS[act][0](conn, code, wish.reason)

    error = await refused(request, work())
    if error is not None:
        tell(request, form, error, WORDING, {"coupon.reason": "reason"})
        return await _coupon_page(request, db, code, form, status=int(error.status))
    return Redirect(f"{here}?said={act}", status_code=303)


@post("/office/coupons/{code:str}/give", guards=_MANAGE, status_code=303, include_in_schema=False)
async def give_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    users: NamedDependency[UserDirectory],
    code: CodeInPath,
) -> Template | Redirect:
    form = await read_form(request)
    wish = form.parsed(GiveWish)
    if wish is None:
        return await _coupon_page(request, db, code, form, status=422)

    async def work() -> None:
        coupons.check_user(await users.find(wish.user_id))
        async with db.transaction(context) as conn:
            await coupons.assign(conn, code, wish.user_id)

    error = await refused(request, work())
    if error is not None:
        tell(request, form, error, WORDING, {"coupon.unknown_user": "user_id"})
        return await _coupon_page(request, db, code, form, status=int(error.status))
    return Redirect(f"/office/coupons/{code}?said=give", status_code=303)


async def _coupon_page(
    request: Request[Any, Any, Any], db: Database, code: str, form: Form, *, status: int = 200
) -> Template:
    async with db.connection() as conn:
        story = await overview.coupon_story(conn, code)
    coupon = story.coupon
    values = {
        "story": story,
        "one": coupon,
        "zone": story.place.time_zone,
        "form": form,
        "tones": TONES,
        "acts": [act for act, (_, states) in _ACTS.items() if coupon.status in states],
        "may_give": coupon.user_id is None and coupon.status is CouponStatus.ACTIVE and coupon.usage_count == 0,
    }
    return page(request, "coupon/office_coupons/coupon.html", values, wording=WORDING, status=status)


def _asked(request: Request[Any, Any, Any]) -> tuple[Form, Filters | None]:
    form = Form({name: str(value).strip() for name, value in request.query_params.items()})
    form.values["campaign"] = form.value("campaign").upper()
    return form, form.parsed(Filters)


def _wanted(filters: Filters) -> CouponFilter:
    return CouponFilter(campaign_code=filters.campaign, status=filters.status, user_id=filters.user)


def _masked(code: str) -> str:
    """Enough to know it again beside the coupon."""
    return "\N{HORIZONTAL ELLIPSIS}" + code[-_TOLD:]


def _row(one: Coupon, language: str) -> Sequence[object]:
    return (
        _masked(one.coupon_code),
        one.campaign_code,
        WORDING.text(language, f"status-{one.status.lower()}"),
        f"{one.usage_count}/{one.max_usage}",
        WORDING.text(language, "owned-yes" if one.user_id else "owned-no"),
        sheet_moment(one.valid_from, CHAIN_ZONE),
        sheet_moment(one.valid_until, CHAIN_ZONE),
    )


HANDLERS = (search_route, export_route, coupon_route, act_route, give_route)
