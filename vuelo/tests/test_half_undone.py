"""An undo without a transaction that does not come to its end: every command knows, until it is cleared up."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.repairing import repair

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
FILES = {"V1__a.sql": "CREATE TABLE t (n int);", "V2__b.sql": "CREATE INDEX i1 ON t (n);"}
FAILS = "DROP INDEX CONCURRENTLY i1;\nSELECT 1/0;\nVACUUM t;"


def undo_fails(project: vuelo.Project) -> str:
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.undo(project)
    error = caught.value.results[0].error
    assert error is not None
    return error.hint or ""


def problems(project: vuelo.Project) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in vuelo.info(project)["shop"].problems]


def test_it_is_a_problem_that_keeps_migrate_from_going_on_until_repair(make_project: MakeProject) -> None:
    project = make_project({"shop": {**FILES, "U2__b.sql": FAILS}}, "mixed = true")
    vuelo.migrate(project)
    hint = undo_fails(project)
    assert "its first 1 statements are done" in hint
    assert "undo again" in hint
    [(code, message)] = problems(project)
    assert code == "half_undone"
    assert message.startswith("V2__b.sql is half undone: U2__b.sql, known to be done: 1 of its statements")
    with pytest.raises(vuelo.RunFailedError):
        vuelo.migrate(project)
    assert [(fix.repair.name, fix.row.script) for fix in repair(project)["shop"]] == [("CLEARED", "V2__b.sql")]
    assert problems(project) == []
    assert vuelo.migrate(project)[0].steps == ()


def test_a_killed_one_is_known_too_and_one_that_can_run_again_ends_it(
    make_project: MakeProject, conn: Connection, tmp_path: Path
) -> None:
    script = "DROP INDEX CONCURRENTLY IF EXISTS i1;\nSELECT pg_sleep(60);\nVACUUM t;"
    project = make_project({"shop": {**FILES, "U2__b.sql": script}}, "mixed = true")
    vuelo.migrate(project)
    command = [Path(sys.executable).with_name("vuelo"), "undo", "--yes"]
    runner = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sleeps = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    deadline = time.monotonic() + 30
    while (found := conn.execute(sleeps).fetchone()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait(10)
    conn.execute("SELECT pg_terminate_backend(%s, 5000)", found)
    assert [code for code, _ in problems(project)] == ["half_undone"]
    project = make_project({"shop": {"U2__b.sql": script.replace("60", "0")}}, "mixed = true")
    assert [step.script for step in vuelo.undo(project)[0].steps] == ["U2__b.sql"]
    assert "half_undone" not in [code for code, _ in problems(project)]
    assert [step.script for step in vuelo.migrate(project)[0].steps] == ["V2__b.sql"]
    assert problems(project) == []


def test_a_first_statement_that_fails_leaves_no_trace(make_project: MakeProject) -> None:
    project = make_project({"shop": {**FILES, "U2__b.sql": "DROP INDEX CONCURRENTLY none_such;"}})
    vuelo.migrate(project)
    assert undo_fails(project) == "it left nothing behind; undo runs it again"
    assert problems(project) == []


def test_repair_takes_what_was_half_done_out_of_the_log(make_project: MakeProject, conn: Connection) -> None:
    script = "CREATE TABLE u ();\nSELECT 1/0;\nVACUUM u;"
    project = make_project({"shop": {"V1__a.sql": script}}, "mixed = true")
    with pytest.raises(vuelo.RunFailedError):
        vuelo.migrate(project)
    repair(project)
    count = conn.execute("SELECT count(*) FROM shop.vuelo_log").fetchone()
    assert count == (0,)


def test_an_entry_of_another_history_says_nothing(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    conn.execute("UPDATE shop.flyway_schema_history SET success = false WHERE version = '2'")
    conn.execute("UPDATE shop.vuelo_log SET duration_ms = NULL, script = 'V7__other.sql'")
    [(code, message)] = problems(project)
    assert (code, message) == ("failed", "V2__b.sql failed and is not cleared up")


def test_a_history_that_begins_anew_has_a_log_of_its_own(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": {"R__r.sql": "SELECT 1;"}})
    vuelo.migrate(project)
    conn.execute("UPDATE shop.vuelo_log SET action = 'UNDO'")
    conn.execute("DROP TABLE shop.flyway_schema_history")
    vuelo.migrate(make_project({"shop": {"R__r.sql": "SELECT 1;"}}, "baseline_on_migrate = true"))
    assert conn.execute("SELECT action, installed_rank FROM shop.vuelo_log").fetchall()[0][0] == "MIGRATE"
