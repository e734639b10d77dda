"""`gasolinera serve`: the HTTP application on one address, until it is told to stop."""

import signal
import socket
import sys
from collections.abc import Callable
from threading import Thread
from typing import Annotated, NoReturn

import typer

from gasolinera.cli.connect import reachable_settings
from gasolinera.config import Settings
from gasolinera.errors import ConfigError
from gasolinera.keyring import load_keyring
from gasolinera.logs import configure_logs
from gasolinera.metrics import watch_process
from gasolinera.serving import Plan, serve_together, served_parts, server_of

_BACKLOG = 2048

Services = Annotated[
    list[str] | None, typer.Argument(help="auth, station …. Default: every service that a database is named for.")
]
Host = Annotated[str | None, typer.Option("--host", help="Default: GASOLINERA_HOST, 127.0.0.1.")]
Port = Annotated[int | None, typer.Option("--port", help="0 takes a free one. Default: GASOLINERA_PORT, 8080.")]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that share the address.")]
WithWorker = Annotated[
    bool, typer.Option("--with-worker", help="Work jobs and events here too, as `gasolinera worker` does.")
]


def command(
    services: Services = None,
    *,
    host: Host = None,
    port: Port = None,
    workers: Workers = 1,
    with_worker: WithWorker = False,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C; requests under way are finished first.

    A service that is not served here is asked at GASOLINERA_AUTH_URL or GASOLINERA_STATION_URL.
    """
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    with reachable_settings(**given) as settings:
        serve(settings, services or [], workers=workers, with_worker=with_worker)


def _leave(_number: int, _frame: object) -> NoReturn:
    """uvicorn stops gracefully, then raises the signal again; as an exception it lets the embedded server stop too."""
    sys.exit(0)


def serve(settings: Settings, services: list[str], *, workers: int = 1, with_worker: bool = False) -> None:
    """Raises ConfigError `serve.address` when nobody can listen there, and for a key ring that is not good."""
    plan = Plan(settings, tuple(part.name for part in served_parts(settings, services)), with_worker)
    configure_logs(settings)
    load_keyring(settings)  # here it ends with a message; each process loads its own
    signal.signal(signal.SIGTERM, _leave)
    with _listener(settings) as listener:
        sys.stderr.write(f"serving {_base_url(listener)}\n")
        if workers > 1:
            serve_together(plan, listener, workers)
        else:
            watch_process()
            server_of(plan).run(sockets=[listener])


def serve_briefly(settings: Settings, ask: Callable[[str], None]) -> None:
    """Serve while `ask` runs with the base URL, then stop. Raises what `ask` raises."""
    configure_logs(settings)
    server = server_of(Plan(settings, (), with_worker=True))
    with _listener(settings) as listener:
        serving = Thread(target=server.run, kwargs={"sockets": [listener]})
        serving.start()
        try:
            ask(_base_url(listener))
        finally:
            server.should_exit = True
            serving.join()


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listener(settings: Settings) -> socket.socket:
    address = f"{settings.host} port {settings.port}"
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise ConfigError(
            "serve.address", f"cannot listen on {address}: {error.strerror}", "choose another with --host and --port"
        ) from None
    return listener
