"""Whose device signed a request: asked of the station service, in this process where it runs here, else over HTTP."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, TypeAlias

import httpx
import msgspec

from gasolinera.calls import Patience, TokenFor, open_peer
from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, UnauthenticatedError, UnavailableError
from gasolinera.keyring import Keyring

HEADER: Final = "Terminal-Signature"
_PATH: Final = "/api/stations/internal/terminals/verify"
# A signature counts once, so it is asked about once: a device signs each of its tries.
_PATIENCE: Final = Patience(tries=1)


class SignedByTerminal(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came. `target` is path and query as they were sent, `body_sha256` base64url."""

    signature: str
    method: str
    target: str
    body_sha256: str


class KnownTerminal(msgspec.Struct, frozen=True):
    """Whose signature it was. `public_key` is base64url: what else it signed is told by it."""

    terminal_code: str
    station_code: str
    public_key: str


class Terminals(msgspec.Struct, frozen=True):
    """Raises UnauthenticatedError `terminal.*`, and UnavailableError when the station service cannot be asked."""

    verify: Callable[[RequestContext, SignedByTerminal], Awaitable[KnownTerminal]]


VerifyTerminal: TypeAlias = Callable[
    [Database, RequestContext, SignedByTerminal, datetime], Awaitable[KnownTerminal]
]  # what the station service gives


class _Problem(msgspec.Struct):
    code: str
    detail: str


@asynccontextmanager
async def open_terminals(
    settings: Settings,
    here: Mapping[str, Database],
    verify: VerifyTerminal | None,
    keyring: Keyring,
    token_for: TokenFor,
) -> AsyncGenerator[Terminals]:
    """Of this process' own station service where it runs one, else of the one that the settings name."""
    if verify is not None and "station" in here:
        db = here["station"]
        yield Terminals(lambda context, signed: verify(db, context, signed, keyring.clock()))
    elif settings.station_url is not None:
        async with open_peer("station", settings.station_url, token_for, topic="terminals", patience=_PATIENCE) as peer:
            yield Terminals(lambda _context, signed: peer.tell(_PATH, msgspec.json.encode(signed), _read))
    else:
        yield Terminals(_nowhere)


def _read(response: httpx.Response) -> KnownTerminal:
    if response.status_code == HTTPStatus.OK:
        return msgspec.json.decode(response.content, type=KnownTerminal)
    problem = msgspec.json.decode(response.content, type=_Problem)
    if not problem.code.startswith("terminal."):
        raise msgspec.DecodeError("this says nothing about a terminal")
    raise UnauthenticatedError(problem.code, problem.detail)


def _nowhere(*_question: Any) -> Awaitable[KnownTerminal]:
    hint = "serve station in this process too, or set GASOLINERA_STATION_URL"
    raise UnavailableError("terminals.no_address", "this process knows no station service to ask", hint)
