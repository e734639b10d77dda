"""All services side by side, several runners at once, and runners that are killed or interrupted."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import get_ident
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo import embedded, session
from vuelo.errors import VueloError

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
History = Callable[..., list[tuple[Any, ...]]]

_SLEEPING = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
VUELO = Path(sys.executable).with_name("vuelo")


def started(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [VUELO, *(arguments or ("migrate",))]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"this did not happen in {timeout_s} s: {what}"
        time.sleep(0.02)


def sessions(conn: Connection, state: str = "%") -> int:
    query = """SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE %s"""
    [[count]] = conn.execute(query, (state,))
    return count


def sleeps(conn: Connection) -> bool:
    query = """SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND state = 'active' AND wait_event = 'PgSleep'"""
    [[count]] = conn.execute(query)
    return count > 0


def tables(conn: Connection) -> list[str]:
    query = """SELECT tablename FROM pg_tables
                WHERE schemaname = 'shop' AND tablename NOT IN ('flyway_schema_history', 'vuelo_log') ORDER BY 1"""
    return [name for [name] in conn.execute(query)]


def test_services_migrate_side_by_side(make_project: MakeProject, conn: Connection) -> None:
    """Each waits for the other one's sign, so neither could go on alone."""
    conn.execute("CREATE TABLE public.signs (name text)")
    wait = """INSERT INTO public.signs VALUES ('{own}');"""
    meet = """DO $$BEGIN
        WHILE (SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%meeting point%' AND pid <> pg_backend_pid()
                  AND datname = current_database() AND application_name LIKE 'vuelo %') = 0
        LOOP PERFORM pg_sleep(0.01); PERFORM pg_stat_clear_snapshot(); END LOOP;
        PERFORM pg_sleep(0.3); /* meeting point */ END$$;"""
    files = {name: {"V1__a.sql": wait.replace("{own}", name), "V2__b.sql": meet} for name in ("shop", "bank")}
    results = vuelo.migrate(make_project(files, 'statement_timeout = "20s"'))
    assert [(result.service, len(result.steps)) for result in results] == [("shop", 2), ("bank", 2)]


def test_one_service_s_failure_does_not_stop_the_others(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();"}, "bank": {"V1__a.sql": "SELECT 1/0;"}})
    with pytest.raises(vuelo.RunFailedError, match="1 of 2 services failed: bank") as caught:
        vuelo.migrate(project)
    shop, bank = caught.value.results
    assert (len(shop.steps), shop.error) == (1, None)
    assert (len(bank.steps), bank.error is not None) == (0, True)
    assert tables(conn) == ["a"]


def test_an_address_where_nobody_listens_is_told(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project({"shop": {}}, address=f"host={tmp_path} dbname=x")
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project)
    error = caught.value.results[0].error
    assert error is not None
    assert error.code == "connect.failed"
    with pytest.raises(VueloError, match="cannot connect"):
        vuelo.info(project)


@pytest.mark.parametrize("timeout", ["", "connect_timeout=2"])
def test_an_address_that_never_answers_is_given_up(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, timeout: str
) -> None:
    monkeypatch.setattr(session, "CONNECT_TIMEOUT_S", 60 if timeout else 2)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        project = make_project({"shop": {}}, address=f"host=127.0.0.1 port={mute.getsockname()[1]} {timeout}")
        begun = time.monotonic()
        with pytest.raises(VueloError, match="cannot connect"):
            vuelo.info(project)
        assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    "address", ["postgresql://me:p%zzsecret@localhost/x", "postgresql://me:sec ret@local host:port/x", "secret", "="]
)
def test_a_malformed_address_is_told_without_showing_it(make_project: MakeProject, address: str) -> None:
    with pytest.raises(VueloError, match="malformed") as caught:
        vuelo.info(make_project({"shop": {}}, address=address))
    assert caught.value.code == "connect.malformed"
    assert caught.value.message == "shop: its url is malformed"
    assert "sec" not in (caught.value.hint or "")


def test_no_more_than_16_services_are_worked_on_at_once(make_project: MakeProject) -> None:
    threads: set[int] = set()
    project = make_project({f"s{n}": {"V1__a.sql": "SELECT pg_sleep(0.3);"} for n in range(20)})
    results = vuelo.migrate(project, watch=lambda progress: threads.add(get_ident()))
    assert [len(result.steps) for result in results] == [1] * 20
    assert 1 < len(threads) <= 16


def test_info_changes_nothing_and_shows_what_migrate_would_do(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();", "R__r.sql": "SELECT 1;"}})
    assert [script.script for script in vuelo.info(project)["shop"].pending] == ["V1__a.sql", "R__r.sql"]
    assert conn.execute("SELECT FROM pg_namespace WHERE nspname = 'shop'").fetchall() == []


def test_undo_takes_back_in_all_services_and_migrate_brings_everything_again(
    make_project: MakeProject, conn: Connection, history: History
) -> None:
    files = {
        "V1__a.sql": "CREATE TABLE a ();", "U1__a.sql": "DROP TABLE a;",
        "V2__b.sql": "CREATE TABLE b ();", "U2__b.sql": "DROP TABLE b CASCADE;",
        "R__v.sql": "CREATE OR REPLACE VIEW v AS SELECT FROM b;",
    }  # fmt: skip
    project = make_project({"shop": files, "bank": files})
    vuelo.migrate(project)
    results = vuelo.undo(project)
    assert [[step.version for step in result.steps] for result in results] == [["2"], ["2"]]
    assert tables(conn) == ["a"]
    assert [row[1:4] for row in history()[-2:]] == [(None, "v", "DELETE"), ("2", "b", "DELETE")]
    [again, _] = vuelo.migrate(project)
    assert [step.script for step in again.steps] == ["V2__b.sql", "R__v.sql"]
    assert tables(conn) == ["a", "b"]
    assert [len(result.steps) for result in vuelo.undo(project, target=vuelo.Version.parse("0"))] == [2, 2]
    assert tables(conn) == []
    assert [row[3] for row in history()].count("UNDO_SQL") == 0


def test_undo_touches_no_service_when_one_lacks_a_script(make_project: MakeProject, conn: Connection) -> None:
    complete = {"V1__a.sql": "CREATE TABLE a ();", "U1__a.sql": "DROP TABLE a;"}
    project = make_project({"shop": complete, "bank": {"V1__a.sql": "CREATE TABLE a ();"}})
    vuelo.migrate(project)
    with pytest.raises(VueloError, match="no undo script for version 1") as caught:
        vuelo.undo(project)
    assert caught.value.code == "undo.no_script"
    assert tables(conn) == ["a"]


def test_a_target_that_no_service_has_is_refused_one_that_any_has_is_not(
    make_project: MakeProject, conn: Connection, tmp_path: Path
) -> None:
    one = {"V1__a.sql": "CREATE TABLE a ();", "U1__a.sql": "DROP TABLE a;"}
    project = make_project({"shop": one, "bank": {**one, "V2__b.sql": "", "U2__b.sql": ""}})
    for target in ("99", "0"):
        with pytest.raises(VueloError, match=f"no migration has the version {target}") as caught:
            vuelo.migrate(project, target=target)
        assert (caught.value.code, caught.value.hint) == ("target.unknown", "there are 1, 2")
    assert tables(conn) == []
    assert [len(result.steps) for result in vuelo.migrate(project, target="2.0")] == [1, 2]
    with pytest.raises(VueloError, match="no migration has the version 99"):
        vuelo.undo(project, target=vuelo.Version.parse("99"))
    (tmp_path / "bank" / "V2__b.sql").unlink()
    assert [len(result.steps) for result in vuelo.undo(project, target=vuelo.Version.parse("2"))] == [0, 1]
    assert tables(conn) == ["a"]


def test_a_failed_undo_leaves_everything_as_it_was(
    make_project: MakeProject, conn: Connection, history: History
) -> None:
    files = {"V1__a.sql": "CREATE TABLE a ();", "U1__a.sql": "DROP TABLE a; SELECT 1/0;"}
    project = make_project({"shop": files})
    vuelo.migrate(project)
    before = history()
    with pytest.raises(vuelo.RunFailedError):
        vuelo.undo(project)
    assert tables(conn) == ["a"]
    assert history() == before


def test_progress_is_told_step_by_step(make_project: MakeProject) -> None:
    seen: list[tuple[int, int, str | None]] = []
    project = make_project({"shop": {"V1__a.sql": "", "V2__b.sql": ""}})
    vuelo.migrate(project, watch=lambda progress: seen.append((progress.done, progress.total, progress.script)))
    assert seen == [(0, 2, "V1__a.sql"), (1, 2, "V2__b.sql"), (2, 2, None)]


def test_four_runners_at_once_apply_each_migration_once(
    make_project: MakeProject, conn: Connection, history: History, tmp_path: Path
) -> None:
    conn.execute("CREATE TABLE public.runs (name text)")
    names = [f"V{number}__x" for number in range(1, 9)] + ["R__y"]
    make_project(
        {"shop": {f"{n}.sql": f"SELECT pg_sleep(0.05); INSERT INTO public.runs VALUES ('{n}');" for n in names}}
    )
    runners = [started(tmp_path) for _ in range(4)]
    outputs = [runner.communicate(timeout=100) for runner in runners]
    assert [runner.returncode for runner in runners] == [0, 0, 0, 0], outputs
    assert sorted(name for [name] in conn.execute("SELECT name FROM public.runs")) == sorted(names)
    assert [row[0] for row in history()] == list(range(10))
    assert sum("nothing to do" in output for output, _ in outputs) >= 1


def test_a_runner_killed_in_the_middle_leaves_nothing_half_done(
    make_project: MakeProject, conn: Connection, history: History, tmp_path: Path
) -> None:
    slow = "CREATE TABLE b (); SELECT pg_sleep(2); CREATE TABLE c ();"
    make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();", "V2__b.sql": slow}})
    runner = started(tmp_path)
    wait_until(lambda: sleeps(conn), "the migration sleeps")
    runner.kill()
    runner.communicate()
    assert tables(conn) == ["a"]
    again = started(tmp_path)  # waits for the lock that the killed one's session holds while it sleeps
    output = again.communicate(timeout=60)
    assert again.returncode == 0, output
    assert tables(conn) == ["a", "b", "c"]
    assert [row[1] for row in history()] == [None, "1", "2"]


def test_a_runner_whose_session_is_terminated_says_so_and_the_next_one_completes(
    make_project: MakeProject, conn: Connection, tmp_path: Path
) -> None:
    make_project({"shop": {"V1__a.sql": "CREATE TABLE a (); SELECT pg_sleep(60);"}})
    runner = started(tmp_path)
    wait_until(lambda: sleeps(conn), "the migration sleeps")
    conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vuelo shop'")
    _, talk = runner.communicate(timeout=60)
    assert runner.returncode == 1
    last_words = ("terminating connection due to administrator command", "the connection was lost")
    assert any(words in talk for words in last_words)
    assert "Traceback" not in talk
    assert tables(conn) == []
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();"}}))
    assert tables(conn) == ["a"]


def test_ctrl_c_rolls_back_and_leaves_no_session_behind(
    make_project: MakeProject, conn: Connection, history: History, tmp_path: Path
) -> None:
    slow = {"V1__a.sql": "CREATE TABLE a ();", "V2__b.sql": "CREATE TABLE b (); SELECT pg_sleep(60);"}
    make_project({"shop": slow, "bank": slow})
    runner = started(tmp_path)
    wait_until(lambda: sessions(conn, "%pg_sleep(60)%") == 2, "both services sleep")
    begun = time.monotonic()
    os.kill(runner.pid, signal.SIGINT)
    _, talk = runner.communicate(timeout=60)
    assert runner.returncode == 130
    assert "rolled back" in talk
    assert "Traceback" not in talk
    assert time.monotonic() - begun < 20
    wait_until(lambda: sessions(conn) == 0, "nobody is left", timeout_s=10)
    assert tables(conn) == ["a"]
    assert [row[1] for row in history()] == [None, "1"]
    assert conn.execute("SELECT FROM pg_locks WHERE locktype = 'advisory'").fetchall() == []


def test_a_session_that_cannot_be_cancelled_does_not_keep_the_others_from_it(
    make_project: MakeProject, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, refused = psycopg.Connection.cancel_safe, list[Connection]()

    def cancel_safe(connection: Connection, *, timeout: float) -> None:
        if not refused:
            refused.append(connection)
            raise psycopg.OperationalError("no")
        cancel(connection, timeout=timeout)

    monkeypatch.setattr(psycopg.Connection, "cancel_safe", cancel_safe)
    project = make_project({name: {"V1__a.sql": "SELECT pg_sleep(3);"} for name in ("shop", "bank")})

    def interrupt() -> None:
        wait_until(lambda: sessions(conn, "%pg_sleep(3)%") == 2, "both services sleep")
        os.kill(os.getpid(), signal.SIGINT)
        wait_until(lambda: sessions(conn, "%pg_sleep(3)%") == 1, "one is cancelled", timeout_s=2)

    with ThreadPoolExecutor() as pool:
        watcher = pool.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            vuelo.migrate(project)
        watcher.result()


def test_ctrl_c_ends_a_runner_that_waits_for_another(
    make_project: MakeProject, conn: Connection, tmp_path: Path
) -> None:
    make_project({"shop": {"V1__a.sql": "SELECT pg_sleep(3);"}})
    first = started(tmp_path)
    wait_until(lambda: sleeps(conn), "the migration sleeps")
    second = started(tmp_path)
    wait_until(lambda: sessions(conn, "SELECT pg_try_advisory_lock%") >= 1, "the second one waits")
    os.kill(second.pid, signal.SIGINT)
    second.communicate(timeout=2.5)
    assert second.returncode == 130
    first.communicate(timeout=60)
    assert first.returncode == 0


_COPY_ROWS = 1_300_000
_PEAK = """
import sys
from pathlib import Path
import vuelo
def peak():  # not getrusage, whose peak begins with that of the process that started this one
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
migrate = vuelo.migrate  # imported now
before = peak()
migrate(vuelo.Project.load(Path("vuelo.toml")))
print(peak() - before)
"""


def test_a_script_of_100_mb_of_copied_data_needs_no_memory(
    make_project: MakeProject, conn: Connection, tmp_path: Path
) -> None:
    make_project({"shop": {}})
    script = tmp_path / "shop" / "V1__data.sql"
    with script.open("w") as file:
        file.write("CREATE UNLOGGED TABLE a (n int, v text);\nCOPY a FROM STDIN;\n")
        filler = "x" * 72
        for start in range(0, _COPY_ROWS, 1000):
            file.writelines(f"{n}\t{filler}\n" for n in range(start, start + 1000))
        file.write("\\.\nCREATE TABLE b ();\n")
    assert script.stat().st_size > 100_000_000
    done = subprocess.run([sys.executable, "-c", _PEAK], cwd=tmp_path, capture_output=True, text=True, check=True)
    script.unlink()
    assert conn.execute("SELECT count(*) FROM shop.a").fetchall() == [(_COPY_ROWS,)]
    assert int(done.stdout) < 30_000, f"{done.stdout} KB more than before"


@pytest.mark.parametrize("ends", ["the server", "the connection"])
def test_steps_that_a_lost_connection_leaves_uncertain_are_not_reported(
    make_project: MakeProject, server_choice: dict[str, Any], ends: str
) -> None:
    """Commits wait for the disk together at the end: what a server that goes down had not written is gone."""
    with embedded.temporary(**server_choice) as server, ThreadPoolExecutor() as pool:
        files = {"V1__a.sql": "CREATE TABLE a ();", "V2__b.sql": "SELECT pg_sleep(60);"}
        run = pool.submit(vuelo.migrate, make_project({"shop": files}, address=server.url()))
        with psycopg.connect(server.url(), autocommit=True) as conn:
            while (found := conn.execute(_SLEEPING).fetchone()) is None:
                time.sleep(0.05)
            if ends == "the connection":
                conn.execute("SELECT pg_terminate_backend(%s)", found)
            else:
                [folder] = conn.execute("SHOW data_directory").fetchone() or [""]
                os.kill(int((Path(folder) / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
        with pytest.raises(vuelo.RunFailedError) as caught:
            run.result(timeout=60)
    [result] = caught.value.results
    assert result.steps == ()
    assert result.error is not None
    assert "whether V1__a.sql stayed is not certain" in (result.error.hint or "")
