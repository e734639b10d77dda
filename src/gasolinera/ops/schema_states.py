"""Where the six schemas stand: what was applied to each, what waits, what is wrong; and what was changed by hand."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import psycopg

import vuelo
from gasolinera.config import Settings, schema_of
from gasolinera.schemas import load_project
from vuelo import VueloError
from vuelo.schema.snapshot import Difference

_COMPARING_WITHIN_S: Final = 180


class SchemaState(msgspec.Struct, frozen=True):
    """Of one service. `reason`: why nothing could be read."""

    service: str
    schema: str
    version: str | None = None
    applied: int = 0
    pending: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def is_good(self) -> bool:
        return not (self.pending or self.problems or self.reason)


class Drifted(msgspec.Struct, frozen=True):
    """`how`: added, missing or changed, against what the migrations make."""

    object: str
    how: str


class SchemaDrift(msgspec.Struct, frozen=True):
    """What one schema is otherwise than its migrations make it."""

    service: str
    version: str | None
    differences: tuple[Drifted, ...]
    notes: tuple[str, ...]


class Comparison(msgspec.Struct, frozen=True):
    """The newest comparison of this process. Nothing at all: nobody has asked for one."""

    is_running: bool = False
    at: datetime | None = None
    took_s: float = 0.0
    found: tuple[SchemaDrift, ...] = ()
    failed: str | None = None


def schema_states(settings: Settings, services: Sequence[str]) -> list[SchemaState]:
    """By the plan of `vuelo info`, as the services' own roles: reading the history needs no more. Blocks."""
    return [_state(settings, service) for service in services]


def _state(settings: Settings, service: str) -> SchemaState:
    schema = schema_of(service)
    try:
        project = load_project(settings.environment, {service: settings.service_url(service)}).only([service])
        plan = vuelo.info(project)[service]
    except (VueloError, psycopg.Error) as error:
        return SchemaState(service, schema, reason=error.code if isinstance(error, VueloError) else "database")
    version = plan.current_version
    return SchemaState(
        service,
        schema,
        version=None if version is None else str(version),
        applied=sum(entry.row is not None for entry in plan.entries),
        pending=tuple(script.script for script in (*plan.pending, *plan.kept_back)),
        problems=tuple(f"{problem.code}: {problem.message}" for problem in plan.problems if problem.blocks),
    )


class Comparer:
    """Compares the schemas with what their migrations build in a scratch database: one at a time, in the background.

    Building takes seconds, and a server of its own; nothing of the live databases is changed or locked.
    """

    def __init__(self) -> None:
        self.latest = Comparison()
        self._task: asyncio.Task[None] | None = None

    def begin(self, settings: Settings, services: Sequence[str]) -> None:
        """Nothing, while one is under way."""
        if self._task is None or self._task.done():
            self.latest = msgspec.structs.replace(self.latest, is_running=True)
            self._task = asyncio.create_task(self._compare(settings, tuple(services)))

    async def _compare(self, settings: Settings, services: Sequence[str]) -> None:
        began = time.monotonic()
        found: list[SchemaDrift] = []
        failed: str | None = None
        try:
            async with asyncio.timeout(_COMPARING_WITHIN_S):
                found = await asyncio.to_thread(compare_schemas, settings, services)
        except TimeoutError:
            failed = "timeout"
        except VueloError as error:
            failed = error.code
        except Exception as error:
            failed = type(error).__name__
        self.latest = Comparison(
            at=datetime.now(UTC), took_s=time.monotonic() - began, found=tuple(found), failed=failed
        )


def compare_schemas(settings: Settings, services: Sequence[str]) -> list[SchemaDrift]:
    """By `vuelo drift`. Blocks for seconds. Raises VueloError."""
    urls = {service: settings.service_url(service) for service in services}
    project = load_project(settings.environment, urls).only(list(urls))
    return [_drift_of(one) for one in vuelo.drift(project)]


def _drift_of(found: vuelo.Drift) -> SchemaDrift:
    differences = tuple(Drifted(each.object, _how(each)) for each in found.differences)
    return SchemaDrift(found.service, found.version, differences, found.notes)


def _how(difference: Difference) -> str:
    if difference.before is None:
        return "added"
    return "missing" if difference.after is None else "changed"
