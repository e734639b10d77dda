"""Operations commands on record: one at a time, ended as they ended."""

from typing import Any

import psycopg
import pytest

from gasolinera.errors import ConflictError
from gasolinera.ops.reaching import ops_session
from gasolinera.ops.runs import recorded_run

Connection = psycopg.Connection[Any]


def test_a_run_is_recorded_with_what_came_of_it(ops: Connection) -> None:
    with recorded_run(ops, "cleanup", "auth") as run:
        run.result = {"rows": 7}
        run.outcome = "WARNING"
    rows = ops.execute("SELECT command, scope, outcome, result, error FROM ops_schema.runs").fetchall()
    assert rows == [("cleanup", "auth", "WARNING", {"rows": 7}, None)]


def test_a_run_that_fails_is_recorded_with_the_reason(ops: Connection) -> None:
    with pytest.raises(ValueError, match="no disk"), recorded_run(ops, "backup base"):
        raise ValueError("no disk")
    assert ops.execute("SELECT outcome, error FROM ops_schema.runs").fetchall() == [("FAILED", "no disk")]


def test_what_a_server_quotes_of_a_row_is_not_kept(ops: Connection) -> None:
    twice = """INSERT INTO ops_schema.partition_rules (service, table_pattern, reason, explanation)
               SELECT 'auth', 'p5512345678', 'SPACE', 'A test.' FROM generate_series(1, 2)"""
    with pytest.raises(psycopg.errors.UniqueViolation, match="5512345678"), recorded_run(ops, "cleanup"):
        ops.execute(twice.encode())
    (row,) = ops.execute("SELECT error FROM ops_schema.runs").fetchall()
    assert row == ('duplicate key value violates unique constraint "partition_rules_pk" (23505)',)


def test_two_of_a_scope_do_not_run_at_once_and_two_of_others_do(ops: Connection, ops_url: str) -> None:
    with ops_session(ops_url) as other, recorded_run(ops, "cleanup", "auth"):
        with (
            pytest.raises(ConflictError, match="another process runs `cleanup auth`"),
            recorded_run(other, "cleanup", "auth"),
        ):
            pass
        with recorded_run(other, "cleanup", "station"):
            pass
    with ops_session(ops_url) as other, recorded_run(other, "cleanup", "auth"):
        pass


def test_a_run_whose_process_was_killed_is_ended_by_the_next(ops: Connection, ops_url: str) -> None:
    ops.execute("INSERT INTO ops_schema.runs (command) VALUES ('cleanup')")
    with recorded_run(ops, "cleanup"):
        pass
    rows = ops.execute("SELECT outcome, error FROM ops_schema.runs ORDER BY id").fetchall()
    assert rows == [("FAILED", "the process ended"), ("OK", None)]
