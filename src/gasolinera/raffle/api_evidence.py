"""Evidence of freezes over HTTP: for the terminals that give it, for who looks after them, and for everybody."""

import hashlib
from typing import Annotated, Any, Final, TypeAlias

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.keyring import to_base64url
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission
from gasolinera.raffle import evidence, witnesses
from gasolinera.raffle.models_evidence import (
    DrawsWish,
    EvidenceReport,
    Retirement,
    ShownDraws,
    Witness,
    WitnessedDraw,
)
from gasolinera.terminal_calls import HEADER, KnownTerminal, SignedByTerminal, Terminals

_SEE: Final = [requires(Permission.RAFFLES_WITNESS)]
_MANAGE: Final = [requires(Permission.RAFFLES_MANAGE, second_factor=True, fresh=True)]
_DEVICE: Final = {"open": True, "limits": (Limit("ip", 120, 60),)}

_NO_LOGIN = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
_FORBIDDEN = problem_spec(HTTPStatus.FORBIDDEN, "auth.not_permitted", "this account may not do that")
_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_NOT_SIGNED = problem_spec(
    HTTPStatus.UNAUTHORIZED, "terminal.signature_invalid", "this is not signed by a terminal that is enrolled"
)
_RETIRED = problem_spec(HTTPStatus.CONFLICT, "witness.retired", "this terminal is no witness any more")
_UNKNOWN_WITNESS = problem_spec(
    HTTPStatus.NOT_FOUND, "witness.unknown", "there is no such witness, or it is retired already"
)
_UNKNOWN_DRAW = problem_spec(HTTPStatus.NOT_FOUND, "draw.unknown", "there is no draw of this number")
_NOT_FROZEN = problem_spec(HTTPStatus.NOT_FOUND, "draw.unknown", "the entries of this raffle are not frozen yet")
_OTHER = problem_spec(HTTPStatus.CONFLICT, "witness.other_manifest", "this is not the manifest that was frozen")
_LATE = problem_spec(HTTPStatus.GONE, "witness.late", "the time for evidence of this draw is over")
_WRONG = problem_spec(
    HTTPStatus.UNPROCESSABLE_ENTITY, "witness.signature", "this is not what the terminal's key signs of this draw"
)
_OF_DEVICE = {401: _NOT_SIGNED, 422: _INVALID, 503: _UNAVAILABLE}
_OF_PEOPLE = {401: _NO_LOGIN, 403: _FORBIDDEN, 422: _INVALID, 503: _UNAVAILABLE}

_WITNESS_EXAMPLE: dict[str, object] = {
    "terminal_code": "TRM000001",
    "station_code": "JSM001",
    "public_key": "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
    "retired_at": None,
    "retirement_reason": None,
    "enrolled_at": "2026-11-20T16:00:00Z",
}
_DRAWS_EXAMPLE: dict[str, object] = {
    "draws": [
        {
            "draw_number": 1,
            "manifest": '{"alternates":5,"beacon":…}',
            "signature": "5d0e…",
            "wants_signature": True,
        }
    ]
}
_REPORT_EXAMPLE: dict[str, object] = {
    "raffle_code": "MONTHLY-2026-12",
    "draw_number": 1,
    "status": "FROZEN",
    "manifest_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "frozen_at": "2026-12-01T06:00:04Z",
    "evidence_until": "2026-12-01T06:50:00Z",
    "is_required": True,
    "quorum": 2,
    "timestamps": [
        {
            "authority": "tsa.example.org",
            "generated_at": "2026-12-01T06:00:31Z",
            "received_at": "2026-12-01T06:00:31.5Z",
        }
    ],
    "witnesses": [
        {
            "terminal": "TRM000001",
            "public_key": "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
            "signed_at": "2026-12-01T06:03:10Z",
        }
    ],
    "held": ["TIMESTAMP"],
}

_Signature: TypeAlias = Annotated[
    str,
    HeaderParameter(
        name=HEADER,
        max_length=300,
        description="terminal=…, time=…, nonce=…, signature=…; each request is signed anew.",
    ),
]
_Code: TypeAlias = Annotated[
    str, PathParameter(pattern=r"^[A-Z0-9][A-Z0-9-]{2,49}$(?!\n)", description="Such as MONTHLY-2026-12.")
]
_Terminal: TypeAlias = Annotated[
    str, PathParameter(pattern=r"^TRM[0-9]{6,15}$(?!\n)", description="Such as TRM000001.")
]
_Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
_PageLimit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")]


async def _terminal_of(request: Request[Any, Any, Any], context: RequestContext, signature: str) -> KnownTerminal:
    """Whose device signed the request as it came over the wire. Raises UnauthenticatedError `terminal.*`."""
    terminals: Terminals = request.app.state["terminals"]
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    target = path.split(b"?")[0] + (b"?" + query if query else b"")
    signed = SignedByTerminal(
        signature=signature,
        method=request.method,
        target=target.decode("latin-1"),
        body_sha256=to_base64url(hashlib.sha256(await request.body()).digest()),
    )
    return await terminals.verify(context, signed)


@post(
    "/witnesses",
    status_code=200,
    opt=_DEVICE,
    summary="Become a witness",
    description="Signed by the terminal. Manifests of later freezes list it, with the key that it has as a terminal.",
    responses={200: good(Witness, "The witness.", _WITNESS_EXAMPLE), 409: _RETIRED, **_OF_DEVICE},
)
async def enrol_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    terminal_signature: _Signature,
) -> Witness:
    terminal = await _terminal_of(request, context, terminal_signature)
    async with db.transaction(context) as conn:
        return await witnesses.enrol(conn, terminal)


@post(
    "/witnesses/draws",
    status_code=200,
    opt=_DEVICE,
    summary="The chain of draws for a witness",
    description="From after the draw that the terminal saw last, without gaps: it checks each manifest's signature and "
    "the hash of the one before, and signs those that want it.",
    responses={200: good(ShownDraws, "The next draws.", _DRAWS_EXAMPLE), **_OF_DEVICE},
)
async def draws_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    data: JSONBody[DrawsWish],
    terminal_signature: _Signature,
) -> ShownDraws:
    terminal = await _terminal_of(request, context, terminal_signature)
    async with db.connection() as conn:
        return await witnesses.show_draws(conn, terminal, data)


@post(
    "/witnesses/signatures",
    status_code=204,
    opt=_DEVICE,
    summary="Sign a freeze as a witness",
    description="Until the time of the beacon's round less the manifest's gap; once, and the same again is the same.",
    responses={404: _UNKNOWN_DRAW, 409: _OTHER, 410: _LATE, **(_OF_DEVICE | {422: _WRONG})},
)
async def sign_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    data: JSONBody[WitnessedDraw],
    terminal_signature: _Signature,
) -> None:
    terminal = await _terminal_of(request, context, terminal_signature)
    async with db.transaction(context) as conn:
        await witnesses.take_signature(conn, terminal, data)


@get(
    "/witnesses",
    guards=_SEE,
    summary="List witnesses",
    description="Retired ones too. A station's people see the own station's.",
    responses={
        200: good(Page[Witness], "A page of witnesses.", {"items": [_WITNESS_EXAMPLE], "next_cursor": None}),
        **_OF_PEOPLE,
    },
)
async def list_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    cursor: _Cursor = None,
    limit: _PageLimit = 20,
) -> Page[Witness]:
    async with db.connection() as conn:
        return await witnesses.list_witnesses(conn, caller, cursor=cursor, limit=limit)


@post(
    "/witnesses/{terminal:str}/retire",
    status_code=200,
    guards=_MANAGE,
    summary="Retire a witness",
    description="No later manifest lists it, and it does not come back. Draws that list it already keep it.",
    responses={200: good(Witness, "The witness.", _WITNESS_EXAMPLE), 404: _UNKNOWN_WITNESS, **_OF_PEOPLE},
)
async def retire_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    terminal: _Terminal,
    data: JSONBody[Retirement],
) -> Witness:
    async with db.transaction(context) as conn:
        return await witnesses.retire(conn, terminal, data.reason)


@get(
    "/{code:str}/evidence",
    opt={"open": True, "limits": (Limit("ip", 60, 60),)},
    summary="Which evidence of the freeze held",
    description="What the operator's server says; the draw's bundle holds the tokens and signatures themselves.",
    responses={
        200: good(EvidenceReport, "The report.", _REPORT_EXAMPLE),
        404: _NOT_FROZEN,
        422: _INVALID,
        503: _UNAVAILABLE,
    },
)
async def report_route(db: NamedDependency[Database], code: _Code) -> EvidenceReport:
    async with db.transaction() as conn:
        return await evidence.report(conn, code)


HANDLERS = (enrol_route, draws_route, sign_route, list_route, retire_route, report_route)
