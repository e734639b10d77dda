"""Alerts: one of a check at a time, told once, again when worse or long or over; never lost, never told twice."""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gasolinera.errors import InputError, UnknownError
from gasolinera.ops import alerting, operations_schema
from gasolinera.ops.alerting_notices import Receiver
from gasolinera.ops.alerting_run import Round, run_round
from gasolinera.ops.checking import CheckResult, Finding, Unit, Verdict
from gasolinera.ops.reaching import ops_session
from tests.conftest import Clone, drop
from tests.ops.alert_receiver import Listening, listening
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
SECRET = b"k" * 32


@pytest.fixture(scope="module")
def kept_url(server: Server, clone_of: Clone) -> Generator[str]:
    """One database for all tests here: what they write is two tables, emptied before each."""
    name = clone_of("test")
    operations_schema.install(server.url(name))
    yield server.url(name)
    drop(server, name)


@pytest.fixture
def kept(kept_url: str) -> Generator[Connection]:
    with ops_session(kept_url) as conn:
        conn.execute("TRUNCATE ops_schema.alerts, ops_schema.alert_silences")
        yield conn


@pytest.fixture
def heard() -> Generator[Listening]:
    with listening() as open_one:
        yield open_one


@pytest.fixture
def receiver(heard: Listening) -> Receiver:
    return Receiver(url=heard.url, secrets=(SECRET,), place="pruebas", pauses_s=(0.0, 0.0))


def found(
    name: str, verdict: Verdict, *objects: str, amount: float | None = 1.0, reason: str | None = None
) -> CheckResult:
    findings = tuple(Finding(thing, amount or 0.0, verdict) for thing in objects)
    return CheckResult(name, verdict, Unit.NONE, amount, len(findings), findings, reason)


BAD = found("invalid_indexes", Verdict.WARNING, "coupon_schema.x")
WORSE = found("invalid_indexes", Verdict.CRITICAL, "coupon_schema.x")
GOOD = found("invalid_indexes", Verdict.GOOD)
UNKNOWN = found("invalid_indexes", Verdict.SKIPPED, amount=None, reason="timeout")


def rounds(conn: Connection, receiver: Receiver | None, *looks: CheckResult) -> list[Round]:
    return [run_round(conn, [look], receiver) for look in looks]


def kinds(heard: Listening) -> list[str]:
    return [kind for _, kind in heard.notices]


def make_older(conn: Connection, column: str, interval: str) -> None:
    conn.execute(f"UPDATE ops_schema.alerts SET {column} = {column} - %s::interval".encode(), (interval,))


def test_what_stays_bad_is_one_alert_and_told_once(kept: Connection, receiver: Receiver, heard: Listening) -> None:
    made = rounds(kept, receiver, BAD, BAD, BAD)
    assert [one.observed.opened for one in made] == [("invalid_indexes",), (), ()]
    assert [one.observed.ongoing for one in made] == [(), ("invalid_indexes",), ("invalid_indexes",)]
    assert heard.notices == [("invalid_indexes", "firing")]
    (alert,) = alerting.list_alerts(kept)
    assert (alert.state, alert.seen_count, alert.told_count, alert.objects) == ("FIRING", 3, 1, ("coupon_schema.x",))
    assert alert.first_seen_at <= alert.last_seen_at


def test_its_end_is_told_once_and_what_comes_again_is_another(
    kept: Connection, receiver: Receiver, heard: Listening
) -> None:
    rounds(kept, receiver, BAD, GOOD, GOOD, BAD)
    assert kinds(heard) == ["firing", "resolved", "firing"]
    newest, first = alerting.list_alerts(kept, ended_too=True)
    assert newest.fingerprint == first.fingerprint
    assert (newest.state, first.state, first.told_state) == ("FIRING", "RESOLVED", "RESOLVED")
    assert [one.id for one in alerting.list_alerts(kept)] == [newest.id]


def test_what_gets_critical_is_told_again_and_what_goes_back_is_not(
    kept: Connection, receiver: Receiver, heard: Listening
) -> None:
    rounds(kept, receiver, BAD, WORSE, BAD, WORSE)
    assert [(one.json["alerts"][0]["notice"], one.json["alerts"][0]["labels"]["severity"]) for one in heard.got] == [
        ("firing", "warning"),
        ("escalated", "critical"),
    ]


def test_what_goes_on_is_told_again_after_a_while(kept: Connection, receiver: Receiver, heard: Listening) -> None:
    rounds(kept, receiver, BAD)
    make_older(kept, "told_at", "3 hours 59 minutes")
    rounds(kept, receiver, BAD)
    assert kinds(heard) == ["firing"]
    make_older(kept, "told_at", "2 minutes")
    rounds(kept, receiver, BAD, BAD)
    assert kinds(heard) == ["firing", "reminder"]
    assert len({one.headers["webhook-id"] for one in heard.got}) == 2


def test_what_cannot_be_looked_at_changes_nothing(kept: Connection, receiver: Receiver, heard: Listening) -> None:
    (_, made, _) = rounds(kept, receiver, BAD, UNKNOWN, BAD)
    assert made.observed.unknown == ("invalid_indexes",)
    assert made.observed.resolved == ()
    assert kinds(heard) == ["firing"]


def test_good_in_one_place_and_unknown_in_another_is_not_over(kept: Connection, receiver: Receiver) -> None:
    rounds(kept, receiver, BAD)
    made = run_round(kept, [GOOD, UNKNOWN], receiver)
    assert made.observed.resolved == ()
    assert run_round(kept, [GOOD, GOOD], receiver).observed.resolved == ("invalid_indexes",)


def test_good_in_one_place_and_not_to_be_had_in_another_is_over(kept: Connection, receiver: Receiver) -> None:
    elsewhere = found("invalid_indexes", Verdict.SKIPPED, amount=None, reason="version")
    run_round(kept, [BAD, elsewhere], receiver)
    assert run_round(kept, [GOOD, elsewhere], receiver).observed.resolved == ("invalid_indexes",)


def test_a_check_that_somebody_switches_off_ends_its_alert(kept: Connection, receiver: Receiver) -> None:
    off = found("invalid_indexes", Verdict.SKIPPED, amount=None, reason="switched_off")
    (_, ended) = rounds(kept, receiver, BAD, off)
    assert (ended.observed.resolved, ended.observed.unknown) == (("invalid_indexes",), ())


def test_bad_in_two_places_is_one_alert_of_the_worse(kept: Connection, receiver: Receiver) -> None:
    run_round(kept, [BAD, found("invalid_indexes", Verdict.CRITICAL, "raffle_schema.y")], receiver)
    (alert,) = alerting.list_alerts(kept)
    assert alert.severity == "CRITICAL"
    assert set(alert.objects) == {"coupon_schema.x", "raffle_schema.y"}


def test_a_check_that_was_not_asked_for_stays_as_it_is(kept: Connection, receiver: Receiver) -> None:
    run_round(kept, [BAD], receiver)
    run_round(kept, [found("dead_rows", Verdict.GOOD)], receiver)
    assert [one.check_name for one in alerting.list_alerts(kept)] == ["invalid_indexes"]


def test_advice_wakes_nobody(kept: Connection, receiver: Receiver, heard: Listening) -> None:
    run_round(kept, [found("unused_indexes", Verdict.ADVICE, "a", "b")], receiver)
    assert alerting.list_alerts(kept) == []
    assert heard.got == []


def test_what_lasts_too_short_is_never_told(kept: Connection, receiver: Receiver, heard: Listening) -> None:
    for look in (BAD, GOOD):
        run_round(kept, [look], receiver, after_s=120)
    assert heard.got == []
    run_round(kept, [BAD], receiver, after_s=120)
    make_older(kept, "first_seen_at", "3 minutes")
    run_round(kept, [BAD], receiver, after_s=120)
    assert kinds(heard) == ["firing"]


def test_all_that_is_new_in_one_look_is_told_in_one_request(
    kept: Connection, receiver: Receiver, heard: Listening
) -> None:
    run_round(kept, [BAD, found("dead_rows", Verdict.CRITICAL, "t"), found("locks", Verdict.GOOD)], receiver)
    (got,) = heard.got
    assert sorted(got.notices) == [("dead_rows", "firing"), ("invalid_indexes", "firing")]


def test_runs_at_the_same_time_tell_once_between_them(
    kept: Connection, kept_url: str, receiver: Receiver, heard: Listening
) -> None:
    heard.slow_s = 0.2
    names = [f"check_{number}" for number in range(12)]
    for verdict, kind in ((Verdict.WARNING, "firing"), (Verdict.CRITICAL, "escalated"), (Verdict.GOOD, "resolved")):
        heard.got.clear()
        _at_once(kept_url, receiver, [found(name, verdict, "x") for name in names])
        assert sorted(heard.notices) == sorted((name, kind) for name in names)
    counts = kept.execute("SELECT count(*), count(DISTINCT fingerprint), max(told_count) FROM ops_schema.alerts")
    assert counts.fetchone() == (12, 12, 3)


def _at_once(url: str, receiver: Receiver, results: Sequence[CheckResult], *, runs: int = 6) -> None:
    """Each with another order of what it found, so that a wrong order of locks would show."""
    together = Barrier(runs)

    def one(number: int) -> None:
        with ops_session(url) as conn:
            turned = [*results[number:], *results[:number]]
            together.wait(10)
            run_round(conn, turned, receiver)

    with ThreadPoolExecutor(runs) as pool:
        list(pool.map(one, range(runs)))


def test_what_a_killed_process_had_claimed_is_told_by_another_with_the_same_id(
    kept: Connection, receiver: Receiver, heard: Listening
) -> None:
    alerting.observe(kept, [BAD])
    dead = alerting.claim_notices(kept, after_s=0, remind_after_s=3600)
    run_round(kept, [BAD], receiver)
    assert heard.got == []  # its lease goes on
    kept.execute("UPDATE ops_schema.alerts SET claimed_until = clock_timestamp()")
    run_round(kept, [BAD], receiver)
    assert kinds(heard) == ["firing"]
    # It wakes after all, and says that it told: the row is another's by now.
    alerting.record_failed(kept, dead, "late")
    (alert,) = alerting.list_alerts(kept)
    assert (alert.told_count, alert.failures) == (1, 0)


def test_a_notice_keeps_its_id_however_often_it_is_tried(
    kept: Connection, receiver: Receiver, heard: Listening
) -> None:
    heard.answers = [500, 503, 500]
    failed = run_round(kept, [BAD], receiver)
    assert failed.error == "it answered 500"
    (alert,) = alerting.list_alerts(kept)
    assert (alert.failures, alert.told_state, alert.last_error) == (1, None, "it answered 500")
    assert run_round(kept, [BAD], receiver).sent == ()  # not before its time
    make_older(kept, "next_try_at", "2 minutes")
    assert run_round(kept, [BAD], receiver).error is None
    assert len(heard.got) == 4
    assert len({one.headers["webhook-id"] for one in heard.got}) == 1
    (alert,) = alerting.list_alerts(kept)
    assert (alert.failures, alert.told_state, alert.last_error) == (0, "FIRING", None)


def test_a_refusal_is_not_repeated_at_once(kept: Connection, receiver: Receiver, heard: Listening) -> None:
    heard.answers = [404, 404]
    assert run_round(kept, [BAD], receiver).error == "it answered 404"
    assert len(heard.got) == 1


def test_a_redirect_is_not_followed(kept: Connection, receiver: Receiver, heard: Listening) -> None:
    heard.answers = [302]
    assert run_round(kept, [BAD], receiver).error == "it answered 302"


def test_the_end_of_what_nobody_was_told_of_is_no_news(kept: Connection, receiver: Receiver, heard: Listening) -> None:
    heard.answers = [404]
    rounds(kept, receiver, BAD, GOOD)
    make_older(kept, "next_try_at", "1 hour")
    rounds(kept, receiver, GOOD)
    assert len(heard.got) == 1


def test_without_a_receiver_alerts_are_kept_and_told_when_there_is_one(
    kept: Connection, receiver: Receiver, heard: Listening
) -> None:
    rounds(kept, None, BAD)
    assert len(alerting.list_alerts(kept)) == 1
    rounds(kept, receiver, BAD)
    assert kinds(heard) == ["firing"]


def test_silenced_checks_are_kept_and_told_when_the_silence_ends(
    kept: Connection, receiver: Receiver, heard: Listening
) -> None:
    made = alerting.silence(kept, "invalid_*", lasts_s=3600, reason="indexes are being made")
    run_round(kept, [BAD, found("dead_rows", Verdict.WARNING, "t")], receiver)
    assert heard.notices == [("dead_rows", "firing")]
    silenced = {one.check_name: one.silenced_until for one in alerting.list_alerts(kept)}
    assert silenced == {"invalid_indexes": made.ends_at, "dead_rows": None}
    assert [one.id for one in alerting.silences(kept)] == [made.id]
    alerting.end_silence(kept, made.id)
    rounds(kept, receiver, BAD)
    assert heard.notices[1:] == [("invalid_indexes", "firing")]
    assert alerting.silences(kept) == []


@pytest.mark.parametrize(
    ("pattern", "name", "is_quiet"),
    [
        ("dead_rows", "dead_rows", True),
        ("dead_rows", "deadxrows", False),
        ("*", "anything", True),
        ("backup*", "backup_age", True),
        ("backup*", "last_backup", False),
        ("*age", "backup_age", True),
    ],
)
def test_patterns_mean_what_they_say(
    kept: Connection, receiver: Receiver, heard: Listening, pattern: str, name: str, *, is_quiet: bool
) -> None:
    alerting.silence(kept, pattern, lasts_s=60, reason="a test")
    run_round(kept, [found(name, Verdict.CRITICAL, "x")], receiver)
    assert (heard.got == []) is is_quiet


@pytest.mark.parametrize(
    ("pattern", "lasts_s", "reason"), [("DROP TABLE", 60, "why"), ("x", 91 * 86_400, "why"), ("x", 60, "  ")]
)
def test_wrong_silences_are_refused(kept: Connection, pattern: str, lasts_s: float, reason: str) -> None:
    with pytest.raises(InputError):
        alerting.silence(kept, pattern, lasts_s=lasts_s, reason=reason)


def test_ending_a_silence_twice_is_an_error(kept: Connection) -> None:
    made = alerting.silence(kept, "x", lasts_s=60, reason="a test")
    alerting.end_silence(kept, made.id)
    with pytest.raises(UnknownError, match="no silence"):
        alerting.end_silence(kept, made.id)


def test_nobodys_number_or_address_is_kept_or_told(kept: Connection, receiver: Receiver, heard: Listening) -> None:
    session = found("long_transactions", Verdict.WARNING, "pid 41 app ana@example.org", "pid 42 +52 55 1234 5678")
    run_round(kept, [session], receiver)
    (row,) = kept.execute("SELECT objects::text FROM ops_schema.alerts").fetchall()
    for text in (row[0], heard.got[0].body.decode()):
        assert "pid 41" in text
        assert "ana@" not in text
        assert "1234" not in text


def test_what_ended_long_ago_is_removed_and_what_is_open_never(kept: Connection, receiver: Receiver) -> None:
    run_round(kept, [BAD, found("dead_rows", Verdict.WARNING, "t")], receiver)
    run_round(kept, [GOOD], receiver)
    kept.execute(
        """UPDATE ops_schema.alerts SET first_seen_at = now() - INTERVAL '100 days',
                  last_seen_at = now() - INTERVAL '95 days',
                  resolved_at = CASE WHEN state = 'RESOLVED' THEN now() - INTERVAL '91 days' END"""
    )
    run_round(kept, [GOOD], receiver)
    assert [one.check_name for one in alerting.list_alerts(kept, ended_too=True)] == ["dead_rows"]


def expected(looks: Sequence[Verdict]) -> list[str]:
    """What one check's looks are worth telling, said another way: by the stretches between good looks."""
    told: list[str] = []
    stretch: list[Verdict] = []
    for look in [look for look in looks if look is not Verdict.SKIPPED]:
        if look in (Verdict.WARNING, Verdict.CRITICAL):
            if not stretch:
                told.append("firing")
            elif look is Verdict.CRITICAL and Verdict.CRITICAL not in stretch:
                told.append("escalated")
            stretch.append(look)
        elif stretch:
            told.append("resolved")
            stretch = []
    return told


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=st.lists(st.sampled_from(list(Verdict)), max_size=10), runs=st.integers(1, 2))
def test_whatever_a_check_does_each_change_is_told_once(
    kept: Connection, receiver: Receiver, heard: Listening, looks: list[Verdict], runs: int
) -> None:
    kept.execute("TRUNCATE ops_schema.alerts")
    heard.got.clear()
    for look in looks:
        for _ in range(runs):  # a second run of the same look, as another machine's, tells nothing
            run_round(kept, [found("any", look, "x")], receiver)
    assert kinds(heard) == expected(looks)
    assert len({one.headers["webhook-id"] for one in heard.got}) == len(heard.got)
