"""The commands: what they show, what they ask, and with which code they end."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from gasolinera.cli.app import app
from gasolinera.errors import InputError, UnknownError
from gasolinera.ops.reaching import Operations
from tests.conftest import Connection
from tests.ops.partitions.growing_tables import make_scans, month, name_of, rows_of, set_rule
from vuelo import VueloError
from vuelo.embedded import Server

Command = Callable[..., Result]


@pytest.fixture
def ops_command(server: Server, database: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", server.dsn(database))
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "test")
    monkeypatch.delenv("GASOLINERA_ARCHIVE_LOCATION", raising=False)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["ops", *words])

    return run


def test_status_shows_each_table_and_what_it_lacks(operations: Operations, ops_command: Command) -> None:
    make_scans(operations, [5, 3, 1])
    set_rule(operations, "ARCHIVE", 3)
    shown = ops_command("partitions", "status", "-s", "coupon")
    assert shown.exit_code == 0, shown.output
    assert "archive after 3 months" in shown.stdout
    assert "alert: coupon_schema.scans: partitions missing in between: " in shown.stderr
    (listed,) = msgspec.json.decode(ops_command("partitions", "status", "--json", "-s", "coupon").stdout)
    assert (listed["table"], listed["partitions"], listed["due"]) == ("coupon_schema.scans", 7, [name_of(5)])
    assert listed["until"] == f"{month(-4):%Y-%m-%d}T00:00:00Z"


def test_maintain_says_first_what_it_would_do_then_asks_and_does_it(
    operations: Operations, ops_command: Command, tmp_path: Path
) -> None:
    make_scans(operations, [5, 1])
    set_rule(operations, "ARCHIVE", 3, ahead=4)
    said = ops_command("partitions", "maintain", "-s", "coupon", "--dry-run")
    assert f"coupon_schema.scans: make {month(-4):%Y-%m-%d}\n" in said.stdout
    assert f"coupon_schema.scans: archive {name_of(5)} (SPACE: A test says so.)\n" in said.stdout
    refused = ops_command("partitions", "maintain", "-s", "coupon", "--to", str(tmp_path))
    assert isinstance(refused.exception, VueloError)
    assert refused.exception.code == "confirm.no_terminal"
    assert len(rows_of(operations, "coupon_schema.scans")) == 100
    without = ops_command("partitions", "maintain", "-s", "coupon", "--yes", "--json")
    assert without.exit_code == 1
    assert "no place for archives is named" in without.stderr
    (done,) = msgspec.json.decode(without.stdout)
    assert done["made"][0] == f"coupon_schema.{name_of(-4)}"
    done = ops_command("archive", "run", "--yes", "--to", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert f"coupon_schema.{name_of(5)}: dropped, 50 rows in " in done.stdout
    assert f"coupon_schema.{name_of(5)}: verified" in done.stderr
    nothing = ops_command("partitions", "maintain", "-s", "coupon")
    assert nothing.stdout == "0 partitions made, 0 half-done things finished\nno partition is due\n"


def test_archives_are_listed_verified_and_restored(
    operations: Operations, ops_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scans(operations, [5])
    set_rule(operations, "ARCHIVE", 3)
    before = rows_of(operations, "coupon_schema.scans")
    monkeypatch.setenv("GASOLINERA_ARCHIVE_LOCATION", str(tmp_path))
    due = ops_command("archive", "run", "--dry-run")
    assert due.stdout == f"coupon_schema.scans: archive {name_of(5)} (SPACE: A test says so.)\n"
    assert ops_command("archive", "run", "--yes").exit_code == 0
    (listed,) = msgspec.json.decode(ops_command("archive", "list", "--json").stdout)
    assert (listed["partition_name"], listed["state"], listed["row_count"]) == (name_of(5), "DROPPED", 50)
    assert "DROPPED" in ops_command("archive", "list", "-t", "scans").stdout
    number = str(listed["id"])
    assert f"archive {number} is intact: 50 rows" in ops_command("archive", "verify", number).stdout
    restored = ops_command("archive", "restore", number, "--table", "looked_at")
    assert restored.stdout == "50 rows in coupon_restored.looked_at\n"
    assert rows_of(operations, "coupon_restored.looked_at") == before
    (tmp_path / listed["file"]).write_bytes(b"rubbish")
    broken = ops_command("archive", "verify", number)
    assert isinstance(broken.exception, InputError)
    assert broken.exception.code == "ops.archive_corrupt"


def test_convert_shows_its_plan_refuses_and_converts(
    operations: Operations, admin: Connection, ops_command: Command
) -> None:
    admin.execute("SET ROLE coupon_owner")
    admin.execute(
        """CREATE TABLE coupon_schema.scans (id bigint PRIMARY KEY, at timestamptz NOT NULL);
           CREATE TABLE coupon_schema.scans_of (scan bigint REFERENCES coupon_schema.scans)"""
    )
    words = ("partitions", "convert", "coupon", "scans", "--column", "at", "--cutoff", f"{month(-2):%Y-%m-%d}")
    refused = ops_command(*words, "--yes")
    assert refused.exit_code == 1
    assert "refused: coupon_schema.scans_of.scans_of_scan_fkey points to it" in refused.stderr
    admin.execute("DROP TABLE coupon_schema.scans_of")
    planned = ops_command(*words, "--dry-run")
    assert planned.exit_code == 0
    assert "carried over: primary key scans_pkey, which becomes (id, at)" in planned.stdout
    converted = ops_command(*words, "--yes")
    assert converted.exit_code == 0, converted.output
    assert f"is partitioned; what it had is scans_{month(-1):%Y_%m}. Locked for" in converted.stdout


def test_a_service_that_is_none_is_refused(operations: Operations, ops_command: Command) -> None:
    refused = ops_command("partitions", "status", "-s", "bakery")
    assert isinstance(refused.exception, InputError)
    assert refused.exception.hint == "known are auth, station, coupon, redemption, ads, raffle"


def test_a_table_on_hold_loses_nothing_until_it_is_released(operations: Operations, ops_command: Command) -> None:
    make_scans(operations, [5])
    set_rule(operations, "DROP", 3)
    held = ops_command("partitions", "hold", "coupon", "scans", "the court")
    assert held.stdout == "scans of coupon is on hold\n"
    kept = ops_command("archive", "run", "--yes")
    assert kept.stdout == "no partition is due\n"
    rules = msgspec.json.decode(ops_command("partitions", "rules", "--json").stdout)
    assert [(one["action"], one["legal_hold"]) for one in rules if one["table_pattern"] == "scans"] == [
        ("DROP", "the court")
    ]
    assert "the court" in ops_command("partitions", "rules").stdout
    released = ops_command("partitions", "release", "coupon", "scans")
    assert released.stdout == "scans of coupon: drop, SPACE: A test says so.\n"
    again = ops_command("partitions", "release", "coupon", "scans")
    assert isinstance(again.exception, UnknownError)
    assert f"coupon_schema.{name_of(5)}: dropped" in ops_command("archive", "run", "--yes").stdout


def test_a_table_without_a_rule_of_its_own_gets_one_with_its_hold(
    operations: Operations, admin: Connection, ops_command: Command
) -> None:
    unknown = ops_command("partitions", "hold", "coupon", "coupon_audit_log", "an audit")
    assert isinstance(unknown.exception, UnknownError)
    assert unknown.exception.code == "ops.no_table"
    admin.execute("CREATE TABLE coupon_schema.coupon_audit_log (id int)")
    ops_command("partitions", "hold", "coupon", "coupon_audit_log", "an audit")
    rule = "SELECT action, keep_months, legal_hold FROM ops_schema.partition_rules WHERE table_pattern = %s"
    try:
        assert admin.execute(rule.encode(), ("coupon_audit_log",)).fetchall() == [("ARCHIVE", 60, "an audit")]
        assert admin.execute(rule.encode(), ("*_audit_log",)).fetchall() == [("ARCHIVE", 60, None)]
    finally:
        admin.execute("DELETE FROM ops_schema.partition_rules WHERE table_pattern = 'coupon_audit_log'")
