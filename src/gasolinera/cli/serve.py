"""`gasolinera serve`: the HTTP application on one address, until it is told to stop."""

import signal
import socket
import sys
from collections.abc import Callable
from threading import Thread
from typing import Annotated, NoReturn

import typer
import uvicorn

from gasolinera.app import create_app
from gasolinera.cli.connect import reachable_settings
from gasolinera.config import Settings
from gasolinera.errors import ConfigError
from gasolinera.logs import configure_logs

_STOP_WITHIN_S = 10
_BACKLOG = 2048

Host = Annotated[str | None, typer.Option("--host", help="Default: GASOLINERA_HOST, 127.0.0.1.")]
Port = Annotated[int | None, typer.Option("--port", help="0 takes a free one. Default: GASOLINERA_PORT, 8080.")]


def command(*, host: Host = None, port: Port = None) -> None:
    """Serve the API until SIGTERM or Ctrl-C; requests under way are finished first."""
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    with reachable_settings(**given) as settings:
        serve(settings)


def _leave(_number: int, _frame: object) -> NoReturn:
    """uvicorn stops gracefully, then raises the signal again; as an exception it lets the embedded server stop too."""
    sys.exit(0)


def serve(settings: Settings) -> None:
    """Raises ConfigError `serve.address` when nobody can listen there."""
    configure_logs(settings)
    signal.signal(signal.SIGTERM, _leave)
    with _listener(settings) as listener:
        sys.stderr.write(f"serving {_base_url(listener)}\n")
        _server(settings).run(sockets=[listener])


def serve_briefly(settings: Settings, ask: Callable[[str], None]) -> None:
    """Serve while `ask` runs with the base URL, then stop. Raises what `ask` raises."""
    configure_logs(settings)
    server = _server(settings)
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


def _server(settings: Settings) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STOP_WITHIN_S,
        )
    )


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
