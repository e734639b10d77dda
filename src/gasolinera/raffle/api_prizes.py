"""The prizes and the terms of a draft over HTTP."""

from typing import Annotated, TypeAlias

from litestar import Response, delete, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, InputError, problem_spec
from gasolinera.openapi import good
from gasolinera.permissions import Permission
from gasolinera.raffle import raffles
from gasolinera.raffle.api_raffles import PROBLEMS, UNKNOWN, CodeInPath
from gasolinera.raffle.models import NewPrize, Prize, PublishedTerms, Terms

_MANAGE = [requires(Permission.RAFFLES_MANAGE, second_factor=True, fresh=True)]
_NO_DRAFT = problem_spec(
    HTTPStatus.CONFLICT, "raffle.no_draft", "the raffle is OPEN, and only a draft can be changed so"
)
_PRIZE_EXAMPLE: dict[str, object] = {
    "rank": 1,
    "name": "Combustible por 15,000 pesos",
    "description": None,
    "prize_type": "FUEL_CREDIT",
    "prize_value": "15000.00",
    "currency": "MXN",
    "quantity": 1,
    "quantity_remaining": 1,
    "delivery_method": "CREDIT",
    "image_url": None,
    "sponsor": None,
}
_TERMS_EXAMPLE: dict[str, object] = {"version": "1.0", "sha256": "3f1c" + "0" * 60, "text": "Bases del sorteo …"}
_RankInPath: TypeAlias = Annotated[int, PathParameter(ge=1, le=1000, description="The prize's rank; 1 is the first.")]


@post(
    "/{code:str}/terms",
    guards=_MANAGE,
    opt={"idempotent": True},
    summary="Write the terms of a draft down",
    description="A version that is written down does not change; the hash is made here and stands in the manifest.",
    responses={201: good(PublishedTerms, "The terms.", _TERMS_EXAMPLE), 404: UNKNOWN, 409: _NO_DRAFT, **PROBLEMS},
)
async def put_terms_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    data: JSONBody[Terms],
) -> Response[PublishedTerms]:
    async with db.transaction(context) as conn:
        return Response(await raffles.put_terms(conn, code.upper(), data), status_code=201)


@post(
    "/{code:str}/prizes",
    guards=_MANAGE,
    opt={"idempotent": True},
    summary="Add a prize to a draft",
    responses={201: good(Prize, "The prize.", _PRIZE_EXAMPLE), 404: UNKNOWN, 409: _NO_DRAFT, **PROBLEMS},
)
async def add_prize_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    data: JSONBody[NewPrize],
) -> Response[Prize]:
    async with db.transaction(context) as conn:
        await raffles.add_prize(conn, code.upper(), data)
        raffle = await raffles.get_raffle(conn, code.upper())
    return Response(next(prize for prize in raffle.prizes if prize.rank == data.rank), status_code=201)


@put(
    "/{code:str}/prizes/{rank:int}",
    guards=_MANAGE,
    summary="Change a prize of a draft",
    description="All of it anew.",
    responses={200: good(Prize, "The prize.", _PRIZE_EXAMPLE), 404: UNKNOWN, 409: _NO_DRAFT, **PROBLEMS},
)
async def put_prize_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    rank: _RankInPath,
    data: JSONBody[NewPrize],
) -> Prize:
    if data.rank != rank:
        raise InputError("raffle.rank", "the prize has another rank than its address")
    async with db.transaction(context) as conn:
        await raffles.put_prize(conn, code.upper(), data)
        raffle = await raffles.get_raffle(conn, code.upper())
    return next(prize for prize in raffle.prizes if prize.rank == rank)


@delete(
    "/{code:str}/prizes/{rank:int}",
    guards=_MANAGE,
    summary="Take a prize out of a draft",
    responses={204: ResponseSpec(None, description="It is gone."), 404: UNKNOWN, 409: _NO_DRAFT, **PROBLEMS},
)
async def remove_prize_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], code: CodeInPath, rank: _RankInPath
) -> None:
    async with db.transaction(context) as conn:
        await raffles.remove_prize(conn, code.upper(), rank)


HANDLERS = (put_terms_route, add_prize_route, put_prize_route, remove_prize_route)
