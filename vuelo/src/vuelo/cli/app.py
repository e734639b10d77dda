"""The commands, collected, and what goes wrong in them turned into a message and an exit code."""

import json
import os
import sys
import traceback
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from vuelo.cli import baseline, check, clean, dump, info, migrate, new, repair, undo, validate, wait
from vuelo.errors import VueloError
from vuelo.report import error_data, show_error, talk

FAILURE, BUG = 1, 70

app = typer.Typer(
    name="vuelo",
    help="Migrate PostgreSQL schemas with plain SQL files. Works with Flyway's files, history table and checksums.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("migrate")(migrate.command)
app.command("info")(info.command)
app.command("check")(check.command)
app.command("validate")(validate.command)
app.command("undo")(undo.command)
app.command("dump")(dump.command)
app.command("repair")(repair.command)
app.command("baseline")(baseline.command)
app.command("clean")(clean.command)
app.command("new")(new.command)
app.command("wait")(wait.command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vuelo {metadata.version('vuelo')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """What can be said before the name of a command."""


def run() -> None:
    try:
        try:
            app()
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
        talk.print("error: this is a bug in vuelo")
        sys.exit(BUG)


def _tell(error: VueloError) -> None:
    if "--json" in sys.argv:
        with suppress(OSError):
            sys.stdout.write(json.dumps({"error": error_data(error)}, indent=2) + "\n")
            sys.stdout.flush()
    show_error(error)
