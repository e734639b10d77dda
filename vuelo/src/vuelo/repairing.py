"""Put a history right: rows that failed are removed, what is missing is marked as deleted, what changed is accepted.

It changes the history table alone, in one transaction under the service's lock, exactly as Flyway's repair does, and
forgets in vuelo's log what was half done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from vuelo import history, sidelog
from vuelo.apply import transaction
from vuelo.callbacks import around
from vuelo.errors import VueloError
from vuelo.executor import locked, site_of
from vuelo.history import NewRow
from vuelo.migration import Applied, Found, Remembered, RowType, Script, stored_description
from vuelo.patterns import patterns_of
from vuelo.plan import make_plan
from vuelo.project import Project, Service
from vuelo.run import reachable, side_by_side
from vuelo.scripts import Site
from vuelo.session import Run, connected
from vuelo.settings import Settings
from vuelo.states import IS_FUTURE, IS_MISSING, TAKEN_BACK, State


class Repair(StrEnum):
    """What is done to a row."""

    REMOVED = "removed"
    DELETED = "marked as deleted"
    ALIGNED = "aligned"
    CLEARED = "no longer marked as half undone"


@dataclass(frozen=True)
class Fix:
    """A row that is put right; `script` is the file that it is aligned with, `changes` what it says otherwise."""

    repair: Repair
    row: Applied
    script: Script | None = None
    changes: tuple[str, ...] = ()


def repair(project: Project, *, dry_run: bool = False) -> dict[str, tuple[Fix, ...]]:
    """By service, what was done, or with `dry_run` what would be. Raises VueloError `history.missing`."""
    with reachable(project) as reached:
        return side_by_side(reached.services, Run(), lambda service, run: _repair(service, run, dry_run=dry_run))


def fixes(found: Found, rows: Sequence[Applied], settings: Settings, remembered: Remembered) -> tuple[Fix, ...]:
    """What a repair does, in its order: what failed goes first, and the rest is judged without it. Pure.

    Raises VueloError `ignore.invalid`.
    """
    removed = [Fix(Repair.REMOVED, row) for row in rows if not row.success]
    patterns = patterns_of(settings.ignore_migration_patterns)
    everything = replace(settings, target="latest", out_of_order=True, cherry_pick=())
    plan = make_plan(found, [row for row in rows if row.success], everything, remembered)
    deleted: list[Fix] = []
    aligned: list[Fix] = []
    for entry in plan.entries:
        row = entry.row
        if row is None or row.is_synthetic:
            continue
        if entry.state in (*IS_MISSING, *IS_FUTURE):
            if not any(pattern.matches(entry.state, versioned=row.version is not None) for pattern in patterns):
                deleted.append(Fix(Repair.DELETED, row))
        elif entry.script is not None and entry.state is not State.UNDONE:
            changes = _changes(row, entry.script)
            if changes:
                aligned.append(Fix(Repair.ALIGNED, row, entry.script, changes))
    half_undone = (entry.row for entry in plan.entries if entry.row and entry.state not in TAKEN_BACK)
    cleared = [Fix(Repair.CLEARED, row) for row in half_undone if row.installed_rank in remembered.half_undone]
    return (*removed, *deleted, *aligned, *cleared)


def _changes(row: Applied, script: Script) -> tuple[str, ...]:
    """A repeatable's row is aligned only if it has the checksum of the text before placeholders were replaced."""
    if script.version is None:
        is_raw = row.checksum == script.raw_checksum != script.checksum
        return (f"checksum {row.checksum} to {script.checksum}",) if is_raw else ()
    changes: list[str] = []
    if row.checksum != script.checksum:
        changes.append(f"checksum {row.checksum} to {script.checksum}")
    if row.description != stored_description(script.description):
        changes.append(f"description {row.description!r} to {script.description!r}")
    return tuple(changes)


def _repair(service: Service, run: Run, *, dry_run: bool) -> tuple[Fix, ...]:
    with connected(service, run) as conn:
        site, found = site_of(conn, service, run)
        if not history.exists(conn, site.table):
            message = f"{service.name}: there is no history {site.table.schema}.{site.table.name} to repair"
            raise VueloError("history.missing", message, "vuelo migrate makes it")
        if dry_run:
            return _fixes_now(site, found)
        with locked(site), around(site, "Repair"), transaction(site):
            done = _fixes_now(site, found)
            for fix in done:
                _carry_out(site, fix)
            return done


def _fixes_now(site: Site, found: Found) -> tuple[Fix, ...]:
    rows = history.rows(site.conn, site.table)
    return fixes(found, rows, site.service.settings, sidelog.remembered(site.conn, site.table, rows))


def _carry_out(site: Site, fix: Fix) -> None:
    conn, table, row = site.conn, site.table, fix.row
    if fix.repair is Repair.REMOVED:
        history.forget(conn, table, row.installed_rank)
        sidelog.forget_unfinished(conn, table, row.installed_rank)
    elif fix.repair is Repair.CLEARED:
        sidelog.forget_unfinished(conn, table, row.installed_rank)
    elif fix.repair is Repair.DELETED:
        author = site.service.settings.installed_by
        copy = NewRow(
            row.version_text, row.description, RowType.DELETE, row.script, row.checksum, 0, row.success, author
        )
        history.insert(conn, table, copy)
    else:
        assert fix.script is not None
        history.align(conn, table, row.installed_rank, fix.script.description, fix.script.row_type, fix.script.checksum)
