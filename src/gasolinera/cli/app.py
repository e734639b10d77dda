"""`gasolinera`: collects the commands and turns what goes wrong into a message and an exit code."""

import socket
import sys
import traceback

import asyncpg
import psycopg
import typer

from gasolinera.cli import (
    ads,
    coupons,
    db,
    demo,
    employees,
    events,
    jobs,
    keys,
    openapi,
    ops,
    qr,
    raffle,
    reports,
    serve,
    simulate,
    stations,
    terminal,
    tickets,
    users,
    worker,
)
from gasolinera.errors import GasolineraError, unavailable
from vuelo import VueloError
from vuelo.report import show_error

FAILURE, BUG = 1, 70

app = typer.Typer(
    name="gasolinera",
    help="A digital coupon platform for petrol-station chains.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.command)
app.command("serve")(serve.command)
app.command("worker")(worker.command)
app.command("openapi")(openapi.command)
app.add_typer(ads.app, name="ads")
app.add_typer(coupons.app, name="coupons")
app.add_typer(db.app, name="db")
app.add_typer(employees.app, name="employees")
app.add_typer(events.app, name="events")
app.add_typer(jobs.app, name="jobs")
app.add_typer(keys.app, name="keys")
app.add_typer(ops.app, name="ops")
app.add_typer(qr.app, name="qr")
app.add_typer(raffle.app, name="raffle")
app.add_typer(reports.app, name="reports")
app.add_typer(simulate.app, name="simulate")
app.add_typer(stations.app, name="stations")
app.add_typer(terminal.app, name="terminal")
app.add_typer(tickets.app, name="tickets")
app.add_typer(users.app, name="users")


def run() -> None:
    """Exit 0 good, 1 failure, 2 usage, 70 our bug."""
    try:
        app()
    except GasolineraError as error:
        _fail(error.message, error.hint)
    except VueloError as error:
        show_error(error)
        sys.exit(FAILURE)
    except psycopg.ProgrammingError as error:
        if error.diag.sqlstate is None:  # libpq's words about an address repeat the address, password included
            _fail("the address of the database is malformed", "check GASOLINERA_DATABASE_URL")
        _fail(f"the database refused: {error}", None)
    except asyncpg.ClientConfigurationError:
        _fail("the address of the database has a wrong option", "check GASOLINERA_DATABASE_URL")
    except (asyncpg.PostgresError, psycopg.Error, ConnectionError, TimeoutError, socket.gaierror) as error:
        trouble = unavailable(error)
        hint = "check GASOLINERA_DATABASE_URL, and that the server runs" if trouble else None
        _fail(f"{trouble.message}: {error}" if trouble else f"the database refused: {error}", hint)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), None)
    except Exception:
        traceback.print_exc()
        sys.stderr.write("error: this is a bug in gasolinera\n")
        sys.exit(BUG)


def _fail(message: str, hint: str | None) -> None:
    sys.stderr.write(f"error: {message.strip()}\n")
    if hint:
        sys.stderr.write(f"\nhint: {hint}\n")
    sys.exit(FAILURE)
