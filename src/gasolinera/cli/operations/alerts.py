"""`gasolinera ops alerts`: who is told what is wrong, and of what for a while nobody."""

import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console
from rich.table import Table

from gasolinera.cli.data import AsJson, write_json
from gasolinera.cli.operations.check import ALL_RULES, Groups, Only, Without, scheduled_jobs
from gasolinera.config import PREFIX, load_settings
from gasolinera.errors import ConfigError
from gasolinera.ops import alerting, alerting_notices, alerting_outage
from gasolinera.ops.alerting import Alert, Silence
from gasolinera.ops.alerting_notices import Receiver
from gasolinera.ops.alerting_run import Round, run_round, write_metrics
from gasolinera.ops.checking import CheckResult
from gasolinera.ops.checking_metrics import AT, metrics_text
from gasolinera.ops.checking_rounds import Wanted, check_operations
from gasolinera.ops.reaching import Operations, ops_session, reachable_operations

app = typer.Typer(help="Tell people what the checks find: once, and again when it ends.", no_args_is_help=True)

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WEBHOOK = f"{PREFIX}ALERT_WEBHOOK_"
_SHOWN_OBJECTS = 3


def _duration_s(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if found is None:
        raise typer.BadParameter("say it as 90s, 30m, 4h or 7d")
    return int(found[1]) * _UNITS_S[found[2]]


Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
After = Annotated[
    float,
    typer.Option("--after", parser=_duration_s, metavar="DURATION", help="Tell of what has been so for this long."),
]
RemindAfter = Annotated[
    float, typer.Option("--remind-after", parser=_duration_s, metavar="DURATION", help="Tell again of what goes on.")
]
Lasts = Annotated[float, typer.Option("--for", parser=_duration_s, metavar="DURATION", help="How long: 30m, 4h, 7d.")]
Metrics = Annotated[
    Path | None, typer.Option("--metrics", help="A file for Prometheus' collector, written with the same look.")
]
Language = Annotated[Literal["es", "en"], typer.Option("--language", help="The language of the texts.")]
Check = Annotated[str, typer.Argument(help="A check's name; * stands for anything: 'backup*', '*'.")]
Reason = Annotated[str, typer.Option("--reason", help="Why nobody needs to be told.")]
All = Annotated[bool, typer.Option("--all", help="Those of the last 90 days that have ended, too.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many.")]
Number = Annotated[int, typer.Argument(min=1, help="A number of `gasolinera ops alerts silences`.")]


@app.command("run")
def run_command(  # noqa: PLR0913  a command's options are its arguments
    environment: Environment = None,
    *,
    group: Groups = None,
    without: Without = None,
    only: Only = None,
    after: After = "0s",  # pyright: ignore[reportArgumentType]  # the parser makes seconds of it
    remind_after: RemindAfter = "4h",  # pyright: ignore[reportArgumentType]  # the same
    metrics: Metrics = None,
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Look at everything, note what is bad, tell the webhook what is new. Made to be run each minute, by several too.

    Exit 1 where the receiver could not be told; it is tried again by later runs.
    """
    wanted = Wanted(groups=frozenset(group or []), without=frozenset(without or []), only=frozenset(only or []))
    with reachable_operations(environment) as operations:
        receiver = _receiver(operations, language)
        results = check_operations(operations, wanted, jobs=scheduled_jobs())
        if metrics is not None:
            write_metrics(metrics, _of_look(metrics.stem, metrics_text(results, ALL_RULES, datetime.now(UTC))))
        made = _round(operations, results, receiver, after_s=after, remind_after_s=remind_after)
    if as_json:
        write_json(made)
    else:
        sys.stdout.write(_story(made, is_told=receiver is not None))
    if made.error is not None:
        raise alerting_notices.refused(alerting_notices.Told(None, made.error))


def _of_look(look: str, text: str) -> str:
    """Several files in one folder may not have the same series: the moment is that of one look among others."""
    return text.replace(f"\n{AT} ", f'\n{AT}{{look="{look}"}} ')


def _round(
    operations: Operations,
    results: Sequence[CheckResult],
    receiver: Receiver | None,
    *,
    after_s: float,
    remind_after_s: float,
) -> Round:
    """Where alerts cannot be kept, since their database is away or takes no writing, that alone is told."""
    mark = alerting_outage.mark_of(operations.ops_url)
    try:
        with ops_session(operations.ops_url) as conn:
            made = run_round(conn, results, receiver, after_s=after_s, remind_after_s=remind_after_s)
    except psycopg.Error:
        if receiver is not None:
            alerting_outage.tell_outage(receiver, mark, remind_after_s=remind_after_s)
        raise
    if receiver is not None:
        alerting_outage.tell_end_of_outage(receiver, mark)
    return made


def _story(made: Round, *, is_told: bool) -> str:
    seen = made.observed
    lines = [
        f"{what}: {', '.join(names)}\n"
        for what, names in (
            ("new", seen.opened),
            ("still", seen.ongoing),
            ("ended", seen.resolved),
            ("not looked at", seen.unknown),
        )
        if names
    ]
    if not is_told:
        lines.append(f"nobody was told: {_WEBHOOK}URL is not set\n")
    elif made.sent and made.error is None:
        lines.append(f"told: {', '.join(f'{one.check} ({one.kind})' for one in made.sent)}\n")
    return "".join(lines) or "nothing is wrong\n"


@app.command("list")
def list_command(
    environment: Environment = None, *, ended: All = False, limit: Limit = 100, as_json: AsJson = False
) -> None:
    """List what is wrong now, the critical first, and who has been told."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as conn:
        found = alerting.list_alerts(conn, ended_too=ended, most=limit)
    if as_json:
        write_json(found)
    elif found:
        _show(found)
    else:
        sys.stdout.write("no alert is open\n" if not ended else "there are no alerts\n")


def _show(found: Sequence[Alert]) -> None:
    table = Table("Check", "Severity", "State", "Since", "Looks", "Told", "Objects")
    for one in found:
        told = "not yet" if one.told_at is None else f"{one.told_at:%m-%d %H:%M}"
        if one.silenced_until is not None and one.state == "FIRING":
            told = f"silenced until {one.silenced_until:%m-%d %H:%M}"
        elif one.last_error is not None:
            told = f"failed {one.failures} times: {one.last_error}"
        objects = ", ".join(one.objects[:_SHOWN_OBJECTS]) + ("…" if len(one.objects) > _SHOWN_OBJECTS else "")
        since = f"{one.first_seen_at:%Y-%m-%d %H:%M}"
        table.add_row(
            one.check_name, one.severity.lower(), one.state.lower(), since, str(one.seen_count), told, objects
        )
    _print(table)


@app.command("silence")
def silence_command(
    check: Check, lasts: Lasts, reason: Reason, environment: Environment = None, *, as_json: AsJson = False
) -> None:
    """Tell nobody of a check for a while. It is looked at and listed all the same."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as conn:
        made = alerting.silence(conn, check, lasts_s=lasts, reason=reason)
    if as_json:
        write_json(made)
    else:
        sys.stdout.write(
            f"silence {made.id}: nobody is told of {made.pattern} until {made.ends_at:%Y-%m-%d %H:%M} UTC\n"
        )


@app.command("silences")
def silences_command(environment: Environment = None, *, as_json: AsJson = False) -> None:
    """List the silences that are in force."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as conn:
        found = alerting.silences(conn)
    if as_json:
        write_json(found)
        return
    table = Table("Number", "Checks", "Until (UTC)", "Why")
    for one in found:
        table.add_row(str(one.id), one.pattern, f"{one.ends_at:%Y-%m-%d %H:%M}", one.reason)
    _print(table)


@app.command("unsilence")
def unsilence_command(number: Number, environment: Environment = None, *, as_json: AsJson = False) -> None:
    """End a silence now: what is wrong still is told with the next run."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as conn:
        ended: Silence = alerting.end_silence(conn, number)
    if as_json:
        write_json(ended)
    else:
        sys.stdout.write(f"silence {ended.id} of {ended.pattern} has ended\n")


@app.command("test")
def try_command(environment: Environment = None, *, language: Language = "en", as_json: AsJson = False) -> None:
    """Send a notice that says that it is a test. Exit 1 where it was not taken."""
    with reachable_operations(environment) as operations:
        receiver = _receiver(operations, language)
    if receiver is None:
        hint = "set it to the address that is told, and its SECRET to what signs"
        raise ConfigError("ops.no_alert_receiver", f"nobody is to be told: {_WEBHOOK}URL is not set", hint)
    told = alerting_notices.tell_test(receiver)
    if not told.is_good:
        raise alerting_notices.refused(told)
    if as_json:
        write_json(told)
    else:
        sys.stdout.write(f"the receiver has taken it ({told.status})\n")


def _receiver(operations: Operations, language: str) -> Receiver | None:
    settings = load_settings({name: value for name, value in os.environ.items() if name.startswith(_WEBHOOK)})
    if settings.alert_webhook_url is None:
        return None
    place = conninfo_to_dict(operations.ops_url).get("dbname")
    return alerting_notices.receiver_of(settings, place=str(place or "gasolinera"), language=language)


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 140).print(table)
