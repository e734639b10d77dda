"""Jobs on real queues: once a tick for all workers, one of a name at a time, found again when their worker dies."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from procrastinate.schema import SchemaManager

from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.errors import ConfigError, ConflictError, InputError, UnavailableError
from gasolinera.job_queue import Pace, make_app, run_here, take_back
from gasolinera.job_reports import job_states, recent_runs, retry_job
from gasolinera.jobs import Job, report_progress
from gasolinera.ops import jobs_schema
from gasolinera.partitions import partitions_job
from gasolinera.worker import work_jobs
from tests.conftest import project_at
from vuelo.embedded import Server

FAST = Pace(heartbeat_s=0.2, silent_s=1.0, poll_s=0.1)
Run = Callable[[Database, Mapping[str, str]], Awaitable[str]]


@pytest.fixture
def queue(server: Server, database: str) -> str:
    """The test's database with the tables of jobs; its address."""
    jobs_schema.install(server.url(database))
    return server.url(database)


@pytest.fixture
def rows(queue: str) -> Generator[Callable[[str], list[Any]]]:
    with psycopg.connect(queue, autocommit=True) as conn:
        yield lambda statement: conn.execute(statement.encode()).fetchall()


def job(run: Run, name: str = "station.test", schedule: str | None = None) -> Job:
    return Job(name=name, service="station", summary="A test.", run=run, schedule=schedule)


async def done(_db: Database, _arguments: Mapping[str, str]) -> str:
    return "done"


async def until(condition: Callable[[], bool], within_s: float = 15.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  the condition is the database's
            await asyncio.sleep(0.05)


@asynccontextmanager
async def working(settings: Settings, *jobs: Job, pace: Pace = FAST, workers: int = 1) -> AsyncGenerator[None]:
    stop = asyncio.Event()
    async with open_database(settings, "station") as db:
        loops = [asyncio.create_task(work_jobs(settings, jobs, {"station": db}, stop, pace)) for _ in range(workers)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*loops)


async def defer(settings: Settings, wanted: Job, **arguments: str) -> int:
    async with open_database(settings, "station") as db:
        app = make_app(settings, [wanted], {"station": db})
        async with app.open_async():
            return await app.configure_task(
                wanted.name, queue="station", lock=wanted.name, task_kwargs={"args": dict(arguments)}
            ).defer_async()


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


def test_installing_again_changes_nothing_and_everything_belongs_to_ops(
    queue: str, rows: Callable[[str], list[Any]]
) -> None:
    assert jobs_schema.install(queue) == []
    owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'ops_schema'::regnamespace"
    assert rows(owners) == [("ops",)]


def test_an_older_version_of_the_library_is_brought_up_to_date(server: Server, queue: str) -> None:
    folder = Path(SchemaManager.get_migrations_path())
    scripts = sorted(folder.glob("*.sql"))
    older = [script for script in scripts if script.name < "03.04"]
    with psycopg.connect(queue, autocommit=True) as conn:
        whole = functions_of(conn)
        conn.execute("DROP SCHEMA ops_schema CASCADE")
        conn.execute("CREATE SCHEMA ops_schema AUTHORIZATION ops")
        conn.execute("SET ROLE ops")
        conn.execute("SET search_path = ops_schema")
        conn.execute("CREATE TABLE job_library_scripts (script text PRIMARY KEY, applied_at timestamptz DEFAULT now())")
        for script in older:
            conn.execute(script.read_bytes())
            conn.execute("INSERT INTO job_library_scripts (script) VALUES (%s)", (script.name,))
    assert jobs_schema.install(queue) == [script.name for script in scripts if script not in older]
    with psycopg.connect(queue) as conn:
        assert whole <= functions_of(conn)


def functions_of(conn: psycopg.Connection[Any]) -> set[str]:
    found = conn.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'ops_schema'::regnamespace").fetchall()
    return {name for (name,) in found}


def test_the_address_of_jobs_is_the_common_one_or_the_one_that_was_said(server: Server, database: str) -> None:
    project = project_at(server.url(database), "test")
    assert jobs_schema.jobs_address(project, None) == project.services[0].url
    assert jobs_schema.jobs_address(project, server.dsn(database, "ops")) == project.services[0].url
    assert jobs_schema.jobs_address(project, server.dsn("elsewhere", "ops")) == server.dsn("elsewhere", "ops")


def test_a_job_that_is_asked_for_runs_and_its_result_can_be_read(
    settings: Settings, queue: str, rows: Callable[[str], list[Any]]
) -> None:
    async def greet(db: Database, arguments: Mapping[str, str]) -> str:
        async with db.connection() as conn:
            role = await conn.fetchval("SELECT current_user::text")
        return f"{role} greets {arguments['whom']}"

    async def journey() -> None:
        greeting = job(greet)
        await defer(settings, greeting, whom="a driver")
        async with working(settings, greeting):
            await until(lambda: rows("SELECT FROM ops_schema.job_runs WHERE finished_at IS NOT NULL") != [])

    run(journey())
    assert rows("SELECT result, error FROM ops_schema.job_runs") == [("station_app greets a driver", None)]
    assert rows("SELECT status::text FROM ops_schema.procrastinate_jobs") == [("succeeded",)]


def test_three_workers_defer_a_tick_once_and_run_it_once(
    settings: Settings, queue: str, rows: Callable[[str], list[Any]]
) -> None:
    runs: list[int] = []

    async def tick(_db: Database, _arguments: Mapping[str, str]) -> str:
        runs.append(1)
        return "ticked"

    async def journey() -> None:
        async with working(settings, job(tick, schedule="* * * * * */1"), workers=3):
            await until(lambda: len(runs) >= 3)

    run(journey())
    (deferred,) = rows("SELECT count(*) FROM ops_schema.procrastinate_jobs WHERE task_name = 'station.test'")
    assert deferred[0] - 1 <= len(runs) <= deferred[0]
    ticks = "SELECT count(*), count(DISTINCT args->>'timestamp') FROM ops_schema.procrastinate_jobs"
    (counted,) = rows(f"{ticks} WHERE task_name = 'station.test'")
    assert counted[0] == counted[1]


def test_one_of_a_name_runs_at_a_time(settings: Settings, queue: str, rows: Callable[[str], list[Any]]) -> None:
    running, most = 0, 0

    async def slow(_db: Database, _arguments: Mapping[str, str]) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return "slept"

    async def journey() -> None:
        for _ in range(6):
            await defer(settings, job(slow))
        async with working(settings, job(slow), workers=3):
            await until(lambda: rows("SELECT FROM ops_schema.procrastinate_jobs WHERE status <> 'succeeded'") == [])

    run(journey())
    assert most == 1


def test_while_a_job_runs_here_nobody_else_runs_it_and_its_progress_can_be_read(
    settings: Settings, queue: str, rows: Callable[[str], list[Any]]
) -> None:
    async def journey() -> None:
        may_end = asyncio.Event()

        async def waiting(_db: Database, _arguments: Mapping[str, str]) -> str:
            await report_progress("half of it")
            await may_end.wait()
            return "all of it"

        async with open_database(settings, "station") as db:
            first = asyncio.create_task(run_here(settings, job(waiting), db, {}, FAST))
            await until(lambda: rows("SELECT progress FROM ops_schema.job_runs") == [("half of it",)])
            with pytest.raises(ConflictError) as caught:
                await run_here(settings, job(waiting), db, {}, FAST)
            assert caught.value.code == "jobs.running"
            may_end.set()
            assert await first == "all of it"
            assert await run_here(settings, job(done), db, {}, FAST) == "done"

    run(journey())
    assert rows("SELECT FROM ops_schema.procrastinate_workers") == []


def test_a_failed_job_says_why_without_quoting_rows_and_can_be_run_again(
    settings: Settings, queue: str, rows: Callable[[str], list[Any]]
) -> None:
    async def fails(_db: Database, arguments: Mapping[str, str]) -> str:
        raise InputError("test.wrong", "the argument is wrong")

    async def breaks(db: Database, _arguments: Mapping[str, str]) -> str:
        async with db.connection() as conn:
            await conn.execute("INSERT INTO station_schema.stations (station_code) VALUES ('+50688887777')")
        return "never"

    async def journey() -> None:
        async with open_database(settings, "station") as db:
            with pytest.raises(InputError):
                await run_here(settings, job(fails), db, {}, FAST)
            with pytest.raises(Exception, match="null value"):
                await run_here(settings, job(breaks, "station.breaks"), db, {}, FAST)
            app = make_app(settings, [], {})
            async with app.open_async():
                newest, oldest = await recent_runs(app, limit=5)
                assert (oldest.state, oldest.error) == ("failed", "test.wrong: the argument is wrong")
                assert (newest.state, newest.error) == ("failed", "NotNullViolationError 23502")
                await retry_job(app, oldest.id)
                states = await job_states(app)
                assert (states.waiting, states.failed) == (1, 1)
                with pytest.raises(ConflictError):
                    await retry_job(app, oldest.id)
            async with working(settings, job(done)):
                await until(lambda: rows("SELECT FROM ops_schema.procrastinate_jobs WHERE status = 'succeeded'") != [])

    run(journey())


def test_a_job_that_fails_waits_and_is_tried_again(
    settings: Settings, queue: str, rows: Callable[[str], list[Any]]
) -> None:
    async def fails(_db: Database, _arguments: Mapping[str, str]) -> str:
        raise RuntimeError

    async def journey() -> None:
        await defer(settings, job(fails))
        async with working(settings, job(fails)):
            await until(lambda: rows("SELECT FROM ops_schema.procrastinate_jobs WHERE attempts = 1") != [])

    run(journey())
    waits = "SELECT status::text, scheduled_at - now() BETWEEN '2 s' AND '6 s' FROM ops_schema.procrastinate_jobs"
    assert rows(waits) == [("todo", True)]


def test_a_stopping_worker_gives_its_job_time_and_then_puts_it_back(
    settings: Settings, queue: str, rows: Callable[[str], list[Any]]
) -> None:
    async def endless(_db: Database, _arguments: Mapping[str, str]) -> str:
        await asyncio.sleep(60)
        return "never"

    async def journey() -> None:
        hasty = settings.model_copy(update={"shutdown_grace_s": 1})
        await defer(settings, job(endless))
        async with working(hasty, job(endless)):
            await until(lambda: rows("SELECT FROM ops_schema.job_runs") != [])

    run(journey())
    assert rows("SELECT status::text, attempts FROM ops_schema.procrastinate_jobs") == [("todo", 1)]
    assert rows("SELECT error FROM ops_schema.job_runs") == [("interrupted",)]


DIES = """
import asyncio, sys
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.job_queue import Pace, run_here
from gasolinera.jobs import Job

async def main():
    settings = Settings.model_validate_json(sys.argv[1])
    async def run(db, arguments):
        print("running", flush=True)
        await asyncio.sleep(60)
    async with open_database(settings, "station") as db:
        job = Job(name="station.test", service="station", summary="A test.", run=run)
        await run_here(settings, job, db, {}, Pace(heartbeat_s=0.2))

asyncio.run(main())
"""


def test_the_job_of_a_killed_process_is_found_and_run_again(
    settings: Settings, queue: str, database_url: str, rows: Callable[[str], list[Any]]
) -> None:
    given = f'{{"environment": "test", "database_url": "{database_url}"}}'
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
    with subprocess.Popen([sys.executable, "-c", DIES, given], stdout=subprocess.PIPE, text=True, env=environ) as dying:
        assert dying.stdout is not None
        assert dying.stdout.readline() == "running\n"
        dying.send_signal(signal.SIGKILL)

    async def journey() -> None:
        async with working(settings, job(done)):
            await until(lambda: rows("SELECT FROM ops_schema.procrastinate_jobs WHERE status = 'succeeded'") != [])

    run(journey())
    assert rows("SELECT result FROM ops_schema.job_runs") == [("done",)]


def test_a_job_that_kills_its_worker_each_time_is_given_up(
    settings: Settings, queue: str, rows: Callable[[str], list[Any]]
) -> None:
    async def journey() -> None:
        app = make_app(settings, [], {})
        async with app.open_async():
            await app.connector.execute_query_async(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('station', 'x', 'doing')"
            )
            for _ in range(5):
                both = await asyncio.gather(take_back(app, 1.0), take_back(app, 1.0))
                assert sorted(map(len, both)) == [0, 1], "only one of two takes it back"
                await app.connector.execute_query_async(
                    "UPDATE procrastinate_jobs SET status = 'doing' WHERE status = 'todo'"
                )

    run(journey())
    assert rows("SELECT status::text, attempts FROM ops_schema.procrastinate_jobs") == [("failed", 5)]


def test_without_tables_or_address_it_says_what_to_do(settings: Settings, database: str) -> None:
    async def journey(given: Settings) -> None:
        async with working(given, job(done)):
            await asyncio.sleep(1)

    with pytest.raises(UnavailableError) as missing:
        run(journey(settings))
    assert missing.value.hint == "run gasolinera db init"
    with pytest.raises(ConfigError):
        run(journey(settings.model_copy(update={"database_url": None})))


@pytest.mark.parametrize("arguments", [["status"], ["run", "station.ensure_partitions"]])
@pytest.mark.parametrize("is_there", [True, False], ids=["silent", "nobody"])
def test_a_database_that_does_not_answer_is_told_within_seconds(
    arguments: list[str], is_there: bool, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if not is_there:
            silent.close()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
        ended = subprocess.run(
            [sys.executable, "-c", "from gasolinera.cli.main import main; main()", "jobs", *arguments],
            env={**kept, "GASOLINERA_DATABASE_URL": f"postgresql://x@127.0.0.1:{port}/x"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    assert ended.returncode == 1
    assert "error: the database of jobs cannot be reached\n" in ended.stderr


def test_partitions_are_made_ahead(settings: Settings, queue: str, rows: Callable[[str], list[Any]]) -> None:
    async def journey() -> str:
        async with open_database(settings, "station") as db:
            return await run_here(settings, partitions_job("station", "station_schema"), db, {}, FAST)

    assert run(journey()) == "0 partitions made"
