"""Wait until the databases of a project answer, and, if wanted, until nothing is pending in them."""

from time import monotonic

from vuelo import executor
from vuelo.errors import VueloError
from vuelo.project import Project, Service
from vuelo.run import reachable, side_by_side
from vuelo.session import Run, connected

_PAUSE_S = (0.1, 5.0)


def wait(project: Project, *, timeout_s: float = 60, migrated: bool = False) -> dict[str, float]:
    """Seconds by service. Raises VueloError `wait.timeout` with the last reason; at once what no time can heal."""
    patient = project.changed(connect_retries=0)  # the pauses are ours
    deadline = monotonic() + timeout_s
    with reachable(patient) as reached:
        return side_by_side(
            reached.services, Run(), lambda service, run: _wait(service, run, deadline, timeout_s, migrated=migrated)
        )


def _wait(service: Service, run: Run, deadline: float, timeout_s: float, *, migrated: bool) -> float:
    started = monotonic()
    pause_s = _PAUSE_S[0]
    while True:
        reason = _reason_to_wait(service, run, migrated=migrated)
        now = monotonic()
        if reason is None:
            return now - started
        if now >= deadline:
            raise VueloError("wait.timeout", f"gave up after {timeout_s:g} s: {reason}")
        if run.stop.wait(min(pause_s, deadline - now)):
            raise VueloError("interrupted", "stopped while waiting")
        pause_s = min(pause_s * 2, _PAUSE_S[1])


def _reason_to_wait(service: Service, run: Run, *, migrated: bool) -> str | None:
    try:
        if not migrated:
            with connected(service, run, as_role=False) as conn:
                conn.execute("SELECT 1")
            return None
        pending = executor.inspect(service, run).pending
    except VueloError as error:
        if error.code != "connect.failed":
            raise
        return error.message
    return f"{service.name} is not up to date, pending: {len(pending)}" if pending else None
