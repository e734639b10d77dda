"""What is measured: the same work by the bare tools and by ours, one after the other, in changing order."""

import shutil
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import psycopg

from bench.backup.place import SCHEMA, SERVICE
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.dump_archives import Archive, opened_archive
from gasolinera.ops.dumping import Wanted, back_up
from gasolinera.ops.programs import environment_for, find_program, has_zstd, rest_of_address, run_program
from gasolinera.ops.reaching import Operations
from gasolinera.ops.restoring import make_database, restore_elsewhere, restore_in_place


@dataclass(frozen=True)
class Compared:
    """Seconds of each round."""

    what: str
    bare_s: list[float]
    ours_s: list[float]

    @property
    def ratio(self) -> float:
        """Of the medians: ours to the bare tool's."""
        return statistics.median(self.ours_s) / statistics.median(self.bare_s)


def measure(operations: Operations, root: Path, *, rounds: int, jobs: int) -> list[Compared]:
    """Backup, restore into another database, restore in place."""
    bare_dump, our_folder = root / "bare", root / "backups"
    made: list[Path] = []

    def bare_backup() -> None:
        shutil.rmtree(bare_dump, ignore_errors=True)
        _bare_dump(operations, bare_dump, jobs)

    def our_backup() -> None:
        for folder in made:
            shutil.rmtree(folder)
        wanted = Wanted(kind=Kind.SERVICE, services=(SERVICE,), folder=our_folder, jobs=jobs)
        made[:] = [back_up(operations, wanted).location]

    found = [_pairs("backup", bare_backup, our_backup, rounds)]
    url = operations.service(SERVICE).url
    found.append(
        _pairs(
            "restore into another database",
            lambda: _bare_restore(url, bare_dump, [f"--jobs={jobs}"]),
            lambda: _our_restore(operations, opened_archive(made[0]), jobs),
            rounds,
        )
    )
    target, _ = make_database(url, "bare")
    try:
        _restore(target, bare_dump, [f"--jobs={jobs}"])
        found.append(
            _pairs(
                "restore in place, in one transaction",
                lambda: _restore(target, bare_dump, ["--single-transaction", "--clean", "--if-exists"]),
                lambda: _in_place(operations, opened_archive(made[0])),
                rounds,
            )
        )
    finally:
        _dropped(url, "bare")
    return found


def _pairs(what: str, bare: Callable[[], None], ours: Callable[[], None], rounds: int) -> Compared:
    compared = Compared(what, [], [])
    for number in range(rounds):
        both = [(bare, compared.bare_s), (ours, compared.ours_s)]
        for work, times in both if number % 2 == 0 else reversed(both):
            began = monotonic()
            work()
            times.append(monotonic() - began)
    return compared


def _major(url: str) -> int:
    with psycopg.connect(url) as conn:
        return conn.info.server_version // 10_000


def _bare_dump(operations: Operations, folder: Path, jobs: int) -> None:
    service = operations.service(SERVICE)
    program = find_program("pg_dump", _major(service.url))
    arguments = [f"--dbname={rest_of_address(service.url)}", f"--schema={SCHEMA}", "--format=directory",
                 f"--file={folder}", f"--jobs={jobs}"]  # fmt: skip
    arguments += ["--compress=zstd"] if has_zstd(program) else []
    run_program(program, arguments, environment_for(service.url))


def _bare_restore(url: str, dump: Path, how: list[str]) -> None:
    target, _ = make_database(url, "bare")
    try:
        _restore(target, dump, how)
    finally:
        _dropped(url, "bare")


def _restore(target: str, dump: Path, how: list[str]) -> None:
    program = find_program("pg_restore", _major(target))
    arguments = [f"--dbname={rest_of_address(target)}", "--no-owner", "--exit-on-error", *how, str(dump)]
    run_program(program, arguments, environment_for(target))


def _our_restore(operations: Operations, archive: Archive, jobs: int) -> None:
    url = operations.service(SERVICE).url
    target, _ = make_database(url, "ours")
    there = replace(operations.project, services=tuple(replace(one, url=target) for one in operations.project.services))
    try:
        restore_elsewhere(there, [SERVICE], archive, target, jobs=jobs, analyze=False)
    finally:
        _dropped(url, "ours")


def _in_place(operations: Operations, archive: Archive) -> None:
    restore_in_place(operations, SERVICE, archive, analyze=False)


def _dropped(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
