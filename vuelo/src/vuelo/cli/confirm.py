"""Destructive commands make the user type the database's name."""

import sys
from typing import Annotated

import psycopg
import typer
from rich.markup import escape

from vuelo.errors import VueloError
from vuelo.project import Project
from vuelo.report import talk

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for the database's name.")]


def confirm(project: Project, *, yes: bool) -> None:
    """Pass, or raise VueloError `confirm.*`. Services may live in several databases: all their names are typed."""
    if yes:
        return
    names = sorted({_database_at(url) for url in {service.url for service in project.services}})
    wanted = " ".join(names)
    if not sys.stdin.isatty():
        raise VueloError("confirm.no_terminal", "this destroys data and nobody can be asked", "add --yes")
    talk.print(f"This destroys data. Type [bold]{escape(wanted)}[/] to go on:", end=" ")
    if sys.stdin.readline().strip() != wanted:
        raise VueloError("confirm.refused", "that is not the name; nothing was changed")


def _database_at(url: str) -> str:
    """The address need not say it: libpq has defaults, variables and service files."""
    with psycopg.connect(url) as conn:
        return conn.info.dbname
