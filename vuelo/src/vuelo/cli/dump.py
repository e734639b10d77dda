"""`vuelo dump`: the schema as one file a service, for reading and for diffs."""

import sys
from difflib import unified_diff
from pathlib import Path
from typing import Annotated

import typer

from vuelo.cli.options import DEFAULT_CONFIG, Config, Environment, Json, ScratchUrl, Services, load, print_json
from vuelo.report import answer, talk
from vuelo.schema import dumping

Live = Annotated[bool, typer.Option("--live", help="Dump the database as it is, not what the migrations build.")]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 with a diff where a file is stale.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="A folder for the files.", metavar="FOLDER", file_okay=False)
]


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    live: Live = False,
    check: Check = False,
    output: Output = None,
    scratch_url: ScratchUrl = None,
    as_json: Json = False,
) -> None:
    """Write each service's schema to the file that `schema_file` names, or to stdout: built from the migrations.

    Equal schemas give equal bytes, whatever the server's version.
    """
    project = load(config, environment, service)
    texts = dumping.live_schemas(project) if live else dumping.built_schemas(project, scratch_url)
    paths = {one.name: dumping.schema_path(project, one, output) for one in project.services}
    if check:
        stale = {name: _diff(paths[name], text) for name, text in texts.items()}
        stale = {name: diff for name, diff in stale.items() if diff}
        if as_json:
            print_json({"stale": [{"service": name, "diff": diff} for name, diff in stale.items()]})
        else:
            sys.stdout.writelines(stale.values())
            answer.print(
                f"{len(stale)} of {len(texts)} files are stale" if stale else f"{len(texts)} files are current"
            )
        raise typer.Exit(1 if stale else 0)
    if as_json:
        print_json({"services": [{"service": name, "sql": text} for name, text in texts.items()]})
        return
    for name, text in texts.items():
        path = paths[name]
        if path is None:
            sys.stdout.write(text)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        talk.print(f"{name}: {path}", markup=False, highlight=False, soft_wrap=True)


def _diff(path: Path | None, text: str) -> str:
    if path is None:
        raise typer.BadParameter("--check compares with files: set schema_file, or give --output")
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = unified_diff(kept.splitlines(keepends=True), text.splitlines(keepends=True), str(path), "the migrations")
    return "".join(lines)
