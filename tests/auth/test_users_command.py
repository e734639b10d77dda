"""`gasolinera users` as operators run it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.auth.administrators import ADMINISTRATOR
from tests.auth.journeys import ANA, ANA_PHONE, Conn

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


def test_an_erasure_is_replayed_from_the_ledger_after_a_restore(run: Run, admin: Conn, tmp_path: Path) -> None:
    row = {"public_id": ANA, "erased_at": "2026-11-01T00:00:00Z", "reason": "OWN_REQUEST", "requested_by": None}
    gone = row | {"public_id": "00000000-0000-4000-8000-000000000000"}
    (tmp_path / "ledger.json").write_text(json.dumps([row, gone]))
    for told in ("1 erased again, 1 not in", "0 erased again, 1 not in"):
        done = run("replay-erasures", "ledger.json")
        assert (done.returncode, told in done.stdout) == (0, True), done
    found = admin.execute("SELECT erased_at IS NOT NULL FROM auth_schema.users WHERE public_id = %s", (ANA,))
    assert found.fetchone() == (True,)
    assert [one["reason"] for one in json.loads(run("erasures", "--json").stdout)] == ["REPLAYED"]
