"""Networks over HTTP: the callbacks that their servers send, and which networks there are."""

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from litestar import Request, get, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from gasolinera.ads import callbacks
from gasolinera.ads.models_callbacks import NETWORK_PATTERN, Network, NetworkWish
from gasolinera.authentication import requires
from gasolinera.config import Environment, Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.permissions import Permission

_READ: Final = [requires(Permission.ADS_READ)]
_MANAGE: Final = [requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)]
_REFUSED = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "ads.callback_refused", "this callback is not taken")
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "advertiser.unknown", "there is no advertiser with this code")
_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_NETWORK_EXAMPLE: Final[dict[str, object]] = {
    "network_code": "luna-network",
    "advertiser_code": "REFRESCO-LUNA",
    "keys_url": "https://keys.refrescosluna.example/keys.json",
    "is_enabled": True,
    "freshness_seconds": 900,
    "keys_refresh_seconds": 300,
    "keys_asked_at": None,
    "key_ids": [],
}
_NetworkCode: TypeAlias = Annotated[str, PathParameter(pattern=NETWORK_PATTERN, description="The network's code.")]


class Networks(msgspec.Struct, frozen=True):
    items: tuple[Network, ...]


class Heard(msgspec.Struct, frozen=True):
    """The same whatever came of it."""

    taken: bool


@get(
    "/callbacks/{network:str}",
    opt={"open": True, "any_parameters": True, "limits": (Limit("ip", 600, 60),)},
    summary="Take a network's word for a view",
    description="Server to server, as Google AdMob verifies rewards: `transaction_id`, `timestamp` (milliseconds), "
    "`user_id`, `custom_data` (the view's id) and whatever else the network sends, then `signature` (ECDSA P-256 with "
    "SHA-256 over the query before it, base64url) and `key_id`. Repeated, it does nothing. Nobody is told what is "
    "wrong with one that is not taken.",
    responses={200: good(Heard, "It was heard.", {"taken": True}), 422: _REFUSED, 503: _UNAVAILABLE},
)
async def callback_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    request: Request[Any, Any, Any],
    network: Annotated[str, PathParameter(description="The network's code.")],
) -> Heard:
    await callbacks.take(db, network, request.scope["query_string"], context)
    return Heard(taken=True)


@get(
    "/networks",
    guards=_READ,
    summary="List networks that confirm views",
    responses={200: good(Networks, "The networks.", {"items": [_NETWORK_EXAMPLE]}), 503: _UNAVAILABLE},
)
async def networks_route(db: NamedDependency[Database]) -> Networks:
    async with db.connection() as conn:
        return Networks(await callbacks.list_networks(conn))


@put(
    "/networks/{network:str}",
    guards=_MANAGE,
    summary="Say which network confirms an advertiser's views",
    description="With another address of its keys they are fetched anew, when the next callback comes.",
    responses={
        200: good(Network, "The network from now on.", _NETWORK_EXAMPLE),
        404: _UNKNOWN,
        422: _INVALID,
        503: _UNAVAILABLE,
    },
)
async def put_network_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    state: State,
    network: _NetworkCode,
    data: JSONBody[NetworkWish],
) -> Network:
    settings: Settings = state["settings"]
    needs_https = settings.environment is Environment.PRODUCTION
    async with db.transaction(context) as conn:
        return await callbacks.put_network(conn, network, data, needs_https=needs_https)


HANDLERS = (callback_route, networks_route, put_network_route)
