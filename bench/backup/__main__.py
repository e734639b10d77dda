"""`python -m bench.backup [--size-mb N] [--rounds N] [--jobs N]`: nothing is encrypted, and verify is no part of it."""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.backup import place, rounds
from bench.backup.rounds import Compared
from vuelo import embedded

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "backup-benchmarks.md"
_LIMIT = 1.15
_SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "autovacuum": "off"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.backup", description=__doc__)
    parser.add_argument("--size-mb", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=_PAGE)
    chosen = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="bench-"))
    root.chmod(0o711)  # the server's account must pass through
    try:
        with embedded.running(root, settings=_SETTINGS) as server:
            operations = place.prepared(server, root, chosen.size_mb)
            size = place.size_of(operations)
            found = rounds.measure(operations, root, rounds=chosen.rounds, jobs=chosen.jobs)
    finally:
        embedded.destroy(root)
        shutil.rmtree(root)
    text = _page(found, size, chosen.jobs)
    chosen.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _page(found: Sequence[Compared], size: int, jobs: int) -> str:
    rows = "\n".join(_row(one) for one in found)
    return f"""# Backup benchmarks

`make bench-backup` measures these again and writes this page: the same work by the bare tools of PostgreSQL and by
`gasolinera ops`, in turns. Nothing is encrypted, and no statistics are gathered after a restore.

- Date: {datetime.now(UTC):%Y-%m-%d}; PostgreSQL 18 on the same machine, {os.cpu_count()} cores
- A database of {size / 1e6:,.0f} MB, {jobs} jobs; seconds are medians of {len(found[0].bare_s)} rounds

| measure | pg_dump, pg_restore | gasolinera ops | ratio | promised | kept |
| --- | ---: | ---: | ---: | --- | --- |
{rows}

What ours does beside: it counts the rows of every table in the dump's own snapshot, hashes every file, writes the
manifest and the catalogue; before a restore it reads every file against its checksum, and counts the rows again after
it. In place both drop what is there and fill it again in one transaction (`pg_restore --clean --if-exists
--single-transaction`).
"""


def _row(one: Compared) -> str:
    bare, ours = statistics.median(one.bare_s), statistics.median(one.ours_s)
    kept = "yes" if one.ratio <= _LIMIT else "**no**"
    return f"| {one.what} | {bare:.1f} s | {ours:.1f} s | {one.ratio:.2f} | <= {_LIMIT} | {kept} |"


if __name__ == "__main__":
    main()
