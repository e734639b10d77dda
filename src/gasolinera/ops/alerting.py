"""Alerts: checks that are bad, told once to a webhook, again when they get worse or stay bad, and when they are good.

Several processes may look at the same time: an alert is one row by a unique index, and whoever claims a row tells of
it. A process that is killed between the telling and the note of it tells a second time, with the same id.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeVar
from uuid import UUID, uuid4

import msgspec
import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from gasolinera.database import load_queries
from gasolinera.errors import InputError, UnknownError
from gasolinera.logs import mask
from gasolinera.ops.checking import CheckResult, Verdict
from gasolinera.ops.checking_words import is_unknown

Connection = psycopg.Connection[Any]
Kind = Literal["firing", "escalated", "reminder", "resolved"]
_Row = TypeVar("_Row", bound=msgspec.Struct)

_SQL: Final = load_queries("gasolinera.ops", "alerting.sql")
_SEVERITY: Final = {Verdict.WARNING: "WARNING", Verdict.CRITICAL: "CRITICAL"}
_MOST_OBJECTS: Final = 10
_MOST_OBJECT: Final = 200
_MOST_AT_ONCE: Final = 100
_MOST_LISTED: Final = 1000
_MOST_ERROR: Final = 300
LEASE_S: Final = 120  # more than all tries of one sending take


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told of one alert. `told_count`: notices of it before this one."""

    id: int
    kind: Kind
    fingerprint: str
    check_name: str
    severity: Literal["WARNING", "CRITICAL"]
    objects: tuple[str, ...]
    amount: float | None
    unit: str
    first_seen_at: datetime
    resolved_at: datetime | None
    told_count: int

    @property
    def key(self) -> str:
        """The same for each try to tell this."""
        return f"{self.fingerprint}-{self.id}-{self.kind}-{self.told_count}"


class Claim(msgspec.Struct, frozen=True):
    """Notices that this process alone tells, until the lease ends."""

    id: UUID
    notices: tuple[Notice, ...]


class Observed(msgspec.Struct, frozen=True):
    """What one look has changed. `unknown`: checks that could not be looked at, whose alerts stay as they are."""

    opened: tuple[str, ...]
    ongoing: tuple[str, ...]
    resolved: tuple[str, ...]
    unknown: tuple[str, ...]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    fingerprint: str
    check_name: str
    state: Literal["FIRING", "RESOLVED"]
    severity: Literal["WARNING", "CRITICAL"]
    objects: tuple[str, ...]
    amount: float | None
    unit: str
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None
    seen_count: int
    told_state: str | None
    told_at: datetime | None
    told_count: int
    failures: int
    last_error: str | None
    silenced_until: datetime | None


class Silence(msgspec.Struct, frozen=True):
    """`pattern`: a check's name, in which * stands for anything."""

    id: int
    pattern: str
    starts_at: datetime
    ends_at: datetime
    reason: str


def fingerprint_of(check_name: str) -> str:
    """Of the check alone: objects such as sessions come and go, and the trouble stays the same."""
    return hashlib.sha256(f"gasolinera check {check_name}".encode()).hexdigest()[:16]


def observe(conn: Connection, results: Sequence[CheckResult]) -> Observed:
    """Note what is bad now and what is good again. `conn` is in autocommit, with the role ops."""
    bad = [one for one in results if one.verdict in _SEVERITY]
    bad_names = {one.name for one in bad}
    unknown = sorted(_unknown(results) - bad_names)
    good = {one.name for one in results} - bad_names - set(unknown)
    opened: list[str] = []
    ongoing: list[str] = []
    if bad:
        for name, count in conn.execute(_SQL["see_alerts"].sql.encode(), {"seen": Jsonb(_seen(bad))}):
            (opened if count == 1 else ongoing).append(name)
    fingerprints = sorted(fingerprint_of(name) for name in good)
    resolved = conn.execute(_SQL["resolve_alerts"].sql.encode(), {"fingerprints": fingerprints}).fetchall()
    conn.execute(_SQL["remove_old"].sql.encode())
    return Observed(tuple(opened), tuple(ongoing), tuple(sorted(name for (name,) in resolved)), tuple(unknown))


def _unknown(results: Sequence[CheckResult]) -> set[str]:
    """Not what somebody has switched off, nor what one place cannot have and another says: such an alert would stay
    open for ever.
    """
    told = {one.name for one in results if one.verdict is not Verdict.SKIPPED}
    return {
        one.name
        for one in results
        if one.verdict is Verdict.SKIPPED
        and (is_unknown(one) or (one.name not in told and one.reason != "switched_off"))
    }


def _seen(bad: Sequence[CheckResult]) -> list[dict[str, Any]]:
    """One of a name: where a check was looked at in several places the worst stands for all."""
    worst: dict[str, CheckResult] = {}
    objects: dict[str, list[str]] = {}
    for one in sorted(bad, key=lambda result: result.verdict is not Verdict.CRITICAL):
        worst.setdefault(one.name, one)
        where = f"{one.place}: " if one.place else ""
        objects.setdefault(one.name, []).extend(where + finding.object for finding in one.findings)
    return [
        {
            "fingerprint": fingerprint_of(name),
            "check_name": name,
            "severity": _SEVERITY[one.verdict],
            "objects": _fit_to_tell(objects[name]),
            "amount": one.worst,
            "unit": str(one.unit),
        }
        for name, one in worst.items()
    ]


def _fit_to_tell(objects: Sequence[str]) -> list[str]:
    """Few, short, and without what may be somebody's number or address: a session's name can hold anything."""
    masked: Any = mask(None, "", {"objects": [text.replace("\x00", "") for text in objects[:_MOST_OBJECTS]]})
    return [str(text)[:_MOST_OBJECT] for text in masked["objects"]]


def claim_notices(conn: Connection, *, after_s: float, remind_after_s: float, lease_s: float = LEASE_S) -> Claim:
    """What is to be told: alerts open for `after_s`, that got critical, were told `remind_after_s` ago, or ended."""
    claim = uuid4()
    given = {
        "claim": claim,
        "lease_s": lease_s,
        "after_s": after_s,
        "remind_after_s": remind_after_s,
        "most": _MOST_AT_ONCE,
    }
    found = _rows(conn, Notice, "claim_notices", given)
    return Claim(claim, tuple(sorted(found, key=lambda one: one.id)))


def record_told(conn: Connection, claim: Claim) -> None:
    told = [{"id": one.id, "kind": one.kind, "severity": one.severity} for one in claim.notices]
    conn.execute(_SQL["record_told"].sql.encode(), {"claim": claim.id, "told": Jsonb(told)})


def record_failed(conn: Connection, claim: Claim, error: str) -> None:
    conn.execute(_SQL["record_failed"].sql.encode(), {"claim": claim.id, "error": error[:_MOST_ERROR]})


def list_alerts(conn: Connection, *, ended_too: bool = False, most: int = 100) -> list[Alert]:
    """The open ones first, critical before others. At most a thousand."""
    return _rows(conn, Alert, "list_alerts", {"all": ended_too, "most": min(most, _MOST_LISTED)})


def silence(conn: Connection, pattern: str, *, lasts_s: float, reason: str) -> Silence:
    """Nobody is told of these checks until then; they are looked at and kept all the same. Raises InputError."""
    try:
        (made,) = _rows(conn, Silence, "add_silence", {"pattern": pattern, "lasts_s": lasts_s, "reason": reason})
    except psycopg.errors.CheckViolation as error:
        wrong = {
            "alert_silences_pattern_check": "a check's name has small letters, digits and _, and * for anything",
            "alert_silences_times_check": "a silence lasts 90 days at most",
            "alert_silences_reason_check": "a reason has 3 to 300 characters",
        }.get(error.diag.constraint_name or "", "this cannot be silenced")
        raise InputError("ops.silence", wrong) from error
    return made


def silences(conn: Connection) -> list[Silence]:
    return _rows(conn, Silence, "list_silences", {})


def end_silence(conn: Connection, number: int) -> Silence:
    """Raises UnknownError `ops.no_silence`."""
    ended = _rows(conn, Silence, "end_silence", {"id": number})
    if not ended:
        raise UnknownError("ops.no_silence", f"no silence {number} is in force", "gasolinera ops alerts silences")
    return ended[0]


def _rows(conn: Connection, of: type[_Row], name: str, given: Mapping[str, object]) -> list[_Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return msgspec.convert(cursor.execute(_SQL[name].sql.encode(), given).fetchall(), list[of])
