"""What the auth service alone knows and every process needs: who lost access, whose an API key is, the public keys.

Where auth runs in this process it is asked directly, else over HTTP. Access tokens are good for 15 minutes on their
own; this is how a process hears within a second that one is no longer.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec
import structlog

from gasolinera.errors import ConfigError, HTTPStatus, UnavailableError
from gasolinera.keyring import Keyring, PublicKey
from gasolinera.permissions import Caller, Permission
from gasolinera.security import ACCESS_TOKEN_LIFE_S, LEEWAY_S, VerifiedToken

JWKS_PATH: Final = "/.well-known/jwks.json"
REVOCATIONS_PATH: Final = "/api/auth/internal/revocations"
API_KEYS_PATH: Final = "/api/auth/internal/api-keys"
SESSIONS_PATH: Final = "/api/auth/internal/sessions"
POLL_EVERY_S: Final = 0.5
JWKS_GOOD_FOR_S: Final = 300.0
_JWKS_AGAIN_S: Final = 10.0  # between two fetches that unknown keys ask for
_TIMEOUT_S: Final = 2.0  # for each piece of an answer
_WHOLE_ANSWER_S: Final = 4.0  # however slowly its pieces drip
_KEY_BYTES: Final = 32
# Nothing older can matter: its tokens have ended.
REMEMBER_S: Final = ACCESS_TOKEN_LIFE_S + LEEWAY_S + 60
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
Kind = TypeVar("Kind")


class Revocation(msgspec.Struct, frozen=True):
    """Of a session whole, or of a user's tokens that were issued by then. `revoked_at`: seconds since 1970."""

    revoked_at: float
    user_id: UUID | None = None
    session_id: UUID | None = None


class Revocations(msgspec.Struct, frozen=True):
    """`cursor` asks for what came later; it may give some again."""

    items: tuple[Revocation, ...]
    cursor: str


class KeyHolder(msgspec.Struct, frozen=True, kw_only=True):
    """Whose an API key is, and what it may."""

    partner_code: str
    prefix: str
    scopes: frozenset[Permission]
    station_code: str | None
    requests_per_minute: int
    expires_at: float  # seconds since 1970


class JsonWebKey(msgspec.Struct, frozen=True):
    """A public key as RFC 8037 writes it."""

    kid: str
    x: str
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = "EdDSA"
    use: str = "sig"


class JsonWebKeys(msgspec.Struct, frozen=True):
    keys: tuple[JsonWebKey, ...]


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """How this process asks. `public_keys` is None where the own key ring holds the truth.

    Keys and the sessions of browsers are asked for by their hashes.
    """

    revocations: Callable[[str | None], Awaitable[Revocations]]
    find_api_key: Callable[[bytes], Awaitable[KeyHolder | None]]
    find_session: Callable[[bytes], Awaitable[Caller | None]]
    public_keys: Callable[[], Awaitable[tuple[PublicKey, ...]]] | None = None


class LostAccess:
    """Which sessions and users have lost access of late, as far as this process has heard."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._cursor: str | None = None
        self._sessions: dict[UUID, float] = {}
        self._users: dict[UUID, float] = {}
        self._forget_at = 0.0

    def covers(self, token: VerifiedToken) -> bool:
        """Whether what the token says is over."""
        caller = token.caller
        if caller.session_id is not None and caller.session_id in self._sessions:
            return True
        if caller.user_id is None:
            return False
        revoked_at = self._users.get(caller.user_id)
        return revoked_at is not None and token.issued_at <= revoked_at

    async def hear(self) -> None:
        """Ask for the news. Raises what the authority raises."""
        news = await self._authority.revocations(self._cursor)
        for one in news.items:
            if one.session_id is not None:
                self._sessions[one.session_id] = one.revoked_at
            if one.user_id is not None:
                self._users[one.user_id] = max(one.revoked_at, self._users.get(one.user_id, 0.0))
        self._cursor = news.cursor
        self._forget()

    def _forget(self) -> None:
        if time.monotonic() < self._forget_at:
            return
        self._forget_at = time.monotonic() + 60
        oldest = time.time() - REMEMBER_S
        self._sessions = {key: at for key, at in self._sessions.items() if at > oldest}
        self._users = {key: at for key, at in self._users.items() if at > oldest}


@asynccontextmanager
async def listening(lost_access: LostAccess, published: "PublishedKeys") -> AsyncGenerator[None]:
    """Hears who lost access, twice a second while the block runs and once before, and keeps the public keys fresh."""
    is_well = await _hear(lost_access, is_well=True)
    task = asyncio.create_task(_listen(lost_access, published, is_well=is_well), name="revocations")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _listen(lost_access: LostAccess, published: "PublishedKeys", *, is_well: bool) -> None:
    while True:
        await published.keep()
        await asyncio.sleep(POLL_EVERY_S)
        is_well = await _hear(lost_access, is_well=is_well)


async def _hear(lost_access: LostAccess, *, is_well: bool) -> bool:
    """Trouble is told once, and does not end the listening: tokens end by themselves after 15 minutes."""
    try:
        async with asyncio.timeout(_WHOLE_ANSWER_S):
            await lost_access.hear()
    except Exception as error:
        if is_well:
            _log.warning("revocations_unheard", error=type(error).__name__)
        return False
    if not is_well:
        _log.info("revocations_heard_again")
    return True


class PublishedKeys:
    """The public keys of another process, asked for when a token names one that is unknown, and every five minutes."""

    def __init__(self, keyring: Keyring, fetch: Callable[[], Awaitable[tuple[PublicKey, ...]]] | None) -> None:
        self._keyring = keyring
        self._fetch = fetch
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def learn(self) -> None:
        """Fetch, but not again within ten seconds: strangers decide which keys their tokens name."""
        await self._learn(_JWKS_AGAIN_S)

    async def keep(self) -> None:
        """So that a key that is no longer published is no longer accepted."""
        await self._learn(JWKS_GOOD_FOR_S)

    async def _learn(self, not_within_s: float) -> None:
        if self._fetch is None or time.monotonic() - self._asked_at < not_within_s:
            return
        async with self._asking:
            if time.monotonic() - self._asked_at < not_within_s:
                return
            try:
                async with asyncio.timeout(_WHOLE_ANSWER_S):
                    self._keyring.trust(await self._fetch())
            except Exception as error:
                # Whatever came: the keys at hand stay, and neither the listening nor a request may end by it.
                _log.warning("public_keys_unheard", error=type(error).__name__)
            self._asked_at = time.monotonic()


def as_json_web_keys(keys: tuple[PublicKey, ...]) -> JsonWebKeys:
    return JsonWebKeys(tuple(JsonWebKey(key.kid, key.x) for key in keys))


def no_authority() -> Authority:
    """For a process that was told of no auth service, which production does not allow.

    Tokens are verified by the own key ring. Whoever must know more than that gets UnavailableError `auth.no_address`.
    """

    async def nothing(_cursor: str | None) -> Revocations:
        raise _no_address()

    async def nobody(_hash: bytes) -> None:
        raise _no_address()

    return Authority(revocations=nothing, find_api_key=nobody, find_session=nobody)


def _no_address() -> UnavailableError:
    hint = "serve auth in this process too, or set GASOLINERA_AUTH_URL"
    return UnavailableError("auth.no_address", "this process knows no auth service to ask", hint)


def _usable(published: JsonWebKeys) -> tuple[PublicKey, ...]:
    """The keys that can verify our tokens. Raises ValueError where one of them is none, or there is none at all."""
    keys = tuple(PublicKey(key.kid, key.x) for key in published.keys if (key.kty, key.crv) == ("OKP", "Ed25519"))
    if not keys or any(len(key.raw) != _KEY_BYTES for key in keys):
        raise ValueError("these are no keys of access tokens")
    return keys


@asynccontextmanager
async def remote_authority(auth_url: str, service_token: Callable[[str], str]) -> AsyncGenerator[Authority]:
    """Asks the auth service of another process. What it asks raises UnavailableError `auth.unavailable`."""
    async with httpx.AsyncClient(base_url=auth_url, timeout=_TIMEOUT_S, trust_env=False) as client:

        async def ask(method: str, path: str, kind: type[Kind], content: Any = None) -> Kind | None:
            try:
                headers = {"authorization": f"Bearer {service_token('auth')}", "content-type": "application/json"}
                async with asyncio.timeout(_WHOLE_ANSWER_S):
                    answer = await client.request(method, path, headers=headers, content=content)
                if answer.status_code == HTTPStatus.NOT_FOUND:
                    return None
                answer.raise_for_status()
                return msgspec.json.decode(answer.content, type=kind)
            except (httpx.HTTPError, msgspec.MsgspecError, TimeoutError, ConfigError) as error:
                raise _does_not_answer() from error

        async def revocations(cursor: str | None) -> Revocations:
            query = f"?since={quote(cursor)}" if cursor else ""
            found = await ask("GET", REVOCATIONS_PATH + query, Revocations)
            if found is None:
                raise UnavailableError("auth.unavailable", "there is no auth service at its address")
            return found

        async def find_api_key(key_hash: bytes) -> KeyHolder | None:
            return await ask("POST", API_KEYS_PATH, KeyHolder, msgspec.json.encode({"key_hash": key_hash.hex()}))

        async def find_session(token_hash: bytes) -> Caller | None:
            return await ask("POST", SESSIONS_PATH, Caller, msgspec.json.encode({"token_hash": token_hash.hex()}))

        async def public_keys() -> tuple[PublicKey, ...]:
            try:
                return _usable(await ask("GET", JWKS_PATH, JsonWebKeys) or JsonWebKeys(()))
            except ValueError as error:
                raise _does_not_answer() from error

        yield Authority(
            revocations=revocations, find_api_key=find_api_key, find_session=find_session, public_keys=public_keys
        )


def _does_not_answer() -> UnavailableError:
    return UnavailableError("auth.unavailable", "the auth service does not answer")
