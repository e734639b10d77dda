"""Is the schema what this version of the code expects? Asked by the health route, answered by vuelo's own plan."""

import time
from collections.abc import Sequence
from threading import Lock

import vuelo
from gasolinera.config import Settings
from gasolinera.schemas import load_project

_GOOD_FOR_S = 5.0
_lock = Lock()
_good_until: dict[int, float] = {}


def pending_migrations(settings: Settings, services: Sequence[str]) -> list[str]:
    """Migrations of these services that wait (`service script`) and problems (`service code`); none means ready.

    A good answer is kept for five seconds, so that probes cost nothing; a bad one is asked again each time.
    Blocks: run it in a thread. Raises VueloError or psycopg.Error when the database cannot be asked.
    """
    key = hash((settings, *services))
    with _lock:
        if time.monotonic() < _good_until.get(key, 0.0):
            return []
        pending = _ask(settings, services)
        if not pending:
            _good_until[key] = time.monotonic() + _GOOD_FOR_S
        return pending


def _ask(settings: Settings, services: Sequence[str]) -> list[str]:
    urls = {service: settings.service_url(service) for service in services}
    plans = vuelo.info(load_project(settings.environment, urls).only(list(urls)))
    waiting = [f"{service} {script.script}" for service, plan in plans.items() for script in plan.pending]
    problems = [f"{service} {p.code}" for service, plan in plans.items() for p in plan.problems if p.blocks]
    return waiting + problems
