"""Races between two real connections."""

import time

import pytest
from tests.schema import catalog
from tests.schema.catalog import Conn


def wait_until_blocked(admin: Conn, blocked: Conn) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if catalog.number(admin, "SELECT cardinality(pg_blocking_pids(%s))", blocked.info.backend_pid):
            return
        time.sleep(0.02)
    pytest.fail("the second connection did not wait for the first")
