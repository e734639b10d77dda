"""The numbers as a page of the documentation."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec


class Found(msgspec.Struct, frozen=True):
    """Seconds but where a name says otherwise."""

    loaded_s: float
    copied_s: float
    hashed_s: float
    frozen_s: float
    memory_mb: float
    drawn_s: float
    proof_ms: float
    proof_p99_ms: float
    verified_s: Mapping[str, float]


def render(found: Found, *, entries: int, rounds: int) -> str:
    floor = found.copied_s + found.hashed_s
    rows = [
        (
            "freeze, from the database to the signed manifest",
            "<= 1.5 x floor",
            f"{found.frozen_s / floor:.2f} x",
            found.frozen_s <= 1.5 * floor,
        ),
        ("memory of the process that freezes", "<= 400 MB", f"{found.memory_mb:.0f} MB", found.memory_mb <= 400),
        ("1,000 positions drawn, after the round is verified", "<= 1 s", f"{found.drawn_s:.2f} s", found.drawn_s <= 1),
        ("one proof of inclusion, median", "<= 5 ms", f"{found.proof_ms:.2f} ms", found.proof_ms <= 5),
        *(
            (f"a bundle of 100 winners, {name}", "<= 2 s", f"{seconds:.2f} s", seconds <= 2)
            for name, seconds in found.verified_s.items()
        ),
    ]
    return "\n".join(
        [
            "# Draw benchmarks",
            "",
            "`make bench-draws` measures these again and writes this page. The floor of a freeze is a COPY of the same",
            "rows into Python, in the same order, and after it a bare loop of `hashlib` over as many messages, as long",
            "as those of the tree, and the flat hash; nothing is done with either. How a draw works:",
            "[fair draws](../explanation/fair-draws.md).",
            "",
            f"- Date: {datetime.now(UTC):%Y-%m-%d}; medians of {rounds} rounds; {os.cpu_count()} cores",
            f"- {entries:,} entries of ten tickets each, two a person; made in {found.loaded_s:.0f} s",
            "",
            "| measure | promised | measured | kept |",
            "| --- | --- | --- | --- |",
            *(f"| {name} | {limit} | {value} | {'yes' if kept else '**no**'} |" for name, limit, value, kept in rows),
            "",
            "| what | seconds |",
            "| --- | ---: |",
            f"| COPY of the rows | {found.copied_s:.2f} |",
            f"| bare hashes | {found.hashed_s:.2f} |",
            f"| freeze: list, tree, manifest, and all of it stored | {found.frozen_s:.2f} |",
            "",
            f"Of 200 proofs the slowest but two took {found.proof_p99_ms:.1f} ms. A command from its start holds",
            "the time that Python takes to begin and to load its libraries.",
            "",
        ]
    )
