"""The rules that a platform begins with, on a busy station's days: nobody honest is blocked, every fraud is found."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from gasolinera.redemption.models_fraud import Decision
from gasolinera.redemption.sample_day import sample_day
from gasolinera.redemption.sample_frauds import PLANTED
from tests.redemption.replaying import Connection, play

_GRAVITY = list(Decision)
_TODAY = datetime.now(UTC).date()


@pytest.mark.parametrize("seeds", [range(start, start + 5) for start in range(0, 20, 5)], ids=str)
def test_nobody_honest_is_blocked_and_every_planted_fraud_is_found(admin: Connection, seeds: range) -> None:
    for seed in seeds:
        judged = play(admin, sample_day(seed, _TODAY))
        honest = Counter(one.decision for one in judged if one.planted is None)
        assert honest[Decision.BLOCKED] == 0, seed
        # Whoever looks through the queue must not drown in honest people: at most one in fifty is flagged.
        assert honest.total() - honest[Decision.ALLOWED] <= honest.total() / 50, (seed, honest)
        for name, mildest in PLANTED.items():
            gravest = max(_GRAVITY.index(one.decision) for one in judged if one.planted == name)
            assert gravest >= _GRAVITY.index(mildest), (seed, name)
        assert all(0 <= one.risk_score <= 100 for one in judged)
        assert all(one.risk_score == min(100, sum(one.rule_points.values())) for one in judged)
        admin.execute("SET session_replication_role = replica")
        for table in ("redemptions", "fraud_detection_log", "code_refusals"):
            admin.execute(f"DELETE FROM redemption_schema.{table}".encode())
        admin.execute("SET session_replication_role = origin")


def test_a_sample_day_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    day = sample_day(7, _TODAY)
    assert day == sample_day(7, _TODAY)
    assert day.shown != sample_day(8, _TODAY).shown


def test_a_sample_day_is_a_busy_stations_own() -> None:
    day = sample_day(1, _TODAY)
    honest = [shown for shown in day.shown if shown.planted is None]
    begin = datetime.combine(_TODAY, datetime.min.time(), UTC)
    by_hour = Counter((shown.at - begin) // timedelta(hours=1) for shown in honest)
    assert 800 <= len(honest) <= 1200
    assert sum(shown.validated_only for shown in honest) >= 150, "hardly anybody in two steps"
    assert sum(shown.is_shared for shown in honest) >= 10, "no coupon of many uses"
    assert by_hour[8] > 3 * by_hour[3]
    assert {shown.planted for shown in day.shown} - {None} == set(PLANTED)
    users_of: dict[str, set[object]] = {}
    for shown in honest:
        if shown.device_id is not None:
            users_of.setdefault(shown.device_id, set()).add(shown.user_id)
    assert max(len(users) for users in users_of.values()) >= 2, "no family shares a device"
    assert len({shown.employee_number for shown in honest}) >= 9, "no change of shift"
