"""`gasolinera worker`: jobs and events, until it is told to stop."""

import asyncio
import signal
import sys
from typing import Annotated

import typer
import uvloop

from gasolinera.app import ALL_PARTS
from gasolinera.cli.connect import reachable_settings
from gasolinera.config import Settings
from gasolinera.keyring import load_keyring
from gasolinera.logs import configure_logs
from gasolinera.serving import parts_of
from gasolinera.worker import run_worker

Services = Annotated[
    list[str] | None,
    typer.Option("--service", help="Again for each. Default: every service that a database is named for."),
]


def command(*, service: Services = None) -> None:
    """Run scheduled and queued jobs, the relay of events and their consumers, until SIGTERM or Ctrl-C.

    Run as many as you like, on as many hosts: each job and each event is taken by one of them.
    """
    with reachable_settings() as settings:
        names = [part.name for part in parts_of(settings, service or [])]
        configure_logs(settings)
        load_keyring(settings)  # pollers load their own, again and again: here it ends with a message
        sys.stderr.write(f"working for {', '.join(names)}\n")
        uvloop.run(_work(settings, names))


async def _work(settings: Settings, names: list[str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await run_worker(settings, ALL_PARTS, names, stop)
