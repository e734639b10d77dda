"""The people of the day as clients of the API: each with a real token, over HTTP."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, Literal, TypeVar
from uuid import uuid4

import httpx
import msgspec

from gasolinera.errors import UnavailableError
from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller
from gasolinera.security import issue_access_token

MAX_CONNECTIONS: Final = 20  # more would wait for the application's own connections to the database
_TOKEN_GOOD_FOR_S: Final = 600.0
_TIMEOUT_S: Final = 120.0  # issuing to thousands of people is one request
_TRIES: Final = 20
_KEPT_S: Final = 2.0  # a connection without requests; the server ends it a little later
_LONGEST_WAIT_S: Final = 60
_BUSY: Final = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
Kind = TypeVar("Kind")
Method = Literal["GET", "POST"]


class _Problem(msgspec.Struct):
    code: str = ""
    detail: str = ""


class Answer(msgspec.Struct, frozen=True):
    """`problem`: the code of a refusal, None where it was none."""

    status: int
    content: bytes
    problem: str | None

    def read(self, kind: type[Kind]) -> Kind:
        return msgspec.json.decode(self.content, type=kind)


class Api:
    """Asks as anybody. What is too much at once, or finds the server busy, is sent again under the same key."""

    def __init__(self, clients: Sequence[httpx.AsyncClient], keyring: Keyring) -> None:
        self._keyring = keyring
        self._idle = list(clients)
        # In the order in which they come: a code on a screen is good for a minute, and must not wait longer.
        self._places = asyncio.Semaphore(len(clients))
        self._tokens: dict[Caller, tuple[float, str]] = {}

    async def get(self, caller: Caller, path: str) -> Answer:
        return await self._ask("GET", caller, path, None, {})

    async def post(
        self,
        caller: Caller,
        path: str,
        body: Mapping[str, object],
        *,
        key: str | None = None,
        version: int | None = None,
    ) -> Answer:
        """`version`: of what is changed."""
        headers = {"idempotency-key": key or str(uuid4()), "content-type": "application/json"}
        if version is not None:
            headers["if-match"] = f'"{version}"'
        return await self._ask("POST", caller, path, msgspec.json.encode(body), headers)

    async def send_table(self, caller: Caller, path: str, table: bytes) -> Answer:
        return await self._ask("POST", caller, path, table, {"content-type": "text/csv"})

    async def _ask(
        self, method: Method, caller: Caller, path: str, content: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        problem = _Problem()
        for _ in range(_TRIES):
            sent = {**headers, "authorization": f"Bearer {self._token(caller)}"}
            async with self._places:
                client = self._idle.pop()
                try:
                    response = await client.request(method, path, content=content, headers=sent)
                except httpx.RemoteProtocolError:
                    continue  # the server closed a connection that it took for idle
                finally:
                    self._idle.append(client)
            if response.is_success:
                return Answer(response.status_code, response.content, None)
            problem = _problem_in(response)
            is_too_fast = problem.code == "rate.limited"
            if not is_too_fast and response.status_code not in _BUSY:
                return Answer(response.status_code, response.content, problem.code)
            wait_s = int(response.headers.get("retry-after", "1"))
            await asyncio.sleep(min(wait_s, _LONGEST_WAIT_S))
        raise UnavailableError(
            "simulation.busy", f"{method} {path} found the server busy {_TRIES} times: {problem.code}"
        )

    def _token(self, caller: Caller) -> str:
        known = self._tokens.get(caller)
        if known is not None and time.monotonic() - known[0] < _TOKEN_GOOD_FOR_S:
            return known[1]
        token = issue_access_token(self._keyring, caller, now=datetime.now(UTC)).token
        self._tokens[caller] = time.monotonic(), token
        return token


@asynccontextmanager
async def open_api(base_url: str, keyring: Keyring) -> AsyncGenerator[Api]:
    """Each client has one connection: with many, a client looks at all of them for each request."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=base_url,
                    timeout=_TIMEOUT_S,
                    limits=httpx.Limits(max_connections=1, keepalive_expiry=_KEPT_S),
                    verify=False,  # noqa: S501  it speaks to its own host without TLS
                    trust_env=False,
                )
            )
            for _ in range(MAX_CONNECTIONS)
        ]
        yield Api(clients, keyring)


def accepted(answer: Answer) -> None:
    """Raises UnavailableError for a refusal: the day cannot go on without it."""
    if answer.problem is not None:
        raise UnavailableError("simulation.refused", f"{answer.status} {answer.content.decode()[:300]}")


def good(answer: Answer, kind: type[Kind]) -> Kind:
    """What was asked for. Raises UnavailableError for a refusal."""
    accepted(answer)
    return answer.read(kind)


def _problem_in(response: httpx.Response) -> _Problem:
    try:
        return msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:
        return _Problem(f"http.{response.status_code}")
