"""The catalogue of backups: what is on record, and which backups may go."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasolinera.errors import UnknownError
from gasolinera.ops import catalogue
from gasolinera.ops.catalogue import Backup, Engine, Kind, Made, NewBackup, NewRestoreTest, Retention
from gasolinera.ops.expiring import expire_backups
from gasolinera.ops.reaching import Operations

Connection = psycopg.Connection[Any]
_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _new(label: str, kind: Kind = Kind.SERVICE, *, folder: Path | None = None, parent: int | None = None) -> NewBackup:
    return NewBackup(
        label=label,
        kind=kind,
        engine=Engine.PG_DUMP if kind in catalogue.LOGICAL else Engine.PG_BASEBACKUP,
        services=("auth",),
        location=str((folder or Path("/nowhere")) / label),
        server_version="18.4",
        parent_id=parent,
    )


def _made(number: int, days: float, kind: Kind = Kind.SERVICE, **other: Any) -> Backup:
    started_at = _NOW - timedelta(days=days)
    fields: dict[str, Any] = {
        "id": number, "label": f"b{number}", "kind": kind, "engine": Engine.PG_DUMP, "services": ("auth",),
        "location": f"/b/{number}", "parent_id": None, "started_at": started_at,
        "finished_at": started_at + timedelta(minutes=1), "succeeded": True, "error": None, "size_bytes": 1,
        "server_version": "18.4", "system_identifier": None, "contents": {}, "encryption": None,
        "manifest_sha256": None, "verified_at": None, "is_intact": None, "removed_at": None,
    }  # fmt: skip
    return Backup(**(fields | other))


def _gone(found: Sequence[Backup], keep: int, days: int) -> list[int]:
    return [one.id for one in catalogue.expirable(found, Retention(keep, days), _NOW)]


def test_a_backup_is_on_record_from_its_beginning_to_its_removal(ops: Connection, tmp_path: Path) -> None:
    with catalogue.recorded_backup(ops, _new("one")) as first:
        assert catalogue.newest_good(ops, kinds=(Kind.SERVICE,)) is None
        catalogue.finish(ops, first, Made(size_bytes=5, contents={"auth": {"rows": 1}}, manifest_sha256="a" * 64))
    with pytest.raises(RuntimeError, match="no room"), catalogue.recorded_backup(ops, _new("two")):
        raise RuntimeError("no room")
    catalogue.begin(ops, _new("three"))
    found = {one.label: one for one in catalogue.backups(ops)}
    assert (found["one"].is_good, found["one"].size_bytes, found["one"].contents) == (True, 5, {"auth": {"rows": 1}})
    assert (found["two"].is_good, found["two"].error) == (False, "no room")
    assert (found["three"].succeeded, found["three"].finished_at) == (False, None)
    newest = catalogue.newest_good(ops, kinds=(Kind.SERVICE,), service="auth")
    assert newest is not None
    assert newest.label == "one"
    assert catalogue.newest_good(ops, kinds=(Kind.SERVICE,), service="station") is None
    catalogue.record_verification(ops, first, is_intact=False)
    assert catalogue.newest_good(ops, kinds=(Kind.SERVICE,)) is None
    test = NewRestoreTest(
        backup_id=first, started_at=datetime.now(UTC), succeeded=True, recovery_s=1.5, report={"a": 1}
    )
    assert catalogue.record_restore_test(ops, test) == 1
    catalogue.record_removal(ops, first)
    assert "one" not in {one.label for one in catalogue.backups(ops)}
    assert catalogue.backup_of(ops, "one").removed_at is not None
    with pytest.raises(UnknownError, match="no backup four"):
        catalogue.backup_of(ops, "four")


def test_backups_of_what_was_replaced_never_push_out_those_that_a_restore_takes() -> None:
    """Three restores in a bad night, and then expiring: the backup that they were made from is still there."""
    wanted = [_made(10, days=40), _made(11, days=50)]
    safety = [_made(number, days=30 + number, label=f"b{number}-before") for number in (1, 2, 3)]
    assert _gone([*safety, *wanted], keep=1, days=7) == [2, 3, 11]


def test_what_is_young_or_among_the_newest_stays_and_never_goes_the_last_good_one() -> None:
    found = [_made(number, days=number) for number in range(1, 11)]
    assert _gone(found, keep=3, days=5) == [6, 7, 8, 9, 10]
    assert _gone(found, keep=8, days=5) == [9, 10]
    assert _gone(found, keep=3, days=0) == [4, 5, 6, 7, 8, 9, 10]
    damaged = [_made(number, days=number, is_intact=number == 9) for number in range(1, 11)]
    assert 9 not in _gone(damaged, keep=1, days=0)
    failed = [
        _made(1, 90),
        _made(2, 1, succeeded=False),
        _made(3, 80, succeeded=False),
        _made(4, 0, finished_at=None, succeeded=False),
    ]
    assert _gone(failed, keep=1, days=30) == [3]


def test_each_sort_is_counted_for_itself() -> None:
    found = [
        _made(1, 50), _made(2, 60), _made(3, 70, services=("station",)), _made(4, 80, kind=Kind.SCHEMA),
        _made(5, 90, services=("station",)), _made(6, 95, engine=Engine.PGBACKREST),
    ]  # fmt: skip
    assert _gone(found, keep=1, days=30) == [2, 5]


def test_a_chain_goes_as_a_whole_what_builds_on_others_first() -> None:
    base = {"engine": Engine.PG_BASEBACKUP}
    chain = [
        _made(1, 60, Kind.BASE, **base),
        _made(2, 50, Kind.INCREMENTAL, parent_id=1, **base),
        _made(3, 20, Kind.INCREMENTAL, parent_id=2, **base),
    ]
    newer = _made(4, 10, Kind.BASE, **base)
    assert _gone([*chain, newer], keep=1, days=30) == []
    assert _gone([*chain, newer], keep=1, days=15) == [3, 2, 1]
    assert _gone(chain, keep=1, days=15) == []


@given(
    st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.sampled_from(["auth", "ads"])), max_size=12),
    st.integers(1, 5),
    st.integers(0, 365),
)
def test_nothing_younger_than_the_limit_goes_and_good_ones_stay(
    found: list[tuple[int, bool, str]], keep: int, days: int
) -> None:
    made = [
        _made(number, age, succeeded=succeeded, services=(service,))
        for number, (age, succeeded, service) in enumerate(found)
    ]
    gone = set(_gone(made, keep, days))
    for one in made:
        if one.started_at >= _NOW - timedelta(days=days):
            assert one.id not in gone
    for service in ("auth", "ads"):
        good = [one for one in made if one.services == (service,) and one.succeeded]
        assert len([one for one in good if one.id not in gone]) >= min(keep, len(good))


def test_expired_backups_lose_their_files_before_their_place_in_the_catalogue(
    operations: Operations, ops: Connection, tmp_path: Path
) -> None:
    for label, age in (("old", 40), ("older", 50), ("new", 1)):
        (tmp_path / label).mkdir()
        (tmp_path / label / "file").write_text("x")
        with catalogue.recorded_backup(ops, _new(label, folder=tmp_path)) as number:
            catalogue.finish(ops, number, Made(size_bytes=1, contents={}))
        ops.execute(
            "UPDATE ops_schema.backups SET started_at = started_at - %s::interval WHERE id = %s",
            (f"{age} days", number),
        )
    # A run that was killed between the two: the files are gone, the row is not.
    (tmp_path / "older").rename(tmp_path / ".removed-older")
    now = datetime.now(UTC)
    planned = expire_backups(operations, Retention(1, 30), now=now, dry_run=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".removed-older", "new", "old"]
    gone = expire_backups(operations, Retention(1, 30), now=now)
    assert [one.label for one in gone] == [one.label for one in planned] == ["old", "older"]
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert [one.label for one in catalogue.backups(ops)] == ["new"]
    assert expire_backups(operations, Retention(1, 30), now=now) == []


def test_where_no_backup_is_good_the_newest_that_was_made_stays() -> None:
    damaged = [_made(number, days=number, is_intact=False) for number in (40, 50, 60)]
    assert _gone(damaged, keep=2, days=30) == [50, 60]
    assert _gone([_made(1, 70), *damaged], keep=2, days=30) == [40, 50, 60]


def test_what_cannot_be_seen_from_here_stays_on_record(operations: Operations, ops: Connection, tmp_path: Path) -> None:
    for label, age in (("old", 40), ("new", 1)):
        (tmp_path / "disk" / label).mkdir(parents=True)
        with catalogue.recorded_backup(ops, _new(label, folder=tmp_path / "disk")) as number:
            catalogue.finish(ops, number, Made(size_bytes=1, contents={}))
        ops.execute(
            "UPDATE ops_schema.backups SET started_at = started_at - %s::interval WHERE id = %s",
            (f"{age} days", number),
        )
    (tmp_path / "disk").rename(tmp_path / "not mounted")
    (left,) = expire_backups(operations, Retention(1, 30), now=datetime.now(UTC))
    assert (left.label, left.unseen) == ("old", f"there is no folder {tmp_path / 'disk'} here")
    assert {one.label for one in catalogue.backups(ops)} == {"old", "new"}
    (tmp_path / "not mounted").rename(tmp_path / "disk")
    (gone,) = expire_backups(operations, Retention(1, 30), now=datetime.now(UTC))
    assert gone.unseen is None
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["new"]
