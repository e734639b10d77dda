"""Work that is not part of a request: what a job is. Scheduled or asked for, each may run again without harm."""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar

import msgspec

from gasolinera.config import Settings
from gasolinera.database import Connection, Database, RequestContext

_reporter: ContextVar[Callable[[str], Awaitable[None]] | None] = ContextVar("reporter", default=None)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`run` gets the service's database and text arguments, and says in a sentence what it did: no personal data.

    `schedule` is a cron expression in UTC; None: only when asked for. One of a name runs at a time, for `limit_s` at
    most. A job whose process dies is run again from its beginning. `defaults`: the arguments that a run is not given,
    from the settings; where these name none the job is not scheduled.
    """

    name: str
    service: str
    summary: str
    run: Callable[[Database, Mapping[str, str]], Awaitable[str]]
    schedule: str | None = None
    limit_s: int = 3600
    defaults: Callable[[Settings], Mapping[str, str]] | None = None

    def defaults_of(self, settings: Settings) -> Mapping[str, str]:
        return {} if self.defaults is None else self.defaults(settings)

    def is_scheduled(self, settings: Settings) -> bool:
        return self.schedule is not None and (self.defaults is None or bool(self.defaults(settings)))


async def report_progress(sentence: str) -> None:
    """Called by a job: how far it is, for `gasolinera jobs status`. Elsewhere it does nothing."""
    report = _reporter.get()
    if report is not None:
        await report(sentence)


async def in_batches(
    db: Database,
    work: Callable[[Connection, int], Awaitable[int]],
    at_once: int,
    progress: str,
    *,
    context: RequestContext | None = None,
) -> int:
    """How much `work` did in all, which is told to do so many at most, until it does fewer.

    Each batch is a transaction of its own: nobody waits long for its locks, and a run that is stopped has done what it
    has done. `progress` is the sentence about the number so far, with `{}` for it.
    """
    total = 0
    while True:
        async with db.transaction(context) as conn:
            done = await work(conn, at_once)
        total += done
        if done < at_once:
            return total
        await report_progress(progress.format(total))


def reported_to(report: Callable[[str], Awaitable[None]]) -> None:
    """Where `report_progress` goes in this task and those it starts."""
    _reporter.set(report)
