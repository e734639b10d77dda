"""A schema as one page of Markdown, for a repository: it shows there without a build, and its diffs can be read."""

from collections.abc import Iterable, Mapping, Sequence

from vuelo.dictionary.catalogue import Catalogue, Constraint, Definition, Relation
from vuelo.dictionary.diagram import short_type


def markdown(catalogue: Catalogue, words: Mapping[str, str]) -> str:
    """The diagram is the file `<service>.svg` beside it."""
    lines = [f"# {words['schema']} `{catalogue.schema}`", ""]
    lines += [catalogue.comment, ""] if catalogue.comment else []
    lines += [f"![{words['diagram_of']} {catalogue.schema}]({catalogue.service}.svg)", ""]
    for kind, relations in (("tables", catalogue.tables), ("views", catalogue.views)):
        if relations:
            lines += [f"## {words[kind]}", ""]
            for relation in relations:
                lines += _relation(relation, words)
    if catalogue.routines:
        lines += [f"## {words['routines']}", ""]
        lines += _table(
            [words["name"], words["returns"], words["language"], words["comment"]],
            (
                [
                    _code(f"{one.name}({one.arguments})"),
                    _code(one.returns or one.kind),
                    one.language,
                    "; ".join([_cell(one.comment)] * bool(one.comment) + [words["definer"]] * one.security_definer),
                ]
                for one in catalogue.routines
            ),
        )
    if catalogue.types:
        lines += [f"## {words['types']}", ""]
        rows = ([_code(one.name), _code(one.definition), _cell(one.comment)] for one in catalogue.types)
        lines += _table([words["name"], words["definition"], words["comment"]], rows)
    lines += _migrations(catalogue, words)
    return "\n".join(lines)


def _relation(relation: Relation, words: Mapping[str, str]) -> list[str]:
    kind = f" ({words['materialized']})" if relation.kind.startswith("materialized") else ""
    lines = [f"### `{relation.name}`{kind}", ""]
    lines += [_cell(relation.comment), ""] if relation.comment else []
    lines += [f"{words['partitioned']} `{relation.partition_key}`.", ""] if relation.partition_key else []
    headings = [words[key] for key in ("column", "type", "null", "default", "comment")]
    lines += _table(
        headings if relation.kind.endswith("table") else [headings[0], headings[1], headings[4]],
        (
            [
                _code(column.name),
                _code(short_type(column.type)),
                *(
                    ["" if column.required else words["yes"], _code(column.default or "")]
                    if relation.kind.endswith("table")
                    else []
                ),
                _cell(column.comment),
            ]
            for column in relation.columns
        ),
    )
    for heading, ones in (
        ("constraints", relation.constraints), ("indexes", relation.indexes), ("triggers", relation.triggers),
    ):  # fmt: skip
        lines += _listed(words[heading], ones)
    return lines


def _listed(heading: str, ones: Sequence[Constraint | Definition]) -> list[str]:
    if not ones:
        return []
    lines = [f"**{heading}**", ""]
    for one in ones:
        name = f"`{one.name}`: " if isinstance(one, Constraint) else ""
        comment = f" {_cell(one.comment)}" if one.comment else ""
        lines.append(f"- {name}{_code(one.definition, in_table=False)}{comment}")
    return [*lines, ""]


def _migrations(catalogue: Catalogue, words: Mapping[str, str]) -> list[str]:
    if not catalogue.migrations:
        return []
    headings = [words["version"], words["description"], words["script"]]
    dated = any(one.installed_on for one in catalogue.migrations)
    rows = (
        [one.version or "", _cell(one.description), _code(one.script), *([one.installed_on or ""] if dated else [])]
        for one in catalogue.migrations
    )
    table = _table([*headings, words["installed"]] if dated else headings, rows)
    return [f"## {words['migrations']}", "", *table]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(headings)} |",
        f"|{' --- |' * len(headings)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _cell(text: str | None) -> str:
    """Plain text: what Markdown or HTML would read as a mark is shown as it is."""
    line = " ".join((text or "").split())
    for mark in "\\`*_[]<>|":
        line = line.replace(mark, f"\\{mark}")
    return line


def _code(text: str, *, in_table: bool = True) -> str:
    line = " ".join(text.split())
    if not line:
        return ""
    fence = "``" if "`" in line else "`"
    shown = line.replace("|", "\\|") if in_table else line  # even between backticks a bar ends a cell
    return f"{fence}{shown}{fence}"
