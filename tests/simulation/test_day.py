"""A small day through the real application; and that the reckoning sees what is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gasolinera.cli.simulate import simulate
from gasolinera.config import Environment, Settings
from gasolinera.errors import ConfigError

Admin = psycopg.Connection[Any]
pytestmark = pytest.mark.timeout(300)  # applications that start, serve and stop, on a machine with other tests


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    made = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")},
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_DATABASE_URL": database_url,
        "GASOLINERA_KEYS_FILE": str(tmp_path / "keys.json"),
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


def test_a_day_reconciles_and_the_same_one_is_not_played_twice(environment: dict[str, str], admin: Admin) -> None:
    first = day(environment, 7)
    assert first.returncode == 0, first.stderr + first.stdout
    assert "totals agree" in first.stdout
    # What the table says is there, by what the command does not ask: of each of these kinds one customer came.
    found = admin.execute(
        "SELECT replace(failure_code, 'FRAUD_BLOCKED', 'ALREADY_USED'), count(*) FROM redemption_schema.redemptions"
        " WHERE station_code LIKE 'SIM0007%' AND status = 'FAILED' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    refused = {"ALREADY_USED": 2, "BUDGET_EXHAUSTED": 1, "MINIMUM_NOT_MET": 1, "STATION_NOT_ELIGIBLE": 1}
    assert dict(found) == refused
    administrators = admin.execute(
        "SELECT is_active, count(*) FROM auth_schema.users WHERE role = 'SYSTEM_ADMIN' AND metadata ? 'simulation'"
        " GROUP BY 1"
    ).fetchall()
    assert administrators == [(False, 2)], "nobody can log in as an administrator of the day"

    again = day(environment, 7)
    assert again.returncode == 1
    assert again.stderr.splitlines()[-3:] == [
        "error: seed 7 had its day here",
        "",
        "hint: choose another --seed: a day is made once",
    ]


def test_one_row_that_is_not_as_it_should_be_is_seen(environment: dict[str, str], admin: Admin) -> None:
    # Beside the application, whose answers stay good: an event is lost, and a ticket goes without a word.
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
        """
    )
    done = day(environment, 8, "--json")
    assert (done.returncode, done.stdout[:1]) == (1, "{"), done.stderr
    told = json.loads(done.stdout)
    assert (told["seed"], told["is_reconciled"]) == (8, False)
    wrong = differing(done)
    assert wrong["told_coupon_restored"] == (2, 0)
    assert wrong["tickets_not_earned"] == (0, 1)
    expected, found = wrong["tickets_issued"]
    assert int(found) == int(expected) - 1
    assert "redemptions_completed" not in wrong


def test_nobody_plays_in_production(settings: Settings) -> None:
    production = settings.model_copy(update={"environment": Environment.PRODUCTION})
    with pytest.raises(ConfigError, match="nobody plays in production"):
        simulate(production, seed=1, stations=2, customers=40)
