"""Jobs, events that were given up, and how far events are behind: for who runs the platform."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import asyncpg
import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.authentication import requires
from gasolinera.config import Settings
from gasolinera.database import Database
from gasolinera.dead_letters import DeadLetter, LettersWanted, Replay, find_dead_letters, get_dead_letter, replay
from gasolinera.errors import GasolineraError, UnknownError
from gasolinera.event_upkeep import Lag, read_lag
from gasolinera.inbox import Inbox
from gasolinera.job_reports import (
    JobRun,
    JobStates,
    Worker,
    ask_for,
    failed_runs,
    job_states,
    jobs_since,
    latest_runs,
    opened_queue,
    recent_runs,
    retry_job,
    workers,
)
from gasolinera.jobs import Job
from gasolinera.ops.schedules import JobLine, lines_of
from gasolinera.parts import Parts
from gasolinera.permissions import Permission
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import refused, words_of
from gasolinera.web.sheets import csv_page
from gasolinera.wording import load_wording
from gasolinera.worker import jobs_of

WORDING: Final = load_wording("gasolinera.ops", "system")
_LOOK: Final = [requires(Permission.JOBS_RUN, second_factor=True)]
_RUN: Final = [requires(Permission.JOBS_RUN, second_factor=True, fresh=True)]
_READ_LETTERS: Final = [requires(Permission.EVENTS_REPLAY, second_factor=True)]
_REPLAY: Final = [requires(Permission.EVENTS_REPLAY, second_factor=True, fresh=True)]
_RUNS_SHOWN: Final = 50
_FAILED_SHOWN: Final = 20
_LETTERS: Final = 50
_CSV_LETTERS: Final = 500
_SILENT_S: Final = 30.0
Said = Annotated[str, QueryParameter(max_length=40, pattern=r"^[a-z-]*$(?!\n)")]
_Name = Annotated[str, PathParameter(max_length=100)]
_Service = Annotated[str, PathParameter(max_length=20)]
_Letter = Annotated[int, PathParameter(ge=1, le=2**62)]
_Words = Annotated[str, QueryParameter(max_length=60)]
_Sort = Annotated[str, QueryParameter(max_length=3, pattern=r"^(-?id)?$(?!\n)")]
_After = Annotated[int, QueryParameter(ge=0, le=2**62)]


class ServiceLag(msgspec.Struct, frozen=True):
    """`lag` None: its database cannot be asked."""

    service: str
    lag: Lag | None


class ShownWorker(msgspec.Struct, frozen=True):
    worker: Worker
    is_alive: bool


class Queue(msgspec.Struct, frozen=True):
    """What is known of jobs; `reason` is the code of the error where nothing is."""

    states: JobStates | None
    lines: tuple[JobLine, ...]
    failed: tuple[JobRun, ...]
    workers: tuple[ShownWorker, ...]
    reason: str | None = None


class RetryForm(msgspec.Struct, frozen=True, kw_only=True):
    job_id: Annotated[int, msgspec.Meta(ge=1, le=2**62)]


@get("/office/system", guards=_LOOK, include_in_schema=False)
async def system_page(
    request: Request[Any, Any, Any],
    state: State,
    q: _Words = "",
    service: _Words = "",
    said: Said = "",  # noqa: ARG001  shown
) -> Template:
    parts, databases = _parts(state), _databases(state)
    jobs = [
        job
        for job in jobs_of([part for part in parts if part.name in databases])
        if q.lower() in job.name and service in ("", job.service)
    ]
    queue = await _queue(state["settings"], jobs)
    values = {
        "queue": queue,
        "lags": [await _lag(part, databases) for part in parts if part.name in databases],
        "services": [(name, _words(request, f"service-{name}")) for name in databases],
    }
    return page(request, "ops/system.html", values, wording=WORDING)


@get("/office/system/jobs/{name:str}", guards=_LOOK, include_in_schema=False)
async def job_page(request: Request[Any, Any, Any], state: State, name: _Name, said: Said = "") -> Template:  # noqa: ARG001
    job, settings = _job(state, name), state["settings"]
    async with opened_queue(settings) as queue:
        runs = await recent_runs(queue, limit=_RUNS_SHOWN, name=job.name)
    values = {
        "about": job_words(request, job.name),
        "job": job,
        "is_scheduled": job.is_scheduled(settings),
        "runs": runs,
    }
    return page(request, "ops/job.html", values, wording=WORDING)


@post("/office/system/jobs/{name:str}/run", guards=_RUN, include_in_schema=False, status_code=303)
async def run_page(request: Request[Any, Any, Any], state: State, name: _Name) -> Template | Redirect:
    """A worker runs it as soon as it can: once, however often that is asked for meanwhile."""
    job = _job(state, name)
    form = await read_form(request)
    back = f"/office/system/jobs/{job.name}"
    if not is_confirmed(form):
        question = Question(
            title=_words(request, "run-ask", job=job_words(request, job.name)),
            text=_words(request, "run-text"),
            yes=_words(request, "run"),
            back=back,
            is_danger=False,
        )
        return confirm_page(request, question, {})

    async def ask() -> None:
        async with opened_queue(state["settings"]) as queue:
            await ask_for(queue, job)

    error = await refused(request, ask())
    said = "job-asked" if error is None else "job-waiting"
    return Redirect(f"{back}?said={said}", status_code=303)


@post("/office/system/jobs/retry", guards=_RUN, include_in_schema=False, status_code=303)
async def retry_page(request: Request[Any, Any, Any], state: State) -> Redirect:
    """A run that was given up waits for a worker again; one that has not failed is left alone."""
    parsed = (await read_form(request)).parsed(RetryForm)
    if parsed is None:
        return Redirect("/office/system", status_code=303)

    async def again() -> None:
        async with opened_queue(state["settings"]) as queue:
            await retry_job(queue, parsed.job_id)

    error = await refused(request, again())
    said = "job-retried" if error is None else "job-not-failed"
    return Redirect(f"/office/system?said={said}", status_code=303)


@get("/office/system/dead-letters/{service:str}", guards=_READ_LETTERS, include_in_schema=False)
async def letters_page(
    request: Request[Any, Any, Any],
    state: State,
    service: _Service,
    cursor: _After = 0,
    q: _Words = "",
    replayed: Said = "",
    sort: _Sort = "",
) -> Template:
    part, db = _part(state, service)
    wanted = LettersWanted(words=q or None, with_replayed=bool(replayed), newest_first=sort == "-id")
    async with db.connection() as conn:
        found = await find_dead_letters(conn, part.schema, wanted, after=cursor or None, limit=_LETTERS + 1)
    letters = found[:_LETTERS]
    values = {
        "service": service,
        "letters": letters,
        "next_cursor": letters[-1].id if len(found) > _LETTERS else None,
        "is_asked": bool(q),
    }
    return page(request, "ops/letters.html", values, wording=WORDING)


@get("/office/system/dead-letters/{service:str}/list.csv", guards=_READ_LETTERS, include_in_schema=False)
async def letters_csv_page(
    request: Request[Any, Any, Any],
    state: State,
    service: _Service,
    q: _Words = "",
    replayed: Said = "",
    sort: _Sort = "",
) -> Stream:
    part, db = _part(state, service)
    wanted = LettersWanted(words=q or None, with_replayed=bool(replayed), newest_first=sort == "-id")

    async def rows() -> AsyncGenerator[Sequence[object]]:
        after: int | None = None
        while True:
            async with db.connection() as conn:
                found = await find_dead_letters(conn, part.schema, wanted, after=after, limit=_CSV_LETTERS)
            for one in found:
                about = f"{one.aggregate_type} {one.aggregate_key}"
                at = sheet_moment(one.last_failed_at, CHAIN_ZONE)
                again = one.replayed_at and sheet_moment(one.replayed_at, CHAIN_ZONE)
                yield one.id, one.event_type, one.consumer, about, one.attempts, at, one.last_error, again
            if len(found) < _CSV_LETTERS:
                return
            after = found[-1].id

    names = ("number", "event", "consumer", "about", "tries", "last-failed", "why", "replayed")
    return await csv_page(f"dead-letters-{service}", [_words(request, name) for name in names], rows())


@get("/office/system/dead-letters/{service:str}/{letter_id:int}", guards=_READ_LETTERS, include_in_schema=False)
async def letter_page(
    request: Request[Any, Any, Any],
    state: State,
    service: _Service,
    letter_id: _Letter,
    said: Said = "",  # noqa: ARG001  shown
) -> Template:
    part, db = _part(state, service)
    async with db.connection() as conn:
        letter = await get_dead_letter(conn, part.schema, letter_id)
    return _letter_page(request, service, letter, Form())


@post(
    "/office/system/dead-letters/{service:str}/{letter_id:int}/replay",
    guards=_REPLAY,
    include_in_schema=False,
    status_code=303,
)
async def replay_page(
    request: Request[Any, Any, Any], state: State, service: _Service, letter_id: _Letter
) -> Template | Redirect:
    """Once, however often it is asked for: the page before it has shown what will be done."""
    part, db = _part(state, service)
    form = await read_form(request)
    outcomes: list[Replay] = []

    async def work() -> None:
        outcomes.append(await replay(db, Inbox(part.name, part.schema, part.consumers), letter_id))

    error = await refused(request, work())
    if error is not None:
        is_malformed = error.code == "event.malformed"  # the decoder's words name the field, which no text can
        told = words_of(request, WORDING, error)
        form.refuse(f"{told} {error.message}" if is_malformed else told)
        async with db.connection() as conn:
            letter = await get_dead_letter(conn, part.schema, letter_id)
        return _letter_page(request, service, letter, form)
    said = {Replay.DONE: "replayed", Replay.DONE_BEFORE: "replayed-before", Replay.QUEUED: "requeued"}[outcomes[0]]
    return Redirect(f"/office/system/dead-letters/{service}/{letter_id}?said={said}", status_code=303)


def _letter_page(request: Request[Any, Any, Any], service: str, letter: DeadLetter, form: Form) -> Template:
    event = msgspec.json.format(msgspec.json.encode(letter.event), indent=2).decode()
    values = {"service": service, "letter": letter, "event": event, "form": form}
    return page(request, "ops/letter.html", values, wording=WORDING, status=422 if form.refusals else 200)


async def _queue(settings: Settings, jobs: Sequence[Job]) -> Queue:
    now = datetime.now(UTC)
    scheduled = {job.name: job.is_scheduled(settings) for job in jobs}
    try:
        async with opened_queue(settings) as queue:
            since = await jobs_since(queue)
            lines = lines_of(jobs, scheduled, await latest_runs(queue), since=since, now=now)
            alive = [
                ShownWorker(one, (now - one.last_heartbeat).total_seconds() < _SILENT_S) for one in await workers(queue)
            ]
            failed = await failed_runs(queue, limit=_FAILED_SHOWN)
            return Queue(await job_states(queue), tuple(lines), tuple(failed), tuple(alive))
    except GasolineraError as error:
        return Queue(None, tuple(lines_of(jobs, scheduled, [], since=now, now=now)), (), (), error.code)


async def _lag(part: Parts, databases: Mapping[str, Database]) -> ServiceLag:
    try:
        async with databases[part.name].connection() as conn:
            return ServiceLag(part.name, await read_lag(conn, part.schema))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        return ServiceLag(part.name, None)


def job_words(request: Request[Any, Any, Any], name: str) -> str:
    """What it does, in the reader's language: of its own, else of all services' job of that kind."""
    language, (_, _, kind) = language_of(request), name.partition(".")
    names = (f"job-{name.replace('.', '-').replace('_', '-')}", f"job-{kind.replace('_', '-')}")
    return WORDING.text(language, next((one for one in names if one in WORDING.names(language)), "job-other"))


def _words(request: Request[Any, Any, Any], name: str, /, **arguments: str | int) -> str:
    return WORDING.text(language_of(request), name, arguments)


def _parts(state: State) -> Sequence[Parts]:
    found: Sequence[Parts] = state["parts"]
    return found


def _databases(state: State) -> Mapping[str, Database]:
    found: Mapping[str, Database] = state["databases"]
    return found


def _part(state: State, service: str) -> tuple[Parts, Database]:
    databases = _databases(state)
    for part in _parts(state):
        if part.name == service and service in databases:
            return part, databases[service]
    raise UnknownError("service.unknown", f"this process serves no service {service!r}")


def _job(state: State, name: str) -> Job:
    for job in jobs_of(_parts(state)):
        if job.name == name and job.service in _databases(state):
            return job
    raise UnknownError("jobs.unknown", f"there is no job {name!r}")


HANDLERS = (system_page, job_page, run_page, retry_page, letters_page, letters_csv_page, letter_page, replay_page)
