"""Months that are old enough, and stay all the same: somebody wants them kept, or nobody knows what time it is."""

from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from gasolinera.errors import ConflictError
from gasolinera.ops import partition_upkeep, upkeep_sessions
from gasolinera.ops.archive_stores import open_store
from gasolinera.ops.partition_upkeep import maintain, retire, states
from gasolinera.ops.reaching import Operations
from tests.conftest import Connection
from tests.ops.partitions.growing_tables import NOW, make_scans, name_of, rows_of, set_rule


def test_a_hold_that_comes_during_a_run_keeps_what_has_not_gone_yet(
    operations: Operations, admin: Connection, tmp_path: Path
) -> None:
    make_scans(operations, [5, 4])
    set_rule(operations, "ARCHIVE", 1)

    def court(what: str, step: str) -> None:
        if step == "verified":
            admin.execute(
                "UPDATE ops_schema.partition_rules SET legal_hold = 'the court' WHERE table_pattern = 'scans'"
            )

    (done,) = retire(operations, ["coupon"], open_store(str(tmp_path)), tell=court)
    (one,) = done.retired
    assert (one.partition, one.problem) == (f"coupon_schema.{name_of(5)}", "ops.held: on hold: the court")
    assert len(rows_of(operations, f"coupon_schema.{name_of(5)}")) == 50
    assert len(rows_of(operations, "coupon_schema.scans")) == 50


def test_a_retention_rule_on_hold_keeps_the_partitions_of_its_table(operations: Operations, admin: Connection) -> None:
    make_scans(operations, [5])
    set_rule(operations, "DROP", 1)
    admin.execute(
        """INSERT INTO ops_schema.retention_rules
               (name, service, table_name, time_column, keep, reason, explanation, held_since, held_because)
           VALUES ('coupon.scans', 'coupon', 'scans', 'created_at', '1 day', 'SPACE', 'A test.', now(), 'case 12')"""
    )
    try:
        (done,) = retire(operations, ["coupon"], None)
        (scans,) = (one for one in states(operations, ["coupon"], NOW) if one.table == "coupon_schema.scans")
    finally:
        admin.execute("DELETE FROM ops_schema.retention_rules WHERE name = 'coupon.scans'")
    assert (done.retired, scans.due, scans.legal_hold) == ((), (), "case 12")
    assert len(rows_of(operations, "coupon_schema.scans")) == 50


def test_a_clock_that_is_wrong_takes_nothing_away(operations: Operations, monkeypatch: pytest.MonkeyPatch) -> None:
    make_scans(operations, [5])
    set_rule(operations, "DROP", 1)

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=4000)

    for module in (upkeep_sessions, partition_upkeep):
        monkeypatch.setattr(module, "datetime", Ahead)
    for work in (retire, maintain):
        with pytest.raises(ConflictError) as caught:
            work(operations, ["coupon"], None)
        assert caught.value.code == "ops.clock"
    assert len(rows_of(operations, "coupon_schema.scans")) == 50
