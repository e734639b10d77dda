"""Indexes that nobody reads, that are there twice, or that are missing: with what is known of each, and since when.

What is a finding is decided by the health checks; here it gets its evidence. Statistics that are too young are said to
be so.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.rows import dict_row

from gasolinera.ops.checking import CheckResult, Verdict
from gasolinera.ops.checking_questions import run_checks
from gasolinera.ops.checking_rules import QUESTIONS
from gasolinera.ops.maintaining_plans import SQL, Connection
from gasolinera.ops.reaching import Operations
from gasolinera.ops.upkeep_sessions import chosen_places, upkeep_session

_QUESTIONS: Final = (
    "invalid_indexes",
    "unused_indexes",
    "duplicate_indexes",
    "missing_indexes",
    "unindexed_foreign_keys",
)
_RULES: Final = tuple(rule for rule in QUESTIONS if rule.name in _QUESTIONS)
assert len(_RULES) == len(_QUESTIONS), "each question is one of the checks"
_OF_TABLES: Final = frozenset({"missing_indexes", "unindexed_foreign_keys"})
_YOUNG_DAYS: Final = 1.0  # by less nobody can say how tables are read
_STATEMENT_TIMEOUT: Final = "SET statement_timeout = '10s'"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an index, or of how a table is read. `twin`: the index that does the same."""

    table: str | None = None
    definition: str | None = None
    bytes: int | None = None
    scans: int | None = None
    last_scan: str | None = None
    twin: str | None = None
    rows: int | None = None
    whole_reads: int | None = None
    rows_read: int | None = None
    index_reads: int | None = None


class ReportLine(msgspec.Struct, frozen=True):
    service: str
    question: str
    object: str
    amount: float
    evidence: Evidence


class Unanswered(msgspec.Struct, frozen=True):
    service: str
    question: str
    reason: str


class IndexReport(msgspec.Struct, frozen=True):
    """`since`: by service, when its statistics began. `standbys`: with one an index may be read there alone."""

    lines: tuple[ReportLine, ...]
    unanswered: tuple[Unanswered, ...]
    since: dict[str, datetime]
    standbys: int


def report_indexes(operations: Operations, services: Sequence[str] = ()) -> IndexReport:
    """Changes nothing. Raises InputError `ops.no_service`, UnavailableError `ops.unreachable`."""
    lines: list[ReportLine] = []
    unanswered: list[Unanswered] = []
    since: dict[str, datetime] = {}
    standbys = 0
    for service in chosen_places(services):
        with upkeep_session(operations, service, "maintenance") as (conn, schema):
            conn.execute(_STATEMENT_TIMEOUT)
            age = _one(conn, "statistics_age", {})
            assert age is not None
            since[service] = age["since"]
            standbys = max(standbys, age["standbys"])
            for result in run_checks(conn, [schema], _RULES):
                reason = _reason(result, age["days"])
                if reason is not None:
                    unanswered.append(Unanswered(service, result.name, reason))
                    continue
                lines += [
                    ReportLine(service, result.name, one.object, one.amount, _evidence(conn, result.name, one.object))
                    for one in result.findings
                    if one.object.startswith(f"{schema}.")
                ]
    return IndexReport(tuple(lines), tuple(unanswered), since, standbys)


def _reason(result: CheckResult, days: float) -> str | None:
    if result.verdict is Verdict.SKIPPED:
        return result.reason or "skipped"
    return "statistics_young" if result.name == "missing_indexes" and days < _YOUNG_DAYS else None


def _evidence(conn: Connection, question: str, name: str) -> Evidence:
    if question in _OF_TABLES:
        # A foreign key is named after its table.
        found = _one(conn, "table_evidence", {"name": name.partition(" ")[0]})
        return Evidence() if found is None else Evidence(table=name.partition(" ")[0], **found)
    found = _one(conn, "index_evidence", {"name": name})
    twin = _one(conn, "twin", {"name": name}) if question == "duplicate_indexes" else None
    return Evidence() if found is None else Evidence(**found, twin=None if twin is None else twin["name"])


def _one(conn: Connection, query: str, values: dict[str, str]) -> dict[str, Any] | None:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL[query].sql.encode(), values).fetchone()
