import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gasolinera.config import Settings
from gasolinera.database import Database, open_database

Told = TypeVar("Told")


@pytest.fixture
def process_environment(settings: Settings, tmp_path: Path) -> dict[str, str]:
    """For processes that sign with one and the same key."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")},
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_COUPON_DATABASE_URL": settings.service_url("coupon"),
        "GASOLINERA_KEYS_FILE": str(tmp_path / "keys.json"),
    }
    command = [str(Path(sys.executable).with_name("gasolinera")), "keys", "generate"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return environment


@pytest.fixture
def run(settings: Settings) -> Callable[[Callable[[Database], Awaitable[Any]]], Any]:
    def within(work: Callable[[Database], Awaitable[Told]]) -> Told:
        async def opened() -> Told:
            async with open_database(settings, "coupon") as db:
                return await work(db)

        return asyncio.run(opened())

    return within
