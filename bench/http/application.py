"""The platform's application with a route that always answers the same, and, if asked, without what observes it.

`python -m bench.http.application --port PORT --constant FILE [--unobserved]` serves as `gasolinera serve` does.
"""

import argparse
from pathlib import Path

import asyncpg
import msgspec
import uvicorn
from litestar import get
from litestar.datastructures import State
from litestar.types import ASGIApp

from gasolinera import database, edge, metrics
from gasolinera.app import create_app
from gasolinera.config import load_settings
from gasolinera.logs import configure_logs
from gasolinera.routing import service_router
from gasolinera.station.api import NearbyStations
from gasolinera.station.parts import PARTS as STATION

CONSTANT = "/api/stations/bench/constant"


@get("/constant", opt={"open": True})
async def constant_route(state: State) -> NearbyStations:
    """The structs of one answer of the nearest stations: encoded each time, never asked for."""
    answer: NearbyStations = state["constant"]
    return answer


class _NoGauges:
    class Gauge:
        def inc(self) -> None: ...

        def dec(self) -> None: ...

    def __init__(self, _service: str, _max_size: int) -> None:
        self.in_use = self.waiting = self.Gauge()


class _UncountedConnection(asyncpg.Connection):  # pyright: ignore[reportMissingTypeArgument]  it takes none at run time
    service = ""


def _observe_nothing() -> None:
    """Takes away what logs and counts, before an application is made."""

    def untouched(app: ASGIApp) -> ASGIApp:
        return app

    replaced: dict[tuple[object, str], object] = {
        (edge, "observe"): untouched,
        (metrics, "PoolGauges"): _NoGauges,
        (database, "CountingConnection"): _UncountedConnection,
    }
    for (owner, name), replacement in replaced.items():
        setattr(owner, name, replacement)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--constant", type=Path, required=True)
    arguments.add_argument("--unobserved", action="store_true")
    chosen = arguments.parse_args()
    if chosen.unobserved:
        _observe_nothing()
    settings = load_settings()
    configure_logs(settings)
    bench = service_router("station", "/api/stations/bench", [constant_route])
    station = msgspec.structs.replace(STATION, routers=(*STATION.routers, bench))
    app = create_app(settings, [station])
    app.state["constant"] = msgspec.json.decode(chosen.constant.read_bytes(), type=NearbyStations)
    uvicorn.run(
        app,
        port=chosen.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main()
