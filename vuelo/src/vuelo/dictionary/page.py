"""A schema as one HTML file that opens from disk: nothing is fetched, and its own policy forbids that it could be."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files

from vuelo.dictionary.catalogue import Catalogue, Constraint, Definition, Relation
from vuelo.dictionary.diagram import anchor, drawn, short_type

_ASSETS = files("vuelo.dictionary")


def page(catalogue: Catalogue, words: Mapping[str, str], language: str, *, services: Sequence[str]) -> str:
    """`services` are those that have a page beside this one."""
    title = f"{words['dictionary']}: {catalogue.schema}"
    sections = [
        _section("tables", words, [_relation(one, catalogue, words) for one in catalogue.tables]),
        _section("views", words, [_relation(one, catalogue, words) for one in catalogue.views]),
        _section("routines", words, _routines(catalogue, words)),
        _section("types", words, _types(catalogue, words)),
        _section("migrations", words, _migrations(catalogue, words)),
    ]
    diagram = drawn(catalogue, f"{words['diagram_of']} {catalogue.schema}", linked=True)
    about = f"<p>{escape(catalogue.comment)}</p>" if catalogue.comment else ""
    body = f"""<header><h1>{escape(title)}</h1>{about}{_services(catalogue.service, services, words)}</header>
<nav aria-label="{words["contents"]}"><input type="search" id="q" placeholder="{words["search"]}"
 aria-label="{words["search"]}"><output for="q" id="count" data-word="{words["found"]}"></output>
{_contents(catalogue, words)}</nav>
<main id="main"><section><h2 id="diagram">{words["diagram"]}</h2>
<div class="diagram" tabindex="0" role="region" aria-label="{words["diagram"]}">{diagram}</div></section>
{"".join(sections)}</main>"""
    return document(title, body, words, language)


def index(catalogues: Iterable[Catalogue], words: Mapping[str, str], language: str) -> str:
    """The page that leads to the services' pages."""
    rows = "".join(
        f'<tr><td><a href="{escape(one.service)}.html">{escape(one.service)}</a></td>'
        f"<td><code>{escape(one.schema)}</code></td><td>{len(one.tables)}</td><td>{escape(one.comment or '')}</td></tr>"
        for one in catalogues
    )
    headings = "".join(f"<th>{words[key]}</th>" for key in ("services", "schema", "tables", "comment"))
    body = (
        f'<header><h1>{words["dictionary"]}</h1></header><main id="main" class="alone">'
        f"<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table></main>"
    )
    return document(words["dictionary"], body, words, language)


def document(title: str, body: str, words: Mapping[str, str], language: str) -> str:
    style, script = (_ASSETS.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>{escape(title)}</title><style>
{style}</style></head><body id="top"><a class="skip" href="#main">{words["skip"]}</a>
{body}
<script>
{script}</script></body></html>
"""


def _services(current: str, services: Sequence[str], words: Mapping[str, str]) -> str:
    if len(services) < 2:
        return ""
    links = " ".join(
        f'<a href="{escape(name)}.html"{" aria-current=page" if name == current else ""}>{escape(name)}</a>'
        for name in services
    )
    return f'<nav class="services" aria-label="{words["services"]}"><a href="index.html">⌂</a> {links}</nav>'


def _contents(catalogue: Catalogue, words: Mapping[str, str]) -> str:
    parts = [f'<a href="#diagram">{words["diagram"]}</a>']
    for kind, relations in (("tables", catalogue.tables), ("views", catalogue.views)):
        if relations:
            items = "".join(
                f'<li data-of="{anchor(one.name)}"><a href="#{anchor(one.name)}">{escape(one.name)}</a></li>'
                for one in relations
            )
            parts.append(f'<a href="#{kind}">{words[kind]}</a><ul>{items}</ul>')
    for kind, ones in (
        ("routines", catalogue.routines), ("types", catalogue.types), ("migrations", catalogue.migrations),
    ):  # fmt: skip
        if ones:
            parts.append(f'<a href="#{kind}">{words[kind]}</a>')
    return "".join(parts)


def _section(kind: str, words: Mapping[str, str], parts: Sequence[str]) -> str:
    return f'<section><h2 id="{kind}">{words[kind]}</h2>{"".join(parts)}</section>' if parts else ""


def _relation(relation: Relation, catalogue: Catalogue, words: Mapping[str, str]) -> str:
    is_table, at = relation.kind.endswith("table"), anchor(relation.name)
    keys = ("column", "type", "null", "default", "comment") if is_table else ("column", "type", "comment")
    rows = [
        [
            f"<code>{escape(column.name)}</code>",
            f"<code>{escape(short_type(column.type))}</code>",
            *(["" if column.required else words["yes"], _code(column.default)] if is_table else []),
            escape(column.comment or ""),
        ]
        for column in relation.columns
    ]
    kind = f" <small>{words['materialized']}</small>" if relation.kind.startswith("materialized") else ""
    key = f"<p>{words['partitioned']} {_code(relation.partition_key)}</p>" if relation.partition_key else ""
    users = sorted({o.name for o in catalogue.tables for c in o.constraints if c.refers_to == relation.name})
    links = ", ".join(f'<a href="#{anchor(name)}">{escape(name)}</a>' for name in users)
    used = f"<p>{words['referenced']}: {links}</p>" if users else ""
    text = escape(relation.definition or "")
    definition = f"<details><summary>{words['definition']}</summary><pre>{text}</pre></details>" if text else ""
    return (
        f'<article id="{at}"><h3><a href="#{at}">{escape(relation.name)}</a>{kind}'
        f"</h3>{f'<p>{escape(relation.comment)}</p>' if relation.comment else ''}{key}"
        f"{_table([words[name] for name in keys], rows)}"
        f"{_listed(words['constraints'], relation.constraints)}{_listed(words['indexes'], relation.indexes)}"
        f"{_listed(words['triggers'], relation.triggers)}{used}{definition}</article>"
    )


def _listed(heading: str, ones: Sequence[Constraint | Definition]) -> str:
    items = "".join(
        f"<li>{f'<b>{escape(one.name)}</b> ' if isinstance(one, Constraint) else ''}{_code(one.definition)}"
        f"{f' {escape(one.comment)}' if one.comment else ''}</li>"
        for one in ones
    )
    return f"<h4>{heading}</h4><ul>{items}</ul>" if ones else ""


def _routines(catalogue: Catalogue, words: Mapping[str, str]) -> list[str]:
    rows = [
        [
            f"{_code(f'{one.name}({one.arguments})')}",
            _code(one.returns or one.kind),
            escape(one.language),
            "; ".join([escape(one.comment or "")] * bool(one.comment) + [words["definer"]] * one.security_definer),
        ]
        for one in catalogue.routines
    ]
    return [_table([words[key] for key in ("name", "returns", "language", "comment")], rows)] if rows else []


def _types(catalogue: Catalogue, words: Mapping[str, str]) -> list[str]:
    rows = [[_code(one.name), _code(one.definition), escape(one.comment or "")] for one in catalogue.types]
    return [_table([words[key] for key in ("name", "definition", "comment")], rows)] if rows else []


def _migrations(catalogue: Catalogue, words: Mapping[str, str]) -> list[str]:
    dated = any(one.installed_on for one in catalogue.migrations)
    rows = [
        [escape(one.version or ""), escape(one.description), _code(one.script)]
        + ([escape(one.installed_on or "")] if dated else [])
        for one in catalogue.migrations
    ]
    keys = ("version", "description", "script", "installed") if dated else ("version", "description", "script")
    return [_table([words[key] for key in keys], rows)] if rows else []


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in headings)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _code(text: str | None) -> str:
    return f"<code>{escape(text)}</code>" if text else ""
