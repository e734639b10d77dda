"""Where the rounds of this process come from. Relays need no trust: what they give is verified."""

import asyncio
import re
from datetime import datetime
from http import HTTPStatus
from typing import Final

import httpx
import msgspec
import structlog

from gasolinera.config import Environment, Settings
from gasolinera.errors import ConfigError, ConflictError, UnavailableError
from gasolinera.raffle.beacon import TEST, Chain, Round, is_test_chain, known_chain, round_at, verify_round

DRAND_RELAYS: Final = (
    "https://api.drand.sh",
    "https://api2.drand.sh",
    "https://api3.drand.sh",
    "https://drand.cloudflare.com",
)
_SILENCE_S: Final = 5.0
_LIMIT_S: Final = 10.0  # for one answer, however slowly it comes
_ATTEMPTS: Final = 2  # each relay is asked
_PAUSE_S: Final = 0.5
_MAX_BYTES: Final = 4096
_SIGNATURE: Final = re.compile(r"[0-9a-f]{96}")
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Source(msgspec.Struct, frozen=True):
    """A chain and where to ask for its rounds; without any, the test beacon's are made in this process."""

    chain: Chain
    relays: tuple[str, ...] = ()


class _Answer(msgspec.Struct, frozen=True):
    round: int
    signature: str


class _RelayError(Exception):
    """A relay gave no good answer."""


def source_of(settings: Settings) -> Source:
    """The chain and relays of this process. Raises ConfigError `beacon.chain`, and `beacon.test` in production."""
    name = settings.beacon_chain
    if name is None:
        name = "quicknet" if settings.environment is Environment.PRODUCTION else "test"
    chain = known_chain(name)
    relays = () if settings.beacon_relays is None else tuple(settings.beacon_relays.split(","))
    if not is_test_chain(chain):
        return Source(chain, relays or DRAND_RELAYS)
    if settings.environment is Environment.PRODUCTION:
        hint = "leave GASOLINERA_BEACON_CHAIN out: quicknet is used then"
        raise ConfigError("beacon.test", "the test beacon is for tests: anybody can know its rounds beforehand", hint)
    return Source(chain, relays)


async def fetch_round(source: Source, number: int, *, now: datetime) -> Round:
    """A round, verified, from the first relay that gives it.

    Raises ConflictError `beacon.too_early` before its time, UnavailableError `beacon.unavailable` when no relay has it.
    """
    due = round_at(source.chain, number)
    if due > now:
        raise ConflictError("beacon.too_early", f"round {number} of the beacon comes at {due:%Y-%m-%d %H:%M:%S} UTC")
    if not source.relays and source.chain == TEST:
        return await asyncio.to_thread(_made_here, number)
    async with httpx.AsyncClient(timeout=_SILENCE_S, follow_redirects=False) as client:
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_PAUSE_S)
            found = await _first(client, source, number)
            if found is not None:
                return found
    hint = "it is asked for again later; no other round is ever taken instead"
    raise UnavailableError("beacon.unavailable", f"no relay gives round {number} of the beacon", hint)


def _made_here(number: int) -> Round:
    from gasolinera.raffle import beacon_local  # noqa: PLC0415  its import takes a second, and is for the demo alone

    return beacon_local.sign_round(beacon_local.local_beacon(), number)


async def _first(client: httpx.AsyncClient, source: Source, number: int) -> Round | None:
    for relay in source.relays:
        try:
            return await _ask(client, source.chain, relay, number)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, _RelayError) as error:
            _log.warning("beacon_relay_failed", relay=relay, round=number, error=str(error) or type(error).__name__)
    return None


async def _ask(client: httpx.AsyncClient, chain: Chain, relay: str, number: int) -> Round:
    body = bytearray()
    address = f"{relay.rstrip('/')}/{chain.chain_hash}/public/{number}"
    async with asyncio.timeout(_LIMIT_S), client.stream("GET", address) as response:
        if response.status_code != HTTPStatus.OK:
            raise _RelayError(f"status {response.status_code}")
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise _RelayError("the answer is too large")
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _RelayError("the answer is no round") from None
    if answer.round != number or not _SIGNATURE.fullmatch(answer.signature):
        raise _RelayError("the answer is another round, or none")
    found = await asyncio.to_thread(verify_round, chain, number, bytes.fromhex(answer.signature))
    if found is None:
        raise _RelayError("the round is not signed by the chain")
    return found
