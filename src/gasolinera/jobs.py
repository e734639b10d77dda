"""Work that is not part of a request: what a job is. Scheduled or asked for, each may run again without harm."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from gasolinera.database import Database


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`run` gets the service's database and text arguments, and says in a sentence what it did.

    `schedule` is a cron expression in UTC; None: only when asked for. One of a name runs at a time.
    """

    name: str
    service: str
    summary: str
    run: Callable[[Database, Mapping[str, str]], Awaitable[str]]
    schedule: str | None = None
