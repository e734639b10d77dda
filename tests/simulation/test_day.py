"""A small day through the real application; and that the reckoning sees what is wrong."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Generator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from cryptography import x509

from gasolinera.cli.simulate import simulate
from gasolinera.config import Environment, Settings
from gasolinera.errors import ConfigError
from gasolinera.raffle.beacon import QUICKNET, TEST
from gasolinera.raffle.bundles import Bundle
from gasolinera.raffle.documents import canonical, read_document
from gasolinera.raffle.verifying import Trust
from tests.conftest import Clone, drop
from tests.raffle.mutations import other_values, paths_of, replaced
from tests.raffle.test_beacon import QUICKNET_ROUND, QUICKNET_SIGNATURE
from tests.raffle.verifiers import by_all
from tests.simulation.redrawing import drawn_again
from vuelo.embedded import Server

Admin = psycopg.Connection[Any]
pytestmark = pytest.mark.timeout(300)  # applications that start, serve and stop, on a machine with other tests


class Played(msgspec.Struct, frozen=True):
    """A day of 40 customers that went well; `folder`: what its draw published."""

    environment: dict[str, str]
    admin: Admin
    done: "subprocess.CompletedProcess[str]"
    folder: Path


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    return environment_of(database_url, tmp_path)


@pytest.fixture(scope="module")
def played(server: Server, clone_of: Clone, tmp_path_factory: pytest.TempPathFactory) -> Generator[Played]:
    name, folder = clone_of("test"), tmp_path_factory.mktemp("day")
    environment = environment_of(server.dsn(name), folder)
    with psycopg.connect(server.url(name), autocommit=True) as admin:
        done = day(environment, 7, "--folder", str(folder))
        yield Played(environment, admin, done, folder / "SIM0007-RAFFLE")
    drop(server, name)


def environment_of(database_url: str, folder: Path) -> dict[str, str]:
    made = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")},
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_DATABASE_URL": database_url,
        "GASOLINERA_KEYS_FILE": str(folder / "keys.json"),
    }
    ran(made, "keys", "generate").check_returncode()
    return made


def ran(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = str(Path(sys.executable).with_name("gasolinera"))
    return subprocess.run(
        [program, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=180
    )


def day(environment: dict[str, str], seed: int, *more: str) -> "subprocess.CompletedProcess[str]":
    size = ("--stations", "3", "--customers", "40")
    return ran(environment, "simulate", "day", *size, "--seed", str(seed), *more)


def differing(done: "subprocess.CompletedProcess[str]") -> dict[str, tuple[str, str]]:
    """What was expected and what was found, of the totals that differ."""
    rows = json.loads(done.stdout)["rows"]
    return {
        row["total"]: (row["expected"], row["found"])
        for row in rows
        if len({str(row[name]) for name in ("expected", "told", "found", "reported") if row[name] is not None}) > 1
    }


def test_a_day_reconciles(played: Played) -> None:
    assert played.done.returncode == 0, played.done.stderr + played.done.stdout
    assert "totals agree" in played.done.stdout
    # What the table says is there, by what the command does not ask: of each of these kinds one customer came.
    found = played.admin.execute(
        "SELECT replace(failure_code, 'FRAUD_BLOCKED', 'ALREADY_USED'), count(*) FROM redemption_schema.redemptions"
        " WHERE station_code LIKE 'SIM0007%' AND status = 'FAILED' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    refused = {"ALREADY_USED": 2, "BUDGET_EXHAUSTED": 1, "MINIMUM_NOT_MET": 1, "STATION_NOT_ELIGIBLE": 1}
    assert dict(found) == refused
    # Three at once for a budget for one, one watched one, one two, one hurried, one hid, one cancelled afterwards.
    views = played.admin.execute(
        "SELECT e.status, count(*), sum(e.bonus_tickets)::integer FROM ad_schema.ad_engagements AS e"
        " JOIN ad_schema.advertisements AS a ON a.id = e.advertisement_id"
        " JOIN ad_schema.ad_campaigns AS c ON c.id = a.campaign_id"
        " WHERE c.campaign_code LIKE 'SIM0007%' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert views == [("ABANDONED", 1, 0), ("COMPLETED", 7, 28), ("REJECTED", 1, 0)]
    winners = played.admin.execute(
        "SELECT w.status, count(*) FROM raffle_schema.raffle_winners AS w"
        " JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id WHERE r.raffle_code = 'SIM0007-RAFFLE'"
        " GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert winners == [("ALTERNATE", 2), ("DELIVERED", 1), ("FORFEITED", 1), ("NOTIFIED", 2)]
    administrators = played.admin.execute(
        "SELECT is_active, count(*) FROM auth_schema.users WHERE role = 'SYSTEM_ADMIN' AND metadata ? 'simulation'"
        " GROUP BY 1"
    ).fetchall()
    assert administrators == [(False, 2)], "nobody can log in as an administrator of the day"


def test_the_same_day_is_not_played_twice(played: Played) -> None:
    again = day(played.environment, 7, "--folder", str(played.folder.parent))
    assert again.returncode == 1
    assert again.stderr.splitlines()[-3:] == [
        "error: seed 7 had its day here",
        "",
        "hint: choose another --seed: a day is made once",
    ]


def test_its_draw_verifies_without_its_database(played: Played) -> None:
    said = [line for line in played.done.stdout.splitlines() if line.endswith(": verified")]
    assert said[:2] == ["gasolinera raffle verify: verified", "verify_draw.py: verified"]
    told = next(line for line in played.done.stdout.splitlines() if line.startswith("gasolinera raffle verify /"))
    nothing = {"GASOLINERA_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    again = ran(nothing, *shlex.split(told)[1:])
    assert again.returncode == 0, again.stdout + again.stderr
    assert "TEST BEACON" in again.stdout
    for check in ("timestamps", "witnesses", "list", "proof", "receipt"):
        assert re.search(rf"{check} +│ (held|good)", again.stdout), again.stdout


def test_whatever_is_changed_in_its_bundle_is_refused_by_all_three_verifiers(played: Played) -> None:
    data = (played.folder / "bundle.json").read_bytes()
    roots = tuple(x509.load_pem_x509_certificates((played.folder / "timestamp-root.pem").read_bytes()))
    bundle = json.loads(data)
    key = bundle["manifest"]["operator"]["public_key"]
    witnesses = frozenset(one["public_key"] for one in bundle["manifest"]["evidence"]["witnesses"])
    trust = Trust(chain=TEST, operator_keys=frozenset({key}), witness_keys=witnesses, tsa_roots=roots)
    listed = (played.folder / "entries.bin").read_bytes()
    assert [one.code for one in by_all([data], trust, [listed])[0]] == [0, 0, 0]
    # One other value for each field; tests/raffle/test_verifying_mutations.py has all of them, of a smaller bundle.
    wanted = [
        (path, replaced(bundle, path, other_values(value)[0]))
        for path, value in paths_of(bundle)
        if not isinstance(value, dict | list)
    ]
    assert len(wanted) > 150
    said = by_all([changed for _, changed in wanted], trust)
    for (path, _), three in zip(wanted, said, strict=True):
        assert {one.code for one in three} == {1}, path


def test_its_entries_are_drawn_by_a_round_of_the_world_too(played: Played) -> None:
    manifest = read_document(Bundle, (played.folder / "bundle.json").read_bytes()).manifest
    opened = {
        bytes(entry): (issuance, tuple(sorted(numbers)))
        for entry, issuance, numbers in played.admin.execute(
            "SELECT e.entry_hash, e.issuance_id, array_agg(t.ticket_number) FROM raffle_schema.raffle_entries AS e"
            " JOIN raffle_schema.raffle_tickets AS t ON t.entry_id = e.id AND t.status = 'ACTIVE' GROUP BY e.id"
        ).fetchall()
    }
    entries = (played.folder / "entries.bin").read_bytes()
    data = drawn_again(manifest, entries, opened, QUICKNET, QUICKNET_ROUND, QUICKNET_SIGNATURE)
    kept = sha256(canonical(read_document(Bundle, data).manifest)).hexdigest()
    assert [one.code for one in by_all([data], Trust(kept_manifest=kept), [entries])[0]] == [0, 0, 0]
    # It requires evidence: whoever kept nothing of it is told so. And another round is another draw.
    assert [one.code for one in by_all([data], Trust())[0]] == [1, 1, 1]
    other = drawn_again(manifest, entries, opened, QUICKNET, QUICKNET_ROUND + 1, QUICKNET_SIGNATURE)
    kept = sha256(canonical(read_document(Bundle, other).manifest)).hexdigest()
    assert [one.code for one in by_all([other], Trust(kept_manifest=kept))[0]] == [1, 1, 1]


def test_one_row_that_is_not_as_it_should_be_is_seen(environment: dict[str, str], admin: Admin, tmp_path: Path) -> None:
    # Beside the application, whose answers stay good: an event is lost, a ticket goes without a word, and an
    # advertiser is charged less than the views cost.
    admin.execute(
        """
        CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
        GRANT USAGE ON SCHEMA public TO PUBLIC;
        CREATE TRIGGER lose BEFORE INSERT ON coupon_schema.outbox_events
            FOR EACH ROW WHEN (NEW.event_type = 'coupon.restored') EXECUTE FUNCTION public.lose();
        CREATE FUNCTION public.lose_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RETURN CASE WHEN NEW.ordinal = 1 AND EXISTS (
                SELECT FROM redemption_schema.redemptions AS r
                 WHERE r.id = NEW.redemption_id AND r.original_amount = 500) THEN NULL ELSE NEW END;
        END $$;
        CREATE TRIGGER lose BEFORE INSERT ON redemption_schema.raffle_tickets
            FOR EACH ROW EXECUTE FUNCTION public.lose_first();
        CREATE FUNCTION public.charge_less() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.spent := NEW.spent - 0.5;
            RETURN NEW;
        END $$;
        CREATE TRIGGER charge_less BEFORE UPDATE OF spent ON ad_schema.ad_campaign_budget_shards
            FOR EACH ROW WHEN (NEW.spent = 2.5) EXECUTE FUNCTION public.charge_less();
        """
    )
    done = day(environment, 8, "--json", "--folder", str(tmp_path))
    assert (done.returncode, done.stdout[:1]) == (1, "{"), done.stderr
    told = json.loads(done.stdout)
    assert (told["seed"], told["is_reconciled"]) == (8, False)
    wrong = differing(done)
    assert wrong["told_coupon_restored"] == (3, 0)
    assert wrong["ad_budgets_miscounted"] == (0, 1)
    assert "plenty_ads_spent" in wrong
    assert "small_ads_spent" not in wrong
    assert wrong["tickets_not_earned"] == (0, 1)
    expected, found = wrong["tickets_issued"]
    assert int(found) == int(expected) - 1
    assert "redemptions_completed" not in wrong


def test_nobody_plays_in_production(settings: Settings) -> None:
    production = settings.model_copy(update={"environment": Environment.PRODUCTION})
    with pytest.raises(ConfigError, match="nobody plays in production"):
        simulate(production, seed=1, stations=2, customers=40)
