"""Maintenance windows: weekdays, midnight, and the two nights a year on which the clocks are changed."""

from datetime import UTC, datetime

import pytest

from vuelo.errors import VueloError
from vuelo.window import parsed


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("window", "now", "is_open"),
    [
        ("Sun 02:00-04:30 America/Mexico_City", "2026-11-22T07:59:59+00:00", False),  # 01:59:59 there
        ("Sun 02:00-04:30 America/Mexico_City", "2026-11-22T08:00:00+00:00", True),
        ("Sun 02:00-04:30 America/Mexico_City", "2026-11-22T10:29:59+00:00", True),
        ("Sun 02:00-04:30 America/Mexico_City", "2026-11-22T10:30:00+00:00", False),
        ("Sun 02:00-04:30 America/Mexico_City", "2026-11-23T08:00:00+00:00", False),  # a Monday
        ("Mon-Fri 23:00-01:00 UTC", "2026-11-21T00:59:00+00:00", True),  # Saturday: Friday's goes on
        ("Mon-Fri 23:00-01:00 UTC", "2026-11-23T00:30:00+00:00", False),  # Monday: Sunday has none
        ("Mon-Fri 23:00-01:00 UTC", "2026-11-21T23:30:00+00:00", False),
        ("Sat-Mon 10:00-11:00 UTC", "2026-11-22T10:30:00+00:00", True),
        ("Sat-Mon 10:00-11:00 UTC", "2026-11-24T10:30:00+00:00", False),
        ("sat 00:00-24:00 UTC", "2026-11-21T23:59:59+00:00", True),
        ("sat 00:00-24:00 UTC", "2026-11-22T00:00:00+00:00", False),
        ("Tue 01:00-02:00 UTC, Sun 02:00-03:00 UTC", "2026-11-22T02:30:00+00:00", True),
    ],
)
def test_it_is_open_while_the_clocks_of_its_zone_show_it(window: str, now: str, is_open: bool) -> None:
    assert parsed(window).contains(at(now)) is is_open


@pytest.mark.parametrize(
    ("window", "now", "start"),
    [
        ("Sun 02:00-04:30 America/Mexico_City", "2026-11-22T10:30:00+00:00", "2026-11-29T02:00:00-06:00"),
        ("Sun 02:00-04:30 America/Mexico_City", "2026-11-28T12:00:00+00:00", "2026-11-29T02:00:00-06:00"),
        ("Mon-Fri 23:00-01:00 UTC", "2026-11-21T01:00:00+00:00", "2026-11-23T23:00:00+00:00"),
        ("Sun 02:00-03:00 UTC, Sun 04:00-05:00 Asia/Kolkata", "2026-11-20T00:00:00+00:00", "2026-11-22T04:00:00+05:30"),
        # Madrid, 29 March 2026: at 02:00 the clocks go to 03:00
        ("Sun 02:30-03:15 Europe/Madrid", "2026-03-28T12:00:00+00:00", "2026-03-29T03:00:00+02:00"),
        ("Sun 02:15-02:45 Europe/Madrid", "2026-03-28T12:00:00+00:00", "2026-04-05T02:15:00+02:00"),
        # and 25 October: at 03:00 they go back to 02:00
        ("Sun 02:15-02:45 Europe/Madrid", "2026-10-24T12:00:00+00:00", "2026-10-25T02:15:00+02:00"),
        ("Sun 02:15-02:45 Europe/Madrid", "2026-10-25T00:50:00+00:00", "2026-10-25T02:15:00+01:00"),
    ],
)
def test_it_says_when_it_opens_next(window: str, now: str, start: str) -> None:
    opens = parsed(window).next_start(at(now))
    assert opens.isoformat() == start
    assert parsed(window).contains(opens)


def test_an_open_window_opens_now() -> None:
    now = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
    assert parsed("Sun 02:00-03:00 UTC").next_start(now) is now


@pytest.mark.parametrize(
    "window",
    [
        "", "Sun", "Sun 02:00-04:30", "Dom 02:00-04:30 UTC", "Sun 2:00-4:30 UTC", "Sun 02:00-02:00 UTC",
        "Sun 24:00-02:00 UTC", "Sun 02:00-24:30 UTC", "Sun 02:60-03:00 UTC", "Sun 02:00-04:30 Mexico/Nowhere",
        "Sun 02:00-04:30 ../etc/passwd", "Sun 02:00-04:30 UTC,",
    ],
)  # fmt: skip
def test_what_is_no_window_is_refused(window: str) -> None:
    with pytest.raises(VueloError) as caught:
        parsed(window)
    assert caught.value.code == "config.window"
    assert caught.value.hint
