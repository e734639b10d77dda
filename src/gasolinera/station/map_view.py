"""A map of stations as the server draws it: where a place is on the paper, its land, its grid, its scale. Pure.

Mercator's projection: north is up, and angles are what they are on the ground. Lengths on the paper are those of the
viewBox, whatever the size that a screen gives it.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal

import msgspec

from gasolinera.station.coastline import Ring, land_within

WIDTH: Final = 400
HEIGHT: Final = 320
CELL: Final = 44  # stations that are nearer to each other than this are one circle with their number
MAX_ZOOM: Final = 12
_LEAST: Final = 9.0  # units a degree of longitude at zoom 0: from Tijuana to Panama
_MAX_LATITUDE: Final = 80.0
_FINEST: Final = 1.6  # units between two points of a coast
_APART: Final = 26.0  # between the middles of two markers
_LETTER: Final = 5.9  # units a letter of a name is wide
_KM_A_DEGREE: Final = 111.195
_STEPS: Final = (20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
_LENGTHS_M: Final = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000)


class Place(msgspec.Struct, frozen=True):
    latitude: float
    longitude: float


class Window(msgspec.Struct, frozen=True):
    """What the map shows."""

    centre: Place
    zoom: int

    @property
    def units(self) -> float:
        """Of the paper, a degree of longitude."""
        return _LEAST * 2**self.zoom

    @property
    def west(self) -> float:
        return self.centre.longitude - WIDTH / 2 / self.units

    @property
    def east(self) -> float:
        return self.centre.longitude + WIDTH / 2 / self.units

    @property
    def north(self) -> float:
        return _latitude(mercator(self.centre.latitude) + HEIGHT / 2 / self.units)

    @property
    def south(self) -> float:
        return _latitude(mercator(self.centre.latitude) - HEIGHT / 2 / self.units)

    def on_paper(self, latitude: float, longitude: float) -> tuple[float, float]:
        x = WIDTH / 2 + (longitude - self.centre.longitude) * self.units
        y = HEIGHT / 2 - (mercator(latitude) - mercator(self.centre.latitude)) * self.units
        return round(x, 1), round(y, 1)

    def moved(self, right: float, down: float) -> "Window":
        """By shares of the paper's size."""
        height = mercator(self.centre.latitude) - down * HEIGHT / self.units
        longitude = self.centre.longitude + right * WIDTH / self.units
        return Window(_bounded(Place(_latitude(height), longitude)), self.zoom)

    def zoomed(self, step: int) -> "Window":
        return Window(self.centre, min(max(self.zoom + step, 0), MAX_ZOOM))


class Scale(msgspec.Struct, frozen=True):
    """A bar of that many units is that long on the ground, in the middle of the map."""

    length_m: int
    units: float


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """A station, or a circle of `count` of them, at a place of the paper. `label`: on which side there is room for its
    name; None: on none.
    """

    x: float
    y: float
    count: int
    code: str
    name: str
    is_active: bool
    place: Place
    label: Literal["left", "right"] | None = None


class Paper(msgspec.Struct, frozen=True):
    """What lies below the stations: paths of SVG, and the bar."""

    land: str
    grid: str
    scale: Scale


def mercator(latitude: float) -> float:
    """The height of a latitude above the equator, in degrees of longitude."""
    bounded = min(max(latitude, -_MAX_LATITUDE), _MAX_LATITUDE)
    return math.degrees(math.log(math.tan(math.pi / 4 + math.radians(bounded) / 2)))


def _latitude(height: float) -> float:
    return math.degrees(2 * math.atan(math.exp(math.radians(height))) - math.pi / 2)


def _bounded(place: Place) -> Place:
    latitude = min(max(place.latitude, -_MAX_LATITUDE), _MAX_LATITUDE)
    return Place(round(latitude, 5), round(min(max(place.longitude, -180.0), 180.0), 5))


def window_around(places: Iterable[Place], *, most: int = 8) -> Window | None:
    """The closest view that has all of them with a margin; None without any. `most`: how near one place is shown."""
    found = list(places)
    if not found:
        return None
    heights = [mercator(place.latitude) for place in found]
    longitudes = [place.longitude for place in found]
    middle = Place(_latitude((min(heights) + max(heights)) / 2), (min(longitudes) + max(longitudes)) / 2)
    wide = max(max(longitudes) - min(longitudes), 1e-9)
    tall = max(max(heights) - min(heights), 1e-9)
    fits = math.floor(math.log2(min(WIDTH * 0.8 / wide, HEIGHT * 0.75 / tall) / _LEAST))
    return Window(_bounded(middle), min(max(fits, 0), most))


@lru_cache(maxsize=64)
def drawn(window: Window) -> Paper:
    """Kept for windows that many look at; the coasts are read where the first one is drawn."""
    return Paper(
        land=" ".join(
            _path(window, ring) for ring in land_within(window.west, window.south, window.east, window.north)
        ),
        grid=_grid(window),
        scale=_scale(window),
    )


def _path(window: Window, ring: Ring) -> str:
    """Points that nobody could tell apart are one."""
    points: list[tuple[float, float]] = []
    for longitude, latitude in ring:
        here = window.on_paper(latitude, longitude)
        if not points or abs(here[0] - points[-1][0]) + abs(here[1] - points[-1][1]) >= _FINEST:
            points.append(here)
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) + "Z"


def _grid(window: Window) -> str:
    """Meridians and parallels, four or so across."""
    step = next((one for one in _STEPS if one * window.units <= WIDTH / 3), _STEPS[-1])
    lines: list[str] = []
    for number in range(math.ceil(window.west / step), math.floor(window.east / step) + 1):
        x, _ = window.on_paper(window.centre.latitude, number * step)
        lines.append(f"M{x:g} 0V{HEIGHT}")
    for number in range(math.ceil(window.south / step), math.floor(window.north / step) + 1):
        _, y = window.on_paper(number * step, window.centre.longitude)
        lines.append(f"M0 {y:g}H{WIDTH}")
    return "".join(lines)


def _scale(window: Window) -> Scale:
    """The longest round length that is a quarter of the paper at most."""
    metres_a_unit = _KM_A_DEGREE * 1000 * math.cos(math.radians(window.centre.latitude)) / window.units
    length = max((one for one in _LENGTHS_M if one / metres_a_unit <= WIDTH / 4), default=_LENGTHS_M[0])
    return Scale(length, round(length / metres_a_unit, 1))


def apart(markers: Iterable[Marker]) -> list[Marker]:
    """Those that would lie upon each other are one, in the middle of both; the larger take the smaller."""
    kept: list[Marker] = []
    for one in sorted(markers, key=lambda marker: -marker.count):
        near = next((place for place, other in enumerate(kept) if _distance(one, other) < _APART), None)
        if near is None:
            kept.append(one)
        else:
            kept[near] = _joined(kept[near], one)
    return kept


def _distance(one: Marker, other: Marker) -> float:
    return math.hypot(one.x - other.x, one.y - other.y)


def _joined(one: Marker, other: Marker) -> Marker:
    count = one.count + other.count

    def middle(here: float, there: float) -> float:
        return (here * one.count + there * other.count) / count

    place = Place(
        round(middle(one.place.latitude, other.place.latitude), 5),
        round(middle(one.place.longitude, other.place.longitude), 5),
    )
    x, y = round(middle(one.x, other.x), 1), round(middle(one.y, other.y), 1)
    return msgspec.structs.replace(one, x=x, y=y, count=count, place=place, is_active=one.is_active or other.is_active)


def labelled(markers: Sequence[Marker], *, here: tuple[float, float] | None = None) -> list[Marker]:
    """A name stands where it covers neither a marker nor another name nor the reader, else nowhere: the list has it."""
    taken = [_around(one.x, one.y, 9 if one.count == 1 else 17) for one in markers]
    taken += [] if here is None else [_around(*here, 14)]
    named: list[Marker] = []
    for one in markers:
        side: Literal["left", "right"] | None = None
        width = _LETTER * len(one.name)
        rooms = {"right": (one.x + 10, one.x + 10 + width), "left": (one.x - 10 - width, one.x - 10)}
        for candidate in ("right", "left"):
            west, east = rooms[candidate]
            box = (west, one.y - 6, east, one.y + 6)
            is_free = west >= 2 and east <= WIDTH - 2 and not any(_overlap(box, other) for other in taken)
            if one.count == 1 and is_free:
                side = candidate
                taken.append(box)
                break
        named.append(msgspec.structs.replace(one, label=side))
    return named


def _around(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return x - radius, y - radius, x + radius, y + radius


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and one[2] > other[0] and one[1] < other[3] and one[3] > other[1]
