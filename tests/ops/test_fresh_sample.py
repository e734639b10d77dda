"""What a newcomer looks at first: the sample data are a healthy platform, and a planted fault stands out."""

import json
import os
from collections.abc import Callable, Generator

import msgspec
import psycopg
import pytest
from typer.testing import CliRunner, Result

from gasolinera.cli.app import app
from gasolinera.ops import partitions, roles
from gasolinera.ops.checking import CheckResult, Group, Verdict
from gasolinera.ops.checking_words import is_unknown
from gasolinera.ops.operations_schema import install
from tests.conftest import Clone, drop, project_at
from tests.ops.platform import Platform
from vuelo.embedded import Server

Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def fresh(server: Server, clone_of: Clone) -> Generator[str]:
    """As `gasolinera demo` makes it, before anybody has done anything and before a worker has run."""
    name = clone_of("test")
    project = project_at(server.url(name), "test")
    roles.initialise(project)
    partitions.ensure_ahead(project)
    install(server.url(name))
    with psycopg.connect(server.url(name), autocommit=True) as conn:
        # The copied template may be of half an hour ago, and no relay has run; other tests' databases came and went.
        for service in project.services:
            conn.execute(f"UPDATE {service.schema}.outbox_events SET created_at = now()".encode())
        conn.execute("VACUUM")
    yield name
    drop(server, name)


@pytest.fixture
def ask(server: Server, fresh: str, monkeypatch: pytest.MonkeyPatch) -> Ask:
    for name in [name for name in os.environ if name.startswith("GASOLINERA_") or name in ("LC_ALL", "LC_MESSAGES")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "test")
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", server.dsn(fresh))

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["ops", *words])

    return run


def test_no_check_has_anything_against_fresh_sample_data(ask: Ask) -> None:
    told = json.loads(ask("check", "--json").stdout)
    assert {one["group"] for one in told} == set(Group)
    # Advice is no fault: that a server of a minute ago has just begun is true. A server of tests writes nothing to disk
    # for certain, and that is rightly told; tests/test_demo.py asks a demo's own server, which does.
    found = {
        one["name"]: [finding["object"] for finding in one["findings"]]
        for one in told
        if one["verdict"] in (Verdict.WARNING, Verdict.CRITICAL)
    }
    found.pop("unsafe_settings", None)
    assert found == {}
    unknown = [one["name"] for one in told if one["reason"] and is_unknown(msgspec.convert(one, CheckResult))]
    assert unknown == []


def test_the_services_agree_about_fresh_sample_data_at_once_and_for_good(ask: Ask, server: Server, fresh: str) -> None:
    """Also without the grace that hides what is young: else a demo would go bad five minutes after its start."""
    told = ask("reconcile", "--grace", "0")
    assert told.exit_code == 0, told.stdout + told.stderr
    done = Platform(server, fresh).compare()
    assert done.findings == ()
    assert [one.reason for one in done.compared if one.reason] == []


@pytest.mark.parametrize(
    ("group", "check", "fault", "mended"),
    [
        (
            "tables",
            "disabled_triggers",
            "ALTER TABLE station_schema.stations DISABLE TRIGGER USER",
            "ALTER TABLE station_schema.stations ENABLE TRIGGER USER",
        ),
        (
            "security",
            "foreign_rights",
            "GRANT USAGE ON SCHEMA coupon_schema TO station_app",
            "REVOKE USAGE ON SCHEMA coupon_schema FROM station_app",
        ),
        (
            "vacuum",
            "autovacuum_off",
            "ALTER TABLE coupon_schema.coupons SET (autovacuum_enabled = false)",
            "ALTER TABLE coupon_schema.coupons RESET (autovacuum_enabled)",
        ),
        (
            "data",
            "data_totals",
            """UPDATE redemption_schema.points_accounts SET balance = balance + 1
                WHERE user_id = 'a0000000-0000-4000-8000-000000000061'""",
            """UPDATE redemption_schema.points_accounts SET balance = balance - 1
                WHERE user_id = 'a0000000-0000-4000-8000-000000000061'""",
        ),
        (
            "events",
            "outbox_lag",
            """INSERT INTO station_schema.outbox_events
                      (event_type, aggregate_type, aggregate_key, payload, occurred_at, created_at)
               VALUES ('planted.fault', 'fault', 'planted', '{}', now() - interval '9 hours',
                       now() - interval '9 hours')""",
            "DELETE FROM station_schema.outbox_events WHERE event_type = 'planted.fault'",
        ),
    ],
)
def test_a_fault_planted_in_the_sample_turns_its_group_red_and_only_while_it_is_there(
    ask: Ask, server: Server, fresh: str, group: str, check: str, fault: str, mended: str
) -> None:
    assert ask("check", "--group", group).exit_code == 0
    with psycopg.connect(server.url(fresh), autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute(fault.encode())
        try:
            told = ask("check", "--group", group)
        finally:
            conn.execute(mended.encode())
    assert told.exit_code in (1, 2), told.stdout
    assert f"({check})" in told.stdout
    assert ask("check", "--group", group).exit_code == 0
