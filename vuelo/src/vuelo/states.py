"""Which state each migration is in, by the rules of Flyway 13. Pure; linear in files and rows.

Everything of a history and of a set of files that a single state depends on is worked out once, beforehand.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from vuelo.errors import VueloError
from vuelo.migration import Applied, RowType, Script, stored_description
from vuelo.naming import Kind, Version
from vuelo.settings import Phase, Settings
from vuelo.target import CURRENT, NEXT, target_of


class State(StrEnum):
    """What Flyway calls the state of a migration."""

    PENDING = "Pending"
    ABOVE_TARGET = "Above Target"
    BELOW_BASELINE = "Below Baseline"
    BASELINE_IGNORED = "Ignored (Baseline)"
    BASELINE = "Baseline"
    IGNORED = "Ignored"
    MISSING = "Missing"
    FAILED_MISSING = "Failed (Missing)"
    SUCCESS = "Success"
    UNDONE = "Undone"
    AVAILABLE = "Available"
    FAILED = "Failed"
    OUT_OF_ORDER = "Out of Order"
    FUTURE = "Future"
    FAILED_FUTURE = "Failed (Future)"
    OUTDATED = "Outdated"
    SUPERSEDED = "Superseded"
    DELETED = "Deleted"


HAS_FAILED = (State.FAILED, State.FAILED_MISSING, State.FAILED_FUTURE)
IS_MISSING = (State.MISSING, State.FAILED_MISSING)
IS_FUTURE = (State.FUTURE, State.FAILED_FUTURE)
TAKEN_BACK = (State.DELETED, State.UNDONE)
_BELOW_ALL = Version("none", (-1,))


@dataclass(frozen=True)
class Entry:
    """One line of `info`: a row of the history, a file, or both."""

    state: State
    row: Applied | None
    script: Script | None
    undo: Script | None = None


@dataclass(frozen=True)
class Files:
    """Scripts by what a row finds them by; of two with one key the later in the order of paths."""

    versioned: dict[Version | None, Script]
    baselines: dict[Version | None, Script]
    undos: dict[Version | None, Script]
    repeatables: dict[str, Script]
    newest: Version | None

    @classmethod
    def of(cls, scripts: Iterable[Script]) -> "Files":
        kinds: dict[Kind, list[Script]] = {kind: [] for kind in Kind}
        for script in scripts:
            kinds[script.kind].append(script)
        versioned = {script.version: script for script in kinds[Kind.VERSIONED]}
        baselines = {script.version: script for script in kinds[Kind.BASELINE]}
        return cls(
            versioned,
            baselines,
            undos={script.version: script for script in kinds[Kind.UNDO]},
            repeatables={stored_description(script.description): script for script in kinds[Kind.REPEATABLE]},
            newest=max((version for version in (*versioned, *baselines) if version), default=None),
        )

    def of_row(self, row: Applied) -> Script | None:
        """A file stands for a row of its own version and type only, so that a JDBC row is none of a SQL file's."""
        if row.version is None:
            return self.repeatables.get(row.description)
        if row.is_baseline:
            return self.baselines.get(row.version)
        return self.versioned.get(row.version) if row.type == RowType.SQL else None


@dataclass(frozen=True)
class History:
    """The rows and what follows from all of them together."""

    rows: tuple[Applied, ...]
    taken_back: dict[int, Applied]  # by rank, with the row that does so
    taken_twice: tuple[Applied, ...]  # rows that take back what was taken back already
    last_runs: dict[str, Applied]  # of repeatables
    newest: Version | None  # of what stands
    baseline: Version | None

    @classmethod
    def of(cls, rows: Sequence[Applied]) -> "History":
        """Rows come in the order of their rank.

        A DELETE row (an undo of ours, or a repair) takes back the latest row of its version, or of its description for
        a repeatable, as Flyway reads it; the UNDO_… rows that the paid Flyway writes mean the same. A repeatable's last
        run may be such a row: once it is taken back it has to run again, whatever ran before.
        """
        taken: dict[int, Applied] = {}
        twice: list[Applied] = []
        latest: dict[object, Applied] = {}
        for row in rows:
            key = row.version or row.description
            before = latest.get(key)
            if not row.takes_back:
                if not row.is_synthetic:
                    latest[key] = row
            elif before is not None:
                if before.installed_rank in taken and row.version is not None:
                    twice.append(row)
                taken[before.installed_rank] = row
        standing = [row for row in rows if not row.takes_back and row.installed_rank not in taken]
        return cls(
            tuple(rows),
            taken,
            tuple(twice),
            last_runs={row.description: row for row in rows if row.version is None and row.type != RowType.SCHEMA},
            newest=max((row.version for row in standing if row.version), default=None),
            baseline=max((row.version for row in rows if row.is_baseline and row.version), default=None),
        )

    @property
    def standing(self) -> list[Applied]:
        return [row for row in self.rows if not row.takes_back and row.installed_rank not in self.taken_back]

    @property
    def is_empty(self) -> bool:
        """Nothing was migrated, whether or not the schema's creation is on record."""
        return self.newest is None and self.baseline is None


def applied_entries(files: Files, history: History, undone: frozenset[int]) -> list[Entry]:
    """A line for each row but those that take back."""
    entries: list[Entry] = []
    highest: Version | None = None
    for row in history.rows:
        if row.takes_back:
            continue
        script = files.of_row(row)
        is_late = row.version is not None and highest is not None and row.version <= highest
        state = _row_state(row, script, files, history, undone, is_late=is_late)
        undo = None
        if row.version is not None and state not in TAKEN_BACK:
            highest = row.version if highest is None else max(highest, row.version)
            undo = None if row.is_baseline else files.undos.get(row.version)
        entries.append(Entry(state, row, script, undo))
    return entries


def _row_state(  # noqa: PLR0911 - one rule a line, in Flyway's order
    row: Applied, script: Script | None, files: Files, history: History, undone: frozenset[int], *, is_late: bool
) -> State:
    taker = history.taken_back.get(row.installed_rank)
    if taker is not None:
        is_undo = taker.type != RowType.DELETE or taker.installed_rank in undone
        return State.UNDONE if is_undo else State.DELETED
    if row.is_synthetic:
        return State.BASELINE if row.is_baseline else State.SUCCESS
    if row.is_baseline and not row.success:
        return State.FAILED
    is_latest = row.version is not None or row is history.last_runs[row.description]
    if script is None and is_latest:
        if row.version is None or (files.newest is not None and row.version < files.newest):
            return State.MISSING if row.success else State.FAILED_MISSING
        return State.FUTURE if row.success else State.FAILED_FUTURE
    if not row.success:
        return State.FAILED
    if row.version is None:
        if not is_latest:
            return State.SUPERSEDED
        return State.SUCCESS if script is not None and script.matches(row.checksum) else State.OUTDATED
    if row.is_baseline:
        return State.BASELINE
    return State.OUT_OF_ORDER if is_late else State.SUCCESS


def waiting_entries(files: Files, history: History, settings: Settings) -> list[Entry]:
    """A line for each file that was not applied: by version, then repeatables as Java orders their descriptions.

    Raises VueloError `target.invalid`, `cherry_pick.unknown`.
    """
    scripts = _not_applied(files, history)
    picks = picks_of(settings)
    _refuse_unknown(files, settings)
    target = target_of(settings.target)
    limit = (history.newest or _BELOW_ALL) if target.word == CURRENT else target.version
    if target.word == NEXT:
        rules = _Rules.of(scripts, history, settings, picks, None)
        limit = next((s.version for s in scripts if rules.state(s) is State.PENDING and runs(s, settings)), None)
    rules = _Rules.of(scripts, history, settings, picks, limit)
    return [Entry(rules.state(script), None, script) for script in scripts]


def runs(script: Script, settings: Settings) -> bool:
    """A script of the contract phase waits until that phase is asked for."""
    return script.phase is not Phase.CONTRACT or settings.phase is Phase.CONTRACT


def picks_of(settings: Settings) -> dict[Version | str, int]:
    """The places in the setting `cherry_pick` by what it names: versions, and descriptions of repeatables."""
    picks: dict[Version | str, int] = {}
    for at, text in enumerate(settings.cherry_pick):
        picks[text.replace("_", " ")] = at
        with suppress(ValueError):
            picks[Version.parse(text)] = at
    return picks


def pick_key(script: Script) -> Version | str:
    return script.version or script.description


def known_picks(scripts: Iterable[Script], settings: Settings) -> tuple[str, ...]:
    """Those of the setting `cherry_pick` that name one of the scripts."""
    picks = picks_of(settings)
    found = {picks.get(pick_key(script)) for script in scripts if script.kind is not Kind.UNDO}
    return tuple(text for at, text in enumerate(settings.cherry_pick) if at in found)


def _refuse_unknown(files: Files, settings: Settings) -> None:
    scripts = [*files.versioned.values(), *files.baselines.values(), *files.repeatables.values()]
    known = known_picks(scripts, settings)
    unknown = [text for text in settings.cherry_pick if text not in known]
    if unknown:
        message = f"there is no migration {', '.join(unknown)} to pick"
        raise VueloError("cherry_pick.unknown", message, "name versions, or descriptions of repeatable migrations")


def _not_applied(files: Files, history: History) -> list[Script]:
    standing = history.standing
    done = {row.version for row in standing if row.type == RowType.SQL}
    based = {row.version for row in standing if row.is_baseline and row.type != RowType.BASELINE}
    waiting = [script for version, script in files.versioned.items() if version not in done]
    waiting += [script for version, script in files.baselines.items() if version not in based]
    changed = [script for script in files.repeatables.values() if not _is_current(script, history)]
    return [
        *sorted(waiting, key=lambda script: (script.version or _BELOW_ALL, script.kind is Kind.BASELINE)),
        *sorted(changed, key=lambda script: script.description.encode("utf-16-be")),
    ]


def _is_current(script: Script, history: History) -> bool:
    run = history.last_runs.get(stored_description(script.description))
    return run is not None and not run.takes_back and script.matches(run.checksum)


@dataclass(frozen=True)
class _Rules:
    """By which a file that was not applied gets its state."""

    history: History
    settings: Settings
    picks: dict[Version | str, int]
    limit: Version | None  # the target
    coming_baseline: Version | None  # of the baseline migration that an empty history begins with

    @classmethod
    def of(
        cls,
        scripts: list[Script],
        history: History,
        settings: Settings,
        picks: dict[Version | str, int],
        limit: Version | None,
    ) -> "_Rules":
        versions = [script.version for script in scripts if script.kind is Kind.BASELINE and script.version]
        within = [version for version in versions if limit is None or version <= limit]
        return cls(history, settings, picks, limit, max(within, default=None))

    def state(self, script: Script) -> State:  # noqa: PLR0911 - one rule a line, in Flyway's order
        version, history = script.version, self.history
        if self.settings.cherry_pick:
            return State.PENDING if pick_key(script) in self.picks else State.IGNORED
        if not script.config.should_execute:
            return State.IGNORED
        if version is None:
            return State.PENDING
        is_baseline = script.kind is Kind.BASELINE
        lowest = self.coming_baseline if history.newest is None else history.baseline
        if lowest is not None and version <= lowest:
            if version < lowest:
                return State.BELOW_BASELINE
            begins = is_baseline and history.is_empty
            return State.PENDING if begins else State.BASELINE_IGNORED
        if self.limit is not None and version > self.limit:
            return State.ABOVE_TARGET
        if is_baseline and not history.is_empty:
            return State.IGNORED
        is_older = history.newest is not None and version < history.newest
        if is_older and not self.settings.out_of_order and script.phase is not Phase.CONTRACT:
            return State.IGNORED
        return State.PENDING
