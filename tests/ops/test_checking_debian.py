"""What the embedded server has not: TLS, the extensions that measure, and views as they were before PostgreSQL 17."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gasolinera.ops import checking_storage, measuring
from gasolinera.ops.checking import CheckResult, Threshold, Verdict
from gasolinera.ops.checking_certificate import certificate_result
from gasolinera.ops.checking_questions import Memory, look, run_checks
from gasolinera.ops.checking_rules import BY_NAME, QUESTIONS
from vuelo import embedded
from vuelo.embedded import Server
from vuelo.installation import server_account

Admin = psycopg.Connection[Any]
BIN = Path("/usr/lib/postgresql/15/bin")
pytestmark = pytest.mark.skipif(not (BIN / "postgres").exists(), reason="Debian's PostgreSQL 15 is not installed")


@pytest.fixture(scope="module")
def debian() -> Generator[Server]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    folder = Path(tempfile.mkdtemp(prefix="certificate-"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", folder / "key.pem", "-out", folder / "crt.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    account = server_account()
    for path in (folder, folder / "key.pem", folder / "crt.pem"):
        account.own(path)
    settings = {
        "shared_preload_libraries": "pg_stat_statements",
        "listen_addresses": "127.0.0.1",
        "port": port,
        "ssl": "on",
        "ssl_cert_file": str(folder / "crt.pem"),
        "ssl_key_file": str(folder / "key.pem"),
    }
    try:
        with embedded.temporary(bin_dir=BIN, settings=settings) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def admin(debian: Server) -> Generator[Admin]:
    with psycopg.connect(debian.url(), autocommit=True) as conn:
        yield conn


def objects(result: CheckResult) -> set[str]:
    return {finding.object for finding in result.findings}


def test_every_question_is_answered_by_postgresql_15(admin: Admin) -> None:
    results = run_checks(admin, ["public"])
    assert len(results) == len(QUESTIONS)
    assert [one for one in results if (one.reason or "").startswith("failed")] == []
    assert {one.reason for one in results} <= {None, "first_look", "archive_off", "checksums_off", "too_little",
                                               "statistics_young", "collation_unversioned"}  # fmt: skip


def test_checkpoints_are_counted_where_older_servers_count_them(admin: Admin) -> None:
    counted = look(admin, [], [BY_NAME["requested_checkpoints"]], Memory()).counters["requested_checkpoints"]
    admin.execute("CHECKPOINT")
    again = look(admin, [], [BY_NAME["requested_checkpoints"]], Memory()).counters["requested_checkpoints"]
    assert again["server"][0] == counted["server"][0] + 1


def test_only_sessions_that_nobody_encrypts_are_told(debian: Server, admin: Admin) -> None:
    admin.execute("CREATE ROLE visitor LOGIN PASSWORD 'secret'")
    try:
        place = f"host=127.0.0.1 port={debian.port} dbname=postgres user=visitor password=secret"
        with psycopg.connect(f"{place} sslmode=require"):
            [result] = run_checks(admin, [], [BY_NAME["plain_sessions"]])
            assert objects(result) == set()
        with psycopg.connect(f"{place} sslmode=disable"):
            [result] = run_checks(admin, [], [BY_NAME["plain_sessions"]])
            assert (result.verdict, objects(result)) == (Verdict.WARNING, {"visitor 127.0.0.1"})
    finally:
        admin.execute("DROP ROLE visitor")


def test_a_certificate_that_runs_out_soon_is_told(debian: Server, admin: Admin) -> None:
    rule = BY_NAME["certificate"]
    place = f"host=127.0.0.1 port={debian.port} dbname=postgres user=visitor password=secret"
    admin.execute("CREATE ROLE visitor LOGIN PASSWORD 'secret'")
    try:
        with psycopg.connect(place) as conn:
            over_tcp = certificate_result(conn, rule, ())
    finally:
        admin.execute("DROP ROLE visitor")
    assert (over_tcp.verdict, objects(over_tcp)) == (Verdict.CRITICAL, {"CN=localhost"})
    assert 1 < (over_tcp.worst or 0) <= 2, "it was made for two days"
    assert certificate_result(admin, rule, ()).verdict is Verdict.CRITICAL, "found from the socket, too"
    later = Threshold(check_name="certificate", warning=1)
    assert certificate_result(admin, rule, [later]).verdict is Verdict.GOOD


def test_statements_that_are_slow_and_frequent_are_told(admin: Admin) -> None:
    rule = BY_NAME["slow_statements"]
    assert checking_storage.statement_result(admin, rule, ()).reason == "no_extension"
    admin.execute("CREATE EXTENSION pg_stat_statements")
    try:
        admin.execute("SELECT pg_stat_statements_reset()")
        for _ in range(100):
            admin.execute("SELECT pg_sleep(0.001)")
        limit = Threshold(check_name="slow_statements", warning=0.001)
        result = checking_storage.statement_result(admin, rule, [limit])
        assert (result.verdict, objects(result)) == (Verdict.WARNING, {"SELECT pg_sleep($1)"})
        assert checking_storage.statement_result(admin, rule, ()).verdict is Verdict.GOOD
        # The server keeps commands with their values; who looks is not shown them.
        admin.execute("DO 'BEGIN PERFORM pg_sleep(0.2); END -- planted'")
        texts = [one.statement for one in measuring.slow_statements(admin).statements]
        assert "DO ?" in texts
        assert not [text for text in texts if "planted" in text]
    finally:
        admin.execute("DROP EXTENSION pg_stat_statements")


def test_bloat_is_estimated_and_measured_where_the_extension_is(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    admin.execute("CREATE TABLE swollen (id int PRIMARY KEY, filler text) WITH (autovacuum_enabled = off)")
    admin.execute("INSERT INTO swollen SELECT i, repeat('x', 200) FROM generate_series(1, 120000) AS i")
    admin.execute("CREATE INDEX swollen_filler ON swollen (filler, id) WITH (deduplicate_items = off)")
    admin.execute("VACUUM ANALYZE swollen")
    limits = {name: [Threshold(check_name=name, warning=10 * 1024**2)] for name in ("table_bloat", "index_bloat")}

    def bloat(name: str) -> CheckResult:
        return checking_storage.bloat_result(admin, ["public"], BY_NAME[name], limits[name])

    for name in limits:
        assert bloat(name).verdict is Verdict.GOOD, name
    admin.execute("DELETE FROM swollen WHERE id % 5 > 0")
    admin.execute("VACUUM ANALYZE swollen")
    assert objects(bloat("table_bloat")) == {"swollen (estimated)"}
    assert objects(bloat("index_bloat")) == {"swollen_filler (estimated)"}
    # What is measured are the worst alone, so that a check stays cheap; here, however small they are.
    monkeypatch.setattr(checking_storage, "_SUSPECT", 0)
    admin.execute("CREATE EXTENSION pgstattuple")
    try:
        [table] = bloat("table_bloat").findings
        free = admin.execute("SELECT free_space + dead_tuple_len FROM pgstattuple('swollen')").fetchone()
        assert free is not None
        assert table.object == "swollen"
        assert table.amount == pytest.approx(free[0], rel=0.1)
        assert objects(bloat("index_bloat")) == {"swollen_filler"}
    finally:
        admin.execute("DROP EXTENSION pgstattuple")
        admin.execute("DROP TABLE swollen")
