"""What two services say differently, what it comes from and how it is put right."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class Remedy(StrEnum):
    """What puts a difference right. Nothing but events is ever delivered by the machine."""

    EVENT = "EVENT"  # an event says it, and the listener that lacks its effect is given it again
    WAIT = "WAIT"  # the event is on its way: a worker has to run
    LETTER = "LETTER"  # the listener gave the event up
    PLAN = "PLAN"  # people decide, by numbered steps


class Telling(msgspec.Struct, frozen=True):
    """The event that says what a service lacks, and the listener there that would know what to do about it.

    `raffle_code`: of the events about the subject the one that names this raffle.
    """

    publisher: str
    type: str
    subject: str
    service: str
    consumer: str
    raffle_code: str | None = None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """`at`: when the fact that is not the same on both sides came to be. `lacking`: the service that probably lost it.

    `telling`: the event that repairs it, where that is safe. `steps`: what people do otherwise.
    """

    kind: str
    subject: str
    at: datetime
    lacking: str
    explanation: str
    telling: Telling | None = None
    steps: tuple[str, ...] = ()


class Moment(msgspec.Struct, frozen=True):
    """What judging a pair needs to know besides. Facts younger than `horizon` may still be on their way.

    `raffles`: the state of each raffle by its code. `employment_version`: the greatest number under which the station
    service told of an employment.
    """

    horizon: datetime
    raffles: Mapping[str, str] = {}
    employment_version: int = 0


class Fact(msgspec.Struct, frozen=True):
    """A key that one side has, and since when."""

    key: str
    at: datetime


class Comparison(msgspec.Struct, frozen=True):
    """Two services' words about the same things: of each the query `name` in its `reconciling_<service>.sql`, or that
    of the name's first word. `judge` is given the two rows of a key, one of them perhaps None.
    """

    name: str
    left: str
    right: str
    left_row: type[Any]
    right_row: type[Any]
    judge: Callable[[Any, Any, Moment], Difference | None]


class EventsKept(msgspec.Struct, frozen=True):
    """For how long a service surely has what it `published`, and what it `settled`: a day less than the jobs that purge
    events keep them.
    """

    published: timedelta = timedelta(days=13)
    settled: timedelta = timedelta(days=29)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A difference with what it comes from. `first_found_at`: when a comparison found it first, this one not counted.

    `event_id`: of the event that says it, also where it was delivered under another.
    """

    comparison: str
    kind: str
    subject: str
    lacking: str
    since: datetime
    explanation: str
    remedy: Remedy
    steps: tuple[str, ...] = ()
    event_id: UUID | None = None
    delivered_at: datetime | None = None
    first_found_at: datetime | None = None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison that was made. `left_out`: differences beyond those that one run explains. `likely`: what all of
    them together look like. `reason`: why it was not made.
    """

    name: str
    left: str
    right: str
    keys: int = 0
    differences: int = 0
    left_out: int = 0
    likely: tuple[str, ...] = ()
    reason: str | None = None


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """`delivered`: how many events went out again. A second run finds what is left when workers have had them."""

    at: datetime
    is_repair: bool
    grace_s: int
    compared: tuple[Compared, ...]
    findings: tuple[Finding, ...]
    delivered: int

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """What does not settle by itself."""
        return tuple(found for found in self.findings if found.remedy is not Remedy.WAIT)
