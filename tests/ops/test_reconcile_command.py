"""`gasolinera ops reconcile`: what it tells, keeps and plans, and that every step of a plan can be taken."""

import json
import os
import re
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from gasolinera.cli.app import app
from gasolinera.ops.reconciling_kinds import KINDS
from tests.ops.platform import DRIVER, OPEN_RAFFLE, Platform, give_tickets, lose_unpublished


def test_what_was_found_and_delivered_is_on_record(platform: Platform) -> None:
    give_tickets(platform, "lost", tickets=1)
    lose_unpublished(platform, "redemption")
    platform.compare(is_repair=True)
    ((is_repair, found, delivered, outcome),) = platform.run(
        "redemption",
        "SELECT r.is_repair, r.found, r.delivered, u.outcome FROM ops_schema.reconciliations AS r "
        "JOIN ops_schema.runs AS u ON u.id = r.run_id ORDER BY r.id DESC LIMIT 1",
    )
    assert (is_repair, found, delivered, outcome) == (True, 3, 2, "WARNING")
    rows = platform.run(
        "redemption",
        "SELECT kind, remedy, delivered_at IS NOT NULL FROM ops_schema.reconciliation_findings "
        "WHERE reconciliation_id = (SELECT max(id) FROM ops_schema.reconciliations) ORDER BY kind",
    )
    assert rows == [
        ("entry_missing", "WAIT", False),
        ("event_not_heard", "EVENT", True),
        ("event_not_heard", "EVENT", True),
    ]
    platform.run(
        "redemption",
        "UPDATE ops_schema.reconciliations SET started_at = now() - interval '91 days', "
        "finished_at = now() - interval '91 days'",
    )
    platform.compare()
    assert platform.run("redemption", "SELECT count(*) FROM ops_schema.reconciliations") == [(1,)]


def test_the_command_says_what_differs_writes_the_plan_and_repairs(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in list(os.environ):
        if name.startswith("GASOLINERA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "test")
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", platform.server.dsn(platform.database))
    quiet = CliRunner().invoke(app, ["ops", "reconcile", "--grace", "0"])
    assert (quiet.exit_code, quiet.stdout.startswith("34 of 34 comparisons agree, over")) == (0, True)

    give_tickets(platform, "lost", tickets=1)
    lose_unpublished(platform, "redemption")
    plan = tmp_path / "plan.md"
    looked = CliRunner().invoke(app, ["ops", "reconcile", "--grace", "0", "--plan", str(plan)])
    assert looked.exit_code == 1
    assert "redemption published tickets.issued about issuance" in looked.stdout
    assert "3 are repaired by events: `gasolinera ops reconcile --repair`" in plan.read_text()

    arguments = ["ops", "reconcile", "--grace", "0", "--repair", "--json", "--without", "notify"]
    repaired = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert repaired["delivered"] == 1
    kept = CliRunner().invoke(app, ["ops", "reconcile", "--history", "3"])
    assert kept.exit_code == 0
    assert kept.stdout.count("looked") == 2
    assert kept.stdout.count("repaired") == 1


def test_one_service_is_compared_with_every_other_and_several_among_themselves(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One alone compared nothing, and "0 of 0 agree" looks like a good answer after a restore."""
    for name in list(os.environ):
        if name.startswith("GASOLINERA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "test")
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", platform.server.dsn(platform.database))

    def compared(*arguments: str) -> list[dict[str, str]]:
        said = CliRunner().invoke(app, ["ops", "reconcile", "--grace", "0", "--json", *arguments])
        return json.loads(said.stdout)["compared"]

    def pairs(found: list[dict[str, str]]) -> set[tuple[str, str, str]]:
        return {(one["name"], one["left"], one["right"]) for one in found}

    every = pairs(compared())
    for service in ("station", "redemption", "auth"):
        own = pairs(compared("--service", service))
        assert own == {one for one in every if service in one[1:]}
        assert len(own) > 3
    both = pairs(compared("--service", "raffle", "--service", "redemption"))
    assert both == {one for one in every if {*one[1:]} <= {"raffle", "redemption"}}
    give_tickets(platform, "lost", tickets=1)
    lose_unpublished(platform, "redemption")
    for service in ("redemption", "raffle"):
        assert sum(int(one["differences"]) for one in compared("--service", service)) > 0
    assert sum(int(one["differences"]) for one in compared("--service", "station")) == 0
    unknown = CliRunner().invoke(app, ["ops", "reconcile", "--service", "nobody"])
    assert unknown.exit_code != 0


_STATEMENT = re.compile(r"as (\w+_owner): ((?:SELECT|UPDATE) [^;]+)")
WORDS = {
    "subject": DRIVER,
    "raffle_code": OPEN_RAFFLE,
    "version": "3",
    "issuance_id": DRIVER,
    "told": "auth",
    "at": "2026-11-23T12:00:00Z",
    "state": "CLOSED",
    "coupon_code": "GASX00000001N",
}


def steps() -> list[tuple[str, str]]:
    return [(kind, step) for kind, found in KINDS.items() for step in found.steps]


def test_every_statement_of_a_plan_can_be_run_by_whom_the_plan_names(platform: Platform) -> None:
    found = [(kind, *asked) for kind, step in steps() for asked in _STATEMENT.findall(step)]
    assert len(found) > 6
    for kind, role, statement in found:
        service = role.removesuffix("_owner")
        with psycopg.connect(platform.server.url(platform.of(service))) as conn:
            conn.execute(f"SET ROLE {role}".encode())
            try:
                conn.execute(b"EXPLAIN " + statement.format(**WORDS).encode())
            except psycopg.Error as error:
                pytest.fail(f"{kind}: {error}")


def test_every_command_of_a_plan_is_there() -> None:
    named = {words for _, step in steps() for words in re.findall(r"gasolinera ((?:[a-z][a-z-]* )*[a-z][a-z-]*)", step)}
    assert {"users replay-erasures", "ops restore rows redemption"} <= named
    for words in named:
        assert CliRunner().invoke(app, [*words.split(), "--help"]).exit_code == 0, words
