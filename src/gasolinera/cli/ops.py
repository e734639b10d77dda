"""`gasolinera ops`: what keeps the databases of a running platform well, and brings them back."""

import typer

from gasolinera.cli.operations import (
    alerts,
    archive,
    backup,
    base_backup,
    bluegreen,
    check,
    cleanup,
    live,
    maintenance,
    partitions,
    pitr,
    queries,
    reconcile,
    restore,
    restore_rows,
    rollback,
    verify,
)

app = typer.Typer(help="Look after running databases: check, maintain, back up, restore.", no_args_is_help=True)
app.command("top")(live.top)
app.command("locks")(live.locks)
app.add_typer(check.app, name="check")
app.add_typer(queries.app, name="queries")
app.add_typer(alerts.app, name="alerts")
app.add_typer(cleanup.app, name="cleanup")
app.add_typer(maintenance.app, name="maintenance")
app.add_typer(backup.app, name="backup")
app.add_typer(restore.app, name="restore")
restore.app.command("rows")(restore_rows.rows_command)
app.add_typer(rollback.app, name="rollback")
backup.app.command("base")(base_backup.base)
backup.app.command("setup")(base_backup.setup)
backup.app.command("test")(pitr.try_command)
restore.app.command("pitr")(pitr.pitr)
app.command("restore-point")(base_backup.restore_point)
app.command("archive-wal", hidden=True)(base_backup.archive_wal)
app.command("restore-wal", hidden=True)(base_backup.restore_wal)
app.add_typer(partitions.app, name="partitions")
app.add_typer(archive.app, name="archive")
app.command("reconcile")(reconcile.reconcile_command)
app.command("verify")(verify.command)
app.add_typer(bluegreen.app, name="bluegreen")
