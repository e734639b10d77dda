"""Writes what is generated: references from --help, the rules of `vuelo check`, README's picture from a real run."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import typer.main
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup
from typer.testing import CliRunner

import gasolinera.cli.app
import vuelo.cli.app
from gasolinera.app import create_app
from gasolinera.authentication import Requires
from gasolinera.config import Settings
from gasolinera.permissions import MATRIX, PARTNER_SCOPES, Permission, Role
from gasolinera.reference import Operation, chapters_of
from vuelo.check.finding import Rule
from vuelo.check.rules import TOPICS

DOCS = Path(__file__).parent
REFERENCES = {
    DOCS / "reference" / "gasolinera-cli.md": ("gasolinera", gasolinera.cli.app.app),
    DOCS / "reference" / "vuelo-cli.md": ("vuelo", vuelo.cli.app.app_of()),
}
RULES_PAGE = DOCS / "reference" / "check-rules.md"
PERMISSIONS_PAGE = DOCS / "reference" / "permissions.md"
API_PAGE = DOCS / "reference" / "api.md"
RULES_INTRODUCTION = DOCS / "check-rules-introduction.md"
_WIDTH = 100


def reference(name: str, app: typer.Typer) -> str:
    """One page: every command with the help that it prints."""
    pages = [f"# `{name}`\n\nGenerated from `--help` by `make docs`.\n"]
    for path in _commands(typer.main.get_command(app), []):
        shown = CliRunner().invoke(app, [*path, "--help"], prog_name=name, env={"COLUMNS": str(_WIDTH)})
        pages.append(f"## `{' '.join([name, *path])}`\n\n```text\n{shown.output.strip()}\n```\n")
    return "\n".join(pages)


def rules_page() -> str:
    """Every rule of `vuelo check`, by topic: problem, fix, and the examples that the tests run."""
    pages = [RULES_INTRODUCTION.read_text(encoding="utf-8")]
    for topic, rules in TOPICS:
        links = "\n".join(f"| [`{one.code}`](#{_anchor(one.code)}) | {one.severity} | {one.problem} |" for one in rules)
        pages.append(f"## {topic}\n\n| rule | severity | problem |\n| --- | --- | --- |\n{links}\n")
        pages += (_rule(one) for one in rules)
    return "\n".join(pages)


def permissions_page() -> str:
    """Who may do what: the matrix, and what each route of each service requires."""
    roles = [role for role in Role if role is not Role.PARTNER]
    lines = [
        "# Permissions\n\nGenerated from the code by `make docs`. A cell says whose things a role may do it to: its",
        "own, those of its station, or all.\n",
        f"| permission | {' | '.join(roles)} | PARTNER |",
        f"| --- |{' --- |' * (len(roles) + 1)}",
    ]
    for permission in Permission:
        reaches = [str(MATRIX[role].get(permission, "")) for role in roles]
        scope = "by scope" if permission in PARTNER_SCOPES else ""
        lines.append(f"| `{permission}` | {' | '.join([*reaches, scope])} |")
    lines += [
        "\nA partner's API key has the scopes it was given, at one station where it names one, else at all.\n",
        "## Routes\n\n`fresh`: whether the access has ended is asked now, elsewhere within a second. `2nd factor`: the",
        "login was confirmed with one.\n",
        "| route | requires | |\n| --- | --- | --- |",
    ]
    return "\n".join([*lines, *(line for _, line in sorted(_routes()))]) + "\n"


def _routes() -> Iterator[tuple[str, str]]:
    """Each with its path, which sorts them."""
    for route in create_app(Settings()).routes:
        for handler in getattr(route, "route_handlers", ()):
            found = [guard for guard in handler.resolve_guards() if isinstance(guard, Requires)]
            for method in sorted(handler.http_methods - {"OPTIONS"}):
                extras = [
                    word
                    for one in found
                    for word, holds in (("2nd factor", one.second_factor), ("fresh", one.fresh))
                    if holds
                ]
                wanted = ", ".join(f"`{one.permission}`" for one in found) or "open"
                yield route.path, f"| `{method} {route.path}` | {wanted} | {', '.join(extras)} |"


def api_page() -> str:
    """Every route of the API from its OpenAPI document: what it takes and what it answers."""
    document = json.loads(json.dumps(create_app(Settings()).openapi_schema.to_schema(), default=str))
    lines = [
        "# API\n\nGenerated from the OpenAPI document by `make docs`. The running platform shows the same with",
        "examples at `/docs`, and the document itself at `/openapi.json`. What holds for every route is on [its own",
        "page](http.md); who may ask is on [that of the permissions](permissions.md).",
    ]
    for chapter in sorted(chapters_of(document), key=lambda one: one.title):
        lines.append(f"\n## {chapter.title}")
        for operation in sorted(chapter.operations, key=lambda one: (one.path, one.method)):
            lines += _operation(operation)
    return "\n".join(lines) + "\n"


def _operation(operation: Operation) -> Iterator[str]:
    yield f"\n### `{operation.method} {operation.path}`\n\n**{operation.summary}.** {operation.description}".rstrip()
    statuses = ", ".join(answer.status for answer in operation.answers)
    yield f"\nAnswers {statuses}{'; open to everybody' if operation.is_open else ''}."
    fields = [(field, field.place) for field in operation.parameters] + [(field, "body") for field in operation.body]
    if fields:
        yield "\n| takes | in | kind | |\n| --- | --- | --- | --- |"
    for field, place in fields:
        said = " ".join(("required." if field.is_required else "", field.description)).strip()
        yield f"| `{field.name}` | {place} | {field.kind} | {said} |"


def _anchor(code: str) -> str:
    return code.replace(":", "")


def _rule(rule: Rule) -> str:
    page = f"### {rule.code}\n\n**Problem** ({rule.severity}): {rule.problem}\n\n**Fix:** {rule.fix}\n"
    for name, example in (("Bad", rule.bad), ("Good", rule.good)):
        page += f"\n{name}:\n\n```sql\n{example.strip()}\n```\n" if example else ""
    return page


def _commands(command: object, path: list[str]) -> Iterator[list[str]]:
    yield path
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            yield from _commands(child, [*path, name])


def picture() -> str:
    """The terminal of `make demo ARGS=--once` on an empty folder, drawn as SVG without any outside font."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        command = [Path(sys.executable).with_name("gasolinera"), "demo", "--once"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
        environment |= {"COLUMNS": str(_WIDTH), "FORCE_COLOR": "1"}
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
        )
    console = Console(record=True, width=_WIDTH, file=StringIO(), force_terminal=True)
    console.print("[bold]$ make demo ARGS=--once[/]")
    console.print(Text.from_ansi(_settled(done.stdout.decode())))
    svg = console.export_svg(title="Gasolinera JSM")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def _settled(output: str) -> str:
    """What a terminal shows in the end: progress bars go back up and write over themselves."""
    lines, row = [""], 0
    for part in re.split(r"(\n|\r|\x1b\[1A|\x1b\[2K|\x1b\[\?25[lh])", output):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not part.startswith(("\r", "\x1b[?25")):
            lines[row] += part
    return "\n".join(lines)


def main() -> None:
    for path, (name, app) in REFERENCES.items():
        path.write_text(reference(name, app))
    RULES_PAGE.write_text(rules_page(), encoding="utf-8")
    PERMISSIONS_PAGE.write_text(permissions_page(), encoding="utf-8")
    API_PAGE.write_text(api_page(), encoding="utf-8")
    (DOCS / "images" / "demo.svg").write_text(picture())


if __name__ == "__main__":
    main()
