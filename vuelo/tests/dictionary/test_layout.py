"""Diagrams that a person can read: no box on another, no line through a box, every line at right angles."""

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from vuelo.dictionary.layout import Box, Layout, Link, arranged


def box(name: str, columns: int = 3, width: float = 100) -> Box:
    return Box(name, width, 28 + 18 * columns, {f"c{at}": 28 + 18 * (at + 0.5) for at in range(columns)})


@st.composite
def diagrams(draw: st.DrawFn) -> tuple[list[Box], list[Link]]:
    sizes = draw(st.lists(st.tuples(st.integers(1, 30), st.integers(80, 300)), min_size=1, max_size=14))
    boxes = [box(f"t{at}", columns, width) for at, (columns, width) in enumerate(sizes)]
    ends = st.tuples(st.integers(0, len(boxes) - 1), st.integers(0, len(boxes) - 1), st.integers(0, 29))
    links = [
        Link(f"fk{at}", boxes[many].name, f"c{column % sizes[many][0]}", boxes[one].name, "c0")
        for at, (many, one, column) in enumerate(draw(st.lists(ends, max_size=20)))
    ]
    return boxes, links


@settings(max_examples=150, deadline=None)
@given(diagrams())
def test_a_diagram_is_readable(diagram: tuple[list[Box], list[Link]]) -> None:
    boxes, links = diagram
    layout = arranged(boxes, links)
    places = {one.name: (*layout.corners[one.name], one.width, one.height) for one in boxes}
    for (x, y, width, height), (other_x, other_y, other_width, other_height) in combinations(places.values(), 2):
        apart = x + width < other_x or other_x + other_width < x or y + height < other_y or other_y + other_height < y
        assert apart, "two boxes lie on each other"
    assert sorted(line.link.name for line in layout.lines) == sorted(link.name for link in links)
    for line in layout.lines:
        for (x1, y1), (x2, y2) in pairwise(line.points):
            assert x1 == x2 or y1 == y2, "a line is not at right angles"
            for name, (x, y, width, height) in places.items():
                inside = max(x1, x2) > x and min(x1, x2) < x + width and max(y1, y2) > y and min(y1, y2) < y + height
                assert not inside, f"a line runs through {name}"
        by_name = {one.name: one for one in boxes}
        for name, column, (x, y), side in (
            (line.link.one, line.link.one_column, line.points[0], line.one_side),
            (line.link.many, line.link.many_column, line.points[-1], line.many_side),
        ):
            left, top, width, _ = places[name]
            assert x == (left + width if side == 1 else left), "a line ends beside its box"
            assert abs(y - top - by_name[name].ports[column]) < 0.01, "a line ends at another column"
    assert arranged(boxes, links) == layout
    for x, y, width, height in places.values():
        assert x >= 0
        assert y >= 0
        assert x + width <= layout.width + 0.01
        assert y + height <= layout.height + 0.01


def corners(layout: Layout, *names: str) -> list[float]:
    return [layout.corners[name][0] for name in names]


def test_what_is_referred_to_stands_left_of_what_refers_to_it() -> None:
    links = [Link("a", "orders", "c1", "users", "c0"), Link("b", "lines", "c1", "orders", "c0")]
    users, orders, lines = corners(
        arranged([box("lines"), box("orders"), box("users")], links), "users", "orders", "lines"
    )
    assert users < orders < lines


def test_what_nothing_is_connected_with_comes_last() -> None:
    layout = arranged([box("alone"), box("users"), box("orders")], [Link("a", "orders", "c1", "users", "c0")])
    assert layout.corners["alone"][1] > max(layout.corners["users"][1], layout.corners["orders"][1])


def test_no_table_is_no_diagram() -> None:
    assert arranged([], []) == Layout({}, (), 0.0, 0.0)
