"""`<script>.conf` and the header of a script: what they change, and what is refused."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.errors import VueloError
from vuelo.migration import ScriptConfig
from vuelo.placeholders import Placeholders
from vuelo.script_config import parse_config, phase_of
from vuelo.settings import Phase

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
NAMES = Placeholders({"stage": "test", "empty": ""})


def should_execute(text: str) -> bool:
    return parse_config(f"shouldExecute={text}", "x.conf", NAMES).should_execute


def test_every_setting_is_read() -> None:
    text = """# a comment
! another

executeInTransaction = false
encoding=ISO-8859-1
flyway.placeholderReplacement=TRUE
placeholders.who=me and = you
"""
    read = parse_config(text, "x.conf", NAMES)
    expected = ScriptConfig(
        execute_in_transaction=False,
        encoding="ISO-8859-1",
        placeholder_replacement=True,
        placeholders={"who": "me and = you"},
    )
    assert read == expected
    assert read.placeholders == expected.placeholders
    assert parse_config("", "x.conf", NAMES) == ScriptConfig()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True), ("FALSE", False), ("a==a", True), ("a==b", False), ("a!=b", True), ("a != a", False),
        ("${stage}==test", True), ("${stage}==prod || ${stage}==test", True), ("true && false || true", True),
        ("true || true && false", True), ("(true || true) && false", False), ("((a==a))", True),
        ("a b == a b", True), ("false && (true || true)", False), ("true&&a!=b&&true", True),
    ],
)  # fmt: skip
def test_should_execute_is_worked_out(text: str, expected: bool) -> None:
    assert should_execute(text) is expected


@pytest.mark.parametrize(
    "text", ["", "yes", "a=", "a==", "==a", "(true", "true)", "true &&", "true true", "a==b==c", "&& true"]
)
def test_what_is_no_expression_is_refused_with_the_file(text: str) -> None:
    with pytest.raises(VueloError, match=r"x\.conf") as caught:
        should_execute(text)
    assert caught.value.code == "config.script"


@pytest.mark.parametrize(
    "text",
    ["executeinTransaction=true", "unknown=1", "executeInTransaction", "executeInTransaction=maybe"],
)
def test_a_setting_that_there_is_not_is_refused_with_the_file(text: str) -> None:
    with pytest.raises(VueloError, match=r"x\.conf") as caught:
        parse_config(text, "x.conf", NAMES)
    assert caught.value.code == "config.script"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-- vuelo: phase=contract\nSELECT 1;", Phase.CONTRACT), ("\ufeff--vuelo:phase = contract", Phase.CONTRACT),
        ("\n-- why\n\n-- vuelo: phase=contract", Phase.CONTRACT), ("-- vuelo: phase=expand", Phase.EXPAND),
        ("SELECT 1;\n-- vuelo: phase=contract", Phase.EXPAND), ("-- phase=contract", Phase.EXPAND), ("", Phase.EXPAND),
    ],
)  # fmt: skip
def test_the_phase_stands_in_the_header(text: str, expected: Phase) -> None:
    assert phase_of(text.splitlines()) is expected


def test_a_phase_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="expand or contract"):
        phase_of(["-- vuelo: phase=later"])


def test_files_beside_scripts_hold_for_these_alone(make_project: MakeProject, conn: Connection) -> None:
    files: dict[str, str | bytes] = {
        "V1__latin.sql": "CREATE TABLE a AS SELECT 'ñ'::text AS v;".encode("latin-1"),
        "V1__latin.sql.conf": "encoding=latin-1",
        "V2__raw.sql": "INSERT INTO a VALUES ('${who}');",
        "V2__raw.sql.conf": "placeholderReplacement=false",
        "V3__own.sql": "INSERT INTO a VALUES ('${who} ${other}');",
        "V3__own.sql.conf": "placeholders.who=own",
        "V4__all.sql": "INSERT INTO a VALUES ('${who}');",
        "V5__no.sql": "INSERT INTO a VALUES ('never');",
        "V5__no.sql.conf": "shouldExecute=${who}==somebody",
        "V6__tx.sql": "INSERT INTO a VALUES ('stays'); SELECT 1/0;",
        "V6__tx.sql.conf": "executeInTransaction=false",
    }
    with pytest.raises(vuelo.RunFailedError):
        vuelo.migrate(make_project({"shop": files}, '[placeholders]\nwho = "all"\nother = "too"'))
    assert conn.execute("SELECT v FROM shop.a").fetchall() == [("ñ",), ("${who}",), ("own too",), ("all",), ("stays",)]
    rows = conn.execute(
        "SELECT version, success FROM shop.flyway_schema_history WHERE type = 'SQL' ORDER BY 1"
    ).fetchall()
    assert rows == [("1", True), ("2", True), ("3", True), ("4", True), ("6", False)]


def test_an_unknown_setting_stops_the_run_before_it_begins(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;", "V1__a.sql.conf": "executeInTransactions=false"}})
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project)
    error = caught.value.results[0].error
    assert error is not None
    assert (error.code, "V1__a.sql.conf" in error.message) == ("config.script", True)
    assert conn.execute("SELECT to_regnamespace('shop')").fetchone() == (None,)


def test_a_byte_order_mark_before_the_settings_is_none_of_them(make_project: MakeProject, conn: Connection) -> None:
    files = {"V1__a.sql": "CREATE TABLE a ();", "V1__a.sql.conf": "\ufeffshouldExecute=false\n"}
    vuelo.migrate(make_project({"shop": files}))
    assert conn.execute("SELECT to_regclass('shop.a')").fetchone() == (None,)


def test_a_transaction_that_the_file_asks_for_and_cannot_be_had_is_told_with_the_file(
    make_project: MakeProject,
) -> None:
    files = {"V1__a.sql": "CREATE TABLE a (n int);", "V2__b.sql": "CREATE INDEX CONCURRENTLY i ON a (n);",
             "V2__b.sql.conf": "executeInTransaction=true"}  # fmt: skip
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(make_project({"shop": files}))
    error = caught.value.results[0].error
    assert error is not None
    assert error.hint == "V2__b.sql.conf says executeInTransaction=true: take that line out"
