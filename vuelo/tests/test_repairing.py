"""Repair writes exactly Flyway's rows, says what it did, and leaves alone what it is told to."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.errors import VueloError
from vuelo.repairing import Repair, repair

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]

# CRC-32 as Flyway has it, worked out by hand: of "SELECT 1;", of "SELECT 2;", of "SELECT 'shop';", of
# "SELECT '${flyway:defaultSchema}';".
ONE, TWO, RENDERED, RAW = 78787420, 798974111, 1775543519, 298666440
FILES = {"V1__One.sql": "SELECT 1;\n", "V2__Two.sql": "SELECT 2;\n"}


def rows(conn: Connection) -> list[tuple[Any, ...]]:
    """Everything but who and when."""
    return conn.execute(
        """SELECT installed_rank, version, description, type, script, checksum, success
             FROM shop.flyway_schema_history WHERE installed_rank > 0 ORDER BY 1"""
    ).fetchall()


def test_the_row_of_a_failed_migration_goes(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    conn.execute("UPDATE shop.flyway_schema_history SET success = false WHERE version = '2'")
    [[fix]] = repair(project).values()
    assert (fix.repair, fix.row.script) == (Repair.REMOVED, "V2__Two.sql")
    assert rows(conn) == [(1, "1", "One", "SQL", "V1__One.sql", ONE, True)]
    assert repair(project) == {"shop": ()}


def test_a_changed_and_renamed_file_is_accepted(make_project: MakeProject, conn: Connection, tmp_path: Any) -> None:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    (tmp_path / "shop" / "V1__One.sql").unlink()
    make_project({"shop": {"V1__First.sql": "SELECT 2;\n"}})
    [[fix]] = repair(project).values()
    assert fix.changes == (f"checksum {ONE} to {TWO}", "description 'One' to 'First'")
    assert rows(conn) == [
        (1, "1", "First", "SQL", "V1__One.sql", TWO, True),  # the name of the script stays, as in Flyway
        (2, "2", "Two", "SQL", "V2__Two.sql", TWO, True),
    ]
    assert vuelo.info(project)["shop"].problems == ()


def test_what_is_missing_is_marked_as_deleted(make_project: MakeProject, conn: Connection, tmp_path: Any) -> None:
    project = make_project({"shop": {**FILES, "R__View.sql": "SELECT 1;"}})
    vuelo.migrate(project)
    (tmp_path / "shop" / "V1__One.sql").unlink()
    (tmp_path / "shop" / "R__View.sql").unlink()
    repair(project)
    assert rows(conn)[3:] == [
        (4, "1", "One", "DELETE", "V1__One.sql", ONE, True),
        (5, None, "View", "DELETE", "R__View.sql", ONE, True),
    ]
    assert [time for (time,) in conn.execute(
        "SELECT execution_time FROM shop.flyway_schema_history WHERE type = 'DELETE'"
    )] == [0, 0]  # fmt: skip
    states = [(e.row.script, e.state.value) for e in vuelo.info(project)["shop"].entries if e.row and e.row.version]
    assert states == [("V1__One.sql", "Deleted"), ("V2__Two.sql", "Success")]


def test_what_is_of_the_future_stays_unless_no_pattern_says_so(
    make_project: MakeProject, conn: Connection, tmp_path: Any
) -> None:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    (tmp_path / "shop" / "V2__Two.sql").unlink()
    assert repair(project) == {"shop": ()}
    assert repair(project.changed(ignore_migration_patterns=("repeatable:future",)))["shop"][0].row.version_text == "2"
    assert rows(conn)[2:] == [(3, "2", "Two", "DELETE", "V2__Two.sql", TWO, True)]


def test_a_repeatable_is_aligned_only_from_the_checksum_of_its_raw_text(
    make_project: MakeProject, conn: Connection
) -> None:
    project = make_project({"shop": {"R__View.sql": "SELECT '${flyway:defaultSchema}';"}})
    vuelo.migrate(project)
    for stored, expected in ((RAW, RENDERED), (5, 5)):
        conn.execute("UPDATE shop.flyway_schema_history SET checksum = %s WHERE installed_rank = 1", (stored,))
        repair(project)
        assert rows(conn)[0][5] == expected


def test_a_dry_run_changes_nothing_and_says_the_same(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    make_project({"shop": {"V2__Two.sql": "SELECT 1;"}})
    before = rows(conn)
    would = repair(project, dry_run=True)
    assert rows(conn) == before
    assert repair(project) == would
    assert rows(conn) != before


def test_there_must_be_a_history(make_project: MakeProject) -> None:
    with pytest.raises(VueloError, match="no history shop") as caught:
        repair(make_project({"shop": FILES}))
    assert caught.value.code == "history.missing"


def test_repair_waits_for_the_lock(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": FILES}, "wait_s = 0.2")
    vuelo.migrate(project)
    # The letters "Flyway" as a number, and Java's hashCode of "shop"."flyway_schema_history" in quotes.
    hash_code = 0
    for letter in '"shop"."flyway_schema_history"':
        hash_code = (31 * hash_code + ord(letter)) % 2**32
    conn.execute("SELECT pg_advisory_lock(%s)", (77431708279161 + hash_code - (hash_code >> 31 << 32),))
    with pytest.raises(VueloError) as caught:
        repair(project)
    assert caught.value.code == "lock.timeout"


def test_the_command_tells_what_it_did(make_project: MakeProject, cli: Cli, tmp_path: Any) -> None:
    vuelo.migrate(make_project({"shop": {**FILES, "V3__Three.sql": "SELECT 3;"}}))
    (tmp_path / "shop" / "V2__Two.sql").unlink()
    make_project({"shop": {"V1__One.sql": "SELECT 2;"}})
    spared = cli("repair", "--ignore", "*:missing", "--dry-run")
    assert spared.stdout == f"shop: V1__One.sql (rank 1) would be aligned: checksum {ONE} to {TWO}\n"
    told = cli("repair", "--json")
    assert json.loads(told.stdout)["services"][0]["fixes"] == [
        {"repair": "deleted", "installedRank": 2, "version": "2", "description": "Two", "script": "V2__Two.sql",
         "changes": []},
        {"repair": "aligned", "installedRank": 1, "version": "1", "description": "One", "script": "V1__One.sql",
         "changes": [f"checksum {ONE} to {TWO}"]},
    ]  # fmt: skip
    assert cli("repair").stdout == "nothing to repair\n"
    assert cli("repair", "--ignore", "missing").returncode == 2
