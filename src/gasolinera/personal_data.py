"""What a service holds about one person: how it says so, and how the whole of it is gathered for who asked for it.

A service gives one function, `Parts.export_person`. Where the service runs in this process the function is called, else
its process is asked over HTTP. A service that cannot be asked makes the whole an error: what is missing must not look
like something that is not there.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import httpx
import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import PathParameter

from gasolinera.authentication import requires
from gasolinera.calls import Patience, Peer, TokenFor, open_peer
from gasolinera.database import Connection, Database
from gasolinera.errors import ForbiddenError, HTTPStatus, UnavailableError, problem_spec, unavailable
from gasolinera.permissions import Caller, Permission
from gasolinera.routing import service_router

# Of one kind, for one person: what an answer holds in memory is a few megabytes at most.
MAX_ROWS: Final = 10_000
# Such an answer takes longer than the word about a user; two tries fit into a request's own limit.
_PATIENCE: Final = Patience(try_s=5.0, tries=2)
_PATH: Final = "/api/internal/personal-data"
# The one service that gathers for people, and is told.
ASKER: Final = "auth"
_UserId = Annotated[UUID, PathParameter(description="Public reference of the user.")]


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one kind, the newest first: all of them, or, where not `is_complete`, as many as an export gives."""

    name: str
    is_complete: bool
    rows: msgspec.Raw


class PersonalData(msgspec.Struct, frozen=True):
    """What one service holds about one person; nothing of a person that it does not know."""

    holdings: tuple[Holding, ...]


class ServiceData(msgspec.Struct, frozen=True):
    service: str
    holdings: tuple[Holding, ...]


ExportPerson: TypeAlias = Callable[[Connection, UUID], Awaitable[PersonalData]]


class Elsewhere(msgspec.Struct, frozen=True):
    """`await elsewhere.gather(public_id)`: what all services but auth hold about a person, in the services' order.

    Raises UnavailableError `export.<service>_unavailable` where one of them cannot say.
    """

    gather: Callable[[UUID], Coroutine[Any, Any, tuple[ServiceData, ...]]]


_Ask: TypeAlias = Callable[[UUID], Coroutine[Any, Any, PersonalData]]


def holding(name: str, found: Sequence[msgspec.Struct], *, limit: int = MAX_ROWS) -> Holding:
    """`found`: what a query with a limit of one row more gave, which tells whether there is more."""
    return Holding(name=name, is_complete=len(found) <= limit, rows=msgspec.Raw(msgspec.json.encode(found[:limit])))


@asynccontextmanager
async def open_elsewhere(
    exports: Mapping[str, ExportPerson],
    here: Mapping[str, Database],
    addresses: Mapping[str, str | None],
    token_for: TokenFor,
) -> AsyncGenerator[Elsewhere]:
    """`exports`: the function of every service that has one; `here`: the databases of the services of this process."""
    async with AsyncExitStack() as stack:
        asked: dict[str, _Ask] = {}
        for service, export_person in exports.items():
            url = addresses.get(service)
            if service in here:
                asked[service] = _local(here[service], export_person)
            elif url is not None:
                peer = open_peer(service, url, token_for, topic="export", patience=_PATIENCE)
                asked[service] = _remote(service, await stack.enter_async_context(peer))
            else:
                asked[service] = _nowhere(service)

        async def gather(user_id: UUID) -> tuple[ServiceData, ...]:
            questions = [_ask(service, ask, user_id) for service, ask in asked.items()]
            # All end before one's error is told: none is left running behind a request that is over.
            answers = await asyncio.gather(*questions, return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
            return tuple(answer for answer in answers if isinstance(answer, ServiceData))

        yield Elsewhere(gather)


async def _ask(service: str, ask: _Ask, user_id: UUID) -> ServiceData:
    try:
        found = await ask(user_id)
    except Exception as error:
        reason = error if isinstance(error, UnavailableError) else unavailable(error)
        if reason is None:
            raise
        sentence = f"what the {service} service holds about this person cannot be had now"
        hint = reason.hint or "try again later"
        raise UnavailableError(f"export.{service}_unavailable", sentence, hint) from error
    return ServiceData(service, found.holdings)


def _local(db: Database, export_person: ExportPerson) -> _Ask:
    async def ask(user_id: UUID) -> PersonalData:
        async with db.transaction() as conn:
            return await export_person(conn, user_id)

    return ask


def _remote(service: str, peer: Peer) -> _Ask:
    async def ask(user_id: UUID) -> PersonalData:
        return await peer.ask(f"{_PATH}/{service}/{user_id}", _data_of)

    return ask


def _data_of(response: httpx.Response) -> PersonalData:
    if response.status_code != HTTPStatus.OK:
        raise msgspec.DecodeError("this says nothing about a person")
    return msgspec.json.decode(response.content, type=PersonalData)


def _nowhere(service: str) -> _Ask:
    async def ask(_user_id: UUID) -> PersonalData:
        hint = f"serve {service} in this process too, or set GASOLINERA_{service.upper()}_URL"
        raise UnavailableError("export.no_address", f"this process knows no {service} service to ask", hint)

    return ask


_NO_REFERENCE: Final = problem_spec(HTTPStatus.NOT_FOUND, "request.unknown_path", "there is nothing at this address")
_SHIFTS: dict[str, object] = {"name": "shifts", "is_complete": True, "rows": []}
_ANSWER: Final = ResponseSpec(
    PersonalData,
    generate_examples=False,
    description="By kind, the newest first.",
    examples=[Example(value={"holdings": [_SHIFTS]})],
)


def personal_data_router(service: str, export_person: ExportPerson) -> Router:
    """The route by which auth asks a service of another process."""

    @get(
        "/{public_id:uuid}",
        summary=f"What the {service} service holds about a person",
        description="For the other processes of the platform.",
        guards=[requires(Permission.PERSONAL_DATA_READ)],
        responses={200: _ANSWER, 404: _NO_REFERENCE},
    )
    async def personal_data_route(
        db: NamedDependency[Database], caller: NamedDependency[Caller], public_id: _UserId
    ) -> Response[PersonalData]:
        if caller.service != ASKER:
            raise ForbiddenError("auth.not_permitted", "this service may not ask that")
        async with db.transaction() as conn:
            found = await export_person(conn, public_id)
        return Response(found, headers={"cache-control": "no-store"})

    return service_router(service, f"{_PATH}/{service}", [personal_data_route])
