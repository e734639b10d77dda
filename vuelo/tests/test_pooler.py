"""Through a real PgBouncer that pools transactions: nothing of ours stays in a session that others get next."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import vuelo
from vuelo.errors import VueloError

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
SETTINGS = 'pooler = true\nlock_timeout = "3s"\nwait_s = 30'


@pytest.fixture
def pooled(url: str, tmp_path: Path) -> Generator[str]:
    """The conninfo of the test's database behind a PgBouncer with two connections to it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        message = "pgbouncer is not installed"
        if os.environ.get("GASOLINERA_TEST_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    parts = conninfo_to_dict(url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    target = " ".join(f"{name}={parts[name]}" for name in ("host", "port", "dbname") if name in parts)
    config = tmp_path / "pgbouncer.ini"
    config.write_text(
        f"""[databases]
{parts["dbname"]} = {target} user={parts.get("user", "postgres")}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""
    )
    command = [program, str(config)]
    if os.geteuid() == 0:  # which PgBouncer refuses to run as
        command[1:1] = ["-u", pwd.getpwuid(Path(str(parts["host"])).stat().st_uid).pw_name]
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        address = make_conninfo(host="127.0.0.1", port=port, dbname=parts["dbname"], user="postgres")
        deadline = time.monotonic() + 20
        while True:
            try:
                psycopg.connect(address).close()
                break
            except psycopg.OperationalError:
                if time.monotonic() > deadline or process.poll() is not None:
                    process.kill()
                    pytest.fail(f"pgbouncer did not start: {process.communicate()[1]}")
                time.sleep(0.05)
        yield address
        process.terminate()


def left_in_sessions(pooled: str) -> set[tuple[Any, ...]]:
    """What other clients of the pool find, in each of its two sessions."""
    query = """SELECT current_user, session_user, current_setting('search_path'), current_setting('lock_timeout'),
                      current_setting('statement_timeout'), nullif(current_setting('x.y', true), ''),
                      (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"""
    with psycopg.connect(pooled) as one, psycopg.connect(pooled) as two:
        return {one.execute(query.encode()).fetchone() or (), two.execute(query.encode()).fetchone() or ()}


@pytest.fixture
def owner(conn: Connection) -> Generator[str]:
    conn.execute("DROP ROLE IF EXISTS pool_owner")
    conn.execute("CREATE ROLE pool_owner")
    conn.execute(f"GRANT CREATE ON DATABASE {conn.info.dbname} TO pool_owner".encode())
    yield "pool_owner"
    conn.execute("DROP OWNED BY pool_owner CASCADE")
    conn.execute("DROP ROLE pool_owner")


def test_migrate_undo_and_info_leave_no_setting_behind(
    make_project: MakeProject, conn: Connection, pooled: str, owner: str
) -> None:
    clean = left_in_sessions(pooled)
    files = {
        "V1__a.sql": "CREATE TABLE a (n int);\nSET search_path = public; SET lock_timeout = '9s'; SET x.y = 'left';",
        "V2__b.sql": "CREATE TABLE b (n int);\nCOPY b FROM STDIN;\n1\n\\.\nSET ROLE postgres;",
        "R__v.sql": "CREATE OR REPLACE VIEW v AS SELECT n, 'ñ' AS t FROM b;",
        "U2__b.sql": "DROP VIEW v; DROP TABLE b; SET statement_timeout = '7s';",
        "beforeMigrate.sql": "SET x.y = 'callback'",
    }
    project = make_project({"shop": files}, f'role = "{owner}"\ninit_sql = "SET x.y = 1"\n{SETTINGS}', address=pooled)
    [result] = vuelo.migrate(project)
    assert len(result.steps) == 3
    assert left_in_sessions(pooled) == clean
    owners = conn.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'shop'").fetchall()
    assert owners == [(owner,)]
    assert conn.execute("SELECT DISTINCT installed_by FROM shop.flyway_schema_history").fetchall() == [(owner,)]
    assert vuelo.info(project)["shop"].pending == ()
    [undone] = vuelo.undo(project)
    assert [step.version for step in undone.steps] == ["2"]
    assert left_in_sessions(pooled) == clean
    assert [step.version for step in vuelo.migrate(project)[0].steps] == ["2", None]
    assert conn.execute("SELECT t FROM shop.v").fetchall() == [("ñ",)]


def test_a_failed_migration_leaves_nothing_behind(make_project: MakeProject, conn: Connection, pooled: str) -> None:
    clean = left_in_sessions(pooled)
    project = make_project(
        {"shop": {"V1__a.sql": "CREATE TABLE a (); SET x.y = 'left'; SELECT 1/0;"}}, SETTINGS, address=pooled
    )
    with pytest.raises(vuelo.RunFailedError):
        vuelo.migrate(project)
    assert left_in_sessions(pooled) == clean
    assert conn.execute("SELECT to_regclass('shop.a')").fetchone() == (None,)


def test_runners_at_once_take_turns(make_project: MakeProject, conn: Connection, pooled: str) -> None:
    conn.execute("CREATE TABLE public.ran (name text)")
    files = {f"V{n}__x.sql": f"INSERT INTO public.ran VALUES ('{n}'); SELECT pg_sleep(0.05);" for n in range(1, 7)}
    project = make_project({"shop": files}, SETTINGS, address=pooled)
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(vuelo.migrate, project) for _ in range(2)]
        steps = [run.result(timeout=60)[0].steps for run in runs]
    assert sum(len(one) for one in steps) == 6
    assert conn.execute("SELECT name FROM public.ran ORDER BY name").fetchall() == [(str(n),) for n in range(1, 7)]


def test_undos_at_once_undo_once_each_or_say_that_another_was_there(
    make_project: MakeProject, conn: Connection, pooled: str
) -> None:
    files = {f"V{n}__x.sql": f"CREATE TABLE t{n} ();" for n in (1, 2)}
    files |= {f"U{n}__x.sql": f"SELECT pg_sleep(0.5); DROP TABLE t{n};" for n in (1, 2)}
    project = make_project({"shop": files}, SETTINGS, address=pooled)
    vuelo.migrate(project)

    def undo(_: int) -> VueloError | None:
        try:
            vuelo.undo(project)
        except vuelo.RunFailedError as failed:
            return failed.results[0].error
        return None

    with ThreadPoolExecutor() as pool:
        errors = [error for error in pool.map(undo, range(2)) if error is not None]
    assert [error.code for error in errors] in ([], ["undo.moved"])
    [left] = conn.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'shop' AND tablename ~ '^t[12]$'")
    assert left == (len(errors),)


@pytest.mark.parametrize("script", ["CREATE INDEX CONCURRENTLY ON a (n);", "VACUUM;"])
def test_what_cannot_run_in_a_transaction_is_refused(make_project: MakeProject, pooled: str, script: str) -> None:
    files = {"V1__a.sql": "CREATE TABLE a (n int);", "V2__b.sql": script}
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(make_project({"shop": files}, SETTINGS, address=pooled))
    [result] = caught.value.results
    assert [step.version for step in result.steps] == ["1"]
    assert result.error is not None
    assert result.error.code == "pooler.no_transaction"
