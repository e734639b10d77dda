"""When jobs were last due, and how late they are. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
from croniter import croniter  # pyright: ignore[reportMissingTypeStubs]  # the job library's own; it ships none

from gasolinera.job_reports import JobRun
from gasolinera.jobs import Job

GRACE = timedelta(minutes=10)  # the job library forgets what is later than that


class JobLine(msgspec.Struct, frozen=True, kw_only=True):
    """A job, its newest run, and how late it is: None where it is not, or nobody can say."""

    name: str
    service: str
    schedule: str | None
    is_scheduled: bool
    next_at: datetime | None
    last: JobRun | None
    late_s: float | None


def lines_of(
    jobs: Sequence[Job], scheduled: Mapping[str, bool], runs: Sequence[JobRun], *, since: datetime, now: datetime
) -> list[JobLine]:
    """`since`: from when on there were jobs at all; what would have been due before is not late."""
    latest = {run.name: run for run in runs}
    return [_line(job, latest.get(job.name), is_scheduled=scheduled[job.name], since=since, now=now) for job in jobs]


def _line(job: Job, last: JobRun | None, *, is_scheduled: bool, since: datetime, now: datetime) -> JobLine:
    next_at, late_s = None, None
    if job.schedule is not None and is_scheduled:
        next_at = _tick(job.schedule, now, "get_next")
        due_at = _tick(job.schedule, now - GRACE, "get_prev")
        began = since if last is None or last.started_at is None else last.started_at
        late_s = (now - due_at).total_seconds() if began < due_at else None
    return JobLine(
        name=job.name,
        service=job.service,
        schedule=job.schedule,
        is_scheduled=is_scheduled,
        next_at=next_at,
        last=last,
        late_s=late_s,
    )


def _tick(schedule: str, now: datetime, which: str) -> datetime:
    ticks: Any = croniter(schedule, now.astimezone(UTC))
    return cast("datetime", getattr(ticks, which)(datetime))
