"""A small day through the real application; and that the reckoning sees what is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

Admin = psycopg.Connection[Any]
Environment = dict[str, str]


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> Environment:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")},
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_DATABASE_URL": database_url,
        "GASOLINERA_KEYS_FILE": str(tmp_path / "keys.json"),
    }
    ran(environment, "keys", "generate").check_returncode()
    return environment


def ran(environment: Environment, *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = str(Path(sys.executable).with_name("gasolinera"))
    return subprocess.run(
        [program, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def day(environment: Environment, seed: int) -> "subprocess.CompletedProcess[str]":
    size = ("--stations", "3", "--customers", "40")
    return ran(environment, "simulate", "day", *size, "--seed", str(seed), "--json")


def test_two_days(environment: Environment) -> None:
    first = day(environment, 7)
    assert first.returncode == 0, first.stderr + first.stdout
