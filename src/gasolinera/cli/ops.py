"""`gasolinera ops`: what keeps the databases of a running platform well, and brings them back."""

import typer

from gasolinera.cli.operations import alerts, archive, check, cleanup, live, partitions, queries

app = typer.Typer(help="Look after running databases: check, maintain, back up, restore.", no_args_is_help=True)
app.command("top")(live.top)
app.command("locks")(live.locks)
app.add_typer(check.app, name="check")
app.add_typer(queries.app, name="queries")
app.add_typer(alerts.app, name="alerts")
app.add_typer(cleanup.app, name="cleanup")
app.add_typer(partitions.app, name="partitions")
app.add_typer(archive.app, name="archive")
