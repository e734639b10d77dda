"""The filters of info, and what the table shows."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import vuelo

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]

FILES = {
    "V1__One.sql": "SELECT 1;", "V2__Two.sql": "SELECT 2;", "V10__Ten.sql": "SELECT 10;", "R__View.sql": "SELECT 0;",
    "U2__Two.sql": "SELECT 2;",
}  # fmt: skip


@pytest.fixture
def applied(make_project: MakeProject, conn: Connection) -> None:
    """1 and 2 and the view were applied on three days, 10 is pending."""
    vuelo.migrate(make_project({"shop": FILES}), target="2")
    for rank, day in ((0, "2026-01-01"), (1, "2026-01-01"), (2, "2026-01-02"), (3, "2026-01-03")):
        conn.execute(
            "UPDATE shop.flyway_schema_history SET installed_on = %s, execution_time = 61200 WHERE installed_rank = %s",
            (f"{day} 10:00:00", rank),
        )


@pytest.mark.usefixtures("applied")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["", "1", "2", "View", "10", "U2"]),
        (["--since-version", "2"], ["", "2", "View", "10", "U2"]),
        (["--until-version", "2.0"], ["1", "2", "U2"]),
        (["--since-version", "1.1", "--until-version", "9"], ["2", "U2"]),
        (["--since-date", "2026-01-02"], ["2", "View", "10", "U2"]),
        (["--since-date", "2026-01-02 10:00:00"], ["View", "10", "U2"]),
        (["--until-date", "02/01/2026 10:00"], ["", "1"]),
        (["--state", "pending"], ["10"]),
        (["--state", "Success", "--state", "PENDING", "--since-version", "2"], ["", "2", "View", "10"]),
        (["--state", "available"], ["U2"]),
        (["--state", "out of order"], []),
    ],
)
def test_filters_are_flyway_s(cli: Cli, options: list[str], expected: list[str]) -> None:
    [shop] = json.loads(cli("info", "--json", *options).stdout)["services"]
    shown = [
        "U" * (one["category"] == "Undo") + (one["version"] or ("View" if one["kind"] == "repeatable" else ""))
        if one["type"] != "SCHEMA"
        else ""
        for one in shop["migrations"]
    ]
    assert shown == expected


@pytest.mark.usefixtures("applied")
def test_the_table_has_flyway_s_columns_and_the_time(cli: Cli) -> None:
    lines = cli("info").stdout.splitlines()
    assert lines[0] == "shop: schema version 2"
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert table == [
        ["Category", "Version", "Description", "Type", "Installed On", "Time", "State", "Undoable"],
        ["", "", "<< Flyway Schema Creation >>", "SCHEMA", "2026-01-01 10:00:00", "1 min 1 s", "Success", ""],
        ["Versioned", "1", "One", "SQL", "2026-01-01 10:00:00", "1 min 1 s", "Success", "No"],
        ["Versioned", "2", "Two", "SQL", "2026-01-02 10:00:00", "1 min 1 s", "Success", "Yes"],
        ["Repeatable", "", "View", "SQL", "2026-01-03 10:00:00", "1 min 1 s", "Success", ""],
        ["Versioned", "10", "Ten", "SQL", "", "", "Pending", "No"],
    ]
    assert len({len(line) for line in lines[1:]}) == 1
    assert "Undo " in cli("info", "--state", "available").stdout


def test_wide_letters_keep_the_table_straight(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": {"V1__新しい表.sql": "", "V2__abc.sql": ""}})
    lines = [line for line in cli("info").stdout.splitlines() if line.startswith("| Versioned")]
    assert len(lines[1]) - len(lines[0]) == 4  # each of those letters takes two columns


def test_where_nothing_is_to_be_shown_the_reason_is_told(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": {}})
    assert cli("info").stdout == "shop: no migrations found; vuelo new writes one\n"
    make_project({"shop": {"V1__a.sql": ""}})
    told = cli("info", "--state", "deleted").stdout
    assert told == "shop: schema version none; the filters leave nothing of its 1 lines\n"


def test_wrong_filters_are_wrong_usage(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": {}})
    for options in (["--state", "lost"], ["--since-date", "yesterday"], ["--until-version", "x"], ["--ignore", "x"]):
        assert cli("info", *options).returncode == 2
    assert cli("validate", "--ignore", "*:nothing").returncode == 2


def test_validate_leaves_alone_what_it_is_told_to(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": {"V1__a.sql": ""}})
    assert cli("validate").returncode == 1
    assert cli("validate", "--ignore", "*:pending").returncode == 0
