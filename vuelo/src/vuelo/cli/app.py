"""The commands, collected, and what goes wrong in them turned into a message and an exit code."""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path
from typing import Annotated

import typer

from vuelo.errors import VueloError

FAILURE, BUG = 1, 70

# In the order of the help; each in the module of its name.
COMMANDS = (
    "migrate",
    "info",
    "check",
    "validate",
    "undo",
    "test",
    "drift",
    "dump",
    "docs",
    "repair",
    "baseline",
    "clean",
    "new",
    "wait",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vuelo {metadata.version('vuelo')}")
        raise typer.Exit


def options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """What can be said before the name of a command."""


def app_of(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    app = typer.Typer(
        name="vuelo",
        help="Migrate PostgreSQL schemas with plain SQL files. Works with Flyway's files, history table and checksums.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(options)
    for name in commands:
        app.command(name)(import_module(f"vuelo.cli.{name}").command)
    return app


def run() -> None:
    try:
        try:
            # The others are not imported: that takes longer than a run with nothing to do.
            app_of(sys.argv[1:2] if sys.argv[1:2] and sys.argv[1] in COMMANDS else COMMANDS)()
        finally:
            sys.stdout.flush()
    except VueloError as error:
        _tell(error)
        sys.exit(FAILURE)
    except OSError as error:
        _tell(VueloError("system", f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)))
        with Path(os.devnull).open("w") as nowhere:  # for what could not be written and would be tried again at exit
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        sys.exit(FAILURE)
    except Exception:
        traceback.print_exc()
        sys.stderr.write("error: this is a bug in vuelo\n")
        sys.exit(BUG)


def _tell(error: VueloError) -> None:
    from vuelo.report import show_error  # noqa: PLC0415 - what goes well needs no rich
    from vuelo.results import error_data  # noqa: PLC0415

    if "--json" in sys.argv:
        with suppress(OSError):
            sys.stdout.write(json.dumps({"error": error_data(error)}, indent=2) + "\n")
            sys.stdout.flush()
    show_error(error)
