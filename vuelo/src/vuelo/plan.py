"""Files and history in, states, steps and problems out. Pure: every command shows this one plan."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from vuelo.errors import VueloError
from vuelo.migration import Applied, BadName, Found, RowType, Script
from vuelo.naming import Kind, Version
from vuelo.settings import Settings
from vuelo.target import target_of

_DEFAULTS = Settings()


class State(StrEnum):
    """What Flyway calls the state of a migration."""

    PENDING = "Pending"
    SUCCESS = "Success"
    FAILED = "Failed"
    MISSING = "Missing"
    FUTURE = "Future"
    OUT_OF_ORDER = "Out of Order"
    OUTDATED = "Outdated"
    SUPERSEDED = "Superseded"
    IGNORED = "Ignored"
    ABOVE_TARGET = "Above Target"
    BELOW_BASELINE = "Below Baseline"
    BASELINE_IGNORED = "Ignored (Baseline)"
    BASELINE = "Baseline"
    DELETED = "Deleted"
    UNDONE = "Undone"


@dataclass(frozen=True)
class Entry:
    """One line of `info`: a row of the history, a file, or both."""

    state: State
    row: Applied | None
    script: Script | None
    undo: Script | None


@dataclass(frozen=True)
class Problem:
    """Something that `validate` reports. `code` is stable; `blocks` says that migrate refuses as well."""

    code: str
    message: str
    hint: str
    blocks: bool = True


@dataclass(frozen=True)
class Plan:
    """What is, what would be done (`pending`, in order), and what is wrong, for one service."""

    entries: tuple[Entry, ...]
    pending: tuple[Script, ...]
    problems: tuple[Problem, ...]

    @property
    def current_version(self) -> Version | None:
        """The highest version whose migration stands."""
        standing = (State.SUCCESS, State.OUT_OF_ORDER, State.MISSING, State.FUTURE, State.BASELINE)
        versions = [e.row.version for e in self.entries if e.row and e.row.version and e.state in standing]
        return max(versions, default=None)


@dataclass(frozen=True)
class UndoStep:
    """Take back `row` by `script`; `repeatables` ran after it, may stand on it and must run again afterwards."""

    row: Applied
    script: Script
    repeatables: tuple[Applied, ...]


def make_plan(
    found: Found, rows: Sequence[Applied], settings: Settings = _DEFAULTS, undone: frozenset[int] = frozenset()
) -> Plan:
    """Hold the files against the history, whose rows come in the order of their rank.

    `undone` has the ranks of those DELETE rows that an undo of ours wrote. Raises VueloError `target.invalid`.
    """
    target, out_of_order = target_of(settings.target).version, settings.out_of_order
    problems = [*_duplicates(found.scripts), *(_bad_name(bad) for bad in found.bad_names)]
    undos = {script.version: script for script in found.scripts if script.kind is Kind.UNDO}
    versioned = {script.version: script for script in found.scripts if script.kind is Kind.VERSIONED}
    repeatables = {script.description: script for script in found.scripts if script.kind is Kind.REPEATABLE}
    deleted = taken_back(rows)
    taken_by_undo = {rank for rank, by in deleted.items() if by.type != RowType.DELETE or by.installed_rank in undone}
    standing = [row for row in rows if row.installed_rank not in deleted and not row.takes_back]
    last_runs = _last_runs(rows)

    entries: list[Entry] = []
    highest: Version | None = None
    for row in rows:
        if row.takes_back:
            continue
        script = versioned.get(row.version) if row.version else repeatables.get(row.description)
        if row.installed_rank in deleted:
            state = State.UNDONE if row.installed_rank in taken_by_undo else State.DELETED
        elif row.version is None:
            state = _repeatable_state(row, script, last_runs.get(row.description))
        else:
            state = _versioned_state(row, script, highest, versioned.values())
            highest = max(highest or row.version, row.version)
        undo = undos.get(row.version) if row.version and row.installed_rank not in deleted else None
        entries.append(Entry(state, row, script, undo))
    problems += [problem for entry in entries for problem in _row_problems(entry)]

    baseline = max((row.version for row in standing if row.type == "BASELINE" and row.version), default=None)
    waiting = [
        Entry(_waiting_state(script.version, highest, baseline, target, out_of_order), None, script, None)
        for script in _not_applied(versioned, repeatables, standing, last_runs)
    ]
    problems += [problem for entry in waiting for problem in _waiting_problems(entry)]
    pending = tuple(entry.script for entry in waiting if entry.state is State.PENDING and entry.script)
    return Plan((*entries, *waiting), pending, tuple(problems))


def plan_undo(
    found: Found, rows: Sequence[Applied], *, steps: int | None = None, target: Version | None = None
) -> tuple[UndoStep, ...]:
    """The migrations to take back, newest first: `steps` of them, or all down to and including version `target`.

    Raises VueloError before anything is touched: `undo.not_sql` when one of them is no SQL migration or has failed,
    `undo.no_script` when one has no U file, `undo.duplicate` when it is not clear which one is meant.
    """
    undos = {script.version: script for script in found.scripts if script.kind is Kind.UNDO}
    deleted = taken_back(rows)
    standing = [row for row in reversed(rows) if row.installed_rank not in deleted and not row.takes_back]
    chosen = [row for row in takewhile(lambda row: row.type != "BASELINE", standing) if row.version is not None]
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
    for duplicate in _duplicates(script for script in found.scripts if script.kind is Kind.UNDO):
        raise VueloError("undo.duplicate", duplicate.message, duplicate.hint)
    result: list[UndoStep] = []
    taken: set[int] = set()
    ran = [run for run in _last_runs(rows).values() if run.type == RowType.SQL]
    for row in chosen:
        since = [run for run in ran if run.installed_rank > row.installed_rank and run.installed_rank not in taken]
        taken.update(other.installed_rank for other in since)
        result.append(UndoStep(row, undos[row.version], tuple(since)))
    return tuple(result)


def taken_back(rows: Sequence[Applied]) -> dict[int, Applied]:
    """Ranks that a later row takes back, with that row.

    A DELETE row (an undo of ours, or a repair) takes back the latest row of its version, or of its description for a
    repeatable, as Flyway reads it; the UNDO_… rows that the paid Flyway writes mean the same.
    """
    deleted: dict[int, Applied] = {}
    latest: dict[object, int] = {}
    for row in rows:
        key = row.version or row.description
        if row.takes_back:
            if key in latest:
                deleted[latest[key]] = row
        elif row.type not in (RowType.SCHEMA, "BASELINE"):
            latest[key] = row.installed_rank
    return deleted


def _last_runs(rows: Sequence[Applied]) -> dict[str, Applied]:
    """How each repeatable stands, by description: its latest run, or the DELETE row that took that one back.

    Once that is taken back the repeatable has to run again, whatever ran before: every run replaces the one before it.
    """
    return {row.description: row for row in rows if row.version is None and row.type != RowType.SCHEMA}


def _duplicates(scripts: Iterable[Script]) -> list[Problem]:
    seen: dict[tuple[Kind, object], Script] = {}
    problems: list[Problem] = []
    for script in scripts:
        key = (script.kind, script.version or script.description)
        other = seen.setdefault(key, script)
        if other is not script:
            what = f"version {script.version}" if script.version else f"description {script.description!r}"
            message = f"more than one {script.kind.name.lower()} migration with {what}: {other.path}, {script.path}"
            problems.append(Problem("duplicate", message, "give one of them the next free version or another name"))
    return problems


def _bad_name(bad: BadName) -> Problem:
    path = os.fsencode(bad.path).decode(errors="backslashreplace")  # the name of a file may be no text
    return Problem("name", f"{path} is no migration: {bad.reason}", "rename it, or move it out of the location")


def _versioned_state(row: Applied, script: Script | None, highest: Version | None, local: Iterable[Script]) -> State:
    version = row.version
    assert version is not None
    if row.type == "BASELINE":
        return State.BASELINE
    if not row.success:
        return State.FAILED
    if script is None:
        newest = max((other.version for other in local if other.version), default=None)
        return State.FUTURE if newest is None or version > newest else State.MISSING
    return State.OUT_OF_ORDER if highest is not None and version < highest else State.SUCCESS


def _repeatable_state(row: Applied, script: Script | None, last_run: Applied | None) -> State:
    if row.type == RowType.SCHEMA:
        return State.SUCCESS
    if not row.success:
        return State.FAILED
    if row is not last_run:
        return State.SUPERSEDED
    if script is None:
        return State.MISSING
    return State.SUCCESS if row.checksum in (script.checksum, script.raw_checksum) else State.OUTDATED


def _not_applied(
    versioned: dict[Version | None, Script],
    repeatables: dict[str, Script],
    standing: Sequence[Applied],
    last_runs: dict[str, Applied],
) -> list[Script]:
    """Versioned files in order of version, then repeatables that are new or changed, in Java's order of description."""
    done = {row.version for row in standing if row.type != "BASELINE"}
    ran = {what: run.checksum for what, run in last_runs.items() if run.type != RowType.DELETE and run.success}
    files = [script for script in versioned.values() if script.version not in done]
    changed = [
        script
        for description, script in repeatables.items()
        if description not in ran or ran[description] not in (script.checksum, script.raw_checksum)
    ]
    return [
        *sorted(files, key=lambda script: script.version or Version.parse("0")),
        *sorted(changed, key=lambda script: script.description.encode("utf-16-be")),
    ]


def _waiting_state(
    version: Version | None, highest: Version | None, baseline: Version | None, target: Version | None, any_order: bool
) -> State:
    if version is None:
        return State.PENDING
    if baseline is not None and version <= baseline:
        return State.BASELINE_IGNORED if version == baseline else State.BELOW_BASELINE
    if target is not None and version > target:
        return State.ABOVE_TARGET
    if highest is not None and version < highest and not any_order:
        return State.IGNORED
    return State.PENDING


def _row_problems(entry: Entry) -> list[Problem]:
    row, script = entry.row, entry.script
    assert row is not None
    if entry.state is State.FAILED:
        return [Problem("failed", f"{row.script} failed and is not cleared up", "repair the schema, remove the row")]
    if entry.state is State.MISSING:
        return [Problem("missing", f"{row.script} was applied, its file is gone", "bring the file back")]
    if script is None or row.version is None or entry.state in (State.DELETED, State.UNDONE, State.BASELINE):
        return []
    problems: list[Problem] = []
    if row.checksum is not None and row.checksum != script.checksum:
        message = f"{script.path} was changed: checksum {row.checksum} when applied, {script.checksum} now"
        problems.append(Problem("checksum", message, "put the file back and write a new migration for the change"))
    if not _same_description(row.description, script.description):
        message = f"{script.path} was renamed: applied as {row.description!r}, now {script.description!r}"
        problems.append(Problem("description", message, "give the file its old name back"))
    return problems


def _same_description(applied: str, local: str) -> bool:
    return applied == local or (applied.endswith("...") and local.startswith(applied[:-3]))


def _waiting_problems(entry: Entry) -> list[Problem]:
    script = entry.script
    assert script is not None
    if entry.state is State.IGNORED:
        message = f"{script.path} is older than what was applied and was never applied itself"
        return [Problem("ignored", message, "give it a newer version, or allow it with --out-of-order")]
    if entry.state is State.PENDING:
        return [Problem("pending", f"{script.path} is not applied", "run vuelo migrate", blocks=False)]
    return []
