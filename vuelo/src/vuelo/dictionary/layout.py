"""Where the boxes of a diagram stand and how the lines between them run. Pure; equal input gives equal output.

What is referred to stands left of what refers to it, in layers (Sugiyama's method). A line that passes a layer gets a
place of its own in it, so none runs through a box; between two layers each line has a vertical track of its own. Boxes
without any line come last, in rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt

_GAP = 28.0  # between boxes of a layer
_STUB = 26.0  # from a box to the first track, room for the crow's foot
_TRACK = 11.0
_SWEEPS = 8


@dataclass(frozen=True)
class Box:
    """A table: its size, and where lines meet it, as distances from its top by column."""

    name: str
    width: float
    height: float
    ports: Mapping[str, float]


@dataclass(frozen=True)
class Link:
    """A foreign key: `many` of one table refer to one of the other."""

    name: str
    many: str
    many_column: str
    one: str
    one_column: str


Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """From the side of the one to that of the many; each side says which way it leaves its box (1 right, -1 left)."""

    link: Link
    points: tuple[Point, ...]
    one_side: int
    many_side: int


@dataclass(frozen=True)
class Layout:
    """Upper left corners by name, lines, and the size of the whole."""

    corners: Mapping[str, Point]
    lines: tuple[Line, ...]
    width: float
    height: float


@dataclass
class _Place:
    """A box in a layer, or, without one, the room that a passing line takes."""

    height: float
    box: Box | None = None
    y: float = 0.0
    left: list["tuple[_Place, float, float]"] = field(default_factory=list["tuple[_Place, float, float]"])
    right: list["tuple[_Place, float, float]"] = field(default_factory=list["tuple[_Place, float, float]"])


@dataclass
class _Net:
    """Lines that leave one port to the right, as one trunk: where it is in each layer that it passes."""

    start: _Place
    start_port: float
    layer: int
    passes: list[_Place] = field(default_factory=list[_Place])  # one in each layer after `layer`
    ends: list[tuple[Link, int, _Place, float, bool]] = field(
        default_factory=list[tuple[Link, int, _Place, float, bool]]
    )
    tracks: dict[int, float] = field(default_factory=dict[int, float])

    def at(self, layer: int) -> float:
        if layer == self.layer:
            return self.start.y + self.start_port
        return self.passes[layer - self.layer - 1].y

    def span(self, gap: int) -> tuple[float, float]:
        """The trunk's reach between the layers `gap` and `gap` + 1."""
        ys = [self.at(gap), *(place.y + port for _, layer, place, port, _ in self.ends if layer == gap + 1)]
        if len(self.passes) > gap - self.layer:
            ys.append(self.at(gap + 1))
        return min(ys), max(ys)

    @property
    def last_gap(self) -> int:
        return max(layer for _, layer, _, _, _ in self.ends) - 1


def arranged(boxes: Sequence[Box], links: Sequence[Link]) -> Layout:
    """Groups of connected boxes one below the other, the largest first; then those that nothing is connected with."""
    groups = _groups(boxes, links)
    corners: dict[str, Point] = {}
    lines: list[Line] = []
    top = width = 0.0
    for group in [one for one in groups if len(one) > 1]:
        names = {box.name for box in group}
        part = _layered(group, [link for link in links if link.one in names])
        corners |= {name: (x, y + top) for name, (x, y) in part.corners.items()}
        lines += [
            Line(line.link, tuple((x, y + top) for x, y in line.points), line.one_side, line.many_side)
            for line in part.lines
        ]
        width, top = max(width, part.width), top + part.height + 2 * _GAP
    alone = [one[0] for one in groups if len(one) == 1]
    if alone:
        part = _rows(alone, max(width, sqrt(sum(box.width * box.height for box in alone)) * 1.5))
        corners |= {name: (x, y + top) for name, (x, y) in part.corners.items()}
        width, top = max(width, part.width), top + part.height + 2 * _GAP
    loops = [_loop(link, boxes, corners) for link in links if link.one == link.many]
    return Layout(corners, (*lines, *loops), width + (_STUB if loops else 0), max(top - 2 * _GAP, 0.0))


def _groups(boxes: Sequence[Box], links: Sequence[Link]) -> list[list[Box]]:
    group = {box.name: box.name for box in boxes}

    def head(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for link in links:
        group[head(link.one)] = head(link.many)
    found: dict[str, list[Box]] = {}
    for box in sorted(boxes, key=lambda box: box.name):
        found.setdefault(head(box.name), []).append(box)
    return sorted(found.values(), key=lambda one: (-len(one), one[0].name))


def _rows(boxes: Sequence[Box], limit: float) -> Layout:
    corners: dict[str, Point] = {}
    x = y = row = width = 0.0
    for box in sorted(boxes, key=lambda box: (-box.height, box.name)):
        if x and x + box.width > limit:
            x, y, row = 0.0, y + row + _GAP, 0.0
        corners[box.name] = (x, y)
        x, row = x + box.width + _GAP, max(row, box.height)
        width = max(width, x - _GAP)
    return Layout(corners, (), width, y + row)


def _loop(link: Link, boxes: Sequence[Box], corners: Mapping[str, Point]) -> Line:
    """A table that refers to itself: out on the right and back."""
    box = next(box for box in boxes if box.name == link.one)
    x, y = corners[box.name]
    start, end = y + box.ports[link.one_column], y + box.ports[link.many_column]
    edge = x + box.width
    return Line(link, ((edge, start), (edge + _STUB - 6, start), (edge + _STUB - 6, end), (edge, end)), 1, 1)


def _layered(boxes: Sequence[Box], links: Sequence[Link]) -> Layout:
    layer_of = _layers(boxes, links)
    places = {box.name: _Place(box.height, box) for box in boxes}
    layers: list[list[_Place]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for box in boxes:
        layers[layer_of[box.name]].append(places[box.name])
    nets = _nets(links, layer_of, places, layers)
    _order(layers)
    _align(layers)
    return _drawn(layers, nets, places, layer_of)


def _layers(boxes: Sequence[Box], links: Sequence[Link]) -> dict[str, int]:
    """One further right than all that a box refers to, and further still where a layer would become too high."""
    parents: dict[str, set[str]] = {box.name: set() for box in boxes}
    for link in sorted(links, key=lambda link: (link.many, link.one)):
        if link.one != link.many and not _reaches(parents, link.one, link.many):  # else it would close a circle
            parents[link.many].add(link.one)
    area = sum((box.width + 100) * (box.height + _GAP) for box in boxes)
    limit = max(sqrt(area) * 0.8, *(box.height for box in boxes))
    children: dict[str, int] = {name: sum(name in other for other in parents.values()) for name in parents}
    heights: dict[int, float] = {}
    layer_of: dict[str, int] = {}
    left = {box.name: box for box in boxes}
    while left:
        ready = [name for name in left if parents[name] <= layer_of.keys()]
        name = min(ready, key=lambda one: (_lowest(parents[one], layer_of), -children[one], one))
        layer = _lowest(parents[name], layer_of)
        if not parents[name]:
            layer = 0
        while heights.get(layer, 0) and heights[layer] + left[name].height > limit:
            layer += 1
        heights[layer] = heights.get(layer, 0) + left[name].height + _GAP
        layer_of[name] = layer
        del left[name]
    used = sorted(set(layer_of.values()))
    return {name: used.index(layer) for name, layer in layer_of.items()}


def _lowest(parents: set[str], layer_of: Mapping[str, int]) -> int:
    return max((layer_of[name] + 1 for name in parents), default=0)


def _reaches(parents: Mapping[str, set[str]], start: str, goal: str) -> bool:
    seen, todo = set[str](), [start]
    while todo:
        name = todo.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            todo += sorted(parents[name])
    return False


def _nets(
    links: Sequence[Link], layer_of: Mapping[str, int], places: Mapping[str, _Place], layers: list[list[_Place]]
) -> list[_Net]:
    """Keys to one column share a trunk; one that points right, in a circle, has its own. Places for what passes."""
    nets: dict[tuple[str, str], _Net] = {}
    for link in sorted(links, key=lambda link: (link.one, link.one_column, link.many, link.many_column, link.name)):
        if link.one == link.many:
            continue
        forward = layer_of[link.one] < layer_of[link.many]
        names = ((link.one, link.one_column), (link.many, link.many_column))
        (left, left_column), (right, right_column) = names if forward else names[::-1]
        key = (left, left_column) if forward else (link.many, link.name)
        start = places[left]
        assert start.box is not None
        net = nets.setdefault(key, _Net(start, start.box.ports[left_column], layer_of[left]))
        end = places[right]
        assert end.box is not None
        net.ends.append((link, layer_of[right], end, end.box.ports[right_column], forward))
    for net in nets.values():
        for layer in range(net.layer + 1, net.last_gap + 1):
            place = _Place(_TRACK)
            layers[layer].append(place)
            net.passes.append(place)
        chain = [(net.start, net.start_port), *((place, 0.0) for place in net.passes)]
        for (one, one_port), (other, other_port) in pairwise(chain):
            _join(one, one_port, other, other_port)
        for _, layer, end, port, _ in net.ends:
            place, from_port = chain[layer - 1 - net.layer]
            _join(place, from_port, end, port)
    return list(nets.values())


def _join(left: _Place, left_port: float, right: _Place, right_port: float) -> None:
    left.right.append((right, left_port, right_port))
    right.left.append((left, right_port, left_port))


def _order(layers: list[list[_Place]]) -> None:
    """Each layer by the mean of its neighbours, from left to right and back: fewer crossings."""
    _stack(layers)
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            wish = {id(place): _wish(place, left=sweep % 2 == 0) for place in layer}
            layer.sort(key=lambda place, wish=wish: wish[id(place)])
            _settle(layer, [place.y for place in layer])


def _stack(layers: list[list[_Place]]) -> None:
    for layer in layers:
        y = 0.0
        for place in layer:
            place.y, y = y, y + place.height + _GAP


def _wish(place: _Place, *, left: bool) -> float:
    """The y at which its lines would be straight."""
    near = (place.left if left else place.right) or place.left + place.right
    if not near:
        return place.y
    return sum(other.y + theirs - ours for other, ours, theirs in near) / len(near)


def _align(layers: list[list[_Place]]) -> None:
    """In the order found, as near as can be to where the lines are straight."""
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            _settle(layer, [_wish(place, left=sweep % 2 == 0) for place in layer])
    top = min(place.y for layer in layers for place in layer)
    for layer in layers:
        for place in layer:
            place.y -= top


def _settle(layer: list[_Place], wishes: Sequence[float]) -> None:
    """The least sum of squared distances from the wishes that keeps order and gaps: neighbours in each other's way
    move as one (pool adjacent violators)."""
    blocks: list[list[float]] = []  # sum of wishes, count
    offsets: list[float] = []
    offset = 0.0
    for place, wish in zip(layer, wishes, strict=True):
        offsets.append(offset)
        blocks.append([wish - offset, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
        offset += place.height + _GAP
    means = [block[0] / block[1] for block in blocks for _ in range(int(block[1]))]
    for place, mean, offset in zip(layer, means, offsets, strict=True):
        place.y = round(mean + offset, 1)


def _drawn(
    layers: list[list[_Place]], nets: list[_Net], places: Mapping[str, _Place], layer_of: Mapping[str, int]
) -> Layout:
    widths = [max((place.box.width for place in layer if place.box), default=0.0) for layer in layers]
    xs: list[float] = []
    x = 0.0
    for gap, width in enumerate(widths):
        xs.append(x)
        x += width
        if gap + 1 < len(widths):
            inside = [net for net in nets if net.layer <= gap <= net.last_gap]
            count = _assign_tracks(inside, gap, x + _STUB)
            x += 2 * _STUB + max(count - 1, 0) * _TRACK
    corners = {name: (xs[layer_of[name]], place.y) for name, place in places.items()}
    lines = [_line(net, end, xs) for net in nets for end in net.ends]
    height = max(place.y + place.height for place in places.values())
    height = max(height, *(y for line in lines for _, y in line.points)) if lines else height
    return Layout(corners, tuple(lines), x, height)


def _assign_tracks(nets: list[_Net], gap: int, first: float) -> int:
    """Vertical tracks from left to right; trunks that do not meet share one. What crosses least comes first.

    Of two trunks that go down the lower turns first, of two that go up the upper.
    """
    down = [net for net in nets if net.span(gap)[1] - net.at(gap) >= net.at(gap) - net.span(gap)[0]]
    ordered = [
        *sorted((net for net in nets if net not in down), key=lambda net: net.at(gap)),
        *sorted(down, key=lambda net: -net.at(gap)),
    ]
    ends: list[list[tuple[float, float]]] = []
    for net in ordered:
        low, high = net.span(gap)
        # Further right than every trunk that it meets, so that the order holds.
        lowest = 1 + max(
            (at for at, spans in enumerate(ends) if any(low - _TRACK < b and a < high + _TRACK for a, b in spans)),
            default=-1,
        )
        if lowest == len(ends):
            ends.append([])
        ends[lowest].append((low, high))
        net.tracks[gap] = first + lowest * _TRACK
    return len(ends)


def _line(net: _Net, end: tuple[Link, int, _Place, float, bool], xs: Sequence[float]) -> Line:
    link, layer, place, port, forward = end
    assert net.start.box is not None
    points = [(xs[net.layer] + net.start.box.width, net.at(net.layer))]
    for gap in range(net.layer, layer):
        track = net.tracks[gap]
        target = place.y + port if gap == layer - 1 else net.at(gap + 1)
        points += [(track, points[-1][1]), (track, target)]
    points.append((xs[layer], place.y + port))
    if not forward:
        points.reverse()
    return Line(link, tuple(points), 1 if forward else -1, -1 if forward else 1)
