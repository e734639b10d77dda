"""What is known of jobs: how many in which state, the newest runs; and putting a failed one back into the queue."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
from procrastinate import App
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from prometheus_client import Gauge
from psycopg_pool import PoolTimeout

from gasolinera.config import Settings
from gasolinera.errors import ConflictError, UnavailableError, UnknownError
from gasolinera.job_queue import check_reachable, make_app
from gasolinera.jobs import Job
from gasolinera.metrics import REGISTRY

_WAITING = Gauge(
    "jobs_waiting", "Jobs that wait for a worker, or for their time.", registry=REGISTRY, multiprocess_mode="mostrecent"
)
_RUNNING = Gauge("jobs_running", "Jobs under way.", registry=REGISTRY, multiprocess_mode="mostrecent")
_FAILED = Gauge("jobs_failed", "Jobs that were given up.", registry=REGISTRY, multiprocess_mode="mostrecent")
_OLDEST = Gauge(
    "jobs_oldest_waiting_seconds",
    "Time since the job that waits longest could have run.",
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)

_STATES = """
SELECT count(*) FILTER (WHERE j.status = 'todo') AS waiting,
       count(*) FILTER (WHERE j.status = 'doing') AS running,
       count(*) FILTER (WHERE j.status = 'succeeded') AS succeeded,
       count(*) FILTER (WHERE j.status = 'failed') AS failed,
       greatest(0, coalesce(extract(epoch FROM now() - min(coalesce(j.scheduled_at, e.at))
                                                 FILTER (WHERE j.status = 'todo')), 0))::float8 AS oldest_waiting_s
  FROM ops_schema.procrastinate_jobs AS j
  LEFT JOIN LATERAL (
      SELECT max(at) AS at FROM ops_schema.procrastinate_events WHERE job_id = j.id AND j.status = 'todo'
  ) AS e ON true
"""
_RECENT = """
SELECT j.id, j.task_name AS name, j.status::text AS state, j.attempts, r.started_at, r.finished_at,
       r.progress, r.result, r.error
  FROM ops_schema.procrastinate_jobs AS j
  LEFT JOIN ops_schema.job_runs AS r ON r.job_id = j.id
 WHERE %(name)s::text IS NULL OR j.task_name = %(name)s
 ORDER BY j.id DESC
 LIMIT %(limit)s
"""
_LATEST = """
SELECT DISTINCT ON (j.task_name) j.id, j.task_name AS name, j.status::text AS state, j.attempts, r.started_at,
       r.finished_at, r.progress, r.result, r.error
  FROM ops_schema.procrastinate_jobs AS j
  LEFT JOIN ops_schema.job_runs AS r ON r.job_id = j.id
 WHERE j.status <> 'todo' OR r.started_at IS NOT NULL
 ORDER BY j.task_name, j.id DESC
"""
_FAILED_RUNS = """
SELECT j.id, j.task_name AS name, j.status::text AS state, j.attempts, r.started_at, r.finished_at,
       r.progress, r.result, r.error
  FROM ops_schema.procrastinate_jobs AS j
  LEFT JOIN ops_schema.job_runs AS r ON r.job_id = j.id
 WHERE j.status = 'failed'
 ORDER BY j.id DESC
 LIMIT %(limit)s
"""
_WORKERS = """
SELECT w.id, w.last_heartbeat, count(j.id) AS running
  FROM ops_schema.procrastinate_workers AS w
  LEFT JOIN ops_schema.procrastinate_jobs AS j ON j.worker_id = w.id AND j.status = 'doing'
 GROUP BY w.id, w.last_heartbeat
 ORDER BY w.id
"""
_SINCE = "SELECT coalesce(min(applied_at), now()) AS at FROM ops_schema.job_library_scripts"
_RETRY = """
UPDATE ops_schema.procrastinate_jobs SET status = 'todo', scheduled_at = now(), attempts = 0, worker_id = NULL
 WHERE id = %(job_id)s AND status = 'failed'
RETURNING id
"""
_STATE_OF = "SELECT status::text AS state FROM ops_schema.procrastinate_jobs WHERE id = %(job_id)s"


class JobStates(msgspec.Struct, frozen=True):
    waiting: int
    running: int
    succeeded: int
    failed: int
    oldest_waiting_s: float


class JobRun(msgspec.Struct, frozen=True):
    """`state`: todo, doing, succeeded, failed, cancelled, aborted. The times are of the newest try."""

    id: int
    name: str
    state: str
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None
    progress: str | None
    result: str | None
    error: str | None


class Worker(msgspec.Struct, frozen=True):
    """A process that runs jobs; one whose last word is old is dead, and its jobs are taken back."""

    id: int
    last_heartbeat: datetime
    running: int


@asynccontextmanager
async def opened_queue(settings: Settings) -> AsyncGenerator[App]:
    """The queue, for looking at it and for asking. Raises UnavailableError `jobs.not_installed` or `jobs.unavailable`,
    ConfigError where no place for jobs is named.
    """
    queue = make_app(settings, [], {})
    try:
        await check_reachable(settings)
        async with queue.open_async():
            await check_installed(queue)
            yield queue
    except (ConnectorException, PoolTimeout) as error:
        hint = "check GASOLINERA_OPS_DATABASE_URL or GASOLINERA_DATABASE_URL"
        raise UnavailableError("jobs.unavailable", "the database of jobs cannot be reached", hint) from error


async def check_installed(app: App) -> None:
    """Raises UnavailableError `jobs.not_installed` when the tables are missing."""
    if not await app.check_connection_async():
        raise UnavailableError("jobs.not_installed", "the tables of jobs are missing", "run gasolinera db init")


async def job_states(app: App) -> JobStates:
    """Counts of the last 30 days; older jobs are removed."""
    row: dict[str, Any] = await app.connector.execute_query_one_async(_STATES)
    return msgspec.convert(row, JobStates)


async def recent_runs(app: App, *, limit: int, name: str | None = None) -> list[JobRun]:
    """The newest jobs first."""
    rows: list[dict[str, Any]] = await app.connector.execute_query_all_async(_RECENT, limit=limit, name=name)
    return [msgspec.convert(row, JobRun) for row in rows]


async def latest_runs(app: App) -> list[JobRun]:
    """Of each job the newest that was begun."""
    rows: list[dict[str, Any]] = await app.connector.execute_query_all_async(_LATEST)
    return [msgspec.convert(row, JobRun) for row in rows]


async def failed_runs(app: App, *, limit: int) -> list[JobRun]:
    """Those that were given up, the newest first."""
    rows: list[dict[str, Any]] = await app.connector.execute_query_all_async(_FAILED_RUNS, limit=limit)
    return [msgspec.convert(row, JobRun) for row in rows]


async def jobs_since(app: App) -> datetime:
    """When the tables of jobs were made."""
    row: dict[str, Any] = await app.connector.execute_query_one_async(_SINCE)
    return msgspec.convert(row["at"], datetime)


async def workers(app: App) -> list[Worker]:
    rows: list[dict[str, Any]] = await app.connector.execute_query_all_async(_WORKERS)
    return [msgspec.convert(row, Worker) for row in rows]


async def ask_for(app: App, job: Job) -> None:
    """A worker runs the job as soon as it can, once however often it is asked for meanwhile.

    Raises ConflictError `jobs.waiting` when it waits already.
    """
    task = app.configure_task(
        job.name, queue=job.service, lock=job.name, queueing_lock=job.name, task_kwargs={"args": {}}
    )
    try:
        await task.defer_async()
    except AlreadyEnqueued:
        raise ConflictError("jobs.waiting", f"{job.name} waits for a worker already") from None


async def retry_job(app: App, job_id: int) -> None:
    """Let a failed job run again. Raises UnknownError, or ConflictError when it has not failed."""
    if await app.connector.execute_query_all_async(_RETRY, job_id=job_id):
        return
    found: list[dict[str, Any]] = await app.connector.execute_query_all_async(_STATE_OF, job_id=job_id)
    if not found:
        raise UnknownError("jobs.unknown", f"there is no job {job_id}", "gasolinera jobs status lists them")
    raise ConflictError("jobs.not_failed", f"job {job_id} is {found[0]['state']}: only a failed one is run again")


async def measure_jobs(app: App) -> None:
    """Set the gauges."""
    states = await job_states(app)
    _WAITING.set(states.waiting)
    _RUNNING.set(states.running)
    _FAILED.set(states.failed)
    _OLDEST.set(states.oldest_waiting_s)
