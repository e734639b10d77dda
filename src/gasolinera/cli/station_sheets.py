"""`gasolinera stations export` and `import-csv`: stations as a table in a CSV file."""

from gasolinera.bringing_in import SheetResult
from gasolinera.cli.data import AsJson
from gasolinera.cli.sheets import DryRun, File, KeepGood, Language, Output, Report, import_table, write_table
from gasolinera.config import Settings
from gasolinera.database import RequestContext, open_database
from gasolinera.station.sheet import read_sheet
from gasolinera.station.sheets import export_sheet, import_sheet
from gasolinera.tabular import Sheet

_CONTEXT = RequestContext(actor="command:stations import-csv")


def export_command(*, language: Language = "en", output: Output = None) -> None:
    """Write all stations as a table."""
    write_table(lambda db: export_sheet(db, language=language), output)


def import_command(
    file: File,
    *,
    dry_run: DryRun = False,
    keep_good: KeepGood = False,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Bring in a table of stations, recognised by code. Exit 1 when a row was refused."""

    async def bring(settings: Settings, sheet: Sheet) -> SheetResult:
        async with open_database(settings, "station") as db, db.transaction(_CONTEXT) as conn:
            return await import_sheet(conn, sheet, is_dry_run=dry_run, keeps_good=keep_good)

    import_table(file, read_sheet, bring, report=report, as_json=as_json)
