"""A long run is watched from a second session: what it waits for, whom it holds up, how far it is."""

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.watch.blockers import Blocker
from vuelo.watch.observations import HoldingUp, Lagging, Waiting, Working, observed, told

Connection = psycopg.Connection[Any]
_SLOW = """
CREATE TABLE shop.orders (id int);
INSERT INTO shop.orders SELECT generate_series(1, 3);
CREATE FUNCTION shop.slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_sleep(1); RETURN $1; END $$;
"""


def wait_for(conn: Connection, query: str) -> None:
    deadline = time.monotonic() + 20
    while conn.execute(query.encode()).fetchone() is None:
        assert time.monotonic() < deadline, query
        time.sleep(0.05)


class Heard:
    """A run in a thread, and all that it says."""

    def __init__(self, project: vuelo.Project) -> None:
        self.sentences: list[str] = []
        self.doing: list[str] = []
        self.error: vuelo.VueloError | None = None
        self.thread = threading.Thread(target=self._run, args=(project,))
        self.thread.start()

    def _run(self, project: vuelo.Project) -> None:
        try:
            vuelo.migrate(
                project,
                watch=lambda progress: self.doing.append(progress.doing),
                tell=lambda service, text: self.sentences.append(f"{service}: {text}"),
            )
        except vuelo.VueloError as error:
            self.error = error

    def wait(self, part: str) -> str:
        deadline = time.monotonic() + 20
        while not (found := [text for text in (*self.sentences, *self.doing) if part in text]):
            assert time.monotonic() < deadline, (part, self.sentences, self.doing)
            time.sleep(0.05)
        return found[0]


def test_whoever_is_in_the_way_is_named_while_the_migration_waits(
    make_project: Callable[..., vuelo.Project], conn: Connection, url: str
) -> None:
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "CREATE TABLE orders (id int);"}}))
    project = make_project({"shop": {"V2__b.sql": "ALTER TABLE orders ADD total int;"}})
    with psycopg.connect(url, application_name="till") as holder:
        holder.execute("SELECT id FROM shop.orders")
        run = Heard(project)
        pid = holder.info.backend_pid
        said = run.wait("waits for a lock")
    run.thread.join()
    assert said.startswith(f"shop: V2__b.sql waits for a lock; in its way:\nprocess {pid} (till, user postgres, ")
    assert said.endswith("has AccessShareLock on shop.orders: SELECT id FROM shop.orders")
    assert run.error is None


def test_a_migration_that_gave_up_waiting_says_who_was_in_its_way(
    make_project: Callable[..., vuelo.Project], url: str
) -> None:
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "CREATE TABLE orders (id int);"}}))
    project = make_project(
        {"shop": {"V2__b.sql": "ALTER TABLE orders ADD total int;"}}, 'lock_timeout = "600ms"\nlock_retries = 0'
    )
    with psycopg.connect(url) as holder:
        pid = holder.info.backend_pid
        holder.execute("SELECT id FROM shop.orders")
        with pytest.raises(vuelo.RunFailedError) as caught:
            vuelo.migrate(project)
    [result] = caught.value.results
    assert result.error is not None
    assert result.error.hint is not None
    assert f"process {pid} (" in result.error.hint


def test_sessions_that_the_migration_holds_up_are_counted(
    make_project: Callable[..., vuelo.Project], conn: Connection, url: str
) -> None:
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "CREATE TABLE orders (id int);"}}))
    run = Heard(make_project({"shop": {"V2__b.sql": "LOCK TABLE orders; SELECT pg_sleep(60);"}}))
    wait_for(conn, "SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%' AND pid <> pg_backend_pid()")

    def read() -> None:
        with psycopg.connect(url) as reader:
            reader.execute("SELECT 'secret' FROM shop.orders")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    said = run.wait("holds up")
    conn.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%'")
    for thread in (run.thread, *readers):
        thread.join()
    assert said.startswith("shop: V2__b.sql holds up ")
    assert said.endswith("at most: SELECT '…' FROM shop.orders")


def test_the_progress_of_a_long_statement_is_shown(make_project: Callable[..., vuelo.Project]) -> None:
    files = {"V1__a.sql": _SLOW, "V2__b.sql": "CREATE INDEX ON orders (slow(id));"}
    run = Heard(make_project({"shop": files}))
    assert run.wait("CREATE INDEX on shop.orders: building index").endswith("% of 1 blocks")
    run.thread.join()
    assert run.error is None
    assert run.doing[-1] == ""


def test_a_quick_run_opens_no_second_connection(make_project: Callable[..., vuelo.Project], conn: Connection) -> None:
    counted = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;", "V2__b.sql": "SELECT 1;"}})
    before = conn.execute(counted).fetchone()
    vuelo.migrate(project)
    deadline = time.monotonic() + 10
    while (after := conn.execute(counted).fetchone()) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert before is not None
    assert after == (before[0] + 1,)


def test_who_waits_behind_one_that_waits_for_us_is_held_up_by_us_too(conn: Connection, url: str) -> None:
    conn.execute("CREATE TABLE orders (id int)")
    with psycopg.connect(url) as ours:
        ours.execute("SELECT FROM orders")

        def wait(statement: bytes) -> None:
            with psycopg.connect(url) as other:
                other.execute(statement)

        threads: list[threading.Thread] = []
        for statement in (b"ALTER TABLE orders ADD a int", b"SELECT FROM orders"):
            thread = threading.Thread(target=wait, args=(statement,))
            thread.start()
            threads.append(thread)
            wait_for(conn, f"SELECT FROM pg_locks WHERE NOT granted HAVING count(*) = {len(threads)}")
        found = observed(conn, ours.info.backend_pid)
        ours.commit()
        for thread in threads:
            thread.join()
    assert [(one.sessions, one.query) for one in found if isinstance(one, HoldingUp)] == [
        (2, "ALTER TABLE orders ADD a int")
    ]


def test_observations_are_sentences() -> None:
    blocker = Blocker(7, None, None, None, None, None, None, None, None, holds=True)
    assert told(Waiting((blocker,))) == "waits for a lock; in its way:\nprocess 7"
    assert told(HoldingUp(1, 61, None)) == "holds up 1 session, for 1 min 1 s at most"
    assert told(Working("CREATE INDEX", "shop.a", "building index", 50, 200, "blocks")) == (
        "CREATE INDEX on shop.a: building index, 25 % of 200 blocks"
    )
    assert told(Working("COPY FROM", "shop.a", "", 12345, 0, "rows")) == "COPY FROM on shop.a: 12,345 rows"
    assert told(Lagging("standby", 128 * 1024 * 1024, 12.2)) == "the replica standby is 128 MiB and 12 s behind"
    assert told(Lagging("standby", None, 75)) == "the replica standby is 1 min 15 s behind"
