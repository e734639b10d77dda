"""`python -m bench.screens [--rounds N] [--output FILE]`: what pages cost, written as a page of the documentation."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.screens import paint
from bench.screens.paint import Painted
from bench.screens.place import REPOSITORY, open_place

_PAGE = REPOSITORY / "docs" / "reference" / "screen-benchmarks.md"
_ANA, _EMPLOYEE, _ADMINISTRATOR = "+525551000051", "+525550000021", "+525550000001"
_PAGES = {
    "/": None,
    "/login": None,
    "/wallet": _ANA,
    "/stations": _ANA,
    "/tickets": _ANA,
    "/raffles": _ANA,
    "/fairness": None,
    "/verify": None,
    "/till": _EMPLOYEE,
    "/office": _ADMINISTRATOR,
    "/office/campaigns": _ADMINISTRATOR,
}


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench.screens")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--output", type=Path, default=_PAGE)
    chosen = arguments.parse_args()
    with open_place() as place:
        text = _rendered(paint.measure(place, _PAGES, chosen.rounds), chosen.rounds)
    chosen.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _rendered(painted: list[Painted], rounds: int) -> str:
    rows = "\n".join(
        f"| `{one.path}` | {one.first_ms / 1000:.2f} s | {one.again_ms / 1000:.2f} s | {one.bytes_sent / 1000:.1f} kB |"
        f" {'yes' if one.without_scripts else 'no'} |"
        for one in painted
    )
    return f"""# What pages cost

Written by `make bench-screens` on {datetime.now(UTC):%Y-%m-%d}: medians of {rounds} runs, all in one.

## On a slow phone

When the largest piece of a page is painted (largest contentful paint) in Chromium with a {paint.SLOWER} times slower
processor, {paint.BYTES_PER_S * 8 / 1e6:.1f} Mbit/s and {paint.LATENCY_MS} ms for each round trip. The limit is 1 s.
What was sent is without pictures and third-party libraries; its limit is 60 kB.

| page | first visit | later | sent | read without scripts |
| --- | --- | --- | --- | --- |
{rows}
"""


if __name__ == "__main__":
    main()
