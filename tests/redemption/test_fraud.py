"""Each rule strikes when it should and not before, what is decided has its effect, and all of it is recorded."""

import asyncio
import statistics
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from math import acos, cos, radians, sin
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.events import Event
from gasolinera.redemption.fraud import take_station_changed
from gasolinera.redemption.models_fraud import Decision
from tests.conftest import drop
from tests.redemption.attempts import DRIVER, PLACES, Connection, age, assess, attempt, begin
from vuelo.embedded import Server

Connect = Callable[[str], Connection]


@pytest.fixture(scope="module")
def formulas(server: Server, clone_of: Callable[[str], str]) -> Generator[Connection]:
    """One database for the formulas, which leave nothing behind."""
    name = clone_of("test")
    with psycopg.connect(server.url(name), autocommit=True) as conn:
        yield conn
    drop(server, name)


@pytest.fixture
def app(as_role: Connect) -> Connection:
    return as_role("redemption_app")


def guess(app: Connection, times: int, *, user: UUID | None = None, employee: str | None = None) -> None:
    """So many different codes that are none, each shown twice."""
    for _ in range(times):
        code = uuid4().hex
        for _ in range(2):
            app.execute(
                "SELECT redemption_schema.note_refused_code(%s, 'INVALID_CODE', 'JSM001', %s, %s, NULL)",
                (code, employee, user),
            )


def test_an_honest_redemption_scores_nothing_and_is_recorded(app: Connection) -> None:
    assessed = attempt(app, device="phone-1")
    assert (assessed.risk_score, assessed.decision, assessed.fraud_type, assessed.rule_points) == (
        0,
        "ALLOWED",
        None,
        {},
    )
    logged = app.execute(
        "SELECT transaction_reference, user_id, station_code, employee_number, device_id, risk_score, action_taken"
        " FROM redemption_schema.fraud_detection_log WHERE detection_id = %s",
        (assessed.detection_id,),
    ).fetchall()
    assert logged == [(assessed.reference, DRIVER, "JSM001", "EMP000022", "phone-1", 0, "ALLOWED")]


def test_the_sixth_redemption_within_an_hour_is_one_too_many(app: Connection, admin: Connection) -> None:
    for _ in range(5):
        assert attempt(app).decision is Decision.ALLOWED
    age(admin, 30)
    sixth = attempt(app)
    assert (sixth.risk_score, sixth.decision, sixth.fraud_type) == (45, "ALLOWED_WITH_REVIEW", "VELOCITY_FRAUD")
    age(admin, 31)  # the five are 61 minutes old
    assert attempt(app).decision is Decision.ALLOWED


def test_a_sixth_one_within_ten_minutes_is_blocked_and_those_that_failed_or_were_cancelled_do_not_count(
    app: Connection,
) -> None:
    for ends in ("FAILED", "CANCELLED", "FAILED", "CANCELLED"):
        attempt(app, ends=ends)
    for ends in ("COMPLETED", None, "COMPLETED", None, "COMPLETED"):
        assert attempt(app, ends=ends).decision is Decision.ALLOWED
    blocked = attempt(app)
    assert (blocked.decision, blocked.rule_points) == ("BLOCKED", {"user_hour": 45, "user_burst": 40})
    assert attempt(app, user=uuid4()).decision is Decision.ALLOWED


def test_what_is_blocked_ends_before_the_coupon_is_asked_and_nothing_is_left_for_the_recovery(app: Connection) -> None:
    for _ in range(5):
        attempt(app)
    with app.transaction():
        reference = begin(app)
        app.execute("SELECT redemption_schema.assess_begun('{}', '{}', %s)", (reference,))
    kept = app.execute(
        "SELECT status, failure_code, tickets_earned FROM redemption_schema.redemptions"
        " WHERE transaction_reference = %s",
        (reference,),
    ).fetchone()
    assert kept == ("FAILED", "FRAUD_BLOCKED", 0)


def test_one_coupon_shown_twice_is_a_duplicate_unless_the_first_use_came_to_nothing(
    app: Connection, admin: Connection
) -> None:
    attempt(app, coupon="COUPONX00001", ends="FAILED")
    first = attempt(app, coupon="COUPONX00001", ends="COMPLETED")
    assert first.decision is Decision.ALLOWED
    second = attempt(app, coupon="COUPONX00001", user=uuid4(), ends="CANCELLED")
    assert (second.decision, second.fraud_type) == ("ALLOWED_WITH_REVIEW", "DUPLICATE_REDEMPTION")
    age(admin, 31, first.reference)
    assert attempt(app, coupon="COUPONX00001", user=uuid4()).decision is Decision.ALLOWED


def test_the_same_purchase_twice_is_flagged(app: Connection) -> None:
    attempt(app, amount=500)
    assert attempt(app, amount=500).rule_points == {"duplicate_purchase": 25}
    assert attempt(app, amount=500, station="JSM904", user=uuid4()).rule_points == {}


def tell(admin: Connection, station: str, place: tuple[float, float]) -> None:
    admin.execute(
        "INSERT INTO redemption_schema.station_positions (station_code, latitude, longitude, as_of)"
        " VALUES (%s, %s, %s, now()) ON CONFLICT (station_code) DO UPDATE SET latitude = excluded.latitude,"
        " longitude = excluded.longitude",
        (station, *place),
    )


@pytest.mark.parametrize(
    ("station", "minutes", "decision"),
    [
        ("JSM905", 22, Decision.BLOCKED),  # 461.6 km at 1259 km/h
        ("JSM905", 24, Decision.ALLOWED_WITH_REVIEW),  # at 1154 km/h
        ("JSM905", 141, Decision.ALLOWED),  # at 196 km/h
        ("JSM904", 16, Decision.ALLOWED_WITH_REVIEW),  # 56.3 km at 211 km/h
        ("JSM904", 17.5, Decision.ALLOWED),  # at 193 km/h
    ],
)
def test_nobody_is_at_two_stations_faster_than_he_can_travel(
    app: Connection, admin: Connection, station: str, minutes: float, decision: Decision
) -> None:
    for code, place in PLACES.items():
        tell(admin, code, place)
    attempt(app)
    age(admin, minutes)
    assessed = attempt(app, station=station)
    assert assessed.decision is decision
    assert assessed.fraud_type == (None if decision is Decision.ALLOWED else "LOCATION_ANOMALY")


def test_travel_to_a_station_of_which_nobody_told_is_not_judged(app: Connection, admin: Connection) -> None:
    tell(admin, "JSM001", PLACES["JSM001"])
    attempt(app)
    assert attempt(app, station="JSM905").decision is Decision.ALLOWED


def test_where_a_station_is_the_newest_event_says(settings: Settings, admin: Connection) -> None:
    async def take() -> None:
        async with open_database(settings, "redemption") as db:
            for hour, latitude in ((10, 19.0), (12, 21.0), (11, 20.0)):
                event = Event(
                    id=uuid4(),
                    type="station.changed",
                    source="urn:gasolinera:station",
                    aggregate="station",
                    subject="JSM905",
                    time=datetime(2026, 11, 1, hour, tzinfo=UTC),
                    data={"station_code": "JSM905", "latitude": latitude, "longitude": -99.0},
                )
                async with db.transaction() as conn:
                    await take_station_changed(conn, event)

    asyncio.run(take())
    known = admin.execute(
        "SELECT latitude, longitude FROM redemption_schema.station_positions WHERE station_code = 'JSM905'"
    ).fetchone()
    assert known == (21.0, -99.0)


def test_a_family_shares_a_device_and_a_farm_of_accounts_does_too_often(app: Connection, admin: Connection) -> None:
    decisions: list[str] = []
    for _ in range(13):
        decisions.append(attempt(app, user=uuid4(), device="tablet").decision)
        age(admin, 20)
    assert decisions == ["ALLOWED"] * 6 + ["ALLOWED_WITH_REVIEW"] * 6 + ["BLOCKED"]


def test_a_device_that_redeems_too_fast_is_blocked_whoever_uses_it(app: Connection) -> None:
    users = [uuid4() for _ in range(4)]
    decisions = [attempt(app, user=users[turn % 4], device="phone").decision for turn in range(11)]
    assert decisions == ["ALLOWED"] * 8 + ["FLAGGED", "FLAGGED", "BLOCKED"]


def test_guessing_is_different_wrong_codes_and_not_one_that_is_shown_again(app: Connection) -> None:
    guess(app, 4, user=DRIVER)
    assert attempt(app).decision is Decision.ALLOWED
    guess(app, 1, user=DRIVER)
    assessed = attempt(app)
    assert (assessed.decision, assessed.fraud_type) == ("BLOCKED", "SUSPICIOUS_PATTERN")
    assert attempt(app, user=uuid4()).decision is Decision.ALLOWED


def test_an_attendant_who_types_in_wrong_codes_is_looked_at_and_his_customers_are_not_stopped(app: Connection) -> None:
    guess(app, 8, employee="EMP000023")
    assert attempt(app, employee="EMP000023").decision is Decision.ALLOWED_WITH_REVIEW
    assert attempt(app, user=uuid4()).decision is Decision.ALLOWED


def test_a_refused_code_is_kept_as_a_hash_and_somebody_showed_it(app: Connection) -> None:
    app.execute(
        "SELECT redemption_schema.note_refused_code('SECRET', 'INVALID_SIGNATURE', NULL, NULL, %s, NULL)", (DRIVER,)
    )
    kept = app.execute("SELECT c::text FROM redemption_schema.code_refusals AS c").fetchone()
    assert kept is not None
    assert "SECRET" not in kept[0]
    for reason, user in (("INVALID_CODE", None), ("EXPIRED", DRIVER)):
        with pytest.raises(psycopg.errors.CheckViolation):
            app.execute("SELECT redemption_schema.note_refused_code('X', %s, 'JSM001', NULL, %s, NULL)", (reason, user))


def test_a_rule_that_is_switched_off_strikes_nobody(app: Connection, admin: Connection) -> None:
    admin.execute("UPDATE redemption_schema.fraud_rules SET is_enabled = false")
    guess(app, 9, user=DRIVER)
    assert {attempt(app, coupon="COUPONX00001").risk_score for _ in range(8)} == {0}


def test_an_assessment_belongs_to_its_transaction(app: Connection) -> None:
    with app.transaction(force_rollback=True):
        assessed = assess(app, begin(app))
    found = app.execute(
        "SELECT count(*) FROM redemption_schema.fraud_detection_log WHERE detection_id = %s", (assessed.detection_id,)
    ).fetchone()
    assert found == (0,)


def test_the_service_writes_no_audit_and_takes_nothing_back(app: Connection) -> None:
    for statement in (
        "INSERT INTO redemption_schema.fraud_audit_log (event_type, subject) VALUES ('RULE_UPDATE', 'x')",
        "UPDATE redemption_schema.fraud_rules SET version = 1",
        "DELETE FROM redemption_schema.fraud_rules",
        "DELETE FROM redemption_schema.fraud_standings",
        "INSERT INTO redemption_schema.code_refusals (code_sha256, reason, created_at) VALUES ('', '', now())",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement.encode())


def test_an_erased_persons_devices_and_traces_go_and_the_verdicts_stay(app: Connection) -> None:
    for _ in range(9):
        attempt(app, device="phone")
    guess(app, 1, user=DRIVER)
    app.execute("SELECT redemption_schema.note_refused_code('x', 'INVALID_CODE', NULL, NULL, %s, 'phone')", (DRIVER,))
    app.execute("INSERT INTO redemption_schema.erased_users (user_id, erased_at) VALUES (%s, now())", (DRIVER,))
    left = app.execute(
        """
        SELECT (SELECT count(*) FROM redemption_schema.fraud_reviews WHERE user_id = %(driver)s AND risk_score >= 80),
               (SELECT count(*) FROM redemption_schema.fraud_reviews
                 WHERE user_id = %(driver)s AND (device_id IS NOT NULL OR details <> '{}')),
               (SELECT count(*) FROM redemption_schema.code_refusals
                 WHERE user_id = %(driver)s AND device_id IS NOT NULL),
               (SELECT count(*) FROM redemption_schema.fraud_audit_log WHERE event_type LIKE 'REVIEW%%')
        """,
        {"driver": DRIVER},
    ).fetchone()
    assert left == (4, 0, 0, 0)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("UPDATE redemption_schema.code_refusals SET device_id = NULL")


# Formulas against independent ones


@tries(max_examples=100, deadline=None)
@given(data=st.data())
def test_distances_are_those_of_the_law_of_cosines(formulas: Connection, data: st.DataObject) -> None:
    latitude, longitude = st.floats(-89, 89), st.floats(-180, 180)
    a, b, c, d = (data.draw(kind) for kind in (latitude, longitude, latitude, longitude))
    found = formulas.execute("SELECT redemption_schema.great_circle_km(%s, %s, %s, %s)", (a, b, c, d)).fetchone()
    p, q, turn = radians(a), radians(c), radians(d - b)
    expected = 6371.0088 * acos(max(-1.0, min(1.0, sin(p) * sin(q) + cos(p) * cos(q) * cos(turn))))
    assert found is not None
    assert found[0] == pytest.approx(expected, rel=1e-6, abs=0.2)  # acos is coarse for near points


@tries(max_examples=150, deadline=None)
@given(
    past=st.lists(st.integers(1, 5000), max_size=40),
    amount=st.integers(1, 30000),
    deviations=st.integers(1, 12),
    ratio=st.integers(1, 6),
)
def test_an_outlier_is_far_from_the_median_by_the_median_deviation(
    formulas: Connection, past: list[int], amount: int, deviations: int, ratio: int
) -> None:
    parameters = {"min_history": 5, "max_history": 50, "max_deviations": deviations, "min_ratio": ratio}
    found = formulas.execute(
        "SELECT redemption_schema.outlier(%s, %s, %s::numeric[]) IS NOT NULL", (amount, Jsonb(parameters), past)
    ).fetchone()
    expected = False
    if len(past) >= 5:
        median = statistics.median(past)
        spread = max(1.4826 * statistics.median(abs(one - median) for one in past), median / 10)
        expected = amount > ratio * median and amount > median + deviations * spread
    assert found == (expected,)


@tries(max_examples=60, deadline=None)
@given(
    points=st.lists(st.integers(1, 100), min_size=1, max_size=12),
    limits=st.tuples(st.integers(1, 101), st.integers(1, 101), st.integers(1, 101)).map(sorted),
)
def test_a_score_is_the_sum_of_points_up_to_100_and_decides_by_the_thresholds(
    formulas: Connection, points: list[int], limits: list[int]
) -> None:
    with formulas.transaction(force_rollback=True):
        begin(formulas, coupon="COUPONX00001")
        rules = [
            {"rule_name": f"rule_{place}", "kind": "DUPLICATE_COUPON", "parameters": {"window_minutes": 5},
             "points": one, "is_enabled": True, "version": 1}
            for place, one in enumerate(points)
        ]  # fmt: skip
        thresholds = dict(zip(("flagged_from", "review_from", "blocked_from"), limits, strict=True))
        found = formulas.execute(
            """
            SELECT s.risk_score, s.decision, s.fraud_type FROM redemption_schema.score_attempt(
                ROW('other', %s, 'COUPONX00001', 'JSM001', NULL, NULL, 5, 'MXN', now(), 'infinity'
                   )::redemption_schema.fraud_attempt,
                (SELECT ROW(array_agg(f.rule_name), array_agg(f.kind), array_agg(f.parameters), array_agg(f.points),
                            array_agg(f.version))::redemption_schema.fraud_rule_set
                   FROM jsonb_populate_recordset(NULL::redemption_schema.fraud_rules, %s) AS f),
                jsonb_populate_record(NULL::redemption_schema.fraud_thresholds, %s)) AS s
            """,
            (uuid4(), Jsonb(rules), Jsonb(thresholds)),
        ).fetchone()
    score = min(100, sum(points))
    decision = [Decision.ALLOWED, Decision.FLAGGED, Decision.ALLOWED_WITH_REVIEW, Decision.BLOCKED]
    expected = decision[sum(score >= limit for limit in limits)]
    assert found == (score, expected, "DUPLICATE_REDEMPTION")
