"""Scores and progress as independent models compute them, and what a person decides about a doubtful view."""

import statistics
import time
from collections.abc import Callable
from itertools import groupby, pairwise
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.ads.watching import ANA, Admin, earlier, one, put_campaign

Connect = Callable[[str], Admin]
FORMATS = {"VIDEO": "video/mp4", "IMAGE": "image/png", "AUDIO": "audio/ogg"}
FEW = hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


class Happening(msgspec.Struct, frozen=True):
    """`after_ms`: since the one before. What holds from then on."""

    kind: str
    after_ms: int
    playing: bool
    visible: int
    muted: bool
    ahead: bool


_HAPPENINGS = st.lists(
    st.builds(
        Happening,
        kind=st.sampled_from(["HEARTBEAT", "PAUSE", "RESUME", "HIDE", "SHOW", "MUTE", "UNMUTE", "REPLAY", "CLICK"]),
        after_ms=st.one_of(st.integers(0, 9_000), st.integers(28_000, 50_000), st.just(1000)),
        playing=st.booleans(),
        visible=st.sampled_from([0, 49, 50, 100]),
        muted=st.booleans(),
        ahead=st.booleans(),
    ),
    max_size=14,
)


def write(admin: Admin, script: list[Happening], *, watched_s: float, clicked: bool) -> tuple[int, str]:
    """A view that is over, whose events these are; its key and public id."""
    length_s = sum(step.after_ms for step in script) / 1000
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        key, public_id = one(
            admin,
            """
            INSERT INTO ad_schema.ad_engagements (advertisement_id, user_id, status, started_at, finished_at,
                clicked_at, duration_s, completion_threshold_percent, ticket_multiplier, max_bonus_tickets, currency,
                watched_s, completion_percentage)
            SELECT a.id, %s, 'SKIPPED', began.at, now() - interval '1 hour', CASE WHEN %s THEN began.at END,
                   a.duration_s, 80, 2, 100, 'MXN', %s, round(100 * %s::numeric / a.duration_s, 2)
              FROM ad_schema.ad_serving AS s JOIN ad_schema.advertisements AS a ON a.id = s.advertisement_id
             CROSS JOIN (SELECT now() - interval '1 hour' - make_interval(secs => %s) AS at) AS began
            RETURNING id, public_id
            """,
            uuid4(),
            clicked,
            watched_s,
            watched_s,
            length_s,
        )
        passed = 0
        start = Happening(kind="START", after_ms=0, playing=True, visible=100, muted=False, ahead=False)
        for step in (start, *script):
            passed += step.after_ms
            details: dict[str, Any] = {"playing": step.playing, "visible": step.visible, "muted": step.muted}
            admin.execute(
                """
                INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, details, created_at)
                SELECT %s, %s, %s::jsonb, started_at + make_interval(secs => %s)
                  FROM ad_schema.ad_engagements WHERE id = %s
                """,
                (
                    key,
                    step.kind,
                    msgspec.json.encode(details | ({"ahead_s": 1.5} if step.ahead else {})).decode(),
                    passed / 1000,
                    key,
                ),
            )
    return key, str(public_id)


def expected(
    script: list[Happening], ad_format: str, *, duration_s: int, watched_s: float, clicked: bool
) -> tuple[float, dict[str, int]]:
    """Quality and findings, by walking through the view second by second of what its events say."""
    start = Happening(kind="START", after_ms=0, playing=True, visible=100, muted=False, ahead=False)
    steps = [start, *script]
    spans = [
        (min(later.after_ms / 1000, 30.0), now.playing, now.visible >= 50 if ad_format != "AUDIO" else not now.muted)
        for now, later in pairwise(steps)
    ]
    audible = [
        span[0]
        for span, now in zip(spans, steps, strict=False)
        if now.playing and (ad_format == "IMAGE" or not now.muted)
    ]
    playing = sum(span[0] for span in spans if span[1])
    seen = sum(span[0] for span in spans if span[1] and span[2])
    longest = max(
        (sum(span[0] for span in run) for good, run in groupby(spans, lambda span: span[1] and span[2]) if good),
        default=0.0,
    )
    gestures = any(step.kind in ("UNMUTE", "REPLAY", "RESUME") for step in script)
    quality = (
        (30 if longest >= (1 if ad_format == "IMAGE" else 2) else 0)
        + 30 * watched_s / duration_s
        + (20 * seen / playing + 10 * sum(audible) / playing if playing else 0)
        + (10 if clicked else 5 if gestures else 0)
    )
    moments: list[float] = []
    passed = 0
    for step in script:
        passed += step.after_ms
        if step.kind == "HEARTBEAT":
            moments.append(passed / 1000)
    gaps = [later - now for now, later in pairwise(moments)]
    findings = {
        "FASTER_THAN_TIME": min(60, 20 * sum(step.ahead for step in script)),
        "HIDDEN": round(40 * (1 - seen / playing)) if playing >= 2 and seen / playing <= 0.75 else 0,
        "TOO_REGULAR": 25 if len(moments) >= 9 and statistics.stdev(gaps) < 0.005 else 0,
        "SILENT": 25 if len(script) <= 1 else 0,
    }
    return quality, {kind: points for kind, points in findings.items() if points}


@pytest.mark.parametrize("ad_format", FORMATS)
def test_scores_are_what_walking_through_the_events_says(admin: Admin, ad_format: str) -> None:
    put_campaign(admin, duration=20, format=ad_format, media_type=FORMATS[ad_format])

    @FEW
    @given(script=_HAPPENINGS, watched_s=st.integers(0, 20), clicked=st.booleans())
    def holds(script: list[Happening], watched_s: int, clicked: bool) -> None:
        watched_s = min(watched_s, sum(step.after_ms for step in script) // 1000 + 1)  # the table takes no more
        key, _ = write(admin, script, watched_s=watched_s, clicked=clicked)
        quality, findings = expected(script, ad_format, duration_s=20, watched_s=watched_s, clicked=clicked)
        row = one(admin, "SELECT ad_schema.quality_score(%s), ad_schema.fraud_findings(%s)", key, key)
        assert abs(row[0] - quality) <= 0.51
        assert row[1].keys() == findings.keys()
        assert all(abs(row[1][kind] - points) <= 1 for kind, points in findings.items())
        score = one(admin, "SELECT ad_schema.fraud_score(ad_schema.fraud_findings(%s))", key)
        assert score == min(100, sum(row[1].values()))

    holds()


def test_heartbeats_like_clockwork_are_suspicious_and_those_of_a_network_are_not(admin: Admin) -> None:
    put_campaign(admin)

    def beats(*gaps_ms: int) -> list[Happening]:
        return [
            Happening(kind="HEARTBEAT", after_ms=gap, playing=True, visible=100, muted=False, ahead=False)
            for gap in gaps_ms
        ]

    bot, _ = write(admin, beats(*[1000] * 12), watched_s=12, clicked=False)
    person, _ = write(admin, beats(*[1000, 1030, 990, 1015] * 3), watched_s=12, clicked=False)
    assert one(admin, "SELECT ad_schema.fraud_findings(%s)", bot) == {"TOO_REGULAR": 25}
    assert one(admin, "SELECT ad_schema.fraud_findings(%s)", person) == {}


def test_too_many_views_of_a_person_or_an_address_in_an_hour_count(admin: Admin) -> None:
    put_campaign(admin)
    admin.execute("UPDATE ad_schema.ad_view_rules SET user_views_per_hour = 2, address_views_per_hour = 3")
    calm = [Happening(kind="PAUSE", after_ms=5000, playing=True, visible=100, muted=False, ahead=False)] * 3
    keys = [write(admin, calm, watched_s=15, clicked=False)[0] for _ in range(7)]
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute(
            "UPDATE ad_schema.ad_engagements SET user_id = %s, ip_address = '203.0.113.7' WHERE id = ANY (%s)",
            (ANA, keys),
        )
    found = [one(admin, "SELECT ad_schema.fraud_findings(%s)", key) for key in keys]
    assert found[1] == {}
    assert found[2] == {"USER_RATE": 30}
    assert found[3] == {"USER_RATE": 30, "ADDRESS_RATE": 20}
    assert found[6] == {"USER_RATE": 60, "ADDRESS_RATE": 40}


# Progress

_REPORTS = st.lists(
    st.tuples(
        st.sampled_from(["HEARTBEAT", "PAUSE", "RESUME", "REPLAY", "HIDE", "SHOW"]),
        st.integers(0, 40),  # seconds since the report before
        st.integers(0, 70),  # where the player says that it stands
        st.sampled_from([0, 50, 100]),
    ),
    min_size=1,
    max_size=10,
)


def test_progress_never_goes_back_and_never_faster_than_time_whatever_a_player_says(
    admin: Admin, as_role: Connect
) -> None:
    put_campaign(admin, duration=60, skip_after=None)
    app = as_role("ads_app")

    @FEW
    @given(reports=_REPORTS)
    def holds(reports: list[tuple[str, int, int, int]]) -> None:
        user = uuid4()
        view = _begin(app, user)
        is_playing, is_seen, is_hidden, low, high, watched, least_s, most_s = True, True, False, 0.0, 0.0, 0.0, 0.0, 0.0
        before = time.monotonic()
        for sequence, (event, passed_s, position_s, visible) in enumerate(reports, 1):
            earlier(admin, view, passed_s)
            outcome, facts = one(
                app,
                "SELECT outcome, facts FROM ad_schema.report_view(%s, %s, %s, %s, %s, %s, false)",
                view,
                user,
                sequence,
                event,
                position_s,
                visible,
            )
            now = time.monotonic()
            assert outcome == "TAKEN"
            if is_playing and is_seen:
                low += min(passed_s, 30)
                high += min(passed_s + now - before, 30)
            before = now
            is_playing = {"PAUSE": False, "RESUME": True, "REPLAY": True}.get(event, is_playing)
            is_hidden = {"HIDE": True, "SHOW": False}.get(event, is_hidden)
            is_seen = visible >= 50 and not is_hidden
            least_s = max(least_s, min(position_s, low + 1, 60))
            most_s = max(most_s, min(position_s, high + 1, 60))
            assert least_s - 0.01 <= facts["watched_s"] <= most_s + 0.3
            assert facts["watched_s"] >= watched
            watched = facts["watched_s"]
            assert facts["quartile"] == int(watched / 60 * 4 + 1e-9)
        ended = one(app, "SELECT outcome FROM ad_schema.finish_view(%s, %s, 99, 60, 0, false)", view, user)
        reached = one(admin, "SELECT completion_percentage FROM ad_schema.ad_engagements WHERE public_id = %s", view)
        assert (ended == "NOT_WATCHED") == (reached < 80)
        kinds = [
            kind
            for (kind,) in admin.execute(
                "SELECT event_type FROM ad_schema.ad_engagement_events AS v JOIN ad_schema.ad_engagements AS e"
                " ON e.id = v.engagement_id WHERE e.public_id = %s AND event_type LIKE '%%UARTILE' ORDER BY v.id",
                (view,),
            ).fetchall()
        ]
        assert kinds == ["FIRST_QUARTILE", "THIRD_QUARTILE"][: (reached >= 25) + (reached >= 75)]

    holds()


def _begin(app: Admin, user: UUID) -> str:
    token = uuid4().bytes * 2
    app.execute(
        "INSERT INTO ad_schema.ad_view_tokens (token_hash, advertisement_id, user_id, expires_at)"
        " SELECT %s, advertisement_id, %s, now() + interval '1 minute' FROM ad_schema.ad_serving",
        (token, user),
    )
    outcome, facts = one(app, "SELECT outcome, facts FROM ad_schema.begin_view(%s, %s, 100, false)", token, user)
    assert outcome == "STARTED"
    return str(facts["view_id"])
