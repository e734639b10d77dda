"""What other processes of the platform ask the auth service, and the public keys, which anybody may."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from gasolinera.auth import queries_partners, revocations
from gasolinera.auth.page_sessions import find_page_caller
from gasolinera.authentication import requires
from gasolinera.authority import JWKS_GOOD_FOR_S, JsonWebKeys, KeyHolder, Revocations, as_json_web_keys
from gasolinera.database import Database
from gasolinera.errors import HTTPStatus, UnknownError, problem_spec
from gasolinera.keyring import Keyring
from gasolinera.openapi import good
from gasolinera.permissions import Caller, Permission

_OF_SERVICES = [requires(Permission.ACCESS_CHECK)]
_PROBLEMS = {
    400: problem_spec(HTTPStatus.BAD_REQUEST, "request.malformed", "the request is not well-formed"),
    401: problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login"),
    403: problem_spec(HTTPStatus.FORBIDDEN, "auth.not_permitted", "this account may not do that"),
    422: problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values"),
    503: problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached"),
}


class _KeyQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key_hash: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class _SessionQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token_hash: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


@get(
    "/internal/revocations",
    summary="Who lost access of late",
    description="For the other processes of the platform.",
    guards=_OF_SERVICES,
    responses={
        200: good(Revocations, "What came since the cursor, or more.", {"items": [], "cursor": "4711"}),
        **_PROBLEMS,
    },
)
async def revocations_route(
    db: NamedDependency[Database],
    since: Annotated[
        str | None, QueryParameter(pattern=r"^[0-9]{1,18}$(?!\n)", description="`cursor` of the answer before.")
    ] = None,
) -> Revocations:
    async with db.connection() as conn:
        return await revocations.list_revocations(conn, since)


@post(
    "/internal/api-keys",
    summary="Whose an API key is",
    description="For the other processes of the platform.",
    status_code=200,
    guards=_OF_SERVICES,
    responses={
        200: good(
            KeyHolder,
            "What the key may.",
            {
                "partner_code": "POS-NORTE",
                "prefix": "k3Jx9_Qa",
                "scopes": ["prices:set"],
                "station_code": "JSM001",
                "requests_per_minute": 300,
                "expires_at": 1826726400.0,
            },
        ),
        404: problem_spec(HTTPStatus.NOT_FOUND, "api_key.unknown", "there is no such live key"),
        **_PROBLEMS,
    },
)
async def find_key_route(db: NamedDependency[Database], data: JSONBody[_KeyQuestion]) -> KeyHolder:
    async with db.connection() as conn:
        found = await queries_partners.find_api_key(conn, bytes.fromhex(data.key_hash))
    if found is None:
        raise UnknownError("api_key.unknown", "there is no such live key")
    return found


@post(
    "/internal/sessions",
    summary="Who looks at a page",
    description="For the other processes of the platform: whose live session the cookie of a browser names.",
    status_code=200,
    guards=_OF_SERVICES,
    responses={
        200: good(
            Caller,
            "The caller, as an access token would name it now.",
            {
                "role": "CUSTOMER",
                "user_id": "0198a5b2-7c11-7d3e-9a53-1f2e3d4c5b6a",
                "session_id": "0198a5b2-7c11-7d3e-9a53-1f2e3d4c5b6b",
                "has_second_factor": False,
            },
        ),
        404: problem_spec(HTTPStatus.NOT_FOUND, "session.unknown", "there is no such live session"),
        **_PROBLEMS,
    },
)
async def find_session_route(db: NamedDependency[Database], data: JSONBody[_SessionQuestion]) -> Caller:
    async with db.connection() as conn:
        found = await find_page_caller(conn, bytes.fromhex(data.token_hash))
    if found is None:
        raise UnknownError("session.unknown", "there is no such live session")
    return found


@get(
    "/.well-known/jwks.json",
    summary="The public keys of access tokens",
    description="A JSON Web Key Set (RFC 7517, RFC 8037). May be kept for five minutes.",
    opt={"open": True},
    responses={
        200: good(
            JsonWebKeys,
            "The keys.",
            {
                "keys": [
                    {
                        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
                        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                        "kty": "OKP",
                        "crv": "Ed25519",
                        "alg": "EdDSA",
                        "use": "sig",
                    }
                ]
            },
        )
    },
)
async def jwks_route(keyring: NamedDependency[Keyring]) -> Response[JsonWebKeys]:
    headers = {"cache-control": f"public, max-age={int(JWKS_GOOD_FOR_S)}"}
    return Response(as_json_web_keys(keyring.public_keys()), headers=headers)


HANDLERS = (revocations_route, find_key_route, find_session_route)
OPEN_HANDLERS = (jwks_route,)  # at the root of the address, where clients look for it
