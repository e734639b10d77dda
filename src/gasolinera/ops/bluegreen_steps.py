"""What each step of a guided deployment does, and what has to be so before and after it."""

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import httpx
import msgspec
import psycopg

import vuelo
from gasolinera.errors import ConflictError, ForbiddenError, UnavailableError
from gasolinera.ops.bluegreen import SQL, Deployment, Outcome, Perform, Step, applied_since, problems_of
from gasolinera.ops.live import PRIVILEGE, place_session, places_of, sees_others
from gasolinera.ops.reaching import Operations
from vuelo.naming import Version
from vuelo.settings import Phase

_READY_PATH: Final = "/health/ready"
_READY_TIMEOUT_S: Final = 30.0
_SWITCH_TIMEOUT_S: Final = 600
_MOST_SAID: Final = 500
_MOST_SESSIONS: Final = 5

_IS_RED: Final = "a check is red: {}; see `gasolinera ops check`"


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What the steps are done with. `red_checks`: names of the checks that are critical now; `verify`: what failed of
    the journeys, none when all went well. `switch_command` directs traffic to the new release; without one somebody
    has to, and says with `is_switched` that he has. `with_drift`: compare the schemas with their migrations first.
    """

    red_checks: Callable[[], Sequence[str]]
    verify: Callable[[str], Sequence[str]]
    switch_command: str | None = None
    is_switched: bool = False
    with_drift: bool = True


def steps_with(operations: Operations, means: Means) -> dict[Step, Perform]:
    return {
        Step.EXPAND: lambda deployment: _expand(operations, means, deployment),
        Step.SWITCH: lambda deployment: _switch(means, deployment),
        Step.VERIFY: lambda deployment: _verify(means, deployment),
        Step.CONTRACT: lambda deployment: _contract(operations, means, deployment),
    }


def _expand(operations: Operations, means: Means, _deployment: Deployment) -> Outcome:
    refused = _red(operations, means)
    if means.with_drift and not refused:
        refused = _drifted(operations)
    if refused:
        return Outcome(refused=refused)
    did = _migrate(operations.project)
    plans = vuelo.info(operations.project)
    kept = [f"kept back for the contract step: {name} {one.script}" for name, p in plans.items() for one in p.kept_back]
    left = [f"{name} {one.script} is still pending" for name, plan in plans.items() for one in plan.pending]
    hint = "the old and the new release both work with these schemas: start the new one, with GASOLINERA_RELEASE set"
    return Outcome((*did, *kept, hint), (*left, *problems_of(plans)))


def _switch(means: Means, deployment: Deployment) -> Outcome:
    refused = _not_ready(deployment)
    if refused:
        return Outcome(refused=refused)
    if means.switch_command is None:
        if not means.is_switched:
            how = f"direct traffic to {deployment.url}, then run this again with --switched; or give --switch-command"
            return Outcome(refused=(how,))
        did = ("traffic was directed to the new release by hand",)
    else:
        did = (f"ran {shlex.split(means.switch_command)[0]}",)
        refused = run_switch(means.switch_command, release=deployment.release, url=deployment.url)
    return Outcome(did, refused or _not_ready(deployment))


def run_switch(command: str, *, release: str, url: str) -> tuple[str, ...]:
    """Without a shell. What it says goes to the record when it fails; it may be run again, and must bear that."""
    environ = {**os.environ, "GASOLINERA_RELEASE": release, "GASOLINERA_RELEASE_URL": url}
    try:
        done = subprocess.run(  # the command is the operator's own
            shlex.split(command), env=environ, capture_output=True, timeout=_SWITCH_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return (f"the command to switch took longer than {_SWITCH_TIMEOUT_S} s: see where traffic goes",)
    except OSError as error:
        return (f"the command to switch cannot be run: {error.strerror}",)
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[-_MOST_SAID:]
        return (f"the command to switch ended with {done.returncode}: {said or 'it said nothing'}",)
    return ()


def _verify(means: Means, deployment: Deployment) -> Outcome:
    failed = tuple(means.verify(deployment.url))
    return Outcome(("every journey went well",) if not failed else (), failed)


def _contract(operations: Operations, means: Means, deployment: Deployment) -> Outcome:
    plans = vuelo.info(operations.project)
    kept = [f"{name} {one.script}" for name, plan in plans.items() for one in plan.kept_back]
    if not kept:
        return Outcome(("there is nothing to contract",), problems_of(plans))
    refused = (
        *_not_ready(deployment),
        *_red(operations, means),
        *_sessions_of_others(operations, deployment.release),
        *_closed_windows(operations, {name for name, plan in plans.items() if plan.kept_back}),
    )
    if refused:
        return Outcome(refused=refused)
    did = _migrate(operations.project.changed(phase=Phase.CONTRACT))
    return Outcome(did, (*problems_of(vuelo.info(operations.project)), *_not_ready(deployment)))


def aborting(
    operations: Operations,
    *,
    undo: bool,
    switch_command: str | None,
    back_up: Callable[[Sequence[str]], str] | None,
) -> Perform:
    """Traffic goes back by `switch_command`, where it went to the new release; with `undo` the migrations of this
    deployment are taken back, which loses what was written into what they made. `back_up` is given the services that
    this is of before, and gives the backup's label; what it raises leaves them as they are.
    """

    def perform(deployment: Deployment) -> Outcome:
        did: list[str] = []
        if deployment.has_begun(Step.SWITCH):
            if switch_command is None:
                did.append("traffic may go to the new release: direct it to the old one")
            else:
                refused = run_switch(switch_command, release="", url="")
                if refused:
                    return Outcome(refused=refused)
                did.append("traffic was directed back")
        targets = {} if not deployment.has_begun(Step.EXPAND) else _since(operations, deployment)
        if not targets:
            return Outcome((*did, "no migration was applied"))
        named = ", ".join(f"{service} from {version} on" for service, version in targets.items())
        if not undo:
            return Outcome((*did, f"the migrations stay, and the old release works with them: {named}"))
        refused = _sessions_of(operations, deployment.release)
        if refused:
            return Outcome(tuple(did), refused)
        if back_up is None:
            did.append("no backup was made of what was lost")
        else:
            did.append(f"backed up before: {back_up(sorted(targets))}")
        for service, version in targets.items():
            vuelo.undo(operations.project.only([service]), steps=None, target=version)
        return Outcome((*did, f"the migrations were taken back: {named}"))

    return perform


def _since(operations: Operations, deployment: Deployment) -> dict[str, Version]:
    """The lowest version of each service that this deployment has applied.

    Raises ConflictError `ops.out_of_order` where taking it back would take back what was there before.
    """
    found: dict[str, Version] = {}
    for name, plan in vuelo.info(operations.project).items():
        before = deployment.versions_before.get(name)
        versions = [entry.row.version for entry in applied_since(plan, before) if entry.row and entry.row.version]
        if not versions:
            continue
        found[name] = min(versions)
        if before is not None and before.version is not None and found[name] < Version.parse(before.version):
            sentence = f"{name} {found[name]} was applied out of order, below {before.version}"
            raise ConflictError("ops.out_of_order", sentence, "take it back by hand: see `vuelo undo`")
    return found


def _migrate(project: vuelo.Project) -> tuple[str, ...]:
    """Raises RunFailedError; what was applied until then stands, and the next try goes on."""
    results = vuelo.migrate(project)
    return tuple(f"applied {one.service} {step.script}" for one in results for step in one.steps) or (
        "nothing was pending",
    )


def _red(operations: Operations, means: Means) -> tuple[str, ...]:
    problems = problems_of(vuelo.info(operations.project))
    return (*problems, *(_IS_RED.format(name) for name in means.red_checks()))


def _drifted(operations: Operations) -> tuple[str, ...]:
    return tuple(
        f"{found.service} is not what its migrations make: {len(found.differences)} differences; see `vuelo drift`"
        for found in vuelo.drift(operations.project)
        if found.differences
    )


def _not_ready(deployment: Deployment) -> tuple[str, ...]:
    url = deployment.url.rstrip("/") + _READY_PATH
    try:
        response = httpx.get(url, timeout=_READY_TIMEOUT_S, trust_env=False)
    except httpx.HTTPError as error:
        return (f"the new release does not answer at {url}: {type(error).__name__}; start it, then try again",)
    if not response.is_success:
        return (f"the new release is not ready: {url} answers {response.status_code}",)
    return ()


def _closed_windows(operations: Operations, services: set[str]) -> tuple[str, ...]:
    """Before anything runs: a window that is closed for one service must not leave the others contracted alone."""
    from vuelo import window  # noqa: PLC0415  what parses windows is not needed by any other step

    now = datetime.now(UTC)
    found: list[str] = []
    for service in operations.project.services:
        said = service.settings.maintenance_window
        if service.name in services and said is not None and not window.parsed(said).contains(now):
            opens = window.parsed(said).next_start(now)
            found.append(f"the maintenance window of {service.name} is closed: it opens {opens:%Y-%m-%d %H:%M %Z}")
    return tuple(found)


def _sessions_of_others(operations: Operations, release: str) -> tuple[str, ...]:
    """Processes of ours that do not say they are of this release: what contracts would break them."""
    found = [one for one in _sessions(operations) if one.release != release]
    return _told(found, f"sessions of another release than {release} are connected", "stop its processes")


def _sessions_of(operations: Operations, release: str) -> tuple[str, ...]:
    found = [one for one in _sessions(operations) if one.release == release]
    return _told(found, f"sessions of {release} are connected, which needs what would be undone", "stop its processes")


class _Session(msgspec.Struct, frozen=True):
    place: str
    pid: int
    application: str

    @property
    def release(self) -> str | None:
        return self.application.partition("@")[2] or None


def _sessions(operations: Operations) -> list[_Session]:
    """Raises UnavailableError, and ForbiddenError where others' sessions are hidden: nobody may guess here."""
    found: list[_Session] = []
    for place in places_of(operations):
        try:
            with place_session(place) as conn:
                if not sees_others(conn):
                    hint = "GRANT pg_monitor to the role of the operations' address"
                    raise ForbiddenError(f"ops.{PRIVILEGE}", f"the sessions of {place.name} are hidden from us", hint)
                rows = conn.execute(SQL["services_sessions"].sql.encode()).fetchall()
        except psycopg.OperationalError as error:
            raise UnavailableError("database.unavailable", f"{place.name} cannot be reached", "try again") from error
        found += [_Session(place.name, row[0], row[1]) for row in rows]
    return found


def _told(sessions: Sequence[_Session], what: str, todo: str) -> tuple[str, ...]:
    if not sessions:
        return ()
    some = ", ".join(f"{one.application} (pid {one.pid})" for one in sessions[:_MOST_SESSIONS])
    more = f" and {len(sessions) - _MOST_SESSIONS} more" if len(sessions) > _MOST_SESSIONS else ""
    return (f"{what}: {some}{more}; {todo}",)
