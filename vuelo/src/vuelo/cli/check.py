"""`vuelo check`: what can be known of the migrations without a database."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from vuelo.cli.options import DEFAULT_CONFIG, Config, Environment, Json, Services, load
from vuelo.errors import VueloError
from vuelo.report import talk


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


Only = Annotated[list[str] | None, typer.Option("--rule", help="Only this rule; may be given again.", metavar="RULE")]
Ignored = Annotated[
    list[str] | None, typer.Option("--ignore-rule", help="Not this rule; may be given again.", metavar="RULE")
]
Output = Annotated[Format | None, typer.Option("--format", help="How the findings are printed; text if not said.")]
Strict = Annotated[bool, typer.Option("--strict", help="Warnings fail as well.")]
PerFile = Annotated[bool, typer.Option("--per-file", help="A line for every file, clean ones too.")]


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    rule: Only = None,
    ignore_rule: Ignored = None,
    output: Output = None,
    as_json: Json = False,
    strict: Strict = False,
    per_file: PerFile = False,
) -> None:
    """Read every migration with PostgreSQL's grammar and follow what it does, without a database; exit 1 on errors."""
    try:
        from vuelo.check import outputs  # noqa: PLC0415 - the extra may be missing, and migrate starts without it
        from vuelo.check.run import check  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("postgast", "google"):
            raise
        raise VueloError("check.extra", "`vuelo check` needs postgast", "pip install 'vuelo[check]'") from error
    if as_json and output not in (None, Format.JSON):
        raise typer.BadParameter(f"--json and --format {output} are two answers: give one of them")
    project = load(config, environment, service)
    try:
        report = check(project, only=rule or (), ignored=ignore_rule or ())
    except VueloError as error:
        if error.code == "check.no_rule":
            raise typer.BadParameter(f"{error.message}: {error.hint}") from None
        raise
    for note in report.notes:
        talk.print(f"[bold]note:[/] {escape(note)}", highlight=False, soft_wrap=True)
    outputs.show(report, Format.JSON if as_json else output or Format.TEXT, per_file=per_file)
    raise typer.Exit(1 if report.fails(strict=strict) else 0)
