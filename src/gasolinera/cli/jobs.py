"""`gasolinera jobs`: what there is to do, what was done, and doing it now."""

import asyncio
import sys
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from gasolinera.app import ALL_PARTS
from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.errors import InputError
from gasolinera.job_queue import run_here
from gasolinera.job_reports import JobRun, JobStates, job_states, opened_queue, recent_runs, retry_job
from gasolinera.jobs import Job
from gasolinera.logs import configure_logs
from gasolinera.worker import jobs_of

app = typer.Typer(help="Scheduled and queued work.", no_args_is_help=True)

_MAX_RUNS = 1000

Name = Annotated[str, typer.Argument(help="A name of `gasolinera jobs list`.")]
Arguments = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="What the job is told.")]
Only = Annotated[str | None, typer.Argument(help="Only jobs of this name.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=_MAX_RUNS, help="How many runs, newest first.")]
JobId = Annotated[int, typer.Argument(min=1, help="An id of `gasolinera jobs status`.")]


class ListedJob(msgspec.Struct, frozen=True):
    name: str
    service: str
    schedule: str | None
    summary: str


class Report(msgspec.Struct, frozen=True):
    states: JobStates
    runs: list[JobRun]


@app.command("list")
def list_command(*, as_json: AsJson = False) -> None:
    """List the jobs. Schedules are in UTC."""
    listed = [ListedJob(job.name, job.service, job.schedule, job.summary) for job in jobs_of(ALL_PARTS)]
    if as_json:
        write_json(listed)
        return
    table = _table("Name", "Schedule", "What it does")
    for job in listed:
        table.add_row(job.name, job.schedule or "when asked for", job.summary)
    _show(table)


@app.command("run")
def run_command(name: Name, arguments: Arguments = None, *, as_json: AsJson = False) -> None:
    """Run a job here and now, unless it runs already. If this process is killed, a worker runs it again."""
    job = _job(name)
    given = _pairs(arguments or [])
    with reachable_settings() as settings:
        configure_logs(settings)
        result = asyncio.run(_run(settings, job, given))
    if as_json:
        write_json({"name": name, "result": result})
    else:
        sys.stdout.write(f"{result}\n")


async def _run(settings: Settings, job: Job, arguments: dict[str, str]) -> str:
    async with opened_queue(settings):
        pass  # says what is missing before the job's own pool is opened
    async with open_database(settings, job.service) as db:
        return await run_here(settings, job, db, arguments)


@app.command("status")
def status_command(name: Only = None, *, limit: Limit = 20, as_json: AsJson = False) -> None:
    """Show how many jobs wait, run and failed, and the newest runs with progress, result or error."""
    with reachable_settings() as settings:
        report = asyncio.run(_report(settings, name, limit))
    if as_json:
        write_json(report)
        return
    states = report.states
    sys.stdout.write(
        f"{states.waiting} waiting (oldest {states.oldest_waiting_s:.0f} s), {states.running} running, "
        f"{states.failed} failed, {states.succeeded} succeeded\n"
    )
    table = _table("Id", "Name", "State", "Tries", "Started", "Took", "What")
    for run in report.runs:
        started = "" if run.started_at is None else f"{run.started_at:%Y-%m-%d %H:%M:%S}"
        took = "" if run.started_at is None or run.finished_at is None else f"{run.finished_at - run.started_at}"
        what = run.result or run.error or run.progress or ""
        table.add_row(str(run.id), run.name, run.state, str(run.attempts), started, took[:-4], what)
    _show(table)


async def _report(settings: Settings, name: str | None, limit: int) -> Report:
    async with opened_queue(settings) as queue:
        return Report(await job_states(queue), await recent_runs(queue, limit=limit, name=name))


@app.command("retry")
def retry_command(job_id: JobId, *, as_json: AsJson = False) -> None:
    """Put a failed job back into the queue; a worker runs it."""
    with reachable_settings() as settings:
        asyncio.run(_retry(settings, job_id))
    if as_json:
        write_json({"id": job_id, "state": "todo"})
    else:
        sys.stdout.write(f"job {job_id} waits for a worker\n")


async def _retry(settings: Settings, job_id: int) -> None:
    async with opened_queue(settings) as queue:
        await retry_job(queue, job_id)


def _job(name: str) -> Job:
    found = next((job for job in jobs_of(ALL_PARTS) if job.name == name), None)
    if found is None:
        raise InputError("jobs.unknown", f"there is no job {name}", "gasolinera jobs list names them")
    return found


def _pairs(arguments: list[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not key.isidentifier():
            raise InputError("jobs.argument", f"{argument!r} is not KEY=VALUE")
        if key in given:
            raise InputError("jobs.argument", f"{key} is given twice")
        given[key] = value
    return given


def _table(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _show(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 140).print(table)
