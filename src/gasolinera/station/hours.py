"""Opening hours as the tables keep them: by day, in order, apart, and cut at midnight. Pure."""

from collections.abc import Iterable

from gasolinera.errors import InputError
from gasolinera.station.changes import DayHours, Hours

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_WINDOWS = 4
_MIDNIGHT, _END_OF_DAY = "00:00", "24:00"

Window = tuple[str, str]


def kept_hours(hours: Hours) -> dict[str, list[Window]]:
    """A week. What ends before it begins is cut at midnight; what touches becomes one. Raises InputError."""
    days: dict[str, list[Window]] = {day: [] for day in DAYS}
    for place, day in enumerate(DAYS):
        windows: tuple[Window, ...] = getattr(hours, day)
        for begins, ends in windows:
            if begins < ends:
                days[day].append((begins, ends))
            elif begins in (ends, _END_OF_DAY):
                raise InputError(
                    "station.hours", f"{day}: {begins} to {ends} is no time", 'a whole day ends at "24:00"'
                )
            else:
                days[day].append((begins, _END_OF_DAY))
                if ends != _MIDNIGHT:
                    days[DAYS[(place + 1) % 7]].append((_MIDNIGHT, ends))
    kept = {day: _joined(day, windows) for day, windows in days.items()}
    return {day: windows for day, windows in kept.items() if windows}


def kept_day(day: DayHours) -> list[Window]:
    """An exceptional day: what goes on after midnight belongs to the next day's hours. Raises InputError."""
    for begins, ends in day.hours:
        if begins >= ends:
            raise InputError(
                "station.hours", f"{day.day}: {begins} to {ends} is no time of one day", "name the next day as well"
            )
    return _joined(str(day.day), day.hours)


def _joined(day: str, windows: Iterable[Window]) -> list[Window]:
    joined: list[Window] = []
    for begins, ends in sorted(windows):
        if joined and begins < joined[-1][1]:
            raise InputError("station.hours", f"{day}: the hours overlap at {begins}", "name each time once")
        if joined and begins == joined[-1][1]:
            joined[-1] = (joined[-1][0], ends)
        else:
            joined.append((begins, ends))
    if len(joined) > MAX_WINDOWS:
        raise InputError("station.hours", f"{day}: more than {MAX_WINDOWS} times", "leave out the shortest breaks")
    return joined
