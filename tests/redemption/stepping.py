"""Requests that go on statement by statement, as a test says, and die where it says: interleavings without luck.

A `Process` stops before each statement. Between two statements of one, any number of others may run; one that is killed
there has died as a process does: what its statements did stands, a transaction that was open is undone, nobody hears
an answer.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final, Generic, TypeVar, cast

from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import GasolineraError

Told = TypeVar("Told")

_STATEMENTS: Final = frozenset({"execute", "executemany", "fetch", "fetchrow", "fetchval"})
_TOO_LONG_S: Final = 5.0


class Process(Generic[Told]):
    """Some work of one client. `answer` is what it was told in the end: None as long as nobody told it anything."""

    def __init__(self, name: str, work: Callable[[], Awaitable[Told]]) -> None:
        self.name = name
        self.answer: Told | GasolineraError | None = None
        self._may_go = asyncio.Event()
        self._stands = asyncio.Event()
        self.open_transactions = 0
        self._task = asyncio.create_task(self._run(work), name=name)

    async def _run(self, work: Callable[[], Awaitable[Told]]) -> None:
        _here.set(self)
        await self.stand()
        try:
            self.answer = await work()
        except GasolineraError as error:
            self.answer = error

    @property
    def is_over(self) -> bool:
        return self._task.done()

    async def stand(self) -> None:
        """Before a statement: wait for leave to go on."""
        self._stands.set()
        await self._may_go.wait()
        self._may_go.clear()

    async def _go_on(self) -> None:
        await self._until_it_stands()
        if not self.is_over:
            self._stands.clear()
            self._may_go.set()
            await self._until_it_stands()
        if self.is_over:
            self._task.result()

    async def _until_it_stands(self) -> None:
        stands = asyncio.create_task(self._stands.wait())
        await asyncio.wait({self._task, stands}, timeout=_TOO_LONG_S, return_when=asyncio.FIRST_COMPLETED)
        assert stands.done() or self.is_over, f"{self.name} waits for a lock that nobody gives"
        stands.cancel()

    async def advance(self) -> None:
        """One statement; a transaction of several as a whole, for others would wait for its locks."""
        await self._go_on()
        while self.open_transactions and not self.is_over:
            await self._go_on()

    async def finish(self) -> None:
        while not self.is_over:
            await self._go_on()

    async def kill(self, after: int) -> None:
        """Dead after so many more statements, be it within a transaction; or it ends before."""
        for _ in range(after):
            if not self.is_over:
                await self._go_on()
        await self._die()

    async def _die(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=_TOO_LONG_S)
        assert self._task.done(), f"{self.name} does not die"


_here: ContextVar["Process[Any]"] = ContextVar("process")


class _SteppedConnection:
    """A connection whose statements wait for leave."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._conn, name)
        if name not in _STATEMENTS:
            return method

        async def stepped(*values: Any, **options: Any) -> Any:
            await _here.get().stand()
            return await method(*values, **options)

        return stepped


class SteppedDatabase(Database):
    """A service's database for work that runs within a `Process`."""

    def __init__(self, db: Database) -> None:
        self.service = db.service
        self._db = db

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        async with self._db.connection() as conn:
            yield cast("Connection", _SteppedConnection(conn))

    @asynccontextmanager
    async def transaction(self, context: RequestContext | None = None) -> AsyncGenerator[Connection]:
        process = _here.get()
        await process.stand()
        process.open_transactions += 1
        try:
            async with self._db.transaction(context) as conn:
                yield cast("Connection", _SteppedConnection(conn))
                await process.stand()  # all is done but for COMMIT
        finally:
            process.open_transactions -= 1
