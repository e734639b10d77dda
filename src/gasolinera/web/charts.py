"""Charts as SVG, drawn here and shown as pictures; the page that shows one has its figures as a table, too."""

import sys
from collections.abc import Sequence
from typing import Any, Final
from xml.etree import ElementTree

import msgspec
import pygal  # pyright: ignore[reportMissingTypeStubs]  it has no types
from pygal.style import Style  # pyright: ignore[reportMissingTypeStubs]  it has no types

# It leaves a finder of the old kind behind, for plug-ins that we do not have; whoever asks finders for specs breaks.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "PluginImportFixer"]

_COLOURS: Final = ("#0a6b4f", "#c77700", "#3565c0", "#a3211b")
_STYLE: Final = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#4f5d58",
    foreground_strong="#15211d",
    foreground_subtle="#d5dedb",
    colors=_COLOURS,
    font_family="system-ui, sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=14,
    opacity="0.9",
    opacity_hover="1",
)
# A picture follows the reader's choice of light or dark by itself: no style of the page reaches into it.
_DARK: Final = (
    "inline:@media (prefers-color-scheme: dark) {"
    " text { fill: #a8b8b2 !important } .guides, .line.axis { stroke: #31403b !important }"
    " .color-0 { stroke: #5fd0ac !important; fill: #5fd0ac !important }"
    " .color-1 { stroke: #f3c46b !important; fill: #f3c46b !important }"
    " .color-2 { stroke: #8ab4f8 !important; fill: #8ab4f8 !important }"
    " .line.reactive { fill: none !important } }"
)


class Series(msgspec.Struct, frozen=True):
    """Missing values are None: the line has a gap there, and not a zero."""

    name: str
    values: Sequence[float | int | None]


def lines(labels: Sequence[str], series: Sequence[Series], *, width: int = 720, height: int = 260) -> bytes:
    """For what goes on in time. At most eight labels are written below."""
    chart = pygal.Line(show_dots=len(labels) <= 31, dots_size=2.5, stroke_style={"width": 2.5}, **_shape(width, height))
    return _drawn(chart, labels, series)


def bars(labels: Sequence[str], series: Sequence[Series], *, width: int = 720, height: int = 260) -> bytes:
    """For things beside each other."""
    return _drawn(pygal.Bar(**_shape(width, height)), labels, series)


def _shape(width: int, height: int) -> dict[str, Any]:
    return {
        "width": width,
        "height": height,
        "explicit_size": True,
        "style": _STYLE,
        "js": (),
        "css": ("file://style.css", "file://graph.css", _DARK),
        "show_minor_x_labels": False,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 4,
        "margin": 8,
        "margin_bottom": 32,
        "include_x_axis": True,
        "y_labels_major_count": 4,
        "show_minor_y_labels": False,
        "truncate_legend": -1,
        "truncate_label": -1,
        "no_data_text": "",
    }


def _drawn(chart: Any, labels: Sequence[str], series: Sequence[Series]) -> bytes:
    chart.x_labels = list(labels)
    every = max(1, -(-len(labels) // 8))
    chart.x_labels_major = list(labels[::every])
    chart.show_legend = len(series) > 1
    for one in series:
        chart.add(one.name, list(one.values))
    tree = chart.render_tree()
    for parent in list(tree.iter()):
        for script in parent.findall("{*}script"):  # what it writes even where no script is asked for
            parent.remove(script)
    return ElementTree.tostring(tree)
