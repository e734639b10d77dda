"""Partitions are made ahead and mended while people read and write, and are like those that were there."""

from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest

from gasolinera.errors import ConflictError, UnavailableError
from gasolinera.ops.lock_patience import Patience
from gasolinera.ops.partition_making import make_partition, newest
from gasolinera.ops.partition_tables import Span
from gasolinera.ops.partition_upkeep import TableState, maintain, states
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from gasolinera.ops.runs import recorded_run
from tests.conftest import Connection
from tests.ops.partitions.growing_tables import NOW, make_scans, month, name_of, rows_of, set_rule, writing
from vuelo.embedded import Server

IMPATIENT = Patience(lock_timeout_ms=100, tries=1)
INSERT = "INSERT INTO coupon_schema.scans (note) VALUES ('w') RETURNING id"


def test_months_ahead_and_gaps_are_made_and_a_second_round_changes_nothing(operations: Operations) -> None:
    make_scans(operations, [6, 5, 2])
    set_rule(operations, "KEEP", None, ahead=5)
    before = _scans(operations)
    assert (before.missing, before.alerts) == (
        tuple(f"{month(back):%Y-%m-%d}" for back in (4, 3, 1, -4, -5)),
        ("partitions missing in between: 3",),
    )
    (first,) = maintain(operations, ["coupon"], None)
    (second,) = maintain(operations, ["coupon"], None)
    assert sorted(first.made) == sorted(f"coupon_schema.{name_of(back)}" for back in (4, 3, 1, -4, -5))
    assert (second.made, second.problems) == ((), ())
    after = _scans(operations)
    assert (after.missing, after.alerts, after.until) == ((), (), month(-6))


def test_no_write_fails_while_months_are_made_and_old_ones_taken_away(
    server: Server, database: str, operations: Operations
) -> None:
    make_scans(operations, [5, 4, 3, 2, 1])
    set_rule(operations, "DROP", 1, ahead=12)
    with writing(server.url(database, "coupon_app"), INSERT) as written:
        written.wait_for(100)
        (done,) = maintain(operations, ["coupon"], None)
        written.wait_for(len(written.ids) + 300)
    assert written.failures == []
    assert len(done.made) == 9
    assert [one.state for one in done.retired] == ["DROPPED"] * (4 if NOW.day > 1 else 3)
    with psycopg.connect(operations.ops_url) as conn:
        kept = [row[0] for row in conn.execute("SELECT id FROM coupon_schema.scans WHERE note = 'w' ORDER BY id")]
    assert kept == sorted(written.ids)


def test_making_waits_for_no_reader_and_no_writer_of_the_table(operations: Operations) -> None:
    make_scans(operations, [1])
    with psycopg.connect(operations.ops_url) as reader, psycopg.connect(operations.ops_url) as writer:
        reader.execute("SELECT count(*) FROM coupon_schema.scans")
        writer.execute("INSERT INTO coupon_schema.scans (note) VALUES ('open')")
        with owner_session(operations.service("coupon")) as conn:
            table = newest(conn, "coupon", "coupon_schema", "scans")
            assert table is not None
            made = make_partition(conn, table, Span(month(-7), month(-8)), IMPATIENT)
            again = make_partition(conn, table, Span(month(-7), month(-8)), IMPATIENT)
        writer.commit()
    assert (made, again) == (name_of(-7), None)


def test_a_new_partition_is_like_its_siblings(operations: Operations, admin: Connection) -> None:
    make_scans(operations, [1])
    newest_name = name_of(-3)
    for statement in (
        "CREATE FUNCTION coupon_schema.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        f"CREATE TRIGGER own AFTER DELETE ON coupon_schema.{newest_name} EXECUTE FUNCTION coupon_schema.note()",
        f"ALTER TABLE coupon_schema.{newest_name} DISABLE TRIGGER own",
        f"GRANT SELECT ON coupon_schema.{newest_name} TO coupon_ro WITH GRANT OPTION",
        f"GRANT SELECT (id) ON coupon_schema.{newest_name} TO PUBLIC",
        f"ALTER TABLE coupon_schema.{newest_name} SET (fillfactor = 70, autovacuum_enabled = false)",
        f"ALTER TABLE coupon_schema.{newest_name} REPLICA IDENTITY FULL",
        f"ALTER TABLE coupon_schema.{newest_name} ENABLE ROW LEVEL SECURITY",
        f"COMMENT ON TABLE coupon_schema.{newest_name} IS 'Rows of {newest_name}.'",
    ):
        admin.execute("SET ROLE coupon_owner")
        admin.execute(statement.encode())
    set_rule(operations, "KEEP", None, ahead=4)
    maintain(operations, ["coupon"], None)
    described = [_description(admin, name) for name in (newest_name, name_of(-4))]
    assert described[0] is not None
    assert described[1] == described[0]
    assert _inherited(admin, name_of(-4)) == _inherited(admin, newest_name)


def _description(admin: Connection, name: str) -> tuple[object, ...] | None:
    return admin.execute(
        """SELECT pg_get_userbyid(c.relowner), c.relacl::text, c.reloptions, c.relreplident, c.relrowsecurity,
                  replace(obj_description(c.oid), c.relname, ''), (SELECT attacl::text FROM pg_attribute
                   WHERE attrelid = c.oid AND attname = 'id'),
                  (SELECT array_agg((tgname, tgenabled, tgtype)::text) FROM pg_trigger WHERE tgrelid = c.oid)
             FROM pg_class AS c WHERE c.oid = ('coupon_schema.' || %s)::regclass""",
        (name,),
    ).fetchone()


def _inherited(admin: Connection, name: str) -> list[tuple[object, ...]]:
    return admin.execute(
        """SELECT a.attname, a.atttypid, a.attnotnull, a.attidentity FROM pg_attribute AS a
            WHERE a.attrelid = ('coupon_schema.' || %s)::regclass AND a.attnum > 0 ORDER BY a.attnum""",
        (name,),
    ).fetchall()


def test_a_table_that_has_the_name_is_reported_and_the_rest_is_made(operations: Operations, admin: Connection) -> None:
    make_scans(operations, [2])
    admin.execute(f"CREATE TABLE coupon_schema.{name_of(1)} (id int)".encode())
    set_rule(operations, "KEEP", None, ahead=4)
    (done,) = maintain(operations, ["coupon"], None)
    assert done.made == (f"coupon_schema.{name_of(-4)}",)
    (problem,) = done.problems
    assert f"coupon_schema.{name_of(1)} is no partition of scans" in problem
    assert admin.execute("SELECT outcome FROM ops_schema.runs").fetchall() == [("WARNING",)]


def test_a_detach_that_timed_out_half_way_is_finished(operations: Operations, admin: Connection) -> None:
    make_scans(operations, [3, 1])
    set_rule(operations, "DROP", 1)
    with psycopg.connect(operations.ops_url) as reader:
        reader.execute("SELECT count(*) FROM coupon_schema.scans")
        (stuck,) = maintain(operations, ["coupon"], None, patience=IMPATIENT)
    (one,) = stuck.retired
    assert one.state == "PENDING"
    assert one.problem is not None
    assert "ops.locked" in one.problem
    half = _scans(operations)
    assert half.pending == (name_of(3),)
    assert half.alerts == (f"a detach is half done: nobody sees the rows of {name_of(3)}",)
    (done,) = maintain(operations, ["coupon"], None)
    assert done.finished_detaches == (f"coupon_schema.{name_of(3)}",)
    assert [each.state for each in done.retired] == ["DROPPED"]
    assert _scans(operations).alerts == ()
    assert admin.execute("SELECT to_regclass('coupon_schema.' || %s)", (name_of(3),)).fetchone() == (None,)


def test_a_half_done_detach_of_somebody_else_is_finished_and_its_rows_stay(operations: Operations) -> None:
    make_scans(operations, [3])
    before = rows_of(operations, f"coupon_schema.{name_of(3)}")
    with psycopg.connect(operations.ops_url) as reader, psycopg.connect(operations.ops_url, autocommit=True) as conn:
        reader.execute("SELECT count(*) FROM coupon_schema.scans")
        conn.execute("SET lock_timeout = 100")
        statement = f"ALTER TABLE coupon_schema.scans DETACH PARTITION coupon_schema.{name_of(3)} CONCURRENTLY"
        with pytest.raises(psycopg.errors.LockNotAvailable):
            conn.execute(statement.encode())
    (done,) = maintain(operations, ["coupon"], None, is_retiring=False)
    assert done.finished_detaches == (f"coupon_schema.{name_of(3)}",)
    assert rows_of(operations, f"coupon_schema.{name_of(3)}") == before


def test_with_a_default_partition_the_detach_takes_the_other_way(operations: Operations, admin: Connection) -> None:
    make_scans(operations, [3])
    admin.execute("SET ROLE coupon_owner")
    admin.execute("CREATE TABLE coupon_schema.scans_rest PARTITION OF coupon_schema.scans DEFAULT")
    admin.execute("INSERT INTO coupon_schema.scans (created_at) VALUES (%s)", (NOW + timedelta(days=4000),))
    admin.execute("ANALYZE coupon_schema.scans_rest")
    set_rule(operations, "DROP", 1)
    assert _scans(operations).default_rows == 1
    (done,) = maintain(operations, ["coupon"], None)
    assert [one.state for one in done.retired] == ["DROPPED"]
    assert _scans(operations).alerts == ("the DEFAULT partition has rows: what they belong to cannot be made",)


def test_a_table_that_runs_short_is_an_alert(operations: Operations) -> None:
    make_scans(operations)
    end = month(-4)
    short = _scans(operations, end - timedelta(days=44))
    assert short.alerts == (f"partitions end on {end:%Y-%m-%d}, sooner than in 45 days",)
    assert _scans(operations, end - timedelta(days=46)).alerts == ()
    assert _scans(operations, end + timedelta(days=1)).alerts == ("rows of now find no partition",)


def test_a_service_whose_server_is_away_holds_up_no_other(operations: Operations) -> None:
    make_scans(operations)
    set_rule(operations, "KEEP", None, ahead=6)
    away = "host=127.0.0.1 port=1 dbname=away connect_timeout=2"
    services = tuple(replace(one, url=away) if one.name == "auth" else one for one in operations.project.services)
    moved = Operations(replace(operations.project, services=services), operations.ops_url)
    told: list[str] = []
    with pytest.raises(psycopg.OperationalError):
        maintain(moved, ["auth", "coupon"], None, tell=lambda what, step: told.append(what))
    assert told[0] == "auth"
    assert _scans(operations).missing == ()


def test_two_that_maintain_a_service_do_not_do_it_at_once(operations: Operations) -> None:
    with ops_session(operations.ops_url) as other, recorded_run(other, "partitions maintain", "coupon"):
        with pytest.raises(ConflictError, match="another process runs `partitions maintain coupon`"):
            maintain(operations, ["coupon"], None)
        (done,) = maintain(operations, ["station"], None)
    assert done.problems == ()


def test_a_lock_that_is_not_let_go_is_reported_with_who_holds_it(operations: Operations) -> None:
    make_scans(operations)
    with psycopg.connect(operations.ops_url) as holder, owner_session(operations.service("coupon")) as conn:
        table = newest(conn, "coupon", "coupon_schema", "scans")
        assert table is not None
        holder.execute("LOCK TABLE coupon_schema.scans IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(UnavailableError, match="met a lock 1 times") as caught:
            make_partition(conn, table, Span(month(-7), month(-8)), IMPATIENT)
        assert caught.value.hint is not None
        assert f"process {holder.info.backend_pid} of postgres" in caught.value.hint


def _scans(operations: Operations, now: datetime = NOW) -> TableState:
    found = states(operations, ["coupon"], now)
    return next(one for one in found if one.table == "coupon_schema.scans")
