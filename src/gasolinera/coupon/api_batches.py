"""Batches over HTTP: asking for coupons by the thousand, taking them out as a table or as sheets, welcoming users."""

import asyncio
from typing import Annotated, TypeAlias
from uuid import UUID

from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.response import Stream

from gasolinera.authentication import requires
from gasolinera.coupon import exporting, issuing, printing, welcome
from gasolinera.coupon.api_coupons import FORBIDDEN, INVALID, NO_LOGIN, UNAVAILABLE, CampaignCode, Cursor, Limit
from gasolinera.coupon.models_coupons import Batch, NewBatch, WelcomeCampaign
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import Page
from gasolinera.permissions import Permission

_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "coupon.unknown_batch", "there is no batch with this id")
_UNKNOWN_CAMPAIGN = problem_spec(HTTPStatus.NOT_FOUND, "campaign.unknown", "there is no campaign with this code")
_NOT_OPEN = problem_spec(
    HTTPStatus.CONFLICT, "coupon.campaign_not_open", "coupons are issued of campaigns that are ACTIVE or PAUSED alone"
)
_FINISHED = problem_spec(HTTPStatus.CONFLICT, "coupon.batch_finished", "all coupons of this batch are issued")
_NOT_ISSUED = problem_spec(HTTPStatus.CONFLICT, "coupon.not_issued", "the batch has no good coupons with these numbers")
_LISTED = {401: NO_LOGIN, 403: FORBIDDEN, 422: INVALID, 503: UNAVAILABLE}

_BATCH_EXAMPLE: dict[str, object] = {
    "batch_id": "b3b4f6de-4d0e-4c11-9a54-0b5e7c1b8f60",
    "campaign_code": "WELCOME2026",
    "status": "ISSUING",
    "requested_count": 1_000_000,
    "issued_count": 340_000,
    "valid_from": "2026-11-01T06:00:00Z",
    "valid_until": "2027-01-01T06:00:00Z",
    "max_usage": 1,
    "created_at": "2026-11-22T18:00:00.123456Z",
    "finished_at": None,
}

_BatchId: TypeAlias = Annotated[UUID, PathParameter(description="The batch's id.")]
_InPath: TypeAlias = Annotated[
    str, PathParameter(pattern="^[A-Z0-9_]{3,50}$(?!\n)", description="The campaign's code.")
]
_Language: TypeAlias = Annotated[exporting.Language, QueryParameter(description="Of the texts.")]


def _file(media_type: str, description: str, example: str) -> ResponseSpec:
    return ResponseSpec(
        bytes,
        generate_examples=False,
        description=description,
        media_type=media_type,
        examples=[Example(value=example)],
    )


@post(
    "/batches",
    status_code=202,
    guards=[requires(Permission.COUPONS_ISSUE, second_factor=True, fresh=True)],
    opt={"idempotent": True},
    summary="Issue coupons",
    description="Up to five million, with the terms that the campaign has now. They are made by the workers; the batch "
    "tells how far they are.",
    responses={202: good(Batch, "The batch.", _BATCH_EXAMPLE), 404: _UNKNOWN_CAMPAIGN, 409: _NOT_OPEN, **_LISTED},
)
async def issue_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[NewBatch]
) -> Batch:
    async with db.transaction(context) as conn:
        return await issuing.open_batch(conn, data)


@get(
    "/batches",
    guards=[requires(Permission.COUPONS_ISSUE, second_factor=True)],
    summary="Batches of coupons",
    description="The latest first.",
    responses={
        200: good(Page[Batch], "A page of batches.", {"items": [_BATCH_EXAMPLE], "next_cursor": None}),
        **_LISTED,
    },
)
async def batches_route(
    db: NamedDependency[Database], campaign: CampaignCode = None, cursor: Cursor = None, limit: Limit = 20
) -> Page[Batch]:
    async with db.connection() as conn:
        return await issuing.list_batches(conn, campaign, cursor=cursor, limit=limit)


@get(
    "/batches/{batch_id:uuid}",
    guards=[requires(Permission.COUPONS_ISSUE, second_factor=True)],
    summary="How far a batch is",
    responses={200: good(Batch, "The batch.", _BATCH_EXAMPLE), 404: _UNKNOWN, **_LISTED},
)
async def batch_route(db: NamedDependency[Database], batch_id: _BatchId) -> Batch:
    async with db.connection() as conn:
        return await issuing.get_batch(conn, batch_id)


@post(
    "/batches/{batch_id:uuid}/cancel",
    status_code=200,
    guards=[requires(Permission.COUPONS_ISSUE, second_factor=True, fresh=True)],
    summary="Issue no more of a batch",
    description="What is issued stays good.",
    responses={200: good(Batch, "The batch.", _BATCH_EXAMPLE), 404: _UNKNOWN, 409: _FINISHED, **_LISTED},
)
async def cancel_batch_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], batch_id: _BatchId
) -> Batch:
    async with db.transaction(context) as conn:
        return await issuing.cancel_batch(conn, batch_id)


@get(
    "/batches/{batch_id:uuid}/export.csv",
    guards=[requires(Permission.COUPONS_EXPORT, second_factor=True, fresh=True)],
    summary="A batch as a table",
    description="With the text of each QR code: who has the file has the coupons. Logged.",
    responses={
        200: _file("text/csv", "CSV in UTF-8.", "coupon_code,campaign_code\r\n7K3M9QXR2T8WA,WELCOME2026\r\n"),
        404: _UNKNOWN,
        **_LISTED,
    },
)
async def export_batch_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    batch_id: _BatchId,
    language: _Language = "en",
) -> Stream:
    batch = await exporting.begin_export_of_batch(db, batch_id, context)
    return Stream(
        exporting.batch_as_csv(db, batch, language=language),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="coupons-{batch_id}.csv"', "cache-control": "no-store"},
    )


@get(
    "/export.csv",
    guards=[requires(Permission.COUPONS_EXPORT, second_factor=True, fresh=True)],
    summary="The coupons of a campaign as a table",
    description="With the text of each QR code: who has the file has the coupons. Logged.",
    responses={
        200: _file("text/csv", "CSV in UTF-8.", "coupon_code,campaign_code\r\n7K3M9QXR2T8WA,WELCOME2026\r\n"),
        404: _UNKNOWN_CAMPAIGN,
        **_LISTED,
    },
)
async def export_campaign_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    campaign: Annotated[str, QueryParameter(pattern="^[A-Z0-9_]{3,50}$(?!\n)", description="Which campaign.")],
    language: _Language = "en",
) -> Stream:
    await exporting.begin_export_of_campaign(db, campaign, context)
    return Stream(
        exporting.campaign_as_csv(db, campaign, language=language),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="coupons-{campaign}.csv"', "cache-control": "no-store"},
    )


@get(
    "/batches/{batch_id:uuid}/sheets.pdf",
    guards=[requires(Permission.COUPONS_EXPORT, second_factor=True, fresh=True)],
    opt={"timeout_s": 120},
    summary="Coupons of a batch as sheets to print",
    description="Ten a page, with cut marks; up to a thousand at once, counted from one. Those that are no longer good "
    "are left out. Logged.",
    responses={
        200: _file("application/pdf", "A PDF.", "%PDF-1.4 …"),
        404: _UNKNOWN,
        409: _NOT_ISSUED,
        **_LISTED,
    },
)
async def sheets_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    batch_id: _BatchId,
    first: Annotated[int, QueryParameter(ge=1, le=5_000_000, description="The number to begin with.")] = 1,
    count: Annotated[int, QueryParameter(ge=1, le=exporting.MAX_PRINTED, description="How many.")] = 100,
    paper: Annotated[printing.Paper, QueryParameter(description="The size of the sheets.")] = "LETTER",
    language: _Language = "es",
) -> Response[bytes]:
    taken = await exporting.take_for_print(db, batch_id, first=first, count=count, context=context)
    made = await asyncio.to_thread(printing.sheets, taken.campaign, taken.coupons, paper=paper, language=language)
    return Response(
        made,
        media_type="application/pdf",
        headers={
            "content-disposition": f'attachment; filename="coupons-{batch_id}-{first}.pdf"',
            "cache-control": "no-store",
        },
    )


@get(
    "/welcome",
    guards=[requires(Permission.COUPONS_ISSUE, second_factor=True)],
    summary="The campaigns that welcome new users",
    responses={
        200: good(
            Page[WelcomeCampaign],
            "The campaigns.",
            {"items": [{"campaign_code": "WELCOME2026", "since": "2026-11-22T18:00:00Z"}], "next_cursor": None},
        ),
        **_LISTED,
    },
)
async def welcome_route(db: NamedDependency[Database]) -> Page[WelcomeCampaign]:
    async with db.connection() as conn:
        return Page(await welcome.list_welcome(conn), None)


@put(
    "/welcome/{campaign_code:str}",
    status_code=204,
    guards=[requires(Permission.COUPONS_ISSUE, second_factor=True, fresh=True)],
    summary="Give every new user a coupon of a campaign",
    description="From now on, while the campaign is ACTIVE.",
    responses={404: _UNKNOWN_CAMPAIGN, **_LISTED},
)
async def set_welcome_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], campaign_code: _InPath
) -> None:
    async with db.transaction(context) as conn:
        await welcome.set_welcome(conn, campaign_code, is_on=True)


@delete(
    "/welcome/{campaign_code:str}",
    guards=[requires(Permission.COUPONS_ISSUE, second_factor=True, fresh=True)],
    summary="Give new users no coupons of a campaign any more",
    responses={404: _UNKNOWN_CAMPAIGN, **_LISTED},
)
async def unset_welcome_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], campaign_code: _InPath
) -> None:
    async with db.transaction(context) as conn:
        await welcome.set_welcome(conn, campaign_code, is_on=False)


HANDLERS = (
    issue_route,
    batches_route,
    batch_route,
    cancel_batch_route,
    export_batch_route,
    export_campaign_route,
    sheets_route,
    welcome_route,
    set_welcome_route,
    unset_welcome_route,
)
