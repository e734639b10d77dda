"""Options that commands share, and how they become a project."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from vuelo.errors import VueloError
from vuelo.flyway.keys import FILES
from vuelo.naming import Version
from vuelo.patterns import patterns_of
from vuelo.project import Project
from vuelo.target import target_of

Config = Annotated[Path, typer.Option("--config", "-c", help="The project file.", metavar="FILE")]
Environment = Annotated[
    str | None,
    typer.Option("--environment", "-e", help="The environment whose settings apply; the file has a default."),
]
Services = Annotated[
    list[str] | None, typer.Option("--service", "-s", help="Only this service; may be given again. Default: all.")
]
Json = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]
Lowest = Annotated[str | None, typer.Option("--target", help="A version, such as 2 or 1.1.", metavar="VERSION")]
Target = Annotated[
    str | None,
    typer.Option("--target", help="A version such as 2.1 (2.1? where it may be missing), latest, next or current."),
]
OutOfOrder = Annotated[bool, typer.Option("--out-of-order", help="Also run versions older than the newest applied.")]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        help="Leave these alone: TYPE:STATE, such as '*:missing' or 'repeatable:pending'; may be given again. "
        "In place of the setting ignore_migration_patterns.",
        metavar="PATTERN",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the SQL that would be sent; change nothing.")]

ScratchUrl = Annotated[
    str | None,
    typer.Option(
        "--scratch-url",
        envvar="VUELO_SCRATCH_URL",
        help="A server where databases may be made, in place of an embedded one.",
        metavar="URL",
    ),
]

DEFAULT_CONFIG = Path("vuelo.toml")


def load(config: Path, environment: str | None, services: list[str] | None) -> Project:
    """The project of vuelo.toml, or of Flyway's file where there is none and no other is named."""
    if config == DEFAULT_CONFIG and not config.exists():
        config = next((other for other in map(Path, FILES) if other.exists()), config)
    return Project.load(config, environment=environment).only(services or [])


def version_of(text: str | None) -> Version | None:
    """Raises typer.BadParameter, which is a usage error."""
    try:
        return None if text is None else Version.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def target_in(text: str | None) -> str | None:
    """The target as written, once it can be read. Raises typer.BadParameter, which is a usage error."""
    try:
        if text is not None:
            target_of(text)
    except VueloError as error:
        raise typer.BadParameter(f"{error.message}: {error.hint}") from None
    return text


def ignored(patterns: list[str] | None) -> tuple[str, ...] | None:
    """Raises typer.BadParameter for what is no pattern."""
    if not patterns:
        return None
    try:
        patterns_of(patterns)
    except VueloError as error:
        raise typer.BadParameter(f"{error.message}: {error.hint}") from None
    return tuple(patterns)


def print_json(data: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def print_sql(pieces: Mapping[str, Sequence[str]], *, as_json: bool) -> None:
    """Pieces of a script by service."""
    if as_json:
        print_json({"services": [{"service": name, "sql": "".join(sql)} for name, sql in pieces.items()]})
    else:
        for sql in pieces.values():
            sys.stdout.writelines(sql)
