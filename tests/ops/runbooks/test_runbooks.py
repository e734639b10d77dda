"""Every command of every runbook, in the page's order, on a platform with the trouble that its section is about."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from gasolinera.cli.app import app
from gasolinera.errors import GasolineraError
from gasolinera.ops.programs import find_program
from tests.ops.runbooks.pages import RUNBOOKS, Step, missing, steps_of
from vuelo import VueloError
from vuelo.cli.app import app_of

Connection = psycopg.Connection[Any]
PAGES = ("maintain", "troubleshoot", "roll-back", "disaster")
# A copy of a whole server and its restore take long; tests/ops/physical has them in little.
LONG = {"disaster"}
# What asks for the database's name, which nobody can type here.
ASKS = (
    "vuelo undo",
    "gasolinera ops restore service",
    "gasolinera ops rollback",
    "gasolinera ops cleanup run",
    "gasolinera ops locks --kill",
    "gasolinera ops archive run",
    "gasolinera ops partitions maintain",
)


@contextmanager
def disabled_trigger(url: str) -> Generator[None]:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("ALTER TABLE station_schema.stations DISABLE TRIGGER USER")
        yield
        conn.execute("ALTER TABLE station_schema.stations ENABLE TRIGGER USER")


@contextmanager
def idle_session(url: str) -> Generator[None]:
    with suppress(psycopg.OperationalError), psycopg.connect(url, application_name="forgetful") as conn:
        conn.execute("SELECT 1")
        yield  # the page ends this session


@contextmanager
def blocked_session(url: str) -> Generator[None]:
    with (
        suppress(psycopg.OperationalError),
        psycopg.connect(url, application_name="waiter") as waiter,
        psycopg.connect(url, application_name="blocker") as blocker,
    ):
        blocker.execute("LOCK TABLE station_schema.stations")
        waiter.pgconn.send_query(b"SELECT count(*) FROM station_schema.stations")
        yield  # the page ends the blocker


@contextmanager
def hidden_violation(url: str) -> Generator[None]:
    """A name that a constraint would refuse, which was there before the constraint."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("UPDATE station_schema.stations SET name = lower(name) WHERE station_code = 'JSM001'")
        conn.execute(
            "ALTER TABLE station_schema.stations ADD CONSTRAINT stations_name_capital"
            " CHECK (name !~ '^[a-z]') NOT VALID"
        )
        yield
        conn.execute("ALTER TABLE station_schema.stations DROP CONSTRAINT stations_name_capital")


@contextmanager
def lost_slot(url: str) -> Generator[None]:
    """Of a standby that does not come back; the page drops it."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SELECT pg_create_physical_replication_slot('lost_standby', true)")
        yield
        assert conn.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)


@contextmanager
def lost_event(url: str) -> Generator[None]:
    """A raffle was drawn, and the redemption service was not told: as after a restore of it alone."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("DELETE FROM redemption_schema.drawn_raffles")
        yield


TROUBLES: dict[str, Callable[[str], Any]] = {
    "what-is-wrong": disabled_trigger,
    "connections-run-out": idle_session,
    "sessions-wait-for-each-other": blocked_session,
    "constraints-are-violated": hidden_violation,
    "data-do-not-add-up": lost_event,
    "a-standby-lags-or-is-gone": lost_slot,
}


def value_of(url: str, query: str) -> str:
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row is not None, query
    return str(row[0])


FILLED: dict[str, str] = {
    "<silence>": "SELECT max(id) FROM ops_schema.alert_silences",
    "<idle pid>": "SELECT pid FROM pg_stat_activity WHERE application_name = 'forgetful'",
    "<blocker pid>": "SELECT pid FROM pg_stat_activity WHERE application_name = 'blocker'",
    "<backup>": "SELECT label FROM ops_schema.backups WHERE kind = 'SERVICE' AND succeeded ORDER BY id DESC LIMIT 1",
    "<version before>": "SELECT version FROM coupon_schema.flyway_schema_history WHERE success AND version IS NOT NULL"
    " ORDER BY installed_rank DESC OFFSET 1 LIMIT 1",
    "<moment>": """SELECT to_char(started_at - INTERVAL '1 s', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM ops_schema.runs
                    WHERE command = 'restore point' ORDER BY id DESC LIMIT 1""",
}


def filled(command: str, url: str) -> str:
    for name in re.findall(r"<[a-z ]+>", command):
        command = command.replace(name, value_of(url, FILLED[name]))
    return command


def run(command: str) -> tuple[int, str]:
    words = [os.path.expandvars(word) for word in shlex.split(command)]
    program, rest = words[0], words[1:]
    if program == "psql":
        psql = find_program("psql", 15).path
        done = subprocess.run([psql, "-X", *rest], capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr
    ask = [] if "--dry-run" in rest or not command.startswith(ASKS) else ["--yes"]
    result = CliRunner().invoke({"gasolinera": app, "vuelo": app_of()}[program], [*rest, *ask])
    output = result.output
    if isinstance(result.exception, GasolineraError | VueloError):
        output += f"error: {result.exception}\n"
    elif result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, output


def problem_of(step: Step, url: str) -> str | None:
    command = filled(step.command, url)
    code, output = run(command)
    lost = missing(step.shown, output)
    if (step.exit is None or code == step.exit) and not lost:
        return None
    return f"line {step.line}: {command}\nexit {code}, not shown: {lost}\n{output}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.long] if page in LONG else []) for page in PAGES]
)
def test_every_step_of_a_page_does_what_it_says(page: str, book_url: str) -> None:
    steps = steps_of(RUNBOOKS / f"{page}.md")
    assert len(steps) > 5
    problems: list[str] = []
    for section in dict.fromkeys(step.section for step in steps):
        with ExitStack() as stack:
            if section in TROUBLES:
                stack.enter_context(TROUBLES[section](book_url))
            here = [step for step in steps if step.section == section]
            problems += [problem for step in here if (problem := problem_of(step, book_url))]
    assert not problems, "\n\n".join(problems)


@pytest.mark.parametrize("page", sorted(LONG))
def test_every_command_of_a_long_page_exists_with_its_options(page: str) -> None:
    """Options are read before the help is shown, and nothing is done."""
    for step in steps_of(RUNBOOKS / f"{page}.md"):
        program, *words = shlex.split(step.command)
        if program != "psql":
            shown = CliRunner().invoke({"gasolinera": app, "vuelo": app_of()}[program], [*words, "--help"])
            assert shown.exit_code == 0, f"line {step.line}: {shown.output}"


def test_every_page_is_run() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(PAGES)


def test_a_page_that_shows_what_is_not_so_would_be_noticed() -> None:
    output = "coupon  3  applied\nauth    12 applied\n"
    assert missing(["coupon 7 applied", "auth … applied"], output) == []
    assert missing(["auth 1 applied", "coupon 1 applied"], output) == ["coupon 1 applied"]
    assert missing(["coupon 3 pending"], output) == ["coupon 3 pending"]
