"""`vuelo drift`: what is in the database that no migration has put there, and the other way round."""

import typer
from rich.markup import escape

from vuelo.cli.options import DEFAULT_CONFIG, Config, Environment, Json, ScratchUrl, Services, load, print_json
from vuelo.report import answer
from vuelo.schema import drifting
from vuelo.schema.difference import as_data, as_text


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    scratch_url: ScratchUrl = None,
    as_json: Json = False,
) -> None:
    """Compare the live schema with the one that the applied migrations build in a scratch database; exit 1 on drift.

    + is there and should not be, - should be there, ~ is not what it should be. Below stands SQL that would put it
    right. Extensions, event triggers, publications and casts belong to the database and are not compared.
    """
    drifts = drifting.drift(load(config, environment, service), scratch_url)
    if as_json:
        print_json(
            {
                "drift": any(one.differences for one in drifts),
                "services": [
                    {
                        "service": one.service,
                        "version": one.version,
                        "differences": [as_data(difference) for difference in one.differences],
                        "sql": list(one.sql),
                        "notes": list(one.notes),
                    }
                    for one in drifts
                ],
            }
        )
    else:
        for one in drifts:
            _show(one)
    raise typer.Exit(1 if any(one.differences for one in drifts) else 0)


def _show(one: drifting.Drift) -> None:
    said = f"{len(one.differences)} differences" if one.differences else "as the migrations built it"
    answer.print(f"[bold]{escape(one.service)}[/], version {one.version or 'none'}: {said}", highlight=False)
    for note in one.notes:
        answer.print(f"    note: {note}", markup=False, highlight=False, soft_wrap=True)
    for difference in one.differences:
        answer.print(as_text(difference, indent="    "), markup=False, highlight=False, soft_wrap=True)
    if one.sql:
        answer.print("\n-- Read it before you run it; and if the change was right, write a migration instead.")
        answer.print("\n".join(one.sql), markup=False, highlight=False, soft_wrap=True)
