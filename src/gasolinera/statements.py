"""Statements have names, and each connection counts them by name: for metrics and traces."""

from collections.abc import Awaitable
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from gasolinera import metrics, tracing
from gasolinera.errors import constraint_of

Answer = TypeVar("Answer")

if TYPE_CHECKING:
    _Driver = asyncpg.Connection[asyncpg.Record]
else:
    _Driver = asyncpg.Connection  # takes parameters only in its stubs

_names: dict[str, str] = {"BEGIN;": "begin", "COMMIT;": "commit", "ROLLBACK;": "rollback"}


def named(name: str, sql: str) -> str:
    """The statement itself, which metrics and traces know by this name from now on; for constants alone."""
    _names[sql] = name
    return sql


class CountingConnection(_Driver):
    """Times the statements of one service.

    The driver's own hook tells of each in a turn of the event loop of its own, which costs five times as much.
    """

    service = ""  # set when it is connected

    async def execute(self, query: str, *args: object, **options: Any) -> Any:
        return await self._timed(query, super().execute(query, *args, **options))

    async def executemany(self, command: str, *args: Any, **options: Any) -> Any:
        return await self._timed(command, super().executemany(command, *args, **options))

    async def fetch(self, query: str, *args: object, **options: Any) -> Any:
        return await self._timed(query, super().fetch(query, *args, **options))

    async def fetchrow(self, query: str, *args: object, **options: Any) -> Any:
        return await self._timed(query, super().fetchrow(query, *args, **options))

    async def fetchval(self, query: str, *args: object, **options: Any) -> Any:
        return await self._timed(query, super().fetchval(query, *args, **options))

    async def _timed(self, query: str, answer: Awaitable[Answer]) -> Answer:
        began = perf_counter()
        failure: BaseException | None = None
        try:
            return await answer
        except BaseException as error:
            failure = error
            raise
        finally:
            name = _names.get(query, "other")
            seconds = perf_counter() - began
            metrics.count_query(self.service, name, seconds)
            if isinstance(failure, asyncpg.IntegrityConstraintViolationError):
                metrics.count_violation(constraint_of(failure))
            tracing.record_query(self.service, name, seconds, failure)
