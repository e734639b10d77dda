"""The coasts and borders behind the map of stations, from the npm package world-atlas (Natural Earth, public domain).

Where the package is not installed there is none, and the map has its grid alone.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

Point = tuple[float, float]
Ring = tuple[Point, ...]

_SOURCE: Final = "node_modules/world-atlas/countries-50m.json"
# What surrounds the countries that stations can be in (models.Country): degrees west, south, east, north.
_AROUND: Final = (-130.0, 0.0, -55.0, 55.0)


class Shape(msgspec.Struct, frozen=True):
    """The outer border of one piece of land in degrees of longitude and latitude, and the box that it lies in."""

    ring: Ring
    west: float
    south: float
    east: float
    north: float


class _Transform(msgspec.Struct, frozen=True):
    scale: tuple[float, float]
    translate: tuple[float, float]


class _Polygon(msgspec.Struct, frozen=True, tag_field="type", tag="Polygon"):
    arcs: tuple[tuple[int, ...], ...]


class _MultiPolygon(msgspec.Struct, frozen=True, tag_field="type", tag="MultiPolygon"):
    arcs: tuple[tuple[tuple[int, ...], ...], ...]


class _Countries(msgspec.Struct, frozen=True):
    geometries: tuple[_Polygon | _MultiPolygon, ...]


class _Objects(msgspec.Struct, frozen=True):
    countries: _Countries


class _Topology(msgspec.Struct, frozen=True):
    """TopoJSON: shapes share their borders, arcs of steps from point to point."""

    arcs: tuple[tuple[tuple[int, int], ...], ...]
    transform: _Transform
    objects: _Objects


@cache
def land() -> tuple[Shape, ...]:
    """Each piece of land around the stations, read once a process."""
    try:
        source = files("gasolinera.web").joinpath(_SOURCE).read_bytes()
    except FileNotFoundError:
        return ()
    topology = msgspec.json.decode(source, type=_Topology)
    found: list[Shape] = []
    arcs: dict[int, Ring] = {}
    for geometry in topology.objects.countries.geometries:
        polygons = (geometry.arcs,) if isinstance(geometry, _Polygon) else geometry.arcs
        for polygon in polygons:
            shape = _shape([point for place in polygon[0] for point in _arc(topology, place, arcs)])
            if _meets(shape, *_AROUND):
                found.append(shape)
    return tuple(found)


def land_within(west: float, south: float, east: float, north: float) -> list[Ring]:
    """The land of a window, cut at its edges."""
    window = (west, south, east, north)
    rings = (clipped(shape.ring, *window) for shape in land() if _meets(shape, *window))
    return [ring for ring in rings if len(ring) > 2]


def _arc(topology: _Topology, place: int, kept: dict[int, Ring]) -> Ring:
    """In degrees. One below zero is walked backwards, as the format has it."""
    number = place if place >= 0 else ~place
    if number not in kept:
        scale, origin = topology.transform.scale, topology.transform.translate
        x = y = 0
        points: list[Point] = []
        for step_x, step_y in topology.arcs[number]:
            x, y = x + step_x, y + step_y
            points.append((x * scale[0] + origin[0], y * scale[1] + origin[1]))
        kept[number] = tuple(points)
    return kept[number] if place >= 0 else kept[number][::-1]


def _shape(points: list[Point]) -> Shape:
    longitudes, latitudes = [x for x, _ in points], [y for _, y in points]
    return Shape(tuple(points), min(longitudes), min(latitudes), max(longitudes), max(latitudes))


def _meets(shape: Shape, west: float, south: float, east: float, north: float) -> bool:
    return shape.west < east and shape.east > west and shape.south < north and shape.north > south


def clipped(ring: Sequence[Point], west: float, south: float, east: float, north: float) -> Ring:
    """A ring cut at the edges of a window, edge by edge (Sutherland and Hodgman, 1974)."""
    points = list(ring)
    for axis, bound, keeps_above in ((0, west, True), (0, east, False), (1, south, True), (1, north, False)):
        points = _cut(points, axis, bound, keeps_above=keeps_above)
    return tuple(points)


def _cut(points: list[Point], axis: int, bound: float, *, keeps_above: bool) -> list[Point]:
    kept: list[Point] = []
    for place, here in enumerate(points):
        before = points[place - 1]
        is_in = here[axis] >= bound if keeps_above else here[axis] <= bound
        was_in = before[axis] >= bound if keeps_above else before[axis] <= bound
        if is_in != was_in:
            share = (bound - before[axis]) / (here[axis] - before[axis])
            across = before[1 - axis] + share * (here[1 - axis] - before[1 - axis])
            kept.append((bound, across) if axis == 0 else (across, bound))
        if is_in:
            kept.append(here)
    return kept
