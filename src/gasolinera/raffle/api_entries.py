"""Entries over HTTP: the own ones with their receipts, what may be missing, and who is kept out."""

from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ForbiddenError, HTTPStatus, problem_spec
from gasolinera.keyring import Keyring
from gasolinera.openapi import good
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission
from gasolinera.raffle import eligibility, receipts
from gasolinera.raffle.api_raffles import PROBLEMS, UNKNOWN, CodeInPath, Cursor, PageLimit, page
from gasolinera.raffle.models import (
    AgeConfirmation,
    Entry,
    Exclusion,
    NewExclusion,
    RefusedTickets,
    Standing,
)
from gasolinera.raffle.receipts import SignedReceipt

_OWN = [requires(Permission.RAFFLE_ENTRIES)]
_CONFIRM = [requires(Permission.RAFFLE_ENTRIES, fresh=True)]
_LOOK = [requires(Permission.RAFFLES_MANAGE)]
_MANAGE = [requires(Permission.RAFFLES_MANAGE, second_factor=True, fresh=True)]
_NOT_OPEN = problem_spec(HTTPStatus.CONFLICT, "raffle.not_open", "the raffle is not open now")
_UNKNOWN_ENTRY = problem_spec(HTTPStatus.NOT_FOUND, "raffle.unknown_entry", "there is no such entry in this raffle")
_UNKNOWN_EXCLUSION = problem_spec(
    HTTPStatus.NOT_FOUND, "raffle.unknown_exclusion", "nobody is kept out under this reference"
)
_EXCLUDED = problem_spec(HTTPStatus.CONFLICT, "raffle.excluded_already", "this person is kept out already")

_ISSUANCE = "6f1c1d0e-4b9e-8a54-9d2c-6d1d9a4c2f10"
_ENTRY_EXAMPLE: dict[str, object] = {
    "raffle_code": "MONTHLY-2026-12",
    "issuance_id": _ISSUANCE,
    "source": "COUPON_REDEMPTION",
    "tickets": 2,
    "entry_hash": "9b" * 28,
    "entered_at": "2026-12-03T18:00:00.123456Z",
    "received_at": "2026-12-03T18:00:00.250000Z",
    "numbers": ["TKT3GGV37KHSHQRRJ7M", "TKT4YSQ5F4GVYQA0KNN"],
}
_RECEIPT_EXAMPLE: dict[str, object] = {
    "receipt": {
        "format": "gasolinera-entry-receipt-1",
        "raffle": "MONTHLY-2026-12",
        "issuance_id": _ISSUANCE.replace("-", ""),
        "source": "COUPON_REDEMPTION",
        "entry_hash": "9b" * 28,
        "owner_tag": "c4" * 16,
        "numbers": ["TKT3GGV37KHSHQRRJ7M", "TKT4YSQ5F4GVYQA0KNN"],
        "entered_at": "2026-12-03T18:00:00Z",
        "received_at": "2026-12-03T18:00:00Z",
        "operator": {"key_id": 1, "public_key": "d7" * 32},
    },
    "signature": "5e" * 64,
}
_REFUSED_EXAMPLE: dict[str, object] = {
    "raffle_code": "MONTHLY-2026-12",
    "issuance_id": _ISSUANCE,
    "reason": "OVER_LIMIT",
    "ticket_numbers": ["TKT3GGV37KHSHQRRJ7M"],
    "refused_at": "2026-12-03T18:00:00.250000Z",
}
_STANDING_EXAMPLE: dict[str, object] = {
    "raffle_code": "MONTHLY-2026-12",
    "tickets": 7,
    "max_tickets_per_user": 100,
    "entries": 3,
    "chance": "0.000038",
    "missing": ["age_not_confirmed"],
}
_EXCLUSION_EXAMPLE: dict[str, object] = {
    "public_id": "0b8f2f7e-6f0e-4f0c-9a55-1d9f5b0f4a11",
    "raffle_code": None,
    "user_id": "b0000000-0000-4000-8000-000000000001",
    "kind": "FAMILY",
    "note": "Hermana de la gerente de JSM001",
    "created_by": "a0000000-0000-4000-8000-000000000001",
    "created_at": "2026-11-22T18:00:00Z",
}


def _holder(caller: Caller) -> UUID:
    """Raises ForbiddenError."""
    if caller.user_id is None:
        raise ForbiddenError("auth.not_permitted", "only a person takes part in raffles")
    return caller.user_id


@get(
    "/entries",
    guards=_OWN,
    summary="List the own entries",
    description="Tickets that came into raffles together, the newest first.",
    responses={200: page(Page[Entry], _ENTRY_EXAMPLE), **PROBLEMS},
)
async def entries_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    raffle_code: Annotated[
        str | None, QueryParameter(pattern=r"^[A-Z0-9][A-Z0-9-]{2,49}$(?!\n)", description="Of this raffle alone.")
    ] = None,
    cursor: Cursor = None,
    limit: PageLimit = 20,
) -> Page[Entry]:
    async with db.connection() as conn:
        return await receipts.list_entries(conn, _holder(caller), raffle_code, cursor=cursor, limit=limit)


@get(
    "/refused-tickets",
    guards=_OWN,
    summary="List the own tickets that raffles did not take",
    description="And why. They wait for another choice, as `/api/tickets` shows.",
    responses={200: page(Page[RefusedTickets], _REFUSED_EXAMPLE), **PROBLEMS},
)
async def refused_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], cursor: Cursor = None, limit: PageLimit = 20
) -> Page[RefusedTickets]:
    async with db.connection() as conn:
        return await receipts.list_refused(conn, _holder(caller), cursor=cursor, limit=limit)


@get(
    "/{code:str}/standing",
    guards=_OWN,
    summary="See the own chances in a raffle",
    description="How many tickets are in it, the chance of the first unit drawn as things are now, and what would "
    "leave the entries out at the freeze.",
    responses={200: good(Standing, "The caller in this raffle.", _STANDING_EXAMPLE), 404: UNKNOWN, **PROBLEMS},
)
async def standing_route(db: NamedDependency[Database], caller: NamedDependency[Caller], code: CodeInPath) -> Standing:
    async with db.connection() as conn:
        return await eligibility.get_standing(conn, code.upper(), _holder(caller))


@get(
    "/{code:str}/entries/{issuance_id:uuid}/receipt",
    guards=_OWN,
    summary="Get the signed receipt of an entry",
    description="Keep it: with the draw's manifest it proves that these tickets were in the list, or that they were "
    "left out. The format of draws says how to check it.",
    responses={200: good(SignedReceipt, "The receipt.", _RECEIPT_EXAMPLE), 404: _UNKNOWN_ENTRY, **PROBLEMS},
)
async def receipt_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    code: CodeInPath,
    issuance_id: Annotated[UUID, PathParameter(description="As the entry and each of its tickets name it.")],
) -> SignedReceipt:
    async with db.connection() as conn:
        return await receipts.get_receipt(conn, keyring, code.upper(), issuance_id, _holder(caller))


@post(
    "/{code:str}/age-confirmation",
    guards=_CONFIRM,
    status_code=204,
    summary="Confirm the age that a raffle asks for",
    description="Until it closes. Entries of whoever has not are left out at the freeze. No date of birth is kept.",
    responses={204: ResponseSpec(None, description="It is noted."), 404: UNKNOWN, 409: _NOT_OPEN, **PROBLEMS},
)
async def confirm_age_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    data: JSONBody[AgeConfirmation],
) -> None:
    holder = _holder(caller)
    async with db.transaction(context) as conn:
        await eligibility.confirm_age(conn, code.upper(), holder, data)


@get(
    "/exclusions",
    guards=_LOOK,
    summary="List who is kept out by hand",
    description="Of one raffle and of all; the newest first. Employees of the chain are not listed.",
    responses={200: page(Page[Exclusion], _EXCLUSION_EXAMPLE), **PROBLEMS},
)
async def exclusions_route(
    db: NamedDependency[Database],
    raffle_code: Annotated[
        str | None, QueryParameter(pattern=r"^[A-Z0-9][A-Z0-9-]{2,49}$(?!\n)", description="All when left out.")
    ] = None,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Page[Exclusion]:
    async with db.connection() as conn:
        return await eligibility.list_exclusions(conn, raffle_code, cursor=cursor, limit=limit)


@post(
    "/exclusions",
    guards=_MANAGE,
    opt={"idempotent": True},
    summary="Keep a person out",
    description="Of one raffle, or of all. Tickets that come are refused, entries that are there are left out.",
    responses={201: good(Exclusion, "The exclusion.", _EXCLUSION_EXAMPLE), 404: UNKNOWN, 409: _EXCLUDED, **PROBLEMS},
)
async def exclude_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[NewExclusion]
) -> Response[Exclusion]:
    async with db.transaction(context) as conn:
        return Response(await eligibility.exclude_person(conn, data), status_code=201)


@delete(
    "/exclusions/{public_id:uuid}",
    guards=_MANAGE,
    summary="Let a person in again",
    responses={204: ResponseSpec(None, description="It is gone."), 404: _UNKNOWN_EXCLUSION, **PROBLEMS},
)
async def readmit_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    public_id: Annotated[UUID, PathParameter(description="As the list names it.")],
) -> None:
    async with db.transaction(context) as conn:
        await eligibility.readmit_person(conn, public_id)


HANDLERS = (
    entries_route,
    refused_route,
    standing_route,
    receipt_route,
    confirm_age_route,
    exclusions_route,
    exclude_route,
    readmit_route,
)
