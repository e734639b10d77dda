"""`gasolinera raffle` as operators run it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.raffle.entry_steps import Admin

COMMAND = (sys.executable, "-c", "from gasolinera.cli.main import main; main()", "raffle")
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


def test_raffles_are_listed_shown_opened_and_cancelled(run: Run, admin: Admin) -> None:
    open_ones = json.loads(run("list", "--status", "OPEN", "--json").stdout)
    expected = admin.execute(
        "SELECT raffle_code FROM raffle_schema.raffles WHERE status = 'OPEN' ORDER BY created_at DESC, id DESC"
    ).fetchall()
    assert [one["raffle_code"] for one in open_ones] == [code for (code,) in expected]
    assert "VIP-2026" in run("list").stdout
    opened = json.loads(run("open", "vip-2026", "--json").stdout)
    assert (opened["status"], opened["prizes"][0]["prize_value"]) == ("OPEN", "50000.00")
    early = run("close", "VIP-2026")
    assert (early.returncode, "takes entries until" in early.stderr) == (1, True), early
    cancelled = run("cancel", "VIP-2026", "--reason", "Sin permiso")
    assert "CANCELLED" in cancelled.stdout, cancelled
    assert "Sin permiso" in run("show", "VIP-2026").stdout
    actors = admin.execute(
        "SELECT DISTINCT actor FROM raffle_schema.raffle_audit_log"
        " WHERE raffle_code = 'VIP-2026' AND actor IS NOT NULL ORDER BY 1"
    ).fetchall()
    assert actors == [("command:raffle cancel",), ("command:raffle open",)]
    assert run("show", "NO-SUCH").returncode == 1
