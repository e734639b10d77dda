"""`gasolinera ops`: what keeps the databases of a running platform well, and brings them back."""

import typer

app = typer.Typer(help="Look after running databases: check, maintain, back up, restore.", no_args_is_help=True)
