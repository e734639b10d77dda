"""A request with an `Idempotency-Key` has its effect once: `opt={"idempotent": True}` on a route that takes `db`.

The route's `db` is then one transaction, whatever the route opens with it: claim, effect and answer commit together,
before the answer leaves. A process that dies leaves nothing behind, so there is no claim to take over. A request that
runs at the same time finds the claim, an advisory lock, and is told so at once.
A route that asks other services as well (`users`) does so before its first use of `db`, and only then claims the key:
no connection and no lock is held while others think. The kept answer is looked for before they are asked.
Kept is what was decided: nothing after an error on our side, nothing that failed before the route did anything.
"""

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from http import HTTPStatus
from typing import Any, TypeVar

import asyncpg
import msgspec
from litestar import Request, Response
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from nacl.secret import SecretBox

from gasolinera.config import schema_of
from gasolinera.database import (
    SET_CONTEXT,
    Connection,
    Database,
    RequestContext,
    fetch_one,
    fetch_optional,
    pairs_of,
)
from gasolinera.errors import ConflictError, InputError
from gasolinera.headers import add_header
from gasolinera.requests import MalformedError, known_caller, provide_context

Result = TypeVar("Result")
HEADER = "Idempotency-Key"
MAX_KEY = 255
MAX_ANSWER_BYTES = 1_000_000
_PURPOSE = "Send the same key again when no answer came: a UUID made for this request."
_STATE = "gasolinera.idempotency"


class _Answer(msgspec.Struct, frozen=True, array_like=True):
    """What is given again. Its length is counted anew."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class _Found(msgspec.Struct, frozen=True):
    is_claimed: bool
    fingerprint: bytes | None
    status: int | None
    answer: bytes | None


class _Replayed(Exception):  # noqa: N818  no error: ends a route that has been answered before
    pass


class _NothingToKeep(Exception):  # noqa: N818  no error: rolls back
    pass


class OneTransaction(Database):
    """The database of an idempotent route: each block that it opens is part of the request's one transaction, which
    `begin` opens for the first of them.
    """

    def __init__(self, service: str, begin: Callable[[], Awaitable[Connection]], context: RequestContext) -> None:
        self.service = service
        self._begin = begin
        self._begun: Connection | None = None
        self._context = context
        self.has_acted = False
        self.has_failed = False

    async def begin(self) -> Connection:
        if self._begun is None:
            self._begun = await self._begin()
        return self._begun

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        yield await self.begin()

    @asynccontextmanager
    async def transaction(self, context: RequestContext | None = None) -> AsyncGenerator[Connection]:
        """A block that raises takes the whole request back, and all that the request did is committed at its end."""
        conn = await self.begin()
        try:
            if context is not None and context != self._context:
                self._context = context
                await conn.execute(SET_CONTEXT, *pairs_of(context))
            yield conn
        except BaseException:
            self.has_failed = True
            raise
        self.has_acted = True

    async def run(
        self,
        use_case: Callable[[Connection], Awaitable[Result]],
        context: RequestContext | None = None,
        *,
        is_idempotent: bool = False,  # noqa: ARG002  tries once: the client may send its request again
    ) -> Result:
        async with self.transaction(context) as conn:
            return await use_case(conn)


class _Once:
    """One request on its way."""

    def __init__(self, key: str, stack: AsyncExitStack) -> None:
        self.key = key
        self.stack = stack
        self.key_hash = b""
        self.secret = b""
        self.fingerprint = b""
        self.database: OneTransaction | None = None
        self.replay: tuple[int, _Answer] | None = None


def answer_once(app: ASGIApp) -> ASGIApp:
    """Holds the answer of an idempotent route until its effect and the answer's record are committed."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["route_handler"].opt.get("idempotent"):
            await app(scope, receive, send)
            return
        key = read_key(scope)
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        try:
            async with AsyncExitStack() as stack:
                once = _Once(key, stack)
                scope["state"][_STATE] = once
                await app(scope, receive, hold)
                held = await _settle(scope, once, held)
        except _NothingToKeep:
            pass
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "idempotency_keys_pk":
                raise
            raise _running() from None  # it committed between our look and our lock
        for message in held:
            await send(message)

    return answered


def read_key(scope: Scope) -> str:
    """Raises MalformedError `idempotency.missing` or `idempotency.malformed`."""
    found = [value.decode("latin-1").strip() for name, value in scope["headers"] if name == b"idempotency-key"]
    key = found[0].removeprefix('"').removesuffix('"') if found else ""  # a string of structured fields, or bare
    if not key:
        raise MalformedError("idempotency.missing", f"this request needs the header {HEADER}", _PURPOSE)
    if len(found) > 1 or len(key) > MAX_KEY or not (key.isascii() and key.isprintable()):
        raise MalformedError(
            "idempotency.malformed", f"{HEADER} must be one value of 1 to {MAX_KEY} printable ASCII characters"
        )
    return key


async def join(request: Request[Any, Any, Any], database: Database) -> Database:
    """The service's database for a route: itself, or the one transaction of an idempotent request.

    Raises ConflictError `idempotency.running`, InputError `idempotency.other_payload`.
    """
    once: _Once | None = request.scope["state"].get(_STATE)
    if once is None:
        return database
    if once.database is None:
        await _identify(request, once)
        context = provide_context(request)
        joined = OneTransaction(database.service, partial(_claim, database, once, context), context)
        if "users" in request.route_handler.parsed_fn_signature.parameters:
            await _look(database, once)
        else:
            await joined.begin()
        once.database = joined
    return once.database


async def _identify(request: Request[Any, Any, Any], once: _Once) -> None:
    body = await request.body()
    asker = known_caller(request.scope)
    name = (asker.actor if asker else "", request.method, request.scope["path_template"], once.key)
    material = msgspec.msgpack.encode(name)
    once.key_hash = hashlib.blake2b(material, digest_size=32, person=b"idempotency-key").digest()
    once.secret = hashlib.blake2b(material, digest_size=32, person=b"idempotent-reply").digest()
    asked = (request.method, request.scope["path"], request.scope["query_string"], body)
    once.fingerprint = hashlib.sha256(msgspec.msgpack.encode(asked)).digest()


async def _look(database: Database, once: _Once) -> None:
    """Raises _Replayed, or InputError `idempotency.other_payload`."""
    async with database.connection() as conn:
        found = await fetch_optional(conn, _Found, _look_sql(database.service), once.key_hash)
    if found is not None:
        _replay(once, found)


async def _claim(database: Database, once: _Once, context: RequestContext) -> Connection:
    """Raises as _look does, and ConflictError `idempotency.running`."""
    conn = await once.stack.enter_async_context(database.transaction())
    lock = int.from_bytes(once.key_hash[:8], signed=True)
    found = await fetch_one(conn, _Found, _claim_sql(database.service), *pairs_of(context), lock, once.key_hash)
    _replay(once, found)
    if not found.is_claimed:
        raise _running()
    return conn


def _replay(once: _Once, found: _Found) -> None:
    if found.status is None or found.answer is None:
        return
    if found.fingerprint != once.fingerprint:
        raise InputError("idempotency.other_payload", f"this {HEADER} was used for another request", "make a new key")
    plain = SecretBox(once.secret).decrypt(found.answer)
    once.replay = (found.status, msgspec.msgpack.decode(plain, type=_Answer))
    raise _Replayed


async def _settle(scope: Scope, once: _Once, held: list[Message]) -> list[Message]:
    """Keep the answer where it is one to keep, in the transaction that the caller ends. Raises _NothingToKeep."""
    if once.replay is not None:
        status, answer = once.replay
        add_header(scope, "idempotent-replayed", "true")
        headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
        return [
            {"type": "http.response.start", "status": status, "headers": headers},
            {"type": "http.response.body", "body": answer.body, "more_body": False},
        ]
    status, answer = _answer_of(held)
    database = once.database
    if database is None or database.has_failed or not database.has_acted or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _NothingToKeep
    assert len(answer.body) <= MAX_ANSWER_BYTES, "an answer too large to be kept: such a route cannot be idempotent"
    kept = SecretBox(once.secret).encrypt(msgspec.msgpack.encode(answer))
    async with database.connection() as conn:
        await conn.execute(_keep_sql(database.service), once.key_hash, once.fingerprint, status, bytes(kept))
    return held


def _answer_of(held: list[Message]) -> tuple[int, _Answer]:
    status, headers, body = 500, (), b""
    for message in held:
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = tuple((name, value) for name, value in message["headers"] if name.lower() != b"content-length")
        elif message["type"] == "http.response.body":
            body += message["body"]
    return status, _Answer(headers, body)


def _running() -> ConflictError:
    return ConflictError("idempotency.running", f"a request with this {HEADER} still runs", "ask again in a moment")


async def once(
    conn: Connection,
    service: str,
    request: Request[Any, Any, Any],
    fields: Mapping[str, object],
    make: Callable[[], Awaitable[str]],
) -> str:
    """What a page's form makes, once: sent again with the same `key` and the same fields, it gets what was made then.

    `key` is a hidden field that the page made up; a form without one is new each time. Whoever sends it twice at the
    same moment waits for the first. What is made is kept for a day, readable only with the key.
    """
    if not fields.get("key"):
        return await make()
    asker = known_caller(request.scope)
    named = (asker.actor if asker else "", request.method, request.scope["path"], sorted(fields.items()))
    material = msgspec.msgpack.encode(named)
    key_hash = hashlib.blake2b(material, digest_size=32, person=b"idempotency-form").digest()
    box = SecretBox(hashlib.blake2b(material, digest_size=32, person=b"idempotent-made").digest())
    await conn.execute("SELECT pg_advisory_xact_lock($1)", int.from_bytes(key_hash[:8], signed=True))
    found = await fetch_optional(conn, _Found, _look_sql(service), key_hash)
    if found is not None and found.answer is not None:
        return box.decrypt(found.answer).decode()
    made = await make()
    fingerprint = hashlib.sha256(material).digest()
    await conn.execute(_keep_sql(service), key_hash, fingerprint, int(HTTPStatus.OK), bytes(box.encrypt(made.encode())))
    return made


def _on_replay(_request: Request[Any, Any, Any], _error: _Replayed) -> Response[None]:
    return Response(None, status_code=HTTPStatus.NO_CONTENT)  # never sent: the kept answer is


EXCEPTION_HANDLERS: dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]] = {
    _Replayed: _on_replay
}


@cache
def _claim_sql(service: str) -> str:
    """Context, claim and kept answer in one statement."""
    return f"""
WITH context AS MATERIALIZED ({SET_CONTEXT})
SELECT pg_try_advisory_xact_lock($3) AS is_claimed, k.fingerprint, k.status, k.answer
  FROM (SELECT count(*) FROM context) AS is_set
  LEFT JOIN {schema_of(service)}.idempotency_keys AS k ON k.key_hash = $4"""  # noqa: S608  ours


@cache
def _look_sql(service: str) -> str:
    return f"""
SELECT false AS is_claimed, fingerprint, status, answer
  FROM {schema_of(service)}.idempotency_keys WHERE key_hash = $1"""  # noqa: S608  ours


@cache
def _keep_sql(service: str) -> str:
    return f"""
INSERT INTO {schema_of(service)}.idempotency_keys (key_hash, fingerprint, status, answer) VALUES ($1, $2, $3, $4)"""  # noqa: S608  ours
