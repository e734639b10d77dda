"""What runs beside requests: jobs, the relay of events and their consumers. As many processes as one likes may do it.

Each loop is kept alive by itself: a database that is away stops what needs it, and nothing else.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import structlog
from litestar import Litestar
from procrastinate import App
from procrastinate.exceptions import ConnectorException

from gasolinera.authentication import tokens_of
from gasolinera.calls import open_users
from gasolinera.config import Settings
from gasolinera.coupon_calls import open_coupons
from gasolinera.database import Database, open_database
from gasolinera.errors import ConfigError, unavailable
from gasolinera.event_flow import run_events
from gasolinera.event_upkeep import purge_job
from gasolinera.job_queue import Pace, make_app, take_back
from gasolinera.job_reports import check_installed, measure_jobs
from gasolinera.jobs import Job
from gasolinera.keyring import load_keyring
from gasolinera.partitions import partitions_job
from gasolinera.parts import CouponPoller, Parts
from gasolinera.request_upkeep import request_upkeep_job

_LONGEST_PAUSE_S = 30.0
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Loop = Callable[[asyncio.Event], Awaitable[None]]


def jobs_of(parts: Sequence[Parts]) -> list[Job]:
    """What the services bring, and what each of them needs. Names are unique."""
    jobs = [job for part in parts for job in (*_everywhere(part), *part.jobs)]
    assert len({job.name for job in jobs}) == len(jobs), "two jobs have one name"
    return jobs


def _everywhere(part: Parts) -> tuple[Job, ...]:
    jobs = partitions_job(part.name, part.schema), request_upkeep_job(part.name, part.schema)
    return (*jobs, purge_job(part.name, part.schema)) if part.outbox is not None or part.consumers else jobs


async def run_worker(settings: Settings, parts: Sequence[Parts], services: Sequence[str], stop: asyncio.Event) -> None:
    """Run the loops of these services, with pools of their own, until `stop`. `parts` are the whole platform's.

    Raises ConfigError when events would be lost.
    """
    async with AsyncExitStack() as stack:
        databases = {name: await stack.enter_async_context(open_database(settings, name)) for name in services}
        await run_loops(settings, parts, databases, stop)


async def run_loops(
    settings: Settings, parts: Sequence[Parts], databases: Mapping[str, Database], stop: asyncio.Event
) -> None:
    """Run what the services of `databases` need until `stop`; what is under way then has the settings' grace to end."""
    try:
        async with asyncio.TaskGroup() as group:
            for name, loop in _loops(settings, parts, databases):
                group.create_task(_kept_alive(name, loop, stop))
    except ExceptionGroup as error:
        raise error.exceptions[0] from None  # only what nobody can wait for gets here, and ends all


def _loops(settings: Settings, parts: Sequence[Parts], databases: Mapping[str, Database]) -> list[tuple[str, Loop]]:
    nats_url = None if settings.nats_url is None else settings.nats_url.get_secret_value()
    loops: list[tuple[str, Loop]] = [("events", lambda stop: run_events(databases, parts, stop, nats_url=nats_url))]
    loops += [
        (poller.name, partial(poller.run, settings, databases[part.name]))
        for part in parts
        if part.name in databases
        for poller in part.pollers
    ]
    loops += [
        (poller.name, partial(_with_coupons, settings, parts, databases, databases[part.name], poller))
        for part in parts
        if part.name in databases
        for poller in part.coupon_pollers
    ]
    if settings.jobs_url() is None:
        _log.warning("jobs_off", reason="no database is named for jobs")
    else:
        jobs = jobs_of([part for part in parts if part.name in databases])
        loops.append(("jobs", lambda stop: work_jobs(settings, jobs, databases, stop)))
    return loops


async def _with_coupons(
    settings: Settings,
    parts: Sequence[Parts],
    databases: Mapping[str, Database],
    db: Database,
    poller: CouponPoller,
    stop: asyncio.Event,
) -> None:
    keyring = load_keyring(settings)
    desk = next((part.coupon_desk for part in parts if part.coupon_desk is not None), None)
    people = ((databases[part.name], part.find_user) for part in parts if part.find_user and part.name in databases)
    tokens = tokens_of(keyring, db.service)
    async with (
        open_coupons(settings, databases, desk, keyring, tokens) as coupons,
        open_users(next(people, None), settings.auth_url, tokens) as users,
    ):
        await poller.run(db, coupons, users, stop)


def beside_requests(
    settings: Settings, parts: Sequence[Parts]
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """A lifespan of the application: the loops run in its process, over its pools."""

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncGenerator[None]:
        stop = asyncio.Event()
        databases: Mapping[str, Database] = app.state["databases"]
        loops = asyncio.create_task(run_loops(settings, parts, databases, stop))
        try:
            yield
        finally:
            stop.set()
            await loops

    return running


async def _kept_alive(name: str, loop: Loop, stop: asyncio.Event) -> None:
    pause_s = 0.5
    while not stop.is_set():
        started = asyncio.get_running_loop().time()
        try:
            await loop(stop)
        except ConfigError:
            raise
        except ConnectorException as error:
            _log.warning("loop_delayed", loop=name, reason="jobs.unavailable", error=type(error.__cause__).__name__)
        except Exception as error:
            trouble = unavailable(error)
            if trouble is None:
                _log.exception("loop_failed", loop=name)
            else:
                _log.warning("loop_delayed", loop=name, reason=trouble.code)
        if stop.is_set():
            return
        ran_s = asyncio.get_running_loop().time() - started
        pause_s = 0.5 if ran_s > _LONGEST_PAUSE_S else min(2 * pause_s, _LONGEST_PAUSE_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s * random.uniform(0.5, 1.0))  # noqa: S311


async def work_jobs(
    settings: Settings,
    jobs: Sequence[Job],
    databases: Mapping[str, Database],
    stop: asyncio.Event,
    pace: Pace | None = None,
) -> None:
    """Defer what is due and work the queues of these services until `stop`, or until the connection is lost.

    Raises UnavailableError `jobs.not_installed`. What still runs when the grace is over is put back into the queue.
    """
    pace = pace or Pace()
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    logging.getLogger("procrastinate.worker").addFilter(_without_outcomes)
    app = make_app(settings, jobs, databases)
    async with app.open_async():
        await check_installed(app)
        working = asyncio.create_task(
            app.run_worker_async(
                queues=sorted({job.service for job in jobs} | {"ops"}),
                concurrency=pace.concurrency,
                fetch_job_polling_interval=pace.poll_s,
                update_heartbeat_interval=pace.heartbeat_s,
                stalled_worker_timeout=pace.silent_s,
                shutdown_graceful_timeout=settings.shutdown_grace_s,
                install_signal_handlers=False,
            )
        )
        looking_after = asyncio.create_task(_look_after(app, pace))
        asked = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, looking_after, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            looking_after.cancel()
            working.cancel()  # its way to stop gracefully
            results = await asyncio.gather(working, looking_after, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result


async def _look_after(app: App, pace: Pace) -> None:
    """What the library leaves to its users: jobs whose worker died; and what is measured."""
    while True:
        lost = await take_back(app, pace.silent_s)
        if lost:
            _log.warning("jobs_taken_back", count=len(lost))
        await measure_jobs(app)
        await asyncio.sleep(pace.poll_s)


def _without_outcomes(record: logging.LogRecord) -> bool:
    """The library tells of each job with its arguments; we tell of it without."""
    return not str(getattr(record, "action", "")).startswith("job_")
