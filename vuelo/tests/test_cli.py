"""The command line: exit codes, what goes to stdout and stderr, what an error looks like."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import vuelo

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]

FILES = {"V1__a.sql": "CREATE TABLE a ();", "U1__a.sql": "DROP TABLE a;", "R__r.sql": "SELECT 1;"}


def tables(conn: Connection) -> list[str]:
    query = """SELECT tablename FROM pg_tables WHERE schemaname = 'shop'
                AND tablename NOT IN ('flyway_schema_history', 'vuelo_log')"""
    return [name for [name] in conn.execute(query)]


def answered(folder: Path, answer: str, *arguments: str) -> tuple[int, str]:
    """Runs `vuelo` with a terminal as stdin, on which somebody types `answer`; the exit code and stderr."""
    ours, theirs = pty.openpty()
    command = [Path(sys.executable).with_name("vuelo"), *arguments]
    with subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        _, talk = process.communicate(timeout=60)
    os.close(ours)
    return process.returncode, talk.decode()


def test_migrate_tells_what_was_applied_and_then_that_nothing_is_to_do(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": FILES})
    first = cli("migrate")
    assert first.returncode == 0
    assert "1, R__r.sql" in first.stdout
    assert first.stderr == "shop: 1/2 V1__a.sql\nshop: 2/2 R__r.sql\n"
    second = cli("migrate")
    assert (second.returncode, second.stderr) == (0, "")
    assert "nothing to do" in second.stdout


def test_migrate_as_data(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": FILES, "bank": {}}, 'schema = "{service}_schema"')
    data = json.loads(cli("migrate", "--json").stdout)
    [shop, bank] = data["services"]
    assert {**shop, "durationMs": 0, "steps": len(shop["steps"])} == {
        "service": "shop", "schema": "shop_schema", "durationMs": 0, "steps": 2, "error": None,
    }  # fmt: skip
    assert {**shop["steps"][0], "durationMs": 0} == {
        "script": "V1__a.sql", "version": "1", "description": "a", "durationMs": 0,
    }  # fmt: skip
    assert bank["steps"] == []


def test_info_as_data_has_flyway_s_names(make_project: MakeProject, cli: Cli, tmp_path: Path) -> None:
    make_project({"shop": {"V1__Add_users.sql": "CREATE TABLE t (id int);\n", "U1__x.sql": ""}})
    cli("migrate")
    make_project({"shop": {"V2__b.sql": "SELECT 1;"}})
    [shop] = json.loads(cli("info", "--json").stdout)["services"]
    assert (shop["service"], shop["schemaVersion"], shop["upToDate"]) == ("shop", "1", False)
    creation, done, waiting, undo = shop["migrations"]
    changing = ("installedOn", "installedOnUTC", "executionTime", "time")
    assert {key: done[key] for key in done if key not in changing} == {
        "category": "Versioned", "version": "1", "description": "Add users", "type": "SQL", "state": "Success",
        "undoable": "Yes", "script": "V1__Add_users.sql", "filepath": str(tmp_path / "shop" / "V1__Add_users.sql"),
        "installedBy": "postgres", "checksum": 92137680, "kind": "versioned", "installedRank": 1, "phase": "expand",
        "undoFilepath": str(tmp_path / "shop" / "U1__x.sql"),
    }  # fmt: skip
    assert (creation["type"], creation["category"], creation["kind"]) == ("SCHEMA", "", "")
    assert (undo["category"], undo["version"], undo["type"], undo["state"]) == ("Undo", "1", "UNDO_SQL", "Available")
    assert (waiting["version"], waiting["state"], waiting["undoable"]) == ("2", "Pending", "No")
    assert [problem["code"] for problem in shop["problems"]] == ["pending"]


def test_info_as_a_table(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": {"V1__Add_[red]users.sql": ""}})
    shown = cli("info")
    assert shown.returncode == 0
    assert "shop: schema version none" in shown.stdout
    [line] = [line for line in shown.stdout.splitlines() if "Pending" in line]
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "Versioned", "1", "Add [red]users", "SQL", "", "", "Pending", "No",
    ]  # fmt: skip


def test_info_shows_what_would_stop_migrate_below_the_tables(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": {"V1__a.sql": ""}})
    assert "not applied" not in cli("info").stdout
    make_project({"shop": {"V1_0__again.sql": "", "notes.sql": ""}})
    shown = cli("info")
    assert shown.returncode == 0
    assert "shop: more than one versioned migration with version 1" in shown.stdout
    assert "notes.sql is no migration" in shown.stdout


def test_brackets_in_names_are_no_markup_and_nothing_wraps(url: str, cli: Cli, tmp_path: Path) -> None:
    name = f"__[red]a[ [b]{'b' * 90}.sql"
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / f"V1{name}").write_text("CREATE TABLE a ();")
    (tmp_path / "m" / f"U1{name}").write_text("DROP TABLE a;")
    services = '[services."[red]s[/]"]\nschema = "[red]x[/]"'
    (tmp_path / "vuelo.toml").write_text(f'url = "{url}"\nlocations = ["m"]\n{services}\n')
    done = cli("migrate")
    assert (done.returncode, done.stderr) == (0, f"[red]s[/]: 1/1 V1{name}\n")
    assert "[red]s[/]" in done.stdout
    assert "[red]x[/]" in done.stdout
    assert "[red]s[/]: schema version 1" in cli("info").stdout
    undone = cli("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert f"[red]s[/]: V1{name} is taken back by U1{name}\n" in undone.stderr


def test_validate_fails_until_all_is_applied_and_after_a_change(make_project: MakeProject, cli: Cli) -> None:
    long_name = f"V1__{'a' * 150}.sql"
    make_project({"shop": {long_name: "CREATE TABLE a ();"}})
    assert cli("validate").returncode == 1
    cli("migrate")
    good = cli("validate")
    assert (good.returncode, "agree" in good.stdout) == (0, True)
    make_project({"shop": {long_name: "CREATE TABLE other ();"}})
    bad = cli("validate")
    assert bad.returncode == 1
    [line] = [line for line in bad.stdout.splitlines() if long_name in line]
    assert "was changed" in line
    data = json.loads(cli("validate", "--json").stdout)
    assert data["valid"] is False
    assert [problem["code"] for problem in data["services"][0]["problems"]] == ["checksum"]
    refused = cli("migrate")
    assert refused.returncode == 1
    assert "the files and the history do not agree" in refused.stderr


def test_an_error_shows_file_line_caret_sqlstate_and_hint(make_project: MakeProject, cli: Cli, tmp_path: Path) -> None:
    script = "CREATE TABLE a (name text);\n\n\tSELECT ':x:', '[red]', nam FROM a; -- \\\n"
    make_project({"shop": {"V1__a.sql": script}})
    done = cli("migrate")
    assert done.returncode == 1
    assert done.stdout == ""
    path = tmp_path / "shop" / "V1__a.sql"
    expected = [
        "shop: 1/1 V1__a.sql",
        'error: column "nam" does not exist (SQLSTATE 42703)',
        f" --> {path}:3:25",
        "  |",
        "3 | \tSELECT ':x:', '[red]', nam FROM a; -- \\".expandtabs(),
        f"  | \t{' ' * 23}^".expandtabs(),
        "",
        'hint: Perhaps you meant to reference the column "a.name".',
        "error: 1 of 1 service failed: shop",
    ]
    assert done.stderr.splitlines() == expected


def test_an_error_without_a_place_still_names_the_file(make_project: MakeProject, cli: Cli, tmp_path: Path) -> None:
    deferred = (
        "CREATE TABLE a (n int PRIMARY KEY, up int REFERENCES a INITIALLY DEFERRED); INSERT INTO a VALUES (1, 2);"
    )
    make_project({"shop": {"V1__a.sql": deferred}})
    assert f" --> {tmp_path / 'shop' / 'V1__a.sql'}\ndetail: Key (up)=(2)" in cli("migrate").stderr


def test_an_error_as_data(make_project: MakeProject, cli: Cli, tmp_path: Path) -> None:
    make_project({"shop": {"V1__a.sql": "SELECT 1;\nSELECT nope;"}})
    done = cli("migrate", "--json")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "run.failed"
    assert error["services"][0]["error"] == {
        "code": "script.failed", "message": 'column "nope" does not exist', "hint": None, "sqlstate": "42703",
        "detail": None, "context": None, "file": str(tmp_path / "shop" / "V1__a.sql"), "line": 2, "column": 8,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["migrate", "--service", "nope"], 1, "no service nope"),
        (["migrate", "--config", "nowhere.toml"], 1, "there is no nowhere.toml"),
        (["migrate", "--environment", "nope", "--config", "environments.toml"], 1, "no environment 'nope'"),
        (["migrate", "--target", "abc"], 2, "is no target"),
        (["info", "--target", "abc"], 2, "is no target"),
        (["validate", "--target", "abc"], 2, "is no target"),
        (["migrate", "--nope"], 2, "No such option"),
        (["nope"], 2, "No such command"),
        (["undo", "--steps", "0"], 2, "--steps"),
    ],
)
def test_failures_exit_with_1_and_wrong_usage_with_2(
    make_project: MakeProject, cli: Cli, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    make_project({"shop": {}})
    (tmp_path / "environments.toml").write_text('url = "x"\n[services.a]\n[environments.development]\n')
    done = cli(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_only_the_named_services_are_migrated(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": FILES, "bank": FILES, "mill": FILES})
    data = json.loads(cli("migrate", "--json", "-s", "mill", "--service", "shop").stdout)
    assert [service["service"] for service in data["services"]] == ["mill", "shop"]


def test_target_and_out_of_order(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": {"V1__a.sql": "", "V2__b.sql": "", "V3__c.sql": ""}})
    assert "1, 2\n" in cli("migrate", "--target", "2.0").stdout
    make_project({"shop": {"V1_5__late.sql": ""}})
    assert cli("migrate").returncode == 1
    assert "1.5, 3\n" in cli("migrate", "--out-of-order").stdout


def test_undo_asks_for_the_name_of_the_database(
    make_project: MakeProject, conn: Connection, cli: Cli, tmp_path: Path
) -> None:
    make_project({"shop": FILES})
    cli("migrate")
    code, talk = answered(tmp_path, "yes", "undo")
    assert code == 1
    assert "that is not the name; nothing was changed" in talk
    assert tables(conn) == ["a"]
    code, talk = answered(tmp_path, str(conn.info.dbname), "undo")
    assert (code, f"Type {conn.info.dbname} to go on" in talk) == (0, True)
    assert tables(conn) == []


def test_the_name_is_asked_for_even_when_the_address_does_not_say_it(
    make_project: MakeProject, conn: Connection, url: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(conn.info.dbname)
    monkeypatch.setenv("PGDATABASE", name)
    parts = conninfo_to_dict(url)
    del parts["dbname"]
    make_project({"shop": FILES}, address=make_conninfo("", **parts))
    assert cli("migrate").returncode == 0
    assert answered(tmp_path, "", "undo")[0] == 1
    assert tables(conn) == ["a"]
    assert answered(tmp_path, name, "undo")[0] == 0


def test_undo_without_a_terminal_needs_yes(make_project: MakeProject, conn: Connection, cli: Cli) -> None:
    make_project({"shop": FILES})
    cli("migrate")
    refused = cli("undo", stdin=f"{conn.info.dbname}\n")
    assert (refused.returncode, "add --yes" in refused.stderr) == (1, True)
    assert tables(conn) == ["a"]
    done = cli("undo", "--yes")
    assert done.returncode == 0
    assert "V1__a.sql is taken back by U1__a.sql" in done.stderr
    assert tables(conn) == []
    assert "nothing to undo" in cli("undo", "--yes").stdout


def test_undo_as_data(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": FILES})
    cli("migrate")
    [shop] = json.loads(cli("undo", "--yes", "--json").stdout)["services"]
    assert [step["script"] for step in shop["steps"]] == ["U1__a.sql"]
    assert json.loads(cli("undo", "--yes", "--json").stdout) == {"services": []}


def test_what_the_system_refuses_is_an_error_and_no_bug(make_project: MakeProject, cli: Cli, tmp_path: Path) -> None:
    make_project({"shop": FILES})
    (tmp_path / "shop" / os.fsdecode(b"V9__a\xf1o.sql")).write_text("")
    for arguments in (["info"], ["info", "--json"], ["validate"], ["--help"]):
        with Path("/dev/full").open("w") as full:
            command = [Path(sys.executable).with_name("vuelo"), *arguments]
            done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (1, "error: No space left on device\n"), arguments
    misnamed = cli("validate")
    assert misnamed.returncode == 1
    assert f"{tmp_path}/shop/V9__a\\xf1o.sql is no migration: its name is not UTF-8" in misnamed.stdout
    assert misnamed.stderr == ""
    assert cli("info").returncode == 0
    assert cli("info", "--json").returncode == 0
    refused = cli("migrate")
    assert (refused.returncode, "its name is not UTF-8" in refused.stderr) == (1, True)


def test_version(cli: Cli) -> None:
    done = cli("--version")
    assert (done.returncode, done.stdout) == (0, f"vuelo {metadata.version('vuelo')}\n")


def test_help_is_on_stdout_and_names_the_commands(cli: Cli) -> None:
    done = cli("--help")
    assert done.returncode == 0
    for command in ("migrate", "info", "validate", "undo"):
        assert command in done.stdout
