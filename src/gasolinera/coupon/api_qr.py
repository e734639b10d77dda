"""Codes over HTTP: what verifies them and what is revoked, for everybody; the own code, for a wallet."""

from typing import Annotated, TypeAlias

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, PathParameter

from gasolinera.authentication import requires
from gasolinera.coupon import wallet
from gasolinera.coupon.display import REFRESH_S
from gasolinera.coupon.models_wallet import WalletCode
from gasolinera.coupon.qr_documents import LIST_TTL_S
from gasolinera.coupon.qr_keys import key_set
from gasolinera.coupon.revocations import newest_list
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.permissions import Caller, Permission

_KEYS_GOOD_FOR_S = 300
_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_LIMITED = problem_spec(HTTPStatus.TOO_MANY_REQUESTS, "rate.limited", "this was asked more often than is allowed")
_UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_PROBLEMS = {422: _INVALID, 429: _LIMITED, 503: _UNAVAILABLE}

IfNoneMatch: TypeAlias = Annotated[
    str | None, HeaderParameter(name="If-None-Match", max_length=100, description="The ETag of what is at hand.")
]


def _document(description: str, media_type: str) -> ResponseSpec:
    return ResponseSpec(
        str,
        generate_examples=False,
        description=description,
        media_type=media_type,
        examples=[
            Example(value="eyJhbGciOiJFZERTQSIsImtpZCI6IjEi….eyJpc3MiOiJ1cm46Z2Fzb2xpbmVyYTpjb3Vwb24i….KOadLCcc…")
        ],
    )


_UNCHANGED = ResponseSpec(None, generate_examples=False, description="What is at hand is the newest.")


@get(
    "/qr/keys",
    opt={"open": True, "limits": (Limit("ip", 60, 60),)},
    summary="The keys that verify coupon codes",
    description="A JSON Web Signature in compact form whose payload is a JSON Web Key Set with its version and times; "
    "good for a week. The reference of the QR format says how a terminal goes from one set to the next.",
    responses={200: _document("The signed set.", "application/jose"), 304: _UNCHANGED, **_PROBLEMS},
)
async def keys_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    if_none_match: IfNoneMatch = None,
) -> Response[str | None]:
    async with db.transaction(context) as conn:  # a key that the ring just got is written down
        version, signed = await key_set(conn, keyring)
    # Signed anew each day at least, so that the set at hand does not end.
    tag = f'"{version}-{int(keyring.clock().timestamp()) // 86_400}"'
    return _answer(signed, tag, if_none_match, "application/jose", _KEYS_GOOD_FOR_S)


@get(
    "/qr/revocations",
    opt={"open": True, "limits": (Limit("ip", 60, 60),)},
    summary="The coupons that terminals refuse without a connection",
    description="A Token Status List (IETF) as a signed JWT: bit n is coupon n by the dense index of its code, 1 is "
    "revoked. Good for a day; a new version comes within a minute after a coupon was suspended or cancelled.",
    responses={
        200: _document("The signed list.", "application/statuslist+jwt"),
        304: _UNCHANGED,
        404: problem_spec(HTTPStatus.NOT_FOUND, "qr.no_list", "no list of revoked coupons has been made yet"),
        **_PROBLEMS,
    },
)
async def revocations_route(db: NamedDependency[Database], if_none_match: IfNoneMatch = None) -> Response[str | None]:
    known = _strong(if_none_match).strip('"')
    version, signed = await newest_list(db, int(known) if known.isascii() and known.isdigit() else None)
    return _answer(signed, f'"{version}"', if_none_match, "application/statuslist+jwt", LIST_TTL_S)


def _answer(
    text: str | None, tag: str, if_none_match: str | None, media_type: str, good_for_s: int
) -> Response[str | None]:
    headers = {"etag": tag, "cache-control": f"public, max-age={good_for_s}"}
    if text is None or _strong(if_none_match) == tag:
        return Response(None, status_code=304, headers=headers)
    return Response(text, media_type=media_type, headers=headers)


def _strong(tag: str | None) -> str:
    """A proxy that compresses an answer makes its ETag a weak one, which is as good for a GET."""
    return (tag or "").strip().removeprefix("W/")


@get(
    "/{code:str}/qr",
    guards=[requires(Permission.COUPONS_OWN)],
    opt={"limits": (Limit("user", 60, 60),)},
    summary="The code of an own coupon, as it is right now",
    description="With the moment and a proof of it, so that scanning a picture of it is worth nothing after a minute.",
    responses={
        200: ResponseSpec(
            WalletCode,
            generate_examples=False,
            description="The code.",
            examples=[
                Example(
                    value={
                        "text": "GC1:W50000000000000000000W:B-IE000FX01.6+7D48SU756*JM.4+CNIS2GA6S$DUJ3Y8FDRR/:UGMO5",
                        "svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 49 49">…</svg>',
                        "refresh_after_s": REFRESH_S,
                    }
                )
            ],
        ),
        404: problem_spec(HTTPStatus.NOT_FOUND, "coupon.unknown", "there is no such coupon that you could use"),
        409: problem_spec(HTTPStatus.CONFLICT, "qr.unsigned", "the coupon has no code"),
        **_PROBLEMS,
    },
)
async def wallet_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    code: Annotated[str, PathParameter(max_length=60, description="The coupon's code; case and dashes do not matter.")],
) -> Response[WalletCode]:
    async with db.connection() as conn:
        made = await wallet.code_of_now(conn, code, caller.user_id, keyring)
    return Response(made, headers={"cache-control": "no-store"})


HANDLERS = (keys_route, revocations_route, wallet_route)
