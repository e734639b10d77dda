"""Who asks, and may they: the middleware that reads credentials, the guards that name a permission.

A request shows an access token or a service token (`Authorization: Bearer …`), or a partner's key (`X-API-Key`); a
browser that goes to a page shows the cookie of its session, which opens nothing that is for programs.
"""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from gasolinera.authority import (
    Authority,
    KeyHolder,
    LostAccess,
    PublishedKeys,
    listening,
    no_authority,
    remote_authority,
)
from gasolinera.database import Connection, Database
from gasolinera.errors import ForbiddenError, TooManyError, UnauthenticatedError, UnavailableError, unavailable
from gasolinera.keyring import Keyring, UnknownKeyError
from gasolinera.limits import Limit, SlidingWindows, network_of, too_many
from gasolinera.permissions import Caller, Permission, Reach, Role
from gasolinera.requests import context_of
from gasolinera.security import VerifiedToken, read_access_token
from gasolinera.service_tokens import is_service_token, issue_service_token, verify_service_token
from gasolinera.web.cookies import hash_session, is_for_programs, session_of

API_KEY_PREFIX: Final = "gjsm_"
_API_KEY_CHARACTERS: Final = len(API_KEY_PREFIX) + 8 + 1 + 43
_MAX_KNOWN_API_KEYS: Final = 4096
_API_KEY_GOOD_FOR_S: Final = 5.0  # how long after its revocation a partner's key may still be taken
# Each key that this process has not seen good is a question to the database.
_NEW_API_KEYS: Final = Limit("ip", 30, 60)
# So is each session that is not live. Only these count: many people may share an address.
_UNKNOWN_SESSIONS: Final = Limit("ip", 30, 60)
_MAX_KNOWN_SESSIONS: Final = 20_000
_SESSION_UNKNOWN_FOR_S: Final = 5.0

IsCurrent: TypeAlias = Callable[[Connection, Caller], Awaitable[bool]]
AnyConnection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Kept = TypeVar("Kept")
Name = TypeVar("Name", bytes, str)


class Gate:
    """What a process needs to tell who asks. Opened by `open_gate`; in the application's state as `gate`."""

    def __init__(
        self,
        keyring: Keyring,
        authority: Authority,
        services: frozenset[str],
        *,
        is_current: Mapping[str, tuple[Database, IsCurrent]] | None = None,
    ) -> None:
        """`services`: those that this process serves. `is_current`: how a service asks its own tables, by its name."""
        self.keyring = keyring
        self.lost_access = LostAccess(authority)
        self.is_current = is_current or {}
        self._authority = authority
        self._services = services
        self._published = PublishedKeys(keyring, authority.public_keys)
        # Two memories: unknown keys, of which anybody can make up any number, must not push out the good ones.
        self._holders: OrderedDict[bytes, tuple[float, KeyHolder]] = OrderedDict()
        self._unknown_until: OrderedDict[bytes, float] = OrderedDict()
        self._unknown_sessions: OrderedDict[bytes, float] = OrderedDict()
        self._seen_sessions: OrderedDict[bytes, None] = OrderedDict()
        self._closed_until: OrderedDict[str, float] = OrderedDict()
        self._windows = SlidingWindows()

    def listening(self) -> AbstractAsyncContextManager[None]:
        """While it is open, the process hears who lost access and which keys are published."""
        return listening(self.lost_access, self._published)

    async def identify(self, token: str) -> VerifiedToken:
        """Raises UnauthenticatedError: a token that is not good, has expired, or whose holder lost access."""
        now = self.keyring.clock()
        if is_service_token(token):
            caller = verify_service_token(self.keyring, token, self._services, now)
            return VerifiedToken(caller, now.timestamp(), now.timestamp())
        try:
            found = read_access_token(self.keyring, token, now)
        except UnknownKeyError:
            await self._published.learn()
            found = read_access_token(self.keyring, token, now)
        if self.lost_access.covers(found):
            raise access_ended()
        return found

    async def identify_session(self, session: str, ip_address: str | None) -> VerifiedToken | None:
        """Who looks at a page, by the cookie of the browser; None for a session that is over or never was.

        Asked anew for each page while it is live. That it is not is remembered for five seconds, and an address that
        has shown thirty such in a minute gets no more new ones looked up. Raises TooManyError, UnavailableError.
        """
        token_hash = hash_session(session)
        now = time.monotonic()
        if token_hash is None or now < self._unknown_sessions.get(token_hash, 0.0):
            return None
        network = network_of(ip_address)
        closed_for_s = self._closed_until.get(network, 0.0) - now
        if closed_for_s > 0 and token_hash not in self._seen_sessions:
            raise too_many(math.ceil(closed_for_s))
        try:
            caller = await self._authority.find_session(token_hash)
        except Exception as error:
            raise unavailable(error) or error from error
        if caller is not None:
            _remember(self._seen_sessions, token_hash, None, _MAX_KNOWN_SESSIONS)
            return VerifiedToken(caller, time.time(), time.time())
        self._seen_sessions.pop(token_hash, None)
        _remember(self._unknown_sessions, token_hash, now + _SESSION_UNKNOWN_FOR_S)
        try:
            self._windows.take("unknown-session", [(_UNKNOWN_SESSIONS, network)])
        except TooManyError as error:
            _remember(self._closed_until, network, now + error.retry_after_s)
        return None

    async def identify_partner(self, api_key: str, ip_address: str | None) -> Caller:
        """Raises UnauthenticatedError `auth.api_key_invalid`, TooManyError, UnavailableError."""
        holder = await self._holder_of(api_key, ip_address)
        if holder is None or holder.expires_at <= time.time():
            raise UnauthenticatedError("auth.api_key_invalid", "the API key is not good")
        self._windows.take("api-key", [(Limit("user", holder.requests_per_minute, 60), holder.prefix)])
        return Caller(
            role=Role.PARTNER,
            partner_code=holder.partner_code,
            scopes=holder.scopes,
            station_code=holder.station_code,
        )

    async def _holder_of(self, api_key: str, ip_address: str | None) -> KeyHolder | None:
        """Asked at most every five seconds for a key; that a key is unknown is remembered just as well.

        Keys that this process has not seen good are asked for thirty times a minute for an address. Raises
        TooManyError, UnavailableError.
        """
        if len(api_key) != _API_KEY_CHARACTERS or not api_key.startswith(API_KEY_PREFIX):
            return None
        digest = hash_api_key(api_key)
        now = time.monotonic()
        known = self._holders.get(digest)
        if known is not None and now < known[0]:
            return known[1]
        if now < self._unknown_until.get(digest, 0.0):
            return None
        if known is None:
            self._windows.take("new-api-key", [(_NEW_API_KEYS, network_of(ip_address))])
        holder = await self._authority.find_api_key(digest)
        if holder is None:
            self._holders.pop(digest, None)
            _remember(self._unknown_until, digest, now + _API_KEY_GOOD_FOR_S)
        else:
            _remember(self._holders, digest, (now + _API_KEY_GOOD_FOR_S, holder))
        return holder


def _remember(memory: OrderedDict[Name, Kept], digest: Name, value: Kept, most: int | None = None) -> None:
    memory[digest] = value
    memory.move_to_end(digest)
    if len(memory) > (most or _MAX_KNOWN_API_KEYS):
        memory.popitem(last=False)


@asynccontextmanager
async def open_gate(
    keyring: Keyring,
    here: Authority | None,
    auth_url: str | None,
    *,
    services: Sequence[str],
    is_current: Mapping[str, tuple[Database, IsCurrent]],
) -> AsyncGenerator[Gate]:
    """The gate of a process: it asks its own auth service where it runs one (`here`), else the one at `auth_url`."""
    async with AsyncExitStack() as stack:
        if here is None and auth_url is not None:
            here = await stack.enter_async_context(remote_authority(auth_url, tokens_of(keyring, services[0])))
        gate = Gate(keyring, here or no_authority(), frozenset(services), is_current=is_current)
        await stack.enter_async_context(gate.listening())
        yield gate


def tokens_of(keyring: Keyring, service: str) -> Callable[[str], str]:
    """Fresh service tokens of this process, by the service that is asked with them."""
    return lambda audience: issue_service_token(keyring, service, audience, now=keyring.clock())


def hash_api_key(api_key: str) -> bytes:
    """SHA-256 is enough for 256 random bits: nobody guesses them, so nothing needs to be slow."""
    return hashlib.sha256(api_key.encode()).digest()


def access_ended() -> UnauthenticatedError:
    return UnauthenticatedError("auth.access_ended", "this access has ended", "log in again")


def authenticate(app: ASGIApp) -> ASGIApp:
    """Sets `request.user` to the caller, or to None. Who shows something that is no good is a stranger with a reason:
    open routes answer (an expired token must not stop its refresh), guarded ones give the reason.
    So it is when nobody can be asked.
    """

    async def authenticated(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["user"] = scope["auth"] = None
            try:
                found = await _who_asks(scope)
            except (UnauthenticatedError, UnavailableError) as error:
                scope["auth"] = error
            else:
                if found is not None:
                    scope["user"], scope["auth"] = found.caller, found
        await app(scope, receive, send)

    return authenticated


async def _who_asks(scope: Scope) -> VerifiedToken | None:
    shown = [(name, value) for name, value in scope["headers"] if name in (b"authorization", b"x-api-key")]
    session = None if shown or is_for_programs(scope["path"]) else session_of(ASGIConnection(scope))
    if not shown and session is None:
        return None
    gate: Gate = scope["litestar_app"].state["gate"]
    if session is not None:
        return await gate.identify_session(session, context_of(scope).ip_address)
    if len(shown) > 1:
        raise UnauthenticatedError("auth.ambiguous", "the request shows more than one credential", "send one of them")
    name, value = shown[0]
    text = value.decode("latin-1").strip()
    if name == b"x-api-key":
        return VerifiedToken(await gate.identify_partner(text, context_of(scope).ip_address), time.time(), time.time())
    scheme, _, token = text.partition(" ")
    if scheme.lower() != "bearer" or not token.isascii():
        raise UnauthenticatedError("auth.token_invalid", "the authorization is no bearer token", "log in again")
    return await gate.identify(token.strip())


class Requires(msgspec.Struct, frozen=True):
    """The guard of a route. Its fields are what documents and tests read."""

    permission: Permission
    second_factor: bool = False
    fresh: bool = False

    async def __call__(self, connection: AnyConnection, handler: BaseRouteHandler) -> None:
        caller = require_caller(connection)
        if caller.reach(self.permission) is None:
            raise ForbiddenError("auth.not_permitted", "this account may not do that")
        if caller.role is Role.SERVICE and caller.audience not in _services_of(handler):
            # A process may serve several, and each of them is told what is meant for it alone.
            raise ForbiddenError("auth.other_service", "this token is for another service")
        if self.second_factor and not caller.has_second_factor:
            hint = "log in again and confirm with the second factor"
            raise ForbiddenError("auth.second_factor_needed", "this needs a login with the second factor", hint)
        if self.fresh and caller.user_id is not None:
            await _require_current(connection, handler, caller)


def requires(permission: Permission, *, second_factor: bool = False, fresh: bool = False) -> Requires:
    """Who asks must hold the permission; how far it goes the route looks at (`reach_station`, its own rows).

    `second_factor`: the login was confirmed with one. `fresh`: where value moves; asks now whether the access has
    ended, where otherwise up to a second may pass.
    """
    return Requires(permission, second_factor, fresh)


async def _require_current(connection: AnyConnection, handler: BaseRouteHandler, caller: Caller) -> None:
    """A service that mirrors what it needs asks its own tables; another asks the auth service. Neither guesses."""
    gate: Gate = connection.app.state["gate"]
    for service in _services_of(handler):
        if service in gate.is_current:
            database, is_current = gate.is_current[service]
            async with database.connection() as conn:
                if not await is_current(conn, caller):
                    raise access_ended()
    await gate.lost_access.hear()
    if gate.lost_access.covers(connection.scope["auth"]):
        raise access_ended()


def _services_of(handler: BaseRouteHandler) -> Sequence[str]:
    """Whose route it is: `service_router` tags it so."""
    return handler.resolve_tags() if isinstance(handler, HTTPRouteHandler) else ()


def require_caller(connection: AnyConnection) -> Caller:
    """Raises UnauthenticatedError, with the reason where a credential was shown."""
    caller: Caller | None = connection.scope["user"]
    if caller is not None:
        return caller
    reason = connection.scope["auth"]
    if isinstance(reason, UnauthenticatedError | UnavailableError):
        raise reason
    raise UnauthenticatedError("auth.no_token", "this needs a login", "send Authorization: Bearer <access token>")


def reach_station(caller: Caller, permission: Permission, station_code: str) -> None:
    """Raises ForbiddenError `auth.other_station` when the permission ends at the caller's own station."""
    reach = caller.reach(permission)
    if reach is Reach.ALL:
        return
    if reach is not Reach.STATION or caller.station_code is None or caller.station_code != station_code:
        raise ForbiddenError("auth.other_station", "this account may not do that at this station")


def _provide_caller(request: Request[Any, Any, Any]) -> Caller:
    return require_caller(request)


def _provide_keyring(state: State) -> Keyring:
    found: Keyring = state["keyring"]
    return found


# For the application: `caller: NamedDependency[Caller]` and `keyring: NamedDependency[Keyring]` in any route.
DEPENDENCIES: Mapping[str, Provide] = {
    "caller": Provide(_provide_caller, sync_to_thread=False),
    "keyring": Provide(_provide_keyring, sync_to_thread=False),
}
