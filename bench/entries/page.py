"""The page of what was measured."""

from datetime import UTC, datetime
from typing import NamedTuple

_PROMISED = 1.5
_LINEAR = 1.3


class Found(NamedTuple):
    """Seconds are medians of the rounds; `quarters`: of the messages, in their order."""

    tickets: int
    each: int
    rounds: int
    intake_s: float
    floor_s: float
    ratio: float
    quarters: tuple[float, ...]


def text(found: Found) -> str:
    """The whole page."""
    growth = found.quarters[-1] / found.quarters[0]
    parts = ", ".join(f"{seconds:.2f} s" for seconds in found.quarters)
    return f"""# Raffle entry benchmarks

`make bench-entries` measures these again and writes this page. A shared machine of two cores; read the ratios.

- Date: {datetime.now(UTC):%Y-%m-%d}; {found.rounds} rounds in turns; {found.tickets:,} tickets, {found.each} a message,
  three messages a person

| measure | promised | measured | kept |
| --- | --- | --- | --- |
| intake by event, of the bare INSERT | <= {_PROMISED:.1f} x | {found.ratio:.2f} x | {_said(found.ratio <= _PROMISED)} |
| the last quarter, of the first (linear) | <= {_LINEAR:.1f} x | {growth:.2f} x | {_said(growth <= _LINEAR)} |

| what | s | tickets/s |
| --- | ---: | ---: |
| intake: from the inbox to entries, tickets, counters | {found.intake_s:.2f} | {_rate(found, found.intake_s)} |
| floor: the same rows by multi-row INSERTs, the same counters | {found.floor_s:.2f} | {_rate(found, found.floor_s)} |

The intake's quarters, one after the other: {parts}.

The floor inserts as many entries a transaction as a batch of the inbox has, into the same tables with the same
indexes, foreign keys and CHECKs, and counts participants and tickets there. It has no triggers: hashes and owners' tags
are given to it, nobody asks whether a ticket was here before, was taken back, is over a limit or belongs to somebody
kept out, and no message is claimed or settled.
"""


def _rate(found: Found, seconds: float) -> str:
    return f"{found.tickets / seconds:,.0f}"


def _said(is_kept: bool) -> str:
    return "yes" if is_kept else "no"
