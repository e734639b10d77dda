"""The entity-relationship diagram of a schema as SVG: crow's feet, light and dark, nothing from outside."""

import re
from collections.abc import Mapping
from html import escape

from vuelo.dictionary.catalogue import Catalogue, Column, Constraint, Relation
from vuelo.dictionary.layout import Box, Line, Link, Point, arranged

_LETTER = 7.25  # of a monospaced font of 12 px, which all have nearly the same width
_ROW, _HEAD, _FOOT = 18.0, 28.0, 5.0
_SPACE = 14.0
_MARGIN = 16.0
_SHORT = (
    (re.compile(r"timestamp(\(\d\))? with time zone"), r"timestamptz\1"),
    (re.compile(r"timestamp(\(\d\))? without time zone"), r"timestamp\1"),
    (re.compile(r"time(\(\d\))? without time zone"), r"time\1"),
    (re.compile(r"character varying"), "varchar"),
    (re.compile(r"^character(?=\()"), "char"),
    (re.compile(r"double precision"), "float8"),
)
_STYLE = """
.erd{--paper:#fff;--ink:#1d2733;--soft:#66717e;--edge:#aab4bf;--head:#e8eef5;--line:#4a6584;--key:#a25b00;--own:#0b6bcb}
@media (prefers-color-scheme:dark){.erd{--paper:#12171d;--ink:#e3e8ee;--soft:#93a0ad;--edge:#46525f;--head:#222c37;
--line:#8fb0d3;--key:#f0b35a;--own:#7db7ff}}
@media print{.erd{--paper:#fff;--ink:#000;--soft:#444;--edge:#888;--head:#eee;--line:#333;--key:#000;--own:#000}}
.erd text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--ink)}
.erd .name{font-weight:700}.erd .type,.erd .null{fill:var(--soft)}.erd .null{font-style:italic}
.erd .mark{font-size:10px;font-weight:700;fill:var(--key)}
.erd .paper{fill:var(--paper)}.erd .frame{fill:var(--paper);stroke:var(--edge)}
.erd .head{fill:var(--head)}.erd .rule{stroke:var(--edge)}
.erd .link{fill:none;stroke:var(--line);stroke-width:1.3}.erd .foot{fill:none;stroke:var(--line);stroke-width:1.3}
.erd .dot{fill:var(--paper);stroke:var(--line);stroke-width:1.3}
.erd a:focus{outline:none}.erd a:focus .frame,.erd a:hover .frame{stroke:var(--own);stroke-width:2}
.erd .on .link,.erd .on .foot,.erd .on .dot{stroke:var(--own);stroke-width:2.4}
"""


def drawn(catalogue: Catalogue, title: str, *, linked: bool = False) -> str:
    """The tables, and the foreign keys between them; `linked` makes each table a link to its place in the page."""
    boxes = [_box(table) for table in catalogue.tables]
    links = [
        Link(key.name, table.name, key.columns[0], key.refers_to, key.refers_to_columns[0])
        for table in catalogue.tables
        for key in table.constraints
        if key.type == "f" and key.refers_to and any(other.name == key.refers_to for other in catalogue.tables)
    ]
    layout = arranged(boxes, links)
    by_name = {table.name: table for table in catalogue.tables}
    width, height = (round(side + 2 * _MARGIN) for side in (layout.width, layout.height))
    parts = [
        (
            f'<svg class="erd" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
            f' height="{height}" role="{"group" if linked else "img"}" aria-label="{escape(title)}">'
        ),
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/><g transform="translate({_MARGIN:g} {_MARGIN:g})">',
        *(_link(line, by_name) for line in layout.lines),
        *(_table(by_name[box.name], box, layout.corners[box.name], linked=linked) for box in boxes),
        "</g></svg>\n",
    ]
    return "\n".join(parts)


def short_type(name: str) -> str:
    """PostgreSQL's own short names of types."""
    for long, short in _SHORT:
        name = long.sub(short, name)
    return name


def _name_width(table: Relation) -> float:
    return max((len(column.name) for column in table.columns), default=0) * _LETTER


def _marks(table: Relation) -> dict[str, str]:
    primary, foreign = table.key_columns("p"), table.key_columns("f")
    marks = {c.name: " ".join(["PK"] * (c.name in primary) + ["FK"] * (c.name in foreign)) for c in table.columns}
    return {name: mark for name, mark in marks.items() if mark}


def _marks_width(table: Relation) -> float:
    return 52.0 if any(len(mark) > 2 for mark in _marks(table).values()) else 34.0


def _box(table: Relation) -> Box:
    types = max((len(_typed(column)) for column in table.columns), default=0) * _LETTER
    partitioned = len(_partitioned(table))
    width = max(
        _marks_width(table) + _name_width(table) + _SPACE + types, (len(table.name) + partitioned) * _LETTER + 12
    )
    ports = {column.name: _HEAD + _ROW * (at + 0.5) for at, column in enumerate(table.columns)}
    return Box(table.name, round(width + 10, 1), _HEAD + _ROW * len(table.columns) + _FOOT, ports)


def _typed(column: Column) -> str:
    return short_type(column.type) + ("" if column.required else " null")


def _partitioned(table: Relation) -> str:
    return f" ({table.partition_key})" if table.partition_key else ""


def _table(table: Relation, box: Box, corner: Point, *, linked: bool) -> str:
    marks, names_x = _marks(table), _marks_width(table)
    type_x = _marks_width(table) + _name_width(table) + _SPACE
    rows: list[str] = []
    for at, column in enumerate(table.columns):
        y = _HEAD + _ROW * at + 13
        null = "" if column.required else '<tspan class="null"> null</tspan>'
        rows.append(
            (f'<text class="mark" x="10" y="{y:g}">{marks[column.name]}</text>' if column.name in marks else "")
            + f'<text x="{names_x:g}" y="{y:g}">{escape(column.name)}</text>'
            f'<text class="type" x="{type_x:g}" y="{y:g}">{escape(short_type(column.type))}{null}</text>'
        )
    about = f"<title>{escape(table.comment)}</title>" if table.comment else ""
    drawing = (
        f'<rect class="frame" width="{box.width:g}" height="{box.height:g}" rx="5"/>'
        f'<path class="head" d="M.5 {_HEAD - 4:g}V5.5a5 5 0 0 1 5-5H{box.width - 5.5:g}a5 5 0 0 1 5 5V{_HEAD - 4:g}z"/>'
        f'<path class="rule" d="M0 {_HEAD - 4:g}H{box.width:g}"/>'
        f'<text class="name" x="10" y="17">{escape(table.name)}'
        f'<tspan class="null">{escape(_partitioned(table))}</tspan></text>' + "".join(rows)
    )
    place = f'<g transform="translate({corner[0]:g} {corner[1]:g})" data-table="{escape(table.name)}">'
    if linked:
        return f'{place}<a href="#{anchor(table.name)}">{about}{drawing}</a></g>'
    return f"{place}{about}{drawing}</g>"


def anchor(name: str) -> str:
    """The place of a relation in its page."""
    return "r-" + re.sub(r"[^A-Za-z0-9_-]", lambda match: f"-{ord(match[0]):x}-", name)


def _link(line: Line, tables: Mapping[str, Relation]) -> str:
    many = tables[line.link.many]
    key = next(one for one in many.constraints if one.name == line.link.name)
    path = "".join(f"{'L' if at else 'M'}{x:g} {y:g}" for at, (x, y) in enumerate(line.points))
    about = f"{line.link.many} ({', '.join(key.columns)}) → {line.link.one} ({', '.join(key.refers_to_columns)})"
    required = all(column.required for column in many.columns if column.name in key.columns)
    return (
        f'<g data-one="{escape(line.link.one)}" data-many="{escape(line.link.many)}"><title>{escape(about)}</title>'
        f'<path class="link" d="{path}"/>'
        f"{_one_end(line.points[0], line.one_side, required=required)}"
        f"{_many_end(line.points[-1], line.many_side, unique=_is_unique(many, key))}</g>"
    )


def _is_unique(table: Relation, key: Constraint) -> bool:
    """Then at most one row refers to a row."""
    return any(one.type in "pu" and set(one.columns) <= set(key.columns) for one in table.constraints)


def _one_end(point: Point, side: int, *, required: bool) -> str:
    """Exactly one: two bars. One or none: a bar and a ring."""
    x, y = point
    bars = f"M{x + 6 * side:g} {y - 5:g}V{y + 5:g}" + (f"M{x + 10 * side:g} {y - 5:g}V{y + 5:g}" if required else "")
    ring = "" if required else f'<circle class="dot" cx="{x + 12 * side:g}" cy="{y:g}" r="3.5"/>'
    return f'<path class="foot" d="{bars}"/>{ring}'


def _many_end(point: Point, side: int, *, unique: bool) -> str:
    """None or many: a foot and a ring. None or one: a bar and a ring."""
    x, y = point
    if unique:
        foot = f"M{x + 6 * side:g} {y - 5:g}V{y + 5:g}"
    else:
        foot = f"M{x + 10 * side:g} {y:g}L{x:g} {y - 5:g}M{x + 10 * side:g} {y:g}L{x:g} {y + 5:g}"
    return f'<path class="foot" d="{foot}"/><circle class="dot" cx="{x + 13.5 * side:g}" cy="{y:g}" r="3.5"/>'
