"""Loops that look for work: at once while there is some, ever more rarely while there is none, until told to stop."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from gasolinera.errors import unavailable

_SHORTEST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 1.0
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class RetryPolicy(msgspec.Struct, frozen=True):
    """When something that failed is tried again, and how often before it is given up."""

    attempts: int = 10
    first_s: float = 0.5
    longest_s: float = 300.0

    def delay_s(self, failures: int) -> float:
        """Twice as long after each failure, give or take half, so that what failed together comes back apart."""
        assert failures >= 1, "a delay follows a failure"
        longest = min(self.longest_s, self.first_s * 2 ** min(failures - 1, 30))
        return longest * random.uniform(0.5, 1.5)  # noqa: S311  spreads load, guards nothing


async def poll(
    name: str, step: Callable[[], Awaitable[int]], stop: asyncio.Event, *, wake: asyncio.Event | None = None
) -> None:
    """Run `step`, which says how much it did, until `stop`. What it raises is logged, and it is tried again.

    A step that is under way when `stop` is set is finished. `wake` ends a pause early.
    """
    pause_s = _SHORTEST_PAUSE_S
    while not stop.is_set():
        if wake is not None:
            wake.clear()  # before looking: what comes while we look wakes us again
        try:
            done = await step()
        except Exception as error:
            done, pause_s = 0, _LONGEST_PAUSE_S
            _tell(name, error)
        if done:
            pause_s = _SHORTEST_PAUSE_S
            continue
        await _pause(pause_s, stop, wake)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


async def repeat(name: str, step: Callable[[], Awaitable[None]], stop: asyncio.Event, *, every_s: float) -> None:
    """Run `step` now and every so many seconds until `stop`. What it raises is logged."""
    while not stop.is_set():
        try:
            await step()
        except Exception as error:
            _tell(name, error)
        await _pause(every_s, stop, None)


def _tell(name: str, error: Exception) -> None:
    trouble = unavailable(error)
    if trouble is None:
        _log.error("poll_failed", loop=name, exc_info=error)
    else:
        _log.warning("poll_delayed", loop=name, reason=trouble.code, error=type(error).__name__)


async def _pause(seconds: float, stop: asyncio.Event, wake: asyncio.Event | None) -> None:
    signals = [asyncio.ensure_future(event.wait()) for event in (stop, wake) if event is not None]
    try:
        await asyncio.wait(signals, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for signal in signals:
            signal.cancel()
