"""Whether the data are what they should be: the checks of the group `data`.

Each service is asked on its own, in a read-only transaction of one moment: rows that a NOT VALID constraint hides, sums
and counters against the facts that they are of, states that contradict each other. Then services are held against each
other: what one names, another must know. Nothing is repaired here; `ops reconcile` explains what it can, and repairs
what is safe.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import class_row

import vuelo
from gasolinera.database import Query, load_queries
from gasolinera.errors import GasolineraError
from gasolinera.ops import data_links
from gasolinera.ops.checking import CheckResult, Group, Row, Rule, Threshold, Unit, judge, skipped
from gasolinera.ops.reaching import Operations
from gasolinera.ops.reconciling_streams import snapshot

Connection = psycopg.Connection[Any]

SERVICES: Final = ("auth", "station", "coupon", "redemption", "ads", "raffle")
_QUESTIONS: Final[Mapping[str, Mapping[str, Query]]] = {
    service: load_queries("gasolinera.ops", f"data_quality_{service}.sql") for service in SERVICES
}
_UNPROVEN: Final = load_queries("gasolinera.ops", "data_quality.sql")["unproven_constraints"].sql
_EXAMPLES: Final = 5
_TIMEOUT_S: Final = 300
_CONSTRAINTS: Final = "data_constraints"
_LINKS: Final = "data_links"
RULES: Final = {
    rule.name: rule
    for rule in (
        Rule(name=_CONSTRAINTS, unit=Unit.ROWS, critical=1, metric="data_constraint_violations"),
        Rule(name="data_totals", unit=Unit.ROWS, critical=1, metric="data_wrong_totals"),
        Rule(name="data_states", unit=Unit.ROWS, warning=1, metric="data_contradictions"),
        Rule(name=_LINKS, unit=Unit.ROWS, warning=1, metric="data_orphans"),
    )
}
assert all(rule.group is Group.DATA for rule in RULES.values())


class Answer(msgspec.Struct, frozen=True):
    """One question, asked of one service. `count` rows are wrong, `examples` of them; None: `reason` says why nobody
    knows: privilege, timeout, unreachable, not_migrated or failed with the server's code.
    """

    check: str
    service: str
    question: str
    meaning: str
    count: int | None
    examples: tuple[str, ...] = ()
    reason: str | None = None


class _Constraint(msgspec.Struct, frozen=True):
    name: str
    table_name: str
    kind: str
    condition: str | None
    other_table: str | None
    columns: list[str]
    other_columns: list[str]


def data_results(operations: Operations, thresholds: Sequence[Threshold] = ()) -> list[CheckResult]:
    """The checks of the group `data`, over all services. Reads whole tables: minutes, where there are millions."""
    return run_data_checks(operations.project, thresholds)


def run_data_checks(
    project: vuelo.Project, thresholds: Sequence[Threshold] = (), *, every_constraint: bool = False
) -> list[CheckResult]:
    """The same of a project's services alone, such as those of a restored backup; a link to a service that is not among
    them is not followed. `every_constraint`: constraints that the server believes to hold are looked at too.
    """
    return summed(data_answers(project, every_constraint=every_constraint), thresholds)


def data_answers(
    project: vuelo.Project, *, every_constraint: bool = False, statement_timeout_s: int = _TIMEOUT_S
) -> list[Answer]:
    """Every question with its answer, the good ones too."""
    answers: list[Answer] = []
    for service in project.services:
        try:
            with snapshot(service, statement_timeout_s=statement_timeout_s) as conn:
                answers += _constraint_answers(conn, service, every=every_constraint)
                answers += [_ask(conn, service.name, query) for query in _QUESTIONS[service.name].values()]
        except psycopg.Error as error:
            if not any((one.check, one.service) == (_CONSTRAINTS, service.name) for one in answers):
                meaning = "Nobody knows whether its constraints hold."
                answers.append(Answer(_CONSTRAINTS, service.name, "constraints", meaning, None, reason=_reason(error)))
            known = {answer.question for answer in answers if answer.service == service.name}
            missing = [query for query in _QUESTIONS[service.name].values() if query.name not in known]
            answers += [_unanswered(service.name, query, _reason(error)) for query in missing]
    for link, found in data_links.follow_links(project, statement_timeout_s=statement_timeout_s):
        answers.append(
            Answer(_LINKS, link.service, link.name, link.meaning, None, reason=_reason(found))
            if not isinstance(found, data_links.Orphans)
            else Answer(_LINKS, link.service, link.name, link.meaning, found.count, found.examples)
        )
    return answers


def summed(answers: Sequence[Answer], thresholds: Sequence[Threshold] = ()) -> list[CheckResult]:
    """One result a check. What could not be asked hides nothing that was found, and is no good answer."""
    results: list[CheckResult] = []
    for rule in RULES.values():
        own = [answer for answer in answers if answer.check == rule.name]
        unsaid = next((answer.reason for answer in own if answer.count is None), None)
        rows: list[Row] = [(_told(answer), float(answer.count), None) for answer in own if answer.count is not None]
        result = judge(rule, rows, thresholds)
        results.append(skipped(rule, unsaid) if unsaid is not None and not result.findings else result)
    return results


def _told(answer: Answer) -> str:
    said = f"{answer.service}: {answer.meaning}"
    return f"{said} Such as {'; '.join(answer.examples[:2])}" if answer.examples else said


def _ask(conn: Connection, service: str, query: Query) -> Answer:
    """A question that fails spoils no other: it has a savepoint of its own."""
    statement = f"SELECT w.object, w.detail, count(*) OVER () FROM ({query.sql}) AS w LIMIT {_EXAMPLES}"  # noqa: S608  ours
    try:
        with conn.transaction():
            rows = conn.execute(statement.encode()).fetchall()
    except psycopg.DatabaseError as error:
        if conn.broken:
            raise
        return _unanswered(service, query, _reason(error))
    examples = tuple(f"{thing}: {detail}" for thing, detail, _ in rows)
    return Answer(_check_of(query), service, query.name, query.description, rows[0][2] if rows else 0, examples)


def _constraint_answers(conn: Connection, service: vuelo.Service, *, every: bool) -> list[Answer]:
    with conn.cursor(row_factory=class_row(_Constraint)) as cursor:
        found = cursor.execute(_UNPROVEN.encode(), {"schema": service.schema, "every": every}).fetchall()
    answers: list[Answer] = []
    for constraint in found:
        name = f"{constraint.table_name}.{constraint.name}"
        meaning = f"Rows of {constraint.table_name} break {constraint.name}, and nothing says so."
        try:
            with conn.transaction():
                row = conn.execute(_broken_by(constraint)).fetchone()
        except psycopg.DatabaseError as error:
            if conn.broken:
                raise
            answers.append(Answer(_CONSTRAINTS, service.name, name, meaning, None, reason=_reason(error)))
        else:
            assert row is not None
            answers.append(Answer(_CONSTRAINTS, service.name, name, meaning, row[0]))
    return answers


def _broken_by(constraint: _Constraint) -> bytes:
    """How many rows break it. Names and conditions are the catalog's own, and quoted there."""
    if constraint.kind == "c":  # one that is neither true nor false holds
        condition = f"NOT ({constraint.condition})"
    elif constraint.kind == "n":
        condition = f"t.{constraint.columns[0]} IS NULL"
    else:
        pairs = list(zip(constraint.columns, constraint.other_columns, strict=True))
        same = " AND ".join(f"o.{other} = t.{one}" for one, other in pairs)
        present = " AND ".join(f"t.{one} IS NOT NULL" for one, _ in pairs)
        condition = f"{present} AND NOT EXISTS (SELECT FROM {constraint.other_table} AS o WHERE {same})"
    return f"SELECT count(*) FROM {constraint.table_name} AS t WHERE {condition}".encode()  # noqa: S608  the catalog's


def _check_of(query: Query) -> str:
    return f"data_{query.name.partition('_')[0]}"


def _unanswered(service: str, query: Query, reason: str) -> Answer:
    return Answer(_check_of(query), service, query.name, query.description, None, reason=reason)


def _reason(error: psycopg.Error | GasolineraError) -> str:
    if isinstance(error, GasolineraError):  # keys that repeat: their unique index is damaged
        return f"failed {error.code}"
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "privilege"
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        return "timeout"
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return "not_migrated"
    if error.sqlstate is None:
        return "unreachable"
    return f"failed {error.sqlstate}"
