"""Checks of what is the platform's own: migrations, events, jobs, backups."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

import vuelo
from gasolinera.database import load_queries
from gasolinera.job_reports import JobRun
from gasolinera.jobs import Job
from gasolinera.ops.checking import CheckResult, Group, Row, Rule, Threshold, judge, skipped
from gasolinera.ops.checking_questions import ask
from gasolinera.ops.checking_rules import BY_NAME
from gasolinera.ops.operations_schema import operations_project
from gasolinera.ops.schedules import lines_of

Connection = psycopg.Connection[Any]

_SQL: Final = load_queries("gasolinera.ops", "checks_platform.sql")
_WAITING: Final = {
    "outbox_lag": ("outbox_events", "published_at"),
    "inbox_lag": ("inbox_events", "settled_at"),
    "dead_letters": ("dead_letters", "replayed_at"),
}
_UNDONE: Final = "SELECT {name} AS object, {amount} AS amount, NULL::text AS why FROM {table} WHERE {done_at} IS NULL"
_NUMBER: Final = "count(*)::double precision"
_OLDEST: Final = "coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::double precision"


def event_results(
    conn: Connection, schemas: Sequence[str], rules: Sequence[Rule], limits: Sequence[Threshold]
) -> list[CheckResult]:
    """How far the events of the schemas in this database are behind: one statement a check."""
    found: list[CheckResult] = []
    for rule in rules:
        if rule.group is Group.EVENTS:
            table, done_at = _WAITING[rule.name]
            known = _with_table(conn, schemas, table)
            if known:
                found.append(_judged(conn, rule, _waiting(known, table, done_at, rule), limits))
    return found


def _with_table(conn: Connection, schemas: Sequence[str], table: str) -> list[str]:
    statement = b"SELECT s FROM unnest(%s::text[]) AS s WHERE to_regclass(format('%%I.%%I', s, %s::text)) IS NOT NULL"
    return [name for (name,) in conn.execute(statement, (list(schemas), table)).fetchall()]


def _waiting(schemas: Sequence[str], table: str, done_at: str, rule: Rule) -> sql.Composed:
    amount = _NUMBER if rule.name == "dead_letters" else _OLDEST
    parts = [
        sql.SQL(_UNDONE).format(
            name=sql.Literal(schema),
            amount=sql.SQL(amount),
            table=sql.Identifier(schema, table),
            done_at=sql.Identifier(done_at),
        )
        for schema in schemas
    ]
    return sql.SQL(" UNION ALL ").join(parts)


def kept_results(
    conn: Connection, services: Sequence[str], jobs: Sequence[Job], rules: Sequence[Rule], limits: Sequence[Threshold]
) -> list[CheckResult]:
    """What `ops_schema` knows of backups and of jobs' fates. `conn` is a session in the database that has it; `jobs`
    have schedules that hold here.
    """
    found: list[CheckResult] = []
    for rule in rules:
        table = "procrastinate_jobs" if rule.group is Group.JOBS else "backups"
        if not _with_table(conn, ["ops_schema"], table):
            found.append(skipped(rule, "not_installed"))
        elif rule.name == "late_jobs":
            found.append(_late_jobs(conn, rule, jobs, limits))
        else:
            found.append(_judged(conn, rule, _SQL[rule.name].sql.encode(), limits, {"services": list(services)}))
    return found


def _late_jobs(conn: Connection, rule: Rule, jobs: Sequence[Job], limits: Sequence[Threshold]) -> CheckResult:
    since = ask(conn, rule, _SQL["jobs_since"].sql.encode())
    if isinstance(since, CheckResult):
        return since
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_SQL["latest_runs"].sql.encode()).fetchall()
    began, now = since[0]
    runs = [msgspec.convert(row, JobRun) for row in rows]
    lines = lines_of(jobs, {job.name: True for job in jobs}, runs, since=began or now, now=now)
    return judge(rule, [(line.name, line.late_s or 0.0, None) for line in lines], limits)


def migration_results(
    project: vuelo.Project, ops_url: str, rules: Sequence[Rule], limits: Sequence[Threshold]
) -> list[CheckResult]:
    """Of the services, and of operations' own schema: what waits, and what is wrong with the history."""
    wanted = {rule.name: rule for rule in rules if rule.name in ("migrations", "migration_problems")}
    if not wanted:
        return []
    rows: dict[str, list[Row]] = {"migrations": [], "migration_problems": []}
    reasons: list[str] = []
    for one in (project, operations_project(ops_url)):
        try:
            plans = vuelo.info(one)
        except (vuelo.VueloError, psycopg.Error) as error:
            reasons.append(error.code if isinstance(error, vuelo.VueloError) else "database")
            continue
        for name, plan in plans.items():
            rows["migrations"].append((name, float(len(plan.pending)), None))
            blocking = [problem for problem in plan.problems if problem.blocks]
            what = f"{name}: {blocking[0].code}" if blocking else name
            rows["migration_problems"].append((what, float(len(blocking)), None))
    if reasons:
        return [skipped(rule, f"failed {reasons[0]}") for rule in wanted.values()]
    return [judge(rule, rows[name], limits) for name, rule in wanted.items()]


def drift_result(project: vuelo.Project, limits: Sequence[Threshold]) -> CheckResult:
    """How the schemas differ from what their migrations make. Builds them in a scratch database: takes seconds."""
    rule = BY_NAME["drift"]
    try:
        found = vuelo.drift(project)
    except (vuelo.VueloError, psycopg.Error) as error:
        return skipped(rule, f"failed {error.code}" if isinstance(error, vuelo.VueloError) else "failed")
    rows: list[Row] = []
    for one in found:
        first = f": {one.differences[0].object}" if one.differences else ""
        rows.append((f"{one.service}{first}", float(len(one.differences)), None))
    return judge(rule, rows, limits)


def _judged(
    conn: Connection,
    rule: Rule,
    statement: bytes | sql.Composed,
    limits: Sequence[Threshold],
    values: Mapping[str, object] | None = None,
) -> CheckResult:
    rows = ask(conn, rule, statement, values)
    return rows if isinstance(rows, CheckResult) else judge(rule, [(one[0], one[1], one[2]) for one in rows], limits)
