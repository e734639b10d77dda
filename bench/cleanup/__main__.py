"""`python -m bench.cleanup [--rows N] [--coupons N] [--pairs N] [--seconds S] [--rest R] [--folder F]`.

With `--folder F` the server and its database stay in F, and are taken from there the next time.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from bench.cleanup import page, place, rounds
from vuelo import embedded

REPOSITORY = Path(__file__).parents[2]
_PAGE = REPOSITORY / "docs" / "reference" / "cleanup-benchmarks.md"
# Vacuums are on, as on a server that serves: they are part of what a cleaning costs.
SETTINGS = {
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "max_connections": "100",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cleanup", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--coupons", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=5, help="rounds with the cleaning, each beside one without")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rest", type=float, default=1.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path, default=_PAGE)
    chosen = parser.parse_args()
    root: Path = chosen.folder or Path(tempfile.mkdtemp(prefix="bench-"))
    root.mkdir(exist_ok=True)
    root.chmod(0o711)  # the server's account must pass through
    try:
        with embedded.running(root, settings=SETTINGS) as server:
            platform = place.prepared(server, root, chosen.coupons)
            place.fill_expired(platform, chosen.rows)
            found = rounds.measure(platform, pairs=chosen.pairs, seconds=chosen.seconds, rest=chosen.rest)
    finally:
        if chosen.folder is None:
            embedded.destroy(root)
            shutil.rmtree(root)
    text = page.render(found, rows=chosen.rows, coupons=chosen.coupons, seconds=chosen.seconds)
    chosen.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
