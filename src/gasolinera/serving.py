"""Serving as processes: one, or several behind one listening socket whose parent restarts what dies.

Stopping is in this order: nobody new is let in, what runs has the settings' grace, then it is killed.
"""

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from threading import Thread

import msgspec
import structlog
import uvicorn

from gasolinera.app import ALL_PARTS, create_app
from gasolinera.config import Environment, Settings
from gasolinera.connections import MAX_CONNECTIONS, PatientProtocol
from gasolinera.errors import ConfigError, InputError, UnavailableError
from gasolinera.logs import configure_logs
from gasolinera.metrics import forget_worker, shared_between_workers
from gasolinera.parts import Parts
from gasolinera.worker import beside_requests

_LONG_LIFE_S = 10.0
_LONGEST_PAUSE_S = 30.0
_MAX_SHORT_LIVES = 4
_KILLED_AFTER_S = 5.0  # beyond the grace
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Plan(msgspec.Struct, frozen=True):
    """What one process serves. `with_worker`: it works jobs and events as well."""

    settings: Settings
    services: tuple[str, ...]
    with_worker: bool = False


def parts_of(settings: Settings, names: Sequence[str]) -> list[Parts]:
    """The named services, else those that this process has a database for.

    Raises InputError for a name that is none, ConfigError for a service without an address.
    """
    known = {part.name: part for part in ALL_PARTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError("serve.service", f"there is no service {unknown[0]}", f"known are {', '.join(known)}")
    for name in names:
        settings.service_url(name)
    chosen = names or [name for name in settings.services_with_database() if name in known]
    if not chosen:
        raise ConfigError("config.no_database", "no service that can be served has a database")
    return [part for part in ALL_PARTS if part.name in chosen]


def served_parts(settings: Settings, names: Sequence[str]) -> list[Parts]:
    """Those of `parts_of`, for a process that answers requests.

    Raises ConfigError `config.no_auth` too: without the auth service a process never hears who lost access, and would
    take their tokens until they end by themselves. Production does not.
    """
    parts = parts_of(settings, names)
    is_here = any(part.authority is not None for part in parts)
    if settings.environment is Environment.PRODUCTION and not is_here and settings.auth_url is None:
        raise ConfigError(
            "config.no_auth", "production serves nothing that cannot ask the auth service", "set GASOLINERA_AUTH_URL"
        )
    return parts


def server_of(plan: Plan) -> uvicorn.Server:
    settings = plan.settings
    also = [beside_requests(settings, ALL_PARTS)] if plan.with_worker else []
    return uvicorn.Server(
        uvicorn.Config(
            create_app(settings, served_parts(settings, plan.services), also=also),
            loop="uvloop",
            http=PatientProtocol,
            limit_concurrency=MAX_CONNECTIONS,
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whom a proxy speaks for is told by `trusted_proxies` alone
            timeout_graceful_shutdown=settings.shutdown_grace_s,
        )
    )


def serve_together(plan: Plan, listener: socket.socket, count: int) -> None:
    """Serve with that many processes until SIGTERM, SIGINT or SIGHUP; the first of them is the one with the worker.

    Raises UnavailableError when they die again and again as soon as they are started.
    """
    with shared_between_workers(), _Told() as told:
        children = [
            _Child(plan if number == 0 else msgspec.structs.replace(plan, with_worker=False), listener, number)
            for number in range(count)
        ]
        try:
            while not told.to_stop():
                for child in children:
                    child.look_after()
                wait([told.pipe, *(child.process.sentinel for child in children if child.is_running)], timeout=1.0)
        finally:
            listener.close()  # who comes now goes to another server instead of waiting for nobody
            _stop(children, plan.settings.shutdown_grace_s)


class _Told:
    """Signals as something to wait for: what arrives between two looks is not lost."""

    def __enter__(self) -> "_Told":
        self.pipe, self._far_end = multiprocessing.Pipe(duplex=False)
        self._before = {
            number: signal.signal(number, self._tell) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.pipe.close()
        self._far_end.close()

    def _tell(self, number: int, _frame: object) -> None:
        self._far_end.send_bytes(bytes([number]))

    def to_stop(self) -> bool:
        return self.pipe.poll()


class _Child:
    """One process, and the one that takes its place."""

    def __init__(self, plan: Plan, listener: socket.socket, number: int) -> None:
        self._arguments = (plan, listener, number)
        self._number = number
        self._short_lives = 0
        self._start()

    def _start(self) -> None:
        self.process: SpawnProcess = multiprocessing.get_context("spawn").Process(
            target=_serve_as_child, args=self._arguments, name=f"serve {self._number}"
        )
        self.process.start()
        self.is_running = True
        self._started = time.monotonic()
        self._again_at = 0.0

    def look_after(self) -> None:
        if self.is_running and self.process.exitcode is not None:
            self._mourn()
        if not self.is_running and time.monotonic() >= self._again_at:
            self._start()

    def _mourn(self) -> None:
        pid, code = self.process.pid, self.process.exitcode
        self.process.close()
        self.is_running = False
        assert pid is not None, "it was started"
        forget_worker(pid)
        lived_s = time.monotonic() - self._started
        self._short_lives = 0 if lived_s > _LONG_LIFE_S else self._short_lives + 1
        if self._short_lives >= _MAX_SHORT_LIVES:
            raise UnavailableError("serve.dying", "a process dies as soon as it is started", "the log says why")
        pause_s = 0.0 if self._short_lives == 0 else min(2.0 ** (self._short_lives - 2), _LONGEST_PAUSE_S)
        self._again_at = time.monotonic() + pause_s
        _log.error("process_died", number=self._number, code=code, lived_s=round(lived_s, 1), again_in_s=pause_s)


def _stop(children: Sequence[_Child], grace_s: float) -> None:
    running = [child.process for child in children if child.is_running]
    for process in running:
        process.terminate()
    until = time.monotonic() + grace_s + _KILLED_AFTER_S
    for process in running:
        process.join(max(0.0, until - time.monotonic()))
        if process.exitcode is None:
            _log.error("process_killed", pid=process.pid, after_s=grace_s + _KILLED_AFTER_S)
            process.kill()
            process.join()


def _serve_as_child(plan: Plan, listener: socket.socket, number: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells all; the parent decides
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))  # before uvicorn listens to it, and after
    configure_logs(plan.settings)
    structlog.contextvars.bind_contextvars(process=number)
    Thread(target=_leave_with_parent, daemon=True).start()
    server_of(plan).run(sockets=[listener])


def _leave_with_parent() -> None:
    """A parent that was killed cannot stop its children."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
