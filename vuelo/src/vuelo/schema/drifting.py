"""The live schema against the one that its migrations build: what somebody has changed by hand."""

from dataclasses import dataclass, replace

from vuelo.executor import inspect
from vuelo.history import Connection
from vuelo.migration import RowType
from vuelo.plan import Plan
from vuelo.project import Project, Service
from vuelo.run import migrate, reachable, side_by_side
from vuelo.schema import scratch, snapshot
from vuelo.schema.definitions import Definition
from vuelo.schema.definitions import read as read_definitions
from vuelo.schema.remedy import remedy
from vuelo.schema.snapshot import Difference, Snapshot
from vuelo.session import Run, connected
from vuelo.states import IS_FUTURE, IS_MISSING, State

_STANDING = (State.SUCCESS, State.OUT_OF_ORDER, State.OUTDATED, State.BELOW_BASELINE, State.BASELINE_IGNORED)


@dataclass(frozen=True)
class Drift:
    """Of one service. `before` of a difference is what the migrations build, `after` what is there."""

    service: str
    version: str | None
    differences: tuple[Difference, ...]
    sql: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Side:
    snapshot: Snapshot
    definitions: list[Definition]


def drift(project: Project, scratch_url: str | None = None) -> list[Drift]:
    """Every service's database, as it is, against its files up to what its history says has been applied.

    Reads the live databases' catalogs and histories alone. Raises VueloError `connect.*`, `scratch.*`, RunFailedError.
    """
    with reachable(project) as reached:
        plans = side_by_side(reached.services, Run(), inspect)
        lives = side_by_side(reached.services, Run(), _look)
    applied = {name: _applied(plan) for name, plan in plans.items()}
    with scratch.opened(project, scratch_url) as opened:
        building = [_as_far(one, plans[one.name], applied[one.name]) for one in opened.services if applied[one.name]]
        if building:
            migrate(replace(opened, services=tuple(building)))
        built = side_by_side(opened.services, Run(), _look)
    return [_compared(name, plans[name], built[name], lives[name]) for name in plans]


def _look(service: Service, run: Run) -> _Side:
    with connected(service, run, as_role=False) as conn:
        return _side(conn, service)


def _side(conn: Connection, service: Service) -> _Side:
    own = snapshot.own_tables(service)
    return _Side(snapshot.of_service(conn, service), read_definitions(conn, service.schema, left_out=own))


def _applied(plan: Plan) -> tuple[str, ...]:
    """What stands, as `cherry_pick` names it: versions in the order in which they came, then repeatables."""
    scripts = [entry.script for entry in plan.entries if entry.script and entry.state in _STANDING]
    versions = [script.version.text for script in scripts if script.version]
    return tuple(dict.fromkeys([*versions, *(script.description for script in scripts if script.version is None)]))


def _as_far(service: Service, plan: Plan, applied: tuple[str, ...]) -> Service:
    settings = replace(service.settings, out_of_order=True, baseline_on_migrate=False)
    if any(entry.row and entry.row.type == RowType.SQL_BASELINE for entry in plan.entries):
        return replace(service, settings=replace(settings, target=str(plan.current_version)))
    return replace(service, settings=replace(settings, cherry_pick=applied))


def _compared(name: str, plan: Plan, built: _Side, live: _Side) -> Drift:
    found = snapshot.differences(built.snapshot, live.snapshot)
    if not built.snapshot and all(one.object.startswith(("schema ", "grant on schema ")) for one in found):
        found = []  # nothing was applied, and the schema is there all the same
    version = plan.current_version
    sql = remedy(built.definitions, live.definitions, found) if found else []
    return Drift(name, version and str(version), tuple(found), tuple(sql), tuple(_notes(plan)))


def _notes(plan: Plan) -> list[str]:
    notes: list[str] = []
    for entry in plan.entries:
        if entry.row and (entry.state in IS_MISSING or entry.state in IS_FUTURE):
            notes.append(f"{entry.row.script} was applied and has no file: what it made counts as drift")
        elif entry.row and entry.state is State.OUTDATED:
            notes.append(f"{entry.row.script} has changed since it was applied: what that changes counts as drift")
        elif entry.row and entry.state is State.FAILED:
            notes.append(f"{entry.row.script} failed: what it left counts as drift")
    return notes
