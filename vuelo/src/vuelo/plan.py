"""Files and history in, states, steps and problems out. Pure: every command shows this one plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from vuelo.errors import VueloError
from vuelo.migration import Applied, Found, Remembered, RowType, Script
from vuelo.naming import Kind, Version
from vuelo.problems import Problem, duplicates, problems_of
from vuelo.settings import Settings
from vuelo.states import (
    TAKEN_BACK,
    Entry,
    Files,
    History,
    State,
    applied_entries,
    pick_key,
    picks_of,
    runs,
    waiting_entries,
)

_DEFAULTS = Settings()
_NOTHING = Remembered()
_BEFORE_ROWS = (State.BELOW_BASELINE, State.BASELINE_IGNORED)


@dataclass(frozen=True)
class Plan:
    """What is, what would be done (`pending`, in order), and what is wrong, for one service.

    `kept_back` are pending too, but of the contract phase, which was not asked for.
    """

    entries: tuple[Entry, ...]
    pending: tuple[Script, ...]
    problems: tuple[Problem, ...]
    kept_back: tuple[Script, ...] = ()

    @property
    def current_version(self) -> Version | None:
        """The highest version that was applied and not taken back, whether or not it went well."""
        rows = [entry.row for entry in self.entries if entry.row and entry.state not in TAKEN_BACK]
        return max((row.version for row in rows if row.version), default=None)

    @property
    def undos(self) -> tuple[Entry, ...]:
        """A line for each undo script that could run, because its migration stands."""
        return tuple(Entry(State.AVAILABLE, None, entry.undo) for entry in self.entries if entry.undo)


@dataclass(frozen=True)
class UndoStep:
    """Take back `row` by `script`; `repeatables` ran after it, may stand on it and must run again afterwards."""

    row: Applied
    script: Script
    repeatables: tuple[Applied, ...]


def make_plan(
    found: Found, rows: Sequence[Applied], settings: Settings = _DEFAULTS, remembered: Remembered = _NOTHING
) -> Plan:
    """Hold the files against the history, whose rows come in the order of their rank.

    Raises VueloError `target.invalid`, `cherry_pick.unknown`, `ignore.invalid`.
    """
    files, history = Files.of(found.scripts), History.of(rows)
    waiting = waiting_entries(files, history, settings)
    entries = (
        *(entry for entry in waiting if entry.state in _BEFORE_ROWS),
        *applied_entries(files, history, remembered.undone),
        *(entry for entry in waiting if entry.state not in _BEFORE_ROWS),
    )
    pending = [entry.script for entry in waiting if entry.state is State.PENDING and entry.script]
    picks = picks_of(settings)
    if picks:
        pending.sort(key=lambda script: picks[pick_key(script)])
    return Plan(
        entries,
        pending=tuple(script for script in pending if runs(script, settings)),
        problems=tuple(problems_of(found, history, entries, settings, remembered)),
        kept_back=tuple(script for script in pending if not runs(script, settings)),
    )


def plan_undo(
    found: Found, rows: Sequence[Applied], *, steps: int | None = None, target: Version | None = None
) -> tuple[UndoStep, ...]:
    """The migrations to take back, newest first: `steps` of them, or all down to and including version `target`.

    Raises VueloError before anything is touched: `undo.not_sql` when one of them is no SQL migration or has failed,
    `undo.no_script` when one has no U file, `undo.duplicate` when it is not clear which one is meant.
    """
    undos = {script.version: script for script in found.scripts if script.kind is Kind.UNDO}
    history = History.of(rows)
    above_baseline = takewhile(lambda row: not row.is_baseline, reversed(history.standing))
    chosen = [row for row in above_baseline if row.version is not None]
    if target is not None:
        chosen = [row for row in chosen if row.version is not None and row.version >= target]
    chosen = chosen[:steps]
    for row in chosen:
        if row.type != RowType.SQL or not row.success:
            message = f"{row.script} {'failed' if not row.success else f'is of type {row.type}'} and cannot be undone"
            raise VueloError("undo.not_sql", message, "what lies below it was not undone either; repair it by hand")
    without = [row.version_text for row in chosen if row.version not in undos]
    if without:
        raise VueloError(
            "undo.no_script",
            f"there is no undo script for version {', '.join(str(version) for version in without)}",
            "write U<version>__….sql beside the migration; nothing was undone",
        )
    for duplicate in duplicates(script for script in found.scripts if script.kind is Kind.UNDO):
        raise VueloError("undo.duplicate", duplicate.message, duplicate.hint)
    last_runs = (run for run in history.last_runs.values() if run.type == RowType.SQL)
    ran = sorted(last_runs, key=lambda run: run.installed_rank)
    result: list[UndoStep] = []
    for row in chosen:
        since: list[Applied] = []
        while ran and ran[-1].installed_rank > row.installed_rank:
            since.insert(0, ran.pop())
        result.append(UndoStep(row, undos[row.version], tuple(since)))
    return tuple(result)
