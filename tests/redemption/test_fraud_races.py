"""Many attempts at once: what a user or a device does is counted exactly, what a station does nearly so."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from tests.redemption.attempts import Assessed, Connection, assess, attempt, begin

Connect = Callable[[str], Connection]
_CONNECTIONS = 16


@pytest.fixture
def many(as_role: Connect) -> list[Connection]:
    return [as_role("redemption_app") for _ in range(_CONNECTIONS)]


def at_once(many: list[Connection], users: list[UUID], *, device: str | None = None) -> list[Assessed]:
    """All have written their redemption before the first one is assessed."""
    barrier = Barrier(len(many), timeout=60)

    def one(conn: Connection, user: UUID) -> Assessed:
        with conn.transaction():
            reference = begin(conn, user=user)
            barrier.wait()
            return assess(conn, reference, device=device)

    with ThreadPoolExecutor(len(many)) as pool:
        return list(pool.map(one, many, users))


def struck(assessed: list[Assessed], rule: str) -> int:
    return sum(rule in one.rule_points for one in assessed)


def test_of_sixteen_attempts_of_one_user_at_once_five_are_within_the_limit(many: list[Connection]) -> None:
    assessed = at_once(many, [uuid4()] * _CONNECTIONS)
    assert struck(assessed, "user_hour") == _CONNECTIONS - 5


def test_of_sixteen_users_on_one_device_at_once_eight_are_within_the_limit(many: list[Connection]) -> None:
    assessed = at_once(many, [uuid4() for _ in range(_CONNECTIONS)], device="phone")
    assert struck(assessed, "device_burst") == _CONNECTIONS - 8


def test_a_stations_limit_is_missed_by_no_more_than_those_that_are_under_way_at_once(
    many: list[Connection], admin: Connection
) -> None:
    admin.execute(
        'UPDATE redemption_schema.fraud_rules SET parameters = \'{"window_minutes": 10, "max_count": 10}\''
        " WHERE rule_name = 'station_burst'"
    )
    for _ in range(9):
        assert struck([attempt(many[0], user=uuid4())], "station_burst") == 0
    # One more is within the limit; of those that are under way with it, none may be seen. Of the next all are.
    assert struck(at_once(many, [uuid4() for _ in range(_CONNECTIONS)]), "station_burst") < _CONNECTIONS
    assert struck(at_once(many, [uuid4() for _ in range(_CONNECTIONS)]), "station_burst") == _CONNECTIONS


def test_users_who_share_devices_in_every_order_never_wait_for_each_other_in_a_circle(many: list[Connection]) -> None:
    users, devices = [uuid4() for _ in range(3)], ["phone-1", "phone-2", "phone-3"]
    chance = random.Random(5)  # noqa: S311  no secret
    turns = [[(chance.choice(users), chance.choice(devices)) for _ in range(8)] for _ in many]

    def work(conn: Connection, turn: list[tuple[UUID, str]]) -> int:
        return sum(attempt(conn, user=user, device=device).risk_score >= 0 for user, device in turn)

    with ThreadPoolExecutor(len(many)) as pool:
        assert sum(pool.map(work, many, turns)) == 8 * _CONNECTIONS
