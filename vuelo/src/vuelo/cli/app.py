"""The commands, collected, and what goes wrong in them turned into a message and an exit code."""

import json
import sys
import traceback

import typer

from vuelo.cli import info, migrate, undo, validate
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
app.command("validate")(validate.command)
app.command("undo")(undo.command)


def run() -> None:
    try:
        app()
    except VueloError as error:
        if "--json" in sys.argv:
            sys.stdout.write(json.dumps({"error": error_data(error)}, indent=2) + "\n")
        show_error(error)
        sys.exit(FAILURE)
    except Exception:
        traceback.print_exc()
        talk.print("error: this is a bug in vuelo")
        sys.exit(BUG)
