"""What one service asks another while it answers: in this process where that service runs here, else over HTTP.

Only questions that change nothing are asked like this; news between services are events.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
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


@asynccontextmanager
async def remote_users(
    auth_url: str, token_for: TokenFor, patience: Patience | None = None
) -> AsyncGenerator[UserDirectory]:
    """Asks the auth service of another process; its connections are kept open until the block ends."""
    patience = patience or Patience()
    breaker = CircuitBreaker(patience.failures, patience.rest_s, UnavailableError, "auth")
    async with httpx.AsyncClient(
        base_url=auth_url,
        timeout=patience.try_s,
        limits=httpx.Limits(max_connections=_MAX_CONNECTIONS),
        trust_env=False,  # a proxy for the outside must not see the platform's own tokens
    ) as client:

        async def ask(public_id: UUID) -> UserSummary | None:
            response = await _get(client, f"{USERS_PATH}/{public_id}", token_for, patience)
            return _user_of(response)

        async def find(public_id: UUID) -> UserSummary | None:
            if breaker.opened:
                raise UnavailableError("users.unavailable", "the auth service does not answer", "try again later")
            with breaker:  # counts what is raised; a good answer forgets the failures before it
                return await ask(public_id)

        yield UserDirectory(find)


async def _get(client: httpx.AsyncClient, path: str, token_for: TokenFor, patience: Patience) -> httpx.Response:
    """A GET may be asked again: it changes nothing. Raises UnavailableError after the last try."""
    reason = ""
    for number in range(patience.tries):
        if number:
            # Jitter: the processes that lost the same server must not come back at the same moment.
            await asyncio.sleep(patience.wait_s * 2 ** (number - 1) * random.uniform(0.5, 1.5))  # noqa: S311
        try:
            async with asyncio.timeout(patience.try_s):  # httpx's own limit begins anew with every byte
                response = await client.get(path, headers=_headers(token_for))
        except (httpx.TransportError, TimeoutError) as error:
            reason = type(error).__name__
            continue
        if response.status_code not in _RETRIED:
            return response
        reason = str(response.status_code)
    _log.warning("call_failed", service="auth", tries=patience.tries, reason=reason)
    raise UnavailableError("users.unavailable", "the auth service does not answer", "try again later")


def _headers(token_for: TokenFor) -> dict[str, str]:
    correlation_id = structlog.contextvars.get_contextvars().get("correlation_id")
    return {
        "authorization": f"Bearer {token_for('auth')}",
        **({"x-correlation-id": str(correlation_id)} if correlation_id else {}),
    }


def _user_of(response: httpx.Response) -> UserSummary | None:
    try:
        if response.status_code == HTTPStatus.OK:
            return msgspec.json.decode(response.content, type=UserSummary)
        if msgspec.json.decode(response.content, type=_Problem).code == UNKNOWN_USER:
            return None
    except msgspec.DecodeError:
        pass
    # Not ours, a wrong address, or a key that the other side does not know: an operator must look.
    _log.error("call_misunderstood", service="auth", status=response.status_code)
    raise UnavailableError("users.misunderstood", "the auth service answers what this one does not understand")


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
