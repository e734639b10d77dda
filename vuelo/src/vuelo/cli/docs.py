"""`vuelo docs`: a data dictionary and entity-relationship diagrams."""

from pathlib import Path
from typing import Annotated

import typer

from vuelo.cli.options import DEFAULT_CONFIG, Config, Environment, Json, ScratchUrl, Services, load, print_json
from vuelo.dictionary.pages import Format, built_catalogues, live_catalogues, pages
from vuelo.dictionary.words import Language
from vuelo.report import answer

Output = Annotated[
    Path, typer.Option("--output", "--out", "-o", help="A folder for the files.", metavar="FOLDER", file_okay=False)
]
Live = Annotated[bool, typer.Option("--live", help="Describe the database as it is, not what the migrations build.")]
Kind = Annotated[Format, typer.Option("--format", help="HTML that opens from disk, or Markdown for a repository.")]
Lang = Annotated[Language, typer.Option("--lang", help="The language of the labels.")]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 where a file is stale.")]


def command(
    *,
    output: Output,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    live: Live = False,
    kind: Kind = Format.HTML,
    language: Lang = Language.ENGLISH,
    check: Check = False,
    scratch_url: ScratchUrl = None,
    as_json: Json = False,
) -> None:
    """Write a page and a diagram (SVG) a service: tables, columns, keys, indexes, triggers, views, functions, comments.

    Equal schemas give equal bytes, so --check can tell in CI that the files are what the migrations build.
    """
    project = load(config, environment, service)
    catalogues = live_catalogues(project) if live else built_catalogues(project, scratch_url)
    files = pages(catalogues, kind, language)
    stale = [name for name, text in files.items() if _kept(output / name) != text]
    if not check:
        output.mkdir(parents=True, exist_ok=True)
        for name in stale:
            (output / name).write_text(files[name], encoding="utf-8")
    if as_json:
        print_json({"files": [str(output / name) for name in files], "stale": stale})
    elif check:
        answer.print(f"stale: {', '.join(stale)}" if stale else f"{len(files)} files are current")
    else:
        answer.print(f"{len(files)} files in {output}, {len(stale)} of them new or changed", markup=False)
    raise typer.Exit(1 if check and stale else 0)


def _kept(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
