"""Which backup and which log lead to a moment, whether all of it is there, and what will be reached. Changes nothing.

What is said comes from reading the log itself, not from names of files and their times.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.errors import ConflictError, InputError, UnknownError
from gasolinera.ops.base_backups import BaseBackup, chain, found_backups
from gasolinera.ops.programs import find_program
from gasolinera.ops.sealed_copies import unsealed_log
from gasolinera.ops.wal_archive import (
    Coverage,
    Stretch,
    coverage,
    has_segment,
    held_timelines,
    lsn_text,
    newest_timeline,
    parse_lsn,
    passes,
    segment_name,
    segment_of,
    timelines,
)
from gasolinera.ops.wal_reading import Record, first_record_from, read_records

Identities = Sequence[x25519.Identity]

_UNKNOWN_PLACE: Final = ("xid", "name")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a recovery ends. Not `inclusive`: just before it. `timeline`: None for the newest that has been written."""

    kind: Literal["time", "lsn", "xid", "name", "latest"]
    value: str = ""
    inclusive: bool = True
    timeline: int | None = None


class Found(msgspec.Struct, frozen=True):
    """What reading the log found. `last`: the last transaction that will be there; `stop`: the first thing that will
    not, or the target itself; None where the log ends before it.
    """

    last: Record | None
    stop: Record | None
    is_reached: bool


class Blocker(msgspec.Struct, frozen=True):
    code: str
    message: str
    hint: str | None = None


class RecoveryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`chain`: the full backup first. `reached_at` is when the last transaction ended that will be there; None where
    none ended since the backup began. Blockers: why it would not get there.
    """

    target: Target
    root: str
    chain: tuple[BaseBackup, ...]
    timeline: int
    wal_folders: tuple[str, ...]
    first_segment: str
    last_segment: str | None
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    reached_at: datetime | None
    reached_lsn: str | None
    stops_at: Record | None
    needed_bytes: int
    blockers: tuple[Blocker, ...]

    @property
    def backup(self) -> BaseBackup:
        return self.chain[-1]

    def require(self) -> None:
        """Raises ConflictError of the first blocker."""
        for blocker in self.blockers:
            raise ConflictError(blocker.code, blocker.message, blocker.hint)


class _Sources(msgspec.Struct, frozen=True):
    """What a plan is made from."""

    root: Path
    more_wal: tuple[Path, ...]
    identities: tuple[x25519.Identity, ...]

    def archive(self, backup: BaseBackup) -> Path:
        return self.root / "wal" / backup.system_identifier  # where the backups are now, whichever folder that once was


def time_target(at: datetime, *, inclusive: bool = True, timeline: int | None = None) -> Target:
    """Raises InputError `ops.time_zone` for a time without a zone: it would mean another moment on another machine."""
    if at.tzinfo is None:
        hint = f"write {at.isoformat()}+00:00 if it is UTC"
        raise InputError("ops.time_zone", f"{at.isoformat()} has no time zone", hint)
    value = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
    return Target(kind="time", value=value, inclusive=inclusive, timeline=timeline)


def plan_recovery(
    root: Path,
    target: Target,
    *,
    system_identifier: str | None = None,
    label: str | None = None,
    more_wal: Sequence[Path] = (),
    identities: Identities = (),
) -> RecoveryPlan:
    """From what lies in `root` and nothing else. `more_wal`: folders with segments besides, such as a dead server's
    pg_wal. `identities` are needed where the log is encrypted, or the only one is that in an encrypted backup.

    Raises DecryptionError, UnknownError `ops.backup_unknown`, InputError `ops.which_server`,
    ConfigError `ops.no_program`.
    """
    found = _of_one_server(found_backups(root), system_identifier, label)
    choices = [one for one in found if label is None or one.label == label]
    if not choices:
        raise UnknownError("ops.backup_unknown", f"there is no base backup {label or ''} in {root}".replace("  ", " "))
    if target.kind == "latest" and target.timeline is None and label is None:
        choices = leading_on(root, choices, more_wal)
    sources = _Sources(root, tuple(more_wal), tuple(identities))
    plan: RecoveryPlan | None = None
    for backup in choices:
        if not _is_after(target, backup):
            continue
        planned = _planned(sources, target, backup, found)
        plan = plan or planned
        if not planned.blockers:
            return planned
        if target.kind not in _UNKNOWN_PLACE:  # what comes after the newest is the same for older ones
            break
    return plan or _too_early(sources, target, choices[-1], found)


def leading_on(root: Path, choices: Sequence[BaseBackup], more_wal: Sequence[Path] = ()) -> list[BaseBackup]:
    """Those from which the newest timeline can be reached. The others lead to what a restore has left behind, though
    they may be newer: a backup of the old server's, taken after the moment to which it was brought back.

    Raises ConflictError `ops.timeline` where there is none.
    """
    folders = [*more_wal, root / "wal" / choices[0].system_identifier]
    newest = max(held_timelines(folders) | {one.timeline for one in choices})
    found = [one for one in choices if newest_timeline(folders, one.timeline, one.stop_lsn) == newest]
    if not found:
        others = ", ".join(str(one) for one in sorted({one.timeline for one in choices}))
        hint = f"bring an older backup, or say which to follow with --timeline: {others}"
        raise ConflictError("ops.timeline", f"no backup here leads to timeline {newest}, the newest", hint)
    return found


def _of_one_server(found: list[BaseBackup], system_identifier: str | None, label: str | None) -> list[BaseBackup]:
    if system_identifier is None and label is not None:
        system_identifier = next((one.system_identifier for one in found if one.label == label), None)
    servers = {one.system_identifier: one.services for one in found}
    if system_identifier is None and len(servers) > 1:
        names = "; ".join(f"{key} has {', '.join(services)}" for key, services in servers.items())
        raise InputError("ops.which_server", f"there are backups of {len(servers)} servers: {names}", "say --system")
    return [one for one in found if system_identifier in (None, one.system_identifier)]


def _is_after(target: Target, backup: BaseBackup) -> bool:
    """The target may lie behind the end of the backup, before which nothing is consistent."""
    if target.kind == "time":
        return _time(target) >= backup.finished_at
    return target.kind != "lsn" or parse_lsn(target.value) >= backup.stop_lsn


def _time(target: Target) -> datetime:
    return datetime.fromisoformat(target.value.replace("+00", "+00:00"))


@contextmanager
def _folders(sources: _Sources, backup: BaseBackup) -> Generator[list[Path]]:
    """Those with log that may follow the backup, its own too. An encrypted one's is read where nobody else has it."""
    archive = sources.archive(backup)
    folders = [*sources.more_wal, archive]
    if backup.encryption is None:
        yield [*folders, sources.root / backup.label / "data" / "pg_wal"]
        return
    numbers = range(backup.start_lsn // backup.segment_size, (backup.stop_lsn - 1) // backup.segment_size + 1)
    own = [segment_name(backup.timeline, number, backup.segment_size) for number in numbers]
    if all(any(has_segment(folder, name) for folder in folders) for name in own):
        yield folders
        return
    with unsealed_log(sources.root / backup.label, sources.identities) as log:
        yield [*folders, log]


def _planned(sources: _Sources, target: Target, backup: BaseBackup, found: list[BaseBackup]) -> RecoveryPlan:
    links = chain(backup, found)
    with _folders(sources, backup) as folders:
        timeline, path = _followed(folders, backup, target)
        covered = coverage(folders, path, backup.start_lsn, backup.segment_size, of_servers=sources.more_wal)
        blockers: list[Blocker] = []
        if not passes(path, backup.timeline, backup.stop_lsn):
            hint = "choose an older backup with --backup, or another timeline"
            message = f"timeline {timeline} left before the backup {backup.label} was made"
            blockers.append(Blocker("ops.timeline", message, hint))
        outcome, trouble = _searched(backup, target, covered, sources.identities)
        blockers += trouble
        if not outcome.is_reached or target.kind == "latest":
            blockers += _gaps(covered, outcome)
        if not outcome.is_reached and not blockers:
            blockers.append(_unreachable(target, outcome, backup, timeline, _other_timelines(folders, timeline)))
    return RecoveryPlan(
        target=target,
        root=str(sources.root),
        chain=tuple(links),
        timeline=timeline,
        wal_folders=tuple(str(folder.absolute()) for folder in [*sources.more_wal, sources.archive(backup)]),
        first_segment=segment_name(backup.timeline, covered.first, backup.segment_size),
        last_segment=segment_of(covered.files[-1]) if covered.files else None,
        missing=covered.missing,
        damaged=covered.damaged,
        reached_at=outcome.last.at if outcome.last else None,
        reached_lsn=lsn_text(outcome.last.lsn) if outcome.last else None,
        stops_at=outcome.stop,
        needed_bytes=_needed_bytes(links),
        blockers=tuple(blockers),
    )


def _needed_bytes(links: Sequence[BaseBackup]) -> int:
    """What is encrypted lies there twice for a while, where it must be put together with others."""
    sealed = [link for link in links if link.encryption is not None] if len(links) > 1 else []
    return sum(link.size_bytes for link in [*links, *sealed])


def _followed(folders: Sequence[Path], backup: BaseBackup, target: Target) -> tuple[int, list[Stretch]]:
    timeline = target.timeline or newest_timeline(folders, backup.timeline, backup.stop_lsn)
    return timeline, timelines(folders).get(timeline, [Stretch(timeline, 0)])


def _other_timelines(folders: Sequence[Path], timeline: int) -> list[int]:
    return sorted(set(timelines(folders)) - {timeline})


def _searched(
    backup: BaseBackup, target: Target, covered: Coverage, identities: Identities
) -> tuple[Found, list[Blocker]]:
    program = find_program("pg_waldump", backup.version // 10_000, exactly=True).path
    last: Record | None = None
    at_lsn = None
    if target.kind == "lsn":
        at_lsn = first_record_from(program, covered, parse_lsn(target.value), backup.segment_size, identities)
    try:
        for record in read_records(program, covered, backup.start_lsn, backup.segment_size, identities):
            if record.lsn >= backup.stop_lsn and _is_stop(target, record, at_lsn):
                is_last = target.kind == "xid" and target.inclusive and record.kind == "COMMIT"
                return Found(record if is_last else last, record, is_reached=True), []
            if record.kind == "COMMIT":
                last = record
    except InputError as error:
        return Found(last, None, is_reached=False), [Blocker(error.code, error.message, error.hint)]
    # No transaction need have ended behind a position.
    return Found(last, None, is_reached=target.kind == "latest" or at_lsn is not None), []


def _is_stop(target: Target, record: Record, at_lsn: int | None) -> bool:
    """Whether a recovery stops before this record, or because of it, as PostgreSQL decides it.

    `at_lsn`: the first record at or behind the position that is the target; if inclusive it will be there, too.
    """
    if target.kind == "time":
        if record.at is None:
            return False
        return record.at > _time(target) if target.inclusive else record.at >= _time(target)
    if target.kind == "xid":
        return record.kind != "RESTORE_POINT" and record.xid == int(target.value) % (1 << 32)  # the log has no epoch
    if target.kind == "name":
        return record.name == target.value
    return at_lsn is not None and (record.lsn > at_lsn if target.inclusive else record.lsn >= at_lsn)


def _gaps(covered: Coverage, outcome: Found) -> list[Blocker]:
    reachable = _reachable(outcome)
    if covered.damaged:
        names = ", ".join(covered.damaged)
        return [Blocker("ops.wal_damaged", f"segments of the log have a wrong size: {names}", reachable)]
    if covered.missing:
        names = ", ".join(covered.missing[:3]) + (", …" if len(covered.missing) > 3 else "")
        message = f"of the log segments are missing though later ones are there: {names}"
        return [Blocker("ops.wal_missing", message, reachable)]
    return []


def _reachable(outcome: Found) -> str:
    if outcome.last is None or outcome.last.at is None:
        return "no transaction after the backup can be reached"
    return (
        f"reachable is what was committed up to {outcome.last.at.isoformat(' ')}"
        f" (transaction {outcome.last.xid} at {lsn_text(outcome.last.lsn)})"
    )


def _unreachable(target: Target, outcome: Found, backup: BaseBackup, timeline: int, others: Sequence[int]) -> Blocker:
    what = {"time": "ends before", "lsn": "ends before", "xid": "has no end of", "name": "has no restore point"}
    message = f"the log after {backup.label} on timeline {timeline} {what[target.kind]} {target.value}"
    elsewhere = f"; other timelines to look on: {', '.join(map(str, others))}" if others else ""
    return Blocker("ops.target_unreachable", message, f"{_reachable(outcome)}; --to-latest goes there{elsewhere}")


def _too_early(sources: _Sources, target: Target, oldest: BaseBackup, found: list[BaseBackup]) -> RecoveryPlan:
    message = f"{target.value} is before the end of the oldest backup, {oldest.label}"
    hint = f"the earliest is {oldest.finished_at.isoformat(' ')}, at {lsn_text(oldest.stop_lsn)}"
    plan = _planned(sources, Target(kind="latest", timeline=target.timeline), oldest, found)
    return msgspec.structs.replace(
        plan,
        target=target,
        reached_at=None,
        reached_lsn=None,
        stops_at=None,
        blockers=(Blocker("ops.target_too_early", message, hint),),
    )
