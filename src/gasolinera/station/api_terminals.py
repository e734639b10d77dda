"""Terminals over HTTP: for who manages them, for the devices themselves, and for services that they ask."""

from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody, PathParameter

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.keyring import Keyring, from_base64url
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission
from gasolinera.station import service, terminals
from gasolinera.station.api import INVALID, UNAVAILABLE
from gasolinera.station.api_employees import ABOUT_STATION, CodeInPath, Cursor
from gasolinera.station.api_employees import Limit as PageLimit
from gasolinera.station.models_terminals import (
    HEADER,
    Enrolment,
    EnrolmentCode,
    EnrolmentWish,
    ProvenTerminal,
    Rename,
    Revocation,
    SignedRequest,
    Terminal,
    VerifiedTerminal,
    hash_body,
)

_MANAGE = [requires(Permission.TERMINALS_MANAGE, second_factor=True, fresh=True)]
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "terminal.unknown", "there is no terminal with this code")
_NOT_SIGNED = problem_spec(
    HTTPStatus.UNAUTHORIZED, "terminal.signature_invalid", "this is not signed by a terminal that is enrolled"
)
_WRONG_CODE = problem_spec(HTTPStatus.UNAUTHORIZED, "terminal.code_wrong", "the code is not right")
_OVER = problem_spec(HTTPStatus.GONE, "terminal.code_over", "this code is no longer good")
_KEY_KNOWN = problem_spec(HTTPStatus.CONFLICT, "terminal.key_known", "a terminal has or had this key")
_TOO_MANY_CODES = problem_spec(
    HTTPStatus.CONFLICT, "terminal.too_many_codes", "ten codes of this station are open already"
)
_REVOKED = problem_spec(HTTPStatus.CONFLICT, "terminal.revoked", "the terminal was revoked, and stays so")
_ABOUT_TERMINAL = ABOUT_STATION | {404: _UNKNOWN}

_TERMINAL_EXAMPLE = {
    "terminal_code": "TRM000001",
    "station_code": "JSM001",
    "name": "Caja 2",
    "last_seen_at": "2026-11-22T18:00:00Z",
    "revoked_at": None,
    "revocation_reason": None,
    "enrolled_at": "2026-11-20T16:00:00Z",
    "updated_at": "2026-11-20T16:00:00Z",
}
_CODE_EXAMPLE = {
    "code": "K7QF9X-2M4T-PDRW",
    "station_code": "JSM001",
    "name": "Caja 2",
    "expires_at": "2026-11-22T18:15:00Z",
}
_VERIFIED_EXAMPLE = {"terminal_code": "TRM000001", "station_code": "JSM001", "name": "Caja 2"}
_PROVEN_EXAMPLE = _VERIFIED_EXAMPLE | {"public_key": "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"}

_TerminalInPath: TypeAlias = Annotated[str, PathParameter(description="Such as TRM000001; case does not matter.")]
_Signature: TypeAlias = Annotated[
    str,
    HeaderParameter(
        name=HEADER, max_length=300, description="terminal=…, time=…, nonce=…, signature=…; see the how-to guide."
    ),
]


class _ToVerify(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request that a terminal sent to another service. `target`: path and query as they came."""

    signature: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    method: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{3,7}$(?!\n)")]
    target: Annotated[str, msgspec.Meta(pattern=r"^/[\x21-\x7e]{0,2000}$(?!\n)")]
    body_sha256: Annotated[
        str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$(?!\n)", description="base64url.")
    ]


@post(
    "/{code:str}/terminals/codes",
    guards=_MANAGE,
    opt={"limits": (Limit("user", 30, 3600),)},
    summary="Make a code that lets one device in",
    description="Good for 15 minutes and three tries. It is in this answer and can never be read again.",
    responses={201: good(EnrolmentCode, "The code.", _CODE_EXAMPLE), 409: _TOO_MANY_CODES, **ABOUT_STATION},
)
async def make_code_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    code: CodeInPath,
    data: JSONBody[EnrolmentWish],
) -> Response[EnrolmentCode]:
    async with db.transaction(context) as conn:
        made = await terminals.make_code(conn, caller, keyring, service.normalized_code(code), data.name)
    return Response(made, status_code=201, headers={"cache-control": "no-store"})


@post(
    "/terminals",
    opt={"open": True, "limits": (Limit("ip", 30, 60),)},
    summary="Enrol a device",
    description="The device sends the code, its Ed25519 public key, and its signature that the key is its own.",
    responses={
        201: good(Terminal, "The terminal.", _TERMINAL_EXAMPLE | {"last_seen_at": None}),
        401: _WRONG_CODE,
        409: _KEY_KNOWN,
        410: _OVER,
        422: INVALID,
        503: UNAVAILABLE,
    },
)
async def enrol_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    data: JSONBody[Enrolment],
) -> Terminal:
    async with db.transaction(context) as conn:
        outcome = await terminals.enrol(conn, keyring, data, ip_address=context.ip_address)
    if isinstance(outcome, terminals.EnrolmentRefusal):
        raise terminals.enrolment_error(outcome)
    return outcome


@get(
    "/{code:str}/terminals",
    guards=[requires(Permission.TERMINALS_MANAGE)],
    summary="List a station's terminals",
    description="With when they were last seen, to the minute; revoked ones as well.",
    responses={
        200: good(Page[Terminal], "A page of terminals.", {"items": [_TERMINAL_EXAMPLE], "next_cursor": None}),
        **ABOUT_STATION,
    },
)
async def list_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    cursor: Cursor = None,
    limit: PageLimit = 20,
) -> Page[Terminal]:
    async with db.connection() as conn:
        return await terminals.list_terminals(conn, caller, service.normalized_code(code), cursor=cursor, limit=limit)


@patch(
    "/terminals/{code:str}",
    guards=_MANAGE,
    summary="Rename a terminal",
    responses={200: good(Terminal, "The terminal.", _TERMINAL_EXAMPLE), 409: _REVOKED, **_ABOUT_TERMINAL},
)
async def rename_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: _TerminalInPath,
    data: JSONBody[Rename],
) -> Terminal:
    async with db.transaction(context) as conn:
        return await terminals.rename(conn, caller, code, data.name)


@post(
    "/terminals/{code:str}/revoke",
    status_code=200,
    guards=_MANAGE,
    summary="Shut a terminal out",
    description="For good: the next thing it signs is refused, and its key never comes back.",
    responses={200: good(Terminal, "The terminal.", _TERMINAL_EXAMPLE), **_ABOUT_TERMINAL},
)
async def revoke_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: _TerminalInPath,
    data: JSONBody[Revocation],
) -> Terminal:
    async with db.transaction(context) as conn:
        return await terminals.revoke(conn, caller, code, data.reason)


@post(
    "/terminals/heartbeat",
    status_code=200,
    opt={"open": True, "limits": (Limit("ip", 120, 60),)},
    summary="Say that a terminal is there",
    description="Signed like everything that a terminal asks. The answer says whose key it was.",
    responses={
        200: good(VerifiedTerminal, "The terminal.", _VERIFIED_EXAMPLE),
        401: _NOT_SIGNED,
        422: INVALID,
        503: UNAVAILABLE,
    },
)
async def heartbeat_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    terminal_signature: _Signature,
) -> VerifiedTerminal:
    signed = SignedRequest(
        signature=terminal_signature,
        method=request.method,
        target=_target_of(request),
        body_sha256=hash_body(await request.body()),
    )
    async with db.transaction(context) as conn:
        proven = await terminals.verify_terminal(conn, signed, now=keyring.clock())
    return VerifiedTerminal(proven.terminal_code, proven.station_code, proven.name)


@post(
    "/internal/terminals/verify",
    status_code=200,
    guards=[requires(Permission.TERMINALS_VERIFY)],
    summary="Whose signature a request carries",
    description="For the other services of the platform: each signature counts once, whoever asks.",
    responses={200: good(ProvenTerminal, "The terminal.", _PROVEN_EXAMPLE), 401: _NOT_SIGNED, 503: UNAVAILABLE},
)
async def verify_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    data: JSONBody[_ToVerify],
) -> ProvenTerminal:
    signed = SignedRequest(
        signature=data.signature,
        method=data.method,
        target=data.target,
        body_sha256=from_base64url(data.body_sha256),
    )
    async with db.transaction(context) as conn:
        return await terminals.verify_terminal(conn, signed, now=keyring.clock())


def _target_of(request: Request[Any, Any, Any]) -> str:
    """Path and query as they came over the wire: what the terminal signed."""
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (path.split(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")


HANDLERS = (
    make_code_route,
    enrol_route,
    list_route,
    rename_route,
    revoke_route,
    heartbeat_route,
    verify_route,
)
