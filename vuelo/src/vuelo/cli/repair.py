"""`vuelo repair`: put the history right where a migration failed, or a file was changed or removed on purpose."""

from typing import Annotated

import typer

from vuelo.cli.options import DEFAULT_CONFIG, Config, Environment, Ignore, Json, Services, ignored, load, print_json
from vuelo.repairing import Fix, repair
from vuelo.report import answer, print_plain

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    ignore: Ignore = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Remove the rows of failed migrations, mark missing ones as deleted, accept changed files; the history alone."""
    project = load(config, environment, service).changed(ignore_migration_patterns=ignored(ignore))
    done = repair(project, dry_run=dry_run)
    if as_json:
        services = [{"service": name, "fixes": [_data(fix) for fix in fixes]} for name, fixes in done.items()]
        print_json({"dryRun": dry_run, "services": services})
        return
    for name, fixes in done.items():
        for fix in fixes:
            verb = f"would be {fix.repair}" if dry_run else fix.repair.value
            text = f"{name}: {fix.row.script} (rank {fix.row.installed_rank}) {verb}"
            print_plain(f"{text}: {', '.join(fix.changes)}" if fix.changes else text)
    if not any(done.values()):
        answer.print("nothing to repair")


def _data(fix: Fix) -> dict[str, object]:
    row = fix.row
    return {
        "repair": fix.repair.name.lower(),
        "installedRank": row.installed_rank,
        "version": row.version_text or "",
        "description": row.description,
        "script": row.script,
        "changes": list(fix.changes),
    }
