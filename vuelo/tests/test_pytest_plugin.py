"""The fixtures give each test a migrated database of its own, in one process and in several."""

import subprocess
import sys
from pathlib import Path

import pytest

from vuelo.embedded import Server

pytest_plugins = ["pytester"]

PROJECT = (
    'url = "embedded:never"\n[services.shop]\nlocations = ["sql"]\n[environments.test]\n[environments.development]\n'
)
MIGRATION = "CREATE TABLE a (b int); INSERT INTO a VALUES (1);"
TESTS = """
    import psycopg
    import pytest

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_each_has_its_own(vuelo_database, number):
        with psycopg.connect(vuelo_database, autocommit=True) as conn:
            assert conn.execute("SELECT count(*) FROM shop.a").fetchone() == (1,)
            conn.execute("INSERT INTO shop.a VALUES (2)")

    def test_the_project_can_be_migrated_further(vuelo_project):
        import vuelo
        assert not vuelo.info(vuelo_project)["shop"].pending
        vuelo.undo(vuelo_project)
        assert vuelo.info(vuelo_project)["shop"].pending
"""


@pytest.fixture
def project(pytester: pytest.Pytester, server: Server) -> pytest.Pytester:
    (pytester.path / "db").mkdir()
    (pytester.path / "db" / "sql").mkdir()
    (pytester.path / "db" / "sql" / "V1__a.sql").write_text(MIGRATION)
    (pytester.path / "db" / "sql" / "U1__a.sql").write_text("DROP TABLE a;")
    (pytester.path / "db" / "vuelo.toml").write_text(PROJECT)
    pytester.makeini(
        f"[pytest]\nvuelo_config = db/vuelo.toml\nvuelo_environment = test\nvuelo_scratch_url = {server.url()}\n"
    )
    pytester.makepyfile(TESTS)
    return pytester


def test_each_test_has_a_database_of_its_own(project: pytest.Pytester) -> None:
    project.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)


def test_it_works_in_several_processes(project: pytest.Pytester) -> None:
    project.runpytest_subprocess("-n", "2").assert_outcomes(passed=4)


def test_the_command_line_has_the_last_word(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("--vuelo-config", "other.toml")
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(["*there is no *other.toml*"])


def test_who_does_not_use_it_imports_nothing_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_is_loaded():
            assert not {"psycopg", "vuelo.run", "vuelo.project", "rich"} & sys.modules.keys()
        """
    )
    pytester.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=1)


def test_rights_and_settings_of_the_database_are_copied(project: pytest.Pytester, server: Server) -> None:
    setup = """DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'plugin_guest') THEN CREATE ROLE plugin_guest LOGIN; END IF;
        EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO plugin_guest', current_database());
        EXECUTE format('ALTER ROLE plugin_guest IN DATABASE %I SET statement_timeout = ''7s''', current_database());
        EXECUTE format('ALTER DATABASE %I SET search_path = shop, public', current_database());
    END $$;"""
    (project.path / "db" / "setup.sql").write_text(setup)
    (project.path / "db" / "vuelo.toml").write_text(f'scratch_setup = "setup.sql"\n{PROJECT}')
    project.makepyfile(
        """
        import psycopg
        from psycopg.conninfo import make_conninfo

        def test_it(vuelo_database):
            with psycopg.connect(make_conninfo(vuelo_database, user="plugin_guest")) as conn:
                assert conn.execute("SHOW statement_timeout").fetchone() == ("7s",)
                assert conn.execute("SHOW search_path").fetchone() == ("shop, public",)
                allowed = "SELECT has_database_privilege('pg_monitor', current_database(), 'CONNECT')"
                assert conn.execute(allowed).fetchone() == (False,)
        """
    )
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_an_embedded_server_serves_where_no_other_is_named(project: pytest.Pytester) -> None:
    project.runpytest_subprocess("--vuelo-scratch-url", "").assert_outcomes(passed=4)


def test_the_plugin_is_found_by_its_entry_point() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], cwd=Path("/"), capture_output=True, text=True, check=True
    )
    assert "--vuelo-config" in done.stdout
