"""`gasolinera raffle winners`: the same rules as over HTTP, from a shell."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from typer.testing import CliRunner, Result

from gasolinera.cli.app import app as cli
from gasolinera.errors import ConflictError, InputError
from tests.raffle.winner_steps import RAFFLE, SEEN, ask, drawn_raffle, states
from tests.redemption.desk import Desk

Conn = psycopg.Connection[Any]
AsRole = Callable[[str], Conn]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Generator[Callable[..., Result]]:
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "test")
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", database_url)
    # The runner closes what a command logs to.
    before = structlog.get_config()
    yield lambda *words: CliRunner().invoke(cli, ["raffle", "winners", *map(str, words)])
    structlog.configure(**before)


def test_a_prize_is_claimed_and_delivered_from_a_shell(
    run: Callable[..., Result], desk: Desk, admin: Conn, as_role: AsRole, tmp_path: Path
) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), alternates=1)
    winner = drawn.winners[0]
    listed = json.loads(run("list", "--raffle", RAFFLE.lower(), "--json").stdout)
    assert [(one["winner_id"], one["status"]) for one in listed] == [
        (str(drawn.winners[0]), "SELECTED"),
        (str(drawn.winners[1]), "ALTERNATE"),
    ]
    assert isinstance(run("claim", winner, "--recipient", "Ana", "--phone", "12").exception, InputError)
    assert run("claim", winner, "--recipient", "Ana Ruiz", "--station", "JSM001", "--show-name").exit_code == 0
    early = run("deliver", winner, "PREPARED").exception
    assert isinstance(early, ConflictError)
    assert early.code == "prize.not_identified"
    assert ask(desk, f"/winners/{winner}/identity", SEEN).status_code == 204
    receipt = tmp_path / "receipt.pdf"
    receipt.write_bytes(b"signed")
    for words in (("PREPARED",), ("HANDED_OVER",), ("RECEIPT_SIGNED", "--receipt", receipt)):
        assert run("deliver", winner, *words).exit_code == 0
    assert states(admin, drawn) == ["DELIVERED", "ALTERNATE"]
    assert "Ana" not in run("list").stdout


def test_a_winner_is_disqualified_from_a_shell(run: Callable[..., Result], admin: Conn, as_role: AsRole) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), alternates=1)
    done = run("disqualify", drawn.winners[0], "--reason", "NOT_OF_AGE", "--note", "Born in 2011.")
    assert done.exit_code == 0, done.output
    assert states(admin, drawn) == ["DISQUALIFIED", "SELECTED"]
