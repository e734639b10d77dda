"""`gasolinera employees export` and `import-csv`: employees as a table in a CSV file."""

from contextlib import AsyncExitStack

import typer

from gasolinera.auth.parts import PARTS as AUTH
from gasolinera.authentication import tokens_of
from gasolinera.bringing_in import SheetResult
from gasolinera.calls import no_token, open_users
from gasolinera.cli.data import AsJson
from gasolinera.cli.sheets import DryRun, File, KeepGood, Language, Output, Report, import_table, write_table
from gasolinera.config import Settings
from gasolinera.database import RequestContext, open_database
from gasolinera.keyring import load_keyring
from gasolinera.permissions import Caller, Role
from gasolinera.station.employees_sheet import People, export_employees, find_people, import_employees, read_employees
from gasolinera.station.queries_employees import Sight
from gasolinera.tabular import Sheet

app = typer.Typer(help="Who works at the stations.", no_args_is_help=True)

# Whoever may run commands on the host may do what the chain's administrators may.
_CALLER = Caller(role=Role.SYSTEM_ADMIN)
_CONTEXT = RequestContext(actor="command:employees import-csv")


@app.command("export")
def export_command(*, language: Language = "en", output: Output = None) -> None:
    """Write all employees as a table, without employments that are over."""
    write_table(lambda db: export_employees(db, Sight(), language=language), output)


@app.command("import-csv")
def import_command(
    file: File,
    *,
    dry_run: DryRun = False,
    keep_good: KeepGood = False,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Bring in a table of employees: a row with a number changes that employment, one without hires. Exit 1 when a row
    was refused.
    """

    async def bring(settings: Settings, sheet: Sheet) -> SheetResult:
        people = await _people(settings, sheet)
        async with open_database(settings, "station") as db:
            return await db.run(
                lambda conn: import_employees(conn, _CALLER, people, sheet, is_dry_run=dry_run, keeps_good=keep_good),
                _CONTEXT,
            )

    import_table(file, read_employees, bring, report=report, as_json=as_json)


async def _people(settings: Settings, sheet: Sheet) -> People:
    async with AsyncExitStack() as stack:
        here, tokens = None, no_token
        if settings.auth_url is not None:  # then the people are another host's, who is asked with a token of ours
            tokens = tokens_of(load_keyring(settings), "station")
        elif AUTH.find_user is not None:
            here = await stack.enter_async_context(open_database(settings, "auth")), AUTH.find_user
        users = await stack.enter_async_context(open_users(here, settings.auth_url, tokens))
        return await find_people(users, sheet)
