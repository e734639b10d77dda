"""Reconciliations on record in `ops_schema`: what was compared, what was found, what was delivered."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg

from gasolinera.database import load_sql
from gasolinera.ops.reconciling_models import EventsKept, Finding, Reconciliation, Remedy

Connection = psycopg.Connection[Any]

_SQL: Final = load_sql("gasolinera.ops", "reconciling.sql")
_USUALLY: Final = EventsKept()


class Kept(msgspec.Struct, frozen=True):
    """A reconciliation of the past."""

    id: int
    started_at: datetime
    finished_at: datetime | None
    is_repair: bool
    compared: int
    found: int
    waiting: int
    delivered: int


def begin_record(conn: Connection, run_id: int, *, is_repair: bool, grace_s: int) -> tuple[int, datetime]:
    """Its id, and until when facts count: what is younger than the grace may be on its way. Forgets those of 90 days
    ago.
    """
    conn.execute(_SQL["forget"].encode())
    row = conn.execute(
        _SQL["begin"].encode(), {"run_id": run_id, "is_repair": is_repair, "grace_s": grace_s}
    ).fetchone()
    assert row is not None
    return int(row[0]), row[1]


def events_kept(conn: Connection) -> dict[str, EventsKept]:
    """By service, for those that have rules of their own about it."""
    rows = conn.execute(_SQL["events_kept"].encode()).fetchall()
    return {
        service: EventsKept(
            published=_surely(published_s, _USUALLY.published), settled=_surely(settled_s, _USUALLY.settled)
        )
        for service, published_s, settled_s in rows
    }


def _surely(kept_s: float | None, usually: timedelta) -> timedelta:
    """A day less: what is about to go may be gone on one side."""
    return usually if kept_s is None else max(timedelta(0), min(usually, timedelta(seconds=kept_s) - timedelta(days=1)))


def with_first_found(conn: Connection, record_id: int, findings: Sequence[Finding]) -> list[Finding]:
    """With when each was found first, by a reconciliation before this one."""
    asked = {
        "record_id": record_id,
        "comparisons": [one.comparison for one in findings],
        "kinds": [one.kind for one in findings],
        "subjects": [one.subject for one in findings],
    }
    rows = conn.execute(_SQL["first_found"].encode(), asked).fetchall()
    known = {(comparison, kind, subject): at for comparison, kind, subject, at in rows}
    return [
        msgspec.structs.replace(one, first_found_at=known.get((one.comparison, one.kind, one.subject)))
        for one in findings
    ]


def keep_findings(conn: Connection, record_id: int, findings: Sequence[Finding]) -> None:
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany(
            _SQL["keep_finding"].encode(),
            [
                {
                    "record_id": record_id,
                    "comparison": one.comparison,
                    "kind": one.kind,
                    "subject": one.subject,
                    "lacking": one.lacking,
                    "since": one.since,
                    "remedy": str(one.remedy),
                    "explanation": one.explanation[:2000],
                    "steps": list(one.steps),
                    "event_id": one.event_id,
                    "delivered_at": one.delivered_at,
                }
                for one in findings
            ],
        )


def end_record(conn: Connection, record_id: int, done: Reconciliation) -> None:
    values = {
        "record_id": record_id,
        "compared": sum(one.keys for one in done.compared),
        "found": sum(one.differences for one in done.compared),
        "waiting": sum(one.remedy is Remedy.WAIT for one in done.findings),
        "delivered": done.delivered,
    }
    conn.execute(_SQL["end"].encode(), values)


def list_records(conn: Connection, limit: int) -> list[Kept]:
    """The newest first."""
    rows = conn.execute(_SQL["list"].encode(), {"limit": limit}).fetchall()
    return [Kept(*row) for row in rows]
