"""When contract migrations may run: `Sun 02:00-04:30 America/Mexico_City`, several with commas between. Pure.

A window is open while the clocks on the walls of its zone show it. So an hour that comes twice, when summer time
ends, opens it twice, and one that is left out does not open it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from vuelo.errors import VueloError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OPENING = re.compile(r"(\w{3})(?:-(\w{3}))? (\d\d):(\d\d)-(\d\d):(\d\d) (\S+)")
_DAY_MINUTES = 24 * 60
_SEARCHED_DAYS = 15  # an opening that summer time swallows comes back in a week


@dataclass(frozen=True)
class Opening:
    """Weekdays (Monday is 0) on which it begins, and minutes of the day; one that ends first ends on the next day."""

    days: frozenset[int]
    start: int
    end: int
    zone: ZoneInfo

    def contains(self, now: datetime) -> bool:
        local = now.astimezone(self.zone)
        day, minute = local.weekday(), local.hour * 60 + local.minute
        if self.start < self.end:
            return day in self.days and self.start <= minute < self.end
        return (day in self.days and minute >= self.start) or ((day - 1) % 7 in self.days and minute < self.end)

    def starts(self, day: date) -> Iterator[datetime]:
        """The moments at which it may open on a day: one; each minute in doubt where the clocks are changed."""
        local = datetime.combine(day, time(self.start // 60, self.start % 60), self.zone)
        first, last = sorted((local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)))
        return (first + timedelta(minutes=minute) for minute in range((last - first) // timedelta(minutes=1) + 1))


@dataclass(frozen=True)
class Window:
    """All the openings of a service."""

    openings: tuple[Opening, ...]

    def contains(self, now: datetime) -> bool:
        return any(opening.contains(now) for opening in self.openings)

    def next_start(self, now: datetime) -> datetime:
        """When it opens next, in that opening's zone; now, where it is open."""
        if self.contains(now):
            return now
        return min(
            (
                start.astimezone(opening.zone)
                for opening in self.openings
                for days in range(_SEARCHED_DAYS)
                for start in opening.starts(now.astimezone(opening.zone).date() + timedelta(days))
                if start > now and opening.contains(start)
            ),
        )


def parsed(text: str) -> Window:
    """Raises VueloError `config.window`."""
    return Window(tuple(_opening(part.strip()) for part in text.split(",")))


def _opening(text: str) -> Opening:
    found = _OPENING.fullmatch(text)
    names = [name.lower() for name in (found[1], found[2] or found[1])] if found else []
    if not found or not set(names) <= set(_DAYS):
        raise _refusal(text)
    first, last = (_DAYS.index(name) for name in names)
    days = frozenset((first + offset) % 7 for offset in range((last - first) % 7 + 1))
    start_hour, start_minute, end_hour, end_minute = (int(found[at]) for at in (3, 4, 5, 6))
    start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
    if max(start_minute, end_minute) > 59 or start >= _DAY_MINUTES or end > _DAY_MINUTES or start == end:
        raise _refusal(text)
    try:
        zone = ZoneInfo(found[7])
    except (KeyError, ValueError, OSError):
        raise VueloError(
            "config.window", f"{found[7]!r} is no time zone", "a name such as America/Mexico_City or UTC"
        ) from None
    return Opening(days, start, end, zone)


def _refusal(text: str) -> VueloError:
    hint = 'days, hours and zone: "Sun 02:00-04:30 America/Mexico_City", "Mon-Fri 23:00-01:00 UTC"'
    return VueloError("config.window", f"{text!r} is no maintenance window", hint)
