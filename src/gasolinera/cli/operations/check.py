"""`gasolinera ops check`: the health of every database, and the limits that it is held against."""

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
import psycopg
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gasolinera.app import ALL_PARTS
from gasolinera.cli.data import AsJson, write_json
from gasolinera.config import load_settings
from gasolinera.errors import GasolineraError, UnavailableError
from gasolinera.jobs import Job
from gasolinera.ops import checking_words as words
from gasolinera.ops import data_quality, thresholds
from gasolinera.ops.checking import CheckResult, Group, Threshold, Verdict
from gasolinera.ops.checking_metrics import metrics_text
from gasolinera.ops.checking_rounds import Wanted, check_operations
from gasolinera.ops.checking_rules import BY_NAME
from gasolinera.ops.reaching import ops_session, reachable_operations
from gasolinera.ops.runs import recorded_run
from gasolinera.worker import jobs_of
from vuelo import VueloError, embedded

app = typer.Typer(help="Look at the health of every database.", invoke_without_command=True)
limits_app = typer.Typer(help="Limits of checks that hold in place of the rules' own.", no_args_is_help=True)
app.add_typer(limits_app, name="thresholds")

ALL_RULES: Final = {**BY_NAME, **data_quality.RULES}
_OK, _WARNING, _CRITICAL, _UNKNOWN = 0, 1, 2, 3
_OBJECTS_SHOWN: Final = 5
_STYLES: Final = {Verdict.CRITICAL: "bold red", Verdict.WARNING: "yellow", Verdict.ADVICE: "cyan"}


class Language(StrEnum):
    ES = "es"
    EN = "en"


Groups = Annotated[list[Group] | None, typer.Option("--group", help="Only checks of this group; may be repeated.")]
Without = Annotated[list[Group] | None, typer.Option("--without", help="No checks of this group; may be repeated.")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Only the check of this name; may be repeated.")]
Services = Annotated[list[str] | None, typer.Option("--service", help="Only databases of this service.")]
AsMetrics = Annotated[bool, typer.Option("--prometheus", help="Print metrics for a collector that reads files.")]
ShowAll = Annotated[bool, typer.Option("--all", help="Show what is good or was skipped, too.")]
InLanguage = Annotated[Language | None, typer.Option("--language", help="Default: that of the terminal (LANG).")]
Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Name = Annotated[str, typer.Argument(help="A check's name, as `gasolinera ops check --all` shows it.")]
Object = Annotated[str, typer.Option("--object", help="Objects that these limits are for, such as 'coupon_schema.*'.")]
AnyObject = Annotated[str | None, typer.Option("--object", help="Only the limits of this pattern.")]
Limit = Annotated[float | None, typer.Option(help="From this amount on; in the check's unit.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is shown in lists.")]
Off = Annotated[bool, typer.Option("--off", help="The check, or these objects, are not judged at all.")]


@app.callback()
def check_command(  # noqa: PLR0913  its options
    context: typer.Context,
    *,
    group: Groups = None,
    without: Without = None,
    only: Only = None,
    service: Services = None,
    environment: Environment = None,
    language: InLanguage = None,
    show_all: ShowAll = False,
    as_json: AsJson = False,
    as_metrics: AsMetrics = False,
) -> None:
    """Look at every database once. Exit 0 good, 1 a warning, 2 critical, 3 something could not be told."""
    if context.invoked_subcommand is not None:
        return
    unknown = [name for name in only or [] if name not in ALL_RULES]
    if unknown:
        raise typer.BadParameter(f"there is no check {unknown[0]}", param_hint="--only")
    wanted = Wanted(
        groups=frozenset(group or []),
        without=frozenset(without or []),
        only=frozenset(only or []),
        services=frozenset(service or []),
    )
    spoken = language or (Language.ES if _locale().startswith("es") else Language.EN)
    try:
        with reachable_operations(environment) as operations:
            results = check_operations(operations, wanted, jobs=scheduled_jobs())
    except (GasolineraError, VueloError, psycopg.Error) as error:
        # Not 1, which is a warning: nobody knows how the databases are.
        sys.stderr.write(f"error: nothing could be checked: {str(error).strip()}\n")
        raise typer.Exit(_UNKNOWN) from None
    if as_metrics:
        sys.stdout.write(metrics_text(results, ALL_RULES, datetime.now(UTC)))
    elif as_json:
        write_json([_with_words(one, spoken) for one in results])
    else:
        _print(results, spoken, show_all=show_all)
    raise typer.Exit(exit_code(results))


def exit_code(results: Sequence[CheckResult]) -> int:
    """Advice is good enough; what could not be told is worse than good, and hides nothing that is bad."""
    verdicts = {one.verdict for one in results}
    if Verdict.CRITICAL in verdicts:
        return _CRITICAL
    if Verdict.WARNING in verdicts:
        return _WARNING
    return _UNKNOWN if any(words.is_unknown(one) for one in results) else _OK


def scheduled_jobs() -> list[Job]:
    """Those that have a schedule with the settings of this environment."""
    said = {name: value for name, value in os.environ.items() if not embedded.is_address(value)}
    settings = load_settings(said)
    return [job for job in jobs_of(ALL_PARTS) if job.is_scheduled(settings)]


def _locale() -> str:
    return next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")


def _with_words(one: CheckResult, language: Language) -> dict[str, object]:
    told: dict[str, object] = msgspec.to_builtins(one)
    texts = {
        "title": words.title(one.name, language),
        "means": words.meaning(one.name, language),
        "do": words.advice(one.name, language),
        "skipped": None if one.reason is None else words.reason_text(one.reason, language),
    }
    return told | texts


def _print(results: Sequence[CheckResult], language: Language, *, show_all: bool) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    for one in results:
        if one.verdict in _STYLES:
            _print_finding(console, one, language)
    rest = [one for one in results if one.verdict not in _STYLES]
    if show_all:
        _print_rest(console, rest, language)
    good = sum(one.verdict is Verdict.GOOD for one in rest)
    console.print(words.WORDING.text(language, "checks-summary", {
        "bad": len(results) - len(rest), "good": good, "skipped": len(rest) - good}))  # fmt: skip


def _print_finding(console: Console, one: CheckResult, language: Language) -> None:
    amount = words.amount_text(one.worst, one.unit)
    head = " · ".join(part for part in (words.title(one.name, language), amount, one.place) if part)
    style = _STYLES[one.verdict]
    console.print(f"[{style}]{words.verdict_text(one.verdict, language):<9}[/] [bold]{escape(head)}[/] ({one.name})")
    console.print(f"          {escape(words.meaning(one.name, language))}", soft_wrap=True)
    console.print(f"          → {escape(words.advice(one.name, language))}", soft_wrap=True)
    for finding in one.findings[:_OBJECTS_SHOWN]:
        told = "  ".join(part for part in (finding.object, words.amount_text(finding.amount, one.unit)) if part)
        console.print(f"          - {escape(told)}", soft_wrap=True)
    if one.count > _OBJECTS_SHOWN:
        console.print(f"          … {one.count - _OBJECTS_SHOWN}")


def _print_rest(console: Console, rest: Sequence[CheckResult], language: Language) -> None:
    table = Table("", "", "", "")
    for one in sorted(rest, key=lambda result: (list(Group).index(result.group), result.name)):
        said = words.amount_text(one.worst, one.unit) if one.reason is None else words.reason_text(one.reason, language)
        table.add_row(words.group_title(one.group, language), one.name, words.verdict_text(one.verdict, language), said)
    table.show_header = False
    console.print(table)


@limits_app.command("list")
def list_command(*, environment: Environment = None, as_json: AsJson = False) -> None:
    """List the limits that were set, with their reasons."""
    with _kept(environment) as conn:
        found = thresholds.listed(conn)
    if as_json:
        write_json(found)
        return
    table = Table("Check", "Objects", "Advice", "Warning", "Critical", "Reason", "Set")
    for one in found:
        limits = ["off", "", ""] if one.is_off else [_number(one.advice), _number(one.warning), _number(one.critical)]
        table.add_row(one.check_name, one.object_pattern, *limits, one.reason, f"{one.set_at:%Y-%m-%d} {one.set_by}")
    Console(width=None if sys.stdout.isatty() else 140).print(table)


@limits_app.command("set")
def set_command(
    name: Name,
    *,
    reason: Reason,
    pattern: Object = "*",
    advice: Limit = None,
    warning: Limit = None,
    critical: Limit = None,
    off: Off = False,
    environment: Environment = None,
) -> None:
    """Set limits in place of the rule's own: those that are not given do not exist for these objects."""
    threshold = Threshold(
        check_name=name,
        object_pattern=pattern,
        advice=advice,
        warning=warning,
        critical=critical,
        is_off=off,
        reason=reason,
    )
    with _kept(environment) as conn, recorded_run(conn, "check thresholds set", name) as run:
        thresholds.set_threshold(conn, ALL_RULES, threshold)
        run.result = msgspec.to_builtins(threshold)
    sys.stdout.write(f"{name} {pattern}: {'off' if off else 'set'}\n")


@limits_app.command("reset")
def reset_command(name: Name, *, pattern: AnyObject = None, environment: Environment = None) -> None:
    """Take limits away, so that the rule's own hold again."""
    with _kept(environment) as conn, recorded_run(conn, "check thresholds reset", name) as run:
        removed = thresholds.reset_threshold(conn, ALL_RULES, name, pattern)
        run.result = {"removed": removed}
    sys.stdout.write(f"{name}: took away {', '.join(removed)}\n")


@contextmanager
def _kept(environment: str | None) -> Generator[psycopg.Connection[Any]]:
    """A session where limits are kept. Raises UnavailableError `ops.not_installed` where there is no role ops."""
    with reachable_operations(environment) as operations, ExitStack() as stack:
        try:
            conn = stack.enter_context(ops_session(operations.ops_url))
        except psycopg.errors.InvalidParameterValue:
            hint = "run gasolinera db init"
            raise UnavailableError("ops.not_installed", "the tables of operations are missing", hint) from None
        yield conn


def _number(amount: float | None) -> str:
    return "" if amount is None else f"{amount:g}"
