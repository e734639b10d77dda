"""What one service asks another while it answers: in this process where that service runs here, else over HTTP.

What is asked like this changes nothing, or changes it once however often it is asked; news between services are events.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

import httpx
import msgspec
import structlog
from circuitbreaker import CircuitBreaker  # pyright: ignore[reportMissingTypeStubs]  # it ships none

from gasolinera.database import Connection, Database
from gasolinera.errors import HTTPStatus, UnavailableError
from gasolinera.permissions import Role

USERS_PATH = "/api/auth/internal/users"
UNKNOWN_USER = "user.unknown"  # a 404 with any other code is a wrong address, and no answer about a user

_RETRIED = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
_MAX_CONNECTIONS = 16
Answer = TypeVar("Answer")
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class UserSummary(msgspec.Struct, frozen=True):
    """What other services may know of a person."""

    public_id: UUID
    role: Role
    active: bool


FindUser = Callable[[Connection, UUID], Coroutine[Any, Any, UserSummary | None]]
TokenFor = Callable[[str], str]  # a fresh service token for the service of that name


class UserDirectory(msgspec.Struct, frozen=True):
    """`await users.find(public_id)`: None when there is no such person.

    Raises UnavailableError when the auth service cannot be asked; whoever asks must not take that for a no.
    """

    find: Callable[[UUID], Coroutine[Any, Any, UserSummary | None]]


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for another service. After `failures` questions in a row without answer none is asked for
    `rest_s`: a service that is down must not hold the requests of one that is up.
    """

    try_s: float = 2.0
    tries: int = 3
    wait_s: float = 0.1
    failures: int = 5
    rest_s: int = 10


class _Problem(msgspec.Struct):
    code: str = ""


def local_users(db: Database, find_user: FindUser) -> UserDirectory:
    async def find(public_id: UUID) -> UserSummary | None:
        async with db.connection() as conn:
            return await find_user(conn, public_id)

    return UserDirectory(find)


def no_token(service: str) -> str:
    """For a process without keys."""
    raise UnavailableError("calls.no_key", f"this process has no key to ask the {service} service with")


def no_users() -> UserDirectory:
    """For a process that was told of no auth service: it starts, and what needs no user works."""

    async def find(_public_id: UUID) -> UserSummary | None:
        hint = "serve auth in this process too, or set GASOLINERA_AUTH_URL"
        raise UnavailableError("users.no_address", "this process knows no auth service to ask", hint)

    return UserDirectory(find)


class Peer:
    """A service of another process, asked over HTTP. Made by `open_peer`."""

    def __init__(
        self, client: httpx.AsyncClient, service: str, topic: str, token_for: TokenFor, patience: Patience
    ) -> None:
        self._client = client
        self._service = service
        self._topic = topic
        self._token_for = token_for
        self._patience = patience
        self._breaker = CircuitBreaker(patience.failures, patience.rest_s, UnavailableError, service)

    async def ask(self, path: str, read: Callable[[httpx.Response], Answer]) -> Answer:
        """A GET, which may be asked again: it changes nothing. `read` raises DecodeError for what is no answer of ours.

        Raises UnavailableError `<topic>.unavailable` or `<topic>.misunderstood`.
        """
        return await self._answer("GET", path, b"", read)

    async def tell(self, path: str, body: bytes, read: Callable[[httpx.Response], Answer]) -> Answer:
        """A POST of JSON whose effect is had once, however often it is asked: it is asked again like `ask` does."""
        return await self._answer("POST", path, body, read)

    async def _answer(self, method: str, path: str, body: bytes, read: Callable[[httpx.Response], Answer]) -> Answer:
        if self._breaker.opened:
            raise self._silent()
        with self._breaker:  # counts what is raised; a good answer forgets the failures before it
            response = await self._send(method, path, body)
            try:
                return read(response)
            except msgspec.DecodeError:
                # Not ours, a wrong address, or a key that the other side does not know: an operator must look.
                _log.error("call_misunderstood", service=self._service, status=response.status_code)
                sentence = f"the {self._service} service answers what this one does not understand"
                raise UnavailableError(f"{self._topic}.misunderstood", sentence) from None

    async def _send(self, method: str, path: str, body: bytes) -> httpx.Response:
        reason = ""
        for number in range(self._patience.tries):
            if number:
                # Jitter: the processes that lost the same server must not come back at the same moment.
                pause_s = self._patience.wait_s * 2 ** (number - 1)
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311
            try:
                async with asyncio.timeout(self._patience.try_s):  # httpx's own limit begins anew with every byte
                    response = await self._client.request(method, path, content=body, headers=self._headers())
            except (httpx.TransportError, TimeoutError) as error:
                reason = type(error).__name__
                continue
            if response.status_code not in _RETRIED:
                return response
            reason = str(response.status_code)
        _log.warning("call_failed", service=self._service, tries=self._patience.tries, reason=reason)
        raise self._silent()

    def _headers(self) -> dict[str, str]:
        correlation_id = structlog.contextvars.get_contextvars().get("correlation_id")
        return {
            "authorization": f"Bearer {self._token_for(self._service)}",
            "content-type": "application/json",
            **({"x-correlation-id": str(correlation_id)} if correlation_id else {}),
        }

    def _silent(self) -> UnavailableError:
        sentence = f"the {self._service} service does not answer"
        return UnavailableError(f"{self._topic}.unavailable", sentence, "try again later")


@asynccontextmanager
async def open_peer(
    service: str, url: str, token_for: TokenFor, *, topic: str, patience: Patience | None = None
) -> AsyncGenerator[Peer]:
    """Its connections are kept open until the block ends. `topic`: what its errors' codes begin with."""
    patience = patience or Patience()
    async with httpx.AsyncClient(
        base_url=url,
        timeout=patience.try_s,
        limits=httpx.Limits(max_connections=_MAX_CONNECTIONS),
        trust_env=False,  # a proxy for the outside must not see the platform's own tokens
    ) as client:
        yield Peer(client, service, topic, token_for, patience)


@asynccontextmanager
async def remote_users(
    auth_url: str, token_for: TokenFor, patience: Patience | None = None
) -> AsyncGenerator[UserDirectory]:
    """Asks the auth service of another process."""
    async with open_peer("auth", auth_url, token_for, topic="users", patience=patience) as peer:

        async def find(public_id: UUID) -> UserSummary | None:
            return await peer.ask(f"{USERS_PATH}/{public_id}", _user_of)

        yield UserDirectory(find)


def _user_of(response: httpx.Response) -> UserSummary | None:
    if response.status_code == HTTPStatus.OK:
        return msgspec.json.decode(response.content, type=UserSummary)
    if msgspec.json.decode(response.content, type=_Problem).code == UNKNOWN_USER:
        return None
    raise msgspec.DecodeError("this says nothing about a user")


@asynccontextmanager
async def open_users(
    here: tuple[Database, FindUser] | None, auth_url: str | None, token_for: TokenFor
) -> AsyncGenerator[UserDirectory]:
    """The directory of a process: its own auth service where it runs one, else the one at `auth_url`."""
    if here is not None:
        yield local_users(*here)
    elif auth_url is not None:
        async with remote_users(auth_url, token_for) as users:
            yield users
    else:
        yield no_users()
