"""One round of alerts: what the checks found is noted, and what nobody knows yet is told."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from gasolinera.ops.alerting import (
    Kind,
    Notice,
    Observed,
    claim_notices,
    observe,
    record_failed,
    record_told,
)
from gasolinera.ops.alerting_notices import Receiver, tell
from gasolinera.ops.checking import CheckResult

Connection = psycopg.Connection[Any]


class Sent(msgspec.Struct, frozen=True):
    """A notice that was, or should have been, sent."""

    check: str
    kind: Kind
    severity: str


class Round(msgspec.Struct, frozen=True):
    """`error`: why the receiver was not told of `sent`; these are tried again later."""

    observed: Observed
    sent: tuple[Sent, ...]
    error: str | None = None


def run_round(
    conn: Connection,
    results: Sequence[CheckResult],
    receiver: Receiver | None,
    *,
    after_s: float = 0.0,
    remind_after_s: float = 4 * 3600.0,
) -> Round:
    """`conn` is in autocommit, as the role ops: nothing is held while the receiver answers.

    No run is put on record, since this happens each minute: the alerts themselves are the record. Without a receiver
    they are kept all the same, and claimed by nobody.
    """
    observed = observe(conn, results)
    if receiver is None:
        return Round(observed, ())
    claim = claim_notices(conn, after_s=after_s, remind_after_s=remind_after_s)
    if not claim.notices:
        return Round(observed, ())
    told = tell(receiver, claim.notices)
    if told.error is None:
        record_told(conn, claim)
    else:
        record_failed(conn, claim, told.error)
    return Round(observed, tuple(_sent(one) for one in claim.notices), told.error)


def _sent(notice: Notice) -> Sent:
    return Sent(notice.check_name, notice.kind, notice.severity)


def write_metrics(path: Path, text: str) -> None:
    """At one stroke: the collector reads whenever it likes, as another account. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Hidden and without the name's end, so that the collector takes no half file.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as whole:
        try:
            whole.write(text)
            whole.flush()
            Path(whole.name).chmod(0o644)
            Path(whole.name).replace(path)
        except BaseException:
            Path(whole.name).unlink(missing_ok=True)
            raise
