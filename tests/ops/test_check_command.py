"""`gasolinera ops check`, as people, timers and collectors of metrics use it, with a fault planted and mended."""

import json
import os
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner, Result

from gasolinera.cli.app import app
from gasolinera.cli.operations.check import ALL_RULES, exit_code
from gasolinera.ops.checking import CheckResult, Finding, Group, Unit, Verdict, skipped
from gasolinera.ops.checking_metrics import FINDINGS, VERDICT, metric_names, metrics_text
from gasolinera.ops.checking_rules import BY_NAME
from gasolinera.ops.operations_schema import install
from tests.conftest import Clone, drop
from vuelo.embedded import Server

Check = Callable[..., Result]
FAULT = "disabled_triggers"


@pytest.fixture(scope="module")
def database(server: Server, clone_of: Clone) -> Generator[str]:
    name = clone_of("test")
    install(server.url(name))
    yield name
    drop(server, name)


@pytest.fixture
def admin(server: Server, database: str) -> Generator[psycopg.Connection[Any]]:
    with psycopg.connect(server.url(database), autocommit=True) as conn:
        yield conn
        conn.execute("ALTER TABLE station_schema.stations ENABLE TRIGGER USER")
        conn.execute("TRUNCATE ops_schema.thresholds, ops_schema.runs CASCADE")


@pytest.fixture
def check(server: Server, database: str, monkeypatch: pytest.MonkeyPatch) -> Check:
    for name in [name for name in os.environ if name.startswith("GASOLINERA_") or name in ("LC_ALL", "LC_MESSAGES")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "test")
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", server.dsn(database))

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["ops", "check", *words])

    return run


def plant(admin: psycopg.Connection[Any]) -> None:
    admin.execute("ALTER TABLE station_schema.stations DISABLE TRIGGER USER")


def test_a_planted_fault_is_told_with_what_it_means_and_gone_when_it_is_mended(
    check: Check, admin: psycopg.Connection[Any]
) -> None:
    assert check("--group", "tables", "--group", "security").exit_code == 0
    plant(admin)
    told = check("--group", "tables", "--group", "security")
    assert told.exit_code == 1
    assert "Disabled triggers" in told.stdout
    assert "Enable them, and see what was written meanwhile." in told.stdout
    assert "station_schema.stations" in told.stdout
    in_spanish = check("--only", FAULT, "--language", "es")
    assert "Enciéndelos y revisa qué se escribió mientras tanto." in in_spanish.stdout
    admin.execute("ALTER TABLE station_schema.stations ENABLE TRIGGER USER")
    assert check("--only", FAULT).exit_code == 0


def test_the_language_is_that_of_the_terminal(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "good" in check("--only", FAULT).stdout
    monkeypatch.setenv("LANG", "es_MX.UTF-8")
    assert "bien" in check("--only", FAULT).stdout


def test_programs_get_every_result_with_its_words(check: Check, admin: psycopg.Connection[Any]) -> None:
    plant(admin)
    done = check("--group", "tables", "--group", "archive", "--json")
    told = {one["name"]: one for one in json.loads(done.stdout)}
    wanted = {rule.name for rule in BY_NAME.values() if rule.group in (Group.TABLES, Group.ARCHIVE)}
    assert set(told) == wanted
    fault = told[FAULT]
    assert (fault["verdict"], fault["group"], fault["place"]) == ("warning", "tables", admin.info.dbname)
    assert fault["findings"][0]["object"].startswith("station_schema.stations ")
    assert fault["do"] == "Enable them, and see what was written meanwhile."
    assert told["archiving"]["skipped"].startswith("Archiving is off")
    assert told["sequences"]["findings"] == []


def test_all_shows_what_is_good_and_why_something_was_skipped(check: Check) -> None:
    shown = check("--group", "archive", "--group", "tables", "--all").stdout
    assert "Archiving is off: without it nothing is restored to any moment." in shown
    assert "tables_without_key" in shown
    assert "tables_without_key" not in check("--group", "tables").stdout


def test_metrics_can_be_read_by_prometheus_and_say_what_was_found(check: Check, admin: psycopg.Connection[Any]) -> None:
    plant(admin)
    done = check("--group", "tables", "--group", "archive", "--group", "connections", "--prometheus")
    families = {family.name: family for family in text_string_to_metric_families(done.stdout)}
    verdicts = {one.labels["check"]: one.value for one in families[VERDICT].samples}
    assert (verdicts[FAULT], verdicts["tables_without_key"]) == (2, 0)
    assert verdicts["archiving"] != verdicts["archiving"], "skipped is no number"
    counts = {one.labels["check"]: one.value for one in families[FINDINGS].samples}
    assert counts[FAULT] > 0
    assert "archiving" not in counts
    [used] = families["pg_connections_used_ratio"].samples
    assert 0 < used.value < 1
    assert used.labels == {"datname": admin.info.dbname}
    assert set(families) <= set(metric_names(ALL_RULES))


def test_every_metric_has_one_meaning_and_a_name_that_prometheus_takes() -> None:
    names = [rule.metric for rule in ALL_RULES.values()]
    assert len(set(names)) == len(names)
    results = [
        CheckResult(rule.name, Verdict.GOOD, rule.unit, 1.0, 0, (), None, rule.group, "db")
        for rule in ALL_RULES.values()
    ]
    text = metrics_text(results, ALL_RULES, datetime.now(UTC))
    assert {family.name for family in text_string_to_metric_families(text)} == set(metric_names(ALL_RULES))


def result(verdict: Verdict, reason: str | None = None) -> CheckResult:
    rule = BY_NAME["weak_passwords"]
    return (
        skipped(rule, reason)
        if reason
        else CheckResult(rule.name, verdict, Unit.NONE, 1, 1, (Finding("a", 1, verdict),))
    )


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([result(Verdict.GOOD)], 0),
        ([result(Verdict.ADVICE)], 0),
        ([result(Verdict.ADVICE), result(Verdict.WARNING)], 1),
        ([result(Verdict.WARNING), result(Verdict.CRITICAL)], 2),
        ([result(Verdict.GOOD), result(Verdict.SKIPPED, "privilege")], 3),
        ([result(Verdict.GOOD), result(Verdict.SKIPPED, "failed 42P01")], 3),
        ([result(Verdict.WARNING), result(Verdict.SKIPPED, "timeout")], 1),
        ([result(Verdict.CRITICAL), result(Verdict.SKIPPED, "unreachable")], 2),
        ([result(Verdict.SKIPPED, "archive_off"), result(Verdict.SKIPPED, "superuser_only")], 0),
        ([], 0),
    ],
)
def test_the_exit_code_is_that_of_the_worst_and_unknown_is_not_good(results: list[CheckResult], code: int) -> None:
    assert exit_code(results) == code


def test_where_nothing_can_be_reached_the_answer_is_no_warning(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    done = check("--group", "tables", "--group", "connections")
    assert done.exit_code == 2
    assert "Database reachable" in done.stdout
    for service in ("AUTH", "STATION", "COUPON", "REDEMPTION", "ADS", "RAFFLE"):
        monkeypatch.setenv(f"GASOLINERA_{service}_MIGRATION_URL", f"postgresql://nobody@127.0.0.1:1/{service.lower()}")
    unknown = check("--group", "tables")
    assert (unknown.exit_code, unknown.stdout) == (3, "")
    assert "nothing could be checked" in unknown.stderr


def test_limits_are_set_listed_used_and_taken_away(check: Check, admin: psycopg.Connection[Any]) -> None:
    plant(admin)
    said = check("thresholds", "set", FAULT, "--object", "station_schema.*", "--off", "--reason", "an import runs")
    assert said.exit_code == 0, said.output
    assert check("--only", FAULT).exit_code == 0
    [listed] = json.loads(check("thresholds", "list", "--json").stdout)
    assert (listed["check_name"], listed["is_off"], listed["reason"]) == (FAULT, True, "an import runs")
    assert "an import runs" in check("thresholds", "list").stdout
    assert check("thresholds", "set", FAULT, "--critical", "1", "--reason", "it matters").exit_code == 0
    assert check("--only", FAULT).exit_code == 0, "the longer pattern still holds"
    assert check("thresholds", "reset", FAULT, "--object", "station_schema.*").exit_code == 0
    assert check("--only", FAULT).exit_code == 2
    assert check("thresholds", "reset", FAULT).exit_code == 0
    assert check("--only", FAULT).exit_code == 1
    runs = admin.execute("SELECT command, scope, outcome FROM ops_schema.runs ORDER BY id").fetchall()
    assert runs == [(f"check thresholds {what}", FAULT, "OK") for what in ("set", "set", "reset", "reset")]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["set", "no_such_check", "--warning", "1", "--reason", "r"], "ops.unknown_check"),
        (["set", FAULT, "--reason", "r"], "ops.threshold"),
        (["set", FAULT, "--off", "--warning", "1", "--reason", "r"], "ops.threshold"),
        (["set", FAULT, "--warning", "5", "--critical", "1", "--reason", "r"], "ops.threshold"),
        (["set", "disk_forecast", "--warning", "5", "--critical", "10", "--reason", "r"], "ops.threshold"),
        (["set", FAULT, "--warning", "1", "--reason", " "], "ops.threshold"),
        (["reset", FAULT], "ops.unknown_threshold"),
    ],
)
def test_limits_that_make_no_sense_are_refused(check: Check, words: list[str], code: str) -> None:
    done = check("thresholds", *words)
    assert getattr(done.exception, "code", None) == code
    assert json.loads(check("thresholds", "list", "--json").stdout) == []


def test_a_check_that_nobody_knows_is_a_mistake_of_the_command_line(check: Check) -> None:
    assert check("--only", "no_such_check").exit_code == 2
    assert check("--group", "no_such_group").exit_code == 2


def test_the_checks_of_data_are_asked_for_with_the_others(check: Check) -> None:
    told = {one["name"] for one in json.loads(check("--group", "data", "--json").stdout)}
    assert told == {name for name, rule in ALL_RULES.items() if rule.group is Group.DATA}
    assert "data_totals" not in check("--group", "tables", "--json").stdout


def test_a_database_in_which_nothing_is_yet_is_told_what_is_missing(
    check: Check, admin: psycopg.Connection[Any], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.execute("CREATE DATABASE nothing_yet")
    try:
        monkeypatch.setenv("GASOLINERA_DATABASE_URL", server.dsn("nothing_yet"))
        told = {one["name"]: one for one in json.loads(check("--without", "data", "--json").stdout)}
        assert told["migrations"]["count"] > 0
        assert told["backup_age"]["skipped"].startswith("The tables of operations are missing")
        assert told["deadlocks"]["reason"] == "first_look"
        refused = check("thresholds", "list")
        assert getattr(refused.exception, "code", None) == "ops.not_installed"
    finally:
        admin.execute("DROP DATABASE nothing_yet")
