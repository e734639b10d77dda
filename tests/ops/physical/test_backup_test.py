"""The newest backup tried out: restored, looked at, and what came of it on record."""

import json
from collections.abc import Generator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from gasolinera.errors import UnknownError
from gasolinera.ops import catalogue
from gasolinera.ops.backup_testing import TableDifference, Trying, row_differences, try_backup
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.dumping import Wanted, back_up
from gasolinera.ops.reaching import Operations, ops_session
from tests.ops.physical.conftest import Connection, Story, switch_log


@pytest.fixture
def ops(platform: Operations) -> Generator[Connection]:
    with ops_session(platform.ops_url) as conn:
        yield conn


def test_a_good_backup_is_tried_out_and_the_cost_of_a_disaster_is_told(
    story: Story, platform: Operations, ops: Connection
) -> None:
    began = datetime.now(UTC)
    result = try_backup(platform, Trying(label=story.later.label))
    assert result.error is None
    assert result.succeeded
    (service,) = result.services
    assert service.service == "station"
    assert service.problems == ()
    with psycopg.connect(story.url) as conn:
        expected = conn.execute("SELECT count(*) FROM station_schema.stations").fetchone()
    assert expected is not None
    assert service.rows > expected[0] > 0
    assert result.recovery_point is not None
    assert story.later.started_at < result.recovery_point <= datetime.now(UTC)
    assert result.lost_s == pytest.approx(max((began - result.recovery_point).total_seconds(), 0), abs=30)
    assert result.recovery_s is not None
    row = ops.execute(
        """SELECT t.succeeded, t.recovery_point, t.recovery_s, t.report ->> 'label'
             FROM ops_schema.restore_tests AS t ORDER BY t.id DESC LIMIT 1"""
    ).fetchone()
    assert row == (True, result.recovery_point, result.recovery_s, story.later.label)


def test_rows_that_break_what_the_server_believes_in_are_findings(story: Story, platform: Operations) -> None:
    """A restored file is believed as it is: nobody has looked whether a reference leads anywhere."""
    with psycopg.connect(story.url, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        (number, station) = conn.execute("SELECT id, station_id FROM station_schema.employees LIMIT 1").fetchone() or (
            0,
            0,
        )
        moved = "UPDATE station_schema.employees SET station_id = %s WHERE id = %s"
        conn.execute(moved, (-1, number))
        switch_log(conn)
        try:
            result = try_backup(platform, Trying(label=story.later.label))
        finally:
            conn.execute(moved, (station, number))
            switch_log(conn)
    assert result.succeeded
    assert [one.split(":")[0] for one in result.findings if "employees_station_id_fk" in one] == ["data_constraints"]


def test_a_backup_that_cannot_be_restored_fails_and_says_why(
    story: Story, platform: Operations, ops: Connection
) -> None:
    damaged = story.root / story.later.label / "data" / "backup_manifest"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    try:
        result = try_backup(platform, Trying(label=story.later.label))
    finally:
        damaged.write_bytes(whole)
    assert not result.succeeded
    assert "manifest" in (result.error or "")
    row = ops.execute("SELECT succeeded, error FROM ops_schema.restore_tests ORDER BY id DESC LIMIT 1").fetchone()
    assert row == (False, result.error)
    run = ops.execute("SELECT outcome FROM ops_schema.runs WHERE command = 'backup test' ORDER BY id DESC").fetchone()
    assert run == ("FAILED",)


def test_a_logical_backup_is_tried_out_too(platform: Operations, ops: Connection, tmp_path: Path) -> None:
    made = back_up(platform, Wanted(kind=Kind.SERVICE, services=("station",), folder=tmp_path))
    result = try_backup(platform, Trying(label=made.manifest.label, with_data_checks=False))
    assert result.error is None
    assert result.succeeded
    assert result.services[0].rows == made.manifest.services[0].rows
    assert result.recovery_point == made.manifest.services[0].consistent_at
    catalogue.record_removal(ops, made.id)


def test_one_row_too_few_makes_a_logical_backup_a_bad_one(
    platform: Operations, ops: Connection, tmp_path: Path
) -> None:
    """Its manifest's counts are of the dump's own moment: there is nothing to tolerate."""
    made = back_up(platform, Wanted(kind=Kind.SERVICE, services=("station",), folder=tmp_path))
    (rows,) = [one.rows for one in made.manifest.services[0].tables if one.name == "employees"]
    manifest = made.location / "manifest.json"
    told = json.loads(manifest.read_bytes())
    for table in told["services"][0]["tables"]:
        table["rows"] += table["name"] == "employees"
    manifest.write_text(json.dumps(told), encoding="utf-8")
    digest = sha256(manifest.read_bytes()).hexdigest()
    ops.execute("UPDATE ops_schema.backups SET manifest_sha256 = %s WHERE id = %s", (digest, made.id))
    result = try_backup(platform, Trying(label=made.manifest.label, with_data_checks=False))
    catalogue.record_removal(ops, made.id)
    assert not result.succeeded
    assert f"employees has {rows} rows instead of {rows + 1}" in (result.error or "")


def test_a_backup_that_nobody_made_cannot_be_tried_out(platform: Operations) -> None:
    with pytest.raises(UnknownError) as unknown:
        try_backup(platform, Trying(label="never-made"))
    assert unknown.value.code == "ops.backup_unknown"


def test_a_backup_that_failed_or_has_no_rows_cannot_be_tried_out(
    platform: Operations, ops: Connection, tmp_path: Path
) -> None:
    made = back_up(platform, Wanted(kind=Kind.SCHEMA, services=("station",), folder=tmp_path))
    with pytest.raises(UnknownError, match="has no rows"):
        try_backup(platform, Trying(label=made.manifest.label))
    catalogue.record_removal(ops, made.id)
    with pytest.raises(UnknownError, match="was removed"):
        try_backup(platform, Trying(label=made.manifest.label))


def test_rows_may_have_come_and_gone_since_but_not_most_of_a_table() -> None:
    running = {"growing": 1_000_000, "small": 40, "emptied": 50_000, "new": 900}
    restored = {"growing": 960_000, "small": 0, "emptied": 0}
    assert row_differences(restored, running, 0.05) == [TableDifference("emptied", 0, 50_000)]
    assert row_differences({"a": 5000}, {"a": 100}, 0.05) == [TableDifference("a", 5000, 100)]
