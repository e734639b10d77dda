"""Draws over HTTP: the chain, what each draw signed and consulted, its list, and the proof that an entry is in it."""

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, JSONBody, PathParameter
from litestar.response import Stream

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.raffle import proofs, publishing
from gasolinera.raffle.api_raffles import PROBLEMS, UNKNOWN, CodeInPath, Cursor, PageLimit, page
from gasolinera.raffle.bundles import Inclusion
from gasolinera.raffle.documents import canonical
from gasolinera.raffle.models_draws import DrawStatus, ListedDraw, PublishedDraw
from gasolinera.raffle.voiding import void
from gasolinera.texts import text

_OPEN: Final[dict[str, Any]] = {"open": True, "limits": (Limit("ip", 120, 60),)}
_LARGE: Final[dict[str, Any]] = {"open": True, "limits": (Limit("ip", 20, 60),)}
_OWN: Final = [requires(Permission.RAFFLE_ENTRIES)]
_DRAW: Final = [requires(Permission.RAFFLES_DRAW, second_factor=True, fresh=True)]
_FOR_GOOD: Final = "public, max-age=31536000, immutable"

_UNKNOWN_DRAW = problem_spec(HTTPStatus.NOT_FOUND, "draw.unknown", "there is no draw with this number")
_UNKNOWN_TICKET = problem_spec(HTTPStatus.NOT_FOUND, "ticket.unknown", "no draw has frozen this ticket")
_EXCLUDED = problem_spec(HTTPStatus.CONFLICT, "ticket.excluded", "the entry of this ticket was left out of the draw")
_NOT_DRAWN = problem_spec(HTTPStatus.CONFLICT, "draw.not_drawn", "draw 7 is FROZEN: there is no bundle of it")
_KEY_MISSING = problem_spec(
    HTTPStatus.SERVICE_UNAVAILABLE, "draw.key_missing", "raffle key 3, which has signed draw 7, is not in the key ring"
)
_COUNTS = problem_spec(HTTPStatus.CONFLICT, "draw.counts", "this draw counts and is not given up")

_DRAW_EXAMPLE: Final[dict[str, object]] = {
    "draw_number": 7,
    "raffle_code": "MONTHLY-2026-12",
    "status": "DRAWN",
    "manifest_sha256": "5d" * 32,
    "frozen_at": "2027-01-01T06:02:00Z",
    "beacon_round": 35201452,
    "beacon_round_at": "2027-01-02T18:00:00Z",
    "drawn_at": "2027-01-02T18:00:04Z",
    "voided_at": None,
    "void_reason": None,
    "waits_for_operator": False,
}
_SIGNATURE_EXAMPLE: Final[dict[str, object]] = {
    "manifest_sha256": "5d" * 32,
    "signature": "5e" * 64,
    "public_key": "d7" * 32,
}
_VOID_EXAMPLE: Final[dict[str, object]] = {
    "document": '{"draw_number":7,"format":"gasolinera-draw-void-1","manifest_sha256":"…"}',
    "signature": "5e" * 64,
}

Number: TypeAlias = Annotated[int, PathParameter(ge=1, le=2**53 - 1, description="The draw's number in the chain.")]
Ticket: TypeAlias = Annotated[
    str, PathParameter(pattern=r"^TKT[0-9A-HJKMNP-TV-Z]{16}$(?!\n)", description="The ticket's number.")
]
_IfNoneMatch: TypeAlias = Annotated[
    str | None, HeaderParameter(name="If-None-Match", max_length=200, description="The ETag that is there already.")
]


class ManifestSignature(msgspec.Struct, frozen=True):
    """Ed25519 over `gasolinera-draw-manifest-1`, a zero byte and the manifest's bytes."""

    manifest_sha256: str
    signature: str
    public_key: str


class SignedVoid(msgspec.Struct, frozen=True):
    """`document` is the text that `signature` is over, byte for byte."""

    document: str
    signature: str


class VoidWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, text(2000)]


class VoidedDraw(msgspec.Struct, frozen=True):
    raffle_code: str
    draw_number: int


def _listed(draw: PublishedDraw) -> ListedDraw:
    return ListedDraw(
        draw_number=draw.draw_number,
        raffle_code=draw.raffle_code,
        status=draw.status,
        manifest_sha256=draw.manifest_sha256.hex(),
        frozen_at=draw.frozen_at,
        beacon_round=draw.beacon_round,
        beacon_round_at=draw.beacon_round_at,
        drawn_at=draw.drawn_at,
        voided_at=draw.voided_at,
        void_reason=draw.void_reason,
        waits_for_operator=draw.waits_for_operator,
    )


def _headers(tag: str) -> dict[str, str]:
    return {"etag": f'"{tag}"', "cache-control": _FOR_GOOD}


def _raw(description: str, example: str, media_type: str) -> ResponseSpec:
    return ResponseSpec(
        bytes,
        generate_examples=False,
        description=description,
        media_type=media_type,
        examples=[Example(value=example)],
    )


@get(
    "/draws",
    opt=_OPEN,
    summary="List the chain of draws",
    description="Every draw of the operator, the newest first: numbers have no gaps, and void draws keep theirs.",
    responses={200: page(Page[ListedDraw], _DRAW_EXAMPLE), **PROBLEMS},
)
async def chain_route(db: NamedDependency[Database], cursor: Cursor = None, limit: PageLimit = 20) -> Page[ListedDraw]:
    async with db.connection() as conn:
        return await publishing.list_draws(conn, cursor=cursor, limit=limit)


@get(
    "/draws/{number:int}",
    opt=_OPEN,
    summary="Get a draw",
    responses={200: good(ListedDraw, "The draw.", _DRAW_EXAMPLE), 404: _UNKNOWN_DRAW, **PROBLEMS},
)
async def draw_route(db: NamedDependency[Database], number: Number) -> ListedDraw:
    async with db.connection() as conn:
        return _listed(await publishing.get_draw(conn, number))


@get(
    "/{code:str}/draw",
    opt=_OPEN,
    summary="Get the draw of a raffle",
    description="The one that counts, else the last one that is void.",
    responses={200: good(ListedDraw, "The draw.", _DRAW_EXAMPLE), 404: UNKNOWN, **PROBLEMS},
)
async def draw_of_route(db: NamedDependency[Database], code: CodeInPath) -> ListedDraw:
    async with db.connection() as conn:
        return _listed(await publishing.draw_of(conn, code.upper()))


@get(
    "/draws/{number:int}/manifest",
    opt=_OPEN,
    summary="Get a manifest",
    description="The bytes that are signed, as `docs/reference/draw-format.md` says.",
    responses={
        200: good(dict[str, Any], "The manifest.", {"format": "gasolinera-draw-manifest-1", "draw_number": 7}),
        404: _UNKNOWN_DRAW,
        **PROBLEMS,
    },
)
async def manifest_route(db: NamedDependency[Database], number: Number) -> Response[bytes]:
    async with db.connection() as conn:
        found = await publishing.get_draw(conn, number)
    return Response(found.manifest, media_type="application/json", headers=_headers(found.manifest_sha256.hex()))


@get(
    "/draws/{number:int}/signature",
    opt=_OPEN,
    summary="Get a manifest's signature",
    responses={
        200: good(ManifestSignature, "The signature.", _SIGNATURE_EXAMPLE),
        404: _UNKNOWN_DRAW,
        **PROBLEMS,
    },
)
async def signature_route(db: NamedDependency[Database], number: Number) -> ManifestSignature:
    async with db.connection() as conn:
        found = await publishing.get_draw(conn, number)
    operator = publishing.manifest_of(found).operator
    return ManifestSignature(found.manifest_sha256.hex(), found.manifest_signature.hex(), operator.public_key)


@get(
    "/draws/{number:int}/void",
    opt=_OPEN,
    summary="Get why a draw was given up",
    responses={200: good(SignedVoid, "The signed reason.", _VOID_EXAMPLE), 404: _UNKNOWN_DRAW, **PROBLEMS},
)
async def void_document_route(db: NamedDependency[Database], number: Number) -> SignedVoid:
    async with db.connection() as conn:
        document, signature = publishing.void_of(await publishing.get_draw(conn, number))
    return SignedVoid(document.decode(), signature.hex())


@get(
    "/draws/{number:int}/bundle",
    opt=_LARGE,
    summary="Get everything that a draw consulted",
    description="One canonical document: whoever has it verifies the draw without asking us anything more.",
    responses={
        200: good(dict[str, Any], "The bundle.", {"format": "gasolinera-draw-bundle-1", "blocks": 9}),
        404: _UNKNOWN_DRAW,
        409: _NOT_DRAWN,
        503: _KEY_MISSING,
        **PROBLEMS,
    },
)
async def bundle_route(
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    number: Number,
    if_none_match: _IfNoneMatch = None,
) -> Response[Any] | Stream:
    async with db.connection() as conn:
        found = await publishing.get_draw(conn, number)
    if found.status is not DrawStatus.DRAWN:
        raise publishing.not_drawn(found)
    assert found.randomness is not None, "what is drawn has its randomness"
    headers = _headers(f"{found.manifest_sha256.hex()}-{found.randomness.hex()}")
    if if_none_match is not None and headers["etag"] in if_none_match:
        return Response(None, status_code=304, headers=headers)
    key = publishing.sealing_key(found, keyring.all_of("raffle"))
    return Stream(publishing.bundle_of(db, found, key), media_type="application/json", headers=headers)


@get(
    "/draws/{number:int}/entries",
    opt=_LARGE,
    summary="Get the whole list of a draw",
    description="Leaves of 54 bytes, one after the other. Nobody is named in it.",
    responses={
        200: _raw("The list.", "54 bytes a leaf", "application/octet-stream"),
        404: _UNKNOWN_DRAW,
        **PROBLEMS,
    },
)
async def entries_route(
    db: NamedDependency[Database], number: Number, if_none_match: _IfNoneMatch = None
) -> Response[Any] | Stream:
    async with db.connection() as conn:
        found = await publishing.get_draw(conn, number)
    headers = _headers(publishing.manifest_of(found).entries.list_sha256)
    if if_none_match is not None and headers["etag"] in if_none_match:
        return Response(None, status_code=304, headers=headers)
    return Stream(publishing.list_of(db, found), media_type="application/octet-stream", headers=headers)


@get(
    "/draws/{number:int}/excluded",
    opt=_LARGE,
    summary="Get who was left out of a draw",
    description="A line for each entry: its hash and the reason, in ascending order. Nobody is named in it; whoever "
    "has a receipt finds the own entry.",
    responses={
        200: _raw("The list.", "5d…5d UNVERIFIED", "text/plain"),
        404: _UNKNOWN_DRAW,
        **PROBLEMS,
    },
)
async def excluded_route(
    db: NamedDependency[Database], number: Number, if_none_match: _IfNoneMatch = None
) -> Response[Any] | Stream:
    async with db.connection() as conn:
        found = await publishing.get_draw(conn, number)
    headers = _headers(publishing.manifest_of(found).excluded.sha256)
    if if_none_match is not None and headers["etag"] in if_none_match:
        return Response(None, status_code=304, headers=headers)
    return Stream(publishing.excluded_of(db, found), media_type="text/plain", headers=headers)


@get(
    "/proofs/{ticket:str}",
    opt=_OPEN,
    summary="Prove that a ticket is in its draw",
    description="The numbers of its entry are shown where one of them was drawn; to their holder `/own` shows them.",
    responses={
        200: good(dict[str, Any], "The proof.", {"format": "gasolinera-inclusion-1", "index": 4711}),
        404: _UNKNOWN_TICKET,
        409: _EXCLUDED,
        **PROBLEMS,
    },
)
async def proof_route(db: NamedDependency[Database], ticket: Ticket) -> Response[bytes]:
    async with db.connection() as conn:
        return _proof(await proofs.prove(conn, ticket, holder=None, sees_all=False))


@get(
    "/proofs/{ticket:str}/own",
    guards=_OWN,
    summary="Prove that an own ticket is in its draw, and open its entry",
    description="Staff may open any entry.",
    responses={
        200: good(dict[str, Any], "The proof.", {"format": "gasolinera-inclusion-1", "index": 4711}),
        404: _UNKNOWN_TICKET,
        409: _EXCLUDED,
        **PROBLEMS,
    },
)
async def own_proof_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], ticket: Ticket
) -> Response[bytes]:
    sees_all = caller.reach(Permission.RAFFLES_MANAGE) is Reach.ALL
    async with db.connection() as conn:
        return _proof(await proofs.prove(conn, ticket, holder=caller.user_id, sees_all=sees_all))


def _proof(found: Inclusion) -> Response[bytes]:
    return Response(canonical(found), media_type="application/json")


@post(
    "/{code:str}/draw/void",
    status_code=200,
    guards=_DRAW,
    summary="Give a draw up",
    description="With a signed reason; it keeps its number. Only with its raffle cancelled, or where evidence of the "
    "freeze is required and missing: from the gap before the round until a quarter of it.",
    responses={
        200: good(VoidedDraw, "The draw is void.", {"raffle_code": "MONTHLY-2026-12", "draw_number": 7}),
        404: UNKNOWN,
        409: _COUNTS,
        **PROBLEMS,
    },
)
async def void_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    code: CodeInPath,
    data: JSONBody[VoidWish],
) -> VoidedDraw:
    async with db.transaction(context) as conn:
        number = await void(conn, code.upper(), reason=data.reason, key=keyring.current("raffle"))
    return VoidedDraw(code.upper(), number)


HANDLERS = (
    chain_route,
    draw_route,
    draw_of_route,
    manifest_route,
    signature_route,
    void_document_route,
    bundle_route,
    entries_route,
    excluded_route,
    proof_route,
    own_proof_route,
    void_route,
)
