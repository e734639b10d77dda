"""A short run of chaos; `make chaos ARGS="--runs 20"` is the long one."""

import asyncio

import pytest

from tests.chaos.processes import open_platform
from tests.chaos.run import Outcome, run


@pytest.mark.timeout(400)  # on a machine that is busy otherwise; twenty seconds on one that is not
def test_whatever_is_killed_everything_adds_up() -> None:
    async def short() -> Outcome:
        async with open_platform() as platform:
            return await run(platform, seed=5)

    outcome = asyncio.run(short())
    assert outcome.wrong == ()
    assert len(outcome.events) == 7, "each thing happened"
    assert outcome.ends["COMPLETED"] > 0
    assert outcome.ends["CANCELLED"] > 0
