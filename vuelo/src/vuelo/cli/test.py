"""`vuelo test`: every migration up, down and up again in a scratch database."""

from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from vuelo.cli.options import DEFAULT_CONFIG, Config, Environment, Json, ScratchUrl, Services, load, print_json
from vuelo.counting import counted
from vuelo.report import answer, talk
from vuelo.schema import rehearsal, scratch
from vuelo.schema.difference import as_data, as_text
from vuelo.schema.rehearsal import Finding, Rehearsal


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    scratch_url: ScratchUrl = None,
    as_json: Json = False,
) -> None:
    """Run every migration up, down and up again in a scratch database, with the sample data of repeatables.

    Compares schemas object by object and rows by hash, reads every view, checks every function's body, times each
    migration and shows the locks it held. Exit 1 when anything is lost, left over or fails.
    """
    project = load(config, environment, service)
    with scratch.opened(project, scratch_url) as opened:
        talk.print(f"{counted(len(opened.services), 'service')} in {_place(scratch_url)}", highlight=False)
        results = rehearsal.rehearse(opened)
    if as_json:
        print_json({"good": not any(one.findings for one in results), "services": [_data(one) for one in results]})
    else:
        _show(results)
    raise typer.Exit(1 if any(one.findings for one in results) else 0)


def _place(scratch_url: str | None) -> str:
    return "a database of their own on the scratch server" if scratch_url else "an embedded server of their own"


def _show(results: list[Rehearsal]) -> None:
    table = Table(title="Locks on what was there before, while sample data are in it", title_justify="left")
    for heading in ("Service", "Migration", "Time", "Table", "Lock", "Held", "Keeps waiting"):
        table.add_column(heading, justify="right" if heading in ("Time", "Held") else "left")
    for one in results:
        for timed in one.timed:
            cells = [one.service, timed.script, f"{timed.duration_ms} ms"]
            for lock in [lock for lock in timed.locks if lock.keeps_waiting] or [None]:
                taken = (
                    [lock.table, lock.mode, f"{lock.held_ms} ms", lock.keeps_waiting] if lock else ["", "none", "", ""]
                )
                table.add_row(*map(escape, cells + taken))
                cells = ["", "", ""]
    answer.print(table)
    summary = Table()
    for heading in ("Service", "Objects", "Rows", "Views and functions", "Time", "Result"):
        summary.add_column(heading, justify="left" if heading in ("Service", "Result") else "right")
    for one in results:
        said = f"[red]{len(one.findings)} findings[/]" if one.findings else "[green]good[/]"
        counts = map(str, (one.objects, one.rows, one.checked))
        summary.add_row(escape(one.service), *counts, f"{one.duration_ms / 1000:.1f} s", said)
    answer.print(summary)
    for one in results:
        for note in one.notes:
            answer.print(f"{escape(one.service)}: note: {escape(note)}", highlight=False, soft_wrap=True)
        for finding in one.findings:
            answer.print(_finding_text(one.service, finding), highlight=False, markup=False, soft_wrap=True)


def _finding_text(service: str, finding: Finding) -> str:
    lines = [f"{service}: {finding.script}: {finding.message} ({finding.code})"]
    lines += [f"    {detail}" for detail in finding.details]
    lines += [as_text(difference, indent="    ") for difference in finding.differences]
    return "\n".join(lines)


def _data(one: Rehearsal) -> dict[str, Any]:
    return {
        "service": one.service,
        "objects": one.objects,
        "rows": one.rows,
        "viewsAndFunctions": one.checked,
        "durationMs": one.duration_ms,
        "notes": one.notes,
        "migrations": [
            {
                "script": timed.script,
                "durationMs": timed.duration_ms,
                "locks": [
                    {"table": lock.table, "mode": lock.mode, "heldMs": lock.held_ms, "keepsWaiting": lock.keeps_waiting}
                    for lock in timed.locks
                ],
            }
            for timed in one.timed
        ],
        "findings": [
            {
                "code": finding.code,
                "script": finding.script,
                "message": finding.message,
                "details": list(finding.details),
                "differences": [as_data(difference) for difference in finding.differences],
            }
            for finding in one.findings
        ],
    }
