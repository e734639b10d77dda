"""A short run of chaos; `make chaos ARGS="--runs 20"` is the long one."""

import asyncio

import pytest

from tests.chaos.processes import open_cluster
from tests.chaos.run import run


@pytest.mark.timeout(400)  # on a machine that is busy otherwise; twenty seconds on one that is not
def test_whatever_is_killed_everything_adds_up() -> None:
    with open_cluster() as cluster:
        outcome = asyncio.run(run(cluster, seed=5))
    assert outcome.wrong == ()
    assert len(outcome.events) == 7, "each thing happened"
    assert outcome.ends["COMPLETED"] > 0
    assert outcome.ends["CANCELLED"] > 0
