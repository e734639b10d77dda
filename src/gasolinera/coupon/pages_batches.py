"""Coupons in bulk: asked for, watched while they are made, stopped, taken out as a table or as sheets."""

import asyncio
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Response, Stream, Template

from gasolinera.authentication import requires
from gasolinera.coupon import campaigns, exporting, issuing, printing
from gasolinera.coupon.errors_coupons import batch_meanwhile
from gasolinera.coupon.models_coupons import MAX_BATCH, Batch, BatchStatus, NewBatch
from gasolinera.coupon.pages_campaigns import WORDING, CodeInPath, campaign_page
from gasolinera.database import Database, RequestContext
from gasolinera.permissions import Caller, Permission
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import language_of, page
from gasolinera.web.refusing import refused, tell

_ISSUE: Final = [requires(Permission.COUPONS_ISSUE, second_factor=True, fresh=True)]
_SEE: Final = [requires(Permission.COUPONS_ISSUE, second_factor=True)]
_EXPORT: Final = [requires(Permission.COUPONS_EXPORT, second_factor=True, fresh=True)]
BatchId = Annotated[UUID, PathParameter(description="The batch's id.")]


class IssueWish(msgspec.Struct, frozen=True, kw_only=True):
    count: Annotated[int, msgspec.Meta(ge=1, le=MAX_BATCH)]
    max_usage: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class SheetWish(msgspec.Struct, frozen=True, kw_only=True):
    first: Annotated[int, msgspec.Meta(ge=1, le=MAX_BATCH)] = 1
    count: Annotated[int, msgspec.Meta(ge=1, le=exporting.MAX_PRINTED)] = 100
    paper: Literal["A4", "LETTER"] = "LETTER"


class Progress(msgspec.Struct, frozen=True):
    """What the page's module asks for while the batch is made."""

    status: BatchStatus
    issued: int
    asked: int
    text: str


@post("/office/campaigns/{code:str}/batches", guards=_ISSUE, status_code=303, include_in_schema=False)
async def issue_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    code: CodeInPath,
) -> Template | Redirect:
    """Once for each time that the page was shown: `latest` is the batch that was the latest one then."""
    form = await read_form(request)
    wish = form.parsed(IssueWish)
    if wish is None:
        return await campaign_page(request, db, caller, state, code, form, status=422)
    opened: list[Batch] = []

    async def work() -> None:
        async with db.transaction(context) as conn:
            new = NewBatch(campaign_code=code.upper(), count=wish.count, max_usage=wish.max_usage)
            opened.append(await issuing.open_batch(conn, new))
            # Whoever opens one waits for whoever opened one before: what was there before this one is seen by now.
            before = (await issuing.list_batches(conn, code.upper(), cursor=None, limit=2)).items[1:]
            if form.value("latest") != (str(before[0].batch_id) if before else ""):
                raise batch_meanwhile()

    error = await refused(request, work())
    if error is not None:
        tell(request, form, error, WORDING, {"coupon.campaign_not_open": "count"})
        return await campaign_page(request, db, caller, state, code, form, status=int(error.status))
    return Redirect(f"/office/batches/{opened[0].batch_id}", status_code=303)


@get("/office/batches/{batch_id:uuid}", guards=_SEE, include_in_schema=False)
async def batch_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller], batch_id: BatchId
) -> Template:
    return await _batch_page(request, db, caller, batch_id, Form({"first": "1", "count": "100", "paper": "LETTER"}))


@get("/office/batches/{batch_id:uuid}/progress", guards=_SEE, include_in_schema=False)
async def progress_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], batch_id: BatchId
) -> Response[Progress]:
    async with db.connection() as conn:
        batch = await issuing.get_batch(conn, batch_id)
    counts: dict[str, str | int] = {"issued": batch.issued_count, "asked": batch.requested_count}
    text = WORDING.text(language_of(request), "batch-progress", counts)
    made = Progress(batch.status, batch.issued_count, batch.requested_count, text)
    return Response(made, headers={"cache-control": "no-store"})


@post("/office/batches/{batch_id:uuid}/cancel", guards=_ISSUE, status_code=303, include_in_schema=False)
async def stop_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    batch_id: BatchId,
) -> Template | Redirect:
    form = await read_form(request)
    here = f"/office/batches/{batch_id}"
    if not is_confirmed(form):
        language = language_of(request)
        question = Question(
            title=WORDING.text(language, "ask-stop-title"),
            text=WORDING.text(language, "ask-stop"),
            yes=WORDING.text(language, "ask-stop-yes"),
            back=here,
        )
        return confirm_page(request, question, {})

    async def work() -> None:
        async with db.transaction(context) as conn:
            await issuing.cancel_batch(conn, batch_id)

    error = await refused(request, work())
    if error is not None:
        tell(request, form, error, WORDING)
        return await _batch_page(request, db, caller, batch_id, form, status=int(error.status))
    return Redirect(f"{here}?said=batch-cancelled", status_code=303)


@get("/office/batches/{batch_id:uuid}/coupons.csv", guards=_EXPORT, include_in_schema=False)
async def batch_csv_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    batch_id: BatchId,
) -> Stream:
    batch = await exporting.begin_export_of_batch(db, batch_id, context)
    return _file(exporting.batch_as_csv(db, batch, language=_language(request)), f"{batch.campaign_code}.csv")


@get("/office/campaigns/{code:str}/coupons.csv", guards=_EXPORT, include_in_schema=False)
async def campaign_csv_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
) -> Stream:
    await exporting.begin_export_of_campaign(db, code.upper(), context)
    return _file(exporting.campaign_as_csv(db, code.upper(), language=_language(request)), f"{code.upper()}.csv")


@get("/office/batches/{batch_id:uuid}/sheets.pdf", guards=_EXPORT, opt={"timeout_s": 120}, include_in_schema=False)
async def sheets_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    batch_id: BatchId,
) -> Response[bytes] | Template:
    form = Form({name: str(value).strip() for name, value in request.query_params.items()})
    wish = form.parsed(SheetWish)
    if wish is None:
        return await _batch_page(request, db, caller, batch_id, form, status=422)
    taken: list[exporting.Print] = []

    async def work() -> None:
        taken.append(await exporting.take_for_print(db, batch_id, first=wish.first, count=wish.count, context=context))

    error = await refused(request, work())
    if error is not None:
        tell(request, form, error, WORDING, {"coupon.not_issued": "first"})
        return await _batch_page(request, db, caller, batch_id, form, status=int(error.status))
    language = _language(request)
    made = await asyncio.to_thread(
        printing.sheets, taken[0].campaign, taken[0].coupons, paper=wish.paper, language=language
    )
    name = f"{taken[0].campaign.campaign_code}-{wish.first}.pdf"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(made, media_type="application/pdf", headers=headers)


async def _batch_page(
    request: Request[Any, Any, Any], db: Database, caller: Caller, batch_id: UUID, form: Form, *, status: int = 200
) -> Template:
    async with db.connection() as conn:
        batch = await issuing.get_batch(conn, batch_id)
        campaign = await campaigns.get_campaign(conn, batch.campaign_code)
        latest = await issuing.list_batches(conn, batch.campaign_code, cursor=None, limit=1)
    values = {
        "batch": batch,
        "campaign": campaign,
        "latest": str(latest.items[0].batch_id),
        "form": form,
        "most": exporting.MAX_PRINTED,
        "missing": batch.requested_count - batch.issued_count if batch.status is BatchStatus.CANCELLED else 0,
        "may_export": caller.reach(Permission.COUPONS_EXPORT) is not None,
        "tone": {"ISSUING": "warn", "COMPLETED": "good", "CANCELLED": "bad"}[batch.status],
    }
    return page(request, "coupon/campaigns/batch.html", values, wording=WORDING, status=status)


def _language(request: Request[Any, Any, Any]) -> exporting.Language:
    return "en" if language_of(request) == "en" else "es"


def _file(content: Any, name: str) -> Stream:
    headers = {"content-disposition": f'attachment; filename="coupons-{name}"', "cache-control": "no-store"}
    return Stream(content, media_type="text/csv; charset=utf-8", headers=headers)


HANDLERS = (
    issue_route,
    batch_route,
    progress_route,
    stop_route,
    batch_csv_route,
    campaign_csv_route,
    sheets_route,
)
