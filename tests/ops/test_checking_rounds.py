"""A round over everything: several databases, what two looks tell, and what operations have on record."""

import threading
from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gasolinera.ops import checking_memory, checking_rounds, checking_storage
from gasolinera.ops.checking import Group, Threshold, Verdict
from gasolinera.ops.checking_rounds import Wanted, check_operations, places_of
from gasolinera.ops.checking_rules import BY_NAME
from gasolinera.ops.checking_storage import DISK, Disk, room_results
from gasolinera.ops.operations_schema import install
from gasolinera.ops.reaching import Operations, ops_session
from tests.conftest import Clone, drop, project_at
from tests.ops.check_rounds import EVENT, found, objects, whole_round
from vuelo import Project
from vuelo.embedded import Server

Admin = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def ops_url(server: Server, clone_of: Clone) -> Generator[str]:
    """A database that these tests share: each of them takes back what it does."""
    name = clone_of("test")
    install(server.url(name))
    yield server.url(name)
    drop(server, name)


@pytest.fixture
def operations(ops_url: str) -> Operations:
    return Operations(project_at(ops_url, "test"), ops_url)


@pytest.fixture
def admin(ops_url: str) -> Generator[Admin]:
    with psycopg.connect(ops_url, autocommit=True) as conn:
        yield conn
        conn.execute("TRUNCATE ops_schema.check_samples, ops_schema.check_sizes, ops_schema.thresholds")


def test_a_round_looks_at_everything_and_finds_a_healthy_platform(operations: Operations, admin: Admin) -> None:
    results = whole_round(operations)
    assert set(results) == set(BY_NAME) - {"drift"}
    # Of the machine, and of a server that need not survive a crash.
    ours = {"unsafe_settings", "connections", "dead_rows", "disk_used", "outbox_lag", "long_transactions"}
    bad = {name: one for name, one in results.items() if one.verdict in (Verdict.WARNING, Verdict.CRITICAL)}
    assert set(bad) - ours == set()
    assert [one for one in results.values() if (one.reason or "").startswith("failed")] == []
    database = admin.info.dbname
    assert {one.place for one in results.values()} == {database, ""}


def test_the_second_look_tells_what_the_first_could_not(operations: Operations, admin: Admin) -> None:
    counted = {rule.name for rule in BY_NAME.values() if rule.against is not None}
    first = whole_round(operations)
    assert {first[name].reason for name in counted} == {"first_look"}
    # The next round is five minutes later.
    admin.execute("UPDATE ops_schema.check_samples SET taken_at = taken_at - interval '5 minutes'")
    provoke_deadlock(admin.info.dsn)
    for _ in range(150):
        with suppress(psycopg.errors.DivisionByZero):
            admin.execute("SELECT 1 / 0")
    admin.execute("SET work_mem = '64kB'")
    admin.execute("SELECT i FROM generate_series(1, 300000) AS i ORDER BY i DESC OFFSET 299999")
    admin.execute("SELECT pg_stat_force_next_flush()")
    second = whole_round(operations)
    assert second["deadlocks"].worst == pytest.approx(1 / 5, rel=0.2)
    assert second["deadlocks"].verdict is Verdict.ADVICE
    assert second["rollbacks"].verdict in (Verdict.WARNING, Verdict.CRITICAL)
    assert (second["temporary_files"].worst or 0) > 1_000_000
    assert second["role_changed"].verdict is Verdict.GOOD


def test_checkpoints_that_could_not_wait_are_told(operations: Operations, admin: Admin) -> None:
    whole_round(operations)
    admin.execute("UPDATE ops_schema.check_samples SET taken_at = taken_at - interval '5 minutes'")
    for _ in range(5):
        admin.execute("CREATE TABLE station_schema.provoked (n int)")
        admin.execute("DROP TABLE station_schema.provoked")
        admin.execute("CHECKPOINT")
    result = found(operations, "requested_checkpoints")["requested_checkpoints"]
    assert (result.verdict, objects(result)) == (Verdict.WARNING, {"server"})


def provoke_deadlock(dsn: str) -> None:
    """Two sessions that each hold what the other waits for; the server ends one of them."""
    meeting = threading.Barrier(2, timeout=30)
    ended: list[BaseException] = []

    def hold(first: int, second: int) -> None:
        with psycopg.connect(dsn) as conn:
            conn.execute("SET deadlock_timeout = '50ms'")
            conn.execute("SELECT pg_advisory_xact_lock(%s)", (first,))
            meeting.wait()
            try:
                conn.execute("SELECT pg_advisory_xact_lock(%s)", (second,))
            except psycopg.errors.DeadlockDetected as error:
                ended.append(error)
                conn.rollback()

    threads = [threading.Thread(target=hold, args=pair) for pair in ((901, 902), (902, 901))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(ended) == 1


def test_a_look_of_a_part_or_of_the_same_minute_is_not_kept(operations: Operations, admin: Admin) -> None:
    found(operations, "deadlocks")
    assert admin.execute("SELECT count(*) FROM ops_schema.check_samples").fetchone() == (0,)
    for _ in range(2):
        whole_round(operations)
    assert admin.execute("SELECT count(*) FROM ops_schema.check_samples").fetchone() == (1,)


def test_a_standby_that_left_hours_ago_is_missed_still_and_one_of_yesterday_no_more(admin: Admin) -> None:
    with ops_session(admin.info.dsn) as ops:
        for hours, name in ((30, "yesterday"), (5, "this morning")):
            counters = {"standbys": {name: (1.0, None)}, "deadlocks": {"db": (float(hours), None)}}
            checking_memory.keep_counters(ops, "here", counters)
            admin.execute(
                "UPDATE ops_schema.check_samples SET taken_at = taken_at - make_interval(hours => %s)"
                " WHERE taken_at > now() - interval '1 minute'",
                (hours,),
            )
        checking_memory.keep_counters(ops, "here", {"standbys": {}, "deadlocks": {"db": (1.0, None)}})
        before = checking_memory.load_sample(ops, "here")
    assert before is not None
    assert set(before.counters["standbys"]) == {"this morning"}
    assert before.counters["deadlocks"] == {"db": (1.0, None)}


def test_of_the_last_hour_the_oldest_sample_counts(admin: Admin) -> None:
    with ops_session(admin.info.dsn) as ops:
        for minutes in (90, 50, 20, 0):
            checking_memory.keep_counters(ops, "here", {"deadlocks": {"db": (float(minutes), None)}})
            admin.execute(
                "UPDATE ops_schema.check_samples SET taken_at = taken_at - make_interval(mins => %s)"
                " WHERE taken_at > now() - interval '1 minute'",
                (minutes,),
            )
        before = checking_memory.load_sample(ops, "here")
    assert before is not None
    assert before.counters["deadlocks"] == {"db": (50.0, None)}


def test_sizes_over_time_become_days_until_the_disk_is_full(operations: Operations, admin: Admin) -> None:
    [place] = places_of(operations)
    gigabyte = 1024**3
    whole_round(operations)
    kept = admin.execute("SELECT object FROM ops_schema.check_sizes WHERE place = %s", (place.key,)).fetchall()
    assert {"database", DISK} <= {thing for (thing,) in kept}
    result = found(operations, "disk_forecast")["disk_forecast"]
    assert result.reason == "known_too_short"
    admin.execute("TRUNCATE ops_schema.check_sizes")
    # A disk that has filled by 10 GB a day for five days, and a database by 3 GB.
    now = datetime.now(UTC)
    for hours in range(0, 120, 8):
        for thing, per_day in ((DISK, 10 * gigabyte), ("database", 3 * gigabyte)):
            admin.execute(
                "INSERT INTO ops_schema.check_sizes VALUES (%s, %s, %s, %s)",
                (place.key, thing, now - timedelta(hours=120 - hours), 500 * gigabyte + per_day * hours // 24),
            )
    with ops_session(admin.info.dsn) as ops:
        growth = checking_memory.growth_of(ops, place.key)
    assert growth[DISK] == pytest.approx(10 * gigabyte, rel=0.01)
    assert growth["database"] == pytest.approx(3 * gigabyte, rel=0.01)
    disk = Disk(total=1000 * gigabyte, free=100 * gigabyte)
    rules = [BY_NAME[name] for name in ("disk_used", "disk_forecast", "database_growth", "table_growth")]
    told = {one.name: one for one in room_results(disk, growth, rules, [])}
    assert told["disk_used"].worst == pytest.approx(90)
    assert told["disk_used"].verdict is Verdict.CRITICAL
    assert told["disk_forecast"].worst == pytest.approx(10, rel=0.01)
    assert told["disk_forecast"].verdict is Verdict.WARNING
    assert told["database_growth"].verdict is Verdict.GOOD
    assert told["table_growth"].reason == "known_too_short"


def test_a_disk_that_empties_is_never_full_and_one_elsewhere_is_not_seen() -> None:
    rules = [BY_NAME["disk_used"], BY_NAME["disk_forecast"]]
    emptying = room_results(Disk(1000, 10), {DISK: -5.0}, rules, [])
    assert [one.verdict for one in emptying] == [Verdict.CRITICAL, Verdict.GOOD]
    elsewhere = room_results(None, {}, rules, [])
    assert {one.reason for one in elsewhere} == {"elsewhere"}


def test_a_table_that_grows_is_named(operations: Operations, admin: Admin) -> None:
    [place] = places_of(operations)
    now = datetime.now(UTC)
    table = "station_schema.stations"
    for day in range(4):
        admin.execute(
            "INSERT INTO ops_schema.check_sizes VALUES (%s, %s, %s, %s)",
            (place.key, table, now - timedelta(days=4 - day), 5 * 1024**3 * day),
        )
    with ops_session(admin.info.dsn) as ops:
        growth = checking_memory.growth_of(ops, place.key)
    [told] = room_results(None, growth, [BY_NAME["table_growth"]], [])
    assert (told.verdict, objects(told)) == (Verdict.ADVICE, {table})


def test_a_database_that_is_away_hides_nothing_of_the_others(operations: Operations) -> None:
    name = "not_there"
    away = make_conninfo(operations.ops_url, dbname=name)
    elsewhere = project_at(away, "test").only(["raffle"]).services
    here = operations.project.only(["auth", "station", "coupon", "redemption", "ads"]).services
    split = Operations(Project(operations.project.base, "test", (*here, *elsewhere)), operations.ops_url)
    wanted = Wanted(only=frozenset({"reachable", "tables_without_key", "connections"}))
    results = check_operations(split, wanted)
    reachable = next(one for one in results if one.name == "reachable")
    assert reachable.verdict is Verdict.CRITICAL
    assert [one.startswith(f"{name}: ") for one in objects(reachable)] == [True]
    keys = {one.place: (one.verdict, one.reason) for one in results if one.name == "tables_without_key"}
    assert keys == {places_of(operations)[0].label: (Verdict.GOOD, None), name: (Verdict.SKIPPED, "unreachable")}


def test_a_table_that_somebody_has_locked_hides_nothing_of_its_database(operations: Operations, admin: Admin) -> None:
    admin.execute("CREATE TABLE station_schema.large AS SELECT repeat('x', 500) AS x FROM generate_series(1, 4000)")
    admin.execute("ANALYZE station_schema.large")
    try:
        with psycopg.connect(admin.info.dsn) as other:
            other.execute("LOCK TABLE station_schema.large IN ACCESS EXCLUSIVE MODE")
            results = whole_round(operations)
    finally:
        admin.execute("DROP TABLE station_schema.large")
    assert results["reachable"].verdict is Verdict.GOOD
    assert results["tables_without_key"].count == 1
    assert results["disk_used"].reason is None


def test_a_memory_that_takes_no_writing_hides_nothing(operations: Operations, admin: Admin) -> None:
    database = admin.info.dbname
    admin.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on".encode())
    try:
        results = whole_round(operations)
    finally:
        admin.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only".encode())
    assert results["reachable"].verdict is Verdict.GOOD
    assert results["deadlocks"].reason == "first_look"
    assert results["backup_age"].reason is None


def test_a_server_that_keeps_its_identity_to_itself_is_looked_at_all_the_same(
    operations: Operations, server: Server, admin: Admin
) -> None:
    """As managed ones may."""
    url = server.url(admin.info.dbname, "station_ro")
    as_login = Operations(project_at(url, "test"), operations.ops_url)
    wanted = Wanted(only=frozenset({"reachable", "restarted", "tables_without_key"}))
    admin.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    try:
        results = check_operations(as_login, wanted)
    finally:
        admin.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
    assert sorted(one.name for one in results) == sorted(wanted.only)
    assert {one.reason for one in results} == {None}


def test_a_database_that_several_logins_reach_is_one_place(operations: Operations) -> None:
    services = tuple(
        replace(one, url=make_conninfo(one.url, user=f"{one.name}_app")) for one in operations.project.services
    )
    apart = Operations(replace(operations.project, services=services), operations.ops_url)
    [place] = places_of(apart)
    assert sorted(place.schemas) == sorted(one.schema for one in services)
    assert place.label == place.key.rpartition("/")[2]


def test_two_databases_of_one_server_are_asked_once_for_what_is_the_servers(
    operations: Operations, server: Server, clone_of: Clone
) -> None:
    name = clone_of("test")
    try:
        raffle = project_at(server.url(name), "test").only(["raffle"]).services
        others = operations.project.only(["auth", "station"]).services
        split = Operations(Project(operations.project.base, "test", (*others, *raffle)), operations.ops_url)
        results = check_operations(split, Wanted(only=frozenset({"connections", "tables_without_key"})))
        assert sorted(one.name for one in results) == ["connections", "tables_without_key", "tables_without_key"]
        of_raffle = check_operations(
            split, Wanted(only=frozenset({"tables_without_key"}), services=frozenset({"raffle"}))
        )
        assert [one.place for one in of_raffle] == [name]
    finally:
        drop(server, name)


def test_limits_that_are_set_hold_for_every_kind_of_check(operations: Operations, admin: Admin) -> None:
    admin.execute(EVENT)
    admin.execute(
        "INSERT INTO ops_schema.thresholds (check_name, object_pattern, warning, is_off, reason)"
        " VALUES ('outbox_lag', '*', 86400, false, 'tests'), ('reachable', '*', NULL, true, 'tests'),"
        "        ('unsafe_settings', 'fsync*', NULL, true, 'tests')"
    )
    try:
        told = found(operations, "outbox_lag", "reachable", "unsafe_settings")
        assert told["outbox_lag"].verdict is Verdict.GOOD
        assert told["reachable"].reason == "switched_off"
        assert "fsync = off" not in objects(told["unsafe_settings"])
    finally:
        admin.execute("DELETE FROM coupon_schema.outbox_events")


def test_bloat_says_nothing_of_small_tables(operations: Operations, admin: Admin) -> None:
    for name in ("table_bloat", "index_bloat"):
        result = checking_storage.bloat_result(
            admin, ["station_schema"], BY_NAME[name], [Threshold(check_name=name, warning=0)]
        )
        assert result.worst is None
    assert {"drift"} == checking_rounds.SLOW


@pytest.mark.parametrize(
    ("role", "unknown"), [("ops", {"superuser_only"}), ("station_ro", {"superuser_only", "privilege"})]
)
def test_a_login_with_few_rights_is_told_what_it_may_not_see(
    operations: Operations, server: Server, admin: Admin, role: str, unknown: set[str]
) -> None:
    url = server.url(admin.info.dbname, role)
    as_login = Operations(project_at(url, "test"), operations.ops_url)
    groups = frozenset({Group.ACTIVITY, Group.CONNECTIONS, Group.SECURITY, Group.TABLES, Group.REPLICATION})
    results = check_operations(as_login, Wanted(groups=groups), remembers=False)
    reasons = {one.name: one.reason for one in results if one.reason is not None}
    assert set(reasons.values()) - {"first_look", "too_little", "no_extension", "no_tls"} == unknown
    told = {name for name, reason in reasons.items() if reason == "superuser_only"}
    assert told == {"weak_access_rules", "weak_passwords"}
    if "privilege" in unknown:
        assert {rule.name for rule in BY_NAME.values() if rule.sees_all and rule.group in groups} <= {
            name for name, reason in reasons.items() if reason == "privilege"
        }
    assert {one.verdict for one in results if one.group is Group.TABLES} == {Verdict.GOOD}
