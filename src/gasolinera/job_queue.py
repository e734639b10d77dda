"""The queue of jobs in PostgreSQL: the library's application made of our jobs, one run of a job, and what is waiting.

The library (procrastinate) defers each tick once, locks a job's name, and tells dead workers by their heartbeat.
`ops_schema.job_runs` keeps what it does not: progress, result, error.
"""

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec
import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job as QueuedJob
from procrastinate.retry import BaseRetryStrategy
from procrastinate.tasks import Task

from gasolinera.config import PREFIX, Settings
from gasolinera.database import Database
from gasolinera.errors import ConfigError, ConflictError, GasolineraError, InputError, UnknownError
from gasolinera.job_holds import held_rules
from gasolinera.jobs import Job, reported_to
from gasolinera.metrics import count_job

SCHEMA = "ops_schema"
_KEPT_HOURS = 30 * 24
_TRIES = 5
_FIRST_WAIT_S = 5.0
_MAX_CONNECTIONS = 4
_APPLICATION = "gasolinera-jobs"
_CONNECT_TIMEOUT_S = 5
_PROGRESS_EVERY_S = 0.5
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# The lock against a second waiting tick has done its work once the job runs; kept, it would stop a later retry.
_BEGIN = """
WITH freed AS (
    UPDATE ops_schema.procrastinate_jobs SET queueing_lock = NULL WHERE id = %(job_id)s AND queueing_lock IS NOT NULL
)
INSERT INTO ops_schema.job_runs AS r (job_id) VALUES (%(job_id)s)
ON CONFLICT (job_id) DO UPDATE
   SET started_at = now(), finished_at = NULL, progress = NULL, result = NULL, error = NULL
"""
_PROGRESS = "UPDATE ops_schema.job_runs SET progress = left(%(progress)s, 500) WHERE job_id = %(job_id)s"
_END = """
UPDATE ops_schema.job_runs
   SET finished_at = clock_timestamp(), result = left(%(result)s, 2000), error = left(%(error)s, 500)
 WHERE job_id = %(job_id)s
"""
# One statement: two workers that look at the same moment must not both take a job back. A job that kills its worker
# each time ends as failed.
_TAKE_BACK = """
WITH lost AS (
    SELECT j.id
      FROM ops_schema.procrastinate_jobs AS j
      LEFT JOIN ops_schema.procrastinate_workers AS w ON w.id = j.worker_id
     WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => %(silent_s)s))
       FOR UPDATE OF j SKIP LOCKED
)
UPDATE ops_schema.procrastinate_jobs AS j
   SET status = (CASE WHEN j.attempts + 1 >= %(tries)s THEN 'failed' ELSE 'todo' END)
                ::ops_schema.procrastinate_job_status,
       attempts = j.attempts + 1, scheduled_at = now(), worker_id = NULL, queueing_lock = NULL, abort_requested = false
  FROM lost
 WHERE j.id = lost.id
RETURNING j.id
"""
# As running at once, under the lock of the name: waiting, it would hold others back if we die.
_BEGIN_HERE = """
INSERT INTO ops_schema.procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id)
VALUES (%(queue)s, %(name)s::text, %(name)s::text, %(args)s::jsonb, 'doing', %(worker_id)s)
RETURNING id
"""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that was silent for `silent_s` is taken for dead, and its jobs are run again by another."""

    heartbeat_s: float = 5.0
    silent_s: float = 30.0
    poll_s: float = 5.0
    concurrency: int = 4


class _Retry(BaseRetryStrategy):
    """Again after 5, 20, 80 and 320 seconds, unless what is wrong cannot become right by waiting."""

    def get_retry_decision(self, *, exception: BaseException, job: QueuedJob) -> RetryDecision | None:
        if isinstance(exception, InputError | UnknownError | ConfigError) or job.attempts + 1 >= _TRIES:
            return None
        if not isinstance(exception, Exception):  # our own process stops: another may go on at once
            return RetryDecision(retry_in={"seconds": 0})
        wait_s = _FIRST_WAIT_S * 4**job.attempts * random.uniform(0.8, 1.2)  # noqa: S311
        return RetryDecision(retry_in={"seconds": round(wait_s)})


def jobs_place(settings: Settings) -> tuple[str, str]:
    """The address of the queue, and the options of its connections. Raises ConfigError without an address.

    Transaction poolers do not do here: workers LISTEN, and the options belong to the session.
    """
    place = settings.jobs_url()
    if place is None:
        hint = f"set {PREFIX}OPS_DATABASE_URL, or {PREFIX}DATABASE_URL"
        raise ConfigError("config.no_database", "no database is named for jobs", hint)
    url, role = place
    return url, f"-c search_path={SCHEMA} -c timezone=UTC" + (f" -c role={role}" if role else "")


async def check_reachable(settings: Settings) -> None:
    """Raises ConnectorException within seconds: a pool goes on trying for longer than somebody who waits likes to."""
    url, options = jobs_place(settings)
    try:
        conn = await psycopg.AsyncConnection.connect(
            url, options=options, application_name=_APPLICATION, connect_timeout=_CONNECT_TIMEOUT_S
        )
    except psycopg.OperationalError as error:
        raise ConnectorException from error
    await conn.close()


def make_app(settings: Settings, jobs: Sequence[Job], databases: Mapping[str, Database]) -> App:
    """The library's application with these jobs. Opens nothing. Raises ConfigError without an address."""
    url, options = jobs_place(settings)
    connector = PsycopgConnector(
        conninfo=url,
        min_size=1,
        max_size=_MAX_CONNECTIONS,
        timeout=5.0,
        kwargs={"options": options, "application_name": _APPLICATION},
    )
    app = App(connector=connector)
    for job in jobs:
        _add(app, job, databases[job.service], settings)

    @app.periodic(cron="41 3 * * *", periodic_id="schedule")
    @app.task(name="ops.remove_old_jobs", queue="ops", lock="ops.remove_old_jobs", pass_context=True)
    async def _remove_old(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  the library hands the tick over
        await context.app.job_manager.delete_old_jobs(
            _KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
        )

    return app


def _add(app: App, job: Job, db: Database, settings: Settings) -> None:
    defaults = job.defaults_of(settings)

    async def run(context: JobContext, timestamp: int = 0, **given: dict[str, str]) -> str:  # noqa: ARG001  the tick
        assert context.job.id is not None
        return await _run(app, job, db, job_id=context.job.id, arguments={**defaults, **given.get("args", {})})

    task: Task[..., Any, ...] = app.task(
        name=job.name, queue=job.service, lock=job.name, pass_context=True, retry=_Retry()
    )(run)
    if job.schedule is not None and job.is_scheduled(settings):
        app.periodic(cron=job.schedule, periodic_id="schedule", queueing_lock=job.name)(task)


async def _run(app: App, job: Job, db: Database, *, job_id: int, arguments: Mapping[str, str]) -> str:
    """One run, recorded and measured. Raises what the job raises; the library decides about trying again."""
    reported_at = 0.0

    async def report(sentence: str) -> None:
        nonlocal reported_at
        if time.monotonic() - reported_at >= _PROGRESS_EVERY_S:
            reported_at = time.monotonic()
            await app.connector.execute_query_async(_PROGRESS, job_id=job_id, progress=sentence)

    log = _log.bind(job=job.name, job_id=job_id)
    await app.connector.execute_query_async(_BEGIN, job_id=job_id)
    reported_to(report)
    started = time.monotonic()
    try:
        async with asyncio.timeout(job.limit_s):
            held = await held_rules(app, job.name)
            result = f"rests: {held} on hold" if held else await job.run(db, arguments)
    except BaseException as failure:
        error = _told(failure)
        count_job(job.name, succeeded=False, seconds=time.monotonic() - started)
        log.log(logging.ERROR if isinstance(failure, Exception) else logging.INFO, "job_failed", reason=error)
        await asyncio.shield(app.connector.execute_query_async(_END, job_id=job_id, result=None, error=error))
        raise
    await asyncio.shield(app.connector.execute_query_async(_END, job_id=job_id, result=result, error=None))
    count_job(job.name, succeeded=True, seconds=time.monotonic() - started)
    log.info("job_done", duration_ms=round(1000 * (time.monotonic() - started)), result=result)
    return result


def _told(failure: BaseException) -> str:
    """What may be kept for all to see: an error of the database may quote a row."""
    if not isinstance(failure, Exception):
        return "interrupted"
    if isinstance(failure, GasolineraError):
        return f"{failure.code}: {failure.message}"
    if isinstance(failure, asyncpg.PostgresError | psycopg.Error):
        return f"{type(failure).__name__} {failure.sqlstate}"
    return type(failure).__name__


async def take_back(app: App, silent_s: float) -> list[int]:
    """Put the jobs of dead workers back into the queue; gives their ids."""
    rows: list[dict[str, Any]] = await app.connector.execute_query_all_async(
        _TAKE_BACK, silent_s=silent_s, tries=_TRIES
    )
    return [row["id"] for row in rows]


async def run_here(
    settings: Settings, job: Job, db: Database, arguments: Mapping[str, str], pace: Pace | None = None
) -> str:
    """Run a job in this process, now, under the lock that workers take; gives what it did.

    Raises ConflictError `jobs.running` when it runs already, and what the job raises. If this process dies, a worker
    runs the job again.
    """
    pace = pace or Pace()
    app = make_app(settings, [job], {job.service: db})
    async with app.open_async():
        worker_id = await app.job_manager.register_worker()
        beating = asyncio.create_task(_beat(app, worker_id, pace.heartbeat_s))
        try:
            arguments = {**job.defaults_of(settings), **arguments}
            job_id = await _begin_here(app, job, arguments, worker_id)
            outcome = "failed"
            try:
                result = await _run(app, job, db, job_id=job_id, arguments=arguments)
                outcome = "succeeded"
            finally:
                await asyncio.shield(_finish(app, job_id, outcome))
            return result
        finally:
            beating.cancel()
            await asyncio.shield(app.job_manager.unregister_worker(worker_id))


async def _begin_here(app: App, job: Job, arguments: Mapping[str, str], worker_id: int) -> int:
    args = msgspec.json.encode({"args": dict(arguments)}).decode()
    try:
        row: dict[str, Any] = await app.connector.execute_query_one_async(
            _BEGIN_HERE, queue=job.service, name=job.name, args=args, worker_id=worker_id
        )
    except UniqueViolation:
        hint = "wait for its end: gasolinera jobs status"
        raise ConflictError("jobs.running", f"{job.name} runs already", hint) from None
    return int(row["id"])


async def _finish(app: App, job_id: int, outcome: str) -> None:
    await app.connector.execute_query_async(
        "SELECT ops_schema.procrastinate_finish_job_v1(%(job_id)s, %(outcome)s, false)", job_id=job_id, outcome=outcome
    )


async def _beat(app: App, worker_id: int, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await app.job_manager.update_heartbeat(worker_id)
