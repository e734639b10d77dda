"""Waiting ends when the database answers, or when the time is over, and says why."""

import json
import subprocess
from collections.abc import Callable
from threading import Timer
from time import monotonic
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.errors import VueloError
from vuelo.waiting import wait

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]
FILES = {"V1__a.sql": "SELECT 1;"}
NOBODY = "postgresql://postgres@127.0.0.1:9/none"


def test_it_ends_at_once_where_everything_answers(make_project: MakeProject) -> None:
    assert list(wait(make_project({"shop": FILES, "bank": {}}))) == ["shop", "bank"]


def test_it_gives_up_with_the_last_reason(make_project: MakeProject) -> None:
    started = monotonic()
    with pytest.raises(VueloError, match=r"gave up after 0.5 s: shop: cannot connect") as caught:
        wait(make_project({"shop": FILES}, address=NOBODY), timeout_s=0.5)
    assert caught.value.code == "wait.timeout"
    assert monotonic() - started < 30


def test_what_time_cannot_heal_is_told_at_once(make_project: MakeProject) -> None:
    with pytest.raises(VueloError) as caught:
        wait(make_project({"shop": FILES}, address="postgresql://me:p%zz@localhost/x"), timeout_s=60)
    assert caught.value.code == "connect.malformed"


def test_it_sees_a_database_that_comes_later(make_project: MakeProject, conn: Connection, url: str) -> None:
    conn.execute("DROP DATABASE IF EXISTS coming")
    project = make_project({"shop": FILES}, address=url.replace(conn.info.dbname, "coming"))
    later = Timer(0.7, lambda: conn.execute("CREATE DATABASE coming"))
    later.start()
    try:
        assert wait(project, timeout_s=60)["shop"] > 0.5
    finally:
        later.join()
        conn.execute("DROP DATABASE coming")


def test_it_waits_for_migrations_of_somebody_else(make_project: MakeProject) -> None:
    project = make_project({"shop": FILES})
    with pytest.raises(VueloError, match="shop is not up to date, pending: 1"):
        wait(project, timeout_s=0.2, migrated=True)
    later = Timer(0.5, lambda: vuelo.migrate(project))
    later.start()
    assert wait(project, timeout_s=60, migrated=True)["shop"] > 0.3
    later.join()


def test_the_command(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": FILES})
    assert cli("wait").stdout.startswith("shop answers after 0.")
    refused = cli("wait", "--migrated", "--timeout", "0", "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]["code"] == "wait.timeout"
