"""`gasolinera users` as operators run it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.auth.administrators import ADMINISTRATOR
from tests.auth.journeys import ANA, ANA_PHONE, EMPLOYEE, Conn

COMMAND = (sys.executable, "-c", "from gasolinera.cli.main import main; main()", "users")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=60,
            env={**kept, "GASOLINERA_DATABASE_URL": database_url, "GASOLINERA_ENVIRONMENT": "test"},
        )

    return command


def test_the_first_administrator_is_made_and_told_what_comes_next(run: Run, admin: Conn) -> None:
    made = run("grant-admin", "+52 55 1234 5678")
    assert (made.returncode, "is new" in made.stdout, "second-factor/enrol" in made.stderr) == (0, True, True), made
    promoted = json.loads(run("grant-admin", ANA_PHONE, "--json").stdout)
    assert (promoted["public_id"], promoted["role_before"]) == (ANA, "CUSTOMER")
    actors = admin.execute(
        "SELECT DISTINCT actor FROM auth_schema.auth_audit_log WHERE event_type IN ('ROLE_CHANGED', 'ACCOUNT_CREATED')"
        " AND actor IS NOT NULL"
    ).fetchall()
    assert actors == [("command:users grant-admin",)]
    listed = json.loads(run("list", "--role", "SYSTEM_ADMIN", "--json").stdout)
    assert [user["phone_number"] for user in listed] == ["+525550000001", ANA_PHONE, "+525512345678"]


def test_accounts_are_shown_deactivated_and_the_last_administrator_stays(run: Run) -> None:
    assert json.loads(run("deactivate", ANA_PHONE, "--json").stdout)["is_active"] is False
    assert "Ana" in run("show", ANA).stdout
    refused = run("deactivate", ADMINISTRATOR)
    assert (refused.returncode, "last active administrator" in refused.stderr) == (1, True)
    nobody = run("unlock", "+52 55 9999 8888")
    assert (nobody.returncode, "no such user" in nobody.stderr) == (1, True)


def test_erasures_are_replayed_after_a_restore_and_who_cannot_be_erased_stops_nobody(
    run: Run, admin: Conn, tmp_path: Path
) -> None:
    """The last administrator stays; an employment that came back with the backup is no reason to keep somebody."""
    nobody = "00000000-0000-4000-8000-000000000000"
    row = {"erased_at": "2026-11-01T00:00:00Z", "reason": "OWN_REQUEST", "requested_by": None}
    ledger = [row | {"public_id": who} for who in (ANA, nobody, ADMINISTRATOR, EMPLOYEE)]
    (tmp_path / "ledger.json").write_text(json.dumps(ledger))
    for told in ("2 erased again, 0 erased already, 1 not in", "0 erased again, 2 erased already, 1 not in"):
        done = run("replay-erasures", "ledger.json")
        assert (done.returncode, told in done.stdout) == (1, True), done
        assert f"{ADMINISTRATOR} stays: this is the last active administrator" in done.stderr
    found = admin.execute("SELECT public_id::text FROM auth_schema.users WHERE erased_at IS NOT NULL").fetchall()
    assert {who for (who,) in found} == {ANA, EMPLOYEE}
    works = "SELECT bool_or(is_active) FROM auth_schema.employments WHERE user_id = %s"
    assert admin.execute(works, (EMPLOYEE,)).fetchone() == (False,)
    assert [one["reason"] for one in json.loads(run("erasures", "--json").stdout)] == ["REPLAYED"] * 2
    # Another service may have been restored alone: it hears of both people whenever the ledger is replayed.
    told = "SELECT aggregate_key, count(*) FROM auth_schema.outbox_events WHERE event_type = 'user.erased' GROUP BY 1"
    assert dict(admin.execute(told).fetchall()) == {ANA: 2, EMPLOYEE: 2}
    (tmp_path / "ledger.json").write_text(json.dumps(ledger[:2]))
    assert run("replay-erasures", "ledger.json").returncode == 0
