"""A whole server brought back to a moment: exactly what was committed before it is there."""

import psycopg
import pytest

from gasolinera.ops.recovery import reopened_server, restore
from gasolinera.ops.recovery_planning import Target, plan_recovery, time_target
from tests.ops.physical.conftest import Story, rows_of


@pytest.mark.parametrize("kind", ["time", "lsn", "name", "xid"])
def test_a_restore_to_just_before_the_disaster_has_exactly_what_was_committed(story: Story, kind: str) -> None:
    target = {
        "time": time_target(story.at),
        "lsn": Target(kind="lsn", value=story.lsn),
        "name": Target(kind="name", value="before the disaster"),
        "xid": Target(kind="xid", value=story.xid, inclusive=False),
    }[kind]
    plan = plan_recovery(story.root, target)
    into = story.root / "restored" / kind
    done = restore(plan, into)
    with reopened_server(into, story.full) as server, psycopg.connect(server.url()) as conn:
        assert rows_of(conn) == story.before
