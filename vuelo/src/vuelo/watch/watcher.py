"""A second look at a run that takes its time: who is in its way, whom it holds up, how far it is.

A thread a service. It asks nothing of the database, and opens no connection, before a script has run for a second.
"""

import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event, Lock, Thread
from time import monotonic

import psycopg
from psycopg.conninfo import make_conninfo

from vuelo.history import Connection
from vuelo.project import Service, milliseconds
from vuelo.session import Progress, Run
from vuelo.watch.blockers import Blocker, described
from vuelo.watch.observations import HoldingUp, Lagging, Observation, Waiting, Working, observed, told

_BEGIN_S = 1.0
_PAUSE_S = (0.5, 2.0)
_SAY_AGAIN_S = 30.0
_END_S = 5.0


@dataclass
class _Seen:
    """Shared by the run and its watcher, under `guard`."""

    progress: Progress | None = None
    since: float = 0.0
    blockers: tuple[Blocker, ...] = ()
    guard: Lock = field(default_factory=Lock)

    def age_s(self) -> float:
        """How long the script that runs has been running."""
        return monotonic() - self.since if self.progress and self.progress.script else 0.0


@contextmanager
def watching(conn: Connection, service: Service, run: Run) -> Generator[Run]:
    """The run with eyes: use what it gives in place of `run` for what happens on `conn`.

    What is seen goes to `tell`, and into `doing` of the Progress that `watch` gets. `blocked_by` says whom the script
    was last seen waiting for. A pooler's session has no process to look at: it is not watched.
    """
    if service.settings.pooler:
        yield run
        return
    seen, end = _Seen(), Event()

    def watch(progress: Progress) -> None:
        with seen.guard:
            if seen.progress is None or progress.script != seen.progress.script:
                seen.since, seen.blockers = monotonic(), ()
            seen.progress = progress
            run.watch(progress)

    thread = Thread(target=_watch, args=(conn, service, run, seen, end), name=f"watches {service.name}", daemon=True)
    thread.start()
    try:
        yield replace(run, watch=watch, blocked_by=lambda: described(seen.blockers))
    finally:
        end.set()
        thread.join(_END_S)


def _watch(conn: Connection, service: Service, run: Run, seen: _Seen, end: Event) -> None:
    # Soon enough to see who is in the way before lock_timeout gives up.
    begin_s = min(_BEGIN_S, (milliseconds(service.lock_timeout) or math.inf) / 2000)
    while seen.age_s() < begin_s:
        if end.wait(begin_s / 4):
            return
    try:
        with psycopg.connect(
            _same_server(conn), autocommit=True, application_name=f"vuelo {service.name} watches"
        ) as eye:
            eye.execute("SET statement_timeout = '5s'")
            _look(eye, conn.info.backend_pid, service, run, seen, end, begin_s)
    except psycopg.Error as error:
        if not end.is_set():
            run.tell(service.name, f"the run is not watched: {str(error).strip()}")


def _look(eye: Connection, pid: int, service: Service, run: Run, seen: _Seen, end: Event, begin_s: float) -> None:
    said: dict[object, float] = {}
    pause_s = _PAUSE_S[0]
    while not end.is_set():
        progress = seen.progress
        found = observed(eye, pid) if seen.age_s() >= begin_s else []
        with seen.guard:
            if progress is None or progress is not seen.progress:  # the run went on meanwhile
                found = []
            elif seen.age_s() >= begin_s:
                run.watch(replace(progress, doing="; ".join(told(one) for one in found if isinstance(one, Working))))
            seen.blockers = next((one.blockers for one in found if isinstance(one, Waiting)), seen.blockers)
        for one in found:
            subject = _subject(one)
            if subject is not None and monotonic() - said.get(subject, -_SAY_AGAIN_S) >= _SAY_AGAIN_S:
                said[subject] = monotonic()
                run.tell(service.name, f"{progress.script} {told(one)}" if progress else told(one))
        waits = any(isinstance(one, Waiting) for one in found)
        pause_s = _PAUSE_S[0] if waits else min(pause_s * 1.5, _PAUSE_S[1])
        end.wait(pause_s)


def _subject(observation: Observation) -> object:
    """What makes it another thing to say; None for what is only shown."""
    if isinstance(observation, Waiting):
        return tuple(blocker.pid for blocker in observation.blockers)
    if isinstance(observation, Lagging):
        return observation.replica
    return "holds up" if isinstance(observation, HoldingUp) else None


def _same_server(conn: Connection) -> str:
    """The address may name several servers: the one that was reached counts."""
    info = conn.info
    return make_conninfo(info.dsn, host=info.host, port=str(info.port), password=info.password)
