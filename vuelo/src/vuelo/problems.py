"""What is wrong with files and history, as Flyway's validate sees it, each with what to do. Pure."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vuelo.migration import Applied, BadName, Found, Remembered, Script, stored_description
from vuelo.naming import Kind
from vuelo.patterns import Pattern, all_ignored, patterns_of
from vuelo.settings import Settings
from vuelo.states import HAS_FAILED, IS_FUTURE, IS_MISSING, TAKEN_BACK, Entry, History, State, pick_key, picks_of, runs

HALF_UNDONE_HINT = (
    "make its undo script one that can run again (IF EXISTS) and undo again, or put back what it took and vuelo repair"
)
_NO_DESCRIPTION = "<< no description >>"  # what Flyway stores where an empty one cannot be


@dataclass(frozen=True)
class Problem:
    """Something that `validate` reports. `code` is stable; `blocks` says that migrate refuses as well."""

    code: str
    message: str
    hint: str
    blocks: bool = True


def problems_of(
    found: Found, history: History, entries: Sequence[Entry], settings: Settings, remembered: Remembered
) -> list[Problem]:
    """In the order: names, duplicates, then line by line of `info`. Raises VueloError `ignore.invalid`."""
    patterns = patterns_of(settings.ignore_migration_patterns)
    problems = duplicates(found.scripts)
    if settings.validate_migration_naming:
        problems += [_bad_name(bad) for bad in found.bad_names]
    problems += [_taken_twice(row) for row in history.taken_twice]
    outdated = {entry.script for entry in entries if entry.state is State.OUTDATED}
    picks = picks_of(settings)
    for entry in entries:
        if _is_out_of_scope(entry, patterns, has_picks=bool(picks)):
            continue
        either = entry.script or entry.row
        assert either is not None
        if entry.row is not None and entry.row.installed_rank in remembered.half_undone:
            problems.append(_half_undone(entry.row, remembered.half_undone[entry.row.installed_rank]))
        if entry.state in HAS_FAILED:
            problems += _failed(entry, patterns, remembered.unfinished)
        elif picks and (entry.script is None or pick_key(entry.script) not in picks):
            continue
        elif entry.row is None:
            assert entry.script is not None
            problems += _waiting(entry.state, entry.script, settings, patterns, is_told=entry.script in outdated)
        else:
            problems += _applied(entry, entry.row, history, patterns)
    return problems


def duplicates(scripts: Iterable[Script]) -> list[Problem]:
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


def _is_out_of_scope(entry: Entry, patterns: tuple[Pattern, ...], *, has_picks: bool) -> bool:
    if entry.state in (*TAKEN_BACK, State.ABOVE_TARGET) or (has_picks and entry.state is State.IGNORED):
        return True
    either = entry.row or entry.script
    assert either is not None
    return any(pattern.matches(entry.state, versioned=either.version is not None) for pattern in patterns)


def _bad_name(bad: BadName) -> Problem:
    path = os.fsencode(bad.path).decode(errors="backslashreplace")  # the name of a file may be no text
    return Problem("name", f"{path} is no migration: {bad.reason}", "rename it, or move it out of the location")


def _taken_twice(row: Applied) -> Problem:
    message = f"the history takes version {row.version} back twice, the second time in its row {row.installed_rank}"
    return Problem("corrupt", message, "somebody has edited the history: restore its rows")


def _failed(entry: Entry, patterns: tuple[Pattern, ...], unfinished: Mapping[int, str]) -> list[Problem]:
    if entry.state is State.FAILED_FUTURE and all_ignored(patterns, State.FUTURE):
        return []
    assert entry.row is not None
    how_far = unfinished.get(entry.row.installed_rank)
    message = f"{entry.row.script} failed and is not cleared up{f'; {how_far}' if how_far else ''}"
    return [Problem("failed", message, "remove what it left half done, then run vuelo repair")]


def _half_undone(row: Applied, how_far: str) -> Problem:
    message = f"{row.script} is half undone: {how_far}"
    return Problem("half_undone", message, HALF_UNDONE_HINT)


def _waiting(
    state: State, script: Script, settings: Settings, patterns: tuple[Pattern, ...], *, is_told: bool
) -> list[Problem]:
    is_quiet = script.kind is Kind.BASELINE or not script.config.should_execute
    if state is State.IGNORED and not is_quiet and not all_ignored(patterns, State.IGNORED):
        message = f"{script.path} is older than what was applied and was never applied itself"
        return [Problem("ignored", message, "give it a newer version, or allow it with --out-of-order")]
    if state is State.PENDING and not is_told and not all_ignored(patterns, State.PENDING):
        hint = "run vuelo migrate" if runs(script, settings) else "run vuelo migrate --phase contract once it is time"
        return [Problem("pending", f"{script.path} is not applied", hint, blocks=False)]
    return []


def _applied(entry: Entry, row: Applied, history: History, patterns: tuple[Pattern, ...]) -> list[Problem]:
    script, state = entry.script, entry.state
    if row.is_synthetic:
        return []
    if state in IS_MISSING and not all_ignored(patterns, State.MISSING):
        hint = "bring the file back; if it was removed on purpose, vuelo repair marks it as deleted"
        return [Problem("missing", f"{row.script} was applied, its file is gone", hint)]
    if state in IS_FUTURE and not all_ignored(patterns, State.FUTURE):
        hint = "update the files; or allow it with --ignore '*:future', or let vuelo repair mark it as deleted"
        return [Problem("future", f"{row.script} was applied and is newer than every file", hint)]
    if state is State.OUTDATED and not all_ignored(patterns, State.PENDING):
        path = row.script if script is None else script.path
        return [Problem("outdated", f"{path} was changed since it ran last", "run vuelo migrate", blocks=False)]
    if script is None or _is_below(row, history):
        return []
    return _mismatches(row, script)


def _is_below(row: Applied, history: History) -> bool:
    return row.version is not None and history.baseline is not None and row.version <= history.baseline


def _mismatches(row: Applied, script: Script) -> list[Problem]:
    problems: list[Problem] = []
    if row.type != script.row_type:
        message = f"{script.path} was applied as a migration of type {row.type}, now it is of type {script.row_type}"
        problems.append(Problem("type", message, "bring the old file back"))
    if script.version is not None and not script.matches(row.checksum):
        message = f"{script.path} was changed: checksum {row.checksum} when applied, {script.checksum} now"
        hint = "put the file back and write a new migration for the change, or accept it with vuelo repair"
        problems.append(Problem("checksum", message, hint))
    if not _same_description(row.description, script.description):
        message = f"{script.path} was renamed: applied as {row.description!r}, now {script.description!r}"
        problems.append(Problem("description", message, "give the file its old name back, or run vuelo repair"))
    return problems


def _same_description(applied: str, local: str) -> bool:
    return applied == stored_description(local) or (applied == _NO_DESCRIPTION and local == "")
